"""Nothing goes where it should not: at registration for what is written, at each attempt for what a name stands for."""

import pytest

import dns_stub
from golived import Golived, Upstream, wait_until

REFUSED = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/",
    "http://%31%32%37.0.0.1/", "http://10.0.0.5/", "http://172.16.3.4/", "http://192.168.1.1/", "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/", "http://0.0.0.0/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://[::1]/", "http://[::]/", "http://[::ffff:10.0.0.1]/", "http://[::10.0.0.1]/",
    "http://[64:ff9b::a00:1]/", "http://[2002:a00:1::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/", "http://[ff02::1]/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
    "http://localhost.localdomain/", "http://ex\u00e4mple.com/", "http://\u2460\u2461\u2466.0.0.1/", "ftp://example.com/",
    "file:///etc/passwd", "http:///nohost", "//example.com/", "example.com", "", "http://user:pass@example.com/",
    "http://example.com\\@10.0.0.1/", "https://example.com/\r\nX: y",
]


@pytest.fixture
def strict(start_golived):
    return start_golived({"delivery": {"allow_targets": ""}})


@pytest.mark.parametrize("url", REFUSED)
def test_what_points_inward_is_refused_at_registration(strict_for_all, url):
    answer = strict_for_all.call("POST", "/api/webhooks", {"target_url": url, "event_types": ["live.start"],
                                                           "creators": ["ann"]})
    assert answer.status == 422, answer
    assert answer.json["field"] == "target_url"


@pytest.fixture(scope="module")
def strict_for_all(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    with Upstream(folder) as upstream, Golived(folder, upstream, {"delivery": {"allow_targets": ""}}) as golived:
        yield golived


def test_a_public_target_is_taken(strict):
    webhook = strict.register("https://hooks.example.com/tiktool?token=x", creators=["ann"])
    assert webhook["target_url"] == "https://hooks.example.com/tiktool?token=x"
    changed = strict.call("PATCH", f"/api/webhooks/{webhook['id']}", {"target_url": "http://10.1.1.1/"})
    assert changed.status == 422


@pytest.mark.parametrize("header", ["X-Tiktool-Signature", "webhook-id", "Host", "Content-Length", "content-type",
                                    "Connection", "Transfer-Encoding"])
def test_an_extra_header_may_not_replace_ours(strict, header):
    answer = strict.call("POST", "/api/webhooks", {
        "target_url": "https://hooks.example.com/", "event_types": ["live.start"], "extra_headers": {header: "x"}})
    assert answer.status == 422


@pytest.fixture
def resolver():
    reason = dns_stub.why_not()
    if reason:
        pytest.skip(reason)
    stub = dns_stub.DnsStub({})
    stub.start()
    yield stub
    stub.stop()


def attempt_to(golived, url):
    """The one attempt that a test delivery to that URL makes."""
    webhook = golived.register(url, creators=["ann"])
    answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
    return golived.get(f"/api/deliveries/{answer['delivery_id']}")["attempt_log"][0]


@pytest.mark.parametrize("addresses", [["10.1.2.3"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.1.2.3"],
                                       ["fd00::1"], ["10.1.2.3", "fd00:1::1"]], ids=" ".join)
def test_a_name_that_stands_for_a_private_address_is_blocked(start_golived, resolver, tmp_path, addresses):
    resolver.names["hooks.acme-corp.com"] = addresses
    golived = start_golived({"delivery": {"allow_targets": ""}}, wrapper=resolver.wrapper(tmp_path))
    attempt = attempt_to(golived, "http://hooks.acme-corp.com/")
    assert (attempt["error"], attempt["status_code"]) == ("blocked", None)


def test_a_name_is_delivered_to_where_that_is_allowed(start_golived, resolver, receiver, tmp_path):
    resolver.names["hooks.acme-corp.com"] = ["10.1.2.3", "127.0.0.1"]
    golived = start_golived(wrapper=resolver.wrapper(tmp_path))  # 127.0.0.0/8 is allowed, 10.1.2.3 is not
    port = receiver.base.rsplit(":", 1)[1]
    attempt = attempt_to(golived, f"http://hooks.acme-corp.com:{port}/ok")
    assert (attempt["error"], attempt["peer_address"]) == (None, "127.0.0.1")
    assert receiver.wait_for(1)[0].headers["host"] == f"hooks.acme-corp.com:{port}"


def test_a_name_that_does_not_exist_is_an_error_of_dns(start_golived, resolver, tmp_path):
    golived = start_golived(wrapper=resolver.wrapper(tmp_path))
    assert attempt_to(golived, "http://nowhere.acme-corp.com/")["error"] == "dns"


def test_a_name_that_turns_inward_later_is_blocked_then(start_golived, resolver, receiver, tmp_path):
    resolver.names["hooks.acme-corp.com"] = ["127.0.0.1"]
    golived = start_golived(wrapper=resolver.wrapper(tmp_path))
    port = receiver.base.rsplit(":", 1)[1]
    webhook = golived.register(f"http://hooks.acme-corp.com:{port}/ok", creators=["ann"])
    assert golived.post(f"/api/webhooks/{webhook['id']}/test")["delivered"] is True
    resolver.names["hooks.acme-corp.com"] = ["10.1.2.3"]

    def is_blocked():
        answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
        return golived.get(f"/api/deliveries/{answer['delivery_id']}")["attempt_log"][0]["error"] == "blocked"
    wait_until(is_blocked, 15, "the kept connection is no longer used, and the new address is blocked")
