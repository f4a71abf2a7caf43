"""Watches: every kind, every event, their order, and how they are set again and removed."""

from .script import section
from .wire import (EPHEMERAL, OPEN, READ, SEQUENTIAL, SET_WATCHES_XID, body_create, body_multi,
                   body_path_version, body_path_watch, body_set_acl, body_set_data,
                   body_set_watches, i32, string)

CHILDREN, DATA, ANY, PERSISTENT, RECURSIVE = 1, 2, 3, 4, 5


def add_watch(conn, path, mode, what):
    conn.call("addWatch", string(path) + i32(mode), what)


def check(conn, path, kind, what):
    conn.call("checkWatches", string(path) + i32(kind), f"checkWatches {what}")


def remove(conn, path, kind, what):
    conn.call("removeWatches", string(path) + i32(kind), f"removeWatches {what}")


@section("one-shot watches: each way to set one, each event", "default", "nodigest", "skipacl")
def watch_once(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/w", b""), "b creates /w")
    a.call("getData", body_path_watch("/w", True), "getData with watch")
    b.call("setData", body_set_data("/w", b"1"), "b sets data")
    a.ping("a: NodeDataChanged")
    b.call("setData", body_set_data("/w", b"2"), "b sets data again")
    a.ping("a: nothing, it was one-shot")
    a.call("exists", body_path_watch("/w", True), "exists with watch")
    b.call("create", body_create("/w/c", b""), "a child is no change of data")
    a.ping("a: nothing")
    b.call("setData", body_set_data("/w", b"3"), "b sets data")
    a.ping("a: NodeDataChanged")
    a.call("exists", body_path_watch("/w/n", True), "exists of a missing node")
    b.call("create", body_create("/w/n", b""), "b creates it")
    a.ping("a: NodeCreated")
    a.call("getChildren", body_path_watch("/w", True), "getChildren with watch")
    b.call("setData", body_set_data("/w/n", b"1"), "data of a child is no change of children")
    a.ping("a: nothing")
    b.call("delete", body_path_version("/w/n"), "b deletes the child")
    a.ping("a: NodeChildrenChanged")
    a.call("getChildren2", body_path_watch("/w", True), "getChildren2 with watch")
    b.call("create", body_create("/w/n", b""), "b creates the child")
    a.ping("a: NodeChildrenChanged")
    a.call("getData", body_path_watch("/w/n", True), "data watch on the child")
    a.call("getChildren", body_path_watch("/w/n", True), "child watch on the child")
    a.call("getChildren", body_path_watch("/w", True), "child watch on the parent")
    b.call("delete", body_path_version("/w/n"), "b deletes the child")
    a.ping("a: NodeDeleted once, then NodeChildrenChanged")
    a.call("getChildren", body_path_watch("/w/c", True), "child watch alone")
    b.call("delete", body_path_version("/w/c"), "b deletes it")
    a.ping("a: NodeDeleted from the child watch")
    a.call("getData", body_path_watch("/w/none", True), "getData of a missing node with watch")
    a.call("getChildren", body_path_watch("/w/none", True), "getChildren of a missing node")
    b.call("create", body_create("/w/none", b""), "b creates it")
    a.ping("a: nothing")
    a.call("getData", body_path_watch("/w/none", True), "watch")
    b.call("setACL", body_set_acl("/w/none", OPEN), "setACL fires nothing")
    a.ping("a: nothing")
    a.call("setData", body_set_data("/w/none", b"x"), "a changes what it watches: event first")
    a.call("getData", body_path_watch("/w/none", True), "two watches on one path")
    a.call("exists", body_path_watch("/w/none", True), "are one")
    a.call("delete", body_path_version("/w/none"), "a deletes it")
    a.call("exists", body_path_watch("/w/s-0000000003", True), "watch on a name to come")
    b.call("create", body_create("/w/s-", b"", flags=SEQUENTIAL), "b creates a sequential one")
    a.ping("a: NodeCreated if the number was right")
    b.call("setData", body_set_data("/w", b"", 77), "a failed write")
    a.ping("a: nothing")


@section("watches and multi: events in the order of the operations")
def watch_multi(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wm", b""), "create /wm")
    b.call("create", body_create("/wm/a", b""), "create /wm/a")
    a.call("getData", body_path_watch("/wm/a", True), "data of a")
    a.call("getChildren", body_path_watch("/wm", True), "children")
    a.call("exists", body_path_watch("/wm/b", True), "b to come")
    b.call("multi", body_multi([
        ("setData", body_set_data("/wm/a", b"1")), ("create", body_create("/wm/b", b"")),
        ("setData", body_set_data("/wm/b", b"1")), ("delete", body_path_version("/wm/a")),
        ("delete", body_path_version("/wm/b"))]), "set a, create b, set b, delete both")
    a.ping("a: what came")
    a.call("exists", body_path_watch("/wm/a", True), "watch")
    b.call("multi", body_multi([("create", body_create("/wm/a", b"")),
                                ("check", body_path_version("/wm/none", 0))]), "a failed multi")
    a.ping("a: nothing")
    add_watch(a, "/wm", 1, "recursive")
    b.call("multi", body_multi([
        ("create", body_create("/wm/x", b"")), ("create", body_create("/wm/x/y", b"")),
        ("setData", body_set_data("/wm/x", b"1")), ("delete", body_path_version("/wm/x/y")),
        ("delete", body_path_version("/wm/x")), ("create", body_create("/wm/a", b""))]), "six changes")
    a.ping("a: all of them")
    a.call("multi", body_multi([("setData", body_set_data("/wm/a", b"2")),
                                ("setData", body_set_data("/wm", b"2"))]), "a's own multi")


@section("persistent watches, plain and recursive", "default", "nodigest")
def watch_persistent(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wp", b""), "create /wp")
    add_watch(a, "/wp", 0, "persistent")
    for number in range(2):
        b.call("setData", body_set_data("/wp", b"%d" % number), "set data")
        b.call("create", body_create("/wp/c", b""), "create a child")
        b.call("setData", body_set_data("/wp/c", b"1"), "set the child's data")
        b.call("create", body_create("/wp/c/d", b""), "create a grandchild")
        b.call("delete", body_path_version("/wp/c/d"), "delete the grandchild")
        b.call("delete", body_path_version("/wp/c"), "delete the child")
        a.ping("a: events of a persistent watch")
    b.call("delete", body_path_version("/wp"), "delete the node")
    b.call("create", body_create("/wp", b""), "create it again")
    a.ping("a: it outlives the node")
    add_watch(a, "/wp", 1, "recursive on the same path")
    b.call("setData", body_set_data("/wp", b"x"), "set data")
    b.call("create", body_create("/wp/c", b""), "create a child")
    b.call("create", body_create("/wp/c/d", b""), "create a grandchild")
    b.call("setData", body_set_data("/wp/c/d", b"x"), "set the grandchild's data")
    a.ping("a: events of both")
    a.call("getData", body_path_watch("/wp/c", True), "a one-shot below")
    a.call("getChildren", body_path_watch("/wp/c", True), "and one for children")
    b.call("setData", body_set_data("/wp/c", b"y"), "set data")
    b.call("delete", body_path_version("/wp/c/d"), "delete the grandchild")
    b.call("delete", body_path_version("/wp/c"), "delete the child")
    a.ping("a: once for each change")
    add_watch(a, "/", 1, "recursive on the root")
    b.call("create", body_create("/wpx", b""), "create elsewhere")
    b.call("delete", body_path_version("/wpx"), "and delete")
    b.call("setData", body_set_data("/wp", b"z"), "below two recursive ones")
    a.ping("a: from the root's watch")
    c = rec.connect("c")
    c.call("create", body_create("/wp/e", b"", flags=EPHEMERAL), "c creates an ephemeral")
    c.close_session()
    a.ping("a: its end with the session")
    for mode in (2, 3, -1, 0x7FFFFFFF):
        add_watch(a, "/wp", mode, f"addWatch of mode {mode}")
    a = rec.again(a)
    add_watch(a, "/missing", 0, "persistent on a missing node")
    add_watch(a, "/missing/too", 1, "recursive on a missing node")
    b.call("create", body_create("/missing", b""), "create")
    b.call("create", body_create("/missing/too", b""), "create")
    b.call("create", body_create("/missing/too/x", b""), "create")
    a.ping("a: events")


@section("a recursive watch and plain ones on one path: what each brings")
def watch_mixed(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wx", b""), "create /wx")
    add_watch(a, "/wx", 1, "recursive")
    a.call("getData", body_path_watch("/wx", True), "one-shot data")
    a.call("getChildren", body_path_watch("/wx", True), "one-shot children")
    for number in range(2):
        b.call("setData", body_set_data("/wx", b"%d" % number), "set data")
        b.call("create", body_create(f"/wx/{number}", b""), "create a child")
        a.ping(f"a: round {number}")
    a.call("getData", body_path_watch("/wx", True), "one-shot data")
    a.call("getChildren", body_path_watch("/wx", True), "one-shot children")
    add_watch(a, "/wx", 0, "persistent over recursive and one-shot")
    b.call("create", body_create("/wx/2", b""), "create a child")
    b.call("setData", body_set_data("/wx", b"2"), "set data")
    a.ping("a: events")
    remove(a, "/wx", RECURSIVE, "recursive")
    b.call("create", body_create("/wx/2/x", b""), "create a grandchild")
    b.call("create", body_create("/wx/3", b""), "create a child")
    a.ping("a: the persistent one alone")
    remove(a, "/wx", PERSISTENT, "persistent")
    b.call("create", body_create("/wx/4", b""), "create a child")
    a.ping("a: nothing")


@section("checkWatches and removeWatches: every type over every watch")
def watch_remove(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wr", b""), "create /wr")
    setters = (
        ("no watch", lambda: None),
        ("data", lambda: a.call("getData", body_path_watch("/wr", True), "set data watch")),
        ("child", lambda: a.call("getChildren", body_path_watch("/wr", True), "set child watch")),
        ("exists", lambda: a.call("exists", body_path_watch("/wr/none", True), "set exists watch")),
        ("persistent", lambda: add_watch(a, "/wr", 0, "add persistent")),
        ("recursive", lambda: add_watch(a, "/wr", 1, "add recursive")),
    )
    for name, setter in setters:
        path = "/wr/none" if name == "exists" else "/wr"
        for kind in (CHILDREN, DATA, ANY, PERSISTENT, RECURSIVE):
            setter()
            check(a, path, kind, f"type {kind} over {name}")
            remove(a, path, kind, f"type {kind} over {name}")
            check(a, path, ANY, f"any is left after {kind} over {name}")
            remove(a, path, ANY, f"any after {kind} over {name}")
    for kind in (0, 6, -1, 99):
        check(a, "/wr", kind, f"unknown type {kind}")
        a = rec.again(a)
        remove(a, "/wr", kind, f"unknown type {kind}")
        a = rec.again(a)
    a.call("getData", body_path_watch("/wr", True), "data watch of a")
    b.call("removeWatches", string("/wr") + i32(ANY), "b has none")
    b.call("getData", body_path_watch("/wr", True), "data watch of b")
    remove(a, "/wr", DATA, "a's own")
    a.call("setData", body_set_data("/wr", b"1"), "set data")
    b.ping("b's is still there")
    a.call("getData", body_path_watch("/wr", True), "data watch")
    a.call("getChildren", body_path_watch("/wr", True), "child watch")
    add_watch(a, "/wr", 0, "persistent")
    remove(a, "/wr", DATA, "data of three")
    b.call("setData", body_set_data("/wr", b"2"), "set data")
    b.call("create", body_create("/wr/x", b""), "create a child")
    a.ping("a: what is left")
    remove(a, "/wr", PERSISTENT, "persistent")
    remove(a, "/wr", ANY, "any")


@section("setWatches and setWatches2: what is missed is told at once", "default", "nodigest")
def watch_set(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    for path in ("/ws", "/ws/a", "/ws/b", "/ws/c"):
        b.call("create", body_create(path, b""), f"create {path}")
    b.call("setData", body_set_data("/ws/a", b"1"), "set a")
    b.call("create", body_create("/ws/b/x", b""), "child of b")
    b.call("delete", body_path_version("/ws/c"), "delete c")

    def set_watches(what, *args, xid=SET_WATCHES_XID, **kwargs):
        kind = "setWatches2" if "persistent" in kwargs else "setWatches"
        a.call(kind, body_set_watches(*args, **kwargs), what, xid=xid)
        a.ping()

    set_watches("nothing", 0)
    set_watches("data, far in the past", 0, ["/ws/a", "/ws/b", "/ws/c", "/ws/none"])
    set_watches("data, far in the future", 1 << 40, ["/ws/a", "/ws/b", "/ws/c"])
    b.call("setData", body_set_data("/ws/a", b"2"), "set a")
    a.ping("a: it was set")
    set_watches("exist", 1 << 40, (), ["/ws/a", "/ws/c", "/ws/none"])
    b.call("create", body_create("/ws/none", b""), "create none")
    a.ping("a: it was set")
    set_watches("children, past", 0, (), (), ["/ws", "/ws/b", "/ws/c"])
    set_watches("children, future", 1 << 40, (), (), ["/ws", "/ws/b", "/ws/c"])
    b.call("delete", body_path_version("/ws/b/x"), "delete b/x")
    a.ping("a: it was set")
    set_watches("all three, some missed", 5, ["/ws/a"], ["/ws/a", "/ws/q"], ["/ws/b"])
    set_watches("ordinary xid", 1 << 40, ["/ws/a"], xid=4242)
    set_watches("one path in all lists", 0, ["/ws/a"], ["/ws/a"], ["/ws/a"])
    set_watches("strange paths", 0, ["", "bad", "/ws/"], ["", "bad"], ["", "bad"])
    a.call("setWatches", i32(0) * 2 + i32(-1) * 3, "null vectors", xid=SET_WATCHES_XID)
    a = rec.again(a)
    a.call("setWatches2", i32(0) * 2 + i32(-1) * 5, "null vectors", xid=SET_WATCHES_XID)
    a = rec.again(a)
    set_watches("setWatches2 with nothing", 0, persistent=[])
    set_watches("persistent and recursive", 0, persistent=["/ws/a"], recursive=["/ws/b"])
    b.call("setData", body_set_data("/ws/a", b"3"), "set a")
    b.call("create", body_create("/ws/b/y", b""), "create b/y")
    b.call("setData", body_set_data("/ws/b/y", b"1"), "set b/y")
    a.ping("a: both are there")
    check(a, "/ws/a", PERSISTENT, "persistent")
    check(a, "/ws/b", RECURSIVE, "recursive")
    set_watches("all five", 0, ["/ws/a"], ["/ws/q"], ["/ws/b"], persistent=["/ws/gone"],
                recursive=["/"])
    set_watches("many", 1 << 40, [f"/ws/many{n}" for n in range(50)])
    a.call("setWatches", body_set_watches(0)[:9], "cut", xid=SET_WATCHES_XID)
    a = rec.again(a)
    a.call("setWatches2", body_set_watches(0), "lists missing", xid=SET_WATCHES_XID)


@section("events go only to those who may read", "default", "skipacl")
def watch_acl(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wa", b""), "create /wa")
    add_watch(a, "/wa", 1, "recursive")
    closed = [(31 & ~READ, "world", "anyone")]
    b.call("create", body_create("/wa/secret", b"", closed), "a node nobody may read")
    a.ping("a: of its creation")
    b.call("setData", body_set_data("/wa/secret", b"1"), "set its data")
    a.ping("a: of its data")
    b.call("delete", body_path_version("/wa/secret"), "delete it")
    a.ping("a: of its deletion")
    b.call("create", body_create("/wa/open", b""), "an open one")
    a.call("getData", body_path_watch("/wa/open", True), "a watches")
    b.call("setACL", body_set_acl("/wa/open", closed), "close it")
    b.call("setData", body_set_data("/wa/open", b"2"), "set its data")
    a.ping("a: nothing?")
    b.call("setACL", body_set_acl("/wa/open", OPEN), "open it")
    b.call("setData", body_set_data("/wa/open", b"3"), "set its data")
    a.ping("a: is the one-shot still there?")
    a.call("getChildren", body_path_watch("/wa", True), "children of the parent")
    b.call("setACL", body_set_acl("/wa", closed), "close the parent")
    b.call("create", body_create("/wa/child", b""), "create a child")
    a.ping("a: of children")
    b.call("delete", body_path_version("/wa/child"), "delete the child")
    a.ping("a: of deletion")
    a.call("setWatches", body_set_watches(0, ["/wa/open", "/wa"], (), ["/wa"]), "setWatches on a closed node",
           xid=SET_WATCHES_XID)
    a.ping()
    add_watch(a, "/wa", 0, "addWatch needs no permission")
    a.call("exists", body_path_watch("/wa/late", True), "exists of a node to come")
    b.call("create", body_create("/wa/late", b"", closed), "it comes closed")
    a.ping("a: of its creation")


@section("watches end with the connection, and with a reconnect")
def watch_reconnect(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    b.call("create", body_create("/wc", b""), "create /wc")
    a.call("getData", body_path_watch("/wc", True), "a watches")
    add_watch(a, "/wc", 0, "and persistently")
    fields = a.resume_fields()
    a.drop()
    again = rec.connect("a2", note="resumes a", **fields)
    b.call("setData", body_set_data("/wc", b"1"), "set data")
    again.ping("nothing: watches belong to a connection")
    check(again, "/wc", ANY, "none left")
    again.call("getData", body_path_watch("/wc", True), "a new watch")
    b.call("setData", body_set_data("/wc", b"2"), "set data")
    again.ping("the event")
