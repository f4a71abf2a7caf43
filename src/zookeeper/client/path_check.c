/* path_check.c - see path_check.h. The server judges again: this saves the journey, and gives the
 * words. */
#include "zookeeper/client/path_check.h"

#include "base/buffer.h"

#define CHARACTER_BAD UINT32_MAX
#define PATH_SHOWN_MAX 768 /* bytes of a bad path in the message */

/* One character of UTF-8 at `at`; *len gets its bytes. CHARACTER_BAD (of one byte) for malformed
 * text, which Java would have read as U+FFFD. */
static uint32_t character_at(struct slice text, size_t at, size_t *len)
{
    const uint8_t *p = text.ptr + at;
    size_t left = text.len - at;
    *len = 1;
    if (p[0] < 0x80) {
        return p[0];
    }
    size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < size) {
        return CHARACTER_BAD;
    }
    uint32_t value = p[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return CHARACTER_BAD;
        }
        value = value << 6 | (p[i] & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < smallest[size]) {
        return CHARACTER_BAD;
    }
    *len = size;
    return value;
}

static bool is_refused(uint32_t c)
{
    return c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0;
}

/* Is the '.' at `at` the last character of a name "." or ".."? */
static bool ends_relative_name(struct slice path, size_t at)
{
    bool is_last = at + 1 == path.len || path.ptr[at + 1] == '/';
    size_t from = at >= 2 && path.ptr[at - 1] == '.' ? at - 2 : at - 1;
    return is_last && path.ptr[from] == '/';
}

/* What is wrong at `at`, where the character c stands; NULL when nothing is. */
static const char *fault_at(struct slice path, size_t at, uint32_t c)
{
    if (c == 0) {
        return "null character not allowed";
    }
    if (c == '/') {
        return path.ptr[at - 1] == '/' ? "empty node name specified" : NULL;
    }
    if (c == '.') {
        return ends_relative_name(path, at) ? "relative paths not allowed" : NULL;
    }
    return is_refused(c) ? "invalid character" : NULL;
}

int path_check(struct slice path, struct errmsg *message)
{
    if (path.len == 0) {
        return errmsg_set(message, ERR_INVALID, "Path length must be > 0");
    }
    if (path.ptr[0] != '/') {
        return errmsg_set(message, ERR_INVALID, "Path must start with / character");
    }
    if (path.len == 1) {
        return 0;
    }
    if (path.ptr[path.len - 1] == '/') {
        return errmsg_set(message, ERR_INVALID, "Path must not end with / character");
    }
    size_t unit = 1;
    size_t len = 1;
    for (size_t at = 1; at < path.len; at += len) {
        uint32_t c = character_at(path, at, &len);
        const char *fault = fault_at(path, at, c);
        if (fault != NULL) {
            return errmsg_set(
                message, ERR_INVALID, "Invalid path string \"%.*s\" caused by %s @%zu",
                (int)MIN(path.len, PATH_SHOWN_MAX), (const char *)path.ptr, fault, unit);
        }
        unit += c >= 0x10000 ? 2 : 1;
    }
    return 0;
}

int path_check_sequential(struct slice path, struct errmsg *message)
{
    struct buffer numbered;
    buffer_init(&numbered, path.len + 1);
    buffer_append(&numbered, path);
    buffer_append_u8(&numbered, '1'); /* upstream does so, and shows it */
    int error = path_check(buffer_slice(&numbered), message);
    buffer_release(&numbered);
    return error;
}
