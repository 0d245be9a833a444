"""Bare surroundings: no standard descriptors, no HOME, a working directory that is gone. It runs, and writes its log nowhere else."""

import re
import socket
import sqlite3
import urllib.error

from golived import Golived, Receiver, Upstream, request, wait_until

BARE = ["/usr/bin/env", "-u", "HOME", "/bin/sh", "-c",
        'mkdir gone && cd gone && rmdir ../gone && exec "$@" <&- >&- 2>&-', "bare"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(golived):
    """Nothing can be read of it, so it is asked."""
    assert golived.is_running(), f"it ended with {golived.process.returncode}"
    try:
        return request("GET", golived.base + "/healthz").status == 200
    except urllib.error.URLError:
        return False


def start_in_bare_surroundings(golived):
    golived.spawn()
    golived.base = "http://" + golived.settings["admin"]["listen"]
    wait_until(lambda: answers(golived), 20, "/healthz answers")
    golived.key = (golived.folder / "admin.key").read_text().strip()


def test_it_runs_with_nothing_around_it(tmp_path):
    settings = {"admin": {"listen": f"127.0.0.1:{free_port()}"}}
    with Upstream(tmp_path) as upstream, Receiver(tmp_path) as receiver:
        golived = Golived(tmp_path, upstream, settings, wrapper=BARE)
        try:
            for handle in ["ann", "bob"]:
                start_in_bare_surroundings(golived)
                webhook = golived.register(receiver.url(f"/{handle}"), event_types=["live.start"], creators=[handle])
                upstream.wait_for_checks(handle)
                upstream.go_live(handle)
                receiver.wait_for(1, f"/{handle}")[0].assert_signed(webhook["secret"])
                assert golived.stop() == 0
        finally:
            golived.kill()
    assert golived.output() == ""
    # What it opened is what it was to be: no line of the log went there.
    assert re.fullmatch(r"\d+\n", (tmp_path / "golived.db.lock").read_text())
    assert re.fullmatch(r"[0-9a-f]{64}\n", (tmp_path / "secret.key").read_text())
    with sqlite3.connect(golived.database) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
