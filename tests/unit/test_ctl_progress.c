#include "ctl/progress.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(size_t done, size_t total, const char *expected)
{
	struct strbuf line;

	strbuf_init(&line, 256);
	progress_render(done, total, &line);
	assert_string_equal(line.data, expected);
	strbuf_finish(&line);
}

static void a_bar_fills_as_it_goes(void **state)
{
	(void)state;
	expect(0, 200, "[----------------------------------------]   0 %  0/200");
	expect(100, 200, "[####################--------------------]  50 %  100/200");
	expect(199, 200, "[#######################################-]  99 %  199/200");
	expect(200, 200, "[########################################] 100 %  200/200");
}

static void nothing_to_do_is_done(void **state)
{
	(void)state;
	expect(0, 0, "[########################################] 100 %  0/0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bar_fills_as_it_goes),
		cmocka_unit_test(nothing_to_do_is_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
