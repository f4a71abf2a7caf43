"""Compares the #include lines of the tree with tools/layers.txt.

    python3 tools/check_layers.py
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import source_tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def read_layers(path):
    """Returns ({folder: folders it may include}, {folder: system headers it may include})."""
    layers, system = {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if ":" not in line:
            sys.exit(f"{path}:{number}: no colon")
        name, allowed = line.split(":", 1)
        if name.startswith("system "):
            system[name.split()[1]] = set(allowed.split())
        else:
            layers[name.strip()] = allowed.split()
    return layers, system


def is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def nearest(path, names):
    """The longest of the names that is the path or one of its parents, or None."""
    return max((n for n in names if is_below(path, n)), key=len, default=None)


def resolve(root, includer, name):
    """The path of a quoted include from the root: as written from src/, from the root, or beside the file."""
    if name.startswith("generated/"):
        return name
    for base in ("src", "", "test", str(Path(includer).parent)):
        candidate = Path(base) / name
        if (root / candidate).exists():
            return candidate.as_posix()
    return None


def may_include(layers, includer, included):
    own = nearest(includer, layers)
    if own is None:
        return False
    target = nearest(included, layers)
    # Its own folder (but not a listed folder below it, which is a layer of its own).
    if target == own or (target is None and is_below(included, own)):
        return True
    # "src" and the like name all the layers below; a listed layer names itself.
    return any(target == a or (a not in layers and is_below(included, a)) for a in layers[own])


def check_tree(root, paths, layers, system):
    findings = []
    for path in paths:
        name = path.as_posix()
        if nearest(name, layers) is None:
            findings.append(f"{name}: its folder is not in tools/layers.txt")
            continue
        text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), (root / path).read_text())
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            kind, included = match.groups()
            if kind == "<":
                pure = nearest(name, system)
                if pure is not None and included not in system[pure]:
                    findings.append(f"{name}:{line}: <{included}> is not a header that {pure} may use")
                continue
            target = resolve(root, name, included)
            if target is None:
                findings.append(f'{name}:{line}: "{included}" is not found from src/ or the root')
            elif not may_include(layers, name, target):
                findings.append(f"{name}:{line}: {nearest(name, layers)} may not include {target}")
    return findings


def self_test():
    """A tree with known faults, so that the check itself is known to see them."""
    layers = {"src/base": [], "src/wire": ["src/base"], "src/runtime": ["src/base"],
              "src/runtime/uv": ["src/base", "src/runtime"], "test": ["src"]}
    system = {"src/base": {"stdint.h"}}
    tree = {
        "src/base/a.h": '#include <stdint.h>\n',
        "src/base/b.c": '#include "base/a.h"\n#include <stdio.h>\n#include "wire/w.h"\n',
        "src/wire/w.h": '#include "base/a.h"\n/* #include "runtime/uv/u.h" */\n',
        "src/runtime/r.c": '#include "runtime/uv/u.h"\n',
        "src/runtime/uv/u.h": '#include "runtime/missing.h"\n',
        "src/stray/s.c": "\n",
        "test/t.c": '#include "wire/w.h"\n#include "runtime/uv/u.h"\n',
    }
    expected = {"src/base/b.c:2", "src/base/b.c:3", "src/runtime/r.c:1", "src/runtime/uv/u.h:1",
                "src/stray/s.c"}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = check_tree(root, [Path(n) for n in tree], layers, system)
    seen = {re.match(r"([^:]+(?::\d+)?):", f).group(1) for f in found}
    if seen != expected:
        sys.exit(f"check_layers: self-test failed: {sorted(seen ^ expected)}")


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    self_test()
    root = source_tree.ROOT
    layers, system = read_layers(root / "tools/layers.txt")
    paths = [p for p in source_tree.files(".c", ".h") if p.parts[0] in ("src", "sim", "test", "bench")]
    findings = check_tree(root, paths, layers, system)
    source_tree.finish("check_layers", findings, len(paths), "The list is tools/layers.txt")


if __name__ == "__main__":
    main()
