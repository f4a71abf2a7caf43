/* group_delete.c - offsets and groups that go: asked for, with their topic, or in time.
 *
 * Each goes by a tombstone in the log, and is gone when the log has it. A group that is Empty and
 * keeps no offset goes too. Tombstones of one group are cut into appends of bounded size.
 *
 * Expiry (KIP-211): of a group that had members, offsets.retention.minutes after it became Empty;
 * of a stable consumer group, that long after the commit, for topics nobody in it subscribes to; of
 * a group that never had members, that long after the commit. A time of expiry of the commit's own
 * (requests of versions 2-4) goes before all of these. Sources:
 * GroupMetadataManager.cleanupGroupMetadata, GroupMetadata.removeExpiredOffsets,
 * GroupCoordinator.handleDeleteGroups, handleDeleteOffsets, handleDeletedPartitions.
 */
#include "kafka/core/group_private.h"

#define APPEND_BYTES_MAX (256u * 1024) /* well below any sensible max.message.bytes */
#define EXPIRY_OFFSETS_PER_TICK 10000

struct cleanup {
    struct group_coordinator *coordinator;
    struct group *group;
    struct group_append *append; /* the one that grows; NULL before the first tombstone */
    size_t removed;
    /* of the record being encoded */
    struct slice topic;
    int32_t partition;
};

static int encode_offset_key(void *ctx, struct buffer *out)
{
    const struct cleanup *cleanup = ctx;
    return group_offset_key_encode(cleanup->group->id, cleanup->topic, cleanup->partition, out);
}

static int encode_group_key(void *ctx, struct buffer *out)
{
    const struct cleanup *cleanup = ctx;
    return group_metadata_key_encode(cleanup->group->id, out);
}

static struct group_append *append_with_room(struct cleanup *cleanup)
{
    if (cleanup->append != NULL && cleanup->append->arena.used > APPEND_BYTES_MAX) {
        group_append_send(cleanup->coordinator, cleanup->append);
        cleanup->append = NULL;
    }
    if (cleanup->append == NULL) {
        cleanup->append = group_append_new(cleanup->coordinator, cleanup->group,
                                           GROUP_APPEND_TOMBSTONES);
    }
    return cleanup->append;
}

/* Commits of it that are under way stand before the tombstone in the log: they go with it. */
static void remove_offset(struct cleanup *cleanup, struct group_offset *offset)
{
    if (offset->is_doomed) {
        return;
    }
    cleanup->topic = group_offset_topic(offset);
    cleanup->partition = group_offset_partition(offset);
    struct group_append *append = append_with_room(cleanup);
    int err = group_append_record(cleanup->coordinator, append, encode_offset_key, NULL, cleanup);
    ASSERT(err == ERR_OK); /* its key has been in a record */
    offset->is_doomed = true;
    cleanup->removed += 1;
}

static bool has_other_offsets(const struct group *group)
{
    LIST_FOR_EACH(link, &group->offsets)
    {
        if (!CONTAINER_OF(link, struct group_offset, link)->is_doomed) {
            return true;
        }
    }
    return false;
}

/* Sends what was collected. The last append, for a call to wait on; NULL: there was nothing to
 * write. The group is gone then if it had to. */
static struct group_append *end_cleanup(struct cleanup *cleanup)
{
    struct group_coordinator *coordinator = cleanup->coordinator;
    struct group *group = cleanup->group;
    bool dies = group->state == GROUP_EMPTY && !has_other_offsets(group);
    if (dies) {
        group_note(coordinator, group, GROUP_NOTE_DELETED, SLICE_NULL, 0);
        group_set_state(coordinator, group, GROUP_DEAD);
        /* Generation 0 never had a record. */
        if (group->generation > 0 || group->has_record) {
            struct group_append *append = append_with_room(cleanup);
            if (group_append_record(coordinator, append, encode_group_key, NULL, cleanup) !=
                    ERR_OK &&
                append->record_count == 0) {
                group_append_free(append); /* a name that fits no record: there was none */
                cleanup->append = NULL;
            }
        }
    }
    struct group_append *append = cleanup->append;
    if (append == NULL) {
        if (dies) {
            group_free(coordinator, group);
        }
        return NULL;
    }
    append->is_last = true;
    append->deletes_group = dies;
    group_append_send(coordinator, append);
    return append;
}

/* ---- asked for ------------------------------------------------------------------------------- */

static void answer_deletion(struct group_coordinator *coordinator,
                            void *call,
                            const struct kafka_offset_delete_response *response)
{
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_OFFSET_DELETE);
    effect->of.reply.response.offset_delete = *response;
}

static void refuse_deletion(struct group_coordinator *coordinator, void *call, int16_t error)
{
    struct kafka_offset_delete_response response;
    codec_init(&kafka_offset_delete_response_message, &response);
    response.error_code = error;
    answer_deletion(coordinator, call, &response);
}

static int16_t deletion_error(const struct group *group)
{
    if (group == NULL || group->state == GROUP_DEAD) {
        return KAFKA_ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state != GROUP_EMPTY && !group_is_consumer_group(group)) {
        return KAFKA_ERROR_NON_EMPTY_GROUP; /* what its members use cannot be told */
    }
    return KAFKA_ERROR_NONE;
}

static void fill_deletion(struct arena *arena,
                          const struct group *group,
                          const struct kafka_offset_delete_request *request,
                          struct kafka_offset_delete_response *response)
{
    codec_init(&kafka_offset_delete_response_message, response);
    response->topics_count = MAX(request->topics_count, 0);
    response->topics = ARENA_ARRAY(arena, struct kafka_offset_delete_response_topic,
                                   MAX(response->topics_count, 1));
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kafka_offset_delete_request_topic *from = &request->topics[i];
        struct kafka_offset_delete_response_topic *to = &response->topics[i];
        bool is_used = group->state != GROUP_EMPTY && group_is_subscribed(group, from->name);
        to->name = group_text_in(arena, from->name);
        to->partitions_count = MAX(from->partitions_count, 0);
        to->partitions = ARENA_ARRAY(arena, struct kafka_offset_delete_response_partition,
                                     MAX(to->partitions_count, 1));
        for (int32_t k = 0; k < to->partitions_count; k++) {
            to->partitions[k].partition_index = from->partitions[k].partition_index;
            to->partitions[k].error_code = is_used ? KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC
                                                   : KAFKA_ERROR_NONE;
        }
    }
}

void group_step_offset_delete(struct group_coordinator *coordinator,
                              const struct group_event *event)
{
    const struct kafka_offset_delete_request *request = event->request.offset_delete;
    struct group *group = group_find(coordinator, request->group_id);
    int16_t error = deletion_error(group);
    if (error != KAFKA_ERROR_NONE) {
        refuse_deletion(coordinator, event->call, error);
        return;
    }
    struct kafka_offset_delete_response response;
    fill_deletion(&coordinator->outbox->arena, group, request, &response);
    struct cleanup cleanup = {.coordinator = coordinator, .group = group};
    bool any = false;
    for (int32_t i = 0; i < response.topics_count; i++) {
        for (int32_t k = 0; k < response.topics[i].partitions_count; k++) {
            const struct kafka_offset_delete_response_partition *partition =
                &response.topics[i].partitions[k];
            if (partition->error_code != KAFKA_ERROR_NONE) {
                continue;
            }
            any = true;
            struct group_offset *offset = group_offset_find(group, response.topics[i].name,
                                                            partition->partition_index);
            if (offset != NULL) {
                remove_offset(&cleanup, offset);
            }
        }
    }
    coordinator->stats.offsets_deleted += cleanup.removed;
    struct group_append *append = any ? end_cleanup(&cleanup) : NULL;
    if (append == NULL) {
        answer_deletion(coordinator, event->call, &response);
        return;
    }
    append->request = GROUP_EVENT_OFFSET_DELETE;
    append->call = event->call;
    codec_copy(&kafka_offset_delete_response_message, &response, &append->arena, &append->deletion);
}

static void answer_delete_group(struct group_coordinator *coordinator, void *call, int16_t error)
{
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_DELETE_GROUP);
    effect->of.reply.response.delete_group = error;
}

void group_step_delete_group(struct group_coordinator *coordinator, const struct group_event *event)
{
    struct group *group = group_find(coordinator, event->name);
    if (group == NULL || group->state == GROUP_DEAD) {
        answer_delete_group(coordinator, event->call, KAFKA_ERROR_GROUP_ID_NOT_FOUND);
        return;
    }
    if (group->state != GROUP_EMPTY) {
        answer_delete_group(coordinator, event->call, KAFKA_ERROR_NON_EMPTY_GROUP);
        return;
    }
    struct cleanup cleanup = {.coordinator = coordinator, .group = group};
    LIST_FOR_EACH(link, &group->offsets)
    {
        remove_offset(&cleanup, CONTAINER_OF(link, struct group_offset, link));
    }
    coordinator->stats.offsets_deleted += cleanup.removed;
    struct group_append *append = end_cleanup(&cleanup);
    if (append == NULL) {
        answer_delete_group(coordinator, event->call, KAFKA_ERROR_NONE);
        return;
    }
    append->request = GROUP_EVENT_DELETE_GROUP;
    append->call = event->call;
}

/* ---- with their topic ------------------------------------------------------------------------ */

void group_step_topic_deleted(struct group_coordinator *coordinator,
                              const struct group_event *event)
{
    LIST_FOR_EACH_SAFE(group_link, group_after, &coordinator->groups)
    {
        struct cleanup cleanup = {
            .coordinator = coordinator,
            .group = CONTAINER_OF(group_link, struct group, link),
        };
        if (cleanup.group->state == GROUP_DEAD) {
            continue;
        }
        LIST_FOR_EACH(link, &cleanup.group->offsets)
        {
            struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
            if (slice_equal(group_offset_topic(offset), event->name)) {
                remove_offset(&cleanup, offset);
            }
        }
        if (cleanup.removed > 0) {
            (void)end_cleanup(&cleanup);
        }
    }
}

/* ---- in time --------------------------------------------------------------------------------- */

static bool has_expired(const struct group_coordinator *coordinator,
                        const struct group *group,
                        const struct group_offset *offset)
{
    if (!offset->is_committed || offset->pending > 0 || offset->pending_in_txn > 0) {
        return false;
    }
    int64_t base_ms = offset->commit_ms;
    if (!slice_is_null(group->protocol_type)) {
        if (group->state == GROUP_EMPTY) {
            /* Old records of groups did not say since when. */
            base_ms = group->state_ms == -1 ? offset->commit_ms : group->state_ms;
        } else if (group->state != GROUP_STABLE || !group_is_consumer_group(group) ||
                   group_is_subscribed(group, group_offset_topic(offset))) {
            return false;
        }
    }
    if (offset->expire_ms != GROUP_NO_EXPIRY) {
        return coordinator->wall_ms >= offset->expire_ms;
    }
    return coordinator->wall_ms >= base_ms &&
           (uint64_t)coordinator->wall_ms - (uint64_t)base_ms >=
               (uint64_t)coordinator->config.offsets_retention_ms;
}

static void expire_group(struct group_coordinator *coordinator, struct group *group)
{
    struct cleanup cleanup = {.coordinator = coordinator, .group = group};
    LIST_FOR_EACH(link, &group->offsets)
    {
        struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
        if (has_expired(coordinator, group, offset)) {
            remove_offset(&cleanup, offset);
        }
    }
    if (cleanup.removed > 0) {
        group_note(coordinator, group, GROUP_NOTE_EXPIRED, SLICE_NULL, (int64_t)cleanup.removed);
        coordinator->stats.offsets_expired += cleanup.removed;
    }
    (void)end_cleanup(&cleanup);
}

bool group_expire_some(struct group_coordinator *coordinator)
{
    if (coordinator->expiry_next == NULL) {
        coordinator->expiry_next = coordinator->groups.next;
    }
    size_t seen = 0;
    while (coordinator->expiry_next != &coordinator->groups) {
        if (seen > EXPIRY_OFFSETS_PER_TICK) {
            return false;
        }
        struct group *group = CONTAINER_OF(coordinator->expiry_next, struct group, link);
        coordinator->expiry_next = group->link.next;
        seen += 1 + group->offsets_by_key.count;
        if (group->state != GROUP_DEAD) {
            expire_group(coordinator, group);
        }
    }
    coordinator->expiry_next = NULL;
    return true;
}

/* ---- the log has the tombstones -------------------------------------------------------------- */

/* It refused them: everything is as it was. */
static void revive(struct group_coordinator *coordinator,
                   struct group *group,
                   const struct group_append *append)
{
    LIST_FOR_EACH(link, &group->offsets)
    {
        CONTAINER_OF(link, struct group_offset, link)->is_doomed = false;
    }
    if (append->deletes_group && group->state == GROUP_DEAD) {
        group_load_state(coordinator, group, GROUP_EMPTY, group->state_ms);
    }
}

static void answer_waiting(struct group_coordinator *coordinator,
                           const struct group_append *append,
                           int16_t error,
                           bool append_lives)
{
    if (append->request == GROUP_EVENT_DELETE_GROUP) {
        answer_delete_group(coordinator, append->call, error);
    } else if (error != KAFKA_ERROR_NONE) {
        refuse_deletion(coordinator, append->call, error);
    } else {
        struct kafka_offset_delete_response response = append->deletion;
        if (append_lives) {
            codec_copy(&kafka_offset_delete_response_message, &append->deletion,
                       &coordinator->outbox->arena, &response);
        }
        answer_deletion(coordinator, append->call, &response);
    }
}

void group_tombstones_stored(struct group_coordinator *coordinator,
                             struct group_append *append,
                             int16_t error)
{
    /* Late is fine: they are in the log, and Apache does not wait for more. */
    bool timed_out = error == KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    if (append->call != NULL && !append->was_answered) {
        answer_waiting(coordinator, append, timed_out ? (int16_t)KAFKA_ERROR_NONE : error,
                       timed_out);
    }
    struct group *group = group_find(coordinator, append->group_id);
    if (timed_out || group == NULL || group->incarnation != append->incarnation) {
        return;
    }
    if (error != KAFKA_ERROR_NONE) {
        revive(coordinator, group, append);
    } else if (append->deletes_group && group->state == GROUP_DEAD) {
        group_free(coordinator, group);
    }
}
