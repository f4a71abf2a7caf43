"""Start a broker in a configuration and run the script on it; what is not equal yet, and why."""

import re
from pathlib import Path

from peers import (KAFKA_NEWEST, NEWEST, ApacheBroker, ApacheServer, SamsaBroker, SamsaServer, ServerDied,
                   free_port)

from golden import compare

from .recording import Recording
from .script import run_script

HERE = Path(__file__).resolve().parent
PENDING = HERE / "pending.txt"


def golden_path(name):
    return HERE / f"{name}.golden"


def make_servers(kind, config, folder):
    data_dir = folder / "broker"
    if kind == "samsa":
        zookeeper = SamsaServer(folder / "zookeeper", free_port())
        return zookeeper, SamsaBroker(data_dir, free_port(), zookeeper, properties=config.properties)
    zookeeper = ApacheServer(NEWEST, folder / "zookeeper", free_port())
    return zookeeper, ApacheBroker(KAFKA_NEWEST, data_dir, free_port(), zookeeper,
                                   properties=config.properties)


def record(kind, config, folder, only=(), progress=None):
    zookeeper, broker = make_servers(kind, config, Path(folder).resolve())
    replaced = [(str(broker.data_dir), "<dir>"), (str(broker.port), "<port>"),
                (str(zookeeper.port), "<zookeeper port>")]
    with zookeeper, broker:
        text = run_script(Recording(broker, replaced, config), only, progress)
        status = broker.stop() if broker.alive else broker.process.returncode
        if status not in (0, 143, -15):
            raise ServerDied(f"{broker.kind} ended with {status}\n{broker.log_tail(60)}")
        if "Sanitizer" in broker.logs() or "runtime error:" in broker.logs():
            raise ServerDied(f"a sanitizer complains\n{broker.log_tail(120)}")
        zookeeper.kill()
    return text


class Pending:
    """The known differences of pending.txt, which tells its form itself."""

    def __init__(self, name):
        self.steps = []         # [line number, section, pattern, reason, how often it was needed]
        self.lines = []
        for number, line in enumerate(PENDING.read_text(encoding="ascii").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where, pattern, reason = (part.strip() for part in line.split(" | ", 2))
            config, section = where.split()
            if config in ("*", name):
                kind = self.lines if pattern.startswith("line ") else self.steps
                kind.append([number, section, re.compile(pattern.removeprefix("line ")), reason, 0])

    def without_lines(self, golden, text):
        """Both recordings without the lines that are not compared yet."""
        both = []
        for recording in (golden, text):
            section, kept = "", []
            for line in recording.splitlines():
                if line.startswith("==="):
                    section = line.split(":")[0][4:]
                found = line.startswith("  ") and [
                    entry for entry in self.lines if entry[1] in ("*", section) and entry[2].search(line)]
                if not found:
                    kept.append(line)
                for entry in found or []:
                    entry[4] += 1 if recording is golden else -1
            both.append("\n".join(kept) + "\n")
        return both

    def covers(self, difference):
        head = difference.splitlines()[0]
        section, step = head.split(" ", 1)
        for entry in self.steps:
            if entry[1] in ("*", section) and entry[2].search(step):
                entry[4] += 1
                return True
        return False

    def unused(self):
        return [f"pending.txt:{entry[0]}: nothing differs there any more, remove it: {entry[3]}"
                for entry in self.steps + self.lines if entry[4] == 0 and not entry[3].startswith("open:")]


def pending_differences(name, golden, text):
    """(differences that nobody knows of, how many are known)"""
    pending = Pending(name)
    found = compare.differences(*pending.without_lines(golden, text))
    unknown = [one for one in found if not pending.covers(one)]
    return unknown + pending.unused(), len(found) - len(unknown)
