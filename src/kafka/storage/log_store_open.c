/* log_store_open.c - taking the log directories: the lock, and meta.properties. See log_store.h. */
#include "kafka/storage/log_store_private.h"

#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/log_files.h"
#include "kafka/storage/segment_pool.h"

#define LOCK_NAME ".lock"

/* ---- a directory ----------------------------------------------------------------------------- */

/* Without a trailing slash, and absolute: a broker that changes its folder keeps its directories.
 */
static int set_path(struct log_dir *dir, const char *given, struct errmsg *message)
{
    struct runtime_machine machine;
    size_t len = strlen(given);
    int path_len;
    while (len > 1 && given[len - 1] == '/') {
        len -= 1;
    }
    if (len > 0 && given[0] == '/') {
        path_len = snprintf(dir->path, sizeof dir->path, "%.*s", (int)len, given);
    } else {
        runtime_machine(dir->store->runtime, &machine);
        path_len = snprintf(dir->path, sizeof dir->path, "%s/%.*s", machine.user_dir, (int)len,
                            given);
    }
    if (len == 0 || path_len >= (int)sizeof dir->path) {
        return errmsg_set(message, ERR_CONFIG,
                          "log.dirs: a path is empty or longer than %d bytes: %.100s",
                          LOG_DIR_PATH_MAX - 1, given);
    }
    return 0;
}

/* Makes the folder and its name durable; a name above it that cannot be synced is somebody else's.
 */
static int make_folder(struct log_dir *dir)
{
    struct runtime *runtime = dir->store->runtime;
    struct path_info info;
    char parent[LOG_DIR_PATH_MAX];
    int error = path_stat(runtime, dir->path, &info);
    if (error == 0) {
        return info.is_directory ? 0 : ERR_NOT_DIRECTORY;
    }
    if (error != ERR_NOT_FOUND) {
        return error;
    }
    LOG("storage", LOG_INFO, "Log directory %s not found, creating it.", dir->path);
    error = directory_create(runtime, dir->path);
    if (error != 0) {
        return error;
    }
    snprintf(parent, sizeof parent, "%s", dir->path);
    for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
        *slash = '\0';
        if (directory_sync(runtime, parent[0] == '\0' ? "/" : parent) != 0) {
            break;
        }
    }
    return 0;
}

static int take_lock(struct log_dir *dir)
{
    char path[PATH_TEXT_MAX];
    log_dir_join(path, dir, LOCK_NAME);
    int error = file_open(dir->store->runtime, path, FILE_READ | FILE_WRITE | FILE_CREATE,
                          &dir->lock);
    if (error != 0) {
        return error;
    }
    error = file_lock(dir->lock);
    if (error != 0) {
        file_close(dir->lock);
        dir->lock = NULL;
    }
    return error;
}

static int read_meta(struct log_dir *dir, struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    struct buffer text;
    struct log_store *store = dir->store;
    size_t idx = log_dir_index(dir);
    log_dir_join(path, dir, META_PROPERTIES_NAME);
    buffer_init(&text, META_PROPERTIES_BYTES_MAX);
    int error = log_file_read_all(store->runtime, path, META_PROPERTIES_BYTES_MAX, &text);
    if (error == 0) {
        error = meta_properties_parse(buffer_slice(&text), path, &store->dir_metas[idx], message);
        store->dir_has_meta[idx] = error == 0;
    } else if (error == ERR_NOT_FOUND) {
        LOG("storage", LOG_INFO, "No %s file found in %s.", META_PROPERTIES_NAME, dir->path);
        error = 0;
    }
    buffer_release(&text);
    return error;
}

/* A directory that cannot be used is left out. What a second start would not mend ends the broker.
 */
static int open_dir(struct log_dir *dir, struct errmsg *message)
{
    struct log_store *store = dir->store;
    const char *what = "use the log directory";
    meta_properties_init(&store->dir_metas[log_dir_index(dir)]);
    dir->room_bytes = UINT64_MAX;
    dir->is_online = true;
    int error = make_folder(dir);
    if (error == 0) {
        what = "lock the log directory";
        error = take_lock(dir);
        if (error == ERR_IN_USE) {
            return errmsg_set(
                message, error,
                "Failed to acquire lock on file .lock in %s. A Kafka instance in another "
                "process or thread is using this directory.",
                dir->path);
        }
    }
    if (error == 0) {
        what = "read " META_PROPERTIES_NAME;
        error = read_meta(dir, message);
        if (error == ERR_CONFIG) {
            return error;
        }
    }
    if (error != 0) {
        dir->is_online = false;
        snprintf(dir->failure, sizeof dir->failure, "cannot %s: %s (%s)", what, error_text(error),
                 runtime_error_detail());
        LOG("storage", LOG_ERROR,
            "Log directory %s is out of service: %s. Check that the path exists and that this "
            "user may write there.",
            dir->path, dir->failure);
    }
    return 0;
}

static int check_duplicates(const struct log_store *store, struct errmsg *message)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(store->dirs[i].path, store->dirs[k].path) == 0) {
                return errmsg_set(message, ERR_CONFIG, "Duplicate log directory found: %s",
                                  store->dirs[i].path);
            }
        }
    }
    return 0;
}

/* MetaPropertiesEnsemble.verify: what two directories say of themselves must agree. */
static int check_agreement(struct log_store *store, struct errmsg *message)
{
    const struct log_dir *first = NULL;
    for (size_t i = 0; i < store->dir_count; i++) {
        const struct meta_properties *meta = &store->dir_metas[i];
        const struct log_dir *dir = &store->dirs[i];
        if (!dir->is_online || !store->dir_has_meta[i]) {
            continue;
        }
        if (first == NULL) {
            first = dir;
            store->meta = *meta;
            continue;
        }
        if (meta->broker_id != store->meta.broker_id ||
            strcmp(meta->cluster_id, store->meta.cluster_id) != 0) {
            return errmsg_set(message, ERR_CONFIG,
                              "meta.properties is not consistent across log.dirs: %s has "
                              "broker.id=%d cluster.id=%s, "
                              "and %s has broker.id=%d cluster.id=%s. This could happen if "
                              "multiple brokers shared "
                              "a log directory (log.dirs) or partial data was manually copied from "
                              "another broker.",
                              first->path, store->meta.broker_id, store->meta.cluster_id, dir->path,
                              meta->broker_id, meta->cluster_id);
        }
    }
    return 0;
}

static int open_dirs(struct log_store *store,
                     const struct log_store_options *options,
                     struct errmsg *message)
{
    for (size_t i = 0; i < store->dir_count; i++) {
        store->dirs[i].store = store;
        list_init(&store->dirs[i].logs);
        list_init(&store->dirs[i].to_remove);
        log_dir_init_freed_names(&store->dirs[i]);
    }
    for (size_t i = 0; i < store->dir_count; i++) {
        int error = set_path(&store->dirs[i], options->dirs[i], message);
        if (error != 0) {
            return error;
        }
    }
    int error = check_duplicates(store, message);
    for (size_t i = 0; i < store->dir_count && error == 0; i++) {
        error = open_dir(&store->dirs[i], message);
    }
    if (error == 0 && log_store_offline_count(store) == store->dir_count) {
        const struct log_dir *last = &store->dirs[store->dir_count - 1];
        error = errmsg_set(
            message, ERR_IO,
            "Shutdown broker because none of the specified log dirs can be created or "
            "validated; of %s: %s",
            last->path, last->failure);
    }
    return error == 0 ? check_agreement(store, message) : error;
}

/* Half of the process's descriptors are for connections and the rest. */
static size_t segment_budget(struct runtime *runtime, const struct log_store_tuning *tuning)
{
    struct runtime_machine machine;
    int64_t budget = tuning->open_segments_max;
    runtime_machine(runtime, &machine);
    if (machine.open_files_max > 0) {
        budget = MIN(budget, machine.open_files_max / 2);
    }
    return (size_t)MAX(budget, INT64_C(16));
}

int log_store_open(struct runtime *runtime,
                   const struct log_store_options *options,
                   struct log_store **opened,
                   struct errmsg *message)
{
    if (options->dir_count == 0 || options->dir_count > LOG_STORE_DIRS_MAX) {
        return errmsg_set(message, ERR_CONFIG, "log.dirs: 1 to %d directories are needed",
                          LOG_STORE_DIRS_MAX);
    }
    struct log_store *store = mem_alloc_zeroed(sizeof *store);
    store->runtime = runtime;
    store->tuning = options->tuning;
    store->events = options->events;
    store->dir_count = options->dir_count;
    store->dirs = mem_alloc_zeroed(store->dir_count * sizeof *store->dirs);
    store->dir_metas = mem_alloc_zeroed(store->dir_count * sizeof *store->dir_metas);
    store->dir_has_meta = mem_alloc_zeroed(store->dir_count * sizeof *store->dir_has_meta);
    store->broker_epoch = -1;
    meta_properties_init(&store->meta);
    list_init(&store->jobs);
    store->pool = segment_pool_new(segment_budget(runtime, &options->tuning));
    runtime_random(runtime, &store->name_key, sizeof store->name_key);
    bytes_map_init(&store->logs, store->name_key);
    store->timer.runtime = runtime; /* its function comes with the upkeep */
    int error = open_dirs(store, options, message);
    if (error != 0) {
        log_store_release(store);
        return error;
    }
    *opened = store;
    return 0;
}

/* ---- whose directories they are -------------------------------------------------------------- */

static int check_settled(const struct log_store *store,
                         int32_t broker_id,
                         const char *cluster_id,
                         struct errmsg *message)
{
    const struct meta_properties *meta = &store->meta;
    if (meta->cluster_id[0] != '\0' && strcmp(meta->cluster_id, cluster_id) != 0) {
        return errmsg_set(
            message, ERR_CONFIG,
            "The Cluster ID %s doesn't match stored clusterId %s in "
            "meta.properties. The broker is trying to join the wrong cluster. Configured "
            "zookeeper.connect may be wrong.",
            cluster_id, meta->cluster_id);
    }
    if (meta->broker_id >= 0 && meta->broker_id != broker_id) {
        return errmsg_set(
            message, ERR_CONFIG,
            "Configured broker.id %d doesn't match stored broker.id %d in "
            "meta.properties. If you moved your data, make sure your configured "
            "broker.id matches. If you intend to create a new broker, you should remove "
            "all data in your data directories (log.dirs).",
            broker_id, meta->broker_id);
    }
    return 0;
}

static int write_meta(struct log_dir *dir, const struct meta_properties *meta)
{
    struct log_store *store = dir->store;
    struct buffer text;
    buffer_init(&text, META_PROPERTIES_BYTES_MAX);
    meta_properties_print(meta, runtime_wall_ms(store->runtime), &text);
    LOG("storage", LOG_INFO,
        "Writing out %s meta.properties file in %s: broker.id=%d cluster.id=%s",
        store->dir_has_meta[log_dir_index(dir)] ? "changed" : "new", dir->path, meta->broker_id,
        meta->cluster_id);
    int error = log_file_replace(store->runtime, dir->path, META_PROPERTIES_NAME,
                                 buffer_slice(&text), true);
    buffer_release(&text);
    return error;
}

int log_store_settle(struct log_store *store,
                     int32_t broker_id,
                     const char *cluster_id,
                     struct errmsg *message)
{
    ASSERT(broker_id >= 0);
    if (strlen(cluster_id) >= META_ID_MAX) {
        return errmsg_set(message, ERR_CONFIG, "the cluster id is longer than %d bytes: %.100s",
                          META_ID_MAX - 1, cluster_id);
    }
    int error = check_settled(store, broker_id, cluster_id, message);
    if (error != 0) {
        return error;
    }
    store->meta.broker_id = broker_id;
    snprintf(store->meta.cluster_id, sizeof store->meta.cluster_id, "%s", cluster_id);
    for (size_t i = 0; i < store->dir_count; i++) {
        struct log_dir *dir = &store->dirs[i];
        struct meta_properties wanted = store->meta;
        snprintf(wanted.directory_id, sizeof wanted.directory_id, "%s",
                 store->dir_metas[i].directory_id);
        if (!dir->is_online ||
            (store->dir_has_meta[i] && meta_properties_equal(&wanted, &store->dir_metas[i]))) {
            continue;
        }
        error = write_meta(dir, &wanted);
        if (error != 0) {
            return errmsg_set(message, error, "cannot write %s/%s: %s (%s)", dir->path,
                              META_PROPERTIES_NAME, error_text(error), runtime_error_detail());
        }
        store->dir_metas[i] = wanted;
        store->dir_has_meta[i] = true;
    }
    return 0;
}
