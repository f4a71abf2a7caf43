"""Sessions: opening, resuming, closing; requests that belong to no moment."""

from .script import section
from .wire import (EPHEMERAL, PING_XID, body_create, body_path, body_path_watch, body_set_data,
                   buf, connect_request, i32, i64, string)


def open_and_close(rec, what, payload=None, **fields):
    conn = rec.raw("n")
    conn.connect(what, payload=payload, **fields)
    if conn.alive:
        conn.close_session()


@section("opening a session: times, the read-only byte, odd requests")
def session_open(rec):
    for timeout in (-1, 0, 1, 3999, 4000, 4001, 30000, 39999, 40000, 40001, 0x7FFFFFFF, -0x80000000):
        open_and_close(rec, "", timeout_ms=timeout)
    for read_only in (None, 0, 1):
        open_and_close(rec, "", read_only=read_only)
    for protocol in (0, 1, -1, 99):
        open_and_close(rec, "", protocol=protocol)
    for name, password in (("null", None), ("empty", b""), ("short", b"x"), ("long", b"x" * 40),
                           ("very long", b"x" * 4000)):
        open_and_close(rec, f"with a {name} password", password=password)
    good = connect_request()
    odd = (
        ("empty frame", b""), ("one byte", good[:1]), ("cut in the session id", good[:20]),
        ("no password", good[:24]), ("cut password", good[:40]), ("read-only byte 2", good + b"\x02"),
        ("read-only byte ff", good + b"\xff"), ("two bytes more", good + b"\x00\x00"),
        ("a hundred bytes more", good + bytes(100)),
        ("negative password length", good[:24] + i32(-2)), ("huge password length", good[:24] + i32(0x7FFFFFFF)),
        ("password length over the limit", good[:24] + i32(0x100000) + b"x"),
        ("negative zxid", connect_request(last_zxid_seen=-1)),
        ("most negative zxid", connect_request(last_zxid_seen=-(1 << 63))),
        ("zxid of the future", connect_request(last_zxid_seen=1 << 40)),
        ("most positive zxid", connect_request(last_zxid_seen=(1 << 63) - 1)),
        ("a request before the session", i32(1) + i32(11)),
        ("a getData before the session", i32(1) + i32(4) + body_path_watch("/")),
    )
    for name, payload in odd:
        open_and_close(rec, name, payload=payload)


@section("frames that are no frames, before and after the session")
def session_frames(rec):
    for name, data in (("length -1", i32(-1)), ("length most negative", i32(-0x80000000)),
                       ("length over the limit", i32(0x100000)), ("length huge", i32(0x7FFFFFFF)),
                       ("text", b"GET / HTTP/1.1\r\n\r\n"), ("a word that is none", b"nope"),
                       ("zeros", bytes(8))):
        conn = rec.raw("n")
        conn.bytes(data, f"before: {name}")
        if conn.alive:
            conn.forget()
    for name, data in (("length -1", i32(-1)), ("length over the limit", i32(0x100000)),
                       ("length huge", i32(0x7FFFFFFF)), ("a four-letter word", b"ruok"),
                       ("empty frame", i32(0)), ("one byte", i32(1) + b"x"),
                       ("seven bytes", i32(7) + b"1234567"), ("telnet's end", b"\xff\xf4\xff\xfd\x06")):
        conn = rec.connect("n")
        conn.bytes(data, f"after: {name}")
        if conn.alive:
            conn.forget()
    conn = rec.connect("n")
    ping = conn.conn.request_payload("ping", b"", PING_XID)
    conn.bytes(i32(len(ping)) + ping + i32(len(ping)) + ping, "two pings in one write")
    conn.expect_reply("the second answer")


@section("resuming a session: password, other connection, unknown session")
def session_resume(rec):
    a = rec.connect("a", timeout_ms=10000)
    a.call("create", body_create("/res", b"", flags=EPHEMERAL), "an ephemeral")
    fields = a.resume_fields()
    b = rec.connect("b", note="resumes a while a is there", timeout_ms=12000, **fields)
    a.begin("a was closed")
    a.expect_close()
    b.call("getEphemerals", string("/"), "the session's ephemerals")
    b.drop()
    rec.connect("c", note="resumes, wrong password", session_id=fields["session_id"], password=b"y" * 16)
    rec.connect("d", note="resumes, empty password", session_id=fields["session_id"], password=b"")
    rec.connect("e", note="resumes, null password", session_id=fields["session_id"], password=None)
    rec.connect("e2", note="resumes, 17 bytes", session_id=fields["session_id"],
                password=fields["password"] + b"x")
    f = rec.connect("f", note="resumes, right password, asks for read-only", read_only=1, **fields)
    f.call("exists", body_path_watch("/res"), "the ephemeral is there")
    rec.connect("g", note="wrong password while f is there", session_id=fields["session_id"],
                password=b"y" * 16)
    f.ping("f after that")
    for name, session_id in (("unknown session", 0x123456789), ("session -1", -1),
                             ("most negative session", -(1 << 63))):
        rec.connect("h", note=name, session_id=session_id, password=b"y" * 16)
    i = rec.connect("i", note="a password without a session", password=fields["password"])
    i.close_session()
    j = rec.connect("j", note="resumes, last zxid 1", last_zxid_seen=1, **fields)
    rec.connect("k", note="resumes, zxid of the future", last_zxid_seen=1 << 40, **fields)
    j.ping("j after that")
    j.close_session()
    rec.connect("m", note="resumes a closed session", **fields)
    n = rec.connect("n", read_only=0)
    n.call("exists", body_path_watch("/res"), "the ephemeral is gone")


@section("closing: in order, twice, with a body")
def session_close(rec):
    a = rec.connect("a")
    a.call("create", body_create("/cl", b"", flags=EPHEMERAL), "ephemeral")
    a.call("closeSession", b"", "closeSession")
    a.expect_close()
    b = rec.connect("b")
    b.call("exists", body_path_watch("/cl"), "gone")
    b.call("closeSession", b"some bytes", "closeSession with a body", xid=-11)
    b.expect_close()
    c = rec.connect("c")
    c.pipeline([("create", body_create("/cl", b"", flags=EPHEMERAL)), ("closeSession", b"")],
               "create and close in one write")
    c.expect_close()
    d = rec.connect("d")
    d.call("exists", body_path_watch("/cl"), "the ephemeral is gone")


@section("createSession and error, which no client sends; xids of every sort")
def session_odd(rec):
    a = rec.connect("a")
    a.call("createSession", b"", "createSession without a body")
    a.ping("after it")
    a.create_session(i32(20000), "createSession with a timeout")
    a.ping("after it")
    a.call("exists", body_path_watch("/"), "the session is as it was")
    b = rec.connect("b")
    b.call("error", b"", "operation -1")
    b.expect_close()
    for xid in (0, -3, -4, -8, 0x7FFFFFFF, -0x80000000, 5, 5, 4):
        a.call("exists", body_path_watch("/"), f"exists with xid {xid}", xid=xid)
    a.call("getData", body_path_watch("/"), "getData with the xid of ping", xid=PING_XID)
    a.call("ping", b"", "ping with xid 7: answered with another one", xid=7, answer_xid=PING_XID)
    a.ping("ping")
    a.call("ping", b"body", "ping with a body", xid=PING_XID)


@section("operations that are unknown, or not for clients: an error, then the close")
def unknown_operations(rec):
    for number in (0, 10, 13, 23, 24, 50, 99, 108, 200, 500, 501, 502, 503, 504, 505, 506, 507, 997, 998,
                   999, -2, -3, -12, 0x7FFFFFFF, -0x80000000):
        a = rec.connect("a")
        a.call(number, body_path_watch("/"), f"operation {number}")
        a.expect_close()
    a = rec.connect("a")
    a.call("check", string("/") + i32(0), "check outside a multi")
    a.expect_close()
    a = rec.connect("a")
    a.call("create", body_create("/unknown", b"", flags=EPHEMERAL), "an ephemeral")
    a.call(500, b"", "operation 500 without a body")
    a.expect_close()
    fields = a.resume_fields()
    a = rec.connect("a", note="resumes: the session was not closed", **fields)
    a.call("exists", body_path_watch("/unknown"), "its ephemeral is there")


@section("sync, whoAmI, and SASL where it is not configured")
def small_operations(rec):
    a = rec.connect("a")
    a.call("sync", body_path("/"), "sync /")
    a.call("sync", body_path("/zookeeper"), "sync /zookeeper")
    a.call("whoAmI", b"", "whoAmI")
    a.call("sasl", buf(b""), "sasl, empty token")
    a = rec.again(a)
    a.call("sasl", buf(None), "sasl, null token")
    a = rec.again(a)
    a.call("sasl", buf(b"token"), "sasl, a token")
    a = rec.again(a)
    a.call("sasl", b"", "sasl without a body")
    a = rec.again(a)
    a.call("exists", body_path_watch("/"), "after that")
