"""kill -9 in the middle of everything: nothing is lost, nothing is invented, and it goes on where it was."""

import collections
import sqlite3

from golived import wait_until

CREATORS = [f"creator{i:03}" for i in range(200)]


def assert_nothing_lost_and_nothing_invented(golived, receiver):
    """Every creator has one live.start, which arrived at least once, each time with the same id and body."""
    events = golived.events()
    assert collections.Counter(event["creator"] for event in events) == collections.Counter(CREATORS)
    assert {event["event"] for event in events} == {"live.start"}
    bodies = collections.defaultdict(set)
    for delivery in receiver.deliveries():
        assert delivery.headers["x-tiktool-attempt"] == "1"  # an attempt cut off keeps its number
        bodies[delivery.headers["webhook-id"]].add(delivery["body"])
    assert set(bodies) == {event["event_id"] for event in events}
    assert all(len(different) == 1 for different in bodies.values())


def test_kill_in_the_middle_of_200_deliveries(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"concurrency_per_webhook": "8"}})
    webhook = golived.register(receiver.url("/delay/100"), event_types=["live.start"], creators=CREATORS)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == len(CREATORS), 20, "everybody was seen offline")
    upstream.script_many(CREATORS, live=True)
    for seen in (20, 70, 120):
        receiver.wait_for(seen, seconds=30)
        golived.kill()
        golived.start()
    wait_until(lambda: golived.get(f"/api/webhooks/{webhook['id']}")["pending"] == 0 and
               len(golived.events()) == len(CREATORS), 40, "all of it is delivered")
    statuses = collections.Counter(delivery["status"] for delivery in golived.deliveries())
    assert statuses == {"delivered": len(CREATORS)}
    assert_nothing_lost_and_nothing_invented(golived, receiver)
    assert golived.stop() == 0
    with sqlite3.connect(golived.database) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_kill_while_lives_come_and_go(start_golived, upstream, receiver):
    """Starts and ends alternate for each creator, in order, however often the daemon is killed meanwhile."""
    golived = start_golived()
    handles = CREATORS[:9]  # fewer than ten flips at once are believed at once
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == len(handles), 20, "everybody was seen offline")
    for round_ in range(4):
        upstream.script_many(handles, live=round_ % 2 == 0)
        receiver.wait_for(9 * round_ + 3, seconds=30)
        golived.kill()
        golived.start()
        state = "live" if round_ % 2 == 0 else "offline"
        wait_until(lambda: golived.get("/api/status")["creators"][state] == len(handles), 20, f"everybody is {state}")
    wait_until(lambda: golived.get("/api/status")["deliveries"]["pending"] == 0, 20, "nothing is pending")
    by_creator = collections.defaultdict(dict)
    for delivery in receiver.deliveries():
        event = delivery.event
        by_creator[event["creator"]["unique_id"]].setdefault(event["sequence"], set()).add((event["event"], event["event_id"]))
    for handle in handles:
        assert sorted(by_creator[handle]) == [1, 2, 3, 4], handle
        kinds = [next(iter(by_creator[handle][sequence]))[0] for sequence in (1, 2, 3, 4)]
        assert kinds == ["live.start", "live.end"] * 2
        assert all(len(ids) == 1 for ids in by_creator[handle].values()), handle
