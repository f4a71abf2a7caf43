/* group_rebalance.c - the phases of a rebalance, and the timers that drive it when members do not.
 *
 *   prepare:  everybody is told by heartbeat to join again; who waits for an assignment is sent
 * back. From Empty the group waits group.initial.rebalance.delay.ms for more members, again and
 * again as long as new ones come, at most the members' rebalance timeout (KIP-134). Else it waits
 * until all have joined, or that timeout. complete: dynamic members that did not join are out;
 * static ones stay until their session ends (KIP-345). The generation begins, JoinGroup is
 * answered, and each member has the rebalance timeout again to ask for its assignment.
 *
 * Sources: GroupCoordinator.prepareRebalance, onCompleteJoin, onExpireHeartbeat,
 * onExpirePendingSync; DelayedJoin, InitialDelayedJoin, DelayedSync, DelayedHeartbeat.
 */
#include "kafka/core/group_private.h"

int16_t group_validate_member(const struct group *group,
                              struct slice member_id,
                              struct slice instance_id)
{
    if (!slice_is_null(instance_id)) {
        const struct group_member *current = group_static_member(group, instance_id);
        if (current == NULL) {
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        }
        /* Another process took the instance id over. */
        if (!slice_equal(current->id, member_id)) {
            return KAFKA_ERROR_FENCED_INSTANCE_ID;
        }
    }
    return group_member_find(group, member_id) == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID
                                                       : KAFKA_ERROR_NONE;
}

/* ---- heartbeats ------------------------------------------------------------------------------ */

static void watch(struct group_coordinator *coordinator,
                  struct group_member *member,
                  int32_t timeout_ms)
{
    deadline_set(&coordinator->timers, &member->heartbeat,
                 coordinator->now_ms + (uint64_t)MAX(timeout_ms, 0));
}

void group_heard_of(struct group_coordinator *coordinator, struct group_member *member)
{
    watch(coordinator, member, member->session_timeout_ms);
}

/* Out, and the group carries on without it: it left, or its session ended. */
void group_member_lost(struct group_coordinator *coordinator, struct group_member *member)
{
    struct group *group = member->group;
    /* UNKNOWN_MEMBER_ID makes a client that is still there join anew. */
    group_end_join_wait(coordinator, member, SLICE_LIT(""), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    (void)group_end_sync_wait(coordinator, member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    group_member_remove(coordinator, member);
    if (group->state == GROUP_PREPARING_REBALANCE) {
        group_try_complete_join(coordinator, group);
    } else {
        group_maybe_prepare_rebalance(coordinator, group);
    }
}

static void heartbeat_expired(struct group_coordinator *coordinator, struct group_member *member)
{
    /* Who waits for the others cannot send heartbeats and is not late. New members are, after
     * GROUP_NEW_MEMBER_TIMEOUT_MS: their client may have gone long ago. */
    bool waits = member->join_call != NULL || member->sync_call != NULL;
    if (waits && !member->is_new) {
        return;
    }
    group_note(coordinator, member->group, GROUP_NOTE_MEMBER_FAILED, member->id, 0);
    group_member_lost(coordinator, member);
}

/* ---- prepare --------------------------------------------------------------------------------- */

bool group_can_rebalance(const struct group *group)
{
    return group->state == GROUP_EMPTY || group->state == GROUP_COMPLETING_REBALANCE ||
           group->state == GROUP_STABLE;
}

static void wait_for_members(struct group_coordinator *coordinator,
                             struct group *group,
                             int32_t timeout_ms)
{
    deadline_set(&coordinator->timers, &group->join,
                 coordinator->now_ms + (uint64_t)MAX(timeout_ms, 0));
}

static void forget_pending_sync(struct group_coordinator *coordinator, struct group *group)
{
    LIST_FOR_EACH(link, &group->members)
    {
        group_set_pending_sync(CONTAINER_OF(link, struct group_member, link), false);
    }
    deadline_clear(&coordinator->timers, &group->sync);
}

void group_prepare_rebalance(struct group_coordinator *coordinator, struct group *group)
{
    ASSERT(group_can_rebalance(group));
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        LIST_FOR_EACH(link, &group->members)
        {
            group_member_set_assignment(CONTAINER_OF(link, struct group_member, link), SLICE_NULL);
        }
        group_propagate_assignment(coordinator, group, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    }
    forget_pending_sync(coordinator, group);
    int32_t timeout_ms = group_rebalance_timeout_ms(group);
    group->is_initial_join = group->state == GROUP_EMPTY;
    group_set_state(coordinator, group, GROUP_PREPARING_REBALANCE);
    group_note(coordinator, group, GROUP_NOTE_PREPARING, SLICE_NULL, 0);
    if (group->is_initial_join) {
        int32_t delay_ms = coordinator->config.initial_rebalance_delay_ms;
        group->initial_delay_ms = delay_ms;
        group->initial_remaining_ms = timeout_ms > delay_ms ? timeout_ms - delay_ms : 0;
        wait_for_members(coordinator, group, delay_ms);
    } else {
        wait_for_members(coordinator, group, timeout_ms);
        group_try_complete_join(coordinator, group);
    }
}

void group_maybe_prepare_rebalance(struct group_coordinator *coordinator, struct group *group)
{
    if (group_can_rebalance(group)) {
        group_prepare_rebalance(coordinator, group);
    }
}

/* ---- complete -------------------------------------------------------------------------------- */

static void remove_who_did_not_join(struct group_coordinator *coordinator, struct group *group)
{
    LIST_FOR_EACH_SAFE(link, after, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->join_call == NULL && slice_is_null(member->instance_id)) {
            group_note(coordinator, group, GROUP_NOTE_MEMBER_FAILED, member->id, 0);
            group_member_remove(coordinator, member);
        }
    }
}

/* False: there are members, and none of them has joined. */
static bool leader_has_joined(struct group *group)
{
    if (group->leader == NULL) {
        return false;
    }
    if (group->leader->join_call != NULL) {
        return true;
    }
    LIST_FOR_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->join_call != NULL) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

static void become_empty(struct group_coordinator *coordinator, struct group *group)
{
    group_note(coordinator, group, GROUP_NOTE_EMPTY, SLICE_NULL, 0);
    struct group_append *append = group_append_new(coordinator, group, GROUP_APPEND_EMPTY);
    struct group_assignments none = {0};
    if (group_append_metadata(coordinator, group, append, &none) != ERR_OK) {
        group_append_free(append); /* a group id that is too long for a record: not stored */
        return;
    }
    group_append_send(coordinator, append);
}

static void answer_everybody(struct group_coordinator *coordinator, struct group *group)
{
    group_note(coordinator, group, GROUP_NOTE_STABILIZED, SLICE_NULL, (int64_t)group->member_count);
    LIST_FOR_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->join_call != NULL) {
            group_answer_join(coordinator, member, member->join_call, group->leader->id,
                              member == group->leader, false);
        }
        group_heard_of(coordinator, member);
        member->is_new = false;
        group_set_pending_sync(member, true);
    }
    group->sync_generation = group->generation;
    deadline_set(&coordinator->timers, &group->sync,
                 coordinator->now_ms + (uint64_t)MAX(group_rebalance_timeout_ms(group), 0));
}

static void begin_generation(struct group_coordinator *coordinator, struct group *group)
{
    deadline_clear(&coordinator->timers, &group->join);
    /* Java's int wraps, and nothing else can be done after two billion rebalances. */
    group->generation = (int32_t)((uint32_t)group->generation + 1);
    bool has_members = group->member_count > 0;
    group_set_text(&group->protocol_name, has_members ? group_select_protocol(group) : SLICE_NULL);
    group_compute_subscribed(coordinator, group);
    group_set_state(coordinator, group, has_members ? GROUP_COMPLETING_REBALANCE : GROUP_EMPTY);
    if (has_members) {
        answer_everybody(coordinator, group);
    } else {
        become_empty(coordinator, group);
    }
}

static void complete_join(struct group_coordinator *coordinator, struct group *group)
{
    ASSERT(group->state == GROUP_PREPARING_REBALANCE);
    remove_who_did_not_join(coordinator, group);
    if (!leader_has_joined(group) && group->member_count > 0) {
        /* Static members alone, and all away: wait until their sessions end or one comes back. */
        group_note(coordinator, group, GROUP_NOTE_STUCK, SLICE_NULL, 0);
        wait_for_members(coordinator, group, group_rebalance_timeout_ms(group));
        return;
    }
    begin_generation(coordinator, group);
}

void group_try_complete_join(struct group_coordinator *coordinator, struct group *group)
{
    if (group->state != GROUP_PREPARING_REBALANCE || group->is_initial_join) {
        return;
    }
    if (group->awaiting_join == group->member_count && group->pending_members.count == 0) {
        complete_join(coordinator, group);
    }
}

static void join_timer_fired(struct group_coordinator *coordinator, struct group *group)
{
    ASSERT(group->state == GROUP_PREPARING_REBALANCE);
    if (group->is_initial_join && group->new_member_added && group->initial_remaining_ms != 0) {
        /* Somebody came during the delay: others may follow. */
        group->new_member_added = false;
        int32_t delay_ms = MIN(coordinator->config.initial_rebalance_delay_ms,
                               group->initial_remaining_ms);
        group->initial_remaining_ms = MAX(group->initial_remaining_ms - group->initial_delay_ms, 0);
        group->initial_delay_ms = delay_ms;
        wait_for_members(coordinator, group, delay_ms);
        return;
    }
    group->is_initial_join = false;
    complete_join(coordinator, group);
}

/* ---- sync ------------------------------------------------------------------------------------ */

void group_propagate_assignment(struct group_coordinator *coordinator,
                                struct group *group,
                                int16_t error)
{
    LIST_FOR_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        /* Its timer may have passed unseen while it waited. */
        if (group_end_sync_wait(coordinator, member, error)) {
            group_heard_of(coordinator, member);
        }
    }
}

void group_received_sync(struct group_coordinator *coordinator, struct group_member *member)
{
    group_set_pending_sync(member, false);
    if (member->group->pending_sync == 0) {
        deadline_clear(&coordinator->timers, &member->group->sync);
    }
}

static void sync_timer_fired(struct group_coordinator *coordinator, struct group *group)
{
    bool is_current = group->sync_generation == group->generation &&
                      (group->state == GROUP_COMPLETING_REBALANCE || group->state == GROUP_STABLE);
    if (!is_current || group->pending_sync == 0) {
        return;
    }
    LIST_FOR_EACH_SAFE(link, after, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->pending_sync) {
            group_note(coordinator, group, GROUP_NOTE_MEMBER_FAILED, member->id, 0);
            group_end_join_wait(coordinator, member, SLICE_LIT(""), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
            group_member_remove(coordinator, member);
        }
    }
    group_prepare_rebalance(coordinator, group);
}

static void pending_expired(struct group_coordinator *coordinator, struct group_pending *pending)
{
    struct group *group = pending->group;
    (void)group_pending_remove(coordinator, group, pending->id);
    group_try_complete_join(coordinator, group);
}

void group_timer_fired(struct group_coordinator *coordinator, struct deadline *deadline)
{
    switch ((enum group_timer_kind)deadline->kind) {
    case GROUP_TIMER_HEARTBEAT:
        heartbeat_expired(coordinator, CONTAINER_OF(deadline, struct group_member, heartbeat));
        break;
    case GROUP_TIMER_PENDING:
        pending_expired(coordinator, CONTAINER_OF(deadline, struct group_pending, expiry));
        break;
    case GROUP_TIMER_JOIN:
        join_timer_fired(coordinator, CONTAINER_OF(deadline, struct group, join));
        break;
    case GROUP_TIMER_SYNC:
        sync_timer_fired(coordinator, CONTAINER_OF(deadline, struct group, sync));
        break;
    }
}
