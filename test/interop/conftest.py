"""The interop tests: clients that nobody here wrote, all against one server.

SAMSA_TEST_SERVER names the server: "samsa" (the default) or "apache", which is how the harness
itself is proven: whatever fails against Apache is wrong in the test. Ports come from
SAMSA_TEST_PORT upwards (default 22500).
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import backends  # noqa: E402  (needs the path above)


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
