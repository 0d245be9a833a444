#include "ctl/capture.h"
#include "ctl/commands.h"

#include "base/json_writer.h"
#include "deliver/signer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX_BYTES = 32 << 10, WORDS_MAX = 32 };

static const char secret[] = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD6zbTDbrwKiA=";
static const char other_secret[] = "whsec_AAFVsBQIhrscChlQIMV+b5sSYspob7oD6zbTDbrwKiA=";
static const char body[] = "{\"event_id\":\"evt_1\",\"title\":\"caf\u00e9\"}";

/* A delivery as golived signs it, and files for the command to read. */
struct fixture {
	char directory[32], secret_file[64], body_file[64], captured_file[64];
	struct signer_headers headers;
	char out[TEXT_MAX_BYTES], errors[TEXT_MAX_BYTES];
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void write_captured(struct fixture *fixture, const char *captured_body)
{
	struct json_writer writer;
	struct strbuf line;

	strbuf_init(&line, TEXT_MAX_BYTES);
	json_writer_init(&writer, &line);
	json_begin_object(&writer, NULL);
	json_begin_object(&writer, "headers");
	for (size_t i = 0; i < fixture->headers.count; i++)
		json_put_string(&writer, fixture->headers.headers[i].name,
				fixture->headers.headers[i].value);
	json_end_object(&writer);
	json_put_string(&writer, "body", captured_body);
	json_end_object(&writer);
	strbuf_add_text(&line, "\n{\"a second\": \"line\"}\n");
	write_file(fixture->captured_file, line.data);
	strbuf_finish(&line);
}

static int set_up(void **state)
{
	static struct fixture fixture;
	const struct signer_options options = { .header_prefix = "X-Tiktool",
						.signature_format = SIGNATURE_HEX };
	const struct signer_delivery delivery = {
		.event_id = "evt_1",
		.delivery_id = "del_1",
		.webhook_id = "wh_1",
		.event_type = "live.start",
		.attempt = 1,
		.timestamp_s = 1781787600,
		.body = body,
		.body_length = strlen(body),
		.secrets = { secret },
		.secret_count = 1,
	};

	strcpy(fixture.directory, "/tmp/golivectl-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(fixture.secret_file, sizeof(fixture.secret_file), "%s/secret", fixture.directory);
	snprintf(fixture.body_file, sizeof(fixture.body_file), "%s/body", fixture.directory);
	snprintf(fixture.captured_file, sizeof(fixture.captured_file), "%s/captured",
		 fixture.directory);
	signer_headers_init(&fixture.headers, &options, &delivery);
	write_file(fixture.secret_file, secret);
	write_file(fixture.body_file, body);
	write_captured(&fixture, body);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->secret_file);
	unlink(fixture->body_file);
	unlink(fixture->captured_file);
	rmdir(fixture->directory);
	signer_headers_finish(&fixture->headers);
	return 0;
}

static void take_text(FILE *file, char text[TEXT_MAX_BYTES])
{
	rewind(file);
	text[fread(text, 1, TEXT_MAX_BYTES - 1, file)] = '\0';
	(void)fclose(file);
}

static int run(struct fixture *fixture, int count, char **words)
{
	FILE *out = tmpfile(), *errors = tmpfile();
	int status = commands_run(count, words, out, errors);

	take_text(out, fixture->out);
	take_text(errors, fixture->errors);
	return status;
}

static int verify_captured(struct fixture *fixture)
{
	char program[] = "golivectl", command[] = "verify", with[] = "--secret-file",
	     what[] = "--captured";
	char *words[] = {
		program, command, with, fixture->secret_file, what, fixture->captured_file
	};

	return run(fixture, ARRAY_SIZE(words), words);
}

/* Body and headers one by one; those whose name begins with `without` are left out. */
static int verify_pieces(struct fixture *fixture, const char *without)
{
	char program[] = "golivectl", command[] = "verify", with[] = "--secret-file",
	     what[] = "--body", header[] = "--header";
	char lines[SIGNER_HEADERS_MAX][512];
	char *words[2 * SIGNER_HEADERS_MAX + 6] = { program, command,
						    with,    fixture->secret_file,
						    what,    fixture->body_file };
	int count = 6;

	for (size_t i = 0; i < fixture->headers.count; i++) {
		const struct http_header *one = &fixture->headers.headers[i];
		if (strncasecmp(one->name, without, strlen(without)) == 0)
			continue;
		snprintf(lines[i], sizeof(lines[i]), "%s:  %s \r\n", one->name, one->value);
		words[count++] = header;
		words[count++] = lines[i];
	}
	return run(fixture, count, words);
}

static void a_delivery_of_golived_is_right_in_both_families(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(verify_captured(fixture), EXIT_STATUS_OK);
	assert_non_null(strstr(fixture->out, "X-Tiktool-Signature: right"));
	assert_non_null(strstr(fixture->out, "webhook-signature: right"));
	assert_int_equal(verify_pieces(fixture, "nothing"), EXIT_STATUS_OK);
	assert_non_null(strstr(fixture->out, "X-Tiktool-Signature: right"));
	assert_non_null(strstr(fixture->out, "webhook-signature: right"));
}

static void one_family_alone_is_enough(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(verify_pieces(fixture, "X-Tiktool"), EXIT_STATUS_OK);
	assert_null(strstr(fixture->out, "X-Tiktool-Signature"));
	assert_int_equal(verify_pieces(fixture, "webhook-"), EXIT_STATUS_OK);
	assert_null(strstr(fixture->out, "webhook-signature"));
}

static void a_body_that_was_written_again_is_wrong(void **state)
{
	struct fixture *fixture = *state;

	write_captured(fixture, "{\"event_id\": \"evt_1\", \"title\": \"caf\u00e9\"}");
	assert_int_equal(verify_captured(fixture), EXIT_STATUS_FAILED);
	assert_non_null(strstr(fixture->out, "X-Tiktool-Signature: wrong"));
	assert_non_null(strstr(fixture->out, "webhook-signature: wrong"));
}

static void another_secret_is_wrong_and_what_is_no_secret_is_said(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture->secret_file, other_secret);
	assert_int_equal(verify_captured(fixture), EXIT_STATUS_FAILED);
	write_file(fixture->secret_file, "hunter2\n");
	assert_int_equal(verify_captured(fixture), EXIT_STATUS_FAILED);
	assert_non_null(strstr(fixture->out, "not whsec_"));
}

static void a_standard_signature_needs_its_id_and_timestamp(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(verify_pieces(fixture, "webhook-timestamp"), EXIT_STATUS_FAILED);
	assert_non_null(strstr(fixture->out, "cannot be checked"));
}

static void without_any_signature_nothing_is_verified(void **state)
{
	struct fixture *fixture = *state;
	char program[] = "golivectl", command[] = "verify", with[] = "--secret-file",
	     what[] = "--body";
	char *words[] = { program, command, with, fixture->secret_file, what, fixture->body_file };

	assert_int_equal(run(fixture, ARRAY_SIZE(words), words), EXIT_STATUS_FAILED);
	assert_non_null(strstr(fixture->out, "no signature"));
}

static void an_old_capture_is_right_but_its_age_is_said(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(verify_captured(fixture), EXIT_STATUS_OK);
	assert_non_null(strstr(fixture->out, "this machine's clock"));
}

static void what_was_not_given_is_a_usage_error(void **state)
{
	struct fixture *fixture = *state;
	char program[] = "golivectl", command[] = "verify", with[] = "--secret-file",
	     what[] = "--captured";
	char *no_secret[] = { program, command, what, fixture->captured_file };
	char *no_request[] = { program, command, with, fixture->secret_file };

	assert_int_equal(run(fixture, ARRAY_SIZE(no_secret), no_secret), EXIT_STATUS_USAGE);
	assert_int_equal(run(fixture, ARRAY_SIZE(no_request), no_request), EXIT_STATUS_USAGE);
	write_file(fixture->captured_file, "{\"body\":\"x\"}\n");
	assert_int_equal(verify_captured(fixture), EXIT_STATUS_USAGE);
	write_file(fixture->captured_file, "POST / HTTP/1.1\n");
	assert_int_equal(verify_captured(fixture), EXIT_STATUS_USAGE);
}

static void headers_are_found_in_any_case(void **state)
{
	struct capture capture = { 0 };

	(void)state;
	assert_int_equal(capture_add_header(&capture, "Webhook-ID: evt_1"), 0);
	assert_int_equal(capture_add_header(&capture, "WEBHOOK-SIGNATURE:v1,x"), 0);
	assert_int_equal(capture_add_header(&capture, "X-Own-Signature: abc\t"), 0);
	assert_int_equal(capture_add_header(&capture, "no colon"), -EINVAL);
	assert_int_equal(capture_add_header(&capture, ": no name"), -EINVAL);
	assert_string_equal(capture_header(&capture, "webhook-id"), "evt_1");
	assert_null(capture_header(&capture, "webhook"));
	/* Of whatever prefix the daemon has, but not the standard one. */
	assert_string_equal(capture_header_ending(&capture, "-signature", "webhook-"), "abc");
	capture_finish(&capture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delivery_of_golived_is_right_in_both_families),
		TEST(one_family_alone_is_enough),
		TEST(a_body_that_was_written_again_is_wrong),
		TEST(another_secret_is_wrong_and_what_is_no_secret_is_said),
		TEST(a_standard_signature_needs_its_id_and_timestamp),
		TEST(without_any_signature_nothing_is_verified),
		TEST(an_old_capture_is_right_but_its_age_is_said),
		TEST(what_was_not_given_is_a_usage_error),
		cmocka_unit_test(headers_are_found_in_any_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
