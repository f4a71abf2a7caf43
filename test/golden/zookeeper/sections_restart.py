"""The server ends and starts again, asked or killed: what everyone finds afterwards."""

from .script import section
from .wire import (ALL, CONTAINER, EPHEMERAL, SEQUENTIAL, SET_WATCHES_XID, TTL, body_create,
                   body_create_ttl, body_multi, body_path, body_path_version, body_path_watch,
                   body_set_acl, body_set_data, body_set_watches, string)


def look(conn, paths):
    for path in paths:
        conn.call("getData", body_path_watch(path), f"getData {path}")
        conn.call("getChildren2", body_path_watch(path), f"getChildren2 {path}")
        conn.call("getACL", body_path(path), f"getACL {path}")


def life(rec, how, top):
    a = rec.connect("a")
    b = rec.connect("b")
    for path, data in ((top, b"top"), (f"{top}/a", b"a"), (f"{top}/b", None), (f"{top}/c", b"")):
        a.call("create", body_create(path, data), f"create {path}")
    a.call("createContainer", body_create(f"{top}/box", b"", flags=CONTAINER), "container")
    a.call("createTTL", body_create_ttl(f"{top}/ttl", b"", flags=TTL, ttl=3600000), "ttl")
    a.call("create", body_create(f"{top}/e", b"", flags=EPHEMERAL), "ephemeral of a")
    b.call("create", body_create(f"{top}/eb", b"", flags=EPHEMERAL), "ephemeral of b")
    for _ in range(3):
        a.call("create", body_create(f"{top}/s-", b"", flags=SEQUENTIAL), "sequential")
    a.call("delete", body_path_version(f"{top}/s-0000000008"), "delete one of them")
    a.call("setData", body_set_data(f"{top}/a", b"new"), "setData")
    a.call("setACL", body_set_acl(f"{top}/a", [(ALL, "world", "anyone")]), "setACL")
    a.call("create", body_create(f"/zookeeper/quota{top}", b""), "quota node")
    a.call("create", body_create(f"/zookeeper/quota{top}/zookeeper_limits", b"count=50,bytes=500"), "limits")
    a.call("create", body_create(f"/zookeeper/quota{top}/zookeeper_stats", b"count=0,bytes=0"), "stats")
    a.call("create", body_create(f"{top}/counted", b"12345"), "counted")
    a.call("multi", body_multi([("create", body_create(f"{top}/m", b"")), ("setData", body_set_data(f"{top}/m", b"1")),
                                ("create", body_create(f"{top}/m/s-", b"", flags=SEQUENTIAL))]), "multi")
    a.call("multi", body_multi([("create", body_create(f"{top}/n", b"")), ("delete", body_path_version("/none"))]),
           "failed multi")
    a.call("getData", body_path_watch(f"{top}/a", True), "a watches data")
    a.call("getChildren", body_path_watch(f"{top}/m", True), "a watches children")
    a.call("exists", body_path_watch(f"{top}/none", True), "a watches a node to come")
    a.call("setData", body_set_data(f"{top}/a", b"never", 99), "the last transaction is an error")
    seen = a.conn.last_zxid
    a_fields, b_fields = a.resume_fields(), b.resume_fields()
    rec.restart(how)
    c = rec.connect("c")
    look(c, ("/", "/zookeeper", "/zookeeper/config", f"/zookeeper/quota{top}", f"/zookeeper/quota{top}/zookeeper_stats",
             top, f"{top}/a", f"{top}/b", f"{top}/c", f"{top}/box", f"{top}/ttl", f"{top}/e", f"{top}/m"))
    c.call("create", body_create(f"{top}/s-", b"", flags=SEQUENTIAL), "sequence numbers go on")
    c.call("setData", body_set_data(f"{top}/c", b"while a was away"), "c changes data")
    c.call("create", body_create(f"{top}/m/new", b""), "c adds a child")
    rec.connect("x", note="resumes a, wrong password", session_id=a_fields["session_id"], password=b"z" * 16)
    a = rec.connect("a", note="resumes", last_zxid_seen=seen, **a_fields)
    a.call("setWatches", body_set_watches(seen, [f"{top}/a", f"{top}/c"], [f"{top}/none"], [f"{top}/m"]),
           "sets its watches again", xid=SET_WATCHES_XID)
    a.call("getEphemerals", string("/"), "its ephemerals")
    c.call("create", body_create(f"{top}/none", b""), "c creates what a waits for")
    c.call("setData", body_set_data(f"{top}/a", b"last"), "c changes what a watches")
    a.ping("events")
    a.close_session()
    c.call("getChildren2", body_path_watch(top), "a's ephemerals are gone, b's is there")
    b = rec.connect("b", note="resumes", read_only=0, **b_fields)
    b.close_session()
    c.call("getChildren2", body_path_watch(top), "b's is gone")
    c.call("getData", body_path_watch(f"/zookeeper/quota{top}/zookeeper_stats"), "what the quota counted")


@section("asked to end, and started again", "restart")
def restart_stopped(rec):
    life(rec, "stop", "/stopped")


@section("killed, and started again", "restart")
def restart_killed(rec):
    life(rec, "kill", "/killed")


@section("twice in a row, with nothing between", "restart")
def restart_twice(rec):
    rec.restart("kill")
    rec.restart("stop")
    a = rec.connect("a")
    look(a, ("/", "/stopped", "/killed"))


@section("each address may hold two connections", "limited")
def connection_limit(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    for name in ("c", "d"):
        conn = rec.raw(name)
        conn.begin("is one too many")
        conn.expect_close()
    a.ping()
    b.close_session()
    e = rec.connect("e")
    e.ping()
