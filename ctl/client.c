#include "ctl/client.h"

#include "base/limits.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

enum {
	CONNECT_TIMEOUT_MS = 5000,
	CALL_TIMEOUT_MS = 90000,
	STREAM_SILENCE_S = 45, /* three of the daemon's heartbeats */
};

#define UNIX_PREFIX "unix:"

struct client {
	CURL *handle;
	char *url;         /* owned: what paths are appended to */
	char *socket_path; /* owned; NULL: TCP */
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
};

static void add_key_header(struct client *client, const char *key)
{
	struct strbuf header;

	strbuf_init(&header, 64 << 10);
	strbuf_addf(&header, "x-api-key: %s", key);
	client->headers = curl_slist_append(client->headers, header.data);
	strbuf_finish(&header);
}

struct client *client_create(const struct access *access)
{
	struct client *client = memory_zeroed(1, sizeof(*client));

	client->handle = curl_easy_init();
	if (strncmp(access->url, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		client->socket_path = memory_text(access->url + strlen(UNIX_PREFIX));
		client->url = memory_text("http://localhost");
	} else {
		client->url = memory_text(access->url);
	}
	add_key_header(client, access->key);
	client->headers = curl_slist_append(client->headers, "Content-Type: application/json");
	client->headers = curl_slist_append(client->headers, "Expect:");
	return client;
}

void client_destroy(struct client *client)
{
	if (client == NULL)
		return;
	curl_slist_free_all(client->headers);
	curl_easy_cleanup(client->handle);
	free(client->url);
	free(client->socket_path);
	free(client);
}

/* A body over the limit ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct strbuf *body = arg;

	strbuf_add(body, bytes, size * count);
	return strbuf_is_full(body) ? 0 : count;
}

/* No redirect is followed and no proxy used: the key goes where it was meant to go. */
static void prepare(struct client *client, const char *method, const char *url, const char *body,
		    struct strbuf *ret_body)
{
	CURL *handle = client->handle;

	curl_easy_reset(handle);
	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_PROXY, "");
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_USERAGENT, "golivectl/" GOLIVED_VERSION);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, client->headers);
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
	curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, client->error);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, ret_body);
	if (client->socket_path != NULL)
		curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
	if (body != NULL) {
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

static void say_why(const struct client *client, CURLcode code, struct strbuf *why)
{
	strbuf_addf(why, "%s: %s", client->socket_path != NULL ? client->socket_path : client->url,
		    client->error[0] != '\0' ? client->error : curl_easy_strerror(code));
}

int client_call(struct client *client, const char *method, const char *path, const char *body,
		struct strbuf *why, struct client_answer *ret_answer)
{
	struct strbuf url CLEANUP(strbuf_finish);
	struct client_answer answer = { 0 };

	strbuf_init(&url, 64 << 10);
	strbuf_addf(&url, "%s%s", client->url, path);
	strbuf_init(&answer.body, LIMIT_ADMIN_REPLY_BYTES);
	client->error[0] = '\0';
	/* A POST without a body is one with an empty one. */
	bool needs_body = body == NULL && strcmp(method, "POST") == 0;
	prepare(client, method, url.data, needs_body ? "" : body, &answer.body);
	CURLcode code = curl_easy_perform(client->handle);
	if (code != CURLE_OK) {
		say_why(client, code, why);
		strbuf_finish(&answer.body);
		return -ECONNREFUSED;
	}
	curl_easy_getinfo(client->handle, CURLINFO_RESPONSE_CODE, &answer.status);
	*ret_answer = answer;
	return 0;
}

struct streaming {
	struct client *client;
	client_bytes_fn on_bytes;
	void *arg;
	struct strbuf *problem;
	bool has_enough;
};

static size_t on_stream_bytes(char *bytes, size_t size, size_t count, void *arg)
{
	struct streaming *streaming = arg;
	long status = 0;

	curl_easy_getinfo(streaming->client->handle, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return on_body(bytes, size, count, streaming->problem);
	streaming->has_enough = !streaming->on_bytes(streaming->arg, bytes, size * count);
	return streaming->has_enough ? 0 : count;
}

static struct curl_slist *stream_headers(const struct client *client, const char *after)
{
	struct curl_slist *headers = NULL;
	char line[128];

	for (const struct curl_slist *at = client->headers; at != NULL; at = at->next)
		headers = curl_slist_append(headers, at->data);
	snprintf(line, sizeof(line), "Last-Event-ID: %s", after);
	return curl_slist_append(headers, line);
}

int client_stream(struct client *client, const char *path, const char *after,
		  client_bytes_fn on_bytes, void *arg, struct strbuf *why,
		  struct client_answer *ret_answer)
{
	struct strbuf url CLEANUP(strbuf_finish);
	struct client_answer answer = { 0 };
	struct streaming streaming = {
		.client = client, .on_bytes = on_bytes, .arg = arg, .problem = &answer.body
	};

	strbuf_init(&url, 64 << 10);
	strbuf_addf(&url, "%s%s", client->url, path);
	strbuf_init(&answer.body, LIMIT_ADMIN_REPLY_BYTES);
	client->error[0] = '\0';
	prepare(client, "GET", url.data, NULL, &answer.body);
	struct curl_slist *headers = stream_headers(client, after);
	curl_easy_setopt(client->handle, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->handle, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(client->handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(client->handle, CURLOPT_LOW_SPEED_TIME, (long)STREAM_SILENCE_S);
	curl_easy_setopt(client->handle, CURLOPT_WRITEFUNCTION, on_stream_bytes);
	curl_easy_setopt(client->handle, CURLOPT_WRITEDATA, &streaming);
	CURLcode code = curl_easy_perform(client->handle);
	curl_easy_getinfo(client->handle, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_setopt(client->handle, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (code != CURLE_OK && !streaming.has_enough) {
		say_why(client, code, why);
		strbuf_finish(&answer.body);
		return answer.status != 0 ? -ECONNRESET : -ECONNREFUSED;
	}
	*ret_answer = answer;
	return 0;
}

static void add_escaped(struct strbuf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (; *text != '\0'; text++)
		if (strchr(plain, *text) != NULL)
			strbuf_add_char(out, *text);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)*text);
}

void client_add_query(struct strbuf *path, const char *name, const char *value)
{
	strbuf_addf(path, "%c%s=", strchr(path->data, '?') != NULL ? '&' : '?', name);
	add_escaped(path, value);
}

char *client_path(const char *base, const char *segment, const char *rest)
{
	struct strbuf path;

	strbuf_init(&path, 64 << 10);
	strbuf_addf(&path, "%s/", base);
	add_escaped(&path, segment);
	strbuf_add_text(&path, rest);
	return strbuf_steal(&path);
}
