/* Ids sort by their making whatever the source saw before; a cursor is taken if and only if it is
 * one that was given out for this list. The input: a time, random bytes, a text. */
#include "fuzz.h"

#include "admin/page.h"
#include "base/ulid.h"

static void check_ids(int64_t now_ms, const uint8_t random[10], const char *text)
{
	struct ulid_source source = { 0 };
	char first[ID_TEXT_SIZE], second[ID_TEXT_SIZE];
	/* The last id of all leaves no larger one. */
	if (ulid_is_valid("evt_", text) && strcmp(text, "evt_7ZZZZZZZZZZZZZZZZZZZZZZZZ0") < 0) {
		ulid_advance(&source, text);
		FUZZ_MUST(strcmp(text, ulid_next(&source, "evt_", now_ms, random, first)) < 0);
	} else {
		ulid_next(&source, "evt_", now_ms, random, first);
	}
	FUZZ_MUST(ulid_is_valid("evt_", first) && !ulid_is_valid("wh_", first));
	FUZZ_MUST(strlen(first) == 4 + ULID_TEXT_LENGTH);
	FUZZ_MUST(strcmp(first, ulid_next(&source, "evt_", now_ms - 1, random, second)) < 0);
	FUZZ_MUST(ulid_is_valid("evt_", second));
}

/* The next_cursor of a page that ends with that key. */
static void make_cursor(const char *list, const char *key, char cursor[PAGE_CURSOR_SIZE])
{
	char name[] = "limit", one[] = "1";
	const struct admin_request request = { .query = { { name, one } }, .query_count = 1 };
	struct admin_reply reply;
	struct page page;
	reply_init(&reply);
	FUZZ_MUST(page_begin(&page, &request, list, &reply) == 0);
	FUZZ_MUST(page_row(&page, key));
	page_row_end(&page);
	FUZZ_MUST(!page_row(&page, key));
	page_end(&page, 0);
	struct json_document *document = fuzz_parse_own(reply.body.data, reply.body.length);
	const char *value = json_string(json_member(json_root(document), "next_cursor"));
	FUZZ_MUST(value && strlen(value) < PAGE_CURSOR_SIZE);
	snprintf(cursor, PAGE_CURSOR_SIZE, "%s", value);
	json_destroy(document);
	reply_finish(&reply);
}

/* Is the cursor taken? Then *ret_page says where the page begins. */
static bool begins_page(const char *list, char *cursor, struct page *ret_page)
{
	char name[] = "cursor";
	struct admin_request request = { .query = { { name, cursor } }, .query_count = 1 };
	struct admin_reply reply;
	reply_init(&reply);
	bool is_taken = page_begin(ret_page, &request, list, &reply) == 0;
	FUZZ_MUST(reply.status == (is_taken ? 200 : 422));
	if (!is_taken)
		json_destroy(fuzz_parse_own(reply.body.data, reply.body.length));
	reply_finish(&reply);
	return is_taken;
}

static void check_cursors(char *text)
{
	struct page page;
	char cursor[PAGE_CURSOR_SIZE];
	if (begins_page("webhooks", text, &page)) {
		make_cursor("webhooks", page.after, cursor);
		FUZZ_MUST(strcmp(cursor, text) == 0);
	}
	if (*text && strlen(text) < PAGE_KEY_SIZE) {
		make_cursor("events", text, cursor);
		FUZZ_MUST(begins_page("events", cursor, &page));
		FUZZ_MUST(strcmp(page.after, text) == 0);
		FUZZ_MUST(!begins_page("webhooks", cursor, &page));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t random[10];
	int64_t now_ms = fuzz_take_number(&input) >> 17; /* 47 bits */
	fuzz_take_bytes(&input, random, sizeof(random));
	char *text = fuzz_take_text(&input);
	check_ids(now_ms, random, text);
	check_cursors(text);
	free(text);
	return 0;
}
