"""The script: its configurations, its sections, and the order in which they run.

A section is a function that gets the Recording and talks through it.  It names the configurations
it runs under; a configuration is one server, started once, on which its sections run in the order
of SECTIONS.  Sections use paths of their own, and leave no session behind, but zxids run on.

Rules that keep a recording equal from run to run:

* no two connections may have requests under way at the same time;
* what another connection's write brings is collected with ping(), which orders it;
* what happens by the server's own clock (expiry, removal of containers) is waited for alone;
* authentication, SASL and the refusal of unknown operations are answered ahead of what is still
  under way: nothing is in flight around them;
* what follows closeSession on a connection may still be answered or not: nothing follows it.
"""

from dataclasses import dataclass, field

SUPER_PASSWORD = "super:secret"
SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="


@dataclass(frozen=True)
class Configuration:
    name: str
    about: str
    cfg: dict = field(default_factory=dict)
    java_props: dict = field(default_factory=dict)


CONFIGURATIONS = {config.name: config for config in (
    Configuration("default", "Apache's defaults, all four-letter words allowed."),
    Configuration("extended", "extendedTypesEnabled: nodes with a time to live.",
                  java_props={"zookeeper.extendedTypesEnabled": "true"}),
    Configuration("quota", "enforceQuota: hard limits are refused.",
                  java_props={"zookeeper.enforceQuota": "true"}),
    Configuration("super", "a superDigest is set, reconfiguration is enabled.",
                  cfg={"reconfigEnabled": "true"},
                  java_props={"zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST}),
    Configuration("skipacl", "skipACL: permissions are not checked.",
                  java_props={"zookeeper.skipACL": "yes"}),
    Configuration("nodigest", "digest.enabled=false: no digests in transactions.",
                  java_props={"zookeeper.digest.enabled": "false"}),
    Configuration("small", "jute.maxbuffer is 2048.", java_props={"jute.maxbuffer": "2048"}),
    Configuration("quick", "short ticks; containers and times to live are checked often.",
                  cfg={"tickTime": 100, "maxSessionTimeout": 60000},
                  java_props={"zookeeper.extendedTypesEnabled": "true",
                              "znode.container.checkIntervalMs": "200"}),
    Configuration("restart", "the server is restarted meanwhile; extendedTypesEnabled.",
                  java_props={"zookeeper.extendedTypesEnabled": "true",
                              "znode.container.checkIntervalMs": "600000"}),
    Configuration("limited", "maxClientCnxns is 2.", cfg={"maxClientCnxns": 2}),
    Configuration("words", "four-letter words: the default whitelist.",
                  cfg={"4lw.commands.whitelist": None}),
    Configuration("enforced", "enforce.auth: digest authentication is required.",
                  java_props={"zookeeper.enforce.auth.enabled": "true",
                              "zookeeper.enforce.auth.schemes": "digest"}),
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
        SECTIONS.append(Section(function.__name__, about, configurations or ("default",),
                                function))
        return function
    return register


def load():
    """Import the modules that register sections; their order here is the order of the script."""
    from . import (sections_words, sections_nodes, sections_paths, sections_acl,  # noqa: F401
                   sections_multi, sections_watches, sections_sessions, sections_bytes, sections_quota,
                   sections_time, sections_restart)
    return SECTIONS


def sections_of(config):
    return [one for one in load() if config.name in one.configurations]


def run_script(recording):
    for one in sections_of(recording.config):
        recording.begin_section(one.name, one.about)
        one.run(recording)
        recording.end_section()
    return recording.text()
