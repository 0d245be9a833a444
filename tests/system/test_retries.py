"""The schedule of attempts on the clock (scaled down), the dead letter and its replay, Retry-After, 410."""

import re

import pytest

from golived import wait_until

OFFSETS_MS = [0, 300, 1000, 2000, 3000, 4000]  # as Golived.DEFAULTS has them


def start_one(golived, upstream, url, **fields):
    """A webhook on that URL, and a live.start on its way to it."""
    webhook = golived.register(url, creators=["ann"], **fields)
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    return webhook


def test_six_attempts_then_a_dead_letter_that_a_replay_delivers(golived, upstream, receiver):
    path = "/status/500,503,404,301,500,500,200"
    webhook = start_one(golived, upstream, receiver.url(path))
    attempts = receiver.wait_for(6)
    first = attempts[0]

    offsets = [attempt["received_at_ms"] - first["received_at_ms"] for attempt in attempts]
    for offset, wanted in zip(offsets, OFFSETS_MS):
        assert wanted - 30 <= offset <= wanted + 400, f"attempts at {offsets} ms, not at {OFFSETS_MS}"
    assert [attempt.headers["x-tiktool-attempt"] for attempt in attempts] == list("123456")
    for attempt in attempts:
        assert attempt["body"] == first["body"]
        for same in ("webhook-id", "x-tiktool-delivery-id", "x-tiktool-event-id"):
            assert attempt.headers[same] == first.headers[same]
        attempt.assert_signed(webhook["secret"])
    assert int(attempts[5].headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])

    dead = golived.wait_for_status(first.headers["x-tiktool-delivery-id"], "dead")
    assert dead["attempts"] == 6
    assert dead["next_attempt_at"] is None
    assert dead["last_status_code"] == 500
    assert [row["attempt"] for row in dead["attempt_log"]] == [1, 2, 3, 4, 5, 6]
    assert [row["status_code"] for row in dead["attempt_log"]] == [500, 503, 404, 301, 500, 500]
    assert {row["error"] for row in dead["attempt_log"]} == {"http"}
    assert dead["attempt_log"][0]["peer_address"] == "127.0.0.1"
    assert '"ok":false' in dead["attempt_log"][0]["response"]

    replay = golived.post(f"/api/deliveries/{dead['id']}/replay", status=202)
    delivered = golived.wait_for_status(replay["delivery_id"], "delivered")
    assert delivered["replay_of"] == dead["id"]
    again = receiver.wait_for(7)[6]
    assert again.headers["x-tiktool-replay"] == "true"
    assert again.headers["x-tiktool-attempt"] == "1"
    assert again.headers["x-tiktool-delivery-id"] == replay["delivery_id"]
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again["body"] == first["body"]
    again.assert_signed(webhook["secret"])


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_pushes_the_next_attempt_later(golived, upstream, receiver, status):
    start_one(golived, upstream, receiver.url(f"/retry-after/2/status/{status},200"))
    first, second = receiver.wait_for(2)
    gap = second["received_at_ms"] - first["received_at_ms"]
    assert 1900 <= gap <= 2600, f"the second attempt came after {gap} ms"


def test_retry_after_never_pulls_an_attempt_forward(golived, upstream, receiver):
    start_one(golived, upstream, receiver.url("/retry-after/0/status/503,200"))
    first, second = receiver.wait_for(2)
    assert second["received_at_ms"] - first["received_at_ms"] >= 270


def test_retry_after_is_capped(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"retry_after_max": "1s"}})
    start_one(golived, upstream, receiver.url("/retry-after/3600/status/503,200"))
    first, second = receiver.wait_for(2)
    assert 900 <= second["received_at_ms"] - first["received_at_ms"] <= 1600


def test_gone_deactivates_the_webhook(golived, upstream, receiver):
    webhook = start_one(golived, upstream, receiver.url("/gone"))
    first = receiver.wait_for(1)[0]
    dead = golived.wait_for_status(first.headers["x-tiktool-delivery-id"], "dead")
    assert dead["attempts"] == 1
    told = golived.get(f"/api/webhooks/{webhook['id']}")
    assert (told["active"], told["disabled_reason"]) == (False, "gone")


def test_a_test_answered_with_gone_only_reports(golived, receiver):
    webhook = golived.register(receiver.url("/gone"), creators=["ann"])
    answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
    assert (answer["delivered"], answer["status_code"]) == (False, 410)
    assert golived.get(f"/api/webhooks/{webhook['id']}")["active"] is True


def test_an_attempt_cut_off_by_a_restart_is_made_again_under_its_number(golived, upstream, receiver):
    start_one(golived, upstream, receiver.url("/first/1/hang"))
    receiver.wait_for(1)
    golived.kill()
    golived.start()
    again = receiver.wait_for(2)[1]
    assert again.headers["x-tiktool-attempt"] == "1"
    golived.wait_for_status(again.headers["x-tiktool-delivery-id"], "delivered")


def test_a_deleted_webhook_cancels_what_is_pending(golived, upstream, receiver):
    webhook = start_one(golived, upstream, receiver.url("/status/500"))
    delivery_id = receiver.wait_for(1)[0].headers["x-tiktool-delivery-id"]
    assert golived.call("DELETE", f"/api/webhooks/{webhook['id']}").status == 204
    golived.wait_for_status(delivery_id, "cancelled")


def test_events_of_an_inactive_webhook_are_made_up_for(golived, upstream, receiver):
    webhook = golived.register(receiver.url("/ok"), creators=["ann"], active=False)
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    golived.wait_for_state("ann", "live")
    assert golived.deliveries() == []
    assert golived.call("PATCH", f"/api/webhooks/{webhook['id']}", {"active": True}).status == 200
    replay = golived.post(f"/api/webhooks/{webhook['id']}/replay", {"missing": True}, status=202)
    assert replay["matched"] == 1
    delivery = receiver.wait_for(1)[0]
    assert delivery.event["event"] == "live.start"
    wait_until(lambda: golived.get(f"/api/replays/{replay['replay_id']}")["state"] == "done", 10, "the replay is done")


def test_an_endpoint_that_fails_is_spoken_of_early_and_so_is_its_recovery(golived, upstream, receiver):
    """At a streak of 5, then at each doubling, and once it is over: not at every failure."""
    webhook = golived.register(receiver.url("/per/path/status/" + "500," * 11 + "200"), creators=["ann", "bob"])
    for handle in ("ann", "bob"):
        golived.wait_for_state(handle, "offline")
    upstream.go_live("ann")
    upstream.go_live("bob")
    about = rf"webhook={webhook['id']} streak="
    golived.wait_for_output(rf"endpoint recovered.*{about}11\b")
    assert re.findall(rf"endpoint failing.*{about}(\d+) error=http", golived.output()) == ["5", "10"]
    assert len(re.findall("endpoint recovered", golived.output())) == 1
    wait_until(lambda: "\ngolived_delivery_lanes_failing 0\n" in golived.call("GET", "/metrics").body.decode(), 5,
               "no lane is failing any more")


def test_a_failing_endpoint_shows_in_the_metric(golived, upstream, receiver):
    start_one(golived, upstream, receiver.url("/status/500"))
    wait_until(lambda: "\ngolived_delivery_lanes_failing 1\n" in golived.call("GET", "/metrics").body.decode(), 10,
               "the lane is failing after three failures in a row")
