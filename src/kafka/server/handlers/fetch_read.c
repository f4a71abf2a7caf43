/* fetch_read.c - from partitions to ranges of files, or bytes.
 *
 * Partitions are read in their order until max_bytes are used up; the first one that has anything
 * gives at least a whole batch, whatever its size (KIP-74), so that a large batch never stops a
 * consumer. What is small is read at once and travels with the answer's other bytes; what is large
 * stays in its file until the socket takes it. Clients that know only magic 0 or 1 (fetch versions
 * below 4) get their batches converted, in memory, within the same limits.
 *
 * Sources: ReplicaManager.readFromLog, Partition.fetchRecords, KafkaApis.maybeConvertFetchedData of
 * 3.9; reference 5.3.
 */
#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/handlers/fetch.h"
#include "kafka/server/topics.h"
#include "wire/record_batch.h"

/* Below this a copy is cheaper than a system call of its own. */
#define INLINE_BYTES_MAX ((size_t)16 << 10)
#define VERSION_MIN_ONE 3
#define VERSION_MAGIC_1 2
#define VERSION_MAGIC_2 4
#define VERSION_ZSTD 10
#define VERSION_LEADER_IN_ANSWER 12
#define CONVERTED_BYTES_MAX ((size_t)64 << 20)

struct partition *fetch_item_partition(struct fetch_item *item, int16_t *error)
{
    struct request *request = item->fetch->request;
    if (item->name.len == 0) {
        *error = KAFKA_ERROR_UNKNOWN_TOPIC_ID;
        return NULL;
    }
    struct partition *partition = topics_leader(&request->broker->topics, item->name,
                                                item->partition, error);
    if (*error != 0) {
        return partition;
    }
    if (item->leader_epoch >= 0 && item->leader_epoch < partition->leader_epoch) {
        *error = KAFKA_ERROR_FENCED_LEADER_EPOCH;
    } else if (item->leader_epoch > partition->leader_epoch) {
        *error = KAFKA_ERROR_UNKNOWN_LEADER_EPOCH;
    } else if (item->fetch->replica_id >= 0) {
        /* followerReplicaOrThrow: nobody else is a replica yet. */
        *error = item->leader_epoch >= 0 ? KAFKA_ERROR_UNKNOWN_LEADER_EPOCH
                                         : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    return partition;
}

static void item_fail(struct fetch_item *item, int16_t error)
{
    struct request *request = item->fetch->request;
    /* "Old clients" know no storage error (KIP-112): v5 and below get NOT_LEADER. */
    if (error == KAFKA_ERROR_KAFKA_STORAGE_ERROR && request->api_version <= 5) {
        error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    item->error = error;
    /* What fails before a log is looked at has an empty list, what fails there none (Apache's two
     * ways to make an answer of an error). */
    item->aborted_count = fetch_item_is_unknown(item) ? 0 : -1;
    item->high_watermark = -1;
    item->last_stable_offset = -1;
    item->log_start_offset = -1;
    if (request->api_version >= VERSION_LEADER_IN_ANSWER &&
        (error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER || error == KAFKA_ERROR_FENCED_LEADER_EPOCH)) {
        leader_hints_add(&item->fetch->hints, request, item->name, item->partition,
                         &item->current_leader);
    }
}

static void item_clear(struct fetch_item *item)
{
    item->error = 0;
    item->is_diverging = false;
    item->bytes = SLICE_NULL;
    item->range.len = 0;
    item->aborted = NULL;
    item->aborted_count = item->fetch->read_committed ? 0 : -1;
    item->current_leader.leader_id = -1;
    item->current_leader.leader_epoch = -1;
}

/* KIP-595: the client's last epoch ended earlier here than it believes. An epoch of which nothing
 * is known any more is an offset that is out of range. */
static int16_t find_divergence(struct fetch_item *item, const struct partition *partition)
{
    int32_t epoch = -1;
    int64_t end_offset = -1;
    if (item->last_fetched_epoch < 0) {
        return 0;
    }
    partition_log_end_of_epoch(partition->log, item->last_fetched_epoch, &epoch, &end_offset);
    if (epoch == -1 || end_offset == -1) {
        return KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    }
    if (epoch < item->last_fetched_epoch || end_offset < item->offset) {
        item->diverging_epoch = epoch;
        item->diverging_end = end_offset;
        item->is_diverging = true;
    }
    return 0;
}

static int8_t magic_of_version(int16_t version)
{
    return version < VERSION_MAGIC_1 ? 0 : version < VERSION_MAGIC_2 ? 1 : 2;
}

/* Reads the range into the arena. */
static int read_bytes(struct fetch_item *item)
{
    struct arena *arena = &item->fetch->request->arena;
    size_t len = item->range.len;
    if (len > arena_room(arena)) {
        return ERR_LIMIT;
    }
    uint8_t *bytes = arena_alloc(arena, len);
    int error = log_range_read(&item->range, 0, bytes, len);
    log_range_drop(&item->range);
    item->range.len = 0;
    item->bytes = slice_of(bytes, error == 0 ? len : 0);
    return error;
}

/* For clients of magic 0 and 1: the batches in their form, where they are not in it already. */
static int16_t convert(struct fetch_item *item, const struct topic *topic)
{
    struct fetch *fetch = item->fetch;
    struct arena *arena = &fetch->request->arena;
    int8_t magic = magic_of_version(fetch->request->api_version);
    if (!topic->config.message_downconversion_enable) {
        return KAFKA_ERROR_UNSUPPORTED_VERSION;
    }
    buffer_clear(&fetch->converted, (size_t)1 << 20);
    int error = records_convert(item->bytes, magic, item->offset, CONVERTED_BYTES_MAX,
                                &fetch->converted);
    if (error == ERR_UNSUPPORTED) {
        return KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    if (error != 0 || fetch->converted.len > arena_room(arena)) {
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    item->bytes = arena_copy(arena, buffer_slice(&fetch->converted));
    return 0;
}

/* The range becomes bytes where that is due. */
static void item_settle(struct fetch_item *item, struct partition *partition)
{
    int16_t version = item->fetch->request->api_version;
    bool converts = magic_of_version(version) < 2;
    if (item->range.len == 0 || (!converts && item->range.len > INLINE_BYTES_MAX)) {
        return;
    }
    int16_t error = 0;
    int failure = read_bytes(item);
    if (failure != 0) {
        error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        if (failure == ERR_IO) {
            log_store_fail_dir(partition->dir, failure, "read of a log");
        }
    } else if (converts) {
        error = convert(item, partition->topic);
    }
    if (error != 0) {
        item->bytes = SLICE_NULL;
        item_fail(item, error);
    }
}

static void find_aborted(struct fetch_item *item,
                         const struct partition *partition,
                         int64_t upper_offset)
{
    if (!item->fetch->read_committed || fetch_item_bytes(item) == 0) {
        return;
    }
    int error = partition_log_aborted(partition->log, item->offset, upper_offset,
                                      &item->fetch->request->arena, &item->aborted,
                                      &item->aborted_count);
    if (error != 0) {
        log_range_drop(&item->range);
        item->range.len = 0;
        item_fail(item, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    }
}

static void item_read(struct fetch_item *item, size_t max_bytes, bool min_one)
{
    int16_t error = 0;
    struct partition *partition = fetch_item_partition(item, &error);
    struct log_read read;
    item_clear(item);
    if (error == 0 && item->fetch->request->api_version < VERSION_ZSTD &&
        partition->topic->config.compression_type == COMPRESSION_ZSTD) {
        error = KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    if (error != 0) {
        item_fail(item, error);
        return;
    }
    item->high_watermark = partition->high_watermark;
    item->last_stable_offset = partition_read_limit(partition, true);
    item->log_start_offset = partition_log_start_offset(partition->log);
    error = find_divergence(item, partition);
    if (error != 0) {
        item_fail(item, error);
        return;
    }
    if (item->is_diverging) {
        return;
    }
    int64_t limit = item->fetch->read_committed ? item->last_stable_offset : item->high_watermark;
    partition_log_read(partition->log, item->offset, max_bytes, min_one, limit, &read);
    if (read.error != 0) {
        item_fail(item, read.error);
        return;
    }
    item->range = read.range;
    /* Where the first batch does not fit, a new client gets nothing, an old one the cut batch. */
    if (read.first_batch_incomplete && !min_one &&
        item->fetch->request->api_version >= VERSION_MIN_ONE) {
        log_range_drop(&item->range);
        item->range.len = 0;
    }
    find_aborted(item, partition, limit);
    if (item->error == 0) {
        item_settle(item, partition);
    }
}

uint64_t fetch_read(struct fetch *fetch, bool *must_answer)
{
    uint64_t total = 0;
    uint64_t left = (uint64_t)MAX(fetch->max_bytes, 0);
    bool min_one = fetch->request->api_version >= VERSION_MIN_ONE;
    *must_answer = false;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct fetch_item *item = &fetch->items[i];
        uint64_t item_max = (uint64_t)MAX(item->max_bytes, 0);
        item_read(item, (size_t)MIN(left, item_max), min_one && total == 0);
        size_t got = fetch_item_bytes(item);
        total += got;
        left -= MIN(left, got);
        *must_answer |= item->error != 0 || item->is_diverging;
    }
    return total;
}

uint64_t fetch_item_available(struct fetch_item *item, bool *must_answer)
{
    int16_t error = 0;
    const struct partition *partition = fetch_item_partition(item, &error);
    if (error != 0) {
        *must_answer = true;
        return 0;
    }
    int64_t limit = partition_read_limit(partition, item->fetch->read_committed);
    if (item->offset < partition_log_start_offset(partition->log)) {
        *must_answer = true; /* retention or DeleteRecords has passed it */
        return 0;
    }
    if (item->offset >= limit) {
        return 0;
    }
    uint64_t bytes = partition_log_bytes_between(partition->log, item->offset, limit);
    return MIN(bytes, (uint64_t)MAX(item->max_bytes, 0));
}

void fetch_drop(struct fetch *fetch)
{
    for (int32_t i = 0; i < fetch->item_count; i++) {
        if (fetch->items[i].range.len > 0) {
            log_range_drop(&fetch->items[i].range);
            fetch->items[i].range.len = 0;
        }
        fetch->items[i].bytes = SLICE_NULL;
    }
}
