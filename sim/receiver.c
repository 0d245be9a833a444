#include "sim/receiver.h"

#include "base/json.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/memory.h"
#include "sim/behaviour.h"
#include "sim/counters.h"
#include "sim/fields.h"
#include "sim/record.h"
#include "sim/verify.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char sim_receiver_control_help[] =
	"  POST   /_sim/behaviours  {path, as?, statuses?, delay_ms?, retry_after?, hang?}: what "
	"that\n"
	"                           path does from now on; as: like another path\n"
	"  DELETE /_sim/behaviours  every path does as it says again\n"
	"  GET    /_sim/requests    the last ones (?path=, ?limit=), oldest first\n"
	"  GET    /_sim/stats       how many there were, and on which paths\n"
	"  POST   /_sim/reset       forgets all of it, but for the record\n";

enum { WHY_BYTES = 200, SECRET_FILE_BYTES = 64 << 10, PATH_BYTES = 4096, PREFIX_BYTES = 64 };

/* What the control API said of a path. */
struct override {
	char *path; /* owned */
	struct sim_behaviour behaviour;
	struct override *next;
};

struct sim_receiver {
	struct sim_receiver_options options;
	char prefix[PREFIX_BYTES]; /* of headers, in lower case */
	int record;                /* descriptor; -1: none */
	struct sim_records records;
	struct sim_secrets secrets;
	struct timespec secrets_changed_at;
	struct sim_counters turns, paths;
	uint64_t requests, verified, not_verified;
	struct override *overrides; /* owned list */
};

int sim_receiver_create(const struct sim_receiver_options *options,
			struct sim_receiver **ret_receiver)
{
	int record = -1;
	if (options->record_path) {
		record =
			open(options->record_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (record < 0)
			return -errno;
	}
	struct sim_receiver *receiver = memory_zeroed(1, sizeof(*receiver));
	receiver->options = *options;
	receiver->record = record;
	snprintf(receiver->prefix, sizeof(receiver->prefix), "%s", options->header_prefix);
	for (char *c = receiver->prefix; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	sim_records_init(&receiver->records, options->keep);
	*ret_receiver = receiver;
	return 0;
}

static void forget_overrides(struct sim_receiver *receiver)
{
	while (receiver->overrides) {
		struct override *override = receiver->overrides;
		receiver->overrides = override->next;
		free(override->path);
		free(override);
	}
}

void sim_receiver_destroy(struct sim_receiver *receiver)
{
	if (!receiver)
		return;
	forget_overrides(receiver);
	sim_records_finish(&receiver->records);
	sim_secrets_finish(&receiver->secrets);
	sim_counters_finish(&receiver->turns);
	sim_counters_finish(&receiver->paths);
	if (receiver->record >= 0)
		close(receiver->record);
	free(receiver);
}

/* --- one delivery ------------------------------------------------------------------------- */

/* Reads the secrets again if their file has changed. */
static void refresh_secrets(struct sim_receiver *receiver)
{
	struct stat status;
	const char *path = receiver->options.secret_path;
	if (stat(path, &status) < 0 ||
	    (status.st_mtim.tv_sec == receiver->secrets_changed_at.tv_sec &&
	     status.st_mtim.tv_nsec == receiver->secrets_changed_at.tv_nsec))
		return;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	char text[SECRET_FILE_BYTES];
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	if (length < 0)
		return;
	text[length] = '\0';
	sim_secrets_parse(&receiver->secrets, text);
	receiver->secrets_changed_at = status.st_mtim;
}

static const struct override *find_override(const struct sim_receiver *receiver, const char *path)
{
	for (const struct override *o = receiver->overrides; o; o = o->next) {
		if (strcmp(o->path, path) == 0)
			return o;
	}
	return NULL;
}

/* How often a request with the same key came before on this path. */
static uint64_t take_turn(struct sim_receiver *receiver, const struct sim_request *request,
			  enum sim_sequence_key key)
{
	char header[PREFIX_BYTES + 16];
	CLEANUP(strbuf_finish) struct strbuf text;
	strbuf_init(&text, PATH_BYTES);
	snprintf(header, sizeof(header), "%s-delivery-id", receiver->prefix);
	const char *id = key == SIM_PER_EVENT      ? sim_request_header(request, "webhook-id")
			 : key == SIM_PER_DELIVERY ? sim_request_header(request, header)
						   : NULL;
	strbuf_add_text(&text, request->path);
	strbuf_add_char(&text, ' ');
	strbuf_add_text(&text, id ? id : "");
	return sim_counters_add(&receiver->turns, text.data);
}

static void decide_answer(struct sim_receiver *receiver, const struct sim_request *request,
			  struct sim_answer *answer)
{
	struct sim_behaviour behaviour;
	const struct override *override = find_override(receiver, request->path);
	if (override) {
		behaviour = override->behaviour;
	} else if (sim_behaviour_parse(request->path, &behaviour) < 0) {
		sim_answer_fail(answer, 404, "this path asks for something that makes no sense");
		return;
	}
	bool has_turns = behaviour.status_count > 1 || behaviour.misdeed_turns > 0;
	uint64_t turn = has_turns ? take_turn(receiver, request, behaviour.key) : 0;
	sim_behaviour_answer(&behaviour, turn, answer);
}

/* One write for the whole line, so that readers of the file see whole lines. */
static void write_record(const struct sim_receiver *receiver, const struct strbuf *line)
{
	if (receiver->record >= 0 &&
	    write(receiver->record, line->data, line->length) != (ssize_t)line->length)
		log_error("cannot write the record", LOG_ERRNO(-errno));
}

static const char *header_or_nothing(const struct sim_receiver *receiver,
				     const struct sim_request *request, const char *suffix)
{
	char name[PREFIX_BYTES + 16];
	snprintf(name, sizeof(name), "%s-%s", receiver->prefix, suffix);
	const char *value = sim_request_header(request, name);
	return value ? value : "";
}

static void say(const struct sim_receiver *receiver, const struct sim_request *request,
		const struct sim_remark *remark)
{
	const char *verdict = !remark->is_checked ? "not checked"
			      : remark->reason    ? remark->reason
						  : "good";
	log_info("request", LOG_TEXT("path", request->path),
		 LOG_TEXT("event", header_or_nothing(receiver, request, "event")),
		 LOG_TEXT("id", header_or_nothing(receiver, request, "event-id")),
		 LOG_TEXT("attempt", header_or_nothing(receiver, request, "attempt")),
		 LOG_TEXT("signatures", verdict), LOG_INT("answered", remark->answered));
}

static void receive(struct sim_receiver *receiver, const struct sim_request *request,
		    struct sim_answer *answer)
{
	CLEANUP(strbuf_finish) struct strbuf line;
	struct sim_remark remark = { .is_checked = receiver->options.secret_path != NULL };
	strbuf_init(&line, 2 * SIM_REQUEST_BODY_BYTES);
	if (remark.is_checked) {
		refresh_secrets(receiver);
		remark.reason = sim_verify(request, &receiver->secrets, receiver->prefix);
		receiver->verified += !remark.reason;
		receiver->not_verified += remark.reason != NULL;
	}
	decide_answer(receiver, request, answer);
	remark.answered = answer->is_raw ? 0 : answer->status;
	receiver->requests++;
	sim_counters_add(&receiver->paths, request->path);
	if (receiver->record >= 0 || receiver->options.keep > 0) {
		sim_record_write(request, &remark, &line);
		write_record(receiver, &line);
		sim_records_add(&receiver->records, request->path, line.data, line.length - 1);
	}
	if (receiver->options.is_verbose)
		say(receiver, request, &remark);
}

/* --- the control API ---------------------------------------------------------------------- */

struct behaviour_order {
	const char *path, *as, *retry_after;
	const struct json_value *statuses;
	int64_t delay_ms;
	bool hang;
};

static const struct sim_field behaviour_fields[] = {
	SIM_FIELD(SIM_FIELD_TEXT, struct behaviour_order, path),
	SIM_FIELD(SIM_FIELD_TEXT, struct behaviour_order, as),
	SIM_FIELD(SIM_FIELD_TEXT, struct behaviour_order, retry_after),
	SIM_FIELD(SIM_FIELD_ARRAY, struct behaviour_order, statuses),
	SIM_FIELD(SIM_FIELD_INTEGER, struct behaviour_order, delay_ms),
	SIM_FIELD(SIM_FIELD_BOOL, struct behaviour_order, hang),
};

static int order_behaviour(const struct behaviour_order *order, struct sim_behaviour *behaviour)
{
	int error = sim_behaviour_parse(order->hang ? "/hang"
					: order->as ? order->as
						    : "/",
					behaviour);
	if (error < 0)
		return error;
	for (const struct json_value *v = json_first(order->statuses); v; v = json_next(v)) {
		int64_t status;
		if (!json_integer(v, &status) || !sim_behaviour_add_status(behaviour, status))
			return -EINVAL;
	}
	if (order->delay_ms > 0)
		behaviour->delay_ms = order->delay_ms;
	if (order->retry_after)
		snprintf(behaviour->retry_after, sizeof(behaviour->retry_after), "%s",
			 order->retry_after);
	return 0;
}

static void add_override(struct sim_receiver *receiver, const char *path,
			 const struct sim_behaviour *behaviour)
{
	struct override *override = memory_zeroed(1, sizeof(*override));
	override->path = memory_text(path);
	override->behaviour = *behaviour;
	override->next = receiver->overrides; /* the newest is found first */
	receiver->overrides = override;
}

static void add_behaviour(struct sim_receiver *receiver, const struct sim_request *request,
			  struct sim_answer *answer)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	CLEANUP(strbuf_finish) struct strbuf why;
	struct behaviour_order order = { .path = NULL };
	struct sim_behaviour behaviour;
	strbuf_init(&why, WHY_BYTES);
	if (sim_fields_parse(&request->body, behaviour_fields, ARRAY_SIZE(behaviour_fields), &order,
			     &document, &why) < 0) {
		sim_answer_fail(answer, 400, why.data);
	} else if (!order.path || order_behaviour(&order, &behaviour) < 0) {
		sim_answer_fail(answer, 400, "path is missing, or the rest makes no sense");
	} else {
		add_override(receiver, order.path, &behaviour);
		answer->status = 204;
	}
}

static void forget_behaviours(struct sim_receiver *receiver, const struct sim_request *request,
			      struct sim_answer *answer)
{
	(void)request;
	forget_overrides(receiver);
	answer->status = 204;
}

static void begin_json(struct sim_answer *answer, struct json_writer *writer)
{
	sim_answer_add_header(answer, "Content-Type", "application/json");
	json_writer_init(writer, &answer->body);
	json_begin_object(writer, NULL);
}

static void list_requests(struct sim_receiver *receiver, const struct sim_request *request,
			  struct sim_answer *answer)
{
	char path[PATH_BYTES], limit[32];
	bool has_path = sim_request_parameter(request, "path", path, sizeof(path));
	bool has_limit = sim_request_parameter(request, "limit", limit, sizeof(limit));
	struct json_writer writer;
	begin_json(answer, &writer);
	sim_records_list(&receiver->records, has_path ? path : NULL,
			 has_limit ? strtoul(limit, NULL, 10) : SIZE_MAX, &writer, "requests");
	json_end_object(&writer);
}

static void write_count(void *arg, const char *text, uint64_t count)
{
	json_put_integer(arg, text, (int64_t)count);
}

static void show_statistics(struct sim_receiver *receiver, const struct sim_request *request,
			    struct sim_answer *answer)
{
	(void)request;
	struct json_writer writer;
	begin_json(answer, &writer);
	json_put_integer(&writer, "requests", (int64_t)receiver->requests);
	json_put_integer(&writer, "verified", (int64_t)receiver->verified);
	json_put_integer(&writer, "not_verified", (int64_t)receiver->not_verified);
	json_begin_object(&writer, "paths");
	sim_counters_each(&receiver->paths, write_count, &writer);
	json_end_object(&writer);
	json_end_object(&writer);
}

static void reset_everything(struct sim_receiver *receiver, const struct sim_request *request,
			     struct sim_answer *answer)
{
	(void)request;
	forget_overrides(receiver);
	sim_records_clear(&receiver->records);
	sim_counters_finish(&receiver->turns);
	sim_counters_finish(&receiver->paths);
	receiver->requests = receiver->verified = receiver->not_verified = 0;
	answer->status = 204;
}

static const struct {
	const char *method, *path;
	void (*serve)(struct sim_receiver *receiver, const struct sim_request *request,
		      struct sim_answer *answer);
} routes[] = {
	{ "POST", "/_sim/behaviours", add_behaviour },
	{ "DELETE", "/_sim/behaviours", forget_behaviours },
	{ "GET", "/_sim/requests", list_requests },
	{ "GET", "/_sim/stats", show_statistics },
	{ "POST", "/_sim/reset", reset_everything },
};

void sim_receiver_handle(void *arg, const struct sim_request *request, struct sim_answer *answer)
{
	struct sim_receiver *receiver = arg;
	if (strncmp(request->path, "/_sim/", 6) != 0) {
		receive(receiver, request, answer);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(routes[i].method, request->method) == 0 &&
		    strcmp(routes[i].path, request->path) == 0) {
			routes[i].serve(receiver, request, answer);
			return;
		}
	}
	sim_answer_fail(answer, 404, "there is no such call; golivesim receiver --help lists them");
}
