"""The files that the checks look at: what git tracks, and what it would if it were added."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = ("build", "data", ".venv", ".setup", "logs")


def files(*suffixes):
    """Paths (relative to the root, sorted) of the project's own files with one of the suffixes."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")
                 if p.relative_to(ROOT).parts[0] not in SKIPPED
                 and not p.relative_to(ROOT).parts[0].startswith(".git")]
    found = sorted({Path(n) for n in names if n and (not suffixes or n.endswith(suffixes))})
    return [p for p in found if (ROOT / p).is_file()]


def finish(check, findings, looked_at, advice=""):
    """Prints the findings and ends the program. A check that looked at nothing has failed."""
    for finding in findings:
        print(finding)
    if looked_at == 0:
        print(f"{check}: nothing was looked at")
        sys.exit(1)
    if findings:
        print(f"{check}: {len(findings)} findings among {looked_at}" + (f". {advice}" if advice else ""))
        sys.exit(1)
    print(f"{check}: {looked_at} looked at, no findings")
