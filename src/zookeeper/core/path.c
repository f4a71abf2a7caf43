/* path.c - which strings are paths.
 *
 * ZooKeeper judges a path as Java's UTF-16 text. In terms of bytes: it must be well-formed UTF-8
 * (Java would read a malformed byte as U+FFFD, which is refused), without four-byte characters
 * (they are surrogate pairs there, and surrogates are refused), and the few refused ranges below
 * U+10000 are looked up where a character is not plain ASCII.
 */
#include "zookeeper/core/tree.h"

#define CHARACTER_BAD UINT32_MAX

/* The character at p, whose first byte is >= 0x80; *len gets its bytes. CHARACTER_BAD when it is
 * not of two or three bytes and well-formed. */
static uint32_t read_character(const uint8_t *p, const uint8_t *end, size_t *len)
{
    uint32_t c = CHARACTER_BAD;
    *len = p[0] < 0xe0 ? 2 : 3;
    if ((size_t)(end - p) < *len || (p[1] & 0xc0) != 0x80) {
        return CHARACTER_BAD;
    }
    if (p[0] >= 0xc2 && p[0] < 0xe0) {
        c = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    } else if (p[0] >= 0xe0 && p[0] < 0xf0 && (p[2] & 0xc0) == 0x80) {
        c = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        c = c < 0x800 ? CHARACTER_BAD : c;
    }
    return c;
}

static bool is_allowed(uint32_t c)
{
    return c != CHARACTER_BAD && c > 0x9f && !(c >= 0xd800 && c <= 0xf8ff) && c < 0xfff0;
}

/* Is the segment of `len` bytes before `p` one that may be a name? */
static bool is_name(const uint8_t *p, size_t len)
{
    return len > 2 || !(len == 0 || (p[-1] == '.' && (len == 1 || p[-2] == '.')));
}

bool path_is_valid(struct slice path)
{
    if (path.len == 0 || path.ptr[0] != '/') {
        return false;
    }
    if (path.len == 1) {
        return true;
    }
    const uint8_t *end = path.ptr + path.len;
    const uint8_t *name = path.ptr + 1;
    const uint8_t *p = name;
    while (p < end) {
        size_t len = 1;
        if (*p == '/') {
            if (!is_name(p, (size_t)(p - name))) {
                return false;
            }
            name = p + 1;
        } else if (*p >= 0x80) {
            if (!is_allowed(read_character(p, end, &len))) {
                return false;
            }
        } else if (*p < 0x20 || *p == 0x7f) {
            return false;
        }
        p += len;
    }
    return is_name(p, (size_t)(p - name));
}
