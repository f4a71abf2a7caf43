"""What happens to the servers of an ensemble and to their links while clients work (tests choose; a soak draws).

Each act does its harm, waits until the ensemble has answered as it must, heals, and waits until all serve again. With
`Limits` (tickTime 500, syncLimit 4) a silence below two seconds is nothing, and one above it costs a role.
"""

import os
import random
import signal
import time
from pathlib import Path

LIMITS = {"tickTime": 500, "syncLimit": 4, "initLimit": 10}
SYNC_S = LIMITS["tickTime"] * LIMITS["syncLimit"] / 1000
REPLACED_S = 20


class Nemesis:
    """Acts on `one`, an Ensemble whose network is Proxied. `work` is called while something is broken, `tell` with the
    name of each act before it."""

    def __init__(self, one, work=lambda: None, tell=lambda name: None, seed=1):
        self.one = one
        self.network = one.network
        self.work = work
        self.tell = tell
        self.random = random.Random(seed)
        self.done = []

    def play(self, *names):
        for name in names:
            self.tell(name)
            getattr(self, name)()
            self.done.append(name)
            self.network.heal()
            self.one.wait_serving(timeout=REPLACED_S * 2)

    def soak(self, seconds, names):
        """Acts drawn until the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.play(self.random.choice(names))
            time.sleep(self.random.random())

    # Who.

    def leader(self):
        return self.one.wait_leader(timeout=REPLACED_S)

    def follower(self):
        leader = self.leader()
        return self.random.choice([i for i in self.one.servers if i != leader])

    def others(self, member_id):
        return [i for i in self.one.servers if i != member_id]

    def minority(self):
        """As many as may be away: the leader and, of five, a follower."""
        leader = self.leader()
        return [leader, *self.random.sample(self.others(leader), (len(self.one.servers) - 1) // 2 - 1)]

    def wait_replaced(self, *gone):
        """Another than those leads."""
        self.one.wait(lambda: any(self.one.mode(i) == "leader" for i in self.one.servers if i not in gone),
                      f"replace {gone}", REPLACED_S)

    # Processes.

    def kill_leader(self):
        leader = self.leader()
        self.one.servers[leader].kill()
        self.wait_replaced(leader)
        self.work()
        self.one.start(leader)

    def kill_follower(self):
        follower = self.follower()
        self.one.servers[follower].kill()
        self.work()
        self.one.start(follower)

    def kill_minority(self):
        gone = self.minority()
        for i in gone:
            self.one.servers[i].kill()
        self.wait_replaced(*gone)
        self.work()
        self.one.start(*gone)

    def kill_all(self):
        for server in self.one.servers.values():
            server.kill()
        self.one.start()

    def restart_all_one_by_one(self):
        for i, server in self.one.servers.items():
            server.stop()
            self.one.start(i)

    def pause_briefly(self):
        """Shorter than syncLimit: nobody may lose a role for it."""
        leader = self.leader()
        for i in self.one.servers:
            with Paused(self.one.servers[i]):
                time.sleep(SYNC_S / 4)
        assert self.leader() == leader, "a pause within the limits cost the leader its role"

    def pause_leader(self):
        leader = self.leader()
        with Paused(self.one.servers[leader]):
            self.wait_replaced(leader)
            self.work()

    def pause_follower(self):
        with Paused(self.one.servers[self.follower()]):
            time.sleep(SYNC_S * 1.5)
            self.work()

    def pause_minority(self):
        gone = self.minority()
        with Paused(*(self.one.servers[i] for i in gone)):
            self.wait_replaced(*gone)
            self.work()

    # Links.

    def slow_links(self):
        """All links between servers have a delay of their own and a jitter; one is narrow, too."""
        for i in self.one.servers:
            for k in self.others(i):
                self.network.says(i, k, delay=self.random.randrange(5, 30), jitter=self.random.randrange(20))
        self.network.says(self.leader(), self.follower(), rate=200_000)
        time.sleep(SYNC_S / 2)
        self.work()

    def slow_clients(self):
        for name in self.network.client_links():
            self.network.proxy.set(name, delay=20, jitter=30)
        self.work()

    def cut_leader(self):
        leader = self.leader()
        self.network.isolate(leader, drop=1)
        self.wait_replaced(leader)
        self.work()

    def cut_follower(self):
        self.network.isolate(self.follower(), drop=1)
        time.sleep(SYNC_S)
        self.work()

    def cut_minority(self):
        """A leader and a follower see each other and nobody else."""
        gone = self.minority()
        for i in gone:
            for k in self.one.servers:
                if k not in gone:
                    self.network.between(i, k, drop=1)
        self.wait_replaced(*gone)
        self.work()

    def cut_one_way(self):
        """The leader hears and is not heard."""
        leader = self.leader()
        for i in self.others(leader):
            self.network.says(leader, i, drop=1)
        self.wait_replaced(leader)
        self.work()

    def stall_briefly(self):
        """Everything that the leader says and hears comes late, within the limits."""
        leader = self.leader()
        self.network.isolate(leader, hold=1)
        time.sleep(SYNC_S / 4)
        self.network.heal()
        self.work()
        assert self.leader() == leader, "a stall within the limits cost the leader its role"

    def cut_clients(self):
        """What clients say to one of the servers is lost, and what it says to them."""
        for name in self.network.client_links(self.leader()):
            self.network.proxy.set(name, drop=1)
        time.sleep(SYNC_S)

    def reset_links(self):
        for name in sorted(self.network.proxy.names):
            self.network.proxy.reset(name)
        self.work()

    def break_in_the_middle(self):
        """Connections end within a message: from the leader to each, and from a server to its clients."""
        leader = self.leader()
        for i in self.others(leader):
            self.network.says(leader, i, stop=self.random.randrange(1, 400))
        for name in self.network.client_links():
            self.network.proxy.set(name, "back", stop=self.random.randrange(1, 400))
        self.work()

    def half_open(self):
        """A leader does not hear that its followers' connections have ended; then they do not."""
        leader = self.leader()
        for i in self.others(leader):
            self.network.proxy.half(f"{i}>{leader}", "back")
        time.sleep(SYNC_S)
        self.one.wait_serving(timeout=REPLACED_S)
        leader = self.leader()
        for i in self.others(leader):
            self.network.proxy.half(f"{i}>{leader}", "there")
        self.one.wait_serving(timeout=REPLACED_S)
        self.work()


class Paused:
    """Servers that stand still."""

    def __init__(self, *servers):
        self.pids = [process_of(server) for server in servers]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def process_of(server):
    """`ip netns exec` replaces itself by the command, and zkServer.sh by the program."""
    name = Path(f"/proc/{server.pid}/comm").read_text(encoding="utf-8").strip()
    assert name not in ("ip", "bash", "sh"), f"process {server.pid} is {name}, not the server"
    return server.pid
