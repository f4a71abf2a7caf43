"""Locks, elections, counters and queues of kazoo, Curator and the C client at one ensemble, and what they promise.

All contend for one lock and for one leadership, by each other's nodes; Java and C share a queue. Every client writes
down, a line each, what was acknowledged and what is in doubt:

    session WHO-ROLE ID              at the beginning and at the end
    fence REGISTER NUMBER WHO ZXID VERSION   a compare and set by the holder of a lock or a leadership, whose number is
                                     that of its sequential node
    refused REGISTER NUMBER WHO 0|1  a later holder had written; 1: though our own node was still there
    inc COUNTER 1|0                  one more, acknowledged or in doubt
    put QUEUE ITEM, maybe-put        got QUEUE ITEM WHO      take QUEUE ITEM, maybe-take
    broke ROLE: why

What is judged (`problems`): numbers of holders rise with the versions that they write, one holder a number, nobody is
refused who holds the lock; what the lock guards counts exactly; other counters are between what was acknowledged and
what may be; no item twice, none lost but by a take in doubt; one session from beginning to end; nobody broke.
"""

import subprocess
import threading
import time
from collections import Counter as Multiset
from collections import defaultdict

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NoNodeError, NodeExistsError
from kazoo.recipe.counter import Counter
from kazoo.recipe.election import Election
from kazoo.recipe.lock import Lock
from kazoo.recipe.queue import LockingQueue, Queue
from zk_history import UNKNOWN

ROOT = "/recipes"
REGISTERS = ("fence", "term")
QUEUES = {"queue": "queue", "kqueue": "kqueue", "lqueue": "lqueue/entries"}
PAUSE_S = 0.02
QUICK_RETRY = {"max_tries": -1, "delay": 0.02, "max_delay": 0.2}


class Journal:
    """What all clients wrote, in the order of its arrival; in a file, too, for who must find out."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.lines = []
        self.file = open(path, "w", encoding="utf-8")

    def add(self, line):
        with self.lock:
            self.lines.append(tuple(line.split()))
            print(f"{time.time():.3f} {line.rstrip()}", file=self.file, flush=True)

    def of(self, *kinds):
        with self.lock:
            return [line for line in self.lines if line and line[0] in kinds]


# --- judging ---


def fence_problems(lines):
    """Lines "fence ..." and "refused ..."."""
    found, holders, writes = [], {}, defaultdict(list)
    for kind, register, number, who, *rest in lines:
        if kind == "refused":
            if rest[0] == "1":
                found.append(f"{who} was refused at {register} though it held number {number}")
            continue
        holder = holders.setdefault((register, int(number)), who)
        if holder != who:
            found.append(f"{register} number {number} is of {holder} and of {who}")
        writes[register].append((int(rest[1]), int(rest[0]), int(number), who))
    for register, all_of_it in writes.items():
        all_of_it.sort()
        for (version, zxid, number, who), (version2, zxid2, number2, who2) in zip(all_of_it, all_of_it[1:]):
            if version == version2 or zxid >= zxid2:
                found.append(f"{register} version {version} at {zxid:#x} by {who}, {version2} at {zxid2:#x} {who2}")
            if number > number2:
                found.append(f"{register}: {who2} wrote with number {number2} behind {who} with {number}")
    return found


def counter_problems(lines, values):
    """Lines "inc ...", and what the counters are in the end."""
    sure = Multiset(name for _, name, is_sure in lines if is_sure == "1")
    doubtful = Multiset(name for _, name, is_sure in lines if is_sure == "0")
    return [f"{name} is {values.get(name)}, acknowledged were {sure[name]}, in doubt {doubtful[name]}"
            for name in sure | doubtful
            if not sure[name] <= values.get(name, -1) <= sure[name] + doubtful[name]]


def queue_problems(lines, remaining):
    """Lines "put", "got", "take" and the doubtful ones, and {queue: items that are still there}."""
    found, by_kind, holders = [], defaultdict(lambda: defaultdict(list)), {}
    for kind, queue, item, *rest in lines:
        by_kind[queue][kind].append(item)
        if kind == "got" and holders.setdefault((queue, item), rest[0]) != rest[0]:
            found.append(f"{item} of {queue} was given to {holders[queue, item]} and to {rest[0]}")
    for queue, kinds in by_kind.items():
        left = remaining.get(queue, [])
        found += [f"{item} was taken {count} times from {queue}"
                  for item, count in Multiset(kinds["take"]).items() if count > 1]
        found += [f"{item} is twice in {queue}" for item, count in Multiset(left).items() if count > 1]
        found += [f"{item} was taken from {queue} and is still there" for item in set(kinds["take"]) & set(left)]
        strange = (set(kinds["take"]) | set(left)) - set(kinds["put"]) - set(kinds["maybe-put"])
        found += [f"{item} of {queue} was never put there" for item in strange]
        missing = set(kinds["put"]) - set(kinds["take"]) - set(left)
        if len(missing) > len(kinds["maybe-take"]):
            found.append(f"{len(missing)} acknowledged items of {queue} are lost, {len(kinds['maybe-take'])} takes "
                         f"were in doubt: {sorted(missing)[:5]}")
    return found


def session_problems(lines):
    ids = defaultdict(list)
    for _, role, session in lines:
        ids[role].append(session)
    return [f"the session of {role} was lost: {seen}" for role, seen in ids.items() if len(set(seen)) != 1]


# --- kazoo's recipes ---


class SharedLock(Lock):
    """kazoo's lock by the names of Curator's nodes, so that both are contenders."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]


class SharedLatch(Lock):
    _NODE_NAME = "-latch-"
    _EXCLUDE_NAMES = ["-latch-"]


class KazooRecipes:
    """A thread and a session for each recipe."""

    ROLES = ("lock", "elect", "counter", "queue", "lqueue")

    def __init__(self, journal, who, hosts, timeout, lock_class=SharedLock):
        self.journal = journal
        self.who = who
        self.timeout = timeout
        self.lock_class = lock_class
        self.stopping = threading.Event()
        self.clients = {role: KazooClient(hosts=hosts, timeout=timeout, connection_retry=QUICK_RETRY,
                                          command_retry=QUICK_RETRY) for role in self.ROLES}
        self.threads = [threading.Thread(target=self.run, args=(role,), daemon=True) for role in self.ROLES]

    def start(self):
        for client in self.clients.values():
            client.start(timeout=30)
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()

    def join(self, timeout):
        for role, thread in zip(self.ROLES, self.threads):
            thread.join(timeout)
            if thread.is_alive():
                self.journal.add(f"broke {self.who}-{role}: it does not end")
        for client in self.clients.values():
            client.stop()
            client.close()

    def abandon(self):
        self.stop()
        for client in self.clients.values():
            client.stop()

    def run(self, role):
        client = self.clients[role]
        try:
            self.journal.add(f"session {self.who}-{role} {client.client_id[0]:x}")
            step, count = getattr(self, role)(client), 0
            while not self.stopping.is_set():
                step(count)
                count += 1
                time.sleep(PAUSE_S)
            client.retry(client.exists, ROOT)
            self.journal.add(f"session {self.who}-{role} {client.client_id[0]:x}")
        except Exception as problem:  # a fault of the test itself must be seen
            self.journal.add(f"broke {self.who}-{role}: {problem!r}")

    # What only a holder may do.

    def synced_get(self, client, path):
        client.retry(client.sync, path)
        return client.retry(client.get, path)

    def say_refused(self, client, what, folder, node):
        client.retry(client.sync, folder)
        is_ours = client.retry(client.exists, f"{folder}/{node}") is not None
        self.journal.add(f"refused {what} {int(node[-10:])} {self.who} {int(is_ours)}")

    def write_fence(self, client, register, folder, node):
        own = int(node[-10:])
        while True:
            value, stat = self.synced_get(client, f"{ROOT}/{register}")
            if int(value.split()[0]) > own:
                self.say_refused(client, register, folder, node)
                return False
            try:
                after = client.set(f"{ROOT}/{register}", f"{own} {self.who}".encode(), version=stat.version)
                self.journal.add(f"fence {register} {own} {self.who} {after.mzxid} {after.version}")
                return True
            except (BadVersionError, *UNKNOWN):
                continue    # our own of before, or one of somebody whose place is gone

    def add_guarded(self, client, folder, node):
        value, stat = self.synced_get(client, f"{ROOT}/guarded")
        before = now = int(value)
        while now == before:
            try:
                client.set(f"{ROOT}/guarded", str(before + 1).encode(), version=stat.version)
                now = before + 1
            except (BadVersionError, *UNKNOWN):
                value, stat = self.synced_get(client, f"{ROOT}/guarded")
                now = int(value)
        if now == before + 1:
            self.journal.add("inc guarded 1")
        else:
            self.say_refused(client, "guarded", folder, node)

    def lock(self, client):
        folder = f"{ROOT}/lock"

        def step(_count):
            lock = self.lock_class(client, folder, self.who)
            with lock:
                if self.write_fence(client, "fence", folder, lock.node):
                    self.add_guarded(client, folder, lock.node)
                    self.write_fence(client, "fence", folder, lock.node)

        return step

    def elect(self, client):
        folder = f"{ROOT}/elect"

        def step(_count):
            election = Election(client, folder, self.who)
            election.lock = SharedLatch(client, folder, self.who)

            def lead():
                for _ in range(10):
                    if not self.write_fence(client, "term", folder, election.lock.node):
                        break
                    time.sleep(PAUSE_S)

            election.run(lead)

        return step

    # Counters and queues; what kazoo repeats in doubt is written down as doubt.

    def doubting(self, function, line):
        def call(*arguments, **more):
            try:
                return function(*arguments, **more)
            except UNKNOWN:
                self.journal.add(line)
                raise
        return call

    def counter(self, client):
        client.set = self.doubting(client.set, "inc counter-kazoo 0")
        counter = Counter(client, f"{ROOT}/counter-kazoo", default=0)

        def step(_count):
            counter.__add__(1)
            self.journal.add("inc counter-kazoo 1")

        return step

    def put(self, queue, name, count):
        item = f"{self.who}.{count}"
        try:
            queue.put(item.encode())
            self.journal.add(f"put {name} {item}")
        except UNKNOWN:
            self.journal.add(f"maybe-put {name} {item}")

    def queue(self, client):
        client.delete = self.doubting(client.delete, "maybe-take kqueue ?")
        queue = Queue(client, f"{ROOT}/kqueue")

        def step(count):
            self.put(queue, "kqueue", count)
            item = queue.get()
            if item is not None:
                self.journal.add(f"take kqueue {item.decode()}")

        return step

    def lqueue(self, client):
        queue = LockingQueue(client, f"{ROOT}/lqueue")

        def step(count):
            self.put(queue, "lqueue", count)
            try:
                item = queue.get(timeout=1)
            except UNKNOWN:
                return  # who holds what it does not know of leaves it to the end
            if item is None:
                return
            self.journal.add(f"got lqueue {item.decode()} {self.who}")
            while True:
                try:
                    if queue.consume():
                        break
                except UNKNOWN:
                    continue
                except NoNodeError:
                    queue.processing_element = None     # a try before this one was heard
                    break
            self.journal.add(f"take lqueue {item.decode()}")

        return step


class Program:
    """A client program of another language; its lines go to the journal, the end of its input ends it."""

    def __init__(self, journal, who, command, hosts, timeout):
        self.journal = journal
        self.who = who
        self.process = subprocess.Popen([*command, hosts, ROOT, who, str(int(timeout * 1000))], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.has_ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)

    def start(self):
        self.reader.start()
        return self

    def read(self):
        for line in self.process.stdout:
            self.has_ended |= line == "end\n"
            self.journal.add(line)

    def stop(self):
        self.process.stdin.close()

    def join(self, timeout):
        self.reader.join(timeout)
        if not self.has_ended:
            self.journal.add(f"broke {self.who}: it does not end")
        self.abandon()

    def abandon(self):
        self.process.kill()
        self.process.wait()


class Recipes:
    """All clients. `make` is called with the journal and makes them, once the nodes are there."""

    def __init__(self, hosts, make, journal_path):
        self.hosts = hosts
        self.journal = Journal(journal_path)
        with self.reader() as client:
            for path in (ROOT, *(f"{ROOT}/{name}" for name in ("lock", "elect", "queue"))):
                client.ensure_path(path)
            for path, value in (("fence", b"-1"), ("term", b"-1"), ("guarded", b"0"), ("counter-c", b"0")):
                try:
                    client.create(f"{ROOT}/{path}", value)
                except NodeExistsError:
                    pass
        self.clients = make(self.journal)

    def reader(self):
        return Reader(self.hosts)

    def start(self):
        for client in self.clients:
            client.start()
        return self

    def done(self):
        """{what: how often}: everything that every client must go on doing."""
        done = Multiset(f"{line[0]} {line[1]} {line[3]}" for line in self.journal.of("fence"))
        done += Multiset(f"{line[0]} {line[1]}" for line in self.journal.of("inc", "put", "take"))
        return done

    def wait_progress(self, more=2, timeout=60):
        """Returns when everything that was ever done has been done so often again, by everybody."""
        before, deadline = self.done(), time.monotonic() + timeout
        names = set(before) | {f"fence {register} {client.who}" for register in REGISTERS for client in self.clients}
        while True:
            now = self.done()
            late = [name for name in names if now[name] < before[name] + more]
            if not late:
                return
            assert time.monotonic() < deadline, f"no progress in {timeout} s: {late}; {self.journal.of('broke')}"
            time.sleep(0.05)

    def stop(self, timeout=60):
        """Ends the clients; returns what is wrong."""
        for client in self.clients:
            client.stop()
        for client in self.clients:
            client.join(timeout)
        with self.reader() as client:
            return self.problems(client)

    def abandon(self):
        """Ends what is left of clients after a failure: nobody may come to the next test's servers."""
        for client in self.clients:
            client.abandon()

    def problems(self, client):
        client.sync(ROOT)
        remaining, values = {}, {}
        for queue, path in QUEUES.items():
            remaining[queue] = [item for item in self.items(client, f"{ROOT}/{path}")]
        for name in client.get_children(ROOT):
            if name.startswith("counter-") or name == "guarded":
                data = client.get(f"{ROOT}/{name}")[0]
                values[name] = int.from_bytes(data, "big") if name == "counter-java" else int(data or b"0")
        found = [" ".join(line) for line in self.journal.of("broke")]
        found += fence_problems(self.journal.of("fence", "refused"))
        found += counter_problems(self.journal.of("inc"), values)
        found += queue_problems(self.journal.of("put", "maybe-put", "got", "take", "maybe-take"), remaining)
        found += session_problems(self.journal.of("session"))
        return found

    @staticmethod
    def items(client, folder):
        try:
            names = client.get_children(folder)
        except NoNodeError:
            return
        for name in names:
            if name not in ("entries", "taken"):
                yield client.get(f"{folder}/{name}")[0].decode()


class Reader:
    """A client for a moment."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts=hosts, timeout=10)

    def __enter__(self):
        self.client.start(timeout=30)
        return self.client

    def __exit__(self, *_):
        try:
            self.client.stop()
        except KazooException:
            pass
        self.client.close()
