"""A name server for one test, and the daemon put into a mount namespace whose resolv.conf names it."""

import os
import shutil
import socket
import struct
import threading

A, AAAA = 1, 28


class DnsStub(threading.Thread):
    """Answers from `names`: {"host.example.com": ["10.1.2.3", "2001:db8::1"]}; other names do not exist. May change at any time."""

    def __init__(self, names):
        super().__init__(daemon=True)
        self.names = names
        self.is_stopping = False
        # An address of its own, so that two of these tests can run at once.
        self.address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.1)
        self.socket.bind((self.address, 53))

    def run(self):
        while not self.is_stopping:
            try:
                query, client = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            self.socket.sendto(self.answer(query), client)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        known = self.names.get(".".join(labels))
        records = b""
        count = 0
        for address in known or []:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if kind == (AAAA if family == socket.AF_INET6 else A):
                data = socket.inet_pton(family, address)
                records += struct.pack(">HHHIH", 0xc00c, kind, 1, 1, len(data)) + data
                count += 1
        flags = 0x8180 | (0 if known is not None else 3)
        return query[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + records

    def stop(self):
        self.is_stopping = True
        self.join()
        self.socket.close()

    def wrapper(self, folder):
        """The words before a command that let it see this as its only name server."""
        resolv_conf = folder / "resolv.conf"
        resolv_conf.write_text(f"nameserver {self.address}\noptions timeout:1 attempts:1\n")
        hosts = folder / "hosts"
        hosts.write_text("127.0.0.1 localhost\n")
        script = f"mount --bind {resolv_conf} /etc/resolv.conf && mount --bind {hosts} /etc/hosts && exec \"$@\""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]


def why_not():
    """Why this machine cannot play name server for a process, or None."""
    if os.geteuid() != 0:
        return "needs root: a name server on port 53, and a mount namespace"
    if not shutil.which("unshare"):
        return "needs unshare"
    if os.spawnlp(os.P_WAIT, "unshare", "unshare", "-m", "true") != 0:
        return "mount namespaces are not allowed here"
    return None
