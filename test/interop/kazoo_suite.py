"""kazoo's own test suite, from its published package, run against the server under test.

    python test/interop/kazoo_suite.py [pytest options...]     run it and show pytest's output
    python test/interop/kazoo_suite.py --write-list            write kazoo_tests.txt anew

Nothing of kazoo is changed: its harness starts "java", and kazoo_shim/java, first on PATH, starts
our server instead. The packages are installed at pinned versions into the cache folder that
test/peers uses.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import backends  # noqa: E402  (needs the path above)
import peers  # noqa: E402

REQUIREMENTS = HERE / "kazoo_requirements.txt"
NOT_APPLICABLE = HERE / "kazoo_not_applicable.txt"
TESTS = HERE / "kazoo_tests.txt"

TEST_TIMEOUT_S = 60
SUITE_TIMEOUT_S = 570


def installed():
    """The folder with the packages; they are installed on first use."""
    name = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    target = peers.maven.cache_root() / f"kazoo-{name}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="kazoo.", dir=target.parent))
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--no-deps",
                "--disable-pip-version-check",
                "--target",
                str(work),
                "-r",
                str(REQUIREMENTS),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"pip could not install kazoo's test suite:\n{done.stderr}")
        if not target.exists():
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def not_applicable():
    """test id -> reason"""
    lines = NOT_APPLICABLE.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" | ", 1) for line in lines if line and not line.startswith("#"))


def listed():
    return TESTS.read_text(encoding="utf-8").split()


def environment(work):
    """Where the harness finds its server, and the shim the real one."""
    env = dict(os.environ)
    env.update(
        {
            "PATH": f"{HERE / 'kazoo_shim'}:{os.environ['PATH']}",
            "PYTHONPATH": str(installed()),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ZOOKEEPER_PATH": str(work),
            "ZOOKEEPER_CLASSPATH": str(work),
            "ZOOKEEPER_VERSION": peers.NEWEST,
            "ZOOKEEPER_CLUSTER_SIZE": "1",
            "ZOOKEEPER_PORT_OFFSET": str(backends.FIRST_PORT),
            "TMPDIR": str(work),
        }
    )
    env.pop("CI", None)
    if backends.server_kind() == "apache":
        *_, class_path = backends.java_command(work)
        env.update(
            {
                "SAMSA_KAZOO_SERVER": "apache",
                "SAMSA_KAZOO_JAVA": peers.java_program(),
                "SAMSA_KAZOO_CLASS_PATH": class_path,
            }
        )
    else:
        env["SAMSA_KAZOO_SERVER"] = str(peers.servers.samsa_bin_dir() / "zkServer.sh")
    return env


def command(*options):
    return [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "pytest",
        "--pyargs",
        "kazoo.tests",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout",
        str(TEST_TIMEOUT_S),
        *options,
    ]


def run(work):
    """test id -> None if it passed, otherwise what happened."""
    report = Path(work) / "kazoo.xml"
    deselected = [option for test in not_applicable() for option in ("--deselect", test)]
    with open(Path(work) / "kazoo.log", "wb") as log:
        subprocess.run(
            command(f"--junitxml={report}", *deselected),
            cwd=work,
            env=environment(work),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=SUITE_TIMEOUT_S,
            check=False,
        )
    if not report.exists():
        raise RuntimeError((Path(work) / "kazoo.log").read_text(errors="replace")[-4000:])
    return read_report(report)


def read_report(report):
    results = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module, _, owner = case.get("classname").partition(".")
        parts = [f"{module}.py", *([owner] if owner else []), case.get("name")]
        bad = [child for child in case if child.tag in ("failure", "error", "skipped")]
        text = "\n".join(f"{child.tag}: {child.get('message')}\n{child.text}" for child in bad)
        previous = results.get("::".join(parts))
        results["::".join(parts)] = "\n".join(filter(None, [previous, text])) or None
    return results


def collect(work):
    done = subprocess.run(
        command("--collect-only"),
        cwd=work,
        env=environment(work),
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def main():
    with tempfile.TemporaryDirectory(prefix="samsa-kazoo-") as work:
        if sys.argv[1:] == ["--write-list"]:
            TESTS.write_text("\n".join(collect(work)) + "\n", encoding="utf-8")
            return 0
        return subprocess.run(
            command(*sys.argv[1:]), cwd=work, env=environment(work), check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
