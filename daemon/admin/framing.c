#include "admin/framing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Digits only; no sign, no list, no space inside. */
static void note_length(struct framing *framing, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	framing->content_lengths++;
	if (!digits || value[digits]) {
		framing->has_bad_length = true;
		return;
	}
	value += strspn(value, "0");
	framing->content_length = strlen(value) > 18 ? INT64_MAX : strtoll(value, NULL, 10);
}

void framing_note(struct framing *framing, const char *name, const char *value)
{
	value = value ? value : "";
	if (strcasecmp(name, "Host") == 0) {
		framing->hosts++;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		note_length(framing, value);
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		framing->transfer_encodings++;
		framing->has_bad_encoding |= strcasecmp(value, "chunked") != 0;
	} else if (strcasecmp(name, "Expect") == 0) {
		framing->expects_continue |= strcasecmp(value, "100-continue") == 0;
	}
}

const char *framing_refusal(const struct framing *framing, const char *version)
{
	bool is_old = strcmp(version, "HTTP/1.0") == 0;

	if (framing->hosts > 1)
		return "There is more than one Host.";
	if (!framing->hosts && !is_old)
		return "There is no Host.";
	if (framing->content_lengths > 1)
		return "There is more than one Content-Length.";
	if (framing->has_bad_length)
		return "The Content-Length is not a number.";
	if (framing->content_lengths && framing->transfer_encodings)
		return "There is a Content-Length beside a Transfer-Encoding.";
	if (framing->transfer_encodings > 1 || framing->has_bad_encoding)
		return "The only Transfer-Encoding taken is chunked.";
	if (framing->transfer_encodings && is_old)
		return "HTTP/1.0 knows no Transfer-Encoding.";
	return NULL;
}
