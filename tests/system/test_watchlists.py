"""Whom the upstream is asked about, how often, and in which batches: by what the upstream itself counted."""

import collections
import time

from golived import Golived, Upstream, wait_until

THOUSAND = [f"creator{i:04}" for i in range(1000)]


def test_overlapping_watchlists_cost_one_slot_a_sweep(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"min_interval": "1s", "max_interval": "2s"}})
    golived.watch("everybody", THOUSAND)
    golived.watch("half", THOUSAND[:500])
    golived.watch("third", THOUSAND[::3])
    golived.watch("shouted", [handle.upper() for handle in THOUSAND[250:750]])
    golived.register(receiver.url("/ok"), creators=THOUSAND[400:600])
    golived.register(receiver.url("/ok"), watchlists=["half", "third"])
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 1000, 30, "everybody was seen")
    upstream.ask("POST", "/_sim/reset")
    wait_until(lambda: upstream.stats()["rows_asked"] >= 5000, 30, "five sweeps")

    asks = upstream.stats()["asks"]
    assert set(asks) == set(THOUSAND)
    assert max(asks.values()) - min(asks.values()) <= 2, collections.Counter(asks.values())
    last = {}
    for call in upstream.requests():
        assert len(set(call["handles"])) == len(call["handles"]), "a handle twice in one batch"
        for handle in call["handles"]:
            assert call["at_ms"] - last.get(handle, 0) >= 900, f"{handle} was asked for twice within min_interval"
            last[handle] = call["at_ms"]


def test_batches_go_out_full(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"min_interval": "1s", "max_interval": "2s"}})
    golived.watch("everybody", THOUSAND)
    golived.register(receiver.url("/ok"))
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 1000, 30, "everybody was seen")
    sizes = upstream.stats()["batch_sizes"]
    assert sizes["50"] >= 20
    assert sum(count for size, count in sizes.items() if size != "50") <= 2, sizes


def test_the_minute_is_never_overdrawn(tmp_path, receiver):
    with Upstream(tmp_path, per_minute=20) as upstream:
        with Golived(tmp_path, upstream, {"upstream": {"requests_per_minute": "auto"}}) as golived:
            golived.watch("everybody", THOUSAND)
            golived.register(receiver.url("/ok"))
            wait_until(lambda: upstream.stats()["requests"] >= 15, 30, "it asks")
            time.sleep(3)
            stats = upstream.stats()
            assert stats["outcomes"]["rate_limited"] <= 1, stats
            assert stats["max_requests_in_60s"] <= 21, stats


def test_after_a_429_nothing_is_asked_before_retry_after(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.fault("rate_limited", count=1, retry_after=3)
    wait_until(lambda: upstream.stats()["faults"].get("rate_limited"), 10, "the 429 was sent")
    before = upstream.stats()["requests"]
    wait_until(lambda: upstream.stats()["requests"] > before, 10, "it asks again")
    calls = upstream.requests()
    at = next(i for i, call in enumerate(calls) if call["fault"] == "rate_limited")
    in_flight = 300  # what was sent before the answer came
    later = [call["at_ms"] - calls[at]["at_ms"] for call in calls[at + 1:]]
    assert all(gap <= in_flight or gap >= 2950 for gap in later), later


def test_with_nobody_to_watch_nothing_is_asked(golived, upstream):
    time.sleep(1)
    assert upstream.stats()["bulk_checks"] == 0


def test_a_refused_batch_is_halved_and_the_size_is_remembered(start_golived, upstream, receiver):
    golived = start_golived({"upstream": {"batch_size": "auto", "tier": "ultra"}})
    golived.watch("some", THOUSAND[:200])
    golived.register(receiver.url("/ok"))
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 200, 30, "everybody was seen")
    refused = upstream.stats()["outcomes"]["refused"]
    assert 1 <= refused <= 6, upstream.stats()
    upstream.wait_for_checks(THOUSAND[0], more=3)
    assert upstream.stats()["outcomes"]["refused"] == refused, "the size that works was forgotten"


def test_one_bad_handle_is_quarantined_and_the_others_are_seen(golived, upstream, receiver):
    upstream.script("creator0007", poison=True)
    golived.watch("some", THOUSAND[:40])
    golived.register(receiver.url("/ok"))
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 39, 30, "all others were seen")
    wait_until(lambda: golived.get("/api/creators/creator0007")["quarantined"], 10, "the bad one is quarantined")
    asked = upstream.asks("creator0007")
    upstream.wait_for_checks("creator0000", more=3)
    assert upstream.asks("creator0007") == asked
    golived.stop()
    golived.start()
    upstream.wait_for_checks("creator0000", more=3)
    assert upstream.asks("creator0007") == asked, "the quarantine did not survive a restart"
