#include "sim/misbehaviour.h"

#include "base/json_writer.h"

#include <string.h>

enum { DEEP_LEVELS = 5000, HUGE_BYTES = 5 << 20 };

static const char html_page[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
				"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n"
				"</html>\r\n";

bool sim_error_shape_find(const char *name, enum sim_error_shape *ret_shape)
{
	static const char *const names[] = {
		[SIM_ERROR_MESSAGE] = "message",
		[SIM_ERROR_TEXT] = "error",
		[SIM_ERROR_NESTED] = "nested",
	};
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_shape = (enum sim_error_shape)i;
			return true;
		}
	}
	return false;
}

static void answer_json(struct sim_answer *answer, int status, const char *json)
{
	answer->status = status;
	sim_answer_add_header(answer, "Content-Type", "application/json");
	strbuf_add_text(&answer->body, json);
}

static void answer_html(struct sim_answer *answer, int status)
{
	answer->status = status;
	sim_answer_add_header(answer, "Content-Type", "text/html; charset=utf-8");
	strbuf_add_text(&answer->body, html_page);
}

void sim_upstream_error(struct sim_answer *answer, enum sim_error_shape shape, int status,
			const char *text)
{
	answer_json(answer, status, "");
	struct json_writer writer;
	json_writer_init(&writer, &answer->body);
	json_begin_object(&writer, NULL);
	switch (shape) {
	case SIM_ERROR_MESSAGE:
		json_put_integer(&writer, "status_code", status);
		json_put_string(&writer, "message", text);
		break;
	case SIM_ERROR_TEXT:
		json_put_integer(&writer, "status_code", -1);
		json_put_string(&writer, "error", text);
		break;
	case SIM_ERROR_NESTED:
		json_begin_object(&writer, "error");
		json_put_string(&writer, "message", text);
		json_end_object(&writer);
		break;
	}
	json_end_object(&writer);
}

static int status_of(const struct sim_fault *fault, int own)
{
	return fault->status ? fault->status : own;
}

static void answer_rate_limited(const struct sim_fault *fault, enum sim_error_shape shape,
				struct sim_answer *answer)
{
	if (fault->retry_after_s >= 0)
		sim_answer_add_number(answer, "Retry-After", fault->retry_after_s);
	sim_upstream_error(answer, shape, 429, "Rate limit exceeded. Retry after 60 seconds.");
}

void sim_misbehave_instead(const struct sim_fault *fault, enum sim_error_shape shape,
			   struct sim_answer *answer)
{
	switch (fault->kind) {
	case SIM_FAULT_RATE_LIMITED:
		answer_rate_limited(fault, shape, answer);
		break;
	case SIM_FAULT_UNAUTHORIZED:
		sim_upstream_error(answer, shape, 401, "Invalid or missing API key");
		break;
	case SIM_FAULT_HTML_ERROR:
		answer_html(answer, status_of(fault, 502));
		break;
	case SIM_FAULT_HTML:
		answer_html(answer, 200);
		break;
	case SIM_FAULT_EMPTY_BODY:
		answer_json(answer, 200, "");
		break;
	case SIM_FAULT_ERROR_IN_200:
		answer_json(answer, 200, "{\"status_code\":-1,\"error\":\"upstream unavailable\"}");
		break;
	case SIM_FAULT_EMPTY_DATA:
		answer_json(answer, 200, "{\"status_code\":0,\"data\":[]}");
		break;
	case SIM_FAULT_NULL_DATA:
		answer_json(answer, 200, "{\"status_code\":0,\"data\":null}");
		break;
	case SIM_FAULT_NO_DATA:
		answer_json(answer, 200, "{\"status_code\":0}");
		break;
	case SIM_FAULT_UNKNOWN_SHAPE:
		answer_json(answer, 200, "{\"status_code\":0,\"data\":\"see attachment\"}");
		break;
	case SIM_FAULT_BODY:
		answer_json(answer, status_of(fault, 200), fault->body ? fault->body : "");
		break;
	case SIM_FAULT_TOO_LARGE:
		sim_upstream_error(answer, shape, status_of(fault, 413), "Too many unique_ids");
		break;
	case SIM_FAULT_POISON:
		sim_upstream_error(answer, shape, status_of(fault, 400), "Invalid unique_ids");
		break;
	default:
		sim_upstream_error(answer, shape, status_of(fault, 500), "Internal server error");
	}
}

bool sim_fault_is_from_gateway(enum sim_fault_kind kind)
{
	return kind == SIM_FAULT_HTML_ERROR || kind == SIM_FAULT_HTML;
}

static void add_repeated(struct strbuf *out, char byte, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strbuf_add_char(out, byte);
}

void sim_misbehave_in_object(const struct sim_fault *fault, struct strbuf *members)
{
	switch (fault->kind) {
	case SIM_FAULT_INVALID_UTF8:
		strbuf_add_text(members, ",\"note\":\"\xff\xfe\"");
		break;
	case SIM_FAULT_DEEP:
		strbuf_add_text(members, ",\"note\":");
		add_repeated(members, '[', DEEP_LEVELS);
		add_repeated(members, ']', DEEP_LEVELS);
		break;
	case SIM_FAULT_HUGE_BODY:
		strbuf_add_text(members, ",\"note\":\"");
		add_repeated(members, 'x', HUGE_BYTES);
		strbuf_add_char(members, '"');
		break;
	default:
		break;
	}
}

void sim_misbehave_in_text(const struct sim_fault *fault, struct strbuf *text)
{
	if (fault->kind == SIM_FAULT_TRAILING)
		strbuf_add_text(text, "\n<!-- served by cache-7 -->");
	if (fault->kind == SIM_FAULT_TRUNCATED && text->length > 1) {
		text->length /= 2;
		text->data[text->length] = '\0';
	}
}

void sim_misbehave_in_transport(const struct sim_fault *fault, struct sim_answer *answer)
{
	switch (fault->kind) {
	case SIM_FAULT_RESET:
	case SIM_FAULT_CLOSED:
	case SIM_FAULT_HANG:
		answer->is_raw = true;
		strbuf_clear(&answer->body);
		answer->ending = fault->kind == SIM_FAULT_RESET    ? SIM_ENDS_RESET
				 : fault->kind == SIM_FAULT_CLOSED ? SIM_ENDS_CLOSED
								   : SIM_ENDS_OPEN;
		break;
	case SIM_FAULT_SLOW:
		answer->delay_ms = fault->delay_ms ? fault->delay_ms : 2000;
		break;
	case SIM_FAULT_DRIP:
		answer->drip_bytes = 16;
		answer->drip_every_ms = fault->delay_ms ? fault->delay_ms : 100;
		break;
	case SIM_FAULT_CUT:
		answer->cut_after = answer->body.length / 2 + 200;
		answer->ending = SIM_ENDS_CLOSED;
		break;
	default:
		break;
	}
}
