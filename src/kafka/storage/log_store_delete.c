/* log_store_delete.c - deleted logs: a folder gets another name at once, and is removed later.
 *
 * A deleted log's folder is renamed to TOPIC-PARTITION.UUID-delete, so that its name is free again
 * and whoever still sends from its files may finish; file.delete.delay.ms later a job removes it,
 * one folder of a directory at a time.
 *
 * WHAT A POWER CUT DOES. The rename is not synced, so a cut may bring the log back under its name,
 * and the server deletes it again. That ends where a new log takes the name: the cut would bring
 * back the old one's records as the new one's. So names whose renaming no sync has covered are kept
 * in mind (log_dir.freed_names), and the directory is synced before a log is made, there or in
 * another directory, that has one of them. The removals sync it, too, so what is kept in mind is
 * what was deleted within file.delete.delay.ms.
 */
#include "kafka/storage/log_store_private.h"

#include <stdio.h>

#include "base/memory.h"

#define SYNC_WHAT "make the names of deleted logs durable" /* cannot ... */

/* ---- freed names ----------------------------------------------------------------------------- */

static void add_freed_name(struct log_dir *dir, const char *text)
{
    struct slice name = slice_of_cstr(text);
    if (bytes_map_get(&dir->freed_names, name) != NULL) {
        return;
    }
    char *kept = memcpy(mem_alloc(name.len + 1), text, name.len + 1);
    bytes_map_add(&dir->freed_names, slice_of(kept, name.len), kept);
    dir->freed_count += 1;
}

static void forget_freed_names(struct log_dir *dir)
{
    struct slice name;
    void *kept;
    size_t position = 0;
    while (bytes_map_next(&dir->freed_names, &position, &name, &kept)) {
        mem_free(kept, name.len + 1);
    }
    bytes_map_release(&dir->freed_names);
    log_dir_init_freed_names(dir);
}

void log_dir_init_freed_names(struct log_dir *dir)
{
    bytes_map_init(&dir->freed_names, dir->store->name_key);
}

void log_store_claim_name(struct log_store *store, struct slice name)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        if (LIKELY(!dir->is_online || bytes_map_get(&dir->freed_names, name) == NULL)) {
            continue;
        }
        int error = directory_sync(store->runtime, dir->path);
        if (error != 0) {
            log_store_fail_dir(dir, error, SYNC_WHAT);
        } else {
            forget_freed_names(dir);
        }
    }
}

/* ---- deleting -------------------------------------------------------------------------------- */

/* "TOPIC-PARTITION.UUID-delete", the topic cut where the whole would be too long for a name
 * (UnifiedLog.logDeleteDirName). */
static void doomed_name(struct log_store *store,
                        const struct stored_log *stored,
                        char name[FOLDER_NAME_MAX])
{
    uint8_t id[16];
    char suffix[80];
    char hex[2 * sizeof id + 1];
    runtime_random(store->runtime, id, sizeof id);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    int suffix_len = snprintf(suffix, sizeof suffix, "-%d.%s" DELETE_SUFFIX, stored->partition,
                              hex);
    size_t topic_len = MIN(stored->topic.len, (size_t)(FOLDER_NAME_MAX - 1 - suffix_len));
    snprintf(name, FOLDER_NAME_MAX, "%.*s%s", (int)topic_len, stored->name, suffix);
}

void log_store_delete(struct log_store *store, struct stored_log *stored)
{
    struct log_dir *dir = stored->dir;
    char from[PATH_TEXT_MAX];
    char to[PATH_TEXT_MAX];
    char name[FOLDER_NAME_MAX];
    doomed_name(store, stored, name);
    log_dir_join(from, dir, stored->name);
    log_dir_join(to, dir, name);
    int64_t delay_ms = MAX(stored->config->file_delete_delay_ms, INT64_C(0));
    LOG("storage", LOG_INFO,
        "Log for partition %s is renamed to %s/%s and is scheduled for deletion", stored->name,
        dir->path, name);
    add_freed_name(dir, stored->name);
    stored_log_remove(stored);
    int error = path_rename(store->runtime, from, to);
    if (error != 0) {
        char what[PATH_TEXT_MAX + 32];
        snprintf(what, sizeof what, "rename the deleted log %s", from);
        log_store_fail_dir(dir, error, what);
        return;
    }
    uint64_t delay_ns = (uint64_t)MIN(delay_ms, INT64_C(1) << 40) * 1000000;
    log_dir_add_doomed(dir, name, runtime_now_ns(store->runtime) + delay_ns);
}

/* ---- deleted folders ------------------------------------------------------------------------- */

struct doomed_folder {
    struct list link; /* log_dir.to_remove, by due_ns */
    uint64_t due_ns;
    char name[FOLDER_NAME_MAX];
};

struct remove_job {
    struct store_job base;
    struct log_dir *dir;
    char path[PATH_TEXT_MAX];
    bool syncs_dir;       /* names were freed, and no sync has covered that yet */
    uint64_t freed_count; /* so many, up to then */
    int sync_error;
    int error;
};

void log_dir_add_doomed(struct log_dir *dir, const char *name, uint64_t due_ns)
{
    struct doomed_folder *doomed = mem_alloc_zeroed(sizeof *doomed);
    snprintf(doomed->name, sizeof doomed->name, "%s", name);
    doomed->due_ns = due_ns;
    struct list *before = dir->to_remove.prev;
    while (before != &dir->to_remove &&
           CONTAINER_OF(before, struct doomed_folder, link)->due_ns > due_ns) {
        before = before->prev;
    }
    list_append(before->next, &doomed->link);
}

void log_dir_release_doomed(struct log_dir *dir)
{
    struct list *link;
    while ((link = list_pop(&dir->to_remove)) != NULL) {
        struct doomed_folder *doomed = CONTAINER_OF(link, struct doomed_folder, link);
        mem_free(doomed, sizeof *doomed);
    }
    forget_freed_names(dir);
}

static void remove_one(void *ctx, const char *name)
{
    struct remove_job *job = ctx;
    char path[2 * PATH_TEXT_MAX];
    snprintf(path, sizeof path, "%s/%s", job->path, name);
    int error = path_remove(job->base.store->runtime, path);
    if (error != 0 && error != ERR_NOT_FOUND && job->error == 0) {
        job->error = error;
    }
}

static void remove_work(struct runtime_job *runtime_job)
{
    struct store_job *base = CONTAINER_OF(runtime_job, struct store_job, job);
    struct remove_job *job = CONTAINER_OF(base, struct remove_job, base);
    struct runtime *runtime = base->store->runtime;
    if (job->syncs_dir) {
        job->sync_error = directory_sync(runtime, job->dir->path);
        if (job->sync_error != 0) {
            return;
        }
    }
    int error = directory_list(runtime, job->path, remove_one, job);
    if (error == 0 && job->error == 0) {
        error = path_remove(runtime, job->path);
    }
    if (job->error == 0 && error != ERR_NOT_FOUND) {
        job->error = error;
    }
}

static void remove_finished(struct store_job *base)
{
    struct remove_job *job = CONTAINER_OF(base, struct remove_job, base);
    job->dir->is_removing = false;
    if (job->sync_error != 0) {
        log_store_fail_dir(job->dir, job->sync_error, SYNC_WHAT);
        return;
    }
    if (job->syncs_dir && job->freed_count == job->dir->freed_count) {
        forget_freed_names(job->dir);
    }
    if (job->error == 0) {
        LOG("storage", LOG_INFO, "Deleted log in %s.", job->path);
        log_store_submit_removals(job->dir);
    } else if (job->dir->is_online) {
        LOG("storage", LOG_WARN, "cannot remove the deleted log %s: %s; the next start tries again",
            job->path, error_text(job->error));
    }
}

static void remove_release(struct store_job *base)
{
    struct remove_job *job = CONTAINER_OF(base, struct remove_job, base);
    mem_free(job, sizeof *job);
}

void log_store_submit_removals(struct log_dir *dir)
{
    struct log_store *store = dir->store;
    if (dir->is_removing || !dir->is_online || store->is_stopping ||
        list_is_empty(&dir->to_remove)) {
        return;
    }
    struct doomed_folder *doomed = CONTAINER_OF(dir->to_remove.next, struct doomed_folder, link);
    if (doomed->due_ns > runtime_now_ns(store->runtime)) {
        return;
    }
    struct remove_job *job = mem_alloc_zeroed(sizeof *job);
    job->base.job.work = remove_work;
    job->base.finished = remove_finished;
    job->base.release = remove_release;
    job->dir = dir;
    job->syncs_dir = dir->freed_names.count > 0;
    job->freed_count = dir->freed_count;
    log_dir_join(job->path, dir, doomed->name);
    list_remove(&doomed->link);
    mem_free(doomed, sizeof *doomed);
    dir->is_removing = true;
    store_job_submit(store, LANE_ANY, &job->base);
}
