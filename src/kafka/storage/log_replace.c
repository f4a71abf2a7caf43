/* log_replace.c - compaction's last step: old segments go, the new one comes. See partition_log.h.
 *
 *     the cleaner    BASE.log.cleaned ... synced, renamed to .swap, folder synced
 *     replace        the old ones are renamed to .deleted; reads go to the .swap file from now on
 *     the cleaner    folder synced
 *     replace_end    .swap is taken off the name
 *
 * After a power cut a .swap file is complete: the start drops what is left of its range and takes
 * the suffix off (recovery.c). Source: LocalLog.replaceSegments of Apache Kafka 3.9.
 */
#include "kafka/storage/log_internal.h"

static bool find_base(const struct partition_log *log, int64_t base, size_t *idx)
{
    size_t at = log_segment_at(log, base);
    *idx = at;
    return at < log->segment_count && log->segments[at]->base_offset == base;
}

int partition_log_replace(struct partition_log *log,
                          int64_t first_base,
                          int64_t last_base,
                          uint64_t size,
                          int64_t wall_ms)
{
    size_t first;
    size_t last;
    if (log->has_failed) {
        return ERR_IO;
    }
    if (!find_base(log, first_base, &first) || !find_base(log, last_base, &last) || first > last ||
        last + 1 >= log->segment_count) {
        return ERR_NOT_FOUND;
    }
    /* The producers' snapshot at the new segment's base is still that of its base. */
    int error = log_delete_segments(log, first + 1, last + 1, true);
    if (error == 0) {
        error = log_delete_segments(log, first, first + 1, false);
    }
    if (error != 0) {
        return log_fail(log, error);
    }
    struct segment *segment = segment_known(&log->place, first_base, size, SUFFIX_SWAP);
    segment->created_ms = wall_ms;
    memmove(log->segments + first + 1, log->segments + first,
            (log->segment_count - first) * sizeof(struct segment *));
    log->segments[first] = segment; /* one at least has just made room */
    log->segment_count += 1;
    log->size += size;
    return 0;
}

int partition_log_replace_end(struct partition_log *log, int64_t base)
{
    size_t idx;
    if (log->has_failed) {
        return ERR_IO;
    }
    if (!find_base(log, base, &idx) || strcmp(log->segments[idx]->suffix, SUFFIX_SWAP) != 0) {
        return 0; /* deleted meanwhile */
    }
    int error = segment_rename(log->segments[idx], SUFFIX_NONE);
    log->is_folder_unsynced = true;
    return error == 0 ? 0 : log_fail(log, error);
}
