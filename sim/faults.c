#include "sim/faults.h"

#include "base/memory.h"
#include "sim/random.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum sim_fault_stage stage;
	const char *sentence;
} kinds[] = {
#define X(name, text, stage, sentence) [SIM_FAULT_##name] = { text, stage, sentence },
	SIM_FAULTS(X)
#undef X
};

const char *sim_fault_name(enum sim_fault_kind kind)
{
	return kinds[kind].name;
}

const char *sim_fault_sentence(enum sim_fault_kind kind)
{
	return kinds[kind].sentence;
}

enum sim_fault_stage sim_fault_stage(enum sim_fault_kind kind)
{
	return kinds[kind].stage;
}

bool sim_fault_find(const char *name, enum sim_fault_kind *ret_kind)
{
	for (unsigned i = 0; i < SIM_FAULT_KINDS; i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*ret_kind = (enum sim_fault_kind)i;
			return true;
		}
	}
	return false;
}

void sim_fault_init(struct sim_fault *fault, enum sim_fault_kind kind, int64_t now_ms)
{
	*fault = (struct sim_fault){ .kind = kind,
				     .count = -1,
				     .rate = 1,
				     .fraction = 1,
				     .retry_after_s = -1,
				     .batch_max = 1,
				     .ordered_at_ms = now_ms };
}

static void fault_finish(struct sim_fault *fault)
{
	free(fault->body);
}

void sim_faults_finish(struct sim_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		fault_finish(&faults->orders[i]);
	free(faults->orders);
	*faults = (struct sim_faults){ 0 };
}

void sim_faults_add(struct sim_faults *faults, const struct sim_fault *fault)
{
	faults->orders = memory_resized(faults->orders, faults->count + 1, sizeof(*faults->orders));
	faults->orders[faults->count++] = *fault;
}

static void forget_what_is_over(struct sim_faults *faults, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < faults->count; i++) {
		struct sim_fault *fault = &faults->orders[i];
		if (fault->count == 0 || (fault->until_ms != 0 && now_ms >= fault->until_ms))
			fault_finish(fault);
		else
			faults->orders[kept++] = *fault;
	}
	faults->count = kept;
}

static bool holds_handle(const struct sim_fault_subject *subject, const char *handle)
{
	for (size_t i = 0; i < subject->handle_count; i++) {
		if (strcasecmp(subject->handles[i], handle) == 0)
			return true;
	}
	return false;
}

static bool applies(const struct sim_fault *fault, const struct sim_fault_subject *subject)
{
	if (!subject->is_bulk_check &&
	    (!fault->is_for_all_paths || sim_fault_stage(fault->kind) > SIM_AT_STATUS))
		return false;
	if (fault->kind == SIM_FAULT_TOO_LARGE)
		return subject->handle_count > fault->batch_max;
	if (fault->kind == SIM_FAULT_POISON)
		return holds_handle(subject, fault->handle);
	return true;
}

const struct sim_fault *sim_faults_draw(struct sim_faults *faults,
					const struct sim_fault_subject *subject, uint64_t key,
					int64_t now_ms)
{
	forget_what_is_over(faults, now_ms);
	for (size_t i = 0; i < faults->count; i++) {
		struct sim_fault *fault = &faults->orders[i];
		if (!applies(fault, subject) ||
		    sim_random_unit(sim_random_key(key, i)) >= fault->rate)
			continue;
		if (fault->count > 0)
			fault->count--;
		return fault;
	}
	return NULL;
}
