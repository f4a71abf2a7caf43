"""Consumer groups under trouble: members that come, leave, die, come back; a broker that is killed; data
that moves between Apache's broker and ours.

SAMSA_TEST_SERVER=apache runs the same against Apache's broker: what fails there is wrong in the test.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import backends
import peers

MEMBER = Path(__file__).resolve().parent / "kafka/python/member.py"
WAIT_S = 40
PARTITIONS = 6
CLIENTS = ["confluent", "kafka_python"]


def eventually(condition, what, wait_s=WAIT_S):
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"waited {wait_s} s in vain for: {what}")


class Member:
    """A running member.py, and what it said."""

    def __init__(self, client, hosts, group, topic, **config):
        self.partitions = set()
        self.changes = []
        self.read = []
        self.committed = {}
        command = [sys.executable, MEMBER, client, hosts, group, topic]
        command += [f"{key.replace('__', '.')}={value}" for key, value in config.items()]
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            said = json.loads(line)
            for what in ("assigned", "revoked", "lost"):
                if what in said:
                    self.changes.append((what, set(said[what])))
                    if what == "assigned":
                        self.partitions |= set(said[what])
                    else:
                        self.partitions -= set(said[what])
            self.read += said.get("read", [])
            self.committed.update({int(k): v for k, v in said.get("committed", {}).items()})

    def end(self, how):
        getattr(self.process, how)()
        self.process.wait(20)


class Groups:
    def __init__(self, broker):
        self.broker = broker
        self.members = []
        self.names = 0

    @property
    def admin(self):
        from confluent_kafka.admin import AdminClient
        return AdminClient({"bootstrap.servers": self.broker.hosts})

    def topic(self, partitions=PARTITIONS):
        from confluent_kafka.admin import NewTopic
        self.names += 1
        name = f"topic-{self.names}"
        admin = self.admin      # it must live until the answer
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(WAIT_S)
        return name

    def produce(self, topic, values):
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": self.broker.hosts})
        for number, value in enumerate(values):
            producer.produce(topic, value.encode(), partition=number % PARTITIONS)
        assert producer.flush(WAIT_S) == 0

    def member(self, client, group, topic, **config):
        self.members.append(Member(client, self.broker.hosts, group, topic, **config))
        return self.members[-1]

    def settle(self, members, what):
        """Until the members share all partitions, and evenly."""
        def is_settled():
            parts = [m.partitions for m in members]
            sizes = [len(p) for p in parts]
            return sum(sizes) == PARTITIONS == len(set().union(*parts)) and max(sizes) - min(sizes) <= 1
        eventually(is_settled, what)

    def committed(self, group, topic):
        from confluent_kafka import Consumer, TopicPartition
        client = Consumer({"bootstrap.servers": self.broker.hosts, "group.id": group})
        found = client.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], WAIT_S)
        client.close()
        return {p.partition: p.offset for p in found}

    def describe(self, group):
        admin = self.admin
        return admin.describe_consumer_groups([group])[group].result(WAIT_S)


@pytest.fixture(name="groups")
def fixture_groups(tmp_path, module_servers):
    work = tmp_path / "broker"
    kind = peers.SamsaBroker
    if backends.server_kind() == "apache":
        def kind(*arguments):
            return peers.ApacheBroker(peers.KAFKA_NEWEST, *arguments)
    with kind(work, next(backends.PORTS), module_servers()) as broker:
        groups = Groups(broker)
        yield groups
        for member in groups.members:
            if member.process.poll() is None:
                member.end("kill")


@pytest.mark.parametrize("client", CLIENTS)
def test_three_members_share_and_one_leaves(groups, client):
    topic = groups.topic()
    members = [groups.member(client, "shared", topic) for _ in range(3)]
    groups.settle(members, "three shares")
    members.pop().end("terminate")
    groups.settle(members, "two shares")
    members.append(groups.member(client, "shared", topic))
    groups.settle(members, "three shares again")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_killed_member_is_replaced(groups, client):
    topic = groups.topic()
    members = [groups.member(client, "killed", topic) for _ in range(2)]
    groups.settle(members, "two shares")
    members.pop().end("kill")
    start = time.monotonic()
    groups.settle(members, "one takes over")
    assert time.monotonic() - start > 3, "it was alive until its session ended"


def test_a_static_member_comes_back_unnoticed(groups):
    topic = groups.topic()
    stays = groups.member("confluent", "static", topic, group__instance__id="one")
    leaves = groups.member("confluent", "static", topic, group__instance__id="two")
    groups.settle([stays, leaves], "two shares")
    before = leaves.partitions.copy()
    heard = len(stays.changes)
    leaves.end("kill")
    back = groups.member("confluent", "static", topic, group__instance__id="two")
    eventually(lambda: back.partitions == before, "the same partitions")
    assert len(stays.changes) == heard
    assert len(groups.describe("static").members) == 2


def test_a_static_member_fences_its_double(groups):
    topic = groups.topic()
    first = groups.member("confluent", "fenced", topic, group__instance__id="one")
    groups.settle([first], "all")
    second = groups.member("confluent", "fenced", topic, group__instance__id="one")
    groups.settle([second], "all, for the second")
    groups.produce(topic, [f"m{i}" for i in range(12)])
    eventually(lambda: len(second.read) == 12, "the second reads")
    assert not first.read


def test_cooperative_members_keep_what_they_have(groups):
    topic = groups.topic()
    strategy = {"partition__assignment__strategy": "cooperative-sticky"}
    first = groups.member("confluent", "cooperative", topic, **strategy)
    groups.settle([first], "all")
    second = groups.member("confluent", "cooperative", topic, **strategy)
    groups.settle([first, second], "two shares")
    given = [p for what, p in first.changes if what == "revoked"]
    assert sum(len(p) for p in given) == PARTITIONS // 2, "it gives up only what the other gets"


@pytest.mark.parametrize("client", CLIENTS)
def test_offsets_and_members_outlive_the_broker(groups, client):
    topic = groups.topic()
    values = [f"m{i}" for i in range(60)]
    groups.produce(topic, values[:30])
    members = [groups.member(client, "outlives", topic) for _ in range(2)]
    groups.settle(members, "two shares")
    eventually(lambda: sum(len(m.read) for m in members) >= 30, "the first half")
    eventually(lambda: groups.committed("outlives", topic) == {p: 5 for p in range(PARTITIONS)},
               "all committed")
    acknowledged = {p: o for m in members for p, o in m.committed.items()}
    groups.broker.restart("kill")
    assert groups.committed("outlives", topic) == acknowledged
    assert len(groups.describe("outlives").members) == 2, "the members are known still"
    groups.produce(topic, values[30:])
    eventually(lambda: sum(len(m.read) for m in members) >= 60, "the second half")
    assert sorted(v for m in members for v in m.read) == sorted(values), "nothing twice"


def test_the_groups_move_to_apache_and_back(tmp_path, module_servers):
    """Apache's broker goes on with our __consumer_offsets, and we with Apache's."""
    if backends.server_kind() == "apache":
        pytest.skip("it takes both")
    try:
        peers.kafka_class_path()
    except peers.PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    zookeeper = module_servers()
    work, port = tmp_path / "broker", next(backends.PORTS)
    ours = peers.SamsaBroker(work, port, zookeeper)
    apache = peers.ApacheBroker(peers.KAFKA_NEWEST, work, port, zookeeper)
    groups = Groups(ours)
    expected = {p: None for p in range(PARTITIONS)}
    with ours:
        topic = groups.topic()
        groups.produce(topic, [f"a{i}" for i in range(30)])
        member = groups.member("confluent", "moves", topic, session__timeout__ms=60000,
                               group__instance__id="one")
        eventually(lambda: len(member.read) == 30, "all read")
        expected = {p: 5 for p in range(PARTITIONS)}
        eventually(lambda: groups.committed("moves", topic) == expected, "all committed")
        ours.stop()
    for step, broker in enumerate((apache, ours)):
        with broker:
            groups.broker = broker
            assert groups.committed("moves", topic) == expected, broker.kind
            described = groups.describe("moves")
            assert [m.group_instance_id for m in described.members] == ["one"], broker.kind
            groups.produce(topic, [f"{step}-{i}" for i in range(12)])
            eventually(lambda: len(member.read) == 30 + 12 * (step + 1), "the member reads on")
            expected = {p: o + 2 for p, o in expected.items()}
            eventually(lambda: groups.committed("moves", topic) == expected, "all committed")
            broker.stop()
    member.end("kill")
