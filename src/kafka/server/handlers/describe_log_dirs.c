/* describe_log_dirs.c - what lies in which log directory, how large it is and how much room is
 * left; and AlterReplicaLogDirs, which this version cannot do.
 *
 * Source: ReplicaManager.describeLogDirs, alterReplicaLogDirs of 3.9.
 */
#include <stdlib.h>

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/handlers.h"
#include "kafka/storage/log_store.h"

typedef struct kafka_describe_log_dirs_response_log_dir dir_entry;
typedef struct kafka_describe_log_dirs_response_topic topic_entry;
typedef struct kafka_describe_log_dirs_response_partition partition_entry;

/* ---- DescribeLogDirs ------------------------------------------------------------------------- */

static int compare_logs(const void *a, const void *b)
{
    const struct stored_log *const *x = a;
    const struct stored_log *const *y = b;
    int order = slice_compare((*x)->topic, (*y)->topic);
    if (order != 0) {
        return order;
    }
    return ((*x)->partition > (*y)->partition) - ((*x)->partition < (*y)->partition);
}

/* The logs of a directory that are asked for, by topic and partition. */
static size_t wanted_logs(struct request *request,
                          const struct log_dir *dir,
                          const struct stored_log ***logs)
{
    const struct kafka_describe_log_dirs_request *body = request->body;
    const struct log_store *store = request->broker->logs;
    size_t count = 0;
    size_t named = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        named += (size_t)body->topics[i].partitions_count;
    }
    size_t room = body->topics_count < 0 ? dir->log_count : named;
    *logs = ARENA_ARRAY(&request->arena, const struct stored_log *, room + 1);
    if (body->topics_count < 0) {
        LIST_FOR_EACH(link, &dir->logs)
        {
            if (count < room) {
                (*logs)[count++] = CONTAINER_OF(link, struct stored_log, link);
            }
        }
    }
    for (int32_t i = 0; i < body->topics_count; i++) {
        for (int32_t j = 0; j < body->topics[i].partitions_count; j++) {
            const struct stored_log *log = log_store_find(store, body->topics[i].topic,
                                                          body->topics[i].partitions[j]);
            if (log != NULL && log->dir == dir) {
                (*logs)[count++] = log;
            }
        }
    }
    qsort(*logs, count, sizeof **logs, compare_logs);
    return count;
}

static void fill_dir(struct request *request, const struct log_dir *dir, dir_entry *out)
{
    const struct stored_log **logs;
    size_t count = wanted_logs(request, dir, &logs);
    topic_entry *topic = NULL;
    out->topics = ARENA_ARRAY(&request->arena, topic_entry, count + 1);
    partition_entry *partitions = ARENA_ARRAY(&request->arena, partition_entry, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_logs(&logs[i - 1], &logs[i]) == 0) {
            continue; /* asked for twice */
        }
        if (topic == NULL || !slice_equal(topic->name, logs[i]->topic)) {
            topic = &out->topics[out->topics_count++];
            codec_init(&kafka_describe_log_dirs_response_topic_message, topic);
            topic->name = logs[i]->topic;
            topic->partitions = &partitions[i];
        }
        partition_entry *partition = &topic->partitions[topic->partitions_count++];
        codec_init(&kafka_describe_log_dirs_response_partition_message, partition);
        partition->partition_index = logs[i]->partition;
        partition->partition_size = logs[i]->log == NULL
                                        ? 0
                                        : (int64_t)partition_log_size(logs[i]->log);
    }
    out->total_bytes = (int64_t)MIN(dir->total_bytes, (uint64_t)INT64_MAX);
    out->usable_bytes = (int64_t)MIN(dir->free_bytes, (uint64_t)INT64_MAX);
}

void handle_describe_log_dirs(struct broker *broker, struct request *request)
{
    struct kafka_describe_log_dirs_response response;
    size_t dir_count = log_store_dir_count(broker->logs);
    codec_init(&kafka_describe_log_dirs_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    response.results = ARENA_ARRAY(&request->arena, dir_entry, dir_count + 1);
    for (size_t i = 0; i < dir_count; i++) {
        const struct log_dir *dir = log_store_dir(broker->logs, i);
        dir_entry *out = &response.results[response.results_count++];
        codec_init(&kafka_describe_log_dirs_response_log_dir_message, out);
        out->log_dir = slice_of_cstr(dir->path);
        if (dir->is_online) {
            fill_dir(request, dir, out);
        } else {
            out->error_code = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        }
    }
    request_reply(request, &response);
}

/* ---- AlterReplicaLogDirs --------------------------------------------------------------------- */

static const struct log_dir *find_dir(const struct broker *broker, struct slice path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    for (size_t i = 0; i < log_store_dir_count(broker->logs); i++) {
        const struct log_dir *dir = log_store_dir(broker->logs, i);
        if (slice_equal_cstr(path, dir->path)) {
            return dir;
        }
    }
    return NULL;
}

/* Moving a partition while it is served is not in this version; what lies there already is fine. */
static int16_t move_error(const struct broker *broker,
                          struct slice path,
                          struct slice topic,
                          int32_t partition)
{
    int16_t error;
    const struct log_dir *dir = find_dir(broker, path);
    if (dir == NULL) {
        return KAFKA_ERROR_LOG_DIR_NOT_FOUND;
    }
    if (!dir->is_online) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    const struct partition *hosted = topics_leader(&broker->topics, topic, partition, &error);
    if (hosted == NULL) {
        return error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER ? KAFKA_ERROR_REPLICA_NOT_AVAILABLE
                                                           : error;
    }
    return hosted->dir == dir ? 0 : KAFKA_ERROR_KAFKA_STORAGE_ERROR;
}

void handle_alter_replica_log_dirs(struct broker *broker, struct request *request)
{
    const struct kafka_alter_replica_log_dirs_request *body = request->body;
    struct kafka_alter_replica_log_dirs_response response;
    int32_t count = 0;
    codec_init(&kafka_alter_replica_log_dirs_response_message, &response);
    response.throttle_time_ms = request->throttle_time_ms;
    for (int32_t i = 0; i < body->dirs_count; i++) {
        count += body->dirs[i].topics_count;
    }
    response.results = ARENA_ARRAY(&request->arena,
                                   struct kafka_alter_replica_log_dirs_response_topic, count + 1);
    for (int32_t i = 0; i < body->dirs_count; i++) {
        for (int32_t j = 0; j < body->dirs[i].topics_count; j++) {
            const struct kafka_alter_replica_log_dirs_request_topic *wanted =
                &body->dirs[i].topics[j];
            struct kafka_alter_replica_log_dirs_response_topic *topic =
                &response.results[response.results_count++];
            codec_init(&kafka_alter_replica_log_dirs_response_topic_message, topic);
            topic->topic_name = wanted->name;
            topic->partitions = ARENA_ARRAY(&request->arena,
                                            struct kafka_alter_replica_log_dirs_response_partition,
                                            wanted->partitions_count + 1);
            for (int32_t k = 0; k < wanted->partitions_count; k++) {
                struct kafka_alter_replica_log_dirs_response_partition *out =
                    &topic->partitions[topic->partitions_count++];
                codec_init(&kafka_alter_replica_log_dirs_response_partition_message, out);
                out->partition_index = wanted->partitions[k];
                out->error_code = move_error(broker, body->dirs[i].path, wanted->name,
                                             wanted->partitions[k]);
            }
        }
    }
    request_reply(request, &response);
}
