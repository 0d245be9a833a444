/* Random answers about some creators, on a real store, in virtual time, with commits that fail and
 * restarts in between; and what must hold of the events whatever comes. A failure prints the seed:
 * GOLIVED_SEED=… repeats it alone. */
#include "../unit/store_fixture.h"

#include "detect/digest.h"

enum {
	SECOND = 1000,
	MINUTE = 60 * SECOND,
	CREATORS = 24,
	SILENT_CREATORS = 4, /* the last ones: nothing is ever known about them */
	ROOMS = 3,
	STEPS = 1500,
	SEEDS = 12,
	GRACE_MS = 120 * SECOND,
};

/* xorshift64*: the same everywhere. */
static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
	dice_state ^= dice_state >> 12;
	dice_state ^= dice_state << 25;
	dice_state ^= dice_state >> 27;
	return (dice_state * UINT64_C(2685821657736338717) >> 33) % sides;
}

/* What was answered about a creator, kept apart from the detector. */
struct witness {
	int64_t offline_since_ms; /* the row of OFFLINE answers, UNKNOWN not counted; 0: none */
	unsigned offline_count;
	unsigned live_seen; /* LIVE answers so far */
};

struct world {
	struct fixture *fixture;
	struct roster roster;
	struct massflip massflip;
	struct digest_rules rules;
	struct witness witnesses[CREATORS];
	int64_t now_ms;
	uint64_t seed;
};

static const char *world_name(size_t creator)
{
	static char names[CREATORS][8];
	snprintf(names[creator], sizeof(names[creator]), "c%02zu", creator);
	return names[creator];
}

static void world_load(struct world *world)
{
	struct store_mark mark = { 0 };
	struct watched_creator *creators = NULL;
	unsigned count;
	roster_finish(&world->roster);
	world->massflip = (struct massflip){ 0 };
	assert_ok(store_begin(world->fixture->store));
	assert_ok(store_watched_changes(world->fixture->store, &mark, 1000, &creators, &count));
	assert_ok(store_commit(world->fixture->store));
	assert_int_equal(count, CREATORS);
	for (unsigned i = 0; i < count; i++)
		roster_change(&world->roster, &creators[i], world->now_ms);
	free(creators);
}

/* A restart: nothing is left but what is on disk. */
static void world_restart(struct world *world)
{
	store_close(world->fixture->store);
	world->fixture->store = open_store(world->fixture->path, STORE_WRITER);
	world_load(world);
}

/* Rooms 0 and 1 tell their time, 2 does not; now and then no room is told. */
static uint64_t world_room(const struct world *world, size_t creator)
{
	uint64_t which = dice(ROOMS + 1);
	if (which == ROOMS)
		return 0;
	if (which == 2)
		return UINT64_C(7000000000000000000) + creator;
	int64_t made_ms = T0 + (int64_t)which * 40 * MINUTE;
	if (made_ms > world->now_ms)
		made_ms = T0;
	return (uint64_t)(made_ms / 1000) << 32 | 11 << 8 | creator << 12;
}

static struct answer world_answer(const struct world *world, size_t creator)
{
	struct answer answer = { .verdict = ANSWER_UNKNOWN, .viewer_count = -1 };
	if (creator >= CREATORS - SILENT_CREATORS || dice(5) == 0) {
		answer.is_missing = dice(2) == 0;
		return answer;
	}
	/* Mostly what was answered before: otherwise nothing would ever be confirmed. */
	const struct witness *witness = &world->witnesses[creator];
	bool was_offline = witness->offline_count > 0;
	if (dice(6) == 0 ? !was_offline : was_offline) {
		answer.verdict = ANSWER_OFFLINE;
	} else {
		answer.verdict = ANSWER_LIVE;
		answer.room = world_room(world, creator);
	}
	return answer;
}

static void witness_note(struct witness *witness, enum answer_verdict verdict, int64_t now_ms)
{
	if (verdict == ANSWER_UNKNOWN)
		return;
	if (verdict == ANSWER_LIVE) {
		*witness = (struct witness){ .live_seen = witness->live_seen + 1 };
		return;
	}
	if (witness->offline_count++ == 0)
		witness->offline_since_ms = now_ms;
}

static void check_row(const struct world *world, const struct record_row *row, size_t creator)
{
	const struct witness *witness = &world->witnesses[creator];
	for (unsigned i = 0; i < row->transition_count; i++) {
		const struct transition *transition = &row->transitions[i];
		if (row->verdict == ANSWER_UNKNOWN)
			fail_msg("seed %llu: an event from no answer",
				 (unsigned long long)world->seed);
		if (transition->type != TRANSITION_END || transition->reason != EVENT_ENDED)
			continue;
		if (witness->offline_count < 2 ||
		    world->now_ms - witness->offline_since_ms < GRACE_MS)
			fail_msg("seed %llu: %s ended after %u answers in %lld ms",
				 (unsigned long long)world->seed, row->handle,
				 witness->offline_count,
				 (long long)(world->now_ms - witness->offline_since_ms));
	}
}

/* One batch: some creators, answers, a record, and mostly a commit. */
static void world_step(struct world *world)
{
	size_t places[CREATORS], count = 0, held[MASSFLIP_DIRECTIONS];
	struct answer answers[CREATORS];
	struct witness before[CREATORS];
	struct record record;
	memcpy(before, world->witnesses, sizeof(before));
	for (size_t place = 0; place < world->roster.count; place++) {
		if (dice(3) != 0)
			continue;
		size_t creator =
			(size_t)strtoul(world->roster.entries[place].creator.handle + 1, NULL, 10);
		answers[count] = world_answer(world, creator);
		witness_note(&world->witnesses[creator], answers[count].verdict, world->now_ms);
		places[count++] = place;
	}
	record_init(&record, count, world->now_ms, 0);
	digest_batch(&world->rules, &world->massflip, &world->roster, places, answers, &record,
		     held);
	for (size_t i = 0; i < count; i++)
		check_row(world, &record.rows[i],
			  (size_t)strtoul(record.rows[i].handle + 1, NULL, 10));
	assert_ok(store_begin(world->fixture->store));
	assert_ok(record_store(world->fixture->store, &record));
	if (dice(10) == 0) {
		store_rollback(world->fixture->store); /* a full disk: as if nobody had asked */
		memcpy(world->witnesses, before, sizeof(before));
	} else {
		assert_ok(store_commit(world->fixture->store));
		if (dice(50) == 0)
			world_restart(world); /* right after it, before the memory knew */
		else
			digest_commit(&record, 0, &world->roster);
	}
	record_finish(&record);
}

/* The events of one creator, oldest first, as they were stored. */
struct story {
	bool is_live;
	int64_t sequence;
	uint64_t room;
	unsigned starts, ends;
};

static struct story stories[CREATORS];

static void on_event(void *arg, const struct event_row *event)
{
	const struct world *world = arg;
	struct story *story = &stories[strtoul(event->creator + 1, NULL, 10)];
	unsigned long long seed = (unsigned long long)world->seed;
	bool is_start = event->type == EVENT_LIVE_START;
	if (event->sequence != ++story->sequence)
		fail_msg("seed %llu: %s has sequence %lld, expected %lld", seed, event->creator,
			 (long long)event->sequence, (long long)story->sequence);
	if (is_start && story->is_live)
		fail_msg("seed %llu: %s starts twice", seed, event->creator);
	bool may_be_adopted =
		world->rules.detector.first_sight != FIRST_SIGHT_ANNOUNCE && event->sequence == 1;
	if (!is_start && !story->is_live && !may_be_adopted)
		fail_msg("seed %llu: %s ends without a start", seed, event->creator);
	/* A live that began without a room may have got one meanwhile. */
	if (!is_start && story->is_live && story->room != 0 && event->room != story->room)
		fail_msg("seed %llu: %s ends in another room", seed, event->creator);
	story->is_live = is_start;
	story->room = event->room;
	story->starts += is_start;
	story->ends += !is_start;
}

struct ids {
	char (*ids)[ID_TEXT_SIZE];
	size_t count, capacity;
};

static void on_id(void *arg, const struct event_row *event)
{
	struct ids *ids = arg;
	assert_true(ids->count < ids->capacity);
	snprintf(ids->ids[ids->count++], ID_TEXT_SIZE, "%s", event->id);
}

static void world_check_events(struct world *world)
{
	struct ids ids = { .capacity = 200000 };
	size_t before;
	ids.ids = calloc(ids.capacity, sizeof(*ids.ids));
	assert_ok(store_begin(world->fixture->store));
	do {
		before = ids.count;
		assert_ok(store_event_since(world->fixture->store,
					    before ? ids.ids[before - 1] : "", 500, on_id, &ids));
	} while (ids.count > before);
	memset(stories, 0, sizeof(stories));
	for (size_t i = 0; i < ids.count; i++)
		assert_ok(store_event_show(world->fixture->store, ids.ids[i], on_event, world));
	assert_ok(store_commit(world->fixture->store));
	free(ids.ids);
	unsigned starts = 0, ends = 0;
	for (size_t i = 0; i < CREATORS; i++) {
		starts += stories[i].starts;
		ends += stories[i].ends;
		if (i >= CREATORS - SILENT_CREATORS)
			assert_int_equal(stories[i].sequence, 0);
	}
	/* The simulation must be about something. */
	assert_true(starts > 50 && ends > 50);
}

static void run_seed(struct fixture *fixture, uint64_t seed)
{
	const char *names[CREATORS];
	bool created;
	struct world world = {
		.fixture = fixture,
		.now_ms = T0,
		.seed = seed,
		.rules = { .detector = { .end_confirmations = 2,
					 .end_grace_ms = GRACE_MS,
					 .first_sight = (enum config_first_sight)(seed % 3),
					 .first_sight_max_age_ms = 10 * MINUTE },
			   .planner = { .min_interval_ms = MINUTE,
					.max_interval_ms = 30 * MINUTE,
					.sweep_ms = MINUTE } },
	};
	dice_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (size_t i = 0; i < CREATORS; i++)
		names[i] = world_name(i);
	roster_init(&world.roster);
	assert_ok(store_watchlist_put(fixture->store, "all", PRIORITY_NORMAL, names, CREATORS, T0,
				      &created));
	assert_ok(store_commit(fixture->store));
	world_load(&world);
	for (int i = 0; i < STEPS; i++) {
		world.now_ms += (int64_t)dice(90) * SECOND + 1;
		world_step(&world);
	}
	world_check_events(&world);
	roster_finish(&world.roster);
}

static void starts_and_ends_alternate_whatever_is_answered(void **state)
{
	(void)state;
	const char *only = getenv("GOLIVED_SEED");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1;
	for (uint64_t seed = first; seed < first + (only ? 1 : SEEDS); seed++) {
		void *fixture = NULL;
		assert_ok(set_up(&fixture));
		run_seed(fixture, seed);
		assert_ok(store_begin(((struct fixture *)fixture)->store));
		assert_ok(tear_down(&fixture));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_ends_alternate_whatever_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
