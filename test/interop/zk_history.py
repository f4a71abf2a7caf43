"""A history of concurrent ZooKeeper clients, and whether the servers kept their promises in it.

Every change of a ZooKeeper service has a place in one total order, its zxid, which the Stat of a node shows.
So linearizability need not be searched for: each acknowledged operation has its zxid, and the history is
linearizable exactly when that order agrees with real time and with the values.

What is checked (`History.problems`):
  kept         an acknowledged change is there at the end, with the value that was written
  unique       no two changes have one zxid, one version or one sequence number
  real time    an operation that ended before another began has the smaller zxid
  values       version n of a register was written by the one who was told version n
  sync reads   a read behind a sync sees every change that was acknowledged before the sync began
  sessions     one session's operations have rising zxids, reads never go back, ephemerals of a session that
               lives are there
"""

import threading
import time
from dataclasses import dataclass

from kazoo.client import KazooClient
from kazoo.exceptions import (BadVersionError, ConnectionClosedError, ConnectionLoss, NodeExistsError,
                              OperationTimeoutError, SessionExpiredError)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState

# What leaves open whether the operation took place.
UNKNOWN = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError, KazooTimeoutError)


@dataclass
class Operation:
    worker: int
    session: int
    kind: str           # "create", "set", "read"
    name: str           # of the node: a log entry's unique word, or a register
    began: float
    ended: float = 0.0
    zxid: int = 0       # of the change; of a read: mzxid that it saw; 0: not known
    version: int = -1
    value: bytes = b""
    sequence: int = -1
    is_known: bool = False


class Worker(threading.Thread):
    """One client: appends to the log, compares and sets the registers, reads behind a sync."""

    def __init__(self, history, number, hosts, session_timeout):
        super().__init__(daemon=True)
        self.history = history
        self.number = number
        self.client = KazooClient(hosts=hosts, timeout=session_timeout, randomize_hosts=True,
                                  connection_retry={"max_tries": -1, "delay": 0.05, "max_delay": 0.5})
        self.lost = threading.Event()
        self.client.add_listener(lambda state: self.lost.set() if state == KazooState.LOST else None)
        self.operations = []
        self.failures = 0
        self.problem = None

    def run(self):
        try:
            count = 0
            while not self.history.stopping.is_set():
                self.step(count)
                count += 1
        except Exception as problem:  # a fault of the test itself must be seen
            self.problem = problem

    def step(self, count):
        word = f"w{self.number}.{count}"
        kind = ("create", "set", "read", "create")[count % 4]
        session = self.client.client_id[0] if self.client.client_id else 0
        name = word if kind == "create" else f"r{count // 4 % self.history.registers}"
        operation = Operation(self.number, session, kind, name, time.monotonic(), value=word.encode())
        try:
            getattr(self, kind)(operation)
            operation.is_known = True
        except BadVersionError:
            return
        except UNKNOWN:
            self.failures += 1
            time.sleep(0.02)
        operation.ended = time.monotonic()
        self.operations.append(operation)

    def create(self, operation):
        path, stat = self.client.create(f"{self.history.root}/log/{operation.name}-", operation.value, sequence=True,
                                        include_data=True)
        operation.zxid = stat.czxid
        operation.sequence = int(path.rsplit("-", 1)[1])

    def set(self, operation):
        path = f"{self.history.root}/{operation.name}"
        _, before = self.client.get(path)
        stat = self.client.set(path, operation.value, version=before.version)
        operation.zxid, operation.version = stat.mzxid, stat.version

    def read(self, operation):
        path = f"{self.history.root}/{operation.name}"
        self.client.sync(path)
        operation.value, stat = self.client.get(path)
        operation.zxid, operation.version = stat.mzxid, stat.version


class History:
    """Runs `workers` clients against `hosts` until stop()."""

    def __init__(self, hosts, workers=4, registers=3, root="/history", session_timeout=10):
        self.hosts = hosts
        self.root = root
        self.registers = registers
        self.stopping = threading.Event()
        self.workers = [Worker(self, number, hosts, session_timeout) for number in range(workers)]

    def start(self):
        first = self.workers[0].client
        for worker in self.workers:
            worker.client.start(timeout=30)
        for path in (self.root, f"{self.root}/log", *(f"{self.root}/r{i}" for i in range(self.registers))):
            try:
                first.create(path, b"first", makepath=True)
            except NodeExistsError:
                pass
        for worker in self.workers:
            worker.client.create(f"{self.root}/alive-{worker.number}", ephemeral=True)
            worker.start()
        return self

    def acknowledged(self):
        return sum(1 for worker in self.workers for operation in worker.operations if operation.is_known)

    def wait_progress(self, count=20, timeout=60):
        """Returns when so many more operations have been acknowledged."""
        goal = self.acknowledged() + count
        deadline = time.monotonic() + timeout
        while self.acknowledged() < goal:
            assert time.monotonic() < deadline, f"no progress in {timeout} s: {goal - self.acknowledged()} missing"
            time.sleep(0.02)

    def stop(self, timeout=60):
        """Ends the workers; returns the sentences about what is wrong (empty: all is well)."""
        self.stopping.set()
        for worker in self.workers:
            worker.join(timeout)
        reader = KazooClient(hosts=self.hosts, timeout=10)
        try:
            reader.start(timeout=30)
            return self.problems(reader)
        finally:
            reader.stop()
            reader.close()
            for worker in self.workers:
                worker.client.stop()
                worker.client.close()

    # --- judging ---

    def problems(self, reader):
        found = [f"worker {w.number} broke: {w.problem!r}" for w in self.workers if w.problem is not None]
        found += [f"worker {w.number} does not end" for w in self.workers if w.is_alive()]
        operations = [o for w in self.workers for o in w.operations if o.is_known]
        changes = [o for o in operations if o.kind != "read"]
        reader.sync(self.root)
        found += self.log_problems(reader, [o for o in changes if o.kind == "create"])
        found += self.register_problems(reader, changes, operations)
        found += unique_problems(changes)
        found += real_time_problems(changes)
        found += read_problems(operations)
        for worker in self.workers:
            found += session_problems(worker)
            path = f"{self.root}/alive-{worker.number}"
            if not worker.lost.is_set() and not reader.exists(path):
                found.append(f"{path} is gone though its session was never lost")
        return found

    def log_problems(self, reader, creates):
        entries = {}
        for name in reader.get_children(f"{self.root}/log"):
            word, sequence = name.rsplit("-", 1)
            entries[word] = int(sequence)
        found = [f"entry {o.name} was acknowledged and is not there" for o in creates if o.name not in entries]
        found += [f"entry {o.name} was acknowledged with number {o.sequence} and has {entries[o.name]}"
                  for o in creates if entries.get(o.name, o.sequence) != o.sequence]
        return found

    def register_problems(self, reader, changes, operations):
        found = []
        for index in range(self.registers):
            name = f"r{index}"
            value, stat = reader.get(f"{self.root}/{name}")
            written = {o.version: o for o in changes if o.kind == "set" and o.name == name}
            last = written.get(stat.version)
            if written and max(written) > stat.version:
                found.append(f"{name} is at version {stat.version}, but {max(written)} was acknowledged")
            if last is not None and (last.value, last.zxid) != (value, stat.mzxid):
                found.append(f"{name} version {stat.version} is {value!r}, acknowledged was {last.value!r}")
            for read in operations:
                writer = written.get(read.version)
                if read.kind == "read" and read.name == name and writer is not None and \
                        (writer.value, writer.zxid) != (read.value, read.zxid):
                    found.append(f"{name} version {read.version} was read as {read.value!r} by {read.worker}, "
                                 f"written as {writer.value!r}")
        return found


def unique_problems(changes):
    found, by_zxid, by_version, by_sequence = [], {}, {}, {}
    for change in changes:
        keys = [(by_zxid, change.zxid, "zxid")]
        if change.kind == "set":
            keys.append((by_version, (change.name, change.version), "version"))
        else:
            keys.append((by_sequence, change.sequence, "sequence number"))
        for seen, key, what in keys:
            if key in seen:
                found.append(f"{change.name} and {seen[key].name} have one {what}: {key}")
            seen[key] = change
    return found


def real_time_problems(changes):
    """By zxid, no change may have begun after the end of one with a larger zxid: one pass from behind."""
    found = []
    earliest_end, who = float("inf"), None
    for change in sorted(changes, key=lambda o: o.zxid, reverse=True):
        if change.began > earliest_end:
            found.append(f"{change.name} (zxid {change.zxid:#x}) began after {who.name} (zxid {who.zxid:#x}) had ended")
        if change.ended < earliest_end:
            earliest_end, who = change.ended, change
    return found


def read_problems(operations):
    """A read behind a sync sees what was acknowledged before it began, and nothing from after its end."""
    found = []
    for read in (o for o in operations if o.kind == "read"):
        for change in (o for o in operations if o.kind == "set" and o.name == read.name):
            if change.ended < read.began and change.zxid > read.zxid:
                found.append(f"worker {read.worker} read {read.name} at zxid {read.zxid:#x} behind a sync, "
                             f"but {change.zxid:#x} had been acknowledged before")
            if change.began > read.ended and change.zxid <= read.zxid:
                found.append(f"worker {read.worker} read {read.name} from the future: {change.zxid:#x}")
    return found


def session_problems(worker):
    found, seen, highest = [], {}, {}
    for operation in (o for o in worker.operations if o.is_known):
        key = (operation.session, operation.name)
        if operation.kind == "read" and operation.zxid < seen.get(key, 0):
            found.append(f"worker {worker.number} went back on {operation.name}: {operation.zxid:#x}")
        seen[key] = max(seen.get(key, 0), operation.zxid)
        if operation.kind != "read":
            if operation.zxid <= highest.get(operation.session, 0):
                found.append(f"worker {worker.number}: {operation.name} has zxid {operation.zxid:#x}, not above "
                             f"{highest[operation.session]:#x}")
            highest[operation.session] = operation.zxid
    return found
