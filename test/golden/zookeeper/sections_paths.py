"""Paths: what is a path, for each operation, and what becomes of bytes that are no text."""

from .script import section
from .wire import (EPHEMERAL, SEQUENTIAL, body_create, body_path, body_path_version,
                   body_path_watch, body_set_acl, body_set_data, i32, string)

PATHS = (
    ("empty", b""), ("root", b"/"), ("no slash", b"path"), ("slash at the end", b"/path/"),
    ("two slashes", b"//"), ("empty first", b"//path"), ("empty middle", b"/path//x"),
    ("dot", b"/."), ("dot dot", b"/.."), ("dot first", b"/./x"), ("dot dot first", b"/../x"),
    ("dot last", b"/path/."), ("dot dot last", b"/path/.."), ("dot middle", b"/path/./x"),
    ("dot dot middle", b"/path/../x"), ("dot name", b"/path/.x"), ("name dot", b"/path/x."),
    ("three dots", b"/path/..."), ("dots and slash at the end", b"/path/./"),
    ("space", b"/path/ "), ("tab", b"/path/\t"), ("newline", b"/path/\n"),
    ("NUL", b"/path/\0"), ("NUL first", b"\0/path"), ("U+0001", b"/path/\x01"),
    ("U+001F", b"/path/\x1f"), ("U+007E", b"/path/~"), ("U+007F", b"/path/\x7f"),
    ("U+0080", b"/path/\xc2\x80"), ("U+009F", b"/path/\xc2\x9f"), ("U+00A0", b"/path/\xc2\xa0"),
    ("U+00E9", b"/path/\xc3\xa9"), ("U+4E2D", b"/path/\xe4\xb8\xad"),
    ("U+D7FF", b"/path/\xed\x9f\xbf"),
    ("high surrogate in CESU-8", b"/path/\xed\xa0\x80"),
    ("pair of surrogates in CESU-8", b"/path/\xed\xa0\xbd\xed\xb8\x80"),
    ("U+1F600 in UTF-8", b"/path/\xf0\x9f\x98\x80"),
    ("U+E000", b"/path/\xee\x80\x80"), ("U+F8FF", b"/path/\xef\xa3\xbf"),
    ("U+F900", b"/path/\xef\xa4\x80"), ("U+FFEF", b"/path/\xef\xbf\xaf"),
    ("U+FFF0", b"/path/\xef\xbf\xb0"), ("U+FFFD", b"/path/\xef\xbf\xbd"),
    ("U+FFFF", b"/path/\xef\xbf\xbf"),
    ("NUL as two bytes", b"/path/\xc0\x80"), ("overlong slash", b"/path/\xc0\xaf"),
    ("lone continuation", b"/path/\x80"), ("lone lead", b"/path/\xc3"),
    ("byte FF", b"/path/\xff"), ("cut in the middle", b"/path/\xe4\xb8"),
    ("beyond U+10FFFF", b"/path/\xf4\x90\x80\x80"),
)

# For operations other than create: enough to see which check each one makes.
FEW = (("null", None), ("empty", b""), ("no slash", b"path"), ("slash at the end", b"/path/"),
       ("two slashes", b"//"), ("dot dot", b"/path/.."), ("NUL", b"/path\0"),
       ("control", b"/path/\x01"), ("bad text", b"/path/\xff"),
       ("surrogate", b"/path/\xed\xa0\x80"))


@section("paths for create: every rule of a valid path")
def paths_create(rec):
    a = rec.connect("a")
    a.call("create", body_create("/path"), "create /path")
    for name, path in PATHS:
        a.call("create2", body_create(path), f"create2 {name}")
    a.call("create2", body_create(None), "create2 null")
    a.call("getChildren2", body_path_watch("/path"), "what was made")


@section("paths for create of a sequential node: the number is part of the name")
def paths_sequential(rec):
    a = rec.connect("a")
    for name, path in (("null", None), ("empty", b""), ("root", b"/"), ("no slash", b"path"),
                       ("slash at the end", b"/path/"), ("dot", b"/path/."),
                       ("dot dot", b"/path/.."), ("two slashes", b"/path//"),
                       ("dot segment", b"/path/./"), ("NUL", b"/path/\0"),
                       ("control", b"/path/\x02"), ("no parent", b"/path/none/"),
                       ("no parent, bad name", b"/path/none/\x02")):
        a.call("create2", body_create(path, flags=SEQUENTIAL), f"sequential {name}")
    a.call("create2", body_create(b"/path/e-", flags=EPHEMERAL | SEQUENTIAL), "both")
    a.call("create2", body_create(b"/path/none/x"), "no parent and a good name")
    a.call("create2", body_create(b"/path/none/\x02"), "no parent and a bad name")
    a.call("create2", body_create(b"/path/\x02", acl=[]), "bad name and no ACL")


@section("paths for every other operation")
def paths_elsewhere(rec):
    a = rec.connect("a")
    for name, path in FEW:
        a = rec.again(a)
        a.call("exists", body_path_watch(path), f"exists {name}")
        a.call("getData", body_path_watch(path), f"getData {name}")
        a.call("getChildren", body_path_watch(path), f"getChildren {name}")
        a.call("getChildren2", body_path_watch(path), f"getChildren2 {name}")
        a.call("getACL", body_path(path), f"getACL {name}")
        a.call("getAllChildrenNumber", body_path(path), f"getAllChildrenNumber {name}")
        a.call("sync", body_path(path), f"sync {name}")
        a.call("setData", body_set_data(path, b""), f"setData {name}")
        a.call("setACL", body_set_acl(path), f"setACL {name}")
        a.call("delete", body_path_version(path, 99), f"delete {name}")
        a.call("checkWatches", string(path) + i32(3), f"checkWatches {name}")
        a.call("removeWatches", string(path) + i32(3), f"removeWatches {name}")


@section("watches on strange paths: what is registered")
def paths_watched(rec):
    a = rec.connect("a")
    for name, path in FEW:
        a = rec.again(a)
        a.call("exists", body_path_watch(path, True), f"exists with watch, {name}")
        a.call("checkWatches", string(path) + i32(2), f"checkWatches data, {name}")
        if path is None:
            continue
        a.call("addWatch", string(path) + i32(0), f"addWatch persistent, {name}")
        a.call("addWatch", string(path) + i32(1), f"addWatch recursive, {name}")
        a.call("checkWatches", string(path) + i32(4), f"checkWatches persistent, {name}")
        a.call("checkWatches", string(path) + i32(5), f"checkWatches recursive, {name}")
        a.call("removeWatches", string(path) + i32(3), f"removeWatches any, {name}")


@section("long paths")
def paths_long(rec):
    a = rec.connect("a")
    a.call("create2", body_create(b"/" + b"n" * 5000), "a name of 5,000 bytes")
    deep = b""
    for level in range(40):
        deep += b"/d%d" % level
        a.call("create", body_create(deep), f"level {level}")
    a.call("getAllChildrenNumber", body_path("/d0"), "count from the top")
    a.call("exists", body_path_watch(deep), "the deepest")
