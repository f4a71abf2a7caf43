"""Our zkCli where a person sits: the line editor on a terminal, several hosts, a server that goes away.

What it prints for each command is compared with Apache's in test/interop; this is the rest.
"""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
from peers import free_port
from peers.servers import samsa_bin_dir

ZK_CLI = samsa_bin_dir() / "zkCli.sh"
TIMEOUT_S = 20
DRAWING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x07")


def run(server_or_hosts, *words, **options):
    hosts = getattr(server_or_hosts, "hosts", server_or_hosts)
    return subprocess.run([ZK_CLI, "-server", hosts, *words], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False, **options)


def claim_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # the tests may run where it is ignored, as behind "&"


class Terminal:
    """zkCli on a terminal that can be drawn upon."""

    def __init__(self, server):
        self.outer, self.inner = pty.openpty()
        self.settings = termios.tcgetattr(self.inner)
        self.text = ""
        self.process = subprocess.Popen(
            [ZK_CLI, "-server", server.hosts], stdin=self.inner, stdout=self.inner, stderr=self.inner,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}, preexec_fn=claim_terminal)

    def read(self):
        if select.select([self.outer], [], [], 0.05)[0]:
            data = os.read(self.outer, 65536).decode(errors="replace")
            self.text += DRAWING.sub("", data)

    def expect(self, wanted):
        """Waits for this text and forgets all up to its end."""
        deadline = time.monotonic() + TIMEOUT_S
        while wanted not in self.text:
            assert time.monotonic() < deadline, f"{wanted!r} is not in {self.text!r}"
            self.read()
        before, _, self.text = self.text.partition(wanted)
        return before

    def type(self, keys):
        """Types once the editor listens: before that the terminal itself would take what is typed."""
        deadline = time.monotonic() + TIMEOUT_S
        while termios.tcgetattr(self.inner)[3] & termios.ICANON:
            assert time.monotonic() < deadline, "the line editor does not listen"
            self.read()
        os.write(self.outer, keys.encode())

    def end(self):
        """The exit code, and whether the terminal is as it was."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        return self.process.poll(), termios.tcgetattr(self.inner) == self.settings

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.inner)
        os.close(self.outer)


@pytest.fixture
def terminal(samsa_server):
    server = samsa_server().start()
    for path in ["/apple", "/apricot", "/apricot/gr\u00fc\u00df", "/banana"]:
        assert run(server, "create", path, "x").returncode == 0
    opened = Terminal(server)
    opened.server = server
    opened.expect("SyncConnected")
    opened.expect("(CONNECTED) 0] ")
    yield opened
    opened.close()


def test_completion(terminal):
    terminal.type("l\t")
    terminal.expect("listquota   ls\n")
    terminal.type("s /ap\t")
    terminal.expect("/apple   /apricot\n")
    terminal.type("r\t")
    terminal.expect("icot ")
    terminal.type("\r")
    terminal.expect("[gr\u00fc\u00df]")
    terminal.type("get /apricot/\t\r")
    terminal.expect("gr\u00fc\u00df ")
    terminal.expect("x\n")
    terminal.expect("2] ")
    terminal.type("\tquit\x7f\x7f\x7f\x7f\x15")  # everything is offered; nothing is entered
    terminal.expect("addWatch   addauth")
    terminal.type("get /nothing\tls\r")
    terminal.expect("/nothing")


def test_history(terminal):
    terminal.type("get /apple\r")
    terminal.expect("x\n")
    terminal.type("ls /banana\r")
    terminal.expect("[]")
    terminal.expect("2] ")
    terminal.type("\x1b[A\x1b[A\r")
    terminal.expect("get /apple")
    terminal.expect("x\n")
    terminal.type("history\r")
    terminal.expect("0 - get /apple\n1 - ls /banana\n2 - get /apple\n3 - history\n")


def test_event_while_typing(terminal):
    terminal.type("get -w /apple\r")
    terminal.expect("1] ")
    terminal.type("ls /ban")
    terminal.expect("ls /ban")
    assert run(terminal.server, "set", "/apple", "y").returncode == 0
    terminal.expect("type:NodeDataChanged path:/apple")
    terminal.expect("1] ls /ban")  # the line is drawn again
    terminal.type("ana\r")
    terminal.expect("[]")


@pytest.mark.parametrize("keys, code", [("quit\r", 0), ("\x04", 0), ("get /nope\r\x04", 1),
                                        ("\x03", -2)])
def test_leaving(terminal, keys, code):
    terminal.type(keys)
    assert terminal.end() == (code, True)


def test_one_host_of_several_is_enough(samsa_server):
    server = samsa_server().start()
    hosts = ",".join([f"127.0.0.1:{free_port()}", server.hosts, f"127.0.0.1:{free_port()}"])
    for _ in range(4):
        done = run(hosts, "ls", "/")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("[zookeeper]\n")


def test_no_server():
    done = run(f"127.0.0.1:{free_port()}", "get", "/a")
    assert done.returncode == 1
    assert done.stderr == "KeeperErrorCode = ConnectionLoss for /a\n"
    done = run(f"127.0.0.1:{free_port()}", "-waitforconnection", "-timeout", "300", "get", "/a")
    assert done.returncode == 1
    assert "ConnectionLoss" in done.stderr


def test_flags_and_client_configuration(samsa_server, tmp_path):
    server = samsa_server().start()
    assert run(server, "create", "/big", "x" * 3000).returncode == 0
    small = {**os.environ, "CLIENT_JVMFLAGS": "-Xmx256m -Djute.maxbuffer=2000"}
    done = run(server, "get", "/big", env=small)
    assert done.returncode == 1
    assert done.stderr == "KeeperErrorCode = ConnectionLoss for /big\n"
    config = tmp_path / "client.properties"
    config.write_text("# the file wins over the flags\njute.maxbuffer = 0x4000\n")
    done = run(server, "-client-configuration", str(config), "get", "/big", env=small)
    assert done.returncode == 0
    assert done.stdout.endswith("x" * 3000 + "\n")
    done = run(server, "-client-configuration", str(tmp_path / "absent"), "ls", "/")
    assert done.returncode == 2
    config.write_text("zookeeper.client.secure=true\n")
    done = run(server, "-client-configuration", str(config), "ls", "/")
    assert done.returncode == 1
    assert "TLS" in done.stderr


def test_large_trees(samsa_server):
    """Lines from a file; deleteall takes several transactions, and a reader that leaves ends a listing."""
    server = samsa_server().start()
    lines = "create /t\n" + "".join(f"create /t/{i:04}\n" for i in range(2500))
    done = run(server, input=lines)
    assert done.returncode == 0
    listed = run(server, "ls", "-R", "/t").stdout.splitlines()
    assert listed[-2501:] == ["/t"] + [f"/t/{i:04}" for i in range(2500)]
    head = subprocess.run(f"'{ZK_CLI}' -server {server.hosts} ls -R / | head -7 >/dev/null",
                          shell=True, timeout=TIMEOUT_S, check=False)
    assert head.returncode == 0
    done = run(server, "deleteall", "/t", "-b", "100")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(server, "ls", "/").stdout.endswith("[zookeeper]\n")
