"""One benchmark from its arguments to its report: what the programs beside this folder have in common."""

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from peers import PeerUnavailable, ServerDied

from .pairs import BenchError
from .rows import APACHE, SAMSA, number, table

ROOT = Path(__file__).resolve().parent.parent.parent
SHELLS = ("sh", "bash", "dash", "env")


def parse(arguments, doc, rows, load, known, scales):
    """The options. `known` are the rows of --only, `load` (file, help) is the generator, `scales` the numbers of
    the default and of the short form."""
    parser = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="small scale, some minutes")
    parser.add_argument("--only", default="", metavar="ROW,ROW", help=f"rows to take: {rows}")
    parser.add_argument("--apache-only", action="store_true")
    parser.add_argument("--samsa-only", action="store_true")
    parser.add_argument("--no-gate", dest="gate", action="store_false",
                        help="take every run, however disturbed (for work on a busy machine)")
    parser.add_argument("--keep", action="store_true", help="leave the data directories")
    parser.add_argument("--load", type=Path, default=ROOT / "build/release/bench" / load[0],
                        metavar="PROGRAM", help=load[1])
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench",
                        help="for data directories and results")
    options = parser.parse_args(arguments)
    if options.apache_only and options.samsa_only:
        parser.error("--apache-only and --samsa-only exclude each other")
    options.only = {row_id for row_id in options.only.split(",") if row_id}
    if options.only - known:
        parser.error(f"--only: {', '.join(sorted(options.only - known))} is none of "
                     f"{', '.join(sorted(known))}")
    for name, value in scales[1 if options.short else 0].items():
        setattr(options, name, value)
    return options


def wanted(options, *row_ids):
    return not options.only or bool(options.only & set(row_ids))


def start_fresh(sides):
    """Every side anew, with an empty data directory."""
    for side in sides:
        if side.server.alive:
            side.kill()
        shutil.rmtree(side.server.data_dir, ignore_errors=True)
        side.server.start()
        # The CPU of the process that was started is what is measured, so a script that stays in
        # front of its server would make it look free.
        name = Path(f"/proc/{side.server.pid}/comm").read_text(encoding="utf-8").strip()
        if name in SHELLS:
            raise BenchError(f"{side.name}: process {side.server.pid} is a shell, not the server")


def detail_line(columns, label, side, results):
    line = {"workload": label, "side": side, "runs": str(len(results))}
    for head, key, scale in columns:
        values = [result[key] for result in results if key in result]
        line[head] = number(statistics.median(values) * scale) if values else "-"
    return line


def detail_lines(columns, details):
    """Per workload and side: the medians of what lies behind the ratios."""
    lines = []
    for name, label, pairs in details:
        for side in (APACHE, SAMSA):
            results = [pair[side][name] for pair in pairs if side in pair and name in pair[side]]
            if results:
                lines.append(detail_line(columns, label, side, results))
    return lines


def report(campaign, options, top, verdicts, *more):
    """The text; `more` are the parts between the verdicts and what is to be said at the end."""
    parts = ["\n".join(top), "What was asked (performance targets):", table(verdicts), *more]
    if campaign.noisy:
        disturbed = ", ".join(f"{what} ({count})" for what, count in sorted(campaign.noisy.items()))
        parts.append(f"DISTURBED: other processes used the machine during these runs: {disturbed}. "
                     "Trust the ratios of CPU more than those of time.")
    if options.short:
        parts.append("This was the short form: small scale, few pairs. It shows that the harness and "
                     "the servers work; numbers to quote come from the default form.")
    reached = sum(line["reached"] == "yes" for line in verdicts)
    judged = sum(line["reached"] != "-" for line in verdicts)
    parts.append(f"{reached} of {judged} targets reached, "
                 f"in {time.monotonic() - campaign.begin_s:.0f} s")
    return "\n\n".join(part for part in parts if part)


def execute(name, options, data_name, run):
    """The exit code. `run(options, data, stack)` gives the report; what it puts on the stack is undone at the end,
    in any case."""
    if not options.load.exists():
        print(f"run_{name}: {options.load} is not there; run make, or give --load", file=sys.stderr)
        return 2
    data = options.folder / data_name
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    try:
        with contextlib.ExitStack() as stack:
            if not options.keep:
                stack.callback(shutil.rmtree, data, ignore_errors=True)
            text = run(options, data, stack)
        (options.folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
        print(text)
        return 0
    except (BenchError, PeerUnavailable, ServerDied, subprocess.TimeoutExpired) as problem:
        print(f"run_{name}: {problem}", file=sys.stderr)
        return 1


def kill_at_end(stack, server):
    """The server ends with the benchmark, however that ends."""
    def kill():
        if server.alive:
            server.kill()

    stack.callback(kill)
    return server
