/* standalone.h - the role machine of a server without peers: service + prep, durable before
 * acknowledged.
 *
 * Happy path of a write: FRAME -> service -> prep makes the txn -> PERSIST effect; the host appends
 * it to the log and syncs a group; PERSISTED(zxid) -> every pending txn up to zxid is applied in
 * order, answered, and its watch events sent. Reads never wait for the disk unless their own
 * session has a write in front of them, and never show what is not durable.
 * What goes wrong: if persisting fails there is no event that undoes it: the host stops the machine
 * (ZOOKEEPER-4882: memory never runs ahead of the log, since nothing was applied).
 * Machine contract of DESIGN.md 4: init, step, deadline, check, digest.
 */
#ifndef ZOOKEEPER_CORE_STANDALONE_H
#define ZOOKEEPER_CORE_STANDALONE_H

#include "zookeeper/core/service.h"

struct standalone {
    struct service service;
    struct prep prep;
    /* txns proposed and not yet applied: i64 zxid, u32 length, bytes, each */
    struct buffer pending;
    size_t pending_start; /* offset of the first one */
    uint64_t pending_count;
    int64_t persisted_zxid;
    struct list syncs; /* private: syncs that wait for what was proposed before them */
};

void standalone_init(struct standalone *machine, const struct service_config *config);
void standalone_release(struct standalone *machine);

/* The tree (machine->service.tree) has been loaded and replayed: start serving. */
void standalone_start(struct standalone *machine, uint64_t now_ms);

/* Replays one logged txn at start-up, before standalone_start. ERR_CORRUPT when it cannot be
 * decoded. Unknown types are skipped and counted. */
NODISCARD int standalone_replay(struct standalone *machine, struct slice txn_bytes);

void standalone_step(struct standalone *machine,
                     const struct zk_event *event,
                     struct zk_outbox *outbox);
uint64_t standalone_deadline(const struct standalone *machine);
void standalone_check(const struct standalone *machine);

/* Hash of the replicated state. */
uint64_t standalone_digest(const struct standalone *machine);

#endif
