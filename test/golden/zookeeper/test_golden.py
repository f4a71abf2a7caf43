"""Every reply byte equal to Apache ZooKeeper's, but for times, session ids, passwords and versions.

The .golden files are what Apache answered to the script; see the package's `__main__` for how they
are written.  Samsa is compared with them always.  Where Java and Maven are, Apache itself is
compared with them too, so that the files cannot rot.
"""

import pytest

from golden import compare
from golden.zookeeper import run
from golden.zookeeper.script import CONFIGURATIONS
from peers import PeerUnavailable, class_path, free_port, java_program, samsa_program
from peers.maven import NEWEST

SHOWN_DIFFERENCES = 30


def check(kind, name, tmp_path):
    golden = run.golden_path(name).read_text(encoding="ascii")
    text = run.record(kind, CONFIGURATIONS[name], tmp_path / "data", free_port())
    found = compare.differences(golden, text)
    if found:
        shown = "\n".join(found[:SHOWN_DIFFERENCES])
        pytest.fail(f"{len(found)} of {compare.steps(golden)} steps differ; the first ones:\n{shown}",
                    pytrace=False)
    assert text == golden


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_samsa_answers_as_apache_did(name, tmp_path):
    assert samsa_program() is not None, "build first: there is no bin/zkServer.sh with a program"
    check("samsa", name, tmp_path)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_apache_answers_as_recorded(name, tmp_path):
    try:
        java_program()
        class_path(NEWEST)
    except PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    try:
        check("apache", name, tmp_path / "first")
    except OSError:
        # Apache accepts in a thread of its own: on a busy machine it can close a connection that its limit
        # turns away before the connect here is over. That says nothing of the recording: once more.
        check("apache", name, tmp_path / "second")


def test_the_script_is_large():
    """Guards against a script that lost its sections: then all comparisons would pass at once."""
    assert compare.steps(run.golden_path("default").read_text(encoding="ascii")) > 2500
    for name in CONFIGURATIONS:
        assert compare.steps(run.golden_path(name).read_text(encoding="ascii")) >= 10
