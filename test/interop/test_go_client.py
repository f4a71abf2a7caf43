"""The Go client (github.com/go-zookeeper/zk) against one server: go/main.go.

The only client here whose toolchain `make test` does not install: without a go command it is
skipped.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

import checks

SOURCES = Path(__file__).resolve().parent / "go"
CHECKS = checks.names_in(SOURCES / "main.go", r'^\t\{"(\w+)", \w+\},$')

pytestmark = pytest.mark.skipif(not shutil.which("go"), reason="no go command on PATH")


@pytest.fixture(scope="module")
def suite(tmp_path_factory, module_servers):
    program = tmp_path_factory.mktemp("go") / "zk_go_client"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return checks.Suite([str(program)], module_servers)


@pytest.mark.parametrize("check", CHECKS)
def test_go(suite, check):
    suite.check(check)
