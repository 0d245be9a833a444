/* Whatever is due, granted, claimed, finished or set back, in whatever order: no slot is lost or
 * taken twice, no limit is passed, what fails again and again is a single probe, a rate limit
 * spaces its attempts, and once nothing hinders it any more everything that is due is granted. The
 * input is a row of operations, as a dispatcher makes them. */
#include "fuzz.h"

#include "base/limits.h"
#include "deliver/lanes.h"

enum { LANES = 6, CLAIMS = 4, DRAIN_STEPS = 10000 };

/* What a dispatcher knows of a webhook. */
struct model {
	char id[16];
	bool is_known, has_grant;
	int64_t due_at_ms; /* INT64_MAX: nothing */
	unsigned in_flight, granted;
	int64_t fail_streak;
	int64_t used_at_ms;
	int64_t last_start_ms, spacing_ms; /* of the last claim */
};

struct scene {
	struct lanes *lanes;
	struct lanes_limits limits;
	int64_t now_ms;
	struct model models[LANES];
	struct lanes_grant grants[LANES]; /* out, by lane */
	bool was_set_back;                /* the clock: then spacing is not promised */
};

static unsigned slots_of(const struct scene *scene)
{
	unsigned slots = 0;
	for (size_t i = 0; i < LANES; i++)
		slots += scene->models[i].in_flight + scene->models[i].granted;
	return slots;
}

static void must_agree(const struct scene *scene)
{
	unsigned failing = 0;
	for (size_t i = 0; i < LANES; i++)
		failing += scene->models[i].fail_streak >= LANES_FAILING_STREAK;
	FUZZ_MUST(lanes_in_use(scene->lanes) == slots_of(scene));
	FUZZ_MUST(lanes_failing(scene->lanes) == failing);
}

static struct model *model_of(struct scene *scene, const char *id)
{
	for (size_t i = 0; i < LANES; i++) {
		if (strcmp(scene->models[i].id, id) == 0)
			return &scene->models[i];
	}
	fuzz_failed(__FILE__, __LINE__, "a grant is for a webhook that is known");
}

static void know(const struct scene *scene, struct model *model)
{
	if (!model->is_known)
		model->used_at_ms = scene->now_ms;
	model->is_known = true;
}

static void set_due(struct scene *scene, struct model *model, int64_t due_at_ms)
{
	if (due_at_ms != INT64_MAX)
		know(scene, model);
	model->due_at_ms = due_at_ms;
	lanes_set_due(scene->lanes, model->id, due_at_ms, scene->now_ms);
}

static void touch(struct scene *scene, struct model *model, int64_t due_at_ms)
{
	if (due_at_ms < model->due_at_ms) {
		know(scene, model);
		model->due_at_ms = due_at_ms;
	}
	lanes_touch(scene->lanes, model->id, due_at_ms, scene->now_ms);
}

/* Takes a grant, if there is one, after what must hold of it. */
static struct model *grant(struct scene *scene)
{
	struct lanes_grant grant;
	unsigned before = slots_of(scene);
	if (!lanes_grant(scene->lanes, scene->now_ms, &grant)) {
		FUZZ_MUST(lanes_next_grant_ms(scene->lanes) > scene->now_ms);
		return NULL;
	}
	struct model *model = model_of(scene, grant.webhook_id);
	FUZZ_MUST(grant.count > 0 && !model->has_grant);
	/* A lane that was ready when the clock was set back stays so: its claim finds nothing. */
	FUZZ_MUST(model->due_at_ms <= scene->now_ms || scene->was_set_back);
	FUZZ_MUST(before + grant.count <= scene->limits.total + scene->limits.ahead);
	FUZZ_MUST(model->in_flight + grant.count <= scene->limits.per_lane);
	if (model->fail_streak >= LANES_FAILING_STREAK)
		FUZZ_MUST(model->in_flight + grant.count == 1);
	model->has_grant = true;
	model->granted = grant.count;
	model->used_at_ms = scene->now_ms;
	scene->grants[model - scene->models] = grant;
	return model;
}

/* claimed of the granted; then more is due, or nothing. */
static void claim(struct scene *scene, struct model *model, unsigned claimed, double rate,
		  int64_t due_at_ms)
{
	int64_t first_ms, spacing_ms;
	claimed = claimed < model->granted ? claimed : model->granted;
	lanes_claimed(scene->lanes, &scene->grants[model - scene->models], claimed, rate,
		      scene->now_ms, &first_ms, &spacing_ms);
	model->has_grant = false;
	model->granted = 0;
	model->in_flight += claimed;
	FUZZ_MUST(first_ms >= scene->now_ms && spacing_ms >= 0);
	if (claimed > 0) {
		FUZZ_MUST(rate > 0 ? (double)spacing_ms * rate >= 999.999 : spacing_ms == 0);
		if (spacing_ms > 0 && spacing_ms == model->spacing_ms && !scene->was_set_back)
			FUZZ_MUST(first_ms >= model->last_start_ms + spacing_ms);
		model->last_start_ms = first_ms + (claimed - 1) * spacing_ms;
		model->spacing_ms = spacing_ms;
	}
	set_due(scene, model, due_at_ms);
}

static void finish(struct scene *scene, struct model *model, enum lanes_result result,
		   int64_t duration_ms)
{
	if (model->in_flight == 0)
		return;
	model->in_flight--;
	model->used_at_ms = scene->now_ms;
	if (result == LANES_SUCCEEDED)
		model->fail_streak = 0;
	else if (result == LANES_FAILED)
		model->fail_streak++;
	lanes_finished(scene->lanes, model->id, result, duration_ms, scene->now_ms);
}

/* Who has had nothing to do for long is forgotten, streak and all. */
static void refresh(struct scene *scene)
{
	lanes_refresh(scene->lanes, scene->now_ms);
	for (size_t i = 0; i < LANES; i++) {
		struct model *model = &scene->models[i];
		if (model->used_at_ms > scene->now_ms)
			model->used_at_ms = scene->now_ms;
		if (model->in_flight + model->granted > 0 || model->due_at_ms != INT64_MAX ||
		    model->used_at_ms > scene->now_ms - LANES_IDLE_MS)
			continue;
		model->is_known = false;
		model->fail_streak = model->spacing_ms = 0;
	}
}

static void set_limits(struct scene *scene, uint8_t byte)
{
	scene->limits = (struct lanes_limits){ .total = 1 + byte % 16,
					       .per_lane = 1 + byte / 16 % 8,
					       .ahead = byte & 128 ? 8 : 0 };
	lanes_set_limits(scene->lanes, &scene->limits, scene->now_ms);
}

/* The daemon ends: what was in flight is due again, and the store knows the streaks. */
static void restart(struct scene *scene)
{
	lanes_destroy(scene->lanes);
	scene->lanes = lanes_create(&scene->limits);
	for (size_t i = 0; i < LANES; i++) {
		struct model *model = &scene->models[i];
		bool was_tried = model->is_known;
		int64_t streak = model->fail_streak;
		int64_t due_at_ms =
			model->in_flight + model->granted > 0 ? scene->now_ms : model->due_at_ms;
		model->is_known = false;
		model->has_grant = false;
		model->in_flight = model->granted = 0;
		model->spacing_ms = 0;
		model->fail_streak = streak < LANES_FAILING_STREAK ? streak : LANES_FAILING_STREAK;
		lanes_introduce(scene->lanes, model->id, was_tried, streak, scene->now_ms);
		if (was_tried)
			know(scene, model);
		model->due_at_ms = INT64_MAX;
		set_due(scene, model, due_at_ms);
	}
}

static void operate(struct scene *scene, struct fuzz_input *input)
{
	static const double rates[] = { 0, 0.5, 3, 50 };
	uint8_t byte = fuzz_take_byte(input), operand = fuzz_take_byte(input);
	struct model *model = &scene->models[byte / 16 % LANES];
	switch (byte % 16) {
	case 0:
	case 1:
		scene->now_ms += operand * operand / 16;
		break;
	case 2:
		scene->now_ms += operand * (int64_t)10000;
		break;
	case 3:
		scene->was_set_back = true;
		scene->now_ms -= operand * 100;
		break;
	case 4:
		set_limits(scene, operand);
		break;
	case 5:
		set_due(scene, model, operand == 255 ? INT64_MAX : scene->now_ms + operand * 10);
		break;
	case 6:
		touch(scene, model, scene->now_ms + operand * 10 - 500);
		break;
	case 7:
	case 8:
	case 9:
		model = grant(scene);
		if (model && operand % 8 != 7) /* else it stays out for a while */
			claim(scene, model, operand / 8 % 8, rates[operand / 64],
			      operand % 2 ? scene->now_ms : INT64_MAX);
		break;
	case 10:
		if (model->has_grant)
			claim(scene, model, operand % 8, rates[operand / 64], scene->now_ms);
		break;
	case 11:
	case 12:
		finish(scene, model, operand % 3, operand * 20);
		break;
	case 13:
		refresh(scene);
		break;
	case 14:
		if (model->is_known && model->spacing_ms > 0)
			lanes_delay(scene->lanes, model->id, operand, scene->now_ms);
		break;
	default:
		restart(scene);
		break;
	}
}

/* Every grant that is out is claimed, every attempt succeeds; then each lane has one more delivery,
 * and all of them are granted as time goes on. */
static void must_drain(struct scene *scene)
{
	unsigned left = LANES;
	for (size_t i = 0; i < LANES; i++) {
		struct model *model = &scene->models[i];
		if (model->has_grant)
			claim(scene, model, 0, 0, INT64_MAX);
		while (model->in_flight > 0)
			finish(scene, model, LANES_SUCCEEDED, 10);
	}
	lanes_refresh(scene->lanes, scene->now_ms);
	for (size_t i = 0; i < LANES; i++)
		set_due(scene, &scene->models[i], scene->now_ms);
	for (int step = 0; left > 0; step++) {
		FUZZ_MUST(step < DRAIN_STEPS);
		struct model *model = grant(scene);
		if (!model) {
			FUZZ_MUST(lanes_next_grant_ms(scene->lanes) < INT64_MAX);
			scene->now_ms = lanes_next_grant_ms(scene->lanes);
			continue;
		}
		claim(scene, model, 1, 0, INT64_MAX);
		finish(scene, model, LANES_SUCCEEDED, 10);
		left--;
	}
	FUZZ_MUST(lanes_in_use(scene->lanes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct scene scene = { .limits = { .total = 8, .per_lane = 4 },
			       .now_ms = INT64_C(1781787600000) };
	scene.lanes = lanes_create(&scene.limits);
	for (int i = 0; i < LANES; i++) {
		snprintf(scene.models[i].id, sizeof(scene.models[i].id), "wh_%d", i);
		scene.models[i].due_at_ms = INT64_MAX;
	}
	while (input.left > 0) {
		operate(&scene, &input);
		must_agree(&scene);
	}
	must_drain(&scene);
	lanes_destroy(scene.lanes);
	return 0;
}
