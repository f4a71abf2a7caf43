"""Runs fuzzers of the fuzz preset, each for some seconds, from the committed corpus.

    python3 tools/run_fuzzers.py [--seconds N] [--seed N] [fuzz_name...]

Without a seed each run explores elsewhere; make test passes one, so that what it says of a change is not
said of the dice.

New inputs go to build/fuzz/found/<name>/ and never into the tree by themselves; an input that breaks a
parser is written there as crash-*, and belongs into test/fuzz/corpus/<name>/ with the fix.
"""

import argparse
import subprocess
import sys

import source_tree

INPUT_BYTES_MAX = 1 << 16
MEMORY_MB_MAX = 2048


def run(program, seconds, seed):
    name = program.name.removeprefix("fuzz_")
    found = source_tree.ROOT / "build/fuzz/found" / name
    found.mkdir(parents=True, exist_ok=True)
    folders = [str(found)]
    corpus = source_tree.ROOT / "test/fuzz/corpus" / name
    if corpus.is_dir():
        folders.append(str(corpus))
    words = [str(program), f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=10",
             f"-rss_limit_mb={MEMORY_MB_MAX}", f"-artifact_prefix={found}/", "-print_final_stats=1",
             f"-seed={seed}"]
    dictionary = source_tree.ROOT / "test/fuzz" / f"{name}.dict"
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    print(f"== {program.name}: {seconds} s", flush=True)
    return subprocess.run(words + folders, cwd=source_tree.ROOT).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    programs = [p for p in sorted((source_tree.ROOT / "build/fuzz/test").glob("fuzz_*"))
                if p.is_file() and (not arguments.names or p.name in arguments.names)]
    if not programs or len(programs) < len(arguments.names):
        sys.exit("no such fuzzer in build/fuzz/test: build the fuzz preset first (make fuzz does)")
    failed = [p.name for p in programs if run(p, arguments.seconds, arguments.seed) != 0]
    if failed:
        sys.exit("failed: " + " ".join(failed))
    print(f"{len(programs)} fuzzers found nothing")


if __name__ == "__main__":
    main()
