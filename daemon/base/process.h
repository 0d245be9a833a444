/* process - what the kernel says about this process, for its metrics. */
#ifndef GOLIVED_BASE_PROCESS_H
#define GOLIVED_BASE_PROCESS_H

/* Negative where the kernel does not say (no /proc). */
struct process_figures {
	double start_time_s; /* Unix time; the same at every call */
	double cpu_s;        /* of all threads, user and system */
	double resident_bytes;
	double open_fds, max_fds; /* max_fds is infinite without a limit */
};

void process_read(struct process_figures *ret_figures);

#endif
