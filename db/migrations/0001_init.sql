-- The first schema. Times are Unix milliseconds in UTC; a `key` is internal and never leaves db/,
-- an `id` is what the outside knows; flags are 0 or 1; a room is a 64-bit number kept as its signed
-- twin, 0 where none is known. Enumerations are those of domain/ and db/*.h, by value.

-- "golv": tells a file of ours from any other SQLite database.
PRAGMA application_id = 1735355510;

-- Small facts that outlive a restart.
CREATE TABLE facts (
	name TEXT NOT NULL PRIMARY KEY, -- what it is: "batch_size", "tier", …
	value INTEGER NOT NULL          -- what it was last set to
) STRICT, WITHOUT ROWID;

-- What is counted per UTC day.
CREATE TABLE days (
	day INTEGER NOT NULL PRIMARY KEY,              -- days since 1970-01-01
	upstream_requests INTEGER NOT NULL DEFAULT 0,  -- requests sent to the upstream service
	delivered INTEGER NOT NULL DEFAULT 0           -- deliveries that were delivered, tests aside
) STRICT;

-- Everybody who is or was ever watched. Rows stay: who is watched again goes on with what was
-- known, so that nothing old is announced as new.
CREATE TABLE creators (
	key INTEGER NOT NULL PRIMARY KEY,            -- internal
	handle TEXT NOT NULL UNIQUE,                 -- the name, as domain/handle makes it
	is_watched INTEGER NOT NULL DEFAULT 0,       -- a webhook or a watchlist names it
	priority INTEGER NOT NULL DEFAULT 1,         -- the highest of its watchlists, else normal
	change INTEGER NOT NULL,                     -- grows with each change of the two before, over all creators
	quarantined_at_ms INTEGER,                   -- since when the service refuses the handle; NULL: it does not
	last_checked_at_ms INTEGER NOT NULL DEFAULT 0, -- when it was last asked about; 0: never
	next_check_at_ms INTEGER NOT NULL DEFAULT 0, -- when it is to be asked about next; 0: not planned yet
	status INTEGER NOT NULL DEFAULT 0,           -- enum creator_status
	room INTEGER NOT NULL DEFAULT 0,             -- while live: the room
	ended_room INTEGER NOT NULL DEFAULT 0,       -- the last room that ended
	live_since_ms INTEGER NOT NULL DEFAULT 0,    -- while live: the start as it was announced
	started_source INTEGER NOT NULL DEFAULT 0,   -- enum event_start_source of that
	answered_at_ms INTEGER NOT NULL DEFAULT 0,   -- the last LIVE or OFFLINE answer; 0: never
	evidence INTEGER NOT NULL DEFAULT 0,         -- enum creator_evidence: what is being confirmed
	evidence_count INTEGER NOT NULL DEFAULT 0,   -- answers in that row of evidence
	evidence_since_ms INTEGER NOT NULL DEFAULT 0, -- the first of them
	sequence INTEGER NOT NULL DEFAULT 0          -- of the creator's last event; 0: none yet
) STRICT;
CREATE UNIQUE INDEX creators_by_change ON creators (change);
CREATE INDEX creators_by_status ON creators (status, handle) WHERE is_watched = 1;
CREATE INDEX creators_quarantined ON creators (handle)
	WHERE is_watched = 1 AND quarantined_at_ms IS NOT NULL;

-- The lives of a creator.
CREATE TABLE sessions (
	key INTEGER NOT NULL PRIMARY KEY,   -- internal; rises with time
	creator_key INTEGER NOT NULL REFERENCES creators (key), -- whose
	room INTEGER NOT NULL,              -- the room
	started_at_ms INTEGER NOT NULL,     -- the start as it was announced
	started_source INTEGER NOT NULL,    -- enum event_start_source of that
	observed_at_ms INTEGER NOT NULL,    -- when it was first seen
	ended_at_ms INTEGER,                -- NULL: still live
	end_reason INTEGER NOT NULL DEFAULT 0 -- enum event_end_reason, once it has ended
) STRICT;
CREATE INDEX sessions_by_creator ON sessions (creator_key);
CREATE UNIQUE INDEX sessions_open ON sessions (creator_key) WHERE ended_at_ms IS NULL;
CREATE INDEX sessions_by_end ON sessions (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

-- Named lists of creators.
CREATE TABLE watchlists (
	key INTEGER NOT NULL PRIMARY KEY, -- internal
	name TEXT NOT NULL UNIQUE,        -- as in URLs
	priority INTEGER NOT NULL,        -- enum creator_priority
	created_at_ms INTEGER NOT NULL,   -- when it was first put
	updated_at_ms INTEGER NOT NULL    -- when it was last put or changed
) STRICT;

-- Who is in a watchlist.
CREATE TABLE watchlist_creators (
	watchlist_key INTEGER NOT NULL REFERENCES watchlists (key), -- which list
	creator_key INTEGER NOT NULL REFERENCES creators (key),     -- who
	PRIMARY KEY (watchlist_key, creator_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX watchlists_by_creator ON watchlist_creators (creator_key);

-- The endpoints. One that was deleted keeps its row (without what is secret) as long as something
-- refers to it.
CREATE TABLE webhooks (
	key INTEGER NOT NULL PRIMARY KEY,  -- internal
	id TEXT NOT NULL UNIQUE,           -- wh_…
	target_url TEXT NOT NULL,          -- where events are posted to
	event_types INTEGER NOT NULL,      -- a bit for each enum event_type that it wants
	watches_all INTEGER NOT NULL,      -- it names neither creators nor watchlists: it gets everybody's events
	name TEXT,                         -- the client's; NULL: not set
	description TEXT,                  -- the client's; NULL: not set
	bearer_token TEXT,                 -- sent in Authorization; NULL: none
	extra_headers TEXT,                -- a JSON object of strings; NULL: none
	rate_limit REAL NOT NULL,          -- attempts a second; 0: none
	is_active INTEGER NOT NULL,        -- gets new deliveries, and has its pending ones attempted
	disabled_reason TEXT NOT NULL DEFAULT '', -- why we deactivated it ("gone"); empty: we did not
	created_at_ms INTEGER NOT NULL,    -- when it was registered
	deleted_at_ms INTEGER,             -- when it was deleted; NULL: it exists
	is_swept INTEGER NOT NULL DEFAULT 0 -- deleted, and nothing of it is pending any more
) STRICT;
CREATE INDEX webhooks_active ON webhooks (watches_all) WHERE is_active = 1 AND deleted_at_ms IS NULL;
CREATE INDEX webhooks_deleted ON webhooks (is_swept) WHERE deleted_at_ms IS NOT NULL;

-- Creators that a webhook names.
CREATE TABLE webhook_creators (
	webhook_key INTEGER NOT NULL REFERENCES webhooks (key), -- which webhook
	creator_key INTEGER NOT NULL REFERENCES creators (key), -- whom it names
	PRIMARY KEY (webhook_key, creator_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_creator ON webhook_creators (creator_key);

-- Watchlists that a webhook names.
CREATE TABLE webhook_watchlists (
	webhook_key INTEGER NOT NULL REFERENCES webhooks (key),     -- which webhook
	watchlist_key INTEGER NOT NULL REFERENCES watchlists (key), -- which list it names
	PRIMARY KEY (webhook_key, watchlist_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_watchlist ON webhook_watchlists (watchlist_key);

-- Signing secrets, several during a rotation; the later the key, the newer.
CREATE TABLE webhook_secrets (
	key INTEGER NOT NULL PRIMARY KEY, -- internal; rises with time
	webhook_key INTEGER NOT NULL REFERENCES webhooks (key), -- whose
	secret TEXT NOT NULL,             -- whsec_…, as it was shown once
	expires_at_ms INTEGER             -- from then on it signs no more; NULL: it is the current one
) STRICT;
CREATE INDEX secrets_by_webhook ON webhook_secrets (webhook_key);
CREATE INDEX secrets_by_expiry ON webhook_secrets (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- How a webhook is doing, kept with every change so that nothing has to be counted. Apart from
-- webhooks, whose rows are wide and rarely written.
CREATE TABLE webhook_health (
	webhook_key INTEGER NOT NULL PRIMARY KEY REFERENCES webhooks (key), -- whose
	day INTEGER NOT NULL DEFAULT 0,             -- the UTC day that delivered_that_day is about
	delivered_that_day INTEGER NOT NULL DEFAULT 0, -- deliveries delivered, tests aside
	last_attempt_at_ms INTEGER NOT NULL DEFAULT 0, -- start of the last attempt, tests included; 0: none yet
	last_status_code INTEGER NOT NULL DEFAULT 0, -- of that attempt; 0: no answer
	last_error TEXT NOT NULL DEFAULT '',        -- of that attempt; empty: it was a success
	fail_streak INTEGER NOT NULL DEFAULT 0,     -- failed attempts since the last success, tests aside
	pending INTEGER NOT NULL DEFAULT 0,         -- deliveries pending, tests aside
	dead INTEGER NOT NULL DEFAULT 0             -- deliveries dead, tests aside
) STRICT;

-- What was detected, with the bodies that are sent.
CREATE TABLE events (
	key INTEGER NOT NULL PRIMARY KEY,  -- internal
	id TEXT NOT NULL UNIQUE,           -- evt_…; sorts by the time of its making
	type INTEGER NOT NULL,             -- enum event_type
	creator TEXT NOT NULL,             -- the creator's handle
	creator_key INTEGER REFERENCES creators (key), -- the creator; NULL: a test about somebody who is not watched
	session_key INTEGER REFERENCES sessions (key), -- the live it is about; NULL: a test
	occurred_at_ms INTEGER NOT NULL,   -- when it happened
	sequence INTEGER NOT NULL,         -- counts up per creator; 0: a test
	room INTEGER NOT NULL,             -- the room
	is_test INTEGER NOT NULL,          -- synthetic, or of a webhook's test
	is_listed INTEGER NOT NULL,        -- 0: it only carries the body of a webhook's test
	body TEXT NOT NULL                 -- JSON, sent as it is
) STRICT;
-- A live starts once and ends once, whatever crashes.
CREATE UNIQUE INDEX events_once ON events (session_key, type) WHERE session_key IS NOT NULL;
CREATE INDEX events_by_creator ON events (creator, id);
CREATE INDEX events_by_time ON events (occurred_at_ms);

-- The outbox: one event on its way to one webhook. What is old is only read through indexes that
-- leave it out, so that work costs the same whatever the history.
CREATE TABLE deliveries (
	key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- internal; rises with id; never reused, as marks rely on it
	id TEXT NOT NULL UNIQUE,            -- del_…
	webhook_key INTEGER NOT NULL REFERENCES webhooks (key), -- to whom
	event_key INTEGER NOT NULL REFERENCES events (key),     -- what
	creator TEXT NOT NULL,              -- the event's creator, for the order of first attempts
	kind INTEGER NOT NULL,              -- enum delivery_kind
	status INTEGER NOT NULL,            -- enum delivery_status: what the outside sees
	stage INTEGER NOT NULL,             -- enum delivery_stage (db/outbox.h): what the dispatcher may do with it
	is_unanswered INTEGER NOT NULL,     -- a normal one whose first attempt has had no answer: later ones of the creator wait
	due_at_ms INTEGER NOT NULL,         -- when the next attempt may start
	attempts INTEGER NOT NULL DEFAULT 0, -- attempts made, those that we broke off aside
	claimed_at_ms INTEGER NOT NULL DEFAULT 0, -- in flight: since when
	created_at_ms INTEGER NOT NULL,     -- when it was enqueued
	settled_at_ms INTEGER,              -- when it was delivered, dead or cancelled; NULL: pending
	replay_of TEXT,                     -- id of the delivery that this repeats; NULL: none
	last_status_code INTEGER NOT NULL DEFAULT 0, -- of the last attempt; 0: no answer, or no attempt
	last_error TEXT                     -- of the last attempt; NULL: no error, or no attempt
) STRICT;
-- A lane: what is claimable, by the time it is due.
CREATE INDEX deliveries_due ON deliveries (webhook_key, kind, due_at_ms) WHERE stage = 0 AND kind <> 2;
CREATE INDEX deliveries_due_tests ON deliveries (due_at_ms) WHERE stage = 0 AND kind = 2;
CREATE INDEX deliveries_in_flight ON deliveries (stage) WHERE stage = 1;
CREATE INDEX deliveries_unanswered ON deliveries (webhook_key, creator) WHERE is_unanswered = 1;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_key);
CREATE INDEX deliveries_by_event ON deliveries (event_key, webhook_key);
-- Most are delivered: the others are few, and what people look for.
CREATE INDEX deliveries_by_status ON deliveries (status) WHERE status <> 1;
CREATE INDEX deliveries_by_webhook_status ON deliveries (webhook_key, status) WHERE status <> 1;
CREATE INDEX deliveries_by_age ON deliveries (status, settled_at_ms) WHERE status <> 0;

-- Every attempt at a delivery. One that was broken off and made again has the same number twice.
CREATE TABLE attempts (
	delivery_key INTEGER NOT NULL REFERENCES deliveries (key) ON DELETE CASCADE, -- at what
	position INTEGER NOT NULL,       -- 1, 2, … in the order in which they were recorded
	attempt INTEGER NOT NULL,        -- its number as the receiver sees it
	started_at_ms INTEGER NOT NULL,  -- when it started
	duration_ms INTEGER NOT NULL,    -- all in; -1: not known
	dns_ms INTEGER NOT NULL,         -- until the name was resolved; -1: not reached
	connect_ms INTEGER NOT NULL,     -- until connected; -1: not reached
	tls_ms INTEGER NOT NULL,         -- until the handshake was done; -1: not reached
	first_byte_ms INTEGER NOT NULL,  -- until the first byte of the answer; -1: not reached
	status_code INTEGER NOT NULL,    -- 0: none
	error TEXT,                      -- class of the failure; NULL: a success
	error_detail TEXT,               -- a phrase for people; NULL: none
	peer_address TEXT,               -- who was connected to; NULL: nobody
	response BLOB,                   -- the beginning of the answer's body; NULL: none
	PRIMARY KEY (delivery_key, position)
) STRICT, WITHOUT ROWID;

-- Deliveries that were pruned before their event: it is not missing at that webhook.
CREATE TABLE past_deliveries (
	event_key INTEGER NOT NULL REFERENCES events (key) ON DELETE CASCADE, -- what
	webhook_key INTEGER NOT NULL, -- to whom; the webhook may be gone
	PRIMARY KEY (event_key, webhook_key)
) STRICT, WITHOUT ROWID;

-- Bulk replays.
CREATE TABLE replays (
	key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- internal; rises with time
	id TEXT NOT NULL UNIQUE,          -- rep_…
	webhook_key INTEGER NOT NULL REFERENCES webhooks (key), -- to whom
	state INTEGER NOT NULL,           -- enum replay_state
	is_missing INTEGER NOT NULL,      -- its items are events, not deliveries
	matched INTEGER NOT NULL,         -- how many it is about
	replayed INTEGER NOT NULL DEFAULT 0, -- how many of them were enqueued
	created_at_ms INTEGER NOT NULL    -- when it was asked for
) STRICT;
CREATE INDEX replays_by_state ON replays (state);
CREATE INDEX replays_by_webhook ON replays (webhook_key);

-- What a replay has yet to enqueue: fixed when it is asked for, taken away as it is worked off.
CREATE TABLE replay_items (
	replay_key INTEGER NOT NULL REFERENCES replays (key), -- of which replay
	item_key INTEGER NOT NULL, -- key of a delivery, or of an event if the replay is about missing ones
	PRIMARY KEY (replay_key, item_key)
) STRICT, WITHOUT ROWID;

-- Keys of the admin API that were made through it.
CREATE TABLE api_keys (
	key INTEGER NOT NULL PRIMARY KEY, -- internal
	id TEXT NOT NULL UNIQUE,          -- key_…
	name TEXT NOT NULL,               -- the client's
	scope INTEGER NOT NULL,           -- enum api_scope
	digest BLOB NOT NULL UNIQUE,      -- SHA-256 of the key; the key itself is not kept
	created_at_ms INTEGER NOT NULL,   -- when it was made
	last_used_at_ms INTEGER NOT NULL DEFAULT 0 -- about when it was last used; 0: never
) STRICT;

-- Who changed what.
CREATE TABLE audit (
	key INTEGER NOT NULL PRIMARY KEY, -- internal
	id TEXT NOT NULL UNIQUE,          -- aud_…
	at_ms INTEGER NOT NULL,           -- when
	actor TEXT NOT NULL,              -- the key's name, or where it came from
	action TEXT NOT NULL,             -- "webhook.create", …
	subject TEXT NOT NULL,            -- the id or name it was done to
	detail TEXT                       -- a JSON object, never with a secret; NULL: none
) STRICT;

-- What requests with an Idempotency-Key were answered, for a day.
CREATE TABLE idempotency (
	key INTEGER NOT NULL PRIMARY KEY, -- internal
	scope TEXT NOT NULL,              -- who asked
	name TEXT NOT NULL,               -- the header's value
	request_digest BLOB NOT NULL,     -- SHA-256 of method, path and body
	status INTEGER NOT NULL,          -- of the answer
	body BLOB NOT NULL,               -- of the answer
	created_at_ms INTEGER NOT NULL,   -- when it was given
	UNIQUE (scope, name)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at_ms);
