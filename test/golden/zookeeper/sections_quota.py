"""Quotas: where limits are kept, what is counted, soft and hard, deep and shallow."""

from .script import section
from .wire import (EPHEMERAL, SEQUENTIAL, body_create, body_multi, body_path_version, body_path_watch,
                   body_set_data)


def show(conn, path):
    conn.call("getData", body_path_watch(f"/zookeeper/quota{path}/zookeeper_stats"), f"stats of {path}")
    conn.call("getData", body_path_watch(f"/zookeeper/quota{path}/zookeeper_limits"), f"limits of {path}")


def set_quota(conn, path, limits):
    parts = path.strip("/").split("/")
    for depth in range(1, len(parts) + 1):
        above = "/" + "/".join(parts[:depth])
        conn.call("create", body_create(f"/zookeeper/quota{above}", b""), f"quota node of {above}")
    conn.call("create", body_create(f"/zookeeper/quota{path}/zookeeper_limits", limits),
              f"limits {limits.decode()} of {path}")
    conn.call("create", body_create(f"/zookeeper/quota{path}/zookeeper_stats", b"count=0,bytes=0"),
              f"stats of {path}")


@section("a quota on a node: counts follow every change", "default", "quota", "nodigest")
def quota_counts(rec):
    a = rec.connect("a")
    a.call("create", body_create("/q", b"12345"), "create /q")
    a.call("create", body_create("/q/before", b"678"), "create /q/before")
    set_quota(a, "/q", b"count=1000,bytes=1000000")
    show(a, "/q")
    a.call("create2", body_create("/q/a", b"12345678"), "create /q/a")
    show(a, "/q")
    a.call("setData", body_set_data("/q/a", b"1"), "less data")
    show(a, "/q")
    a.call("setData", body_set_data("/q/a", None), "null data")
    show(a, "/q")
    a.call("setData", body_set_data("/q/a", b"123"), "more data")
    a.call("create", body_create("/q/a/deep", b"12"), "deeper")
    a.call("create", body_create("/q/s-", b"1", flags=SEQUENTIAL), "sequential")
    show(a, "/q")
    b = rec.connect("b")
    b.call("create", body_create("/q/e", b"eee", flags=EPHEMERAL), "ephemeral of b")
    show(a, "/q")
    b.close_session()
    show(a, "/q")
    a.call("delete", body_path_version("/q/a/deep"), "delete")
    show(a, "/q")
    a.call("multi", body_multi([("create", body_create("/q/m", b"mm")), ("setData", body_set_data("/q/m", b"m")),
                                ("delete", body_path_version("/q/before"))]), "multi")
    show(a, "/q")
    a.call("multi", body_multi([("create", body_create("/q/m2", b"mm")), ("delete", body_path_version("/none"))]),
           "failed multi")
    show(a, "/q")
    a.call("getChildren2", body_path_watch("/zookeeper/quota/q"), "the quota node")
    a.call("exists", body_path_watch("/zookeeper/quota/q/zookeeper_stats"), "Stat of the stats")
    a.call("setData", body_set_data("/zookeeper/quota/q/zookeeper_stats", b"count=77,bytes=77"), "overwrite the stats")
    a.call("create", body_create("/q/after", b"1"), "create")
    show(a, "/q")
    a.call("delete", body_path_version("/zookeeper/quota/q/zookeeper_limits"), "remove the limits")
    a.call("create", body_create("/q/after2", b"1"), "create")
    a.call("getData", body_path_watch("/zookeeper/quota/q/zookeeper_stats"), "stats")
    a.call("delete", body_path_version("/zookeeper/quota/q/zookeeper_stats"), "remove the stats")
    a.call("delete", body_path_version("/zookeeper/quota/q"), "remove the quota node")
    a.call("create", body_create("/q/after3", b"1"), "create")
    a.call("getAllChildrenNumber", b"\x00\x00\x00\x01/", "count of all")


FORMS = (
    b"count=3,bytes=-1", b"count=-1,bytes=20", b"count=3,bytes=20",
    b"count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=-1",
    b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3",
    b"count=2,bytes=10=;byteHardLimit=20;countHardLimit=4",
    b"count=-1,bytes=-1=;countHardLimit=3;byteHardLimit=20",
    b"count=0,bytes=0", b"count=-1,bytes=-1=;byteHardLimit=0;countHardLimit=0",
)


@section("limits, soft and hard, reached by count and by bytes", "default", "quota")
def quota_limits(rec):
    a = rec.connect("a")
    for number, limits in enumerate(FORMS):
        top = f"/ql{number}"
        a.call("create", body_create(top, b"ab"), f"create {top}")
        set_quota(a, top, limits)
        a.call("create", body_create(f"{top}/1", b"12345"), "second node")
        a.call("create", body_create(f"{top}/2", b"12345"), "third node")
        a.call("create", body_create(f"{top}/3", b"12345"), "fourth node")
        a.call("create2", body_create(f"{top}/4", b"12345"), "fifth node")
        a.call("create", body_create(f"{top}/s-", b"", flags=SEQUENTIAL), "sequential")
        a.call("setData", body_set_data(f"{top}/1", b"x" * 30), "much data")
        a.call("setData", body_set_data(f"{top}/1", b""), "no data")
        a.call("setData", body_set_data(f"{top}/1", b"x" * 30, 99), "much data of a wrong version")
        a.call("create", body_create(f"{top}/1", b"x" * 30), "an existing one with much data")
        a.call("multi", body_multi([
            ("create", body_create(f"{top}/m1", b"")), ("create", body_create(f"{top}/m2", b"")),
            ("setData", body_set_data(top, b"y" * 30))]), "multi over the limit")
        show(a, top)


@section("quotas on several levels, and limits that are no limits", "default", "quota")
def quota_nested(rec):
    a = rec.connect("a")
    for path in ("/qn", "/qn/a", "/qn/a/b"):
        a.call("create", body_create(path, b"1"), f"create {path}")
    set_quota(a, "/qn/a/b", b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3")
    a.call("create", body_create("/qn/a/b/c", b"1"), "below the quota")
    show(a, "/qn/a/b")
    set_quota(a, "/qn", b"count=-1,bytes=-1=;byteHardLimit=100;countHardLimit=6")
    show(a, "/qn")
    for number in range(4):
        a.call("create", body_create(f"/qn/a/b/{number}", b"1"), "below both")
        a.call("create", body_create(f"/qn/a/x{number}", b"1"), "below the upper")
    show(a, "/qn/a/b")
    show(a, "/qn")
    a.call("create", body_create("/qnx", b"1"), "a name with the quota's as prefix")
    for number, limits in enumerate((b"", b"rubbish", b"count=", b"count=x,bytes=y", b"count=1", b"bytes=5",
                                     b"count=1,bytes=1=;", b"count=2,bytes=2=;byteHardLimit=")):
        top = f"/qb{number}"
        a.call("create", body_create(top, b"1"), f"create {top}")
        set_quota(a, top, limits)
        a.call("create", body_create(f"{top}/1", b"12345678"), f"below limits {limits!r}")
        a.call("setData", body_set_data(f"{top}", b"12345678"), f"data below limits {limits!r}")
        show(a, top)
    set_quota(a, "/qmissing", b"count=1,bytes=1")
    a.call("create", body_create("/qmissing", b"1"), "a node whose quota was there first")
    show(a, "/qmissing")
