#include "ctl/fields.h"

#include "base/clock.h"
#include "ctl/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_FILE_MAX_BYTES = 64 << 10 };

void fields_put_split(struct json_writer *writer, const char *texts)
{
	while (*texts != '\0') {
		size_t length = strcspn(texts, ",");
		if (length > 0)
			json_put_string_n(writer, NULL, texts, length);
		texts += length + (texts[length] == ',');
	}
}

static void put_texts(struct console *console, const struct field *field,
		      struct json_writer *writer)
{
	size_t at = 0;
	const char *value;

	json_begin_array(writer, field->name);
	while ((value = arguments_next(console->arguments, field->option, &at)) != NULL)
		fields_put_split(writer, value);
	json_end_array(writer);
}

static int put_headers(struct console *console, const struct field *field,
		       struct json_writer *writer)
{
	size_t at = 0;
	const char *value;

	json_begin_object(writer, field->name);
	while ((value = arguments_next(console->arguments, field->option, &at)) != NULL) {
		char name[256];
		size_t length = strcspn(value, ":");
		if (value[length] != ':' || length == 0 || length >= sizeof(name))
			return console_misused(console, "--%s \"%s\": write \"Name: value\"",
					       field->option, value);
		snprintf(name, sizeof(name), "%.*s", (int)length, value);
		const char *content = value + length + 1;
		json_put_string(writer, name, content + strspn(content, " "));
	}
	json_end_object(writer);
	return EXIT_STATUS_OK;
}

static int put_file_text(struct console *console, const struct field *field,
			 struct json_writer *writer)
{
	char *text CLEANUP(cleanup_free) = NULL;
	int status = console_read(console, arguments_value(console->arguments, field->option),
				  SECRET_FILE_MAX_BYTES, &text, NULL);

	if (status == EXIT_STATUS_OK)
		json_put_string_n(writer, field->name, text, strcspn(text, "\r\n"));
	return status;
}

static int put_number(struct console *console, const struct field *field,
		      struct json_writer *writer)
{
	const char *value = arguments_value(console->arguments, field->option);
	char *end;
	double number = strtod(value, &end);

	if (*value == '\0' || *end != '\0')
		return console_misused(console, "--%s: \"%s\" is no number", field->option, value);
	json_put_real(writer, field->name, number);
	return EXIT_STATUS_OK;
}

static int put_time(struct console *console, const struct field *field, struct json_writer *writer)
{
	const char *value = arguments_value(console->arguments, field->option);
	char moment[CLOCK_TEXT_SIZE];

	if (moment_parse(value, clock_now_ms(), moment) < 0)
		return console_misused(console, MOMENT_EXPECTED, field->option, value);
	json_put_string(writer, field->name, moment);
	return EXIT_STATUS_OK;
}

static int put_field(struct console *console, const struct field *field, struct json_writer *writer)
{
	switch (field->kind) {
	case FIELD_TEXT:
		json_put_string(writer, field->name,
				arguments_value(console->arguments, field->option));
		return EXIT_STATUS_OK;
	case FIELD_TEXTS:
		put_texts(console, field, writer);
		return EXIT_STATUS_OK;
	case FIELD_TRUE:
	case FIELD_FALSE:
		json_put_bool(writer, field->name, field->kind == FIELD_TRUE);
		return EXIT_STATUS_OK;
	case FIELD_TIME:
		return put_time(console, field, writer);
	case FIELD_NUMBER:
		return put_number(console, field, writer);
	case FIELD_HEADERS:
		return put_headers(console, field, writer);
	case FIELD_FILE_TEXT:
		return put_file_text(console, field, writer);
	}
	return EXIT_STATUS_USAGE;
}

int fields_put(struct console *console, const struct field *fields, struct json_writer *writer)
{
	for (; fields->option != NULL; fields++) {
		if (!arguments_has(console->arguments, fields->option))
			continue;
		int status = put_field(console, fields, writer);
		if (status != EXIT_STATUS_OK)
			return status;
	}
	return EXIT_STATUS_OK;
}
