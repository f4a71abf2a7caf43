"""Kafka's workloads that are a rate or a latency: one table, measured in pairs.

The raw generator saturates the broker; librdkafka shows what a client is left with.  A topic per workload,
one partition but where it says otherwise.
"""

import time
from dataclasses import dataclass
from typing import Tuple

from .pairs import OTHER_SHARE_MAX, OTHER_SHARE_MAX_DISK
from .rows import Row, field

CPU_GB = ("server CPU", "server_cpu_s_per_gb", "s/GB", True)
CPU_RECORDS = ("server CPU", "server_cpu_s_per_m_records", "s/M records", True)
CPU_REQUEST = ("server CPU", "server_cpu_us_per_op", "us/request", True)
RECORDS = ("records", "records_per_s", "1/s", False)
REQUESTS = ("requests", "ops_per_s", "1/s", False)
BYTES = ("bytes", "mb_per_s", "MB/s", False)
P50 = ("p50", "p50_us", "us", True)


@dataclass(frozen=True)
class Workload:
    """`targets`: (row id, what, key, unit, less is better, asked ratio, asked number). `client`: with
    librdkafka and so many messages, not with the raw generator and for a time."""

    name: str
    label: str
    arguments: Tuple
    targets: Tuple = ()
    client: int = 0
    rate: int = 0
    reads: bool = False

    def ids(self):
        return {target[0] for target in self.targets}


def raw(records, size, connections, depth, acks=1):
    return ("--records", records, "--size", size, "--connections", connections, "--depth", depth,
            "--acks", acks)


WORKLOADS = (
    Workload("raw_1k", "produce 1 KB, raw, 1 MB requests, acks=1", raw(1000, 1024, 1, 4),
             (("K1", *CPU_GB, 4, 0.55), ("K4", *BYTES, None, None))),
    Workload("raw_100", "produce 100 B, raw, 1 MB requests, acks=1", raw(9000, 100, 1, 4),
             (("K2", *CPU_RECORDS, 5, 0.08), ("K3", *RECORDS, 4, 10e6))),
    Workload("small_64x5", "1-record requests, 64 x 5", raw(1, 100, 64, 5),
             (("K5", *REQUESTS, 4, 250e3), ("K5", *CPU_REQUEST, 8, None))),
    Workload("small_64x1", "1-record requests, 64 x 1", raw(1, 100, 64, 1),
             (("K6", *REQUESTS, 3, None),)),
    Workload("latency", "1 KB at 1,000/s, 1 connection", raw(1, 1024, 1, 1),
             (("K7", *P50, 2, 90), ("K7", *CPU_REQUEST, 3, None)), rate=1000),
    Workload("client_100", "librdkafka produce 100 B", ("--size", 100),
             (("K3", *RECORDS, 1.25, None), ("K2", *CPU_RECORDS, None, None)), client=3000000),
    Workload("client_1k", "librdkafka produce 1 KB", ("--size", 1024),
             (("K4", *BYTES, 2, 900),), client=600000),
    Workload("client_10k", "librdkafka produce 10 KB", ("--size", 10240),
             (("K4", *BYTES, 2.5, 1300),), client=60000),
    Workload("lz4", "librdkafka produce 1 KB, lz4", ("--size", 1024, "--codec", "lz4"),
             (("K9", *CPU_RECORDS, 5, None),), client=400000),
    Workload("snappy", "librdkafka produce 1 KB, snappy", ("--size", 1024, "--codec", "snappy"),
             (("K9", *CPU_RECORDS, 10, None),), client=400000),
    Workload("zstd", "librdkafka produce 1 KB, zstd", ("--size", 1024, "--codec", "zstd"),
             (("K9", *CPU_RECORDS, 10, None),), client=400000),
    Workload("gzip", "librdkafka produce 1 KB, gzip", ("--size", 1024, "--codec", "gzip"),
             (("K9", *CPU_RECORDS, 18, None),), client=150000),
    Workload("consume", "fetch 1 MB, raw, from the page cache", ("--connections", 1),
             (("K10", *CPU_GB, 2.5, 0.3),), reads=True),
    Workload("client_consume", "librdkafka consume 1 KB", (),
             (("K10", *CPU_GB, 2.5, None),), client=400000, reads=True),
)

# Read by the workloads that read; small enough that retention leaves it alone.
FILLED_TOPIC, FILLED_MESSAGES = "filled", 400000


def ids():
    return set().union(*(workload.ids() for workload in WORKLOADS)) | {"client"}


def rows_of(workload):
    return [Row(row_id, f"{workload.label}: {what}", field(workload.name, key), unit, less, ratio,
                absolute)
            for row_id, what, key, unit, less, ratio, absolute in workload.targets]


def fill(side):
    side.client("produce", "--topic", FILLED_TOPIC, "--messages", FILLED_MESSAGES, "--size", 1024)


def once(workload, side, options, seconds):
    """One run; `seconds` is for the raw generator, librdkafka's runs go by number."""
    topic = FILLED_TOPIC if workload.reads else workload.name
    if workload.client:
        verb = "consume" if workload.reads else "produce"
        count = FILLED_MESSAGES if workload.reads else int(workload.client * options.messages)
        return side.client(verb, "--topic", topic, "--messages", count, *workload.arguments)
    if workload.reads:
        return side.load("fetch", "--topic", topic, *workload.arguments, "--seconds", seconds)
    rate = ("--rate", workload.rate) if workload.rate else ()
    if workload.rate:
        seconds = max(seconds, options.latency_s)
    return side.load("produce", "--topic", topic, *workload.arguments, *rate, "--seconds", seconds)


def make_topic(workload, side):
    if workload.reads:
        return
    # By librdkafka, which waits for it; with one message.
    side.client("produce", "--topic", workload.name, "--messages", 1)


def warm_up(campaign, workload):
    for side in campaign.sides:
        make_topic(workload, side)
        if workload.reads and not getattr(side, "is_filled", False):
            fill(side)
            side.is_filled = True
        seconds = campaign.options.warm_s if side.warm_s else campaign.options.warm_first_s
        if side.name == "samsa":
            seconds = min(seconds, 3)  # nothing to compile, but pages to be had
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            once(workload, side, campaign.options, min(seconds, 3))
        side.warm_s += seconds


def run(campaign, pair_count, reserve_s):
    """[(row, pairs)] of every workload, and the names for the table of details."""
    options = campaign.options
    reported, details = [], []
    for workload in WORKLOADS:
        if options.only and not options.only & workload.ids():
            continue
        if campaign.left_s() < reserve_s:
            campaign.say(f"{workload.name}: left out, the time is needed for the rest")
            continue
        campaign.memory.fill()
        warm_up(campaign, workload)
        limit = OTHER_SHARE_MAX if workload.reads or workload.rate else OTHER_SHARE_MAX_DISK
        pairs = campaign.pairs(
            workload.name, pair_count if not workload.rate else min(pair_count, 3),
            lambda side, load=workload: {load.name: once(load, side, options, options.seconds)}, limit)
        rows = rows_of(workload)
        reported += [(row, pairs) for row in rows]
        details.append((workload.name, workload.label, pairs))
        for row in rows:
            campaign.note(workload.name, pairs, row.value, row.unit)
    return reported, details


FLUSHING_RUNS = 2
FLUSHING = (
    Workload("raw_1k", "produce 1 KB, raw, 1 MB requests, acks=all", raw(1000, 1024, 1, 4, -1)),
    Workload("small_64x5", "1-record requests, 64 x 5, acks=all", raw(1, 100, 64, 5, -1)),
    Workload("latency", "1 KB at 1,000/s, 1 connection, acks=all", raw(1, 1024, 1, 1, -1), rate=1000),
    Workload("client_1k", "librdkafka produce 1 KB, acks=all", ("--size", 1024, "--acks", "all"),
             client=400000),
)


def run_flushing(campaign, side):
    """[(label, results)]: Samsa as it comes, alone; beside the ratios, never in them."""
    options = campaign.options
    if options.only and not options.only & {"K1", "K5", "K7", "client"}:
        return []
    side.server.start()
    done = []
    for workload in FLUSHING:
        make_topic(workload, side)
        results = [once(workload, side, options, options.seconds) for _ in range(FLUSHING_RUNS)]
        for index, result in enumerate(results):
            campaign.record(f"flushing_{workload.name}", side.name, index, True,
                            {workload.name: result})
        done.append((workload.label, results))
        campaign.say(f"flushing {workload.name}: {results[0]['records_per_s']:.0f} records/s, "
                     f"p50 {results[0].get('p50_us', 0):.0f} us")
    side.kill()
    return done
