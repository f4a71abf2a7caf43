import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache's own client through producer, consumer and admin. Compiled against 2.7, run with 2.7, 3.9 and 4.x. */
public final class KafkaChecks {
    private static final int WAIT_S = 20;

    private interface Check {
        void run(String hosts) throws Exception;
    }

    private KafkaChecks() {
    }

    private static void expect(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    private static void equal(Object got, Object wanted, String what) {
        expect(wanted.equals(got), what + ": " + got + " where " + wanted + " was due");
    }

    private static void eventually(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_S);
        while (!condition.call()) {
            expect(System.nanoTime() < deadline, "not within " + WAIT_S + " s: " + what);
            Thread.sleep(50);
        }
    }

    private static String name(String stem) {
        return stem + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    private static Properties properties(String hosts, String... more) {
        Properties result = new Properties();
        result.put("bootstrap.servers", hosts);
        for (int i = 0; i < more.length; i += 2) {
            result.put(more[i], more[i + 1]);
        }
        return result;
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.get(WAIT_S, TimeUnit.SECONDS);
    }

    private static Throwable failure(Future<?> future) throws Exception {
        try {
            get(future);
        } catch (ExecutionException failed) {
            return failed.getCause();
        }
        throw new AssertionError("what should have been refused was taken");
    }

    /** The one name of this in 2.7 is gone in 4.0, whose name is not in 2.7. */
    @SuppressWarnings("unchecked")
    private static Future<TopicDescription> describe(Admin admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(Collections.singleton(topic));
        Method values = Arrays.stream(DescribeTopicsResult.class.getMethods())
                .filter(m -> m.getName().equals("topicNameValues") || m.getName().equals("values"))
                .findFirst().get();
        return ((Map<String, Future<TopicDescription>>) values.invoke(result)).get(topic);
    }

    private static String create(String hosts, String stem, int partitions, String... config) throws Exception {
        String topic = name(stem);
        Map<String, String> configs = new HashMap<>();
        for (int i = 0; i < config.length; i += 2) {
            configs.put(config[i], config[i + 1]);
        }
        try (Admin admin = Admin.create(properties(hosts))) {
            NewTopic fresh = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(configs);
            get(admin.createTopics(Collections.singleton(fresh)).all());
        }
        return topic;
    }

    private static KafkaProducer<String, String> producer(String hosts, String... more) {
        return new KafkaProducer<>(properties(hosts, more), new StringSerializer(), new StringSerializer());
    }

    private static KafkaConsumer<String, String> consumer(String hosts, String... more) {
        Properties config = properties(hosts, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
                "session.timeout.ms", "6000", "heartbeat.interval.ms", "300");
        config.putAll(properties(hosts, more));
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private static List<RecordMetadata> produce(String hosts, String topic, int count, String... more)
            throws Exception {
        List<RecordMetadata> done = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(hosts, more)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, "key-" + i % 17, "value-" + i)));
            }
            for (Future<RecordMetadata> future : sent) {
                done.add(get(future));
            }
        }
        return done;
    }

    private static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_S);
        while (records.size() < count && System.nanoTime() < deadline) {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        equal(records.size(), count, "records taken");
        return records;
    }

    private static List<ConsumerRecord<String, String>> readAll(String hosts, String topic, int partitions, int count,
            String... more) {
        try (KafkaConsumer<String, String> consumer = consumer(hosts, more)) {
            List<TopicPartition> all = new ArrayList<>();
            for (int i = 0; i < partitions; i++) {
                all.add(new TopicPartition(topic, i));
            }
            consumer.assign(all);
            consumer.seekToBeginning(all);
            return take(consumer, count);
        }
    }

    static void metadata(String hosts) throws Exception {
        try (Admin admin = Admin.create(properties(hosts))) {
            Collection<Node> nodes = get(admin.describeCluster().nodes());
            equal(nodes.size(), 1, "brokers");
            Node node = nodes.iterator().next();
            equal(node.host() + ":" + node.port(), hosts, "the advertised address");
            equal(get(admin.describeCluster().controller()).id(), node.id(), "the controller");
            expect(!get(admin.describeCluster().clusterId()).isEmpty(), "a cluster id");
        }
    }

    static void topics(String hosts) throws Exception {
        String topic = create(hosts, "topics", 3, "retention.ms", "123456");
        try (Admin admin = Admin.create(properties(hosts))) {
            expect(get(admin.listTopics().names()).contains(topic), "it is listed");
            TopicDescription found = get(describe(admin, topic));
            equal(found.partitions().size(), 3, "partitions");
            expect(found.partitions().stream().allMatch(p -> p.leader() != null && p.isr().size() == 1), "leaders");
            Throwable again = failure(admin.createTopics(
                    Collections.singleton(new NewTopic(topic, 1, (short) 1))).all());
            expect(again instanceof TopicExistsException, "a second create: " + again);
            Throwable bad = failure(admin.createTopics(
                    Collections.singleton(new NewTopic("bad/name", 1, (short) 1))).all());
            expect(bad instanceof InvalidTopicException, "a bad name: " + bad);
            Throwable absent = failure(describe(admin, "absent"));
            expect(absent instanceof UnknownTopicOrPartitionException, "an absent topic: " + absent);
        }
    }

    static void produceConsume(String hosts) throws Exception {
        String topic = create(hosts, "plain", 3);
        equal(produce(hosts, topic, 3000).size(), 3000, "acknowledged");
        Map<String, Integer> last = new HashMap<>();
        for (ConsumerRecord<String, String> record : readAll(hosts, topic, 3, 3000)) {
            int number = Integer.parseInt(record.value().substring("value-".length()));
            equal(record.key(), "key-" + number % 17, "the key of " + number);
            expect(last.getOrDefault(record.key(), -1) < number, "order within a key");
            last.put(record.key(), number);
        }
    }

    static void codecs(String hosts) throws Exception {
        for (String codec : Arrays.asList("gzip", "snappy", "lz4", "zstd")) {
            String topic = create(hosts, codec, 1);
            produce(hosts, topic, 500, "compression.type", codec, "linger.ms", "20");
            List<ConsumerRecord<String, String>> records = readAll(hosts, topic, 1, 500);
            for (int i = 0; i < 500; i++) {
                equal(records.get(i).value(), "value-" + i, codec);
                equal(records.get(i).offset(), (long) i, codec + "'s offsets");
            }
        }
    }

    static void topicCompression(String hosts) throws Exception {
        for (String codec : Arrays.asList("gzip", "zstd", "uncompressed")) {
            String topic = create(hosts, "recompressed", 1, "compression.type", codec);
            produce(hosts, topic, 300, "compression.type", "lz4", "linger.ms", "20");
            List<ConsumerRecord<String, String>> records = readAll(hosts, topic, 1, 300);
            for (int i = 0; i < 300; i++) {
                equal(records.get(i).value(), "value-" + i, codec);
            }
        }
    }

    static void shapes(String hosts) throws Exception {
        String topic = create(hosts, "shapes", 1);
        Header header = new RecordHeader("h", "1".getBytes(StandardCharsets.UTF_8));
        try (KafkaProducer<String, String> producer = producer(hosts)) {
            get(producer.send(new ProducerRecord<>(topic, 0, 1000000L, (String) null, "no key")));
            get(producer.send(new ProducerRecord<>(topic, 0, 1000001L, "no value", (String) null)));
            get(producer.send(new ProducerRecord<>(topic, 0, null, "ключ", "阿牛", Collections.singleton(header))));
        }
        List<ConsumerRecord<String, String>> records = readAll(hosts, topic, 1, 3);
        equal(records.get(0).timestamp(), 1000000L, "timestamp");
        expect(records.get(0).key() == null && records.get(1).value() == null, "nulls");
        equal(records.get(2).value(), "阿牛", "text");
        equal(new String(records.get(2).headers().lastHeader("h").value(), StandardCharsets.UTF_8), "1", "header");
        equal(records.get(2).leaderEpoch(), Optional.of(0), "leader epoch");
    }

    static void appendTime(String hosts) throws Exception {
        String topic = create(hosts, "appended", 1, "message.timestamp.type", "LogAppendTime");
        long before = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = producer(hosts)) {
            long told = get(producer.send(new ProducerRecord<>(topic, 0, 1000000L, "k", "v"))).timestamp();
            expect(told >= before - 1000, "the producer hears the broker's time");
        }
        expect(readAll(hosts, topic, 1, 1).get(0).timestamp() >= before - 1000, "so does the consumer");
    }

    static void idempotence(String hosts) throws Exception {
        String topic = create(hosts, "idempotent", 1);
        List<RecordMetadata> done = produce(hosts, topic, 5000, "enable.idempotence", "true", "acks", "all",
                "batch.size", "200");
        for (int i = 0; i < 5000; i++) {
            equal(done.get(i).offset(), (long) i, "offset");
        }
        equal(readAll(hosts, topic, 1, 5000).get(4999).value(), "value-4999", "the last");
    }

    static void commitAndResume(String hosts) throws Exception {
        String topic = create(hosts, "commits", 1);
        String group = name("group");
        produce(hosts, topic, 20);
        TopicPartition at = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> first = consumer(hosts, "group.id", group, "max.poll.records", "12")) {
            first.subscribe(Collections.singleton(topic));
            take(first, 12);
            first.commitSync(Collections.singletonMap(at, new OffsetAndMetadata(12, "so far")));
        }
        try (KafkaConsumer<String, String> second = consumer(hosts, "group.id", group)) {
            second.subscribe(Collections.singleton(topic));
            equal(take(second, 8).get(0).value(), "value-12", "behind the commit");
            equal(second.committed(Collections.singleton(at)).get(at).metadata(), "so far", "its metadata");
        }
    }

    private static void rebalanceWith(String hosts, String assignor) throws Exception {
        String topic = create(hosts, "rebalance", 4);
        String group = name("group");
        String[] more = {"group.id", group, "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer." + assignor};
        KafkaConsumer<String, String> first = consumer(hosts, more);
        KafkaConsumer<String, String> second = consumer(hosts, more);
        first.subscribe(Collections.singleton(topic));
        second.subscribe(Collections.singleton(topic));
        // Each in a thread of its own: a poll may wait for the other's.
        boolean[] ends = {false, false};
        int[] shares = {0, 0};
        Thread[] threads = {poller(first, ends, shares, 0), poller(second, ends, shares, 1)};
        try {
            eventually(() -> shares[0] == 2 && shares[1] == 2, assignor + ": two shares");
            ends[1] = true;
            threads[1].join();
            eventually(() -> shares[0] == 4, assignor + ": one takes all");
        } finally {
            ends[0] = true;
            ends[1] = true;
            threads[0].join();
            threads[1].join();
        }
    }

    private static Thread poller(KafkaConsumer<String, String> consumer, boolean[] ends, int[] shares, int number) {
        Thread thread = new Thread(() -> {
            while (!ends[number]) {
                consumer.poll(Duration.ofMillis(50));
                shares[number] = consumer.assignment().size();
            }
            consumer.close();
        });
        thread.start();
        return thread;
    }

    static void rebalance(String hosts) throws Exception {
        rebalanceWith(hosts, "RangeAssignor");
        rebalanceWith(hosts, "CooperativeStickyAssignor");
    }

    static void offsets(String hosts) throws Exception {
        String topic = create(hosts, "offsets", 1);
        try (KafkaProducer<String, String> producer = producer(hosts)) {
            for (int i = 0; i < 10; i++) {
                get(producer.send(new ProducerRecord<>(topic, 0, 1000L * (i + 1), "k", "v" + i)));
            }
        }
        TopicPartition at = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = consumer(hosts)) {
            equal(consumer.endOffsets(Collections.singleton(at)).get(at), 10L, "the end");
            OffsetAndTimestamp found = consumer.offsetsForTimes(Collections.singletonMap(at, 4500L)).get(at);
            equal(found.offset(), 4L, "the first at or behind a time");
            expect(consumer.offsetsForTimes(Collections.singletonMap(at, 99999L)).get(at) == null, "behind the last");
        }
        try (Admin admin = Admin.create(properties(hosts))) {
            ListOffsetsResult found = admin.listOffsets(Collections.singletonMap(at, OffsetSpec.earliest()));
            equal(get(found.partitionResult(at)).offset(), 0L, "the first");
        }
    }

    static void configs(String hosts) throws Exception {
        String topic = create(hosts, "configs", 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = Admin.create(properties(hosts))) {
            AlterConfigOp set = new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET);
            get(admin.incrementalAlterConfigs(
                    Collections.singletonMap(resource, Collections.singletonList(set))).all());
            eventually(() -> {
                Config config = get(admin.describeConfigs(Collections.singleton(resource)).all()).get(resource);
                return config.get("retention.ms").value().equals("3600000")
                        && config.get("retention.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG;
            }, "the altered value");
            AlterConfigOp bad = new AlterConfigOp(new ConfigEntry("retention.ms", "many"), AlterConfigOp.OpType.SET);
            Throwable refused = failure(admin.incrementalAlterConfigs(
                    Collections.singletonMap(resource, Collections.singletonList(bad))).all());
            expect(refused instanceof InvalidConfigurationException, "a bad value: " + refused);
            int id = get(admin.describeCluster().controller()).id();
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(id));
            Config config = get(admin.describeConfigs(Collections.singleton(broker)).all()).get(broker);
            equal(config.get("broker.id").value(), String.valueOf(id), "the broker's own");
        }
    }

    static void growAndCut(String hosts) throws Exception {
        String topic = create(hosts, "grow", 1);
        try (Admin admin = Admin.create(properties(hosts))) {
            get(admin.createPartitions(Collections.singletonMap(topic, NewPartitions.increaseTo(4))).all());
            eventually(() -> get(describe(admin, topic))
                    .partitions().size() == 4, "four partitions");
            try (KafkaProducer<String, String> producer = producer(hosts)) {
                for (int i = 0; i < 10; i++) {
                    get(producer.send(new ProducerRecord<>(topic, 0, "k", "v" + i)));
                }
            }
            TopicPartition at = new TopicPartition(topic, 0);
            long low = get(admin.deleteRecords(Collections.singletonMap(at, RecordsToDelete.beforeOffset(6)))
                    .lowWatermarks().get(at)).lowWatermark();
            equal(low, 6L, "the low watermark");
            equal(readAll(hosts, topic, 1, 4).get(0).value(), "v6", "what is left");
        }
    }

    static void deleteTopic(String hosts) throws Exception {
        String topic = create(hosts, "gone", 1);
        try (Admin admin = Admin.create(properties(hosts))) {
            get(admin.deleteTopics(Collections.singleton(topic)).all());
            eventually(() -> !get(admin.listTopics().names()).contains(topic), "it is gone");
        }
    }

    static void refusals(String hosts) throws Exception {
        String topic = create(hosts, "small", 1, "max.message.bytes", "1000");
        char[] large = new char[5000];
        Arrays.fill(large, 'x');
        try (KafkaProducer<String, String> producer = producer(hosts, "max.block.ms", "2000")) {
            Throwable refused = failure(producer.send(new ProducerRecord<>(topic, "k", new String(large))));
            expect(refused instanceof RecordTooLargeException, "a large record: " + refused);
            get(producer.send(new ProducerRecord<>(topic, "k", "small")));
        }
    }

    static void groups(String hosts) throws Exception {
        String topic = create(hosts, "groups", 1);
        String group = name("group");
        try (Admin admin = Admin.create(properties(hosts))) {
            try (KafkaConsumer<String, String> member = consumer(hosts, "group.id", group)) {
                member.subscribe(Collections.singleton(topic));
                eventually(() -> {
                    member.poll(Duration.ofMillis(50));
                    return !member.assignment().isEmpty();
                }, "an assignment");
                expect(get(admin.listConsumerGroups().all()).stream().anyMatch(g -> g.groupId().equals(group)),
                        "it is listed");
                ConsumerGroupDescription found = get(
                        admin.describeConsumerGroups(Collections.singleton(group)).describedGroups().get(group));
                equal(found.state().toString(), "Stable", "its state");
                equal(found.members().size(), 1, "its members");
                member.commitSync(Collections.singletonMap(new TopicPartition(topic, 0), new OffsetAndMetadata(0)));
            }
            equal(get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).size(), 1, "offsets");
            get(admin.deleteConsumerGroups(Collections.singleton(group)).all());
            expect(get(admin.listConsumerGroups().all()).stream().noneMatch(g -> g.groupId().equals(group)), "gone");
        }
    }

    static void logDirs(String hosts) throws Exception {
        String topic = create(hosts, "dirs", 1);
        produce(hosts, topic, 10);
        try (Admin admin = Admin.create(properties(hosts))) {
            int id = get(admin.describeCluster().controller()).id();
            long size = get(admin.describeLogDirs(Collections.singleton(id)).descriptions().get(id)).values().stream()
                    .flatMap(dir -> dir.replicaInfos().entrySet().stream())
                    .filter(entry -> entry.getKey().topic().equals(topic))
                    .mapToLong(entry -> entry.getValue().size()).sum();
            expect(size > 0, "the size of a partition");
        }
    }

    public static void main(String[] arguments) {
        Map<String, Check> checks = new java.util.LinkedHashMap<>();
        checks.put("metadata", KafkaChecks::metadata);
        checks.put("topics", KafkaChecks::topics);
        checks.put("produceConsume", KafkaChecks::produceConsume);
        checks.put("codecs", KafkaChecks::codecs);
        checks.put("topicCompression", KafkaChecks::topicCompression);
        checks.put("shapes", KafkaChecks::shapes);
        checks.put("appendTime", KafkaChecks::appendTime);
        checks.put("idempotence", KafkaChecks::idempotence);
        checks.put("commitAndResume", KafkaChecks::commitAndResume);
        checks.put("rebalance", KafkaChecks::rebalance);
        checks.put("offsets", KafkaChecks::offsets);
        checks.put("configs", KafkaChecks::configs);
        checks.put("growAndCut", KafkaChecks::growAndCut);
        checks.put("deleteTopic", KafkaChecks::deleteTopic);
        checks.put("refusals", KafkaChecks::refusals);
        checks.put("groups", KafkaChecks::groups);
        checks.put("logDirs", KafkaChecks::logDirs);
        String hosts = arguments[arguments.length - 1];
        int number = 0;
        for (Map.Entry<String, Check> check : checks.entrySet()) {
            if (arguments.length > 1 && !Arrays.asList(arguments).contains(check.getKey())) {
                continue;
            }
            number += 1;
            try {
                check.getValue().run(hosts);
                System.out.println("ok " + number + " " + check.getKey());
            } catch (Throwable failed) {
                failed.printStackTrace();
                String text = String.valueOf(failed).replaceAll("\\s+", " ");
                System.out.println("not ok " + number + " " + check.getKey() + ": " + text);
            }
        }
        System.out.println("1.." + number);
        System.exit(0);
    }
}
