#include "sim/record.h"

#include "base/memory.h"

#include <string.h>

struct sim_recorded {
	char *path, *line; /* owned */
	size_t length;     /* of the line, its newline not counted */
};

static bool has_come_before(const struct sim_request *request, size_t header)
{
	for (size_t i = 0; i < header; i++) {
		if (strcmp(request->headers[i].name, request->headers[header].name) == 0)
			return true;
	}
	return false;
}

static void put_header(const struct sim_request *request, size_t header, struct json_writer *writer)
{
	CLEANUP(strbuf_finish) struct strbuf value;
	strbuf_init(&value, SIM_REQUEST_BODY_BYTES);
	const char *name = request->headers[header].name;
	for (size_t i = header; i < request->header_count; i++) {
		if (strcmp(request->headers[i].name, name) != 0)
			continue;
		strbuf_add_text(&value, i > header ? ", " : "");
		strbuf_add_text(&value, request->headers[i].value);
	}
	json_put_string(writer, name, value.data);
}

void sim_record_write(const struct sim_request *request, const struct sim_remark *remark,
		      struct strbuf *line)
{
	struct json_writer writer;
	json_writer_init(&writer, line);
	json_begin_object(&writer, NULL);
	json_put_time(&writer, "received_at", request->received_at_ms);
	json_put_integer(&writer, "received_at_ms", request->received_at_ms);
	json_put_string(&writer, "method", request->method);
	json_put_string(&writer, "path", request->target);
	json_begin_object(&writer, "headers");
	for (size_t i = 0; i < request->header_count; i++) {
		if (!has_come_before(request, i))
			put_header(request, i, &writer);
	}
	json_end_object(&writer);
	json_put_string_n(&writer, "body", request->body.data, request->body.length);
	json_put_string(&writer, "remote", request->remote);
	json_put_integer(&writer, "answered", remark->answered);
	if (remark->is_checked) {
		json_put_bool(&writer, "verified", !remark->reason);
		json_put_string(&writer, "reason", remark->reason);
	}
	json_end_object(&writer);
	strbuf_add_char(line, '\n');
}

void sim_records_init(struct sim_records *records, size_t capacity)
{
	*records = (struct sim_records){ .capacity = capacity };
	records->ring = memory_zeroed(capacity ? capacity : 1, sizeof(*records->ring));
}

static void recorded_finish(struct sim_recorded *recorded)
{
	free(recorded->path);
	free(recorded->line);
	*recorded = (struct sim_recorded){ 0 };
}

void sim_records_clear(struct sim_records *records)
{
	for (size_t i = 0; i < records->capacity; i++)
		recorded_finish(&records->ring[i]);
	records->added = 0;
}

void sim_records_finish(struct sim_records *records)
{
	sim_records_clear(records);
	free(records->ring);
}

void sim_records_add(struct sim_records *records, const char *path, const char *line, size_t length)
{
	if (records->capacity == 0)
		return;
	struct sim_recorded *place = &records->ring[records->added++ % records->capacity];
	recorded_finish(place);
	place->path = memory_text(path);
	place->line = memory_text_n(line, length);
	place->length = length;
}

void sim_records_list(const struct sim_records *records, const char *path, size_t limit,
		      struct json_writer *writer, const char *key)
{
	size_t kept = records->added < records->capacity ? records->added : records->capacity;
	size_t matching = 0;
	for (size_t i = records->added - kept; i < records->added; i++) {
		const struct sim_recorded *recorded = &records->ring[i % records->capacity];
		matching += !path || strcmp(recorded->path, path) == 0;
	}
	size_t skip = matching > limit ? matching - limit : 0;
	json_begin_array(writer, key);
	for (size_t i = records->added - kept; i < records->added; i++) {
		const struct sim_recorded *recorded = &records->ring[i % records->capacity];
		if (path && strcmp(recorded->path, path) != 0)
			continue;
		if (skip > 0)
			skip--;
		else
			json_put_raw(writer, NULL, recorded->line, recorded->length);
	}
	json_end_array(writer);
}
