/* fetch_answer.c - the answer of Fetch as bytes, versions 0 to 17, with its records left in their
 * files.
 *
 * Written by hand: the codec would want the records in memory. Everything else is as the schema
 * says (schema/kafka/fetch.def); test_kafka_fetch_answer compares the two.
 */
#include "generated/kafka/constants.h"
#include "kafka/server/handlers/fetch.h"

#define VERSION_THROTTLE 1
#define VERSION_STABLE_OFFSET 4
#define VERSION_LOG_START 5
#define VERSION_SESSION 7
#define VERSION_PREFERRED_REPLICA 11
#define VERSION_FLEXIBLE 12
#define VERSION_IDS 13
#define VERSION_ENDPOINTS 16

static void put_varint(struct buffer *out, uint32_t value)
{
    while (value >= 0x80) {
        buffer_append_u8(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buffer_append_u8(out, (uint8_t)value);
}

/* An array's count or the length of bytes; -1 is null. */
static void put_count(struct buffer *out, int16_t version, int64_t count)
{
    if (version >= VERSION_FLEXIBLE) {
        put_varint(out, (uint32_t)(count + 1));
    } else {
        buffer_append_be32(out, (uint32_t)count);
    }
}

static void put_name(struct buffer *out, int16_t version, struct slice name)
{
    if (version >= VERSION_FLEXIBLE) {
        put_varint(out, (uint32_t)name.len + 1);
    } else {
        buffer_append_be16(out, (uint16_t)name.len);
    }
    buffer_append(out, name);
}

static void put_no_tags(struct buffer *out, int16_t version)
{
    if (version >= VERSION_FLEXIBLE) {
        buffer_append_u8(out, 0);
    }
}

static void put_aborted(struct buffer *out, int16_t version, const struct fetch_item *item)
{
    put_count(out, version, item->aborted_count);
    for (int32_t i = 0; i < item->aborted_count; i++) {
        buffer_append_be64(out, (uint64_t)item->aborted[i].producer_id);
        buffer_append_be64(out, (uint64_t)item->aborted[i].first_offset);
        put_no_tags(out, version);
    }
}

/* diverging_epoch (tag 0) and current_leader (tag 1), where they say something. */
static void put_tags(struct buffer *out, const struct fetch_item *item)
{
    bool has_leader = item->current_leader.leader_id != -1 ||
                      item->current_leader.leader_epoch != -1;
    buffer_append_u8(out, (uint8_t)(item->is_diverging + has_leader));
    if (item->is_diverging) {
        put_varint(out, 0);
        put_varint(out, 4 + 8 + 1);
        buffer_append_be32(out, (uint32_t)item->diverging_epoch);
        buffer_append_be64(out, (uint64_t)item->diverging_end);
        buffer_append_u8(out, 0);
    }
    if (has_leader) {
        put_varint(out, 1);
        put_varint(out, 4 + 4 + 1);
        buffer_append_be32(out, (uint32_t)item->current_leader.leader_id);
        buffer_append_be32(out, (uint32_t)item->current_leader.leader_epoch);
        buffer_append_u8(out, 0);
    }
}

static void put_partition(struct fetch *fetch, struct buffer *out, struct fetch_item *item)
{
    int16_t version = fetch->request->api_version;
    buffer_append_be32(out, (uint32_t)item->partition);
    buffer_append_be16(out, (uint16_t)item->error);
    buffer_append_be64(out, (uint64_t)item->high_watermark);
    if (version >= VERSION_STABLE_OFFSET) {
        buffer_append_be64(out, (uint64_t)item->last_stable_offset);
    }
    if (version >= VERSION_LOG_START) {
        buffer_append_be64(out, (uint64_t)item->log_start_offset);
    }
    if (version >= VERSION_STABLE_OFFSET) {
        put_aborted(out, version, item);
    }
    if (version >= VERSION_PREFERRED_REPLICA) {
        buffer_append_be32(out, UINT32_MAX); /* preferred_read_replica: none */
    }
    put_count(out, version, fetch->is_refused ? -1 : (int64_t)fetch_item_bytes(item));
    buffer_append(out, item->bytes);
    if (item->range.len > 0) {
        request_reply_range(fetch->request, &item->range);
        item->range.len = 0;
    }
    if (version >= VERSION_FLEXIBLE) {
        put_tags(out, item);
    }
}

static bool same_topic(const struct fetch *fetch,
                       const struct fetch_item *a,
                       const struct fetch_item *b)
{
    return fetch->uses_ids ? memcmp(&a->id, &b->id, sizeof a->id) == 0
                           : slice_equal(a->name, b->name);
}

/* The run of told items from `first` on that are of one topic: *count of them; returns where it
 * ends. */
static int32_t topic_run(const struct fetch *fetch, int32_t first, int32_t *count)
{
    int32_t end = first;
    *count = 0;
    while (end < fetch->item_count &&
           (!fetch->items[end].is_told ||
            same_topic(fetch, &fetch->items[first], &fetch->items[end]))) {
        *count += fetch->items[end].is_told;
        end++;
    }
    return end;
}

static int32_t first_told(const struct fetch *fetch, int32_t from)
{
    while (from < fetch->item_count && !fetch->items[from].is_told) {
        from++;
    }
    return from;
}

static void put_topics(struct fetch *fetch, struct buffer *out)
{
    int16_t version = fetch->request->api_version;
    int32_t topics = 0;
    int32_t count;
    for (int32_t i = first_told(fetch, 0); i < fetch->item_count; i = first_told(fetch, i)) {
        i = topic_run(fetch, i, &count);
        topics++;
    }
    put_count(out, version, topics);
    for (int32_t i = first_told(fetch, 0); i < fetch->item_count; i = first_told(fetch, i)) {
        int32_t end = topic_run(fetch, i, &count);
        if (version >= VERSION_IDS) {
            buffer_append(out, slice_of(fetch->items[i].id.bytes, sizeof fetch->items[i].id.bytes));
        } else {
            put_name(out, version, fetch->items[i].name);
        }
        put_count(out, version, count);
        for (; i < end; i++) {
            if (fetch->items[i].is_told) {
                put_partition(fetch, out, &fetch->items[i]);
            }
        }
        put_no_tags(out, version);
    }
}

static uint32_t varint_len(uint32_t value)
{
    uint32_t len = 1;
    for (; value >= 0x80; value >>= 7) {
        len++;
    }
    return len;
}

static uint32_t text_len(struct slice text)
{
    return varint_len((uint32_t)text.len + 1) + (uint32_t)text.len;
}

/* node_endpoints (tag 0). */
static void put_endpoints(struct fetch *fetch, struct buffer *out)
{
    const struct leader_hints *hints = &fetch->hints;
    if (fetch->request->api_version < VERSION_ENDPOINTS || hints->count == 0) {
        put_no_tags(out, fetch->request->api_version);
        return;
    }
    uint32_t len = varint_len((uint32_t)hints->count + 1);
    for (int32_t i = 0; i < hints->count; i++) {
        len += 4 + text_len(hints->endpoints[i].host) + 4 + text_len(hints->endpoints[i].rack) + 1;
    }
    put_varint(out, 1);
    put_varint(out, 0);
    put_varint(out, len);
    put_varint(out, (uint32_t)hints->count + 1);
    for (int32_t i = 0; i < hints->count; i++) {
        const struct kafka_node_endpoint *endpoint = &hints->endpoints[i];
        buffer_append_be32(out, (uint32_t)endpoint->node_id);
        put_name(out, VERSION_FLEXIBLE, endpoint->host);
        buffer_append_be32(out, (uint32_t)endpoint->port);
        if (slice_is_null(endpoint->rack)) {
            put_varint(out, 0);
        } else {
            put_name(out, VERSION_FLEXIBLE, endpoint->rack);
        }
        buffer_append_u8(out, 0);
    }
}

/* As Apache's: partitions that it did not find stand behind the others. */
static void order_items(struct fetch *fetch)
{
    int32_t unknown = 0;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        unknown += fetch_item_is_unknown(&fetch->items[i]);
    }
    if (unknown == 0 || unknown == fetch->item_count) {
        return;
    }
    struct fetch_item *ordered = ARENA_ARRAY(&fetch->request->arena, struct fetch_item,
                                             fetch->item_count);
    int32_t known_at = 0;
    int32_t unknown_at = fetch->item_count - unknown;
    for (int32_t i = 0; i < fetch->item_count; i++) {
        bool is_unknown = fetch_item_is_unknown(&fetch->items[i]);
        ordered[is_unknown ? unknown_at++ : known_at++] = fetch->items[i];
    }
    fetch->items = ordered;
}

void fetch_send(struct fetch *fetch)
{
    struct request *request = fetch->request;
    int16_t version = request->api_version;
    order_items(fetch);
    struct buffer *out = request_reply_begin(request);
    if (version >= VERSION_THROTTLE) {
        buffer_append_be32(out, (uint32_t)request->throttle_time_ms);
    }
    if (version >= VERSION_SESSION) {
        buffer_append_be16(out, (uint16_t)fetch->error);
        buffer_append_be32(out, (uint32_t)fetch->session_id);
    }
    put_topics(fetch, out);
    if (version >= VERSION_FLEXIBLE) {
        put_endpoints(fetch, out);
    }
    request_reply_end(request);
}
