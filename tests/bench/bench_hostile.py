#!/usr/bin/env python3
"""What receivers that misbehave cost in memory: ./dev bench hostile [--rounds N]

Endless heads, lines of megabytes, large and endless bodies, resets, garbage and what else golivesim's receiver knows, again and again: the
daemon's memory after a few rounds, and after all of them.
"""

import argparse
import concurrent.futures
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from golived import Golived, Receiver, Upstream  # noqa: E402

MISDEEDS = ["/big", "/long-header", "/header-flood", "/1xx-flood", "/drip-body", "/drip", "/redirect", "/half-head", "/reset", "/garbage",
            "/upgrade", "/http09", "/bad-chunk", "/short-body", "/hang-after-head"]
WARM_ROUNDS = 3


def memory_kb(golived, what):
    status = pathlib.Path(f"/proc/{golived.process.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", status)[1])


def attempt_all(golived, webhooks, rounds):
    """A test is one attempt; the daemon makes four of them at once."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(rounds):
            list(pool.map(lambda webhook: golived.post(f"/api/webhooks/{webhook}/test"), webhooks))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    settings = {"delivery": {"timeout": "1s", "connect_timeout": "1s"}, "log": {"level": "info"}}
    with tempfile.TemporaryDirectory() as folder, Upstream(folder) as upstream, Receiver(folder) as receiver:
        with Golived(folder, upstream, settings) as golived:
            webhooks = [golived.register(receiver.url(path), creators=["ann"])["id"] for path in MISDEEDS]
            attempt_all(golived, webhooks, WARM_ROUNDS)
            before_kb = memory_kb(golived, "VmRSS")
            attempt_all(golived, webhooks, rounds)
            print(f"{len(webhooks)} receivers that misbehave, {rounds} rounds: RSS {before_kb / 1024:.1f} MB before,"
                  f" {memory_kb(golived, 'VmRSS') / 1024:.1f} MB after, {memory_kb(golived, 'VmHWM') / 1024:.1f} MB at most")


if __name__ == "__main__":
    main()
