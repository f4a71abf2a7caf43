/* service_reply.c - how an answer is put together, and what is counted about it.
 *
 * A reply is written straight into the outbox: room for length and header first, the body behind
 * it, then the header is filled in. Answers to one connection that stand side by side become one
 * SEND.
 */
#include "zookeeper/core/service_private.h"

void send_bytes(struct turn *turn, struct service_conn *conn, size_t start)
{
    struct zk_outbox *outbox = turn->outbox;
    size_t len = outbox->bytes.len - start;
    if (outbox->count > 0) {
        struct zk_effect *last = &outbox->effects[outbox->count - 1];
        if (last->kind == ZK_EFFECT_SEND && last->conn == conn &&
            last->offset + last->len == start) {
            last->len += len;
            return;
        }
    }
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_SEND);
    effect->conn = conn;
    effect->offset = start;
    effect->len = len;
}

void reply_end(struct turn *turn,
               struct service_conn *conn,
               size_t start,
               int32_t xid,
               int64_t zxid,
               int32_t error)
{
    struct buffer *bytes = &turn->outbox->bytes;
    struct service_stats *stats = &turn->service->stats;
    uint8_t *at = bytes->data + start;
    int32_t len = (int32_t)(bytes->len - start - 4);
    store_be32(at, (uint32_t)len);
    store_be32(at + 4, (uint32_t)xid);
    store_be64(at + 8, (uint64_t)zxid);
    store_be32(at + 16, (uint32_t)error);
    send_bytes(turn, conn, start);
    stats->packets_sent += 1;
    conn->stats.sent += 1;
    stats->last_response_bytes = len;
    stats->max_response_bytes = MAX(stats->max_response_bytes, len);
    if (stats->min_response_bytes > len || stats->min_response_bytes < 0) {
        stats->min_response_bytes = len;
    }
}

void reply_empty(struct turn *turn,
                 struct service_conn *conn,
                 int32_t xid,
                 int64_t zxid,
                 int32_t error)
{
    reply_end(turn, conn, reply_begin(turn), xid, zxid, error);
}

void write_stat(struct buffer *out, const struct zk_stat *stat)
{
    uint8_t *at = buffer_reserve(out, STAT_BYTES);
    store_be64(at, (uint64_t)stat->czxid);
    store_be64(at + 8, (uint64_t)stat->mzxid);
    store_be64(at + 16, (uint64_t)stat->ctime);
    store_be64(at + 24, (uint64_t)stat->mtime);
    store_be32(at + 32, (uint32_t)stat->version);
    store_be32(at + 36, (uint32_t)stat->cversion);
    store_be32(at + 40, (uint32_t)stat->aversion);
    store_be64(at + 44, (uint64_t)stat->ephemeral_owner);
    store_be32(at + 52, (uint32_t)stat->data_length);
    store_be32(at + 56, (uint32_t)stat->num_children);
    store_be64(at + 60, (uint64_t)stat->pzxid);
    out->len += STAT_BYTES;
}

/* ---- figures ------------------------------------------------------------------------- */

static void note_latency(struct turn *turn,
                         struct service_conn *conn,
                         int32_t cxid,
                         int32_t op,
                         int64_t latency_ms)
{
    struct service_stats *stats = &turn->service->stats;
    struct conn_stats *own = &conn->stats;
    stats->latency_sum_ms += (uint64_t)latency_ms;
    stats->latency_count += 1;
    stats->latency_max_ms = MAX(stats->latency_max_ms, latency_ms);
    if (stats->latency_min_ms > latency_ms || stats->latency_min_ms < 0) {
        stats->latency_min_ms = latency_ms;
    }
    if (cxid >= 0) {
        own->last_cxid = cxid; /* not the special ones: the last real operation is of interest */
    }
    own->last_zxid = turn->service->tree.last_processed_zxid;
    own->last_op = op;
    own->last_response_ms = turn->event->now_ms;
    own->last_latency_ms = latency_ms;
    own->max_latency_ms = MAX(own->max_latency_ms, latency_ms);
    if (own->min_latency_ms > latency_ms || own->min_latency_ms < 0) {
        own->min_latency_ms = latency_ms;
    }
    own->latency_sum_ms += (uint64_t)latency_ms;
    own->latency_count += 1;
}

void note_answered_now(struct turn *turn, struct service_conn *conn, int32_t cxid, int32_t op)
{
    note_latency(turn, conn, cxid, op, 0);
    histogram_add(&turn->service->stats.read_latency_us, 0);
}

void note_answered(struct turn *turn,
                   struct service_conn *conn,
                   const struct service_request *request,
                   int32_t op)
{
    const struct zk_event *event = turn->event;
    uint64_t ms = event->now_ms > request->arrived_ms ? event->now_ms - request->arrived_ms : 0;
    uint64_t ns = event->now_ns > request->arrived_ns ? event->now_ns - request->arrived_ns : 0;
    note_latency(turn, conn, request->cxid, op, (int64_t)ms);
    struct service_stats *stats = &turn->service->stats;
    histogram_add(request->state == REQUEST_SUBMITTED ? &stats->update_latency_us
                                                      : &stats->read_latency_us,
                  ns / 1000);
}

const char *service_last_op_text(int32_t op)
{
    static const struct {
        int32_t op;
        const char *text;
    } texts[] = {
        {ZK_OP_PING, "PING"},
        {ZK_OP_CREATE_SESSION, "SESS"},
        {ZK_OP_CLOSE_SESSION, "CLOS"},
        {ZK_OP_MULTI, "MULT"},
        {ZK_OP_MULTI_READ, "MLTR"},
        {ZK_OP_CREATE, "CREA"},
        {ZK_OP_CREATE2, "CREA"},
        {ZK_OP_CREATE_TTL, "CREA"},
        {ZK_OP_CREATE_CONTAINER, "CREA"},
        {ZK_OP_DELETE, "DELE"},
        {ZK_OP_DELETE_CONTAINER, "DELE"},
        {ZK_OP_SET_DATA, "SETD"},
        {ZK_OP_RECONFIG, "RECO"},
        {ZK_OP_SET_ACL, "SETA"},
        {ZK_OP_GET_ACL, "GETA"},
        {ZK_OP_SYNC, "SYNC"},
        {ZK_OP_CHECK, "CHEC"},
        {ZK_OP_EXISTS, "EXIS"},
        {ZK_OP_GET_DATA, "GETD"},
        {ZK_OP_SET_WATCHES, "SETW"},
        {ZK_OP_SET_WATCHES2, "STW2"},
        {ZK_OP_ADD_WATCH, "ADDW"},
        {ZK_OP_GET_CHILDREN, "GETC"},
        {ZK_OP_GET_CHILDREN2, "GETC"},
        {ZK_OP_GET_ALL_CHILDREN_NUMBER, "GETACN"},
        {ZK_OP_CHECK_WATCHES, "CHKW"},
        {ZK_OP_REMOVE_WATCHES, "REMW"},
        {ZK_OP_WHO_AM_I, "HOMI"},
        {ZK_OP_GET_EPHEMERALS, "GETE"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].op == op) {
            return texts[i].text;
        }
    }
    return "NA";
}

void service_stats_reset(struct service *service)
{
    struct service_stats *stats = &service->stats;
    stats->packets_received = 0;
    stats->packets_sent = 0;
    stats->latency_min_ms = -1;
    stats->latency_max_ms = 0;
    stats->latency_sum_ms = 0;
    stats->latency_count = 0;
    stats->last_response_bytes = -1;
    stats->min_response_bytes = -1;
    stats->max_response_bytes = -1;
    histogram_clear(&stats->read_latency_us);
    histogram_clear(&stats->update_latency_us);
    histogram_clear(&stats->node_created_watches);
    histogram_clear(&stats->node_deleted_watches);
    histogram_clear(&stats->node_changed_watches);
    histogram_clear(&stats->node_children_watches);
}

void service_conn_stats_reset(struct service_conn *conn)
{
    uint64_t established_ms = conn->stats.established_ms;
    conn->stats = (struct conn_stats){.established_ms = established_ms,
                                      .last_op = ZK_OP_ERROR,
                                      .last_cxid = -1,
                                      .last_zxid = -1,
                                      .min_latency_ms = -1};
}
