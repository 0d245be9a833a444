"""Runs a command for each connection, with the connection as its input and output, one after the other: what socat, ncat and
systemd do for receiver.sh, here without needing any of them."""

import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        subprocess.run(sys.argv[1:], stdin=connection, stdout=connection)
