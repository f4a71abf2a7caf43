"""The life of a server process, whatever it serves: start, wait, stop, what it printed and used.

A server is one process that this object started; stop() and kill() end that process by its id
and nothing else.  What the process prints goes to `<work>/server.log`.  `work` is a folder beside
the data directory (`<data_dir>.run`), so that the data directory holds only what the server
itself wrote: several tests compare or hand over that folder whole.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
HOST = "127.0.0.1"

LOGBACK = """<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} [%t] %-5p %c{1} - %m%n</pattern></encoder>
  </appender>
  <root level="LEVEL"><appender-ref ref="OUT"/></root>
</configuration>
"""

LOG4J = """log4j.rootLogger=LEVEL, OUT
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=%d{ISO8601} [%t] %-5p %c{1} - %m%n
"""


class ServerDied(Exception):
    """The process ended, or did not answer in time; the message ends with its log."""


class ServerProcess:
    """One server process on 127.0.0.1:`port` over `data_dir`. Sub-classes say what runs and when it serves."""

    kind = "?"

    def __init__(self, data_dir, port, log_level="INFO"):
        self.data_dir = Path(data_dir).resolve()
        self.port = port
        self.log_level = log_level
        self.process = None
        self.log_handle = None
        self.log_from = None
        self.work = self.data_dir.with_name(self.data_dir.name + ".run")

    # --- what differs from server to server ---

    def command(self):
        raise NotImplementedError

    def serves(self):
        """One question to the server: does it serve requests by now? OSError means no."""
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def prepare(self):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(parents=True, exist_ok=True)

    # --- life ---

    @property
    def log_path(self):
        return self.work / "server.log"

    def start(self, wait=True, timeout=START_TIMEOUT_S):
        if self.alive:
            raise RuntimeError(f"{self.kind} server on port {self.port} is already running")
        self.prepare()
        self.log_handle = open(self.log_path, "ab")
        if self.log_from is None:
            self.log_from = self.log_handle.tell()
        self.process = subprocess.Popen(
            self.command(), env=self.environment(), cwd=self.work, stdin=subprocess.DEVNULL,
            stdout=self.log_handle, stderr=subprocess.STDOUT, start_new_session=True)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=START_TIMEOUT_S):
        """Return when the server serves requests, which is later than when it listens."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerDied(f"{self.kind} server ended with {self.process.returncode} "
                                 f"while it started\n{self.log_tail()}")
            try:
                if self.serves():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise ServerDied(f"{self.kind} server did not serve in {timeout} s\n{self.log_tail()}")

    def stop(self, timeout=STOP_TIMEOUT_S):
        """SIGTERM, as `zkServer.sh stop` does; returns the exit status."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self, timeout=STOP_TIMEOUT_S):
        """SIGKILL: nothing that was not on its way to the disk is written any more."""
        return self._end(signal.SIGKILL, timeout)

    def _end(self, how, timeout):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout)
            raise ServerDied(f"{self.kind} server ignored signal {how} for {timeout} s\n"
                             f"{self.log_tail()}") from None
        finally:
            if self.log_handle is not None:
                self.log_handle.close()
                self.log_handle = None
        self.process = None
        return status

    def restart(self, how="stop"):
        getattr(self, how)()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.alive:
            self.kill()

    # --- what it is doing ---

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid if self.process is not None else None

    @property
    def address(self):
        return (HOST, self.port)

    @property
    def hosts(self):
        return f"{HOST}:{self.port}"

    def logs(self):
        """What this object's processes printed; another one on the same directory has its own."""
        try:
            data = self.log_path.read_bytes()
        except FileNotFoundError:
            return ""
        return data[self.log_from or 0:].decode("utf-8", "replace")

    def log_tail(self, lines=40):
        return "\n".join(self.logs().splitlines()[-lines:])

    def rss(self):
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ServerDied(f"process {self.pid} has no VmRSS")

    def cpu_seconds(self):
        """User and system time of all threads so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = stat.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
