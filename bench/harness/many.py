"""Many sessions (Z13) and many watchers (Z12)."""

import statistics

from .pairs import OTHER_SHARE_MAX_DISK
from .rows import Row, field


def sessions(campaign, pair_count):
    """Both servers must be fresh: their memory is compared before and after."""
    count = campaign.options.sessions

    def measure(side):
        # All at once is what a server meets after its restart; 64 at a time is the kindest case for
        # a short accept queue.
        return {"herd": side.load("sessions", "--connections", count, "--connecting", 0,
                                  "--hold", campaign.options.hold_s),
                "paced": side.load("sessions", "--connections", count, "--connecting", 64)}

    pairs = campaign.pairs("sessions", pair_count, measure, OTHER_SHARE_MAX_DISK)

    def rss_each(result):
        line = result["herd"]
        return (line["rss_kib"] - line["rss_before_kib"]) / line["connections"]

    def ping_cpu(result):
        hold = result["herd"].get("hold")
        return hold["server_cpu_s"] / hold["wall_s"] * 100 if hold else None

    whole = count >= 10000
    rows = [
        Row("Z13", f"{count} sessions connect, all at once: wall", field("herd", "wall_s"), "s", True,
            50, 1.0 if whole else None),
        Row("many", f"{count} sessions connect, 64 at a time: wall", field("paced", "wall_s"), "s"),
        Row("many", f"{count} sessions connect: server CPU", field("herd", "server_cpu_us_per_op"),
            "us each"),
        Row("many", f"{count} sessions ping: server CPU", ping_cpu, "% of a core"),
    ]
    campaign.note("sessions", pairs, rows[0].value, rows[0].unit)
    # Later runs take the memory that the first one gave back to the allocator.
    memory = (Row("many", f"{count} sessions: memory", rss_each, "KiB each"), pairs[:1])
    return [(row, pairs) for row in rows] + [memory], [("herd", f"{count} sessions at once", pairs),
                                            ("paced", f"{count} sessions, 64 at a time", pairs)]


def watches(campaign, pair_count):
    count = campaign.options.watchers

    def measure(side):
        return {"watch": side.load("watch", "--connections", count, "--rounds", 5)}

    pairs = campaign.pairs("watch", pair_count, measure, OTHER_SHARE_MAX_DISK)

    def fan_out_ms(result):
        return statistics.median(result["watch"]["rounds_ms"])

    rows = [
        Row("Z12", f"set to last of {count} watchers: wall", fan_out_ms, "ms", True, 5),
        Row("Z12", f"set to last of {count} watchers: server CPU",
            field("watch", "server_cpu_us_per_op"), "us each", True, 10),
    ]
    campaign.note("watch", pairs, rows[0].value, rows[0].unit)
    return [(row, pairs) for row in rows], [("watch", f"{count} watchers", pairs)]
