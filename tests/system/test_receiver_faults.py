"""Receivers that misbehave: each in its class, bounded in time, and nobody believed who did not answer."""

import socket
import time

import pytest

from golived import Golived, Receiver, Upstream

# Path of the receiver: delivered?, status code, classes of error that fit.
MISDEEDS = [
    ("/ok", True, 200, {None}),
    ("/status/204", True, 204, {None}),
    ("/status/500", False, 500, {"http"}),
    ("/redirect", False, 302, {"http"}),
    ("/hang", False, None, {"timeout"}),
    ("/drip", False, None, {"timeout"}),
    ("/close", False, None, {"protocol", "connect"}),
    ("/reset", False, None, {"protocol", "connect"}),
    ("/half-head", False, None, {"protocol"}),
    ("/garbage", False, None, {"protocol"}),
    ("/http09", False, None, {"protocol"}),
    ("/bad-status", False, None, {"protocol"}),
    ("/upgrade", False, None, {"protocol", "timeout"}),
    ("/1xx-only", False, None, {"protocol"}),
    ("/1xx-flood", False, None, {"protocol", "timeout"}),
    ("/long-header", False, None, {"protocol"}),
    ("/header-flood", False, None, {"protocol"}),
    # A complete head with a 2xx is success, whatever the body then does.
    ("/1xx", True, 200, {None}),
    ("/hang-after-head", True, 200, {None}),
    ("/drip-body", True, 200, {None}),
    ("/short-body", True, 200, {None}),
    ("/bad-chunk", True, 200, {None}),
    ("/big", True, 200, {None}),
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """One daemon and one receiver for all of them: what one does must not disturb the next."""
    folder = tmp_path_factory.mktemp("misdeeds")
    with Upstream(folder) as upstream, Receiver(folder) as receiver:
        with Golived(folder, upstream, {"delivery": {"timeout": "1s", "connect_timeout": "1s"}}) as golived:
            yield golived, receiver
            assert golived.is_running(), golived.output()[-5000:]


@pytest.mark.parametrize("path, delivered, status_code, errors", MISDEEDS, ids=[row[0] for row in MISDEEDS])
def test_a_misdeed_has_its_class(ends, path, delivered, status_code, errors):
    golived, receiver = ends
    webhook = golived.register(receiver.url(path), creators=["ann"])
    started = time.monotonic()
    answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
    took = time.monotonic() - started
    attempt = golived.get(f"/api/deliveries/{answer['delivery_id']}")["attempt_log"][0]
    assert (answer["delivered"], answer["status_code"]) == (delivered, status_code), attempt
    assert attempt["error"] in errors, attempt
    assert attempt["status_code"] == status_code
    assert took < 3
    assert len(attempt["response"] or "") <= 1024
    assert receiver.deliveries("/followed") == []


def test_a_closed_port_is_refused(ends):
    golived, _ = ends
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        webhook = golived.register(f"http://127.0.0.1:{unused.getsockname()[1]}/", creators=["ann"])
        answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
    assert answer["delivered"] is False
    assert golived.get(f"/api/deliveries/{answer['delivery_id']}")["attempt_log"][0]["error"] == "refused"
