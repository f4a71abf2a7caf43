/* dump_log_batches.c - a segment: its batches, and the records in them. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/kafka/dump_log.h"
#include "cli/kafka/kafka_record_json.h"
#include "zookeeper/core/java_text.h"

#define RECORD_MARK "| "
#define CONTROL_KEY_BYTES 4
#define CONTROL_MARKER_BYTES 6

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void print_text(const struct buffer *text)
{
    if (text->len > 0) {
        (void)fwrite(text->data, 1, text->len, stdout);
    }
}

/* ---- batches ----------------------------------------------------------------------------------
 */

static uint32_t stored_crc(const struct batch_view *batch)
{
    return load_be32(batch->bytes.ptr + (batch->magic < 2 ? BATCH_LOG_OVERHEAD : 17));
}

static void print_batch(const struct batch_view *batch, uint64_t position)
{
    if (batch->magic >= 2) {
        printf("baseOffset: %" PRId64 " lastOffset: %" PRId64 " count: %d baseSequence: %d "
               "lastSequence: %d producerId: %" PRId64
               " producerEpoch: %d partitionLeaderEpoch: %d "
               "isTransactional: %s isControl: %s deleteHorizonMs: ",
               batch->base_offset, batch->last_offset, batch->record_count, batch->base_sequence,
               batch_last_sequence(batch), batch->producer_id, batch->producer_epoch,
               batch->partition_leader_epoch, truth(batch_is_transactional(batch)),
               truth(batch_is_control(batch)));
        if ((batch->attributes & BATCH_ATTRIBUTE_DELETE_HORIZON) != 0) {
            printf("OptionalLong[%" PRId64 "]", batch->base_timestamp_ms);
        } else {
            printf("OptionalLong.empty");
        }
    } else {
        printf("offset: %" PRId64, batch->last_offset);
    }
    const char *codec = compression_name(batch_codec(batch));
    printf(" position: %" PRIu64 " %s: %" PRId64
           " size: %zu magic: %d compresscodec: %s crc: %" PRIu32 " isvalid: %s\n",
           position, dump_timestamp_type(batch), batch->max_timestamp_ms, batch->bytes.len,
           batch->magic, codec == NULL ? "unknown" : codec, stored_crc(batch),
           truth(batch_check_crc(batch) == 0));
}

/* ---- records ----------------------------------------------------------------------------------
 */

static void print_header_keys(const struct record *record)
{
    struct slice headers = record->headers;
    struct buffer text;
    buffer_init(&text, SIZE_MAX / 2);
    for (int32_t i = 0; i < record->header_count; i++) {
        struct record_header header;
        if (record_headers_next(&headers, &header) != 0) {
            break; /* the iterator has checked them */
        }
        buffer_append_cstr(&text, i > 0 ? "," : "");
        java_text_print(&text, header.key);
    }
    printf(" headerKeys: [");
    print_text(&text);
    printf("]");
    buffer_release(&text);
}

/* The key tells the type, the value of COMMIT and ABORT the coordinator's epoch. */
static int print_control(struct dump *dump, const struct record *record)
{
    static const char *const names[] = {"ABORT",           "COMMIT",          "LEADER_CHANGE",
                                        "SNAPSHOT_HEADER", "SNAPSHOT_FOOTER", "KRAFT_VERSION",
                                        "KRAFT_VOTERS"};
    if (record->key.len < CONTROL_KEY_BYTES) {
        return dump_fail(dump, ERR_CORRUPT, "org.apache.kafka.common.InvalidRecordException",
                         "Invalid value size found for end control record key. Must have at least "
                         "%d bytes, but found only %zu",
                         CONTROL_KEY_BYTES, record->key.len);
    }
    int16_t type = (int16_t)load_be16(record->key.ptr + 2);
    if (type != 0 && type != 1) {
        bool is_known = type > 0 && (size_t)type < ARRAY_LEN(names);
        printf(" controlType: %s(%d)", is_known ? names[type] : "UNKNOWN", type);
        return ERR_OK;
    }
    if (record->value.len < CONTROL_MARKER_BYTES) {
        return dump_fail(dump, ERR_CORRUPT, "org.apache.kafka.common.InvalidRecordException",
                         "Invalid value size found for end transaction marker. Must have at least "
                         "%d bytes, but found only %zu",
                         CONTROL_MARKER_BYTES, record->value.len);
    }
    printf(" endTxnMarker: %s coordinatorEpoch: %d", names[type],
           (int32_t)load_be32(record->value.ptr + 2));
    return ERR_OK;
}

static int size_of(struct slice field)
{
    return slice_is_null(field) ? -1 : (int)field.len;
}

static int print_metadata(struct dump *dump,
                          const struct batch_view *batch,
                          const struct record *record)
{
    printf("offset: %" PRId64 " %s: %" PRId64 " keySize: %d valueSize: %d", record->offset,
           dump_timestamp_type(batch), record->timestamp_ms, size_of(record->key),
           size_of(record->value));
    if (batch->magic >= 2) {
        printf(" sequence: %d", record->sequence);
        print_header_keys(record);
    } else {
        /* The brace is Apache's; the iterator has compared the CRCs inside of wrappers. */
        struct batch_view message;
        bool is_valid = batch_view(record->bytes, &message, NULL) == 0 &&
                        batch_check_crc(&message) == 0;
        printf(" isValid: %s crc: %" PRIu32 "}", truth(is_valid),
               load_be32(record->bytes.ptr + BATCH_LOG_OVERHEAD));
    }
    return batch_is_control(batch) ? print_control(dump, record) : ERR_OK;
}

/* ---- keys and values --------------------------------------------------------------------------
 */

static int decode_field(struct dump *dump,
                        enum dump_decoder decoder,
                        struct slice field,
                        struct buffer *text)
{
    size_t width = decoder == DUMP_INTEGER ? sizeof(int32_t) : sizeof(int64_t);
    if (decoder == DUMP_STRING) {
        java_text_print(text, field);
        return ERR_OK;
    }
    if (decoder == DUMP_BYTES) {
        for (size_t i = 0; i < field.len; i++) {
            buffer_append_u8(text, (uint8_t)"0123456789abcdef"[field.ptr[i] >> 4]);
            buffer_append_u8(text, (uint8_t)"0123456789abcdef"[field.ptr[i] & 15]);
        }
        return ERR_OK;
    }
    if (field.len < width) {
        return dump_fail(dump, ERR_INVALID, "java.nio.BufferUnderflowException",
                         "%zu bytes are no number of %zu: choose another decoder", field.len,
                         width);
    }
    buffer_append_decimal(text, decoder == DUMP_INTEGER ? (int64_t)(int32_t)load_be32(field.ptr)
                                                        : (int64_t)load_be64(field.ptr));
    return ERR_OK;
}

/* {"type":"1","data":...} and {"version":"3","data":...}, or a sentence in the key's place. */
static int parse_offsets(struct dump *dump, const struct record *record, bool *has_value)
{
    struct buffer *key = &dump->key_text;
    struct buffer *value = &dump->value_text;
    int16_t type = 0;
    int16_t version = 0;
    int err = kafka_record_version(record->key, &type);
    enum kafka_record_kind kind = type == 2 ? KAFKA_RECORD_GROUP_METADATA
                                            : KAFKA_RECORD_OFFSET_COMMIT;
    *has_value = true;
    if (err == 0 && (type < 0 || type > 2)) {
        buffer_append_cstr(key, "Unknown record type ");
        buffer_append_decimal(key, type);
        buffer_append_cstr(key, " at offset ");
        buffer_append_decimal(key, record->offset);
        buffer_append_cstr(key, ", skipping.");
        *has_value = false;
        return ERR_OK;
    }
    buffer_append_cstr(key, "{\"type\":\"");
    buffer_append_decimal(key, type);
    buffer_append_cstr(key, "\",\"data\":");
    err = err != 0 ? err : kafka_record_key_json(kind, record->key, key);
    buffer_append_cstr(key, "}");
    if (err == 0 && slice_is_null(record->value)) {
        buffer_append_cstr(value, "<DELETE>");
        return ERR_OK;
    }
    err = err != 0 ? err : kafka_record_version(record->value, &version);
    buffer_append_cstr(value, "{\"version\":\"");
    buffer_append_decimal(value, version);
    buffer_append_cstr(value, "\",\"data\":");
    err = err != 0 ? err : kafka_record_value_json(kind, record->value, true, value);
    buffer_append_cstr(value, "}");
    if (err != 0) {
        buffer_clear(key, key->cap);
        buffer_append_cstr(key, "Error at offset ");
        buffer_append_decimal(key, record->offset);
        buffer_append_cstr(key, ", skipping. ");
        buffer_append_cstr(key, error_text(err));
        *has_value = false;
    }
    return ERR_OK;
}

static int parse_transaction(struct dump *dump, const struct record *record, bool *has_value)
{
    int16_t version = 0;
    if (kafka_record_version(record->key, &version) == 0 && version != 0) {
        buffer_append_cstr(&dump->key_text, "unknown::version=");
        buffer_append_decimal(&dump->key_text, version);
        *has_value = false;
        return ERR_OK;
    }
    *has_value = true;
    int err = kafka_transaction_text(record->key, record->value, &dump->key_text,
                                     &dump->value_text);
    if (err != 0) {
        return dump_fail(dump, err, "java.lang.IllegalStateException",
                         "The record at offset %" PRId64 " is none of __transaction_state: %s",
                         record->offset, error_text(err));
    }
    return ERR_OK;
}

/* Fills key_text and value_text, and says which of them are to be printed. */
static int parse(struct dump *dump, const struct record *record, bool *has_key, bool *has_value)
{
    *has_key = true;
    *has_value = true;
    if (dump->parser == DUMP_PARSE_OFFSETS) {
        if (slice_is_null(record->key)) {
            return dump_fail(dump, ERR_INVALID, "java.lang.RuntimeException",
                             "Failed to decode message at offset %" PRId64
                             " using offset topic decoder (message had a missing key)",
                             record->offset);
        }
        return parse_offsets(dump, record, has_value);
    }
    if (dump->parser == DUMP_PARSE_TRANSACTIONS) {
        return parse_transaction(dump, record, has_value);
    }
    *has_key = !slice_is_null(record->key);
    *has_value = !slice_is_null(record->value);
    int err = *has_key ? decode_field(dump, dump->key_decoder, record->key, &dump->key_text)
                       : ERR_OK;
    if (err == 0 && *has_value) {
        err = decode_field(dump, dump->value_decoder, record->value, &dump->value_text);
    }
    return err;
}

static int print_contents(struct dump *dump, const struct record *record, const char *prefix)
{
    bool has_key = false;
    bool has_value = false;
    buffer_clear(&dump->key_text, dump->key_text.cap);
    buffer_clear(&dump->value_text, dump->value_text.cap);
    int err = parse(dump, record, &has_key, &has_value);
    if (err == 0 && has_key) {
        printf("%skey: ", prefix);
        print_text(&dump->key_text);
    }
    if (err == 0 && has_value) {
        printf(" payload: ");
        print_text(&dump->value_text);
    }
    return err;
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static int print_record(struct dump *dump,
                        const struct batch_view *batch,
                        const struct record *record)
{
    const char *prefix = RECORD_MARK;
    int err = ERR_OK;
    if (!dump->skips_metadata) {
        printf(RECORD_MARK);
        err = print_metadata(dump, batch, record);
        prefix = " ";
    }
    if (err == 0 && dump->prints_data && !batch_is_control(batch)) {
        err = print_contents(dump, record, prefix);
    }
    printf("\n");
    return err;
}

static int print_records(struct dump *dump,
                         const char *absolute,
                         const struct batch_view *batch,
                         int64_t *last_offset)
{
    struct record_iterator iterator;
    struct record record;
    int err = record_iterator_init(&iterator, batch, DUMP_BATCH_BYTES_MAX, &dump->scratch);
    if (err != 0 && batch_codec(batch) != COMPRESSION_NONE) {
        return dump_fail(dump, err, "org.apache.kafka.common.KafkaException",
                         "Failed to decompress record stream");
    }
    int iterated = err;
    while (err == 0 && (iterated = record_iterator_next(&iterator, &record)) == 0) {
        if (*last_offset != -1 && record.offset != *last_offset + 1) {
            dump_note(&dump->gaps, absolute, *last_offset, record.offset);
        }
        *last_offset = record.offset;
        err = print_record(dump, batch, &record);
    }
    if (err == 0 || iterated != 0) {
        err = iterated == ERR_END ? ERR_OK : iterated;
        if (err != 0) {
            return dump_fail(dump, err, "org.apache.kafka.common.InvalidRecordException",
                             "The records of the batch with base offset %" PRId64
                             " cannot be read: %s",
                             batch->base_offset, error_text(err));
        }
    }
    return err;
}

int dump_log_file(struct dump *dump, const char *path, const char *absolute)
{
    int64_t start_offset = 0;
    struct dump_file file;
    int err = dump_start_offset(dump, path, &start_offset);
    if (err != 0) {
        return err;
    }
    printf("Log starting offset: %" PRId64 "\n", start_offset);
    err = dump_open(dump, path, &file);
    uint64_t end = MIN(file.size, (uint64_t)MAX(dump->max_bytes, 0));
    uint64_t position = 0;
    int64_t last_offset = -1;
    struct batch_view batch;
    while (err == 0 && (err = dump_batch(dump, &file, path, position, end, &batch)) == 0) {
        print_batch(&batch, position);
        position += batch.bytes.len;
        err = dump->is_deep ? print_records(dump, absolute, &batch, &last_offset) : ERR_OK;
    }
    err = err == ERR_END ? ERR_OK : err;
    if (err == 0 && end > position && dump->max_bytes == INT32_MAX) {
        const char *slash = strrchr(path, '/');
        printf("Found %" PRIu64 " invalid bytes at the end of %s\n", end - position,
               slash == NULL ? path : slash + 1);
    }
    dump_close(&file);
    return err;
}
