#include "base/journal.h"

#include "base/datagram.h"
#include "base/log_messages.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	ENTRY_MAX_BYTES = 32 * 1024, /* far below what a datagram may have */
	VALUE_MAX_BYTES = 1024,
	NAME_MAX_BYTES = 64, /* of a field's name; longer ones the journal drops */
	NUMBER_BYTES = 24,
};

static const struct {
	const char *id, *message;
} messages[] = {
#define LOG_MESSAGES_ROW(id, message) { id, message },
	LOG_MESSAGES(LOG_MESSAGES_ROW)
#undef LOG_MESSAGES_ROW
};

const char *journal_message_id(const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (strcmp(messages[i].message, message) == 0)
			return messages[i].id;
	return NULL;
}

/* A value with a line feed is written behind its length instead, as 64 bits, little endian. */
static void add_field(struct strbuf *entry, const char *name, const char *value)
{
	size_t length = strnlen(value, VALUE_MAX_BYTES);
	strbuf_add_text(entry, name);
	if (memchr(value, '\n', length)) {
		char bytes[1 + 8] = { '\n' };
		for (unsigned i = 0; i < 8; i++)
			bytes[1 + i] = (char)(length >> 8 * i & 0xff);
		strbuf_add(entry, bytes, sizeof(bytes));
	} else {
		strbuf_add_text(entry, "=");
	}
	strbuf_add(entry, value, length);
	strbuf_add_text(entry, "\n");
}

/* webhook becomes GOLIVED_WEBHOOK: names of our own must not collide with the journal's. */
static void add_log_field(struct strbuf *entry, const struct log_field *field)
{
	char name[NAME_MAX_BYTES + 1], number[NUMBER_BYTES];
	(void)snprintf(name, sizeof(name), "GOLIVED_%s", field->key);
	for (char *at = name; *at; at++)
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
	(void)snprintf(number, sizeof(number), "%" PRId64, field->number);
	add_field(entry, name, field->text ? field->text : number);
}

int journal_write(const char *socket_path, int priority, const char *message, const char *text,
		  const struct log_field *fields, size_t count)
{
	struct strbuf entry;
	strbuf_init(&entry, ENTRY_MAX_BYTES);
	/* The text is one line by itself, and may be longer than a value. */
	strbuf_addf(&entry, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=golived\n", text, priority);
	const char *id = journal_message_id(message);
	if (id)
		add_field(&entry, "MESSAGE_ID", id);
	for (size_t i = 0; i < count; i++)
		if (fields[i].key)
			add_log_field(&entry, &fields[i]);
	int result = datagram_send(socket_path, entry.data, entry.length);
	strbuf_finish(&entry);
	return result;
}
