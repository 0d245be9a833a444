#include "base/file.h"

#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int read_all(int descriptor, struct strbuf *bytes)
{
	char chunk[4096];
	int error = 0;
	for (;;) {
		ssize_t got = read(descriptor, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = -errno;
		if (got > 0)
			strbuf_add(bytes, chunk, (size_t)got);
		if (strbuf_is_full(bytes))
			error = -EFBIG;
		/* What was read may be a key, and this part of the stack will be used again. */
		if (got <= 0 || error < 0) {
			explicit_bzero(chunk, sizeof(chunk));
			return error;
		}
	}
}

int file_read(const char *path, size_t max_bytes, char **ret_bytes, size_t *ret_length)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return -errno;
	struct strbuf bytes;
	strbuf_init(&bytes, max_bytes);
	int error = read_all(descriptor, &bytes);
	close(descriptor);
	if (error < 0) {
		strbuf_finish(&bytes);
		return error;
	}
	*ret_length = bytes.length;
	*ret_bytes = strbuf_steal(&bytes);
	return 0;
}
