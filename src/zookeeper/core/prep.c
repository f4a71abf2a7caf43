/* prep.c - a write request becomes a transaction.
 *
 * Happy path: prep_request takes the next zxid, the op's handler checks the request against the
 * tree plus everything outstanding, appends the txn's record behind the header, and records what
 * the txn will make of each node; the tree's digest after it is appended. The host makes the txn
 * durable, the tree applies it, prep_applied forgets the records.
 *
 * What goes wrong: a request that fails its checks still becomes a txn, of type error, that carries
 * the code to whoever waits for the answer; its place in the order of zxids says what state it was
 * judged by. A body that cannot be decoded becomes nothing at all.
 *
 * Rejected: validating at apply time (one state instead of two, but a leader could not tell what it
 * proposes). Source: PrepRequestProcessor.
 */
#include "zookeeper/core/prep.h"

#include "base/memory.h"
#include "zookeeper/core/prep_private.h"

#define PREP_ARENA_CHUNK ((size_t)16 << 10)
#define TXN_HEADER_BYTES 32u
#define TXN_DIGEST_BYTES 12u

void prep_init(struct prep *prep, const struct prep_config *config, struct tree *tree)
{
    struct prep_private *private = mem_alloc_zeroed(sizeof *private);
    bytes_map_init(&private->paths, tree->config.hash_key);
    bytes_map_init(&private->quotas, tree->config.hash_key);
    list_init(&private->changes);
    list_init(&private->ephemerals);
    list_init(&private->spare);
    arena_init(&private->arena, PREP_ARENA_CHUNK, SIZE_MAX);
    buffer_init(&private->name, SIZE_MAX);
    *prep = (struct prep){
        .config = config, .tree = tree, .last_zxid = tree->last_processed_zxid, .private = private};
}

void prep_release(struct prep *prep)
{
    struct prep_private *private = prep->private;
    while (!list_is_empty(&private->changes)) {
        prep_change_release(private, CONTAINER_OF(private->changes.next, struct node_change, link));
    }
    struct list *link;
    while ((link = list_pop(&private->spare)) != NULL) {
        mem_free(CONTAINER_OF(link, struct node_change, link), sizeof(struct node_change));
    }
    bytes_map_release(&private->paths);
    bytes_map_release(&private->quotas);
    arena_release(&private->arena);
    buffer_release(&private->name);
    mem_free(private, sizeof *private);
    prep->private = NULL;
}

static int32_t prepare_create(struct prep_step *step, struct jute_reader *body)
{
    struct create_request create;
    if (!prep_read_create(step->prep, step->request->type, body, &create)) {
        return PREP_MALFORMED;
    }
    return prep_create(step, step->request->type, &create);
}

static int32_t prepare_delete(struct prep_step *step, struct jute_reader *body)
{
    struct slice path = jute_read_bytes(body);
    int32_t version = jute_read_i32(body);
    return body->error != 0 ? PREP_MALFORMED : prep_delete(step, path, version);
}

static int32_t prepare_set_data(struct prep_step *step, struct jute_reader *body)
{
    struct slice path = jute_read_bytes(body);
    struct slice data = jute_read_bytes(body);
    int32_t version = jute_read_i32(body);
    return body->error != 0 ? PREP_MALFORMED : prep_set_data(step, path, data, version);
}

void prep_restart(struct prep *prep, const struct prep_ensemble *ensemble)
{
    struct prep_private *private = prep->private;
    while (!list_is_empty(&private->changes)) {
        prep_change_release(private, CONTAINER_OF(private->changes.next, struct node_change, link));
    }
    prep->last_zxid = prep->tree->last_processed_zxid;
    prep->ensemble = *ensemble;
}

static int32_t prepare_reconfig(struct prep_step *step, struct jute_reader *body)
{
    struct prep_reconfig asked = {.zxid = step->zxid};
    asked.joining = jute_read_bytes(body);
    asked.leaving = jute_read_bytes(body);
    asked.new_members = jute_read_bytes(body);
    asked.version = jute_read_i64(body);
    return body->error != 0 ? PREP_MALFORMED : prep_reconfigure(step, &asked);
}

static int32_t prepare(struct prep_step *step)
{
    const struct prep_request *request = step->request;
    struct jute_reader body = jute_reader_of(request->body, step->prep->config->max_string_bytes);
    if (request->refused != ZK_ERR_OK) {
        return request->refused;
    }
    switch (request->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        return prepare_create(step, &body);
    case ZK_OP_DELETE:
        return prepare_delete(step, &body);
    case ZK_OP_DELETE_CONTAINER: {
        struct slice path = jute_read_bytes(&body);
        bool is_path = body.error == 0 &&
                       !slice_is_null(path); /* decoding it is where upstream trips over a null */
        return is_path ? prep_delete_container(step, path) : PREP_MALFORMED;
    }
    case ZK_OP_SET_DATA:
        return prepare_set_data(step, &body);
    case ZK_OP_SET_ACL:
        return prep_set_acl(step, &body);
    case ZK_OP_MULTI:
        return prep_multi(step);
    case ZK_OP_RECONFIG:
        return prepare_reconfig(step, &body);
    case ZK_OP_CREATE_SESSION:
        return prep_create_session(step);
    case ZK_OP_CLOSE_SESSION:
        return prep_close_session(step);
    default:
        UNREACHABLE(); /* the caller knows which types are writes */
    }
}

static void write_header(const struct prep_step *step, uint8_t *at, int32_t type)
{
    store_be64(at, (uint64_t)step->request->session_id);
    store_be32(at + 8, (uint32_t)step->request->cxid);
    store_be64(at + 12, (uint64_t)step->zxid);
    store_be64(at + 20, (uint64_t)step->wall_ms);
    store_be32(at + 28, (uint32_t)type);
}

int64_t prep_request(struct prep *prep,
                     const struct prep_request *request,
                     int64_t wall_ms,
                     struct buffer *out,
                     struct slice *quota_exceeded)
{
    struct prep_private *private = prep->private;
    if (list_is_empty(&private->changes)) {
        private->digest = prep->tree->digest;
    }
    arena_clear(&private->arena);
    struct prep_step step = {.prep = prep,
                             .request = request,
                             .zxid = prep->last_zxid + 1,
                             .wall_ms = wall_ms,
                             .out = out};
    size_t start = out->len;
    uint64_t digest = private->digest;
    buffer_reserve(out, TXN_HEADER_BYTES);
    out->len += TXN_HEADER_BYTES;
    int32_t error = prepare(&step);
    if (error == ZK_ERR_OK &&
        out->len + TXN_DIGEST_BYTES - start > prep->config->max_string_bytes) {
        /* Lists of "auth" are written out: what a client could send may become more than a learner
         * takes, and would keep the ensemble from working as long as it is in the log. */
        prep_rollback(&step, digest);
        error = ZK_ERR_MARSHALLINGERROR;
    }
    if (quota_exceeded != NULL) {
        *quota_exceeded = step.quota_exceeded;
    }
    if (error == PREP_MALFORMED) {
        out->len = start;
        return 0;
    }
    prep->last_zxid = step.zxid;
    if (error != ZK_ERR_OK) {
        /* Upstream's error txns carry no digest. */
        out->len = start + TXN_HEADER_BYTES;
        write_header(&step, out->data + start, ZK_OP_ERROR);
        jute_write_i32(out, error);
        return step.zxid;
    }
    write_header(&step, out->data + start, request->type);
    if (prep->config->digest_enabled) {
        jute_write_i32(out, TREE_DIGEST_VERSION);
        jute_write_i64(out, (int64_t)private->digest);
    }
    return step.zxid;
}

void prep_applied(struct prep *prep, int64_t zxid)
{
    struct prep_private *private = prep->private;
    while (!list_is_empty(&private->changes)) {
        struct node_change *change = CONTAINER_OF(private->changes.next, struct node_change, link);
        if (change->zxid > zxid) {
            break;
        }
        prep_change_release(private, change);
    }
}

size_t prep_outstanding(const struct prep *prep)
{
    return prep->private->change_count;
}

void prep_check(const struct prep *prep)
{
    ASSERT(prep->last_zxid >= prep->tree->last_processed_zxid);
    prep_changes_check(prep);
}
