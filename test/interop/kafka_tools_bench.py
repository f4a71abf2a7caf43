"""The broker and the data that the cases of kafka_tools_cases.py begin with, made by our own tools."""

import subprocess

import kafka_tools_cases as cases
import peers

TIMEOUT_S = 60
WITH_DATA = ("groups", "offsets", "cluster")


def ours(tool):
    return [str(peers.servers.samsa_bin_dir() / f"{tool}.sh")]


def run(tool, broker, *words, stdin=None):
    ended = subprocess.run([*ours(tool), "--bootstrap-server", broker.hosts, *words], input=stdin, text=True,
                           capture_output=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 0, f"{tool} {words}\n{ended.stdout}{ended.stderr}"


def prepare(case, broker):
    if case not in WITH_DATA:
        return
    for topic, partitions in (("g1", "1"), ("g2", "3")):
        run("kafka-topics", broker, "--create", "--topic", topic, "--partitions", partitions)
    for topic, count in cases.PRODUCED.items():
        lines = "".join(f"m{number}\n" for number in range(count))
        run("kafka-console-producer", broker, "--topic", topic, stdin=lines)
    run("kafka-console-consumer", broker, "--topic", "g1", "--from-beginning", "--group", "grp", "--max-messages",
        "3", "--timeout-ms", "20000")
    run("kafka-consumer-groups", broker, "--reset-offsets", "--group", "grp", "--topic", "g2:0,1", "--to-latest",
        "--execute")
