"""Runs the script against a server and writes down what the server said.

A recording is text: one block for each step, one line for each thing sent and each thing that
came back.

    [0007] a getData "/x" watch                     the step: number, connection, what it is
      > 0000000700000004000000022f7801              request, hexadecimal
      < 00000007... | xid=7 zxid=5 err=0 data=...   reply: normalised bytes, and the same for people
      = closed                                      anything else that happened

Steps are numbered within their section, so that a step added to one section does not renumber the
others.  What is normalised, and why, is told in wire.py.
"""

import time

from . import wire
from .client import CLOSED, TIMEOUT, Connection

SESSION_MS = 30000


class Recording:
    """The text that grows, and the sections' access to the server under test."""

    def __init__(self, server, config):
        self.server = server
        self.config = config
        self.names = wire.Names()
        self.lines = []
        self.count = 0
        self.step = 0
        self.open = []

    # --- writing ---

    def begin_section(self, name, about):
        self.step = 0
        self.open = []
        self.lines += ["", f"=== {name}: {about}"]

    def end_section(self):
        """Close every session that is still open, so that the next section starts from peace."""
        for conn in list(self.open):
            conn.close_session()
        self.open = []

    def begin_step(self, who, what):
        self.step += 1
        self.count += 1
        what = "".join(c if 32 <= ord(c) < 127 else f"\\x{ord(c):02x}" for c in what)
        self.lines.append(f"[{self.step:04d}] {who} {what}")

    def sent(self, data):
        self.lines.append(f"  > {wire.show_hex(data)}")

    def received(self, normal, text):
        self.lines.append(f"  < {wire.show_hex(normal)} | {text}")

    def happened(self, text):
        self.lines.append(f"  = {text}")

    # --- acting ---

    def raw(self, name):
        """A connection without a session."""
        conn = Talk(self, name, Connection(self.server.address))
        self.open.append(conn)
        return conn

    def connect(self, name, **fields):
        conn = self.raw(name)
        conn.connect(**fields)
        return conn

    def again(self, conn):
        """This connection, or a new one with its name when the server has closed it."""
        return conn if conn.alive else self.connect(conn.name)

    def restart(self, how):
        """End the server by `how`, stop or kill, and start it on what it left."""
        self.begin_step("-", f"the server is restarted: {how}")
        for conn in list(self.open):
            conn.forget()
        self.server.restart(how)

    def word(self, word, normalise=None, note=""):
        """A four-letter word on a connection of its own."""
        self.begin_step("-", f"four-letter word {wire.show_bytes(word)} {note}".rstrip())
        answer = self.server.four_letter(word)
        text = answer.decode("utf-8", "replace")
        if normalise is not None:
            text = normalise(text)
        for line in text.split("\n"):
            self.happened(f"|{line}")

    def text(self):
        head = [
            f"# Apache ZooKeeper's answers, configuration {self.config.name!r}.",
            f"# {self.config.about}",
            "# Written by `python3 test/golden/zookeeper record`; do not edit.",
            f"# {self.count} steps.",
        ]
        return "\n".join(head + self.lines) + "\n"


class Talk:
    """One connection of the script; everything that it sends and gets is written down."""

    def __init__(self, recording, name, conn):
        self.recording = recording
        self.name = name
        self.conn = conn
        self.alive = True
        self.last_error = 0

    def _lost(self, what):
        self.recording.happened(what)
        if what == CLOSED:
            self.forget()

    def forget(self):
        self.alive = False
        self.conn.close()
        if self in self.recording.open:
            self.recording.open.remove(self)

    def drop(self):
        """Close the TCP connection without closing the session."""
        self.recording.begin_step(self.name, "drops its connection")
        self.forget()

    # --- sessions ---

    def connect(self, note="", payload=None, **fields):
        fields.setdefault("timeout_ms", SESSION_MS)
        shown = " ".join(f"{k}={v}" for k, v in fields.items()
                         if k not in ("password", "session_id"))
        if payload is None:
            payload = wire.connect_request(**fields)
            self.recording.begin_step(self.name, f"connects {shown} {note}".rstrip())
        else:
            self.recording.begin_step(self.name, f"connects {note}".rstrip())
        self.conn.send_frame(payload)
        reply = self.conn.receive_frame()
        if not isinstance(reply, bytes):
            self._lost(reply)
            return
        self.recording.received(*wire.take_apart_connect(reply, self.recording.names))
        self.conn.note_connect_response(reply)
        if self.conn.session_id == 0:
            self.expect_close()

    def resume_fields(self):
        return {"session_id": self.conn.session_id, "password": self.conn.password}

    def close_session(self):
        self.call("closeSession", b"", "closes its session")
        if self.alive:
            self.expect_close()

    # --- requests ---

    def call(self, kind, body=b"", what="", **how):
        """One request; writes down all that comes up to and including its reply."""
        self.pipeline([(kind, body)], what or kind, **how)

    def create_session(self, body, what):
        """The one request that is answered without a reply header."""
        self.recording.begin_step(self.name, what)
        payload = self.conn.request_payload("createSession", body)
        self.recording.sent(payload)
        self.conn.send_frame(payload)
        reply = self.conn.receive_frame()
        if not isinstance(reply, bytes):
            self._lost(reply)
            return
        self.recording.received(*wire.take_apart_connect(reply, self.recording.names))

    def pipeline(self, requests, what, xid=None, answer_xid=None, sort_acl=False):
        """Several requests in one write, then all their replies."""
        self.recording.begin_step(self.name, what)
        if not self.alive:
            self.recording.happened("is closed already")
            return
        kinds = {}
        frames = []
        last = None
        for kind, body in requests:
            payload = self.conn.request_payload(kind, body, xid)
            last = int.from_bytes(payload[:4], "big", signed=True)
            kinds[last] = wire.OP_NAMES.get(wire.opcode(kind), kind)
            frames.append(wire.frame(payload))
            self.recording.sent(payload)
        self.conn.send_bytes(b"".join(frames))
        self._receive_until(last if answer_xid is None else answer_xid, kinds, sort_acl)

    def _receive_until(self, last, kinds, sort_acl=False):
        while True:
            reply = self.conn.receive_frame()
            if not isinstance(reply, bytes):
                self._lost(reply)
                return
            xid = int.from_bytes(reply[:4], "big", signed=True)
            normal, text = wire.take_apart(reply, kinds.get(xid), self.recording.names, sort_acl)
            self.recording.received(normal, text)
            if xid == last:
                self.conn.last_zxid = int.from_bytes(reply[4:12], "big", signed=True)
                self.last_error = int.from_bytes(reply[12:16], "big", signed=True)
                return

    def ping(self, what="pings"):
        """Collects what was under way to this connection: replies and events keep their order."""
        self.call("ping", b"", what, xid=wire.PING_XID)

    def frame(self, payload, what, then_ping=False):
        """A frame with exactly these bytes; then its one answer, or what a ping brings."""
        self.bytes(wire.frame(payload), what, then_ping)

    def bytes(self, data, what, then_ping=False):
        self.recording.begin_step(self.name, what)
        if not self.alive:
            self.recording.happened("is closed already")
            return
        self.recording.sent(data)
        self.conn.send_bytes(data)
        if then_ping:
            ping = self.conn.request_payload("ping", b"", wire.PING_XID)
            self.conn.send_frame(ping)
            self._receive_until(wire.PING_XID, {})
            return
        reply = self.conn.receive_frame()
        if not isinstance(reply, bytes):
            self._lost(reply)
            return
        self.recording.received(*wire.take_apart(reply, None, self.recording.names))

    def expect_close(self):
        reply = self.conn.receive_frame()
        while isinstance(reply, bytes):
            self.recording.received(*wire.take_apart(reply, None, self.recording.names))
            reply = self.conn.receive_frame()
        self._lost(reply)

    def begin(self, what):
        """A step in which nothing is sent."""
        self.recording.begin_step(self.name, what)

    def expect_reply(self, what):
        """One more frame that is on its way."""
        self.begin(what)
        reply = self.conn.receive_frame()
        if not isinstance(reply, bytes):
            self._lost(reply)
            return
        self.recording.received(*wire.take_apart(reply, None, self.recording.names))

    def word_in_pieces(self, pieces, what):
        """Bytes of no frame, with a pause after each piece; then all text until the close."""
        self.begin(what)
        for piece in pieces:
            self.recording.sent(piece)
            self.conn.send_bytes(piece)
            time.sleep(0.1)
        text = self.conn.receive_rest()
        self.recording.happened(wire.show_bytes(text))
        self.forget()

    def wait_gone(self, path, timeout=20):
        """Poll, unrecorded, until the node is gone; reads consume no zxid."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            payload = self.conn.request_payload("exists", wire.body_path_watch(path), xid=0x7FFF)
            self.conn.send_frame(payload)
            reply = self.conn.receive_frame()
            if not isinstance(reply, bytes):
                self._lost(reply)
                return
            if reply[:4] == b"\x00\x00\x7f\xff" and reply[12:16] != b"\x00\x00\x00\x00":
                return
            time.sleep(0.02)
        self.recording.happened(f"{wire.show_bytes(path.encode())} is still there")


__all__ = ["CLOSED", "Recording", "TIMEOUT", "Talk"]
