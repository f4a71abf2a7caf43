"""What many partitions and many connections cost a broker: memory, start, creation, idling.

The order within one side is fixed (empty, create, idle, restart, kill), so the sides take turns by step.
"""

import shutil
import time

from . import machine
from .rows import Row, field
from .session import start_fresh, wanted

IDS = {"K11", "K12", "K13", "K14", "K18", "K19"}
TOPICS = 10
# Apache looks at every log of ten thousand after a crash.
RESTART_TIMEOUT_S = 300


def rss_kib(side):
    with open(f"/proc/{side.server.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def started_s(side):
    begin_s = time.monotonic()
    side.server.start()
    return time.monotonic() - begin_s


def start_rows(campaign):
    """K12: a start with an empty directory; the poll for readiness is in it, on both sides."""

    def measure(side):
        side.kill()
        shutil.rmtree(side.server.data_dir, ignore_errors=True)
        seconds = started_s(side)
        time.sleep(0.5)
        return {"start": {"seconds": seconds, "empty_kib": rss_kib(side)}}

    pairs = campaign.pairs("start", campaign.options.start_pairs, measure, 1.0)
    rows = [Row("K12", "start, empty", field("start", "seconds", 1000), "ms", True, 200, 15),
            Row("K11", "RSS, empty", field("start", "empty_kib", 1 / 1024), "MiB", True, 40, 8)]
    for row in rows:
        campaign.note("start", pairs, row.value, row.unit)
    return [(row, pairs) for row in rows]


def connection_rows(campaign):
    """K18."""
    count = campaign.options.connections

    def measure(side):
        return {"connect": side.load("connect", "--connections", count, "--hold", 0.5)}

    pairs = campaign.pairs("connect", campaign.options.step_pairs, measure, 1.0)
    rows = [Row("K18", f"{count} connections: time", field("connect", "connect_s"), "s", True, None, 1),
            Row("K18", f"{count} connections: RSS each", field("connect", "kib_per_connection"), "KiB",
                True, None, 12)]
    for row in rows:
        campaign.note("connect", pairs, row.value, row.unit)
    return [(row, pairs) for row in rows]


def partition_rows(campaign):
    """K14, K11, K19, K13: in this order on one broker."""
    options = campaign.options
    count = options.partitions

    def create(side):
        line = side.load("create", "--topic", "many", "--topics", TOPICS, "--partitions",
                         count // TOPICS)
        time.sleep(1)
        return {"many": {**line, "many_kib": rss_kib(side)}}

    def idle(side):
        before = machine.process_cpu_seconds(side.server.pid)
        time.sleep(options.idle_s)
        used = machine.process_cpu_seconds(side.server.pid) - before
        return {"idle": {"share": used / options.idle_s}}

    def restart(how):
        def measure(side):
            if how == "kill":
                side.load("produce", "--topic", "many-0", "--partitions", count // TOPICS,
                          "--records", 900, "--size", 1024, "--connections", 8, "--depth", 2,
                          "--seconds", 2)
                side.kill()
            else:
                side.server.stop()
            begin_s = time.monotonic()
            side.server.start(timeout=RESTART_TIMEOUT_S)
            while side.load("metadata")["led"] < count:
                time.sleep(0.02)
            return {how: {"seconds": time.monotonic() - begin_s}}

        return measure

    steps = (
        ("create", create, (Row("K14", f"create {count} partitions", field("many", "create_s"), "s",
                                True, 30, 1),
                            Row("K11", f"RSS with {count} partitions",
                                field("many", "many_kib", 1 / 1024), "MiB", True, 17, 40))),
        ("idle", idle, (Row("K19", f"idle with {count} partitions, share of a core",
                            field("idle", "share", 100), "%", True, None, 0.1),)),
        ("restart", restart("clean"),
         (Row("K13", f"restart of {count} partitions, clean", field("clean", "seconds"), "s", True, 80,
              0.3),)),
        ("crash", restart("kill"),
         (Row("K13", f"restart of {count} partitions after kill -9 under load",
              field("kill", "seconds"), "s", True, 45, 1.0),)),
    )
    reported = []
    for name, measure, rows in steps:
        pairs = campaign.once(name, measure)
        for row in rows:
            reported.append((row, pairs))
            campaign.note(name, pairs, row.value, row.unit)
    return reported


def run(campaign):
    options = campaign.options
    reported = []
    if wanted(options, "K11", "K12"):
        reported += start_rows(campaign)
    if wanted(options, "K18"):
        reported += connection_rows(campaign)
    if wanted(options, "K11", "K13", "K14", "K19"):
        start_fresh(campaign.sides)
        reported += partition_rows(campaign)
    return reported, []
