"""The broker and the data that the cases of kafka_tools_cases.py begin with, made by our own tools."""

import subprocess
import time

import kafka_tools_cases as cases
import peers

TIMEOUT_S = 60
WITH_DATA = ("groups", "offsets", "cluster", "members", "data", "old-data")


def ours(tool, words, stdin=None):
    """One of our tools: the CompletedProcess."""
    return subprocess.run([peers.servers.samsa_bin_dir() / f"{tool}.sh", *words], input=stdin, text=True,
                          capture_output=True, timeout=TIMEOUT_S, check=False)


def must(tool, broker, *words, stdin=None):
    ended = ours(tool, ["--bootstrap-server", broker.hosts, *words], stdin)
    assert ended.returncode == 0, f"{tool} {words}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def eventually(condition, what):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.1)


class Bench:
    """A broker with its ZooKeeper, and the data of a case."""

    def __init__(self, case, broker):
        self.broker = broker
        self.member = None
        if case in WITH_DATA:
            self.prepare()

    def prepare(self):
        for topic, partitions in (("g1", "1"), ("g2", "3")):
            must("kafka-topics", self.broker, "--create", "--topic", topic, "--partitions", partitions)
        for topic, count in cases.PRODUCED.items():
            lines = [f"m{number}\n" for number in range(count)]
            # The last one by another process, milliseconds later: whose timestamp is the greatest must not be luck.
            for part in (lines[:-1], lines[-1:]):
                must("kafka-console-producer", self.broker, "--topic", topic, stdin="".join(part))
        must("kafka-console-consumer", self.broker, "--topic", "g1", "--from-beginning", "--group", "grp",
             "--max-messages", "3", "--timeout-ms", "20000")
        must("kafka-consumer-groups", self.broker, "--reset-offsets", "--group", "grp", "--topic", "g2:0,1",
             "--to-latest", "--execute")

    def partitions(self, topic):
        """Leaders by partition as the broker tells them; {} when there is no such topic."""
        told = must("kafka-topics", self.broker, "--describe").splitlines()
        lines = [line.split("\t") for line in told if line.startswith(f"\tTopic: {topic}\t")]
        return {line[2]: line[3] for line in lines}

    def ready(self, topic, count):
        """So many partitions have leaders, by ZooKeeper's word and the broker's."""
        def is_ready():
            leaders = list(self.partitions(topic).values())
            old = ours("kafka-topics", ["--zookeeper", self.broker.zookeeper, "--describe", "--topic", topic]).stdout
            return leaders == ["Leader: 0"] * int(count) and old.count("Leader: 0") == int(count)
        eventually(is_ready, f"leaders of {topic}")

    def gone(self, topic):
        def is_gone():
            old = ours("kafka-topics", ["--zookeeper", self.broker.zookeeper, "--list"]).stdout
            return not self.partitions(topic) and topic not in old
        eventually(is_gone, f"the end of {topic}")

    def join(self, group, topic):
        words = ["--bootstrap-server", self.broker.hosts, "--topic", topic, "--group", group]
        for name in ("client.id=app", "group.instance.id=one", "session.timeout.ms=6000",
                     "enable.auto.commit=false"):
            words += ["--consumer-property", name]
        self.member = subprocess.Popen([peers.servers.samsa_bin_dir() / "kafka-console-consumer.sh", *words],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: "Stable" in must("kafka-consumer-groups", self.broker, "--list", "--state"), "a member")

    def leave(self):
        self.member.terminate()
        self.member.wait(TIMEOUT_S)
        # A static member's place is kept until its session ends.
        eventually(lambda: "Empty" in must("kafka-consumer-groups", self.broker, "--list", "--state"), "its end")

    def act(self, words):
        getattr(self, words[0].removeprefix("@"))(*words[1:])

    def close(self):
        if self.member is not None and self.member.poll() is None:
            self.member.kill()
            self.member.wait(TIMEOUT_S)
