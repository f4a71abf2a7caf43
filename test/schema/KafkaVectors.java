import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.MemoryRecords;

/**
 * Writes kafka_vectors.txt: messages as Apache's own client library encodes them, to compare our codec with.
 *
 *     java -cp kafka-clients-3.9.0.jar:slf4j-api-1.7.36.jar KafkaVectors.java > kafka_vectors.txt
 *
 * One line each: name, version, bytes in hex. Values are random from a fixed seed, so the file can be made again.
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

    private static Object fillPrimitive(Type.DocumentedType type, boolean small) {
        String name = type.typeName().replace("COMPACT_", "").replace("NULLABLE_", "");
        switch (name) {
            case "BOOLEAN":
                return RANDOM.nextBoolean();
            case "INT8":
                return (byte) RANDOM.nextInt();
            case "INT16":
                return (short) RANDOM.nextInt();
            case "INT32":
                return RANDOM.nextInt();
            case "INT64":
                return RANDOM.nextLong();
            case "UUID":
                return new Uuid(RANDOM.nextLong(), RANDOM.nextLong());
            case "STRING":
                return small ? "" : "text-" + RANDOM.nextInt(1000) + (RANDOM.nextInt(8) == 0 ? "x".repeat(140) : "");
            case "RECORDS": {
                byte[] bytes = new byte[small ? 0 : 1 + RANDOM.nextInt(20)];
                RANDOM.nextBytes(bytes);
                return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
            }
            default:
                throw new IllegalStateException("no value for " + type.typeName());
        }
    }

    private static void vectors(String name, Message message, Schema[] schemas, int lowest) throws Exception {
        for (short version = (short) lowest; version < schemas.length; version++) {
            for (boolean small : new boolean[] {true, false}) {
                Struct struct = (Struct) fill(schemas[version], small);
                ByteBuffer raw = ByteBuffer.allocate(schemas[version].sizeOf(struct));
                schemas[version].write(raw, struct);
                raw.flip();
                // Through the message class: it drops tagged fields that hold their default, as clients do.
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

    public static void main(String[] arguments) throws Exception {
        vectors("request_header", new RequestHeaderData(), RequestHeaderData.SCHEMAS, 0);
        vectors("response_header", new ResponseHeaderData(), ResponseHeaderData.SCHEMAS, 0);
        vectors("api_versions_request", new ApiVersionsRequestData(), ApiVersionsRequestData.SCHEMAS, 0);
        vectors("api_versions_response", new ApiVersionsResponseData(), ApiVersionsResponseData.SCHEMAS, 0);
        vectors("metadata_request", new MetadataRequestData(), MetadataRequestData.SCHEMAS, 0);
        vectors("metadata_response", new MetadataResponseData(), MetadataResponseData.SCHEMAS, 0);
        vectors("produce_request", new ProduceRequestData(), ProduceRequestData.SCHEMAS, 0);
        vectors("produce_response", new ProduceResponseData(), ProduceResponseData.SCHEMAS, 0);
        vectors("fetch_request", new FetchRequestData(), FetchRequestData.SCHEMAS, 0);
        vectors("fetch_response", new FetchResponseData(), FetchResponseData.SCHEMAS, 0);
        // Its published schema lacks the byte that stands before a struct that may be null, so it is built by hand.
        var request = new DescribeTopicPartitionsRequestData().setResponsePartitionLimit(77);
        request.topics().add(new DescribeTopicPartitionsRequestData.TopicRequest().setName("first"));
        print("describe_topic_partitions_request", (short) 0, request);
        request.setCursor(new DescribeTopicPartitionsRequestData.Cursor().setTopicName("t").setPartitionIndex(5));
        print("describe_topic_partitions_request", (short) 0, request);
    }
}
