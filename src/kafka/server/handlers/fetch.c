/* fetch.c - Fetch: when is there enough to answer, and which partitions does the client mean?
 *
 * THE HAPPY PATH. The request's partitions (its own, or those of its session) are read. When that
 * gives min_bytes, or nothing can be waited for, the answer leaves at once. Otherwise what was read
 * is let go, the request waits at each of its partitions, and each that moves updates its part of
 * the sum of what could be read; when the sum reaches min_bytes, or max_wait_ms are over,
 * everything is read again and answered. So a waiting consumer of a thousand partitions costs one
 * look-up per partition that moves.
 *
 * What a read would have to fetch from the disk is read by a worker first (fetch_warm.c).
 *
 * WHAT GOES WRONG. An error of a partition (it moved away, its offset is gone, its epoch is old)
 * does not wait: the answer leaves with it. A closed connection ends the waiting (on_abort). Over
 * the quota the answer has no data and the time to wait (KIP-219).
 *
 * Sources: KafkaApis.handleFetchRequest, ReplicaManager.fetchMessages, DelayedFetch of 3.9;
 * KIP-227; reference 5.3.
 */
#include "kafka/server/handlers/fetch.h"

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/handlers.h"
#include "kafka/server/quotas.h"

#define NS_PER_MS UINT64_C(1000000)
#define VERSION_IDS 13
#define VERSION_REPLICA_STATE 15
#define CONVERTED_BYTES_MAX ((size_t)64 << 20)

static int64_t now_ms(const struct fetch *fetch)
{
    return (int64_t)(runtime_now_ns(fetch->request->broker->runtime) / NS_PER_MS);
}

/* ---- which partitions ------------------------------------------------------------------------ */

/* The name that belongs to an id; empty when nobody knows it. It may not outlive a turn, so it is
 * copied. */
static struct slice name_of_id(struct fetch *fetch, const struct codec_uuid *id)
{
    const struct topic *topic = topics_find_id(&fetch->request->broker->topics, id);
    return topic == NULL ? SLICE_NULL
                         : arena_copy(&fetch->request->arena, slice_of_cstr(topic->name));
}

static void item_init(struct fetch *fetch, struct fetch_item *item, int32_t partition)
{
    item->fetch = fetch;
    item->partition = partition;
    list_init(&item->waiter.link);
}

static void items_of_request(struct fetch *fetch)
{
    const struct kafka_fetch_request *body = fetch->body;
    int32_t count = 0;
    for (int32_t i = 0; i < body->topics_count; i++) {
        count += body->topics[i].partitions_count;
    }
    fetch->items = ARENA_ARRAY(&fetch->request->arena, struct fetch_item, count);
    for (int32_t i = 0; i < body->topics_count; i++) {
        const struct kafka_fetch_request_topic *topic = &body->topics[i];
        struct slice name = fetch->uses_ids ? name_of_id(fetch, &topic->topic_id) : topic->topic;
        for (int32_t j = 0; j < topic->partitions_count; j++) {
            const struct kafka_fetch_request_partition *wanted = &topic->partitions[j];
            struct fetch_item *item = &fetch->items[fetch->item_count++];
            item_init(fetch, item, wanted->partition);
            item->name = name;
            item->id = topic->topic_id;
            item->topic = topic;
            item->requested = wanted;
            item->max_bytes = wanted->partition_max_bytes;
            item->leader_epoch = wanted->current_leader_epoch;
            item->last_fetched_epoch = wanted->last_fetched_epoch;
            item->offset = wanted->fetch_offset;
        }
    }
}

/* The session may change while the request waits, so everything is copied. */
static void items_of_session(struct fetch *fetch)
{
    struct arena *arena = &fetch->request->arena;
    const struct fetch_session *session = fetch->context.session;
    fetch->items = ARENA_ARRAY(arena, struct fetch_item, session->by_key.count);
    LIST_FOR_EACH(link, &session->partitions)
    {
        const struct fetch_partition *wanted = CONTAINER_OF(link, struct fetch_partition, link);
        struct fetch_item *item = &fetch->items[fetch->item_count++];
        item_init(fetch, item, wanted->partition);
        item->key = arena_copy(arena, slice_of(wanted->key, wanted->key_len));
        struct slice front = slice_part(item->key, 0, item->key.len - 4);
        if (fetch->uses_ids) {
            memcpy(item->id.bytes, front.ptr, sizeof item->id.bytes);
            item->name = name_of_id(fetch, &item->id);
        } else {
            item->name = front;
        }
        item->max_bytes = wanted->max_bytes;
        item->leader_epoch = wanted->leader_epoch;
        item->last_fetched_epoch = wanted->last_fetched_epoch;
        item->offset = wanted->fetch_offset;
    }
}

/* ---- answering ------------------------------------------------------------------------------- */

/* A new session for what was asked, told as it is answered now. */
static void make_session(struct fetch *fetch)
{
    struct fetch_sessions *sessions = fetch->request->broker->fetch_sessions;
    struct fetch_session *session = fetch_session_create(sessions, (size_t)fetch->item_count,
                                                         fetch->uses_ids, fetch->replica_id >= 0,
                                                         now_ms(fetch));
    if (session == NULL) {
        return;
    }
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct fetch_item *item = &fetch->items[i];
        uint8_t bytes[FETCH_KEY_MAX];
        fetch_session_add(sessions, session, item->topic, item->requested);
        struct slice name = slice_part(item->topic->topic, 0,
                                       MIN(item->topic->topic.len, FETCH_KEY_MAX - 4));
        struct fetch_partition *partition = fetch_session_find(
            session, fetch_key(bytes, fetch->uses_ids, name, &item->id, item->partition));
        if (partition != NULL) {
            (void)fetch_partition_has_news(partition, false, item->error, item->high_watermark,
                                           item->log_start_offset, true);
        }
    }
    fetch->session_id = session->id;
}

/* Only what is news stays in the answer. */
static void tell_session(struct fetch *fetch)
{
    struct fetch_session *session = fetch->context.session;
    fetch->session_id = session->id;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct fetch_item *item = &fetch->items[i];
        struct fetch_partition *partition = fetch_session_find(session, item->key);
        bool has_records = fetch_item_bytes(item) > 0;
        item->is_told = partition != NULL &&
                        (fetch_partition_has_news(partition, has_records, item->error,
                                                  item->high_watermark, item->log_start_offset,
                                                  true) ||
                         item->is_diverging);
        if (item->is_told && has_records) {
            fetch_partition_rotate(session, partition);
        }
    }
}

static void tell_all(struct fetch *fetch, bool tells)
{
    for (int32_t i = 0; i < fetch->item_count; i++) {
        fetch->items[i].is_told = tells;
    }
}

/* True when the answer must go without its data. */
static bool is_over_quota(struct fetch *fetch, uint64_t bytes)
{
    struct request *request = fetch->request;
    struct quota_table *quotas = request->broker->quotas;
    if (quota_table_is_empty(quotas, QUOTA_FETCH) || fetch->replica_id >= 0) {
        return false;
    }
    struct slice user = request_principal(request);
    int32_t wait_ms = quota_record(quotas, QUOTA_FETCH, user, request->client_id, (double)bytes,
                                   now_ms(fetch));
    if (wait_ms > 0) {
        quota_unrecord(quotas, QUOTA_FETCH, user, request->client_id, (double)bytes, now_ms(fetch));
        request->throttle_time_ms = MAX(request->throttle_time_ms, wait_ms);
    }
    return wait_ms > 0;
}

static void count_traffic(const struct fetch *fetch)
{
    struct broker *broker = fetch->request->broker;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        const struct fetch_item *item = &fetch->items[i];
        if (!item->is_told) {
            continue;
        }
        struct topic *topic = topics_find(&broker->topics, item->name);
        TRAFFIC_ADD(broker, topic, fetch_requests, 1);
        TRAFFIC_ADD(broker, topic, bytes_out, fetch_item_bytes(item));
        if (item->error != 0) {
            TRAFFIC_ADD(broker, topic, failed_fetch_requests, 1);
        }
    }
}

static void fetch_end(struct fetch *fetch)
{
    count_traffic(fetch);
    fetch_context_end(fetch->request->broker->fetch_sessions, &fetch->context);
    buffer_release(&fetch->converted);
    fetch_send(fetch);
}

/* With what fetch_read has found. */
static void fetch_answer(struct fetch *fetch, uint64_t bytes)
{
    tell_all(fetch, true);
    if (fetch_context_is_stale(&fetch->context)) {
        fetch->error = KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
        fetch->session_id = fetch->context.session->id;
        tell_all(fetch, false);
        fetch_drop(fetch);
    } else if (is_over_quota(fetch, bytes)) {
        fetch->session_id = fetch->context.session != NULL ? fetch->context.session->id : 0;
        tell_all(fetch, false);
        fetch_drop(fetch);
    } else if (fetch->context.kind == FETCH_INCREMENTAL) {
        tell_session(fetch);
    } else if (fetch->context.kind == FETCH_FULL) {
        make_session(fetch);
    }
    fetch_end(fetch);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_end(struct fetch *fetch)
{
    fetch->is_waiting = false;
    fetch->request->on_abort = NULL;
    runtime_timer_stop(&fetch->timer);
    for (int32_t i = 0; i < fetch->item_count; i++) {
        partition_wait_end(&fetch->items[i].waiter);
    }
}

static void answer_now(struct fetch *fetch)
{
    bool must_answer;
    if (!fetch_warm(fetch, answer_now)) {
        fetch_answer(fetch, fetch_read(fetch, &must_answer));
    }
}

static void fetch_complete(struct fetch *fetch)
{
    wait_end(fetch);
    answer_now(fetch);
}

static void on_woken(struct partition_waiter *waiter, struct partition *partition)
{
    struct fetch_item *item = CONTAINER_OF(waiter, struct fetch_item, waiter);
    struct fetch *fetch = item->fetch;
    bool must_answer = partition->is_removed || partition->is_offline || !partition->is_leader;
    uint64_t available = fetch_item_available(item, &must_answer);
    fetch->available = fetch->available - item->available + available;
    item->available = available;
    if (must_answer || fetch->available >= (uint64_t)MAX(fetch->body->min_bytes, 0)) {
        fetch_complete(fetch);
    }
}

static void on_timeout(struct runtime_timer *timer)
{
    fetch_complete(CONTAINER_OF(timer, struct fetch, timer));
}

void fetch_forget(struct fetch *fetch)
{
    fetch_context_end(fetch->request->broker->fetch_sessions, &fetch->context);
    buffer_release(&fetch->converted);
}

static void on_abort(struct request *request)
{
    struct fetch *fetch = request->handler_state;
    wait_end(fetch);
    fetch_forget(fetch);
}

static void fetch_wait(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct runtime *runtime = request->broker->runtime;
    fetch->is_waiting = true;
    request->handler_state = fetch;
    request->on_abort = on_abort;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct fetch_item *item = &fetch->items[i];
        int16_t error = 0;
        struct partition *partition = fetch_item_partition(item, &error);
        ASSERT(error == 0);
        bool must_answer = false;
        item->available = fetch_item_available(item, &must_answer);
        fetch->available += item->available;
        item->waiter.woken = on_woken;
        partition_wait(partition, &item->waiter);
    }

    runtime_timer_set(&fetch->timer,
                      runtime_now_ns(runtime) + (uint64_t)fetch->body->max_wait_ms * NS_PER_MS);
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void fetch_init(struct fetch *fetch, struct request *request)
{
    const struct kafka_fetch_request *body = request->body;
    fetch->request = request;
    fetch->body = body;
    fetch->replica_id = request->api_version >= VERSION_REPLICA_STATE
                            ? body->replica_state.replica_id
                            : body->replica_id;
    fetch->max_bytes = MIN(body->max_bytes, request->broker->config.fetch_max_bytes);
    fetch->read_committed = body->isolation_level == KAFKA_ISOLATION_READ_COMMITTED;
    fetch->uses_ids = request->api_version >= VERSION_IDS;
    buffer_init(&fetch->converted, CONVERTED_BYTES_MAX);
    runtime_timer_init(&fetch->timer, request->broker->runtime, on_timeout);
}

/* The whole request fails; versions below 13 say it for each partition, too. */
static void refuse(struct fetch *fetch, int16_t error)
{
    fetch->error = error;
    fetch->is_refused = true;
    if (!fetch->uses_ids) {
        items_of_request(fetch);
    }
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct fetch_item *item = &fetch->items[i];
        item->is_told = true;
        item->error = error;
        item->high_watermark = -1;
        item->last_stable_offset = -1;
        item->log_start_offset = -1;
        item->current_leader.leader_id = -1;
        item->current_leader.leader_epoch = -1;
    }
    fetch_end(fetch);
}

static void answer_or_wait(struct fetch *fetch)
{
    const struct kafka_fetch_request *body = fetch->body;
    bool must_answer;
    if (fetch_warm(fetch, answer_or_wait)) {
        return;
    }
    uint64_t bytes = fetch_read(fetch, &must_answer);
    if (must_answer || body->max_wait_ms <= 0 || fetch->item_count == 0 ||
        bytes >= (uint64_t)MAX(body->min_bytes, 0)) {
        fetch_answer(fetch, bytes);
        return;
    }
    fetch_drop(fetch);
    fetch_wait(fetch);
}

void handle_fetch(struct broker *broker, struct request *request)
{
    const struct kafka_fetch_request *body = request->body;
    struct fetch *fetch = ARENA_NEW(&request->arena, struct fetch);
    fetch_init(fetch, request);
    if (body->isolation_level < KAFKA_ISOLATION_READ_UNCOMMITTED ||
        body->isolation_level > KAFKA_ISOLATION_READ_COMMITTED) {
        refuse(fetch, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
        return;
    }
    fetch_context_begin(broker->fetch_sessions, body, fetch->uses_ids, now_ms(fetch),
                        &fetch->context);
    if (fetch->context.error != 0) {
        fetch->error = fetch->context.error;
        fetch_end(fetch);
        return;
    }
    if (fetch->context.kind == FETCH_INCREMENTAL) {
        items_of_session(fetch);
    } else {
        items_of_request(fetch);
    }
    answer_or_wait(fetch);
}
