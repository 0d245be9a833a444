#include "ctl/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What came out, an event as "id|type|data;". */
static struct strbuf seen;
static bool wants_more;

static bool on_event(void *arg, const char *id, const char *type, const char *data)
{
	(void)arg;
	strbuf_addf(&seen, "%s|%s|%s;", id, type, data);
	return wants_more;
}

/* Feeds the text in pieces of that many bytes. */
static bool feed(const char *text, size_t piece)
{
	struct sse sse;
	bool goes_on = true;

	strbuf_clear(&seen);
	sse_init(&sse);
	for (size_t left = strlen(text); left > 0 && goes_on; text += piece) {
		piece = piece < left ? piece : left;
		goes_on = sse_feed(&sse, text, piece, on_event, NULL);
		left -= piece;
	}
	sse_finish(&sse);
	return goes_on;
}

static int set_up(void **state)
{
	(void)state;
	strbuf_init(&seen, 1 << 20);
	wants_more = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	strbuf_finish(&seen);
	return 0;
}

static void events_are_the_same_in_pieces_of_any_size(void **state)
{
	static const char text[] = "id: evt_1\nevent: live.start\ndata: {\"a\": 1}\n\n"
				   ": still here\n\n"
				   "id:evt_2\r\nevent:live.end\r\ndata:x\r\ndata: y\r\n\r\n";
	(void)state;
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		assert_true(feed(text, piece));
		assert_string_equal(seen.data, "evt_1|live.start|{\"a\": 1};evt_2|live.end|x\ny;");
	}
}

static void what_is_not_complete_is_no_event(void **state)
{
	(void)state;
	assert_true(feed("id: evt_1\nevent: live.start\ndata: {}\n", 100));
	assert_string_equal(seen.data, "");
	assert_true(feed("event: live.start\n\nretry: 5\n\ndata\n\n", 100));
	assert_string_equal(seen.data, "");
}

static void the_reader_ends_it(void **state)
{
	(void)state;
	wants_more = false;
	assert_false(feed("id: 1\ndata: a\n\nid: 2\ndata: b\n\n", 100));
	assert_string_equal(seen.data, "1||a;");
}

static void a_line_without_end_ends_it(void **state)
{
	static char line[1 << 16];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	assert_false(feed(line, sizeof(line)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(events_are_the_same_in_pieces_of_any_size),
		TEST(what_is_not_complete_is_no_event),
		TEST(the_reader_ends_it),
		TEST(a_line_without_end_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
