#include "sim/counters.h"

#include "base/memory.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct counter {
	char *text; /* owned */
	uint64_t count;
};

static int compare_texts(const void *a, const void *b)
{
	const struct counter *left = a, *right = b;
	return strcmp(left->text, right->text);
}

static void counter_destroy(void *node)
{
	struct counter *counter = node;
	free(counter->text);
	free(counter);
}

void sim_counters_finish(struct sim_counters *counters)
{
	tdestroy(counters->by_text, counter_destroy);
	counters->by_text = NULL;
}

uint64_t sim_counters_add(struct sim_counters *counters, const char *text)
{
	struct counter *counter = memory_zeroed(1, sizeof(*counter));
	counter->text = memory_text(text);
	struct counter **place = tsearch(counter, &counters->by_text, compare_texts);
	if (!place)
		abort();
	if (*place != counter)
		counter_destroy(counter);
	return (*place)->count++;
}

struct walk {
	sim_counter_fn fn;
	void *arg;
};

static void walk_node(const void *node, VISIT visit, void *arg)
{
	const struct walk *walk = arg;
	const struct counter *counter = *(struct counter *const *)node;
	if (visit == postorder || visit == leaf)
		walk->fn(walk->arg, counter->text, counter->count);
}

void sim_counters_each(const struct sim_counters *counters, sim_counter_fn fn, void *arg)
{
	struct walk walk = { fn, arg };
	twalk_r(counters->by_text, walk_node, &walk);
}
