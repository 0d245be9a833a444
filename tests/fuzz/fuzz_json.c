/* What json_parse() takes is UTF-8 without control characters in strings, and means the same after
 * json_writer has written it again. */
#include "fuzz.h"

#include "base/json_writer.h"
#include "base/limits.h"

#include <math.h>

static void write_value(struct json_writer *writer, const char *key, const struct json_value *value)
{
	bool flag = false;
	const char *text;
	switch (json_type(value)) {
	case JSON_ABSENT:
		fuzz_failed(__FILE__, __LINE__, "a value has a type");
	case JSON_NULL:
		json_put_null(writer, key);
		break;
	case JSON_BOOL:
		FUZZ_MUST(json_bool(value, &flag));
		json_put_bool(writer, key, flag);
		break;
	case JSON_NUMBER:
		text = json_number_text(value);
		json_put_raw(writer, key, text, strlen(text));
		break;
	case JSON_STRING:
		FUZZ_MUST(fuzz_is_utf8(json_string(value), strlen(json_string(value))));
		json_put_string(writer, key, json_string(value));
		break;
	case JSON_ARRAY:
		json_begin_array(writer, key);
		for (const struct json_value *at = json_first(value); at; at = json_next(at))
			write_value(writer, NULL, at);
		json_end_array(writer);
		break;
	case JSON_OBJECT:
		json_begin_object(writer, key);
		for (const struct json_value *at = json_first(value); at; at = json_next(at))
			write_value(writer, json_key(at), at);
		json_end_object(writer);
		break;
	}
}

static void must_be_equal_numbers(const struct json_value *one, const struct json_value *other)
{
	int64_t integers[2] = { 0 };
	double reals[2] = { 0 };
	FUZZ_MUST(strcmp(json_number_text(one), json_number_text(other)) == 0);
	FUZZ_MUST(json_integer(one, &integers[0]) == json_integer(other, &integers[1]));
	FUZZ_MUST(integers[0] == integers[1]);
	if (json_real(one, &reals[0])) {
		/* json_put_real()'s digits read back as the same number. */
		struct json_writer writer;
		struct strbuf text;
		strbuf_init(&text, 64);
		json_writer_init(&writer, &text);
		json_put_real(&writer, NULL, reals[0]);
		struct json_document *document = fuzz_parse_own(text.data, text.length);
		FUZZ_MUST(json_real(json_root(document), &reals[1]));
		FUZZ_MUST(memcmp(&reals[0], &reals[1], sizeof(double)) == 0);
		json_destroy(document);
		strbuf_finish(&text);
	}
}

static void must_be_equal(const struct json_value *one, const struct json_value *other)
{
	bool flags[2] = { 0 };
	FUZZ_MUST(json_type(one) == json_type(other));
	FUZZ_MUST(json_count(one) == json_count(other));
	FUZZ_MUST(json_bool(one, &flags[0]) == json_bool(other, &flags[1]));
	FUZZ_MUST(flags[0] == flags[1]);
	if (json_type(one) == JSON_NUMBER)
		must_be_equal_numbers(one, other);
	if (json_type(one) == JSON_STRING)
		FUZZ_MUST(strcmp(json_string(one), json_string(other)) == 0);
	const struct json_value *item = json_first(one), *twin = json_first(other);
	for (; item; item = json_next(item), twin = json_next(twin)) {
		if (json_type(one) == JSON_OBJECT) {
			FUZZ_MUST(strcmp(json_key(item), json_key(twin)) == 0);
			/* None twice: the name finds just this one. */
			FUZZ_MUST(json_member(one, json_key(item)) == item);
		}
		must_be_equal(item, twin);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_document *document = NULL;
	struct json_error error = { 0 };
	if (json_parse((const char *)data, size, &document, &error) < 0) {
		FUZZ_MUST(document == NULL && error.reason != NULL && error.offset <= size);
		return 0;
	}
	FUZZ_MUST(fuzz_is_utf8((const char *)data, size) && !memchr(data, 0, size));

	struct json_writer writer;
	struct strbuf text;
	strbuf_init(&text, size * 6 + 64);
	json_writer_init(&writer, &text);
	write_value(&writer, NULL, json_root(document));
	FUZZ_MUST(!strbuf_is_full(&text));
	struct json_document *again = fuzz_parse_own(text.data, text.length);
	must_be_equal(json_root(document), json_root(again));
	json_destroy(again);
	strbuf_finish(&text);
	json_destroy(document);
	return 0;
}
