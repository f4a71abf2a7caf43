/* path_check.h - may this be a path? With the words that Apache's clients use when it may not.
 *
 * Positions count UTF-16 units, as Java does. Source: PathUtils.validatePath.
 */
#ifndef ZOOKEEPER_CLIENT_PATH_CHECK_H
#define ZOOKEEPER_CLIENT_PATH_CHECK_H

#include "base/slice.h"
#include "runtime/errmsg.h"

/* 0, or ERR_INVALID with the reason in `message` (may be NULL). */
NODISCARD int path_check(struct slice path, struct errmsg *message);

/* A sequential node's path: a number will follow, so it may end in '/'. */
NODISCARD int path_check_sequential(struct slice path, struct errmsg *message);

#endif
