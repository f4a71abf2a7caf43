/* commit_log.c - the last committed transactions. */
#include "zookeeper/core/commit_log.h"

#include "zookeeper/core/quorum_packet.h"

#define ENTRY_HEADER_BYTES 12u
#define KEEP_BYTES ((size_t)1 << 20)

void commit_log_init(struct commit_log *log, int32_t count_max)
{
    *log = (struct commit_log){.count_max = MAX(count_max, 0)};
    buffer_init(&log->entries, SIZE_MAX);
}

void commit_log_release(struct commit_log *log)
{
    buffer_release(&log->entries);
    *log = (struct commit_log){0};
}

void commit_log_clear(struct commit_log *log)
{
    buffer_clear(&log->entries, KEEP_BYTES);
    log->start = 0;
    log->count = 0;
    log->min_zxid = 0;
    log->max_zxid = 0;
}

static void drop_oldest(struct commit_log *log)
{
    log->start += ENTRY_HEADER_BYTES + load_be32(log->entries.data + log->start + 8);
    log->count -= 1;
    if (log->count == 0) {
        commit_log_clear(log);
        return;
    }
    log->min_zxid = (int64_t)load_be64(log->entries.data + log->start);
    if (log->start > log->entries.len / 2) {
        buffer_consume(&log->entries, log->start);
        log->start = 0;
    }
}

void commit_log_add(struct commit_log *log, int64_t zxid, struct slice txn_bytes)
{
    if (log->count > 0 && zxid <= log->max_zxid) {
        return;
    }
    if (log->count > 0 && !zxid_follows(log->max_zxid, zxid)) {
        commit_log_clear(log);
    }
    uint8_t *at = buffer_reserve(&log->entries, ENTRY_HEADER_BYTES);
    store_be64(at, (uint64_t)zxid);
    store_be32(at + 8, (uint32_t)txn_bytes.len);
    log->entries.len += ENTRY_HEADER_BYTES;
    buffer_append(&log->entries, txn_bytes);
    log->min_zxid = log->count == 0 ? zxid : log->min_zxid;
    log->max_zxid = zxid;
    log->count += 1;
    while (log->count > (size_t)log->count_max ||
           (log->entries.len - log->start > COMMIT_LOG_BYTES_MAX && log->count > 0)) {
        drop_oldest(log);
    }
}

bool commit_log_next(const struct commit_log *log,
                     size_t *position,
                     int64_t *zxid,
                     struct slice *txn_bytes)
{
    size_t at = log->start + *position;
    if (at >= log->entries.len) {
        return false;
    }
    *zxid = (int64_t)load_be64(log->entries.data + at);
    size_t len = load_be32(log->entries.data + at + 8);
    *txn_bytes = slice_of(log->entries.data + at + ENTRY_HEADER_BYTES, len);
    *position += ENTRY_HEADER_BYTES + len;
    return true;
}

void commit_log_check(const struct commit_log *log)
{
    size_t position = 0;
    size_t count = 0;
    int64_t zxid = 0;
    int64_t previous = 0;
    struct slice bytes;
    while (commit_log_next(log, &position, &zxid, &bytes)) {
        ASSERT(count == 0 ? zxid == log->min_zxid : zxid_follows(previous, zxid));
        previous = zxid;
        count += 1;
    }
    ASSERT(count == log->count && previous == log->max_zxid);
    ASSERT(log->count <= (size_t)log->count_max);
}
