#include "detect/bisect.h"

#include <assert.h>

static size_t piece_size(struct bisect_piece piece)
{
	return piece.end - piece.first;
}

void bisect_put_back(struct bisect *bisect, struct bisect_piece piece)
{
	assert(bisect->open_count < BISECT_OPEN_MAX);
	bisect->open[bisect->open_count++] = piece;
}

void bisect_start(struct bisect *bisect, size_t count)
{
	assert(count >= 2 && count <= LIMIT_BATCH_SIZE);
	bisect->open_count = bisect->refused_count = 0;
	bisect->suspects = bisect->accepted = bisect->largest_accepted = 0;
	bisect_refused(bisect, (struct bisect_piece){ .first = 0, .end = count });
}

bool bisect_next(struct bisect *bisect, struct bisect_piece *ret_piece)
{
	if (bisect->open_count == 0)
		return false;
	*ret_piece = bisect->open[--bisect->open_count];
	return true;
}

void bisect_accepted(struct bisect *bisect, struct bisect_piece piece)
{
	bisect->accepted++;
	if (piece_size(piece) > bisect->largest_accepted)
		bisect->largest_accepted = piece_size(piece);
}

void bisect_refused(struct bisect *bisect, struct bisect_piece piece)
{
	assert(bisect->refused_count < BISECT_REFUSED_MAX);
	bisect->refused[bisect->refused_count++] = piece;
	if (piece_size(piece) == 1) {
		bisect->suspects++;
		return;
	}
	size_t middle = piece.first + piece_size(piece) / 2;
	bisect_put_back(bisect, (struct bisect_piece){ .first = middle, .end = piece.end });
	bisect_put_back(bisect, (struct bisect_piece){ .first = piece.first, .end = middle });
}

bool bisect_is_hopeless(const struct bisect *bisect)
{
	return bisect->accepted == 0 && bisect->suspects >= BISECT_SUSPECTS_MAX;
}

static bool piece_has_suspect(const struct bisect *bisect, struct bisect_piece piece)
{
	for (size_t i = 0; i < bisect->refused_count; i++) {
		struct bisect_piece other = bisect->refused[i];
		if (piece_size(other) == 1 && other.first >= piece.first && other.end <= piece.end)
			return true;
	}
	return false;
}

size_t bisect_size(const struct bisect *bisect)
{
	for (size_t i = 0; i < bisect->refused_count; i++)
		if (!piece_has_suspect(bisect, bisect->refused[i]))
			return bisect->largest_accepted;
	return 0;
}
