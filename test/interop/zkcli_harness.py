"""Runs zkCli (Apache's or ours) through the cases of zkcli_cases.py and writes down what it said.

The transcript of a case is text that a person can read and a test can compare:

    $ get -s /a                what was typed (one-shot: a process of its own; session: a line)
    | hello                    standard output
    ! Node does not exist: /a  standard error
    * WatchedEvent ...         a watch event, printed by zkCli as "\\nWATCHER::\\n\\n<event>\\n"
    = 1                        exit code of the process

Times, zxids, session ids, ports and the version are replaced by <time>, <zxid>, <session>, <port>
and <version>, but only where they have the form that Apache gives them: a zxid printed in decimal,
or a date in another form, stays and is a difference. The connection's own events (SyncConnected
when a process starts) race with the first command in one-shot mode, so there they are dropped; a
watch event is written below the step during which it came, whatever it raced with. Standard error
of a session is one block at its end, since two streams have no common order.
"""

import os
import pty
import re
import select
import shlex
import subprocess
import time

from operator_client import Operator

PROMPT = re.compile(r"\[zk: (?P<host>[^\]]*?)\((?P<state>[A-Z_]+)\) (?P<count>\d+)\] ")
# Apache's zkCli prints an event in two parts; the command's own output may come between them.
WATCHER = re.compile(r"\nWATCHER::\n")
EVENT = re.compile(r"\n(WatchedEvent [^\n]*)\n")
ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07|\([A-Z0-9])")
CONNECTION_EVENT = " type:None "
STEP_TIMEOUT_S = 30
QUIET_S = 0.25

NORMAL_FORMS = [
    (
        re.compile(r"^((?:c|m)time = )\w{3} \w{3} \d\d \d\d:\d\d:\d\d (\w+) 20\d\d$", re.M),
        r"\1<time> \2",
    ),
    (re.compile(r"^((?:c|m|p)Zxid = )0x(?!0$)[0-9a-f]+$", re.M), r"\1<zxid>"),
    (re.compile(r"^(ephemeralOwner = )0x(?!0$)[0-9a-f]+$", re.M), r"\1<session>"),
    (re.compile(r"( zxid: )\d+"), r"\1<zxid>"),
    (re.compile(r"^(ZooKeeper CLI version: )\S.*$", re.M), r"\1<version>"),
]
# A session's identities are a set; Apache prints them in the order of its hash table.
WHO_AM_I = re.compile(r"^(Auth scheme: User\n)((?:\w+: .*\n)+)", re.M)
LOG_LINE = re.compile(
    r"^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} .*"
    r"|\w{3} \d\d, \d{4} \d+:\d\d:\d\d [AP]M org\.jline\..*"
    r"|WARNING: Unable to create a system terminal.*)$"
)
STACK_TRACE = re.compile(r"^\s+at \S+\(|^Caused by: |^\s+\.\.\. \d+ more")
UNCAUGHT = re.compile(r'^Exception in thread "main" (\S+?)(?::.*)?$')


def normal(text, port):
    """Text with everything replaced that may differ between two runs."""
    text = re.sub(rf"(?<=127\.0\.0\.1:){port}\b|(?<=localhost:){port}\b", "<port>", text)
    for pattern, replacement in NORMAL_FORMS:
        text = pattern.sub(replacement, text)
    return WHO_AM_I.sub(
        lambda match: match.group(1) + "".join(sorted(match.group(2).splitlines(keepends=True))),
        text,
    )


def without_java(text):
    """Text without log lines, Java's stack traces and the "Caused by" below them."""
    lines = []
    for line in text.split("\n"):
        uncaught = UNCAUGHT.match(line)
        if uncaught:
            lines.append(f"<uncaught {uncaught.group(1)}>")
        elif not (LOG_LINE.match(line) or STACK_TRACE.match(line)):
            lines.append(line)
    return "\n".join(lines)


def normal_stderr(text, port):
    return without_java(normal(text, port))


def take_events(text, is_cut=False):
    """(text without the watch events, the events). is_cut: the process may have ended in the middle
    of printing an event; otherwise half an event stays in the text."""
    events = EVENT.findall(text)
    if is_cut or len(events) == len(WATCHER.findall(text)):
        text = EVENT.sub("", WATCHER.sub("", text))
    return text, events


def marked(mark, text):
    """Every line with its mark; a last line without line end is shown as such."""
    if text == "":
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
        return [f"{mark} {line}".rstrip(" ") if line == "" else f"{mark} {line}" for line in lines]
    return [f"{mark} {line}" for line in lines[:-1]] + [f"{mark} {lines[-1]}<no line end>"]


class Cli:
    """One kind of zkCli: command is its argv without options."""

    def __init__(self, command):
        self.command = command

    def argv(self, case, port):
        return [
            *self.command,
            "-server",
            case.hosts.replace("<port>", str(port)) + case.chroot,
            *shlex.split(case.options),
        ]

    def environment(self, case):
        return {
            **os.environ,
            "TERM": "dumb",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
            **case.environment,
        }


def run_case(cli, case, server):
    """The transcript of case on this server, which is started for it and ended."""
    server.start()
    try:
        operator = Operator(server)
        if any("/chroot" in text for text in [case.chroot, *map(str, case.steps)]):
            operator.do("create /chroot")
        return transcript(cli, case, server, operator)
    finally:
        if server.alive:
            server.kill()


def transcript(cli, case, server, operator):
    if case.kind == "one-shot":
        lines = run_one_shots(cli, case, server, operator)
    elif case.kind == "terminal":
        lines = TerminalSession(cli, case, server, operator).run()
    else:
        lines = run_pipe(cli, case, server)
    return "\n".join(lines) + "\n"


def run_one_shots(cli, case, server, operator):
    lines = []
    for step in case.steps:
        lines.append(f"$ {step}")
        if step.startswith("!"):
            operator.do(step[1:])
            continue
        words = shlex.split(step.replace("<port>", str(server.port)))
        ended = subprocess.run(
            [*cli.argv(case, server.port), *words],
            capture_output=True,
            timeout=STEP_TIMEOUT_S,
            env=cli.environment(case),
            stdin=subprocess.DEVNULL,
            check=False,
        )
        stdout, events = take_events(ended.stdout.decode(), is_cut=True)
        lines += marked("|", normal(without_log(stdout), server.port))
        lines += marked("!", normal_stderr(ended.stderr.decode(), server.port))
        lines += [
            f"* {normal(event, server.port)}" for event in events if CONNECTION_EVENT not in event
        ]
        lines.append(f"= {ended.returncode}")
        lines.append("")
    return lines


def without_log(text):
    return "".join(
        line for line in text.splitlines(keepends=True) if not LOG_LINE.match(line.rstrip("\n"))
    )


def run_pipe(cli, case, server):
    typed = "".join(line.replace("<port>", str(server.port)) + "\n" for line in case.steps)
    ended = subprocess.run(
        cli.argv(case, server.port),
        input=typed.encode(),
        capture_output=True,
        timeout=STEP_TIMEOUT_S,
        env=cli.environment(case),
        check=False,
    )
    # A prompt gets a line of its own; its state depends on how far the connection is.
    stdout, events = take_events(
        PROMPT.sub(r"[zk: \g<host>(<state>) \g<count>]\n", ended.stdout.decode()), is_cut=True
    )
    return (
        [f"$ {line}" for line in case.steps]
        + marked("|", normal(without_log(stdout), server.port))
        + marked("!", normal_stderr(ended.stderr.decode(), server.port))
        + [f"* {normal(event, server.port)}" for event in events if CONNECTION_EVENT not in event]
        + [f"= {ended.returncode}"]
    )


class TerminalSession:
    """One interactive zkCli on a pseudo terminal (TERM=dumb, so that nothing is drawn over)."""

    def __init__(self, cli, case, server, operator):
        self.cli = cli
        self.case = case
        self.server = server
        self.operator = operator
        self.pending = ""
        self.transcript = []
        self.terminal = -1
        self.stderr = -1
        self.error_text = b""
        self.ended = False

    def run(self):
        self.terminal, inner = pty.openpty()
        self.stderr, error_inner = os.pipe()
        process = subprocess.Popen(
            self.cli.argv(self.case, self.server.port),
            stdin=inner,
            stdout=inner,
            stderr=error_inner,
            env=self.cli.environment(self.case),
            start_new_session=True,
        )
        os.close(inner)
        os.close(error_inner)
        try:
            self.write_step(self.until_prompt(events=1), echo=None, racing=True)
            for step in self.case.steps:
                line, events = step if isinstance(step, tuple) else (step, 0)
                self.transcript.append(f"$ {line}")
                if line.startswith("!"):
                    self.operator.do(line[1:])
                    self.write_step(self.until_events(events), echo=None)
                    continue
                typed = line.replace("<port>", str(self.server.port))
                os.write(self.terminal, typed.encode() + b"\r")
                self.write_step(
                    self.until_prompt(events),
                    echo=typed,
                    racing=line.startswith(("connect", "addauth")),
                )
                if self.ended:
                    break
            code = process.wait(STEP_TIMEOUT_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            while self.drain(0):
                pass
            os.close(self.terminal)
            os.close(self.stderr)
        self.transcript += marked("!", normal_stderr(self.error_text.decode(), self.server.port))
        self.transcript.append(f"= {code}")
        return self.transcript

    def drain(self, seconds):
        """Reads what is there; False at the end of both streams."""
        ready, _, _ = select.select([self.terminal, self.stderr], [], [], seconds)
        alive = not ready
        if self.stderr in ready:
            data = os.read(self.stderr, 65536)
            self.error_text += data
            alive = alive or data != b""
        if self.terminal in ready:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # Linux says EIO when the last process has closed its side
                data = b""
            self.pending += ESCAPE.sub("", data.decode(errors="replace")).replace("\r", "")
            alive = alive or data != b""
        return alive

    def events(self):
        """How many events came. A prompt may stand in the middle of one, since two threads write to
        the terminal."""
        return len(EVENT.findall(PROMPT.sub("", self.pending)))

    def until_prompt(self, events):
        """The text up to the next prompt, when it and so many events have come (or the process has
        ended)."""
        return self.until(lambda: self.events() >= events and PROMPT.search(self.pending))

    def until_events(self, events):
        return self.until(lambda: self.events() >= events)

    def until_end(self):
        return self.until(lambda: False)

    def until(self, done):
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while not done() and time.monotonic() < deadline:
            if not self.drain(0.05):
                self.ended = True
                break
        return self.rest()

    def rest(self):
        """What came, after a moment of silence: late events belong to the step that caused them."""
        while True:
            length = len(self.pending) + len(self.error_text)
            alive = self.drain(QUIET_S)
            if not alive or length == len(self.pending) + len(self.error_text):
                break
        text, self.pending = self.pending, ""
        return text

    def write_step(self, text, echo, racing=False):
        """racing: the connection is being made while the prompt is printed, so the prompt may show
        either state."""
        if echo is not None and text.startswith(echo + "\n"):
            text = text[len(echo) + 1 :]
        prompts = [
            f"> {normal(match.group(0), self.server.port)}" for match in PROMPT.finditer(text)
        ]
        if racing:
            prompts = [
                re.sub(r"\((CONNECTING|CONNECTED)\)", "(<state>)", prompt) for prompt in prompts
            ]
        text, events = take_events(PROMPT.sub("", text), is_cut=self.ended)
        if self.ended:
            # Whether Apache's zkCli still prints that its session is closed depends on a race with
            # the end of its process.
            events = [event for event in events if CONNECTION_EVENT not in event]
        self.transcript += marked("|", normal(without_log(text), self.server.port))
        self.transcript += [f"* {normal(event, self.server.port)}" for event in events]
        self.transcript += [line.rstrip() for line in prompts[-1:]]
