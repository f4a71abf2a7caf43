/* quorum_packet.c - packets between a leader and its learners.
 *
 * Nothing here keeps anything: bytes to values and back. What comes from outside is checked once,
 * in `measure`; quorum_packet_decode goes through it, too.
 */
#include "zookeeper/core/quorum_packet.h"

#include "generated/zookeeper/messages.h"
#include "wire/jute.h"

#define REQUEST_FRONT_BYTES 16u /* session, cxid, type */
#define TOUCHED_BYTES 12u

/* ---- reading ------------------------------------------------------------------------- */

/* A cursor over what has come so far: `needed` is how long the whole must be at least. */
struct measure {
    struct slice bytes;
    size_t at; /* may pass the end: then more is needed */
    size_t data_max;
};

/* The length in front of a text or buffer; steps over both. */
static int measure_bytes(struct measure *measure)
{
    if (measure->bytes.len < measure->at + 4) {
        measure->at += 4;
        return ERR_TRUNCATED;
    }
    int32_t len = (int32_t)load_be32(measure->bytes.ptr + measure->at);
    measure->at += 4;
    if (len == -1) {
        return ERR_OK;
    }
    if (len < 0) {
        return ERR_INVALID;
    }
    if ((size_t)len > measure->data_max) {
        return ERR_LIMIT;
    }
    measure->at += (size_t)len;
    return measure->at <= measure->bytes.len ? ERR_OK : ERR_TRUNCATED;
}

static int measure_ids(struct measure *measure)
{
    if (measure->bytes.len < measure->at + 4) {
        measure->at += 4;
        return ERR_TRUNCATED;
    }
    int32_t count = (int32_t)load_be32(measure->bytes.ptr + measure->at);
    measure->at += 4;
    if (count < -1) {
        return ERR_INVALID;
    }
    if (count > QUORUM_PACKET_IDS_MAX) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < count; i++) {
        int rv = measure_bytes(measure);
        rv = rv == ERR_OK ? measure_bytes(measure) : rv;
        if (rv != ERR_OK) {
            return rv;
        }
        if (measure->at > QUORUM_PACKET_FRONT_BYTES + 2 * measure->data_max) {
            return ERR_LIMIT; /* many ids that are each in bounds are not together */
        }
    }
    return ERR_OK;
}

int quorum_packet_measure(struct slice bytes, size_t data_max, size_t *len)
{
    struct measure measure = {.bytes = bytes, .at = 12, .data_max = data_max};
    int rv = measure_bytes(&measure);
    rv = rv == ERR_OK ? measure_ids(&measure) : rv;
    *len = measure.at;
    return rv;
}

int quorum_packet_decode(struct slice bytes, size_t data_max, struct quorum_packet *packet)
{
    size_t len = 0;
    int rv = quorum_packet_measure(bytes, data_max, &len);
    if (rv != ERR_OK || len != bytes.len) {
        return rv != ERR_OK ? rv : ERR_INVALID;
    }
    struct jute_reader reader = jute_reader_of(bytes, data_max);
    packet->type = jute_read_i32(&reader);
    packet->zxid = jute_read_i64(&reader);
    packet->data = jute_read_bytes(&reader);
    packet->authinfo = reader.rest;
    return reader.error;
}

int quorum_packet_identities(struct slice authinfo,
                             struct arena *arena,
                             struct identities *identities)
{
    struct jute_reader reader = jute_reader_of(authinfo, authinfo.len);
    identities_init(identities);
    int32_t count = jute_read_count(&reader, 8);
    if (count <= 0) {
        return reader.error;
    }
    identities->ids = arena_alloc(arena, (size_t)count * sizeof *identities->ids);
    for (int32_t i = 0; i < count; i++) {
        identities->ids[i].scheme = jute_read_bytes(&reader);
        identities->ids[i].id = jute_read_bytes(&reader);
        if (reader.error != 0 || slice_is_null(identities->ids[i].scheme) ||
            slice_is_null(identities->ids[i].id)) {
            return ERR_INVALID;
        }
    }
    identities->count = count;
    return ERR_OK;
}

/* ---- writing ------------------------------------------------------------------------- */

size_t quorum_packet_begin(struct buffer *out, int32_t type, int64_t zxid)
{
    size_t start = out->len;
    uint8_t *at = buffer_reserve(out, QUORUM_PACKET_FRONT_BYTES);
    store_be32(at, (uint32_t)type);
    store_be64(at + 4, (uint64_t)zxid);
    out->len += QUORUM_PACKET_FRONT_BYTES;
    return start;
}

void quorum_packet_end(struct buffer *out, size_t start)
{
    size_t len = out->len - start - QUORUM_PACKET_FRONT_BYTES;
    ASSERT(len <= INT32_MAX);
    store_be32(out->data + start + 12, (uint32_t)len);
    jute_write_i32(out, -1);
}

void quorum_packet_write(struct buffer *out, int32_t type, int64_t zxid, struct slice data)
{
    jute_write_i32(out, type);
    jute_write_i64(out, zxid);
    jute_write_bytes(out, data);
    jute_write_i32(out, -1);
}

static void send_from(struct zk_outbox *outbox, struct zk_link *link, size_t start)
{
    quorum_send_span(outbox, link, (struct quorum_span){start, outbox->bytes.len - start});
}

void quorum_send(struct zk_outbox *outbox,
                 struct zk_link *link,
                 int32_t type,
                 int64_t zxid,
                 struct slice data)
{
    quorum_send_span(outbox, link, quorum_span_write(outbox, type, zxid, data));
}

struct quorum_span quorum_span_write(struct zk_outbox *outbox,
                                     int32_t type,
                                     int64_t zxid,
                                     struct slice data)
{
    size_t start = outbox->bytes.len;
    quorum_packet_write(&outbox->bytes, type, zxid, data);
    return (struct quorum_span){start, outbox->bytes.len - start};
}

void quorum_send_span(struct zk_outbox *outbox, struct zk_link *link, struct quorum_span span)
{
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PEER);
    effect->peer_kind = PEER_EFFECT_LINK_SEND;
    effect->link = link;
    effect->offset = span.offset;
    effect->len = span.len;
}

/* ---- what packets carry -------------------------------------------------------------- */

void quorum_send_learner_info(struct zk_outbox *outbox,
                              struct zk_link *link,
                              int32_t type,
                              int64_t accepted_epoch,
                              const struct learner_info *info)
{
    struct buffer *out = &outbox->bytes;
    size_t start = quorum_packet_begin(out, type, zxid_make(accepted_epoch, 0));
    jute_write_i64(out, info->server_id);
    jute_write_i32(out, info->protocol_version);
    jute_write_i64(out, info->config_version);
    quorum_packet_end(out, start);
    send_from(outbox, link, start);
}

int quorum_read_learner_info(struct slice data, struct learner_info *info)
{
    *info = (struct learner_info){.protocol_version = 1};
    struct jute_reader reader = jute_reader_of(data, data.len);
    info->server_id = jute_read_i64(&reader);
    if (data.len >= 12) {
        info->protocol_version = jute_read_i32(&reader);
    }
    if (data.len >= 20) {
        info->config_version = jute_read_i64(&reader);
    }
    return reader.error != 0 ? ERR_INVALID : ERR_OK;
}

void quorum_send_i32(struct zk_outbox *outbox,
                     struct zk_link *link,
                     int32_t type,
                     int64_t zxid,
                     int32_t value)
{
    uint8_t data[4];
    store_be32(data, (uint32_t)value);
    quorum_send(outbox, link, type, zxid, slice_of(data, sizeof data));
}

int quorum_read_i32(struct slice data, int32_t *value)
{
    struct jute_reader reader = jute_reader_of(data, data.len);
    *value = jute_read_i32(&reader);
    return reader.error != 0 ? ERR_INVALID : ERR_OK;
}

static void write_ids(struct buffer *out, const struct identities *identities)
{
    if (identities == NULL) {
        jute_write_i32(out, -1);
        return;
    }
    jute_write_i32(out, identities->count);
    for (int32_t i = 0; i < identities->count; i++) {
        jute_write_bytes(out, identities->ids[i].scheme);
        jute_write_bytes(out, identities->ids[i].id);
    }
}

void quorum_send_request(struct zk_outbox *outbox,
                         struct zk_link *link,
                         const struct prep_request *request)
{
    struct buffer *out = &outbox->bytes;
    size_t start = quorum_packet_begin(out, ZK_PACKET_REQUEST, -1);
    jute_write_i64(out, request->session_id);
    jute_write_i32(out, request->cxid);
    jute_write_i32(out, request->type);
    if (request->type == ZK_OP_CREATE_SESSION) {
        jute_write_i32(out, request->session_timeout_ms);
    } else {
        buffer_append(out, request->body);
    }
    quorum_packet_end(out, start);
    out->len -= 4; /* the count of no ids */
    write_ids(out, request->identities);
    send_from(outbox, link, start);
}

int quorum_read_request(struct slice data, struct prep_request *request)
{
    if (data.len < REQUEST_FRONT_BYTES) {
        return ERR_INVALID;
    }
    struct jute_reader reader = jute_reader_of(data, data.len);
    request->session_id = jute_read_i64(&reader);
    request->cxid = jute_read_i32(&reader);
    request->type = jute_read_i32(&reader);
    request->body = reader.rest;
    if (request->type == ZK_OP_CREATE_SESSION) {
        request->session_timeout_ms = jute_read_i32(&reader);
        request->session_timeout_ms = reader.error != 0 ? -1 : request->session_timeout_ms;
    }
    return ERR_OK;
}

void quorum_send_revalidate(struct zk_outbox *outbox,
                            struct zk_link *link,
                            int64_t session_id,
                            int32_t timeout_ms)
{
    uint8_t data[12];
    store_be64(data, (uint64_t)session_id);
    store_be32(data + 8, (uint32_t)timeout_ms);
    quorum_send(outbox, link, ZK_PACKET_REVALIDATE, -1, slice_of(data, sizeof data));
}

int quorum_read_revalidate(struct slice data, int64_t *session_id, int32_t *timeout_ms)
{
    struct jute_reader reader = jute_reader_of(data, data.len);
    *session_id = jute_read_i64(&reader);
    *timeout_ms = jute_read_i32(&reader);
    return reader.error != 0 ? ERR_INVALID : ERR_OK;
}

void quorum_send_revalidated(struct zk_outbox *outbox,
                             struct zk_link *link,
                             int64_t session_id,
                             bool is_valid,
                             int64_t proposed_zxid)
{
    uint8_t data[9];
    store_be64(data, (uint64_t)session_id);
    data[8] = is_valid ? 1 : 0;
    quorum_send(outbox, link, ZK_PACKET_REVALIDATE, proposed_zxid, slice_of(data, sizeof data));
}

int quorum_read_revalidated(struct slice data, int64_t *session_id, bool *is_valid)
{
    struct jute_reader reader = jute_reader_of(data, data.len);
    *session_id = jute_read_i64(&reader);
    *is_valid = jute_read_bool(&reader);
    return reader.error != 0 ? ERR_INVALID : ERR_OK;
}

int quorum_read_activate(struct slice data, int64_t *leader, struct slice *txn_bytes)
{
    struct jute_reader reader = jute_reader_of(data, data.len);
    *leader = jute_read_i64(&reader);
    *txn_bytes = reader.rest;
    return reader.error != 0 ? ERR_INVALID : ERR_OK;
}

bool quorum_next_touched(struct slice *data, int64_t *session_id, int32_t *timeout_ms)
{
    if (data->len < TOUCHED_BYTES) {
        return false;
    }
    *session_id = (int64_t)load_be64(data->ptr);
    *timeout_ms = (int32_t)load_be32(data->ptr + 8);
    *data = slice_part(*data, TOUCHED_BYTES, data->len);
    return true;
}
