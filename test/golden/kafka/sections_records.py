"""Produce: formats, sequences, and all that is wrong with batches."""

from . import codec
from .batch import TIME, batch, old_gzip, old_message
from .script import section

ONE = batch((b"k", b"v"))
TWO = batch((b"a", b"1", [(b"h", b"x"), (b"n", None)]), (b"b", None, (), 5))


def produce(talk, version, what, topic, *parts, acks=-1, **more):
    """parts: bytes for partition 0, or (partition, bytes)"""
    data = [{"index": part[0], "records": part[1]} if isinstance(part, tuple) else {"index": 0, "records": part}
            for part in parts]
    return talk.ask("produce", version, what, acks=acks, timeout_ms=10000,
                    topic_data=[{"name": topic, "partition_data": data}], **more)


def show_log(rec, talk, topic, partition=0):
    """All of a partition, as it is now."""
    talk.ask("fetch", 11, "all of it", max_wait_ms=0, min_bytes=0, session_epoch=-1, topics=[
        {"topic": topic, "partitions": [{"partition": partition, "fetch_offset": 0,
                                         "partition_max_bytes": 1 << 20}]}])


def end_of(rec, topic, partition=0):
    reply = rec.call("list_offsets", 5, replica_id=-1, topics=[
        {"name": topic, "partitions": [{"partition_index": partition, "timestamp": -1}]}])
    return reply["topics"][0]["partitions"][0]["offset"]


@section("Produce in every version: what is good")
def produce_all(rec):
    a = rec.connect()
    for version in codec.versions_of("produce"):
        topic = f"produced-{version}"
        rec.topic(topic, 2)
        if version < 3:
            produce(a, version, "magic 0", topic, old_message(b"k", b"v", 0))
            produce(a, version, "magic 0, compressed", topic,
                    old_gzip(old_message(b"k", b"v", 0), old_message(None, b"w", 0, 1), magic=0))
        if 2 <= version < 3:
            produce(a, version, "magic 1", topic, old_message(b"k", b"v"))
            produce(a, version, "magic 1, two", topic, old_message(b"k", b"v") + old_message(b"l", b"w", offset=1))
            produce(a, version, "magic 1, compressed", topic,
                    old_gzip(old_message(b"k", b"v"), old_message(None, b"w", 1, 1)))
        if version >= 3:
            produce(a, version, "acks all", topic, ONE)
            produce(a, version, "acks 1", topic, TWO, acks=1)
            produce(a, version, "compressed", topic, batch((b"k", b"v" * 100), (None, b""), codec=1))
            produce(a, version, "two partitions", topic, ONE, (1, TWO))
        show_log(rec, a, topic)
        show_log(rec, a, topic, 1)


@section("Produce without an answer")
def produce_unanswered(rec):
    rec.topic("unanswered")
    a = rec.connect()
    count = 0
    for version in (3, 7, 9, 11):
        a.send("produce", version, "acks 0", answered=False, acks=0, timeout_ms=1000, topic_data=[
            {"name": "unanswered", "partition_data": [{"index": 0, "records": ONE}]}])
        # Ours can be read when it is on the disk, which is a little later.
        count += 1
        rec.wait("the record", lambda count=count: end_of(rec, "unanswered") == count)
        a.ask("list_offsets", 5, "its end", replica_id=-1, topics=[
            {"name": "unanswered", "partitions": [{"partition_index": 0, "timestamp": -1}]}])
    a.send("produce", 9, "acks 0 to nobody: the broker closes", answered=False, acks=0, timeout_ms=1000, topic_data=[
        {"name": "nobody", "partition_data": [{"index": 0, "records": ONE}]}])
    a.ask("metadata", 9, "behind it", topics=[])


@section("what Produce refuses, in every version")
def produce_errors(rec):
    rec.topic("refusing")
    rec.topic("refusing-b")
    rec.topic("refusing-compact", cleanup_policy="compact")
    a = rec.connect()
    bad = bytearray(ONE)
    bad[-1] ^= 1
    for version in range(3, 12):
        produce(a, version, "an unknown topic", "nobody-here", ONE)
        produce(a, version, "an unknown partition", "refusing", (7, ONE))
        produce(a, version, "a good and an unknown partition", "refusing", ONE, (-1, ONE))
        produce(a, version, "acks 2", "refusing", ONE, acks=2)
        produce(a, version, "acks -2", "refusing", ONE, acks=-2)
        produce(a, version, "a wrong checksum", "refusing", bytes(bad))
        produce(a, version, "no records", "refusing", b"")
        produce(a, version, "two batches", "refusing", ONE + TWO)
        produce(a, version, "magic 1", "refusing", old_message(b"k", b"v"))
        produce(a, version, "magic 3", "refusing", batch((b"k", b"v"), magic=3))
        produce(a, version, "no key for a compacted topic", "refusing-compact",
                batch((b"k", b"v"), (None, b"v"), (b"l", b"v"), (None, b"w")))
        produce(a, version, "a compressed one without a key", "refusing-compact",
                batch((b"k", b"v"), (None, b"v"), codec=1))
        produce(a, version, "a batch of nothing", "refusing", batch())
        produce(a, version, "fewer records than counted", "refusing", batch((b"k", b"v"), count=2, last_delta=1))
        produce(a, version, "more records than counted", "refusing", batch((b"k", b"v"), (b"l", b"w"), count=1,
                                                                           last_delta=0))
        produce(a, version, "a last delta that is too large", "refusing", batch((b"k", b"v"), last_delta=5))
        produce(a, version, "a count of -1", "refusing", batch((b"k", b"v"), count=-1))
        produce(a, version, "a control batch", "refusing", batch((b"k", b"v"), attributes=0x20))
        produce(a, version, "compression 7", "refusing-b", batch((b"k", b"v"), attributes=7))
        produce(a, version, "no records behind gzip", "refusing-b", batch((b"k", b"v"), attributes=1))
        produce(a, version, "bytes behind the records", "refusing", batch((b"k", b"v"), tail=b"xyz"))
        produce(a, version, "cut off", "refusing", ONE[:-3])
        produce(a, version, "a few bytes", "refusing", ONE[:9])
        produce(a, version, "base offset 5", "refusing", batch((b"k", b"v"), base_offset=5))
        produce(a, version, "a time in the far future", "refusing", batch((b"k", b"v"), time=TIME * 1000))
        produce(a, version, "a negative time", "refusing", batch((b"k", b"v"), time=-1))
        produce(a, version, "a very negative time", "refusing", batch((b"k", b"v"), time=-5))
        produce(a, version, "too large", "refusing", batch((b"k", b"v" * 1048576)))
        produce(a, version, "marked as transactional", "refusing", batch((b"k", b"v"), attributes=0x10))
        produce(a, version, "with leader epoch 9", "refusing", batch((b"k", b"v"), leader_epoch=9))
        a.ask("produce", version, "nothing", acks=-1, timeout_ms=1000, topic_data=[])
        a.ask("produce", version, "no partitions", acks=-1, timeout_ms=1000,
              topic_data=[{"name": "refusing", "partition_data": []}])
        produce(a, version, "one partition twice", "refusing", ONE, ONE)
    for version in (0, 1, 2):
        produce(a, version, "an unknown topic", "nobody-here", old_message(b"k", b"v", 0))
        produce(a, version, "a wrong checksum", "refusing", old_message(b"k", b"v", 0, crc=7))
        produce(a, version, "no key for a compacted topic", "refusing-compact", old_message(None, b"v", 0))
        produce(a, version, "magic 2", "refusing", ONE)
        produce(a, version, "acks 2", "refusing", old_message(b"k", b"v", 0), acks=2)
    show_log(rec, a, "refusing")
    show_log(rec, a, "refusing-compact")


@section("times: limits, and the log's own")
def produce_times(rec):
    rec.topic("timed", message_timestamp_before_max_ms="1000000000000",
              message_timestamp_after_max_ms="3000000000000")
    rec.topic("stamped", message_timestamp_type="LogAppendTime")
    a = rec.connect()
    for version in (3, 7, 8, 9, 11):
        produce(a, version, "in time", "timed", ONE)
        produce(a, version, "too early", "timed", batch((b"k", b"v"), time=1000))
        produce(a, version, "one of two too early", "timed", batch((b"k", b"v"), (b"l", b"w", (), -TIME), time=TIME))
        produce(a, version, "too late", "timed", batch((b"k", b"v"), time=TIME * 10))
        produce(a, version, "stamped", "stamped", ONE)
        produce(a, version, "stamped, compressed", "stamped", batch((b"k", b"v"), (b"l", b"w"), codec=1))
        produce(a, version, "stamped, too early", "stamped", batch((b"k", b"v"), time=1000))
        produce(a, version, "stamped already", "timed", batch((b"k", b"v"), attributes=8))
    produce(a, 2, "stamped, magic 1", "stamped", old_message(b"k", b"v"))
    show_log(rec, a, "timed")
    show_log(rec, a, "stamped")


@section("compression as the topic wants it")
def produce_compressed(rec):
    rec.topic("gzipped", compression_type="gzip")
    rec.topic("plain", compression_type="uncompressed")
    a = rec.connect()
    for topic in ("gzipped", "plain"):
        for version in (3, 9):
            produce(a, version, "uncompressed", topic, TWO)
            produce(a, version, "compressed", topic, batch((b"k", b"v" * 50), (b"l", b"w"), codec=1))
        produce(a, 2, "old, uncompressed", topic, old_message(b"k", b"v"))
        produce(a, 2, "old, compressed", topic, old_gzip(old_message(b"k", b"v"), old_message(b"l", b"w", 1, 1)))
        show_log(rec, a, topic)


@section("idempotent producers: sequences and epochs")
def produce_idempotent(rec):
    rec.topic("sequenced", 2)
    a = rec.connect()
    rec.wait("producer ids", lambda: rec.call("init_producer_id", 4, transactional_id=None)["error_code"] == 0)
    producer = a.ask("init_producer_id", 4, transactional_id=None, transaction_timeout_ms=60000)["producer_id"]

    def ask(what, sequence, *records, epoch=0, version=9, pid=producer, **more):
        produce(a, version, what, "sequenced",
                batch(*(records or [(b"k", b"v")]), producer_id=pid, epoch=epoch, sequence=sequence, **more))
    ask("the first", 0)
    ask("the next", 1)
    ask("again: a duplicate", 1)
    ask("the first again", 0)
    ask("a gap", 5)
    ask("two records", 2, (b"a", b"b"), (b"c", b"d"))
    ask("inside of the last", 3)
    ask("the next", 4)
    for i in range(5, 11):
        ask("on and on", i)
    ask("older than five batches", 1)
    ask("a newer epoch, from the middle", 5, epoch=1)
    ask("a newer epoch", 0, epoch=1)
    ask("the older epoch", 11)
    ask("the older epoch, version 3", 11, version=3)
    ask("an unknown producer, from 0", 0, pid=producer + 500000)
    ask("an unknown producer, from the middle", 7, pid=producer + 500001)
    ask("after it", 8, pid=producer + 500001)
    ask("no sequence", -1, pid=producer)
    ask("no epoch", 0, pid=producer + 500002, epoch=-1)
    ask("producer -5", 0, pid=-5)
    ask("near the end of sequences", 2147483646, (b"a", b"b"), (b"c", b"d"), pid=producer + 500003)
    ask("the sequence begins again", 0, pid=producer + 500003)
    for version in (3, 5, 7, 8, 9, 11):
        ask("a gap", 100, epoch=1, version=version)
        ask("an old epoch", 1, epoch=0, version=version)
        ask("a duplicate", 0, epoch=1, version=version)
    a.each("describe_producers", topics=[{"name": "sequenced", "partition_indexes": [0, 1]}])
    a.each("describe_producers", "unknown", topics=[{"name": "sequenced", "partition_indexes": [7, -1]},
                                                    {"name": "nobody", "partition_indexes": [0]},
                                                    {"name": "bad name", "partition_indexes": [0]}])
    show_log(rec, a, "sequenced")


@section("InitProducerId without transactions")
def init_producer_id(rec):
    rec.wait("producer ids", lambda: rec.call("init_producer_id", 4, transactional_id=None)["error_code"] == 0)
    a = rec.connect()
    a.each("init_producer_id", transactional_id=None, transaction_timeout_ms=60000)
    a.each("init_producer_id", "the timeout says nothing", transactional_id=None, transaction_timeout_ms=-1)
    a.each("init_producer_id", "with an id of old", range(3, 6), transactional_id=None, transaction_timeout_ms=1,
           producer_id=777777, producer_epoch=3)
    a.each("init_producer_id", "an id without epoch", range(3, 6), transactional_id=None, transaction_timeout_ms=1,
           producer_id=777777)
    a.each("init_producer_id", "the empty transactional id", transactional_id="", transaction_timeout_ms=60000)
