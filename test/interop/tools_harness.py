"""Runs the shell lines of tools_cases.py in a folder of their own and writes down what was said.

    $ zkServer.sh status      the line
    | Mode: standalone        standard output
    ! Using config: ...       standard error
    = 0                       exit code

The folder, the scripts' folder, the port, process ids and the version are replaced by <work>,
<bin>, <port>, <pid> and <version>; log lines and Java's stack traces go, and what grep, mkdir and
kill complain about. A server that a case left running is ended by the pid file.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import backends
from zkcli_harness import marked, without_java, without_log

SAMPLE = Path(__file__).resolve().parent / "sample_data"
STEP_TIMEOUT_S = 60
ZOO_CFG = "tickTime=2000\ndataDir={work}/data\nclientPort={port}\nadmin.enableServer=false\n"

NORMAL_FORMS = [
    (re.compile(r"(already running as process )\d+"), r"\1<pid>"),
    (re.compile(r"^(Apache ZooKeeper, version )\S.*$", re.M), r"\1<version>"),
    (re.compile(r" in \d+\.\d+ seconds"), " in <s> seconds"),
    (re.compile(r'("timestamp":)\d+'), r"\1<time>"),
    # Binary data of a node is printed as it is.
    (re.compile(r"[\x00-\x08\x0b-\x1f\x7f]"), lambda match: f"\\x{ord(match.group()):02x}"),
]
INDENTED = re.compile(r"\|  |\| -+   (children|data): ")
# What the scripts' helpers (grep, mkdir, kill) say about a file that is not there is theirs; ours
# says besides where a server that did not start has left its words.
HELPER_LINE = re.compile(
    r"^(?:grep|mkdir): .*\n|^(?:\S+: line \d+: )?kill: .*\n|^See \S+[.]out\n", re.M
)


def sorted_nodes(lines):
    """Standard output of a program that walks a hash table: a line with the indented ones below it
    is a node; nodes are put in order. Children in a JSON tree as well, without their numbers."""
    nodes = []
    for line in lines:
        if line.startswith('| [1,0,{"progname"'):
            line = "| " + json.dumps(
                sorted_tree(
                    json.loads(line[2:].removesuffix("<no line end>").replace("<time>", "0"))
                )
            )
        if INDENTED.match(line) and nodes:
            nodes[-1].append(line)
        else:
            nodes.append([line])
    return [line for node in sorted(nodes) for line in node]


def sorted_tree(tree):
    if isinstance(tree, dict):
        return {key: value for key, value in tree.items() if key != "ino"}
    if isinstance(tree, list):
        return tree[:1] and [sorted_tree(tree[0])] + sorted(map(sorted_tree, tree[1:]), key=str)
    return tree


class Bench:
    """A folder for one case and the scripts of bin_dir on PATH."""

    def __init__(self, work, bin_dir, port, environment=None):
        self.work = Path(work).resolve()
        self.bin_dir = Path(bin_dir).resolve()
        self.port = port
        self.work.mkdir(parents=True)
        conf = self.work / "conf"
        conf.mkdir()
        (conf / "zoo.cfg").write_text(ZOO_CFG.format(work=self.work, port=port), encoding="utf-8")
        (conf / "logback.xml").write_text(backends.LOGBACK_OFF, encoding="ascii")
        for path in SAMPLE.iterdir():
            shutil.copyfile(path, self.work / path.name)
        self.environment = {
            "PATH": f"{self.bin_dir}:{os.environ['PATH']}",
            "HOME": str(self.work),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "USER": "user",
            "HOSTNAME": "host",
            "PORT": str(port),
            "ZOOCFGDIR": str(conf),
            "ZOO_LOG_DIR": str(self.work / "logs"),
            "JVMFLAGS": "-Dsamsa.test=1",
            "JAVA_HOME": os.environ.get("JAVA_HOME", ""),
            **(environment or {}),
        }

    def run(self, case):
        lines = []
        try:
            for step in case.steps:
                lines += self.run_step(step, case.unordered) + [""]
        finally:
            self.end_servers()
        return "\n".join(lines)

    def run_step(self, step, unordered):
        ended = subprocess.run(
            ["bash", "-c", step],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        stdout = self.normal(without_java(without_log(self.text(ended.stdout))))
        stderr = HELPER_LINE.sub("", self.normal(without_java(self.text(ended.stderr))))
        lines = marked("|", stdout)
        if unordered:
            lines = sorted_nodes(lines)
        return [f"$ {step}", *lines, *marked("!", stderr), f"= {ended.returncode}"]

    def text(self, data):
        return data.decode("utf-8", "backslashreplace")

    def normal(self, text):
        text = text.replace(str(self.bin_dir), "<bin>").replace(str(self.work), "<work>")
        text = re.sub(rf"\b{self.port}\b", "<port>", text)
        for pattern, replacement in NORMAL_FORMS:
            text = pattern.sub(replacement, text)
        return text

    def end_servers(self):
        for path in [
            *self.work.rglob("zookeeper_server.pid"),
            self.work / "pid",
            *self.work.rglob("my.pid"),
        ]:
            try:
                pid = int(path.read_text(encoding="ascii"))
                if str(self.work) in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
                    os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                pass
