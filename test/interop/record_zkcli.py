"""Writes zkcli_expected/: what Apache's zkCli says against Apache's server in every case of
zkcli_cases.py.

    python test/interop/record_zkcli.py [case ...]

About four minutes for all of them. The files are committed: they are what our zkCli has to say.
"""

import concurrent.futures
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import backends  # noqa: E402  (needs the path above)
import zkcli_cases  # noqa: E402
import zkcli_harness  # noqa: E402

EXPECTED = HERE / "zkcli_expected"


def record(case, work):
    server = backends.make_server(
        work / case.name,
        zkcli_cases.SERVER_CONFIG[case.server],
        zkcli_cases.SERVER_FLAGS[case.server],
        kind="apache",
    )
    text = zkcli_harness.run_case(zkcli_harness.Cli(backends.apache_zkcli(work)), case, server)
    (EXPECTED / f"{case.name}.txt").write_text(text, encoding="utf-8")


def main():
    wanted = sys.argv[1:]
    cases = [case for case in zkcli_cases.CASES if not wanted or case.name in wanted]
    if wanted and len(cases) != len(set(wanted)):
        raise SystemExit(f"no such case among {wanted}")
    EXPECTED.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="samsa-zkcli-"))
    try:
        backends.java_command(work)  # fetches the jars once, before two threads want them
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda case: record(case, work), cases))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
