"""Bodies that are not what their operation says: cut, too long, with lengths that lie; limits."""

from .script import section
from .wire import (ALL, OPEN, SEQUENTIAL, acl_vector, body_auth, body_create, body_create_ttl, body_multi,
                   body_path, body_path_version, body_path_watch, body_reconfig, body_set_acl,
                   body_set_data, body_set_watches, buf, i32, i64, string)

GOOD = (
    ("create", body_create("/bytes/c", b"data")), ("create2", body_create("/bytes/c2", b"data")),
    ("createContainer", body_create("/bytes/cc", b"data", flags=4)),
    ("createTTL", body_create_ttl("/bytes/ct", b"data")),
    ("delete", body_path_version("/bytes/none")), ("exists", body_path_watch("/bytes")),
    ("getData", body_path_watch("/bytes")), ("setData", body_set_data("/bytes", b"data")),
    ("getACL", body_path("/bytes")), ("setACL", body_set_acl("/bytes", OPEN)),
    ("getChildren", body_path_watch("/bytes")), ("getChildren2", body_path_watch("/bytes")),
    ("sync", body_path("/bytes")), ("multi", body_multi([("check", body_path_version("/bytes"))])),
    ("multiRead", body_multi([("getData", body_path_watch("/bytes"))])),
    ("reconfig", body_reconfig(leaving="1")), ("checkWatches", string("/bytes") + i32(3)),
    ("removeWatches", string("/bytes") + i32(3)), ("deleteContainer", string("/bytes/none")),
    ("setWatches", body_set_watches(0, ["/bytes"], ["/bytes/n"], ["/bytes"])),
    ("setWatches2", body_set_watches(0, ["/bytes"], (), (), ["/bytes"], ["/bytes"])),
    ("addWatch", string("/bytes") + i32(0)), ("getEphemerals", string("/bytes")),
    ("getAllChildrenNumber", body_path("/bytes")), ("sasl", buf(b"token")),
    ("auth", body_auth("digest", b"a:b")),
)


@section("every operation's body: empty, cut, with bytes too many, with a lying length",
         "default", "nodigest")
def malformed_bodies(rec):
    a = rec.connect("a")
    a.call("create", body_create("/bytes", b""), "create /bytes")
    for kind, body in GOOD:
        for name, bad in (("empty", b""), ("one byte", body[:1]), ("its first half", body[:len(body) // 2]),
                          ("all but one byte", body[:-1]), ("four bytes more", body + b"more")):
            a = rec.again(a)
            a.call(kind, bad, f"{kind} {name}")
        for name, length in (("-1", -1), ("-2", -2), ("most negative", -0x80000000), ("half a GiB", 1 << 29),
                             ("most positive", 0x7FFFFFFF), ("one MiB", 1 << 20), ("too long by one", 7)):
            if kind in ("setWatches", "setWatches2", "multi", "multiRead", "auth"):
                continue
            a = rec.again(a)
            a.call(kind, i32(length) + body[4:], f"{kind} whose first length is {name}")
    a = rec.again(a)
    a.call("exists", body_path_watch("/bytes"), "the server is well")


@section("lying lengths inside: data, ACL vectors, their strings, lists of watches")
def malformed_inside(rec):
    a = rec.connect("a")
    path = string("/bytes/in")
    lengths = (-2, -0x80000000, 5, 1 << 20, 0x0FFFFF, 0x100000 + 1023, 0x7FFFFFFF)
    for length in lengths:
        a = rec.again(a)
        a.call("create", path + i32(length) + b"data" + acl_vector(OPEN) + i32(0), f"data of {length}")
        a.call("setData", string("/bytes") + i32(length) + b"data", f"setData of {length}")
    for count in (-2, -1, 0, 2, 1000, 0x7FFFFFFF, -0x80000000):
        a = rec.again(a)
        a.call("create", path + buf(b"") + i32(count) + acl_vector(OPEN)[4:] + i32(0), f"{count} ACLs")
        a.call("setACL", string("/bytes") + i32(count) + acl_vector(OPEN)[4:] + i32(-1), f"setACL {count} ACLs")
        a.call("setWatches", i64(0) + i32(count) + string("/bytes"), f"{count} data watches", xid=-8)
        a.ping()
    for length in lengths:
        a = rec.again(a)
        a.call("create", path + buf(b"") + i32(1) + i32(ALL) + i32(length) + b"world" + string("anyone") + i32(0),
               f"scheme of {length}")
        a.call("getEphemerals", i32(length) + b"/", f"prefix of {length}")
        a.call("auth", i32(0) + i32(length) + b"digest" + buf(b"a:b"), f"auth scheme of {length}", xid=-4)
        a = rec.again(a)
        a.call("auth", i32(0) + string("digest") + i32(length) + b"a:b", f"auth of {length}", xid=-4)
    a = rec.again(a)
    for value in (2, 0x80, 0xFF):
        a.call("exists", string("/bytes") + bytes([value]), f"watch byte {value}")
        a.call("setData", body_set_data("/bytes", b""), "did it set a watch")


@section("sizes around jute.maxbuffer, 1 MiB less one")
def limits(rec):
    limit = 0xFFFFF
    a = rec.connect("a")
    a.call("create", body_create("/big", b""), "create /big")
    overhead = 8 + len(body_set_data("/big", b""))
    for size in (limit - overhead - 1, limit - overhead, limit - overhead + 1, limit - overhead + 2, limit):
        a = rec.again(a)
        a.call("setData", body_set_data("/big", b"x" * size), f"a frame of {size + overhead} bytes")
    a = rec.again(a)
    a.call("getData", body_path_watch("/big"), "read it")
    b = rec.connect("b")
    for number in range(3):
        b.call("create", body_create(f"/big/{number}-" + "n" * 500000, b""), "a child with a long name")
    b.call("getChildren", body_path_watch("/big"), "an answer over the limit")
    b.call("multiRead", body_multi([("getData", body_path_watch("/big"))] * 3), "and another")
    b.call("getData", body_path_watch("/big"), "the connection lives")


@section("sizes around a small jute.maxbuffer", "small")
def limits_small(rec):
    limit = 2048
    a = rec.connect("a")
    a.call("create", body_create("/small", b""), "create /small")
    overhead = 8 + len(body_set_data("/small", b""))
    for size in (100, limit - overhead - 1, limit - overhead, limit - overhead + 1, limit, 4000):
        a = rec.again(a)
        a.call("setData", body_set_data("/small", b"x" * size), f"a frame of {size + overhead} bytes")
    a = rec.again(a)
    a.call("getData", body_path_watch("/small"), "read it")
    for length in (2047, 2048, 2049, 3071, 3072, 3073, 4096, 4097):
        a = rec.again(a)
        a.call("setData", string("/small") + i32(length) + b"x", f"a length of {length}, cut")
        a.call("getData", i32(length) + b"x", f"a path of {length}, cut")
    conn = rec.raw("n")
    conn.bytes(i32(2049), "a frame of 2049 before the session")
    if conn.alive:
        conn.forget()
    for number in range(20):
        a.call("create", body_create(f"/small/{number}-" + "n" * 300, b"", flags=SEQUENTIAL), "long names")
    a.call("getChildren", body_path_watch("/small"), "an answer over the limit")
    a.call("getChildren2", body_path_watch("/small"), "an answer over the limit")
