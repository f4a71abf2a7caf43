#!/usr/bin/env python3
"""Three Samsa servers against three of Apache ZooKeeper, on this machine, as ratios.

    bench/run_ensemble.py              everything, at most 6 minutes
    bench/run_ensemble.py --short      the same at small scale, at most 2 minutes
    bench/run_ensemble.py --only Z9    some rows

README.md beside this file tells how to read the tables.  Raw lines stay in build/bench/.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "bench"))

from harness import ensembles, machine, session  # noqa: E402
from harness.pairs import Campaign  # noqa: E402
from harness.rows import APACHE, SAMSA, cells, table  # noqa: E402
from harness.session import wanted  # noqa: E402
from peers import NEWEST, Ensemble  # noqa: E402

CONFIGURATION = {"tickTime": 2000, "initLimit": 10, "syncLimit": 5, "maxSessionTimeout": 60000}
DEFAULT_SCALE = {"pair_count": 5, "sweep_pairs": 3, "gap_pairs": 5, "seconds": 2.0, "warm_first_s": 15.0,
                 "read_shares": (0, 50, 75, 90, 100), "budget_s": 330}
SHORT_SCALE = {"pair_count": 2, "sweep_pairs": 1, "gap_pairs": 2, "seconds": 0.5, "warm_first_s": 4.0,
               "read_shares": (50, 90), "budget_s": 90}


def parse_arguments(arguments):
    return session.parse(arguments, __doc__, "Z8, Z9, sweep", ("zookeeper_load", "the load generator"),
                         {"Z8", "Z9", "sweep"}, (DEFAULT_SCALE, SHORT_SCALE))


def make_sides(options, data, stack):
    sides = []
    for name, kind, is_left_out in ((APACHE, NEWEST, options.samsa_only), (SAMSA, "samsa", options.apache_only)):
        if not is_left_out:
            ensemble = Ensemble(data / name, (kind,) * 3, cfg=CONFIGURATION, log_level="WARN")
            stack.callback(ensemble.stop)
            sides.append(ensembles.EnsembleSide(name, ensemble, options.load))
    return sides


def header(options, data):
    p50, p99 = machine.sync_floor_us(data)
    floor_p50, floor_p99 = machine.replication_floor_us(options.load.parent / "replication_floor", data)
    return [f"Machine: {machine.description()}",
            f"Disk: one 4 KiB write made durable takes p50 {p50:.0f} us, p99 {p99:.0f} us",
            "Floor: three processes that only hand a write on and sync it, a follower, a leader and both followers as "
            f"in an ensemble, take p50 {floor_p50:.0f} us, p99 {floor_p99:.0f} us",
            f"Three Apache ZooKeeper {NEWEST} (-Xmx512m each) and three Samsa servers on this machine, one ensemble at "
            "work at a time; clients are spread over all three; C x D: C connections with D requests in flight on each",
            f"zoo.cfg of all: {' '.join(f'{key}={value}' for key, value in CONFIGURATION.items())}"]


def run(options, data, stack):
    sides = make_sides(options, data, stack)
    for side in sides:
        side.ensemble.start()
    with open(options.folder / "ensemble_raw.jsonl", "w", encoding="utf-8") as archive:
        campaign = Campaign(sides, archive, options)
        top = header(options, data)
        ensembles.warm_up(campaign)
        reported = []
        for row_id, part in (("Z8", ensembles.writes), ("sweep", ensembles.read_shares), ("Z9", ensembles.gaps)):
            if wanted(options, row_id):
                reported += part(campaign)
    asked = [cells(row, pairs) for row, pairs in reported if row.id.startswith("Z")]
    others = [{key: text for key, text in cells(row, pairs).items() if key not in ("asked", "reached")}
              for row, pairs in reported if not row.id.startswith("Z")]
    more = ["What else was measured:", table(others)] if others else []
    return session.report(campaign, options, top, asked, *more)


def main(arguments=None):
    return session.execute("ensemble", parse_arguments(arguments), "ensembles", run)


if __name__ == "__main__":
    sys.exit(main())
