/* partition.h - a partition that this broker hosts: its log, its leadership, who waits for it.
 *
 * Model: the partition knows leader_epoch and high_watermark; appends and reads go through it. Who
 * waits is kept here: Produce with acks=all until the high watermark passes its last offset, Fetch
 * until there is enough to read, DeleteRecords. With one replica the high watermark is
 * flushed_offset (flush.before.ack) or the log's end.
 *
 * Flushing is a group commit: partitions with unflushed bytes are collected in a turn, and one job
 * flushes all of them; the next batch collects meanwhile.
 *
 * Source: Partition, ReplicaManager, DelayedProduce, DelayedFetch of Apache Kafka 3.9.
 */
#ifndef KAFKA_SERVER_PARTITION_H
#define KAFKA_SERVER_PARTITION_H

#include "base/list.h"
#include "kafka/storage/log_store.h"
#include "kafka/storage/partition_log.h"

struct broker;
struct topic;
struct flusher; /* partition.c */

struct partition {
    struct list link;       /* all partitions of the broker */
    struct list dirty_link; /* has unflushed bytes that somebody wants on disk, or is flushed now */
    struct list write_link; /* has appends that the turn's end writes */
    struct list changed_link; /* its waiters look again at the turn's end */
    struct broker *broker;
    struct topic *topic; /* the hosting topic's name, id and config: topics.h; NULL once removed */
    int32_t index;
    struct stored_log *stored; /* log_store.h; NULL while the directory is offline */
    struct log_dir *dir;       /* which log directory holds it */
    struct partition_log *log; /* NULL while the directory is offline */
    bool is_leader;
    bool is_offline; /* its directory failed: KAFKA_STORAGE_ERROR */
    int32_t leader_epoch;
    int64_t leader_epoch_start; /* the log's end when the leadership began */
    int64_t high_watermark;
    bool flushing;
    bool is_removed;       /* freed when the flush that is under way has ended */
    bool deletes_log;      /* with is_removed */
    int64_t wanted_offset; /* a flush up to here is asked for */
    int64_t since_flush;   /* records appended since the last flush: flush.messages */
    struct log_flush flush;
    struct list waiters; /* struct partition_waiter */
};

/* Something that looks again when the partition moves (high watermark, log start, leadership, end).
 * `woken` may remove the waiter, answer the request, and add others. A waiter whose partition is
 * removed is woken with is_leader false, and must let go of it. */
struct partition_waiter {
    struct list link;
    void (*woken)(struct partition_waiter *waiter, struct partition *partition);
};

/* ---- life ------------------------------------------------------------------------------------ */

/* Hangs itself at stored->owner and into broker->partitions. Not yet led. */
struct partition *partition_create(struct broker *broker,
                                   struct topic *topic,
                                   int32_t index,
                                   struct stored_log *stored);

/* Leadership begins (or goes on in a new epoch): remembers the epoch in the log and serves. */
void partition_lead(struct partition *partition, int32_t leader_epoch);
void partition_end_leadership(struct partition *partition);

/* Lets everybody go, and frees the partition, at once or when its flush has ended. With `deletes`
 * the log is then given to log_store_delete. The topic may be freed when this returns. */
void partition_remove(struct partition *partition, bool deletes);

/* The directory failed under it: to be called for each of its partitions from
 * log_store_events.dir_failed. The log is forgotten (log_store_forget), at once or when its flush
 * has ended; the partition stays and answers KAFKA_STORAGE_ERROR. */
void partition_go_offline(struct partition *partition);

/* ---- use ------------------------------------------------------------------------------------- */

void partition_wait(struct partition *partition, struct partition_waiter *waiter);
void partition_wait_end(struct partition_waiter *waiter);

/* Appends as the leader, asks for a flush when needed, wakes whom it concerns at the turn's end.
 * With may_wait the write itself waits until then: for those who are answered by the high
 * watermark, or not at all.
 * result->error is NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR or what the log says. */
void partition_append(struct partition *partition,
                      const struct append_request *request,
                      struct append_result *result);

/* The upper bound for a reader: high watermark or last stable offset. */
int64_t partition_read_limit(const struct partition *partition, bool read_committed);

/* Something moved outside of partition_append (retention, DeleteRecords): waiters look again. */
void partition_changed(struct partition *partition);

/* Flushes what is there, soon (flush.ms; a configuration that now wants it). */
void partition_want_flush(struct partition *partition);

/* ---- the group commit ------------------------------------------------------------------------ */

/* broker->flusher: made before the first partition. flusher_detach lets go of the runtime,
 * flusher_release comes after the partitions. */
struct flusher *flusher_create(struct broker *broker);
void flusher_detach(struct flusher *flusher);
void flusher_release(struct flusher *flusher);
/* `done` is called when no flush is under way and none is wanted (at once, perhaps): before
 * log_store_stop. */
void flusher_settle(struct flusher *flusher, void (*done)(void *ctx), void *ctx);

struct flusher_stats {
    uint64_t jobs;
    uint64_t logs;    /* flushed, of all jobs */
    uint64_t ns_last; /* from a job's start to its end */
    uint64_t ns_max;
    uint64_t ns_total;
};
const struct flusher_stats *flusher_stats(const struct flusher *flusher);

/* Writes what this turn has appended, wakes the waiters of what has changed and starts a flush when
 * one is wanted: connection.c's turn end. */
void partitions_turn_end(struct broker *broker);

/* Frees every partition without touching the disk: broker_release. */
void partitions_release(struct broker *broker);

#endif
