"""What is typed into zkCli: the table behind test_zkcli.py and zkcli_expected/*.txt.

A case is a list of steps run in order against one server whose tree was emptied first. A step is a
command line of zkCli (each one in a process of its own), or, when it starts with "!", something
another client or the operator does meanwhile:

    !create PATH [DATA]    !set PATH DATA    !delete PATH    !digest PATH    !stop    !start

(!digest protects PATH with digest ACL user:pass, all permissions.)

A session is one interactive zkCli: every step is a typed line, and a step may be a pair (line,
number of watch events that must come before the next line is typed). Where Apache prints in an
order that depends on a race between its two threads (a watch event while a command is answering)
the pair removes the race.

"server" names the configuration: "full" (extended types, hard quotas, super digest, reconfig
enabled, all four-letter words) or "plain" (nothing set).
"""

SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="  # super:secret

SERVER_FLAGS = {
    "full": {
        "zookeeper.extendedTypesEnabled": "true",
        "zookeeper.enforceQuota": "true",
        "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    },
    "plain": {},
}
# A one-shot zkCli does not end its session; on a slow machine it must not expire within the case.
LONG_SESSIONS = {"minSessionTimeout": 300000, "maxSessionTimeout": 600000}
SERVER_CONFIG = {
    "full": {"reconfigEnabled": "true", **LONG_SESSIONS},
    "plain": LONG_SESSIONS,
}


class Case:
    """One file of zkcli_expected. options go before every command, after -server hosts + chroot."""

    def __init__(self, name, steps, server="full", options="", chroot="", environment=None,
                 hosts="127.0.0.1:<port>"):
        self.name = name
        self.steps = steps
        self.server = server
        self.options = options
        self.hosts = hosts
        self.chroot = chroot
        self.environment = environment or {}
        self.kind = "one-shot"


class Session(Case):
    """An interactive zkCli; terminal=True through a pseudo terminal, otherwise with its input from
    a pipe."""

    def __init__(self, name, steps, terminal=True, **rest):
        super().__init__(name, steps, **rest)
        self.kind = "terminal" if terminal else "pipe"


# fmt: off
CASES = [
    # ---- one command per process
    Case("tutorial", [
        "ls /", "create /zk_test my_data", "ls /", "get /zk_test", "get -s /zk_test",
        "set /zk_test junk", "get /zk_test", "set -s /zk_test junk2", "stat /zk_test", "ls -s /",
        "ls -s /zk_test", "delete /zk_test", "ls /", "get /zk_test",
    ]),
    Case("help_and_unknown", [
        "help", "xyz", "xyz /a b", "ls2 /", "rmr /a", "LS /", "?", "version", "version x",
        "history", "redo 1", "redo", "redo x", "printwatches", "printwatches on",
        "printwatches off", "connect 127.0.0.1:<port>", "close", "quit",
    ]),
    Case("create", [
        "create", "create -s", "create relative", "create /a", "create /a", "create /a hello",
        "create /b hello", "create /c 'two words'", "create /c/d/e x", "create /b/ x",
        "create /b//c x", "create /b/./c x", "create /b/../c x", "create '' x", "create / x",
        "create /zookeeper/x y", "create /a/b c world:anyone:r", "getAcl /a/b",
        "create /a/b2 c world:anyone:rx", "create /a/b3 c world:anyone",
        "create /a/b4 c digest:me:cdrwa,world:anyone:r", "getAcl /a/b4",
        "create /a/b5 c bogus:me:cdrwa", "create /a/b6 c auth::cdrwa",
        "create /a/b7 c ip:10.0.0.0/8:r", "create /a/b8 c ip:999.0.0.1:r",
        "create /a/b9 c world:someone:r", "create /a/b10 c ,", "create /a/b11 c d e f",
        "create /a/gr\u00fc\u00df\u00e9 \u4e16\u754c", "get /a/gr\u00fc\u00df\u00e9",
        "create /a/b12 ''", "get /a/b12", "get -s /a/b12", "get /a", "get -s /a",
        "create -x /a/b13", "create /a/-b14 -c", "create -- /a/b15 -e", "ls /a",
        "'create' '/a/t\x09ab' x", "'create' '/a/nul\x01' x",
    ]),
    Case("create_modes", [
        "create -e /e", "create -e /e/x", "create /e/x", "create -s /s-", "create -s /s- data",
        "create -e -s /es-", "create -es /es-", "create -s -e /es- data", "create -c /cont",
        "create -c -e /c2", "create -c -s /c2", "create -t 600000 /ttl",
        "create -t 600000 -s /ttls-",
        "create -s -t 600000 /ttls- d", "create -t 600000 -e /t2", "create -t 600000 -c /t2",
        "create -t x /t2", "create -t", "create -t -5 /t2", "create -t 0 /t2",
        "create -t 1099511627775 /t3", "create -t 1099511627776 /t4", "stat /cont", "stat /ttl",
        "stat /e", "ls /", "create -e /e", "create -s /s-/", "create -s /p/", "create /p",
        "create -s /p/", "create -s /p/x", "ls /p",
    ]),
    Case("create_modes_plain", [
        "create -t 600000 /ttl", "create -t 600000 -s /ttls-", "create -c /cont", "create -e /e",
        "stat /cont", "ls /",
    ], server="plain"),
    Case("get", [
        "create /a hello", "get", "get -s", "get -w", "get /nope", "get relative", "get /a",
        "get -s /a", "get -w /a", "get -b /a", "get -x /a", "get -b -x /a", "get -sb /a",
        "get -s -w -b /a", "get /a -s", "get /a true", "get /a watch", "get -q /a", "get /a/",
        "get /a b c", "create /n", "get -b /n", "get -x /n", "create /e ''", "get -b /e",
        "get -x /e", "create /long 'the quick brown fox jumps over the lazy dog and runs on'",
        "get -x /long", "get -b /long", "get /", "get -s /", "get --s /a", "get -- /a",
        "get -ss /a", "get '/a'", "get /zookeeper/config",
    ]),
    Case("ls", [
        "ls", "ls -s", "ls /nope", "ls relative", "ls /", "create /b", "create /a", "create /a/y",
        "create /a/x", "create /a/x/deep", "create /a/10", "create /a/9", "create /a/B", "ls /",
        "ls /a", "ls -s /a", "ls -w /a", "ls -R /a", "ls -R /", "ls -R /nope", "ls -s -R /a",
        "ls -R -w /a", "ls /a -s", "ls /a true", "ls -? /a", "ls -?", "ls -z /a", "ls /b",
        "ls -R /b", "ls /a/", "ls /zookeeper", "ls -R /zookeeper", "ls /a b c",
    ]),
    Case("set", [
        "create /a hello", "set", "set /a", "set /nope x", "set relative x", "set /a new", "get /a",
        "set -s /a new2", "set /a new3 -s", "set -v 0 /a x", "set -v 3 /a x", "set /a x -v 4",
        "set -v -1 /a y", "set /a y -v 99", "set -v x /a y", "set -v /a y", "set -b /a aGVsbG8=",
        "get /a", "set -b /a '!!!'", "set -b -s /a d29ybGQ=", "set /a two words", "get /a",
        "set /a 'two words'", "get /a", "set /a ''", "get /a", "set -q /a x", "set /a -x",
        "set -- /a -x", "get /a", "set / root", "get /", "set / ''", "set /a -1",
        "set -v 99999999999 /a y",
    ]),
    Case("stat", [
        "create /a hello", "stat", "stat -w", "stat /a", "stat -w /a", "stat /nope",
        "stat relative", "stat /a true", "stat /a -w", "stat -q /a", "stat /", "stat /a/",
        "stat /zookeeper", "stat /zookeeper/quota",
    ]),
    Case("delete", [
        "delete", "delete -v", "delete /nope", "delete relative", "create /a", "create /a/b",
        "delete /a", "delete -v 5 /a/b", "delete -v 0 /a/b", "create /a/b", "set /a/b x",
        "delete -v 0 /a/b", "delete /a/b 0", "delete /a/b 1", "ls /a", "create /a/b",
        "delete -v -1 /a/b", "delete /a -v 0", "delete /", "delete -v x /a", "delete -q /a",
        "delete /zookeeper", "delete /zookeeper/quota", "delete /zookeeper/config",
    ]),
    Case("deleteall", [
        "deleteall", "deleteall /nope", "deleteall relative", "create /a", "create /a/b",
        "create /a/b/c", "create /a/d", "deleteall /a", "ls /", "create /a", "create /a/b",
        "create /a/b/c", "deleteall -b 1 /a", "ls /", "create /a", "create /a/b",
        "deleteall /a -b 2", "deleteall -b x /a", "create /a", "create /a/b", "deleteall -b 0 /a",
        "ls /", "deleteall -b", "deleteall -q /a", "create /p", "create /p/q x world:anyone:r",
        "create /p/r", "deleteall /p", "ls /p", "setAcl /p world:anyone:r", "deleteall /p",
        "ls -R /p",
    ]),
    Case("acl", [
        "create /a", "getAcl", "getAcl /nope", "getAcl relative", "getAcl /a", "getAcl -s /a",
        "getAcl /a -s", "getAcl -q /a", "setAcl", "setAcl /a", "setAcl /nope world:anyone:r",
        "setAcl relative world:anyone:r", "setAcl -s /a world:anyone:cdrwa",
        "setAcl /a world:anyone:ra", "getAcl /a", "setAcl -v 0 /a world:anyone:cdrwa",
        "setAcl -v 2 /a world:anyone:cdrwa", "setAcl -v x /a world:anyone:r",
        "setAcl /a world:anyone", "setAcl /a bogus:x:r", "setAcl /a world:anyone:rz", "getAcl /a",
        "setAcl /a world:anyone:", "getAcl /a", "create /b", "create /b/c", "create /b/c/d",
        "setAcl -R /b world:anyone:cdra", "getAcl /b", "getAcl /b/c/d",
        "setAcl -R -s /b world:anyone:cdrwa", "setAcl -R /nope world:anyone:r",
        "setAcl -R /b bogus:x:r", "setAcl /b ip:127.0.0.1:cdrwa", "getAcl /b",
        "setAcl /b ip:10.1.2.3:cdrwa", "getAcl /b", "setAcl /b world:anyone:cdrwa",
        "create /r x world:anyone:a", "get /r", "set /r y", "ls /r", "stat /r", "getAcl /r",
        "create /r/x", "delete /r", "sync /r", "getAcl /", "create /dg x digest:bob:abc=:cdrwa",
        "getAcl /dg", "get /dg", "setAcl /b world:anyone:r,ip:127.0.0.1:cdrwa", "getAcl /b",
        "setAcl /b auth::cdrwa", "setAcl -q /b world:anyone:r",
    ]),
    Case("addauth", [
        "addauth", "addauth digest", "addauth digest user:pass", "addauth digest user",
        "addauth bogus x", "addauth world anyone", "addauth ip 127.0.0.1", "addauth super x",
    ]),
    Case("whoami", ["whoami", "whoami x"]),
    Case("sync", [
        "sync", "sync /", "sync /nope", "sync relative", "create /a", "sync /a", "sync -q /a",
        "sync /a/",
    ]),
    Case("quota", [
        "create /a", "create /a/b 12345", "listquota", "listquota /a", "listquota /nope",
        "listquota relative", "setquota", "setquota /a", "setquota -n", "setquota -n 5",
        "setquota -n 5 /nope", "setquota -n 0 /a", "setquota -n x /a", "setquota -b -1 /a",
        "setquota -n 1 /a", "listquota /a", "setquota -b 3 /a", "listquota /a", "setquota -N 10 /a",
        "setquota -B 1000 /a", "listquota /a", "setquota -N 1 /a", "setquota -n 5 -b 6 /a",
        "setquota -n 5 /a/b", "setquota -n 5 /zookeeper/quota", "setquota -n 5 /",
        "get /zookeeper/quota/a/zookeeper_limits", "get /zookeeper/quota/a/zookeeper_stats",
        "create /a/c 1", "set /a/b 1234567", "listquota /a", "delquota", "delquota -n /a",
        "listquota /a", "delquota -b /a", "delquota -N /a", "delquota -B /a", "delquota -n -b /a",
        "listquota /a", "delquota /a", "listquota /a", "delquota /a", "delquota -q /a",
        "delquota relative", "delquota /nope", "create /p", "create /p/q", "create /p/q/r",
        "setquota -n 5 /p/q/r", "setquota -n 5 /p", "ls -R /zookeeper", "delquota /p/q/r",
        "ls -R /zookeeper", "setquota -q 5 /p", "setquota -n 99999999999 /p",
    ]),
    Case("quota_hard", [
        "create /a", "setquota -N 2 /a", "create /a/b", "create /a/c", "create /a/d",
        "listquota /a", "setquota -B 10 /a", "set /a/b 12345", "set /a/b 12345678901",
        "listquota /a", "delete /a/b", "listquota /a",
    ]),
    Case("ephemerals", [
        "getEphemerals", "getEphemerals /", "getEphemerals relative", "create -e /e",
        "getEphemerals", "getEphemerals -q", "getAllChildrenNumber", "getAllChildrenNumber /nope",
        "getAllChildrenNumber relative", "create /a", "create /a/b", "create /a/b/c",
        "getAllChildrenNumber /a", "getAllChildrenNumber /a/b/c", "getAllChildrenNumber /zookeeper",
        "getAllChildrenNumber -q /a", "getAllChildrenNumber /a x",
    ]),
    Case("watches", [
        "addWatch", "addWatch /a", "addWatch -m PERSISTENT /a",
        "addWatch -m persistent_recursive /a", "addWatch -m bogus /a", "addWatch -m",
        "addWatch /a /b", "addWatch relative", "addWatch -q /a", "removewatches",
        "removewatches /a", "removewatches /a -c", "removewatches /a -d", "removewatches /a -a",
        "removewatches /a -p", "removewatches /a -r", "removewatches -l /a",
        "removewatches relative", "removewatches -q /a", "removewatches /a x y",
    ]),
    Case("config", [
        "config", "config -c", "config -s", "config -w", "config -c -s", "config -q", "config x",
    ]),
    Case("reconfig", [
        "reconfig", "reconfig -s", "reconfig -v x -remove 1", "reconfig -remove 1",
        "reconfig -add server.5=127.0.0.1:1:2;3", "reconfig -members server.5=127.0.0.1:1:2;3",
        "reconfig -add server.5=127.0.0.1:1:2;3 -members server.6=127.0.0.1:1:2;3",
        "reconfig -file /nonexistent -members server.6=127.0.0.1:1:2;3",
        "reconfig -file /nonexistent", "reconfig -q", "reconfig -v 1 -remove 1", "reconfig -remove",
        "reconfig -s -v 100000000 -remove 2,3",
    ]),
    Case("reconfig_plain", [
        "reconfig -remove 1", "reconfig -add server.5=127.0.0.1:1:2;3", "config", "config -s",
    ], server="plain"),
    Case("chroot", [
        "ls /", "create /x data", "ls /", "get -s /x", "create /x", "get /nope", "delete /nope",
        "stat /zookeeper", "create -s /s-", "set /nope x", "ls -R /", "getAllChildrenNumber /",
        "getEphemerals", "deleteall /x", "setquota -n 5 /s-0000000001", "getAcl /nope", "sync /",
    ], chroot="/chroot"),
    Case("chroot_missing", [
        "ls /", "create /x", "get /x", "stat /", "getAcl /", "getAllChildrenNumber /",
    ], chroot="/missing/root"),
    Case("options_readonly", ["ls /", "create /a x", "whoami"], options="-r"),
    Case("options_timeout", ["ls /", "create /a x"], options="-timeout 5000"),
    Case("options_wait", ["ls /", "create /a x", "ls2 /"], options="-waitforconnection"),
    Case("options_bad", ["ls /"], options="-bogus"),
    Case("options_timeout_bad", ["ls /"], options="-timeout x"),
    # Lists of live servers only: a dead one comes first by chance, and fails the command.
    Case("server_list", ["ls /", "create /a x", "get /a"],
         hosts="127.0.0.1:<port>,localhost:<port>"),
    Case("server_list_chroot", ["ls /", "create /a x", "get /a", "stat /no"], chroot="/chroot",
         hosts="127.0.0.1:<port>,localhost:<port>,127.0.0.1:<port>"),
    Case("server_name", ["ls /"], hosts="localhost:<port>"),
    Case("server_absent", ["ls /", "create /a x", "version", "xyz", "sync /", "addauth digest a:b"],
         hosts="127.0.0.1:1", options="-timeout 3000"),
    Case("server_absent_wait", ["ls /"], hosts="127.0.0.1:1",
         options="-waitforconnection -timeout 2000"),
    Case("server_bad_name", ["ls /"], hosts="127.0.0.1:x"),
    Case("server_bad_chroot", ["ls /"], chroot="/a//b"),
    Case("server_chroot_slash", ["ls /"], chroot="/"),
    Case("time_zone", ["create /a", "stat /a"], environment={"TZ": "Europe/Berlin"}),
    # ---- interactive
    Session("session_tutorial", [
        "ls /", "create /zk_test my_data", "ls /", "get /zk_test", "set /zk_test junk",
        "get /zk_test", "get -s /zk_test", "delete /zk_test", "ls /", "quit",
    ]),
    Session("session_quoting", [
        'create /a "two words"', "get /a", "set /a 'single quotes'", "get /a", "set /a \"it's\"",
        "get /a", 'set /a ""', "get /a", "  ls   /  ", "", "   ", 'set /a unquoted"quote', "get /a",
        'set /a "unterminated', "get /a", 'create "/with space" x', 'ls "/with space"', "ls /",
        "set /a a'b'c", "get /a", "quit",
    ]),
    Session("session_history", [
        "history", "ls /", "get /nope", "history", "redo 1", "redo 99", "redo -1", "redo 4", "redo",
        "redo 0", "history", "ls /zookeeper", "ls /", "ls /", "ls /", "history", "quit",
    ]),
    Session("session_redo_crash", ["ls /", "redo x", "ls /"]),
    Session("session_unknown", ["help", "foo", "foo bar", "create", "ls", "exit", "quit now"]),
    Session("session_exit_code_error", ["ls /", "ls /nope", "quit"]),
    Session("session_exit_code_unknown", ["nonsense", "quit"]),
    Session("session_exit_code_ok", ["nonsense", "ls /", "quit"]),
    Session("session_watch_data", [
        "create /w x", "get -w /w", ("set /w y", 1), "set /w z", "stat -w /w", ("!set /w q", 1),
        "get /w true", ("delete /w", 1), "stat -w /w", "get -w /w", "create /w again", "stat -w /w",
        ("!delete /w", 1), "quit",
    ]),
    Session("session_watch_children", [
        "create /w", "ls -w /w", ("create /w/a", 1), "create /w/b", "ls -w /w", ("!delete /w/a", 1),
        "ls -w /w", ("deleteall /w", 1), "ls -w /", ("create /z", 1), "quit",
    ]),
    Session("session_watch_recursive_ls", [
        "create /w", "create /w/a", "ls -R -w /w", ("!create /w/a/b", 1), ("!create /w/c", 1),
        "quit",
    ]),
    Session("session_add_watch", [
        "create /p", "addWatch /p", ("create /p/a", 1), ("set /p/a x", 1), ("set /p y", 1),
        ("delete /p/a", 1), "removewatches /p", "set /p z", "addWatch -m PERSISTENT /p",
        ("create /p/a", 1), "set /p/a x", ("set /p y", 1), ("delete /p/a", 1),
        ("removewatches /p -p", 1), "set /p x", "addWatch -m persistent /p", "removewatches /p -r",
        "quit",
    ]),
    Session("session_remove_watches", [
        "create /a", "get -w /a", ("removewatches /a -d", 1), "removewatches /a -d", "ls -w /a",
        ("removewatches /a -c", 1), "get -w /a", "removewatches /a -c", ("removewatches /a -a", 1),
        "removewatches /a -l", "removewatches /nope", "quit",
    ]),
    Session("session_printwatches", [
        "printwatches", "printwatches off", "printwatches", "create /w x", "get -w /w", "set /w y",
        "printwatches on", "printwatches", "get -w /w", ("set /w z", 1), "printwatches maybe",
        "printwatches", "quit",
    ]),
    Session("session_auth", [
        "whoami", "addauth digest bob:secret", "whoami", "create /mine x auth::cdrwa",
        "getAcl /mine", "get /mine", "!digest /other", "get /other", "set /other x",
        "addauth digest user:pass", "get /other", "getAcl /other", "whoami",
        "setAcl /mine auth:ignored:r", "getAcl /mine", "addauth digest super:secret", "set /mine y",
        "whoami", "quit",
    ]),
    Session("session_auth_bad", [("addauth bogus x", 1), "ls /", "quit"]),
    Session("session_ephemerals", [
        "create -e /e1", "create /p", "create -e /p/e2", "getEphemerals /p", "getEphemerals /e",
        "getEphemerals /zz", "getEphemerals p", "ls /", "create -e -s /p/s-", "create /e1/x",
        "quit",
    ]),
    Session("session_close_connect", [
        ("close", 1), "ls /", "create /a", "history", "xyz", ("connect 127.0.0.1:<port>", 1),
        "ls /", ("connect", 2), "ls /", ("connect 127.0.0.1:<port>/chroot", 2), "ls /", "quit",
    ]),
    Session("session_reconnect", [
        "create /a x", "get -w /a", ("!stop", 1), ("!start", 1), "get /a", ("set /a y", 1), "quit",
    ]),
    Session("session_errors", [
        "create /a", "create /a", "create /x/y", "delete /nope", "set /nope x", "set -v 7 /a x",
        "ls /nope", "get /nope", "stat /nope", "get relative", "create -e /e", "create /e/x",
        "create /a/b", "delete /a", "getAcl /nope", "reconfig -remove 1", "create -t x /t",
        "setquota -n 5 /nope", "addWatch -m bogus /a", "quit",
    ]),
    Session("session_number_crash", ["create /a", "set -v x /a y", "ls /"]),
    Session("session_quota", [
        "create /q", "setquota -n 2 /q", "create /q/a", "create /q/b", "listquota /q",
        "setquota -n 1 /q", "delquota -n /q", "listquota /q", "delquota /q", "listquota /q", "quit",
    ]),
    Session("session_chroot", [
        "ls /", "create /x y", "get -w /x", ("set /x z", 1), "ls -w /", ("delete /x", 1), "quit",
    ], chroot="/chroot"),
    Session("session_modes", [
        "create -s /s-", "create -s /s-", "create -c /c", "create -t 600000 /t",
        "create -e -s /es-",
        "ls /", "getAllChildrenNumber /", "sync /", "config", "version", "whoami", "quit",
    ]),
    Session("session_readonly", ["ls /", "create /a", "quit"], options="-r"),
    Session("pipe_commands", [
        "create /a hello", "ls /", "get /a", "set -s /a x", "history", "delete /a",
    ], terminal=False),
    Session("pipe_errors", ["get /nope", "xyz", "", "create", "ls /"], terminal=False),
    Session("pipe_last_error", ["ls /", "get /nope"], terminal=False),
    Session("pipe_quit", ["ls /", "quit", "create /never"], terminal=False),
    Session("pipe_empty", [], terminal=False),
]
# fmt: on
