import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.Time;

/**
 * Prints batches as Apache's own classes make them, and what those classes read in them. record_records.py runs it.
 *
 * Without arguments: batches of every magic, codec and timestamp type, from a fixed seed. "batch HEX", then its
 * "header ..." and "record ..." lines, then what down-conversion makes of it: "down MAGIC FIRST_OFFSET HEX". With the
 * argument "read": takes "batch HEX" lines from standard input and prints header and record lines for them.
 */
public class RecordVectors {
    private static final Random RANDOM = new Random(5);
    private static final int LONG = 64;

    private static String field(ByteBuffer buffer) {
        if (buffer == null) {
            return "-";
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        if (bytes.length > LONG) {
            CRC32 crc = new CRC32();
            crc.update(bytes);
            return "@" + bytes.length + ":" + crc.getValue();
        }
        return bytes.length == 0 ? "=" : HexFormat.of().formatHex(bytes);
    }

    private static void print(MemoryRecords records) {
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            if (batch.magic() == 2) {
                System.out.printf("header %d %d %d %d %d %d %d %d%n", batch.baseOffset(), batch.lastOffset(),
                    batch.partitionLeaderEpoch(), batch.maxTimestamp(), batch.producerId(), batch.producerEpoch(),
                    batch.baseSequence(), batch.countOrNull());
            }
            for (Record record : batch) {
                record.ensureValid();
                StringBuilder line = new StringBuilder();
                line.append("record ").append(record.offset()).append(' ').append(record.timestamp()).append(' ')
                    .append(record.sequence()).append(' ').append(field(record.key())).append(' ')
                    .append(field(record.value()));
                for (Header header : record.headers()) {
                    line.append(' ').append(field(ByteBuffer.wrap(header.key().getBytes()))).append(' ')
                        .append(field(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                }
                System.out.println(line);
            }
        }
    }

    private static String hex(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static byte[] bytes(boolean isLarge) {
        switch (RANDOM.nextInt(6)) {
            case 0:
                return null;
            case 1:
                return new byte[0];
            default:
                byte[] bytes = new byte[isLarge ? 90000 : 1 + RANDOM.nextInt(30)];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) (isLarge ? "abcabcabd".charAt(i % 9) + i / 9000 : RANDOM.nextInt(256));
                }
                return bytes;
        }
    }

    private static MemoryRecords build(byte magic, CompressionType codec, TimestampType type, int count,
                                       boolean isLarge) {
        long base = RANDOM.nextInt(3) == 0 ? 0 : RANDOM.nextLong() >>> 16;
        boolean hasProducer = magic == 2 && RANDOM.nextBoolean();
        boolean isTransactional = hasProducer && RANDOM.nextBoolean();
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(new ByteBufferOutputStream(256), magic,
            Compression.of(codec).build(), type, base, type == TimestampType.LOG_APPEND_TIME ? 1234567890123L : -1,
            hasProducer ? RANDOM.nextLong() >>> 1 : -1, hasProducer ? (short) RANDOM.nextInt(30000) : -1,
            hasProducer ? Integer.MAX_VALUE - 1 : -1, isTransactional, false,
            magic == 2 ? RANDOM.nextInt(100) : -1, 1 << 20);
        long offset = base;
        for (int i = 0; i < count; i++) {
            Header[] headers = new Header[magic == 2 ? RANDOM.nextInt(3) : 0];
            for (int h = 0; h < headers.length; h++) {
                byte[] value = bytes(false);
                headers[h] = new RecordHeader("header" + h, value);
            }
            long timestamp = magic == 0 ? -1 : 1600000000000L + RANDOM.nextInt(2000000) - 1000000;
            byte[] key = bytes(false);
            byte[] value = bytes(isLarge);
            builder.appendWithOffset(offset, timestamp, key, value, headers);
            offset += 1 + (RANDOM.nextInt(5) == 0 ? RANDOM.nextInt(10) : 0);
        }
        return builder.build();
    }

    private static void vector(byte magic, CompressionType codec, TimestampType type, int count, boolean isLarge) {
        MemoryRecords records = build(magic, codec, type, count, isLarge);
        System.out.println("batch " + hex(records.buffer()));
        print(records);
        long first = records.batches().iterator().next().lastOffset();
        for (byte to = 0; to < magic && codec != CompressionType.ZSTD; to++) {
            for (long from : new long[] {0, first}) {
                ConvertedRecords<MemoryRecords> converted = records.downConvert(to, from, Time.SYSTEM);
                System.out.println("down " + to + " " + from + " " + hex(converted.records().buffer()));
                print(converted.records());
            }
        }
    }

    private static void read() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        String line;
        while ((line = in.readLine()) != null) {
            byte[] bytes = HexFormat.of().parseHex(line.substring("batch ".length()));
            System.out.println(line);
            print(MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)));
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0) {
            read();
            return;
        }
        for (byte magic = 0; magic <= 2; magic++) {
            for (CompressionType codec : CompressionType.values()) {
                if (magic < 2 && codec == CompressionType.ZSTD) {
                    continue;
                }
                for (TimestampType type : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
                    if (magic == 0 && type == TimestampType.LOG_APPEND_TIME) {
                        continue;
                    }
                    for (int count : new int[] {1, 2, 5, 9}) {
                        vector(magic, codec, magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : type, count, false);
                    }
                }
                if (codec == CompressionType.GZIP || codec == CompressionType.LZ4 || codec == CompressionType.ZSTD) {
                    vector(magic, codec, magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME, 3, true);
                }
            }
        }
        // A control batch: going down drops it.
        MemoryRecords control = MemoryRecords.withEndTransactionMarker(70, 1700000000000L, 3, 99L, (short) 4,
            new EndTransactionMarker(ControlRecordType.COMMIT, 12));
        System.out.println("batch " + hex(control.buffer()));
        print(control);
        System.out.println("down 1 0 " + hex(control.downConvert((byte) 1, 0, Time.SYSTEM).records().buffer()));
    }
}
