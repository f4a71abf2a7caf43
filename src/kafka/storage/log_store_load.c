/* log_store_load.c - finding and opening the logs of all directories at start. See log_store.h.
 *
 * One job per directory looks around: it takes .kafka_cleanshutdown away (so that a crash while
 * loading counts as a crash: KAFKA-10471), reads the checkpoints, lists the folders. Then
 * recovery_jobs jobs per directory open logs, LOAD_BATCH at a time, until none is left. Their
 * results come to the loop, which alone touches the store.
 *
 * What is no log is left alone, with a word: Apache refuses to start with a "lost+found" in a log
 * directory, which helps nobody. A log that cannot be opened takes its directory offline.
 */
#include "kafka/storage/log_store_private.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/log_files.h"

#define LOAD_BATCH 16u
#define TELL_EVERY_NS UINT64_C(10000000000)

/* A folder that was found, and what the checkpoints say of it. */
struct found_log {
    char *name;
    size_t topic_len;
    int32_t partition;
    int64_t recovery_point;
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t cleaned_offset;
};

struct found_logs {
    struct found_log *list;
    size_t count;
    size_t cap;
};

struct doomed_name {
    struct list link;
    char name[FOLDER_NAME_MAX];
};

/* What one directory's look-around found; shared by the directory's jobs, freed by the last. */
struct dir_load {
    struct log_dir *dir;
    struct found_logs found;
    struct list doomed; /* struct doomed_name */
    size_t next;        /* of found, still to be given to a job */
    size_t references;
};

struct scan_job {
    struct store_job base;
    struct dir_load *load;
    const char *path;
    bool was_clean;
    int error;
    const char *failed; /* at what */
};

struct load_item {
    struct partition_log_open open;
    char path[PATH_TEXT_MAX];
    struct partition_log *log;
    struct partition_log_recovery recovery;
    struct errmsg message;
    int error;
};

struct load_job {
    struct store_job base;
    struct dir_load *load;
    size_t first; /* of load->found */
    size_t count;
    struct load_item items[LOAD_BATCH];
};

/* ---- memory ---------------------------------------------------------------------------------- */

static void dir_load_drop(struct dir_load *load)
{
    load->references -= 1;
    if (load->references > 0) {
        return;
    }
    for (size_t i = 0; i < load->found.count; i++) {
        mem_free(load->found.list[i].name, strlen(load->found.list[i].name) + 1);
    }
    mem_free(load->found.list, load->found.cap * sizeof *load->found.list);
    struct list *link;
    while ((link = list_pop(&load->doomed)) != NULL) {
        struct doomed_name *doomed = CONTAINER_OF(link, struct doomed_name, link);
        mem_free(doomed, sizeof *doomed);
    }
    mem_free(load, sizeof *load);
}

static void scan_release(struct store_job *base)
{
    struct scan_job *job = CONTAINER_OF(base, struct scan_job, base);
    dir_load_drop(job->load);
    mem_free(job, sizeof *job);
}

static void load_release(struct store_job *base)
{
    struct load_job *job = CONTAINER_OF(base, struct load_job, base);
    for (size_t i = 0; i < job->count; i++) {
        if (job->items[i].log != NULL) {
            partition_log_release(job->items[i].log);
        }
    }
    dir_load_drop(job->load);
    mem_free(job, sizeof *job);
}

/* ---- looking around (on a worker) -------------------------------------------------------------
 */

static bool name_ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static struct found_log *found_add(struct found_logs *found, const char *name)
{
    if (found->count == found->cap) {
        size_t cap = MAX(found->cap * 2, (size_t)64);
        found->list = mem_realloc(found->list, found->cap * sizeof *found->list,
                                  cap * sizeof *found->list);
        found->cap = cap;
    }
    size_t size = strlen(name) + 1;
    struct found_log *log = &found->list[found->count++];
    *log = (struct found_log){
        .name = memcpy(mem_alloc(size), name, size),
        .cleaned_offset = -1,
    };
    return log;
}

static void doomed_add(struct dir_load *load, const char *name)
{
    struct doomed_name *doomed = mem_alloc_zeroed(sizeof *doomed);
    snprintf(doomed->name, sizeof doomed->name, "%s", name);
    list_append(&load->doomed, &doomed->link);
}

static void look_at(void *ctx, const char *name)
{
    struct scan_job *job = ctx;
    char path[PATH_TEXT_MAX];
    struct path_info info;
    size_t topic_len;
    int32_t partition;
    if (strlen(name) >= FOLDER_NAME_MAX || name[0] == '.') {
        return;
    }
    bool is_log = folder_name_split(name, &topic_len, &partition);
    bool is_doomed = name_ends_with(name, DELETE_SUFFIX);
    snprintf(path, sizeof path, "%s/%s", job->path, name);
    if (path_stat(job->base.store->runtime, path, &info) != 0 || !info.is_directory) {
        return;
    }
    if (is_doomed) {
        doomed_add(job->load, name);
    } else if (is_log) {
        struct found_log *log = found_add(&job->load->found, name);
        log->topic_len = topic_len;
        log->partition = partition;
    } else if (name_ends_with(name, FUTURE_SUFFIX) || name_ends_with(name, STRAY_SUFFIX)) {
        LOG("storage", LOG_WARN,
            "%s is left as it is: moving replicas between directories is not supported, and strays "
            "are not removed",
            path);
    } else {
        LOG("storage", LOG_WARN, "%s is no log of a partition and is left alone", path);
    }
}

/* Found logs are in byte order of their names, as directory_list gives them. */
static struct found_log *found_get(const struct found_logs *found, const char *name)
{
    size_t low = 0;
    size_t high = found->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(found->list[middle].name, name);
        if (order == 0) {
            return &found->list[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

struct checkpoint_read {
    const struct found_logs *found;
    enum checkpoint_kind kind;
};

static void take_checkpoint(void *ctx, const struct offset_checkpoint_entry *entry)
{
    const struct checkpoint_read *read = ctx;
    char name[FOLDER_NAME_MAX];
    int len = snprintf(name, sizeof name, "%.*s-%d", (int)MIN(entry->topic.len, sizeof name),
                       (const char *)entry->topic.ptr, entry->partition);
    struct found_log *log = len < (int)sizeof name ? found_get(read->found, name) : NULL;
    if (log == NULL || entry->offset < 0) {
        return;
    }
    if (read->kind == CHECKPOINT_RECOVERY) {
        log->recovery_point = entry->offset;
    } else if (read->kind == CHECKPOINT_START) {
        log->log_start_offset = entry->offset;
    } else if (read->kind == CHECKPOINT_CLEANER) {
        log->cleaned_offset = entry->offset;
    } else {
        log->high_watermark = entry->offset;
    }
}

static void forget_checkpoint(const struct found_logs *found, enum checkpoint_kind kind)
{
    for (size_t i = 0; i < found->count; i++) {
        struct found_log *log = &found->list[i];
        if (kind == CHECKPOINT_RECOVERY) {
            log->recovery_point = 0;
        } else if (kind == CHECKPOINT_START) {
            log->log_start_offset = 0;
        } else if (kind == CHECKPOINT_CLEANER) {
            log->cleaned_offset = -1;
        } else {
            log->high_watermark = 0;
        }
    }
}

/* A checkpoint that cannot be understood is as good as none: recovery starts further back. */
static void read_checkpoint(struct scan_job *job, enum checkpoint_kind kind)
{
    char path[PATH_TEXT_MAX];
    struct buffer text;
    struct errmsg message = {.text = ""};
    struct checkpoint_read read = {.found = &job->load->found, .kind = kind};
    snprintf(path, sizeof path, "%s/%s", job->path, checkpoint_names[kind]);
    buffer_init(&text, OFFSET_CHECKPOINT_BYTES_MAX);
    int error = log_file_read_all(job->base.store->runtime, path, OFFSET_CHECKPOINT_BYTES_MAX,
                                  &text);
    if (error == 0) {
        error = offset_checkpoint_parse(buffer_slice(&text), path, take_checkpoint, &read,
                                        &message);
    }
    if (error == ERR_IO) {
        /* Without the recovery point all indexes would be made anew, unsynced; and if that does not
         * come to its end, the next start, which can read it, believes them. */
        job->error = error;
        job->failed = "read a checkpoint";
    } else if (error != 0 && error != ERR_NOT_FOUND) {
        LOG("storage", LOG_WARN, "Error occurred while reading %s, doing without it: %s", path,
            message.text[0] != '\0' ? message.text : error_text(error));
        forget_checkpoint(&job->load->found, kind);
    }
    buffer_release(&text);
}

static void take_clean_shutdown(struct scan_job *job)
{
    char path[PATH_TEXT_MAX];
    struct runtime *runtime = job->base.store->runtime;
    snprintf(path, sizeof path, "%s/%s", job->path, CLEAN_SHUTDOWN_NAME);
    job->error = path_remove(runtime, path);
    if (job->error == ERR_NOT_FOUND) {
        job->error = 0;
        return;
    }
    /* What is appended from now on must not be taken for what an orderly end left. */
    if (job->error == 0) {
        job->was_clean = true;
        job->error = directory_sync(runtime, job->path);
    }
    job->failed = "remove " CLEAN_SHUTDOWN_NAME;
}

static void scan_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct scan_job *job = CONTAINER_OF(base, struct scan_job, base);
    job->error = directory_list(base->store->runtime, job->path, look_at, job);
    if (job->error != 0) {
        job->failed = "list the log directory";
        return;
    }
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        read_checkpoint(job, (enum checkpoint_kind)kind);
    }
    if (job->error != 0) {
        return;
    }
    take_clean_shutdown(job);
    if (job->error == 0 && !job->was_clean) {
        /* A process that was killed may have left folders whose names no sync has covered: what is
         * flushed into them from now on must not go with them when the power does. */
        job->error = directory_sync(base->store->runtime, job->path);
        job->failed = "sync the log directory";
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static void load_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct load_job *job = CONTAINER_OF(base, struct load_job, base);
    for (size_t i = 0; i < job->count; i++) {
        struct load_item *item = &job->items[i];
        item->error = partition_log_open(base->store->runtime, &item->open, &item->log,
                                         &item->recovery, &item->message);
        if (item->error != 0) {
            item->log = NULL;
            return; /* the directory goes offline */
        }
    }
}

static void load_finished(struct store_job *base);

static void submit_load(struct dir_load *load)
{
    struct log_dir *dir = load->dir;
    struct log_store *store = dir->store;
    if (load->next >= load->found.count || !dir->is_online || store->is_stopping) {
        return;
    }
    struct load_job *job = mem_alloc_zeroed(sizeof *job);
    job->base.job.work = load_work;
    job->base.finished = load_finished;
    job->base.release = load_release;
    job->load = load;
    load->references += 1;
    job->first = load->next;
    job->count = MIN(load->found.count - load->next, (size_t)LOAD_BATCH);
    load->next += job->count;
    for (size_t i = 0; i < job->count; i++) {
        const struct found_log *found = &load->found.list[job->first + i];
        struct load_item *item = &job->items[i];
        struct slice topic = slice_of(found->name, found->topic_len);
        log_dir_join(item->path, dir, found->name);
        item->open = (struct partition_log_open){
            .dir = item->path,
            .topic = topic,
            .partition = found->partition,
            .config = store->events.config_of(store->events.ctx, topic),
            .was_clean = dir->was_clean,
            .recovery_point = found->recovery_point,
            .log_start_offset = found->log_start_offset,
            .wall_ms = runtime_wall_ms(store->runtime),
            .producer_id_expiration_ms = store->tuning.producer_id_expiration_ms,
        };
    }
    store_job_submit(store, LANE_ANY, &job->base);
}

static void tell_progress(struct log_dir *dir)
{
    struct log_store *store = dir->store;
    uint64_t now_ns = runtime_now_ns(store->runtime);
    if (now_ns - store->load_told_ns >= TELL_EVERY_NS) {
        store->load_told_ns = now_ns;
        LOG("storage", LOG_INFO, "Loaded %zu of %zu logs in %s", dir->load_total - dir->loading,
            dir->load_total, dir->path);
    }
}

static void tell_recovery(const struct load_item *item)
{
    const struct partition_log_recovery *done = &item->recovery;
    if (done->bytes_truncated > 0 || done->indexes_rebuilt > 0 || done->snapshot_ignored) {
        LOG("storage", LOG_INFO,
            "Recovered %s: %" PRIu64 " segments and %" PRIu64 " bytes checked, %" PRIu64
            " bytes cut off, %" PRIu64 " indexes made anew",
            item->path, done->segments_checked, done->bytes_checked, done->bytes_truncated,
            done->indexes_rebuilt);
    }
}

/* A high watermark below the log's start or above its end is of a file older or younger than it. */
static int64_t bounded_high_watermark(const struct partition_log *log, int64_t offset)
{
    return MAX(MIN(offset, partition_log_end_offset(log)), partition_log_start_offset(log));
}

static void take_loaded(struct log_dir *dir, const struct found_log *found, struct load_item *item)
{
    struct log_store *store = dir->store;
    const struct stored_log *other = store_find_name(store, slice_of_cstr(found->name));
    if (other != NULL) {
        snprintf(
            store->load_failure, sizeof store->load_failure,
            "Duplicate log directories for %.100s are found in both %.120s and %.120s. Recover "
            "from this by manually deleting one of the two directories.",
            found->name, other->dir->path, dir->path);
        return; /* the job frees it */
    }
    tell_recovery(item);
    partition_log_use_pool(item->log, store->pool);
    struct stored_log *stored = stored_log_add(dir, found->name, found->topic_len, found->partition,
                                               item->log, item->open.config);
    stored->high_watermark = bounded_high_watermark(item->log, found->high_watermark);
    stored->cleaned_offset = found->cleaned_offset;
    item->log = NULL;
    store->stats.loads += 1;
}

/* ---- the end of it --------------------------------------------------------------------------- */

static size_t loading_left(const struct log_store *store)
{
    size_t left = 0;
    for (size_t i = 0; i < store->dir_count; i++) {
        left += store->dirs[i].is_online ? store->dirs[i].loading : 0;
    }
    return left;
}

static void drop_offline_logs(struct log_store *store)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        LIST_FOR_EACH_SAFE(link, after, &dir->logs)
        {
            if (!dir->is_online) {
                stored_log_remove(CONTAINER_OF(link, struct stored_log, link));
            }
        }
    }
}

static void consider_end(struct log_store *store)
{
    if (!store->is_loading || loading_left(store) > 0 || store->is_stopping) {
        return;
    }
    store->is_loading = false;
    drop_offline_logs(store);
    store->stats.load_ns = runtime_now_ns(store->runtime) - store->load_began_ns;
    LOG("storage", LOG_INFO, "Loaded %zu logs in %" PRIu64 "ms", store->logs.count,
        store->stats.load_ns / 1000000);
    int error = 0;
    const char *text = "";
    if (store->load_failure[0] != '\0') {
        error = ERR_CONFIG;
        text = store->load_failure;
    } else if (log_store_offline_count(store) == store->dir_count) {
        error = ERR_IO;
        text = "Shutdown broker because all log dirs have failed";
    }
    store->is_loaded = error == 0;
    store->events.loaded(store->events.ctx, error, text);
}

static void load_finished(struct store_job *base)
{
    struct load_job *job = CONTAINER_OF(base, struct load_job, base);
    struct log_dir *dir = job->load->dir;
    for (size_t i = 0; i < job->count && dir->is_online; i++) {
        struct load_item *item = &job->items[i];
        if (item->error != 0) {
            char what[512];
            snprintf(what, sizeof what, "load %.200s: %.250s", item->open.dir, item->message.text);
            log_store_fail_dir(dir, item->error, what);
            break;
        }
        take_loaded(dir, &job->load->found.list[job->first + i], item);
        dir->loading -= 1;
    }
    tell_progress(dir);
    submit_load(job->load);
    consider_end(base->store);
}

static void tell_scan(const struct log_dir *dir)
{
    if (dir->load_total == 0) {
        LOG("storage", LOG_INFO, "No logs found to be loaded in %s", dir->path);
    } else if (dir->was_clean) {
        LOG("storage", LOG_INFO,
            "Skipping recovery of %zu logs from %s since clean shutdown file was found",
            dir->load_total, dir->path);
    } else {
        LOG("storage", LOG_INFO,
            "Recovering %zu logs from %s since no clean shutdown file was found", dir->load_total,
            dir->path);
    }
}

static void scan_finished(struct store_job *base)
{
    struct scan_job *job = CONTAINER_OF(base, struct scan_job, base);
    struct log_store *store = base->store;
    struct log_dir *dir = job->load->dir;
    dir->was_clean = job->was_clean;
    dir->loading = job->load->found.count;
    dir->load_total = dir->loading;
    if (job->error != 0) {
        log_store_fail_dir(dir, job->error, job->failed);
    } else {
        tell_scan(dir);
        LIST_FOR_EACH(link, &job->load->doomed)
        {
            const struct doomed_name *doomed = CONTAINER_OF(link, struct doomed_name, link);
            log_dir_add_doomed(dir, doomed->name, runtime_now_ns(store->runtime));
        }
        for (int32_t i = 0; i < MAX(store->tuning.recovery_jobs, 1); i++) {
            submit_load(job->load);
        }
    }
    consider_end(store);
}

void log_store_load(struct log_store *store)
{
    ASSERT(!store->is_loading && !store->is_loaded);
    store->is_loading = true;
    store->load_began_ns = runtime_now_ns(store->runtime);
    store->load_told_ns = store->load_began_ns;
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (!dir->is_online) {
            continue;
        }
        dir->loading = 1; /* until it is known */
        struct dir_load *load = mem_alloc_zeroed(sizeof *load);
        load->dir = dir;
        load->references = 1;
        list_init(&load->doomed);
        struct scan_job *job = mem_alloc_zeroed(sizeof *job);
        job->base.job.work = scan_work;
        job->base.finished = scan_finished;
        job->base.release = scan_release;
        job->load = load;
        job->path = dir->path;
        store_job_submit(store, LANE_ANY, &job->base);
    }
}

bool log_store_is_loaded(const struct log_store *store, size_t *left, size_t *total)
{
    *left = loading_left(store);
    *total = 0;
    for (size_t i = 0; i < store->dir_count; i++) {
        *total += store->dirs[i].load_total;
    }
    return store->is_loaded;
}
