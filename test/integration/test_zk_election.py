"""Who leads: five real servers started one after another, and what the survivors of deaths decide."""

import time

import pytest
from kazoo.client import KazooClient
from peers.ensemble import Ensemble


@pytest.fixture
def five(tmp_path):
    with Ensemble(tmp_path, ["samsa"] * 5) as ensemble:
        yield ensemble


def kill(ensemble, *member_ids):
    for member_id in member_ids:
        ensemble.servers[member_id].kill()


def test_five_started_one_after_another(five):
    """The third makes the quorum and leads, whoever comes later; then zxid counts before id."""
    for member_id in (1, 2):
        five.start(member_id, wait=False)
    time.sleep(1)
    assert five.leader() is None
    five.start(3)
    assert five.leader() == 3
    for member_id in (4, 5):
        five.start(member_id)
        assert five.leader() == 3

    # server 4 misses a write, so it is no candidate although its id is the largest
    kill(five, 4)
    client = KazooClient(hosts=five.hosts, timeout=10)
    client.start()
    try:
        client.create("/written", b"without server 4")
        # all who live have it: a sync through each
        for member_id in (1, 2, 5):
            one = KazooClient(hosts=five.servers[member_id].hosts, timeout=10)
            one.start()
            one.sync("/written")
            assert one.exists("/written")
            one.stop()
            one.close()
        kill(five, 3, 5)
        five.servers[4].start(wait=False)
        five.wait_serving(1, 2, 4)
        assert five.leader() == 2
        five.start(3)
        five.start(5)
        assert five.leader() == 2
        assert client.retry(client.get, "/written")[0] == b"without server 4"
    finally:
        client.stop()
        client.close()


def test_two_of_five_die_at_once(five):
    five.start()
    leader = five.leader()
    followers = [member_id for member_id in five.kinds if member_id != leader]
    time.sleep(1)
    kill(five, leader, followers[0])
    assert five.wait_leader(but=(leader,), timeout=10) in followers[1:]
    five.wait_serving()
    assert sorted(five.modes().values()) == ["", "", "follower", "follower", "leader"]
