#include "sim/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_rows(enum sim_shape shape, enum sim_row_fault fault, const char *json)
{
	struct strbuf out;
	const struct sim_row rows[] = {
		{ .handle = "ann",
		  .is_live = true,
		  .room = 7655296008007584534u,
		  .title = "hi",
		  .viewers = 3,
		  .fault = fault },
	};
	strbuf_init(&out, 1 << 16);
	sim_rows_write(&out, shape, rows, 1);
	assert_string_equal(out.data, json);
	strbuf_finish(&out);
}

#define ROOM "\"room_id\":\"7655296008007584534\""
#define REST ROOM ",\"title\":\"hi\",\"userCount\":3}"
#define ROW "{\"unique_id\":\"ann\",\"is_live\":true,\"alive\":true," REST

static void a_live_row_has_the_documented_fields(void **state)
{
	(void)state;
	expect_rows(SIM_SHAPE_ARRAY, SIM_ROW_RIGHT, "[" ROW "]");
}

static void an_offline_row_has_an_empty_room_and_no_title(void **state)
{
	(void)state;
	struct strbuf out;
	const struct sim_row rows[] = { { .handle = "ann" } };
	strbuf_init(&out, 1 << 16);
	sim_rows_write(&out, SIM_SHAPE_ARRAY, rows, 1);
	assert_string_equal(out.data, "[{\"unique_id\":\"ann\",\"is_live\":false,"
				      "\"alive\":false,\"room_id\":\"\"}]");
	strbuf_finish(&out);
}

static void every_shape_holds_the_same_row(void **state)
{
	(void)state;
	expect_rows(SIM_SHAPE_RESULTS, SIM_ROW_RIGHT, "{\"results\":[" ROW "]}");
	expect_rows(SIM_SHAPE_MAP, SIM_ROW_RIGHT, "{\"ann\":true}");
	expect_rows(
		SIM_SHAPE_FIELD, SIM_ROW_RIGHT,
		"[{\"unique_id\":\"ann\",\"is_live\":true,\"alive\":true,\"alive_status\":\"live\","
		"\"live_status\":\"live\"," REST "]");
}

static void every_fault_of_a_row_shows(void **state)
{
	(void)state;
	const struct {
		enum sim_row_fault fault;
		const char *json;
	} cases[] = {
		{ SIM_ROW_MISSING, "[]" },
		{ SIM_ROW_NULL,
		  "[{\"unique_id\":\"ann\",\"is_live\":null,\"alive\":null," REST "]" },
		{ SIM_ROW_UNKNOWN,
		  "[{\"unique_id\":\"ann\",\"is_live\":null,\"alive\":null,"
		  "\"alive_status\":\"unknown\",\"live_status\":\"unknown\"," REST "]" },
		{ SIM_ROW_BARE, "[{\"unique_id\":\"ann\"}]" },
		{ SIM_ROW_CHECK_FAILED, "[{\"unique_id\":\"ann\",\"is_live\":false,\"alive\":false,"
					"\"check_failed\":true," REST "]" },
		{ SIM_ROW_CONTRADICTORY,
		  "[{\"unique_id\":\"ann\",\"is_live\":true,\"alive\":false," REST "]" },
		{ SIM_ROW_WRONG_TYPES,
		  "[{\"unique_id\":\"ann\",\"is_live\":\"yes\",\"alive\":17," REST "]" },
		{ SIM_ROW_RECASED,
		  "[{\"unique_id\":\"ANN\",\"is_live\":true,\"alive\":true," REST "]" },
		{ SIM_ROW_DUPLICATE, "[" ROW "," ROW "]" },
		{ SIM_ROW_CONFLICTING, "[" ROW ",{\"unique_id\":\"ann\",\"is_live\":false,"
				       "\"alive\":false," ROOM "}]" },
		{ SIM_ROW_ROOM_NUMBER,
		  "[{\"unique_id\":\"ann\",\"is_live\":true,\"alive\":true,"
		  "\"room_id\":7655296008007584534,\"title\":\"hi\",\"userCount\":3}]" },
		{ SIM_ROW_ROOM_BROKEN,
		  "[{\"unique_id\":\"ann\",\"is_live\":true,\"alive\":true,"
		  "\"room_id\":\"-7000000000000000000x\",\"title\":\"hi\",\"userCount\":3}]" },
	};
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), SIM_ROW_FAULTS - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_rows(SIM_SHAPE_ARRAY, cases[i].fault, cases[i].json);
}

static void a_map_says_null_where_a_row_would_be_doubtful(void **state)
{
	(void)state;
	expect_rows(SIM_SHAPE_MAP, SIM_ROW_CHECK_FAILED, "{\"ann\":null}");
	expect_rows(SIM_SHAPE_MAP, SIM_ROW_MISSING, "{}");
	expect_rows(SIM_SHAPE_MAP, SIM_ROW_WRONG_TYPES, "{\"ann\":\"yes\"}");
}

static void faults_of_rows_are_found_by_both_their_names(void **state)
{
	(void)state;
	enum sim_row_fault fault;
	assert_true(sim_row_fault_find("check_failed", &fault));
	assert_int_equal(fault, SIM_ROW_CHECK_FAILED);
	assert_false(sim_row_fault_find("rows_check_failed", &fault));
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
		enum sim_fault_kind kind = (enum sim_fault_kind)i;
		bool is_mapped = sim_row_fault_of(kind) != SIM_ROW_RIGHT;
		bool should_be =
			sim_fault_stage(kind) == SIM_AT_ROWS && kind != SIM_FAULT_ROWS_STRANGERS;
		if (is_mapped != should_be)
			fail_msg("%s maps to the wrong fault of a row", sim_fault_name(kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_row_has_the_documented_fields),
		cmocka_unit_test(an_offline_row_has_an_empty_room_and_no_title),
		cmocka_unit_test(every_shape_holds_the_same_row),
		cmocka_unit_test(every_fault_of_a_row_shows),
		cmocka_unit_test(a_map_says_null_where_a_row_would_be_doubtful),
		cmocka_unit_test(faults_of_rows_are_found_by_both_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
