/* record_legacy.c - the messages of magic 0 and 1, as bytes. */
#include "wire/record_legacy.h"

#include "base/crc32.h"

#define OFFSET_SIZE 8
#define OFFSET_CRC 12
#define OFFSET_MAGIC 16
#define OFFSET_ATTRIBUTES 17
#define OFFSET_TIMESTAMP 18
#define LENGTH_NULL (-1)

static size_t header_size(int8_t magic)
{
    return OFFSET_TIMESTAMP + (magic == 1 ? sizeof(int64_t) : 0);
}

int legacy_field_read(struct slice *in, struct slice *field)
{
    if (in->len < sizeof(int32_t)) {
        return ERR_CORRUPT;
    }
    int32_t len = (int32_t)load_be32(in->ptr);
    *in = slice_part(*in, sizeof(int32_t), in->len);
    *field = SLICE_NULL;
    if (len == LENGTH_NULL) {
        return ERR_OK;
    }
    if (len < 0 || (size_t)len > in->len) {
        return ERR_CORRUPT;
    }
    *field = slice_part(*in, 0, (size_t)len);
    *in = slice_part(*in, (size_t)len, in->len);
    return ERR_OK;
}

int legacy_message_view(struct slice bytes, struct legacy_message *message)
{
    const uint8_t *p = bytes.ptr;
    ASSERT(bytes.len >= BATCH_LOG_OVERHEAD + LEGACY_HEADER_BYTES_MIN);
    message->offset = (int64_t)load_be64(p);
    message->magic = (int8_t)p[OFFSET_MAGIC];
    message->attributes = (int8_t)p[OFFSET_ATTRIBUTES];
    message->timestamp_ms = message->magic == 0 ? NO_TIMESTAMP
                                                : (int64_t)load_be64(p + OFFSET_TIMESTAMP);
    struct slice rest = slice_part(bytes, header_size(message->magic), bytes.len);
    message->body = rest;
    int err = legacy_field_read(&rest, &message->key);
    err = err != 0 ? err : legacy_field_read(&rest, &message->value);
    return err != 0 ? err : rest.len == 0 ? ERR_OK : ERR_CORRUPT;
}

int legacy_message_check_crc(struct slice bytes)
{
    uint32_t stored = load_be32(bytes.ptr + OFFSET_CRC);
    struct slice covered = slice_part(bytes, OFFSET_MAGIC, bytes.len);
    return crc32_update(0, covered) == stored ? ERR_OK : ERR_CHECKSUM;
}

size_t legacy_message_size(int8_t magic, struct slice key, struct slice value)
{
    return header_size(magic) + 2 * sizeof(int32_t) + key.len + value.len;
}

static uint8_t *write_field(uint8_t *to, struct slice field)
{
    store_be32(to, slice_is_null(field) ? (uint32_t)LENGTH_NULL : (uint32_t)field.len);
    to += sizeof(int32_t);
    if (field.len > 0) {
        memcpy(to, field.ptr, field.len);
    }
    return to + field.len;
}

uint8_t *legacy_message_write(uint8_t *to, const struct legacy_message *message)
{
    size_t size = legacy_message_size(message->magic, message->key, message->value);
    store_be64(to, (uint64_t)message->offset);
    store_be32(to + OFFSET_SIZE, (uint32_t)(size - BATCH_LOG_OVERHEAD));
    to[OFFSET_MAGIC] = (uint8_t)message->magic;
    to[OFFSET_ATTRIBUTES] = (uint8_t)message->attributes;
    if (message->magic == 1) {
        store_be64(to + OFFSET_TIMESTAMP, (uint64_t)message->timestamp_ms);
    }
    uint8_t *end = write_field(to + header_size(message->magic), message->key);
    end = write_field(end, message->value);
    ASSERT((size_t)(end - to) == size);
    uint32_t crc = crc32_update(0, slice_of(to + OFFSET_MAGIC, size - OFFSET_MAGIC));
    store_be32(to + OFFSET_CRC, crc);
    return end;
}
