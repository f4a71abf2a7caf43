/* connect_string.h - "host:port,[v6]:port,host/chroot" taken apart.
 *
 * Source: ConnectStringParser, NetUtils.getIPV6HostAndPort of ZooKeeper 3.9.
 */
#ifndef ZOOKEEPER_CLIENT_CONNECT_STRING_H
#define ZOOKEEPER_CLIENT_CONNECT_STRING_H

#include "base/slice.h"
#include "runtime/errmsg.h"

#define CONNECT_STRING_HOSTS_MAX 64
#define CONNECT_STRING_DEFAULT_PORT 2181

struct connect_host {
    struct slice host; /* without brackets */
    uint16_t port;
};

struct connect_string {
    struct connect_host hosts[CONNECT_STRING_HOSTS_MAX];
    size_t host_count;
    struct slice chroot; /* null when there is none ("/" is none) */
};

/* Slices borrow from `text`. ERR_INVALID (with the reason in `message`, which may be NULL),
 * ERR_LIMIT for too many hosts. */
NODISCARD int connect_string_parse(struct slice text,
                                   struct connect_string *parsed,
                                   struct errmsg *message);

#endif
