"""A tree of a million znodes: its memory (Z10), its restart (Z11), sets while it is saved (Z15).

The order within one side is fixed (fill, restarts, sets), so the sides take turns by step, not by run.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import threading
import time

from . import machine
from .pairs import LOAD_TIMEOUT_S, BenchError
from .rows import APACHE, Row, field

FILL = ("--connections", 16, "--depth", 64)
TAG = "million"
POLL_S = 0.005
# A snapshot starts a little before its file is seen, and its last replies come a little later.
MARGIN_NS = 50_000_000


def znode_count(side):
    found = re.search(rb"Node count: (\d+)", side.server.four_letter("srvr"))
    if not found:
        raise BenchError(f"{side.name}: no node count in the answer to srvr")
    return int(found.group(1))


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def live_heap_kib(side):
    """What the JVM's heap holds after a full collection; None without jcmd, and for Samsa."""
    if side.name != APACHE or shutil.which("jcmd") is None:
        return None
    pid = str(side.server.pid)
    for command in ("GC.run", "GC.heap_info"):
        done = subprocess.run(["jcmd", pid, command], capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            return None
    used = re.search(r"used (\d+)K", done.stdout)
    return int(used.group(1)) if used else None


def fill(campaign):
    """A fresh server each; RSS empty, the fill, RSS full. One run: memory does not vary."""
    count = campaign.options.znodes

    def measure(side):
        empty_kib = side.server.rss() / 1024
        line = side.load("run", "--op", "create", *FILL, "--tag", TAG, "--ops", count)
        if znode_count(side) < count:
            raise BenchError(f"{side.name}: {znode_count(side)} znodes after {count} creates")
        time.sleep(1)
        full_kib = side.server.rss() / 1024
        memory = {"empty_kib": empty_kib, "full_kib": full_kib,
                  "peak_kib": peak_kib(side.server.pid), "live_heap_kib": live_heap_kib(side)}
        return {"fill": line, "memory": memory}

    pairs = campaign.once("fill", measure)
    campaign.note("fill", pairs, field("memory", "full_kib", 1 / 1024), "MiB")
    return pairs


def memory_rows(campaign, pairs, restarts):
    count = campaign.options.znodes
    mib = 1 / 1024
    whole = 240 if count >= 1000000 else None

    def against_live_heap(result):
        memory = result["memory"]
        kib = memory["live_heap_kib"] if memory["live_heap_kib"] is not None else memory["full_kib"]
        return kib * mib

    def each(result):
        memory = result["memory"]
        return (memory["full_kib"] - memory["empty_kib"]) * 1024 / count

    label = f"{count} znodes of 100 B"
    rows = [
        (Row("Z10", f"{label}: RSS", field("memory", "full_kib", mib), "MiB", True, 9, whole), pairs),
        (Row("Z10", f"{label}: peak RSS", field("memory", "peak_kib", mib), "MiB", True, 9), pairs),
        (Row("Z10", f"{label}: RSS after a restart", field("restarted", "rss_kib", mib), "MiB", True,
             4.5, whole), restarts),
        (Row("Z10", f"{label}: Apache's live heap : RSS", against_live_heap, "MiB", True, 1.8), pairs),
        (Row("size", f"{label}: memory each", each, "B"), pairs),
        (Row("size", f"{count} creates, 16 x 64: wall", field("fill", "wall_s"), "s"), pairs),
        (Row("size", "an empty server: RSS", field("memory", "empty_kib", mib), "MiB"), pairs),
    ]
    return rows


def timed_start(side, last_item):
    """Start the server; seconds from then to the first read that it served, and what it cost.

    The generator is there first and tries every millisecond, so its own start costs nothing.
    """
    arguments = ["probe", "--tag", TAG] + (["--ops", last_item] if last_item else [])
    probe = subprocess.Popen(side.command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    try:
        time.sleep(0.05)
        begin_ns = time.monotonic_ns()
        side.server.start(wait=False)
        out, problem = probe.communicate(timeout=LOAD_TIMEOUT_S)
    finally:
        if probe.poll() is None:
            probe.kill()
            probe.wait()
    if probe.returncode != 0:
        raise BenchError(f"{side.name}: {problem.strip()}\n{side.server.log_tail(10)}")
    cpu_s = machine.process_cpu_seconds(side.server.pid)
    side.server.wait_ready()
    return {"served_s": (json.loads(out)["served_ns"] - begin_ns) / 1e9, "cpu_s": cpu_s,
            "rss_kib": side.server.rss() / 1024}


def starts(campaign, pair_count):
    """An empty server: the command is given, the first read is answered."""

    def measure(side):
        side.server.kill()
        shutil.rmtree(side.server.data_dir)
        return {"start": timed_start(side, 0)}

    pairs = campaign.pairs("start", pair_count, measure, 1.0)
    rows = [Row("start", "an empty server: start to first read", field("start", "served_s", 1e3),
                "ms"),
            Row("start", "an empty server: start, CPU", field("start", "cpu_s", 1e3), "ms")]
    campaign.note("start", pairs, rows[0].value, rows[0].unit)
    return [(row, pairs) for row in rows]


def restarts(campaign, pair_count):
    """kill -9 with a log behind the last snapshot; then once more after a clean stop."""
    count = campaign.options.znodes

    def after(side, how):
        if how == "kill":
            # Every restart saves what it read, so each kill needs a log of its own.
            side.load("run", "--op", "set", "--ops", campaign.options.log_tail)
        before = znode_count(side)
        getattr(side.server, how)()
        result = timed_start(side, count)
        if znode_count(side) != before:
            raise BenchError(f"{side.name}: {before} znodes before the restart, "
                             f"{znode_count(side)} after it")
        return result

    killed = campaign.pairs("restart after kill -9", pair_count,
                            lambda side: {"restarted": after(side, "kill")}, 1.0)
    stopped = campaign.once("restart after stop", lambda side: {"restarted": after(side, "stop")})
    whole = 250 if count >= 1000000 else None
    rows = [
        (Row("Z11", f"restart with {count} znodes, kill -9", field("restarted", "served_s", 1e3),
             "ms", True, 20, whole), killed),
        (Row("size", f"restart with {count} znodes, kill -9: CPU", field("restarted", "cpu_s", 1e3),
             "ms"), killed),
        (Row("size", f"restart with {count} znodes, clean stop", field("restarted", "served_s", 1e3),
             "ms"), stopped),
    ]
    campaign.note("restart after kill -9", killed, rows[0][0].value, "ms")
    return killed, rows


class SnapshotWatcher(threading.Thread):
    """Notes when the server writes a snapshot: from the first sight of its file to its last growth.

    Files are told apart by inode, so one that is written under another name and renamed counts once.
    """

    def __init__(self, data_dir):
        super().__init__(daemon=True)
        self.data_dir = data_dir
        self.ended = threading.Event()
        self.windows = {}
        self.sizes = self.scan()
        self.old = set(self.sizes)

    def scan(self):
        sizes = {}
        for folder, _, names in os.walk(self.data_dir):
            for name in names:
                if "snap" in name:
                    try:
                        status = os.stat(os.path.join(folder, name))
                    except FileNotFoundError:
                        continue
                    sizes[status.st_ino] = status.st_size
        return sizes

    def run(self):
        while not self.ended.wait(POLL_S):
            now_ns = time.monotonic_ns()
            for inode, size in self.scan().items():
                if inode in self.old or self.sizes.get(inode) == size:
                    continue
                begin_ns = self.windows.get(inode, (now_ns, now_ns))[0]
                self.windows[inode] = (begin_ns, now_ns)
                self.sizes[inode] = size

    def finish(self):
        self.ended.set()
        self.join()
        return sorted(self.windows.values())


def percentile_us(buckets, fraction):
    total = sum(buckets.values())
    if total == 0:
        return None
    rank, seen = fraction * total, 0
    for value_ns in sorted(buckets):
        seen += buckets[value_ns]
        if seen > rank:
            return value_ns / 1e3
    return max(buckets) / 1e3


def split_slices(path, slice_ns, windows):
    """The histograms (value -> count) of the slices in a snapshot's window, and of all others."""
    inside, outside = {}, {}
    with open(path, encoding="ascii") as slices:
        for line in slices:
            begin_text, *buckets = line.split()
            begin_ns = int(begin_text)
            touches = any(begin_ns < end + MARGIN_NS and begin_ns + slice_ns > begin - MARGIN_NS
                          for begin, end in windows)
            target = inside if touches else outside
            for bucket in buckets:
                value, count = bucket.split(":")
                target[int(value)] = target.get(int(value), 0) + int(count)
    return inside, outside


def sets_during_snapshots(campaign, folder):
    """Sets at a fixed rate; the server saves its tree every few seconds meanwhile.

    The latencies within those times against the others: each side is compared with itself.
    """
    options = campaign.options
    slice_ms = 50

    def measure(side):
        side.server.stop()
        side.server.cfg["snapCount"] = options.saving_rate * options.saving_s // 4
        side.server.start()
        # The snapshot of the start, and a JVM that has to compile everything again, come first.
        side.load("run", "--op", "set", "--rate", options.saving_rate, "--seconds",
                  options.saving_warm_s)
        path = os.path.join(folder, f"slices_{side.name}.txt")
        watcher = SnapshotWatcher(side.server.data_dir)
        watcher.start()
        line = side.load("run", "--op", "set", "--rate", options.saving_rate, "--warmup", 0,
                         "--seconds", options.saving_s, "--slices", path, "--slice", slice_ms)
        windows = watcher.finish()
        inside, outside = split_slices(path, slice_ms * 1_000_000, windows)
        if not inside or not outside:
            raise BenchError(f"{side.name}: {len(windows)} snapshots in {options.saving_s} s leave "
                             "nothing to compare")
        saving = {
            "snapshots": len(windows),
            "snapshot_ms": statistics.median((end - begin) / 1e6 for begin, end in windows),
            "samples_during": sum(inside.values()), "samples_without": sum(outside.values()),
            "p50_during_us": percentile_us(inside, 0.5), "p50_without_us": percentile_us(outside, 0.5),
            "p99_during_us": percentile_us(inside, 0.99),
            "p99_without_us": percentile_us(outside, 0.99),
        }
        saving["factor"] = saving["p99_during_us"] / saving["p99_without_us"]
        return {"saving": saving, "sets": line}

    pairs = campaign.once("sets during a snapshot", measure)
    label = f"{options.saving_rate} sets/s, {options.znodes} znodes"
    rows = [
        Row("Z15", f"{label}: p99 during a snapshot / without", field("saving", "factor"), "x", True,
            None, 2.0),
        Row("size", f"{label}: p99 during a snapshot", field("saving", "p99_during_us"), "us"),
        Row("size", f"{label}: p99 without", field("saving", "p99_without_us"), "us"),
        Row("size", f"one snapshot of {options.znodes} znodes", field("saving", "snapshot_ms"), "ms"),
    ]
    campaign.note("sets during a snapshot", pairs, rows[0].value, rows[0].unit)
    return [(row, pairs) for row in rows], [("sets", label, pairs)]
