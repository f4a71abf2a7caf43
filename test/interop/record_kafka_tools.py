"""Records kafka_tools_expected/ from Apache's tools on Apache's broker of 3.9. Arguments: the cases to record."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import kafka_jvm  # noqa: E402  (needs the path above)
import kafka_tools_bench as tools_bench  # noqa: E402
import kafka_tools_cases as cases  # noqa: E402
import kafka_tools_harness as harness  # noqa: E402
import peers  # noqa: E402
from peers.ports import free_port  # noqa: E402

EXPECTED = Path(__file__).resolve().parent / "kafka_tools_expected"
VERSIONS = {"newest": peers.KAFKA_NEWEST, "oldest": peers.KAFKA_OLDEST}


def record(case):
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "files").mkdir()
        version = VERSIONS[cases.release(case)]
        with peers.ApacheServer(peers.NEWEST, work / "zookeeper", free_port()) as zookeeper, \
                peers.ApacheBroker(peers.KAFKA_NEWEST, work / "broker", free_port(), zookeeper) as broker, \
                kafka_jvm.ToolJvm(version, work / "tools") as jvm:
            bench = tools_bench.Bench(case, broker)
            text = harness.transcript(case, jvm.run, bench, work / "files")
            bench.close()
    EXPECTED.mkdir(exist_ok=True)
    (EXPECTED / f"{case}.txt").write_text(text, encoding="utf-8")


for chosen in sys.argv[1:] or cases.CASES:
    record(chosen)
