/* page - lists in pieces: limit and cursor in, next_cursor out.
 *
 *     struct page page;
 *     if (page_begin(&page, request, "webhooks", reply) < 0)
 *         return;
 *     page_end(&page, store_webhook_list(store, page.after, page_fetch(&page), …, on_row, &page));
 *
 *     on_row: struct json_writer *writer = page_row(page, webhook->id);
 *             if (!writer)
 *                 return;
 *             … the row's members …
 *             page_row_end(page);
 *
 * A cursor is opaque to clients: it names the last row of the page and the list it came from, with
 * a check over both, so that one that was made up, cut off or taken from another list is a 422.
 */
#ifndef GOLIVED_ADMIN_PAGE_H
#define GOLIVED_ADMIN_PAGE_H

#include "admin/reply.h"
#include "admin/request.h"

#include <stdbool.h>

enum { PAGE_KEY_SIZE = 80, PAGE_CURSOR_SIZE = 8 + 2 * PAGE_KEY_SIZE };

struct page {
	const char *list;           /* borrowed: the list's name, and that of its array */
	struct admin_reply *reply;  /* borrowed */
	struct json_writer *writer; /* of the reply; borrowed */
	unsigned limit;             /* rows shown */
	unsigned rows;              /* shown so far */
	bool has_more;              /* there was a row behind the last one shown */
	char after[PAGE_KEY_SIZE]; /* where it starts: the store's `after`; "" for the first page */
	char last[PAGE_KEY_SIZE];  /* the last row shown */
};

/* Reads limit and cursor from the query, and begins the reply. -EINVAL with a 422 in reply. What is
 * found wrong later replaces the reply that was begun. */
int page_begin(struct page *page, const struct admin_request *request, const char *list,
	       struct admin_reply *reply) MUST_CHECK;

/* How many rows to ask the store for: one more than is shown, to learn if there are more. */
unsigned page_fetch(const struct page *page);

/* Begins a row's object. NULL: the row is not part of the page. key: its id or name, as the store's
 * `after` takes it. */
struct json_writer *page_row(struct page *page, const char *key);
void page_row_end(struct page *page);

/* Ends the reply with next_cursor, null at the end of the list; or answers what the store could not
 * do. result: what reading the list gave. */
void page_end(struct page *page, int result);

#endif
