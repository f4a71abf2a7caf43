"""Start a broker in a configuration and run the script on it; what is not equal yet, and why."""

import re
from pathlib import Path

from peers import (KAFKA_NEWEST, NEWEST, ApacheBroker, ApacheServer, SamsaBroker, SamsaServer, ServerDied,
                   free_port)

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
    """Lines "configuration section | pattern of a step | reason" of pending.txt: known differences."""

    def __init__(self, name):
        self.entries = []
        for number, line in enumerate(PENDING.read_text(encoding="ascii").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where, pattern, reason = (part.strip() for part in line.split("|", 2))
            config, section = where.split()
            if config == name:
                self.entries.append([number, section, re.compile(pattern), reason, 0])

    def covers(self, difference):
        head = difference.splitlines()[0]
        section, step = head.split(" ", 1)
        for entry in self.entries:
            if entry[1] in ("*", section) and entry[2].search(step):
                entry[4] += 1
                return True
        return False

    def unused(self):
        return [f"pending.txt:{entry[0]}: nothing differs there any more, remove it: {entry[3]}"
                for entry in self.entries if entry[4] == 0]
