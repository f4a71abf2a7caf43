/* group_read.c - what can be read of groups without changing them: describe, list, fetch. */
#include "kafka/core/group_private.h"

#define NONE SLICE_LIT("")

static struct slice or_empty(struct slice text)
{
    return slice_is_null(text) ? NONE : text;
}

/* Metadata and assignments are shown of a stable group alone: else they are of no generation. */
static void describe_members(const struct group *group,
                             struct arena *arena,
                             struct kafka_describe_groups_response_group *description)
{
    bool is_stable = group->state == GROUP_STABLE;
    struct kafka_describe_groups_response_member *members = ARENA_ARRAY(
        arena, struct kafka_describe_groups_response_member, MAX(group->member_count, 1));
    int32_t count = 0;
    LIST_FOR_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        members[count] = (struct kafka_describe_groups_response_member){
            .member_id = member->id,
            .group_instance_id = member->instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .member_metadata = is_stable ? group_member_metadata(member, group->protocol_name)
                                         : NONE,
            .member_assignment = is_stable ? member->assignment : NONE,
        };
        count += 1;
    }
    description->members = members;
    description->members_count = count;
}

void group_coordinator_describe(const struct group_coordinator *coordinator,
                                struct slice group_id,
                                struct arena *arena,
                                struct kafka_describe_groups_response_group *description)
{
    const struct group *group = group_find(coordinator, group_id);
    description->error_code = KAFKA_ERROR_NONE;
    description->group_id = group_id;
    description->group_state = slice_of_cstr(group_state_name(GROUP_DEAD));
    description->protocol_type = NONE;
    description->protocol_data = NONE;
    if (group == NULL || group->state == GROUP_DEAD) {
        return;
    }
    description->group_state = slice_of_cstr(group_state_name(group->state));
    description->protocol_type = or_empty(group->protocol_type);
    if (group->state == GROUP_STABLE) {
        description->protocol_data = or_empty(group->protocol_name);
    }
    describe_members(group, arena, description);
}

void group_coordinator_each(const struct group_coordinator *coordinator,
                            void (*each)(void *ctx, const struct group_overview *overview),
                            void *ctx)
{
    LIST_FOR_EACH(link, &coordinator->groups)
    {
        const struct group *group = CONTAINER_OF(link, struct group, link);
        if (group->state == GROUP_DEAD) {
            continue;
        }
        const struct group_overview overview = {
            .group_id = group->id,
            .protocol_type = or_empty(group->protocol_type),
            .state = group->state,
            .member_count = group->member_count,
            .offset_count = group->committed_count,
        };
        each(ctx, &overview);
    }
}

static struct group_offset_view view_of(const struct group_offset *offset, bool require_stable)
{
    struct group_offset_view view = {
        .offset = GROUP_NO_OFFSET,
        .leader_epoch = GROUP_NO_EPOCH,
        .metadata = NONE,
    };
    if (offset == NULL) {
        return view;
    }
    /* A commit is under way: an older value now would be a step back for who commits and reads
     * (KIP-447). */
    if (require_stable && (offset->pending > 0 || offset->pending_in_txn > 0)) {
        view.error = KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT;
    } else if (offset->is_committed) {
        view.offset = offset->offset;
        view.leader_epoch = offset->leader_epoch;
        view.metadata = or_empty(offset->metadata);
    }
    return view;
}

struct group_offset_view group_coordinator_offset(const struct group_coordinator *coordinator,
                                                  struct slice group_id,
                                                  struct slice topic,
                                                  int32_t partition,
                                                  bool require_stable)
{
    const struct group *group = group_find(coordinator, group_id);
    if (group == NULL || group->state == GROUP_DEAD) {
        return view_of(NULL, require_stable);
    }
    return view_of(group_offset_find(group, topic, partition), require_stable);
}

void group_coordinator_each_offset(const struct group_coordinator *coordinator,
                                   struct slice group_id,
                                   bool require_stable,
                                   void (*each)(void *ctx,
                                                struct slice topic,
                                                int32_t partition,
                                                const struct group_offset_view *view),
                                   void *ctx)
{
    const struct group *group = group_find(coordinator, group_id);
    if (group == NULL || group->state == GROUP_DEAD) {
        return;
    }
    LIST_FOR_EACH(link, &group->offsets)
    {
        const struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
        if (offset->is_committed) {
            const struct group_offset_view view = view_of(offset, require_stable);
            each(ctx, group_offset_topic(offset), group_offset_partition(offset), &view);
        }
    }
}
