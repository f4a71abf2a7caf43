/* group_join.c - JoinGroup: a member comes, comes back, or comes in another's place.
 *
 * A dynamic member without an id is first given one and asked to come again with it (KIP-394, from
 * version 4), so that a client that gives up leaves nothing behind. A static member (KIP-345) that
 * comes without an id takes the place of its former self: in a stable group, when the protocol that
 * all would choose stays the same, without a rebalance, once its new id is in the log (KIP-814).
 * Sources: GroupCoordinator.handleJoinGroup and what it calls.
 */
#include "kafka/core/group_private.h"

#define NEW_MEMBER_TIMEOUT_MS 300000 /* GroupCoordinator.NewMemberJoinTimeoutMs */
#define UUID_TEXT_BYTES 36
#define UUID_BYTES 16

#define NO_MEMBER SLICE_LIT("")

/* ---- answers --------------------------------------------------------------------------------- */

void group_answer_join_error(struct group_coordinator *coordinator,
                             void *call,
                             struct slice member_id,
                             int16_t error)
{
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_JOIN);
    struct kafka_join_group_response *response = &effect->of.reply.response.join;
    response->error_code = error;
    response->generation_id = GROUP_NO_GENERATION;
    response->protocol_type = SLICE_NULL;
    response->protocol_name = SLICE_NULL;
    response->leader = NO_MEMBER;
    response->member_id = group_keep(coordinator, member_id);
}

static void fill_members(struct group_coordinator *coordinator,
                         const struct group *group,
                         struct kafka_join_group_response *response)
{
    struct kafka_join_group_response_member *members = ARENA_ARRAY(
        &coordinator->outbox->arena, struct kafka_join_group_response_member, group->member_count);
    int32_t count = 0;
    LIST_FOR_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        members[count].member_id = group_keep(coordinator, member->id);
        members[count].group_instance_id = group_keep(coordinator, member->instance_id);
        members[count].metadata = group_keep(coordinator,
                                             group_member_metadata(member, group->protocol_name));
        count += 1;
    }
    response->members = members;
    response->members_count = count;
}

void group_answer_join(struct group_coordinator *coordinator,
                       struct group_member *member,
                       void *call,
                       struct slice leader_id,
                       bool with_members,
                       bool skip_assignment)
{
    const struct group *group = member->group;
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_JOIN);
    struct kafka_join_group_response *response = &effect->of.reply.response.join;
    response->generation_id = group->generation;
    response->protocol_type = group_keep(coordinator, group->protocol_type);
    response->protocol_name = group_keep(coordinator, group->protocol_name);
    response->leader = group_keep(coordinator, leader_id);
    response->skip_assignment = skip_assignment;
    response->member_id = group_keep(coordinator, member->id);
    if (with_members) {
        fill_members(coordinator, group, response);
    }
    if (member->join_call == call) {
        group_member_set_join_call(member, NULL);
    }
}

void group_end_join_wait(struct group_coordinator *coordinator,
                         struct group_member *member,
                         struct slice member_id,
                         int16_t error)
{
    if (member->join_call != NULL) {
        group_answer_join_error(coordinator, member->join_call, member_id, error);
        group_member_set_join_call(member, NULL);
    }
}

/* ---- what a request says --------------------------------------------------------------------- */

struct joining {
    struct group_coordinator *coordinator;
    const struct group_event *event;
    const struct kafka_join_group_request *request;
    struct group *group;
    struct group_protocol protocols[GROUP_PROTOCOLS_MAX];
    size_t protocol_count;
    size_t protocol_bytes;
};

static void refuse(const struct joining *joining, struct slice member_id, int16_t error)
{
    group_answer_join_error(joining->coordinator, joining->event->call, member_id, error);
}

/* Version 0 had no rebalance timeout: the session timeout served for both. */
static int32_t rebalance_timeout_of(const struct joining *joining)
{
    return joining->event->api_version == 0 ? joining->request->session_timeout_ms
                                            : joining->request->rebalance_timeout_ms;
}

static bool take_protocols(struct joining *joining)
{
    const struct kafka_join_group_request *request = joining->request;
    if (request->protocols_count > GROUP_PROTOCOLS_MAX) {
        return false;
    }
    for (int32_t i = 0; i < request->protocols_count; i++) {
        joining->protocols[i] = (struct group_protocol){
            .name = request->protocols[i].name,
            .metadata = request->protocols[i].metadata,
        };
        joining->protocol_bytes += request->protocols[i].metadata.len;
    }
    joining->protocol_count = (size_t)MAX(request->protocols_count, 0);
    return true;
}

/* ---- the phases of a join -------------------------------------------------------------------- */

static void add_and_rebalance(const struct joining *joining,
                              struct slice member_id,
                              struct slice instance_id)
{
    struct group_coordinator *coordinator = joining->coordinator;
    struct group *group = joining->group;
    const struct group_member_new new_member = {
        .id = member_id,
        .instance_id = instance_id,
        .client_id = joining->event->client_id,
        .client_host = joining->event->client_host,
        .rebalance_timeout_ms = rebalance_timeout_of(joining),
        .session_timeout_ms = joining->request->session_timeout_ms,
        .protocol_type = joining->request->protocol_type,
        .protocols = joining->protocols,
        .protocol_count = joining->protocol_count,
    };
    struct group_member *member = group_member_add(coordinator, group, &new_member);
    member->is_new = true;
    /* The first generation's delay is prolonged for those who come during it. */
    if (group->state == GROUP_PREPARING_REBALANCE && group->generation == 0) {
        group->new_member_added = true;
    }
    group_member_set_join_call(member, joining->event->call);
    /* It cannot send heartbeats before it knows its id: it gets five minutes instead, so that
     * clients that went away while they waited do not pile up. */
    deadline_set(&coordinator->timers, &member->heartbeat,
                 coordinator->now_ms + NEW_MEMBER_TIMEOUT_MS);
    group_note(coordinator, group, GROUP_NOTE_MEMBER_ADDED, member->id, 0);
    group_maybe_prepare_rebalance(coordinator, group);
}

/* A second request of the same member: the first one's connection is dead, or soon will be. */
static void replace_join_call(struct group_coordinator *coordinator,
                              struct group_member *member,
                              void *call)
{
    group_end_join_wait(coordinator, member, member->id, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    group_member_set_join_call(member, call);
}

static void update_member(const struct joining *joining, struct group_member *member)
{
    group_member_set_protocols(member, joining->protocols, joining->protocol_count);
    member->rebalance_timeout_ms = rebalance_timeout_of(joining);
    member->session_timeout_ms = joining->request->session_timeout_ms;
    replace_join_call(joining->coordinator, member, joining->event->call);
}

static void update_and_rebalance(const struct joining *joining, struct group_member *member)
{
    update_member(joining, member);
    group_maybe_prepare_rebalance(joining->coordinator, joining->group);
}

/* "client-id-UUID", or "instance-id-UUID": what Apache gives out. */
static struct slice new_member_id(const struct joining *joining)
{
    static const char hex[] = "0123456789abcdef";
    struct slice prefix = joining->request->group_instance_id;
    if (slice_is_null(prefix)) {
        prefix = joining->event->client_id;
    }
    size_t len = prefix.len + 1 + UUID_TEXT_BYTES;
    uint8_t *text = arena_alloc(&joining->coordinator->outbox->arena, len);
    if (prefix.len > 0) {
        memcpy(text, prefix.ptr, prefix.len);
    }
    uint8_t *next = text + prefix.len;
    *next++ = '-';
    for (size_t i = 0; i < UUID_BYTES; i++) {
        uint8_t byte = joining->event->random[i];
        if (i == 6) {
            byte = (uint8_t)((byte & 0x0f) | 0x40); /* version 4 */
        } else if (i == 8) {
            byte = (uint8_t)((byte & 0x3f) | 0x80); /* RFC 4122's variant */
        }
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *next++ = '-';
        }
        *next++ = (uint8_t)hex[byte >> 4];
        *next++ = (uint8_t)hex[byte & 15];
    }
    return slice_of(text, len);
}

/* ---- a static member in its own former place ------------------------------------------------- */

/* The member has its new id already, and waits: when the log knows it, it is answered. */
static void store_static_member(const struct joining *joining,
                                struct group_member *member,
                                struct group_append *append)
{
    struct group_coordinator *coordinator = joining->coordinator;
    struct group_assignments current = {0};
    append->call = joining->event->call;
    append->can_skip_assignment = joining->event->api_version >= 9;
    append->new_member_id = group_text_in(&append->arena, member->id);
    if (group_append_metadata(coordinator, joining->group, append, &current) == ERR_OK) {
        group_append_send(coordinator, append);
        return;
    }
    group_static_stored(coordinator, append, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    group_append_free(append);
}

static void replace_static_member(const struct joining *joining,
                                  struct group_member *member,
                                  struct slice new_id)
{
    struct group_coordinator *coordinator = joining->coordinator;
    struct group *group = joining->group;
    struct group_append *append = group_append_new(coordinator, group, GROUP_APPEND_STATIC);
    append->old_member_id = group_text_in(&append->arena, member->id);
    append->old_leader_id = group_text_in(&append->arena, group->leader->id);
    append->old_rebalance_timeout_ms = member->rebalance_timeout_ms;
    append->old_session_timeout_ms = member->session_timeout_ms;
    /* Its former self, should it still wait, is fenced at once. */
    group_end_join_wait(coordinator, member, member->id, KAFKA_ERROR_FENCED_INSTANCE_ID);
    (void)group_end_sync_wait(coordinator, member, KAFKA_ERROR_FENCED_INSTANCE_ID);
    group_member_rename(coordinator, member, new_id);
    group_heard_of(coordinator, member);
    group_note(coordinator, group, GROUP_NOTE_REPLACED, member->id, 0);
    update_member(joining, member);

    bool stays = group->state == GROUP_STABLE &&
                 slice_equal(group->protocol_name, group_select_protocol(group));
    if (stays) {
        store_static_member(joining, member, append);
        return;
    }
    group_append_free(append);
    if (group->state == GROUP_STABLE) {
        group_maybe_prepare_rebalance(coordinator, group);
    } else if (group->state == GROUP_COMPLETING_REBALANCE) {
        /* The leader may be assigning to the old id right now. */
        group_prepare_rebalance(coordinator, group);
    }
}

static void undo_static_member(struct group_coordinator *coordinator,
                               struct group_member *member,
                               const struct group_append *append,
                               int16_t error)
{
    const struct group *group = member->group;
    struct group_effect *effect = group_reply(coordinator, append->call, GROUP_EVENT_JOIN);
    struct kafka_join_group_response *response = &effect->of.reply.response.join;
    response->error_code = error;
    response->generation_id = group->generation;
    response->protocol_type = group_keep(coordinator, group->protocol_type);
    response->protocol_name = group_keep(coordinator, group->protocol_name);
    response->leader = group_keep(coordinator, append->old_leader_id);
    response->member_id = NO_MEMBER;
    group_member_set_join_call(member, NULL);
    member->rebalance_timeout_ms = append->old_rebalance_timeout_ms;
    member->session_timeout_ms = append->old_session_timeout_ms;
    group_member_rename(coordinator, member, append->old_member_id);
    group_heard_of(coordinator, member);
}

void group_static_stored(struct group_coordinator *coordinator,
                         struct group_append *append,
                         int16_t error)
{
    if (append->was_answered) {
        return;
    }
    struct group *group = group_find(coordinator, append->group_id);
    if (group == NULL || group->incarnation != append->incarnation) {
        return;
    }
    struct group_member *member = group_member_find(group, append->new_member_id);
    /* Something else has answered it since, or a rebalance that came between will. */
    if (member == NULL || member->join_call != append->call) {
        return;
    }
    if (error != KAFKA_ERROR_NONE) {
        undo_static_member(coordinator, member, append, error);
        return;
    }
    if (group->state != GROUP_STABLE || group->generation != append->generation) {
        return;
    }
    group_heard_of(coordinator, member);
    if (append->can_skip_assignment) {
        /* It leads on, without assigning: a stable group would not take its assignment. */
        bool is_leader = group->leader == member;
        group_answer_join(coordinator, member, append->call, group->leader->id, is_leader,
                          is_leader);
    } else {
        /* Older clients are told of the old leader, so that none of them assigns. */
        group_answer_join(coordinator, member, append->call, append->old_leader_id, false, false);
    }
}

/* ---- who comes ------------------------------------------------------------------------------- */

static void join_without_id(struct joining *joining)
{
    struct group_coordinator *coordinator = joining->coordinator;
    const struct kafka_join_group_request *request = joining->request;
    struct group *group = joining->group;
    if (group->state == GROUP_DEAD) {
        refuse(joining, NO_MEMBER, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (!group_supports_protocols(group, request->protocol_type, joining->protocols,
                                  joining->protocol_count)) {
        refuse(joining, NO_MEMBER, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    struct slice id = new_member_id(joining);
    if (!slice_is_null(request->group_instance_id)) {
        struct group_member *former = group_static_member(group, request->group_instance_id);
        if (former != NULL) {
            replace_static_member(joining, former, id);
        } else {
            add_and_rebalance(joining, id, request->group_instance_id);
        }
    } else if (joining->event->api_version >= 4) {
        if (group->pending_members.count >= GROUP_PENDING_MAX) {
            refuse(joining, NO_MEMBER, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
            return;
        }
        group_pending_add(coordinator, group, id,
                          coordinator->now_ms + (uint64_t)request->session_timeout_ms);
        refuse(joining, id, KAFKA_ERROR_MEMBER_ID_REQUIRED);
    } else {
        add_and_rebalance(joining, id, SLICE_NULL);
    }
}

/* In CompletingRebalance and Stable, a member whose metadata is what it was may have lost the
 * answer: it gets the generation again. Metadata that changed, and a leader that wants to assign
 * anew, make a rebalance. */
static void rejoin(const struct joining *joining, struct group_member *member)
{
    const struct group *group = joining->group;
    bool matches = group_member_matches(member, joining->protocols, joining->protocol_count);
    bool is_leader = group->leader == member;
    switch (group->state) {
    case GROUP_PREPARING_REBALANCE:
        update_and_rebalance(joining, member);
        break;
    case GROUP_COMPLETING_REBALANCE:
        if (matches) {
            group_answer_join(joining->coordinator, member, joining->event->call, group->leader->id,
                              is_leader, false);
        } else {
            update_and_rebalance(joining, member);
        }
        break;
    case GROUP_STABLE:
        if (matches && !is_leader) {
            group_answer_join(joining->coordinator, member, joining->event->call, group->leader->id,
                              false, false);
        } else {
            update_and_rebalance(joining, member);
        }
        break;
    case GROUP_EMPTY:
    case GROUP_DEAD:
    case GROUP_STATE_COUNT:
        UNREACHABLE(); /* no members */
    }
}

static void join_with_id(struct joining *joining)
{
    const struct kafka_join_group_request *request = joining->request;
    struct group *group = joining->group;
    if (group->state == GROUP_DEAD) {
        refuse(joining, request->member_id, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (!group_supports_protocols(group, request->protocol_type, joining->protocols,
                                  joining->protocol_count)) {
        refuse(joining, request->member_id, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    if (group_is_pending(group, request->member_id)) {
        /* Ids are given out to dynamic members alone; upstream throws here. */
        if (!slice_is_null(request->group_instance_id)) {
            refuse(joining, request->member_id, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
            return;
        }
        add_and_rebalance(joining, request->member_id, SLICE_NULL);
        return;
    }
    int16_t error = group_validate_member(group, request->member_id, request->group_instance_id);
    if (error != KAFKA_ERROR_NONE) {
        refuse(joining, request->member_id, error);
        return;
    }
    rejoin(joining, group_member_find(group, request->member_id));
}

/* group.max.size: while members gather, the first to come are taken; else whoever is in. */
static bool accepts(const struct joining *joining)
{
    const struct group *group = joining->group;
    const struct group_member *member = group_member_find(group, joining->request->member_id);
    size_t max_size = (size_t)joining->coordinator->config.max_size;
    if (group->state == GROUP_PREPARING_REBALANCE) {
        return (member != NULL && member->join_call != NULL) || group->awaiting_join < max_size;
    }
    if (group->state == GROUP_COMPLETING_REBALANCE || group->state == GROUP_STABLE) {
        return member != NULL || group->member_count < max_size;
    }
    return true;
}

static void kick(const struct joining *joining)
{
    struct group_coordinator *coordinator = joining->coordinator;
    struct group *group = joining->group;
    struct group_member *member = group_member_find(group, joining->request->member_id);
    if (member != NULL) {
        group_member_remove(coordinator, member);
    } else {
        (void)group_pending_remove(coordinator, group, joining->request->member_id);
    }
    refuse(joining, NO_MEMBER, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
}

void group_step_join(struct group_coordinator *coordinator, const struct group_event *event)
{
    const struct kafka_join_group_request *request = event->request.join;
    struct joining joining = {.coordinator = coordinator, .event = event, .request = request};
    if (request->session_timeout_ms < coordinator->config.min_session_timeout_ms ||
        request->session_timeout_ms > coordinator->config.max_session_timeout_ms) {
        refuse(&joining, request->member_id, KAFKA_ERROR_INVALID_SESSION_TIMEOUT);
        return;
    }
    if (!take_protocols(&joining)) {
        refuse(&joining, request->member_id, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    bool has_id = request->member_id.len > 0;
    joining.group = group_find(coordinator, request->group_id);
    if (joining.group == NULL && has_id) {
        refuse(&joining, request->member_id, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
        return;
    }
    if (joining.group == NULL) {
        joining.group = group_create(coordinator, request->group_id);
    }
    if (joining.group == NULL) {
        refuse(&joining, request->member_id, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    struct group *group = joining.group;
    if (!accepts(&joining)) {
        kick(&joining);
    } else if (group->metadata_bytes + joining.protocol_bytes > GROUP_METADATA_MAX) {
        refuse(&joining, request->member_id, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    } else if (has_id) {
        join_with_id(&joining);
    } else {
        join_without_id(&joining);
    }
    group_try_complete_join(coordinator, group);
}
