"""golivectl against a running daemon: every command, its exit status, and what it prints."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
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
    ctl("webhooks", "set", webhook, "--clear", "name,rate-limit", "--clear", "header")
    shown = json.loads(ctl("webhooks", "show", webhook, "--json"))
    assert not any(shown.get(cleared) for cleared in ("name", "rate_limit", "extra_header_names")), shown
    assert "--clear \"colour\"" in ctl("webhooks", "set", webhook, "--clear", "colour", status=2)
    assert "not both" in ctl("webhooks", "set", webhook, "--name", "x", "--clear", "name", status=2)
    assert "must be given" in ctl("webhooks", "set", webhook, "--clear", "events", status=1)
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
    event = json.loads(ctl("trigger", "live.start", "ann", "--json"))
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


@contextlib.contextmanager
def start(golived, *arguments):
    """A command that goes on running; its output is read line by line. It never outlives its test."""
    command = [BUILD / "golivectl", "--url", golived.base, "--key-file", golived.folder / "admin.key", *arguments]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_streams(golived, count):
    wait_until(lambda: golived.output().count("path=/api/events/stream status=200") >= count, 20, f"{count} streams were opened")


def test_events_are_shown_as_they_happen(ctl, golived):
    ctl("watchlists", "put", "talents", "ann", "bob")
    old = json.loads(ctl("trigger", "live.start", "ann", "--json"))["event_id"]
    line = ctl("events", "tail", "--after", "evt_00000000000000000000000000", "--count", "1")
    assert re.fullmatch(rf"\S+Z  live.start +ann +{old} +sequence - \(test\)  .*\n", line), line
    with start(golived, "events", "tail", "--creator", "@Ann", "--type", "live.end", "--count", "2", "--json") as tail:
        wait_for_streams(golived, 2)
        wanted = []
        for event_type, creator in (("live.end", "bob"), ("live.end", "ann"), ("live.start", "ann"), ("live.end", "ann")):
            event = json.loads(ctl("trigger", event_type, creator, "--json"))["event_id"]
            wanted += [event] if (event_type, creator) == ("live.end", "ann") else []
        output, errors = tail.communicate(timeout=20)
        assert tail.returncode == 0, errors
        assert [json.loads(line)["event_id"] for line in output.splitlines()] == wanted


def test_a_tail_goes_on_after_a_restart_of_the_daemon_without_a_gap(start_golived):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    golived = start_golived({"admin": {"listen": f"127.0.0.1:{port}"}})
    golived.watch("talents", ["ann"])
    with start(golived, "events", "tail", "--count", "2", "--json") as tail:
        wait_for_streams(golived, 1)
        events = [golived.post("/api/events", {"event_type": "live.start", "creator": "ann"}, status=202)["event_id"]]
        assert golived.stop() == 0
        golived.start()
        events.append(golived.post("/api/events", {"event_type": "live.end", "creator": "ann"}, status=202)["event_id"])
        output, _ = tail.communicate(timeout=20)
        assert [json.loads(line)["event_id"] for line in output.splitlines()] == events
    assert golivectl("events", "tail", "--url", "http://127.0.0.1:1", environment={"GOLIVECTL_KEY": "x"}).returncode == 3


def test_listen_registers_itself_verifies_and_shows_what_arrives(ctl, golived):
    ctl("watchlists", "put", "talents", "ann")
    with start(golived, "listen", "--register", "--port", "0", "--creator", "ann", "--count", "2") as listening:
        webhook = re.search(r" as (wh_\w+)", listening.stderr.readline()).group(1)
        ctl("trigger", "live.start", "ann")
        ctl("webhooks", "test", webhook)
        output, errors = listening.communicate(timeout=20)
        assert listening.returncode == 0, errors
    assert output.count("X-Tiktool-Signature: right") == output.count("webhook-signature: right") == 2
    assert re.search(r"live.start +ann ", output) and "(test)" in output
    ctl("webhooks", "show", webhook, status=1)


def test_listen_refuses_what_is_not_signed_with_its_secret(ctl, golived, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "A" * 43 + "=\n")
    with start(golived, "listen", "--port", "0", "--count", "1", "--secret-file", secret, "--json") as listening:
        target = re.search(r"listening on (\S+);", listening.stderr.readline()).group(1)
        webhook = json.loads(ctl("webhooks", "add", target, "--json"))["id"]
        assert "status 401" in golivectl("--url", golived.base, "--key-file", golived.folder / "admin.key", "webhooks", "test",
                                         webhook).stdout
        captured = listening.communicate(timeout=20)[0]
    (tmp_path / "captured").write_text(captured)
    assert golivectl("verify", "--secret-file", secret, "--captured", tmp_path / "captured").returncode == 1


def test_listen_ends_at_ctrl_c_and_takes_its_webhook_along(ctl, golived):
    with start(golived, "listen", "--register", "--port", "0") as listening:
        webhook = re.search(r" as (wh_\w+)", listening.stderr.readline()).group(1)
        ctl("webhooks", "show", webhook)
        listening.send_signal(signal.SIGINT)
        listening.communicate(timeout=20)
        assert listening.returncode == 0
    ctl("webhooks", "show", webhook, status=1)


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(golived, tmp_path):
    def doctor(*arguments, environment=None):
        key = {"GOLIVED_UPSTREAM_API_KEY": "k"} if environment is None else environment
        result = golivectl("doctor", "--json", *arguments, environment=key)
        found = {one["name"]: one for one in json.loads(result.stdout)["examinations"]}
        for one in found.values():
            assert one["verdict"] in ("good", "unknown") or one["remedy"], one
        return result.returncode, found

    here = ("-c", golived.config, "--url", golived.base)
    wait_until(lambda: golived.call("GET", "/readyz").status == 200, 20, "it is ready")
    status, found = doctor(*here)
    assert (status, found["listener"]["verdict"], found["database"]["verdict"]) == (0, "good", "good"), found
    assert list(found) == ["configuration", "key", "listener", "readiness", "tier", "deliveries", "database", "disk", "clock", "DNS"]
    golived.database.chmod(0o644)
    status, found = doctor(*here, environment={"GOLIVED_UPSTREAM_API_KEY": " "})
    assert status == 1 and found["database"]["verdict"] == found["key"]["verdict"] == "bad"
    golived.database.chmod(0o600)
    golived.stop()
    status, found = doctor(*here)
    assert status == 1 and "systemctl status golived" in found["listener"]["remedy"]
    bad = tmp_path / "bad.conf"
    bad.write_text("[poll]\nmin_interval = 60x\n")
    status, found = doctor("-c", bad)
    assert status == 1 and "bad.conf:2" in found["configuration"]["finding"]
    assert re.search(r"^clock +(good|doubtful|unknown) ", golivectl("doctor", "-c", bad).stdout, re.M)


# --- completion: bash is on every machine, zsh is looked at where there is one ---

COMPLETE = """
source <("$0" completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_golivectl; printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("line,some,others", [
    ("golivectl ", {"webhooks", "events", "doctor", "help"}, {"ls", "--json"}),
    ("golivectl web", {"webhooks"}, {"watchlists"}),
    ("golivectl webhooks ", {"ls", "add", "set", "rotate"}, {"import", "webhooks"}),
    ("golivectl webhooks add http://x --", {"--events", "--rate-limit", "--json"}, {"--state"}),
    ("golivectl --url http://x creators ls --", {"--state", "--limit"}, {"--events"}),
    ("golivectl replay wh_1 --m", {"--missing"}, {"--json"}),
    ("golivectl creators ls --state ", {"live", "offline", "unknown"}, {"ls"}),
    ("golivectl creators ls --limit ", set(), {"ls", "live"}),
])
def test_bash_completes_what_the_commands_take(line, some, others):
    result = subprocess.run(["bash", "-c", COMPLETE, BUILD / "golivectl", *line.split(" ")], capture_output=True, text=True)
    assert result.returncode == 0 and not result.stderr, result
    offered = set(result.stdout.split())
    assert some <= offered and not others & offered, offered


def test_every_command_and_option_is_in_both_completions():
    listed = re.findall(r"^  (\S+(?: \S+)?)  +\S", golivectl("help").stdout, re.M)
    for shell in ("bash", "zsh"):
        script = golivectl("completion", shell).stdout
        for command in (name for name in listed if not name.startswith(("-", "help"))):
            first, _, second = command.partition(" ")
            assert re.search(rf'{first}\) choices="[^"]*\b{second}\b' if second else rf"\b{first}\b", script), (shell, command)
            for option in re.findall(r"--[a-z-]+", golivectl("help", command).stdout.split("\nexample:")[0]):
                assert option in script, (shell, command, option)
    assert golivectl("completion", "fish").returncode == 2


def test_zsh_reads_its_completion(tmp_path):
    zsh = shutil.which("zsh") or pytest.skip("there is no zsh on this machine")
    script = tmp_path / "_golivectl"
    script.write_text(golivectl("completion", "zsh").stdout)
    assert subprocess.run([zsh, "-n", script], capture_output=True).returncode == 0


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


def on_a_terminal(golived, *arguments, **environment):
    """What a command prints on a terminal of its own, both outputs together."""
    ours, theirs = os.openpty()
    result = subprocess.run([BUILD / "golivectl", "--url", golived.base, "--key-file", golived.folder / "admin.key",
                             *map(str, arguments)], env={**clean_environment(), **environment}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 1 << 16):
            printed += piece
    except OSError:
        pass  # that is how the end of a terminal looks
    os.close(ours)
    assert result.returncode == 0, printed
    return printed.decode()


def test_a_terminal_gets_colours_unless_it_does_not_want_them(ctl, golived):
    ctl("watchlists", "put", "talents", "ann")
    assert "\033[" in on_a_terminal(golived, "creators", "ls")
    assert "\033[" not in on_a_terminal(golived, "creators", "ls", NO_COLOR="1")


def test_a_long_import_shows_on_a_terminal_how_far_it_is(golived, tmp_path):
    table = tmp_path / "many.csv"
    table.write_text("".join(f"creator.{number:06}\n" for number in range(25000)))
    bars = re.findall(r"\r\[(#+)-*\] +(\d+) %", on_a_terminal(golived, "watchlists", "import", "many", table))
    assert [(len(bar), percent) for bar, percent in bars] == [(16, "40"), (32, "80"), (40, "100")]


def test_what_the_terminal_gets_is_plain_where_it_is_none(ctl):
    ctl("watchlists", "put", "talents", "ann")
    assert "\033" not in ctl("creators", "ls")


def test_the_manual_names_every_command():
    listed = re.findall(r"^  (\S+(?: \S+)?)  +\S", golivectl("help").stdout, re.M)
    manual = (ROOT / "docs/man/golivectl.1.scd").read_text()
    commands = [name for name in listed if not name.startswith("-") and not name.startswith("help")]
    assert len(commands) > 30
    assert [name for name in commands if f"*{name}*" not in manual] == []
