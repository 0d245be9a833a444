/* What comes of attempts: see db/deliveries.h. */
#include "db/deliveries.h"

#include "base/memory.h"
#include "db/health.h"
#include "db/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The delivery an outcome is about, as it is before it. */
struct flight {
	int64_t key, webhook_key;
	char creator[HANDLE_SIZE];
	enum delivery_kind kind;
	bool is_pending; /* not cancelled, and its webhook exists */
	bool is_unanswered;
	bool webhook_is_active;
	unsigned attempts;
};

static const char get_flight[] =
	"SELECT d.key, d.webhook_key, d.creator, d.kind, d.status = 0 AND w.deleted_at_ms IS NULL,"
	" d.is_unanswered, w.is_active, d.attempts, w.id, h.fail_streak"
	" FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key"
	" JOIN webhook_health h ON h.webhook_key = d.webhook_key"
	" WHERE d.key = ?1 AND d.status IN (0, 3) AND d.attempts = ?2 - 1";

static int read_flight(struct store *store, const struct attempt_outcome *outcome,
		       struct flight *ret_flight, struct outcome_effect *effect)
{
	struct sql_rows *rows = sql_query(store->sql, get_flight, SQL_INT(outcome->delivery_key),
					  SQL_INT(outcome->attempt));
	int r = sql_next(rows);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_flight = (struct flight){
		.key = sql_integer(rows, 0),
		.webhook_key = sql_integer(rows, 1),
		.kind = (enum delivery_kind)sql_integer(rows, 3),
		.is_pending = sql_integer(rows, 4) != 0,
		.is_unanswered = sql_integer(rows, 5) != 0,
		.webhook_is_active = sql_integer(rows, 6) != 0,
		.attempts = (unsigned)sql_integer(rows, 7),
	};
	sql_copy_text(rows, 2, ret_flight->creator, sizeof(ret_flight->creator));
	sql_copy_text(rows, 8, effect->webhook_id, sizeof(effect->webhook_id));
	effect->fail_streak_before = sql_integer(rows, 9);
	sql_end(rows);
	return 0;
}

/* ---- moving the delivery on ---- */

struct move {
	enum delivery_status status;
	enum delivery_stage stage;
	int64_t due_at_ms;
	unsigned attempts;
	bool is_unanswered;
};

static bool is_answer(enum attempt_verdict verdict)
{
	return verdict == ATTEMPT_DELIVERED || verdict == ATTEMPT_RETRY || verdict == ATTEMPT_DEAD;
}

/* Cancelled stays cancelled, unless it was delivered after all. */
static struct move move_of(const struct flight *flight, const struct attempt_outcome *outcome,
			   int64_t now_ms)
{
	bool answered = is_answer(outcome->verdict);
	struct move move = {
		.status = flight->is_pending ? DELIVERY_PENDING : DELIVERY_CANCELLED,
		.stage = flight->is_pending ? STAGE_READY : STAGE_SETTLED,
		.due_at_ms =
			outcome->verdict == ATTEMPT_INTERRUPTED ? now_ms : outcome->retry_at_ms,
		.attempts = answered ? outcome->attempt : flight->attempts,
		.is_unanswered = flight->is_unanswered && !answered,
	};
	if (outcome->verdict == ATTEMPT_DELIVERED)
		move.status = DELIVERY_DELIVERED;
	else if (outcome->verdict == ATTEMPT_DEAD && flight->is_pending)
		move.status = DELIVERY_DEAD;
	if (move.status != DELIVERY_PENDING) {
		move.stage = STAGE_SETTLED;
		move.due_at_ms = now_ms;
		move.is_unanswered = false;
	}
	return move;
}

/* ?9: whether an attempt was made, so that its answer is the last one. */
static const char move_delivery[] =
	"UPDATE deliveries SET status = ?2, stage = ?3, due_at_ms = ?4, attempts = ?5,"
	" is_unanswered = ?6,"
	" settled_at_ms = CASE WHEN ?2 = 0 THEN NULL WHEN ?2 = status THEN coalesce(settled_at_ms, "
	"?7)"
	"  ELSE ?7 END,"
	" last_status_code = CASE WHEN ?9 THEN ?8 ELSE last_status_code END,"
	" last_error = CASE WHEN ?9 THEN ?10 ELSE last_error END WHERE key = ?1";

static int move_on(struct store *store, const struct flight *flight, const struct move *move,
		   const struct attempt_outcome *outcome, int64_t now_ms)
{
	return sql_execute(store->sql, move_delivery, SQL_INT(flight->key), SQL_INT(move->status),
			   SQL_INT(move->stage), SQL_INT(move->due_at_ms), SQL_INT(move->attempts),
			   SQL_INT(move->is_unanswered), SQL_INT(now_ms),
			   SQL_INT(outcome->status_code),
			   SQL_INT(outcome->verdict != ATTEMPT_NOT_MADE), SQL_TEXT(outcome->error));
}

static int record(struct store *store, const struct flight *flight,
		  const struct attempt_outcome *outcome)
{
	if (outcome->verdict == ATTEMPT_NOT_MADE)
		return 0;
	return outbox_record_attempt(store, &(struct attempt_record){
						    .delivery_key = flight->key,
						    .attempt = outcome->attempt,
						    .started_at_ms = outcome->started_at_ms,
						    .duration_ms = outcome->duration_ms,
						    .dns_ms = outcome->dns_ms,
						    .connect_ms = outcome->connect_ms,
						    .tls_ms = outcome->tls_ms,
						    .first_byte_ms = outcome->first_byte_ms,
						    .status_code = outcome->status_code,
						    .error = outcome->error,
						    .error_detail = outcome->error_detail,
						    .peer_address = outcome->peer_address,
						    .response = outcome->response,
						    .response_length = outcome->response_length,
					    });
}

/* ---- what else follows ---- */

/* What an answer does to the webhook's streak of failures; a test does nothing to it. */
static int64_t streak_after(const struct flight *flight, const struct attempt_outcome *outcome,
			    int64_t streak)
{
	if (flight->kind == DELIVERY_TEST || !is_answer(outcome->verdict))
		return streak;
	return outcome->verdict == ATTEMPT_DELIVERED ? 0 : streak + 1;
}

static int keep_health(struct store *store, const struct flight *flight, const struct move *move,
		       const struct attempt_outcome *outcome, int64_t now_ms)
{
	bool is_test = flight->kind == DELIVERY_TEST;
	/* A cancelled one is pending no more, and was counted out when it was cancelled. */
	bool is_over = !is_test && flight->is_pending && move->status != DELIVERY_PENDING;
	struct health_attempt attempt = {
		.started_at_ms = outcome->started_at_ms,
		.status_code = outcome->status_code,
		.error = outcome->error,
		.is_test = is_test,
		.delivered = outcome->verdict == ATTEMPT_DELIVERED,
		.pending = is_over ? -1 : 0,
		.dead = is_over && move->status == DELIVERY_DEAD ? 1 : 0,
	};
	/* Without an answer it stays pending, and nothing changes. */
	return is_answer(outcome->verdict)
		       ? health_record(store, flight->webhook_key, &attempt, now_ms)
		       : 0;
}

static const char deactivate[] = "UPDATE webhooks SET is_active = 0, disabled_reason = 'gone'"
				 " WHERE key = ?1 AND is_active = 1";

static int deactivate_if_gone(struct store *store, const struct flight *flight,
			      const struct attempt_outcome *outcome, bool *ret_deactivated)
{
	*ret_deactivated = false;
	if (!outcome->endpoint_is_gone || flight->kind == DELIVERY_TEST)
		return 0;
	RETURN_IF_ERROR(sql_execute(store->sql, deactivate, SQL_INT(flight->webhook_key)));
	*ret_deactivated = sql_changes(store->sql) > 0;
	return 0;
}

/* What became claimable: the delivery itself, if it is to be tried again, and the creator's next
 * one, if it waited for this answer. */
static int tell_due(struct store *store, const struct flight *flight, const struct move *move,
		    struct outcome_effect *effect)
{
	int64_t released_at_ms = INT64_MAX;
	if (flight->is_unanswered && !move->is_unanswered)
		RETURN_IF_ERROR(outbox_release_next(store, flight->webhook_key, flight->creator,
						    &released_at_ms));
	effect->lane_due_at_ms = INT64_MAX;
	if (!flight->webhook_is_active || effect->webhook_deactivated)
		return 0;
	if (move->stage == STAGE_READY && flight->kind != DELIVERY_TEST)
		effect->lane_due_at_ms = move->due_at_ms;
	if (released_at_ms < effect->lane_due_at_ms)
		effect->lane_due_at_ms = released_at_ms;
	return 0;
}

int store_attempt_finish(struct store *store, const struct attempt_outcome *outcome, int64_t now_ms,
			 struct outcome_effect *ret_effect)
{
	struct outcome_effect effect = { 0 };
	struct flight flight;
	RETURN_IF_ERROR(read_flight(store, outcome, &flight, &effect));
	struct move move = move_of(&flight, outcome, now_ms);
	RETURN_IF_ERROR(move_on(store, &flight, &move, outcome, now_ms));
	RETURN_IF_ERROR(record(store, &flight, outcome));
	RETURN_IF_ERROR(keep_health(store, &flight, &move, outcome, now_ms));
	RETURN_IF_ERROR(deactivate_if_gone(store, &flight, outcome, &effect.webhook_deactivated));
	RETURN_IF_ERROR(tell_due(store, &flight, &move, &effect));
	effect.fail_streak = streak_after(&flight, outcome, effect.fail_streak_before);
	*ret_effect = effect;
	return 0;
}

/* ---- after a start ---- */

/* What is noted and has its outcome has another number by now, or is settled. */
static const char noted_without_outcome[] =
	"SELECT d.key, d.attempts + 1, c.claimed_at_ms"
	" FROM claims c, json_each(c.attempts) a JOIN deliveries d"
	" ON d.key = json_extract(a.value, '$[0]')"
	" WHERE d.status IN (0, 3) AND d.attempts + 1 = json_extract(a.value, '$[1]')";
static const char drop_all_notes[] = "DELETE FROM claims";

struct interrupted {
	int64_t delivery_key, claimed_at_ms;
	unsigned attempt;
};

struct interrupted_list {
	struct interrupted *all; /* owned */
	unsigned count, capacity;
	struct key_set keys;
};

static void interrupted_list_finish(struct interrupted_list *list)
{
	free(list->all);
	key_set_finish(&list->keys);
}

/* One that was given back and claimed again may be in two notes. */
static int list_interrupted(struct store *store, struct interrupted_list *list)
{
	struct sql_rows *rows = sql_query(store->sql, noted_without_outcome);
	int r;
	while ((r = sql_next(rows)) > 0) {
		if (key_set_has(&list->keys, sql_integer(rows, 0)))
			continue;
		key_set_add(&list->keys, sql_integer(rows, 0));
		if (list->count == list->capacity) {
			list->capacity = list->capacity ? 2 * list->capacity : 64;
			list->all = memory_resized(list->all, list->capacity, sizeof(list->all[0]));
		}
		list->all[list->count++] = (struct interrupted){
			.delivery_key = sql_integer(rows, 0),
			.attempt = (unsigned)sql_integer(rows, 1),
			.claimed_at_ms = sql_integer(rows, 2),
		};
	}
	return r;
}

/* Nobody knows its answer: as if we had stopped in the middle. */
static int record_interrupted(struct store *store, const struct interrupted *one, int64_t now_ms)
{
	const struct attempt_outcome outcome = {
		.delivery_key = one->delivery_key,
		.attempt = one->attempt,
		.verdict = ATTEMPT_INTERRUPTED,
		.started_at_ms = one->claimed_at_ms,
		.duration_ms = -1,
		.dns_ms = -1,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
		.error = "interrupted",
	};
	struct outcome_effect effect;
	return store_attempt_finish(store, &outcome, now_ms, &effect);
}

int store_deliveries_recover(struct store *store, int64_t now_ms, unsigned *ret_count)
{
	CLEANUP(interrupted_list_finish) struct interrupted_list list = { 0 };
	RETURN_IF_ERROR(list_interrupted(store, &list));
	for (unsigned i = 0; i < list.count; i++)
		RETURN_IF_ERROR(record_interrupted(store, &list.all[i], now_ms));
	RETURN_IF_ERROR(sql_execute(store->sql, drop_all_notes));
	*ret_count = list.count;
	return 0;
}
