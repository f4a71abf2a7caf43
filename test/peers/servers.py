"""Start, watch and end a server, Apache's or ours, through one interface.

A server is one process that this object started; stop() and kill() end that process by its id
and nothing else.  What the process prints goes to `<work>/server.log`.  `work` is a folder beside
the data directory (`<data_dir>.run`), so that the data directory holds only what the server
itself wrote: several tests compare or hand over that folder whole.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import maven

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


def project_root():
    return Path(__file__).resolve().parents[2]


def samsa_bin_dir():
    return Path(os.environ.get("SAMSA_BIN_DIR") or project_root() / "bin")


def samsa_program():
    """Path of our zkServer.sh if there is a program behind it, else None.

    The script looks for the program in the same places: see bin/samsa-env.sh.
    """
    script = samsa_bin_dir() / "zkServer.sh"
    programs = [samsa_bin_dir() / "samsa", samsa_bin_dir().parent / "build" / "release" / "samsa"]
    if os.environ.get("SAMSA"):
        programs = [Path(os.environ["SAMSA"])]
    found = any(os.access(program, os.X_OK) for program in programs)
    return script if script.exists() and found else None


class Server:
    """One server process on 127.0.0.1:`port` over `data_dir`.

    cfg         keys of zoo.cfg; a value of None removes a default of this class
    java_props  system properties, names as the server knows them ("zookeeper.extendedTypesEnabled")
    """

    kind = "?"

    def __init__(self, data_dir, port, cfg=None, java_props=None, log_level="INFO"):
        self.data_dir = Path(data_dir).resolve()
        self.port = port
        self.java_props = dict(java_props or {})
        self.log_level = log_level
        self.process = None
        self.log_handle = None
        self.log_from = None
        self.work = self.data_dir.with_name(self.data_dir.name + ".run")
        # jute-size tests and parallel clients must not meet the connection limit by accident; the
        # AdminServer would take a port that nobody reserved.
        self.cfg = {
            "tickTime": 2000,
            "dataDir": self.data_dir,
            "clientPort": port,
            "clientPortAddress": HOST,
            "maxClientCnxns": 0,
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
        }
        self.cfg.update(cfg or {})

    # --- what differs between the two kinds ---

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    # --- life ---

    @property
    def cfg_path(self):
        return self.work / "zoo.cfg"

    @property
    def log_path(self):
        return self.work / "server.log"

    def prepare(self):
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{k}={v}\n" for k, v in self.cfg.items() if v is not None)
        self.cfg_path.write_text(text, encoding="utf-8")

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
                answer = self.four_letter("srvr", timeout=2)
            except OSError:
                answer = b""
            if answer.startswith(b"Zookeeper version:") or b"not in the whitelist" in answer:
                return
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

    def four_letter(self, word, timeout=5):
        """Send a four-letter word; return all bytes until the server closes."""
        word = word if isinstance(word, bytes) else word.encode("ascii")
        chunks = []
        with socket.create_connection(self.address, timeout=timeout) as sock:
            sock.sendall(word)
            while True:
                try:
                    chunk = sock.recv(65536)
                except ConnectionResetError:
                    break
                if not chunk:
                    break
                chunks.append(chunk)
        return b"".join(chunks)


class ApacheServer(Server):
    """Apache ZooKeeper from its published jars, run the way its zkServer.sh runs it."""

    def __init__(self, version, data_dir, port, cfg=None, java_props=None, log_level="INFO",
                 java_options=("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")):
        super().__init__(data_dir, port, cfg, java_props, log_level)
        self.version = version
        self.kind = f"apache-{version}"
        # Options that make a short test start quickly; a benchmark passes () for Java's defaults.
        self.java_options = tuple(java_options)
        self.java = maven.java_program()
        self.class_path = maven.class_path(version)

    def prepare(self):
        super().prepare()
        (self.work / "logback.xml").write_text(LOGBACK.replace("LEVEL", self.log_level),
                                               encoding="utf-8")
        (self.work / "log4j.properties").write_text(LOG4J.replace("LEVEL", self.log_level),
                                                    encoding="utf-8")

    def command(self):
        props = [f"-D{name}={value}" for name, value in self.java_props.items()]
        return [self.java, *self.java_options, *props, "-cp",
                f"{self.work}{os.pathsep}{self.class_path}",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.cfg_path)]


class SamsaServer(Server):
    """Our server through its zkServer.sh, which must replace itself by the program (exec)."""

    kind = "samsa"

    def __init__(self, data_dir, port, cfg=None, java_props=None, log_level="INFO", bin_dir=None):
        super().__init__(data_dir, port, cfg, java_props, log_level)
        self.bin_dir = Path(bin_dir) if bin_dir else samsa_bin_dir()

    def environment(self):
        env = dict(os.environ)
        flags = [env.get("SERVER_JVMFLAGS", "")]
        flags += [f"-D{name}={value}" for name, value in self.java_props.items()]
        env["SERVER_JVMFLAGS"] = " ".join(flag for flag in flags if flag)
        env["ZOO_LOG_DIR"] = str(self.work)
        env["ZOOPIDFILE"] = str(self.work / "zookeeper_server.pid")
        return env

    def command(self):
        return [str(self.bin_dir / "zkServer.sh"), "start-foreground", str(self.cfg_path)]
