"""The first questions of any client: versions, the cluster, metadata."""

from . import codec
from .codec import API_NAMES
from .script import section


@section("what a new broker can do", "default", "strict")
def api_versions(rec):
    a = rec.connect()
    a.each("api_versions", client_software_name="golden", client_software_version="1.0")
    for name, version in (("", "1"), ("a", ""), ("bad name", "1"), ("a", "1 2"), ("-a", "1"), ("a_b", "1"),
                          ("a.b-c", "1.0-rc"), ("x" * 300, "1")):
        a.ask("api_versions", 3, "software's name and version", client_software_name=name,
              client_software_version=version)


@section("versions that the broker does not know")
def unknown_versions(rec):
    a = rec.connect()
    for version in (5, 99, 32767, -1):
        header = codec.encode("request_header", 2, {"request_api_key": 18, "request_api_version": version,
                                                    "correlation_id": 7, "client_id": "golden"})
        a.payload(header + b"\2g\2\1\0" + bytes(3), f"ApiVersions v{version}", "api_versions", 0)
    for key, message in sorted(codec.REQUESTS.items()):
        if key == 18:
            continue
        version = message.versions.last + 1
        header = codec.encode("request_header", codec.request_header_version(key, message.versions.last), {
            "request_api_key": key, "request_api_version": version, "correlation_id": 7, "client_id": "golden"})
        a.payload(header + bytes(20), f"{API_NAMES[key]} one version too high")
    for key in (-1, 52, 53, 54, 55, 59, 62, 63, 64, 70, 71, 72, 74, 75, 76, 88, 1000):
        header = codec.encode("request_header", 2, {"request_api_key": key, "request_api_version": 0,
                                                    "correlation_id": 7, "client_id": "golden"})
        a.payload(header + bytes(20), f"API {key}")


@section("the cluster", "default", "strict")
def describe_cluster(rec):
    a = rec.connect()
    for operations in (False, True):
        a.each("describe_cluster", include_cluster_authorized_operations=operations)
    for kind in (0, 2, 3):
        a.ask("describe_cluster", 1, f"endpoint type {kind}", endpoint_type=kind)


@section("metadata before there is any topic", "default", "strict")
def metadata_empty(rec):
    a = rec.connect()
    a.ask("metadata", 0, "all topics", topics=[])
    a.each("metadata", "all topics", range(1, 13), topics=None)
    a.each("metadata", "no topics", range(1, 13), topics=[])
    for version in (8, 9, 10, 12):
        a.ask("metadata", version, "authorized operations", topics=[],
              include_cluster_authorized_operations=True, include_topic_authorized_operations=True)


@section("metadata of topics that are there, and of such that are not", "default", "strict")
def metadata_topics(rec):
    one = rec.topic("metadata-one")
    rec.topic("metadata-three", 3)
    a = rec.connect()
    wanted = [{"name": "metadata-one"}, {"name": "metadata-three"}]
    a.each("metadata", "two topics", topics=wanted)
    a.each("metadata", "one twice", topics=[wanted[0], wanted[0]])
    a.each("metadata", "unknown, not to be made", range(4, 13), topics=[wanted[0], {"name": "nobody"}],
           allow_auto_topic_creation=False)
    for name in ("bad name", "", ".", "..", "a/b", "x" * 249, "x" * 250, "\u00e4"):
        for version in (4, 8, 9, 12) if len(name) == 249 else (1, 4, 8, 9, 12):
            a.ask("metadata", version, "a name", topics=[{"name": name}], allow_auto_topic_creation=False)
    for version in (8, 10, 12):
        a.ask("metadata", version, "authorized operations", topics=wanted,
              include_cluster_authorized_operations=True, include_topic_authorized_operations=True)
    a.ask("metadata", 12, "by id", topics=[{"topic_id": one, "name": None}])
    a.ask("metadata", 12, "by an unknown id", topics=[{"topic_id": bytes(15) + b"\x07", "name": None}])
    a.ask("metadata", 12, "by id and name", topics=[{"topic_id": one, "name": "metadata-one"}])
    a.ask("metadata", 12, "by neither", topics=[{"name": None}])
    a.ask("metadata", 12, "by an id, a name", topics=[{"topic_id": one, "name": None}, wanted[1]])
    for version in (10, 11):
        a.ask("metadata", version, "by id", topics=[{"topic_id": one, "name": None}])
        a.ask("metadata", version, "by id and name", topics=[{"topic_id": one, "name": "metadata-one"}])


@section("metadata makes topics", "default", "strict")
def metadata_creates(rec):
    a = rec.connect()
    for version in codec.versions_of("metadata"):
        name = f"made-by-metadata-{version}"
        a.ask("metadata", version, "unknown, to be made", topics=[{"name": name}], allow_auto_topic_creation=True)
        if rec.config.name == "default":
            rec.wait(name, lambda name=name: rec.is_led(name))
            a.ask("metadata", version, "made", topics=[{"name": name}], allow_auto_topic_creation=True)
    a.ask("metadata", 9, "a bad name, to be made", topics=[{"name": "bad name"}])
    a.ask("metadata", 9, "a name that collides", topics=[{"name": "made.by.metadata.0"}])
    a.ask("metadata", 9, "a name that collides", topics=[{"name": "made_by_metadata_0"}])


@section("where groups and transactions are coordinated", "default", "strict")
def find_coordinator(rec):
    rec.wait("the offsets topic",
             lambda: rec.call("find_coordinator", 1, key="first", key_type=0).get("error_code") == 0)
    a = rec.connect()
    a.each("find_coordinator", "of a group", range(0, 4), key="group")
    a.each("find_coordinator", "of a group", range(4, 7), coordinator_keys=["group", "other"], key_type=0)
    a.each("find_coordinator", "of nothing", range(4, 7), coordinator_keys=[], key_type=0)
    a.each("find_coordinator", "of the empty group", range(0, 4), key="")
    a.each("find_coordinator", "of the empty group", range(4, 7), coordinator_keys=[""])
    a.each("find_coordinator", "of an unknown type", range(1, 4), key="x", key_type=7)
    a.each("find_coordinator", "of an unknown type", range(4, 7), coordinator_keys=["x"], key_type=7)
    a.each("find_coordinator", "of a share group", range(4, 7), coordinator_keys=["x"], key_type=2)


@section("the transaction coordinator, when its topic is there")
def find_transaction_coordinator(rec):
    rec.wait("the transactions topic",
             lambda: rec.call("find_coordinator", 1, key="first", key_type=1).get("error_code") == 0)
    a = rec.connect()
    a.each("find_coordinator", "of a transaction", range(1, 4), key="txn", key_type=1)
    a.each("find_coordinator", "of a transaction", range(4, 7), coordinator_keys=["txn"], key_type=1)
