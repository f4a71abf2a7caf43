"""Limits that an administrator sets: connections, descriptors, requests, time without a session."""

import resource
import socket
import struct
import time

import pytest
from bystander import (Bystander, descriptor_count, log_gains, monitor, open_session, wait_for)
from golden.zookeeper import wire
from golden.zookeeper.client import CLOSED, Connection

REFUSED_S = 5


def is_refused(address, source=None):
    """Is a new connection closed before anything was said on it?"""
    with socket.create_connection(address, timeout=REFUSED_S,
                                  source_address=(source, 0) if source else None) as sock:
        try:
            sock.sendall(b"ruok")
            return sock.recv(4) == b""
        except ConnectionError:
            return True


def idle(address, count, source=None):
    return [socket.create_connection(address, source_address=(source, 0) if source else None)
            for _ in range(count)]


def close_all(socks):
    for sock in socks:
        sock.close()


# --- connections ---

def test_connections_of_one_address(samsa_server):
    server = samsa_server(cfg={"maxClientCnxns": 5}).start()
    socks = idle(server.address, 5)
    wait_for(lambda: is_refused(server.address), "the sixth to be refused")
    log_gains(server, "Too many connections from /127.0.0.1 - max is 5 (maxClientCnxns)")
    assert not is_refused(server.address, source="127.0.0.2"), "another address has its own five"
    socks.pop().close()
    wait_for(lambda: not is_refused(server.address), "a place that is free again")
    close_all(socks)
    wait_for(lambda: not is_refused(server.address), "places that are free again")
    assert monitor(server)["zk_connection_rejected"] >= 1


def test_sixty_connections_without_a_word_in_the_configuration(samsa_server):
    server = samsa_server(cfg={"maxClientCnxns": None}).start()
    socks = idle(server.address, 60)
    wait_for(lambda: is_refused(server.address), "the 61st to be refused")
    log_gains(server, "max is 60")
    close_all(socks)


def test_connections_in_all(samsa_server):
    server = samsa_server(cfg={"maxCnxns": 8}).start()
    socks = idle(server.address, 4) + idle(server.address, 4, source="127.0.0.3")
    wait_for(lambda: is_refused(server.address), "the ninth to be refused")
    assert is_refused(server.address, source="127.0.0.2")
    log_gains(server, "Too many connections - max is 8 (maxCnxns)")
    close_all(socks)
    wait_for(lambda: not is_refused(server.address), "places that are free again")


def test_no_limit_of_connections(samsa_server):
    server = samsa_server(cfg={"maxClientCnxns": 0}).start()
    socks = idle(server.address, 200)
    assert not is_refused(server.address)
    close_all(socks)


def test_a_session_that_moves_does_not_count_twice(samsa_server):
    """Each reconnection closes the connection before it; the limit must not fill with the dead."""
    server = samsa_server(cfg={"maxClientCnxns": 4}).start()
    conn = open_session(server.address)
    session = {"session_id": conn.session_id, "password": conn.password}
    for _ in range(20):
        again = Connection(server.address)
        assert again.handshake(**session)
        assert conn.receive_frame() == CLOSED
        conn.close()
        conn = again
    conn.call("exists", wire.body_path_watch("/"))
    conn.close()


def test_ten_thousand_idle_connections(samsa_server):
    """Each costs a descriptor and a kilobyte or two, and no time."""
    count = 10000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft_before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 500:
        pytest.skip(f"{hard} descriptors are allowed here, {count + 500} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, hard))
    try:
        server = samsa_server().start()
        with Bystander(server) as bystander:
            before = server.rss()
            grown = []
            for _ in range(2):
                socks = idle(server.address, count)
                wait_for(lambda: monitor(server)["zk_num_alive_connections"] > count, "all of them")
                bystander.check()
                grown.append(server.rss() - before)
                cpu = server.cpu_seconds()
                time.sleep(0.3)
                assert server.cpu_seconds() - cpu < 0.1, "idle connections cost time"
                close_all(socks)
                bystander.check_all()
            # About 850 bytes each; the second ten thousand live where the first did.
            assert max(grown) < count * 1500, f"{grown} bytes for {count} connections"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft_before)


def test_no_descriptor_left(samsa_server):
    """Connections are turned away, the log goes on: what clients take is kept from the log's files."""
    soft_before = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = samsa_server(cfg={"snapCount": 20, "preAllocSize": 16})
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, soft_before[1]))
    try:
        server.start(wait=False)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, 100))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft_before)
    server.wait_ready()
    with Bystander(server) as bystander:
        socks = idle(server.address, 150)
        log_gains(server, "no file descriptor left")
        # Logs are rolled and snapshots taken all the while.
        for _ in range(60):
            bystander.check()
        assert monitor_on(bystander.conn) is None
        close_all(socks)
        bystander.check_all()
    assert not is_refused(server.address)
    wait_for(lambda: "Snapshot taken" in server.logs(), "a snapshot")


def monitor_on(conn):
    """Nothing can be asked by a new connection; the session's own one must answer."""
    conn.call("exists", wire.body_path_watch("/"))


def test_the_descriptors_that_the_system_allows_are_used(samsa_server):
    """As a JVM does: the soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        server = samsa_server().start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[0] == hard
    assert monitor(server)["zk_max_file_descriptor_count"] == hard


# --- time without a session ---

def test_a_connection_that_opens_no_session(samsa_server):
    server = samsa_server(cfg={"zookeeper.nio.sessionlessCnxnTimeout": 400}).start()
    conn = open_session(server.address)
    silent = Connection(server.address)
    began = time.monotonic()
    dribbling = Connection(server.address)
    request = wire.frame(wire.connect_request())
    sent = 0
    while dribbling.sock.fileno() >= 0 and time.monotonic() - began < 5:
        sent += 1
        if not dribbling.send_bytes(request[sent % 40:sent % 40 + 1]):
            break
        time.sleep(0.02)
    assert 0.3 < time.monotonic() - began < 2, "bytes must not keep it open"
    assert silent.receive_frame(5) == CLOSED
    conn.call("exists", wire.body_path_watch("/"))
    assert monitor(server)["zk_sessionless_connections_expired"] >= 2
    conn.close()


# --- requests in work ---

def test_requests_in_work_are_limited_and_all_are_done(samsa_server):
    """globalOutstandingLimit: reading pauses, and nothing is lost."""
    server = samsa_server(cfg={"globalOutstandingLimit": 10}).start()
    conns = [open_session(server.address) for _ in range(8)]
    count = 500
    for number, conn in enumerate(conns):
        conn.send_bytes(b"".join(
            wire.frame(struct.pack(">ii", xid, wire.opcode("create"))
                       + wire.body_create(f"/n{number}-{xid}", b"x" * 100))
            for xid in range(1, count + 1)))
    for conn in conns:
        for xid in range(1, count + 1):
            got, _, err = struct.unpack(">iqi", conn.receive_frame()[:16])
            assert (got, err) == (xid, 0)
    assert b"Outstanding: 0\n" in server.four_letter("srvr")
    for conn in conns:
        conn.close()


def test_large_requests_have_a_limit_of_their_own(samsa_server):
    server = samsa_server(cfg={"jute.maxbuffer": 4096}).start()
    with Bystander(server) as bystander:
        conn = open_session(server.address)
        conn.call("create", wire.body_create("/fits", b"x" * 3900))
        conn.send_frame(conn.request_payload("create", wire.body_create("/not", b"x" * 4200)))
        assert conn.receive_frame() == CLOSED
        log_gains(server, "the limit is 4096; jute.maxbuffer sets it")
        assert monitor(server)["zk_large_requests_rejected"] == 1
        bystander.check_all()


# --- sessions ---

@pytest.mark.parametrize("asked, given", ((1, 400), (400, 400), (1000, 1000), (5000, 2000),
                                          (-1, 400), (0x7FFFFFFF, 2000)))
def test_session_timeouts_have_bounds(samsa_server, asked, given):
    server = samsa_server(cfg={"tickTime": 100, "minSessionTimeout": 400,
                               "maxSessionTimeout": 2000}).start()
    conn = open_session(server.address, timeout_ms=asked)
    assert conn.negotiated_ms == given
    conn.close()


def test_thousands_of_sessions_end(samsa_server):
    """All of them are gone after their time, with their ephemerals and their memory."""
    server = samsa_server(cfg={"tickTime": 100, "minSessionTimeout": 200,
                               "maxSessionTimeout": 60000}).start()
    with Bystander(server) as bystander:
        before = server.rss()
        for number in range(1000):
            conn = open_session(server.address, timeout_ms=500)
            conn.send_frame(conn.request_payload("create", wire.body_create(
                f"/e{number}", b"", flags=wire.EPHEMERAL)))
            conn.close()
        wait_for(lambda: monitor(server)["zk_global_sessions"] == 1, "one session")
        assert monitor(server)["zk_ephemerals_count"] == 1
        assert descriptor_count(server) <= bystander.descriptors + 1
        assert server.rss() - before < 8 << 20
        bystander.check_all()
