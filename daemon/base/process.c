#include "base/process.h"

#include "base/attrs.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The first bytes of a file of /proc, or false. */
static bool read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t length = fread(text, 1, size - 1, file);
	fclose(file);
	text[length] = '\0';
	return length > 0;
}

static double read_clock_s(clockid_t which)
{
	struct timespec now;
	clock_gettime(which, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Field 22 of /proc/self/stat: when the process started, in ticks after the boot. The name of the
 * program (field 2) may hold anything, so fields are counted from the parenthesis that closes it.
 * The time of the boot is not read from /proc/stat, which a sandbox may hide. */
static double read_start_time_s(void)
{
	char text[1024];
	if (!read_file("/proc/self/stat", text, sizeof(text)))
		return -1;
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	double after_boot_s = strtod(at, NULL) / (double)sysconf(_SC_CLK_TCK);
	return read_clock_s(CLOCK_REALTIME) - read_clock_s(CLOCK_BOOTTIME) + after_boot_s;
}

static double start_time_s;

static void remember_start_time(void)
{
	start_time_s = read_start_time_s();
}

static double read_resident_bytes(void)
{
	char text[256];
	if (!read_file("/proc/self/statm", text, sizeof(text)))
		return -1;
	char *resident; /* the second figure, in pages */
	(void)strtol(text, &resident, 10);
	return (double)strtol(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static double count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	if (!directory)
		return -1;
	double count = -1; /* the one that reads the directory is there only while it reads */
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

void process_read(struct process_figures *ret_figures)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct rlimit fds;
	pthread_once(&once, remember_start_time);
	getrlimit(RLIMIT_NOFILE, &fds);
	*ret_figures = (struct process_figures){
		.start_time_s = start_time_s,
		.cpu_s = read_clock_s(CLOCK_PROCESS_CPUTIME_ID),
		.resident_bytes = read_resident_bytes(),
		.open_fds = count_open_fds(),
		.max_fds = fds.rlim_cur == RLIM_INFINITY ? (double)INFINITY : (double)fds.rlim_cur,
	};
}
