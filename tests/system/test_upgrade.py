"""An upgrade that is killed leaves the old version or the new one, and the next start goes on (fault F37).

The long form, at every call that writes, is ./dev crash --upgrade.
"""

import shutil

import pytest

import upgrade


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_an_upgrade_killed_at_some_of_its_writes(tmp_path):
    struck, wrong = upgrade.kill_everywhere(tmp_path, every=70)
    assert not wrong, "\n".join(wrong)
    assert min(struck.values()) > 0, f"before its commit and after it: {struck}"
