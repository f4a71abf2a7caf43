"""One scripted session whose every step should leave a line in the audit log, and those lines.

`record(server)` starts the server, plays the session and ends the server; it returns what was written
of it, with session ids and the process's user replaced.
"""

import getpass
import itertools
import re

from bystander import open_session
from golden.zookeeper import wire
from golden.zookeeper.client import Connection, ServerError

PROPERTIES = {"zookeeper.audit.enable": "true", "zookeeper.extendedTypesEnabled": "true"}
LINE = re.compile(r"(?:Slf4jAuditLogger - |\[audit\] INFO )(.*)$", re.M)


def attempt(conn, kind, body, xid=None):
    try:
        conn.call(kind, body, xid)
    except ServerError:
        pass


def play(server):
    conn = open_session(server.address)
    for auth in ("alice:secret", "bob:secret"):
        conn.call("auth", wire.body_auth("digest", auth), xid=wire.AUTH_XID)
    create = wire.body_create
    attempt(conn, "create", create("/audit", b"data"))
    attempt(conn, "create", create("/audit", b"again"))
    attempt(conn, "create", create("/none/x", b""))
    attempt(conn, "create", create("/audit/e", b"", flags=wire.EPHEMERAL))
    attempt(conn, "create2", create("/audit/s-", b"", flags=wire.SEQUENTIAL))
    attempt(conn, "create", create("/audit/es-", b"", flags=wire.EPHEMERAL_SEQUENTIAL))
    attempt(conn, "createContainer", create("/audit/c", b"", flags=wire.CONTAINER))
    attempt(conn, "createTTL", wire.body_create_ttl("/audit/t", b"", ttl=100000))
    attempt(conn, "createTTL", wire.body_create_ttl("/audit/ts-", b"", flags=wire.TTL_SEQUENTIAL,
                                                    ttl=100000))
    attempt(conn, "create", create("/audit/acl", b"", [(31, "digest", "alice:x"),
                                                       (1, "world", "anyone")]))
    attempt(conn, "setData", wire.body_set_data("/audit", b"new"))
    attempt(conn, "setData", wire.body_set_data("/audit", b"new", 77))
    attempt(conn, "setData", wire.body_set_data("/none", b""))
    attempt(conn, "setACL", wire.body_set_acl("/audit", [(31, "world", "anyone"), (1, "ip", "1.2.3.4")]))
    attempt(conn, "setACL", wire.body_set_acl("/none", wire.OPEN))
    attempt(conn, "delete", wire.body_path_version("/audit/c"))
    attempt(conn, "delete", wire.body_path_version("/audit"))
    attempt(conn, "delete", wire.body_path_version("/none"))
    attempt(conn, "getData", wire.body_path_watch("/audit"))
    attempt(conn, "getData", wire.body_path_watch("/none"))
    attempt(conn, "sync", wire.body_path("/audit"))
    attempt(conn, "multi", wire.body_multi([
        ("create", create("/audit/m", b"")), ("setData", wire.body_set_data("/audit/m", b"1")),
        ("check", wire.body_path_version("/audit/m", 1)),
        ("delete", wire.body_path_version("/audit/m"))]))
    attempt(conn, "multi", wire.body_multi([
        ("create", create("/audit/m2", b"")), ("delete", wire.body_path_version("/none"))]))
    attempt(conn, "reconfig", wire.body_reconfig("server.9=a:1:2", None))
    attempt(conn, "create", create("/audit/secret", b"", [(31, "digest", "carol:x")]))
    attempt(conn, "setData", wire.body_set_data("/audit/secret", b"x"))
    attempt(conn, "delete", wire.body_path_version("/audit/secret"))
    attempt(conn, "setACL", wire.body_set_acl("/audit/secret"))
    conn.call("closeSession")
    conn.close()
    other = Connection(server.address)
    other.handshake()
    attempt(other, "create", create("/audit/other", b"", flags=wire.EPHEMERAL))
    other.call("closeSession")
    other.close()


def lines(server):
    user = getpass.getuser()
    found = []
    for line in LINE.findall(server.logs()):
        line = re.sub(r"0x[0-9a-f]{6,}", "<session>", line)
        found.append(line.replace(f"user={user}\t", "user=<process>\t"))
    return in_order(found)


def in_order(found):
    """Ephemerals go in the order of a hash table: neighbours of that kind are sorted."""
    def is_end(line):
        return "operation=ephemeralZNodeDeletion" in line

    ordered = []
    for ends, group in itertools.groupby(found, is_end):
        ordered += sorted(group) if ends else list(group)
    return ordered


def record(server):
    server.start()
    play(server)
    server.stop()
    return lines(server)
