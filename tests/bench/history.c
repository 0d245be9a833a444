#include "history.h"

#include "base/ulid.h"
#include "db/outbox.h"
#include "db/sql.h"
#include "rig.h"

#include <stdio.h>
#include <string.h>

enum {
	SLICE = 1000, /* deliveries made in the same millisecond; whole events */
	ID_TIME_LENGTH = 4 + 10,
};
_Static_assert(SLICE % HISTORY_EVENT_DELIVERIES == 0, "an event is in one slice");

static const int64_t history_ms = INT64_C(7) * 24 * 3600 * 1000;

/* Nothing can be undone, and a power failure spoils the file: it is only a benchmark's. */
static const char go_fast[] = "PRAGMA journal_mode = OFF;"
			      "PRAGMA synchronous = OFF;"
			      "PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA cache_size = -262144;";

/* ?1 the first key, ?2 how many, ?3 when, ?4 the ids' prefix and time: 16 digits follow, which are
 * of base 16 as that is a part of base 32. */
#define NUMBERS \
	"WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)"
#define ID "?4 || printf('%016X', i)"

static const char count_creators[] = "SELECT count(*) FROM creators";
/* ?5 creators, ?6 the body */
static const char add_events[] =
	NUMBERS " INSERT INTO events (key, id, type, creator, creator_key, occurred_at_ms,"
		" sequence, room, is_test, is_listed, body)"
		" SELECT i, " ID ", 0, c.handle, c.key, ?3, 0, 0, 1, 1, ?6"
		" FROM n CROSS JOIN creators c ON c.key = 1 + i % ?5";
/* ?5 webhooks, ?6 deliveries of an event, ?7 STAGE_SETTLED */
static const char add_deliveries[] =
	NUMBERS " INSERT INTO deliveries (key, id, webhook_key, event_key, creator, kind, status,"
		" stage, is_unanswered, due_at_ms, attempts, created_at_ms, settled_at_ms,"
		" last_status_code)"
		" SELECT i, " ID ", 1 + i % ?5, e.key, e.creator, 0, 1, ?7, 0, ?3, 1, ?3, ?3 + 40,"
		" 200 FROM n CROSS JOIN events e ON e.key = 1 + (i - 1) / ?6";
static const char add_attempts[] =
	NUMBERS " INSERT INTO attempts (delivery_key, position, attempt, started_at_ms,"
		" duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms, status_code,"
		" peer_address, response)"
		" SELECT i, 1, 1, ?3, 37, 1, 9, 21, 36, 200, '192.0.2.1', x'6f6b' FROM n";

struct history {
	struct sql *sql;
	struct ulid_source ids;
	int64_t creators;
	unsigned webhooks;
	char body[RIG_BODY_BYTES + 1];
};

/* What all ids of a slice begin with. */
static void format_id_time(struct history *history, const char *prefix, int64_t at_ms,
			   char text[ID_TEXT_SIZE])
{
	static const uint8_t random[10] = { 0 };
	ulid_next(&history->ids, prefix, at_ms, random, text);
	text[ID_TIME_LENGTH] = '\0';
}

static int add_slice(struct history *history, uint64_t first, uint64_t count, int64_t at_ms)
{
	struct sql *sql = history->sql;
	char event_time[ID_TEXT_SIZE], delivery_time[ID_TEXT_SIZE];
	format_id_time(history, "evt_", at_ms, event_time);
	format_id_time(history, "del_", at_ms, delivery_time);
	uint64_t first_event = 1 + (first - 1) / HISTORY_EVENT_DELIVERIES;
	uint64_t events = (count + HISTORY_EVENT_DELIVERIES - 1) / HISTORY_EVENT_DELIVERIES;
	RETURN_IF_ERROR(sql_execute(sql, add_events, SQL_INT(first_event), SQL_INT(events),
				    SQL_INT(at_ms), SQL_TEXT(event_time),
				    SQL_INT(history->creators), SQL_TEXT(history->body)));
	RETURN_IF_ERROR(sql_execute(sql, add_deliveries, SQL_INT(first), SQL_INT(count),
				    SQL_INT(at_ms), SQL_TEXT(delivery_time),
				    SQL_INT(history->webhooks), SQL_INT(HISTORY_EVENT_DELIVERIES),
				    SQL_INT(STAGE_SETTLED)));
	return sql_execute(sql, add_attempts, SQL_INT(first), SQL_INT(count), SQL_INT(at_ms));
}

static int add_all(struct history *history, uint64_t deliveries, int64_t until_ms)
{
	RETURN_IF_ERROR(sql_script(history->sql, go_fast));
	RETURN_IF_ERROR(sql_get_integer(history->sql, &history->creators, count_creators));
	RETURN_IF_ERROR(sql_script(history->sql, "BEGIN IMMEDIATE"));
	for (uint64_t added = 0; added < deliveries;) {
		uint64_t left = deliveries - added, count = left < SLICE ? left : SLICE;
		double part = (double)added / (double)deliveries;
		int64_t at_ms = until_ms - history_ms + (int64_t)((double)history_ms * part);
		RETURN_IF_ERROR(add_slice(history, added + 1, count, at_ms));
		added += count;
	}
	return sql_script(history->sql, "COMMIT");
}

void history_fill(const char *path, uint64_t deliveries, unsigned webhook_count, int64_t until_ms)
{
	struct history history = { .webhooks = webhook_count };
	memset(history.body, 'x', RIG_BODY_BYTES);
	memcpy(history.body, "{\"rest\":\"", 9);
	memcpy(history.body + RIG_BODY_BYTES - 2, "\"}", 2);
	rig_must(sql_open(path, true, &history.sql) == 0, "the database cannot be opened");
	if (add_all(&history, deliveries, until_ms) < 0)
		rig_must(false, sql_message(history.sql));
	sql_close(history.sql);
}
