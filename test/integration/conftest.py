"""Servers for the integration tests: ours, and Apache's where Java and Maven are.

Each fixture is a factory whose servers are ended with the test, whatever became of it.

SAMSA_TEST_SERVER=apache puts Apache's newest in our place: what fails then is wrong in the test.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import (NEWEST, ApacheServer, PeerUnavailable, SamsaServer,  # noqa: E402
                   free_port, samsa_program)


@pytest.fixture
def end_servers():
    """A list: what is put there is killed after the test, if it still runs."""
    servers = []
    yield servers
    for server in servers:
        if server.alive:
            server.kill()


@pytest.fixture
def samsa_server(tmp_path, end_servers):
    """samsa_server(data_dir=None, cfg=None, java_props=None): not yet started."""

    def make(data_dir=None, cfg=None, java_props=None):
        data_dir = data_dir or tmp_path / "data"
        if os.environ.get("SAMSA_TEST_SERVER", "samsa") == "apache":
            server = ApacheServer(NEWEST, data_dir, free_port(), cfg, java_props)
        else:
            assert samsa_program() is not None, "build first: no bin/zkServer.sh with a program"
            server = SamsaServer(data_dir, free_port(), cfg, java_props)
        end_servers.append(server)
        return server

    return make


@pytest.fixture
def apache_server(tmp_path, end_servers):
    """apache_server(version, data_dir=None, ...): not yet started; skips without Java or Maven."""

    def make(version, data_dir=None, cfg=None, java_props=None):
        try:
            server = ApacheServer(version, data_dir or tmp_path / "data", free_port(), cfg,
                                  java_props)
        except PeerUnavailable as problem:
            pytest.skip(str(problem).splitlines()[0])
        end_servers.append(server)
        return server

    return make
