/* The counters, and the order of first attempts, after whatever happens: random sequences of all
 * that moves deliveries, compared with a recount. A failure tells its seed; GOLIVED_SEED repeats
 * it.
 */
#include "tests/unit/store_fixture.h"

#include "db/store_private.h"

#include <errno.h>
#include <time.h>

enum { WEBHOOKS = 4, CREATORS = 3, STEPS = 600, IN_FLIGHT_MAX = 64 };

struct world {
	struct fixture *fixture;
	unsigned seed;
	uint64_t random;
	int64_t now_ms;
	struct text_id webhooks[WEBHOOKS];
	bool is_live[CREATORS];
	struct delivery_claim in_flight[IN_FLIGHT_MAX]; /* without their bodies */
	unsigned in_flight_count;
};

static const char *const creators[CREATORS] = { "ann", "bob", "cid" };

/* xorshift64*: the same on every machine. */
static unsigned draw(struct world *world, unsigned below)
{
	world->random ^= world->random >> 12;
	world->random ^= world->random << 25;
	world->random ^= world->random >> 27;
	return (unsigned)((world->random * UINT64_C(2685821657736338717)) >> 33) % below;
}

static struct store *store_of(struct world *world)
{
	return world->fixture->store;
}

static const char *some_webhook(struct world *world)
{
	return world->webhooks[draw(world, WEBHOOKS)].text;
}

/* ---- what may happen ---- */

static void something_is_detected(struct world *world)
{
	unsigned i = draw(world, CREATORS);
	struct text_id event = world->is_live[i]
				       ? add_end(store_of(world), creators[i], world->now_ms)
				       : add_start(store_of(world), creators[i], world->now_ms);
	world->is_live[i] = !world->is_live[i];
	enqueue(store_of(world), event.text, world->now_ms);
}

static void a_lane_is_claimed(struct world *world)
{
	unsigned room = IN_FLIGHT_MAX - world->in_flight_count;
	if (room == 0)
		return;
	struct claimed_lane lane = claim(store_of(world), some_webhook(world),
					 1 + draw(world, room < 4 ? room : 4), world->now_ms);
	for (unsigned i = 0; i < lane.claim_count; i++) {
		struct delivery_claim *kept = &world->in_flight[world->in_flight_count++];
		*kept = lane.claims[i];
		kept->body = NULL;
	}
	store_claimed_lane_finish(&lane);
}

static void an_attempt_ends(struct world *world)
{
	if (world->in_flight_count == 0)
		return;
	unsigned i = draw(world, world->in_flight_count);
	struct delivery_claim ended = world->in_flight[i];
	world->in_flight[i] = world->in_flight[--world->in_flight_count];
	struct attempt_outcome outcome = outcome_of(&ended, (enum attempt_verdict)draw(world, 5),
						    world->now_ms + draw(world, 20));
	struct outcome_effect effect;
	outcome.endpoint_is_gone = outcome.verdict == ATTEMPT_DEAD && draw(world, 20) == 0;
	assert_ok(store_attempt_finish(store_of(world), &outcome, world->now_ms, &effect));
	is_not_in_flight(ended.delivery_key);
}

static void a_webhook_is_switched(struct world *world)
{
	struct webhook change = { .active = draw(world, 4) != 0 };
	assert_ok(store_webhook_change(store_of(world), some_webhook(world), &change,
				       WEBHOOK_ACTIVE, world->now_ms));
}

static void a_webhook_is_replaced(struct world *world)
{
	unsigned i = draw(world, WEBHOOKS);
	assert_ok(store_webhook_remove(store_of(world), world->webhooks[i].text, world->now_ms));
	world->webhooks[i] = add_webhook(store_of(world), i ? NULL : "ann");
}

static void the_process_is_killed(struct world *world)
{
	unsigned count;
	note_in_flight(store_of(world), world->in_flight, world->in_flight_count, world->now_ms);
	reopen(world->fixture);
	assert_ok(store_deliveries_recover(store_of(world), world->now_ms, &count));
	assert_int_equal(count, world->in_flight_count);
	world->in_flight_count = 0;
}

static void on_collect(void *arg, const struct delivery *delivery)
{
	on_listed_delivery(arg, delivery);
}

static void a_delivery_is_replayed(struct world *world)
{
	static struct id_collection found;
	struct text_id id;
	found.count = 0;
	struct delivery_filter filter = { .webhook_id = some_webhook(world) };
	assert_ok(store_delivery_list(store_of(world), &filter, "", 20, on_collect, &found));
	if (found.count > 0)
		assert_ok(store_delivery_replay(store_of(world),
						found.ids[draw(world, found.count)].text,
						world->now_ms, world->now_ms, id.text));
}

static void old_rows_are_pruned(struct world *world)
{
	static const struct store_retention retention = {
		.delivered_ms = 200, .dead_ms = 400, .events_ms = 400, .sessions_ms = 800
	};
	unsigned deleted;
	assert_ok(store_prune(store_of(world), &retention, world->now_ms, 1 + draw(world, 50),
			      &deleted));
}

/* ---- what must hold ---- */

static int64_t recount(struct world *world, const char *query, const char *id)
{
	int64_t value;
	assert_ok(sql_get_integer(store_of(world)->sql, &value, query, SQL_TEXT(id)));
	return value;
}

static void expect_equal(struct world *world, const char *what, int64_t kept, int64_t counted)
{
	if (kept != counted)
		fail_msg("GOLIVED_SEED=%u: %s: kept %lld, counted %lld", world->seed, what,
			 (long long)kept, (long long)counted);
}

static void check_webhook(struct world *world, const char *id)
{
	static const char pending[] =
		"SELECT count(*) FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key"
		" WHERE w.id = ?1 AND d.status = 0 AND d.kind <> 2";
	static const char dead[] =
		"SELECT count(*) FROM deliveries d JOIN webhooks w ON w.key = d.webhook_key"
		" WHERE w.id = ?1 AND d.status = 2 AND d.kind <> 2";
	struct webhook webhook = show_webhook(store_of(world), id, world->now_ms);
	expect_equal(world, "pending", webhook.pending, recount(world, pending, id));
	expect_equal(world, "dead", webhook.dead, recount(world, dead, id));
}

static void check_everything(struct world *world)
{
	/* Of each creator at each webhook, the first one unanswered may go, and only that. */
	static const char out_of_order[] =
		"SELECT count(*) FROM deliveries d WHERE d.is_unanswered = 1 AND (d.stage = 2) <>"
		" EXISTS (SELECT 1 FROM deliveries e WHERE e.webhook_key = d.webhook_key"
		"  AND e.creator = d.creator AND e.is_unanswered = 1 AND e.key < d.key)";
	static const char stuck[] = "SELECT count(*) FROM deliveries WHERE status = 0 AND"
				    " (stage = 3 OR (stage = 2 AND is_unanswered = 0))";
	static const char loose[] =
		"SELECT count(*) FROM deliveries WHERE status <> 0 AND"
		" (stage IN (0, 2) OR is_unanswered = 1 OR settled_at_ms IS NULL)";
	static const char bodiless[] =
		"SELECT count(*) FROM deliveries d"
		" LEFT JOIN events e ON e.key = d.event_key WHERE e.key IS NULL";
	for (int i = 0; i < WEBHOOKS; i++)
		check_webhook(world, world->webhooks[i].text);
	expect_equal(world, "first attempts out of order", 0, recount(world, out_of_order, ""));
	expect_equal(world, "pending and never claimable", 0, recount(world, stuck, ""));
	expect_equal(world, "settled and yet claimable", 0, recount(world, loose, ""));
	expect_equal(world, "without an event", 0, recount(world, bodiless, ""));
	struct delivery_totals totals;
	assert_ok(store_delivery_totals(store_of(world), world->now_ms, &totals));
	expect_equal(world, "all pending", totals.pending,
		     recount(world, "SELECT count(*) FROM deliveries WHERE status = 0", ""));
	expect_equal(world, "all dead", totals.dead,
		     recount(world, "SELECT count(*) FROM deliveries WHERE status = 2", ""));
}

static void step(struct world *world)
{
	static const struct {
		unsigned weight;
		void (*happen)(struct world *world);
	} happenings[] = {
		{ 30, something_is_detected }, { 30, a_lane_is_claimed },
		{ 40, an_attempt_ends },       { 4, a_webhook_is_switched },
		{ 1, a_webhook_is_replaced },  { 1, the_process_is_killed },
		{ 6, a_delivery_is_replayed }, { 6, old_rows_are_pruned },
	};
	unsigned total = 0, i = 0;
	for (size_t j = 0; j < ARRAY_SIZE(happenings); j++)
		total += happenings[j].weight;
	unsigned drawn = draw(world, total);
	for (; drawn >= happenings[i].weight; i++)
		drawn -= happenings[i].weight;
	happenings[i].happen(world);
	world->now_ms += draw(world, 5);
}

static void counters_and_order_hold_whatever_happens(void **state)
{
	const char *given = getenv("GOLIVED_SEED");
	static struct world world;
	world = (struct world){ .fixture = *state, .now_ms = T0 };
	world.seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	world.random = world.seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	for (int i = 0; i < CREATORS; i++)
		watch(store_of(&world), creators[i]);
	for (int i = 0; i < WEBHOOKS; i++)
		world.webhooks[i] = add_webhook(store_of(&world), i ? NULL : "ann");
	for (int i = 0; i < STEPS; i++) {
		step(&world);
		check_everything(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counters_and_order_hold_whatever_happens, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
