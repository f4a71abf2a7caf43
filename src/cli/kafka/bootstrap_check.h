/* bootstrap_check.h - whether the names in bootstrap.servers are known at all.
 *
 * Clients resolve names as they connect and try again for as long as they may, since a name may
 * come back. A name that nobody knows when a tool starts is a typing error: Java's clients refuse
 * it at once, and so do the tools.
 *
 * Source: ClientUtils.parseAndValidateAddresses.
 */
#ifndef CLI_KAFKA_BOOTSTRAP_CHECK_H
#define CLI_KAFKA_BOOTSTRAP_CHECK_H

#include "base/slice.h"
#include "runtime/errmsg.h"

/* ERR_CONFIG with the sentence when there are names in "host:port,..." and none of them can be
 * resolved; each that cannot is told on stderr. Entries that are no "host:port" are not judged
 * here. */
NODISCARD int bootstrap_check(struct slice servers, struct errmsg *message);

#endif
