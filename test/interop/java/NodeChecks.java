import static org.apache.zookeeper.KeeperException.Code;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Nodes: every kind of create, Stat, versions, children, and the errors of each request. */
final class NodeChecks {

    private NodeChecks() {
    }

    static void statOfNewNode(Env env) throws Exception {
        long before = System.currentTimeMillis();
        Stat made = new Stat();
        String path = env.zk.create(env.at("a"), Checks.utf8("hello"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT, made);
        Checks.equal(env.at("a"), path);
        Checks.equal(made, env.zk.exists(path, false));
        Checks.equal(made.getCzxid(), made.getMzxid());
        Checks.equal(made.getCzxid(), made.getPzxid());
        Checks.equal(made.getCtime(), made.getMtime());
        Checks.holds(made.getCtime() >= before - 2000
            && made.getCtime() <= System.currentTimeMillis() + 2000,
            "ctime is now");
        Checks.equal("0 0 0",
            made.getVersion() + " " + made.getCversion() + " " + made.getAversion());
        Checks.equal(0L, made.getEphemeralOwner());
        Checks.equal("5 0", made.getDataLength() + " " + made.getNumChildren());
    }

    static void createReturnsNothingButThePath(Env env) throws Exception {
        Checks.equal(env.at("a"), env.create("a"));
        Checks.equal(Arrays.asList("a"), env.zk.getChildren(env.root, false));
    }

    static void createErrors(Env env) throws Exception {
        env.create("a");
        Checks.equal(env.at("a"), Checks.fails(Code.NODEEXISTS, () -> env.create("a")).getPath());
        Checks.equal(env.at("no/b"), Checks.fails(Code.NONODE, () -> env.create("no/b")).getPath());
        Checks.fails(Code.NODEEXISTS, () ->
            env.zk.create("/", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Checks.refused(IllegalArgumentException.class, () -> env.create("a/"));
        Checks.refused(IllegalArgumentException.class, () -> env.create("a//b"));
        Checks.fails(Code.INVALIDACL, () ->
            env.zk.create(env.at("b"), null, Collections.emptyList(), CreateMode.PERSISTENT));
        Checks.equal(null, env.zk.exists(env.at("b"), false));
    }

    static void ephemeral(Env env) throws Exception {
        ZooKeeper other = env.connect();
        other.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Checks.equal(other.getSessionId(), env.zk.exists(env.at("e"), false).getEphemeralOwner());
        Checks.fails(Code.NOCHILDRENFOREPHEMERALS, () -> env.create("e/child"));
        other.close();
        Checks.equal(null, env.zk.exists(env.at("e"), false));
    }

    static void sequential(Env env) throws Exception {
        List<String> made = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            made.add(env.zk.create(env.at("s-"), null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_SEQUENTIAL));
        }
        Checks.equal(Arrays.asList(env.at("s-0000000000"), env.at("s-0000000001"),
            env.at("s-0000000002")), made);
        env.zk.delete(made.get(2), -1);
        env.create("x");
        Checks.equal(env.at("t0000000004"),
            env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        Checks.equal(env.at("0000000005"),
            env.zk.create(env.at(""), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
    }

    static void sequentialWithStat(Env env) throws Exception {
        Stat stat = new Stat();
        String path = env.zk.create(env.at("s"), Checks.utf8("d"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.EPHEMERAL_SEQUENTIAL, stat);
        Checks.equal(env.at("s0000000000"), path);
        Checks.equal(env.zk.getSessionId(), stat.getEphemeralOwner());
        Checks.equal(stat, env.zk.exists(path, false));
    }

    static void container(Env env) throws Exception {
        Stat stat = new Stat();
        env.zk.create(env.at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
        Checks.equal(0L, stat.getEphemeralOwner());
        env.create("c/child");
        Thread.sleep(1200);
        Checks.holds(env.zk.exists(env.at("c"), false) != null, "a container with a child stays");
        env.zk.delete(env.at("c/child"), -1);
        Checks.eventually("the empty container goes", () -> env.zk.exists(env.at("c"),
            false) == null);
    }

    static void containerThatNeverHadAChild(Env env) throws Exception {
        env.zk.create(env.at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        Thread.sleep(1500);
        Checks.holds(env.zk.exists(env.at("c"), false) != null, "it stays");
    }

    static void ttl(Env env) throws Exception {
        Stat stat = new Stat();
        env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat,
            300);
        Checks.equal(0L, stat.getEphemeralOwner());
        Checks.eventually("the node goes", () -> env.zk.exists(env.at("t"), false) == null);
    }

    static void ttlSequential(Env env) throws Exception {
        Checks.equal(env.at("t0000000000"), env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, new Stat(), 100_000));
        Checks.refused(IllegalArgumentException.class, () -> env.zk.create(env.at("u"), null,
            Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, new Stat(), 0));
    }

    static void ttlWithChildStays(Env env) throws Exception {
        env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
            new Stat(), 200);
        env.create("t/child");
        Thread.sleep(1500);
        Checks.holds(env.zk.exists(env.at("t"), false) != null, "it stays while it has a child");
        env.zk.delete(env.at("t/child"), -1);
        Checks.eventually("the node goes", () -> env.zk.exists(env.at("t"), false) == null);
    }

    static void ttlIsRenewedBySetData(Env env) throws Exception {
        env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
            new Stat(), 1500);
        for (int i = 0; i < 5; i++) {
            Thread.sleep(500);
            env.zk.setData(env.at("t"), null, -1);
        }
        Checks.eventually("the node goes", () -> env.zk.exists(env.at("t"), false) == null);
    }

    static void data(Env env) throws Exception {
        env.create("a", "one");
        Stat stat = new Stat();
        Checks.bytes(Checks.utf8("one"), env.zk.getData(env.at("a"), false, stat));
        Checks.equal(0, stat.getVersion());
        Stat set = env.zk.setData(env.at("a"), Checks.utf8("three"), 0);
        Checks.equal("1 5", set.getVersion() + " " + set.getDataLength());
        Checks.holds(set.getMzxid() > set.getCzxid() && set.getPzxid() == set.getCzxid(),
            "only mzxid moves");
        Checks.bytes(Checks.utf8("three"), env.zk.getData(env.at("a"), false, stat));
        Checks.equal(set, stat);
        Checks.equal(env.at("a"), Checks.fails(Code.BADVERSION, () ->
            env.zk.setData(env.at("a"), null, 0)).getPath());
        Checks.equal(2, env.zk.setData(env.at("a"), null, -1).getVersion());
        Checks.fails(Code.NONODE, () -> env.zk.setData(env.at("no"), null, -1));
        Checks.fails(Code.NONODE, () -> env.zk.getData(env.at("no"), false, null));
    }

    static void nullAndEmptyData(Env env) throws Exception {
        env.create("null");
        Checks.bytes(null, env.zk.getData(env.at("null"), false, null));
        env.create("empty", "");
        Checks.bytes(new byte[0], env.zk.getData(env.at("empty"), false, null));
        env.zk.setData(env.at("empty"), null, -1);
        Checks.bytes(null, env.zk.getData(env.at("empty"), false, null));
        Checks.equal(0, env.zk.exists(env.at("empty"), false).getDataLength());
    }

    static void delete(Env env) throws Exception {
        env.create("a");
        env.create("a/b");
        Checks.equal(env.at("a"), Checks.fails(Code.NOTEMPTY, () -> env.zk.delete(env.at("a"),
            -1)).getPath());
        Checks.fails(Code.BADVERSION, () -> env.zk.delete(env.at("a/b"), 1));
        env.zk.delete(env.at("a/b"), 0);
        env.zk.delete(env.at("a"), -1);
        Checks.fails(Code.NONODE, () -> env.zk.delete(env.at("a"), -1));
        Checks.fails(Code.BADARGUMENTS, () -> env.zk.delete("/", -1));
        Checks.fails(Code.BADARGUMENTS, () -> env.zk.delete("/zookeeper", -1));
    }

    static void exists(Env env) throws Exception {
        Checks.equal(null, env.zk.exists(env.at("a"), false));
        env.create("a", "x");
        Checks.equal(1, env.zk.exists(env.at("a"), false).getDataLength());
    }

    static void children(Env env) throws Exception {
        Checks.fails(Code.NONODE, () -> env.zk.getChildren(env.at("no"), false));
        Checks.equal(Collections.emptyList(), env.zk.getChildren(env.root, false));
        Stat stat = new Stat();
        for (String name : Arrays.asList("c", "a", "b")) {
            env.create(name);
        }
        List<String> children = env.zk.getChildren(env.root, false, stat);
        Checks.equal(Arrays.asList("a", "b", "c"),
            children.stream().sorted().collect(Collectors.toList()));
        Checks.equal("3 3", stat.getNumChildren() + " " + stat.getCversion());
        long created = env.zk.exists(env.at("b"), false).getCzxid();
        Checks.equal(created, stat.getPzxid());
        env.zk.delete(env.at("a"), -1);
        env.zk.getChildren(env.root, false, stat);
        Checks.equal("2 4", stat.getNumChildren() + " " + stat.getCversion());
        Checks.holds(stat.getPzxid() > created, "a delete moves pzxid");
        env.zk.setData(env.at("b"), Checks.utf8("x"), -1);
        Checks.equal(stat, env.zk.exists(env.root, false));
    }

    static void unicode(Env env) throws Exception {
        String name = "gr\u00fc\u00df-\u4e16\u754c";
        env.create(name, "\u00e9");
        Checks.equal(Arrays.asList(name), env.zk.getChildren(env.root, false));
        Checks.bytes(Checks.utf8("\u00e9"), env.zk.getData(env.at(name), false, null));
    }

    static void allChildrenNumber(Env env) throws Exception {
        for (String name : Arrays.asList("a", "a/b", "a/b/c", "a/d", "ab")) {
            env.create(name);
        }
        Checks.equal(3, env.zk.getAllChildrenNumber(env.at("a")));
        Checks.equal(5, env.zk.getAllChildrenNumber(env.root));
        Checks.equal(0, env.zk.getAllChildrenNumber(env.at("ab")));
        Checks.fails(Code.NONODE, () -> env.zk.getAllChildrenNumber(env.at("no")));
    }

    static void ephemerals(Env env) throws Exception {
        ZooKeeper other = env.connect();
        other.create(env.at("x"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Checks.equal(Collections.emptyList(), env.zk.getEphemerals());
        for (String name : Arrays.asList("e1", "e2", "f")) {
            env.zk.create(env.at(name), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        }
        Checks.equal(Arrays.asList(env.at("e1"), env.at("e2"), env.at("f")),
            env.zk.getEphemerals().stream().sorted().collect(Collectors.toList()));
        Checks.equal(Arrays.asList(env.at("e1"), env.at("e2")),
            env.zk.getEphemerals(env.at("e")).stream().sorted().collect(Collectors.toList()));
        Checks.equal(Collections.emptyList(), env.zk.getEphemerals(env.at("none")));
    }

    static void deleteRecursive(Env env) throws Exception {
        for (int i = 0; i < 20; i++) {
            env.create("n" + i);
            env.create("n" + i + "/a");
            env.create("n" + i + "/a/b");
        }
        List<String> seen = new ArrayList<>();
        ZKUtil.visitSubTreeDFS(env.zk, env.root, false, (rc, path, ctx, name) -> seen.add(path));
        Checks.equal(61, seen.size());
        Checks.holds(ZKUtil.deleteRecursive(env.zk, env.at("n0"), 1), "one in a batch");
        Checks.holds(ZKUtil.deleteRecursive(env.zk, env.root, 7), "seven in a batch");
        Checks.equal(null, env.zk.exists(env.root, false));
    }

    static void syncAndConfig(Env env) throws Exception {
        env.zk.sync(env.root);
        env.zk.sync(env.at("no"));
        Stat stat = new Stat();
        Checks.bytes(new byte[0], env.zk.getConfig(false, stat));
        Checks.equal(-1, stat.getAversion());
    }

    static void systemNodes(Env env) throws Exception {
        Checks.holds(env.zk.getChildren("/", false).contains("zookeeper"), "/zookeeper is there");
        Checks.equal(Arrays.asList("config", "quota"),
            env.zk.getChildren("/zookeeper", false).stream().sorted().collect(Collectors.toList()));
    }
}
