"""A database of version 1, as the first released program left it, and kills at the calls by which the daemon upgrades it."""

import itertools
import pathlib
import signal
import sqlite3

from golived import Golived, Program, wait_until

MIGRATIONS = sorted((pathlib.Path(__file__).resolve().parents[2] / "db/migrations").glob("*.sql"))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WRITES = ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "link", "write"]
ROWS = f"""
INSERT INTO creators (key, handle, is_watched, change) VALUES (1, 'ann', 1, 1);
INSERT INTO sessions (key, creator_key, room, started_at_ms, started_source, observed_at_ms)
    VALUES (1, 1, 7, 1781784000000, 1, 1781784000000);
INSERT INTO webhooks (key, id, target_url, event_types, watches_all, rate_limit, is_active, created_at_ms)
    VALUES (1, 'wh_old', 'http://127.0.0.1:9/', 3, 1, 0, 1, 1);
INSERT INTO webhook_secrets (webhook_key, secret) VALUES (1, '{SECRET}');
INSERT INTO webhook_health (webhook_key, pending) VALUES (1, 200);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO events (key, id, type, creator, creator_key, session_key, occurred_at_ms, sequence, room, is_test, is_listed, body)
    SELECT i, 'evt_' || i, i & 1, 'ann', 1, CASE i WHEN 1 THEN 1 END, 1781784000000, i, 7, 0, 1, printf('{{"old":"%0400d"}}', i) FROM n;
INSERT INTO deliveries (id, webhook_key, event_key, creator, kind, status, stage, is_unanswered, due_at_ms, created_at_ms)
    SELECT 'del_' || key, 1, key, 'ann', 0, 0, 0, 1, 4102444800000, 1781784000000 FROM events;
PRAGMA user_version = 1;
"""


def make_version_1(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(MIGRATIONS[0].read_text() + ROWS)
    database.close()
    path.chmod(0o600)


def what_is_wrong_with(path):
    """It is of the old version or of the new one, whole, with every row."""
    database = sqlite3.connect(path)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    wrong = [] if version in (1, len(MIGRATIONS)) else [f"it is of version {version}"]
    wrong += [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    wrong += [f"foreign_key_check: {row}" for row in database.execute("PRAGMA foreign_key_check")]
    counts = database.execute("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM deliveries), (SELECT count(*) FROM webhook_secrets)")
    rows = counts.fetchone()
    database.close()
    return version, wrong + ([] if rows == (200, 200, 1) else [f"events, deliveries, secrets: {rows}"])


def start(golived):
    """Returns whether it came up; else it has ended."""
    Program.start(golived)
    return wait_until(lambda: "admin api listening" in golived.output() or not golived.is_running(), 30, "a start, or its end") and \
        golived.is_running()


def kill_at(folder, syscall, k):
    """An upgrade killed at that call, and the start after it. (whether it was, what is wrong, the version that was left)"""
    # The leak check of the sanitized build does not work under strace.
    golived = Golived(folder, environment={"ASAN_OPTIONS": "detect_leaks=0"})
    plain = golived.arguments
    make_version_1(golived.database)
    golived.arguments = ["strace", "-D", "-f", "-o", "/dev/null", "-e", f"trace={syscall}",
                         "-e", f"inject={syscall}:signal=KILL:when={k}", *plain]
    if start(golived):
        golived.kill()
        return False, [], len(MIGRATIONS)
    struck = golived.process.wait() == -signal.SIGKILL
    wrong = [] if struck else [f"it ended with {golived.process.returncode}: {golived.output()[-500:]}"]
    left, more = what_is_wrong_with(golived.database)
    golived.arguments = plain
    golived.log.unlink()
    if not start(golived):
        return struck, wrong + more + [f"the next start fails: {golived.output()[-500:]}"], left
    golived.kill()
    version, after = what_is_wrong_with(golived.database)
    after += [] if version == len(MIGRATIONS) else [f"the next start left it at version {version}"]
    for file in folder.glob("golived.db*"):
        if "version" not in file.name and SECRET.encode() in file.read_bytes():
            after.append(f"{file.name} has the old secret, readable")
    return struck, wrong + more + after, left


def kill_everywhere(folder, every=1, report=lambda text: None):
    """An upgrade killed at each (or at every so many) of the calls that write. (kills by the version left, what is wrong)"""
    struck, wrong = {1: 0, len(MIGRATIONS): 0}, []
    for syscall in WRITES:
        for k in itertools.count(1, every):
            fresh = folder / f"{syscall}{k}"
            fresh.mkdir()
            was_killed, problems, left = kill_at(fresh, syscall, k)
            wrong += [f"{syscall} {k}: {problem}" for problem in problems]
            if not was_killed:
                break
            struck[left] = struck.get(left, 0) + 1
        report(f"{syscall} of an upgrade: up to {k}")
    return struck, wrong
