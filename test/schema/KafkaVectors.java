import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType.ListenerType;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.MemoryRecords;

/**
 * Prints messages as Apache's own classes encode them, to compare our codec with. record_kafka.py runs it.
 *
 * Standard input names the messages, one a line: our name, first version, last version, Apache's class. One line of
 * output each: name, version, bytes in hex. Values are random from a fixed seed, so the file can be made again. After
 * them come the names of errors ("error CODE NAME") and of the APIs that a broker on ZooKeeper advertises ("api KEY
 * NAME FIRST LAST").
 */
public class KafkaVectors {
    private static final Random RANDOM = new Random(2);

    @SuppressWarnings("unchecked")
    private static Object fill(Type type, boolean small) throws Exception {
        if (type instanceof Schema) {
            Schema schema = (Schema) type;
            Struct struct = new Struct(schema);
            for (BoundField field : schema.fields()) {
                struct.set(field, fill(field.def.type, small));
            }
            return struct;
        }
        if (type instanceof TaggedFields) {
            TreeMap<Integer, Object> tagged = new TreeMap<>();
            var known = TaggedFields.class.getDeclaredField("fields");
            known.setAccessible(true);
            for (var entry : ((Map<Integer, Field>) known.get(type)).entrySet()) {
                if (!small && RANDOM.nextInt(4) > 0) {
                    tagged.put(entry.getKey(), fill(entry.getValue().type, false));
                }
            }
            return tagged;
        }
        if (type.isNullable() && (small || RANDOM.nextInt(4) == 0)) {
            return null;
        }
        if (type.arrayElementType().isPresent()) {
            Object[] elements = new Object[small ? 0 : 1 + RANDOM.nextInt(2)];
            for (int i = 0; i < elements.length; i++) {
                elements[i] = fill(type.arrayElementType().get(), false);
            }
            return elements;
        }
        return fillPrimitive((Type.DocumentedType) type, small);
    }

    private static byte[] fillBytes(boolean small) {
        byte[] bytes = new byte[small ? 0 : 1 + RANDOM.nextInt(20)];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    private static Object fillPrimitive(Type.DocumentedType type, boolean small) {
        String name = type.typeName().replace("COMPACT_", "").replace("NULLABLE_", "");
        switch (name) {
            case "BOOLEAN":
                return RANDOM.nextBoolean();
            case "INT8":
                return (byte) RANDOM.nextInt();
            case "INT16":
                return (short) RANDOM.nextInt();
            case "UINT16":
                return RANDOM.nextInt(65536);
            case "INT32":
                return RANDOM.nextInt();
            case "UINT32":
                return RANDOM.nextLong() & 0xffffffffL;
            case "INT64":
                return RANDOM.nextLong();
            case "FLOAT64":
                return RANDOM.nextGaussian();
            case "UUID":
                return new Uuid(RANDOM.nextLong(), RANDOM.nextLong());
            case "STRING":
                return small ? "" : "text-" + RANDOM.nextInt(1000) + (RANDOM.nextInt(8) == 0 ? "x".repeat(140) : "");
            case "BYTES":
                return ByteBuffer.wrap(fillBytes(small));
            case "RECORDS":
                return MemoryRecords.readableRecords(ByteBuffer.wrap(fillBytes(small)));
            default:
                throw new IllegalStateException("no value for " + type.typeName());
        }
    }

    private static void vectors(String name, int first, int last, String className) throws Exception {
        Class<?> known = Class.forName(className);
        Schema[] schemas = (Schema[]) known.getField("SCHEMAS").get(null);
        Message probe = (Message) known.getDeclaredConstructor().newInstance();
        if (probe.lowestSupportedVersion() != first || probe.highestSupportedVersion() != last) {
            throw new IllegalStateException(name + " has other versions: " + probe.lowestSupportedVersion() + "-"
                + probe.highestSupportedVersion());
        }
        for (short version = (short) first; version <= last; version++) {
            for (int round = 0; round < 3; round++) {
                Struct struct = (Struct) fill(schemas[version], round == 0);
                ByteBuffer raw = ByteBuffer.allocate(schemas[version].sizeOf(struct));
                schemas[version].write(raw, struct);
                raw.flip();
                // Through the message class: it drops tagged fields that hold their default, as clients do.
                Message message = (Message) known.getDeclaredConstructor().newInstance();
                message.read(new ByteBufferAccessor(raw), version);
                print(name, version, message);
            }
        }
    }

    private static void print(String name, short version, Message message) {
        ByteBuffer bytes = MessageUtil.toByteBuffer(message, version);
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        System.out.println(name + " " + version + " " + HexFormat.of().formatHex(copy));
    }

    /** The published schema lacks the byte that stands before a struct that may be null, so this is built by hand. */
    private static void heartbeatResponses() {
        var response = new ConsumerGroupHeartbeatResponseData().setErrorCode((short) 27).setMemberId("m").setMemberEpoch(7);
        print("consumer_group_heartbeat_response", (short) 0, response);
        var assignment = new ConsumerGroupHeartbeatResponseData.Assignment();
        assignment.topicPartitions().add(new ConsumerGroupHeartbeatResponseData.TopicPartitions()
            .setTopicId(new Uuid(1, 2)).setPartitions(java.util.List.of(3, 4)));
        print("consumer_group_heartbeat_response", (short) 0, response.setAssignment(assignment));
    }

    public static void main(String[] arguments) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            if (words[0].equals("consumer_group_heartbeat_response")) {
                heartbeatResponses();
            } else {
                vectors(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2]), words[3]);
            }
        }
        for (Errors error : Errors.values()) {
            System.out.println("error " + error.code() + " " + error.name());
        }
        for (ApiKeys key : ApiKeys.apisForListener(ListenerType.ZK_BROKER)) {
            System.out.println("api " + key.id + " " + key.name + " " + key.oldestVersion() + " " + key.latestVersion());
        }
    }
}
