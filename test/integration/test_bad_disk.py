"""A full disk, a failing one, a slow one: what was acknowledged is there, and the end is told.

The failing and the slow disk are made by bad_disk.c, preloaded into the server; the full one is a
small tmpfs, which only root may mount.
"""

import errno
import os
import resource
import subprocess
import threading
import time

import pytest
import tree_workload
from bystander import log_gains, monitor, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import Connection, ConnectionLost
from peers import DiskOrders, SamsaServer, build_bad_disk, free_port
from peers.bad_disk import KINDS
from peers.ensemble import Ensemble

EXIT_STORAGE = 10


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    library = build_bad_disk(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("no C compiler for the failing disk")
    return library


class BadDiskServer(SamsaServer):
    """With bad_disk.c in the process; `orders` tells it what to do."""

    def __init__(self, shim, data_dir, cfg):
        super().__init__(data_dir, free_port(), cfg)
        self.shim = shim
        self.work.mkdir(parents=True)
        self.orders = DiskOrders(self.work / "orders")

    def environment(self):
        return {**super().environment(), **self.orders.environment(self.shim)}


@pytest.fixture
def bad_disk_server(shim, tmp_path, end_servers):
    def make(cfg=None):
        server = BadDiskServer(shim, tmp_path / "data", {"preAllocSize": 64, **(cfg or {})})
        end_servers.append(server)
        return server

    return make


def write_until_the_end(server, size=1000, limit=100000):
    """Creates nodes on one connection until it is lost; returns how many were acknowledged."""
    conn = Connection(server.address)
    done = 0
    if not conn.handshake():
        return done  # a session is a transaction, too
    try:
        while done < limit:
            conn.call("create", wire.body_create(f"/n{done:06}", b"%06d" % done + b"x" * size))
            done += 1
    except ConnectionLost:
        pass
    conn.close()
    return done


def check_writes(server, acknowledged, size=1000):
    """All that were acknowledged are there, whole; one more may be."""
    conn = open_session(server.address)
    names = {name for name in tree_workload.read_children(conn, "/") if name.startswith(b"n")}
    for number in range(acknowledged):
        assert b"n%06d" % number in names, f"write {number} of {acknowledged} was acknowledged"
    assert len(names) <= acknowledged + 1
    for number in range(0, acknowledged, max(1, acknowledged // 20)):
        data = tree_workload.read_node(conn, f"/n{number:06}").data
        assert data == b"%06d" % number + b"x" * size
    conn.close()


def ended_with_storage(server, *words):
    wait_for(lambda: not server.alive, "the server's end")
    assert server.process.returncode == EXIT_STORAGE, server.log_tail()
    for word in ("Severe unrecoverable error, exiting", *words):
        assert word in server.logs(), f"{word!r} is not in\n{server.log_tail()}"


# --- full ---

@pytest.fixture
def small_disk(tmp_path):
    """small_disk(kib) mounts a tmpfs of that size, or gives the one there is another size."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    path = tmp_path / "small"
    path.mkdir()
    mounted = []

    def mount(kib):
        options = f"{'remount,' if mounted else ''}size={kib}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0 and not mounted:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        mounted.append(path)
        return path

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.parametrize("prealloc_kib", (64, 65536, 0), ids=("64K", "64M", "none"))
def test_the_disk_is_full(samsa_server, small_disk, prealloc_kib):
    disk = small_disk(3072)
    server = samsa_server(disk / "data", cfg={"preAllocSize": prealloc_kib, "snapCount": 1000000})
    server.work = disk.parent / "data.run"
    server.start()
    acknowledged = write_until_the_end(server)
    assert acknowledged > 1000
    ended_with_storage(server, "No space left on device", "Free space", "dataLogDir",
                       str(server.data_dir / "version-2"))
    # Started again as it is, it may refuse or serve, but it must not lose anything.
    server.start(wait=False)
    time.sleep(0.3)
    server.kill()
    small_disk(20000)
    server.start()
    check_writes(server, acknowledged)
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/again", b""))
    conn.close()


def test_a_file_may_not_grow(samsa_server):
    """ulimit -f ends a program by a signal unless it asks for the error: it is told as a full disk is."""
    server = samsa_server(cfg={"preAllocSize": 64, "snapCount": 1000000}).start()
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    acknowledged = write_until_the_end(server)
    ended_with_storage(server, "File too large")
    server.start()
    check_writes(server, acknowledged)


def test_the_disk_is_full_before_the_first_start(samsa_server, small_disk):
    disk = small_disk(64)
    (disk / "full").write_bytes(bytes(56 << 10))
    server = samsa_server(disk / "data")
    server.work = disk.parent / "data.run"
    server.start(wait=False)
    acknowledged = 0
    try:
        server.wait_ready(10)
        acknowledged = write_until_the_end(server)
    except Exception as died:  # it may see it at once
        assert "ended with" in str(died), died
    wait_for(lambda: not server.alive, "the server's end")
    assert server.process.returncode in (EXIT_STORAGE, 3)
    assert "No space left on device" in server.logs()
    (disk / "full").unlink()
    small_disk(20000)
    server.start()
    check_writes(server, acknowledged)


def test_the_disk_is_full_for_snapshots(samsa_server, small_disk):
    """dataDir is full, dataLogDir is not: the server serves, and takes a snapshot when it can."""
    disk = small_disk(512)
    server = samsa_server(disk / "data", cfg={"dataLogDir": disk.parent / "logs", "snapCount": 100})
    server.work = disk.parent / "data.run"
    server.start()
    assert write_until_the_end(server, limit=800) == 800
    log_gains(server, "was not finished: no space left on device")
    assert monitor(server)["zk_snapshot_error_count"] >= 1
    assert not list((disk / "data" / "version-2").glob("*.samsa-tmp"))
    small_disk(20000)
    taken = monitor(server)["zk_cnt_snapshottime"]
    conn = open_session(server.address)
    for number in range(110):
        conn.call("create", wire.body_create(f"/later{number}", b""))
    wait_for(lambda: monitor(server)["zk_cnt_snapshottime"] > taken, "a snapshot on the larger disk")
    conn.close()
    server.restart("kill")
    check_writes(server, 800)


# --- failing ---

@pytest.mark.parametrize("kind", ("log", "mark", "folder"))
@pytest.mark.parametrize("number", (1, 2, 7))
def test_a_sync_fails(bad_disk_server, kind, number):
    """The first failure is the last attempt: the kernel may have dropped the pages, so a second sync
    that succeeds means nothing."""
    server = bad_disk_server(cfg={"snapCount": 6})
    orders = server.orders
    server.start()
    # The first snapshot is written; from here on the log's files and their folder are synced.
    orders.set(kind, fail_sync_from=orders.get(kind, "syncs") + number, fail_sync_count=1,
               error=errno.EIO)
    acknowledged = write_until_the_end(server, limit=2000)
    if acknowledged == 2000:
        # Only a new log's beginning syncs these; the snapshots' syncs of the folder may have met it.
        assert kind == "folder" and monitor(server)["zk_snapshot_error_count"] == 1
        return
    ended_with_storage(server, "Input/output error", "Check the disk",
                       str(server.data_dir / "version-2"))
    if kind == "log":
        assert orders.get("log", "syncs") == orders.get("log", "fail_sync_from"), "it tried again"
    orders.clear()
    server.start()
    check_writes(server, acknowledged)


@pytest.mark.parametrize("number", (1, 2, 9))
@pytest.mark.parametrize("error", (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS))
def test_a_write_to_the_log_fails(bad_disk_server, number, error):
    server = bad_disk_server()
    orders = server.orders
    server.start()
    orders.set("log", fail_write_from=orders.get("log", "writes") + number, error=error)
    acknowledged = write_until_the_end(server, limit=100)
    ended_with_storage(server, os.strerror(error), str(server.data_dir / "version-2"))
    orders.clear()
    server.start()
    check_writes(server, acknowledged)


@pytest.mark.parametrize("what", ("fail_write_from", "fail_sync_from"))
def test_a_snapshot_fails(bad_disk_server, what):
    """The server goes on: the log holds everything."""
    server = bad_disk_server(cfg={"snapCount": 50})
    orders = server.orders
    server.start()
    orders.set("snapshot", error=errno.EIO, **{what: 1})
    assert write_until_the_end(server, limit=300) == 300
    log_gains(server, "was not finished: input/output error")
    assert monitor(server)["zk_snapshot_error_count"] >= 2
    server.kill()
    server.start()
    check_writes(server, 300)
    orders.clear()
    taken = monitor(server)["zk_cnt_snapshottime"]
    conn = open_session(server.address)
    for number in range(60):
        conn.call("create", wire.body_create(f"/later{number}", b""))
    wait_for(lambda: monitor(server)["zk_cnt_snapshottime"] > taken, "a snapshot on the healed disk")
    conn.close()


@pytest.mark.parametrize("number, name", ((1, "received-"), (2, "snapshot.")), ids=("receives", "keeps"))
@pytest.mark.parametrize("error", (errno.EIO, errno.ENOSPC, errno.EDQUOT))
def test_the_snapshot_of_a_leader_cannot_be_written(shim, tmp_path, number, name, error):
    """Neither as it comes nor as an own one: the follower ends and names the file; it comes back on a good disk.

    Else its leader would send the whole tree again and again.
    """
    with Ensemble(tmp_path, ["samsa"] * 3) as one:
        follower = one.servers[1]
        follower.work.mkdir(parents=True)
        orders = DiskOrders(follower.work / "orders")
        follower.environment = lambda old=follower.environment: {**old(), **orders.environment(shim)}
        # Alone it writes the snapshot of an empty server; the next that comes is the leader's.
        one.start(1, wait=False)
        wait_for(lambda: "LOOKING" in follower.logs(), "the first start")
        follower.kill()
        one.start(2, 3)
        orders.set("snapshot", fail_write_from=orders.get("snapshot", "writes") + number, error=error)
        one.start(1, wait=False)
        ended_with_storage(follower, os.strerror(error), str(follower.data_dir / "version-2"), name)
        # It was the server that went; the leader did nothing.
        assert "the leader has closed the connection" not in follower.logs()
        orders.clear()
        one.start(1)
        assert one.mode(1) == "follower"


def test_partial_writes_and_interruptions(bad_disk_server):
    """The system may do a part of what it is asked: nothing may be missing or double."""
    server = bad_disk_server(cfg={"snapCount": 60, "preAllocSize": 0})
    for kind in KINDS:
        server.orders.set(kind, ragged=1)
    server.start()
    assert write_until_the_end(server, limit=200) == 200
    before = tree_workload.dump(server)
    wait_for(lambda: monitor(server)["zk_cnt_snapshottime"] >= 2, "a second snapshot")
    server.restart("kill")
    assert not tree_workload.differences(before, tree_workload.dump(server))


# --- slow ---

def test_a_slow_sync(bad_disk_server):
    """Writes wait for the disk; reads of others do not, and the log says why."""
    server = bad_disk_server(cfg={"fsync.warningthresholdms": 100})
    orders = server.orders
    server.start()
    reader = open_session(server.address)
    writer = open_session(server.address)
    writer.call("create", wire.body_create("/w", b""))
    orders.set("log", sync_delay_ms=400)
    writes = 8
    ended = threading.Event()

    def write():
        for number in range(writes):
            writer.call("setData", wire.body_set_data("/w", b"%d" % number))
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    slow = []
    count = 0
    while not ended.is_set():
        began = time.monotonic()
        reader.call("getData", wire.body_path_watch("/w"))
        took = time.monotonic() - began
        count += 1
        if took > 0.1:
            slow.append(round(took, 2))
        time.sleep(0.002)
    thread.join()
    # The first slow sync may be done on the loop, since nobody could know that it would be slow.
    assert len(slow) <= 1, f"reads waited for the writer's syncs: {slow} of {count}"
    assert count > 200
    log_gains(server, "fsync-ing the write ahead log took ")
    assert "which will adversely effect operation latency" in server.logs()
    assert monitor(server)["zk_max_fsynctime"] >= 400
    orders.clear()
    writer.close()
    reader.close()


def test_a_slow_snapshot(bad_disk_server):
    """Neither reads nor writes wait for it."""
    server = bad_disk_server(cfg={"snapCount": 50})
    server.start()
    conn = open_session(server.address)
    server.orders.set("snapshot", sync_delay_ms=1500)
    longest = 0
    for number in range(400):
        began = time.monotonic()
        conn.call("create", wire.body_create(f"/n{number:06}", b"%06d" % number + b"x" * 1000))
        longest = max(longest, time.monotonic() - began)
    assert longest < 1, f"a write took {longest:.2f} s"
    log_gains(server, "Too busy to snap, skipping")
    conn.close()
    server.restart("kill")
    check_writes(server, 400)


def test_stopping_waits_for_a_slow_sync(bad_disk_server):
    """SIGTERM while a write is on its way: it is finished, the end is orderly."""
    server = bad_disk_server()
    server.start()
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/n000000", b"000000" + b"x" * 1000))
    server.orders.set("log", sync_delay_ms=700)
    conn.send_frame(conn.request_payload("create", wire.body_create("/late", b"")))
    time.sleep(0.1)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5
    conn.close()
    server.orders.clear()
    server.start()
    check_writes(server, 1)
