/* group_leave.c - LeaveGroup: members go, one (versions 0-2) or several (3 and later).
 *
 * An administrator removes static members by instance id alone (KIP-571): the member id is empty
 * then. Source: GroupCoordinator.handleLeaveGroup.
 */
#include "kafka/core/group_private.h"

static int16_t leave(struct group_coordinator *coordinator,
                     struct group *group,
                     const struct kafka_leave_group_request_member *leaving)
{
    struct group_member *member = NULL;
    if (leaving->member_id.len == 0) {
        member = slice_is_null(leaving->group_instance_id)
                     ? NULL
                     : group_static_member(group, leaving->group_instance_id);
        if (member == NULL) {
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        }
    } else if (group_pending_remove(coordinator, group, leaving->member_id)) {
        group_try_complete_join(coordinator, group);
        return KAFKA_ERROR_NONE;
    } else {
        int16_t error = group_validate_member(group, leaving->member_id,
                                              leaving->group_instance_id);
        if (error != KAFKA_ERROR_NONE) {
            return error;
        }
        member = group_member_find(group, leaving->member_id);
    }
    group_note(coordinator, group, GROUP_NOTE_MEMBER_LEFT, member->id, 0);
    group_member_lost(coordinator, member);
    return KAFKA_ERROR_NONE;
}

void group_step_leave(struct group_coordinator *coordinator, const struct group_event *event)
{
    const struct kafka_leave_group_request *request = event->request.leave;
    struct kafka_leave_group_request_member single = {.member_id = request->member_id};
    const struct kafka_leave_group_request_member *leaving = request->members;
    int32_t count = MAX(request->members_count, 0);
    if (event->api_version < 3) {
        leaving = &single;
        count = 1;
    }
    struct group *group = group_find(coordinator, request->group_id);
    if (group != NULL && group->state == GROUP_DEAD) {
        struct group_effect *effect = group_reply(coordinator, event->call, GROUP_EVENT_LEAVE);
        effect->of.reply.response.leave.error_code = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
        return;
    }
    struct kafka_leave_group_response_member *left = ARENA_ARRAY(
        &coordinator->outbox->arena, struct kafka_leave_group_response_member, MAX(count, 1));
    for (int32_t i = 0; i < count; i++) {
        left[i].member_id = group_keep(coordinator, leaving[i].member_id);
        left[i].group_instance_id = group_keep(coordinator, leaving[i].group_instance_id);
        left[i].error_code = group == NULL ? (int16_t)KAFKA_ERROR_UNKNOWN_MEMBER_ID
                                           : leave(coordinator, group, &leaving[i]);
    }
    struct group_effect *effect = group_reply(coordinator, event->call, GROUP_EVENT_LEAVE);
    effect->of.reply.response.leave.members = left;
    effect->of.reply.response.leave.members_count = count;
    /* The single answer of old versions has no list: the member's error stands at the top. */
    if (event->api_version < 3) {
        effect->of.reply.response.leave.error_code = left[0].error_code;
        effect->of.reply.response.leave.members_count = 0;
    }
}
