/* Whatever the service answers, a batch that failed says nothing about anybody, LIVE and OFFLINE
 * are only what was written in so many words, and the limits that are read can be kept to. The
 * input: a status, a head, NUL, a body. */
#include "fuzz.h"

#include "base/limits.h"
#include "detect/upstream.h"

static const int64_t now_ms = INT64_C(1781787600000); /* 2026-06-18T13:00:00Z */

/* Names that could be taken for a row's own members are among them. */
static const char *const handles[] = { "ann", "alive", "b.ob", "results", "unique_id" };

static bool mentions(const char *body, const char *word)
{
	return strcasestr(body, word) != NULL;
}

static void check_answer(const struct answer *answer, const char *body)
{
	bool has_escapes = strchr(body, '\\') != NULL;
	FUZZ_MUST(answer->verdict <= ANSWER_UNKNOWN);
	FUZZ_MUST(!answer->is_missing || answer->verdict == ANSWER_UNKNOWN);
	FUZZ_MUST(answer->verdict == ANSWER_LIVE || answer->room == 0);
	FUZZ_MUST(answer->viewer_count >= -1);
	if (answer->title) {
		FUZZ_MUST(strlen(answer->title) <= LIMIT_UPSTREAM_TITLE_BYTES);
		FUZZ_MUST(fuzz_is_utf8(answer->title, strlen(answer->title)));
	}
	if (answer->verdict == ANSWER_LIVE && !has_escapes)
		FUZZ_MUST(mentions(body, "true") || mentions(body, "\"live\""));
	if (answer->verdict == ANSWER_OFFLINE && !has_escapes)
		FUZZ_MUST(mentions(body, "false") || mentions(body, "\"offline\""));
}

static void check_outcome(int status, bool is_complete, const struct upstream_reply *reply)
{
	FUZZ_MUST(upstream_outcome_name(reply->outcome));
	FUZZ_MUST(memchr(reply->message, '\0', sizeof(reply->message)));
	if (reply->outcome != UPSTREAM_OK)
		return;
	FUZZ_MUST(status >= 200 && status <= 299 && is_complete);
	FUZZ_MUST(reply->message[0] == '\0');
}

static void check_checks(int status, bool is_complete, const char *body, size_t count)
{
	struct answer answers[ARRAY_SIZE(handles)], again[ARRAY_SIZE(handles)];
	struct upstream_reply reply = { 0 }, reply_again = { 0 };
	size_t missing = 0;
	upstream_read_checks(status, is_complete, body, strlen(body), handles, count, answers,
			     &reply);
	upstream_read_checks(status, is_complete, body, strlen(body), handles, count, again,
			     &reply_again);
	check_outcome(status, is_complete, &reply);
	FUZZ_MUST(reply.outcome == reply_again.outcome);
	for (size_t i = 0; i < count; i++) {
		const struct answer *answer = &answers[i];
		missing += answer->is_missing;
		FUZZ_MUST(answer->verdict == again[i].verdict && answer->room == again[i].room);
		check_answer(answer, body);
		if (reply.outcome != UPSTREAM_OK)
			FUZZ_MUST(answer->verdict == ANSWER_UNKNOWN && !answer->title);
	}
	FUZZ_MUST(missing == reply.missing);
	if (reply.outcome == UPSTREAM_OK)
		FUZZ_MUST(missing * 5 <= count);
	answers_finish(answers, count);
	answers_finish(again, count);
}

/* The quota goes by what it was told, and a wait is a wait. */
static void check_quota(const struct quota_notice *notice, bool is_refusal)
{
	struct quota quota;
	int64_t mono_ms = 1000000;
	quota_init(&quota, now_ms, mono_ms);
	quota_set_limits(&quota, 60, 10000, 10, false);
	for (int i = 0; i < 2; i++) { /* one of them stays in flight */
		quota_take(&quota, now_ms, mono_ms);
		quota_sent(&quota, mono_ms);
	}
	quota_ended(&quota);
	if (is_refusal)
		quota_refused(&quota, notice, mono_ms);
	else
		quota_notice(&quota, notice, mono_ms);
	int64_t wait_ms = quota_wait_ms(&quota, QUOTA_CONFIRMATION, now_ms, mono_ms);
	FUZZ_MUST(wait_ms >= 0);
	FUZZ_MUST(quota.requests_per_minute > 0);
	if (is_refusal && notice->has_retry_after)
		FUZZ_MUST(wait_ms >= notice->retry_after_ms || wait_ms >= 60000);
	else if (is_refusal && !notice->has_reset)
		FUZZ_MUST(wait_ms >= 60000);
	FUZZ_MUST(quota_pace_ms(&quota, now_ms) >= 0);
	FUZZ_MUST(quota_remaining_today(&quota, now_ms) >= 0);
}

static void check_notice(const struct quota_notice *notice, bool is_refusal)
{
	FUZZ_MUST(!notice->has_limit || notice->limit >= 0);
	FUZZ_MUST(!notice->has_remaining || notice->remaining >= 0);
	FUZZ_MUST(!notice->has_retry_after || notice->retry_after_ms >= 0);
	check_quota(notice, is_refusal);
}

static void check_limits(int status, bool is_complete, const char *head, const char *body)
{
	const struct http_result result = { .status = status, .head = head };
	struct upstream_reply reply = { 0 };
	upstream_read_notice(&result, now_ms, &reply.notice);
	check_notice(&reply.notice, status == 429);
	upstream_read_limits(status, is_complete, body, strlen(body), now_ms, &reply);
	check_outcome(status, is_complete, &reply);
	FUZZ_MUST(reply.tier >= TIER_AUTO && reply.tier <= TIER_GLOBAL);
	check_notice(&reply.notice, status == 429);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = { 200, 200, 200, 206, 302, 400, 413, 429, 429, 503 };
	struct fuzz_input input = { data, size };
	uint8_t flags = fuzz_take_byte(&input);
	int status = statuses[(flags & 15) % ARRAY_SIZE(statuses)];
	size_t count = 1 + (size_t)(flags >> 4 & 7) % ARRAY_SIZE(handles);
	bool is_complete = !(flags & 0x80);
	char *head = fuzz_take_text(&input), *body = fuzz_take_text(&input);
	check_checks(status, is_complete, body, count);
	check_limits(status, is_complete, head, body);
	free(head);
	free(body);
	return 0;
}
