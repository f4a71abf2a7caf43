"""Four-letter words, on a server that nobody has used yet, and with one session and its watches."""

import re

from .script import section
from .wire import EPHEMERAL, body_create, body_path_watch, body_set_data, connect_request, i64


def form(text):
    """What differs from run to run or from machine to machine is replaced; zxids and counts stay."""
    text = re.sub(r"(?m)^(Zookeeper version: |zk_version\t|zookeeper.version=).*$", r"\1<version>", text)
    text = re.sub(r"/127\.0\.0\.1:\d+(\[\d+\])?", "/127.0.0.1:<port>", text)
    text = re.sub(r"0x[0-9a-f]{8,}", "<session>", text)
    text = re.sub(r"(?m)^(Latency min/avg/max: ).*$", r"\1<n>", text)
    text = re.sub(r"(?m)^(Received|Sent|Connections): \d+$", r"\1: <n>", text)
    text = re.sub(r"\b(recved|sent|est|lresp|llat|minlat|avglat|maxlat)=\d+", r"\1=<n>", text)
    # Buckets of the expiry queue are one for each time that is due; empty ones linger.
    text = re.sub(r"(?m)^0 expire at .*\n", "", text)
    text = re.sub(r"expire at .*:$", "expire at <time>:", text, flags=re.M)
    text = re.sub(r"(?m)^(Session|Connections) Sets \(\d+\)/\((\d+)\):", r"\1 Sets (<n>)/(\2):", text)
    return text


def connections(text):
    """Of `cons` and `stat`, the connections that carry a session: the word's own ones come and go."""
    lines = form(text).split("\n")
    return "\n".join(line for line in lines if "sid=" in line or not line.startswith(" /"))


def dump(text):
    """Of `dump`, without the connections, whose buckets depend on the moment."""
    return form(text).split("Connections dump:")[0]


def sorted_lines(text):
    """Watches by path or by session lie in hash maps: their order means nothing."""
    return "\n".join(sorted(form(text).split("\n")))


def configuration(text):
    text = re.sub(r"(?m)^(clientPort|dataDir|dataDirSize|dataLogDir|dataLogSize)=.*$", r"\1=<x>", text)
    return text


def environment(text):
    keys = ("Environment:", "zookeeper.version=", "host.name=", "os.name=", "os.arch=", "os.version=",
            "user.name=", "user.home=", "user.dir=")
    if "not executed" in text:
        return text
    lines = [line for line in text.split("\n") if line.startswith(keys)]
    return "\n".join(line.split("=")[0] for line in lines)


def directories(text):
    return re.sub(r"\d+", "<n>", text)


MONITOR = {"zk_version": False, "zk_server_state": True, "zk_znode_count": True, "zk_watch_count": True,
           "zk_ephemerals_count": True, "zk_approximate_data_size": True,
           "zk_num_alive_connections": False, "zk_outstanding_requests": True,
           "zk_avg_latency": False, "zk_min_latency": False, "zk_max_latency": False,
           "zk_packets_received": False, "zk_packets_sent": False, "zk_global_sessions": True,
           "zk_local_sessions": True, "zk_open_file_descriptor_count": False,
           "zk_max_file_descriptor_count": False, "zk_uptime": False, "zk_connection_drop_count": False}


def monitor(text):
    """Of `mntr`, the keys that every monitoring script reads; values where they are certain."""
    if "not executed" in text:
        return text
    lines = []
    for line in text.split("\n"):
        key, _, value = line.partition("\t")
        if key in MONITOR:
            lines.append(f"{key}\t{value if MONITOR[key] else '<x>'}")
    return "\n".join(sorted(lines))


WORDS = (
    (b"ruok", form), (b"isro", form), (b"srvr", form), (b"stat", connections), (b"cons", connections),
    (b"crst", form), (b"srst", form), (b"dump", dump), (b"wchs", form), (b"wchc", sorted_lines),
    (b"wchp", sorted_lines), (b"gtmk", form), (b"conf", configuration), (b"envi", environment),
    (b"dirs", directories), (b"mntr", monitor),
)


@section("four-letter words: allowed and not, with and without what they tell of", "default", "words")
def words(rec):
    for word, normalise in WORDS:
        rec.word(word, normalise, "nobody there")
    rec.word(b"ruokmore", form, "bytes after the word")
    rec.word(b"ruok\n", form, "a newline after the word")
    rec.word(b"stmk" + i64(0), form, "with its mask")
    rec.word(b"gtmk", form, "the mask after that")
    a = rec.connect("a")
    a.call("create", body_create("/words", b"data"), "create /words")
    a.call("getData", body_path_watch("/words", True), "data watch")
    a.call("getChildren", body_path_watch("/words", True), "child watch")
    a.call("exists", body_path_watch("/words/none", True), "exists watch")
    a.call("create", body_create("/words/e", b"", flags=EPHEMERAL), "an ephemeral")
    for word, normalise in WORDS:
        rec.word(word, normalise, "with a session and watches")
    a.call("setData", body_set_data("/words", b"1"), "fires the watch")
    rec.word(b"wchs", form, "after that")
    rec.word(b"srvr", form, "after that")


@section("a word in pieces, and a session behind a word", "default", "words")
def words_in_pieces(rec):
    for pieces, what in (([b"ru", b"ok"], "ruok in two pieces"),
                         ([b"s", b"r", b"s", b"t"], "srst in four pieces"),
                         ([b"ruok", connect_request()], "a session after a word")):
        conn = rec.raw("n")
        conn.word_in_pieces(pieces, what)
