"""Stopping, reloading, and two of them on one database."""

import signal
import sqlite3
import time

import pytest

from golived import Golived, wait_until


def start_one(golived, upstream, url):
    webhook = golived.register(url, creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    return webhook


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once_and_cleanly(golived, number):
    started = time.monotonic()
    golived.signal(number)
    assert golived.wait(10) == 0
    assert time.monotonic() - started < 2
    assert not golived.database.with_name("golived.db-wal").exists(), "the log was not checkpointed"


def test_sigterm_waits_for_attempts_in_flight(golived, upstream, receiver):
    start_one(golived, upstream, receiver.url("/delay/1000"))
    delivery_id = receiver.wait_for(1)[0].headers["x-tiktool-delivery-id"]
    golived.signal(signal.SIGTERM)
    assert golived.wait(10) == 0
    golived.start()
    assert golived.get(f"/api/deliveries/{delivery_id}")["status"] == "delivered"
    assert len(receiver.deliveries()) == 1


def test_sigterm_waits_no_longer_than_drain_timeout(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"drain_timeout": "1s", "timeout": "30s"}})
    start_one(golived, upstream, receiver.url("/first/1/hang"))
    receiver.wait_for(1)
    started = time.monotonic()
    golived.signal(signal.SIGTERM)
    assert golived.wait(10) == 0
    assert 0.8 < time.monotonic() - started < 3
    golived.start()
    again = receiver.wait_for(2)[1]
    assert again.headers["x-tiktool-attempt"] == "1"
    golived.wait_for_status(again.headers["x-tiktool-delivery-id"], "delivered")


def test_stopping_takes_no_new_work(start_golived, upstream, receiver):
    golived = start_golived({"delivery": {"drain_timeout": "2s", "timeout": "30s"}})
    start_one(golived, upstream, receiver.url("/hang"))
    receiver.wait_for(1)
    golived.signal(signal.SIGTERM)
    time.sleep(0.3)
    before = upstream.stats()["requests"]
    time.sleep(0.8)
    assert upstream.stats()["requests"] == before
    assert golived.wait(10) == 0


def test_sighup_takes_a_good_configuration_over(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.change({"poll": {"min_interval": "30s", "max_interval": "60s"}})
    golived.wait_for_state("ann", "offline")
    golived.signal(signal.SIGHUP)
    golived.wait_for_output(r"(?i)reload")
    time.sleep(1)  # what was already on its way
    before = upstream.asks("ann")
    time.sleep(2)
    assert upstream.asks("ann") - before <= 1


def test_sighup_with_a_mistake_changes_nothing_and_says_where(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.change({"poll": {"min_interval": "never"}})
    golived.signal(signal.SIGHUP)
    golived.wait_for_output(r"golived\.conf:\d+: \[poll\] min_interval")
    golived.wait_for_state("ann", "offline")
    upstream.wait_for_checks("ann", more=3)
    assert golived.is_running()


def test_what_needs_a_restart_says_so(golived):
    golived.change({"admin": {"listen": "127.0.0.1:1"}})
    golived.signal(signal.SIGHUP)
    golived.wait_for_output(r"restart.*listen|listen.*restart")
    assert golived.call("GET", "/healthz").status == 200


def test_allow_targets_reload(golived, receiver):
    golived.change({"delivery": {"allow_targets": ""}})
    golived.signal(signal.SIGHUP)
    wait_until(lambda: golived.call("POST", "/api/webhooks", {
        "target_url": receiver.url("/ok"), "event_types": ["live.start"], "creators": ["ann"]}).status == 422, 10,
        "a private target is refused after the reload")


def test_a_second_daemon_on_the_same_database_exits_2(golived, upstream, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    second = Golived(other, upstream, {"store": {"path": str(golived.database)}})
    second.spawn()
    assert second.wait(10) == 2
    assert "golived.db" in second.output()
    assert golived.call("GET", "/healthz").status == 200


def test_a_database_of_a_newer_version_is_refused(golived):
    assert golived.stop() == 0
    with sqlite3.connect(golived.database) as database:
        database.execute("PRAGMA user_version = 9999")
    golived.spawn()
    assert golived.wait(10) == 2
    assert "newer" in golived.output()


def test_a_corrupt_database_is_refused_and_left_alone(golived):
    assert golived.stop() == 0
    golived.database.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    golived.spawn()
    assert golived.wait(10) == 2
    assert golived.database.read_bytes().startswith(b"not a database")


def test_a_taken_port_is_told(golived, upstream, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    second = Golived(other, upstream, {"admin": {"listen": golived.base.removeprefix("http://")}})
    second.spawn()
    assert second.wait(10) in (1, 2)
    assert golived.base.removeprefix("http://") in second.output()
