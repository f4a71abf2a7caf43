#!/usr/bin/env python3
"""`make bench`: every side-by-side benchmark, one after the other; arguments go to each of them.

--only takes the rows of all parts; a part that none of them belongs to is left out.
"""

import sys

import run_ensemble
import run_kafka
import run_zookeeper

PARTS = {"zookeeper": run_zookeeper, "ensemble": run_ensemble, "kafka": run_kafka}


def part_of(row_id):
    if row_id in ("Z8", "Z9", "sweep"):
        return "ensemble"
    return "kafka" if row_id.startswith("K") or row_id == "client" else "zookeeper"


def shares(arguments):
    """{part: its arguments}"""
    result = {}
    for name in PARTS:
        mine, found, skipped = [], False, False
        for index, word in enumerate(arguments):
            if index and arguments[index - 1] == "--only":
                rows = [row_id for row_id in word.split(",") if part_of(row_id) == name]
                found, skipped = bool(rows), not rows
                mine.append(",".join(rows))
            else:
                mine.append(word)
        if found or not skipped:
            result[name] = mine
    return result


def main():
    return max(PARTS[name].main(arguments) for name, arguments in shares(sys.argv[1:]).items())


if __name__ == "__main__":
    sys.exit(main())
