"""observerMasterPort: Apache's observers come to followers of ours, as they do to Apache's (needs root).

An observer that has the key set never asks the leader's own port, and looks for the one port on the addresses of all
voters: each server has a network namespace.
"""

import contextlib
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import Namespaces, namespaces_work  # noqa: E402
from test_zk_ensembles import NEW, settle  # noqa: E402
from zk_history import History  # noqa: E402

pytestmark = pytest.mark.skipif(not namespaces_work(), reason="needs the right to make network namespaces")

PORT = 2191
LIMITS = {"tickTime": 500, "syncLimit": 4, "initLimit": 10, "observerMasterPort": PORT}


def masters(one):
    """The voters at whose port for observers somebody is connected."""
    found = []
    for member_id in one.servers.keys() - one.observers:
        told = subprocess.run([*one.network.prefix(member_id), "ss", "-Htn", f"sport = :{PORT}"], check=True,
                              capture_output=True, text=True).stdout
        found += [member_id] if "ESTAB" in told else []
    return found


@pytest.mark.parametrize("voters", [("samsa", "samsa", "samsa"), ("samsa", "samsa", NEW)],
                         ids=lambda kinds: "-".join(kinds))
def test_an_observer_of_apaches_behind_our_followers(ensemble, voters):
    one = ensemble((*voters, NEW), observers=(4,), network=Namespaces(), cfg=LIMITS).start()
    one.wait(lambda: one.mode(4) == "observer", "the observer")
    history = History(one.servers[4].hosts, workers=2).start()
    history.wait_progress(60)
    master, = masters(one)
    one.servers[master].kill()
    one.wait(lambda: masters(one) not in ([], [master]), "another master")
    history.wait_progress(60)
    one.start(master)
    settle(history, one)


def packet(kind, zxid, data):
    """A packet without authinfo, as servers exchange them."""
    return struct.pack(">iqi", kind, zxid, len(data)) + data + struct.pack(">i", -1)


def test_one_that_does_not_read_costs_a_follower_no_memory(ensemble, connect):
    observer_info, leader_info, ack_epoch, mib = 16, 17, 18, 1 << 20
    one = ensemble(("samsa",) * 3, network=Namespaces(), cfg=LIMITS).start()
    client = connect(one.hosts)
    client.create("/small", b"")
    for number in range(64):
        client.create(f"/big{number}", b"x" * 1_000_000)
    follower = one.servers[one.followers()[0]]
    before = follower.rss()
    info = struct.pack(">qiq", 9, 0x10000, 0)
    with contextlib.closing(socket.create_connection((follower.address[0], PORT), timeout=10)) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stranger.sendall(packet(observer_info, 0, info))
        told = stranger.recv(64)
        assert struct.unpack(">i", told[:4]) == (leader_info,), told
        stranger.sendall(packet(ack_epoch, 0, struct.pack(">i", 0)))
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:   # the snapshot of 64 MB is on its way
            client.set("/small", b"y")
            assert follower.rss() - before < 16 * mib, "the follower keeps what the stranger does not read"
    client.set("/small", b"z")
    one.wait(lambda: masters(one) == [], "the end of the stranger")


def test_our_observer_needs_no_master(ensemble):
    one = ensemble(("samsa", NEW, NEW, "samsa"), observers=(4,), network=Namespaces(), cfg=LIMITS).start()
    one.wait(lambda: one.mode(4) == "observer", "the observer")
    history = History(one.servers[4].hosts, workers=2).start()
    history.wait_progress(60)
    settle(history, one)
