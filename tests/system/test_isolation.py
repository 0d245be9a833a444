"""A webhook that is slow or dead delays no other; one creator's events stay in order."""

import time

from golived import wait_until

HANDLES = [f"creator{i:02}" for i in range(9)]


def test_a_hanging_endpoint_delays_nobody(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"timeout": "10s", "concurrency": "20", "concurrency_per_webhook": "4"}})
    for i in range(4):
        golived.register(receiver.url(f"/hang/{i}"), creators=HANDLES)
    golived.register(receiver.url("/ok"), creators=HANDLES)
    for handle in HANDLES:
        golived.wait_for_state(handle, "offline")
    went_live_at_ms = time.time() * 1000
    upstream.script_many(HANDLES, live=True)
    delivered = receiver.wait_for(9, "/ok", seconds=8)
    for delivery in delivered:
        assert delivery["received_at_ms"] - went_live_at_ms < 3000


def test_a_hanging_endpoint_holds_no_more_than_its_share(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"timeout": "10s", "concurrency_per_webhook": "3"}})
    golived.register(receiver.url("/hang"), creators=HANDLES)
    for handle in HANDLES:
        golived.wait_for_state(handle, "offline")
    upstream.script_many(HANDLES, live=True)
    receiver.wait_for(3, "/hang")
    time.sleep(1)
    assert len(receiver.deliveries("/hang")) == 3


def test_first_attempts_of_one_creator_keep_their_order(golived, upstream, receiver):
    """Each after the one before it has had its answer, though the receiver is slow."""
    golived.register(receiver.url("/delay/700"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    for _ in range(4):
        upstream.go_live("ann")  # another room each time
        upstream.wait_for_checks("ann", more=2)
    deliveries = receiver.wait_for(7, seconds=30)
    assert [delivery.event["sequence"] for delivery in deliveries] == [1, 2, 3, 4, 5, 6, 7]
    for before, after in zip(deliveries, deliveries[1:]):
        assert after["received_at_ms"] - before["received_at_ms"] >= 690


def test_a_failing_first_event_does_not_hold_up_the_next(golived, upstream, receiver):
    """Retries hold up nothing."""
    golived.register(receiver.url("/status/500,500,200"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    receiver.wait_for(1)
    upstream.go_live("ann")
    wait_until(lambda: {delivery.event["sequence"] for delivery in receiver.deliveries()} >= {1, 2, 3}, 10,
               "all three events arrived")
    assert golived.get("/api/status")["deliveries"]["dead"] == 0


def test_a_rate_limit_spaces_attempts_evenly(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=HANDLES, rate_limit=4)
    for handle in HANDLES:
        golived.wait_for_state(handle, "offline")
    upstream.script_many(HANDLES, live=True)
    times = [delivery["received_at_ms"] for delivery in receiver.wait_for(9)]
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert all(gap >= 200 for gap in gaps), gaps
