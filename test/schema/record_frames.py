"""Writes zookeeper_frames.txt: what kazoo and Apache's zkCli send to Apache's server, and what it answers.

    .venv/bin/python test/schema/record_frames.py

Lines: `open <client>` begins a connection, `> hex` is a frame from the client, `< hex` one from the server, both
without their length. test_codec_zookeeper decodes every frame and must encode it to the same bytes.
"""

import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

import kazoo.client  # noqa: E402  (needs the path above)
from peers import maven, ports, servers  # noqa: E402

ZKCLI = """create -e /java-ephemeral data
create -s /java-sequential data
create -c /java-container
create -t 100000 /java-ttl data
create /java-path data world:anyone:cdrwa
stat -w /java-path
get -s -w /java-path
set -s -v 0 /java-path other
ls -s -w /
ls -R /
addauth digest user:password
getAcl -s /java-path
setAcl -v 0 /java-path world:anyone:cdrw,auth::cdrwa
addWatch -m PERSISTENT /java-path
addWatch -m PERSISTENT_RECURSIVE /
removewatches /java-path
getAllChildrenNumber /
getEphemerals /
sync /
whoami
config
setquota -n 5 /java-path
listquota /java-path
create /java-path/child text
deleteall /java-path
close
quit
"""


class Recorder:
    """A TCP relay on 127.0.0.1 that writes down the frames of every connection."""

    def __init__(self, target):
        self.target, self.lines, self.lock = target, {}, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", ports.free_port()))
        self.port = self.listener.getsockname()[1]
        self.client = "?"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            with self.lock:
                lines = self.lines.setdefault(len(self.lines), [f"open {self.client}"])
            for source, sink, mark in ((near, far, ">"), (far, near, "<")):
                threading.Thread(target=self.relay, args=(source, sink, mark, lines), daemon=True).start()

    def relay(self, source, sink, mark, lines):
        held = b""
        try:
            while chunk := source.recv(65536):
                held += chunk
                while len(held) >= 4 and len(held) >= 4 + struct.unpack(">i", held[:4])[0]:
                    end = 4 + struct.unpack(">i", held[:4])[0]
                    # Written down before it is passed on, so that a reply never stands before its request.
                    with self.lock:
                        lines.append(f"{mark} {held[4:end].hex()}")
                    sink.sendall(held[:end])
                    held = held[end:]
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def run_kazoo(port):
    client = kazoo.client.KazooClient(f"127.0.0.1:{port}", auth_data=[("digest", "user:password")])
    client.start()
    client.create("/kazoo", b"data")
    client.create("/kazoo/ephemeral", b"", ephemeral=True, sequence=True, include_data=True)
    client.get("/kazoo", watch=lambda event: None)
    client.exists("/absent", watch=lambda event: None)
    client.get_children("/kazoo", watch=lambda event: None, include_data=True)
    client.set("/kazoo", b"other", version=0)
    client.get_acls("/kazoo")
    client.set_acls("/kazoo", [kazoo.security.make_digest_acl("user", "password", all=True)])
    client.sync("/kazoo")
    transaction = client.transaction()
    transaction.create("/kazoo/part", b"x")
    transaction.set_data("/kazoo/part", b"y")
    transaction.check("/kazoo/part", 1)
    transaction.delete("/kazoo/part")
    transaction.commit()
    transaction = client.transaction()
    transaction.check("/kazoo", 99)
    transaction.delete("/kazoo")
    transaction.commit()
    client.get_children("/")
    for path in client.get_children("/kazoo"):
        client.delete(f"/kazoo/{path}")
    client.delete("/kazoo")
    try:
        client.get("/kazoo")
    except kazoo.exceptions.NoNodeError:
        pass
    client.stop()
    client.close()


def run_zkcli(port, work):
    class_path = maven.class_path("3.9.5")
    command = [maven.java_program(), "-cp", f"{work}:{class_path}", "org.apache.zookeeper.ZooKeeperMain",
               "-server", f"127.0.0.1:{port}"]
    subprocess.run(command, input=ZKCLI, text=True, timeout=60, check=False, cwd=work,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="samsa-frames-"))
    properties = {"zookeeper.extendedTypesEnabled": "true"}
    try:
        with servers.ApacheServer("3.9.5", work / "data", ports.free_port(), java_props=properties) as server:
            recorder = Recorder(server.address)
            recorder.client = "kazoo"
            run_kazoo(recorder.port)
            recorder.client = "zkCli"
            run_zkcli(recorder.port, work)
            time.sleep(0.5)
            recorder.listener.close()
        text = "".join(line + "\n" for lines in recorder.lines.values() for line in lines)
        (HERE / "zookeeper_frames.txt").write_text(text, encoding="ascii")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
