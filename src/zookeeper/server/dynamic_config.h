/* dynamic_config.h - a configuration that was agreed upon, as files beside zoo.cfg.
 *
 * With reconfigEnabled=true a server keeps its members in "<zoo.cfg>.dynamic.<version in hex>", and
 * zoo.cfg names that file (dynamicConfigFile=) instead of having server lines. A proposed one waits
 * in "<zoo.cfg>.dynamic.next". Files are written under another name, synced and renamed, the
 * dynamic file before zoo.cfg names it: whatever a crash leaves, zoo.cfg names a whole file.
 * zoo.cfg: lines of server.N, group.N, weight.N, peerType and dynamicConfigFile are dropped, and
 * clientPort and clientPortAddress when the own server line has them; every other line stays as it
 * is, comments too (Apache's drops those). The first time zoo.cfg is kept as zoo.cfg.bak.
 * Blocking: for jobs. Source: QuorumPeerConfig (writeDynamicConfig, editStaticConfig); reference
 * 1.8.
 */
#ifndef ZOOKEEPER_SERVER_DYNAMIC_CONFIG_H
#define ZOOKEEPER_SERVER_DYNAMIC_CONFIG_H

#include "runtime/errmsg.h"
#include "runtime/runtime.h"
#include "zookeeper/core/quorum.h"

NODISCARD int dynamic_config_propose(struct runtime *runtime,
                                     const char *config_file,
                                     const struct quorum_config *config,
                                     struct errmsg *message);

NODISCARD int dynamic_config_commit(struct runtime *runtime,
                                    const char *config_file,
                                    const struct quorum_config *config,
                                    int64_t own_id,
                                    struct errmsg *message);

/* zoo.cfg as it is to be with that dynamic file (for tests): appended to `out`. */
void dynamic_config_edit(struct slice text,
                         const char *dynamic_file,
                         bool drops_client_port,
                         struct buffer *out);

#endif
