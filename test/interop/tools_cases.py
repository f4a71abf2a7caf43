"""What is typed for the scripts of bin/ other than zkCli.sh: the table behind test_tools.py and
tools_expected/*.txt.

A case is a list of shell lines, run one by one by bash in a fresh folder that holds conf/zoo.cfg
(dataDir=<folder>/data, clientPort=$PORT), conf/logback.xml (silent, for Apache's programs) and the
files of sample_data/. The scripts are first on PATH, ZOOCFGDIR and ZOO_LOG_DIR point into the
folder.
"""


class Case:
    """unordered: the program prints nodes in the order of a hash table; lines are compared
    sorted."""

    def __init__(self, name, steps, unordered=False):
        self.name = name
        self.steps = steps
        self.unordered = unordered


def breaking(text):
    """A shell line that makes "broken" from log.1: the first byte of this text is another one."""
    return (
        f"at=$(grep -abo {text} log.1 | head -n 1 | cut -d: -f1) && cp log.1 broken && "
        "printf X | dd of=broken bs=1 seek=$at conv=notrunc status=none"
    )


def foreground(cfg):
    """A shell line that starts a server which cannot serve; "= 124" would be one that does."""
    return f"timeout 20 zkServer.sh start-foreground {cfg} >out 2>&1"


# fmt: off
CASES = [
    Case("server_usage", [
        "zkServer.sh", "zkServer.sh bogus", "zkServer.sh help", "zkServer.sh --help",
        "JMXDISABLE=true zkServer.sh", "JMXDISABLE=false zkServer.sh", "JMXPORT=22999 zkServer.sh",
    ]),
    Case("server_version", ["zkServer.sh version", "JMXDISABLE=true zkServer.sh version"]),
    Case("server_life", [
        "zkServer.sh status", "zkServer.sh stop", "zkServer.sh start", "zkServer.sh start",
        "zkServer.sh status", "ls data | sort", "test $(cat data/zookeeper_server.pid) -gt 1",
        "kill -0 $(cat data/zookeeper_server.pid)", "zkServer.sh restart", "zkServer.sh status",
        "cp data/zookeeper_server.pid pid", "zkServer.sh stop",
        "while kill -0 $(cat pid) 2>/dev/null; do sleep 0.1; done",
        "zkServer.sh status", "zkServer.sh stop", "ls data | sort",
        "ls logs | grep -c '^zookeeper-user-server-.*[.]out$'",
    ]),
    Case("server_stale_pid", [
        "mkdir data && echo 999999 >data/zookeeper_server.pid", "zkServer.sh start",
        "zkServer.sh status", "zkServer.sh stop",
        "echo 999999 >data/zookeeper_server.pid", "zkServer.sh stop", "ls data | sort",
    ]),
    Case("server_config_argument", [
        "mkdir other && sed s/data$/data2/ conf/zoo.cfg >other/my.cfg",
        "zkServer.sh start nothere.cfg", "zkServer.sh status nothere.cfg",
        "cp other/my.cfg conf/second.cfg", "zkServer.sh start second.cfg",
        "zkServer.sh status second.cfg", "ls", "zkServer.sh stop second.cfg",
        "zkServer.sh status ./other/my.cfg", "zkServer.sh start ./other/my.cfg",
        "zkServer.sh status $PWD/other/my.cfg", "zkServer.sh stop other/my.cfg",
        "zkServer.sh --config other status my.cfg", "zkServer.sh --config other status",
        "ZOOCFG=second.cfg zkServer.sh status", "ZOOCFGDIR=$PWD/other zkServer.sh status my.cfg",
    ]),
    Case("server_environment", [
        "echo 'echo zookeeper-env.sh was read; export ZOOPIDFILE=$PWD/run/my.pid' "
        ">conf/zookeeper-env.sh",
        "echo 'echo java.env was read' >conf/java.env",
        "zkServer.sh status", "zkServer.sh start", "ls run", "ls data", "zkServer.sh status",
        "zkServer.sh stop", "ls run", "ZOOPIDFILE=$PWD/run2/pid zkServer.sh stop",
        "rm conf/java.env conf/zookeeper-env.sh",
        "ZOO_DATADIR_AUTOCREATE_DISABLE=1 ZOOCFG=zoo.cfg zkServer.sh start",
        "mv data old", "ZOO_DATADIR_AUTOCREATE_DISABLE=1 zkServer.sh start",
        "ZOO_DATADIR_AUTOCREATE_DISABLE=1 zkServer.sh start-foreground",
    ]),
    Case("server_status_config", [
        "grep -v clientPort conf/zoo.cfg >conf/none.cfg", "zkServer.sh status none.cfg",
        "mkdir -p data && echo 3 >data/myid", "zkServer.sh status none.cfg",
        "(cat conf/none.cfg; echo 'server.3=127.0.0.1:1:2:participant;127.0.0.1:'$PORT) "
        ">conf/static.cfg", "zkServer.sh status static.cfg",
        "(cat conf/none.cfg; echo 'server.3=127.0.0.1:1:2:participant;'$PORT) >conf/static2.cfg",
        "zkServer.sh status static2.cfg",
        "(cat conf/none.cfg; echo dynamicConfigFile=$PWD/conf/dynamic) >conf/dyn.cfg",
        "echo 'server.3=127.0.0.1:1:2;[::1]:'$PORT >conf/dynamic", "zkServer.sh status dyn.cfg",
        "echo 'server.4=127.0.0.1:1:2;'$PORT >conf/dynamic", "zkServer.sh status dyn.cfg",
        "(cat conf/none.cfg; echo secureClientPort=$PORT) >conf/ssl.cfg; rm data/myid",
        "zkServer.sh status ssl.cfg",
        "(cat conf/zoo.cfg; echo clientPortAddress=127.0.0.1) >conf/address.cfg",
        "zkServer.sh status address.cfg", "zkServer.sh start address.cfg",
        "zkServer.sh status address.cfg", "zkServer.sh stop address.cfg",
    ]),
    Case("server_foreground", [
        "zkServer.sh start-foreground >out 2>err & echo $! >pid; sleep 2; zkServer.sh status",
        "cat err", "kill $(cat pid)", "sleep 1; zkServer.sh status",
    ]),
    # What is said is not compared here (Apache logs a stack trace), the exit code is. Not here: a
    # configuration without clientPort, which Apache serves to nobody, and damaged files, for which
    # ours has an exit code of its own.
    Case("server_refuses", [
        foreground("nothere.cfg"), "grep -v dataDir conf/zoo.cfg >conf/bad.cfg",
        foreground("bad.cfg"), "sed s/clientPort=.*/clientPort=x/ conf/zoo.cfg >conf/bad.cfg",
        foreground("bad.cfg"), "sed s/tickTime=.*/tickTime=x/ conf/zoo.cfg >conf/bad.cfg",
        foreground("bad.cfg"), "sed s/clientPort=.*/clientPort=99999/ conf/zoo.cfg >conf/bad.cfg",
        foreground("bad.cfg"),
        "(cat conf/zoo.cfg; echo maxClientCnxns=x) >conf/bad.cfg", foreground("bad.cfg"),
        "(cat conf/zoo.cfg; echo minSessionTimeout=50000; echo maxSessionTimeout=40000) "
        ">conf/bad.cfg",
        foreground("bad.cfg"),
        "(cat conf/zoo.cfg; echo autopurge.purgeInterval=x) >conf/bad.cfg", foreground("bad.cfg"),
        "(cat conf/zoo.cfg; echo clientPortAddress=192.0.2.1) >conf/bad.cfg",
        foreground("bad.cfg"),
        "echo file >file; sed s:/data$:/file: conf/zoo.cfg >conf/bad.cfg", foreground("bad.cfg"),
        "zkServer.sh start", "sed s:/data$:/data2: conf/zoo.cfg >conf/other.cfg",
        foreground("other.cfg"), "zkServer.sh stop",
    ]),
    # One of three: it runs, and serves nobody.
    Case("server_ensemble_alone", [
        "(cat conf/zoo.cfg; echo initLimit=5; echo syncLimit=2; "
        "echo server.1=127.0.0.1:$((PORT+3000)):$((PORT+4000)); echo server.2=127.0.0.1:1:2; "
        "echo server.3=nosuch.invalid:2888:3888) >conf/three.cfg",
        "mkdir data; echo 1 >data/myid", "zkServer.sh status three.cfg",
        "zkServer.sh start three.cfg", "zkServer.sh status three.cfg",
        "zkServer.sh start three.cfg", "zkServer.sh restart three.cfg",
        "until (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>err; do sleep 0.1; done",
        "zkServer.sh status three.cfg", "ls data | sort",
        "(exec 3<>/dev/tcp/127.0.0.1/$PORT; echo srvr >&3; cat <&3)",
        "(exec 3<>/dev/tcp/127.0.0.1/$PORT; echo ruok >&3; cat <&3)",
        "zkServer.sh stop three.cfg", "zkServer.sh status three.cfg", "ls data | sort",
        # Only the own line says where clients are served.
        "grep -v clientPort conf/three.cfg | sed 's/^\\(server.1=.*\\)/\\1;'$PORT/ >conf/own.cfg",
        "zkServer.sh status own.cfg", "echo 7 >data/myid", "zkServer.sh status own.cfg",
        "rm data/myid", "zkServer.sh status own.cfg",
        # Only TLS.
        "echo 1 >data/myid; sed s/clientPort=/secureClientPort=/ conf/three.cfg >conf/tls.cfg",
        "zkServer.sh status tls.cfg",
    ]),
    # Not here: an id that is in no server line, which is a wrong configuration (2) for ours and an
    # unexpected error (1) for Apache's.
    Case("server_ensemble_refuses", [
        "(cat conf/zoo.cfg; echo initLimit=5; echo syncLimit=2; "
        "echo server.1=127.0.0.1:$((PORT+3000)):$((PORT+4000)); echo server.2=127.0.0.1:1:2; "
        "echo server.3=127.0.0.1:3:4) >conf/three.cfg; mkdir data",
        foreground("three.cfg"), "echo five >data/myid", foreground("three.cfg"),
        ">data/myid", foreground("three.cfg"),
        "echo 1 >data/myid; grep -v initLimit conf/three.cfg >conf/bad.cfg", foreground("bad.cfg"),
        "sed s/server.2=.*/server.2=127.0.0.1/ conf/three.cfg >conf/bad.cfg", foreground("bad.cfg"),
        "sed s/server.2=.*/server.x=127.0.0.1:1:2/ conf/three.cfg >conf/bad.cfg",
        foreground("bad.cfg"),
        "sed s/server.2=.*/server.2=127.0.0.1:1:2:master/ conf/three.cfg >conf/bad.cfg",
        foreground("bad.cfg"),
        "sed 's/\\(server.1=.*\\)/\\1;9999/' conf/three.cfg >conf/bad.cfg", foreground("bad.cfg"),
        "(cat conf/three.cfg; echo dynamicConfigFile=$PWD/conf/dynamic) >conf/bad.cfg",
        "echo server.1=127.0.0.1:1:2 >conf/dynamic", foreground("bad.cfg"),
        "(grep -v server conf/three.cfg; echo dynamicConfigFile=$PWD/conf/nothere) >conf/bad.cfg",
        foreground("bad.cfg"),
        "(cat conf/three.cfg; echo group.1=1:2) >conf/bad.cfg", foreground("bad.cfg"),
        "sed 's/\\(server.*\\)/\\1:observer/' conf/three.cfg >conf/bad.cfg", foreground("bad.cfg"),
        "(cat conf/three.cfg; echo electionAlg=1) >conf/bad.cfg", foreground("bad.cfg"),
        "(cat conf/three.cfg; echo peerType=leader) >conf/bad.cfg", foreground("bad.cfg"),
    ]),
    Case("server_initialize", [
        "zkServer-initialize.sh --help", "zkServer-initialize.sh -h",
        "zkServer-initialize.sh --bogus", "zkServer-initialize.sh", "ls -R data",
        "zkServer-initialize.sh", "zkServer-initialize.sh --force",
        "zkServer-initialize.sh --myid 7",
        "zkServer-initialize.sh --myid=8 --force", "ls -R data", "cat data/myid",
        "zkServer-initialize.sh --configfile nothere.cfg",
        "zkServer-initialize.sh --configfile=$PWD/conf/zoo.cfg --force --myid 9", "cat data/myid",
        "echo tickTime=1 >conf/empty.cfg", "zkServer-initialize.sh --configfile=conf/empty.cfg",
        "(cat conf/zoo.cfg; echo dataLogDir=$PWD/txns) >conf/two.cfg",
        "zkServer-initialize.sh --configfile=conf/two.cfg",
        "zkServer-initialize.sh --configfile=conf/two.cfg --force", "ls -R txns",
        "rm -r data", "zkServer-initialize.sh --configfile=conf/two.cfg",
    ]),
    Case("cleanup", [
        "zkCleanup.sh", "zkCleanup.sh -n", "zkCleanup.sh -n 3", "mkdir -p data/version-2",
        "zkCleanup.sh -n 3", "zkCleanup.sh -n 2", "zkCleanup.sh -n x", "zkCleanup.sh -c 3",
        "zkCleanup.sh -n 3 4 5",
        "for n in 1 2 3 4 5; do cp snapshot.31 data/version-2/snapshot.${n}0; "
        "cp log.1 data/version-2/log.$((n - 1))1; "
        "touch -d '2026-01-02 03:04:0'$n data/version-2/*.$n? data/version-2/log.$((n - 1))1; done",
        "touch -d 2026-01-02T15:04:09 data/version-2/foreign data/version-2/log.zz "
        "data/version-2/snapshot.6",
        "zkCleanup.sh -n 4", "ls data/version-2", "zkCleanup.sh -n 3", "ls data/version-2",
        "zkCleanup.sh -n 3", "rm data/version-2/log.zz",
        "(cat conf/zoo.cfg; echo dataLogDir=$PWD/txns) >conf/two.cfg",
        "ZOOCFG=two.cfg zkCleanup.sh -n 3", "mkdir -p txns/version-2; cp log.1 txns/version-2/",
        "ZOOCFG=two.cfg zkCleanup.sh -n 3", "ls data/version-2 txns/version-2",
    ], unordered=True),
    Case("txn_log", [
        "zkTxnLogToolkit.sh", "zkTxnLogToolkit.sh -h", "zkTxnLogToolkit.sh --help",
        "zkTxnLogToolkit.sh -q log.1", "zkTxnLogToolkit.sh nothere", "zkTxnLogToolkit.sh log.1",
        "zkTxnLogToolkit.sh -d log.1b", "zkTxnLogToolkit.sh --dump -v log.1b | tail -n 2",
        "zkTxnLogToolkit.sh snapshot.0", "head -c 3 log.1 >short; zkTxnLogToolkit.sh short",
        "head -c 16 log.1 >header; zkTxnLogToolkit.sh header",
        "head -c 300 log.1 >torn; zkTxnLogToolkit.sh torn", ": >empty; zkTxnLogToolkit.sh empty",
        "TZ=Asia/Tokyo zkTxnLogToolkit.sh log.1b | head -n 3",
    ]),
    Case("txn_log_recover", [
        breaking("configuration"), "zkTxnLogToolkit.sh broken | head -n 8",
        "zkTxnLogToolkit.sh -r -y broken",
        "ls broken*", "zkTxnLogToolkit.sh broken.fixed | tail -n 1",
        "zkTxnLogToolkit.sh -r -y broken", "rm broken.fixed",
        "echo n | zkTxnLogToolkit.sh -r broken",
        "zkTxnLogToolkit.sh broken.fixed | head -n 4; rm broken.fixed",
        "printf 'x\\nyes\\n' | zkTxnLogToolkit.sh -r broken; rm broken.fixed",
        "echo abort | zkTxnLogToolkit.sh -r broken; rm broken.fixed",
        "cp log.1 broken && printf '\\377' | dd of=broken bs=1 seek=120 conv=notrunc status=none",
        "zkTxnLogToolkit.sh broken", "zkTxnLogToolkit.sh -r -v -y log.1b",
        "zkTxnLogToolkit.sh --recover --yes --verbose log.1b",
    ]),
    Case("txn_log_chop", [
        "zkTxnLogToolkit.sh -c log.1 | tail -n 1", "zkTxnLogToolkit.sh -c -z 5 log.1",
        "ls", "zkTxnLogToolkit.sh log.1.chopped5", "zkTxnLogToolkit.sh -c -z 0xa log.1", "ls",
        "zkTxnLogToolkit.sh -c -z x log.1", "zkTxnLogToolkit.sh -c -z 9999 log.1",
        "zkTxnLogToolkit.sh -z", "zkTxnLogToolkit.sh -c -z 5 nothere",
    ]),
    Case("snapshot", [
        "zkSnapShotToolkit.sh", "zkSnapShotToolkit.sh nothere", "zkSnapShotToolkit.sh snapshot.0",
        "zkSnapShotToolkit.sh snapshot.1a", "zkSnapShotToolkit.sh -d snapshot.1a",
        "zkSnapShotToolkit.sh -x snapshot.1a", "zkSnapShotToolkit.sh log.1",
        "head -c 100 snapshot.1a >torn; zkSnapShotToolkit.sh torn",
    ], unordered=True),
    Case("snapshot_json", [
        "zkSnapShotToolkit.sh -json snapshot.0", "zkSnapShotToolkit.sh -json snapshot.31",
        "zkSnapShotToolkit.sh -d -json snapshot.0",
    ], unordered=True),
    Case("snapshot_summary", [
        "zkSnapshotRecursiveSummaryToolkit.sh",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 /",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 / x",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 / 0",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 / 1",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 /app 2",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 /app/multi/n01 2",
        "zkSnapshotRecursiveSummaryToolkit.sh snapshot.31 /nothere 2",
        "zkSnapshotRecursiveSummaryToolkit.sh nothere / 2",
    ], unordered=True),
    Case("snapshot_compare", [
        "zkSnapshotComparer.sh", "zkSnapshotComparer.sh -l snapshot.1a",
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.31 -b 0 -n 0",
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.31 -b 2 -n 1",
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.31 -b 2 -n 1 -d",
        "zkSnapshotComparer.sh --left snapshot.31 --right snapshot.1a --bytes 0 --nodes 0 --debug",
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.1a -b 0 -n 0",
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.31 -b x -n 1",
        "zkSnapshotComparer.sh -l nothere -r snapshot.31 -b 1 -n 1",
        "printf '\\n2\\n/app\\n/nothere\\n9\\nx\\n3\\n\\n\\n' | "
        "zkSnapshotComparer.sh -l snapshot.1a -r snapshot.31 -b 0 -n 0 -i",
    ]),
]
# fmt: on
