"""golivesim itself: the other system tests are only as good as it is."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from golived import BUILD, Upstream, request, wait_until

KEY = {"x-api-key": Upstream.KEY}


def check(upstream, handles, headers=KEY):
    return request("POST", upstream.base + "/webcast/bulk_live_check", {"unique_ids": handles}, headers)


def raw_post(simulator, path, seconds):
    """What comes back until the connection ends or the time is up: (bytes, how it ended)."""
    host, port = simulator.base.removeprefix("http://").split(":")
    received = b""
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        try:
            while True:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                chunk = connection.recv(65536)
                if not chunk:
                    break
                received += chunk
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "open"
    return received, "closed"


def run(*arguments):
    return subprocess.run([BUILD / "golivesim", *arguments], capture_output=True, text=True, timeout=20)


def test_help_and_version():
    assert run("--version").stdout.startswith("golivesim ")
    assert "--listen" in run("upstream", "--help").stdout
    assert "/drip-body" in run("receiver", "--help").stdout
    assert run().returncode == 2
    assert run("landlord").returncode == 2


@pytest.mark.parametrize("arguments, complaint", [
    (("upstream", "--tier", "platinum"), "there is no tier platinum"),
    (("upstream", "--fault", "earthquake"), "there is no fault earthquake"),
    (("upstream", "--fault", "reset=2"), "rate"),
    (("upstream", "--clock", "noon"), "is no time"),
    (("upstream", "--key-file", "/nonexistent"), "/nonexistent"),
    (("receiver", "--listen", "localhost"), "cannot listen"),
    (("receiver", "--colour"), "there is no option --colour"),
])
def test_a_wrong_command_line_is_refused(arguments, complaint):
    finished = run(*arguments)
    assert finished.returncode == 2
    assert complaint in finished.stderr


def test_sigterm_ends_it_while_clients_hang(receiver):
    host, port = receiver.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /hang HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        receiver.wait_for(1)
        receiver.signal(signal.SIGTERM)
        assert receiver.wait(5) == 0


def test_a_scripted_live_is_answered(upstream):
    room = upstream.go_live("ann", title="hello")
    answer = check(upstream, ["ann", "bob"])
    assert answer.status == 200
    assert answer.headers["X-RateLimit-Limit"] == "100000"
    ann, bob = answer.json["data"]
    assert ann == {"unique_id": "ann", "is_live": True, "alive": True, "room_id": room, "title": "hello",
                   "userCount": 0}
    assert bob["is_live"] is False
    assert abs((int(room) >> 32) - time.time()) < 5
    assert int(room) >> 8 & 15 == 11


def test_a_missing_key_is_refused(upstream):
    assert check(upstream, ["ann"], {}).status == 401
    assert check(upstream, ["ann"], {"x-api-key": "other"}).status == 401


def test_the_minute_is_enforced(tmp_path):
    with Upstream(tmp_path, "--retry-after", per_minute=2) as upstream:
        assert [check(upstream, ["ann"]).status for _ in range(3)] == [200, 200, 429]
        answer = check(upstream, ["ann"])
        assert "Rate limit exceeded" in answer.json["message"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert upstream.stats()["max_requests_in_60s"] == 4


@pytest.mark.parametrize("kind, ending", [("reset", "reset"), ("closed", "closed"), ("hang", "open")])
def test_transport_faults_show_on_the_wire(upstream, kind, ending):
    upstream.fault(kind)
    assert raw_post(upstream, f"/webcast/bulk_live_check?apiKey={Upstream.KEY}", 0.5) == (b"", ending)


def test_a_cut_answer_is_shorter_than_it_says(upstream):
    upstream.fault("cut")
    upstream.script_many([f"c{i}" for i in range(20)], live=True)
    host, port = upstream.base.removeprefix("http://").split(":")
    body = json.dumps({"unique_ids": [f"c{i}" for i in range(20)]})
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"POST /webcast/bulk_live_check HTTP/1.1\r\nHost: x\r\nx-api-key: {Upstream.KEY}\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(rest) < promised


def test_a_fault_heals_itself_after_its_time(upstream):
    upstream.fault("status", for_seconds=0.3)
    assert check(upstream, ["ann"]).status == 500
    wait_until(lambda: check(upstream, ["ann"]).status == 200, 5, "the fault is over")


def test_scheduled_creators_live_by_a_fast_clock(tmp_path):
    with Upstream(tmp_path, "--creators", "300", "--seed", "5", "--speed", "3600", "--clock",
                  "2026-06-15T18:00:00Z", batch=300) as upstream:
        names = [row["unique_id"] for row in upstream.ask("GET", "/_sim/creators")["creators"]]
        assert len(names) == 300
        first = {row["unique_id"] for row in check(upstream, names).json["data"] if row["is_live"]}
        later = set()
        def look():
            later.update(row["unique_id"] for row in check(upstream, names).json["data"] if row["is_live"])
            return later - first
        wait_until(look, 10, "somebody else is live a simulated hour later")
        rows = [row for row in check(upstream, names).json["data"] if row["is_live"]]
        assert all(-60 < time.time() - (int(row["room_id"]) >> 32) < 60 for row in rows)


@pytest.mark.parametrize("path, beginning, ending", [
    ("/hang", b"", "open"),
    ("/hang-after-head", b"HTTP/1.1 200 OK\r\n", "open"),
    ("/reset", b"", "reset"),
    ("/reset-after-head", b"HTTP/1.1 200 OK\r\n", "reset"),
    ("/close", b"", "closed"),
    ("/half-head", b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
    ("/garbage", b"\x16\x03\x01", "closed"),
    ("/1xx", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK", "closed"),
    ("/drip-body", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "open"),
])
def test_misdeeds_show_on_the_wire(receiver, path, beginning, ending):
    received, ended = raw_post(receiver, path, 0.4)
    assert received.startswith(beginning)
    # A reset may overtake what was sent before it.
    assert ended == ending


def test_a_drip_is_slow(receiver):
    received, ended = raw_post(receiver, "/drip", 1.3)
    assert (ended, 2 <= len(received) <= 4) == ("open", True), received


def test_hanging_clients_hold_up_nobody_and_leave_nothing_behind(receiver):
    def descriptors():
        return len(os.listdir(f"/proc/{receiver.process.pid}/fd"))
    before = descriptors()
    host, port = receiver.base.removeprefix("http://").split(":")
    clients = [socket.create_connection((host, int(port))) for _ in range(200)]
    for client in clients:
        client.sendall(b"POST /hang HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    receiver.wait_for(200)
    started = time.monotonic()
    assert request("POST", receiver.url("/ok"), {}).status == 200
    assert time.monotonic() - started < 0.5
    for client in clients:
        client.close()
    wait_until(lambda: descriptors() <= before + 1, 5, "the descriptors are closed")


def test_a_request_is_on_record_when_it_is_answered(receiver):
    request("POST", receiver.url("/status/500,200"), {"a": 1}, {"webhook-id": "evt_1", "X-Odd": "é"})
    recorded = receiver.deliveries()
    assert [delivery["path"] for delivery in recorded] == ["/status/500,200"]
    assert recorded[0]["body"] == '{"a": 1}'
    assert recorded[0]["answered"] == 500
    assert recorded[0]["headers"]["webhook-id"] == "evt_1"


def test_a_sequence_goes_on_with_each_attempt(receiver):
    answers = [request("POST", receiver.url("/status/500,503,200"), {}, {"webhook-id": "evt_1"}).status
               for _ in range(4)]
    assert answers == [500, 503, 200, 200]


def test_a_delayed_answer_comes_late_and_whole(receiver):
    started = time.monotonic()
    assert request("POST", receiver.url("/delay/400"), {}).json == {"ok": True}
    assert 0.35 < time.monotonic() - started < 2
