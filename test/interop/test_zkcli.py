"""zkCli: ours says what Apache's says, and Apache's says the same to our server as to its own.

The expected text (zkcli_expected/, see record_zkcli.py) was recorded from Apache's zkCli against
Apache's server, so each of the two tests changes one side only. Where Apache's zkCli dies of an
uncaught Java exception ("<uncaught ...>"), ours must say something on standard error instead and
end with the same code: nobody needs a stack trace.
"""

import os
from pathlib import Path

import pytest

import backends
import zkcli_cases
import zkcli_harness
from transcripts import differences

EXPECTED = Path(__file__).resolve().parent / "zkcli_expected"

# Apache's zkCli costs half a second of Java for each command. These cases touch every request it
# can send; SAMSA_TEST_FULL=1 runs the others too.
WITH_APACHE_ZKCLI = {
    "tutorial",
    "create_modes",
    "create_modes_plain",
    "quota_hard",
    "reconfig_plain",
    "config",
    "chroot_missing",
    "session_tutorial",
    "session_watch_data",
    "session_watch_children",
    "session_add_watch",
    "session_remove_watches",
    "session_auth",
    "session_auth_bad",
    "session_ephemerals",
    "session_close_connect",
    "session_reconnect",
    "session_errors",
    "session_quota",
    "session_chroot",
    "session_modes",
    "session_readonly",
}


def check(command, case, tmp_path):
    server = backends.make_server(
        tmp_path / "server",
        zkcli_cases.SERVER_CONFIG[case.server],
        zkcli_cases.SERVER_FLAGS[case.server],
    )
    actual = zkcli_harness.run_case(zkcli_harness.Cli(command), case, server)
    expected = (EXPECTED / f"{case.name}.txt").read_text(encoding="utf-8")
    found = differences(expected, actual)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("case", zkcli_cases.CASES, ids=lambda case: case.name)
def test_our_zkcli(case, tmp_path):
    check(backends.samsa_zkcli(), case, tmp_path)


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in zkcli_cases.CASES
        if case.name in WITH_APACHE_ZKCLI or os.environ.get("SAMSA_TEST_FULL") == "1"
    ],
    ids=lambda case: case.name,
)
def test_apache_zkcli(case, tmp_path):
    check(backends.apache_zkcli(tmp_path), case, tmp_path)


def test_every_case_is_recorded():
    assert {case.name for case in zkcli_cases.CASES} == {
        path.stem for path in EXPECTED.glob("*.txt")
    }
    assert {case.name for case in zkcli_cases.CASES} >= WITH_APACHE_ZKCLI


def test_the_comparison_sees_differences():
    """A comparison that cannot fail proves nothing."""
    text = (EXPECTED / "tutorial.txt").read_text(encoding="utf-8")
    assert not differences(text, text)
    for old, new in [
        ("= 0", "= 1"),
        ("[zookeeper]", "[]"),
        ("! Created", "| Created"),
        ("<zxid>", "7"),
        ("numChildren", "x"),
    ]:
        assert differences(text, text.replace(old, new, 1))
    died = (EXPECTED / "session_redo_crash.txt").read_text(encoding="utf-8")
    better = died.replace("! <uncaught java.lang.NumberFormatException>", "! redo: not a number: x")
    assert not differences(died, better)
    assert differences(died, died.replace("! <uncaught java.lang.NumberFormatException>\n", ""))
    assert differences(died, better.replace("= 1", "= 0"))
