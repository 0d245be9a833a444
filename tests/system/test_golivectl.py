"""golivectl against a running daemon: every command, its exit status, and what it prints."""

import json
import pathlib
import re
import socket
import subprocess

import pytest

from golived import BUILD, clean_environment, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def golivectl(*arguments, environment=None, stdin=None):
    return subprocess.run([BUILD / "golivectl", *map(str, arguments)], env={**clean_environment(), **(environment or {})},
                          input=stdin, capture_output=True, text=True, timeout=60)


@pytest.fixture
def ctl(golived):
    """ctl(arguments, status): runs a command against the daemon, and returns what it printed."""
    def run(*arguments, status=0, stdin=None):
        result = golivectl("--url", golived.base, "--key-file", golived.folder / "admin.key", *arguments, stdin=stdin)
        assert result.returncode == status, f"{arguments}: {result}"
        return result.stdout if status == 0 else result.stderr
    return run


def test_a_webhook_from_its_registration_to_its_end(ctl, receiver):
    created = json.loads(ctl("webhooks", "add", receiver.url("/ok"), "--creator", "@Ann,bob", "--name", "mine",
                             "--header", "X-Team: blue", "--rate-limit", "50", "--json"))
    webhook = created["id"]
    assert created["secret"].startswith("whsec_")
    assert created["creators"] == ["ann", "bob"]
    assert created["event_types"] == ["live.start", "live.end"]
    assert "mine" in ctl("webhooks", "ls")
    assert re.search(r"^creators +ann, bob$", ctl("webhooks", "show", webhook), re.M)
    assert "delivered: status 200" in ctl("webhooks", "test", webhook)
    assert receiver.wait_for(1)[0].headers["x-team"] == "blue"
    ctl("webhooks", "set", webhook, "--inactive", "--creator", "")
    shown = json.loads(ctl("webhooks", "show", webhook, "--json"))
    assert shown["active"] is False and shown["creators"] == []
    assert "whsec_" in ctl("webhooks", "rotate", webhook, "--overlap", "60")
    ctl("webhooks", "rm", webhook)
    assert "status 404" in ctl("webhooks", "show", webhook, status=1)


def test_a_test_that_is_not_delivered_fails(ctl, receiver):
    webhook = json.loads(ctl("webhooks", "add", receiver.url("/status/500"), "--json"))["id"]
    ctl("webhooks", "test", webhook, status=1)


def test_watchlists_are_made_changed_and_imported(ctl, tmp_path):
    ctl("watchlists", "put", "talents", "ann", "@Bob", "--priority", "high")
    ctl("watchlists", "add", "talents", "cem")
    ctl("watchlists", "drop", "talents", "ann")
    assert re.search(r"^creators +bob, cem$", ctl("watchlists", "show", "talents"), re.M)
    table = tmp_path / "talents.csv"
    table.write_text("Name,Username\nDora,@Dora\n\"E, F\",eve\n")
    ctl("watchlists", "import", "talents", table, "--append")
    ctl("watchlists", "import", "others", "-", stdin="finn\n")
    assert re.search(r"^creators +bob, cem, dora, eve$", ctl("watchlists", "show", "talents"), re.M)
    assert re.search(r"^talents +high +4 ", ctl("watchlists", "ls"), re.M)
    assert re.search(r"^finn +(unknown|offline)", ctl("creators", "ls", "--watchlist", "others"), re.M)
    assert "sessions" in ctl("creators", "show", "@Finn")
    ctl("watchlists", "rm", "others")
    assert "finn" not in ctl("creators", "ls")


def test_a_name_that_looks_like_a_path_is_a_name(ctl):
    ctl("watchlists", "put", "..", "ann")
    assert re.search(r"^creators +ann$", ctl("watchlists", "show", ".."), re.M)


def test_a_large_table_is_imported_in_pieces(ctl, tmp_path):
    table = tmp_path / "many.csv"
    table.write_text("".join(f"creator.{number:06}\n" for number in range(25000)))
    ctl("watchlists", "import", "many", table)
    assert json.loads(ctl("watchlists", "show", "many", "--json"))["creator_count"] == 25000


def test_a_table_with_a_mistake_is_not_imported(ctl, tmp_path):
    table = tmp_path / "bad.csv"
    table.write_text("ann\nnot a name\n")
    assert "line 2" in ctl("watchlists", "import", "bad", table, status=2)
    ctl("watchlists", "show", "bad", status=1)


def test_events_are_triggered_found_and_sent_again(ctl, receiver):
    webhook = json.loads(ctl("webhooks", "add", receiver.url("/ok"), "--creator", "ann", "--json"))["id"]
    event = json.loads(ctl("events", "trigger", "live.start", "ann", "--json"))
    assert event["deliveries"] == 1
    delivery = json.loads(ctl("deliveries", "ls", "--webhook", webhook, "--event", event["event_id"],
                              "--json"))["deliveries"][0]["id"]
    wait_until(lambda: "delivered" in ctl("deliveries", "show", delivery), 20, "it was delivered")
    assert event["event_id"] in ctl("events", "ls", "--creator", "ann", "--since", "1h")
    assert "live.start" in ctl("events", "show", event["event_id"])
    assert "delivery_id" in ctl("deliveries", "replay", delivery)
    assert re.search(r"^matched +\d", ctl("replay", webhook, "--status", "delivered", "--dry-run"), re.M)
    replay = json.loads(ctl("replay", webhook, "--status", "delivered", "--json"))["replay_id"]
    assert re.search(r"^state +done", ctl("replays", "show", replay), re.M)
    ctl("replays", "cancel", replay)


def test_a_captured_delivery_is_verified(ctl, receiver, tmp_path):
    created = json.loads(ctl("webhooks", "add", receiver.url("/ok"), "--json"))
    ctl("webhooks", "test", created["id"])
    receiver.wait_for(1)
    secret = tmp_path / "secret"
    secret.write_text(created["secret"] + "\n")
    result = golivectl("verify", "--secret-file", secret, "--captured", receiver.record)
    assert result.returncode == 0, result
    secret.write_text("whsec_AAAA")
    assert golivectl("verify", "--secret-file", secret, "--captured", receiver.record).returncode == 1


def test_keys_and_who_used_them(ctl, golived):
    key = json.loads(ctl("keys", "add", "dash", "--json"))
    read_only = {"GOLIVECTL_URL": golived.base, "GOLIVECTL_KEY": key["key"]}
    assert golivectl("status", environment=read_only).returncode == 0
    refused = golivectl("watchlists", "put", "x", "ann", environment=read_only)
    assert refused.returncode == 1 and "admin" in refused.stderr
    assert "dash" in ctl("keys", "ls")
    assert "key.create" in ctl("audit")
    ctl("keys", "rm", key["id"])
    revoked = golivectl("status", environment=read_only)
    assert revoked.returncode == 1 and "--key-file" in revoked.stderr


def test_lists_come_page_by_page_or_whole(ctl):
    ctl("watchlists", "put", "talents", *[f"creator{number}" for number in range(7)])
    page = json.loads(ctl("creators", "ls", "--limit", "3", "--json"))
    assert len(page["creators"]) == 3
    rest = ctl("creators", "ls", "--cursor", page["next_cursor"])
    assert "creator6" in rest and "creator2" not in rest
    whole = ctl("creators", "ls", "--all", "--limit", "3")
    assert all(f"creator{number}" in whole for number in range(7))


def test_a_backup_is_taken_while_the_daemon_runs(ctl, golived, tmp_path):
    ctl("watchlists", "put", "talents", "ann")
    copy = tmp_path / "copy.db"
    result = golivectl("backup", copy, "-c", golived.config)
    assert result.returncode == 0, result
    assert copy.stat().st_mode & 0o777 == 0o600
    assert golivectl("backup", copy, "-c", golived.config).returncode == 1


def test_on_the_daemons_machine_nothing_needs_to_be_said(start_golived):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    golived = start_golived({"admin": {"listen": f"127.0.0.1:{port}"}})
    result = golivectl("status", "-c", golived.config)
    assert result.returncode == 0, result
    assert "version" in result.stdout
    assert golived.stop() == 0
    assert golivectl("status", "-c", golived.config).returncode == 3


def test_what_the_terminal_gets_is_plain_where_it_is_none(ctl):
    ctl("watchlists", "put", "talents", "ann")
    assert "\033" not in ctl("creators", "ls")


def test_the_manual_names_every_command():
    listed = re.findall(r"^  (\S+(?: \S+)?)  +\S", golivectl("help").stdout, re.M)
    manual = (ROOT / "docs/man/golivectl.1.scd").read_text()
    commands = [name for name in listed if not name.startswith("-") and not name.startswith("help")]
    assert len(commands) > 30
    assert [name for name in commands if f"*{name}*" not in manual] == []
