/* sink_tls - TLS for the sink, with a certificate made at run time. The only benchmark's file that
 * knows OpenSSL.
 *
 *   in:   connections that were accepted
 *   out:  what they read and write, in the clear
 *   not:  resumption: every connection is a full handshake, and verified
 */
#ifndef GOLIVED_BENCH_SINK_TLS_H
#define GOLIVED_BENCH_SINK_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct sink_tls;     /* a certificate for 127.0.0.1, and its key */
struct sink_session; /* of one connection */

/* Ends the program if it cannot. */
struct sink_tls *sink_tls_create(void);
void sink_tls_destroy(struct sink_tls *tls);

/* Lets this process trust the certificate as it trusts the system's: in a mount namespace of its
 * own, where the system's bundle has one more. Needs root; before any other thread is started. Ends
 * the program if it cannot. */
void sink_tls_trust(const struct sink_tls *tls);

struct sink_session *sink_session_create(struct sink_tls *tls, int fd); /* fd is borrowed */
void sink_session_destroy(struct sink_session *session);

/* As recv() and send() of a socket that does not block; the handshake happens inside. */
ssize_t sink_session_recv(struct sink_session *session, void *data, size_t size);
ssize_t sink_session_send(struct sink_session *session, const void *data, size_t size);

#endif
