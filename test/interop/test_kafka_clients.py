"""Kafka's clients that nobody here wrote, all against one broker: librdkafka, kafka-python, aiokafka, Apache's
own of 2.7, 3.9 and 4.x, franz-go, sarama, kafkajs, kcat.

SAMSA_TEST_SERVER=apache runs the same against Apache's broker: what fails there is wrong in the test.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import backends
import checks
import peers

SOURCES = Path(__file__).resolve().parent / "kafka"
PYTHON_CLIENTS = ["confluent", "kafka_python", "aiokafka"]
JAVA_CLIENTS = [peers.KAFKA_OLDEST, peers.KAFKA_NEWEST, peers.KAFKA_CLIENT_4]
KEY = r'^    "(\w+)": '
PROPERTIES = {"num.partitions": 1, "delete.topic.enable": "true"}


def names(path, pattern):
    return re.findall(pattern, (SOURCES / path).read_text(encoding="utf-8"), re.M)


PYTHON_CASES = [(client, name) for client in PYTHON_CLIENTS
                for name in names(f"python/{client}_checks.py", KEY)]
JAVA_CASES = [(version, name) for version in JAVA_CLIENTS
              for name in names("java/KafkaChecks.java", r'checks\.put\("(\w+)"')]
GO_CASES = [(client, name) for client in ("franz", "sarama")
            for name in names(f"go/{client}.go", r'^\t\{"(\w+)", \w+\},$')]
JS_CASES = names("js/checks.js", r"^const checks = \{ (.*) \};$")[0].split(", ")


class Clients:
    """The results of one client program, made when the first of its tests asks for them."""

    def __init__(self, broker):
        self.broker = broker
        self.results = {}

    def check(self, name, command):
        key = tuple(map(str, command))
        if key not in self.results:
            self.results[key] = checks.run([*key], self.broker, timeout_s=300)
        results = self.results[key]
        problem = results.get(name, results.get("(the program)", "it did not run"))
        assert problem is None, problem


@pytest.fixture(scope="module")
def clients(tmp_path_factory, module_servers):
    zookeeper = module_servers()
    work = tmp_path_factory.mktemp("broker")
    port = next(backends.PORTS)
    if backends.server_kind() == "apache":
        broker = peers.ApacheBroker(peers.KAFKA_NEWEST, work, port, zookeeper, properties=PROPERTIES)
    else:
        broker = peers.SamsaBroker(work, port, zookeeper, properties=PROPERTIES)
    with broker:
        yield Clients(broker)


@pytest.mark.parametrize("client, name", PYTHON_CASES, ids=[f"{c}-{n}" for c, n in PYTHON_CASES])
def test_python(clients, client, name):
    clients.check(name, [sys.executable, SOURCES / f"python/{client}_checks.py"])


@pytest.fixture(scope="module")
def java_classes(tmp_path_factory):
    classes = tmp_path_factory.mktemp("classes")
    backends.compile_java([SOURCES / "java/KafkaChecks.java"], classes,
                          peers.kafka_class_path(peers.KAFKA_OLDEST))
    (classes / "log4j.properties").write_text("log4j.rootLogger=OFF\n", encoding="ascii")
    return classes


@pytest.mark.parametrize("version, name", JAVA_CASES, ids=[f"{v}-{n}" for v, n in JAVA_CASES])
def test_java(clients, java_classes, version, name):
    path = os.pathsep.join([str(java_classes), peers.kafka_client_class_path(version)])
    clients.check(name, [peers.java_program(), *backends.JAVA_QUICK, "-cp", path, "KafkaChecks"])


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    program = tmp_path_factory.mktemp("go") / "kafka_go_clients"
    done = subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCES / "go", capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.skipif(not shutil.which("go"), reason="no go command on PATH")
@pytest.mark.parametrize("client, name", GO_CASES, ids=[n for _, n in GO_CASES])
def test_go(clients, go_program, client, name):
    clients.check(name, [go_program, client])


@pytest.fixture(scope="module")
def js_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("js")
    for name in ("package.json", "package-lock.json", "checks.js"):
        shutil.copy(SOURCES / "js" / name, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.skipif(not shutil.which("npm"), reason="no npm command on PATH")
@pytest.mark.parametrize("name", JS_CASES)
def test_js(clients, js_folder, name):
    clients.check(name, ["node", js_folder / "checks.js"])


def kcat(broker, *arguments, stdin=None):
    program = shutil.which("kcat") or shutil.which("kafkacat")
    assert program, "kcat is missing: tools/setup test installs it"
    done = subprocess.run([program, "-b", broker.hosts, *arguments], input=stdin, text=True, capture_output=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kcat(clients):
    lines = [f"line {number}: 阿牛" for number in range(100)]
    kcat(clients.broker, "-P", "-t", "kcat", "-z", "snappy", stdin="\n".join(lines) + "\n")
    out = kcat(clients.broker, "-C", "-t", "kcat", "-o", "beginning", "-e", "-q", "-f", "%p %o %s\n")
    assert out.splitlines() == [f"0 {number} {line}" for number, line in enumerate(lines)]
    listed = kcat(clients.broker, "-L", "-t", "kcat")
    assert 'topic "kcat" with 1 partitions' in listed and clients.broker.hosts in listed
