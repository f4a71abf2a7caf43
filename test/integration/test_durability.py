"""kill -9 again and again under load: nothing that was acknowledged is lost, nothing comes back.

Clients keep a book of what they were told.  After each restart the tree is compared with the book.
"""

import random
import struct
import threading
import time

import tree_workload
from bystander import monitor, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import CLOSED, TIMEOUT, Connection, ServerError

CYCLES = 20
CLIENTS = 4
BATCH = 12
SESSION_MS = 60000


class Book:
    """What one client was told, over all cycles."""

    def __init__(self, number):
        self.number = number
        self.top = f"/client{number}"
        self.created = {}        # path -> data
        self.deleted = set()
        self.in_doubt = set()    # sent, and never answered
        self.counter = -1        # the last setData that was acknowledged
        self.counter_sent = -1
        self.highest = -1        # sequence number
        self.zxid = 0
        self.ephemeral = None
        self.session = None      # fields to resume it

    def requests(self, draw):
        """One batch of (kind, body, what an answer means)."""
        batch = []
        for _ in range(BATCH):
            what = draw.randrange(10)
            if what < 5:
                data = draw.randbytes(draw.choice((0, 10, 300, 5000)))
                batch.append(("create", wire.body_create(f"{self.top}/n-", data,
                                                         flags=wire.SEQUENTIAL), data))
            elif what < 8 or not self.created:
                self.counter_sent += 1
                batch.append(("setData", wire.body_set_data(f"{self.top}/counter",
                                                            b"%d" % self.counter_sent),
                              self.counter_sent))
            else:
                path = draw.choice(sorted(self.created))
                if path not in self.in_doubt:
                    self.in_doubt.add(path)
                    batch.append(("delete", wire.body_path_version(path), path))
        return batch

    def note(self, kind, meaning, reply):
        zxid = struct.unpack(">q", reply[4:12])[0]
        assert zxid > self.zxid, f"zxid {zxid} after {self.zxid}"
        self.zxid = zxid
        if kind == "create":
            size = struct.unpack(">i", reply[16:20])[0]
            path = reply[20:20 + size].decode()
            number = int(path[-10:])
            assert number > self.highest, f"{path} after number {self.highest}"
            self.highest = number
            self.created[path] = meaning
        elif kind == "setData":
            self.counter = meaning
        else:
            del self.created[meaning]
            self.in_doubt.discard(meaning)
            self.deleted.add(meaning)

    def work(self, conn, draw):
        """Until the connection is lost."""
        while True:
            batch = self.requests(draw)
            conn.send_bytes(b"".join(wire.frame(conn.request_payload(kind, body))
                                     for kind, body, _ in batch))
            for kind, _, meaning in batch:
                reply = conn.receive_frame()
                if reply in (CLOSED, TIMEOUT):
                    return
                err = struct.unpack(">i", reply[12:16])[0]
                assert err == 0, f"{kind}: {wire.ERRORS.get(err, err)}"
                self.note(kind, meaning, reply)

    def check(self, conn):
        names = {f"{self.top}/{name.decode()}" for name in tree_workload.read_children(conn, self.top)}
        missing = [path for path in self.created if path not in names and path not in self.in_doubt]
        assert not missing, f"acknowledged and lost: {missing[:5]}"
        back = self.deleted & names
        assert not back, f"deleted and back: {sorted(back)[:5]}"
        sample = sorted(self.created)[-15:]
        for path in sample:
            if path in names:
                assert tree_workload.read_node(conn, path).data == self.created[path], path
        counter = int(tree_workload.read_node(conn, f"{self.top}/counter").data)
        assert self.counter <= counter <= self.counter_sent, "a counter went back"
        self.counter = counter
        # What was in doubt is now known.
        for path in self.in_doubt:
            if path not in names:
                self.created.pop(path, None)
                self.deleted.add(path)
        self.in_doubt.clear()


def resume(server, book):
    conn = Connection(server.address)
    assert conn.handshake(timeout_ms=SESSION_MS, last_zxid_seen=book.zxid, **book.session), \
        f"the session of client {book.number} did not survive"
    return conn


def test_killed_under_load(samsa_server):
    draw = random.Random(9)
    server = samsa_server(cfg={"snapCount": 60, "preAllocSize": 64, "tickTime": 2000,
                               "maxSessionTimeout": 120000}).start()
    books = [Book(number) for number in range(CLIENTS)]
    for book in books:
        conn = open_session(server.address, timeout_ms=SESSION_MS)
        book.session = {"session_id": conn.session_id, "password": conn.password}
        conn.call("create", wire.body_create(book.top, b""))
        conn.call("create", wire.body_create(f"{book.top}/counter", b"-1"))
        conn.call("create", wire.body_create(f"/alive{book.number}", b"", flags=wire.EPHEMERAL))
        book.zxid = conn.last_zxid
        conn.close()
    ended = []
    problems = []
    for cycle in range(CYCLES):
        conns = [resume(server, book) for book in books]
        gone = open_session(server.address)
        gone.call("create", wire.body_create(f"/gone{cycle}", b"", flags=wire.EPHEMERAL))
        gone.call("closeSession")
        ended.append(b"gone%d" % cycle)

        def run(book, conn, seed):
            try:
                book.work(conn, random.Random(seed))
            except AssertionError as problem:
                problems.append(problem)

        threads = [threading.Thread(target=run, args=(book, conn, draw.random()))
                   for book, conn in zip(books, conns)]
        for thread in threads:
            thread.start()
        time.sleep(draw.uniform(0.02, 0.2))
        server.kill()
        for thread in threads:
            thread.join()
        assert not problems, problems[0]
        for conn in conns:
            conn.close()
        server.start()
        reader = open_session(server.address)
        for book in books:
            book.check(reader)
        roots = set(tree_workload.read_children(reader, "/"))
        reader.call("closeSession")
        assert not roots & set(ended), "an ephemeral of an ended session is back"
        assert {b"alive%d" % book.number for book in books} <= roots
    done = sum(book.highest + 1 for book in books)
    assert done > CYCLES * 10, f"only {done} creates were acknowledged"
    assert "damaged" not in server.logs() and "corrupt" not in server.logs()


def test_killed_while_it_starts(samsa_server):
    """At any moment of recovery: the next start has everything."""
    draw = random.Random(10)
    server = samsa_server(cfg={"snapCount": 1000000, "preAllocSize": 64}).start()
    conn = open_session(server.address)
    for number in range(400):
        conn.call("create", wire.body_create(f"/n{number}", b"x" * 2000))
    server.kill()
    for _ in range(25):
        server.start(wait=False)
        time.sleep(draw.uniform(0, 0.06))
        server.kill()
    server.start()
    conn = open_session(server.address)
    names = tree_workload.read_children(conn, "/")
    assert len([name for name in names if name.startswith(b"n")]) == 400
    conn.close()
    # One of this start may still be written, none of the others is left.
    wait_for(lambda: not list((server.data_dir / "version-2").glob("*.samsa-tmp")), "nothing half written is left")


def test_sessions_that_nobody_resumes_end(samsa_server):
    """Each has its whole timeout from the start on; those that come back live."""
    server = samsa_server(cfg={"tickTime": 100, "minSessionTimeout": 200}).start()
    conns = []
    for number in range(10):
        conn = open_session(server.address, timeout_ms=1000)
        conn.call("create", wire.body_create(f"/e{number}", b"", flags=wire.EPHEMERAL))
        conns.append(conn)
    server.restart("kill")
    again = Connection(server.address)
    assert again.handshake(timeout_ms=1000, session_id=conns[3].session_id,
                           password=conns[3].password)
    assert monitor(server)["zk_ephemerals_count"] == 10

    def only_one_is_left():
        again.call("ping", xid=wire.PING_XID)
        return monitor(server)["zk_ephemerals_count"] == 1

    wait_for(only_one_is_left, "the others' ephemerals to go")
    assert tree_workload.read_children(again, "/") == [b"e3", b"zookeeper"]
    late = Connection(server.address)
    assert not late.handshake(session_id=conns[4].session_id, password=conns[4].password)
    again.close()


def test_a_version_is_never_used_twice(samsa_server):
    """A conditional setData that succeeded is the only one of its version, over all restarts."""
    server = samsa_server(cfg={"preAllocSize": 64}).start()
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/v", b"start"))
    version = 0
    for cycle in range(5):
        for _ in range(20):
            conn.call("setData", wire.body_set_data("/v", b"%d" % version, version))
            version += 1
        # One is on its way when the server dies: done or not, but not both.
        conn.send_frame(conn.request_payload("setData", wire.body_set_data("/v", b"last", version)))
        server.kill()
        conn.close()
        server.start()
        conn = open_session(server.address)
        node = tree_workload.read_node(conn, "/v")
        got = node.stat[tree_workload.STAT_FIELDS.index("version")]
        assert got in (version, version + 1)
        assert node.data == (b"%d" % (version - 1) if got == version else b"last")
        for old in range(max(0, got - 3), got):
            try:
                conn.call("setData", wire.body_set_data("/v", b"never", old))
            except ServerError as error:
                assert error.code == -103
            else:
                raise AssertionError(f"version {old} was accepted in cycle {cycle}")
        version = got
    conn.close()
