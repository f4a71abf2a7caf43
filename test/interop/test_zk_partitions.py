"""Ensembles whose network is cut: each server has a network namespace and an address of its own (needs root).

A cut loses packets in silence, as a pulled cable does: nobody is told by a reset.  Under load nothing acknowledged may
be lost, a part without a quorum stops serving within its limits, and the whole is well again after the healing.
"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import Namespaces, namespaces_work  # noqa: E402
from test_zk_ensembles import NEW, settle  # noqa: E402
from zk_history import History  # noqa: E402
from zk_nemesis import process_of  # noqa: E402

pytestmark = pytest.mark.skipif(not namespaces_work(), reason="needs the right to make network namespaces")

# tickTime 500: a leader or learner that hears nothing gives up after syncLimit ticks, elects within initLimit.
LIMITS = {"tickTime": 500, "syncLimit": 4, "initLimit": 10}
GIVES_UP_S = 4 * 0.5 + 1.5
REPLACED_S = 15


def under_load(ensemble, kinds):
    one = ensemble(kinds, network=Namespaces(), cfg=LIMITS).start()
    history = History(one.hosts).start()
    history.wait_progress(60)
    return one, history


def refuses_writes(one, member_id, timeout):
    """Is a write through that member alone turned away (or does it not even come in) until the timeout?"""
    client = KazooClient(hosts=one.servers[member_id].hosts, timeout=4, connection_retry={"max_tries": 0},
                         command_retry={"max_tries": 0})
    try:
        client.start(timeout=timeout)
        client.create("/must-not-be", b"")
        return False
    except (KazooException, KazooTimeoutError):
        return True
    finally:
        client.stop()
        client.close()


@pytest.mark.parametrize("kinds", [("samsa",) * 3, (NEW, "samsa", NEW)], ids=lambda kinds: "-".join(kinds))
def test_a_leader_that_is_cut_off_is_replaced(ensemble, kinds):
    one, history = under_load(ensemble, kinds)
    old = one.leader()
    one.network.cut(old)
    one.wait_leader(but=(old,), timeout=REPLACED_S)
    history.wait_progress(60)
    one.network.heal(old)
    one.wait_serving()
    history.wait_progress(40)
    settle(history, one)


def test_a_minority_stops_serving_and_comes_back(ensemble):
    one, history = under_load(ensemble, ("samsa",) * 3)
    alone = one.leader()
    others = [i for i in one.servers if i != alone]
    for i in others:
        one.network.cut(i)
    one.wait(lambda: one.mode(alone) == "", "notice that the leader has no quorum", GIVES_UP_S + 5)
    assert refuses_writes(one, alone, 3)
    for i in others:
        one.network.heal(i)
    one.wait_serving()
    history.wait_progress(60)
    settle(history, one)


def test_a_leader_that_hears_but_is_not_heard(ensemble):
    one, history = under_load(ensemble, ("samsa",) * 3)
    mute = one.leader()
    others = [i for i in one.servers if i != mute]
    for i in others:
        one.network.cut_one_way(mute, i)
    one.wait_leader(but=(mute,), timeout=REPLACED_S)
    history.wait_progress(40)
    for i in others:
        one.network.heal_one_way(mute, i)
    one.wait_serving()
    settle(history, one)


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_server_that_is_paused(ensemble, who):
    one, history = under_load(ensemble, ("samsa",) * 3)
    leader = one.leader()
    paused = leader if who == "leader" else one.followers()[0]
    os.kill(process_of(one.servers[paused]), signal.SIGSTOP)
    if who == "leader":
        others = [i for i in one.servers if i != paused]
        one.wait(lambda: any(one.mode(i) == "leader" for i in others), "replace the paused leader", REPLACED_S)
    history.wait_progress(60)
    time.sleep(1)
    os.kill(process_of(one.servers[paused]), signal.SIGCONT)
    one.wait_serving()
    history.wait_progress(40)
    settle(history, one)
