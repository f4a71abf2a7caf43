"""Compares the undefined symbols of the pure libraries with tools/purity_allow.txt.

    python3 tools/check_purity.py <build folder>

base, wire and every core take nothing from the outside but what the list names: no clock, no random
source, no file, no socket, no thread, no print. The libraries above them, which run in the simulator as
they are, may use libc, but reach the outside through runtime.h alone: a list of symbols that they may
not use keeps it so, and with it "same seed, same run". Only `release` and `dev` builds are meant: sanitizers
add symbols of their own.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import source_tree

HOSTED = re.compile(r"^libsamsa_\w+_(storage|server|client)\.a$")
PURE = re.compile(r"^libsamsa_(base|wire|\w+_core)\.a$")


def symbols(archive):
    """(defined, undefined: {symbol: object that wants it}) of a static library."""
    output = subprocess.run(["nm", "-A", "-P", str(archive)], check=True, capture_output=True, text=True)
    defined, undefined = set(), {}
    for line in output.stdout.splitlines():
        # library[object]: name type [value size]
        place, rest = line.split(": ", 1)
        name, kind = rest.split()[:2]
        if kind in "Uvw":
            undefined.setdefault(name, re.sub(r".*\[(.*)\]", r"\1", place))
        elif kind.isupper():
            defined.add(name)
    return defined, undefined


def read_allowed(path):
    allowed = {}
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            allowed.setdefault(words[0], set()).update(words[1:])
    return allowed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    build = parser.parse_args().build
    allowed = read_allowed(source_tree.ROOT / "tools/purity_allow.txt")
    archives = {a.name: symbols(a) for a in sorted(build.rglob("lib*.a")) if PURE.match(a.name)}
    inside = set().union(*(defined for defined, _ in archives.values())) if archives else set()
    findings, used = [], set()
    for name, (_, undefined) in archives.items():
        library = name[len("lib"):-len(".a")]
        may = allowed.get("*", set()) | allowed.get(library, set())
        used |= set(undefined)
        for symbol, wanted_by in sorted(undefined.items()):
            if symbol not in inside and symbol not in may:
                findings.append(f"{library}: {wanted_by} uses {symbol}, which a pure layer may not")
    banned = allowed.get("not-hosted", set())
    hosted = {a.name: symbols(a) for a in sorted(build.rglob("lib*.a")) if HOSTED.match(a.name)}
    for name, (_, undefined) in hosted.items():
        for symbol in sorted(set(undefined) & banned):
            findings.append(f"{name[3:-2]}: {undefined[symbol]} uses {symbol}; the outside is behind runtime.h")
    # Proof that nm was read: every pure library asserts, so the host's assert_failed must be among them.
    if archives and "assert_failed" not in used:
        sys.exit("check_purity: no library uses assert_failed; is this nm's output understood?")
    source_tree.finish("check_purity", findings, len(archives) + len(hosted), "The list is tools/purity_allow.txt")


if __name__ == "__main__":
    main()
