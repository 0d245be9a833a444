-- What is in flight is known to the process alone; here is only what a crash must not forget of it.

-- Attempts that were begun, so that one that a crash cut off is on record. Not all of them: one whose answer is
-- recorded first is never noted.
CREATE TABLE claims (
	key INTEGER NOT NULL PRIMARY KEY, -- counts up from each start
	claimed_at_ms INTEGER NOT NULL,   -- about when they were begun
	attempts TEXT NOT NULL            -- a JSON array of [key of the delivery, number of the attempt]
) STRICT;

INSERT INTO claims (key, claimed_at_ms, attempts)
	SELECT key, claimed_at_ms, json_array(json_array(key, attempts + 1)) FROM deliveries WHERE stage = 1;
UPDATE deliveries SET stage = CASE status WHEN 0 THEN 0 ELSE 3 END WHERE stage = 1;
DROP INDEX deliveries_in_flight;
ALTER TABLE deliveries DROP COLUMN claimed_at_ms;
