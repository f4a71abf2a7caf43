"""Apache Curator's framework and recipes against one server: java/CuratorChecks.java."""

import os
from pathlib import Path

import pytest

import backends
import checks
import curator
import peers

SOURCES = Path(__file__).resolve().parent / "java"
CHECKS = checks.names_in(SOURCES / "CuratorChecks.java", r"^    static void (\w+)\(Env env\)")


@pytest.fixture(scope="module")
def suite(tmp_path_factory, module_servers):
    classes = tmp_path_factory.mktemp("classes")
    sources = [SOURCES / f"{name}.java" for name in ("Checks", "Env", "CuratorChecks")]
    jars = os.pathsep.join([peers.class_path(peers.NEWEST), curator.class_path()])
    backends.compile_java(sources, classes, jars)
    java = backends.java_command(classes, classes, curator.class_path())
    return checks.Suite([*java, "Checks", "CuratorChecks"], module_servers)


@pytest.mark.parametrize("check", CHECKS)
def test_curator(suite, check):
    suite.check(check)
