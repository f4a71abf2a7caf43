/* world.h - one run: a server, its machine, clients, what goes wrong, and the verdict.
 *
 * A run has two phases. In the first, faults happen and nothing wrong may. In the second all faults
 * end, the server is brought back, and progress is demanded: every client must get answers, then
 * everything must settle, then the server is stopped, started once more and compared with the
 * model.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/client.h"
#include "sim/log_reader.h"
#include "sim/marks.h"
#include "sim/server.h"
#include "sim/stranger.h"

enum verdict {
    VERDICT_OK = 0,
    VERDICT_CRASH = 127, /* an assert, a signal, a sanitizer: set by the signal handler */
    VERDICT_STUCK = 128, /* no progress after everything was healed */
    VERDICT_WRONG = 129, /* a checker */
};

/* Where the clients' server is an ensemble (sim/ensemble); all NULL: it is `server` alone. */
struct many_servers {
    /* Where the client dials next. */
    struct tcp_address (*choose)(void *ctx, struct client *client);
    /* Its session is open on the connection that it has now. */
    void (*opened)(void *ctx, struct client *client);
    /* The server that it has dialled does not know its session (any more). */
    void (*refused)(void *ctx, struct client *client);
    /* What it asks for next, if not what clients do by themselves; NULL: nobody decides that. */
    bool (*choose_work)(void *ctx, struct client *client, struct operation *operation);
    /* NULL, or what is wrong: with a reconfig's transaction; with what the node of the
     * configuration holds at that zxid. Without them neither is compared. */
    const char *(*check_reconfig)(void *ctx,
                                  const struct request *cause,
                                  const struct txn_record *txn);
    const char *(*check_config)(void *ctx, int64_t zxid, struct slice text);
    int super_client; /* who logs in as the super user; < 0: nobody */
    void *ctx;
    /* What sync shows is at least what anybody had seen when it was asked for. Upstream's leader
     * answers from what it knows itself, so one that was deposed and does not know may be behind.
     */
    bool has_strong_sync;
    uint64_t weak_syncs;         /* answers that were behind */
    uint64_t reads_behind;       /* reads that showed less than others had seen */
    uint64_t refused_ephemerals; /* of local sessions that cannot be made everybody's */
    uint64_t too_late;           /* requests that came to the leader after their session was gone */
    uint64_t used_again;         /* numbers of requests that were not done yet */
};

static inline bool many_are_there(const struct many_servers *many)
{
    return many->choose != NULL;
}

struct world {
    struct options options;
    struct schedule schedule;
    struct network network;
    struct disk disk;
    struct history history;
    struct server server;
    struct many_servers many;
    struct client clients[CLIENTS_MAX];
    struct stranger stranger;
    struct random nemesis;
    struct random random;
    int64_t wall_offset_ms;
    bool clock_went_back;
    bool is_healed;
    uint64_t bit_flips;
    uint64_t ops_of_fault_phase; /* disk operations until the world was healed */
    struct marks *marks;

    /* Connections whose sessions were taken over from another connection: the server must close
     * them. */
    struct net_conn **taken_over;
    size_t taken_over_count;
    size_t taken_over_cap;

    enum verdict verdict;
    char verdict_text[2048];
};

/* Builds the world of these options; the marks are added to. */
void world_init(struct world *world, const struct options *options, struct marks *marks);
void world_release(struct world *world);

/* Plays both phases and all checks. */
enum verdict world_run(struct world *world);

/* At the end every client looks once more: each reply at the newest zxid proves that no event is
 * missing before it. Some close their sessions. */
void world_last_looks(struct world *world);

/* Runs events until `until` says so, the time is over, or the verdict has fallen; true in the first
 * case. */
bool world_run_until(struct world *world, bool (*until)(struct world *world), uint64_t deadline_ns);

/* The first verdict counts; the run stops at the next event. */
void world_fail(struct world *world, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool world_is_over(const struct world *world)
{
    return world->verdict != VERDICT_OK;
}

/* A fault happened: for the table. */
void world_count_fault(struct world *world, enum fault_kind kind);

#endif
