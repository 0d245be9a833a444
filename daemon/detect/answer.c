#include "detect/answer.h"

#include "base/limits.h"
#include "base/memory.h"
#include "domain/handle.h"
#include "domain/room.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The handles of a batch in alphabetical order, to find who a row is about. */
struct asked {
	const char *handle;
	size_t index; /* in the caller's arrays */
};

/* One reply being read. */
struct reading {
	struct asked *asked; /* owned, sorted */
	size_t count;
	struct answer *answers; /* the caller's */
	bool *is_conflicting;   /* owned: rows about this creator contradict each other */
};

static int asked_compare(const void *a, const void *b)
{
	return strcmp(((const struct asked *)a)->handle, ((const struct asked *)b)->handle);
}

static ssize_t reading_find_exactly(const struct reading *reading, const char *handle)
{
	struct asked wanted = { .handle = handle };
	const struct asked *found = bsearch(&wanted, reading->asked, reading->count,
					    sizeof(*reading->asked), asked_compare);
	return found ? (ssize_t)found->index : -1;
}

/* The place of a handle as the service writes it, in whatever case; -1 if it was not asked for.
 * Nearly always it is written as we asked. */
static ssize_t reading_find(const struct reading *reading, const char *text)
{
	char handle[HANDLE_SIZE];
	ssize_t found = text ? reading_find_exactly(reading, text) : -1;
	if (found >= 0 || !text || handle_normalize(text, handle) < 0)
		return found;
	return reading_find_exactly(reading, handle);
}

/* What the explicit values of a row say so far. */
struct signals {
	bool live, offline, doubtful;
};

static void signals_add_flag(struct signals *signals, const struct json_value *value)
{
	bool flag;
	if (json_type(value) == JSON_ABSENT)
		return;
	if (!json_bool(value, &flag))
		signals->doubtful = true; /* null says: could not find out; the rest is no answer */
	else if (flag)
		signals->live = true;
	else
		signals->offline = true;
}

static void signals_add_status(struct signals *signals, const struct json_value *value)
{
	const char *status = json_string(value);
	if (json_type(value) == JSON_ABSENT)
		return;
	if (status && strcasecmp(status, "live") == 0)
		signals->live = true;
	else if (status && strcasecmp(status, "offline") == 0)
		signals->offline = true;
	else
		signals->doubtful = true;
}

static enum answer_verdict signals_verdict(const struct signals *signals)
{
	if (signals->doubtful || signals->live == signals->offline)
		return ANSWER_UNKNOWN;
	return signals->live ? ANSWER_LIVE : ANSWER_OFFLINE;
}

static enum answer_verdict row_verdict(const struct json_value *row)
{
	struct signals signals = { 0 };
	const struct json_value *check_failed = json_member(row, "check_failed");
	bool failed =
		json_type(check_failed) != JSON_ABSENT && json_type(check_failed) != JSON_NULL;
	if (failed && json_bool(check_failed, &failed) && !failed)
		signals.doubtful = false;
	else
		signals.doubtful = failed;
	signals_add_flag(&signals, json_member(row, "is_live"));
	signals_add_flag(&signals, json_member(row, "alive"));
	signals_add_status(&signals, json_member(row, "alive_status"));
	signals_add_status(&signals, json_member(row, "live_status"));
	return signals_verdict(&signals);
}

/* Does an object carry an answer of its own, rather than being a map of them? */
static bool row_has_signal(const struct json_value *row)
{
	return json_type(json_member(row, "is_live")) != JSON_ABSENT ||
	       json_type(json_member(row, "alive")) != JSON_ABSENT ||
	       json_type(json_member(row, "alive_status")) != JSON_ABSENT ||
	       json_type(json_member(row, "live_status")) != JSON_ABSENT ||
	       json_type(json_member(row, "check_failed")) != JSON_ABSENT;
}

static const char *row_handle(const struct json_value *row)
{
	const char *handle = json_string(json_member(row, "unique_id"));
	return handle ? handle : json_string(json_member(row, "uniqueId"));
}

/* The room's digits come as a string, or as a number that no double could hold. */
static uint64_t row_room(const struct json_value *row)
{
	const struct json_value *value = json_member(row, "room_id");
	const char *digits = json_string(value) ? json_string(value) : json_number_text(value);
	uint64_t room = 0;
	return digits && room_parse(digits, &room) ? room : 0;
}

/* A title is cut at its limit, between two characters. */
static char *row_title(const struct json_value *row)
{
	const char *title = json_string(json_member(row, "title"));
	if (!title || !*title)
		return NULL;
	size_t length = strlen(title);
	if (length > LIMIT_UPSTREAM_TITLE_BYTES) {
		length = LIMIT_UPSTREAM_TITLE_BYTES;
		while (length > 0 && ((unsigned char)title[length] & 0xc0) == 0x80)
			length--;
	}
	return memory_text_n(title, length);
}

static int64_t row_viewer_count(const struct json_value *row)
{
	int64_t count = -1;
	if (!json_integer(json_member(row, "userCount"), &count) &&
	    !json_integer(json_member(row, "user_count"), &count))
		return -1;
	return count < 0 ? -1 : count;
}

/* Takes one more statement about a creator. Saying the same twice is no harm; two different things
 * leave nothing to believe. Owns title. */
static void reading_take(struct reading *reading, size_t index, enum answer_verdict verdict,
			 uint64_t room, char *title, int64_t viewer_count)
{
	struct answer *answer = &reading->answers[index];
	if (verdict != ANSWER_LIVE)
		room = 0;
	if (!answer->is_missing && (answer->verdict != verdict || answer->room != room))
		reading->is_conflicting[index] = true;
	if (reading->is_conflicting[index]) {
		free(title);
		free(answer->title);
		*answer = (struct answer){ .verdict = ANSWER_UNKNOWN, .viewer_count = -1 };
		return;
	}
	if (!answer->is_missing) {
		free(title);
		return;
	}
	*answer = (struct answer){
		.verdict = verdict, .room = room, .title = title, .viewer_count = viewer_count
	};
}

static void reading_take_row(struct reading *reading, size_t index, const struct json_value *row)
{
	reading_take(reading, index, row_verdict(row), row_room(row), row_title(row),
		     row_viewer_count(row));
}

static void reading_take_rows(struct reading *reading, const struct json_value *rows)
{
	for (const struct json_value *row = json_first(rows); row; row = json_next(row)) {
		ssize_t index = reading_find(reading, row_handle(row));
		if (index >= 0)
			reading_take_row(reading, (size_t)index, row);
	}
}

/* {"handle": true, "other": {row}, "third": null}. A row that names somebody else than its key
 * does is believed by nobody. */
static void reading_take_member(struct reading *reading, const struct json_value *member)
{
	ssize_t found = reading_find(reading, json_key(member));
	if (found < 0)
		return;
	size_t index = (size_t)found;
	struct signals signals = { 0 };
	const char *named = row_handle(member);
	if (json_type(member) != JSON_OBJECT) {
		signals_add_flag(&signals, member);
		reading_take(reading, index, signals_verdict(&signals), 0, NULL, -1);
	} else if (named && reading_find(reading, named) != found) {
		reading_take(reading, index, ANSWER_UNKNOWN, 0, NULL, -1);
	} else {
		reading_take_row(reading, index, member);
	}
}

static int reading_take_map(struct reading *reading, const struct json_value *map)
{
	bool is_map = json_count(map) == 0;
	for (const struct json_value *member = json_first(map); member;
	     member = json_next(member)) {
		enum json_type type = json_type(member);
		is_map |= type == JSON_BOOL || type == JSON_OBJECT || type == JSON_NULL;
		reading_take_member(reading, member);
	}
	return is_map ? 0 : -EPROTO;
}

static int reading_take_object(struct reading *reading, const struct json_value *data)
{
	const struct json_value *results = json_member(data, "results");
	if (json_type(results) == JSON_ARRAY) {
		reading_take_rows(reading, results);
		return 0;
	}
	if (json_type(results) == JSON_OBJECT && !row_has_signal(results) && !row_handle(results))
		return reading_take_map(reading, results);
	ssize_t named = reading_find(reading, row_handle(data));
	if (row_handle(data) && row_has_signal(data)) {
		if (named >= 0)
			reading_take_row(reading, (size_t)named, data);
		return 0;
	}
	/* One row that names nobody is about the one who was asked for, unless somebody is called
	 * "alive". */
	if (reading->count == 1 && row_has_signal(data) &&
	    !json_member(data, reading->asked[0].handle)) {
		reading_take_row(reading, 0, data);
		return 0;
	}
	return reading_take_map(reading, data);
}

static void reading_init(struct reading *reading, const char *const *handles, size_t count,
			 struct answer *answers)
{
	*reading = (struct reading){
		.asked = memory_zeroed(count, sizeof(*reading->asked)),
		.count = count,
		.answers = answers,
		.is_conflicting = memory_zeroed(count, sizeof(*reading->is_conflicting)),
	};
	for (size_t i = 0; i < count; i++) {
		reading->asked[i] = (struct asked){ .handle = handles[i], .index = i };
		answers[i] = (struct answer){ .verdict = ANSWER_UNKNOWN,
					      .is_missing = true,
					      .viewer_count = -1 };
	}
	qsort(reading->asked, count, sizeof(*reading->asked), asked_compare);
}

int answers_read(const struct json_value *data, const char *const *handles, size_t count,
		 struct answer *answers, size_t *ret_missing)
{
	assert(count > 0);
	struct reading reading;
	int r = -EPROTO;
	reading_init(&reading, handles, count, answers);
	if (json_type(data) == JSON_ARRAY) {
		reading_take_rows(&reading, data);
		r = 0;
	} else if (json_type(data) == JSON_OBJECT) {
		r = reading_take_object(&reading, data);
	}
	free(reading.asked);
	free(reading.is_conflicting);
	if (r < 0)
		answers_forget(answers, count);
	size_t missing = 0;
	for (size_t i = 0; i < count; i++)
		missing += answers[i].is_missing;
	*ret_missing = missing;
	return r;
}

void answers_forget(struct answer *answers, size_t count)
{
	answers_finish(answers, count);
	for (size_t i = 0; i < count; i++)
		answers[i] = (struct answer){ .verdict = ANSWER_UNKNOWN,
					      .is_missing = answers[i].is_missing,
					      .viewer_count = -1 };
}

void answers_finish(struct answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(answers[i].title);
		answers[i].title = NULL;
	}
}
