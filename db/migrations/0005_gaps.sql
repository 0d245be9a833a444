-- When nobody could be checked: the daemon was down, or the service or the store did not let it. The latest are kept.
CREATE TABLE gaps (
	key INTEGER NOT NULL PRIMARY KEY, -- internal; rises with time
	reason INTEGER NOT NULL,          -- enum gap_reason: why
	began_at_ms INTEGER NOT NULL,     -- when it was noticed; of a stop: the last sign of life before
	ended_at_ms INTEGER NOT NULL      -- the first answers after it
) STRICT;
