"""Kafka's tools that move data, and the one that looks into logs: ours beside Apache's, on the same broker and files.

SAMSA_TEST_SERVER=apache runs the same against Apache's broker: what fails there is wrong in our tools or in the test.
Texts and exit codes must be Apache's; where Apache's tool dies of an uncaught exception, the first line must be.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import backends
import peers

TIMEOUT_S = 60
PRINT_ALL = [word for name in ("timestamp", "partition", "offset", "headers", "key")
             for word in ("--property", f"print.{name}=true")]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
OFFSETS_FORMATTER = "kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter"


class Bench:
    """A broker, our tools and Apache's."""

    def __init__(self, broker, apache):
        self.broker = broker
        self.apache_tools = apache
        self.names = 0

    @property
    def server(self):
        return ["--bootstrap-server", self.broker.hosts]

    def run(self, command, stdin=None):
        return subprocess.run([str(word) for word in command], input=stdin, text=True, capture_output=True,
                              timeout=TIMEOUT_S, check=False)

    def ours(self, name, *words, stdin=None):
        return self.run([peers.servers.samsa_bin_dir() / f"{name}.sh", *words], stdin)

    def apache(self, name, *words, stdin=None):
        return self.run([*self.apache_tools.tool_command(name), *words], stdin)

    def topic(self, partitions=1, **config):
        self.names += 1
        name = f"data-{self.names}"
        words = [word for key, value in config.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
        made = self.apache("kafka-topics", *self.server, "--create", "--topic", name, "--partitions", partitions,
                           *words)
        assert made.returncode == 0, made.stderr
        return name

    def produce(self, topic, lines, *words):
        done = self.ours("kafka-console-producer", *self.server, "--topic", topic, *words, stdin=lines)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return topic

    def consume(self, which, topic, count, *words):
        done = which("kafka-console-consumer", *self.server, "--topic", topic, "--from-beginning", "--max-messages",
                     count, "--timeout-ms", 20000, *words)
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith(f"Processed a total of {count} messages\n"), done.stderr
        return done.stdout

    def folder(self, topic, partition=0):
        return self.broker.data_dir / f"{topic}-{partition}"


@pytest.fixture(name="bench", scope="module")
def fixture_bench(tmp_path_factory, module_servers):
    work = tmp_path_factory.mktemp("data-tools")
    zookeeper = module_servers()
    try:
        apache = peers.ApacheBroker(peers.KAFKA_NEWEST, work / "apache-tools", next(backends.PORTS), zookeeper)
    except peers.PeerUnavailable as missing:
        pytest.skip(str(missing))
    kind = peers.SamsaBroker
    if backends.server_kind() == "apache":
        def kind(*arguments):
            return peers.ApacheBroker(peers.KAFKA_NEWEST, *arguments)
    with kind(work / "broker", next(backends.PORTS), zookeeper) as broker:
        bench = Bench(broker, apache)
        bench.zookeeper = zookeeper
        yield bench


def first_line(text):
    return text.split("\n", 1)[0]


# ---- the consoles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_what_ours_produces_both_read(bench, codec):
    topic = bench.topic()
    bench.produce(topic, "k1\tv1\nNIL\tno key\n\tempty key\nk4\t\nk5\tNIL\n", "--property", "parse.key=true",
                  "--property", "null.marker=NIL", "--compression-codec", codec)
    bench.produce(topic, "h1:v1,h2:,h3:NIL\tkey\tvalue\nNIL\tkey\tno headers\r\n", "--property", "parse.key=true",
                  "--property", "parse.headers=true", "--property", "null.marker=NIL", "--sync")
    theirs = bench.consume(bench.apache, topic, 7, *PRINT_ALL)
    assert bench.consume(bench.ours, topic, 7, *PRINT_ALL) == theirs
    assert [line.split("\t", 4)[4] for line in theirs.splitlines()] == [
        "k1\tv1", "null\tno key", "\tempty key", "k4\t", "k5\tnull", "key\tvalue", "key\tno headers"]
    assert "h1:v1,h2:,h3:null" in theirs


def test_lines_end_as_java_ends_them(bench):
    topic = bench.topic()
    bench.produce(topic, "a\r\nb\rc\n\nlast without end")
    assert bench.consume(bench.ours, topic, 5) == "a\nb\nc\n\nlast without end\n"


def test_keys_go_where_java_sends_them(bench):
    topic = bench.topic(partitions=5)
    lines = "".join(f"key-{i}\tv\n" for i in range(40))
    bench.produce(topic, lines, "--property", "parse.key=true")
    done = bench.apache("kafka-console-producer", *bench.server, "--topic", topic, "--property", "parse.key=true",
                        stdin=lines)
    assert done.returncode == 0, done.stderr
    seen = bench.consume(bench.ours, topic, 80, "--property", "print.partition=true", "--property", "print.key=true")
    assert len(set(seen.splitlines())) == 40, "each key is in one partition, whoever sent it"


CONSUMER_CASES = [
    ["--partition", 0, "--offset", 1, "--max-messages", 2],
    ["--partition", 0, "--offset", "earliest", "--max-messages", 3, "--property", "key.separator=@", "--property",
     "print.key=true", "--property", "null.literal=NIL", "--property", "line.separator=;"],
    ["--partition", 0, "--from-beginning", "--max-messages", 1, "--property", "print.value=false", "--property",
     "print.offset=true"],
    ["--from-beginning", "--max-messages", 3, "--key-deserializer",
     "org.apache.kafka.common.serialization.StringDeserializer", "--property", "print.key=true"],
    ["--from-beginning", "--max-messages", 2, "--formatter", "kafka.tools.NoOpMessageFormatter"],
]


@pytest.mark.parametrize("words", CONSUMER_CASES, ids=range(len(CONSUMER_CASES)))
def test_the_consumer_prints_as_apaches(bench, words):
    topic = bench.produce(bench.topic(), "k1\tv1\nk2\tNIL\nk3\tv3\n", "--property", "parse.key=true", "--property",
                          "null.marker=NIL")
    runs = [which("kafka-console-consumer", *bench.server, "--topic", topic, *words)
            for which in (bench.ours, bench.apache)]
    assert len({(done.stdout, done.stderr, done.returncode) for done in runs}) == 1, runs


def test_include_is_a_regular_expression(bench):
    topics = [bench.produce(bench.topic(), "one\n"), bench.produce(bench.topic(), "two\n")]
    pattern = r"data-(" + "|".join(name[5:] for name in topics) + r")|data-\d+x"
    done = bench.ours("kafka-console-consumer", *bench.server, "--include", pattern, "--from-beginning",
                      "--max-messages", 2)
    assert sorted(done.stdout.split()) == ["one", "two"], done


def test_a_timeout_ends_the_consumer(bench):
    topic = bench.produce(bench.topic(), "only\n")
    done = bench.ours("kafka-console-consumer", *bench.server, "--topic", topic, "--from-beginning", "--timeout-ms",
                      1000)
    assert (done.returncode, done.stdout) == (0, "only\n")
    assert "org.apache.kafka.common.errors.TimeoutException\nProcessed a total of 1 messages\n" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_consumer_in_order(bench, number):
    topic = bench.produce(bench.topic(), "only\n")
    script = peers.servers.samsa_bin_dir() / "kafka-console-consumer.sh"
    with subprocess.Popen([str(script), *bench.server, "--topic", topic, "--from-beginning"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == "only\n", "a record is written at once"
        process.send_signal(number)
        assert process.stderr.read().endswith("Processed a total of 1 messages\n")
        assert process.wait(TIMEOUT_S) == 128 + number


def test_a_closed_pipe_ends_the_consumer(bench):
    topic = bench.produce(bench.topic(), "".join(f"line {i}\n" for i in range(20000)))
    script = peers.servers.samsa_bin_dir() / "kafka-console-consumer.sh"
    with subprocess.Popen([str(script), *bench.server, "--topic", topic, "--from-beginning"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(TIMEOUT_S) == 0
    assert said.startswith("Unable to write to standard out, closing consumer.\nProcessed a total of"), said


def test_the_consumers_old_zookeeper_option(bench):
    topic = bench.produce(bench.topic(), "only\n")
    done = bench.ours("kafka-console-consumer", "--zookeeper", bench.zookeeper.hosts, "--topic", topic,
                      "--from-beginning", "--max-messages", 1)
    assert (done.returncode, done.stdout) == (0, "only\n"), done
    assert "--bootstrap-server" in done.stderr


def test_a_group_goes_on_where_it_was(bench):
    topic = bench.produce(bench.topic(), "1\n2\n3\n")
    assert bench.consume(bench.ours, topic, 2, "--group", "console-group") == "1\n2\n"
    assert bench.consume(bench.apache, topic, 1, "--group", "console-group") == "3\n"
    bench.produce(topic, "4\n")
    assert bench.consume(bench.ours, topic, 1, "--group", "console-group") == "4\n"
    texts = [which("kafka-console-consumer", *bench.server, "--topic", "__consumer_offsets", "--from-beginning",
                   "--timeout-ms", 8000, "--formatter", OFFSETS_FORMATTER).stdout
             for which in (bench.ours, bench.apache)]
    lines = [[line for line in text.splitlines() if line.startswith(f"[console-group,{topic},0]")] for text in texts]
    assert lines[0] == lines[1] and len(lines[0]) >= 2, texts


CONSUMER_ERRORS = [
    ["--topic", "x"],
    ["SERVER"],
    ["SERVER", "--topic", "x", "--include", "y"],
    ["SERVER", "--topic", "x", "--partition", 0, "--group", "g"],
    ["SERVER", "--topic", "x", "--partition", 0, "--offset", 1, "--from-beginning"],
    ["SERVER", "--topic", "x", "--partition", 0, "--offset", "-1"],
    ["SERVER", "--topic", "x", "--offset", 1],
    ["SERVER", "--include", "x", "--partition", 0],
    ["SERVER", "--topic", "x", "--formatter", "nope"],
    ["SERVER", "--topic", "x", "--from-beginning", "--consumer-property", "auto.offset.reset=latest"],
    ["SERVER", "--topic", "x", "--nope"],
    ["SERVER", "--topic"],
]
PRODUCER_ERRORS = [
    ["--topic", "x"],
    ["SERVER"],
    ["--bootstrap-server", "localhost", "--topic", "x"],
    ["SERVER", "--topic", "x", "--batch-size", "x"],
    ["SERVER", "--topic", "x", "--nope"],
    ["SERVER", "--topic", "x", "--property", "parse.key=true"],
    ["SERVER", "--topic", "x", "--property", "null.marker=:"],
]


def compare_errors(bench, tool, words, stdin=None):
    words = [word for item in words for word in (bench.server if item == "SERVER" else [item])]
    ours, theirs = (which(tool, *words, stdin=stdin) for which in (bench.ours, bench.apache))
    assert first_line(ours.stderr) == first_line(theirs.stderr)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.returncode == 1


@pytest.mark.parametrize("words", CONSUMER_ERRORS, ids=range(len(CONSUMER_ERRORS)))
def test_the_consumers_errors(bench, words):
    compare_errors(bench, "kafka-console-consumer", words)


@pytest.mark.parametrize("words", PRODUCER_ERRORS, ids=range(len(PRODUCER_ERRORS)))
def test_the_producers_errors(bench, words):
    compare_errors(bench, "kafka-console-producer", words, stdin="no separator\n")


def test_records_that_cannot_be_sent_are_told(bench):
    words = [*bench.server, "--topic", "no such name!", "--max-block-ms", 2000]
    done = bench.ours("kafka-console-producer", *words, stdin="x\n")
    assert done.returncode == 0
    assert "Error when sending message to topic no such name! with key: null, value: 1 bytes with error:" in done.stderr
    done = bench.ours("kafka-console-producer", *words, "--sync", stdin="x\n")
    assert done.returncode == 1 and "ExecutionException" in done.stderr


# ---- dump-log --------------------------------------------------------------------------------------------------------


def compare_dumps(bench, *words, is_uncaught=False):
    ours, theirs = (which("kafka-dump-log", *words) for which in (bench.ours, bench.apache))
    assert ours.stdout == theirs.stdout
    if is_uncaught or theirs.stderr.startswith("Exception in thread"):
        assert first_line(ours.stderr).startswith(first_line(theirs.stderr))    # ours may say more
    else:
        assert ours.stderr == theirs.stderr
    assert ours.returncode == theirs.returncode
    return ours


@pytest.fixture(name="filled", scope="module")
def fixture_filled(bench):
    """The folder of a partition of several segments, all codecs, headers and nulls."""
    topic = bench.topic(segment_bytes=20000, index_interval_bytes=500)
    for codec in CODECS:
        lines = "".join(f"h:{i}\tkey{i}\t{'value ' * (i % 20)}\n" for i in range(60)) + "NIL\tNIL\tNIL\n"
        bench.produce(topic, lines * 2, "--property", "parse.key=true", "--property", "parse.headers=true",
                      "--property", "null.marker=NIL", "--compression-codec", codec, "--batch-size", 2000)
    bench.produce(topic, "x" * 15000 + "\n" + "y" * 15000 + "\n")
    return bench.folder(topic)


def test_dump_log_of_every_file(bench, filled):
    names = sorted(path.name for path in filled.iterdir() if path.suffix not in ("", ".metadata"))
    assert {".log", ".index", ".timeindex"} <= {os.path.splitext(name)[1] for name in names}
    assert sum(name.endswith(".log") for name in names) > 1
    files = ",".join(str(filled / name) for name in names)
    compare_dumps(bench, "--files", files)
    done = compare_dumps(bench, "--files", files, "--print-data-log")
    assert "key: key1 payload: value" in done.stdout
    compare_dumps(bench, "--files", files, "--deep-iteration", "--verify-index-only")
    compare_dumps(bench, "--files", files, "--index-sanity-check", "--skip-record-metadata", "--print-data-log",
                  "--max-bytes", 3000)


def damage_flip(folder, base):
    path = folder / f"{base}.log"
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)


def damage_cut(folder, base):
    path = folder / f"{base}.log"
    path.write_bytes(path.read_bytes()[:-7])


def damage_index(folder, base):
    path = folder / f"{base}.index"
    data = bytearray(path.read_bytes())
    data[3] ^= 1    # the first entry's offset
    path.write_bytes(data)


def damage_times(folder, base):
    path = folder / f"{base}.timeindex"
    data = bytearray(path.read_bytes())
    data[7] ^= 1    # the first entry's timestamp
    path.write_bytes(data)


def damage_snapshot(folder, _base):
    for path in folder.glob("*.snapshot"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)


DAMAGES = [damage_flip, damage_cut, damage_index, damage_times, damage_snapshot]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_dump_log_of_damaged_files(bench, filled, tmp_path, damage):
    copy = tmp_path / "copy-0"
    shutil.copytree(filled, copy)
    base = sorted(path.stem for path in copy.glob("*.log"))[0]
    damage(copy, base)
    names = [f"{base}.log", f"{base}.index", f"{base}.timeindex", *(path.name for path in copy.glob("*.snapshot"))]
    compare_dumps(bench, "--files", ",".join(str(copy / name) for name in names))


def test_dump_log_of_the_offsets(bench):
    topic = bench.produce(bench.topic(), "1\n2\n")
    bench.consume(bench.ours, topic, 2, "--group", "dumped-group")
    log = bench.folder("__consumer_offsets") / f"{0:020}.log"
    done = compare_dumps(bench, "--files", log, "--offsets-decoder")
    assert f'"group":"dumped-group","topic":"{topic}","partition":0' in done.stdout
    assert '"protocolType":"consumer"' in done.stdout


DUMP_ERRORS = [["--print-data-log"], ["--files", "nope/00000000000000000000.log"], ["--files", "abc.log"], ["--nope"]]


@pytest.mark.parametrize("words", DUMP_ERRORS, ids=range(len(DUMP_ERRORS)))
def test_dump_logs_errors(bench, words):
    compare_dumps(bench, *words, is_uncaught=True)


# ---- measuring and verifying ---------------------------------------------------------------------------------------


def test_performance_tests(bench):
    topic = bench.topic(partitions=2)
    done = bench.ours("kafka-producer-perf-test", "--topic", topic, "--num-records", 5000, "--record-size", 100,
                      "--throughput", -1, "--producer-props", f"bootstrap.servers={bench.broker.hosts}", "acks=all")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"5000 records sent, [0-9.]+ records/sec \([0-9.]+ MB/sec\), [0-9.]+ ms avg latency, "
                        r"[0-9.]+ ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th.\n", done.stdout)
    texts = []
    for which in (bench.ours, bench.apache):
        done = which("kafka-consumer-perf-test", *bench.server, "--topic", topic, "--messages", 5000)
        assert done.returncode == 0, done.stderr
        texts.append(re.sub(r"\d+", "0", done.stdout))
        assert done.stdout.splitlines()[1].split(", ")[4] == "5000"
    assert texts[0] == re.sub(r"-0", "-0", texts[1])
    done = bench.ours("kafka-producer-perf-test", "--topic", topic, "--num-records", 300, "--payload-monotonic",
                      "--throughput", 150, "--producer-props", f"bootstrap.servers={bench.broker.hosts}")
    rate = float(done.stdout.split(" sent, ")[1].split(" ")[0])
    assert 100 < rate <= 155, done.stdout


PERF_ERRORS = [
    (["--topic", "x", "--num-records", 5, "--throughput", 1],
     "one of the arguments --record-size --payload-file --payload-monotonic is required"),
    (["--topic", "x", "--throughput", 1, "--record-size", 1], "argument --num-records is required"),
    (["--topic", "x", "--num-records", 5, "--throughput", 1, "--record-size", 1, "--payload-file", "f"],
     "argument --payload-file: not allowed with argument --record-size"),
    (["--topic", "x", "--num-records", 5, "--throughput", 1, "--record-size", 1],
     "Either --producer-props or --producer.config must be specified."),
]


@pytest.mark.parametrize("words,message", PERF_ERRORS, ids=range(len(PERF_ERRORS)))
def test_the_perf_tests_errors(bench, words, message):
    ours, theirs = (which("kafka-producer-perf-test", *words) for which in (bench.ours, bench.apache))
    assert ours.stderr.endswith(f"producer-performance: error: {message}\n")
    # Apache's parser fills its lines with spaces.
    assert message in " ".join(theirs.stderr.split()).replace("payload- file", "payload-file")
    assert ours.returncode == theirs.returncode == 1


def events(text):
    """The lines with what differs from run to run made equal."""
    found = []
    for line in text.splitlines():
        event = json.loads(line)
        if event["name"] == "tool_data":
            event["avg_throughput"] = 0
        event["timestamp"] = 0
        found.append(json.dumps(event))
    return found


def test_verifiable_clients(bench):
    words = ["--max-messages", 5, "--repeating-keys", 2, "--value-prefix", 7]
    texts = []
    for which in (bench.ours, bench.apache):
        topic = bench.topic()
        done = which("kafka-verifiable-producer", *bench.server, "--topic", topic, *words)
        assert done.returncode == 0, done.stderr
        texts.append([line.replace(topic, "TOPIC") for line in events(done.stdout)])
        read = []
        for number, reader in enumerate((bench.ours, bench.apache)):
            done = reader("kafka-verifiable-consumer", *bench.server, "--topic", topic, "--group-id",
                          f"{topic}-{number}", "--max-messages", 5, "--verbose")
            assert done.returncode == 0, done.stderr
            # The rounds are as the fetches were: what they hold together counts.
            read.append([line for line in events(done.stdout) if "records_consumed" not in line])
            rounds = [json.loads(line) for line in done.stdout.splitlines() if "records_consumed" in line]
            assert sum(event["count"] for event in rounds) == 5
        commits = [[line for line in lines if "committed" not in line] for lines in read]
        assert commits[0] == commits[1]
        assert read[0][-3:] == read[1][-3:]
    assert texts[0] == texts[1]


def test_a_signal_ends_the_verifiable_producer(bench):
    script = peers.servers.samsa_bin_dir() / "kafka-verifiable-producer.sh"
    with subprocess.Popen([str(script), *bench.server, "--topic", bench.topic(), "--throughput", "100"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for _ in range(5):
            process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
        assert process.wait(TIMEOUT_S) == 143
    assert [event["name"] for event in lines[-2:]] == ["shutdown_complete", "tool_data"]
    assert lines[-1]["sent"] == lines[-1]["acked"] > 0
