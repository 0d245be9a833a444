#include "ctl/verify.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "ctl/capture.h"
#include "deliver/signer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CAPTURE_MAX_BYTES = 16 << 20,
	SECRET_MAX_BYTES = 4096,
	CLOCK_TOLERANCE_S = 300, /* what Standard Webhooks advises */
};

static int read_captured_line(struct console *console, const char *path, struct capture *capture)
{
	char *text CLEANUP(cleanup_free) = NULL;
	struct strbuf why CLEANUP(strbuf_finish);
	int status = console_read(console, path, CAPTURE_MAX_BYTES, &text, NULL);

	strbuf_init(&why, 4096);
	if (status == EXIT_STATUS_OK && capture_read_json(capture, text, &why) < 0)
		status = console_misused(console, "%s: %s", path, why.data);
	return status;
}

static int read_headers(struct console *console, struct capture *capture)
{
	size_t at = 0;
	const char *line;

	while ((line = arguments_next(console->arguments, "header", &at)) != NULL)
		if (capture_add_header(capture, line) < 0)
			return console_misused(console, "--header \"%s\": write \"Name: value\"",
					       line);
	return EXIT_STATUS_OK;
}

static int read_body(struct console *console, const char *path, struct capture *capture)
{
	char *body CLEANUP(cleanup_free) = NULL;
	size_t length;
	int status = console_read(console, path, CAPTURE_MAX_BYTES, &body, &length);

	if (status == EXIT_STATUS_OK)
		capture_set_body(capture, body, length);
	return status;
}

static int read_capture(struct console *console, struct capture *capture)
{
	const char *captured = arguments_value(console->arguments, "captured");
	const char *body = arguments_value(console->arguments, "body");
	int status = read_headers(console, capture);

	if (status == EXIT_STATUS_OK && captured != NULL)
		status = read_captured_line(console, captured, capture);
	if (status == EXIT_STATUS_OK && body != NULL)
		status = read_body(console, body, capture);
	if (status == EXIT_STATUS_OK && capture->body == NULL)
		status = console_misused(
			console, "what was received? --captured FILE, or --body FILE and --header "
				 "\"Name: value\" for each header");
	return status;
}

int verify_read_secret(struct console *console, char **ret_secret)
{
	const char *path = arguments_value(console->arguments, "secret-file");

	if (path == NULL)
		return console_misused(console, "with which secret? --secret-file FILE");
	int status = console_read(console, path, SECRET_MAX_BYTES, ret_secret, NULL);
	if (status == EXIT_STATUS_OK)
		(*ret_secret)[strcspn(*ret_secret, "\r\n")] = '\0';
	return status;
}

/* What one family of signatures says. */
enum finding { FINDING_ABSENT, FINDING_RIGHT, FINDING_WRONG };

static enum finding check_body_signature(struct console *console, const char *secret,
					 const struct capture *capture)
{
	const char *signature = capture_header_ending(capture, "-signature", "webhook-");

	if (signature == NULL)
		return FINDING_ABSENT;
	if (signer_verify_body(secret, capture->body, capture->body_length, signature)) {
		console_say(console, "X-Tiktool-Signature: right");
		return FINDING_RIGHT;
	}
	console_say(console, "X-Tiktool-Signature: wrong. It is the HMAC-SHA256 of the raw body, "
			     "keyed with the whole whsec_… text. Another secret, or a body that "
			     "was parsed and written again?");
	return FINDING_WRONG;
}

static enum finding check_standard_signature(struct console *console, const char *secret,
					     const struct capture *capture)
{
	const char *id = capture_header(capture, "webhook-id");
	const char *timestamp = capture_header(capture, "webhook-timestamp");
	const char *signatures = capture_header(capture, "webhook-signature");

	if (signatures == NULL)
		return FINDING_ABSENT;
	if (id == NULL || timestamp == NULL) {
		console_say(console, "webhook-signature: cannot be checked without webhook-id and "
				     "webhook-timestamp");
		return FINDING_WRONG;
	}
	int result = signer_verify_standard(secret, id, timestamp, capture->body,
					    capture->body_length, signatures);
	if (result == 0) {
		console_say(console, "webhook-signature: right");
		return FINDING_RIGHT;
	}
	console_say(console, "webhook-signature: wrong. %s",
		    result == -EINVAL ? "The secret is not whsec_ and base64."
				      : "It is v1, and the HMAC-SHA256 of id.timestamp.body, "
					"keyed with the decoded part of the secret behind whsec_.");
	return FINDING_WRONG;
}

/* An old capture is no failure: receivers must look at the time when they get it. */
static void say_age(struct console *console, const struct capture *capture)
{
	const char *timestamp = capture_header(capture, "webhook-timestamp");

	if (timestamp == NULL)
		return;
	int64_t age_s = clock_now_ms() / 1000 - strtoll(timestamp, NULL, 10);
	if (age_s > CLOCK_TOLERANCE_S || age_s < -CLOCK_TOLERANCE_S)
		console_say(console,
			    "webhook-timestamp: %lld s %s this machine's clock; a receiver "
			    "refuses more than %d s",
			    (long long)(age_s < 0 ? -age_s : age_s),
			    age_s < 0 ? "ahead of" : "behind", CLOCK_TOLERANCE_S);
}

int verify_capture(struct console *console, const char *secret, const struct capture *capture)
{
	enum finding body = check_body_signature(console, secret, capture);
	enum finding standard = check_standard_signature(console, secret, capture);

	if (body == FINDING_ABSENT && standard == FINDING_ABSENT) {
		console_say(console, "there is no signature: neither X-Tiktool-Signature nor "
				     "webhook-signature");
		return EXIT_STATUS_FAILED;
	}
	say_age(console, capture);
	return body == FINDING_WRONG || standard == FINDING_WRONG ? EXIT_STATUS_FAILED
								  : EXIT_STATUS_OK;
}

int verify_request(struct console *console)
{
	struct capture capture CLEANUP(capture_finish) = { 0 };
	char *secret CLEANUP(cleanup_free) = NULL;
	int status = verify_read_secret(console, &secret);

	if (status == EXIT_STATUS_OK)
		status = read_capture(console, &capture);
	if (status == EXIT_STATUS_OK)
		status = verify_capture(console, secret, &capture);
	if (secret != NULL)
		crypto_wipe(secret, strlen(secret));
	return status;
}
