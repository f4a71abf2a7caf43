/* status.h - what a node says about itself: figures and words that the four-letter words, the admin
 * server and mntr share. */
#ifndef ZOOKEEPER_SERVER_STATUS_H
#define ZOOKEEPER_SERVER_STATUS_H

#include "zookeeper/server/node.h"

/* "standalone", "leader", "follower", "observer", "read-only". */
const char *status_mode(const struct node *node);

/* Does it take clients? If not, most words are answered with STATUS_NOT_SERVING alone. */
bool status_is_serving(const struct node *node);
#define STATUS_NOT_SERVING "This ZooKeeper instance is not currently serving requests"

/* "leading - broadcast": QuorumPeer.getDetailedPeerState; of a server in an ensemble. */
void status_put_peer_state(const struct node *node, struct buffer *out);

/* "3.9.5-samsa-0.1.0, built on 2026-11-20 00:00 UTC". */
void status_put_version(struct buffer *out);

/* Bytes of all files in the snapshot folder and in the log folder (the same figure when they are
 * one); 0 when they cannot be read. */
int64_t status_snapshot_bytes(const struct node *node);
int64_t status_log_bytes(const struct node *node);

void status_reset_connections(struct node *node);

/* sum / count, rounded to 4 places; 0 of none. */
double status_average(uint64_t sum, uint64_t count);

/* The same as Java prints a double: "0.0", "1.25", "0.3333". */
void status_put_average(struct buffer *out, uint64_t sum, uint64_t count);

/* Calls `entry` for each line of envi. */
void status_environment(struct runtime *runtime,
                        void (*entry)(void *ctx, const char *name, const char *value),
                        void *ctx);

/* A monotonic time of this node as wall clock. */
int64_t status_monotonic_to_wall_ms(const struct node *node, uint64_t monotonic_ms);

/* Java's Date.toString in UTC: "Fri Nov 20 19:54:03 UTC 2026". */
void status_put_date(struct buffer *out, int64_t wall_ms);

struct status_watches {
    int64_t connections; /* that have data watches (child watches are not counted, as upstream) */
    int64_t paths;
    int64_t total;
};

void status_count_watches(struct node *node, struct status_watches *watches);

#endif
