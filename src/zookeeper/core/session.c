/* session.c - which sessions are alive, and when each ends.
 *
 * Model: time is cut into ticks; all sessions that end in the same tick share a bucket. A touch
 * nearly always finds that the session stays in its bucket (one compare), else that it moves to the
 * bucket that the last touch used (a list operation). Buckets that were left by everybody stay
 * until their time passes, as upstream's do: there are at most (greatest timeout / tick + 2) of
 * them, so finding the next one is a short scan once per tick.
 *
 * Life of a session: added when its createSession request is taken (before that is durable, so that
 * it can be touched), touched by every request, marked closing when a closeSession is submitted for
 * it (by its client or by expiry), removed when that is applied. A closing session can be neither
 * touched nor taken over: it is already lost. A remote one is removed with its connection.
 *
 * Sources: SessionTrackerImpl, ExpiryQueue.
 */
#include "zookeeper/core/session.h"

#include "base/memory.h"
#include "zookeeper/core/sort.h"

#define SESSION_SUPER_SECRET \
    UINT64_C(0xB3415C00) /* ZooKeeperServer.superSecret: part of the wire contract */
#define JAVA_RANDOM_MULTIPLIER UINT64_C(0x5DEECE66D)
#define JAVA_RANDOM_INCREMENT UINT64_C(0xB)
#define JAVA_RANDOM_MASK ((UINT64_C(1) << 48) - 1)

struct session_bucket {
    uint64_t expires_ms;
    struct list sessions;
};

static int64_t first_id(int64_t server_id, int64_t start_ms)
{
    /* The top byte is the server's, the next five the clock's, the last two count. */
    uint64_t id = ((uint64_t)start_ms << 24) >> 8;
    return (int64_t)(id | ((uint64_t)server_id << 56));
}

void session_table_init(struct session_table *table,
                        int32_t tick_ms,
                        int64_t server_id,
                        int64_t start_ms)
{
    ASSERT(tick_ms > 0);
    *table = (struct session_table){.tick_ms = (uint32_t)tick_ms, .next_expiry_ms = UINT64_MAX};
    u64_map_init(&table->by_id);
    u64_map_init(&table->buckets);
    u64_map_init(&table->touched);
    table->next_id = first_id(server_id, start_ms);
}

void session_table_release(struct session_table *table)
{
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    while (u64_map_next(&table->by_id, &position, &key, &value)) {
        mem_free((void *)(uintptr_t)value, sizeof(struct session));
    }
    position = 0;
    while (u64_map_next(&table->buckets, &position, &key, &value)) {
        mem_free((void *)(uintptr_t)value, sizeof(struct session_bucket));
    }
    u64_map_release(&table->by_id);
    u64_map_release(&table->buckets);
    u64_map_release(&table->touched);
}

void session_table_clear(struct session_table *table)
{
    session_table_release(table);
    u64_map_init(&table->by_id);
    u64_map_init(&table->buckets);
    u64_map_init(&table->touched);
    table->recent = NULL;
    table->next_expiry_ms = UINT64_MAX;
}

int64_t session_table_new_id(struct session_table *table)
{
    int64_t id = table->next_id;
    /* INT64_MIN marks containers (EphemeralType), 0 is "no session". An id in use can come from a
     * snapshot that was written before the machine's clock was set back. */
    while (id == INT64_MIN || id == 0 || session_table_find(table, id) != NULL) {
        id += 1;
    }
    table->next_id = id + 1;
    return id;
}

struct session *session_table_find(const struct session_table *table, int64_t id)
{
    return u64_map_get_ptr(&table->by_id, (uint64_t)id);
}

static uint64_t bucket_time(const struct session_table *table, int32_t timeout_ms, uint64_t now_ms)
{
    uint64_t ends_ms = now_ms + (uint64_t)MAX(timeout_ms, 0);
    return ends_ms / table->tick_ms * table->tick_ms + table->tick_ms;
}

static struct session_bucket *bucket_at(struct session_table *table, uint64_t expires_ms)
{
    if (table->recent != NULL && table->recent->expires_ms == expires_ms) {
        return table->recent;
    }
    struct session_bucket *bucket = u64_map_get_ptr(&table->buckets, expires_ms);
    if (bucket == NULL) {
        bucket = mem_alloc(sizeof *bucket);
        bucket->expires_ms = expires_ms;
        list_init(&bucket->sessions);
        u64_map_put_ptr(&table->buckets, expires_ms, bucket);
        table->next_expiry_ms = MIN(table->next_expiry_ms, expires_ms);
    }
    table->recent = bucket;
    return bucket;
}

static void bucket_leave(struct session *session)
{
    if (session->bucket != NULL) {
        list_remove(&session->link);
        session->bucket = NULL;
    }
}

bool session_touch(struct session_table *table,
                   struct session *session,
                   int32_t timeout_ms,
                   uint64_t now_ms)
{
    if (session->is_closing) {
        return false;
    }
    if (session->is_remote) {
        /* The report is of the last timeout: its client may have agreed on another one since. */
        if (!session->is_touched || session->agreed_timeout_ms != timeout_ms) {
            session->is_touched = true;
            session->agreed_timeout_ms = timeout_ms;
            u64_map_put(&table->touched, (uint64_t)session->id, (uint32_t)timeout_ms);
        }
        return true;
    }
    session->agreed_timeout_ms = timeout_ms;
    uint64_t ends_ms = now_ms + (uint64_t)MAX(timeout_ms, 0);
    if (ends_ms < session->expires_ms && ends_ms + table->tick_ms >= session->expires_ms) {
        return true; /* the same bucket: nothing moves */
    }
    uint64_t expires_ms = bucket_time(table, timeout_ms, now_ms);
    bucket_leave(session);
    session->bucket = bucket_at(table, expires_ms);
    session->expires_ms = expires_ms;
    list_append(&session->bucket->sessions, &session->link);
    return true;
}

static struct session *find_or_make(struct session_table *table, int64_t id, int32_t timeout_ms)
{
    struct session *session = session_table_find(table, id);
    if (session == NULL) {
        session = mem_alloc_zeroed(sizeof *session);
        session->id = id;
        session->timeout_ms = timeout_ms;
        u64_map_put_ptr(&table->by_id, (uint64_t)id, session);
    }
    return session;
}

struct session *session_table_add(struct session_table *table,
                                  int64_t id,
                                  int32_t timeout_ms,
                                  uint64_t now_ms)
{
    struct session *session = find_or_make(table, id, timeout_ms);
    session_touch(table, session, timeout_ms, now_ms);
    return session;
}

struct session *session_table_add_remote(struct session_table *table,
                                         int64_t id,
                                         int32_t timeout_ms)
{
    struct session *session = find_or_make(table, id, timeout_ms);
    session_set_remote(table, session);
    return session;
}

void session_set_remote(struct session_table *table, struct session *session)
{
    bucket_leave(session);
    session->is_remote = true;
    session->is_local = false;
    session_touch(table, session, session->timeout_ms, 0);
}

void session_table_take_touched(struct session_table *table,
                                size_t most,
                                void (*each)(void *ctx, int64_t id, int32_t timeout_ms),
                                void *ctx)
{
    struct u64_map touched = table->touched;
    size_t first = touched.count > most ? table->taken_count % touched.count : 0;
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    u64_map_init(&table->touched);
    for (size_t i = 0; u64_map_next(&touched, &position, &id, &timeout_ms); i++) {
        if ((i + touched.count - first) % touched.count >= most) {
            u64_map_put(&table->touched, id, timeout_ms);
            continue;
        }
        struct session *session = session_table_find(table, (int64_t)id);
        if (session != NULL) {
            session->is_touched = false;
        }
        each(ctx, (int64_t)id, (int32_t)timeout_ms);
        table->taken_count++;
    }
    u64_map_release(&touched);
}

void session_set_closing(struct session_table *table, struct session *session)
{
    ASSERT(session_table_find(table, session->id) == session);
    session->is_closing = true;
    bucket_leave(session);
}

void session_table_remove(struct session_table *table, int64_t id)
{
    uint64_t value = 0;
    if (u64_map_remove(&table->by_id, (uint64_t)id, &value)) {
        struct session *session = (struct session *)(uintptr_t)value;
        bucket_leave(session);
        mem_free(session, sizeof *session);
    }
}

static void find_next_expiry(struct session_table *table)
{
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    table->next_expiry_ms = UINT64_MAX;
    while (u64_map_next(&table->buckets, &position, &key, &value)) {
        table->next_expiry_ms = MIN(table->next_expiry_ms, key);
    }
}

void session_table_expire(struct session_table *table,
                          uint64_t now_ms,
                          void (*expired)(void *ctx, struct session *session),
                          void *ctx)
{
    while (table->next_expiry_ms <= now_ms) {
        uint64_t value = 0;
        bool found = u64_map_remove(&table->buckets, table->next_expiry_ms, &value);
        ASSERT(found);
        struct session_bucket *bucket = (struct session_bucket *)(uintptr_t)value;
        if (table->recent == bucket) {
            table->recent = NULL;
        }
        find_next_expiry(table);
        struct list *link;
        while ((link = list_pop(&bucket->sessions)) != NULL) {
            struct session *session = CONTAINER_OF(link, struct session, link);
            session->bucket = NULL;
            session->is_closing = true;
            expired(ctx, session);
        }
        mem_free(bucket, sizeof *bucket);
    }
}

static bool bucket_is_before(const void *a, const void *b)
{
    return ((const struct session_bucket *)a)->expires_ms <
           ((const struct session_bucket *)b)->expires_ms;
}

void session_table_each_by_expiry(const struct session_table *table,
                                  void (*each)(void *ctx, const struct session *session),
                                  void *ctx)
{
    size_t count = table->buckets.count;
    void **buckets = mem_alloc(count * sizeof *buckets);
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    for (size_t i = 0; u64_map_next(&table->buckets, &position, &key, &value); i++) {
        ASSERT(i < count);
        buckets[i] = (void *)(uintptr_t)value;
    }
    pointer_sort(buckets, count, bucket_is_before);
    for (size_t i = 0; i < count; i++) {
        struct session_bucket *bucket = buckets[i];
        LIST_FOR_EACH(link, &bucket->sessions)
        {
            each(ctx, CONTAINER_OF(link, struct session, link));
        }
    }
    mem_free(buckets, count * sizeof *buckets);
}

size_t session_table_count_local(const struct session_table *table)
{
    size_t count = 0;
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    while (u64_map_next(&table->by_id, &position, &key, &value)) {
        count += ((const struct session *)(uintptr_t)value)->is_local ? 1 : 0;
    }
    return count;
}

void session_table_check(const struct session_table *table)
{
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    uint64_t first_ms = UINT64_MAX;
    size_t queued = 0;
    while (u64_map_next(&table->buckets, &position, &key, &value)) {
        const struct session_bucket *bucket = (const struct session_bucket *)(uintptr_t)value;
        ASSERT(bucket->expires_ms == key && key % table->tick_ms == 0);
        first_ms = MIN(first_ms, key);
        LIST_FOR_EACH(link, &bucket->sessions)
        {
            const struct session *session = CONTAINER_OF(link, struct session, link);
            ASSERT(session->bucket == bucket && session->expires_ms == key && !session->is_closing);
            queued += 1;
        }
    }
    ASSERT(first_ms == table->next_expiry_ms);
    position = 0;
    while (u64_map_next(&table->by_id, &position, &key, &value)) {
        const struct session *session = (const struct session *)(uintptr_t)value;
        ASSERT(session->id == (int64_t)key);
        ASSERT((session->bucket == NULL) == (session->is_closing || session->is_remote));
        ASSERT(!(session->is_remote && session->is_local));
        queued -= session->bucket != NULL ? 1 : 0;
    }
    ASSERT(queued == 0);
}

void session_password(int64_t id, uint8_t password[SESSION_PASSWORD_BYTES])
{
    /* java.util.Random(id ^ secret).nextBytes: a 48-bit linear congruence whose upper 32 bits leave
     * little end first. */
    uint64_t seed = ((uint64_t)id ^ SESSION_SUPER_SECRET ^ JAVA_RANDOM_MULTIPLIER) &
                    JAVA_RANDOM_MASK;
    for (size_t i = 0; i < SESSION_PASSWORD_BYTES; i += 4) {
        seed = (seed * JAVA_RANDOM_MULTIPLIER + JAVA_RANDOM_INCREMENT) & JAVA_RANDOM_MASK;
        uint32_t bits = (uint32_t)(seed >> 16);
        for (size_t k = 0; k < 4; k++) {
            password[i + k] = (uint8_t)(bits >> (8 * k));
        }
    }
}
