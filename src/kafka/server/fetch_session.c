/* fetch_session.c - see fetch_session.h for the model.
 *
 * Everything here is bounded by the slots and by what one request can name: a session costs what
 * its first request said, once, and grows only by requests that say more.
 */
#include "kafka/server/fetch_session.h"

#include "base/endian.h"
#include "base/memory.h"
#include "generated/kafka/constants.h"

#define EPOCH_FULL 0
#define EPOCH_NONE (-1)

struct fetch_sessions *fetch_sessions_create(size_t slots, uint64_t seed)
{
    struct fetch_sessions *sessions = mem_alloc_zeroed(sizeof *sessions);
    list_init(&sessions->by_use);
    u64_map_init(&sessions->by_id);
    sessions->slots = slots;
    sessions->random = seed;
    return sessions;
}

/* ---- partitions ------------------------------------------------------------------------------ */

struct slice fetch_key(uint8_t *bytes,
                       bool uses_ids,
                       struct slice name,
                       const struct codec_uuid *id,
                       int32_t partition)
{
    struct slice front = uses_ids ? slice_of(id->bytes, sizeof id->bytes) : name;
    if (front.len > 0) {
        memcpy(bytes, front.ptr, front.len);
    }
    store_be32(bytes + front.len, (uint32_t)partition);
    return slice_of(bytes, front.len + 4);
}

struct fetch_partition *fetch_session_find(const struct fetch_session *session, struct slice key)
{
    return bytes_map_get(&session->by_key, key);
}

static void partition_remove(struct fetch_sessions *sessions,
                             struct fetch_session *session,
                             struct fetch_partition *partition)
{
    (void)bytes_map_remove(&session->by_key, slice_of(partition->key, partition->key_len));
    list_remove(&partition->link);
    mem_free(partition, sizeof *partition + partition->key_len);
    sessions->partitions -= 1;
}

/* Found, or made; then as the request says. */
static void partition_put(struct fetch_sessions *sessions,
                          struct fetch_session *session,
                          struct slice key,
                          const struct kafka_fetch_request_partition *wanted)
{
    struct fetch_partition *partition = bytes_map_get(&session->by_key, key);
    if (partition == NULL) {
        if (session->by_key.count >= FETCH_SESSION_PARTITIONS_MAX) {
            return;
        }
        partition = mem_alloc_zeroed(sizeof *partition + key.len);
        partition->key_len = key.len;
        memcpy(partition->key, key.ptr, key.len);
        partition->partition = wanted->partition;
        partition->told_high_watermark = -1;
        partition->told_log_start = -1;
        bytes_map_add(&session->by_key, slice_of(partition->key, key.len), partition);
        list_append(&session->partitions, &partition->link);
        sessions->partitions += 1;
    }
    partition->fetch_offset = wanted->fetch_offset;
    partition->max_bytes = wanted->partition_max_bytes;
    partition->leader_epoch = wanted->current_leader_epoch;
    partition->last_fetched_epoch = wanted->last_fetched_epoch;
    partition->log_start_offset = wanted->log_start_offset;
}

static struct slice key_of(uint8_t key[FETCH_KEY_MAX],
                           const struct fetch_session *session,
                           struct slice name,
                           const struct codec_uuid *id,
                           int32_t partition)
{
    return fetch_key(key, session->uses_ids, name, id, partition);
}

void fetch_session_add(struct fetch_sessions *sessions,
                       struct fetch_session *session,
                       const struct kafka_fetch_request_topic *topic,
                       const struct kafka_fetch_request_partition *partition)
{
    uint8_t key[FETCH_KEY_MAX];
    struct slice name = slice_part(topic->topic, 0, MIN(topic->topic.len, FETCH_KEY_MAX - 4));
    partition_put(sessions, session,
                  key_of(key, session, name, &topic->topic_id, partition->partition), partition);
}

bool fetch_partition_has_news(struct fetch_partition *partition,
                              bool has_records,
                              int16_t error,
                              int64_t high_watermark,
                              int64_t log_start,
                              bool update)
{
    bool has_news = has_records || error != 0 || partition->told_high_watermark != high_watermark ||
                    partition->told_log_start != log_start;
    if (update) {
        /* When the error goes away the client must hear of it. */
        partition->told_high_watermark = error != 0 ? -1 : high_watermark;
        partition->told_log_start = log_start;
    }
    return has_news;
}

void fetch_partition_rotate(struct fetch_session *session, struct fetch_partition *partition)
{
    list_remove(&partition->link);
    list_append(&session->partitions, &partition->link);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void session_drop(struct fetch_sessions *sessions, struct fetch_session *session)
{
    session->references -= 1;
    if (session->references > 0) {
        return;
    }
    while (!list_is_empty(&session->partitions)) {
        partition_remove(sessions, session,
                         CONTAINER_OF(session->partitions.next, struct fetch_partition, link));
    }
    bytes_map_release(&session->by_key);
    mem_free(session, sizeof *session);
}

/* Out of the cache; whoever is using it goes on. */
static void session_uncache(struct fetch_sessions *sessions, struct fetch_session *session)
{
    if (session->is_cached) {
        session->is_cached = false;
        list_remove(&session->link);
        (void)u64_map_remove(&sessions->by_id, (uint64_t)session->id, NULL);
        session_drop(sessions, session);
    }
}

void fetch_sessions_release(struct fetch_sessions *sessions)
{
    while (!list_is_empty(&sessions->by_use)) {
        session_uncache(sessions, CONTAINER_OF(sessions->by_use.next, struct fetch_session, link));
    }
    u64_map_release(&sessions->by_id);
    mem_free(sessions, sizeof *sessions);
}

static struct fetch_session *session_of(const struct fetch_sessions *sessions, int32_t id)
{
    return id <= 0 ? NULL : u64_map_get_ptr(&sessions->by_id, (uint64_t)id);
}

/* A slot for a session of so many partitions: the rules of the header. */
static bool make_room(struct fetch_sessions *sessions,
                      size_t count,
                      bool privileged,
                      int64_t now_ms)
{
    if (sessions->by_id.count < sessions->slots) {
        return true;
    }
    if (sessions->slots == 0) {
        return false;
    }
    struct fetch_session *victim = CONTAINER_OF(sessions->by_use.next, struct fetch_session, link);
    if (now_ms - victim->used_ms <= FETCH_SESSION_IDLE_MS) {
        victim = NULL;
        LIST_FOR_EACH(link, &sessions->by_use)
        {
            struct fetch_session *other = CONTAINER_OF(link, struct fetch_session, link);
            bool yields = (privileged && !other->is_privileged) ||
                          ((privileged || !other->is_privileged) && other->by_key.count < count &&
                           now_ms - other->created_ms > FETCH_SESSION_IDLE_MS);
            if (yields && (victim == NULL || other->by_key.count < victim->by_key.count)) {
                victim = other;
            }
        }
    }
    if (victim == NULL) {
        return false;
    }
    sessions->evictions += 1;
    session_uncache(sessions, victim);
    return true;
}

/* Not to be guessed from another's, and never 0, which means none. */
static int32_t new_id(struct fetch_sessions *sessions)
{
    for (;;) {
        sessions->random += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = sessions->random;
        mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
        int32_t id = (int32_t)((mixed ^ (mixed >> 31)) & INT32_MAX);
        if (id != 0 && session_of(sessions, id) == NULL) {
            return id;
        }
    }
}

static int32_t next_epoch(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

struct fetch_session *fetch_session_create(struct fetch_sessions *sessions,
                                           size_t partition_count,
                                           bool uses_ids,
                                           bool is_privileged,
                                           int64_t now_ms)
{
    if (partition_count == 0 || partition_count > FETCH_SESSION_PARTITIONS_MAX ||
        !make_room(sessions, partition_count, is_privileged, now_ms)) {
        return NULL;
    }
    struct fetch_session *session = mem_alloc_zeroed(sizeof *session);
    session->id = new_id(sessions);
    session->epoch = next_epoch(EPOCH_FULL);
    session->uses_ids = uses_ids;
    session->is_privileged = is_privileged;
    session->is_cached = true;
    session->references = 1;
    session->created_ms = now_ms;
    session->used_ms = now_ms;
    list_init(&session->partitions);
    bytes_map_init(&session->by_key, (struct hash_key){sessions->random, ~sessions->random});
    list_append(&sessions->by_use, &session->link);
    u64_map_put_ptr(&sessions->by_id, (uint64_t)session->id, session);
    return session;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void forget(struct fetch_sessions *sessions,
                   struct fetch_session *session,
                   const struct kafka_fetch_request *request)
{
    uint8_t key[FETCH_KEY_MAX];
    for (int32_t i = 0; i < request->forgotten_topics_data_count; i++) {
        const struct kafka_fetch_request_forgotten_topic *topic =
            &request->forgotten_topics_data[i];
        struct slice name = slice_part(topic->topic, 0, MIN(topic->topic.len, FETCH_KEY_MAX - 4));
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            struct fetch_partition *partition = fetch_session_find(
                session, key_of(key, session, name, &topic->topic_id, topic->partitions[j]));
            if (partition != NULL) {
                partition_remove(sessions, session, partition);
            }
        }
    }
}

static void apply(struct fetch_sessions *sessions,
                  struct fetch_session *session,
                  const struct kafka_fetch_request *request)
{
    for (int32_t i = 0; i < request->topics_count; i++) {
        const struct kafka_fetch_request_topic *topic = &request->topics[i];
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            fetch_session_add(sessions, session, topic, &topic->partitions[j]);
        }
    }
    forget(sessions, session, request);
}

static void begin_full(struct fetch_sessions *sessions,
                       const struct kafka_fetch_request *request,
                       struct fetch_context *context)
{
    struct fetch_session *named = session_of(sessions, request->session_id);
    if (named != NULL) {
        session_uncache(sessions, named);
    }
    context->kind = request->session_epoch == EPOCH_NONE ? FETCH_SESSIONLESS : FETCH_FULL;
}

void fetch_context_begin(struct fetch_sessions *sessions,
                         const struct kafka_fetch_request *request,
                         bool uses_ids,
                         int64_t now_ms,
                         struct fetch_context *context)
{
    *context = (struct fetch_context){.kind = FETCH_SESSIONLESS};
    if (request->session_epoch == EPOCH_FULL || request->session_epoch == EPOCH_NONE) {
        begin_full(sessions, request, context);
        return;
    }
    struct fetch_session *session = session_of(sessions, request->session_id);
    if (session == NULL) {
        context->error = KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    } else if (session->epoch != request->session_epoch) {
        context->error = KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
    } else if (session->uses_ids != uses_ids) {
        context->error = KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    if (context->error != 0) {
        return;
    }
    apply(sessions, session, request);
    if (session->by_key.count == 0) {
        session_uncache(sessions, session); /* it wants nothing any more */
        return;
    }
    session->epoch = next_epoch(session->epoch);
    session->used_ms = now_ms;
    list_remove(&session->link);
    list_append(&sessions->by_use, &session->link);
    session->references += 1;
    context->kind = FETCH_INCREMENTAL;
    context->session = session;
    context->expected_epoch = session->epoch;
}

bool fetch_context_is_stale(const struct fetch_context *context)
{
    return context->session != NULL && context->session->epoch != context->expected_epoch;
}

void fetch_context_end(struct fetch_sessions *sessions, struct fetch_context *context)
{
    if (context->session != NULL) {
        session_drop(sessions, context->session);
        context->session = NULL;
    }
}
