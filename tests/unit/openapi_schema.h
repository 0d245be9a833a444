/* openapi_schema - does a JSON value agree with a schema of docs/openapi.json?
 *
 * As much of JSON Schema as the document uses, and one thing more: an object may have no member
 * that its schema does not name. So a field that nobody described is noticed.
 */
#ifndef GOLIVED_TESTS_OPENAPI_SCHEMA_H
#define GOLIVED_TESTS_OPENAPI_SCHEMA_H

#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "#/components/schemas/Event" */
static inline const struct json_value *openapi_follow(const struct json_value *root,
						      const char *reference)
{
	char name[128];
	const struct json_value *at = root;

	for (const char *from = strchr(reference, '/'); from; from = strchr(from, '/')) {
		from++;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(from, "/"), from);
		at = json_member(at, name);
	}
	return at;
}

/* What a value stands for: itself, or what its $ref points to. */
static inline const struct json_value *openapi_resolve(const struct json_value *root,
						       const struct json_value *value)
{
	const char *reference = json_string(json_member(value, "$ref"));

	return reference ? openapi_follow(root, reference) : value;
}

static inline bool schema_names_member(const struct json_value *root,
				       const struct json_value *schema, const char *key)
{
	schema = openapi_resolve(root, schema);
	if (json_member(json_member(schema, "properties"), key))
		return true;
	const struct json_value *all = json_member(schema, "allOf");
	for (const struct json_value *part = json_first(all); part; part = json_next(part))
		if (schema_names_member(root, part, key))
			return true;
	return false;
}

static inline bool schema_is_open(const struct json_value *root, const struct json_value *schema)
{
	schema = openapi_resolve(root, schema);
	return !json_member(schema, "properties") && !json_member(schema, "allOf");
}

static inline bool type_matches(const char *type, const struct json_value *value)
{
	static const struct {
		const char *name;
		enum json_type type;
	} types[] = {
		{ "null", JSON_NULL },      { "boolean", JSON_BOOL },  { "number", JSON_NUMBER },
		{ "integer", JSON_NUMBER }, { "string", JSON_STRING }, { "array", JSON_ARRAY },
		{ "object", JSON_OBJECT },
	};
	int64_t number;

	if (strcmp(type, "integer") == 0 && !json_integer(value, &number))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, type) == 0)
			return types[i].type == json_type(value);
	return false;
}

static inline bool check_type(const struct json_value *schema, const struct json_value *value)
{
	const struct json_value *type = json_member(schema, "type");

	if (!type)
		return true;
	if (json_string(type))
		return type_matches(json_string(type), value);
	for (const struct json_value *one = json_first(type); one; one = json_next(one))
		if (type_matches(json_string(one), value))
			return true;
	return false;
}

static inline bool check_enum(const struct json_value *schema, const struct json_value *value)
{
	const struct json_value *allowed = json_member(schema, "enum");
	const char *text = json_string(value);

	if (!allowed)
		return true;
	for (const struct json_value *one = json_first(allowed); one; one = json_next(one))
		if (text ? json_string(one) && strcmp(json_string(one), text) == 0
			 : json_type(one) == JSON_NULL)
			return true;
	return false;
}

static inline bool check_format(const struct json_value *schema, const struct json_value *value)
{
	const char *format = json_string(json_member(schema, "format"));
	int64_t unix_ms;

	return !format || strcmp(format, "date-time") != 0 || !json_string(value) ||
	       clock_parse(json_string(value), &unix_ms) == 0;
}

static inline bool schema_matches(const struct json_value *root, const struct json_value *schema,
				  const struct json_value *value, const char *where,
				  struct strbuf *why);

static inline bool check_members(const struct json_value *root, const struct json_value *schema,
				 const struct json_value *value, const char *where,
				 struct strbuf *why)
{
	const struct json_value *required = json_member(schema, "required");
	const struct json_value *properties = json_member(schema, "properties");
	char deeper[256];

	for (const struct json_value *one = json_first(required); one; one = json_next(one))
		if (!json_member(value, json_string(one))) {
			strbuf_addf(why, "%s: %s is missing\n", where, json_string(one));
			return false;
		}
	for (const struct json_value *one = json_first(properties); one; one = json_next(one)) {
		const struct json_value *member = json_member(value, json_key(one));
		snprintf(deeper, sizeof(deeper), "%s.%s", where, json_key(one));
		if (member && !schema_matches(root, one, member, deeper, why))
			return false;
	}
	return true;
}

static inline bool check_combined(const struct json_value *root, const struct json_value *schema,
				  const struct json_value *value, const char *where,
				  struct strbuf *why)
{
	const struct json_value *all = json_member(schema, "allOf");
	const struct json_value *choice = json_member(schema, "oneOf");
	unsigned matches = 0;
	struct strbuf ignored;

	for (const struct json_value *one = json_first(all); one; one = json_next(one))
		if (!schema_matches(root, one, value, where, why))
			return false;
	if (!choice)
		return true;
	strbuf_init(&ignored, 10000);
	for (const struct json_value *one = json_first(choice); one; one = json_next(one))
		matches += schema_matches(root, one, value, where, &ignored);
	if (matches != 1)
		strbuf_addf(why, "%s: %u of oneOf match\n%s", where, matches, ignored.data);
	strbuf_finish(&ignored);
	return matches == 1;
}

/* False with a line for people in why. */
static inline bool schema_matches(const struct json_value *root, const struct json_value *schema,
				  const struct json_value *value, const char *where,
				  struct strbuf *why)
{
	char deeper[256];

	schema = openapi_resolve(root, schema);
	if (!check_type(schema, value) || !check_enum(schema, value) ||
	    !check_format(schema, value)) {
		strbuf_addf(why, "%s: \"%s\" has another type, value or format than described\n",
			    where, json_string(value) ? json_string(value) : "(no string)");
		return false;
	}
	if (json_type(value) == JSON_OBJECT && !check_members(root, schema, value, where, why))
		return false;
	const struct json_value *items = json_member(schema, "items");
	if (json_type(value) == JSON_ARRAY && items)
		for (const struct json_value *one = json_first(value); one; one = json_next(one)) {
			snprintf(deeper, sizeof(deeper), "%s[]", where);
			if (!schema_matches(root, items, one, deeper, why))
				return false;
		}
	return check_combined(root, schema, value, where, why);
}

/* The members of an object that its schema does not name. */
static inline bool schema_names_all(const struct json_value *root, const struct json_value *schema,
				    const struct json_value *value, struct strbuf *why)
{
	if (json_type(value) != JSON_OBJECT || schema_is_open(root, schema))
		return true;
	for (const struct json_value *one = json_first(value); one; one = json_next(one))
		if (!schema_names_member(root, schema, json_key(one))) {
			strbuf_addf(why, "%s is not described\n", json_key(one));
			return false;
		}
	return true;
}

/* docs/openapi.json; the caller destroys it. */
static inline struct json_document *openapi_read(void)
{
	struct json_document *document = NULL;
	FILE *file = fopen(GOLIVED_SOURCE_DIR "/docs/openapi.json", "r");
	char *text = malloc(1 << 20);
	size_t length = file && text ? fread(text, 1, 1 << 20, file) : 0;

	if (json_parse(text, length, &document, NULL) < 0)
		document = NULL;
	free(text);
	if (file)
		fclose(file);
	return document;
}

#endif
