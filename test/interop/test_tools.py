"""zkServer.sh, zkServer-initialize.sh, zkCleanup.sh and the tools that read logs and snapshots:
ours say what Apache's said (tools_expected/, see record_tools.py). Where Apache's tool dies of an
uncaught Java exception, ours must say something on standard error and end with the same code.
"""

from pathlib import Path

import pytest

import backends
import peers
import tools_cases
import tools_harness
from transcripts import differences

EXPECTED = Path(__file__).resolve().parent / "tools_expected"


@pytest.mark.parametrize("case", tools_cases.CASES, ids=lambda case: case.name)
def test_our_tools(case, tmp_path):
    bench = tools_harness.Bench(
        tmp_path / "work", peers.servers.samsa_bin_dir(), next(backends.PORTS)
    )
    found = differences(
        (EXPECTED / f"{case.name}.txt").read_text(encoding="utf-8"), bench.run(case)
    )
    assert not found, "\n".join(found)


def test_every_case_is_recorded():
    assert {case.name for case in tools_cases.CASES} == {
        path.stem for path in EXPECTED.glob("*.txt")
    }
