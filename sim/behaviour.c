#include "sim/behaviour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answers that are not plain HTTP ------------------------------------------------------ */

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
#define OK_CLOSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

enum { MANY = 5 << 20 };

/* head, `times` times piece, tail; then the ending. */
struct sim_misdeed {
	const char *name, *sentence;
	const char *head, *piece;
	size_t times;
	const char *tail;
	enum sim_ending ending;
	size_t drip_bytes; /* behind the head, or of everything if there is no piece; 0: at once */
	int64_t drip_every_ms;
};

static const struct sim_misdeed misdeeds[] = {
	{ "hang", "never answers", "", "", 0, "", SIM_ENDS_OPEN, 0, 0 },
	{ "hang-after-head", "a head, then nothing", OK_HEAD, "", 0, "", SIM_ENDS_OPEN, 0, 0 },
	{ "reset", "TCP reset instead of an answer", "", "", 0, "", SIM_ENDS_RESET, 0, 0 },
	{ "reset-after-head", "a head, then a reset", OK_HEAD, "", 0, "", SIM_ENDS_RESET, 0, 0 },
	{ "close", "closes without an answer", "", "", 0, "", SIM_ENDS_CLOSED, 0, 0 },
	{ "half-head", "closes within the head", "HTTP/1.1 200 OK\r\nContent-Le", "", 0, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "short-body", "closes within the body", OK_HEAD, "x", 500, "", SIM_ENDS_CLOSED, 0, 0 },
	{ "drip", "a byte every half second", OK_CLOSE, "", 0, "", SIM_ENDS_CLOSED, 1, 500 },
	{ "drip-body", "a head, then a byte every half second", OK_HEAD, "x", 1000, "",
	  SIM_ENDS_CLOSED, 1, 500 },
	{ "big", "a body of 5 MB", "HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n", "x", MANY,
	  "", SIM_ENDS_CLOSED, 0, 0 },
	{ "long-header", "a header line of 5 MB", "HTTP/1.1 200 OK\r\nX-Long: ", "x", MANY,
	  "\r\n\r\n", SIM_ENDS_CLOSED, 0, 0 },
	{ "header-flood", "headers without end", "HTTP/1.1 200 OK\r\n", "X-Flood: more\r\n", 200000,
	  "\r\n", SIM_ENDS_CLOSED, 0, 0 },
	{ "1xx", "103 Early Hints, then 200", "HTTP/1.1 103 Early Hints\r\n\r\n" OK_CLOSE, "", 0,
	  "", SIM_ENDS_CLOSED, 0, 0 },
	{ "1xx-flood", "100 Continue without end", "", "HTTP/1.1 100 Continue\r\n\r\n", 200000, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "1xx-only", "100 Continue, then closes", "HTTP/1.1 100 Continue\r\n\r\n", "", 0, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "upgrade", "101 Switching Protocols",
	  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	  "", 0, "", SIM_ENDS_OPEN, 0, 0 },
	{ "garbage", "something that is not HTTP", "\x16\x03\x01 good day\r\n\r\n", "", 0, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "http09", "a body without a head", "it worked\n", "", 0, "", SIM_ENDS_CLOSED, 0, 0 },
	{ "bad-status", "a status of four digits", "HTTP/1.1 2000 Fine\r\n\r\n", "", 0, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "bad-chunk", "200, then a chunk that is none",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nno\r\n", "", 0, "",
	  SIM_ENDS_CLOSED, 0, 0 },
	{ "length-and-chunks", "Content-Length and Transfer-Encoding",
	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "2\r\nok\r\n0\r\n\r\n",
	  "", 0, "", SIM_ENDS_CLOSED, 0, 0 },
	{ "redirect", "302 to another path",
	  "HTTP/1.1 302 Found\r\nLocation: /followed\r\nContent-Length: 0\r\n"
	  "Connection: close\r\n\r\n",
	  "", 0, "", SIM_ENDS_CLOSED, 0, 0 },
};

static const struct sim_misdeed *misdeed_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(misdeeds); i++) {
		if (strcmp(misdeeds[i].name, name) == 0)
			return &misdeeds[i];
	}
	return NULL;
}

static void misdeed_answer(const struct sim_misdeed *misdeed, struct sim_answer *answer)
{
	answer->is_raw = true;
	strbuf_add_text(&answer->body, misdeed->head);
	for (size_t i = 0; i < misdeed->times; i++)
		strbuf_add_text(&answer->body, misdeed->piece);
	strbuf_add_text(&answer->body, misdeed->tail);
	answer->ending = misdeed->ending;
	answer->drip_bytes = misdeed->drip_bytes;
	answer->drip_every_ms = misdeed->drip_every_ms;
	answer->drip_after = misdeed->times > 0 ? strlen(misdeed->head) : 0;
}

/* --- directives --------------------------------------------------------------------------- */

bool sim_behaviour_add_status(struct sim_behaviour *behaviour, int64_t status)
{
	if (behaviour->status_count == SIM_STATUSES_MAX || status < 200 || status > 599)
		return false;
	behaviour->statuses[behaviour->status_count++] = (int)status;
	return true;
}

static bool parse_number(const char *text, char stop, const char **ret_end, int64_t *ret_number)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || errno != 0 || number < 0 || (*end != '\0' && *end != stop))
		return false;
	*ret_end = end;
	*ret_number = number;
	return true;
}

static bool take_ok(struct sim_behaviour *behaviour, const char *argument)
{
	(void)argument;
	return sim_behaviour_add_status(behaviour, 200);
}

static bool take_gone(struct sim_behaviour *behaviour, const char *argument)
{
	(void)argument;
	return sim_behaviour_add_status(behaviour, 410);
}

static bool take_statuses(struct sim_behaviour *behaviour, const char *argument)
{
	int64_t status;
	while (parse_number(argument, ',', &argument, &status)) {
		if (!sim_behaviour_add_status(behaviour, status))
			return false;
		if (*argument == '\0')
			return true;
		argument++;
	}
	return false;
}

static bool take_delay(struct sim_behaviour *behaviour, const char *argument)
{
	return parse_number(argument, '\0', &argument, &behaviour->delay_ms);
}

static bool take_retry_after(struct sim_behaviour *behaviour, const char *argument)
{
	int64_t seconds;
	if (!parse_number(argument, '\0', &argument, &seconds))
		return false;
	snprintf(behaviour->retry_after, sizeof(behaviour->retry_after), "%lld",
		 (long long)seconds);
	return true;
}

static bool take_first(struct sim_behaviour *behaviour, const char *argument)
{
	return parse_number(argument, '\0', &argument, &behaviour->misdeed_turns);
}

static bool take_key(struct sim_behaviour *behaviour, const char *argument)
{
	static const char *const names[] = {
		[SIM_PER_EVENT] = "event",
		[SIM_PER_DELIVERY] = "delivery",
		[SIM_PER_PATH] = "path",
	};
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], argument) == 0) {
			behaviour->key = (enum sim_sequence_key)i;
			return true;
		}
	}
	return false;
}

static const struct directive {
	const char *name, *argument, *sentence;
	bool (*take)(struct sim_behaviour *behaviour, const char *argument);
} directives[] = {
	{ "ok", NULL, "200", take_ok },
	{ "gone", NULL, "410", take_gone },
	{ "status", "CODE[,CODE...]", "one after the other, the last one for ever", take_statuses },
	{ "per", "event|delivery|path", "what a sequence of codes is counted by (event)",
	  take_key },
	{ "delay", "MS", "answers late", take_delay },
	{ "first", "N", "of what is below: only the first N times", take_first },
	{ "retry-after", "SECONDS", "a Retry-After header, 429 unless a status is given",
	  take_retry_after },
};

void sim_behaviour_describe(struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		const struct directive *directive = &directives[i];
		int width = 26 - (int)strlen(directive->name) - 2;
		strbuf_addf(out, "  /%s%s%-*s %s\n", directive->name,
			    directive->argument ? "/" : " ", width,
			    directive->argument ? directive->argument : "", directive->sentence);
	}
	for (size_t i = 0; i < ARRAY_SIZE(misdeeds); i++)
		strbuf_addf(out, "  /%-25s %s\n", misdeeds[i].name, misdeeds[i].sentence);
}

static const struct directive *directive_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		if (strcmp(directives[i].name, name) == 0)
			return &directives[i];
	}
	return NULL;
}

/* The segment at *path, which moves behind it; "" at the end. False if it does not fit. */
static bool next_segment(const char **path, char *segment, size_t size)
{
	*path += strspn(*path, "/");
	size_t length = strcspn(*path, "/?");
	if (length >= size)
		return false;
	memcpy(segment, *path, length);
	segment[length] = '\0';
	*path += length;
	return true;
}

int sim_behaviour_parse(const char *path, struct sim_behaviour *ret_behaviour)
{
	struct sim_behaviour behaviour = { .status_count = 0 };
	char segment[512];
	while (next_segment(&path, segment, sizeof(segment)) && *segment) {
		const struct sim_misdeed *misdeed = misdeed_find(segment);
		const struct directive *directive = directive_find(segment);
		if (misdeed) {
			behaviour.misdeed = misdeed;
			continue;
		}
		if (!directive)
			break;
		if (directive->argument && !next_segment(&path, segment, sizeof(segment)))
			return -EINVAL;
		if (!directive->take(&behaviour, segment))
			return -EINVAL;
	}
	*ret_behaviour = behaviour;
	return 0;
}

void sim_behaviour_answer(const struct sim_behaviour *behaviour, uint64_t turn,
			  struct sim_answer *answer)
{
	size_t last = behaviour->status_count > 0 ? behaviour->status_count - 1 : 0;
	answer->delay_ms = behaviour->delay_ms;
	bool is_over = behaviour->misdeed_turns > 0 && turn >= (uint64_t)behaviour->misdeed_turns;
	if (behaviour->misdeed && !is_over) {
		misdeed_answer(behaviour->misdeed, answer);
		return;
	}
	answer->status = behaviour->status_count > 0
				 ? behaviour->statuses[turn < last ? turn : last]
			 : *behaviour->retry_after ? 429
						   : 200;
	if (*behaviour->retry_after && answer->status >= 400)
		sim_answer_add_header(answer, "Retry-After", behaviour->retry_after);
	sim_answer_add_header(answer, "Content-Type", "application/json");
	strbuf_addf(&answer->body, "{\"ok\":%s}\n", answer->status < 300 ? "true" : "false");
}
