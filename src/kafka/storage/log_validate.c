/* log_validate.c - what may be appended: Apache's LogValidator, and the checks that stand before
 * it.
 *
 * THE FAST WAY, which nearly every batch goes: one batch of the topic's magic and codec. Its header
 * is checked, its CRC is one pass over the bytes, and its offset, epoch (and append time) are
 * stamped in place. Records that are not compressed are walked over once, from length to length,
 * since it costs next to nothing while they are in the cache; compressed ones are not unpacked,
 * unless validate.compressed.records asks for it, the topic is compacted (each record needs a key),
 * or records may be too old (message.timestamp.before.max.ms).
 *
 * THE SLOW WAY: another magic or codec is wanted, or offsets inside are not 0, 1, 2: every record
 * is taken out and a new batch is built.
 *
 * ERRORS are values: Kafka's code, and for rejected records also Apache's words, which clients show
 * to people. One of them fails the whole append.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "kafka/storage/log_internal.h"
#include "wire/varint.h"

#define UNPACKED_BYTES_MAX ((size_t)256 * 1024 * 1024) /* a batch that grows beyond is refused */
#define SHOWN_ERRORS 3                                 /* in the sentence, as Apache */

#define TEXT_INVALID_TIMESTAMP "One or more records have been rejected due to invalid timestamp"

struct validation {
    struct partition_log *log;
    const struct append_request *request;
    struct append_result *result;
    struct validated *out;
    struct batch_view first; /* the first batch */
    int source_codec;
    int32_t batch_count;
    size_t bytes; /* of whole batches */
    /* of rejected records */
    int32_t rejected;
    bool rejected_time;
    size_t text_len;
};

bool append_refuse(struct append_result *result, int16_t error, const char *message)
{
    result->error = error;
    result->error_message = message;
    return false;
}

static bool refuse(struct validation *v, int16_t error)
{
    return append_refuse(v->result, error, NULL);
}

/* ---- rejected records ------------------------------------------------------------------------ */

static char *text_room(struct validation *v, size_t *room)
{
    struct partition_log *log = v->log;
    if (log->text == NULL) {
        log->text = mem_alloc(LOG_TEXT_MAX);
    }
    *room = LOG_TEXT_MAX - v->text_len;
    return log->text + v->text_len;
}

static void reject_record(struct validation *v, int32_t index, int16_t error, const char *message)
{
    struct append_result *result = v->result;
    v->rejected += 1;
    v->rejected_time |= error == KAFKA_ERROR_INVALID_TIMESTAMP;
    if (result->record_error_count < (int32_t)ARRAY_LEN(result->record_errors)) {
        result->record_errors[result->record_error_count++] = (struct append_record_error){index,
                                                                                           message};
    }
}

static void reject_keyless(struct validation *v, int32_t index)
{
    size_t room;
    char *text = text_room(v, &room);
    if (v->result->record_error_count == 0) {
        int len = snprintf(
            text, room, "Compacted topic cannot accept message without key in topic partition %s",
            v->log->name);
        v->text_len += (size_t)len + 1;
        reject_record(v, index, KAFKA_ERROR_INVALID_RECORD, text);
        return;
    }
    /* It says the same for each. */
    reject_record(v, index, KAFKA_ERROR_INVALID_RECORD, v->result->record_errors[0].message);
}

static void reject_time(struct validation *v, int32_t index, int64_t offset, int64_t timestamp_ms)
{
    const struct topic_config *config = v->log->config;
    size_t room;
    char *text = text_room(v, &room);
    int64_t now = v->request->wall_ms;
    /* Java's long wraps around, and people read what it prints. */
    int64_t from = (int64_t)((uint64_t)now - (uint64_t)config->message_timestamp_before_max_ms);
    int64_t to = (int64_t)((uint64_t)now + (uint64_t)config->message_timestamp_after_max_ms);
    int len = snprintf(text, room,
                       "Timestamp %" PRId64 " of message with offset %" PRId64
                       " is out of range. The timestamp should be within [%" PRId64 ", %" PRId64
                       "]",
                       timestamp_ms, offset, from, to);
    if (len < 0 || (size_t)len >= room) {
        reject_record(v, index, KAFKA_ERROR_INVALID_TIMESTAMP, TEXT_INVALID_TIMESTAMP);
        return;
    }
    v->text_len += (size_t)len + 1;
    reject_record(v, index, KAFKA_ERROR_INVALID_TIMESTAMP, text);
}

/* RecordValidationException. */
static bool refuse_rejected(struct validation *v)
{
    struct append_result *result = v->result;
    if (v->rejected_time) {
        return append_refuse(result, KAFKA_ERROR_INVALID_TIMESTAMP, TEXT_INVALID_TIMESTAMP);
    }
    size_t room;
    char *text = text_room(v, &room);
    int len = snprintf(text, room,
                       "One or more records have been rejected due to %" PRId32
                       " record errors in total, and only showing the first three errors at "
                       "most: [",
                       v->rejected);
    for (int32_t n = 0; n < MIN(result->record_error_count, SHOWN_ERRORS); n++) {
        if (len < 0 || (size_t)len >= room) {
            break;
        }
        len += snprintf(text + len, room - (size_t)len,
                        "%sRecordError(batchIndex=%" PRId32 ", message='%s')%s", n > 0 ? ", " : "",
                        result->record_errors[n].batch_index, result->record_errors[n].message,
                        n + 1 == MIN(result->record_error_count, SHOWN_ERRORS) ? "]" : "");
    }
    return append_refuse(result, KAFKA_ERROR_INVALID_RECORD, text);
}

/* LogValidator.validateRecord: key, then timestamp. */
static void check_record(struct validation *v,
                         const struct batch_view *view,
                         int32_t index,
                         int64_t offset,
                         bool has_key,
                         int64_t timestamp_ms)
{
    const struct topic_config *config = v->log->config;
    if ((config->cleanup_policy & CLEANUP_COMPACT) != 0 && !has_key) {
        reject_keyless(v, index);
        return;
    }
    if (!config->log_append_time && timestamp_ms != NO_TIMESTAMP) {
        int64_t age = (int64_t)((uint64_t)v->request->wall_ms - (uint64_t)timestamp_ms);
        if (age > config->message_timestamp_before_max_ms ||
            (age < 0 && -(age + 1) >= config->message_timestamp_after_max_ms)) {
            reject_time(v, index, offset, timestamp_ms);
        }
        return;
    }
    if ((view->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0) {
        reject_record(v, index, KAFKA_ERROR_INVALID_TIMESTAMP,
                      "Producer should not set timestamp type to LogAppendTime.");
    }
}

/* ---- before the records ---------------------------------------------------------------------- */

/* ProduceRequest.validateRecords. */
static bool check_request(struct validation *v, const struct batch_view *view)
{
    if (view->magic != 2) {
        return refuse(v, KAFKA_ERROR_INVALID_RECORD);
    }
    if (!v->request->may_have_zstd && batch_codec(view) == COMPRESSION_ZSTD) {
        return refuse(v, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    }
    return true;
}

/* UnifiedLog.analyzeAndValidateRecords, for one batch. */
static bool check_frame(struct validation *v, const struct batch_view *view)
{
    const struct topic_config *config = v->log->config;
    bool is_client = v->request->origin == APPEND_CLIENT;
    if (view->magic == 2 && is_client && view->base_offset != 0) {
        return refuse(v, KAFKA_ERROR_INVALID_RECORD);
    }
    if (v->request->origin != APPEND_REPLICATION &&
        view->bytes.len > (size_t)MAX(config->max_message_bytes, 0)) {
        return refuse(v, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    }
    if (batch_codec(view) > COMPRESSION_ZSTD ||
        (view->magic < 2 && batch_codec(view) > COMPRESSION_LZ4)) {
        return refuse(v, KAFKA_ERROR_CORRUPT_MESSAGE);
    }
    return batch_check_crc(view) == 0 || refuse(v, KAFKA_ERROR_CORRUPT_MESSAGE);
}

/* LogValidator.validateBatch. */
static bool check_batch(struct validation *v, const struct batch_view *view)
{
    int8_t to_magic = v->log->config->message_format_magic;
    if (view->magic != v->first.magic) {
        return refuse(v, KAFKA_ERROR_INVALID_RECORD);
    }
    if (v->request->origin == APPEND_CLIENT) {
        int64_t count = view->last_offset - view->base_offset + 1;
        if (view->magic == 2 &&
            (count <= 0 || view->record_count <= 0 || count != view->record_count)) {
            return refuse(v, KAFKA_ERROR_INVALID_RECORD);
        }
        if (batch_is_control(view) || (view->producer_id >= 0 && view->base_sequence < 0)) {
            return refuse(v, KAFKA_ERROR_INVALID_RECORD);
        }
    }
    if (to_magic < 2 && (batch_is_transactional(view) || view->producer_id >= 0)) {
        return refuse(v, KAFKA_ERROR_UNSUPPORTED_FOR_MESSAGE_FORMAT);
    }
    return true;
}

/* The first pass, over all batches. A cut last one is dropped, as Apache does. */
static bool check_frames(struct validation *v)
{
    struct slice rest = v->request->records;
    struct batch_view view;
    int error;
    while ((error = batch_view(rest, &view, NULL)) == 0) {
        if (v->batch_count == 0) {
            v->first = view;
            if (v->request->requires_magic_2 && !check_request(v, &view)) {
                return false;
            }
        } else if (v->request->requires_magic_2) {
            return refuse(v, KAFKA_ERROR_INVALID_RECORD); /* exactly one */
        }
        if (!check_frame(v, &view)) {
            return false;
        }
        if (batch_codec(&view) != COMPRESSION_NONE) {
            v->source_codec = batch_codec(&view);
        }
        v->batch_count += 1;
        v->bytes += view.bytes.len;
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    if (error != ERR_TRUNCATED) {
        return refuse(v, KAFKA_ERROR_CORRUPT_MESSAGE);
    }
    if (v->batch_count == 0 && v->request->requires_magic_2) {
        return refuse(v, KAFKA_ERROR_INVALID_RECORD);
    }
    return true;
}

/* ---- the fast way ---------------------------------------------------------------------------- */

/* Records are walked with bare pointers: it is the one part of an append whose cost grows with
 * their number. Every step is bounded by the record's end, and that by the batch's. */
struct walk {
    const uint8_t *at;
    const uint8_t *end;
    int32_t count;
    bool is_in_order;      /* offset deltas are 0, 1, 2 and so on */
    bool looks_at_records; /* keys or times have to be judged one by one */
    int64_t max_timestamp_ms;
};

/* The numbers of a record are mostly of one or two bytes; the rest is varint.h's. */
static inline bool walk_number(const uint8_t **at, const uint8_t *end, int64_t *value)
{
    const uint8_t *p = *at;
    if (LIKELY(end - p >= 2)) {
        uint64_t raw = p[0];
        if (LIKELY(raw < 0x80)) {
            *at = p + 1;
            *value = (int64_t)(raw >> 1 ^ -(raw & 1));
            return true;
        }
        if (LIKELY(p[1] < 0x80)) {
            raw = (raw & 0x7f) | (uint64_t)p[1] << 7;
            *at = p + 2;
            *value = (int64_t)(raw >> 1 ^ -(raw & 1));
            return true;
        }
    }
    struct slice rest = slice_of(p, (size_t)(end - p));
    if (varlong_read(&rest, value) != 0) {
        return false;
    }
    *at = rest.ptr;
    return true;
}

/* A length and so many bytes; -1 stands for null where that may be. */
static inline bool walk_bytes(const uint8_t **at, const uint8_t *end, int64_t least)
{
    int64_t len;
    if (!walk_number(at, end, &len) || len < least || len > end - *at) {
        return false;
    }
    *at += MAX(len, 0);
    return true;
}

static bool walk_headers(const uint8_t **at, const uint8_t *end)
{
    int64_t count;
    if (!walk_number(at, end, &count) || count < 0 || count > end - *at) {
        return false;
    }
    while (count-- > 0) {
        if (!walk_bytes(at, end, 0) || !walk_bytes(at, end, -1)) {
            return false;
        }
    }
    return *at == end;
}

/* One record of magic 2, looked at where the rules need it. */
static inline bool walk_record(struct validation *v,
                               const struct batch_view *view,
                               struct walk *walk)
{
    int64_t len;
    int64_t timestamp_delta;
    int64_t offset_delta;
    const uint8_t *at = walk->at;
    if (!walk_number(&at, walk->end, &len) || len < 1 || len > walk->end - at) {
        return false;
    }
    const uint8_t *end = at + len;
    at += 1; /* attributes */
    if (!walk_number(&at, end, &timestamp_delta) || !walk_number(&at, end, &offset_delta) ||
        at == end) {
        return false;
    }
    bool has_key = *at != 1;                  /* -1 in zigzag */
    bool is_whole = walk_bytes(&at, end, -1); /* the key */
    is_whole = is_whole && walk_bytes(&at, end, -1) && walk_headers(&at, end);
    if (!is_whole) {
        return false;
    }
    int64_t timestamp_ms = (int64_t)((uint64_t)view->base_timestamp_ms + (uint64_t)timestamp_delta);
    walk->at = end;
    walk->is_in_order &= offset_delta == walk->count;
    walk->max_timestamp_ms = MAX(walk->max_timestamp_ms, timestamp_ms);
    if (UNLIKELY(walk->looks_at_records)) {
        check_record(v, view, walk->count, walk->count, has_key, timestamp_ms);
    }
    walk->count += 1;
    return true;
}

static bool walk_plain(struct validation *v, const struct batch_view *view, struct walk *walk)
{
    const struct topic_config *config = v->log->config;
    bool has_append_time = (view->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
    walk->at = view->records.ptr;
    walk->end = walk->at + view->records.len;
    walk->looks_at_records = has_append_time || (config->cleanup_policy & CLEANUP_COMPACT) != 0 ||
                             config->message_timestamp_before_max_ms != INT64_MAX ||
                             config->message_timestamp_after_max_ms != INT64_MAX;
    while (walk->count < view->record_count) {
        if (!walk_record(v, view, walk)) {
            return refuse(v, KAFKA_ERROR_INVALID_RECORD);
        }
    }
    if (has_append_time) {
        walk->max_timestamp_ms = view->max_timestamp_ms;
    }
    return walk->at == walk->end || refuse(v, KAFKA_ERROR_INVALID_RECORD);
}

/* The records' bytes once more, unpacked. */
static bool walk_packed(struct validation *v, const struct batch_view *view, struct walk *walk)
{
    struct buffer unpacked;
    buffer_init(&unpacked, UNPACKED_BYTES_MAX);
    int error = decompress_append(batch_codec(view), view->records, UNPACKED_BYTES_MAX, &unpacked);
    bool ok = false;
    if (error != 0) {
        /* Apache's decompressors throw what its handler does not know. */
        refuse(v, error == ERR_LIMIT ? KAFKA_ERROR_MESSAGE_TOO_LARGE
                                     : KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    } else {
        struct batch_view plain = *view;
        plain.records = buffer_slice(&unpacked);
        ok = walk_plain(v, &plain, walk);
    }
    buffer_release(&unpacked);
    return ok;
}

/* Must the records of a compressed batch be looked at? */
static bool must_unpack(const struct validation *v, const struct batch_view *view)
{
    const struct topic_config *config = v->log->config;
    if (config->validate_compressed_records || (config->cleanup_policy & CLEANUP_COMPACT) != 0) {
        return true;
    }
    if (config->log_append_time) {
        return (view->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
    }
    if (config->message_timestamp_before_max_ms != INT64_MAX) {
        return true;
    }
    int64_t ahead = (int64_t)((uint64_t)view->max_timestamp_ms - (uint64_t)v->request->wall_ms);
    return config->message_timestamp_after_max_ms != INT64_MAX &&
           ahead > config->message_timestamp_after_max_ms;
}

#define ATTRIBUTES_AT 21
#define MAX_TIMESTAMP_AT 35

/* The producer's header becomes the topic's: append time, or the true largest timestamp. */
static int64_t stamp_times(struct validation *v, uint8_t *batch, int64_t max_timestamp_ms)
{
    const struct batch_view *view = &v->first;
    if (v->log->config->log_append_time) {
        batch_stamp_append_time(batch, view->bytes.len, v->request->wall_ms);
        return v->request->wall_ms;
    }
    bool has_append_time = (view->attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME) != 0;
    if (has_append_time || view->max_timestamp_ms != max_timestamp_ms) {
        store_be16(batch + ATTRIBUTES_AT,
                   (uint16_t)(view->attributes & ~BATCH_ATTRIBUTE_LOG_APPEND_TIME));
        store_be64(batch + MAX_TIMESTAMP_AT, (uint64_t)max_timestamp_ms);
        batch_stamp_crc(batch, view->bytes.len);
    }
    return max_timestamp_ms;
}

/* *in_place false: the records were good, but a new batch must be built. */
static bool validate_in_place(struct validation *v, bool *in_place)
{
    const struct batch_view *view = &v->first;
    struct walk walk = {.is_in_order = true, .max_timestamp_ms = NO_TIMESTAMP};
    bool walks = !batch_is_control(view) && v->request->origin == APPEND_CLIENT;
    if (batch_codec(view) != COMPRESSION_NONE) {
        walks = walks && must_unpack(v, view);
    }
    if (walks && batch_codec(view) == COMPRESSION_NONE) {
        if (!walk_plain(v, view, &walk)) {
            return false;
        }
    } else if (walks && !walk_packed(v, view, &walk)) {
        return false;
    }
    if (v->rejected > 0) {
        return refuse_rejected(v);
    }
    *in_place = walk.is_in_order;
    if (!walk.is_in_order) {
        return true;
    }
    struct validated *out = v->out;
    /* The bytes are the caller's to lose: append_request says so. */
    uint8_t *batch = (uint8_t *)(uintptr_t)view->bytes.ptr;
    out->max_timestamp_ms = stamp_times(v, batch,
                                        walks ? walk.max_timestamp_ms : view->max_timestamp_ms);
    out->bytes = view->bytes;
    out->first_offset = v->log->end_offset;
    out->last_offset = out->first_offset + (view->last_offset - view->base_offset);
    out->offset_of_max_timestamp = out->last_offset;
    out->record_count = view->record_count;
    batch_stamp(batch, out->first_offset, v->request->leader_epoch);
    return true;
}

/* ---- the slow way ---------------------------------------------------------------------------- */

static int32_t level_of(const struct topic_config *config, int codec)
{
    switch (codec) {
    case COMPRESSION_GZIP:
        return config->compression_gzip_level;
    case COMPRESSION_LZ4:
        return config->compression_lz4_level;
    case COMPRESSION_ZSTD:
        return config->compression_zstd_level;
    default:
        return COMPRESSION_LEVEL_DEFAULT;
    }
}

static void describe_build(const struct validation *v, int codec, struct batch_build *build)
{
    const struct topic_config *config = v->log->config;
    const struct batch_view *view = &v->first;
    batch_build_defaults(build);
    build->magic = config->message_format_magic;
    build->codec = codec;
    build->level = level_of(config, codec);
    build->base_offset = v->log->end_offset;
    build->partition_leader_epoch = v->request->leader_epoch;
    build->producer_id = view->producer_id;
    build->producer_epoch = view->producer_epoch;
    build->base_sequence = view->base_sequence;
    if (batch_is_transactional(view)) {
        build->attributes |= BATCH_ATTRIBUTE_TRANSACTIONAL;
    }
    if (config->log_append_time) {
        build->attributes |= BATCH_ATTRIBUTE_LOG_APPEND_TIME;
        build->log_append_time_ms = v->request->wall_ms;
    }
}

static bool take_records(struct validation *v,
                         const struct batch_view *view,
                         struct buffer *scratch,
                         struct batch_builder *builder)
{
    struct record_iterator iterator;
    struct record record;
    int32_t index = 0;
    int error = record_iterator_init(&iterator, view, UNPACKED_BYTES_MAX, scratch);
    while (error == 0 && (error = record_iterator_next(&iterator, &record)) == 0) {
        check_record(v, view, index, record.offset, !slice_is_null(record.key),
                     record.timestamp_ms);
        index += 1;
        if (v->rejected == 0) {
            batch_builder_add(builder, v->log->end_offset + v->out->record_count,
                              record.timestamp_ms, record.key, record.value, record.headers,
                              record.header_count);
            v->out->record_count += 1;
        }
    }
    if (error != ERR_END) {
        return refuse(v, error == ERR_LIMIT ? KAFKA_ERROR_MESSAGE_TOO_LARGE
                                            : KAFKA_ERROR_INVALID_RECORD);
    }
    return v->rejected == 0 || refuse_rejected(v);
}

/* The sizes once more: another codec may have made it larger. */
static bool check_rebuilt(struct validation *v)
{
    struct slice rest = buffer_slice(&v->out->rebuilt);
    struct batch_view view;
    while (rest.len > 0) {
        if (batch_view(rest, &view, NULL) != 0) {
            return refuse(v, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
        }
        if (view.bytes.len > (size_t)MAX(v->log->config->max_message_bytes, 0)) {
            return refuse(v, KAFKA_ERROR_MESSAGE_TOO_LARGE);
        }
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    return true;
}

static bool validate_anew(struct validation *v, int codec)
{
    struct validated *out = v->out;
    struct batch_build build;
    struct batch_builder builder;
    struct buffer scratch;
    describe_build(v, codec, &build);
    buffer_init(&out->rebuilt, UNPACKED_BYTES_MAX);
    buffer_init(&scratch, UNPACKED_BYTES_MAX);
    batch_builder_init(&builder, &build, &out->rebuilt);
    out->first_offset = v->log->end_offset;
    out->record_count = 0;
    struct slice rest = slice_part(v->request->records, 0, v->bytes);
    struct batch_view view;
    bool ok = true;
    while (ok && rest.len > 0 && batch_view(rest, &view, NULL) == 0) {
        ok = take_records(v, &view, &scratch, &builder);
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    out->max_timestamp_ms = builder.max_timestamp_ms;
    out->last_offset = out->first_offset + out->record_count - 1;
    if (ok && batch_builder_finish(&builder, out->last_offset) != 0) {
        ok = refuse(v, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    }
    batch_builder_release(&builder);
    buffer_release(&scratch);
    if (v->log->config->log_append_time && build.magic > 0) {
        out->max_timestamp_ms = v->request->wall_ms;
    }
    if (build.magic == 0) {
        out->max_timestamp_ms = NO_TIMESTAMP;
    }
    out->offset_of_max_timestamp = out->last_offset;
    out->bytes = buffer_slice(&out->rebuilt);
    return ok && check_rebuilt(v);
}

/* ---- both ------------------------------------------------------------------------------------ */

static bool validate_batches(struct validation *v)
{
    const struct topic_config *config = v->log->config;
    const struct batch_view *first = &v->first;
    int target = config->compression_type == TOPIC_COMPRESSION_PRODUCER ? v->source_codec
                                                                        : config->compression_type;
    if (v->batch_count > 1 && (first->magic == 2 || v->source_codec != COMPRESSION_NONE)) {
        return refuse(v, KAFKA_ERROR_INVALID_RECORD);
    }
    struct slice rest = slice_part(v->request->records, 0, v->bytes);
    struct batch_view view;
    while (rest.len > 0 && batch_view(rest, &view, NULL) == 0) {
        if (!check_batch(v, &view)) {
            return false;
        }
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    bool in_place = first->magic == 2 && config->message_format_magic == 2 &&
                    (target == v->source_codec ||
                     (v->source_codec == COMPRESSION_NONE && batch_is_control(first)));
    if (in_place && !validate_in_place(v, &in_place)) {
        return false;
    }
    return in_place || validate_anew(v, target);
}

/* appendAsFollower: what the leader gave offsets to is kept as it is; they must ascend from the
 * log's end on. */
static bool validate_replicated(struct validation *v)
{
    struct validated *out = v->out;
    struct slice rest = slice_part(v->request->records, 0, v->bytes);
    struct batch_view view;
    int64_t last_offset = v->log->end_offset - 1;
    out->bytes = rest;
    out->first_offset = v->first.base_offset;
    out->max_timestamp_ms = NO_TIMESTAMP;
    while (rest.len > 0 && batch_view(rest, &view, NULL) == 0) {
        int64_t first = view.magic == 2 ? view.base_offset : view.last_offset;
        if (first <= last_offset || view.last_offset < first) {
            return refuse(v, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
        }
        last_offset = view.last_offset;
        if (view.max_timestamp_ms > out->max_timestamp_ms) {
            out->max_timestamp_ms = view.max_timestamp_ms;
            out->offset_of_max_timestamp = last_offset;
        }
        out->record_count += MAX(view.record_count, 1);
        rest = slice_part(rest, view.bytes.len, rest.len);
    }
    out->last_offset = last_offset;
    return true;
}

bool log_validate(struct partition_log *log,
                  const struct append_request *request,
                  struct validated *validated,
                  struct append_result *result)
{
    struct validation v = {
        .log = log,
        .request = request,
        .result = result,
        .out = validated,
        .source_codec = COMPRESSION_NONE,
    };
    *validated = (struct validated){.first_offset = -1, .last_offset = -1};
    if (!check_frames(&v)) {
        return false;
    }
    if (v.batch_count == 0) {
        return true;
    }
    return request->origin == APPEND_REPLICATION ? validate_replicated(&v) : validate_batches(&v);
}

void log_validated_release(struct validated *validated)
{
    if (validated->rebuilt.data != NULL) {
        buffer_release(&validated->rebuilt);
    }
}
