/* group_offsets.c - OffsetCommit, and the table of a group's offsets.
 *
 * A commit becomes one record for each partition; it counts when the log has them, and until then a
 * reader who asks for stable offsets is told to come again. Who may commit: a member of the current
 * generation, or anybody without a generation while the group is Empty ("simple" consumers and
 * tools). Sources: GroupCoordinator.doCommitOffsets, validateOffsetCommit;
 * GroupMetadataManager.storeOffsets.
 */
#include "kafka/core/group_private.h"

#include "kafka/core/java_string.h"

#define KEY_PARTITION_BYTES 4
#define NO_RETENTION ((int64_t)-1)
#define NO_COMMIT_TIME ((int64_t)-1)

/* ---- the table ------------------------------------------------------------------------------- */

struct slice group_offset_topic(const struct group_offset *offset)
{
    return slice_part(offset->key, KEY_PARTITION_BYTES, offset->key.len);
}

int32_t group_offset_partition(const struct group_offset *offset)
{
    return (int32_t)load_be32(offset->key.ptr);
}

/* Topics' names have at most 249 bytes; what is longer is looked up through the heap. */
#define KEY_ON_STACK 512

struct key_text {
    uint8_t stack[KEY_ON_STACK];
    uint8_t *bytes;
    size_t len;
};

static struct slice key_make(struct key_text *key, struct slice topic, int32_t partition)
{
    key->len = KEY_PARTITION_BYTES + topic.len;
    key->bytes = key->len <= KEY_ON_STACK ? key->stack : mem_alloc(key->len);
    store_be32(key->bytes, (uint32_t)partition);
    if (topic.len > 0) {
        memcpy(key->bytes + KEY_PARTITION_BYTES, topic.ptr, topic.len);
    }
    return slice_of(key->bytes, key->len);
}

static void key_end(struct key_text *key)
{
    if (key->bytes != key->stack) {
        mem_free(key->bytes, key->len);
    }
}

struct group_offset *group_offset_find(const struct group *group,
                                       struct slice topic,
                                       int32_t partition)
{
    struct key_text text;
    struct group_offset *found = bytes_map_get(&group->offsets_by_key,
                                               key_make(&text, topic, partition));
    key_end(&text);
    return found;
}

struct group_offset *group_offset_get(struct group *group, struct slice topic, int32_t partition)
{
    struct key_text text;
    struct slice key = key_make(&text, topic, partition);
    struct group_offset *offset = bytes_map_get(&group->offsets_by_key, key);
    if (offset == NULL) {
        offset = mem_alloc(sizeof *offset + key.len);
        *offset = (struct group_offset){.offset = GROUP_NO_OFFSET, .expire_ms = GROUP_NO_EXPIRY};
        memcpy(offset + 1, key.ptr, key.len);
        offset->key = slice_of(offset + 1, key.len);
        list_append(&group->offsets, &offset->link);
        bytes_map_add(&group->offsets_by_key, offset->key, offset);
    }
    key_end(&text);
    return offset;
}

void group_offset_set(struct group_coordinator *coordinator,
                      struct group *group,
                      struct group_offset *offset,
                      const struct kafka_offset_commit_value *value,
                      int64_t record_offset)
{
    if (!offset->is_committed) {
        offset->is_committed = true;
        group->committed_count += 1;
        coordinator->offset_count += 1;
    }
    offset->offset = value->offset;
    offset->leader_epoch = value->leader_epoch;
    offset->commit_ms = value->commit_timestamp;
    offset->expire_ms = value->expire_timestamp;
    offset->record_offset = record_offset;
    if (!slice_equal(offset->metadata, value->metadata)) {
        group_set_text(&offset->metadata, value->metadata);
    }
}

void group_offset_free_if_unused(struct group *group, struct group_offset *offset)
{
    if (offset->is_committed || offset->pending > 0 || offset->pending_in_txn > 0) {
        return;
    }
    (void)bytes_map_remove(&group->offsets_by_key, offset->key);
    list_remove(&offset->link);
    group_text_free(&offset->metadata);
    mem_free(offset, sizeof *offset + offset->key.len);
}

void group_offset_forget(struct group_coordinator *coordinator,
                         struct group *group,
                         struct group_offset *offset)
{
    if (offset->is_committed) {
        offset->is_committed = false;
        group->committed_count -= 1;
        coordinator->offset_count -= 1;
    }
    offset->is_doomed = false;
    group_offset_free_if_unused(group, offset);
}

void group_offsets_free_all(struct group_coordinator *coordinator, struct group *group)
{
    LIST_FOR_EACH_SAFE(link, after, &group->offsets)
    {
        struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
        offset->pending = 0;
        offset->pending_in_txn = 0;
        group_offset_forget(coordinator, group, offset);
    }
    bytes_map_release(&group->offsets_by_key);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* The request's topics and partitions with `error` each, into the arena. */
static void fill_answer(struct arena *arena,
                        const struct kafka_offset_commit_request *request,
                        int16_t error,
                        struct kafka_offset_commit_response *response)
{
    codec_init(&kafka_offset_commit_response_message, response);
    response->topics_count = MAX(request->topics_count, 0);
    response->topics = ARENA_ARRAY(arena, struct kafka_offset_commit_response_topic,
                                   MAX(response->topics_count, 1));
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kafka_offset_commit_request_topic *from = &request->topics[i];
        struct kafka_offset_commit_response_topic *to = &response->topics[i];
        to->name = group_text_in(arena, from->name);
        to->partitions_count = MAX(from->partitions_count, 0);
        to->partitions = ARENA_ARRAY(arena, struct kafka_offset_commit_response_partition,
                                     MAX(to->partitions_count, 1));
        for (int32_t k = 0; k < to->partitions_count; k++) {
            to->partitions[k].partition_index = from->partitions[k].partition_index;
            to->partitions[k].error_code = error;
        }
    }
}

static void refuse(struct group_coordinator *coordinator,
                   const struct group_event *event,
                   int16_t error)
{
    struct kafka_offset_commit_response response;
    fill_answer(&coordinator->outbox->arena, event->request.offset_commit, error, &response);
    struct group_effect *effect = group_reply(coordinator, event->call, GROUP_EVENT_OFFSET_COMMIT);
    effect->of.reply.response.offset_commit = response;
}

/* ---- the records ----------------------------------------------------------------------------- */

struct offset_record {
    struct slice group;
    struct slice topic;
    int32_t partition;
    struct kafka_offset_commit_value value;
};

static int encode_key(void *ctx, struct buffer *out)
{
    const struct offset_record *record = ctx;
    return group_offset_key_encode(record->group, record->topic, record->partition, out);
}

static int encode_value(void *ctx, struct buffer *out)
{
    const struct offset_record *record = ctx;
    return group_offset_value_encode(&record->value, out);
}

/* Versions 2-4 may choose how long the offset is kept (KIP-211 took it away); version 1 may choose
 * when it was made. */
static void value_of(const struct group_coordinator *coordinator,
                     const struct kafka_offset_commit_request *request,
                     const struct kafka_offset_commit_request_partition *partition,
                     struct kafka_offset_commit_value *value)
{
    codec_init(&kafka_offset_commit_value_message, value);
    value->offset = partition->committed_offset;
    value->leader_epoch = partition->committed_leader_epoch;
    value->metadata = slice_is_null(partition->committed_metadata) ? SLICE_LIT("")
                                                                   : partition->committed_metadata;
    value->commit_timestamp = partition->commit_timestamp == NO_COMMIT_TIME
                                  ? coordinator->wall_ms
                                  : partition->commit_timestamp;
    value->expire_timestamp = GROUP_NO_EXPIRY;
    if (request->retention_time_ms != NO_RETENTION) {
        value->expire_timestamp = (int64_t)((uint64_t)coordinator->wall_ms +
                                            (uint64_t)request->retention_time_ms);
        /* Version 1 of the value, which alone has an expiry, has no epoch. */
        value->leader_epoch = GROUP_NO_EPOCH;
    }
}

static int16_t append_partition(struct group_coordinator *coordinator,
                                struct group *group,
                                struct group_append *append,
                                const struct kafka_offset_commit_request *request,
                                int32_t topic,
                                int32_t partition)
{
    const struct kafka_offset_commit_request_partition *from =
        &request->topics[topic].partitions[partition];
    size_t limit = (size_t)MAX(coordinator->config.offset_metadata_max_bytes, 0);
    if (java_string_length(from->committed_metadata) > limit) {
        return KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE;
    }
    struct offset_record record = {
        .group = group->id,
        .topic = request->topics[topic].name,
        .partition = from->partition_index,
    };
    value_of(coordinator, request, from, &record.value);
    if (group_append_record(coordinator, append, encode_key, encode_value, &record) != ERR_OK) {
        return KAFKA_ERROR_INVALID_COMMIT_OFFSET_SIZE; /* a text that fits no record */
    }
    struct group_offset *offset = group_offset_get(group, record.topic, record.partition);
    offset->pending += 1;
    offset->is_doomed = false; /* it stands behind the tombstone */
    return KAFKA_ERROR_NONE;
}

static void store(struct group_coordinator *coordinator,
                  struct group *group,
                  const struct group_event *event)
{
    const struct kafka_offset_commit_request *request = event->request.offset_commit;
    struct group_append *append = group_append_new(coordinator, group, GROUP_APPEND_OFFSETS);
    append->request = GROUP_EVENT_OFFSET_COMMIT;
    append->call = event->call;
    fill_answer(&append->arena, request, KAFKA_ERROR_NONE, &append->commit);
    for (int32_t i = 0; i < append->commit.topics_count; i++) {
        for (int32_t k = 0; k < append->commit.topics[i].partitions_count; k++) {
            append->commit.topics[i].partitions[k].error_code = append_partition(
                coordinator, group, append, request, i, k);
        }
    }
    if (append->record_count > 0) {
        group_append_send(coordinator, append);
        return;
    }
    struct group_effect *effect = group_reply(coordinator, event->call, GROUP_EVENT_OFFSET_COMMIT);
    effect->of.reply.response.offset_commit = append->commit;
    list_append(&coordinator->outbox->finished, &append->link);
}

/* ---- the step -------------------------------------------------------------------------------- */

static int16_t validate(const struct group *group,
                        const struct kafka_offset_commit_request *request)
{
    int32_t generation = request->generation_id_or_member_epoch;
    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (generation < 0 && group->state == GROUP_EMPTY) {
        return KAFKA_ERROR_NONE; /* a simple consumer, or a tool */
    }
    if (generation < 0 && request->member_id.len == 0 &&
        slice_is_null(request->group_instance_id)) {
        return KAFKA_ERROR_UNKNOWN_MEMBER_ID; /* a simple consumer in a group with members */
    }
    int16_t error = group_validate_member(group, request->member_id, request->group_instance_id);
    if (error == KAFKA_ERROR_NONE && generation != group->generation) {
        error = KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    return error;
}

void group_step_offset_commit(struct group_coordinator *coordinator,
                              const struct group_event *event)
{
    const struct kafka_offset_commit_request *request = event->request.offset_commit;
    struct group *group = group_find(coordinator, request->group_id);
    if (group == NULL && request->generation_id_or_member_epoch >= 0) {
        refuse(coordinator, event, KAFKA_ERROR_ILLEGAL_GENERATION);
        return;
    }
    if (group == NULL) {
        group = group_create(coordinator, request->group_id);
    }
    if (group == NULL) {
        refuse(coordinator, event, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    int16_t error = validate(group, request);
    /* It knows the new generation, so it has joined and not yet its assignment: what it would
     * commit belongs to the old one. */
    if (error == KAFKA_ERROR_NONE && group->state == GROUP_COMPLETING_REBALANCE) {
        error = KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    }
    if (error != KAFKA_ERROR_NONE) {
        refuse(coordinator, event, error);
        return;
    }
    if (group->state != GROUP_EMPTY) {
        group_heard_of(coordinator, group_member_find(group, request->member_id));
    }
    store(coordinator, group, event);
}

/* The commit is under way no more. */
static void end_pending(struct group_coordinator *coordinator, const struct group_append *append)
{
    struct group *group = group_find(coordinator, append->group_id);
    if (group == NULL || group->incarnation != append->incarnation) {
        return;
    }
    for (size_t i = 0; i < append->record_count; i++) {
        struct group_key key;
        arena_clear(&coordinator->scratch);
        int err = group_key_decode(append->records[i].key, &coordinator->scratch, &key);
        ASSERT(err == ERR_OK); /* we wrote it */
        struct group_offset *offset = group_offset_find(group, key.topic, key.partition);
        ASSERT(offset != NULL && offset->pending > 0);
        offset->pending -= 1;
        group_offset_free_if_unused(group, offset);
    }
}

void group_offsets_stored(struct group_coordinator *coordinator,
                          struct group_append *append,
                          int16_t error)
{
    bool timed_out = error == KAFKA_ERROR_REQUEST_TIMED_OUT;
    if (!timed_out) {
        end_pending(coordinator, append);
        coordinator->stats.offsets_committed += error == KAFKA_ERROR_NONE ? append->record_count
                                                                          : 0;
    }
    if (append->was_answered) {
        return;
    }
    struct kafka_offset_commit_response response = append->commit;
    if (timed_out) {
        /* The append lives on, and ends elsewhere: a copy. */
        codec_copy(&kafka_offset_commit_response_message, &append->commit,
                   &coordinator->outbox->arena, &response);
    }
    for (int32_t i = 0; i < response.topics_count; i++) {
        for (int32_t k = 0; k < response.topics[i].partitions_count; k++) {
            struct kafka_offset_commit_response_partition *partition =
                &response.topics[i].partitions[k];
            if (partition->error_code == KAFKA_ERROR_NONE) {
                partition->error_code = error;
            }
        }
    }
    struct group_effect *effect = group_reply(coordinator, append->call, append->request);
    effect->of.reply.response.offset_commit = response;
}
