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

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "bench"))

from harness import kafka_partitions, kafka_workloads, machine, session  # noqa: E402
from harness.memory import WarmMemory  # noqa: E402
from harness.pairs import BenchError, Campaign, Side  # noqa: E402
from harness.rows import APACHE, SAMSA, cells, table  # noqa: E402
from peers import KAFKA_NEWEST, ApacheBroker, SamsaBroker, SamsaServer, samsa_program  # noqa: E402

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
    "zookeeper.session.timeout.ms": 6000,
}
# A broker that was killed is registered until its session is over, and Apache's does not start before.
REGISTERED_MAX_S = 30

DEFAULT_SCALE = {
    "pair_count": 3, "seconds": 2.0, "warm_first_s": 15.0, "warm_s": 3.0, "messages": 1.0,
    "latency_s": 5.0, "connections": 10000, "partitions": 10000, "step_pairs": 2, "idle_s": 10.0,
    "start_pairs": 2, "budget_s": 800, "rest_s": 240,
}
SHORT_SCALE = {
    "pair_count": 2, "seconds": 0.7, "warm_first_s": 5.0, "warm_s": 1.0, "messages": 0.2,
    "latency_s": 3.0, "connections": 2000, "partitions": 1000, "step_pairs": 1, "idle_s": 3.0,
    "start_pairs": 1, "budget_s": 200, "rest_s": 80,
}


def parse_arguments(arguments):
    return session.parse(arguments, __doc__, "K1..K19, client",
                         ("kafka_load", "the raw load generator; kafka_client stands beside it"),
                         kafka_workloads.ids() | kafka_partitions.IDS, (DEFAULT_SCALE, SHORT_SCALE))


class BrokerSide(Side):
    """One of the brokers, with the raw generator and librdkafka's client."""

    def __init__(self, name, server, program, zookeeper):
        super().__init__(name, server, program)
        self.zookeeper = zookeeper

    def kill(self):
        """Ends when the registration has gone with the broker's session."""
        self.server.kill()
        path = f"/{self.name}/brokers/ids/".encode()
        deadline = time.monotonic() + REGISTERED_MAX_S
        while path in self.zookeeper.four_letter("dump"):
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: still registered {REGISTERED_MAX_S} s after its end")
            time.sleep(0.05)

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
        sides.append(BrokerSide(APACHE, broker, options.load, zookeeper))
    if not options.apache_only:
        if samsa_program() is None:
            raise BenchError("bin/samsa is not built; run make")
        broker = SamsaBroker(data / SAMSA, PORTS[SAMSA], zookeeper.hosts + "/samsa",
                             properties={**CONFIGURATION, "flush.before.ack": "false"},
                             log_level="WARN")
        sides.append(BrokerSide(SAMSA, broker, options.load, zookeeper))
        broker = SamsaBroker(data / "flushing", PORTS["flushing"], zookeeper.hosts + "/flushing",
                             properties=CONFIGURATION, log_level="WARN")
        flushing = BrokerSide("flushing", broker, options.load, zookeeper)
    return sides, flushing


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


def header(campaign, options):
    data = campaign.sides[0].server.data_dir.parent
    p50, p99 = machine.sync_floor_us(data)
    lines = [f"Machine: {machine.description()}", campaign.memory.describe(),
             f"Disk: one 4 KiB write made durable takes p50 {p50:.0f} us, p99 {p99:.0f} us",
             f"Apache Kafka {KAFKA_NEWEST} on its default JVM options: {' '.join(JAVA_OPTIONS)}; "
             f"warmed up {options.warm_first_s:g} s, then {options.warm_s:g} s per workload",
             "Both: " + " ".join(f"{key}={value}" for key, value in CONFIGURATION.items()),
             "Both acknowledge from the page cache (Samsa: flush.before.ack=false), the same file "
             "system; C x D is C connections with D requests in flight on each",
             "Samsa checks a compressed batch by header and CRC and does not unpack it; Apache does"]
    return lines


def report(campaign, options, top, results):
    reported, details, on_disk = results
    asked = sorted(reported, key=lambda item: (int(item[0].id[1:]) if item[0].id[1:].isdigit() else 99))
    more = ["Medians behind it:", table(session.detail_lines(COLUMNS, details))]
    if on_disk:
        more += ["Samsa as it comes: acknowledged means on disk (flush.before.ack=true; acks=all):",
                 table([session.detail_line(COLUMNS, label, "samsa", results)
                        for label, results in on_disk])]
    return session.report(campaign, options, top, [cells(row, pairs) for row, pairs in asked], *more)


def run(options, data, stack):
    memory = WarmMemory(options.folder, wanted=not options.short)
    stack.callback(memory.release)
    zookeeper = SamsaServer(data / "zookeeper", ZOOKEEPER_PORT, {"4lw.commands.whitelist": "*"},
                            log_level="WARN")
    session.kill_at_end(stack, zookeeper).start()
    sides, flushing = make_sides(options, data, zookeeper)
    for side in [*sides, *([flushing] if flushing else [])]:
        session.kill_at_end(stack, side.server)
    with open(options.folder / "kafka_raw.jsonl", "w", encoding="utf-8") as archive:
        campaign = Campaign(sides, archive, options)
        campaign.memory = memory
        session.start_fresh(sides)
        top = header(campaign, options)
        archive.write(json.dumps({"what": "header", "lines": top}) + "\n")
        results = run_plan(campaign, options, flushing)
    return report(campaign, options, top, results)


def main(arguments=None):
    return session.execute("kafka", parse_arguments(arguments), "kafka_data", run)


if __name__ == "__main__":
    sys.exit(main())
