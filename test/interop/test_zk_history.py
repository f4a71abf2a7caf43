"""The judge of zk_history.py itself: it finds each kind of broken promise, and nothing in a good history."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from zk_history import Operation, read_problems, real_time_problems, session_problems, unique_problems  # noqa: E402


def change(name, began, ended, zxid, *, kind="set", version=0, sequence=0, session=1):
    return Operation(0, session, kind, name, began, ended, zxid, version, b"", sequence, True)


class OneWorker:
    number = 0

    def __init__(self, *operations):
        self.operations = operations


GOOD = (change("r0", 0, 2, 10, version=1), change("r0", 1, 3, 11, version=2), change("r1", 4, 5, 12, version=1),
        change("e", 4, 6, 13, kind="create"))


def test_a_good_history_has_no_problems():
    assert not unique_problems(GOOD)
    assert not real_time_problems(GOOD)
    assert not read_problems([*GOOD, change("r0", 4, 5, 11, kind="read")])
    assert not session_problems(OneWorker(*GOOD))


@pytest.mark.parametrize("bad", [
    [change("r0", 0, 1, 10, version=1), change("r1", 2, 3, 10, version=1)],
    [change("r0", 0, 1, 10, version=1), change("r0", 2, 3, 11, version=1)],
    [change("a", 0, 1, 10, kind="create", sequence=7), change("b", 2, 3, 11, kind="create", sequence=7)],
], ids=["zxid", "version", "sequence number"])
def test_what_is_given_twice_is_found(bad):
    assert len(unique_problems(bad)) == 1


def test_an_order_against_real_time_is_found():
    assert real_time_problems([change("r0", 0, 1, 11), change("r1", 2, 3, 10)])
    assert not real_time_problems([change("r0", 0, 3, 11), change("r1", 2, 4, 10)]), "they overlap"


def test_a_stale_read_behind_a_sync_is_found():
    assert read_problems([change("r0", 0, 1, 10), change("r0", 2, 3, 9, kind="read")])


def test_a_read_of_the_future_is_found():
    assert read_problems([change("r0", 4, 5, 10), change("r0", 2, 3, 10, kind="read")])


def test_a_session_that_goes_back_is_found():
    assert session_problems(OneWorker(change("r0", 0, 1, 10), change("r0", 2, 3, 9, kind="read")))
    assert session_problems(OneWorker(change("r0", 0, 1, 10), change("r1", 2, 3, 9)))
