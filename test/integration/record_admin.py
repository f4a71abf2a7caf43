"""Writes admin_expected/: what Apache's newest server answers to the sessions that the tests play.

    PYTHONPATH=test .venv/bin/python test/integration/record_admin.py
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import admin_session  # noqa: E402
import audit_session  # noqa: E402
import words_session  # noqa: E402
from peers import NEWEST, ApacheServer, free_port  # noqa: E402


def main():
    admin_session.EXPECTED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, metrics_port in (("default", 0), ("prometheus", free_port())):
            server = ApacheServer(NEWEST, Path(folder) / name, free_port(),
                                  admin_session.configuration(free_port(), metrics_port),
                                  admin_session.PROPERTIES)
            with server:
                text = admin_session.ask_everything(server)
            (admin_session.EXPECTED / f"{name}.txt").write_text(text, encoding="utf-8")
        with admin_session.make_roles(Path(folder) / "roles", NEWEST) as ensemble:
            lines = admin_session.ask_roles(ensemble.start())
        (admin_session.EXPECTED / "roles.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        server = ApacheServer(NEWEST, Path(folder) / "audit", free_port(), {},
                              audit_session.PROPERTIES)
        lines = audit_session.record(server)
        server = ApacheServer(NEWEST, Path(folder) / "words", free_port(), words_session.CFG)
        (admin_session.EXPECTED / "words.txt").write_text(words_session.ask(server),
                                                          encoding="utf-8")
        server.kill()
        (admin_session.EXPECTED / "audit.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
