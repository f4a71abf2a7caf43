"""Puts each fault of sim/mutants.txt into the server and asks the simulator to find it.

    .venv/bin/python -B sim/mutants.py [--build build/release] [--seeds 400] [--only NAME ...] [--check] [--quick]

One file of a mutant is compiled anew and linked before the libraries, so a mutant costs seconds. It is
played from seed 1 on, then by --crash-everywhere when no seed has found it. A mutant that survives
both is a hole in the simulator: the exit code is then 1. What another guard hides from the simulator is
shown to a unit test (program: test/test_...). --check compiles nothing: it proves that every mutant
still fits the source. --quick plays those that die within seconds; make test does that.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS_MAX = 600
VERDICT = re.compile(r"^seed (\d+): (WRONG|STUCK|CRASH)(.*)$", re.MULTILINE)


class Mutant:
    def __init__(self, name):
        self.name = name
        self.program = "samsa_sim"
        self.finds = self.file = self.quick = ""
        self.compiled = []      # files whose objects change; the mutated one itself when it is a .c
        self.changes = []       # ([old lines], [new lines])


def read_mutants():
    mutants = []
    for number, line in enumerate((ROOT / "sim/mutants.txt").read_text().splitlines(), 1):
        key, _, value = line.partition(": ")
        if not line.strip() or line.startswith("#"):
            continue
        if key == "mutant":
            mutants.append(Mutant(value))
        elif key in ("finds", "file", "program", "quick"):
            setattr(mutants[-1], key, value)
        elif key == "also":
            mutants[-1].compiled.append(value)
        elif line[0] == "-":
            if not mutants[-1].changes or mutants[-1].changes[-1][1]:
                mutants[-1].changes.append(([], []))
            mutants[-1].changes[-1][0].append(line[1:].strip())
        elif line[0] == "+":
            mutants[-1].changes[-1][1].append(line[1:].strip())
        else:
            raise SystemExit(f"sim/mutants.txt:{number}: what is this? {line}")
    return mutants


def mutate(mutant):
    """The file's text with the changes made."""
    lines = (ROOT / mutant.file).read_text().splitlines()
    for old, new in mutant.changes:
        # The last line of a pattern may be the beginning of a line.
        places = [i for i in range(len(lines) - len(old) + 1)
                  if all(lines[i + k].strip() == old[k] for k in range(len(old) - 1))
                  and lines[i + len(old) - 1].strip().startswith(old[-1])]
        if len(places) != 1:
            raise SystemExit(f"mutant {mutant.name}: '{old[0]}' stands {len(places)} times in {mutant.file}")
        at = places[0]
        rest = lines[at + len(old) - 1].strip()[len(old[-1]):]
        lines[at:at + len(old)] = new[:-1] + [new[-1] + rest]
    return "\n".join(lines) + "\n"


def compile_mutant(mutant, build):
    """The mutant's simulator, or None and what the compiler says."""
    folder = build / "mutants" / mutant.name
    folder.mkdir(parents=True, exist_ok=True)
    commands = {Path(entry["file"]).resolve(): entry
                for entry in json.loads((build / "compile_commands.json").read_text())}
    include = folder / "include"
    target = folder / Path(mutant.file).name
    if mutant.file.endswith(".h"):
        target = include / Path(mutant.file).relative_to("src")
        target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(mutate(mutant))
    objects = []
    for source in mutant.compiled or [mutant.file]:
        entry = commands[(ROOT / source).resolve()]
        made = folder / (Path(source).name + ".o")
        arguments = shlex.split(entry["command"])
        arguments = [a for a in arguments if a != "-Werror"]
        if Path(arguments[0]).name == "ccache":
            arguments = arguments[1:]
        arguments[arguments.index("-o") + 1] = str(made)
        arguments[-1] = str(target if source == mutant.file else ROOT / source)
        arguments[1:1] = ["-w", f"-I{include}", f"-I{(ROOT / source).parent}"]
        done = subprocess.run(arguments, cwd=entry["directory"], capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr
        objects.append(str(made))
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "commands", mutant.program],
                             capture_output=True, text=True, check=True).stdout.strip().splitlines()
    link = next(part.strip() for part in listing[-1].split("&&") if f" -o {mutant.program} " in part + " ")
    program = folder / Path(mutant.program).name
    link = link.replace(f" -o {mutant.program} ", f" {' '.join(objects)} -o {program} ")
    done = subprocess.run(["/bin/sh", "-c", link], cwd=build, capture_output=True, text=True)
    return (program, "") if done.returncode == 0 else (None, done.stderr)


def play(program, arguments):
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True,
                              errors="replace", timeout=SECONDS_MAX)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        return 124, (expired.stdout or b"").decode(errors="replace")


def judge(program, seeds):
    """(how it was found, or None)"""
    if program.name.startswith("test_"):
        code, output = play(program, [])
        failed = re.search(r"^\[  FAILED  \] (\w+)", output, re.MULTILINE)
        return None if code == 0 else f"{program.name}: {failed.group(1) if failed else 'died'}"
    code, output = play(program, ["--seeds", f"1..{seeds}", "--digests"])
    found = VERDICT.search(output)
    if found:
        return f"seed {found.group(1)}: {found.group(2)}{found.group(3).split(': ', 1)[-1][:90]}"
    if code == 124:
        return f"a run did not end after {SECONDS_MAX} s"
    if program.name != "samsa_sim":
        return None
    code, output = play(program, ["--crash-everywhere"])
    if code != 0:
        lines = output.strip().splitlines() or ["?"]
        return f"crash-everywhere: {lines[0][-100:]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    mutants = read_mutants()
    unknown = set(arguments.only or []) - {mutant.name for mutant in mutants}
    if unknown:
        parser.error(f"no mutant is called {', '.join(sorted(unknown))}")
    mutants = [m for m in mutants if not arguments.only or m.name in arguments.only]
    mutants = [m for m in mutants if not arguments.quick or m.quick]
    for mutant in mutants:
        mutate(mutant)
    if arguments.check:
        print(f"{len(mutants)} mutants fit the source")
        return
    survivors = []
    for mutant in mutants:
        began = time.monotonic()
        program, complaint = compile_mutant(mutant, (ROOT / arguments.build).resolve())
        if program is None:
            print(f"{mutant.name:<30} does not compile:\n{complaint}", flush=True)
            survivors.append(mutant.name)
            continue
        how = judge(program, arguments.seeds)
        print(f"{mutant.name:<30} {'SURVIVED' if how is None else how}   "
              f"({time.monotonic() - began:.0f} s)", flush=True)
        if how is None:
            survivors.append(mutant.name)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants were found")
    if survivors:
        print("not found: " + ", ".join(survivors))
        sys.exit(1)


if __name__ == "__main__":
    main()
