/* commit_log.h - the last transactions that were committed, in memory, to bring learners up to
 * date.
 *
 * Model: a queue of (zxid, bytes), in order and without a gap (ZOOKEEPER-4925): what does not
 * follow the newest entry empties the queue first, since a DIFF made of it would have a hole. What
 * is not newer than the newest is not taken. The oldest leave when there are more than count_max
 * (commitLogCount) or COMMIT_LOG_BYTES_MAX. Every server keeps one, since any may lead next.
 * Source: ZKDatabase.addCommittedProposal; reference 2.9.
 */
#ifndef ZOOKEEPER_CORE_COMMIT_LOG_H
#define ZOOKEEPER_CORE_COMMIT_LOG_H

#include "base/buffer.h"

#define COMMIT_LOG_BYTES_MAX ((size_t)64 << 20)

struct commit_log {
    int32_t count_max;
    size_t count;
    int64_t min_zxid; /* of the oldest; 0 when empty */
    int64_t max_zxid; /* of the newest; 0 when empty */
    /* private: i64 zxid, u32 length, bytes, each */
    struct buffer entries;
    size_t start; /* of the oldest one */
};

void commit_log_init(struct commit_log *log, int32_t count_max);
void commit_log_release(struct commit_log *log);
void commit_log_clear(struct commit_log *log);

/* `txn_bytes` is as in the transaction log. */
void commit_log_add(struct commit_log *log, int64_t zxid, struct slice txn_bytes);

/* Walks from the oldest to the newest: *position starts at 0. False at the end. The bytes borrow
 * until the next change. */
bool commit_log_next(const struct commit_log *log,
                     size_t *position,
                     int64_t *zxid,
                     struct slice *txn_bytes);
void commit_log_check(const struct commit_log *log);

#endif
