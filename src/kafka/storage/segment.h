/* segment.h - one segment of a log: a file of batches, its indexes, and what is known of them.
 *
 * Model: a segment at rest is a struct of some 250 bytes: base offset and size, no descriptor and
 * no index. Reading from it or appending to it makes it resident (segment_pool.h): the file open,
 * both indexes in memory. The active segment's newest index entries live in memory alone until the
 * segment is sealed or put to rest; a crash loses them, and recovery makes them anew, as Apache's
 * does with every segment behind the recovery point.
 *
 * The active segment also remembers where its last SEGMENT_RECENT batches lie, so that readers at
 * the tail, and the position of the high watermark, cost neither a read nor a search in the file.
 *
 * Appends may be collected (segment_append.may_wait) until segment_write_out: many small batches of
 * one turn are one write. `size` counts them; whatever reads the file writes them out first.
 *
 * Ownership: the log (or the cleaner) owns its segments. Errors: ERR_CORRUPT is a batch that cannot
 * be where one must be; everything else is the disk. Source: LogSegment of Apache Kafka 3.9.
 */
#ifndef KAFKA_STORAGE_SEGMENT_H
#define KAFKA_STORAGE_SEGMENT_H

#include "kafka/storage/log_files.h"
#include "kafka/storage/offset_index.h"
#include "kafka/storage/segment_pool.h"
#include "kafka/storage/time_index.h"
#include "kafka/storage/txn_index.h"
#include "wire/record_batch.h"

#define SEGMENT_RECENT 64u
#define SEGMENT_SIZE_MAX ((uint64_t)INT32_MAX)
#define TIMESTAMP_UNKNOWN INT64_MIN
#define SEGMENT_WAIT_BYTES_MAX ((size_t)16 * 1024)     /* an append that may be collected */
#define SEGMENT_PENDING_BYTES_MAX ((size_t)256 * 1024) /* collected in all */

/* Where segments live: shared by all of one log. */
struct segment_place {
    struct runtime *runtime;
    struct segment_pool *pool;
    const char *dir;
};

/* What the frame and header of a batch tell, without its records. */
struct batch_place {
    uint64_t position;
    uint32_t size;       /* the whole of it */
    int64_t base_offset; /* magic 0/1: as last_offset */
    int64_t last_offset;
    int32_t leader_epoch;
    int8_t magic;
    int16_t attributes;
    int64_t max_timestamp_ms;
};

struct recent_batches {
    struct batch_place at[SEGMENT_RECENT]; /* a ring */
    uint32_t next;
    uint32_t count;
};

struct segment {
    struct list resident_link; /* of the pool; empty when at rest */
    struct segment_place *place;
    const char *suffix; /* SUFFIX_* of its files */
    int64_t base_offset;
    uint64_t size;
    int64_t created_ms;         /* when this process made it or first saw it */
    int64_t first_timestamp_ms; /* of the first batch; TIMESTAMP_UNKNOWN before it was looked at */
    struct time_offset largest; /* timestamp_ms TIMESTAMP_UNKNOWN before the time index is loaded */
    struct segment_file *file;  /* NULL at rest */
    struct offset_index offsets;
    struct time_index times;
    struct recent_batches *recent; /* NULL: none yet */
    struct buffer *pending;        /* the last bytes, not yet in the file; NULL: none */
    int write_error;               /* of bytes that were put to rest and could not be written */
    uint32_t used_tick;
    uint32_t unindexed_bytes; /* appended since the last index entry */
    uint32_t aborted_count;   /* entries of the .txnindex, when known */
    bool knows_aborted;
    bool is_indexed;     /* both indexes are in memory */
    bool is_index_stale; /* the index files have entries that the lists do not */
    bool is_unsynced;    /* the file has bytes that no sync has covered */
    bool is_unsettled;   /* its indexes were written, or it was sealed: not synced yet */
};

/* ---- life ------------------------------------------------------------------------------------ */

/* An existing file of `size` bytes; nothing is read. */
struct segment *segment_known(struct segment_place *place,
                              int64_t base_offset,
                              uint64_t size,
                              const char *suffix);

/* Makes (or empties) the files. */
NODISCARD int segment_create(struct segment_place *place,
                             int64_t base_offset,
                             const char *suffix,
                             int64_t wall_ms,
                             struct segment **segment);

/* The same in two steps, for a folder that has no file of that base offset: until the second one
 * the segment may be closed, rested and freed, and nothing else. */
struct segment *segment_create_later(struct segment_place *place,
                                     int64_t base_offset,
                                     const char *suffix,
                                     int64_t wall_ms);
NODISCARD int segment_make_files(struct segment *segment);

/* Forgets it, without writing anything. */
void segment_free(struct segment *segment);

/* Makes it resident. A lost or damaged index is made anew from the file. */
NODISCARD int segment_wake(struct segment *segment);

/* The file alone: for readers that know their position. */
NODISCARD int segment_open_file(struct segment *segment);

/* Saves the indexes' new entries, gives descriptor and memory back. A failure to write is of no
 * weight: such a segment stands behind the recovery point, where every index is made anew. */
void segment_rest(struct segment *segment);

/* A clean end: the largest timestamp becomes the last time index entry (what opens the segment next
 * trusts it), and both indexes are saved. Does nothing when nothing was appended or loaded. */
NODISCARD int segment_settle(struct segment *segment);

/* No appends any more: the largest timestamp becomes the last time index entry, and both indexes
 * are saved. */
NODISCARD int segment_seal(struct segment *segment);

/* Renames every file that there is from the present suffix to `suffix`. */
NODISCARD int segment_rename(struct segment *segment, const char *suffix);

/* Removes the files of a base offset; absent ones are no error. */
NODISCARD int segment_remove_files(const struct segment_place *place,
                                   int64_t base_offset,
                                   const char *suffix);

/* ---- append ---------------------------------------------------------------------------------- */

struct segment_append {
    struct slice bytes; /* whole batches */
    int64_t last_offset;
    int64_t max_timestamp_ms;        /* -1: none */
    int64_t offset_of_max_timestamp; /* the last offset of the batch that has it */
    uint32_t index_interval_bytes;
    bool may_wait; /* for segment_write_out */
};

/* Is there room for so many bytes and for the relative offset? */
bool segment_takes(const struct segment *segment, size_t len, int64_t last_offset);

/* Writes behind the end. The caller has made the segment resident. */
NODISCARD int segment_append(struct segment *segment, const struct segment_append *append);

/* Writes what was collected. After an error nobody knows what is in the file: it comes again. */
NODISCARD int segment_write_out(struct segment *segment);

/* Remembers a batch that was just appended (only what is behind the others may be added). */
void segment_remember(struct segment *segment, const struct batch_place *batch);

NODISCARD int segment_append_aborted(struct segment *segment, const struct aborted_txn *txn);

/* ---- read ------------------------------------------------------------------------------------ */

/* The first batch whose last offset is not below `offset`. ERR_END: there is none. */
NODISCARD int segment_find(struct segment *segment, int64_t offset, struct batch_place *batch);

/* The same from what is remembered alone; false: look in the file. */
bool segment_find_recent(const struct segment *segment, int64_t offset, struct batch_place *batch);

/* Walks headers. The bytes of scan->chunk are the scan's own. */
#define SCAN_CHUNK 8192
#define SCAN_FIRST 512
struct batch_scan {
    struct segment *segment;
    uint64_t position; /* of the next batch */
    uint64_t end;
    uint64_t chunk_at;
    size_t chunk_len;
    size_t ahead; /* how much to read at once */
    uint8_t chunk[SCAN_CHUNK];
};
void batch_scan_init(struct batch_scan *scan,
                     struct segment *segment,
                     uint64_t position,
                     uint64_t end);

/* ERR_OK; ERR_END: no whole frame is left; ERR_CORRUPT: a size or magic that cannot be, or a batch
 * that ends behind `end`. */
NODISCARD int batch_scan_next(struct batch_scan *scan, struct batch_place *batch);

/* Reads the whole batch into `into` (cleared) and views it. ERR_CORRUPT as batch_view. */
NODISCARD int segment_read_batch(struct segment *segment,
                                 const struct batch_place *place,
                                 struct buffer *into,
                                 struct batch_view *view);

/* The entries of the transaction index, as txn_index_read. */
NODISCARD int segment_read_aborted(struct segment *segment,
                                   bool (*each)(void *ctx, const struct aborted_txn *txn),
                                   void *ctx);

/* The offset behind the last batch, by the index and the batches behind its last entry. */
NODISCARD int segment_next_offset(struct segment *segment, int64_t *next_offset);

/* first_timestamp_ms and largest, looked up when they are not known. */
NODISCARD int segment_know_times(struct segment *segment);

/* Finds `largest` by the time index and all batches behind its last entry. */
NODISCARD int segment_scan_largest(struct segment *segment);

/* The largest timestamp, or the file's modification time when its records have none. */
NODISCARD int segment_largest_timestamp(struct segment *segment, int64_t *timestamp_ms);

/* ---- repair ---------------------------------------------------------------------------------- */

/* Drops what lies at and above `offset`; *removed bytes went. The file is not synced. */
NODISCARD int segment_truncate(struct segment *segment, int64_t offset, uint64_t *removed);

/* Cuts the file at a position that is the begin of a batch, and forgets the indexes' entries. */
NODISCARD int segment_cut(struct segment *segment, uint64_t size);

/* Empties the indexes, for segment_index_batch to fill; the transaction index, too. */
NODISCARD int segment_begin_index(struct segment *segment);

/* Makes both indexes anew from the headers of all batches. */
NODISCARD int segment_reindex(struct segment *segment, uint32_t index_interval_bytes);

/* One step of that: this batch stands at its position, and its entries are made if they are due. */
void segment_index_batch(struct segment *segment,
                         const struct batch_place *batch,
                         uint32_t index_interval_bytes);

#endif
