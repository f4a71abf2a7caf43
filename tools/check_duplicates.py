"""Finds copied code: runs of lines that stand in more than one place.

    python3 tools/check_duplicates.py [--all]

Lines are compared without blanks and comments; a run must hold RUN_LINES_MIN lines that say something
(braces, includes and `break;` do not count). Fails when one run is longer than RUN_LINES_MAX, or when
copied lines pass SHARE_MAX of the tree. Tests are measured by themselves, more mildly: there a
little repetition is clearer than a helper.
"""

import argparse
import re
from pathlib import Path

import source_tree
from check_style import code_only_keep_literals

RUN_LINES_MIN = 8
LIMITS = {"source": (20, 0.02), "tests": (40, 0.05)}
SAYS_NOTHING = re.compile(r"^(\W*|#include.*|break;|return;|default:|else\{|\}else\{)$")


def lines_of(path):
    """[(number, text without blanks)] of the lines that say something."""
    text = code_only_keep_literals((source_tree.ROOT / path).read_text())
    packed = ((number, re.sub(r"\s+", "", line)) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in packed if not SAYS_NOTHING.match(line)]


def find_runs(files):
    """[(length, path, first line, other path, other first line)], the longest run at each place."""
    first_seen, runs, covered = {}, [], set()
    for path, lines in files.items():
        i = 0
        while i + RUN_LINES_MIN <= len(lines):
            key = "\n".join(text for _, text in lines[i:i + RUN_LINES_MIN])
            if key not in first_seen:
                first_seen[key] = (path, i)
                i += 1
                continue
            other, j = first_seen[key]
            length = RUN_LINES_MIN
            while (i + length < len(lines) and j + length < len(files[other])
                   and (other != path or j + length < i)
                   and lines[i + length][1] == files[other][j + length][1]):
                length += 1
            runs.append((length, path, lines[i][0], other, files[other][j][0]))
            covered.update((path, k) for k in range(i, i + length))
            i += length
    return sorted(runs, key=lambda run: -run[0]), len(covered)


def self_test():
    body = [(n, f"call_{n}();") for n in range(1, 31)]
    runs, copied = find_runs({Path("a.c"): body, Path("b.c"): [(1, "x=1;")] + body[4:20]})
    if copied != 16 or len(runs) != 1 or runs[0][:3] != (16, Path("b.c"), 5):
        raise SystemExit(f"check_duplicates: self-test failed: {runs}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="print every run")
    show_all = parser.parse_args().all
    self_test()
    findings, looked_at = [], 0
    groups = {"source": ("src", "sim", "bench"), "tests": ("test",)}
    for group, folders in groups.items():
        run_max, share_max = LIMITS[group]
        paths = [p for p in source_tree.files(".c", ".h") if p.parts[0] in folders]
        files = {path: lines_of(path) for path in paths}
        total = sum(len(lines) for lines in files.values())
        runs, copied = find_runs(files)
        looked_at += len(paths)
        for length, path, line, other, other_line in runs:
            text = f"{path}:{line}: {length} lines as at {other}:{other_line}"
            if length > run_max:
                findings.append(text + f" (the limit is {run_max})")
            elif show_all:
                print(text)
        share = copied / total if total else 0
        print(f"check_duplicates: {group}: {copied} of {total} lines copied ({share:.1%})")
        if share > share_max:
            findings += [f"{p}:{n}: {length} lines as at {o}:{m}" for length, p, n, o, m in runs[:20]]
            findings.append(f"{group}: {share:.1%} of the lines are copied, the limit is {share_max:.0%}")
    source_tree.finish("check_duplicates", findings, looked_at)


if __name__ == "__main__":
    main()
