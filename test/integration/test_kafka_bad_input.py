"""What no client should send to a broker: the sender suffers, nobody else does.

One broker serves the whole file.  Around every test a bystander produces and fetches, every descriptor
comes back, and the memory stays where it was.
"""

import os
import random
import socket
import struct
import time
from pathlib import Path

import pytest
from peers import SamsaBroker, SamsaServer, free_port

LIMIT = 100 * 1024 * 1024  # socket.request.max.bytes
INT_MAX = 0x7FFFFFFF
TOPIC = "bad-input"
PRODUCE, FETCH, METADATA, API_VERSIONS = 0, 1, 3, 18
CORRUPT_MESSAGE, UNKNOWN_TOPIC, INVALID_RECORD = 2, 3, 87
MEMORY_SLACK_KIB = 96 * 1024


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def header(key, version, correlation=1, client=b"bad"):
    return struct.pack(">hhih", key, version, correlation, len(client)) + client


def frame(body):
    return struct.pack(">i", len(body)) + body


def text(word):
    return struct.pack(">h", len(word)) + word


def record(value, delta=0):
    def varint(number):
        number = number << 1 ^ number >> 63
        out = b""
        while number >= 0x80:
            out += bytes((number & 0x7F | 0x80,))
            number >>= 7
        return out + bytes((number,))

    body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(records, count=None, attributes=0, crc_delta=0, magic=2, length_delta=0, last_delta=None,
          base_offset=0, producer=(-1, -1, -1)):
    count = len(records) if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    body = struct.pack(">hiqqqhii", attributes, last_delta, 1700000000000, 1700000000000, *producer,
                       count) + (b"".join(records) if isinstance(records, list) else records)
    crc = (crc32c(body) + crc_delta) & 0xFFFFFFFF
    return struct.pack(">qiibI", base_offset, len(body) + 9 + length_delta, -1, magic, crc) + body


def produce(records, acks=1, topic=TOPIC.encode(), partition=0, version=7):
    return frame(header(PRODUCE, version) + struct.pack(">hhii", -1, acks, 5000, 1) + text(topic) +
                 struct.pack(">iii", 1, partition, len(records)) + records)


def fetch(offset=0, max_bytes=1 << 20, count=1):
    part = struct.pack(">iiqqi", 0, -1, offset, -1, max_bytes)
    return frame(header(FETCH, 11) + struct.pack(">iiiibii", -1, 100, 1, 50 << 20, 0, 0, -1) +
                 struct.pack(">i", 1) + text(TOPIC.encode()) + struct.pack(">i", count) + part * count +
                 struct.pack(">ih", 0, 0))


class Client:
    def __init__(self, broker, timeout=15):
        self.sock = socket.create_connection(broker.address, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, count):
        data = b""
        while len(data) < count:
            chunk = self.sock.recv(count - len(data))
            if not chunk:
                raise ConnectionResetError
            data += chunk
        return data

    def answer(self):
        """The answer behind its correlation id."""
        return self.receive(struct.unpack(">i", self.receive(4))[0])[4:]

    def ends(self):
        """What comes before the broker closes; fails when it does not."""
        data = b""
        while True:
            try:
                chunk = self.sock.recv(65536)
            except ConnectionResetError:
                return data
            if not chunk:
                return data
            data += chunk

    def produced(self, data):
        """(error, base offset)"""
        self.send(data)
        answer = self.answer()
        name_len = struct.unpack_from(">h", answer, 4)[0]
        return struct.unpack_from(">hq", answer, 4 + 2 + name_len + 4 + 4)


def rss_kib(broker):
    for line in Path(f"/proc/{broker.pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def sockets_of(broker):
    """Open sockets of the broker; log files may come and go."""
    folder, count = f"/proc/{broker.pid}/fd", 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kafka_bad_input")
    with SamsaServer(folder / "zookeeper", free_port()) as zookeeper:
        with SamsaBroker(folder / "broker", free_port(), zookeeper) as broker:
            make_topic(broker)
            yield broker


def make_topic(broker):
    """Metadata makes it (auto.create.topics.enable); until it is led, producing fails."""
    deadline = time.monotonic() + 20
    while True:
        with Client(broker) as client:
            client.send(frame(header(METADATA, 4) + struct.pack(">i", 1) + text(TOPIC.encode()) + b"\1"))
            client.answer()
            if client.produced(produce(batch([record(b"first")])))[0] == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def bystander(broker):
    before, memory = sockets_of(broker), rss_kib(broker)
    with Client(broker) as client:
        assert client.produced(produce(batch([record(b"before")])))[0] == 0
        yield client
        assert broker.alive, broker.log_tail()
        error, offset = client.produced(produce(batch([record(b"after")]), acks=-1))
        assert error == 0
        client.send(fetch(offset))
        assert b"after" in client.answer()
    deadline = time.monotonic() + 15
    while sockets_of(broker) > before:
        assert time.monotonic() < deadline, "descriptors did not come back"
        time.sleep(0.05)
    assert rss_kib(broker) < memory + MEMORY_SLACK_KIB


# --- frames ---

@pytest.mark.parametrize("length", (-1, -INT_MAX - 1, 0, 7, LIMIT + 1, INT_MAX))
def test_a_length_that_cannot_be(broker, length):
    with Client(broker) as client:
        client.send(struct.pack(">i", length) + b"x" * 100)
        assert client.ends() == b""


def test_the_largest_length_and_half_of_it(broker):
    """Announced but not sent: it costs the announcer a connection, and nobody memory."""
    memory = rss_kib(broker)
    clients = [Client(broker) for _ in range(100)]
    for client in clients:
        client.send(struct.pack(">i", LIMIT) + header(PRODUCE, 7) + b"x" * 1000)
    time.sleep(0.5)
    assert rss_kib(broker) < memory + 16 * 1024
    for client in clients:
        client.sock.close()


def test_half_frames_of_many(broker):
    """40 clients with a megabyte each that never ends."""
    clients = [Client(broker) for _ in range(40)]
    for client in clients:
        client.send(struct.pack(">i", LIMIT) + header(PRODUCE, 7) + b"x" * (1 << 20))
    time.sleep(0.2)
    for client in clients:
        client.sock.close()


@pytest.mark.parametrize("body", (
    header(99, 0), header(-1, 0), header(PRODUCE, 99), header(METADATA, -1), header(4096, 4096),
    struct.pack(">hhih", METADATA, 1, 1, 30000),
    struct.pack(">hhih", METADATA, 1, 1, -2),
    header(PRODUCE, 9) + b"\xff\xff\xff\xff\xff\xff",
    header(API_VERSIONS, 3) + b"\xff\xff\xff\xff\x0f" * 3,
    header(METADATA, 1), header(FETCH, 11), header(PRODUCE, 7) + b"\0",
), ids=lambda body: body[:8].hex())
def test_no_request(broker, body):
    with Client(broker) as client:
        client.send(frame(body))
        assert client.ends() == b""


def test_another_protocol(broker):
    for greeting in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                     b"ruok", b"\x00\x00\x00\x2c" + b"\x00" * 44):
        with Client(broker) as client:
            client.send(greeting)
            client.sock.shutdown(socket.SHUT_WR)
            client.ends()


# --- arrays ---

@pytest.mark.parametrize("body", (
    header(METADATA, 1) + struct.pack(">i", INT_MAX),
    header(METADATA, 1) + struct.pack(">i", 1 << 26) + b"\0\0" * 1000,
    header(METADATA, 9) + b"\0" + b"\xff\xff\xff\xff\x0f",
    header(PRODUCE, 7) + struct.pack(">hhii", -1, 1, 1000, INT_MAX),
    header(PRODUCE, 7) + struct.pack(">hhii", -1, 1, 1000, 1) + text(b"t") + struct.pack(">i", INT_MAX),
    header(PRODUCE, 7) + struct.pack(">hhii", -1, 1, 1000, 1) + text(b"t") +
    struct.pack(">iii", 1, 0, INT_MAX),
    header(FETCH, 11) + struct.pack(">iiiibii", -1, 0, 0, 1, 0, 0, -1) + struct.pack(">i", INT_MAX),
), ids=lambda body: body[:4].hex() + str(len(body)))
def test_counts_that_cannot_be(broker, body):
    with Client(broker) as client:
        client.send(frame(body))
        assert client.ends() == b""


def test_amplification_by_small_elements(broker):
    """Forty megabytes of empty names: each would be a struct in memory. Refused, or answered; the
    memory that it took comes back (the bystander looks)."""
    count = 20 << 20
    with Client(broker, timeout=60) as client:
        client.send(frame(header(METADATA, 1) + struct.pack(">i", count) + b"\0\0" * count))
        assert client.ends() == b""


def test_a_fetch_of_the_same_partition_ten_thousand_times(broker):
    with Client(broker) as client:
        client.send(fetch(count=10000))
        assert len(client.answer()) > 10000 * 30


# --- batches ---

GOOD = [record(b"x" * 10, i) for i in range(3)]
ZIPPED_BOMB = bytes.fromhex("1f8b08000000000002ff")


@pytest.mark.parametrize("records,errors", (
    (batch(GOOD, crc_delta=1), (CORRUPT_MESSAGE,)),
    (batch(GOOD, length_delta=1), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, length_delta=-1), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, length_delta=INT_MAX - 1000), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, magic=3), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, magic=1), (CORRUPT_MESSAGE, INVALID_RECORD, 43)),
    (batch(GOOD, count=4), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, count=2), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, count=INT_MAX, last_delta=INT_MAX - 1), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, count=0, last_delta=0), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, count=-1, last_delta=2), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, last_delta=5), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, base_offset=0x7FFFFFFFFFFFFFFF), (CORRUPT_MESSAGE, INVALID_RECORD)),
    (batch(GOOD, attributes=0x20), (INVALID_RECORD, CORRUPT_MESSAGE)),
    (batch(GOOD, attributes=7), (CORRUPT_MESSAGE, INVALID_RECORD, 76)),
    (batch(GOOD, producer=(5, 0, -1)), (CORRUPT_MESSAGE, INVALID_RECORD, 45)),
    (batch(GOOD) + batch(GOOD), (INVALID_RECORD,)),
    (batch(GOOD)[:40], (CORRUPT_MESSAGE, INVALID_RECORD)),
    (b"\0" * 100, (CORRUPT_MESSAGE, INVALID_RECORD)),
    (b"\xff" * 100, (CORRUPT_MESSAGE, INVALID_RECORD)),
    (b"", (CORRUPT_MESSAGE, INVALID_RECORD)),
), ids=("crc", "longer", "shorter", "huge", "magic3", "magic1", "more", "fewer", "count", "none",
        "negative", "delta", "offset", "control", "codec", "sequence", "two", "cut", "zeros", "ones",
        "empty"))
def test_a_batch_that_cannot_be(broker, records, errors):
    with Client(broker) as client:
        error, offset = client.produced(produce(records))
        assert error in errors
        assert offset == -1


def test_random_damage_to_a_batch(broker):
    """Whatever is changed behind the CRC's begin is found; nothing damaged is ever fetched."""
    generator = random.Random(7)
    good = batch([record(b"value-%d" % i, i) for i in range(20)])
    with Client(broker) as client:
        for _ in range(300):
            damaged = bytearray(good)
            place = generator.randrange(16, len(damaged))
            damaged[place] ^= 1 << generator.randrange(8)
            error, _ = client.produced(produce(bytes(damaged)))
            assert error != 0, f"byte {place}"


# --- order and patience ---

def test_a_reader_that_does_not_read(broker, bystander):
    """It asks for the same megabyte thousands of times and takes none of it."""
    for _ in range(20):
        assert bystander.produced(produce(batch([record(b"y" * 50000)])))[0] == 0
    memory = rss_kib(broker)
    with Client(broker, timeout=2) as client:
        try:
            for _ in range(200):
                client.sock.sendall(fetch(0) * 50)
        except (socket.timeout, TimeoutError):
            pass
        time.sleep(0.5)
        assert rss_kib(broker) < memory + 32 * 1024


def test_one_byte_at_a_time(broker):
    with Client(broker) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in produce(batch(GOOD)):
            client.send(bytes((byte,)))
        assert len(client.answer()) > 20


def test_a_thousand_connections_that_say_nothing(broker):
    clients = [Client(broker) for _ in range(1000)]
    for client in clients:
        client.sock.close()


def test_resets_in_the_middle(broker):
    """Connections that end with a reset, at every stage of a request."""
    whole = produce(batch(GOOD), acks=-1) + fetch(10**6)
    linger = struct.pack("ii", 1, 0)
    for cut in range(0, len(whole), 7):
        with Client(broker) as client:
            client.send(whole[:cut])
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_noise(broker):
    generator = random.Random(11)
    for _ in range(200):
        with Client(broker) as client:
            body = generator.randbytes(generator.randrange(8, 200))
            key = generator.choice((PRODUCE, FETCH, 2, METADATA, 8, 9, 10, 11, 18, 19, 20, 22, 32))
            client.send(frame(struct.pack(">hh", key, generator.randrange(0, 10)) + body))
            client.sock.shutdown(socket.SHUT_WR)
            client.ends()
