/* egress and names: what is made of everything that a name server may say, honest or not.
 *
 * Each scenario is a script of a name's answers, one for each time it is looked up, and what comes
 * of one delivery for each. 127.0.0.1, where a receiver listens, stands for a public address: the
 * operator has exempted it.
 */
#include "deliver/egress.h"

#include "base/limits.h"
#include "name_server.h"
#include "receiver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PUBLIC "127.0.0.1"
#define OTHER_PUBLIC "127.0.0.9" /* exempted, too, but nobody listens there */

/* ---- the scenarios ---- */

enum {
	REPLY_MAX = 3,
	TTL_LONGEST = 0x7FFFFFFF,
	TIMEOUT_MS = 5000,
	SHORT_TIMEOUT_MS = 250, /* where nothing that counts will come */
};

enum manner {
	HONEST,
	NXDOMAIN,
	SERVFAIL,
	REFUSED,
	SILENT,        /* no reply at all */
	WRONG_ID,      /* the reply to another query */
	WRONG_NAME,    /* the reply to another question */
	OTHER_PORT,    /* from where nobody was asked */
	TRUNCATED,     /* and no TCP */
	GARBAGE,       /* a header, and then bytes */
	LONG_RECORD,   /* the length of the record leads out of the reply */
	SHORT_ADDRESS, /* an address of three bytes */
	ALIAS_LOOP,
	FORGED_FIRST, /* an honest reply, after one with a wrong id that says 10.0.0.1 */
	TWICE,        /* an honest reply, then another one that says 10.0.0.1 */
};

struct reply {
	const char *a, *aaaa; /* addresses, separated by spaces; NULL: none */
	enum manner manner;
	unsigned ttl;
	int aliases; /* so many CNAMEs stand before the addresses */
};

struct outcome {
	const char *error; /* NULL: delivered */
	const char *peer;  /* NULL: none */
};

static const struct scenario {
	const char *name; /* its first label; what it is about */
	struct reply replies[REPLY_MAX];
	struct outcome outcomes[REPLY_MAX]; /* error "": no more deliveries */
} scenarios[] = {
	/* Where an address points. */
	{ "public", { { .a = PUBLIC } }, { { NULL, PUBLIC } } },
	{ "private", { { .a = "10.0.0.1" } }, { { "blocked", "10.0.0.1" } } },
	{ "shared", { { .a = "100.64.0.1" } }, { { "blocked", "100.64.0.1" } } },
	{ "loopback", { { .a = "127.0.0.2" } }, { { "blocked", "127.0.0.2" } } },
	{ "this-host", { { .a = "0.0.0.0" } }, { { "blocked", "0.0.0.0" } } },
	{ "metadata", { { .a = "169.254.169.254" } }, { { "blocked", "169.254.169.254" } } },
	{ "metadata-azure", { { .a = "168.63.129.16" } }, { { "blocked", "168.63.129.16" } } },
	{ "multicast", { { .a = "224.0.0.1" } }, { { "blocked", "224.0.0.1" } } },
	{ "broadcast", { { .a = "255.255.255.255" } }, { { "blocked", "255.255.255.255" } } },
	{ "v6-loopback", { { .aaaa = "::1" } }, { { "blocked", "::1" } } },
	{ "v6-unspecified", { { .aaaa = "::" } }, { { "blocked", "::" } } },
	{ "v6-private", { { .aaaa = "fd00:ec2::254" } }, { { "blocked", "fd00:ec2::254" } } },
	{ "v6-link-local", { { .aaaa = "fe80::1" } }, { { "blocked", "fe80::1" } } },
	{ "v6-multicast", { { .aaaa = "ff02::1" } }, { { "blocked", "ff02::1" } } },

	/* IPv4 addresses within IPv6 ones. Only the mapped form is that address to the kernel. */
	{ "mapped", { { .aaaa = "::ffff:10.0.0.1" } }, { { "blocked", "::ffff:10.0.0.1" } } },
	{ "mapped-public", { { .aaaa = "::ffff:127.0.0.1" } }, { { NULL, "::ffff:127.0.0.1" } } },
	{ "compatible", { { .aaaa = "::127.0.0.1" } }, { { "blocked", "::127.0.0.1" } } },
	{ "translated", { { .aaaa = "::ffff:0:7f00:1" } }, { { "blocked", "::ffff:0:7f00:1" } } },
	{ "6to4", { { .aaaa = "2002:7f00:1::1" } }, { { "blocked", "2002:7f00:1::1" } } },
	{ "nat64", { { .aaaa = "64:ff9b::7f00:1" } }, { { "blocked", "64:ff9b::7f00:1" } } },
	{ "nat64-local",
	  { { .aaaa = "64:ff9b:1::7f00:1" } },
	  { { "blocked", "64:ff9b:1::7f00:1" } } },
	{ "teredo", { { .aaaa = "2001:0:7f00:1::1" } }, { { "blocked", "2001:0:7f00:1::1" } } },
	{ "isatap",
	  { { .aaaa = "2606:4700::5efe:7f00:1" } },
	  { { "blocked", "2606:4700::5efe:7f00:1" } } },

	/* Several addresses: what is allowed of them is used, whatever the order and the family. */
	{ "mixed", { { .a = "10.0.0.1 " PUBLIC } }, { { NULL, PUBLIC } } },
	{ "mixed-public-first", { { .a = PUBLIC " 10.0.0.1" } }, { { NULL, PUBLIC } } },
	{ "mixed-families", { { .a = PUBLIC, .aaaa = "fd00::1 ::1" } }, { { NULL, PUBLIC } } },
	{ "all-inward", { { .a = "10.0.0.1 10.0.0.2", .aaaa = "::1" } }, { { "blocked", NULL } } },
	{ "many",
	  { { .a = "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 "
		   "10.0.0.9 10.0.0.10 10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 "
		   "10.0.0.16 10.0.0.17 10.0.0.18 10.0.0.19 10.0.0.20" } },
	  { { "blocked", NULL } } },

	/* Aliases. */
	{ "alias", { { .a = PUBLIC, .aliases = 1 } }, { { NULL, PUBLIC } } },
	{ "aliases", { { .a = PUBLIC, .aliases = 6 } }, { { NULL, PUBLIC } } },
	{ "alias-inward", { { .a = "10.0.0.1", .aliases = 3 } }, { { "blocked", "10.0.0.1" } } },
	{ "alias-of-nothing", { { .aliases = 2 } }, { { "dns", NULL } } },
	{ "alias-loop", { { .manner = ALIAS_LOOP } }, { { "dns", NULL } } },

	/* Failures, lies and noise. */
	{ "empty", { { 0 } }, { { "dns", NULL } } },
	{ "nxdomain", { { .manner = NXDOMAIN } }, { { "dns", NULL } } },
	{ "servfail", { { .manner = SERVFAIL } }, { { "dns", NULL } } },
	{ "refused", { { .manner = REFUSED } }, { { "dns", NULL } } },
	{ "silent", { { .manner = SILENT } }, { { "dns", NULL } } },
	{ "wrong-id", { { .a = PUBLIC, .manner = WRONG_ID } }, { { "dns", NULL } } },
	{ "wrong-name", { { .a = PUBLIC, .manner = WRONG_NAME } }, { { "dns", NULL } } },
	{ "other-port", { { .a = PUBLIC, .manner = OTHER_PORT } }, { { "dns", NULL } } },
	{ "truncated", { { .a = PUBLIC, .manner = TRUNCATED } }, { { "dns", NULL } } },
	{ "garbage", { { .a = PUBLIC, .manner = GARBAGE } }, { { "dns", NULL } } },
	{ "long-record", { { .a = PUBLIC, .manner = LONG_RECORD } }, { { "dns", NULL } } },
	{ "short-address", { { .a = PUBLIC, .manner = SHORT_ADDRESS } }, { { "dns", NULL } } },
	{ "forged-first", { { .a = PUBLIC, .manner = FORGED_FIRST } }, { { NULL, PUBLIC } } },
	{ "twice", { { .a = PUBLIC, .manner = TWICE } }, { { NULL, PUBLIC } } },

	/* A name that says something else each time. With a TTL of 0 every delivery asks anew, and
	 * once: what was judged is what is connected to. The connection that is kept from the
	 * delivery before is to an address which the name no longer stands for. */
	{ "turns-inward",
	  { { .a = PUBLIC }, { .a = "10.0.0.1" }, { .a = "10.0.0.1" } },
	  { { NULL, PUBLIC }, { "blocked", "10.0.0.1" }, { "blocked", "10.0.0.1" } } },
	{ "moves",
	  { { .a = PUBLIC }, { .a = OTHER_PUBLIC } },
	  { { NULL, PUBLIC }, { "refused", NULL } } },
	{ "turns-outward",
	  { { .a = "10.0.0.1" }, { .a = PUBLIC } },
	  { { "blocked", "10.0.0.1" }, { NULL, PUBLIC } } },
	{ "turns-to-another-family",
	  { { .a = PUBLIC }, { .aaaa = "::1" } },
	  { { NULL, PUBLIC }, { "blocked", "::1" } } },
	{ "vanishes",
	  { { .a = PUBLIC }, { .manner = NXDOMAIN } },
	  { { NULL, PUBLIC }, { "dns", NULL } } },
	{ "flickers",
	  { { .a = PUBLIC }, { .a = "10.0.0.1" }, { .a = PUBLIC } },
	  { { NULL, PUBLIC }, { "blocked", "10.0.0.1" }, { NULL, PUBLIC } } },
	/* Remembered for its TTL, and a failure for a second: the next answer is not asked for. */
	{ "remembered",
	  { { .a = PUBLIC, .ttl = TTL_LONGEST }, { .a = "10.0.0.1" } },
	  { { NULL, PUBLIC }, { NULL, PUBLIC } } },
	{ "inward-remembered",
	  { { .a = "10.0.0.1", .ttl = 60 }, { .a = PUBLIC } },
	  { { "blocked", "10.0.0.1" }, { "blocked", "10.0.0.1" } } },
	{ "failure-remembered",
	  { { .manner = NXDOMAIN }, { .a = PUBLIC } },
	  { { "dns", NULL }, { "dns", NULL } } },
};

static bool is_in_vain(enum manner manner)
{
	return manner == SILENT || manner == WRONG_ID || manner == WRONG_NAME ||
	       manner == OTHER_PORT || manner == TRUNCATED || manner == GARBAGE;
}

/* ---- a name server that keeps to the script ---- */

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, MESSAGE_MAX = 2048 };

struct course {
	int other_fd;
	pthread_mutex_t lock;
	unsigned asked[ARRAY_SIZE(scenarios)][2]; /* under lock: for A, for AAAA */
};

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t length;
};

static void put_bytes(struct message *message, const void *bytes, size_t length)
{
	assert_true(message->length + length <= sizeof(message->bytes));
	memcpy(message->bytes + message->length, bytes, length);
	message->length += length;
}

static void put_number(struct message *message, unsigned number, size_t width)
{
	for (size_t i = width; i-- > 0;)
		put_bytes(message, &(uint8_t){ (uint8_t)(number >> (8 * i)) }, 1);
}

/* "aliasN.example"; 0 is the name in the question. */
static void put_owner(struct message *message, int alias)
{
	char label[16];
	if (alias == 0) {
		put_number(message, 0xC000 | QUESTION_AT, 2);
		return;
	}
	snprintf(label, sizeof(label), "alias%d", alias);
	put_number(message, (unsigned)strlen(label), 1);
	put_bytes(message, label, strlen(label));
	put_bytes(message, "\7example", 9);
}

/* Up to the length of the data. */
static void put_record(struct message *message, int owner, unsigned type, unsigned ttl)
{
	put_owner(message, owner);
	put_number(message, type, 2);
	put_number(message, 1, 2);
	put_number(message, ttl, 4);
	message->bytes[7]++;
}

static void put_alias(struct message *message, int from, int to, unsigned ttl)
{
	struct message target = { .length = 0 };
	put_owner(&target, to);
	put_record(message, from, TYPE_CNAME, ttl);
	put_number(message, (unsigned)target.length, 2);
	put_bytes(message, target.bytes, target.length);
}

static void put_addresses(struct message *message, const struct reply *reply, unsigned type)
{
	const char *at = type == TYPE_A ? reply->a : reply->aaaa;
	while (at && *at) {
		uint8_t bytes[16];
		char text[HTTP_ADDRESS_TEXT_SIZE];
		size_t length = strcspn(at, " "), width = type == TYPE_A ? 4 : 16;
		snprintf(text, sizeof(text), "%.*s", (int)length, at);
		assert_int_equal(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, bytes), 1);
		at += length + strspn(at + length, " ");
		if (reply->manner == SHORT_ADDRESS)
			width = 3;
		put_record(message, reply->aliases, type, reply->ttl);
		put_number(message, reply->manner == LONG_RECORD ? 0xFFFF : (unsigned)width, 2);
		put_bytes(message, bytes, width);
	}
}

/* The question with an empty answer. */
static void begin(struct message *message, const struct message *question, unsigned code)
{
	*message = *question;
	message->bytes[2] = 0x81;
	message->bytes[3] = (uint8_t)(0x80 | code);
	memset(message->bytes + 6, 0, 6);
}

static void write_reply(struct message *message, const struct message *question,
			const struct reply *reply, unsigned type)
{
	static const unsigned codes[] = {
		[NXDOMAIN] = 3, [SERVFAIL] = 2, [REFUSED] = 5, [TWICE] = 0
	};
	begin(message, question, codes[reply->manner]);
	for (int i = 0; i < reply->aliases; i++)
		put_alias(message, i, i + 1, reply->ttl);
	put_addresses(message, reply, type);
	switch (reply->manner) {
	case WRONG_ID:
		message->bytes[0] ^= 1;
		break;
	case WRONG_NAME:
		message->bytes[QUESTION_AT + 1] ^= 1;
		break;
	case TRUNCATED:
		begin(message, question, 0);
		message->bytes[2] |= 2;
		break;
	case GARBAGE:
		message->length = QUESTION_AT;
		put_bytes(message, "\xC0\x0C\xFF\xFF\xC0\x0C\x00\x00\xC0", 9);
		break;
	case ALIAS_LOOP:
		put_alias(message, 0, 1, 0);
		put_alias(message, 1, 0, 0);
		break;
	default:
		break;
	}
}

static void send_reply(int fd, const struct message *message, const struct sockaddr_in *to)
{
	sendto(fd, message->bytes, message->length, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Another reply, which says 10.0.0.1. */
static void send_lie(int fd, const struct message *question, uint8_t id_changed, unsigned type,
		     const struct sockaddr_in *to)
{
	static const struct reply inward = { .a = "10.0.0.1" };
	struct message message;
	write_reply(&message, question, &inward, type);
	message.bytes[0] ^= id_changed;
	send_reply(fd, &message, to);
}

/* Which reply of which scenario is to be given; NULL: nobody asks for it. */
static const struct reply *find_reply(struct course *course, const struct message *question,
				      unsigned type)
{
	size_t length = question->bytes[QUESTION_AT];
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (strlen(scenarios[i].name) != length ||
		    strncasecmp(scenarios[i].name, (const char *)question->bytes + QUESTION_AT + 1,
				length) != 0)
			continue;
		pthread_mutex_lock(&course->lock);
		unsigned number = course->asked[i][type == TYPE_AAAA]++;
		pthread_mutex_unlock(&course->lock);
		/* A manner that no reply comes of is asked about again and again. */
		if (is_in_vain(scenarios[i].replies[0].manner))
			number = 0;
		return number < REPLY_MAX ? &scenarios[i].replies[number] : NULL;
	}
	return NULL;
}

static void on_question(void *arg, int fd, const uint8_t *bytes, size_t length, unsigned type,
			const struct sockaddr_in *from)
{
	struct course *course = arg;
	struct message message, question = { .length = length };
	memcpy(question.bytes, bytes, length);
	const struct reply *reply = find_reply(course, &question, type);
	if (!reply || reply->manner == SILENT)
		return;
	if (reply->manner == FORGED_FIRST)
		send_lie(fd, &question, 1, type, from);
	write_reply(&message, &question, reply, type);
	send_reply(reply->manner == OTHER_PORT ? course->other_fd : fd, &message, from);
	if (reply->manner == TWICE)
		send_lie(fd, &question, 0, type, from);
}

/* ---- the world of the test ---- */

struct world {
	struct loop *loop;
	struct dns *dns;
	struct egress *egress;
	struct config config;
	struct receiver *receiver;
	struct name_server name_server;
	struct course course;
	char error[32], peer[64]; /* of the last delivery; "": none */
};

static const char *script(const char *path, unsigned number)
{
	(void)path;
	(void)number;
	return RECEIVER_OK;
}

static int set_up(void **state)
{
	struct world *world = memory_zeroed(1, sizeof(*world));
	struct sockaddr_in other;
	char servers[32];
	pthread_mutex_init(&world->course.lock, NULL);
	world->course.other_fd = bind_to_loopback(&other);
	name_server_start(&world->name_server, on_question, &world->course);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", world->name_server.port);
	const struct dns_options options = {
		.timeout_ms = TIMEOUT_MS,
		.cache_entries = ARRAY_SIZE(scenarios),
		.ttl_max_s = 60,
		.negative_ttl_s = 60,
		.servers = servers,
	};
	world->config.delivery.timeout_ms = TIMEOUT_MS;
	world->config.delivery.concurrency = 8;
	world->config.delivery.allow_target_count = 2;
	struct config_cidr *allowed = world->config.delivery.allow_targets;
	assert_int_equal(config_parse_cidr(PUBLIC "/32", &allowed[0]), 0);
	assert_int_equal(config_parse_cidr(OTHER_PUBLIC "/32", &allowed[1]), 0);
	world->loop = loop_create();
	world->dns = dns_create(world->loop, &options);
	world->egress = egress_create(world->loop, world->dns, &world->config);
	world->receiver = receiver_start(script);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	receiver_stop(world->receiver);
	egress_destroy(world->egress);
	dns_destroy(world->dns);
	loop_destroy(world->loop);
	name_server_stop(&world->name_server);
	close(world->course.other_fd);
	pthread_mutex_destroy(&world->course.lock);
	free(world);
	return 0;
}

static void on_done(void *arg, const struct egress_result *result)
{
	struct world *world = arg;
	snprintf(world->error, sizeof(world->error), "%s", result->error ? result->error : "");
	snprintf(world->peer, sizeof(world->peer), "%s",
		 result->peer_address ? result->peer_address : "");
	loop_stop(world->loop);
}

static void deliver_to(struct world *world, const char *name)
{
	char url[256];
	snprintf(url, sizeof(url), "http://%s.example:%u/%s", name, world->receiver->port, name);
	const struct egress_request request = { .url = url, .body = "{}", .body_length = 2 };
	egress_start(world->egress, &request, on_done, world);
	loop_run(world->loop);
}

/* One delivery, and whether it ended as it should. */
static bool ends_so(struct world *world, const struct scenario *scenario, unsigned number)
{
	const struct outcome *expected = &scenario->outcomes[number];
	const char *error = expected->error ? expected->error : "";
	deliver_to(world, scenario->name);
	bool is_right = strcmp(world->error, error) == 0 &&
			(!expected->peer || strcmp(world->peer, expected->peer) == 0);
	if (!is_right)
		print_error("%s, delivery %u: expected \"%s\" of %s, got \"%s\" of %s\n",
			    scenario->name, number + 1, error,
			    expected->peer ? expected->peer : "any", world->error, world->peer);
	return is_right;
}

static bool is_expected(const struct outcome *outcome)
{
	return outcome->error || outcome->peer;
}

static unsigned play(struct world *world, const struct scenario *scenario)
{
	char path[64];
	unsigned wrong = 0, delivered = 0;
	snprintf(path, sizeof(path), "/%s", scenario->name);
	world->config.delivery.connect_timeout_ms =
		is_in_vain(scenario->replies[0].manner) ? SHORT_TIMEOUT_MS : TIMEOUT_MS;
	for (unsigned i = 0; i < REPLY_MAX && is_expected(&scenario->outcomes[i]); i++) {
		wrong += ends_so(world, scenario, i) ? 0 : 1;
		delivered += scenario->outcomes[i].error ? 0 : 1;
	}
	if (receiver_count(world->receiver, path) != delivered) {
		print_error("%s: %u requests arrived, not %u\n", scenario->name,
			    receiver_count(world->receiver, path), delivered);
		wrong++;
	}
	return wrong;
}

static void whatever_a_name_server_says_only_what_is_allowed_is_connected_to(void **state)
{
	struct world *world = *state;
	unsigned wrong = 0;
	assert_true(ARRAY_SIZE(scenarios) >= 20);
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		wrong += play(world, &scenarios[i]);
	assert_int_equal(wrong, 0);
}

/* Between the judgement and the connection nobody is asked a second time. */
static void a_delivery_looks_its_name_up_once(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		const struct scenario *scenario = &scenarios[i];
		if (scenario->replies[0].manner != HONEST || scenario->outcomes[0].error)
			continue;
		world->config.delivery.connect_timeout_ms = TIMEOUT_MS;
		deliver_to(world, scenario->name);
		pthread_mutex_lock(&world->course.lock);
		unsigned a = world->course.asked[i][0], aaaa = world->course.asked[i][1];
		pthread_mutex_unlock(&world->course.lock);
		if (a != 1 || aaaa != 1)
			fail_msg("%s: asked %u times for A, %u for AAAA, not once each",
				 scenario->name, a, aaaa);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			whatever_a_name_server_says_only_what_is_allowed_is_connected_to, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_delivery_looks_its_name_up_once, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
