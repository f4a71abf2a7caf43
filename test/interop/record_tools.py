"""Writes tools_expected/: what Apache's scripts say in every case of tools_cases.py.

    APACHE_ZOOKEEPER_HOME=<unpacked release 3.9> python test/interop/record_tools.py [case ...]

The scripts are not published through Maven, so this command alone needs an unpacked release (bin/
and lib/).
"""

import concurrent.futures
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import backends  # noqa: E402  (needs the path above)
import peers  # noqa: E402
import tools_cases  # noqa: E402
import tools_harness  # noqa: E402

EXPECTED = HERE / "tools_expected"


def main():
    home = os.environ.get("APACHE_ZOOKEEPER_HOME")
    if not home:
        raise SystemExit("APACHE_ZOOKEEPER_HOME: name the folder of an unpacked Apache release 3.9")
    wanted = sys.argv[1:]
    # JAVA_HOME keeps zkEnv.sh from printing where it found java.
    environment = {"JAVA_HOME": str(Path(os.path.realpath(peers.java_program())).parents[1])}
    EXPECTED.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="samsa-tools-"))

    def record(case):
        bench = tools_harness.Bench(
            work / case.name, Path(home) / "bin", next(backends.PORTS), environment
        )
        (EXPECTED / f"{case.name}.txt").write_text(bench.run(case), encoding="utf-8")

    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(
                pool.map(
                    record,
                    [case for case in tools_cases.CASES if not wanted or case.name in wanted],
                )
            )
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
