"""The command line and the configuration: every mistake at once, with its place."""

import os
import re
import stat
import subprocess

import pytest

from golived import BUILD, clean_environment

BAD = """\
[poll]
min_interval = 60x
minimum_interval = 5s

[upstream]
tier = platinum
batch_size = -3
[delivery]
schedule = 0s, 30s, 10s
allow_targets = 10.0.0.0/33
[colours]
sky = blue
no equals sign
"""


def run(*arguments, **environment):
    return subprocess.run([BUILD / "golived", *map(str, arguments)], capture_output=True, text=True, timeout=20,
                          env={**clean_environment(), **environment})


def test_version_and_help():
    version = run("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"golived \d+\.\d+\.\d+\S*\n", version.stdout)
    shown = run("--help")
    assert shown.returncode == 0
    assert "--check-config" in shown.stdout


@pytest.mark.parametrize("arguments", [["--colour"], ["-c"], ["extra"]])
def test_a_wrong_command_line_exits_2(arguments):
    finished = run(*arguments)
    assert finished.returncode == 2
    assert finished.stderr.startswith("golived: ")


@pytest.mark.parametrize("how", [["--check-config"], []])
def test_every_mistake_is_told_with_file_line_and_key(tmp_path, how):
    path = tmp_path / "bad.conf"
    path.write_text(BAD)
    finished = run("-c", path, *how)
    assert finished.returncode == 2
    lines = (finished.stdout + finished.stderr).splitlines()
    for number, key in ((2, "min_interval"), (3, "minimum_interval"), (6, "tier"), (7, "batch_size"),
                        (9, "schedule"), (10, "allow_targets"), (11, "colours"), (13, "")):
        told = [line for line in lines if f"{path}:{number}:" in line]
        assert len(told) == 1 and key in told[0], (number, key, lines)


def test_a_good_configuration_passes_and_starts_nothing(tmp_path):
    path = tmp_path / "good.conf"
    path.write_text(f"; comment\n[store]\npath = {tmp_path}/x.db  # here\n[delivery]\nschedule = 0s, 250ms, 1m, 1h, 1d\n")
    assert run("-c", path, "--check-config").returncode == 0
    assert not (tmp_path / "x.db").exists()


def test_the_shipped_configuration_passes():
    shipped = BUILD.parent / "config" / "golived.conf"
    for candidate in (shipped, BUILD.parent.parent / "config" / "golived.conf"):
        if candidate.exists():
            assert run("-c", candidate, "--check-config").returncode == 0
            return
    pytest.fail("config/golived.conf was not found beside the build")


def test_a_named_file_that_is_not_there_is_a_mistake(tmp_path):
    finished = run("-c", tmp_path / "none.conf", "--check-config")
    assert finished.returncode == 2
    assert "none.conf" in finished.stderr


def test_the_environment_overrides_and_is_checked_too(tmp_path):
    path = tmp_path / "good.conf"
    path.write_text("[poll]\nmin_interval = 60s\n")
    finished = run("-c", path, "--check-config", GOLIVED_POLL_MIN_INTERVAL="soon")
    assert finished.returncode == 2
    assert "GOLIVED_POLL_MIN_INTERVAL" in finished.stderr


def test_the_environment_wins_over_the_file(start_golived, upstream):
    golived = start_golived(environment={"GOLIVED_STORE_PATH": str(upstream.folder / "elsewhere.db")})
    assert (upstream.folder / "elsewhere.db").exists()
    assert not golived.database.exists()


def test_what_it_makes_is_nobody_elses(golived):
    assert re.fullmatch(r"\S{20,}", golived.key)
    for name in os.listdir(golived.folder):
        if name.startswith("golived.db") or name == "admin.key":
            mode = stat.S_IMODE(os.stat(golived.folder / name).st_mode)
            assert mode == 0o600, f"{name} has mode {mode:o}"


def test_the_admin_key_stays(golived):
    key = golived.key
    assert golived.stop() == 0
    golived.start()
    assert golived.key == key


def test_keys_from_a_file_have_their_scopes(start_golived, upstream):
    keys = upstream.folder / "keys"
    keys.write_text("# ours\nadmin aaaaaaaaaaaaaaaaaaaaaaaa\nread rrrrrrrrrrrrrrrrrrrrrrrr\n")
    (upstream.folder / "admin.key").write_text("aaaaaaaaaaaaaaaaaaaaaaaa\n")
    golived = start_golived({"admin": {"api_key_file": str(keys)}})
    assert golived.call("GET", "/api/webhooks", headers={"x-api-key": "r" * 24}).status == 200
    assert golived.call("PUT", "/api/watchlists/w", {"creators": ["ann"]}, {"x-api-key": "r" * 24}).status == 403
    assert golived.call("PUT", "/api/watchlists/w", {"creators": ["ann"]}, {"x-api-key": "a" * 24}).status == 201
