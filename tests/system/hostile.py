"""Receivers that misbehave below HTTP, or with so much of it that golivesim's has no word for it: a raw server on a thread, with or without TLS."""

import socket
import ssl
import subprocess
import threading

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CA_CONFIG = """
[ca]
default_ca = here
[here]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A certificate authority, and what it issues."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        (folder / "ca.cnf").write_text(CA_CONFIG.format(folder=folder))
        self.certificate, self.key = self.self_signed("ca")

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def self_signed(self, name, host="127.0.0.1"):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", 2, "-keyout", key,
                     "-out", certificate, "-addext", f"subjectAltName=IP:{host}")
        return certificate, key

    def issue(self, name, host="IP:127.0.0.1", start="20200101000000Z", end="20400101000000Z"):
        certificate, key, request = (self.folder / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request, "-addext",
                     f"subjectAltName={host}")
        self.openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-cert", self.certificate, "-keyfile", self.key,
                     "-in", request, "-out", certificate, "-startdate", start, "-enddate", end)
        return certificate, key

    def wrapper(self):
        """The words before a command that let it trust this authority alone."""
        script = f"mount --bind {self.certificate} {CA_BUNDLE} && exec \"$@\""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]


def context_of(certificate_and_key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_and_key)
    return context


class RawReceiver(threading.Thread):
    """Hands each connection, behind its TLS handshake if there is a context, to serve(connection); then closes it."""

    def __init__(self, serve, context=None):
        super().__init__(daemon=True)
        self.serve = serve
        self.context = context
        self.is_stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while not self.is_stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        connection.settimeout(20)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.serve(connection, self.is_stopping)
        except OSError:
            pass  # the daemon has had enough of it
        finally:
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.is_stopping.set()
        self.join()
        self.listener.close()


def take_request(connection):
    """Reads a request with its body."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += receive(connection)
    head, body = text.split(b"\r\n\r\n", 1)
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
    while len(body) < length:
        body += receive(connection)


def receive(connection):
    some = connection.recv(65536)
    if not some:
        raise ConnectionError("closed within the request")
    return some
