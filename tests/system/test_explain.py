"""Every start and end can be explained: golivectl creators explain, over a real upstream and a restart."""

import json
import subprocess

import time

from golived import BUILD, clean_environment, wait_until


def explain(golived, handle, *options):
    result = subprocess.run([BUILD / "golivectl", "creators", "explain", handle, "--url", golived.base, *options],
                            env={**clean_environment(), "GOLIVECTL_KEY": golived.key}, capture_output=True, text=True,
                            timeout=20)
    assert result.returncode == 0, result.stderr
    return result.stdout


def effects(golived, handle):
    """Oldest first."""
    return [answer["effect"] for answer in reversed(golived.get(f"/api/creators/{handle}/explain")["answers"])]


def test_a_start_and_an_end_are_explained_by_their_answers(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    start = receiver.wait_for(1)[0].event
    upstream.go_offline("ann")
    end = receiver.wait_for(2)[1].event
    answers = golived.get("/api/creators/ann/explain")["answers"][::-1]
    assert [answer["effect"] for answer in answers][:3] == ["first_offline", "start", "end_evidence"]
    assert answers[-1]["effect"] == "end"
    assert (answers[1]["event_id"], answers[1]["room_id"]) == (start["event_id"], room)
    assert answers[1]["at"] == start["live"]["started_at"]
    assert (answers[-1]["event_id"], answers[-1]["at"]) == (end["event_id"], end["live"]["ended_at"])
    assert answers[-1]["evidence"]["answers"] >= answers[-1]["evidence"]["answers_wanted"] == 2
    assert answers[-1]["evidence"]["seconds"] >= 0.3
    told = explain(golived, "@Ann")
    assert f"START in room {room}" in told and start["event_id"] in told
    assert "END" in told and end["event_id"] in told and "\033" not in told
    assert json.loads(explain(golived, "ann", "--json"))["answers"][::-1][1]["event_id"] == start["event_id"]


def test_doubtful_answers_are_counted_by_their_reason_and_outlive_a_kill(start_golived, upstream, receiver):
    golived = start_golived()
    golived.register(receiver.url("/ok"), creators=["ann", "bob"])
    golived.wait_for_state("ann", "offline")
    upstream.fault("rows_null")

    def unclear():
        return golived.get("/api/creators/ann/explain")["since_then"]["unclear"]
    wait_until(lambda: unclear() >= 2, 20, "two unclear answers")
    golived.kill()
    golived.start()
    assert unclear() >= 2, "the counts are lost with a kill"
    upstream.heal()
    upstream.fault("status", status=500, count=2)
    upstream.go_live("ann")
    receiver.wait_for(1)
    start = golived.get("/api/creators/ann/explain")["answers"][0]
    assert start["effect"] == "start" and start["before"]["unclear"] >= 2
    assert start["before"]["failed"] >= 1, "the failed batches were not counted"
    assert "unclear (null or contradictory)" in explain(golived, "ann")


def test_what_was_held_back_is_told(golived, upstream, receiver):
    handles = [f"creator{i:02}" for i in range(20)]
    golived.register(receiver.url("/ok"), creators=handles)
    wait_until(lambda: golived.get("/api/status")["creators"]["offline"] == 20, 20, "everybody was seen")
    upstream.script_many(handles, live=True)
    receiver.wait_for(20)
    assert any(effects(golived, handle)[-2:] == ["held", "start"] for handle in handles), \
        {handle: effects(golived, handle) for handle in handles}


def test_flickering_keeps_the_record_bounded(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"min_interval": "20ms", "max_interval": "20ms", "end_grace": "1h"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    room = upstream.go_live("ann")
    golived.wait_for_state("ann", "live")

    def newest():
        return golived.get("/api/creators/ann/explain")["answers"][0]
    for _ in range(35):
        upstream.go_offline("ann")
        wait_until(lambda: newest()["effect"] == "end_evidence", 20, "evidence of an end")
        upstream.go_live("ann", room_id=room)
        wait_until(lambda: newest()["effect"] == "end_dropped", 20, "it is dropped")
    assert len(golived.get("/api/creators/ann/explain")["answers"]) == 64


def test_nobody_is_explained_who_is_not_watched(golived):
    assert golived.call("GET", "/api/creators/nobody/explain").status == 404


# ---- gaps ----

def gaps(golived):
    return golived.get("/api/status")["gaps"]


def the_start_after_the_gap(golived, receiver, reason, went_live_at):
    """It carries the room's own start, it is not among the delays, and it is explained by the gap."""
    start = receiver.wait_for(1)[0].event
    assert start["live"]["started_at_source"] == "room_id"
    assert start["live"]["started_at"][:19] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(went_live_at))
    status = golived.get("/api/status")
    assert [gap["reason"] for gap in status["gaps"]] == [reason]
    assert status["poll"]["blind_since"] is None and status["poll"]["blind_reason"] is None
    delays = status["detection_delay_seconds"]
    assert (delays["p50"], delays["after_gap"]) == (None, 1), delays
    answer = golived.get("/api/creators/ann/explain")["answers"][0]
    assert (answer["effect"], answer["gap"]) == ("start", status["gaps"][0])
    assert f"nobody could be checked from {answer['gap']['began_at'][:19]}Z" in explain(golived, "ann")
    metrics = golived.call("GET", "/metrics").body.decode()
    assert f'golived_gaps_total{{reason="{reason}"}} 1' in metrics
    return answer["gap"]


def test_a_kill_is_a_gap(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    killed_at = time.time()
    golived.kill()
    went_live_at = time.time()
    upstream.go_live("ann")
    time.sleep(1.5)  # the gap
    golived.start()
    gap = the_start_after_the_gap(golived, receiver, "stopped", went_live_at)
    assert gap["began_at"][:19] <= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(killed_at + 1))
    assert gap["seconds"] >= 1


def test_a_stop_is_a_gap_and_a_restart_in_no_time_is_none(start_golived, upstream, receiver):
    golived = start_golived({"poll": {"min_interval": "1s", "max_interval": "1s"}})
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    asked = upstream.asks("ann")
    assert golived.stop() == 0
    time.sleep(1.2)  # the gap
    golived.start()
    wait_until(lambda: upstream.asks("ann") > asked, 20, "ann is checked again")
    wait_until(lambda: len(gaps(golived)) == 1, 20, "the gap is on record")
    golived.change({"poll": {"min_interval": "1m", "max_interval": "1m"}})
    assert golived.stop() == 0
    golived.start()
    golived.watch("more", ["bob"])
    golived.wait_for_state("bob", "offline")
    assert [gap["reason"] for gap in gaps(golived)] == ["stopped"], "a gap shorter than min_interval was kept"


def test_with_nobody_watched_a_stop_is_no_gap(golived, upstream, receiver):
    golived.watch("shop", ["ann"])
    golived.wait_for_state("ann", "offline")
    assert golived.call("DELETE", "/api/watchlists/shop").status == 204
    golived.stop()
    time.sleep(0.5)
    golived.start()
    golived.watch("shop", ["bob"])
    golived.wait_for_state("bob", "offline")
    assert gaps(golived) == []


def test_a_failing_upstream_is_a_gap(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.fault("status", status=503)
    wait_until(lambda: golived.get("/api/status")["poll"]["blind_reason"] == "upstream_failing", 20, "it is blind")
    went_live_at = time.time()
    upstream.go_live("ann")
    time.sleep(0.5)
    upstream.heal()
    the_start_after_the_gap(golived, receiver, "upstream_failing", went_live_at)


def test_throttling_is_a_gap(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.fault("rate_limited", retry_after=1, count=1)
    wait_until(lambda: golived.get("/api/status")["poll"]["blind_reason"] == "throttled", 20, "it is throttled")
    went_live_at = time.time()
    upstream.go_live("ann")
    the_start_after_the_gap(golived, receiver, "throttled", went_live_at)


def test_a_refused_key_and_a_kill_meanwhile_are_one_gap(golived, upstream, receiver):
    golived.register(receiver.url("/ok"), creators=["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.fault("unauthorized")
    blind_since = wait_until(lambda: golived.get("/api/status")["poll"]["blind_since"], 20, "it is blind")
    golived.stop()
    upstream.heal()
    time.sleep(0.3)  # over min_interval, with what it was blind for
    golived.start()
    wait_until(lambda: gaps(golived), 20, "the gap is on record")
    assert [(gap["reason"], gap["began_at"]) for gap in gaps(golived)] == [("stopped", blind_since)]
