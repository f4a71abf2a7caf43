"""Kafka's admin tools, ours, against what Apache's 3.9 said on Apache's broker (kafka_tools_expected).

The broker is Samsa's, or Apache's with SAMSA_TEST_SERVER=apache.
"""

from pathlib import Path

import pytest

import backends
import kafka_tools_bench as bench
import kafka_tools_cases as cases
import kafka_tools_harness as harness
import peers

EXPECTED = Path(__file__).resolve().parent / "kafka_tools_expected"


@pytest.mark.parametrize("case", [case for case in cases.CASES if (EXPECTED / f"{case}.txt").exists()])
def test_as_apache(case, tmp_path, module_servers):
    zookeeper = module_servers()
    files = tmp_path / "files"
    files.mkdir()
    if backends.server_kind() == "apache":
        broker = peers.ApacheBroker(peers.KAFKA_NEWEST, tmp_path / "broker", next(backends.PORTS), zookeeper)
    else:
        broker = peers.SamsaBroker(tmp_path / "broker", next(backends.PORTS), zookeeper)
    with broker:
        bench.prepare(case, broker)
        actual = harness.transcript(case, bench.ours, broker.hosts, files)
    expected = (EXPECTED / f"{case}.txt").read_text(encoding="utf-8")
    found = harness.differences(expected, actual)
    assert not found, "\n".join(found)
