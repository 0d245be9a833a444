#include "sim/control.h"

#include "base/json.h"
#include "base/memory.h"
#include "domain/room.h"
#include "sim/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { LIST_DEFAULT = 1000 };

static uint64_t fresh_room(const struct sim_control *control, int64_t seconds_ago)
{
	return sim_room_id(control->request->received_at_ms - seconds_ago * 1000,
			   control->upstream->rooms_made++);
}

struct script_order {
	const struct json_value *creators; /* for the call that scripts many */
	bool live, poison;
	const char *room_id, *title, *fault, *row;
	int64_t started_seconds_ago, user_count;
};

static const struct sim_field script_fields[] = {
	SIM_FIELD(SIM_FIELD_OBJECT, struct script_order, creators),
	SIM_FIELD(SIM_FIELD_BOOL, struct script_order, live),
	SIM_FIELD(SIM_FIELD_BOOL, struct script_order, poison),
	SIM_FIELD(SIM_FIELD_TEXT, struct script_order, room_id),
	SIM_FIELD(SIM_FIELD_TEXT, struct script_order, title),
	SIM_FIELD(SIM_FIELD_TEXT, struct script_order, fault),
	SIM_FIELD(SIM_FIELD_TEXT, struct script_order, row),
	SIM_FIELD(SIM_FIELD_INTEGER, struct script_order, started_seconds_ago),
	SIM_FIELD(SIM_FIELD_INTEGER, struct script_order, user_count),
};

static int order_script(const struct sim_control *control, const struct script_order *order,
			struct sim_script *script, struct strbuf *why)
{
	*script = (struct sim_script){ .is_live = order->live,
				       .is_poison = order->poison,
				       .viewers = order->user_count };
	if (order->live && !order->room_id)
		script->room = fresh_room(control, order->started_seconds_ago);
	if (order->room_id && *order->room_id && !room_parse(order->room_id, &script->room)) {
		strbuf_add_text(why, "room_id is not a room id; write it into row if you mean it");
		return -EINVAL;
	}
	if (order->fault && !sim_row_fault_find(order->fault, &script->fault)) {
		strbuf_addf(why, "there is no row fault %s", order->fault);
		return -EINVAL;
	}
	script->title = memory_text(order->title);
	script->json = memory_text(order->row);
	return 0;
}

static void write_script(struct json_writer *writer, const char *handle,
			 const struct sim_script *script)
{
	char room[24] = "";
	if (script->room != 0)
		snprintf(room, sizeof(room), "%" PRIu64, script->room);
	json_begin_object(writer, NULL);
	json_put_string(writer, "unique_id", handle);
	json_put_bool(writer, "live", script->is_live);
	json_put_string(writer, "room_id", room);
	json_end_object(writer);
}

static int script_one(struct sim_control *control, const struct script_order *order,
		      const char *handle, struct json_writer *writer, struct strbuf *why)
{
	struct sim_script script;
	int error = order_script(control, order, &script, why);
	if (error < 0)
		return error;
	sim_creators_script(control->upstream->creators, handle, &script);
	write_script(writer, handle, &script);
	return 0;
}

/* {"NAME": {…}, …} */
static int script_many(struct sim_control *control, const struct json_value *creators,
		       struct json_writer *writer, struct strbuf *why)
{
	for (const struct json_value *v = json_first(creators); v; v = json_next(v)) {
		struct script_order order = { .live = false };
		int error =
			sim_fields_read(v, script_fields, ARRAY_SIZE(script_fields), &order, why);
		if (error == 0)
			error = script_one(control, &order, json_key(v), writer, why);
		if (error < 0)
			return error;
	}
	return 0;
}

int sim_control_script(struct sim_control *control, struct strbuf *why)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	struct script_order order = { .live = false };
	int error = sim_fields_parse(&control->request->body, script_fields,
				     ARRAY_SIZE(script_fields), &order, &document, why);
	if (error < 0)
		return error;
	struct json_writer writer;
	sim_control_begin(control, &writer);
	json_begin_array(&writer, "creators");
	error = *control->rest ? script_one(control, &order, control->rest, &writer, why)
			       : script_many(control, order.creators, &writer, why);
	json_end_array(&writer);
	json_end_object(&writer);
	return error;
}

int sim_control_unscript(struct sim_control *control, struct strbuf *why)
{
	if (!*control->rest) {
		sim_creators_unscript_all(control->upstream->creators);
	} else if (!sim_creators_unscript(control->upstream->creators, control->rest)) {
		strbuf_add_text(why, "there is no script for that creator");
		return -ENOENT;
	}
	sim_control_done(control);
	return 0;
}

static void write_scheduled(const struct sim_control *control, struct json_writer *writer,
			    size_t creator, int64_t now_ms)
{
	const struct sim_schedule *schedule = &control->upstream->schedule;
	char name[SIM_NAME_SIZE];
	struct sim_live live;
	sim_schedule_name(schedule, creator, name);
	json_begin_object(writer, NULL);
	json_put_string(writer, "unique_id", name);
	json_put_string(writer, "habit", sim_habit_name(sim_schedule_habit(schedule, creator)));
	bool is_live = sim_schedule_live_at(schedule, creator, now_ms, &live);
	json_put_bool(writer, "live", is_live);
	json_put_time(writer, "started_at", is_live ? live.started_at_ms : 0);
	json_put_time(writer, "ends_at", is_live ? live.ended_at_ms : 0);
	bool has_next = sim_schedule_next_live(schedule, creator, now_ms, &live);
	json_put_time(writer, "next_start", has_next ? live.started_at_ms : 0);
	json_end_object(writer);
}

int sim_control_list_creators(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	const struct sim_upstream *upstream = control->upstream;
	int64_t now_ms = sim_fast_clock_now(&upstream->clock, control->request->received_at_ms);
	int64_t limit = sim_control_parameter(control, "limit", LIST_DEFAULT);
	struct json_writer writer;
	sim_control_begin(control, &writer);
	json_put_time(&writer, "simulated_now", now_ms);
	json_begin_array(&writer, "creators");
	for (size_t i = 0; i < upstream->schedule.creators && (int64_t)i < limit; i++)
		write_scheduled(control, &writer, i, now_ms);
	json_end_array(&writer);
	json_end_object(&writer);
	return 0;
}

int sim_control_make_room(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	char room[24];
	struct json_writer writer;
	snprintf(room, sizeof(room), "%" PRIu64,
		 fresh_room(control, sim_control_parameter(control, "seconds_ago", 0)));
	sim_control_begin(control, &writer);
	json_put_string(&writer, "room_id", room);
	json_end_object(&writer);
	return 0;
}
