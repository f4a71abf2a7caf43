/* broker.h - one Kafka broker: the host around logs, groups and the cluster's picture.
 *
 * Lifecycle: broker_init -> broker_start (opens the log directories, recovers, connects to
 * ZooKeeper, registers, listens) -> RUNNING -> broker_stop (controlled: leaves the groups of
 * connections, flushes, writes checkpoints and .kafka_cleanshutdown) -> STOPPED. FAILED when no log
 * directory is left: on_failed is called and the process is expected to exit.
 *
 * Runs on one loop (shard 0), through runtime.h alone: in the simulator as it is.
 */
#ifndef KAFKA_SERVER_BROKER_H
#define KAFKA_SERVER_BROKER_H

#include "kafka/server/broker_config.h"
#include "kafka/server/topics.h"
#include "runtime/errmsg.h"
#include "runtime/metrics.h"

enum broker_state {
    BROKER_STOPPED,
    BROKER_STARTING,
    BROKER_RECOVERING,
    BROKER_RUNNING,
    BROKER_STOPPING,
    BROKER_FAILED
};

struct cluster;        /* cluster.h */
struct log_store;      /* log_store.h: directories, checkpoints, retention, cleaner */
struct group_host;     /* group_host.h: runs the group coordinator over __consumer_offsets */
struct sockets;        /* connection.h: listeners and connections */
struct quota_table;    /* quotas.h */
struct flusher;        /* partition.h */
struct fetch_sessions; /* fetch_session.h */
struct producer_ids;   /* producer_ids.h */

struct broker {
    struct runtime *runtime;
    struct broker_config config;       /* in force: with the dynamic values of ZooKeeper */
    struct broker_config fixed_config; /* as read at the start */
    enum broker_state state;
    struct metrics metrics;
    struct topics topics;
    struct cluster *cluster;
    struct log_store *logs;
    struct group_host *groups;
    struct sockets *sockets;
    struct quota_table *quotas;
    struct flusher *flusher;               /* partition.h: the group commit */
    struct fetch_sessions *fetch_sessions; /* fetch_session.h */
    struct producer_ids *producer_ids;     /* producer_ids.h */
    struct traffic traffic;                /* traffic.h: of all topics */
    struct list partitions;                /* hosted */
    struct list warmings;                  /* handlers/warm.h */
    uint64_t cold_fetches;                 /* that waited for the disk, of all times */
    bool is_listening;
    bool are_logs_loaded;
    bool was_serving;      /* sockets_serve was called */
    char last_words[1024]; /* of on_failed */
    uint64_t start_ns;
    void (*on_started)(void *ctx); /* registered and listening */
    void (*on_stopped)(void *ctx);
    void (*on_failed)(void *ctx, const char *text);
    void *ctx;
};

/* Of handlers/warm.c: what no worker has finished. */
void warmings_release(struct list *warmings);

void broker_init(struct broker *broker,
                 struct runtime *runtime,
                 const struct broker_config *config);

/* What can be told at once (a bad directory, a port in use) is an error; the rest comes as
 * on_started or on_failed. */
NODISCARD int broker_start(struct broker *broker, struct errmsg *message);
void broker_stop(struct broker *broker);
void broker_detach(struct broker *broker);  /* before runtime_destroy: as node_detach */
void broker_release(struct broker *broker); /* frees everything, without a word */

/* For the modules: something that the broker cannot live with. on_failed follows. */
void broker_fail(struct broker *broker, const char *text);
/* For cluster_configs.c: broker->config has changed. */
void broker_configured(struct broker *broker);

#endif
