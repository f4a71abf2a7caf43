"""AdminServer, Prometheus and the audit log: Apache's answers, and what only a bad client asks."""

import re
import socket
import threading
import time

import admin_session
import audit_session
import pytest
import tree_workload
from admin_session import PROPERTIES, SUPER, command, configuration, http
from bystander import Bystander, descriptor_count, monitor, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import CLOSED, Connection, ServerError
from peers import NEWEST, free_port

# What Apache shows and this server does not, and why.
NOT_KEPT = {
    r".*_per_namespace.*": "figures of each top-level folder are not kept",
    r".*outstanding_changes_(queued|removed)( counter)?": "changes on their way are not counted one by one",
    r".*(metrics|mntr zk_)?(ack_latency summary|learner_handler_qp_(size|time_ms).*)":
        "packets to a learner go to its socket and wait in no queue; `observers` has the bytes that wait",
}
# The other way round: Apache's has it in mntr without Prometheus, and not with it.
MORE_HERE = {"observer: metrics observer_master_id gauge"}


def expected(name):
    return (admin_session.EXPECTED / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def admin(samsa_server):
    """admin(cfg=..., props=...): a started server with an AdminServer; server.admin is its port."""
    def make(data_dir=None, cfg=None, props=None):
        port = free_port()
        server = samsa_server(data_dir, {**configuration(port), **(cfg or {})},
                              {**PROPERTIES, **(props or {})})
        server.admin = port
        return server.start()

    return make


# --- where it listens ---

@pytest.mark.parametrize("address", (None, "0.0.0.0"))
def test_every_address_is_of_both_families(samsa_server, address):
    """As Java's sockets: 0.0.0.0, and no address, take IPv6 too."""
    admin, metrics = free_port(), free_port()
    cfg = {**configuration(admin, metrics), "clientPortAddress": address, "admin.serverAddress": address,
           "metricsProvider.httpHost": address}
    server = samsa_server(None, cfg, PROPERTIES).start()
    for host in ("127.0.0.1", "::1"):
        for port, text, answer in ((server.address[1], b"srvr", b"Zookeeper version"),
                                   (admin, b"GET /commands HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
                                   (metrics, b"GET /metrics HTTP/1.0\r\n\r\n", b"HTTP/1.1 200")):
            with socket.create_connection((host, port), 5) as client:
                client.sendall(text)
                assert client.recv(1 << 12).startswith(answer), (host, port)


# --- the same answers ---

@pytest.mark.parametrize("name", ("default", "prometheus"))
def test_every_answer(samsa_server, name):
    """Status, names and their order, types, and what is the same everywhere; all names of mntr."""
    metrics_port = free_port() if name == "prometheus" else 0
    server = samsa_server(None, configuration(free_port(), metrics_port), PROPERTIES).start()
    got = admin_session.ask_everything(server).splitlines()
    missing = [line for line in expected(name) if line not in got
               and not any(re.fullmatch(pattern, line) for pattern in NOT_KEPT)]
    extra = [line for line in got if line not in expected(name)]
    assert missing == [] and extra == []


@pytest.mark.parametrize("name", ("default", "prometheus"))
def test_apache_still_answers_as_recorded(apache_server, name):
    metrics_port = free_port() if name == "prometheus" else 0
    server = apache_server(NEWEST, None, configuration(free_port(), metrics_port), PROPERTIES).start()
    assert admin_session.ask_everything(server).splitlines() == expected(name)


def test_every_role(tmp_path):
    """A leader, a follower and an observer: the shape of their commands, the names of mntr, srvr, conf and metrics."""
    with admin_session.make_roles(tmp_path, "samsa") as ensemble:
        got = admin_session.ask_roles(ensemble.start())
    missing = [line for line in expected("roles") if line not in got
               and not any(re.fullmatch(pattern, line) for pattern in NOT_KEPT)]
    assert missing == [] and set(got) - set(expected("roles")) == MORE_HERE


def test_audit_lines(samsa_server):
    assert audit_session.record(samsa_server(None, {}, audit_session.PROPERTIES)) == expected("audit")


def test_audit_lines_cannot_be_forged(samsa_server):
    """What a client chose stays in its field: ZOOKEEPER-5058."""
    server = samsa_server(None, {}, audit_session.PROPERTIES).start()
    conn = open_session(server.address)
    forged = "/x\toperation=delete\tznode=/y\nuser=root\toperation=serverStop"
    for kind, body in (("setData", wire.body_set_data(forged)), ("delete",
                       wire.body_path_version(forged)), ("create", wire.body_create(forged))):
        with pytest.raises(ServerError):
            conn.call(kind, body)
    conn.call("auth", wire.body_auth("digest", "eve\tuser=root\n2026 [audit] INFO user=root:x"),
              xid=wire.AUTH_XID)
    conn.call("create", wire.body_create("/by-eve", b""))
    conn.close()
    server.stop()
    lines = audit_session.lines(server)
    assert len(lines) == 6, lines
    for line in lines[1:-1]:
        fields = line.split("\t")
        assert [field.split("=")[0] for field in fields][:4] == ["session", "user", "ip", "operation"]
        assert len(fields) <= 7
        assert not any(ord(char) < 32 for char in line.replace("\t", ""))
    assert "\\x09" in lines[1] and "\\x0a" in lines[1]


# --- metrics ---

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*",?)*\})?'
                    r' (NaN|[-+]?Inf|[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)')


def parse_metrics(text):
    """{name: type}, {name{labels}: value}; fails on what Prometheus's text format does not allow."""
    types, values = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP ") or not line:
            continue
        if line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            assert name not in types, f"{name} has two types"
            assert kind in ("counter", "gauge", "summary", "histogram", "untyped")
            types[name] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        family = name if name in types else re.sub(r"_(sum|count)$", "", name)
        assert family in types, f"{name} comes before its type"
        assert name + (labels or "") not in values, f"{name}{labels} stands twice"
        values[name + (labels or "")] = float(value)
    assert text.endswith("\n")
    return types, values


def test_metrics_count(samsa_server):
    port = free_port()
    server = samsa_server(None, configuration(free_port(), port), PROPERTIES).start()
    conn = open_session(server.address)
    for number in range(10):
        conn.call("create", wire.body_create(f"/m{number}", b"12345"))
    for number in range(4):
        conn.call("getData", wire.body_path_watch(f"/m{number}", True))
    conn.call("getChildren", wire.body_path_watch("/", True))
    with pytest.raises(ServerError):
        conn.call("exists", wire.body_path_watch("/later", True))
    conn.call("setData", wire.body_set_data("/m0", b"x"))
    conn.call("delete", wire.body_path_version("/m1"))
    conn.call("create", wire.body_create("/later", b""))
    status, headers, body = http(port, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    types, values = parse_metrics(body.decode())
    assert types["znode_count"] == "gauge" and values["znode_count"] == 5 + 10
    assert values["watch_count"] == 2
    assert types["fsynctime"] == "summary" and values["fsynctime_count"] >= 13
    assert values["updatelatency_count"] == 14
    assert values["readlatency_count"] == 6
    assert values["avg_latency"] == round(values["avg_latency"], 4)
    assert values['readlatency{quantile="0.5",}'] >= 0
    assert values["node_created_watch_count_sum"] == 1
    assert values["node_changed_watch_count_sum"] == 1
    assert values["node_deleted_watch_count_sum"] == 1
    assert values["node_children_watch_count_sum"] == 1
    assert values["watch_bytes"] > 100
    assert values["connection_request_count"] == 1
    assert values["num_alive_connections"] == 1
    assert values["global_sessions"] == 1
    assert values["snap_count"] == 0     # of snapshots sent to learners
    assert http(port, "/")[0] == 404
    conn.close()


# --- who may do what ---

def test_the_root_decides(admin):
    """snapshot and restore need every right on "/"."""
    server = admin()
    conn = tree_workload.connect(server, superuser=False)
    conn.call("setACL", wire.body_set_acl("/", [tree_workload.digest_acl("op", "pw"),
                                                (wire.READ, "world", "anyone")]))
    conn.close()
    for header, status in ((None, 401), ("digest op:pw", 200), ("digest op:wrong", 403),
                           ("digest super:secret", 200), ("ip 127.0.0.1", 403), ("x y", 401)):
        headers = {"Authorization": header} if header else {}
        for name in ("snapshot?streaming=false", "snap?streaming=false"):
            got, answer = command(server.admin, name, headers=headers)
            assert got == status, (header, answer)
            assert answer["error"] == {401: answer["error"], 403: "Not authorized", 200: None}[status]


def test_too_often(admin):
    server = admin(props={"zookeeper.admin.rateLimiterIntervalInMS": "1500"})
    body = http(server.admin, "/commands/snapshot", headers=SUPER)[2]
    assert command(server.admin, "snapshot", headers=SUPER)[0] == 429
    assert command(server.admin, "restore", headers=SUPER, data=body)[0] == 200
    assert command(server.admin, "restore", headers=SUPER, data=body)[0] == 429
    assert monitor(server)["zk_snapshot_rate_limited_count"] == 1
    assert monitor(server)["zk_restore_rate_limited_count"] == 1
    wait_for(lambda: http(server.admin, "/commands/snapshot", headers=SUPER)[0] == 200,
             "the next snapshot")


@pytest.mark.parametrize("switch", ("zookeeper.admin.snapshot.enabled",
                                    "zookeeper.admin.restore.enabled"))
def test_switched_off(admin, switch):
    server = admin(props={switch: "false"})
    is_snapshot = "snapshot" in switch
    body = b"x" * 100_000
    assert command(server.admin, "snapshot?streaming=false",
                   headers=SUPER)[0] == (503 if is_snapshot else 200)
    assert command(server.admin, "restore", headers=SUPER,
                   data=body)[0] == (500 if is_snapshot else 503)


def test_methods(admin):
    server = admin()
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        status, headers, _ = http(server.admin, "/commands/ruok", method=method)
        assert (status, headers["Allow"]) == (405, "GET, HEAD, POST")
    assert http(server.admin, "/commands/ruok", method="HEAD")[::2] == (200, b"")
    assert command(server.admin, "ruok", data=b"x")[0] == 405
    assert command(server.admin, "restore", headers=SUPER)[0] == 405


def test_another_path_and_a_name(admin):
    server = admin(cfg={"admin.commandURL": "/zk", "admin.serverAddress": "localhost"})
    assert http(server.admin, "/zk/ruok")[0] == 200
    assert http(server.admin, "/commands/ruok")[0] == 404


# --- snapshot and restore ---

def test_a_snapshot_moves_a_tree_to_another_server(admin, tmp_path):
    source = admin(tmp_path / "source", props=tree_workload.JAVA_PROPS)
    alive = tree_workload.write_all(source, "/moved")
    before = tree_workload.dump(source)
    status, headers, body = http(source.admin, "/commands/snapshot", headers=SUPER)
    assert status == 200
    # dump()'s own session opened and closed since.
    assert 0 < int(headers["last_zxid"], 16) <= tree_workload.last_zxid(source)
    assert int(headers["snapshot_size"]) == len(body) == int(headers["Content-Length"])

    # As a file in a new folder.
    folder = tmp_path / "file" / "version-2"
    folder.mkdir(parents=True)
    (folder / f"snapshot.{int(headers['last_zxid'], 16):x}").write_bytes(body)
    loaded = admin(tmp_path / "file", props=tree_workload.JAVA_PROPS)
    assert not tree_workload.differences(before, tree_workload.dump(loaded))

    # Into a running server that has a tree of its own.
    target = admin(tmp_path / "target", props=tree_workload.JAVA_PROPS)
    other = open_session(target.address)
    for number in range(50):
        other.call("create", wire.body_create(f"/old{number}", b""))
    reached = tree_workload.last_zxid(target)
    status, answer = command(target.admin, "restore", headers=SUPER, data=body)
    assert status == 200, answer
    assert answer["last_zxid"] == max(reached, int(headers["last_zxid"], 16))
    assert other.receive_frame() == CLOSED, "clients of the old state must come again"
    assert not tree_workload.differences(before, tree_workload.dump(target))
    # The session of the snapshot lives here too, and what follows is durable.
    again = Connection(target.address)
    assert again.handshake(timeout_ms=tree_workload.SESSION_MS, session_id=alive.session_id,
                           password=alive.password)
    again.call("create", wire.body_create("/after", b"restored"))
    assert again.last_zxid > answer["last_zxid"]
    after = tree_workload.dump(target)
    target.restart("kill")
    assert not tree_workload.differences(after, tree_workload.dump(target))
    alive.close()


@pytest.mark.parametrize("what", ("junk", "cut", "flipped", "nothing behind the head"))
def test_a_bad_snapshot_changes_nothing(admin, what):
    server = admin()
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/stays", b"here"))
    body = http(server.admin, "/commands/snapshot", headers=SUPER)[2]
    bad = {"junk": b"\1\2\3\4" * 500, "cut": body[:-9], "nothing behind the head": body[:16],
           "flipped": body[:200] + bytes([body[200] ^ 1]) + body[201:]}[what]
    status, answer = command(server.admin, "restore", headers=SUPER, data=bad)
    assert status == 500
    assert answer["error"], "the reason is told"
    assert tree_workload.read_node(conn, "/stays").data == b"here"
    assert monitor(server)["zk_restore_error_count"] == 1
    assert not list((server.data_dir / "version-2").glob("*.samsa-tmp"))
    conn.close()


def test_a_large_snapshot_goes_while_others_are_served(admin):
    server = admin()
    conn = open_session(server.address)
    for number in range(60):
        conn.call("create", wire.body_create(f"/large{number}", bytes([number]) * 500_000))
    with Bystander(server) as bystander:
        got = []
        thread = threading.Thread(target=lambda: got.append(
            http(server.admin, "/commands/snapshot", headers=SUPER)))
        thread.start()
        while thread.is_alive():
            bystander.check()
            time.sleep(0.005)
        thread.join()
        status, headers, body = got[0]
        assert status == 200 and len(body) == int(headers["snapshot_size"]) > 30_000_000
        bystander.check()
    conn.close()


def test_stopping_during_a_snapshot(admin):
    server = admin()
    conn = open_session(server.address)
    for number in range(40):
        conn.call("create", wire.body_create(f"/large{number}", bytes(900_000)))
    conn.close()
    with socket.create_connection(("127.0.0.1", server.admin)) as sock:
        sock.sendall(b"GET /commands/snapshot HTTP/1.1\r\nHost: x\r\n"
                     b"Authorization: digest super:secret\r\n\r\n")
        time.sleep(0.002)
        assert server.stop() == 0


# --- bad clients ---

@pytest.fixture
def victim(admin):
    server = admin(cfg={"admin.idleTimeout": 1000})
    with Bystander(server) as bystander:
        yield server
        assert server.alive, server.log_tail()
        wait_for(lambda: command(server.admin, "ruok")[0] == 200, "an answer")
        bystander.check_all()


BAD_REQUESTS = {
    "garbage": b"\0\xff\x80garbage\r\n\r\n",
    "no version": b"GET /commands/ruok\r\n\r\n",
    "a long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET /commands/ruok HTTP/1.1\r\nX: " + b"b" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET /commands/ruok HTTP/1.1\r\n" + b"".join(
        b"X%d: y\r\n" % n for n in range(5000)) + b"\r\n",
    "a negative length": b"POST /commands/restore HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"POST /commands/restore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                   b"Content-Length: 50000000000\r\n\r\nhello",
    "an endless length": b"POST /commands/restore HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "bad chunks": b"POST /commands/restore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"zz\r\nhello\r\n",
    "bytes in the path": b"GET /commands/%00%ff%fe%0a HTTP/1.1\r\nHost: x\r\n\r\n",
    "raw bytes in the path": b"GET /commands/\xff\xfe\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "up the path": b"GET /commands/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "zookeeper": wire.frame(wire.connect_request()),
    "tls": bytes.fromhex("160301020001fc0303") + bytes(200),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_a_bad_request(victim, what):
    for end in (True, False):
        with socket.create_connection(("127.0.0.1", victim.admin), timeout=10) as sock:
            sock.sendall(BAD_REQUESTS[what])
            if end:
                try:
                    sock.shutdown(socket.SHUT_WR)
                    reply = sock.recv(65536)
                except OSError:
                    reply = b""  # it was closed before all was sent
                assert b" 200 " not in reply.split(b"\r\n")[0] or what in (
                    "no version", "bytes in the path", "raw bytes in the path", "up the path"), reply
                assert b"root:" not in reply


def test_slow_and_silent_requests(victim):
    """They hold their own places, and those come back; clients of ZooKeeper notice nothing."""
    before = descriptor_count(victim)
    socks = []
    for number in range(200):
        sock = socket.create_connection(("127.0.0.1", victim.admin))
        sock.sendall(b"GET /commands/ruok HTTP/1.1\r\nX: "[:number % 30])
        socks.append(sock)
    with Bystander(victim) as other:
        other.check()
    assert descriptor_count(victim) < before + 100, "places are limited"
    for sock in socks:
        sock.close()


def test_a_large_body_from_a_stranger_fills_no_memory(victim):
    before = victim.rss()
    with socket.create_connection(("127.0.0.1", victim.admin), timeout=10) as sock:
        sock.sendall(b"POST /commands/restore HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n")
        chunk = bytes(1 << 20)
        try:
            for _ in range(200):
                sock.sendall(chunk)
        except OSError:
            pass
        grown = victim.rss() - before
    assert grown < 16 << 20, f"{grown >> 20} MiB for a stranger's body"
