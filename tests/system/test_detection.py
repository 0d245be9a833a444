"""From answers to events: first sight, confirmations, rooms, and every shape in which the upstream answers."""

import time

import pytest

from golived import Golived, Upstream, wait_until


def kinds(golived):
    return [event["event"] for event in sorted(golived.events(), key=lambda event: event["event_id"])]


@pytest.mark.parametrize("shape", ["array", "field", "map", "results"])
def test_every_shape_of_answer_is_understood(tmp_path, receiver, shape):
    with Upstream(tmp_path, "--shape", shape) as upstream, Golived(tmp_path, upstream) as golived:
        golived.register(receiver.url("/ok"), creators=["ann", "bob"])
        golived.wait_for_state("ann", "offline")
        room = upstream.go_live("ann")
        start = receiver.wait_for(1)[0].event["live"]
        if shape == "map":  # it tells no rooms
            assert (start["room_id"], start["started_at_source"]) == (None, "observed")
        else:
            assert (start["room_id"], start["started_at_source"]) == (room, "room_id")
        upstream.go_offline("ann")
        end = receiver.wait_for(2)[1].event
        assert (end["event"], end["live"]["room_id"]) == ("live.end", start["room_id"])
        assert golived.creator("bob")["state"] == "offline"


@pytest.mark.parametrize("first_sight, seconds_old, is_announced", [
    ("announce", 3600, True), ("silent", 5, False), ("recent", 5, True), ("recent", 3600, False)])
def test_a_creator_who_is_live_at_first_sight(start_golived, upstream, receiver, first_sight, seconds_old, is_announced):
    upstream.go_live("ann", started_seconds_ago=seconds_old)
    golived = start_golived({"poll": {"first_sight": first_sight}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "live")
    upstream.go_offline("ann")
    golived.wait_for_state("ann", "offline")
    wanted = ["live.start", "live.end"] if is_announced else ["live.end"]
    deliveries = receiver.wait_for(len(wanted))
    assert [delivery.event["event"] for delivery in deliveries] == wanted
    assert seconds_old <= deliveries[-1].event["live"]["duration_seconds"] <= seconds_old + 20


def test_recent_needs_a_room_that_tells_its_time(start_golived, upstream, receiver):
    upstream.go_live("ann", room_id="12345")
    golived = start_golived({"poll": {"first_sight": "recent"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "live")
    upstream.wait_for_checks("ann")
    assert golived.events() == []


def test_a_live_that_flickers_has_not_ended(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"end_confirmations": "3", "end_grace": "2s"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    receiver.wait_for(1)
    for _ in range(2):
        upstream.go_offline("ann")
        upstream.wait_for_checks("ann", more=1)
        upstream.go_live("ann", room_id=room)
        upstream.wait_for_checks("ann", more=2)
    time.sleep(2)
    assert kinds(golived) == ["live.start"]


def test_an_end_is_dated_by_its_first_offline_answer(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"end_grace": "2s"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    receiver.wait_for(1)
    upstream.go_offline("ann")
    went_at = time.time()
    end = receiver.wait_for(2)[1]
    assert end["received_at_ms"] / 1000 - went_at >= 1.9, "the end came before end_grace was over"
    ended_at = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(went_at))
    assert end.event["live"]["ended_at"] < end.event["occurred_at"]
    assert end.event["live"]["ended_at"][:16] in (ended_at, time.strftime("%Y-%m-%dT%H:%M", time.gmtime(went_at + 2)))


def test_a_room_that_ended_resumes_only_when_confirmed(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"end_confirmations": "3", "end_grace": "1s"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    golived.wait_for_state("ann", "live")
    upstream.go_offline("ann")
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann", room_id=room)  # one stale answer
    upstream.wait_for_checks("ann", more=1)
    upstream.go_offline("ann")
    upstream.wait_for_checks("ann", more=4)
    assert kinds(golived) == ["live.start", "live.end"]
    upstream.go_live("ann", room_id=room)
    resumed = receiver.wait_for(3)[2].event
    assert (resumed["event"], resumed["live"]["room_id"], resumed["live"]["resumed"]) == ("live.start", room, True)


def test_a_room_id_beyond_two_to_the_53_keeps_its_digits(golived, upstream, receiver):
    upstream.fault("rows_room_number")
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    assert receiver.wait_for(1)[0].event["live"]["room_id"] == room


def test_few_missing_rows_leave_the_others_good(golived, upstream, receiver):
    handles = [f"creator{i:02}" for i in range(20)]
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 20, 20, "everybody was seen")
    upstream.fault("rows_missing", fraction=0.15)
    upstream.script_many(handles[:5], live=True)
    assert {delivery.event["creator"]["unique_id"] for delivery in receiver.wait_for(5)} == set(handles[:5])


def test_many_missing_rows_make_the_whole_answer_void(golived, upstream, receiver):
    handles = [f"creator{i:02}" for i in range(20)]
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 20, 20, "everybody was seen")
    upstream.fault("rows_missing", fraction=0.25, count=1)
    upstream.script_many(handles[:5], live=True)
    wait_until(lambda: upstream.stats()["faults"].get("rows_missing") == 1, 20, "such an answer")
    time.sleep(0.2)  # the next check is half a second away
    assert golived.events() == []
    receiver.wait_for(5)


def test_who_is_in_no_list_any_more_is_not_asked_for(golived, upstream, receiver):
    golived.watch("shop", ["ann", "bob"])
    golived.register(receiver.url("/ok"))
    golived.wait_for_state("bob", "offline")
    assert golived.call("PATCH", "/api/watchlists/shop", {"remove": ["bob"], "add": ["carol"]}).status == 200
    golived.wait_for_state("carol", "offline")
    upstream.wait_for_checks("ann", more=2)
    asked = upstream.asks("bob")
    upstream.wait_for_checks("ann", more=3)
    assert upstream.asks("bob") == asked


def test_a_live_of_somebody_nobody_listens_to_is_still_an_event(golived, upstream):
    golived.watch("shop", ["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    golived.wait_for_state("ann", "live")
    assert kinds(golived) == ["live.start"]
    assert golived.deliveries() == []
