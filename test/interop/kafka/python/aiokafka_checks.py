"""aiokafka: asyncio's client."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError

import report
from report import equal, expect

WAIT_S = 20


async def create(hosts, stem, partitions=1, config=None):
    name = report.topic_name(stem)
    client = AIOKafkaAdminClient(bootstrap_servers=hosts)
    await client.start()
    answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=config or {})])
    equal([error[1] for error in answer.topic_errors], [0], "create")
    await client.close()
    return name


async def produce(hosts, topic, records, **config):
    producer = AIOKafkaProducer(bootstrap_servers=hosts, **config)
    await producer.start()
    try:
        futures = [await producer.send(topic, key=key, value=value) for key, value in records]
        return await asyncio.wait_for(asyncio.gather(*futures), WAIT_S)
    finally:
        await producer.stop()


async def take(client, count):
    messages = []
    deadline = time.monotonic() + WAIT_S
    while len(messages) < count and time.monotonic() < deadline:
        for batch in (await client.getmany(timeout_ms=200)).values():
            messages += batch
    equal(len(messages), count, "messages taken")
    return messages


async def consumer(hosts, *topics, **config):
    client = AIOKafkaConsumer(*topics, bootstrap_servers=hosts, auto_offset_reset="earliest",
                              enable_auto_commit=False, **config)
    await client.start()
    return client


async def produce_consume(hosts):
    name = await create(hosts, "plain", 3)
    sent = [(b"key-%d" % (i % 17), b"value-%d" % i) for i in range(2000)]
    await produce(hosts, name, sent)
    client = await consumer(hosts, name)
    got = await take(client, 2000)
    await client.stop()
    equal(sorted((m.key, m.value) for m in got), sorted(sent), "records")
    for key in {k for k, _ in sent}:
        equal([m.value for m in got if m.key == key], [v for k, v in sent if k == key], "order within a key")


async def codecs(hosts):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        name = await create(hosts, codec)
        sent = [(b"k", b"compress me " * 20 + b"%d" % i) for i in range(500)]
        await produce(hosts, name, sent, compression_type=codec, linger_ms=20)
        client = await consumer(hosts, name)
        equal([(m.key, m.value) for m in await take(client, 500)], sent, codec)
        await client.stop()


async def idempotence(hosts):
    name = await create(hosts, "idempotent")
    await produce(hosts, name, [(b"k", b"%d" % i) for i in range(1000)], enable_idempotence=True)
    client = await consumer(hosts, name)
    equal([m.value for m in await take(client, 1000)], [b"%d" % i for i in range(1000)], "once, in order")
    await client.stop()


async def commit_and_resume(hosts):
    name, group = await create(hosts, "commits"), report.topic_name("group")
    await produce(hosts, name, [(None, b"%d" % i) for i in range(20)])
    first = await consumer(hosts, name, group_id=group, max_poll_records=12)
    await take(first, 12)
    await first.commit({TopicPartition(name, 0): 12})
    await first.stop()
    second = await consumer(hosts, name, group_id=group)
    equal([m.value for m in await take(second, 8)], [b"%d" % i for i in range(12, 20)], "behind the commit")
    equal(await second.committed(TopicPartition(name, 0)), 12, "committed")
    await second.stop()


async def rebalance(hosts):
    name, group = await create(hosts, "rebalance", 4), report.topic_name("group")
    settings = {"group_id": group, "session_timeout_ms": 6000, "heartbeat_interval_ms": 300,
                "metadata_max_age_ms": 1000}
    first = await consumer(hosts, name, **settings)
    second = await consumer(hosts, name, **settings)

    async def shares(wanted, members):
        deadline = time.monotonic() + WAIT_S
        while sorted(len(m.assignment()) for m in members) != wanted:
            expect(time.monotonic() < deadline, f"shares of {wanted}")
            for member in members:
                await member.getmany(timeout_ms=50)

    await shares([2, 2], [first, second])
    await second.stop()
    await shares([4], [first])
    await first.stop()


async def offsets(hosts):
    name = await create(hosts, "offsets")
    await produce(hosts, name, [(None, b"%d" % i) for i in range(10)])
    client = await consumer(hosts)
    at = TopicPartition(name, 0)
    equal((await client.beginning_offsets([at]), await client.end_offsets([at])), ({at: 0}, {at: 10}), "first, last")
    equal((await client.offsets_for_times({at: 1}))[at].offset, 0, "by time")
    await client.stop()


async def refusals(hosts):
    name = await create(hosts, "small", 1, {"max.message.bytes": "1000"})
    try:
        await produce(hosts, name, [(None, bytes(5000))])
    except MessageSizeTooLargeError:
        return
    raise AssertionError("a large message was taken")


def run(check):
    return lambda hosts: asyncio.run(check(hosts))


CHECKS = {
    "produce_consume": run(produce_consume),
    "codecs": run(codecs),
    "idempotence": run(idempotence),
    "commit_and_resume": run(commit_and_resume),
    "rebalance": run(rebalance),
    "offsets": run(offsets),
    "refusals": run(refusals),
}

if __name__ == "__main__":
    report.main(CHECKS)
