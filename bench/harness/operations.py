"""Operations in a closed loop: the part of the plan that is one table of workloads."""

import time
from dataclasses import dataclass
from typing import Optional, Tuple

from .pairs import OTHER_SHARE_MAX, OTHER_SHARE_MAX_DISK
from .rows import Row, field


@dataclass(frozen=True)
class Workload:
    """`targets`: (row id, what, key of the line, unit, less is better, asked ratio, asked number)."""

    name: str
    label: str
    arguments: Tuple
    targets: Tuple = ()
    writes: bool = False
    # Exactly so many operations instead of a time, so that both sides have made as many znodes; they
    # are deleted again, and those deletes are a workload of their own when this is set.
    made: bool = False
    then_delete: Optional[str] = None

    def ids(self):
        return {target[0] for target in self.targets}


CPU = ("server CPU", "server_cpu_us_per_op", "us/op", True)
RATE = ("rate", "ops_per_s", "op/s", False)
P50 = ("p50", "p50_us", "us", True)

WORKLOADS = (
    Workload("get", "get 16 x 16", ("--op", "get"),
             (("Z1", *CPU, 15, 1.0), ("Z2", *RATE, 8, 800e3))),
    Workload("exists", "exists 16 x 16", ("--op", "exists"),
             (("Z1", *CPU, 15, 1.0), ("Z2", *RATE, 8, 800e3))),
    Workload("get_1x256", "get 1 x 256", ("--op", "get", "--connections", 1, "--depth", 256),
             (("Z3", *RATE, 40, 900e3),)),
    Workload("get_256x4", "get 256 x 4", ("--op", "get", "--connections", 256, "--depth", 4),
             (("Z4", *RATE, 4, None),)),
    Workload("get_1000x1", "get 1000 x 1", ("--op", "get", "--connections", 1000, "--depth", 1),
             (("Z4", *RATE, 2.2, None),)),
    Workload("set", "set 16 x 16, fsync", ("--op", "set"),
             (("Z5", *RATE, 4, 220e3), ("Z5", *CPU, 14, None)), writes=True),
    Workload("create", "create 16 x 16, fsync", ("--op", "create"),
             (("Z5", *RATE, 4, 220e3), ("Z5", *CPU, 14, None)), writes=True, made=True,
             then_delete="delete"),
    Workload("set_1x1", "set 1 x 1, fsync", ("--op", "set", "--connections", 1, "--depth", 1),
             (("Z6", *P50, 2, 190), ("Z6", *CPU, 12, None)), writes=True),
    Workload("multi", "multi of 10 sets 16 x 16", ("--op", "multi"),
             (("Z7", *CPU, 8, None), ("Z7", *RATE, 8, None)), writes=True),
    Workload("children", "getChildren of 100, 16 x 16", ("--op", "children"),
             (("Z7", *CPU, 8, None), ("Z7", *RATE, 8, None))),
)

# What nobody asked a number for, but a user wants to see.
EXTRAS = (
    Workload("create_ephemeral", "create -e 16 x 16", ("--op", "create_ephemeral"),
             (("ops", *RATE, None, None), ("ops", *CPU, None, None)), writes=True, made=True),
    Workload("create_sequential", "create -s 16 x 16", ("--op", "create_sequential"),
             (("ops", *RATE, None, None), ("ops", *CPU, None, None)), writes=True, made=True,
             then_delete="delete_sequential"),
    *(Workload(f"mix_{reads}", f"{reads} % reads of 1 KB, 16 x 16",
               ("--mix", f"get={reads},set={100 - reads}", "--value", 1024, "--root", "/kilobyte"),
               (("mix", *RATE, None, None), ("mix", *CPU, None, None)), writes=True)
      for reads in (0, 50, 75, 90)),
)


def rows_of(workload):
    rows = [Row(row_id, f"{workload.label}: {what}", field(workload.name, key), unit, less, ratio,
                absolute)
            for row_id, what, key, unit, less, ratio, absolute in workload.targets]
    if workload.then_delete:
        label = workload.label.replace("create", "delete", 1)
        rows += [Row("ops", f"{label}: {what}", field(workload.then_delete, key), unit, less)
                 for what, key, unit, less in (RATE, CPU)]
    return rows


def warm_up(campaign, workload, serial):
    """A JVM compiles what runs hot; until then it is several times slower than it will be."""
    for side in campaign.sides:
        seconds = campaign.options.warm_s if side.warm_s else campaign.options.warm_first_s
        if side.name == "samsa":
            seconds = min(seconds, 0.5)
        arguments = ["run", *workload.arguments, "--warmup", 0]
        end_s = time.monotonic() + seconds
        if not workload.made:
            side.load(*arguments, "--seconds", seconds)
        while workload.made and time.monotonic() < end_s:
            # By number here too, so that what was made can be removed.
            serial[0] += 1
            tag = f"warm_{workload.name}_{serial[0]}"
            side.load(*arguments, "--tag", tag, "--ops", campaign.options.made)
            if workload.then_delete:
                side.load(*delete_arguments(tag, campaign.options.made))
        side.warm_s += seconds


def delete_arguments(tag, count):
    return ["run", "--op", "delete", "--tag", tag, "--ops", count]


def measure(campaign, workload, serial):
    """A function of a side: one run of the workload, and of its deletes."""

    def once(side):
        serial[0] += 1
        tag = f"{workload.name}_{serial[0]}"
        arguments = ["run", *workload.arguments, "--tag", tag]
        if not workload.made:
            return {workload.name: side.load(*arguments, "--seconds", campaign.options.seconds)}
        count = campaign.options.made
        result = {workload.name: side.load(*arguments, "--ops", count)}
        if workload.then_delete:
            result[workload.then_delete] = side.load(*delete_arguments(tag, count))
        return result

    return once


def run(campaign, workloads, pair_count, reserve_s=0):
    """[(row, pairs)] of every workload, and the names for the table of details.

    What would begin with less than `reserve_s` of the time left is not begun.
    """
    reported, details = [], []
    serial = [0]
    for workload in workloads:
        if campaign.left_s() < reserve_s:
            campaign.say(f"{workload.name}: left out, the time is needed for the rest")
            continue
        warm_up(campaign, workload, serial)
        limit = OTHER_SHARE_MAX_DISK if workload.writes else OTHER_SHARE_MAX
        pairs = campaign.pairs(workload.name, pair_count, measure(campaign, workload, serial), limit)
        rows = rows_of(workload)
        reported += [(row, pairs) for row in rows]
        details.append((workload.name, workload.label, pairs))
        if workload.then_delete:
            details.append((workload.then_delete, workload.label.replace("create", "delete", 1),
                            pairs))
        campaign.note(workload.name, pairs, rows[0].value, rows[0].unit)
    return reported, details
