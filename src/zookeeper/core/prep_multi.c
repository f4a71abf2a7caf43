/* prep_multi.c - multi: several writes that become one txn, all or none.
 *
 * The whole body is decoded before anything is done: a multi that cannot be decoded is refused as a
 * whole (-5). Then each op is prepared against the changes of those before it. When one fails, all
 * change records of this zxid are rolled back, and the txn says so: the real records of the ops
 * before it, an error record with its code, and -2 for each op behind it. Such a txn changes
 * nothing when it is applied, but it is logged and uses up its zxid.
 *
 * Sources: PrepRequestProcessor (case multi), MultiOperationRecord.deserialize, Op.
 */
#include "zookeeper/core/prep_private.h"

struct multi_op {
    int32_t type; /* as prepared: flags may have turned a create into another kind */
    int32_t version;
    struct create_request create; /* path and data for the others too */
};

/* CreateMode.fromFlag with a default: what MultiOperationRecord makes of a create's type and
 * flags. */
static bool read_create_op(struct prep *prep, struct jute_reader *body, struct multi_op *op)
{
    if (!prep_read_create(prep, op->type, body, &op->create) || op->create.acl_count < 0) {
        return false;
    }
    int32_t flags = op->create.flags;
    bool is_ttl = flags == ZK_CREATE_PERSISTENT_WITH_TTL ||
                  flags == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
    if (op->type == ZK_OP_CREATE_TTL) {
        if (!is_ttl) {
            op->type = flags == ZK_CREATE_CONTAINER ? ZK_OP_CREATE_CONTAINER : ZK_OP_CREATE;
            op->create.ttl = -1;
        }
        return true;
    }
    if (flags < ZK_CREATE_PERSISTENT || flags > ZK_CREATE_CONTAINER) {
        return false;
    }
    if (flags == ZK_CREATE_CONTAINER) {
        op->type = ZK_OP_CREATE_CONTAINER;
    }
    return true;
}

/* False when this is not an op of a write multi, or is cut short. */
static bool read_op(struct prep *prep, struct jute_reader *body, struct multi_op *op)
{
    switch (op->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        if (!read_create_op(prep, body, op)) {
            return false;
        }
        break;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
        op->create.path = jute_read_bytes(body);
        op->version = jute_read_i32(body);
        break;
    case ZK_OP_SET_DATA:
        op->create.path = jute_read_bytes(body);
        op->create.data = jute_read_bytes(body);
        op->version = jute_read_i32(body);
        break;
    default:
        return false;
    }
    return body->error == 0 && !slice_is_null(op->create.path);
}

static bool read_header(struct jute_reader *body, int32_t *type, bool *done)
{
    *type = jute_read_i32(body);
    *done = jute_read_bool(body);
    (void)jute_read_i32(body); /* err: means nothing in a request */
    return body->error == 0;
}

/* How many ops the body holds, -1 when it cannot be decoded. */
static int32_t count_ops(struct prep_step *step)
{
    struct prep *prep = step->prep;
    struct jute_reader body = jute_reader_of(step->request->body, prep->config->max_string_bytes);
    int32_t count = 0;
    struct multi_op op = {0};
    bool done = false;
    while (read_header(&body, &op.type, &done) && !done) {
        if (count == PREP_MULTI_OPS_MAX || !read_op(prep, &body, &op)) {
            return -1;
        }
        count += 1;
    }
    arena_clear(&prep->private->arena);
    return body.error == 0 ? count : -1;
}

static int32_t prepare_op(struct prep_step *step, const struct multi_op *op)
{
    switch (op->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        return prep_create(step, op->type, &op->create);
    case ZK_OP_DELETE:
        return prep_delete(step, op->create.path, op->version);
    case ZK_OP_CHECK:
        return prep_check_version(step, op->create.path, op->version);
    case ZK_OP_SET_DATA:
        return prep_set_data(step, op->create.path, op->create.data, op->version);
    default:
        UNREACHABLE(); /* read_op let nothing else pass */
    }
}

/* Appends Txn{type, buffer} for one op. */
static int32_t append_op(struct prep_step *step, const struct multi_op *op)
{
    struct buffer *out = step->out;
    size_t start = out->len;
    jute_write_i32(out, op->type);
    jute_write_i32(out, 0);
    int32_t error = prepare_op(step, op);
    if (error != ZK_ERR_OK) {
        out->len = start;
        return error;
    }
    store_be32(out->data + start + 4, (uint32_t)(out->len - start - 8));
    return ZK_ERR_OK;
}

static void append_error(struct buffer *out, int32_t error)
{
    jute_write_i32(out, ZK_OP_ERROR);
    jute_write_i32(out, 4);
    jute_write_i32(out, error);
}

int32_t prep_multi(struct prep_step *step)
{
    struct prep *prep = step->prep;
    uint64_t digest = prep->private->digest;
    int32_t count = count_ops(step);
    if (count < 0) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    struct jute_reader body = jute_reader_of(step->request->body, prep->config->max_string_bytes);
    int32_t failed = ZK_ERR_OK;
    jute_write_i32(step->out, count);
    for (int32_t i = 0; i < count; i++) {
        if (failed != ZK_ERR_OK) {
            append_error(step->out, ZK_ERR_RUNTIMEINCONSISTENCY);
            continue;
        }
        struct multi_op op = {0};
        bool done = false;
        bool is_read = read_header(&body, &op.type, &done) && read_op(prep, &body, &op);
        ASSERT(is_read && !done); /* count_ops has read the same */
        failed = append_op(step, &op);
        if (failed == ZK_ERR_MARSHALLINGERROR) {
            prep_rollback(step, digest);
            return failed; /* upstream fails the whole request then, without results */
        }
        if (failed != ZK_ERR_OK) {
            prep_rollback(step, digest);
            append_error(step->out, failed);
        }
    }
    return ZK_ERR_OK;
}
