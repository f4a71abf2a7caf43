"""A broker with small limits (configuration `strict`)."""

from . import codec
from .batch import batch
from .script import section
from .sections_groups import commit, fetch, heartbeat, join, leave, sync


@section("what is too large", "strict")
def limits(rec):
    rec.topic("limited")
    rec.topic("limited-alone", min_insync_replicas="1")
    a = rec.connect()
    for version in range(3, 12):
        for topic in ("limited", "limited-alone"):
            for acks in (-1, 1):
                a.ask("produce", version, f"acks {acks}", acks=acks, timeout_ms=1000, topic_data=[
                    {"name": topic, "partition_data": [{"index": 0, "records": batch((b"k", b"v"))}]}])
        a.ask("produce", version, "a large message", acks=1, timeout_ms=1000, topic_data=[
            {"name": "limited", "partition_data": [{"index": 0, "records": batch((b"k", b"v" * 1000))}]}])
        a.ask("produce", version, "the largest message", acks=1, timeout_ms=1000, topic_data=[
            {"name": "limited", "partition_data": [{"index": 0, "records": batch((b"k", b"v" * 923))}]}])
        a.ask("produce", version, "a large message that shrinks", acks=1, timeout_ms=1000, topic_data=[
            {"name": "limited", "partition_data": [{"index": 0, "records": batch((b"k", b"v" * 1000), codec=1)}]}])
    a.ask("produce", 9, "a large request: the broker closes", acks=1, timeout_ms=1000, topic_data=[
        {"name": "limited", "partition_data": [{"index": 0, "records": batch((b"k", b"v" * 30000))}]}])


@section("groups with small limits", "strict")
def strict_groups(rec):
    a, b = rec.connect("a"), rec.connect("b")
    for session in (500, 1000, 10000, 10001):
        join(a, 1, f"a session of {session} ms", f"session-{session}", session_timeout_ms=session)
    for version in (3, 5, 9):
        group = f"full-{version}"
        joined = join(a, version, "the first", group, session_timeout_ms=10000)
        sync(a, 3, "syncs", group, joined)
        join(b, version, "a second: the group is full", group, session_timeout_ms=10000)
        heartbeat(a, 3, "goes on", group, joined["generation_id"], joined["member_id"])
        leave(a, 2, "leaves", group, joined["member_id"])
    for version in range(1, 10):
        commit(a, version, "metadata of 10", "limited", ("limited", 0, 1, "x" * 10))
        commit(a, version, "metadata of 11", "limited", ("limited", 0, 2, "x" * 11))
    fetch(a, 5, "what is stored", "limited", None)


@section("what nobody may do", "strict")
def forbidden(rec):
    a = rec.connect()
    for version in codec.versions_of("produce"):
        if version >= 3:
            a.ask("produce", version, "an unknown topic", acks=1, timeout_ms=1000, topic_data=[
                {"name": "nobody", "partition_data": [{"index": 0, "records": batch((b"k", b"v"))}]}])
    a.each("offset_fetch", "before any", range(1, 8), group_id="nobody", topics=[
        {"name": "nobody", "partition_indexes": [0]}])
