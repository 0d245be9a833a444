/* session_file - a stage from a CSV file of sessions.
 *
 *   in:   lines unique_id,start,end,room_id in Unix seconds, in any order; a heading is skipped
 *   out:  the stage, or what is wrong with which line and what to do about it
 *   not:  making sessions up (sessions)
 *
 * A session without a room id is given one, made of its start and its creator as the service does.
 * A creator is in one room at a time: a session that begins while another of the creator's goes on
 * cuts that short; of those in one room, or that begin together, one is made. How many is told.
 */
#ifndef GOLIVED_BENCH_SESSION_FILE_H
#define GOLIVED_BENCH_SESSION_FILE_H

#include "sessions.h"

struct session_file {
	size_t sessions, roomless,
		cut;     /* read; without a room id; that overlapped the one before */
	char error[256]; /* with the line; "" if all is well */
};

/* False: ret_file->error says why, and the stage is empty. */
bool session_file_read(struct stage *stage, const char *path, struct session_file *ret_file);

#endif
