"""Watches of each kind, held by a C client while servers come and go: each is due once, whichever server it is at.

kazoo gives its watches up with a connection; libzookeeper sets them anew, as Java's client does.
"""

import subprocess
import threading
import time
from pathlib import Path

from kazoo.client import KazooClient

SOURCE = Path(__file__).resolve().parent / "c" / "zk_watches.c"
TIMEOUT_S = 30


class Watches:
    """`set` before anything happens to the servers, `trigger` afterwards."""

    def __init__(self, hosts, folder):
        program = Path(folder) / "zk_watches"
        subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-DTHREADED", "-o", program, SOURCE,
                        "-lzookeeper_mt"], check=True)
        self.process = subprocess.Popen([program, hosts, str(TIMEOUT_S * 1000)], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.writer = KazooClient(hosts=hosts, timeout=TIMEOUT_S, command_retry={"max_tries": -1, "delay": 0.05})
        self.writer.start(timeout=20)
        self.retry = self.writer.retry
        self.lines = []
        self.round = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.split())

    def events(self):
        return sorted(tuple(line[1:]) for line in self.lines if line[0] == "event")

    def sessions(self):
        return {line[2] for line in self.lines if line[0] == "done"}

    def order(self, *words):
        count = sum(line[0] == "done" for line in self.lines)
        print(*words, file=self.process.stdin, flush=True)
        deadline = time.monotonic() + TIMEOUT_S
        while sum(line[0] == "done" for line in self.lines) == count:
            assert time.monotonic() < deadline, f"no answer to {words}"
            time.sleep(0.005)

    def set(self):
        self.round += 1
        top = f"/watched/{self.round}"
        self.retry(self.writer.ensure_path, f"{top}/gone")
        for words in (("sync", top), ("data", top), ("children", top), ("exists", f"{top}/absent"),
                      ("exists", f"{top}/gone"), ("exists", f"{top}/silent")):
            self.order(*words)

    def trigger(self, timeout=20):
        """Everything that is watched happens; each watch says so once, and the silent one says nothing."""
        top = f"/watched/{self.round}"
        assert self.events() == [], "an event before anything happened"
        self.retry(self.writer.set, top, b"changed")
        self.retry(self.writer.ensure_path, f"{top}/absent")
        self.retry(self.writer.delete, f"{top}/gone")
        wanted = [("changed", top), ("child", top), ("created", f"{top}/absent"), ("deleted", f"{top}/gone")]
        deadline = time.monotonic() + timeout
        while len(self.events()) < len(wanted) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.order("sync", top)
        assert self.events() == wanted
        assert len(self.sessions()) == 1, "the session of the watches was lost"
        self.lines = [line for line in self.lines if line[0] != "event"]

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.writer.stop()
        self.writer.close()
