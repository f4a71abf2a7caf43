"""Topics: made, enlarged, deleted, and all that is wrong with such requests."""

from . import codec
from .script import section

TIMEOUT = 3000
UNKNOWN_TOPIC_ID = 100


def new(name, partitions=1, replication=1, **more):
    return {"name": name, "num_partitions": partitions, "replication_factor": replication, **more}


def assigned(name, *brokers):
    return new(name, -1, -1, assignments=[{"partition_index": i, "broker_ids": list(ids)}
                                          for i, ids in enumerate(brokers)])


@section("CreateTopics in every version", "default", "strict")
def create_topics(rec):
    a = rec.connect()
    for version in codec.versions_of("create_topics"):
        name = f"create-{version}"
        a.ask("create_topics", version, "new", topics=[new(name, 2)], timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "again", topics=[new(name, 2)], timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "two, one of them known", topics=[new(name), new(name + "-b")],
              timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "the broker's defaults", topics=[new(name + "-d", -1, -1)],
              timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "assigned", topics=[assigned(name + "-a", [0], [0])], timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "with configs", timeout_ms=TIMEOUT, topics=[
            new(name + "-c", configs=[{"name": "retention.ms", "value": "1000"},
                                      {"name": "cleanup.policy", "value": "compact"}])])
        a.ask("metadata", 12, topics=[{"name": one} for one in (name, name + "-a", name + "-b", name + "-c",
                                                                name + "-d")], allow_auto_topic_creation=False)
        a.ask("describe_configs", 1, "of the one with configs", resources=[
            {"resource_type": 2, "resource_name": name + "-c",
             "configuration_keys": ["retention.ms", "cleanup.policy", "segment.bytes"]}])
    for version in range(1, 8):
        a.ask("create_topics", version, "only to be checked", topics=[new("unmade", 3)], timeout_ms=TIMEOUT,
              validate_only=True)
    a.ask("metadata", 12, topics=[{"name": "unmade"}], allow_auto_topic_creation=False)


@section("what CreateTopics refuses")
def create_topics_errors(rec):
    a = rec.connect()
    cases = [(f"the name {name[:20]!r}", new(name)) for name in
             ("", ".", "..", "bad name", "a/b", "a:b", "x" * 249, "x" * 250, "\u00e4", "__consumer_offsets",
              "create_0", "create.0")]
    cases += [(f"{count} partitions", new("refused", count)) for count in (0, -1, -2, -100)]
    cases += [(f"{count} replicas", new("refused", 1, count)) for count in (0, -1, -2, 2, 100)]
    cases += [("an assignment and partitions", new("refused", 1, -1, assignments=[
                  {"partition_index": 0, "broker_ids": [0]}])),
              ("an assignment and replicas", new("refused", -1, 1, assignments=[
                  {"partition_index": 0, "broker_ids": [0]}])),
              ("assigned to an unknown broker", assigned("refused", [1])),
              ("assigned to a broker twice", assigned("refused", [0, 0])),
              ("assigned to nobody", assigned("refused", [])),
              ("assigned to some", assigned("refused", [0], [0, 1])),
              ("assigned to broker -1", assigned("refused", [-1])),
              ("no partition 0", new("refused", -1, -1, assignments=[{"partition_index": 1, "broker_ids": [0]}])),
              ("partition 0 twice", new("refused", -1, -1, assignments=[
                  {"partition_index": 0, "broker_ids": [0]}, {"partition_index": 0, "broker_ids": [0]}])),
              ("a gap", new("refused", -1, -1, assignments=[
                  {"partition_index": 0, "broker_ids": [0]}, {"partition_index": 2, "broker_ids": [0]}]))]
    for key, value in (("nonsense", "1"), ("retention.ms", "many"), ("retention.ms", "-2"), ("retention.ms", None),
                       ("retention.ms", ""), ("cleanup.policy", "shred"), ("cleanup.policy", "compact,delete"),
                       ("cleanup.policy", ""), ("compression.type", "rar"), ("min.insync.replicas", "0"),
                       ("segment.bytes", "1"), ("segment.bytes", "99999999999"), ("min.cleanable.dirty.ratio", "2"),
                       ("message.timestamp.type", "Now"), ("preallocate", "maybe"), ("max.message.bytes", "-1"),
                       ("message.format.version", "1.0"), ("message.format.version", "x"),
                       ("leader.replication.throttled.replicas", "a"), ("remote.storage.enable", "true"),
                       ("local.retention.ms", "99999999999"), ("unclean.leader.election.enable", "1"),
                       ("max.compaction.lag.ms", "0"), ("index.interval.bytes", "-5"), ("flush.messages", "0"),
                       ("", "1"), ("log.retention.ms", "5")):
        cases.append((f"{key}={value}", new("refused", configs=[{"name": key, "value": value}])))
    cases.append(("a config twice", new("refused", configs=[{"name": "retention.ms", "value": "1"},
                                                            {"name": "retention.ms", "value": "2"}])))
    for what, topic in cases:
        for version in (1, 4, 7):
            a.ask("create_topics", version, what, topics=[topic], timeout_ms=TIMEOUT, validate_only=True)
    for version in codec.versions_of("create_topics"):
        a.ask("create_topics", version, "one name twice", topics=[new("refused"), new("refused"), new("")],
              timeout_ms=TIMEOUT)
        a.ask("create_topics", version, "no topics", topics=[], timeout_ms=TIMEOUT)


@section("CreatePartitions")
def create_partitions(rec):
    rec.topic("grow")
    a = rec.connect()
    count = 1
    for version in codec.versions_of("create_partitions"):
        def ask(what, version=version, validate_only=False, **topic):
            a.ask("create_partitions", version, what, timeout_ms=TIMEOUT, validate_only=validate_only,
                  topics=[{"name": "grow", "assignments": None, **topic}])
        count += 1
        ask("one more, only checked", validate_only=True, count=count)
        ask("one more", count=count)
        ask("as many as there are", count=count)
        ask("fewer", count=count - 1)
        ask("none", count=0)
        ask("-1", count=-1)
        count += 1
        ask("one more, assigned", count=count, assignments=[{"broker_ids": [0]}])
        ask("one more, assigned to an unknown broker", count=count + 1, assignments=[{"broker_ids": [9]}])
        ask("one more, assigned to a broker twice", count=count + 1, assignments=[{"broker_ids": [0, 0]}])
        ask("one more, two assigned", count=count + 1, assignments=[{"broker_ids": [0]}] * 2)
        ask("two more, one assigned", count=count + 2, assignments=[{"broker_ids": [0]}])
        ask("one more, assigned to nobody", count=count + 1, assignments=[{"broker_ids": []}])
        ask("of an unknown topic", name="nobody", count=5)
        ask("of a bad name", name="bad name", count=5)
        ask("of the offsets", name="__consumer_offsets", count=5, validate_only=True)
        a.ask("create_partitions", version, "twice", timeout_ms=TIMEOUT, topics=[
            {"name": "grow", "count": 20, "assignments": None}, {"name": "grow", "count": 21, "assignments": None}])
        a.ask("create_partitions", version, "nothing", timeout_ms=TIMEOUT, topics=[])
        rec.wait("partitions", lambda: rec.is_led("grow", count))
        a.ask("metadata", 9, topics=[{"name": "grow"}], allow_auto_topic_creation=False)


@section("DeleteTopics", "default", "strict")
def delete_topics(rec):
    a = rec.connect()
    for version in codec.versions_of("delete_topics"):
        names = [f"delete-{version}-{i}" for i in range(3)]
        for name in names:
            rec.topic(name)

        def ask(what, *wanted, version=version):
            a.ask("delete_topics", version, what, timeout_ms=TIMEOUT, topic_names=list(wanted),
                  topics=[{"name": name} for name in wanted])
        ask("one", names[0])
        ask("again", names[0])
        ask("two, one unknown", names[1], "nobody")
        ask("one twice", names[2], names[2])
        ask("a bad name", "bad name", "")
        ask("nothing")
        a.ask("metadata", 9, topics=[{"name": name} for name in names], allow_auto_topic_creation=False)
    known = rec.topic("delete-by-id")
    a.ask("delete_topics", 6, "by id and name", timeout_ms=TIMEOUT,
          topics=[{"topic_id": known, "name": "delete-by-id"}])
    a.ask("delete_topics", 6, "by neither", timeout_ms=TIMEOUT, topics=[{"name": None}])
    a.ask("delete_topics", 6, "by an unknown id", timeout_ms=TIMEOUT,
          topics=[{"topic_id": bytes(15) + b"\x09", "name": None}])
    a.ask("delete_topics", 6, "by id", timeout_ms=TIMEOUT, topics=[{"topic_id": known, "name": None}])
    if rec.config.name == "strict":
        return
    rec.wait("the end of the id", lambda: rec.call(
        "delete_topics", 6, timeout_ms=TIMEOUT, topics=[{"topic_id": known, "name": None}])["responses"][0][
            "error_code"] == UNKNOWN_TOPIC_ID)
    a.ask("delete_topics", 6, "by id again", timeout_ms=TIMEOUT, topics=[{"topic_id": known, "name": None}])
    again = rec.topic("delete-by-id")
    a.ask("metadata", 12, "made again: another id", topics=[{"name": "delete-by-id"}],
          allow_auto_topic_creation=False)
    a.ask("delete_topics", 6, "id twice", timeout_ms=TIMEOUT,
          topics=[{"topic_id": again, "name": None}, {"topic_id": again, "name": None}])
