/* framing: requests whose end is a matter of opinion are refused. */
#include "admin/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS_MAX = 4 };

static const struct {
	const char *version;
	const char *fields[FIELDS_MAX][2];
	const char *refusal; /* part of it; NULL: taken */
} cases[] = {
	{ "HTTP/1.1", { { "Host", "a" } }, NULL },
	{ "HTTP/1.1", { { "Host", "a" }, { "content-length", "5" } }, NULL },
	{ "HTTP/1.1", { { "Host", "a" }, { "Transfer-Encoding", "Chunked" } }, NULL },
	{ "HTTP/1.0", { { NULL, NULL } }, NULL },
	{ "HTTP/1.1", { { NULL, NULL } }, "no Host" },
	{ "HTTP/1.1", { { "Host", "a" }, { "HOST", "a" } }, "more than one Host" },
	{ "HTTP/1.1",
	  { { "Host", "a" }, { "Content-Length", "5" }, { "Content-Length", "5" } },
	  "more than one Content-Length" },
	{ "HTTP/1.1",
	  { { "Host", "a" }, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } },
	  "beside" },
	{ "HTTP/1.1", { { "Host", "a" }, { "Content-Length", "+5" } }, "not a number" },
	{ "HTTP/1.1", { { "Host", "a" }, { "Content-Length", "5, 5" } }, "not a number" },
	{ "HTTP/1.1", { { "Host", "a" }, { "Content-Length", "" } }, "not a number" },
	{ "HTTP/1.1", { { "Host", "a" }, { "Transfer-Encoding", "gzip, chunked" } }, "chunked" },
	{ "HTTP/1.1",
	  { { "Host", "a" },
	    { "Transfer-Encoding", "chunked" },
	    { "Transfer-Encoding", "chunked" } },
	  "chunked" },
	{ "HTTP/1.0", { { "Host", "a" }, { "Transfer-Encoding", "chunked" } }, "HTTP/1.0" },
};

static void requests_without_a_certain_end_or_host_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct framing framing = { 0 };
		for (int f = 0; f < FIELDS_MAX && cases[i].fields[f][0]; f++)
			framing_note(&framing, cases[i].fields[f][0], cases[i].fields[f][1]);
		const char *refusal = framing_refusal(&framing, cases[i].version);
		if (!cases[i].refusal != !refusal ||
		    (refusal && !strstr(refusal, cases[i].refusal)))
			fail_msg("case %zu: wanted \"%s\", got \"%s\"", i,
				 cases[i].refusal ? cases[i].refusal : "taken",
				 refusal ? refusal : "taken");
	}
}

static void a_length_of_any_size_is_read(void **state)
{
	struct framing framing = { 0 };

	(void)state;
	framing_note(&framing, "Content-Length", "0001048577");
	assert_int_equal(framing.content_length, 1048577);
	framing_note(&framing, "Content-Length", "99999999999999999999999999");
	assert_true(framing.content_length == INT64_MAX);
}

static void an_expectation_is_noticed(void **state)
{
	struct framing framing = { 0 };

	(void)state;
	framing_note(&framing, "expect", "100-Continue");
	assert_true(framing.expects_continue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_without_a_certain_end_or_host_are_refused),
		cmocka_unit_test(a_length_of_any_size_is_read),
		cmocka_unit_test(an_expectation_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
