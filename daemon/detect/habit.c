#include "detect/habit.h"

#include <math.h>
#include <stddef.h>

enum {
	STEP_MS = 5 * 60 * 1000,
	HOUR_MS = 60 * 60 * 1000,
	STEPS_PER_DAY = 24 * 12,
	STEPS_PER_WEEK = 7 * STEPS_PER_DAY,
	AGE_MAX = 26 * STEPS_PER_WEEK, /* older starts are forgotten, before the steps wrap round */
	CROWD_MAX = 20000, /* starts; then all count half, so that the crowd may change */
	STEPS_PER_HOUR = 12,
	OWN_STARTS_MIN = 2, /* who has fewer has no middle of the day yet */
};

/* What a day leaves of a start's weight: 0.85 a week, and for the shape `lately` 0.45. */
static const double daily_memory = 0.97705, daily_memory_lately = 0.8922;
static const double merit_memory = 0.9; /* what a start leaves of the merit so far */
/* Whose own time of day has foretold starts so much better than chance, in logarithms, has a habit
 * that can be seen to move; and the lead from which a move of all is believed: some five starts at
 * the new time that were not expected there, which chance does not give. */
static const double habit_lead = 3, move_lead = 25;
static const double flat = 1.0 / HABIT_HOURS;
static const double flat_share = 0.03; /* of every shape */
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
	double x, y; /* where on the circle of the day the starts are, together */
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

static double circle_of_day(int64_t step)
{
	return (double)(step % STEPS_PER_DAY) * (2 * M_PI / STEPS_PER_DAY);
}

/* crowd: what is older than its last move is moved likewise; NULL: nothing is. */
static struct outlook habit_look(const struct habit *habit, const struct habit_crowd *crowd,
				 int64_t now_step)
{
	struct outlook look = { 0 };
	for (unsigned i = 1; i <= habit->count; i++) {
		unsigned at = (habit->next + HABIT_STARTS - i) % HABIT_STARTS;
		unsigned age = start_age(habit, at, now_step);
		if (crowd && age > now_step - crowd->moved_step)
			age += (unsigned)(STEPS_PER_WEEK -
					  crowd->moved_by); /* as many steps younger, a week ago */
		double weight = faded(daily_memory, age), lately = faded(daily_memory_lately, age);
		double day_apart = apart(age, STEPS_PER_DAY);
		double day = bell(day_apart, kernel_steps) / 7;
		double week = bell(apart(age, STEPS_PER_WEEK), kernel_steps);
		double angle = circle_of_day(now_step - age);
		look.x += weight * cos(angle);
		look.y += weight * sin(angle);
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

static double with_flat(double density)
{
	return (1 - flat_share) * density + flat_share * flat;
}

static double day_density(const struct outlook *look)
{
	return mean_of(look->day, look->weight, flat, 0.2);
}

static double week_density(const struct outlook *look)
{
	return mean_of(look->week, look->weight, day_density(look), week_lean);
}

static double moved_density(const struct habit *habit, const struct habit_crowd *crowd,
			    int64_t now_step)
{
	struct outlook look = habit_look(habit, crowd, now_step);
	return week_density(&look);
}

/* The hour of the day, from 0, as it is to somebody whose day has its middle at noon. */
static unsigned own_hour(const struct outlook *look, int64_t now_ms)
{
	double middle = atan2(look->y, look->x) * (HABIT_OWN_HOURS / (2 * M_PI));
	double hour = (double)now_ms / HOUR_MS - middle + 1.5 * HABIT_OWN_HOURS;
	return (unsigned)fmod(hour, HABIT_OWN_HOURS);
}

static double own_density(const struct outlook *look, const struct habit_crowd *crowd,
			  int64_t now_ms)
{
	double prior = HABIT_HOURS;
	if (look->weight < OWN_STARTS_MIN)
		return flat;
	return (crowd->own_hours[own_hour(look, now_ms)] + prior / HABIT_OWN_HOURS) /
	       (crowd->own_total + prior) / 7;
}

/* The density of each shape now, an hour; look: with nothing moved. */
static void shapes_fill(const struct habit *habit, const struct outlook *look,
			const struct habit_crowd *crowd, int64_t now_ms,
			double shapes[HABIT_SHAPES])
{
	double crowd_prior = HABIT_HOURS;
	shapes[HABIT_FLAT] = flat;
	shapes[HABIT_CROWD] = (crowd->hours[hour_of_week(now_ms)] + crowd_prior * flat) /
			      (crowd->total + crowd_prior);
	shapes[HABIT_OWN] = own_density(look, crowd, now_ms);
	shapes[HABIT_PART] = mean_of(look->part, look->weight, flat, 2);
	shapes[HABIT_DAY] = day_density(look);
	shapes[HABIT_WEEK] = week_density(look);
	shapes[HABIT_MOVED] = crowd->moved_by == 0 ? shapes[HABIT_WEEK]
						   : moved_density(habit, crowd, step_of(now_ms));
	double lately_day = mean_of(look->lately_day, look->lately_weight, flat, 0.2);
	shapes[HABIT_LATELY] =
		mean_of(look->lately_week, look->lately_weight, lately_day, week_lean / 2);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		shapes[s] = with_flat(shapes[s]);
}

void habit_watch(struct habit *habit, int64_t since_ms)
{
	uint32_t hour = (uint32_t)(since_ms / HOUR_MS);
	if (habit->since_hour == 0 || hour < habit->since_hour)
		habit->since_hour = hour;
}

static void hours_learn(double *hours, unsigned count, double *total, unsigned hour)
{
	if (*total >= CROWD_MAX) {
		*total /= 2;
		for (unsigned i = 0; i < count; i++)
			hours[i] /= 2;
	}
	hours[hour]++;
	(*total)++;
}

/* look: what was known of the creator before. */
static void crowd_learn(struct habit_crowd *crowd, const struct outlook *look, int64_t at_ms)
{
	hours_learn(crowd->hours, HABIT_HOURS, &crowd->total, hour_of_week(at_ms));
	if (look->weight >= OWN_STARTS_MIN)
		hours_learn(crowd->own_hours, HABIT_OWN_HOURS, &crowd->own_total,
			    own_hour(look, at_ms));
}

/* Clocks change, and with them the habits of many at once. One start at an odd time says little,
 * but those of all creators together soon tell, long before each could be known to have moved:
 * Page's cumulative sum (Biometrika 41, 1954) for each number of hours. Whom it does not concern is
 * soon told apart: `moved` foretells their starts no better than `week`. */
static void crowd_notice_move(struct habit_crowd *crowd, const struct habit *habit, int64_t step)
{
	unsigned best = 0;
	double expected = 0;
	if (habit->merits[HABIT_DAY] < habit->merits[HABIT_FLAT] + (float)habit_lead)
		return;
	for (unsigned by = 0; by < HABIT_MOVES; by++) {
		/* A week later, for no start may be in the future. */
		struct outlook look =
			habit_look(habit, crowd, step + STEPS_PER_WEEK - by * STEPS_PER_HOUR);
		double merit = log(with_flat(day_density(&look)));
		expected = by == 0 ? merit : expected;
		crowd->moves[by] = fmax(0, crowd->moves[by] + merit - expected);
		best = crowd->moves[by] > crowd->moves[best] ? by : best;
	}
	if (crowd->moves[best] < move_lead)
		return;
	int hours = best <= HABIT_MOVES / 2 ? (int)best : (int)best - HABIT_MOVES;
	crowd->moved_by = hours * STEPS_PER_HOUR;
	crowd->moved_step = step;
	for (unsigned by = 0; by < HABIT_MOVES; by++)
		crowd->moves[by] = 0;
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
	struct outlook look = habit_look(habit, NULL, step);
	shapes_fill(habit, &look, crowd, started_at_ms, shapes);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		habit->merits[s] = (float)(merit_memory * (double)habit->merits[s] +
					   log(shapes[s] * HABIT_HOURS));
	crowd_notice_move(crowd, habit, step);
	habit->starts[habit->next] = (uint16_t)step;
	habit->next = (uint8_t)((habit->next + 1) % HABIT_STARTS);
	if (habit->count < HABIT_STARTS)
		habit->count++;
	habit_watch(habit, started_at_ms);
	crowd_learn(crowd, &look, started_at_ms);
}

void habit_learn_end(struct habit *habit, int64_t lasted_ms)
{
	double hours = (double)lasted_ms / HOUR_MS;
	double logarithm = log(hours > 0.05 ? hours : 0.05);
	habit->lives = habit->lives * 0.9F + 1;
	habit->log_hours += (float)((logarithm - (double)habit->log_hours) / (double)habit->lives);
}

/* The weeks in which the starts were that are kept: with a full ring, since the oldest of them. */
static double weeks_kept(const struct habit *habit, int64_t now_ms)
{
	double weeks = ((double)now_ms / HOUR_MS - (double)habit->since_hour) / HABIT_HOURS;
	double oldest = (double)start_age(habit, habit->next, step_of(now_ms)) / STEPS_PER_WEEK;
	if (habit->since_hour == 0 || weeks < 0)
		return 0;
	return habit->count == HABIT_STARTS ? fmin(weeks, oldest) : weeks;
}

/* Starts a week: those seen, by the time in which they could have been. */
static double weekly_rate(const struct habit *habit, const struct outlook *look, int64_t now_ms)
{
	double weeks = weeks_kept(habit, now_ms);
	double decay = -log(daily_memory) * 7;
	double exposure = (1 - exp(-decay * weeks)) / decay;
	return (look->weight + prior_starts) / (exposure + prior_weeks);
}

/* What a shape has foretold, less what it has to make good first. The sharper it is, the more it
 * seems to know from a few starts; and hardly anybody is up at all hours, or at everybody else's.
 */
static double credit(const struct habit *habit, unsigned shape)
{
	static const float doubts[HABIT_SHAPES] = {
		[HABIT_FLAT] = 3, [HABIT_CROWD] = 3,  [HABIT_PART] = 1,  [HABIT_DAY] = 2,
		[HABIT_WEEK] = 3, [HABIT_LATELY] = 3, [HABIT_MOVED] = 3,
	};
	return (double)(habit->merits[shape] - doubts[shape]);
}

double habit_start_rate(const struct habit *habit, const struct habit_crowd *crowd, int64_t now_ms)
{
	double shapes[HABIT_SHAPES], best = -INFINITY, sum = 0, density = 0;
	struct outlook look = habit_look(habit, NULL, step_of(now_ms));
	shapes_fill(habit, &look, crowd, now_ms, shapes);
	for (unsigned s = 0; s < HABIT_SHAPES; s++)
		best = fmax(best, credit(habit, s));
	for (unsigned s = 0; s < HABIT_SHAPES; s++) {
		double weight = exp(credit(habit, s) - best);
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
