#include "ctl/sse.h"

#include "base/limits.h"

#include <string.h>

enum { NAME_MAX_BYTES = 256, LINE_MAX_BYTES = 2 * LIMIT_EVENT_BODY_BYTES };

void sse_init(struct sse *sse)
{
	strbuf_init(&sse->line, LINE_MAX_BYTES);
	strbuf_init(&sse->id, NAME_MAX_BYTES);
	strbuf_init(&sse->type, NAME_MAX_BYTES);
	strbuf_init(&sse->data, LINE_MAX_BYTES);
}

void sse_finish(struct sse *sse)
{
	strbuf_finish(&sse->line);
	strbuf_finish(&sse->id);
	strbuf_finish(&sse->type);
	strbuf_finish(&sse->data);
}

static void take_field(struct sse *sse, const char *name, size_t length, const char *value)
{
	const struct {
		const char *name;
		struct strbuf *text;
	} fields[] = { { "id", &sse->id }, { "event", &sse->type }, { "data", &sse->data } };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strlen(fields[i].name) != length || strncmp(fields[i].name, name, length) != 0)
			continue;
		/* Several lines of data are one text. */
		if (fields[i].text != &sse->data)
			strbuf_clear(fields[i].text);
		else if (sse->data.length > 0)
			strbuf_add_char(&sse->data, '\n');
		strbuf_add_text(fields[i].text, value);
	}
}

/* An empty line ends an event. */
static bool take_line(struct sse *sse, sse_event_fn on_event, void *arg)
{
	const char *line = sse->line.data;
	size_t name = strcspn(line, ":");
	bool goes_on = true;

	if (*line != '\0') {
		const char *value = line + name + (line[name] == ':');
		take_field(sse, line, name, value + (*value == ' '));
		return !strbuf_is_full(&sse->data);
	}
	if (sse->data.length > 0)
		goes_on = on_event(arg, sse->id.data, sse->type.data, sse->data.data);
	strbuf_clear(&sse->type);
	strbuf_clear(&sse->data);
	return goes_on;
}

bool sse_feed(struct sse *sse, const char *bytes, size_t length, sse_event_fn on_event, void *arg)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\r' || bytes[i] == '\0')
			continue;
		if (bytes[i] != '\n') {
			strbuf_add_char(&sse->line, bytes[i]);
			continue;
		}
		bool goes_on = !strbuf_is_full(&sse->line) && take_line(sse, on_event, arg);
		strbuf_clear(&sse->line);
		if (!goes_on)
			return false;
	}
	return !strbuf_is_full(&sse->line);
}
