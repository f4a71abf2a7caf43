"""The proxy that spoils links (test/peers/fault_proxy.c): each rule does what it says, and nothing else is changed."""

import os
import select
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import FaultProxy  # noqa: E402


class Link:
    """Connections to the test itself through one link, "there" being what `dial` sends."""

    def __init__(self):
        self.proxy = FaultProxy()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.proxy.link("a>b", *self.listener.getsockname())
        self.open = []

    def dial(self):
        ends = [socket.create_connection(("127.0.0.1", self.port), timeout=5)]
        ends.append(self.listener.accept()[0])
        for end in ends:
            end.settimeout(5)
        self.open += ends
        return ends

    def close(self):
        for end in (*self.open, self.listener):
            end.close()
        self.proxy.close()


@pytest.fixture
def link():
    one = Link()
    yield one
    one.close()


def receive(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


def is_silent(sock, seconds=0.2):
    return not select.select([sock], [], [], seconds)[0]


def is_reset(sock):
    try:
        return sock.recv(1) is None
    except ConnectionResetError:
        return True


def test_bytes_pass_unchanged_both_ways_and_so_does_the_end(link):
    near, far = link.dial()
    sent = os.urandom(3_000_000)
    for one, other in ((near, far), (far, near)):
        sender = threading.Thread(target=one.sendall, args=(sent,))
        sender.start()
        assert receive(other, len(sent)) == sent
        sender.join()
    assert link.proxy.stats("a>b") == {"open": 1, "opened": 1, "there": len(sent), "back": len(sent)}
    near.shutdown(socket.SHUT_WR)
    assert far.recv(1) == b""
    far.sendall(b"still")
    far.close()
    assert receive(near, 6) == b"still"


def test_delay_and_jitter_are_of_one_direction_and_keep_the_order(link):
    near, far = link.dial()
    link.proxy.set("a>b", "there", delay=100, jitter=50)
    began = time.monotonic()
    for i in range(20):
        near.sendall(bytes([i]))
        time.sleep(0.002)
    assert receive(far, 20) == bytes(range(20))
    assert time.monotonic() - began >= 0.13
    began = time.monotonic()
    far.sendall(b"x")
    assert near.recv(1) == b"x" and time.monotonic() - began < 0.1


def test_rate(link):
    near, far = link.dial()
    link.proxy.set("a>b", "back", rate=200_000)
    began = time.monotonic()
    far.sendall(bytes(80_000))
    assert len(receive(near, 80_000)) == 80_000
    assert 0.3 < time.monotonic() - began < 2


def test_what_is_held_comes_late(link):
    near, far = link.dial()
    link.proxy.set("a>b", "there", hold=1)
    near.sendall(b"late")
    far.sendall(b"back")
    assert receive(near, 4) == b"back" and is_silent(far)
    new = socket.create_connection(("127.0.0.1", link.port), timeout=5)
    new.sendall(b"new")
    link.listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        link.listener.accept()
    link.proxy.heal()
    assert receive(far, 4) == b"late"
    link.listener.settimeout(5)
    accepted = link.listener.accept()[0]
    link.open += [new, accepted]
    assert receive(accepted, 3) == b"new"


def test_what_is_dropped_never_comes_and_its_connection_ends_with_the_cut(link):
    near, far = link.dial()
    other_near, other_far = link.dial()
    link.proxy.set("a>b", "both", drop=1)
    near.sendall(b"lost")
    assert is_silent(far) and is_silent(near, 0)
    link.proxy.heal()
    assert is_reset(near) and is_reset(far)
    other_near.sendall(b"unharmed")
    assert receive(other_far, 8) == b"unharmed"


def test_a_close_during_a_drop_is_not_told(link):
    near, far = link.dial()
    link.proxy.set("a>b", "both", drop=1)
    near.close()
    assert is_silent(far)
    link.proxy.heal()
    assert is_reset(far)


def test_reset_and_refuse(link):
    near, far = link.dial()
    link.proxy.reset("a>b")
    assert is_reset(near) and is_reset(far)
    link.proxy.set("a>b", refuse=1)
    with pytest.raises(ConnectionRefusedError):
        link.dial()
    link.proxy.heal()
    near, far = link.dial()
    near.sendall(b"again")
    assert receive(far, 5) == b"again"


def test_half_open(link):
    near, far = link.dial()
    link.proxy.half("a>b", "there")
    assert far.recv(1) == b""
    near.sendall(b"to nobody")
    assert is_silent(near)
    near.close()
    deadline = time.monotonic() + 5
    while link.proxy.stats("a>b")["open"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stop_in_the_middle(link):
    near, far = link.dial()
    link.proxy.set("a>b", "there", stop=6)
    near.sendall(b"1234")
    assert receive(far, 4) == b"1234"
    near.sendall(b"5678")
    assert receive(far, 8) == b"56" and is_end(near)
    again_near, again_far = link.dial()
    again_near.sendall(b"whole")
    assert receive(again_far, 5) == b"whole"


def is_end(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True
