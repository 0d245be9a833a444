/* dns: what comes of a lookup, against a scripted name server on loopback. */
#include "base/clock.h"
#include "base/dns.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- A name server ---- */

enum { TYPE_A = 1, TYPE_AAAA = 28 };

enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, SILENT = -1 };

/* What it says about a name: so many addresses of each kind, numbered from 1. */
struct zone {
	const char *name;
	int code, v4, v6;
	unsigned ttl;
	int v6_code;    /* 0: as code */
	bool needs_tcp; /* in a datagram it is cut off */
};

static const struct zone zones[] = {
	{ .name = "both.example", .v4 = 2, .v6 = 1, .ttl = 300 },
	{ .name = "four.example", .v4 = 1, .ttl = 300 },
	{ .name = "six.example", .v6 = 1, .ttl = 300 },
	{ .name = "many.example", .v4 = 40, .v6 = 40, .ttl = 300 },
	{ .name = "many-four.example", .v4 = 40, .v6 = 2, .ttl = 300 },
	{ .name = "huge.example", .v4 = 100, .v6 = 1, .ttl = 300, .needs_tcp = true },
	{ .name = "brief.example", .v4 = 1 },
	{ .name = "empty.example", .ttl = 300 },
	{ .name = "missing.example", .code = NXDOMAIN },
	{ .name = "broken.example", .code = SERVFAIL },
	{ .name = "silent.example", .code = SILENT },
	{ .name = "half-silent.example", .v4 = 1, .ttl = 300, .v6_code = SILENT },
};

struct name_server {
	int fd, listener;
	uint16_t port;
	pthread_t thread, tcp_thread;
	pthread_mutex_t lock; /* guards what follows */
	int queries;          /* in datagrams */
	int mutes;            /* so many of them get no answer, whatever they ask for */
};

/* The name at offset 12 of a query, in text, and where its type is. */
static size_t read_name(const uint8_t *query, size_t length, char *name)
{
	size_t at = 12;

	while (at < length && query[at]) {
		memcpy(name, query + at + 1, query[at]);
		name += query[at];
		*name++ = '.';
		at += query[at] + 1u;
	}
	name[-1] = '\0';
	return at + 1;
}

static size_t put_address(uint8_t *out, int type, unsigned ttl, int number)
{
	const uint8_t head[] = { 0xc0,
				 12,
				 0,
				 (uint8_t)type,
				 0,
				 1,
				 0,
				 0,
				 (uint8_t)(ttl >> 8),
				 (uint8_t)ttl,
				 0,
				 type == TYPE_A ? 4 : 16 };
	struct in6_addr v6;
	uint8_t v4[] = { 127, 0, 0, (uint8_t)number };

	memcpy(out, head, sizeof head);
	if (type == TYPE_A) {
		memcpy(out + sizeof head, v4, sizeof v4);
		return sizeof head + sizeof v4;
	}
	inet_pton(AF_INET6, "2001:db8::", &v6);
	v6.s6_addr[15] = (uint8_t)number;
	memcpy(out + sizeof head, &v6, sizeof v6);
	return sizeof head + sizeof v6;
}

/* Makes the answer out of the query; 0: none. */
static size_t answer(uint8_t *message, size_t length, bool is_tcp)
{
	char name[256];
	const struct zone *zone = NULL;
	size_t end = read_name(message, length, name);
	int type = message[end] << 8 | message[end + 1];

	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		if (strcasecmp(zones[i].name, name) == 0)
			zone = &zones[i];
	}
	int code = zone ? zone->code : NXDOMAIN;
	if (zone && zone->v6_code && type == TYPE_AAAA)
		code = zone->v6_code;
	if (code == SILENT)
		return 0;
	int count = zone ? (type == TYPE_A ? zone->v4 : zone->v6) : 0;
	bool is_cut_off = zone && zone->needs_tcp && !is_tcp;
	count = is_cut_off ? 0 : count;
	message[2] = is_cut_off ? 0x83 : 0x81;
	message[3] = (uint8_t)(0x80 | code);
	message[7] = (uint8_t)count;
	memset(message + 8, 0, 4);
	size_t at = end + 4;
	for (int i = 1; i <= count; i++)
		at += put_address(message + at, type, zone->ttl, i);
	return at;
}

static void *serve(void *arg)
{
	struct name_server *server = arg;
	uint8_t message[4096];
	struct sockaddr_in from;

	for (;;) {
		socklen_t from_length = sizeof from;
		ssize_t got = recvfrom(server->fd, message, sizeof message, 0,
				       (struct sockaddr *)&from, &from_length);
		if (got < 12) /* server_stop() */
			return NULL;
		pthread_mutex_lock(&server->lock);
		server->queries++;
		bool is_mute = server->mutes > 0 && server->mutes-- > 0;

		pthread_mutex_unlock(&server->lock);
		size_t length = is_mute ? 0 : answer(message, (size_t)got, false);
		if (length > 0)
			sendto(server->fd, message, length, 0, (struct sockaddr *)&from,
			       from_length);
	}
}

/* Messages have their length in front; the client ends the connection. */
static void serve_connection(int fd)
{
	uint8_t message[4096];

	while (recv(fd, message, 2, MSG_WAITALL) == 2) {
		size_t length = (size_t)message[0] << 8 | message[1];
		if (recv(fd, message + 2, length, MSG_WAITALL) != (ssize_t)length)
			return;
		length = answer(message + 2, length, true);
		message[0] = (uint8_t)(length >> 8);
		message[1] = (uint8_t)length;
		send(fd, message, length + 2, MSG_NOSIGNAL);
	}
}

static void *serve_tcp(void *arg)
{
	struct name_server *server = arg;
	int fd;

	while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_connection(fd);
		close(fd);
	}
	return NULL;
}

static bool bind_to(int fd, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* A port that is free both for datagrams and for TCP. */
static bool bind_both(struct name_server *server)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(bind_to(server->listener, 0));
	getsockname(server->listener, (struct sockaddr *)&address, &length);
	server->port = ntohs(address.sin_port);
	if (bind_to(server->fd, server->port))
		return true;
	close(server->listener);
	close(server->fd);
	return false;
}

static void server_start(struct name_server *server)
{
	*server = (struct name_server){ 0 };
	pthread_mutex_init(&server->lock, NULL);
	while (!bind_both(server))
		continue;
	assert_int_equal(listen(server->listener, 8), 0);
	assert_int_equal(pthread_create(&server->tcp_thread, NULL, serve_tcp, server), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct name_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	sendto(server->fd, "", 1, 0, (struct sockaddr *)&address, sizeof address);
	pthread_join(server->thread, NULL);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->tcp_thread, NULL);
	close(server->listener);
	close(server->fd);
	pthread_mutex_destroy(&server->lock);
}

static int queries_of(struct name_server *server)
{
	pthread_mutex_lock(&server->lock);
	int queries = server->queries;
	pthread_mutex_unlock(&server->lock);
	return queries;
}

/* ---- The scene ---- */

struct scene {
	int descriptors;
	struct loop *loop;
	struct name_server server;
	struct dns *dns;
	int waiting, done; /* lookups */
	int status;
	char addresses[1024]; /* in text, separated by spaces */
	int v4, v6;
	char resolv_conf[32];
};

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static struct dns_options options_of(const struct name_server *server)
{
	static char servers[64];

	snprintf(servers, sizeof servers, "127.0.0.1:%u", server->port);
	return (struct dns_options){ .timeout_ms = 5000,
				     .cache_entries = 100,
				     .ttl_max_s = 600,
				     .negative_ttl_s = 10,
				     .servers = servers };
}

static void reopen(struct scene *scene, const struct dns_options *options)
{
	dns_destroy(scene->dns);
	scene->dns = dns_create(scene->loop, options);
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	loop_destroy(loop_create()); /* what libuv opens once and for ever is no leak */
	scene->descriptors = count_descriptors();
	scene->loop = loop_create();
	server_start(&scene->server);
	struct dns_options options = options_of(&scene->server);
	scene->dns = dns_create(scene->loop, &options);
	*state = scene;
	return 0;
}

/* Every test ends with as many descriptors as it began with. */
static int tear_down(void **state)
{
	struct scene *scene = *state;

	dns_destroy(scene->dns);
	loop_destroy(scene->loop);
	server_stop(&scene->server);
	if (scene->resolv_conf[0])
		unlink(scene->resolv_conf);
	assert_int_equal(count_descriptors(), scene->descriptors);
	free(scene);
	return 0;
}

static void on_done(void *arg, int status, const struct http_address *addresses, size_t count)
{
	struct scene *scene = arg;
	char text[HTTP_ADDRESS_TEXT_SIZE];

	scene->status = status;
	scene->addresses[0] = '\0';
	scene->v4 = scene->v6 = 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			strcat(scene->addresses, " ");
		strcat(scene->addresses, http_address_format(&addresses[i], text));
		*(addresses[i].family == AF_INET ? &scene->v4 : &scene->v6) += 1;
	}
	if (++scene->done >= scene->waiting)
		loop_stop(scene->loop);
}

static void look_up(struct scene *scene, const char *name)
{
	scene->done = 0;
	scene->waiting = 1;
	dns_resolve(scene->dns, name, on_done, scene);
	loop_run(scene->loop);
}

static void expect_failure(struct scene *scene, const char *name, int status)
{
	look_up(scene, name);
	if (scene->status != status)
		fail_msg("%s: expected %s, got %s (%s)", name, strerror(-status),
			 strerror(-scene->status), scene->addresses);
	assert_string_equal(scene->addresses, "");
}

static void must_not_be_called(void *arg, int status, const struct http_address *addresses,
			       size_t count)
{
	(void)arg;
	(void)addresses;
	(void)count;
	fail_msg("called back though it was cancelled: %d", status);
}

static void stop_the_loop(void *arg)
{
	struct scene *scene = arg;

	loop_stop(scene->loop);
}

static void run_for(struct scene *scene, int64_t delay_ms)
{
	struct loop_timer *timer = loop_timer_create(scene->loop, stop_the_loop, scene);

	loop_timer_set(timer, delay_ms);
	loop_run(scene->loop);
	loop_timer_destroy(timer);
}

/* ---- Answers ---- */

static void a_name_has_the_addresses_of_both_families(void **state)
{
	struct scene *scene = *state;

	look_up(scene, "both.example");
	assert_int_equal(scene->status, 0);
	assert_int_equal(scene->v4, 2);
	assert_int_equal(scene->v6, 1);
	look_up(scene, "six.example");
	assert_string_equal(scene->addresses, "2001:db8::1");
	look_up(scene, "FOUR.Example");
	assert_string_equal(scene->addresses, "127.0.0.1");
}

static void an_answer_never_comes_before_the_call_returns(void **state)
{
	struct scene *scene = *state;

	for (int round = 0; round < 2; round++) { /* asked, then remembered */
		scene->done = 0;
		scene->waiting = 1;
		assert_non_null(dns_resolve(scene->dns, "four.example", on_done, scene));
		assert_int_equal(scene->done, 0);
		loop_run(scene->loop);
	}
	scene->done = 0;
	dns_resolve(scene->dns, "127.0.0.1", on_done, scene);
	assert_int_equal(scene->done, 0);
	loop_run(scene->loop);
}

static void a_literal_is_answered_without_a_query(void **state)
{
	static const char *const literals[] = { "127.0.0.1", "::1", "2001:db8::7" };
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
		look_up(scene, literals[i]);
		assert_int_equal(scene->status, 0);
		assert_string_equal(scene->addresses, literals[i]);
	}
	assert_int_equal(queries_of(&scene->server), 0);
}

static void localhost_is_known_without_a_query(void **state)
{
	struct scene *scene = *state;

	look_up(scene, "localhost");
	assert_int_equal(scene->status, 0);
	assert_non_null(strstr(scene->addresses, "127.0.0.1"));
	assert_int_equal(queries_of(&scene->server), 0);
}

static void of_many_addresses_each_family_gets_its_share(void **state)
{
	struct scene *scene = *state;

	look_up(scene, "many.example");
	assert_int_equal(scene->v4, LIMIT_DNS_ADDRESSES / 2);
	assert_int_equal(scene->v6, LIMIT_DNS_ADDRESSES / 2);
	look_up(scene, "many-four.example");
	assert_int_equal(scene->v4, LIMIT_DNS_ADDRESSES - 2);
	assert_int_equal(scene->v6, 2);
}

static void an_answer_too_long_for_a_datagram_comes_by_tcp(void **state)
{
	struct scene *scene = *state;

	look_up(scene, "huge.example");
	assert_int_equal(scene->status, 0);
	assert_int_equal(scene->v4, LIMIT_DNS_ADDRESSES - 1);
	assert_int_equal(scene->v6, 1);
}

static void failures_are_told_apart(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	expect_failure(scene, "missing.example", -ENOENT);
	expect_failure(scene, "empty.example", -ENOENT);
	expect_failure(scene, "broken.example", -EIO);
	expect_failure(scene, "bad..name", -ENOENT);
	options.timeout_ms = 80;
	reopen(scene, &options);
	int64_t started_at_ms = clock_mono_ms();
	expect_failure(scene, "silent.example", -ETIMEDOUT);
	assert_true(clock_mono_ms() - started_at_ms >= 60);
	assert_true(clock_mono_ms() - started_at_ms < 4000);
}

static void a_server_that_is_not_there_is_a_failure_of_its_own(void **state)
{
	struct scene *scene = *state;
	struct name_server other;

	server_start(&other);
	struct dns_options options = options_of(&other);
	server_stop(&other);
	reopen(scene, &options);
	expect_failure(scene, "four.example", -EIO);
}

static void a_server_that_ignores_one_family_costs_only_time(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	options.timeout_ms = 200;
	reopen(scene, &options);
	look_up(scene, "half-silent.example");
	assert_int_equal(scene->status, 0);
	assert_string_equal(scene->addresses, "127.0.0.1");
}

static void running_out_of_descriptors_is_our_own_trouble(void **state)
{
	struct scene *scene = *state;
	struct rlimit before, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)scene->server.fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	look_up(scene, "four.example");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(scene->status, -EMFILE);
	look_up(scene, "four.example"); /* not remembered */
	assert_int_equal(scene->status, 0);
}

/* ---- Memory ---- */

static void lookups_of_the_same_name_share_a_query(void **state)
{
	struct scene *scene = *state;

	scene->waiting = 10;
	for (int i = 0; i < scene->waiting; i++)
		dns_resolve(scene->dns, i % 2 ? "four.example" : "Four.EXAMPLE", on_done, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 10);
	assert_string_equal(scene->addresses, "127.0.0.1");
	assert_int_equal(queries_of(&scene->server), 2); /* A and AAAA */
}

static void an_answer_is_remembered(void **state)
{
	struct scene *scene = *state;
	unsigned cached = metrics_label(METRIC_DNS_LOOKUPS, "cached");
	unsigned ok = metrics_label(METRIC_DNS_LOOKUPS, "ok");
	int64_t cached_before = metrics_value(METRIC_DNS_LOOKUPS, cached);
	int64_t ok_before = metrics_value(METRIC_DNS_LOOKUPS, ok);

	for (int i = 0; i < 3; i++) {
		look_up(scene, "both.example");
		assert_int_equal(scene->v4, 2);
	}
	assert_int_equal(queries_of(&scene->server), 2);
	assert_int_equal(metrics_value(METRIC_DNS_LOOKUPS, ok), ok_before + 1);
	assert_int_equal(metrics_value(METRIC_DNS_LOOKUPS, cached), cached_before + 2);
}

static void an_answer_with_a_ttl_of_0_is_not_remembered(void **state)
{
	struct scene *scene = *state;

	look_up(scene, "brief.example");
	look_up(scene, "brief.example");
	assert_int_equal(scene->status, 0);
	assert_int_equal(queries_of(&scene->server), 4);
}

static void no_answer_is_kept_longer_than_the_maximum(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	options.ttl_max_s = 0;
	reopen(scene, &options);
	look_up(scene, "four.example");
	look_up(scene, "four.example");
	assert_int_equal(queries_of(&scene->server), 4);
}

static void a_failure_is_remembered_for_its_own_time(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	expect_failure(scene, "missing.example", -ENOENT);
	expect_failure(scene, "missing.example", -ENOENT);
	assert_int_equal(queries_of(&scene->server), 2);
	options.negative_ttl_s = 0;
	reopen(scene, &options);
	expect_failure(scene, "missing.example", -ENOENT);
	expect_failure(scene, "missing.example", -ENOENT);
	assert_int_equal(queries_of(&scene->server), 6);
}

static void the_name_not_used_for_longest_is_forgotten_first(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	options.cache_entries = 2;
	reopen(scene, &options);
	look_up(scene, "four.example");
	look_up(scene, "six.example");
	look_up(scene, "four.example");
	look_up(scene, "both.example");
	assert_int_equal(queries_of(&scene->server), 6);
	look_up(scene, "four.example");
	assert_int_equal(queries_of(&scene->server), 6);
	look_up(scene, "six.example");
	assert_int_equal(queries_of(&scene->server), 8);
}

/* ---- Ending early ---- */

static void a_lookup_can_be_cancelled_at_every_stage(void **state)
{
	static const char *const names[] = { "silent.example", "four.example", "127.0.0.1",
					     "localhost" };
	struct scene *scene = *state;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			dns_cancel(dns_resolve(scene->dns, names[i], must_not_be_called, NULL));
		struct dns_lookup *silent =
			dns_resolve(scene->dns, "silent.example", must_not_be_called, NULL);
		run_for(scene, 5);
		dns_cancel(silent);
	}
	look_up(scene, "four.example");
	assert_int_equal(scene->status, 0);
}

static void one_of_two_waiting_can_be_cancelled(void **state)
{
	struct scene *scene = *state;

	scene->waiting = 1;
	struct dns_lookup *first =
		dns_resolve(scene->dns, "four.example", must_not_be_called, NULL);
	dns_resolve(scene->dns, "four.example", on_done, scene);
	dns_cancel(first);
	loop_run(scene->loop);
	assert_string_equal(scene->addresses, "127.0.0.1");
}

static void an_answer_after_its_time_goes_to_nobody(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	/* The deadline comes before c-ares has given up; then the same name is asked for again. */
	options.timeout_ms = 20;
	options.negative_ttl_s = 0;
	reopen(scene, &options);
	for (int i = 0; i < 5; i++)
		expect_failure(scene, "silent.example", -ETIMEDOUT);
	run_for(scene, 30);
	look_up(scene, "four.example");
	assert_int_equal(scene->status, 0);
}

static void lookups_under_way_end_with_their_resolver(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	for (int64_t delay_ms = 0; delay_ms < 6; delay_ms += 2) {
		look_up(scene, "both.example");
		dns_resolve(scene->dns, "silent.example", must_not_be_called, NULL);
		dns_resolve(scene->dns, "silent.example", must_not_be_called, NULL);
		run_for(scene, delay_ms);
		dns_resolve(scene->dns, "four.example", must_not_be_called, NULL);
		dns_resolve(scene->dns, "both.example", must_not_be_called, NULL);
		dns_resolve(scene->dns, "::1", must_not_be_called, NULL);
		reopen(scene, &options);
	}
}

static void destroy_the_resolver(void *arg, int status, const struct http_address *addresses,
				 size_t count)
{
	struct scene *scene = arg;

	assert_int_equal(status, 0);
	assert_int_equal(count, 1);
	dns_destroy(scene->dns);
	scene->dns = NULL;
	assert_int_equal(addresses[0].family, AF_INET);
	loop_stop(scene->loop);
}

static void a_resolver_may_be_destroyed_by_its_own_callback(void **state)
{
	struct scene *scene = *state;

	dns_resolve(scene->dns, "four.example", destroy_the_resolver, scene);
	dns_resolve(scene->dns, "four.example", destroy_the_resolver, scene);
	loop_run(scene->loop);
	assert_null(scene->dns);
}

static void look_up_again(void *arg, int status, const struct http_address *addresses, size_t count)
{
	struct scene *scene = arg;

	on_done(arg, status, addresses, count);
	if (scene->done < scene->waiting)
		dns_resolve(scene->dns, "four.example", look_up_again, scene);
}

static void a_callback_may_start_the_next_lookup(void **state)
{
	struct scene *scene = *state;

	scene->waiting = 10;
	dns_resolve(scene->dns, "four.example", look_up_again, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 10);
	assert_int_equal(queries_of(&scene->server), 2);
}

/* ---- Changes of resolv.conf ---- */

static void write_resolv_conf(const struct scene *scene, const char *text)
{
	FILE *file = fopen(scene->resolv_conf, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_change_of_resolv_conf_asks_anew_also_for_what_is_under_way(void **state)
{
	struct scene *scene = *state;
	struct dns_options options = options_of(&scene->server);

	strcpy(scene->resolv_conf, "/tmp/golived-resolv-XXXXXX");
	close(mkstemp(scene->resolv_conf));
	options.resolv_conf = scene->resolv_conf;
	options.timeout_ms = 60000; /* nothing is repeated for its own sake */
	reopen(scene, &options);

	scene->server.mutes = 2; /* A and AAAA */
	scene->waiting = 2;
	dns_resolve(scene->dns, "four.example", on_done, scene);
	while (queries_of(&scene->server) < 2)
		run_for(scene, 1);
	assert_int_equal(scene->done, 0);
	write_resolv_conf(scene, "options rotate\n");
	dns_resolve(scene->dns, "both.example", on_done, scene);
	loop_run(scene->loop);
	assert_int_equal(scene->done, 2);
	assert_int_equal(scene->status, 0);
	assert_int_equal(queries_of(&scene->server), 6);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_has_the_addresses_of_both_families),
		TEST(an_answer_never_comes_before_the_call_returns),
		TEST(a_literal_is_answered_without_a_query),
		TEST(localhost_is_known_without_a_query),
		TEST(of_many_addresses_each_family_gets_its_share),
		TEST(an_answer_too_long_for_a_datagram_comes_by_tcp),
		TEST(failures_are_told_apart),
		TEST(a_server_that_is_not_there_is_a_failure_of_its_own),
		TEST(a_server_that_ignores_one_family_costs_only_time),
		TEST(running_out_of_descriptors_is_our_own_trouble),
		TEST(lookups_of_the_same_name_share_a_query),
		TEST(an_answer_is_remembered),
		TEST(an_answer_with_a_ttl_of_0_is_not_remembered),
		TEST(no_answer_is_kept_longer_than_the_maximum),
		TEST(a_failure_is_remembered_for_its_own_time),
		TEST(the_name_not_used_for_longest_is_forgotten_first),
		TEST(a_lookup_can_be_cancelled_at_every_stage),
		TEST(one_of_two_waiting_can_be_cancelled),
		TEST(an_answer_after_its_time_goes_to_nobody),
		TEST(lookups_under_way_end_with_their_resolver),
		TEST(a_resolver_may_be_destroyed_by_its_own_callback),
		TEST(a_callback_may_start_the_next_lookup),
		TEST(a_change_of_resolv_conf_asks_anew_also_for_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
