"""Writes sample_data/: a small data directory made by Apache's server, for the tools that read
files.

python test/interop/record_sample_data.py      (then run record_tools.py, whose texts show these
files)

Log and snapshots hold every kind of transaction and node that a standalone server writes. The log's
zero padding is cut down to a few bytes, so that the file is small and still ends as a preallocated
one does.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import make_digest_acl

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import backends  # noqa: E402  (needs the path above)

SAMPLE = HERE / "sample_data"
KEPT_PADDING = 64


def first_session(client):
    client.create("/app", b"configuration")
    client.create("/app/empty", b"")
    client.create("/app/\u00fcml\u00e4ut", "\u4e16\u754c".encode())
    client.create("/app/binary", b"\x00\x01\xfe\xff")
    client.create("/app/locked", b"x", acl=[make_digest_acl("bob", "secret", all=True)])
    client.create("/app/seq-", b"1", sequence=True)
    client.create("/app/seq-", b"2", sequence=True)
    client.create("/app/live", b"ephemeral", ephemeral=True)
    client.set("/app", b"configuration 2")
    client.set_acls("/app/empty", client.get_acls("/app")[0])
    client.delete("/app/seq-0000000005")
    transaction = client.transaction()
    transaction.create("/app/multi", b"m")
    transaction.set_data("/app/empty", b"no more")
    transaction.check("/app", 1)
    transaction.commit()
    failing = client.transaction()
    failing.create("/app/never", b"")
    failing.delete("/app/absent")
    failing.commit()
    for wrong in (
        lambda: client.delete("/app"),
        lambda: client.create("/app"),
        lambda: client.set("/app", b"", 77),
    ):
        try:
            wrong()
        except KazooException:
            pass


def second_session(client):
    for number in range(20):
        client.create(f"/app/multi/n{number:02}", b"#" * number)
    client.set("/app/binary", b"short")


def with_client(server, work):
    client = KazooClient(hosts=server.hosts, timeout=10)
    client.start(20)
    try:
        work(client)
    finally:
        client.stop()
        client.close()


def make(work):
    """Each start of the server takes a snapshot and begins a log."""
    server = backends.make_server(
        work / "data",
        {"snapCount": 100000},
        {"zookeeper.extendedTypesEnabled": "true"},
        kind="apache",
    )
    cli = backends.apache_zkcli(work)  # for the kinds of node that kazoo cannot make
    with server:
        with_client(server, first_session)
        for line in (
            ["create", "-c", "/container", "c"],
            ["create", "-t", "86400000", "/ttl", "t"],
            ["setquota", "-n", "100", "/app"],
        ):
            subprocess.run([*cli, "-server", server.hosts, *line], check=True, capture_output=True)
        server.stop()
    time.sleep(0.1)
    with server:
        with_client(server, second_session)
        server.stop()
    with server:
        server.stop()


def main():
    work = Path(tempfile.mkdtemp(prefix="samsa-sample-"))
    try:
        make(work)
        shutil.rmtree(SAMPLE, ignore_errors=True)
        SAMPLE.mkdir()
        for path in sorted((work / "data" / "version-2").iterdir()):
            data = path.read_bytes()
            if path.name.startswith("log."):
                data = data.rstrip(b"\0") + bytes(KEPT_PADDING)
            (SAMPLE / path.name).write_bytes(data)
            print(path.name, len(data))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
