/* faults.h - private to faults.c and faults_network.c: a fault is a function that strikes now, and
 * says whether it could.
 */
#ifndef SIM_ENSEMBLE_FAULTS_H
#define SIM_ENSEMBLE_FAULTS_H

#include "sim/ensemble/ensemble.h"

/* A machine that is another one has its member's number and this as its address. */
#define NEW_ADDRESS_STEP 40

struct random *faults_dice(struct ensemble_world *ensemble);
uint64_t faults_draw_ns(struct ensemble_world *ensemble, uint64_t low_ms, uint64_t high_ms);
struct member *faults_any_member(struct ensemble_world *ensemble);

/* Runs `end` after so long; it looks itself whether it still means anything. */
void faults_post_end(struct ensemble_world *ensemble,
                     uint64_t low_ms,
                     uint64_t high_ms,
                     schedule_function *end,
                     void *ctx,
                     uint64_t argument);

bool faults_cut_one_way(struct ensemble_world *ensemble);
bool faults_cut_pair(struct ensemble_world *ensemble);
bool faults_cut_halves(struct ensemble_world *ensemble);
bool faults_cut_leader(struct ensemble_world *ensemble);
bool faults_cut_ring(struct ensemble_world *ensemble);
bool faults_cut_bridge(struct ensemble_world *ensemble);
bool faults_cut_deaf_leader(struct ensemble_world *ensemble);
bool faults_cut_clients(struct ensemble_world *ensemble);
bool faults_slow_way(struct ensemble_world *ensemble);
bool faults_slow_leader(struct ensemble_world *ensemble);
bool faults_reset_peer(struct ensemble_world *ensemble);
bool faults_stall_peer(struct ensemble_world *ensemble);
bool faults_crumbs(struct ensemble_world *ensemble);
bool faults_reset_client(struct ensemble_world *ensemble);
bool faults_stall_client(struct ensemble_world *ensemble);
bool faults_cut_client(struct ensemble_world *ensemble);
bool faults_move(struct ensemble_world *ensemble);
bool faults_steal_session(struct ensemble_world *ensemble);
bool faults_hang_up(struct ensemble_world *ensemble);
bool faults_slow_reader(struct ensemble_world *ensemble);
bool faults_wrong_password(struct ensemble_world *ensemble);
bool faults_stranger_client(struct ensemble_world *ensemble);
bool faults_stranger_quorum(struct ensemble_world *ensemble);
bool faults_stranger_election(struct ensemble_world *ensemble);

#endif
