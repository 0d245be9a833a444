#include "domain/handle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LETTERS_62 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij"

static void every_spelling_of_a_creator_becomes_the_stored_one(void **state)
{
	(void)state;
	const struct {
		const char *text, *handle;
	} cases[] = {
		{ "charlidamelio", "charlidamelio" },
		{ "@charlidamelio", "charlidamelio" },
		{ "CharliDamelio", "charlidamelio" },
		{ "  @khaby.lame\t\n", "khaby.lame" },
		{ "a_b-c.9", "a_b-c.9" },
		{ "ab", "ab" },
		{ LETTERS_62 "yz", LETTERS_62 "yz" },
		{ "https://www.tiktok.com/@khaby.lame", "khaby.lame" },
		{ "https://www.tiktok.com/@khaby.lame/", "khaby.lame" },
		{ "https://www.tiktok.com/@khaby.lame/live", "khaby.lame" },
		{ "https://www.tiktok.com/@Khaby.Lame/live/", "khaby.lame" },
		{ "HTTPS://WWW.TikTok.com/@khaby.lame/LIVE", "khaby.lame" },
		{ "https://tiktok.com/@khaby.lame", "khaby.lame" },
		{ "http://www.tiktok.com/@khaby.lame", "khaby.lame" },
		{ "http://tiktok.com/@khaby.lame/live", "khaby.lame" },
		{ "https://www.tiktok.com/@khaby.lame?lang=en", "khaby.lame" },
		{ "https://www.tiktok.com/@khaby.lame/live?a=/b@c", "khaby.lame" },
		{ "https://www.tiktok.com/@khaby.lame#top", "khaby.lame" },
		{ " https://www.tiktok.com/@khaby.lame/live ", "khaby.lame" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char handle[HANDLE_SIZE];
		if (handle_normalize(cases[i].text, handle) != 0)
			fail_msg("\"%s\" was refused", cases[i].text);
		assert_string_equal(handle, cases[i].handle);
	}
}

static void what_is_no_handle_is_refused_and_writes_nothing(void **state)
{
	(void)state;
	const char *const cases[] = {
		"",
		" ",
		"@",
		"a",
		"@a",
		"@@ab",
		"a b",
		"ab\ncd",
		"a/b",
		"ab!",
		"ab%20",
		"na\xC3\xAFve",
		"a\x7F",
		LETTERS_62 "xyz",
		"https://www.tiktok.com/",
		"https://www.tiktok.com/@",
		"https://www.tiktok.com/@a",
		"https://www.tiktok.com/khaby",
		"https://www.tiktok.com/@khaby/video/7",
		"https://www.tiktok.com/@khaby/lives",
		"https://www.tiktok.com/@kha by",
		"https://www.tiktok.com.evil.example/@khaby",
		"https://evil.example/@khaby",
		"ftp://www.tiktok.com/@khaby",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char handle[HANDLE_SIZE] = "before";
		if (handle_normalize(cases[i], handle) != -EINVAL)
			fail_msg("\"%s\" was taken for \"%s\"", cases[i], handle);
		assert_string_equal(handle, "before");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_creator_becomes_the_stored_one),
		cmocka_unit_test(what_is_no_handle_is_refused_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
