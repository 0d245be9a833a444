#include "domain/finding.h"

#include <assert.h>

static const char *const names[FINDING_EFFECTS] = {
	[FINDING_FIRST_OFFLINE] = "first_offline",
	[FINDING_START] = "start",
	[FINDING_END] = "end",
	[FINDING_END_EVIDENCE] = "end_evidence",
	[FINDING_END_DROPPED] = "end_dropped",
	[FINDING_RESUME_EVIDENCE] = "resume_evidence",
	[FINDING_RESUME_DROPPED] = "resume_dropped",
	[FINDING_ROOM_TOLD] = "room_told",
	[FINDING_HELD] = "held",
	[FINDING_HELD_DROPPED] = "held_dropped",
};

const char *finding_effect_name(enum finding_effect effect)
{
	assert(effect < FINDING_EFFECTS);
	return names[effect];
}

static unsigned one_more(unsigned doubts)
{
	return doubts < TALLY_DOUBT_MAX ? doubts + 1 : doubts;
}

void tally_count(struct tally *tally, enum tally_kind kind)
{
	switch (kind) {
	case TALLY_UNCHANGED:
		tally->unchanged += tally->unchanged < TALLY_UNCHANGED_MAX;
		break;
	case TALLY_MISSING:
		tally->missing = one_more(tally->missing) & TALLY_DOUBT_MAX;
		break;
	case TALLY_UNCLEAR:
		tally->unclear = one_more(tally->unclear) & TALLY_DOUBT_MAX;
		break;
	case TALLY_FAILED:
		tally->failed = one_more(tally->failed) & TALLY_DOUBT_MAX;
		break;
	}
}

int64_t tally_pack(struct tally tally)
{
	return (int64_t)((uint64_t)tally.unchanged | (uint64_t)tally.missing << 32 |
			 (uint64_t)tally.unclear << 42 | (uint64_t)tally.failed << 52);
}

struct tally tally_unpack(int64_t packed)
{
	uint64_t bits = (uint64_t)packed;
	return (struct tally){
		.unchanged = (uint32_t)bits,
		.missing = bits >> 32 & TALLY_DOUBT_MAX,
		.unclear = bits >> 42 & TALLY_DOUBT_MAX,
		.failed = bits >> 52 & TALLY_DOUBT_MAX,
	};
}
