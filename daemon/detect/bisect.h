/* bisect - finds out why a batch was refused: because it is too big, or because of a handle in it.
 *
 *   in:   which pieces of the refused batch were accepted and which refused
 *   out:  which piece to ask for next; in the end the handles at fault, and the size that works
 *   not:  asking (poller)
 *
 * Pure. A refused piece is cut in halves, down to single handles, the most recent piece first. A
 * handle that is refused alone is at fault. A piece that was refused although no handle at fault is
 * in it was too big: then the largest piece that was accepted is the size that works. Both may be
 * true of one batch.
 */
#ifndef GOLIVED_DETECT_BISECT_H
#define GOLIVED_DETECT_BISECT_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

/* Members first … end-1 of the batch. */
struct bisect_piece {
	size_t first, end;
};

enum {
	/* Twice the depth of halving LIMIT_BATCH_SIZE, and every piece there can be. */
	BISECT_OPEN_MAX = 24,
	BISECT_REFUSED_MAX = 2 * LIMIT_BATCH_SIZE,
	/* So many refused alone, and nobody accepted: it is not about them. */
	BISECT_SUSPECTS_MAX = 3,
};

struct bisect {
	struct bisect_piece open[BISECT_OPEN_MAX]; /* a stack of what is still to be asked for */
	size_t open_count;
	struct bisect_piece refused[BISECT_REFUSED_MAX];
	size_t refused_count;
	size_t suspects; /* refused alone */
	size_t accepted; /* pieces that were accepted */
	size_t largest_accepted;
};

/* A batch of count members (2 at least) was refused. */
void bisect_start(struct bisect *bisect, size_t count);

/* The piece to ask for next; false: all are settled. The piece is to be answered for with one of
 * the three below before the next is taken. */
bool bisect_next(struct bisect *bisect, struct bisect_piece *ret_piece);

void bisect_accepted(struct bisect *bisect, struct bisect_piece piece);
void bisect_refused(struct bisect *bisect, struct bisect_piece piece);
/* Neither: it is to be asked for again. */
void bisect_put_back(struct bisect *bisect, struct bisect_piece piece);

/* Everything is refused: to go on would only spend requests. */
bool bisect_is_hopeless(const struct bisect *bisect);

/* The size that works, once all pieces are settled; 0: size was not what was wrong. */
size_t bisect_size(const struct bisect *bisect);

#endif
