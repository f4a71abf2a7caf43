"""Transactions: begun, filled, ended; markers, and who is fenced."""

from . import codec
from .batch import batch
from .script import section


def init(talk, version, what, name="txn", **more):
    return talk.ask("init_producer_id", version, what, transactional_id=name, transaction_timeout_ms=60000, **more)


def settled(rec, name):
    """Waits until the transaction's markers are written."""
    rec.wait("the end of " + name, lambda: rec.call(
        "describe_transactions", 0, transactional_ids=[name])["transaction_states"][0]["transaction_state"] in (
            "Empty", "CompleteCommit", "CompleteAbort"))


def add(talk, version, what, name, producer, *topics):
    rows = [{"name": topic, "partitions": list(parts)} for topic, parts in topics]
    if version < 4:
        return talk.ask("add_partitions_to_txn", version, what, v3_and_below_transactional_id=name,
                        v3_and_below_producer_id=producer[0], v3_and_below_producer_epoch=producer[1],
                        v3_and_below_topics=rows)
    return talk.ask("add_partitions_to_txn", version, what, transactions=[
        {"transactional_id": name, "producer_id": producer[0], "producer_epoch": producer[1], "topics": rows}])


def end(talk, version, what, name, producer, committed):
    return talk.ask("end_txn", version, what, transactional_id=name, producer_id=producer[0],
                    producer_epoch=producer[1], committed=committed)


def write(talk, what, topic, name, producer, sequence, version=9):
    return talk.ask("produce", version, what, transactional_id=name, acks=-1, timeout_ms=10000, topic_data=[
        {"name": topic, "partition_data": [{"index": 0, "records": batch(
            (b"k", b"v"), producer_id=producer[0], epoch=producer[1], sequence=sequence, attributes=0x10)}]}])


def show(talk, topic, what=""):
    for level in (0, 1):
        talk.ask("fetch", 11, f"isolation {level} {what}", max_wait_ms=0, min_bytes=0, session_epoch=-1,
                 isolation_level=level, topics=[{"topic": topic, "partitions": [
                     {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 20}]}])
    talk.ask("list_offsets", 5, "committed end", replica_id=-1, isolation_level=1, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -1}]}])


@section("a transaction committed, and one aborted, in every version")
def transactions(rec):
    rec.wait("the transactions topic",
             lambda: rec.call("find_coordinator", 1, key="first", key_type=1).get("error_code") == 0)
    rec.topic("transacted", 2)
    a = rec.connect()
    for version in codec.versions_of("init_producer_id"):
        name = f"txn-{version}"
        reply = init(a, version, "begins", name)
        known = (reply["producer_id"], reply["producer_epoch"])
        sequence = 0
        for committed in (True, False):
            add(a, min(version, 3), "adds", name, known, ("transacted", [0]))
            write(a, "writes", "transacted", name, known, sequence)
            sequence += 1
            a.ask("describe_transactions", 0, "open", transactional_ids=[name])
            show(a, "transacted", "while it is open")
            end(a, min(version, 4), "ends", name, known, committed)
            settled(rec, name)
            end(a, min(version, 4), "ends again", name, known, committed)
            end(a, min(version, 4), "ends otherwise", name, known, not committed)
            show(a, "transacted")
            a.ask("describe_transactions", 0, "ended", transactional_ids=[name])
        reply = init(a, version, "begins anew", name)
        add(a, min(version, 3), "the old one is fenced", name, known, ("transacted", [0]))
        end(a, min(version, 4), "the old one is fenced", name, known, True)
        write(a, "the old one is fenced", "transacted", name, known, sequence)
    a.ask("describe_producers", 0, topics=[{"name": "transacted", "partition_indexes": [0]}])


@section("what transactions refuse")
def transaction_errors(rec):
    rec.topic("transacted-b")
    a = rec.connect()
    reply = init(a, 4, "begins", "errors")
    known = (reply["producer_id"], reply["producer_epoch"])
    for version in codec.versions_of("init_producer_id"):
        a.ask("init_producer_id", version, "a timeout that is too long", transactional_id="errors-b",
              transaction_timeout_ms=86400000)
        a.ask("init_producer_id", version, "a timeout of 0", transactional_id="errors-b", transaction_timeout_ms=0)
        if version >= 3:
            init(a, version, "another producer's id", "errors", producer_id=known[0] + 77, producer_epoch=0)
            init(a, version, "a later epoch", "errors", producer_id=known[0], producer_epoch=99)
    for version in codec.versions_of("add_partitions_to_txn"):
        add(a, version, "an unknown id", "nobody", known, ("transacted-b", [0]))
        add(a, version, "another producer", "errors", (known[0] + 77, 0), ("transacted-b", [0]))
        add(a, version, "an old epoch", "errors", (known[0], 99), ("transacted-b", [0]))
        add(a, version, "an unknown topic", "errors", known, ("nobody", [0]), ("transacted-b", [0]))
        add(a, version, "an unknown partition", "errors", known, ("transacted-b", [9]))
        add(a, version, "the empty id", "", known, ("transacted-b", [0]))
        add(a, version, "nothing", "errors", known)
        if version >= 4:
            a.ask("add_partitions_to_txn", version, "verifies", transactions=[
                {"transactional_id": "errors", "producer_id": known[0], "producer_epoch": known[1],
                 "verify_only": True, "topics": [{"name": "transacted-b", "partitions": [0]}]}])
    for version in codec.versions_of("end_txn"):
        end(a, version, "an unknown id", "nobody", known, True)
        end(a, version, "another producer", "errors", (known[0] + 77, 0), True)
        end(a, version, "another epoch", "errors", (known[0], 99), True)
        end(a, version, "nothing begun", "errors", known, True)
    for version in codec.versions_of("add_offsets_to_txn"):
        for what, name, producer in (("an unknown id", "nobody", known), ("another epoch", "errors", (known[0], 99)),
                                     ("another producer", "errors", (known[0] + 77, 0))):
            a.ask("add_offsets_to_txn", version, what, transactional_id=name, producer_id=producer[0],
                  producer_epoch=producer[1], group_id="g")
    for version in (9, 10, 11):
        write(a, "a partition that was not added", "transacted-b", "errors", known, 0, version)
        write(a, "without a transactional id", "transacted-b", None, known, 0, version)
    for names in (["errors", "nobody", ""], []):
        a.each("describe_transactions", transactional_ids=names)
    a.each("list_transactions", state_filters=[], producer_id_filters=[])
    a.each("list_transactions", "by state", state_filters=["Empty", "Ongoing", "Nonsense"], producer_id_filters=[])
    a.each("list_transactions", "by producer", state_filters=[], producer_id_filters=[known[0], 12345])
    a.each("list_transactions", "by age", range(1, 2), state_filters=[], producer_id_filters=[],
           duration_filter=1000000000)


@section("offsets within a transaction")
def transaction_offsets(rec):
    rec.topic("transacted-offsets")
    a = rec.connect()
    for version in codec.versions_of("txn_offset_commit"):
        name, group = f"offsets-txn-{version}", f"group-of-txn-{version}"
        reply = init(a, 4, "begins", name)
        known = (reply["producer_id"], reply["producer_epoch"])

        def commit(what, offset, version=version, name=name, group=group, known=known, **more):
            a.ask("txn_offset_commit", version, what, **{
                "transactional_id": name, "group_id": group, "producer_id": known[0], "producer_epoch": known[1],
                "topics": [{"name": "transacted-offsets", "partitions": [
                    {"partition_index": 0, "committed_offset": offset, "committed_metadata": "m"}]}], **more})
        for committed in (True, False):
            a.ask("add_offsets_to_txn", version, "adds the group", transactional_id=name, producer_id=known[0],
                  producer_epoch=known[1], group_id=group)
            commit("stores", 5 if committed else 9)
            a.ask("offset_fetch", 7, "while it is open", group_id=group, topics=None)
            a.ask("offset_fetch", 7, "a stable one", group_id=group, require_stable=True, topics=[
                {"name": "transacted-offsets", "partition_indexes": [0]}])
            end(a, version, "ends", name, known, committed)
            settled(rec, name)
            rec.wait("the offset", lambda group=group: rec.call(
                "offset_fetch", 7, group_id=group, require_stable=True, topics=[
                    {"name": "transacted-offsets", "partition_indexes": [0]}])["topics"][0]["partitions"][0][
                        "error_code"] == 0)
            a.ask("offset_fetch", 7, "when it is ended", group_id=group, topics=None)
        commit("no group", 5, group_id="")
        commit("an unknown topic", 5, topics=[{"name": "nobody", "partitions": [
            {"partition_index": 0, "committed_offset": 1, "committed_metadata": ""}]}])
        commit("metadata that is too long", 5, topics=[{"name": "transacted-offsets", "partitions": [
            {"partition_index": 0, "committed_offset": 1, "committed_metadata": "x" * 5000}]}])
        if version >= 3:
            commit("an unknown member", 5, member_id="who", generation_id=4)


@section("WriteTxnMarkers")
def markers(rec):
    rec.topic("marked")
    a = rec.connect()
    reply = init(a, 4, "begins", "marked")
    known = (reply["producer_id"], reply["producer_epoch"])
    add(a, 3, "adds", "marked", known, ("marked", [0]))
    write(a, "writes", "marked", "marked", known, 0)
    for version in codec.versions_of("write_txn_markers"):
        a.ask("write_txn_markers", version, "unknown", markers=[
            {"producer_id": known[0], "producer_epoch": known[1], "transaction_result": True, "coordinator_epoch": 0,
             "topics": [{"name": "nobody", "partition_indexes": [0]}, {"name": "marked", "partition_indexes": [7]}]}])
        a.ask("write_txn_markers", version, "an old epoch", markers=[
            {"producer_id": known[0], "producer_epoch": -1, "transaction_result": True, "coordinator_epoch": 0,
             "topics": [{"name": "marked", "partition_indexes": [0]}]}])
        a.ask("write_txn_markers", version, "nothing", markers=[])
    end(a, 3, "ends", "marked", known, False)
    settled(rec, "marked")
    show(a, "marked")
