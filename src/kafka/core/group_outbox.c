/* group_outbox.c - effects, and the appends that they speak of. */
#include "kafka/core/group_private.h"

#define OUTBOX_CHUNK 4096
#define OUTBOX_LIMIT ((size_t)16 << 30) /* a bound for bugs: what goes in is bounded before */
#define APPEND_CHUNK 1024
#define FIRST_CAP 16

void group_outbox_init(struct group_outbox *outbox)
{
    *outbox = (struct group_outbox){0};
    arena_init(&outbox->arena, OUTBOX_CHUNK, OUTBOX_LIMIT);
    list_init(&outbox->finished);
}

void group_outbox_clear(struct group_outbox *outbox)
{
    LIST_FOR_EACH_SAFE(link, after, &outbox->finished)
    {
        group_append_free(CONTAINER_OF(link, struct group_append, link));
    }
    outbox->count = 0;
    arena_clear(&outbox->arena);
}

void group_outbox_release(struct group_outbox *outbox)
{
    group_outbox_clear(outbox);
    mem_free(outbox->effects, outbox->cap * sizeof outbox->effects[0]);
    arena_release(&outbox->arena);
}

static struct group_effect *add(struct group_outbox *outbox, enum group_effect_kind kind)
{
    if (outbox->count == outbox->cap) {
        size_t cap = outbox->cap == 0 ? FIRST_CAP : outbox->cap * 2;
        outbox->effects = mem_realloc(outbox->effects, outbox->cap * sizeof outbox->effects[0],
                                      cap * sizeof outbox->effects[0]);
        outbox->cap = cap;
    }
    struct group_effect *effect = &outbox->effects[outbox->count];
    outbox->count += 1;
    *effect = (struct group_effect){.kind = kind};
    return effect;
}

struct slice group_keep(struct group_coordinator *coordinator, struct slice text)
{
    return group_text_in(&coordinator->outbox->arena, text);
}

void group_note(struct group_coordinator *coordinator,
                const struct group *group,
                enum group_note note,
                struct slice text,
                int64_t count)
{
    struct group_effect *effect = add(coordinator->outbox, GROUP_EFFECT_NOTE);
    effect->of.note.note = note;
    effect->of.note.group_id = group_keep(coordinator, group->id);
    effect->of.note.generation = group->generation;
    effect->of.note.text = group_keep(coordinator, text);
    effect->of.note.count = count;
}

/* NULL: the response is no message. */
static const struct codec_message *const responses[] = {
    [GROUP_EVENT_JOIN] = &kafka_join_group_response_message,
    [GROUP_EVENT_SYNC] = &kafka_sync_group_response_message,
    [GROUP_EVENT_HEARTBEAT] = &kafka_heartbeat_response_message,
    [GROUP_EVENT_LEAVE] = &kafka_leave_group_response_message,
    [GROUP_EVENT_OFFSET_COMMIT] = &kafka_offset_commit_response_message,
    [GROUP_EVENT_OFFSET_DELETE] = &kafka_offset_delete_response_message,
    [GROUP_EVENT_DELETE_GROUP] = NULL,
};

struct group_effect *group_reply(struct group_coordinator *coordinator,
                                 void *call,
                                 enum group_event_kind request)
{
    ASSERT(call != NULL);
    struct group_effect *effect = add(coordinator->outbox, GROUP_EFFECT_REPLY);
    effect->of.reply.call = call;
    effect->of.reply.request = request;
    ASSERT(request < ARRAY_LEN(responses));
    if (responses[request] != NULL) {
        codec_init(responses[request], &effect->of.reply.response);
    }
    return effect;
}

void group_reply_heartbeat(struct group_coordinator *coordinator, void *call, int16_t error)
{
    struct group_effect *effect = group_reply(coordinator, call, GROUP_EVENT_HEARTBEAT);
    effect->of.reply.response.heartbeat.error_code = error;
}

struct group_append *group_append_new(struct group_coordinator *coordinator,
                                      const struct group *group,
                                      enum group_append_kind kind)
{
    struct group_append *append = mem_alloc_zeroed(sizeof *append);
    arena_init(&append->arena, APPEND_CHUNK, OUTBOX_LIMIT);
    append->kind = kind;
    append->group_id = group_text_in(&append->arena, group->id);
    append->incarnation = group->incarnation;
    append->generation = group->generation;
    append->id = coordinator->next_append_id;
    coordinator->next_append_id += 1;
    list_init(&append->link);
    return append;
}

void group_append_free(struct group_append *append)
{
    list_remove(&append->link);
    arena_release(&append->arena);
    mem_free(append, sizeof *append);
}

/* The records are kept in the append: they are replayed when the log has them. */
int group_append_record(struct group_coordinator *coordinator,
                        struct group_append *append,
                        int (*encode_key)(void *ctx, struct buffer *out),
                        int (*encode_value)(void *ctx, struct buffer *out),
                        void *ctx)
{
    struct buffer *encoded = &coordinator->encoded;
    buffer_clear(encoded, OUTBOX_CHUNK);
    int err = encode_key(ctx, encoded);
    size_t key_len = encoded->len;
    if (err == ERR_OK && encode_value != NULL) {
        err = encode_value(ctx, encoded);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (append->record_count == append->record_cap) {
        size_t cap = append->record_cap == 0 ? 4 : append->record_cap * 2;
        struct group_record *records = ARENA_ARRAY(&append->arena, struct group_record, cap);
        for (size_t i = 0; i < append->record_count; i++) {
            records[i] = append->records[i];
        }
        append->records = records;
        append->record_cap = cap;
    }
    struct slice bytes = arena_copy(&append->arena, buffer_slice(encoded));
    append->records[append->record_count] = (struct group_record){
        .key = slice_part(bytes, 0, key_len),
        .value = encode_value == NULL ? SLICE_NULL : slice_part(bytes, key_len, bytes.len),
    };
    append->record_count += 1;
    return ERR_OK;
}

void group_append_send(struct group_coordinator *coordinator, struct group_append *append)
{
    ASSERT(append->record_count > 0);
    list_append(&coordinator->appends, &append->link);
    struct group_effect *effect = add(coordinator->outbox, GROUP_EFFECT_APPEND);
    effect->of.append.append_id = append->id;
    effect->of.append.records = append->records;
    effect->of.append.count = append->record_count;
    effect->of.append.is_cleanup = append->kind == GROUP_APPEND_TOMBSTONES;
}
