/* See frames.h. Numbers are big-endian; strings have an int16 length, arrays an int32 count. */
#include "frames.h"

#include "../load/usage.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT_ID "load"
#define BATCH_HEADER 61

static uint8_t *frame_room(struct frame *frame, size_t len)
{
    if (frame->len + len > frame->cap) {
        frame->cap = (frame->len + len) * 2;
        uint8_t *larger = realloc(frame->bytes, frame->cap);
        if (larger == NULL) {
            load_die("no memory for a frame of %zu bytes", frame->cap);
        }
        frame->bytes = larger;
    }
    frame->len += len;
    return frame->bytes + frame->len - len;
}

void frame_free(struct frame *frame)
{
    free(frame->bytes);
    *frame = (struct frame){0};
}

static void store(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static uint64_t load(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void put(struct frame *frame, int64_t value, size_t size)
{
    store(frame_room(frame, size), (uint64_t)value, size);
}

static void put_bytes(struct frame *frame, const void *bytes, size_t len)
{
    memcpy(frame_room(frame, len), bytes, len);
}

static void put_text(struct frame *frame, const char *text)
{
    size_t len = strlen(text);
    put(frame, (int64_t)len, 2);
    put_bytes(frame, text, len);
}

/* Zigzag, as in the records of a batch. */
static void put_varint(struct frame *frame, int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    while (rest >= 0x80) {
        put(frame, (int64_t)(rest & 0x7f) | 0x80, 1);
        rest >>= 7;
    }
    put(frame, (int64_t)rest, 1);
}

static void begin(struct frame *frame, int16_t key, int16_t version)
{
    frame->len = 0;
    put(frame, 0, 4);
    put(frame, key, 2);
    put(frame, version, 2);
    put(frame, 0, 4); /* correlation id: answers come in order */
    put_text(frame, CLIENT_ID);
}

static void end(struct frame *frame)
{
    store(frame->bytes, frame->len - 4, 4);
}

/* ---- batches --------------------------------------------------------------------------------- */

static uint32_t crc32c(const uint8_t *bytes, size_t len)
{
    static uint32_t table[256];
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++) {
            entry = entry & 1 ? entry >> 1 ^ 0x82f63b78 : entry >> 1;
        }
        table[i] = entry;
    }
    for (size_t i = 0; i < len; i++) {
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    }
    return ~crc;
}

static size_t varint_len(uint64_t zigzag)
{
    size_t len = 1;
    for (; zigzag >= 0x80; zigzag >>= 7) {
        len++;
    }
    return len;
}

static void put_record(struct frame *frame, uint32_t index, uint32_t value_size, uint64_t *seed)
{
    size_t body = 1 + 1 + varint_len((uint64_t)index << 1) + 1 +
                  varint_len((uint64_t)value_size << 1) + value_size + 1;
    put_varint(frame, (int64_t)body);
    put(frame, 0, 1);     /* attributes */
    put_varint(frame, 0); /* timestamp */
    put_varint(frame, index);
    put_varint(frame, -1); /* no key */
    put_varint(frame, value_size);
    uint8_t *value = frame_room(frame, value_size);
    for (uint32_t i = 0; i < value_size; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        value[i] = (uint8_t)(*seed >> 56);
    }
    put_varint(frame, 0); /* headers */
}

static void put_batch(struct frame *frame, const struct batch_options *options)
{
    size_t at = frame->len;
    uint64_t seed = 12345;
    memset(frame_room(frame, BATCH_HEADER), 0, BATCH_HEADER);
    for (uint32_t i = 0; i < options->records; i++) {
        put_record(frame, i, options->value_size, &seed);
    }
    uint8_t *batch = frame->bytes + at;
    size_t len = frame->len - at;
    store(batch + 8, len - 12, 4);
    store(batch + 12, UINT64_MAX, 4);
    batch[16] = 2;
    store(batch + 23, options->records - 1, 4);
    store(batch + 27, (uint64_t)options->timestamp_ms, 8);
    store(batch + 35, (uint64_t)options->timestamp_ms, 8);
    memset(batch + 43, 0xff, 8 + 2 + 4); /* no producer */
    store(batch + 57, options->records, 4);
    store(batch + 17, crc32c(batch + 21, len - 21), 4);
}

void frame_produce(struct frame *frame,
                   const char *topic,
                   int32_t partition,
                   int16_t acks,
                   const struct batch_options *batch)
{
    begin(frame, 0, 7);
    put(frame, -1, 2); /* no transactional id */
    put(frame, acks, 2);
    put(frame, 30000, 4);
    put(frame, 1, 4);
    put_text(frame, topic);
    put(frame, 1, 4);
    put(frame, partition, 4);
    size_t len_at = frame->len;
    put(frame, 0, 4);
    put_batch(frame, batch);
    store(frame->bytes + len_at, frame->len - len_at - 4, 4);
    end(frame);
}

/* ---- other requests -------------------------------------------------------------------------- */

/* From the end of the frame: partition_max_bytes 4, forgotten 4, rack 2; log_start_offset 8 before.
 */
#define FETCH_OFFSET_FROM_END (4 + 4 + 2 + 8 + 8)

void frame_fetch(struct frame *frame,
                 const char *topic,
                 int32_t partition,
                 int32_t max_wait_ms,
                 int32_t min_bytes,
                 int32_t max_bytes)
{
    begin(frame, 1, 11);
    put(frame, -1, 4); /* replica */
    put(frame, max_wait_ms, 4);
    put(frame, min_bytes, 4);
    put(frame, 50 << 20, 4);
    put(frame, 0, 1);  /* isolation */
    put(frame, 0, 4);  /* session id */
    put(frame, -1, 4); /* session epoch: none */
    put(frame, 1, 4);
    put_text(frame, topic);
    put(frame, 1, 4);
    put(frame, partition, 4);
    put(frame, -1, 4); /* leader epoch */
    put(frame, 0, 8);  /* fetch offset */
    put(frame, -1, 8); /* log start offset */
    put(frame, max_bytes, 4);
    put(frame, 0, 4); /* forgotten topics */
    put(frame, 0, 2); /* rack */
    end(frame);
}

void frame_set_fetch_offset(struct frame *frame, int64_t offset)
{
    store(frame->bytes + frame->len - FETCH_OFFSET_FROM_END, (uint64_t)offset, 8);
}

void frame_api_versions(struct frame *frame)
{
    begin(frame, 18, 0);
    end(frame);
}

void frame_create_topics(struct frame *frame,
                         const char *prefix,
                         uint32_t topics,
                         uint32_t partitions,
                         int32_t timeout_ms)
{
    begin(frame, 19, 2);
    put(frame, topics, 4);
    for (uint32_t i = 0; i < topics; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s-%u", prefix, i);
        put_text(frame, name);
        put(frame, partitions, 4);
        put(frame, 1, 2); /* replicas */
        put(frame, 0, 4); /* assignment */
        put(frame, 0, 4); /* configs */
    }
    put(frame, timeout_ms, 4);
    put(frame, 0, 1);
    end(frame);
}

void frame_metadata(struct frame *frame)
{
    begin(frame, 3, 4);
    put(frame, -1, 4);
    put(frame, 0, 1); /* makes no topics */
    end(frame);
}

/* ---- answers --------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool is_cut;
};

static int64_t get(struct reader *reader, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size) {
        reader->is_cut = true;
        reader->at = reader->end;
        return 0;
    }
    uint64_t value = load(reader->at, size);
    reader->at += size;
    unsigned shift = (unsigned)(64 - 8 * size);
    return (int64_t)(value << shift) >> shift;
}

static void skip(struct reader *reader, int64_t len)
{
    if (len > reader->end - reader->at) {
        reader->is_cut = true;
        len = reader->end - reader->at;
    }
    reader->at += len > 0 ? len : 0;
}

static void skip_text(struct reader *reader)
{
    skip(reader, get(reader, 2));
}

int produce_answer_error(const uint8_t *answer, size_t len)
{
    struct reader reader = {answer, answer + len, false};
    skip(&reader, 4 + 4);
    skip_text(&reader);
    skip(&reader, 4 + 4);
    int error = (int)get(&reader, 2);
    return reader.is_cut ? -1 : error;
}

void fetch_answer_read(const uint8_t *answer, size_t len, struct fetch_answer *read)
{
    struct reader reader = {answer, answer + len, false};
    *read = (struct fetch_answer){.next_offset = -1};
    skip(&reader, 4 + 4);
    read->error = (int)get(&reader, 2);
    skip(&reader, 4 + 4);
    skip_text(&reader);
    skip(&reader, 4 + 4);
    int error = (int)get(&reader, 2);
    read->error = read->error != 0 ? read->error : error;
    read->high_watermark = get(&reader, 8);
    skip(&reader, 8 + 8);
    int64_t aborted = get(&reader, 4);
    skip(&reader, aborted > 0 ? aborted * 16 : 0);
    skip(&reader, 4);
    int64_t bytes = get(&reader, 4);
    read->record_bytes = bytes > 0 ? (size_t)bytes : 0;
    if (reader.is_cut) {
        read->error = -1;
        return;
    }
    const uint8_t *at = reader.at;
    while (reader.end - at >= BATCH_HEADER) {
        size_t batch = 12 + load(at + 8, 4);
        if (batch > (size_t)(reader.end - at)) {
            break;
        }
        read->next_offset = (int64_t)(load(at, 8) + load(at + 23, 4) + 1);
        read->records += load(at + 57, 4);
        at += batch;
    }
}

int create_answer_error(const uint8_t *answer, size_t len)
{
    struct reader reader = {answer, answer + len, false};
    skip(&reader, 4 + 4);
    int64_t topics = get(&reader, 4);
    for (int64_t i = 0; i < topics && !reader.is_cut; i++) {
        skip_text(&reader);
        int error = (int)get(&reader, 2);
        if (error != 0) {
            return error;
        }
        skip_text(&reader);
    }
    return reader.is_cut ? -1 : 0;
}

uint64_t metadata_led_partitions(const uint8_t *answer, size_t len)
{
    struct reader reader = {answer, answer + len, false};
    uint64_t led = 0;
    skip(&reader, 4 + 4);
    for (int64_t brokers = get(&reader, 4); brokers > 0; brokers--) {
        skip(&reader, 4);
        skip_text(&reader);
        skip(&reader, 4);
        skip_text(&reader);
    }
    skip_text(&reader);
    skip(&reader, 4);
    for (int64_t topics = get(&reader, 4); topics > 0 && !reader.is_cut; topics--) {
        skip(&reader, 2);
        skip_text(&reader);
        skip(&reader, 1);
        for (int64_t parts = get(&reader, 4); parts > 0 && !reader.is_cut; parts--) {
            skip(&reader, 2 + 4);
            led += get(&reader, 4) >= 0;
            skip(&reader, 4 * get(&reader, 4));
            skip(&reader, 4 * get(&reader, 4));
        }
    }
    return led;
}
