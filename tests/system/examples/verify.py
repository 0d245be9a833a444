"""Says what receiver.py thinks of the message in VERIFY_..., at VERIFY_NOW."""

import os
import sys

sys.path.insert(0, sys.argv[1])
import receiver  # noqa: E402


def given(name):
    return os.environ["VERIFY_" + name]


good = receiver.verify(given("SECRETS").split(), given("ID"), given("TIMESTAMP"), given("SIGNATURES"),
                       os.fsencode(given("BODY")), int(given("NOW")))
print("good" if good else "refused")
