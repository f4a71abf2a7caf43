import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.OperationType;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.Stat;

/** Apache Curator's framework and recipes: what most Java applications use ZooKeeper through. */
final class CuratorChecks {

    private CuratorChecks() {
    }

    /** Two clients of one check, in a namespace of its own. */
    private static final class Pair implements AutoCloseable {
        final CuratorFramework one;
        final CuratorFramework two;

        Pair(Env env) {
            one = client(env);
            two = client(env);
        }

        private static CuratorFramework client(Env env) {
            CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(env.hosts).namespace(env.root.substring(1)).sessionTimeoutMs(4000)
                .connectionTimeoutMs(10_000).retryPolicy(new RetryNTimes(20, 200)).build();
            client.start();
            return client;
        }

        @Override
        public void close() {
            one.close();
            two.close();
        }
    }

    static void createAndRead(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            Stat stat = new Stat();
            Checks.equal("/a/b/c", pair.one.create().storingStatIn(stat).creatingParentsIfNeeded()
                .forPath("/a/b/c", Checks.utf8("data")));
            Checks.equal(4, stat.getDataLength());
            Checks.bytes(Checks.utf8("data"),
                pair.two.getData().storingStatIn(stat).forPath("/a/b/c"));
            Checks.equal(Arrays.asList("b"), pair.two.getChildren().forPath("/a"));
            pair.one.setData().withVersion(0).forPath("/a/b/c", Checks.utf8("new"));
            Checks.refused(KeeperException.BadVersionException.class,
                () -> pair.one.setData().withVersion(0).forPath("/a/b/c"));
            pair.one.create().orSetData().forPath("/a/b/c", Checks.utf8("again"));
            Checks.bytes(Checks.utf8("again"), pair.two.getData().forPath("/a/b/c"));
            pair.one.delete().deletingChildrenIfNeeded().forPath("/a");
            Checks.equal(null, pair.two.checkExists().forPath("/a"));
            pair.one.delete().quietly().forPath("/a");
        }
    }

    static void protectedSequential(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            String path = pair.one.create().withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/p-");
            Checks.holds(path.matches("/_c_[-0-9a-f]{36}-p-0000000000"), path);
        }
    }

    static void containersAsParents(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            pair.one.create().creatingParentContainersIfNeeded().forPath("/box/item");
            pair.one.delete().forPath("/box/item");
            Checks.eventually("the container goes",
                () -> pair.two.checkExists().forPath("/box") == null);
        }
    }

    static void ttl(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            pair.one.create().withTtl(300).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/t");
            Checks.eventually("the node goes", () -> pair.two.checkExists().forPath("/t") == null);
        }
    }

    static void transaction(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            List<CuratorTransactionResult> results = pair.one.transaction().forOperations(
                pair.one.transactionOp().create().forPath("/a", Checks.utf8("1")),
                pair.one.transactionOp().setData().withVersion(0).forPath("/a", Checks.utf8("2")),
                pair.one.transactionOp().check().withVersion(1).forPath("/a"),
                pair.one.transactionOp().create().withMode(CreateMode.EPHEMERAL).forPath("/b"),
                pair.one.transactionOp().delete().forPath("/b"));
            Checks.equal(Arrays.asList(OperationType.CREATE, OperationType.SET_DATA,
                OperationType.CHECK, OperationType.CREATE, OperationType.DELETE),
                results.stream().map(CuratorTransactionResult::getType).collect(
                    Collectors.toList()));
            Checks.equal("/a", results.get(0).getResultPath());
            Checks.equal(1, results.get(1).getResultStat().getVersion());
            Checks.refused(KeeperException.NoNodeException.class, () ->
                pair.one.transaction().forOperations(
                    pair.one.transactionOp().create().forPath("/c"),
                    pair.one.transactionOp().delete().forPath("/no")));
            Checks.equal(null, pair.two.checkExists().forPath("/c"));
        }
    }

    static void mutex(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            InterProcessMutex mine = new InterProcessMutex(pair.one, "/lock");
            InterProcessMutex theirs = new InterProcessMutex(pair.two, "/lock");
            mine.acquire();
            mine.acquire();
            Checks.equal(false, theirs.acquire(200, TimeUnit.MILLISECONDS));
            mine.release();
            Checks.equal(1, mine.getParticipantNodes().size());
            mine.release();
            Checks.equal(true, theirs.acquire(10, TimeUnit.SECONDS));
            theirs.release();
        }
    }

    /** Four threads of two clients count to a hundred under one lock. */
    static void mutexUnderContention(Env env) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try (Pair pair = new Pair(env)) {
            int[] counter = new int[1];
            AtomicInteger inside = new AtomicInteger();
            List<Future<?>> done = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                CuratorFramework client = thread % 2 == 0 ? pair.one : pair.two;
                done.add(pool.submit(() -> {
                    InterProcessMutex mutex = new InterProcessMutex(client, "/lock");
                    for (int i = 0; i < 25; i++) {
                        mutex.acquire();
                        Checks.equal(1, inside.incrementAndGet());
                        counter[0]++;
                        inside.decrementAndGet();
                        mutex.release();
                    }
                    return null;
                }));
            }
            for (Future<?> future : done) {
                future.get(60, TimeUnit.SECONDS);
            }
            Checks.equal(100, counter[0]);
        } finally {
            pool.shutdownNow();
        }
    }

    static void lockIsFreedWithItsSession(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            new InterProcessMutex(pair.one, "/lock").acquire();
            pair.one.close();
            Checks.equal(true, new InterProcessMutex(pair.two, "/lock").acquire(10,
                TimeUnit.SECONDS));
        }
    }

    static void readWriteLock(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            InterProcessReadWriteLock mine = new InterProcessReadWriteLock(pair.one, "/lock");
            InterProcessReadWriteLock theirs = new InterProcessReadWriteLock(pair.two, "/lock");
            mine.readLock().acquire();
            Checks.equal(true, theirs.readLock().acquire(10, TimeUnit.SECONDS));
            theirs.readLock().release();
            Checks.equal(false, theirs.writeLock().acquire(200, TimeUnit.MILLISECONDS));
            mine.readLock().release();
            Checks.equal(true, theirs.writeLock().acquire(10, TimeUnit.SECONDS));
            Checks.equal(false, mine.readLock().acquire(200, TimeUnit.MILLISECONDS));
            theirs.writeLock().release();
        }
    }

    static void semaphore(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            InterProcessSemaphoreV2 mine = new InterProcessSemaphoreV2(pair.one, "/s", 2);
            InterProcessSemaphoreV2 theirs = new InterProcessSemaphoreV2(pair.two, "/s", 2);
            Lease first = mine.acquire();
            Lease second = theirs.acquire();
            Checks.equal(null, mine.acquire(300, TimeUnit.MILLISECONDS));
            theirs.returnLease(second);
            Lease third = mine.acquire(10, TimeUnit.SECONDS);
            Checks.holds(third != null, "a returned lease can be had");
            mine.returnAll(Arrays.asList(first, third));
        }
    }

    static void leaderLatch(Env env) throws Exception {
        try (Pair pair = new Pair(env);
             LeaderLatch theirs = new LeaderLatch(pair.two, "/leader", "two")) {
            LeaderLatch mine = new LeaderLatch(pair.one, "/leader", "one");
            mine.start();
            Checks.holds(mine.await(10, TimeUnit.SECONDS), "the first leads");
            theirs.start();
            Checks.equal(false, theirs.await(300, TimeUnit.MILLISECONDS));
            Checks.eventually("both are seen", () -> mine.getParticipants().size() == 2);
            Checks.equal("one", theirs.getLeader().getId());
            pair.one.close();
            Checks.holds(theirs.await(15, TimeUnit.SECONDS), "the second takes over");
        }
    }

    static void leaderSelector(Env env) throws Exception {
        LinkedBlockingQueue<String> leaders = new LinkedBlockingQueue<>();
        try (Pair pair = new Pair(env)) {
            List<LeaderSelector> selectors = new ArrayList<>();
            for (CuratorFramework client : Arrays.asList(pair.one, pair.two)) {
                LeaderSelector selector =
                    new LeaderSelector(client, "/leader", new LeaderSelectorListenerAdapter() {
                        @Override
                        public void takeLeadership(CuratorFramework leader) {
                            leaders.add(leader == pair.one ? "one" : "two");
                        }
                    });
                selector.autoRequeue();
                selector.start();
                selectors.add(selector);
            }
            List<String> seen = new ArrayList<>();
            Checks.eventually("both lead in turn", () -> {
                leaders.drainTo(seen);
                return seen.contains("one") && seen.contains("two");
            });
            selectors.forEach(LeaderSelector::close);
        }
    }

    static void atomicLong(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            DistributedAtomicLong mine =
                new DistributedAtomicLong(pair.one, "/n", new RetryNTimes(50, 5));
            DistributedAtomicLong theirs =
                new DistributedAtomicLong(pair.two, "/n", new RetryNTimes(50, 5));
            for (int i = 0; i < 20; i++) {
                Checks.holds(mine.increment().succeeded() && theirs.add(2L).succeeded(),
                    "both add");
            }
            AtomicValue<Long> value = mine.get();
            Checks.equal(60L, value.postValue());
            Checks.equal(false, theirs.compareAndSet(1L, 2L).succeeded());
        }
    }

    static void sharedCount(Env env) throws Exception {
        try (Pair pair = new Pair(env);
             SharedCount mine = new SharedCount(pair.one, "/count", 5);
             SharedCount theirs = new SharedCount(pair.two, "/count", 5)) {
            mine.start();
            theirs.start();
            mine.setCount(7);
            Checks.eventually("the other sees it", () -> theirs.getCount() == 7);
            Checks.equal(true, theirs.trySetCount(theirs.getVersionedValue(), 8));
        }
    }

    static void cache(Env env) throws Exception {
        LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();
        try (Pair pair = new Pair(env)) {
            pair.one.create().creatingParentsIfNeeded().forPath("/tree/old", Checks.utf8("0"));
            try (CuratorCache cache = CuratorCache.build(pair.two, "/tree")) {
                CountDownLatch ready = new CountDownLatch(1);
                cache.listenable().addListener(CuratorCacheListener.builder()
                    .forInitialized(ready::countDown)
                    .forCreates(node -> events.add("create " + node.getPath()))
                    .forChanges((before, after) -> events.add("change " + after.getPath() + " "
                        + new String(after.getData())))
                    .forDeletes(node -> events.add("delete " + node.getPath())).build());
                cache.start();
                Checks.holds(ready.await(10, TimeUnit.SECONDS), "the cache is filled");
                List<String> first = new ArrayList<>();
                events.drainTo(first);
                Collections.sort(first);
                Checks.equal(Arrays.asList("create /tree", "create /tree/old"), first);
                pair.one.create().forPath("/tree/a", Checks.utf8("1"));
                Checks.equal("create /tree/a", events.poll(10, TimeUnit.SECONDS));
                pair.one.setData().forPath("/tree/a", Checks.utf8("2"));
                Checks.equal("change /tree/a 2", events.poll(10, TimeUnit.SECONDS));
                pair.one.create().forPath("/tree/a/b", Checks.utf8("3"));
                Checks.equal("create /tree/a/b", events.poll(10, TimeUnit.SECONDS));
                pair.one.delete().deletingChildrenIfNeeded().forPath("/tree/a");
                Checks.equal("delete /tree/a/b", events.poll(10, TimeUnit.SECONDS));
                Checks.equal("delete /tree/a", events.poll(10, TimeUnit.SECONDS));
                Checks.bytes(Checks.utf8("0"), cache.get("/tree/old").get().getData());
                Checks.equal(2, cache.size());
            }
        }
    }

    static void persistentWatcher(Env env) throws Exception {
        LinkedBlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        try (Pair pair = new Pair(env);
             PersistentWatcher watcher = new PersistentWatcher(pair.two, "/w", true)) {
            watcher.getListenable().addListener(events::add);
            watcher.start();
            pair.two.sync().forPath("/w");
            Thread.sleep(300);
            pair.one.create().creatingParentsIfNeeded().forPath("/w/a/b");
            for (String path : Arrays.asList("/w", "/w/a", "/w/a/b")) {
                WatchedEvent event = events.poll(10, TimeUnit.SECONDS);
                Checks.equal(EventType.NodeCreated + " " + path,
                    event.getType() + " " + event.getPath());
            }
        }
    }

    static void removeWatches(Env env) throws Exception {
        LinkedBlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        try (Pair pair = new Pair(env)) {
            org.apache.curator.framework.api.CuratorWatcher watcher = events::add;
            pair.one.create().forPath("/a");
            pair.one.getData().usingWatcher(watcher).forPath("/a");
            pair.one.watches().remove(watcher).forPath("/a");
            Checks.equal(EventType.DataWatchRemoved, events.poll(10, TimeUnit.SECONDS).getType());
        }
    }

    static void barrier(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            DistributedBarrier mine = new DistributedBarrier(pair.one, "/barrier");
            DistributedBarrier theirs = new DistributedBarrier(pair.two, "/barrier");
            mine.setBarrier();
            Checks.equal(false, theirs.waitOnBarrier(200, TimeUnit.MILLISECONDS));
            mine.removeBarrier();
            Checks.equal(true, theirs.waitOnBarrier(10, TimeUnit.SECONDS));
        }
    }

    static void doubleBarrier(Env env) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try (Pair pair = new Pair(env)) {
            List<Future<Boolean>> done = new ArrayList<>();
            for (CuratorFramework client : Arrays.asList(pair.one, pair.two)) {
                done.add(pool.submit(() -> {
                    DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, "/b",
                        2);
                    return barrier.enter(20, TimeUnit.SECONDS) && barrier.leave(20,
                        TimeUnit.SECONDS);
                }));
            }
            for (Future<Boolean> future : done) {
                Checks.equal(true, future.get(30, TimeUnit.SECONDS));
            }
        } finally {
            pool.shutdownNow();
        }
    }

    static void queue(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            SimpleDistributedQueue in = new SimpleDistributedQueue(pair.one, "/queue");
            SimpleDistributedQueue out = new SimpleDistributedQueue(pair.two, "/queue");
            for (int i = 0; i < 20; i++) {
                in.offer(Checks.utf8("item " + i));
            }
            for (int i = 0; i < 20; i++) {
                Checks.bytes(Checks.utf8("item " + i), out.poll(10, TimeUnit.SECONDS));
            }
            Checks.equal(null, out.poll());
        }
    }

    static void groupMembers(Env env) throws Exception {
        try (Pair pair = new Pair(env);
             GroupMember mine = new GroupMember(pair.one, "/group", "one", Checks.utf8("1"))) {
            mine.start();
            try (GroupMember theirs = new GroupMember(pair.two, "/group", "two",
                Checks.utf8("2"))) {
                theirs.start();
                Checks.eventually("two members", () -> mine.getCurrentMembers().size() == 2);
                Checks.bytes(Checks.utf8("2"), mine.getCurrentMembers().get("two"));
            }
            Checks.eventually("one member", () -> mine.getCurrentMembers().size() == 1);
        }
    }

    static void persistentNodeComesBack(Env env) throws Exception {
        try (Pair pair = new Pair(env);
             PersistentNode node = new PersistentNode(pair.one, CreateMode.EPHEMERAL, false, "/n",
                 Checks.utf8("x"))) {
            node.start();
            Checks.holds(node.waitForInitialCreate(10, TimeUnit.SECONDS), "it is made");
            pair.two.delete().forPath("/n");
            Checks.eventually("it comes back", () -> pair.two.checkExists().forPath("/n") != null);
        }
    }

    static void persistentTtlNode(Env env) throws Exception {
        try (Pair pair = new Pair(env)) {
            PersistentTtlNode node = new PersistentTtlNode(pair.one, "/n", 900, Checks.utf8("x"));
            node.start();
            Checks.holds(node.waitForInitialCreate(10, TimeUnit.SECONDS), "it is made");
            Thread.sleep(2500);
            Checks.holds(pair.two.checkExists().forPath("/n") != null, "it is touched in time");
            node.close();
        }
    }

    static void clientsSurviveARestart(Env env) throws Exception {
        LinkedBlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
        try (Pair pair = new Pair(env)) {
            pair.one.getConnectionStateListenable().addListener((client,
                state) -> states.add(state));
            pair.one.create().withMode(CreateMode.EPHEMERAL).forPath("/e");
            Checks.operator("restart");
            ConnectionState state = states.poll(10, TimeUnit.SECONDS);
            if (state == ConnectionState.CONNECTED) { // the listener was in time to be told
                state = states.poll(10, TimeUnit.SECONDS);
            }
            Checks.equal(ConnectionState.SUSPENDED, state);
            Checks.equal(ConnectionState.RECONNECTED, states.poll(20, TimeUnit.SECONDS));
            Checks.holds(pair.two.checkExists().forPath("/e") != null, "the session lives on");
        }
    }
}
