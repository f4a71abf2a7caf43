/* watch.h - who wants to hear of which path.
 *
 * Model: two tables as upstream: data watches (getData, exists) and child watches (getChildren). A
 * watcher is a connection; on one path it may have a standard (one-shot), a persistent and a
 * recursive watch at the same time (bits). Persistent ones stand in both tables, recursive ones in
 * the data table only and hear of all descendants but never ChildrenChanged. Ancestors are walked
 * only while some recursive watch exists.
 * Memory: an entry (path, watcher) costs about 50 bytes, a watched path about 80 beside its text;
 * limits are the caller's.
 * Sources: WatchManager, WatcherMode, WatchStats, PathParentIterator; reference 2.5.
 */
#ifndef ZOOKEEPER_CORE_WATCH_H
#define ZOOKEEPER_CORE_WATCH_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "generated/zookeeper/constants.h"

enum watch_mode {
    WATCH_STANDARD = 1,
    WATCH_PERSISTENT = 2,
    WATCH_PERSISTENT_RECURSIVE = 4
};

/* Embedded in each connection; its address is the watcher's identity. */
struct watcher {
    struct list entries; /* every (path, this) pair, both tables */
    int64_t count;       /* how many those are */
    uint64_t id;         /* unique; order of delivery among watchers of one path: smaller first */
    uint64_t mark;       /* the caller's: who heard of what already */
};

struct watch_table {
    struct bytes_map paths;   /* path -> struct watch_path * (private) */
    int64_t watch_count;      /* (path, watcher) pairs, as upstream's size() */
    int64_t recursive_count;  /* pairs with WATCH_PERSISTENT_RECURSIVE */
    struct watcher **reached; /* scratch of watch_trigger */
    size_t reached_cap;
};

void watch_table_init(struct watch_table *table, struct hash_key hash_key);
void watch_table_release(struct watch_table *table);
void watcher_init(struct watcher *watcher, uint64_t id);

/* True when it was not there before. */
bool watch_add(struct watch_table *table,
               struct slice path,
               struct watcher *watcher,
               enum watch_mode mode);

/* Removes the given modes (bits) of watcher on path; true when one of them was there. */
bool watch_remove(struct watch_table *table,
                  struct slice path,
                  struct watcher *watcher,
                  unsigned modes);
bool watch_has(const struct watch_table *table,
               struct slice path,
               const struct watcher *watcher,
               unsigned modes);

/* The connection is gone: removes all its entries, whatever table they are in. */
void watcher_remove_all(struct watcher *watcher);

/* Whom an event reaches: everybody on `path`, and who watches an ancestor recursively. Standard
 * watches of `path` are removed by this, before the first call of `each`, which is called once per
 * watcher, in id order, and may remove watchers. Returns how many there were. */
size_t watch_trigger(struct watch_table *table,
                     struct slice path,
                     void (*each)(void *ctx, struct watcher *watcher),
                     void *ctx);

/* wchs, wchp, wchc: calls each (path, watcher) pair in byte order of path, then id. */
void watch_each(const struct watch_table *table,
                void (*each)(void *ctx, struct slice path, const struct watcher *watcher),
                void *ctx);
void watch_table_check(const struct watch_table *table);

#endif
