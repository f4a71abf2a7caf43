"""Puts each fault of sim/mutants.txt into the server and asks a simulator to find it.

    .venv/bin/python -B sim/mutants.py [--build build/release] [--seeds 500] [--jobs N]
                                       [--only NAME ...] [--row Z2 ...] [--check] [--quick] [--list]

Only the changed files of a mutant are compiled, and linked before the libraries, so a mutant costs
seconds. It is played with the seeds that are known to find it, then from seed 1 on, then by
--crash-everywhere. A mutant that survives all of it is a hole in the simulator: the exit code is then 1.
What another guard hides from the simulator is shown to a unit test (program: test/test_...). --row plays
the mutants of those rows of the list of upstream's failures (docs/UPSTREAM_BUGS.md). --check compiles
nothing: it proves that every mutant still fits the source. --quick plays those that die within seconds;
make test does that.
"""

import argparse
import concurrent.futures
import functools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS_MAX = 600
VERDICT = re.compile(r"^seed (\d+): (WRONG|STUCK|CRASH)(.*)$", re.MULTILINE)
ROW = re.compile(r"^[A-Z]+\d+$")


class Patch:
    def __init__(self, file):
        self.file = file
        self.compiled = []      # files whose objects change; the mutated one itself when it is a .c
        self.changes = []       # ([old lines], [new lines])


class Mutant:
    def __init__(self, name):
        self.name = name
        self.program = "samsa_sim"
        self.finds = self.quick = self.upstream = self.seeds = self.scenario = ""
        self.patches = []

    def row(self):
        return self.upstream.partition(":")[0]


def read_mutants():
    mutants = []
    for number, line in enumerate((ROOT / "sim/mutants.txt").read_text().splitlines(), 1):
        key, _, value = line.partition(": ")
        if not line.strip() or line.startswith("#"):
            continue
        if key == "mutant":
            mutants.append(Mutant(value))
        elif key in ("finds", "program", "quick", "upstream", "seeds", "scenario"):
            setattr(mutants[-1], key, value)
        elif key == "file":
            mutants[-1].patches.append(Patch(value))
        elif key == "also":
            mutants[-1].patches[-1].compiled.append(value)
        elif line[0] == "-":
            changes = mutants[-1].patches[-1].changes
            if not changes or changes[-1][1]:
                changes.append(([], []))
            changes[-1][0].append(line[1:].strip())
        elif line[0] == "+":
            mutants[-1].patches[-1].changes[-1][1].append(line[1:].strip())
        else:
            raise SystemExit(f"sim/mutants.txt:{number}: what is this? {line}")
        if key == "upstream" and not ROW.match(mutants[-1].row()):
            raise SystemExit(f"sim/mutants.txt:{number}: upstream is a row and its issues: 'Z2: ZOOKEEPER-4646'")
    return mutants


def mutate(mutant, patch):
    """The file's text with the changes made."""
    lines = (ROOT / patch.file).read_text().splitlines()
    for old, new in patch.changes:
        # The last line of a pattern may be the beginning of a line.
        places = [i for i in range(len(lines) - len(old) + 1)
                  if all(lines[i + k].strip() == old[k] for k in range(len(old) - 1))
                  and lines[i + len(old) - 1].strip().startswith(old[-1])]
        if len(places) != 1:
            raise SystemExit(f"mutant {mutant.name}: '{old[0]}' stands {len(places)} times in {patch.file}")
        at = places[0]
        rest = lines[at + len(old) - 1].strip()[len(old[-1]):]
        lines[at:at + len(old)] = new[:-1] + [new[-1] + rest]
    return "\n".join(lines) + "\n"


@functools.cache
def compile_commands(build):
    return {Path(entry["file"]).resolve(): entry
            for entry in json.loads((build / "compile_commands.json").read_text())}


@functools.cache
def link_command(build, program):
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "commands", "-s", program],
                             capture_output=True, text=True, check=True).stdout.strip().splitlines()
    return next(part.strip() for part in listing[-1].split("&&") if f" -o {program} " in part + " ")


def compile_source(build, source, target, made, include):
    """What the compiler complains of; empty when the object is made."""
    entry = compile_commands(build)[(ROOT / source).resolve()]
    arguments = [a for a in shlex.split(entry["command"]) if a != "-Werror"]
    if Path(arguments[0]).name == "ccache":
        arguments = arguments[1:]
    arguments[arguments.index("-o") + 1] = str(made)
    arguments[-1] = str(target)
    arguments[1:1] = ["-w", f"-I{include}", f"-I{(ROOT / source).parent}"]
    done = subprocess.run(arguments, cwd=entry["directory"], capture_output=True, text=True)
    return done.stderr if done.returncode != 0 else ""


def compile_mutant(mutant, build):
    """The mutant's program, or None and what the compiler says."""
    folder = build / "mutants" / mutant.name
    include = folder / "include"
    objects = []
    for patch in mutant.patches:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(patch.file).name
        if patch.file.endswith(".h"):
            target = include / Path(patch.file).relative_to("src")
            target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(mutate(mutant, patch))
        for source in patch.compiled or [patch.file]:
            made = folder / (Path(source).name + ".o")
            complaint = compile_source(build, source, target if source == patch.file else ROOT / source,
                                       made, include)
            if complaint:
                return None, complaint
            objects.append(str(made))
    program = folder / Path(mutant.program).name
    link = link_command(build, mutant.program)
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


def judge_seeds(program, arguments):
    """(how it was found, or None)"""
    code, output = play(program, arguments)
    found = VERDICT.search(output)
    if found:
        return f"seed {found.group(1)}: {found.group(2)}{found.group(3).split(': ', 1)[-1][:90]}"
    return f"a run did not end after {SECONDS_MAX} s" if code == 124 else None


def judge(mutant, program, seeds):
    """(how it was found, or None)"""
    if program.name.startswith("test_"):
        code, output = play(program, [])
        failed = re.search(r"^\[  FAILED  \] (\w+)", output, re.MULTILINE)
        return None if code == 0 else f"{program.name}: {failed.group(1) if failed else 'died'}"
    only = ["--scenario", mutant.scenario] if mutant.scenario else []
    plays = [["--seeds", mutant.seeds, *only]] if mutant.seeds else []
    plays += [["--seeds", f"1..{seeds}", *only]]
    for arguments in plays:
        how = judge_seeds(program, [*arguments, "--digests"])
        if how is not None:
            return how
    if program.name != "samsa_sim":
        return None
    code, output = play(program, ["--crash-everywhere"])
    if code != 0:
        lines = output.strip().splitlines() or ["?"]
        return f"crash-everywhere: {lines[0][-100:]}"
    return None


def run_mutant(mutant, build, seeds):
    """(its line, whether it was found)"""
    began = time.monotonic()
    program, complaint = compile_mutant(mutant, build)
    if program is None:
        return f"{mutant.name:<38} does not compile:\n{complaint}", False
    how = judge(mutant, program, seeds)
    program.unlink()
    row = f"{mutant.row():<4}"
    return (f"{mutant.name:<38} {row}{'SURVIVED' if how is None else how}   "
            f"({time.monotonic() - began:.0f} s)"), how is not None


def choose(arguments):
    mutants = read_mutants()
    unknown = set(arguments.only or []) - {mutant.name for mutant in mutants}
    unknown |= set(arguments.row or []) - {mutant.row() for mutant in mutants}
    if unknown:
        raise SystemExit(f"no mutant is called, or of the row, {', '.join(sorted(unknown))}")
    mutants = [m for m in mutants if not arguments.only or m.name in arguments.only]
    mutants = [m for m in mutants if not arguments.row or m.row() in arguments.row]
    return [m for m in mutants if not arguments.quick or m.quick]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--row", nargs="+", metavar="ROW")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    mutants = choose(arguments)
    for mutant in mutants:
        for patch in mutant.patches:
            mutate(mutant, patch)
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.name:<38} {mutant.upstream}")
        return
    if arguments.check:
        print(f"{len(mutants)} mutants fit the source")
        return
    build = (ROOT / arguments.build).resolve()
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(max(arguments.jobs, 1)) as pool:
        results = [(m, pool.submit(run_mutant, m, build, arguments.seeds)) for m in mutants]
        for mutant, result in results:
            line, was_found = result.result()
            print(line, flush=True)
            if not was_found:
                survivors.append(mutant.name)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants were found")
    if survivors:
        print("not found: " + ", ".join(survivors))
        sys.exit(1)


if __name__ == "__main__":
    main()
