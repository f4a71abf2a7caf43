/* clean_filter.h - what compaction keeps of each batch. No file is touched here.
 *
 * Batches come in the order of their offsets. First the dirty part is read into the map
 * (clean_map_batch), then everything below its end passes clean_filter_batch, which says: as it is,
 * anew, or not at all. The rules:
 *
 *   a record stays when its key's last offset in the map is not above its own, or lies behind what
 *   was read into the map;
 *   a record without a key is dropped;
 *   a tombstone (no value) gives its batch a delete horizon, delete.retention.ms from now, when it
 * is first seen, and goes when that is past (KIP-534); magic 0 and 1: when the segment is older;
 *   records of aborted transactions are dropped; a marker stays as long as records of its
 *   transaction were seen, then gets a horizon as a tombstone does;
 *   the last batch of each active producer, and the last one of the round, stay, if only as a
 * header without records: sequences and offsets must not be forgotten.
 *
 * Offsets, producers, sequences, epochs and timestamps of what stays do not change; a batch keeps
 * its base and last offset also when its first or last record goes.
 *
 * Sources: Cleaner, CleanedTransactionMetadata, MemoryRecords.filterTo of Apache Kafka 3.9;
 * KIP-534.
 */
#ifndef KAFKA_STORAGE_CLEAN_FILTER_H
#define KAFKA_STORAGE_CLEAN_FILTER_H

#include "base/map.h"
#include "kafka/core/offset_map.h"
#include "kafka/storage/txn_index.h"
#include "wire/record_batch.h"

/* Which transactions were aborted, and which of them are under way where the reading is. */
struct clean_txns {
    const struct aborted_txn *aborted; /* all of the log, by first_offset; borrowed */
    size_t aborted_count;
    size_t next;                 /* of aborted, not yet begun */
    struct u64_map in_aborted;   /* producer -> struct open_aborted */
    struct u64_map in_committed; /* producers with records of a transaction that was not aborted */
};

/* `from`: where reading begins; transactions that ended before are over. */
void clean_txns_init(struct clean_txns *txns,
                     const struct aborted_txn *aborted,
                     size_t count,
                     int64_t from);
void clean_txns_release(struct clean_txns *txns);

/* What an active producer wrote last. */
struct clean_producer {
    int64_t producer_id;
    int64_t last_offset; /* -1: only markers are known */
    int16_t producer_epoch;
};

struct clean_filter {
    /* given */
    const struct offset_map *map;
    int64_t now_ms;
    int64_t delete_retention_ms;
    int64_t end_offset; /* of the round */
    bool retains_legacy_deletes;
    /* its own */
    struct clean_txns txns;
    struct u64_map producers; /* id -> struct clean_producer, borrowed */
    struct buffer unpacked;
    struct buffer rebuilt;
    uint64_t records_read;
    uint64_t records_kept;
    uint64_t keyless;
};

void clean_filter_init(struct clean_filter *filter,
                       const struct offset_map *map,
                       const struct aborted_txn *aborted,
                       size_t aborted_count,
                       const struct clean_producer *producers,
                       size_t producer_count);
void clean_filter_release(struct clean_filter *filter);

struct cleaned_batch {
    struct slice bytes; /* empty: nothing stays. Valid until the next call */
    int64_t last_offset;
    int64_t max_timestamp_ms;
    bool ends_aborted; /* a marker that stays ends this transaction: for the new index */
    struct aborted_txn aborted;
};

/* The batch's CRC has been checked. ERR_CORRUPT, ERR_LIMIT, ERR_UNSUPPORTED: it cannot be read. */
NODISCARD int clean_filter_batch(struct clean_filter *filter,
                                 const struct batch_view *view,
                                 struct cleaned_batch *cleaned);

/* Reads a batch's keys into the map, those at or above `from`. *is_full: there was no room; the map
 * tells (latest_offset) how far it goes. */
NODISCARD int clean_map_batch(struct offset_map *map,
                              struct clean_txns *txns,
                              const struct batch_view *view,
                              int64_t from,
                              struct buffer *unpacked,
                              bool *is_full);

#endif
