"""confluent-kafka, which is librdkafka, through its producer, consumer and admin client."""

import functools
import time

from confluent_kafka import (OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException,
                             Producer, TopicPartition)
from confluent_kafka.admin import (AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec)

import report
from report import equal, eventually, expect

WAIT_S = 20


@functools.cache
def admin(hosts):
    """One for the program: its futures end when it does."""
    return AdminClient({"bootstrap.servers": hosts})


def create(hosts, stem, partitions=1, config=None):
    name = report.topic_name(stem)
    admin(hosts).create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result(WAIT_S)
    return name


def produce(hosts, topic, records, **config):
    """records: (key, value) or (key, value, keyword arguments of produce). Returns the delivered messages."""
    delivered, errors = [], []

    def on_delivery(error, message):
        (errors if error else delivered).append(error or message)

    producer = Producer({"bootstrap.servers": hosts, **config})
    for key, value, *more in records:
        producer.produce(topic, value, key, on_delivery=on_delivery, **(more[0] if more else {}))
        producer.poll(0)
    left = producer.flush(WAIT_S)
    equal(left, 0, "messages without an answer")
    if errors:
        raise KafkaException(errors[0])
    return delivered


def consumer(hosts, group, **config):
    return Consumer({"bootstrap.servers": hosts, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "session.timeout.ms": 6000, **config})


def take(client, count, seconds=WAIT_S):
    messages = []
    deadline = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < deadline:
        message = client.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        messages.append(message)
    equal(len(messages), count, "messages taken")
    return messages


def read_all(hosts, topic, count, partitions=1, **config):
    client = consumer(hosts, report.topic_name("reader"), **config)
    client.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    try:
        return take(client, count)
    finally:
        client.close()


def metadata(hosts):
    found = admin(hosts).list_topics(timeout=WAIT_S)
    equal(len(found.brokers), 1, "brokers")
    expect(found.cluster_id, "a cluster id")
    broker = next(iter(found.brokers.values()))
    equal(f"{broker.host}:{broker.port}", hosts, "the advertised address")
    equal(found.controller_id, broker.id, "the controller")


def topics(hosts):
    name = create(hosts, "topics", 3, {"retention.ms": "123456"})
    found = admin(hosts).list_topics(name, timeout=WAIT_S).topics[name]
    equal(sorted(found.partitions), [0, 1, 2], "partitions")
    expect(all(p.leader >= 0 and p.replicas == p.isrs for p in found.partitions.values()), "leaders and replicas")
    try:
        admin(hosts).create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_S)
    except KafkaException as error:
        equal(error.args[0].code(), KafkaError.TOPIC_ALREADY_EXISTS, "a second create")
    else:
        raise AssertionError("a second create was taken")


def produce_consume(hosts):
    name = create(hosts, "plain", 3)
    sent = [(b"key-%d" % (i % 17), b"value-%d" % i) for i in range(2000)]
    delivered = produce(hosts, name, sent)
    equal(len(delivered), 2000, "acknowledged")
    got = read_all(hosts, name, 2000, 3)
    equal(sorted((m.key(), m.value()) for m in got), sorted(sent), "records")
    for partition in range(3):
        offsets = [m.offset() for m in got if m.partition() == partition]
        equal(offsets, list(range(len(offsets))), f"offsets of partition {partition}")
    for key in {k for k, _ in sent}:
        values = [m.value() for m in got if m.key() == key]
        equal(values, [v for k, v in sent if k == key], "order within a key")


def codecs(hosts):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        name = create(hosts, codec)
        sent = [(b"k", b"compress me " * 20 + b"%d" % i) for i in range(500)]
        produce(hosts, name, sent, **{"compression.type": codec, "linger.ms": 50})
        equal([(m.key(), m.value()) for m in read_all(hosts, name, 500)], sent, codec)


def nulls_headers_times(hosts):
    name = create(hosts, "shapes")
    sent = [(None, b"no key", {"timestamp": 1000000}), (b"no value", None, {"timestamp": 1000001}),
            (b"", b"", {"headers": [("h", b"1"), ("h", b"2"), ("null", None)]}), ("ключ".encode(), "阿牛".encode())]
    produce(hosts, name, sent)
    got = read_all(hosts, name, 4)
    equal([(m.key(), m.value()) for m in got], [(k, v) for k, v, *_ in sent], "keys and values")
    equal(got[0].timestamp(), (1, 1000000), "timestamp")
    equal(got[2].headers(), [("h", b"1"), ("h", b"2"), ("null", None)], "headers")


def acks_modes(hosts):
    name = create(hosts, "acks")
    for acks in ("0", "1", "all"):
        produce(hosts, name, [(b"a", acks.encode())], acks=acks)
    equal([m.value() for m in read_all(hosts, name, 3)], [b"0", b"1", b"all"], "records")


def idempotence(hosts):
    name = create(hosts, "idempotent", 2)
    sent = [(b"k%d" % (i % 5), b"%d" % i) for i in range(3000)]
    produce(hosts, name, sent, **{"enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 7})
    got = read_all(hosts, name, 3000, 2)
    equal(sorted(m.value() for m in got), sorted(v for _, v in sent), "each exactly once")


def commit_and_resume(hosts):
    name, group = create(hosts, "commits"), report.topic_name("group")
    produce(hosts, name, [(None, b"%d" % i) for i in range(20)])
    first = consumer(hosts, group)
    first.subscribe([name])
    take(first, 12)
    first.commit(asynchronous=False)
    first.close()
    second = consumer(hosts, group)
    second.subscribe([name])
    equal([m.value() for m in take(second, 8)], [b"%d" % i for i in range(12, 20)], "behind the commit")
    equal(second.committed([TopicPartition(name, 0)], WAIT_S)[0].offset, 12, "committed")
    second.close()


def rebalance(hosts):
    for strategy in ("range", "cooperative-sticky"):
        name, group = create(hosts, "rebalance", 4), report.topic_name(strategy)
        members = [consumer(hosts, group, **{"partition.assignment.strategy": strategy, "heartbeat.interval.ms": 300})
                   for _ in range(2)]
        for member in members:
            member.subscribe([name])

        def shares():
            for member in members:
                member.poll(0.05)
            return sorted(len(m.assignment()) for m in members)

        eventually(lambda: shares() == [2, 2], f"{strategy}: two shares")
        members.pop().close()
        eventually(lambda: shares() == [4], f"{strategy}: one takes all")
        members.pop().close()


def static_member(hosts):
    name, group = create(hosts, "static", 2), report.topic_name("static")

    def member():
        client = consumer(hosts, group, **{"group.instance.id": "one"})
        client.subscribe([name])
        eventually(lambda: client.poll(0.05) is None and len(client.assignment()) == 2, "an assignment")
        return client

    member().close()
    member().close()


def long_poll(hosts):
    name = create(hosts, "wait")
    client = consumer(hosts, report.topic_name("group"), **{"fetch.wait.max.ms": 10000})
    client.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    expect(client.poll(1.5) is None, "nothing is there yet")
    start = time.monotonic()
    produce(hosts, name, [(None, b"now")])
    equal([m.value() for m in take(client, 1)], [b"now"], "what came")
    expect(time.monotonic() - start < 5, "it came at once, not at the end of the wait")
    client.close()


def offsets(hosts):
    name = create(hosts, "offsets")
    produce(hosts, name, [(None, b"%d" % i, {"timestamp": 1000 * (i + 1)}) for i in range(10)])
    client = consumer(hosts, report.topic_name("group"))
    equal(client.get_watermark_offsets(TopicPartition(name, 0), WAIT_S), (0, 10), "watermarks")
    found = client.offsets_for_times([TopicPartition(name, 0, 4500)], WAIT_S)
    equal(found[0].offset, 4, "the first at or behind a time")
    found = client.offsets_for_times([TopicPartition(name, 0, 99999)], WAIT_S)
    equal(found[0].offset, -1, "behind the last time")
    client.close()
    at = TopicPartition(name, 0)
    for spec, wanted in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 10), (OffsetSpec.max_timestamp(), 9)):
        equal(admin(hosts).list_offsets({at: spec})[at].result(WAIT_S).offset, wanted, str(spec))


def configs(hosts):
    name = create(hosts, "configs", 1, {"retention.ms": "7200000"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    found = admin(hosts).describe_configs([resource])[resource].result(WAIT_S)
    equal(found["retention.ms"].value, "7200000", "as created")
    expect(not found["retention.ms"].is_default and found["segment.bytes"].is_default, "which are defaults")
    change = ConfigResource(ConfigResource.Type.TOPIC, name, set_config={"retention.ms": "3600000"})
    admin(hosts).alter_configs([change])[change].result(WAIT_S)
    found = eventually(lambda: admin(hosts).describe_configs([resource])[resource].result(WAIT_S), "configs")
    equal(found["retention.ms"].value, "3600000", "as altered")
    bad = ConfigResource(ConfigResource.Type.TOPIC, name, set_config={"retention.ms": "many"})
    try:
        admin(hosts).alter_configs([bad])[bad].result(WAIT_S)
    except KafkaException as error:
        equal(error.args[0].code(), KafkaError.INVALID_CONFIG, "a bad value")
    else:
        raise AssertionError("a bad value was taken")


def more_partitions(hosts):
    name = create(hosts, "grow")
    admin(hosts).create_partitions([NewPartitions(name, 4)])[name].result(WAIT_S)
    eventually(lambda: len(admin(hosts).list_topics(name, timeout=WAIT_S).topics[name].partitions) == 4, "four")


def delete_records(hosts):
    name = create(hosts, "cut")
    produce(hosts, name, [(None, b"%d" % i) for i in range(10)])
    at = TopicPartition(name, 0, 6)
    done = admin(hosts).delete_records([at])
    equal(done[at].result(WAIT_S).low_watermark, 6, "the low watermark")
    equal([m.value() for m in read_all(hosts, name, 4)], [b"6", b"7", b"8", b"9"], "what is left")


def delete_topic(hosts):
    name = create(hosts, "gone")
    produce(hosts, name, [(None, b"x")])
    admin(hosts).delete_topics([name])[name].result(WAIT_S)
    eventually(lambda: name not in admin(hosts).list_topics(timeout=WAIT_S).topics, "the topic is gone")
    again = admin(hosts)
    eventually(lambda: try_create(again, name), "the name is free again")
    equal(produce(hosts, name, [(None, b"y")])[0].offset(), 0, "a new log")


def try_create(client, name):
    try:
        client.create_topics([NewTopic(name, 1, 1)])[name].result(WAIT_S)
        return True
    except KafkaException:
        return False


def refusals(hosts):
    name = create(hosts, "small", 1, {"max.message.bytes": "1000"})
    try:
        produce(hosts, name, [(None, bytes(5000))])
    except KafkaException as error:
        equal(error.args[0].code(), KafkaError.MSG_SIZE_TOO_LARGE, "a large message")
    else:
        raise AssertionError("a large message was taken")
    produce(hosts, name, [(None, b"small")])
    try:
        admin(hosts).create_topics([NewTopic("bad/name", 1, 1)])["bad/name"].result(WAIT_S)
    except KafkaException as error:
        equal(error.args[0].code(), KafkaError.TOPIC_EXCEPTION, "a bad name")
    else:
        raise AssertionError("a bad name was taken")


def groups(hosts):
    name, group = create(hosts, "groups"), report.topic_name("group")
    client = consumer(hosts, group)
    client.subscribe([name])
    eventually(lambda: client.poll(0.05) is None and client.assignment(), "an assignment")
    listed = admin(hosts).list_consumer_groups().result(WAIT_S)
    expect(group in [g.group_id for g in listed.valid], "it is listed")
    found = admin(hosts).describe_consumer_groups([group])[group].result(WAIT_S)
    equal((found.state.name, len(found.members)), ("STABLE", 1), "described")
    client.close()
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 5)])
    admin(hosts).alter_consumer_group_offsets([request])[group].result(WAIT_S)
    found = admin(hosts).list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(WAIT_S)
    equal(found.topic_partitions[0].offset, 5, "altered offset")
    admin(hosts).delete_consumer_groups([group])[group].result(WAIT_S)
    listed = admin(hosts).list_consumer_groups().result(WAIT_S)
    expect(group not in [g.group_id for g in listed.valid], "it is gone")


def big_messages(hosts):
    name = create(hosts, "big", 1, {"max.message.bytes": "10000000"})
    sent = [(None, bytes([i]) * 3000000) for i in range(5)]
    produce(hosts, name, sent, **{"message.max.bytes": 9000000})
    got = read_all(hosts, name, 5, **{"fetch.message.max.bytes": 100000})
    equal([m.value() for m in got], [v for _, v in sent], "large values")


CHECKS = {
    "metadata": metadata,
    "topics": topics,
    "produce_consume": produce_consume,
    "codecs": codecs,
    "nulls_headers_times": nulls_headers_times,
    "acks_modes": acks_modes,
    "idempotence": idempotence,
    "commit_and_resume": commit_and_resume,
    "rebalance": rebalance,
    "static_member": static_member,
    "long_poll": long_poll,
    "offsets": offsets,
    "configs": configs,
    "more_partitions": more_partitions,
    "delete_records": delete_records,
    "delete_topic": delete_topic,
    "refusals": refusals,
    "groups": groups,
    "big_messages": big_messages,
}

if __name__ == "__main__":
    report.main(CHECKS)
