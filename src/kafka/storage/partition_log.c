/* partition_log.c - life of a log: figures, rolling, flushing, closing.
 *
 * THE PATH OF A RECORD. partition_log_append checks and stamps the batch (log_append.c) and writes
 * it behind the active segment's end: from there on it can be read. partition_log_flush_* makes it
 * durable and moves flushed_offset, which is Apache's recovery point: what lies below it is never
 * looked at again by a start. So everything that a start would otherwise make anew has to be synced
 * before flushed_offset passes it: sealed segments' indexes and the producers' snapshots.
 *
 * WHAT IS WRITTEN WHEN. Making a log makes its folder; the first append makes the files. An append
 * is one write, or several of a turn are (may_wait). Index entries stay in memory until the segment
 * is sealed or put to rest. Rolling (a full segment) writes indexes, the producers' snapshot and
 * three new files, without a sync: the next flush syncs them.
 *
 * WHAT GOES WRONG. Each failing write, sync or rename ends in log_fail: the log answers ERR_IO from
 * then on, nobody trusts its pages any more, and the next start repairs the folder (recovery.c).
 */
#include "kafka/storage/log_internal.h"

#include "base/memory.h"
#include "kafka/storage/partition_metadata.h"

/* ---- parts ----------------------------------------------------------------------------------- */

size_t log_segment_at(const struct partition_log *log, int64_t offset)
{
    size_t low = 0;
    size_t high = log->segment_count - 1;
    while (low < high) {
        size_t middle = high - (high - low) / 2;
        if (log->segments[middle]->base_offset <= offset) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

int log_fail(struct partition_log *log, int error)
{
    ASSERT(error != 0);
    log->has_failed = true;
    return error;
}

void log_add_segment(struct partition_log *log, struct segment *segment)
{
    ASSERT(log->segment_count == 0 || segment->base_offset > log_active(log)->base_offset);
    if (log->segment_count == log->segment_cap) {
        size_t cap = log->segment_cap == 0 ? 1 : log->segment_cap * 2;
        log->segments = mem_realloc(log->segments, log->segment_cap * sizeof(struct segment *),
                                    cap * sizeof(struct segment *));
        log->segment_cap = cap;
    }
    log->segments[log->segment_count++] = segment;
    log->size += segment->size;
}

void log_drop_segments(struct partition_log *log, size_t from, size_t to)
{
    ASSERT(from <= to && to <= log->segment_count);
    for (size_t n = from; n < to; n++) {
        log->size -= log->segments[n]->size;
    }
    memmove(log->segments + from, log->segments + to,
            (log->segment_count - to) * sizeof(struct segment *));
    log->segment_count -= to - from;
}

int log_confirm_end(struct partition_log *log)
{
    if (LIKELY(!log->is_end_trusted)) {
        return 0;
    }
    int64_t end;
    int error = segment_next_offset(log_active(log), &end);
    if (error != 0) {
        return error;
    }
    if (end < log->end_offset) {
        return ERR_CORRUPT;
    }
    log->end_offset = end;
    log->is_end_trusted = false;
    return 0;
}

int log_save_epochs(struct partition_log *log)
{
    if (log->is_bare) {
        return 0;
    }
    log->are_epochs_unsynced = true;
    log->is_folder_unsynced = true;
    return leader_epochs_save(&log->epochs, log->place.runtime, log->dir, false);
}

/* ---- figures --------------------------------------------------------------------------------- */

int64_t partition_log_start_offset(const struct partition_log *log)
{
    return log->log_start_offset;
}

int64_t partition_log_end_offset(const struct partition_log *log)
{
    return log->end_offset;
}

int64_t partition_log_flushed_offset(const struct partition_log *log)
{
    return log->flushed_offset;
}

uint64_t partition_log_size(const struct partition_log *log)
{
    return log->size;
}

size_t partition_log_segment_count(const struct partition_log *log)
{
    return log->segment_count;
}

int32_t partition_log_latest_epoch(const struct partition_log *log)
{
    return leader_epochs_latest(&log->epochs);
}

const char *partition_log_dir(const struct partition_log *log)
{
    return log->dir;
}

int64_t partition_log_last_stable_offset(const struct partition_log *log, int64_t high_watermark)
{
    /* What is passed may be forgotten: the figure is the same afterwards. */
    struct producer_states *producers = (struct producer_states *)(uintptr_t)&log->producers;
    if (LIKELY(producers->txn_count == 0)) {
        return high_watermark;
    }
    int64_t stable = producer_stable_offset(producers, high_watermark);
    return MIN(MAX(stable, log->log_start_offset), high_watermark);
}

void partition_log_configure(struct partition_log *log, const struct topic_config *config)
{
    log->config = config;
}

/* ---- rolling --------------------------------------------------------------------------------- */

/* A segment of that very base exists and is empty: nothing was appended since it was made. */
static bool is_fresh(const struct partition_log *log, int64_t base_offset)
{
    return log_active(log)->base_offset == base_offset && log_active(log)->size == 0;
}

static int64_t choose_jitter(struct partition_log *log)
{
    if (log->config->segment_jitter_ms <= 0) {
        return 0;
    }
    uint64_t random;
    runtime_random(log->place.runtime, &random, sizeof random);
    int64_t most = MIN(log->config->segment_jitter_ms, log->config->segment_ms);
    return most <= 0 ? 0 : (int64_t)(random % (uint64_t)most);
}

int log_roll_at(struct partition_log *log, int64_t base_offset, int64_t wall_ms)
{
    ASSERT(base_offset >= log->end_offset);
    if (is_fresh(log, base_offset)) {
        return 0;
    }
    struct segment *segment;
    int error = log_make_files(log);
    if (error == 0) {
        error = segment_seal(log_active(log));
    }
    if (error == 0) {
        error = segment_create(&log->place, base_offset, SUFFIX_NONE, wall_ms, &segment);
    }
    if (error != 0) {
        return error;
    }
    log_add_segment(log, segment);
    log->is_folder_unsynced = true;
    log->jitter_ms = choose_jitter(log);
    return log_write_snapshot(log, base_offset, false);
}

int partition_log_roll(struct partition_log *log, int64_t wall_ms)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    int error = log_confirm_end(log);
    if (error == 0) {
        error = log_roll_at(log, log->end_offset, wall_ms);
    }
    return error == 0 ? 0 : log_fail(log, error);
}

/* ---- topic id -------------------------------------------------------------------------------- */

bool partition_log_topic_id(const struct partition_log *log, struct codec_uuid *id)
{
    if (log->has_topic_id) {
        *id = log->topic_id;
    }
    return log->has_topic_id;
}

static int save_topic_id(struct partition_log *log, const struct codec_uuid *id)
{
    struct buffer text;
    buffer_init(&text, LOG_TEXT_MAX);
    partition_metadata_print(id, &text);
    int error = log_file_replace(log->place.runtime, log->dir, PARTITION_METADATA_FILE,
                                 buffer_slice(&text), false);
    buffer_release(&text);
    log->is_folder_unsynced = true;
    return error;
}

int partition_log_set_topic_id(struct partition_log *log, const struct codec_uuid *id)
{
    if (log->has_failed) {
        return ERR_IO;
    }
    int error = log->is_bare ? 0 : save_topic_id(log, id);
    if (error != 0) {
        return log_fail(log, error);
    }
    log->topic_id = *id;
    log->has_topic_id = true;
    return 0;
}

/* ---- the first files ------------------------------------------------------------------------- */

int log_make_files(struct partition_log *log)
{
    if (LIKELY(!log->is_bare)) {
        return 0;
    }
    log->is_bare = false;
    log->is_folder_unsynced = true;
    int error = segment_make_files(log_active(log));
    if (error == 0 && log->has_topic_id) {
        error = save_topic_id(log, &log->topic_id);
    }
    if (error == 0 && leader_epochs_latest(&log->epochs) >= 0) {
        error = log_save_epochs(log);
    }
    return error;
}

/* ---- end ------------------------------------------------------------------------------------- */

void partition_log_release(struct partition_log *log)
{
    for (size_t n = 0; n < log->segment_count; n++) {
        segment_free(log->segments[n]);
    }
    mem_free(log->segments, log->segment_cap * sizeof(struct segment *));
    mem_free(log->snapshots, log->snapshot_cap * sizeof *log->snapshots);
    mem_free(log->deleted, log->deleted_cap * sizeof *log->deleted);
    leader_epochs_release(&log->epochs);
    producer_states_release(&log->producers);
    segment_pool_drop(log->place.pool);
    mem_free(log->dir, log->dir_size);
    mem_free(log->name, log->name_size);
    if (log->text != NULL) {
        mem_free(log->text, LOG_TEXT_MAX);
    }
    mem_free(log, sizeof *log);
}

/* Sealed segments that were touched rest; the active one is settled for whoever opens it next. */
static int settle_all(struct partition_log *log)
{
    int error = segment_settle(log_active(log));
    for (size_t n = 0; n < log->segment_count; n++) {
        segment_rest(log->segments[n]);
    }
    return error;
}

int partition_log_close(struct partition_log *log, bool write_snapshot)
{
    int error = log->has_failed ? ERR_IO : 0;
    bool has_files = !log->is_bare;
    if (error == 0 && has_files) {
        error = settle_all(log);
    }
    if (error == 0 && has_files && write_snapshot) {
        error = log_sync_indexes(log);
    }
    if (error == 0 && has_files && write_snapshot) {
        error = log_write_snapshot(log, log->end_offset, true);
    }
    partition_log_release(log);
    return error;
}

void partition_log_use_pool(struct partition_log *log, struct segment_pool *pool)
{
    struct segment_pool *to = pool == NULL ? segment_pool_new(LOG_OWN_FILES_MAX)
                                           : segment_pool_keep(pool);
    for (size_t n = 0; n < log->segment_count; n++) {
        segment_rest(log->segments[n]);
    }
    segment_pool_drop(log->place.pool);
    log->place.pool = to;
}
