"""Three servers on this machine: what an administrator does to them, and what happens to them.

Started by the scripts of the tutorials, killed, paused, restarted, misconfigured, talked to in garbage; clients are
kazoo's.  Nothing that was acknowledged is lost, and sessions outlive the servers that they were made at.
"""

import os
import re
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

import admin_session
import pytest
from bystander import wait_for
from kazoo.client import KazooClient, KazooRetry
from kazoo.exceptions import (ConnectionLoss, NoAuthError, NodeExistsError, OperationTimeoutError,
                              SessionExpiredError)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import make_digest_acl
from peers import free_port
from peers.ensemble import Ensemble
from peers.servers import samsa_bin_dir

DOUBT = (ConnectionLoss, OperationTimeoutError, SessionExpiredError, KazooTimeoutError)
# A dead leader is replaced in well under this.
FAIL_OVER_S = 10


@pytest.fixture
def ensemble(tmp_path):
    made = []

    def make(kinds=3, **more):
        one = Ensemble(tmp_path, ["samsa"] * kinds, **more)
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def client():
    made = []

    def make(hosts, timeout=10.0):
        one = KazooClient(hosts=hosts, timeout=timeout,
                          connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2))
        made.append(one)
        one.start(timeout=30)
        return one

    yield make
    for one in made:
        one.stop()
        one.close()


class Writer:
    """Creates one sequential node after the other in a thread, and keeps the names that it was told."""

    def __init__(self, client, top):
        self.client = client
        self.top = top
        self.acknowledged = []
        self.longest_gap_s = 0.0
        self.is_ended = threading.Event()
        client.ensure_path(top)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        last = time.monotonic()
        while not self.is_ended.is_set():
            try:
                path = self.client.create(f"{self.top}/n-", b"x" * 100, sequence=True)
            except DOUBT:
                time.sleep(0.02)
                continue
            now = time.monotonic()
            self.longest_gap_s = max(self.longest_gap_s, now - last)
            last = now
            self.acknowledged.append(path.rsplit("/", 1)[1])

    def wait_more(self, count=20, timeout=30):
        target = len(self.acknowledged) + count
        wait_for(lambda: len(self.acknowledged) >= target, f"{count} more writes", timeout)

    def end(self):
        self.is_ended.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


def assert_all_there(client, writer):
    client.sync(writer.top)
    there = set(client.get_children(writer.top))
    lost = [name for name in writer.acknowledged if name not in there]
    assert not lost, f"{len(lost)} of {len(writer.acknowledged)} acknowledged nodes are lost: {lost[:5]}"


def assert_trees_agree(one):
    """`hash` of every server that lives: it has the digest behind every 128th zxid, so writes follow up to one."""
    alive = [server for server in one.servers.values() if server.alive]
    user = KazooClient(hosts=",".join(server.hosts for server in alive))
    user.start(timeout=20)
    try:
        zxid = 1
        user.ensure_path("/digest")
        while zxid % 128 != 0:
            zxid = user.set("/digest", b"").mzxid
    finally:
        user.stop()
        user.close()

    def agree():
        digests = [dict(line.split(b": ") for line in server.four_letter("hash").splitlines()) for server in alive]
        common = set.intersection(*(set(known) for known in digests))
        assert all(len({known[at] for known in digests}) == 1 for at in common), digests
        return b"%x" % zxid in common

    wait_for(agree, "the servers agree", 20)


# --- the tutorial ---


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_the_super_user_writes_through_any_server(ensemble, client, role):
    # user "super", password "secret"
    digest = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="
    one = ensemble(java_props={"zookeeper.DigestAuthenticationProvider.superDigest": digest}).start()
    follower = next(i for i in one.servers if i != one.leader())
    admin = client(one.servers[one.leader() if role == "leader" else follower].hosts)
    admin.create("/guarded", b"", acl=[make_digest_acl("bob", "x", read=True)])
    with pytest.raises(NoAuthError):
        admin.set("/guarded", b"y")
    admin.add_auth("digest", "super:secret")
    admin.set("/guarded", b"y")
    admin.sync("/guarded")
    assert admin.get("/guarded")[0] == b"y"
    assert admin.state == "CONNECTED" and one.monitor(follower)["server_state"] == "follower"


def test_the_tutorial(tmp_path):
    """Three zoo.cfg and myid files, zkServer.sh start, status and stop on each."""
    ports = {i: (free_port(), free_port(), free_port()) for i in (1, 2, 3)}
    servers = "".join(f"server.{i}=127.0.0.1:{q}:{e}\n" for i, (q, e, _) in ports.items())
    script = samsa_bin_dir() / "zkServer.sh"
    environments = {}

    def run(i, *arguments):
        return subprocess.run([script, *arguments, tmp_path / f"zoo{i}.cfg"], env=environments[i],
                              capture_output=True, text=True, timeout=60, check=False)

    for i, (_, _, port) in ports.items():
        data = tmp_path / f"data{i}"
        data.mkdir()
        (data / "myid").write_text(f"{i}\n")
        (tmp_path / f"zoo{i}.cfg").write_text(
            f"tickTime=2000\ndataDir={data}\nclientPort={port}\ninitLimit=5\nsyncLimit=2\n"
            f"admin.enableServer=false\n{servers}")
        environments[i] = {**os.environ, "ZOO_LOG_DIR": str(tmp_path / "logs")}
    try:
        for i in ports:
            answer = run(i, "start")
            assert answer.returncode == 0 and "STARTED" in answer.stdout, answer.stdout + answer.stderr

        def modes():
            found = [run(i, "status").stdout.split("Mode: ")[-1].strip() for i in ports]
            return sorted(found) == ["follower", "follower", "leader"]

        wait_for(modes, "one leader, two followers", 20)
        answer = run(1, "status")
        assert answer.returncode == 0 and f"Client port found: {ports[1][2]}." in answer.stdout
    finally:
        for i in ports:
            assert "STOPPED" in run(i, "stop").stdout
    wait_for(lambda: run(1, "status").returncode == 1, "stopped", 10)
    # All three write to one file: none may overwrite another's lines.
    (output,) = (tmp_path / "logs").glob("*.out")
    lines = output.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[", line) for line in lines), lines
    assert sum("serving on port" in line for line in lines) == len(ports), lines


def test_a_pid_file_that_names_another_program(tmp_path):
    """A container that starts again has the same ids for other programs: the server starts, and stop spares them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "zoo.cfg").write_text(
        f"dataDir={tmp_path}/data\nclientPort={free_port()}\nadmin.enableServer=false\n")
    pid_file = tmp_path / "data/zookeeper_server.pid"

    def run(command):
        return subprocess.run([samsa_bin_dir() / "zkServer.sh", command, tmp_path / "zoo.cfg"],
                              env={**os.environ, "ZOO_LOG_DIR": str(tmp_path)},
                              capture_output=True, text=True, timeout=60, check=False)

    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            pid_file.write_text(str(other.pid))
            answer = run("stop")
            assert f"process {other.pid} is no ZooKeeper server" in answer.stderr
            assert other.poll() is None
            pid_file.write_text(str(other.pid))
            assert "STARTED" in run("start").stdout
            assert pid_file.read_text() != str(other.pid)
        finally:
            run("stop")
            assert other.poll() is None
            other.kill()
            other.wait()
    # It has ended, and nobody but its parent may know: a zombie is no server.
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    pid_file.write_text(str(zombie.pid))
    try:
        assert "STARTED" in run("start").stdout
    finally:
        run("stop")
        zombie.wait()


# --- what users do ---


def test_writes_anywhere_are_seen_everywhere(ensemble, client):
    one = ensemble().start()
    clients = {i: client(server.hosts) for i, server in one.servers.items()}
    seen = threading.Event()
    for i, writer in clients.items():
        writer.create(f"/by{i}", b"%d" % i)
        for reader in clients.values():
            reader.sync(f"/by{i}")
            assert reader.get(f"/by{i}")[0] == b"%d" % i
    clients[1].exists("/watched", watch=lambda _event: seen.set())
    clients[2].create("/watched", ephemeral=True)
    assert seen.wait(5)
    with pytest.raises(NodeExistsError):
        clients[3].create("/watched")
    clients[2].stop()
    wait_for(lambda: clients[3].exists("/watched") is None, "the ephemeral goes with its session")
    assert_trees_agree(one)


def test_sessions_move_with_their_ephemerals(ensemble, client):
    one = ensemble().start()
    mover = client(one.hosts, timeout=15)
    mover.create("/mine", ephemeral=True)
    session = mover.client_id
    for _ in range(3):
        host, port = mover._connection._socket.getpeername()[:2]
        at = next(i for i, server in one.servers.items() if server.port == port)
        one.servers[at].kill()
        one.wait_leader(timeout=20)
        wait_for(lambda: try_exists(mover, "/mine"), "the session goes on elsewhere", 20)
        assert mover.client_id == session
        one.start(at)


def try_exists(client, path):
    try:
        return client.exists(path)
    except DOUBT:
        return None


# --- what happens to servers ---


def test_leader_killed_under_load(ensemble, client):
    one = ensemble().start()
    user = client(one.hosts)
    session = user.client_id
    writer = Writer(user, "/load")
    for _ in range(4):
        writer.wait_more()
        leader = one.leader()
        one.servers[leader].kill()
        one.wait_leader(but=(leader,), timeout=FAIL_OVER_S)
        writer.wait_more()
        one.start(leader)
    writer.end()
    assert user.client_id == session, "the session was lost"
    assert_all_there(user, writer)
    assert_trees_agree(one)


def test_follower_comes_back(ensemble, client):
    """After a short time away by what the leader remembers, after a long one by a snapshot."""
    one = ensemble(cfg={"snapCount": 300, "commitLogCount": 50, "snapshotSizeFactor": -1}).start()
    follower = one.followers()[0]
    others = ",".join(server.hosts for i, server in one.servers.items() if i != follower)
    user = client(others)
    user.ensure_path("/load")
    for away in (20, 1000):
        one.servers[follower].kill()
        for i in range(away):
            user.create_async("/load/n-", b"y" * 200, sequence=True)
        user.create(f"/after{away}")
        one.start(follower)
        reader = client(one.servers[follower].hosts)
        reader.sync("/")
        assert reader.exists(f"/after{away}")
        assert_trees_agree(one)


def test_dump_of_a_learner_has_all_sessions(ensemble, client):
    """UpgradeableSessionTracker.dumpSessions: it knows them, and not when they end."""
    one = ensemble(observers=(3,)).start()
    users = [client(server.hosts, timeout=timeout) for server, timeout in
             zip(one.servers.values(), (5, 7, 10))]
    for user in users:
        user.sync("/")
    known = sorted((user.client_id[0], ms) for user, ms in zip(users, (5000, 7000, 10000)))
    lines = "".join(f"0x{session:x}\t{ms}ms\n" for session, ms in known)
    leader = one.leader()
    for i, server in one.servers.items():
        wait_for(lambda server=server, i=i: server.four_letter("dump").decode().startswith(
            "SessionTracker dump:\n" + ("Session Sets (" if i == leader else f"Global Sessions(3):\n{lines}e")),
                 f"dump of {i}", 10)


def test_a_leader_counts_commits(ensemble, client):
    one = ensemble(observers=(3,)).start()
    user = client(one.hosts)
    for number in range(10):
        user.create(f"/n{number}")
    leader = one.leader()
    for i in one.servers:
        commits = int(one.monitor(i)["commit_count"])
        assert commits == 11 if i == leader else commits == 0  # the session, too


def test_srst_forgets_the_sizes_of_proposals(ensemble, client):
    one = ensemble().start()
    client(one.hosts).create("/a")
    leader = one.servers[one.leader()]
    sizes = re.compile(rb"Proposal sizes last/min/max: (.*)\n")
    assert b"-1" not in sizes.search(leader.four_letter("srvr")).group(1)
    assert leader.four_letter("srst") == b"Server stats reset.\n"
    assert sizes.search(leader.four_letter("srvr")).group(1) == b"-1/-1/-1"


def test_a_leader_without_clients_answers_no_word(ensemble, client):
    """leaderServes=no: as if nobody served there; the others do."""
    one = ensemble(cfg={"leaderServes": "no"}).start(wait=False)
    one.wait(lambda: sorted(one.modes().values()) == ["", "follower", "follower"], "elect a leader that is silent")
    client(",".join(one.servers[i].hosts for i in one.followers())).create("/a")
    leader = next(server for i, server in one.servers.items() if one.mode(i) == "")
    for word in ("srvr", "conf", "mntr", "dump"):
        assert leader.four_letter(word) == b"This ZooKeeper instance is not currently serving requests\n"
    assert leader.four_letter("isro") == b"null" and leader.four_letter("ruok") == b"imok"


def test_all_killed_and_restarted(ensemble, client):
    one = ensemble().start()
    writer = Writer(client(one.hosts), "/load")
    for _ in range(3):
        writer.wait_more(50)
        for server in one.servers.values():
            server.kill()
        one.start()
    writer.wait_more()
    writer.end()
    assert_all_there(writer.client, writer)
    assert_trees_agree(one)


def test_two_of_three_are_needed(ensemble, client):
    one = ensemble().start()
    user = client(one.hosts)
    user.create("/before")
    first, second = one.followers()
    one.servers[first].kill()
    user.create("/with-two")
    one.servers[second].kill()
    wait_for(lambda: all(not mode for mode in one.modes().values()), "the last one stops serving", 20)
    left = next(server for server in one.servers.values() if server.alive)
    assert left.four_letter("srvr") == b"This ZooKeeper instance is not currently serving requests\n"
    assert left.four_letter("ruok") == b"imok"
    one.start(first)
    wait_for(lambda: try_exists(user, "/with-two"), "two serve again", 20)


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_paused_server(ensemble, client, who):
    one = ensemble(cfg={"tickTime": 200, "initLimit": 20, "syncLimit": 5}).start()
    writer = Writer(client(one.hosts), "/load")
    writer.wait_more()
    leader = one.leader()
    victim = leader if who == "leader" else one.followers()[0]
    pid = one.servers[victim].process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        if who == "leader":
            wait_for(lambda: any(one.mode(i) == "leader" for i in one.servers if i != victim),
                     "another leader", 20)
        writer.wait_more(timeout=30)
    finally:
        os.kill(pid, signal.SIGCONT)
    one.wait_serving(timeout=30)
    writer.wait_more()
    writer.end()
    assert_all_there(writer.client, writer)
    assert_trees_agree(one)


def test_admin_commands_know_the_place_of_their_server(ensemble):
    """Serving, reading only, and not at all: as Apache's with its QuorumZooKeeperServer and others."""
    one = ensemble(java_props={"readonlymode.enabled": "true"})
    server = one.servers[1]
    port = free_port()
    server.cfg.update({"admin.enableServer": "true", "admin.serverPort": port, "clientPort": server.address[1],
                       "server.1": server.cfg["server.1"].partition(";")[0]})
    for other in (one.servers[2], one.servers[3]):
        other.cfg.update({"admin.enableServer": "false"})
    one.start()

    def ask(name):
        status, answer = admin_session.command(port, name)
        assert status == 200 and answer.pop("command") == name
        return answer

    addresses = {i: entry["client_address"] for i, entry in ask("voting_view")["current_config"].items()}
    assert addresses == {"1": f"0.0.0.0:{server.address[1]}", "2": one.servers[2].hosts, "3": one.servers[3].hosts}
    assert ask("zabstate")["client_address"] == f"0.0.0.0:{server.address[1]}"
    leader = one.leader()
    assert ask("leader") == {"is_leader": leader == 1, "leader_id": leader, "leader_ip": "127.0.0.1", "error": None}
    for other in (2, 3):
        one.servers[other].kill()
    nowhere = {"voting": False, "zabstate": "", "error": None}
    one.wait(lambda: one.mode(1) == "read-only", "read only")
    assert ask("leader") == {"error": "server is not initialized"}
    assert ask("voting_view") == {"current_config": {}, "error": None}
    assert ask("zabstate") == nowhere


# --- what strangers and administrators do wrong ---


def say(port, bytes_to_say):
    """Connects, speaks, and waits for the end of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        try:
            sock.sendall(bytes_to_say)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        except OSError:
            pass


def test_garbage_on_the_inner_ports(ensemble, client):
    one = ensemble().start()
    user = client(one.hosts)
    garbage = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(10000), b"", b"\x00" * 4096, b"\xff" * 4096,
        struct.pack(">iqi", 11, 0, 0x7fffffff),         # a packet that announces two GiB
        struct.pack(">iqi", 2, 5, -5),
        struct.pack(">iqii", 11, 0, -1, 0x7fffffff),    # as many identities
        struct.pack(">iqi", 11, 0, 20) + struct.pack(">qiq", 77, 0x10000, 0) + struct.pack(">i", 0),
        struct.pack(">qqi", -65536, 9, 0x7fffffff),     # the election's header
        struct.pack(">qqi", -65536, 2, 15) + b"127.0.0.1:99999" + struct.pack(">i", 0x7fffffff),
        struct.pack(">q", 3),
    ]
    for i in one.servers:
        _, quorum, election, _ = one.network.address(i)
        for bytes_to_say in garbage:
            for port in (quorum, election):
                try:
                    say(port, bytes_to_say)
                except ConnectionError:
                    pass  # nobody listens there now
    user.create("/still")
    assert one.leader() is not None and len(one.followers()) == 2
    assert_trees_agree(one)


def test_silent_strangers_hold_nothing(ensemble, client):
    one = ensemble(cfg={"tickTime": 100, "initLimit": 20}).start()
    leader = one.leader()
    _, quorum, election, _ = one.network.address(leader)
    strangers = [socket.create_connection(("127.0.0.1", port)) for port in (quorum, election) for _ in range(50)]
    user = client(one.hosts)
    user.create("/a")
    for stranger in strangers:
        stranger.settimeout(20)
        try:
            assert stranger.recv(1) == b""
        except ConnectionResetError:
            pass
        stranger.close()
    assert one.leader() == leader


def test_many_strangers_keep_nobody_out(ensemble, client):
    """More than there is room for, on both ports of each, silent: a server that comes back is let in at once."""
    one = ensemble(cfg={"tickTime": 2000, "initLimit": 10}).start()
    follower = one.followers()[0]
    one.servers[follower].kill()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    strangers = []
    for i in one.servers:
        if i != follower:
            _, quorum, election, _ = one.network.address(i)
            for _ in range(600):
                for port in (quorum, election):
                    try:
                        strangers.append(socket.create_connection(("127.0.0.1", port)))
                    except ConnectionError:
                        pass  # a follower does not listen there
    assert len(strangers) >= 1500
    began_s = time.monotonic()
    one.servers[follower].start()
    one.wait(lambda: len(one.followers()) == 2, "it follows")
    assert time.monotonic() - began_s < 8, "it came in only when the strangers' time was up"
    user = client(one.hosts)
    user.create("/a")
    for stranger in strangers:
        stranger.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_listening(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def failing_start(one, member_id):
    server = one.servers[member_id]
    server.start(wait=False)
    status = server.process.wait(20)
    return status, server.log_tail(20)


@pytest.mark.parametrize("text, words", [(None, "myid"), ("", "myid"), ("five\n", "myid"), ("9\n", "9"),
                                         ("-1\n", "myid")])
def test_wrong_myid(ensemble, text, words):
    one = ensemble()
    server = one.servers[1]
    server.prepare()
    path = server.data_dir / "myid"
    server.prepare = lambda: None
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    status, tail = failing_start(one, 1)
    assert status == 2 and words in tail, tail


def test_member_300_without_a_client_port(ensemble, client):
    """It elects and keeps the data; a version in zoo.cfg itself is the configuration's."""
    one = ensemble()
    silent = one.servers[1]
    for server in one.servers.values():
        server.cfg["server.300"] = server.cfg.pop("server.1").split(";")[0]
        server.cfg["version"] = "100000000"
    make_ready = silent.prepare

    def prepare():
        make_ready()
        (silent.data_dir / "myid").write_text("300\n", encoding="ascii")

    silent.prepare = prepare
    one.start(2, 3, wait=False)
    silent.start(wait=False)
    wait_for(lambda: "300" in silent.logs() and {one.mode(2), one.mode(3)} <= {"follower", "leader"}, "a quorum", 30)
    one.servers[2].kill()
    user = client(one.servers[3].hosts)
    user.retry(user.create, "/kept")
    assert user.get("/zookeeper/config")[0].endswith(b"\nversion=100000000")
    assert not is_listening(one.network.address(1)[3]) and silent.alive
    assert "no client port" in silent.logs()


@pytest.mark.parametrize("attempts", [None, 1, 2])
def test_election_port_in_use(ensemble, attempts):
    """As often as electionPortBindRetry says, a second apart; then exit code 14."""
    one = ensemble(cfg={} if attempts is None else {"electionPortBindRetry": attempts})
    port = one.network.address(1)[2]
    with socket.create_server(("127.0.0.1", port)):
        begin = time.monotonic()
        status, tail = failing_start(one, 1)
        passed = time.monotonic() - begin
    attempts = attempts or 3
    assert status == 14 and tail.count(f"127.0.0.1:{port}: Address already in use") >= attempts, tail
    assert attempts - 1 <= passed < attempts + 2


def test_election_port_comes_free(ensemble):
    one = ensemble(cfg={"electionPortBindRetry": 0})
    said = f"cannot listen for elections on 127.0.0.1:{one.network.address(1)[2]}: Address already in use"
    with socket.create_server(("127.0.0.1", one.network.address(1)[2])):
        one.start(wait=False)
        wait_for(lambda: one.servers[1].logs().count(said) >= 4, "more tries than there are by default", 10)
    wait_for(lambda: is_listening(one.network.address(1)[2]), "the port", 5)
    one.wait_serving()


def test_quorum_port_in_use(ensemble):
    """Who follows needs none; it is opened when it can be."""
    one = ensemble()
    port = one.network.address(1)[1]
    said = f"cannot listen for learners on 127.0.0.1:{port}: Address already in use"
    with socket.create_server(("127.0.0.1", port)):
        one.start(2, 3)
        one.start(1)
        assert one.mode(1) == "follower"
        wait_for(lambda: one.servers[1].logs().count(said) >= 3, "a warning each time", 10)
    wait_for(lambda: f"Listening for learners on 127.0.0.1:{port}" in one.servers[1].logs(), "the port", 5)
    assert one.mode(1) == "follower"


def test_address_of_another_host(ensemble):
    one = ensemble(cfg={"electionPortBindRetry": 1})
    _, quorum, election, port = one.network.address(1)
    one.servers[1].cfg["server.1"] = f"192.0.2.1:{quorum}:{election};{port}"
    status, tail = failing_start(one, 1)
    assert status == 14 and f"192.0.2.1:{election}: Cannot assign requested address. " in tail, tail


def test_admin_port_in_use(ensemble, client):
    """Three servers with one admin port: the first has it, the others warn and serve; their metrics they must have."""
    port = free_port()
    one = ensemble(cfg={"admin.enableServer": "true", "admin.serverPort": port})
    one.start()
    words = f"Problem starting AdminServer on address 0.0.0.0, port {port} and command URL /commands"
    assert sum(words in server.logs() for server in one.servers.values()) == 2
    client(one.hosts).create("/served")
    one.servers[1].kill()
    with socket.create_server(("0.0.0.0", free_port())) as other:
        one.servers[1].cfg.update({"metricsProvider.httpPort": other.getsockname()[1], "metricsProvider.className":
                                   "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"})
        status, tail = failing_start(one, 1)
    assert status == 1 and "metricsProvider.httpPort" in tail, tail


def test_full_disk_of_a_follower(ensemble, client, tmp_path):
    """It ends with exit code 10 and says why; the others go on; with room it comes back."""
    small = tmp_path / "server1"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=False,
                             capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        one = ensemble(cfg={"preAllocSize": 64})
        one.start(3, 2)
        one.start(1)
        assert one.mode(1) == "follower"
        user = client(",".join(one.servers[i].hosts for i in (2, 3)))
        user.ensure_path("/load")
        # Updates: a few nodes, a long log.
        for i in range(60):
            for k in range(4):
                user.set_async("/load", os.urandom(50000))
            user.set("/load", b"%d" % i)
            if one.servers[1].process.poll() is not None:
                break
        assert one.servers[1].process.wait(10) == 10
        assert "No space left" in one.servers[1].log_tail(20)
        user.create("/without-it")
        subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
        one.start(1)
        reader = client(one.servers[1].hosts)
        reader.sync("/")
        assert reader.exists("/without-it")
        assert_trees_agree(one)
    finally:
        one.stop()
        subprocess.run(["umount", small], check=False)


# --- reconfiguration: the files beside zoo.cfg ---


def test_reconfig_writes_its_files(ensemble, client):
    """zoo.cfg keeps its other lines and names the dynamic file; a restart goes by it."""
    one = ensemble(cfg={"reconfigEnabled": "true", "skipACL": "yes"}).start()
    leader = one.leader()
    removed = one.followers()[0]
    stays = next(i for i in one.servers if i not in (leader, removed))
    user = client(one.servers[leader].hosts)
    lines = user.get("/zookeeper/config")[0].decode().splitlines()
    line = next(text for text in lines if text.startswith(f"server.{removed}="))
    user.reconfig(joining=None, leaving=str(removed), new_members=None)
    after, version = user.get("/zookeeper/config")[0].decode().rsplit("\nversion=", 1)
    assert line not in after
    for i in (leader, stays):
        path = one.servers[i].cfg_path
        wait_for(lambda path=path: f"dynamicConfigFile={path}.dynamic.{version}\n" in path.read_text(),
                 "zoo.cfg names the new file")
        assert path.with_name(f"zoo.cfg.dynamic.{version}").read_text() == after
        assert "server." not in path.read_text().replace("admin.enableServer", "")
        assert "tickTime=500\n" in path.read_text()
        assert line.split(";")[0].removesuffix(":participant") in path.with_name("zoo.cfg.bak").read_text()
        # From here on the test must not write zoo.cfg anew.
        one.servers[i].prepare = lambda: None
    for i in (leader, stays):
        one.servers[i].stop()
    one.servers[removed].kill()
    # What had been taken from a leader's NEWLEADER when both went down is completed by whoever leads next: it is of
    # an older epoch then. (What was proposed and did not get into the log is forgotten.)
    one.start(leader, stays)
    for i in (leader, stays):
        one.servers[i].stop()
    proposed = f"{int(version, 16) + 16:x}"
    for i in (leader, stays):
        one.servers[i].cfg_path.with_name("zoo.cfg.dynamic.next").write_text(f"{after}\nversion={proposed}\n")
    one.start(leader, stays)
    user = client(one.servers[leader].hosts)
    assert user.get("/zookeeper/config")[0].decode().endswith(f"version={proposed}")
    for i in (leader, stays):
        path = one.servers[i].cfg_path
        wait_for(lambda path=path: not path.with_name("zoo.cfg.dynamic.next").exists(), "the proposal's file goes")
        assert path.with_name(f"zoo.cfg.dynamic.{proposed}").exists()
    user.reconfig(joining=line, leaving=None, new_members=None)
    assert line in user.get("/zookeeper/config")[0].decode()
    one.servers[removed].start(wait=False)
    one.wait_serving(timeout=30)
    assert one.mode(removed) == "follower"


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_reconfig_moves_the_client_port(ensemble, client, role):
    """The old port is closed, the new one open; who is connected stays, and who knows both comes back."""
    one = ensemble(cfg={"reconfigEnabled": "true", "skipACL": "yes"}).start()
    moved = one.leader() if role == "leader" else one.followers()[0]
    line = one.server_lines()[f"server.{moved}"].split(";")[0]
    old, new = one.network.address(moved)[3], free_port()
    user = client(f"127.0.0.1:{old},127.0.0.1:{new}")
    states = []
    user.add_listener(states.append)
    user.create("/before", ephemeral=True)
    user.reconfig(joining=f"server.{moved}={line};{new}", leaving=None, new_members=None)
    wait_for(lambda: is_listening(new) and is_listening(new, "::1") and not is_listening(old), "the port moves", 10)
    assert states == [] and user.set("/before", b"x")
    newcomer = client(f"127.0.0.1:{new}")
    newcomer.sync("/")
    assert newcomer.get("/before")[0] == b"x"
    session = user.client_id[0]
    # Served where it was, at a port that is taken: it says so, and keeps whom it has.
    with socket.create_server(("0.0.0.0", free_port())) as other:
        port = other.getsockname()[1]
        user.reconfig(joining=f"server.{moved}={line};0.0.0.0:{port}", leaving=None, new_members=None)
        said = f"cannot listen for clients on 0.0.0.0:{port}"
        wait_for(lambda: said in one.servers[moved].logs(), "it says so", 10)
        assert not is_listening(new) and user.set("/before", b"y")
    user.reconfig(joining=f"server.{moved}={line};127.0.0.1:{new}", leaving=None, new_members=None)
    wait_for(lambda: is_listening(new) and not is_listening(new, "::1"), "the port comes back", 10)
    assert user.client_id[0] == session and newcomer.get("/before")[0] == b"y"


def test_an_administrator_reconfigures(ensemble):
    """By zkCli.sh: remove, add, all members from a file, what is refused, sync and whoami."""
    one = ensemble(cfg={"reconfigEnabled": "true", "skipACL": "yes"}).start()
    follower = one.followers()[0]
    lines = {name: text.replace(";", ":participant;", 1) for name, text in one.server_lines().items()}
    text = "".join(f"{name}={line}\n" for name, line in lines.items())
    (one.folder / "members").write_text(text)
    back = f"server.{follower}={lines[f'server.{follower}']}"
    commands = ["config -w", f"reconfig -remove {follower}", f"reconfig -add {back}", "reconfig -v 5 -remove 1",
                f"reconfig -file {one.folder}/members", "reconfig -remove 1,2",
                "reconfig -file /dev/null", "sync /", "whoami"]
    said = subprocess.run([samsa_bin_dir() / "zkCli.sh", "-server", one.servers[one.leader()].hosts], timeout=60,
                          input="\n".join(commands) + "\n", capture_output=True, text=True, check=False)
    found = said.stdout.split("Committed new configuration:\n")
    assert len(found) == 4 and text in found[0] and text in found[2] and text in found[3], said
    assert f"server.{follower}=" not in found[1] and "type:NodeDataChanged path:/zookeeper/config" in found[0]
    assert "Sync is OK" in found[3] and "ip: 127.0.0.1" in found[3]
    # Another version than the one in force; too few voters; none.
    assert said.stderr.count(" is not valid : ") + said.stderr.count(" are not valid : ") == 3, said.stderr


def test_orderly_stop(ensemble, client):
    """SIGTERM ends each with 0, the leader first; the last two say that they have no quorum any more."""
    one = ensemble().start()
    user = client(one.hosts)
    user.create("/kept")
    leader = one.leader()
    assert one.servers[leader].stop() in (0, 143)
    one.wait_leader(but=(leader,), timeout=FAIL_OVER_S)
    for server in one.servers.values():
        if server.alive:
            assert server.stop() in (0, 143)
    one.start()
    wait_for(lambda: try_exists(user, "/kept"), "the node is there", 20)
