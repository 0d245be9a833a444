#include "admin/creators.h"

#include "admin/page.h"
#include "admin/values.h"
#include "db/creators.h"
#include "db/watchlists.h"

#include <errno.h>

/* Sessions shown with a creator, the newest. */
enum { SESSIONS_SHOWN = 500 };

struct filter {
	const enum creator_status *status; /* NULL: all */
	enum creator_status wanted;
	const char *watchlist; /* NULL: all */
};

static int read_filter(struct store *store, const struct admin_request *request,
		       struct admin_reply *reply, struct filter *filter)
{
	const char *state = request_query(request, "state");

	if (state && !creator_status_parse(state, &filter->wanted)) {
		reply_problem(reply, 422, "bad_filter", "state",
			      "state is live, offline or unknown.");
		return -EINVAL;
	}
	filter->status = state ? &filter->wanted : NULL;
	filter->watchlist = request_query(request, "watchlist");
	if (filter->watchlist && !store_watchlist_exists(store, filter->watchlist)) {
		reply_problem(reply, 422, "bad_filter", "watchlist",
			      "There is no watchlist \"%s\".", filter->watchlist);
		return -EINVAL;
	}
	return 0;
}

void creator_put(struct json_writer *writer, const struct creator *creator)
{
	json_put_string(writer, "unique_id", creator->handle);
	json_put_string(writer, "state", creator_status_name(creator->status));
	value_put_room(writer, "room_id", creator->room);
	json_put_time(writer, "live_since", creator->live_since_ms);
	json_put_time(writer, "last_checked_at", creator->last_checked_at_ms);
	json_put_time(writer, "next_check_at", creator->next_check_at_ms);
	json_put_bool(writer, "quarantined", creator->quarantined);
	json_begin_array(writer, "watchlists");
	for (size_t i = 0; i < creator->watchlist_count; i++)
		json_put_string(writer, NULL, creator->watchlists[i]);
	json_end_array(writer);
}

static void on_listed(void *arg, const struct creator *creator)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, creator->handle);

	if (!writer)
		return;
	creator_put(writer, creator);
	page_row_end(page);
}

void creators_list(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	struct filter filter = { 0 };
	struct page page;

	if (read_filter(store, request, reply, &filter) < 0 ||
	    page_begin(&page, request, "creators", reply) < 0)
		return;
	page_end(&page, store_creator_list(store, filter.status, filter.watchlist, page.after,
					   page_fetch(&page), on_listed, &page));
}

static void on_shown(void *arg, const struct creator *creator)
{
	creator_put(arg, creator);
}

static void on_session(void *arg, const struct session *session)
{
	struct json_writer *writer = arg;
	bool has_ended = session->ended_at_ms > 0;

	json_begin_object(writer, NULL);
	value_put_room(writer, "room_id", session->room);
	json_put_time(writer, "started_at", session->started_at_ms);
	json_put_string(writer, "started_at_source", event_start_source_name(session->source));
	json_put_time(writer, "ended_at", session->ended_at_ms);
	if (has_ended)
		json_put_integer(writer, "duration_seconds",
				 (session->ended_at_ms - session->started_at_ms) / 1000);
	else
		json_put_null(writer, "duration_seconds");
	json_put_string(writer, "reason",
			has_ended ? event_end_reason_name(session->reason) : NULL);
	json_end_object(writer);
}

void creators_show(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	char handle[HANDLE_SIZE];

	if (handle_normalize(request->parameter, handle) < 0) {
		reply_not_found(reply, "creator", request->parameter);
		return;
	}
	struct json_writer *writer = reply_json(reply, 200);
	int result = store_creator_show(store, handle, on_shown, writer);
	if (result == -ENOENT) {
		reply_not_found(reply, "creator", request->parameter);
		return;
	}
	json_begin_array(writer, "sessions");
	if (!result)
		result = store_session_list(store, handle, SESSIONS_SHOWN, on_session, writer);
	if (result) {
		reply_store_error(reply, result);
		return;
	}
	json_end_array(writer);
	reply_end(reply);
}
