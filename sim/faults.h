/* faults - the ways in which the upstream can be wrong, as one table, and those asked for now.
 *
 *   in:   orders (kind, how often, how long)
 *   out:  the fault that a request meets, if any
 *   not:  what an answer looks like (rows, upstream)
 *
 * A request meets at most one fault: the oldest order that applies to it. Pure: time and chance are
 * arguments.
 */
#ifndef GOLIVED_SIM_FAULTS_H
#define GOLIVED_SIM_FAULTS_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a fault takes hold. */
enum sim_fault_stage {
	SIM_AT_TRANSPORT, /* the right answer, sent wrongly */
	SIM_AT_STATUS,    /* another answer altogether */
	SIM_AT_BODY,      /* the right answer, its text damaged */
	SIM_AT_ROWS,      /* some rows (fraction) of the right answer */
	SIM_AT_TRUTH,     /* a well-formed answer that says what is not so */
};

#define SIM_FAULTS(X) \
	X(RESET, "reset", SIM_AT_TRANSPORT, "connection reset instead of an answer") \
	X(CLOSED, "closed", SIM_AT_TRANSPORT, "connection closed without an answer") \
	X(HANG, "hang", SIM_AT_TRANSPORT, "no answer until the client leaves") \
	X(SLOW, "slow", SIM_AT_TRANSPORT, "the answer after delay_ms (2000)") \
	X(DRIP, "drip", SIM_AT_TRANSPORT, "the answer a few bytes every delay_ms (100)") \
	X(CUT, "cut", SIM_AT_TRANSPORT, \
	  "half the bytes that Content-Length promises, then closed") \
	X(STATUS, "status", SIM_AT_STATUS, "HTTP `status` (500) with a JSON error") \
	X(RATE_LIMITED, "rate_limited", SIM_AT_STATUS, \
	  "429, with Retry-After if retry_after is given") \
	X(UNAUTHORIZED, "unauthorized", SIM_AT_STATUS, "401") \
	X(HTML_ERROR, "html_error", SIM_AT_STATUS, "HTTP `status` (502) with a page of HTML") \
	X(HTML, "html", SIM_AT_STATUS, "200 with a page of HTML") \
	X(EMPTY_BODY, "empty_body", SIM_AT_STATUS, "200 without a body") \
	X(ERROR_IN_200, "error_in_200", SIM_AT_STATUS, "200 with status_code -1 and an error") \
	X(ERROR_WITH_DATA, "error_with_data", SIM_AT_BODY, \
	  "status_code 500 beside the right data") \
	X(EMPTY_DATA, "empty_data", SIM_AT_STATUS, "200 with data []") \
	X(NULL_DATA, "null_data", SIM_AT_STATUS, "200 with data null") \
	X(NO_DATA, "no_data", SIM_AT_STATUS, "200 without data") \
	X(UNKNOWN_SHAPE, "unknown_shape", SIM_AT_STATUS, "200 with data that is a text") \
	X(BODY, "body", SIM_AT_STATUS, "HTTP `status` (200) with `body` as it is given") \
	X(TOO_LARGE, "too_large", SIM_AT_STATUS, "`status` (413) for batches over batch_max (1)") \
	X(POISON, "poison", SIM_AT_STATUS, "`status` (400) for a batch that holds `handle`") \
	X(TRUNCATED, "truncated", SIM_AT_BODY, "JSON that ends in the middle") \
	X(TRAILING, "trailing", SIM_AT_BODY, "the right JSON with text behind it") \
	X(INVALID_UTF8, "invalid_utf8", SIM_AT_BODY, "bytes in the JSON that are not UTF-8") \
	X(DEEP, "deep", SIM_AT_BODY, "JSON nested thousands deep beside the data") \
	X(HUGE_BODY, "huge", SIM_AT_BODY, "five megabytes beside the data") \
	X(ROWS_MISSING, "rows_missing", SIM_AT_ROWS, "rows left out") \
	X(ROWS_NULL, "rows_null", SIM_AT_ROWS, "is_live and alive null") \
	X(ROWS_UNKNOWN, "rows_unknown", SIM_AT_ROWS, "alive_status unknown") \
	X(ROWS_BARE, "rows_bare", SIM_AT_ROWS, "rows that say nothing but the handle") \
	X(ROWS_CHECK_FAILED, "rows_check_failed", SIM_AT_ROWS, "offline with check_failed") \
	X(ROWS_CONTRADICTORY, "rows_contradictory", SIM_AT_ROWS, "is_live against alive") \
	X(ROWS_WRONG_TYPES, "rows_wrong_types", SIM_AT_ROWS, "texts and numbers for is_live") \
	X(ROWS_RECASED, "rows_recased", SIM_AT_ROWS, "handles in upper case") \
	X(ROWS_DUPLICATE, "rows_duplicate", SIM_AT_ROWS, "rows twice, the same") \
	X(ROWS_CONFLICTING, "rows_conflicting", SIM_AT_ROWS, \
	  "rows twice, the second the opposite") \
	X(ROWS_ROOM_NUMBER, "rows_room_number", SIM_AT_ROWS, "room_id as a number of 19 digits") \
	X(ROWS_ROOM_BROKEN, "rows_room_broken", SIM_AT_ROWS, "room_id that is no room id") \
	X(ROWS_STRANGERS, "rows_strangers", SIM_AT_ROWS, "rows of creators nobody asked for") \
	X(ALL_OFFLINE, "all_offline", SIM_AT_TRUTH, "everybody offline") \
	X(ALL_LIVE, "all_live", SIM_AT_TRUTH, "everybody live")

enum sim_fault_kind {
#define X(name, text, stage, sentence) SIM_FAULT_##name,
	SIM_FAULTS(X)
#undef X
		SIM_FAULT_KINDS
};

const char *sim_fault_name(enum sim_fault_kind kind);
const char *sim_fault_sentence(enum sim_fault_kind kind);
enum sim_fault_stage sim_fault_stage(enum sim_fault_kind kind);
bool sim_fault_find(const char *name, enum sim_fault_kind *ret_kind);

enum { SIM_FAULT_HANDLE_SIZE = 80 };

/* An order: this fault, so often. */
struct sim_fault {
	enum sim_fault_kind kind;
	int64_t count;         /* requests that still meet it; -1: no bound */
	int64_t until_ms;      /* 0: no bound */
	double rate;           /* probability for each request that it applies to */
	double fraction;       /* of the rows, for faults of rows */
	bool is_for_all_paths; /* else for bulk checks only */
	int status;            /* 0: the fault's own */
	int64_t retry_after_s; /* -1: no Retry-After */
	int64_t delay_ms;      /* 0: the fault's own */
	size_t batch_max;
	char handle[SIM_FAULT_HANDLE_SIZE];
	char *body; /* owned by the list once added; NULL where not needed */
	int64_t ordered_at_ms;
};

/* An order that holds for ever, for every request, and for every row. */
void sim_fault_init(struct sim_fault *fault, enum sim_fault_kind kind, int64_t now_ms);

struct sim_faults {
	struct sim_fault *orders; /* owned */
	size_t count;
};

void sim_faults_finish(struct sim_faults *faults); /* forgets every order, and may be used again */
/* Takes over what the order points to. */
void sim_faults_add(struct sim_faults *faults, const struct sim_fault *fault);

/* What faults look at in a request. */
struct sim_fault_subject {
	bool is_bulk_check;
	const char *const *handles;
	size_t handle_count;
};

/* The fault that this request meets, else NULL; each order with a rate draws its own chance from
 * the random key. The order is counted down, and those that are over are forgotten. Borrowed until
 * the next call. */
const struct sim_fault *sim_faults_draw(struct sim_faults *faults,
					const struct sim_fault_subject *subject, uint64_t key,
					int64_t now_ms);

#endif
