"""Apache's Java client, through its whole API, against one server: java/*Checks.java."""

from pathlib import Path

import pytest

import backends
import checks
import peers

SOURCES = Path(__file__).resolve().parent / "java"
CLASSES = [
    "NodeChecks",
    "MultiChecks",
    "WatchChecks",
    "SessionChecks",
    "AccessChecks",
    "QuotaChecks",
    "AsyncChecks",
    "LimitChecks",
]
CASES = [
    (name, check)
    for name in CLASSES
    for check in checks.names_in(SOURCES / f"{name}.java", r"^    static void (\w+)\(Env env\)")
]


@pytest.fixture(scope="module")
def suites(tmp_path_factory, module_servers):
    classes = tmp_path_factory.mktemp("classes")
    backends.compile_java(
        [SOURCES / f"{name}.java" for name in ("Checks", "Env", "Relay", *CLASSES)],
        classes,
        peers.class_path(peers.NEWEST),
    )
    java = backends.java_command(classes, classes)
    return {name: checks.Suite([*java, "Checks", name], module_servers) for name in CLASSES}


@pytest.mark.parametrize("owner, check", CASES, ids=[f"{owner}-{check}" for owner, check in CASES])
def test_java(suites, owner, check):
    suites[owner].check(check)
