"""Apache's Kafka tools of one release, all in one Java process (kafka/java/ToolRunner.java)."""

import base64
import os
import subprocess
from pathlib import Path

import backends
import peers
from peers.brokers import TOOLS

SOURCE = Path(__file__).resolve().parent / "kafka" / "java" / "ToolRunner.java"
LOG4J = """log4j.rootLogger=WARN, OUT
log4j.logger.org.apache.kafka.common.utils.AppInfoParser=OFF
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.target=System.err
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=[%d] %p %m (%c)%n
"""
# Each run is a process of its own: they end by System.exit, and 2.7's consumer counts from run to run.
ALONE = ("kafka-verifiable-producer", "kafka-verifiable-consumer", "kafka-features")
ALONE_OLD = (*ALONE, "kafka-console-consumer")
TIMEOUT_S = 60


def encode(text):
    return "-" + base64.b64encode(text.encode()).decode()


class ToolJvm:
    """run(tool, words, stdin) -> CompletedProcess. Raises PeerUnavailable when Apache's jars are not there."""

    def __init__(self, version, work):
        self.is_old = peers.maven.version_tuple(version) < (3, 6)
        path = peers.kafka_class_path(version)
        work.mkdir(parents=True, exist_ok=True)
        (work / "log4j.properties").write_text(LOG4J, encoding="utf-8")
        backends.compile_java([SOURCE], work, path)
        self.command = [peers.java_program(), *backends.JAVA_QUICK, "-cp", f"{work}{os.pathsep}{path}"]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen([*self.command, "ToolRunner"], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(TIMEOUT_S)

    def run(self, tool, words, stdin=None):
        main_class = TOOLS[tool][0 if self.is_old else 1]
        if tool in (ALONE_OLD if self.is_old else ALONE):
            return subprocess.run([*self.command, main_class, *words], input=stdin, text=True, capture_output=True,
                                  timeout=TIMEOUT_S, check=False)
        self.process.stdin.write(" ".join(encode(word) for word in (main_class, stdin or "", *words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert len(answer) == 3, f"{tool} {words}: the Java process ended"
        out, err = (base64.b64decode(word[1:]).decode() for word in answer[1:])
        return subprocess.CompletedProcess([tool, *words], int(answer[0]), out, err)
