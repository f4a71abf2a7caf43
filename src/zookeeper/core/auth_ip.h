/* auth_ip.h - the scheme "ip": an ACL names an address or a network, address[/bits]. Private to
 * auth.c and its test.
 *
 * Numbers are read as Java's Integer.parseInt reads them, so a sign is accepted where upstream
 * accepts one.
 * Source: IPAuthenticationProvider.
 */
#ifndef ZOOKEEPER_CORE_AUTH_IP_H
#define ZOOKEEPER_CORE_AUTH_IP_H

#include "base/slice.h"

/* May a list name this? */
bool auth_ip_is_valid(struct slice network);

/* Is the peer's address (as text) in the network? */
bool auth_ip_matches(struct slice address, struct slice network);

#endif
