/* group_load.c - replay of the log: the only place where committed offsets and the log's picture of
 * a group change; loading, and handing over.
 *
 * While loading, a group's record makes the group what it says: Stable with its members, or Empty.
 * While running, the live group is ahead of its record (members come and go in between), so that
 * the record is only noted. Offsets are the same in both.
 *
 * Offsets of a transaction (its batch names the producer) wait for the transaction's marker; one
 * committed outside of it meanwhile stays when it stands later in the log (KAFKA-5600's rule).
 * Sources: GroupMetadataManager.doLoadGroupsAndOffsets, GroupCoordinator.onGroupLoaded,
 * onGroupUnloaded.
 */
#include "kafka/core/group_private.h"

struct txn_offset {
    struct list link;
    struct slice key; /* all three behind the struct */
    struct slice value;
    struct slice group;
    int64_t offset;
    size_t size;
};

struct producer_offsets {
    struct list offsets; /* struct txn_offset, in the order of the log */
};

/* ---- offsets --------------------------------------------------------------------------------- */

static int apply_offset(struct group_coordinator *coordinator,
                        const struct group_key *key,
                        const struct group_replay *replay)
{
    struct group *group = group_find(coordinator, key->group);
    if (slice_is_null(replay->record.value)) {
        struct group_offset *offset = group == NULL
                                          ? NULL
                                          : group_offset_find(group, key->topic, key->partition);
        if (offset != NULL) {
            group_offset_forget(coordinator, group, offset);
        }
        return ERR_OK;
    }
    struct kafka_offset_commit_value value;
    int err = group_offset_value_decode(replay->record.value, &coordinator->scratch, &value);
    if (err != ERR_OK) {
        return err;
    }
    if (group == NULL) {
        group = group_create(coordinator, key->group);
    }
    if (group == NULL) {
        return ERR_LIMIT;
    }
    struct group_offset *offset = group_offset_get(group, key->topic, key->partition);
    if (!offset->is_committed || offset->record_offset < replay->offset) {
        group_offset_set(coordinator, group, offset, &value, replay->offset);
    }
    return ERR_OK;
}

static struct producer_offsets *producer_of(struct group_coordinator *coordinator, int64_t id)
{
    struct producer_offsets *producer = u64_map_get_ptr(&coordinator->producers, (uint64_t)id);
    if (producer == NULL) {
        producer = mem_alloc(sizeof *producer);
        list_init(&producer->offsets);
        u64_map_put_ptr(&coordinator->producers, (uint64_t)id, producer);
    }
    return producer;
}

static int hold_offset(struct group_coordinator *coordinator,
                       const struct group_key *key,
                       const struct group_replay *replay)
{
    struct kafka_offset_commit_value value;
    bool is_tombstone = slice_is_null(replay->record.value);
    int err = is_tombstone
                  ? ERR_OK
                  : group_offset_value_decode(replay->record.value, &coordinator->scratch, &value);
    if (err != ERR_OK) {
        return err;
    }
    struct group *group = group_find(coordinator, key->group);
    if (group == NULL) {
        group = group_create(coordinator, key->group);
    }
    if (group == NULL) {
        return ERR_LIMIT;
    }
    size_t key_len = replay->record.key.len;
    size_t value_len = replay->record.value.len;
    size_t size = sizeof(struct txn_offset) + key_len + value_len;
    struct txn_offset *held = mem_alloc(size);
    uint8_t *bytes = (uint8_t *)(held + 1);
    memcpy(bytes, replay->record.key.ptr, key_len);
    if (value_len > 0) {
        memcpy(bytes + key_len, replay->record.value.ptr, value_len);
    }
    held->key = slice_of(bytes, key_len);
    held->value = is_tombstone ? SLICE_NULL : slice_of(bytes + key_len, value_len);
    held->offset = replay->offset;
    held->size = size;
    list_append(&producer_of(coordinator, replay->producer_id)->offsets, &held->link);
    group_offset_get(group, key->topic, key->partition)->pending_in_txn += 1;
    return ERR_OK;
}

static void release_held(struct group_coordinator *coordinator,
                         struct txn_offset *held,
                         bool is_commit)
{
    struct group_key key;
    arena_clear(&coordinator->scratch);
    int err = group_key_decode(held->key, &coordinator->scratch, &key);
    ASSERT(err == ERR_OK && key.kind == GROUP_KEY_OFFSET); /* it was read before */
    struct group *group = group_find(coordinator, key.group);
    struct group_offset *offset = group == NULL
                                      ? NULL
                                      : group_offset_find(group, key.topic, key.partition);
    if (is_commit) {
        const struct group_replay replay = {
            .record = {.key = held->key, .value = held->value},
            .offset = held->offset,
            .producer_id = -1,
        };
        err = apply_offset(coordinator, &key, &replay);
        ASSERT(err == ERR_OK);
        offset = group == NULL ? NULL : group_offset_find(group, key.topic, key.partition);
    }
    if (offset != NULL) {
        ASSERT(offset->pending_in_txn > 0);
        offset->pending_in_txn -= 1;
        group_offset_free_if_unused(group, offset);
    }
    list_remove(&held->link);
    mem_free(held, held->size);
}

void group_coordinator_replay_marker(struct group_coordinator *coordinator,
                                     int64_t producer_id,
                                     bool is_commit)
{
    struct producer_offsets *producer = u64_map_get_ptr(&coordinator->producers,
                                                        (uint64_t)producer_id);
    if (producer == NULL) {
        return;
    }
    LIST_FOR_EACH_SAFE(link, after, &producer->offsets)
    {
        release_held(coordinator, CONTAINER_OF(link, struct txn_offset, link), is_commit);
    }
    (void)u64_map_remove(&coordinator->producers, (uint64_t)producer_id, NULL);
    mem_free(producer, sizeof *producer);
}

void group_producers_release(struct group_coordinator *coordinator)
{
    size_t position = 0;
    uint64_t id = 0;
    uint64_t value = 0;
    while (u64_map_next(&coordinator->producers, &position, &id, &value)) {
        struct producer_offsets *producer = (struct producer_offsets *)(uintptr_t)value;
        LIST_FOR_EACH_SAFE(link, after, &producer->offsets)
        {
            struct txn_offset *held = CONTAINER_OF(link, struct txn_offset, link);
            mem_free(held, held->size);
        }
        mem_free(producer, sizeof *producer);
    }
    u64_map_release(&coordinator->producers);
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Another record is coming, or a tombstone came. */
static void forget_loaded(struct group_coordinator *coordinator, struct group *group)
{
    LIST_FOR_EACH_SAFE(link, after, &group->members)
    {
        group_member_remove(coordinator, CONTAINER_OF(link, struct group_member, link));
    }
    group->generation = 0;
    group_set_text(&group->protocol_type, SLICE_NULL);
    group_set_text(&group->protocol_name, SLICE_NULL);
    group_load_state(coordinator, group, GROUP_EMPTY, coordinator->wall_ms);
}

static void load_members(struct group_coordinator *coordinator,
                         struct group *group,
                         const struct kafka_group_metadata_value *value,
                         int16_t version)
{
    for (int32_t i = 0; i < value->members_count; i++) {
        const struct kafka_group_metadata_value_member *from = &value->members[i];
        const struct group_protocol protocol = {
            .name = slice_is_null(value->protocol) ? SLICE_LIT("") : value->protocol,
            .metadata = from->subscription,
        };
        const struct group_member_new new_member = {
            .id = from->member_id,
            .instance_id = from->group_instance_id,
            .client_id = from->client_id,
            .client_host = from->client_host,
            /* Version 0 had no rebalance timeout. */
            .rebalance_timeout_ms = version == 0 ? from->session_timeout : from->rebalance_timeout,
            .session_timeout_ms = from->session_timeout,
            .protocol_type = value->protocol_type,
            .protocols = &protocol,
            .protocol_count = 1,
        };
        /* A record that names a member twice is not Apache's, and not worth a crash. */
        bool is_known = group_member_find(group, from->member_id) != NULL ||
                        (!slice_is_null(from->group_instance_id) &&
                         group_static_member(group, from->group_instance_id) != NULL);
        if (!is_known) {
            struct group_member *member = group_member_add(coordinator, group, &new_member);
            group_member_set_assignment(member, from->assignment);
        }
    }
}

static void load_group(struct group_coordinator *coordinator,
                       struct group *group,
                       const struct kafka_group_metadata_value *value,
                       int16_t version)
{
    forget_loaded(coordinator, group);
    group->generation = value->generation;
    group_set_text(&group->protocol_type,
                   value->protocol_type.len == 0 ? SLICE_NULL : value->protocol_type);
    group_set_text(&group->protocol_name, value->protocol);
    load_members(coordinator, group, value, version);
    bool has_members = group->member_count > 0;
    if (has_members && slice_is_null(group->protocol_name)) {
        group_set_text(&group->protocol_name, SLICE_LIT(""));
    }
    struct group_member *leader = slice_is_null(value->leader)
                                      ? NULL
                                      : group_member_find(group, value->leader);
    group->leader = leader != NULL ? leader : group->leader;
    group_load_state(coordinator, group, has_members ? GROUP_STABLE : GROUP_EMPTY,
                     value->current_state_timestamp);
}

static int replay_group(struct group_coordinator *coordinator,
                        const struct group_key *key,
                        const struct group_replay *replay)
{
    bool is_loading = coordinator->stage == GROUP_LOADING;
    struct group *group = group_find(coordinator, key->group);
    if (slice_is_null(replay->record.value)) {
        if (group != NULL) {
            group->has_record = false;
            if (is_loading) {
                forget_loaded(coordinator, group);
            }
        }
        return ERR_OK;
    }
    struct kafka_group_metadata_value value;
    int16_t version = 0;
    int err = group_metadata_value_decode(replay->record.value, &coordinator->scratch, &value,
                                          &version);
    if (err != ERR_OK) {
        return err;
    }
    if (group == NULL) {
        group = group_create(coordinator, key->group);
    }
    if (group == NULL) {
        return ERR_LIMIT;
    }
    if (is_loading) {
        load_group(coordinator, group, &value, version);
    }
    group->has_record = true;
    group->record_hash = hash_bytes((struct hash_key){0}, replay->record.value);
    return ERR_OK;
}

int group_coordinator_replay(struct group_coordinator *coordinator,
                             const struct group_replay *replay)
{
    coordinator->wall_ms = replay->wall_ms;
    arena_clear(&coordinator->scratch);
    struct group_key key;
    int err = group_key_decode(replay->record.key, &coordinator->scratch, &key);
    if (err != ERR_OK) {
        return err;
    }
    switch (key.kind) {
    case GROUP_KEY_OFFSET:
        return replay->producer_id >= 0 ? hold_offset(coordinator, &key, replay)
                                        : apply_offset(coordinator, &key, replay);
    case GROUP_KEY_GROUP:
        return replay_group(coordinator, &key, replay);
    case GROUP_KEY_UNKNOWN:
        break;
    }
    coordinator->stats.records_ignored += 1;
    return ERR_UNSUPPORTED;
}

/* ---- from here on it serves ------------------------------------------------------------------ */

static void start_group(struct group_coordinator *coordinator, struct group *group)
{
    group_compute_subscribed(coordinator, group);
    if (!group->has_record) {
        group->state_ms = coordinator->wall_ms;
    }
    LIST_FOR_EACH(link, &group->members)
    {
        group_heard_of(coordinator, CONTAINER_OF(link, struct group_member, link));
    }
    if (group->member_count > (size_t)coordinator->config.max_size) {
        group_prepare_rebalance(coordinator, group);
    }
}

void group_step_loaded(struct group_coordinator *coordinator)
{
    ASSERT(coordinator->stage == GROUP_LOADING);
    coordinator->stage = GROUP_ACTIVE;
    LIST_FOR_EACH_SAFE(link, after, &coordinator->groups)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        /* Everything of it was deleted again. */
        if (!group->has_record && group->offsets_by_key.count == 0) {
            group_free(coordinator, group);
        } else {
            start_group(coordinator, group);
        }
    }
    coordinator->next_expiry_ms = coordinator->now_ms;
}

/* ---- the partition has moved away ------------------------------------------------------------ */

/* Whoever waits looks for the new coordinator. */
void group_step_unload(struct group_coordinator *coordinator)
{
    LIST_FOR_EACH_SAFE(link, after, &coordinator->appends)
    {
        struct group_append *append = CONTAINER_OF(link, struct group_append, link);
        if (!append->was_answered && append->call != NULL) {
            if (append->kind == GROUP_APPEND_OFFSETS) {
                group_offsets_stored(coordinator, append, KAFKA_ERROR_NOT_COORDINATOR);
            } else if (append->kind == GROUP_APPEND_TOMBSTONES) {
                group_tombstones_stored(coordinator, append, KAFKA_ERROR_NOT_COORDINATOR);
            }
        }
        list_remove(&append->link);
        list_append(&coordinator->outbox->finished, &append->link);
    }
    LIST_FOR_EACH_SAFE(link, after, &coordinator->groups)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        LIST_FOR_EACH(member_link, &group->members)
        {
            struct group_member *member = CONTAINER_OF(member_link, struct group_member, link);
            group_end_join_wait(coordinator, member, member->id, KAFKA_ERROR_NOT_COORDINATOR);
            (void)group_end_sync_wait(coordinator, member, KAFKA_ERROR_NOT_COORDINATOR);
        }
        group_set_state(coordinator, group, GROUP_DEAD);
        group_free(coordinator, group);
    }
    coordinator->stage = GROUP_UNLOADED;
    coordinator->next_expiry_ms = DEADLINE_NEVER;
}
