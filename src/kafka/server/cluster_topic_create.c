/* cluster_topic_create.c - new topics and new partitions.
 *
 * A topic that fits is made by one multi: the check of /controller_epoch, its configuration, its
 * znode, its partitions and their first states; so either all of it is there or nothing. A larger
 * one takes several, the first of which holds the topic's znode; what a crash leaves half done the
 * next load completes (cluster_topics.c). An answer lost on the way is settled by loading the topic
 * and comparing its id with the one that was to be given.
 *
 * Source: AdminZkClient.createTopicWithAssignment, addPartitions, ZkAdminManager.createTopics and
 * createPartitions of 3.9, with their sentences.
 */
#include <stdio.h>

#include "generated/kafka/constants.h"
#include "kafka/core/replica_assignment.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/cluster_private.h"
#include "kafka/storage/log_store.h"
#include "runtime/log.h"

#define TOPIC_PARTITIONS_MAX ZK_PARTITIONS_MAX

struct creation {
    struct slice name;
    struct topic_reading reading;
    const struct config_entry *configs;
    size_t config_count;
    int32_t first_new;    /* partitions below stand already: > 0 when partitions are added */
    bool config_is_there; /* a znode of an earlier topic is left */
    int32_t err;
    int32_t failed_op;
    bool was_lost;
    bool is_not_controller;
    struct cluster_done done;
    int32_t data_version; /* of the topic's znode, as the watch was left */
};

/* ---- what is asked for ----------------------------------------------------------------------- */

static int16_t collision(struct slice name, struct slice other, struct errmsg *message)
{
    errmsg_set(message, 0, "Topic '%.*s' collides with existing topics: %.*s", LOG_SLICE(name),
               LOG_SLICE(other));
    return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
}

static int16_t check_name(const struct cluster *cluster, struct slice name, struct errmsg *message)
{
    int16_t error = topics_check_name(name, message);
    if (error != 0) {
        return error;
    }
    bool may_collide = memchr(name.ptr, '.', name.len) != NULL ||
                       memchr(name.ptr, '_', name.len) != NULL;
    LIST_FOR_EACH(link, &cluster->topics->topics)
    {
        const struct topic *other = CONTAINER_OF(link, struct topic, link);
        if (!may_collide) {
            break;
        }
        if (topic_name_collides(name, other->name_slice)) {
            return collision(name, other->name_slice, message);
        }
    }
    LIST_FOR_EACH(link, &cluster->tasks)
    {
        /* One that is just being made. */
        const struct cluster_task *task = CONTAINER_OF(link, struct cluster_task, link);
        if (may_collide && !slice_is_null(task->topic) && topic_name_collides(name, task->topic)) {
            return collision(name, task->topic, message);
        }
    }
    return 0;
}

static int16_t check_configs(const struct cluster *cluster,
                             const struct config_entry *configs,
                             size_t count,
                             struct errmsg *message)
{
    struct topic_config effective = cluster->broker->config.topic;
    for (size_t i = 0; i < count; i++) {
        if (slice_is_null(configs[i].value)) {
            errmsg_set(message, 0, "Null value not supported for topic configs: %.*s",
                       LOG_SLICE(configs[i].name));
            return KAFKA_ERROR_INVALID_CONFIG;
        }
        if (topic_config_set(&effective, configs[i].name, configs[i].value, message) != 0) {
            return KAFKA_ERROR_INVALID_CONFIG;
        }
    }
    return topic_config_check(&effective, message) == 0 ? 0 : KAFKA_ERROR_INVALID_CONFIG;
}

/* Replicas by Apache's algorithm, as lists. */
static int16_t assign(struct cluster *cluster,
                      struct arena *arena,
                      struct replica_request *request,
                      struct zk_replicas *lists,
                      struct errmsg *message)
{
    struct replica_broker *brokers = ARENA_ARRAY(arena, struct replica_broker, BROKERS_LISTED_MAX);
    int32_t *ids;
    request->brokers = brokers;
    request->broker_count = 0;
    LIST_FOR_EACH(link, &cluster->topics->brokers)
    {
        const struct broker_info *info = CONTAINER_OF(link, struct broker_info, link);
        if (request->broker_count < BROKERS_LISTED_MAX) {
            brokers[request->broker_count++] = (struct replica_broker){
                info->id, info->rack[0] == '\0' ? SLICE_NULL : slice_of_cstr(info->rack)};
        }
    }
    if (request->partition_count < 1) {
        errmsg_set(message, 0, "Number of partitions must be larger than 0.");
        return KAFKA_ERROR_INVALID_PARTITIONS;
    }
    if (request->replication_factor < 1) {
        errmsg_set(message, 0, "Replication factor must be larger than 0.");
        return KAFKA_ERROR_INVALID_REPLICATION_FACTOR;
    }
    if (request->replication_factor > request->broker_count) {
        errmsg_set(message, 0, "Replication factor: %d larger than available brokers: %d.",
                   request->replication_factor, request->broker_count);
        return KAFKA_ERROR_INVALID_REPLICATION_FACTOR;
    }
    if (request->start_index < 0) {
        uint64_t count = (uint64_t)request->broker_count;
        request->start_index = (int32_t)random_below(&cluster->random, count);
        request->shift = (int32_t)random_below(&cluster->random, count);
    }
    int error = replica_assign(request, arena, &ids);
    if (error != 0) {
        errmsg_set(message, 0,
                   error == ERR_CONFIG
                       ? "Not all brokers have rack information for replica rack aware assignment."
                       : "too many replicas are asked for");
        return KAFKA_ERROR_INVALID_REPLICATION_FACTOR;
    }
    for (int32_t i = 0; i < request->partition_count; i++) {
        lists[i] = (struct zk_replicas){ids + (ptrdiff_t)i * request->replication_factor,
                                        request->replication_factor};
    }
    return 0;
}

/* The whole assignment as Scala prints it. */
static void tell_duplicate(const struct cluster_new_topic *topic, struct errmsg *message)
{
    struct buffer text;
    buffer_init(&text, sizeof message->text);
    for (int32_t i = 0; i < topic->partition_count && buffer_room(&text) > 64; i++) {
        buffer_append_cstr(&text, i > 0 ? ", " : "");
        buffer_append_decimal(&text, i);
        buffer_append_cstr(&text, " -> ArrayBuffer(");
        topics_print_ids(&text, topic->assignment[i], topic->assignment_counts[i]);
        buffer_append_u8(&text, ')');
    }
    errmsg_set(message, 0, "Duplicate replica assignment found: HashMap(%.*s)",
               LOG_SLICE(buffer_slice(&text)));
    buffer_release(&text);
}

/* A creation's own lists. AdminZkClient.validateTopicCreate. */
static int16_t take_assignment(struct arena *arena,
                               const struct cluster_new_topic *topic,
                               struct zk_replicas *lists,
                               struct errmsg *message)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        int32_t count = topic->assignment_counts[i];
        if (count != topic->assignment_counts[0]) {
            errmsg_set(message, 0, "All partitions should have the same number of replicas");
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        if (count < 1 || count > ZK_REPLICAS_MAX) {
            errmsg_set(message, 0, "a partition must have from 1 to %d replicas", ZK_REPLICAS_MAX);
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        if (topics_ids_repeat(topic->assignment[i], count)) {
            tell_duplicate(topic, message);
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        struct slice ids = slice_of(topic->assignment[i], (size_t)count * sizeof(int32_t));
        lists[i].ids = arena_alloc(arena, ids.len);
        memcpy(lists[i].ids, ids.ptr, ids.len);
        lists[i].count = count;
    }
    return 0;
}

static struct config_entry *copy_configs(struct arena *arena,
                                         const struct config_entry *configs,
                                         size_t count,
                                         size_t *copied)
{
    struct config_entry *copies = ARENA_ARRAY(arena, struct config_entry, count + 1);
    *copied = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_last = true; /* of equal names */
        for (size_t j = i + 1; j < count && is_last; j++) {
            is_last = !slice_equal(configs[i].name, configs[j].name);
        }
        if (is_last) {
            copies[*copied].name = arena_copy(arena, configs[i].name);
            copies[*copied].value = arena_copy(arena, configs[i].value);
            *copied += 1;
        }
    }
    return copies;
}

static void refuse(struct cluster_task *task,
                   struct cluster_done done,
                   int16_t error,
                   const char *message)
{
    if (task != NULL) {
        task_end(task);
    }
    done.call(done.ctx, error, message);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct batch {
    int32_t number; /* of the multi: the first holds the topic */
};

static void on_created(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct creation *creation = task->state;
    const struct batch *batch = slot;
    if (reply->err == ZK_ERR_OK || creation->err != ZK_ERR_OK) {
        return;
    }
    creation->err = reply->err;
    creation->failed_op = -1;
    for (int32_t i = 0; i < reply->result_count && batch->number == 0; i++) {
        if (reply->results[i].err != ZK_ERR_OK &&
            reply->results[i].err != ZK_ERR_RUNTIMEINCONSISTENCY) {
            creation->failed_op = i;
            break;
        }
    }
    creation->is_not_controller = reply->result_count > 0 &&
                                  reply->results[0].err == ZK_ERR_BADVERSION;
}

struct writer {
    struct cluster_task *task;
    struct zk_multi_op *ops;
    size_t count;
    size_t bytes;
    int32_t number;
};

static void writer_flush(struct writer *writer)
{
    if (writer->count > 1) {
        struct batch *batch = ARENA_NEW(&writer->task->arena, struct batch);
        batch->number = writer->number++;
        task_multi(writer->task, writer->ops, writer->count, on_created, batch);
    }
    writer->count = 1;
    writer->bytes = 0;
}

static void writer_add(struct writer *writer, struct zk_multi_op op)
{
    writer->ops[writer->count++] = op;
    writer->bytes += op.create.path.len + op.create.data.len + 64;
}

/* The operations that make the topic itself: 1 and 2 of the first multi. */
enum {
    OP_CONFIG = 1,
    OP_TOPIC = 2,
};

static void write_topic(struct writer *writer, struct buffer *json)
{
    struct cluster_task *task = writer->task;
    struct cluster *cluster = task->cluster;
    struct creation *creation = task->state;
    int len = (int)creation->name.len;
    const char *name = (const char *)creation->name.ptr;
    struct slice path = task_path(task, "/brokers/topics/%.*s", len, name);
    zk_json_put_topic(json, &creation->reading.topic);
    struct slice data = task_keep(task, json);
    if (creation->first_new > 0) {
        writer_add(writer, op_set(path, data, -1));
        return;
    }
    zk_json_put_config(json, creation->configs, creation->config_count);
    struct slice config_path = task_path(task, "/config/topics/%.*s", len, name);
    struct slice config = task_keep(task, json);
    writer_add(writer, creation->config_is_there
                           ? op_set(config_path, config, -1)
                           : op_create(cluster, config_path, config, ZK_CREATE_PERSISTENT));
    writer_add(writer, op_create(cluster, path, data, ZK_CREATE_PERSISTENT));
    writer_add(writer,
               op_create(cluster, task_path(task, "/brokers/topics/%.*s/partitions", len, name),
                         SLICE_NULL, ZK_CREATE_PERSISTENT));
}

static void create_step(struct cluster_task *task)
{
    struct creation *creation = task->state;
    struct cluster *cluster = task->cluster;
    const struct topic_reading *reading = &creation->reading;
    int32_t count = reading->topic.partition_count;
    struct buffer json;
    struct writer writer = {.task = task,
                            .ops = ARENA_ARRAY(&task->arena, struct zk_multi_op,
                                               2 * (size_t)(count - creation->first_new) + 8),
                            .count = 1};
    creation->err = ZK_ERR_OK;
    /* Whether the first try arrived is not known: "exists already" may mean by ourselves. */
    creation->was_lost = creation->was_lost || task->runs > 1;
    buffer_init(&json, (size_t)256 << 20);
    writer.ops[0] = op_check_epoch(cluster);
    write_topic(&writer, &json);
    for (int32_t i = creation->first_new; i < count; i++) {
        if (reading->states[i].leader < 0) {
            continue; /* new until one of its replicas lives */
        }
        zk_json_put_state(&json, &reading->states[i]);
        struct slice data = task_keep(task, &json);
        writer_add(&writer, op_create(cluster,
                                      task_path(task, "/brokers/topics/%.*s/partitions/%d",
                                                LOG_SLICE(creation->name), i),
                                      SLICE_NULL, ZK_CREATE_PERSISTENT));
        writer_add(&writer, op_create(cluster,
                                      task_path(task, "/brokers/topics/%.*s/partitions/%d/state",
                                                LOG_SLICE(creation->name), i),
                                      data, ZK_CREATE_PERSISTENT));
        if (writer.bytes >= ZK_MULTI_BYTES_MAX) {
            writer_flush(&writer);
        }
    }
    writer_flush(&writer);
    buffer_release(&json);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void on_watched(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct creation *creation = slot;
    (void)task;
    creation->data_version = reply->err == ZK_ERR_OK ? reply->stat.version : -1;
}

static void watch_step(struct cluster_task *task)
{
    struct creation *creation = task->state;
    task_get(task, task_path(task, "/brokers/topics/%.*s", LOG_SLICE(creation->name)),
             &task->cluster->topic_watcher, on_watched, creation);
}

static void watched(struct cluster_task *task)
{
    struct creation *creation = task->state;
    struct cluster *cluster = task->cluster;
    /* Changed between our write and the watch: by somebody else. */
    if (creation->data_version > 0 && creation->first_new == 0) {
        topics_load(cluster, creation->name, (struct cluster_done){NULL, NULL});
    }
    task_end(task);
}

static void hosted(struct cluster_task *task)
{
    struct creation *creation = task->state;
    LOG("cluster", LOG_INFO, "%s %.*s: %d partitions",
        creation->first_new == 0 ? "created topic" : "added partitions to",
        LOG_SLICE(creation->name), creation->reading.topic.partition_count);
    creation->done.call(creation->done.ctx, 0, NULL);
    if (creation->first_new == 0) {
        task_run(task, watch_step, watched);
    } else {
        task_end(task);
    }
}

static void created(struct cluster_task *task)
{
    struct creation *creation = task->state;
    struct cluster *cluster = task->cluster;
    if (creation->first_new == 0) {
        struct slice path = task_path(task, "topics/%.*s", LOG_SLICE(creation->name));
        configs_install(cluster, path, creation->configs, creation->config_count);
    }
    topics_install(task, creation->name, &creation->reading, hosted);
}

static void creation_done(struct cluster_task *task)
{
    struct creation *creation = task->state;
    struct cluster *cluster = task->cluster;
    struct cluster_done done = creation->done;
    struct errmsg message;
    if (creation->err == ZK_ERR_OK) {
        created(task);
        return;
    }
    if (creation->is_not_controller) {
        refuse(task, done, KAFKA_ERROR_NOT_CONTROLLER, NULL);
        return;
    }
    if (creation->err == ZK_ERR_NODEEXISTS && creation->failed_op == OP_CONFIG &&
        creation->first_new == 0 && !creation->config_is_there) {
        creation->config_is_there = true;
        task_run(task, create_step, creation_done);
        return;
    }
    if (creation->err == ZK_ERR_NODEEXISTS && creation->failed_op == OP_TOPIC &&
        creation->first_new == 0 && !creation->was_lost) {
        errmsg_set(&message, 0, "Topic '%.*s' already exists.", LOG_SLICE(creation->name));
        refuse(task, done, KAFKA_ERROR_TOPIC_ALREADY_EXISTS, message.text);
        return;
    }
    /* Half done, or nobody knows: what is in ZooKeeper decides. */
    struct slice name = creation->name;
    LOG("cluster", LOG_INFO, "%.*s: %s; reading what has become of it", LOG_SLICE(name),
        zk_error_text(creation->err));
    topics_load(cluster, name, done);
    task_end(task);
}

/* ---- creating -------------------------------------------------------------------------------- */

void cluster_create_topic(struct cluster *cluster,
                          const struct cluster_new_topic *topic,
                          struct cluster_done done)
{
    const struct broker_config *config = &cluster->broker->config;
    struct errmsg message = {.text = ""};
    if (topics_find(cluster->topics, topic->name) != NULL || task_has_topic(cluster, topic->name)) {
        errmsg_set(&message, 0, "Topic '%.*s' already exists.", LOG_SLICE(topic->name));
        refuse(NULL, done, KAFKA_ERROR_TOPIC_ALREADY_EXISTS, message.text);
        return;
    }
    struct cluster_task *task = task_create(cluster);
    struct creation *creation = ARENA_NEW(&task->arena, struct creation);
    struct topic_reading *reading = &creation->reading;
    int32_t count = topic->partition_count == -1 ? config->num_partitions : topic->partition_count;
    task->state = creation;
    *creation = (struct creation){.name = arena_copy(&task->arena, topic->name), .done = done};
    if (count > TOPIC_PARTITIONS_MAX) {
        errmsg_set(&message, 0, "a topic may have %d partitions", TOPIC_PARTITIONS_MAX);
        refuse(task, done, KAFKA_ERROR_INVALID_PARTITIONS, message.text);
        return;
    }
    reading->topic.partition_count = MAX(count, 0);
    reading->topic.partitions = ARENA_ARRAY(&task->arena, struct zk_replicas, MAX(count, 0) + 1);
    struct replica_request request = {.partition_count = count,
                                      .replication_factor = topic->replication_factor == -1
                                                                ? config->default_replication_factor
                                                                : topic->replication_factor,
                                      .start_index = -1};
    int16_t error = topic->assignment == NULL
                        ? assign(cluster, &task->arena, &request, reading->topic.partitions,
                                 &message)
                        : take_assignment(&task->arena, topic, reading->topic.partitions, &message);
    if (error == 0) {
        error = check_name(cluster, topic->name, &message);
    }
    if (error == 0) {
        error = check_configs(cluster, topic->configs, topic->config_count, &message);
    }
    if (error != 0 || topic->validate_only) {
        refuse(task, done, error, error == 0 ? NULL : message.text);
        return;
    }
    do {
        runtime_random(cluster->broker->runtime, reading->topic.id.bytes,
                       sizeof reading->topic.id.bytes);
    } while (!uuid_make_random(&reading->topic.id));
    creation->configs = copy_configs(&task->arena, topic->configs, topic->config_count,
                                     &creation->config_count);
    topics_reading_init(task, reading);
    for (int32_t i = 0; i < count; i++) {
        topics_first_state(cluster, &task->arena, &reading->topic.partitions[i],
                           &reading->states[i]);
        reading->is_fresh[i] = true;
        reading->versions[i] = 0;
    }
    task_run_for_topic(task, topic->name, create_step, creation_done);
}

/* ---- adding partitions ----------------------------------------------------------------------- */

static void copy_existing(struct cluster_task *task, const struct topic *topic)
{
    struct creation *creation = task->state;
    struct topic_reading *reading = &creation->reading;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct topic_partition *from = &topic->partitions[i];
        struct slice replicas = slice_of(from->replicas,
                                         (size_t)from->replica_count * sizeof(int32_t));
        struct slice isr = slice_of(from->isr, (size_t)from->isr_count * sizeof(int32_t));
        reading->topic.partitions[i].ids = arena_alloc(&task->arena, replicas.len + 4);
        reading->topic.partitions[i].count = from->replica_count;
        reading->states[i] = (struct zk_state){.leader = from->leader,
                                               .leader_epoch = from->leader_epoch,
                                               .isr = {.count = from->isr_count}};
        reading->states[i].isr.ids = arena_alloc(&task->arena, isr.len + 4);
        reading->versions[i] = from->zk_version;
        if (replicas.len > 0) {
            memcpy(reading->topic.partitions[i].ids, replicas.ptr, replicas.len);
        }
        if (isr.len > 0) {
            memcpy(reading->states[i].isr.ids, isr.ptr, isr.len);
        }
    }
}

/* ZkAdminManager.createPartitions and AdminZkClient.validateReplicaAssignment. */
static int16_t take_new_assignment(struct cluster *cluster,
                                   struct cluster_task *task,
                                   const struct topic *topic,
                                   const struct cluster_new_partitions *addition,
                                   struct errmsg *message)
{
    struct creation *creation = task->state;
    int32_t factor = topic->partitions[0].replica_count;
    int32_t increment = addition->count - topic->partition_count;
    for (int32_t i = 0; i < addition->assignment_count; i++) {
        for (int32_t j = 0; j < addition->assignment_counts[i]; j++) {
            if (topics_broker(cluster->topics, addition->assignment[i][j]) == NULL) {
                errmsg_set(message, 0, "Unknown broker(s) in replica assignment: %d.",
                           addition->assignment[i][j]);
                return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
            }
        }
    }
    if (addition->assignment_count != increment) {
        errmsg_set(message, 0,
                   "Increasing the number of partitions by %d but %d assignments provided.",
                   increment, addition->assignment_count);
        return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < increment; i++) {
        int32_t count = addition->assignment_counts[i];
        const int32_t *ids = addition->assignment[i];
        int32_t number = topic->partition_count + i;
        if (count == 0) {
            errmsg_set(message, 0, "Cannot have replication factor of 0 for partition id %d.",
                       number);
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        if (topics_ids_repeat(ids, count)) {
            struct buffer text;
            buffer_init(&text, 512);
            topics_print_ids(&text, ids, count);
            errmsg_set(message, 0,
                       "Duplicate brokers not allowed in replica assignment: %.*s for partition id "
                       "%d.",
                       LOG_SLICE(buffer_slice(&text)), number);
            buffer_release(&text);
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        if (count != factor) {
            errmsg_set(message, 0,
                       "Inconsistent replication factor between partitions, partition 0 has %d "
                       "while partitions [%d] have replication factors [%d], respectively.",
                       factor, number, count);
            return KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
        }
        struct zk_replicas *list = &creation->reading.topic.partitions[number];
        list->ids = arena_alloc(&task->arena, (size_t)count * sizeof *ids);
        memcpy(list->ids, ids, (size_t)count * sizeof *ids);
        list->count = count;
    }
    return 0;
}

static int16_t assign_new(struct cluster *cluster,
                          struct cluster_task *task,
                          const struct topic *topic,
                          int32_t increment,
                          struct errmsg *message)
{
    struct creation *creation = task->state;
    struct replica_request request = {.partition_count = increment,
                                      .replication_factor = topic->partitions[0].replica_count,
                                      .first_partition = topic->partition_count};
    /* The first broker that is not below partition 0's first replica. */
    LIST_FOR_EACH(link, &cluster->topics->brokers)
    {
        if (CONTAINER_OF(link, struct broker_info, link)->id >= topic->partitions[0].replicas[0]) {
            break;
        }
        request.start_index++;
    }
    if (topics_broker(cluster->topics, topic->partitions[0].replicas[0]) == NULL) {
        request.start_index = 0;
    }
    request.shift = request.start_index;
    return assign(cluster, &task->arena, &request,
                  creation->reading.topic.partitions + topic->partition_count, message);
}

static int16_t check_addition(const struct topic *topic,
                              struct slice name,
                              int32_t count,
                              struct errmsg *message)
{
    if (topic == NULL || topic->is_deleting) {
        errmsg_set(message, 0, "The topic '%.*s' does not exist.", LOG_SLICE(name));
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (count < topic->partition_count) {
        errmsg_set(message, 0,
                   "Topic currently has %d partitions, which is higher than the requested %d.",
                   topic->partition_count, count);
        return KAFKA_ERROR_INVALID_PARTITIONS;
    }
    if (count == topic->partition_count) {
        errmsg_set(message, 0, "Topic already has %d partitions.", count);
        return KAFKA_ERROR_INVALID_PARTITIONS;
    }
    if (count > TOPIC_PARTITIONS_MAX) {
        errmsg_set(message, 0, "a topic may have %d partitions", TOPIC_PARTITIONS_MAX);
        return KAFKA_ERROR_INVALID_PARTITIONS;
    }
    if (topic->partition_count == 0 || topic->partitions[0].replica_count == 0) {
        errmsg_set(message, 0,
                   "Unexpected existing replica assignment for topic '%.*s', partition id 0 is "
                   "missing.",
                   LOG_SLICE(name));
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    return 0;
}

static void nothing_step(struct cluster_task *task)
{
    (void)task;
}

struct waiting_addition {
    struct cluster_new_partitions addition;
    struct cluster_done done;
};

/* Nobody else changes the topic any more. */
static void begin_addition(struct cluster_task *task)
{
    const struct waiting_addition *waiting = task->state;
    const struct cluster_new_partitions *addition = &waiting->addition;
    struct cluster *cluster = task->cluster;
    struct errmsg message = {.text = ""};
    const struct topic *topic = topics_find(cluster->topics, addition->topic);
    int16_t error = check_addition(topic, addition->topic, addition->count, &message);
    if (error != 0) {
        refuse(task, waiting->done, error, message.text);
        return;
    }
    struct creation *creation = ARENA_NEW(&task->arena, struct creation);
    struct topic_reading *reading = &creation->reading;
    *creation = (struct creation){
        .name = addition->topic, .first_new = topic->partition_count, .done = waiting->done};
    task->state = creation;
    reading->topic.id = topic->id;
    reading->topic.partition_count = addition->count;
    reading->topic.partitions = ARENA_ARRAY(&task->arena, struct zk_replicas, addition->count);
    topics_reading_init(task, reading);
    copy_existing(task, topic);
    error = addition->assignment == NULL
                ? assign_new(cluster, task, topic, addition->count - topic->partition_count,
                             &message)
                : take_new_assignment(cluster, task, topic, addition, &message);
    if (error != 0 || addition->validate_only) {
        refuse(task, waiting->done, error, error == 0 ? NULL : message.text);
        return;
    }
    for (int32_t i = topic->partition_count; i < addition->count; i++) {
        topics_first_state(cluster, &task->arena, &reading->topic.partitions[i],
                           &reading->states[i]);
        reading->is_fresh[i] = true;
        reading->versions[i] = 0;
    }
    task_run(task, create_step, creation_done);
}

/* The lists of brokers as the task keeps them. */
static void copy_lists(struct arena *arena, struct cluster_new_partitions *wanted)
{
    int32_t count = wanted->assignment_count;
    const int32_t **lists = ARENA_ARRAY(arena, const int32_t *, count + 1);
    int32_t *counts = ARENA_ARRAY(arena, int32_t, count + 1);
    for (int32_t i = 0; i < count; i++) {
        counts[i] = wanted->assignment_counts[i];
        struct slice ids = slice_of(wanted->assignment[i], (size_t)counts[i] * sizeof(int32_t));
        int32_t *copy = arena_alloc(arena, ids.len + sizeof *copy);
        if (ids.len > 0) {
            memcpy(copy, ids.ptr, ids.len);
        }
        lists[i] = copy;
    }
    wanted->assignment = lists;
    wanted->assignment_counts = counts;
}

void cluster_add_partitions(struct cluster *cluster,
                            const struct cluster_new_partitions *wanted,
                            struct cluster_done done)
{
    struct cluster_task *task = task_create(cluster);
    struct waiting_addition *waiting = ARENA_NEW(&task->arena, struct waiting_addition);
    *waiting = (struct waiting_addition){*wanted, done};
    waiting->addition.topic = arena_copy(&task->arena, wanted->topic);
    if (wanted->assignment != NULL) {
        copy_lists(&task->arena, &waiting->addition);
    }
    task->state = waiting;
    task_run_for_topic(task, wanted->topic, nothing_step, begin_addition);
}
