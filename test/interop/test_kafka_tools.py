"""Kafka's tools, ours and Apache's, against what Apache's said on Apache's broker (kafka_tools_expected).

The broker is Samsa's, or Apache's with SAMSA_TEST_SERVER=apache: then only our tools are on trial, and Apache's prove
the recording. The tools of Apache's are the main classes of 3.9 and, for the forms that only it has, of 2.7.
"""

from pathlib import Path

import pytest

import backends
import kafka_jvm
import kafka_tools_bench as tools_bench
import kafka_tools_cases as cases
import kafka_tools_harness as harness
import peers

EXPECTED = Path(__file__).resolve().parent / "kafka_tools_expected"
VERSIONS = {"newest": peers.KAFKA_NEWEST, "oldest": peers.KAFKA_OLDEST}


@pytest.fixture(name="broker")
def fixture_broker(tmp_path):
    zookeeper = backends.make_server(tmp_path / "zookeeper").start()
    if backends.server_kind() == "apache":
        broker = peers.ApacheBroker(peers.KAFKA_NEWEST, tmp_path / "broker", next(backends.PORTS), zookeeper)
    else:
        broker = peers.SamsaBroker(tmp_path / "broker", next(backends.PORTS), zookeeper)
    try:
        with broker:
            yield broker
    finally:
        zookeeper.kill()


@pytest.fixture(name="jvm_of", scope="module")
def fixture_jvm_of(tmp_path_factory):
    """Apache's tools of a release, kept from case to case."""
    running = {}

    def jvm_of(release):
        if release not in running:
            try:
                jvm = kafka_jvm.ToolJvm(VERSIONS[release], tmp_path_factory.mktemp(release))
            except peers.PeerUnavailable as missing:
                pytest.skip(str(missing).splitlines()[0])
            running[release] = jvm.__enter__()
        return running[release]

    yield jvm_of
    for jvm in running.values():
        jvm.__exit__()


def compare(case, run, broker, folder, is_ours=False):
    folder.mkdir()
    bench = tools_bench.Bench(case, broker)
    try:
        actual = harness.transcript(case, run, bench, folder, is_ours)
    finally:
        bench.close()
    found = harness.differences(harness.expected(case, EXPECTED, is_ours), actual)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("case", cases.CASES)
def test_ours(case, broker, tmp_path):
    compare(case, tools_bench.ours, broker, tmp_path / "files", is_ours=True)


@pytest.mark.parametrize("case", cases.CASES)
def test_apaches(case, broker, tmp_path, jvm_of):
    compare(case, jvm_of(cases.release(case)).run, broker, tmp_path / "files")


def test_broker_api_versions(broker, jvm_of):
    """Ours and Apache's of 3.9 see the same in the broker; 2.7's finds what it needs."""
    words = ["--bootstrap-server", broker.hosts]
    ours, theirs, old = (run("kafka-broker-api-versions", words)
                         for run in (tools_bench.ours, jvm_of("newest").run, jvm_of("oldest").run))
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert old.returncode == 0
    assert "Produce(0): 0 to 11 [usable: 8]" in old.stdout and "Fetch(1): 0 to 17 [usable: 12]" in old.stdout
