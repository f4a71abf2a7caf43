import static org.apache.zookeeper.KeeperException.Code;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.AsyncCallback.MultiCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.data.Stat;

/** The asynchronous form of every request, and the order and size of what is in flight. */
final class AsyncChecks {

    private AsyncChecks() {
    }

    /** Gathers what callbacks say. */
    private static final class Answers {
        private final LinkedBlockingQueue<String> queue = new LinkedBlockingQueue<>();

        void add(int rc, Object... rest) {
            queue.add(Code.get(rc) + " " + Arrays.toString(rest));
        }

        void next(Code code, Object... rest) throws Exception {
            Checks.equal(code + " " + Arrays.toString(rest), queue.poll(Checks.WAIT_MS,
                TimeUnit.MILLISECONDS));
        }
    }

    static void everyRequest(Env env) throws Exception {
        Answers answers = new Answers();
        String a = env.at("a");
        String no = env.at("no");
        env.zk.create(a, Checks.utf8("d"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
            (rc, path, ctx, name) -> answers.add(rc, path, ctx, name), "ctx");
        answers.next(Code.OK, a, "ctx", a);
        env.zk.create(a, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
            (rc, path, ctx, name) -> answers.add(rc, path, ctx, name), "ctx");
        answers.next(Code.NODEEXISTS, a, "ctx", null);
        env.zk.create(env.at("s"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL,
            (rc, path, ctx, name, stat) -> answers.add(rc, name, stat.getEphemeralOwner()), null);
        answers.next(Code.OK, env.at("s0000000001"), env.zk.getSessionId());
        env.zk.create(env.at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
            (rc, path, ctx, name, stat) -> answers.add(rc, name, stat.getVersion()), null, 100_000);
        answers.next(Code.OK, env.at("t"), 0);
        env.zk.exists(a, false, (rc, path, ctx, stat) -> answers.add(rc, path,
            stat.getDataLength()), null);
        answers.next(Code.OK, a, 1);
        env.zk.exists(no, false, (rc, path, ctx, stat) -> answers.add(rc, path, stat), null);
        answers.next(Code.NONODE, no, null);
        env.zk.getData(a, false, (rc, path, ctx, data, stat) -> answers.add(rc, new String(data)),
            null);
        answers.next(Code.OK, "d");
        env.zk.setData(a, Checks.utf8("e"), 0, (rc, path, ctx, stat) -> answers.add(rc,
            stat.getVersion()), null);
        answers.next(Code.OK, 1);
        env.zk.setData(a, null, 0, (rc, path, ctx, stat) -> answers.add(rc, stat), null);
        answers.next(Code.BADVERSION, (Object) null);
        env.zk.getACL(a, new Stat(), (rc, path, ctx, acl, stat) -> answers.add(rc, acl,
            stat.getAversion()), null);
        answers.next(Code.OK, Ids.OPEN_ACL_UNSAFE, 0);
        env.zk.setACL(a, Ids.OPEN_ACL_UNSAFE, 0, (rc, path, ctx, stat) -> answers.add(rc,
            stat.getAversion()), null);
        answers.next(Code.OK, 1);
        env.zk.getChildren(a, false, (rc, path, ctx, children) -> answers.add(rc, children), null);
        answers.next(Code.OK, Collections.emptyList());
        env.zk.getChildren(a, false, (rc, path, ctx, children, stat) -> answers.add(rc,
            stat.getVersion()), null);
        answers.next(Code.OK, 1);
        env.zk.getAllChildrenNumber(env.root, (rc, path, ctx, number) -> answers.add(rc, number),
            null);
        answers.next(Code.OK, 3);
        env.zk.getEphemerals((rc, ctx, paths) -> answers.add(rc, paths), null);
        answers.next(Code.OK, Arrays.asList(env.at("s0000000001")));
        env.zk.getEphemerals(no, (rc, ctx, paths) -> answers.add(rc, paths), null);
        answers.next(Code.OK, Collections.emptyList());
        env.zk.sync(a, (rc, path, ctx) -> answers.add(rc, path), null);
        answers.next(Code.OK, a);
        env.zk.addWatch(a, new Env.Recorder(), AddWatchMode.PERSISTENT, (rc, path,
            ctx) -> answers.add(rc, path), null);
        answers.next(Code.OK, a);
        env.zk.removeAllWatches(a, WatcherType.Any, false, (rc, path, ctx) -> answers.add(rc,
            path), null);
        answers.next(Code.OK, a);
        env.zk.multi(Arrays.asList(Op.check(a, 1), Op.setData(a, null, 1)),
            (MultiCallback) (rc, path, ctx, results) -> answers.add(rc, results.size()), null);
        answers.next(Code.OK, 2);
        env.zk.delete(a, 1, (rc, path, ctx) -> answers.add(rc, path), null);
        answers.next(Code.BADVERSION, a);
        env.zk.delete(a, 2, (rc, path, ctx) -> answers.add(rc, path), null);
        answers.next(Code.OK, a);
    }

    /** Reads and writes of one client are answered in the order in which they were sent. */
    static void answersComeInOrder(Env env) throws Exception {
        env.create("a", "0");
        Answers answers = new Answers();
        for (int i = 1; i <= 500; i++) {
            env.zk.setData(env.at("a"), Checks.utf8("" + i), i - 1,
                (rc, path, ctx, stat) -> answers.add(rc, "set", stat.getVersion()), null);
            env.zk.getData(env.at("a"), false,
                (rc, path, ctx, data, stat) -> answers.add(rc, "get", new String(data),
                    stat.getVersion()), null);
        }
        for (int i = 1; i <= 500; i++) {
            answers.next(Code.OK, "set", i);
            answers.next(Code.OK, "get", "" + i, i);
        }
    }

    static void thousandsInFlight(Env env) throws Exception {
        Answers answers = new Answers();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            String path = env.at("n" + i);
            expected.add(path);
            env.zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                (rc, p, ctx, name) -> answers.add(rc, name), null);
        }
        for (String path : expected) {
            answers.next(Code.OK, path);
        }
        Checks.equal(5000, env.zk.getChildren(env.root, false).size());
        Checks.equal(5000, env.zk.exists(env.root, false).getCversion());
    }
}
