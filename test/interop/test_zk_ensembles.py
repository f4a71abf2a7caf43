"""Ensembles of Apache's servers and ours in one: every member does its part, whoever leads.

Under load (zk_history.py) a cluster of three Apache servers becomes one of three of ours, server by server, and goes
back; leaders are killed; a server comes back by each kind of synchronisation. Nothing acknowledged is lost, no session,
no order; and at the end all trees are equal.
"""

import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import VERSIONS, Proxied, SamsaServer  # noqa: E402
from zk_history import History  # noqa: E402
from zk_watches import Watches  # noqa: E402

NEW = "3.9.5"
DIGEST_INTERVAL = 128
# Of these nobody brings new ones: they stay in an ensemble for years.
LEFT_BEHIND = ("3.6.4", "3.7.2")


def tree_of(hosts):
    """Everything that a client can see of one server: {path: (data, stat without what differs)}."""
    client = KazooClient(hosts=hosts, timeout=10)
    client.start(timeout=20)
    nodes, level = {}, ["/"]
    try:
        client.sync("/")
        while level:
            asked = [(path, client.get_async(path), client.get_children_async(path)) for path in level]
            level = []
            for path, data_asked, names_asked in asked:
                data, stat = data_asked.get(timeout=30)
                if path == "/zookeeper/config":
                    stat = stat._replace(mtime=0)   # of each server's own clock, as long as nobody reconfigured
                nodes[path] = (data, *stat)
                level += [f"{path.rstrip('/')}/{name}" for name in names_asked.get(timeout=30)]
        return nodes
    finally:
        client.stop()
        client.close()


def assert_trees_equal(one):
    trees = {i: tree_of(server.hosts) for i, server in one.servers.items() if server.alive}
    if isinstance(one.network, Proxied):
        for tree in trees.values():
            del tree["/zookeeper/config"]   # each names the others by its own ports of the proxy
    first = next(iter(trees))
    for i, tree in trees.items():
        different = {path for path in trees[first].keys() | tree.keys() if trees[first].get(path) != tree.get(path)}
        assert not different, (f"servers {first} ({one.kinds[first]}) and {i} ({one.kinds[i]}) differ: " +
                               "; ".join(f"{p}: {trees[first].get(p)} / {tree.get(p)}" for p in sorted(different)[:3]))
    return trees[first]


def assert_digests_equal(one):
    """Each server's digest of its tree, of one zxid that Apache's write down, too: every 128th."""
    servers = {i: server for i, server in one.servers.items()
               if server.alive and not server.kind.startswith("apache-3.5")}
    client = KazooClient(hosts=one.hosts, timeout=10)
    client.start(timeout=20)
    try:
        client.ensure_path("/digest")
        zxid = 1
        while zxid % DIGEST_INTERVAL != 0:
            zxid = client.set("/digest", b"").mzxid

        def digests():
            found = {}
            for i, server in servers.items():
                lines = server.four_letter("hash").decode("ascii").split("\n")
                found[i] = dict(line.split(": ") for line in lines if ": " in line).get(f"{zxid:x}")
            return found

        one.wait(lambda: None not in digests().values(), f"tell the digest of {zxid:#x}", 20)
        assert len(set(digests().values())) == 1, f"{digests()} of {one.kinds}"
    finally:
        client.stop()
        client.close()


def settle(history, one):
    problems = history.stop()
    assert not problems, "\n".join(problems[:20])
    assert_trees_equal(one)
    assert_digests_equal(one)
    # Apache's own servers count mismatches after some elections, with trees that are equal.
    if all(isinstance(server, SamsaServer) for server in one.servers.values()):
        for i in (i for i, server in one.servers.items() if server.alive):
            assert int(one.monitor(i).get("digest_mismatches_count", "0")) == 0, f"digests differ at server {i}"


def is_up(server):
    try:
        return bool(server.four_letter("ruok"))
    except OSError:
        return False


def start_with_leader(one, wanted):
    """Starts all so that the server with the largest id leads: first, since Apache's comes up late."""
    assert wanted == max(one.servers.keys() - one.observers)
    one.start(wanted, wait=False)
    one.wait(lambda: is_up(one.servers[wanted]), "come up")
    one.start(*(one.servers.keys() - {wanted}))
    one.wait_serving()
    for _ in range(3):
        leader = one.leader()
        if leader == wanted:
            return
        # of those that remain, which know the same, the largest id wins
        one.servers[leader].stop()
        one.wait_leader(but=(leader,))
        one.start(leader)
    assert one.leader() == wanted, one.modes()


@pytest.mark.parametrize("kinds", [("samsa",) * 3, (NEW, "samsa", NEW), ("samsa", NEW, "samsa"),
                                   ("samsa", "samsa", NEW)],
                         ids=lambda kinds: "-".join(kinds))
def test_leaders_die_one_after_another(ensemble, kinds):
    one = ensemble(kinds).start()
    history = History(one.hosts).start()
    for _ in range(3):
        history.wait_progress(80)
        leader = one.leader()
        one.servers[leader].kill()
        one.wait_leader(but=(leader,))
        history.wait_progress(40)
        one.start(leader)
    history.wait_progress(40)
    settle(history, one)


@pytest.mark.parametrize("version", [version for version in VERSIONS if version not in LEFT_BEHIND])
@pytest.mark.parametrize("leads", ["apache", "samsa"])
def test_each_version_follows_and_leads(ensemble, version, leads):
    kinds = (version, version, "samsa") if leads == "samsa" else ("samsa", "samsa", version)
    one = ensemble(kinds)
    start_with_leader(one, 3)
    history = History(one.hosts, workers=2).start()
    history.wait_progress(100)
    settle(history, one)


@pytest.mark.parametrize("version", LEFT_BEHIND)
def test_an_older_server_in_each_role(ensemble, version):
    """It leads, then it follows; another of its kind observes."""
    one = ensemble(("samsa", "samsa", version, version), observers=(4,))
    start_with_leader(one, 3)
    history = History(one.hosts, workers=3).start()
    history.wait_progress(80)
    one.servers[3].kill()
    one.wait_leader(but=(3,))
    history.wait_progress(40)
    one.start(3)
    history.wait_progress(40)
    assert one.modes()[3] == "follower" and one.modes()[4] == "observer"
    settle(history, one)


def test_a_cluster_moves_to_samsa_and_back_without_a_stop(ensemble, tmp_path):
    """No write, no session and no watch is lost on the way."""
    one = ensemble((NEW,) * 3).start()
    history = History(one.hosts, workers=3, session_timeout=20).start()
    watches = Watches(one.hosts, tmp_path)
    history.wait_progress(60)
    for kind in ("samsa", NEW):
        watches.set()
        for i in one.servers:
            one.replace(i, kind)
            one.wait_serving()
            history.wait_progress(60)
        watches.trigger()
    watches.close()
    assert not any(worker.lost.is_set() for worker in history.workers), "a session was lost on the way"
    settle(history, one)


@pytest.mark.parametrize("follower,leader", [("samsa", NEW), (NEW, "samsa"), ("samsa", "samsa")])
@pytest.mark.parametrize("away", ["briefly", "long", "wiped"])
def test_a_follower_comes_back(ensemble, follower, leader, away):
    """By DIFF, by SNAP because it missed more than the leader remembers, and by SNAP from nothing."""
    one = ensemble((follower, leader, leader), cfg={"snapCount": 200},
                   java_props={"zookeeper.snapshotSizeFactor": "-1"} if away == "long" else None)
    start_with_leader(one, 3)
    history = History(one.hosts, workers=3).start()
    history.wait_progress(60)
    one.servers[1].stop()
    history.wait_progress(1500 if away == "long" else 60)
    if away == "wiped":
        version = one.servers[1].data_dir / "version-2"
        for path in version.iterdir():
            path.unlink()
    one.start(1)
    history.wait_progress(40)
    settle(history, one)


@pytest.mark.parametrize("version", ["3.6.4", "3.8.4"])
def test_an_older_follower_comes_back_in_peace(ensemble, connect, version):
    """It acknowledges what a DIFF brought, txn by txn (before 3.8.5 and 3.9.2): that is no reason to close its link."""
    one = ensemble((version, "samsa", "samsa"))
    start_with_leader(one, 3)
    client = connect(one.servers[3].hosts)
    client.create("/seen")
    one.servers[1].stop()
    for i in range(5):
        client.create(f"/missed{i}")
    one.start(1)
    one.wait_serving()
    assert_trees_equal(one)
    assert "was not sent" not in one.servers[3].log_tail(1000)


@pytest.mark.parametrize("observer,voters", [("samsa", NEW), (NEW, "samsa"), ("samsa", "samsa")])
def test_observers(ensemble, observer, voters):
    one = ensemble((voters, voters, voters, observer), observers=(4,)).start()
    assert one.mode(4) == "observer"
    history = History(one.servers[4].hosts, workers=2).start()
    history.wait_progress(60)
    leader = one.leader()
    one.servers[leader].kill()
    one.wait_leader(but=(leader,))
    history.wait_progress(60)
    one.start(leader)
    settle(history, one)
