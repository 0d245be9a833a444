#include "admin/webhook_settings.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Attempts a second. The lower bound is one in some eleven days: below it an interval has no use,
 * and in milliseconds soon no room. */
#define RATE_LIMIT_MIN 1e-6
#define RATE_LIMIT_MAX 1e6

void webhook_settings_init(struct webhook_settings *settings)
{
	*settings = (struct webhook_settings){ .values.active = true };
	strbuf_init(&settings->headers, 2 * LIMIT_EXTRA_HEADERS * LIMIT_EXTRA_HEADER_BYTES);
}

void webhook_settings_finish(struct webhook_settings *settings)
{
	text_list_finish(&settings->creators);
	text_list_finish(&settings->watchlists);
	strbuf_finish(&settings->headers);
}

/* One field each; the state is what the body held. */
typedef enum field_state (*setting_read_fn)(struct webhook_settings *settings,
					    const struct admin_request *request, const char *name,
					    struct admin_reply *reply);

static enum field_state read_target_url(struct webhook_settings *settings,
					const struct admin_request *request, const char *name,
					struct admin_reply *reply)
{
	const char *url, *reason;
	enum field_state state = field_text(request, name, LIMIT_URL_BYTES, reply, &url);

	if (state != FIELD_GIVEN)
		return state;
	int result = target_url_check(url, &request->settings->exemptions, &reason);
	if (result) {
		reply_problem(reply, 422, result == -EACCES ? "target_not_allowed" : "bad_url",
			      name, "%s", reason);
		return FIELD_BAD;
	}
	settings->values.target_url = url;
	return FIELD_GIVEN;
}

static enum field_state read_event_types(struct webhook_settings *settings,
					 const struct admin_request *request, const char *name,
					 struct admin_reply *reply)
{
	return field_event_types(request, name, reply, &settings->values.event_types);
}

static enum field_state read_creators(struct webhook_settings *settings,
				      const struct admin_request *request, const char *name,
				      struct admin_reply *reply)
{
	int64_t max = request->settings->max_creators_per_webhook;
	enum field_state state = field_handles(request, name, reply, &settings->creators);

	if (state == FIELD_GIVEN && max > 0 && settings->creators.count > (uint64_t)max) {
		reply_problem(reply, 409, "limit_reached", name,
			      "A webhook may name %lld creators; use a watchlist for more.",
			      (long long)max);
		return FIELD_BAD;
	}
	settings->values.creators = settings->creators.items;
	settings->values.creator_count = settings->creators.count;
	return state;
}

static enum field_state read_watchlists(struct webhook_settings *settings,
					const struct admin_request *request, const char *name,
					struct admin_reply *reply)
{
	enum field_state state = field_texts(request, name, reply, &settings->watchlists);

	settings->values.watchlists = settings->watchlists.items;
	settings->values.watchlist_count = settings->watchlists.count;
	return state;
}

static enum field_state read_name(struct webhook_settings *settings,
				  const struct admin_request *request, const char *name,
				  struct admin_reply *reply)
{
	return field_text(request, name, LIMIT_NAME_CHARS, reply, &settings->values.name);
}

static enum field_state read_description(struct webhook_settings *settings,
					 const struct admin_request *request, const char *name,
					 struct admin_reply *reply)
{
	return field_text(request, name, LIMIT_DESCRIPTION_CHARS, reply,
			  &settings->values.description);
}

static enum field_state read_bearer_token(struct webhook_settings *settings,
					  const struct admin_request *request, const char *name,
					  struct admin_reply *reply)
{
	const char *token;
	enum field_state state = field_text(request, name, LIMIT_BEARER_TOKEN_BYTES, reply, &token);

	if (state != FIELD_GIVEN)
		return state;
	for (const char *at = token; *at || at == token; at++)
		if (*at < 0x21 || *at > 0x7e) {
			reply_problem(reply, 422, "bad_value", name,
				      "A bearer token is printable ASCII without spaces.");
			return FIELD_BAD;
		}
	settings->values.bearer_token = token;
	return FIELD_GIVEN;
}

static enum field_state read_rate_limit(struct webhook_settings *settings,
					const struct admin_request *request, const char *name,
					struct admin_reply *reply)
{
	const struct json_value *value = json_member(request->body, name);
	double rate;

	if (!value)
		return FIELD_ABSENT;
	if (json_type(value) == JSON_NULL)
		return FIELD_NULL;
	if (!json_real(value, &rate) || !(rate >= RATE_LIMIT_MIN && rate <= RATE_LIMIT_MAX)) {
		reply_problem(reply, 422, "bad_value", name,
			      "rate_limit is a number of attempts a second, above 0 (from %g to "
			      "%g).",
			      RATE_LIMIT_MIN, RATE_LIMIT_MAX);
		return FIELD_BAD;
	}
	settings->values.rate_limit = rate;
	return FIELD_GIVEN;
}

static enum field_state read_active(struct webhook_settings *settings,
				    const struct admin_request *request, const char *name,
				    struct admin_reply *reply)
{
	return field_flag(request, name, reply, &settings->values.active);
}

/* ---- extra headers ---- */

static bool starts_with(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* Headers that are the daemon's own, or that frame the message. */
static bool is_reserved(const char *name, const char *header_prefix)
{
	static const char *const names[] = { "Host",       "Connection", "Transfer-Encoding",
					     "User-Agent", "Keep-Alive", "TE",
					     "Trailer",    "Upgrade",    "Expect" };
	static const char *const prefixes[] = { "Content-", "Proxy-", "webhook-", "X-Tiktool-" };
	size_t own = strlen(header_prefix);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (starts_with(name, prefixes[i]))
			return true;
	return own && starts_with(name, header_prefix) && name[own] == '-';
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *name)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *name && !name[strspn(name, allowed)];
}

static bool is_header_value(const char *value)
{
	for (; *value; value++)
		if ((*value < 0x20 || *value > 0x7e) && *value != '\t')
			return false;
	return true;
}

/* NULL: nothing is wrong with it. */
static const char *what_is_wrong(const struct json_value *header, const char *header_prefix)
{
	const char *name = json_key(header), *value = json_string(header);

	if (!is_token(name))
		return "has a name that no header can have";
	if (!value)
		return "must have a string as its value";
	if (!is_header_value(value))
		return "has a value that is not printable ASCII";
	if (strlen(name) + strlen(value) > LIMIT_EXTRA_HEADER_BYTES)
		return "is too long";
	if (is_reserved(name, header_prefix))
		return "is one that the daemon sets itself";
	return NULL;
}

static bool is_named_before(const struct json_value *headers, const struct json_value *header)
{
	for (const struct json_value *at = json_first(headers); at != header; at = json_next(at))
		if (strcasecmp(json_key(at), json_key(header)) == 0)
			return true;
	return false;
}

static enum field_state read_extra_headers(struct webhook_settings *settings,
					   const struct admin_request *request, const char *name,
					   struct admin_reply *reply)
{
	const struct json_value *headers = json_member(request->body, name);
	struct json_writer writer;

	if (!headers)
		return FIELD_ABSENT;
	if (json_type(headers) == JSON_NULL)
		return FIELD_NULL;
	if (json_type(headers) != JSON_OBJECT || json_count(headers) > LIMIT_EXTRA_HEADERS) {
		reply_problem(reply, 422, "bad_value", name,
			      "extra_headers is an object of strings, %d at most.",
			      LIMIT_EXTRA_HEADERS);
		return FIELD_BAD;
	}
	json_writer_init(&writer, &settings->headers);
	json_begin_object(&writer, NULL);
	for (const struct json_value *at = json_first(headers); at; at = json_next(at)) {
		const char *wrong = what_is_wrong(at, request->settings->header_prefix);
		if (!wrong && is_named_before(headers, at))
			wrong = "is given twice";
		if (wrong) {
			reply_problem(reply, 422, "bad_header", name, "The header \"%.100s\" %s.",
				      json_key(at), wrong);
			return FIELD_BAD;
		}
		settings->has_authorization |= strcasecmp(json_key(at), "Authorization") == 0;
		json_put_string(&writer, json_key(at), json_string(at));
	}
	json_end_object(&writer);
	if (json_count(headers))
		settings->values.extra_headers = settings->headers.data;
	return FIELD_GIVEN;
}

bool webhook_headers_have_authorization(const char *extra_headers)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;
	bool found = false;

	if (!extra_headers || json_parse(extra_headers, strlen(extra_headers), &document, NULL) < 0)
		return false;
	for (const struct json_value *at = json_first(json_root(document)); at; at = json_next(at))
		found |= strcasecmp(json_key(at), "Authorization") == 0;
	return found;
}

void webhook_settings_refuse_two_authorizations(struct admin_reply *reply)
{
	reply_problem(reply, 422, "two_authorizations", "extra_headers",
		      "A bearer token is sent as Authorization: extra_headers may not hold one, "
		      "too.");
}

/* ---- all of them ---- */

enum setting_needs {
	SETTING_OPTIONAL = 0,
	SETTING_REQUIRED = 1, /* a new webhook must have it */
	SETTING_NOT_NULL = 2, /* a null cannot clear it */
};

static const struct {
	const char *name;
	enum webhook_fields field;
	unsigned needs;
	setting_read_fn read;
} fields[] = {
	{ "target_url", WEBHOOK_TARGET_URL, SETTING_REQUIRED | SETTING_NOT_NULL, read_target_url },
	{ "event_types", WEBHOOK_EVENT_TYPES, SETTING_REQUIRED | SETTING_NOT_NULL,
	  read_event_types },
	{ "creators", WEBHOOK_CREATORS, SETTING_OPTIONAL, read_creators },
	{ "watchlists", WEBHOOK_WATCHLISTS, SETTING_OPTIONAL, read_watchlists },
	{ "name", WEBHOOK_NAME, SETTING_OPTIONAL, read_name },
	{ "description", WEBHOOK_DESCRIPTION, SETTING_OPTIONAL, read_description },
	{ "bearer_token", WEBHOOK_BEARER_TOKEN, SETTING_OPTIONAL, read_bearer_token },
	{ "extra_headers", WEBHOOK_EXTRA_HEADERS, SETTING_OPTIONAL, read_extra_headers },
	{ "rate_limit", WEBHOOK_RATE_LIMIT, SETTING_OPTIONAL, read_rate_limit },
	{ "active", WEBHOOK_ACTIVE, SETTING_NOT_NULL, read_active },
};

int webhook_settings_read(struct webhook_settings *settings, const struct admin_request *request,
			  bool is_new, struct admin_reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		enum field_state state = fields[i].read(settings, request, fields[i].name, reply);
		unsigned must_hold = is_new ? SETTING_REQUIRED : SETTING_NOT_NULL;
		bool is_missing = state == FIELD_NULL || (is_new && state == FIELD_ABSENT);
		if (is_missing && (fields[i].needs & must_hold))
			(void)field_is_missing(state, fields[i].name, reply);
		if (reply->status)
			return -EINVAL;
		if (state != FIELD_ABSENT)
			settings->given |= fields[i].field;
	}
	if (settings->values.bearer_token && settings->has_authorization) {
		webhook_settings_refuse_two_authorizations(reply);
		return -EINVAL;
	}
	return 0;
}
