/* snapshotter.h - takes snapshots in the background while the server goes on.
 *
 * One at a time. The tree is written in slices at turn ends (zookeeper/core/tree_snapshot.h); full
 * pieces go to LANE_SNAPSHOT, which compresses and writes them; a bounded number of pieces waits,
 * so a slow disk slows the snapshot and nothing else. When: after snapCount/2 + random(snapCount/2)
 * txns, or snapSizeLimit/2 + random bytes of log (SyncRequestProcessor.shouldSnapshot), at start-up
 * when a log was replayed, and on demand. The log rolls when a snapshot begins.
 */
#ifndef ZOOKEEPER_SERVER_SNAPSHOTTER_H
#define ZOOKEEPER_SERVER_SNAPSHOTTER_H

#include "zookeeper/server/node.h"

struct snapshotter;

struct snapshotter *snapshotter_create(struct node *node);

/* Ends what runs without waiting for it; its unfinished file is removed at the next start. */
void snapshotter_destroy(struct snapshotter *snapshotter);

/* Takes its timer out of the loop (node_detach). */
void snapshotter_detach(struct snapshotter *snapshotter);

/* Called after each batch is persisted: begins one when it is time. */
void snapshotter_consider(struct snapshotter *snapshotter);

/* Called at every turn end: goes on with the one that runs. */
void snapshotter_turn(struct snapshotter *snapshotter);

bool snapshotter_is_running(const struct snapshotter *snapshotter);

/* What the system said ("No space left on device") when the last one that ended failed; "" when it
 * did not. The files are a worker's, so runtime_error_detail() does not know it here. */
const char *snapshotter_error_detail(const struct snapshotter *snapshotter);

/* Gives up the one that runs: it ends soon, with ERR_CANCELLED. */
void snapshotter_cancel(struct snapshotter *snapshotter);

/* The same at once as far as the tree is concerned: it is not looked at any more. */
void snapshotter_abort(struct snapshotter *snapshotter);

/* Begins one now; `done` (may be NULL) is called at its end. ERR_BUSY when one runs. */
NODISCARD int snapshotter_begin(struct snapshotter *snapshotter,
                                void (*done)(void *ctx, int error, int64_t zxid),
                                void *ctx);

/* Writes one in place, blocking: at start-up, and after a restore. */
NODISCARD int snapshotter_write_now(struct snapshotter *snapshotter);

#endif
