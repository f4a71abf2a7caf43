"""Who may do what: schemes, checks for every operation, bad ACLs, authentication, whoAmI."""

import base64
import hashlib

from .script import SUPER_DIGEST, SUPER_PASSWORD, section
from .wire import (ADMIN, ALL, AUTH_XID, CREATE, DELETE, EPHEMERAL, OPEN, READ, SEQUENTIAL, WRITE,
                   acl_vector, body_auth, body_create, body_multi, body_path, body_path_version,
                   body_path_watch, body_reconfig, body_set_acl, body_set_data, buf, i32, i64,
                   string, vector)


def digest_id(credentials):
    """What the digest scheme makes of `user:password`."""
    user = credentials.split(":", 1)[0]
    sha = hashlib.sha1(credentials.encode("utf-8")).digest()
    return f"{user}:{base64.b64encode(sha).decode('ascii')}"


ALICE = digest_id("alice:wonder")
BOB = digest_id("bob:builder")


def authenticate(conn, scheme, auth, what, xid=AUTH_XID, kind=0):
    conn.call("auth", body_auth(scheme, auth, kind), what, xid=xid)
    if conn.last_error != 0 and conn.alive:
        conn.expect_close()


@section("ACLs that are refused, and the forms that are taken", "default", "skipacl", "nodigest")
def acl_forms(rec):
    a = rec.connect("a")
    a.call("create", body_create("/acl", b""), "create /acl")
    forms = (
        ("null vector", None), ("empty vector", []),
        ("null scheme", [(ALL, None, "anyone")]), ("null id", [(ALL, "world", None)]),
        ("empty scheme", [(ALL, "", "")]), ("unknown scheme", [(ALL, "nobody", "x")]),
        ("world everyone", [(ALL, "world", "everyone")]), ("World", [(ALL, "World", "anyone")]),
        ("world, empty id", [(ALL, "world", "")]),
        ("auth without authentication", [(ALL, "auth", "")]),
        ("digest", [(ALL, "digest", ALICE)]), ("digest without colon", [(ALL, "digest", "alice")]),
        ("digest, two colons", [(ALL, "digest", "a:b:c")]), ("digest empty", [(ALL, "digest", "")]),
        ("digest colon", [(ALL, "digest", ":")]), ("digest null", [(ALL, "digest", None)]),
        ("super", [(ALL, "super", "")]), ("sasl", [(ALL, "sasl", "alice")]),
        ("x509", [(ALL, "x509", "CN=a")]),
        ("ip", [(ALL, "ip", "127.0.0.1")]), ("ip with bits", [(ALL, "ip", "127.0.0.0/8")]),
        ("ip 0 bits", [(ALL, "ip", "127.0.0.0/0")]), ("ip 32 bits", [(ALL, "ip", "10.0.0.1/32")]),
        ("ip 33 bits", [(ALL, "ip", "10.0.0.1/33")]), ("ip -1 bits", [(ALL, "ip", "10.0.0.1/-1")]),
        ("ip two slashes", [(ALL, "ip", "10.0.0.1/8/8")]), ("ip short", [(ALL, "ip", "10.0.1")]),
        ("ip empty", [(ALL, "ip", "")]), ("ip octet 256", [(ALL, "ip", "10.0.0.256")]),
        ("ip negative octet", [(ALL, "ip", "10.0.0.-1")]), ("ip name", [(ALL, "ip", "localhost")]),
        ("ip slash without bits", [(ALL, "ip", "10.0.0.1/")]),
        ("ip bits no number", [(ALL, "ip", "10.0.0.1/x")]),
        ("ip leading zero", [(ALL, "ip", "010.0.0.1")]), ("ip dot at the end", [(ALL, "ip", "1.2.3.4.")]),
        ("ip v6", [(ALL, "ip", "::1")]), ("ip v6 long", [(ALL, "ip", "2001:db8:0:0:0:0:0:1")]),
        ("ip v6 bits", [(ALL, "ip", "2001:db8::/32")]),
        ("perms 0", [(0, "world", "anyone")]), ("perms 32", [(32, "world", "anyone")]),
        ("perms -1", [(-1, "world", "anyone")]), ("perms 0x7fffffff", [(0x7FFFFFFF, "world", "anyone")]),
        ("twice the same", [(ALL, "world", "anyone")] * 2),
        ("two of one id", [(READ, "world", "anyone"), (ALL, "world", "anyone")]),
        ("good and bad", [(ALL, "world", "anyone"), (ALL, "nobody", "x")]),
        ("three", [(READ, "world", "anyone"), (ALL, "digest", ALICE), (WRITE, "digest", BOB)]),
    )
    for number, (name, acl) in enumerate(forms):
        path = f"/acl/{number}"
        a.call("create", body_create(path, b"", acl), f"create, {name}")
        a.call("getACL", body_path(path), f"getACL, {name}")
    for name, acl in forms:
        a.call("setACL", body_set_acl("/acl/42", acl, 99), f"setACL of a wrong version, {name}")


@section("the same list of ACLs before and after, versions", "default", "nodigest")
def acl_versions(rec):
    a = rec.connect("a")
    a.call("create2", body_create("/aclv", b""), "create2 /aclv")
    a.call("setACL", body_set_acl("/aclv", OPEN, 0), "version 0 to 1")
    a.call("setACL", body_set_acl("/aclv", OPEN, 0), "stale version")
    a.call("setACL", body_set_acl("/aclv", OPEN, -1), "any version")
    a.call("setACL", body_set_acl("/aclv", OPEN, -2), "version -2")
    a.call("getACL", body_path("/aclv"), "getACL")
    a.call("exists", body_path_watch("/aclv"), "Stat")
    a.call("setACL", body_set_acl("/aclv", [(ALL & ~ADMIN, "world", "anyone")]), "give up ADMIN")
    a.call("setACL", body_set_acl("/aclv", OPEN), "too late")
    a.call("getACL", body_path("/aclv"), "getACL with READ alone")
    a.call("setACL", body_set_acl("/zookeeper/config", OPEN), "/zookeeper/config")
    a.call("getACL", body_path("/zookeeper/config"), "its ACL")
    a.call("setACL", body_set_acl("/", [(READ | CREATE | ADMIN, "world", "anyone")]), "the root")
    a.call("delete", body_path_version("/aclv"), "delete needs DELETE on the root")
    a.call("setData", body_set_data("/", b""), "setData of the root")
    a.call("setACL", body_set_acl("/", OPEN), "the root again")
    a.call("delete", body_path_version("/aclv"), "delete")


@section("which permission each operation needs", "default", "skipacl", "nodigest")
def acl_needed(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    a.call("create", body_create("/perm", b""), "create /perm")
    for name, perms in (("none", 0), ("read", READ), ("write", WRITE), ("create", CREATE),
                        ("delete", DELETE), ("admin", ADMIN)):
        path = f"/perm/{name}"
        a.call("create", body_create(path, b"x"), f"create {path}")
        a.call("create", body_create(path + "/child", b"x"), "and a child")
        a.call("setACL", body_set_acl(path, [(perms, "world", "anyone")]), f"allow {name}")
        b.call("exists", body_path_watch(path), f"exists, {name}")
        b.call("getData", body_path_watch(path), f"getData, {name}")
        b.call("getChildren", body_path_watch(path), f"getChildren, {name}")
        b.call("getChildren2", body_path_watch(path), f"getChildren2, {name}")
        b.call("getAllChildrenNumber", body_path(path), f"getAllChildrenNumber, {name}")
        b.call("getACL", body_path(path), f"getACL, {name}")
        b.call("setData", body_set_data(path, b"y"), f"setData, {name}")
        b.call("create", body_create(path + "/new", b""), f"create below, {name}")
        b.call("create", body_create(path + "/s-", b"", flags=SEQUENTIAL), f"sequential, {name}")
        b.call("create", body_create(path + "/child", b""), f"create an existing one, {name}")
        b.call("create", body_create(path + "/\x02", b""), f"create a bad name, {name}")
        b.call("delete", body_path_version(path + "/child"), f"delete below, {name}")
        b.call("delete", body_path_version(path + "/none"), f"delete a missing one, {name}")
        b.call("setACL", body_set_acl(path, OPEN, 5), f"setACL of a wrong version, {name}")
        b.call("sync", body_path(path), f"sync, {name}")
        b.call("addWatch", string(path) + i32(0), f"addWatch, {name}")
        b.call("multi", body_multi([("check", body_path_version(path, 0))]), f"check, {name}")
        b.call("multiRead", body_multi([("getData", body_path_watch(path)),
                                        ("getChildren", body_path_watch(path))]),
               f"multiRead, {name}")


@section("digest: add, accumulate, use; what getACL tells to whom", "default", "nodigest")
def acl_digest(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    a.call("whoAmI", b"", "whoAmI")
    authenticate(a, "digest", b"alice:wonder", "alice authenticates")
    a.call("whoAmI", b"", "whoAmI")
    authenticate(a, "digest", b"alice:wonder", "the same again")
    a.call("whoAmI", b"", "whoAmI")
    authenticate(a, "digest", b"bob:builder", "bob too")
    a.call("whoAmI", b"", "whoAmI")
    authenticate(a, "digest", b"alice:other", "alice by another password")
    a.call("whoAmI", b"", "whoAmI")
    a.call("create2", body_create("/dig", b"", [(ALL, "digest", ALICE)]), "alice's node")
    a.call("getACL", body_path("/dig"), "to its owner", sort_acl=True)
    a.call("create2", body_create("/digall", b"", [(ALL, "auth", "")]), "everyone authenticated")
    a.call("getACL", body_path("/digall"), "to its owner", sort_acl=True)
    a.call("create2", body_create("/digid", b"", [(READ, "auth", "ignored")]), "auth with an id")
    a.call("getACL", body_path("/digid"), "without ADMIN", sort_acl=True)
    a.call("create2", body_create("/digmix", b"", [(READ, "world", "anyone"), (ALL, "digest", ALICE)]),
           "world may read")
    b.call("getACL", body_path("/digmix"), "to a stranger")
    b.call("getData", body_path_watch("/dig"), "a stranger reads")
    b.call("exists", body_path_watch("/dig"), "a stranger asks whether it exists")
    b.call("getACL", body_path("/dig"), "a stranger asks for the ACL")
    b.call("setData", body_set_data("/digmix", b""), "a stranger writes")
    authenticate(b, "digest", b"alice:wrong", "a wrong password is another identity")
    b.call("getData", body_path_watch("/dig"), "which may not read")
    authenticate(b, "digest", b"alice:wonder", "the right one")
    b.call("getData", body_path_watch("/dig"), "may read")
    b.call("setACL", body_set_acl("/dig", [(ALL, "auth", "")]), "setACL with auth")
    b.call("getACL", body_path("/dig"), "getACL", sort_acl=True)
    b.call("create", body_create("/dig/e", b"", [(ALL, "auth", "")], EPHEMERAL), "ephemeral")
    a.call("multi", body_multi([("create", body_create("/dig/m", b"", [(ALL, "auth", "")])),
                                ("setData", body_set_data("/dig", b"m"))]), "in a multi")
    c = rec.connect("c")
    c.call("multi", body_multi([("setData", body_set_data("/digall", b"m"))]), "stranger's multi")
    c.call("delete", body_path_version("/dig"), "delete asks the parent's ACL, children first")
    for path in ("/dig/m", "/digall", "/digid", "/digmix"):
        c.call("delete", body_path_version(path), f"delete {path}")
    c.call("whoAmI", b"", "whoAmI of c")


@section("ip: the address of the connection is an identity from the start")
def acl_ip(rec):
    a = rec.connect("a")
    for number, ident in enumerate(("127.0.0.1", "127.0.0.0/8", "127.0.0.0/31", "127.0.0.2",
                                    "128.0.0.0/1", "0.0.0.0/0", "10.0.0.0/8", "127.0.0.1/32")):
        path = f"/ip{number}"
        a.call("create", body_create(path, b"x", [(ALL, "ip", ident)]), f"create for {ident}")
        a.call("getData", body_path_watch(path), f"getData for {ident}")
        a.call("getACL", body_path(path), f"getACL for {ident}")
    a.call("create", body_create("/ipauth", b"", [(ALL, "auth", "")]), "ip does not count for auth")


@section("authentication that fails, and what becomes of the connection", "default", "super")
def auth_failures(rec):
    a = rec.connect("a")
    cases = (
        ("unknown scheme", "nothing", b"x"), ("null scheme", None, b"x"), ("empty scheme", "", b"x"),
        ("world", "world", b"anyone"), ("auth", "auth", b""), ("ip", "ip", b""),
        ("ip with an address", "ip", b"10.0.0.1"), ("super", "super", b"secret"),
        ("sasl", "sasl", b"x"), ("x509", "x509", b""), ("Digest", "Digest", b"a:b"),
        ("digest without colon", "digest", b"alice"), ("digest empty", "digest", b""),
        ("digest null", "digest", None), ("digest colon", "digest", b":"),
        ("digest without password", "digest", b"alice:"), ("digest without user", "digest", b":x"),
        ("digest two colons", "digest", b"a:b:c"), ("digest of no text", "digest", b"\xff\xfe:\x80"),
        ("digest with spaces", "digest", b" a : b "), ("digest NUL", "digest", b"a\0:b"),
        ("super user, wrong password", "digest", b"super:wrong"),
    )
    for name, scheme, auth in cases:
        a = rec.again(a)
        authenticate(a, scheme, auth, f"auth {name}")
        if a.alive:
            a.call("whoAmI", b"", f"whoAmI after {name}")
    a = rec.again(a)
    authenticate(a, "digest", b"x:y", "auth with xid 77", xid=77)
    authenticate(a, "digest", b"x:y", "auth with xid -1", xid=-5)
    authenticate(a, "digest", b"x:y", "auth of type 9", kind=9)
    a.call("whoAmI", b"", "whoAmI")
    a.call("create", body_create("/who", b"", [(ALL, "auth", "")]), "auth after all these")
    a.call("whoAmI", b"more bytes", "whoAmI with a body")


@section("super: the configured digest passes every check", "super")
def auth_super(rec):
    a = rec.connect("a")
    b = rec.connect("b")
    a.call("create", body_create("/closed", b"x", [(0, "world", "anyone")]), "nobody may")
    a.call("getData", body_path_watch("/closed"), "not a")
    authenticate(b, "digest", SUPER_PASSWORD.encode(), "super authenticates")
    b.call("whoAmI", b"", "whoAmI of super")
    b.call("getData", body_path_watch("/closed"), "super reads")
    b.call("setData", body_set_data("/closed", b"y"), "super writes")
    b.call("setACL", body_set_acl("/closed", [(ALL, "digest", ALICE)]), "super sets the ACL")
    b.call("getACL", body_path("/closed"), "super reads the ACL")
    b.call("create", body_create("/closed/in", b"", [(ALL, "auth", "")]), "auth of super")
    b.call("getACL", body_path("/closed/in"), "what that became", sort_acl=True)
    b.call("create", body_create("/closed/sup", b"", [(ALL, "super", "")]), "scheme super")
    b.call("create", body_create("/closed/dig", b"", [(ALL, "digest", SUPER_DIGEST)]), "its digest")
    b.call("getACL", body_path("/closed/dig"), "its digest")
    b.call("setData", body_set_data("/zookeeper/config", b""), "super writes /zookeeper/config")
    b.call("setData", body_set_data("/zookeeper/quota", b""), "and /zookeeper/quota")
    b.call("delete", body_path_version("/zookeeper/config"), "special stays special")
    a.call("getData", body_path_watch("/closed"), "still not a")
    for path in ("/closed/in", "/closed/dig", "/closed/sup", "/closed"):
        b.call("delete", body_path_version(path), f"super deletes {path}")


@section("reconfig on a standalone server", "default", "super", "skipacl")
def reconfig(rec):
    a = rec.connect("a")
    cases = (
        ("joining", body_reconfig(joining="server.2=127.0.0.1:1:2:participant;3")),
        ("leaving", body_reconfig(leaving="1")),
        ("new members", body_reconfig(new_members="server.1=127.0.0.1:1:2:participant;3")),
        ("nothing", body_reconfig()), ("config id 5", body_reconfig(leaving="1", config_id=5)),
        ("empty", body_reconfig("", "", "")), ("truncated", b"\x00\x00"),
    )
    for name, body in cases:
        a.call("reconfig", body, f"reconfig {name}")
    authenticate(a, "digest", SUPER_PASSWORD.encode(), "authenticate")
    a.call("reconfig", body_reconfig(leaving="1"), "as super, where there is one")
    a.call("multi", body_multi([("reconfig", body_reconfig(leaving="1"))]), "in a multi")
    a = rec.again(a)
    a.call("getData", body_path_watch("/zookeeper/config"), "/zookeeper/config")


@section("a server that requires authentication", "enforced")
def enforced(rec):
    a = rec.connect("a")
    a.call("getData", body_path_watch("/"), "a read")
    a.expect_close()
    b = rec.connect("b")
    b.ping()
    b.expect_close()
    c = rec.connect("c")
    authenticate(c, "digest", b"alice:wonder", "authenticates")
    c.call("create", body_create("/enf", b"", [(ALL, "auth", "")]), "create")
    c.call("getACL", body_path("/enf"), "getACL")
    d = rec.connect("d")
    d.close_session()
    e = rec.connect("e")
    e.call("multi", body_multi([("create", body_create("/enf2"))]), "multi")
    e.expect_close()
    f = rec.connect("f")
    f.call("sasl", buf(b""), "sasl")
    g = rec.connect("g")
    g.call(999, b"", "unknown operation")
    g.expect_close()
    h = rec.connect("h")
    h.call("setWatches", i64(0) + vector([]) * 3, "setWatches", xid=-8)
    h.expect_close()
    i = rec.connect("i")
    i.call("create", acl_vector(OPEN), "malformed")
    i.expect_close()
