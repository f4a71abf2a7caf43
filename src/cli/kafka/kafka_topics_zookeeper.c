/* kafka_topics_zookeeper.c - kafka-topics --zookeeper, as the tool of Kafka 2.7 did it: topics are
 * read from ZooKeeper, and what is to be changed is written there; the controller acts on it. See
 * kafka_topics.c.
 *
 * Source: ZookeeperTopicService of TopicCommand, AdminZkClient of Kafka 2.7.
 */
#include <stdlib.h>

#include "cli/kafka/kafka_topics.h"
#include "cli/kafka/kafka_zookeeper.h"
#include "kafka/core/replica_assignment.h"
#include "kafka/core/topic_name.h"

struct session {
    struct kafka_topics *topics;
    struct kafka_zookeeper zookeeper;
};

static bool has(const struct session *session, const char *name)
{
    return kafka_options_has(&session->topics->options, name);
}

static struct kafka_admin *admin_of(struct session *session)
{
    return &session->topics->admin;
}

static struct slice path_of(struct session *session, const char *folder, struct slice topic)
{
    return kafka_admin_format(admin_of(session), "%s/%.*s", folder, SLICE_ARGS(topic));
}

/* Those that pass the filter, sorted. */
static int find_topics(struct session *session, struct slice **names, int32_t *count)
{
    int32_t all;
    int error = kafka_zookeeper_children(&session->zookeeper, SLICE_LIT("/brokers/topics"), names,
                                         &all);
    *count = 0;
    for (int32_t i = 0; i < all; i++) {
        if (kafka_topic_filter_passes(&session->topics->filter, (*names)[i])) {
            (*names)[(*count)++] = (*names)[i];
        }
    }
    return error != 0 || has(session, "list")
               ? error
               : kafka_topics_must_exist(session->topics, (size_t)*count);
}

/* ERR_NOT_FOUND: there is no such topic. */
static int read_topic(struct session *session, struct slice name, struct zk_topic *topic)
{
    struct slice data;
    int error = kafka_zookeeper_get(&session->zookeeper, path_of(session, "/brokers/topics", name),
                                    &data);
    if (error != 0) {
        return error;
    }
    if (zk_json_get_topic(data, &admin_of(session)->arena, topic) != 0) {
        return kafka_admin_error(admin_of(session), "java.lang.IllegalArgumentException",
                                 "/brokers/topics/%.*s in ZooKeeper is malformed",
                                 SLICE_ARGS(name));
    }
    return 0;
}

static int is_deleting(struct session *session, struct slice name, bool *deleting)
{
    return kafka_zookeeper_exists(&session->zookeeper,
                                  path_of(session, "/admin/delete_topics", name), deleting);
}

static int list(struct session *session)
{
    struct slice *names;
    int32_t count;
    int error = find_topics(session, &names, &count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        bool deleting;
        error = is_deleting(session, names[i], &deleting);
        if (error == 0) {
            printf("%.*s%s\n", SLICE_ARGS(names[i]), deleting ? " - marked for deletion" : "");
        }
    }
    return error;
}

/* ---- describe -------------------------------------------------------------------------------- */

struct view {
    struct slice name;
    struct zk_topic topic;
    bool deleting;
    const struct broker_info *brokers;
    int32_t broker_count;
};

static bool is_alive(const struct view *view, int32_t id)
{
    for (int32_t i = 0; i < view->broker_count; i++) {
        if (view->brokers[i].id == id) {
            return true;
        }
    }
    return false;
}

static int describe_partition(struct session *session, const struct view *view, int32_t index)
{
    struct slice path = kafka_admin_format(admin_of(session),
                                           "/brokers/topics/%.*s/partitions/%d/state",
                                           SLICE_ARGS(view->name), index);
    struct zk_state state = {.leader = -1};
    struct slice data;
    int error = kafka_zookeeper_get(&session->zookeeper, path, &data);
    if (error != 0 && error != ERR_NOT_FOUND) {
        return error;
    }
    if (error == 0 && zk_json_get_state(data, &admin_of(session)->arena, &state) != 0) {
        state = (struct zk_state){.leader = -1};
    }
    struct kafka_topics_partition partition = {
        .index = index,
        .leader = state.leader,
        .leader_is_alive = state.leader >= 0 && is_alive(view, state.leader),
        .replicas = view->topic.partitions[index].ids,
        .replica_count = view->topic.partitions[index].count,
        .isr = state.isr.ids,
        .isr_count = state.isr.count,
        .min_isr = -1,
        .is_deleting = view->deleting,
    };
    kafka_topics_print_partition(session->topics, view->name, &partition);
    return 0;
}

static int describe_configs(struct session *session, const struct view *view)
{
    struct config_entry *entries;
    size_t count;
    int error = kafka_zookeeper_get_config(
        &session->zookeeper,
        kafka_admin_format(admin_of(session), "topics/%.*s", SLICE_ARGS(view->name)), &entries,
        &count);
    if (error != 0 || (has(session, "topics-with-overrides") && count == 0)) {
        return error;
    }
    printf("Topic: %.*s\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: ",
           SLICE_ARGS(view->name), view->topic.partition_count,
           view->topic.partition_count > 0 ? view->topic.partitions[0].count : 0);
    for (size_t i = 0; i < count; i++) {
        printf("%s%.*s=%.*s", i > 0 ? "," : "", SLICE_ARGS(entries[i].name),
               SLICE_ARGS(entries[i].value));
    }
    printf("%s\n", view->deleting ? "\tMarkedForDeletion: true" : "");
    return 0;
}

static int describe_topic(struct session *session, struct view *view)
{
    int error = read_topic(session, view->name, &view->topic);
    if (error == ERR_NOT_FOUND) {
        printf("Topic %.*s doesn't exist!\n", SLICE_ARGS(view->name));
        return 0;
    }
    error = error != 0 ? error : is_deleting(session, view->name, &view->deleting);
    if (error == 0 && kafka_topics_prints_configs(session->topics)) {
        error = describe_configs(session, view);
    }
    for (int32_t i = 0;
         i < view->topic.partition_count && error == 0 && !has(session, "topics-with-overrides");
         i++) {
        error = describe_partition(session, view, i);
    }
    return error;
}

static int describe(struct session *session)
{
    struct slice *names;
    int32_t count;
    struct broker_info *brokers;
    int32_t broker_count;
    int error = find_topics(session, &names, &count);
    error = error != 0 ? error
                       : kafka_zookeeper_brokers(&session->zookeeper, &brokers, &broker_count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        struct view view = {.name = names[i], .brokers = brokers, .broker_count = broker_count};
        error = describe_topic(session, &view);
    }
    return error;
}

/* ---- create and alter ------------------------------------------------------------------------ */

/* Replicas for partitions [first, count), spread over the brokers as Apache's tool does. */
static int assign(struct session *session,
                  int32_t first,
                  int32_t count,
                  int32_t factor,
                  struct zk_replicas *partitions)
{
    struct kafka_admin *admin = admin_of(session);
    struct broker_info *infos;
    int32_t broker_count;
    uint32_t starts[2];
    int32_t *replicas;
    int error = kafka_zookeeper_brokers(&session->zookeeper, &infos, &broker_count);
    if (error != 0) {
        return error;
    }
    if (count - first <= 0) {
        return kafka_admin_error(admin, "org.apache.kafka.common.errors.InvalidPartitionsException",
                                 "Number of partitions must be larger than 0.");
    }
    if (factor <= 0) {
        return kafka_admin_error(admin,
                                 "org.apache.kafka.common.errors.InvalidReplicationFactorException",
                                 "Replication factor must be larger than 0.");
    }
    if (factor > broker_count) {
        return kafka_admin_error(
            admin, "org.apache.kafka.common.errors.InvalidReplicationFactorException",
            "Replication factor: %d larger than available brokers: %d.", factor, broker_count);
    }
    struct replica_broker *brokers = ARENA_ARRAY(&admin->arena, struct replica_broker,
                                                 broker_count);
    for (int32_t i = 0; i < broker_count; i++) {
        bool has_rack = infos[i].rack[0] != '\0' && !has(session, "disable-rack-aware");
        brokers[i].id = infos[i].id;
        brokers[i].rack = has_rack ? slice_of_cstr(infos[i].rack) : SLICE_NULL;
    }
    runtime_random(session->zookeeper.runtime, starts, sizeof starts);
    struct replica_request request = {
        .brokers = brokers,
        .broker_count = broker_count,
        .partition_count = count - first,
        .replication_factor = factor,
        .start_index = (int32_t)(starts[0] % (uint32_t)broker_count),
        .shift = (int32_t)(starts[1] % (uint32_t)broker_count),
        .first_partition = first,
    };
    error = replica_assign(&request, &admin->arena, &replicas);
    if (error != 0) {
        return kafka_admin_error(admin, "kafka.admin.AdminOperationException", "%s",
                                 error == ERR_CONFIG
                                     ? "Not all brokers have rack information. Add "
                                       "--disable-rack-aware in command line to make replica "
                                       "assignment without rack information."
                                     : error_text(error));
    }
    for (int32_t i = first; i < count; i++) {
        partitions[i] = (struct zk_replicas){replicas + (size_t)(i - first) * (size_t)factor,
                                             factor};
    }
    return 0;
}

static int check_new_topic(struct session *session, struct slice name)
{
    struct kafka_admin *admin = admin_of(session);
    struct slice *names;
    int32_t count;
    if (topic_name_check(name) == TOPIC_NAME_CHARACTER) {
        return kafka_admin_error(admin, "org.apache.kafka.common.errors.InvalidTopicException",
                                 "Topic name \"%.*s\" is illegal, it contains a character other "
                                 "than ASCII alphanumerics, '.', '_' and '-'",
                                 SLICE_ARGS(name));
    }
    if (topic_name_check(name) != TOPIC_NAME_FINE) {
        return kafka_admin_error(admin, "org.apache.kafka.common.errors.InvalidTopicException",
                                 "Topic name \"%.*s\" is illegal: it is empty, \".\", \"..\" or "
                                 "longer than 249 characters",
                                 SLICE_ARGS(name));
    }
    int error = kafka_zookeeper_children(&session->zookeeper, SLICE_LIT("/brokers/topics"), &names,
                                         &count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        if (slice_equal(names[i], name)) {
            kafka_admin_error(admin, "org.apache.kafka.common.errors.TopicExistsException",
                              "Topic '%.*s' already exists.", SLICE_ARGS(name));
            return ERR_EXISTS;
        }
        if (topic_name_collides(names[i], name)) {
            return kafka_admin_error(admin, "org.apache.kafka.common.errors.InvalidTopicException",
                                     "Topic '%.*s' collides with existing topics: %.*s",
                                     SLICE_ARGS(name), SLICE_ARGS(names[i]));
        }
    }
    return error;
}

static int write_topic(struct session *session,
                       struct slice name,
                       const struct zk_topic *topic,
                       bool is_new)
{
    struct slice path = path_of(session, "/brokers/topics", name);
    struct buffer json;
    buffer_init(&json, (size_t)256 << 20);
    zk_json_put_topic(&json, topic);
    int error = is_new
                    ? kafka_zookeeper_create(&session->zookeeper, path, buffer_slice(&json), false)
                    : kafka_zookeeper_set(&session->zookeeper, path, buffer_slice(&json));
    buffer_release(&json);
    return error;
}

static struct config_entry *entries_of(struct session *session,
                                       const struct kafka_topics_change *change)
{
    struct config_entry *entries = ARENA_ARRAY(&admin_of(session)->arena, struct config_entry,
                                               (size_t)change->config_count + 1);
    for (int32_t i = 0; i < change->config_count; i++) {
        entries[i] = (struct config_entry){change->configs[i].name, change->configs[i].value};
    }
    return entries;
}

static int create(struct session *session)
{
    struct kafka_admin *admin = admin_of(session);
    struct kafka_topics_change change;
    struct zk_topic topic = {0};
    int error = kafka_topics_read_change(session->topics, &change);
    if (error != 0) {
        return error;
    }
    if (memchr(change.name.ptr, '.', change.name.len) != NULL ||
        memchr(change.name.ptr, '_', change.name.len) != NULL) {
        printf("WARNING: Due to limitations in metric names, topics with a period ('.') or "
               "underscore ('_') could collide. To avoid issues it is best to use either, but not "
               "both.\n");
    }
    bool is_given = change.assignment != NULL;
    topic.partition_count = is_given ? change.assignment_count : MAX(change.partitions, 0);
    topic.partitions = ARENA_ARRAY(&admin->arena, struct zk_replicas, topic.partition_count + 1);
    for (int32_t i = 0; is_given && i < topic.partition_count; i++) {
        topic.partitions[i] = (struct zk_replicas){change.assignment[i].ids,
                                                   change.assignment[i].count};
    }
    if (!is_given) {
        error = assign(session, 0, change.partitions, change.replication_factor, topic.partitions);
    }
    struct config_entry *entries = entries_of(session, &change);
    error = error != 0 ? error : check_new_topic(session, change.name);
    if (error == ERR_EXISTS && has(session, "if-not-exists")) {
        return 0;
    }
    error = error != 0 ? error
                       : kafka_check_topic_configs(admin, entries, (size_t)change.config_count);
    error = error != 0 ? error
                       : kafka_zookeeper_set_config(
                             &session->zookeeper,
                             kafka_admin_format(admin, "topics/%.*s", SLICE_ARGS(change.name)),
                             entries, (size_t)change.config_count);
    error = error != 0 ? error : write_topic(session, change.name, &topic, true);
    if (error == 0) {
        printf("Created topic %.*s.\n", SLICE_ARGS(change.name));
    }
    return error;
}

static int check_deleted(struct session *session)
{
    size_t key_count;
    const struct config_key *keys = topic_config_keys(&key_count);
    for (size_t i = 0; i < kafka_options_count(&session->topics->options, "delete-config"); i++) {
        struct slice name = kafka_options_nth(&session->topics->options, "delete-config", i);
        size_t at = 0;
        while (at < key_count && !slice_equal_cstr(name, keys[at].name)) {
            at++;
        }
        if (at == key_count) {
            return kafka_admin_error(admin_of(session),
                                     "org.apache.kafka.common.errors.InvalidConfigurationException",
                                     "Unknown topic config name: %.*s", SLICE_ARGS(name));
        }
    }
    return 0;
}

static int alter_configs(struct session *session,
                         struct slice name,
                         const struct kafka_topics_change *change)
{
    struct kafka_admin *admin = admin_of(session);
    struct slice entity = kafka_admin_format(admin, "topics/%.*s", SLICE_ARGS(name));
    struct config_entry *entries;
    size_t count;
    int error = kafka_zookeeper_get_config(&session->zookeeper, entity, &entries, &count);
    printf("WARNING: Altering topic configuration from this script has been deprecated and may be "
           "removed in future releases.\n"
           "         Going forward, please use kafka-configs.sh for this functionality\n");
    for (int32_t i = 0; i < change->config_count; i++) {
        kafka_config_entries_put(entries, &count, change->configs[i].name,
                                 change->configs[i].value);
    }
    for (size_t i = 0; i < kafka_options_count(&session->topics->options, "delete-config"); i++) {
        kafka_config_entries_put(entries, &count,
                                 kafka_options_nth(&session->topics->options, "delete-config", i),
                                 SLICE_NULL);
    }
    error = error != 0 ? error : kafka_check_topic_configs(admin, entries, count);
    error = error != 0 ? error
                       : kafka_zookeeper_set_config(&session->zookeeper, entity, entries, count);
    if (error == 0) {
        printf("Updated config for topic %.*s.\n", SLICE_ARGS(name));
    }
    return error;
}

static int add_partitions(struct session *session,
                          struct slice name,
                          const struct kafka_topics_change *change)
{
    struct kafka_admin *admin = admin_of(session);
    struct zk_topic topic;
    if (kafka_topic_is_internal(name)) {
        return kafka_admin_error(
            admin, "java.lang.IllegalArgumentException",
            "The number of partitions for the internal topic %.*s cannot be changed.",
            SLICE_ARGS(name));
    }
    printf(
        "WARNING: If partitions are increased for a topic that has a key, the partition logic or "
        "ordering of the messages will be affected\n");
    int error = read_topic(session, name, &topic);
    if (error != 0) {
        return error;
    }
    int32_t existing = topic.partition_count;
    if (change->partitions <= existing) {
        return kafka_admin_error(
            admin, "org.apache.kafka.common.errors.InvalidPartitionsException",
            "The number of partitions for a topic can only be increased. Topic %.*s currently has "
            "%d partitions, %d would not be an increase.",
            SLICE_ARGS(name), existing, change->partitions);
    }
    struct zk_replicas *partitions = ARENA_ARRAY(&admin->arena, struct zk_replicas,
                                                 change->partitions);
    memcpy(partitions, topic.partitions, (size_t)existing * sizeof *partitions);
    if (change->assignment == NULL) {
        error = assign(session, existing, change->partitions, topic.partitions[0].count,
                       partitions);
    } else if (change->assignment_count != change->partitions) {
        error = kafka_admin_error(
            admin, "org.apache.kafka.common.errors.InvalidReplicaAssignmentException",
            "The manual assignment must name %d partitions", change->partitions);
    }
    for (int32_t i = existing; change->assignment != NULL && i < change->partitions && error == 0;
         i++) {
        partitions[i] = (struct zk_replicas){change->assignment[i].ids,
                                             change->assignment[i].count};
    }
    topic.partitions = partitions;
    topic.partition_count = change->partitions;
    topic.adding = topic.removing = NULL;
    error = error != 0 ? error : write_topic(session, name, &topic, false);
    if (error == 0) {
        printf("Adding partitions succeeded!\n");
    }
    return error;
}

static int alter(struct session *session)
{
    struct kafka_topics_change change;
    struct slice *names;
    int32_t count;
    int error = find_topics(session, &names, &count);
    error = error != 0 ? error : kafka_topics_read_change(session->topics, &change);
    error = error != 0 ? error : check_deleted(session);
    for (int32_t i = 0; i < count && error == 0; i++) {
        if (has(session, "config") || has(session, "delete-config")) {
            error = alter_configs(session, names[i], &change);
        }
        if (error == 0 && has(session, "partitions")) {
            error = add_partitions(session, names[i], &change);
        }
    }
    return error;
}

static int delete_topics(struct session *session)
{
    struct slice *names;
    int32_t count;
    int error = find_topics(session, &names, &count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        if (kafka_topic_is_internal(names[i])) {
            return kafka_admin_error(
                admin_of(session), "kafka.admin.AdminOperationException",
                "Topic %.*s is a kafka internal topic and is not allowed to be "
                "marked for deletion.",
                SLICE_ARGS(names[i]));
        }
        error = kafka_zookeeper_create(&session->zookeeper,
                                       path_of(session, "/admin/delete_topics", names[i]),
                                       SLICE_NULL, false);
        if (error == 0) {
            printf("Topic %.*s is marked for deletion.\n"
                   "Note: This will have no impact if delete.topic.enable is not set to true.\n",
                   SLICE_ARGS(names[i]));
        } else if (error == ERR_EXISTS) {
            printf("Topic %.*s is already marked for deletion.\n", SLICE_ARGS(names[i]));
            error = 0;
        }
    }
    return error;
}

static int run(struct session *session)
{
    if (has(session, "create")) {
        return create(session);
    }
    if (has(session, "alter")) {
        return alter(session);
    }
    if (has(session, "list")) {
        return list(session);
    }
    return has(session, "describe") ? describe(session) : delete_topics(session);
}

int kafka_topics_zookeeper(struct kafka_topics *topics)
{
    struct session session = {.topics = topics};
    int error = kafka_zookeeper_open(&session.zookeeper, &topics->admin,
                                     kafka_options_text(&topics->options, "zookeeper"));
    error = error != 0 ? error : run(&session);
    kafka_zookeeper_close(&session.zookeeper);
    return error != 0 ? ERR_INVALID : 0;
}
