/* service_multi_read.c - multiRead: several getData and getChildren in one request.
 *
 * Each op succeeds or fails by itself. A small request can ask for a large answer many times over
 * (CVE-2026-100302), so both the number of ops and the bytes of the answer have a limit; beyond it
 * the request fails as a whole.
 *
 * A list that decodes but asks for something else than reads fails when that op's turn comes: the
 * answer then has the error and, unlike any other, a body all the same: the results so far.
 *
 * Sources: FinalRequestProcessor (case multiRead), MultiOperationRecord, MultiResponse.
 */
#include "zookeeper/core/service_private.h"

#define MULTI_HEADER_BYTES 9u

struct read_op {
    int32_t type;
    struct slice path;
};

static bool read_header(struct jute_reader *body, int32_t *type, bool *done)
{
    *type = jute_read_i32(body);
    *done = jute_read_bool(body);
    (void)jute_read_i32(body);
    return body->error == 0;
}

int32_t multi_skip_op(struct jute_reader *body, int32_t type)
{
    int32_t flags = -1;
    (void)jute_read_bytes(body); /* the path comes first in all of them */
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        flags = create_skip_to_flags(body);
        if (type == ZK_OP_CREATE_TTL) {
            (void)jute_read_i64(body);
        }
        break;
    case ZK_OP_SET_DATA:
        (void)jute_read_bytes(body);
        (void)jute_read_i32(body);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
        (void)jute_read_i32(body);
        break;
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
        (void)jute_read_bool(body);
        break;
    default:
        body->error = ERR_INVALID;
        break;
    }
    return flags;
}

int32_t create_skip_to_flags(struct jute_reader *body)
{
    (void)jute_read_bytes(body);
    int32_t count = jute_read_count(body, 12);
    for (int32_t i = 0; i < count; i++) {
        (void)jute_read_i32(body);
        (void)jute_read_bytes(body);
        (void)jute_read_bytes(body);
    }
    return jute_read_i32(body);
}

static bool is_read_op(int32_t type)
{
    return type == ZK_OP_GET_DATA || type == ZK_OP_GET_CHILDREN;
}

/* The whole body is decoded before anything is read; false when it cannot be: too many ops, both
 * reads and writes, an unknown type, bytes that end too early. */
static bool decode_ops(struct jute_reader body, int32_t ops_max)
{
    struct read_op op = {0};
    bool done = false;
    int32_t reads = 0;
    int32_t count = 0;
    while (read_header(&body, &op.type, &done) && !done) {
        reads += is_read_op(op.type) ? 1 : 0;
        multi_skip_op(&body, op.type);
        count += 1;
        if (body.error != 0 || count > ops_max || (reads != 0 && reads != count)) {
            return false;
        }
    }
    return body.error == 0;
}

static void append_header(struct buffer *out, int32_t type, bool done, int32_t error)
{
    jute_write_i32(out, type);
    jute_write_bool(out, done);
    jute_write_i32(out, error);
}

static void answer_op(struct turn *turn, struct service_conn *conn, const struct read_op *op)
{
    struct buffer *out = &turn->outbox->bytes;
    size_t start = out->len;
    append_header(out, op->type, false, ZK_ERR_OK);
    /* An op in a multiRead never sets a watch, whatever its flag says. */
    int32_t error = op->type == ZK_OP_GET_DATA ? read_data(turn, conn, op->path, false)
                                               : read_children(turn, conn, op->path, false, false);
    if (error != ZK_ERR_OK) {
        out->len = start;
        append_header(out, ZK_OP_ERROR, false, error);
        jute_write_i32(out, error);
    }
}

int32_t read_multi(struct turn *turn, struct service_conn *conn, struct jute_reader *body)
{
    const struct service_config *config = turn->service->config;
    struct buffer *out = &turn->outbox->bytes;
    size_t start = out->len;
    if (!decode_ops(*body, config->multi_ops_max)) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    struct read_op op = {0};
    bool done = false;
    int32_t error = ZK_ERR_OK;
    while (error == ZK_ERR_OK && read_header(body, &op.type, &done) && !done) {
        op.path = jute_read_bytes(body);
        if (!is_read_op(op.type) || slice_is_null(op.path)) {
            error = ZK_ERR_MARSHALLINGERROR;
            break;
        }
        (void)jute_read_bool(body);
        answer_op(turn, conn, &op);
        if (out->len - start + MULTI_HEADER_BYTES > config->multi_response_bytes_max) {
            out->len = start;
            return ZK_ERR_MARSHALLINGERROR;
        }
    }
    append_header(out, ZK_OP_ERROR, true, ZK_OP_ERROR);
    return error;
}
