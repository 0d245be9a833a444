"""The real programs, started and stopped for a test: golived, and golivesim as both its ends.

    with Upstream(folder) as upstream, Receiver(folder) as receiver, Golived(folder, upstream) as golived:
        webhook = golived.register(receiver.url("/ok"), creators=["ann"])
        upstream.go_live("ann")
        delivery = receiver.wait_for(1)[0]

Every program listens on a free port and lives in a folder of its own. The binaries are those of $GOLIVED_BUILD.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import openapi
import signatures

BUILD = pathlib.Path(os.environ.get("GOLIVED_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
START_SECONDS = 20


def wait_until(predicate, seconds, what):
    """Calls predicate until it gives something true, and returns that; fails with what was missing, and how it stood."""
    deadline = time.monotonic() + seconds
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what} (last seen: {result!r})")
        time.sleep(0.02)


def stays(predicate, seconds, what):
    """Fails if predicate turns false within that time: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert predicate(), f"no longer: {what}"
        time.sleep(0.05)


class Answer:
    """Status, headers and body of an HTTP answer; json is the body read as JSON, or None."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def request(method, url, body=None, headers=None, seconds=10):
    """One HTTP request without proxy. A dict or list as body is sent as JSON; an error status is an Answer like any other."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    call = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with opener.open(call, timeout=seconds) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class Program:
    """A process whose output goes to files in its folder."""

    def __init__(self, folder, name, arguments, environment=None):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.arguments = [str(argument) for argument in arguments]
        self.environment = environment or {}
        self.process = None
        self.runs = 0

    def spawn(self):
        """Starts the process, and waits for nothing."""
        self.runs += 1
        self.log = self.folder / f"{self.name}.{self.runs}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, env={**clean_environment(), **self.environment})

    def start(self):
        """Starts it, and waits until it serves."""
        self.spawn()
        return self

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for_output(self, pattern, seconds=START_SECONDS):
        """The match of a regular expression in the output, once it is there; the program must go on running till then."""
        def look():
            match = re.search(pattern, self.output())
            if not match and self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.output()}")
            return match
        try:
            return wait_until(look, seconds, f"{self.name} says {pattern!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nIt said:\n{self.output()}") from None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        """The exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is still running after {seconds} s:\n{self.output()}") from None

    def stop(self, seconds=20):
        """SIGTERM, and the exit status."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.kill()


def clean_environment():
    """Ours without what would configure golived or redirect its requests."""
    return {key: value for key, value in os.environ.items()
            if not key.startswith(("GOLIVED_", "golived_")) and not key.lower().endswith("_proxy")}


class Simulator(Program):
    """golivesim in one of its roles."""

    def start(self):
        self.spawn()
        self.base = self.wait_for_output(r"listening (http://\S+)").group(1)
        return self

    def ask(self, method, path, body=None):
        answer = request(method, self.base + path, body)
        assert answer.status < 300, f"{method} {path}: {answer}"
        return answer.json


class Upstream(Simulator):
    """The simulated service. By default its limits are beyond what a test reaches."""

    KEY = "sim-upstream-key"

    def __init__(self, folder, *options, per_minute=100000, per_day=100000000, batch=50):
        super().__init__(folder, "upstream", [
            BUILD / "golivesim", "upstream", "--listen", "127.0.0.1:0", "--key", self.KEY, "--batch", batch,
            "--per-minute", per_minute, "--per-day", per_day, *options])
        self.limits = {"batch_size": batch, "requests_per_minute": per_minute, "requests_per_day": per_day}

    def script(self, handle, **what):
        return self.ask("PUT", f"/_sim/creators/{handle}", what)["creators"][0]

    def script_many(self, handles, **what):
        return self.ask("POST", "/_sim/creators", {"creators": {handle: what for handle in handles}})["creators"]

    def go_live(self, handle, **what):
        """Returns the room id, a fresh one unless it is given."""
        return self.script(handle, live=True, **what)["room_id"]

    def go_offline(self, handle):
        self.script(handle, live=False)

    def fault(self, kind, **what):
        self.ask("POST", "/_sim/faults", {"kind": kind, **what})

    def heal(self):
        self.ask("DELETE", "/_sim/faults")

    def stats(self):
        return self.ask("GET", "/_sim/stats")

    def requests(self, limit=2000):
        return self.ask("GET", f"/_sim/requests?limit={limit}")["requests"]

    def asks(self, handle):
        return self.stats()["asks"].get(handle, 0)

    def wait_for_checks(self, handle, more=2, seconds=20):
        """Until the creator was asked for that many more times, so that what it is now was seen."""
        before = self.asks(handle)
        wait_until(lambda: self.asks(handle) >= before + more, seconds, f"{more} more checks of {handle}")


class Delivery(dict):
    """A recorded request: received_at_ms, method, path, headers (lower-case names), body, remote."""

    @property
    def event(self):
        return json.loads(self["body"])

    @property
    def headers(self):
        return self["headers"]

    def assert_signed(self, secret):
        """Both signatures, the timestamps and the ids, by the independent implementation."""
        body, headers = self["body"].encode(), self.headers
        assert headers["x-tiktool-signature"] == signatures.tiktool(secret, body)
        signed = signatures.standard(secret, headers["webhook-id"], headers["webhook-timestamp"], body)
        assert signed in headers["webhook-signature"].split(" ")
        assert headers["webhook-timestamp"] == headers["x-tiktool-timestamp"]
        assert abs(int(headers["webhook-timestamp"]) - self["received_at_ms"] / 1000) < 5


class Receiver(Simulator):
    """The recording receiver; what a path does stands in golivesim receiver --help."""

    def __init__(self, folder, *options, name="receiver"):
        self.record = pathlib.Path(folder) / f"{name}.jsonl"
        super().__init__(folder, name, [BUILD / "golivesim", "receiver", "--listen", "127.0.0.1:0", "--record",
                                        self.record, *options])

    def url(self, path="/"):
        return self.base + path

    def deliveries(self, path=None):
        """All of them, in the order in which they came; what is still being written is left for the next time."""
        lines = self.record.read_text().split("\n")[:-1] if self.record.exists() else []
        recorded = [Delivery(json.loads(line)) for line in lines]
        return [delivery for delivery in recorded if path is None or delivery["path"] == path]

    def wait_for(self, count, path=None, seconds=20):
        wait_until(lambda: len(self.deliveries(path)) >= count, seconds,
                   f"{count} deliveries{' on ' + path if path else ''}")
        return self.deliveries(path)

    def behave(self, path, **how):
        self.ask("POST", "/_sim/behaviours", {"path": path, **how})


class Golived(Program):
    """The daemon, with a configuration in which everything happens within fractions of a second."""

    DEFAULTS = {
        "upstream": {"timeout": "3s", "backoff_max": "1s"},
        "poll": {"min_interval": "200ms", "max_interval": "400ms", "policy": "uniform", "quota_reserve": "1%",
                 "end_confirmations": "2", "end_grace": "300ms", "first_sight": "announce"},
        "delivery": {"schedule": "0s, 300ms, 1s, 2s, 3s, 4s", "connect_timeout": "2s", "timeout": "3s",
                     "allow_targets": "127.0.0.0/8", "drain_timeout": "3s"},
        "admin": {"listen": "127.0.0.1:0"},
        "log": {"level": "debug", "format": "text"},
    }

    def __init__(self, folder, upstream=None, settings=None, environment=None, wrapper=(), announces=r"address=(http://\S+)"):
        """settings: {"section": {"key": "value"}}, over the defaults; a value None leaves the key out."""
        self.announces = announces
        self.config = pathlib.Path(folder) / "golived.conf"
        self.database = pathlib.Path(folder) / "golived.db"
        self.settings = {section: dict(values) for section, values in self.DEFAULTS.items()}
        self.settings["store"] = {"path": str(self.database)}
        if upstream:
            self.settings["upstream"].update(base_url=upstream.base, **upstream.limits)
        self.change(settings or {})
        super().__init__(folder, "golived", [*wrapper, BUILD / "golived", "-c", self.config],
                         {"GOLIVED_UPSTREAM_API_KEY": Upstream.KEY, **(environment or {})})

    def change(self, settings):
        """Changes the configuration and writes it; a running daemon reads it on SIGHUP."""
        for section, values in settings.items():
            self.settings.setdefault(section, {}).update(values)
        lines = []
        for section, values in self.settings.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in values.items() if value is not None]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.spawn()
        self.base = self.wait_for_output("admin api listening " + self.announces).group(1)
        self.key = (self.folder / "admin.key").read_text().strip()
        return self

    def call(self, method, path, body=None, headers=None, seconds=10):
        """One request with the admin key (another one, or None, in headers); the answer is one that openapi.json describes."""
        headers = {"x-api-key": self.key, **(headers or {})}
        answer = request(method, self.base + path, body, {name: value for name, value in headers.items() if value is not None},
                         seconds)
        openapi.check(method, path, answer)
        return answer

    def get(self, path):
        """The JSON of a GET that must be answered with 200."""
        answer = self.call("GET", path)
        assert answer.status == 200, f"GET {path}: {answer}"
        return answer.json

    def post(self, path, body=None, status=200):
        answer = self.call("POST", path, body)
        assert answer.status == status, f"POST {path}: {answer}"
        return answer.json

    def register(self, target_url, event_types=("live.start", "live.end"), **fields):
        """POST /api/webhooks: the webhook, with its secret."""
        return self.post("/api/webhooks", {"target_url": target_url, "event_types": list(event_types), **fields},
                         status=201)

    def watch(self, name, creators, **fields):
        """PUT /api/watchlists/NAME."""
        answer = self.call("PUT", f"/api/watchlists/{name}", {"creators": list(creators), **fields})
        assert answer.status in (200, 201), answer
        return answer.json

    def creator(self, handle):
        return self.get(f"/api/creators/{handle}")

    def all_of(self, path, key):
        """Every row of a list, page after page."""
        rows, cursor = [], None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.get(f"{path}{separator}limit=500" + (f"&cursor={cursor}" if cursor else ""))
            rows += page[key]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    def deliveries(self, query=""):
        return self.all_of("/api/deliveries" + query, "deliveries")

    def events(self, query=""):
        return self.all_of("/api/events" + query, "events")

    def wait_for_state(self, handle, state, seconds=20):
        def look():
            answer = self.call("GET", f"/api/creators/{handle}")
            return answer.status == 200 and answer.json["state"] == state
        wait_until(look, seconds, f"{handle} is {state}")

    def wait_for_status(self, delivery_id, status, seconds=20):
        """The delivery, once it has that status."""
        wait_until(lambda: self.get(f"/api/deliveries/{delivery_id}")["status"] == status, seconds,
                   f"{delivery_id} is {status}")
        return self.get(f"/api/deliveries/{delivery_id}")
