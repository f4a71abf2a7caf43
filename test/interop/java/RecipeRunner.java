import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

/**
 * Curator's recipes while an ensemble suffers: InterProcessMutex, LeaderLatch, DistributedAtomicLong and
 * SimpleDistributedQueue.
 *
 *     java RecipeRunner HOSTS ROOT WHO TIMEOUT_MS
 *
 * Each recipe has a thread and a session of its own and goes on until standard input ends. What was acknowledged, and
 * what is in doubt, is printed, a line each; zk_recipes.py says what the lines are and judges them.
 */
public final class RecipeRunner {

    private static final int PAUSE_MS = 20;
    private static final int END_MS = 60_000;
    private static final int ENDLESS = 1_000_000;

    private static String hosts;
    private static String root;
    private static String who;
    private static int timeoutMs;
    private static volatile boolean isStopping;

    private interface Recipe {
        void step(CuratorFramework client, int count) throws Exception;
    }

    /** Shows the node that it has. */
    private static final class OpenMutex extends InterProcessMutex {
        OpenMutex(CuratorFramework client, String path) {
            super(client, path);
        }

        String node() {
            return getLockPath();
        }
    }

    private RecipeRunner() {
    }

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        root = args[1];
        who = args[2];
        timeoutMs = Integer.parseInt(args[3]);
        List<Thread> threads = new ArrayList<>();
        threads.add(start("lock", ENDLESS, RecipeRunner::lock));
        threads.add(start("elect", ENDLESS, RecipeRunner::elect));
        // what is repeated in doubt counts twice, or is taken by nobody: these two are not repeated
        threads.add(start("counter", 0, RecipeRunner::count));
        threads.add(start("queue", 0, RecipeRunner::queue));
        while (System.in.read() >= 0) {
            continue;
        }
        isStopping = true;
        long deadline = System.currentTimeMillis() + END_MS;
        for (Thread thread : threads) {
            thread.join(Math.max(1, deadline - System.currentTimeMillis()));
            if (thread.isAlive()) {
                Runtime.getRuntime().halt(1); // there are no servers any more
            }
        }
        say("end");
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static Thread start(String role, int tries, Recipe recipe) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder().connectString(hosts)
            .sessionTimeoutMs(timeoutMs).connectionTimeoutMs(timeoutMs)
            .retryPolicy(new RetryNTimes(tries, 50)).build();
        client.start();
        client.blockUntilConnected();
        Thread thread = new Thread(() -> {
            try {
                saySession(role, client);
                for (int count = 0; !isStopping; count++) {
                    recipe.step(client, count);
                    Thread.sleep(PAUSE_MS);
                }
                client.blockUntilConnected();
                saySession(role, client);
                client.close();
            } catch (Exception e) {
                say("broke " + role + ": " + e.toString().replace("\n", " ") + " at " + e.getStackTrace()[0]);
            }
        });
        thread.start();
        return thread;
    }

    private static void saySession(String role, CuratorFramework client) throws Exception {
        say("session " + who + "-" + role + " "
            + Long.toHexString(client.getZookeeperClient().getZooKeeper().getSessionId()));
    }

    private static boolean isDoubt(Exception e) {
        return e instanceof KeeperException.ConnectionLossException
            || e instanceof KeeperException.OperationTimeoutException
            || e instanceof KeeperException.SessionExpiredException
            || e instanceof KeeperException.SessionMovedException;
    }

    private static String text(byte[] data) {
        return new String(data, StandardCharsets.UTF_8);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static int number(byte[] data) {
        return Integer.parseInt(text(data).split(" ")[0]);
    }

    private static int sequence(String node) {
        return Integer.parseInt(node.substring(node.length() - 10));
    }

    private static byte[] syncedGet(CuratorFramework client, String path, Stat stat) throws Exception {
        client.sync().forPath(path);
        return client.getData().storingStatIn(stat).forPath(path);
    }

    /** Somebody else was first: wrong when our place is still ours. */
    private static void sayRefused(CuratorFramework client, String what, String node) throws Exception {
        client.sync().forPath(node);
        say("refused " + what + " " + sequence(node) + " " + who + " "
            + (client.checkExists().forPath(node) != null ? 1 : 0));
    }

    /** Writes our number into the register by compare and set; false when a later one is there. */
    private static boolean writeFence(CuratorFramework client, String name, String node) throws Exception {
        int own = sequence(node);
        while (true) {
            Stat stat = new Stat();
            if (number(syncedGet(client, root + "/" + name, stat)) > own) {
                sayRefused(client, name, node);
                return false;
            }
            try {
                Stat after = client.setData().withVersion(stat.getVersion())
                    .forPath(root + "/" + name, bytes(own + " " + who));
                say("fence " + name + " " + own + " " + who + " " + after.getMzxid() + " " + after.getVersion());
                return true;
            } catch (KeeperException.BadVersionException e) {
                continue; // our own, that was repeated, or one of somebody whose place is gone
            }
        }
    }

    private static void addGuarded(CuratorFramework client, String node) throws Exception {
        Stat stat = new Stat();
        int before = number(syncedGet(client, root + "/guarded", stat));
        while (true) {
            int now;
            try {
                client.setData().withVersion(stat.getVersion()).forPath(root + "/guarded", bytes("" + (before + 1)));
                now = before + 1;
            } catch (KeeperException.BadVersionException e) {
                now = number(syncedGet(client, root + "/guarded", stat));
            }
            if (now == before + 1) {
                say("inc guarded 1");
                return;
            }
            if (now != before) {
                sayRefused(client, "guarded", node);
                return;
            }
        }
    }

    private static void lock(CuratorFramework client, int count) throws Exception {
        OpenMutex mutex = new OpenMutex(client, root + "/lock");
        mutex.acquire();
        try {
            String node = mutex.node();
            if (writeFence(client, "fence", node)) {
                addGuarded(client, node);
                writeFence(client, "fence", node);
            }
        } finally {
            mutex.release();
        }
    }

    private static void elect(CuratorFramework client, int count) throws Exception {
        try (LeaderLatch latch = new LeaderLatch(client, root + "/elect", who)) {
            latch.start();
            latch.await();
            String node = latch.getOurPath();
            for (int i = 0; i < 10 && node != null && latch.hasLeadership(); i++) {
                if (!writeFence(client, "term", node)) {
                    break;
                }
                Thread.sleep(PAUSE_MS);
            }
        }
    }

    private static void count(CuratorFramework client, int count) throws Exception {
        DistributedAtomicLong counter =
            new DistributedAtomicLong(client, root + "/counter-java", new RetryNTimes(100, 5));
        try {
            AtomicValue<Long> value = counter.increment();
            if (value.succeeded()) {
                say("inc counter-java 1");
            }
        } catch (Exception e) {
            if (!isDoubt(e)) {
                throw e;
            }
            say("inc counter-java 0");
        }
    }

    private static void queue(CuratorFramework client, int count) throws Exception {
        SimpleDistributedQueue queue = new SimpleDistributedQueue(client, root + "/queue");
        String item = who + "." + count;
        try {
            queue.offer(bytes(item));
            say("put queue " + item);
        } catch (Exception e) {
            if (!isDoubt(e)) {
                throw e;
            }
            say("maybe-put queue " + item);
        }
        try {
            byte[] taken = queue.poll();
            if (taken != null) {
                say("take queue " + text(taken));
            }
        } catch (Exception e) {
            if (!isDoubt(e)) {
                throw e;
            }
            say("maybe-take queue ?");
        }
    }
}
