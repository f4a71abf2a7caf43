import static org.apache.zookeeper.KeeperException.Code;
import static org.apache.zookeeper.Watcher.Event.EventType.ChildWatchRemoved;
import static org.apache.zookeeper.Watcher.Event.EventType.DataWatchRemoved;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeChildrenChanged;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeCreated;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeDataChanged;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeDeleted;
import static org.apache.zookeeper.Watcher.Event.EventType.PersistentWatchRemoved;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/**
 * Watches: one-shot, persistent, recursive; what fires them, in which order, and how they are
 * removed.
 */
final class WatchChecks {

    private WatchChecks() {
    }

    static void dataWatchFiresOnce(Env env) throws Exception {
        env.create("a");
        Env.Recorder watch = new Env.Recorder();
        env.zk.getData(env.at("a"), watch, null);
        Stat set = env.zk.setData(env.at("a"), null, -1);
        Checks.equal(set.getMzxid(), watch.next(NodeDataChanged, env.at("a")).getZxid());
        env.zk.setData(env.at("a"), null, -1);
        watch.nothing();
    }

    static void dataWatchSeesDelete(Env env) throws Exception {
        env.create("a");
        Env.Recorder data = new Env.Recorder();
        Env.Recorder child = new Env.Recorder();
        env.zk.getData(env.at("a"), data, null);
        env.zk.getChildren(env.at("a"), child);
        env.zk.delete(env.at("a"), -1);
        data.next(NodeDeleted, env.at("a"));
        child.next(NodeDeleted, env.at("a"));
    }

    static void existsWatch(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.exists(env.at("a"), watch);
        env.create("a");
        watch.next(NodeCreated, env.at("a"));
        env.zk.exists(env.at("a"), watch);
        env.zk.setData(env.at("a"), null, -1);
        watch.next(NodeDataChanged, env.at("a"));
        env.zk.exists(env.at("a"), watch);
        env.zk.delete(env.at("a"), -1);
        watch.next(NodeDeleted, env.at("a"));
        watch.nothing();
    }

    static void failedReadLeavesNoWatch(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        Checks.fails(Code.NONODE, () -> env.zk.getData(env.at("a"), watch, null));
        Checks.fails(Code.NONODE, () -> env.zk.getChildren(env.at("a"), watch));
        env.create("a");
        env.create("a/b");
        watch.nothing();
    }

    static void childWatch(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.getChildren(env.root, watch);
        env.create("a");
        watch.next(NodeChildrenChanged, env.root);
        env.zk.getChildren(env.root, watch, new Stat());
        env.zk.setData(env.at("a"), null, -1);
        env.create("a/grandchild");
        env.zk.setData(env.root, null, -1);
        watch.nothing();
        env.zk.delete(env.at("a/grandchild"), -1);
        env.zk.delete(env.at("a"), -1);
        watch.next(NodeChildrenChanged, env.root);
    }

    static void watchersOfOnePathGetOneEventEach(Env env) throws Exception {
        env.create("a");
        Env.Recorder one = new Env.Recorder();
        Env.Recorder two = new Env.Recorder();
        env.zk.getData(env.at("a"), one, null);
        env.zk.exists(env.at("a"), one);
        env.zk.exists(env.at("a"), two);
        env.zk.setData(env.at("a"), null, -1);
        one.next(NodeDataChanged, env.at("a"));
        two.next(NodeDataChanged, env.at("a"));
        one.nothing();
        two.nothing();
    }

    static void defaultWatcher(Env env) throws Exception {
        env.create("a");
        env.zk.getData(env.at("a"), true, null);
        env.zk.setData(env.at("a"), null, -1);
        env.session.next(NodeDataChanged, env.at("a"));
    }

    static void eventComesBeforeTheNewData(Env env) throws Exception {
        env.create("a", "0");
        ZooKeeper writer = env.connect();
        for (int i = 1; i <= 20; i++) {
            Env.Recorder watch = new Env.Recorder();
            env.zk.getData(env.at("a"), watch, null);
            CountDownLatch read = new CountDownLatch(1);
            String value = "" + i;
            boolean[] eventFirst = new boolean[1];
            writer.setData(env.at("a"), Checks.utf8(value), -1);
            env.zk.sync(env.root);
            env.zk.getData(env.at("a"), false, (rc, path, ctx, data, stat) -> {
                eventFirst[0] = value.equals(new String(data));
                read.countDown();
            }, null);
            watch.next(NodeDataChanged, env.at("a"));
            read.await();
            Checks.holds(eventFirst[0], "after the event the new data is read");
        }
    }

    static void multiFiresWatches(Env env) throws Exception {
        env.create("a");
        Env.Recorder data = new Env.Recorder();
        Env.Recorder children = new Env.Recorder();
        Env.Recorder made = new Env.Recorder();
        env.zk.getData(env.at("a"), data, null);
        env.zk.getChildren(env.root, children);
        env.zk.exists(env.at("b"), made);
        env.zk.multi(Arrays.asList(Op.setData(env.at("a"), null, -1),
            Op.create(env.at("b"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)));
        data.next(NodeDataChanged, env.at("a"));
        made.next(NodeCreated, env.at("b"));
        children.next(NodeChildrenChanged, env.root);
    }

    static void failedMultiFiresNothing(Env env) throws Exception {
        env.create("a");
        Env.Recorder data = new Env.Recorder();
        env.zk.getData(env.at("a"), data, null);
        Checks.fails(Code.NONODE, () -> env.zk.multi(Arrays.asList(
            Op.setData(env.at("a"), null, -1), Op.delete(env.at("no"), -1))));
        data.nothing();
    }

    static void endOfSessionFiresWatches(Env env) throws Exception {
        ZooKeeper other = env.connect();
        other.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Env.Recorder node = new Env.Recorder();
        Env.Recorder parent = new Env.Recorder();
        env.zk.exists(env.at("e"), node);
        env.zk.getChildren(env.root, parent);
        other.close();
        node.next(NodeDeleted, env.at("e"));
        parent.next(NodeChildrenChanged, env.root);
    }

    static void persistent(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.addWatch(env.at("a"), watch, AddWatchMode.PERSISTENT);
        env.create("a");
        watch.next(NodeCreated, env.at("a"));
        for (int i = 0; i < 3; i++) {
            env.zk.setData(env.at("a"), null, -1);
            watch.next(NodeDataChanged, env.at("a"));
        }
        env.create("a/b");
        watch.next(NodeChildrenChanged, env.at("a"));
        env.zk.setData(env.at("a/b"), null, -1);
        env.create("a/b/c");
        watch.nothing();
        env.zk.delete(env.at("a/b/c"), -1);
        env.zk.delete(env.at("a/b"), -1);
        watch.next(NodeChildrenChanged, env.at("a"));
        env.zk.delete(env.at("a"), -1);
        watch.next(NodeDeleted, env.at("a"));
        env.create("a");
        watch.next(NodeCreated, env.at("a"));
    }

    static void recursive(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.addWatch(env.root, watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.create("a");
        watch.next(NodeCreated, env.at("a"));
        env.create("a/b");
        watch.next(NodeCreated, env.at("a/b"));
        env.zk.setData(env.at("a/b"), null, -1);
        watch.next(NodeDataChanged, env.at("a/b"));
        env.zk.delete(env.at("a/b"), -1);
        watch.next(NodeDeleted, env.at("a/b"));
        env.zk.setData(env.root, null, -1);
        watch.next(NodeDataChanged, env.root);
        env.zk.delete(env.at("a"), -1);
        watch.next(NodeDeleted, env.at("a"));
        watch.nothing();
    }

    static void recursiveDoesNotSeeSiblings(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.create("a");
        env.zk.addWatch(env.at("a"), watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.create("ab");
        env.create("ab/c");
        watch.nothing();
        env.create("a/c");
        watch.next(NodeCreated, env.at("a/c"));
    }

    static void recursiveOnTheRoot(Env env) throws Exception {
        ZooKeeper other = env.connect();
        Env.Recorder watch = new Env.Recorder();
        other.addWatch("/", watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.create("a");
        watch.next(NodeCreated, env.at("a"));
    }

    static void persistentAndOneShotTogether(Env env) throws Exception {
        env.create("a");
        Env.Recorder persistent = new Env.Recorder();
        Env.Recorder once = new Env.Recorder();
        env.zk.addWatch(env.at("a"), persistent, AddWatchMode.PERSISTENT);
        env.zk.getData(env.at("a"), once, null);
        env.zk.setData(env.at("a"), null, -1);
        once.next(NodeDataChanged, env.at("a"));
        persistent.next(NodeDataChanged, env.at("a"));
        env.zk.setData(env.at("a"), null, -1);
        persistent.next(NodeDataChanged, env.at("a"));
        once.nothing();
    }

    static void removeOneWatcher(Env env) throws Exception {
        env.create("a");
        Env.Recorder one = new Env.Recorder();
        Env.Recorder two = new Env.Recorder();
        env.zk.getData(env.at("a"), one, null);
        env.zk.getData(env.at("a"), two, null);
        env.zk.removeWatches(env.at("a"), one, WatcherType.Data, false);
        one.next(DataWatchRemoved, env.at("a"));
        env.zk.setData(env.at("a"), null, -1);
        two.next(NodeDataChanged, env.at("a"));
        one.nothing();
    }

    static void removeAllOfAKind(Env env) throws Exception {
        env.create("a");
        Env.Recorder data = new Env.Recorder();
        Env.Recorder child = new Env.Recorder();
        env.zk.getData(env.at("a"), data, null);
        env.zk.getChildren(env.at("a"), child);
        env.zk.removeAllWatches(env.at("a"), WatcherType.Children, false);
        child.next(ChildWatchRemoved, env.at("a"));
        data.nothing();
        env.zk.getChildren(env.at("a"), child);
        env.zk.removeAllWatches(env.at("a"), WatcherType.Any, false);
        child.next(ChildWatchRemoved, env.at("a"));
        data.next(DataWatchRemoved, env.at("a"));
        env.zk.setData(env.at("a"), null, -1);
        data.nothing();
    }

    static void removePersistent(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.addWatch(env.root, watch, AddWatchMode.PERSISTENT);
        env.zk.removeWatches(env.root, watch, WatcherType.Any, false);
        watch.next(PersistentWatchRemoved, env.root);
        env.zk.addWatch(env.root, watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.zk.removeAllWatches(env.root, WatcherType.Any, false);
        watch.next(PersistentWatchRemoved, env.root);
        env.create("a");
        watch.nothing();
    }

    static void removeWhatIsNotThere(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        Checks.fails(Code.NOWATCHER, () -> env.zk.removeWatches(env.root, watch, WatcherType.Any,
            false));
        Checks.fails(Code.NOWATCHER, () -> env.zk.removeAllWatches(env.root, WatcherType.Any,
            false));
        env.zk.getData(env.root, watch, null);
        Checks.fails(Code.NOWATCHER, () -> env.zk.removeAllWatches(env.root, WatcherType.Children,
            false));
        env.zk.setData(env.root, null, -1);
        watch.next(NodeDataChanged, env.root);
        Checks.fails(Code.NOWATCHER, () -> env.zk.removeWatches(env.root, watch, WatcherType.Data,
            false));
    }

    static void watchesEndWithTheirSession(Env env) throws Exception {
        ZooKeeper other = env.connect();
        Env.Recorder watch = new Env.Recorder();
        other.getChildren(env.root, watch);
        other.close();
        watch.reaches(org.apache.zookeeper.Watcher.Event.KeeperState.Closed);
        env.create("a");
        watch.nothing();
    }

    static void persistentWatchSeesOnlyWhatItMayRead(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.addWatch(env.root, watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.zk.create(env.at("hidden"), null, Arrays.asList(new ACL(Perms.ALL & ~Perms.READ,
            Ids.ANYONE_ID_UNSAFE)),
            CreateMode.PERSISTENT);
        env.create("open");
        watch.next(NodeCreated, env.at("open"));
        env.zk.setData(env.at("hidden"), null, -1);
        watch.nothing();
    }

    static void manyWatches(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        for (int i = 0; i < 1000; i++) {
            env.zk.exists(env.at("n" + i), watch, (rc, path, ctx, stat) -> { }, null);
        }
        env.zk.sync(env.root);
        for (int i = 0; i < 1000; i++) {
            env.zk.create(env.at("n" + i), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                (rc, path, ctx, name) -> { }, null);
        }
        for (int i = 0; i < 1000; i++) {
            watch.next(NodeCreated, env.at("n" + i));
        }
        watch.nothing();
    }

    static void noWatcherErrorKeepsTheOthers(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.getData(env.root, watch, null);
        try {
            env.zk.removeWatches(env.root, new Env.Recorder(), WatcherType.Data, false);
            throw new AssertionError("an unknown watcher was removed");
        } catch (KeeperException.NoWatcherException e) {
            Checks.equal(env.root, e.getPath());
        }
        env.zk.setData(env.root, null, -1);
        watch.next(NodeDataChanged, env.root);
    }
}
