"""Frames that are no requests."""

import struct

from . import codec
from .script import section


@section("frames that are cut, too long, or nonsense")
def bad_frames(rec):
    a = rec.connect()
    a.bytes(struct.pack(">i", 0), "a frame of nothing")
    for size in (-1, -2147483648, 104857601, 2147483647):
        a.bytes(struct.pack(">i", size) + b"abcdefgh", f"a frame of {size} bytes")
    for data in (b"\0", b"\0\x12", b"\0\x12\0\0", b"\0\x12\0\0\0\0\0", b"\0\x12\0\0\0\0\0\1", b"\0\x12\0\0\0\0\0\1\0"):
        a.payload(data, "a header that is cut")
    a.payload(b"\0\x12\0\0\0\0\0\1\xff\xff", "no client id", "api_versions", 0)
    a.payload(b"\0\x12\0\0\0\0\0\1\0\0", "an empty client id", "api_versions", 0)
    a.payload(b"\0\x12\0\0\0\0\0\1\xff\xfe", "a client id of -2 bytes")
    a.payload(b"\0\x12\0\0\0\0\0\1\0\x50abc", "a client id that is cut")
    a.payload(b"\0\x12\0\0\0\0\0\1\0\2\xff\xfe", "a client id that is no UTF-8", "api_versions", 0)
    a.payload(b"GET / HTTP/1.1\r\n\r\n", "HTTP")
    a.bytes(b"GET / HTTP/1.1\r\n\r\n", "HTTP without a length")


@section("bodies that are cut, or longer than the request")
def bad_bodies(rec):
    rec.topic("bodies")
    values = {"topics": [{"name": "bodies"}], "allow_auto_topic_creation": False}
    a = rec.connect()
    for version in (1, 4, 8, 9, 12):
        good = codec.encode_request(3, version, 7, values)
        for cut in (1, 2, 5, len(good) - 12):
            a.payload(good[:-cut], f"Metadata v{version} without its last {cut} bytes")
        a.payload(good + b"\0\0", f"Metadata v{version} and two bytes more", "metadata", version)
    header = codec.encode_request(3, 1, 7, {"topics": []})[:-4]
    for count in (-2, 0x7FFFFFFF, 1000000):
        a.payload(header + struct.pack(">i", count), f"Metadata v1 of {count} topics")
    flexible = codec.encode_request(3, 9, 7, {"topics": []})
    at = flexible.index(b"golden") + 7
    a.payload(flexible[:at] + b"\xff\xff\xff\xff\x0f\1\0\0\0", "Metadata v9 of 2^32 - 2 topics")
    a.payload(flexible[:at] + b"\x80\x80\x80\x80\x80\x80\1\0\0\0", "Metadata v9 with a long varint")
    a.payload(flexible[:at - 1] + b"\1\x05\2ab" + flexible[at:], "an unknown tag in the header", "metadata", 9)
    a.payload(flexible[:-1] + b"\1\x05\2ab", "an unknown tag in the body", "metadata", 9)
    a.payload(flexible[:-1] + b"\1\x05\x09ab", "a tag that is cut")
    a.payload(flexible[:-1] + b"\2\x05\0\x05\0", "a tag twice")


@section("requests in one write are answered in order")
def pipelined(rec):
    a = rec.connect()
    a.send("metadata", 1, "first of three", topics=[])
    a.send("describe_cluster", 0, "second")
    a.send("find_coordinator", 0, "third", key="g")
    a.expect_reply("the first answer")
    a.expect_reply("the second answer")
    a.expect_reply("the third answer")
