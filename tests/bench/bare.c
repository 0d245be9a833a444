#include "bare.h"

#include "base/http.h"
#include "rig.h"

#include <stdio.h>
#include <string.h>

/* As the signer makes them, by name and size. */
static const struct http_header headers[] = {
	{ "Content-Type", "application/json" },
	{ "X-Tiktool-Signature",
	  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
	{ "X-Tiktool-Timestamp", "1781784000" },
	{ "X-Tiktool-Event", "live.start" },
	{ "X-Tiktool-Event-Id", "evt_01J00000000000000000000000" },
	{ "X-Tiktool-Delivery-Id", "del_01J00000000000000000000000" },
	{ "X-Tiktool-Attempt", "1" },
	{ "X-Tiktool-Webhook-Id", "wh_01J00000000000000000000000" },
	{ "webhook-id", "evt_01J00000000000000000000000" },
	{ "webhook-timestamp", "1781784000" },
	{ "webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
};

struct sender {
	struct http_client *client;
	struct loop *loop;
	const char *scheme;
	uint16_t port;
	unsigned webhooks, left, under_way;
	char body[RIG_BODY_BYTES];
};

static void send_next(struct sender *sender);

static void on_answer(void *arg, const struct http_result *result)
{
	struct sender *sender = arg;
	rig_must(result->status == 200, result->message);
	sender->under_way--;
	if (sender->left > 0)
		send_next(sender);
	else if (sender->under_way == 0)
		loop_stop(sender->loop);
}

static void send_next(struct sender *sender)
{
	struct http_address loopback;
	struct http_url parsed;
	char url[64];
	snprintf(url, sizeof(url), "%s://127.0.0.1:%u/hooks/%u", sender->scheme, sender->port,
		 sender->left % sender->webhooks);
	rig_must(http_url_parse(url, &parsed) == 0, "a URL");
	rig_must(http_address_parse("127.0.0.1", &loopback), "127.0.0.1");
	const struct http_request request = {
		.method = "POST",
		.url = url,
		.parsed_url = &parsed,
		.headers = headers,
		.header_count = ARRAY_SIZE(headers),
		.body = sender->body,
		.body_length = sizeof(sender->body),
		.addresses = &loopback,
		.address_count = 1,
		.connect_timeout_ms = 10000,
		.timeout_ms = 25000,
		.answer_timeout_ms = 15000,
		.body_max_bytes = 65536,
	};
	sender->left--;
	sender->under_way++;
	http_start(sender->client, &request, on_answer, sender);
}

struct http_client *bare_create(struct loop *loop, unsigned in_flight)
{
	return http_client_create(loop, &(struct http_client_options){
						.max_connections = 2 * in_flight + 16,
						.user_agent = "golived/" GOLIVED_VERSION,
					});
}

static void send_all(struct sender *sender, unsigned in_flight)
{
	memset(sender->body, 'x', sizeof(sender->body));
	for (unsigned i = 0; i < in_flight && sender->left > 0; i++)
		send_next(sender);
	loop_run(sender->loop);
}

void bare_send(struct http_client *client, struct loop *loop, uint16_t port, unsigned webhooks,
	       unsigned in_flight, unsigned count)
{
	struct sender sender = { .client = client,
				 .loop = loop,
				 .scheme = "http",
				 .port = port,
				 .webhooks = webhooks,
				 .left = count };
	send_all(&sender, in_flight);
}

void bare_send_tls(struct http_client *client, struct loop *loop, uint16_t port, unsigned webhooks,
		   unsigned in_flight, unsigned count)
{
	struct sender sender = { .client = client,
				 .loop = loop,
				 .scheme = "https",
				 .port = port,
				 .webhooks = webhooks,
				 .left = count };
	send_all(&sender, in_flight);
}
