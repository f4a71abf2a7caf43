import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/**
 * What one check has: a connected client, a node of its own, more clients if it asks, all closed at
 * its end.
 */
final class Env implements AutoCloseable {

    static final int TIMEOUT_MS = 8000;

    /** A watcher that keeps what it was told. */
    static final class Recorder implements Watcher {
        private final LinkedBlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            events.add(event);
        }

        WatchedEvent next() throws Exception {
            WatchedEvent event = events.poll(Checks.WAIT_MS, TimeUnit.MILLISECONDS);
            Checks.holds(event != null, "an event comes");
            return event;
        }

        /** The next event must be this one. */
        WatchedEvent next(Event.EventType type, String path) throws Exception {
            WatchedEvent event = next();
            Checks.equal(type + " " + path, event.getType() + " " + event.getPath());
            Checks.equal(Event.KeeperState.SyncConnected, event.getState());
            return event;
        }

        void state(Event.KeeperState state) throws Exception {
            WatchedEvent event = next();
            Checks.equal(Event.EventType.None + " " + state,
                event.getType() + " " + event.getState());
        }

        /** Skips connection events until this state. */
        void reaches(Event.KeeperState state) throws Exception {
            while (next().getState() != state) {
                continue;
            }
        }

        void clear() {
            events.clear();
        }

        void nothing() throws Exception {
            WatchedEvent event = events.poll(150, TimeUnit.MILLISECONDS);
            Checks.equal(null, event);
        }
    }

    final String hosts;
    final String root;
    final Recorder session = new Recorder();
    final ZooKeeper zk;
    private final List<ZooKeeper> opened = new ArrayList<>();

    Env(String hosts, String name) throws Exception {
        this.hosts = hosts;
        this.root = "/" + name;
        this.zk = connect("", TIMEOUT_MS, session);
        session.clear();
        zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    /** A path below this check's node. */
    String at(String relative) {
        return root + "/" + relative;
    }

    ZooKeeper connect() throws Exception {
        return connect("", TIMEOUT_MS, new Recorder());
    }

    /** A connected client. The recorder sees SyncConnected first. */
    ZooKeeper connect(String chroot, int timeoutMs, Recorder watcher) throws Exception {
        ZooKeeper client = new ZooKeeper(hosts + chroot, timeoutMs, watcher);
        opened.add(client);
        Checks.eventually("the client connects",
            () -> client.getState() == ZooKeeper.States.CONNECTED);
        watcher.state(Watcher.Event.KeeperState.SyncConnected);
        return client;
    }

    ZooKeeper resume(long id, byte[] password, Recorder watcher) throws Exception {
        ZooKeeper client = new ZooKeeper(hosts, TIMEOUT_MS, watcher, id, password);
        opened.add(client);
        return client;
    }

    String create(String relative) throws Exception {
        return zk.create(at(relative), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    String create(String relative, String data) throws Exception {
        return zk.create(at(relative), Checks.utf8(data), Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT);
    }

    @Override
    public void close() throws Exception {
        for (ZooKeeper client : opened) {
            client.close(2000);
        }
    }
}
