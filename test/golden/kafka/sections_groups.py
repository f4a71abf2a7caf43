"""Groups: members come and go, offsets are stored and read, groups are described and deleted."""

from . import codec
from .batch import batch
from .script import section

META = codec.encode("consumer_subscription", 0, {"topics": ["grouped"], "user_data": None})
SUBSCRIPTION = b"\0\0" + META
ASSIGNMENT = b"\0\0" + codec.encode("consumer_assignment", 0, {
    "assigned_partitions": [{"topic": "grouped", "partitions": [0]}], "user_data": None})


def join(talk, version, what, group, member="", protocols=("range",), kind="consumer", send=False,
         metadata=SUBSCRIPTION, **more):
    fields = {"group_id": group, "session_timeout_ms": 30000, "rebalance_timeout_ms": 30000, "member_id": member,
              "protocol_type": kind, "protocols": [{"name": name, "metadata": metadata} for name in protocols], **more}
    if send:
        return talk.send("join_group", version, what, **fields)
    reply = talk.ask("join_group", version, what, **fields)
    if reply.get("error_code") == 79 and not member:
        fields["member_id"] = reply["member_id"]
        reply = talk.ask("join_group", version, what + ", with its id", **fields)
    return reply


def sync(talk, version, what, group, joined, assignments=None, **more):
    return talk.ask("sync_group", version, what, **{
        "group_id": group, "generation_id": joined["generation_id"], "member_id": joined["member_id"],
        "protocol_type": "consumer", "protocol_name": joined.get("protocol_name") or "range",
        "assignments": [{"member_id": joined["member_id"], "assignment": ASSIGNMENT}] if assignments is None
        else assignments, **more})


def heartbeat(talk, version, what, group, generation, member, **more):
    return talk.ask("heartbeat", version, what, group_id=group, generation_id=generation, member_id=member, **more)


def leave(talk, version, what, group, *members, **more):
    return talk.ask("leave_group", version, what, group_id=group, member_id=members[0] if members else "",
                    members=[{"member_id": member, **more} for member in members])


@section("one member's whole life, in every version of JoinGroup")
def group_of_one(rec):
    rec.wait("the offsets topic",
             lambda: rec.call("find_coordinator", 1, key="first", key_type=0).get("error_code") == 0)
    rec.topic("grouped", 2)
    a = rec.connect()
    for version in codec.versions_of("join_group"):
        group = f"one-{version}"
        other = min(version, 5)
        joined = join(a, version, "joins", group, protocols=("range", "roundrobin"))
        heartbeat(a, min(version, 4), "before sync", group, joined["generation_id"], joined["member_id"])
        a.ask("describe_groups", min(version, 5), "before sync", groups=[group])
        sync(a, other, "syncs", group, joined)
        heartbeat(a, min(version, 4), "is alive", group, joined["generation_id"], joined["member_id"])
        a.ask("describe_groups", min(version, 5), "stable", groups=[group])
        a.ask("describe_groups", 4, "with operations", groups=[group], include_authorized_operations=True)
        sync(a, other, "syncs again", group, joined)
        again = join(a, version, "joins again with the same", group, joined["member_id"], ("range", "roundrobin"))
        sync(a, other, "syncs", group, again)
        again = join(a, version, "joins again with another protocol", group, joined["member_id"], ("sticky",))
        heartbeat(a, min(version, 4), "the old generation", group, joined["generation_id"], joined["member_id"])
        heartbeat(a, min(version, 4), "before sync", group, again["generation_id"], joined["member_id"])
        sync(a, other, "without an assignment", group, again, [])
        leave(a, min(version, 5), "leaves", group, joined["member_id"])
        leave(a, min(version, 5), "is gone", group, joined["member_id"])
        heartbeat(a, min(version, 4), "is gone", group, again["generation_id"], joined["member_id"])
        a.ask("describe_groups", min(version, 5), "empty", groups=[group])


@section("what JoinGroup, SyncGroup, Heartbeat, LeaveGroup refuse")
def group_errors(rec):
    a = rec.connect()
    for version in codec.versions_of("join_group"):
        group = f"refused-{version}"
        join(a, version, "no group", "")
        join(a, version, "an unknown member", group, "who")
        join(a, version, "no protocols", group, protocols=())
        join(a, version, "no type", group, kind="")
        join(a, version, "a session of 1 ms", group, session_timeout_ms=1)
        join(a, version, "a session of an hour", group, session_timeout_ms=3600000)
        joined = join(a, version, "joins", group)
        join(a, version, "of another type", group, kind="connect")
        join(a, version, "of other protocols", group, protocols=("other",))
        join(a, version, "again, of another type", group, joined["member_id"], kind="connect")
        leave(a, 2, "leaves", group, joined["member_id"])
    for version in codec.versions_of("sync_group"):
        known = {"generation_id": 1, "member_id": "who"}
        sync(a, version, "no group", "", known)
        sync(a, version, "an unknown group", "nobody", known)
        joined = join(a, 5, "joins", "refused-sync")
        sync(a, version, "an unknown member", "refused-sync", {**joined, "member_id": "who"})
        sync(a, version, "an old generation", "refused-sync", {**joined, "generation_id": 0})
        sync(a, version, "generation -1", "refused-sync", {**joined, "generation_id": -1})
        sync(a, version, "another type", "refused-sync", joined, protocol_type="connect")
        sync(a, version, "another protocol", "refused-sync", joined, protocol_name="sticky")
        sync(a, version, "an assignment for a stranger", "refused-sync", joined,
             [{"member_id": "who", "assignment": b"x"}])
        leave(a, 2, "leaves", "refused-sync", joined["member_id"])
    for version in codec.versions_of("heartbeat"):
        heartbeat(a, version, "no group", "", 1, "who")
        heartbeat(a, version, "an unknown group", "nobody", 1, "who")
        joined = join(a, 5, "joins", "refused-heartbeat")
        sync(a, 3, "syncs", "refused-heartbeat", joined)
        heartbeat(a, version, "an unknown member", "refused-heartbeat", joined["generation_id"], "who")
        heartbeat(a, version, "another generation", "refused-heartbeat", 99, joined["member_id"])
        heartbeat(a, version, "generation -1", "refused-heartbeat", -1, joined["member_id"])
        leave(a, 2, "leaves", "refused-heartbeat", joined["member_id"])
    for version in codec.versions_of("leave_group"):
        leave(a, version, "no group", "", "who")
        leave(a, version, "an unknown group", "nobody", "who")
        joined = join(a, 5, "joins", "refused-leave")
        sync(a, 3, "syncs", "refused-leave", joined)
        leave(a, version, "an unknown member", "refused-leave", "who")
        leave(a, version, "the empty member", "refused-leave", "")
        if version >= 3:
            leave(a, version, "a known and an unknown member", "refused-leave", "who", joined["member_id"])
            leave(a, version, "nobody", "refused-leave")
        else:
            leave(a, version, "leaves", "refused-leave", joined["member_id"])


@section("two members: both wait for each other")
def group_of_two(rec):
    a, b = rec.connect("a"), rec.connect("b")
    b.client_id = "second"
    for version in (2, 4, 5, 7, 9):
        group = f"two-{version}"
        first = join(a, version, "the first joins", group, protocols=("range", "roundrobin"))
        sync(a, 3, "syncs", group, first)
        second = ""
        if version >= 4:
            second = b.ask("join_group", version, "the second asks", group_id=group, session_timeout_ms=30000,
                           rebalance_timeout_ms=30000, member_id="", protocol_type="consumer",
                           protocols=[{"name": "roundrobin", "metadata": b"b"}])["member_id"]
        join(b, version, "the second joins", group, second, ("roundrobin",), send=True, metadata=b"b")
        rec.wait("the rebalance", lambda first=first, group=group: rec.call(
            "heartbeat", 0, group_id=group, generation_id=first["generation_id"],
            member_id=first["member_id"]).get("error_code") == 27)
        heartbeat(a, 3, "is told to join again", group, first["generation_id"], first["member_id"])
        a.ask("describe_groups", 4, "while it rebalances", groups=[group])
        a.ask("offset_commit", 7, "while it rebalances", group_id=group, member_id=first["member_id"],
              generation_id_or_member_epoch=first["generation_id"],
              topics=[{"name": "grouped", "partitions": [{"partition_index": 0, "committed_offset": 1}]}])
        one = join(a, version, "joins again", group, first["member_id"], ("range", "roundrobin"))
        other = b.expect_reply("has joined")
        b.send("sync_group", 3, "waits for the leader", group_id=group, generation_id=other["generation_id"],
               member_id=other["member_id"], assignments=[])
        sync(a, 3, "the leader syncs", group, one, [
            {"member_id": one["member_id"], "assignment": b"of one"},
            {"member_id": other["member_id"], "assignment": b"of two"}])
        b.expect_reply("has synced")
        a.ask("describe_groups", 4, "stable", groups=[group])
        leave(b, 2, "the second leaves", group, other["member_id"])
        heartbeat(a, 3, "is told to join again", group, one["generation_id"], one["member_id"])
        leave(a, 2, "the first leaves", group, one["member_id"])


@section("static members")
def static_members(rec):
    a, b = rec.connect("a"), rec.connect("b")
    for version in (5, 6, 7, 9):
        group = f"static-{version}"
        one = join(a, version, "joins", group, group_instance_id="i1")
        sync(a, 5, "syncs", group, one, group_instance_id="i1")
        back = join(b, version, "comes back without its id", group, group_instance_id="i1")
        heartbeat(a, 3, "the old id is fenced", group, one["generation_id"], one["member_id"], group_instance_id="i1")
        sync(a, 5, "the old id is fenced", group, one, group_instance_id="i1")
        a.ask("offset_commit", 7, "the old id is fenced", group_id=group, member_id=one["member_id"],
              generation_id_or_member_epoch=one["generation_id"], group_instance_id="i1",
              topics=[{"name": "grouped", "partitions": [{"partition_index": 0, "committed_offset": 1}]}])
        sync(b, 5, "syncs", group, back, group_instance_id="i1")
        heartbeat(b, 3, "is alive", group, back["generation_id"], back["member_id"], group_instance_id="i1")
        heartbeat(b, 3, "an unknown instance", group, back["generation_id"], back["member_id"],
                  group_instance_id="i9")
        a.ask("describe_groups", 5, groups=[group])
        leave(a, 4, "an unknown instance", group, "", group_instance_id="i9")
        leave(a, 4, "a wrong member of it", group, "who", group_instance_id="i1")
        leave(a, 5, "the instance is removed", group, "", group_instance_id="i1", reason="for a test")
        a.ask("describe_groups", 5, "empty", groups=[group])


def commit(talk, version, what, group, *wanted, generation=-1, member="", **more):
    """wanted: (topic, partition, offset, metadata)"""
    topics = {}
    for topic, partition, offset, *metadata in wanted:
        topics.setdefault(topic, []).append({
            "partition_index": partition, "committed_offset": offset, "committed_leader_epoch": 0,
            "committed_metadata": metadata[0] if metadata else "m"})
    return talk.ask("offset_commit", version, what, group_id=group, generation_id_or_member_epoch=generation,
                    member_id=member, topics=[{"name": name, "partitions": parts} for name, parts in topics.items()],
                    **more)


def fetch(talk, version, what, group, topics, **more):
    """topics: {name: [partitions]} or None"""
    rows = None if topics is None else [{"name": name, "partition_indexes": parts} for name, parts in topics.items()]
    if version < 8:
        return talk.ask("offset_fetch", version, what, group_id=group, topics=rows, **more)
    return talk.ask("offset_fetch", version, what, groups=[{"group_id": group, "topics": rows}], **more)


@section("offsets of groups without members")
def offsets(rec):
    rec.topic("committed", 3)
    a = rec.connect()
    for version in codec.versions_of("offset_commit"):
        group = f"offsets-{version}"
        if version == 0:
            # Version 0 wrote to ZooKeeper.
            commit(a, 0, "to ZooKeeper", group, ("committed", 0, 5))
            fetch(a, 0, "from ZooKeeper", group, {"committed": [0, 1]})
            continue
        commit(a, version, "two partitions", group, ("committed", 0, 5), ("committed", 1, 6, "text"))
        fetch(a, 5, "what was stored", group, {"committed": [0, 1, 2]})
        commit(a, version, "one again", group, ("committed", 0, 3, ""))
        commit(a, version, "null as metadata", group, ("committed", 2, 3, None))
        commit(a, version, "an unknown topic and partition", group, ("nobody", 0, 1), ("committed", 7, 1),
               ("committed", 2, 9))
        commit(a, version, "metadata that is too long", group, ("committed", 0, 1, "x" * 5000))
        commit(a, version, "a negative offset", group, ("committed", 0, -1))
        commit(a, version, "nothing", group)
        commit(a, version, "no group", "", ("committed", 0, 1))
        commit(a, version, "a generation without a group", group + "-x", ("committed", 0, 1), generation=3)
        commit(a, version, "a member without a group", group + "-x", ("committed", 0, 1), generation=3, member="who")
        commit(a, version, "an unknown member", group, ("committed", 0, 1), generation=-1, member="who")
        fetch(a, 5, "what is stored now", group, None)
        a.ask("describe_groups", 5, "has no members", groups=[group])
    for version in (2, 3, 4):
        commit(a, version, "with a retention", f"retained-{version}", ("committed", 0, 5), retention_time_ms=1000000)
    for version in range(1, 10):
        fetch(a, version, "some", "offsets-7", {"committed": [0, 2, 9], "nobody": [0]})
        fetch(a, version, "an unknown group", "nobody", {"committed": [0]})
        fetch(a, version, "no group", "", {"committed": [0]})
        fetch(a, version, "no topics", "offsets-7", {})
        if version >= 2:
            fetch(a, version, "all", "offsets-7", None)
            fetch(a, version, "all of an unknown group", "nobody", None)
        if version >= 7:
            fetch(a, version, "stable ones", "offsets-7", {"committed": [0]}, require_stable=True)
    for version in (8, 9):
        a.ask("offset_fetch", version, "several groups", groups=[
            {"group_id": "offsets-7", "topics": None}, {"group_id": "offsets-8", "topics": [
                {"name": "committed", "partition_indexes": [0]}]}, {"group_id": "nobody", "topics": None}])
    a.ask("offset_fetch", 9, "with a member", groups=[
        {"group_id": "offsets-7", "member_id": "who", "member_epoch": 4, "topics": None}])


@section("offsets of groups with members")
def offsets_of_members(rec):
    a = rec.connect()
    for version in range(1, 10):
        group = f"members-{version}"
        joined = join(a, 5, "joins", group)
        known = {"generation": joined["generation_id"], "member": joined["member_id"]}
        commit(a, version, "before sync", group, ("committed", 0, 4), **known)
        sync(a, 3, "syncs", group, joined)
        commit(a, version, "as a member", group, ("committed", 0, 5), **known)
        commit(a, version, "of an old generation", group, ("committed", 0, 6), **{**known, "generation": 0})
        commit(a, version, "as a stranger", group, ("committed", 0, 7), **{**known, "member": "who"})
        commit(a, version, "from outside", group, ("committed", 0, 8))
        fetch(a, 5, "the good one", group, None)
        a.ask("offset_delete", 0, "from outside", group_id=group,
              topics=[{"name": "committed", "partitions": [{"partition_index": 0}]}])
        a.ask("offset_delete", 0, "of the topic it reads", group_id=group,
              topics=[{"name": "grouped", "partitions": [{"partition_index": 0}]}])
        leave(a, 2, "leaves", group, joined["member_id"])


@section("groups: listed, described, deleted; offsets deleted")
def admin(rec):
    a = rec.connect()
    a.client_id = "admin"
    for group in ("listed-empty", "listed-b"):
        commit(a, 7, "makes a group", group, ("committed", 0, 5), ("committed", 1, 5))
    joined = join(a, 5, "joins", "listed-stable")
    sync(a, 3, "syncs", "listed-stable", joined)
    a.each("list_groups", "all")
    for states in (["Stable"], ["Empty"], ["Stable", "Empty"], ["stable"], ["Nonsense"], ["Dead"], [""]):
        a.each("list_groups", "by state", range(4, 6), states_filter=states)
    for types in (["classic"], ["Classic"], ["consumer"], ["nonsense"], ["share"]):
        a.each("list_groups", "by type", range(5, 6), types_filter=types)
    a.each("describe_groups", "several", groups=["listed-empty", "listed-stable", "nobody", ""])
    a.each("describe_groups", "none", groups=[])
    a.each("describe_groups", "with operations", range(3, 6), include_authorized_operations=True,
           groups=["listed-empty", "listed-stable", "nobody"])
    for version in codec.versions_of("offset_delete"):
        a.ask("offset_delete", version, "one of two", group_id="listed-empty", topics=[
            {"name": "committed", "partitions": [{"partition_index": 1}, {"partition_index": 9}]},
            {"name": "nobody", "partitions": [{"partition_index": 0}]}])
        fetch(a, 5, "what is left", "listed-empty", None)
        a.ask("offset_delete", version, "again", group_id="listed-empty", topics=[
            {"name": "committed", "partitions": [{"partition_index": 1}]}])
        for group in ("nobody", ""):
            a.ask("offset_delete", version, "an unknown group", group_id=group, topics=[
                {"name": "committed", "partitions": [{"partition_index": 1}]}])
        a.ask("offset_delete", version, "nothing", group_id="listed-empty", topics=[])
    for version in codec.versions_of("delete_groups"):
        commit(a, 7, "makes a group", "listed-gone", ("committed", 0, 5))
        a.ask("delete_groups", version, "some", groups_names=["listed-gone", "nobody", "listed-stable", ""])
        a.ask("delete_groups", version, "again", groups_names=["listed-gone"])
        a.ask("delete_groups", version, "one twice", groups_names=["listed-b", "listed-b"])
        a.ask("delete_groups", version, "none", groups_names=[])
        fetch(a, 5, "nothing is left", "listed-gone", None)
        a.ask("describe_groups", 5, "dead", groups=["listed-gone"])
    leave(a, 2, "leaves", "listed-stable", joined["member_id"])


@section("a group's offsets go with the topic")
def offsets_of_deleted(rec):
    rec.topic("to-be-deleted")
    rec.fill("to-be-deleted", batch((b"k", b"v")))
    a = rec.connect()
    commit(a, 7, "stores", "of-deleted", ("to-be-deleted", 0, 1), ("committed", 0, 1))
    a.ask("delete_topics", 4, timeout_ms=30000, topic_names=["to-be-deleted"])
    rec.wait("the offset's end", lambda: len(rec.call(
        "offset_fetch", 5, group_id="of-deleted", topics=None)["topics"]) == 1)
    fetch(a, 5, "one is left", "of-deleted", None)


@section("the group protocol of KIP-848")
def consumer_groups(rec):
    a = rec.connect()
    a.each("consumer_group_heartbeat", group_id="g", member_id="m", member_epoch=0, subscribed_topic_names=["x"],
           topic_partitions=[], rebalance_timeout_ms=1000)
    a.each("consumer_group_describe", group_ids=["g", ""])
