#include "ctl/explain.h"

#include "base/clock.h"
#include "base/limits.h"
#include "ctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	ANSWERS_MAX = 1000,
	TIME_WIDTH = sizeof("2026-06-18T13:00:00Z") - 1,
	ANSWER_WIDTH = sizeof("offline") - 1,
};

/* ---- members of an answer ---- */

static bool is_true(const struct json_value *object, const char *name)
{
	bool flag = false;
	(void)json_bool(json_member(object, name), &flag);
	return flag;
}

static int64_t integer(const struct json_value *object, const char *path)
{
	int64_t number = 0;
	(void)json_integer(view_find(object, path), &number);
	return number;
}

/* A time without its milliseconds. */
static void add_time(struct strbuf *out, const char *time)
{
	if (time != NULL && strlen(time) > TIME_WIDTH)
		strbuf_addf(out, "%.*sZ", (int)TIME_WIDTH - 1, time);
	else
		table_add_safe_text(out, time != NULL ? time : "-");
}

static void add_member(struct strbuf *out, const struct json_value *object, const char *path)
{
	const struct json_value *value = view_find(object, path);
	const char *text = json_string(value);
	if (text == NULL)
		text = json_number_text(value);
	table_add_safe_text(out, text != NULL ? text : "-");
}

/* ---- what each effect means ---- */

static void add_room(struct strbuf *out, const struct json_value *answer)
{
	if (json_string(json_member(answer, "room_id")) == NULL) {
		strbuf_add_text(out, " (no room told)");
		return;
	}
	strbuf_add_text(out, " in room ");
	add_member(out, answer, "room_id");
}

static void add_event(struct strbuf *out, const struct json_value *answer)
{
	const char *event_id = json_string(json_member(answer, "event_id"));
	strbuf_add_text(out, event_id != NULL ? "; event " : "; no event");
	if (event_id != NULL)
		table_add_safe_text(out, event_id);
}

static void add_evidence(struct strbuf *out, const struct json_value *answer)
{
	add_member(out, answer, "evidence.answers");
	strbuf_add_text(out, " answers (of ");
	add_member(out, answer, "evidence.answers_wanted");
	strbuf_add_text(out, ") over ");
	add_member(out, answer, "evidence.seconds");
	strbuf_add_text(out, " s (of ");
	add_member(out, answer, "evidence.seconds_wanted");
	strbuf_add_text(out, ")");
}

static void add_start(struct strbuf *out, const struct json_value *answer)
{
	const char *source = json_string(json_member(answer, "started_at_source"));
	bool is_by_room = source != NULL && strcmp(source, "room_id") == 0;

	strbuf_add_text(out, is_true(answer, "resumed") ? "START, resumed" : "START");
	add_room(out, answer);
	strbuf_add_text(out, ", since ");
	add_time(out, json_string(json_member(answer, "at")));
	strbuf_add_text(out, is_by_room ? " by the room id" : " as first seen");
	if (is_true(answer, "resumed")) {
		strbuf_add_text(out, ", confirmed by ");
		add_evidence(out, answer);
	}
	if (is_true(answer, "first_sight"))
		strbuf_add_text(out,
				is_true(answer, "announced")
					? ", at first sight"
					: ", at first sight, and not recent enough to be told");
	add_event(out, answer);
}

static void add_end(struct strbuf *out, const struct json_value *answer)
{
	strbuf_add_text(out, "END");
	add_room(out, answer);
	strbuf_add_text(out, ", at ");
	add_time(out, json_string(json_member(answer, "at")));
	if (is_true(answer, "room_changed")) {
		strbuf_add_text(out, ", as another room is live");
	} else {
		strbuf_add_text(out, ", confirmed by ");
		add_evidence(out, answer);
	}
	add_event(out, answer);
}

static void add_end_evidence(struct strbuf *out, const struct json_value *answer)
{
	strbuf_add_text(out, "speaks for an end: ");
	add_evidence(out, answer);
}

static void add_resume_evidence(struct strbuf *out, const struct json_value *answer)
{
	strbuf_add_text(out, "LIVE");
	add_room(out, answer);
	strbuf_add_text(out, ", which had ended: speaks for a resumption: ");
	add_evidence(out, answer);
}

static void add_room_told(struct strbuf *out, const struct json_value *answer)
{
	strbuf_add_text(out, "the live goes on");
	add_room(out, answer);
	strbuf_add_text(out, ", told only now");
}

static const struct {
	const char *effect;
	const char *words;                                                /* NULL: see add */
	void (*add)(struct strbuf *out, const struct json_value *answer); /* or this */
} effects[] = {
	{ "first_offline", "the first answer; nothing to tell", NULL },
	{ "start", NULL, add_start },
	{ "end", NULL, add_end },
	{ "end_evidence", NULL, add_end_evidence },
	{ "end_dropped", "the live goes on: what spoke for an end is dropped", NULL },
	{ "resume_evidence", NULL, add_resume_evidence },
	{ "resume_dropped", "what spoke for a resumption is dropped", NULL },
	{ "room_told", NULL, add_room_told },
	{ "held", "held back, as too many creators changed at once: a second check must agree",
	  NULL },
	{ "held_dropped", "the second check did not agree: what was held back is dropped", NULL },
};

static void add_effect(struct strbuf *out, const struct json_value *answer)
{
	const char *effect = json_string(json_member(answer, "effect"));

	for (size_t i = 0; effect != NULL && i < ARRAY_SIZE(effects); i++) {
		if (strcmp(effects[i].effect, effect) != 0)
			continue;
		if (effects[i].add != NULL)
			effects[i].add(out, answer);
		else
			strbuf_add_text(out, effects[i].words);
		if (is_true(answer, "second_check"))
			strbuf_add_text(out, " (the second check of what was held back)");
		return;
	}
	table_add_safe_text(out, effect != NULL ? effect : "-"); /* of a newer daemon */
}

/* ---- what came in between ---- */

static void add_count(struct strbuf *out, int64_t count, const char *words, bool *is_first)
{
	if (count == 0)
		return;
	strbuf_addf(out, "%s%" PRId64 " %s", *is_first ? "" : ", ", count, words);
	*is_first = false;
}

/* False: there was nothing. */
static bool add_tally(struct strbuf *out, const struct json_value *tally)
{
	bool is_first = true;
	add_count(out, integer(tally, "unchanged"), "that changed nothing", &is_first);
	add_count(out, integer(tally, "unclear"), "unclear (null or contradictory)", &is_first);
	add_count(out, integer(tally, "missing"), "without a row", &is_first);
	add_count(out, integer(tally, "failed"), "in a batch that failed", &is_first);
	return !is_first;
}

static void add_indent(struct strbuf *out)
{
	strbuf_addf(out, "%*s", (int)TIME_WIDTH + ANSWER_WIDTH + 4, "");
}

static bool is_effect(const struct json_value *answer, const char *effect)
{
	const char *found = json_string(json_member(answer, "effect"));
	return found != NULL && strcmp(found, effect) == 0;
}

/* When it was not yet so matters of a start; of the others the line above tells it. */
static bool tells_previous(const struct json_value *answer)
{
	return json_string(json_member(answer, "previous_answer_at")) != NULL &&
	       is_effect(answer, "start") && !is_true(answer, "room_changed");
}

static void add_gap(struct strbuf *out, const struct json_value *gap)
{
	if (json_type(gap) != JSON_OBJECT)
		return;
	add_indent(out);
	strbuf_add_text(out, "nobody could be checked from ");
	add_time(out, json_string(json_member(gap, "began_at")));
	strbuf_add_text(out, " to ");
	add_time(out, json_string(json_member(gap, "ended_at")));
	strbuf_add_text(out, " (");
	add_member(out, gap, "reason");
	strbuf_add_text(out, ")\n");
}

static void add_before(struct strbuf *out, const struct json_value *answer)
{
	struct strbuf between;

	strbuf_init(&between, LIMIT_EVENT_BODY_BYTES);
	bool has_tally = add_tally(&between, json_member(answer, "before"));
	if (has_tally || tells_previous(answer)) {
		add_indent(out);
		strbuf_addf(out, "%s%s", has_tally ? "before it: " : "", between.data);
	}
	if (tells_previous(answer)) {
		strbuf_add_text(out, has_tally ? "; offline at " : "offline at ");
		add_time(out, json_string(json_member(answer, "previous_answer_at")));
	}
	if (has_tally || tells_previous(answer))
		strbuf_add_char(out, '\n');
	strbuf_finish(&between);
	add_gap(out, json_member(answer, "gap"));
}

/* ---- the story ---- */

static const char *colour_of(const struct json_value *answer)
{
	if (is_effect(answer, "start"))
		return "\033[32m";
	if (is_effect(answer, "held"))
		return "\033[33m";
	return is_effect(answer, "end") ? "\033[1m" : "";
}

static void add_answer(struct strbuf *out, const struct json_value *answer, bool with_colours)
{
	const char *said = json_string(json_member(answer, "answer"));
	const char *colour = with_colours ? colour_of(answer) : "";

	add_time(out, json_string(json_member(answer, "answered_at")));
	strbuf_addf(out, "  %-*s  %s", ANSWER_WIDTH, said != NULL ? said : "-", colour);
	add_effect(out, answer);
	strbuf_addf(out, "%s\n", *colour != '\0' ? "\033[0m" : "");
	add_before(out, answer);
}

static void add_heading(struct strbuf *out, const struct json_value *explanation)
{
	add_member(out, explanation, "unique_id");
	strbuf_add_text(out, " is ");
	add_member(out, explanation, "state");
	if (json_string(json_member(explanation, "live_since")) != NULL) {
		strbuf_add_text(out, " since ");
		add_time(out, json_string(json_member(explanation, "live_since")));
		add_room(out, explanation);
	}
	if (is_true(explanation, "quarantined"))
		strbuf_add_text(out, ", and in quarantine: the service refuses the handle");
	strbuf_add_text(out, "\n\n");
}

static void add_now(struct strbuf *out, const struct json_value *explanation)
{
	add_time(out, json_string(json_member(explanation, "last_checked_at")));
	strbuf_add_text(out, "  the last check; since the answer above ");
	if (!add_tally(out, json_member(explanation, "since_then")))
		strbuf_add_text(out, "no other came");
	strbuf_add_char(out, '\n');
}

void explain_add_story(const struct json_value *explanation, bool with_colours, struct strbuf *out)
{
	const struct json_value *answers[ANSWERS_MAX];
	size_t count = 0;

	add_heading(out, explanation);
	for (const struct json_value *at = json_first(json_member(explanation, "answers"));
	     at != NULL && count < ANSWERS_MAX; at = json_next(at))
		answers[count++] = at;
	if (count == 0)
		strbuf_add_text(out, "No answer has moved anything yet, or those are not kept any "
				     "more.\n");
	while (count > 0)
		add_answer(out, answers[--count], with_colours);
	add_now(out, explanation);
}

int explain_creator(struct console *console)
{
	char *path CLEANUP(cleanup_free) =
		client_path("/api/creators", console_word(console, 0), "/explain");
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	struct strbuf text;
	int status = console_call(console, "GET", path, NULL, &document);

	if (status != EXIT_STATUS_OK || console->is_json || document == NULL)
		return status;
	strbuf_init(&text, LIMIT_ADMIN_REPLY_BYTES);
	explain_add_story(json_root(document), console->has_colours, &text);
	(void)fputs(text.data, console->out);
	strbuf_finish(&text);
	return EXIT_STATUS_OK;
}
