/* txn.c - transactions as bytes.
 *
 * A log holds what many versions wrote, and the bytes do not say which. Three things are told apart
 * by where the bytes end, as upstream does:
 *   - a create without the parent's cversion (before 3.4) ends one int too early: it is read again
 * in the old form;
 *   - a closeSession may have no body (before 3.6, or closeSessionTxn.enabled=false), with or
 * without a digest behind it;
 *   - a digest is there when at least its 12 bytes are left. What follows it is not looked at.
 */
#include "zookeeper/core/txn.h"

#define DIGEST_BYTES 12
#define DIGEST_VERSION_MARK 2
#define DECODED_PER_BYTE 16 /* an array element takes at most this many times its encoded bytes */
#define DECODED_BASE 4096

/* The record of a type; NULL when a txn of that type is unknown here. */
static const struct codec_message *record_message(int32_t type)
{
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        return &zk_create_txn_message;
    case ZK_OP_CREATE_TTL:
        return &zk_create_ttl_txn_message;
    case ZK_OP_CREATE_CONTAINER:
        return &zk_create_container_txn_message;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        return &zk_delete_txn_message;
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        return &zk_set_data_txn_message;
    case ZK_OP_SET_ACL:
        return &zk_set_acl_txn_message;
    case ZK_OP_CREATE_SESSION:
        return &zk_create_session_txn_message;
    case ZK_OP_CLOSE_SESSION:
        return &zk_close_session_txn_message;
    case ZK_OP_ERROR:
        return &zk_error_txn_message;
    case ZK_OP_MULTI:
        return &zk_multi_txn_message;
    default:
        return NULL;
    }
}

/* The same for a part of a multi, which may be fewer types and one more. */
static const struct codec_message *part_message(int32_t type)
{
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
    case ZK_OP_SET_DATA:
    case ZK_OP_ERROR:
        return record_message(type);
    case ZK_OP_CHECK:
        return &zk_check_version_txn_message;
    default:
        return NULL;
    }
}

/* Bounds what `in` can make the arena hold: never more than fits. */
static struct codec_limits limits_for(struct slice in, const struct arena *arena)
{
    size_t wanted = in.len > SIZE_MAX / DECODED_PER_BYTE - DECODED_BASE
                        ? SIZE_MAX
                        : in.len * DECODED_PER_BYTE + DECODED_BASE;
    return (struct codec_limits){
        .max_string_bytes = in.len,
        .max_decoded_bytes = MIN(wanted, arena_room(arena)),
    };
}

static int decode(const struct codec_message *message,
                  struct slice *in,
                  struct arena *arena,
                  void *value)
{
    struct codec_limits limits = limits_for(*in, arena);
    return codec_decode(message, 0, in, &limits, arena, value);
}

static int decode_create(struct slice *in, struct arena *arena, struct zk_create_txn *create)
{
    struct slice again = *in;
    int error = decode(&zk_create_txn_message, in, arena, create);
    if (error != ERR_TRUNCATED) {
        return error;
    }
    struct zk_create_txn_v0 old;
    *in = again;
    error = decode(&zk_create_txn_v0_message, in, arena, &old);
    if (error != ERR_OK) {
        return error;
    }
    *create = (struct zk_create_txn){
        .path = old.path,
        .data = old.data,
        .acl = old.acl,
        .acl_count = old.acl_count,
        .ephemeral = old.ephemeral,
        .parent_cversion = -1,
    };
    return ERR_OK;
}

/* No body, or a digest in its place. Twelve bytes that begin like a digest could also be a list of
 * two empty paths, which no server writes: that is a digest whatever follows it, so that what was
 * read is written as it was read. */
static bool is_close_session_bare(struct slice rest)
{
    if (rest.len < DIGEST_BYTES || load_be32(rest.ptr) != DIGEST_VERSION_MARK) {
        return rest.len == 0;
    }
    bool has_two_empty_paths = (int32_t)load_be32(rest.ptr + 4) <= 0 &&
                               (int32_t)load_be32(rest.ptr + 8) <= 0;
    return rest.len == DIGEST_BYTES || has_two_empty_paths;
}

static int decode_close_session(struct slice *in, struct arena *arena, struct txn *txn)
{
    if (is_close_session_bare(*in)) {
        return ERR_OK;
    }
    int error = decode(&zk_close_session_txn_message, in, arena, &txn->record.close_session);
    if (error == ERR_TRUNCATED) {
        txn->record.close_session = (struct zk_close_session_txn){0};
        *in = slice_part(*in, in->len, in->len);
        return ERR_OK;
    }
    txn->close_session_has_paths = error == ERR_OK &&
                                   txn->record.close_session.paths_to_delete_count >= 0;
    return error;
}

static int decode_record(struct slice *in, struct arena *arena, struct txn *txn)
{
    int32_t type = txn->header.type;
    if (type == ZK_OP_CREATE) {
        return decode_create(in, arena, &txn->record.create);
    }
    if (type == ZK_OP_CLOSE_SESSION) {
        return decode_close_session(in, arena, txn);
    }
    const struct codec_message *message = record_message(type);
    return message == NULL ? ERR_UNSUPPORTED : decode(message, in, arena, &txn->record);
}

int txn_decode(struct slice bytes, struct arena *arena, struct txn *txn)
{
    struct slice rest = bytes;
    memset(txn, 0, sizeof *txn);
    int error = decode(&zk_txn_header_message, &rest, arena, &txn->header);
    if (error == ERR_OK) {
        error = decode_record(&rest, arena, txn);
    }
    if (error == ERR_OK && rest.len >= DIGEST_BYTES) {
        error = decode(&zk_txn_digest_message, &rest, arena, &txn->digest);
        txn->has_digest = error == ERR_OK;
    }
    return error;
}

int txn_decode_part(const struct txn *multi, int32_t index, struct arena *arena, struct txn *part)
{
    ASSERT(multi->header.type == ZK_OP_MULTI && index >= 0 &&
           index < multi->record.multi.txns_count);
    const struct zk_txn *encoded = &multi->record.multi.txns[index];
    const struct codec_message *message = part_message(encoded->type);
    memset(part, 0, sizeof *part);
    part->header = multi->header;
    part->header.type = encoded->type;
    if (message == NULL) {
        return ERR_UNSUPPORTED;
    }
    struct slice rest = encoded->data;
    return decode(message, &rest, arena, &part->record);
}

void txn_encode(const struct txn *txn, struct buffer *out)
{
    int error = codec_encode(&zk_txn_header_message, 0, &txn->header, out);
    ASSERT(error == ERR_OK);
    const struct codec_message *message = record_message(txn->header.type);
    ASSERT(message != NULL);
    if (txn->header.type != ZK_OP_CLOSE_SESSION || txn->close_session_has_paths) {
        error = codec_encode(message, 0, &txn->record, out);
        ASSERT(error == ERR_OK);
    }
    if (txn->has_digest) {
        error = codec_encode(&zk_txn_digest_message, 0, &txn->digest, out);
        ASSERT(error == ERR_OK);
    }
}
