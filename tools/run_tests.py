"""The whole suite, one after another, with one summary: what `make test` runs.

    .venv/bin/python tools/run_tests.py [--jobs N] [suite...]

Without names every suite runs. Each suite writes its full output to build/test-logs/<suite>.log (what runs
side by side, to a file of its own there); here one line a suite is shown, and what failed. A suite that ran
nothing has failed: it was asked to prove something. The last line has the form `N passed, N failed, N
skipped`, and the exit code is 0 only when nothing failed.
"""

import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/test-logs"

# The whole run ends before this, whatever hangs; a suite that finds too little time left fails.
TOTAL_SECONDS_MAX = 55 * 60
FAILURE_LINES_MAX = 40

# Runs beside the others from its place in the order on, with what they leave of the machine: most of it is one long
# check of every source, while tests of real processes wait a good deal.
BACKGROUND = {"check"}

# More failures than this are no mood of the machine.
RETRIED_MAX = 12

# The simulator's short campaign: how many seeds, how many processes in turn may find a failure before it
# ends, and how many seeds every build must play alike.
SIM_SEEDS = 2000
SIM_FAILURES_MAX = 5
KAFKA_SIM_SEEDS = 300
ENSEMBLE_SIM_SEEDS = 3000
RECONFIG_SIM_SEEDS = 600
DIGEST_SEEDS = {"samsa_sim": 60, "samsa_kafka_sim": 6, "samsa_ensemble_sim": 30}
SIM_BUILDS = ("plain", "dev-clang", "asan")
FUZZ_SECONDS = 7
FUZZ_SEED = 1


class Results:
    """What one suite found."""

    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []          # (name, text)

    def add(self, name, problem=None):
        if problem is None:
            self.passed += 1
        else:
            self.failures.append((name, problem))


class Runner:
    def __init__(self, jobs, is_idle=False):
        self.jobs = jobs
        self.is_idle = is_idle      # takes what others leave of the machine
        self.start = time.monotonic()
        self.log_path = None

    def seconds_left(self):
        return TOTAL_SECONDS_MAX - (time.monotonic() - self.start)

    def run(self, command, seconds_max=1200, environment=None, log_name=None):
        """Runs a command with its output in the suite's log, or, for commands side by side, in one of its own.
        Returns (exit code, its output).

        Ends the command and all that it started when its time is over; the code is then 124."""
        seconds = min(seconds_max, self.seconds_left())
        if seconds <= 0:
            return 124, "no time was left to run it"
        command = ["nice", "-n", "19", *command] if self.is_idle else list(command)
        log_path = self.log_path if log_name is None else LOGS / f"{log_name}.log"
        with open(log_path, "ab" if log_name is None else "wb") as log:
            log.write(f"$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            offset = log.tell()
            process = subprocess.Popen(
                list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})})
            if self.is_idle:
                be_idle(process.pid)
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                log.write(f"ended after {seconds:.0f} s\n".encode())
                code = 124
            except KeyboardInterrupt:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        with open(log_path, "rb") as log:
            log.seek(offset)
            return code, log.read().decode(errors="replace")


def be_idle(session):
    """Linux shares the processors among sessions first, where it groups by them; nice counts within one only."""
    try:
        Path(f"/proc/{session}/autogroup").write_text("19")
    except OSError:
        pass    # it does not group


def tail(text, lines=FAILURE_LINES_MAX):
    return "\n".join(text.rstrip().splitlines()[-lines:])


def configure_and_build(runner, preset, *targets):
    """None, or what went wrong."""
    code, output = runner.run(["cmake", "--preset", preset])
    if code == 0:
        # -k 0: one source that does not compile must not hide the next.
        code, output = runner.run(["cmake", "--build", f"build/{preset}", "-j", runner.jobs, "--target",
                                   *(targets or ("all",)), "--", "-k", 0])
    if code == 0:
        return None
    # Compilers and linkers say it in lines like these; what stands around them is ninja's progress.
    errors = [line for line in output.splitlines()
              if re.search(r"(error|undefined reference|multiple definition|Error)\b", line)
              and not line.startswith(("/usr/bin/ccache", ": &&"))]
    return "\n".join(errors[:FAILURE_LINES_MAX]) or tail(output)


def read_junit(path, results, prefix=""):
    """Adds the cases of a JUnit file (CTest's or pytest's)."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        classname = case.get("classname") or ""
        name = case.get("name")
        if classname and classname != name:
            name = f"{classname}::{name}"
        bad = [c for c in case if c.tag in ("failure", "error")]
        if bad:
            output = case.findtext("system-out") or ""
            text = "\n".join((c.text or c.get("message") or "") for c in bad)
            # CTest's own text is a word ("Failed"), what the test printed says why.
            results.add(prefix + name, tail(output if len(text) < 80 and output.strip() else text))
        elif any(c.tag == "skipped" for c in case) or case.get("status") in ("notrun", "disabled"):
            results.skipped += 1
        else:
            results.passed += 1


def ctest(runner, preset, pattern, seconds_max=1500):
    """The tests of a build folder whose names match."""
    results = Results()
    report = LOGS / f"ctest-{preset}-{re.sub(r'[^a-z]+', '-', pattern).strip('-')}.xml"
    report.unlink(missing_ok=True)
    code, output = runner.run(
        ["ctest", "--test-dir", f"build/{preset}", "-R", pattern, "-j", runner.jobs,
         "--repeat", "until-pass:2", "--output-on-failure", "--output-junit", report], seconds_max)
    if report.exists():
        read_junit(report, results)
    if code != 0 and not results.failures:
        results.add("ctest", tail(output))
    return results


# ---- the suites -------------------------------------------------------------------------------------


def suite_build(runner):
    """Both compilers, every warning an error, and the sanitizers: one test a build."""
    results = Results()
    for preset in ("release", "dev-clang", "asan", "fuzz"):
        results.add(preset, configure_and_build(runner, preset))
    results.add("plain", configure_and_build(runner, "plain", *DIGEST_SEEDS))
    link = ROOT / "bin/samsa"
    link.parent.mkdir(exist_ok=True)
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to("../build/release/samsa")
    return results


def suite_unit(runner):
    return ctest(runner, "release", r"^unit\.")


def suite_unit_sanitized(runner):
    return ctest(runner, "asan", r"^unit\.")


def suite_corpus(runner):
    return ctest(runner, "asan", r"^fuzz\.")


def suite_check(runner):
    return ctest(runner, "release", r"^check\.", TOTAL_SECONDS_MAX)


def suite_fuzz(runner):
    """Every fuzzer for some seconds, from the committed corpus."""
    results = Results()
    programs = [program.name for program in sorted((ROOT / "build/fuzz/test").glob("fuzz_*"))
                if program.is_file() and os.access(program, os.X_OK)]

    def run(name):
        return runner.run([sys.executable, "tools/run_fuzzers.py", "--seconds", FUZZ_SECONDS,
                           "--seed", FUZZ_SEED, name],
                          FUZZ_SECONDS * 6 + 60, log_name=name)

    with concurrent.futures.ThreadPoolExecutor(runner.jobs) as pool:
        for name, (code, output) in zip(programs, pool.map(run, programs)):
            results.add(name, None if code == 0 else tail(output))
    return results


FAILED_SEED_LINE = re.compile(r"^seed \d+: (?!ok ).*$", re.MULTILINE)
SEED_LINE = re.compile(r"^seed (\d+): (\w+) digest (\w+).*$", re.MULTILINE)


def play(runner, results, program, ranges, more=""):
    """The seeds of the program's list that once failed, and a campaign, all of its ranges at a time."""
    name = program.removeprefix("samsa_").removesuffix("sim")
    options = f"--digests --failures {SIM_FAILURES_MAX - 1} {more}"
    *others, last = [f"build/release/{program} --seeds {seeds} {options}" for seeds in ranges]
    campaign = " ".join(f"{other} & others=\"$others $!\";" for other in others) + last
    listed = f"build/release/{program} --file sim/{name}seeds.txt {options}"
    campaign += "; code=$?; for other in $others; do wait $other || code=$?; done; exit $code"
    for command in (campaign,) if more else (listed, campaign):
        code, output = runner.run(["sh", "-c", command], 1200)
        seeds = SEED_LINE.findall(output)
        results.passed += sum(verdict == "ok" for _, verdict, _ in seeds)
        failed = FAILED_SEED_LINE.findall(output)
        for line in failed[:SIM_FAILURES_MAX]:
            seed = re.match(r"seed (\d+)", line).group(1)
            results.add(f"{program} seed {seed} {more}",
                        f"{line}\nreplay: build/release/{program} {more} --seed {seed} --trace")
        if code != 0 and not failed:
            results.add(command, tail(output))


def halves(count):
    return [f"1..{count // 2}", f"{count // 2 + 1}..{count}"]


def suite_simulator(runner):
    """The seeds that once failed, a power cut at every disk operation, and a campaign: a seed is a test."""
    results = Results()
    code, output = runner.run(["build/release/samsa_sim", "--crash-everywhere"], 600)
    results.add("power cut at every disk operation", None if code == 0 else tail(output))
    play(runner, results, "samsa_sim", halves(SIM_SEEDS))
    play(runner, results, "samsa_kafka_sim", halves(KAFKA_SIM_SEEDS))
    play(runner, results, "samsa_ensemble_sim", halves(ENSEMBLE_SIM_SEEDS))
    play(runner, results, "samsa_ensemble_sim", halves(RECONFIG_SIM_SEEDS), "--reconfigs")
    play_mutants(runner, results)
    return results


def play_mutants(runner, results):
    """Known defects, put in one at a time, that a seed or a unit test must find within seconds."""
    code, output = runner.run([sys.executable, "-B", "sim/mutants.py", "--quick", "--seeds", "100"], 600)
    lines = [line for line in output.splitlines() if line.endswith(" s)")]
    for line in lines:
        results.add(f"mutant {line.split()[0]}", line if " SURVIVED " in line else None)
    if code != 0 and not any(" SURVIVED " in line for line in lines):
        results.add("sim/mutants.py --quick", tail(output))


def suite_digest(runner):
    """The same seed gives the same run in every build: compiler, optimisation, sanitizers."""
    results = Results()

    # A run of the broker's simulator ends while its clients still close their connections: nothing of theirs is
    # looked for then. (Unit tests look.)
    leaks = {"samsa_kafka_sim": {"ASAN_OPTIONS": "detect_leaks=0"}}

    def digests(program, preset):
        count = DIGEST_SEEDS[program]
        code, output = runner.run([f"build/{preset}/{program}", "--seeds", f"1..{count}", "--digests"], 1200,
                                  leaks.get(program), f"digest-{preset}-{program}")
        return code, dict((seed, digest) for seed, _, digest in SEED_LINE.findall(output)), output

    runs = [(program, preset) for program in DIGEST_SEEDS for preset in ("release", *SIM_BUILDS)]
    with concurrent.futures.ThreadPoolExecutor(runner.jobs) as pool:
        found_by = dict(zip(runs, pool.map(lambda run: digests(*run), runs)))
    for program, count in DIGEST_SEEDS.items():
        code, expected, output = found_by[program, "release"]
        if code != 0 or len(expected) != count:
            results.add(f"release: {program}", tail(output))
            continue
        for preset in SIM_BUILDS:
            code, found, output = found_by[program, preset]
            different = [seed for seed in expected if found.get(seed) != expected[seed]]
            problem = None
            if code != 0 or different:
                problem = (f"seeds that differ from the release build: {' '.join(different[:20])}\n" if different
                           else "") + tail(output, 5)
            results.add(f"{program}: {preset} as release", problem)
    return results


def pytest_once(runner, folder, seconds_max, options, report):
    results = Results()
    report.unlink(missing_ok=True)
    code, output = runner.run(
        [sys.executable, "-m", "pytest", f"test/{folder}", "-q", "-ra",
         "-o", f"cache_dir={LOGS / 'pytest-cache' / folder}", "--timeout", 600, "--junitxml", report]
        + options, seconds_max)
    if report.exists():
        read_junit(report, results)
    # Exit code 1 is "tests failed", counted above; every other one is pytest's own trouble.
    if code not in (0, 1) or (code == 1 and not results.failures):
        results.add("pytest", tail(output))
    return results


def pytest(runner, folder, seconds_max):
    """Tests of real processes depend on the machine's mood. What failed runs once more, alone; what passes then is
    counted as passed and named, so that it can be made steady."""
    name = folder.replace("/", "-")
    results = pytest_once(runner, folder, seconds_max,
                          ["-n", runner.jobs, "--dist", "loadfile"], LOGS / f"pytest-{name}.xml")
    if not 0 < len(results.failures) <= RETRIED_MAX:
        return results
    again = pytest_once(runner, folder, seconds_max, ["--last-failed"], LOGS / f"pytest-{name}-again.xml")
    still_failing = {test for test, _ in again.failures}
    for test, text in results.failures:
        if test not in still_failing:
            print(f"  unsteady, passed alone: {test}: {text.splitlines()[-1] if text else ''}", flush=True)
    results.passed += max(len(results.failures) - len(again.failures), 0)
    results.failures = again.failures
    return results


def suite_schema(runner):
    return pytest(runner, "schema", 300)


def suite_golden(runner):
    return pytest(runner, "golden", 900)


def suite_integration(runner):
    return pytest(runner, "integration", 900)


def suite_interop(runner):
    return pytest(runner, "interop", 1200)


SUITES = {
    "build": suite_build,
    "unit": suite_unit,
    "check": suite_check,
    "schema": suite_schema,
    "unit-sanitized": suite_unit_sanitized,
    "corpus": suite_corpus,
    "fuzz": suite_fuzz,
    "simulator": suite_simulator,
    "digest": suite_digest,
    "integration": suite_integration,
    "golden": suite_golden,
    "interop": suite_interop,
}


def run_suite(runner, name):
    runner.log_path = LOGS / f"{name}.log"
    runner.log_path.write_bytes(b"")
    began = time.monotonic()
    if sys.stdout.isatty() and name not in BACKGROUND:
        print(f"{name:<16} ...\r", end="", flush=True)
    results = SUITES[name](runner)
    if not (results.passed or results.failures):
        results.add(name, "the suite ran nothing")
    took = time.monotonic() - began
    print(f"{name:<16} {results.passed:5} passed {len(results.failures):4} failed "
          f"{results.skipped:4} skipped {took:6.0f} s", flush=True)
    for test, text in results.failures:
        print(f"\n  FAILED {name}: {test}")
        print("    " + text.replace("\n", "\n    "), flush=True)
    if results.failures:
        print(f"\n  (all of its output: {runner.log_path.relative_to(ROOT)})\n", flush=True)
    return results


def run_suites(runner, names):
    """{name: Results}, in the order of the names."""
    beside = Runner(runner.jobs, is_idle=True)
    beside.start = runner.start
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        running = {}
        done = {}
        for name in names:
            if name in BACKGROUND:
                running[name] = pool.submit(run_suite, beside, name)
            else:
                done[name] = run_suite(runner, name)
        done.update({name: future.result() for name, future in running.items()})
    return {name: done[name] for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("suites", nargs="*", metavar="suite", help=" ".join(SUITES))
    arguments = parser.parse_args()
    unknown = [name for name in arguments.suites if name not in SUITES]
    if unknown:
        parser.error(f"no suite is called {unknown[0]}; there are: {' '.join(SUITES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    runner = Runner(arguments.jobs)
    done = run_suites(runner, arguments.suites or list(SUITES))
    passed = sum(r.passed for r in done.values())
    failed = sum(len(r.failures) for r in done.values())
    skipped = sum(r.skipped for r in done.values())
    minutes, seconds = divmod(int(time.monotonic() - runner.start), 60)
    print(f"\n{len(done)} suites in {minutes} min {seconds} s")
    if failed:
        print("failed: " + ", ".join(f"{suite} ({len(r.failures)})"
                                     for suite, r in done.items() if r.failures))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
