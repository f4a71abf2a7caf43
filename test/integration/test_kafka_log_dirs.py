"""A log directory moves: Apache's opens in Samsa, Samsa's opens in Apache, there and back.

One topic with small segments gets batches of every codec, transactions that commit and that abort,
and a deleted front. A broker ends by SIGTERM or by SIGKILL, and another one opens its directory:
it must show the same offsets and the same records, to both isolation levels, know the producers
again, and find no fault with any file. At the end Apache's DumpLogSegments reads every file that
either has written.
"""

import re
import time

import pytest
from kazoo.client import KazooClient
from peers import (KAFKA_NEWEST, KAFKA_OLDEST, ApacheBroker, PeerUnavailable, SamsaBroker,
                   SamsaServer, free_port, samsa_broker_program)

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

TOPIC = "moved"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
WAIT_S = 60
SESSION_MS = 6000
PROPERTIES = {
    "zookeeper.session.timeout.ms": SESSION_MS,
    "log.flush.offset.checkpoint.interval.ms": 500,
    "log.flush.start.offset.checkpoint.interval.ms": 500,
    "transaction.state.log.num.partitions": 1,
}


def until(what, seconds=WAIT_S):
    """Calls `what` until it gives something, and no error of a broker that is still settling."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = what()
            if found:
                return found
        except (KafkaException, OSError) as problem:
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {problem}") from problem
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.1)


def create_topic(broker):
    admin = AdminClient({"bootstrap.servers": broker.hosts})
    config = {"segment.bytes": "20000", "index.interval.bytes": "300"}
    for future in admin.create_topics([NewTopic(TOPIC, 1, 1, config=config)]).values():
        future.result(WAIT_S)


def produce(broker, codec, first, count):
    failures = []
    producer = Producer({"bootstrap.servers": broker.hosts, "compression.type": codec,
                         "enable.idempotence": True, "linger.ms": 1, "batch.num.messages": 7})
    for n in range(first, first + count):
        producer.produce(TOPIC, partition=0, key=f"key{n}", value=f"{codec} {n} ".encode() * 10,
                         headers=[("codec", codec.encode())],
                         on_delivery=lambda error, _: failures.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(WAIT_S) == 0
    assert not failures


def transact(broker, count):
    producer = Producer({"bootstrap.servers": broker.hosts, "transactional.id": "mover"})
    producer.init_transactions(WAIT_S)
    for n in range(count):
        producer.begin_transaction()
        for part in range(3):
            producer.produce(TOPIC, partition=0, value=f"transaction {n} {part}".encode())
        producer.flush(WAIT_S)
        if n % 2 == 0:
            producer.commit_transaction(WAIT_S)
        else:
            producer.abort_transaction(WAIT_S)


def consumer_of(broker, isolation):
    return Consumer({"bootstrap.servers": broker.hosts, "group.id": "movers",
                     "isolation.level": isolation, "enable.partition.eof": True,
                     "enable.auto.commit": False, "check.crcs": True})


def watermarks(broker):
    consumer = consumer_of(broker, "read_uncommitted")
    try:
        return until(lambda: consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10))
    finally:
        consumer.close()


def records(broker, isolation, start):
    """Everything from `start` on: offset, key, value, timestamp, headers."""
    found = []
    consumer = consumer_of(broker, isolation)
    deadline = time.monotonic() + WAIT_S
    try:
        consumer.assign([TopicPartition(TOPIC, 0, start)])
        while True:
            assert time.monotonic() < deadline, f"after {len(found)} records"
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                return found
            if message.error():
                continue    # it is retried: the broker has only just begun
            found.append((message.offset(), message.key(), message.value(), message.timestamp(),
                          message.headers()))
    finally:
        consumer.close()


def times(broker, moments):
    """The first offset at or behind each moment, as ListOffsets tells."""
    consumer = consumer_of(broker, "read_uncommitted")
    try:
        return [until(lambda m=moment: consumer.offsets_for_times(
            [TopicPartition(TOPIC, 0, m)], timeout=10))[0].offset for moment in moments]
    finally:
        consumer.close()


class Shown:
    """What a broker shows of the topic."""

    def __init__(self, broker):
        self.start, self.end = watermarks(broker)
        self.all = records(broker, "read_uncommitted", self.start)
        self.committed = records(broker, "read_committed", self.start)
        moments = sorted({record[3][1] for record in self.all})[::7]
        self.times = list(zip(moments, times(broker, moments)))

    def check(self, broker):
        """The broker that is open now shows what the last one showed."""
        assert watermarks(broker) == (self.start, self.end)
        assert records(broker, "read_uncommitted", self.start) == self.all
        assert records(broker, "read_committed", self.start) == self.committed
        moments = [moment for moment, _ in self.times]
        assert list(zip(moments, times(broker, moments))) == self.times


class Mover:
    """Runs brokers on one log directory, one after another."""

    def __init__(self, tmp_path, zookeeper, version):
        self.tmp_path = tmp_path
        self.zookeeper = zookeeper
        self.version = version
        self.port = free_port()

    def broker(self, kind):
        make = SamsaBroker if kind == "samsa" else lambda *a, **k: ApacheBroker(self.version, *a, **k)
        return make(self.tmp_path / "logs", self.port, self.zookeeper, properties=PROPERTIES)

    def end(self, broker, how):
        getattr(broker, how)()
        # The next one registers under the same id: the killed one's session must be over.
        client = KazooClient(self.zookeeper.hosts)
        client.start(WAIT_S)
        until(lambda: client.exists("/brokers/ids/0") is None and
              client.exists("/controller") is None)
        client.stop()
        client.close()

    @property
    def folder(self):
        return self.tmp_path / "logs" / f"{TOPIC}-0"


def dump(broker, folder):
    """What Apache's DumpLogSegments says of every file."""
    files = sorted(str(path) for path in folder.iterdir()
                   if path.suffix in (".log", ".index", ".timeindex", ".txnindex", ".snapshot"))
    assert any(name.endswith(".txnindex") for name in files)
    result = broker.tool("kafka-dump-log", "--deep-iteration", "--files", ",".join(files))
    return result.stdout + result.stderr


@pytest.fixture(params=(KAFKA_NEWEST, KAFKA_OLDEST))
def mover(request, tmp_path):
    if samsa_broker_program() is None:
        pytest.skip("no bin/kafka-server-start.sh with a program")
    try:
        ApacheBroker(request.param, tmp_path / "none", 1, "none")
    except PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    with SamsaServer(tmp_path / "zookeeper", free_port()) as zookeeper:
        yield Mover(tmp_path, zookeeper, request.param)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ("stop", "kill"))
def test_there_and_back(mover, how):
    with mover.broker("apache") as apache:
        create_topic(apache)
        for n, codec in enumerate(CODECS):
            produce(apache, codec, n * 100, 100)
        transact(apache, 6)
        if how == "stop":
            # Apache writes a log's new start down half a minute after the broker's begin, or at its
            # orderly end: SIGKILL would bring the deleted front back.
            apache.tool("kafka-delete-records", "--bootstrap-server", apache.hosts,
                        "--offset-json-file", offsets_file(mover, 30))
        shown = Shown(apache)
        assert shown.start == (30 if how == "stop" else 0)
        assert len(shown.committed) < len(shown.all)
        mover.end(apache, how)

    with mover.broker("samsa") as samsa:
        shown.check(samsa)
        for n, codec in enumerate(CODECS):
            produce(samsa, codec, 1000 + n * 100, 100)
        more = Shown(samsa)
        assert more.end == shown.end + 500
        assert more.all[:len(shown.all)] == shown.all
        mover.end(samsa, how)

    with mover.broker("apache") as apache:
        more.check(apache)
        produce(apache, "lz4", 5000, 100)
        transact(apache, 2)
        last = Shown(apache)
        mover.end(apache, "stop")

    with mover.broker("samsa") as samsa:
        last.check(samsa)
        mover.end(samsa, "stop")

    with mover.broker("apache") as apache:
        last.check(apache)
        text = (apache.work / "server.log").read_text(encoding="utf-8", errors="replace")
        mover.end(apache, "stop")
        said = dump(apache, mover.folder)
    complaints = [line for line in text.splitlines()
                  if f"{TOPIC}-0" in line and re.search(r"\b(WARN|ERROR)\b", line)]
    assert not complaints
    assert not re.search("mismatch|corrupt|exception|invalid|Found timestamp", said, re.IGNORECASE)


def offsets_file(mover, offset):
    path = mover.tmp_path / "offsets.json"
    path.write_text('{"version":1,"partitions":[{"topic":"%s","partition":0,"offset":%d}]}'
                    % (TOPIC, offset), encoding="utf-8")
    return path
