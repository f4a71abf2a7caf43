/* marks.h - what a campaign has met: work, faults, and the situations that it must have reached.
 *
 * A mark is a situation that the tests are worth nothing without ("a torn tail was cut"). A
 * campaign of enough seeds that never reaches one has failed: its generators have a blind spot.
 */
#ifndef SIM_MARKS_H
#define SIM_MARKS_H

#include "sim/options.h"

#define MARK_LIST(X)                                                              \
    X(TAIL_CUT, "recovery cut a torn tail of the log")                            \
    X(SNAPSHOT_SKIPPED, "recovery passed over a damaged snapshot")                \
    X(REPLAYED, "recovery replayed transactions")                                 \
    X(FROM_SNAPSHOT, "recovery began from a snapshot above zxid 0")               \
    X(START_REFUSED, "a start failed because of the disk, a later one succeeded") \
    X(CUT_IN_RECOVERY, "the power was cut during recovery")                       \
    X(CUT_IN_JOB, "the power was cut in the middle of a job")                     \
    X(CUT_LOST_WRITES, "a power cut lost writes that were not synced")            \
    X(CUT_TORE_WRITES, "a power cut tore a write")                                \
    X(CUT_LOST_NAMES, "a power cut lost directory operations")                    \
    X(NODE_FAILED, "the server gave up because its log could not be written")     \
    X(SNAPSHOT_TAKEN, "a snapshot was taken while serving")                       \
    X(SNAPSHOT_FAILED, "a snapshot was given up")                                 \
    X(LOG_PURGED, "an old log was purged")                                        \
    X(SNAPSHOT_PURGED, "an old snapshot was purged")                              \
    X(GROUP_COMMIT, "one sync carried several transactions")                      \
    X(PIPELINED, "a client had eight requests in flight")                         \
    X(STOPPED, "the server was stopped in order and came back")                   \
    X(SESSION_EXPIRED, "a session expired")                                       \
    X(SESSION_MOVED, "a session was taken over by another connection")            \
    X(SESSION_CAME_BACK, "a session went on after a restart of the server")       \
    X(EPHEMERAL_EXPIRED, "an ephemeral node went with its expired session")       \
    X(EPHEMERAL_CLOSED, "an ephemeral node went with its closed session")         \
    X(CONTAINER_REMOVED, "an empty container was removed by the server")          \
    X(TTL_REMOVED, "a node was removed at the end of its time to live")           \
    X(MULTI_DONE, "a multi succeeded")                                            \
    X(MULTI_FAILED, "a multi failed and changed nothing")                         \
    X(SEQUENTIAL, "a sequential node was made")                                   \
    X(ERROR_TXN, "a write failed and was logged as an error")                     \
    X(BAD_VERSION, "a compare-and-set lost")                                      \
    X(NOT_ALLOWED, "an access control list refused a request")                    \
    X(QUOTA_EXCEEDED, "a hard quota refused a write")                             \
    X(EVENT, "a watch fired")                                                     \
    X(EVENT_RECURSIVE, "a recursive watch heard of a descendant")                 \
    X(EVENT_MISSED, "an event was delivered after a reconnect")                   \
    X(EVENT_HIDDEN, "an event was kept from a client that may not read the node") \
    X(WATCHES_AGAIN, "a client listed its watches again")                         \
    X(OUTCOME_UNKNOWN, "a write without an answer was found in the log")          \
    X(OUTCOME_NOTHING, "a write without an answer was not found in the log")      \
    X(OVERSIZED, "a request above jute.maxbuffer ended its connection")           \
    X(TOO_MANY_CONNECTIONS, "a connection was turned away by a limit")            \
    X(BACK_PRESSURE, "the server had more than 64 KiB unsent for a connection")   \
    X(FOUR_LETTERS, "a four-letter word was answered")

enum mark {
#define X(name, text) MARK_##name,
    MARK_LIST(X)
#undef X
    MARK_COUNT,
};

struct marks {
    uint64_t hits[MARK_COUNT]; /* runs that reached it */
    bool in_run[MARK_COUNT];
    uint64_t work[WORK_KINDS];
    uint64_t faults[FAULT_KINDS];
    uint64_t runs;
    uint64_t void_runs; /* too little was done to mean anything */
    uint64_t events;
    uint64_t requests;
    uint64_t writes;
    uint64_t txns;
    uint64_t notifications;
    uint64_t starts;
    uint64_t disk_ops;
    uint64_t syncs;
    uint64_t virtual_ns;
    uint64_t torn_writes;
    uint64_t lost_writes;
    uint64_t lost_names;
    uint64_t checked_replies;
    uint64_t checked_events;
};

void marks_hit(struct marks *marks, enum mark mark);
void marks_work(struct marks *marks, enum work_kind kind);
void marks_fault(struct marks *marks, enum fault_kind kind);

/* Between runs. */
void marks_begin_run(struct marks *marks);

/* The tables; returns how many marks were never reached. */
size_t marks_print(const struct marks *marks);

#endif
