#include "base/key_set.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { SIZE_MIN = 64 };

void key_set_finish(struct key_set *set)
{
	free(set->slots);
	*set = (struct key_set){ 0 };
}

/* The slot that holds the key, or the free one where it belongs. Multiplication spreads keys that
 * follow each other (Knuth, The Art of Computer Programming 3, 6.4). */
static size_t find_slot(const struct key_set *set, int64_t key)
{
	size_t at = (size_t)(((uint64_t)key * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
	for (at &= set->size - 1; set->slots[at] != 0 && set->slots[at] != key;)
		at = (at + 1) & (set->size - 1);
	return at;
}

static void grow(struct key_set *set)
{
	struct key_set larger = { .size = set->size ? 2 * set->size : SIZE_MIN };
	larger.slots = memory_zeroed(larger.size, sizeof(larger.slots[0]));
	for (size_t i = 0; i < set->size; i++) {
		if (set->slots[i] != 0)
			larger.slots[find_slot(&larger, set->slots[i])] = set->slots[i];
	}
	larger.count = set->count;
	free(set->slots);
	*set = larger;
}

void key_set_add(struct key_set *set, int64_t key)
{
	assert(key > 0);
	if (2 * (set->count + 1) > set->size)
		grow(set);
	size_t at = find_slot(set, key);
	set->count += set->slots[at] == 0;
	set->slots[at] = key;
}

bool key_set_has(const struct key_set *set, int64_t key)
{
	return set->size > 0 && set->slots[find_slot(set, key)] != 0;
}
