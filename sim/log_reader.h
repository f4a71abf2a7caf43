/* log_reader.h - the transaction log's file format, read a second time: for G. */
#ifndef SIM_LOG_READER_H
#define SIM_LOG_READER_H

#include "sim/protocol.h"

/* One part of a transaction, or the whole of one that is no multi. Slices borrow from its bytes. */
struct txn_part {
    int32_t type;
    struct slice path;
    struct slice data;
    struct slice acl; /* the list as it stands in the bytes, its count first */
    bool is_ephemeral;
    int32_t parent_cversion;
    int64_t ttl;
    int32_t version;
    int32_t error;
    int32_t timeout_ms;
    bool has_paths;     /* of a closeSession */
    struct slice paths; /* their bytes, the count first */
};

struct txn_record {
    int64_t client_id;
    int32_t cxid;
    int64_t zxid;
    int64_t time_ms;
    int32_t type;
    struct txn_part *parts; /* heap: of a multi any number, else one */
    int32_t part_count;
    bool has_digest;
    int32_t digest_version;
    uint64_t digest;
};

/* Calls each entry in order, up to the first that is not whole. Returns how many there were. */
size_t log_file_each(struct slice file,
                     void (*each)(void *ctx, int64_t zxid, struct slice txn),
                     void *ctx);

/* The entry at `offset` of a log file (0: the first one). Returns where the next one begins, 0 when
 * there is no whole entry. */
size_t log_file_next(struct slice file, size_t offset, int64_t *zxid, struct slice *txn);

/* False when the bytes are no transaction. Release the parts. */
bool txn_record_read(struct slice bytes, struct txn_record *txn);
void txn_record_release(struct txn_record *txn);

#endif
