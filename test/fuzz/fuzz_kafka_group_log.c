/* fuzz_kafka_group_log.c - any bytes as a log of __consumer_offsets: records behind a flag and
 * their lengths (u8, int16 key, int16 value), replayed into two coordinators that must agree and be
 * sound; then one of them serves, and time passes until everything has gone: its tombstones are
 * replayed. */
#include "kafka/core/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_HEAD 5
#define FLAG_TOMBSTONE 1
#define FLAG_TRANSACTION 2
#define FLAG_MARKER 4
#define FLAG_COMMIT 8
#define APPENDS_MAX 256
#define ROUNDS_MAX 200
#define WALL_MS INT64_C(1700000000000)
#define ROUND_MS UINT64_C(3600000000)

static void replay_all(struct group_coordinator *coordinator, const uint8_t *data, size_t size)
{
    int64_t offset = 0;
    for (size_t at = 0; size - at >= RECORD_HEAD; offset++) {
        uint8_t flags = data[at];
        size_t key_len = load_be16(data + at + 1);
        size_t value_len = load_be16(data + at + 3);
        at += RECORD_HEAD;
        key_len = MIN(key_len, size - at);
        value_len = MIN(value_len, size - at - key_len);
        if ((flags & FLAG_MARKER) != 0) {
            group_coordinator_replay_marker(coordinator, flags >> 4, (flags & FLAG_COMMIT) != 0);
        } else {
            bool is_tombstone = (flags & FLAG_TOMBSTONE) != 0;
            const struct group_replay replay = {
                .record = {.key = slice_of(data + at, key_len),
                           .value = is_tombstone ? SLICE_NULL
                                                 : slice_of(data + at + key_len, value_len)},
                .offset = offset,
                .producer_id = (flags & FLAG_TRANSACTION) != 0 ? flags >> 4 : -1,
                .wall_ms = WALL_MS,
            };
            int err = group_coordinator_replay(coordinator, &replay);
            ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
        }
        at += key_len + value_len;
    }
    group_coordinator_check(coordinator);
}

/* A step, and the log that takes every append at once. */
static void step(struct group_coordinator *coordinator,
                 struct group_outbox *outbox,
                 struct group_event *event,
                 uint64_t now_ms)
{
    uint64_t ids[APPENDS_MAX];
    size_t count = 0;
    event->now_ms = now_ms;
    event->wall_ms = WALL_MS + (int64_t)now_ms;
    group_coordinator_step(coordinator, event, outbox);
    for (size_t i = 0; i < outbox->count && count < APPENDS_MAX; i++) {
        if (outbox->effects[i].kind == GROUP_EFFECT_APPEND) {
            ids[count] = outbox->effects[i].of.append.append_id;
            count += 1;
        }
    }
    group_outbox_clear(outbox);
    group_coordinator_check(coordinator);
    for (size_t i = 0; i < count; i++) {
        struct group_event appended = {.kind = GROUP_EVENT_APPENDED, .append_id = ids[i]};
        appended.base_offset = (int64_t)1 << 40;
        step(coordinator, outbox, &appended, now_ms);
    }
}

static void serve(struct group_coordinator *coordinator)
{
    struct group_outbox outbox;
    struct group_event event = {.kind = GROUP_EVENT_LOADED};
    uint64_t now_ms = 1;
    group_outbox_init(&outbox);
    step(coordinator, &outbox, &event, now_ms);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint64_t deadline_ms = group_coordinator_deadline(coordinator);
        now_ms = MAX(now_ms, MIN(deadline_ms, now_ms + ROUND_MS));
        event = (struct group_event){.kind = GROUP_EVENT_TICK};
        step(coordinator, &outbox, &event, now_ms);
    }
    event = (struct group_event){.kind = GROUP_EVENT_UNLOAD};
    step(coordinator, &outbox, &event, now_ms);
    ASSERT(coordinator->by_id.count == 0);
    group_outbox_release(&outbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct group_config config;
    struct group_coordinator first;
    struct group_coordinator second;
    group_config_defaults(&config);
    group_coordinator_init(&first, &config);
    config.hash_key = (struct hash_key){1, 2};
    group_coordinator_init(&second, &config);
    replay_all(&first, data, size);
    replay_all(&second, data, size);
    ASSERT(group_coordinator_digest(&first) == group_coordinator_digest(&second));
    serve(&first);
    group_coordinator_release(&first);
    group_coordinator_release(&second);
    return 0;
}
