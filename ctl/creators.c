#include "ctl/creators.h"

static const char base[] = "/api/creators";

static const struct console_filter filters[] = {
	{ "state", "state" },
	{ "watchlist", "watchlist" },
	{ NULL, NULL },
};

static const struct view_column columns[] = {
	{ "CREATOR", "unique_id", VIEW_TEXT },     { "STATE", "state", VIEW_STATE },
	{ "SINCE", "live_since", VIEW_TIME },      { "CHECKED", "last_checked_at", VIEW_TIME },
	{ "NEXT", "next_check_at", VIEW_TIME },    { "QUARANTINED", "quarantined", VIEW_TEXT },
	{ "WATCHLISTS", "watchlists", VIEW_TEXT }, { NULL, NULL, VIEW_TEXT },
};

int creators_ls(struct console *console)
{
	static const struct console_list list = { "creators", filters, columns };
	return console_list(console, base, &list);
}

int creators_show(struct console *console)
{
	char *path CLEANUP(cleanup_free) = client_path(base, console_word(console, 0), "");
	return console_show(console, "GET", path, NULL);
}
