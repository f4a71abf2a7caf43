#!/usr/bin/env python3
"""This against Apache ZooKeeper, side by side in one run, as ratios.

    bench/run_zookeeper.py                 everything, at most 12 minutes
    bench/run_zookeeper.py --short         the same at small scale, at most 3 minutes
    bench/run_zookeeper.py --only Z1,Z5    some rows
    bench/run_zookeeper.py --apache-only   one side, for work on it (--samsa-only the other)

README.md beside this file tells how to read the tables.  Raw lines stay in build/bench/.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "bench"))

from harness import machine, many, million, operations, session  # noqa: E402
from harness.pairs import BenchError, Campaign, Side  # noqa: E402
from harness.rows import APACHE, SAMSA, cells, table  # noqa: E402
from harness.session import start_fresh, wanted  # noqa: E402
from peers import ApacheServer, NEWEST, SamsaServer, samsa_program  # noqa: E402

PORTS = {APACHE: 23000, SAMSA: 23001}
JAVA_OPTIONS = ("-Xmx4g",)
# One text for both servers. forceSync is left at its default on both: nothing is acknowledged before
# it is on disk. snapCount too, but for Z15, which says so.
CONFIGURATION = {"maxSessionTimeout": 60000}

DEFAULT_SCALE = {
    "pair_count": 5, "extra_pairs": 3, "seconds": 2.0, "warm_first_s": 15.0, "warm_s": 4.0,
    "made": 100000, "sessions": 10000, "watchers": 10000, "many_pairs": 3, "hold_s": 2.0,
    "znodes": 1000000, "log_tail": 50000, "restart_pairs": 3, "start_pairs": 3, "saving_rate": 4000,
    "saving_s": 16, "saving_warm_s": 6, "budget_s": 620, "rest_s": 220,
}
SHORT_SCALE = {
    "pair_count": 2, "extra_pairs": 1, "seconds": 0.5, "warm_first_s": 4.0, "warm_s": 1.0,
    "made": 20000, "sessions": 2000, "watchers": 2000, "many_pairs": 2, "hold_s": 0.5,
    "znodes": 100000, "log_tail": 10000, "restart_pairs": 2, "start_pairs": 2, "saving_rate": 2000,
    "saving_s": 6, "saving_warm_s": 2, "budget_s": 130,
    "rest_s": 50,
}


COLUMNS = (("op/s", "ops_per_s", 1), ("wall s", "wall_s", 1), ("server us/op", "server_cpu_us_per_op", 1),
           ("client us/op", "client_cpu_us_per_op", 1), ("p50 us", "p50_us", 1), ("p99 us", "p99_us", 1),
           ("RSS MiB", "rss_kib", 1 / 1024), ("peak MiB", "rss_peak_kib", 1 / 1024),
           ("others %", "other_share", 100), ("steal %", "steal_share", 100))


def parse_arguments(arguments):
    known = {"Z10", "Z11", "Z12", "Z13", "Z15", "start"}
    for workload in operations.WORKLOADS + operations.EXTRAS:
        known |= workload.ids()
    return session.parse(arguments, __doc__, "Z1..Z15, ops, mix, start",
                         ("zookeeper_load", "the load generator"), known, (DEFAULT_SCALE, SHORT_SCALE))


def make_sides(options, data):
    """Both servers, equal in everything but what they are made of; not yet started."""
    sides = []
    if not options.samsa_only:
        server = ApacheServer(NEWEST, data / APACHE, PORTS[APACHE], CONFIGURATION, log_level="WARN",
                              java_options=JAVA_OPTIONS)
        sides.append(Side(APACHE, server, options.load))
    if not options.apache_only:
        if samsa_program() is None:
            raise BenchError("bin/samsa is not built; run make")
        server = SamsaServer(data / SAMSA, PORTS[SAMSA], CONFIGURATION, log_level="WARN")
        sides.append(Side(SAMSA, server, options.load))
    return sides


def run_plan(campaign, options):
    """[(row, pairs)] and the details, in the order of the report."""
    reported, details = [], []

    def take(part):
        reported.extend(part[0])
        details.extend(part[1])

    if wanted(options, "start"):
        reported += million.starts(campaign, options.start_pairs)
        start_fresh(campaign.sides)
    for workloads, pairs, reserve_s in (
            (operations.WORKLOADS, options.pair_count, 0),
            (operations.EXTRAS, options.extra_pairs, options.rest_s)):
        chosen = [one for one in workloads if wanted(options, *one.ids())]
        take(operations.run(campaign, chosen, pairs, reserve_s))
    if wanted(options, "Z13"):
        start_fresh(campaign.sides)
        take(many.sessions(campaign, options.many_pairs))
    if wanted(options, "Z12"):
        take(many.watches(campaign, options.many_pairs))
    if wanted(options, "Z10", "Z11", "Z15"):
        start_fresh(campaign.sides)
        filled = million.fill(campaign)
        restarted, restart_rows = million.restarts(campaign, options.restart_pairs)
        if wanted(options, "Z10"):
            reported += million.memory_rows(campaign, filled, restarted)
        if wanted(options, "Z11"):
            reported += restart_rows
        if wanted(options, "Z15"):
            take(million.sets_during_snapshots(campaign, campaign.folder))
    return reported, details


def header(campaign, options):
    data = campaign.sides[0].server.data_dir.parent
    p50, p99 = machine.sync_floor_us(data)
    lines = [
        f"Machine: {machine.description()}",
        f"Disk: one 4 KiB write made durable takes p50 {p50:.0f} us, p99 {p99:.0f} us",
    ]
    for side in campaign.sides:
        version = side.server.four_letter("srvr").decode("utf-8", "replace").splitlines()[0]
        lines.append(f"{side.name}: {version}")
        settings = {key: value for key, value in side.server.cfg.items()
                    if key not in ("dataDir", "clientPort")}
        lines.append(f"    zoo.cfg: {' '.join(f'{key}={value}' for key, value in settings.items())}")
    lines.append(f"Apache's JVM: {' '.join(JAVA_OPTIONS)}, its defaults otherwise; "
                 f"warmed up {options.warm_first_s:g} s, then {options.warm_s:g} s per workload")
    lines.append("Both: forceSync at its default (yes), the same file system, WARN logging; "
                 "C x D is C connections with D requests in flight on each")
    return lines


def report(campaign, options, top, reported, details):
    asked = [(row, pairs) for row, pairs in reported if row.id.startswith("Z")]
    asked.sort(key=lambda item: int(item[0].id[1:]))
    others = [(row, pairs) for row, pairs in reported if not row.id.startswith("Z")]
    more = []
    if others:
        more += ["What else was measured:", table([
            {key: text for key, text in cells(row, pairs).items() if key not in ("asked", "reached")}
            for row, pairs in others])]
    more += ["Medians behind it:", table(session.detail_lines(COLUMNS, details))]
    return session.report(campaign, options, top, [cells(row, pairs) for row, pairs in asked], *more)


def run(options, data, stack):
    sides = make_sides(options, data)
    for side in sides:
        session.kill_at_end(stack, side.server)
    with open(options.folder / "zookeeper_raw.jsonl", "w", encoding="utf-8") as archive:
        campaign = Campaign(sides, archive, options)
        campaign.folder = options.folder
        start_fresh(sides)
        top = header(campaign, options)
        archive.write(json.dumps({"what": "header", "lines": top}) + "\n")
        reported, details = run_plan(campaign, options)
    return report(campaign, options, top, reported, details)


def main(arguments=None):
    return session.execute("zookeeper", parse_arguments(arguments), "data", run)


if __name__ == "__main__":
    sys.exit(main())
