"""The journal: what an operator may meet has an id, and the catalog says for each what happened and what to do."""

import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

from golived import BUILD, Program, wait_until

SOURCES = pathlib.Path(__file__).resolve().parents[2]
CATALOG = SOURCES / "systemd" / "golived.catalog"
# Texts of log_error() and the like that are no literals there: where they stand instead.
TABLES = {"failures[job->kind]": "daemon/deliver/dispatcher.c", "message": "daemon/main.c"}


def ids():
    """{message: id} of daemon/base/log_messages.h."""
    text = (SOURCES / "daemon/base/log_messages.h").read_text().replace("\\\n", " ")
    rows = re.findall(r'X\("([0-9a-f]{32})",\s*((?:"[^"]*"\s*)+)\)', text)
    return {"".join(re.findall(r'"([^"]*)"', message)): number for number, message in rows}


def entries():
    """{id: (headers, text)} of the catalog."""
    result = {}
    for part in re.split(r"^-- ", CATALOG.read_text(), flags=re.M)[1:]:
        number, rest = part.split("\n", 1)
        headers, text = rest.split("\n\n", 1)
        result[number] = (dict(line.split(": ", 1) for line in headers.splitlines()), text)
    return result


def logged():
    """{message: [field, …]} of every log_error() and log_warning() in the daemon and the store."""
    found = {}
    for path in [*SOURCES.glob("daemon/**/*.c"), *SOURCES.glob("db/*.c")]:
        for call in re.findall(r'\blog_(?:error|warning)\(((?:[^;"]|"(?:[^"\\]|\\.)*")*)\);', path.read_text()):
            literal = re.match(r'\s*((?:"[^"]*"\s*)+)', call)
            if not literal:
                assert call.split(",")[0].strip() in TABLES, f"{path}: what is {call}?"
                continue
            message = "".join(re.findall(r'"([^"]*)"', literal.group(1)))
            fields = re.findall(r'LOG_(?:TEXT|INT)\("(\w+)"', call) + ["error"] * ("LOG_ERRNO" in call)
            fields += re.findall(r",\s*(\w+)(?=,|$)", call)  # a variable is called as its field
            found.setdefault(message, set()).update(fields)
    return found


def test_every_error_and_warning_has_an_id():
    assert set(logged()) <= set(ids()), "new ids come from `systemd-id128 new`"


def test_every_id_belongs_to_a_text_in_the_sources():
    sources = "".join(path.read_text() for path in SOURCES.glob("d[ab]*/**/*.c"))
    sources = re.sub(r'"\s+"', "", sources)
    assert not [message for message in ids() if f'"{message}"' not in sources]


def test_no_id_is_given_twice():
    assert len(set(ids().values())) == len(ids())


def test_the_catalog_explains_every_id_and_no_other():
    assert set(entries()) == set(ids().values())


@pytest.mark.parametrize("message", sorted(ids()))
def test_an_entry_says_what_happened_and_what_to_do(message):
    headers, text = entries()[ids()[message]]
    assert headers["Defined-By"] == "golived" and headers["Subject"]
    what, do = text.split("What to do: ")
    assert what.strip() and do.strip()


def test_the_catalog_names_only_fields_that_are_logged():
    by_message, numbers = logged(), {number: message for message, number in ids().items()}
    for number, (_, text) in entries().items():
        fields = by_message.get(numbers[number])
        if fields:
            used = {name.lower() for name in re.findall(r"@GOLIVED_(\w+)@", text)}
            assert used <= fields, f"{numbers[number]}: {used - fields} is not logged"


@pytest.mark.skipif(not shutil.which("journalctl"), reason="journalctl is not installed")
def test_journalctl_takes_the_catalog(tmp_path):
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    shutil.copy(CATALOG, folder)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    done = subprocess.run(["journalctl", "--update-catalog", "--root", tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    listed = subprocess.run(["journalctl", "--list-catalog", "--root", tmp_path], capture_output=True, text=True, timeout=60)
    assert set(re.findall(r"^([0-9a-f]{32}) golived: ", listed.stdout, flags=re.M)) == set(ids().values())


IN_A_RUN_OF_ITS_OWN = 'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "$0" /run/systemd/journal && exec "$@"'


def can_unshare():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/run"],
                                                capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="a mount namespace takes root")
def test_the_daemon_writes_entries_with_fields(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    journal.bind(str(folder / "socket"))
    heard = []

    def listen():
        while True:
            try:
                entry = journal.recv(65536).decode()
            except BlockingIOError:
                return heard
            heard.append(dict(line.split("=", 1) for line in entry.splitlines()))

    log = tmp_path / "golived.1.log"
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    with Program(tmp_path, "golived", ["unshare", "--mount", "sh", "-c", IN_A_RUN_OF_ITS_OWN, folder, BUILD / "golived"],
                 {"JOURNAL_STREAM": stream, "GOLIVED_ADMIN_LISTEN": "127.0.0.1:0",
                  "GOLIVED_STORE_PATH": str(tmp_path / "golived.db")}) as program:
        missing = "nobody is polled: there is no key for the upstream service; set [upstream] api_key_file or GOLIVED_UPSTREAM_API_KEY"
        warning = wait_until(lambda: next((e for e in listen() if e["MESSAGE"] == missing), None), 20, "the warning")
        assert warning["PRIORITY"] == "4" and warning["MESSAGE_ID"] == ids()[missing]
        listening = wait_until(lambda: next((e for e in listen() if "GOLIVED_ADDRESS" in e), None), 20, "the address")
        assert listening["SYSLOG_IDENTIFIER"] == "golived" and listening["PRIORITY"] == "5"
        assert program.output() == ""
