"""A connection that sends frames as they are told and reads frames back."""

import socket
import struct

from . import codec

REPLY_S = 4
FRAME_MAX = 1 << 26
CLOSED = "closed"
TIMEOUT = "no answer"


class Connection:
    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation_id = 0
        self.waiting = []       # (correlation id, api key, version) in the order of requests

    def close(self):
        self.sock.close()

    def send_bytes(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass                # the reply says it: closed

    def send_frame(self, payload):
        self.send_bytes(struct.pack(">i", len(payload)) + payload)

    def send(self, api_key, version, values, client_id="golden", answered=True):
        self.correlation_id += 1
        self.send_frame(codec.encode_request(api_key, version, self.correlation_id, values, client_id))
        if answered:
            self.waiting.append((self.correlation_id, api_key, version))

    def _read(self, size, timeout):
        self.sock.settimeout(timeout)
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(min(size - len(data), 1 << 16))
            if not chunk:
                return None
            data += chunk
        return data

    def receive_frame(self, timeout=REPLY_S):
        """The next frame's bytes, CLOSED or TIMEOUT."""
        try:
            head = self._read(4, timeout)
            if head is None:
                return CLOSED
            size = struct.unpack(">i", head)[0]
            if not 0 <= size <= FRAME_MAX:
                return f"a frame of {size} bytes"
            data = self._read(size, timeout)
            return CLOSED if data is None else data
        except TimeoutError:
            return TIMEOUT
        except OSError:
            return CLOSED

    def receive(self, timeout=REPLY_S):
        """(api key, version, values) of the oldest request under way; a text when there is none."""
        data = self.receive_frame(timeout)
        if isinstance(data, str):
            return data
        expected, api_key, version = self.waiting.pop(0)
        try:
            correlation_id, values = codec.decode_response(api_key, version, data)
        except (codec.Malformed, struct.error) as problem:
            return f"a malformed reply ({problem}): {data.hex()}"
        if correlation_id != expected:
            return f"the reply to {correlation_id}, not {expected}"
        return api_key, version, values

    def call(self, api, version, **values):
        """A request outside of the recording: returns the reply's values."""
        self.send(codec.APIS[api], version, values)
        reply = self.receive()
        if isinstance(reply, str):
            raise ConnectionError(f"{api} {version}: {reply}")
        return reply[2]
