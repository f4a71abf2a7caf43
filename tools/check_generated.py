"""The generator gives the same bytes every time, and the pages generated from schema/ are up to date.

    python3 tools/check_generated.py [--fix]

--fix writes the pages anew.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import generate_docs
import source_tree


def generate(folder, hash_seed):
    """Runs the generator with a hash seed of its own, so that the order of a set or dict would show."""
    environment = dict(os.environ, PYTHONHASHSEED=str(hash_seed), PYTHONDONTWRITEBYTECODE="1")
    subprocess.run([sys.executable, "schema/generate.py", "--out", folder], check=True,
                   cwd=source_tree.ROOT, env=environment)
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true")
    fix = parser.parse_args().fix
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        one, two = generate(first, 1), generate(second, 2)
    findings = [f"{name}: differs between two runs of the generator"
                for name in sorted(one.keys() | two.keys()) if one.get(name) != two.get(name)]
    pages = generate_docs.pages()
    for path, text in pages.items():
        if fix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            findings.append(f"{path.relative_to(source_tree.ROOT)}: not what schema/ says now")
    source_tree.finish("check_generated", findings, len(one) and len(one) + len(pages),
                       "tools/check_generated.py --fix writes the pages")


if __name__ == "__main__":
    main()
