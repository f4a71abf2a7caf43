/* dump_log_indexes.c - offset, time and transaction indexes, and producer snapshots.
 *
 *   .index      offset - base int32, position int32
 *   .timeindex  timestamp int64, offset - base int32
 *   .txnindex   version int16, producer id, first, last and last stable offset int64
 *   .snapshot   version int16, CRC-32C uint32 of what follows, count int32, producers of 46 bytes:
 *               id int64, epoch int16, last sequence int32, last offset int64, offset delta int32,
 *               timestamp int64, coordinator epoch int32, first offset of its transaction int64
 *
 * Indexes are sparse and may have been allocated ahead: an entry of zeros that is not the first
 * ends them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/crc32c.h"
#include "cli/kafka/dump_log.h"

#define INDEX_ENTRY_BYTES 8
#define TIME_ENTRY_BYTES 12
#define TXN_ENTRY_BYTES 34
#define SNAPSHOT_HEADER_BYTES 10
#define SNAPSHOT_CRC_FROM 6
#define SNAPSHOT_ENTRY_BYTES 46
#define SNAPSHOT_VERSION 1
#define SIBLING_PATH_MAX (PATH_TEXT_MAX + 16)

/* The file beside `path` with another suffix. */
static void sibling(const char *path, const char *suffix, char *other, size_t size)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strchr(slash == NULL ? path : slash, '.');
    int len = dot == NULL ? (int)strlen(path) : (int)(dot - path);
    (void)snprintf(other, size, "%.*s%s", len, path, suffix);
}

struct index_entry {
    int64_t offset;
    uint32_t position;
};

static int read_index_entry(struct dump *dump,
                            struct dump_file *file,
                            int64_t base,
                            uint64_t i,
                            struct index_entry *entry)
{
    struct slice bytes;
    int err = dump_bytes(dump, file, i * INDEX_ENTRY_BYTES, INDEX_ENTRY_BYTES, &bytes);
    if (err == 0) {
        entry->offset = base + (int32_t)load_be32(bytes.ptr);
        entry->position = load_be32(bytes.ptr + 4);
    }
    return err;
}

/* ---- .index -----------------------------------------------------------------------------------
 */

static int check_index(struct dump *dump,
                       struct dump_file *file,
                       const char *path,
                       const char *absolute,
                       int64_t base)
{
    struct index_entry last = {0};
    int err = read_index_entry(dump, file, base, file->size / INDEX_ENTRY_BYTES - 1, &last);
    if (err != 0) {
        return err;
    }
    if (last.offset < base) {
        return dump_fail(
            dump, ERR_CORRUPT, "org.apache.kafka.storage.internals.log.CorruptIndexException",
            "Corrupt index found, index file %s has non-zero size but the last offset is "
            "%" PRId64 " which is less than the base offset %" PRId64,
            absolute, last.offset, base);
    }
    if (file->size % INDEX_ENTRY_BYTES != 0) {
        return dump_fail(dump, ERR_CORRUPT,
                         "org.apache.kafka.storage.internals.log.CorruptIndexException",
                         "Index file %s is corrupt, found %" PRIu64
                         " bytes which is neither positive nor a multiple of %d",
                         absolute, file->size, INDEX_ENTRY_BYTES);
    }
    printf("%s passed sanity check.\n", path);
    return ERR_OK;
}

static int compare_index(struct dump *dump,
                         struct dump_file *index,
                         struct dump_file *log,
                         const char *absolute,
                         int64_t base)
{
    int err = ERR_OK;
    for (uint64_t i = 0; err == 0 && i < index->size / INDEX_ENTRY_BYTES; i++) {
        struct index_entry entry = {0};
        err = read_index_entry(dump, index, base, i, &entry);
        if (err == 0 && entry.offset == base && i > 0) {
            return ERR_OK;
        }
        struct batch_view batch;
        uint64_t end = MIN(log->size, entry.position + (uint64_t)MAX(dump->max_message_size, 0));
        err = err != 0 ? err : dump_batch(dump, log, absolute, entry.position, end, &batch);
        if (err == ERR_END) {
            return dump_fail(dump, ERR_CORRUPT, "java.util.NoSuchElementException",
                             "there is no whole batch at position %u of the log, as entry %" PRIu64
                             " says (is --max-message-size too small?)",
                             entry.position, i);
        }
        if (err != 0) {
            return err;
        }
        if (batch.last_offset != entry.offset) {
            dump_note(&dump->index_mismatches, absolute, entry.offset, batch.last_offset);
        }
        if (!dump->verifies_only) {
            printf("offset: %" PRId64 " position: %u\n", entry.offset, entry.position);
        }
    }
    return err;
}

int dump_offset_index(struct dump *dump, const char *path, const char *absolute)
{
    int64_t base = 0;
    char log_path[SIBLING_PATH_MAX];
    struct dump_file index = {0};
    struct dump_file log = {0};
    int err = dump_start_offset(dump, path, &base);
    if (err != 0) {
        return err;
    }
    sibling(absolute, ".log", log_path, sizeof log_path);
    err = dump_open(dump, log_path, &log);
    if (err == 0) {
        err = dump_open(dump, path, &index);
        if (err == 0 && index.size < INDEX_ENTRY_BYTES) {
            printf("%s is empty.\n", path);
        } else if (err == 0 && dump->checks_sanity_only) {
            err = check_index(dump, &index, path, absolute, base);
        } else if (err == 0) {
            err = compare_index(dump, &index, &log, absolute, base);
        }
        dump_close(&index);
    }
    dump_close(&log);
    return err;
}

/* ---- .timeindex -------------------------------------------------------------------------------
 */

struct time_dump {
    struct dump *dump;
    struct dump_file times;
    struct dump_file index;
    struct dump_file log;
    const char *absolute;
    char log_path[SIBLING_PATH_MAX];
    int64_t base;
    int64_t previous_ms;
};

struct time_entry {
    int64_t timestamp_ms;
    int64_t offset;
};

static int read_time_entry(struct time_dump *time, uint64_t i, struct time_entry *entry)
{
    struct slice bytes;
    int err = dump_bytes(time->dump, &time->times, i * TIME_ENTRY_BYTES, TIME_ENTRY_BYTES, &bytes);
    if (err == 0) {
        entry->timestamp_ms = (int64_t)load_be64(bytes.ptr);
        entry->offset = time->base + (int32_t)load_be32(bytes.ptr + 8);
    }
    return err;
}

/* Position of the last indexed batch that is not behind `offset`; 0 when there is none. */
static int look_up(struct time_dump *time, int64_t offset, uint32_t *position)
{
    uint64_t low = 0;
    uint64_t high = time->index.size / INDEX_ENTRY_BYTES;
    *position = 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct index_entry entry = {0};
        int err = read_index_entry(time->dump, &time->index, time->base, middle, &entry);
        if (err != 0) {
            return err;
        }
        bool is_blank = entry.offset == time->base && middle > 0;
        if (!is_blank && entry.offset <= offset) {
            *position = entry.position;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ERR_OK;
}

/* The largest timestamp of the batch's records. */
static int max_timestamp(struct dump *dump, const struct batch_view *batch, int64_t *timestamp_ms)
{
    struct record_iterator iterator;
    struct record record;
    *timestamp_ms = NO_TIMESTAMP;
    int err = record_iterator_init(&iterator, batch, DUMP_BATCH_BYTES_MAX, &dump->scratch);
    while (err == 0 && (err = record_iterator_next(&iterator, &record)) == 0) {
        *timestamp_ms = MAX(*timestamp_ms, record.timestamp_ms);
    }
    if (err != ERR_END) {
        return dump_fail(dump, err, "org.apache.kafka.common.InvalidRecordException",
                         "The records of the batch with base offset %" PRId64 " cannot be read: %s",
                         batch->base_offset, error_text(err));
    }
    return ERR_OK;
}

static int compare_time_entry(struct time_dump *time, const struct time_entry *entry)
{
    struct dump *dump = time->dump;
    uint32_t start = 0;
    int err = look_up(time, entry->offset, &start);
    if (err != 0) {
        return err;
    }
    uint64_t position = start;
    struct batch_view batch = {.last_offset = -1};
    do {
        err = dump_batch(dump, &time->log, time->log_path, position, time->log.size, &batch);
        position += err == 0 ? batch.bytes.len : 0;
    } while (err == 0 && batch.last_offset < entry->offset);
    if (err == ERR_END || (err == 0 && batch.last_offset != entry->offset)) {
        dump_note(&dump->time_not_found, time->absolute, entry->offset,
                  err == 0 ? batch.last_offset : -1);
        return ERR_OK;
    }
    int64_t found_ms = NO_TIMESTAMP;
    err = err != 0 ? err : max_timestamp(dump, &batch, &found_ms);
    if (err != 0) {
        return err;
    }
    if (found_ms != entry->timestamp_ms) {
        dump_note(&dump->time_mismatches, time->absolute, entry->timestamp_ms, found_ms);
    }
    if (time->previous_ms >= entry->timestamp_ms) {
        dump_note(&dump->time_order, time->absolute, entry->timestamp_ms, time->previous_ms);
    }
    return ERR_OK;
}

static int compare_times(struct time_dump *time)
{
    int err = ERR_OK;
    for (uint64_t i = 0; err == 0 && i < time->times.size / TIME_ENTRY_BYTES; i++) {
        struct time_entry entry = {0};
        err = read_time_entry(time, i, &entry);
        if (err == 0 && entry.offset == time->base && i > 0) {
            return ERR_OK;
        }
        err = err != 0 ? err : compare_time_entry(time, &entry);
        if (err == 0 && !time->dump->verifies_only) {
            printf("timestamp: %" PRId64 " offset: %" PRId64 "\n", entry.timestamp_ms,
                   entry.offset);
        }
        time->previous_ms = entry.timestamp_ms;
    }
    return err;
}

static int check_times(struct time_dump *time, const char *path)
{
    uint64_t count = time->times.size / TIME_ENTRY_BYTES;
    struct time_entry first = {0};
    struct time_entry last = {0};
    static const char corrupt[] = "org.apache.kafka.storage.internals.log.CorruptIndexException";
    int err = count == 0 ? ERR_OK : read_time_entry(time, 0, &first);
    err = err != 0 || count == 0 ? err : read_time_entry(time, count - 1, &last);
    if (err != 0) {
        return err;
    }
    if (count > 0 && last.timestamp_ms < first.timestamp_ms) {
        return dump_fail(
            time->dump, ERR_CORRUPT, corrupt,
            "Corrupt time index found, time index file (%s) has non-zero size but the last "
            "timestamp is %" PRId64 " which is less than the first timestamp %" PRId64,
            time->absolute, last.timestamp_ms, first.timestamp_ms);
    }
    if (count > 0 && last.offset < time->base) {
        return dump_fail(
            time->dump, ERR_CORRUPT, corrupt,
            "Corrupt time index found, time index file (%s) has non-zero size but the last "
            "offset is %" PRId64 " which is less than the first offset %" PRId64,
            time->absolute, last.offset, time->base);
    }
    if (time->times.size % TIME_ENTRY_BYTES != 0) {
        return dump_fail(time->dump, ERR_CORRUPT, corrupt,
                         "Time index file %s is corrupt, found %" PRIu64
                         " bytes which is neither positive nor a multiple of %d",
                         time->absolute, time->times.size, TIME_ENTRY_BYTES);
    }
    printf("%s passed sanity check.\n", path);
    return ERR_OK;
}

int dump_time_index(struct dump *dump, const char *path, const char *absolute)
{
    struct time_dump time = {.dump = dump, .absolute = absolute, .previous_ms = NO_TIMESTAMP};
    char index_path[SIBLING_PATH_MAX];
    int err = dump_start_offset(dump, path, &time.base);
    if (err != 0) {
        return err;
    }
    sibling(absolute, ".log", time.log_path, sizeof time.log_path);
    sibling(absolute, ".index", index_path, sizeof index_path);
    err = dump_open(dump, time.log_path, &time.log);
    if (err == 0) {
        /* Without an offset index the log is searched from its start. */
        int missing = dump_open(dump, index_path, &time.index);
        err = missing == ERR_NOT_FOUND ? ERR_OK : missing;
        err = err != 0 ? err : dump_open(dump, path, &time.times);
        if (err == 0) {
            err = dump->checks_sanity_only ? check_times(&time, path) : compare_times(&time);
        }
        dump_close(&time.index);
        dump_close(&time.times);
    }
    dump_close(&time.log);
    return err;
}

/* ---- .txnindex --------------------------------------------------------------------------------
 */

int dump_txn_index(struct dump *dump, const char *path)
{
    int64_t base = 0;
    struct dump_file file = {0};
    int err = dump_start_offset(dump, path, &base);
    err = err != 0 ? err : dump_open(dump, path, &file);
    for (uint64_t at = 0; err == 0 && at + TXN_ENTRY_BYTES <= file.size; at += TXN_ENTRY_BYTES) {
        struct slice bytes;
        err = dump_bytes(dump, &file, at, TXN_ENTRY_BYTES, &bytes);
        if (err != 0) {
            break;
        }
        int version = (int16_t)load_be16(bytes.ptr);
        if (version > 0) {
            err = dump_fail(dump, ERR_UNSUPPORTED, "org.apache.kafka.common.KafkaException",
                            "Unexpected aborted transaction version %d in transaction index %s, "
                            "current version is 0",
                            version, path);
            break;
        }
        printf("version: %d producerId: %" PRId64 " firstOffset: %" PRId64 " lastOffset: %" PRId64
               " lastStableOffset: %" PRId64 "\n",
               version, (int64_t)load_be64(bytes.ptr + 2), (int64_t)load_be64(bytes.ptr + 10),
               (int64_t)load_be64(bytes.ptr + 18), (int64_t)load_be64(bytes.ptr + 26));
    }
    dump_close(&file);
    return err;
}

/* ---- .snapshot --------------------------------------------------------------------------------
 */

static void print_producer(const uint8_t *p)
{
    int32_t last_sequence = (int32_t)load_be32(p + 10);
    int64_t last_offset = (int64_t)load_be64(p + 14);
    int32_t offset_delta = (int32_t)load_be32(p + 22);
    int64_t timestamp_ms = (int64_t)load_be64(p + 26);
    int64_t txn_first_offset = (int64_t)load_be64(p + 38);
    printf("producerId: %" PRId64 " producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: ",
           (int64_t)load_be64(p), (int16_t)load_be16(p + 8), (int32_t)load_be32(p + 34));
    if (txn_first_offset >= 0) {
        printf("OptionalLong[%" PRId64 "]", txn_first_offset);
    } else {
        printf("OptionalLong.empty");
    }
    printf(" lastTimestamp: %" PRId64 " ", timestamp_ms);
    if (last_offset >= 0) {
        /* DefaultRecordBatch.decrementSequence: backwards from 0 comes 2^31-1. */
        int32_t first_sequence = (int32_t)(((uint32_t)last_sequence - (uint32_t)offset_delta) &
                                           INT32_MAX);
        printf("firstSequence: %d lastSequence: %d lastOffset: %" PRId64
               " offsetDelta: %d timestamp: %" PRId64,
               first_sequence, last_sequence, last_offset, offset_delta, timestamp_ms);
    }
    printf("\n");
}

/* What is wrong is said, and the next file is dumped: Apache's tool does so. */
int dump_producer_snapshot(struct dump *dump, const char *path)
{
    struct dump_file file;
    struct slice bytes = SLICE_NULL;
    int err = dump_open(dump, path, &file);
    err = err != 0 ? err : dump_bytes(dump, &file, 0, (size_t)file.size, &bytes);
    if (err != 0) {
        dump_close(&file);
        return err;
    }
    (void)fflush(stdout);
    int version = bytes.len < SNAPSHOT_HEADER_BYTES ? -1 : (int16_t)load_be16(bytes.ptr);
    uint32_t count = bytes.len < SNAPSHOT_HEADER_BYTES ? 0
                                                       : load_be32(bytes.ptr + SNAPSHOT_CRC_FROM);
    bool fits = version >= 0 && count <= (bytes.len - SNAPSHOT_HEADER_BYTES) / SNAPSHOT_ENTRY_BYTES;
    uint32_t crc = version < 0 ? 0 : load_be32(bytes.ptr + 2);
    uint32_t computed = version < 0
                            ? 0
                            : crc32c_update(0, slice_part(bytes, SNAPSHOT_CRC_FROM, bytes.len));
    if (!fits) {
        fprintf(stderr,
                "Snapshot failed schema validation: %zu bytes are not what %u producers take\n",
                bytes.len, count);
    } else if (version != SNAPSHOT_VERSION) {
        fprintf(stderr, "Snapshot contained an unknown file version %d\n", version);
    } else if (crc != computed) {
        fprintf(stderr,
                "Snapshot is corrupt (CRC is no longer valid). Stored crc: %" PRIu32
                ". Computed crc: %" PRIu32 "\n",
                crc, computed);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            print_producer(bytes.ptr + SNAPSHOT_HEADER_BYTES + (size_t)i * SNAPSHOT_ENTRY_BYTES);
        }
    }
    dump_close(&file);
    return ERR_OK;
}
