/* config_keys.h - the table of every zoo.cfg key and zookeeper.* property of Apache 3.5 to 3.9 (and
 * master). Private to config.c.
 *
 * A key is obeyed (it has a place in struct zk_config), accepted without effect (it has a reason,
 * which is said at start), or belongs to what this version does not serve (refused with its
 * reason). Sources: QuorumPeerConfig, the administrator's guide; reference 1.8.
 */
#ifndef ZOOKEEPER_SERVER_CONFIG_KEYS_H
#define ZOOKEEPER_SERVER_CONFIG_KEYS_H

#include "base/base.h"

enum config_kind {
    CONFIG_BOOL, /* Java's Boolean.parseBoolean and yes/no */
    CONFIG_I32,
    CONFIG_I64,
    CONFIG_KIB,   /* an int64 of KiB, kept as bytes */
    CONFIG_HOURS, /* hours (or with a unit: 30m, 12h, 1d), kept as ms */
    CONFIG_TEXT,
    CONFIG_COMPRESSION, /* "", gz, snappy */
    CONFIG_SPECIAL,     /* config.c knows it by name */
    CONFIG_IGNORED,     /* no effect here: `reason` says why */
    CONFIG_ENSEMBLE, /* tunes Apache's ensembles: no effect here, for the `reason`. Many files have
                        some: not warned about */
    CONFIG_REFUSED,  /* would change what the server promises: `reason` says what to do */
};

struct config_key {
    /* as in zoo.cfg; as a property it carries the prefix "zookeeper." (or none, for the few that
     * upstream reads so) */
    const char *name;
    enum config_kind kind;
    size_t offset; /* in struct zk_config */
    size_t size;   /* of a text */
    int64_t min;
    int64_t max;
    const char *reason;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
