#include "admin/watchlists.h"

#include "admin/fields.h"
#include "admin/page.h"
#include "base/limits.h"
#include "db/watchlists.h"
#include "db/webhooks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool name_is_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t length = strlen(name);

	return length > 0 && length <= LIMIT_WATCHLIST_NAME_BYTES &&
	       strspn(name, allowed) == length;
}

static void put_watchlist(struct json_writer *writer, const struct watchlist *watchlist)
{
	json_put_string(writer, "name", watchlist->name);
	json_put_string(writer, "priority", creator_priority_name(watchlist->priority));
	json_put_integer(writer, "creator_count", (int64_t)watchlist->creator_count);
	json_put_time(writer, "created_at", watchlist->created_at_ms);
	json_put_time(writer, "updated_at", watchlist->updated_at_ms);
}

static void on_listed(void *arg, const struct watchlist *watchlist)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, watchlist->name);

	if (!writer)
		return;
	put_watchlist(writer, watchlist);
	page_row_end(page);
}

void watchlists_list(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	struct page page;

	if (page_begin(&page, request, "watchlists", reply) < 0)
		return;
	page_end(&page,
		 store_watchlist_list(store, page.after, page_fetch(&page), on_listed, &page));
}

static void on_shown(void *arg, const struct watchlist *watchlist)
{
	struct json_writer *writer = arg;

	put_watchlist(writer, watchlist);
	json_begin_array(writer, "creators");
	for (size_t i = 0; i < watchlist->creator_count; i++)
		json_put_string(writer, NULL, watchlist->creators[i]);
	json_end_array(writer);
}

static void answer_watchlist(struct store *store, const char *name, int status,
			     struct admin_reply *reply)
{
	struct json_writer *writer = reply_json(reply, status);
	int result = store_watchlist_show(store, name, on_shown, writer);

	if (result == -ENOENT)
		reply_not_found(reply, "watchlist", name);
	else if (result)
		reply_store_error(reply, result);
	else
		reply_end(reply);
}

void watchlists_show(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	answer_watchlist(store, request->parameter, 200, reply);
}

static enum field_state read_priority(const struct admin_request *request,
				      struct admin_reply *reply,
				      enum creator_priority *ret_priority)
{
	const char *name = NULL;
	enum field_state state = field_text(request, "priority", LIMIT_NAME_CHARS, reply, &name);

	if (state != FIELD_GIVEN || creator_priority_parse(name, ret_priority))
		return state;
	reply_problem(reply, 422, "bad_value", "priority", "priority is high, normal or low.");
	return FIELD_BAD;
}

static void answer_too_many(const char *field, struct admin_reply *reply)
{
	reply_problem(reply, 422, "too_many", field, "A watchlist may have %d creators at most.",
		      LIMIT_WATCHLIST_CREATORS);
}

static void put(struct store *store, const struct admin_request *request,
		enum creator_priority priority, const struct text_list *creators,
		struct admin_reply *reply)
{
	char detail[64];
	bool created;
	int result = store_watchlist_put(store, request->parameter, priority, creators->items,
					 creators->count, request->now_ms, &created);

	if (result) {
		reply_store_error(reply, result);
		return;
	}
	snprintf(detail, sizeof(detail), "{\"creators\":%zu}", creators->count);
	if (request_audit(request, store, "watchlist.put", request->parameter, detail, reply) < 0)
		return;
	reply->effects |= EFFECT_WATCHED_CHANGED;
	answer_watchlist(store, request->parameter, created ? 201 : 200, reply);
}

void watchlists_put(struct store *store, const struct admin_request *request,
		    struct admin_reply *reply)
{
	struct text_list creators CLEANUP(text_list_finish) = { 0 };
	enum creator_priority priority = PRIORITY_NORMAL;

	if (!name_is_valid(request->parameter)) {
		reply_problem(reply, 422, "bad_value", "name",
			      "A watchlist's name is 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-'.",
			      LIMIT_WATCHLIST_NAME_BYTES);
		return;
	}
	if (read_priority(request, reply, &priority) == FIELD_BAD ||
	    field_is_missing(field_handles(request, "creators", reply, &creators), "creators",
			     reply))
		return;
	if (creators.count > LIMIT_WATCHLIST_CREATORS)
		answer_too_many("creators", reply);
	else
		put(store, request, priority, &creators, reply);
}

/* Both lists are sorted. NULL: they have nobody in common. */
static const char *find_common(const struct text_list *a, const struct text_list *b)
{
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		int order = strcmp(a->items[i], b->items[j]);
		if (order == 0)
			return a->items[i];
		i += order < 0;
		j += order > 0;
	}
	return NULL;
}

static void on_counted(void *arg, const struct watchlist *watchlist)
{
	*(size_t *)arg = watchlist->creator_count;
}

/* 0, or -errno with a problem in reply, which undoes the change. */
static int change(struct store *store, const struct admin_request *request,
		  const enum creator_priority *priority, const struct text_list *add,
		  const struct text_list *remove, struct admin_reply *reply)
{
	size_t creator_count = 0;
	int result =
		store_watchlist_change(store, request->parameter, priority, add->items, add->count,
				       remove->items, remove->count, request->now_ms);

	if (!result)
		result =
			store_watchlist_show(store, request->parameter, on_counted, &creator_count);
	if (result == -ENOENT) {
		reply_not_found(reply, "watchlist", request->parameter);
	} else if (result) {
		reply_store_error(reply, result);
	} else if (creator_count > LIMIT_WATCHLIST_CREATORS) {
		answer_too_many("add", reply);
		result = -E2BIG;
	}
	return result;
}

void watchlists_change(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply)
{
	struct text_list add CLEANUP(text_list_finish) = { 0 };
	struct text_list remove CLEANUP(text_list_finish) = { 0 };
	char detail[64];
	enum creator_priority priority;
	enum field_state state = read_priority(request, reply, &priority);

	if (state == FIELD_BAD || field_handles(request, "add", reply, &add) == FIELD_BAD ||
	    field_handles(request, "remove", reply, &remove) == FIELD_BAD)
		return;
	const char *both = find_common(&add, &remove);
	if (both) {
		reply_problem(reply, 422, "contradiction", "remove",
			      "%s is both to be added and to be removed.", both);
		return;
	}
	if (change(store, request, state == FIELD_GIVEN ? &priority : NULL, &add, &remove, reply) <
	    0)
		return;
	snprintf(detail, sizeof(detail), "{\"add\":%zu,\"remove\":%zu}", add.count, remove.count);
	if (request_audit(request, store, "watchlist.change", request->parameter, detail, reply) <
	    0)
		return;
	reply->effects |= EFFECT_WATCHED_CHANGED;
	answer_watchlist(store, request->parameter, 200, reply);
}

/* The first webhook that watches the list. */
struct watcher {
	const char *watchlist;
	char webhook_id[ID_TEXT_SIZE]; /* "" while none was found */
};

static void on_webhook(void *arg, const struct webhook *webhook)
{
	struct watcher *watcher = arg;

	for (size_t i = 0; i < webhook->watchlist_count && !*watcher->webhook_id; i++)
		if (strcmp(webhook->watchlists[i], watcher->watchlist) == 0)
			snprintf(watcher->webhook_id, sizeof(watcher->webhook_id), "%s",
				 webhook->id);
}

static void answer_watched(struct store *store, const struct admin_request *request,
			   struct admin_reply *reply)
{
	struct watcher watcher = { .watchlist = request->parameter };
	int result = store_webhook_list(store, "", LIMIT_PAGE_MAX, request->now_ms, on_webhook,
					&watcher);

	if (result)
		reply_store_error(reply, result);
	else
		reply_problem(reply, 409, "in_use", NULL,
			      "%s watches this list: take it out of the webhook first.",
			      *watcher.webhook_id ? watcher.webhook_id : "A webhook");
}

void watchlists_remove(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply)
{
	int result = store_watchlist_remove(store, request->parameter, request->now_ms);

	if (result == -ENOENT) {
		reply_not_found(reply, "watchlist", request->parameter);
	} else if (result == -EBUSY) {
		answer_watched(store, request, reply);
	} else if (result) {
		reply_store_error(reply, result);
	} else if (request_audit(request, store, "watchlist.delete", request->parameter, NULL,
				 reply) == 0) {
		reply->effects |= EFFECT_WATCHED_CHANGED;
		reply_no_content(reply);
	}
}
