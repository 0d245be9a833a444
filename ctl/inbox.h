/* inbox - a small HTTP server that takes what is POSTed to it. The only file of golivectl that
 * knows libmicrohttpd.
 *
 *   in:   requests, on an address of this machine
 *   out:  each as a capture; the status that the callback returns
 *   not:  verifying and showing them (listen)
 */
#ifndef GOLIVED_CTL_INBOX_H
#define GOLIVED_CTL_INBOX_H

#include "base/attrs.h"
#include "base/strbuf.h"
#include "ctl/capture.h"

#include <stdint.h>

struct inbox;

/* Called for each POST with its whole body; returns the status of the answer. capture is borrowed.
 */
typedef unsigned (*inbox_post_fn)(void *arg, const struct capture *capture);

/* address: a numeric IPv4 address; port 0: any that is free. -errno with a sentence in why. */
int inbox_create(const char *address, uint16_t port, inbox_post_fn on_post, void *arg,
		 struct strbuf *why, struct inbox **ret_inbox) MUST_CHECK;
void inbox_destroy(struct inbox *inbox);
void inbox_cleanup(struct inbox **inbox);

uint16_t inbox_port(const struct inbox *inbox);

/* Serves what comes until something came, or a signal, or timeout_ms have passed. */
void inbox_serve(struct inbox *inbox, int timeout_ms);

#endif
