/* The poller on a real loop and a real store, against a scripted service on loopback. Intervals are
 * a few milliseconds; what is waited for is a condition, never a time. */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "db/store_thread.h"
#include "detect/answer.h"
#include "detect/poller.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum {
	WAIT_MAX_MS = 20000,
	REQUESTS_MAX = 2000,
	HANDLES_MAX = 64,
	CREATORS_MAX = 64,
};

/* ---- the service ---- */

struct request {
	int64_t at_mono_ms;
	bool is_limits;
	bool has_key;
	unsigned count;
	char handles[HANDLES_MAX][HANDLE_SIZE];
};

/* What the service says; written by the test, read by its thread, under the lock. */
struct script {
	int fail_status;       /* answer everything with it; 0: not */
	const char *fail_head; /* more header lines */
	unsigned size_max;     /* 413 beyond; 0: any */
	const char *poison;    /* 400 for a batch with this handle */
	const char *silent;    /* no row for this handle */
	bool is_slow;          /* never answers */
	unsigned live_count;
	char live[CREATORS_MAX][HANDLE_SIZE];
	uint64_t room; /* of the first; the others follow */
};

struct service {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener;
	uint16_t port;
	bool is_stopping;
	struct script script;
	struct request requests[REQUESTS_MAX];
	unsigned request_count;
};

static void request_parse(struct request *request, const char *head, const char *body)
{
	request->at_mono_ms = clock_mono_ms();
	request->is_limits = strstr(head, "/webcast/rate_limits") != NULL;
	request->has_key = strstr(head, "x-api-key: secret-key\r\n") != NULL;
	const char *at = strchr(body, '[');
	while (at && (at = strchr(at, '"')) && request->count < HANDLES_MAX) {
		const char *end = strchr(at + 1, '"');
		snprintf(request->handles[request->count++], HANDLE_SIZE, "%.*s",
			 (int)(end - at - 1), at + 1);
		at = end + 1;
	}
}

static int script_room_of(const struct script *script, const char *handle)
{
	for (unsigned i = 0; i < script->live_count; i++)
		if (strcmp(script->live[i], handle) == 0)
			return (int)i;
	return -1;
}

static void script_rows(const struct script *script, const struct request *request,
			struct strbuf *out)
{
	const char *comma = "";
	strbuf_add_text(out, "{\"status_code\":0,\"data\":[");
	for (unsigned i = 0; i < request->count; i++) {
		int room = script_room_of(script, request->handles[i]);
		if (script->silent && strcmp(script->silent, request->handles[i]) == 0)
			continue;
		strbuf_addf(out, "%s{\"unique_id\":\"%s\",\"is_live\":%s", comma,
			    request->handles[i], room < 0 ? "false" : "true");
		if (room >= 0)
			strbuf_addf(out, ",\"room_id\":\"%llu\",\"title\":\"hello\"",
				    (unsigned long long)(script->room + (uint64_t)room));
		strbuf_add_text(out, "}");
		comma = ",";
	}
	strbuf_add_text(out, "]}");
}

static bool request_names(const struct request *request, const char *handle)
{
	for (unsigned i = 0; i < request->count; i++)
		if (strcmp(handle, request->handles[i]) == 0)
			return true;
	return false;
}

static int script_answer(const struct script *script, const struct request *request,
			 struct strbuf *body)
{
	if (script->fail_status != 0) {
		strbuf_add_text(body, "{\"error\":\"as the script says\"}");
		return script->fail_status;
	}
	if (request->is_limits) {
		strbuf_add_text(body, "{\"status_code\":0,\"data\":{\"tier\":\"pro\",\"api\":{"
				      "\"limit\":250,\"remaining\":249,\"reset_at\":1}}}");
		return 200;
	}
	if (script->size_max > 0 && request->count > script->size_max)
		return 413;
	if (script->poison && request_names(request, script->poison))
		return 400;
	script_rows(script, request, body);
	return 200;
}

static void service_serve(struct service *service, int connection)
{
	char input[65536];
	size_t length = 0;
	char *body = NULL;
	while (length < sizeof(input) - 1) {
		ssize_t n = recv(connection, input + length, sizeof(input) - 1 - length, 0);
		if (n <= 0)
			return;
		length += (size_t)n;
		input[length] = '\0';
		body = strstr(input, "\r\n\r\n");
		const char *size = strcasestr(input, "content-length:");
		size_t wanted = size ? (size_t)atol(size + 15) : 0;
		if (body && length >= (size_t)(body + 4 - input) + wanted)
			break;
	}
	if (!body)
		return;
	struct strbuf answer, out;
	strbuf_init(&answer, 1 << 20);
	strbuf_init(&out, 1 << 20);
	pthread_mutex_lock(&service->lock);
	struct request *request = &service->requests[service->request_count++ % REQUESTS_MAX];
	memset(request, 0, sizeof(*request));
	request_parse(request, input, body + 4);
	int status = script_answer(&service->script, request, &answer);
	const char *head = service->script.fail_status ? service->script.fail_head : NULL;
	bool is_slow = service->script.is_slow;
	strbuf_addf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
		    status, answer.length, head ? head : "");
	strbuf_add(&out, answer.data, answer.length);
	pthread_mutex_unlock(&service->lock);
	if (is_slow)
		(void)recv(connection, input, sizeof(input), 0); /* until the client has enough */
	else
		(void)!send(connection, out.data, out.length, MSG_NOSIGNAL);
	strbuf_finish(&answer);
	strbuf_finish(&out);
}

static void *service_run(void *arg)
{
	struct service *service = arg;
	for (;;) {
		int connection = accept(service->listener, NULL, NULL);
		pthread_mutex_lock(&service->lock);
		bool is_stopping = service->is_stopping;
		pthread_mutex_unlock(&service->lock);
		if (connection >= 0 && !is_stopping)
			service_serve(service, connection);
		if (connection >= 0)
			close(connection);
		if (is_stopping)
			return NULL;
	}
}

static void service_start(struct service *service)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	service->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_ok(bind(service->listener, (struct sockaddr *)&address, sizeof(address)));
	assert_ok(listen(service->listener, 64));
	assert_ok(getsockname(service->listener, (struct sockaddr *)&address, &size));
	service->port = ntohs(address.sin_port);
	pthread_mutex_init(&service->lock, NULL);
	assert_ok(pthread_create(&service->thread, NULL, service_run, service));
}

static void service_stop(struct service *service)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(service->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	pthread_mutex_lock(&service->lock);
	service->is_stopping = true;
	pthread_mutex_unlock(&service->lock);
	int wake = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)connect(wake, (struct sockaddr *)&address, sizeof(address));
	pthread_join(service->thread, NULL);
	close(wake);
	close(service->listener);
	pthread_mutex_destroy(&service->lock);
}

/* ---- the bench ---- */

struct bench {
	struct service service;
	char directory[64], path[96], base_url[64];
	struct config *config;
	struct loop *loop;
	struct store_thread *store;
	struct poller *poller;
	const char *key;
	unsigned hints;
	/* While the loop runs. */
	bool (*condition)(struct bench *bench);
	struct loop_timer *timer;
	int64_t deadline_mono_ms;
	bool is_met;
	/* A job's result. */
	const char *const *names;
	size_t name_count;
	bool job_done;
	unsigned starts, ends, deliveries, quarantined;
	int64_t fact, unchanged;
};

static void on_hint(void *arg)
{
	((struct bench *)arg)->hints++;
}

static void on_fatal(void *arg, int error, const char *what)
{
	(void)arg;
	fail_msg("store: %s: %s", what, strerror(-error));
}

static void on_bench_timer(void *arg)
{
	struct bench *bench = arg;
	bench->is_met = bench->condition(bench);
	if (bench->is_met || clock_mono_ms() > bench->deadline_mono_ms)
		loop_stop(bench->loop);
	else
		loop_timer_set(bench->timer, 2);
}

/* Runs the loop until the condition holds. */
static void wait_until(struct bench *bench, bool (*condition)(struct bench *), const char *what)
{
	bench->condition = condition;
	bench->deadline_mono_ms = clock_mono_ms() + WAIT_MAX_MS;
	loop_timer_set(bench->timer, 0);
	loop_run(bench->loop);
	if (!bench->is_met)
		fail_msg("in vain waited for: %s", what);
}
#define WAIT_UNTIL(bench, condition) wait_until(bench, condition, #condition)

static void bench_script(struct bench *bench, struct script script)
{
	pthread_mutex_lock(&bench->service.lock);
	bench->service.script = script;
	pthread_mutex_unlock(&bench->service.lock);
}

static unsigned request_count(struct bench *bench)
{
	pthread_mutex_lock(&bench->service.lock);
	unsigned count = bench->service.request_count;
	pthread_mutex_unlock(&bench->service.lock);
	return count;
}

static void bench_forget_requests(struct bench *bench)
{
	pthread_mutex_lock(&bench->service.lock);
	bench->service.request_count = 0;
	pthread_mutex_unlock(&bench->service.lock);
}

static void bench_configure(struct bench *bench)
{
	struct strbuf mistakes;
	strbuf_init(&mistakes, 4096);
	if (config_load("/dev/null", &mistakes, &bench->config) < 0)
		fail_msg("%s", mistakes.data);
	strbuf_finish(&mistakes);
	struct config *config = bench->config;
	free(config->upstream.base_url);
	snprintf(bench->base_url, sizeof(bench->base_url), "http://127.0.0.1:%u",
		 bench->service.port);
	config->upstream.base_url = strdup(bench->base_url);
	config->upstream.tier = TIER_BASIC;
	config->upstream.requests_per_minute = 1000000;
	config->upstream.requests_per_day = INT64_C(10000000000);
	config->upstream.timeout_ms = 5000;
	config->upstream.backoff_max_ms = 1000;
	config->poll.min_interval_ms = 20;
	config->poll.end_grace_ms = 50;
	config->poll.policy = POLICY_UNIFORM;
}

static void bench_open(struct bench *bench)
{
	struct strbuf why;
	strbuf_init(&why, 1024);
	bench->loop = loop_create();
	bench->timer = loop_timer_create(bench->loop, on_bench_timer, bench);
	if (store_thread_create(bench->loop, bench->path, SYNCHRONOUS_NORMAL, on_fatal, bench, &why,
				&bench->store) < 0)
		fail_msg("%s", why.data);
	strbuf_finish(&why);
	struct poller_hooks hooks = { .on_enqueued = on_hint, .arg = bench };
	bench->poller = poller_create(bench->loop, bench->store, bench->config, bench->key, &hooks);
}

static void bench_close(struct bench *bench)
{
	poller_destroy(bench->poller);
	store_thread_destroy(bench->store);
	loop_timer_destroy(bench->timer);
	loop_destroy(bench->loop);
}

static int bench_set_up(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	snprintf(bench->directory, sizeof(bench->directory), "/tmp/golived-test-XXXXXX");
	if (!mkdtemp(bench->directory))
		return -1;
	snprintf(bench->path, sizeof(bench->path), "%s/golived.db", bench->directory);
	bench->key = "secret-key";
	for (unsigned label = 0; label < 4; label++)
		metrics_set(METRIC_CREATORS, label, 0); /* of the test before */
	service_start(&bench->service);
	bench_configure(bench);
	bench_open(bench);
	*state = bench;
	return 0;
}

static int bench_tear_down(void **state)
{
	struct bench *bench = *state;
	char command[96];
	bench_close(bench);
	service_stop(&bench->service);
	config_destroy(bench->config);
	snprintf(command, sizeof(command), "rm -r %s", bench->directory);
	int r = system(command);
	free(bench);
	return r;
}

/* ---- what is on disk ---- */

static bool job_is_done(struct bench *bench)
{
	return bench->job_done;
}

static void on_job_done(void *arg, int result)
{
	struct bench *bench = arg;
	assert_ok(result);
	bench->job_done = true;
}

static void run_job(struct bench *bench, store_job_fn job)
{
	bench->job_done = false;
	store_write(bench->store, job, on_job_done, bench);
	WAIT_UNTIL(bench, job_is_done);
}

static int add_names(struct store *store, void *arg)
{
	struct bench *bench = arg;
	bool created;
	add_webhook(store, NULL);
	return store_watchlist_put(store, "all", PRIORITY_NORMAL, bench->names, bench->name_count,
				   T0, &created);
}

static void watch_names(struct bench *bench, const char *const *names, size_t count)
{
	bench->names = names;
	bench->name_count = count;
	run_job(bench, add_names);
}

static void on_listed_event(void *arg, const struct event_row *event)
{
	struct bench *bench = arg;
	bench->starts += event->type == EVENT_LIVE_START;
	bench->ends += event->type == EVENT_LIVE_END;
	bench->deliveries += (unsigned)event->pending;
}

static int count_events(struct store *store, void *arg)
{
	struct bench *bench = arg;
	struct event_filter filter = { 0 };
	struct creator_totals totals;
	bench->starts = bench->ends = bench->deliveries = 0;
	assert_ok(store_creator_totals(store, &totals));
	bench->quarantined = (unsigned)totals.quarantined;
	return store_event_list(store, &filter, "", 500, on_listed_event, bench);
}

static void on_listed_creator(void *arg, const struct creator *creator)
{
	((struct bench *)arg)->unchanged += creator->tally.unchanged;
}

static int count_unchanged(struct store *store, void *arg)
{
	((struct bench *)arg)->unchanged = 0;
	return store_creator_list(store, NULL, NULL, "", CREATORS_MAX, on_listed_creator, arg);
}

static int read_size_fact(struct store *store, void *arg)
{
	return store_fact_get(store, "batch_size", &((struct bench *)arg)->fact);
}

static struct script live_script(const char *const *names, unsigned count, uint64_t room)
{
	struct script script = { .room = room, .live_count = count };
	for (unsigned i = 0; i < count; i++)
		snprintf(script.live[i], HANDLE_SIZE, "%s", names[i]);
	return script;
}

/* ---- conditions ---- */

static int64_t creators_in(unsigned label) /* of golived_creators */
{
	return metrics_value(METRIC_CREATORS, label);
}

static bool has_hint(struct bench *bench)
{
	return bench->hints > 0;
}

static bool has_two_hints(struct bench *bench)
{
	return bench->hints > 1;
}

static bool has_1_request(struct bench *bench)
{
	return request_count(bench) >= 1;
}

static bool has_3_requests(struct bench *bench)
{
	return request_count(bench) >= 3;
}

static bool has_20_requests(struct bench *bench)
{
	return request_count(bench) >= 20;
}

static bool has_loaded(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.watched > 0;
}

static bool all_are_offline(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.watched > 0 && creators_in(1) == status.watched;
}

static bool all_but_one_are_offline(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return creators_in(1) == status.watched - 1 && creators_in(2) == 1;
}

static bool one_is_quarantined(struct bench *bench)
{
	(void)bench;
	return creators_in(3) == 1 && creators_in(1) > 0 && creators_in(2) <= 1;
}

static bool is_refused(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.auth_refused;
}

static bool is_stale(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.stale;
}

static bool batches_are_small(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.batch_size == 2;
}

static bool gauges_were_set(struct bench *bench)
{
	(void)bench;
	static int64_t since;
	if (since == 0)
		since = clock_mono_ms();
	if (clock_mono_ms() - since < 1300)
		return false;
	since = 0;
	return true;
}

/* ---- the tests ---- */

static const char *const trio[] = { "ada", "bob", "cyd" };

static void a_live_is_told_from_start_to_end_once_each(void **state)
{
	struct bench *bench = *state;
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	bench_script(bench, live_script(trio, 1, UINT64_C(7000000000000000001)));
	WAIT_UNTIL(bench, has_hint);
	bench_script(bench, (struct script){ 0 });
	WAIT_UNTIL(bench, has_two_hints);
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_3_requests);
	run_job(bench, count_events);
	assert_int_equal(bench->starts, 1);
	assert_int_equal(bench->ends, 1);
	assert_int_equal(bench->deliveries, 2);
	assert_true(bench->service.requests[0].has_key);
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_true(status.last_success_at_ms > 0 && status.used_today >= 3);
	assert_string_equal(status.tier, "basic");
	assert_string_equal(status.policy, "uniform");
}

static void a_restart_tells_nothing_twice_and_forgets_nothing(void **state)
{
	struct bench *bench = *state;
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	bench_script(bench, live_script(trio, 1, 77));
	WAIT_UNTIL(bench, has_hint);
	bench_close(bench);
	bench_open(bench);
	bench_forget_requests(bench);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_3_requests);
	bench_script(bench, (struct script){ 0 });
	WAIT_UNTIL(bench, has_two_hints);
	run_job(bench, count_events);
	assert_int_equal(bench->starts, 1);
	assert_int_equal(bench->ends, 1);
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_true(status.used_today > (int64_t)request_count(bench)); /* the earlier run's too */
}

static void checks_that_changed_nothing_are_stored_before_long(void **state)
{
	struct bench *bench = *state;
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	run_job(bench, count_unchanged);
	int64_t before = bench->unchanged, until_mono_ms = clock_mono_ms() + WAIT_MAX_MS;
	while (bench->unchanged == before) {
		if (clock_mono_ms() > until_mono_ms)
			fail_msg("nothing was stored of %u requests", request_count(bench));
		bench_forget_requests(bench);
		WAIT_UNTIL(bench, has_3_requests);
		run_job(bench, count_unchanged);
	}
}

/* Every answer is in the tally: but for the first ones, which are findings. */
static void a_stop_stores_what_was_gathered(void **state)
{
	struct bench *bench = *state;
	int64_t before = metrics_value(METRIC_POLL_ANSWERS, ANSWER_OFFLINE);
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	WAIT_UNTIL(bench, has_20_requests);
	poller_stop(bench->poller);
	run_job(bench, count_unchanged);
	assert_int_equal(bench->unchanged,
			 metrics_value(METRIC_POLL_ANSWERS, ANSWER_OFFLINE) - before - 3);
}

static void with_nobody_watched_nothing_is_asked(void **state)
{
	struct bench *bench = *state;
	bench->config->upstream.tier = TIER_AUTO;
	poller_start(bench->poller);
	WAIT_UNTIL(bench, gauges_were_set);
	assert_int_equal(request_count(bench), 0);
	watch_names(bench, trio, 3);
	poller_wake(bench->poller);
	WAIT_UNTIL(bench, has_1_request);
	assert_true(bench->service.requests[0].is_limits);
}

static void without_a_key_nothing_is_asked_until_there_is_one(void **state)
{
	struct bench *bench = *state;
	bench_close(bench);
	bench->key = NULL;
	bench_open(bench);
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_loaded);
	WAIT_UNTIL(bench, gauges_were_set);
	assert_int_equal(request_count(bench), 0);
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_true(status.key_missing);
	poller_reload(bench->poller, "secret-key");
	WAIT_UNTIL(bench, has_1_request);
}

static void the_service_tells_the_limits(void **state)
{
	struct bench *bench = *state;
	bench->config->upstream.tier = TIER_AUTO;
	bench->config->upstream.requests_per_minute = 0;
	bench->config->upstream.requests_per_day = 0;
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_string_equal(status.tier, "pro");
	assert_int_equal(status.batch_size, 50);
	assert_int_equal(status.requests_per_minute, 250);
	assert_int_equal(status.requests_per_day, 75000);
	assert_true(bench->service.requests[0].is_limits);
	assert_true(bench->service.requests[0].has_key);
}

static void make_names(char names[][HANDLE_SIZE], const char **pointers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], HANDLE_SIZE, "creator%02zu", i);
		pointers[i] = names[i];
	}
}

static void a_sweep_asks_about_everybody_once_in_full_batches(void **state)
{
	struct bench *bench = *state;
	char names[25][HANDLE_SIZE];
	const char *pointers[25];
	make_names(names, pointers, 25);
	bench->config->poll.min_interval_ms = 60000;
	watch_names(bench, pointers, 25);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	assert_int_equal(request_count(bench), 3);
	unsigned total = 0, full = 0;
	for (unsigned i = 0; i < 3; i++) {
		total += bench->service.requests[i].count;
		full += bench->service.requests[i].count == 10;
	}
	assert_int_equal(total, 25);
	assert_int_equal(full, 2);
}

static void after_a_429_it_waits_as_long_as_it_is_told(void **state)
{
	struct bench *bench = *state;
	bench_script(bench,
		     (struct script){ .fail_status = 429, .fail_head = "Retry-After: 2\r\n" });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_1_request);
	bench_script(bench, (struct script){ 0 });
	WAIT_UNTIL(bench, has_3_requests);
	int64_t waited_ms =
		bench->service.requests[1].at_mono_ms - bench->service.requests[0].at_mono_ms;
	assert_true(waited_ms >= 2000 && waited_ms < 10000);
}

static bool was_told_to_wait(struct bench *bench)
{
	struct poll_status status;
	poller_status(bench->poller, &status);
	return status.gap.began_at_ms > 0 && status.gap.reason == GAP_THROTTLED;
}

static void a_restart_waits_as_long_as_the_run_before_it_was_told(void **state)
{
	struct bench *bench = *state;
	bench_script(bench,
		     (struct script){ .fail_status = 429, .fail_head = "Retry-After: 3\r\n" });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, was_told_to_wait);
	int64_t asked_mono_ms = bench->service.requests[0].at_mono_ms;
	bench_close(bench);
	bench_open(bench);
	bench_forget_requests(bench);
	bench_script(bench, (struct script){ 0 });
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_1_request);
	int64_t waited_ms = bench->service.requests[0].at_mono_ms - asked_mono_ms;
	if (waited_ms < 3000 || waited_ms > 15000)
		fail_msg("expected at least 3000 ms of silence, got %lld", (long long)waited_ms);
}

static void trouble_of_the_service_changes_nobodys_state(void **state)
{
	struct bench *bench = *state;
	watch_names(bench, trio, 3);
	bench_script(bench, live_script(trio, 1, 77));
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_3_requests); /* adopted in silence */
	bench_script(bench, (struct script){ .fail_status = 500 });
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_3_requests);
	int64_t gap_ms =
		bench->service.requests[1].at_mono_ms - bench->service.requests[0].at_mono_ms;
	assert_true(gap_ms >= 450); /* 1 s, give or take up to half */
	bench_script(bench, live_script(trio, 1, 77));
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_3_requests);
	run_job(bench, count_events);
	assert_int_equal(bench->starts + bench->ends, 0);
}

static void a_service_that_never_answered_is_stale(void **state)
{
	struct bench *bench = *state;
	bench_script(bench, (struct script){ .fail_status = 503 });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, is_stale);
}

static void a_refused_key_is_tried_once_a_minute(void **state)
{
	struct bench *bench = *state;
	bench_script(bench, (struct script){ .fail_status = 401 });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, is_refused);
	WAIT_UNTIL(bench, gauges_were_set);
	assert_int_equal(request_count(bench), 1);
	/* 403 for everything is the same, once a single handle was refused. */
	bench_script(bench, (struct script){ .fail_status = 403 });
	bench_forget_requests(bench);
	poller_reload(bench->poller, "secret-key");
	WAIT_UNTIL(bench, is_refused);
	WAIT_UNTIL(bench, gauges_were_set);
	assert_true(request_count(bench) <= 3);
	bench_script(bench, (struct script){ 0 });
	poller_reload(bench->poller, "secret-key");
	WAIT_UNTIL(bench, all_are_offline);
}

static void a_batch_that_is_too_big_is_halved_and_the_size_remembered(void **state)
{
	struct bench *bench = *state;
	char names[9][HANDLE_SIZE];
	const char *pointers[9];
	make_names(names, pointers, 9);
	bench_script(bench, (struct script){ .size_max = 2 });
	watch_names(bench, pointers, 9);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, batches_are_small);
	WAIT_UNTIL(bench, all_are_offline);
	run_job(bench, read_size_fact);
	assert_int_equal(bench->fact, 2);
	run_job(bench, count_events);
	assert_int_equal(bench->quarantined, 0);
	bench_close(bench);
	bench_open(bench);
	bench_forget_requests(bench);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_3_requests);
	assert_int_equal(bench->service.requests[0].count, 2);
}

static void a_handle_at_fault_is_quarantined_and_the_others_go_on(void **state)
{
	struct bench *bench = *state;
	char names[9][HANDLE_SIZE];
	const char *pointers[9];
	make_names(names, pointers, 9);
	bench_script(bench, (struct script){ .poison = "creator03" });
	watch_names(bench, pointers, 9);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, one_is_quarantined);
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_20_requests);
	for (unsigned i = 0; i < 20; i++)
		assert_false(request_names(&bench->service.requests[i], "creator03"));
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_int_equal(status.batch_size, 10);
	run_job(bench, count_events);
	assert_int_equal(bench->quarantined, 1);
	/* It is looked at again, and taken back. */
	bench_script(bench, (struct script){ 0 });
	bench->config->poll.quarantine_interval_ms = 20;
	poller_reload(bench->poller, "secret-key");
	WAIT_UNTIL(bench, all_are_offline);
	run_job(bench, count_events);
	assert_int_equal(bench->quarantined, 0);
}

static void a_handle_at_fault_that_comes_alone_stops_nobody(void **state)
{
	struct bench *bench = *state;
	char names[10][HANDLE_SIZE];
	const char *pointers[10];
	make_names(names, pointers, 10);
	bench_script(bench, (struct script){ .poison = "creator09" });
	watch_names(bench, pointers, 9);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_20_requests);
	/* From here on it is new, and so asked about at once and by itself. */
	watch_names(bench, pointers, 10);
	poller_wake(bench->poller);
	WAIT_UNTIL(bench, one_is_quarantined);
	unsigned asked = 0;
	for (unsigned i = 0; i < bench->service.request_count; i++)
		asked += request_names(&bench->service.requests[i], "creator09");
	assert_in_range(asked, 1, 10);
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_20_requests);
}

static void one_who_is_passed_over_in_silence_does_not_keep_the_others_from_their_turn(void **state)
{
	struct bench *bench = *state;
	bench_script(bench, (struct script){ .silent = "bob" });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_but_one_are_offline);
	bench_forget_requests(bench);
	WAIT_UNTIL(bench, has_20_requests); /* nothing holds up anybody */
}

static void a_crowd_that_starts_at_once_is_told_after_a_second_check(void **state)
{
	struct bench *bench = *state;
	char names[20][HANDLE_SIZE];
	const char *pointers[20];
	int64_t held = metrics_value(METRIC_MASS_FLIPS_HELD, 0);
	make_names(names, pointers, 20);
	bench->config->upstream.batch_size = 20;
	poller_reload(bench->poller, "secret-key");
	watch_names(bench, pointers, 20);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, all_are_offline);
	bench_script(bench, live_script(pointers, 20, 1000));
	WAIT_UNTIL(bench, has_hint);
	assert_int_equal(metrics_value(METRIC_MASS_FLIPS_HELD, 0), held + 1);
	run_job(bench, count_events);
	assert_int_equal(bench->starts, 20);
}

static void a_request_under_way_does_not_hold_up_the_end(void **state)
{
	struct bench *bench = *state;
	bench_script(bench, (struct script){ .is_slow = true });
	watch_names(bench, trio, 3);
	poller_start(bench->poller);
	WAIT_UNTIL(bench, has_1_request);
	poller_stop(bench->poller);
	struct poll_status status;
	poller_status(bench->poller, &status);
	assert_int_equal(status.watched, 3);
}

#define BENCH_TEST(test) cmocka_unit_test_setup_teardown(test, bench_set_up, bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_live_is_told_from_start_to_end_once_each),
		BENCH_TEST(a_restart_tells_nothing_twice_and_forgets_nothing),
		BENCH_TEST(checks_that_changed_nothing_are_stored_before_long),
		BENCH_TEST(a_stop_stores_what_was_gathered),
		BENCH_TEST(with_nobody_watched_nothing_is_asked),
		BENCH_TEST(without_a_key_nothing_is_asked_until_there_is_one),
		BENCH_TEST(the_service_tells_the_limits),
		BENCH_TEST(a_sweep_asks_about_everybody_once_in_full_batches),
		BENCH_TEST(after_a_429_it_waits_as_long_as_it_is_told),
		BENCH_TEST(a_restart_waits_as_long_as_the_run_before_it_was_told),
		BENCH_TEST(trouble_of_the_service_changes_nobodys_state),
		BENCH_TEST(a_service_that_never_answered_is_stale),
		BENCH_TEST(a_refused_key_is_tried_once_a_minute),
		BENCH_TEST(a_batch_that_is_too_big_is_halved_and_the_size_remembered),
		BENCH_TEST(a_handle_at_fault_is_quarantined_and_the_others_go_on),
		BENCH_TEST(a_handle_at_fault_that_comes_alone_stops_nobody),
		BENCH_TEST(
			one_who_is_passed_over_in_silence_does_not_keep_the_others_from_their_turn),
		BENCH_TEST(a_crowd_that_starts_at_once_is_told_after_a_second_check),
		BENCH_TEST(a_request_under_way_does_not_hold_up_the_end),
	};
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
