/* support_kafka_group.c - the world around a group coordinator in tests. */
#include "unit/support_kafka_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ITEMS_MAX 64

void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    group_config_defaults(&world->config);
    world->config.initial_rebalance_delay_ms = 0;
    world->now_ms = 1000;
    world->wall_ms = 1700000000000;
    world->commits_at_once = true;
    random_init(&world->random, seed);
    world->answers = calloc(WORLD_CALLS_MAX, sizeof world->answers[0]);
    assert_non_null(world->answers);
    group_outbox_init(&world->outbox);
    world_crash(world, 0);
}

void world_release(struct world *world)
{
    group_coordinator_release(&world->coordinator);
    group_outbox_release(&world->outbox);
    for (size_t i = 0; i < world->record_count; i++) {
        free(world->records[i].key);
        free(world->records[i].value);
    }
    free(world->records);
    free(world->answers);
}

/* ---- the log --------------------------------------------------------------------------------- */

static uint8_t *copy(struct slice bytes)
{
    uint8_t *at = malloc(bytes.len + 1);
    assert_non_null(at);
    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    return at;
}

static void log_append(struct world *world, const struct group_record *record)
{
    if (world->record_count == world->record_cap) {
        world->record_cap = world->record_cap == 0 ? 64 : world->record_cap * 2;
        struct world_record *larger = realloc(world->records,
                                              world->record_cap * sizeof world->records[0]);
        assert_non_null(larger);
        world->records = larger;
    }
    world->records[world->record_count] = (struct world_record){
        .key = copy(record->key),
        .key_len = record->key.len,
        .value = slice_is_null(record->value) ? NULL : copy(record->value),
        .value_len = record->value.len,
    };
    world->record_count += 1;
}

static void replay(const struct world *world, struct group_coordinator *coordinator, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct world_record *record = &world->records[i];
        const struct group_replay event = {
            .record = {.key = slice_of(record->key, record->key_len),
                       .value = slice_of(record->value, record->value_len)},
            .offset = (int64_t)i,
            .producer_id = -1,
            .wall_ms = world->wall_ms,
        };
        assert_int_equal(group_coordinator_replay(coordinator, &event), 0);
    }
}

static size_t committed_records(const struct world *world)
{
    return world->append_count == 0 ? world->record_count : (size_t)world->appends[0].base_offset;
}

void world_load(const struct world *world, struct group_coordinator *coordinator)
{
    group_coordinator_init(coordinator, &world->config);
    replay(world, coordinator, committed_records(world));
    group_coordinator_check(coordinator);
}

void world_crash(struct world *world, size_t lost)
{
    if (world->runs) {
        group_coordinator_release(&world->coordinator);
    }
    assert_true(lost <= world->append_count);
    if (lost > 0) {
        size_t kept = (size_t)world->appends[world->append_count - lost].base_offset;
        while (world->record_count > kept) {
            world->record_count -= 1;
            free(world->records[world->record_count].key);
            free(world->records[world->record_count].value);
        }
    }
    world->append_count = 0;
    for (size_t call = 1; call <= world->call_count; call++) {
        world->answers[call].is_asked = world->answers[call].is_answered;
    }
    world->runs = true;
    group_coordinator_init(&world->coordinator, &world->config);
    replay(world, &world->coordinator, world->record_count);
    struct group_event event = {.kind = GROUP_EVENT_LOADED};
    world_step(world, &event);
}

/* ---- effects --------------------------------------------------------------------------------- */

static void text_of(struct slice from, char *to)
{
    if (slice_is_null(from)) {
        (void)snprintf(to, WORLD_TEXT_MAX, "-");
    } else {
        (void)snprintf(to, WORLD_TEXT_MAX, "%.*s", (int)from.len, (const char *)from.ptr);
    }
}

static void note_join(struct world_answer *answer, const struct kafka_join_group_response *join)
{
    answer->error = join->error_code;
    answer->generation = join->generation_id;
    answer->skip_assignment = join->skip_assignment;
    answer->member_count = join->members_count;
    text_of(join->member_id, answer->member_id);
    text_of(join->leader, answer->leader);
    text_of(join->protocol_name, answer->protocol);
    for (int32_t i = 0; i < join->members_count && i < WORLD_MEMBERS_MAX; i++) {
        text_of(join->members[i].member_id, answer->members[i]);
    }
}

static void note_partition(struct world_answer *answer, int16_t error)
{
    if (answer->partition_count == 0) {
        answer->error = error;
    }
    if (answer->partition_count < WORLD_MEMBERS_MAX) {
        answer->partition_errors[answer->partition_count] = error;
    }
    answer->partition_count += 1;
}

static void note_offsets(struct world_answer *answer, const struct group_effect *effect)
{
    if (answer->request == GROUP_EVENT_OFFSET_COMMIT) {
        const struct kafka_offset_commit_response *commit =
            &effect->of.reply.response.offset_commit;
        for (int32_t i = 0; i < commit->topics_count; i++) {
            for (int32_t k = 0; k < commit->topics[i].partitions_count; k++) {
                note_partition(answer, commit->topics[i].partitions[k].error_code);
            }
        }
        return;
    }
    const struct kafka_offset_delete_response *deletion = &effect->of.reply.response.offset_delete;
    answer->error = deletion->error_code;
    for (int32_t i = 0; i < deletion->topics_count; i++) {
        for (int32_t k = 0; k < deletion->topics[i].partitions_count; k++) {
            note_partition(answer, deletion->topics[i].partitions[k].error_code);
        }
    }
}

static void note_reply(struct world *world, const struct group_effect *effect)
{
    size_t call = (size_t)(uintptr_t)effect->of.reply.call;
    assert_in_range(call, 1, world->call_count);
    struct world_answer *answer = &world->answers[call];
    assert_true(answer->is_asked);
    assert_false(answer->is_answered); /* once */
    assert_int_equal(answer->request, effect->of.reply.request);
    answer->is_answered = true;
    world->answered_count += 1;
    switch (answer->request) {
    case GROUP_EVENT_JOIN:
        note_join(answer, &effect->of.reply.response.join);
        break;
    case GROUP_EVENT_SYNC:
        answer->error = effect->of.reply.response.sync.error_code;
        text_of(effect->of.reply.response.sync.assignment, answer->assignment);
        text_of(effect->of.reply.response.sync.protocol_name, answer->protocol);
        break;
    case GROUP_EVENT_HEARTBEAT:
        answer->error = effect->of.reply.response.heartbeat.error_code;
        break;
    case GROUP_EVENT_LEAVE:
        answer->error = effect->of.reply.response.leave.error_code;
        answer->member_count = effect->of.reply.response.leave.members_count;
        for (int32_t i = 0; i < answer->member_count && i < WORLD_MEMBERS_MAX; i++) {
            answer->member_errors[i] = effect->of.reply.response.leave.members[i].error_code;
        }
        break;
    case GROUP_EVENT_DELETE_GROUP:
        answer->error = effect->of.reply.response.delete_group;
        break;
    case GROUP_EVENT_OFFSET_COMMIT:
    case GROUP_EVENT_OFFSET_DELETE:
        note_offsets(answer, effect);
        break;
    case GROUP_EVENT_LOADED:
    case GROUP_EVENT_TOPIC_DELETED:
    case GROUP_EVENT_APPENDED:
    case GROUP_EVENT_APPEND_TIMED_OUT:
    case GROUP_EVENT_TICK:
    case GROUP_EVENT_UNLOAD:
        fail();
    }
}

struct refused {
    uint64_t id;
    int16_t error;
};

static void note_append(struct world *world,
                        const struct group_effect *effect,
                        struct refused *refused,
                        size_t *refused_count)
{
    if (world->append_error != 0) {
        assert_true(*refused_count < ITEMS_MAX);
        refused[*refused_count] = (struct refused){effect->of.append.append_id,
                                                   world->append_error};
        *refused_count += 1;
        world->append_error = 0;
        return;
    }
    assert_true(world->append_count < WORLD_APPENDS_MAX);
    world->appends[world->append_count] = (struct world_append){
        .id = effect->of.append.append_id,
        .base_offset = (int64_t)world->record_count,
        .count = effect->of.append.count,
        .is_cleanup = effect->of.append.is_cleanup,
    };
    world->append_count += 1;
    for (size_t i = 0; i < effect->of.append.count; i++) {
        log_append(world, &effect->of.append.records[i]);
    }
}

void world_step(struct world *world, struct group_event *event)
{
    struct refused refused[ITEMS_MAX];
    size_t refused_count = 0;
    event->now_ms = world->now_ms;
    event->wall_ms = world->wall_ms;
    group_coordinator_step(&world->coordinator, event, &world->outbox);
    group_coordinator_check(&world->coordinator);
    for (size_t i = 0; i < world->outbox.count; i++) {
        const struct group_effect *effect = &world->outbox.effects[i];
        if (effect->kind == GROUP_EFFECT_REPLY) {
            note_reply(world, effect);
        } else if (effect->kind == GROUP_EFFECT_APPEND) {
            note_append(world, effect, refused, &refused_count);
        } else {
            world->notes[effect->of.note.note] += 1;
        }
    }
    group_outbox_clear(&world->outbox);
    for (size_t i = 0; i < refused_count; i++) {
        struct group_event ended = {.kind = GROUP_EVENT_APPENDED,
                                    .append_id = refused[i].id,
                                    .error = refused[i].error,
                                    .base_offset = -1};
        world_step(world, &ended);
    }
    if (world->commits_at_once) {
        world_commit(world, world->append_count);
    }
}

void world_commit(struct world *world, size_t count)
{
    while (count > 0 && world->append_count > 0) {
        struct world_append append = world->appends[0];
        world->append_count -= 1;
        memmove(world->appends, world->appends + 1, world->append_count * sizeof world->appends[0]);
        struct group_event event = {.kind = GROUP_EVENT_APPENDED,
                                    .append_id = append.id,
                                    .base_offset = append.base_offset};
        world_step(world, &event);
        count -= 1;
    }
}

void world_time_out(struct world *world, size_t index)
{
    struct group_event event = {.kind = GROUP_EVENT_APPEND_TIMED_OUT,
                                .append_id = world->appends[index].id};
    world_step(world, &event);
}

void world_pass(struct world *world, uint64_t ms)
{
    uint64_t until_ms = world->now_ms + ms;
    for (;;) {
        uint64_t deadline_ms = group_coordinator_deadline(&world->coordinator);
        if (deadline_ms > until_ms) {
            break;
        }
        if (deadline_ms > world->now_ms) {
            world->wall_ms += (int64_t)(deadline_ms - world->now_ms);
            world->now_ms = deadline_ms;
        }
        struct group_event event = {.kind = GROUP_EVENT_TICK};
        world_step(world, &event);
    }
    world->wall_ms += (int64_t)(until_ms - world->now_ms);
    world->now_ms = until_ms;
}

void world_unload(struct world *world)
{
    struct group_event event = {.kind = GROUP_EVENT_UNLOAD};
    world_step(world, &event);
    world->append_count = 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static size_t new_call(struct world *world, enum group_event_kind kind, struct group_event *event)
{
    world->call_count += 1;
    assert_true(world->call_count < WORLD_CALLS_MAX);
    world->answers[world->call_count] = (struct world_answer){.is_asked = true, .request = kind};
    event->kind = kind;
    event->call = (void *)(uintptr_t)world->call_count;
    return world->call_count;
}

/* "a=b,c=d": the parts, at most ITEMS_MAX; a part without = has a null second. */
struct pair {
    struct slice first;
    struct slice second;
};

static size_t cut_pairs(const char *text, char separator, struct pair *pairs)
{
    size_t count = 0;
    while (text != NULL && *text != '\0') {
        const char *end = strchr(text, ',');
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        const char *middle = memchr(text, separator, len);
        assert_true(count < ITEMS_MAX);
        if (middle == NULL) {
            pairs[count] = (struct pair){slice_of(text, len), SLICE_NULL};
        } else {
            pairs[count].first = slice_of(text, (size_t)(middle - text));
            pairs[count].second = slice_of(middle + 1, len - (size_t)(middle - text) - 1);
        }
        count += 1;
        text = end == NULL ? NULL : end + 1;
    }
    return count;
}

static struct slice unescape(struct slice text, uint8_t *bytes)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 3 < text.len) {
            char hex[3] = {(char)text.ptr[i + 2], (char)text.ptr[i + 3], '\0'};
            bytes[len++] = (uint8_t)strtoul(hex, NULL, 16);
            i += 3;
        } else {
            bytes[len++] = text.ptr[i];
        }
    }
    return slice_of(bytes, len);
}

void world_subscription(const char *topics, char *text, size_t size)
{
    struct pair pairs[ITEMS_MAX];
    size_t count = cut_pairs(topics, '=', pairs);
    int at = snprintf(text, size, "\\x00\\x00\\x00\\x00\\x00\\x%02zx", count);
    for (size_t i = 0; i < count; i++) {
        at += snprintf(text + at, size - (size_t)at, "\\x00\\x%02zx%.*s", pairs[i].first.len,
                       (int)pairs[i].first.len, (const char *)pairs[i].first.ptr);
    }
    (void)snprintf(text + at, size - (size_t)at, "\\xff\\xff\\xff\\xff");
}

size_t world_join(struct world *world, struct world_join join)
{
    static uint8_t bytes[ITEMS_MAX][512];
    struct pair pairs[ITEMS_MAX];
    struct kafka_join_group_request_protocol protocols[ITEMS_MAX] = {0};
    struct kafka_join_group_request request;
    struct group_event event = {.api_version = join.version};
    codec_init(&kafka_join_group_request_message, &request);
    request.group_id = slice_of_cstr(join.group);
    request.member_id = slice_of_cstr(join.member);
    request.group_instance_id = slice_of_cstr(join.instance);
    request.protocol_type = slice_of_cstr(join.type == NULL ? "consumer" : join.type);
    request.session_timeout_ms = join.session_ms == 0 ? 10000 : join.session_ms;
    request.rebalance_timeout_ms = join.rebalance_ms == 0 ? 60000 : join.rebalance_ms;
    size_t count = cut_pairs(join.protocols, '=', pairs);
    for (size_t i = 0; i < count; i++) {
        protocols[i].name = pairs[i].first;
        protocols[i].metadata = unescape(pairs[i].second, bytes[i]);
    }
    request.protocols = protocols;
    request.protocols_count = (int32_t)count;
    event.request.join = &request;
    event.client_id = SLICE_LIT("client");
    event.client_host = SLICE_LIT("/127.0.0.1");
    for (size_t i = 0; i < sizeof event.random; i++) {
        event.random[i] = (uint8_t)random_next(&world->random);
    }
    size_t call = new_call(world, GROUP_EVENT_JOIN, &event);
    world_step(world, &event);
    return call;
}

size_t world_sync(struct world *world,
                  const char *group,
                  const char *member,
                  const char *instance,
                  int32_t generation,
                  const char *assignments)
{
    struct pair pairs[ITEMS_MAX];
    struct kafka_sync_group_request_assignment items[ITEMS_MAX] = {0};
    struct kafka_sync_group_request request;
    struct group_event event = {.api_version = 4};
    codec_init(&kafka_sync_group_request_message, &request);
    request.group_id = slice_of_cstr(group);
    request.member_id = slice_of_cstr(member);
    request.group_instance_id = slice_of_cstr(instance);
    request.generation_id = generation;
    size_t count = cut_pairs(assignments, '=', pairs);
    for (size_t i = 0; i < count; i++) {
        items[i].member_id = pairs[i].first;
        items[i].assignment = pairs[i].second;
    }
    request.assignments = items;
    request.assignments_count = (int32_t)count;
    event.request.sync = &request;
    size_t call = new_call(world, GROUP_EVENT_SYNC, &event);
    world_step(world, &event);
    return call;
}

size_t world_heartbeat(struct world *world,
                       const char *group,
                       const char *member,
                       const char *instance,
                       int32_t generation)
{
    struct kafka_heartbeat_request request;
    struct group_event event = {.api_version = 4};
    codec_init(&kafka_heartbeat_request_message, &request);
    request.group_id = slice_of_cstr(group);
    request.member_id = slice_of_cstr(member);
    request.group_instance_id = slice_of_cstr(instance);
    request.generation_id = generation;
    event.request.heartbeat = &request;
    size_t call = new_call(world, GROUP_EVENT_HEARTBEAT, &event);
    world_step(world, &event);
    return call;
}

size_t world_leave(struct world *world, const char *group, const char *members, int16_t version)
{
    struct pair pairs[ITEMS_MAX];
    struct kafka_leave_group_request_member items[ITEMS_MAX] = {0};
    struct kafka_leave_group_request request;
    struct group_event event = {.api_version = version};
    codec_init(&kafka_leave_group_request_message, &request);
    request.group_id = slice_of_cstr(group);
    size_t count = cut_pairs(members, '/', pairs);
    for (size_t i = 0; i < count; i++) {
        items[i].member_id = pairs[i].first;
        items[i].group_instance_id = pairs[i].second;
    }
    if (version < 3) {
        request.member_id = slice_of_cstr(members);
    } else {
        request.members = items;
        request.members_count = (int32_t)count;
    }
    event.request.leave = &request;
    size_t call = new_call(world, GROUP_EVENT_LEAVE, &event);
    world_step(world, &event);
    return call;
}

/* "topic:partition=offset" */
static void cut_partition(const struct pair *pair,
                          struct slice *topic,
                          int32_t *partition,
                          int64_t *offset)
{
    const char *colon = memchr(pair->first.ptr, ':', pair->first.len);
    assert_non_null(colon);
    *topic = slice_of(pair->first.ptr, (size_t)(colon - (const char *)pair->first.ptr));
    *partition = (int32_t)strtol(colon + 1, NULL, 10);
    *offset = slice_is_null(pair->second) ? 0 : strtoll((const char *)pair->second.ptr, NULL, 10);
}

size_t world_offset_commit(struct world *world, struct world_commit commit)
{
    struct pair pairs[ITEMS_MAX];
    struct kafka_offset_commit_request_topic topics[ITEMS_MAX] = {0};
    struct kafka_offset_commit_request_partition partitions[ITEMS_MAX];
    struct kafka_offset_commit_request request;
    struct group_event event = {.api_version = 8};
    codec_init(&kafka_offset_commit_request_message, &request);
    request.group_id = slice_of_cstr(commit.group);
    request.member_id = slice_of_cstr(commit.member);
    request.group_instance_id = slice_of_cstr(commit.instance);
    request.generation_id_or_member_epoch = commit.generation;
    request.retention_time_ms = commit.retention_ms;
    size_t count = cut_pairs(commit.what, '=', pairs);
    for (size_t i = 0; i < count; i++) {
        codec_init(&kafka_offset_commit_request_partition_message, &partitions[i]);
        cut_partition(&pairs[i], &topics[i].name, &partitions[i].partition_index,
                      &partitions[i].committed_offset);
        partitions[i].committed_metadata = slice_of_cstr(commit.metadata);
        topics[i].partitions = &partitions[i];
        topics[i].partitions_count = 1;
    }
    request.topics = topics;
    request.topics_count = (int32_t)count;
    event.request.offset_commit = &request;
    size_t call = new_call(world, GROUP_EVENT_OFFSET_COMMIT, &event);
    world_step(world, &event);
    return call;
}

size_t world_offset_delete(struct world *world, const char *group, const char *what)
{
    struct pair pairs[ITEMS_MAX];
    struct kafka_offset_delete_request_topic topics[ITEMS_MAX] = {0};
    struct kafka_offset_delete_request_partition partitions[ITEMS_MAX] = {0};
    struct kafka_offset_delete_request request;
    struct group_event event = {.api_version = 0};
    int64_t offset = 0;
    codec_init(&kafka_offset_delete_request_message, &request);
    request.group_id = slice_of_cstr(group);
    size_t count = cut_pairs(what, '=', pairs);
    for (size_t i = 0; i < count; i++) {
        cut_partition(&pairs[i], &topics[i].name, &partitions[i].partition_index, &offset);
        topics[i].partitions = &partitions[i];
        topics[i].partitions_count = 1;
    }
    request.topics = topics;
    request.topics_count = (int32_t)count;
    event.request.offset_delete = &request;
    size_t call = new_call(world, GROUP_EVENT_OFFSET_DELETE, &event);
    world_step(world, &event);
    return call;
}

size_t world_delete_group(struct world *world, const char *group)
{
    struct group_event event = {.name = slice_of_cstr(group)};
    size_t call = new_call(world, GROUP_EVENT_DELETE_GROUP, &event);
    world_step(world, &event);
    return call;
}

void world_delete_topic(struct world *world, const char *topic)
{
    struct group_event event = {.kind = GROUP_EVENT_TOPIC_DELETED, .name = slice_of_cstr(topic)};
    world_step(world, &event);
}

int64_t world_fetch(const struct world *world,
                    const char *group,
                    const char *topic,
                    int32_t partition,
                    bool require_stable)
{
    struct group_offset_view view = group_coordinator_offset(
        &world->coordinator, slice_of_cstr(group), slice_of_cstr(topic), partition, require_stable);
    return view.error == KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT ? -2 : view.offset;
}

const char *world_state(const struct world *world, const char *group)
{
    static char state[32];
    struct arena arena;
    struct kafka_describe_groups_response_group description;
    arena_init(&arena, 4096, 1 << 20);
    group_coordinator_describe(&world->coordinator, slice_of_cstr(group), &arena, &description);
    (void)snprintf(state, sizeof state, "%.*s", (int)description.group_state.len,
                   (const char *)description.group_state.ptr);
    arena_release(&arena);
    return state;
}

const struct world_answer *world_answer(const struct world *world, size_t call)
{
    assert_true(world->answers[call].is_answered);
    return &world->answers[call];
}
