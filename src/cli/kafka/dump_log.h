/* dump_log.h - what the files of kafka-dump-log share.
 *
 * Sources: DumpLogSegments, FileLogInputStream, OffsetIndex, TimeIndex, TransactionIndex,
 * ProducerStateManager.readSnapshot of Apache Kafka 3.9.
 */
#ifndef CLI_KAFKA_DUMP_LOG_H
#define CLI_KAFKA_DUMP_LOG_H

#include "base/arena.h"
#include "base/buffer.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"
#include "wire/record_batch.h"

#define DUMP_EXCEPTION_MAX 128
#define DUMP_BATCH_BYTES_MAX ((size_t)INT32_MAX) /* what one compressed batch may unpack to */

enum dump_decoder {
    DUMP_STRING,
    DUMP_INTEGER,
    DUMP_LONG,
    DUMP_BYTES,
};

enum dump_parser {
    DUMP_PARSE_DECODERS, /* by key_decoder and value_decoder */
    DUMP_PARSE_OFFSETS,
    DUMP_PARSE_TRANSACTIONS,
};

/* A pair of numbers that did not fit, told when all files are through. */
struct dump_mismatch {
    const char *path; /* absolute */
    int64_t a;
    int64_t b;
};

struct dump_mismatches {
    struct dump_mismatch *items;
    size_t count;
    size_t cap;
};

/* One file, read through a window. */
struct dump_file {
    struct file *file;
    uint64_t size;
    uint64_t window_start;
    struct buffer window;
};

struct dump {
    struct runtime *runtime;
    bool prints_data;
    bool is_deep;
    bool skips_metadata;
    bool verifies_only;
    bool checks_sanity_only;
    int32_t max_message_size;
    int32_t max_bytes;
    enum dump_parser parser;
    enum dump_decoder key_decoder;
    enum dump_decoder value_decoder;

    struct dump_mismatches index_mismatches;
    struct dump_mismatches time_mismatches;
    struct dump_mismatches time_order;
    struct dump_mismatches time_not_found;
    struct dump_mismatches gaps;

    struct arena paths;    /* what the lists above point to */
    struct buffer scratch; /* unpacked records */
    struct buffer key_text;
    struct buffer value_text;

    char exception[DUMP_EXCEPTION_MAX]; /* Java's class for what went wrong */
    struct errmsg message;
};

/* Sets the exception and its sentence; returns `error`. */
int dump_fail(struct dump *dump, int error, const char *exception, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void dump_note(struct dump_mismatches *list, const char *path, int64_t a, int64_t b);

/* ---- files ----------------------------------------------------------------------------------- */

NODISCARD int dump_open(struct dump *dump, const char *path, struct dump_file *file);
void dump_close(struct dump_file *file);

/* Bytes [position, position + len) of the file; they live until the next call. */
NODISCARD int dump_bytes(struct dump *dump,
                         struct dump_file *file,
                         uint64_t position,
                         size_t len,
                         struct slice *bytes);

/* The batch at `position` of a log that is looked at up to `end`. ERR_END: no whole one is there.
 */
NODISCARD int dump_batch(struct dump *dump,
                         struct dump_file *file,
                         const char *path,
                         uint64_t position,
                         uint64_t end,
                         struct batch_view *view);

/* "NoTimestampType", "CreateTime" or "LogAppendTime". */
const char *dump_timestamp_type(const struct batch_view *batch);

/* ---- one file type each; `path` as it was given ---------------------------------------------- */

NODISCARD int dump_log_file(struct dump *dump, const char *path, const char *absolute);
NODISCARD int dump_offset_index(struct dump *dump, const char *path, const char *absolute);
NODISCARD int dump_time_index(struct dump *dump, const char *path, const char *absolute);
NODISCARD int dump_txn_index(struct dump *dump, const char *path);
NODISCARD int dump_producer_snapshot(struct dump *dump, const char *path);

/* The number in front of the first '.' of the file's name. */
NODISCARD int dump_start_offset(struct dump *dump, const char *path, int64_t *offset);

#endif
