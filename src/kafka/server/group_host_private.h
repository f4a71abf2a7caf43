/* group_host_private.h - what group_host.c, group_load_log.c and group_topic.c share. */
#ifndef KAFKA_SERVER_GROUP_HOST_PRIVATE_H
#define KAFKA_SERVER_GROUP_HOST_PRIVATE_H

#include "base/map.h"
#include "kafka/server/group_host.h"
#include "kafka/server/partition.h"
#include "runtime/runtime.h"

#define GROUP_OUTBOXES_MAX 4

struct group_host {
    struct broker *broker;
    bool is_stopped;
    bool is_creating_topic;
    struct hash_key hash_key;
    struct u64_map shards; /* partition -> struct group_shard */
    struct list leaving;   /* shards that are dropped, and read by a job */
    struct list calls;
    struct buffer batch; /* an append's */
    struct group_outbox *outboxes[GROUP_OUTBOXES_MAX];
    size_t outbox_count;
    uint64_t load_ns_max;
};

/* An append that the coordinator waits for. */
struct shard_append {
    struct list link;
    uint64_t id;
    int16_t error; /* of a refused one */
    int64_t base_offset;
    int64_t last_offset;
    uint64_t deadline_ms;
    bool is_late; /* the coordinator has been told */
};

struct group_shard {
    struct group_host *host;
    struct partition *partition; /* NULL once dropped */
    int32_t index;
    struct group_coordinator coordinator;
    struct partition_waiter waiter; /* always waiting */
    struct runtime_timer timer;
    uint64_t timer_ms;
    struct list appends; /* in order of their offsets */
    struct list refused;
    uint32_t steps_under_way; /* it is not freed under them */
    bool is_dropped;
    struct list leaving_link;

    /* loading: group_load_log.c */
    struct runtime_job job;
    bool is_reading; /* the job is under way */
    bool is_read;    /* up to load_end: the high watermark is waited for */
    struct log_range range;
    int read_error;
    uint8_t *bytes;
    size_t bytes_cap;
    struct buffer unpacked;
    int64_t next_offset;
    int64_t load_end;
    uint64_t load_began_ns;
    uint64_t records_read;
    uint64_t records_bad;
};

void shard_drop(struct group_shard *shard);
void shard_free_if_unused(struct group_shard *shard);

void shard_load_begin(struct group_shard *shard);
/* The high watermark has moved. */
void shard_load_go_on(struct group_shard *shard);
void shard_load_release(struct group_shard *shard);

#endif
