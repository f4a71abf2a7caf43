"""What can be wrong when a server starts: each gives its exit code, and names file, key and remedy."""

import os
import shutil
import socket
import subprocess

import pytest
import tree_workload
from bystander import log_gains, open_session
from golden.zookeeper import wire
from peers import free_port

EXIT_UNEXPECTED, EXIT_INVOCATION, EXIT_DATA_DIR, EXIT_ADMIN_PORT, EXIT_STORAGE = 1, 2, 3, 4, 10
END_S = 20
NOBODY = 65534


def refused(server, code, *words, user=None):
    """Starts, and expects the end: this exit code, and each of the words in what was printed."""
    server.prepare()
    done = subprocess.run(server.command(), env=server.environment(), cwd=server.work, user=user,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=END_S,
                          check=False)
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    for word in words:
        assert word in done.stderr, f"{word!r} is not in:\n{text}"
    return text


def version_2(server):
    return server.data_dir / "version-2"


def write_some(server, count=5, top="/n"):
    conn = open_session(server.address)
    for number in range(count):
        conn.call("create", wire.body_create(f"{top}{number}", b"data"))
    conn.call("closeSession")
    conn.close()


def children(server):
    conn = open_session(server.address)
    names = tree_workload.read_children(conn, "/")
    conn.close()
    return names


@pytest.fixture
def with_history(samsa_server, tmp_path):
    """A folder with three snapshots (a start takes one when there is something to replay) and logs."""
    server = samsa_server()
    for run in range(4):
        server.start()
        write_some(server, 5, f"/run{run}-")
        if run > 0:
            log_gains(server, "Snapshot taken")
        server.stop()
    return server


# --- the configuration ---

def with_config(server, text):
    """The server with exactly this text as its zoo.cfg."""
    def prepare():
        server.work.mkdir(parents=True, exist_ok=True)
        if text is not None:
            server.cfg_path.write_bytes(text if isinstance(text, bytes) else text.encode())

    server.prepare = prepare
    return server


def test_no_configuration(samsa_server):
    server = with_config(samsa_server(), None)
    refused(server, EXIT_INVOCATION, "Invalid config, exiting abnormally",
            f"{server.cfg_path} file is missing")


def test_a_configuration_that_is_a_folder(samsa_server):
    server = with_config(samsa_server(), None)
    server.cfg_path.mkdir(parents=True)
    refused(server, EXIT_INVOCATION, f"Error processing {server.cfg_path}")


def test_a_configuration_that_may_not_be_read(samsa_server, tmp_path):
    server = with_config(samsa_server(), "dataDir=data\nclientPort=1\n")
    server.prepare()
    server.cfg_path.chmod(0)
    user = None
    if os.getuid() == 0:
        user = NOBODY
        open_path(server.work)
    refused(server, EXIT_INVOCATION, f"Error processing {server.cfg_path}", "ermission denied",
            user=user)


def open_path(path):
    """Lets everybody walk to a folder below pytest's private one."""
    while path.parent != path and path.stat().st_uid == os.getuid():
        path.chmod(path.stat().st_mode | 0o711)
        path = path.parent


WRONG_FILES = {
    "empty": ("", ("dataDir is not set", "dataDir=")),
    "no port": ("dataDir=data\n", ("clientPort is not set", "clientPort=2181")),
    "a number": ("dataDir=data\nclientPort=2181\ntickTime=2s\n",
                 ("line 3", "tickTime", '"2s"', "whole number")),
    "a negative number": ("dataDir=data\nclientPort=2181\ntickTime=-5\n",
                          ("line 3", "tickTime", '"-5"')),
    "a port": ("dataDir=data\nclientPort=99999\n", ("line 2", "clientPort", "65535")),
    "a number of no end": ("dataDir=data\nclientPort=2181\nsnapCount=99999999999999999999\n",
                           ("line 3", "snapCount")),
    "a truth": ("dataDir=data\nclientPort=2181\nforceSync=maybe\n",
                ("line 3", "forceSync", "true or false")),
    "a compression": ("dataDir=data\nclientPort=2181\nsnapshot.compression.method=zip\n",
                      ("line 3", "snapshot.compression.method", "gz or snappy")),
    "timeouts": ("dataDir=data\nclientPort=2181\nminSessionTimeout=9\nmaxSessionTimeout=8\n",
                 ("minSessionTimeout", "maxSessionTimeout")),
    "an ensemble's limits": ("dataDir=data\nclientPort=2181\nserver.1=a:1:2\nserver.2=b:1:2\n",
                             ("initLimit is not set", "initLimit=10")),
    "an ensemble without myid": ("dataDir=data\nclientPort=2181\ninitLimit=5\nsyncLimit=2\n"
                                 "server.1=a:1:2\nserver.2=b:1:2\n", ("myid",)),
    "TLS": ("dataDir=data\nclientPort=2181\nsecureClientPort=2182\n",
            ("line 3", "secureClientPort", "TLS")),
    "a metrics provider": ("dataDir=data\nclientPort=2181\nmetricsProvider.className=x.Y\n",
                           ("line 3", "metricsProvider.className")),
    "an observer alone": ("dataDir=data\nclientPort=2181\npeerType=observer\n", ("peerType",)),
    "a long line": ("dataDir=" + "x" * 9000 + "\n", ("line 1", "8192")),
    "a long value": ("clientPort=2181\ndataDir=" + "x" * 2000 + "\n", ("line 2", "dataDir")),
    "no text": (bytes(range(256)) * 4, ("dataDir is not set",)),
    "zeros": (bytes(5000), ("dataDir is not set",)),
    "a megabyte": (b"#" * (1 << 20) + b"\n\n", ("limit",)),
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_a_wrong_configuration(samsa_server, what):
    text, words = WRONG_FILES[what]
    server = with_config(samsa_server(), text)
    refused(server, EXIT_INVOCATION, "Invalid config, exiting abnormally", str(server.cfg_path),
            *words)


@pytest.mark.parametrize("prop, words", (
    ({"zookeeper.snapCount": "many"}, ("-Dzookeeper.snapCount", '"many"')),
    ({"zookeeper.preAllocSize": "-1"}, ("-Dzookeeper.preAllocSize",)),
    ({"jute.maxbuffer": "4GB"}, ("-Djute.maxbuffer", '"4GB"')),
    ({"zookeeper.DigestAuthenticationProvider.digestAlg": "ROT13"}, ("digestAlg",)),
))
def test_a_wrong_property(samsa_server, prop, words):
    refused(samsa_server(java_props=prop), EXIT_INVOCATION, *words)


def test_keys_that_nobody_knows(samsa_server):
    """They are told, with the key that was meant; the server serves."""
    server = samsa_server(cfg={"tickTme": 2000, "maxClientCnxn": 10, "autopurge.snapRetainCnt": 5,
                               "completely.unheard.of": 1, "zookeeper.snapCont": 5000,
                               "nio.numWorkerThreads": 4},
                          java_props={"zookeeper.enforceQota": "true", "some.other.program": "x"})
    server.start()
    log = server.logs()
    lines = server.cfg_path.read_text(encoding="utf-8").splitlines()
    for key, meant in (("tickTme", "tickTime"), ("maxClientCnxn", "maxClientCnxns"),
                       ("autopurge.snapRetainCnt", "autopurge.snapRetainCount"),
                       ("zookeeper.snapCont", "snapCount")):
        line = 1 + next(i for i, text in enumerate(lines) if text.startswith(key + "="))
        assert f"{server.cfg_path}, line {line}: {key} is not a key that this server knows; " \
               f"did you mean {meant}?" in log, log
    assert "completely.unheard.of is not a key that this server knows; it is ignored" in log
    assert "-Dzookeeper.enforceQota is not a key that this server knows; did you mean enforceQuota?" \
        in log
    assert "some.other.program" not in log, "flags for others are none of our business"
    assert "nio.numWorkerThreads has no effect here" in log


# --- ports ---

def test_the_port_is_taken(samsa_server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused(samsa_server(cfg={"clientPort": port}), EXIT_UNEXPECTED,
                f"clientPort: 127.0.0.1:{port}: Address already in use", "change clientPort")


def http_of(key, port):
    if key == "admin.serverPort":
        return {"admin.enableServer": "true", key: port}
    return {"metricsProvider.className": "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider", key: port}


@pytest.mark.parametrize("key, code, words", (("admin.serverPort", EXIT_ADMIN_PORT,
                                               ("Unable to start AdminServer, exiting abnormally",
                                                "admin.enableServer=false")),
                                              ("metricsProvider.httpPort", EXIT_UNEXPECTED,
                                               ("Unexpected exception, exiting abnormally",))),
                         ids=("admin", "metrics"))
@pytest.mark.parametrize("who", ("stranger", "samsa"))
def test_an_http_port_is_taken(samsa_server, tmp_path, who, key, code, words):
    port = free_port()
    if who == "samsa":
        holder = samsa_server(tmp_path / "holder", cfg=http_of(key, port)).start()
    else:
        holder = socket.create_server(("0.0.0.0", port))
    refused(samsa_server(cfg=http_of(key, port)), code, str(port), "already in use", key, *words)
    if who == "samsa":
        # Connections that the server closes leave their port behind for a while: a restart does not mind.
        page = "/metrics" if key.startswith("metrics") else "/commands"
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % page.encode())
                assert client.recv(1 << 16).startswith(b"HTTP/1.")
            assert holder.stop() in (0, 143)
            holder.start()
    else:
        holder.close()


def test_a_port_for_root_alone(samsa_server):
    if os.getuid() == 0:
        user = NOBODY
    else:
        user = None
    server = samsa_server(cfg={"clientPort": 79})
    server.prepare()
    shutil.chown(server.data_dir, user or os.getuid())
    open_path(server.work)
    open_path(server.data_dir)
    if user is None or private_ports_start() > 79:
        refused(server, EXIT_UNEXPECTED, "clientPort: no permission to listen on port 79",
                "CAP_NET_BIND_SERVICE", user=user)


def private_ports_start():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        return int(file.read())


@pytest.mark.parametrize("address", ("192.0.2.1", "no-such-host.invalid", "300.1.2.3"))
def test_an_address_that_is_not_ours(samsa_server, address):
    refused(samsa_server(cfg={"clientPortAddress": address}), EXIT_UNEXPECTED, "clientPort", address)


# --- the data folder ---

def test_the_data_folder_is_a_file(samsa_server, tmp_path):
    (tmp_path / "file").write_text("text", encoding="ascii")
    server = samsa_server(cfg={"dataDir": tmp_path / "file"})
    refused(server, EXIT_DATA_DIR, "Unable to access datadir, exiting abnormally", "dataDir",
            str(tmp_path / "file"))
    assert (tmp_path / "file").read_text(encoding="ascii") == "text"


def test_the_log_folder_is_below_a_file(samsa_server, tmp_path):
    (tmp_path / "file").write_text("text", encoding="ascii")
    refused(samsa_server(cfg={"dataLogDir": tmp_path / "file" / "logs"}), EXIT_DATA_DIR,
            "dataLogDir", str(tmp_path / "file"))


def test_version_2_is_a_file(samsa_server):
    server = samsa_server()
    server.prepare()
    version_2(server).write_text("text", encoding="ascii")
    refused(server, EXIT_DATA_DIR, "dataDir", f"{version_2(server)} is not a directory")


def test_a_data_folder_that_must_not_be_made(samsa_server):
    server = samsa_server(java_props={"zookeeper.datadir.autocreate": "false"})
    refused(server, EXIT_DATA_DIR, "dataDir", "Missing data directory", str(version_2(server)),
            "create this directory manually")
    assert not version_2(server).exists()


@pytest.mark.parametrize("where", ("dataDir", "dataLogDir"))
def test_no_permission_for_the_data_folder(samsa_server, tmp_path, where):
    user = NOBODY if os.getuid() == 0 else None
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    server = samsa_server(cfg={where: locked / "x"})
    server.prepare()
    open_path(server.work)
    server.data_dir.chmod(0o777)
    refused(server, EXIT_DATA_DIR, where, str(locked), "ermission denied", "write there", user=user)


def test_no_permission_within_the_data_folder(samsa_server):
    user = NOBODY if os.getuid() == 0 else None
    server = samsa_server().start()
    write_some(server)
    server.stop()
    version_2(server).chmod(0o555)
    open_path(server.data_dir)
    for file in version_2(server).iterdir():
        file.chmod(0o444)
    before = content(version_2(server))
    text = refused(server, EXIT_DATA_DIR, "dataDir", str(version_2(server)), "ermission denied",
                   "owner", user=user)
    assert "mode of the directory" in text
    assert content(version_2(server)) == before


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_two_servers_of_one_data_folder(samsa_server):
    """The second is refused, the first does not notice."""
    first = samsa_server().start()
    second = samsa_server(first.data_dir, cfg={"clientPort": free_port()})
    second.work = first.work.with_name("second.run")
    refused(second, EXIT_DATA_DIR, "dataDir", str(version_2(first)), "in use by another server",
            "Stop it first")
    write_some(first)
    # kill -9 leaves no lock behind.
    first.kill()
    second.start(wait=False)
    second.port = second.cfg["clientPort"]
    second.wait_ready()
    assert b"n4" in children(second)


def test_logs_and_snapshots_in_the_wrong_folders(samsa_server, tmp_path):
    """dataDir and dataLogDir exchanged, or one of them new: an empty server must not start."""
    server = samsa_server(cfg={"dataLogDir": tmp_path / "logs"}).start()
    write_some(server)
    server.stop()
    exchanged = samsa_server(tmp_path / "logs", cfg={"dataLogDir": server.data_dir})
    refused(exchanged, EXIT_DATA_DIR, "dataLogDir", "has snapshot files")
    (tmp_path / "logs" / "version-2").rename(tmp_path / "away")
    shutil.copy(next((tmp_path / "away").glob("log.*")), version_2(server))
    refused(server, EXIT_DATA_DIR, "dataDir", "has log files")


# --- what lies in the data folder ---

def test_foreign_files(samsa_server):
    server = samsa_server().start()
    write_some(server)
    server.stop()
    folder = version_2(server)
    names = ("README", "log.", "snapshot.", "log.zz", "snapshot.zz", "log.1.bak", "snapshot.0.old",
             "logs.5", "core", ".nfs0000", "log.1~", "snapshot.5.lz4", "acceptedEpoch", "mail.tmp",
             "log.fffffffffffffffffff", "snapshot.-5")
    for name in names:
        (folder / name).write_text("not ours", encoding="ascii")
    (folder / "lost+found").mkdir()
    (folder / "log.77").mkdir()
    (folder / "snapshot.88").mkdir()
    server.start()
    assert b"n4" in children(server)
    write_some(server, 3, "/m")
    server.restart("kill")
    assert b"m2" in children(server)
    for name in names:
        assert (folder / name).read_text(encoding="ascii") == "not ours", name


@pytest.mark.parametrize("data", (b"a text file\n" * 100, b"ZKLG", b"ZKLG\0\0\0\x09" + bytes(8)),
                         ids=("text", "magic", "version"))
def test_a_foreign_file_with_the_name_of_a_log(samsa_server, data):
    """It may be all that is left of a log: it is not passed over, and not changed."""
    server = samsa_server().start()
    write_some(server)
    server.stop()
    path = version_2(server) / "log.9"
    (version_2(server) / "log.b").write_bytes(b"ZKLG\0\0\0\x02" + bytes(8) + bytes(100))
    path.write_bytes(data)
    if len(data) < 16:
        server.start()
        assert b"n4" in children(server)
        return
    refused(server, EXIT_STORAGE, str(path), "move it away")
    assert path.read_bytes() == data


def damage(path, at=None):
    data = bytearray(path.read_bytes())
    at = len(data) // 2 if at is None else at
    data[at] ^= 0x10
    path.write_bytes(data)


def snapshots(server):
    return sorted(version_2(server).glob("snapshot.*"), key=lambda path: int(path.name[9:], 16))


def logs(server):
    return sorted(version_2(server).glob("log.*"), key=lambda path: int(path.name[4:], 16))


def test_a_damaged_snapshot(with_history):
    """The one before it and the logs give the same tree."""
    server = with_history.start()
    before = tree_workload.dump(server)
    server.stop()
    newest = snapshots(server)[-1]
    damage(newest)
    server.start()
    assert f"{newest} is damaged" in server.logs()
    assert "trying an older one" in server.logs()
    assert not tree_workload.differences(before, tree_workload.dump(server))


@pytest.mark.parametrize("how", ("empty", "half", "zeros", "text", "tail"))
def test_a_snapshot_that_is_not_whole(with_history, how):
    server = with_history
    newest = snapshots(server)[-1]
    data = newest.read_bytes()
    newest.write_bytes({"empty": b"", "half": data[:len(data) // 2], "zeros": bytes(len(data)),
                        "text": b"hello\n" * 50, "tail": data[:-1]}[how])
    server.start()
    assert str(newest.name) in server.logs() and "trying an older one" in server.logs()
    assert {b"run0-0", b"run3-4"} <= set(children(server))


def test_every_snapshot_is_damaged(with_history):
    server = with_history
    for path in snapshots(server):
        damage(path)
    before = content(version_2(server))
    text = refused(server, EXIT_STORAGE, "Not able to find valid snapshots",
                   str(version_2(server)), "backup")
    for path in snapshots(server):
        assert path.name in text
    assert content(version_2(server)) == before


def test_the_snapshots_are_missing(with_history):
    """Logs from the first transaction on are the whole history; later ones are not."""
    server = with_history
    away = server.work / "away"
    away.mkdir()
    for path in snapshots(server):
        path.rename(away / path.name)
    server.start()
    assert {b"run0-0", b"run3-4"} <= set(children(server))
    server.kill()
    for path in snapshots(server):
        path.unlink()
    logs(server)[0].rename(away / "log")
    refused(server, EXIT_STORAGE, "No snapshot found, but there are log entries",
            str(version_2(server)), logs(server)[0].name, "snapshot.trust.empty")
    server.java_props["zookeeper.snapshot.trust.empty"] = "true"
    server.start()
    server.kill()


def test_a_log_in_the_middle_is_missing(with_history):
    server = with_history
    for path in snapshots(server)[1:]:
        path.unlink()
    missing = logs(server)[1]
    missing.rename(server.work / missing.name)
    before = content(version_2(server))
    refused(server, EXIT_STORAGE, "transactions are missing", logs(server)[1].name,
            "put it back", str(version_2(server)))
    assert content(version_2(server)) == before
    (server.work / missing.name).rename(missing)
    server.start()
    assert {b"run0-0", b"run1-1", b"run3-4"} <= set(children(server))


def test_the_newest_log_is_missing(with_history):
    """The newest snapshot may be older than it: what is left is served, as far as it goes."""
    server = with_history
    newest_snapshot = int(snapshots(server)[-1].name[9:], 16)
    newest = logs(server)[-1]
    assert int(newest.name[4:], 16) > newest_snapshot
    newest.unlink()
    server.start()
    assert b"run2-4" in children(server)
