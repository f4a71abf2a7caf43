"""kafka-python: a client whose protocol is its own, in Python alone."""

import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

import report
from report import equal, eventually, expect

WAIT_S = 20


def admin(hosts):
    return KafkaAdminClient(bootstrap_servers=hosts)


def create(hosts, stem, partitions=1, config=None):
    name = report.topic_name(stem)
    client = admin(hosts)
    client.create_topics([NewTopic(name, partitions, 1, topic_configs=config or {})])
    client.close()
    return name


def produce(hosts, topic, records, **config):
    producer = KafkaProducer(bootstrap_servers=hosts, **config)
    futures = [producer.send(topic, key=key, value=value, **(more[0] if more else {})) for key, value, *more in records]
    try:
        return [future.get(WAIT_S) for future in futures]
    finally:
        producer.close()


def consumer(hosts, group=None, **config):
    return KafkaConsumer(bootstrap_servers=hosts, group_id=group, auto_offset_reset="earliest",
                         enable_auto_commit=False, **config)


def take(client, count, seconds=WAIT_S):
    messages = []
    deadline = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < deadline:
        for batch in client.poll(200).values():
            messages += batch
    equal(len(messages), count, "messages taken")
    return messages


def read_all(hosts, topic, count, partitions=1, **config):
    client = consumer(hosts, **config)
    client.assign([TopicPartition(topic, p) for p in range(partitions)])
    try:
        return take(client, count)
    finally:
        client.close()


def topics(hosts):
    name = create(hosts, "topics", 3, {"retention.ms": "123456"})
    client = admin(hosts)
    expect(name in client.list_topics(), "it is listed")
    found = client.describe_topics([name])[0]
    equal(sorted(p["partition_index"] if "partition_index" in p else p["partition"] for p in found["partitions"]),
          [0, 1, 2], "partitions")
    try:
        client.create_topics([NewTopic(name, 1, 1)])
    except TopicAlreadyExistsError:
        pass
    else:
        raise AssertionError("a second create was taken")
    client.close()


def produce_consume(hosts):
    name = create(hosts, "plain", 3)
    sent = [(b"key-%d" % (i % 17), b"value-%d" % i) for i in range(2000)]
    produce(hosts, name, sent)
    got = read_all(hosts, name, 2000, 3)
    equal(sorted((m.key, m.value) for m in got), sorted(sent), "records")
    for key in {k for k, _ in sent}:
        equal([m.value for m in got if m.key == key], [v for k, v in sent if k == key], "order within a key")


def codecs(hosts):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        name = create(hosts, codec)
        sent = [(b"k", b"compress me " * 20 + b"%d" % i) for i in range(500)]
        produce(hosts, name, sent, compression_type=codec, linger_ms=50)
        equal([(m.key, m.value) for m in read_all(hosts, name, 500)], sent, codec)


def nulls_headers_times(hosts):
    name = create(hosts, "shapes")
    sent = [(None, b"no key", {"timestamp_ms": 1000000}), (b"no value", None, {"timestamp_ms": 1000001}),
            (b"k", b"", {"headers": [("h", b"1"), ("h", b"2")]})]
    produce(hosts, name, sent)
    got = read_all(hosts, name, 3)
    equal([(m.key, m.value) for m in got], [(k, v) for k, v, *_ in sent], "keys and values")
    equal((got[0].timestamp, got[0].timestamp_type), (1000000, 0), "timestamp")
    equal(got[2].headers, [("h", b"1"), ("h", b"2")], "headers")


def acks_modes(hosts):
    name = create(hosts, "acks")
    for acks in (1, "all"):
        produce(hosts, name, [(b"a", str(acks).encode())], acks=acks)
    equal([m.value for m in read_all(hosts, name, 2)], [b"1", b"all"], "records")


def old_protocols(hosts):
    """What the client speaks when it is told that the broker is old: message sets of magic 0 and 1."""
    for version in ((0, 9), (0, 10, 1), (0, 11), (1, 0), (2, 0)):
        name = create(hosts, "old")
        sent = [(b"k%d" % i, b"v%d" % i) for i in range(50)]
        for codec in (None, "gzip"):
            produce(hosts, name, sent, api_version=version, compression_type=codec)
        got = read_all(hosts, name, 100, api_version=version)
        equal([(m.key, m.value) for m in got], sent * 2, f"as {version} reads it")
        equal([m.offset for m in got], list(range(100)), f"offsets as {version} reads them")
        equal([(m.key, m.value) for m in read_all(hosts, name, 100)], sent * 2, f"what {version} wrote")


def commit_and_resume(hosts):
    name, group = create(hosts, "commits"), report.topic_name("group")
    produce(hosts, name, [(None, b"%d" % i) for i in range(20)])
    first = consumer(hosts, group, max_poll_records=12)
    first.subscribe([name])
    take(first, 12)
    first.commit({TopicPartition(name, 0): OffsetAndMetadata(12, "so far", -1)})
    first.close()
    second = consumer(hosts, group)
    second.subscribe([name])
    equal([m.value for m in take(second, 8)], [b"%d" % i for i in range(12, 20)], "behind the commit")
    found = second.committed(TopicPartition(name, 0), metadata=True)
    equal((found.offset, found.metadata), (12, "so far"), "committed")
    second.close()


def rebalance(hosts):
    name, group = create(hosts, "rebalance", 4), report.topic_name("group")
    stop = [threading.Event(), threading.Event()]
    shares = [0, 0]

    def member(number):
        client = consumer(hosts, group, session_timeout_ms=6000, heartbeat_interval_ms=300)
        client.subscribe([name])
        while not stop[number].is_set():
            client.poll(100)
            shares[number] = len(client.assignment())
        client.close()
        shares[number] = 0

    threads = [threading.Thread(target=member, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: shares == [2, 2], "two shares")
        stop[1].set()
        eventually(lambda: shares == [4, 0], "one takes all")
    finally:
        for event in stop:
            event.set()
        for thread in threads:
            thread.join()


def offsets(hosts):
    name = create(hosts, "offsets")
    produce(hosts, name, [(None, b"%d" % i, {"timestamp_ms": 1000 * (i + 1)}) for i in range(10)])
    client = consumer(hosts)
    at = TopicPartition(name, 0)
    equal((client.beginning_offsets([at])[at], client.end_offsets([at])[at]), (0, 10), "first and last")
    equal(client.offsets_for_times({at: 4500})[at].offset, 4, "the first at or behind a time")
    equal(client.offsets_for_times({at: 99999})[at], None, "behind the last time")
    client.close()


def configs(hosts):
    name = create(hosts, "configs")
    client = admin(hosts)
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "3600000"})])

    def retention():
        found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        texts = [str(entry) for answer in found for entry in answer.resources[0][4]]
        return any("retention.ms" in text and "3600000" in text for text in texts)

    eventually(retention, "the altered value")
    client.close()


def more_partitions(hosts):
    name = create(hosts, "grow")
    client = admin(hosts)
    client.create_partitions({name: NewPartitions(4)})
    eventually(lambda: len(client.describe_topics([name])[0]["partitions"]) == 4, "four")
    client.close()


def delete_records(hosts):
    name = create(hosts, "cut")
    produce(hosts, name, [(None, b"%d" % i) for i in range(10)])
    client = admin(hosts)
    client.delete_records({TopicPartition(name, 0): 6})
    equal([m.value for m in read_all(hosts, name, 4)], [b"6", b"7", b"8", b"9"], "what is left")
    client.close()


def delete_topic(hosts):
    name = create(hosts, "gone")
    client = admin(hosts)
    client.delete_topics([name])
    eventually(lambda: name not in client.list_topics(), "the topic is gone")
    client.close()


def refusals(hosts):
    name = create(hosts, "small", 1, {"max.message.bytes": "1000"})
    try:
        produce(hosts, name, [(None, bytes(5000))])
    except MessageSizeTooLargeError:
        pass
    else:
        raise AssertionError("a large message was taken")
    produce(hosts, name, [(None, b"small")])


def groups(hosts):
    name, group = create(hosts, "groups"), report.topic_name("group")
    member = consumer(hosts, group)
    member.subscribe([name])
    eventually(lambda: member.poll(50) == {} and member.assignment(), "an assignment")
    client = admin(hosts)
    expect(any(found[0] == group for found in client.list_consumer_groups()), "it is listed")
    found = client.describe_consumer_groups([group])[0]
    equal((found.state, len(found.members)), ("Stable", 1), "described")
    member.commit({TopicPartition(name, 0): OffsetAndMetadata(0, "", -1)})
    member.close()
    equal(list(client.list_consumer_group_offsets(group)), [TopicPartition(name, 0)], "its offsets")
    client.delete_consumer_groups([group])
    expect(not any(found[0] == group for found in client.list_consumer_groups()), "it is gone")
    client.close()


CHECKS = {
    "topics": topics,
    "produce_consume": produce_consume,
    "codecs": codecs,
    "nulls_headers_times": nulls_headers_times,
    "acks_modes": acks_modes,
    "old_protocols": old_protocols,
    "commit_and_resume": commit_and_resume,
    "rebalance": rebalance,
    "offsets": offsets,
    "configs": configs,
    "more_partitions": more_partitions,
    "delete_records": delete_records,
    "delete_topic": delete_topic,
    "refusals": refusals,
    "groups": groups,
}

if __name__ == "__main__":
    report.main(CHECKS)
