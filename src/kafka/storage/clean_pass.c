/* clean_pass.c - see clean_pass.h. */
#include "kafka/storage/clean_pass.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"

#define READ_BYTES_FIRST ((size_t)256 << 10)
#define READ_BYTES_MAX ((size_t)INT32_MAX)
#define APPEND_BYTES 16384u /* written at once; also how far apart index entries may be */
#define POOL_FILES 8
#define ABORTED_MAX ((size_t)1 << 24)

struct clean_pass {
    struct runtime *runtime;
    char *dir;
    struct clean_source *sources;
    size_t source_count;
    struct clean_producer *producers;
    size_t producer_count;
    struct topic_config config;
    int64_t first_dirty_offset;
    int64_t first_uncleanable_offset;
    int64_t wall_ms;
    size_t io_bytes;

    struct segment_place place;
    enum clean_phase phase;
    bool is_begun;
    struct aborted_txn *aborted; /* of all sources, by first_offset */
    size_t aborted_count;
    size_t aborted_cap;
    struct offset_map map;
    struct clean_txns map_txns;
    struct clean_filter filter;
    bool has_filter;
    bool map_is_full;
    int64_t end_offset;
    size_t group_first; /* sources [group_first, group_end) go into one */
    size_t group_end;

    /* where the reading is */
    size_t source;           /* which one */
    struct segment *reading; /* NULL: not opened */
    uint64_t position;
    struct buffer chunk; /* bytes of it from chunk_at on */
    uint64_t chunk_at;

    /* what is written */
    struct segment *cleaned;
    struct buffer pending;
    int64_t pending_last_offset;
    int64_t pending_max_timestamp_ms;
    int64_t pending_offset_of_max;
    struct clean_swap swap;
    bool is_synced;

    struct clean_figures figures;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void *copy_of(const void *bytes, size_t size)
{
    return size == 0 ? NULL : memcpy(mem_alloc(size), bytes, size);
}

struct clean_pass *clean_pass_create(struct runtime *runtime,
                                     const struct clean_pass_options *options)
{
    struct hash_key keys[2];
    struct clean_pass *pass = mem_alloc_zeroed(sizeof *pass);
    pass->runtime = runtime;
    pass->dir = copy_of(options->dir, strlen(options->dir) + 1);
    pass->source_count = options->source_count;
    pass->sources = copy_of(options->sources, options->source_count * sizeof *pass->sources);
    pass->producer_count = options->producer_count;
    pass->producers = copy_of(options->producers,
                              options->producer_count * sizeof *pass->producers);
    pass->config = *options->config;
    pass->first_dirty_offset = options->first_dirty_offset;
    pass->first_uncleanable_offset = options->first_uncleanable_offset;
    pass->wall_ms = options->wall_ms;
    pass->io_bytes = MAX(options->io_bytes, READ_BYTES_FIRST);
    pass->place = (struct segment_place){
        .runtime = runtime,
        .pool = segment_pool_new(POOL_FILES),
        .dir = pass->dir,
    };
    runtime_random(runtime, keys, sizeof keys);
    offset_map_init(&pass->map, options->map_bytes_max, options->map_load, keys);
    clean_txns_init(&pass->map_txns, NULL, 0, 0);
    buffer_init(&pass->chunk, READ_BYTES_MAX);
    buffer_init(&pass->pending, READ_BYTES_MAX);
    return pass;
}

void clean_pass_destroy(struct clean_pass *pass)
{
    if (pass->reading != NULL) {
        segment_free(pass->reading);
    }
    if (pass->cleaned != NULL) {
        segment_free(pass->cleaned);
    }
    segment_pool_drop(pass->place.pool);
    if (pass->has_filter) {
        clean_filter_release(&pass->filter);
    }
    clean_txns_release(&pass->map_txns);
    offset_map_release(&pass->map);
    buffer_release(&pass->chunk);
    buffer_release(&pass->pending);
    mem_free(pass->aborted, pass->aborted_cap * sizeof *pass->aborted);
    mem_free(pass->sources, pass->source_count * sizeof *pass->sources);
    mem_free(pass->producers, pass->producer_count * sizeof *pass->producers);
    mem_free(pass->dir, strlen(pass->dir) + 1);
    mem_free(pass, sizeof *pass);
}

enum clean_phase clean_pass_phase(const struct clean_pass *pass)
{
    return pass->phase;
}

struct clean_swap clean_pass_swap(const struct clean_pass *pass)
{
    ASSERT(pass->phase == CLEAN_SWAP);
    return pass->swap;
}

struct clean_figures clean_pass_figures(const struct clean_pass *pass)
{
    struct clean_figures figures = pass->figures;
    figures.end_offset = pass->end_offset;
    figures.map_keys = pass->map.count;
    figures.map_was_full = pass->map_is_full;
    if (pass->has_filter) {
        figures.records_read = pass->filter.records_read;
        figures.records_kept = pass->filter.records_kept;
    }
    return figures;
}

void clean_pass_discard(struct clean_pass *pass)
{
    int error = 0;
    if (pass->phase == CLEAN_SWAP) {
        error = segment_remove_files(&pass->place, pass->swap.first_base, SUFFIX_SWAP);
    } else if (pass->phase == CLEAN_FILTER && pass->cleaned != NULL) {
        error = segment_remove_files(&pass->place, pass->cleaned->base_offset,
                                     pass->cleaned->suffix);
    }
    (void)error; /* what cannot be removed goes at the next start */
}

/* ---- aborted transactions -------------------------------------------------------------------- */

struct collecting {
    struct clean_pass *pass;
    bool is_full;
};

static bool collect_aborted(void *ctx, const struct aborted_txn *txn)
{
    struct collecting *collecting = ctx;
    struct clean_pass *pass = collecting->pass;
    if (pass->aborted_count >= ABORTED_MAX) {
        collecting->is_full = true;
        return false;
    }
    if (pass->aborted_count == pass->aborted_cap) {
        size_t cap = MAX(pass->aborted_cap * 2, (size_t)64);
        pass->aborted = mem_realloc(pass->aborted, pass->aborted_cap * sizeof *pass->aborted,
                                    cap * sizeof *pass->aborted);
        pass->aborted_cap = cap;
    }
    /* Entries come by their last offset; what is wanted is the order of their first ones. */
    size_t at = pass->aborted_count++;
    while (at > 0 && pass->aborted[at - 1].first_offset > txn->first_offset) {
        pass->aborted[at] = pass->aborted[at - 1];
        at -= 1;
    }
    pass->aborted[at] = *txn;
    return true;
}

/* Also of segments behind the cleanable ones: a marker may stand there. */
static int read_aborted(struct clean_pass *pass)
{
    char path[PATH_TEXT_MAX];
    struct collecting collecting = {.pass = pass};
    int error = 0;
    for (size_t i = 0; i < pass->source_count && error == 0; i++) {
        error = log_file_path(path, pass->dir, pass->sources[i].base_offset, LOG_FILE_TXN_INDEX,
                              SUFFIX_NONE);
        if (error == 0) {
            error = txn_index_read(pass->runtime, path, collect_aborted, &collecting);
        }
        if (error == ERR_NOT_FOUND) {
            error = 0;
        }
    }
    return collecting.is_full ? ERR_LIMIT : error;
}

/* ---- reading batches ------------------------------------------------------------------------- */

static void open_source(struct clean_pass *pass, size_t idx)
{
    if (pass->reading != NULL) {
        segment_free(pass->reading);
    }
    const struct clean_source *source = &pass->sources[idx];
    pass->source = idx;
    pass->reading = segment_known(&pass->place, source->base_offset, source->size, SUFFIX_NONE);
    pass->position = 0;
    pass->chunk.len = 0;
    pass->chunk_at = 0;
}

/* Makes the chunk begin at the position and hold `want` bytes, or what the segment has. */
static int fill_chunk(struct clean_pass *pass, size_t want)
{
    struct segment *segment = pass->reading;
    size_t len = (size_t)MIN((uint64_t)MAX(want, pass->io_bytes), segment->size - pass->position);
    size_t got = 0;
    int error = segment_open_file(segment);
    if (error != 0) {
        return error;
    }
    pass->chunk.len = 0;
    error = file_read(segment->file->file, pass->position, buffer_reserve(&pass->chunk, len), len,
                      &got);
    pass->chunk.len = got;
    pass->chunk_at = pass->position;
    pass->figures.bytes_read += got;
    return error != 0 || got == len ? error : ERR_CORRUPT;
}

/* The next batch of the segment, checked. ERR_END at its end. */
static int next_batch(struct clean_pass *pass, struct batch_view *view)
{
    size_t need = BATCH_LOG_OVERHEAD;
    const struct segment *reading = pass->reading;
    ASSERT(reading != NULL);
    for (int attempt = 0; attempt < 3; attempt++) {
        if (pass->position >= reading->size) {
            return ERR_END;
        }
        size_t skip = (size_t)(pass->position - pass->chunk_at);
        struct slice rest = skip <= pass->chunk.len
                                ? slice_part(buffer_slice(&pass->chunk), skip, pass->chunk.len)
                                : SLICE_NULL;
        int error = batch_view(rest, view, &need);
        if (error == 0) {
            pass->position += view->bytes.len;
            return batch_check_crc(view) == 0 ? 0 : ERR_CORRUPT;
        }
        if (error != ERR_TRUNCATED || need > reading->size - pass->position) {
            return ERR_CORRUPT;
        }
        error = fill_chunk(pass, need);
        if (error != 0) {
            return error;
        }
    }
    return ERR_CORRUPT;
}

/* ---- MAP ------------------------------------------------------------------------------------- */

static size_t source_of(const struct clean_pass *pass, int64_t offset)
{
    size_t idx = 0;
    while (idx + 1 < pass->source_count && pass->sources[idx].next_offset <= offset) {
        idx += 1;
    }
    return idx;
}

static void begin_filter(struct clean_pass *pass)
{
    pass->end_offset = pass->map.latest_offset + 1;
    clean_filter_init(&pass->filter, &pass->map, pass->aborted, pass->aborted_count,
                      pass->producers, pass->producer_count);
    pass->has_filter = true;
    pass->filter.now_ms = pass->wall_ms;
    pass->filter.delete_retention_ms = pass->config.delete_retention_ms;
    pass->filter.end_offset = pass->end_offset;
    pass->group_end = 0;
    buffer_clear(&pass->pending, READ_BYTES_FIRST); /* was MAP's scratch */
    pass->phase = CLEAN_FILTER;
    if (pass->reading != NULL) {
        segment_free(pass->reading);
        pass->reading = NULL;
    }
}

static int map_step(struct clean_pass *pass)
{
    struct batch_view view;
    if (pass->reading == NULL) {
        open_source(pass, source_of(pass, pass->first_dirty_offset));
    }
    int error = next_batch(pass, &view);
    if (error == ERR_END) {
        const struct clean_source *source = &pass->sources[pass->source];
        /* What was cleaned away, and what is empty, is read, too. */
        pass->map.latest_offset = MAX(pass->map.latest_offset, source->next_offset - 1);
        if (source->next_offset >= pass->first_uncleanable_offset) {
            begin_filter(pass);
        } else {
            open_source(pass, pass->source + 1);
        }
        return 0;
    }
    if (error != 0) {
        return error;
    }
    if (view.last_offset < pass->first_dirty_offset) {
        return 0;
    }
    error = clean_map_batch(&pass->map, &pass->map_txns, &view, pass->first_dirty_offset,
                            &pass->pending, &pass->map_is_full);
    if (error == 0 && pass->map_is_full) {
        if (pass->map.latest_offset < pass->first_dirty_offset) {
            return ERR_LIMIT; /* not even one batch's keys have room */
        }
        begin_filter(pass);
    }
    return error;
}

static int begin(struct clean_pass *pass)
{
    int error = read_aborted(pass);
    if (error == 0) {
        clean_txns_release(&pass->map_txns);
        clean_txns_init(&pass->map_txns, pass->aborted, pass->aborted_count,
                        pass->first_dirty_offset);
        pass->is_begun = true;
    }
    return error;
}

/* ---- FILTER ---------------------------------------------------------------------------------- */

/* Cleaner.groupSegmentsBySize: as many as fit into one segment, by what they are now. */
static void choose_group(struct clean_pass *pass)
{
    size_t first = pass->group_end;
    size_t end = first;
    uint64_t size = 0;
    while (end < pass->source_count && pass->sources[end].base_offset < pass->end_offset &&
           pass->sources[end].base_offset < pass->first_uncleanable_offset) {
        const struct clean_source *source = &pass->sources[end];
        bool fits = size + source->size <= (uint64_t)pass->config.segment_bytes &&
                    source->next_offset - 1 - pass->sources[first].base_offset <= INT32_MAX;
        if (end > first && !fits) {
            break;
        }
        size += source->size;
        end += 1;
    }
    pass->group_first = first;
    pass->group_end = end;
}

static int flush_pending(struct clean_pass *pass)
{
    struct segment *cleaned = pass->cleaned;
    struct segment_append append = {
        .bytes = buffer_slice(&pass->pending),
        .last_offset = pass->pending_last_offset,
        .max_timestamp_ms = pass->pending_max_timestamp_ms,
        .offset_of_max_timestamp = pass->pending_offset_of_max,
        .index_interval_bytes = (uint32_t)pass->config.index_interval_bytes,
    };
    if (append.bytes.len == 0) {
        return 0;
    }
    if (!segment_takes(cleaned, append.bytes.len, append.last_offset)) {
        return ERR_LIMIT;
    }
    int error = segment_wake(cleaned);
    if (error == 0) {
        error = segment_append(cleaned, &append);
    }
    pass->figures.bytes_written += append.bytes.len;
    buffer_clear(&pass->pending, READ_BYTES_FIRST);
    return error;
}

static int keep_batch(struct clean_pass *pass, const struct cleaned_batch *batch)
{
    int error = 0;
    if (batch->ends_aborted) {
        error = segment_append_aborted(pass->cleaned, &batch->aborted);
    }
    if (error != 0 || batch->bytes.len == 0) {
        return error;
    }
    if (pass->pending.len == 0) {
        pass->pending_max_timestamp_ms = NO_TIMESTAMP;
        pass->pending_offset_of_max = batch->last_offset;
    }
    if (batch->max_timestamp_ms > pass->pending_max_timestamp_ms) {
        pass->pending_max_timestamp_ms = batch->max_timestamp_ms;
        pass->pending_offset_of_max = batch->last_offset;
    }
    buffer_append(&pass->pending, batch->bytes);
    pass->pending_last_offset = batch->last_offset;
    return pass->pending.len >= APPEND_BYTES ? flush_pending(pass) : 0;
}

static int sync_named(struct clean_pass *pass, enum log_file_kind kind)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    int error = log_file_path(path, pass->dir, pass->cleaned->base_offset, kind, SUFFIX_CLEANED);
    if (error == 0) {
        error = file_open(pass->runtime, path, FILE_READ | FILE_WRITE, &file);
    }
    if (error != 0) {
        return error == ERR_NOT_FOUND ? 0 : error; /* only a .txnindex may be absent */
    }
    error = file_sync(file);
    int close_error = file_close(file);
    return error == 0 ? close_error : error;
}

/* Complete and on disk, and told to be so by its name. */
static int finish_group(struct clean_pass *pass)
{
    int error = flush_pending(pass);
    if (error == 0) {
        error = segment_wake(pass->cleaned);
    }
    if (error == 0) {
        error = segment_seal(pass->cleaned);
    }
    for (int kind = LOG_FILE_RECORDS; kind <= LOG_FILE_TXN_INDEX && error == 0; kind++) {
        error = sync_named(pass, (enum log_file_kind)kind);
    }
    if (error == 0) {
        error = directory_sync(pass->runtime, pass->dir);
    }
    if (error == 0) {
        error = segment_rename(pass->cleaned, SUFFIX_SWAP);
    }
    if (error == 0) {
        error = directory_sync(pass->runtime, pass->dir);
    }
    if (error != 0) {
        return error;
    }
    pass->swap = (struct clean_swap){
        .first_base = pass->sources[pass->group_first].base_offset,
        .last_base = pass->sources[pass->group_end - 1].base_offset,
        .size = pass->cleaned->size,
    };
    segment_free(pass->cleaned);
    pass->cleaned = NULL;
    segment_free(pass->reading);
    pass->reading = NULL;
    pass->phase = CLEAN_SWAP;
    return 0;
}

/* Tombstones of magic 0 and 1 have no horizon of their own: they go by their segment's age, here
 * that of its file. */
static int judge_legacy(struct clean_pass *pass)
{
    char path[PATH_TEXT_MAX];
    struct path_info info;
    int error = log_file_path(path, pass->dir, pass->sources[pass->source].base_offset,
                              LOG_FILE_RECORDS, SUFFIX_NONE);
    if (error == 0) {
        error = path_stat(pass->runtime, path, &info);
    }
    if (error == 0) {
        pass->filter.retains_legacy_deletes = info.modified_ms >
                                              pass->wall_ms - pass->config.delete_retention_ms;
    }
    return error;
}

static int begin_group(struct clean_pass *pass)
{
    choose_group(pass);
    if (pass->group_first == pass->group_end) {
        pass->phase = CLEAN_DONE;
        return 0;
    }
    int error = segment_create(&pass->place, pass->sources[pass->group_first].base_offset,
                               SUFFIX_CLEANED, pass->wall_ms, &pass->cleaned);
    if (error != 0) {
        pass->cleaned = NULL;
        return error;
    }
    open_source(pass, pass->group_first);
    return judge_legacy(pass);
}

static int filter_step(struct clean_pass *pass)
{
    struct batch_view view;
    struct cleaned_batch cleaned;
    if (pass->cleaned == NULL) {
        return begin_group(pass);
    }
    int error = next_batch(pass, &view);
    if (error == ERR_END) {
        if (pass->source + 1 >= pass->group_end) {
            return finish_group(pass);
        }
        open_source(pass, pass->source + 1);
        return judge_legacy(pass);
    }
    if (error == 0) {
        error = clean_filter_batch(&pass->filter, &view, &cleaned);
    }
    return error == 0 ? keep_batch(pass, &cleaned) : error;
}

/* ---- the steps ------------------------------------------------------------------------------- */

void clean_pass_swapped(struct clean_pass *pass)
{
    ASSERT(pass->phase == CLEAN_SWAP);
    pass->phase = CLEAN_SYNC;
}

bool clean_pass_take_synced(struct clean_pass *pass, int64_t *base_offset)
{
    *base_offset = pass->swap.first_base;
    bool is_synced = pass->is_synced;
    pass->is_synced = false;
    return is_synced;
}

static int sync_step(struct clean_pass *pass)
{
    int error = directory_sync(pass->runtime, pass->dir);
    if (error == 0) {
        pass->is_synced = true;
        pass->phase = CLEAN_FILTER;
    }
    return error;
}

static const char *phase_words(enum clean_phase phase)
{
    return phase == CLEAN_MAP      ? "reading keys"
           : phase == CLEAN_FILTER ? "writing what stays"
                                   : "swapping segments";
}

int clean_pass_work(struct clean_pass *pass, uint64_t slice_bytes, struct errmsg *message)
{
    uint64_t until = pass->figures.bytes_read + slice_bytes;
    int error = pass->is_begun ? 0 : begin(pass);
    while (error == 0 && pass->phase != CLEAN_SWAP && pass->phase != CLEAN_DONE &&
           !pass->is_synced && pass->figures.bytes_read <= until) {
        if (pass->phase == CLEAN_MAP) {
            error = map_step(pass);
        } else if (pass->phase == CLEAN_FILTER) {
            error = filter_step(pass);
        } else {
            error = sync_step(pass);
        }
    }
    if (error != 0) {
        const struct clean_source *source = &pass->sources[pass->source];
        errmsg_set(message, error, "%s, segment %" PRId64 ", position %" PRIu64 ": %s",
                   phase_words(pass->phase), source->base_offset, pass->position,
                   error_text(error));
    }
    return error;
}
