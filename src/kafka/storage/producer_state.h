/* producer_state.h - what one log knows of its idempotent and transactional producers.
 *
 * Model: for each producer id its epoch, its last five batches (first and last sequence, last
 * offset), the epoch of the coordinator that wrote its last marker, and where its open transaction
 * begins. From the transactions follows the last stable offset: the first offset of the oldest
 * transaction that is open, or whose marker is not below the high watermark yet.
 *
 * Checking and applying are two calls, since the record is written between them: producer_check
 * changes nothing; producer_apply cannot fail.
 *
 * Snapshots: "OFFSET.snapshot" = version int16 (1), CRC-32C of the rest uint32, count int32, then
 * {producer_id int64, epoch int16, last_sequence int32, last_offset int64, offset_delta int32,
 * timestamp int64, coordinator_epoch int32, current_txn_first_offset int64 (-1: none)} each: all
 * producers as of OFFSET. Of the five batches only the last survives it.
 *
 * Sources: ProducerStateManager, ProducerStateEntry, ProducerAppendInfo of Apache Kafka 3.9;
 * KIP-98, KIP-360.
 */
#ifndef KAFKA_STORAGE_PRODUCER_STATE_H
#define KAFKA_STORAGE_PRODUCER_STATE_H

#include "base/map.h"
#include "kafka/storage/partition_log.h"
#include "kafka/storage/txn_index.h"

#define PRODUCER_BATCHES 5
#define PRODUCER_IDS_MAX 10000000 /* in a snapshot: more is damage */

struct producer_batch {
    int32_t last_sequence;
    int32_t offset_delta;
    int64_t last_offset;
    int64_t timestamp_ms;
};

struct producer_entry {
    int64_t producer_id;
    int64_t last_timestamp_ms;
    int64_t txn_first_offset; /* -1: no transaction is open */
    int32_t coordinator_epoch;
    int16_t producer_epoch;
    uint8_t batch_count;
    struct producer_batch batches[PRODUCER_BATCHES]; /* oldest first */
};

struct producer_txn {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset; /* the marker's; INT64_MAX while it is open */
};

struct producer_states {
    struct u64_map by_id;      /* struct producer_entry * */
    struct producer_txn *txns; /* by first_offset: open, or ended at or above the high watermark */
    size_t txn_count;
    size_t txn_cap;
};

void producer_states_init(struct producer_states *states);
void producer_states_release(struct producer_states *states);
void producer_states_clear(struct producer_states *states);

struct producer_entry *producer_find(const struct producer_states *states, int64_t producer_id);

/* ---- appends --------------------------------------------------------------------------------- */

struct producer_verdict {
    int16_t error; /* Kafka's code; 0: append it */
    bool is_duplicate;
    struct producer_batch duplicate;
};

/* The batch is `view` with the offsets it is going to have. marker_coordinator_epoch is that of a
 * control batch's marker (ignored otherwise). */
void producer_check(const struct producer_states *states,
                    const struct batch_view *view,
                    enum append_origin origin,
                    int32_t marker_coordinator_epoch,
                    struct producer_verdict *verdict);

/* The end of a transaction, as it goes to the transaction index. */
struct producer_ended_txn {
    bool has_ended; /* a marker ended a transaction that had records here */
    bool was_aborted;
    struct aborted_txn txn;
};

/* What a control batch says. ERR_CORRUPT, ERR_END (an empty one: the cleaner took the marker). */
struct producer_marker {
    int16_t type; /* 0 abort, 1 commit; others are not markers of transactions */
    int32_t coordinator_epoch;
    int64_t timestamp_ms;
};
NODISCARD int producer_read_marker(const struct batch_view *view, struct producer_marker *marker);

/* After the append, and when a log is read anew: `view` has its final offsets. `marker` NULL: not a
 * control batch, or an empty one. */
void producer_apply(struct producer_states *states,
                    const struct batch_view *view,
                    const struct producer_marker *marker,
                    struct producer_ended_txn *ended);

/* An open transaction that is known otherwise than by its first batch (a snapshot). */
void producer_begin_txn(struct producer_states *states, int64_t producer_id, int64_t first_offset);

/* ---- the rest -------------------------------------------------------------------------------- */

/* The first offset of an open transaction, or of one whose marker is at or above high_watermark;
 * high_watermark when there is none below it. Forgets those that are passed. */
int64_t producer_stable_offset(struct producer_states *states, int64_t high_watermark);

/* Forgets producers without an open transaction that were silent for expiration_ms. */
void producer_expire(struct producer_states *states, int64_t wall_ms, int64_t expiration_ms);

void producer_snapshot_encode(const struct producer_states *states, struct buffer *into);
/* Into empty states. ERR_CORRUPT, ERR_CHECKSUM: they are empty then, too. */
NODISCARD int producer_snapshot_decode(struct producer_states *states,
                                       struct slice bytes,
                                       int64_t wall_ms,
                                       int64_t expiration_ms);

#endif
