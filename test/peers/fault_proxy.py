"""Links between servers, and between clients and servers, that a test can slow, cut, stall, break and spoil.

`FaultProxy` is one process of fault_proxy.c, which says what its rules are.  `Proxied` is a network for an Ensemble:
each member's own line in its configuration is its true address, and the others' lines are ports of the proxy, so what
one member says to another always passes it.

    network = Proxied()
    one = Ensemble(folder, ["samsa"] * 3, network=network)
    network.between(1, 2, delay=30, jitter=20)      # milliseconds, both ways
    network.says(1, 2, hold=1)                      # what 1 says to 2 stays on its way, what 2 says arrives
    network.isolate(3, drop=1)                      # 3 and all others: lost in silence
    network.heal()                                  # everything is well again

An Apache server answers an election connection at the address that the other names as its own, past the proxy; its
quorum connections and all of ours pass it.
"""

import atexit
import functools
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .ensemble import Loopback
from .process import HOST

SOURCE = Path(__file__).with_name("fault_proxy.c")


@functools.cache
def program():
    folder = tempfile.mkdtemp(prefix="fault-proxy.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = Path(folder) / "fault_proxy"
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", target, SOURCE], check=True)
    return target


class FaultProxy:
    """One proxy process. Its links are named; several may have one name, and are then spoiled together."""

    def __init__(self):
        self.process = subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock = threading.Lock()
        self.names = set()

    def order(self, *words):
        with self.lock:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n")
        assert answer.startswith("ok"), f"{words}: {answer or 'the proxy has ended'}"
        return answer.removeprefix("ok").strip()

    def link(self, name, host, port):
        """The port on which connections to host:port are taken."""
        self.names.add(name)
        return int(self.order("link", name, f"{host}:{port}"))

    def set(self, name, where="both", **rules):
        """Rules: delay, jitter, rate, hold, drop, stop, refuse; where: there, back, both."""
        self.order("set", name, where, *(word for rule in rules.items() for word in rule))

    def heal(self, *names):
        for name in names or sorted(self.names):
            self.order("heal", name)

    def reset(self, name):
        self.order("reset", name)

    def half(self, name, where):
        self.order("half", name, where)

    def stats(self, name):
        return {key: int(value) for key, value in (pair.split("=") for pair in self.order("stats", name).split())}

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Proxied(Loopback):
    """Members on 127.0.0.1 whose connections pass a proxy: link "1>2" is made by 1 to 2, "c>2" by clients to 2."""

    def __init__(self):
        super().__init__()
        self.proxy = FaultProxy()
        self.inner = {}

    def seen_by(self, viewer, member_id):
        host, quorum, election, client = self.address(member_id)
        if viewer in (None, member_id):
            return host, quorum, election, client
        if (viewer, member_id) not in self.inner:
            name = f"{viewer}>{member_id}"
            self.inner[viewer, member_id] = (self.proxy.link(name, host, quorum),
                                             self.proxy.link(name, host, election))
        return HOST, *self.inner[viewer, member_id], client

    def hosts_for(self, clients="c", member_ids=()):
        """A connect string through links of these clients' own, "<clients>><member>"."""
        return ",".join(f"{HOST}:{self.proxy.link(f'{clients}>{i}', HOST, self.address(i)[3])}"
                        for i in member_ids or self.ports)

    def client_links(self, member_id=None):
        """The names of clients' links, of those to one member or of all."""
        return sorted(name for name in self.proxy.names
                      if not name[0].isdigit() and member_id in (None, int(name.rsplit(">", 1)[1])))

    def says(self, sender, receiver, **rules):
        """Rules for what `sender` says to `receiver`, whoever of them made the connection."""
        self.proxy.set(f"{sender}>{receiver}", "there", **rules)
        self.proxy.set(f"{receiver}>{sender}", "back", **rules)

    def between(self, one, other, **rules):
        self.says(one, other, **rules)
        self.says(other, one, **rules)

    def isolate(self, member_id, **rules):
        for other in self.ports:
            if other != member_id:
                self.between(member_id, other, **rules)

    def reset(self, one, other):
        self.proxy.reset(f"{one}>{other}")
        self.proxy.reset(f"{other}>{one}")

    def heal(self):
        self.proxy.heal()

    def close(self):
        self.proxy.close()
