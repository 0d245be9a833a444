/* habit - when a creator is likely to go live, and how soon a live is likely to end, from the lives
 * seen so far.
 *
 *   in:   starts and ends of lives, in the order of time
 *   out:  the intensity of starts at a time, and of the end of a live that goes on
 *   not:  keeping lives over a restart (db: they are the sessions), what follows for whom to ask
 *         (planner)
 *
 * Pure. A habit keeps the last starts themselves, each to five minutes, rather than a histogram:
 * that is finer than an hour and smaller than 168 numbers. From them come several shapes of a week:
 *
 *   flat         at any time alike
 *   crowd        as all creators together (hour of the week)
 *   own          as all creators by the hours of their own day, its middle being where their starts
 *                are: who lives elsewhere is up at other hours, but lives alike
 *   part         the own part of the day, some hours of it
 *   day          the own time of day
 *   week         the own time of the week, leaning on the own time of day where little is known
 *   lately       as `week`, but what is older than two weeks hardly counts: habits move
 *   moved        as `week`, with all that is older moved as the crowd's habits have moved together
 *                (clocks changed); the same as `week` until then
 *
 * Each has some of `flat` mixed in, and they are mixed by how well each foretold the starts that
 * came, the late ones counting most; so a creator without habits is not believed to have any.
 */
#ifndef GOLIVED_DETECT_HABIT_H
#define GOLIVED_DETECT_HABIT_H

#include <stdint.h>

enum habit_shape {
	HABIT_FLAT,
	HABIT_CROWD,
	HABIT_OWN,
	HABIT_PART,
	HABIT_DAY,
	HABIT_WEEK,
	HABIT_LATELY,
	HABIT_MOVED,
	HABIT_SHAPES,
};

enum { HABIT_STARTS = 24, HABIT_HOURS = 168, HABIT_OWN_HOURS = 24, HABIT_MOVES = 24 };

/* All zero: nothing is known. */
struct habit {
	uint16_t
		starts[HABIT_STARTS]; /* in steps of five minutes since 1970, modulo 2^16; a ring */
	uint8_t count, next;
	uint32_t since_hour;        /* watched since, in hours since 1970; 0: not known */
	float merits[HABIT_SHAPES]; /* logarithms: how well each shape foretold */
	float log_hours;            /* the mean logarithm of the hours that lives last */
	float lives;                /* how much that mean is based on */
};

/* What all creators have in common. All zero: nothing is known. */
struct habit_crowd {
	double hours[HABIT_HOURS]; /* weighted starts in each hour of the week */
	double total;
	double own_hours[HABIT_OWN_HOURS]; /* the same by the hour of each one's own day */
	double own_total;
	double moves[HABIT_MOVES]; /* logarithms: how much better habits moved by so many hours
				      foretold the last starts */
	int64_t moved_step;        /* habits moved then, in steps of five minutes since 1970 */
	int moved_by;              /* steps; 0: they never did */
};

/* The creator is watched since then; an earlier time that is known already stays. */
void habit_watch(struct habit *habit, int64_t since_ms);

/* A live started, or one that lasted so long has ended. */
void habit_learn_start(struct habit *habit, struct habit_crowd *crowd, int64_t started_at_ms);
void habit_learn_end(struct habit *habit, int64_t lasted_ms);

/* Drops what is too old to be told from what is new: to be called every few weeks at least. */
void habit_forget(struct habit *habit, int64_t now_ms);

/* Starts an hour to be expected now, while offline. */
double habit_start_rate(const struct habit *habit, const struct habit_crowd *crowd, int64_t now_ms);

/* Ends an hour to be expected of a live that has lasted so long. */
double habit_end_rate(const struct habit *habit, int64_t live_for_ms);

#endif
