/* address.c - numeric addresses as text, in both worlds alike. See runtime.h. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/endian.h"
#include "runtime/runtime.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool tcp_address_parse(struct slice host, uint16_t port, struct tcp_address *address)
{
    char text[TCP_ADDRESS_TEXT_MAX];
    if (host.len == 0 || host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    *address = (struct tcp_address){.port = port};
    if (inet_pton(AF_INET, text, address->ip) == 1) {
        return true;
    }
    if (inet_pton(AF_INET6, text, address->ip) != 1) {
        return false;
    }
    address->is_v6 = true;
    if (memcmp(address->ip, mapped_prefix, sizeof mapped_prefix) == 0) {
        memmove(address->ip, address->ip + sizeof mapped_prefix, 4);
        memset(address->ip + 4, 0, 12);
        address->is_v6 = false;
    }
    return true;
}

size_t tcp_address_host_text(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT_MAX])
{
    const uint8_t *ip = address->ip;
    int len;
    if (address->is_v6) {
        len = snprintf(text, TCP_ADDRESS_TEXT_MAX, "%x:%x:%x:%x:%x:%x:%x:%x", load_be16(ip),
                       load_be16(ip + 2), load_be16(ip + 4), load_be16(ip + 6), load_be16(ip + 8),
                       load_be16(ip + 10), load_be16(ip + 12), load_be16(ip + 14));
    } else {
        len = snprintf(text, TCP_ADDRESS_TEXT_MAX, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    }
    ASSERT(len > 0 && len < TCP_ADDRESS_TEXT_MAX);
    return (size_t)len;
}

size_t tcp_address_text(const struct tcp_address *address, char text[TCP_ADDRESS_TEXT_MAX])
{
    char host[TCP_ADDRESS_TEXT_MAX];
    tcp_address_host_text(address, host);
    int len = snprintf(text, TCP_ADDRESS_TEXT_MAX, address->is_v6 ? "[%s]:%u" : "%s:%u", host,
                       address->port);
    ASSERT(len > 0 && len < TCP_ADDRESS_TEXT_MAX);
    return (size_t)len;
}
