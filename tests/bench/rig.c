#include "rig.h"

#include "base/clock.h"
#include "base/memory.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/webhooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA="

void rig_must(bool is_done, const char *what)
{
	if (is_done)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

int64_t rig_cpu_us(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

double rig_memory_mb(int pid, const char *name)
{
	char path[64], line[256];
	long kilobytes = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "r");
	rig_must(file, "/proc cannot be read");
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			kilobytes = strtol(line + strlen(name) + 1, NULL, 10);
	}
	fclose(file);
	return (double)kilobytes / 1024;
}

static void on_fatal(void *arg, int error, const char *what)
{
	(void)arg;
	(void)error;
	rig_must(false, what);
}

/* As in config/golived.conf, but for what is measured. */
static void fill_config(struct config *config, unsigned in_flight, unsigned per_webhook)
{
	static const int64_t schedule_ms[] = { 0, 30000, 120000, 600000, 3600000, 21600000 };
	memcpy(config->delivery.schedule_ms, schedule_ms, sizeof(schedule_ms));
	config->delivery.schedule_steps = ARRAY_SIZE(schedule_ms);
	config->delivery.connect_timeout_ms = 10000;
	config->delivery.timeout_ms = 15000;
	config->delivery.concurrency = in_flight;
	config->delivery.concurrency_per_webhook = per_webhook;
	config->delivery.header_prefix = memory_text("X-Tiktool");
	config->delivery.retry_after_max_ms = 3600000;
	config->delivery.drain_timeout_ms = 100;
	config->delivery.allow_target_count = 1;
	rig_must(config_parse_cidr("127.0.0.0/8", &config->delivery.allow_targets[0]) == 0, "CIDR");
}

void rig_reopen(struct rig *rig)
{
	const struct dns_options options = { .timeout_ms = 1000,
					     .cache_entries = 1024,
					     .negative_ttl_s = 5,
					     .servers = rig->name_servers };
	struct strbuf why;

	rig->loop = loop_create();
	rig->dns = dns_create(rig->loop, &options);
	strbuf_init(&why, 1024);
	rig_must(store_thread_create(rig->loop, rig->path, SYNCHRONOUS_FULL, on_fatal, NULL, &why,
				     &rig->store) == 0,
		 why.data);
	strbuf_finish(&why);
}

void rig_create(struct rig *rig, unsigned in_flight, unsigned in_flight_per_webhook)
{
	const char *parent = getenv("TMPDIR");

	*rig = (struct rig){ .creators_each = RIG_CREATORS };
	snprintf(rig->folder, sizeof(rig->folder), "%s/golived-bench-XXXXXX",
		 parent ? parent : "/tmp");
	rig_must(mkdtemp(rig->folder), "no folder for the database");
	snprintf(rig->path, sizeof(rig->path), "%s/golived.db", rig->folder);
	fill_config(&rig->config, in_flight, in_flight_per_webhook);
	rig_reopen(rig);
}

static void on_settled(void *arg)
{
	struct rig *rig = arg;
	if (rig->on_settled)
		rig->on_settled(rig->on_settled_arg);
}

void rig_start_dispatcher(struct rig *rig)
{
	const struct dispatcher_hooks hooks = { .on_settled = on_settled, .arg = rig };
	rig->dispatcher = dispatcher_create(rig->loop, rig->store, rig->dns, &rig->config, &hooks);
	dispatcher_start(rig->dispatcher);
}

void rig_close(struct rig *rig)
{
	dispatcher_destroy(rig->dispatcher);
	rig->dispatcher = NULL; /* the store calls back what was submitted last */
	store_thread_destroy(rig->store);
	dns_destroy(rig->dns);
	loop_destroy(rig->loop);
}

void rig_remove(struct rig *rig)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r '%s'", rig->folder);
	rig_must(system(command) == 0, "the database cannot be removed");
	free(rig->config.delivery.header_prefix);
	free(rig->creators);
}

/* ---- jobs ---- */

struct waited_job {
	struct rig *rig;
	store_job_fn run;
	void *arg;
};

static int run_waited(struct store *store, void *arg)
{
	struct waited_job *job = arg;
	return job->run(store, job->arg);
}

static void on_waited(void *arg, int result)
{
	struct waited_job *job = arg;
	rig_must(result == 0, "a job of the benchmark failed");
	loop_stop(job->rig->loop);
}

void rig_do(struct rig *rig, store_job_fn job, void *arg)
{
	struct waited_job waited = { rig, job, arg };
	store_write(rig->store, run_waited, on_waited, &waited);
	loop_run(rig->loop);
}

enum url_kind { URL_PLAIN, URL_TLS, URL_NAMED };

struct new_webhooks {
	struct rig *rig;
	enum url_kind kind;
	unsigned count;
	uint16_t port;
};

static void format_url(const struct new_webhooks *new, unsigned number, char url[64])
{
	switch (new->kind) {
	case URL_PLAIN:
		snprintf(url, 64, "http://127.0.0.1:%u/hooks/%u", new->port, number);
		return;
	case URL_TLS:
		snprintf(url, 64, "https://127.0.0.1:%u/hooks/%u", new->port, number);
		return;
	case URL_NAMED:
		snprintf(url, 64, "http://host%u.example.com:%u/", number, new->port);
		return;
	}
}

static void format_creator(unsigned number, char handle[HANDLE_SIZE])
{
	snprintf(handle, HANDLE_SIZE, "bench%u", number);
}

static int add_webhook(struct store *store, const struct new_webhooks *new, unsigned number)
{
	char url[64], id[ID_TEXT_SIZE], handles[RIG_CREATORS][HANDLE_SIZE];
	const char *creators[RIG_CREATORS];
	unsigned creators_each = new->rig->creators_each;
	for (unsigned i = 0; i < creators_each; i++) {
		format_creator(number * creators_each + i, handles[i]);
		creators[i] = handles[i];
	}
	format_url(new, number, url);
	const struct webhook webhook = {
		.target_url = url,
		.event_types = EVENT_TYPES_ALL,
		.creators = creators,
		.creator_count = creators_each,
		.active = true,
	};
	int result = store_webhook_add(store, &webhook, SECRET, 0, clock_now_ms(), id);
	for (unsigned i = 0; i < creators_each && result == 0; i++)
		result = store_creator_find(store, handles[i],
					    &new->rig->creators[number * creators_each + i]);
	return result;
}

static int add_webhooks(struct store *store, void *arg)
{
	const struct new_webhooks *new = arg;
	unsigned first = new->rig->webhook_count;
	for (unsigned i = 0; i < new->count; i++) {
		int result = add_webhook(store, new, first + i);
		if (result != 0)
			return result;
	}
	return 0;
}

static void add_webhooks_of(struct rig *rig, enum url_kind kind, unsigned count, uint16_t port)
{
	struct new_webhooks new = { rig, kind, count, port };
	rig->creators = memory_resized(rig->creators,
				       (size_t)(rig->webhook_count + count) * rig->creators_each,
				       sizeof(struct creator_key));
	rig_do(rig, add_webhooks, &new);
	rig->webhook_count += count;
}

void rig_add_webhooks(struct rig *rig, unsigned count, uint16_t port)
{
	add_webhooks_of(rig, URL_PLAIN, count, port);
}

void rig_add_tls_webhooks(struct rig *rig, unsigned count, uint16_t port)
{
	add_webhooks_of(rig, URL_TLS, count, port);
}

void rig_add_named_webhooks(struct rig *rig, unsigned count, uint16_t port)
{
	add_webhooks_of(rig, URL_NAMED, count, port);
}

static int add_event(struct store *store, const struct rig *rig, unsigned number)
{
	char body[RIG_BODY_BYTES + 1];
	int64_t now_ms = clock_now_ms() - rig->backdated_ms;
	unsigned webhook = number % rig->webhook_count, delivery_count;
	unsigned creator =
		webhook * rig->creators_each + number / rig->webhook_count % rig->creators_each;
	struct event event = { .type = EVENT_LIVE_START,
			       .occurred_at_ms = now_ms,
			       .is_test = true };
	format_creator(creator, event.creator);
	store_new_id(store, "evt_", now_ms, event.id);
	int length = snprintf(
		body, sizeof(body),
		"{\"event_id\":\"%s\",\"event\":\"live.start\",\"sequence\":%u,\"rest\":\"",
		event.id, number);
	memset(body + length, 'x', sizeof(body) - (size_t)length);
	strcpy(body + RIG_BODY_BYTES - 2, "\"}");
	int result = store_event_add(store, &rig->creators[creator], &event, body, RIG_BODY_BYTES,
				     EVENT_LISTED);
	if (result == 0)
		result = store_deliveries_enqueue(store, event.id, now_ms, now_ms, &delivery_count);
	rig_must(result != 0 || delivery_count == 1, "an event went to another number of webhooks");
	return result;
}

int rig_add_events(struct store *store, const struct rig *rig, unsigned first, unsigned count)
{
	int result = 0;
	for (unsigned i = 0; i < count && result == 0; i++)
		result = add_event(store, rig, first + i);
	return result;
}
