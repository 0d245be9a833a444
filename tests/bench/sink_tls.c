#include "sink_tls.h"

#include "base/memory.h"
#include "rig.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { VALID_S = 86400 };

struct sink_tls {
	SSL_CTX *context;
	EVP_PKEY *key;
	X509 *certificate;
};

struct sink_session {
	SSL *ssl;
};

/* ---- the certificate ---- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	rig_must(extension && X509_add_ext(certificate, extension, -1) == 1,
		 "an extension of the certificate");
	X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	rig_must(X509_set_version(certificate, X509_VERSION_3) == 1 &&
			 ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
			 X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S) &&
			 X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) &&
			 X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						    (const unsigned char *)"golived bench", -1, -1,
						    0) == 1 &&
			 X509_set_issuer_name(certificate, name) == 1 &&
			 X509_set_pubkey(certificate, key) == 1,
		 "a certificate");
	add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
	rig_must(X509_sign(certificate, key, EVP_sha256()) > 0, "the certificate's signature");
	return certificate;
}

struct sink_tls *sink_tls_create(void)
{
	struct sink_tls *tls = memory_zeroed(1, sizeof(*tls));
	tls->key = EVP_EC_gen("P-256");
	tls->certificate = make_certificate(tls->key);
	tls->context = SSL_CTX_new(TLS_server_method());
	rig_must(SSL_CTX_use_certificate(tls->context, tls->certificate) == 1 &&
			 SSL_CTX_use_PrivateKey(tls->context, tls->key) == 1,
		 "a TLS server");
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls->context, 0);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET);
	return tls;
}

void sink_tls_destroy(struct sink_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	X509_free(tls->certificate);
	EVP_PKEY_free(tls->key);
	free(tls);
}

static void copy(FILE *to, const char *path)
{
	char block[8192];
	size_t length;
	FILE *from = fopen(path, "r");
	rig_must(from, "the system's certificates cannot be read");
	while ((length = fread(block, 1, sizeof(block), from)) > 0)
		fwrite(block, 1, length, to);
	fclose(from);
}

void sink_tls_trust(const struct sink_tls *tls)
{
	char path[] = "/tmp/golived-bench-bundle-XXXXXX";
	int fd = mkstemp(path);
	FILE *bundle = fd >= 0 ? fdopen(fd, "w") : NULL;
	rig_must(bundle, "no file for the certificates");
	copy(bundle, SYSTEM_BUNDLE);
	rig_must(PEM_write_X509(bundle, tls->certificate) == 1 && fchmod(fd, 0644) == 0 &&
			 fclose(bundle) == 0,
		 "the certificates cannot be written");
	rig_must(unshare(CLONE_NEWNS) == 0 &&
			 mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
			 mount(path, SYSTEM_BUNDLE, NULL, MS_BIND, NULL) == 0,
		 "needs root: the certificate is trusted in a mount namespace");
	unlink(path);
}

/* ---- a connection ---- */

struct sink_session *sink_session_create(struct sink_tls *tls, int fd)
{
	struct sink_session *session = memory_zeroed(1, sizeof(*session));
	session->ssl = SSL_new(tls->context);
	rig_must(session->ssl && SSL_set_fd(session->ssl, fd) == 1, "a TLS connection");
	SSL_set_accept_state(session->ssl);
	return session;
}

void sink_session_destroy(struct sink_session *session)
{
	if (!session)
		return;
	SSL_shutdown(session->ssl);
	SSL_free(session->ssl);
	free(session);
}

static ssize_t result_of(const struct sink_session *session, int result)
{
	if (result > 0)
		return result;
	int error = SSL_get_error(session->ssl, result);
	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
	return -1;
}

ssize_t sink_session_recv(struct sink_session *session, void *data, size_t size)
{
	return result_of(session, SSL_read(session->ssl, data, (int)size));
}

ssize_t sink_session_send(struct sink_session *session, const void *data, size_t size)
{
	return result_of(session, SSL_write(session->ssl, data, (int)size));
}
