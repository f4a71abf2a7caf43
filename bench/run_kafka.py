#!/usr/bin/env python3
"""This against Apache Kafka, side by side in one run, as ratios.

    bench/run_kafka.py                 everything, at most 15 minutes
    bench/run_kafka.py --short         the same at small scale, at most 4 minutes
    bench/run_kafka.py --only K1,K5    some rows
    bench/run_kafka.py --apache-only   one side, for work on it (--samsa-only the other)

Both brokers in page-cache mode in the table of ratios: Samsa with flush.before.ack=false.  A second
table has Samsa as it comes, where acknowledged means on disk.  README.md beside this file tells how to
read the tables.  Raw lines stay in build/bench/.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "bench"))

from harness import kafka_partitions, kafka_workloads, machine  # noqa: E402
from harness.pairs import BenchError, Campaign, Side  # noqa: E402
from harness.rows import APACHE, SAMSA, cells, number, table  # noqa: E402
from peers import (KAFKA_NEWEST, ApacheBroker, PeerUnavailable, SamsaBroker, SamsaServer,  # noqa: E402
                   ServerDied, samsa_program)

ZOOKEEPER_PORT = 23010
PORTS = {APACHE: 23011, SAMSA: 23012, "flushing": 23013}
# What kafka-server-start.sh and kafka-run-class.sh give their JVM.
JAVA_OPTIONS = ("-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent")
# One text for both brokers. Retention keeps the disk from filling up during a run.
CONFIGURATION = {
    "log.segment.bytes": 268435456, "log.retention.bytes": 1073741824,
    "log.retention.check.interval.ms": 2000, "log.segment.delete.delay.ms": 500,
    "max.connections": 20000, "num.partitions": 1, "offsets.topic.num.partitions": 1,
}

DEFAULT_SCALE = {
    "pair_count": 5, "seconds": 2.0, "warm_first_s": 15.0, "warm_s": 3.0, "messages": 1.0,
    "latency_s": 10.0, "connections": 10000, "partitions": 10000, "step_pairs": 2, "idle_s": 10.0,
    "start_pairs": 3, "budget_s": 780, "rest_s": 260,
}
SHORT_SCALE = {
    "pair_count": 2, "seconds": 0.7, "warm_first_s": 5.0, "warm_s": 1.0, "messages": 0.2,
    "latency_s": 3.0, "connections": 2000, "partitions": 1000, "step_pairs": 1, "idle_s": 3.0,
    "start_pairs": 1, "budget_s": 200, "rest_s": 80,
}


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="small scale, at most 4 minutes")
    parser.add_argument("--only", default="", metavar="K1,K5", help="rows to take: K1..K19, client")
    parser.add_argument("--apache-only", action="store_true")
    parser.add_argument("--samsa-only", action="store_true")
    parser.add_argument("--no-gate", dest="gate", action="store_false",
                        help="take every run, however disturbed (for work on a busy machine)")
    parser.add_argument("--keep", action="store_true", help="leave the data directories")
    parser.add_argument("--load", type=Path, default=ROOT / "build/release/bench/kafka_load",
                        metavar="PROGRAM", help="the raw load generator; kafka_client stands beside it")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench",
                        help="for data directories and results")
    options = parser.parse_args(arguments)
    if options.apache_only and options.samsa_only:
        parser.error("--apache-only and --samsa-only exclude each other")
    options.only = {row_id for row_id in options.only.split(",") if row_id}
    known = kafka_workloads.ids() | kafka_partitions.IDS
    if options.only - known:
        parser.error(f"--only: {', '.join(sorted(options.only - known))} is none of "
                     f"{', '.join(sorted(known))}")
    for name, value in (SHORT_SCALE if options.short else DEFAULT_SCALE).items():
        setattr(options, name, value)
    return options


class BrokerSide(Side):
    """One of the brokers, with the raw generator and librdkafka's client."""

    def client(self, *arguments):
        raw, self.program = self.program, self.program.with_name("kafka_client")
        try:
            return self.load(*arguments)
        finally:
            self.program = raw


def make_sides(options, data, zookeeper):
    """(the two sides of the ratios, Samsa as it comes); not yet started."""
    sides, flushing = [], None
    if not options.samsa_only:
        broker = ApacheBroker(KAFKA_NEWEST, data / APACHE, PORTS[APACHE], zookeeper.hosts + "/apache",
                              properties=CONFIGURATION, log_level="WARN", java_options=JAVA_OPTIONS)
        sides.append(BrokerSide(APACHE, broker, options.load))
    if not options.apache_only:
        if samsa_program() is None:
            raise BenchError("bin/samsa is not built; run make")
        broker = SamsaBroker(data / SAMSA, PORTS[SAMSA], zookeeper.hosts + "/samsa",
                             properties={**CONFIGURATION, "flush.before.ack": "false"},
                             log_level="WARN")
        sides.append(BrokerSide(SAMSA, broker, options.load))
        broker = SamsaBroker(data / "flushing", PORTS["flushing"], zookeeper.hosts + "/flushing",
                             properties=CONFIGURATION, log_level="WARN")
        flushing = BrokerSide("flushing", broker, options.load)
    return sides, flushing


def start_fresh(sides):
    for side in sides:
        if side.server.alive:
            side.server.kill()
        shutil.rmtree(side.server.data_dir, ignore_errors=True)
        side.server.start()
        name = Path(f"/proc/{side.server.pid}/comm").read_text(encoding="utf-8").strip()
        if name in ("sh", "bash", "dash", "env"):
            raise BenchError(f"{side.name}: process {side.server.pid} is a shell, not the broker")


def run_plan(campaign, options, flushing):
    """[(row, pairs)] and the details, in the order of the report; what the flushing broker did."""
    reported, details = kafka_workloads.run(campaign, options.pair_count, options.rest_s)
    on_disk = []
    if flushing is not None:
        on_disk = kafka_workloads.run_flushing(campaign, flushing)
    more = kafka_partitions.run(campaign)
    return reported + more[0], details + more[1], on_disk


COLUMNS = (("records/s", "records_per_s", 1), ("MB/s", "mb_per_s", 1), ("wall s", "wall_s", 1),
           ("server s/GB", "server_cpu_s_per_gb", 1),
           ("server s/M records", "server_cpu_s_per_m_records", 1),
           ("server us/request", "server_cpu_us_per_op", 1), ("p50 us", "p50_us", 1),
           ("p99 us", "p99_us", 1), ("RSS MiB", "rss_kib", 1 / 1024), ("others %", "other_share", 100))


def detail_line(label, side, results):
    line = {"workload": label, "side": side, "runs": str(len(results))}
    for head, key, scale in COLUMNS:
        values = [result[key] for result in results if key in result]
        line[head] = number(statistics.median(values) * scale) if values else "-"
    return line


def detail_lines(details):
    lines = []
    for name, label, pairs in details:
        for side in (APACHE, SAMSA):
            results = [pair[side][name] for pair in pairs if side in pair and name in pair[side]]
            if results:
                lines.append(detail_line(label, side, results))
    return lines


def header(campaign, options):
    data = campaign.sides[0].server.data_dir.parent
    p50, p99 = machine.sync_floor_us(data)
    lines = [f"Machine: {machine.description()}",
             f"Disk: one 4 KiB write made durable takes p50 {p50:.0f} us, p99 {p99:.0f} us",
             f"Apache Kafka {KAFKA_NEWEST} on its default JVM options: {' '.join(JAVA_OPTIONS)}; "
             f"warmed up {options.warm_first_s:g} s, then {options.warm_s:g} s per workload",
             "Both: " + " ".join(f"{key}={value}" for key, value in CONFIGURATION.items()),
             "Both acknowledge from the page cache (Samsa: flush.before.ack=false), the same file "
             "system; C x D is C connections with D requests in flight on each",
             "Samsa checks a compressed batch by header and CRC and does not unpack it; Apache does"]
    return lines


def report(campaign, options, top, reported, details, on_disk):
    asked = sorted(reported, key=lambda item: (int(item[0].id[1:]) if item[0].id[1:].isdigit() else 99))
    verdicts = [cells(row, pairs) for row, pairs in asked]
    parts = ["\n".join(top), "What was asked (performance targets):", table(verdicts),
             "Medians behind it:", table(detail_lines(details))]
    if on_disk:
        parts += ["Samsa as it comes: acknowledged means on disk (flush.before.ack=true; acks=all):",
                  table([detail_line(label, "samsa", results) for label, results in on_disk])]
    if campaign.noisy:
        disturbed = ", ".join(f"{what} ({count})" for what, count in sorted(campaign.noisy.items()))
        parts.append(f"DISTURBED: other processes used the machine during these runs: {disturbed}. "
                     "Trust the ratios of CPU more than those of time.")
    if options.short:
        parts.append("This was the short form: small scale, few pairs. It shows that the harness and "
                     "the brokers work; numbers to quote come from the default form.")
    reached = sum(line["reached"] == "yes" for line in verdicts)
    judged = sum(line["reached"] != "-" for line in verdicts)
    parts.append(f"{reached} of {judged} targets reached, "
                 f"in {time.monotonic() - campaign.begin_s:.0f} s")
    return "\n\n".join(part for part in parts if part)


def main(arguments=None):
    options = parse_arguments(arguments)
    if not options.load.exists():
        print(f"run_kafka: {options.load} is not there; run make, or give --load", file=sys.stderr)
        return 2
    data = options.folder / "kafka_data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    sides, flushing = [], None
    zookeeper = SamsaServer(data / "zookeeper", ZOOKEEPER_PORT, log_level="WARN")
    try:
        zookeeper.start()
        sides, flushing = make_sides(options, data, zookeeper)
        with open(options.folder / "kafka_raw.jsonl", "w", encoding="utf-8") as archive:
            campaign = Campaign(sides, archive, options)
            start_fresh(sides)
            top = header(campaign, options)
            archive.write(json.dumps({"what": "header", "lines": top}) + "\n")
            reported, details, on_disk = run_plan(campaign, options, flushing)
        text = report(campaign, options, top, reported, details, on_disk)
        (options.folder / "kafka.md").write_text(text + "\n", encoding="utf-8")
        print(text)
        return 0
    except (BenchError, PeerUnavailable, ServerDied, subprocess.TimeoutExpired) as problem:
        print(f"run_kafka: {problem}", file=sys.stderr)
        return 1
    finally:
        for side in [*sides, *([flushing] if flushing else [])]:
            if side.server.alive:
                side.server.kill()
        if zookeeper.alive:
            zookeeper.kill()
        if not options.keep:
            shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
