/* auth_ip.c - addresses and networks as text.
 *
 * IPv4: exactly four numbers. IPv6: eight groups of up to four hex digits, or fewer around one
 * "::"; no IPv4 tail, no zone. A text with a colon is IPv6, else one with a point is IPv4, else it
 * is no address.
 */
#include "zookeeper/core/auth_ip.h"

#include "base/text.h"

#define IPV6_GROUPS 8

struct address {
    uint8_t bytes[16];
    size_t len; /* 4 or 16 */
};

/* Integer.parseInt: digits of the base with an optional sign, within int32. */
static bool parse_int(struct slice text, int64_t base, int64_t *value)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = is_negative || (text.len > 0 && text.ptr[0] == '+') ? 1 : 0;
    if (i == text.len) {
        return false;
    }
    *value = 0;
    for (; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        int64_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : base;
        *value = *value * base + digit;
        if (digit >= base || *value > (int64_t)INT32_MAX + 1) {
            return false;
        }
    }
    *value = is_negative ? -*value : *value;
    return *value <= INT32_MAX;
}

static bool parse_v4(struct slice text, struct address *address)
{
    struct slice rest = text;
    bool has_more = true;
    for (size_t i = 0; i < 4; i++) {
        struct slice part;
        int64_t value = 0;
        if (!has_more) {
            return false;
        }
        has_more = text_cut(rest, '.', &part, &rest);
        if (!parse_int(part, 10, &value) || value < 0 || value > 255) {
            return false;
        }
        address->bytes[i] = (uint8_t)value;
    }
    address->len = 4;
    return !has_more;
}

/* Groups between single colons; *count is set. An empty text has none; an empty group is an
 * error. */
static bool parse_groups(struct slice text, uint16_t groups[IPV6_GROUPS], size_t *count)
{
    bool has_more = text.len > 0;
    *count = 0;
    while (has_more) {
        struct slice part;
        int64_t value = 0;
        has_more = text_cut(text, ':', &part, &text);
        if (*count == IPV6_GROUPS || part.len > 4 || !parse_int(part, 16, &value)) {
            return false;
        }
        groups[*count] = (uint16_t)value;
        *count += 1;
    }
    return true;
}

/* Where the first "::" at or behind `from` begins; text.len when there is none. */
static size_t find_gap(struct slice text, size_t from)
{
    for (size_t i = from; i + 1 < text.len; i++) {
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ':') {
            return i;
        }
    }
    return text.len;
}

static bool parse_v6(struct slice text, struct address *address)
{
    uint16_t front[IPV6_GROUPS];
    uint16_t back[IPV6_GROUPS];
    size_t front_count = 0;
    size_t back_count = 0;
    size_t gap = find_gap(text, 0);
    if (gap == text.len) {
        if (!parse_groups(text, front, &front_count) || front_count != IPV6_GROUPS) {
            return false;
        }
    } else {
        struct slice behind = slice_part(text, gap + 2, text.len);
        if (find_gap(behind, 0) != behind.len ||
            !parse_groups(slice_part(text, 0, gap), front, &front_count) ||
            !parse_groups(behind, back, &back_count) || front_count + back_count >= IPV6_GROUPS) {
            return false;
        }
    }
    *address = (struct address){.len = 16};
    for (size_t i = 0; i < front_count; i++) {
        address->bytes[2 * i] = (uint8_t)(front[i] >> 8);
        address->bytes[2 * i + 1] = (uint8_t)front[i];
    }
    for (size_t i = 0; i < back_count; i++) {
        size_t at = 2 * (IPV6_GROUPS - back_count + i);
        address->bytes[at] = (uint8_t)(back[i] >> 8);
        address->bytes[at + 1] = (uint8_t)back[i];
    }
    return true;
}

static bool parse_address(struct slice text, struct address *address)
{
    if (text.len == 0) {
        return false;
    }
    if (memchr(text.ptr, ':', text.len) != NULL) {
        return parse_v6(text, address);
    }
    return parse_v4(text, address);
}

static bool parse_network(struct slice text, struct address *address, size_t *bits)
{
    struct slice rest;
    struct slice head;
    bool has_bits = text_cut(text, '/', &head, &rest);
    if (!parse_address(head, address)) {
        return false;
    }
    int64_t value = (int64_t)address->len * 8;
    if (has_bits &&
        (!parse_int(rest, 10, &value) || value < 0 || value > (int64_t)address->len * 8)) {
        return false;
    }
    *bits = (size_t)value;
    return true;
}

bool auth_ip_is_valid(struct slice network)
{
    struct address address;
    size_t bits = 0;
    return parse_network(network, &address, &bits);
}

bool auth_ip_matches(struct slice address_text, struct slice network)
{
    struct address wanted;
    struct address own;
    size_t bits = 0;
    if (!parse_network(network, &wanted, &bits) || !parse_address(address_text, &own) ||
        own.len != wanted.len) {
        return false;
    }
    size_t whole = bits / 8;
    if (memcmp(own.bytes, wanted.bytes, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));
    return bits % 8 == 0 || ((own.bytes[whole] ^ wanted.bytes[whole]) & mask) == 0;
}
