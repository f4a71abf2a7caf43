"""Runs Kafka's tools (Apache's or ours) through the steps of kafka_tools_cases.py and writes down what they said.

    $ kafka-topics --list        what was run
    | a.b_c                      standard output, in the order of the lines
    ! foo is not ...             standard error, its first line
    = 1                          the exit code

Lines are sorted where Apache's come in the order of hash tables; the words of a table of groups are sorted as one,
since Apache's 3.9 leaves out line ends. Of standard error the first line counts: usage texts are our own, and Apache's
goes on with a stack trace.
"""

import json
import re

import kafka_tools_cases as cases
import transcripts

LOG_LINE = re.compile(r"^(\[?20\d\d-\d\d-\d\d |\[20\d\d-|WARN |SLF4J|log4j)")
FORMS = [
    (re.compile(r"(?<=TopicId: )\S{22}"), "<id>"),
    (re.compile(r"(?<=Cluster ID: )\S+"), "<id>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+"), "<port>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(console-consumer-)\d+"), r"\1<n>"),
    (re.compile(r"(CreateTime: )\d+"), r"\1<time>"),
    (re.compile(r"(crc: )\d+"), r"\1<crc>"),
    (re.compile(r"(\"timestamp\":)\d+"), r"\1<time>"),
    (re.compile(r"(\"avg_throughput\":)[0-9.E]+"), r"\1<rate>"),
]
CONFIGS = re.compile(r"(?<=\tConfigs: )\S+")
NUMBER = re.compile(r"-?\d+([.:]\d+)*")
KEEP_ORDER = ("kafka-console-consumer", "kafka-dump-log", "kafka-producer-perf-test", "kafka-consumer-perf-test")


def normal(line, places):
    for place, name in places.items():
        line = line.replace(place, name)
    for pattern, replacement in FORMS:
        line = pattern.sub(replacement, line)
    line = CONFIGS.sub(lambda match: ",".join(sorted(match.group().split(","))), line)
    return line.rstrip()


def words_of(text):
    """A table whose rows may run together: each word once, and how often."""
    found = text.split()
    return sorted(f"{word} {found.count(word)}" for word in set(found))


UNCAUGHT = re.compile(r'^Exception in thread "main" [\w.$]+: ')


def first_error(text):
    """The first line that is no log line. What stands behind the usage line of argparse4j is broken into lines as its
    screen is wide. Of the stack trace of an error that the tool told already there is nothing: ours print none."""
    if ": error: " in text:
        program = text[:text.index(": error: ")].rsplit("\n", 1)[-1]
        return [f"{program}: error: " + " ".join(text.split(": error: ", 1)[1].split())]
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        is_traced = number + 1 < len(lines) and lines[number + 1].startswith("\tat ")
        if is_traced and not UNCAUGHT.match(line):
            return []
        if LOG_LINE.match(line):
            if " ERROR " in line:
                return []
        else:
            return [UNCAUGHT.sub("", line)]
    return []


def verifiable(text):
    """Rounds are as the fetches were: of the lines that tell of them one each."""
    lines = text.splitlines()
    rounds = [line for line in lines if '"records_consumed"' in line or '"offsets_committed"' in line]
    return [line for line in lines if line not in rounds]


def log_dirs(line):
    """The partitions' order is that of a hash table, and the sizes of offsets are as often as they were committed."""
    if not line.startswith("{"):
        return line
    told = json.loads(line)
    for folder in (folder for broker in told["brokers"] for folder in broker["logDirs"]):
        folder["partitions"] = sorted((partition for partition in folder["partitions"]
                                       if not partition["partition"].startswith("__")), key=lambda p: p["partition"])
    return json.dumps(told, sort_keys=True)


def said_by(tool, text):
    if tool == "kafka-consumer-groups":
        return words_of(text)
    if tool in KEEP_ORDER:
        lines = text.splitlines()
        return [NUMBER.sub("<n>", line) for line in lines] if "perf-test" in tool else lines
    if tool.startswith("kafka-verifiable"):
        return verifiable(text)
    if tool == "kafka-log-dirs":
        return [log_dirs(line) for line in text.splitlines()]
    if tool == "kafka-console-producer":
        return text.strip(">").splitlines()    # 2.7 prompts whoever asks
    return sorted(text.splitlines())


def arguments_of(words, bench, places):
    """The words behind the tool's name."""
    tool, rest = words[0], [word for word in words[1:] if not word.startswith("<")]
    names = {name.strip("{}"): place for place, name in places.items() if name.startswith("{")}
    filled = [word.format(**names) for word in rest]
    if tool == "kafka-dump-log" or any("{server}" in word or "{zk}" in word for word in rest):
        return filled
    place = 1 if rest and not rest[0].startswith("-") and tool == "kafka-cluster" else 0
    return [*filled[:place], "--bootstrap-server", bench.broker.hosts, *filled[place:]]


def expected(case, folder, is_ours):
    """The recording, without what our tools are not asked."""
    text = (folder / f"{case}.txt").read_text(encoding="utf-8")
    parts = [lines for lines in transcripts.steps(text) if not (is_ours and lines and lines[0].startswith("$ theirs:"))]
    return "".join(f"{line}\n" for lines in parts for line in lines)


def transcript(case, run, bench, folder, is_ours=False):
    """run(tool, words, stdin) is a tool's CompletedProcess."""
    places = {str(folder): "{file}", str(bench.broker.data_dir): "{data}", bench.broker.hosts: "{server}",
              bench.broker.zookeeper: "{zk}"}
    for name, text in cases.FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = []
    for words in cases.steps(case):
        if words[0].startswith("@"):
            bench.act(words)
            continue
        step = " ".join(words)
        if words[0] == "theirs:":
            if is_ours:
                continue
            words = words[1:]
        inputs = [cases.FILES[word[1:]] for word in words if word.startswith("<")]
        ended = run(words[0], arguments_of(words, bench, places), inputs[0] if inputs else None)
        lines.append(f"$ {step}")
        lines += [f"| {normal(line, places)}" for line in said_by(words[0], ended.stdout)]
        lines += [f"! {normal(line, places)}" for line in first_error(ended.stderr)]
        lines.append(f"= {ended.returncode}")
    return "\n".join(lines) + "\n"


differences = transcripts.differences
