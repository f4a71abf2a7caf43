"""Reconfiguration of ensembles of Apache's servers and ours: servers leave, come back and join, the leader leaves.

Whoever leads and whoever follows, the text of /zookeeper/config is the same everywhere, and the ensemble goes on.
"""

import pytest
from kazoo.exceptions import BadArgumentsError, BadVersionError, ConnectionLoss, NewConfigNoQuorumError, NoAuthError

NEW = "3.9.5"
OPEN = {"cfg": {"reconfigEnabled": "true", "skipACL": "yes"}, "java_props": {"zookeeper.skipACL": "yes"}}
KINDS = [("samsa",) * 3, ("samsa", NEW, "samsa"), (NEW, "samsa", NEW)]


def config_of(client):
    client.sync("/")
    lines = client.get("/zookeeper/config")[0].decode().splitlines()
    assert lines[-1].startswith("version=")
    return lines


def members(lines):
    return sorted(int(line.split("=")[0].removeprefix("server.")) for line in lines if line.startswith("server."))


def assert_same_everywhere(one, connect, ids):
    """Each server that lives says the same, and it is of these members."""
    texts = {}
    for i, server in one.servers.items():
        one.wait_serving(i)
        texts[i] = config_of(connect(server.hosts))
        assert members(texts[i]) == sorted(ids), f"server {i} ({one.kinds[i]}): {texts[i]}"
    assert len({tuple(text) for text in texts.values()}) == 1, texts


def line_of(one, member_id):
    return f"server.{member_id}={one.server_lines()[f'server.{member_id}']}"


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_servers_leave_and_come_back(ensemble, connect, kinds):
    one = ensemble(kinds, **OPEN).start()
    client = connect(one.hosts)
    first = config_of(client)
    assert members(first) == [1, 2, 3] and first[-1] != "version=0"
    gone = one.followers()[0]
    text, stat = client.reconfig(joining=None, leaving=str(gone), new_members=None)
    assert members(text.decode().splitlines()) == sorted({1, 2, 3} - {gone})
    assert stat.version == -1
    # It goes on following, without a vote.
    one.wait(lambda: one.mode(gone) == "follower", "keep the one that left as a follower")
    client.create("/while-it-is-away")
    assert_same_everywhere(one, connect, {1, 2, 3} - {gone})
    client.reconfig(joining=line_of(one, gone), leaving=None, new_members=None)
    assert_same_everywhere(one, connect, {1, 2, 3})
    assert connect(one.servers[gone].hosts).exists("/while-it-is-away")


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_the_leader_leaves(ensemble, connect, kinds):
    one = ensemble(kinds, **OPEN).start()
    client = connect(one.hosts)
    leader = one.leader()
    try:
        client.reconfig(joining=None, leaving=str(leader), new_members=None)
    except ConnectionLoss:
        pass    # the leader may be gone before it has answered
    one.wait_leader(but=(leader,))
    client.retry(client.ensure_path, "/after-it")     # its server may look for the new leader only now
    assert_same_everywhere(one, connect, {1, 2, 3} - {leader})


@pytest.mark.parametrize("kinds,joiner", [(("samsa",) * 3, "samsa"), (("samsa", NEW, "samsa"), "samsa"),
                                          (("samsa",) * 3, NEW), ((NEW,) * 3, "samsa")])
def test_a_fourth_server_joins(ensemble, connect, kinds, joiner):
    one = ensemble(kinds, **OPEN).start()
    client = connect(one.hosts)
    client.create("/before", b"x")
    one.network.add(4)
    one.kinds[4] = joiner
    one.servers[4] = one.make(4)
    with pytest.raises(BadArgumentsError):      # two servers at one address, or no client port
        client.reconfig(joining=line_of(one, 4).split(";")[0], leaving=None, new_members=None)
    one.start(4)
    assert connect(one.servers[4].hosts).get("/before")[0] == b"x"
    client.reconfig(joining=line_of(one, 4), leaving=None, new_members=None)
    assert_same_everywhere(one, connect, {1, 2, 3, 4})


def test_what_is_refused(ensemble, connect):
    one = ensemble(("samsa",) * 3, **OPEN).start()
    client = connect(one.hosts)
    with pytest.raises(BadVersionError):
        client.reconfig(joining=None, leaving="3", new_members=None, from_config=5)
    with pytest.raises(BadArgumentsError):
        client.reconfig(joining=None, leaving="2,3", new_members=None)
    with pytest.raises(NewConfigNoQuorumError):
        client.reconfig(joining="server.8=127.0.0.1:1:2;3,server.9=127.0.0.1:4:5;6", leaving="2", new_members=None)
    assert members(config_of(client)) == [1, 2, 3]


def test_only_who_may_reconfigures(ensemble, connect):
    one = ensemble(("samsa",) * 3, cfg={"reconfigEnabled": "true"}).start()
    client = connect(one.hosts)
    with pytest.raises(NoAuthError):
        client.reconfig(joining=None, leaving="3", new_members=None)
    assert members(config_of(client)) == [1, 2, 3]
