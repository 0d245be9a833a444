/* main - creates the parts bottom-up, wires them, runs the loop, destroys them top-down.
 *
 * The only file that knows everybody. The three wings do not know each other: what one must tell
 * another goes through the database, and the hints below, which only save time, are wired here.
 */
#include "admin/server.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/dns.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/notify.h"
#include "base/strbuf.h"
#include "db/store_thread.h"
#include "deliver/dispatcher.h"
#include "detect/poller.h"
#include "janitor.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	EXIT_DONE = 0,
	EXIT_RESTART_MAY_CURE = 1,
	EXIT_RESTART_CANNOT_CURE = 2,

	WHY_MAX_BYTES = 4096,
	MISTAKES_MAX_BYTES = 256 * 1024,
	/* Beyond drain_timeout: for outcomes to be stored and the last replies to be written. */
	STOP_SLACK_MS = 5000,

	DNS_TIMEOUT_MS = 10000,
	DNS_CACHE_NAMES = 16384,
	DNS_TTL_MAX_S = 300,
	DNS_NEGATIVE_TTL_S = 10,
};

struct daemon {
	const char *config_path;
	struct config *config;
	char *upstream_key; /* NULL: none */
	int64_t started_at_ms;
	int exit_status;
	bool stopping;

	struct loop *loop;
	struct store_thread *store;
	struct dns *dns;
	struct poller *poller;
	struct dispatcher *dispatcher;
	struct admin_server *admin;
	struct janitor *janitor;
	struct loop_signal *on_sigterm, *on_sigint, *on_sighup;
	struct loop_timer *stop_deadline;
};

/* ---- hints between the wings ---- */

static void on_enqueued(void *arg)
{
	struct daemon *daemon = arg;
	dispatcher_wake(daemon->dispatcher);
	admin_server_poke(daemon->admin);
}

static void on_settled(void *arg)
{
	struct daemon *daemon = arg;
	admin_server_poke(daemon->admin);
}

static void on_watched_changed(void *arg)
{
	struct daemon *daemon = arg;
	poller_wake(daemon->poller);
}

static void on_endpoints_changed(void *arg)
{
	struct daemon *daemon = arg;
	dispatcher_endpoints_changed(daemon->dispatcher);
}

static void collect_status(void *arg, struct service_status *ret_status)
{
	struct daemon *daemon = arg;
	*ret_status = (struct service_status){
		.started_at_ms = daemon->started_at_ms,
		.store_degraded = store_thread_is_degraded(daemon->store),
		.stopping = daemon->stopping,
	};
	poller_status(daemon->poller, &ret_status->poll);
	dispatcher_status(daemon->dispatcher, &ret_status->dispatch);
}

/* ---- stopping ---- */

static void on_drained(void *arg)
{
	struct daemon *daemon = arg;
	loop_stop(daemon->loop);
}

static void on_stop_deadline(void *arg)
{
	struct daemon *daemon = arg;
	log_warning("stopped before everything in flight was stored");
	loop_stop(daemon->loop);
}

static void on_stop_signal(void *arg)
{
	struct daemon *daemon = arg;
	if (daemon->stopping) {
		log_warning("second signal: stopping at once");
		loop_stop(daemon->loop);
		return;
	}
	daemon->stopping = true;
	log_notice("stopping",
		   LOG_INT("drain_timeout_ms", daemon->config->delivery.drain_timeout_ms));
	notify_send("STOPPING=1\nSTATUS=finishing attempts in flight");
	poller_stop(daemon->poller);
	janitor_stop(daemon->janitor);
	dispatcher_stop(daemon->dispatcher);
	loop_timer_set(daemon->stop_deadline,
		       daemon->config->delivery.drain_timeout_ms + STOP_SLACK_MS);
}

static void on_store_fatal(void *arg, int error, const char *what)
{
	struct daemon *daemon = arg;
	bool damaged = error == -EBADMSG;
	log_error("the database failed; nothing more is written", LOG_TEXT("what", what),
		  LOG_ERRNO(error));
	daemon->exit_status = damaged ? EXIT_RESTART_CANNOT_CURE : EXIT_RESTART_MAY_CURE;
	loop_stop(daemon->loop);
}

/* ---- configuration ---- */

static void wipe_key(char **key)
{
	if (*key)
		crypto_wipe(*key, strlen(*key));
	free(*key);
	*key = NULL;
}

/* Every mistake is a line of its own, as the operator reads the file. */
static void log_mistakes(const struct strbuf *mistakes)
{
	for (const char *line = mistakes->data; *line;) {
		size_t length = strcspn(line, "\n");
		char text[WHY_MAX_BYTES];
		(void)snprintf(text, sizeof(text), "%.*s", (int)length, line);
		log_error("configuration mistake", LOG_TEXT("at", text));
		line += length + (line[length] == '\n');
	}
}

/* A key that was named and cannot be read is a mistake; no key at all is not: the poller then says
 * what to do. */
static int load_upstream_key(const struct config *config, char **ret_key)
{
	int error = config_read_upstream_key(config, ret_key);
	if (error == -ENOENT && !config->upstream.api_key_file) {
		*ret_key = NULL;
		return 0;
	}
	return error;
}

static void on_reload_signal(void *arg)
{
	struct daemon *daemon = arg;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());

	struct strbuf mistakes, needs_restart, why;
	strbuf_init(&mistakes, MISTAKES_MAX_BYTES);
	strbuf_init(&needs_restart, WHY_MAX_BYTES);
	strbuf_init(&why, WHY_MAX_BYTES);
	CLEANUP(config_cleanup) struct config *fresh = NULL;
	char *key = NULL;

	int error = config_load(daemon->config_path, &mistakes, &fresh);
	if (error < 0)
		log_mistakes(&mistakes);
	else if ((error = load_upstream_key(fresh, &key)) < 0)
		log_error("cannot read [upstream] api_key_file",
			  LOG_TEXT("path", fresh->upstream.api_key_file), LOG_ERRNO(error));

	if (error < 0) {
		log_error("reload refused; the configuration stays as it was");
	} else {
		config_apply_reload(daemon->config, fresh, &needs_restart);
		log_configure(daemon->config->log.level, daemon->config->log.format);
		wipe_key(&daemon->upstream_key);
		daemon->upstream_key = TAKE(key);
		poller_reload(daemon->poller, daemon->upstream_key);
		dispatcher_reload(daemon->dispatcher);
		error = admin_server_reload(daemon->admin, &why);
		if (error < 0)
			log_error("the admin keys stay as they were", LOG_TEXT("why", why.data));
		if (needs_restart.length > 0)
			log_warning("restart to take these over",
				    LOG_TEXT("keys", needs_restart.data));
		log_notice("configuration reloaded");
	}
	metrics_set(METRIC_CONFIG_RELOAD_OK, 0, error == 0);
	strbuf_finish(&mistakes);
	strbuf_finish(&needs_restart);
	strbuf_finish(&why);
	notify_send("READY=1");
}

/* ---- starting ---- */

/* Where one is closed, the next file that is opened, a lock or a key, would take its place and get
 * the log. */
static void occupy_standard_descriptors(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0) /* a bare chroot: this takes no writes, and is always there */
			fd = open("/", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void prepare_process(void)
{
	/* What the daemon makes is nobody else's, and a core would hold secrets. */
	umask(077);
	struct rlimit no_core = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &no_core);
	/* A limit on the size of files is a full disk, not the end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Nor may others who run as the same user look into its memory. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static bool restart_may_cure(int error)
{
	switch (error) {
	case -EBUSY:
	case -EBADMSG:
	case -EPROTO:
	case -ENOKEY:
	case -EKEYREJECTED:
	case -EROFS:
	case -EACCES:
	case -EPERM:
	case -ENOENT:
	case -ENOTDIR:
	case -EINVAL:
	case -EISDIR:
		return false;
	default:
		return true;
	}
}

static int start_failed(const char *message, const struct strbuf *why, int error)
{
	log_error(message, LOG_TEXT("why", why->data), LOG_ERRNO(error));
	return restart_may_cure(error) ? EXIT_RESTART_MAY_CURE : EXIT_RESTART_CANNOT_CURE;
}

/* Creates everything that can be refused. Returns EXIT_DONE or the status to exit with. */
static int open_daemon(struct daemon *daemon, struct strbuf *why)
{
	int error = load_upstream_key(daemon->config, &daemon->upstream_key);
	if (error < 0) {
		strbuf_addf(why, "%s cannot be used as a key file",
			    daemon->config->upstream.api_key_file);
		(void)start_failed("cannot read [upstream] api_key_file", why, error);
		return EXIT_RESTART_CANNOT_CURE;
	}
	error = store_thread_create(daemon->loop, daemon->config->store.path,
				    daemon->config->store.synchronous, on_store_fatal, daemon, why,
				    &daemon->store);
	if (error < 0)
		return start_failed("cannot open the database", why, error);

	const struct dns_options dns_options = {
		.timeout_ms = DNS_TIMEOUT_MS,
		.cache_entries = DNS_CACHE_NAMES,
		.ttl_max_s = DNS_TTL_MAX_S,
		.negative_ttl_s = DNS_NEGATIVE_TTL_S,
	};
	daemon->dns = dns_create(daemon->loop, &dns_options);
	daemon->dispatcher = dispatcher_create(
		daemon->loop, daemon->store, daemon->dns, daemon->config,
		&(struct dispatcher_hooks){
			.on_settled = on_settled, .on_drained = on_drained, .arg = daemon });
	daemon->poller =
		poller_create(daemon->loop, daemon->store, daemon->config, daemon->upstream_key,
			      &(struct poller_hooks){ .on_enqueued = on_enqueued, .arg = daemon });
	daemon->janitor = janitor_create(
		daemon->loop, daemon->store, daemon->config,
		&(struct janitor_hooks){ .on_enqueued = on_enqueued, .arg = daemon });
	daemon->stop_deadline = loop_timer_create(daemon->loop, on_stop_deadline, daemon);

	error = admin_server_create(
		daemon->loop, daemon->store, daemon->config,
		&(struct admin_hooks){ .status = collect_status,
				       .on_watched_changed = on_watched_changed,
				       .on_endpoints_changed = on_endpoints_changed,
				       .on_enqueued = on_enqueued,
				       .arg = daemon },
		why, &daemon->admin);
	if (error < 0)
		return start_failed("cannot open the admin API", why, error);
	return EXIT_DONE;
}

static void run_daemon(struct daemon *daemon)
{
	daemon->on_sigterm = loop_signal_create(daemon->loop, SIGTERM, on_stop_signal, daemon);
	daemon->on_sigint = loop_signal_create(daemon->loop, SIGINT, on_stop_signal, daemon);
	daemon->on_sighup = loop_signal_create(daemon->loop, SIGHUP, on_reload_signal, daemon);
	metrics_set(METRIC_CONFIG_RELOAD_OK, 0, 1);

	dispatcher_start(daemon->dispatcher);
	poller_start(daemon->poller);
	janitor_start(daemon->janitor);
	log_notice("admin api listening", LOG_TEXT("address", admin_server_address(daemon->admin)));
	notify_send("READY=1\nSTATUS=watching");
	loop_run(daemon->loop);
}

/* The store goes first: it runs what was submitted and calls back into services that are stopped,
 * but still there. */
static void close_daemon(struct daemon *daemon)
{
	if (daemon->admin)
		admin_server_stop(daemon->admin);
	store_thread_destroy(daemon->store);
	loop_signal_destroy(daemon->on_sighup);
	loop_signal_destroy(daemon->on_sigint);
	loop_signal_destroy(daemon->on_sigterm);
	admin_server_destroy(daemon->admin);
	loop_timer_destroy(daemon->stop_deadline);
	janitor_destroy(daemon->janitor);
	poller_destroy(daemon->poller);
	dispatcher_destroy(daemon->dispatcher);
	dns_destroy(daemon->dns);
	loop_destroy(daemon->loop);
	wipe_key(&daemon->upstream_key);
}

static int run(struct config *config, const char *config_path)
{
	prepare_process();
	log_set_journal(JOURNAL_SOCKET);
	log_configure(config->log.level, config->log.format);
	log_notice("starting", LOG_TEXT("version", GOLIVED_VERSION),
		   LOG_TEXT("database", config->store.path));

	struct daemon daemon = {
		.config_path = config_path,
		.config = config,
		.started_at_ms = clock_now_ms(),
		.loop = loop_create(),
	};
	struct strbuf why;
	strbuf_init(&why, WHY_MAX_BYTES);
	daemon.exit_status = open_daemon(&daemon, &why);
	strbuf_finish(&why);
	if (daemon.exit_status == EXIT_DONE)
		run_daemon(&daemon);
	close_daemon(&daemon);
	log_notice("stopped", LOG_INT("status", daemon.exit_status));
	return daemon.exit_status;
}

static int rekey(const struct config *config)
{
	prepare_process();
	struct strbuf why;
	strbuf_init(&why, WHY_MAX_BYTES);
	int error = store_rekey(config->store.path, &why);
	if (error < 0)
		(void)fprintf(stderr, "golived: %s\n", why.data);
	else
		(void)printf("%s is sealed with a new key; keep that with its backups\n",
			     config->store.path);
	strbuf_finish(&why);
	if (error == 0)
		return EXIT_DONE;
	return restart_may_cure(error) ? EXIT_RESTART_MAY_CURE : EXIT_RESTART_CANNOT_CURE;
}

static int load_and(enum options_action action, const char *config_path)
{
	struct strbuf mistakes;
	strbuf_init(&mistakes, MISTAKES_MAX_BYTES);
	CLEANUP(config_cleanup) struct config *config = NULL;
	int error = config_load(config_path, &mistakes, &config);
	(void)fputs(mistakes.data, stderr);
	strbuf_finish(&mistakes);
	if (error < 0)
		return EXIT_RESTART_CANNOT_CURE;
	if (action == OPTIONS_RUN)
		return run(config, config_path);
	if (action == OPTIONS_REKEY)
		return rekey(config);
	(void)puts("the configuration is good");
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options;
	occupy_standard_descriptors();
	if (options_parse(argc, argv, stderr, &options) < 0)
		return EXIT_RESTART_CANNOT_CURE;
	switch (options.action) {
	case OPTIONS_PRINT_VERSION:
		(void)puts("golived " GOLIVED_VERSION);
		return EXIT_DONE;
	case OPTIONS_PRINT_HELP:
		options_print_help(stdout);
		return EXIT_DONE;
	case OPTIONS_PRINT_CONFIG:
		config_print_reference(stdout);
		return EXIT_DONE;
	default:
		return load_and(options.action, options.config_path);
	}
}
