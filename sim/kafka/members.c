/* members.c - consumers that share the partitions of a topic in a group: they join, sync, send
 * heartbeats, commit, leave, fall silent and come back. See kafka_world.h; crew.c judges.
 *
 *            answered                 answered
 *      OUT ------------> JOINED --------------------> WORKING
 *       ^  <--------------+        rebalance, expelled |   |
 *       +----------------------------------------------+   | falls silent
 *       ^                                                  v
 *       +------------------- after a while ------------ SILENT
 *
 * The groups with an even number are eager: who joins has given up everything. The others are
 * cooperative (KIP-429): members keep what they own while they join, the leader gives nobody what
 * another still owns, and who has to give something up joins again when that is done. The first
 * members of those are static (KIP-345).
 */
#include <stdio.h>

#include "sim/kafka/kafka_world.h"
#include "sim/log_sim.h"

#define CALL_TIMEOUT_MS 3000
#define JOIN_TIMEOUT_MS (REBALANCE_TIMEOUT_MS + 5000)
#define HEARTBEAT_MAX_MS 1000
#define STATIC_MEMBERS 2 /* of a cooperative crew */
#define METADATA_BYTES 64
#define ASSIGNMENT_BYTES 16
#define RESTLESS_ONCE_IN 60 /* thoughts until a member leaves, falls silent or joins anew */
#define GHOST_ONCE_IN 50    /* thoughts until an earlier self commits something */
#define SILENCE_MAX_NS (2 * SESSION_TIMEOUT_MS * NS_PER_MS)

static void go_out(struct member *member)
{
    member->stage = MEMBER_OUT;
    if (!member->crew->is_cooperative) {
        member->owned = 0;
    }
}

/* The group does not know it any more: what it owned is lost. */
static void lose_membership(struct member *member)
{
    member->stage = MEMBER_OUT;
    if (member->id[0] != '\0' && member->generation >= 0) {
        memcpy(member->old_id, member->id, sizeof member->old_id);
        member->old_generation = member->generation;
    }
    member->id[0] = '\0';
    member->generation = -1;
    member->owned = 0;
}

static struct slice instance_of(const struct member *member)
{
    return member->instance[0] == '\0' ? SLICE_NULL : slice_of_cstr(member->instance);
}

/* What a member is told when it is one no more, or has to join again. True: it was that. */
static bool is_sent_out(struct member *member, const char *what, int16_t error)
{
    switch (error) {
    case KAFKA_ERROR_UNKNOWN_MEMBER_ID:
    case KAFKA_ERROR_FENCED_INSTANCE_ID:
        crew_expelled(member, what, error);
        lose_membership(member);
        return true;
    case KAFKA_ERROR_ILLEGAL_GENERATION:
        crew_expelled(member, what, error);
        member->owned = 0;
        go_out(member);
        return true;
    case KAFKA_ERROR_REBALANCE_IN_PROGRESS:
        go_out(member);
        return true;
    default:
        if (!error_passes(error)) {
            kafka_world_fail(member->crew->world, VERDICT_WRONG, "a member's %s is told %s", what,
                             kafka_error_name(error));
        }
        return false;
    }
}

static void ask(struct member *member, struct kafka_call *call)
{
    call->target = (struct kafka_target){.kind = KAFKA_TARGET_COORDINATOR,
                                         .topic = slice_of_cstr(member->crew->group)};
    call->ctx = member;
    if (call->timeout_ms == 0) {
        call->timeout_ms = CALL_TIMEOUT_MS;
    }
    member->synced_then = member->crew->synced_generation;
    actor_ask(&member->actor, call);
}

/* ---- joining --------------------------------------------------------------------------------- */

/* A consumer's subscription (ConsumerProtocolSubscription, version 0): one topic, and as the user's
 * data who it is and what it owns. */
static size_t put_metadata(const struct member *member, uint8_t bytes[METADATA_BYTES])
{
    struct slice topic = SLICE_LIT(TOPIC_PLAIN);
    uint8_t *at = bytes;
    store_be16(at, 0);
    store_be32(at + 2, 1);
    store_be16(at + 6, (uint16_t)topic.len);
    memcpy(at + 8, topic.ptr, topic.len);
    at += 8 + topic.len;
    store_be32(at, 12);
    store_be32(at + 4, (uint32_t)member->actor.idx);
    store_be32(at + 8, member->joins);
    store_be32(at + 12, member->owned);
    return (size_t)(at + 16 - bytes);
}

static void take_peer(struct member *member, const struct kafka_join_group_response_member *told)
{
    struct kafka_world *world = member->crew->world;
    struct slice metadata = told->metadata;
    if (metadata.len < 12 || told->member_id.len >= MEMBER_ID_MAX) {
        kafka_world_fail(world, VERDICT_WRONG, "G1: a leader is told of a member that nobody is");
        return;
    }
    const uint8_t *tail = metadata.ptr + metadata.len - 12;
    uint32_t idx = load_be32(tail);
    if (idx >= CREW_MEMBERS || load_be32(tail + 4) > member->crew->members[idx].joins) {
        kafka_world_fail(world, VERDICT_WRONG, "G1: a leader is told of a join that nobody made");
        return;
    }
    if (member->peer_count == PEERS_MAX) {
        return; /* it gets nothing */
    }
    struct peer_member *peer = &member->peers[member->peer_count++];
    memcpy(peer->id, told->member_id.ptr, told->member_id.len);
    peer->id[told->member_id.len] = '\0';
    peer->idx = (int)idx;
    peer->owned = load_be32(tail + 8);
}

static void take_joined(struct member *member, const struct kafka_join_group_response *answer)
{
    snprintf(member->id, sizeof member->id, "%.*s", (int)answer->member_id.len,
             (const char *)answer->member_id.ptr);
    bool is_known = answer->generation_id == member->crew->synced_generation;
    if (member->instance[0] != '\0' && is_known && member->generation != answer->generation_id) {
        kafka_mark(member->crew->world, KAFKA_MARK_STATIC_RETURNED);
    }
    bool is_later = member->generation >= 0 && answer->generation_id > member->generation;
    if (is_later && random_once_in(&member->crew->world->random, 2)) {
        memcpy(member->old_id, member->id, sizeof member->old_id); /* what it was about to commit */
        member->old_generation = member->generation;
    }
    member->generation = answer->generation_id;
    member->is_leader = slice_equal(answer->leader, answer->member_id);
    member->assigns = member->is_leader && !answer->skip_assignment;
    member->peer_count = 0;
    for (int32_t i = 0; member->assigns && i < answer->members_count; i++) {
        take_peer(member, &answer->members[i]);
    }
    member->stage = MEMBER_JOINED;
    crew_joined(member);
}

static void on_joined(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    const struct kafka_join_group_response *answer = reply->response;
    member->actor.is_asking = false;
    if (!reply_is_there(member->crew->world, reply)) {
        sim_trace("%s: member %d: join failed: %s", member->crew->group, member->actor.idx,
                  reply->message);
    } else if (answer->error_code == 0) {
        take_joined(member, answer);
    } else if (answer->error_code == KAFKA_ERROR_MEMBER_ID_REQUIRED && member->id[0] == '\0') {
        snprintf(member->id, sizeof member->id, "%.*s", (int)answer->member_id.len,
                 (const char *)answer->member_id.ptr);
    } else {
        (void)is_sent_out(member, "join", answer->error_code);
    }
    actor_think(&member->actor);
}

static void join(struct member *member)
{
    struct random *random = &member->crew->world->random;
    struct kafka_join_group_request request;
    struct kafka_join_group_request_protocol protocol = {0};
    uint8_t metadata[METADATA_BYTES];
    codec_init(&kafka_join_group_request_message, &request);
    member->joins += 1;
    protocol.name = member->crew->is_cooperative ? SLICE_LIT("cooperative") : SLICE_LIT("eager");
    protocol.metadata = slice_of(metadata, put_metadata(member, metadata));
    request.group_id = slice_of_cstr(member->crew->group);
    request.session_timeout_ms = SESSION_TIMEOUT_MS;
    request.rebalance_timeout_ms = REBALANCE_TIMEOUT_MS;
    request.member_id = slice_of_cstr(member->id);
    request.group_instance_id = instance_of(member);
    request.protocol_type = SLICE_LIT("consumer");
    request.protocols = &protocol;
    request.protocols_count = 1;
    bool is_static = member->instance[0] != '\0';
    struct kafka_call made = {
        .request_message = &kafka_join_group_request_message,
        .response_message = &kafka_join_group_response_message,
        .request = &request,
        .min_version = is_static ? 5 : 1,
        .max_version = 9,
        .timeout_ms = JOIN_TIMEOUT_MS,
        .is_once = !random_once_in(random, 4),
        .done = on_joined,
    };
    if (!is_static && random_once_in(random, 3)) {
        made.max_version = 3; /* an old client, which gets its id with its place */
    }
    ask(member, &made);
}

/* ---- the assignment -------------------------------------------------------------------------- */

/* Who owns the partition by what the members said when they joined; -1: nobody. */
static int owner_of(const struct member *member, int partition)
{
    for (int i = 0; i < member->peer_count; i++) {
        if ((member->peers[i].owned >> partition & 1) != 0) {
            return i;
        }
    }
    return -1;
}

static void assign(struct member *member, unsigned given[PEERS_MAX])
{
    for (int i = 0; i < PLAIN_PARTITIONS && member->peer_count > 0; i++) {
        int wanted = (i + member->generation) % member->peer_count;
        int owner = member->crew->is_cooperative ? owner_of(member, i) : -1;
        if (owner >= 0 && owner != wanted) {
            /* Given up first; some stay where they are, so that a group comes to rest. */
            if ((member->generation & 1) != 0) {
                given[owner] |= 1u << i;
            } else {
                kafka_mark(member->crew->world, KAFKA_MARK_WITHHELD);
            }
        } else {
            given[wanted] |= 1u << i;
        }
    }
}

static void on_synced(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    struct crew *crew = member->crew;
    const struct kafka_sync_group_response *answer = reply->response;
    member->actor.is_asking = false;
    if (!reply_is_there(member->crew->world, reply)) {
        go_out(member);
    } else if (answer->error_code != 0) {
        if (!is_sent_out(member, "sync", answer->error_code)) {
            go_out(member);
        }
    } else if (answer->assignment.len != ASSIGNMENT_BYTES ||
               (int)load_be32(answer->assignment.ptr + 8) != member->actor.idx) {
        kafka_world_fail(crew->world, VERDICT_WRONG,
                         "G1: member %d of %s has an assignment of %zu bytes that is not its own",
                         member->actor.idx, crew->group, answer->assignment.len);
    } else {
        unsigned owned = load_be32(answer->assignment.ptr + 12);
        crew_synced(member, load_be64(answer->assignment.ptr), owned);
        bool gives_up = (member->owned & ~owned) != 0;
        member->owned = owned;
        member->stage = MEMBER_WORKING;
        member->heartbeat_due_ns = crew->world->schedule.now_ns;
        if (crew->is_cooperative && gives_up) {
            go_out(member);
        }
    }
    actor_think(&member->actor);
}

static void sync(struct member *member)
{
    struct crew *crew = member->crew;
    struct kafka_sync_group_request request;
    struct kafka_sync_group_request_assignment assignments[PEERS_MAX];
    uint8_t bytes[PEERS_MAX][ASSIGNMENT_BYTES];
    unsigned given[PEERS_MAX] = {0};
    codec_init(&kafka_sync_group_request_message, &request);
    memset(assignments, 0, sizeof assignments);
    if (member->assigns) {
        assign(member, given);
        request.assignments = assignments;
        request.assignments_count = member->peer_count;
    }
    uint64_t tag = (uint64_t)crew->idx << 56 | (uint64_t)member->actor.idx << 48 | member->joins;
    for (int i = 0; i < request.assignments_count; i++) {
        store_be64(bytes[i], tag);
        store_be32(bytes[i] + 8, (uint32_t)member->peers[i].idx);
        store_be32(bytes[i] + 12, given[i]);
        assignments[i].member_id = slice_of_cstr(member->peers[i].id);
        assignments[i].assignment = slice_of(bytes[i], ASSIGNMENT_BYTES);
    }
    request.group_id = slice_of_cstr(crew->group);
    request.generation_id = member->generation;
    request.member_id = slice_of_cstr(member->id);
    request.group_instance_id = instance_of(member);
    struct kafka_call made = {
        .request_message = &kafka_sync_group_request_message,
        .response_message = &kafka_sync_group_response_message,
        .request = &request,
        .min_version = 3,
        .max_version = 4,
        .timeout_ms = JOIN_TIMEOUT_MS,
        .is_once = !random_once_in(&crew->world->random, 4),
        .done = on_synced,
    };
    ask(member, &made);
}

/* ---- work ------------------------------------------------------------------------------------ */

static void on_heartbeat(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    struct kafka_world *world = member->crew->world;
    const struct kafka_heartbeat_response *answer = reply->response;
    member->actor.is_asking = false;
    if (reply_is_there(member->crew->world, reply) && answer->error_code == 0) {
        crew_accepted(member, "heartbeat");
        member->heartbeat_due_ns = world->schedule.now_ns +
                                   random_spread(&world->random, 1, HEARTBEAT_MAX_MS) * NS_PER_MS;
    } else if (reply->error == 0) {
        (void)is_sent_out(member, "heartbeat", answer->error_code);
    }
    actor_think(&member->actor);
}

static void heartbeat(struct member *member)
{
    struct kafka_heartbeat_request request;
    codec_init(&kafka_heartbeat_request_message, &request);
    request.group_id = slice_of_cstr(member->crew->group);
    request.generation_id = member->generation;
    request.member_id = slice_of_cstr(member->id);
    request.group_instance_id = instance_of(member);
    struct kafka_call made = {
        .request_message = &kafka_heartbeat_request_message,
        .response_message = &kafka_heartbeat_response_message,
        .request = &request,
        .min_version = 3,
        .max_version = 4,
        .done = on_heartbeat,
    };
    ask(member, &made);
}

static bool is_fence(int16_t error)
{
    return error == KAFKA_ERROR_UNKNOWN_MEMBER_ID || error == KAFKA_ERROR_FENCED_INSTANCE_ID ||
           error == KAFKA_ERROR_ILLEGAL_GENERATION;
}

static void on_committed(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    const struct kafka_offset_commit_response *answer = reply->response;
    member->actor.is_asking = false;
    if (reply_is_there(member->crew->world, reply)) {
        int16_t error = answer->topics[0].partitions[0].error_code;
        crew_commit_end(member, error == 0            ? COMMIT_ACKED
                                : error_passes(error) ? COMMIT_UNCERTAIN
                                                      : COMMIT_REFUSED);
        if (is_fence(error)) {
            kafka_mark(member->crew->world, KAFKA_MARK_COMMIT_FENCED);
        }
        if (error != 0) {
            (void)is_sent_out(member, "commit", error);
        }
    }
    actor_think(&member->actor);
}

/* An earlier self of the member knows nothing of its successor. */
static void on_ghost_committed(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    const struct kafka_offset_commit_response *answer = reply->response;
    member->actor.is_asking = false;
    if (reply_is_there(member->crew->world, reply)) {
        int16_t error = answer->topics[0].partitions[0].error_code;
        crew_ghost_commit_end(member, error == 0            ? COMMIT_ACKED
                                      : error_passes(error) ? COMMIT_UNCERTAIN
                                                            : COMMIT_REFUSED);
        if (error == KAFKA_ERROR_FENCED_INSTANCE_ID) {
            kafka_mark(member->crew->world, KAFKA_MARK_INSTANCE_FENCED);
        }
        if (is_fence(error)) {
            kafka_mark(member->crew->world, KAFKA_MARK_COMMIT_FENCED);
        }
    }
    actor_think(&member->actor);
}

/* A group that has lost a generation nobody had synchronised gives the same number again: who has
 * it, and the same id, is no earlier self. */
static bool has_ghost(const struct member *member)
{
    bool is_self = strcmp(member->old_id, member->id) == 0 &&
                   member->old_generation == member->generation;
    return member->old_id[0] != '\0' && !is_self;
}

static void commit(struct member *member, bool is_ghost)
{
    struct kafka_offset_commit_request request;
    struct kafka_offset_commit_request_topic topic;
    struct kafka_offset_commit_request_partition partition;
    char metadata[32];
    codec_init(&kafka_offset_commit_request_message, &request);
    memset(&topic, 0, sizeof topic);
    memset(&partition, 0, sizeof partition);
    partition.partition_index = member->partition;
    partition.committed_offset = is_ghost ? crew_ghost_commit_begin(member)
                                          : crew_commit_begin(member);
    partition.committed_leader_epoch = -1;
    partition.commit_timestamp = -1;
    snprintf(metadata, sizeof metadata, "v%lld", (long long)partition.committed_offset);
    partition.committed_metadata = slice_of_cstr(metadata);
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = slice_of_cstr(member->crew->group);
    request.generation_id_or_member_epoch = is_ghost ? member->old_generation : member->generation;
    request.member_id = slice_of_cstr(is_ghost ? member->old_id : member->id);
    request.group_instance_id = instance_of(member);
    request.retention_time_ms = -1;
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .request_message = &kafka_offset_commit_request_message,
        .response_message = &kafka_offset_commit_response_message,
        .request = &request,
        .min_version = 7,
        .max_version = 8,
        .is_once = true,
        .done = is_ghost ? on_ghost_committed : on_committed,
    };
    ask(member, &made);
}

static void on_offsets(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    const struct kafka_offset_fetch_response *answer = reply->response;
    member->actor.is_asking = false;
    if (reply_is_there(member->crew->world, reply) && answer->error_code == 0 &&
        answer->topics[0].partitions[0].error_code == 0) {
        crew_fetched(member, answer->topics[0].partitions[0].committed_offset,
                     answer->topics[0].partitions[0].metadata);
    }
    actor_think(&member->actor);
}

static void fetch_offsets(struct member *member)
{
    struct kafka_offset_fetch_request request;
    struct kafka_offset_fetch_request_topic topic;
    int32_t index = member->partition;
    codec_init(&kafka_offset_fetch_request_message, &request);
    memset(&topic, 0, sizeof topic);
    topic.name = SLICE_LIT(TOPIC_PLAIN);
    topic.partition_indexes = &index;
    topic.partition_indexes_count = 1;
    request.group_id = slice_of_cstr(member->crew->group);
    request.topics = &topic;
    request.topics_count = 1;
    struct kafka_call made = {
        .request_message = &kafka_offset_fetch_request_message,
        .response_message = &kafka_offset_fetch_response_message,
        .request = &request,
        .min_version = 2,
        .max_version = 7,
        .done = on_offsets,
    };
    crew_fetch_begin(member);
    ask(member, &made);
}

/* ---- leaving --------------------------------------------------------------------------------- */

static void on_left(void *ctx, const struct kafka_reply *reply)
{
    struct member *member = ctx;
    const struct kafka_leave_group_response *answer = reply->response;
    member->actor.is_asking = false;
    if (reply_is_there(member->crew->world, reply) && answer->error_code == 0) {
        kafka_mark(member->crew->world, KAFKA_MARK_MEMBER_LEFT);
    }
    lose_membership(member); /* without an answer it is one until its session ends */
    actor_think(&member->actor);
}

static void leave(struct member *member)
{
    struct kafka_leave_group_request request;
    struct kafka_leave_group_request_member who = {0};
    codec_init(&kafka_leave_group_request_message, &request);
    struct kafka_call made = {
        .request_message = &kafka_leave_group_request_message,
        .response_message = &kafka_leave_group_response_message,
        .request = &request,
        .done = on_left,
    };
    request.group_id = slice_of_cstr(member->crew->group);
    if (member->instance[0] == '\0' && random_once_in(&member->crew->world->random, 2)) {
        request.member_id = slice_of_cstr(member->id);
        made.max_version = 2;
    } else {
        who.member_id = slice_of_cstr(member->id);
        who.group_instance_id = instance_of(member);
        request.members = &who;
        request.members_count = 1;
        made.min_version = 3;
        made.max_version = 5;
    }
    ask(member, &made);
}

void member_silence(struct member *member, uint64_t time_ns)
{
    member->silence_ns = MAX(time_ns, 1);
    if (!member->actor.is_asking) {
        actor_think(&member->actor);
    }
}

static void fall_silent(struct member *member)
{
    sim_trace("%s: member %d falls silent", member->crew->group, member->actor.idx);
    member->stage = MEMBER_SILENT;
    member->silent_until_ns = member->crew->world->schedule.now_ns + member->silence_ns;
    member->silence_ns = 0;
}

static void be_restless(struct member *member)
{
    struct kafka_world *world = member->crew->world;
    switch (random_below(&world->random, 4)) {
    case 0:
        leave(member);
        break;
    case 1:
        member_silence(member, random_below(&world->random, SILENCE_MAX_NS));
        break;
    case 2: /* died, and a new process takes its place: the old id is forgotten */
        lose_membership(member);
        actor_think(&member->actor);
        break;
    default:
        go_out(member);
        actor_think(&member->actor);
        break;
    }
}

static void work(struct member *member)
{
    struct kafka_world *world = member->crew->world;
    bool is_calm = world->are_members_calm;
    member->partition = (int)random_below(&world->random, PLAIN_PARTITIONS);
    if (member->heartbeat_due_ns <= world->schedule.now_ns) {
        heartbeat(member);
        return;
    }
    bool rests = is_calm && !random_once_in(&world->random, 3);
    bool owns = (member->owned >> member->partition & 1) != 0 && !world->is_offsets_age;
    if (!is_calm && random_once_in(&world->random, RESTLESS_ONCE_IN)) {
        be_restless(member);
    } else if (!rests && has_ghost(member) && random_once_in(&world->random, GHOST_ONCE_IN)) {
        commit(member, true);
    } else if (!rests && random_once_in(&world->random, 3)) {
        fetch_offsets(member);
    } else if (!rests && owns) {
        commit(member, false);
    } else {
        actor_rest(&member->actor);
    }
}

static void on_member_timer(struct runtime_timer *timer)
{
    struct member *member = CONTAINER_OF(timer, struct member, actor.timer);
    struct kafka_world *world = member->crew->world;
    if (member->actor.is_asking) {
        return;
    }
    if (!world->are_topics_made) {
        actor_think(&member->actor);
        return;
    }
    if (member->silence_ns > 0) {
        fall_silent(member);
    }
    switch (member->stage) {
    case MEMBER_OUT:
        join(member);
        break;
    case MEMBER_JOINED:
        sync(member);
        break;
    case MEMBER_WORKING:
        work(member);
        break;
    case MEMBER_SILENT:
        if (world->schedule.now_ns < member->silent_until_ns) {
            actor_rest(&member->actor);
            break;
        }
        /* A process that was only paused does not know how long. */
        if (member->id[0] != '\0' && random_once_in(&world->random, 2)) {
            member->stage = MEMBER_WORKING;
        } else {
            go_out(member);
        }
        actor_think(&member->actor);
        break;
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

void member_open(struct crew *crew, int idx)
{
    struct member *member = &crew->members[idx];
    *member = (struct member){.crew = crew, .generation = -1};
    if (crew->is_cooperative && idx < STATIC_MEMBERS) {
        snprintf(member->instance, sizeof member->instance, "%s-instance-%d", crew->group, idx);
    }
    actor_open(&member->actor, crew->world, idx, JOIN_TIMEOUT_MS, on_member_timer);
}

void member_release(struct member *member)
{
    kafka_client_release(member->actor.client);
}
