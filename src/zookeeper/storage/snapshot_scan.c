/* snapshot_scan.c - see snapshot_scan.h.
 *
 * Each state reads one field of fixed size, which tells how much is stepped over and what comes
 * then:
 *
 *   SESSIONS -> LISTS -> (LIST_HEAD -> (ENTRY_HEAD -> ENTRY_ID)*)*
 *            -> (PATH -> [PATH_BYTE] -> DATA)* until the path is "/"
 *            -> SIGNATURE -> DONE
 */
#include "zookeeper/storage/snapshot_scan.h"

#include "base/endian.h"

#define SESSION_BYTES 12u    /* id, timeout */
#define FIXED_NODE_BYTES 68u /* behind a node's data: ACL id, stat */
#define LIST_HEAD_BYTES 12u  /* id, count */
#define ENTRY_HEAD_BYTES 8u  /* permissions, length of the scheme */
#define SIGNATURE_TEXT "BenWasHere"
#define SIGNATURE_BYTES (4u + sizeof SIGNATURE_TEXT - 1)

_Static_assert(SIGNATURE_BYTES <= SNAPSHOT_SCAN_FIELD_MAX, "a field is kept whole");

void snapshot_scan_init(struct snapshot_scan *scan, size_t text_max)
{
    *scan = (struct snapshot_scan){.state = SCAN_SESSIONS, .text_max = text_max};
}

size_t snapshot_scan_signature_bytes(void)
{
    return SIGNATURE_BYTES;
}

static size_t field_bytes(enum snapshot_scan_state state)
{
    switch (state) {
    case SCAN_LIST_HEAD:
        return LIST_HEAD_BYTES;
    case SCAN_ENTRY_HEAD:
        return ENTRY_HEAD_BYTES;
    case SCAN_PATH_BYTE:
        return 1;
    case SCAN_SIGNATURE:
        return SIGNATURE_BYTES;
    case SCAN_SESSIONS:
    case SCAN_LISTS:
    case SCAN_ENTRY_ID:
    case SCAN_PATH:
    case SCAN_DATA:
    case SCAN_DONE:
        break;
    }
    return 4;
}

/* A length of a string or buffer: -1 is null, where that may be. */
static int text_len(const struct snapshot_scan *scan, size_t offset, bool may_be_null, size_t *len)
{
    int32_t value = (int32_t)load_be32(scan->field + offset);
    *len = value > 0 ? (size_t)value : 0;
    bool is_bad = value < (may_be_null ? -1 : 0) || *len > scan->text_max;
    return is_bad ? ERR_CORRUPT : 0;
}

static int count_at(const struct snapshot_scan *scan, size_t offset, uint32_t *count)
{
    *count = load_be32(scan->field + offset);
    return *count > (uint32_t)INT32_MAX ? ERR_CORRUPT : 0;
}

static void next_entry(struct snapshot_scan *scan)
{
    if (scan->entries_left > 0) {
        scan->entries_left--;
        scan->state = SCAN_ENTRY_HEAD;
    } else if (scan->lists_left > 0) {
        scan->lists_left--;
        scan->state = SCAN_LIST_HEAD;
    } else {
        scan->state = SCAN_PATH;
    }
}

static int take_path(struct snapshot_scan *scan)
{
    size_t len;
    int error = text_len(scan, 0, false, &len);
    scan->state = len == 1 ? SCAN_PATH_BYTE : SCAN_DATA;
    scan->skip = len == 1 ? 0 : len;
    return error;
}

static int take_signature(struct snapshot_scan *scan)
{
    static const char text[] = SIGNATURE_TEXT;
    size_t len = sizeof text - 1;
    scan->state = SCAN_DONE;
    return load_be32(scan->field) == len && memcmp(scan->field + 4, text, len) == 0 ? 0
                                                                                    : ERR_CORRUPT;
}

/* The field of this state is whole. */
static int take_field(struct snapshot_scan *scan)
{
    uint32_t count = 0;
    size_t len = 0;
    int error = 0;
    switch (scan->state) {
    case SCAN_SESSIONS:
        error = count_at(scan, 0, &count);
        scan->skip = (uint64_t)count * SESSION_BYTES;
        scan->state = SCAN_LISTS;
        return error;
    case SCAN_LISTS:
        error = count_at(scan, 0, &scan->lists_left);
        next_entry(scan);
        return error;
    case SCAN_LIST_HEAD:
        error = count_at(scan, 8, &scan->entries_left);
        next_entry(scan);
        return error;
    case SCAN_ENTRY_HEAD:
        error = text_len(scan, 4, true, &len);
        scan->skip = len;
        scan->state = SCAN_ENTRY_ID;
        return error;
    case SCAN_ENTRY_ID:
        error = text_len(scan, 0, true, &len);
        scan->skip = len;
        next_entry(scan);
        return error;
    case SCAN_PATH:
        return take_path(scan);
    case SCAN_PATH_BYTE:
        scan->state = scan->field[0] == '/' ? SCAN_SIGNATURE : SCAN_DATA;
        return 0;
    case SCAN_DATA:
        error = text_len(scan, 0, true, &len);
        scan->skip = (uint64_t)len + FIXED_NODE_BYTES;
        scan->state = SCAN_PATH;
        return error;
    case SCAN_SIGNATURE:
        return take_signature(scan);
    case SCAN_DONE:
        break;
    }
    UNREACHABLE();
}

int snapshot_scan_feed(struct snapshot_scan *scan, struct slice bytes, size_t *taken)
{
    size_t at = 0;
    int error = 0;
    while (error == 0 && at < bytes.len && scan->state != SCAN_DONE) {
        size_t left = bytes.len - at;
        if (scan->skip > 0) {
            size_t skipped = (size_t)MIN(scan->skip, (uint64_t)left);
            scan->skip -= skipped;
            at += skipped;
            continue;
        }
        size_t wanted = field_bytes(scan->state);
        size_t add = MIN(wanted - scan->field_len, left);
        memcpy(scan->field + scan->field_len, bytes.ptr + at, add);
        scan->field_len += add;
        at += add;
        if (scan->field_len == wanted) {
            scan->field_len = 0;
            error = take_field(scan);
        }
    }
    *taken = at;
    return error;
}
