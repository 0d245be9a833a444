"""A daemon that stands still is aborted by systemd's watchdog and started again, and nothing is lost by it (fault F45).

What stands still is one thread, held within a call by strace: the loop's in its wait for events, or the store's in the commit of what
the loop goes on to ask for.
"""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from golived import wait_until
from ledger import World
from manager import Manager

WATCHDOG_SECONDS = 3
HELD_US = 120 * 1000 * 1000

pytestmark = pytest.mark.skipif(not shutil.which("strace") or os.geteuid() != 0,
                                reason="strace is not installed, or may not attach: only root may to what is not dumpable")


@pytest.fixture
def manager(tmp_path):
    return Manager(tmp_path)


@pytest.fixture
def world(tmp_path, manager):
    environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1000000)}
    with World(tmp_path, creators=12, environment=environment) as made:
        yield made.start()


def thread_of(process, name):
    """The id of the thread of that name; the loop's is the first, and has the program's."""
    tasks = sorted(pathlib.Path(f"/proc/{process.pid}/task").iterdir(), key=lambda task: int(task.name))
    names = [(int(task.name), (task / "comm").read_text().strip()) for task in tasks]
    return next((thread for thread, called in names if called == name), None) or pytest.fail(f"no thread {name}: {names}")


def hold(thread, calls):
    """Attaches to that thread, and holds it at its next such call."""
    strace = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(thread), "-e", f"trace={calls}",
                               "-e", f"inject={calls}:delay_enter={HELD_US}"], stderr=subprocess.PIPE, text=True)
    assert "attached" in strace.stderr.readline()
    return strace


@pytest.mark.parametrize("name, calls", [("golived", "epoll_wait,epoll_pwait"), ("store-writer", "fdatasync")], ids=["loop", "store"])
def test_a_thread_that_stands_still_ends_in_a_restart_that_loses_nothing(world, manager, name, calls):
    wait_until(lambda: manager.count("WATCHDOG") >= 2, 20, "WATCHDOG=1 while all is well")
    world.flip(3)
    process = world.golived.process
    strace = hold(thread_of(process, name), calls)
    world.flip(3)
    try:
        manager.enforce_watchdog(process, WATCHDOG_SECONDS)
    finally:
        strace.kill()  # what is traced does not die of a signal
        strace.wait()
    assert process.wait(20) == -signal.SIGABRT
    world.golived.start()
    counts, wrong = world.finish()
    assert counts["events"] > 0 and not wrong, "\n".join(wrong)
