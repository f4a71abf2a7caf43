/* txn.h - a transaction: the only thing that changes a tree.
 *
 * Shape on disk and on the wire: TxnHeader, record by type, optionally TxnDigest. `bytes` is
 * exactly what the checksum of the transaction log covers, and what a PROPOSAL carries. Decoded
 * slices borrow from the bytes, arrays from the arena.
 * Old forms are accepted: CreateTxnV0 (no parentCVersion: -1, "the parent's current + 1"),
 * closeSession without body.
 * Source: org.apache.zookeeper.server.util.SerializeUtils, org.apache.zookeeper.txn.*, reference
 * 2.10.
 */
#ifndef ZOOKEEPER_CORE_TXN_H
#define ZOOKEEPER_CORE_TXN_H

#include "base/arena.h"
#include "base/buffer.h"
#include "generated/zookeeper/constants.h"
#include "generated/zookeeper/messages.h"

struct txn {
    struct zk_txn_header header;
    union {
        struct zk_create_txn create; /* create, create2 */
        struct zk_create_ttl_txn create_ttl;
        struct zk_create_container_txn create_container;
        struct zk_delete_txn delete;     /* delete, deleteContainer */
        struct zk_set_data_txn set_data; /* setData, reconfig */
        struct zk_set_acl_txn set_acl;
        struct zk_check_version_txn check_version; /* inside multi only */
        struct zk_create_session_txn create_session;
        /* has_paths tells an empty body from an empty list */
        struct zk_close_session_txn close_session;
        struct zk_error_txn error;
        struct zk_multi_txn multi; /* parts: type and raw bytes of each record */
    } record;
    bool close_session_has_paths;
    bool has_digest;
    struct zk_txn_digest digest;
};

/* Errors: those of codec_decode; ERR_UNSUPPORTED for a type this version does not know (header is
 * set then). */
NODISCARD int txn_decode(struct slice bytes, struct arena *arena, struct txn *txn);

/* The record of one part of a multi, as a txn of its own that carries the multi's header with the
 * part's type. */
NODISCARD int txn_decode_part(const struct txn *multi,
                              int32_t index,
                              struct arena *arena,
                              struct txn *part);

/* Appends header, record and digest. */
void txn_encode(const struct txn *txn, struct buffer *out);

#endif
