import static org.apache.zookeeper.KeeperException.Code;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.data.Stat;

/** multi, Transaction and multiRead. */
final class MultiChecks {

    private MultiChecks() {
    }

    private static Op create(Env env, String relative) {
        return Op.create(env.at(relative), Checks.utf8("d"), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT);
    }

    static void everyKindOfOperation(Env env) throws Exception {
        env.create("old", "1");
        List<OpResult> results = env.zk.multi(Arrays.asList(
            Op.check(env.at("old"), 0),
            create(env, "a"),
            Op.setData(env.at("a"), Checks.utf8("changed"), 0),
            Op.create(env.at("s-"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
            Op.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL),
            Op.create(env.at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
            Op.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
                100_000),
            Op.delete(env.at("old"), 0)));
        // The newer kinds of create are answered as create2: path and Stat.
        Checks.equal(Arrays.asList(OpCode.check, OpCode.create, OpCode.setData, OpCode.create,
            OpCode.create,
            OpCode.create2, OpCode.create2, OpCode.delete),
            results.stream().map(OpResult::getType).collect(Collectors.toList()));
        Checks.equal(env.at("a"), ((OpResult.CreateResult) results.get(1)).getPath());
        Stat set = ((OpResult.SetDataResult) results.get(2)).getStat();
        Checks.equal("1 7", set.getVersion() + " " + set.getDataLength());
        Checks.equal(env.at("s-0000000002"), ((OpResult.CreateResult) results.get(3)).getPath());
        Checks.equal(null, env.zk.exists(env.at("old"), false));
        // One transaction: all of it happened at one zxid.
        long zxid = env.zk.exists(env.at("a"), false).getCzxid();
        for (String name : Arrays.asList("s-0000000002", "e", "c", "t")) {
            Checks.equal(zxid, env.zk.exists(env.at(name), false).getCzxid());
        }
        Checks.equal(zxid, env.zk.exists(env.root, false).getPzxid());
        Checks.equal(env.zk.getSessionId(), env.zk.exists(env.at("e"), false).getEphemeralOwner());
    }

    static void nothingHappensWhenOneFails(Env env) throws Exception {
        KeeperException e = Checks.fails(Code.NONODE, () -> env.zk.multi(Arrays.asList(
            create(env, "a"), create(env, "b"), Op.delete(env.at("no"), -1), create(env, "c"))));
        Checks.equal(Arrays.asList(0, 0, Code.NONODE.intValue(),
            Code.RUNTIMEINCONSISTENCY.intValue()),
            e.getResults().stream().map(r ->
                ((OpResult.ErrorResult) r).getErr()).collect(Collectors.toList()));
        Checks.equal(0, env.zk.getAllChildrenNumber(env.root));
        Checks.equal(0, env.zk.exists(env.root, false).getCversion());
    }

    static void laterOperationsSeeEarlierOnes(Env env) throws Exception {
        env.zk.multi(Arrays.asList(create(env, "a"), create(env, "a/b"), Op.check(env.at("a/b"), 0),
            Op.setData(env.at("a/b"), null, 0), Op.check(env.at("a/b"), 1),
                Op.delete(env.at("a/b"), 1),
            Op.delete(env.at("a"), 0), create(env, "a")));
        Checks.equal(Arrays.asList("a"), env.zk.getChildren(env.root, false));
        Checks.equal(0, env.zk.exists(env.at("a"), false).getNumChildren());
    }

    static void checkFails(Env env) throws Exception {
        env.create("a");
        Checks.fails(Code.BADVERSION, () -> env.zk.multi(Arrays.asList(
            Op.check(env.at("a"), 3), Op.delete(env.at("a"), 0))));
        Checks.fails(Code.NONODE, () -> env.zk.multi(Arrays.asList(Op.check(env.at("b"), 0))));
        Checks.holds(env.zk.exists(env.at("a"), false) != null, "the node is still there");
    }

    static void empty(Env env) throws Exception {
        Checks.equal(0, env.zk.multi(new ArrayList<>()).size());
    }

    static void transaction(Env env) throws Exception {
        Checks.equal(4, env.zk.transaction()
            .create(env.at("a"), Checks.utf8("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
            .check(env.at("a"), 0).setData(env.at("a"), Checks.utf8("2"), 0)
            .delete(env.at("a"), 1).commit().size());
    }

    static void large(Env env) throws Exception {
        List<Op> ops = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            ops.add(create(env, "n" + i));
        }
        Checks.equal(1000, env.zk.multi(ops).size());
        Checks.equal(1000, env.zk.exists(env.root, false).getCversion());
        ops.clear();
        for (int i = 0; i < 1000; i++) {
            ops.add(Op.delete(env.at("n" + i), 0));
        }
        env.zk.multi(ops);
        Checks.equal(2000, env.zk.exists(env.root, false).getCversion());
        Checks.equal(0, env.zk.exists(env.root, false).getNumChildren());
    }

    static void sequentialNamesInOneTransaction(Env env) throws Exception {
        List<OpResult> results = env.zk.multi(Arrays.asList(
            Op.create(env.at("s"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
            Op.create(env.at("s"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL)));
        Checks.equal(env.at("s0000000000"), ((OpResult.CreateResult) results.get(0)).getPath());
        Checks.equal(env.at("s0000000001"), ((OpResult.CreateResult) results.get(1)).getPath());
    }

    static void read(Env env) throws Exception {
        env.create("a", "data of a");
        env.create("a/child");
        List<OpResult> results = env.zk.multi(Arrays.asList(
            Op.getData(env.at("a")), Op.getChildren(env.at("a")), Op.getData(env.at("no")),
            Op.getChildren(env.at("no")), Op.getData(env.at("a/child"))));
        OpResult.GetDataResult data = (OpResult.GetDataResult) results.get(0);
        Checks.bytes(Checks.utf8("data of a"), data.getData());
        Checks.equal(env.zk.exists(env.at("a"), false), data.getStat());
        Checks.equal(Arrays.asList("child"),
            ((OpResult.GetChildrenResult) results.get(1)).getChildren());
        Checks.equal(Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(2)).getErr());
        Checks.equal(Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(3)).getErr());
        Checks.bytes(null, ((OpResult.GetDataResult) results.get(4)).getData());
    }

    static void readChecksPermission(Env env) throws Exception {
        env.zk.create(env.at("w"), null, Arrays.asList(new org.apache.zookeeper.data.ACL(
            org.apache.zookeeper.ZooDefs.Perms.ALL & ~org.apache.zookeeper.ZooDefs.Perms.READ,
            Ids.ANYONE_ID_UNSAFE)), CreateMode.PERSISTENT);
        List<OpResult> results = env.zk.multi(Arrays.asList(Op.getData(env.at("w")),
            Op.getData(env.root)));
        Checks.equal(Code.NOAUTH.intValue(), ((OpResult.ErrorResult) results.get(0)).getErr());
        Checks.bytes(null, ((OpResult.GetDataResult) results.get(1)).getData());
    }

    static void readAndWriteDoNotMix(Env env) throws Exception {
        Checks.refused(IllegalArgumentException.class, () ->
            env.zk.multi(Arrays.asList(Op.getData(env.root), Op.delete(env.at("a"), 0))));
    }

    static void noPermissionForOneOperation(Env env) throws Exception {
        env.zk.create(env.at("locked"), null, Ids.READ_ACL_UNSAFE, CreateMode.PERSISTENT);
        KeeperException e = Checks.fails(Code.NOAUTH, () -> env.zk.multi(Arrays.asList(
            create(env, "a"), Op.setData(env.at("locked"), null, -1))));
        Checks.equal(Code.NOAUTH.intValue(),
            ((OpResult.ErrorResult) e.getResults().get(1)).getErr());
        Checks.equal(null, env.zk.exists(env.at("a"), false));
    }
}
