/* record_batch.h - the unit of Kafka's log and wire: batches of magic 2, and the message sets of
 * magic 0 and 1 that came before.
 *
 * A batch (all numbers big-endian):
 *
 *      0  base_offset            int64     8  batch_length (behind this field)  int32
 *     12  partition_leader_epoch int32    16  magic                             int8
 *     17  crc (CRC-32C of [21, end))      21  attributes                        int16
 *     23  last_offset_delta      int32    27  base_timestamp_ms                 int64
 *     35  max_timestamp_ms       int64    43  producer_id                       int64
 *     51  producer_epoch         int16    53  base_sequence                     int32
 *     57  record_count           int32    61  records, compressed by attributes & 7
 *
 * base_offset and partition_leader_epoch lie outside the CRC, so a broker stamps them in place.
 * Magic 0 and 1 share the first 17 bytes' frame: offset int64, size int32, crc32 (IEEE) uint32,
 * magic int8 at 16: every reader finds magic at offset 16.
 *
 * Nothing here trusts a length: views check all bytes they tell of. Slices borrow from the input.
 * Sources: DefaultRecordBatch, DefaultRecord, LegacyRecord, AbstractLegacyRecordBatch of Apache
 * Kafka 3.9; KIP-98, KIP-32, KIP-31.
 */
#ifndef WIRE_RECORD_BATCH_H
#define WIRE_RECORD_BATCH_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/errors.h"
#include "wire/compress.h"

#define BATCH_LOG_OVERHEAD 12 /* base_offset and batch_length: the frame that all magics share */
#define BATCH_HEADER_BYTES 61 /* of magic 2 */
#define LEGACY_HEADER_BYTES_MIN 14 /* crc, magic, attributes, key and value lengths of magic 0 */

#define BATCH_ATTRIBUTE_CODEC 7
#define BATCH_ATTRIBUTE_LOG_APPEND_TIME 8
#define BATCH_ATTRIBUTE_TRANSACTIONAL 16
#define BATCH_ATTRIBUTE_CONTROL 32
#define BATCH_ATTRIBUTE_DELETE_HORIZON 64

#define NO_TIMESTAMP ((int64_t)-1)
#define NO_PRODUCER_ID ((int64_t)-1)
#define NO_PRODUCER_EPOCH ((int16_t)-1)
#define NO_SEQUENCE ((int32_t)-1)

/* One batch, or one (possibly compressed) message of magic 0 or 1, seen as a batch. */
struct batch_view {
    struct slice bytes; /* the whole of it, frame included */
    /* magic 0/1: as last_offset: what a wrapper holds is known when unpacked */
    int64_t base_offset;
    int64_t last_offset; /* magic 0/1: the offset field, which is the last one of a wrapper */
    int32_t partition_leader_epoch; /* -1 for magic 0/1 */
    int8_t magic;
    int16_t attributes;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms; /* NO_TIMESTAMP for magic 0 */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count; /* as the header says; magic 0/1: -1 when compressed, else 1 */
    struct slice records; /* behind the header; magic 0/1: the value of a wrapper, else from the
                             key's length on */
};

/* Views the batch at the front of `in`. ERR_TRUNCATED: `in` ends inside it (*need, when not NULL,
 * gets the whole size, or BATCH_LOG_OVERHEAD + 5 when even that is not there). ERR_CORRUPT: a size
 * or magic that cannot be. The CRC is not looked at. */
NODISCARD int batch_view(struct slice in, struct batch_view *view, size_t *need);

/* ERR_CHECKSUM when the stored CRC is not that of the bytes. */
NODISCARD int batch_check_crc(const struct batch_view *view);

static inline int batch_codec(const struct batch_view *view)
{
    return view->attributes & BATCH_ATTRIBUTE_CODEC;
}
static inline bool batch_is_control(const struct batch_view *view)
{
    return view->magic == 2 && (view->attributes & BATCH_ATTRIBUTE_CONTROL) != 0;
}
static inline bool batch_is_transactional(const struct batch_view *view)
{
    return view->magic == 2 && (view->attributes & BATCH_ATTRIBUTE_TRANSACTIONAL) != 0;
}

/* The last sequence of the batch, wrapping from 2^31-1 to 0; NO_SEQUENCE without a producer. */
int32_t batch_last_sequence(const struct batch_view *view);

/* In place, outside the CRC. */
void batch_stamp(uint8_t *batch, int64_t base_offset, int32_t partition_leader_epoch);

/* LogAppendTime: sets the attribute bit and max_timestamp_ms, and makes the CRC anew. `batch` is
 * one whole batch of magic 2 that batch_view has seen. */
void batch_stamp_append_time(uint8_t *batch, size_t len, int64_t timestamp_ms);

/* Makes the CRC of a batch of magic 2 anew, after something inside of it was changed. */
void batch_stamp_crc(uint8_t *batch, size_t len);

/* ---- records --------------------------------------------------------------------------------- */

struct record_header {
    struct slice key;
    struct slice value; /* may be null */
};

struct record {
    int64_t offset; /* absolute: base_offset of the batch + the record's delta */
    int64_t timestamp_ms;
    int32_t sequence;
    struct slice key;     /* may be null */
    struct slice value;   /* may be null */
    struct slice headers; /* encoded, behind their count; see record_headers_next */
    int32_t header_count;
    struct slice bytes; /* the record as it is encoded, its length field included */
    int8_t attributes;  /* of magic 0/1 the message's; 0 in magic 2 so far */
};

/* Walks the records of one batch, unpacking it first when it is compressed. */
struct record_iterator {
    const struct batch_view *batch;
    struct slice rest;
    int32_t left;            /* by the header's count; -1: until the bytes end (legacy) */
    struct buffer *unpacked; /* the caller's scratch, holds the records while iterating */
    int64_t legacy_base;     /* what inner offsets of magic 1 are relative to */
    bool legacy_plain;       /* magic 0/1, not compressed: the batch is its one record */
};

/* `scratch` receives the unpacked records of a compressed batch (cleared first), at most
 * max_bytes. ERR_* of decompress_append. The batch and scratch must outlive the iteration. */
NODISCARD int record_iterator_init(struct record_iterator *iterator,
                                   const struct batch_view *batch,
                                   size_t max_bytes,
                                   struct buffer *scratch);

/* ERR_OK: *record is the next. ERR_END: there was no further one, and the count and the bytes
 * agree. ERR_CORRUPT: a length, a count or an offset that cannot be, or (of the messages in a
 * wrapper of magic 0 or 1) a wrong CRC. Keys, values and headers were checked to lie inside their
 * record. */
NODISCARD int record_iterator_next(struct record_iterator *iterator, struct record *record);

/* Takes the next header off *headers (begin with record.headers, header_count times). */
NODISCARD int record_headers_next(struct slice *headers, struct record_header *header);

/* ---- building -------------------------------------------------------------------------------- */

struct batch_build {
    int8_t magic; /* 0-2 */
    int codec;
    int32_t level;      /* COMPRESSION_LEVEL_DEFAULT */
    int16_t attributes; /* of magic 2, without the codec: transactional, control, append time */
    int64_t base_offset;
    int32_t partition_leader_epoch;
    int64_t producer_id; /* NO_PRODUCER_ID */
    int16_t producer_epoch;
    int32_t base_sequence;
    int64_t log_append_time_ms; /* with BATCH_ATTRIBUTE_LOG_APPEND_TIME */
    int64_t delete_horizon_ms;  /* with BATCH_ATTRIBUTE_DELETE_HORIZON (KIP-534) */
};

/* Grows one batch (magic 2) or one message set (magic 0, 1) record by record. */
struct batch_builder {
    struct batch_build build;
    struct buffer *out;
    size_t start;        /* where in out it begins */
    struct buffer plain; /* records before compression */
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t last_offset;
    int64_t offset_of_max_timestamp;
    int32_t record_count;
    int error; /* ERR_LIMIT: a record had no room; batch_builder_finish says so */
};

void batch_build_defaults(struct batch_build *build); /* magic 2, none, no producer, epoch -1 */
void batch_builder_init(struct batch_builder *builder,
                        const struct batch_build *build,
                        struct buffer *out);

/* Offsets ascend from base_offset on; `headers` as record.headers (SLICE_NULL: none; magic 0/1 drop
 * them). A record that has no room is remembered as an error and adds nothing. */
void batch_builder_add(struct batch_builder *builder,
                       int64_t offset,
                       int64_t timestamp_ms,
                       struct slice key,
                       struct slice value,
                       struct slice headers,
                       int32_t header_count);

/* Appends the finished batch to out (nothing when no record was added) and frees what the builder
 * holds. last_offset_delta is that of the last record, or `last_offset` - base_offset when that is
 * larger (compaction keeps the range of a batch). ERR_LIMIT. */
NODISCARD int batch_builder_finish(struct batch_builder *builder, int64_t last_offset);
void batch_builder_release(struct batch_builder *builder);

/* What finish would append now, without compression: for callers that fill batches up to a size. */
size_t batch_builder_size(const struct batch_builder *builder);

/* Appends one header to `headers`, as batch_builder_add takes them. */
void record_header_append(struct buffer *headers, struct slice key, struct slice value);

/* ---- conversion, for old clients and old segments ---------------------------------------------
 */

/* Appends all batches of `in` in the form of `magic`; a truncated last batch is dropped.
 *
 * Up on produce (0, 1 -> 2): each compressed message becomes a batch, and so does each run of plain
 * ones. Offsets stay, unless they do not ascend, as those of some old producers: then each is one
 * above the one before. Down on fetch (2 -> 1, 0 and 1 -> 0): headers and producers are lost,
 * control batches left out, and so are plain records below first_offset (RecordsUtil.downConvert).
 * Batches whose magic is not above the wanted one come as they are when that is 0 or 1.
 *
 * The codec stays; zstd going down is ERR_UNSUPPORTED, as Apache refuses it. One batch unpacks to
 * at most max_bytes: ERR_LIMIT. ERR_CORRUPT and the like for batches that cannot be read (the CRC
 * is the caller's to check). After an error `out` is as before. */
NODISCARD int records_convert(struct slice in,
                              int8_t magic,
                              int64_t first_offset,
                              size_t max_bytes,
                              struct buffer *out);

#endif
