"""Runs clang-tidy 19 (.clang-tidy) over the sources of a build folder, several at a time.

    python3 tools/check_tidy.py <build folder> [--jobs N] [file...]

What was clean is remembered in the build folder by a hash of everything that the answer depends on (the
preprocessed text, the command line, .clang-tidy, the tool), so a second run looks at what has changed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import source_tree
from check_tool import find_tool

FILE_SECONDS_MAX = 300


def commands(build):
    """{source: its compile command} of the build folder, the project's own sources only."""
    database = build / "compile_commands.json"
    if not database.exists():
        sys.exit(f"{database} is not there: configure the build first")
    found = {}
    for entry in json.loads(database.read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(source_tree.ROOT) and not path.is_relative_to(build.resolve()):
            found.setdefault(path.relative_to(source_tree.ROOT).as_posix(), entry)
    return found


def fingerprint(entry, settings):
    """A hash of the preprocessed text with its line markers, or None where it does not preprocess."""
    words = shlex.split(entry["command"])
    if Path(words[0]).name == "ccache":
        words = words[1:]
    # -C keeps comments: NOLINT is one.
    words = words[:words.index("-o")] + words[words.index("-o") + 2:] if "-o" in words else words
    words = [w for w in words if w != "-c"] + ["-E", "-C"]
    done = subprocess.run(words, cwd=entry["directory"], capture_output=True)
    if done.returncode != 0:
        return None
    return hashlib.sha256(done.stdout + "\0".join(words).encode() + settings).hexdigest()


def tidy_one(tool, build, name, entry, settings, clean):
    key = fingerprint(entry, settings)
    if key and (clean / key).exists():
        return [], True
    try:
        done = subprocess.run([tool, "-p", str(build), "--quiet", name], cwd=source_tree.ROOT,
                              capture_output=True, text=True, timeout=FILE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return [f"{name}: clang-tidy did not end in {FILE_SECONDS_MAX} s"], False
    findings = [line.replace(str(source_tree.ROOT) + "/", "")
                for line in done.stdout.splitlines() if re.search(r": (error|warning): ", line)]
    if done.returncode != 0 and not findings:
        findings = [f"{name}: clang-tidy failed: {done.stderr.strip()[-500:]}"]
    if not findings and key:
        (clean / key).touch()
    return findings, False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_intermixed_args()
    tool = find_tool("clang-tidy")
    version = subprocess.run([tool, "--version"], capture_output=True).stdout
    settings = version + (source_tree.ROOT / ".clang-tidy").read_bytes()
    clean = arguments.build / "tidy-clean"
    clean.mkdir(exist_ok=True)
    wanted = commands(arguments.build)
    if arguments.files:
        wanted = {name: entry for name, entry in wanted.items() if name in arguments.files}
    findings, known = [], 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(tidy_one, tool, arguments.build, name, entry, settings, clean)
                   for name, entry in sorted(wanted.items())]
        for future in futures:
            found, remembered = future.result()
            findings += found
            known += remembered
    # A header's finding is reported by each file that includes it.
    findings = list(dict.fromkeys(findings))
    print(f"check_tidy: {known} files are unchanged since they were clean")
    source_tree.finish("check_tidy", findings, len(wanted))


if __name__ == "__main__":
    main()
