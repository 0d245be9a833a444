/* page - lists in pieces: limit and cursor in, next_cursor out.
 *
 *     struct page page;
 *     if (page_begin(&page, request, "webhooks", reply) < 0)
 *         return;
 *     … store_webhook_list(store, page.after, page_fetch(&page), …, visit, …)
 *     visit: if (page_row(&page, webhook->id)) write the row
 *     page_end(&page, writer)
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
	const char *list;          /* borrowed: the list's name */
	unsigned limit;            /* rows shown */
	unsigned rows;             /* shown so far */
	bool has_more;             /* there was a row behind the last one shown */
	char after[PAGE_KEY_SIZE]; /* where it starts: the store's `after`; "" for the first page */
	char last[PAGE_KEY_SIZE];  /* the last row shown */
};

/* Reads limit and cursor from the query. -EINVAL with a 422 in reply. */
int page_begin(struct page *page, const struct admin_request *request, const char *list,
	       struct admin_reply *reply) MUST_CHECK;

/* How many rows to ask the store for: one more than is shown, to learn if there are more. */
unsigned page_fetch(const struct page *page);

/* Is this row part of the page? key: its id or name, as the store's `after` takes it. */
bool page_row(struct page *page, const char *key);

/* Writes next_cursor, null at the end of the list. */
void page_end(const struct page *page, struct json_writer *writer);

#endif
