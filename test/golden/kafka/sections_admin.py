"""What remains of the APIs: log directories, quotas, credentials, ACLs, tokens, elections, brokers' own."""

from . import codec
from .script import section


@section("DescribeLogDirs, AlterReplicaLogDirs")
def log_dirs(rec):
    rec.topic("on-disk", 2)
    a = rec.connect()
    a.each("describe_log_dirs", "some", topics=[{"topic": "on-disk", "partitions": [0, 1, 9]},
                                                {"topic": "nobody", "partitions": [0]}])
    a.each("describe_log_dirs", "none", topics=[])
    everything = a.ask("describe_log_dirs", 4, "one", topics=[{"topic": "on-disk", "partitions": [0]}])
    folder = everything["results"][0]["log_dir"]
    for version in codec.versions_of("alter_replica_log_dirs"):
        for path in (folder, "/nowhere", "", "relative"):
            a.ask("alter_replica_log_dirs", version, "to a folder", dirs=[
                {"path": path, "topics": [{"name": "on-disk", "partitions": [0]}]}])
        a.ask("alter_replica_log_dirs", version, "unknown", dirs=[
            {"path": folder, "topics": [{"name": "nobody", "partitions": [0]},
                                        {"name": "on-disk", "partitions": [9]}]}])
        a.ask("alter_replica_log_dirs", version, "nothing", dirs=[])


def component(kind, match=0, name=None):
    return {"entity_type": kind, "match_type": match, "match": name}


def entity(**names):
    return [{"entity_type": kind.replace("_", "-"), "entity_name": name} for kind, name in names.items()]


@section("quotas of clients")
def client_quotas(rec):
    a = rec.connect()

    def alter(version, what, names, *ops, **more):
        a.ask("alter_client_quotas", version, what, entries=[
            {"entity": names, "ops": [{"key": key, "value": value or 0.0, "remove": value is None}
                                      for key, value in ops]}], **more)

    def describe(version, what, *components, strict=False):
        a.ask("describe_client_quotas", version, what, components=list(components), strict=strict)
    for version in codec.versions_of("alter_client_quotas"):
        describe(version, "nothing yet")
        alter(version, "of a client", entity(client_id="c1"), ("producer_byte_rate", 1e9), ("consumer_byte_rate", 2e9))
        alter(version, "of a user", entity(user="u1"), ("request_percentage", 200.5))
        alter(version, "of a user's client", entity(user="u1", client_id="c1"), ("producer_byte_rate", 1e8))
        alter(version, "of all clients", entity(client_id=None), ("producer_byte_rate", 3e9))
        alter(version, "of all users", entity(user=None), ("controller_mutation_rate", 1000.0))
        alter(version, "of an address", entity(ip="127.0.0.9"), ("connection_creation_rate", 100.0))
        alter(version, "only checked", entity(client_id="c9"), ("producer_byte_rate", 1e9), validate_only=True)
        alter(version, "of a strange name", entity(user="u/ 1:\u00e4"), ("producer_byte_rate", 5e8))
        rec.wait("quotas", lambda: len(rec.call("describe_client_quotas", 0, components=[],
                                                strict=False)["entries"]) == 7)
        describe(version, "all")
        describe(version, "a client", component("client-id", 0, "c1"))
        describe(version, "a client alone", component("client-id", 0, "c1"), strict=True)
        describe(version, "all clients", component("client-id", 1))
        describe(version, "any client", component("client-id", 2))
        describe(version, "a user and a client", component("client-id", 0, "c1"), component("user", 0, "u1"))
        describe(version, "any user", component("user", 2))
        describe(version, "an address", component("ip", 0, "127.0.0.9"))
        describe(version, "nobody", component("user", 0, "nobody"))
        describe(version, "a kind twice", component("user", 0, "u1"), component("user", 0, "u2"))
        describe(version, "an address and a user", component("ip", 0, "127.0.0.9"), component("user", 0, "u1"))
        describe(version, "an unknown kind", component("planet", 0, "x"))
        describe(version, "the empty kind", component("", 0, "x"))
        describe(version, "match type 7", component("user", 7, "x"))
        alter(version, "an unknown key", entity(client_id="c1"), ("nonsense", 1.0))
        alter(version, "a key of addresses", entity(client_id="c1"), ("connection_creation_rate", 1.0))
        alter(version, "a negative value", entity(client_id="c1"), ("producer_byte_rate", -1.0))
        alter(version, "half a byte", entity(client_id="c1"), ("producer_byte_rate", 1.5))
        alter(version, "an unknown kind", entity(planet="x"), ("producer_byte_rate", 1.0))
        alter(version, "of no entity", [], ("producer_byte_rate", 1.0))
        alter(version, "a bad address", entity(ip="no address"), ("connection_creation_rate", 1.0))
        alter(version, "an address and a user", entity(ip="127.0.0.9", user="u1"), ("producer_byte_rate", 1.0))
        alter(version, "the empty name", entity(user=""), ("producer_byte_rate", 1.0))
        alter(version, "no keys", entity(client_id="c1"))
        a.ask("alter_client_quotas", version, "an entity twice", entries=[
            {"entity": entity(client_id="c1"), "ops": []}, {"entity": entity(client_id="c1"), "ops": []}])
        a.ask("alter_client_quotas", version, "nothing", entries=[])
        alter(version, "removed", entity(client_id="c1"), ("producer_byte_rate", None), ("consumer_byte_rate", None))
        alter(version, "removed", entity(user="u1"), ("request_percentage", None))
        alter(version, "removed", entity(user="u1", client_id="c1"), ("producer_byte_rate", None))
        alter(version, "removed", entity(client_id=None), ("producer_byte_rate", None))
        alter(version, "removed", entity(user=None), ("controller_mutation_rate", None))
        alter(version, "removed", entity(ip="127.0.0.9"), ("connection_creation_rate", None))
        alter(version, "removed", entity(user="u/ 1:\u00e4"), ("producer_byte_rate", None))
        alter(version, "removed though it is not there", entity(user="u7"), ("producer_byte_rate", None))
        rec.wait("quotas", lambda: not rec.call("describe_client_quotas", 0, components=[], strict=False)["entries"])
        describe(version, "nothing is left")


@section("credentials")
def scram(rec):
    a = rec.connect()

    def alter(what, deletions=(), upsertions=()):
        a.ask("alter_user_scram_credentials", 0, what,
              deletions=[{"name": name, "mechanism": mechanism} for name, mechanism in deletions],
              upsertions=[{"name": name, "mechanism": mechanism, "iterations": count, "salt": b"salt",
                           "salted_password": b"secret"} for name, mechanism, count in upsertions])
    a.ask("describe_user_scram_credentials", 0, "all", users=None)
    alter("new", (), [("alice", 1, 4096), ("bob", 2, 8192)])
    rec.wait("credentials", lambda: len(rec.call("describe_user_scram_credentials", 0, users=None)["results"]) == 2)
    a.ask("describe_user_scram_credentials", 0, "all", users=None)
    a.ask("describe_user_scram_credentials", 0, "none named", users=[])
    a.ask("describe_user_scram_credentials", 0, "some", users=[{"name": "alice"}, {"name": "nobody"}])
    a.ask("describe_user_scram_credentials", 0, "one twice", users=[{"name": "alice"}, {"name": "alice"}])
    a.ask("describe_user_scram_credentials", 0, "no name", users=[{"name": ""}])
    alter("too few iterations", (), [("carol", 1, 100)])
    alter("too many iterations", (), [("carol", 1, 20000)])
    alter("an unknown mechanism", [("alice", 0)], [("carol", 9, 4096)])
    alter("no name", [("", 1)], [("", 1, 4096)])
    alter("one twice", [("alice", 1)], [("alice", 1, 4096)])
    alter("deleted", [("alice", 1), ("bob", 2)])
    rec.wait("credentials", lambda: not rec.call("describe_user_scram_credentials", 0, users=None)["results"])
    alter("deleted again", [("alice", 1), ("bob", 2)])
    alter("nothing")


@section("without an authorizer, without SASL, without tokens")
def security(rec):
    a = rec.connect()
    a.each("describe_acls", resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
           principal_filter=None, host_filter=None, operation=1, permission_type=1)
    a.each("create_acls", creations=[{"resource_type": 2, "resource_name": "x", "resource_pattern_type": 3,
                                      "principal": "User:a", "host": "*", "operation": 3, "permission_type": 3}])
    a.each("delete_acls", filters=[{"resource_type_filter": 2, "resource_name_filter": "x", "pattern_type_filter": 3,
                                    "principal_filter": None, "host_filter": None, "operation": 3,
                                    "permission_type": 3}])
    a.each("create_acls", "nothing", creations=[])
    a.each("delete_acls", "nothing", filters=[])
    a.each("sasl_handshake", mechanism="PLAIN")
    a.each("sasl_authenticate", auth_bytes=b"\0user\0password")
    a.each("create_delegation_token", renewers=[], max_lifetime_ms=-1, owner_principal_type="",
           owner_principal_name="")
    a.each("renew_delegation_token", hmac=b"x", renew_period_ms=1)
    a.each("expire_delegation_token", hmac=b"x", expiry_time_period_ms=1)
    a.each("describe_delegation_token", owners=None)
    a.each("describe_delegation_token", "nobody's", owners=[])


@section("elections and moves of one broker")
def elections(rec):
    rec.topic("elected", 2)
    a = rec.connect()
    for kind in (0, 1):
        for version in codec.versions_of("elect_leaders"):
            a.ask("elect_leaders", version, f"type {kind}", election_type=kind, timeout_ms=10000, topic_partitions=[
                {"topic": "elected", "partitions": [0, 1, 9]}, {"topic": "nobody", "partitions": [0]}])
            a.ask("elect_leaders", version, f"none, type {kind}", election_type=kind, timeout_ms=10000,
                  topic_partitions=[])
    a.each("elect_leaders", "an unknown type", range(1, 3), election_type=7, timeout_ms=10000, topic_partitions=[
        {"topic": "elected", "partitions": [0]}])

    def move(what, *wanted, topic="elected"):
        a.ask("alter_partition_reassignments", 0, what, timeout_ms=10000, topics=[
            {"name": topic, "partitions": [{"partition_index": index, "replicas": replicas}
                                           for index, replicas in wanted]}])
    move("to where it is", (0, [0]))
    move("to an unknown broker", (0, [5]), (1, [0, 5]))
    move("to nobody", (0, []))
    move("to a broker twice", (0, [0, 0]))
    move("to broker -1", (0, [-1]))
    move("an unknown partition", (9, [0]))
    move("an unknown topic", (0, [0]), topic="nobody")
    move("cancels what is not", (0, None))
    a.ask("alter_partition_reassignments", 0, "nothing", timeout_ms=10000, topics=[])
    rec.wait("moves", lambda: not rec.call("list_partition_reassignments", 0, topics=None)["topics"])
    a.ask("list_partition_reassignments", 0, "all", timeout_ms=10000, topics=None)
    a.ask("list_partition_reassignments", 0, "some", timeout_ms=10000, topics=[
        {"name": "elected", "partition_indexes": [0, 9]}, {"name": "nobody", "partition_indexes": [0]}])


@section("features")
def features(rec):
    a = rec.connect()
    for version in codec.versions_of("update_features"):
        a.ask("update_features", version, "unknown", timeout_ms=10000, feature_updates=[
            {"feature": "golden.version", "max_version_level": 1}])
        a.ask("update_features", version, "unknown, to be removed", timeout_ms=10000, feature_updates=[
            {"feature": "golden.version", "max_version_level": 0, "allow_downgrade": True, "upgrade_type": 2}])
        a.ask("update_features", version, "no name", timeout_ms=10000, feature_updates=[
            {"feature": "", "max_version_level": 1}])
        a.ask("update_features", version, "nothing", timeout_ms=10000, feature_updates=[])


@section("what brokers say to each other, from one that is none")
def brokers(rec):
    rec.topic("inner")
    a = rec.connect()
    state = {"topic_name": "inner", "partition_index": 0, "controller_epoch": 0, "leader": 0, "leader_epoch": 0,
             "isr": [0], "replicas": [0], "partition_epoch": 0}
    old = {"controller_id": 0, "controller_epoch": 0, "broker_epoch": -1}
    a.each("leader_and_isr", "an old controller", **old, ungrouped_partition_states=[state], live_leaders=[],
           topic_states=[{"topic_name": "inner", "partition_states": [state]}])
    a.each("stop_replica", "an old controller", **old, ungrouped_partitions=[
        {"topic_name": "inner", "partition_index": 0}], topics=[{"name": "inner", "partition_indexes": [0]}],
           topic_states=[{"topic_name": "inner", "partition_states": [{"partition_index": 0}]}])
    shown = {key: value for key, value in state.items() if key != "partition_epoch"}
    a.each("update_metadata", "an old controller", **old, ungrouped_partition_states=[shown], live_brokers=[],
           topic_states=[{"topic_name": "inner", "partition_states": [shown]}])
    a.each("controlled_shutdown", "of a broker that is not there", broker_id=5)
    a.each("alter_partition", "of a broker that is not there", broker_id=5, broker_epoch=3, topics=[])
    a.each("allocate_producer_ids", "of a broker that is not there", broker_id=5, broker_epoch=3)
    a.each("allocate_producer_ids", "of another life", broker_id=0, broker_epoch=3)
    a.ask("fetch", 11, "as a follower that is none", replica_id=5, max_wait_ms=0, min_bytes=0, session_epoch=-1,
          topics=[{"topic": "inner", "partitions": [{"partition": 0, "fetch_offset": 0,
                                                     "partition_max_bytes": 1000}]}])
    a.each("envelope", request_data=b"\0\x12\0\0\0\0\0\1\0\1x", request_principal=None,
           client_host_address=b"\x7f\0\0\1")
