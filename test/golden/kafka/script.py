"""The script: its configurations, its sections, and the order in which they run.

A section is a function that gets the Recording and talks through it.  A configuration is one
broker, started once with a ZooKeeper of its own, on which its sections run in the order of
SECTIONS.  Sections use topics and groups of their own.

Rules that keep a recording equal from run to run: no two connections have requests under way at the
same time unless the order of their answers follows; what happens by the broker's own clock or by
way of ZooKeeper is waited for, unrecorded; records carry times of their own.  What Apache never
answers, because a handler of it fails, is left out: null records in Produce, one resource twice in
AlterConfigs, OffsetFetch v8 and later of no groups.
"""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Configuration:
    name: str
    about: str
    properties: dict = field(default_factory=dict)


CONFIGURATIONS = {config.name: config for config in (
    Configuration("default", "One broker with Apache's defaults, but for one partition of offsets and no first "
                             "delay of groups."),
    Configuration("strict", "Topics are neither made by themselves nor deleted; small requests and messages.",
                  {"auto.create.topics.enable": "false", "delete.topic.enable": "false",
                   "message.max.bytes": 1000, "socket.request.max.bytes": 20000,
                   "group.min.session.timeout.ms": 1000, "group.max.session.timeout.ms": 10000,
                   "group.max.size": 1, "offset.metadata.max.bytes": 10, "min.insync.replicas": 2}),
)}

SECTIONS = []


@dataclass(frozen=True)
class Section:
    name: str
    about: str
    configurations: tuple
    run: object


def section(about, *configurations):
    """Register a section; its name is the function's."""
    def register(function):
        SECTIONS.append(Section(function.__name__, about, configurations or ("default",), function))
        return function
    return register


def load():
    """Import the modules that register sections; their order here is the order of the script."""
    from . import (sections_cluster, sections_topics, sections_configs, sections_records,  # noqa: F401
                   sections_reading, sections_groups, sections_transactions, sections_admin, sections_strict,
                   sections_bytes)
    return SECTIONS


def sections_of(config, only=()):
    return [one for one in load() if config.name in one.configurations and (not only or one.name in only)]


def run_script(recording, only=(), progress=None):
    for one in sections_of(recording.config, only):
        if progress is not None:
            print(f"{time.strftime('%H:%M:%S')} {one.name}", file=progress, flush=True)
        recording.begin_section(one.name, one.about)
        try:
            one.run(recording)
        except (LookupError, TypeError, ValueError, OSError) as problem:
            # A reply lacks what the next step needs: the comparison tells which, and the rest still runs.
            recording.happened(f"the section breaks off: {type(problem).__name__}")
        recording.end_section()
        if progress is not None:
            for place in recording.troubles():
                print(f"    {place}", file=progress, flush=True)
        if not recording.broker.alive:
            recording.happened("the broker died")
            break
    return recording.text()
