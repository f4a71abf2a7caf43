"""Start, watch and end a Kafka broker on ZooKeeper, Apache's or ours, through one interface.

    with SamsaServer(tmp / "zookeeper", free_port()) as zookeeper:
        with ApacheBroker(KAFKA_NEWEST, tmp / "broker", free_port(), zookeeper) as broker:
            ...  # broker.hosts is its --bootstrap-server

A broker counts as started when its own Metadata names it and a controller: earlier it listens, but
a client that creates a topic would be told to wait.
"""

import os
import socket
import struct
import subprocess

from . import maven
from .process import HOST, LOG4J, START_TIMEOUT_S, ServerProcess
from .servers import samsa_bin_dir, samsa_program

CLIENT_ID = b"samsa-test"
METADATA = 3
REPLY_BYTES_MAX = 1 << 20


def receive(sock, count):
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise ConnectionResetError("the broker closed the connection")
        data += chunk
    return data


def cluster_members(address, timeout=2):
    """(node ids, controller id) as the broker's Metadata tells them: version 1, no topics."""
    request = struct.pack(">hhih", METADATA, 1, 0, len(CLIENT_ID)) + CLIENT_ID + struct.pack(">i", 0)
    with socket.create_connection(address, timeout=timeout) as sock:
        sock.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", receive(sock, 4))[0]
        if not 4 <= size <= REPLY_BYTES_MAX:
            raise OSError(f"a reply of {size} bytes")
        reply = receive(sock, size)
    at, nodes = 8, []
    for _ in range(struct.unpack_from(">i", reply, 4)[0]):
        nodes.append(struct.unpack_from(">i", reply, at)[0])
        at += 6 + struct.unpack_from(">h", reply, at + 4)[0]    # the host
        rack = struct.unpack_from(">h", reply, at + 4)[0]       # behind the port; -1: null
        at += 6 + max(rack, 0)
    return nodes, struct.unpack_from(">i", reply, at)[0]


class Broker(ServerProcess):
    """One broker on 127.0.0.1:`port`, its logs in `data_dir`, its cluster in `zookeeper`.

    zookeeper   a running ZooKeeper (an object with `hosts`), or a connect string with chroot
    properties  keys of server.properties; a value of None removes a default of this class
    """

    def __init__(self, data_dir, port, zookeeper, broker_id=0, properties=None, log_level="INFO"):
        super().__init__(data_dir, port, log_level)
        self.broker_id = broker_id
        self.zookeeper = getattr(zookeeper, "hosts", zookeeper)
        # One small partition for offsets and none of the waits that are there for large clusters:
        # a test with the stock values asks for them with None.
        self.properties = {
            "broker.id": broker_id,
            "listeners": f"PLAINTEXT://{HOST}:{port}",
            "log.dirs": self.data_dir,
            "zookeeper.connect": self.zookeeper,
            "zookeeper.session.timeout.ms": 18000,
            "num.partitions": 1,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "controlled.shutdown.retry.backoff.ms": 100,
        }
        self.properties.update(properties or {})

    @property
    def properties_path(self):
        return self.work / "server.properties"

    def prepare(self):
        super().prepare()
        text = "".join(f"{k}={v}\n" for k, v in self.properties.items() if v is not None)
        self.properties_path.write_text(text, encoding="utf-8")

    def serves(self):
        nodes, controller = cluster_members(self.address)
        return self.broker_id in nodes and controller >= 0

    def tool(self, name, *arguments, check=True, stdin=None, timeout=START_TIMEOUT_S):
        """Runs one of this release's tools ("kafka-topics") and returns the CompletedProcess. The
        address is for the caller to give: tools call the option by different names."""
        result = subprocess.run([*self.tool_command(name), *map(str, arguments)], cwd=self.work,
                                env=self.environment(), input=stdin, text=True, capture_output=True,
                                timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"{name} {' '.join(map(str, arguments))} ended with "
                                 f"{result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def tool_command(self, name):
        raise NotImplementedError


# What bin/<name>.sh of a release runs: the same for all releases, but for those that moved.
TOOLS = {
    "kafka-topics": ("kafka.admin.TopicCommand", "org.apache.kafka.tools.TopicCommand"),
    "kafka-configs": ("kafka.admin.ConfigCommand", "kafka.admin.ConfigCommand"),
    "kafka-consumer-groups": ("kafka.admin.ConsumerGroupCommand",
                              "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    "kafka-get-offsets": ("kafka.tools.GetOffsetShell", "org.apache.kafka.tools.GetOffsetShell"),
    "kafka-console-producer": ("kafka.tools.ConsoleProducer",) * 2,
    "kafka-console-consumer": ("kafka.tools.ConsoleConsumer",
                               "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    "kafka-dump-log": ("kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"),
    "kafka-delete-records": ("kafka.admin.DeleteRecordsCommand",
                             "org.apache.kafka.tools.DeleteRecordsCommand"),
    "kafka-log-dirs": ("kafka.admin.LogDirsCommand", "org.apache.kafka.tools.LogDirsCommand"),
    "kafka-broker-api-versions": ("kafka.admin.BrokerApiVersionsCommand",
                                  "kafka.admin.BrokerApiVersionsCommand"),
    "kafka-leader-election": ("kafka.admin.LeaderElectionCommand",
                              "org.apache.kafka.tools.LeaderElectionCommand"),
    "kafka-reassign-partitions": ("kafka.admin.ReassignPartitionsCommand",
                                  "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
    "kafka-acls": ("kafka.admin.AclCommand", "kafka.admin.AclCommand"),
    "kafka-producer-perf-test": ("org.apache.kafka.tools.ProducerPerformance",) * 2,
    "kafka-consumer-perf-test": ("kafka.tools.ConsumerPerformance",
                                 "org.apache.kafka.tools.ConsumerPerformance"),
    "kafka-verifiable-producer": ("org.apache.kafka.tools.VerifiableProducer",) * 2,
    "kafka-verifiable-consumer": ("org.apache.kafka.tools.VerifiableConsumer",) * 2,
    "kafka-transactions": ("org.apache.kafka.tools.TransactionsCommand",) * 2,
    "kafka-cluster": ("kafka.tools.ClusterTool", "org.apache.kafka.tools.ClusterTool"),
    "kafka-features": ("kafka.admin.FeatureCommand", "org.apache.kafka.tools.FeatureCommand"),
    "zookeeper-shell": ("org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka",) * 2,
}


class ApacheBroker(Broker):
    """Apache Kafka from its published jars, run the way its kafka-server-start.sh runs it."""

    def __init__(self, version, data_dir, port, zookeeper, broker_id=0, properties=None,
                 log_level="INFO",
                 java_options=("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")):
        super().__init__(data_dir, port, zookeeper, broker_id, properties, log_level)
        self.version = version
        self.kind = f"apache-kafka-{version}"
        # Options that make a short test start quickly; a benchmark passes () for Java's defaults.
        self.java_options = tuple(java_options)
        self.java = maven.java_program()
        self.class_path = maven.kafka_class_path(version)

    def prepare(self):
        super().prepare()
        (self.work / "log4j.properties").write_text(LOG4J.replace("LEVEL", self.log_level),
                                                    encoding="utf-8")

    def java_command(self, main_class):
        return [self.java, *self.java_options, "-cp", f"{self.work}{os.pathsep}{self.class_path}",
                main_class]

    def command(self):
        return [*self.java_command("kafka.Kafka"), str(self.properties_path)]

    def tool_command(self, name):
        quiet = "WARN" if self.log_level == "INFO" else self.log_level
        folder = self.work / "tools"
        folder.mkdir(parents=True, exist_ok=True)
        text = LOG4J.replace("LEVEL", quiet) + "log4j.appender.OUT.target=System.err\n"
        (folder / "log4j.properties").write_text(text, encoding="utf-8")
        old = maven.version_tuple(self.version) < (3, 6)
        return [self.java, *self.java_options, "-cp", f"{folder}{os.pathsep}{self.class_path}",
                TOOLS[name][0 if old else 1]]


class SamsaBroker(Broker):
    """Our broker through kafka-server-start.sh, which replaces itself by the program (exec)."""

    kind = "samsa-kafka"

    def __init__(self, data_dir, port, zookeeper, broker_id=0, properties=None, log_level="INFO",
                 bin_dir=None):
        super().__init__(data_dir, port, zookeeper, broker_id, properties, log_level)
        self.bin_dir = bin_dir or samsa_bin_dir()

    def command(self):
        return [str(self.bin_dir / "kafka-server-start.sh"), str(self.properties_path)]

    def tool_command(self, name):
        return [str(self.bin_dir / f"{name}.sh")]


def samsa_broker_program():
    """Path of our kafka-server-start.sh if there is a program behind it, else None."""
    script = samsa_bin_dir() / "kafka-server-start.sh"
    return script if samsa_program() is not None and script.exists() else None
