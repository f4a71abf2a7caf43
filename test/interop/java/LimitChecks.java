import static org.apache.zookeeper.KeeperException.Code;

import java.util.Arrays;
import java.util.Collections;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Large things, up to jute.maxbuffer (0xfffff on both sides) and beyond. */
final class LimitChecks {

    private LimitChecks() {
    }

    private static byte[] filled(int length) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) 'x');
        return data;
    }

    static void largeData(Env env) throws Exception {
        byte[] data = filled(1_000_000);
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (i * 31 >> 3);
        }
        env.zk.create(env.at("a"), data, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Checks.bytes(data, env.zk.getData(env.at("a"), false, null));
        Checks.equal(1_000_000, env.zk.exists(env.at("a"), false).getDataLength());
        env.zk.setData(env.at("a"), Arrays.copyOf(data, 999_999), 0);
        Checks.equal(999_999, env.zk.getData(env.at("a"), false, null).length);
    }

    /**
     * A request of exactly jute.maxbuffer bytes passes: 24 bytes of setData stand around path and
     * data.
     */
    static void exactlyTheLimit(Env env) throws Exception {
        env.create("a");
        int around = 8 + 4 + env.at("a").length() + 4 + 4;
        env.zk.setData(env.at("a"), filled(0xfffff - around), -1);
        Checks.equal(0xfffff - around, env.zk.exists(env.at("a"), false).getDataLength());
    }

    static void overTheLimitClosesTheConnection(Env env) throws Exception {
        Env.Recorder watcher = new Env.Recorder();
        ZooKeeper other = env.connect("", Env.TIMEOUT_MS, watcher);
        other.create(env.at("a"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        int around = 8 + 4 + env.at("a").length() + 4 + 4;
        Checks.fails(Code.CONNECTIONLOSS, () -> other.setData(env.at("a"),
            filled(0x100000 - around + 200_000), -1));
        watcher.state(KeeperState.Disconnected);
        watcher.reaches(KeeperState.SyncConnected);
        Checks.equal(0, other.exists(env.at("a"), false).getVersion());
    }

    static void longPath(Env env) throws Exception {
        String name = String.join("", Collections.nCopies(2000, "name5"));
        env.create(name, "x");
        Checks.equal(Arrays.asList(name), env.zk.getChildren(env.root, false));
        Checks.bytes(Checks.utf8("x"), env.zk.getData(env.at(name), false, null));
    }

    static void deepPath(Env env) throws Exception {
        StringBuilder path = new StringBuilder("d");
        for (int i = 0; i < 200; i++) {
            env.create(path.toString());
            path.append("/d");
        }
        Checks.equal(200, env.zk.getAllChildrenNumber(env.root));
    }

    static void manyChildrenInOneAnswer(Env env) throws Exception {
        String suffix = String.join("", Collections.nCopies(10, "0123456789"));
        for (int i = 0; i < 4000; i++) {
            env.zk.create(env.at(suffix + i), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                (rc, path, ctx, name) -> { }, null);
        }
        Checks.equal(4000, env.zk.getChildren(env.root, false).size());
    }

    static void manyClients(Env env) throws Exception {
        for (int i = 0; i < 100; i++) {
            ZooKeeper client = env.connect();
            client.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        }
        Checks.equal(100, env.zk.getChildren(env.root, false).size());
    }
}
