#!/usr/bin/env python3
"""What a flood on the admin API does to deliveries: ./dev bench admin [--flood-of small|pages|writes] [--rounds N] [--seconds N] [--connections N]

Creators change their room at a steady pace; how long each delivery took from its creation to its receiver is measured in turns without a flood and
with one: so many kept connections on this machine that ask again as soon as they are answered. Everything stays on loopback.
"""

import argparse
import json
import os
import pathlib
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from golived import Golived, Receiver, Upstream, wait_until  # noqa: E402

CHANGES_A_SECOND = 25
CREATORS = 400
FLOODS = {
    "small": [("GET", "/api/status", ""), ("GET", "/api/deliveries?limit=50", ""), ("GET", "/api/events?limit=50", ""), ("GET", "/healthz", ""),
              ("GET", "/api/nothing", "")],
    "pages": [("GET", "/api/deliveries?limit=500", ""), ("GET", "/api/events?limit=500", ""), ("GET", "/api/creators?limit=500", "")],
    "writes": [("PATCH", "/api/watchlists/others", '{"add": ["somebody"]}'), ("PATCH", "/api/watchlists/others", '{"remove": ["somebody"]}')],
}


def as_bytes(method, path, body, key):
    length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n{length}\r\n{body}".encode()


def flood(base, key, what, connections, seconds):
    """In a process of its own: prints how many requests were answered."""
    address = urllib.parse.urlsplit(base)
    requests = [as_bytes(*one, key) for one in FLOODS[what]]
    selector, answered = selectors.DefaultSelector(), 0
    for number in range(connections):
        one = socket.create_connection((address.hostname, address.port))
        one.sendall(requests[number % len(requests)])
        selector.register(one, selectors.EVENT_READ, [number, b""])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for ready, _ in selector.select(0.1):
            ready.data[1] += ready.fileobj.recv(1 << 18)
            head, found, body = ready.data[1].partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if found and len(body) >= int(length or 0):
                answered += 1
                ready.data[:] = [ready.data[0] + 1, b""]
                ready.fileobj.sendall(requests[ready.data[0] % len(requests)])
    print(answered)


def make_events(upstream, seconds):
    """Creators change their room at a steady pace: each time a live.end and a live.start, found by polling as real ones are."""
    begun, changed = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        upstream.go_live(f"c{changed % CREATORS}")
        changed += 1
        time.sleep(max(0, begun + changed / CHANGES_A_SECOND - time.monotonic()))


def latencies(golived, deliveries):
    """Milliseconds from the delivery's creation to its receiver."""
    made = {one["id"]: one for one in golived.deliveries()}
    found = []
    for delivery in deliveries:
        row = made.get(delivery.headers["x-tiktool-delivery-id"])
        if row:
            second, fraction = row["created_at"].removesuffix("Z").split(".")
            created_ms = int(time.mktime(time.strptime(second, "%Y-%m-%dT%H:%M:%S")) - time.timezone) * 1000 + int(fraction)
            found.append(delivery["received_at_ms"] - created_ms)
    return found


def phase(golived, upstream, receiver, seconds, what, connections):
    # The flood comes from elsewhere: here it gets what time of the processor nobody else wants.
    before = len(receiver.deliveries())
    flooder = connections and subprocess.Popen(
        ["chrt", "-i", "0", sys.executable, __file__, "--flood", golived.base, golived.key, what, str(connections), str(seconds)],
        stdout=subprocess.PIPE, text=True)
    make_events(upstream, seconds)
    answered = int(flooder.communicate()[0]) if flooder else 0
    wait_until(lambda: golived.get("/api/status")["deliveries"]["pending"] == 0, 20, "everything is delivered")
    return latencies(golived, receiver.deliveries()[before:]), answered / seconds


def describe(name, found, rate):
    ordered = sorted(found)
    print(f"{name:6} {len(found):6} deliveries  mean {statistics.mean(found):6.2f} ms  p50 {statistics.median(found):6.1f}  "
          f"p99 {ordered[len(ordered) * 99 // 100]:6.1f}  API {rate:8.0f} requests/s", flush=True)


def main():
    if "--flood" in sys.argv:
        base, key, what, connections, seconds = sys.argv[2:]
        flood(base, key, what, int(connections), float(seconds))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood-of", choices=FLOODS, default="small", help="what the flood asks for")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=48)
    options = parser.parse_args()
    print(f"{options.rounds} rounds of {options.seconds:g} s without and with {options.connections} connections that flood the "
          f"API ({options.flood_of}); {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, Upstream(folder) as upstream, Receiver(folder) as receiver:
        with Golived(folder, upstream, {"log": {"level": "notice"}}) as golived:
            handles = [f"c{number}" for number in range(CREATORS)]
            upstream.script_many(handles, live=True)
            golived.watch("talents", handles)
            golived.watch("others", handles[:1])
            wait_until(lambda: golived.get("/api/status")["creators"]["live"] == CREATORS, 30, "everybody is live")
            golived.register(receiver.url("/ok"))
            phase(golived, upstream, receiver, 1, options.flood_of, 0)
            quiet, loud = [], []
            for _ in range(options.rounds):
                for found, connections, name in ((quiet, 0, "quiet"), (loud, options.connections, "flood")):
                    some, rate = phase(golived, upstream, receiver, options.seconds, options.flood_of, connections)
                    describe(name, some, rate)
                    found += some
    describe("quiet", quiet, 0)
    describe("flood", loud, 0)
    change = statistics.mean(loud) / statistics.mean(quiet) - 1
    print(f"mean latency with the flood: {change:+.0%}, {statistics.mean(loud) - statistics.mean(quiet):+.2f} ms")


main()
