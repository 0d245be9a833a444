/* upstream - requests to the service that knows who is live, and what its replies say.
 *
 *   in:   handles; the service's address, the key
 *   out:  one callback per request: answers, limits, or what went wrong
 *   not:  when to ask (quota), what follows from an answer (detector)
 *
 * upstream_read_* are pure. A reply is a success only if HTTP says 2xx, `status_code` is absent or
 * 0, and `data` has a known shape; and if not more than a fifth of the rows are missing. Otherwise
 * the batch has failed and every answer in it is UNKNOWN. The key goes out in a header and nowhere
 * else.
 */
#ifndef GOLIVED_DETECT_UPSTREAM_H
#define GOLIVED_DETECT_UPSTREAM_H

#include "base/config.h"
#include "base/http.h"
#include "base/loop.h"
#include "detect/answer.h"
#include "detect/quota.h"

/* The order is that of the labels of golived_upstream_requests_total. */
enum upstream_outcome {
	UPSTREAM_OK,
	UPSTREAM_RATE_LIMITED, /* 429 */
	UPSTREAM_REFUSED,      /* 400, 401, 403, 413: this request, in this form */
	UPSTREAM_HTTP_ERROR,   /* any other status */
	UPSTREAM_BAD_ANSWER, /* not JSON, not complete, of no known shape, or an error inside a 200
			      */
	UPSTREAM_PARTIAL,    /* more than a fifth of the rows are missing */
	UPSTREAM_UNREACHABLE,
	UPSTREAM_TIMEOUT,
};

enum { UPSTREAM_MESSAGE_SIZE = 200 };

struct upstream_reply {
	enum upstream_outcome outcome;
	int status; /* HTTP's, or that of the body where HTTP says 200 and the body an error; 0:
		       none */
	char message[UPSTREAM_MESSAGE_SIZE]; /* what the service or the network said; may be empty
					      */
	struct quota_notice notice;
	int64_t duration_ms;
	size_t missing;        /* checks: rows that did not come */
	enum config_tier tier; /* limits: TIER_AUTO if it is not told or not known */
};

/* ---- pure ---- */

/* Reads a reply to a bulk check. is_complete: the body is all there. answers[]: one for each of the
 * handles, to be finished by the caller. Fills outcome, status, message, missing. */
void upstream_read_checks(int http_status, bool is_complete, const char *body, size_t length,
			  const char *const *handles, size_t count, struct answer *answers,
			  struct upstream_reply *reply);

/* Reads a reply of /webcast/rate_limits: tier, and the minute's limits into notice. Fills outcome,
 * status, message too. */
void upstream_read_limits(int http_status, bool is_complete, const char *body, size_t length,
			  int64_t now_ms, struct upstream_reply *reply);

/* What the headers say of the limits. Times that the service gives are read by its own clock. */
void upstream_read_notice(const struct http_result *result, int64_t now_ms,
			  struct quota_notice *ret_notice);

const char *upstream_outcome_name(enum upstream_outcome outcome);

/* ---- requests ---- */

struct upstream;
struct upstream_call;

typedef void (*upstream_done_fn)(void *arg, const struct upstream_reply *reply);

struct upstream *upstream_create(struct loop *loop);
void upstream_destroy(struct upstream *upstream); /* calls under way end without a callback */

/* Holds for requests that start from now on. All are copied; key NULL: there is none. */
void upstream_configure(struct upstream *upstream, const char *base_url, const char *key,
			int64_t timeout_ms);

/* Asks about count handles (1 at least). handles and answers are borrowed until done is called,
 * later, once; answers are filled by then and the caller's to finish. Needs a key. */
struct upstream_call *upstream_check(struct upstream *upstream, const char *const *handles,
				     size_t count, struct answer *answers, upstream_done_fn done,
				     void *arg);

/* Asks what the limits are. */
struct upstream_call *upstream_ask_limits(struct upstream *upstream, upstream_done_fn done,
					  void *arg);

/* Ends a call without a callback. */
void upstream_cancel(struct upstream_call *call);

#endif
