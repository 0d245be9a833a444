"""The house's rules, checked on the sources: includes point down only, and each foreign library has its one file."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What each room may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "domain": {"base"},
    "db": {"base", "domain"},
    "detect": {"base", "domain", "db"},
    "deliver": {"base", "domain", "db"},
    "admin": {"base", "domain", "db"},
    "daemon": {"base", "domain", "db", "detect", "deliver", "admin"},
    # The programs beside the daemon: golivectl may read the database (backup) and verify signatures.
    "ctl": {"base", "domain", "db", "deliver"},
    "sim": {"base", "domain"},
}

# A foreign library's names, and the only files that may use them.
FOREIGN = {
    "libuv": (r"\buv_\w+\(|<uv\.h>", {"daemon/base/loop.c"}),
    "libcurl": (r"\bcurl_\w+\(|<curl/", {"daemon/base/http.c", "ctl/client.c"}),
    "c-ares": (r"\bares_\w+\(|<ares\.h>", {"daemon/base/dns.c"}),
    "cJSON": (r"\bcJSON_\w+\(|<cjson/", {"daemon/base/json.c"}),
    "OpenSSL": (r"\b(?:EVP|HMAC|RAND|CRYPTO)_\w+\(|<openssl/", {"daemon/base/crypto.c"}),
    "libmicrohttpd": (r"\bMHD_\w+\(|<microhttpd\.h>", {"daemon/admin/server.c", "sim/server.c", "ctl/inbox.c"}),
    "libsmartcols": (r"\bscols_\w+\(|<libsmartcols/", {"ctl/table.c"}),
    "SQLite": (r"\bsqlite3_\w+\(|<sqlite3\.h>", re.compile(r"db/\w+\.[ch]")),
}


def room_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "daemon":
        return parts[1] if len(parts) > 2 else "daemon"
    return parts[0]


def sources():
    for folder in ("daemon", "db", "ctl", "sim"):
        yield from sorted(ROOT.glob(f"{folder}/**/*.[ch]"))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


@pytest.mark.parametrize("room", sorted(MAY_INCLUDE))
def test_includes_point_down_only(room):
    wrong = []
    for path in sources():
        if room_of(path) != room:
            continue
        for included in re.findall(r'#include "([^"]+)"', path.read_text()):
            target = included.split("/")[0] if "/" in included else room
            if target != room and target not in MAY_INCLUDE[room]:
                wrong.append(f"{path.relative_to(ROOT)} includes {included}")
    assert not wrong, f"{room} may include {sorted(MAY_INCLUDE[room]) or 'nothing'}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("library", sorted(FOREIGN))
def test_each_foreign_library_has_its_one_file(library):
    pattern, allowed = FOREIGN[library]
    wrong = []
    for path in sources():
        name = str(path.relative_to(ROOT))
        is_allowed = allowed.fullmatch(name) if isinstance(allowed, re.Pattern) else name in allowed
        if not is_allowed and re.search(pattern, without_comments(path.read_text())):
            wrong.append(name)
    assert not wrong, f"{library} belongs to {allowed}, and is used in: {wrong}"


def test_every_source_belongs_to_a_room_with_rules():
    unknown = sorted({room_of(path) for path in sources()} - set(MAY_INCLUDE))
    assert not unknown, f"folders without a rule in this test: {unknown}"


def test_every_header_has_its_guard_and_its_first_sentence():
    wrong = []
    for path in sources():
        if path.suffix != ".h":
            continue
        text = path.read_text()
        if not re.match(rf"/\* {path.stem} - \S", text):
            wrong.append(f"{path.relative_to(ROOT)} does not open with '/* {path.stem} - …'")
        if "#ifndef GOLIVED_" not in text:
            wrong.append(f"{path.relative_to(ROOT)} has no include guard")
    assert not wrong, "\n".join(wrong)
