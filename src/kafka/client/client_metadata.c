/* client_metadata.c - what the client knows of the cluster, and how it learns it.
 *
 * Brokers are peers; a broker that the last answer does not name stays as a peer that is not known.
 * Leaders are kept for the topics that calls were for. A look-up is one call of the client's own:
 * one Metadata request at a time for all that wait, one FindCoordinator per key. When it ends, well
 * or not, the waiting calls are routed again; those that it did not help make a pause.
 *
 * Sources: Metadata, MetadataCache, AdminMetadataManager of Apache Kafka 3.9.
 */
#include <stdio.h>

#include "base/memory.h"
#include "kafka/client/client_private.h"

#define METADATA_VERSION_MIN 4         /* the first that can ask without making topics */
#define FIND_COORDINATOR_VERSION_MAX 3 /* one key a request */
#define KEY_BYTES_MAX 32768

/* ---- brokers and leaders --------------------------------------------------------------------- */

static void take_broker(struct kafka_client *client,
                        const struct kafka_metadata_response_broker *broker)
{
    char host[HOST_TEXT_MAX];
    bool is_sound = broker->node_id >= 0 && broker->port >= 0 && broker->port <= UINT16_MAX &&
                    broker->host.len > 0 && broker->host.len < sizeof host;
    struct peer *peer = is_sound ? peer_find(client, broker->node_id) : NULL;
    if (!is_sound || (peer == NULL && client->peer_count >= KAFKA_CLIENT_BROKERS_MAX)) {
        return;
    }
    snprintf(host, sizeof host, "%.*s", (int)broker->host.len, (const char *)broker->host.ptr);
    if (peer == NULL) {
        peer = peer_add(client, broker->node_id, host, (uint16_t)broker->port);
    } else if (strcmp(peer->host, host) != 0 || peer->port != (uint16_t)broker->port) {
        peer_set_address(peer, host, (uint16_t)broker->port);
        if (peer->stage != PEER_IDLE) {
            kafka_peer_fail(peer, "the broker has another address now");
        }
    }
    snprintf(peer->rack, sizeof peer->rack, "%.*s", (int)MIN(broker->rack.len, RACK_TEXT_MAX - 1),
             broker->rack.len > 0 ? (const char *)broker->rack.ptr : "");
    peer->is_known = true;
}

static void free_topic(struct kafka_client *client, struct cached_topic *topic)
{
    client->partition_count -= (size_t)topic->count;
    mem_free(topic->leaders, (size_t)topic->count * sizeof *topic->leaders);
    mem_free((void *)(uintptr_t)topic->name.ptr, topic->name.len);
    mem_free(topic, sizeof *topic);
}

static void forget_topics(struct kafka_client *client)
{
    size_t position = 0;
    struct slice key;
    void *value;
    while (bytes_map_next(&client->topics, &position, &key, &value)) {
        free_topic(client, value);
    }
    struct hash_key hash_key = client->topics.hash_key;
    bytes_map_release(&client->topics);
    bytes_map_init(&client->topics, hash_key);
}

static struct slice heap_copy(struct slice bytes)
{
    uint8_t *copy = mem_alloc(bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    return slice_of(copy, bytes.len);
}

/* The array is as long as its largest index, which what the answer holds must justify. */
static void take_topic(struct kafka_client *client,
                       const struct kafka_metadata_response_topic *from)
{
    int32_t count = 0;
    struct cached_topic *old = bytes_map_remove(&client->topics, from->name);
    if (old != NULL) {
        free_topic(client, old);
    }
    for (int32_t i = 0; i < from->partitions_count; i++) {
        int32_t index = from->partitions[i].partition_index;
        if (index < 0 || index >= from->partitions_count) {
            return;
        }
        count = MAX(count, index + 1);
    }
    if (from->error_code != 0 || count == 0 || from->name.len == 0 ||
        from->name.len > KEY_BYTES_MAX || count > KAFKA_CLIENT_PARTITIONS_MAX) {
        return;
    }
    if (client->partition_count + (size_t)count > KAFKA_CLIENT_PARTITIONS_MAX) {
        forget_topics(client);
    }
    struct cached_topic *topic = mem_alloc_zeroed(sizeof *topic);
    topic->name = heap_copy(from->name);
    topic->count = count;
    topic->leaders = mem_alloc((size_t)count * sizeof *topic->leaders);
    for (int32_t i = 0; i < count; i++) {
        topic->leaders[i] = -1;
    }
    for (int32_t i = 0; i < from->partitions_count; i++) {
        const struct kafka_metadata_response_partition *partition = &from->partitions[i];
        bool has_leader = partition->error_code == 0 ||
                          partition->error_code == KAFKA_ERROR_REPLICA_NOT_AVAILABLE;
        topic->leaders[partition->partition_index] = has_leader ? partition->leader_id : -1;
    }
    client->partition_count += (size_t)count;
    bytes_map_add(&client->topics, topic->name, topic);
}

void kafka_client_metadata_take(struct kafka_client *client,
                                const struct kafka_metadata_response *response)
{
    if (response->brokers_count > 0) {
        LIST_FOR_EACH(link, &client->peers)
        {
            struct peer *peer = CONTAINER_OF(link, struct peer, link);
            peer->is_known = peer->id < 0;
        }
    }
    for (int32_t i = 0; i < response->brokers_count; i++) {
        take_broker(client, &response->brokers[i]);
    }
    for (int32_t i = 0; i < response->topics_count; i++) {
        take_topic(client, &response->topics[i]);
    }
    client->controller_id = response->controller_id;
    client->is_metadata_stale = false;
    client->metadata_ns = MAX(kafka_client_now(client), 1);
}

int32_t kafka_client_leader(const struct kafka_client *client,
                            struct slice topic,
                            int32_t partition)
{
    const struct cached_topic *cached = bytes_map_get(&client->topics, topic);
    return cached != NULL && partition >= 0 && partition < cached->count
               ? cached->leaders[partition]
               : -1;
}

/* Empties client.waiting into `taken`, so that a walk does not meet what it puts back. */
static void take_waiting(struct kafka_client *client, struct list *taken)
{
    struct list *link;
    list_init(taken);
    while ((link = list_pop(&client->waiting)) != NULL) {
        list_append(taken, link);
    }
}

/* ---- asking for metadata --------------------------------------------------------------------- */

static bool is_helped(const struct kafka_client *client, const struct call *call)
{
    const struct kafka_target *target = &call->spec.target;
    if (target->kind == KAFKA_TARGET_LEADER) {
        return kafka_client_leader(client, target->topic, target->partition) >= 0;
    }
    if (target->kind == KAFKA_TARGET_BROKER) {
        const struct peer *peer = peer_find(client, target->broker_id);
        return peer != NULL && peer->is_known;
    }
    return true;
}

static const char *unhelped_cause(const struct call *call, char text[CAUSE_TEXT_MAX])
{
    const struct kafka_target *target = &call->spec.target;
    if (target->kind == KAFKA_TARGET_LEADER) {
        snprintf(text, CAUSE_TEXT_MAX, "%.*s-%d has no leader", (int)MIN(target->topic.len, 249),
                 (const char *)target->topic.ptr, target->partition);
    } else {
        snprintf(text, CAUSE_TEXT_MAX, "there is no broker %d", target->broker_id);
    }
    return text;
}

static void on_metadata(void *ctx, const struct kafka_reply *reply)
{
    struct kafka_client *client = ctx;
    client->is_metadata_asked = false;
    if (client->is_released) {
        return;
    }
    struct list taken;
    struct list *link;
    take_waiting(client, &taken);
    while ((link = list_pop(&taken)) != NULL) {
        char text[CAUSE_TEXT_MAX];
        struct call *call = CONTAINER_OF(link, struct call, link);
        bool is_for_it = !call->is_internal && call->spec.target.kind != KAFKA_TARGET_ANY &&
                         call->spec.target.kind != KAFKA_TARGET_COORDINATOR;
        if (reply->error == 0 && is_for_it && !is_helped(client, call)) {
            kafka_client_retry(call, unhelped_cause(call, text));
            continue;
        }
        if (reply->error != 0) {
            snprintf(call->cause, sizeof call->cause, "%s", reply->message);
        }
        list_append(&client->waiting, &call->link);
    }
    kafka_client_wake_at(client, 0);
}

/* The topics of waiting calls whose leader is asked for, each once. */
static int32_t wanted_topics(struct kafka_client *client,
                             struct arena *arena,
                             struct kafka_metadata_request_topic **topics)
{
    struct bytes_map seen;
    int32_t count = 0;
    size_t room = 0;
    LIST_FOR_EACH(link, &client->waiting)
    {
        room++;
    }
    bytes_map_init(&seen, client->topics.hash_key);
    *topics = ARENA_ARRAY(arena, struct kafka_metadata_request_topic, room + 1);
    LIST_FOR_EACH(link, &client->waiting)
    {
        struct call *call = CONTAINER_OF(link, struct call, link);
        struct slice name = call->spec.target.topic;
        if (call->spec.target.kind == KAFKA_TARGET_LEADER && bytes_map_get(&seen, name) == NULL) {
            codec_init(&kafka_metadata_request_topic_message, &(*topics)[count]);
            (*topics)[count++].name = name;
            bytes_map_add(&seen, name, call);
        }
    }
    bytes_map_release(&seen);
    return count;
}

void kafka_client_metadata_ask(struct kafka_client *client)
{
    struct kafka_metadata_request request;
    struct arena arena;
    if (client->is_metadata_asked) {
        return;
    }
    arena_init(&arena, 4096, SIZE_MAX);
    codec_init(&kafka_metadata_request_message, &request);
    request.topics_count = wanted_topics(client, &arena, &request.topics);
    request.allow_auto_topic_creation = false;
    struct kafka_call spec = {
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_metadata_request_message,
        .response_message = &kafka_metadata_response_message,
        .request = &request,
        .min_version = METADATA_VERSION_MIN,
        .max_version = INT16_MAX,
        .timeout_ms = client->config.request_timeout_ms,
        .done = on_metadata,
        .ctx = client,
    };
    client->is_metadata_asked = true;
    int error = kafka_client_add_call(client, &spec, true);
    ASSERT(error == 0);
    arena_release(&arena);
}

void kafka_client_metadata_release(struct kafka_client *client)
{
    size_t position = 0;
    struct slice key;
    void *value;
    forget_topics(client);
    while (bytes_map_next(&client->coordinators, &position, &key, &value)) {
        struct cached_coordinator *coordinator = value;
        mem_free((void *)(uintptr_t)coordinator->key.ptr, coordinator->key.len);
        mem_free(coordinator, sizeof *coordinator);
    }
}

/* ---- coordinators ---------------------------------------------------------------------------- */

static struct slice coordinator_key(int8_t type, struct slice key, uint8_t bytes[KEY_BYTES_MAX + 1])
{
    size_t len = MIN(key.len, KEY_BYTES_MAX);
    bytes[0] = (uint8_t)type;
    if (len > 0) {
        memcpy(bytes + 1, key.ptr, len);
    }
    return slice_of(bytes, len + 1);
}

static void free_coordinator(struct kafka_client *client, struct cached_coordinator *coordinator)
{
    bytes_map_remove(&client->coordinators, coordinator->key);
    mem_free((void *)(uintptr_t)coordinator->key.ptr, coordinator->key.len);
    mem_free(coordinator, sizeof *coordinator);
}

static bool waits_for(const struct call *call, const struct cached_coordinator *coordinator)
{
    const struct kafka_target *target = &call->spec.target;
    return target->kind == KAFKA_TARGET_COORDINATOR &&
           (uint8_t)target->coordinator_type == coordinator->key.ptr[0] &&
           slice_equal(target->topic, slice_part(coordinator->key, 1, coordinator->key.len));
}

static int16_t coordinator_error(const void *response, int16_t version)
{
    (void)version;
    const struct kafka_find_coordinator_response *found = response;
    return found->error_code;
}

static void give_up_coordinator(struct kafka_client *client,
                                const struct cached_coordinator *coordinator,
                                const struct kafka_reply *reply,
                                int16_t lookup_error)
{
    struct list taken;
    struct list *link;
    take_waiting(client, &taken);
    while ((link = list_pop(&taken)) != NULL) {
        struct call *call = CONTAINER_OF(link, struct call, link);
        if (!waits_for(call, coordinator)) {
            list_append(&client->waiting, &call->link);
        } else if (lookup_error != 0) {
            call->lookup_error = lookup_error;
            kafka_client_finish_later(call, ERR_AUTH, kafka_error_text(lookup_error));
        } else {
            kafka_client_retry(call, reply->message);
        }
    }
}

static void on_coordinator(void *ctx, const struct kafka_reply *reply)
{
    struct cached_coordinator *coordinator = ctx;
    struct kafka_client *client = coordinator->client;
    const struct kafka_find_coordinator_response *found = reply->response;
    if (client->is_released) {
        return; /* freed with the client */
    }
    int16_t error = reply->error == 0 ? found->error_code : 0;
    bool is_found = reply->error == 0 && error == 0 && found->node_id >= 0;
    if (is_found) {
        struct kafka_metadata_response_broker broker = {
            .node_id = found->node_id,
            .host = found->host,
            .port = found->port,
        };
        struct peer *peer = peer_find(client, found->node_id);
        if (peer == NULL || !peer->is_known) {
            take_broker(client, &broker);
        }
        coordinator->node_id = found->node_id;
    } else {
        give_up_coordinator(client, coordinator, reply, error);
        free_coordinator(client, coordinator);
    }
    kafka_client_wake_at(client, 0);
}

int32_t kafka_client_coordinator_get(struct kafka_client *client, int8_t type, struct slice key)
{
    uint8_t bytes[KEY_BYTES_MAX + 1];
    struct slice whole = coordinator_key(type, key, bytes);
    struct cached_coordinator *coordinator = bytes_map_get(&client->coordinators, whole);
    if (coordinator != NULL) {
        return coordinator->node_id;
    }
    struct kafka_find_coordinator_request request;
    codec_init(&kafka_find_coordinator_request_message, &request);
    request.key = slice_part(whole, 1, whole.len);
    request.key_type = type;
    coordinator = mem_alloc_zeroed(sizeof *coordinator);
    *coordinator = (struct cached_coordinator){heap_copy(whole), -1, client};
    bytes_map_add(&client->coordinators, coordinator->key, coordinator);
    struct kafka_call spec = {
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_find_coordinator_request_message,
        .response_message = &kafka_find_coordinator_response_message,
        .request = &request,
        .max_version = FIND_COORDINATOR_VERSION_MAX,
        .timeout_ms = client->config.request_timeout_ms,
        .error_of = coordinator_error,
        .done = on_coordinator,
        .ctx = coordinator,
    };
    int error = kafka_client_add_call(client, &spec, true);
    ASSERT(error == 0);
    return -1;
}

void kafka_client_coordinator_forget(struct kafka_client *client, int8_t type, struct slice key)
{
    uint8_t bytes[KEY_BYTES_MAX + 1];
    struct cached_coordinator *coordinator = bytes_map_get(&client->coordinators,
                                                           coordinator_key(type, key, bytes));
    if (coordinator != NULL && coordinator->node_id >= 0) {
        free_coordinator(client, coordinator);
    }
}
