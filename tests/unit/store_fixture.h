/* store_fixture - a store on a real file in a directory of its own, and the few steps that most
 * tests of db/ begin with. For tests only. */
#ifndef GOLIVED_TESTS_STORE_FIXTURE_H
#define GOLIVED_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "db/creators.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/store.h"
#include "db/watchlists.h"
#include "db/webhooks.h"

static const int64_t T0 = INT64_C(1781784000000); /* 2026-06-18T12:00:00Z */

struct fixture {
	char directory[64];
	char path[96];
	struct store *store;
};

#define assert_ok(expression) assert_int_equal(expression, 0)

/* What the test's dispatcher has in flight: forgotten with the process. */
enum { CLAIMED_MAX = 256 };
static int64_t claimed[CLAIMED_MAX];
static unsigned claimed_count;

static inline struct store *open_store(const char *path, enum store_mode mode)
{
	struct strbuf why;
	struct store *store = NULL;
	strbuf_init(&why, 1024);
	int r = store_open(path, mode, SYNCHRONOUS_NORMAL, &why, &store);
	if (r < 0)
		fail_msg("store_open: %s: %s", strerror(-r), why.data);
	strbuf_finish(&why);
	return store;
}

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/golived-test-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/golived.db", fixture->directory);
	fixture->store = open_store(fixture->path, STORE_WRITER);
	claimed_count = 0;
	if (store_begin(fixture->store) < 0)
		return -1;
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;
	store_close(fixture->store);
	char command[96];
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	int r = system(command);
	free(fixture);
	return r;
}

/* Ends the transaction and the process' hold on the file, and opens it anew, as a restart does. */
static inline void reopen(struct fixture *fixture)
{
	claimed_count = 0;
	assert_ok(store_commit(fixture->store));
	store_close(fixture->store);
	fixture->store = open_store(fixture->path, STORE_WRITER);
	assert_ok(store_begin(fixture->store));
}

static inline bool file_holds(const char *path, const char *text)
{
	char *bytes;
	size_t length;
	if (file_read(path, 64 << 20, &bytes, &length) < 0)
		return false;
	bool found = memmem(bytes, length, text, strlen(text)) != NULL;
	free(bytes);
	return found;
}

struct text_id {
	char text[ID_TEXT_SIZE];
};

/* A webhook for both types; creator NULL: of everybody. */
static inline struct text_id add_webhook(struct store *store, const char *creator)
{
	struct text_id id;
	const char *creators[] = { creator };
	struct webhook webhook = {
		.target_url = "https://example.com/hook",
		.event_types = EVENT_TYPES_ALL,
		.creators = creators,
		.creator_count = creator ? 1 : 0,
		.active = true,
	};
	assert_ok(store_webhook_add(store, &webhook, "whsec_first", 0, T0, id.text));
	return id;
}

static inline struct creator_key watch(struct store *store, const char *handle)
{
	bool created;
	struct creator_key key;
	char name[80];
	snprintf(name, sizeof(name), "list-of-%s", handle);
	assert_ok(store_watchlist_put(store, name, PRIORITY_NORMAL, &handle, 1, T0, &created));
	assert_ok(store_creator_find(store, handle, &key));
	return key;
}

/* An event of a live of its own: a session is opened for a start and closed for an end. */
static inline struct text_id add_event(struct store *store, const char *handle,
				       enum event_type type, int64_t at_ms)
{
	struct text_id id;
	struct creator_key key;
	assert_ok(store_creator_find(store, handle, &key));
	if (type == EVENT_LIVE_START)
		assert_ok(store_session_open(store, key, 7, at_ms, EVENT_STARTED_OBSERVED, at_ms));
	else
		assert_ok(store_session_close(store, key, at_ms, EVENT_ENDED));
	struct event event = { .type = type, .occurred_at_ms = at_ms, .sequence = 1, .room = 7 };
	snprintf(event.creator, sizeof(event.creator), "%s", handle);
	store_new_id(store, "evt_", at_ms, event.id);
	char body[128];
	snprintf(body, sizeof(body), "{\"event_id\":\"%s\"}", event.id);
	assert_ok(store_event_add(store, &key, &event, body, strlen(body), EVENT_LISTED));
	memcpy(id.text, event.id, sizeof(id.text));
	return id;
}

static inline struct text_id add_start(struct store *store, const char *handle, int64_t at_ms)
{
	return add_event(store, handle, EVENT_LIVE_START, at_ms);
}

static inline struct text_id add_end(struct store *store, const char *handle, int64_t at_ms)
{
	return add_event(store, handle, EVENT_LIVE_END, at_ms);
}

static inline unsigned enqueue(struct store *store, const char *event_id, int64_t now_ms)
{
	unsigned count;
	assert_ok(store_deliveries_enqueue(store, event_id, now_ms, now_ms, &count));
	return count;
}

/* As a dispatcher that dies leaves it. */
static inline void note_in_flight(struct store *store, const struct delivery_claim *claims,
				  unsigned count, int64_t now_ms)
{
	struct claim_note_entry entries[CLAIMED_MAX];
	const struct claim_note note = {
		.key = 1, .claimed_at_ms = now_ms, .entries = entries, .count = count
	};
	for (unsigned i = 0; i < count; i++)
		entries[i] = (struct claim_note_entry){ claims[i].delivery_key, claims[i].attempt };
	assert_ok(store_claims_note(store, &note));
}

static inline struct claimed_lane claim(struct store *store, const char *webhook_id, unsigned max,
					int64_t now_ms)
{
	struct claimed_lane lane;
	CLEANUP(key_set_finish) struct key_set in_flight = { 0 };
	for (unsigned i = 0; i < claimed_count; i++)
		key_set_add(&in_flight, claimed[i]);
	assert_ok(store_claim(store, webhook_id, max, now_ms, &in_flight, &lane));
	for (unsigned i = 0; i < lane.claim_count; i++) {
		assert_true(claimed_count < CLAIMED_MAX);
		claimed[claimed_count++] = lane.claims[i].delivery_key;
	}
	return lane;
}

static inline void is_not_in_flight(int64_t delivery_key)
{
	for (unsigned i = 0; i < claimed_count; i++) {
		if (claimed[i] == delivery_key)
			claimed[i] = claimed[--claimed_count];
	}
}

/* An outcome with nothing measured. */
static inline struct attempt_outcome outcome_of(const struct delivery_claim *claim,
						enum attempt_verdict verdict, int64_t retry_at_ms)
{
	bool failed = verdict == ATTEMPT_RETRY || verdict == ATTEMPT_DEAD;
	return (struct attempt_outcome){
		.delivery_key = claim->delivery_key,
		.attempt = claim->attempt,
		.verdict = verdict,
		.retry_at_ms = retry_at_ms,
		.started_at_ms = claim->due_at_ms,
		.duration_ms = 12,
		.dns_ms = -1,
		.connect_ms = 3,
		.tls_ms = -1,
		.first_byte_ms = 10,
		.status_code = verdict == ATTEMPT_DELIVERED ? 200
			       : failed                     ? 500
							    : 0,
		.error = verdict == ATTEMPT_DELIVERED ? NULL
			 : failed                     ? "http"
						      : "interrupted",
	};
}

static inline struct outcome_effect finish(struct store *store, const struct delivery_claim *claim,
					   enum attempt_verdict verdict, int64_t retry_at_ms,
					   int64_t now_ms)
{
	struct outcome_effect effect;
	struct attempt_outcome outcome = outcome_of(claim, verdict, retry_at_ms);
	assert_ok(store_attempt_finish(store, &outcome, now_ms, &effect));
	is_not_in_flight(claim->delivery_key);
	return effect;
}

/* Copies of what the API shows. */
struct shown_delivery {
	struct delivery row;
	struct text_id id, replay_of;
	char last_error[64];
};

static inline void on_shown_delivery(void *arg, const struct delivery *delivery)
{
	struct shown_delivery *shown = arg;
	shown->row = *delivery;
	snprintf(shown->id.text, sizeof(shown->id.text), "%s", delivery->id);
	snprintf(shown->replay_of.text, sizeof(shown->replay_of.text), "%s",
		 delivery->replay_of ? delivery->replay_of : "");
	snprintf(shown->last_error, sizeof(shown->last_error), "%s",
		 delivery->last_error ? delivery->last_error : "");
}

static inline struct shown_delivery show_delivery(struct store *store, const char *id)
{
	struct shown_delivery shown = { 0 };
	assert_ok(store_delivery_show(store, id, on_shown_delivery, &shown));
	return shown;
}

static inline void on_shown_webhook(void *arg, const struct webhook *webhook)
{
	*(struct webhook *)arg = *webhook; /* its texts are gone after the call */
}

static inline struct webhook show_webhook(struct store *store, const char *id, int64_t now_ms)
{
	struct webhook webhook = { 0 };
	assert_ok(store_webhook_show(store, id, now_ms, on_shown_webhook, &webhook));
	return webhook;
}

/* Ids of a list, in its order. */
struct id_collection {
	struct text_id ids[600];
	unsigned count;
};

static inline void on_listed_delivery(void *arg, const struct delivery *delivery)
{
	struct id_collection *collection = arg;
	assert_true(collection->count < 600);
	snprintf(collection->ids[collection->count++].text, ID_TEXT_SIZE, "%s", delivery->id);
}

static inline unsigned count_deliveries(struct store *store, const struct delivery_filter *filter)
{
	static struct id_collection collection;
	collection.count = 0;
	assert_ok(store_delivery_list(store, filter, "", 500, on_listed_delivery, &collection));
	return collection.count;
}

#endif
