"""What a loss of power would leave of a real daemon's files, rebuilt from what it asked of the system.

The daemon runs under strace, which writes down in one order what it writes, what it waits for the disk with, and what it sends. At any
point of that, the disk holds what was synchronised, and of each 512 bytes written since the old or the new. Such a state is made in a
folder of its own and given to the daemon: it has to start from it, and whatever a receiver was sent before that point has to be there.
"""

import os
import random
import re
import shutil
import sqlite3
import time

from golived import Program, wait_until

SECTOR = 512
TRACED = "pwrite64,fdatasync,fsync,ftruncate,unlink,write,sendto,sendmsg,writev"
CALL = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)$", re.DOTALL)
RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. \w+ resumed>.*= (?P<result>-?\d+)")
EVENT = re.compile(rb"webhook-id: (evt_\w+)", re.IGNORECASE)


def trace(world, path, flips=12):
    """A start, and creators that come and go, under strace; the daemon is killed in the end."""
    plain = world.golived.arguments
    world.golived.arguments = ["strace", "-D", "-f", "-y", "-xx", "-s", "1000000", "-o", path, "-e", f"trace={TRACED}", *plain]
    world.golived.start()
    world.golived.arguments = plain
    for _ in range(flips):
        world.flip()
        time.sleep(0.15)
    world.wait_for_truth()
    world.golived.kill()
    size = None
    while size != (size := os.path.getsize(path)):  # strace writes its last lines
        time.sleep(0.2)


def text_of(hexadecimal):
    return bytes.fromhex(hexadecimal.replace("\\x", ""))


def operations(path, database):
    """The trace as (what, file, …): write, sync, truncate and unlink of the database's files, and send of events."""
    found, waiting = [], {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            call, resumed = CALL.match(line), RESUMED.match(line)
            if resumed and resumed["thread"] in waiting:
                done = waiting.pop(resumed["thread"])
                if resumed["result"] == "0":
                    found.append(done)
                continue
            if not call:
                continue
            operation = operation_of(call["name"], call["arguments"], database)
            if not operation:
                continue
            if operation[0] == "sync" and "<unfinished" in line:
                waiting[call["thread"]] = operation
            else:
                found.append(operation)
    return found


def file_of(arguments, database):
    """The name of the database's file that a call is about, or None."""
    written = re.match(r'(?:\d+<(?P<path>[^>]*)>|"(?P<name>[^"]*)")', arguments)
    path = (written["path"] or written["name"]) if written else ""
    path = text_of(path).decode() if path.startswith("\\x") else path
    name = os.path.basename(path)
    return name if name in (database, database + "-wal") else None


def operation_of(name, arguments, database):
    file = file_of(arguments, database)
    if name == "pwrite64" and file:
        data, length, offset = re.search(r'"([^"]*)", (\d+), (\d+)', arguments).groups()
        data = text_of(data)
        assert len(data) == int(length), "strace cut a write short"
        return "write", file, int(offset), data
    if name in ("fdatasync", "fsync") and file:
        return "sync", file
    if name == "ftruncate" and file:
        return "truncate", file, int(re.search(r", (\d+)", arguments).group(1))
    if name == "unlink" and file:
        return "unlink", file
    if name in ("sendto", "sendmsg", "writev", "write"):
        events = [event for text in re.findall(r'"([^"]*)"', arguments) if text.startswith("\\x") for event in EVENT.findall(text_of(text))]
        if events:
            return "send", [event.decode() for event in events]
    return None


class Disk:
    """Files as they are on it, and what was asked of them since they were last synchronised."""

    def __init__(self, folder, names):
        self.files = {name: bytearray((folder / name).read_bytes()) if (folder / name).exists() else None for name in names}
        self.pending = {name: [] for name in names}
        self.sent = set()

    def do(self, operation):
        what, file, *rest = operation
        if what == "send":
            self.sent.update(file)
        elif what == "sync":
            for pending in self.pending[file]:
                self.files[file] = applied(self.files[file], pending)
            self.pending[file] = []
        else:
            self.pending[file].append((what, *rest))

    def after_a_loss_of_power(self, chance):
        """The files that are left, each by its name."""
        left = {}
        share = chance.choice((0, 0.5, 1))  # none of what is pending, some of it, or all
        for name, content in self.files.items():
            content = None if content is None else bytearray(content)
            for what, *rest in self.pending[name]:
                for part in sectors(rest) if what == "write" else [rest]:
                    if chance.random() < share:
                        content = applied(content, (what, *part))
            left[name] = content
        return left


def sectors(write):
    offset, data = write
    while data:
        length = SECTOR - offset % SECTOR
        yield [offset, data[:length]]
        offset, data = offset + length, data[length:]


def applied(content, operation):
    what, *rest = operation
    if what == "unlink":
        return None
    content = bytearray() if content is None else content
    if what == "truncate":
        del content[rest[0]:]
        content.extend(bytes(rest[0] - len(content)))
        return content
    offset, data = rest
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset:offset + len(data)] = data
    return content


def what_is_wrong_with(path, sent):
    """Of a database that was closed or killed: is it whole, with every event that was sent and its deliveries?"""
    database = sqlite3.connect(path)
    wrong = [f"integrity_check: {row[0]}" for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
    wrong += [f"foreign_key_check: {row}" for row in database.execute("PRAGMA foreign_key_check")]
    kept = {row[0] for row in database.execute("SELECT e.id FROM events e JOIN deliveries d ON d.event_key = e.key")}
    database.close()
    return wrong + [f"{event} was sent and is lost" for event in sorted(sent - kept)]


def try_state(world, folder, files, sent):
    """Gives the daemon such a state to start from. What is wrong, which is to be nothing."""
    golived = world.golived
    for name, content in files.items():
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
    (folder / (golived.database.name + "-shm")).unlink(missing_ok=True)
    Program.start(golived)
    started = wait_until(lambda: "admin api listening" in golived.output() or not golived.is_running(), 20, "a start, or its failure")
    running = started and golived.is_running()
    golived.kill()
    if not running:
        return [f"it does not start: {golived.output()[-500:]}"]
    golived.log.unlink()
    return what_is_wrong_with(folder / golived.database.name, sent)


def replay(world, states, seed=1, report=lambda done: None):
    """Traces the world's daemon, and tries so many states. Returns a count of what was seen, and what was wrong."""
    golived, chance = world.golived, random.Random(seed)
    folder, name = golived.database.parent, golived.database.name
    assert golived.stop() == 0
    names = (name, name + "-wal")
    before = folder / "before"
    before.mkdir()
    for file in names:
        if (folder / file).exists():
            shutil.copy(folder / file, before / file)
    trace(world, folder / "trace")
    done = operations(folder / "trace", name)
    world.upstream.kill()  # so that each start finds nothing to do
    world.receiver.kill()
    # A state is as good at any point; those in the order of the trace, so that it is gone through once.
    points = sorted(chance.choices(range(1, len(done) + 1), k=states))
    disk, at, wrong = Disk(before, names), 0, []
    for number, point in enumerate(points, 1):
        while at < point:
            disk.do(done[at])
            at += 1
        problems = try_state(world, folder, disk.after_a_loss_of_power(chance), disk.sent)
        wrong += [f"after operation {point} of {len(done)}: {problem}" for problem in problems]
        report(number)
    kinds = {what: sum(operation[0] == what for operation in done) for what in ("write", "sync", "send")}
    return {"states": states, "writes": kinds["write"], "syncs": kinds["sync"], "requests": kinds["send"], "events_sent": len(disk.sent)}, wrong
