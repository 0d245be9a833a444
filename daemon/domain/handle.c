#include "domain/handle.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const profile_prefixes[] = {
	"https://www.tiktok.com/@",
	"https://tiktok.com/@",
	"http://www.tiktok.com/@",
	"http://tiktok.com/@",
};

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool is_handle_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '.' ||
	       byte == '_' || byte == '-';
}

/* What may stand behind the name in a profile's URL, its query already cut off. */
static bool is_profile_tail(const char *text, size_t length)
{
	static const char *const tails[] = { "", "/", "/live", "/live/" };
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		if (strlen(tails[i]) == length && strncasecmp(text, tails[i], length) == 0)
			return true;
	}
	return false;
}

/* Narrows text to the name in a profile's URL, an `@` in front, or all of it. False for a URL that
 * is no profile's. */
static bool find_name(const char **text, size_t *length)
{
	for (size_t i = 0; i < ARRAY_SIZE(profile_prefixes); i++) {
		size_t prefix_length = strlen(profile_prefixes[i]);
		if (*length < prefix_length ||
		    strncasecmp(*text, profile_prefixes[i], prefix_length) != 0)
			continue;
		const char *name = *text + prefix_length;
		size_t rest = strcspn(name, "?#");
		if (rest > *length - prefix_length)
			rest = *length - prefix_length;
		size_t name_length = strcspn(name, "/");
		if (name_length > rest)
			name_length = rest;
		*text = name;
		*length = name_length;
		return is_profile_tail(name + name_length, rest - name_length);
	}
	if (*length > 0 && **text == '@') {
		(*text)++;
		(*length)--;
	}
	return true;
}

int handle_normalize(const char *text, char ret_handle[HANDLE_SIZE])
{
	while (is_space(*text))
		text++;
	size_t length = strlen(text);
	while (length > 0 && is_space(text[length - 1]))
		length--;

	if (!find_name(&text, &length) || length < LIMIT_HANDLE_MIN || length > LIMIT_HANDLE_MAX)
		return -EINVAL;

	char handle[HANDLE_SIZE] = "";
	for (size_t i = 0; i < length; i++) {
		handle[i] = lower(text[i]);
		if (!is_handle_byte(handle[i]))
			return -EINVAL;
	}
	memcpy(ret_handle, handle, HANDLE_SIZE);
	return 0;
}
