"""Finds a tool at the version that this project has pinned."""

import re
import shutil
import subprocess
import sys

import source_tree


def find_tool(name):
    """The tool of .venv, or one on the path of the same major version (19)."""
    own = source_tree.ROOT / ".venv/bin" / name
    for candidate in (str(own), shutil.which(name + "-19"), shutil.which(name)):
        if candidate and shutil.which(candidate):
            words = subprocess.run([candidate, "--version"], capture_output=True, text=True).stdout
            if re.search(r"version 19\.", words):
                return candidate
    sys.exit(f"{name} 19 is not here: run tools/setup test")
