"""The verifier of the system tests against published vectors, so that it can be trusted to judge golived."""

import hashlib
import hmac

import signatures


def test_standard_webhooks_vector():
    """From the Standard Webhooks specification's reference libraries."""
    made = signatures.standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                               "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_body_hmac_vector():
    """From GitHub's documentation of webhook signatures: HMAC-SHA256 of the body, the secret as it is, in hex."""
    made = signatures.tiktool("It's a Secret to Everybody", b"Hello, World!")
    assert made == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_rfc_4231_vector():
    """Python's own HMAC-SHA256, test case 2 of RFC 4231."""
    made = hmac.new(b"Jefe", b"what do ya want for nothing?", hashlib.sha256).hexdigest()
    assert made == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
