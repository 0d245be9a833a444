"""Faults of the machine: kills, a full disk, a disk that fails, no descriptors, a standstill. Nothing committed is lost.

The long forms are ./dev crash; docs/RELIABILITY.md says what each fault is to come to.
"""

import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

from crash_campaign import inject_everywhere, kill_at_random, run_with_fault
from golived import Program, Receiver, stays, wait_until
from ledger import World

UNLIMITED = resource.RLIM_INFINITY

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


@pytest.fixture
def world(tmp_path):
    # The leak check of the sanitized build does not work under strace.
    with World(tmp_path, creators=12, environment={"ASAN_OPTIONS": "detect_leaks=0"}) as made:
        yield made.start()


def finish(world):
    counts, wrong = world.finish()
    assert not wrong, "\n".join(wrong)
    return counts


def limit(golived, what, soft):
    hard = resource.prlimit(golived.process.pid, what)[1]
    resource.prlimit(golived.process.pid, what, (soft, hard))


def readiness(golived):
    answer = golived.call("GET", "/readyz")
    return answer.status, answer.json["reasons"]


def metric(golived, name):
    lines = golived.call("GET", "/metrics").body.decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))


# ---- kill -9 ----

def test_ten_kills_at_random_times_lose_nothing(world):
    kill_at_random(world, 10)
    assert finish(world)["events"] > 0


@needs_strace
def test_kills_within_a_commit_lose_nothing(world):
    assert world.golived.stop() == 0
    struck, wrong = inject_everywhere(world, ["fdatasync", "pwrite64"], "signal=KILL", {-signal.SIGKILL}, limit=4)
    assert struck >= 4 and not wrong, wrong
    finish(world)


# ---- the disk ----

def assert_it_sits_out_a_full_disk(world, fill, make_room):
    golived = world.golived
    fill()
    wait_until(lambda: readiness(golived) == (503, ["store_not_writable"]), 20, "/readyz says that the store takes no writes")
    assert metric(golived, "golived_store_degraded") == 1
    assert golived.call("GET", "/healthz").status == 200 and golived.call("GET", "/api/webhooks").status == 200
    assert golived.call("PUT", "/api/watchlists/more", {"creators": ["zoe"]}).status == 503
    before = len(world.receiver.deliveries())
    world.flip(3)
    stays(lambda: len(world.receiver.deliveries()) == before, 1.2, "no attempt starts whose outcome could not be kept")
    assert golived.is_running()
    make_room()
    wait_until(lambda: readiness(golived) == (200, []), 10, "it resumes by itself")
    assert metric(golived, "golived_store_degraded") == 0
    world.wait_for_truth()
    gaps = [gap["reason"] for gap in golived.get("/api/status")["gaps"]]
    assert "store_not_writable" in gaps, f"nobody could be checked meanwhile, but the gaps are {gaps}"
    assert len(world.receiver.deliveries()) > before
    log = golived.output()
    assert "store degraded" in log and "store writable again" in log
    finish(world)


def fill_with_watchlists(golived):
    """Writes until a write is refused for want of room."""
    for i in range(200):
        names = [f"filler{i:03}.{j:03}" for j in range(100)]
        if golived.call("PUT", f"/api/watchlists/filler{i}", {"creators": names}).status == 503:
            return
    raise AssertionError("the disk is not full")


def test_files_that_may_not_grow_are_a_full_disk(world):
    golived = world.golived

    def fill():
        # Nothing more fits into the write-ahead log; what is logged does.
        assert golived.log.stat().st_size < 40000
        limit(golived, resource.RLIMIT_FSIZE, 60000)
        fill_with_watchlists(golived)
    assert_it_sits_out_a_full_disk(world, fill, lambda: limit(golived, resource.RLIMIT_FSIZE, UNLIMITED))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_file_system(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "golived-test", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        with World(tmp_path, creators=12, settings={"store": {"path": disk / "golived.db"}}) as world:
            golived = world.golived
            golived.database = disk / "golived.db"
            golived.key = None
            ballast = disk / "ballast"

            def fill():
                ballast.write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
                world.flip(3)
            start_elsewhere(world, disk)
            assert_it_sits_out_a_full_disk(world, fill, ballast.unlink)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def start_elsewhere(world, folder):
    """World.start() where admin.key is beside another database than Golived looks for."""
    golived = world.golived
    own = golived.folder
    Program.start(golived)
    golived.base = golived.wait_for_output(r"admin api listening address=(http://\S+)").group(1)
    golived.key = (folder / "admin.key").read_text().strip()
    assert golived.folder == own
    world.webhooks = [golived.register(world.receiver.url("/delay/60/a"), creators=world.handles)]
    world.wait_for_truth()


@needs_strace
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_a_disk_that_fails_ends_the_daemon_with_1_and_the_next_start_goes_on(world, call):
    assert world.golived.stop() == 0
    # Of the store's thread, and past the start: the call that fails belongs to a commit.
    status = run_with_fault(world, f"{call}:error=EIO:when=3+")
    assert status == 1, f"{status}: {world.golived.output()}"
    assert "the database failed" in world.golived.output() or "cannot open the database" in world.golived.output()
    world.golived.start()
    finish(world)


# ---- descriptors, standstill ----

def test_without_descriptors_no_attempt_is_counted(world, tmp_path):
    golived = world.golived
    with Receiver(tmp_path, name="another") as another:  # so that a connection has to be opened
        webhook = golived.register(another.url("/ok"), event_types=["live.start"], creators=world.handles)
        world.flip()
        world.wait_for_truth()
        another.kill()
        another.arguments[another.arguments.index("127.0.0.1:0")] = another.base.removeprefix("http://")
        another.start()
        open_ones = max(int(name) for name in os.listdir(f"/proc/{golived.process.pid}/fd"))
        limit(golived, resource.RLIMIT_NOFILE, open_ones)
        world.flip(3)
        golived.wait_for_output(r"Too many open files")
        stays(golived.is_running, 0.5, "it runs")
        limit(golived, resource.RLIMIT_NOFILE, 1024)
        world.wait_for_truth()
        rows = golived.deliveries(f"?webhook_id={webhook['id']}")
        assert rows and all((row["status"], row["attempts"]) == ("delivered", 1) for row in rows), rows
        assert all(request.headers["x-tiktool-attempt"] == "1" for request in another.deliveries())


def data_bytes(golived):
    status = pathlib.Path(f"/proc/{golived.process.pid}/status").read_text()
    return 1024 * int(re.search(r"^VmData:\s+(\d+) kB", status, re.M).group(1))


def ask_for_memory(golived):
    """Large requests until one is not answered (True), or there were enough of them."""
    for number in range(20):
        try:
            golived.call("PUT", f"/api/watchlists/large{number}", {"creators": [f"nobody{number}x{i}" for i in range(4000)]})
        except (OSError, http.client.HTTPException):
            return True
    return False


@pytest.mark.parametrize("room_kb", [0, 500, 3000])
def test_without_memory_it_ends_or_goes_on_and_nothing_is_lost(world, room_kb):
    golived = world.golived
    world.flip(3)
    limit(golived, resource.RLIMIT_DATA, data_bytes(golived) + 1024 * room_kb)
    world.flip(3)
    has_ended = ask_for_memory(golived)
    world.flip(3)
    if has_ended:
        golived.process.wait(10)
        golived.start()
    else:
        limit(golived, resource.RLIMIT_DATA, UNLIMITED)
    for number in range(20):  # what nobody is to ask for
        golived.call("DELETE", f"/api/watchlists/large{number}")
    finish(world)


def test_a_standstill_is_made_up_for(world):
    golived = world.golived
    for _ in range(2):
        world.flip(4)
        time.sleep(0.3)
        golived.signal(signal.SIGSTOP)
        world.flip(4)
        time.sleep(1.5)
        golived.signal(signal.SIGCONT)
    finish(world)
