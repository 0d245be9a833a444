#include "sim/fields.h"

#include <errno.h>
#include <string.h>

static const struct sim_field *find_field(const struct sim_field *fields, size_t count,
					  const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

/* False if the value is of another type. */
static bool write_field(const struct sim_field *field, const struct json_value *value, void *place)
{
	switch (field->type) {
	case SIM_FIELD_BOOL:
		return json_bool(value, place);
	case SIM_FIELD_INTEGER:
		return json_integer(value, place);
	case SIM_FIELD_REAL:
		return json_real(value, place);
	case SIM_FIELD_TEXT:
		*(const char **)place = json_string(value);
		return json_type(value) == JSON_STRING;
	case SIM_FIELD_ARRAY:
		*(const struct json_value **)place = value;
		return json_type(value) == JSON_ARRAY;
	case SIM_FIELD_OBJECT:
		*(const struct json_value **)place = value;
		return json_type(value) == JSON_OBJECT;
	}
	return false;
}

int sim_fields_read(const struct json_value *object, const struct sim_field *fields, size_t count,
		    void *target, struct strbuf *why)
{
	if (json_type(object) != JSON_OBJECT) {
		strbuf_add_text(why, "the body is not a JSON object");
		return -EINVAL;
	}
	for (const struct json_value *v = json_first(object); v; v = json_next(v)) {
		const struct sim_field *field = find_field(fields, count, json_key(v));
		if (!field) {
			strbuf_addf(why, "there is no field %s", json_key(v));
			return -EINVAL;
		}
		if (json_type(v) != JSON_NULL &&
		    !write_field(field, v, (char *)target + field->offset)) {
			strbuf_addf(why, "%s is of the wrong type", field->name);
			return -EINVAL;
		}
	}
	return 0;
}

int sim_fields_parse(const struct strbuf *body, const struct sim_field *fields, size_t count,
		     void *target, struct json_document **ret_document, struct strbuf *why)
{
	const char *text = body->length > 0 ? body->data : "{}";
	size_t length = body->length > 0 ? body->length : 2;
	struct json_error error;
	struct json_document *document;
	if (json_parse(text, length, &document, &error) < 0) {
		strbuf_addf(why, "the body is not JSON: %s", error.reason);
		return -EINVAL;
	}
	*ret_document = document;
	return sim_fields_read(json_root(document), fields, count, target, why);
}
