"""Five servers of which two are away: killed, paused, cut off, or with full disks. Nothing acknowledged is lost.

The history's clients (zk_history.py) work all the time, with sessions that outlive everything.
SAMSA_SOAK_SECONDS=600 draws faults for so long.
"""

import errno
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import DiskOrders, Ensemble, Proxied, build_bad_disk, samsa_program  # noqa: E402
from test_zk_ensembles import settle  # noqa: E402
from zk_history import History  # noqa: E402
from zk_nemesis import LIMITS, REPLACED_S, Nemesis  # noqa: E402

SOAK_S = int(os.environ.get("SAMSA_SOAK_SECONDS", "0"))
TIMEOUT_S = 20
EXIT_STORAGE = 10
ACTS = ("kill_minority", "pause_minority", "cut_minority", "kill_all")
MORE_ACTS = ("kill_leader", "kill_follower", "pause_leader", "pause_briefly", "slow_links", "cut_leader",
             "cut_follower", "cut_one_way", "stall_briefly", "reset_links", "break_in_the_middle", "half_open",
             "restart_all_one_by_one")


@pytest.fixture
def five(tmp_path):
    assert samsa_program() is not None, "build first: no bin/zkServer.sh with a program"
    with Ensemble(tmp_path, ["samsa"] * 5, network=Proxied(), cfg={**LIMITS, "preAllocSize": 64}) as one:
        yield one


def start_history(one):
    history = History(one.network.hosts_for("h"), workers=3, session_timeout=TIMEOUT_S).start()
    history.wait_progress(40)
    return history


def settle_with_sessions(history, one):
    assert not any(worker.lost.is_set() for worker in history.workers), "a session was lost"
    settle(history, one)


def test_two_of_five_are_away(five):
    five.start()
    history = start_history(five)
    nemesis = Nemesis(five, lambda: history.wait_progress(30), lambda name: print("act", name))
    if SOAK_S:
        nemesis.soak(SOAK_S, ACTS + MORE_ACTS)
    else:
        nemesis.play(*ACTS)
    history.wait_progress(40)
    print(history.acknowledged(), "operations acknowledged")
    settle_with_sessions(history, five)


def test_the_disks_of_two_of_five_are_full(five, tmp_path):
    """They end and say why; the other three go on with all that was acknowledged; with room they come back."""
    library = build_bad_disk(tmp_path)
    if library is None:
        pytest.skip("no C compiler for the failing disk")
    orders = {}
    for i, server in five.servers.items():
        server.work.mkdir(parents=True)
        orders[i] = DiskOrders(server.work / "orders")
        server.environment = lambda old=server.environment, own=orders[i]: {**old(), **own.environment(library)}
    five.start()
    history = start_history(five)
    leader = five.wait_leader()
    full = [leader, five.followers()[0]]
    for i in full:
        orders[i].set("log", fail_write_from=1, error=errno.ENOSPC)
    for i in full:
        assert five.servers[i].process.wait(REPLACED_S) == EXIT_STORAGE
        assert "No space left" in five.servers[i].log_tail(20)
    five.wait_leader(but=full)
    history.wait_progress(60)
    for i in full:
        orders[i].clear()
    five.start(*full)
    history.wait_progress(40)
    settle_with_sessions(history, five)
