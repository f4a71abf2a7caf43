"""The interop tests: clients that nobody here wrote, all against one server.

SAMSA_TEST_SERVER names the server: "samsa" (the default) or "apache", which is how the harness
itself is proven: whatever fails against Apache is wrong in the test. Ports come from
SAMSA_TEST_PORT upwards (default 22500).
"""

import sys
from pathlib import Path

import pytest
from kazoo.client import KazooClient

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import backends  # noqa: E402  (needs the path above)
from peers import Ensemble, PeerUnavailable, samsa_program  # noqa: E402


def starter(directory):
    """start(cfg, properties) starts the server under test on an empty data directory; end() ends
    them all."""
    started = []

    def start(cfg=None, properties=None):
        server = backends.make_server(directory / f"server{len(started)}", cfg, properties)
        started.append(server)
        return server.start()

    def end():
        for server in started:
            if server.alive:
                server.kill()

    return start, end


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory):
    """As starter, for the tests of a file together."""
    start, end = starter(tmp_path_factory.mktemp("servers"))
    yield start
    end()


@pytest.fixture
def ensemble(tmp_path):
    """make(kinds, **options): an Ensemble, not yet started; it ends with the test."""
    made = []

    def make(kinds, network=None, **options):
        try:
            made.append(Ensemble(tmp_path, kinds, network=network, **options))
        except PeerUnavailable as problem:
            if network is not None:
                network.close()
            pytest.skip(str(problem).splitlines()[0])
        return made[-1]

    assert samsa_program() is not None, "build first: no bin/zkServer.sh with a program"
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def connect():
    """make(hosts): a client of kazoo that has a session; it ends with the test."""
    made = []
    retry = {"max_tries": -1, "delay": 0.05, "max_delay": 1}

    def make(hosts):
        made.append(KazooClient(hosts=hosts, timeout=10, connection_retry=retry, command_retry=retry))
        made[-1].start(timeout=20)
        return made[-1]

    yield make
    for client in made:
        client.stop()
        client.close()
