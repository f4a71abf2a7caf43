"""What the server does by its own clock: sessions expire, containers and nodes with a time to live go.

Each of these takes a zxid at a moment that nobody chooses, so each is waited for alone.
"""

from .script import section
from .wire import (CONTAINER, EPHEMERAL, TTL, TTL_SEQUENTIAL, body_create, body_create_ttl,
                   body_path_version, body_path_watch, body_set_data, i32, string)


@section("a session that falls silent expires: its ephemerals go, watches fire", "quick")
def expiry(rec):
    b = rec.connect("b", timeout_ms=60000)
    watcher = rec.connect("w", timeout_ms=60000)
    a = rec.connect("a", timeout_ms=2000)
    a.call("create", body_create("/x", b""), "create /x")
    a.call("create", body_create("/x/e", b"", flags=EPHEMERAL), "an ephemeral")
    fields = a.resume_fields()
    watcher.call("exists", body_path_watch("/x/e", True), "w watches it")
    watcher.call("getChildren", body_path_watch("/x", True), "and its parent")
    a.begin("is silent until the server closes its connection")
    a.expect_close()
    b.wait_gone("/x/e")
    watcher.ping("events")
    b.call("getChildren2", body_path_watch("/x"), "after the expiry")
    rec.connect("c", note="resumes the expired session", timeout_ms=2000, **fields)
    a = rec.connect("a", timeout_ms=2000)
    a.call("create", body_create("/x/e2", b"", flags=EPHEMERAL), "an ephemeral")
    a.drop()
    b.wait_gone("/x/e2")
    b.call("getChildren2", body_path_watch("/x"), "after the expiry of a dropped session")


@section("a container whose last child is gone is removed", "quick")
def container_removal(rec):
    a = rec.connect("a", timeout_ms=60000)
    b = rec.connect("b", timeout_ms=60000)
    a.call("createContainer", body_create("/box", b"", flags=CONTAINER), "container")
    a.call("create", body_create("/box/child", b""), "child")
    a.call("addWatch", string("/box") + i32(1), "a watches")
    a.call("delete", body_path_version("/box/child"), "delete the child")
    b.wait_gone("/box")
    a.ping("events")
    a.call("exists", body_path_watch("/box"), "gone")


@section("a node with a time to live is removed when it is over, if it has no children", "quick")
def ttl_removal(rec):
    a = rec.connect("a", timeout_ms=60000)
    b = rec.connect("b", timeout_ms=60000)
    a.call("exists", body_path_watch("/ttl", True), "a watches")
    a.call("createTTL", body_create_ttl("/ttl", b"x", flags=TTL, ttl=300), "ttl of 300 ms")
    b.wait_gone("/ttl")
    a.call("exists", body_path_watch("/ttl"), "gone; the watch was for its creation")
    a.call("createTTL", body_create_ttl("/ttl", b"x", flags=TTL, ttl=2000), "ttl of 2 s")
    a.call("create", body_create("/ttl/child", b""), "child")
    a.call("setData", body_set_data("/ttl", b"y"), "setData")
    a.call("delete", body_path_version("/ttl/child"), "delete the child")
    b.wait_gone("/ttl")
    a.call("createTTL", body_create_ttl("/ttls-", b"x", flags=TTL_SEQUENTIAL, ttl=300), "sequential")
    b.wait_gone("/ttls-0000000003")
    a.call("getChildren2", body_path_watch("/"), "the root")
