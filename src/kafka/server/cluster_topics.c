/* cluster_topics.c - topics: from znodes into the image, and from the image to hosted partitions.
 *
 * Loading a topic is the controller's and the broker's work in one: read its assignment and its
 * partitions' states; where a state is missing the partition is new, and gets its first one; where
 * the leader is no living broker, one is elected; a topic without an id gets one. What was decided
 * is written with a check of /controller_epoch, and only then shows in the image. It does not
 * matter who made the topic: this broker, an Apache broker before us, or a tool of 2.7 with
 * --zookeeper.
 *
 * Doing it twice does no harm, so whatever goes wrong on the way (a lost connection, a write that
 * somebody else was faster with) ends in reading again.
 *
 * Source: KafkaController, PartitionStateMachine, Election of 3.9; reference 3, 4.4.
 */
#include <inttypes.h>

#include "generated/kafka/constants.h"
#include "kafka/core/uuid_text.h"
#include "kafka/server/cluster_private.h"
#include "kafka/server/group_host.h"
#include "kafka/storage/log_store.h"
#include "runtime/log.h"

#define LOAD_TRIES_MAX 8
#define SLICE_NS UINT64_C(10000000) /* of the loop's time for logs that are made or removed */

struct load {
    struct slice name;
    struct topic_reading reading;
    bool *must_set; /* the state was changed: set it */
    int32_t err;
    bool is_stale; /* a write met something else than was read: read again */
    bool is_not_controller;
    bool needs_id;
    int32_t topic_version;
    int32_t tries;
    struct cluster_done done;
};

/* ---- the image ------------------------------------------------------------------------------- */

static bool is_alive(const struct cluster *cluster, int32_t broker_id)
{
    return topics_broker(cluster->topics, broker_id) != NULL;
}

const struct topic_config *cluster_topic_config(struct cluster *cluster, struct slice topic)
{
    return configs_of_topic(cluster, topic);
}

void topics_configure(struct cluster *cluster, struct topic *topic)
{
    topic->config = *configs_of_topic(cluster, topic->name_slice);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct partition *hosted = topic->partitions[i].hosted;
        if (hosted != NULL && hosted->stored != NULL) {
            log_store_configure(hosted->stored, &topic->config);
            partition_changed(hosted);
        }
    }
}

void topics_configure_all(struct cluster *cluster)
{
    LIST_FOR_EACH(link, &cluster->topics->topics)
    {
        topics_configure(cluster, CONTAINER_OF(link, struct topic, link));
    }
}

static bool is_offsets_topic(const struct topic *topic)
{
    return slice_equal_cstr(topic->name_slice, OFFSETS_TOPIC_NAME);
}

static void unhost(struct cluster *cluster, struct topic *topic, int32_t index, bool deletes)
{
    struct broker *broker = cluster->broker;
    struct partition *hosted = topic->partitions[index].hosted;
    if (hosted == NULL) {
        return;
    }
    if (is_offsets_topic(topic) && broker->groups != NULL) {
        group_host_resign(broker->groups, hosted);
    }
    if (hosted->stored != NULL) {
        /* The topic's configuration goes with the topic; the log may stay a little longer. */
        log_store_configure(hosted->stored, &broker->config.topic);
    }
    topic->partitions[index].hosted = NULL;
    partition_remove(hosted, deletes);
}

int32_t topics_unhost_slice(struct cluster *cluster,
                            struct topic *topic,
                            int32_t from,
                            bool deletes)
{
    uint64_t end = runtime_now_ns(cluster->broker->runtime) + SLICE_NS;
    while (from < topic->partition_count) {
        unhost(cluster, topic, from++, deletes);
        if (runtime_now_ns(cluster->broker->runtime) >= end) {
            break;
        }
    }
    return from;
}

void topics_unhost(struct cluster *cluster, struct topic *topic, bool deletes)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        unhost(cluster, topic, i, deletes);
    }
}

bool topics_has_logs(const struct cluster *cluster, struct slice name, int32_t partition_count)
{
    for (int32_t i = 0; i < partition_count; i++) {
        if (log_store_find(cluster->broker->logs, name, i) != NULL) {
            return true;
        }
    }
    return false;
}

/* The log of a partition, with its topic's id on it; NULL when it cannot be had. */
static struct stored_log *find_log(struct cluster *cluster,
                                   struct topic *topic,
                                   int32_t index,
                                   bool is_fresh)
{
    struct log_store *logs = cluster->broker->logs;
    struct stored_log *stored = log_store_find(logs, topic->name_slice, index);
    const struct codec_uuid *id = uuid_is_zero(&topic->id) ? NULL : &topic->id;
    struct codec_uuid written;
    struct errmsg message;
    if (stored == NULL) {
        struct new_log wanted = {.topic = topic->name_slice,
                                 .partition = index,
                                 .is_new = is_fresh,
                                 .topic_id = id,
                                 .config = &topic->config};
        int error = log_store_create(logs, &wanted, &stored, &message);
        if (error != 0) {
            LOG("cluster", LOG_ERROR, "cannot create the log of %s-%d: %s", topic->name, index,
                message.text);
            return NULL;
        }
        return stored;
    }
    log_store_configure(stored, &topic->config);
    if (id == NULL) {
        return stored;
    }
    if (!partition_log_topic_id(stored->log, &written)) {
        int error = partition_log_set_topic_id(stored->log, id);
        if (error != 0) {
            LOG("cluster", LOG_WARN, "cannot write partition.metadata of %s: %s", stored->name,
                error_text(error));
        }
        return stored;
    }
    if (memcmp(&written, id, sizeof written) != 0) {
        char here[UUID_TEXT_LEN + 1];
        char there[UUID_TEXT_LEN + 1];
        uuid_to_text(&written, here);
        uuid_to_text(id, there);
        LOG("cluster", LOG_ERROR,
            "%s/%s belongs to a topic of the same name with the id %s, but the topic's id is %s: "
            "the partition is not served until that folder is moved away",
            stored->dir->path, stored->name, here, there);
        return NULL;
    }
    return stored;
}

static void host(struct cluster *cluster, struct topic *topic, int32_t index, bool is_fresh)
{
    struct topic_partition *partition = &topic->partitions[index];
    struct broker *broker = cluster->broker;
    if (partition->leader != broker->config.broker_id || topic->is_deleting) {
        if (partition->hosted != NULL && partition->hosted->is_leader) {
            if (is_offsets_topic(topic) && broker->groups != NULL) {
                group_host_resign(broker->groups, partition->hosted);
            }
            partition_end_leadership(partition->hosted);
        }
        return;
    }
    bool is_new_here = partition->hosted == NULL;
    if (is_new_here) {
        struct stored_log *stored = find_log(cluster, topic, index, is_fresh);
        if (stored == NULL || stored->owner != NULL) {
            return;
        }
        partition->hosted = partition_create(broker, topic, index, stored);
    }
    if (partition->hosted->is_offline) {
        return;
    }
    if (is_new_here || !partition->hosted->is_leader ||
        partition->hosted->leader_epoch != partition->leader_epoch) {
        partition_lead(partition->hosted, partition->leader_epoch);
        /* Remembering the epoch writes: the directory may have failed by that. */
        if (is_offsets_topic(topic) && broker->groups != NULL && !partition->hosted->is_offline) {
            group_host_lead(broker->groups, partition->hosted);
        }
    }
}

/* The image at once; logs are not touched. */
static void install_image(struct cluster *cluster,
                          struct slice name,
                          const struct topic_reading *reading)
{
    const struct zk_topic *read = &reading->topic;
    struct topic *topic = topics_find(cluster->topics, name);
    if (topic != NULL && memcmp(&topic->id, &read->id, sizeof read->id) != 0) {
        if (!uuid_is_zero(&topic->id)) {
            /* Another topic of the same name: the logs of the old one are not its. */
            topics_unhost(cluster, topic, true);
        }
        topics_set_id(cluster->topics, topic, &read->id);
    }
    if (topic == NULL) {
        topic = topics_add(cluster->topics, name, &read->id);
    }
    topic_set_partition_count(topic, MAX(read->partition_count, topic->partition_count));
    topic->config = *configs_of_topic(cluster, name);
    for (int32_t i = 0; i < read->partition_count; i++) {
        struct topic_partition *partition = &topic->partitions[i];
        const struct zk_state *state = &reading->states[i];
        topic_partition_set_replicas(partition, read->partitions[i].ids, read->partitions[i].count);
        topic_partition_set_isr(partition, state->isr.ids, state->isr.count);
        partition->leader = state->leader;
        partition->leader_epoch = state->leader_epoch;
        partition->zk_version = reading->versions[i];
    }
}

struct hosting {
    struct runtime_timer timer;
    struct cluster_task *task;
    struct slice name;
    const struct topic_reading *reading;
    int32_t next;
    void (*then)(struct cluster_task *task);
};

static void host_slice(struct hosting *hosting)
{
    struct cluster *cluster = hosting->task->cluster;
    struct topic *topic = topics_find(cluster->topics, hosting->name);
    uint64_t end = runtime_now_ns(cluster->broker->runtime) + SLICE_NS;
    /* The task holds the topic: nobody can have removed it between two slices. */
    ASSERT(topic != NULL);
    while (hosting->next < hosting->reading->topic.partition_count) {
        host(cluster, topic, hosting->next, hosting->reading->is_fresh[hosting->next]);
        hosting->next++;
        if (runtime_now_ns(cluster->broker->runtime) >= end) {
            runtime_timer_set(&hosting->timer, 0);
            return;
        }
    }
    hosting->task->pause = NULL;
    hosting->then(hosting->task);
}

static void on_host_timer(struct runtime_timer *timer)
{
    host_slice(CONTAINER_OF(timer, struct hosting, timer));
}

void topics_install(struct cluster_task *task,
                    struct slice name,
                    const struct topic_reading *reading,
                    void (*then)(struct cluster_task *task))
{
    struct hosting *hosting = ARENA_NEW(&task->arena, struct hosting);
    *hosting = (struct hosting){.task = task, .name = name, .reading = reading, .then = then};
    runtime_timer_init(&hosting->timer, task->cluster->broker->runtime, on_host_timer);
    task->pause = &hosting->timer;
    install_image(task->cluster, name, reading);
    host_slice(hosting);
}

/* ---- deciding -------------------------------------------------------------------------------- */

void topics_first_state(const struct cluster *cluster,
                        struct arena *arena,
                        const struct zk_replicas *replicas,
                        struct zk_state *state)
{
    *state = (struct zk_state){.leader = -1, .controller_epoch = cluster->controller_epoch};
    state->isr.ids = arena_alloc(arena, ((size_t)replicas->count + 1) * sizeof *state->isr.ids);
    for (int32_t i = 0; i < replicas->count; i++) {
        if (is_alive(cluster, replicas->ids[i])) {
            state->isr.ids[state->isr.count++] = replicas->ids[i];
        }
    }
    if (state->isr.count > 0) {
        state->leader = state->isr.ids[0];
    }
}

static bool contains(const struct zk_replicas *replicas, int32_t id)
{
    for (int32_t i = 0; i < replicas->count; i++) {
        if (replicas->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* The leader is gone: the first living replica of the ISR, in the order of the assignment; where
 * the topic allows it, any living replica. Election.leaderForOffline. True when something changed.
 */
static bool elect(const struct cluster *cluster,
                  const struct topic_config *config,
                  struct arena *arena,
                  const struct zk_replicas *replicas,
                  struct zk_state *state)
{
    int32_t clean = -1;
    int32_t unclean = -1;
    struct zk_replicas isr = {.ids = arena_alloc(arena, ((size_t)state->isr.count + 1) * 4)};
    for (int32_t i = replicas->count; i > 0; i--) {
        int32_t id = replicas->ids[i - 1];
        if (is_alive(cluster, id)) {
            unclean = id;
            clean = contains(&state->isr, id) ? id : clean;
        }
    }
    if (clean >= 0) {
        for (int32_t i = 0; i < state->isr.count; i++) {
            if (is_alive(cluster, state->isr.ids[i])) {
                isr.ids[isr.count++] = state->isr.ids[i];
            }
        }
        state->leader = clean;
        state->isr = isr;
    } else if (unclean >= 0 && config->unclean_leader_election_enable) {
        isr.ids[isr.count++] = unclean;
        state->leader = unclean;
        state->isr = isr;
        state->recovery_state = 1;
    } else if (state->leader == -1) {
        return false;
    } else {
        state->leader = -1;
    }
    state->leader_epoch++;
    state->controller_epoch = cluster->controller_epoch;
    return true;
}

void topics_reading_init(struct cluster_task *task, struct topic_reading *reading)
{
    int32_t count = reading->topic.partition_count;
    reading->states = ARENA_ARRAY(&task->arena, struct zk_state, count);
    reading->versions = ARENA_ARRAY(&task->arena, int32_t, count);
    reading->is_fresh = ARENA_ARRAY(&task->arena, bool, count);
    for (int32_t i = 0; i < count; i++) {
        reading->states[i].leader = -1;
        reading->versions[i] = -1;
    }
}

/* ---- reading a topic ------------------------------------------------------------------------- */

static void load_again(struct cluster_task *task);

static void load_end(struct cluster_task *task, int16_t error, const char *message)
{
    const struct load *load = task->state;
    struct cluster_done done = load->done;
    task_end(task);
    if (done.call != NULL) {
        done.call(done.ctx, error, message);
    }
}

static void on_topic_data(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct load *load = slot;
    load->err = reply->err;
    load->topic_version = reply->stat.version;
    if (reply->err == ZK_ERR_OK &&
        zk_json_get_topic(reply->data, &task->arena, &load->reading.topic) != 0) {
        load->err = ZK_ERR_DATAINCONSISTENCY;
    }
}

static void read_step(struct cluster_task *task)
{
    struct load *load = task->state;
    task_get(
        task,
        task_path(task, "/brokers/topics/%.*s", (int)load->name.len, (const char *)load->name.ptr),
        &task->cluster->topic_watcher, on_topic_data, load);
}

struct state_slot {
    struct load *load;
    int32_t index;
};

static void on_state(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    const struct state_slot *at = slot;
    struct topic_reading *reading = &at->load->reading;
    if (reply->err == ZK_ERR_NONODE) {
        reading->versions[at->index] = -1;
        return;
    }
    if (reply->err != ZK_ERR_OK) {
        at->load->err = reply->err;
        return;
    }
    reading->versions[at->index] = reply->stat.version;
    if (zk_json_get_state(reply->data, &task->arena, &reading->states[at->index]) != 0) {
        LOG("cluster", LOG_ERROR, "the state of %.*s-%d in ZooKeeper cannot be read",
            LOG_SLICE(at->load->name), at->index);
        reading->states[at->index] = (struct zk_state){.leader = -1};
    }
}

static void states_step(struct cluster_task *task)
{
    struct load *load = task->state;
    for (int32_t i = 0; i < load->reading.topic.partition_count; i++) {
        struct state_slot *slot = ARENA_NEW(&task->arena, struct state_slot);
        *slot = (struct state_slot){load, i};
        task_get(task,
                 task_path(task, "/brokers/topics/%.*s/partitions/%d/state", (int)load->name.len,
                           (const char *)load->name.ptr, i),
                 NULL, on_state, slot);
    }
}

/* ---- writing what was decided ------------------------------------------------------------------
 */

static void on_written(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct load *load = slot;
    (void)task;
    if (reply->err == ZK_ERR_OK) {
        return;
    }
    bool is_check = reply->result_count > 0 && reply->results[0].err == ZK_ERR_BADVERSION;
    load->is_not_controller = load->is_not_controller || is_check;
    load->is_stale = true;
}

struct writing {
    struct cluster_task *task;
    struct zk_multi_op *ops;
    size_t count;
    size_t bytes;
    struct buffer json;
};

static void flush_writing(struct writing *writing)
{
    if (writing->count > 1) {
        task_multi(writing->task, writing->ops, writing->count, on_written, writing->task->state);
    }
    writing->count = 1;
    writing->bytes = 0;
}

static void add_writing(struct writing *writing, struct zk_multi_op op)
{
    writing->ops[writing->count++] = op;
    writing->bytes += op.create.path.len + op.create.data.len + 64;
    if (writing->bytes >= ZK_MULTI_BYTES_MAX) {
        flush_writing(writing);
    }
}

/* The folders of partitions without a state: made one by one, since some may be there. */
static void make_folders(struct cluster_task *task, const struct load *load)
{
    bool has_parent = false;
    for (int32_t i = 0; i < load->reading.topic.partition_count; i++) {
        if (!load->reading.is_fresh[i]) {
            continue;
        }
        if (!has_parent) {
            task_make(task,
                      task_path(task, "/brokers/topics/%.*s/partitions", (int)load->name.len,
                                (const char *)load->name.ptr),
                      SLICE_NULL, ZK_CREATE_PERSISTENT, NULL, NULL);
            has_parent = true;
        }
        task_make(task,
                  task_path(task, "/brokers/topics/%.*s/partitions/%d", (int)load->name.len,
                            (const char *)load->name.ptr, i),
                  SLICE_NULL, ZK_CREATE_PERSISTENT, NULL, NULL);
    }
}

static void write_step(struct cluster_task *task)
{
    struct load *load = task->state;
    struct cluster *cluster = task->cluster;
    struct topic_reading *reading = &load->reading;
    struct writing writing = {
        .task = task,
        .ops = ARENA_ARRAY(&task->arena, struct zk_multi_op, reading->topic.partition_count + 2),
        .count = 1};
    buffer_init(&writing.json, (size_t)64 << 20);
    load->is_stale = false;
    load->is_not_controller = false;
    make_folders(task, load);
    writing.ops[0] = op_check_epoch(cluster);
    if (load->needs_id) {
        zk_json_put_topic(&writing.json, &reading->topic);
        add_writing(&writing, op_set(task_path(task, "/brokers/topics/%.*s", (int)load->name.len,
                                               (const char *)load->name.ptr),
                                     task_keep(task, &writing.json), load->topic_version));
    }
    for (int32_t i = 0; i < reading->topic.partition_count; i++) {
        if (!reading->is_fresh[i] && !load->must_set[i]) {
            continue;
        }
        struct slice path = task_path(task, "/brokers/topics/%.*s/partitions/%d/state",
                                      (int)load->name.len, (const char *)load->name.ptr, i);
        zk_json_put_state(&writing.json, &reading->states[i]);
        struct slice data = task_keep(task, &writing.json);
        add_writing(&writing, reading->is_fresh[i]
                                  ? op_create(cluster, path, data, ZK_CREATE_PERSISTENT)
                                  : op_set(path, data, reading->versions[i]));
    }
    flush_writing(&writing);
    buffer_release(&writing.json);
}

static void load_hosted(struct cluster_task *task)
{
    load_end(task, 0, NULL);
}

static void loaded(struct cluster_task *task)
{
    struct load *load = task->state;
    topics_install(task, load->name, &load->reading, load_hosted);
}

static void written(struct cluster_task *task)
{
    struct load *load = task->state;
    struct topic_reading *reading = &load->reading;
    if (load->is_not_controller) {
        LOG("cluster", LOG_WARN, "another controller was elected; %.*s is not changed",
            LOG_SLICE(load->name));
        load_end(task, KAFKA_ERROR_NOT_CONTROLLER, NULL);
        return;
    }
    if (load->is_stale) {
        load_again(task);
        return;
    }
    for (int32_t i = 0; i < reading->topic.partition_count; i++) {
        reading->versions[i] += reading->is_fresh[i] || load->must_set[i] ? 1 : 0;
    }
    loaded(task);
}

/* What a controller does with a topic. True when something is to be written. */
static bool decide(struct cluster *cluster, struct cluster_task *task)
{
    struct load *load = task->state;
    struct topic_reading *reading = &load->reading;
    bool has_news = load->needs_id;
    for (int32_t i = 0; i < reading->topic.partition_count; i++) {
        const struct zk_replicas *replicas = &reading->topic.partitions[i];
        struct zk_state *state = &reading->states[i];
        if (replicas->count == 0) {
            continue; /* a number that the assignment leaves out */
        }
        if (reading->versions[i] < 0) {
            topics_first_state(cluster, &task->arena, replicas, state);
            /* Without a living replica the partition stays new, as Apache leaves it. */
            reading->is_fresh[i] = state->leader >= 0;
        } else if (!is_alive(cluster, state->leader)) {
            load->must_set[i] = elect(cluster, configs_of_topic(cluster, load->name), &task->arena,
                                      replicas, state);
        }
        has_news = has_news || reading->is_fresh[i] || load->must_set[i];
    }
    return has_news;
}

static void states_read(struct cluster_task *task)
{
    struct load *load = task->state;
    if (load->err != ZK_ERR_OK) {
        LOG("cluster", LOG_ERROR, "the states of %.*s cannot be read: %s", LOG_SLICE(load->name),
            zk_error_text(load->err));
        load_end(task, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, "the topic's states cannot be read");
        return;
    }
    if (decide(task->cluster, task)) {
        task_run(task, write_step, written);
    } else {
        loaded(task);
    }
}

static void topic_read(struct cluster_task *task)
{
    struct load *load = task->state;
    struct cluster *cluster = task->cluster;
    if (load->err != ZK_ERR_OK) {
        if (load->err != ZK_ERR_NONODE) {
            LOG("cluster", LOG_ERROR, "/brokers/topics/%.*s cannot be read: %s",
                LOG_SLICE(load->name), zk_error_text(load->err));
        }
        load_end(task, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        return;
    }
    load->needs_id = uuid_is_zero(&load->reading.topic.id);
    while (load->needs_id && uuid_is_zero(&load->reading.topic.id)) {
        struct codec_uuid id;
        runtime_random(cluster->broker->runtime, id.bytes, sizeof id.bytes);
        if (uuid_make_random(&id)) {
            load->reading.topic.id = id;
        }
    }
    topics_reading_init(task, &load->reading);
    load->must_set = ARENA_ARRAY(&task->arena, bool, load->reading.topic.partition_count);
    task_run(task, states_step, states_read);
}

static void load_again(struct cluster_task *task)
{
    struct load *load = task->state;
    load->err = 0;
    if (load->tries++ == LOAD_TRIES_MAX) {
        load_end(task, KAFKA_ERROR_UNKNOWN_SERVER_ERROR,
                 "the topic is being changed in ZooKeeper by others");
        return;
    }
    task_run(task, read_step, topic_read);
}

void topics_load(struct cluster *cluster, struct slice name, struct cluster_done done)
{
    struct cluster_task *task = task_create(cluster);
    struct load *load = ARENA_NEW(&task->arena, struct load);
    load->name = arena_copy(&task->arena, name);
    load->done = done;
    task->state = load;
    task_run_for_topic(task, name, read_step, topic_read);
}
