"""Fetch and its sessions, offsets by time, epochs, and the start of a log."""

from . import codec
from .batch import TIME, batch, old_gzip, old_message
from .script import section


def part(partition=0, offset=0, size=1 << 20, **more):
    return {"partition": partition, "fetch_offset": offset, "partition_max_bytes": size, **more}


def fetch(talk, version, what, topic, *parts, **more):
    """topic: (name, id)"""
    fields = {"max_wait_ms": 0, "min_bytes": 0, "session_epoch": -1, **more}
    return talk.ask("fetch", version, what, topics=[
        {"topic": topic[0], "topic_id": topic[1], "partitions": list(parts) or [part()]}], **fields)


@section("Fetch in every version")
def fetch_all(rec):
    topic = ("read", rec.topic("read", 2))
    rec.fill("read", batch((b"a", b"1")), batch((b"b", b"2"), (b"c", b"3", [(b"h", b"x")], 1000)),
             batch((b"d", b"4" * 300), (None, b"5"), codec=1))
    a = rec.connect()
    for version in codec.versions_of("fetch"):
        fetch(a, version, "all", topic)
        fetch(a, version, "from the middle of a batch", topic, part(offset=2))
        fetch(a, version, "at the end", topic, part(offset=5))
        fetch(a, version, "behind the end", topic, part(offset=6))
        fetch(a, version, "before the start", topic, part(offset=-1))
        fetch(a, version, "an empty partition", topic, part(1))
        fetch(a, version, "an unknown partition", topic, part(9))
        fetch(a, version, "both, and an unknown", topic, part(), part(1), part(2))
        fetch(a, version, "an unknown topic", ("nobody", bytes(15) + b"\x05"))
        fetch(a, version, "few bytes of a partition", topic, part(size=10))
        fetch(a, version, "no bytes of a partition", topic, part(size=0))
        fetch(a, version, "few bytes", topic, max_bytes=10)
        fetch(a, version, "a wait that ends empty", topic, part(offset=5), max_wait_ms=50, min_bytes=1)
        fetch(a, version, "committed", topic, isolation_level=1)
        fetch(a, version, "isolation 7", topic, isolation_level=7)
        fetch(a, version, "nothing", topic, part(0, 0, 1 << 20), max_wait_ms=0, max_bytes=0)
        a.ask("fetch", version, "no topics", max_wait_ms=0, min_bytes=0, session_epoch=-1, topics=[])
    for version in range(9, 18):
        for epoch in (0, 5, -2):
            fetch(a, version, f"leader epoch {epoch}", topic, part(current_leader_epoch=epoch))
    for version in range(12, 18):
        fetch(a, version, "last epoch 0", topic, part(offset=3, last_fetched_epoch=0))
        fetch(a, version, "last epoch 3", topic, part(offset=3, last_fetched_epoch=3))
        fetch(a, version, "last epoch 0 behind the end", topic, part(offset=30, last_fetched_epoch=0))
    fetch(a, 13, "no id", ("read", codec.NO_UUID))


@section("Fetch of records in older formats than they are in")
def fetch_down(rec):
    topic = ("older", rec.topic("older"))
    rec.fill("older", batch((b"a", b"1", [(b"h", b"x")]), (b"b", None, (), 7)), batch((b"c", b"3"), codec=1))
    a = rec.connect()
    for version in range(0, 4):
        fetch(a, version, "magic 2 for an old client", topic)
        fetch(a, version, "from the middle", topic, part(offset=1))
    for data in (old_message(b"k", b"v", 0), old_message(b"k", b"v", 1),
                 old_gzip(old_message(b"k", b"v"), old_message(b"l", b"w", 1, 1))):
        a.ask("produce", 2, "old formats become the log's", acks=-1, timeout_ms=1000, topic_data=[
            {"name": "older", "partition_data": [{"index": 0, "records": data}]}])
    for version in (0, 2, 4, 11, 17):
        fetch(a, version, "all", topic)


@section("a Fetch that waits is woken")
def fetch_waits(rec):
    topic = ("waited", rec.topic("waited"))
    a = rec.connect()
    b = rec.connect("b")
    for version in (4, 7, 12, 13, 17):
        end = rec.call("list_offsets", 5, replica_id=-1, topics=[
            {"name": "waited", "partitions": [{"partition_index": 0, "timestamp": -1}]}])
        offset = end["topics"][0]["partitions"][0]["offset"]
        b.send("fetch", version, "waits", max_wait_ms=20000, min_bytes=1, session_epoch=-1, max_bytes=1000000,
               topics=[{"topic": topic[0], "topic_id": topic[1], "partitions": [part(offset=offset)]}])
        a.ask("produce", 9, "wakes it", acks=-1, timeout_ms=1000, topic_data=[
            {"name": "waited", "partition_data": [{"index": 0, "records": batch((b"k", b"v"))}]}])
        b.expect_reply("is woken")


@section("fetch sessions")
def fetch_sessions(rec):
    first = ("session-a", rec.topic("session-a", 2))
    other = ("session-b", rec.topic("session-b"))
    rec.fill("session-a", batch((b"a", b"1")))
    a = rec.connect()
    for version in range(7, 18):
        opened = fetch(a, version, "opens a session", first, part(), part(1), session_epoch=0)
        session = opened.get("session_id", 0)
        offset = 1 if version == 7 else version - 6

        def ask(what, epoch, topics, forgotten=(), session=session, version=version):
            return a.ask("fetch", version, what, max_wait_ms=0, min_bytes=0, session_id=session, session_epoch=epoch,
                         topics=topics, forgotten_topics_data=list(forgotten))

        def entry(topic, *parts):
            return {"topic": topic[0], "topic_id": topic[1], "partitions": list(parts)}
        ask("nothing new to say: the same", 1, [])
        ask("goes on", 2, [entry(first, part(offset=offset))])
        ask("nothing happened", 3, [])
        rec.fill("session-a", batch((b"k", b"v")))
        ask("something came", 4, [])
        ask("adds a topic", 5, [entry(other, part())])
        ask("adds an unknown partition", 6, [entry(other, part(8))])
        ask("it is still unknown", 7, [])
        ask("forgets", 8, [], [{"topic": first[0], "topic_id": first[1], "partitions": [0, 1]},
                               {"topic": other[0], "topic_id": other[1], "partitions": [8]}])
        ask("what is left", 9, [])
        ask("a wrong epoch", 20, [])
        ask("an unknown session", 1, [], session=12345)
        ask("a new one from the old", 0, [entry(first, part(1))])
        ask("ends a session", -1, [])
        ask("the old one", 10, [])
        ask("session 0, epoch 3", 3, [entry(first, part())], session=0)


@section("ListOffsets")
def list_offsets(rec):
    rec.topic("listed", 2)
    rec.topic("listed-empty")
    rec.fill("listed", batch((b"a", b"1")), batch((b"b", b"2"), (b"c", b"3", (), 1000)),
             batch((b"d", b"4"), (b"e", b"5"), time=TIME + 500), batch((b"f", b"6"), time=TIME + 2000, codec=1))
    a = rec.connect()

    def ask(version, what, *wanted, topic="listed", **more):
        a.ask("list_offsets", version, what, replica_id=-1, topics=[
            {"name": topic, "partitions": [{"partition_index": index, "timestamp": time, "max_num_offsets": 5,
                                            "current_leader_epoch": -1, **more} for index, time in wanted]}])
    for version in codec.versions_of("list_offsets"):
        for name, time in (("latest", -1), ("earliest", -2), ("greatest time", -3), ("earliest local", -4),
                           ("latest tiered", -5), ("-6", -6), ("the first's time", TIME), ("between", TIME + 1),
                           ("out of order", TIME + 600), ("the last's time", TIME + 2000), ("too late", TIME + 2001),
                           ("0", 0)):
            ask(version, name, (0, time))
            ask(version, name + " of nothing", (0, time), topic="listed-empty")
        ask(version, "two partitions and an unknown one", (0, -1), (1, -1), (7, -1), (-1, -1))
        ask(version, "one partition twice", (0, -1), (0, -2))
        ask(version, "an unknown topic", (0, -1), topic="nobody")
        ask(version, "a bad name", (0, -1), topic="bad name")
        a.ask("list_offsets", version, "nothing", replica_id=-1, topics=[])
        a.ask("list_offsets", version, "as a debugger", replica_id=-2, topics=[
            {"name": "listed", "partitions": [{"partition_index": 0, "timestamp": -1, "max_num_offsets": 1}]}])
        a.ask("list_offsets", version, "committed", replica_id=-1, isolation_level=1, topics=[
            {"name": "listed", "partitions": [{"partition_index": 0, "timestamp": -1, "max_num_offsets": 1}]}])
    for version in range(4, 10):
        for epoch in (0, 3):
            ask(version, f"leader epoch {epoch}", (0, -1), current_leader_epoch=epoch)
    for count in (0, 1, 2, -1):
        a.ask("list_offsets", 0, f"{count} offsets", replica_id=-1, topics=[
            {"name": "listed", "partitions": [{"partition_index": 0, "timestamp": -1, "max_num_offsets": count}]}])


@section("OffsetForLeaderEpoch")
def offset_for_leader_epoch(rec):
    rec.topic("epochs", 2)
    rec.fill("epochs", batch((b"a", b"1"), (b"b", b"2")))
    a = rec.connect()
    for version in codec.versions_of("offset_for_leader_epoch"):
        for epoch in (0, 1, -1, 5):
            a.ask("offset_for_leader_epoch", version, f"epoch {epoch}", replica_id=-1, topics=[
                {"topic": "epochs", "partitions": [{"partition": 0, "leader_epoch": epoch},
                                                   {"partition": 1, "leader_epoch": epoch}]}])
        for current in (0, 1, -2):
            a.ask("offset_for_leader_epoch", version, f"current epoch {current}", replica_id=-2, topics=[
                {"topic": "epochs", "partitions": [{"partition": 0, "current_leader_epoch": current,
                                                    "leader_epoch": 0}]}])
        a.ask("offset_for_leader_epoch", version, "unknown", replica_id=-1, topics=[
            {"topic": "nobody", "partitions": [{"partition": 0, "leader_epoch": 0}]},
            {"topic": "epochs", "partitions": [{"partition": 9, "leader_epoch": 0}]}])
        a.ask("offset_for_leader_epoch", version, "nothing", replica_id=-1, topics=[])


@section("DeleteRecords")
def delete_records(rec):
    a = rec.connect()
    for version in codec.versions_of("delete_records"):
        topic = f"cut-{version}"
        rec.topic(topic, 2)
        rec.topic(topic + "-compact", cleanup_policy="compact")
        rec.fill(topic, *[batch((b"k", b"v")) for _ in range(6)])

        def ask(what, *wanted, topic=topic, version=version):
            a.ask("delete_records", version, what, timeout_ms=10000, topics=[
                {"name": topic, "partitions": [{"partition_index": index, "offset": offset}
                                               for index, offset in wanted]}])
        ask("before 2", (0, 2))
        ask("before 1: is gone already", (0, 1))
        ask("before 2 again", (0, 2))
        ask("behind the end", (0, 7))
        ask("-2", (0, -2))
        ask("two partitions and an unknown one", (0, 3), (1, 0), (7, 0))
        a.ask("list_offsets", 5, "the start", replica_id=-1, topics=[
            {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -2}]}])
        a.ask("fetch", 11, "below the start", max_wait_ms=0, min_bytes=0, session_epoch=-1, topics=[
            {"topic": topic, "partitions": [part(offset=1)]}])
        a.ask("fetch", 11, "at the start", max_wait_ms=0, min_bytes=0, session_epoch=-1, topics=[
            {"topic": topic, "partitions": [part(offset=3)]}])
        ask("all", (0, -1))
        a.ask("list_offsets", 5, "the start", replica_id=-1, topics=[
            {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -2}]}])
        ask("an unknown topic", (0, 0), topic="nobody")
        ask("a bad name", (0, 0), topic="bad name")
        ask("of a compacted topic", (0, 0), topic=topic + "-compact")
        ask("of the offsets", (0, 0), topic="__consumer_offsets")
        ask("nothing")
        a.ask("delete_records", version, "no topics", timeout_ms=1000, topics=[])
