/* leader_epochs.h - which leadership wrote which offsets.
 *
 * Model: a list {epoch, start_offset}, both ascending: epoch e wrote from its start up to the start
 * of the next one, the last one up to the log's end. Kept in the file "leader-epoch-checkpoint", as
 * text: version 0, the count, a line "EPOCH START" each; written through (temporary file, sync,
 * rename) when an epoch is added, since a follower's truncation hangs on it, and without a sync
 * when entries are dropped, since dropping them is repeated at the next start.
 *
 * Source: LeaderEpochFileCache, LeaderEpochCheckpointFile of Apache Kafka 3.9; KIP-101, KIP-279.
 */
#ifndef KAFKA_STORAGE_LEADER_EPOCHS_H
#define KAFKA_STORAGE_LEADER_EPOCHS_H

#include "runtime/runtime.h"

struct epoch_start {
    int32_t epoch;
    int64_t start_offset;
};

struct leader_epochs {
    struct epoch_start *entries;
    size_t count;
    size_t cap;
};

void leader_epochs_init(struct leader_epochs *epochs);
void leader_epochs_release(struct leader_epochs *epochs);

/* Absent: empty. ERR_CORRUPT for a file that no broker writes. */
NODISCARD int leader_epochs_load(struct leader_epochs *epochs,
                                 struct runtime *runtime,
                                 const char *dir);
NODISCARD int leader_epochs_save(const struct leader_epochs *epochs,
                                 struct runtime *runtime,
                                 const char *dir,
                                 bool sync);

/* Entries that would contradict the new one (epoch or offset not below it) go. True when the list
 * changed: save it. */
bool leader_epochs_assign(struct leader_epochs *epochs, int32_t epoch, int64_t start_offset);

/* True when the list changed. */
bool leader_epochs_truncate_end(struct leader_epochs *epochs, int64_t end_offset);
/* The entry that covers start_offset then starts there. */
bool leader_epochs_truncate_start(struct leader_epochs *epochs, int64_t start_offset);
bool leader_epochs_clear(struct leader_epochs *epochs);

int32_t leader_epochs_latest(const struct leader_epochs *epochs);             /* -1: none */
int32_t leader_epochs_of(const struct leader_epochs *epochs, int64_t offset); /* -1: none */

/* OffsetForLeaderEpoch; {-1, -1} when it cannot be told. */
void leader_epochs_end_of(const struct leader_epochs *epochs,
                          int32_t epoch,
                          int64_t log_end_offset,
                          int32_t *found_epoch,
                          int64_t *end_offset);

#endif
