"""Writes something of every kind to a server, and reads a whole tree back.

Used to show that a data directory means the same to two servers: what `dump` gives before the
first one ends must be what it gives on the second one, field by field.
"""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass

from golden.zookeeper import wire
from golden.zookeeper.client import Connection, ServerError

SUPER_PASSWORD = "super:secret"
SUPER_DIGEST = "super:" + base64.b64encode(hashlib.sha1(SUPER_PASSWORD.encode()).digest()).decode()
SESSION_MS = 60000
STAT_FIELDS = ("czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion",
               "ephemeralOwner", "dataLength", "numChildren", "pzxid")

# What the servers of these tests have in common.
CFG = {"maxSessionTimeout": 120000, "snapCount": 40, "preAllocSize": 64}
JAVA_PROPS = {
    "zookeeper.extendedTypesEnabled": "true",
    "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    "zookeeper.snapCount": "40",
    "zookeeper.preAllocSize": "64",
    # The scan for containers must not remove one between two dumps.
    "znode.container.checkIntervalMs": "600000",
}


@dataclass(frozen=True)
class Node:
    data: bytes
    acl: tuple
    stat: tuple

    def __str__(self):
        stat = " ".join(f"{name}={value}" for name, value in zip(STAT_FIELDS, self.stat))
        return f"data={wire.show_bytes(self.data)} acl={self.acl} {stat}"


def connect(server, superuser=False, **fields):
    conn = Connection(server.address)
    fields.setdefault("timeout_ms", SESSION_MS)
    if not conn.handshake(**fields):
        raise AssertionError(f"{server.kind} refused a session ({fields.keys()})")
    if superuser:
        conn.call("auth", wire.body_auth("digest", SUPER_PASSWORD), xid=wire.AUTH_XID)
    return conn


def close(conn):
    conn.call("closeSession")
    conn.close()


class Fields:
    """Reads the fields of one reply body, in order."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, form):
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def buffer(self):
        size = self.number(">i")
        if size == -1:
            return None
        self.at += size
        return self.data[self.at - size:self.at]

    def stat(self):
        form = ">qqqqiiiqiiq"
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values


def read_node(conn, path):
    reply = Fields(conn.call("getData", wire.body_path_watch(path)))
    data = reply.buffer()
    stat = reply.stat()
    reply = Fields(conn.call("getACL", wire.body_path(path)))
    acl = tuple((reply.number(">i"), reply.buffer(), reply.buffer())
                for _ in range(reply.number(">i")))
    return Node(data, acl, stat)


def read_children(conn, path):
    reply = Fields(conn.call("getChildren", wire.body_path_watch(path)))
    return sorted(reply.buffer() for _ in range(reply.number(">i")))


def dump(server):
    """{path: Node} of the whole tree, read with all rights."""
    conn = connect(server, superuser=True)
    nodes = {}
    waiting = [b"/"]
    while waiting:
        path = waiting.pop()
        nodes[path] = read_node(conn, path)
        prefix = b"" if path == b"/" else path
        waiting += [prefix + b"/" + name for name in read_children(conn, path)]
    close(conn)
    return nodes


def last_zxid(server):
    match = re.search(rb"(?m)^Zxid: 0x([0-9a-f]+)$", server.four_letter("srvr"))
    return int(match.group(1), 16)


def differences(expected, got):
    """What is not the same in two dumps, one line each."""
    lines = []
    for path in sorted(set(expected) | set(got)):
        one, other = expected.get(path), got.get(path)
        if one == other:
            continue
        if one is None or other is None:
            lines.append(f"{path!r} is only {'in the second' if one is None else 'in the first'}")
            continue
        lines.append(f"{path!r}\n  first  {one}\n  second {other}")
    return lines


def digest_acl(user, password):
    sha = hashlib.sha1(f"{user}:{password}".encode()).digest()
    return (wire.ALL, "digest", f"{user}:{base64.b64encode(sha).decode()}")


def fails(conn, kind, body, code):
    """A request that must fail with this code: error transactions are in the log as well."""
    try:
        conn.call(kind, body)
    except ServerError as error:
        if error.code != code:
            raise
        return
    raise AssertionError(f"{kind} did not fail with {code}")


def write_all(server, top):
    """A tree of every kind of node below `top`; returns a connection whose session lives on."""
    conn = connect(server)

    def create(path, data=b"", acl=wire.OPEN, flags=wire.PERSISTENT, who=conn):
        who.call("create", wire.body_create(top + path, data, acl, flags))

    create("")
    for name, data in (("empty", b""), ("null", None), ("bytes", bytes(range(256))),
                       ("large", b"0123456789abcdef" * 8192), ("text", "é中 text")):
        create(f"/{name}", data)
    create("/umlaut-äöü-中文", b"name of more than ASCII")
    create("/space and ~ and .dots.", b"")
    for number in range(15):
        create("/seq-", b"%d" % number, flags=wire.SEQUENTIAL)
    conn.call("delete", wire.body_path_version(top + "/seq-0000000009"))
    deep = ""
    for number in range(20):
        deep += f"/level{number}"
        create(deep, b"%d" % number)

    write_acls(conn, create, top)
    write_kinds(conn, create, top)
    write_multis(conn, top)
    write_quota(conn, create, top)
    write_changes(conn, create, top)

    ended = connect(server)
    for name in ("/gone1", "/gone2"):
        create(name, b"", flags=wire.EPHEMERAL, who=ended)
    close(ended)
    living = connect(server)
    create("/alive", b"living", flags=wire.EPHEMERAL, who=living)
    create("/alive-", b"living", flags=wire.EPHEMERAL_SEQUENTIAL, who=living)
    close(conn)
    return living


def write_acls(conn, create, top):
    create("/acl-digest", b"secret", [digest_acl("alice", "wonder")])
    create("/acl-ip", b"", [(wire.ALL, "ip", "127.0.0.0/8"), (wire.READ, "world", "anyone")])
    create("/acl-none", b"", [(0, "world", "anyone")])
    create("/acl-changed", b"")
    for perms in (wire.ALL, wire.READ | wire.ADMIN, wire.ALL):
        conn.call("setACL", wire.body_set_acl(top + "/acl-changed",
                                              [(perms, "world", "anyone"), digest_acl("b", "c")]))
    create("/acl-shared1", b"", [digest_acl("alice", "wonder")])
    create("/acl-shared2", b"", [digest_acl("alice", "wonder")])


def write_kinds(conn, create, top):
    conn.call("createContainer", wire.body_create(top + "/box", b"box", flags=wire.CONTAINER))
    create("/box/child", b"")
    conn.call("createContainer", wire.body_create(top + "/box-empty", b"", flags=wire.CONTAINER))
    create("/flag-container", b"create with the flag of a container", flags=wire.CONTAINER)
    conn.call("createTTL", wire.body_create_ttl(top + "/ttl", b"ttl", ttl=3600000))
    conn.call("createTTL", wire.body_create_ttl(top + "/ttl-", b"ttl", flags=wire.TTL_SEQUENTIAL,
                                                ttl=7200000))


def write_multis(conn, top):
    conn.call("multi", wire.body_multi([
        ("create", wire.body_create(top + "/multi", b"1")),
        ("create", wire.body_create(top + "/multi/seq-", b"2", flags=wire.SEQUENTIAL)),
        ("setData", wire.body_set_data(top + "/multi", b"3", 0)),
        ("check", wire.body_path_version(top + "/multi", 1)),
        ("create", wire.body_create(top + "/multi/gone", b"")),
        ("delete", wire.body_path_version(top + "/multi/gone")),
        ("createContainer", wire.body_create(top + "/multi/box", b"", flags=wire.CONTAINER)),
        ("createTTL", wire.body_create_ttl(top + "/multi/ttl", b"", ttl=3600000)),
    ]))
    # A failed multi is answered with err 0 and error results; it changes nothing but the zxid.
    conn.call("multi", wire.body_multi([
        ("setData", wire.body_set_data(top + "/multi", b"never")),
        ("delete", wire.body_path_version(top + "/none")),
    ]))
    conn.call("multi", wire.body_multi([]))


def write_create2_in_multi(server, top):
    """Apache before 3.7 logs this and then stops at it, when it is applied and at every replay:
    the parts behind it are lost (ZOOKEEPER-4026)."""
    conn = connect(server)
    conn.call("multi", wire.body_multi([
        ("create", wire.body_create(top + "/multi2", b"1")),
        ("create2", wire.body_create(top + "/multi2/seq-", b"2", flags=wire.SEQUENTIAL)),
        ("setData", wire.body_set_data(top + "/multi2", b"3", 0)),
    ]))
    close(conn)


def write_quota(conn, create, top):
    create("/quota", b"12345")
    node = "/zookeeper/quota"
    for part in (top + "/quota").strip("/").split("/"):
        node += "/" + part
        try:
            conn.call("create", wire.body_create(node, b""))
        except ServerError as error:
            if error.code != -110:
                raise
    limits = b"count=100,bytes=1000"
    conn.call("create", wire.body_create(node + "/zookeeper_limits", limits))
    conn.call("create", wire.body_create(node + "/zookeeper_stats", b"count=0,bytes=0"))
    create("/quota/a", b"1234567")
    create("/quota/b", b"12")
    conn.call("delete", wire.body_path_version(top + "/quota/b"))


def write_changes(conn, create, top):
    create("/changed", b"0")
    for number in range(30):
        conn.call("setData", wire.body_set_data(top + "/changed", b"%d" % number))
    conn.call("setData", wire.body_set_data(top + "/empty", None))
    conn.call("setData", wire.body_set_data("/", b"the root has data"))
    for number in range(30):
        create(f"/coming{number}", b"x" * number)
    for number in range(0, 30, 2):
        conn.call("delete", wire.body_path_version(f"{top}/coming{number}"))
    fails(conn, "create", wire.body_create(top, b""), -110)
    fails(conn, "create", wire.body_create(top + "/none/x", b""), -101)
    fails(conn, "setData", wire.body_set_data(top + "/changed", b"", 5), -103)
    fails(conn, "delete", wire.body_path_version(top), -111)
    fails(conn, "setACL", wire.body_set_acl(top + "/changed", []), -114)
