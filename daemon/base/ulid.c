#include "base/ulid.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum { TIME_BYTES = 6, RANDOM_BYTES = 10, ULID_BYTES = TIME_BYTES + RANDOM_BYTES };

/* Crockford's base 32: no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* 26 characters hold 130 bits: the first one stands for the top three bits of the 128. */
static void ulid_encode(const uint8_t bytes[ULID_BYTES], char text[ULID_TEXT_LENGTH + 1])
{
	unsigned pending = 0, pending_bits = 2;
	char *at = text;
	for (int i = 0; i < ULID_BYTES; i++) {
		pending = (pending << 8 | bytes[i]) & 0xFFFF;
		pending_bits += 8;
		for (; pending_bits >= 5; pending_bits -= 5)
			*at++ = alphabet[pending >> (pending_bits - 5) & 31];
	}
	*at = '\0';
}

static bool ulid_decode(const char *text, uint8_t ret_bytes[ULID_BYTES])
{
	uint8_t bytes[ULID_BYTES];
	unsigned pending = 0, pending_bits = 0;
	size_t filled = 0;
	for (int i = 0; i < ULID_TEXT_LENGTH; i++) {
		const char *digit = text[i] ? strchr(alphabet, text[i]) : NULL;
		if (!digit || (i == 0 && *digit > '7'))
			return false;
		pending = (pending << 5 | (unsigned)(digit - alphabet)) & 0xFFFF;
		pending_bits += i == 0 ? 3 : 5;
		if (pending_bits >= 8) {
			pending_bits -= 8;
			bytes[filled++] = (uint8_t)(pending >> pending_bits);
		}
	}
	if (text[ULID_TEXT_LENGTH] != '\0')
		return false;
	memcpy(ret_bytes, bytes, ULID_BYTES);
	return true;
}

static void put_time(uint8_t bytes[ULID_BYTES], int64_t now_ms)
{
	const int64_t last_ms = (INT64_C(1) << 48) - 1;
	now_ms = now_ms < 0 ? 0 : now_ms > last_ms ? last_ms : now_ms;
	for (int i = TIME_BYTES - 1; i >= 0; i--, now_ms >>= 8)
		bytes[i] = (uint8_t)(now_ms & 0xFF);
}

/* One more than the last id. Where all random bits are used up, the carry goes into the time. */
static void ulid_increment(uint8_t bytes[ULID_BYTES])
{
	for (int i = ULID_BYTES - 1; i >= 0; i--) {
		if (++bytes[i] != 0)
			return;
	}
	assert(false && "ids are used up");
}

char *ulid_next(struct ulid_source *source, const char *prefix, int64_t now_ms,
		const uint8_t random[10], char text[ID_TEXT_SIZE])
{
	size_t prefix_length = strlen(prefix);
	assert(prefix_length + ULID_TEXT_LENGTH < ID_TEXT_SIZE);

	uint8_t fresh[ULID_BYTES];
	put_time(fresh, now_ms);
	memcpy(fresh + TIME_BYTES, random, RANDOM_BYTES);
	if (memcmp(fresh, source->last, TIME_BYTES) > 0)
		memcpy(source->last, fresh, ULID_BYTES);
	else
		ulid_increment(source->last);

	memcpy(text, prefix, prefix_length);
	ulid_encode(source->last, text + prefix_length);
	return text;
}

void ulid_advance(struct ulid_source *source, const char *text)
{
	uint8_t bytes[ULID_BYTES];
	const char *underscore = strrchr(text, '_');
	if (ulid_decode(underscore ? underscore + 1 : text, bytes) &&
	    memcmp(bytes, source->last, ULID_BYTES) > 0)
		memcpy(source->last, bytes, ULID_BYTES);
}

bool ulid_is_valid(const char *prefix, const char *text)
{
	uint8_t ignored[ULID_BYTES];
	size_t prefix_length = strlen(prefix);
	return strncmp(text, prefix, prefix_length) == 0 &&
	       ulid_decode(text + prefix_length, ignored);
}
