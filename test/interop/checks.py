"""Runs a client program that prints one line for each of its checks, and does what it asks of the
operator.

    ok 1 name
    not ok 2 name: what was wrong
    operator: restart         (or kill, stop, start; answered by "done")
    1..2

The names of the checks are read from the program's source, so that each is a test of its own and
none can vanish.
"""

import re
import subprocess
import threading

LINE = re.compile(r"(ok|not ok) \d+ (\S+?)(?:: (.*))?$")

# What the checks of every language need: short sessions, every kind of node, hard quotas, and
# containers and TTLs that end in a second.
SERVER_CONFIG = {"tickTime": 500}
SERVER_FLAGS = {
    "zookeeper.extendedTypesEnabled": "true",
    "zookeeper.enforceQuota": "true",
    "zookeeper.DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4=",
    "znode.container.checkIntervalMs": "300",
}


def names_in(path, pattern):
    """The names of the checks in a source file; pattern has one group."""
    return sorted(re.findall(pattern, path.read_text(encoding="utf-8"), re.M))


def run(command, server, timeout_s=240):
    """name -> None, or what was wrong. The server is running and is running afterwards."""
    with subprocess.Popen(
        [*command, server.hosts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as program:
        clock = threading.Timer(timeout_s, program.kill)
        errors = []
        reader = threading.Thread(target=lambda: errors.extend(program.stderr))
        clock.start()
        reader.start()
        try:
            results, planned = follow(program, server)
        finally:
            clock.cancel()
            program.kill()
            reader.join()
    if planned != len(results):
        results["(the program)"] = f"ended before its time: {''.join(errors)[-3000:]}"
    return results


def follow(program, server):
    results = {}
    planned = None
    for line in program.stdout:
        line = line.rstrip("\n")
        found = LINE.match(line)
        if found:
            results[found.group(2)] = None if found.group(1) == "ok" else found.group(3) or "failed"
        elif line.startswith("operator: "):
            act(server, line.removeprefix("operator: "))
            program.stdin.write("done\n")
            program.stdin.flush()
        elif line.startswith("1.."):
            planned = int(line[3:])
    return results, planned


def act(server, what):
    if what == "restart":
        server.restart("stop")
    elif what == "kill":
        server.restart("kill")
    elif what == "stop":
        server.stop()
    elif what == "start":
        server.start()
    else:
        raise ValueError(f"operator: {what}?")


class Suite:
    """The results of one program, made when the first of its tests asks for them."""

    def __init__(self, command, new_server):
        self.command = command
        self.new_server = new_server
        self.results = None

    def check(self, name):
        if self.results is None:
            server = self.new_server(SERVER_CONFIG, SERVER_FLAGS)
            self.results = run(self.command, server)
            server.stop()
        problem = self.results.get(name, self.results.get("(the program)", "it did not run"))
        assert problem is None, problem
