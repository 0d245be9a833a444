/* verify - is a delivery signed as it should be? Both signatures, independently of the daemon's own
 * code for making them.
 *
 *   X-Tiktool-Signature  HMAC-SHA256 of the body, keyed with the whole whsec_… text; as lower-case
 *                        hex, sha256=hex or base64
 *   webhook-signature    Standard Webhooks 1.0: v1,base64 of HMAC-SHA256 over "id.timestamp.body",
 *                        keyed with the bytes that the part behind whsec_ stands for; one of
 * several
 */
#ifndef GOLIVED_SIM_VERIFY_H
#define GOLIVED_SIM_VERIFY_H

#include "sim/exchange.h"

enum { SIM_SECRETS_MAX = 64 };

/* A file's secrets, one on each line that begins with whsec_. */
struct sim_secrets {
	char *values[SIM_SECRETS_MAX]; /* owned */
	size_t count;
};

void sim_secrets_parse(struct sim_secrets *secrets, const char *text);
void sim_secrets_finish(struct sim_secrets *secrets);

/* NULL if both signatures are right by one of the secrets and the timestamp is within five minutes
 * of the request; else what is wrong, in one phrase. prefix is that of the headers, in lower case
 * ("x-tiktool"). */
const char *sim_verify(const struct sim_request *request, const struct sim_secrets *secrets,
		       const char *prefix);

#endif
