"""A disk that fails when a test says so: test/integration/bad_disk.c, preloaded into a server."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "integration" / "bad_disk.c"
KINDS = ("log", "snapshot", "mark", "folder")
FIELDS = ("writes", "syncs", "fail_write_from", "fail_sync_from", "fail_sync_count", "error",
          "sync_delay_ms", "ragged")


def build_bad_disk(folder):
    """The library, or None where no compiler is."""
    compiler = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)
    if compiler is None:
        return None
    library = Path(folder) / "bad_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class DiskOrders:
    """The numbers that bad_disk.c reads: orders.set("log", fail_sync_from=3, error=errno.EIO)."""

    def __init__(self, path):
        self.path = path
        size = 4 * len(KINDS) * len(FIELDS)
        path.write_bytes(bytes(size))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)

    def _at(self, kind, field):
        return 4 * (KINDS.index(kind) * len(FIELDS) + FIELDS.index(field))

    def set(self, kind, **fields):
        for field, value in fields.items():
            struct.pack_into("=i", self.map, self._at(kind, field), value)

    def get(self, kind, field):
        return struct.unpack_from("=i", self.map, self._at(kind, field))[0]

    def clear(self):
        self.map[:] = bytes(len(self.map))

    def environment(self, library):
        """What a server needs to obey. A sanitizer's runtime wants to be first; it is told that it need not."""
        return {"LD_PRELOAD": str(library), "BAD_DISK": str(self.path),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
