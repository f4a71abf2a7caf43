/* options.h - what a seed draws: which features and faults a run has, and how much of each. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "sim/disk.h"
#include "sim/network.h"
#include "sim/runtime_sim.h"
#include "zookeeper/server/config.h"

#define CLIENTS_MAX 10

enum work_kind {
    WORK_CREATE,
    WORK_CREATE_EPHEMERAL,
    WORK_CREATE_SEQUENTIAL,
    WORK_CREATE_CONTAINER,
    WORK_CREATE_TTL,
    WORK_DELETE,
    WORK_SET_DATA,
    WORK_COMPARE_AND_SET,
    WORK_GET_DATA,
    WORK_EXISTS,
    WORK_GET_CHILDREN,
    WORK_ACL,
    WORK_MULTI,
    WORK_MULTI_READ,
    WORK_SYNC,
    WORK_LISTS, /* getEphemerals, getAllChildrenNumber, whoAmI */
    WORK_PERSISTENT_WATCH,
    WORK_WATCH_ADMIN, /* checkWatches, removeWatches */
    WORK_QUOTA,
    WORK_BIG_DATA,
    WORK_BAD_REQUEST,
    WORK_AUTH,
    WORK_CLOSE_SESSION,
    WORK_KINDS,
};

enum fault_kind {
    FAULT_KILL,            /* the process, at any time */
    FAULT_KILL_AT_OP,      /* ... just before a disk operation */
    FAULT_POWER_CUT,       /* the machine, at any time */
    FAULT_POWER_CUT_AT_OP, /* ... just before a disk operation, in the middle of code */
    FAULT_RESTART,         /* orderly */
    FAULT_SYNC_ERROR,
    FAULT_WRITE_ERROR,
    FAULT_READ_ERROR, /* at the next start */
    FAULT_NO_SPACE,
    FAULT_SLOW_DISK,
    FAULT_BIT_FLIP,   /* in a snapshot, while the server is down */
    FAULT_PAUSE,      /* the process does not run for a while */
    FAULT_CLOCK_JUMP, /* the wall clock */
    FAULT_RESET,      /* a connection */
    FAULT_CUT,        /* one or both directions of a connection */
    FAULT_STALL,
    FAULT_SLOW_READER,
    FAULT_HANG_UP,       /* the client ends its connection, or falls silent */
    FAULT_STEAL_SESSION, /* the client takes its session over from a second connection */
    FAULT_WRONG_PASSWORD,
    FAULT_STRANGER, /* bytes of nobody's protocol, words of four letters, half requests */
    FAULT_KINDS,
};

const char *work_name(enum work_kind kind);
const char *fault_name(enum fault_kind kind);

struct options {
    uint64_t seed;
    int client_count;
    uint64_t fault_phase_ns;
    uint64_t request_limit; /* in the fault phase */
    uint64_t watch_percent; /* of reads that leave a watch */
    uint64_t path_count;    /* how many of the known paths are used */
    uint64_t data_max;
    uint32_t work_weights[WORK_KINDS];
    uint64_t fault_gap_ns[FAULT_KINDS]; /* mean time between two; 0: never */
    uint64_t think_max_ns;
    uint64_t pipeline_max;
    int32_t timeout_min_ms; /* that clients ask for */
    int32_t timeout_max_ms;
    bool shuffles_ties;
    bool has_dirty_quota; /* quota nodes with any text: counts are not compared */
    struct net_profile net;
    struct runtime_profile runtime;
    struct disk_faults disk;
    uint64_t check_every; /* standalone_check after every n-th event of the server */
    char config_text[1024];
    struct zk_config config;
};

/* Draws everything from the seed. */
void options_draw(struct options *options, uint64_t seed);

/* The fixed run of --crash-everywhere. */
void options_for_crashes(struct options *options, uint64_t seed);

#endif
