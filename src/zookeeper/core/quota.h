/* quota.h - the text of quota nodes: count=5,bytes=-1=;byteHardLimit=10;countHardLimit=-1
 *
 * The same form stands in zookeeper_limits (what is allowed) and in zookeeper_stats (what is
 * there), both below /zookeeper/quota<path>/. A missing value is -1. Keys that are not known here
 * are kept.
 * Source: StatsTrack, Quotas.
 */
#ifndef ZOOKEEPER_CORE_QUOTA_H
#define ZOOKEEPER_CORE_QUOTA_H

#include "base/buffer.h"
#include "base/errors.h"

#define QUOTA_ROOT "/zookeeper/quota"
#define QUOTA_LIMIT_NAME "zookeeper_limits"
#define QUOTA_STAT_NAME "zookeeper_stats"
#define QUOTA_KEYS_MAX 32

struct quota_pair {
    struct slice key; /* borrows from the text */
    int64_t value;
};

struct quota_values {
    struct quota_pair pairs[QUOTA_KEYS_MAX];
    size_t count;
};

/* ERR_INVALID for a text that StatsTrack cannot read (or null), ERR_LIMIT for more than
 * QUOTA_KEYS_MAX keys. */
NODISCARD int quota_parse(struct slice text, struct quota_values *values);

/* -1 when the key is not there. */
int64_t quota_get(const struct quota_values *values, const char *key);

#define QUOTA_COUNT "count"
#define QUOTA_BYTES "bytes"
#define QUOTA_COUNT_HARD "countHardLimit"
#define QUOTA_BYTES_HARD "byteHardLimit"

/* ERR_LIMIT when there is no room for a new key. */
NODISCARD int quota_set(struct quota_values *values, const char *key, int64_t value);

/* Appends the text. */
void quota_print(struct quota_values *values, struct buffer *out);

/* Appends QUOTA_ROOT, path, '/' and name: where the quota of a path is kept. */
void quota_node_path(struct slice path, const char *name, struct buffer *out);

#endif
