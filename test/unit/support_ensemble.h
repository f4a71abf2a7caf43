/* support_ensemble.h - peers in memory: a network of links, disks that forget what was not synced,
 * and clients.
 *
 * Each peer has a disk (log, snapshots, epochs) that lives through a crash as far as it was
 * durable. Work of the disk and messages of the network wait in queues; ensemble_run takes them one
 * by one, in the order in which they came or, with a seed, in any order that the protocols allow
 * (each link, disk and election connection keeps its own). When nothing is left to do, time goes on
 * to the next deadline. Every peer is checked after every step, and what two peers have committed
 * under one zxid must be the same bytes.
 */
#ifndef TEST_UNIT_SUPPORT_ENSEMBLE_H
#define TEST_UNIT_SUPPORT_ENSEMBLE_H

#include "base/random.h"
#include "support_service.h"
#include "zookeeper/core/peer.h"

#define ENSEMBLE_MAX 7
#define ENSEMBLE_TICK_MS 2000

struct ensemble;

struct fake_txn {
    int64_t zxid;
    struct buffer bytes;
};

struct fake_snapshot {
    int64_t zxid;
    struct buffer bytes;
};

/* What a crash leaves. */
struct fake_disk {
    struct fake_txn *log;
    size_t log_count;
    size_t log_cap;
    size_t durable_count; /* of log */
    struct fake_snapshot snapshots[8];
    size_t snapshot_count;
    int64_t accepted_epoch;
    int64_t current_epoch;
};

struct ensemble_peer {
    struct ensemble *ensemble;
    size_t index; /* server_id - 1 */
    bool is_up;
    bool holds_disk;   /* what is asked of the disk waits */
    int64_t fail_code; /* FAIL; 0 */
    struct peer peer;
    struct peer_config config;
    struct service_config service_config;
    struct quorum_config *next; /* given to peer_set_next at each start; the test's; NULL */
    struct zk_outbox outbox;
    struct fake_disk disk;
    struct list work;    /* struct fake_work: of the disk, in order */
    struct list events;  /* struct fake_event: to be heard */
    struct list clients; /* struct test_client */
    uint64_t snapshots_taken;
    uint64_t truncations;
};

struct ensemble {
    struct ensemble_peer peers[ENSEMBLE_MAX];
    size_t count;
    struct quorum_config *members;
    struct test_server scratch; /* for the bodies of requests; serves nobody */
    uint64_t now_ms;
    int64_t wall_ms;
    bool is_shuffled;
    struct random random;
    bool cut[ENSEMBLE_MAX][ENSEMBLE_MAX]; /* from, to */
    struct list messages;                 /* struct fake_message, of the election ports */
    struct list dials;                    /* struct fake_dial */
    struct list connections;              /* struct fake_connection */
    uint64_t last_link_id;
    uint64_t steps;
};

/* `voters` servers and then observers, none of them started. Change the configurations of the
 * peers before they start. seed 0: nothing is shuffled. */
void ensemble_init(struct ensemble *ensemble, size_t voters, size_t observers, uint64_t seed);
void ensemble_release(struct ensemble *ensemble);

void ensemble_start(struct ensemble *ensemble, size_t index);
void ensemble_start_all(struct ensemble *ensemble);

/* kill -9 and power cut in one: what was not durable is gone. */
void ensemble_crash(struct ensemble *ensemble, size_t index);

/* Nothing passes between the two, in both directions; what is on its way waits. */
void ensemble_cut(struct ensemble *ensemble, size_t a, size_t b);
void ensemble_isolate(struct ensemble *ensemble, size_t index);
void ensemble_heal(struct ensemble *ensemble);

/* One thing happens; false when only time can help. */
bool ensemble_step(struct ensemble *ensemble);

/* Runs for that much time. */
void ensemble_run(struct ensemble *ensemble, uint64_t ms);

/* Runs until it holds; fails the test after `ms`. */
void ensemble_run_until(struct ensemble *ensemble,
                        bool (*holds)(struct ensemble *ensemble, void *ctx),
                        void *ctx,
                        uint64_t ms);

/* The one that serves as leader; NULL when there is none. Fails when there are two of one epoch. */
struct ensemble_peer *ensemble_leader(struct ensemble *ensemble);

/* Runs until there is a leader, and everybody who is up serves. */
struct ensemble_peer *ensemble_settle(struct ensemble *ensemble);

/* The trees and configurations of all who are up are the same. */
void ensemble_check_equal(struct ensemble *ensemble);

/* A server that is up, serves, and does not lead. */
struct ensemble_peer *ensemble_follower(struct ensemble *ensemble);

/* ---- clients ------------------------------------------------------------------------- */

void ensemble_client_open(struct ensemble_peer *peer, struct test_client *client);

/* A new session; runs until it is there. */
void ensemble_client_connect(struct ensemble_peer *peer, struct test_client *client);

/* Comes back with the session of `of` (whose connection may be gone); runs until it is answered;
 * false when the session is refused. */
bool ensemble_client_resume(struct ensemble_peer *peer,
                            struct test_client *client,
                            const struct test_client *of);
void ensemble_client_drop(struct ensemble_peer *peer, struct test_client *client);
void ensemble_send_connect(struct ensemble_peer *peer,
                           struct test_client *client,
                           int64_t session_id,
                           const uint8_t password[SESSION_PASSWORD_BYTES],
                           bool read_only);

/* Sends with the next xid, which it returns. */
int32_t ensemble_send(struct ensemble_peer *peer,
                      struct test_client *client,
                      int32_t type,
                      struct buffer *body);

/* The same, and runs until it is answered (or the connection closed: then fails). */
struct slice ensemble_call(struct ensemble_peer *peer,
                           struct test_client *client,
                           int32_t type,
                           struct buffer *body,
                           int32_t err);
void ensemble_create(struct ensemble_peer *peer,
                     struct test_client *client,
                     const char *path,
                     const char *data,
                     int32_t flags);

/* Does the tree of this server have it? */
bool ensemble_has(const struct ensemble_peer *peer, const char *path);

#endif
