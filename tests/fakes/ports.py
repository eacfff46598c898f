"""Free ports for servers that tests start, end and start again."""

import itertools
import os
import socket

FIRST = 20_000
EACH = 3_000
BANDS = 4
"""Below the ports that the kernel lends to connections (from 32,768), so that nobody gets one while its server is away;
a band for each of the processes in which tests run side by side."""

_numbers = itertools.count()


def free_port() -> int:
    """Return a port that nobody listens on now, each time another."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    base = FIRST + int(worker) % BANDS * EACH
    for _ in range(EACH):
        port = base + next(_numbers) % EACH
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError(f"No port is free from {base} on.")
