-- Why a creator's state is what it is: the answers that moved it, or what was being confirmed, or that were held
-- back. The latest of each creator are kept; an answer that changed nothing is only counted.
CREATE TABLE findings (
	key INTEGER NOT NULL PRIMARY KEY,     -- internal; rises with time
	creator_key INTEGER NOT NULL REFERENCES creators (key), -- whose
	answered_at_ms INTEGER NOT NULL,      -- when the answer came
	previous_at_ms INTEGER NOT NULL,      -- the LIVE or OFFLINE answer before it; 0: there was none
	is_live INTEGER NOT NULL,             -- it said LIVE
	room INTEGER NOT NULL,                -- the room that the answer, or the transition, is about
	effect INTEGER NOT NULL,              -- enum finding_effect
	flags INTEGER NOT NULL,               -- enum finding_flag, ored
	told_at_ms INTEGER NOT NULL,          -- of a start or an end: when that was, as it was announced; else 0
	evidence_count INTEGER NOT NULL,      -- answers in the row of evidence, this one included; 0: none was needed
	evidence_wanted INTEGER NOT NULL,     -- how many there must be
	evidence_since_ms INTEGER NOT NULL,   -- the first of them
	evidence_span_ms INTEGER NOT NULL,    -- the time that they must span
	tally INTEGER NOT NULL,               -- what came since the finding before: domain/finding.h says how
	event_id TEXT                         -- of the event that was made; NULL: none
) STRICT;
CREATE INDEX findings_by_creator ON findings (creator_key);

-- What came since the creator's last finding, as in findings.tally.
ALTER TABLE creators ADD COLUMN tally INTEGER NOT NULL DEFAULT 0;
