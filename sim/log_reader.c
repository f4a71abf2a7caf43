/* log_reader.c - see log_reader.h. */
#include "sim/log_reader.h"

#define LOG_MAGIC 0x5a4b4c47
#define LOG_VERSION 2
#define ENTRY_END 0x42
#define TXN_HEADER_BYTES 32u
#define ADLER_BASE 65521u

static uint32_t adler(struct slice bytes)
{
    uint32_t a = 1;
    uint32_t b = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        a = (a + bytes.ptr[i]) % ADLER_BASE;
        b = (b + a) % ADLER_BASE;
    }
    return b << 16 | a;
}

size_t log_file_next(struct slice file, size_t offset, int64_t *zxid, struct slice *txn)
{
    struct cursor cursor = cursor_of(file);
    if (get_i32(&cursor) != LOG_MAGIC || get_i32(&cursor) != LOG_VERSION) {
        return 0;
    }
    (void)get_i64(&cursor);
    if (offset > file.len) {
        return 0;
    }
    if (offset > 0) {
        cursor = cursor_of(slice_part(file, offset, file.len));
    }
    int64_t sum = get_i64(&cursor);
    *txn = get_text(&cursor);
    bool is_whole = !cursor.bad && txn->len >= TXN_HEADER_BYTES && cursor_left(&cursor) >= 1 &&
                    *cursor.at == ENTRY_END && sum == (int64_t)adler(*txn);
    if (!is_whole) {
        return 0;
    }
    struct cursor header = cursor_of(*txn);
    (void)get_i64(&header);
    (void)get_i32(&header);
    *zxid = get_i64(&header);
    return (size_t)(cursor.at + 1 - file.ptr);
}

size_t log_file_each(struct slice file,
                     void (*each)(void *ctx, int64_t zxid, struct slice txn),
                     void *ctx)
{
    size_t count = 0;
    int64_t zxid = 0;
    struct slice txn;
    for (size_t at = 0; (at = log_file_next(file, at, &zxid, &txn)) != 0; count++) {
        each(ctx, zxid, txn);
    }
    return count;
}

/* The bytes of a list whose elements `skip` passes over, count included. */
static struct slice get_list(struct cursor *cursor, void (*skip)(struct cursor *cursor))
{
    const uint8_t *start = cursor->at;
    int32_t count = get_i32(cursor);
    for (int32_t i = 0; i < count && !cursor->bad; i++) {
        skip(cursor);
    }
    return slice_of(start, (size_t)(cursor->at - start));
}

static void skip_acl(struct cursor *cursor)
{
    (void)get_i32(cursor);
    (void)get_text(cursor);
    (void)get_text(cursor);
}

static void skip_text(struct cursor *cursor)
{
    (void)get_text(cursor);
}

static void get_part(struct cursor *cursor, int32_t type, struct txn_part *part)
{
    *part = (struct txn_part){.type = type, .ttl = -1};
    switch (type) {
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_CONTAINER:
    case OP_CREATE_TTL:
        part->path = get_text(cursor);
        part->data = get_text(cursor);
        part->acl = get_list(cursor, skip_acl);
        if (type == OP_CREATE || type == OP_CREATE2) {
            part->is_ephemeral = get_bool(cursor);
        }
        part->parent_cversion = get_i32(cursor);
        part->ttl = type == OP_CREATE_TTL ? get_i64(cursor) : -1;
        break;
    case OP_DELETE:
    case OP_DELETE_CONTAINER:
        part->path = get_text(cursor);
        break;
    case OP_SET_DATA:
    case OP_RECONFIG:
        part->path = get_text(cursor);
        part->data = get_text(cursor);
        part->version = get_i32(cursor);
        break;
    case OP_SET_ACL:
        part->path = get_text(cursor);
        part->acl = get_list(cursor, skip_acl);
        part->version = get_i32(cursor);
        break;
    case OP_CHECK:
        part->path = get_text(cursor);
        part->version = get_i32(cursor);
        break;
    case OP_CREATE_SESSION:
        part->timeout_ms = get_i32(cursor);
        break;
    case OP_CLOSE_SESSION:
        part->has_paths = cursor_left(cursor) > 0;
        if (part->has_paths) {
            part->paths = get_list(cursor, skip_text);
        }
        break;
    case OP_ERROR:
        part->error = get_i32(cursor);
        break;
    default:
        cursor->bad = true;
        break;
    }
}

static void get_multi(struct cursor *cursor, struct txn_record *txn)
{
    size_t cap = 0;
    int32_t count = get_i32(cursor);
    for (int32_t i = 0; i < count && !cursor->bad; i++) {
        heap_grow((void **)&txn->parts, &cap, (size_t)txn->part_count, sizeof *txn->parts);
        int32_t type = get_i32(cursor);
        struct slice record = get_text(cursor);
        struct cursor inner = cursor_of(record);
        get_part(&inner, type, &txn->parts[txn->part_count++]);
        cursor->bad = cursor->bad || inner.bad || cursor_left(&inner) > 0;
    }
}

/* A closeSession without a list: a digest's version is 2, and two paths need more than 12 bytes. */
static bool is_digest_alone(struct cursor cursor)
{
    return cursor_left(&cursor) == 12 && get_i32(&cursor) == 2;
}

bool txn_record_read(struct slice bytes, struct txn_record *txn)
{
    struct cursor cursor = cursor_of(bytes);
    *txn = (struct txn_record){0};
    txn->client_id = get_i64(&cursor);
    txn->cxid = get_i32(&cursor);
    txn->zxid = get_i64(&cursor);
    txn->time_ms = get_i64(&cursor);
    txn->type = get_i32(&cursor);
    if (txn->type == OP_MULTI) {
        get_multi(&cursor, txn);
    } else {
        txn->parts = heap_new(sizeof *txn->parts);
        txn->part_count = 1;
        if (txn->type == OP_CLOSE_SESSION && is_digest_alone(cursor)) {
            txn->parts[0] = (struct txn_part){.type = OP_CLOSE_SESSION, .ttl = -1};
        } else {
            get_part(&cursor, txn->type, &txn->parts[0]);
        }
    }
    if (cursor_left(&cursor) > 0) {
        txn->has_digest = true;
        txn->digest_version = get_i32(&cursor);
        txn->digest = (uint64_t)get_i64(&cursor);
    }
    return !cursor.bad && cursor_left(&cursor) == 0;
}

void txn_record_release(struct txn_record *txn)
{
    heap_free(txn->parts);
    txn->parts = NULL;
}
