"""The benchmark's own arithmetic, and its generator: a harness that errs makes every number worthless."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from harness import million, rows  # noqa: E402
from harness.rows import APACHE, SAMSA, Row, field  # noqa: E402

CPU = Row("Z1", "get", field("get", "cpu"), "us/op", True, 15, 1.0)
RATE = Row("Z2", "get", field("get", "rate"), "op/s", False, 8, 800e3)


def pair(apache, samsa):
    return {APACHE: {"get": apache}, SAMSA: {"get": samsa}}


def test_a_ratio_is_the_factor_by_which_samsa_is_better():
    pairs = [pair({"cpu": 12.0, "rate": 100e3}, {"cpu": 0.5, "rate": 900e3})]
    assert rows.ratios(CPU, pairs) == [24.0]
    assert rows.ratios(RATE, pairs) == [9.0]


def test_the_median_of_ratios_is_no_ratio_of_means():
    pairs = [pair({"cpu": a}, {"cpu": s}) for a, s in ((10, 1), (40, 1), (90, 1))]
    line = rows.cells(CPU, pairs)
    assert line["ratio (min-max)"] == "40.00x (10.00-90.00)"
    assert line["reached"] == "yes"


@pytest.mark.parametrize("apache, samsa, expected", [
    (20.0, 1.0, "yes"),
    (20.0, 1.25, "no (ratio yes)"),
    (5.0, 1.0, "no (number yes)"),
    (5.0, 2.0, "no"),
])
def test_reached_needs_the_ratio_and_the_number(apache, samsa, expected):
    assert rows.cells(CPU, [pair({"cpu": apache}, {"cpu": samsa})])["reached"] == expected


def test_one_side_alone_has_no_ratio_and_judges_nothing_by_it():
    line = rows.cells(CPU, [{APACHE: {"get": {"cpu": 12.0}}}])
    assert (line["Samsa"], line["ratio (min-max)"], line["reached"]) == ("-", "-", "-")


def test_percentile_of_buckets():
    buckets = {1000: 98, 2000: 1, 500000: 1}
    assert million.percentile_us(buckets, 0.5) == 1.0
    assert million.percentile_us(buckets, 0.99) == 500.0
    assert million.percentile_us({}, 0.99) is None


def test_slices_are_split_by_the_times_of_snapshots(tmp_path):
    second = 1_000_000_000
    path = tmp_path / "slices"
    path.write_text(f"{1 * second} 1000:5\n{3 * second} 2000:7 3000:1\n{9 * second} 1000:2\n")
    inside, outside = million.split_slices(path, 50_000_000, [(3 * second, 4 * second)])
    assert inside == {2000: 7, 3000: 1}
    assert outside == {1000: 7}


def test_a_snapshot_is_seen_while_it_grows_and_counted_once_when_renamed(tmp_path):
    (tmp_path / "snapshot.1").write_bytes(b"old")
    (tmp_path / "log.1").write_bytes(b"log")
    watcher = million.SnapshotWatcher(tmp_path)
    watcher.start()
    begin_ns = time.monotonic_ns()
    with open(tmp_path / "snapshot.2.tmp", "wb", buffering=0) as snapshot:
        for _ in range(5):
            snapshot.write(bytes(1000))
            time.sleep(0.02)
    os.rename(tmp_path / "snapshot.2.tmp", tmp_path / "snapshot.2")
    time.sleep(0.05)
    windows = watcher.finish()
    assert len(windows) == 1
    assert begin_ns < windows[0][0] < begin_ns + 60_000_000 < windows[0][1]


@pytest.fixture(scope="session")
def generator(tmp_path_factory):
    program = tmp_path_factory.mktemp("bench") / "zookeeper_load"
    sources = [ROOT / "bench/zookeeper_load.c", *sorted((ROOT / "bench/load").glob("*.c"))]
    subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-o", program, *sources], check=True, timeout=120)
    return program


@pytest.mark.parametrize("arguments", [
    ["run", "--host", "10.0.0.1"], ["run", "--host", "example.org"], ["run", "--mix", "get=50"],
    ["run", "--op", "drop"], ["run", "--connections", "0"], ["dance"], [],
])
def test_the_generator_refuses_what_makes_no_sense(generator, arguments):
    done = subprocess.run([generator, *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and done.stdout == "" and done.stderr != ""


def receive(conn, count):
    data = b""
    while len(data) < count:
        part = conn.recv(count - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def answer(listener, body):
    """Greets every session; answers creates with their path, closes with nothing, all else with `body`."""

    def serve(conn):
        try:
            receive(conn, struct.unpack(">i", receive(conn, 4))[0])
            conn.sendall(struct.pack(">iiiqi16sb", 37, 0, 30000, 7, 16, bytes(16), 0))
            while True:
                request = receive(conn, struct.unpack(">i", receive(conn, 4))[0])
                xid, op = struct.unpack(">ii", request[:8])
                reply = body
                if op == 1:
                    reply = request[8:12 + struct.unpack(">i", request[8:12])[0]]
                elif op == -11:
                    reply = b""
                conn.sendall(struct.pack(">iiqi", 16 + len(reply), xid, 1, 0) + reply)
        except OSError:
            conn.close()

    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


@pytest.mark.parametrize("body, code, text", [
    (bytes(68), 0, '"ops":50,'),
    (bytes(67), 1, "wrong body"),
])
def test_the_generator_counts_right_answers_only(generator, body, code, text):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener, body), daemon=True).start()
        done = subprocess.run(
            [generator, "run", "--op", "exists", "--ops", "50", "--keys", "10", "--connections", "3",
             "--depth", "4", "--port", str(listener.getsockname()[1]), "--limit", "10"],
            capture_output=True, text=True, timeout=30)
    assert done.returncode == code, done.stderr
    assert text in done.stdout + done.stderr
