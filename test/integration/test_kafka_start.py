"""The broker as a process: start, stop, crash, restart; wrong configurations, what is in use, ZooKeeper away."""

import os
import signal
import subprocess
import time

import pytest
from peers import SamsaBroker, SamsaServer, free_port, samsa_broker_program
from peers.servers import samsa_bin_dir

pytestmark = pytest.mark.skipif(samsa_broker_program() is None, reason="the program is not built")


@pytest.fixture(name="zookeeper")
def fixture_zookeeper(tmp_path):
    with SamsaServer(tmp_path / "zookeeper", free_port()) as server:
        yield server


def znode(zookeeper, path):
    """The data of a node, None when it is not there."""
    done = subprocess.run([samsa_bin_dir() / "zkCli.sh", "-server", f"127.0.0.1:{zookeeper.port}", "get", path],
                          capture_output=True, text=True, timeout=30, check=False)
    return None if "does not exist" in done.stdout + done.stderr else done.stdout.strip().splitlines()[-1]


def start_script(*arguments, timeout=60):
    return subprocess.run([samsa_bin_dir() / "kafka-server-start.sh", *map(str, arguments)], capture_output=True,
                          text=True, timeout=timeout, check=False)


def write_properties(tmp_path, zookeeper_port, port, **more):
    path = tmp_path / f"server-{port}.properties"
    values = {"broker.id": "0", "listeners": f"PLAINTEXT://127.0.0.1:{port}", "log.dirs": str(tmp_path / "logs"),
              "zookeeper.connect": f"127.0.0.1:{zookeeper_port}", "offsets.topic.replication.factor": "1", **more}
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    return path


def topics(broker):
    return broker.tool("kafka-topics", "--bootstrap-server", broker.hosts, "--list").stdout.split()


def create(broker, name, partitions=2):
    broker.tool("kafka-topics", "--bootstrap-server", broker.hosts, "--create", "--topic", name, "--partitions",
                str(partitions))


def test_stop_and_start(tmp_path, zookeeper):
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
        create(broker, "kept")
        assert '"version":5' in znode(zookeeper, "/brokers/ids/0")
        assert broker.stop() in (0, 143, -15)
        assert znode(zookeeper, "/brokers/ids/0") is None
        assert znode(zookeeper, "/controller") is None
        broker.start()
        assert topics(broker) == ["kept"]
        assert znode(zookeeper, "/controller_epoch") == "2"


def test_killed_and_started_at_once(tmp_path, zookeeper):
    """The dead broker's registration is still there: it is known as our own and replaced without a wait."""
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
        create(broker, "kept", 5)
        broker.kill()
        began = time.monotonic()
        broker.start()
        assert time.monotonic() - began < 10
        assert topics(broker) == ["kept"]


def test_schema(tmp_path, zookeeper):
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
        create(broker, "t", 1)
        assert znode(zookeeper, "/feature") == '{"features":{},"status":1,"version":2}'
        assert znode(zookeeper, "/config/topics/t") == '{"version":1,"config":{}}'
        state = znode(zookeeper, "/brokers/topics/t/partitions/0/state")
        assert state == '{"controller_epoch":1,"leader":0,"version":1,"leader_epoch":0,"isr":[0]}'
        for path in ("/consumers", "/isr_change_notification", "/admin/delete_topics", "/brokers/seqid",
                     "/latest_producer_id_block", "/log_dir_event_notification", "/config/users", "/config/ips"):
            assert znode(zookeeper, path) is not None


def test_a_topic_of_others(tmp_path, zookeeper):
    """A tool of 2.7 with --zookeeper writes the assignment only: the topic is led here, and gets its id."""
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
        subprocess.run([samsa_bin_dir() / "zkCli.sh", "-server", f"127.0.0.1:{zookeeper.port}", "create",
                        "/brokers/topics/foreign", '{"version":1,"partitions":{"0":[0],"1":[0]}}'],
                       capture_output=True, timeout=30, check=True)
        deadline = time.monotonic() + 10
        while topics(broker) != ["foreign"] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert topics(broker) == ["foreign"]
        assert '"topic_id"' in znode(zookeeper, "/brokers/topics/foreign")
        assert '"leader":0' in znode(zookeeper, "/brokers/topics/foreign/partitions/1/state")
        subprocess.run([samsa_bin_dir() / "zkCli.sh", "-server", f"127.0.0.1:{zookeeper.port}", "create",
                        "/admin/delete_topics/foreign"], capture_output=True, timeout=30, check=True)
        while topics(broker) and time.monotonic() < deadline + 10:
            time.sleep(0.1)
        assert topics(broker) == []
        assert znode(zookeeper, "/brokers/topics/foreign") is None


def test_port_in_use(tmp_path, zookeeper):
    with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
        done = start_script(write_properties(tmp_path, zookeeper.port, broker.port))
        assert done.returncode == 1
        assert f"cannot listen on PLAINTEXT://127.0.0.1:{broker.port}: Address already in use" in done.stderr


def test_two_brokers_on_one_folder(tmp_path, zookeeper):
    path = write_properties(tmp_path, zookeeper.port, free_port())
    with subprocess.Popen([samsa_bin_dir() / "kafka-server-start.sh", path], stderr=subprocess.PIPE, text=True) as one:
        try:
            for line in one.stderr:
                if "started" in line:
                    break
            done = start_script(write_properties(tmp_path, zookeeper.port, free_port()))
            assert done.returncode == 1
            assert "Failed to acquire lock on file .lock" in done.stderr
        finally:
            one.send_signal(signal.SIGTERM)
            one.communicate(timeout=30)
    assert one.returncode == 0
    assert (tmp_path / "logs" / ".kafka_cleanshutdown").exists()


@pytest.mark.parametrize("key, value, words", [
    ("num.partitions", "many", "Invalid value many for configuration num.partitions: Not a number of type INT"),
    ("listeners", "SSL://:9093", "TLS and SASL are not in this version yet"),
    ("process.roles", "broker,controller", "KRaft is not spoken here"),
    ("broker.id", "5000", "broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id"),
])
def test_wrong_configuration(tmp_path, key, value, words):
    done = start_script(write_properties(tmp_path, 1, free_port(), **{key: value}))
    assert done.returncode == 1
    assert words in done.stderr
    assert "server-" in done.stderr or "line" not in done.stderr


def test_usage_and_overrides(tmp_path):
    assert start_script().returncode == 1
    done = start_script(tmp_path / "nowhere.properties")
    assert done.returncode == 1 and "cannot read" in done.stderr
    path = write_properties(tmp_path, 1, free_port())
    done = start_script(path, "--override", "num.partitions=x")
    assert done.returncode == 1 and "Invalid value x for configuration num.partitions" in done.stderr


def test_no_zookeeper(tmp_path):
    path = write_properties(tmp_path, free_port(), free_port(), **{"zookeeper.connection.timeout.ms": "700"})
    done = start_script(path)
    assert done.returncode == 1
    assert "Timed out waiting for connection while in state: CONNECTING" in done.stderr


def test_zookeeper_comes_later_and_goes(tmp_path):
    port = free_port()
    with SamsaServer(tmp_path / "zookeeper", port) as zookeeper:
        with SamsaBroker(tmp_path / "broker", free_port(), zookeeper) as broker:
            create(broker, "kept")
            zookeeper.stop()
            assert topics(broker) == ["kept"]       # served on without ZooKeeper
            zookeeper.start()
            create(broker, "later")
            assert topics(broker) == ["kept", "later"]


def test_a_generated_id_stays(tmp_path, zookeeper):
    path = write_properties(tmp_path, zookeeper.port, free_port(), **{"broker.id": "-1"})
    for _ in range(2):
        with subprocess.Popen([samsa_bin_dir() / "kafka-server-start.sh", path], stderr=subprocess.PIPE,
                              text=True) as one:
            for line in one.stderr:
                if "started" in line:
                    assert "id=1001" in line
                    break
            one.send_signal(signal.SIGTERM)
            one.communicate(timeout=30)
            assert one.returncode == 0
    assert "broker.id=1001" in (tmp_path / "logs" / "meta.properties").read_text()


def test_samsa_start(tmp_path):
    environment = {**os.environ, "SAMSA_DATA": str(tmp_path / "data")}
    zookeeper, kafka = free_port(), free_port()
    samsa = os.environ.get("SAMSA") or str(samsa_bin_dir() / "../build/release/samsa")
    with subprocess.Popen([samsa, "start", f"-DclientPort={zookeeper}", "-Dadmin.enableServer=false", "--override",
                           f"listeners=PLAINTEXT://127.0.0.1:{kafka}", "--override",
                           f"advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}"],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        screen = ""
        for line in process.stdout:
            screen += line
            if "Ctrl-C" in line:
                break
        assert f"Kafka        localhost:{kafka}" in screen
        assert f"ZooKeeper    localhost:{zookeeper}" in screen
        done = subprocess.run([samsa_bin_dir() / "kafka-topics.sh", "--bootstrap-server", f"127.0.0.1:{kafka}",
                               "--create", "--topic", "one"],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        listed = subprocess.run([samsa, "ps"], capture_output=True, text=True, timeout=30, check=False).stdout
        assert any(str(process.pid) in line and "ZooKeeper, Kafka" in line for line in listed.splitlines())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
