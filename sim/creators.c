#include "sim/creators.h"

#include "base/memory.h"
#include "sim/random.h"

#include <ctype.h>
#include <search.h>
#include <string.h>

/* What is known of one handle. */
struct creator {
	char *handle; /* owned; lower case */
	bool has_script;
	struct sim_script script;
	uint64_t asks;
};

struct sim_creators {
	struct sim_schedule schedule;
	struct sim_fast_clock clock;
	bool has_simulated_rooms;
	void *by_handle; /* owned tree (search.h) of struct creator */
};

uint64_t sim_room_id(int64_t started_at_ms, uint64_t salt)
{
	uint64_t seconds = (uint64_t)started_at_ms / 1000, ms = (uint64_t)started_at_ms % 1000;
	uint64_t mixed = sim_random_mix(salt);
	return seconds << 32 | ms << 22 | (mixed & 0x3ff) << 12 | UINT64_C(11) << 8 |
	       (mixed >> 32 & 0xff);
}

static int compare_handles(const void *a, const void *b)
{
	const struct creator *left = a, *right = b;
	return strcmp(left->handle, right->handle);
}

static char *lower_case(const char *text)
{
	char *copy = memory_text(text);
	for (char *c = copy; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static struct creator *creators_find(const struct sim_creators *creators, const char *handle)
{
	CLEANUP(cleanup_free) char *lower = lower_case(handle);
	const struct creator wanted = { .handle = lower };
	struct creator *const *found = tfind(&wanted, &creators->by_handle, compare_handles);
	return found ? *found : NULL;
}

static struct creator *creators_get(struct sim_creators *creators, const char *handle)
{
	struct creator *creator = creators_find(creators, handle);
	if (creator)
		return creator;
	creator = memory_zeroed(1, sizeof(*creator));
	creator->handle = lower_case(handle);
	if (!tsearch(creator, &creators->by_handle, compare_handles))
		abort();
	return creator;
}

struct sim_creators *sim_creators_create(const struct sim_schedule *schedule,
					 const struct sim_fast_clock *clock,
					 bool has_simulated_rooms)
{
	struct sim_creators *creators = memory_zeroed(1, sizeof(*creators));
	creators->schedule = *schedule;
	creators->clock = *clock;
	creators->has_simulated_rooms = has_simulated_rooms;
	return creators;
}

static void creator_drop_script(struct creator *creator)
{
	free(creator->script.title);
	free(creator->script.json);
	creator->script = (struct sim_script){ 0 };
	creator->has_script = false;
}

static void creator_destroy(void *node)
{
	struct creator *creator = node;
	creator_drop_script(creator);
	free(creator->handle);
	free(creator);
}

void sim_creators_reset(struct sim_creators *creators)
{
	tdestroy(creators->by_handle, creator_destroy);
	creators->by_handle = NULL;
}

void sim_creators_destroy(struct sim_creators *creators)
{
	if (!creators)
		return;
	sim_creators_reset(creators);
	free(creators);
}

void sim_creators_script(struct sim_creators *creators, const char *handle,
			 const struct sim_script *script)
{
	struct creator *creator = creators_get(creators, handle);
	creator_drop_script(creator);
	creator->script = *script;
	creator->has_script = true;
}

bool sim_creators_unscript(struct sim_creators *creators, const char *handle)
{
	struct creator *creator = creators_find(creators, handle);
	if (!creator || !creator->has_script)
		return false;
	creator_drop_script(creator);
	return true;
}

static void unscript_node(const void *node, VISIT visit, void *arg)
{
	(void)arg;
	if (visit == postorder || visit == leaf)
		creator_drop_script(*(struct creator *const *)node);
}

void sim_creators_unscript_all(struct sim_creators *creators)
{
	twalk_r(creators->by_handle, unscript_node, NULL);
}

static void scripted_row(const struct sim_script *script, struct sim_row *row)
{
	row->is_live = script->is_live;
	row->room = script->room;
	row->title = script->title;
	row->viewers = script->viewers;
	row->json = script->json;
	row->fault = script->fault;
}

static const char *const titles[] = {
	"good evening everybody", "Q&A", "come say hi", "practice makes perfect", "just chatting",
};

static void scheduled_row(const struct sim_creators *creators, size_t creator, int64_t real_ms,
			  struct sim_row *row)
{
	struct sim_live live;
	int64_t now_ms = sim_fast_clock_now(&creators->clock, real_ms);
	if (!sim_schedule_live_at(&creators->schedule, creator, now_ms, &live))
		return;
	uint64_t salt = sim_random_key(sim_random_key(creators->schedule.seed, creator),
				       (uint64_t)live.started_at_ms);
	row->is_live = true;
	row->room = sim_room_id(creators->has_simulated_rooms
					? live.started_at_ms
					: sim_fast_clock_real(&creators->clock, live.started_at_ms),
				salt);
	row->title = titles[salt % ARRAY_SIZE(titles)];
	row->viewers = 10 + (int64_t)((salt >> 8) % 5000);
}

void sim_creators_row(const struct sim_creators *creators, const char *handle, int64_t real_ms,
		      struct sim_row *ret_row)
{
	*ret_row = (struct sim_row){ .handle = handle };
	const struct creator *creator = creators_find(creators, handle);
	size_t scheduled;
	if (creator && creator->has_script)
		scripted_row(&creator->script, ret_row);
	else if (sim_schedule_find(&creators->schedule, handle, &scheduled))
		scheduled_row(creators, scheduled, real_ms, ret_row);
}

bool sim_creators_is_poison(const struct sim_creators *creators, const char *handle)
{
	const struct creator *creator = creators_find(creators, handle);
	return creator && creator->has_script && creator->script.is_poison;
}

void sim_creators_count_ask(struct sim_creators *creators, const char *handle)
{
	creators_get(creators, handle)->asks++;
}

struct walk {
	sim_creator_fn fn;
	void *arg;
};

static void walk_node(const void *node, VISIT visit, void *arg)
{
	const struct walk *walk = arg;
	if (visit != postorder && visit != leaf)
		return;
	const struct creator *creator = *(struct creator *const *)node;
	walk->fn(walk->arg, creator->handle, creator->has_script ? &creator->script : NULL,
		 creator->asks);
}

void sim_creators_each(const struct sim_creators *creators, sim_creator_fn fn, void *arg)
{
	struct walk walk = { fn, arg };
	twalk_r(creators->by_handle, walk_node, &walk);
}
