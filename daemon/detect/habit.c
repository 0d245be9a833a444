#include "detect/habit.h"

/* Starts an hour of the average creator (three a week), ends an hour of the average live, and what
 * a late end weighs against a late start. */
static const double average_start_rate = 3.0 / 168;
static const double average_end_rate = 0.6;
static const double end_weight = 0.3;

double habit_loss(const struct habit *habit, bool is_live, int64_t from_ms, int64_t to_ms)
{
	(void)habit;
	double hours = (double)(to_ms - from_ms) / 3600000.0;
	double rate = is_live ? average_end_rate * end_weight : average_start_rate;
	return rate * hours * hours * hours / 3;
}
