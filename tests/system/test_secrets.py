"""What is secret leaves golived only where it must: not through its files, its log, its lists or its memory."""

import os
import subprocess

from golived import BUILD, Program, clean_environment

TOKEN = "bearer-that-nobody-may-read"
HEADER = "header-that-nobody-may-read"


def register(golived, receiver):
    answer = golived.call("POST", "/api/webhooks", {
        "target_url": receiver.url("/ok"), "event_types": ["live.start"], "bearer_token": TOKEN,
        "extra_headers": {"X-Extra": HEADER}}, {"Idempotency-Key": "once"})
    assert answer.status == 201, answer
    return answer.json


def bytes_on_disk(golived):
    """All files that golived wrote, but for the key and the configuration."""
    kept = {"secret.key", "secret.key.old", "admin.key", "golived.conf"}
    return {path.name: path.read_bytes() for path in golived.folder.iterdir()
            if path.name.startswith("golived") and path.name not in kept}


def test_no_secret_is_in_any_file_or_line_of_the_log(golived, receiver, upstream):
    webhook = register(golived, receiver)
    rotated = golived.post(f"/api/webhooks/{webhook['id']}/rotate-secret")
    golived.watch("all", ["ann"])
    golived.wait_for_state("ann", "offline")
    upstream.go_live("ann")
    delivery = receiver.wait_for(1)[0]
    delivery.assert_signed(webhook["secret"])
    assert delivery.headers["authorization"] == f"Bearer {TOKEN}" and delivery.headers["x-extra"] == HEADER
    secrets = [webhook["secret"], rotated["secret"], TOKEN, HEADER, golived.key, upstream.KEY]
    while_running = bytes_on_disk(golived)
    assert "golived.db-wal" in while_running and "golived.1.log" in while_running
    shown = golived.call("GET", "/api/webhooks").body + golived.call("GET", "/api/audit").body
    assert golived.stop() == 0
    for files in (while_running, bytes_on_disk(golived), {"the API's lists": shown}):
        for name, content in files.items():
            for secret in secrets:
                assert secret.encode() not in content, f"{name} holds {secret}"


def test_its_files_are_nobody_elses(golived, receiver):
    register(golived, receiver)
    for name in ("golived.db", "golived.db-wal", "golived.db-shm", "secret.key", "admin.key"):
        assert (golived.folder / name).stat().st_mode & 0o777 == 0o600, name


def test_it_leaves_no_core(golived):
    limits = open(f"/proc/{golived.process.pid}/limits", encoding="ascii").read()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core


def test_a_database_without_its_key_ends_the_start_with_2_and_says_what_to_do(golived, receiver, upstream, tmp_path):
    register(golived, receiver)
    assert golived.stop() == 0
    key = tmp_path / "secret.key"
    right = key.read_text()
    for content, phrase in ((None, "put back"), ("0" * 64 + "\n", "another key"), ("short\n", "holds no key")):
        key.unlink(missing_ok=True)
        if content:
            key.write_text(content)
        Program.start(golived)
        assert golived.wait() == 2, golived.output()
        assert phrase in golived.output() and "secret.key" in golived.output()
    key.write_text(right)
    golived.start()


def test_rekey_needs_the_daemon_stopped_and_loses_nothing(golived, receiver, upstream, tmp_path):
    def rekey():
        return subprocess.run([BUILD / "golived", "-c", golived.config, "--rekey"], env=clean_environment(),
                              capture_output=True, text=True, timeout=20, check=False)

    webhook = register(golived, receiver)
    before = (tmp_path / "secret.key").read_text()
    refused = rekey()
    assert refused.returncode == 2 and "in use" in refused.stderr, refused
    assert golived.stop() == 0
    done = rekey()
    assert done.returncode == 0 and "new key" in done.stdout, done
    assert (tmp_path / "secret.key").read_text() != before == (tmp_path / "secret.key.old").read_text()
    assert os.stat(tmp_path / "secret.key").st_mode & 0o777 == 0o600
    golived.start()
    assert register(golived, receiver) == webhook  # the answer to the same Idempotency-Key
    golived.post(f"/api/webhooks/{webhook['id']}/test")
    receiver.wait_for(1)[0].assert_signed(webhook["secret"])
