"""Record batches (magic 2) and messages of the old formats (magic 0 and 1), made by hand for Produce."""

import gzip
import struct
import zlib

TIME = 4_102_444_800_000        # of all records: not near now, and not old enough to be deleted


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc32c_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def varint(value):
    value = value << 1 ^ value >> 63
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def blob(data):
    return varint(-1) if data is None else varint(len(data)) + data


def record(offset_delta, key, value, headers=(), time_delta=0):
    body = b"\0" + varint(time_delta) + varint(offset_delta) + blob(key) + blob(value) + varint(len(headers))
    body += b"".join(blob(name) + blob(content) for name, content in headers)
    return varint(len(body)) + body


def batch(*records, codec=0, base_offset=0, time=TIME, attributes=0, producer_id=-1, epoch=-1, sequence=-1,
          leader_epoch=-1, magic=2, count=None, last_delta=None, crc=None, max_time=None, tail=b""):
    """One batch of (key, value) or (key, value, headers) or (key, value, headers, time delta)."""
    body = b"".join(record(i, *one) for i, one in enumerate(records))
    if codec == 1:
        body = gzip.compress(body, mtime=0)
    deltas = [one[3] if len(one) > 3 else 0 for one in records]
    last = len(records) - 1 if last_delta is None else last_delta
    newest = time + max(deltas, default=0) if max_time is None else max_time
    covered = struct.pack(">hiqqqhii", attributes | codec, last, time, newest, producer_id, epoch, sequence,
                          len(records) if count is None else count) + body + tail
    checksum = crc32c(covered) if crc is None else crc
    rest = struct.pack(">ibI", leader_epoch, magic, checksum) + covered
    return struct.pack(">qi", base_offset, len(rest)) + rest


def old_message(key, value, magic=1, offset=0, time=TIME, attributes=0, crc=None):
    """A message of magic 0 or 1, with its offset and size before it."""
    body = bytes([magic, attributes])
    if magic == 1:
        body += struct.pack(">q", time)
    for data in (key, value):
        body += struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    body = struct.pack(">I", zlib.crc32(body) if crc is None else crc) + body
    return struct.pack(">qi", offset, len(body)) + body


def old_gzip(*messages, magic=1):
    """Old messages wrapped into one compressed message."""
    return old_message(None, gzip.compress(b"".join(messages), mtime=0), magic, len(messages) - 1, attributes=1)


def split(data):
    """Batches and old messages of a Fetch reply: [(first offset, bytes)]; the last may be cut off."""
    out = []
    while len(data) >= 12:
        offset, size = struct.unpack_from(">qi", data)
        out.append((offset, data[:12 + size]))
        data = data[12 + size:]
    if data:
        out.append((-1, data))
    return out
