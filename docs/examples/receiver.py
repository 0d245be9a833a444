#!/usr/bin/env python3
"""Receives golived's webhooks: verify, answer, then work. Python 3.9 or newer, nothing to install.

WEBHOOK_SECRET  whsec_..., as shown when the webhook was registered; both, separated by a space, during a rotation
PORT            where to listen on 127.0.0.1, behind whatever does your TLS (9000; 0 lets the system choose)
"""

import base64
import hmac
import http.server
import json
import os
import queue
import re
import sys
import threading
import time
import traceback

TOLERANCE_S = 300
BODY_MAX_BYTES = 1 << 20
REMEMBERED_EVENTS = 10_000
NUMBER = re.compile("[0-9]{1,12}")


def verify(secrets, message_id, timestamp, signatures, body, now):
    """Whether one of the signatures is that of one of the secrets over these bytes, and was made within five minutes of now."""
    if not NUMBER.fullmatch(timestamp) or abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    good = False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        for signature in signatures.split():
            good |= hmac.compare_digest(expected, signature.encode())
    return good


def verify_compatible(secrets, signature, body):
    """The same for X-Tiktool-Signature, where a receiver has that already. It covers no timestamp: prefer verify()."""
    return any([hmac.compare_digest(hmac.digest(secret.encode(), body, "sha256").hex().encode(), signature.encode())
                for secret in secrets])


def handle(event, seen, last_sequence):
    """Your work goes here. golived delivers at least once, and retries come late: both are sorted out first."""
    if event["event_id"] in seen:
        print("repeat", event["event_id"], flush=True)
        return
    seen[event["event_id"]] = True
    if len(seen) > REMEMBERED_EVENTS:
        del seen[next(iter(seen))]

    creator, sequence = event["creator"]["unique_id"], event["sequence"]
    if sequence is not None:  # a test has none
        if sequence < last_sequence.get(creator, 0):
            print("outdated", event["event_id"], flush=True)
            return
        last_sequence[creator] = sequence
    print(event["event"], creator, f"sequence={json.dumps(sequence)}", f"event={event['event_id']}",
          "(test)" if event["is_test"] else "", flush=True)


def work(events):
    seen, last_sequence = {}, {}  # yours: a table, with event_id as its key
    while True:
        try:
            handle(events.get(), seen, last_sequence)
        except Exception:  # one event that cannot be handled must not stop the others
            traceback.print_exc()


class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 10  # seconds of silence from the sender

    def do_POST(self):
        self.send_response(self.receive())
        self.end_headers()

    def receive(self):
        length = self.headers.get("Content-Length", "")
        if not NUMBER.fullmatch(length):
            return 400
        if int(length) > BODY_MAX_BYTES:
            return 413
        body = self.rfile.read(int(length))
        message_id, timestamp, signatures = (
            self.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature"))
        if not verify(self.server.secrets, message_id, timestamp, signatures, body, time.time()):
            return 401
        try:
            event = json.loads(body)
        except ValueError:
            return 400
        self.server.events.put(event)  # yours: a durable queue, because 2xx says that you have it
        return 204


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver)
    server.secrets = os.environ.get("WEBHOOK_SECRET", "").split()
    if not server.secrets:
        sys.exit("set WEBHOOK_SECRET to the whsec_... of your webhook")
    server.events = queue.Queue()
    threading.Thread(target=work, args=(server.events,), daemon=True).start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
