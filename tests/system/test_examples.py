"""The receivers of docs/examples and of the README accept what golived sends, and nothing else."""

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
DRIVERS = pathlib.Path(__file__).resolve().parent / "examples"
WAIT_S = 60

OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEW_SECRET = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(200, 232))).decode()

# The test vector of Standard Webhooks.
VECTOR = {
    "SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "ID": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "TIMESTAMP": "1614265330",
    "SIGNATURES": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "BODY": '{"test": 2432232314}',
    "NOW": "1614265330",
}


def sign(secret, message_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


# --- what each language needs, and how its receiver and its driver are started ---

class Python:
    def prepare(self, folder):
        self.receiver = [sys.executable, "-B", EXAMPLES / "receiver.py"]
        self.driver = [sys.executable, "-B", DRIVERS / "verify.py", EXAMPLES]


class Node:
    def prepare(self, folder):
        self.receiver = [tool("node"), EXAMPLES / "receiver.mjs"]
        self.driver = [tool("node"), DRIVERS / "verify.mjs", EXAMPLES]


class Go:
    def prepare(self, folder):
        go = tool("go")
        shutil.copy(EXAMPLES / "receiver.go", folder)
        shutil.copy(DRIVERS / "verify_test.go", folder)
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
        build([go, "build", "-o", "receiver", "receiver.go"], folder, environment)
        build([go, "test", "-c", "-o", "verify", "receiver.go", "verify_test.go"], folder, environment)
        self.receiver, self.driver = [folder / "receiver"], [folder / "verify"]


class Php:
    def prepare(self, folder):
        self.receiver = [tool("php"), "-S", "127.0.0.1:0", EXAMPLES / "receiver.php"]
        self.driver = [tool("php"), DRIVERS / "verify.php", EXAMPLES]


class C:
    def prepare(self, folder):
        cc = tool("cc")
        probe = subprocess.run([cc, "-E", "-"], input="#include <openssl/hmac.h>\n", text=True, capture_output=True)
        if probe.returncode != 0:
            pytest.skip("OpenSSL's headers are not on this machine (libssl-dev)")
        flags = ["-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        build([cc, *flags, "-o", "receiver", EXAMPLES / "receiver.c", "-lcrypto"], folder)
        build([cc, *flags, "-I", EXAMPLES, "-o", "verify", DRIVERS / "verify.c", "-lcrypto"], folder)
        self.receiver, self.driver = [folder / "receiver"], [folder / "verify"]


class Shell:
    def prepare(self, folder):
        bash = tool("bash")
        tool("openssl")
        self.receiver = [sys.executable, "-B", DRIVERS / "listen.py", bash, EXAMPLES / "receiver.sh"]
        self.driver = [bash, DRIVERS / "verify.sh", EXAMPLES]


LANGUAGES = [Python, Node, Go, Php, C, Shell]


def tool(name):
    return shutil.which(name) or pytest.skip(f"{name} is not on this machine")


def build(command, folder, environment=None):
    built = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert built.returncode == 0, f"{' '.join(map(str, command))} failed:\n{built.stdout}"


class Receiver:
    """A receiver that runs, its port, and the lines that it has printed."""

    def __init__(self, command, **environment):
        environment = {**os.environ, "PORT": "0", **environment}
        # Else Python writes a line in pieces, and the access log on stderr comes between them.
        environment.pop("PYTHONUNBUFFERED", None)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=environment)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.until("127.0.0.1:")[-1])[1])

    def read(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.put(line.rstrip())
        self.lines.put(None)

    def until(self, text):
        """The lines up to the first one with this text."""
        lines = []
        while not lines or text not in lines[-1]:
            line = self.lines.get(timeout=WAIT_S)
            assert line is not None, f"the receiver ended and never printed {text!r}; it printed {lines}"
            lines.append(line)
        return lines

    def post(self, body, headers, method="POST"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, "/hooks/live", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module", params=LANGUAGES, ids=lambda language: language.__name__.lower())
def language(request, tmp_path_factory):
    language = request.param()
    language.prepare(tmp_path_factory.mktemp(request.param.__name__.lower()))
    return language


@pytest.fixture(scope="module")
def receiver(language, tmp_path_factory):
    receiver = Receiver(language.receiver, WEBHOOK_SECRET=f"{OLD_SECRET} {NEW_SECRET}",
                        WEBHOOK_STATE=str(tmp_path_factory.mktemp("state")))
    yield receiver
    receiver.stop()


numbers = itertools.count(1)


class Delivery:
    """A delivery as golived makes it, of an event that was not there before; a test changes what it is about."""

    def __init__(self, creator=None, sequence=1, secret=OLD_SECRET, age_s=0, is_test=False, title="Γειά, “{sequence}” 🎬"):
        number = next(numbers)
        self.event_id = f"evt_01J{number:023d}"
        event = {
            "event_id": self.event_id, "event": "live.start", "occurred_at": "2026-06-18T13:00:00.000Z",
            "is_test": is_test, "sequence": sequence,
            "creator": {"unique_id": creator or f"creator.{number}", "nickname": None},
            "live": {"room_id": "7000000000000000000", "title": title, "resumed": False},
        }
        self.body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = int(time.time()) - age_s
        self.headers = {
            "Content-Type": "application/json",
            "webhook-id": self.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secret, self.event_id, timestamp, self.body),
        }

    def to(self, receiver):
        return receiver.post(self.body, self.headers)


def is_accepted(status):
    return 200 <= status < 300


# --- the verification alone, at a given time ---

def judge(language, **changes):
    message = {**VECTOR, **changes}
    environment = {**os.environ, **{f"VERIFY_{name}": value for name, value in message.items()}}
    done = subprocess.run(language.driver, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def test_the_vector_of_standard_webhooks_verifies(language):
    assert judge(language) == "good"


@pytest.mark.parametrize("changes", [
    {"BODY": '{"test": 2432232315}'},
    {"ID": "msg_p5jXN8AQM9LWM0D4loKWxJel"},
    {"TIMESTAMP": "1614265331"},
    {"TIMESTAMP": "", "NOW": "0"},
    {"TIMESTAMP": "now"},
    {"SIGNATURES": ""},
    {"SIGNATURES": "*"},
    {"SIGNATURES": "v1,"},
    {"SIGNATURES": VECTOR["SIGNATURES"][:-2]},
    {"SIGNATURES": VECTOR["SIGNATURES"].replace("v1,", "v1a,")},
    {"SIGNATURES": VECTOR["SIGNATURES"] + "x"},
    {"SECRETS": OTHER_SECRET},
], ids=lambda changes: ",".join(f"{name}={value}" for name, value in changes.items()))
def test_a_message_that_is_not_the_signed_one_is_refused(language, changes):
    assert judge(language, **changes) == "refused"


@pytest.mark.parametrize("later_s, verdict", [(300, "good"), (301, "refused"), (-300, "good"), (-301, "refused")])
def test_a_signature_holds_for_five_minutes_both_ways(language, later_s, verdict):
    assert judge(language, NOW=str(1614265330 + later_s)) == verdict


@pytest.mark.parametrize("changes", [
    {"SECRETS": f"{OTHER_SECRET} {VECTOR['SECRETS']}"},
    {"SECRETS": f"{VECTOR['SECRETS']} {OTHER_SECRET}"},
    {"SIGNATURES": f"v1,AAAA {VECTOR['SIGNATURES']}"},
    {"SIGNATURES": f"{VECTOR['SIGNATURES']} v1a,AAAA"},
], ids=["second secret", "first secret", "second signature", "first signature"])
def test_one_of_several_secrets_and_signatures_is_enough(language, changes):
    assert judge(language, **changes) == "good"


# --- the whole receivers ---

def test_a_good_delivery_is_accepted_and_printed(receiver):
    delivery = Delivery(creator="charlidamelio", sequence=17)
    assert is_accepted(delivery.to(receiver))
    printed = receiver.until(delivery.event_id)[-1]
    assert f"live.start charlidamelio sequence=17 event={delivery.event_id}" in printed


def test_the_case_of_header_names_does_not_matter(receiver):
    delivery = Delivery()
    delivery.headers = {name.title(): value for name, value in delivery.headers.items()}
    assert is_accepted(delivery.to(receiver))


@pytest.mark.parametrize("secret", [OLD_SECRET, NEW_SECRET], ids=["old", "new"])
def test_during_a_rotation_both_secrets_are_accepted(receiver, secret):
    assert is_accepted(Delivery(secret=secret).to(receiver))


def test_during_a_rotation_one_good_signature_among_several_is_enough(receiver):
    delivery = Delivery(secret=NEW_SECRET)
    unknown = sign(OTHER_SECRET, delivery.event_id, delivery.headers["webhook-timestamp"], delivery.body)
    delivery.headers["webhook-signature"] = f"{unknown} {delivery.headers['webhook-signature']}"
    assert is_accepted(delivery.to(receiver))


def test_another_secret_is_refused(receiver):
    assert Delivery(secret=OTHER_SECRET).to(receiver) == 401


def test_a_changed_body_is_refused(receiver):
    delivery = Delivery()
    delivery.body = delivery.body.replace(b"7000000000000000000", b"7000000000000000001")
    assert delivery.to(receiver) == 401


@pytest.mark.parametrize("age_s", [400, -400], ids=["old", "future"])
def test_a_timestamp_far_from_now_is_refused(receiver, age_s):
    assert Delivery(age_s=age_s).to(receiver) == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(receiver, name):
    delivery = Delivery()
    del delivery.headers[name]
    assert delivery.to(receiver) in (400, 401)


def test_a_request_without_any_signature_is_refused(receiver):
    assert receiver.post(b"{}", {}) in (400, 401)


def test_what_was_refused_is_not_handled(receiver):
    refused, good = Delivery(secret=OTHER_SECRET), Delivery()
    refused.to(receiver)
    good.to(receiver)
    assert not [line for line in receiver.until(good.event_id) if refused.event_id in line]


def test_a_repeated_event_is_accepted_and_not_handled_twice(receiver):
    repeated, next_one = Delivery(), Delivery()
    assert is_accepted(repeated.to(receiver))
    assert is_accepted(repeated.to(receiver))
    next_one.to(receiver)
    lines = receiver.until(next_one.event_id)
    handled = [line for line in lines if f"event={repeated.event_id}" in line]
    assert len(handled) == 1, lines
    assert [line for line in lines if f"repeat {repeated.event_id}" in line], lines


def test_an_event_older_than_the_last_of_its_creator_is_accepted_and_not_handled(receiver):
    newer, older, other = (Delivery(creator="khaby.lame", sequence=10), Delivery(creator="khaby.lame", sequence=9),
                           Delivery(creator="someone_else", sequence=8))
    for delivery in (newer, older, other):
        assert is_accepted(delivery.to(receiver))
    lines = receiver.until(other.event_id)
    assert not [line for line in lines if f"event={older.event_id}" in line], lines
    assert [line for line in lines if f"outdated {older.event_id}" in line], lines


def test_a_later_event_of_the_same_creator_is_handled(receiver):
    first, second = Delivery(creator="a_creator", sequence=9), Delivery(creator="a_creator", sequence=10)
    first.to(receiver)
    second.to(receiver)
    assert f"a_creator sequence=10 event={second.event_id}" in receiver.until(second.event_id)[-1]


def test_a_test_event_has_no_sequence_and_is_told_apart(receiver):
    delivery = Delivery(sequence=None, is_test=True)
    assert is_accepted(delivery.to(receiver))
    assert receiver.until(delivery.event_id)[-1].rstrip().endswith(f"sequence=null event={delivery.event_id} (test)")


def test_a_title_that_looks_like_the_event_changes_nothing(receiver):
    title = '","sequence":99,"creator":{"unique_id":"nobody"},"event_id":"evt_0","is_test":true'
    delivery = Delivery(creator="a.wag", sequence=3, title=title)
    delivery.to(receiver)
    printed = receiver.until(delivery.event_id)[-1].rstrip()
    assert printed.endswith(f"live.start a.wag sequence=3 event={delivery.event_id}")


def test_without_a_secret_nothing_is_accepted(language, tmp_path):
    environment = {"WEBHOOK_SECRET": "", "WEBHOOK_STATE": str(tmp_path)}
    if not isinstance(language, (Php, Shell)):
        done = subprocess.run(language.receiver, env={**os.environ, "PORT": "0", **environment}, capture_output=True,
                              timeout=WAIT_S)
        assert done.returncode != 0 and b"WEBHOOK_SECRET" in done.stdout + done.stderr
        return
    receiver = Receiver(language.receiver, **environment)  # these learn of it with the first request only
    try:
        assert Delivery().to(receiver) == 500
        assert receiver.until("WEBHOOK_SECRET")
    finally:
        receiver.stop()


def test_the_compatible_signature_is_verified_too(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    from receiver import verify_compatible
    body = b'{"event":"live.start"}'
    signature = hmac.new(OLD_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert verify_compatible([NEW_SECRET, OLD_SECRET], signature, body)
    assert not verify_compatible([NEW_SECRET], signature, body)
    assert not verify_compatible([OLD_SECRET], signature, body + b" ")
    assert not verify_compatible([OLD_SECRET], "", body)


def test_every_example_is_in_the_table_of_the_examples():
    table = (EXAMPLES / "README.md").read_text()
    missing = [path.name for path in sorted(EXAMPLES.iterdir()) if path.name != "README.md" and f"({path.name})" not in table]
    assert not missing, f"docs/examples/README.md says nothing of {missing}"


# --- the receiver of the README ---

@pytest.fixture(scope="module")
def readme_receiver():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    blocks = [block for block in blocks if "webhook-signature" in block]
    assert len(blocks) == 1, "the README has one receiver in Python"
    program, replaced = re.subn(r'\("127\.0\.0\.1", 9000\)', '("127.0.0.1", 0)', blocks[0])
    assert replaced == 1, "the README's receiver listens on 127.0.0.1:9000"
    # It does not say where it listens, as it needs not with a port of its own: here it does.
    announce = ("import http.server as s; activate = s.HTTPServer.server_activate; s.HTTPServer.server_activate = lambda self: "
                "(activate(self), print(f'listening on 127.0.0.1:{self.server_port}', flush=True))\n")
    receiver = Receiver([sys.executable, "-c", announce + program], WEBHOOK_SECRET=OLD_SECRET)
    yield receiver
    receiver.stop()


def test_the_receiver_of_the_readme_accepts_a_good_delivery(readme_receiver):
    delivery = Delivery()
    delivery.headers["X-Tiktool-Event"] = "live.start"
    assert is_accepted(delivery.to(readme_receiver))
    assert "live.start" in readme_receiver.until(delivery.event_id)[-1]


def test_the_receiver_of_the_readme_accepts_one_signature_among_several(readme_receiver):
    delivery = Delivery()
    delivery.headers["webhook-signature"] = f"v1,AAAA {delivery.headers['webhook-signature']}"
    assert is_accepted(delivery.to(readme_receiver))


def test_the_receiver_of_the_readme_refuses_another_secret(readme_receiver):
    assert Delivery(secret=OTHER_SECRET).to(readme_receiver) == 401


def test_the_receiver_of_the_readme_refuses_a_changed_body(readme_receiver):
    delivery = Delivery()
    delivery.body += b" "
    assert delivery.to(readme_receiver) == 401


def test_the_receiver_of_the_readme_refuses_an_old_timestamp(readme_receiver):
    assert Delivery(age_s=400).to(readme_receiver) == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_the_receiver_of_the_readme_accepts_nothing_without_its_headers(readme_receiver, name):
    delivery = Delivery()
    del delivery.headers[name]
    assert delivery.to(readme_receiver) == 401


@pytest.mark.parametrize("name,value", [("webhook-timestamp", "now"), ("webhook-timestamp", "9" * 5000),
                                        ("webhook-signature", "v1,\xe9"), ("webhook-signature", "")])
def test_the_receiver_of_the_readme_refuses_what_is_no_signature_and_no_time(readme_receiver, name, value):
    delivery = Delivery()
    delivery.headers[name] = value
    assert delivery.to(readme_receiver) == 401


def test_the_receiver_of_the_readme_prints_nothing_of_what_it_refuses(readme_receiver):
    refused, good = Delivery(secret=OTHER_SECRET), Delivery()
    assert refused.to(readme_receiver) == 401
    assert is_accepted(good.to(readme_receiver))
    assert not [line for line in readme_receiver.until(good.event_id) if refused.event_id in line]
