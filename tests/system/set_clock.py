"""The wall clock of the real process is set, back and forward, while creators come and go. libfaketime stands between it and the clock; the
monotonic clocks stay as they are, as they do when somebody sets the time.
"""

import pathlib
import time

from ledger import World

STEPS_S = (-30, 60, -3600, 7200, -86400, 90000, -7 * 86400)  # from where it stands by then
TOLD_WITHIN_S = 20


def find_library():
    """Of Debian's package faketime; None if it is not installed."""
    return next((str(path) for path in pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


def set_again_and_again(folder, times, seed, report=lambda done: None):
    """Returns (counts, what is wrong), and how long it took at most until everything was told after a step."""
    offset, longest_s = 0, 0.0
    stamp = pathlib.Path(folder) / "clock"
    stamp.write_text("+0\n")
    environment = {"LD_PRELOAD": find_library(), "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
                   "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with World(folder, creators=12, seed=seed, environment=environment) as world:
        world.start()
        for done in range(1, times + 1):
            world.flip(4)
            offset += world.random.choice(STEPS_S)
            stamp.write_text(f"{offset:+}\n")
            begun = time.monotonic()
            world.flip(4)
            world.wait_for_truth(TOLD_WITHIN_S)
            longest_s = max(longest_s, time.monotonic() - begun)
            report(done)
        return world.finish(), longest_s
