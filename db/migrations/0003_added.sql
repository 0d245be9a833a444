-- When the creator was first named; habits are learned against the time in which they could have shown.
ALTER TABLE creators ADD COLUMN added_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE creators SET added_at_ms = coalesce(
	(SELECT min(s.started_at_ms) FROM sessions s WHERE s.creator_key = creators.key),
	unixepoch() * 1000);
