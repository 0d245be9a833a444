#!/usr/bin/python3
"""./dev crash: the daemon is killed again and again, and the ledgers must agree in the end.

    ./dev crash                 1,000 kills -9 at random times, while creators come and go
    ./dev crash --kills N       so many
    ./dev crash --syscalls      a kill -9 at the first, second, … call of every kind that writes or sends, of each thread, over a
                                start, a poll and a delivery; then the same with the calls failing (EIO), which must end the daemon
                                with 1 or leave it running (strace)
    ./dev crash --power-loss N  N states that a loss of power could leave of the database's files while it runs (strace); each is started
                                from, and has to have every event that was sent by then
    ./dev crash --upgrade       a kill -9 at each call that writes while a database of version 1 is upgraded (strace); what is left has
                                to be of the old version or of the new one, whole, and the next start goes on
    ./dev crash --clock N       the wall clock is set N times, back and forward by seconds to days (faketime); everything has to be told
                                within 20 s each time
    --seed N                    another course of events
"""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import power_loss
import set_clock
import upgrade
from golived import Program, wait_until
from ledger import World

# Calls that change what is on disk or on the wire.
KILLED_AT = ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename", "write", "sendto", "writev", "sendmsg"]
FAILED_AT = ["fdatasync", "fsync", "pwrite64", "pread64"]
FAULTS_IN_A_ROW = 400  # the most of one kind; a run without a fault ends it earlier
FIRST_STARTS = 60


def kill_at_random(world, kills, report=lambda done: None):
    """Restarts with and without waiting for readiness, so that starts and recoveries are cut off, too."""
    for done in range(1, kills + 1):
        world.flip(world.random.randint(1, 3))
        time.sleep(world.random.uniform(0, 0.35))
        world.golived.kill()
        world.golived.log.unlink()
        Program.start(world.golived)
        report(done)
    world.golived.kill()
    world.golived.start()


def run_with_fault(world, fault):
    """A start, a poll and a delivery under an injected fault. Returns the status the daemon ended with, or None if it did not."""
    plain = world.golived.arguments
    world.golived.arguments = ["strace", "-D", "-f", "-o", "/dev/null", "-e", f"trace={fault.split(':')[0]}",
                               "-e", f"inject={fault}", *plain]
    before = len(world.receiver.deliveries())
    Program.start(world.golived)
    world.golived.arguments = plain
    world.flip()
    process = world.golived.process

    def look():
        return process.poll() is not None or len(world.receiver.deliveries()) >= before + 3
    try:
        wait_until(look, 6, "the fault, or a delivery")
        deadline = time.monotonic() + 0.3  # for what comes after
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    except AssertionError:
        pass  # it goes on without delivering: what waits is delivered after the fault
    if process.poll() is not None:
        return process.returncode
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(15)
    except Exception:
        process.kill()
        process.wait()
        raise
    return None if status == 0 else status


def inject_everywhere(world, syscalls, what, allowed, limit=FAULTS_IN_A_ROW, report=lambda text: None):
    """Each of the calls, at its first, second, … time. Returns how often a fault struck, and what went wrong."""
    struck, wrong = 0, []
    for syscall in syscalls:
        for k in range(1, limit + 1):
            status = run_with_fault(world, f"{syscall}:{what}:when={k}")
            if status is None:
                break
            struck += 1
            if status not in allowed:
                wrong.append(f"{syscall} {k} {what}: ended with {status}:\n{world.golived.output()[-1500:]}")
            world.golived.log.unlink()
        report(f"{syscall}: {k - (status is None)} times")
    world.golived.start()
    return struck, wrong


def inject_into_first_starts(folder, syscalls, report=lambda text: None):
    """The same, while the database and its key are made: the next start must find nothing or all of it."""
    struck = 0
    for syscall in syscalls:
        for k in range(1, FIRST_STARTS + 1):
            fresh = pathlib.Path(folder) / f"{syscall}{k}"
            fresh.mkdir()
            with World(fresh) as world:
                status = run_with_fault(world, f"{syscall}:signal=KILL:when={k}")
                world.golived.start()
                assert world.golived.stop() == 0
            shutil.rmtree(fresh)
            if status is None:
                break
            struck += 1
        report(f"{syscall} of a first start: {k - (status is None)} times")
    return struck


def tell(text):
    print(text, flush=True)


def random_campaign(folder, arguments):
    with World(folder, seed=arguments.seed) as world:
        world.start()
        started = time.monotonic()

        def report(done):
            if done % 100 == 0:
                tell(f"{done} kills, {time.monotonic() - started:.0f} s")
        kill_at_random(world, arguments.kills, report)
        return arguments.kills, world.finish()


def syscall_campaign(folder, arguments):
    with World(folder, creators=6, seed=arguments.seed) as world:
        world.start()
        assert world.golived.stop() == 0
        killed, wrong_kills = inject_everywhere(world, KILLED_AT, "signal=KILL", {-signal.SIGKILL}, report=tell)
        assert world.golived.stop() == 0
        failed, wrong_failures = inject_everywhere(world, FAILED_AT, "error=EIO", {1}, limit=60, report=tell)
        counts, wrong = world.finish()
    fresh = pathlib.Path(folder) / "fresh"
    fresh.mkdir()
    killed += inject_into_first_starts(fresh, ["pwrite64", "fdatasync", "fsync", "rename"], report=tell)
    counts["calls_failed"] = failed
    return killed, (counts, wrong_kills + wrong_failures + wrong)


def conclude(folder, wrong, all_is_well):
    for line in wrong[:20]:
        tell(f"WRONG: {line}")
    if wrong:
        sys.exit(f"{len(wrong)} contradictions; everything is in {folder}")
    shutil.rmtree(folder)
    tell(all_is_well)


def power_loss_campaign(folder, arguments):
    started = time.monotonic()

    def report(done):
        if done % 100 == 0:
            tell(f"{done} states, {time.monotonic() - started:.0f} s")
    with World(folder, creators=6, seed=arguments.seed) as world:
        world.start()
        counts, wrong = power_loss.replay(world, arguments.power_loss, arguments.seed, report)
    tell(f"{time.monotonic() - started:.0f} s; " + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()))
    return wrong


def upgrade_campaign(folder, _):
    started = time.monotonic()
    struck, wrong = upgrade.kill_everywhere(pathlib.Path(folder), report=tell)
    tell(f"{sum(struck.values())} kills in {time.monotonic() - started:.0f} s; "
         + ", ".join(f"{count} left version {version}" for version, count in struck.items()))
    return wrong


def clock_campaign(folder, arguments):
    (counts, wrong), longest_s = set_clock.set_again_and_again(folder, arguments.clock, arguments.seed)
    tell(f"set {arguments.clock} times; everything was told within {longest_s:.1f} s; "
         + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()))
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="./dev crash", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--syscalls", action="store_true")
    parser.add_argument("--power-loss", type=int, metavar="N")
    parser.add_argument("--upgrade", action="store_true")
    parser.add_argument("--clock", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if (arguments.syscalls or arguments.power_loss or arguments.upgrade) and not shutil.which("strace"):
        sys.exit("--syscalls, --power-loss and --upgrade need strace")
    if arguments.clock and not set_clock.find_library():
        sys.exit("--clock needs faketime")
    started = time.monotonic()
    folder = tempfile.mkdtemp(prefix="golived-crash-")
    if arguments.power_loss:
        conclude(folder, power_loss_campaign(folder, arguments), "the daemon started from each, and nothing that was sent was lost")
        return
    if arguments.clock:
        conclude(folder, clock_campaign(folder, arguments), "every event arrived, once and in order, whatever the clock said")
        return
    if arguments.upgrade:
        conclude(folder, upgrade_campaign(folder, arguments), "each left the old version or the new one, whole, and the next start went on")
        return
    kills, (counts, wrong) = (syscall_campaign if arguments.syscalls else random_campaign)(folder, arguments)
    tell(f"{kills} kills in {time.monotonic() - started:.0f} s; " + ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items()))
    conclude(folder, wrong, "every event has its deliveries, every delivery arrived, nothing arrived that was not committed; the database is whole")


if __name__ == "__main__":
    main()
