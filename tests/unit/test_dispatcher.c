#include "deliver/dispatcher.h"

#include "receiver.h"

#include "base/log.h"
#include "base/metrics.h"
#include "db/creators.h"
#include "db/deliveries.h"
#include "db/events.h"
#include "db/webhooks.h"
#include "deliver/signer.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA="

enum { DELIVERIES_MAX = 1024, ATTEMPTS_MAX = 16 };

/* ---- what the receivers do ---- */

static const char *script(const char *path, unsigned number)
{
	if (strncmp(path, "/flaky", 6) == 0)
		return number == 1 ? "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nhelp"
				   : RECEIVER_OK;
	if (strcmp(path, "/broken") == 0)
		return "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
	if (strcmp(path, "/gone") == 0)
		return "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n";
	if (strcmp(path, "/silence") == 0)
		return NULL;
	return RECEIVER_OK;
}

/* ---- the world of a test ---- */

struct seen_delivery {
	char id[ID_TEXT_SIZE], webhook_id[ID_TEXT_SIZE], last_error[32];
	enum delivery_status status;
	unsigned attempts;
	int64_t next_attempt_at_ms;
};

struct world {
	char folder[64], path[96];
	struct loop *loop;
	struct store_thread *store;
	struct dns *dns;
	struct config config;
	struct dispatcher *dispatcher;
	struct receiver *receiver;
	struct loop_timer *watchdog, *poll;
	bool (*condition)(struct world *world);
	bool is_drained;
	unsigned settled;

	/* For jobs. */
	bool is_job_done;
	int job_result;
	const char *creators[32]; /* of a new webhook */
	size_t creator_count;
	const char *creator, *target_path, *webhook_id;
	double rate_limit;
	char id[ID_TEXT_SIZE];
	int64_t sequence;
	uint64_t room;
	struct seen_delivery deliveries[DELIVERIES_MAX];
	unsigned delivery_count;
	struct attempt attempts[ATTEMPTS_MAX]; /* texts are not kept, but for the error */
	char errors[ATTEMPTS_MAX][32];
	unsigned attempt_count;
	bool is_active;
	char disabled_reason[WEBHOOK_REASON_SIZE];
};

static void on_watchdog(void *arg)
{
	(void)arg;
	fail_msg("what was waited for did not come about in 30 s");
}

static void on_poll(void *arg)
{
	struct world *world = arg;
	if (world->condition(world))
		loop_stop(world->loop);
	else
		loop_timer_set(world->poll, 2);
}

/* Runs the loop until the condition holds. */
static void run_until(struct world *world, bool (*condition)(struct world *world))
{
	world->condition = condition;
	loop_timer_set(world->watchdog, 30000);
	loop_timer_set(world->poll, 0);
	loop_run(world->loop);
	loop_timer_cancel(world->watchdog);
}

static bool is_job_done(struct world *world)
{
	return world->is_job_done;
}

static void on_job_done(void *arg, int result)
{
	struct world *world = arg;
	world->is_job_done = true;
	world->job_result = result;
}

static void do_job(struct world *world, store_job_fn job)
{
	world->is_job_done = false;
	store_write(world->store, job, on_job_done, world);
	run_until(world, is_job_done);
	if (world->job_result != 0)
		fail_msg("a job of the test failed: %d", world->job_result);
}

static void on_fatal(void *arg, int error, const char *what)
{
	(void)arg;
	fail_msg("the store broke: %d %s", error, what);
}

static void on_settled(void *arg)
{
	struct world *world = arg;
	world->settled++;
}

static void on_drained(void *arg)
{
	struct world *world = arg;
	assert_false(world->is_drained);
	world->is_drained = true;
}

static void open_store(struct world *world)
{
	struct strbuf why;
	strbuf_init(&why, 1024);
	if (store_thread_create(world->loop, world->path, SYNCHRONOUS_NORMAL, on_fatal, world, &why,
				&world->store) != 0)
		fail_msg("%s", why.data);
	strbuf_finish(&why);
}

static void create_dispatcher(struct world *world)
{
	const struct dispatcher_hooks hooks = { on_settled, on_drained, world };
	world->is_drained = false;
	world->dispatcher =
		dispatcher_create(world->loop, world->store, world->dns, &world->config, &hooks);
}

static int set_up(void **state)
{
	struct world *world = memory_zeroed(1, sizeof(*world));
	const struct dns_options options = { .timeout_ms = 1000, .cache_entries = 16 };
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	strcpy(world->folder, "/tmp/test_dispatcher.XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->path, sizeof(world->path), "%s/golived.db", world->folder);

	struct config *config = &world->config;
	config->delivery.schedule_ms[0] = 0;
	config->delivery.schedule_ms[1] = 100;
	config->delivery.schedule_ms[2] = 300;
	config->delivery.schedule_steps = 3;
	config->delivery.connect_timeout_ms = config->delivery.timeout_ms = 20000;
	config->delivery.concurrency = 32;
	config->delivery.concurrency_per_webhook = 8;
	config->delivery.header_prefix = memory_text("X-Tiktool");
	config->delivery.retry_after_max_ms = 1000;
	config->delivery.drain_timeout_ms = 5000;
	config->delivery.allow_target_count = 1;
	assert_int_equal(config_parse_cidr("127.0.0.0/8", &config->delivery.allow_targets[0]), 0);

	world->loop = loop_create();
	world->watchdog = loop_timer_create(world->loop, on_watchdog, NULL);
	world->poll = loop_timer_create(world->loop, on_poll, world);
	world->dns = dns_create(world->loop, &options);
	open_store(world);
	create_dispatcher(world);
	world->receiver = receiver_start(script);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	dispatcher_destroy(world->dispatcher);
	store_thread_destroy(world->store);
	receiver_stop(world->receiver);
	dns_destroy(world->dns);
	loop_timer_destroy(world->poll);
	loop_timer_destroy(world->watchdog);
	loop_destroy(world->loop);
	char command[128];
	snprintf(command, sizeof(command), "rm -r '%s'", world->folder);
	assert_int_equal(system(command), 0);
	free(world->config.delivery.header_prefix);
	free(world);
	return 0;
}

/* ---- jobs of the tests ---- */

static int add_webhook_job(struct store *store, void *arg)
{
	struct world *world = arg;
	char url[128];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", world->receiver->port,
		 world->target_path);
	const struct webhook webhook = {
		.target_url = url,
		.event_types = EVENT_TYPES_ALL,
		.creators = world->creators,
		.creator_count = world->creator_count,
		.rate_limit = world->rate_limit,
		.active = true,
	};
	return store_webhook_add(store, &webhook, SECRET, 0, clock_now_ms(), world->id);
}

static void add_webhook(struct world *world, const char *creator, const char *path,
			char id[ID_TEXT_SIZE])
{
	world->creators[0] = creator;
	world->creator_count = 1;
	world->target_path = path;
	do_job(world, add_webhook_job);
	strcpy(id, world->id);
}

static int emit(struct store *store, struct world *world, struct creator_key key,
		enum event_type type)
{
	struct event event;
	struct strbuf body;
	unsigned count;
	int64_t now_ms = clock_now_ms();
	char id[ID_TEXT_SIZE];
	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_sample(type, store_new_id(store, "evt_", now_ms, id), world->creator, now_ms, &event);
	event.is_test = false;
	event.sequence = ++world->sequence;
	event_render(&event, &body);
	int result = store_event_add(store, &key, &event, body.data, body.length, EVENT_LISTED);
	strbuf_finish(&body);
	return result ? result
		      : store_deliveries_enqueue(store, id, now_ms,
						 now_ms + world->config.delivery.schedule_ms[0],
						 &count);
}

/* A live that starts and ends: two events. */
static int add_live_job(struct store *store, void *arg)
{
	struct world *world = arg;
	struct creator_key key;
	int64_t now_ms = clock_now_ms();
	int result = store_creator_find(store, world->creator, &key);
	if (result == 0)
		result = store_session_open(store, key, ++world->room, now_ms,
					    EVENT_STARTED_OBSERVED, now_ms);
	if (result == 0)
		result = emit(store, world, key, EVENT_LIVE_START);
	if (result == 0)
		result = store_session_close(store, key, now_ms, EVENT_ENDED);
	return result ? result : emit(store, world, key, EVENT_LIVE_END);
}

static void add_live(struct world *world, const char *creator)
{
	world->creator = creator;
	do_job(world, add_live_job);
	dispatcher_wake(world->dispatcher);
}

static int add_test_job(struct store *store, void *arg)
{
	struct world *world = arg;
	struct event event;
	struct strbuf body;
	int64_t now_ms = clock_now_ms();
	char id[ID_TEXT_SIZE];
	strbuf_init(&body, LIMIT_EVENT_BODY_BYTES);
	event_sample(EVENT_LIVE_START, store_new_id(store, "evt_", now_ms, id), "sample", now_ms,
		     &event);
	event_render(&event, &body);
	int result = store_event_add(store, NULL, &event, body.data, body.length, EVENT_HIDDEN);
	strbuf_finish(&body);
	return result ? result
		      : store_delivery_add_test(store, world->webhook_id, id, now_ms, world->id);
}

static int deactivate_job(struct store *store, void *arg)
{
	struct world *world = arg;
	const struct webhook webhook = { .active = false };
	return store_webhook_change(store, world->webhook_id, &webhook, WEBHOOK_ACTIVE,
				    clock_now_ms());
}

static void see_delivery(void *arg, const struct delivery *delivery)
{
	struct world *world = arg;
	struct seen_delivery *seen = &world->deliveries[world->delivery_count++];
	*seen = (struct seen_delivery){
		.status = delivery->status,
		.attempts = delivery->attempts,
		.next_attempt_at_ms = delivery->next_attempt_at_ms,
	};
	strcpy(seen->id, delivery->id);
	strcpy(seen->webhook_id, delivery->webhook_id);
	snprintf(seen->last_error, sizeof(seen->last_error), "%s",
		 delivery->last_error ? delivery->last_error : "");
}

static int see_deliveries_job(struct store *store, void *arg)
{
	struct world *world = arg;
	const struct delivery_filter filter = { .webhook_id = world->webhook_id };
	world->delivery_count = 0;
	return store_delivery_list(store, &filter, "", DELIVERIES_MAX, see_delivery, world);
}

static unsigned count_status(struct world *world, const char *webhook_id,
			     enum delivery_status status)
{
	unsigned count = 0;
	world->webhook_id = webhook_id;
	do_job(world, see_deliveries_job);
	for (unsigned i = 0; i < world->delivery_count; i++)
		count += world->deliveries[i].status == status;
	return count;
}

static void see_attempt(void *arg, const struct attempt *attempt)
{
	struct world *world = arg;
	world->attempts[world->attempt_count] = *attempt;
	snprintf(world->errors[world->attempt_count], sizeof(world->errors[0]), "%s",
		 attempt->error ? attempt->error : "");
	world->attempt_count++;
}

static int see_attempts_job(struct store *store, void *arg)
{
	struct world *world = arg;
	world->attempt_count = 0;
	return store_attempt_list(store, world->id, see_attempt, world);
}

static void see_attempts(struct world *world, const char *delivery_id)
{
	snprintf(world->id, sizeof(world->id), "%s", delivery_id);
	do_job(world, see_attempts_job);
}

static void see_webhook(void *arg, const struct webhook *webhook)
{
	struct world *world = arg;
	world->is_active = webhook->active;
	strcpy(world->disabled_reason, webhook->disabled_reason);
}

static int see_webhook_job(struct store *store, void *arg)
{
	struct world *world = arg;
	return store_webhook_show(store, world->webhook_id, clock_now_ms(), see_webhook, world);
}

static int claim_job(struct store *store, void *arg)
{
	struct world *world = arg;
	struct claimed_lane lane;
	int result = store_claim(store, world->webhook_id, 8, clock_now_ms(), NULL, &lane);
	if (result)
		return result;
	struct claim_note_entry entry = { lane.claims[0].delivery_key, lane.claims[0].attempt };
	result = store_claims_note(store, &(struct claim_note){ .key = 1,
								.claimed_at_ms = clock_now_ms(),
								.entries = &entry,
								.count = 1 });
	store_claimed_lane_finish(&lane);
	return result;
}

/* ---- conditions ---- */

static const char *awaited_path;
static unsigned awaited_count;

static bool has_arrived(struct world *world)
{
	return receiver_count(world->receiver, awaited_path) >= awaited_count;
}

static void await_requests(struct world *world, const char *path, unsigned count)
{
	awaited_path = path;
	awaited_count = count;
	run_until(world, has_arrived);
}

static bool is_idle(struct world *world)
{
	struct dispatch_status status;
	dispatcher_status(world->dispatcher, &status);
	return status.in_flight == 0 && store_thread_pending(world->store) == 0;
}

static void await_status(struct world *world, const char *webhook_id, enum delivery_status status,
			 unsigned count)
{
	loop_timer_set(world->watchdog, 30000);
	int64_t until_ms = clock_mono_ms() + 30000;
	while (count_status(world, webhook_id, status) != count) {
		if (clock_mono_ms() > until_ms)
			fail_msg("%u deliveries of %s did not become %s", count, webhook_id,
				 delivery_status_name(status));
	}
}

static bool is_drained(struct world *world)
{
	return world->is_drained;
}

static int64_t pause_until_mono_ms;

static bool is_pause_over(struct world *world)
{
	(void)world;
	return clock_mono_ms() >= pause_until_mono_ms;
}

/* Lets the loop run on, where nothing must happen. */
static void let_pass(struct world *world, int64_t ms)
{
	pause_until_mono_ms = clock_mono_ms() + ms;
	run_until(world, is_pause_over);
}

/* ---- tests ---- */

static void an_event_is_delivered_signed_and_recorded(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], value[512], id[512], timestamp[512];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DELIVERED, 2);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 2);
	assert_true(world->settled > 0);

	const struct receiver_request *request = receiver_find(world->receiver, "/hook", 1);
	size_t length = strlen(request->body);
	receiver_header(request, "X-Tiktool-Signature", value);
	assert_true(signer_verify_body(SECRET, request->body, length, value));
	receiver_header(request, "webhook-id", id);
	receiver_header(request, "webhook-timestamp", timestamp);
	receiver_header(request, "webhook-signature", value);
	assert_int_equal(
		signer_verify_standard(SECRET, id, timestamp, request->body, length, value), 0);
	assert_non_null(strstr(request->body, id));
	assert_string_equal(receiver_header(request, "X-Tiktool-Attempt", value), "1");
	assert_string_equal(receiver_header(request, "X-Tiktool-Webhook-Id", value), webhook);
	assert_string_equal(receiver_header(request, "X-Tiktool-Event", value), "live.start");

	see_attempts(world, receiver_header(request, "X-Tiktool-Delivery-Id", value));
	assert_int_equal(world->attempt_count, 1);
	assert_int_equal(world->attempts[0].attempt, 1);
	assert_int_equal(world->attempts[0].status_code, 200);
	assert_string_equal(world->errors[0], "");
	assert_true(world->attempts[0].duration_ms >= 0);
	assert_int_equal(world->attempts[0].response_length, 2);
}

static void a_failed_attempt_is_repeated_with_the_same_bytes(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], value[512];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/flaky", webhook);
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DELIVERED, 2);
	assert_int_equal(receiver_count(world->receiver, "/flaky"), 3);

	const struct receiver_request *first = receiver_find(world->receiver, "/flaky", 1);
	const struct receiver_request *again = NULL;
	char delivery[512];
	receiver_header(first, "X-Tiktool-Delivery-Id", delivery);
	for (unsigned i = 2; i <= 3; i++) {
		const struct receiver_request *other = receiver_find(world->receiver, "/flaky", i);
		if (strcmp(receiver_header(other, "X-Tiktool-Delivery-Id", value), delivery) == 0)
			again = other;
	}
	assert_non_null(again);
	assert_string_equal(again->body, first->body);
	assert_string_equal(receiver_header(again, "X-Tiktool-Attempt", value), "2");

	see_attempts(world, delivery);
	assert_int_equal(world->attempt_count, 2);
	assert_string_equal(world->errors[0], "http");
	assert_int_equal(world->attempts[0].status_code, 500);
	assert_int_equal(world->attempts[1].attempt, 2);
	assert_true(world->attempts[1].started_at_ms - world->attempts[0].started_at_ms >= 100);
}

static void after_the_last_attempt_a_delivery_is_dead(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/broken", webhook);
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DEAD, 2);
	assert_int_equal(receiver_count(world->receiver, "/broken"), 2 * 3);
	assert_int_equal(world->deliveries[0].attempts, 3);
	assert_string_equal(world->deliveries[0].last_error, "http");
}

static void first_attempts_of_a_creator_wait_for_the_answer_to_the_one_before(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], value[512];
	receiver_hold(world->receiver, "/hook");
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	add_live(world, "alice");
	await_requests(world, "/hook", 1);
	let_pass(world, 100);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 1);
	receiver_release(world->receiver);
	await_status(world, webhook, DELIVERY_DELIVERED, 4);

	for (unsigned i = 1; i <= 4; i++) {
		const struct receiver_request *request = receiver_find(world->receiver, "/hook", i);
		snprintf(value, sizeof(value), "\"sequence\":%u,", i);
		if (!strstr(request->body, value))
			fail_msg("request %u is not event %u: %s", i, i, request->body);
	}
}

static void a_webhook_that_hangs_delays_no_other(void **state)
{
	struct world *world = *state;
	char hung[8][ID_TEXT_SIZE], good[ID_TEXT_SIZE];
	const char *const creators[] = { "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7" };
	world->config.delivery.concurrency = 4;
	dispatcher_reload(world->dispatcher);
	dispatcher_start(world->dispatcher);
	for (size_t i = 0; i < ARRAY_SIZE(creators); i++)
		add_webhook(world, creators[i], "/silence", hung[i]);
	add_webhook(world, "good", "/hook", good);
	add_live(world, "good"); /* so that it has proven itself */
	await_status(world, good, DELIVERY_DELIVERED, 2);
	for (size_t i = 0; i < ARRAY_SIZE(creators); i++)
		add_live(world, creators[i]);
	await_requests(world, "/silence", 3); /* new ones leave a quarter of the slots */
	for (unsigned i = 0; i < 5; i++)
		add_live(world, "good");
	await_status(world, good, DELIVERY_DELIVERED, 12);
	assert_int_equal(receiver_count(world->receiver, "/silence"), 3);
}

static bool is_wide(struct world *world)
{
	struct dispatch_status status;
	dispatcher_status(world->dispatcher, &status);
	assert_true(status.in_flight <= world->config.delivery.concurrency_per_webhook);
	return status.in_flight == world->config.delivery.concurrency_per_webhook;
}

static void a_webhook_grows_to_its_limit_and_not_beyond(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], names[20][16];
	dispatcher_start(world->dispatcher);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(names[i], sizeof(names[i]), "creator%zu", i);
		world->creators[i] = names[i];
	}
	world->creator_count = ARRAY_SIZE(names);
	world->target_path = "/hook";
	do_job(world, add_webhook_job);
	strcpy(webhook, world->id);
	for (unsigned i = 0; i < 5; i++)
		add_live(world, names[0]);
	await_status(world, webhook, DELIVERY_DELIVERED, 10);

	receiver_hold(world->receiver, "/hook");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		add_live(world, names[i]);
	run_until(world, is_wide);
	let_pass(world, 100);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 10 + 8);
	receiver_release(world->receiver);
	await_status(world, webhook, DELIVERY_DELIVERED, 10 + 40);
}

static void gone_deactivates_the_webhook(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/gone", webhook);
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DEAD, 1);
	do_job(world, see_webhook_job);
	assert_false(world->is_active);
	assert_string_equal(world->disabled_reason, "gone");
	let_pass(world, 50);
	assert_int_equal(count_status(world, webhook, DELIVERY_PENDING), 1); /* it waits */
	assert_int_equal(receiver_count(world->receiver, "/gone"), 1);
}

static void a_test_is_made_once_at_once_and_of_an_inactive_webhook_too(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/broken", webhook);
	world->webhook_id = webhook;
	do_job(world, deactivate_job);
	do_job(world, add_test_job);
	dispatcher_wake(world->dispatcher);
	await_status(world, webhook, DELIVERY_DEAD, 1);
	assert_int_equal(receiver_count(world->receiver, "/broken"), 1);
	assert_non_null(
		strstr(receiver_find(world->receiver, "/broken", 1)->body, "\"is_test\":true"));
}

static void a_test_waits_for_no_slot_of_others(void **state)
{
	struct world *world = *state;
	char hung[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE];
	world->config.delivery.concurrency = 1;
	dispatcher_reload(world->dispatcher);
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/silence", hung);
	add_webhook(world, "nobody", "/hook", webhook);
	add_live(world, "alice");
	await_requests(world, "/silence", 1);
	world->webhook_id = webhook;
	do_job(world, add_test_job);
	dispatcher_wake(world->dispatcher);
	await_status(world, webhook, DELIVERY_DELIVERED, 1);
}

static void a_lost_hint_costs_a_second_at_most(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	world->creator = "alice";
	let_pass(world, 50);
	int64_t begun_ms = clock_mono_ms();
	do_job(world, add_live_job); /* nobody wakes the dispatcher */
	await_requests(world, "/hook", 1);
	assert_true(clock_mono_ms() - begun_ms < 2500);
}

static int compare_times(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
	return (one > other) - (one < other);
}

/* By when they started: when they arrived depends on what else the machine does. */
static void a_rate_limit_spaces_attempts(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	int64_t started_at_ms[4];
	world->rate_limit = 10;
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DELIVERED, 4);
	for (unsigned i = 0; i < 4; i++) {
		see_attempts(world, world->deliveries[i].id);
		started_at_ms[i] = world->attempts[0].started_at_ms;
	}
	qsort(started_at_ms, 4, sizeof(started_at_ms[0]), compare_times);
	for (unsigned i = 1; i < 4; i++) {
		int64_t gap_ms = started_at_ms[i] - started_at_ms[i - 1];
		if (gap_ms < 90)
			fail_msg("a gap of %lld ms", (long long)gap_ms);
	}
}

static void what_was_in_flight_at_a_crash_is_made_again_under_its_number(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], value[512];
	add_webhook(world, "alice", "/hook", webhook);
	world->creator = "alice";
	do_job(world, add_live_job);
	world->webhook_id = webhook;
	do_job(world, claim_job); /* and the process that claimed it is no more */
	dispatcher_start(world->dispatcher);
	await_status(world, webhook, DELIVERY_DELIVERED, 2);

	const struct receiver_request *request = receiver_find(world->receiver, "/hook", 1);
	assert_string_equal(receiver_header(request, "X-Tiktool-Attempt", value), "1");
	see_attempts(world, receiver_header(request, "X-Tiktool-Delivery-Id", value));
	assert_int_equal(world->attempt_count, 2);
	assert_string_equal(world->errors[0], "interrupted");
	assert_string_equal(world->errors[1], "");
	assert_int_equal(world->attempts[1].attempt, 1);
}

static void a_stop_waits_for_the_answers_of_attempts_in_flight(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	receiver_hold(world->receiver, "/hook");
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	await_requests(world, "/hook", 1);
	dispatcher_stop(world->dispatcher);
	let_pass(world, 100);
	assert_false(world->is_drained);
	receiver_release(world->receiver);
	run_until(world, is_drained);
	assert_true(is_idle(world));
	assert_int_equal(count_status(world, webhook, DELIVERY_DELIVERED), 1);
	assert_int_equal(count_status(world, webhook, DELIVERY_PENDING), 1);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 1);
}

static void a_stop_interrupts_what_takes_too_long(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE], value[512];
	world->config.delivery.drain_timeout_ms = 100;
	receiver_hold(world->receiver, "/hook");
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	await_requests(world, "/hook", 1);
	dispatcher_stop(world->dispatcher);
	run_until(world, is_drained);
	assert_int_equal(count_status(world, webhook, DELIVERY_PENDING), 2);

	const struct receiver_request *request = receiver_find(world->receiver, "/hook", 1);
	see_attempts(world, receiver_header(request, "X-Tiktool-Delivery-Id", value));
	assert_int_equal(world->attempt_count, 1);
	assert_string_equal(world->errors[0], "interrupted");

	/* The next one goes on where it was. */
	dispatcher_destroy(world->dispatcher);
	create_dispatcher(world);
	receiver_release(world->receiver);
	dispatcher_start(world->dispatcher);
	await_status(world, webhook, DELIVERY_DELIVERED, 2);
	request = receiver_find(world->receiver, "/hook", 2);
	assert_string_equal(receiver_header(request, "X-Tiktool-Attempt", value), "1");
}

static void a_stop_gives_back_what_waits_for_its_turn(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	world->rate_limit = 0.1;
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	await_status(world, webhook, DELIVERY_DELIVERED, 1);
	dispatcher_stop(world->dispatcher);
	run_until(world, is_drained);
	assert_int_equal(count_status(world, webhook, DELIVERY_PENDING), 1);
	assert_int_equal(world->deliveries[0].attempts, 0);
}

static void a_stop_before_the_start_drains_at_once(void **state)
{
	struct world *world = *state;
	dispatcher_stop(world->dispatcher);
	assert_false(world->is_drained); /* always later */
	run_until(world, is_drained);
}

static void a_dispatcher_can_go_away_in_the_middle_of_everything(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/silence", webhook);
	add_live(world, "alice");
	await_requests(world, "/silence", 1);
	add_live(world, "alice");
	dispatcher_destroy(world->dispatcher);
	world->dispatcher = NULL;
	let_pass(world, 50);
}

static bool is_degraded(struct world *world)
{
	return store_thread_is_degraded(world->store);
}

static bool is_no_longer_degraded(struct world *world)
{
	return !store_thread_is_degraded(world->store);
}

/* A file that may not grow looks like a full disk. */
static void with_a_full_disk_no_attempt_starts_and_no_outcome_is_lost(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	struct rlimit before, full;
	signal(SIGXFSZ, SIG_IGN);
	receiver_hold(world->receiver, "/hook");
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	add_live(world, "alice");
	await_requests(world, "/hook", 1);

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	receiver_release(world->receiver);
	run_until(world, is_degraded);
	let_pass(world, 1500);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 1);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	run_until(world, is_no_longer_degraded);
	await_status(world, webhook, DELIVERY_DELIVERED, 2);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 2);
}

/* Trouble of our own is nobody's fault: no attempt is counted, and we do not try all the time. */
static void without_descriptors_everything_waits_and_no_attempt_is_used_up(void **state)
{
	struct world *world = *state;
	char webhook[ID_TEXT_SIZE];
	struct rlimit before, none;
	int64_t not_made = metrics_value(METRIC_ATTEMPTS_NOT_MADE, 0);
	dispatcher_start(world->dispatcher);
	add_webhook(world, "alice", "/hook", webhook);
	let_pass(world, 50);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 8; /* below what is open already */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	add_live(world, "alice");
	let_pass(world, 1500);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	not_made = metrics_value(METRIC_ATTEMPTS_NOT_MADE, 0) - not_made;
	if (not_made < 1 || not_made > 4)
		fail_msg("tried %lld times in 1.5 s", (long long)not_made);
	assert_int_equal(receiver_count(world->receiver, "/hook"), 0);

	await_status(world, webhook, DELIVERY_DELIVERED, 2);
	assert_int_equal(world->deliveries[0].attempts, 1);
	see_attempts(world, world->deliveries[0].id);
	assert_int_equal(world->attempt_count, 1);
}

#define DISPATCHER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCHER_TEST(an_event_is_delivered_signed_and_recorded),
		DISPATCHER_TEST(a_failed_attempt_is_repeated_with_the_same_bytes),
		DISPATCHER_TEST(after_the_last_attempt_a_delivery_is_dead),
		DISPATCHER_TEST(first_attempts_of_a_creator_wait_for_the_answer_to_the_one_before),
		DISPATCHER_TEST(a_webhook_that_hangs_delays_no_other),
		DISPATCHER_TEST(a_webhook_grows_to_its_limit_and_not_beyond),
		DISPATCHER_TEST(gone_deactivates_the_webhook),
		DISPATCHER_TEST(a_test_is_made_once_at_once_and_of_an_inactive_webhook_too),
		DISPATCHER_TEST(a_test_waits_for_no_slot_of_others),
		DISPATCHER_TEST(a_lost_hint_costs_a_second_at_most),
		DISPATCHER_TEST(a_rate_limit_spaces_attempts),
		DISPATCHER_TEST(what_was_in_flight_at_a_crash_is_made_again_under_its_number),
		DISPATCHER_TEST(a_stop_waits_for_the_answers_of_attempts_in_flight),
		DISPATCHER_TEST(a_stop_interrupts_what_takes_too_long),
		DISPATCHER_TEST(a_stop_gives_back_what_waits_for_its_turn),
		DISPATCHER_TEST(a_stop_before_the_start_drains_at_once),
		DISPATCHER_TEST(a_dispatcher_can_go_away_in_the_middle_of_everything),
		DISPATCHER_TEST(without_descriptors_everything_waits_and_no_attempt_is_used_up),
		DISPATCHER_TEST(with_a_full_disk_no_attempt_starts_and_no_outcome_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
