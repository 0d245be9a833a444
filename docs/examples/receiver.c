/* Receives golived's webhooks: verify, answer, then work.
 *
 *     cc -O2 -Wall -Wextra -o receiver receiver.c -lcrypto
 *
 * WEBHOOK_SECRET is the whsec_... that was shown when the webhook was registered; during a rotation
 * both, separated by a space.
 *
 * PORT is where to listen on 127.0.0.1, behind whatever does your TLS (9000; 0 lets the system
 * choose). One connection is served at a time; others wait their turn. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	TOLERANCE_S = 300,
	REQUEST_MAX_BYTES = 1 << 20,
	SECRET_MAX_CHARS = 128,
	HEADER_MAX_BYTES = 1024,
	MEMBER_MAX_BYTES = 64,
	REMEMBERED_EVENTS = 1000,
	REMEMBERED_CREATORS = 1000,
};

/* Writes "v1," and the base64 of HMAC-SHA256(key of the secret, signed_bytes). False: this is not a
 * secret. */
static bool sign(const char *secret, size_t secret_size, const void *signed_bytes,
		 size_t signed_size, char ret_signature[64])
{
	unsigned char key[SECRET_MAX_CHARS], mac[32];
	if (secret_size <= 6 || secret_size > SECRET_MAX_CHARS || memcmp(secret, "whsec_", 6) != 0)
		return false;
	int key_size =
		EVP_DecodeBlock(key, (const unsigned char *)secret + 6, (int)secret_size - 6);
	/* EVP_DecodeBlock counts the padding as bytes. */
	for (size_t i = secret_size; secret[i - 1] == '='; i--)
		key_size--;
	if (key_size <= 0 ||
	    HMAC(EVP_sha256(), key, key_size, signed_bytes, signed_size, mac, NULL) == NULL)
		return false;
	memcpy(ret_signature, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)ret_signature + 3, mac, sizeof mac);
	return true;
}

/* Whether one of the signatures is that of one of the secrets (both lists separated by spaces) over
 * these bytes, and was made within five minutes of now. */
static bool verify(const char *secrets, const char *id, const char *timestamp,
		   const char *signatures, const void *body, size_t body_size, time_t now)
{
	char *end;
	long long made_at = strtoll(timestamp, &end, 10);
	if (end == timestamp || *end != '\0' || made_at < now - TOLERANCE_S ||
	    made_at > now + TOLERANCE_S)
		return false;

	char *signed_bytes = malloc(strlen(id) + strlen(timestamp) + 3 + body_size);
	if (signed_bytes == NULL)
		return false;
	size_t head_size = (size_t)sprintf(signed_bytes, "%s.%s.", id, timestamp);
	memcpy(signed_bytes + head_size, body, body_size);

	bool good = false;
	for (const char *secret = secrets; *(secret += strspn(secret, " ")) != '\0';
	     secret += strcspn(secret, " ")) {
		char expected[64];
		if (!sign(secret, strcspn(secret, " "), signed_bytes, head_size + body_size,
			  expected))
			continue;
		for (const char *given = signatures; *(given += strspn(given, " ")) != '\0';
		     given += strcspn(given, " "))
			if (strcspn(given, " ") == strlen(expected) &&
			    CRYPTO_memcmp(given, expected, strlen(expected)) == 0)
				good = true;
	}
	free(signed_bytes);
	return good;
}

/* Copies the value of a header, "" where there is none or one too long. The head is text up to its
 * empty line. */
static void header(const char *head, const char *name, char ret_value[HEADER_MAX_BYTES])
{
	char line_start[64];
	snprintf(line_start, sizeof line_start, "\n%s:", name);
	ret_value[0] = '\0';
	const char *value = strcasestr(head, line_start);
	if (value == NULL)
		return;
	value += strlen(line_start);
	value += strspn(value, " \t");
	if (strcspn(value, "\r\n") < HEADER_MAX_BYTES)
		snprintf(ret_value, HEADER_MAX_BYTES, "%.*s", (int)strcspn(value, "\r\n"), value);
}

/* Copies the number, word or text behind "name": in a body. Yours: your JSON library. Without one
 * this is sound for golived's compact JSON, where a quote inside of a text has a backslash before
 * it: nothing in a title looks like a name. */
static void member(const char *body, const char *name, char ret_value[MEMBER_MAX_BYTES])
{
	char quoted[64];
	snprintf(quoted, sizeof quoted, "\"%s\":", name);
	ret_value[0] = '\0';
	const char *value = strstr(body, quoted);
	if (value == NULL)
		return;
	value += strlen(quoted);
	value += *value == '"';
	snprintf(ret_value, MEMBER_MAX_BYTES, "%.*s", (int)strcspn(value, "\",}"), value);
}

/* golived delivers at least once. Yours: a table, with the event's id as its key. */
static bool is_new(const char *event_id)
{
	static char seen[REMEMBERED_EVENTS][MEMBER_MAX_BYTES];
	static size_t next;
	for (size_t i = 0; i < REMEMBERED_EVENTS; i++)
		if (strcmp(seen[i], event_id) == 0)
			return false;
	snprintf(seen[next++ % REMEMBERED_EVENTS], sizeof seen[0], "%s", event_id);
	return true;
}

/* Retries come late: what is older than the last one of the same creator is history. Tests have no
 * sequence. */
static bool is_in_order(const char *creator, const char *sequence)
{
	static struct {
		char creator[MEMBER_MAX_BYTES];
		long long sequence;
	} last[REMEMBERED_CREATORS];
	static size_t next;

	if (strcmp(sequence, "null") == 0)
		return true;
	size_t i = 0;
	while (i < REMEMBERED_CREATORS && strcmp(last[i].creator, creator) != 0)
		i++;
	if (i == REMEMBERED_CREATORS) {
		i = next++ % REMEMBERED_CREATORS;
		snprintf(last[i].creator, sizeof last[i].creator, "%s", creator);
		last[i].sequence = 0;
	}
	if (strtoll(sequence, NULL, 10) < last[i].sequence)
		return false;
	last[i].sequence = strtoll(sequence, NULL, 10);
	return true;
}

/* Your work goes here. */
static void handle(const char *body)
{
	char id[MEMBER_MAX_BYTES], event[MEMBER_MAX_BYTES], creator[MEMBER_MAX_BYTES];
	char sequence[MEMBER_MAX_BYTES], is_test[MEMBER_MAX_BYTES];
	member(body, "event_id", id);
	member(body, "event", event);
	member(body, "unique_id", creator);
	member(body, "sequence", sequence);
	member(body, "is_test", is_test);
	if (!is_new(id))
		printf("repeat %s\n", id);
	else if (!is_in_order(creator, sequence))
		printf("outdated %s\n", id);
	else
		printf("%s %s sequence=%s event=%s%s\n", event, creator, sequence, id,
		       strcmp(is_test, "true") == 0 ? " (test)" : "");
}

/* Reads a whole request, its head and its body each ending in a NUL. NULL: it is none that golived
 * would send. */
static const char *read_request(int fd, char request[REQUEST_MAX_BYTES + 1], size_t *ret_body_size)
{
	size_t size = 0, whole_size = REQUEST_MAX_BYTES;
	char *body = NULL;
	while (size < whole_size) {
		ssize_t got = recv(fd, request + size, whole_size - size, 0);
		if (got <= 0)
			return NULL;
		size += (size_t)got;
		request[size] = '\0';
		if (body != NULL || (body = strstr(request, "\r\n\r\n")) == NULL)
			continue;
		*body = '\0';
		body += 4;
		char length[HEADER_MAX_BYTES];
		header(request, "content-length", length);
		size_t body_size = strtoul(length, NULL, 10);
		if (body_size > REQUEST_MAX_BYTES - (size_t)(body - request))
			return NULL;
		whole_size = (size_t)(body - request) + body_size;
	}
	if (body == NULL || strncmp(request, "POST ", 5) != 0)
		return NULL;
	*ret_body_size = whole_size - (size_t)(body - request);
	body[*ret_body_size] = '\0';
	return body;
}

static void serve(int fd, const char *secrets)
{
	static char request[REQUEST_MAX_BYTES + 1];
	char id[HEADER_MAX_BYTES], timestamp[HEADER_MAX_BYTES], signatures[HEADER_MAX_BYTES];
	size_t body_size;
	const char *answer = "400 Bad Request";
	const char *body = read_request(fd, request, &body_size);
	bool good = false;
	if (body != NULL) {
		header(request, "webhook-id", id);
		header(request, "webhook-timestamp", timestamp);
		header(request, "webhook-signature", signatures);
		good = verify(secrets, id, timestamp, signatures, body, body_size, time(NULL));
		answer = good ? "200 OK" : "401 Unauthorized";
	}
	/* Yours: into a durable queue first, because 2xx says that you have it. */
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", answer);
	close(fd);
	if (good)
		handle(body);
}

int main(void)
{
	const char *secrets = getenv("WEBHOOK_SECRET"), *port = getenv("PORT");
	if (secrets == NULL || *secrets == '\0') {
		fputs("set WEBHOOK_SECRET to the whsec_... of your webhook\n", stderr);
		return 1;
	}
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port != NULL ? port : "9000", NULL, 10)),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t address_size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &address_size) != 0) {
		perror("listen");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		struct timeval silence_max = { .tv_sec = 5 };
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence_max, sizeof silence_max);
		serve(fd, secrets);
	}
}
