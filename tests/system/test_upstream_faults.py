"""Trouble of the upstream never changes a creator's state: no event while it lasts, none when it is over."""

import time

import pytest

from golived import wait_until

# Kind, what it is told, and whether it is asked again within seconds (after some answers a minute must pass).
FAULTS = [
    ("status", {"status": 500}, True),
    ("status", {"status": 503}, True),
    ("rate_limited", {"retry_after": 1}, True),
    ("rate_limited", {}, False),
    ("unauthorized", {}, False),
    ("html_error", {}, True),
    ("html", {}, True),
    ("empty_body", {}, True),
    ("empty_data", {}, True),
    ("null_data", {}, True),
    ("no_data", {}, True),
    ("unknown_shape", {}, True),
    ("error_in_200", {}, True),
    ("error_with_data", {}, True),
    ("truncated", {}, True),
    ("trailing", {}, True),
    ("invalid_utf8", {}, True),
    ("deep", {}, True),
    ("huge", {}, True),
    ("cut", {}, True),
    ("reset", {}, True),
    ("closed", {}, True),
    ("hang", {}, True),
    ("slow", {"delay_ms": 3000}, True),
    ("drip", {"delay_ms": 400}, True),
    ("rows_missing", {}, True),
    ("rows_missing", {"fraction": 0.5}, True),
    ("rows_null", {}, True),
    ("rows_unknown", {}, True),
    ("rows_bare", {}, True),
    ("rows_check_failed", {}, True),
    ("rows_contradictory", {}, True),
    ("rows_wrong_types", {}, True),
    ("rows_conflicting", {}, True),
    ("rows_duplicate", {}, True),
    ("rows_recased", {}, True),
    ("rows_strangers", {}, True),
    ("rows_room_number", {}, True),
    ("rows_room_broken", {}, True),
    ("body", {"body": '{"status_code":0,"data":[{"unique_id":"ann","is_live":false},17,null,[]]}'}, True),
    ("body", {"body": '{"status_code":0,"data":{"ann":false,"bob":true},"data":[]}'}, True),
    ("body", {"body": '{"status_code":"0","data":[{"unique_id":"ann","is_live":0,"alive":0}]}'}, True),
]


def name_of(fault):
    kind, told, _ = fault
    return "-".join([kind, *(str(value) for value in told.values() if not isinstance(value, str))])


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_no_state_changes(start_golived, upstream, receiver, fault):
    kind, told, is_asked_again = fault
    golived = start_golived({"upstream": {"timeout": "500ms", "backoff_max": "200ms"}})
    golived.watch("both", ["ann", "bob"])
    golived.register(receiver.url("/ok"))
    golived.wait_for_state("bob", "offline")
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    golived.wait_for_state("ann", "live")
    receiver.wait_for(1)

    def assert_as_before():
        ann, bob = golived.creator("ann"), golived.creator("bob")
        assert (ann["state"], ann["room_id"], bob["state"]) == ("live", room, "offline")
        assert [event["event"] for event in golived.events()] == ["live.start"]

    upstream.fault(kind, **told)
    wanted = 2 if is_asked_again else 1
    wait_until(lambda: upstream.stats()["faults"].get(kind, 0) >= wanted, 25, f"{kind} was met {wanted} times")
    time.sleep(0.3)
    assert_as_before()
    upstream.heal()
    if is_asked_again:
        upstream.wait_for_checks("ann", more=3)
        upstream.wait_for_checks("bob", more=1)
    assert_as_before()
    assert len(receiver.deliveries()) == 1


def test_an_unknown_answer_does_not_break_a_row_of_confirmations(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"end_confirmations": "3", "end_grace": "0s"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    golived.wait_for_state("ann", "live")
    for i in range(6):  # offline and unknown in turn
        upstream.fault("rows_null", count=1)
        upstream.go_offline("ann")
        upstream.wait_for_checks("ann", more=2)
    golived.wait_for_state("ann", "offline")


def test_one_wrong_sweep_ends_no_live(golived, upstream, receiver):
    handles = [f"creator{i:02}" for i in range(30)]
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 30, 20, "everybody was seen")
    upstream.fault("all_live", count=1)
    wait_until(lambda: upstream.stats()["faults"].get("all_live") == 1, 10, "one sweep said everybody is live")
    upstream.wait_for_checks(handles[0], more=3)
    assert golived.events() == []
    assert golived.get("/api/status")["creators"]["live"] == 0


def test_many_at_once_are_believed_when_a_second_check_agrees(golived, upstream, receiver):
    handles = [f"creator{i:02}" for i in range(30)]
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 30, 20, "everybody was seen")
    upstream.script_many(handles, live=True)
    receiver.wait_for(30)


def test_readiness_tells_of_an_upstream_that_does_not_answer(start_golived, upstream, receiver):
    golived = start_golived()
    assert golived.call("GET", "/healthz").status == 200
    assert golived.call("GET", "/readyz").status == 200
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    assert golived.call("GET", "/readyz").status == 200
    assert golived.get("/api/status")["poll"]["last_success_at"] is not None
