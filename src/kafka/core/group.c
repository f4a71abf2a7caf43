/* group.c - the coordinator's frame: groups by name, states, the step, timers, checks.
 *
 * Happy path: members join and wait; when all have (or the initial delay has passed) everybody gets
 * the generation, the leader the members' metadata; the leader's SyncGroup brings the assignment,
 * which goes to the log; when the log has it, everybody gets his part, and heartbeats keep the
 * group Stable. Offsets go to the log and count when the log has them.
 *
 * What goes wrong: a member falls silent (its heartbeat timer: out, rebalance), does not rejoin
 * (rebalance timer: the dynamic ones are out), joins and never syncs (sync timer: out), asks under
 * an old generation or id (an error that makes it rejoin), the log refuses a record (an error, the
 * leader assigns again), the broker dies (the log is replayed elsewhere: requests that waited are
 * gone, what was acknowledged is there).
 *
 * Files: group_member (who is in), group_rebalance (the phases and timers), group_join, group_sync
 * (with heartbeats), group_leave, group_offsets (commit), group_delete (offsets and groups that go:
 * asked, deleted topics, expiry), group_load (replay and the end), group_read (answers that change
 * nothing), group_records (the formats).
 */
#include "kafka/core/group_private.h"

#define SCRATCH_CHUNK 4096
#define SCRATCH_LIMIT ((size_t)1 << 30)
#define ENCODED_LIMIT ((size_t)1 << 30)
#define TICK_TIMERS_MAX 64 /* a tick fires at most so many: the rest at the next, at once */

static const char *const state_names[GROUP_STATE_COUNT] = {
    [GROUP_EMPTY] = "Empty",
    [GROUP_PREPARING_REBALANCE] = "PreparingRebalance",
    [GROUP_COMPLETING_REBALANCE] = "CompletingRebalance",
    [GROUP_STABLE] = "Stable",
    [GROUP_DEAD] = "Dead",
};

/* The picture of group.h: bit FROM of [TO]. */
static const unsigned came_from[GROUP_STATE_COUNT] = {
    [GROUP_EMPTY] = 1u << GROUP_PREPARING_REBALANCE,
    [GROUP_PREPARING_REBALANCE] = 1u << GROUP_EMPTY | 1u << GROUP_COMPLETING_REBALANCE |
                                  1u << GROUP_STABLE,
    [GROUP_COMPLETING_REBALANCE] = 1u << GROUP_PREPARING_REBALANCE,
    [GROUP_STABLE] = 1u << GROUP_COMPLETING_REBALANCE,
    [GROUP_DEAD] = (1u << GROUP_STATE_COUNT) - 1,
};

const char *group_state_name(enum group_state state)
{
    ASSERT(state < GROUP_STATE_COUNT);
    return state_names[state];
}

void group_config_defaults(struct group_config *config)
{
    *config = (struct group_config){
        .min_session_timeout_ms = 6000,
        .max_session_timeout_ms = 1800000,
        .initial_rebalance_delay_ms = 3000,
        .max_size = INT32_MAX,
        .offset_metadata_max_bytes = 4096,
        .offsets_retention_ms = INT64_C(10080) * 60000,
        .offsets_retention_check_interval_ms = 600000,
    };
}

void group_coordinator_init(struct group_coordinator *coordinator,
                            const struct group_config *config)
{
    *coordinator = (struct group_coordinator){
        .config = *config,
        .stage = GROUP_LOADING,
        .next_append_id = 1,
        .next_incarnation = 1,
        .next_expiry_ms = DEADLINE_NEVER,
    };
    bytes_map_init(&coordinator->by_id, config->hash_key);
    list_init(&coordinator->groups);
    list_init(&coordinator->appends);
    u64_map_init(&coordinator->producers);
    deadline_heap_init(&coordinator->timers);
    buffer_init(&coordinator->encoded, ENCODED_LIMIT);
    arena_init(&coordinator->scratch, SCRATCH_CHUNK, SCRATCH_LIMIT);
}

/* Whoever waits is forgotten: the host has dropped its calls. */
static void forget_waiting(struct group *group)
{
    LIST_FOR_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        group_member_set_join_call(member, NULL);
        member->sync_call = NULL;
    }
}

void group_coordinator_release(struct group_coordinator *coordinator)
{
    LIST_FOR_EACH_SAFE(link, after, &coordinator->groups)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        forget_waiting(group);
        group_free(coordinator, group);
    }
    LIST_FOR_EACH_SAFE(link, after, &coordinator->appends)
    {
        group_append_free(CONTAINER_OF(link, struct group_append, link));
    }
    group_producers_release(coordinator);
    bytes_map_release(&coordinator->by_id);
    deadline_heap_release(&coordinator->timers);
    buffer_release(&coordinator->encoded);
    arena_release(&coordinator->scratch);
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct group *group_find(const struct group_coordinator *coordinator, struct slice id)
{
    return bytes_map_get(&coordinator->by_id, id);
}

struct group *group_create(struct group_coordinator *coordinator, struct slice id)
{
    if (coordinator->by_id.count >= GROUP_COUNT_MAX) {
        return NULL;
    }
    struct group *group = mem_alloc_zeroed(sizeof *group);
    group->id = group_text_copy(id);
    group->incarnation = coordinator->next_incarnation;
    coordinator->next_incarnation += 1;
    group->state = GROUP_EMPTY;
    group->state_ms = coordinator->wall_ms;
    list_init(&group->members);
    list_init(&group->offsets);
    struct hash_key key = coordinator->config.hash_key;
    bytes_map_init(&group->members_by_id, key);
    bytes_map_init(&group->static_members, key);
    bytes_map_init(&group->pending_members, key);
    bytes_map_init(&group->subscribed, key);
    bytes_map_init(&group->offsets_by_key, key);
    deadline_init(&group->join, GROUP_TIMER_JOIN);
    deadline_init(&group->sync, GROUP_TIMER_SYNC);
    list_append(&coordinator->groups, &group->link);
    bytes_map_add(&coordinator->by_id, group->id, group);
    coordinator->state_counts[GROUP_EMPTY] += 1;
    return group;
}

static void free_pending(struct group_coordinator *coordinator, struct group *group)
{
    for (;;) {
        size_t position = 0;
        struct slice id;
        void *value = NULL;
        if (!bytes_map_next(&group->pending_members, &position, &id, &value)) {
            break;
        }
        (void)group_pending_remove(coordinator, group, id);
    }
    bytes_map_release(&group->pending_members);
}

void group_free(struct group_coordinator *coordinator, struct group *group)
{
    if (coordinator->expiry_next == &group->link) {
        coordinator->expiry_next = group->link.next; /* the look through all goes on behind it */
    }
    LIST_FOR_EACH_SAFE(link, after, &group->members)
    {
        group_member_remove(coordinator, CONTAINER_OF(link, struct group_member, link));
    }
    free_pending(coordinator, group);
    group_offsets_free_all(coordinator, group);
    group_set_text(&group->protocol_type, SLICE_NULL);
    group_compute_subscribed(coordinator, group);
    deadline_clear(&coordinator->timers, &group->join);
    deadline_clear(&coordinator->timers, &group->sync);
    bytes_map_release(&group->members_by_id);
    bytes_map_release(&group->static_members);
    bytes_map_release(&group->subscribed);
    mem_free(group->protocol_counts, group->protocol_cap * sizeof group->protocol_counts[0]);
    void *removed = bytes_map_remove(&coordinator->by_id, group->id);
    ASSERT(removed == group);
    coordinator->state_counts[group->state] -= 1;
    list_remove(&group->link);
    group_text_free(&group->id);
    group_text_free(&group->protocol_name);
    mem_free(group, sizeof *group);
}

void group_load_state(struct group_coordinator *coordinator,
                      struct group *group,
                      enum group_state state,
                      int64_t state_ms)
{
    coordinator->state_counts[group->state] -= 1;
    coordinator->state_counts[state] += 1;
    group->state = state;
    group->state_ms = state_ms;
}

void group_set_state(struct group_coordinator *coordinator,
                     struct group *group,
                     enum group_state state)
{
    ASSERT((came_from[state] & 1u << group->state) != 0);
    group_load_state(coordinator, group, state, coordinator->wall_ms);
}

/* ---- the step -------------------------------------------------------------------------------- */

static void tick(struct group_coordinator *coordinator)
{
    for (int fired = 0; fired < TICK_TIMERS_MAX; fired++) {
        struct deadline *deadline = deadline_heap_pop(&coordinator->timers, coordinator->now_ms);
        if (deadline == NULL) {
            break;
        }
        group_timer_fired(coordinator, deadline);
    }
    if (coordinator->next_expiry_ms <= coordinator->now_ms && group_expire_some(coordinator)) {
        coordinator->next_expiry_ms =
            coordinator->now_ms +
            (uint64_t)MAX(coordinator->config.offsets_retention_check_interval_ms, 1);
    }
}

/* The log's refusal in the words of SyncGroup and JoinGroup (GroupMetadataManager.storeGroup). */
static int16_t store_error(int16_t error)
{
    switch (error) {
    case KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR_KAFKA_STORAGE_ERROR:
        return KAFKA_ERROR_NOT_COORDINATOR;
    case KAFKA_ERROR_REQUEST_TIMED_OUT:
        return KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    case KAFKA_ERROR_MESSAGE_TOO_LARGE:
    case KAFKA_ERROR_RECORD_LIST_TOO_LARGE:
    case KAFKA_ERROR_INVALID_FETCH_SIZE:
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    default:
        return error;
    }
}

/* ... and of OffsetCommit (GroupMetadataManager.maybeConvertOffsetCommitError). */
static int16_t commit_error(int16_t error)
{
    switch (error) {
    case KAFKA_ERROR_NETWORK_EXCEPTION:
        return KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    case KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR_KAFKA_STORAGE_ERROR:
        return KAFKA_ERROR_NOT_COORDINATOR;
    case KAFKA_ERROR_MESSAGE_TOO_LARGE:
    case KAFKA_ERROR_RECORD_LIST_TOO_LARGE:
    case KAFKA_ERROR_INVALID_FETCH_SIZE:
        return KAFKA_ERROR_INVALID_COMMIT_OFFSET_SIZE;
    default:
        return error;
    }
}

static struct group_append *append_find(const struct group_coordinator *coordinator, uint64_t id)
{
    LIST_FOR_EACH(link, &coordinator->appends)
    {
        struct group_append *append = CONTAINER_OF(link, struct group_append, link);
        if (append->id == id) {
            return append;
        }
    }
    return NULL;
}

static void append_ended(struct group_coordinator *coordinator,
                         struct group_append *append,
                         int16_t error)
{
    switch (append->kind) {
    case GROUP_APPEND_ASSIGNMENT:
        group_assignment_stored(coordinator, append, store_error(error));
        break;
    case GROUP_APPEND_STATIC:
        group_static_stored(coordinator, append, store_error(error));
        break;
    case GROUP_APPEND_OFFSETS:
        group_offsets_stored(coordinator, append, commit_error(error));
        break;
    case GROUP_APPEND_TOMBSTONES:
        group_tombstones_stored(coordinator, append, store_error(error));
        break;
    case GROUP_APPEND_EMPTY:
        /* Nobody waits. Should the broker die now, the generation before comes back and its members
         * time out: no harm (GroupCoordinator.onCompleteJoin). */
        break;
    }
    append->was_answered = true;
}

void group_step_appended(struct group_coordinator *coordinator, const struct group_event *event)
{
    struct group_append *append = append_find(coordinator, event->append_id);
    ASSERT(append != NULL);
    if (event->kind == GROUP_EVENT_APPEND_TIMED_OUT) {
        if (!append->was_answered) {
            append_ended(coordinator, append, KAFKA_ERROR_REQUEST_TIMED_OUT);
        }
        return;
    }
    if (event->error == KAFKA_ERROR_NONE) {
        for (size_t i = 0; i < append->record_count; i++) {
            struct group_replay replay = {
                .record = append->records[i],
                .offset = event->base_offset + (int64_t)i,
                .producer_id = -1,
                .wall_ms = event->wall_ms,
            };
            int err = group_coordinator_replay(coordinator, &replay);
            ASSERT(err == ERR_OK); /* we wrote it */
        }
    } else {
        const struct group *group = group_find(coordinator, append->group_id);
        if (group != NULL) {
            group_note(coordinator, group, GROUP_NOTE_STORE_FAILED, SLICE_NULL, event->error);
        }
    }
    append_ended(coordinator, append, event->error);
    list_remove(&append->link);
    list_append(&coordinator->outbox->finished, &append->link);
}

static void dispatch(struct group_coordinator *coordinator, const struct group_event *event)
{
    switch (event->kind) {
    case GROUP_EVENT_LOADED:
        group_step_loaded(coordinator);
        break;
    case GROUP_EVENT_JOIN:
        group_step_join(coordinator, event);
        break;
    case GROUP_EVENT_SYNC:
        group_step_sync(coordinator, event);
        break;
    case GROUP_EVENT_HEARTBEAT:
        group_step_heartbeat(coordinator, event);
        break;
    case GROUP_EVENT_LEAVE:
        group_step_leave(coordinator, event);
        break;
    case GROUP_EVENT_OFFSET_COMMIT:
        group_step_offset_commit(coordinator, event);
        break;
    case GROUP_EVENT_OFFSET_DELETE:
        group_step_offset_delete(coordinator, event);
        break;
    case GROUP_EVENT_DELETE_GROUP:
        group_step_delete_group(coordinator, event);
        break;
    case GROUP_EVENT_TOPIC_DELETED:
        group_step_topic_deleted(coordinator, event);
        break;
    case GROUP_EVENT_APPENDED:
    case GROUP_EVENT_APPEND_TIMED_OUT:
        group_step_appended(coordinator, event);
        break;
    case GROUP_EVENT_TICK:
        tick(coordinator);
        break;
    case GROUP_EVENT_UNLOAD:
        group_step_unload(coordinator);
        break;
    }
}

void group_coordinator_step(struct group_coordinator *coordinator,
                            const struct group_event *event,
                            struct group_outbox *outbox)
{
    ASSERT(coordinator->stage == GROUP_ACTIVE ||
           (coordinator->stage == GROUP_LOADING && event->kind == GROUP_EVENT_LOADED));
    coordinator->now_ms = event->now_ms;
    coordinator->wall_ms = event->wall_ms;
    coordinator->outbox = outbox;
    dispatch(coordinator, event);
    coordinator->outbox = NULL;
}

uint64_t group_coordinator_deadline(const struct group_coordinator *coordinator)
{
    return MIN(deadline_heap_next(&coordinator->timers), coordinator->next_expiry_ms);
}
