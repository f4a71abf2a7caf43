"""Jute by hand: how requests are spelled and how replies are taken apart, with `struct` alone.

This is on purpose a second codec, independent of schema/ and its generator: a mistake in the
product's codec must not be able to cancel itself out in the test.

Taking a reply apart serves two ends.  It gives a line that a person can read, and it gives the
reply's bytes again with the fields replaced that must differ from run to run:

* session ids, by their number of order in the recording (0 stays 0, an unknown one stays raw);
* session passwords, when they are what Apache derives from the session id, else they stay raw;
* ctime and mtime of a Stat, when they lie within the recording's wall time (0 stays 0);
* the order of names in lists that Apache keeps in hash sets: children, ephemerals and the
  identities of whoAmI are sorted, and so is an ACL that was expanded from `auth` ids.

Every other byte is kept as it came.
"""

import hashlib
import struct
import time

NOTIFICATION_XID = -1
PING_XID = -2
AUTH_XID = -4
SET_WATCHES_XID = -8

OPCODES = {
    "notification": 0, "create": 1, "delete": 2, "exists": 3, "getData": 4, "setData": 5,
    "getACL": 6, "setACL": 7, "getChildren": 8, "sync": 9, "ping": 11, "getChildren2": 12,
    "check": 13, "multi": 14, "create2": 15, "reconfig": 16, "checkWatches": 17,
    "removeWatches": 18, "createContainer": 19, "deleteContainer": 20, "createTTL": 21,
    "multiRead": 22, "auth": 100, "setWatches": 101, "sasl": 102, "getEphemerals": 103,
    "getAllChildrenNumber": 104, "setWatches2": 105, "addWatch": 106, "whoAmI": 107,
    "createSession": -10, "closeSession": -11, "error": -1,
}
OP_NAMES = {number: name for name, number in OPCODES.items()}

ERRORS = {
    0: "OK", -1: "SYSTEMERROR", -2: "RUNTIMEINCONSISTENCY", -3: "DATAINCONSISTENCY",
    -4: "CONNECTIONLOSS", -5: "MARSHALLINGERROR", -6: "UNIMPLEMENTED", -7: "OPERATIONTIMEOUT",
    -8: "BADARGUMENTS", -12: "UNKNOWNSESSION", -13: "NEWCONFIGNOQUORUM",
    -14: "RECONFIGINPROGRESS", -100: "APIERROR", -101: "NONODE", -102: "NOAUTH",
    -103: "BADVERSION", -108: "NOCHILDRENFOREPHEMERALS", -110: "NODEEXISTS", -111: "NOTEMPTY",
    -112: "SESSIONEXPIRED", -113: "INVALIDCALLBACK", -114: "INVALIDACL", -115: "AUTHFAILED",
    -118: "SESSIONMOVED", -119: "NOTREADONLY", -120: "EPHEMERALONLOCALSESSION",
    -121: "NOWATCHER", -122: "REQUESTTIMEOUT", -123: "RECONFIGDISABLED",
    -124: "SESSIONCLOSEDREQUIRESASLAUTH", -125: "QUOTAEXCEEDED", -127: "THROTTLEDOP",
}

READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31
OPEN = [(ALL, "world", "anyone")]
READ_ONLY = [(READ, "world", "anyone")]

PERSISTENT, EPHEMERAL, SEQUENTIAL, EPHEMERAL_SEQUENTIAL, CONTAINER, TTL, TTL_SEQUENTIAL = range(7)

SESSION_MARK = 0x5E55 << 48
PASSWORD_MARK = b"derived-password"
TIME_MARK = 1
SHORTEN_OVER = 400


# --- spelling ---

def i32(value):
    return struct.pack(">i", value)


def i64(value):
    return struct.pack(">q", value)


def boolean(value):
    return struct.pack(">B", int(value))


def buf(data):
    """A jute buffer; None is the null buffer.  Text is for convenience."""
    if data is None:
        return i32(-1)
    if isinstance(data, str):
        data = data.encode("utf-8")
    return i32(len(data)) + data


string = buf


def vector(items):
    if items is None:
        return i32(-1)
    return i32(len(items)) + b"".join(items)


def strings(items):
    return None if items is None else [string(item) for item in items]


def acl_vector(acl):
    if acl is None:
        return i32(-1)
    return vector([i32(perms) + string(scheme) + string(ident) for perms, scheme, ident in acl])


def multi_header(kind, done=False, err=-1):
    return i32(kind) + boolean(done) + i32(err)


def body_create(path, data=b"", acl=OPEN, flags=PERSISTENT):
    return string(path) + buf(data) + acl_vector(acl) + i32(flags)


def body_create_ttl(path, data=b"", acl=OPEN, flags=TTL, ttl=1000):
    return body_create(path, data, acl, flags) + i64(ttl)


def body_path(path):
    return string(path)


def body_path_version(path, version=-1):
    return string(path) + i32(version)


def body_path_watch(path, watch=False):
    return string(path) + boolean(watch)


def body_set_data(path, data=b"", version=-1):
    return string(path) + buf(data) + i32(version)


def body_set_acl(path, acl=OPEN, version=-1):
    return string(path) + acl_vector(acl) + i32(version)


def body_multi(operations):
    """operations: (opcode name or number, body) each; the closing header is added."""
    parts = [multi_header(opcode(kind)) + body for kind, body in operations]
    return b"".join(parts) + multi_header(-1, True, -1)


def body_auth(scheme, auth, kind=0):
    return i32(kind) + string(scheme) + buf(auth)


def body_set_watches(relative_zxid, data=(), exist=(), child=(), persistent=None, recursive=None):
    body = i64(relative_zxid)
    lists = [data, exist, child]
    if persistent is not None:
        lists += [persistent, recursive or ()]
    return body + b"".join(vector(strings(names)) for names in lists)


def body_reconfig(joining=None, leaving=None, new_members=None, config_id=-1):
    return string(joining) + string(leaving) + string(new_members) + i64(config_id)


def connect_request(timeout_ms=30000, session_id=0, password=bytes(16), last_zxid_seen=0,
                    read_only=None, protocol=0):
    body = i32(protocol) + i64(last_zxid_seen) + i32(timeout_ms) + i64(session_id) + buf(password)
    if read_only is not None:
        body += boolean(read_only)
    return body


def opcode(kind):
    return OPCODES[kind] if isinstance(kind, str) else kind


def frame(payload):
    return i32(len(payload)) + payload


def derived_password(session_id):
    """The 16 bytes that java.util.Random gives for this session id; see reference, section 2.3."""
    state = ((session_id ^ 0xB3415C00) ^ 0x5DEECE66D) & ((1 << 48) - 1)
    out = b""
    for _ in range(4):
        state = (state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        out += struct.pack("<I", (state >> 16) & 0xFFFFFFFF)
    return out


# --- showing ---

def show_bytes(data):
    if data is None:
        return "null"
    if len(data) > SHORTEN_OVER:
        return f"<{len(data)} bytes {hashlib.sha256(data).hexdigest()[:16]}>"
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}"
                         for b in data) + '"'


def show_hex(data):
    if len(data) > SHORTEN_OVER:
        return (f"{data[:48].hex()}..{data[-8:].hex()}"
                f"({len(data)} bytes {hashlib.sha256(data).hexdigest()[:16]})")
    return data.hex()


class Malformed(Exception):
    """The reply ends before the record does, or a length in it makes no sense."""


class Names:
    """What must be the same thing throughout one recording: sessions, and when it began."""

    def __init__(self):
        self.sessions = {}
        self.began_ms = int(time.time() * 1000) - 5000

    def learn_session(self, session_id):
        return self.sessions.setdefault(session_id, len(self.sessions) + 1)


class Reader:
    """Reads one record; collects the readable form and the normalised bytes on the way."""

    def __init__(self, data, names, sort_acl=False):
        self.data = data
        self.names = names
        self.sort_acl = sort_acl
        self.at = 0
        self.shown = []
        self.normal = []

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise Malformed(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        piece = self.data[self.at:self.at + size]
        self.at += size
        return piece

    def left(self):
        return len(self.data) - self.at

    def show(self, name, text):
        self.shown.append(f"{name}={text}")

    def i32(self, name):
        raw = self.take(4)
        value = struct.unpack(">i", raw)[0]
        self.normal.append(raw)
        if name:
            self.show(name, value)
        return value

    def error(self, name):
        raw = self.take(4)
        value = struct.unpack(">i", raw)[0]
        self.normal.append(raw)
        self.show(name, f"{value}({ERRORS.get(value, '?')})" if value else 0)
        return value

    def i64(self, name):
        raw = self.take(8)
        value = struct.unpack(">q", raw)[0]
        self.normal.append(raw)
        self.show(name, value)
        return value

    def boolean(self, name):
        raw = self.take(1)
        self.normal.append(raw)
        self.show(name, raw[0])
        return raw[0]

    def buffer(self, name):
        raw = self.take(4)
        size = struct.unpack(">i", raw)[0]
        self.normal.append(raw)
        if size == -1:
            self.show(name, "null")
            return None
        data = self.take(size)
        self.normal.append(data)
        self.show(name, show_bytes(data))
        return data

    def time(self, name):
        value = struct.unpack(">q", self.take(8))[0]
        if self.names.began_ms <= value <= int(time.time() * 1000) + 5000:
            self.normal.append(i64(TIME_MARK))
            self.show(name, "now")
        else:
            self.normal.append(i64(value))
            self.show(name, value)
        return value

    def session(self, name, learn=False):
        value = struct.unpack(">q", self.take(8))[0]
        if learn and value != 0:
            self.names.learn_session(value)
        if value in self.names.sessions:
            number = self.names.sessions[value]
            self.normal.append(i64(SESSION_MARK + number))
            self.show(name, f"session-{number}")
        else:
            self.normal.append(i64(value))
            self.show(name, f"0x{value & (1 << 64) - 1:x}" if value else 0)
        return value

    def password(self, name, session_id):
        raw = self.take(4)
        size = struct.unpack(">i", raw)[0]
        data = self.take(size) if size != -1 else b""
        derived = session_id != 0 and data == derived_password(session_id)
        self.normal += [raw, PASSWORD_MARK if derived else data]
        self.show(name, "derived" if derived else data.hex() or "null")
        return data

    def vector(self, name, element, ordered=True):
        raw = self.take(4)
        count = struct.unpack(">i", raw)[0]
        self.normal.append(raw)
        if count == -1:
            self.show(name, "null")
            return
        if count < 0 or count > self.left():
            raise Malformed(f"vector of {count} at {self.at}")
        outer_shown, outer_normal = self.shown, self.normal
        items = []
        for _ in range(count):
            self.shown, self.normal = [], []
            element()
            items.append((b"".join(self.normal), " ".join(self.shown)))
        if not ordered:
            items.sort()
        self.shown, self.normal = outer_shown, outer_normal
        self.normal += [normal for normal, _ in items]
        text = ", ".join(shown for _, shown in items)
        if len(text) > SHORTEN_OVER:
            text = f"<{count} items {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
        self.show(name, f"[{text}]")

    # --- records ---

    def stat(self):
        self.i64("czxid")
        self.i64("mzxid")
        ctime = self.time("ctime")
        mtime = self.time("mtime")
        if mtime < ctime:
            self.show("MTIME", "before-ctime")
        self.i32("version")
        self.i32("cversion")
        self.i32("aversion")
        self.session("owner")
        self.i32("length")
        self.i32("children")
        self.i64("pzxid")

    def names_list(self, name):
        self.vector(name, lambda: self.buffer("name"), ordered=False)

    def acl(self):
        def one():
            self.i32("perms")
            self.buffer("scheme")
            self.buffer("id")
        self.vector("acl", one, ordered=not self.sort_acl)

    def path(self):
        self.buffer("path")

    def path_stat(self):
        self.buffer("path")
        self.stat()

    def data_stat(self):
        self.buffer("data")
        self.stat()

    def acl_stat(self):
        self.acl()
        self.stat()

    def children(self):
        self.names_list("children")

    def children_stat(self):
        self.names_list("children")
        self.stat()

    def ephemerals(self):
        self.names_list("ephemerals")

    def number(self):
        self.i32("total")

    def err(self):
        self.error("err")

    def token(self):
        self.buffer("token")

    def identities(self):
        def one():
            self.buffer("scheme")
            self.buffer("user")
        self.vector("identities", one, ordered=False)

    def event(self):
        self.i32("type")
        self.i32("state")
        self.buffer("path")

    def connect_response(self):
        self.i32("protocol")
        self.i32("timeout")
        session_id = self.session("session", learn=True)
        self.password("password", session_id)
        if self.left():
            self.boolean("readOnly")

    def multi(self):
        while True:
            kind = self.i32(None)
            self.show("type", OP_NAMES.get(kind, kind))
            done = self.boolean("done")
            self.error("err")
            if done:
                return
            record = MULTI_RESULTS.get(kind)
            if record is not None:
                record(self)


MULTI_RESULTS = {
    -1: Reader.err, 1: Reader.path, 15: Reader.path_stat, 19: Reader.path_stat,
    21: Reader.path_stat, 4: Reader.data_stat, 5: Reader.stat, 8: Reader.children,
}

REPLIES = {
    "create": Reader.path, "create2": Reader.path_stat, "createContainer": Reader.path_stat,
    "createTTL": Reader.path_stat, "exists": Reader.stat, "getData": Reader.data_stat,
    "setData": Reader.stat, "getACL": Reader.acl_stat, "setACL": Reader.stat,
    "getChildren": Reader.children, "getChildren2": Reader.children_stat, "sync": Reader.path,
    "multi": Reader.multi, "multiRead": Reader.multi, "reconfig": Reader.data_stat,
    "sasl": Reader.token, "getEphemerals": Reader.ephemerals,
    "getAllChildrenNumber": Reader.number, "addWatch": Reader.err, "whoAmI": Reader.identities,
    "check": Reader.stat,
}


def finish(reader, record):
    """Run one record method; bytes that it does not account for are shown and kept raw."""
    if record is not None:
        try:
            record(reader)
        except Malformed as problem:
            reader.show("MALFORMED", problem)
    if reader.left():
        rest = reader.take(reader.left())
        reader.normal.append(rest)
        reader.show("MORE", show_hex(rest))
    return b"".join(reader.normal), " ".join(reader.shown)


def take_apart_connect(payload, names):
    return finish(Reader(payload, names), Reader.connect_response)


def take_apart(payload, kind, names, sort_acl=False):
    """kind: name of the request's operation, or None.  Returns (normalised bytes, text)."""
    reader = Reader(payload, names, sort_acl)

    def record(me):
        xid = me.i32("xid")
        me.i64("zxid")
        me.error("err")
        if xid == NOTIFICATION_XID:
            me.event()
        elif me.left() and kind in REPLIES:
            REPLIES[kind](me)

    return finish(reader, record)
