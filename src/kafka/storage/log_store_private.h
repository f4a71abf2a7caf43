/* log_store_private.h - shared between the files of log_store. */
#ifndef KAFKA_STORAGE_LOG_STORE_PRIVATE_H
#define KAFKA_STORAGE_LOG_STORE_PRIVATE_H

#include "kafka/storage/log_store.h"
#include "kafka/storage/meta_properties.h"
#include "kafka/storage/offset_checkpoint.h"
#include "kafka/storage/segment_pool.h"
#include "runtime/log.h"

#define FOLDER_NAME_MAX 256 /* with the NUL */
#define CLEAN_SHUTDOWN_NAME ".kafka_cleanshutdown"
#define DELETE_SUFFIX "-delete"
#define FUTURE_SUFFIX "-future"
#define STRAY_SUFFIX "-stray"

#define STORE_TASKS_MAX 12

/* Work off the loop. `release` frees it, worked or not: after `done`, or with the store when it
 * never came to that. */
struct store_job {
    struct runtime_job job;
    struct list link; /* log_store.jobs */
    struct log_store *store;
    void (*finished)(struct store_job *job); /* on the loop, unless the store is detached */
    void (*release)(struct store_job *job);
};

enum checkpoint_kind {
    CHECKPOINT_RECOVERY,
    CHECKPOINT_START,
    CHECKPOINT_HIGH_WATERMARK,
    CHECKPOINT_CLEANER,
    CHECKPOINT_KINDS,
};

/* One period of upkeep. */
struct store_task {
    void (*run)(struct log_store *store);
    const int64_t *period_ms; /* of tuning */
    uint64_t due_ns;
};

struct log_cleaner;

struct log_store {
    struct runtime *runtime;
    struct log_store_tuning tuning;
    struct log_store_events events;
    struct log_dir *dirs;
    size_t dir_count;
    struct meta_properties meta; /* of the directories, or what was settled */
    struct meta_properties *dir_metas;
    bool *dir_has_meta;
    struct hash_key name_key;  /* clients choose names */
    struct bytes_map logs;     /* by name */
    struct segment_pool *pool; /* of all logs */
    struct list jobs;
    struct log_store_stats stats;

    struct runtime_timer timer; /* tasks */
    struct store_task tasks[STORE_TASKS_MAX];
    size_t task_count;

    bool is_loading;
    bool is_loaded;
    bool is_upkept;
    bool is_stopping;
    bool is_detached;
    uint64_t load_began_ns;
    uint64_t load_told_ns;  /* progress was logged */
    char load_failure[512]; /* not a directory's: two folders of one partition */

    uint64_t checkpoint_hash[LOG_STORE_DIRS_MAX][CHECKPOINT_KINDS]; /* of what is written */
    bool checkpoint_busy[LOG_STORE_DIRS_MAX];

    struct log_cleaner *cleaner; /* NULL: off */
    struct {
        struct log_dir *dir; /* NULL: before the first */
        struct list *next;
        bool is_running;
    } sweep; /* retention goes over the logs in slices */

    int64_t broker_epoch;
    size_t stop_jobs;
    bool is_closing;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* ---- log_store.c ---- */

void store_job_submit(struct log_store *store, enum runtime_lane lane, struct store_job *job);
size_t log_dir_index(const struct log_dir *dir);
void log_dir_join(char path[PATH_TEXT_MAX], const struct log_dir *dir, const char *name);
struct stored_log *stored_log_add(struct log_dir *dir,
                                  const char *name,
                                  size_t topic_len,
                                  int32_t partition,
                                  struct partition_log *log,
                                  const struct topic_config *config);
struct stored_log *store_find_name(const struct log_store *store, struct slice name);

/* Takes it out of the store and frees it; its log is released without touching the disk. */
void stored_log_remove(struct stored_log *stored);
int64_t stored_log_high_watermark(const struct stored_log *stored);

/* "orders-eu-3" -> 9, 3; false when it is no partition's folder. */
bool folder_name_split(const char *name, size_t *topic_len, int32_t *partition);

/* ---- log_store_delete.c ---- */

void log_dir_init_freed_names(struct log_dir *dir);

/* A log of this name is to be made: makes durable that the last one of that name has lost it. A
 * directory where that fails goes offline. */
void log_store_claim_name(struct log_store *store, struct slice name);

void log_store_submit_removals(struct log_dir *dir);
void log_dir_add_doomed(struct log_dir *dir, const char *name, uint64_t due_ns);
void log_dir_release_doomed(struct log_dir *dir);

/* ---- log_store_upkeep.c ---- */

/* The text of one checkpoint as things stand. */
void log_dir_format_checkpoint(const struct log_dir *dir,
                               enum checkpoint_kind kind,
                               struct buffer *out);
extern const char *const checkpoint_names[CHECKPOINT_KINDS];

/* Writes it in a job when it has changed, unless one of the directory is being written. */
void log_dir_checkpoint(struct log_dir *dir, enum checkpoint_kind kind);

/* ---- log_store_stop.c ---- */

/* A job has ended while the store stops: is it the last? */
void log_store_stop_step(struct log_store *store);

#endif
