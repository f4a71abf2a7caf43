/* kafka_dump_log.c - kafka-dump-log.sh: what is in the files of a partition's folder.
 *
 * Usage: kafka-dump-log --files F[,F...] [options]. The name tells what a file is:
 *   .log        each batch, and with --deep-iteration or --print-data-log each record in it
 *   .index      each entry, compared with the .log beside it
 *   .timeindex  each entry, compared with .log and .index
 *   .txnindex   aborted transactions
 *   .snapshot   producers
 * Anything else is ignored, and said to be. What did not fit is told on stderr at the end. Nothing
 * is written. Where Apache's tool ends with a Java exception, this one says its first line and ends
 * with the same code, 1. One thing is kinder: zeros at the end of a log (a segment that was
 * allocated ahead) are counted as invalid bytes, where Apache's tool ends with
 * CorruptRecordException.
 *
 * KRaft's and tiered storage's decoders are refused: this is Kafka on ZooKeeper.
 * Source: DumpLogSegments of Apache Kafka 2.7 and 3.9.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/kafka/dump_log.h"
#include "cli/kafka/kafka_options.h"
#include "cli/kafka/kafka_tools.h"
#include "cli/offline_tool.h"

#define WINDOW_BYTES ((size_t)256 * 1024)
#define MAGIC_END (BATCH_LOG_OVERHEAD + 5)
#define PATH_BYTES ((size_t)PATH_TEXT_MAX)

static const struct kafka_option options_table[] = {
    {.name = "print-data-log",
     .description = "Print what the records hold. Any decoder implies it."},
    {.name = "verify-index-only", .description = "Compare indexes without printing their entries."},
    {.name = "index-sanity-check",
     .description = "Make only the check of an index that a broker makes when it starts."},
    {.name = "files",
     .argument = KAFKA_OPTION_VALUE,
     .value_name = "file1, file2, ...",
     .description = "REQUIRED: data and index files, separated by commas."},
    {.name = "max-message-size",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Size of the largest message.",
     .default_value = "5242880"},
    {.name = "max-bytes",
     .argument = KAFKA_OPTION_VALUE,
     .type = "Integer",
     .value_name = "size",
     .description = "Read no more than this much of each log.",
     .default_value = "2147483647"},
    {.name = "deep-iteration", .description = "Look into batches. Printing records implies it."},
    {.name = "value-decoder-class",
     .argument = KAFKA_OPTION_OPTIONAL,
     .description = "How values become text: StringDecoder, IntegerDecoder, LongDecoder or "
                    "DefaultDecoder of org.apache.kafka.tools.api.",
     .default_value = "org.apache.kafka.tools.api.StringDecoder"},
    {.name = "key-decoder-class",
     .argument = KAFKA_OPTION_OPTIONAL,
     .description = "How keys become text.",
     .default_value = "org.apache.kafka.tools.api.StringDecoder"},
    {.name = "offsets-decoder", .description = "The log is one of __consumer_offsets."},
    {.name = "transaction-log-decoder", .description = "The log is one of __transaction_state."},
    {.name = "cluster-metadata-decoder",
     .description = "The log is one of KRaft's metadata (not supported here)."},
    {.name = "remote-log-metadata-decoder",
     .description = "The log is one of tiered storage's metadata (not supported here)."},
    {.name = "skip-record-metadata", .description = "Print of records only what they hold."},
};

const struct kafka_options_syntax kafka_dump_log_syntax = {
    .tool = "kafka-dump-log",
    .purpose = "Shows what is in the files of a log: segments, indexes, producer snapshots.",
    .options = options_table,
    .count = ARRAY_LEN(options_table),
    .is_uncaught = true,
};

/* ---- what the files share ---------------------------------------------------------------------
 */

int dump_fail(struct dump *dump, int error, const char *exception, const char *format, ...)
{
    va_list arguments;
    (void)snprintf(dump->exception, sizeof dump->exception, "%s", exception);
    va_start(arguments, format);
    (void)vsnprintf(dump->message.text, sizeof dump->message.text, format, arguments);
    va_end(arguments);
    return error;
}

void dump_note(struct dump_mismatches *list, const char *path, int64_t a, int64_t b)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        list->items = mem_realloc(list->items, list->cap * sizeof *list->items,
                                  cap * sizeof *list->items);
        list->cap = cap;
    }
    list->items[list->count++] = (struct dump_mismatch){path, a, b};
}

int dump_open(struct dump *dump, const char *path, struct dump_file *file)
{
    *file = (struct dump_file){0};
    buffer_init(&file->window, SIZE_MAX / 2);
    int err = file_open(dump->runtime, path, FILE_READ, &file->file);
    if (err == ERR_NOT_FOUND) {
        return dump_fail(dump, err, "java.nio.file.NoSuchFileException", "%s", path);
    }
    err = err != 0 ? err : file_size(file->file, &file->size);
    if (err != 0) {
        return dump_fail(dump, err, "java.nio.file.FileSystemException", "%s: %s (%s)", path,
                         error_text(err), runtime_error_detail());
    }
    return ERR_OK;
}

void dump_close(struct dump_file *file)
{
    if (file->file != NULL) {
        (void)file_close(file->file);
    }
    buffer_release(&file->window);
}

int dump_bytes(struct dump *dump,
               struct dump_file *file,
               uint64_t position,
               size_t len,
               struct slice *bytes)
{
    bool is_inside = position >= file->window_start &&
                     position + len <= file->window_start + file->window.len;
    if (!is_inside) {
        size_t wanted = (size_t)MIN(MAX(len, WINDOW_BYTES), file->size - position);
        buffer_clear(&file->window, MAX(wanted, WINDOW_BYTES));
        uint8_t *to = buffer_reserve(&file->window, MAX(wanted, (size_t)1));
        size_t got = 0;
        int err = file_read(file->file, position, to, wanted, &got);
        if (err != 0 || got < len) {
            err = err != 0 ? err : ERR_TRUNCATED;
            (void)dump_fail(dump, err, "java.io.IOException", "the file cannot be read at %llu: %s",
                            (unsigned long long)position, error_text(err));
            return err;
        }
        file->window.len = got;
        file->window_start = position;
    }
    *bytes = slice_of(file->window.data + (position - file->window_start), len);
    return ERR_OK;
}

/* Are there only zeros from here on? */
static bool is_blank(struct dump *dump, struct dump_file *file, uint64_t position, uint64_t end)
{
    while (position < end) {
        struct slice bytes;
        size_t len = (size_t)MIN(end - position, WINDOW_BYTES);
        if (dump_bytes(dump, file, position, len, &bytes) != 0) {
            return false;
        }
        for (size_t i = 0; i < len; i++) {
            if (bytes.ptr[i] != 0) {
                return false;
            }
        }
        position += len;
    }
    return true;
}

int dump_batch(struct dump *dump,
               struct dump_file *file,
               const char *path,
               uint64_t position,
               uint64_t end,
               struct batch_view *view)
{
    struct slice bytes;
    if (position > end || end - position <= MAGIC_END) {
        return ERR_END;
    }
    int err = dump_bytes(dump, file, position, MAGIC_END, &bytes);
    if (err != 0) {
        return err;
    }
    int32_t size = (int32_t)load_be32(bytes.ptr + 8);
    if (size < LEGACY_HEADER_BYTES_MIN) {
        if (size == 0 && is_blank(dump, file, position, end)) {
            return ERR_END;
        }
        return dump_fail(
            dump, ERR_CORRUPT, "org.apache.kafka.common.errors.CorruptRecordException",
            "Found record size %d smaller than minimum record overhead (%d) in file %s.", size,
            LEGACY_HEADER_BYTES_MIN, path);
    }
    uint64_t whole = BATCH_LOG_OVERHEAD + (uint64_t)size;
    if (end - position < whole) {
        return ERR_END;
    }
    err = dump_bytes(dump, file, position, (size_t)whole, &bytes);
    err = err != 0 ? err : batch_view(bytes, view, NULL);
    if (err == ERR_CORRUPT) {
        return dump_fail(dump, err, "org.apache.kafka.common.errors.CorruptRecordException",
                         "The batch at position %llu of %s has a header that cannot be.",
                         (unsigned long long)position, path);
    }
    return err;
}

const char *dump_timestamp_type(const struct batch_view *batch)
{
    if (batch->magic == 0) {
        return "NoTimestampType";
    }
    bool is_append_time = (batch->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
    return is_append_time ? "LogAppendTime" : "CreateTime";
}

int dump_start_offset(struct dump *dump, const char *path, int64_t *offset)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    struct slice number;
    struct slice rest;
    (void)text_cut(slice_of_cstr(name), '.', &number, &rest);
    bool has_sign = number.len > 0 && number.ptr[0] == '+';
    if (has_sign || text_parse_i64(number, offset) != 0) {
        return dump_fail(dump, ERR_INVALID, "java.lang.NumberFormatException",
                         "For input string: \"%.*s\"", (int)number.len, (const char *)number.ptr);
    }
    return ERR_OK;
}

/* ---- options ----------------------------------------------------------------------------------
 */

static int decoder_of(struct dump *dump, const char *name, enum dump_decoder *decoder)
{
    static const struct {
        const char *name;
        enum dump_decoder decoder;
    } known[] = {
        {"StringDecoder", DUMP_STRING},
        {"IntegerDecoder", DUMP_INTEGER},
        {"LongDecoder", DUMP_LONG},
        {"DefaultDecoder", DUMP_BYTES},
    };
    static const char *const packages[] = {"org.apache.kafka.tools.api.", "kafka.serializer."};
    for (size_t p = 0; p < ARRAY_LEN(packages); p++) {
        size_t len = strlen(packages[p]);
        for (size_t i = 0; strncmp(name, packages[p], len) == 0 && i < ARRAY_LEN(known); i++) {
            if (strcmp(name + len, known[i].name) != 0) {
                continue;
            }
            if (p == 1) {
                printf("%s is deprecated. Please use %s%s instead\n", name, packages[0],
                       known[i].name);
            }
            *decoder = known[i].decoder;
            return ERR_OK;
        }
    }
    return dump_fail(
        dump, ERR_INVALID, "java.lang.ClassNotFoundException",
        "%s (known are StringDecoder, IntegerDecoder, LongDecoder and DefaultDecoder of "
        "org.apache.kafka.tools.api: there are no Java classes here)",
        name);
}

static int read_decoders(struct dump *dump, const struct kafka_options *options)
{
    static const char *const unsupported[] = {"cluster-metadata-decoder",
                                              "remote-log-metadata-decoder"};
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
        if (kafka_options_has(options, unsupported[i])) {
            return dump_fail(dump, ERR_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                             "--%s is for logs that this broker does not write; use Apache Kafka's "
                             "kafka-dump-log for them",
                             unsupported[i]);
        }
    }
    if (kafka_options_has(options, "offsets-decoder")) {
        dump->parser = DUMP_PARSE_OFFSETS;
    } else if (kafka_options_has(options, "transaction-log-decoder")) {
        dump->parser = DUMP_PARSE_TRANSACTIONS;
    }
    dump->prints_data = dump->parser != DUMP_PARSE_DECODERS ||
                        kafka_options_has(options, "print-data-log") ||
                        kafka_options_has(options, "value-decoder-class") ||
                        kafka_options_has(options, "key-decoder-class");
    dump->is_deep = dump->prints_data || kafka_options_has(options, "deep-iteration");
    int err = decoder_of(dump, kafka_options_text(options, "value-decoder-class"),
                         &dump->value_decoder);
    return err != 0 ? err
                    : decoder_of(dump, kafka_options_text(options, "key-decoder-class"),
                                 &dump->key_decoder);
}

/* ---- all files, then what did not fit ---------------------------------------------------------
 */

static bool ends_with(const char *path, const char *suffix)
{
    size_t len = strlen(path);
    size_t suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(path + len - suffix_len, suffix) == 0;
}

static int dump_one(struct dump *dump, const char *path, const char *absolute)
{
    printf("Dumping %s\n", path);
    if (ends_with(path, ".log")) {
        return dump_log_file(dump, path, absolute);
    }
    if (ends_with(path, ".timeindex")) {
        return dump_time_index(dump, path, absolute);
    }
    if (ends_with(path, ".txnindex")) {
        return dump_txn_index(dump, path);
    }
    if (ends_with(path, ".index")) {
        return dump_offset_index(dump, path, absolute);
    }
    if (ends_with(path, ".snapshot")) {
        return dump_producer_snapshot(dump, path);
    }
    (void)fflush(stdout);
    fprintf(stderr, "Ignoring unknown file %s\n", path);
    return ERR_OK;
}

/* One heading for each file, then its pairs; Scala's lists have the last one first. A heading that
 * is a sentence does not name the file. */
static void tell(const struct dump_mismatches *list,
                 const char *heading,
                 const char *first,
                 const char *second,
                 const char *end,
                 bool is_reversed)
{
    for (size_t from = 0; from < list->count;) {
        size_t to = from;
        while (to < list->count && list->items[to].path == list->items[from].path) {
            to++;
        }
        bool names_file = strchr(heading, '.') == NULL;
        fprintf(stderr, "%s%s\n", heading, names_file ? list->items[from].path : "");
        for (size_t i = from; i < to; i++) {
            const struct dump_mismatch *item = &list->items[is_reversed ? to - 1 - (i - from) : i];
            fprintf(stderr, "%s%lld%s%lld%s\n", first, (long long)item->a, second,
                    (long long)item->b, end);
        }
        from = to;
    }
}

static void tell_all(const struct dump *dump)
{
    (void)fflush(stdout);
    tell(&dump->index_mismatches, "Mismatches in :", "  Index offset: ", ", log offset: ", "",
         true);
    tell(&dump->time_mismatches,
         "Found timestamp mismatch in :", "  Index timestamp: ", ", log timestamp: ", "", false);
    tell(&dump->time_order, "Found out of order timestamp in :", "  Index timestamp: ",
         ", Previously indexed timestamp: ", "", false);
    tell(&dump->time_not_found, "The following indexed offsets are not found in the log.",
         "Indexed offset: ", ", found log offset: ", "", false);
    tell(&dump->gaps, "Non-consecutive offsets in ", "  ", " is followed by ", "", true);
}

/* `files` is cut at its commas. */
static int dump_files(struct dump *dump, struct slice files)
{
    struct slice rest = files;
    bool is_more = true;
    int err = ERR_OK;
    while (err == 0 && is_more) {
        struct slice name;
        is_more = text_cut(rest, ',', &name, &rest);
        if (name.len == 0 && !is_more) {
            break; /* Java's split drops empty strings at the end */
        }
        if (name.len >= PATH_BYTES) {
            return dump_fail(dump, ERR_LIMIT, "java.nio.file.FileSystemException",
                             "a path of %zu bytes is too long", name.len);
        }
        char *path = arena_alloc_zeroed(&dump->paths, PATH_BYTES);
        char *absolute = arena_alloc_zeroed(&dump->paths, PATH_BYTES);
        memcpy(path, name.ptr, name.len);
        offline_tool_absolute(path, absolute, PATH_BYTES);
        err = dump_one(dump, path, absolute);
    }
    return err;
}

static int run(struct dump *dump, const struct kafka_options *options)
{
    int err = read_decoders(dump, options);
    err = err != 0 ? err : dump_files(dump, kafka_options_value(options, "files"));
    if (err == 0) {
        tell_all(dump);
        return 0;
    }
    (void)fflush(stdout);
    fprintf(stderr, "Exception in thread \"main\" %s: %s\n", dump->exception, dump->message.text);
    return 1;
}

static void dump_init(struct dump *dump)
{
    arena_init(&dump->paths, 16 * PATH_BYTES, SIZE_MAX / 2);
    buffer_init(&dump->scratch, DUMP_BATCH_BYTES_MAX);
    buffer_init(&dump->key_text, SIZE_MAX / 2);
    buffer_init(&dump->value_text, SIZE_MAX / 2);
}

static void dump_release(struct dump *dump)
{
    struct dump_mismatches *lists[] = {&dump->index_mismatches, &dump->time_mismatches,
                                       &dump->time_order, &dump->time_not_found, &dump->gaps};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        mem_free(lists[i]->items, lists[i]->cap * sizeof *lists[i]->items);
    }
    buffer_release(&dump->scratch);
    buffer_release(&dump->key_text);
    buffer_release(&dump->value_text);
    arena_release(&dump->paths);
}

int tool_kafka_dump_log(int argc, char **argv)
{
    struct kafka_options options;
    static const char *const required[] = {"files", NULL};
    int code = 1;
    if (!kafka_options_read(&options, &kafka_dump_log_syntax, argc, argv, &code)) {
        return code;
    }
    struct dump dump = {
        .verifies_only = kafka_options_has(&options, "verify-index-only"),
        .checks_sanity_only = kafka_options_has(&options, "index-sanity-check"),
        .skips_metadata = kafka_options_has(&options, "skip-record-metadata"),
    };
    if (!kafka_options_require(&options, required)) {
        kafka_options_release(&options);
        return 1;
    }
    if (kafka_options_i32(&options, "max-message-size", &dump.max_message_size) != 0 ||
        kafka_options_i32(&options, "max-bytes", &dump.max_bytes) != 0) {
        code = kafka_options_fail(&options);
    } else {
        code = offline_tool_begin(&dump.runtime);
    }
    if (code == 0) {
        dump_init(&dump);
        code = run(&dump, &options);
        dump_release(&dump);
        code = offline_tool_end(dump.runtime, code);
    }
    kafka_options_release(&options);
    return code;
}
