"""Which server the interop tests run against, its ports, and Apache's zkCli."""

import itertools
import os
import subprocess
from pathlib import Path

import peers

FIRST_PORT = int(os.environ.get("SAMSA_TEST_PORT", "22500"))
# kazoo's harness takes the first ports, by its own rule; then every worker of pytest-xdist has
# some.
KAZOO_PORTS = 20
PORTS_PER_WORKER = 30

LOGBACK_OFF = '<configuration><root level="OFF"/></configuration>\n'
# Short-lived processes: start quickly rather than run fast.
JAVA_QUICK = ("-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")


def worker_number():
    """0, or the number of this pytest-xdist worker."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])


FIRST_OF_WORKER = FIRST_PORT + KAZOO_PORTS + PORTS_PER_WORKER * worker_number()
PORTS = itertools.cycle(range(FIRST_OF_WORKER, FIRST_OF_WORKER + PORTS_PER_WORKER))


def server_kind():
    kind = os.environ.get("SAMSA_TEST_SERVER", "samsa")
    if kind not in ("samsa", "apache"):
        raise ValueError(f"SAMSA_TEST_SERVER={kind}: it is samsa or apache")
    return kind


def make_server(directory, cfg=None, properties=None, kind=None):
    """A server that is not started yet, on a port of this worker."""
    if (kind or server_kind()) == "apache":
        return peers.ApacheServer(peers.NEWEST, directory, next(PORTS), cfg, properties)
    return peers.SamsaServer(directory, next(PORTS), cfg, properties)


def java_command(work, *class_path):
    """java with Apache's jars (and class_path before them), silent logging, ready for a class
    name."""
    quiet = Path(work) / "quiet"
    quiet.mkdir(parents=True, exist_ok=True)
    (quiet / "logback.xml").write_text(LOGBACK_OFF, encoding="ascii")
    path = os.pathsep.join([*map(str, class_path), str(quiet), peers.class_path(peers.NEWEST)])
    return [peers.java_program(), *JAVA_QUICK, "-cp", path]


def compile_java(sources, target, class_path):
    compiler = Path(peers.java_program()).with_name("javac")
    done = subprocess.run(
        [
            str(compiler) if compiler.exists() else "javac",
            "--release",
            "11",
            "-nowarn",
            "-cp",
            class_path,
            "-d",
            str(target),
            *map(str, sources),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"javac:\n{done.stderr}")


def apache_zkcli(work):
    return [*java_command(work), "org.apache.zookeeper.ZooKeeperMain"]


def samsa_zkcli():
    return [str(peers.servers.samsa_bin_dir() / "zkCli.sh")]
