"""Runs clang-format 19 over every C file. --fix rewrites the files (long comments are wrapped first, see
wrap_comments.py), otherwise differences are findings.

    python3 tools/check_format.py [--fix] [file...]
"""

import argparse
import re
import subprocess
import sys

import source_tree
import wrap_comments
from check_tool import find_tool


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    tool = find_tool("clang-format")
    names = arguments.files or [str(p) for p in source_tree.files(".c", ".h")]
    if arguments.fix:
        # Twice: what clang-format does to a member with a long comment is seen only when it has done it.
        for _ in range(2):
            for name in names:
                wrap_comments.wrap_file(source_tree.ROOT / name)
            for start in range(0, len(names), 50):
                subprocess.run([tool, "-i", *names[start:start + 50]], cwd=source_tree.ROOT, check=True)
    findings = []
    for start in range(0, len(names), 50):
        group = names[start:start + 50]
        done = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1", *group],
                              cwd=source_tree.ROOT, capture_output=True, text=True)
        places = re.findall(r"^(\S+?:\d+):\d+: (?:error|warning)", done.stderr, re.MULTILINE)
        findings += [f"{place}: not as clang-format writes it" for place in places]
        if done.returncode != 0 and not places:
            sys.exit(done.stderr)
    source_tree.finish("check_format", findings, len(names), "`make fmt` formats the tree")


if __name__ == "__main__":
    main()
