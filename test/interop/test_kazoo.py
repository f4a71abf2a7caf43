"""kazoo's own test suite against one server: each of its tests is one test here.

kazoo_tests.txt lists them all (as published; see kazoo_suite.py), kazoo_not_applicable.txt those
that cannot apply, with the reason. The suite runs once, in a process of its own; here its results
are read.
"""

import pytest

import kazoo_suite

NOT_APPLICABLE = kazoo_suite.not_applicable()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return kazoo_suite.run(tmp_path_factory.mktemp("kazoo"))


@pytest.mark.parametrize("test_id", [t for t in kazoo_suite.listed() if t not in NOT_APPLICABLE])
def test_kazoo(results, test_id):
    assert test_id in results, "the suite did not run it (did it end early?)"
    assert results[test_id] is None, results[test_id]


def test_the_suite_is_whole(tmp_path):
    """The published package has exactly the tests that are listed; none is left out in silence."""
    listed = kazoo_suite.listed()
    assert sorted(kazoo_suite.collect(tmp_path)) == sorted(listed)
    assert set(NOT_APPLICABLE) <= set(listed)
