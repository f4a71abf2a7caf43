"""Ports for servers under test: from $SAMSA_TEST_PORT (22000) upwards, a range for each pytest worker."""

import os
import socket

RANGE = 200
_next = 0


def free_port():
    """A port of this worker's range on which nobody listens now; each call gives another one."""
    global _next
    base = int(os.environ.get("SAMSA_TEST_PORT", "22000"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    base += RANGE * (int(worker.removeprefix("gw")) % 2)
    for _ in range(RANGE):
        port = base + _next % RANGE
        _next += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port is free from {base} to {base + RANGE}")
