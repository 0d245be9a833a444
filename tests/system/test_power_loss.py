"""From whatever a loss of power leaves of its files the daemon starts, and what was sent to a receiver is there (fault F3).

The long form is ./dev crash --power-loss N.
"""

import shutil

import pytest

import power_loss
from ledger import World

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def replayed(folder, states, synchronous):
    # The leak check of the sanitized build does not work under strace.
    settings = {"store": {"path": str(folder / "golived.db"), "synchronous": synchronous}}
    with World(folder, creators=6, settings=settings, environment={"ASAN_OPTIONS": "detect_leaks=0"}) as world:
        return power_loss.replay(world.start(), states)


def test_nothing_that_was_sent_is_lost(tmp_path):
    counts, wrong = replayed(tmp_path, 12, "full")
    assert counts["events_sent"] > 0 and counts["syncs"] > 10 and not wrong, "\n".join(wrong)


def test_a_database_that_does_not_wait_for_the_disk_is_found_out(tmp_path):
    _, wrong = replayed(tmp_path, 12, "normal")
    assert any("was sent and is lost" in line for line in wrong), wrong
