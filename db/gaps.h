/* gaps - when nobody could be checked, and until when creators could be last: so that a gap is
 * known after a kill, too. */
#ifndef GOLIVED_DB_GAPS_H
#define GOLIVED_DB_GAPS_H

#include "db/store.h"
#include "domain/gap.h"

/* So many are kept, and as long as events are. */
enum { GAPS_KEPT = 1000 };

int store_gap_add(struct store *store, const struct gap *gap) MUST_CHECK;

typedef void (*gap_visit_fn)(void *arg, const struct gap *gap);
/* Newest first. */
int store_gap_list(struct store *store, unsigned limit, gap_visit_fn visit, void *arg) MUST_CHECK;

/* Until when creators could be checked, as far as the store knows. 0: it does not. */
int store_sighted_set(struct store *store, int64_t sighted_at_ms) MUST_CHECK;
int store_sighted_get(struct store *store, int64_t *ret_sighted_at_ms) MUST_CHECK;

#endif
