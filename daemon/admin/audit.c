#include "admin/audit.h"

#include "admin/page.h"

#include <string.h>

struct listing {
	struct page page;
	struct json_writer *writer;
};

static void on_listed(void *arg, const struct audit_entry *entry)
{
	struct listing *listing = arg;
	struct json_writer *writer = listing->writer;

	if (!page_row(&listing->page, entry->id))
		return;
	json_begin_object(writer, NULL);
	json_put_string(writer, "id", entry->id);
	json_put_time(writer, "at", entry->at_ms);
	json_put_string(writer, "actor", entry->actor);
	json_put_string(writer, "action", entry->action);
	json_put_string(writer, "subject", entry->subject);
	if (entry->detail)
		json_put_raw(writer, "detail", entry->detail, strlen(entry->detail));
	else
		json_put_null(writer, "detail");
	json_end_object(writer);
}

void audit_list(struct store *store, const struct admin_request *request, struct admin_reply *reply)
{
	struct listing listing;

	if (page_begin(&listing.page, request, "audit", reply) < 0)
		return;
	listing.writer = reply_json(reply, 200);
	json_begin_array(listing.writer, "audit");
	int result = store_audit_list(store, listing.page.after, page_fetch(&listing.page),
				      on_listed, &listing);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	json_end_array(listing.writer);
	page_end(&listing.page, listing.writer);
	reply_end(reply);
}
