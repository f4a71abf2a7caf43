/* protocol.c - see protocol.h. */
#include "sim/protocol.h"

/* ---- writing --------------------------------------------------------------------------------- */

static void put_big_endian(struct bytes *out, uint64_t value, unsigned count)
{
    uint8_t raw[8];
    for (unsigned i = 0; i < count; i++) {
        raw[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    }
    bytes_append(out, slice_of(raw, count));
}

void put_i32(struct bytes *out, int32_t value)
{
    put_big_endian(out, (uint32_t)value, 4);
}

void put_i64(struct bytes *out, int64_t value)
{
    put_big_endian(out, (uint64_t)value, 8);
}

void put_bool(struct bytes *out, bool value)
{
    put_big_endian(out, value ? 1 : 0, 1);
}

void put_text(struct bytes *out, struct slice text)
{
    put_i32(out, slice_is_null(text) ? -1 : (int32_t)text.len);
    bytes_append(out, text);
}

void put_stat(struct bytes *out, const struct node_stat *stat)
{
    put_i64(out, stat->czxid);
    put_i64(out, stat->mzxid);
    put_i64(out, stat->ctime);
    put_i64(out, stat->mtime);
    put_i32(out, stat->version);
    put_i32(out, stat->cversion);
    put_i32(out, stat->aversion);
    put_i64(out, stat->owner);
    put_i32(out, stat->data_len);
    put_i32(out, stat->child_count);
    put_i64(out, stat->pzxid);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct cursor cursor_of(struct slice bytes)
{
    return (struct cursor){.at = bytes.ptr,
                           .end = bytes.len == 0 ? bytes.ptr : bytes.ptr + bytes.len};
}

size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static uint64_t get_big_endian(struct cursor *cursor, unsigned count)
{
    uint64_t value = 0;
    if (cursor->bad || cursor_left(cursor) < count) {
        cursor->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        value = value << 8 | cursor->at[i];
    }
    cursor->at += count;
    return value;
}

int32_t get_i32(struct cursor *cursor)
{
    return (int32_t)(uint32_t)get_big_endian(cursor, 4);
}

int64_t get_i64(struct cursor *cursor)
{
    return (int64_t)get_big_endian(cursor, 8);
}

bool get_bool(struct cursor *cursor)
{
    return get_big_endian(cursor, 1) != 0;
}

struct slice get_text(struct cursor *cursor)
{
    int32_t len = get_i32(cursor);
    if (len == -1 || cursor->bad) {
        return SLICE_NULL;
    }
    if (len < 0 || (size_t)len > cursor_left(cursor)) {
        cursor->bad = true;
        return SLICE_NULL;
    }
    struct slice text = slice_of(cursor->at, (size_t)len);
    cursor->at += len;
    return text;
}

struct slice get_rest(struct cursor *cursor)
{
    struct slice rest = slice_of(cursor->at, cursor_left(cursor));
    cursor->at = cursor->end;
    return rest;
}

void get_stat(struct cursor *cursor, struct node_stat *stat)
{
    stat->czxid = get_i64(cursor);
    stat->mzxid = get_i64(cursor);
    stat->ctime = get_i64(cursor);
    stat->mtime = get_i64(cursor);
    stat->version = get_i32(cursor);
    stat->cversion = get_i32(cursor);
    stat->aversion = get_i32(cursor);
    stat->owner = get_i64(cursor);
    stat->data_len = get_i32(cursor);
    stat->child_count = get_i32(cursor);
    stat->pzxid = get_i64(cursor);
}

const char *op_text(int32_t op)
{
    static const struct {
        int32_t op;
        const char *text;
    } texts[] = {
        {OP_CREATE, "create"},
        {OP_DELETE, "delete"},
        {OP_EXISTS, "exists"},
        {OP_GET_DATA, "getData"},
        {OP_SET_DATA, "setData"},
        {OP_GET_ACL, "getACL"},
        {OP_SET_ACL, "setACL"},
        {OP_GET_CHILDREN, "getChildren"},
        {OP_SYNC, "sync"},
        {OP_PING, "ping"},
        {OP_GET_CHILDREN2, "getChildren2"},
        {OP_CHECK, "check"},
        {OP_MULTI, "multi"},
        {OP_CREATE2, "create2"},
        {OP_RECONFIG, "reconfig"},
        {OP_CHECK_WATCHES, "checkWatches"},
        {OP_REMOVE_WATCHES, "removeWatches"},
        {OP_CREATE_CONTAINER, "createContainer"},
        {OP_DELETE_CONTAINER, "deleteContainer"},
        {OP_CREATE_TTL, "createTTL"},
        {OP_MULTI_READ, "multiRead"},
        {OP_AUTH, "auth"},
        {OP_SET_WATCHES, "setWatches"},
        {OP_GET_EPHEMERALS, "getEphemerals"},
        {OP_COUNT_DESCENDANTS, "getAllChildrenNumber"},
        {OP_SET_WATCHES2, "setWatches2"},
        {OP_ADD_WATCH, "addWatch"},
        {OP_WHO_AM_I, "whoAmI"},
        {OP_CREATE_SESSION, "createSession"},
        {OP_CLOSE_SESSION, "closeSession"},
        {OP_ERROR, "error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].op == op) {
            return texts[i].text;
        }
    }
    return "?";
}
