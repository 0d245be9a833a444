/* Gives every file of a corpus to a fuzz target, without a fuzzer: what was found once stays found.
 *     replay FOLDER|FILE ... */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t replayed;

static void replay_file(const char *path)
{
	struct stat status;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0 || fstat(descriptor, &status) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	size_t size = (size_t)status.st_size;
	uint8_t *data = malloc(size ? size : 1);
	ssize_t got = data ? read(descriptor, data, size) : -1;
	close(descriptor);
	if (got != status.st_size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	/* Said before, because a finding does not return. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
}

static void replay_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replay_file(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat status;
		if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	if (replayed == 0) {
		fprintf(stderr, "%s: nothing to replay\n", argv[0]);
		return 2;
	}
	return 0;
}
