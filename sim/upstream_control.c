#include "sim/upstream_control.h"

#include "base/json.h"
#include "base/json_writer.h"
#include "sim/control.h"
#include "sim/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char sim_upstream_control_help[] =
	"  PUT    /_sim/creators/NAME   {live, room_id?, started_seconds_ago?, title?, "
	"user_count?,\n"
	"                               fault?, row?, poison?}: a script, which wins over the\n"
	"                               schedule. Live without a room_id: a fresh one, \"\": "
	"none.\n"
	"                               row: the row's JSON, as a text, sent as it is\n"
	"  DELETE /_sim/creators/NAME   back to the schedule\n"
	"  POST   /_sim/creators        {creators: {NAME: {...}, ...}}: scripts for many\n"
	"  DELETE /_sim/creators        no scripts\n"
	"  GET    /_sim/creators        the scheduled creators (?limit=), their habits and lives\n"
	"  POST   /_sim/faults          {kind, count?, for_seconds?, rate?, fraction?, status?,\n"
	"                               retry_after?, delay_ms?, batch_max?, handle?, body?,\n"
	"                               all_paths?}: a fault for requests to come\n"
	"  GET    /_sim/faults          those ordered, and all kinds\n"
	"  DELETE /_sim/faults          none any more\n"
	"  PUT    /_sim/limits          {tier?, batch?, per_minute?, per_day?}\n"
	"  GET    /_sim/stats           counts, and how often each creator was asked for\n"
	"  GET    /_sim/requests        the last ones (?limit=), oldest first\n"
	"  GET    /_sim/room-id         a fresh room id (?seconds_ago=)\n"
	"  POST   /_sim/reset           no scripts, faults, counts; empty rate windows\n";

enum { WHY_BYTES = 200 };

void sim_control_begin(struct sim_control *control, struct json_writer *writer)
{
	sim_answer_add_header(control->answer, "Content-Type", "application/json");
	json_writer_init(writer, &control->answer->body);
	json_begin_object(writer, NULL);
}

void sim_control_done(struct sim_control *control)
{
	control->answer->status = 204;
}

int64_t sim_control_parameter(const struct sim_control *control, const char *name, int64_t fallback)
{
	char text[32];
	if (!sim_request_parameter(control->request, name, text, sizeof(text)))
		return fallback;
	return strtoll(text, NULL, 10);
}

struct limit_order {
	const char *tier;
	int64_t batch, per_minute, per_day;
};

static const struct sim_field limit_fields[] = {
	SIM_FIELD(SIM_FIELD_TEXT, struct limit_order, tier),
	SIM_FIELD(SIM_FIELD_INTEGER, struct limit_order, batch),
	SIM_FIELD(SIM_FIELD_INTEGER, struct limit_order, per_minute),
	SIM_FIELD(SIM_FIELD_INTEGER, struct limit_order, per_day),
};

static int change_limits(struct sim_control *control, struct strbuf *why)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	struct sim_tier *tier = &control->upstream->limit.tier;
	struct limit_order order = { .batch = -1, .per_minute = -1, .per_day = -1 };
	int error = sim_fields_parse(&control->request->body, limit_fields,
				     ARRAY_SIZE(limit_fields), &order, &document, why);
	if (error < 0)
		return error;
	const struct sim_tier *named = order.tier ? sim_tier_find(order.tier) : tier;
	if (!named) {
		strbuf_addf(why, "there is no tier %s", order.tier);
		return -EINVAL;
	}
	*tier = *named;
	if (order.batch >= 0)
		tier->batch = (unsigned)order.batch;
	if (order.per_minute >= 0)
		tier->per_minute = (unsigned)order.per_minute;
	if (order.per_day >= 0)
		tier->per_day = (unsigned)order.per_day;
	sim_control_done(control);
	return 0;
}

static void write_asks(void *arg, const char *handle, const struct sim_script *script,
		       uint64_t asks)
{
	(void)script;
	if (asks > 0)
		json_put_integer(arg, handle, (int64_t)asks);
}

static int show_statistics(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	struct json_writer writer;
	sim_control_begin(control, &writer);
	sim_statistics_write(control->upstream->statistics, &writer);
	json_put_integer(&writer, "used_today", control->upstream->limit.used_today);
	json_begin_object(&writer, "asks");
	sim_creators_each(control->upstream->creators, write_asks, &writer);
	json_end_object(&writer);
	json_end_object(&writer);
	return 0;
}

static int show_requests(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	int64_t limit = sim_control_parameter(control, "limit", SIM_RECENT_REQUESTS);
	struct json_writer writer;
	sim_control_begin(control, &writer);
	sim_statistics_write_recent(control->upstream->statistics, (size_t)limit, &writer,
				    "requests");
	json_end_object(&writer);
	return 0;
}

static int reset_everything(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	struct sim_upstream *upstream = control->upstream;
	const struct sim_tier tier = upstream->limit.tier;
	sim_faults_finish(&upstream->faults);
	sim_creators_reset(upstream->creators);
	sim_statistics_reset(upstream->statistics);
	sim_ratelimit_finish(&upstream->limit);
	sim_ratelimit_init(&upstream->limit, &tier);
	sim_control_done(control);
	return 0;
}

/* --- which call it is --------------------------------------------------------------------- */

static const struct {
	const char *method, *path; /* a path that ends in '/' takes a name behind it */
	int (*serve)(struct sim_control *control, struct strbuf *why);
} routes[] = {
	{ "PUT", "/_sim/creators/", sim_control_script },
	{ "DELETE", "/_sim/creators/", sim_control_unscript },
	{ "POST", "/_sim/creators", sim_control_script },
	{ "DELETE", "/_sim/creators", sim_control_unscript },
	{ "GET", "/_sim/creators", sim_control_list_creators },
	{ "POST", "/_sim/faults", sim_control_order_fault },
	{ "GET", "/_sim/faults", sim_control_list_faults },
	{ "DELETE", "/_sim/faults", sim_control_forget_faults },
	{ "PUT", "/_sim/limits", change_limits },
	{ "GET", "/_sim/stats", show_statistics },
	{ "GET", "/_sim/requests", show_requests },
	{ "GET", "/_sim/room-id", sim_control_make_room },
	{ "POST", "/_sim/reset", reset_everything },
};

/* What the route leaves of the path, NULL if it is not the request's route. */
static const char *match_route(size_t route, const struct sim_request *request)
{
	size_t length = strlen(routes[route].path);
	if (strcmp(request->method, routes[route].method) != 0 ||
	    strncmp(request->path, routes[route].path, length) != 0)
		return NULL;
	const char *rest = request->path + length;
	bool takes_name = routes[route].path[length - 1] == '/';
	return takes_name == (*rest != '\0') ? rest : NULL;
}

void sim_upstream_control(struct sim_upstream *upstream, const struct sim_request *request,
			  struct sim_answer *answer)
{
	struct sim_control control = { upstream, request, answer, NULL };
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		control.rest = match_route(i, request);
		if (!control.rest)
			continue;
		CLEANUP(strbuf_finish) struct strbuf why;
		strbuf_init(&why, WHY_BYTES);
		int error = routes[i].serve(&control, &why);
		if (error < 0)
			sim_answer_fail(answer, error == -ENOENT ? 404 : 400, why.data);
		return;
	}
	sim_answer_fail(answer, 404, "there is no such call; golivesim upstream --help lists them");
}
