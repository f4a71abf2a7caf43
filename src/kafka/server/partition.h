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
#include "kafka/storage/partition_log.h"

struct broker;

struct partition {
    struct list link;       /* all partitions of the broker */
    struct list dirty_link; /* has unflushed bytes that somebody wants on disk */
    struct broker *broker;
    struct topic *topic; /* the hosting topic's name, id and config: topics.h */
    int32_t index;
    struct log_dir *dir;       /* which log directory holds it */
    struct partition_log *log; /* NULL while the directory is offline */
    bool is_leader;
    bool is_offline; /* its directory failed: KAFKA_STORAGE_ERROR */
    int32_t leader_epoch;
    int64_t high_watermark;
    bool flushing;
    struct log_flush flush;
    struct list waiters; /* struct partition_waiter */
};

/* Something that looks again when the partition moves (high watermark, log start, leadership, end).
 * `woken` may remove the waiter, answer the request, and add others. */
struct partition_waiter {
    struct list link;
    void (*woken)(struct partition_waiter *waiter, struct partition *partition);
};

void partition_wait(struct partition *partition, struct partition_waiter *waiter);
void partition_wait_end(struct partition_waiter *waiter);

/* Appends as the leader, asks for a flush when needed, wakes whom it concerns at the turn's end.
 * result->error is NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR or what the log says. */
void partition_append(struct partition *partition,
                      const struct append_request *request,
                      struct append_result *result);

/* The upper bound for a reader: high watermark or last stable offset. */
int64_t partition_read_limit(const struct partition *partition, bool read_committed);

/* The host's directory failed under it. */
void partition_go_offline(struct partition *partition);

#endif
