#include "detect/habit.h"

#include <math.h>

enum {
	STEP_MS = 5 * 60 * 1000,
	HOUR_MS = 60 * 60 * 1000,
	STEPS_PER_DAY = 24 * 12,
	STEPS_PER_WEEK = 7 * STEPS_PER_DAY,
	AGE_MAX = 26 * STEPS_PER_WEEK, /* older starts are forgotten, before the steps wrap round */
	CROWD_MAX = 20000, /* starts; then all count half, so that the crowd may change */
};

/* What a day leaves of a start's weight: 0.85 a week, and for the shape `lately` 0.45. */
static const double daily_memory = 0.97705, daily_memory_lately = 0.8922;
static const double merit_memory = 0.9; /* what a start leaves of the merit so far */
static const double flat_share = 0.1;   /* of every shape */
/* How far a start strays from the habit, and within its part of the day, in steps. */
static const double kernel_steps = 5, part_steps = 40;
static const double week_lean = 1.0; /* starts that the time of day counts as */
static const double prior_starts = 1, prior_weeks = 0.5;
static const double typical_log_hours = 0.4; /* lives last an hour and a half */
static const double spread_log_hours = 0.7;
static const double lives_prior = 3;

/* How far an age is from a whole number of days, or of weeks. */
static double apart(unsigned age, unsigned circle)
{
	unsigned distance = age % circle;
	return (double)(distance * 2 > circle ? circle - distance : distance);
}

/* A bell with heavy tails (Student's t with three degrees of freedom), of area 1 over hours. */
static double bell(double steps, double width)
{
	double x = steps / width, y = 1 + x * x;
	return 2 / (M_PI * width / 12) / (y * y);
}

/* What the starts say, in densities an hour over a week. */
struct outlook {
	double weight, part, day, week;
	double lately_weight, lately_day, lately_week;
};

static int64_t step_of(int64_t at_ms)
{
	return at_ms / STEP_MS;
}

static unsigned start_age(const struct habit *habit, unsigned i, int64_t now_step)
{
	return (uint16_t)((uint16_t)now_step - habit->starts[i]);
}

/* What so many weeks leave of a start's weight, level between the days. */
static double faded(double memory_a_day, unsigned age)
{
	double weight = 1;
	for (unsigned days = age / STEPS_PER_DAY; days > 0; days >>= 1) {
		weight *= days & 1 ? memory_a_day : 1;
		memory_a_day *= memory_a_day;
	}
	return weight;
}

static struct outlook habit_look(const struct habit *habit, int64_t now_step)
{
	struct outlook look = { 0 };
	for (unsigned i = 1; i <= habit->count; i++) {
		unsigned at = (habit->next + HABIT_STARTS - i) % HABIT_STARTS;
		unsigned age = start_age(habit, at, now_step);
		double weight = faded(daily_memory, age), lately = faded(daily_memory_lately, age);
		double day_apart = apart(age, STEPS_PER_DAY);
		double day = bell(day_apart, kernel_steps) / 7;
		double week = bell(apart(age, STEPS_PER_WEEK), kernel_steps);
		look.weight += weight;
		look.part += weight * bell(day_apart, part_steps) / 7;
		look.day += weight * day;
		look.week += weight * week;
		look.lately_weight += lately;
		look.lately_day += lately * day;
		look.lately_week += lately * week;
	}
	return look;
}

static double mean_of(double sum, double weight, double lean, double lean_weight)
{
	return (sum + lean * lean_weight) / (weight + lean_weight);
}

static unsigned hour_of_week(int64_t at_ms)
{
	return (unsigned)(at_ms / HOUR_MS % HABIT_HOURS);
}

/* The density of each shape now, an hour. */
static void shapes_fill(const struct outlook *look, const struct habit_crowd *crowd, int64_t now_ms,
			double shapes[HABIT_SHAPES])
{
	static const double flat = 1.0 / HABIT_HOURS;
	double crowd_prior = HABIT_HOURS;
	shapes[HABIT_FLAT] = flat;
	shapes[HABIT_CROWD] = (crowd->hours[hour_of_week(now_ms)] + crowd_prior * flat) /
			      (crowd->total + crowd_prior);
	shapes[HABIT_PART] = mean_of(look->part, look->weight, flat, 2);
	shapes[HABIT_DAY] = mean_of(look->day, look->weight, flat, 0.2);
	shapes[HABIT_WEEK] = mean_of(look->week, look->weight, shapes[HABIT_DAY], week_lean);
	double lately_day = mean_of(look->lately_day, look->lately_weight, flat, 0.2);
	shapes[HABIT_LATELY] =
		mean_of(look->lately_week, look->lately_weight, lately_day, week_lean / 2);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		shapes[s] = (1 - flat_share) * shapes[s] + flat_share * flat;
}

void habit_watch(struct habit *habit, int64_t since_ms)
{
	uint32_t hour = (uint32_t)(since_ms / HOUR_MS);
	if (habit->since_hour == 0 || hour < habit->since_hour)
		habit->since_hour = hour;
}

static void crowd_learn(struct habit_crowd *crowd, int64_t at_ms)
{
	if (crowd->total >= CROWD_MAX) {
		crowd->total /= 2;
		for (unsigned hour = 0; hour < HABIT_HOURS; hour++)
			crowd->hours[hour] /= 2;
	}
	crowd->hours[hour_of_week(at_ms)]++;
	crowd->total++;
}

void habit_forget(struct habit *habit, int64_t now_ms)
{
	while (habit->count > 0) {
		unsigned oldest = (habit->next + 0U + HABIT_STARTS - habit->count) % HABIT_STARTS;
		if (start_age(habit, oldest, step_of(now_ms)) <= AGE_MAX)
			return;
		habit->count--;
	}
}

void habit_learn_start(struct habit *habit, struct habit_crowd *crowd, int64_t started_at_ms)
{
	int64_t step = step_of(started_at_ms);
	double shapes[HABIT_SHAPES];
	struct outlook look = habit_look(habit, step);
	shapes_fill(&look, crowd, started_at_ms, shapes);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		habit->merits[s] = (float)(merit_memory * (double)habit->merits[s] +
					   log(shapes[s] * HABIT_HOURS));
	habit->starts[habit->next] = (uint16_t)step;
	habit->next = (uint8_t)((habit->next + 1) % HABIT_STARTS);
	if (habit->count < HABIT_STARTS)
		habit->count++;
	habit_watch(habit, started_at_ms);
	crowd_learn(crowd, started_at_ms);
}

void habit_learn_end(struct habit *habit, int64_t lasted_ms)
{
	double hours = (double)lasted_ms / HOUR_MS;
	double logarithm = log(hours > 0.05 ? hours : 0.05);
	habit->lives = habit->lives * 0.9F + 1;
	habit->log_hours += (float)((logarithm - (double)habit->log_hours) / (double)habit->lives);
}

/* Starts a week: those seen, by the time in which they could have been. */
static double weekly_rate(const struct habit *habit, const struct outlook *look, int64_t now_ms)
{
	double weeks = ((double)now_ms / HOUR_MS - (double)habit->since_hour) / HABIT_HOURS;
	double decay = -log(daily_memory) * 7;
	if (habit->since_hour == 0 || weeks < 0)
		weeks = 0;
	double exposure = (1 - exp(-decay * weeks)) / decay;
	return (look->weight + prior_starts) / (exposure + prior_weeks);
}

double habit_start_rate(const struct habit *habit, const struct habit_crowd *crowd, int64_t now_ms)
{
	double shapes[HABIT_SHAPES], best = -INFINITY, sum = 0, density = 0;
	struct outlook look = habit_look(habit, step_of(now_ms));
	shapes_fill(&look, crowd, now_ms, shapes);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		best = fmax(best, (double)habit->merits[s]);
	for (unsigned s = 0; s < HABIT_SHAPES; s++) {
		double weight = exp((double)habit->merits[s] - best);
		sum += weight;
		density += weight * shapes[s];
	}
	return weekly_rate(habit, &look, now_ms) * density / sum;
}

/* The hazard of a lognormal distribution: small at first, then about level. */
double habit_end_rate(const struct habit *habit, int64_t live_for_ms)
{
	double lives = (double)habit->lives;
	double median = (lives * (double)habit->log_hours + lives_prior * typical_log_hours) /
			(lives + lives_prior);
	double hours = fmax((double)live_for_ms / HOUR_MS, 0.1);
	double z = (log(hours) - median) / spread_log_hours;
	double survival = 0.5 * erfc(z / M_SQRT2);
	double density = exp(-z * z / 2) / (hours * spread_log_hours * sqrt(2 * M_PI));
	/* Far beyond what was ever seen nothing is known but that it still goes on. */
	return survival > 0.02 ? fmax(density / survival, 0.05) : 1 / exp(median);
}
