"""Memory that the machine really has, before anything is measured.

A virtual machine that reports its free pages to the host (free page reporting) gets them back with a fault
in the host: some 2 us per page, several times what a server spends on it.  Both sides then measure the
host.  So the free memory is filled with clean page cache: a server's new pages are taken from there, which
costs what it costs on any machine that has been up for a while.
"""

import os
import shutil
from pathlib import Path

REPORTING = Path("/sys/module/page_reporting")
# Left free: the servers themselves, and what the kernel keeps.
LEFT_FREE_BYTES = 2 << 30
LEFT_ON_DISK_BYTES = 12 << 30
LEAST_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


def free_bytes():
    """Memory that nobody uses, page cache not counted."""
    with open("/proc/meminfo", encoding="ascii") as info:
        for line in info:
            if line.startswith("MemFree:"):
                return int(line.split()[1]) * 1024
    return 0


class WarmMemory:
    """A file of holes, kept in the page cache; nothing of it is ever written."""

    def __init__(self, folder, wanted=True):
        self.path = Path(folder) / "warm_memory"
        self.size = 0
        room = min(free_bytes() - LEFT_FREE_BYTES,
                   shutil.disk_usage(folder).free - LEFT_ON_DISK_BYTES)
        if wanted and REPORTING.exists() and room >= LEAST_BYTES:
            self.size = room // CHUNK_BYTES * CHUNK_BYTES
            with open(self.path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
            self.fill()

    def fill(self):
        """Read it once more; what is still there costs little."""
        if self.size == 0 or free_bytes() < LEFT_FREE_BYTES:
            return
        buffer = bytearray(CHUNK_BYTES)
        with open(self.path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                if free_bytes() < LEFT_FREE_BYTES // 2:
                    break

    def describe(self):
        if self.size == 0:
            return "Memory: as it is"
        return (f"Memory: {self.size / 2**30:.0f} GiB of free pages were filled with page cache first, since this "
                "machine gives free pages back to its host")

    def release(self):
        self.path.unlink(missing_ok=True)
