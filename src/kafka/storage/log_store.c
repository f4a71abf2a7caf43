/* log_store.c - the log directories of a broker and the logs in them. See log_store.h.
 *
 * MODEL. A directory is a place on some disk that can fail as a whole; a log lies in exactly one.
 * The store finds logs by the name of their folder. It starts no thread and blocks the loop for
 * nothing that grows: loading, closing, checkpoint files, deleted folders and compaction are jobs;
 * making and renaming a folder is done at once, since a topic of many partitions would otherwise
 * cost as many round trips.
 *
 *     log_store_open.c    the lock, meta.properties
 *     log_store_load.c    finding and opening what is there
 *     log_store_upkeep.c  checkpoints, retention, free space
 *     log_store_delete.c  deleted logs
 *     log_store_stop.c    the orderly end
 *     cleaner.c           compaction
 *
 * WHAT IS DURABLE WHEN. Making a partition syncs nothing: 10,000 take less than a second. The first
 * flush of a log makes its folder's name durable together with its data (partition_log.c), so what
 * is acknowledged is found again; a folder that a power cut has taken away was empty. Deleting
 * renames: a power cut may bring the folder back, and the server, which compares topic ids, deletes
 * it again. See log_store_delete.c.
 *
 * WHAT GOES WRONG. Any failing write, sync or rename puts the directory out of service, at once and
 * until the next start: after a failed fsync nobody knows what is on disk (KIP-112). The others go
 * on. With the last one the broker ends, loudly, rather than running as a broker that stores
 * nothing.
 */
#include "kafka/storage/log_store_private.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "kafka/storage/cleaner.h"

#define RESERVE_BYTES ((uint64_t)64 << 20)
#define OPEN_SEGMENTS_MAX 4096

void log_store_tuning_defaults(struct log_store_tuning *tuning)
{
    *tuning = (struct log_store_tuning){
        .recovery_jobs = 1,
        .retention_check_ms = 300000,
        .recovery_checkpoint_ms = 60000,
        .start_checkpoint_ms = 60000,
        .high_watermark_checkpoint_ms = 5000,
        .flush_check_ms = 1000,
        .producer_id_expiration_ms = 86400000,
        .producer_expiration_check_ms = 600000,
        .space_check_ms = 1000,
        .reserve_bytes = RESERVE_BYTES,
        .open_segments_max = OPEN_SEGMENTS_MAX,
        .cleaner_enable = true,
        .cleaner_backoff_ms = 15000,
        .cleaner_dedupe_buffer_bytes = 134217728,
        .cleaner_dedupe_load_factor = 0.9,
        .cleaner_io_bytes_per_second = INT64_MAX,
        .cleaner_io_buffer_bytes = 524288,
    };
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void on_job_done(struct runtime_job *runtime_job)
{
    struct store_job *job = CONTAINER_OF(runtime_job, struct store_job, job);
    struct log_store *store = job->store;
    list_remove(&job->link);
    if (!store->is_detached) {
        job->finished(job);
    }
    job->release(job);
    if (store->is_stopping && !store->is_detached) {
        log_store_stop_step(store);
    }
}

void store_job_submit(struct log_store *store, enum runtime_lane lane, struct store_job *job)
{
    job->store = store;
    job->job.done = on_job_done;
    list_append(&store->jobs, &job->link);
    runtime_submit(store->runtime, lane, &job->job);
}

/* ---- names ----------------------------------------------------------------------------------- */

size_t log_dir_index(const struct log_dir *dir)
{
    return (size_t)(dir - dir->store->dirs);
}

void log_dir_join(char path[PATH_TEXT_MAX], const struct log_dir *dir, const char *name)
{
    int len = snprintf(path, PATH_TEXT_MAX, "%s/%s", dir->path, name);
    ASSERT(len > 0 && len < PATH_TEXT_MAX); /* both parts are bounded: see log_store_open */
}

bool folder_name_split(const char *name, size_t *topic_len, int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || dash[1] < '0' || dash[1] > '9') {
        return false;
    }
    *topic_len = (size_t)(dash - name);
    return text_parse_i32(slice_of_cstr(dash + 1), partition) == 0;
}

/* ---- logs ------------------------------------------------------------------------------------ */

struct stored_log *store_find_name(const struct log_store *store, struct slice name)
{
    return bytes_map_get(&store->logs, name);
}

/* False: it is too long. */
static bool folder_name(char name[FOLDER_NAME_MAX], struct slice topic, int32_t partition)
{
    int len = snprintf(name, FOLDER_NAME_MAX, "%.*s-%d", (int)MIN(topic.len, FOLDER_NAME_MAX),
                       (const char *)topic.ptr, partition);
    return len > 0 && len < FOLDER_NAME_MAX;
}

struct stored_log *log_store_find(const struct log_store *store,
                                  struct slice topic,
                                  int32_t partition)
{
    char name[FOLDER_NAME_MAX];
    return folder_name(name, topic, partition) ? store_find_name(store, slice_of_cstr(name)) : NULL;
}

struct stored_log *stored_log_add(struct log_dir *dir,
                                  const char *name,
                                  size_t topic_len,
                                  int32_t partition,
                                  struct partition_log *log,
                                  const struct topic_config *config)
{
    struct stored_log *stored = mem_alloc_zeroed(sizeof *stored);
    size_t size = strlen(name) + 1;
    stored->dir = dir;
    stored->name = memcpy(mem_alloc(size), name, size);
    stored->topic = slice_of(stored->name, topic_len);
    stored->partition = partition;
    stored->log = log;
    stored->config = config;
    stored->cleaned_offset = -1;
    bytes_map_add(&dir->store->logs, slice_of_cstr(stored->name), stored);
    list_append(&dir->logs, &stored->link);
    dir->log_count += 1;
    return stored;
}

void stored_log_remove(struct stored_log *stored)
{
    struct log_dir *dir = stored->dir;
    struct log_store *store = dir->store;
    if (store->sweep.next == &stored->link) {
        store->sweep.next = stored->link.next;
    }
    if (store->cleaner != NULL) {
        cleaner_forget(store->cleaner, stored);
    }
    if (stored->log != NULL) {
        partition_log_release(stored->log);
    }
    (void)bytes_map_remove(&store->logs, slice_of_cstr(stored->name));
    list_remove(&stored->link);
    dir->log_count -= 1;
    mem_free(stored->name, strlen(stored->name) + 1);
    mem_free(stored, sizeof *stored);
}

void log_store_forget(struct stored_log *stored)
{
    ASSERT(!stored->dir->is_online);
    stored_log_remove(stored);
}

int64_t stored_log_high_watermark(const struct stored_log *stored)
{
    const struct log_store_events *events = &stored->dir->store->events;
    return stored->owner == NULL ? stored->high_watermark
                                 : events->high_watermark(events->ctx, stored);
}

void log_store_configure(struct stored_log *stored, const struct topic_config *config)
{
    stored->config = config;
    partition_log_configure(stored->log, config);
}

size_t log_store_log_count(const struct log_store *store)
{
    return store->logs.count;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* LogManager.nextLogDirs: the one with the fewest partitions, the first of equals. */
static struct log_dir *choose_dir(struct log_store *store)
{
    struct log_dir *chosen = NULL;
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (dir->is_online && (chosen == NULL || dir->log_count < chosen->log_count)) {
            chosen = dir;
        }
    }
    return chosen;
}

static int open_new(struct log_dir *dir,
                    const char *name,
                    const struct new_log *wanted,
                    struct partition_log **log,
                    struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    struct partition_log_recovery recovery;
    struct runtime *runtime = dir->store->runtime;
    log_dir_join(path, dir, name);
    struct partition_log_open open = {
        .dir = path,
        .topic = wanted->topic,
        .partition = wanted->partition,
        .config = wanted->config,
        .was_clean = false,
        .wall_ms = runtime_wall_ms(runtime),
        .producer_id_expiration_ms = dir->store->tuning.producer_id_expiration_ms,
    };
    return partition_log_open(runtime, &open, log, &recovery, message);
}

/* The folder of a log that could not be made is left as it is: the next try finds it empty. */
static int create_failed(struct log_dir *dir, const char *name, int error, struct errmsg *message)
{
    char what[PATH_TEXT_MAX];
    snprintf(what, sizeof what, "make the log of %s", name);
    errmsg_set(message, error, "Error while creating log for %s in dir %s: %s (%s)", name,
               dir->path, error_text(error), runtime_error_detail());
    if (error != ERR_NO_SPACE && error != ERR_TOO_MANY_FILES) {
        log_store_fail_dir(dir, error, what);
    }
    return error;
}

/* Where a log that is not known yet may lie; NULL with *error and its sentence. */
static struct log_dir *find_place(struct log_store *store,
                                  const struct new_log *wanted,
                                  const char *name,
                                  int *error,
                                  struct errmsg *message)
{
    struct log_dir *dir = NULL;
    log_store_claim_name(store, slice_of_cstr(name));
    if (store_find_name(store, slice_of_cstr(name)) != NULL) {
        *error = errmsg_set(message, ERR_EXISTS, "the log of %s is there already", name);
    } else if (!wanted->is_new && log_store_offline_count(store) > 0) {
        *error = errmsg_set(message, ERR_IO,
                            "Can not create log for %s because log directories are offline", name);
    } else if ((dir = choose_dir(store)) == NULL) {
        *error = errmsg_set(message, ERR_IO, "No log directory is online");
    }
    return dir;
}

int log_store_create(struct log_store *store,
                     const struct new_log *wanted,
                     struct stored_log **created,
                     struct errmsg *message)
{
    char name[FOLDER_NAME_MAX];
    struct partition_log *log = NULL;
    int error = 0;
    if (wanted->topic.len == 0 || !folder_name(name, wanted->topic, wanted->partition)) {
        return errmsg_set(message, ERR_INVALID, "a topic's name is too long for a folder");
    }
    struct log_dir *dir = find_place(store, wanted, name, &error, message);
    if (dir == NULL) {
        return error;
    }
    error = open_new(dir, name, wanted, &log, message);
    if (error != 0) {
        return create_failed(dir, name, error, message);
    }
    if (wanted->topic_id != NULL) {
        error = partition_log_set_topic_id(log, wanted->topic_id);
    }
    if (error != 0) {
        partition_log_release(log);
        return create_failed(dir, name, error, message);
    }
    partition_log_use_pool(log, store->pool);
    LOG("storage", LOG_DEBUG, "created the log of %s in %s", name, dir->path);
    *created = stored_log_add(dir, name, wanted->topic.len, wanted->partition, log, wanted->config);
    return 0;
}

/* ---- directories ----------------------------------------------------------------------------- */

size_t log_store_dir_count(const struct log_store *store)
{
    return store->dir_count;
}

struct log_dir *log_store_dir(struct log_store *store, size_t idx)
{
    ASSERT(idx < store->dir_count);
    return &store->dirs[idx];
}

size_t log_store_offline_count(const struct log_store *store)
{
    size_t count = 0;
    for (size_t i = 0; i < store->dir_count; i++) {
        count += store->dirs[i].is_online ? 0 : 1;
    }
    return count;
}

size_t log_dir_uncleanable_count(const struct log_dir *dir)
{
    size_t count = 0;
    LIST_FOR_EACH(link, &dir->logs)
    {
        count += CONTAINER_OF(link, struct stored_log, link)->is_uncleanable ? 1 : 0;
    }
    return count;
}

/* Those that no partition holds on to. */
static void drop_ownerless(struct log_dir *dir)
{
    LIST_FOR_EACH_SAFE(link, after, &dir->logs)
    {
        struct stored_log *stored = CONTAINER_OF(link, struct stored_log, link);
        if (stored->owner == NULL) {
            stored_log_remove(stored);
        }
    }
}

void log_store_fail_dir(struct log_dir *dir, int error, const char *what)
{
    struct log_store *store = dir->store;
    if (!dir->is_online) {
        return;
    }
    dir->is_online = false;
    snprintf(dir->failure, sizeof dir->failure, "cannot %s: %s (%s)", what, error_text(error),
             runtime_error_detail());
    LOG("storage", LOG_ERROR,
        "Log directory %s is out of service until the broker is restarted: %s. Its %zu partitions "
        "answer KAFKA_STORAGE_ERROR. Check the disk, then restart the broker.",
        dir->path, dir->failure, dir->log_count);
    log_dir_release_doomed(dir);
    if (store->is_stopping || store->is_loading) {
        return; /* who stops or loads sees is_online, and is not served any more, or not yet */
    }
    if (store->events.dir_failed != NULL) {
        store->events.dir_failed(store->events.ctx, dir);
    }
    drop_ownerless(dir);
    if (log_store_offline_count(store) == store->dir_count) {
        char text[256];
        snprintf(text, sizeof text,
                 "Shutdown broker because all log dirs have failed: the last one was %.160s",
                 dir->path);
        LOG("storage", LOG_ERROR, "%s", text);
        store->events.all_failed(store->events.ctx, text);
    }
}

/* ---- figures, tuning ------------------------------------------------------------------------- */

int32_t log_store_broker_id(const struct log_store *store)
{
    return store->meta.broker_id;
}

const char *log_store_cluster_id(const struct log_store *store)
{
    return store->meta.cluster_id;
}

const struct log_store_stats *log_store_stats(const struct log_store *store)
{
    return &store->stats;
}

struct log_store_stats *log_store_stats_mutable(struct log_store *store)
{
    return &store->stats;
}

void log_store_tune(struct log_store *store, const struct log_store_tuning *tuning)
{
    store->tuning = *tuning;
}

/* ---- the end --------------------------------------------------------------------------------- */

void log_store_detach(struct log_store *store)
{
    store->is_detached = true;
    runtime_timer_stop(&store->timer);
    if (store->cleaner != NULL) {
        cleaner_detach(store->cleaner);
    }
}

void log_store_release(struct log_store *store)
{
    LIST_FOR_EACH_SAFE(link, after, &store->jobs)
    {
        struct store_job *job = CONTAINER_OF(link, struct store_job, link);
        list_remove(&job->link);
        job->release(job);
    }
    if (store->cleaner != NULL) {
        cleaner_destroy(store->cleaner);
        store->cleaner = NULL;
    }
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        LIST_FOR_EACH_SAFE(link, after, &dir->logs)
        {
            stored_log_remove(CONTAINER_OF(link, struct stored_log, link));
        }
        log_dir_release_doomed(dir);
        if (dir->lock != NULL) {
            file_close(dir->lock);
        }
    }
    bytes_map_release(&store->logs);
    segment_pool_drop(store->pool);
    mem_free(store->dirs, store->dir_count * sizeof *store->dirs);
    mem_free(store->dir_metas, store->dir_count * sizeof *store->dir_metas);
    mem_free(store->dir_has_meta, store->dir_count * sizeof *store->dir_has_meta);
    mem_free(store, sizeof *store);
}
