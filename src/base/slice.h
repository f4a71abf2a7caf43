/* slice.h - a borrowed run of bytes.
 *
 * Model: ptr may be NULL only when len is 0. Wire strings and buffers that may be null are slices
 * whose ptr is NULL; an empty but present one has a non-NULL ptr (see slice_is_null).
 * Ownership: a slice owns nothing; whoever made it says how long it lives.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/base.h"

struct slice {
    const uint8_t *ptr;
    size_t len;
};

#define SLICE_NULL ((struct slice){NULL, 0})
#define SLICE_LIT(literal) ((struct slice){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct slice slice_of(const void *ptr, size_t len)
{
    return (struct slice){(const uint8_t *)ptr, len};
}

static inline struct slice slice_of_cstr(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool slice_is_null(struct slice s)
{
    return s.ptr == NULL;
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_equal_cstr(struct slice a, const char *text)
{
    return slice_equal(a, slice_of_cstr(text));
}

/* Byte order, shorter first when one is the prefix of the other: <0, 0, >0. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t len = MIN(a.len, b.len);
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* The part [from, to) of s; from <= to <= s.len. */
static inline struct slice slice_part(struct slice s, size_t from, size_t to)
{
    ASSERT(from <= to && to <= s.len);
    return (struct slice){s.ptr + from, to - from};
}

#endif
