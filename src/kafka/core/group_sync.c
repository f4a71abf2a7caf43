/* group_sync.c - SyncGroup and Heartbeat: the assignment goes to the log, then to the members.
 *
 * Members wait in CompletingRebalance; when the leader's assignment arrives it is appended, and
 * when the log has it, everybody is answered out of the record and the group is Stable. A rebalance
 * that begins in between wins: the record then is history. Sources: GroupCoordinator.doSyncGroup,
 * handleHeartbeat; GroupMetadataManager.storeGroup.
 */
#include "kafka/core/group_private.h"

void group_answer_sync_error(struct group_coordinator *coordinator, void *call, int16_t error)
{
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_SYNC);
    struct kafka_sync_group_response *response = &effect->of.reply.response.sync;
    response->error_code = error;
    response->protocol_type = SLICE_NULL;
    response->protocol_name = SLICE_NULL;
    response->assignment = SLICE_LIT("");
}

void group_answer_sync(struct group_coordinator *coordinator,
                       const struct group_member *member,
                       void *call)
{
    const struct group *group = member->group;
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_SYNC);
    struct kafka_sync_group_response *response = &effect->of.reply.response.sync;
    response->protocol_type = group_keep(coordinator, group->protocol_type);
    response->protocol_name = group_keep(coordinator, group->protocol_name);
    response->assignment = group_keep(coordinator, member->assignment);
}

bool group_end_sync_wait(struct group_coordinator *coordinator,
                         struct group_member *member,
                         int16_t error)
{
    if (member->sync_call == NULL) {
        return false;
    }
    if (error == KAFKA_ERROR_NONE) {
        group_answer_sync(coordinator, member, member->sync_call);
    } else {
        group_answer_sync_error(coordinator, member->sync_call, error);
    }
    member->sync_call = NULL;
    return true;
}

/* ---- the group's record ---------------------------------------------------------------------- */

struct metadata_record {
    struct group *group;
    struct kafka_group_metadata_value value;
};

static int encode_key(void *ctx, struct buffer *out)
{
    const struct metadata_record *record = ctx;
    return group_metadata_key_encode(record->group->id, out);
}

static int encode_value(void *ctx, struct buffer *out)
{
    const struct metadata_record *record = ctx;
    return group_metadata_value_encode(&record->value, out);
}

/* A member that the leader forgot gets an empty assignment; of two for one member the last counts.
 */
static struct slice assignment_of(const struct group_member *member,
                                  const struct group_assignments *assignments)
{
    if (assignments->items == NULL) {
        return member->assignment;
    }
    for (int32_t i = assignments->count; i > 0; i--) {
        if (slice_equal(assignments->items[i - 1].member_id, member->id)) {
            return assignments->items[i - 1].assignment;
        }
    }
    return SLICE_LIT("");
}

int group_append_metadata(struct group_coordinator *coordinator,
                          struct group *group,
                          struct group_append *append,
                          const struct group_assignments *assignments)
{
    struct metadata_record record = {.group = group};
    codec_init(&kafka_group_metadata_value_message, &record.value);
    record.value.protocol_type = slice_is_null(group->protocol_type) ? SLICE_LIT("")
                                                                     : group->protocol_type;
    record.value.generation = group->generation;
    record.value.protocol = group->protocol_name;
    record.value.leader = group->leader == NULL ? SLICE_NULL : group->leader->id;
    record.value.current_state_timestamp = group->state_ms;
    arena_clear(&coordinator->scratch);
    record.value.members = ARENA_ARRAY(
        &coordinator->scratch, struct kafka_group_metadata_value_member, group->member_count);
    LIST_FOR_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        struct kafka_group_metadata_value_member *to =
            &record.value.members[record.value.members_count];
        to->member_id = member->id;
        to->group_instance_id = member->instance_id;
        to->client_id = member->client_id;
        to->client_host = member->client_host;
        to->rebalance_timeout = member->rebalance_timeout_ms;
        to->session_timeout = member->session_timeout_ms;
        to->subscription = group_member_metadata(member, group->protocol_name);
        to->assignment = assignment_of(member, assignments);
        record.value.members_count += 1;
    }
    return group_append_record(coordinator, append, encode_key, encode_value, &record);
}

/* ---- SyncGroup ------------------------------------------------------------------------------- */

static int16_t validate_sync(const struct group *group,
                             const struct kafka_sync_group_request *request)
{
    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    int16_t error = group_validate_member(group, request->member_id, request->group_instance_id);
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (request->generation_id != group->generation) {
        return KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    const struct slice asked[] = {request->protocol_type, request->protocol_name};
    const struct slice has[] = {group->protocol_type, group->protocol_name};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        bool differs = slice_is_null(has[i]) || !slice_equal(asked[i], has[i]);
        if (!slice_is_null(asked[i]) && differs) {
            return KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL;
        }
    }
    return KAFKA_ERROR_NONE;
}

static void back_to_join(struct group_coordinator *coordinator, struct group *group, int16_t error)
{
    LIST_FOR_EACH(link, &group->members)
    {
        group_member_set_assignment(CONTAINER_OF(link, struct group_member, link), SLICE_NULL);
    }
    group_propagate_assignment(coordinator, group, error);
    group_maybe_prepare_rebalance(coordinator, group);
}

static void store_assignment(struct group_coordinator *coordinator,
                             struct group *group,
                             const struct kafka_sync_group_request *request)
{
    static const struct kafka_sync_group_request_assignment none = {0};
    struct group_assignments assignments = {
        .items = request->assignments_count > 0 ? request->assignments : &none,
        .count = MAX(request->assignments_count, 0),
    };
    group_note(coordinator, group, GROUP_NOTE_ASSIGNED, group->leader->id, assignments.count);
    struct group_append *append = group_append_new(coordinator, group, GROUP_APPEND_ASSIGNMENT);
    coordinator->stats.rebalances_completed += 1;
    if (group_append_metadata(coordinator, group, append, &assignments) == ERR_OK) {
        group_append_send(coordinator, append);
        return;
    }
    group_append_free(append); /* a text that fits no record */
    back_to_join(coordinator, group, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
}

static void sync_completing(struct group_coordinator *coordinator,
                            struct group_member *member,
                            const struct group_event *event)
{
    struct group *group = member->group;
    /* A second request of the same member: the first one's connection is dead. */
    (void)group_end_sync_wait(coordinator, member, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    member->sync_call = event->call;
    group_received_sync(coordinator, member);
    if (group->leader == member) {
        store_assignment(coordinator, group, event->request.sync);
    }
}

void group_step_sync(struct group_coordinator *coordinator, const struct group_event *event)
{
    const struct kafka_sync_group_request *request = event->request.sync;
    struct group *group = group_find(coordinator, request->group_id);
    int16_t error = group == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID : validate_sync(group, request);
    if (error == KAFKA_ERROR_NONE && group->state == GROUP_PREPARING_REBALANCE) {
        error = KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    }
    if (error != KAFKA_ERROR_NONE) {
        group_answer_sync_error(coordinator, event->call, error);
        return;
    }
    struct group_member *member = group_member_find(group, request->member_id);
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        sync_completing(coordinator, member, event);
        return;
    }
    ASSERT(group->state == GROUP_STABLE);
    group_received_sync(coordinator, member);
    group_answer_sync(coordinator, member, event->call);
    group_heard_of(coordinator, member);
}

/* The record has been replayed; its assignments become the members'. */
static void take_assignments(struct group_coordinator *coordinator,
                             struct group *group,
                             const struct group_append *append)
{
    struct kafka_group_metadata_value value;
    int16_t version = 0;
    arena_clear(&coordinator->scratch);
    int err = group_metadata_value_decode(append->records[0].value, &coordinator->scratch, &value,
                                          &version);
    ASSERT(err == ERR_OK); /* we wrote it */
    for (int32_t i = 0; i < value.members_count; i++) {
        struct group_member *member = group_member_find(group, value.members[i].member_id);
        if (member != NULL) {
            group_member_set_assignment(member, value.members[i].assignment);
        }
    }
}

void group_assignment_stored(struct group_coordinator *coordinator,
                             struct group_append *append,
                             int16_t error)
{
    if (append->was_answered) {
        return;
    }
    struct group *group = group_find(coordinator, append->group_id);
    /* Another member may have joined meanwhile: then that rebalance has told everybody. */
    if (group == NULL || group->incarnation != append->incarnation ||
        group->state != GROUP_COMPLETING_REBALANCE || group->generation != append->generation) {
        return;
    }
    if (error != KAFKA_ERROR_NONE) {
        back_to_join(coordinator, group, error);
        return;
    }
    take_assignments(coordinator, group, append);
    group_set_state(coordinator, group, GROUP_STABLE);
    group_propagate_assignment(coordinator, group, KAFKA_ERROR_NONE);
}

/* ---- Heartbeat ------------------------------------------------------------------------------- */

void group_step_heartbeat(struct group_coordinator *coordinator, const struct group_event *event)
{
    const struct kafka_heartbeat_request *request = event->request.heartbeat;
    struct group *group = group_find(coordinator, request->group_id);
    int16_t error = KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    if (group != NULL && group->state == GROUP_DEAD) {
        error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    } else if (group != NULL) {
        error = group_validate_member(group, request->member_id, request->group_instance_id);
    }
    if (error == KAFKA_ERROR_NONE && request->generation_id != group->generation) {
        error = KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    if (error == KAFKA_ERROR_NONE) {
        group_heard_of(coordinator, group_member_find(group, request->member_id));
        /* This is how members hear that they must join again. In CompletingRebalance clients send
         * heartbeats between their JoinGroup and SyncGroup: those are fine. */
        if (group->state == GROUP_PREPARING_REBALANCE) {
            error = KAFKA_ERROR_REBALANCE_IN_PROGRESS;
        }
    }
    group_reply_heartbeat(coordinator, event->call, error);
}
