/* group_check.c - what must hold between steps, and the digest of what the log holds. */
#include "kafka/core/group_private.h"

static void check_member(const struct group *group, const struct group_member *member)
{
    ASSERT(member->group == group);
    ASSERT(group_member_find(group, member->id) == member);
    ASSERT(member->protocol_count > 0);
    if (!slice_is_null(member->instance_id)) {
        ASSERT(group_static_member(group, member->instance_id) == member);
    }
    /* One request of a member waits, in the phase that it belongs to. */
    if (member->join_call != NULL) {
        bool is_static_rejoin = group->state == GROUP_STABLE && !slice_is_null(member->instance_id);
        ASSERT(group->state == GROUP_PREPARING_REBALANCE || is_static_rejoin);
    }
    if (member->sync_call != NULL) {
        ASSERT(group->state == GROUP_COMPLETING_REBALANCE);
    }
    /* Nobody is watched by no timer but who waits for the others. */
    if (member->heartbeat.at_ms == DEADLINE_NEVER) {
        ASSERT(member->join_call != NULL || member->sync_call != NULL);
    }
}

static void check_members(const struct group *group)
{
    size_t count = 0;
    size_t static_count = 0;
    size_t awaiting_join = 0;
    size_t pending_sync = 0;
    size_t bytes = 0;
    bool leader_found = group->leader == NULL;
    LIST_FOR_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        check_member(group, member);
        count += 1;
        static_count += slice_is_null(member->instance_id) ? 0 : 1;
        awaiting_join += member->join_call == NULL ? 0 : 1;
        pending_sync += member->pending_sync ? 1 : 0;
        bytes += member->protocol_bytes;
        leader_found = leader_found || group->leader == member;
    }
    ASSERT(leader_found);
    ASSERT(count == group->member_count && count == group->members_by_id.count);
    ASSERT(static_count == group->static_members.count);
    ASSERT(awaiting_join == group->awaiting_join);
    ASSERT(pending_sync == group->pending_sync);
    ASSERT(bytes == group->metadata_bytes);
    ASSERT((group->leader != NULL) == (count > 0));
}

static void check_offsets(const struct group *group, uint64_t *committed)
{
    size_t entries = 0;
    size_t with_value = 0;
    LIST_FOR_EACH(link, &group->offsets)
    {
        const struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
        ASSERT(bytes_map_get(&group->offsets_by_key, offset->key) == offset);
        ASSERT(offset->is_committed || offset->pending > 0 || offset->pending_in_txn > 0);
        entries += 1;
        with_value += offset->is_committed ? 1 : 0;
    }
    ASSERT(entries == group->offsets_by_key.count);
    ASSERT(with_value == group->committed_count);
    *committed += with_value;
}

void group_check(const struct group_coordinator *coordinator, const struct group *group)
{
    ASSERT(group_find(coordinator, group->id) == group);
    check_members(group);
    bool has_members = group->member_count > 0;
    switch (group->state) {
    case GROUP_EMPTY:
        ASSERT(!has_members);
        break;
    case GROUP_PREPARING_REBALANCE:
        ASSERT(group->join.at_ms != DEADLINE_NEVER);
        ASSERT(group->sync.at_ms == DEADLINE_NEVER);
        break;
    case GROUP_COMPLETING_REBALANCE:
    case GROUP_STABLE:
        ASSERT(has_members);
        ASSERT(group->join.at_ms == DEADLINE_NEVER);
        /* Everybody supports what was selected. */
        ASSERT(!slice_is_null(group->protocol_name));
        break;
    case GROUP_DEAD:
    case GROUP_STATE_COUNT:
        break;
    }
    if (group->sync.at_ms != DEADLINE_NEVER) {
        ASSERT(group->sync_generation <= group->generation);
    }
}

void group_coordinator_check(const struct group_coordinator *coordinator)
{
    size_t count = 0;
    uint64_t offsets = 0;
    size_t states[GROUP_STATE_COUNT] = {0};
    LIST_FOR_EACH(link, &coordinator->groups)
    {
        const struct group *group = CONTAINER_OF(link, struct group, link);
        if (coordinator->stage == GROUP_ACTIVE) {
            group_check(coordinator, group);
        }
        check_offsets(group, &offsets);
        states[group->state] += 1;
        count += 1;
    }
    ASSERT(count == coordinator->by_id.count);
    ASSERT(offsets == coordinator->offset_count);
    for (int state = 0; state < GROUP_STATE_COUNT; state++) {
        ASSERT(states[state] == coordinator->state_counts[state]);
    }
    deadline_heap_check(&coordinator->timers);
    uint64_t last_id = 0;
    LIST_FOR_EACH(link, &coordinator->appends)
    {
        const struct group_append *append = CONTAINER_OF(link, struct group_append, link);
        ASSERT(append->id > last_id);
        last_id = append->id;
    }
}

static uint64_t offset_digest(const struct group_offset *offset)
{
    const struct hash_key key = {0};
    uint64_t digest = hash_bytes2(key, offset->key, offset->metadata);
    digest = hash_combine(digest, (uint64_t)offset->offset);
    digest = hash_combine(digest, (uint64_t)offset->leader_epoch);
    digest = hash_combine(digest, (uint64_t)offset->commit_ms);
    return hash_combine(digest, (uint64_t)offset->expire_ms);
}

/* Sums, so that the order in which groups and offsets came does not count. */
uint64_t group_coordinator_digest(const struct group_coordinator *coordinator)
{
    const struct hash_key key = {0};
    uint64_t digest = 0;
    LIST_FOR_EACH(group_link, &coordinator->groups)
    {
        const struct group *group = CONTAINER_OF(group_link, struct group, link);
        uint64_t sum = group->has_record ? hash_u64(group->record_hash) : 0;
        LIST_FOR_EACH(link, &group->offsets)
        {
            const struct group_offset *offset = CONTAINER_OF(link, struct group_offset, link);
            sum += offset->is_committed ? offset_digest(offset) : 0;
        }
        if (group->has_record || group->committed_count > 0) {
            digest += hash_combine(hash_bytes(key, group->id), sum);
        }
    }
    return digest;
}
