"""Four-letter words: many sessions at once as Apache tells of them, and words under bad conditions."""

import json
import os
import re
import socket
import struct
import threading
import time
import urllib.request

import admin_session
import pytest
import words_session
from bystander import Bystander, monitor, open_session, wait_for
from golden.zookeeper import wire
from golden.zookeeper.client import Connection
from peers import NEWEST, free_port

WORDS = ("conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst",
         "srvr", "stat", "wchc", "wchp", "wchs")


def expected():
    return (admin_session.EXPECTED / "words.txt").read_text(encoding="utf-8")


def test_what_the_words_tell(samsa_server):
    assert words_session.ask(samsa_server(None, words_session.CFG)) == expected()


def test_apache_tells_as_recorded(apache_server):
    assert words_session.ask(apache_server(NEWEST, None, words_session.CFG)) == expected()


def test_connections_without_watches_are_not_counted(samsa_server):
    server = samsa_server().start()
    conns = words_session.play(server)
    assert server.four_letter("wchs") == b"3 connections watching 4 paths\nTotal watches:7\n"
    for path in ("/w0", "/w1", "/w2"):
        conns[0].call("setData", wire.body_set_data(path, b"new"))
    assert server.four_letter("wchs") == b"1 connections watching 3 paths\nTotal watches:3\n"
    for conn in conns:
        conn.close()
    wait_for(lambda: server.four_letter("wchs")
             == b"0 connections watching 0 paths\nTotal watches:0\n", "no watches")


def test_words_are_packets(samsa_server):
    """Each is one received when it is answered; its answer is sent behind that."""
    server = samsa_server().start()

    def counts():
        text = server.four_letter("srvr").decode()
        return tuple(int(re.search(rf"{name}: (\d+)\n", text).group(1)) for name in ("Received", "Sent"))

    received, sent = counts()
    assert received == sent + 1
    server.four_letter("ruok")
    assert counts() == (received + 2, sent + 2)
    assert monitor(server)["zk_commit_count"] == 0  # nobody is told of it


def test_dump_names_the_connections(samsa_server):
    server = samsa_server().start()
    conn = open_session(server.address)
    text = server.four_letter("dump").decode().split("Connections dump:\n")[1]
    ports = dict(re.findall(r"\tip: /127\.0\.0\.1:(\d+) sessionId: 0x([0-9a-f]+)\n", text))
    ours = str(conn.sock.getsockname()[1])
    assert ports.pop(ours) == f"{conn.session_id:x}" and list(ports.values()) == ["0"]  # and who asks
    text = re.sub(r"\tip: .*\n", "", text)
    text = words_session.DATE.sub("<date>", text)
    assert text in ("Connections Sets (1)/(2):\n2 expire at <date>:\n",
                    "Connections Sets (2)/(2):\n1 expire at <date>:\n1 expire at <date>:\n")
    conn.close()


def test_an_ipv6_client_stands_in_brackets(samsa_server):
    """Else its port could be taken for a part of the address; as Java prints it since 14, the admin server always."""
    admin = free_port()
    server = samsa_server(None, {"clientPortAddress": None, "admin.enableServer": "true", "admin.serverPort": admin,
                                 "admin.serverAddress": "127.0.0.1"}).start()
    conn = open_session(("::1", server.port))
    address = f"[0:0:0:0:0:0:0:1]:{conn.sock.getsockname()[1]}"
    for word in ("stat", "cons"):
        assert f"\n /{address}[1](queued=0," in "\n" + server.four_letter(word).decode()
    assert f"\tip: /{address} sessionId: 0x{conn.session_id:x}\n" in server.four_letter("dump").decode()
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/commands/connections", timeout=5) as answer:
        assert [one["remote_socket_address"] for one in json.load(answer)["connections"]] == [address]
    conn.close()


def test_the_digests_are_of_every_128th_zxid(samsa_server):
    server = samsa_server().start()
    assert server.four_letter("hash") == b""
    conn = open_session(server.address)
    for number in range(300):
        conn.call("create", wire.body_create(f"/h{number}", b""))
    digests = server.four_letter("hash")
    assert re.fullmatch(rb"80: \d+\n100: \d+\n", digests)
    conn.close()
    server.kill()
    assert server.start().four_letter("hash") == digests  # the log was replayed, upon no snapshot


def test_the_time_zone_is_the_processs(samsa_server, monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-5")
    server = samsa_server().start()
    conn = open_session(server.address)
    text = server.four_letter("dump").decode()
    date = re.search(r"expire at (.*):\n", text).group(1)
    assert words_session.DATE.fullmatch(date) and " XYZ " in date
    there = time.strftime("%a %b %d %H:", time.gmtime(time.time() + 5 * 3600 + 30))
    assert date.startswith(there[:10]), (date, there)
    conn.close()


def test_sizes_are_those_of_the_files(samsa_server, tmp_path):
    server = samsa_server(cfg={"dataLogDir": tmp_path / "logs", "preAllocSize": 128}).start()
    conn = open_session(server.address)
    for number in range(50):
        conn.call("create", wire.body_create(f"/n{number}", bytes(1000)))

    def size(folder):
        return sum(path.stat().st_size for path in (folder / "version-2").iterdir())

    assert server.four_letter("dirs").decode() == (f"datadir_size: {size(server.data_dir)}\n"
                                                   f"logdir_size: {size(tmp_path / 'logs')}\n")
    conf = dict(line.split("=") for line in server.four_letter("conf").decode().splitlines())
    assert conf["dataDir"] == f"{server.data_dir}/version-2"
    assert conf["dataLogDir"] == f"{tmp_path}/logs/version-2"
    assert conf["dataLogSize"] == str(size(tmp_path / "logs"))
    assert conf["clientPort"] == str(server.port)
    conn.close()


@pytest.mark.parametrize("whitelist, allowed", (
    (None, {"srvr"}), ("", set()), ("ruok", {"ruok"}), (" ruok , stat,mntr ", {"ruok", "stat", "mntr"}),
    ("*", set(WORDS)), ("nosuch,isro", {"isro"})))
def test_the_whitelist(samsa_server, whitelist, allowed):
    server = samsa_server(cfg={"4lw.commands.whitelist": whitelist})
    server.start()
    for word in WORDS:
        answer = server.four_letter(word).decode()
        refusal = f"{word} is not executed because it is not in the whitelist.\n"
        assert (answer != refusal) == (word in allowed), answer
    # What is no word at all is the length of a frame.
    assert server.four_letter("abcd") == b""
    assert server.four_letter("RUOK") == b""


def test_figures_are_right(samsa_server):
    server = samsa_server().start()
    conn = open_session(server.address)
    server.four_letter("srst")
    for number in range(25):
        conn.call("create", wire.body_create(f"/n{number}", b"x" * 10))
        conn.call("getData", wire.body_path_watch(f"/n{number}"))
    values = monitor(server)
    # The words are packets, too: of srst the answer is counted, of mntr the question.
    assert values["zk_packets_received"] == 51 and values["zk_packets_sent"] == 51
    assert values["zk_znode_count"] == 30
    assert values["zk_server_state"] == "standalone"
    assert 0 <= values["zk_min_latency"] <= values["zk_avg_latency"] <= values["zk_max_latency"]
    # And the one of the word itself.
    assert values["zk_open_file_descriptor_count"] == len(os.listdir(f"/proc/{server.pid}/fd")) + 1
    cons = server.four_letter("cons").decode()
    sent = re.search(r"recved=(\d+),sent=(\d+),sid=0x%x," % conn.session_id, cons).groups()
    assert sent == ("51", "51"), "the connect request counts, and srst is not for connections"
    server.four_letter("srst")
    assert re.search(r"(?m)^Received: 1\nSent: 1$", server.four_letter("srvr").decode())
    conn.close()


# --- bad conditions ---

@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from peers import SamsaServer, free_port
    with SamsaServer(tmp_path_factory.mktemp("words") / "data", free_port()) as server:
        yield server


def test_a_word_inside_a_session_is_a_length(server):
    conn = open_session(server.address)
    conn.send_bytes(b"ruok")
    assert conn.receive_rest() == b""
    conn.close()


def test_words_cut_short_and_words_with_more(server):
    with Bystander(server) as bystander:
        for word in WORDS:
            for cut in range(1, 4):
                conn = Connection(server.address)
                conn.send_bytes(word[:cut].encode())
                conn.sock.shutdown(socket.SHUT_WR)
                assert conn.receive_rest() == b""
                conn.close()
        for tail in (b"\n", b"\r\n", b" ", b"\0" * 100, b"x" * 100_000, wire.frame(
                wire.connect_request())):
            assert server.four_letter(b"ruok" + tail) == b"imok"
        # stmk waits for its eight bytes, and is given up with its connection.
        conn = Connection(server.address)
        conn.send_bytes(b"stmk\0\0\0")
        conn.close()
        assert server.four_letter(b"stmk" + struct.pack(">q", 4711)) == b"4711"
        assert server.four_letter("gtmk") == b"4711"
        # Telnet says goodbye.
        assert server.four_letter(b"\xff\xf4\xff\xfd\x06") == b""
        bystander.check_all()


def test_a_thousand_words_at_once(server):
    with Bystander(server) as bystander:
        socks = []
        for number in range(1000):
            sock = socket.create_connection(server.address, timeout=20)
            sock.sendall(WORDS[number % len(WORDS)].encode())
            socks.append(sock)
        bystander.check()
        for number, sock in enumerate(socks):
            answer = b""
            while chunk := sock.recv(65536):
                answer += chunk
            sock.close()
            if WORDS[number % len(WORDS)] == "ruok":
                assert answer == b"imok"
        bystander.check_all()


def test_long_answers(server):
    """Watches and connections by the thousand, each with a line of its own; and a reader that stops."""
    count = 3000
    with Bystander(server) as bystander:
        conn = open_session(server.address)
        name = "n" * 200
        script = b"".join(wire.frame(struct.pack(">ii", number, wire.opcode("exists"))
                                     + wire.body_path_watch(f"/{name}{number}", True))
                          for number in range(1, count * 3))
        thread = threading.Thread(target=conn.send_bytes, args=(script,))
        thread.start()
        for _ in range(1, count * 3):
            assert isinstance(conn.receive_frame(), bytes)
        thread.join()
        others = [socket.create_connection(server.address) for _ in range(count)]
        wchp = server.four_letter("wchp", timeout=20)
        assert wchp.count(name.encode()) == count * 3 - 1
        assert wchp.endswith(b"\n\n")
        assert server.four_letter("wchc", timeout=20).count(name.encode()) == count * 3 - 1
        assert server.four_letter("cons", timeout=20).count(b"recved=") >= count
        assert server.four_letter("stat", timeout=20).count(b"recved=") >= count
        before = server.rss()
        stuck = []
        for _ in range(30):
            sock = socket.create_connection(server.address)
            sock.sendall(b"wchp")
            stuck.append(sock)
        bystander.check()
        # An answer that nobody reads is dropped after its time, with its connection.
        wait_for(lambda: monitor(server)["zk_num_alive_connections"] < count + 10, "they are gone", 15)
        for sock in stuck + others:
            sock.close()
        conn.close()
        bystander.check_all()
        assert server.rss() - before < 64 << 20
