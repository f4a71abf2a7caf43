"""The AdminServer and the metrics of a server, asked for everything, in a form that can be compared.

`ask_everything(server)` gives one text: for each command its HTTP status and the shape of its JSON
(names in order, types instead of values), for each refusal its status and words, and the names that
`mntr` and /metrics have.  admin_expected/ holds what Apache's newest gives; record_admin.py writes it.
"""

import base64
import hashlib
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

from bystander import open_session
from golden.zookeeper import wire
from peers import free_port
from peers.ensemble import Ensemble

EXPECTED = Path(__file__).resolve().parent / "admin_expected"
SUPER_DIGEST = "super:" + base64.b64encode(hashlib.sha1(b"super:secret").digest()).decode()
SUPER = {"Authorization": "digest super:secret"}
PROMETHEUS = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"

# Not asked for: they take a body or change the server.
CHANGING = ("snapshot", "restore", "shed_connections")
# Values that say something by themselves, and are the same everywhere.
CONSTANT = ("command", "error", "server_state", "read_only", "provider_null", "voting", "zabstate",
            "tracemask", "server_id", "client_port_listen_backlog", "tick_time", "num_total_watches",
            "node_count", "last_processed_zxid", "num_paths", "num_connections", "synced_observers")
# What a JVM has, and a process without one has not.
JAVA = re.compile(r"^(jvm|process)_")


def configuration(port, metrics_port=0):
    cfg = {"admin.enableServer": "true", "admin.serverPort": port, "admin.serverAddress": "127.0.0.1",
           "admin.idleTimeout": 5000}
    if metrics_port:
        cfg.update({"metricsProvider.className": PROMETHEUS, "metricsProvider.httpHost": "127.0.0.1",
                    "metricsProvider.httpPort": metrics_port})
    return cfg


PROPERTIES = {"zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
              "zookeeper.admin.rateLimiterIntervalInMS": "0",
              "zookeeper.admin.snapshot.enabled": "true",
              "zookeeper.admin.restore.enabled": "true"}


def http(port, path, headers=None, data=None, method=None, timeout=20):
    """(status, headers, body)"""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers or {},
                                     data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def command(port, name, **options):
    """(status, the answer as JSON or None)"""
    status, headers, body = http(port, f"/commands/{name}", **options)
    is_json = headers.get("Content-Type", "").startswith("application/json")
    return status, json.loads(body) if is_json else None


def shape(name, value):
    """The value with its own names kept, and types where values differ from run to run."""
    if isinstance(value, dict):
        if value and all(re.fullmatch(r"-?[0-9]+|/.*", key) for key in value):
            return {"<key>": shape("", next(iter(value.values())))}
        # Jackson writes the members of these two in no order of its own.
        items = sorted(value.items()) if name in ("server_stats", "client_response_stats") \
            else value.items()
        return {key: shape(key, inner) for key, inner in items}
    if isinstance(value, list):
        return [shape("", value[0])] if value else []
    if name in CONSTANT or value is None:
        return value
    return f"<{type(value).__name__}>"


def prometheus_names(text):
    """Sorted lines "name type" of /metrics, without the JVM's own."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"# TYPE (\S+) (\S+)", line)
        if match and not JAVA.match(match.group(1)):
            found.append(f"{match.group(1)} {match.group(2)}")
    return sorted(set(found))


def ask_everything(server):
    """The server was made with configuration() and PROPERTIES and extendedTypes off."""
    port = int(server.cfg["admin.serverPort"])
    conn = open_session(server.address)
    conn.call("create", wire.body_create("/admin", b"1", flags=wire.EPHEMERAL))
    conn.call("getData", wire.body_path_watch("/admin", True))
    out = []
    names = re.findall(r'<a href="/commands/([a-z_]+)">\1</a>\n<br/>\n',
                       http(port, "/commands")[2].decode())
    out.append("commands: " + " ".join(names))
    aliases = ["conf", "config", "crst", "cons", "env", "envi", "gtmk", "icfg", "isro", "lsnp", "lead",
               "mntr", "orst", "obsr", "srvr", "srst", "stat", "sysp", "wchs", "wchc", "wchp"]
    others = ["nosuch", "SRVR", "set_trace_mask?traceMask=5", "stmk?traceMask=x", "stmk",
              "stmk?traceMask=306"]
    for name in [n for n in names if n not in CHANGING] + aliases + others:
        status, answer = command(port, name)
        if name in ("environment", "env", "envi"):
            answer = {key: value for key, value in answer.items() if key in CONSTANT}
        elif name in ("system_properties", "sysp"):
            answer = {key: value for key, value in answer.items() if key in CONSTANT}
        elif name in ("monitor", "mntr"):
            answer = {key: value for key, value in answer.items()
                      if key in CONSTANT + ("version",)}
        elif name in ("hash",):
            answer.pop("digests")
        out.append(f"{name}: {status} {json.dumps(shape('', answer))}")
    for header in (None, "digest super:secret", "digest", "nosuch a:b", "world anyone", "ip",
                   "digest super:secret extra"):
        headers = {"Authorization": header} if header else {}
        for name in ("snapshot?streaming=false", "snapshot"):
            status, reply_headers, body = http(port, f"/commands/{name}", headers=headers)
            what = reply_headers.get("Content-Type", "?")
            zxid = " last_zxid" if re.fullmatch("0x[0-9a-f]+", reply_headers.get("last_zxid", "")) \
                else ""
            error = json.loads(body)["error"] if what == "application/json" else None
            out.append(f"{name} with {header}: {status} {what}{zxid} {error}")
        status, answer = command(port, "restore", headers=headers, data=b"junk " * 20)
        out.append(f"restore of junk with {header}: {status} {answer['command']}")
    for method in ("PUT", "DELETE"):
        out.append(f"{method}: {http(port, '/commands/ruok', method=method)[0]}")
    for path in ("/", "/other"):
        out.append(f"{path}: {http(port, path)[0]}")
    text = server.four_letter("mntr").decode()
    out += sorted("mntr " + re.sub(r'"admin"|(?<=_)admin(?=_)', "<namespace>", line.split("\t")[0])
                  for line in text.splitlines() if not JAVA.match(line.removeprefix("zk_")))
    metrics_port = server.cfg.get("metricsProvider.httpPort")
    if metrics_port:
        status, headers, body = http(metrics_port, "/metrics")
        out.append(f"metrics: {status} {headers['Content-Type'].lower().replace(' ', '')}")
        out += ["metrics " + line for line in prometheus_names(body.decode())]
    conn.close()
    return "\n".join(out) + "\n"


# --- the servers of an ensemble ---

ROLES = ("leader", "follower", "observer")
ROLE_COMMANDS = ("configuration", "is_read_only", "last_snapshot", "leader", "observers",
                 "server_stats", "voting_view", "zabstate")


def make_roles(folder, kind):
    """An ensemble with an observer that can be asked everything; not started."""
    one = Ensemble(folder, [kind] * 4, observers={4}, cfg=role_configuration())
    for server in one.servers.values():
        server.cfg.update({"admin.serverPort": free_port(), "metricsProvider.httpPort": free_port()})
    return one


def role_configuration():
    return {"admin.enableServer": "true", "admin.serverAddress": "127.0.0.1", "metricsProvider.className": PROMETHEUS,
            "metricsProvider.httpHost": "127.0.0.1", "4lw.commands.whitelist": "*"}


def role_name(name):
    """Without the ids of learners and the names of folders, which are labels or parts of the name."""
    name = re.sub(r'key="[^"]*"', 'key="<key>"', name)
    return re.sub(r"_[0-9]+_learner", "_<id>_learner", name)


def ask_role(server):
    """What a server of an ensemble shows: the shape of its commands, the names of its words and metrics."""
    port, metrics_port = (int(server.cfg[key]) for key in ("admin.serverPort", "metricsProvider.httpPort"))
    out = []
    for name in ROLE_COMMANDS:
        status, answer = command(port, name)
        text = json.dumps(shape("", answer))
        out.append(f"{name}: {status} " + re.sub(r'"server_id": [0-9]+', '"server_id": "<int>"', text))
    answer = command(port, "monitor")[1]
    out.append("monitor: " + " ".join(name for name in answer if name in ("server_state", "peer_state", "quorum_size")))
    for word in ("mntr", "srvr", "conf"):
        lines = server.four_letter(word).decode().splitlines()
        names = {role_name(re.split(r"[\t:=]", line.replace('key="', 'key~"').replace('quantile="', 'quantile~"'))[0])
                 for line in lines if not JAVA.match(line.removeprefix("zk_"))}
        out += sorted(f"{word} {name.replace('~', '=')}" for name in names if name)
    out.append("isro: " + server.four_letter("isro").decode())
    out += ["metrics " + line for line in prometheus_names(http(metrics_port, "/metrics")[2].decode())]
    return out


def ask_roles(ensemble):
    """Lines "role: what it shows" of a leader, a follower and an observer of that ensemble."""
    roles = {ensemble.mode(member_id): server for member_id, server in ensemble.servers.items()}
    conn = open_session(roles["leader"].address)
    conn.call("create", wire.body_create("/roles", b"1"))
    ensemble.wait(lambda: len({server.four_letter("srvr").split(b"Zxid: ")[1].split(b"\n")[0]
                               for server in ensemble.servers.values()}) == 1, "agree")
    conn.close()
    return [f"{role}: {line}" for role in ROLES for line in ask_role(roles[role])]
