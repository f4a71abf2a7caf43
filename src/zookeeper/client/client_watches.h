/* client_watches.h - which watchers watch which paths: the client's half of the bargain.
 *
 * Model: path -> for each kind, a set of watchers. The table owns the path bytes, the application
 * its watchers. Paths are those of the application (without chroot).
 * Source: ZKWatchManager.
 */
#ifndef ZOOKEEPER_CLIENT_CLIENT_WATCHES_H
#define ZOOKEEPER_CLIENT_CLIENT_WATCHES_H

#include "base/map.h"

struct zk_watcher;

enum client_watch_kind {
    CLIENT_WATCH_DATA,
    CLIENT_WATCH_EXIST, /* the node is not there */
    CLIENT_WATCH_CHILD,
    CLIENT_WATCH_PERSISTENT,
    CLIENT_WATCH_RECURSIVE,
    CLIENT_WATCH_KINDS,
};

#define CLIENT_WATCH_BIT(kind) (1u << (kind))

/* A set of watchers, in the order of adding. */
struct watcher_set {
    struct zk_watcher **items;
    size_t count;
    size_t cap;
};

struct client_watches {
    struct bytes_map paths; /* struct client_watch_path */
    size_t counts[CLIENT_WATCH_KINDS];
};

struct client_watch_path {
    struct slice path;
    struct watcher_set sets[CLIENT_WATCH_KINDS];
};

void watcher_set_release(struct watcher_set *set);

/* Adds what is not in it yet. */
void watcher_set_add(struct watcher_set *set, struct zk_watcher *watcher);
void watcher_set_add_all(struct watcher_set *set, const struct watcher_set *from);

void client_watches_init(struct client_watches *table, struct hash_key key);
void client_watches_release(struct client_watches *table);

void client_watches_add(struct client_watches *table,
                        enum client_watch_kind kind,
                        struct slice path,
                        struct zk_watcher *watcher);

bool client_watches_has(const struct client_watches *table,
                        enum client_watch_kind kind,
                        struct slice path);

/* Adds the watchers of the path to `found`. */
void client_watches_find(const struct client_watches *table,
                         enum client_watch_kind kind,
                         struct slice path,
                         struct watcher_set *found);

/* As client_watches_find, and takes them out. False when there was none. */
bool client_watches_take(struct client_watches *table,
                         enum client_watch_kind kind,
                         struct slice path,
                         struct watcher_set *found);

/* Everybody. */
void client_watches_find_all(const struct client_watches *table, struct watcher_set *found);

/* Forgets the watches of these kinds. */
void client_watches_clear(struct client_watches *table, unsigned kinds);

/* Iteration over the paths: start with *position = 0; NULL at the end. */
const struct client_watch_path *client_watches_next(const struct client_watches *table,
                                                    size_t *position);

#endif
