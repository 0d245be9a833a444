/* fuzz - what every fuzz target begins with: an input taken apart into texts and numbers, and a
 * property that must hold for all of them. For tests only.
 *
 * Texts are copied to memory of exactly their size, so that the sanitizers see a read behind them.
 */
#ifndef GOLIVED_TESTS_FUZZ_H
#define GOLIVED_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

/* What a target defines: libFuzzer calls it with inputs of its making, replay.c with the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), in every build. */
#define FUZZ_MUST(condition) \
	do { \
		if (!(condition)) \
			fuzz_failed(__FILE__, __LINE__, #condition); \
	} while (0)

__attribute__((noreturn)) static inline void fuzz_failed(const char *file, int line,
							 const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct fuzz_input {
	const uint8_t *at; /* borrowed */
	size_t left;
};

/* The bytes up to the next NUL, which is passed over. free() it. */
static inline char *fuzz_take_text(struct fuzz_input *input)
{
	const char *text = (const char *)input->at;
	size_t length = input->left ? strnlen(text, input->left) : 0;
	char *copy = memory_text_n(length ? text : "", length);
	size_t taken = length < input->left ? length + 1 : length;
	input->at += taken;
	input->left -= taken;
	return copy;
}

/* Zeros where the input has ended. */
static inline void fuzz_take_bytes(struct fuzz_input *input, void *bytes, size_t size)
{
	size_t taken = size < input->left ? size : input->left;
	memset(bytes, 0, size);
	if (taken)
		memcpy(bytes, input->at, taken);
	input->at += taken;
	input->left -= taken;
}

static inline uint8_t fuzz_take_byte(struct fuzz_input *input)
{
	uint8_t byte;
	fuzz_take_bytes(input, &byte, 1);
	return byte;
}

static inline int64_t fuzz_take_number(struct fuzz_input *input)
{
	int64_t number;
	fuzz_take_bytes(input, &number, sizeof(number));
	return number;
}

static inline int fuzz_is_utf8(const char *text, size_t length)
{
	while (length > 0) {
		size_t bytes = utf8_sequence(text, length);
		if (bytes == 0)
			return 0;
		text += bytes;
		length -= bytes;
	}
	return 1;
}

/* Parses what we wrote ourselves, which must be strict JSON. json_destroy() it. */
static inline struct json_document *fuzz_parse_own(const char *text, size_t length)
{
	struct json_document *document = NULL;
	struct json_error error = { 0 };
	if (json_parse(text, length, &document, &error) < 0) {
		fprintf(stderr, "not JSON: %s at byte %zu of: %.*s\n", error.reason, error.offset,
			(int)length, text);
		fuzz_failed(__FILE__, __LINE__, "what is written is strict JSON");
	}
	return document;
}

#endif
