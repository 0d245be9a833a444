#include "admin/audit.h"

#include "admin/page.h"

#include <string.h>

static void on_listed(void *arg, const struct audit_entry *entry)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, entry->id);

	if (!writer)
		return;
	json_put_string(writer, "id", entry->id);
	json_put_time(writer, "at", entry->at_ms);
	json_put_string(writer, "actor", entry->actor);
	json_put_string(writer, "action", entry->action);
	json_put_string(writer, "subject", entry->subject);
	if (entry->detail)
		json_put_raw(writer, "detail", entry->detail, strlen(entry->detail));
	else
		json_put_null(writer, "detail");
	page_row_end(page);
}

void audit_list(struct store *store, const struct admin_request *request, struct admin_reply *reply)
{
	struct page page;

	if (page_begin(&page, request, "audit", reply) < 0)
		return;
	page_end(&page, store_audit_list(store, page.after, page_fetch(&page), on_listed, &page));
}
