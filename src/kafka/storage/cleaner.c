/* cleaner.c - log compaction: which log, when, and the loop's part of a pass. See cleaner.h.
 *
 * MODEL. A compacted log is cut in three by two offsets:
 *
 *      start      first_dirty          first_uncleanable        end
 *        | cleaned  |  to be cleaned     |  not yet             |
 *
 * first_dirty is where the last pass ended (cleaner-offset-checkpoint). first_uncleanable is the
 * base of the first segment that must not be touched: the active one, the one that holds the last
 * stable offset or the high watermark, and what is younger than min.compaction.lag.ms. A log is due
 * when the middle part's share of the first two is above min.cleanable.dirty.ratio, or its oldest
 * batch is older than max.compaction.lag.ms. The one with the largest share goes first.
 *
 * HAPPY PATH. One pass at a time (clean_pass.h), in slices of SLICE_BYTES on LANE_CLEAN, with
 * pauses between them where log.cleaner.io.max.bytes.per.second asks for it. When a group of
 * segments has become one file, the loop swaps it in (log_replace.c); when all have, the new
 * first_dirty is noted and the checkpoint written. While a log is cleaned, retention leaves it
 * alone.
 *
 * WHAT GOES WRONG. A power cut leaves either .cleaned files, which the next start removes, or a
 * .swap file, which is complete, and which the next start puts in place: so no moment is without
 * the last value of a key. A batch that cannot be read makes the log uncleanable until the next
 * start (it grows, and the metric uncleanable-partitions-count tells). A full disk ends the pass,
 * which is tried again later. Any other error of the disk takes the directory offline.
 *
 * The cleaner starts no pass while its directory is low on space: a pass needs some before it gives
 * some back.
 */
#include "kafka/storage/cleaner.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/clean_pass.h"
#include "kafka/storage/log_store_private.h"

#define SLICE_BYTES ((uint64_t)4 << 20)
#define NS_PER_SECOND UINT64_C(1000000000)

struct log_cleaner {
    struct log_store *store;
    struct runtime_timer timer; /* the pause between slices */
    struct clean_pass *pass;    /* NULL: none */
    struct stored_log *log;     /* of the pass; NULL: it went away */
    bool is_cancelled;
    bool is_working; /* a slice is on its way */
    uint64_t began_ns;
    uint64_t slice_began_ns;
    uint64_t slice_bytes_before;
};

struct slice_job {
    struct store_job base;
    struct clean_pass *pass;
    struct errmsg message;
    int error;
};

/* ---- choosing -------------------------------------------------------------------------------- */

/* LogCleanerManager.cleanableOffsets: a checkpoint that does not fit the log is that of another. */
static int64_t first_dirty(const struct stored_log *stored)
{
    int64_t start = partition_log_start_offset(stored->log);
    int64_t end = partition_log_end_offset(stored->log);
    return stored->cleaned_offset < start || stored->cleaned_offset > end ? start
                                                                          : stored->cleaned_offset;
}

struct assessing {
    struct stored_log *stored;
    struct segment **segments;
    size_t count;
    int64_t wall_ms;
};

/* The index of the first segment that must stay as it is. */
static int first_uncleanable(const struct assessing *assessing, int64_t dirty, size_t *found)
{
    const struct stored_log *stored = assessing->stored;
    const struct topic_config *config = stored->config;
    int64_t limit = partition_log_last_stable_offset(stored->log,
                                                     stored_log_high_watermark(stored));
    size_t idx = 0;
    /* A segment that holds the limit ends behind it: its successor begins there. */
    while (idx + 1 < assessing->count && assessing->segments[idx + 1]->base_offset <= limit) {
        struct segment *segment = assessing->segments[idx];
        bool is_dirty = assessing->segments[idx + 1]->base_offset > dirty;
        if (is_dirty && config->min_compaction_lag_ms > 0) {
            int64_t largest_ms;
            int error = segment_largest_timestamp(segment, &largest_ms);
            if (error != 0) {
                return error;
            }
            if (largest_ms > assessing->wall_ms - config->min_compaction_lag_ms) {
                break;
            }
        }
        idx += 1;
    }
    *found = idx;
    return 0;
}

/* LogCleanerManager.maxCompactionDelay */
static int is_overdue(const struct assessing *assessing, int64_t dirty, bool *is_due)
{
    int64_t lag_ms = MAX(assessing->stored->config->max_compaction_lag_ms, INT64_C(0));
    *is_due = false;
    if (lag_ms >= assessing->wall_ms) {
        return 0; /* never */
    }
    for (size_t i = 0; i + 1 < assessing->count && !*is_due; i++) {
        struct segment *segment = assessing->segments[i];
        if (assessing->segments[i + 1]->base_offset <= dirty) {
            continue;
        }
        int error = segment_know_times(segment);
        if (error != 0) {
            return error;
        }
        *is_due = segment->first_timestamp_ms > 0 &&
                  segment->first_timestamp_ms < assessing->wall_ms - lag_ms;
    }
    return 0;
}

static int assess(const struct assessing *assessing, struct cleanable *cleanable)
{
    size_t uncleanable;
    int64_t dirty = first_dirty(assessing->stored);
    int error = first_uncleanable(assessing, dirty, &uncleanable);
    if (error == 0) {
        error = is_overdue(assessing, dirty, &cleanable->is_due);
    }
    if (error != 0) {
        return error;
    }
    cleanable->first_dirty_offset = dirty;
    cleanable->first_uncleanable_offset = assessing->segments[uncleanable]->base_offset;
    for (size_t i = 0; i < uncleanable; i++) {
        uint64_t size = assessing->segments[i]->size;
        if (assessing->segments[i + 1]->base_offset <= dirty) {
            cleanable->clean_bytes += size;
        } else {
            cleanable->cleanable_bytes += size;
        }
    }
    uint64_t total = cleanable->clean_bytes + cleanable->cleanable_bytes;
    cleanable->ratio = total == 0 ? 0 : (double)cleanable->cleanable_bytes / (double)total;
    return 0;
}

bool cleaner_assess(struct stored_log *stored,
                    int64_t wall_ms,
                    struct cleanable *cleanable,
                    int *error)
{
    struct assessing assessing = {.stored = stored, .wall_ms = wall_ms};
    size_t cap = partition_log_segment_count(stored->log);
    *cleanable = (struct cleanable){0};
    assessing.segments = mem_alloc(cap * sizeof(struct segment *));
    assessing.count = partition_log_segments(stored->log, assessing.segments, cap);
    *error = assess(&assessing, cleanable);
    mem_free(assessing.segments, cap * sizeof(struct segment *));
    return *error == 0 && cleanable->cleanable_bytes > 0 &&
           cleanable->first_uncleanable_offset > cleanable->first_dirty_offset;
}

static void give_up(struct stored_log *stored, const char *why)
{
    stored->is_uncleanable = true;
    stored->dir->store->stats.cleaner_uncleanable += 1;
    LOG("cleaner", LOG_ERROR,
        "%s cannot be compacted, and grows until the broker is restarted: %s. Look at the segment "
        "with kafka-dump-log.sh.",
        stored->name, why);
}

static bool may_be_cleaned(const struct stored_log *stored)
{
    return (stored->config->cleanup_policy & CLEANUP_COMPACT) != 0 && !stored->is_uncleanable &&
           stored->log != NULL && stored->owner != NULL &&
           partition_log_segment_count(stored->log) > 1;
}

/* LogCleanerManager.grabFilthiestCompactedLog */
static struct stored_log *choose(struct log_store *store, struct cleanable *chosen)
{
    struct stored_log *filthiest = NULL;
    int64_t wall_ms = runtime_wall_ms(store->runtime);
    store->stats.cleaner_max_dirty_ratio = 0;
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (!dir->is_online || dir->is_low) {
            continue;
        }
        LIST_FOR_EACH(link, &dir->logs)
        {
            struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
            struct cleanable cleanable;
            int error = 0;
            if (!may_be_cleaned(stored)) {
                continue;
            }
            if (!cleaner_assess(stored, wall_ms, &cleanable, &error)) {
                if (error != 0) {
                    give_up(stored, "its timestamps cannot be read");
                }
                continue;
            }
            store->stats.cleaner_max_dirty_ratio = MAX(store->stats.cleaner_max_dirty_ratio,
                                                       cleanable.ratio);
            if ((cleanable.is_due || cleanable.ratio > stored->config->min_cleanable_dirty_ratio) &&
                (filthiest == NULL || cleanable.ratio > chosen->ratio)) {
                filthiest = stored;
                *chosen = cleanable;
            }
        }
    }
    return filthiest;
}

/* ---- a pass ---------------------------------------------------------------------------------- */

struct gathering {
    struct clean_producer *list;
    size_t count;
    size_t cap;
};

static void gather_producer(void *ctx, const struct log_producer *producer)
{
    struct gathering *gathering = ctx;
    if (gathering->count == gathering->cap) {
        size_t cap = MAX(gathering->cap * 2, (size_t)16);
        gathering->list = mem_realloc(gathering->list, gathering->cap * sizeof *gathering->list,
                                      cap * sizeof *gathering->list);
        gathering->cap = cap;
    }
    gathering->list[gathering->count++] = (struct clean_producer){
        .producer_id = producer->producer_id,
        .last_offset = producer->last_offset,
        .producer_epoch = producer->producer_epoch,
    };
}

static struct clean_source *gather_sources(const struct stored_log *stored, size_t *count)
{
    size_t cap = partition_log_segment_count(stored->log);
    struct segment **segments = mem_alloc(cap * sizeof(struct segment *));
    struct clean_source *sources = mem_alloc(cap * sizeof *sources);
    *count = partition_log_segments(stored->log, segments, cap);
    ASSERT(*count == cap);
    for (size_t i = 0; i < cap; i++) {
        sources[i] = (struct clean_source){
            .base_offset = segments[i]->base_offset,
            .next_offset = i + 1 < cap ? segments[i + 1]->base_offset
                                       : partition_log_end_offset(stored->log),
            .size = segments[i]->size,
        };
    }
    mem_free(segments, cap * sizeof(struct segment *));
    return sources;
}

static void begin_pass(struct log_cleaner *cleaner,
                       struct stored_log *stored,
                       const struct cleanable *cleanable)
{
    struct log_store *store = cleaner->store;
    struct gathering gathering = {0};
    size_t count;
    struct clean_source *sources = gather_sources(stored, &count);
    partition_log_producers(stored->log, gather_producer, &gathering);
    struct clean_pass_options options = {
        .dir = partition_log_dir(stored->log),
        .sources = sources,
        .source_count = count,
        .config = stored->config,
        .first_dirty_offset = cleanable->first_dirty_offset,
        .first_uncleanable_offset = cleanable->first_uncleanable_offset,
        .producers = gathering.list,
        .producer_count = gathering.count,
        .wall_ms = runtime_wall_ms(store->runtime),
        .map_bytes_max = (size_t)MAX(store->tuning.cleaner_dedupe_buffer_bytes, INT64_C(1)),
        .map_load = store->tuning.cleaner_dedupe_load_factor,
        .io_bytes = (size_t)MAX(store->tuning.cleaner_io_buffer_bytes, 1),
    };
    cleaner->pass = clean_pass_create(store->runtime, &options);
    cleaner->log = stored;
    cleaner->began_ns = runtime_now_ns(store->runtime);
    stored->is_being_cleaned = true;
    LOG("cleaner", LOG_INFO,
        "Beginning cleaning of log %s: dirty from offset %" PRId64 " to %" PRId64
        ", %.0f%% of %" PRIu64 " bytes",
        stored->name, cleanable->first_dirty_offset, cleanable->first_uncleanable_offset,
        100 * cleanable->ratio, cleanable->clean_bytes + cleanable->cleanable_bytes);
    mem_free(sources, count * sizeof *sources);
    mem_free(gathering.list, gathering.cap * sizeof *gathering.list);
}

static void end_pass(struct log_cleaner *cleaner)
{
    if (cleaner->log != NULL) {
        cleaner->log->is_being_cleaned = false;
        cleaner->log = NULL;
    }
    clean_pass_destroy(cleaner->pass);
    cleaner->pass = NULL;
}

/* Given up. On a disk that failed nothing is touched any more. */
static void discard_pass(struct log_cleaner *cleaner)
{
    if (cleaner->log == NULL || cleaner->log->dir->is_online) {
        clean_pass_discard(cleaner->pass);
    }
    end_pass(cleaner);
}

static void complete_pass(struct log_cleaner *cleaner)
{
    struct log_store *store = cleaner->store;
    struct stored_log *stored = cleaner->log;
    struct clean_figures figures = clean_pass_figures(cleaner->pass);
    uint64_t took_ns = runtime_now_ns(store->runtime) - cleaner->began_ns;
    stored->cleaned_offset = figures.end_offset;
    store->stats.cleaner_runs += 1;
    store->stats.cleaner_bytes_read += figures.bytes_read;
    store->stats.cleaner_bytes_written += figures.bytes_written;
    store->stats.cleaner_messages_dropped += figures.records_read - figures.records_kept;
    store->stats.cleaner_last_run_ns = took_ns;
    LOG("cleaner", LOG_INFO,
        "Cleaned log %s up to offset %" PRId64 ": %" PRIu64 " of %" PRIu64
        " records kept, %zu keys, %" PRIu64 " bytes read and %" PRIu64 " written in %" PRIu64
        " ms%s",
        stored->name, figures.end_offset, figures.records_kept, figures.records_read,
        figures.map_keys, figures.bytes_read, figures.bytes_written, took_ns / 1000000,
        figures.map_was_full ? " (the map of keys was full: more to come)" : "");
    struct log_dir *dir = stored->dir;
    end_pass(cleaner);
    log_dir_checkpoint(dir, CHECKPOINT_CLEANER);
    cleaner_consider(cleaner);
}

static void fail_pass(struct log_cleaner *cleaner, int error, const char *text)
{
    struct stored_log *stored = cleaner->log;
    discard_pass(cleaner);
    if (error == ERR_CORRUPT || error == ERR_CHECKSUM || error == ERR_LIMIT ||
        error == ERR_UNSUPPORTED || error == ERR_TRUNCATED || error == ERR_INVALID) {
        give_up(stored, text);
    } else if (error == ERR_NO_SPACE || error == ERR_TOO_MANY_FILES || error == ERR_NOT_FOUND) {
        LOG("cleaner", LOG_WARN, "Cleaning of log %s is given up for now: %s", stored->name, text);
    } else {
        char what[512];
        snprintf(what, sizeof what, "compact %.100s: %.380s", stored->name, text);
        log_store_fail_dir(stored->dir, error, what);
    }
}

/* ---- slices ---------------------------------------------------------------------------------- */

static void slice_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct slice_job *job = CONTAINER_OF(base, struct slice_job, base);
    job->error = clean_pass_work(job->pass, SLICE_BYTES, &job->message);
}

static void slice_release(struct store_job *base)
{
    struct slice_job *job = CONTAINER_OF(base, struct slice_job, base);
    mem_free(job, sizeof *job);
}

static void slice_finished(struct store_job *base);

static void submit_slice(struct log_cleaner *cleaner)
{
    struct slice_job *job = mem_alloc_zeroed(sizeof *job);
    job->base.job.work = slice_work;
    job->base.finished = slice_finished;
    job->base.release = slice_release;
    job->pass = cleaner->pass;
    struct clean_figures figures = clean_pass_figures(cleaner->pass);
    cleaner->slice_began_ns = runtime_now_ns(cleaner->store->runtime);
    cleaner->slice_bytes_before = figures.bytes_read + figures.bytes_written;
    cleaner->is_working = true;
    store_job_submit(cleaner->store, LANE_CLEAN, &job->base);
}

static void go_on(struct log_cleaner *cleaner)
{
    int64_t rate = cleaner->store->tuning.cleaner_io_bytes_per_second;
    struct clean_figures figures = clean_pass_figures(cleaner->pass);
    uint64_t bytes = figures.bytes_read + figures.bytes_written - cleaner->slice_bytes_before;
    if (rate <= 0 || (uint64_t)rate > UINT64_MAX / NS_PER_SECOND) {
        submit_slice(cleaner);
        return;
    }
    uint64_t due_ns = cleaner->slice_began_ns +
                      (uint64_t)((double)bytes / (double)rate * (double)NS_PER_SECOND);
    if (due_ns <= runtime_now_ns(cleaner->store->runtime)) {
        submit_slice(cleaner);
    } else {
        runtime_timer_set(&cleaner->timer, due_ns);
    }
}

/* The new segment goes in. ERR_NOT_FOUND when the log has changed below it. */
static int swap_in(struct log_cleaner *cleaner)
{
    struct log_store *store = cleaner->store;
    struct partition_log *log = cleaner->log->log;
    struct clean_swap swap = clean_pass_swap(cleaner->pass);
    int error = partition_log_replace(log, swap.first_base, swap.last_base, swap.size,
                                      runtime_wall_ms(store->runtime));
    /* ERR_NOT_FOUND alone says that nothing was touched. After another error some of the old
     * segments may be gone: the .swap file stays, and the next start puts it in their place. */
    if (error != ERR_NOT_FOUND) {
        clean_pass_swapped(cleaner->pass);
    }
    return error;
}

static void slice_finished(struct store_job *base)
{
    struct slice_job *job = CONTAINER_OF(base, struct slice_job, base);
    struct log_cleaner *cleaner = base->store->cleaner;
    int64_t synced_base;
    int error = job->error;
    cleaner->is_working = false;
    if (cleaner->log == NULL || cleaner->is_cancelled || !cleaner->log->dir->is_online) {
        discard_pass(cleaner);
        return;
    }
    const char *text = job->message.text;
    if (error == 0 && clean_pass_take_synced(cleaner->pass, &synced_base)) {
        error = partition_log_replace_end(cleaner->log->log, synced_base);
        text = "renaming the new segment";
    }
    if (error == 0 && clean_pass_phase(cleaner->pass) == CLEAN_SWAP) {
        error = swap_in(cleaner);
        text = "swapping the new segment in";
    }
    if (error != 0) {
        fail_pass(cleaner, error, text);
    } else if (clean_pass_phase(cleaner->pass) == CLEAN_DONE) {
        complete_pass(cleaner);
    } else {
        go_on(cleaner);
    }
}

static void on_pause_over(struct runtime_timer *timer)
{
    struct log_cleaner *cleaner = CONTAINER_OF(timer, struct log_cleaner, timer);
    if (cleaner->log == NULL || cleaner->is_cancelled) {
        discard_pass(cleaner);
        return;
    }
    submit_slice(cleaner);
}

/* ---- the contract ---------------------------------------------------------------------------- */

struct log_cleaner *cleaner_create(struct log_store *store)
{
    struct log_cleaner *cleaner = mem_alloc_zeroed(sizeof *cleaner);
    cleaner->store = store;
    runtime_timer_init(&cleaner->timer, store->runtime, on_pause_over);
    return cleaner;
}

void cleaner_consider(struct log_cleaner *cleaner)
{
    struct cleanable cleanable = {0};
    if (cleaner->pass != NULL || cleaner->is_cancelled) {
        return;
    }
    struct stored_log *stored = choose(cleaner->store, &cleanable);
    if (stored != NULL) {
        begin_pass(cleaner, stored, &cleanable);
        submit_slice(cleaner);
    }
}

void cleaner_cancel(struct log_cleaner *cleaner)
{
    cleaner->is_cancelled = true;
    runtime_timer_stop(&cleaner->timer);
    if (cleaner->pass != NULL && !cleaner->is_working) {
        discard_pass(cleaner);
    }
}

void cleaner_forget(struct log_cleaner *cleaner, const struct stored_log *stored)
{
    if (cleaner->log == stored) {
        cleaner->log = NULL;
    }
}

void cleaner_detach(struct log_cleaner *cleaner)
{
    runtime_timer_stop(&cleaner->timer);
}

void cleaner_destroy(struct log_cleaner *cleaner)
{
    if (cleaner->pass != NULL) {
        end_pass(cleaner);
    }
    mem_free(cleaner, sizeof *cleaner);
}
