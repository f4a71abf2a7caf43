/* socket_address.c - struct tcp_address to the kernel's form and back. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "runtime/uv/loop.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

socklen_t socket_address_fill(const struct tcp_address *address, struct sockaddr_storage *storage)
{
    memset(storage, 0, sizeof *storage);
    if (address->is_v6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
        memcpy(&v6.sin6_addr, address->ip, 16);
        memcpy(storage, &v6, sizeof v6);
        return sizeof v6;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    memcpy(&v4.sin_addr, address->ip, 4);
    memcpy(storage, &v4, sizeof v4);
    return sizeof v4;
}

struct tcp_address socket_address_read(const struct sockaddr_storage *storage)
{
    struct tcp_address address = {0};
    if (storage->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, storage, sizeof v6);
        address.port = ntohs(v6.sin6_port);
        const uint8_t *ip = (const uint8_t *)&v6.sin6_addr;
        if (memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0) {
            memcpy(address.ip, ip + sizeof mapped_prefix, 4);
        } else {
            address.is_v6 = true;
            memcpy(address.ip, ip, 16);
        }
    } else if (storage->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, storage, sizeof v4);
        address.port = ntohs(v4.sin_port);
        memcpy(address.ip, &v4.sin_addr, 4);
    }
    return address;
}
