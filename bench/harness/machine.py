"""The machine under the benchmark: whether it is quiet, and how fast its disk can be."""

import json
import mmap
import os
import platform
import statistics
import subprocess
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET_WINDOW_S = 0.25
BLOCK = 4096
FLOOR_ROUNDS = 300


def cpu_seconds():
    """(busy, steal) of all CPUs together since the machine started."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICKS_PER_S, steal / TICKS_PER_S


def process_cpu_seconds(pid):
    """User and system time of a process, its ended threads included, in nanoseconds' resolution.

    The kernel makes the id of a process's CPU clock out of its pid (clock_getcpuclockid(3)).
    """
    return time.clock_gettime(~pid << 3 | 2)


def wait_quiet(share, limit_s):
    """Wait until the whole machine is idle but for `share` of it; False if it never was."""
    deadline = time.monotonic() + limit_s
    while True:
        begin_s, (busy, _) = time.monotonic(), cpu_seconds()
        time.sleep(QUIET_WINDOW_S)
        used = (cpu_seconds()[0] - busy) / ((time.monotonic() - begin_s) * os.cpu_count())
        if used <= share:
            return True
        if time.monotonic() >= deadline:
            return False


def sync_floor_us(folder):
    """Median and 99th percentile of one 4 KiB write into a zeroed file, made durable.

    No acknowledged write can be faster than this, whatever the server is made of.
    """
    path = os.path.join(folder, "sync_floor")
    times = []
    # Anonymous memory is aligned, and its content differs from the zeros that it overwrites.
    block = mmap.mmap(-1, BLOCK)
    block.write(os.urandom(BLOCK))
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, bytes(BLOCK * FLOOR_ROUNDS))
        os.fsync(handle)
        for index in range(FLOOR_ROUNDS):
            begin_ns = time.perf_counter_ns()
            os.pwrite(handle, block, index * BLOCK)
            os.fdatasync(handle)
            times.append((time.perf_counter_ns() - begin_ns) / 1e3)
    finally:
        os.close(handle)
        os.unlink(path)
        block.close()
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)]


def replication_floor_us(program, folder):
    """Median and 99th percentile of a write that three processes hand on and sync (micro/replication_floor.c)."""
    command = [str(program), str(folder), str(FLOOR_ROUNDS * 5)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    times = json.loads(done.stdout)
    return times["p50_us"], times["p99_us"]


def description():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory_gib:.0f} GiB, Linux {platform.release()}"
