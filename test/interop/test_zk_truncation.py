"""What only a dead leader and its nearest had written is cut off their logs when they come back; and who leads then.

The proxy loses what a leader says to the others, so a write stays in its own log, is never acknowledged, and is
in the way of what the survivors know. Servers of Apache cut what ours lead them to cut, and the other way round.
"""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import Proxied  # noqa: E402
from test_zk_ensembles import NEW, assert_digests_equal, assert_trees_equal, start_with_leader  # noqa: E402
from zk_history import UNKNOWN  # noqa: E402

LOST = b"nobody was told of this"
CUT_WORDS = ("Truncating the log to get in sync", "Truncating log to get in sync")


def has_in_log(one, member_id, data):
    logs = (one.servers[member_id].data_dir / "version-2").glob("log.*")
    return any(data in path.read_bytes() for path in logs)


def write_for_nobody(one, client, path, deaf):
    """Through the leader, whom these do not hear: it and the rest have it in their logs, and die."""
    leader = one.leader()
    for i in deaf:
        one.network.says(leader, i, drop=1)
    answer = client.create_async(path, LOST)
    with_it = [i for i in one.servers if i not in deaf]
    one.wait(lambda: all(has_in_log(one, i, LOST) for i in with_it), "write", 10)
    assert not answer.successful()
    for i in with_it:
        one.servers[i].kill()
    one.network.heal()
    assert not any(has_in_log(one, i, LOST) for i in deaf)
    with pytest.raises(UNKNOWN):
        answer.get(timeout=20)
    return with_it


@pytest.mark.parametrize("follower,leader", [("samsa", NEW), (NEW, "samsa"), ("samsa", "samsa")])
def test_a_follower_cuts_what_its_new_leader_never_had(ensemble, connect, follower, leader):
    one = ensemble((leader, leader, follower), network=Proxied())
    start_with_leader(one, 3)
    client = connect(one.servers[3].hosts)
    client.create("/before")
    assert write_for_nobody(one, client, "/lost", deaf=(1, 2)) == [3]
    # Behind a write of the new epoch, a session's beginning included, Apache's would send a snapshot.
    one.wait_leader(but=(3,))
    one.start(3)
    assert one.leader() != 3
    connect(one.hosts).create("/after")
    assert any(words in one.servers[3].logs() for words in CUT_WORDS), one.servers[3].log_tail()
    tree = assert_trees_equal(one)
    assert {"/before", "/after"} < tree.keys() and "/lost" not in tree
    assert_digests_equal(one)


def test_five_servers_elect_by_epoch_then_zxid_then_id(ensemble, connect):
    """The classes' scenario: started one after another server 3 leads; 3 and 5 die; the survivors elect the best."""
    one = ensemble(("samsa",) * 5, network=Proxied())
    for i in (1, 2):
        one.start(i, wait=False)
    time.sleep(1)
    assert one.leader() is None
    for i in (3, 4, 5):
        one.start(i)
        assert one.leader() == 3
    client = connect(one.servers[3].hosts)
    client.create("/before")

    # by epoch: server 4 alone has the larger zxid and the largest id, the others an epoch without a write
    assert write_for_nobody(one, client, "/lost", deaf=(1, 2, 5)) == [3, 4]
    assert one.wait_leader(but=(3, 4)) == 5
    one.wait_serving(1, 2, 5)
    one.servers[5].kill()
    one.start(4, wait=False)
    one.wait_serving(1, 2, 4)
    assert one.leader() == 2
    assert "/lost" not in assert_trees_equal(one)

    # by zxid: server 4 is away for one write, which 1 and 2 have
    one.start(3, 5)
    one.servers[4].kill()
    connect(one.servers[1].hosts).create("/by-zxid")
    for i in (1, 2, 3, 5):
        connect(one.servers[i].hosts).sync("/by-zxid")
    for i in (3, 5):
        one.servers[i].kill()
    one.wait(lambda: one.leader() is None, "notice that two are too few")
    one.start(4)
    assert one.leader() == 2

    # by id: all know the same
    one.start(3, 5)
    one.wait_serving()
    for i in (3, 5, 2):
        one.servers[i].stop()
    one.wait(lambda: one.leader() is None, "notice that two are too few")
    one.start(2)
    assert one.leader() == 4
    tree = assert_trees_equal(one)
    assert {"/before", "/by-zxid"} < tree.keys() and "/lost" not in tree
