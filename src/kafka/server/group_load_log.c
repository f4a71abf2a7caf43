/* group_load_log.c - replays a partition of __consumer_offsets into its coordinator.
 *
 * A slice of the log is read on a worker, replayed on the loop, and the next one asked for, up to
 * the end that the log had when the leadership began. Then the high watermark is waited for: what a
 * crash of the process left in the page cache is on disk before anybody is told of it.
 *
 * A batch that cannot be read is said and left out, as are records whose version nobody knows: the
 * groups of the others must live (Apache gives up on the whole partition and serves what it has).
 */
#include <inttypes.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/broker.h"
#include "kafka/server/group_host_private.h"
#include "runtime/log.h"

#define SLICE_BYTES ((size_t)256 << 10)
#define UNPACKED_BYTES_MAX ((size_t)256 << 20)
#define NS_PER_MS UINT64_C(1000000)
#define CONTROL_KEY_BYTES 4
#define CONTROL_ABORT 0
#define CONTROL_COMMIT 1

static void load_next(struct group_shard *shard);

/* ---- replay ---------------------------------------------------------------------------------- */

static void say_bad(struct group_shard *shard, int64_t offset, int err)
{
    shard->records_bad += 1;
    LOG("groups", LOG_WARN, "%s-%d: the record at offset %" PRId64 " cannot be read: %s",
        GROUP_OFFSETS_TOPIC, shard->index, offset, error_text(err));
}

/* key: version int16, type int16 */
static void replay_control(struct group_shard *shard,
                           const struct batch_view *batch,
                           const struct record *record)
{
    if (record->key.len < CONTROL_KEY_BYTES) {
        say_bad(shard, record->offset, ERR_CORRUPT);
        return;
    }
    int16_t type = (int16_t)load_be16(record->key.ptr + 2);
    if (type == CONTROL_ABORT || type == CONTROL_COMMIT) {
        group_coordinator_replay_marker(&shard->coordinator, batch->producer_id,
                                        type == CONTROL_COMMIT);
    }
}

static void replay_record(struct group_shard *shard,
                          const struct batch_view *batch,
                          const struct record *record)
{
    const struct group_replay replay = {
        .record = {.key = record->key, .value = record->value},
        .offset = record->offset,
        .producer_id = batch_is_transactional(batch) ? batch->producer_id : -1,
        .wall_ms = runtime_wall_ms(shard->host->broker->runtime),
    };
    int err = group_coordinator_replay(&shard->coordinator, &replay);
    if (err != ERR_OK) {
        say_bad(shard, record->offset, err);
    }
}

static void replay_batch(struct group_shard *shard, const struct batch_view *batch)
{
    struct record_iterator iterator;
    struct record record;
    int err = record_iterator_init(&iterator, batch, UNPACKED_BYTES_MAX, &shard->unpacked);
    while (err == ERR_OK) {
        err = record_iterator_next(&iterator, &record);
        if (err != ERR_OK) {
            break;
        }
        shard->records_read += 1;
        if (batch_is_control(batch)) {
            replay_control(shard, batch, &record);
        } else if (record.offset >= shard->next_offset) {
            replay_record(shard, batch, &record);
        }
    }
    if (err != ERR_END) {
        say_bad(shard, batch->base_offset, err);
    }
}

/* False: nothing could be taken of it. */
static bool replay_slice(struct group_shard *shard)
{
    struct slice in = slice_of(shard->bytes, shard->range.len);
    bool any = false;
    while (in.len > 0) {
        struct batch_view batch;
        int err = batch_view(in, &batch, NULL);
        if (err == ERR_TRUNCATED && any) {
            break; /* the slice's last batch is cut: it begins the next one */
        }
        if (err != ERR_OK) {
            say_bad(shard, shard->next_offset, err);
            return false;
        }
        if (batch.last_offset >= shard->next_offset) {
            replay_batch(shard, &batch);
            shard->next_offset = batch.last_offset + 1;
        }
        any = true;
        in = slice_part(in, batch.bytes.len, in.len);
    }
    return any;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void serve(struct group_shard *shard)
{
    uint64_t took_ns = runtime_now_ns(shard->host->broker->runtime) - shard->load_began_ns;
    shard_load_release(shard);
    shard->host->load_ns_max = MAX(shard->host->load_ns_max, took_ns);
    struct group_event event = {.kind = GROUP_EVENT_LOADED};
    group_shard_step(shard, &event);
    LOG("groups", shard->records_read > 0 ? LOG_INFO : LOG_DEBUG,
        "%s-%d: loaded %zu groups, %" PRIu64 " offsets of %" PRIu64 " records (%" PRIu64
        " bad) in %" PRIu64 " ms",
        GROUP_OFFSETS_TOPIC, shard->index, shard->coordinator.by_id.count,
        shard->coordinator.offset_count, shard->records_read, shard->records_bad,
        took_ns / NS_PER_MS);
}

void shard_load_go_on(struct group_shard *shard)
{
    if (shard->is_read && shard->coordinator.stage == GROUP_LOADING &&
        shard->partition->high_watermark >= shard->load_end) {
        serve(shard);
    }
}

void shard_load_release(struct group_shard *shard)
{
    mem_free(shard->bytes, shard->bytes_cap);
    shard->bytes = NULL;
    shard->bytes_cap = 0;
    buffer_release(&shard->unpacked);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void read_work(struct runtime_job *job)
{
    struct group_shard *shard = CONTAINER_OF(job, struct group_shard, job);
    shard->read_error = shard->range.file == NULL
                            ? ERR_IO
                            : log_range_read(&shard->range, 0, shard->bytes, shard->range.len);
}

static void read_done(struct runtime_job *job)
{
    struct group_shard *shard = CONTAINER_OF(job, struct group_shard, job);
    shard->is_reading = false;
    log_range_drop(&shard->range);
    if (shard->is_dropped) {
        shard_free_if_unused(shard);
        return;
    }
    if (shard->read_error != 0) {
        LOG("groups", LOG_ERROR, "%s-%d: cannot be read, its groups are not served: %s",
            GROUP_OFFSETS_TOPIC, shard->index, error_text(shard->read_error));
        if (shard->partition->dir != NULL) {
            log_store_fail_dir(shard->partition->dir, shard->read_error, "reading group offsets");
        }
        return;
    }
    if (!replay_slice(shard)) {
        shard->next_offset = shard->load_end; /* nothing behind it can be found */
    }
    load_next(shard);
}

static void load_next(struct group_shard *shard)
{
    struct log_read read = {0};
    if (shard->next_offset < shard->load_end) {
        partition_log_read(shard->partition->log, shard->next_offset, SLICE_BYTES, true,
                           shard->load_end, &read);
    }
    /* A disk that does not read is not an empty log: groups would come up without their offsets.
     * The job below ends in ERR_IO, and the directory goes out of service when that is done. */
    bool is_unreadable = read.error == KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    if (!is_unreadable && (read.error != 0 || read.range.len == 0)) {
        if (shard->next_offset < shard->load_end) {
            LOG("groups", LOG_ERROR, "%s-%d: cannot be read from offset %" PRId64 " on",
                GROUP_OFFSETS_TOPIC, shard->index, shard->next_offset);
        }
        log_range_drop(&read.range);
        shard->is_read = true;
        shard_load_go_on(shard);
        return;
    }
    if (read.range.len > shard->bytes_cap) {
        shard->bytes = mem_realloc(shard->bytes, shard->bytes_cap, read.range.len);
        shard->bytes_cap = read.range.len;
    }
    shard->range = read.range;
    shard->is_reading = true;
    shard->job = (struct runtime_job){.work = read_work, .done = read_done};
    runtime_submit(shard->host->broker->runtime, LANE_ANY, &shard->job);
}

void shard_load_begin(struct group_shard *shard)
{
    shard->load_began_ns = runtime_now_ns(shard->host->broker->runtime);
    shard->next_offset = partition_log_start_offset(shard->partition->log);
    shard->load_end = partition_log_end_offset(shard->partition->log);
    buffer_init(&shard->unpacked, UNPACKED_BYTES_MAX);
    load_next(shard);
}
