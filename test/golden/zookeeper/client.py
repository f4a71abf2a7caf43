"""A client that speaks frames and knows nothing: it can send what no real client would send.

`Connection` is one TCP connection.  Frames may be sent one by one or many in one write, before
anything is read; replies are read one frame at a time.  `call()` is the plain synchronous use,
for programs that only want to work with a server and not to record it.
"""

import socket
import struct

from . import wire

CLOSED = "closed"
TIMEOUT = "timeout"
REPLY_TIMEOUT_S = 10


class ServerError(Exception):
    """An error code in a reply to call()."""

    def __init__(self, code, what):
        super().__init__(f"{what}: {code} {wire.ERRORS.get(code, '?')}")
        self.code = code


class ConnectionLost(Exception):
    """The server closed the connection, or did not answer in time."""


class Connection:
    def __init__(self, address, timeout=REPLY_TIMEOUT_S):
        self.sock = socket.create_connection(address, timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.pending = b""
        self.xid = 0
        self.session_id = 0
        self.password = bytes(16)
        self.negotiated_ms = 0
        self.events = []
        self.last_zxid = 0

    # --- frames ---

    def send_bytes(self, data):
        """False when the connection is already gone; what was answered can still be read."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return True

    def send_frame(self, payload):
        return self.send_bytes(wire.frame(payload))

    def next_xid(self):
        self.xid += 1
        return self.xid

    def request_payload(self, kind, body=b"", xid=None):
        if xid is None:
            xid = self.next_xid()
        return struct.pack(">ii", xid, wire.opcode(kind)) + body

    def receive_frame(self, timeout=None):
        """The next frame's payload, or CLOSED, or TIMEOUT."""
        self.sock.settimeout(self.timeout if timeout is None else timeout)
        while True:
            if len(self.pending) >= 4:
                size = struct.unpack(">i", self.pending[:4])[0]
                if len(self.pending) >= 4 + size:
                    payload = self.pending[4:4 + size]
                    self.pending = self.pending[4 + size:]
                    return payload
            try:
                chunk = self.sock.recv(1 << 20)
            except (TimeoutError, socket.timeout):
                return TIMEOUT
            except OSError:
                return CLOSED
            if not chunk:
                return CLOSED
            self.pending += chunk

    def receive_rest(self, timeout=5):
        """All bytes until the server closes, or until it is silent for the timeout."""
        self.sock.settimeout(timeout)
        data = self.pending
        self.pending = b""
        while True:
            try:
                chunk = self.sock.recv(65536)
            except OSError:
                return data
            if not chunk:
                return data
            data += chunk

    def close(self):
        self.sock.close()

    # --- the session, and synchronous use ---

    def note_connect_response(self, payload):
        _, negotiated, session_id = struct.unpack(">iiq", payload[:16])
        size = struct.unpack(">i", payload[16:20])[0]
        self.negotiated_ms = negotiated
        self.session_id = session_id
        self.password = payload[20:20 + max(size, 0)]

    def handshake(self, **fields):
        """Open or resume a session; False when the server refuses it."""
        self.send_frame(wire.connect_request(**fields))
        payload = self.receive_frame()
        if not isinstance(payload, bytes):
            return False
        self.note_connect_response(payload)
        return self.session_id != 0

    def call(self, kind, body=b"", xid=None):
        """One request and its reply body; notifications met on the way go to `events`."""
        payload = self.request_payload(kind, body, xid)
        wanted = struct.unpack(">i", payload[:4])[0]
        self.send_frame(payload)
        while True:
            reply = self.receive_frame()
            if not isinstance(reply, bytes):
                raise ConnectionLost(f"{kind}: {reply}")
            got, zxid, err = struct.unpack(">iqi", reply[:16])
            if got == wire.NOTIFICATION_XID:
                self.events.append(reply[16:])
                continue
            if got != wanted:
                raise ConnectionLost(f"{kind}: reply to {got} where {wanted} was due")
            if zxid > 0:
                self.last_zxid = zxid
            if err != 0:
                raise ServerError(err, kind)
            return reply[16:]
