/* txn_index.h - the aborted transactions whose marker stands in one segment.
 *
 * Model: a file of 34-byte entries {version int16 = 0, producer_id int64, first_offset int64,
 * last_offset int64 (the marker's), last_stable_offset int64}, last_offset ascending. It is absent
 * as long as nothing was aborted, which is nearly always; so nothing of it is kept in memory but
 * the number of entries. Source: TransactionIndex, AbortedTxn of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_TXN_INDEX_H
#define KAFKA_STORAGE_TXN_INDEX_H

#include "runtime/runtime.h"

#define TXN_INDEX_ENTRY 34

struct aborted_txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
    int64_t last_stable_offset;
};

/* How many whole entries the file has; 0 when it is absent. */
NODISCARD int txn_index_count(struct runtime *runtime, const char *path, uint32_t *count);

/* Writes entry number `count` (behind those that are there). */
NODISCARD int txn_index_append(struct runtime *runtime,
                               const char *path,
                               uint32_t count,
                               const struct aborted_txn *txn);

/* Calls `each` for the entries in order, until it returns false. ERR_CORRUPT at an entry of another
 * version or that does not ascend. */
NODISCARD int txn_index_read(struct runtime *runtime,
                             const char *path,
                             bool (*each)(void *ctx, const struct aborted_txn *txn),
                             void *ctx);

/* Drops entries whose last_offset is at or above `offset`; *count becomes what is left. */
NODISCARD int txn_index_truncate(struct runtime *runtime,
                                 const char *path,
                                 int64_t offset,
                                 uint32_t *count);

#endif
