#include "base/json_writer.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_writer_init(struct json_writer *writer, struct strbuf *out)
{
	*writer = (struct json_writer){ .out = out };
}

/* Clean stretches are copied whole; only what needs an escape is looked at by itself. */
static void put_quoted(struct strbuf *out, const char *text, size_t length)
{
	static const char short_escapes[] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
		['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
	};
	size_t clean_from = 0, at = 0;

	strbuf_add_char(out, '"');
	while (at < length) {
		unsigned char byte = (unsigned char)text[at];
		size_t bytes = byte < 0x80 ? 1 : utf8_sequence(text + at, length - at);
		if (bytes > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
			at += bytes;
			continue;
		}
		strbuf_add(out, text + clean_from, at - clean_from);
		if (bytes == 0)
			strbuf_add_text(out, "\xEF\xBF\xBD"); /* U+FFFD */
		else if (short_escapes[byte])
			strbuf_add(out, (char[]){ '\\', short_escapes[byte] }, 2);
		else
			strbuf_addf(out, "\\u%04x", byte);
		clean_from = ++at;
	}
	strbuf_add(out, text + clean_from, at - clean_from);
	strbuf_add_char(out, '"');
}

static void begin_item(struct json_writer *writer, const char *key)
{
	uint64_t level = UINT64_C(1) << writer->depth;
	bool is_member = (writer->is_object & level) != 0;
	assert(is_member == (key != NULL));
	assert(writer->depth > 0 || !(writer->has_items & level)); /* one outermost value */
	if (writer->has_items & level)
		strbuf_add_char(writer->out, ',');
	writer->has_items |= level;
	if (is_member) {
		put_quoted(writer->out, key, strlen(key));
		strbuf_add_char(writer->out, ':');
	}
}

static void begin_container(struct json_writer *writer, const char *key, bool is_object)
{
	begin_item(writer, key);
	assert(writer->depth < 63);
	uint64_t level = UINT64_C(1) << ++writer->depth;
	writer->has_items &= ~level;
	writer->is_object = is_object ? writer->is_object | level : writer->is_object & ~level;
	strbuf_add_char(writer->out, is_object ? '{' : '[');
}

static void end_container(struct json_writer *writer, bool is_object)
{
	assert(writer->depth > 0);
	assert(((writer->is_object >> writer->depth) & 1) == is_object);
	writer->depth--;
	strbuf_add_char(writer->out, is_object ? '}' : ']');
}

void json_begin_object(struct json_writer *writer, const char *key)
{
	begin_container(writer, key, true);
}

void json_end_object(struct json_writer *writer)
{
	end_container(writer, true);
}

void json_begin_array(struct json_writer *writer, const char *key)
{
	begin_container(writer, key, false);
}

void json_end_array(struct json_writer *writer)
{
	end_container(writer, false);
}

void json_put_raw(struct json_writer *writer, const char *key, const char *json, size_t length)
{
	begin_item(writer, key);
	strbuf_add(writer->out, json, length);
}

void json_put_string_n(struct json_writer *writer, const char *key, const char *text, size_t length)
{
	begin_item(writer, key);
	put_quoted(writer->out, text, length);
}

void json_put_string(struct json_writer *writer, const char *key, const char *text)
{
	if (text)
		json_put_string_n(writer, key, text, strlen(text));
	else
		json_put_null(writer, key);
}

void json_put_integer(struct json_writer *writer, const char *key, int64_t number)
{
	begin_item(writer, key);
	strbuf_addf(writer->out, "%lld", (long long)number);
}

void json_put_real(struct json_writer *writer, const char *key, double number)
{
	if (!isfinite(number)) {
		json_put_null(writer, key);
		return;
	}
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	json_put_raw(writer, key, text, strlen(text));
}

void json_put_bool(struct json_writer *writer, const char *key, bool flag)
{
	const char *text = flag ? "true" : "false";
	json_put_raw(writer, key, text, strlen(text));
}

void json_put_null(struct json_writer *writer, const char *key)
{
	json_put_raw(writer, key, "null", 4);
}

void json_put_time(struct json_writer *writer, const char *key, int64_t unix_ms)
{
	char text[CLOCK_TEXT_SIZE];
	json_put_string(writer, key, unix_ms ? clock_format(unix_ms, text) : NULL);
}
