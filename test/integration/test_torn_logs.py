"""A log that ends in the middle, or was damaged there: what Apache makes of it, Samsa makes of it.

Apache writes a log and is killed; copies of its folder are cut, zeroed or damaged at many places, and
both servers start on each copy.  Either both refuse, or both serve the same tree at the same zxid;
the few places where Samsa does better say so.
"""

import shutil

import pytest
import tree_workload
from golden.zookeeper import wire
from peers import NEWEST, ServerDied

FILE_HEADER_BYTES = 16
NODES = 18  # that `written` leaves, with the root and the three of /zookeeper
REFUSED = "refuses to start"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with one log of known transactions, and the offset and size of each entry."""
    from peers import ApacheServer, PeerUnavailable, free_port
    data_dir = tmp_path_factory.mktemp("written") / "data"
    try:
        server = ApacheServer(NEWEST, data_dir, free_port(), java_props=properties())
    except PeerUnavailable as problem:
        pytest.skip(str(problem).splitlines()[0])
    with server:
        conn = tree_workload.connect(server)
        for number in range(12):
            conn.call("create", wire.body_create(f"/n{number}", b"x" * (number * 7)))
        conn.call("multi", wire.body_multi([("create", wire.body_create("/m", b"1")),
                                            ("setData", wire.body_set_data("/m", b"2"))]))
        conn.call("setData", wire.body_set_data("/n3", b"changed"))
        conn.call("create", wire.body_create("/last", b"the last one"))
        server.kill()
    return data_dir, entries(log_of(data_dir).read_bytes())


def properties():
    props = dict(tree_workload.JAVA_PROPS)
    props["zookeeper.snapCount"] = "100000"
    return props


def log_of(data_dir):
    logs = sorted((data_dir / "version-2").glob("log.*"))
    assert len(logs) == 1, logs
    return logs[0]


def entries(data):
    """[(offset, size of all)]: i64 checksum, i32 length, that many bytes, the byte 'B'."""
    found = []
    at = FILE_HEADER_BYTES
    while True:
        length = int.from_bytes(data[at + 8:at + 12], "big")
        if length == 0:
            return found
        found.append((at, 12 + length + 1))
        at += found[-1][1]


def outcome(make_server, tmp_path, written_dir, name, damage):
    """What a server makes of a damaged copy: (zxid, tree), or REFUSED."""
    data_dir = tmp_path / name
    shutil.copytree(written_dir, data_dir)
    log = log_of(data_dir)
    log.write_bytes(damage(log.read_bytes()))
    server = make_server(data_dir)
    try:
        server.start(timeout=20)
    except ServerDied:
        return REFUSED
    zxid = tree_workload.last_zxid(server)
    tree = tree_workload.dump(server)
    server.kill()
    return zxid, tree


def brief(result):
    return result if result == REFUSED else f"serves at zxid {result[0]}, {len(result[1])} nodes"


def check(samsa_server, apache_server, tmp_path, written_dir, damage, accepted=None):
    """Returns what both servers agreed on; `accepted` is another outcome that is as good."""
    apache = outcome(lambda path: apache_server(NEWEST, path, java_props=properties()),
                     tmp_path, written_dir, "apache", damage)
    samsa = outcome(lambda path: samsa_server(path, java_props=properties()),
                    tmp_path, written_dir, "samsa", damage)
    if accepted is not None and brief(samsa) == accepted:
        return samsa
    assert brief(samsa) == brief(apache)
    if apache == REFUSED:
        return REFUSED
    found = tree_workload.differences(apache[1], samsa[1])
    assert not found, "\n".join(found[:5])
    return apache


# Where in an entry the log is cut: in the checksum, behind it, in the length, behind it, in the
# transaction, before the last byte of it, before the end mark, behind the whole entry.
PLACES = {"nothing of it": 0, "half a checksum": 4, "no length": 8, "half a length": 10,
          "no transaction": 12, "part of it": 30, "no last byte": -2, "no end mark": -1}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", ("cut", "zeroed"))
def test_the_last_entry_is_torn(samsa_server, apache_server, tmp_path, written, how, place):
    data_dir, found = written
    offset, size = found[-1]
    at = offset + (PLACES[place] if PLACES[place] >= 0 else size + PLACES[place])

    def damage(data):
        return data[:at] + (b"" if how == "cut" else bytes(len(data) - at))

    result = check(samsa_server, apache_server, tmp_path, data_dir, damage)
    if result != REFUSED:
        # Whatever was lost, all before it is there.
        assert b"/n11" in result[1]
        assert result[1][b"/n3"].data == b"changed"


@pytest.mark.parametrize("where", ("first", "middle", "last"))
@pytest.mark.parametrize("what", ("checksum", "length", "transaction", "end mark"))
def test_a_byte_is_damaged(samsa_server, apache_server, tmp_path, written, what, where):
    data_dir, found = written
    offset, size = found[{"first": 0, "middle": len(found) // 2, "last": -1}[where]]
    at = offset + {"checksum": 7, "length": 11, "transaction": 20, "end mark": size - 1}[what]

    def damage(data):
        return data[:at] + bytes([data[at] ^ 0x04]) + data[at + 1:]

    # A last entry with a wrong checksum may be one that was half written, and never acknowledged:
    # Apache refuses it, to drop it is as good.  One with good entries behind it is damage.
    accepted = None
    if where == "last" and what in ("checksum", "transaction"):
        accepted = f"serves at zxid {len(found) - 1}, {NODES - 1} nodes"
    # Apache takes a wrong length or end mark for the end of the log, whatever lies behind it, and
    # serves without it.  To refuse loses nothing.
    if where != "last" and what in ("length", "end mark"):
        accepted = REFUSED
    check(samsa_server, apache_server, tmp_path, data_dir, damage, accepted)


@pytest.mark.parametrize("header", ("magic", "version", "empty file", "cut header", "zeros"))
def test_the_head_of_the_log_is_damaged(samsa_server, apache_server, tmp_path, written, header):
    data_dir, _ = written
    damages = {
        "magic": lambda data: b"X" + data[1:],
        "version": lambda data: data[:7] + b"\x09" + data[8:],
        "empty file": lambda data: b"",
        "cut header": lambda data: data[:9],
        "zeros": lambda data: bytes(len(data)),
    }
    # A file whose head never reached the disk holds nothing that was acknowledged; a version that
    # nobody knows is no reason to guess.
    empty = "serves at zxid 0, 4 nodes"
    accepted = {"version": REFUSED, "cut header": empty, "zeros": empty}.get(header)
    check(samsa_server, apache_server, tmp_path, data_dir, damages[header], accepted)
