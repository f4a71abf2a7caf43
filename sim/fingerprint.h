/* fingerprint.h - a hash over everything that a tree replicates: of the server's tree, through its
 * reading functions, and of the model's. Equal trees give equal numbers, and only they.
 */
#ifndef SIM_FINGERPRINT_H
#define SIM_FINGERPRINT_H

#include "sim/history.h"

struct tree;

/* One node's part; the sum over all nodes and sessions is the fingerprint. `encoded` is path, data,
 * the nine persistent numbers and the list of access rights, as the wire would have them. */
uint64_t fingerprint_bytes(struct slice encoded);
uint64_t fingerprint_session(int64_t id, int32_t timeout_ms);

/* A node that each server makes for itself, without a transaction: /zookeeper/config. */
bool fingerprint_skips_node(struct slice path);

/* What is left out: the texts of quota counts when clients have written anything there. */
bool fingerprint_skips_data(struct slice path, bool skips_quota_counts);

/* Fills digest, fingerprint and nodes. */
void fingerprint_server(const struct tree *tree,
                        bool skips_quota_counts,
                        struct recovery_record *record);

#endif
