/* config_ensemble.h - the part of a configuration that makes a server one of several: server, group
 * and weight lines, the dynamic file, myid. Private to config.c.
 *
 * Sources: QuorumPeerConfig.setupQuorumPeerConfig and parseDynamicConfig; reference 1.8.
 */
#ifndef ZOOKEEPER_SERVER_CONFIG_ENSEMBLE_H
#define ZOOKEEPER_SERVER_CONFIG_ENSEMBLE_H

#include "zookeeper/server/config.h"

/* The server, group and weight lines of zoo.cfg, collected as a text for quorum_config_parse. */
struct config_members {
    struct buffer text;
    char first_key[64];
};

/* What a configuration is read in. */
struct config_surroundings {
    struct runtime *runtime; /* NULL: no file but the given text is read */
    const char *name;        /* of zoo.cfg */
    zk_config_warning *warning;
    void *ctx;
    struct errmsg *message;
};

void config_members_init(struct config_members *members);
void config_members_release(struct config_members *members);

/* False when it is too much. */
bool config_members_add(struct config_members *members, struct slice key, struct slice value);

/* Fills in members, next_members, server_id, is_ensemble, is_observer and the client port of the
 * own server line. ERR_CONFIG with a sentence. */
NODISCARD int config_members_resolve(struct zk_config *config,
                                     const struct config_members *members,
                                     const struct config_surroundings *around);

/* A decimal number with a point: snapshotSizeFactor. */
bool config_read_factor(struct slice text, double *factor);

/* config.c: the whole file, at most 1 MiB; an error of the table with a sentence. */
NODISCARD int config_read_file(struct runtime *runtime,
                               const char *path,
                               struct buffer *text,
                               struct errmsg *message);

#endif
