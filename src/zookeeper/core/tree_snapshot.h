/* tree_snapshot.h - writing a tree out while it goes on changing, and reading one in.
 *
 * The body of a snapshot file (and of a SNAP transfer): sessions, ACL map, nodes parents-first, end
 * mark "/".
 *
 * Writing: unlike Apache's fuzzy snapshots this one is exact: it holds the state at the zxid at
 * which it began. A cursor walks the tree in slices of bounded work; a change to a node that is not
 * yet written first writes its old form (its ancestors before it), marks it written, and goes on;
 * nodes born after the beginning count as written. So a change costs O(depth) more while a snapshot
 * runs, memory is bounded by what changed meanwhile, and nobody waits. One snapshot at a time.
 *
 * Reading accepts Apache's fuzzy ones. Sources: DataTree.serialize/deserialize, SerializeUtils;
 * reference 2.10.
 */
#ifndef ZOOKEEPER_CORE_TREE_SNAPSHOT_H
#define ZOOKEEPER_CORE_TREE_SNAPSHOT_H

#include "zookeeper/core/tree.h"

/* Starts: writes sessions and ACL map to `out` and installs itself in the tree. The tree must
 * outlive it. `out` stays the sink of everything written until the end; the host empties it as it
 * likes between calls. Its limit must be out of reach: a change writes into it without asking. */
struct tree_snapshot *tree_snapshot_begin(struct tree *tree, struct buffer *out);

/* Writes on until about `max_bytes` more are in `out` or the end is reached; true at the end (the
 * end mark is written). */
bool tree_snapshot_step(struct tree_snapshot *snapshot, size_t max_bytes);

/* The state that is being written. */
int64_t tree_snapshot_zxid(const struct tree_snapshot *snapshot);
uint64_t tree_snapshot_digest(const struct tree_snapshot *snapshot);

/* Ends it, finished or not. */
void tree_snapshot_end(struct tree_snapshot *snapshot);

/* Where a loader gets its bytes: fills up to len, *got 0 at the end; negative error. `bytes` is the
 * loader's and lives for the call only. */
struct tree_source {
    int (*read)(void *ctx, void *bytes, size_t len, size_t *got);
    void *ctx;
};

/* Reads a body into a freshly initialised tree. Stops right behind the end mark; bytes read ahead
 * of it are returned in *ahead (borrowed until the tree is released or the next load). ERR_CORRUPT,
 * ERR_TRUNCATED, or the source's error; the tree is then to be released. max_string_bytes bounds
 * each string and buffer. last_processed_zxid is left to the caller. */
NODISCARD int tree_load(struct tree *tree,
                        const struct tree_source *source,
                        size_t max_string_bytes,
                        struct slice *ahead);

#endif
