/* node.h - one ZooKeeper server: the host around the core's machine.
 *
 * Owns the data folder, the log writer, the listener and the client connections of one shard; turns
 * bytes into events and effects into bytes, through runtime.h alone, so that it runs in the
 * simulator as it is. Admin HTTP, Prometheus and signals belong to the real program and are built
 * on top (admin_http.h).
 *
 * Lifecycle: STOPPED -> node_start (recover, listen) -> RUNNING (<-> RESTORING) -> node_stop
 * (connections closed, log flushed) -> STOPPED; FAILED when the log or a disk gave up: on_failed is
 * called, nothing is acknowledged any more, and the process is expected to exit (exit_code).
 *
 * Two kinds: a server without peers (core/standalone.h), and one of an ensemble (core/peer.h, with
 * what ensemble.h owns). What both have is `service`; the machine is stepped by node_step.
 */
#ifndef ZOOKEEPER_SERVER_NODE_H
#define ZOOKEEPER_SERVER_NODE_H

#include "runtime/metrics.h"
#include "zookeeper/core/peer.h"
#include "zookeeper/core/standalone.h"
#include "zookeeper/server/config.h"
#include "zookeeper/storage/log_writer.h"
#include "zookeeper/storage/recovery.h"

enum node_state {
    NODE_STOPPED,
    NODE_RUNNING,
    NODE_RESTORING,
    NODE_STOPPING,
    NODE_FAILED
};

/* What node_start was about to do when it failed. */
/* Apache's exit code when the election port cannot be bound (UNABLE_TO_BIND_QUORUM_PORT). */
#define NODE_EXIT_ELECTION_PORT 14

enum node_start_stage {
    NODE_START_DATA_DIR,
    NODE_START_LOAD, /* reading the data, writing a first snapshot */
    NODE_START_PORT,
    NODE_START_ELECTION_PORT,
};

struct client_conn;    /* client_port.c */
struct snapshotter;    /* snapshotter.h */
struct server_metrics; /* server_metrics.h */
struct ensemble;       /* ensemble.h */

/* Figures that are the host's, beside service_stats. */
struct node_stats {
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t connections_accepted;
    uint64_t connections_rejected; /* limits */
    uint64_t sessionless_expired;
    uint64_t large_requests_rejected;
    uint64_t snapshots_taken;
    uint64_t snapshot_errors;
    uint64_t slow_syncs; /* above fsync.warningthresholdms */
    uint64_t restores;
    uint64_t restore_errors;
    struct histogram fsync_us;
    struct histogram snapshot_ms;
    struct histogram sync_batch_size;
    struct histogram db_init;          /* ms, one value */
    uint64_t watch_bytes;              /* of bytes_sent: events */
    struct histogram snapshot_load_ms; /* at the start: one value each, none without a snapshot */
    struct histogram txns_load_ms;
    struct histogram txns_loaded;
    struct histogram restore_ms;
    uint64_t snapshot_rate_limited; /* admin commands turned away */
    uint64_t restore_rate_limited;
    uint64_t last_snapshot_zxid;
    int64_t last_snapshot_wall_ms;
};

struct node {
    struct runtime *runtime;
    struct zk_config config;
    struct service_config service_config;
    struct slice enforce_auth_schemes[CONFIG_SCHEMES_MAX];
    enum node_start_stage start_stage;
    enum node_state state;
    struct standalone machine; /* of a server without peers */
    struct ensemble *ensemble; /* of a server with peers; NULL else */
    struct peer *peer;         /* its machine; NULL else */
    struct service *service;   /* of the one or the other, while machine_ready */
    bool machine_ready;
    int exit_code; /* of a failure: 10 unless the machine says another */
    bool is_detached;
    struct data_dir dir;
    struct log_writer log;
    struct snapshotter *snapshotter;
    struct server_metrics *metrics;
    int64_t trace_mask;              /* gtmk, stmk */
    struct own_listener *listener;   /* for clients; NULL before the start */
    struct runtime_timer tick_timer; /* the machine's deadline */
    struct runtime_timer idle_timer; /* connections that never opened a session */
    struct runtime_timer purge_timer;
    struct purge_job *purging; /* node.c: the purge that is on its way, or NULL */
    struct runtime_hook turn_end;
    struct zk_outbox outbox;
    struct list held_clients; /* have not taken their replies: see client_port.c */
    struct runtime_timer held_timer;
    struct list crowded_clients; /* wait for room for a large request: see client_port.c */
    uint64_t crowd_heard_ms;
    struct list clients; /* struct client_conn, oldest first */
    uint64_t client_count;
    uint64_t connection_cap; /* what the process's descriptors allow; 0: nobody has said */
    uint64_t rejection_logged_ns;
    struct u64_map clients_by_ip; /* hash of the address -> count */
    uint32_t frames_since_flush;  /* requests taken since the log was last fed, and how many became
                                     transactions */
    uint32_t txns_since_flush;
    bool is_performing; /* effects are being performed: what they cause is performed by the same
                           loop */
    void (*on_stopped)(void *ctx); /* while STOPPING */
    void *stopped_ctx;
    uint64_t next_tick_ms;         /* what tick_timer is armed for */
    struct data_file restore_file; /* while RESTORING */
    uint64_t restore_began_ns;
    void (*restore_done)(void *ctx, int error, int64_t zxid);
    void *restore_ctx;
    struct node_stats stats;
    uint64_t start_ns;
    int64_t start_wall_ms;
    struct recovery_result recovery;
    void (*on_failed)(void *ctx, const char *text);
    void (*on_audit)(void *ctx, struct slice line); /* NULL: dropped */
    void *ctx;
};

/* Everything is zeroed and wired; nothing is opened. config is copied. */
void node_init(struct node *node, struct runtime *runtime, const struct zk_config *config);

/* Opens the data folder, recovers, listens. On failure everything is closed again. */
NODISCARD int node_start(struct node *node, struct errmsg *message);

/* Closes the port and the connections, flushes the log. `stopped` is called when it is done. */
void node_stop(struct node *node, void (*stopped)(void *ctx), void *ctx);

/* Lets go of the loop: no timer, hook or listener of the node is left in it. Call it before the
 * runtime is destroyed (which closes the connections), and node_release after. */
void node_detach(struct node *node);

/* Frees everything at once, without flushing: after node_stop's end, after a failure, or when the
 * simulator kills the node. */
void node_release(struct node *node);

/* The port that is really listened on. */
struct tcp_address node_client_address(const struct node *node);

/* Opens the log, creates the folder names: used by the admin commands too. */
NODISCARD int node_take_snapshot(struct node *node,
                                 void (*done)(void *ctx, int error, int64_t zxid),
                                 void *ctx);

/* Replaces the whole state by that of a snapshot file, given as its bytes (admin `restore`). A bad
 * one is refused at once and changes nothing; else every connection is closed and `done` is called
 * when clients are taken again (see restore.c). */
NODISCARD int node_restore(struct node *node,
                           struct slice snapshot,
                           void (*done)(void *ctx, int error, int64_t zxid),
                           void *ctx,
                           struct errmsg *message);

/* Called at turn ends while RESTORING. */
void node_restore_go_on(struct node *node);

/* Steps the machine, whichever it is. */
void node_step(struct node *node, const struct zk_event *event);

/* The tree's cursor is in use by a snapshot on its way to a learner. */
bool node_tree_is_busy(const struct node *node);

/* Runs effects of the outbox; every caller of a machine step ends with it. */
void node_perform_effects(struct node *node);

/* Fills in kind and the times. */
struct zk_event node_event(struct node *node, enum zk_event_kind kind);

/* A file could not be written or read: node_fail with what that means. */
void node_fail_disk(struct node *node, const struct errmsg *why);

/* The first failure wins: state FAILED, port and connections closed, on_failed called. */
void node_fail(struct node *node, const char *text);

/* ---- client_port.c
 * --------------------------------------------------------------------------------------- */

/* A stream that a client has opened: decides about it. */
void client_port_accepted(struct node *node, struct tcp_stream *stream);

/* No longer listens; closes every connection. */
void client_port_close(struct node *node, uint32_t linger_ms);

/* Walks the connections for cons, stat, dump. */
void client_port_each(struct node *node,
                      void (*each)(void *ctx,
                                   struct service_conn *conn,
                                   const struct tcp_address *peer,
                                   size_t queued_bytes),
                      void *ctx);

/* When the connection would be closed if it said nothing more, by Apache's reckoning: monotonic ms,
 * a multiple of nio.sessionlessCnxnTimeout. */
uint64_t client_port_expires_ms(const struct service_conn *conn);

/* One SEND, CLOSE, PAUSE or RESUME. */
void client_port_perform(struct node *node, const struct zk_effect *effect);

/* Closes every connection; the port stays open. */
void client_port_drop_all(struct node *node);

/* Closes connections that never opened a session; returns after how many ns to look again. */
uint64_t client_port_expire(struct node *node, uint64_t now_ns);

/* Held connections that have taken their replies go on. */
void client_port_go_on(struct node *node);

/* Called at every turn's end, before the log is fed: connections that waited for room go on. The
 * second one, behind everything: if there is room now, another turn comes. */
void client_port_turn(struct node *node);
void client_port_wake(struct node *node);

/* Frees all connections without a word to them (their streams are gone with the runtime's node). */
void client_port_release(struct node *node);

/* ---- client_listen.c
 * --------------------------------------------------------------------------------------- */

/* Listens where zoo.cfg says; a member of an ensemble need not say it. */
NODISCARD int client_listen_begin(struct node *node, struct errmsg *message);

/* Clients are served somewhere else from now on; who is connected stays. Where that is no other
 * place, nothing happens; what cannot be bound is logged, and there is no port then. */
void client_listen_move(struct node *node, struct slice host, uint16_t port);
void client_listen_end(struct node *node);

/* Nothing of it is left in the loop: no look-up of a name is on its way. */
bool client_listen_is_quiet(const struct node *node);

/* Called by client_port.c when a connection has been released: stopping may go on. */
void node_client_gone(struct node *node);

/* ---- four_letter.c
 * --------------------------------------------------------------------------------------- */

/* Is `word` (4 bytes) one of the four-letter words (or telnet's farewell)? */
bool four_letter_is_word(uint32_t word);

/* Appends the whole answer. `argument` is what followed the word (stmk's 8 bytes). */
void four_letter_answer(struct node *node,
                        uint32_t word,
                        struct slice argument,
                        struct buffer *out);

/* How many bytes a word wants behind it (8 for stmk). */
size_t four_letter_argument_len(uint32_t word);

#endif
