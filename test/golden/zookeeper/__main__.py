"""Record Apache's answers, or compare a server with them.

    python3 test/golden/zookeeper record [configuration ...]     writes the .golden files
    python3 test/golden/zookeeper compare samsa|apache [configuration ...]
                                                                 prints the differences
Options: --port N (22000), --temp FOLDER.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from golden import compare  # noqa: E402
from golden.zookeeper import run  # noqa: E402
from golden.zookeeper.script import CONFIGURATIONS  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--port", type=int, default=22000)
    parser.add_argument("--temp")
    options = parser.parse_args()
    names = list(options.names)
    kind = "apache"
    if options.action == "compare":
        kind = names.pop(0) if names else "samsa"
    unknown = [name for name in names if name not in CONFIGURATIONS]
    if unknown:
        parser.error(f"no such configuration: {', '.join(unknown)}")
    different = 0
    with tempfile.TemporaryDirectory(dir=options.temp) as temp:
        for name in names or CONFIGURATIONS:
            text = run.record(kind, CONFIGURATIONS[name], Path(temp) / name, options.port)
            path = run.golden_path(name)
            if options.action == "record":
                path.write_text(text, encoding="ascii")
                print(f"{path.name}: {compare.steps(text)} steps")
                continue
            found = compare.differences(path.read_text(encoding="ascii"), text)
            print(f"{name}: {compare.steps(text)} steps, {len(found)} differ")
            for line in found:
                print(line)
            different += len(found)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
