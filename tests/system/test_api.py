"""The admin API over HTTP, as a backend uses it. Every answer is held against docs/openapi.json (see openapi.py)."""

import concurrent.futures
import http.client
import json
import socket
import stat
import sys

import pytest

import openapi
from golived import request, wait_until


@pytest.fixture
def webhook(golived, receiver):
    """One for everybody who is watched, and two creators who are."""
    golived.watch("talents", ["ann", "bob"])
    return golived.register(receiver.url("/ok"))


def trigger(golived, creator="ann", event_type="live.start"):
    return golived.post("/api/events", {"event_type": event_type, "creator": creator}, status=202)["event_id"]


def dial(golived):
    """A connection to the daemon, over TCP or its Unix socket."""
    is_tcp = golived.base.startswith("http://")
    connection = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
    connection.settimeout(20)
    host, _, port = golived.base.removeprefix("http://").partition(":")
    connection.connect((host, int(port)) if is_tcp else golived.base)
    return connection


def ask(connection, golived, method, path, body=None):
    """One request on an HTTP connection that is kept: status and JSON."""
    headers = {"x-api-key": golived.key, "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or "null")


def keep(golived):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = dial(golived)
    return connection


def trigger_many(golived, count):
    """Over a few connections that are kept; returns the ids, unordered."""
    def some(share):
        connection = keep(golived)
        ids = [ask(connection, golived, "POST", "/api/events", {"event_type": "live.start", "creator": "ann"})[1]["event_id"]
               for _ in range(share)]
        connection.close()
        return ids

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return sum(pool.map(some, [count // 8] * 8), [])


# --- every route ---

def test_every_call_of_the_document_answers_as_described(golived, receiver, webhook):
    openapi.exercised.clear()
    event = trigger(golived)
    golived.post("/api/webhooks", {"target_url": receiver.url("/gone"), "event_types": ["live.end"], "watchlists": ["talents"],
                                   "name": "n", "description": "d", "bearer_token": "t", "extra_headers": {"X-Team": "blue"},
                                   "rate_limit": 5, "active": True}, status=201)
    assert golived.get("/api/webhooks")["webhooks"]
    one = f"/api/webhooks/{webhook['id']}"
    assert golived.call("PATCH", one, {"name": "changed"}).json["name"] == "changed"
    assert golived.get(one)["name"] == "changed"
    assert golived.post(one + "/test", {"event_type": "live.end"})["delivered"]
    assert golived.post(one + "/rotate-secret", {"overlap_seconds": 60})["secret"]
    delivery = golived.get(one + f"/deliveries?event_id={event}")["deliveries"][0]["id"]
    golived.wait_for_status(delivery, "delivered")
    assert golived.get("/api/deliveries?status=delivered")["deliveries"]
    golived.post(f"/api/deliveries/{delivery}/replay", status=202)
    replay = golived.post(one + "/replay", {"status": "delivered"}, status=202)["replay_id"]
    golived.get(f"/api/replays/{replay}")
    assert golived.call("DELETE", f"/api/replays/{replay}").status == 204
    assert golived.get("/api/events?creator=ann")["events"]
    assert golived.get(f"/api/events/{event}")["payload"]["event_id"] == event
    assert next(stream(golived, "evt_" + "0" * 26))["id"] == event
    openapi.exercised.add(("GET", "/api/events/stream"))
    golived.watch("talents", ["ann", "bob", "cem"], priority="high")
    assert golived.call("PATCH", "/api/watchlists/talents", {"remove": ["cem"]}).status == 200
    golived.get("/api/watchlists")
    golived.get("/api/watchlists/talents")
    golived.watch("others", ["dora"])
    assert golived.call("DELETE", "/api/watchlists/others").status == 204
    golived.wait_for_state("ann", "offline")
    golived.get("/api/creators?state=offline&watchlist=talents")
    assert golived.get("/api/creators/ann/explain")["answers"][0]["effect"] == "first_offline"
    key = golived.post("/api/keys", {"name": "dash", "scope": "read"}, status=201)["id"]
    golived.get("/api/keys")
    assert golived.call("DELETE", f"/api/keys/{key}").status == 204
    assert golived.call("DELETE", one).status == 204
    for path in ("/api/audit", "/api/status", "/healthz", "/openapi.json", "/metrics"):
        assert golived.call("GET", path).status == 200
    wait_until(lambda: golived.call("GET", "/readyz").status == 200, 20, "it is ready")
    never = openapi.OPERATIONS - openapi.exercised
    assert not never, f"described, but never called here: {sorted(never)}"


def test_what_is_refused_is_described_too(golived, webhook):
    one = f"/api/webhooks/{webhook['id']}"
    read = golived.post("/api/keys", {"name": "r", "scope": "read"}, status=201)["key"]
    for method, path in sorted(openapi.OPERATIONS):
        path = path.replace("{id}", "none").replace("{name}", "none").replace("{unique_id}", "none.such")
        if path.startswith("/api/") and path != "/api/events/stream":
            assert golived.call(method, path, headers={"x-api-key": None}).status == 401
            refused = golived.call(method, path, headers={"x-api-key": read}).status
            assert method == "GET" or refused == 403
        if method == "POST":
            assert golived.call(method, path, b"[]", {"Content-Type": "application/json"}).status == 400
            assert golived.call(method, path, b"{}", {"Content-Type": "text/plain"}).status == 415
            golived.call(method, path)
    assert golived.call("PATCH", one, {"target_url": "ftp://x"}).status == 422
    assert golived.call("PATCH", one, {"colour": "blue"}).json["field"] == "colour"
    assert golived.call("DELETE", "/api/status").headers["Allow"]
    assert golived.call("POST", "/api/webhooks").status == 400, "it needs a body"
    assert golived.call("POST", one + "/rotate-secret").status == 200, "it needs none"
    assert golived.call("PUT", "/api/watchlists/huge", {"creators": ["a" * 60] * 20000}).status == 413


# --- PATCH, cursors, idempotency ---

def test_in_a_patch_what_is_absent_stays_and_null_clears(golived, receiver):
    created = golived.register(receiver.url("/ok"), name="n", description="d", rate_limit=5, extra_headers={"X-A": "1"})
    path = f"/api/webhooks/{created['id']}"
    before = golived.get(path)
    assert golived.call("PATCH", path, {}).json == before
    after = golived.call("PATCH", path, {"description": None, "rate_limit": None}).json
    assert (after["name"], after["description"]) == ("n", before["description"] and None)
    assert {**after, "description": 0, "rate_limit": 0} == {**before, "description": 0, "rate_limit": 0}
    assert golived.call("PATCH", path, {"target_url": None}).status == 422


def test_pages_hold_every_row_once_while_rows_arrive(golived, webhook):
    before = {trigger(golived) for _ in range(7)}
    seen, cursor = [], ""
    while cursor is not None:
        page = golived.get("/api/events?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        seen += [event["event_id"] for event in page["events"]]
        trigger(golived)
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) and set(seen) == before
    assert golived.call("GET", "/api/deliveries?cursor=" + "0" * 16).status == 422


def test_a_retry_is_answered_the_same_even_while_the_first_is_under_way(golived, receiver):
    body = {"target_url": receiver.url("/ok"), "event_types": ["live.start"]}
    key = {"Idempotency-Key": "once"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: golived.call("POST", "/api/webhooks", body, key), range(8)))
    assert {(answer.status, answer.body) for answer in answers} == {(201, answers[0].body)}
    assert len(golived.get("/api/webhooks")["webhooks"]) == 1
    assert golived.call("POST", "/api/webhooks", {**body, "name": "other"}, key).status == 422


# --- replays ---

def test_a_large_replay_is_paced_and_can_be_cancelled(golived, webhook, receiver):
    path = f"/api/webhooks/{webhook['id']}"
    golived.call("PATCH", path, {"active": False})
    ids = trigger_many(golived, 1000)
    golived.call("PATCH", path, {"active": True, "target_url": receiver.url("/later")})
    assert golived.post(path + "/replay", {"missing": True, "dry_run": True}, status=202)["matched"] == len(ids)
    begun = golived.post(path + "/replay", {"missing": True}, status=202)
    assert begun["matched"] == len(ids) and 0 < begun["replayed"] < len(ids)
    assert golived.call("DELETE", f"/api/replays/{begun['replay_id']}").status == 204
    stopped = golived.get(f"/api/replays/{begun['replay_id']}")
    assert stopped["state"] == "cancelled" and stopped["replayed"] < len(ids)
    again = golived.post(path + "/replay", {"missing": True}, status=202)["replay_id"]
    wait_until(lambda: golived.get(f"/api/replays/{again}")["state"] == "done", 30, "the rest is queued")
    wait_until(lambda: len({one["event_id"] for one in golived.deliveries("?status=delivered")}) == len(ids), 30,
               "every event is delivered")


# --- the stream ---

def open_stream(golived, after=None):
    connection = dial(golived)
    resume = f"Last-Event-ID: {after}\r\n" if after else ""
    connection.sendall(f"GET /api/events/stream HTTP/1.0\r\nHost: x\r\nx-api-key: {golived.key}\r\n{resume}\r\n".encode())
    return connection


def stream(golived, after=None):
    """Its events as dicts of id, event and data; comments are left out."""
    with open_stream(golived, after) as connection, connection.makefile("rb") as lines:
        assert b" 200 " in lines.readline()
        while lines.readline().strip():
            pass
        event = {}
        for line in lines:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif "data" in event:
                yield {**event, "data": json.loads(event["data"])}
                event = {}


def test_the_stream_goes_on_behind_the_last_event_id_without_gap_or_repeat(golived, webhook):
    ids = [trigger(golived) for _ in range(5)]
    resumed = stream(golived, ids[1])
    assert [next(resumed)["id"] for _ in range(3)] == ids[2:]
    later = trigger(golived, event_type="live.end")
    event = next(resumed)
    assert (event["id"], event["event"], event["data"]["event_id"]) == (later, "live.end", later)


def test_a_slow_reader_of_the_stream_is_dropped_and_delays_nobody(tmp_path, start_golived):
    # Over a Unix socket, whose buffer is small.
    golived = start_golived({"admin": {"listen": f"unix:{tmp_path}/admin.sock"}}, announces=r"address=unix:(\S+)")
    assert ask(keep(golived), golived, "PUT", "/api/watchlists/talents", {"creators": ["ann"]})[0] == 201
    newest = max(trigger_many(golived, 800))
    with open_stream(golived, "evt_" + "0" * 26), open_stream(golived, newest) as idle:
        fast = stream(golived, "evt_" + "0" * 26)
        assert newest in (event["id"] for event in fast)
        assert ask(keep(golived), golived, "GET", "/api/status")[0] == 200
        wait_until(lambda: "admin connection timed out" in golived.output(), 25, "the slow reader was dropped")
        lines = idle.makefile("rb")
        assert any(line.startswith(b": ") for line in lines), "a heartbeat keeps one open on which nothing happens"


# --- who may come in, and how ---

@pytest.mark.parametrize("host,status", [("evil.example", 421), ("localhost", 200), ("127.0.0.1", 200), ("[::1]:8787", 200)])
def test_a_page_in_a_browser_does_not_reach_what_needs_no_key(golived, host, status):
    assert golived.call("GET", "/metrics", headers={"x-api-key": None, "Host": host}).status == status


def test_no_answer_may_be_shared_with_another_origin_or_kept(golived):
    answer = golived.call("GET", "/api/status", headers={"Origin": "https://evil.example"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert request("OPTIONS", golived.base + "/api/status").status in (401, 405)


def test_bad_keys_from_one_address_must_wait_and_a_good_one_need_not(golived):
    wrong = [golived.call("GET", "/api/status", headers={"x-api-key": "wrong"}) for _ in range(25)]
    assert [answer.status for answer in wrong] == [401] * 20 + [429] * 5
    assert 1 <= int(wrong[-1].headers["Retry-After"]) <= 60
    golived.get("/api/status")


def test_a_unix_socket_is_for_its_owner_and_group(tmp_path, start_golived):
    path = tmp_path / "admin.sock"
    golived = start_golived({"admin": {"listen": f"unix:{path}"}}, announces=r"address=unix:(\S+)")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert ask(keep(golived), golived, "GET", "/api/status")[0] == 200
    assert golived.stop() == 0
    assert not path.exists()


# systemd's part: a listening socket as descriptor 3, and the environment that says so.
PASS_A_SOCKET = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_socket_that_was_passed_wins(start_golived):
    golived = start_golived({"admin": {"listen": "unix:/nonexistent/admin.sock"}}, wrapper=[sys.executable, "-c", PASS_A_SOCKET])
    assert golived.base.startswith("http://127.0.0.1:")
    assert golived.get("/api/status")["version"]


# --- the trail ---

def test_every_change_is_on_record_with_who_and_when(golived, receiver):
    other = golived.post("/api/keys", {"name": "backend", "scope": "admin"}, status=201)
    by_backend = {"x-api-key": other["key"]}
    golived.call("PUT", "/api/watchlists/talents", {"creators": ["ann"]}, by_backend)
    golived.call("PATCH", "/api/watchlists/talents", {"add": ["bob"]}, by_backend)
    webhook = golived.register(receiver.url("/status/500"))["id"]
    golived.call("PATCH", f"/api/webhooks/{webhook}", {"name": "x"}, by_backend)
    golived.post(f"/api/webhooks/{webhook}/test")
    golived.post(f"/api/webhooks/{webhook}/rotate-secret")
    event = trigger(golived)
    delivery = golived.deliveries(f"?event_id={event}")[0]["id"]
    golived.post(f"/api/deliveries/{delivery}/replay", status=202)
    replay = golived.post(f"/api/webhooks/{webhook}/replay", status=202)["replay_id"]
    golived.call("DELETE", f"/api/replays/{replay}")
    golived.call("DELETE", f"/api/webhooks/{webhook}")
    golived.call("DELETE", "/api/watchlists/talents")
    golived.call("DELETE", f"/api/keys/{other['id']}")
    trail = golived.all_of("/api/audit", "audit")
    done = [(entry["action"], entry["actor"]) for entry in reversed(trail)]
    assert done == [
        ("key.create", "admin.key"), ("watchlist.put", "backend"), ("watchlist.change", "backend"),
        ("webhook.create", "admin.key"), ("webhook.change", "backend"), ("webhook.test", "admin.key"),
        ("webhook.rotate_secret", "admin.key"), ("event.create", "admin.key"), ("delivery.replay", "admin.key"),
        ("webhook.replay", "admin.key"), ("replay.cancel", "admin.key"), ("webhook.delete", "admin.key"),
        ("watchlist.delete", "admin.key"), ("key.delete", "admin.key")]
    assert not [entry for entry in trail if "whsec_" in json.dumps(entry) or other["key"] in json.dumps(entry)]
