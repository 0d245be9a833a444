"""At home with systemd: the unit, sd_notify(3), the watchdog, a socket that is passed. Nothing here needs systemd to run."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from golived import BUILD, request, wait_until
from manager import Manager

SOURCES = pathlib.Path(__file__).resolve().parents[2]
UNITS = SOURCES / "systemd"
MOST_EXPOSURE = 1.1

needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def manager(tmp_path):
    return Manager(tmp_path)


@needs_analyze
def test_the_units_are_accepted_without_a_word(tmp_path):
    for name in ("golived.service", "golived.socket"):
        text = (UNITS / name).read_text()
        # The program is where it was built, not yet where the package puts it.
        (tmp_path / name).write_text(text.replace("/usr/sbin/golived", str(BUILD / "golived")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "golived.service", tmp_path / "golived.socket"],
                          capture_output=True, text=True, timeout=60)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "golived" in line]
    assert done.returncode == 0 and not said, said


@needs_analyze
def test_the_service_is_exposed_as_little_as_we_say():
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / "golived.service"],
                          capture_output=True, text=True, timeout=60)
    exposure = re.search(r"Overall exposure level for golived.service: ([0-9.]+)", done.stdout)
    assert exposure, done.stdout + done.stderr
    assert float(exposure.group(1)) <= MOST_EXPOSURE


def test_a_restart_cannot_cure_status_2():
    assert "RestartPreventExitStatus=2" in (UNITS / "golived.service").read_text().splitlines()


def test_systemd_hears_of_the_start_of_what_is_watched_of_a_reload_and_of_the_stop(start_golived, upstream, receiver, manager):
    golived = start_golived(environment={"NOTIFY_SOCKET": manager.path})
    manager.wait_for({"READY": "1"})
    assert manager.count("READY") == 1
    golived.register(receiver.url("/ok"), creators=["ann", "ben"])
    upstream.go_live("ann")
    receiver.wait_for(1)
    manager.wait_for({"STATUS": "watching 2 creators, 1 live, 0 deliveries pending"}, seconds=30)

    golived.signal(signal.SIGHUP)
    reloading = manager.wait_for({"RELOADING": "1"})
    assert 0 <= time.monotonic_ns() // 1000 - int(reloading["MONOTONIC_USEC"]) < 20e6
    wait_until(lambda: manager.count("READY") == 2, 20, "READY=1 after the reload")

    assert golived.stop() == 0
    stopping = manager.wait_for({"STOPPING": "1"})
    assert stopping["STATUS"] == "finishing attempts in flight" == manager.statuses()[-1]
    assert manager.count("WATCHDOG") == 0  # nobody asked for it


def test_an_abstract_socket_is_told_as_well(start_golived, tmp_path):
    name = f"golived-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(20)
        start_golived(environment={"NOTIFY_SOCKET": "@" + name})
        assert b"READY=1" in manager.recv(65536).split(b"\n")


def test_the_watchdog_is_fed_while_the_daemon_runs_and_drains_and_not_when_it_hangs(start_golived, manager):
    golived = start_golived(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"})
    wait_until(lambda: manager.count("WATCHDOG") >= 3, 20, "WATCHDOG=1 three times")
    golived.signal(signal.SIGSTOP)
    fed = manager.count("WATCHDOG")
    time.sleep(1.5)
    assert manager.count("WATCHDOG") == fed
    golived.signal(signal.SIGCONT)
    wait_until(lambda: manager.count("WATCHDOG") > fed, 20, "WATCHDOG=1 after it goes on")


def test_the_watchdog_of_another_process_is_not_ours(start_golived, manager):
    golived = start_golived(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    manager.wait_for({"READY": "1"})
    wait_until(manager.statuses, 20, "a status")
    time.sleep(1.5)
    assert manager.count("WATCHDOG") == 0
    assert golived.is_running()


PASS_A_SOCKET = """
import os, socket, sys
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="golived.socket")
print("passed", listening.getsockname()[1], flush=True)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_socket_that_systemd_passes_wins_over_the_configuration(start_golived):
    golived = start_golived({"admin": {"listen": "127.0.0.1:1"}}, wrapper=(sys.executable, "-c", PASS_A_SOCKET))
    port = golived.wait_for_output(r"passed (\d+)").group(1)
    assert golived.base == f"http://127.0.0.1:{port}"
    assert request("GET", golived.base + "/healthz").status == 200


def test_a_notify_socket_that_is_not_there_stops_nothing(start_golived):
    golived = start_golived(environment={"NOTIFY_SOCKET": "/nonexistent/notify", "WATCHDOG_USEC": "1000000"})
    assert request("GET", golived.base + "/healthz").status == 200
    assert golived.stop() == 0
