"""Nodes: create in every mode, delete, exists, data, children, counts, Stats."""

import time

from .script import section
from .wire import (CONTAINER, EPHEMERAL, EPHEMERAL_SEQUENTIAL, OPEN, PERSISTENT, SEQUENTIAL, TTL,
                   TTL_SEQUENTIAL, body_create, body_create_ttl, body_path, body_path_version,
                   body_path_watch, body_set_acl, body_set_data, string)

CREATES = ("create", "create2", "createContainer")
MODES = {PERSISTENT: "persistent", EPHEMERAL: "ephemeral", SEQUENTIAL: "sequential",
         EPHEMERAL_SEQUENTIAL: "ephemeral sequential", CONTAINER: "container", TTL: "ttl",
         TTL_SEQUENTIAL: "ttl sequential"}


@section("a new server's tree", "default", "extended", "nodigest", "skipacl", "super")
def first_look(rec):
    a = rec.connect("a")
    for path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", ""):
        a.call("exists", body_path_watch(path), f"exists {path!r}")
        a.call("getData", body_path_watch(path), f"getData {path!r}")
        a.call("getChildren2", body_path_watch(path), f"getChildren2 {path!r}")
        a.call("getACL", body_path(path), f"getACL {path!r}")
        a.call("getAllChildrenNumber", body_path(path), f"getAllChildrenNumber {path!r}")


@section("every create operation with every flag, good and bad", "default", "extended", "nodigest")
def create_flags(rec):
    a = rec.connect("a")
    a.call("create", body_create("/flags"), "create /flags")
    for kind in CREATES:
        for flags in (0, 1, 2, 3, 4, 5, 6, 7, -1, 8, 0x7FFFFFFF):
            path = f"/flags/{kind}-{flags & 0xFFFFFFFF:x}-"
            a.call(kind, body_create(path, b"d", flags=flags),
                   f"{kind} {path} flags {flags} {MODES.get(flags, 'unknown')}")
            a.call("exists", body_path_watch(path), "exists")
    for flags in (0, 1, 2, 3, 4, 5, 6, 7, -1):
        path = f"/flags/ttl-{flags & 0xFFFFFFFF:x}-"
        a.call("createTTL", body_create_ttl(path, b"d", flags=flags, ttl=1000000),
               f"createTTL {path} flags {flags} {MODES.get(flags, 'unknown')}")
        a.call("exists", body_path_watch(path), "exists")
    for ttl in (0, 1, -1, -5, 0xFFFFFFFFFE, 0xFFFFFFFFFF, 0x10000000000, 0x7FFFFFFFFFFFFFFF,
                -0x8000000000000000):
        path = f"/flags/ttl-of-{ttl}"
        a.call("createTTL", body_create_ttl(path, b"", flags=TTL, ttl=ttl), f"createTTL ttl {ttl}")
        a.call("createTTL", body_create_ttl(path + "-", b"", flags=TTL_SEQUENTIAL, ttl=ttl),
               f"createTTL sequential ttl {ttl}")
    a.call("createTTL", body_create_ttl("/flags/ttl-0-", b"", flags=TTL, ttl=5000), "twice")
    a.call("createTTL", body_create_ttl("/flags/missing/ttl", b"", flags=TTL), "no parent")
    a.call("getChildren2", body_path_watch("/flags"), "all of it")
    a.call("getEphemerals", string("/"), "ephemerals of this session")


@section("create: existing, parentless, below an ephemeral; what data it takes")
def create_errors(rec):
    a = rec.connect("a")
    a.call("create", body_create("/c", b"top"), "create /c")
    a.call("create", body_create("/c", b"again"), "create /c again")
    a.call("create2", body_create("/c", b"again"), "create2 /c again")
    a.call("createContainer", body_create("/c", b"again", flags=CONTAINER), "as container")
    a.call("create", body_create("/c/no/parent"), "no parent")
    a.call("create", body_create("/c/e", b"e", flags=EPHEMERAL), "ephemeral")
    a.call("create", body_create("/c/e/child"), "child of an ephemeral")
    a.call("create2", body_create("/c/e/child", flags=EPHEMERAL), "ephemeral child of an ephemeral")
    a.call("create", body_create("/c/e/child", flags=SEQUENTIAL), "sequential child of an ephemeral")
    a.call("createContainer", body_create("/c/e/child", flags=CONTAINER), "container below")
    a.call("create2", body_create("/c/empty", b""), "empty data")
    a.call("getData", body_path_watch("/c/empty"), "empty data")
    a.call("create2", body_create("/c/null", None), "null data")
    a.call("getData", body_path_watch("/c/null"), "null data")
    a.call("create2", body_create("/c/binary", bytes(range(256))), "binary data")
    a.call("getData", body_path_watch("/c/binary"), "binary data")
    a.call("createContainer", body_create("/c/box", b"b", flags=CONTAINER), "container")
    a.call("create", body_create("/c/box/in", b""), "in the container")
    a.call("exists", body_path_watch("/c/box"), "the container")
    a.call("getEphemerals", string("/c"), "ephemerals")
    a.call("create", body_create("/", b""), "create /")
    a.call("create", body_create("", b""), "create the empty path")
    a.call("create", body_create("/zookeeper", b""), "create /zookeeper")
    a.call("create2", body_create("/zookeeper/mine", b""), "create below /zookeeper")
    a.call("delete", body_path_version("/zookeeper/mine"), "and delete it")


@section("sequence numbers count creates of any child", "default", "nodigest")
def sequences(rec):
    a = rec.connect("a")
    a.call("create2", body_create("/seq", b""), "create /seq")
    for number in range(3):
        a.call("create2", body_create("/seq/n-", b"%d" % number, flags=SEQUENTIAL), "sequential")
    a.call("create", body_create("/seq/", b"", flags=SEQUENTIAL), "sequential with empty name")
    a.call("create", body_create("/seq/plain", b""), "a plain child counts too")
    a.call("create", body_create("/seq/n-", b"", flags=EPHEMERAL_SEQUENTIAL), "ephemeral one")
    a.call("delete", body_path_version("/seq/plain"), "a delete does not count")
    a.call("create", body_create("/seq/n-", b"", flags=SEQUENTIAL), "sequential")
    a.call("create", body_create("/seq/n-0000000007", b""), "take the next name")
    a.call("create", body_create("/seq/n-", b"", flags=SEQUENTIAL), "number after that")
    a.call("create", body_create("/seq/x", b""), "one more child")
    a.call("create", body_create("/seq/n-0000000011", b""), "a name that will be due")
    a.call("create", body_create("/seq/n-", b"", flags=SEQUENTIAL), "it is taken?")
    a.call("setData", body_set_data("/seq", b"x"), "setData does not count")
    a.call("create", body_create("/seq/n-", b"", flags=SEQUENTIAL), "sequential")
    a.call("getChildren2", body_path_watch("/seq"), "children and Stat")
    a.call("create", body_create("/seq/missing/n-", b"", flags=SEQUENTIAL), "no parent")
    a.call("create", body_create("/n", b"", flags=SEQUENTIAL), "below the root")


@section("delete: versions, children, missing, special", "default", "nodigest")
def deletes(rec):
    a = rec.connect("a")
    a.call("create", body_create("/del", b""), "create /del")
    a.call("create", body_create("/del/a", b""), "create /del/a")
    a.call("setData", body_set_data("/del/a", b"1"), "version 1")
    a.call("delete", body_path_version("/del/a", 0), "wrong version")
    a.call("delete", body_path_version("/del/a", 2), "wrong version")
    a.call("delete", body_path_version("/del/a", -2), "version -2")
    a.call("delete", body_path_version("/del", 0), "has children")
    a.call("delete", body_path_version("/del", 5), "has children and wrong version")
    a.call("delete", body_path_version("/del/a", 1), "right version")
    a.call("delete", body_path_version("/del/a", -1), "already gone")
    a.call("delete", body_path_version("/del/no/parent", -1), "parent missing")
    a.call("exists", body_path_watch("/del"), "the parent's Stat")
    for path in ("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"):
        a.call("delete", body_path_version(path), f"delete {path}")
    a.call("create", body_create("/del/e", b"", flags=EPHEMERAL), "ephemeral")
    a.call("delete", body_path_version("/del/e"), "delete the ephemeral")
    a.call("getEphemerals", string("/del"), "none left")
    a.call("delete", body_path_version("/del", -1), "delete the parent")


@section("setData: versions, Stat, times", "default", "nodigest")
def data_versions(rec):
    a = rec.connect("a")
    a.call("create2", body_create("/data", b"zero"), "create2 /data")
    time.sleep(0.01)
    a.call("setData", body_set_data("/data", b"one", 0), "version 0 to 1")
    a.call("setData", body_set_data("/data", b"two", 0), "stale version")
    a.call("setData", body_set_data("/data", b"two", 7), "future version")
    a.call("setData", body_set_data("/data", b"two", -1), "any version")
    a.call("setData", body_set_data("/data", b"two", -2), "version -2")
    a.call("setData", body_set_data("/data", b"", 2), "empty")
    a.call("setData", body_set_data("/data", None, 3), "null")
    a.call("getData", body_path_watch("/data"), "null data")
    a.call("setData", body_set_data("/data/none", b""), "missing")
    a.call("setData", body_set_data("/", b"root data"), "the root")
    a.call("getData", body_path_watch("/"), "the root")
    a.call("setData", body_set_data("/", b""), "the root again")
    a.call("setData", body_set_data("", b"x"), "the empty path")
    a.call("setData", body_set_data("/zookeeper", b"x"), "/zookeeper")
    a.call("setData", body_set_data("/zookeeper/config", b"x"), "/zookeeper/config")
    a.call("setData", body_set_data("/zookeeper/quota", b""), "/zookeeper/quota")
    a.call("exists", body_path_watch("/data"), "Stat")
    a.call("exists", body_path_watch("/nothing"), "missing")
    a.call("getData", body_path_watch("/nothing"), "missing")
    a.call("getACL", body_path("/nothing"), "missing")
    a.call("getChildren", body_path_watch("/nothing"), "missing")
    a.call("getChildren2", body_path_watch("/nothing"), "missing")
    a.call("getAllChildrenNumber", body_path("/nothing"), "missing")
    a.call("setACL", body_set_acl("/nothing", OPEN), "missing")
    a.call("sync", body_path("/nothing"), "sync of a missing path")


@section("children, their Stat, and the counts below a node", "default", "nodigest")
def children(rec):
    a = rec.connect("a")
    for path in ("/kids", "/kids/b", "/kids/a", "/kids/c", "/kids/c/d", "/kids/c/d/e", "/kids2"):
        a.call("create", body_create(path, b"x" * len(path)), f"create {path}")
    for path in ("/kids", "/kids/c", "/kids/a"):
        a.call("getChildren", body_path_watch(path), f"getChildren {path}")
        a.call("getChildren2", body_path_watch(path), f"getChildren2 {path}")
        a.call("getAllChildrenNumber", body_path(path), f"getAllChildrenNumber {path}")
    a.call("getAllChildrenNumber", body_path("/"), "below the root")
    a.call("delete", body_path_version("/kids/b"), "delete /kids/b")
    a.call("exists", body_path_watch("/kids"), "cversion and pzxid after a delete")
    a.call("setData", body_set_data("/kids/a", b"new"), "setData of a child")
    a.call("setACL", body_set_acl("/kids/a", OPEN), "setACL of a child")
    a.call("exists", body_path_watch("/kids"), "not changed by that")
    a.call("getChildren", body_path_watch("/kids"), "getChildren")
    a.call("getAllChildrenNumber", body_path("/kids"), "count")
    a.call("getAllChildrenNumber", body_path("/ki"), "a prefix that is no node")


@section("ephemerals: whose they are, and their end with the session", "default", "nodigest")
def ephemerals(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    a.call("create", body_create("/eph", b""), "create /eph")
    a.call("create", body_create("/ephx", b"", flags=EPHEMERAL), "create /ephx")
    for name in ("one", "two"):
        a.call("create2", body_create(f"/eph/{name}", b"a", flags=EPHEMERAL), f"a creates {name}")
    b.call("create2", body_create("/eph/b", b"b", flags=EPHEMERAL), "b creates b")
    b.call("create2", body_create("/eph/s-", b"b", flags=EPHEMERAL_SEQUENTIAL), "b creates s-")
    for prefix in ("/", "", "/eph", "/eph/", "/eph/o", "/nothing", " ", " / ", "eph", None):
        a.call("getEphemerals", string(prefix), f"getEphemerals {prefix!r}")
    b.call("getEphemerals", string("/"), "of b")
    b.call("exists", body_path_watch("/eph/one"), "owner of a's")
    b.call("delete", body_path_version("/eph/one"), "b deletes a's")
    a.call("getEphemerals", string("/eph"), "of a after that")
    a.close_session()
    b.call("getChildren2", body_path_watch("/eph"), "after a closed")
    b.call("exists", body_path_watch("/ephx"), "after a closed")
    b.close_session()
    c = rec.connect("c")
    c.call("getChildren2", body_path_watch("/eph"), "after b closed")
    c.call("getEphemerals", string("/"), "of c")


@section("deleteContainer, an internal operation, from a client", "default", "extended")
def delete_container(rec):
    a = rec.connect("a")
    a.call("createContainer", body_create("/box", b"", flags=CONTAINER), "container")
    a.call("create", body_create("/box/plain", b""), "plain")
    a.call("create", body_create("/box/e", b"", flags=EPHEMERAL), "ephemeral")
    a.call("deleteContainer", string("/box"), "not empty")
    a.call("deleteContainer", string("/box/plain"), "a plain node")
    a.call("deleteContainer", string("/box/e"), "an ephemeral")
    a.call("deleteContainer", string("/box/none"), "missing")
    a.call("deleteContainer", string("/"), "the root")
    a.call("deleteContainer", string(""), "empty path")
    a.call("deleteContainer", string(None), "null path")
    a.call("deleteContainer", string("/zookeeper"), "special")
    a.call("delete", body_path_version("/box/e"), "delete the ephemeral")
    a.call("delete", body_path_version("/box/plain"), "delete the plain one if it is there")
    a.call("deleteContainer", string("/box"), "empty")
    a.call("exists", body_path_watch("/box"), "is it gone")


@section("several requests in one write, answered in order")
def pipelined(rec):
    a = rec.connect("a")
    a.pipeline([
        ("create", body_create("/pipe", b"")),
        ("create2", body_create("/pipe/a", b"1")),
        ("create", body_create("/pipe/s-", b"", flags=SEQUENTIAL)),
        ("setData", body_set_data("/pipe/a", b"2", 0)),
        ("setData", body_set_data("/pipe/a", b"3", 0)),
        ("getData", body_path_watch("/pipe/a", True)),
        ("setData", body_set_data("/pipe/a", b"4", 1)),
        ("exists", body_path_watch("/pipe/none", True)),
        ("create", body_create("/pipe/none", b"")),
        ("delete", body_path_version("/pipe/none")),
        ("delete", body_path_version("/pipe")),
        ("getChildren2", body_path_watch("/pipe", True)),
        ("delete", body_path_version("/pipe/a")),
        ("sync", body_path("/pipe")),
        ("getChildren", body_path_watch("/pipe")),
        ("create", body_create("/nope/x", b"")),
        ("create", body_create("/pipe/s-", b"", flags=SEQUENTIAL)),
        ("getChildren2", body_path_watch("/pipe")),
    ], "eighteen requests at once")
    a.pipeline([("create", body_create("/pipe/many-", b"%d" % n, flags=SEQUENTIAL))
                for n in range(40)], "forty sequential creates at once")
    a.pipeline([("getData", body_path_watch("/pipe")), ("closeSession", b"")], "close behind a read")
    a.expect_close()
