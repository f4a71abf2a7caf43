"""Servers with two addresses each, of which one fails, and servers whose names come to mean another address."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import Ensemble, Loopback, Proxied, free_port, samsa_program  # noqa: E402
from test_zk_ensembles import settle  # noqa: E402
from zk_history import History  # noqa: E402
from zk_nemesis import LIMITS, REPLACED_S  # noqa: E402

SECOND = "127.0.0.2"


class TwoAddresses(Ensemble):
    """server.N=a:2888:3888|b:2888:3888; links "1>2" go to the first address of 2, "1>2b" to the second."""

    def __init__(self, folder, count):
        self.second = {i: (free_port(), free_port()) for i in range(1, count + 1)}
        self.links = {}
        super().__init__(folder, ["samsa"] * count, network=Proxied(),
                         cfg={**LIMITS, "multiAddress.enabled": "true"})

    def server_lines(self, viewer=None):
        lines = {}
        for i in self.kinds:
            host, quorum, election, client = self.network.seen_by(viewer, i)
            second = (SECOND, *self.second[i])
            if viewer not in (None, i):
                if (viewer, i) not in self.links:
                    self.links[viewer, i] = [self.network.proxy.link(f"{viewer}>{i}b", SECOND, port)
                                             for port in self.second[i]]
                second = ("127.0.0.1", *self.links[viewer, i])
            lines[f"server.{i}"] = (f"{host}:{quorum}:{election}|{second[0]}:{second[1]}:{second[2]}"
                                    f";{host}:{client}")
        return lines

    def fail(self, which):
        """That address of every server is gone; "" is the first, "b" the second."""
        for name in sorted(self.network.proxy.names):
            if name.endswith("b") == (which == "b"):
                self.network.proxy.set(name, refuse=1)
                self.network.proxy.reset(name)


class Named(Loopback):
    """Members zk1, zk2, ... by the /etc/hosts of a mount namespace that each has for itself."""

    def __init__(self, hosts_file):
        super().__init__()
        self.hosts_file = hosts_file
        self.means = {}

    def add(self, member_id):
        super().add(member_id)
        self.move(member_id, "127.0.0.1")

    def move(self, member_id, address):
        self.means[f"zk{member_id}"] = address
        # In place: what is mounted is this file, not this name.
        with open(self.hosts_file, "w", encoding="ascii") as file:
            file.writelines(f"{address} {name}\n" for name, address in (("localhost", "127.0.0.1"),
                                                                        *self.means.items()))

    def prefix(self, _member_id):
        return ["unshare", "-m", "sh", "-c", f'mount --bind "{self.hosts_file}" /etc/hosts && exec "$@"', "sh"]


class NamedEnsemble(Ensemble):
    def server_lines(self, viewer=None):
        lines = {}
        for i in self.kinds:
            host, quorum, election, client = self.network.address(i)
            lines[f"server.{i}"] = f"zk{i}:{quorum}:{election};{host}:{client}"
        return lines


@pytest.fixture(autouse=True)
def program():
    assert samsa_program() is not None, "build first: no bin/zkServer.sh with a program"


@pytest.mark.parametrize("gone", ["", "b"], ids=["first", "second"])
def test_one_of_two_addresses_fails(tmp_path, gone):
    with TwoAddresses(tmp_path, 3) as one:
        one.start()
        history = History(one.hosts, workers=2).start()
        history.wait_progress(40)
        one.fail(gone)
        history.wait_progress(40)
        # The others must be reached anew, by the address that is left.
        leader = one.wait_leader()
        one.servers[leader].kill()
        one.wait_leader(but=(leader,), timeout=REPLACED_S)
        one.start(leader)
        history.wait_progress(40)
        stats = {name: one.network.proxy.stats(name)["open"] for name in one.network.proxy.names}
        assert not any(count for name, count in stats.items() if name.endswith("b") == (gone == "b")), stats
        assert any(count for name, count in stats.items() if name.endswith("b") != (gone == "b")), stats
        one.network.heal()
        settle(history, one)


def test_a_name_that_means_another_address(tmp_path):
    """The leader-to-be comes back elsewhere; who follows it must look its name up again."""
    hosts_file = tmp_path / "hosts"
    hosts_file.touch()
    if subprocess.run(["unshare", "-m", "mount", "--bind", hosts_file, "/etc/hosts"], check=False).returncode != 0:
        pytest.skip("needs the right to make mount namespaces")
    network = Named(hosts_file)
    with NamedEnsemble(tmp_path, ["samsa"] * 3, network=network, cfg=LIMITS) as one:
        one.start()
        one.servers[3].kill()
        one.wait_leader(but=(3,))
        network.move(3, SECOND)
        one.start(3)
        _, _, election, _ = network.address(3)
        socket.create_connection((SECOND, election), timeout=5).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", election), timeout=5)
        # All know the same, so the larger id leads, and server 1 must find it.
        one.servers[2].kill()
        one.wait_leader(but=(2,))
        one.wait_serving(1, 3)
        assert one.modes() == {1: "follower", 2: "", 3: "leader"}
        history = History(one.hosts, workers=2).start()
        history.wait_progress(20)
        one.start(2)
        history.wait_progress(20)
        settle(history, one)
