#include "admin/webhooks.h"

#include "admin/page.h"
#include "admin/webhook_settings.h"
#include "base/crypto.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/watchlists.h"
#include "db/webhooks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECRET_BYTES = 32,
	OVERLAP_DEFAULT_S = 24 * 60 * 60,
	OVERLAP_MAX_S = 30 * 24 * 60 * 60,
	/* What a test may take beyond its one attempt: commits, and its turn. */
	TEST_SLACK_MS = 5000,
	AUDIT_DETAIL_MAX_BYTES = 4096,
};

/* Whom a test of a webhook for every creator is about. */
static const char sample_creator[] = "example_creator";

/* ---- showing ---- */

static void put_texts(struct json_writer *writer, const char *key, const char *const *texts,
		      size_t count)
{
	json_begin_array(writer, key);
	for (size_t i = 0; i < count; i++)
		json_put_string(writer, NULL, texts[i]);
	json_end_array(writer);
}

static void put_event_types(struct json_writer *writer, unsigned types)
{
	json_begin_array(writer, "event_types");
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		if (types & (1u << type))
			json_put_string(writer, NULL, event_type_name((enum event_type)type));
	json_end_array(writer);
}

static void put_text_or_null(struct json_writer *writer, const char *key, const char *text)
{
	json_put_string(writer, key, text && *text ? text : NULL);
}

static void put_health(struct json_writer *writer, const struct webhook *webhook)
{
	json_put_integer(writer, "deliveries_today", webhook->deliveries_today);
	json_put_time(writer, "last_delivery_at", webhook->last_delivery_at_ms);
	if (webhook->last_status_code)
		json_put_integer(writer, "last_status_code", webhook->last_status_code);
	else
		json_put_null(writer, "last_status_code");
	put_text_or_null(writer, "last_error", webhook->last_error);
	json_put_integer(writer, "fail_streak", webhook->fail_streak);
	json_put_integer(writer, "pending", webhook->pending);
	json_put_integer(writer, "dead", webhook->dead);
}

/* Extra headers may carry credentials: only their names are shown. */
static void put_header_names(struct json_writer *writer, const char *extra_headers)
{
	struct json_document *document CLEANUP(json_cleanup) = NULL;

	json_begin_array(writer, "extra_header_names");
	if (extra_headers && !json_parse(extra_headers, strlen(extra_headers), &document, NULL))
		for (const struct json_value *at = json_first(json_root(document)); at;
		     at = json_next(at))
			json_put_string(writer, NULL, json_key(at));
	json_end_array(writer);
}

/* Everything but the secrets. */
static void put_webhook(struct json_writer *writer, const struct webhook *webhook)
{
	json_put_string(writer, "id", webhook->id);
	json_put_string(writer, "target_url", webhook->target_url);
	put_event_types(writer, webhook->event_types);
	put_texts(writer, "creators", webhook->creators, webhook->creator_count);
	put_texts(writer, "watchlists", webhook->watchlists, webhook->watchlist_count);
	json_put_string(writer, "name", webhook->name);
	json_put_string(writer, "description", webhook->description);
	json_put_bool(writer, "active", webhook->active);
	put_text_or_null(writer, "disabled_reason", webhook->disabled_reason);
	json_put_time(writer, "created_at", webhook->created_at_ms);
	put_health(writer, webhook);
	if (webhook->rate_limit > 0)
		json_put_real(writer, "rate_limit", webhook->rate_limit);
	else
		json_put_null(writer, "rate_limit");
	json_put_bool(writer, "has_bearer_token", webhook->bearer_token != NULL);
	put_header_names(writer, webhook->extra_headers);
}

static void on_listed(void *arg, const struct webhook *webhook)
{
	struct page *page = arg;
	struct json_writer *writer = page_row(page, webhook->id);

	if (!writer)
		return;
	put_webhook(writer, webhook);
	page_row_end(page);
}

void webhooks_list(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	struct page page;

	if (page_begin(&page, request, "webhooks", reply) < 0)
		return;
	page_end(&page, store_webhook_list(store, page.after, page_fetch(&page), request->now_ms,
					   on_listed, &page));
}

struct show_visit {
	struct admin_reply *reply;
	int status;
	const char *secret; /* NULL: not shown */
};

static void on_shown(void *arg, const struct webhook *webhook)
{
	struct show_visit *visit = arg;
	struct json_writer *writer = reply_json(visit->reply, visit->status);

	put_webhook(writer, webhook);
	if (visit->secret)
		json_put_string(writer, "secret", visit->secret);
	reply_end(visit->reply);
}

static void answer_not_found_or_store_error(struct admin_reply *reply, int result, const char *id)
{
	if (result == -ENOENT)
		reply_not_found(reply, "webhook", id);
	else
		reply_store_error(reply, result);
}

static void answer_webhook(struct store *store, const struct admin_request *request, const char *id,
			   int status, const char *secret, struct admin_reply *reply)
{
	struct show_visit visit = { .reply = reply, .status = status, .secret = secret };
	int result = store_webhook_show(store, id, request->now_ms, on_shown, &visit);

	if (result)
		answer_not_found_or_store_error(reply, result, id);
}

void webhooks_show(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	answer_webhook(store, request, request->parameter, 200, NULL, reply);
}

/* ---- changing ---- */

static void make_secret(char secret[WEBHOOK_SECRET_SIZE])
{
	static const char prefix[] = "whsec_";
	uint8_t bytes[SECRET_BYTES];

	crypto_random(bytes, sizeof(bytes));
	memcpy(secret, prefix, sizeof(prefix));
	crypto_base64(bytes, sizeof(bytes), secret + strlen(prefix));
	crypto_wipe(bytes, sizeof(bytes));
}

/* False, and a 422 in the reply, if one of the watchlists does not exist. */
static bool watchlists_exist(struct store *store, const struct webhook_settings *settings,
			     struct admin_reply *reply)
{
	for (size_t i = 0; i < settings->watchlists.count; i++) {
		const char *name = settings->watchlists.items[i];
		if (store_watchlist_exists(store, name))
			continue;
		reply_problem(reply, 422, "unknown_watchlist", "watchlists",
			      "There is no watchlist \"%.100s\".", name);
		return false;
	}
	return true;
}

/* {"target":"https://host:port","fields":["name",…]}: where it goes without the path, which often
 * carries a token, and what was set. */
static int audit_settings(struct store *store, const struct admin_request *request,
			  const char *action, const char *id,
			  const struct webhook_settings *settings, struct admin_reply *reply)
{
	char origin[TARGET_ORIGIN_SIZE];
	struct json_writer writer;
	struct strbuf detail CLEANUP(strbuf_finish);

	strbuf_init(&detail, AUDIT_DETAIL_MAX_BYTES);
	json_writer_init(&writer, &detail);
	json_begin_object(&writer, NULL);
	if (settings->values.target_url)
		json_put_string(&writer, "target",
				target_origin(settings->values.target_url, origin));
	json_begin_array(&writer, "fields");
	for (const struct json_value *at = json_first(request->body); at; at = json_next(at))
		json_put_string(&writer, NULL, json_key(at));
	json_end_array(&writer);
	json_end_object(&writer);
	return request_audit(request, store, action, id, detail.data, reply);
}

void webhooks_create(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	struct webhook_settings settings CLEANUP(webhook_settings_finish);
	char secret[WEBHOOK_SECRET_SIZE], id[ID_TEXT_SIZE];

	webhook_settings_init(&settings);
	if (webhook_settings_read(&settings, request, true, reply) < 0 ||
	    !watchlists_exist(store, &settings, reply))
		return;
	make_secret(secret);
	int result = store_webhook_add(store, &settings.values, secret,
				       request->settings->max_webhooks, request->now_ms, id);
	if (result == -EDQUOT)
		reply_problem(reply, 409, "limit_reached", NULL,
			      "There are %lld webhooks already, the most that [limits] allows.",
			      (long long)request->settings->max_webhooks);
	else if (result)
		reply_store_error(reply, result);
	if (result || audit_settings(store, request, "webhook.create", id, &settings, reply) < 0)
		return;
	reply->effects |= EFFECT_WATCHED_CHANGED | EFFECT_ENDPOINTS_CHANGED;
	answer_webhook(store, request, id, 201, secret, reply);
	crypto_wipe(secret, sizeof(secret));
}

struct authorization_visit {
	bool has_bearer_token, has_header;
};

static void on_authorization(void *arg, const struct webhook *webhook)
{
	struct authorization_visit *visit = arg;

	visit->has_bearer_token = webhook->bearer_token != NULL;
	visit->has_header = webhook_headers_have_authorization(webhook->extra_headers);
}

/* Would the webhook have both a bearer token and an Authorization header after the change? */
static int check_authorization(struct store *store, const struct admin_request *request,
			       const struct webhook_settings *settings, struct admin_reply *reply)
{
	struct authorization_visit visit = { 0 };
	int result = store_webhook_show(store, request->parameter, request->now_ms,
					on_authorization, &visit);

	if (result) {
		answer_not_found_or_store_error(reply, result, request->parameter);
		return result;
	}
	if (settings->given & WEBHOOK_BEARER_TOKEN)
		visit.has_bearer_token = settings->values.bearer_token != NULL;
	if (settings->given & WEBHOOK_EXTRA_HEADERS)
		visit.has_header = settings->has_authorization;
	if (!visit.has_bearer_token || !visit.has_header)
		return 0;
	webhook_settings_refuse_two_authorizations(reply);
	return -EINVAL;
}

void webhooks_change(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	struct webhook_settings settings CLEANUP(webhook_settings_finish);
	const char *id = request->parameter;

	webhook_settings_init(&settings);
	if (!store_webhook_exists(store, id)) {
		reply_not_found(reply, "webhook", id);
		return;
	}
	if (webhook_settings_read(&settings, request, false, reply) < 0 ||
	    !watchlists_exist(store, &settings, reply) ||
	    check_authorization(store, request, &settings, reply) < 0)
		return;
	if (settings.given) {
		int result = store_webhook_change(store, id, &settings.values, settings.given,
						  request->now_ms);
		if (result) {
			answer_not_found_or_store_error(reply, result, id);
			return;
		}
		if (audit_settings(store, request, "webhook.change", id, &settings, reply) < 0)
			return;
		reply->effects |= EFFECT_WATCHED_CHANGED | EFFECT_ENDPOINTS_CHANGED;
	}
	answer_webhook(store, request, id, 200, NULL, reply);
}

void webhooks_remove(struct store *store, const struct admin_request *request,
		     struct admin_reply *reply)
{
	const char *id = request->parameter;
	int result = store_webhook_remove(store, id, request->now_ms);

	if (result) {
		answer_not_found_or_store_error(reply, result, id);
		return;
	}
	if (request_audit(request, store, "webhook.delete", id, NULL, reply) < 0)
		return;
	reply->effects |= EFFECT_WATCHED_CHANGED | EFFECT_ENDPOINTS_CHANGED;
	reply_no_content(reply);
}

void webhooks_rotate_secret(struct store *store, const struct admin_request *request,
			    struct admin_reply *reply)
{
	char secret[WEBHOOK_SECRET_SIZE];
	int64_t overlap_s = OVERLAP_DEFAULT_S, expires_at_ms;

	if (field_integer(request, "overlap_seconds", 0, OVERLAP_MAX_S, reply, &overlap_s) ==
	    FIELD_BAD)
		return;
	make_secret(secret);
	int result = store_webhook_rotate_secret(store, request->parameter, secret,
						 overlap_s * 1000, request->now_ms, &expires_at_ms);
	if (result == -E2BIG) {
		reply_problem(reply, 409, "too_many_secrets", NULL,
			      "%d secrets are valid already; wait until one expires.",
			      LIMIT_SECRETS_PER_WEBHOOK);
		return;
	}
	if (result) {
		answer_not_found_or_store_error(reply, result, request->parameter);
		return;
	}
	if (request_audit(request, store, "webhook.rotate_secret", request->parameter, NULL,
			  reply) < 0)
		return;
	reply->effects |= EFFECT_ENDPOINTS_CHANGED;
	struct json_writer *writer = reply_json(reply, 200);
	json_put_string(writer, "secret", secret);
	json_put_time(writer, "previous_expires_at", expires_at_ms);
	reply_end(reply);
	crypto_wipe(secret, sizeof(secret));
}

/* ---- testing ---- */

struct outcome_visit {
	struct admin_reply *reply;
	bool is_last;
};

static void on_outcome(void *arg, const struct delivery *delivery)
{
	struct outcome_visit *visit = arg;
	bool is_pending = delivery->status == DELIVERY_PENDING;

	if (is_pending && !visit->is_last)
		return;
	struct json_writer *writer = reply_json(visit->reply, 200);
	json_put_bool(writer, "delivered", delivery->status == DELIVERY_DELIVERED);
	if (delivery->last_status_code)
		json_put_integer(writer, "status_code", delivery->last_status_code);
	else
		json_put_null(writer, "status_code");
	json_put_string(writer, "error", is_pending ? "timeout" : delivery->last_error);
	json_put_string(writer, "delivery_id", delivery->id);
	reply_end(visit->reply);
}

/* Answers once the attempt has had its outcome. When the time is up, the attempt was not made in
 * time: that is what is said. */
static void test_outcome(struct store *store, const struct admin_request *request,
			 const char *delivery_id, bool is_last, struct admin_reply *reply)
{
	struct outcome_visit visit = { .reply = reply, .is_last = is_last };

	(void)request;
	int result = store_delivery_show(store, delivery_id, on_outcome, &visit);

	if (result == -ENOENT)
		reply_not_found(reply, "delivery", delivery_id);
	else if (result)
		reply_store_error(reply, result);
}

static void on_first_creator(void *arg, const struct webhook *webhook)
{
	char *handle = arg;

	if (webhook->creator_count)
		snprintf(handle, HANDLE_SIZE, "%s", webhook->creators[0]);
}

static int add_sample_event(struct store *store, enum event_type type, const char *creator,
			    int64_t now_ms, char ret_id[ID_TEXT_SIZE])
{
	struct event event;
	struct strbuf body CLEANUP(strbuf_finish);

	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_sample(type, store_new_id(store, "evt_", now_ms, ret_id), creator, now_ms, &event);
	event_render(&event, &body);
	return store_event_add(store, NULL, &event, body.data, body.length, EVENT_HIDDEN);
}

void webhooks_test(struct store *store, const struct admin_request *request,
		   struct admin_reply *reply)
{
	const char *id = request->parameter;
	char creator[HANDLE_SIZE], event_id[ID_TEXT_SIZE], delivery_id[ID_TEXT_SIZE];
	enum event_type type = EVENT_LIVE_START;

	if (field_event_type(request, "event_type", reply, &type) == FIELD_BAD)
		return;
	snprintf(creator, sizeof(creator), "%s", sample_creator);
	int result = store_webhook_show(store, id, request->now_ms, on_first_creator, creator);
	if (!result)
		result = add_sample_event(store, type, creator, request->now_ms, event_id);
	if (!result)
		result = store_delivery_add_test(store, id, event_id, request->now_ms, delivery_id);
	if (result) {
		answer_not_found_or_store_error(reply, result, id);
		return;
	}
	if (request_audit(request, store, "webhook.test", id, NULL, reply) < 0)
		return;
	reply->effects |= EFFECT_ENQUEUED;
	reply_wait(reply, test_outcome, delivery_id,
		   request->settings->attempt_timeout_ms + TEST_SLACK_MS);
}
