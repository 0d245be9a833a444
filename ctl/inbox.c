#include "ctl/inbox.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BODY_MAX_BYTES = 1 << 20, CONNECTION_TIMEOUT_S = 15, CONNECTIONS_MAX = 64 };

struct inbox {
	struct MHD_Daemon *mhd;
	inbox_post_fn on_post;
	void *arg;
};

/* A request under way. */
struct post {
	struct capture capture;
	struct strbuf body;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct strbuf line;

	(void)kind;
	strbuf_init(&line, 64 << 10);
	strbuf_addf(&line, "%s: %s", name, value != NULL ? value : "");
	(void)!capture_add_header(arg, line.data);
	strbuf_finish(&line);
	return MHD_YES;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

static struct post *begin(struct MHD_Connection *connection)
{
	struct post *post = memory_zeroed(1, sizeof(*post));

	strbuf_init(&post->body, BODY_MAX_BYTES);
	MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &post->capture);
	return post;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *bytes,
				  size_t *length, void **context)
{
	struct inbox *inbox = arg;
	struct post *post = *context;

	(void)url;
	(void)version;
	if (post == NULL) {
		*context = begin(connection);
		return MHD_YES;
	}
	if (*length > 0) {
		strbuf_add(&post->body, bytes, *length);
		*length = 0;
		return MHD_YES;
	}
	if (strcmp(method, "POST") != 0)
		return answer(connection, 405);
	if (strbuf_is_full(&post->body))
		return answer(connection, 413);
	capture_set_body(&post->capture, post->body.data, post->body.length);
	return answer(connection, inbox->on_post(inbox->arg, &post->capture));
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct post *post = *context;

	(void)arg;
	(void)connection;
	(void)why;
	if (post == NULL)
		return;
	capture_finish(&post->capture);
	strbuf_finish(&post->body);
	free(post);
}

int inbox_create(const char *address, uint16_t port, inbox_post_fn on_post, void *arg,
		 struct strbuf *why, struct inbox **ret_inbox)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct inbox *inbox = memory_zeroed(1, sizeof(*inbox));

	inbox->on_post = on_post;
	inbox->arg = arg;
	if (inet_pton(AF_INET, address, &local.sin_addr) != 1) {
		strbuf_addf(why, "\"%s\" is no IPv4 address", address);
		inbox_destroy(inbox);
		return -EINVAL;
	}
	inbox->mhd = MHD_start_daemon(
		MHD_USE_AUTO, 0, NULL, NULL, on_request, inbox, MHD_OPTION_SOCK_ADDR,
		(struct sockaddr *)&local, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
	if (inbox->mhd == NULL) {
		strbuf_addf(why, "cannot listen on %s:%u: %s", address, port, strerror(errno));
		inbox_destroy(inbox);
		return -EADDRINUSE;
	}
	*ret_inbox = inbox;
	return 0;
}

void inbox_destroy(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	if (inbox->mhd != NULL)
		MHD_stop_daemon(inbox->mhd);
	free(inbox);
}

void inbox_cleanup(struct inbox **inbox)
{
	inbox_destroy(*inbox);
}

uint16_t inbox_port(const struct inbox *inbox)
{
	return MHD_get_daemon_info(inbox->mhd, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void inbox_serve(struct inbox *inbox, int timeout_ms)
{
	(void)MHD_run_wait(inbox->mhd, timeout_ms);
}
