"""libzookeeper's C client (Debian's libzookeeper-mt-dev) against one server: c/zk_c_client.c."""

import subprocess
from pathlib import Path

import pytest

import checks

SOURCES = Path(__file__).resolve().parent / "c"
CHECKS = checks.names_in(SOURCES / "zk_c_client.c", r'^    \{"(\w+)", check_\w+\},$')


@pytest.fixture(scope="module")
def suite(tmp_path_factory, module_servers):
    program = tmp_path_factory.mktemp("c") / "zk_c_client"
    done = subprocess.run(
        [
            "gcc",
            "-std=gnu17",
            "-g",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-DTHREADED",
            "-o",
            str(program),
            str(SOURCES / "zk_c_client.c"),
            str(SOURCES / "client_check.c"),
            "-lzookeeper_mt",
            "-lpthread",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return checks.Suite([str(program)], module_servers)


@pytest.mark.parametrize("check", CHECKS)
def test_c(suite, check):
    suite.check(check)
