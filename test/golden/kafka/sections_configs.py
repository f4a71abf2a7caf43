"""Configurations of topics and brokers: described, replaced, changed."""

from . import codec
from .script import section

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)


def resource(kind, name, keys=None):
    return {"resource_type": kind, "resource_name": name, "configuration_keys": keys}


@section("DescribeConfigs of topics", "default", "strict")
def describe_topic(rec):
    rec.topic("described", retention_ms="1000", cleanup_policy="compact,delete")
    a = rec.connect()
    a.each("describe_configs", "all of a topic", resources=[resource(TOPIC, "described")])
    a.each("describe_configs", "all of a topic, with synonyms", range(1, 5), include_synonyms=True,
           resources=[resource(TOPIC, "described")])
    a.each("describe_configs", "with documentation", range(3, 5), include_documentation=True,
           resources=[resource(TOPIC, "described", ["retention.ms", "segment.bytes", "cleanup.policy"])])
    a.each("describe_configs", "some keys", resources=[
        resource(TOPIC, "described", ["retention.ms", "nonsense", "segment.bytes"]),
        resource(TOPIC, "described", [])])
    for name in ("nobody", "", "bad name"):
        a.each("describe_configs", "of an unknown topic", resources=[resource(TOPIC, name)])
    a.each("describe_configs", "of nothing", resources=[])


@section("DescribeConfigs of brokers", "default", "strict")
def describe_broker(rec):
    a = rec.connect()
    for version in (0, 1, 4):
        a.ask("describe_configs", version, "all of the broker", resources=[resource(BROKER, "0")])
    a.ask("describe_configs", 4, "all of the broker, with synonyms", include_synonyms=True,
          resources=[resource(BROKER, "0")])
    a.each("describe_configs", "of all brokers", resources=[resource(BROKER, "")])
    a.each("describe_configs", "some keys", include_synonyms=True, resources=[
        resource(BROKER, "0", ["log.retention.hours", "num.partitions", "nonsense", "log.retention.ms", "broker.id"])])
    for name in ("1", "x", "-1"):
        a.each("describe_configs", "of another broker", resources=[resource(BROKER, name)])
    for kind in (0, 1, 3, METRICS, GROUP, 99):
        a.each("describe_configs", f"of resource type {kind}", resources=[resource(kind, "x")])


@section("DescribeConfigs of loggers")
def describe_loggers(rec):
    a = rec.connect()
    a.each("describe_configs", "a logger", resources=[resource(LOGGER, "0", ["kafka.server.KafkaApis"])])
    a.ask("describe_configs", 4, "of another broker", resources=[resource(LOGGER, "1")])
    a.ask("describe_configs", 4, "of none", resources=[resource(LOGGER, "")])


def show(rec, talk, kind, name, *keys):
    talk.ask("describe_configs", 4, "what it is now", include_synonyms=True,
             resources=[resource(kind, name, list(keys))])


def alter(talk, version, what, *resources, **more):
    talk.ask("alter_configs", version, what, resources=[
        {"resource_type": kind, "resource_name": name,
         "configs": [{"name": key, "value": value} for key, value in configs]} for kind, name, configs in resources],
        **more)


@section("AlterConfigs of topics")
def alter_configs(rec):
    rec.topic("altered")
    a = rec.connect()
    for version in codec.versions_of("alter_configs"):
        alter(a, version, "two keys", (TOPIC, "altered", [("retention.ms", f"{version + 1}000"),
                                                          ("segment.bytes", "100000")]))
        show(rec, a, TOPIC, "altered", "retention.ms", "segment.bytes", "cleanup.policy")
        alter(a, version, "another: the others are gone", (TOPIC, "altered", [("cleanup.policy", "compact")]))
        show(rec, a, TOPIC, "altered", "retention.ms", "segment.bytes", "cleanup.policy")
        alter(a, version, "only checked", (TOPIC, "altered", [("retention.ms", "7")]), validate_only=True)
        alter(a, version, "none", (TOPIC, "altered", []))
        show(rec, a, TOPIC, "altered", "retention.ms", "segment.bytes", "cleanup.policy")
        for key, value in (("nonsense", "1"), ("retention.ms", "many"), ("retention.ms", None),
                           ("cleanup.policy", "x")):
            alter(a, version, f"{key}={value}", (TOPIC, "altered", [(key, value)]))
        alter(a, version, "unknown topics", (TOPIC, "nobody", [("retention.ms", "1")]), (TOPIC, "", []),
              (TOPIC, "bad name", []))
        alter(a, version, "a key twice", (TOPIC, "altered", [("retention.ms", "1"), ("retention.ms", "2")]),
              validate_only=True)
        for kind in (0, 1, 3, METRICS, GROUP, 99):
            alter(a, version, f"of resource type {kind}", (kind, "x", []))
        alter(a, version, "of nothing")


@section("AlterConfigs of brokers")
def alter_broker(rec):
    a = rec.connect()
    for version in codec.versions_of("alter_configs"):
        alter(a, version, "a key of the broker", (BROKER, "0", [("log.cleaner.threads", "2")]), validate_only=True)
        alter(a, version, "a key of all", (BROKER, "", [("log.cleaner.threads", "2")]), validate_only=True)
        alter(a, version, "read-only", (BROKER, "0", [("broker.id", "7")]), validate_only=True)
        alter(a, version, "nonsense", (BROKER, "0", [("nonsense", "7")]), validate_only=True)
        alter(a, version, "a bad value", (BROKER, "0", [("log.cleaner.threads", "many")]), validate_only=True)
        alter(a, version, "another broker", (BROKER, "1", [("log.cleaner.threads", "2")]), validate_only=True)
        alter(a, version, "no broker", (BROKER, "x", [("log.cleaner.threads", "2")]), validate_only=True)
        alter(a, version, "of one listener, for all", (BROKER, "", [("listeners", "PLAINTEXT://:1")]),
              validate_only=True)


def change(talk, version, what, *resources, **more):
    talk.ask("incremental_alter_configs", version, what, resources=[
        {"resource_type": kind, "resource_name": name,
         "configs": [{"name": key, "config_operation": operation, "value": value}
                     for key, operation, value in configs]} for kind, name, configs in resources], **more)


@section("IncrementalAlterConfigs of topics")
def incremental_alter_configs(rec):
    rec.topic("changed")
    a = rec.connect()
    keys = ("retention.ms", "cleanup.policy", "segment.bytes")
    for version in codec.versions_of("incremental_alter_configs"):
        def ask(what, *configs, version=version, name="changed", **more):
            change(a, version, what, (TOPIC, name, configs), **more)
        ask("set two", ("retention.ms", SET, f"{version + 1}000"), ("segment.bytes", SET, "100000"))
        show(rec, a, TOPIC, "changed", *keys)
        ask("append", ("cleanup.policy", APPEND, "compact"))
        show(rec, a, TOPIC, "changed", *keys)
        ask("append again", ("cleanup.policy", APPEND, "compact,delete"))
        show(rec, a, TOPIC, "changed", *keys)
        ask("subtract", ("cleanup.policy", SUBTRACT, "delete"))
        show(rec, a, TOPIC, "changed", *keys)
        ask("subtract what is not there", ("cleanup.policy", SUBTRACT, "delete"))
        ask("delete one", ("segment.bytes", DELETE, None))
        ask("delete one that is not set", ("segment.bytes", DELETE, None))
        ask("delete one with a value", ("retention.ms", DELETE, "5"), validate_only=True)
        show(rec, a, TOPIC, "changed", *keys)
        ask("only checked", ("segment.bytes", SET, "200000"), validate_only=True)
        ask("append to no list", ("retention.ms", APPEND, "1"))
        ask("subtract from no list", ("retention.ms", SUBTRACT, "1"))
        ask("operation 9", ("retention.ms", 9, "1"))
        ask("operation -1", ("retention.ms", -1, "1"))
        ask("null", ("retention.ms", SET, None))
        ask("null to append", ("cleanup.policy", APPEND, None))
        ask("a key twice", ("retention.ms", SET, "1"), ("retention.ms", DELETE, None))
        ask("nonsense", ("nonsense", SET, "1"))
        ask("nonsense to delete", ("nonsense", DELETE, None))
        ask("a bad value", ("retention.ms", SET, "many"))
        ask("the last of a list", ("cleanup.policy", SUBTRACT, "compact"))
        ask("no configs")
        ask("an unknown topic", ("retention.ms", SET, "1"), name="nobody")
        ask("a bad name", ("retention.ms", SET, "1"), name="bad name")
        ask("all gone", ("retention.ms", DELETE, None), ("cleanup.policy", DELETE, None))
        show(rec, a, TOPIC, "changed", *keys)
        change(a, version, "one topic twice", (TOPIC, "changed", []), (TOPIC, "changed", []))
        for kind in (0, 1, 3, GROUP, 99):
            change(a, version, f"of resource type {kind}", (kind, "x", []))
        change(a, version, "of nothing")


@section("IncrementalAlterConfigs of brokers")
def incremental_alter_broker(rec):
    a = rec.connect()

    def value_is(name, key, value):
        def question():
            reply = rec.call("describe_configs", 4, resources=[resource(BROKER, name, [key])])
            return [one["value"] for one in reply["results"][0]["configs"]] == value
        return question
    for version in codec.versions_of("incremental_alter_configs"):
        change(a, version, "one of all brokers", (BROKER, "", [("log.retention.ms", SET, "500000")]))
        rec.wait("the change", value_is("0", "log.retention.ms", ["500000"]))
        show(rec, a, BROKER, "0", "log.retention.ms")
        show(rec, a, BROKER, "", "log.retention.ms")
        change(a, version, "one of this broker", (BROKER, "0", [("log.retention.ms", SET, "600000")]))
        rec.wait("the change", value_is("0", "log.retention.ms", ["600000"]))
        show(rec, a, BROKER, "0", "log.retention.ms")
        rec.topic(f"of-changed-broker-{version}")
        a.ask("describe_configs", 4, "a topic inherits it", include_synonyms=True,
              resources=[resource(TOPIC, f"of-changed-broker-{version}", ["retention.ms"])])
        change(a, version, "deleted", (BROKER, "0", [("log.retention.ms", DELETE, None)]))
        change(a, version, "deleted", (BROKER, "", [("log.retention.ms", DELETE, None)]))
        rec.wait("the change", value_is("0", "log.retention.ms", [None]))
        show(rec, a, BROKER, "0", "log.retention.ms")
        change(a, version, "read-only", (BROKER, "0", [("broker.id", SET, "7")]))
        change(a, version, "read-only of all", (BROKER, "", [("log.dirs", SET, "/tmp")]))
        change(a, version, "nonsense", (BROKER, "0", [("nonsense", SET, "7")]), validate_only=True)
        change(a, version, "a bad value", (BROKER, "0", [("log.cleaner.threads", SET, "many")]))
        change(a, version, "a bad value", (BROKER, "0", [("log.cleaner.threads", SET, "0")]))
        change(a, version, "another broker", (BROKER, "1", [("log.retention.ms", SET, "1")]))
        change(a, version, "no broker", (BROKER, "x", [("log.retention.ms", SET, "1")]))


@section("AlterConfigs of loggers")
def alter_loggers(rec):
    a = rec.connect()
    change(a, 1, "a logger", (LOGGER, "0", [("kafka.server.KafkaApis", SET, "DEBUG")]), validate_only=True)
    change(a, 1, "a bad level", (LOGGER, "0", [("kafka.server.KafkaApis", SET, "LOUD")]), validate_only=True)
    alter(a, 2, "a logger", (LOGGER, "0", [("kafka.server.KafkaApis", "DEBUG")]), validate_only=True)
    change(a, 1, "client metrics", (METRICS, "x", [("interval.ms", SET, "1000")]), validate_only=True)
