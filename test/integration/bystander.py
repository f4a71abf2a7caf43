"""What must not suffer while somebody else misbehaves: a session, its watch and ephemeral, descriptors.

    with Bystander(server) as bystander:
        ...                     # whatever is wrong, on other connections
        bystander.check()       # the same session still works, and answers at once
"""

import os
import time

from golden.zookeeper import wire
from golden.zookeeper.client import Connection

QUICK_S = 2.0
SETTLE_S = 10.0


def wait_for(condition, what, timeout=SETTLE_S):
    """Polls until condition() is true; returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)


def open_session(address, timeout_ms=30000, **fields):
    conn = Connection(address)
    assert conn.handshake(timeout_ms=timeout_ms, **fields), "the server refused a session"
    return conn


def descriptor_count(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def monitor(server):
    """The figures of `mntr`, numbers as numbers."""
    values = {}
    for line in server.four_letter("mntr").decode().splitlines():
        name, _, value = line.partition("\t")
        try:
            values[name] = float(value)
        except ValueError:
            values[name] = value
    return values


def log_gains(server, words, timeout=SETTLE_S):
    """Waits for the words in the server's log."""
    wait_for(lambda: words in server.logs(), f"{words!r} in the log:\n{server.log_tail(5)}", timeout)


class Bystander:
    def __init__(self, server):
        self.server = server
        self.path = f"/bystander-{os.urandom(4).hex()}"
        self.count = 0
        self.conn = None
        self.descriptors = 0

    def __enter__(self):
        self.conn = open_session(self.server.address)
        self.conn.call("create", wire.body_create(self.path, b"0", flags=wire.EPHEMERAL))
        # The word's own connection must be gone before descriptors are counted.
        self.server.four_letter("ruok")
        self.descriptors = self.quiet_count()
        return self

    def quiet_count(self):
        """How many descriptors there are when the number has stayed for a moment."""
        before = -1
        while before != descriptor_count(self.server):
            before = descriptor_count(self.server)
            time.sleep(0.02)
        return before

    def __exit__(self, *_):
        self.conn.close()

    def check(self):
        """The session works as before, within QUICK_S."""
        began = time.monotonic()
        self.count += 1
        self.conn.call("exists", wire.body_path_watch(self.path, True))
        self.conn.call("setData", wire.body_set_data(self.path, b"%d" % self.count))
        reply = self.conn.call("getData", wire.body_path_watch(self.path))
        assert reply.startswith(wire.buf(b"%d" % self.count))
        assert self.conn.events, "the watch gave no event"
        self.conn.events.clear()
        took = time.monotonic() - began
        assert took < QUICK_S, f"three requests took {took:.2f} s"

    def check_all(self):
        """And nothing is left of the others: ruok, descriptors as before."""
        self.check()
        assert self.server.four_letter("ruok") == b"imok"
        wait_for(lambda: descriptor_count(self.server) <= self.descriptors,
                 f"descriptors back to {self.descriptors}, now {descriptor_count(self.server)}")
