"""Kafka's messages to bytes and back, driven by schema/kafka/*.def: no API is written by hand here.

A value is a dict by field name; a missing field has its default, and a field that the version lacks
is left out, so that a script can give one dict to all versions.  A misspelt name is an error.
"""

import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "schema"))

import grammar  # noqa: E402  (needs the path above)

PACKED = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q",
          "float64": ">d"}
NO_UUID = bytes(16)


class Malformed(Exception):
    """Bytes that are no message of this version."""


def load():
    paths = sorted((ROOT / "schema" / "kafka").glob("*.def"))
    folder = grammar.read_folder("kafka", [(path, path.name) for path in paths])
    return {message.name: message for message in folder.messages if message.is_top}, folder.enums


MESSAGES, ENUMS = load()
REQUESTS = {m.api_key: m for m in MESSAGES.values() if m.role == "request"}
RESPONSES = {m.api_key: m for m in MESSAGES.values() if m.role == "response"}
APIS = {m.name.removesuffix("_request"): m.api_key for m in REQUESTS.values()}
NAMES = {enum.name: {value[1]: value[2] for value in enum.values} for enum in ENUMS}
ERRORS = NAMES["error"]
API_NAMES = NAMES["api"]


def versions_of(api):
    """All versions of an API by its schema name, oldest first."""
    versions = REQUESTS[APIS[api]].versions
    return range(versions.first, versions.last + 1)


def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def default_of(field):
    if field.default_null:
        return None
    if field.kind == "array":
        return []
    if field.kind == "struct":
        return {}
    if field.kind == "string":
        return (field.default or '""').strip('"')
    if field.kind in ("bytes", "records"):
        return b""
    if field.kind == "uuid":
        return NO_UUID
    if field.kind == "bool":
        return bool(field.default)
    if field.kind == "float64":
        return struct.unpack(">d", struct.pack(">q", field.default or 0))[0]
    return field.default or 0


class Writer:
    def __init__(self, message, version):
        self.version = version
        self.flexible = message.flexible.has(version)

    def length(self, size, classic):
        """Of something with `size` bytes or elements; None is null."""
        if self.flexible and classic != "keep":
            return uvarint(0 if size is None else size + 1)
        return struct.pack(">h" if classic in ("short", "keep") else ">i", -1 if size is None else size)

    def primitive(self, kind, value, keep=False):
        if kind in PACKED:
            return struct.pack(PACKED[kind], value)
        if kind == "bool":
            return bytes([bool(value)])
        if kind == "uuid":
            return value
        data = value.encode() if isinstance(value, str) else value
        classic = "keep" if keep else "short" if kind == "string" else "long"
        return self.length(None if data is None else len(data), classic) + (data or b"")

    def value(self, field, value):
        if field.kind == "struct":
            if field.nullable.has(self.version):
                return b"\xff" if value is None else b"\x01" + self.record(field.record, value)
            return self.record(field.record, value)
        if field.kind != "array":
            return self.primitive(field.kind, value, field.classic)
        out = self.length(None if value is None else len(value), "long")
        for element in value or []:
            out += (self.record(field.record, element) if field.element == "struct" else
                    self.primitive(field.element, element))
        return out

    def record(self, message, values):
        unknown = set(values) - {field.name for field in message.fields}
        if unknown:
            raise KeyError(f"{message.name} has no field {', '.join(sorted(unknown))}")
        out, tagged = b"", []
        for field in message.fields:
            if not field.versions.has(self.version):
                continue
            value = values.get(field.name, default_of(field))
            if not field.tagged.has(self.version):
                out += self.value(field, value)
            elif value != default_of(field):
                data = self.value(field, value)
                tagged.append(uvarint(field.tag) + uvarint(len(data)) + data)
        if self.flexible:
            out += uvarint(len(tagged)) + b"".join(tagged)
        return out


class Reader:
    def __init__(self, message, version, data):
        self.version = version
        self.flexible = message.flexible.has(version)
        self.data = data
        self.at = 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise Malformed(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def length(self, classic):
        """None is null."""
        if self.flexible and classic != "keep":
            size = self.uvarint() - 1
        else:
            short = classic in ("short", "keep")
            size = struct.unpack(">h" if short else ">i", self.take(2 if short else 4))[0]
        return None if size < 0 else size

    def primitive(self, kind, keep=False):
        if kind in PACKED:
            return struct.unpack(PACKED[kind], self.take(struct.calcsize(PACKED[kind])))[0]
        if kind == "bool":
            return self.take(1) != b"\0"
        if kind == "uuid":
            return self.take(16)
        size = self.length("keep" if keep else "short" if kind == "string" else "long")
        if size is None:
            return None
        data = self.take(size)
        return data.decode("utf-8", "replace") if kind == "string" else data

    def value(self, field):
        if field.kind == "struct":
            if field.nullable.has(self.version) and self.take(1) == b"\xff":
                return None
            return self.record(field.record)
        if field.kind != "array":
            return self.primitive(field.kind, field.classic)
        count = self.length("long")
        if count is None:
            return None
        if count > len(self.data):
            raise Malformed(f"{count} elements")
        return [self.record(field.record) if field.element == "struct" else self.primitive(field.element)
                for _ in range(count)]

    def record(self, message):
        values, tagged = {}, {}
        for field in message.fields:
            if not field.versions.has(self.version):
                continue
            if field.tagged.has(self.version):
                tagged[field.tag] = field
                values[field.name] = default_of(field)
            else:
                values[field.name] = self.value(field)
        if self.flexible:
            for _ in range(self.uvarint()):
                tag, size = self.uvarint(), self.uvarint()
                end = self.at + size
                if tag in tagged:
                    values[tagged[tag].name] = self.value(tagged[tag])
                else:
                    values.setdefault("unknown_tags", []).append((tag, self.take(size)))
                if self.at != end:
                    raise Malformed(f"tag {tag} has {size} bytes, read up to {self.at} of {end}")
        return values


def encode(name, version, values):
    message = MESSAGES[name]
    return Writer(message, version).record(message, values)


def decode(name, version, data):
    """(values, how many bytes they took)"""
    message = MESSAGES[name]
    reader = Reader(message, version, data)
    return reader.record(message), reader.at


def request_header_version(api_key, version):
    if api_key == APIS["controlled_shutdown"] and version == 0:
        return 0
    return 2 if REQUESTS[api_key].flexible.has(version) else 1


def response_header_version(api_key, version):
    if api_key == APIS["api_versions"]:
        return 0
    return 1 if RESPONSES[api_key].flexible.has(version) else 0


def encode_request(api_key, version, correlation_id, values, client_id="golden"):
    header = {"request_api_key": api_key, "request_api_version": version,
              "correlation_id": correlation_id, "client_id": client_id}
    return (encode("request_header", request_header_version(api_key, version), header) +
            encode(REQUESTS[api_key].name, version, values))


def decode_response(api_key, version, data):
    """(correlation id, values); every byte must be used."""
    header, taken = decode("response_header", response_header_version(api_key, version), data)
    values, used = decode(RESPONSES[api_key].name, version, data[taken:])
    if taken + used != len(data):
        raise Malformed(f"{len(data) - taken - used} bytes behind the reply")
    return header["correlation_id"], values
