"""Three servers on this machine against three: writes, the share of reads, and the gap when a leader dies.

The clients are spread over all three servers, as a connect string spreads them; the CPU is that of all three.
"""

import json
import logging
import subprocess
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from .pairs import LOAD_TIMEOUT_S, OTHER_SHARE_MAX_DISK, BenchError
from .rows import Row, field

GAP_LIMIT_S = 60


class EnsembleSide:
    """Three servers of one maker and the generators pointed at them."""

    def __init__(self, name, ensemble, program):
        self.name = name
        self.ensemble = ensemble
        self.program = program
        self.warm_s = 0.0

    def cpu_seconds(self):
        return sum(server.cpu_seconds() for server in self.ensemble.servers.values() if server.alive)

    def load(self, member_ids, connections, depth, *arguments):
        """One generator for each of the members, at the same time; their sum."""
        commands = [[str(self.program), "run", *map(str, arguments), "--depth", str(depth),
                     "--connections", str(max(connections // len(member_ids), 1)),
                     "--server-pid", str(self.ensemble.servers[i].pid),
                     "--port", str(self.ensemble.servers[i].address[1])] for i in member_ids]
        before = self.cpu_seconds()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for command in commands]
        lines = []
        for command, process in zip(commands, running):
            out, err = process.communicate(timeout=LOAD_TIMEOUT_S)
            if process.returncode != 0:
                raise BenchError(f"{self.name}: {' '.join(command)}\n{err.strip()}")
            lines.append(json.loads(out))
            if lines[-1].get("errors"):
                raise BenchError(f"{self.name}: {lines[-1]['errors']} errors: {' '.join(command)}")
        operations = sum(line["ops"] for line in lines)
        return {"ops_per_s": sum(line["ops_per_s"] for line in lines),
                "server_cpu_us_per_op": (self.cpu_seconds() - before) * 1e6 / max(operations, 1),
                "p50_us": max(line["p50_us"] for line in lines), "p99_us": max(line["p99_us"] for line in lines),
                # Each generator takes the other servers and generators for strangers: no gate by them.
                "steal_share": max(line["steal_share"] for line in lines)}

    def write_gap_ms(self):
        """Kills the leader with -9 under a writing client; the time until a write succeeds again."""
        logging.getLogger("kazoo").setLevel(logging.CRITICAL)
        leader = self.ensemble.leader()
        rest = [server.hosts for i, server in self.ensemble.servers.items() if i != leader]
        client = KazooClient(hosts=",".join(rest), timeout=20, randomize_hosts=False,
                             connection_retry={"max_tries": -1, "delay": 0.002, "backoff": 1, "max_jitter": 0})
        client.start(timeout=30)
        client.ensure_path("/gap")
        session = client.client_id[0]
        killed, done = threading.Event(), []

        def write():
            while True:
                began = time.monotonic()
                was_killed = killed.is_set()
                try:
                    client.set("/gap", b"x")
                except KazooException:
                    continue
                if was_killed and began > 0:
                    done.append(time.monotonic())
                    return

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        time.sleep(0.3)
        self.ensemble.servers[leader].kill()
        at = time.monotonic()
        killed.set()
        writer.join(GAP_LIMIT_S)
        if not done:
            raise BenchError(f"{self.name}: no write succeeded in {GAP_LIMIT_S} s after the leader's death")
        kept = client.client_id[0] == session
        client.stop()
        client.close()
        self.ensemble.start(leader)
        if not kept:
            raise BenchError(f"{self.name}: the session was lost when the leader died")
        return (done[0] - at) * 1000


def warm_up(campaign):
    for side in campaign.sides:
        seconds = campaign.options.warm_first_s if side.name == "apache" else 1
        side.load(list(side.ensemble.servers), 48, 16, "--op", "set", "--seconds", seconds)


def writes(campaign):
    options = campaign.options
    reported = []

    def many(side):
        return {"set": side.load(list(side.ensemble.servers), 48, 16, "--op", "set", "--seconds", options.seconds)}

    def single(side):
        return {"single": side.load(side.ensemble.followers()[:1], 1, 1, "--op", "set", "--seconds", options.seconds)}

    pairs = campaign.pairs("set on three servers", options.pair_count, many, OTHER_SHARE_MAX_DISK)
    campaign.note("set on three servers", pairs, field("set", "ops_per_s"), "op/s")
    rate, cpu = field("set", "ops_per_s"), field("set", "server_cpu_us_per_op")
    reported += [(Row("Z8", "3 servers, set 48 x 16: rate", rate, "op/s", False, 4, 100e3), pairs),
                 (Row("ops", "3 servers, set 48 x 16: CPU of all", cpu, "us/op"), pairs)]
    pairs = campaign.pairs("one set at a time", options.pair_count, single, OTHER_SHARE_MAX_DISK)
    campaign.note("one set at a time", pairs, field("single", "p50_us"), "us")
    p50 = field("single", "p50_us")
    reported.append((Row("Z8", "3 servers, set 1 x 1 at a follower: p50", p50, "us", True, 2, 450), pairs))
    return reported


def read_shares(campaign):
    """The sweep of the ZooKeeper paper: 1 KB values, from writes alone to reads alone."""
    reported = []
    for reads in campaign.options.read_shares:
        name = f"{reads} % reads"

        def mixed(side, reads=reads, name=name):
            return {name: side.load(list(side.ensemble.servers), 48, 16, "--mix", f"get={reads},set={100 - reads}",
                                    "--value", 1024, "--root", "/kilobyte", "--seconds", campaign.options.seconds)}

        pairs = campaign.pairs(name, campaign.options.sweep_pairs, mixed, OTHER_SHARE_MAX_DISK)
        campaign.note(name, pairs, field(name, "ops_per_s"), "op/s")
        rate = field(name, "ops_per_s")
        reported.append((Row("sweep", f"3 servers, {name} of 1 KB, 48 x 16: rate", rate, "op/s", False), pairs))
    return reported


def gaps(campaign):
    def gap(side):
        return {"gap": {"ms": side.write_gap_ms()}}

    pairs = campaign.pairs("write gap", campaign.options.gap_pairs, gap)
    campaign.note("write gap", pairs, field("gap", "ms"), "ms")
    return [(Row("Z9", "leader killed with -9: gap of writes", field("gap", "ms"), "ms", True, 10, 100), pairs)]
