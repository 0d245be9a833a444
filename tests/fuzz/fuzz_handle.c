/* A creator's name has one form, and every spelling that is documented leads to it. */
#include "fuzz.h"

#include "domain/handle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		const char *before, *behind;
	} spellings[] = {
		{ "", "" },
		{ "@", "" },
		{ " \t@", "\n" },
		{ "https://www.tiktok.com/@", "" },
		{ "https://www.tiktok.com/@", "/live" },
		{ "HTTP://TikTok.com/@", "/?lang=en" },
	};
	struct fuzz_input input = { data, size };
	char *text = fuzz_take_text(&input);
	char handle[HANDLE_SIZE] = "", again[HANDLE_SIZE], spelled[128];
	if (handle_normalize(text, handle) == 0) {
		size_t length = strlen(handle);
		FUZZ_MUST(length >= LIMIT_HANDLE_MIN && length <= LIMIT_HANDLE_MAX);
		FUZZ_MUST(strspn(handle, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length);
		for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
			snprintf(spelled, sizeof(spelled), "%s%s%s", spellings[i].before, handle,
				 spellings[i].behind);
			FUZZ_MUST(handle_normalize(spelled, again) == 0);
			FUZZ_MUST(strcmp(handle, again) == 0);
		}
	} else {
		FUZZ_MUST(handle[0] == '\0');
	}
	free(text);
	return 0;
}
