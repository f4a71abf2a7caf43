import static org.apache.zookeeper.KeeperException.Code;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeChildrenChanged;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeCreated;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeDataChanged;
import static org.apache.zookeeper.Watcher.Event.EventType.NodeDeleted;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.Socket;
import java.util.Arrays;
import org.apache.jute.BinaryInputArchive;
import org.apache.jute.BinaryOutputArchive;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.OpCode;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.proto.ConnectRequest;
import org.apache.zookeeper.proto.ConnectResponse;
import org.apache.zookeeper.proto.CreateRequest;
import org.apache.zookeeper.proto.RequestHeader;

/** Sessions: timeouts, moving, expiry, and what survives a restart of the server. */
final class SessionChecks {

    private SessionChecks() {
    }

    static void timeoutIsBounded(Env env) throws Exception {
        Checks.equal(1000, env.connect("", 300, new Env.Recorder()).getSessionTimeout());
        Checks.equal(10_000, env.connect("", 1_000_000, new Env.Recorder()).getSessionTimeout());
        Checks.equal(4321, env.connect("", 4321, new Env.Recorder()).getSessionTimeout());
    }

    static void idsAndPasswords(Env env) throws Exception {
        ZooKeeper other = env.connect();
        Checks.holds(env.zk.getSessionId() != 0 && other.getSessionId() != env.zk.getSessionId(),
            "ids are different");
        Checks.equal(16, env.zk.getSessionPasswd().length);
        Checks.holds(!Arrays.equals(env.zk.getSessionPasswd(), other.getSessionPasswd()),
            "passwords are different");
    }

    static void closedSessionIsGone(Env env) throws Exception {
        ZooKeeper other = env.connect();
        long id = other.getSessionId();
        byte[] password = other.getSessionPasswd();
        other.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        other.close();
        Checks.equal(null, env.zk.exists(env.at("e"), false));
        Checks.fails(Code.SESSIONEXPIRED, () -> other.exists("/", false));
        Env.Recorder watcher = new Env.Recorder();
        ZooKeeper again = env.resume(id, password, watcher);
        watcher.state(KeeperState.Expired);
        Checks.fails(Code.SESSIONEXPIRED, () -> again.exists("/", false));
    }

    static void wrongPassword(Env env) throws Exception {
        env.zk.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        byte[] wrong = env.zk.getSessionPasswd().clone();
        wrong[0] ^= 1;
        Env.Recorder watcher = new Env.Recorder();
        env.resume(env.zk.getSessionId(), wrong, watcher);
        watcher.state(KeeperState.Expired);
        // The server may have ended the connection of the right password's session (Apache's
        // does), not the session.
        Checks.eventually("the session of the right password lives", () -> {
            try {
                return env.zk.exists(env.at("e"), false) != null;
            } catch (org.apache.zookeeper.KeeperException.ConnectionLossException e) {
                return false;
            }
        });
        Checks.equal(ZooKeeper.States.CONNECTED, env.zk.getState());
    }

    static void unknownSession(Env env) throws Exception {
        Env.Recorder watcher = new Env.Recorder();
        env.resume(0x1234567890L, new byte[16], watcher);
        watcher.state(KeeperState.Expired);
    }

    static void sessionMovesToTheNewConnection(Env env) throws Exception {
        Env.Recorder old = new Env.Recorder();
        try (Relay relay = new Relay(env.hosts)) {
            ZooKeeper first = new ZooKeeper(relay.hosts(), Env.TIMEOUT_MS, old);
            old.state(KeeperState.SyncConnected);
            first.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
            Env.Recorder watcher = new Env.Recorder();
            // The first connection stands, but its client cannot come back once it is ended.
            relay.refuse();
            ZooKeeper second =
                env.resume(first.getSessionId(), first.getSessionPasswd(), watcher);
            watcher.state(KeeperState.SyncConnected);
            old.state(KeeperState.Disconnected);
            Checks.equal(first.getSessionId(), second.getSessionId());
            Checks.holds(Arrays.equals(first.getSessionPasswd(), second.getSessionPasswd()),
                "the same password");
            Checks.equal(Arrays.asList(env.at("e")), second.getEphemerals());
            second.close();
            Checks.equal(null, env.zk.exists(env.at("e"), false));
            relay.mend();
            old.reaches(KeeperState.Expired);
        }
    }

    /** A session on a plain socket that makes an ephemeral node and then falls silent. */
    static void silentSessionExpires(Env env) throws Exception {
        Env.Recorder watch = new Env.Recorder();
        env.zk.exists(env.at("e"), watch);
        String[] address = env.hosts.split(":");
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            BinaryOutputArchive archive = BinaryOutputArchive.getArchive(body);
            new ConnectRequest(0, 0, 1000, 0, new byte[16], false).serialize(archive, "connect");
            send(out, body);
            in.readInt();
            ConnectResponse response = new ConnectResponse();
            response.deserialize(BinaryInputArchive.getArchive(in), "connect");
            Checks.equal(1000, response.getTimeOut());
            new RequestHeader(1, OpCode.create).serialize(archive, "header");
            new CreateRequest(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL.toFlag())
                .serialize(archive, "create");
            send(out, body);
            long begin = System.nanoTime();
            watch.next(NodeCreated, env.at("e"));
            Checks.equal(response.getSessionId(), env.zk.exists(env.at("e"),
                watch).getEphemeralOwner());
            watch.next(NodeDeleted, env.at("e"));
            long took = (System.nanoTime() - begin) / 1_000_000;
            Checks.holds(took >= 900 && took <= 4000,
                "a silent session of 1000 ms ends in time: " + took + " ms");
            // The server also closes the connection of an expired session.
            socket.setSoTimeout((int) Checks.WAIT_MS);
            while (in.read() >= 0) {
                continue;
            }
        }
    }

    private static void send(DataOutputStream out, ByteArrayOutputStream body) throws Exception {
        out.writeInt(body.size());
        body.writeTo(out);
        out.flush();
        body.reset();
    }

    static void idleSessionLives(Env env) throws Exception {
        Env.Recorder watcher = new Env.Recorder();
        ZooKeeper other = env.connect("", 1000, watcher);
        other.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Thread.sleep(3500);
        Checks.holds(env.zk.exists(env.at("e"), false) != null, "pings keep it");
        watcher.nothing();
    }

    static void restartKeepsSessionsAndWatches(Env env) throws Exception {
        env.create("data");
        env.zk.create(env.at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Env.Recorder data = new Env.Recorder();
        Env.Recorder child = new Env.Recorder();
        Env.Recorder absent = new Env.Recorder();
        Env.Recorder persistent = new Env.Recorder();
        Env.Recorder recursive = new Env.Recorder();
        env.zk.getData(env.at("data"), data, null);
        env.zk.getChildren(env.root, child);
        env.zk.exists(env.at("new"), absent);
        env.zk.addWatch(env.at("data"), persistent, AddWatchMode.PERSISTENT);
        env.zk.addWatch(env.root, recursive, AddWatchMode.PERSISTENT_RECURSIVE);
        long id = env.zk.getSessionId();
        Checks.operator("restart");
        env.session.reaches(KeeperState.SyncConnected);
        Checks.equal(id, env.zk.getSessionId());
        Checks.equal(id, env.zk.exists(env.at("e"), false).getEphemeralOwner());
        for (Env.Recorder recorder : Arrays.asList(data, child, absent, persistent, recursive)) {
            recorder.reaches(KeeperState.SyncConnected);
        }
        env.zk.setData(env.at("data"), null, -1);
        data.next(NodeDataChanged, env.at("data"));
        persistent.next(NodeDataChanged, env.at("data"));
        recursive.next(NodeDataChanged, env.at("data"));
        env.create("new");
        absent.next(NodeCreated, env.at("new"));
        recursive.next(NodeCreated, env.at("new"));
        child.next(NodeChildrenChanged, env.root);
    }

    /** What changed while a client was away is told by setWatches when it is back. */
    static void watchesFireForWhatWasMissed(Env env) throws Exception {
        env.create("changed");
        env.create("deleted");
        Env.Recorder changed = new Env.Recorder();
        Env.Recorder deleted = new Env.Recorder();
        Env.Recorder created = new Env.Recorder();
        Env.Recorder children = new Env.Recorder();
        Env.Recorder quiet = new Env.Recorder();
        Env.Recorder state = new Env.Recorder();
        try (Relay relay = new Relay(env.hosts)) {
            ZooKeeper away = new ZooKeeper(relay.hosts(), Env.TIMEOUT_MS, state);
            state.state(KeeperState.SyncConnected);
            away.getData(env.at("changed"), changed, null);
            away.exists(env.at("deleted"), deleted);
            away.exists(env.at("created"), created);
            away.getChildren(env.root, children);
            away.getChildren(env.at("changed"), quiet);
            relay.cut();
            state.reaches(KeeperState.Disconnected);
            env.zk.setData(env.at("changed"), null, -1);
            env.zk.delete(env.at("deleted"), -1);
            env.create("created");
            relay.mend();
            state.reaches(KeeperState.SyncConnected);
            for (Env.Recorder recorder : Arrays.asList(changed, deleted, created, children,
                quiet)) {
                recorder.reaches(KeeperState.SyncConnected);
            }
            changed.next(NodeDataChanged, env.at("changed"));
            deleted.next(NodeDeleted, env.at("deleted"));
            created.next(NodeCreated, env.at("created"));
            children.next(NodeChildrenChanged, env.root);
            quiet.nothing();
            away.close(2000);
        }
    }

    static void dataSurvivesAKill(Env env) throws Exception {
        for (int i = 0; i < 50; i++) {
            env.create("n" + i, "data " + i);
        }
        long zxid = env.zk.exists(env.at("n49"), false).getCzxid();
        Checks.operator("kill");
        env.session.reaches(KeeperState.SyncConnected);
        Checks.equal(50, env.zk.getAllChildrenNumber(env.root));
        Checks.bytes(Checks.utf8("data 49"), env.zk.getData(env.at("n49"), false, null));
        Checks.equal(zxid, env.zk.exists(env.at("n49"), false).getCzxid());
        env.create("after");
        Checks.holds(env.zk.exists(env.at("after"), false).getCzxid() > zxid, "zxids go on");
    }

    static void chroot(Env env) throws Exception {
        env.create("c");
        Env.Recorder watcher = new Env.Recorder();
        ZooKeeper inside = env.connect(env.at("c"), Env.TIMEOUT_MS, watcher);
        Checks.equal("/a", inside.create("/a", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Checks.equal("/s-0000000001",
            inside.create("/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        Checks.holds(env.zk.exists(env.at("c/a"), false) != null, "it stands below the chroot");
        Env.Recorder watch = new Env.Recorder();
        inside.getData("/a", watch, null);
        inside.addWatch("/", watch, AddWatchMode.PERSISTENT_RECURSIVE);
        env.zk.setData(env.at("c/a"), null, -1);
        watch.next(NodeDataChanged, "/a");
        inside.sync("/");
        Checks.equal(2, inside.getAllChildrenNumber("/"));
        Checks.equal("/no", Checks.fails(Code.NONODE, () -> inside.delete("/no", -1)).getPath());
    }
}
