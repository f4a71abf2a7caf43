/* topic_name.c - see topic_name.h. */
#include "kafka/core/topic_name.h"

static bool is_legal(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

enum topic_name_fault topic_name_check(struct slice name)
{
    if (name.len == 0) {
        return TOPIC_NAME_EMPTY;
    }
    if (slice_equal_cstr(name, ".") || slice_equal_cstr(name, "..")) {
        return TOPIC_NAME_DOTS;
    }
    if (name.len > TOPIC_NAME_MAX) {
        return TOPIC_NAME_LONG;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_legal(name.ptr[i])) {
            return TOPIC_NAME_CHARACTER;
        }
    }
    return TOPIC_NAME_FINE;
}

bool topic_name_is_internal(struct slice name)
{
    return slice_equal_cstr(name, OFFSETS_TOPIC_NAME) ||
           slice_equal_cstr(name, TRANSACTIONS_TOPIC_NAME);
}

bool topic_name_collides(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        uint8_t x = a.ptr[i] == '.' ? '_' : a.ptr[i];
        uint8_t y = b.ptr[i] == '.' ? '_' : b.ptr[i];
        if (x != y) {
            return false;
        }
    }
    return true;
}
