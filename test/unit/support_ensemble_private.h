/* support_ensemble_private.h - between the two halves of support_ensemble: hosts and disks,
 * network. */
#ifndef TEST_UNIT_SUPPORT_ENSEMBLE_PRIVATE_H
#define TEST_UNIT_SUPPORT_ENSEMBLE_PRIVATE_H

#include "support_ensemble.h"
#include "wire/jute.h"

/* ---- support_ensemble.c -------------------------------------------------------------- */

bool fake_disk_step(struct ensemble_peer *peer);
void fake_run_event(struct ensemble_peer *peer, struct zk_event *event);
int64_t fake_write_tree(struct ensemble_peer *peer, struct buffer *out);
void fake_load_tree(struct ensemble_peer *peer, struct slice bytes);

/* ---- support_ensemble_net.c ---------------------------------------------------------- */

/* To be heard later, in order. */
void fake_event_add(struct ensemble_peer *peer, const struct zk_event *event, struct slice frame);
void fake_net_perform(struct ensemble_peer *peer, const struct zk_effect *effect);
void fake_net_started(struct ensemble_peer *peer);
void fake_net_crash(struct ensemble_peer *peer);
void fake_net_release(struct ensemble *ensemble);
uint64_t fake_net_deadline(const struct ensemble *ensemble);

/* One event, message, packet, dial or piece of disk work. */
bool fake_net_step(struct ensemble *ensemble);

#endif
