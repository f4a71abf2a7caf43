"""Record Apache's answers, or compare a broker with them.

    python3 test/golden/kafka record [configuration ...]     writes the .golden files
    python3 test/golden/kafka compare samsa|apache [configuration ...]
                                                             prints the differences
Options: --section NAME (repeatable), --temp FOLDER, --out FILE (the text as it came). Ports are from
$SAMSA_TEST_PORT on.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from golden import compare  # noqa: E402
from golden.kafka import run  # noqa: E402
from golden.kafka.script import CONFIGURATIONS  # noqa: E402


def part_of(text, sections):
    """The recording's sections of these names."""
    parts = text.split("\n=== ")
    return "\n=== ".join([parts[0]] + [one for one in parts[1:] if one.split(":")[0] in sections])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--section", action="append", default=[])
    parser.add_argument("--temp")
    parser.add_argument("--out")
    options = parser.parse_args()
    names = list(options.names)
    kind = "apache"
    if options.action == "compare":
        kind = names.pop(0) if names else "samsa"
    unknown = [name for name in names if name not in CONFIGURATIONS]
    if unknown:
        parser.error(f"no such configuration: {', '.join(unknown)}")
    failed = 0
    with tempfile.TemporaryDirectory(dir=options.temp) as temp:
        for name in names or CONFIGURATIONS:
            text = run.record(kind, CONFIGURATIONS[name], Path(temp) / name, options.section, sys.stderr)
            if options.out:
                Path(options.out).write_text(text, encoding="ascii")
            path = run.golden_path(name)
            if options.action == "record":
                if not options.section:
                    path.write_text(text, encoding="ascii")
                print(f"{name}: {compare.steps(text)} steps")
                continue
            golden = path.read_text(encoding="ascii")
            if options.section:
                golden = part_of(golden, options.section)
            if kind == "samsa":
                found, known = run.pending_differences(name, golden, text)
            else:
                found, known = compare.differences(golden, text), 0
            if options.section:
                found = [one for one in found if not one.startswith("pending.txt")]
            print(f"{name}: {compare.steps(text)} steps, {len(found)} differ, {known} more are pending")
            for one in found:
                print(one)
            failed += len(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
