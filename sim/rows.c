#include "sim/rows.h"

#include "base/json_writer.h"
#include "base/memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool sim_shape_find(const char *name, enum sim_shape *ret_shape)
{
	static const char *const names[] = {
		[SIM_SHAPE_ARRAY] = "array",
		[SIM_SHAPE_FIELD] = "field",
		[SIM_SHAPE_MAP] = "map",
		[SIM_SHAPE_RESULTS] = "results",
	};
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_shape = (enum sim_shape)i;
			return true;
		}
	}
	return false;
}

static const struct {
	const char *name;
	enum sim_fault_kind kind;
} row_faults[SIM_ROW_FAULTS] = {
	[SIM_ROW_RIGHT] = { "right", SIM_FAULT_KINDS },
	[SIM_ROW_MISSING] = { "missing", SIM_FAULT_ROWS_MISSING },
	[SIM_ROW_NULL] = { "null", SIM_FAULT_ROWS_NULL },
	[SIM_ROW_UNKNOWN] = { "unknown", SIM_FAULT_ROWS_UNKNOWN },
	[SIM_ROW_BARE] = { "bare", SIM_FAULT_ROWS_BARE },
	[SIM_ROW_CHECK_FAILED] = { "check_failed", SIM_FAULT_ROWS_CHECK_FAILED },
	[SIM_ROW_CONTRADICTORY] = { "contradictory", SIM_FAULT_ROWS_CONTRADICTORY },
	[SIM_ROW_WRONG_TYPES] = { "wrong_types", SIM_FAULT_ROWS_WRONG_TYPES },
	[SIM_ROW_RECASED] = { "recased", SIM_FAULT_ROWS_RECASED },
	[SIM_ROW_DUPLICATE] = { "duplicate", SIM_FAULT_ROWS_DUPLICATE },
	[SIM_ROW_CONFLICTING] = { "conflicting", SIM_FAULT_ROWS_CONFLICTING },
	[SIM_ROW_ROOM_NUMBER] = { "room_number", SIM_FAULT_ROWS_ROOM_NUMBER },
	[SIM_ROW_ROOM_BROKEN] = { "room_broken", SIM_FAULT_ROWS_ROOM_BROKEN },
};

bool sim_row_fault_find(const char *name, enum sim_row_fault *ret_fault)
{
	for (unsigned i = 0; i < SIM_ROW_FAULTS; i++) {
		if (strcmp(row_faults[i].name, name) == 0) {
			*ret_fault = (enum sim_row_fault)i;
			return true;
		}
	}
	return false;
}

enum sim_row_fault sim_row_fault_of(enum sim_fault_kind kind)
{
	for (unsigned i = 0; i < SIM_ROW_FAULTS; i++) {
		if (row_faults[i].kind == kind)
			return (enum sim_row_fault)i;
	}
	return SIM_ROW_RIGHT;
}

/* The handle as the row has it; the caller frees it. */
static char *row_handle(const struct sim_row *row)
{
	char *handle = memory_text(row->handle);
	for (char *c = handle; row->fault == SIM_ROW_RECASED && *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return handle;
}

static void put_handle(struct json_writer *writer, const struct sim_row *row)
{
	CLEANUP(cleanup_free) char *handle = row_handle(row);
	json_put_string(writer, "unique_id", handle);
}

static void put_room(struct json_writer *writer, const struct sim_row *row)
{
	char digits[24] = "";
	if (row->room != 0)
		snprintf(digits, sizeof(digits), "%" PRIu64, row->room);
	if (row->fault == SIM_ROW_ROOM_BROKEN)
		json_put_string(writer, "room_id", "-7000000000000000000x");
	else if (row->fault == SIM_ROW_ROOM_NUMBER)
		json_put_raw(writer, "room_id", row->room ? digits : "0",
			     row->room ? strlen(digits) : 1);
	else
		json_put_string(writer, "room_id", digits);
}

/* is_live and alive, as the fault has them. */
static void put_flags(struct json_writer *writer, const struct sim_row *row)
{
	switch (row->fault) {
	case SIM_ROW_BARE:
		return;
	case SIM_ROW_NULL:
	case SIM_ROW_UNKNOWN:
		json_put_null(writer, "is_live");
		json_put_null(writer, "alive");
		return;
	case SIM_ROW_WRONG_TYPES:
		json_put_string(writer, "is_live", row->is_live ? "yes" : "");
		json_put_integer(writer, "alive", row->is_live ? 17 : -1);
		return;
	case SIM_ROW_CHECK_FAILED:
		json_put_bool(writer, "is_live", false);
		json_put_bool(writer, "alive", false);
		return;
	default:
		json_put_bool(writer, "is_live", row->is_live);
		json_put_bool(writer, "alive",
			      row->is_live ^ (row->fault == SIM_ROW_CONTRADICTORY));
	}
}

static void put_field_status(struct json_writer *writer, const struct sim_row *row)
{
	const char *status = row->is_live ? "live" : "offline";
	if (row->fault == SIM_ROW_NULL || row->fault == SIM_ROW_UNKNOWN)
		status = "unknown";
	json_put_string(writer, "alive_status", status);
	json_put_string(writer, "live_status", status);
}

static void put_row(struct json_writer *writer, const struct sim_row *row, bool has_field_status)
{
	json_begin_object(writer, NULL);
	put_handle(writer, row);
	put_flags(writer, row);
	if (row->fault == SIM_ROW_UNKNOWN || (has_field_status && row->fault != SIM_ROW_BARE))
		put_field_status(writer, row);
	if (row->fault == SIM_ROW_CHECK_FAILED)
		json_put_bool(writer, "check_failed", true);
	if (row->fault != SIM_ROW_BARE)
		put_room(writer, row);
	if (row->is_live && row->fault != SIM_ROW_BARE) {
		json_put_string(writer, "title", row->title ? row->title : "");
		json_put_integer(writer, "userCount", row->viewers);
	}
	json_end_object(writer);
}

static void write_rows(struct json_writer *writer, const char *key, const struct sim_row *rows,
		       size_t count, bool has_field_status)
{
	json_begin_array(writer, key);
	for (size_t i = 0; i < count; i++) {
		struct sim_row row = rows[i];
		if (row.fault == SIM_ROW_MISSING)
			continue;
		if (row.json) {
			json_put_raw(writer, NULL, row.json, strlen(row.json));
			continue;
		}
		put_row(writer, &row, has_field_status);
		if (row.fault == SIM_ROW_CONFLICTING)
			row.is_live = !row.is_live;
		if (row.fault == SIM_ROW_DUPLICATE || row.fault == SIM_ROW_CONFLICTING)
			put_row(writer, &row, has_field_status);
	}
	json_end_array(writer);
}

/* A map has one value for each handle, so what else a row says has no place in it. */
static void write_map(struct json_writer *writer, const struct sim_row *rows, size_t count)
{
	json_begin_object(writer, NULL);
	for (size_t i = 0; i < count; i++) {
		const struct sim_row *row = &rows[i];
		CLEANUP(cleanup_free) char *handle = row_handle(row);
		switch (row->fault) {
		case SIM_ROW_MISSING:
			break;
		case SIM_ROW_NULL:
		case SIM_ROW_UNKNOWN:
		case SIM_ROW_BARE:
		case SIM_ROW_CHECK_FAILED:
		case SIM_ROW_CONTRADICTORY:
			json_put_null(writer, handle);
			break;
		case SIM_ROW_WRONG_TYPES:
			json_put_string(writer, handle, row->is_live ? "yes" : "no");
			break;
		default:
			json_put_bool(writer, handle, row->is_live);
		}
	}
	json_end_object(writer);
}

void sim_rows_write(struct strbuf *out, enum sim_shape shape, const struct sim_row *rows,
		    size_t count)
{
	struct json_writer writer;
	json_writer_init(&writer, out);
	switch (shape) {
	case SIM_SHAPE_MAP:
		write_map(&writer, rows, count);
		break;
	case SIM_SHAPE_RESULTS:
		json_begin_object(&writer, NULL);
		write_rows(&writer, "results", rows, count, false);
		json_end_object(&writer);
		break;
	case SIM_SHAPE_ARRAY:
	case SIM_SHAPE_FIELD:
		write_rows(&writer, NULL, rows, count, shape == SIM_SHAPE_FIELD);
		break;
	}
}
