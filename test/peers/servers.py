"""Start, watch and end a ZooKeeper server, Apache's or ours, through one interface."""

import os
import socket
from pathlib import Path

from . import maven
from .process import HOST, LOG4J, LOGBACK, ServerProcess


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


class Server(ServerProcess):
    """One server process on 127.0.0.1:`port` over `data_dir`.

    cfg         keys of zoo.cfg; a value of None removes a default of this class
    java_props  system properties, names as the server knows them ("zookeeper.extendedTypesEnabled")
    """

    def __init__(self, data_dir, port, cfg=None, java_props=None, log_level="INFO"):
        super().__init__(data_dir, port, log_level)
        self.java_props = dict(java_props or {})
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

    @property
    def cfg_path(self):
        return self.work / "zoo.cfg"

    def prepare(self):
        super().prepare()
        text = "".join(f"{k}={v}\n" for k, v in self.cfg.items() if v is not None)
        self.cfg_path.write_text(text, encoding="utf-8")

    def serves(self):
        answer = self.four_letter("srvr", timeout=2)
        return answer.startswith(b"Zookeeper version:") or b"not in the whitelist" in answer

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
