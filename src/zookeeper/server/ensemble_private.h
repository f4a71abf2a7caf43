/* ensemble_private.h - what ensemble.c (roles, ports, configurations) and ensemble_durable.c (the
 * queue to the disk) share. */
#ifndef ZOOKEEPER_SERVER_ENSEMBLE_PRIVATE_H
#define ZOOKEEPER_SERVER_ENSEMBLE_PRIVATE_H

#include "zookeeper/core/peer.h"
#include "zookeeper/server/election_port.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port.h"
#include "zookeeper/storage/epochs.h"

struct durable_item; /* ensemble_durable.c */

struct epoch_job {
    struct runtime_job job;
    struct node *node;
    enum zk_epoch_kind kind;
    int64_t epoch;
    int error;
    struct errmsg message;
};

struct cut_job {
    struct runtime_job job;
    struct node *node;
    int64_t zxid;
    int error;
    struct errmsg message;
};

struct config_job {
    struct runtime_job job;
    struct ensemble *ensemble;
    struct quorum_config *config; /* kept while it runs */
    bool is_next;                 /* proposed: the file with ".next" alone */
    int error;
    struct errmsg message;
};

struct ensemble {
    struct node *node;
    struct peer peer;
    struct peer_config peer_config;
    struct epochs epochs; /* as read at the start */
    struct election_port *election_port;
    struct quorum_port *quorum_port;
    struct quorum_config *config; /* in force; kept */
    bool is_started;
    bool was_serving;
    enum peer_state logged_state; /* what the log was told last */
    const char *logged_zab_state;
    bool logged_read_only;
    bool first_snapshot_due; /* the log was replayed at the start: shorten the next one */

    struct list durable; /* struct durable_item: what waits behind a barrier, and the barrier */
    size_t durable_bytes;
    bool barrier_runs; /* the first item is on its way */
    struct epoch_job epoch_job;
    struct cut_job cut_job;
    struct list readings; /* struct log_reading: READ_LOG on their way */
    struct config_job config_job;
};

static inline struct ensemble *ensemble_of(const struct node *node)
{
    return node->ensemble;
}

/* ---- ensemble_durable.c ---------------------------------------------------------------------- */

void durable_init(struct ensemble *ensemble);
void durable_add(struct ensemble *ensemble, const struct zk_effect *effect);

/* Its files: ".dynamic.next" of what is proposed, else the dynamic file and zoo.cfg. Nothing
 * without reconfigEnabled or a zoo.cfg. A file that cannot be written is told and passed over. */
void durable_add_config(struct ensemble *ensemble, struct quorum_config *config, bool is_next);
void durable_go_on(struct ensemble *ensemble);
bool durable_is_quiet(const struct ensemble *ensemble);
void durable_read_log(struct ensemble *ensemble, const struct zk_effect *effect);
void durable_release(struct ensemble *ensemble);

#endif
