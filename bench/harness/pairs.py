"""Runs in pairs, Apache and Samsa next to each other, with the order swapped from pair to pair.

A measurement is repeated when something else used the machine meanwhile: the gate.  On a machine that
never becomes quiet the least disturbed attempt counts and is marked, so that a run always ends.
"""

import json
import statistics
import subprocess
import sys
import time

from . import machine
from .rows import APACHE, SAMSA

QUIET_SHARE = 0.10
QUIET_WAIT_S = 5
OTHER_SHARE_MAX = 0.06
# The kernel's own threads write what was synced; they are not interference.
OTHER_SHARE_MAX_DISK = 0.15
STEAL_SHARE_MAX = 0.05
ATTEMPTS = 3
LOAD_TIMEOUT_S = 400
# The part of the time that may go to waiting for quiet and to repeating what was disturbed.
PATIENCE_SHARE = 0.2


class BenchError(Exception):
    """There is no number: a wrong answer, a server that died, a missing program."""


class Side:
    """One of the two servers, and the generator pointed at it."""

    def __init__(self, name, server, program):
        self.name = name
        self.server = server
        self.program = program
        self.warm_s = 0.0

    def kill(self):
        """Ended at once, and ready to be started again."""
        self.server.kill()

    def command(self, arguments):
        return [str(self.program), *map(str, arguments), "--port", str(self.server.port)]

    def load(self, *arguments):
        """Run the generator; the line of JSON that it prints."""
        command = self.command(arguments) + ["--server-pid", str(self.server.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_TIMEOUT_S,
                              check=False)
        if done.returncode != 0:
            raise BenchError(f"{self.name}: {' '.join(command)}\n{done.stderr.strip()}\n"
                             f"{self.server.log_tail(5)}")
        line = json.loads(done.stdout)
        if line.get("errors"):
            raise BenchError(f"{self.name}: {line['errors']} errors, the first {line['first_error']}: "
                             f"{' '.join(command)}")
        return line


def interference(result):
    """The greatest (other share, steal share) of the lines in one run's result."""
    lines = [line for line in result.values() if isinstance(line, dict) and "other_share" in line]
    if not lines:
        return 0.0, 0.0
    return max(line["other_share"] for line in lines), max(line["steal_share"] for line in lines)


class Campaign:
    """The two sides, the archive, the clock and the gate."""

    def __init__(self, sides, archive, options):
        self.sides = sides
        self.archive = archive
        self.options = options
        self.begin_s = time.monotonic()
        self.noisy = {}
        self.patience_s = options.budget_s * PATIENCE_SHARE if options.gate else 0

    def say(self, text):
        print(f"[{time.monotonic() - self.begin_s:6.1f} s] {text}", file=sys.stderr, flush=True)

    def left_s(self):
        return self.options.budget_s - (time.monotonic() - self.begin_s)

    def late(self):
        return self.left_s() < 0

    def record(self, what, side, pair, accepted, result):
        entry = {"what": what, "side": side, "pair": pair, "accepted": accepted,
                 "at_s": round(time.monotonic() - self.begin_s, 3), "result": result}
        self.archive.write(json.dumps(entry) + "\n")
        self.archive.flush()

    def patient(self, spent_since_s):
        """Take what was spent out of the patience; whether some is left."""
        self.patience_s -= time.monotonic() - spent_since_s
        return self.patience_s > 0 and not self.late()

    def gated(self, what, side, pair, measure, other_max):
        """One accepted measurement, or the least disturbed of several."""
        begin_s = time.monotonic()
        if self.patience_s > 0 and not self.late():
            machine.wait_quiet(QUIET_SHARE, QUIET_WAIT_S)
        patient = self.patient(begin_s)
        best, best_other = None, None
        for attempt in range(ATTEMPTS):
            begin_s = time.monotonic()
            result = measure(side)
            other, steal = interference(result)
            accepted = other <= other_max and steal <= STEAL_SHARE_MAX
            self.record(what, side.name, pair, accepted, result)
            if best is None or other < best_other:
                best, best_other = result, other
            if attempt > 0:
                patient = self.patient(begin_s)
            if accepted or not patient:
                break
        if best_other > other_max:
            self.noisy[what] = self.noisy.get(what, 0) + 1
        return best

    def once(self, what, measure):
        """For a step that cannot be repeated, or where others do not matter: one run a side, no gate."""
        results = {}
        for side in self.sides:
            results[side.name] = measure(side)
            self.record(what, side.name, 0, True, results[side.name])
        return [results]

    def pairs(self, what, count, measure, other_max=OTHER_SHARE_MAX):
        """[{side name: result}]: `measure(side)` on both sides, `count` times."""
        done = []
        for pair in range(count):
            if self.late() and pair >= 1:
                self.say(f"{what}: the time is over, {pair} of {count} pairs")
                break
            order = self.sides if pair % 2 == 0 else self.sides[::-1]
            results = {side.name: self.gated(what, side, pair, measure, other_max) for side in order}
            done.append(results)
        return done

    def note(self, what, pairs, value, unit):
        """One line of progress: the medians of both sides."""
        parts = []
        for name in (APACHE, SAMSA):
            values = [value(pair[name]) for pair in pairs if name in pair]
            values = [number for number in values if number is not None]
            if values:
                parts.append(f"{name} {statistics.median(values):.6g} {unit}")
        noisy = self.noisy.get(what, 0)
        suffix = f"  ({noisy} runs were disturbed)" if noisy else ""
        self.say(f"{what}: {', '.join(parts)}{suffix}")
