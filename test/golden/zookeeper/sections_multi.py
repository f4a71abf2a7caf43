"""multi and multiRead in every shape."""

from .script import section
from .wire import (CONTAINER, EPHEMERAL, EPHEMERAL_SEQUENTIAL, SEQUENTIAL, TTL, body_create,
                   body_create_ttl, body_multi, body_path, body_path_version, body_path_watch,
                   body_set_acl, body_set_data, boolean, i32, multi_header, string)


def multi(conn, operations, what, kind="multi"):
    conn.call(kind, body_multi(operations), what)


@section("multi: all succeed", "default", "extended", "nodigest")
def multi_good(rec):
    a = rec.connect("a")
    a.call("create", body_create("/m", b""), "create /m")
    multi(a, [], "empty")
    multi(a, [("create", body_create("/m/a", b"1"))], "one create")
    multi(a, [("create2", body_create("/m/b", b"2"))], "one create2")
    multi(a, [("createContainer", body_create("/m/c", b"3", flags=CONTAINER))], "one container")
    multi(a, [("createTTL", body_create_ttl("/m/t", b"4", ttl=100000))], "one ttl")
    multi(a, [("check", body_path_version("/m/a", 0))], "one check")
    multi(a, [("setData", body_set_data("/m/a", b"11", 0))], "one setData")
    multi(a, [("delete", body_path_version("/m/b", 0))], "one delete")
    multi(a, [
        ("create", body_create("/m/x", b"x")), ("create2", body_create("/m/x/y", b"y")),
        ("check", body_path_version("/m/x", 0)), ("setData", body_set_data("/m/x", b"x2", 0)),
        ("check", body_path_version("/m/x", 1)), ("setData", body_set_data("/m/x", b"x3", 1)),
        ("create", body_create("/m/e", b"e", flags=EPHEMERAL)),
        ("delete", body_path_version("/m/x/y", 0)), ("delete", body_path_version("/m/x", 2)),
    ], "all kinds, each on what the former did")
    multi(a, [
        ("create", body_create("/m/s", b"")),
        ("create", body_create("/m/s/n-", b"", flags=SEQUENTIAL)),
        ("create2", body_create("/m/s/n-", b"", flags=SEQUENTIAL)),
        ("create", body_create("/m/s/n-", b"", flags=EPHEMERAL_SEQUENTIAL)),
        ("create", body_create("/m/s/n-0000000002/deeper", b"")),
    ], "nested sequential; the last fails, below an ephemeral")
    multi(a, [
        ("create", body_create("/m/s", b"")),
        ("create", body_create("/m/s/n-", b"", flags=SEQUENTIAL)),
        ("create2", body_create("/m/s/n-", b"", flags=SEQUENTIAL)),
        ("create", body_create("/m/s/n-0000000001/deeper-", b"", flags=SEQUENTIAL)),
        ("create", body_create("/m/s/n-", b"", flags=EPHEMERAL_SEQUENTIAL)),
    ], "nested sequential")
    multi(a, [("create", body_create("/m/again", b"1")), ("delete", body_path_version("/m/again")),
              ("create", body_create("/m/again", b"2")),
              ("setData", body_set_data("/m/again", b"3", 0))], "create, delete, create one path")
    multi(a, [("delete", body_path_version("/m/again", 1)), ("create2", body_create("/m/again", b"")),
              ("delete", body_path_version("/m/again", 0))], "delete, create, delete one path")
    a.call("getChildren2", body_path_watch("/m"), "what is there")
    a.call("getChildren2", body_path_watch("/m/s"), "what is there")
    a.call("exists", body_path_watch("/m/a"), "Stat of /m/a")
    multi(a, [("setData", body_set_data("/m", b"%d" % n)) for n in range(100)], "a hundred")
    a.call("exists", body_path_watch("/m"), "Stat of /m")


@section("multi: the first, a middle one or the last fails; nothing happens", "default", "nodigest")
def multi_bad(rec):
    a = rec.connect("a")
    a.call("create", body_create("/mb", b""), "create /mb")
    a.call("create", body_create("/mb/e", b"", flags=EPHEMERAL), "create /mb/e")
    good = [("create", body_create("/mb/1", b"")), ("create2", body_create("/mb/2", b"")),
            ("setData", body_set_data("/mb", b"x"))]
    failing = (
        ("NODEEXISTS", ("create", body_create("/mb", b""))),
        ("NONODE create", ("create", body_create("/none/x", b""))),
        ("NONODE create2", ("create2", body_create("/none/x", b""))),
        ("NONODE container", ("createContainer", body_create("/none/x", b"", flags=CONTAINER))),
        ("NONODE delete", ("delete", body_path_version("/mb/none"))),
        ("NONODE setData", ("setData", body_set_data("/mb/none", b""))),
        ("NONODE check", ("check", body_path_version("/mb/none", 0))),
        ("BADVERSION delete", ("delete", body_path_version("/mb/e", 3))),
        ("BADVERSION setData", ("setData", body_set_data("/mb/e", b"", 3))),
        ("BADVERSION check", ("check", body_path_version("/mb/e", 3))),
        ("NOTEMPTY", ("delete", body_path_version("/mb"))),
        ("below an ephemeral", ("create", body_create("/mb/e/x", b""))),
        ("INVALIDACL", ("create", body_create("/mb/acl", b"", []))),
        ("NOAUTH", ("setData", body_set_data("/zookeeper/config", b""))),
        ("BADARGUMENTS path", ("create", body_create("/mb/\x01", b""))),
        ("BADARGUMENTS flags", ("create", body_create("/mb/f", b"", flags=9))),
        ("BADARGUMENTS delete", ("delete", body_path_version("/zookeeper"))),
        ("ttl", ("createTTL", body_create_ttl("/mb/ttl", b""))),
        ("ttl value", ("createTTL", body_create_ttl("/mb/ttl", b"", flags=TTL, ttl=0))),
    )
    for name, bad in failing:
        for place, operations in (("first", [bad] + good), ("middle", good[:2] + [bad] + good[2:]),
                                  ("last", good + [bad])):
            multi(a, operations, f"{name}, {place}")
    multi(a, [failing[0][1]], "alone")
    multi(a, [failing[0][1], failing[4][1]], "two that fail")
    multi(a, [("create", body_create("/mb/s-", b"", flags=SEQUENTIAL)),
              ("create", body_create("/mb", b""))], "sequential, then failure")
    a.call("create", body_create("/mb/s-", b"", flags=SEQUENTIAL), "the number was given back")
    a.call("getChildren2", body_path_watch("/mb"), "nothing else happened")
    a.pipeline([
        ("create", body_create("/mb/p", b"")),
        ("multi", body_multi([("create", body_create("/mb/p/s-", b"", flags=SEQUENTIAL)),
                              ("setData", body_set_data("/mb/p", b"1", 0)),
                              ("delete", body_path_version("/mb/none"))])),
        ("multi", body_multi([("create", body_create("/mb/p/s-", b"", flags=SEQUENTIAL)),
                              ("setData", body_set_data("/mb/p", b"1", 0))])),
        ("multi", body_multi([("create", body_create("/mb/p/s-", b"", flags=SEQUENTIAL)),
                              ("setData", body_set_data("/mb/p", b"2", 0))])),
        ("create", body_create("/mb/p/s-", b"", flags=SEQUENTIAL)),
        ("getData", body_path_watch("/mb/p")),
        ("getChildren2", body_path_watch("/mb/p")),
    ], "failures between pending changes")


@section("multi: bodies that are no list of operations")
def multi_malformed(rec):
    a = rec.connect("a")
    one = multi_header(1) + body_create("/mm", b"")
    end = multi_header(-1, True)
    cases = (
        ("no bytes", b""), ("cut header", b"\x00\x00"), ("no end", one), ("cut record", one[:-3] + end),
        ("cut end", one + end[:-1]), ("bytes after the end", one + end + b"more"),
        ("end of another type", one + multi_header(5, True)), ("end of error 0", multi_header(-1, True, 0)),
        ("done is 2", multi_header(-1) [:4] + b"\x02" + i32(-1)),
        ("header done with a type", multi_header(1, True)),
        ("error type", multi_header(-1, False) + i32(0) + end),
        ("exists", multi_header(3) + body_path_watch("/mm") + end),
        ("setACL", multi_header(7) + body_set_acl("/mm") + end),
        ("sync", multi_header(9) + body_path("/mm") + end),
        ("getACL", multi_header(6) + body_path("/mm") + end),
        ("getChildren2", multi_header(12) + body_path_watch("/mm") + end),
        ("multi in multi", multi_header(14) + one + end + end),
        ("auth", multi_header(100) + end), ("vendor 500", multi_header(500) + end),
        ("unknown type 99", multi_header(99) + end), ("deleteContainer", multi_header(20) + string("/mm") + end),
        ("closeSession", multi_header(-11) + end), ("ping", multi_header(11) + end),
        ("notification", multi_header(0) + end),
        ("null path", multi_header(1) + body_create(None) + end),
        ("null path delete", multi_header(2) + body_path_version(None) + end),
        ("good before unknown", one + multi_header(99) + end),
        ("read in multi", one + multi_header(4) + body_path_watch("/mm") + end),
        ("only reads in multi", multi_header(4) + body_path_watch("/") + end),
        ("getChildren in multi", multi_header(8) + body_path_watch("/") + end),
    )
    for name, body in cases:
        a = rec.again(a)
        a.call("multi", body, f"multi {name}")
    a = rec.again(a)
    a.call("exists", body_path_watch("/mm"), "nothing was made but by good ones")
    for name, body in cases:
        a = rec.again(a)
        a.call("multiRead", body, f"multiRead {name}")


@section("multiRead: each operation by itself", "default", "skipacl")
def multi_read(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    a.call("create", body_create("/mr", b"data"), "create /mr")
    a.call("create", body_create("/mr/a", b"aa"), "create /mr/a")
    a.call("create", body_create("/mr/secret", b"s", [(0, "world", "anyone")]), "secret")
    reads = [("getData", body_path_watch("/mr")), ("getChildren", body_path_watch("/mr")),
             ("getData", body_path_watch("/none")), ("getChildren", body_path_watch("/none")),
             ("getData", body_path_watch("/mr/secret")), ("getChildren", body_path_watch("/mr/secret")),
             ("getData", body_path_watch("")), ("getData", body_path_watch("bad")),
             ("getData", body_path_watch("/mr/a"))]
    multi(a, reads, "good and bad", "multiRead")
    multi(a, [], "empty", "multiRead")
    multi(a, reads[:1], "one good", "multiRead")
    multi(a, reads[2:3], "one bad", "multiRead")
    multi(a, [("getData", body_path_watch(None))], "null path", "multiRead")
    multi(a, [("create", body_create("/mr/x"))], "a create", "multiRead")
    multi(a, [("check", body_path_version("/mr", 0))], "a check", "multiRead")
    multi(a, reads[:1] + [("create", body_create("/mr/x"))], "mixed", "multiRead")
    multi(a, [("getData", string("/mr") + boolean(True)),
              ("getChildren", string("/mr") + boolean(True)),
              ("getData", string("/none") + boolean(True))], "with watches", "multiRead")
    b.call("setData", body_set_data("/mr", b"2"), "b changes the data")
    b.call("create", body_create("/mr/new"), "b adds a child")
    b.call("create", body_create("/none"), "b creates what was missing")
    a.ping("events at a")
    multi(a, reads[:1] * 50, "fifty", "multiRead")
