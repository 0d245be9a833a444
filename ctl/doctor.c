#include "ctl/doctor.h"

#include "base/config.h"
#include "base/crypto.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "ctl/table.h"
#include "db/store.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

enum {
	TEXT_MAX_BYTES = 64 << 10,
	DISK_LOW_MIB = 1024,
	DISK_FULL_MIB = 100,
};

enum verdict { VERDICT_GOOD, VERDICT_DOUBTFUL, VERDICT_BAD, VERDICT_UNKNOWN };

static const struct {
	const char *name;
	enum table_colour colour;
} verdicts[] = {
	[VERDICT_GOOD] = { "good", TABLE_GOOD },
	[VERDICT_DOUBTFUL] = { "doubtful", TABLE_WARN },
	[VERDICT_BAD] = { "bad", TABLE_BAD },
	[VERDICT_UNKNOWN] = { "unknown", TABLE_DIM },
};

/* What the examinations share, and what the one under way has found. */
struct doctor {
	struct console *console;
	struct config *config;        /* owned; NULL: it has mistakes */
	struct strbuf mistakes;       /* of the configuration */
	struct json_document *status; /* owned; of GET /api/status; NULL: the daemon gave none */
	struct json_document *ready;  /* owned; of GET /readyz, likewise */
	struct strbuf finding, remedy;
};

static enum verdict examine_configuration(struct doctor *doctor)
{
	const char *path = arguments_value(doctor->console->arguments, "config");

	if (doctor->config == NULL) {
		strbuf_addf(&doctor->finding, "%.*s", (int)strcspn(doctor->mistakes.data, "\n"),
			    doctor->mistakes.data);
		strbuf_add_text(&doctor->remedy, "golived --check-config names every mistake");
		return VERDICT_BAD;
	}
	strbuf_addf(&doctor->finding, "%s has no mistake",
		    path != NULL ? path : "/etc/golived/golived.conf");
	return VERDICT_GOOD;
}

static enum verdict examine_key(struct doctor *doctor)
{
	char *key = NULL;

	if (doctor->config == NULL)
		return VERDICT_UNKNOWN;
	int result = config_read_upstream_key(doctor->config, &key);
	if (result == 0) {
		crypto_wipe(key, strlen(key));
		free(key);
		strbuf_add_text(&doctor->finding, "there is one for the upstream service");
		return VERDICT_GOOD;
	}
	/* systemd gives the daemon a credential that nobody else sees. */
	if (result == -ENOENT && doctor->status != NULL) {
		strbuf_add_text(&doctor->finding, "not in the configuration; the daemon may have "
						  "it from systemd");
		return VERDICT_UNKNOWN;
	}
	strbuf_addf(&doctor->finding, "none: %s", strerror(-result));
	strbuf_add_text(&doctor->remedy, "put it into /etc/credstore/golived.upstream-api-key, or "
					 "name a file in [upstream] api_key_file");
	return VERDICT_BAD;
}

static const char *status_text(const struct doctor *doctor, const char *path)
{
	const struct json_value *value =
		doctor->status != NULL ? view_find(json_root(doctor->status), path) : NULL;
	const char *text = json_string(value);

	return text != NULL ? text : json_number_text(value);
}

static enum verdict examine_tier(struct doctor *doctor)
{
	const char *tier = status_text(doctor, "quota.tier");
	const char *left = status_text(doctor, "quota.remaining_today");

	if (doctor->status == NULL)
		return VERDICT_UNKNOWN;
	if (tier == NULL) {
		strbuf_add_text(&doctor->finding, "the upstream service has not said it yet");
		strbuf_add_text(&doctor->remedy, "watch somebody, or set [upstream] tier");
		return VERDICT_DOUBTFUL;
	}
	strbuf_addf(&doctor->finding, "%s, %s requests left today", tier, left ? left : "?");
	if (left == NULL || strcmp(left, "0") != 0)
		return VERDICT_GOOD;
	strbuf_add_text(&doctor->remedy, "nothing is asked until midnight UTC: watch fewer, or "
					 "raise [poll] min_interval or the tier");
	return VERDICT_BAD;
}

/* The kernel knows whether somebody keeps its clock right. */
static enum verdict examine_clock(struct doctor *doctor)
{
	struct timex state = { 0 };

	if (ntp_adjtime(&state) < 0)
		return VERDICT_UNKNOWN;
	if ((state.status & STA_UNSYNC) == 0) {
		strbuf_add_text(&doctor->finding, "is synchronised");
		return VERDICT_GOOD;
	}
	strbuf_add_text(&doctor->finding, "nobody synchronises it");
	strbuf_add_text(&doctor->remedy, "apt install systemd-timesyncd; receivers refuse "
					 "timestamps that are 5 minutes off");
	return VERDICT_DOUBTFUL;
}

static enum verdict examine_database(struct doctor *doctor)
{
	struct stat file;
	struct store *store;
	int64_t bytes = 0, wal_bytes = 0;

	if (doctor->config == NULL)
		return VERDICT_UNKNOWN;
	const char *path = doctor->config->store.path;
	if (store_open(path, STORE_READER, SYNCHRONOUS_FULL, &doctor->finding, &store) < 0) {
		strbuf_add_text(&doctor->remedy, "run this as root or as the daemon's user; the "
						 "daemon makes it at its first start");
		return VERDICT_BAD;
	}
	store_sizes(store, &bytes, &wal_bytes);
	store_close(store);
	strbuf_addf(&doctor->finding, "%s, %lld KiB and %lld KiB not merged yet", path,
		    (long long)bytes / 1024, (long long)wal_bytes / 1024);
	if (stat(path, &file) < 0 || (file.st_mode & 077) == 0)
		return VERDICT_GOOD;
	strbuf_addf(&doctor->remedy, "others may read its secrets: chmod 600 %s", path);
	return VERDICT_BAD;
}

static enum verdict examine_listener(struct doctor *doctor)
{
	if (doctor->status == NULL) {
		strbuf_add_text(&doctor->finding, "the daemon does not answer");
		strbuf_add_text(&doctor->remedy,
				"golivectl status says why; systemctl status golived");
		return VERDICT_BAD;
	}
	strbuf_addf(&doctor->finding, "golived %s answers, for %s s",
		    status_text(doctor, "version"), status_text(doctor, "uptime_seconds"));
	return VERDICT_GOOD;
}

static const struct {
	const char *reason, *remedy;
} remedies[] = {
	{ "stopping", "it is being stopped" },
	{ "store_not_writable", "make room on its disk, and look at the rights of its folder" },
	{ "upstream_key_missing", "put the key into /etc/credstore/golived.upstream-api-key" },
	{ "upstream_key_refused", "the upstream service does not know the key: get a new one" },
	{ "upstream_not_answering",
	  "look at DNS, the firewall and the log: journalctl -u golived" },
};

static enum verdict examine_readiness(struct doctor *doctor)
{
	if (doctor->ready == NULL)
		return VERDICT_UNKNOWN;
	const struct json_value *reasons = json_member(json_root(doctor->ready), "reasons");
	const struct json_value *first = json_first(reasons);

	if (first == NULL) {
		strbuf_add_text(&doctor->finding, "the store is writable, the upstream answers");
		return VERDICT_GOOD;
	}
	for (const struct json_value *at = first; at != NULL; at = json_next(at))
		strbuf_addf(&doctor->finding, "%s%s", at == first ? "" : ", ", json_string(at));
	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (strcmp(json_string(first), remedies[i].reason) == 0)
			strbuf_add_text(&doctor->remedy, remedies[i].remedy);
	return VERDICT_BAD;
}

static enum verdict examine_deliveries(struct doctor *doctor)
{
	const char *dead = status_text(doctor, "deliveries.dead");
	const char *pending = status_text(doctor, "deliveries.pending");

	if (dead == NULL || pending == NULL)
		return VERDICT_UNKNOWN;
	strbuf_addf(&doctor->finding, "%s pending, %s dead", pending, dead);
	if (strcmp(dead, "0") == 0)
		return VERDICT_GOOD;
	strbuf_add_text(&doctor->remedy,
			"golivectl deliveries ls --status dead shows them, golivectl "
			"replay sends them again");
	return VERDICT_DOUBTFUL;
}

static enum verdict examine_disk(struct doctor *doctor)
{
	struct statvfs disk;

	if (doctor->config == NULL)
		return VERDICT_UNKNOWN;
	char *folder CLEANUP(cleanup_free) = memory_text(doctor->config->store.path);
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = '\0';
	if (statvfs(slash != NULL ? folder : ".", &disk) < 0) {
		strbuf_addf(&doctor->finding, "%s: %s", folder, strerror(errno));
		return VERDICT_BAD;
	}
	unsigned long long free_mib = (unsigned long long)disk.f_bavail * disk.f_frsize >> 20;
	strbuf_addf(&doctor->finding, "%llu MiB free for the database", free_mib);
	if (free_mib >= DISK_LOW_MIB)
		return VERDICT_GOOD;
	strbuf_add_text(&doctor->remedy, "make room, or shorten [retention]");
	return free_mib < DISK_FULL_MIB ? VERDICT_BAD : VERDICT_DOUBTFUL;
}

/* "https://api.tik.tools:443/x" -> "api.tik.tools". */
static void host_of(const char *url, char *host, size_t size)
{
	const char *start = strstr(url, "://");

	start = start != NULL ? start + 3 : url;
	bool is_bracketed = *start == '[';
	start += is_bracketed;
	snprintf(host, size, "%.*s", (int)strcspn(start, is_bracketed ? "]" : ":/"), start);
}

static enum verdict examine_dns(struct doctor *doctor)
{
	struct addrinfo *addresses = NULL, hints = { .ai_socktype = SOCK_STREAM };
	char host[256];

	if (doctor->config == NULL)
		return VERDICT_UNKNOWN;
	host_of(doctor->config->upstream.base_url, host, sizeof(host));
	int error = getaddrinfo(host, NULL, &hints, &addresses);
	if (error == 0) {
		freeaddrinfo(addresses);
		strbuf_addf(&doctor->finding, "%s has an address", host);
		return VERDICT_GOOD;
	}
	strbuf_addf(&doctor->finding, "%s: %s", host, gai_strerror(error));
	strbuf_add_text(&doctor->remedy, "look at /etc/resolv.conf and the network");
	return VERDICT_BAD;
}

static const struct {
	const char *name;
	enum verdict (*examine)(struct doctor *doctor);
} examinations[] = {
	{ "configuration", examine_configuration },
	{ "key", examine_key },
	{ "listener", examine_listener },
	{ "readiness", examine_readiness },
	{ "tier", examine_tier },
	{ "deliveries", examine_deliveries },
	{ "database", examine_database },
	{ "disk", examine_disk },
	{ "clock", examine_clock },
	{ "DNS", examine_dns },
};

/* ---- the round ---- */

static void doctor_finish(struct doctor *doctor)
{
	config_destroy(doctor->config);
	json_destroy(doctor->status);
	json_destroy(doctor->ready);
	strbuf_finish(&doctor->mistakes);
	strbuf_finish(&doctor->finding);
	strbuf_finish(&doctor->remedy);
}

/* What the daemon says, if it says something: a 503 of /readyz is an answer, too. */
static void ask_daemon(struct doctor *doctor)
{
	doctor->status = console_peek(doctor->console, "/api/status");
	doctor->ready = console_peek(doctor->console, "/readyz");
}

static void put_json(struct json_writer *writer, const char *name, enum verdict verdict,
		     const struct doctor *doctor)
{
	json_begin_object(writer, NULL);
	json_put_string(writer, "name", name);
	json_put_string(writer, "verdict", verdicts[verdict].name);
	json_put_string(writer, "finding", doctor->finding.data);
	json_put_string(writer, "remedy", doctor->remedy.length > 0 ? doctor->remedy.data : NULL);
	json_end_object(writer);
}

static void print_round(struct console *console, struct table *table, struct strbuf *json)
{
	struct strbuf text;

	if (console->is_json) {
		(void)fprintf(console->out, "%s\n", json->data);
		return;
	}
	strbuf_init(&text, TEXT_MAX_BYTES);
	table_render(table, console->has_colours, &text);
	(void)fputs(text.data, console->out);
	strbuf_finish(&text);
}

/* EXIT_STATUS_FAILED if something is bad. */
static int make_round(struct doctor *doctor, struct table *table, struct json_writer *writer)
{
	int status = EXIT_STATUS_OK;

	json_begin_object(writer, NULL);
	json_begin_array(writer, "examinations");
	for (size_t i = 0; i < ARRAY_SIZE(examinations); i++) {
		strbuf_clear(&doctor->finding);
		strbuf_clear(&doctor->remedy);
		enum verdict verdict = examinations[i].examine(doctor);
		if (verdict == VERDICT_BAD)
			status = EXIT_STATUS_FAILED;
		table_put(table, examinations[i].name);
		table_put_colour(table, verdicts[verdict].name, verdicts[verdict].colour);
		table_put(table, doctor->finding.data);
		table_put(table, doctor->remedy.data);
		put_json(writer, examinations[i].name, verdict, doctor);
	}
	json_end_array(writer);
	json_end_object(writer);
	return status;
}

int doctor_examine(struct console *console)
{
	static const struct table_column columns[] = { { "WHAT", TABLE_LEFT },
						       { "VERDICT", TABLE_LEFT },
						       { "FINDING", TABLE_LEFT },
						       { "REMEDY", TABLE_LEFT },
						       { NULL, TABLE_LEFT } };
	struct doctor doctor CLEANUP(doctor_finish) = { .console = console };
	struct table *table CLEANUP(table_cleanup) = table_create(columns);
	struct strbuf json CLEANUP(strbuf_finish);
	struct json_writer writer;

	strbuf_init(&json, TEXT_MAX_BYTES);
	strbuf_init(&doctor.mistakes, TEXT_MAX_BYTES);
	strbuf_init(&doctor.finding, TEXT_MAX_BYTES);
	strbuf_init(&doctor.remedy, TEXT_MAX_BYTES);
	json_writer_init(&writer, &json);
	if (config_load(arguments_value(console->arguments, "config"), &doctor.mistakes,
			&doctor.config) < 0)
		doctor.config = NULL;
	ask_daemon(&doctor);
	int status = make_round(&doctor, table, &writer);
	print_round(console, table, &json);
	return status;
}
