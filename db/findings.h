/* findings - why a creator's state is what it is: the latest answers that mattered, of each
 * creator. They are written in the transaction that moves the state, and pruned with the events. */
#ifndef GOLIVED_DB_FINDINGS_H
#define GOLIVED_DB_FINDINGS_H

#include "db/creators.h"
#include "domain/finding.h"
#include "domain/gap.h"

/* So many are kept of each creator; a live that starts and ends makes about four. */
enum { FINDINGS_KEPT = 64 };

/* event_id: NULL or "": none was made. */
int store_finding_add(struct store *store, struct creator_key key, const struct finding *finding,
		      const char *event_id) MUST_CHECK;

typedef void (*finding_visit_fn)(void *arg, const struct finding *finding, const char *event_id,
				 const struct gap *gap);

/* Newest first. event_id is NULL where none was made; gap: the last one between the answer and the
 * one before it, NULL: there was none. */
int store_finding_list(struct store *store, const char *handle, finding_visit_fn visit,
		       void *arg) MUST_CHECK;

#endif
