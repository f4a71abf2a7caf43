"""Three sessions with watches and ephemerals, and what every four-letter word tells of them.

`ask(server)` plays and returns one text in which only what differs from run to run is replaced; the
golden recording (test/golden) compares the words with one session, this one where sessions, paths and
counts are many.
"""

import re

from bystander import open_session
from golden.zookeeper import wire
from golden.zookeeper.client import ServerError

CFG = {"tickTime": 3000, "minSessionTimeout": 5000, "maxSessionTimeout": 70000, "maxClientCnxns": 77,
       "clientPortListenBacklog": 50}
DATE = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]{3,4} \d{4}")


def play(server):
    conns = [open_session(server.address, timeout_ms=timeout) for timeout in (6000, 30000, 70000)]
    a, b, c = conns
    for number in range(3):
        a.call("create", wire.body_create(f"/w{number}", b"data"))
    for conn, name in ((a, "/w0/e"), (a, "/w1/e"), (b, "/w0/f")):
        conn.call("create", wire.body_create(name, b"", flags=wire.EPHEMERAL))
    for conn, paths in ((a, ("/w0", "/w1")), (b, ("/w0",)), (c, ("/w0", "/w2"))):
        for path in paths:
            conn.call("getData", wire.body_path_watch(path, True))
            conn.call("getChildren", wire.body_path_watch(path, True))
    try:
        c.call("exists", wire.body_path_watch("/w9", True))
    except ServerError:
        pass
    c.call("addWatch", wire.body_path("/w1") + wire.i32(0))
    c.call("addWatch", wire.body_path("/w2") + wire.i32(1))
    return conns


def normal(text, conns):
    for number, conn in enumerate(conns):
        text = text.replace(f"0x{conn.session_id & (1 << 64) - 1:x}", f"<session {number}>")
    text = re.sub(r"(?m)^(Zookeeper version: |zookeeper.version=).*$", r"\1<version>", text)
    text = re.sub(r"/127\.0\.0\.1:\d+\[\d\]", "/127.0.0.1:<port>[<n>]", text)
    text = re.sub(r"(?m)^(Latency min/avg/max): \d+/\d+\.\d+/\d+$", r"\1: <n>/<n>/<n>", text)
    text = re.sub(r"(?m)^(Received|Sent|Connections): \d+$", r"\1: <n>", text)
    text = re.sub(r"\b(est|lresp|llat|minlat|avglat|maxlat)=\d+", r"\1=<n>", text)
    text = re.sub(r"(?m)^(clientPort|dataDir|dataDirSize|dataLogDir|dataLogSize)=.*$", r"\1=<x>", text)
    return re.sub(r"(data|log)dir_size: \d+", r"\1dir_size: <n>", text)


def sessions_of(text, conns):
    """`dump`: which session is due when moves with the clock; the rest stays."""
    text = normal(text, conns)
    text = re.sub(r"(?m)^0 expire at .*\n", "", text)
    assert all(DATE.fullmatch(date) for date in re.findall(r"expire at (.*):$", text, re.M))
    text = re.sub(r"Session Sets \(\d+\)", "Session Sets (<n>)", text)
    text = re.sub(r"(?m)^\d+ expire at .*:\n", "<n> expire at <date>:\n", text)
    text = re.sub(r"Connections Sets \(\d+\)", "Connections Sets (<n>)", text)
    # Connections come and go with the words themselves; Apache keeps them in buckets of time.
    sessions, ephemerals = text.split("Connections dump:")[0].split("ephemeral nodes dump:\n")
    head, _, owners = ephemerals.partition("\n")
    return f"{sessions}{head}\n{groups(owners)}"


def groups(text):
    """wchp and wchc are hash tables: groups and their members are sorted."""
    found = {}
    head = None
    for line in text.splitlines():
        if line.startswith("\t"):
            found[head].append(line)
        else:
            head = line
            found.setdefault(head, [])
    return "\n".join(line for head in sorted(found) for line in [head] + sorted(found[head]))


def connections(text, conns):
    """`cons` and `stat`: the sessions' lines, sorted; the words' own connections are left out."""
    text = normal(text, conns)
    lines = text.split("\n")
    own = sorted(line for line in lines if "recved=" in line and "recved=1,sent=0)" not in line
                 and "recved=0" not in line)
    return "\n".join(own + [line for line in lines if "recved=" not in line])


def environment(text):
    return " ".join(line.split("=")[0] for line in text.splitlines())


def ask(server):
    server.start()
    conns = play(server)
    out = []

    def word(name, form):
        out.append(f"--- {name}\n{form(server.four_letter(name).decode())}")

    for name in ("srvr", "conf", "wchs", "ruok", "isro", "dirs", "gtmk"):
        word(name, lambda text: normal(text, conns))
    word("dump", lambda text: sessions_of(text, conns))
    for name in ("wchp", "wchc"):
        word(name, lambda text: groups(normal(text, conns)))
    for name in ("cons", "stat"):
        word(name, lambda text: connections(text, conns))
    word("envi", environment)
    word("crst", lambda text: normal(text, conns))
    conns[0].call("getData", wire.body_path_watch("/w0"))
    word("cons", lambda text: connections(text, conns))
    word("srst", lambda text: normal(text, conns))
    # Events take their watches away, but for the persistent ones.  (Apache goes on counting the
    # connections that once watched: of them, wchs and wchc tell more there.)
    conns[0].call("setData", wire.body_set_data("/w0", b"new"))
    conns[0].call("setData", wire.body_set_data("/w1", b"new"))
    conns[0].call("setData", wire.body_set_data("/w2", b"new"))
    word("wchp", lambda text: groups(normal(text, conns)))
    conns[1].call("closeSession")
    word("dump", lambda text: sessions_of(text, conns))
    for conn in conns:
        conn.close()
    return "\n".join(out) + "\n"
