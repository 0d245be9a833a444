/* planner - whom to ask next.
 *
 *   in:   what is known about each creator's checks, the policy
 *   out:  the next batch, or when there will be one
 *   not:  how often one may ask (quota), asking (poller)
 *
 * Pure. Confirmations that are due come first; then those who waited longer than anybody should,
 * those never asked about among them; then the most urgent: with the policy `uniform` those who
 * waited longest, so that everyone has their turn, with `learned` those in whose waiting the most
 * is expected to be lost. Whoever may be asked about fills the batch: places in it are free; and a
 * batch that would be short waits a moment for those who are nearly due.
 */
#ifndef GOLIVED_DETECT_PLANNER_H
#define GOLIVED_DETECT_PLANNER_H

#include "base/config.h"
#include "detect/quota.h"
#include "domain/creator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who may share a batch. */
enum planner_company {
	PLANNER_TOGETHER,
	PLANNER_APART, /* the service keeps silent about them: a batch must not fail for it */
	PLANNER_ALONE, /* the service refuses them */
};

/* What is expected to be lost by not looking, as the integrals over the time since the last answer
 * of the intensity of changes, times the time for which a change has stayed undetected by then, to
 * the powers 0, 1 and 2; in hours. Moved on to at_ms; the rate holds from there. */
struct planner_loss {
	float rate; /* changes an hour: starts, or ends while live; 0: not known, the average */
	float changes, hours, squares;
	int64_t at_ms; /* 0: since the last check */
};

struct planner_entry {
	bool is_waiting; /* to be asked about again: watched, and in no batch now */
	bool is_live;
	bool is_swept; /* asked about since the start */
	enum planner_company company;
	enum creator_priority priority;
	int64_t last_checked_at_ms; /* 0: never */
	int64_t not_before_ms;      /* after a failure; 0: at any time */
	int64_t confirm_at_ms;      /* a confirmation is wanted then; 0: none is */
	int64_t known_since_ms;     /* when it came to be watched, as far as this run knows */
	struct planner_loss loss;
};

struct planner_rules {
	enum config_policy policy;
	int64_t min_interval_ms, max_interval_ms, quarantine_interval_ms;
	int64_t sweep_ms; /* how long it takes to ask about everyone once */
	double haste_h;   /* an expected hour of delay weighs as a squared one times this */
};

/* What haste is best: docs/detection.md has the measurements. */
#define PLANNER_HASTE_H 0.5

struct planner_batch {
	size_t count;
	bool has_confirmation; /* one that is due is in it */
	bool has_first;        /* somebody not yet asked about since the start is in it */
	bool has_late;         /* somebody who has waited for max_interval, or nearly, is in it */
	int64_t next_at_ms;    /* where count is 0: when the next one may be asked about; else when
				  the next confirmation will be due, or somebody late; INT64_MAX:
				  nobody waits */
};

/* Writes the places of up to size entries to picks, the most urgent first. */
void planner_pick(const struct planner_rules *rules, const struct planner_entry *entries,
		  size_t count, size_t size, int64_t now_ms, size_t *picks,
		  struct planner_batch *ret_batch);

/* As planner_pick(), but writes up to depth places, size or more: those of several batches. Whether
 * a batch is full goes by size. More than size come only of those who may share a batch. */
void planner_line_up(const struct planner_rules *rules, const struct planner_entry *entries,
		     size_t count, size_t size, size_t depth, int64_t now_ms, size_t *places,
		     struct planner_batch *ret_batch);

/* May the entry be asked about now, together with others? */
bool planner_may_join(const struct planner_rules *rules, const struct planner_entry *entry,
		      int64_t now_ms);
/* One more in the batch. */
void planner_batch_add(struct planner_batch *batch, const struct planner_rules *rules,
		       const struct planner_entry *entry, int64_t now_ms);
/* What its request is for, which says how long it has to wait. */
enum quota_use planner_batch_use(const struct planner_batch *batch);

/* How much a creator counts, compared with others. */
double planner_weight(enum creator_priority priority);

/* From now on changes are expected at another rate. */
void planner_expect(struct planner_entry *entry, double rate, int64_t now_ms);
/* The creator's state is known as of now: nothing is lost yet. The rate stays. */
void planner_settle(struct planner_entry *entry, int64_t now_ms);

/* The wall clock was set by so much: every time moves with it. */
void planner_move(struct planner_entry *entry, int64_t by_ms);

/* When the next check of somebody is wished for: what the API shows, and from when on they lag. */
int64_t planner_due_at_ms(const struct planner_rules *rules, const struct planner_entry *entry);

/* How long it takes to ask about count creators in batches of size, one each pace. */
int64_t planner_sweep_ms(size_t count, size_t size, int64_t pace_ms, int64_t min_interval_ms);

#endif
