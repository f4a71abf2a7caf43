"""What a broker does with its disks: when it flushes, and what goes on when one of them is gone.

The recovery point of a log, as the broker's checkpoint tells it, is how far the log was flushed.
"""

import shutil
import time

import pytest
from peers import SamsaBroker, SamsaServer, free_port, samsa_broker_program

confluent_kafka = pytest.importorskip("confluent_kafka")
from confluent_kafka import KafkaException, Producer, TopicPartition, Consumer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

WAIT_S = 30
CHECKPOINT = "recovery-point-offset-checkpoint"

pytestmark = pytest.mark.skipif(samsa_broker_program() is None, reason="samsa is not built")


@pytest.fixture(name="zookeeper")
def running_zookeeper(tmp_path):
    with SamsaServer(tmp_path / "zookeeper", free_port()) as server:
        yield server


def until(what, expected, seconds=WAIT_S):
    deadline = time.monotonic() + seconds
    while (found := what()) != expected:
        assert time.monotonic() < deadline, f"{found} and not {expected} within {seconds} s"
        time.sleep(0.05)


def create(broker, topic, partitions=1, **config):
    admin = AdminClient({"bootstrap.servers": broker.hosts})
    config = {key.replace("_", "."): str(value) for key, value in config.items()}
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
        future.result(WAIT_S)


def produce(broker, topic, count, partition=0, acks="1"):
    """The errors of those that failed."""
    errors = []
    producer = Producer({"bootstrap.servers": broker.hosts, "acks": acks, "linger.ms": 0,
                         "message.timeout.ms": 3000, "retries": 0})
    for number in range(count):
        producer.produce(topic, partition=partition, value=f"value {number}",
                         on_delivery=lambda error, _: errors.append(error.name()) if error else None)
        producer.flush(WAIT_S)
    return errors


def checkpoint(folder, name=CHECKPOINT):
    """{(topic, partition): offset}"""
    path = folder / name
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()[2:]
    return {(topic, int(partition)): int(offset)
            for topic, partition, offset in (line.split() for line in lines)}


def test_flush_messages_and_flush_ms(zookeeper, tmp_path):
    """Apache's page-cache way: logs are flushed when so many records have come, or after so long."""
    properties = {"flush.before.ack": "false", "log.flush.offset.checkpoint.interval.ms": 100}
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper, properties=properties) as broker:
        folder = broker.data_dir

        def flushed(topic):
            return checkpoint(folder).get((topic, 0), 0)

        create(broker, "counted", flush_messages=10)
        create(broker, "timed", flush_ms=700)
        create(broker, "never")
        assert produce(broker, "counted", 9) == []
        assert produce(broker, "never", 9) == []
        time.sleep(0.5)
        assert flushed("counted") == 0
        assert produce(broker, "counted", 1) == []
        until(lambda: flushed("counted"), 10)

        begin_s = time.monotonic()
        assert produce(broker, "timed", 3) == []
        until(lambda: flushed("timed"), 3)
        assert time.monotonic() - begin_s > 0.5
        assert flushed("never") == 0
        assert produce(broker, "counted", 9) == []
        assert broker.stop() in (0, 143)
        # The orderly end flushes everything.
        assert checkpoint(folder) == {("counted", 0): 19, ("timed", 0): 3, ("never", 0): 9}


def test_acknowledged_is_flushed(zookeeper, tmp_path):
    properties = {"log.flush.offset.checkpoint.interval.ms": 100}
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper, properties=properties) as broker:
        create(broker, "safe")
        assert produce(broker, "safe", 5, acks="all") == []
        until(lambda: checkpoint(broker.data_dir).get(("safe", 0)), 5)


def read_all(broker, topic, partition, count):
    consumer = Consumer({"bootstrap.servers": broker.hosts, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, partition, 0)])
    values, deadline = [], time.monotonic() + WAIT_S
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            values.append(message.value().decode())
    consumer.close()
    return values


def test_one_log_directory_of_two_fails(zookeeper, tmp_path):
    """A folder goes away under the broker: its partitions answer KAFKA_STORAGE_ERROR, the others go
    on; with the last one the broker ends."""
    folders = [tmp_path / "first", tmp_path / "second"]
    properties = {"log.dirs": ",".join(map(str, folders))}
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper, properties=properties) as broker:
        create(broker, "spread", 4)
        assert [produce(broker, "spread", 3, partition) for partition in range(4)] == [[]] * 4
        homes = {}
        for folder in folders:
            for path in folder.glob("spread-*"):
                homes[int(path.name.rsplit("-", 1)[1])] = folder
        assert sorted(homes) == [0, 1, 2, 3] and set(homes.values()) == set(folders)
        lost = [number for number, folder in homes.items() if folder == folders[1]]
        kept = [number for number, folder in homes.items() if folder == folders[0]]

        # A new partition's first record makes its files: in a folder that is gone this fails.
        create(broker, "later", 2)
        later = next(int(path.name.rsplit("-", 1)[1]) for path in folders[1].glob("later-*"))
        shutil.rmtree(folders[1])
        assert produce(broker, "later", 1, later) != []
        assert produce(broker, "spread", 1, lost[0]) != []
        for number in kept:
            assert produce(broker, "spread", 1, number) == []
            assert read_all(broker, "spread", number, 4) == ["value 0", "value 1", "value 2", "value 0"]
        assert "out of service" in broker.logs()
        assert broker.alive

        create(broker, "last", 1)
        shutil.rmtree(folders[0])
        with pytest.raises((AssertionError, KafkaException)):
            assert produce(broker, "last", 1) == []
        until(lambda: broker.alive, False)
        assert "all log dirs have failed" in broker.logs()
