/* http_head: which lines make a final head, and which are no answer at all. */
#include "base/http_head.h"
#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Adds text line by line; what the first refused line was refused for, or NULL. */
static const char *add(struct http_head *head, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n") + 1;
		const char *fault = http_head_add_line(head, text, length);
		if (fault)
			return fault;
		text += length;
	}
	return NULL;
}

static void a_head_is_complete_with_its_blank_line(void **state)
{
	struct http_head head;

	(void)state;
	http_head_init(&head);
	assert_null(add(&head, "HTTP/1.1 200 OK\r\nA: b\r\n"));
	assert_false(http_head_is_complete(&head));
	assert_null(add(&head, "\r\n"));
	assert_true(http_head_is_complete(&head));
	assert_int_equal(head.status, 200);
	assert_string_equal(head.text.data, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
	http_head_finish(&head);
}

static void a_1xx_block_is_not_the_final_head_and_leaves_nothing_behind(void **state)
{
	struct http_head head;

	(void)state;
	http_head_init(&head);
	assert_null(add(&head, "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"));
	assert_false(http_head_is_complete(&head));
	assert_null(add(&head, "HTTP/1.1 404 No\r\n\r\n"));
	assert_true(http_head_is_complete(&head));
	assert_int_equal(head.status, 404);
	assert_string_equal(head.text.data, "HTTP/1.1 404 No\r\n\r\n");
	http_head_finish(&head);
}

static void a_trailer_changes_nothing(void **state)
{
	struct http_head head;

	(void)state;
	http_head_init(&head);
	assert_null(add(&head, "HTTP/1.1 200 OK\r\n\r\n"));
	assert_null(add(&head, "HTTP/1.1 500 Trick\r\n\r\n"));
	assert_int_equal(head.status, 200);
	assert_string_equal(head.text.data, "HTTP/1.1 200 OK\r\n\r\n");
	http_head_finish(&head);
}

static void a_head_can_be_cleared_for_the_next_answer(void **state)
{
	struct http_head head;

	(void)state;
	http_head_init(&head);
	assert_null(add(&head, "HTTP/1.1 200 OK\r\n\r\n"));
	http_head_clear(&head);
	assert_false(http_head_is_complete(&head));
	assert_null(add(&head, "HTTP/1.1 201 Yes\r\n\r\n"));
	assert_int_equal(head.status, 201);
	http_head_finish(&head);
}

static void what_is_no_answer_of_http_1_is_refused(void **state)
{
	static const char *const bad[] = {
		"HTTP/2 200\r\n",
		"HTTP/1.1\r\n",
		"HTTP/1.1 20\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		"HTTP/1.1 099 OK\r\n",
		"http/1.1 200\r\n",
		"ICY 200 OK\r\n",
		"\r\n",
		"HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct http_head head;
		http_head_init(&head);
		if (!add(&head, bad[i]))
			fail_msg("taken for an answer: %s", bad[i]);
		http_head_finish(&head);
	}
}

static void a_nul_hides_nothing_in_a_head(void **state)
{
	static const char status[] = "HTTP/1.1 200\0OK\r\n";
	static const char field[] = "A: b\0Transfer-Encoding: gzip\r\n";
	struct http_head head;

	(void)state;
	http_head_init(&head);
	assert_non_null(http_head_add_line(&head, status, sizeof status - 1));
	http_head_clear(&head);
	assert_null(add(&head, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(http_head_add_line(&head, field, sizeof field - 1));
	http_head_finish(&head);
}

static void the_limit_counts_all_blocks_together(void **state)
{
	static const char block[] = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
	struct http_head head;
	size_t added = 0;

	(void)state;
	http_head_init(&head);
	while (added + sizeof block - 1 <= LIMIT_RESPONSE_HEAD_BYTES) {
		assert_null(add(&head, block));
		added += sizeof block - 1;
	}
	assert_non_null(add(&head, block));
	http_head_finish(&head);
}

static void a_field_is_found_by_its_whole_name_in_any_case(void **state)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nRetry-After-Not: 1\r\nretry-AFTER: \t 30 \r\n"
		"Retry-After: 40\r\nEmpty:\r\n\r\n";
	size_t length;
	const char *value = http_head_field(text, "Retry-After", &length);

	(void)state;
	assert_non_null(value);
	assert_int_equal(length, 2);
	assert_memory_equal(value, "30", 2);
	assert_non_null(http_head_field(text, "empty", &length));
	assert_int_equal(length, 0);
	assert_null(http_head_field(text, "Missing", &length));
	assert_null(http_head_field("", "Missing", &length));
}

static void only_tokens_and_printable_bytes_can_be_sent(void **state)
{
	(void)state;
	assert_true(http_field_is_sendable("X-Tiktool_1!", "a b\tc~"));
	assert_true(http_field_is_sendable("X", ""));
	assert_false(http_field_is_sendable("", "a"));
	assert_false(http_field_is_sendable("X Y", "a"));
	assert_false(http_field_is_sendable("X:", "a"));
	assert_false(http_field_is_sendable("X\r", "a"));
	assert_false(http_field_is_sendable("X", "a\r\nb: c"));
	assert_false(http_field_is_sendable("X", "a\x7f"));
	assert_false(http_field_is_sendable("X", "\xc3\xa9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_complete_with_its_blank_line),
		cmocka_unit_test(a_1xx_block_is_not_the_final_head_and_leaves_nothing_behind),
		cmocka_unit_test(a_trailer_changes_nothing),
		cmocka_unit_test(a_head_can_be_cleared_for_the_next_answer),
		cmocka_unit_test(what_is_no_answer_of_http_1_is_refused),
		cmocka_unit_test(the_limit_counts_all_blocks_together),
		cmocka_unit_test(a_field_is_found_by_its_whole_name_in_any_case),
		cmocka_unit_test(only_tokens_and_printable_bytes_can_be_sent),
		cmocka_unit_test(a_nul_hides_nothing_in_a_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
