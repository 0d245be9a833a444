/* record - a request as one line of JSON, and the last of them in memory. */
#ifndef GOLIVED_SIM_RECORD_H
#define GOLIVED_SIM_RECORD_H

#include "base/json_writer.h"
#include "sim/exchange.h"

#include <stddef.h>
#include <stdint.h>

/* What is recorded of a request besides itself. */
struct sim_remark {
	int answered;       /* the status that it gets; 0: something that is not plain HTTP */
	bool is_checked;    /* its signatures were looked at */
	const char *reason; /* why they are wrong; NULL: they are right */
};

/* Appends {"received_at":…,…} and a newline. Headers that come twice are joined by ", ". */
void sim_record_write(const struct sim_request *request, const struct sim_remark *remark,
		      struct strbuf *line);

/* The lines of the last requests, in a ring. */
struct sim_records {
	struct sim_recorded *ring; /* owned */
	size_t capacity;
	size_t added; /* ever */
};

void sim_records_init(struct sim_records *records, size_t capacity);
void sim_records_finish(struct sim_records *records);
void sim_records_clear(struct sim_records *records);
void sim_records_add(struct sim_records *records, const char *path, const char *line,
		     size_t length);

/* An array under that key of the last `limit` on that path (NULL: on any), oldest first. */
void sim_records_list(const struct sim_records *records, const char *path, size_t limit,
		      struct json_writer *writer, const char *key);

#endif
