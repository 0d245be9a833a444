"""systemd, as a service sees it: what it hears by sd_notify(3), and its watchdog."""

import signal
import socket
import time

from golived import wait_until


class Manager:
    """systemd's end of NOTIFY_SOCKET: everything that was said, as dicts."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(self.path)
        self.heard = []

    def listen(self):
        while True:
            try:
                text = self.socket.recv(65536).decode()
            except BlockingIOError:
                return self.heard
            self.heard.append(dict(line.split("=", 1) for line in text.split("\n")))

    def wait_for(self, what, seconds=20):
        """The first datagram that has all of that."""
        def look():
            return next((said for said in self.listen() if what.items() <= said.items()), None)
        return wait_until(look, seconds, f"the service says {what}; it said {self.heard}")

    def statuses(self):
        return [said["STATUS"] for said in self.listen() if "STATUS" in said]

    def count(self, name):
        return sum(name in said for said in self.listen())

    def enforce_watchdog(self, process, seconds):
        """Waits for so long a silence, and then does what systemd does: SIGABRT."""
        def is_silent():
            fed = self.count("WATCHDOG")
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self.count("WATCHDOG") > fed:
                    return False
                time.sleep(0.02)
            return True
        wait_until(is_silent, 30, f"no WATCHDOG=1 for {seconds} s")
        process.send_signal(signal.SIGABRT)
