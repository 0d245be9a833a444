/* findings and gaps: what is kept of them, for how long, and that a gap is told with the answer
 * that came after it. */
#include "db/findings.h"
#include "db/gaps.h"
#include "tests/unit/store_fixture.h"

enum { MIN_MS = 60 * 1000 };

struct seen {
	unsigned count;
	int64_t answered_at_ms[FINDINGS_KEPT + 1];
	char event_id[ID_TEXT_SIZE];       /* of the newest */
	struct gap gap[FINDINGS_KEPT + 1]; /* began_at_ms 0: none */
};

static void see_finding(void *arg, const struct finding *finding, const char *event_id,
			const struct gap *gap)
{
	struct seen *seen = arg;
	assert_true(seen->count <= FINDINGS_KEPT);
	if (seen->count == 0)
		snprintf(seen->event_id, sizeof(seen->event_id), "%s",
			 event_id ? event_id : "none");
	seen->gap[seen->count] = gap ? *gap : (struct gap){ 0 };
	seen->answered_at_ms[seen->count++] = finding->answered_at_ms;
}

static void see_gap(void *arg, const struct gap *gap)
{
	struct seen *seen = arg;
	if (seen->count < FINDINGS_KEPT)
		seen->gap[seen->count] = *gap;
	seen->count++;
}

static struct seen findings_of(struct store *store, const char *handle)
{
	struct seen seen = { 0 };
	assert_ok(store_finding_list(store, handle, see_finding, &seen));
	return seen;
}

static void find(struct store *store, struct creator_key key, int64_t previous_at_ms,
		 int64_t answered_at_ms, const char *event_id)
{
	const struct finding finding = { .answered_at_ms = answered_at_ms,
					 .previous_at_ms = previous_at_ms,
					 .effect = FINDING_START };
	assert_ok(store_finding_add(store, key, &finding, event_id));
}

static void the_latest_of_each_creator_are_kept(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key ann = watch(store, "ann"), bob = watch(store, "bob");
	find(store, bob, 0, T0, "");
	for (int i = 0; i < FINDINGS_KEPT + 10; i++)
		find(store, ann, 0, T0 + i, i % 2 ? "evt_odd" : NULL);
	struct seen seen = findings_of(store, "ann");
	assert_int_equal(seen.count, FINDINGS_KEPT);
	assert_int_equal(seen.answered_at_ms[0], T0 + FINDINGS_KEPT + 9);
	assert_int_equal(seen.answered_at_ms[FINDINGS_KEPT - 1], T0 + 10);
	assert_string_equal(seen.event_id, "evt_odd");
	seen = findings_of(store, "bob");
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.event_id, "none");
}

static void prune(struct store *store, int64_t now_ms)
{
	const struct store_retention retention = { .events_ms = 1000 };
	unsigned deleted;
	assert_ok(store_prune(store, &retention, now_ms, 100, &deleted));
}

static void they_are_pruned_with_the_events(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key ann = watch(store, "ann");
	struct seen seen = { 0 };
	for (int i = 0; i < 3; i++) {
		find(store, ann, 0, T0 + i * 1000, NULL);
		assert_ok(store_gap_add(store, &(struct gap){ .reason = GAP_STOPPED,
							      .began_at_ms = T0 - 1,
							      .ended_at_ms = T0 + i * 1000 }));
	}
	prune(store, T0 + 2500);
	assert_int_equal(findings_of(store, "ann").count, 1);
	assert_ok(store_gap_list(store, 10, see_gap, &seen));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.gap[0].ended_at_ms, T0 + 2000);
}

static void a_gap_is_told_with_the_answer_after_it(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct creator_key ann = watch(store, "ann");
	find(store, ann, 0, T0, NULL); /* a first sight: nothing before it was missed */
	find(store, ann, T0, T0 + 10 * MIN_MS, NULL);
	find(store, ann, T0 + 10 * MIN_MS, T0 + 20 * MIN_MS, NULL);
	assert_ok(store_gap_add(store, &(struct gap){ .reason = GAP_KEY_REFUSED,
						      .began_at_ms = T0 - MIN_MS,
						      .ended_at_ms = T0 + 10 * MIN_MS }));
	struct seen seen = findings_of(store, "ann");
	assert_int_equal(seen.gap[0].began_at_ms, 0);
	assert_int_equal(seen.gap[1].began_at_ms, T0 - MIN_MS);
	assert_int_equal(seen.gap[1].reason, GAP_KEY_REFUSED);
	assert_int_equal(seen.gap[2].began_at_ms, 0);
}

static void gaps_are_bounded(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct seen seen = { 0 };
	for (int i = 0; i < GAPS_KEPT + 5; i++)
		assert_ok(store_gap_add(store, &(struct gap){ .reason = GAP_FAILING,
							      .began_at_ms = T0 + i,
							      .ended_at_ms = T0 + i + 1 }));
	assert_ok(store_gap_list(store, GAPS_KEPT + 100, see_gap, &seen));
	assert_int_equal(seen.count, GAPS_KEPT);
	assert_int_equal(seen.gap[0].began_at_ms, T0 + GAPS_KEPT + 4);
}

static void until_when_creators_could_be_checked_outlives_a_restart(void **state)
{
	struct fixture *fixture = *state;
	int64_t sighted_at_ms = -1;
	assert_ok(store_sighted_get(fixture->store, &sighted_at_ms));
	assert_int_equal(sighted_at_ms, 0);
	assert_ok(store_sighted_set(fixture->store, T0));
	reopen(fixture);
	assert_ok(store_sighted_get(fixture->store, &sighted_at_ms));
	assert_int_equal(sighted_at_ms, T0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_latest_of_each_creator_are_kept),
		TEST(they_are_pruned_with_the_events),
		TEST(a_gap_is_told_with_the_answer_after_it),
		TEST(gaps_are_bounded),
		TEST(until_when_creators_could_be_checked_outlives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
