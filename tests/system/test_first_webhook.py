"""The way of one alert: registered, detected, signed, delivered; as the contract has it on the wire."""

import json
import re
import time

import signatures
from golived import request

CREATOR_KEYS = ["unique_id", "nickname", "avatar_url", "user_id", "follower_count"]
START_KEYS = ["room_id", "started_at", "started_at_source", "live_url", "title", "viewer_count", "resumed"]
END_KEYS = ["room_id", "started_at", "started_at_source", "ended_at", "duration_seconds", "reason"]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


def assert_headers(delivery, webhook, event):
    headers = delivery.headers
    assert delivery["method"] == "POST"
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"golived/\d+\.\d+\.\d+\S*", headers["user-agent"])
    assert headers["x-tiktool-event"] == event["event"]
    assert headers["x-tiktool-event-id"] == headers["webhook-id"] == event["event_id"]
    assert re.fullmatch("del_" + ULID, headers["x-tiktool-delivery-id"])
    assert headers["x-tiktool-attempt"] == "1"
    assert headers["x-tiktool-webhook-id"] == webhook["id"]
    assert headers["content-length"] == str(len(delivery["body"].encode()))
    for absent in ("x-tiktool-replay", "expect", "accept-encoding", "authorization", "transfer-encoding"):
        assert absent not in headers
    delivery.assert_signed(webhook["secret"])


def test_a_live_arrives_signed_and_so_does_its_end(golived, upstream, receiver):
    webhook = golived.register(receiver.url("/hooks/tiktool"), creators=["charlidamelio", "khaby.lame"])
    assert re.fullmatch("wh_" + ULID, webhook["id"])
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", webhook["secret"])
    assert webhook["active"] is True
    golived.wait_for_state("charlidamelio", "offline")

    room = upstream.go_live("charlidamelio", title="Ça va? \u2728", user_count=1234)
    start = receiver.wait_for(1)[0]
    event = start.event
    assert list(event) == ["event_id", "event", "occurred_at", "is_test", "sequence", "creator", "live", "_links"]
    assert re.fullmatch("evt_" + ULID, event["event_id"])
    assert event["event"] == "live.start"
    assert re.fullmatch(TIME, event["occurred_at"])
    assert event["is_test"] is False
    assert event["sequence"] == 1
    assert list(event["creator"]) == CREATOR_KEYS
    assert event["creator"] == dict.fromkeys(CREATOR_KEYS) | {"unique_id": "charlidamelio"}
    assert list(event["live"]) == START_KEYS
    assert event["live"] | {"started_at": None} == {
        "room_id": room, "started_at": None, "started_at_source": "room_id",
        "live_url": "https://www.tiktok.com/@charlidamelio/live", "title": "Ça va? \u2728", "viewer_count": 1234,
        "resumed": False}
    assert re.fullmatch(TIME, event["live"]["started_at"])
    assert event["_links"] == {"creator": "https://tik.tools/@charlidamelio"}
    assert_headers(start, webhook, event)

    upstream.go_offline("charlidamelio")
    end = receiver.wait_for(2)[1]
    ended = end.event
    assert list(ended) == ["event_id", "event", "occurred_at", "is_test", "sequence", "creator", "live", "_links"]
    assert (ended["event"], ended["sequence"], ended["is_test"]) == ("live.end", 2, False)
    assert list(ended["creator"]) == CREATOR_KEYS
    assert list(ended["live"]) == END_KEYS
    assert ended["live"]["room_id"] == room
    assert ended["live"]["started_at"] == event["live"]["started_at"]
    assert ended["live"]["reason"] == "ended"
    assert isinstance(ended["live"]["duration_seconds"], int)
    assert ended["event_id"] != event["event_id"]
    assert_headers(end, webhook, ended)

    time.sleep(1)  # anything more would be invented
    assert len(receiver.deliveries()) == 2
    assert [row["event"] for row in golived.events()] in (["live.end", "live.start"], ["live.start", "live.end"])


def test_the_test_call_takes_the_whole_way(golived, receiver):
    webhook = golived.register(receiver.url("/ok"), creators=["ann"])
    answer = golived.post(f"/api/webhooks/{webhook['id']}/test", {"event_type": "live.end"})
    assert answer["delivered"] is True
    assert answer["status_code"] == 200
    assert answer["error"] is None
    delivery = receiver.wait_for(1)[0]
    assert delivery.headers["x-tiktool-delivery-id"] == answer["delivery_id"]
    assert delivery.event["event"] == "live.end"
    assert delivery.event["is_test"] is True
    assert delivery.event["sequence"] is None
    delivery.assert_signed(webhook["secret"])
    assert golived.events() == []


def test_a_webhook_without_creators_hears_of_everybody_watched(golived, upstream, receiver):
    golived.watch("shop", ["ann", "@Bob", "https://www.tiktok.com/@carol/live"])
    golived.register(receiver.url("/ok"), event_types=["live.start"])
    for handle in ("ann", "bob", "carol"):
        golived.wait_for_state(handle, "offline")
    upstream.script_many(["ann", "bob", "carol"], live=True)
    delivered = receiver.wait_for(3)
    assert sorted(delivery.event["creator"]["unique_id"] for delivery in delivered) == ["ann", "bob", "carol"]


def test_another_room_is_an_end_and_a_start(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    first = upstream.go_live("ann")
    receiver.wait_for(1)
    second = upstream.go_live("ann")
    events = [delivery.event for delivery in receiver.wait_for(3)]
    assert [(event["event"], event["live"]["room_id"], event["sequence"]) for event in events] == [
        ("live.start", first, 1), ("live.end", first, 2), ("live.start", second, 3)]
    assert events[1]["live"]["reason"] == "room_changed"


def test_bearer_token_and_extra_headers_are_sent(golived, receiver):
    webhook = golived.register(receiver.url("/ok"), creators=["ann"], bearer_token="t0ken",
                               extra_headers={"X-Shop": "seven"})
    golived.post(f"/api/webhooks/{webhook['id']}/test")
    headers = receiver.wait_for(1)[0].headers
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["x-shop"] == "seven"


def test_during_a_rotation_old_and_new_secret_both_verify(golived, receiver):
    webhook = golived.register(receiver.url("/ok"), creators=["ann"])
    rotated = golived.post(f"/api/webhooks/{webhook['id']}/rotate-secret")
    golived.post(f"/api/webhooks/{webhook['id']}/test")
    delivery = receiver.wait_for(1)[0]
    assert len(delivery.headers["webhook-signature"].split(" ")) == 2
    delivery.assert_signed(webhook["secret"])  # X-Tiktool-Signature stays with the old one
    signed = signatures.standard(rotated["secret"], delivery.headers["webhook-id"],
                                 delivery.headers["webhook-timestamp"], delivery["body"].encode())
    assert signed in delivery.headers["webhook-signature"].split(" ")


def test_the_key_is_asked_for(golived):
    for headers in ({}, {"x-api-key": "wrong"}, {"Authorization": "Bearer wrong"}):
        answer = request("GET", golived.base + "/api/webhooks", headers=headers)
        assert answer.status == 401
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert request("GET", golived.base + "/api/webhooks", headers={"Authorization": f"Bearer {golived.key}"}).status == 200


def test_the_upstream_key_is_in_a_header_and_never_logged(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    assert upstream.stats()["outcomes"]["unauthorized"] == 0
    assert upstream.KEY not in golived.output()
    assert golived.key not in golived.output()
    status = golived.get("/api/status")
    assert upstream.KEY not in json.dumps(status)
