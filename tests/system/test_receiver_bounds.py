"""Receivers at their worst below HTTP's surface: each attempt ends in time, in its class, and costs no memory that lasts."""

import gzip
import pathlib
import re
import socket
import ssl
import time

import pytest

import dns_stub
import hostile
from golived import Golived, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIMEOUT_S = 1
SETTINGS = {"delivery": {"timeout": f"{TIMEOUT_S}s", "connect_timeout": f"{TIMEOUT_S}s"}}


def attempt(golived, url):
    """The test's answer, its one attempt, and the seconds it took."""
    webhook = golived.register(url, creators=["ann"])
    started = time.monotonic()
    answer = golived.post(f"/api/webhooks/{webhook['id']}/test")
    took = time.monotonic() - started
    return answer, golived.get(f"/api/deliveries/{answer['delivery_id']}")["attempt_log"][0], took


def memory_kb(golived):
    status = pathlib.Path(f"/proc/{golived.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


# ---- TLS ----

def answer_ok(connection, _):
    hostile.take_request(connection)
    connection.sendall(OK)


def say_nothing(connection, is_stopping):
    """Takes what comes, the TLS ClientHello among it, and never answers."""
    is_stopping.wait(20)


def say_half_a_hello(connection, is_stopping):
    connection.recv(1)
    connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    is_stopping.wait(20)


def speak_plainly(connection, _):
    connection.recv(1)
    connection.sendall(OK)


def close_at_once(connection, _):
    connection.recv(1)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A daemon that trusts one authority, and that authority."""
    reason = dns_stub.why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("tls")
    authority = hostile.Authority(folder / "ca")
    with Upstream(folder) as upstream, Golived(folder, upstream, SETTINGS, wrapper=authority.wrapper()) as golived:
        yield golived, authority
        assert golived.is_running(), golived.output()[-5000:]


def test_a_good_certificate_is_delivered_to(tls):
    golived, authority = tls
    with hostile.RawReceiver(answer_ok, hostile.context_of(authority.issue("good"))) as receiver:
        answer, made, _ = attempt(golived, f"https://127.0.0.1:{receiver.port}/")
    assert (answer["delivered"], answer["status_code"], made["error"]) == (True, 200, None), made
    assert made["tls_ms"] is not None, made


def certificate_of(authority, fault):
    if fault == "self-signed":
        return authority.self_signed("alone")
    if fault == "of an unknown authority":
        return hostile.Authority(authority.folder / "other").issue("stranger")
    return {
        "expired": lambda: authority.issue("expired", end="20210101000000Z"),
        "not valid yet": lambda: authority.issue("early", start="20390101000000Z"),
        "of another host": lambda: authority.issue("elsewhere", host="DNS:hooks.example.com"),
        "of another address": lambda: authority.issue("neighbour", host="IP:127.0.0.2"),
    }[fault]()


@pytest.mark.parametrize("fault", ["expired", "not valid yet", "of another host", "of another address", "self-signed",
                                   "of an unknown authority"])
def test_a_bad_certificate_is_an_error_of_tls(tls, fault):
    golived, authority = tls
    with hostile.RawReceiver(answer_ok, hostile.context_of(certificate_of(authority, fault))) as receiver:
        answer, made, took = attempt(golived, f"https://127.0.0.1:{receiver.port}/")
    assert (answer["delivered"], made["error"], made["status_code"]) == (False, "tls", None), made
    assert took < TIMEOUT_S + 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_who_demands_a_certificate_of_ours_gets_an_error_of_tls(tls, version):
    """With TLS 1.3 the refusal comes behind the handshake, where the answer is waited for; the connection may break before it does."""
    golived, authority = tls
    errors = {"tls", "protocol"} if version == ssl.TLSVersion.TLSv1_3 else {"tls"}
    context = hostile.context_of(authority.issue(f"demanding-{version.name}"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    context.minimum_version = context.maximum_version = version
    with hostile.RawReceiver(answer_ok, context) as receiver:
        answer, made, _ = attempt(golived, f"https://127.0.0.1:{receiver.port}/")
    assert (answer["delivered"], made["status_code"]) == (False, None), made
    assert made["error"] in errors, made


@pytest.mark.parametrize("serve, errors", [(say_nothing, {"timeout"}), (say_half_a_hello, {"timeout"}), (speak_plainly, {"tls"}),
                                           (close_at_once, {"tls"})], ids=lambda value: getattr(value, "__name__", ""))
def test_a_handshake_that_comes_to_nothing_ends_in_time(tls, serve, errors):
    golived, _ = tls
    with hostile.RawReceiver(serve) as receiver:
        answer, made, took = attempt(golived, f"https://127.0.0.1:{receiver.port}/")
    assert answer["delivered"] is False
    assert made["error"] in errors, made
    assert took < TIMEOUT_S + 1


# ---- what golivesim's receiver has no word for ----

def half_close_before_the_answer(connection, is_stopping):
    hostile.take_request(connection)
    connection.shutdown(socket.SHUT_WR)
    is_stopping.wait(20)


def half_close_behind_the_answer(connection, is_stopping):
    hostile.take_request(connection)
    connection.sendall(OK)
    connection.shutdown(socket.SHUT_WR)
    is_stopping.wait(20)


GZIP_BOMB = gzip.compress(bytes(100 << 20), compresslevel=1)


def send_gzip_bomb(connection, _):
    hostile.take_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIP_BOMB) + GZIP_BOMB)


def send_five_gigabytes(connection, is_stopping):
    hostile.take_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (5 << 30))
    pour(connection, b"x" * 65536, is_stopping)


def send_an_endless_line(connection, is_stopping):
    hostile.take_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    pour(connection, b"x" * 65536, is_stopping)


def send_endless_1xx(connection, is_stopping):
    hostile.take_request(connection)
    pour(connection, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, is_stopping)


def pour(connection, some, is_stopping):
    while not is_stopping.is_set():
        connection.sendall(some)


# What a receiver does: delivered?, status code, classes of error that fit.
EXCESSES = [
    (half_close_before_the_answer, False, None, {"protocol"}),
    (half_close_behind_the_answer, True, 200, {None}),
    (send_gzip_bomb, True, 200, {None}),
    (send_five_gigabytes, True, 200, {None}),
    (send_an_endless_line, False, None, {"protocol"}),
    (send_endless_1xx, False, None, {"protocol", "timeout"}),
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("excesses")
    # What AddressSanitizer would keep of freed memory is not the daemon's.
    environment = {"ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}
    with Upstream(folder) as upstream, Golived(folder, upstream, SETTINGS, environment) as golived:
        yield golived
        assert golived.is_running(), golived.output()[-5000:]


@pytest.mark.parametrize("serve, delivered, status_code, errors", EXCESSES, ids=[row[0].__name__ for row in EXCESSES])
def test_an_excess_has_its_class_and_its_end(plain, serve, delivered, status_code, errors):
    with hostile.RawReceiver(serve) as receiver:
        answer, made, took = attempt(plain, f"http://127.0.0.1:{receiver.port}/")
    assert (answer["delivered"], answer["status_code"]) == (delivered, status_code), made
    assert made["error"] in errors, made
    assert took < 2 * TIMEOUT_S + 1
    assert len(made["response"] or "") <= 1024


def test_excesses_leave_no_memory_behind(plain):
    """Less than 1 MB in the end, whatever was sent: after three rounds in which all that is kept for reuse has been made."""
    receivers = [hostile.RawReceiver(row[0]) for row in EXCESSES]
    webhooks = []
    for receiver in receivers:
        receiver.start()
        webhooks.append(plain.register(f"http://127.0.0.1:{receiver.port}/", creators=["ann"])["id"])

    def round_of_all():
        for webhook in webhooks:
            plain.post(f"/api/webhooks/{webhook}/test")
    for _ in range(3):
        round_of_all()
    before_kb = memory_kb(plain)
    for _ in range(5):
        round_of_all()
    grown_kb = memory_kb(plain) - before_kb
    for receiver in receivers:
        receiver.__exit__()
    assert grown_kb < 1024, f"{grown_kb} kB more than the {before_kb} kB before"
