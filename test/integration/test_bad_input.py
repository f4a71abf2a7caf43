"""What no client should send, on the client port: the sender suffers, nobody else does.

One server serves the whole file.  Around every test a bystander's session must go on working, `ruok`
must be answered, and every descriptor must come back.
"""

import random
import socket
import struct
import time

import pytest
from bystander import Bystander, log_gains, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import CLOSED, Connection, ServerError
from peers import SamsaServer, free_port

LIMIT = 0xFFFFF  # jute.maxbuffer
INT_MAX = 0x7FFFFFFF
INT_MIN = -0x80000000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = SamsaServer(tmp_path_factory.mktemp("bad_input") / "data", free_port(),
                         cfg={"zookeeper.nio.sessionlessCnxnTimeout": 60000})
    with server:
        yield server


@pytest.fixture(autouse=True)
def bystander(server):
    with Bystander(server) as bystander:
        yield bystander
        assert server.alive, server.log_tail()
        bystander.check_all()


def end_of(conn):
    """What comes before the server closes; fails when it does not close."""
    data = b""
    conn.sock.settimeout(10)
    while True:
        try:
            chunk = conn.sock.recv(65536)
        except ConnectionResetError:
            return data
        if not chunk:
            return data
        data += chunk


def request(kind, body=b"", xid=1):
    return wire.frame(struct.pack(">ii", xid, wire.opcode(kind)) + body)


# --- lengths ---

@pytest.mark.parametrize("length", (-1, INT_MIN, -44, LIMIT + 1, INT_MAX, 1 << 24))
@pytest.mark.parametrize("has_session", (False, True), ids=("sessionless", "session"))
def test_a_length_that_cannot_be(server, length, has_session):
    conn = open_session(server.address) if has_session else Connection(server.address)
    conn.send_bytes(wire.i32(length) + b"x" * 100)
    assert end_of(conn) == b""
    log_gains(server, f"Unreasonable length = {length} ")


def test_a_length_above_what_a_session_needs(server):
    """Before there is a session nothing large is taken, whatever jute.maxbuffer says."""
    conn = Connection(server.address)
    conn.send_bytes(wire.i32(LIMIT))
    assert end_of(conn) == b""


def test_the_largest_length(server):
    """jute.maxbuffer itself is allowed, one more is not."""
    conn = open_session(server.address)
    body = wire.body_create("/largest", b"")
    data = b"x" * (LIMIT - 8 - len(body))
    conn.call("create", wire.body_create("/largest", data))
    conn.call("delete", wire.body_path_version("/largest"))
    conn.send_bytes(request("create", wire.body_create("/largest", data + b"x")))
    assert end_of(conn) == b""


@pytest.mark.parametrize("has_session", (False, True), ids=("sessionless", "session"))
def test_a_length_of_nothing(server, has_session):
    conn = open_session(server.address) if has_session else Connection(server.address)
    conn.send_bytes(wire.i32(0))
    assert end_of(conn) == b""


@pytest.mark.parametrize("how", ("end", "reset"))
def test_frames_cut_at_every_byte(server, how):
    connect = wire.frame(wire.connect_request())
    create = request("create", wire.body_create("/cut", b"data"))
    for cut in range(len(connect)):
        conn = Connection(server.address)
        conn.send_bytes(connect[:cut])
        end(conn, how)
    for cut in range(len(create)):
        conn = open_session(server.address)
        conn.send_bytes(create[:cut])
        end(conn, how)
    conn = open_session(server.address)
    with pytest.raises(ServerError) as error:
        conn.call("exists", wire.body_path_watch("/cut"))
    assert error.value.code == -101
    conn.close()


def end(conn, how):
    if how == "reset":
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


# --- messages ---

@pytest.mark.parametrize("code", (0, 10, 13, 23, 99, 108, 500, 999, -2, -99, INT_MAX, INT_MIN))
def test_an_operation_that_is_none(server, code):
    """The answer says so, the connection ends, the session can be resumed."""
    conn = open_session(server.address)
    conn.send_bytes(request(code, b"anything"))
    reply = conn.receive_frame()
    assert struct.unpack(">iqi", reply[:16]) == (1, -1, -6)
    assert end_of(conn) == b""
    again = Connection(server.address)
    assert again.handshake(session_id=conn.session_id, password=conn.password)
    again.close()


@pytest.mark.parametrize("first", (
    request("create", wire.body_create("/early", b"")),
    request("ping", xid=wire.PING_XID),
    request("closeSession"),
    request("auth", wire.body_auth("digest", "a:b"), xid=wire.AUTH_XID),
), ids=("create", "ping", "closeSession", "auth"))
def test_a_request_before_there_is_a_session(server, first):
    conn = Connection(server.address)
    conn.send_bytes(first)
    assert end_of(conn) == b""


def test_a_second_connect_request(server):
    """It is read as a request: xid 0, operation 0, which there is none of."""
    conn = open_session(server.address)
    conn.send_bytes(wire.frame(wire.connect_request()))
    reply = conn.receive_frame()
    assert struct.unpack(">iqi", reply[:16]) == (0, -1, -6)
    assert end_of(conn) == b""


def test_requests_behind_the_end_of_the_session(server):
    conn = open_session(server.address)
    conn.send_bytes(request("closeSession", xid=1)
                    + request("create", wire.body_create("/behind", b""), xid=2))
    assert struct.unpack(">i", conn.receive_frame()[:4]) == (1,)
    end_of(conn)
    other = open_session(server.address)
    with pytest.raises(ServerError) as error:
        other.call("exists", wire.body_path_watch("/behind"))
    assert error.value.code == -101
    other.close()


GREETINGS = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("160301020001fc0303") + bytes(range(256)),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "kafka": bytes.fromhex("00000014001200030000000100046b61666b00") + b"\x01" * 8,
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
}


@pytest.mark.parametrize("greeting", GREETINGS)
def test_another_protocol(server, greeting):
    conn = Connection(server.address)
    conn.send_bytes(GREETINGS[greeting])
    conn.sock.shutdown(socket.SHUT_WR)
    assert end_of(conn) == b""


def test_random_bytes(server, bystander):
    draw = random.Random(20261120)
    for number in range(300):
        conn = open_session(server.address) if number % 2 else Connection(server.address)
        payload = draw.randbytes(draw.randrange(1, 300))
        # Half of them in a frame of the right length, so that they get past the first check.
        conn.send_bytes(wire.frame(payload) if number % 4 < 2 else payload)
        conn.sock.shutdown(socket.SHUT_WR)
        end_of(conn)
        conn.close()
        if number % 50 == 0:
            bystander.check()


def test_mutilated_requests(server, bystander):
    """Real requests with bytes changed, cut and doubled: each gets an answer or an end."""
    draw = random.Random(5058)
    bodies = [("create", wire.body_create("/m", b"data")), ("getData", wire.body_path_watch("/m")),
              ("setACL", wire.body_set_acl("/m")), ("multi", wire.body_multi([
                  ("create", wire.body_create("/m", b"")), ("delete", wire.body_path_version("/m"))])),
              ("setWatches2", wire.body_set_watches(0, ["/m"], ["/n"], ["/o"], ["/p"], ["/q"])),
              ("addWatch", wire.body_path("/m") + wire.i32(1)), ("sync", wire.body_path("/m")),
              ("auth", wire.body_auth("digest", "a:b")), ("reconfig", wire.body_reconfig("a", "b"))]
    for number in range(400):
        kind, body = draw.choice(bodies)
        body = bytearray(body)
        for _ in range(draw.randrange(1, 5)):
            what = draw.randrange(3)
            at = draw.randrange(len(body) + 1)
            if what == 0 and at < len(body):
                body[at] = draw.randrange(256)
            elif what == 1:
                del body[at:at + draw.randrange(9)]
            else:
                body[at:at] = draw.randbytes(draw.randrange(9))
        conn = open_session(server.address)
        conn.send_bytes(request(kind, bytes(body)) + request("ping", xid=wire.PING_XID))
        conn.sock.shutdown(socket.SHUT_WR)
        end_of(conn)
        conn.close()
        if number % 100 == 0:
            bystander.check()


# --- pace ---

def test_one_byte_at_a_time(server):
    conn = Connection(server.address)
    script = (wire.frame(wire.connect_request()) + request("create", wire.body_create("/slow", b"1"))
              + request("getData", wire.body_path_watch("/slow"), xid=2)
              + request("delete", wire.body_path_version("/slow"), xid=3)
              + request("closeSession", xid=4))
    for at in range(len(script)):
        conn.send_bytes(script[at:at + 1])
        time.sleep(0.0005)
    conn.note_connect_response(conn.receive_frame())
    assert conn.session_id != 0
    for xid in (1, 2, 3, 4):
        got, _, err = struct.unpack(">iqi", conn.receive_frame()[:16])
        assert (got, err) == (xid, 0)
    assert conn.receive_frame() == CLOSED


def test_a_peer_that_only_listens(server):
    """Its end has come, but what it had asked is answered."""
    conn = Connection(server.address)
    conn.send_bytes(wire.frame(wire.connect_request())
                    + request("exists", wire.body_path_watch("/"))
                    + request("getChildren", wire.body_path_watch("/"), xid=2))
    conn.sock.shutdown(socket.SHUT_WR)
    conn.note_connect_response(conn.receive_frame())
    assert conn.session_id != 0
    assert struct.unpack(">i", conn.receive_frame()[:4]) == (1,)
    assert struct.unpack(">i", conn.receive_frame()[:4]) == (2,)
    assert conn.receive_frame() == CLOSED


def test_ten_thousand_requests_in_one_write(server, bystander):
    conn = open_session(server.address)
    count = 10000
    conn.call("create", wire.body_create("/pipelined", b""))
    script = b"".join(
        request("setData", wire.body_set_data("/pipelined", b"%d" % xid), xid) if xid % 10 == 0
        else request("getData", wire.body_path_watch("/pipelined"), xid)
        for xid in range(1, count + 1))
    conn.sock.settimeout(30)
    conn.sock.sendall(script)
    bystander.check()
    data = b"0"
    for xid in range(1, count + 1):
        reply = conn.receive_frame(30)
        got, _, err = struct.unpack(">iqi", reply[:16])
        assert (got, err) == (xid, 0)
        if xid % 10 == 0:
            data = b"%d" % xid
        elif xid > 10:
            assert reply[16:].startswith(wire.buf(data)), f"request {xid} did not see the write before"
    conn.call("delete", wire.body_path_version("/pipelined"), xid=count + 1)
    conn.close()


def test_closing_between_request_and_answer(server, bystander):
    """Sent whole, then reset: what was sent may be done or not, and nothing of it stays behind."""
    for number in range(200):
        conn = open_session(server.address)
        conn.send_bytes(b"".join(request("create", wire.body_create(
            f"/reset-{number}-", b"x" * 500, flags=wire.EPHEMERAL_SEQUENTIAL), xid)
            for xid in range(1, 11)) + request("closeSession", xid=11))
        end(conn, "reset")
        if number % 50 == 0:
            bystander.check()


def test_a_flood_of_connections(server, bystander):
    for number in range(3000):
        sock = socket.create_connection(server.address)
        if number % 3 == 0:
            sock.sendall(b"\0\0\0")
        if number % 2 == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        if number % 500 == 0:
            bystander.check()


# --- memory ---

def test_announcing_much_and_sending_nothing(server, bystander):
    """Memory grows with the bytes that come, not with the bytes that are announced."""
    bystander.check()
    before = server.rss()
    socks = []
    for number in range(2000):
        sock = socket.create_connection(server.address)
        sock.sendall(wire.i32(60000 if number % 2 else LIMIT) + b"1234567890")
        socks.append(sock)
    sessions = [open_session(server.address) for _ in range(300)]
    for conn in sessions:
        conn.send_bytes(wire.i32(LIMIT) + b"1234567890")
    bystander.check()
    grown = server.rss() - before
    for sock in socks:
        sock.close()
    for conn in sessions:
        conn.close()
    # 1,300 of them are let in; a kilobyte or two for each is what a connection costs.
    assert grown < 6 << 20, f"{grown >> 10} KiB for connections that sent ten bytes each"


def test_a_reader_that_does_not_read(server, bystander):
    """A thousand answers of 500 KB are asked for and not read: the server waits, and others do not."""
    conn = open_session(server.address)
    data = random.Random(1).randbytes(500_000)
    conn.call("create", wire.body_create("/large", data))
    slow = open_session(server.address)
    before = server.rss()
    count = 1000
    for xid in range(1, count + 1):
        slow.send_bytes(request("getData", wire.body_path_watch("/large"), xid))
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        bystander.check()
        time.sleep(0.02)
    grown = server.rss() - before
    assert grown < 32 << 20, f"{grown >> 20} MiB wait for one reader"
    for xid in range(1, count + 1):
        reply = slow.receive_frame(30)
        assert isinstance(reply, bytes), reply
        assert struct.unpack(">iqi", reply[:16])[0] == xid
        assert reply[16:16 + 4 + len(data)] == wire.buf(data)
    slow.close()
    conn.call("delete", wire.body_path_version("/large"))
    conn.close()


def test_ten_gigabytes_asked_for_in_one_write(server, bystander):
    """Twenty bytes ask for half a megabyte: no more of them is taken than the asker reads."""
    conn = open_session(server.address)
    data = bytes(500_000)
    conn.call("create", wire.body_create("/large", data))
    greedy = open_session(server.address)
    before = server.rss()
    script = b"".join(request("getData", wire.body_path_watch("/large"), xid)
                      for xid in range(1, 20001))
    greedy.sock.setblocking(False)
    sent = greedy.sock.send(script)
    assert sent > 100_000, "the kernel takes more of it than any answer is allowed to grow"
    bystander.check()
    for xid in range(1, 50):
        reply = greedy.receive_frame(10)
        assert struct.unpack(">iqi", reply[:16])[0] == xid
        bystander.check()
    grown = server.rss() - before
    assert grown < 32 << 20, f"{grown >> 20} MiB for one write"
    greedy.close()
    # All in one request: that has a limit of its own, and an answer that says so.
    many = [("getData", wire.body_path_watch("/large"))] * 2000
    with pytest.raises(ServerError) as error:
        conn.call("multiRead", wire.body_multi(many))
    assert error.value.code == -5
    conn.call("delete", wire.body_path_version("/large"))
    conn.close()


def test_a_reader_that_never_reads_is_gone_with_its_memory(server, bystander):
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/large", bytes(500_000)))
    before = server.rss()
    slow = [open_session(server.address) for _ in range(20)]
    for reader in slow:
        reader.send_bytes(b"".join(request("getData", wire.body_path_watch("/large"), xid)
                                   for xid in range(1, 200)))
    bystander.check()
    for reader in slow:
        reader.close()
    conn.call("delete", wire.body_path_version("/large"))
    conn.close()
    wait_for(lambda: server.rss() - before < 48 << 20,
             f"memory to come back, {(server.rss() - before) >> 20} MiB more than before")


def test_many_watches_and_an_end(server, bystander):
    """Watches belong to the connection: its end frees them."""
    conn = open_session(server.address)
    conn.send_bytes(b"".join(request("exists", wire.body_path_watch(f"/none/{xid}", True), xid)
                             for xid in range(1, 20001)))
    for _ in range(20000):
        assert isinstance(conn.receive_frame(), bytes)
    assert b"Total watches:20000\n" in server.four_letter("wchs")
    conn.close()
    wait_for(lambda: b"Total watches:0\n" in server.four_letter("wchs"), "no watches")
