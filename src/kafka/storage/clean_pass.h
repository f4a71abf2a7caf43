/* clean_pass.h - one pass of compaction over one log: what a worker does. Private to the cleaner.
 *
 *     MAP      the dirty part is read, from first_dirty to first_uncleanable, or until the map is
 * full: keys and their last offsets FILTER   the segments below the map's end are taken in groups
 * that fit into one segment; what stays is written to a new one with the suffix .cleaned SWAP the
 * new segment is synced and renamed to .swap: from here on it is complete. The host puts it in the
 * place of the old ones, and calls for SYNC     the folder's sync, before .swap is taken off the
 * name; then FILTER goes on DONE
 *
 * A pass has segments of its own over the log's files, and shares nothing with the log; it is
 * worked on in slices, and may be thrown away between any two. What it leaves behind then (.cleaned
 * files) the next start removes. A file that is gone, since its log was deleted, ends the pass with
 * ERR_NOT_FOUND.
 */
#ifndef KAFKA_STORAGE_CLEAN_PASS_H
#define KAFKA_STORAGE_CLEAN_PASS_H

#include "kafka/core/topic_config.h"
#include "kafka/storage/clean_filter.h"
#include "kafka/storage/segment.h"
#include "runtime/errmsg.h"

enum clean_phase {
    CLEAN_MAP,
    CLEAN_FILTER,
    CLEAN_SWAP, /* the host's turn: swap_* tell what */
    CLEAN_SYNC,
    CLEAN_DONE,
};

struct clean_source {
    int64_t base_offset;
    int64_t next_offset; /* the base of the next one */
    uint64_t size;
};

struct clean_pass_options {
    const char *dir;
    const struct clean_source *sources; /* of the log, from the first to the active one */
    size_t source_count;
    const struct topic_config *config;
    int64_t first_dirty_offset;
    int64_t first_uncleanable_offset; /* the base of one of the sources */
    const struct clean_producer *producers;
    size_t producer_count;
    int64_t wall_ms;
    size_t map_bytes_max;
    double map_load;
    size_t io_bytes;
};

struct clean_pass;

struct clean_pass *clean_pass_create(struct runtime *runtime,
                                     const struct clean_pass_options *options);
void clean_pass_destroy(struct clean_pass *pass);

/* Removes the files of the group that is not finished or not swapped in: on the loop, when the pass
 * is given up. The folder may be another one's by now (a topic that was made again). */
void clean_pass_discard(struct clean_pass *pass);

/* On a worker: goes on for about slice_bytes of reading. Returns at a change to SWAP or DONE, too.
 */
NODISCARD int clean_pass_work(struct clean_pass *pass,
                              uint64_t slice_bytes,
                              struct errmsg *message);

enum clean_phase clean_pass_phase(const struct clean_pass *pass);

/* In SWAP: the segments with these bases give way to the one that stands at first_base with the
 * suffix .swap. */
struct clean_swap {
    int64_t first_base;
    int64_t last_base;
    uint64_t size;
};
struct clean_swap clean_pass_swap(const struct clean_pass *pass);

/* The host has swapped: on to SYNC. After the work of SYNC, `is_synced` once: take the suffix off.
 */
void clean_pass_swapped(struct clean_pass *pass);
bool clean_pass_take_synced(struct clean_pass *pass, int64_t *base_offset);

struct clean_figures {
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t records_read;
    uint64_t records_kept;
    int64_t end_offset; /* clean up to here, when it is DONE */
    size_t map_keys;
    bool map_was_full;
};
struct clean_figures clean_pass_figures(const struct clean_pass *pass);

#endif
