/* server.h - the simulated server: incarnations of one process on one machine.
 *
 *   DOWN --server_start--> UP --server_stop--> STOPPING --all is flushed--> DOWN
 *                          |  \--the log fails, killed, power cut--> DYING --> DOWN
 *
 * A dying incarnation has no effect any more; it is thrown away (node_release) in an event of its
 * own, since the blow may fall in the middle of its code. Whatever it held of mem_alloc must then
 * be free again.
 *
 * Each start is compared with what clients know: nothing that anybody was told may be missing, and
 * nothing may keep the server from starting unless the disk has failed it.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "sim/disk.h"
#include "sim/runtime_sim.h"

struct node;
struct world;

enum server_state {
    SERVER_DOWN,
    SERVER_UP,
    SERVER_STOPPING,
    SERVER_DYING
};

struct server {
    struct world *world;
    enum server_state state;
    struct runtime *runtime;
    struct node *node;
    uint64_t generation; /* counts starts: late events of older ones are ignored */
    uint64_t started_ns;
    uint64_t failed_ops_before; /* disk faults seen when this incarnation began */
    uint64_t checked_turn;
    bool is_starting;
    bool wants_start;
    bool start_was_refused;
    struct runtime **graveyard; /* runtimes that late events may still name */
    size_t graveyard_count;
    size_t graveyard_cap;
    bool is_quota_dirty;
};

void server_init(struct server *server, struct world *world);
void server_release(struct server *server);

/* Starts; again after a while when the disk does not let it. */
void server_start(struct server *server);

/* Starts after so long, unless it runs by then. */
void server_start_later(struct server *server, uint64_t delay_ns);

/* The process alone, or the machine; now, also in the middle of the process's own code. */
void server_kill(struct server *server);
void server_cut_power(struct server *server, enum disk_keep keep);

/* In order; server->state is DOWN when it is done. */
void server_stop(struct server *server);

/* After each event: what must hold between any two. */
void server_check(struct server *server);

/* Copies what the log files hold into history's G. */
void server_read_logs(struct server *server);

struct tcp_address server_address(const struct server *server);

/* Is the server over its share for some connection? (for a mark) */
bool server_has_back_pressure(struct server *server);

#endif
