"""Start a server in a configuration and run the script on it."""

from pathlib import Path

from peers import NEWEST, ApacheServer, SamsaServer, ServerDied

from .recording import Recording
from .script import run_script

HERE = Path(__file__).resolve().parent


def golden_path(name):
    return HERE / f"{name}.golden"


def make_server(kind, config, data_dir, port):
    if kind == "samsa":
        return SamsaServer(data_dir, port, config.cfg, config.java_props)
    return ApacheServer(NEWEST, data_dir, port, config.cfg, config.java_props)


def record(kind, config, data_dir, port):
    server = make_server(kind, config, data_dir, port)
    with server:
        text = run_script(Recording(server, config))
        status = server.stop()
    # SIGTERM is an orderly end: 0, or the status that a shell and Java give for it.
    if status not in (0, 143, -15):
        raise ServerDied(f"{server.kind} ended with {status}\n{server.log_tail()}")
    if "Sanitizer" in server.logs() or "runtime error:" in server.logs():
        raise ServerDied(f"a sanitizer complains\n{server.log_tail(120)}")
    return text
