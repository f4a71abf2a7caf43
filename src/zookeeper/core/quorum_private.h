/* quorum_private.h - what quorum.c, quorum_parse.c and quorum_address.c share. */
#ifndef ZOOKEEPER_CORE_QUORUM_PRIVATE_H
#define ZOOKEEPER_CORE_QUORUM_PRIVATE_H

#include "zookeeper/core/quorum.h"

/* The longest text that quorum_address_append makes of an address in brackets. */
#define QUORUM_IPV6_TEXT_MAX 40

/* Appends a host as java.net.InetSocketAddress.getHostString says it: an IPv6 address in its long
 * form without zero compression, one that maps an IPv4 address as that, anything else as it is. */
void quorum_address_append(struct buffer *out, struct slice host);

/* Zeroed, with one reference. */
struct quorum_config *quorum_config_new(void);

/* NULL when there is none. */
struct quorum_share *quorum_config_share(const struct quorum_config *config, int64_t id);

#endif
