"""The verdict over what a daemon did under faults, from three ledgers: what the upstream was told to say, what the database
holds, and what the receiver recorded. Used by the crash campaign and by the tests of faults.

A world is an upstream, a receiver and a daemon with two webhooks for every creator: /delay/60/a, and /status/500,200/b, whose
first answer to every event is a failure.
"""

import collections
import random
import sqlite3

from golived import Golived, Receiver, Upstream, wait_until

PATHS = ("/delay/60/a", "/status/500,200/b")
DELIVERED = 1


class World:
    def __init__(self, folder, creators=24, seed=0, settings=None, environment=None):
        self.random = random.Random(seed)
        self.handles = [f"creator{i:02}" for i in range(creators)]
        self.upstream = Upstream(folder).start()
        self.receiver = Receiver(folder).start()
        # An attempt that waits out a fault must not run into the end of the schedule.
        settings = {"delivery": {"schedule": "0s, 200ms, 500ms, 1s, 2s, 5s, 10s, 20s"}, "log": {"level": "info"}, **(settings or {})}
        self.golived = Golived(folder, self.upstream, settings, environment)
        self.rooms = collections.defaultdict(set)
        self.live = set()

    def start(self):
        """The first start, up to everybody being known as offline."""
        self.golived.start()
        self.webhooks = [self.golived.register(self.receiver.url(path), creators=self.handles) for path in PATHS]
        self.wait_for_truth()
        return self

    def flip(self, count=1):
        """Some creators go live in a new room, or offline."""
        for handle in self.random.sample(self.handles, count):
            if handle in self.live:
                self.upstream.go_offline(handle)
                self.live.discard(handle)
            else:
                self.rooms[handle].add(self.upstream.go_live(handle))
                self.live.add(handle)

    def wait_for_truth(self, seconds=60):
        """Until the daemon believes what the upstream says, and everything that came of it is delivered."""
        def look():
            status = self.golived.get("/api/status")
            seen = (status["creators"]["live"], status["creators"]["offline"], status["deliveries"]["pending"])
            return seen == (len(self.live), len(self.handles) - len(self.live), 0) and self.seen_live() == self.live and status
        wait_until(look, seconds, f"{sorted(self.live)} are live, the rest is offline, nothing is pending")

    def seen_live(self):
        return {row["unique_id"] for row in self.golived.get("/api/creators?state=live&limit=500")["creators"]}

    def finish(self):
        """Stops the daemon, and gives the verdict: the counts and what is wrong, which is to be nothing."""
        self.wait_for_truth()
        status = self.golived.stop()
        counts, wrong = verdict(self.golived.database, self.receiver.deliveries(), self.rooms)
        if status != 0:
            wrong.append(f"the stop ended with {status}")
        return counts, wrong

    def close(self):
        for program in (self.golived, self.upstream, self.receiver):
            program.kill()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def verdict(path, recorded, rooms):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    events = database.execute("SELECT key, id, type, creator, sequence, room, body FROM events WHERE is_test = 0 ORDER BY key").fetchall()
    deliveries = database.execute("SELECT d.id, w.id, w.target_url, e.id, d.status, d.attempts FROM deliveries d"
                                  " JOIN events e ON e.key = d.event_key JOIN webhooks w ON w.key = d.webhook_key").fetchall()
    wrong = []
    wrong += [f"integrity_check: {row[0]}" for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    wrong += [f"foreign_key_check: {row}" for row in database.execute("PRAGMA foreign_key_check")]
    wrong += wrong_events(events, rooms)
    wrong += wrong_deliveries(events, deliveries)
    wrong += wrong_requests(events, deliveries, recorded)
    wrong += wrong_order(recorded)
    database.close()
    attempts = {(request.headers["x-tiktool-delivery-id"], request.headers["x-tiktool-attempt"]) for request in recorded}
    return {"events": len(events), "deliveries": len(deliveries), "requests": len(recorded),
            "repeated_attempts": len(recorded) - len(attempts)}, wrong


def wrong_events(events, rooms):
    """Starts and ends of a creator alternate, counted without a gap, in rooms that there were."""
    wrong, last = [], collections.defaultdict(lambda: (0, "live.end"))
    kinds = ("live.start", "live.end")  # enum event_type
    for _, event_id, kind, creator, sequence, room, _ in events:
        before, before_kind = last[creator]
        if sequence != before + 1:
            wrong.append(f"{event_id}: sequence {sequence} of {creator} follows {before}")
        if kinds[kind] == before_kind:
            wrong.append(f"{event_id}: two {before_kind} in a row of {creator}")
        if str(room % 2**64) not in rooms[creator]:
            wrong.append(f"{event_id}: {creator} was never in room {room}")
        last[creator] = (sequence, kinds[kind])
    return wrong


def wrong_deliveries(events, deliveries):
    """Every event has one delivery to each webhook, and that was delivered."""
    made = collections.Counter((event_id, webhook) for _, webhook, _, event_id, _, _ in deliveries)
    webhooks = {webhook for _, webhook, _, _, _, _ in deliveries}
    wrong = [f"{count} deliveries of {event_id} to {webhook}" for (event_id, webhook), count in made.items() if count != 1]
    wrong += [f"no delivery of {event[1]} to {webhook}" for event in events for webhook in webhooks if (event[1], webhook) not in made]
    return wrong + [f"{row[0]} ended with status {row[4]} after {row[5]} attempts" for row in deliveries if row[4] != DELIVERED]


def wrong_requests(events, deliveries, recorded):
    """What was received is what was committed, byte for byte, and the other way round."""
    bodies = {event[1]: event[6] for event in events}
    committed = {row[0]: row[3] for row in deliveries}
    answered = {request.headers["x-tiktool-delivery-id"] for request in recorded if request.get("answered") == 200}
    wrong = []
    for request in recorded:
        delivery, event = request.headers["x-tiktool-delivery-id"], request.headers["webhook-id"]
        if committed.get(delivery) != event:
            wrong.append(f"received {delivery} of {event}, which was never committed")
        elif bodies[event] != request["body"]:
            wrong.append(f"received {delivery} with another body than {event} has")
    return wrong + [f"{delivery} is on record as delivered and never arrived" for delivery in committed if delivery not in answered]


def wrong_order(recorded):
    """To one webhook, the events of a creator arrive first in their order."""
    wrong, seen = [], {}
    for request in recorded:
        event = request.event
        key = (request["path"], event["creator"]["unique_id"])
        if event["sequence"] > seen.get(key, 0) + 1:
            wrong.append(f"{event['event_id']} ({event['sequence']} of {key}) arrived before {seen.get(key, 0) + 1}")
        seen[key] = max(seen.get(key, 0), event["sequence"])
    return wrong
