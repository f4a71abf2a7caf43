"""Runs Kafka's admin tools (Apache's or ours) through the steps of kafka_tools_cases.py and writes down what they said.

    $ kafka-topics --list        what was run
    | a.b_c                      standard output, in the order of the lines
    ! foo is not ...             standard error, its first line
    = 1                          the exit code

Lines are sorted, since Apache's come in the order of hash tables; the words of a table of groups are sorted as one,
since Apache's 3.9 leaves out line ends. Of standard error the first line counts: usage texts are our own, and Apache's
goes on with a stack trace.
"""

import re
import subprocess

import kafka_tools_cases as cases
import transcripts

TIMEOUT_S = 60
LOG_LINE = re.compile(r"^(\[?20\d\d-\d\d-\d\d |WARN |SLF4J|log4j)")
FORMS = [
    (re.compile(r"(?<=TopicId: )\S{22}"), "<id>"),
    (re.compile(r"(?<=Cluster ID: )\S+"), "<id>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+"), "<port>"),
    (re.compile(r"^usage: .*"), "usage: <usage>"),
]
CONFIGS = re.compile(r"(?<=\tConfigs: )\S+")


def normal(line, folder):
    for pattern, replacement in FORMS:
        line = pattern.sub(replacement, line)
    line = CONFIGS.sub(lambda match: ",".join(sorted(match.group().split(","))), line)
    return line.replace(str(folder), "<file>").rstrip()


def words_of(text):
    """A table whose rows may run together: each word once, and how often."""
    found = text.split()
    return sorted(f"{word} {found.count(word)}" for word in set(found))


def first_error(text):
    """The first line that is no log line; an ERROR in the log is the beginning of a stack trace."""
    for line in text.splitlines():
        if LOG_LINE.match(line):
            if " ERROR " in line:
                return []
        elif line.strip():
            return [line]
    return []


def transcript(case, command_of, bootstrap, folder):
    """command_of(tool) is the beginning of a command."""
    for name, text in cases.FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = []
    for words in cases.steps(case):
        words = [word.format(file=folder) for word in words]
        tool, rest = words[0], words[1:]
        place = 1 if rest and not rest[0].startswith("-") and tool == "kafka-cluster" else 0
        command = [*command_of(tool), *rest[:place], "--bootstrap-server", bootstrap, *rest[place:]]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        lines.append("$ " + normal(" ".join(words), folder))
        if tool == "kafka-consumer-groups":
            said = words_of(ended.stdout)
        else:
            said = sorted(ended.stdout.splitlines())
        lines += [f"| {normal(line, folder)}" for line in said]
        lines += [f"! {normal(line, folder)}" for line in first_error(ended.stderr)]
        lines.append(f"= {ended.returncode}")
    return "\n".join(lines) + "\n"



differences = transcripts.differences
