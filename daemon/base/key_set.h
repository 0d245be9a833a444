/* key_set - a set of row keys, to ask many times whether a key is in it.
 *
 *   in:   keys, which are positive
 *   out:  whether one is in it
 *   not:  taking one out
 *
 * A hash table with linear probing, at most half full.
 */
#ifndef GOLIVED_BASE_KEY_SET_H
#define GOLIVED_BASE_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_set {
	int64_t *slots; /* owned; 0: free */
	size_t size;    /* a power of two, or 0 */
	size_t count;
};

void key_set_finish(struct key_set *set);
void key_set_add(struct key_set *set, int64_t key);
bool key_set_has(const struct key_set *set, int64_t key);

#endif
