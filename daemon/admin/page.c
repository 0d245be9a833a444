#include "admin/page.h"

#include "base/crypto.h"
#include "base/limits.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_DIGITS = 8 };

/* The first hex digits of SHA-256 over list, NUL and key: no protection, only a check. */
static void cursor_check(const char *list, const char *key, char check[CHECK_DIGITS + 1])
{
	struct strbuf text;
	uint8_t digest[SHA256_BYTES];

	strbuf_init(&text, 2 * PAGE_KEY_SIZE);
	strbuf_add(&text, list, strlen(list) + 1);
	strbuf_add_text(&text, key);
	crypto_sha256(text.data, text.length, digest);
	strbuf_finish(&text);
	crypto_hex(digest, CHECK_DIGITS / 2, check);
}

static void cursor_format(const char *list, const char *key, char cursor[PAGE_CURSOR_SIZE])
{
	cursor_check(list, key, cursor);
	crypto_hex(key, strlen(key), cursor + CHECK_DIGITS);
}

/* Decodes what stands behind the check, and accepts it only if writing it again gives the same. */
static bool cursor_parse(const char *list, const char *cursor, char key[PAGE_KEY_SIZE])
{
	size_t length = strlen(cursor);
	char again[PAGE_CURSOR_SIZE];

	if (length <= CHECK_DIGITS || length % 2 || length >= PAGE_CURSOR_SIZE - 1)
		return false;
	size_t key_length = (length - CHECK_DIGITS) / 2;
	for (size_t i = 0; i < key_length; i++) {
		const char pair[3] = { cursor[CHECK_DIGITS + 2 * i],
				       cursor[CHECK_DIGITS + 2 * i + 1], 0 };
		key[i] = (char)strtoul(pair, NULL, 16);
	}
	key[key_length] = '\0';
	if (strlen(key) != key_length)
		return false;
	cursor_format(list, key, again);
	return strcmp(again, cursor) == 0;
}

static bool parse_limit(const char *text, unsigned *ret_limit)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 4 || text[digits])
		return false;
	unsigned long limit = strtoul(text, NULL, 10);
	if (limit < 1 || limit > LIMIT_PAGE_MAX)
		return false;
	*ret_limit = (unsigned)limit;
	return true;
}

int page_begin(struct page *page, const struct admin_request *request, const char *list,
	       struct admin_reply *reply)
{
	const char *limit = request_query(request, "limit");
	const char *cursor = request_query(request, "cursor");

	*page = (struct page){ .list = list, .limit = LIMIT_PAGE_DEFAULT, .reply = reply };
	if (limit && !parse_limit(limit, &page->limit)) {
		reply_problem(reply, 422, "bad_limit", "limit",
			      "limit is a whole number from 1 to %d.", LIMIT_PAGE_MAX);
		return -EINVAL;
	}
	if (cursor && !cursor_parse(list, cursor, page->after)) {
		reply_problem(reply, 422, "bad_cursor", "cursor",
			      "This is not a next_cursor of this list.");
		return -EINVAL;
	}
	page->writer = reply_json(reply, 200);
	json_begin_array(page->writer, list);
	return 0;
}

unsigned page_fetch(const struct page *page)
{
	return page->limit + 1;
}

struct json_writer *page_row(struct page *page, const char *key)
{
	assert(strlen(key) < PAGE_KEY_SIZE);
	if (page->rows == page->limit) {
		page->has_more = true;
		return NULL;
	}
	page->rows++;
	snprintf(page->last, sizeof(page->last), "%s", key);
	json_begin_object(page->writer, NULL);
	return page->writer;
}

void page_row_end(struct page *page)
{
	json_end_object(page->writer);
}

void page_end(struct page *page, int result)
{
	char cursor[PAGE_CURSOR_SIZE];

	if (result) {
		reply_store_error(page->reply, result);
		return;
	}
	json_end_array(page->writer);
	if (page->has_more)
		cursor_format(page->list, page->last, cursor);
	json_put_string(page->writer, "next_cursor", page->has_more ? cursor : NULL);
	reply_end(page->reply);
}
