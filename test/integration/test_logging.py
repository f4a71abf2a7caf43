"""The log of a real process: levels for each module, JSON, rotation, reopening, and hostile names."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from bystander import Bystander, log_gains, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import Connection

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[([a-z]+)\] (TRACE|DEBUG|INFO|WARN|ERROR) (.*)")
JSON_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def lines_of(path):
    """(time, module, level, message) of each line; every line must have that form."""
    text = path.read_text(encoding="utf-8", errors="strict")
    assert text == "" or text.endswith("\n")
    lines = text.split("\n")[:-1]
    found = [LINE.fullmatch(line) for line in lines]
    bad = [line for line, match in zip(lines, found) if match is None]
    assert not bad, bad[:3]
    return [match.groups() for match in found]


@pytest.fixture
def logging_server(samsa_server, tmp_path):
    """logging_server(cfg): started, with its log in tmp_path/server.log."""
    def make(cfg=None):
        server = samsa_server(cfg={"samsa.log.file": tmp_path / "server.log", **(cfg or {})})
        server.file = tmp_path / "server.log"
        return server.start()

    return make


def be_turned_away(server):
    """Causes a warning of the module `client`."""
    conn = Connection(server.address)
    conn.send_bytes(wire.i32(-77))
    assert conn.receive_rest() == b""
    conn.close()


# --- levels ---

def test_levels(logging_server):
    server = logging_server()
    be_turned_away(server)
    lines = lines_of(server.file)
    assert {level for _, _, level, _ in lines} == {"INFO", "WARN"}
    assert any(module == "client" and "Unreasonable length = -77" in message
               for _, module, _, message in lines)
    assert time.mktime(time.strptime(lines[0][0][:19], "%Y-%m-%d %H:%M:%S")) > time.time() - 60


@pytest.mark.parametrize("cfg, seen, hidden", (
    ({"samsa.log.level": "warn"}, {("client", "WARN")}, {("server", "INFO")}),
    ({"samsa.log.level": "error"}, set(), {("client", "WARN"), ("server", "INFO")}),
    ({"samsa.log.level": "debug"}, {("client", "DEBUG"), ("server", "INFO")}, set()),
    ({"samsa.log.level": "off"}, set(), {("client", "WARN"), ("server", "INFO")}),
    ({"samsa.log.level.client": "error"}, {("server", "INFO")}, {("client", "WARN")}),
    ({"samsa.log.level": "error", "samsa.log.level.client": "debug"},
     {("client", "DEBUG"), ("client", "WARN")}, {("server", "INFO")}),
    ({"samsa.log.level.client": "off", "samsa.log.level.server": "WARN"}, set(),
     {("client", "WARN"), ("server", "INFO")}),
))
def test_a_level_for_each_module(logging_server, cfg, seen, hidden):
    server = logging_server(cfg)
    be_turned_away(server)
    server.stop()
    found = {(module, level) for _, module, level, _ in lines_of(server.file)}
    assert seen <= found and not hidden & found


def test_levels_that_are_none(logging_server):
    """They are told; no name of a module can stop the server."""
    cfg = {"samsa.log.level": "loud", "samsa.log.level.client": "quiet",
           "samsa.log.level." + "m" * 40: "info"}
    cfg.update({f"samsa.log.level.module{number}": "info" for number in range(50)})
    server = logging_server(cfg)
    text = server.file.read_text(encoding="utf-8") + server.logs()
    assert "samsa.log.level: the levels are trace, debug, info, warn, error, off" in text
    assert "samsa.log.level.client: the levels are" in text
    be_turned_away(server)
    assert server.stop() == 0


# --- JSON ---

def test_json(logging_server):
    server = logging_server({"samsa.log.json": "true"})
    be_turned_away(server)
    server.stop()
    lines = [json.loads(line) for line in server.file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 4
    for line in lines:
        assert list(line) == ["time", "level", "module", "message"]
        assert JSON_TIME.fullmatch(line["time"])
    assert any(line["module"] == "client" and line["level"] == "WARN" for line in lines)


HOSTILE = ("/a\n2026-11-20 00:00:00,000 [server] INFO forged", "/tab\t\x1b[31mred\x07\x7f",
           '/"quotes" and \\backslash\\', "/c1\u009bcontrol", "/null\x00inside", "/umlaut-äöü-中文-\U0001f600",
           "/\u2028line separator", "/\u202eedoc", "/" + "long" * 3000)


@pytest.mark.parametrize("is_json", (False, True), ids=("text", "json"))
def test_names_from_strangers(logging_server, is_json):
    """Paths and users with control characters: one event is one line, and no terminal obeys it."""
    server = logging_server({"samsa.log.json": str(is_json).lower(), "audit.enable": "true",
                             "samsa.log.level": "debug"})
    conn = open_session(server.address)
    for name in HOSTILE:
        for kind, body in (("setData", wire.body_set_data(name)), ("create", wire.body_create(name)),
                           ("delete", wire.body_path_version(name))):
            conn.send_frame(conn.request_payload(kind, body))
            assert isinstance(conn.receive_frame(), bytes)
    conn.send_frame(conn.request_payload("setData", wire.string(b"/\xff\xfe\x80") + wire.buf(b"")
                                         + wire.i32(-1)))
    assert isinstance(conn.receive_frame(), bytes)
    conn.call("auth", wire.body_auth("digest", "eve\r\nforged\x1b]0;title\x07:pw"), xid=wire.AUTH_XID)
    conn.call("create", wire.body_create("/plain", b""))
    conn.close()
    server.stop()
    raw = server.file.read_bytes()
    controls = set(range(32)) - {10} - ({9} if not is_json else set()) | {0x7F}
    assert not controls & set(raw), "a control character got through"
    for char in "\u009b\u2028\u202e":
        assert char.encode() not in raw, f"{char!r} got through"
    assert max(map(len, raw.split(b"\n"))) <= 4096
    if is_json:
        messages = [json.loads(line)["message"] for line in raw.decode("utf-8").splitlines()]
        assert not any(message.startswith("forged") for message in messages)
    else:
        lines = lines_of(server.file)
        assert not any(message.startswith("forged") for _, _, _, message in lines)
        assert any("\\x0a2026-11-20" in message for _, _, _, message in lines)
        assert any("äöü-中文-\U0001f600" in message for _, _, _, message in lines)


# --- the file ---

def test_rotation(logging_server):
    """The file is moved on before it grows over the limit; so many old ones stay; no line is lost."""
    server = logging_server({"samsa.log.rotate.bytes": 4000, "samsa.log.rotate.keep": 3})
    for _ in range(150):
        be_turned_away(server)
    server.stop()
    names = sorted(path.name for path in server.file.parent.glob("server.log*"))
    assert names == ["server.log", "server.log.1", "server.log.2", "server.log.3"]
    for name in names:
        path = server.file.with_name(name)
        assert path.stat().st_size <= 4000
        assert lines_of(path)
    times = [line[0] for name in reversed(names) for line in lines_of(server.file.with_name(name))]
    assert times == sorted(times), "old lines stand in old files"


def test_no_line_is_lost_in_rotation(logging_server):
    server = logging_server({"samsa.log.rotate.bytes": 3000, "samsa.log.rotate.keep": 1000})
    for _ in range(200):
        be_turned_away(server)
    server.stop()
    count = sum("Unreasonable length = -77" in line[3]
                for path in server.file.parent.glob("server.log*") for line in lines_of(path))
    assert count == 200


def test_sighup_opens_the_file_again(logging_server):
    """As logrotate wants it: moved away, told, and nothing is lost."""
    server = logging_server()
    be_turned_away(server)
    moved = server.file.with_name("moved")
    server.file.rename(moved)
    be_turned_away(server)
    server.process.send_signal(signal.SIGHUP)
    wait_for(server.file.exists, "a new file")
    be_turned_away(server)
    server.stop()
    counts = [sum("= -77" in line[3] for line in lines_of(path)) for path in (moved, server.file)]
    assert counts == [2, 1]


def test_a_log_file_that_cannot_be_opened(samsa_server, tmp_path):
    """The server says so and logs to stderr."""
    server = samsa_server(cfg={"samsa.log.file": tmp_path / "no" / "such" / "folder" / "log"}).start()
    assert f"samsa.log.file: cannot open {tmp_path}/no/such/folder/log: not found; logging to stderr" \
        in server.logs()
    be_turned_away(server)
    log_gains(server, "Unreasonable length")


def test_a_full_disk_for_the_log(samsa_server, tmp_path):
    """Lines are dropped and counted; clients notice nothing."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        server = samsa_server(cfg={"samsa.log.file": small / "server.log"}).start()
        with Bystander(server) as bystander:
            (small / "filler").write_bytes(bytes(48 << 10))
            for _ in range(300):
                be_turned_away(server)
            bystander.check()
            (small / "filler").unlink()
            be_turned_away(server)
            bystander.check_all()
        text = (small / "server.log").read_text(encoding="utf-8")
        lost = sum(map(int, re.findall(r"\[log\] WARN lines were lost count=(\d+)", text)))
        assert lost > 100 and text.count("= -77") + lost == 301
        lines_of(small / "server.log")
        server.stop()
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)
