/* bare - the least that can send the same requests: base/http's wiring of libcurl and libuv,
 * without database, signing, lookup of names, lanes or log. What golived is measured against. */
#ifndef GOLIVED_BENCH_BARE_H
#define GOLIVED_BENCH_BARE_H

#include "base/loop.h"

#include <stdint.h>

/* Sends count requests of the size of a delivery's to the port, so many at once, and waits for all
 * answers. client is kept by the caller, so that connections are. */
struct http_client;
struct http_client *bare_create(struct loop *loop, unsigned in_flight);
void bare_send(struct http_client *client, struct loop *loop, uint16_t port, unsigned webhooks,
	       unsigned in_flight, unsigned count);
void bare_send_tls(struct http_client *client, struct loop *loop, uint16_t port, unsigned webhooks,
		   unsigned in_flight, unsigned count);

#endif
