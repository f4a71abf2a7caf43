"""Ensembles of ZooKeeper servers on this machine, Apache's of any version and ours in one, and what breaks them.

`Ensemble(folder, ["samsa", "3.9.5", "3.5.10"])` makes three servers with ids 1, 2, 3.  A member's kind can be
changed while it is down (`replace`), which is how a cluster moves from Apache to Samsa and back: the data
directory stays.  On loopback each server has ports of its own; with `network=Namespaces()` each has a network
namespace and an address of its own, and links can be cut.
"""

import os
import subprocess
import time
from pathlib import Path

from . import maven
from .ports import free_port
from .process import HOST, ServerDied
from .servers import ApacheServer, SamsaServer

QUORUM_PORT, ELECTION_PORT, CLIENT_PORT = 2888, 3888, 2181


class Loopback:
    """All members on 127.0.0.1, told apart by their ports."""

    def __init__(self):
        self.ports = {}

    def add(self, member_id):
        self.ports[member_id] = (free_port(), free_port(), free_port())

    def address(self, member_id):
        return (HOST, *self.ports[member_id])

    def seen_by(self, _viewer, member_id):
        """The address that stands in the configuration of `viewer` (None: of nobody in particular)."""
        return self.address(member_id)

    def prefix(self, _member_id):
        return []

    def close(self):
        pass


class Namespaces:
    """A network namespace for each member on a bridge of the test's own: 10.213.<net>.<id>; needs root.

    The test itself is 10.213.<net>.254.
    """

    used = 0

    def __init__(self):
        Namespaces.used += 1
        self.net = (os.getpid() + Namespaces.used) % 250 + 1
        self.tag = f"sz{self.net}"
        self.members = []
        run("ip", "link", "add", self.tag, "type", "bridge")
        run("ip", "address", "add", f"10.213.{self.net}.254/24", "dev", self.tag)
        run("ip", "link", "set", self.tag, "up")

    def space(self, member_id):
        return f"{self.tag}-{member_id}"

    def add(self, member_id):
        space, outer, inner = self.space(member_id), f"{self.tag}o{member_id}", f"{self.tag}i{member_id}"
        run("ip", "netns", "add", space)
        self.members.append(member_id)
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", space)
        run("ip", "link", "set", outer, "master", self.tag, "up")
        run("ip", "-n", space, "address", "add", f"10.213.{self.net}.{member_id}/24", "dev", inner)
        run("ip", "-n", space, "link", "set", inner, "up")
        run("ip", "-n", space, "link", "set", "lo", "up")

    def host(self, member_id):
        return f"10.213.{self.net}.{member_id}"

    def address(self, member_id):
        return (self.host(member_id), QUORUM_PORT, ELECTION_PORT, CLIENT_PORT)

    def seen_by(self, _viewer, member_id):
        return self.address(member_id)

    def prefix(self, member_id):
        return ["ip", "netns", "exec", self.space(member_id)]

    def cut(self, member_id):
        """Nothing reaches that member and nothing comes from it, in silence: no connection is reset."""
        run("ip", "link", "set", f"{self.tag}o{member_id}", "down")

    def heal(self, member_id):
        run("ip", "link", "set", f"{self.tag}o{member_id}", "up")

    def cut_one_way(self, sender, receiver):
        """What `sender` says to `receiver` is lost; the other way stays open."""
        run("ip", "-n", self.space(receiver), "route", "flush", "cache")
        run("ip", "-n", self.space(sender), "neigh", "replace", self.host(receiver), "lladdr", "02:00:00:00:00:01",
            "dev", f"{self.tag}i{sender}", "nud", "permanent")

    def heal_one_way(self, sender, receiver):
        run("ip", "-n", self.space(sender), "neigh", "del", self.host(receiver), "dev", f"{self.tag}i{sender}")

    def close(self):
        for member_id in self.members:
            subprocess.run(["ip", "netns", "del", self.space(member_id)], check=False)
        subprocess.run(["ip", "link", "del", self.tag], check=False)


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


def namespaces_work():
    """May this process make network namespaces?"""
    probe = f"sz-probe-{os.getpid()}"
    try:
        run("ip", "netns", "add", probe)
        run("ip", "netns", "del", probe)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Ensemble:
    """Servers 1..n. `kinds`: "samsa" or a version of Apache's, one for each; observers: ids of observers."""

    def __init__(self, folder, kinds, observers=(), cfg=None, java_props=None, network=None, more_lines=(),
                 log_level="INFO"):
        self.folder = Path(folder)
        self.kinds = dict(enumerate(kinds, start=1))
        self.observers = set(observers)
        self.cfg = dict(cfg or {})
        self.java_props = dict(java_props or {})
        self.network = network or Loopback()
        self.more_lines = dict(more_lines)
        self.log_level = log_level
        self.servers = {}
        for member_id in self.kinds:
            self.network.add(member_id)
        for member_id in self.kinds:
            self.servers[member_id] = self.make(member_id)

    def server_lines(self, viewer=None):
        """The server.N lines, as they stand in the configuration of that member."""
        lines = {}
        for member_id in self.kinds:
            host, quorum, election, client = self.network.seen_by(viewer, member_id)
            role = ":observer" if member_id in self.observers else ""
            lines[f"server.{member_id}"] = f"{host}:{quorum}:{election}{role};{host}:{client}"
        return lines

    def make(self, member_id):
        """The server of that id, of the kind that it has now, over its data directory; not started."""
        kind = self.kinds[member_id]
        if kind == "samsa" and os.environ.get("SAMSA_TEST_SERVER") == "apache":
            kind = maven.NEWEST
        host, _, _, client = self.network.address(member_id)
        cfg = {"initLimit": 20, "syncLimit": 10, "tickTime": 500, "clientPort": None, "clientPortAddress": None,
               **({"peerType": "observer"} if member_id in self.observers else {}),
               **self.server_lines(member_id), **self.more_lines, **self.cfg}
        data_dir = self.folder / f"server{member_id}"
        base = SamsaServer if kind == "samsa" else ApacheServer
        prefix = self.network.prefix(member_id)

        class Member(base):
            address = (host, client)
            hosts = f"{host}:{client}"

            def prepare(self):
                super().prepare()
                (self.data_dir / "myid").write_text(f"{member_id}\n", encoding="ascii")

            def command(self):
                return prefix + super().command()

        arguments = (data_dir, client, cfg, self.java_props, self.log_level)
        return Member(*arguments) if kind == "samsa" else Member(kind, *arguments)

    # --- life ---

    def start(self, *member_ids, wait=True):
        for member_id in member_ids or self.servers:
            self.servers[member_id].start(wait=False)
        if wait:
            self.wait_serving(*member_ids)
        return self

    def replace(self, member_id, kind):
        """Stops a member and starts one of another kind over its data."""
        self.servers[member_id].stop()
        self.kinds[member_id] = kind
        self.servers[member_id] = self.make(member_id)
        self.servers[member_id].start(wait=False)
        self.wait_serving(member_id)

    def stop(self):
        for server in self.servers.values():
            if server.alive:
                server.kill()
        self.network.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- what they say ---

    def mode(self, member_id):
        """"leader", "follower", "observer", "read-only", or "" when it does not serve."""
        server = self.servers[member_id]
        if not server.alive:
            return ""
        try:
            answer = server.four_letter("srvr", timeout=2)
        except OSError:
            return ""
        for line in answer.decode("utf-8", "replace").splitlines():
            if line.startswith("Mode: "):
                return line.removeprefix("Mode: ")
        return ""

    def modes(self):
        return {member_id: self.mode(member_id) for member_id in self.servers}

    def leader(self):
        """The id of who leads now, or None."""
        leaders = [member_id for member_id, mode in self.modes().items() if mode == "leader"]
        return leaders[0] if len(leaders) == 1 else None

    def followers(self):
        return [member_id for member_id, mode in self.modes().items() if mode == "follower"]

    def wait_serving(self, *member_ids, timeout=60):
        """Returns when each of them (all that live, when none is named) serves under one leader."""
        self.wait(lambda: self.leader() is not None and all(
            self.mode(member_id) not in ("", "read-only") for member_id in member_ids or
            [i for i, server in self.servers.items() if server.alive]), "serve", timeout)

    def wait_leader(self, but=(), timeout=60):
        self.wait(lambda: self.leader() is not None and self.leader() not in but, "elect a leader", timeout)
        return self.leader()

    def wait(self, condition, what, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- server {i} ({self.kinds[i]}, {self.mode(i) or 'not serving'})\n"
                                  f"{server.log_tail(25)}" for i, server in self.servers.items())
                raise ServerDied(f"the ensemble did not {what} in {timeout} s\n{tails}")
            time.sleep(0.05)

    def monitor(self, member_id):
        """mntr as {key without zk_: text}."""
        answer = self.servers[member_id].four_letter("mntr").decode("utf-8", "replace")
        return dict(line.removeprefix("zk_").split("\t", 1) for line in answer.splitlines() if "\t" in line)

    @property
    def hosts(self):
        """The connect string of all."""
        return ",".join(server.hosts for server in self.servers.values())
