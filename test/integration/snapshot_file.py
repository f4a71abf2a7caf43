"""Reads a ZooKeeper snapshot file, to see what no reply shows: the owner kept for container and TTL
nodes, the sessions and their times, the seals.

Format: reference in docs/internals of this project, and FileSnap and DataTree of Apache ZooKeeper.
Written by hand with `struct`, independent of the product's code.
"""

import gzip
import struct
import zlib

MAGIC = 0x5A4B534E  # "ZKSN"
STAT_FORM = ">qqqqiiiqq"
STAT_FIELDS = ("czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion",
               "ephemeralOwner", "pzxid")


class Snapshot:
    """sessions {id: timeout}, nodes {path: (data, acl, stat)}, digest and zxid if present."""

    def __init__(self, data):
        self.data = data
        self.at = 0
        magic, version, self.database_id = self.unpack(">iiq")
        if magic != MAGIC or version != 2:
            raise ValueError(f"no snapshot: magic {magic:08x} version {version}")
        self.sessions = {}
        for _ in range(self.unpack(">i")[0]):
            session_id, timeout = self.unpack(">qi")
            self.sessions[session_id] = timeout
        acls = {}
        for _ in range(self.unpack(">i")[0]):
            number = self.unpack(">q")[0]
            acls[number] = tuple((self.unpack(">i")[0], self.buffer(), self.buffer())
                                 for _ in range(self.unpack(">i")[0]))
        self.nodes = {}
        while True:
            path = self.buffer()
            if path == b"/":
                break
            data = self.buffer()
            acl = self.unpack(">q")[0]
            self.nodes[path] = (data, acls.get(acl, acl), self.unpack(STAT_FORM))
        self.seal()
        self.digest = None
        self.last_zxid = None
        # Each later part has a seal of its own, so that older servers can stop reading before it.
        if self.at < len(self.data):
            self.digest = self.unpack(">qiq")
            self.seal()
        if self.at < len(self.data):
            self.last_zxid = self.unpack(">q")[0]
            self.seal()
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes are left")

    def unpack(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def buffer(self):
        size = self.unpack(">i")[0]
        if size == -1:
            return None
        if size < 0 or self.at + size > len(self.data):
            raise ValueError(f"length {size} at {self.at}")
        self.at += size
        return self.data[self.at - size:self.at]

    def seal(self):
        """Adler-32 of all before it, then the string "/"."""
        expected = zlib.adler32(self.data[:self.at])
        found = self.unpack(">q")[0]
        if found != expected or self.buffer() != b"/":
            raise ValueError(f"seal {found:x} at {self.at}, the bytes give {expected:x}")


def snapshot_files(data_dir):
    """Newest first."""
    files = (data_dir / "version-2").glob("snapshot.*")
    return sorted(files, key=lambda path: int(path.name.split(".")[1], 16), reverse=True)


def read_newest(data_dir):
    path = snapshot_files(data_dir)[0]
    data = path.read_bytes()
    return Snapshot(gzip.decompress(data) if path.suffix == ".gz" else data)
