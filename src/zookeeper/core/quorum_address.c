/* quorum_address.c - host texts of a configuration as Java prints them; see quorum_private.h. */
#include "zookeeper/core/quorum_private.h"

#define GROUPS 8
#define GROUP_DIGITS_MAX 4

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1.2.3.4" as two groups. */
static bool read_dotted(struct slice text, uint16_t groups[2])
{
    uint32_t value = 0;
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        uint32_t number = 0;
        size_t from = at;
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && at - from < 3) {
            number = number * 10 + (uint32_t)(text.ptr[at++] - '0');
        }
        bool is_ended = part == 3 ? at == text.len : at < text.len && text.ptr[at] == '.';
        if (at == from || number > 255 || !is_ended) {
            return false;
        }
        at++;
        value = value << 8 | number;
    }
    groups[0] = (uint16_t)(value >> 16);
    groups[1] = (uint16_t)value;
    return true;
}

struct address_reader {
    uint16_t groups[GROUPS];
    size_t count;
    size_t gap; /* GROUPS + 1: no "::" seen; else in front of which group it stands */
};

/* One group of hex digits at `at`, or the dotted tail. Returns where it ends, 0 when it is none. */
static size_t read_group(struct address_reader *reader, struct slice text, size_t at)
{
    size_t from = at;
    uint32_t value = 0;
    while (at < text.len && at - from < GROUP_DIGITS_MAX && hex_digit(text.ptr[at]) >= 0) {
        value = value << 4 | (uint32_t)hex_digit(text.ptr[at++]);
    }
    if (at < text.len && text.ptr[at] == '.' && reader->count + 2 <= GROUPS &&
        read_dotted(slice_part(text, from, text.len), &reader->groups[reader->count])) {
        reader->count += 2;
        return text.len;
    }
    if (at == from || reader->count == GROUPS) {
        return 0;
    }
    reader->groups[reader->count++] = (uint16_t)value;
    return at;
}

static bool read_ipv6(struct slice text, uint16_t groups[GROUPS])
{
    struct address_reader reader = {.gap = GROUPS + 1};
    size_t at = 0;
    if (slice_starts_with(text, SLICE_LIT("::"))) {
        reader.gap = 0;
        at = 2;
    }
    while (at < text.len) {
        at = read_group(&reader, text, at);
        if (at == 0) {
            return false;
        }
        if (at == text.len) {
            break;
        }
        if (text.ptr[at] != ':' || at + 1 == text.len) {
            return false;
        }
        at++;
        if (text.ptr[at] == ':') {
            if (reader.gap <= GROUPS) {
                return false;
            }
            reader.gap = reader.count;
            at++;
        }
    }
    bool has_gap = reader.gap <= GROUPS;
    if (has_gap ? reader.count == GROUPS : reader.count != GROUPS) {
        return false;
    }
    size_t head = has_gap ? reader.gap : reader.count;
    size_t tail = reader.count - head;
    memset(groups, 0, GROUPS * sizeof groups[0]);
    memcpy(groups, reader.groups, head * sizeof groups[0]);
    memcpy(groups + GROUPS - tail, reader.groups + head, tail * sizeof groups[0]);
    return true;
}

void quorum_address_append(struct buffer *out, struct slice host)
{
    uint16_t groups[GROUPS];
    if (!read_ipv6(host, groups)) {
        buffer_append(out, host);
        return;
    }
    static const uint16_t mapped[6] = {0, 0, 0, 0, 0, 0xffff};
    if (memcmp(groups, mapped, sizeof mapped) == 0) {
        for (size_t i = 0; i < 4; i++) {
            uint16_t pair = groups[6 + i / 2];
            buffer_append_decimal(out, i % 2 == 0 ? pair >> 8 : pair & 0xff);
            buffer_append_cstr(out, i < 3 ? "." : "");
        }
        return;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        buffer_append_hex(out, groups[i]);
        buffer_append_cstr(out, i + 1 < GROUPS ? ":" : "");
    }
}
