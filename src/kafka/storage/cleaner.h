/* cleaner.h - log compaction: of every key the last value stays.
 *
 * The store's own; see cleaner.c for how it works. One pass at a time, over the log that needs it
 * most, in slices on LANE_CLEAN. Nothing above the last stable offset, in the active segment, or
 * younger than min.compaction.lag.ms is touched. A log that cannot be cleaned (a record without a
 * key is no reason; a batch that cannot be read is) is left out until the next start, and told in
 * the log and the metrics.
 * Sources: LogCleaner, LogCleanerManager, Cleaner of Apache Kafka 3.9; KIP-58, KIP-354, KIP-534.
 */
#ifndef KAFKA_STORAGE_CLEANER_H
#define KAFKA_STORAGE_CLEANER_H

#include "kafka/storage/log_store.h"

struct log_cleaner;

struct log_cleaner *cleaner_create(struct log_store *store);

/* Begins a pass when none runs and a log needs one. */
void cleaner_consider(struct log_cleaner *cleaner);

/* The pass that runs ends soon, and no other begins. */
void cleaner_cancel(struct log_cleaner *cleaner);

/* The log goes away (deleted, or its directory failed): what the pass makes of it is thrown away.
 */
void cleaner_forget(struct log_cleaner *cleaner, const struct stored_log *stored);

void cleaner_detach(struct log_cleaner *cleaner);

/* Frees it; its job, if one runs, is the store's to release before. */
void cleaner_destroy(struct log_cleaner *cleaner);

/* ---- choosing (for tests) ---------------------------------------------------------------------
 */

struct cleanable {
    int64_t first_dirty_offset;
    int64_t first_uncleanable_offset; /* a segment's base */
    uint64_t clean_bytes;
    uint64_t cleanable_bytes;
    double ratio;
    bool is_due; /* max.compaction.lag.ms */
};

/* How things stand with one log. False when nothing of it can be cleaned now. ERR_* in *error: a
 * segment's timestamps cannot be read. */
bool cleaner_assess(struct stored_log *log,
                    int64_t wall_ms,
                    struct cleanable *cleanable,
                    int *error);

#endif
