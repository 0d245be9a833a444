#include "sim/control.h"

#include "base/json.h"
#include "base/memory.h"
#include "sim/fields.h"

#include <errno.h>
#include <stdio.h>

struct fault_order {
	const char *kind, *handle, *body;
	int64_t count, status, retry_after, delay_ms, batch_max;
	double for_seconds, rate, fraction;
	bool all_paths;
};

static const struct sim_field fault_fields[] = {
	SIM_FIELD(SIM_FIELD_TEXT, struct fault_order, kind),
	SIM_FIELD(SIM_FIELD_TEXT, struct fault_order, handle),
	SIM_FIELD(SIM_FIELD_TEXT, struct fault_order, body),
	SIM_FIELD(SIM_FIELD_INTEGER, struct fault_order, count),
	SIM_FIELD(SIM_FIELD_INTEGER, struct fault_order, status),
	SIM_FIELD(SIM_FIELD_INTEGER, struct fault_order, retry_after),
	SIM_FIELD(SIM_FIELD_INTEGER, struct fault_order, delay_ms),
	SIM_FIELD(SIM_FIELD_INTEGER, struct fault_order, batch_max),
	SIM_FIELD(SIM_FIELD_REAL, struct fault_order, for_seconds),
	SIM_FIELD(SIM_FIELD_REAL, struct fault_order, rate),
	SIM_FIELD(SIM_FIELD_REAL, struct fault_order, fraction),
	SIM_FIELD(SIM_FIELD_BOOL, struct fault_order, all_paths),
};

int sim_control_order_fault(struct sim_control *control, struct strbuf *why)
{
	CLEANUP(json_cleanup) struct json_document *document = NULL;
	struct fault_order order = {
		.count = -1, .retry_after = -1, .batch_max = 1, .rate = 1, .fraction = 1
	};
	int64_t now_ms = control->request->received_at_ms;
	enum sim_fault_kind kind;
	int error = sim_fields_parse(&control->request->body, fault_fields,
				     ARRAY_SIZE(fault_fields), &order, &document, why);
	if (error < 0)
		return error;
	if (!order.kind || !sim_fault_find(order.kind, &kind)) {
		strbuf_add_text(why, "kind must be one of those that GET /_sim/faults lists");
		return -EINVAL;
	}
	struct sim_fault fault;
	sim_fault_init(&fault, kind, now_ms);
	fault.count = order.count;
	fault.until_ms = order.for_seconds > 0 ? now_ms + (int64_t)(order.for_seconds * 1000) : 0;
	fault.rate = order.rate;
	fault.fraction = order.fraction;
	fault.is_for_all_paths = order.all_paths;
	fault.status = (int)order.status;
	fault.retry_after_s = order.retry_after;
	fault.delay_ms = order.delay_ms;
	fault.batch_max = (size_t)order.batch_max;
	snprintf(fault.handle, sizeof(fault.handle), "%s", order.handle ? order.handle : "");
	fault.body = memory_text(order.body);
	sim_faults_add(&control->upstream->faults, &fault);
	sim_control_done(control);
	return 0;
}

int sim_control_list_faults(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	const struct sim_faults *faults = &control->upstream->faults;
	struct json_writer writer;
	sim_control_begin(control, &writer);
	json_begin_array(&writer, "faults");
	for (size_t i = 0; i < faults->count; i++) {
		json_begin_object(&writer, NULL);
		json_put_string(&writer, "kind", sim_fault_name(faults->orders[i].kind));
		json_put_integer(&writer, "count", faults->orders[i].count);
		json_put_real(&writer, "rate", faults->orders[i].rate);
		json_put_time(&writer, "until", faults->orders[i].until_ms);
		json_end_object(&writer);
	}
	json_end_array(&writer);
	json_begin_object(&writer, "kinds");
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++)
		json_put_string(&writer, sim_fault_name((enum sim_fault_kind)i),
				sim_fault_sentence((enum sim_fault_kind)i));
	json_end_object(&writer);
	json_end_object(&writer);
	return 0;
}

int sim_control_forget_faults(struct sim_control *control, struct strbuf *why)
{
	(void)why;
	sim_faults_finish(&control->upstream->faults);
	sim_control_done(control);
	return 0;
}
