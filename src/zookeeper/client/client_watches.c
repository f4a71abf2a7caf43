/* client_watches.c - see client_watches.h. */
#include "zookeeper/client/client_watches.h"

#include "base/memory.h"

/* ---- sets ------------------------------------------------------------------------------------ */

void watcher_set_release(struct watcher_set *set)
{
    mem_free(set->items, set->cap * sizeof *set->items);
    *set = (struct watcher_set){0};
}

void watcher_set_add(struct watcher_set *set, struct zk_watcher *watcher)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i] == watcher) {
            return;
        }
    }
    if (set->count == set->cap) {
        size_t cap = set->cap == 0 ? 1 : set->cap * 2;
        set->items = mem_realloc(set->items, set->cap * sizeof *set->items,
                                 cap * sizeof *set->items);
        set->cap = cap;
    }
    set->items[set->count] = watcher;
    set->count += 1;
}

void watcher_set_add_all(struct watcher_set *set, const struct watcher_set *from)
{
    for (size_t i = 0; i < from->count; i++) {
        watcher_set_add(set, from->items[i]);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

void client_watches_init(struct client_watches *table, struct hash_key key)
{
    *table = (struct client_watches){0};
    bytes_map_init(&table->paths, key);
}

static struct client_watch_path *path_make(struct slice path)
{
    struct client_watch_path *entry = mem_alloc_zeroed(sizeof *entry);
    uint8_t *bytes = mem_alloc(path.len);
    memcpy(bytes, path.ptr, path.len);
    entry->path = slice_of(bytes, path.len);
    return entry;
}

static void path_free(struct client_watch_path *entry)
{
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        watcher_set_release(&entry->sets[kind]);
    }
    mem_free((void *)(uintptr_t)entry->path.ptr, entry->path.len);
    mem_free(entry, sizeof *entry);
}

void client_watches_release(struct client_watches *table)
{
    size_t position = 0;
    struct slice path;
    void *value;
    while (bytes_map_next(&table->paths, &position, &path, &value)) {
        path_free(value);
    }
    bytes_map_release(&table->paths);
}

void client_watches_add(struct client_watches *table,
                        enum client_watch_kind kind,
                        struct slice path,
                        struct zk_watcher *watcher)
{
    ASSERT(path.len > 0 && watcher != NULL);
    struct client_watch_path *entry = bytes_map_get(&table->paths, path);
    if (entry == NULL) {
        entry = path_make(path);
        bytes_map_add(&table->paths, entry->path, entry);
    }
    if (entry->sets[kind].count == 0) {
        table->counts[kind] += 1;
    }
    watcher_set_add(&entry->sets[kind], watcher);
}

bool client_watches_has(const struct client_watches *table,
                        enum client_watch_kind kind,
                        struct slice path)
{
    const struct client_watch_path *entry = bytes_map_get(&table->paths, path);
    return entry != NULL && entry->sets[kind].count > 0;
}

void client_watches_find(const struct client_watches *table,
                         enum client_watch_kind kind,
                         struct slice path,
                         struct watcher_set *found)
{
    const struct client_watch_path *entry = bytes_map_get(&table->paths, path);
    if (entry != NULL) {
        watcher_set_add_all(found, &entry->sets[kind]);
    }
}

static bool is_empty(const struct client_watch_path *entry)
{
    for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
        if (entry->sets[kind].count > 0) {
            return false;
        }
    }
    return true;
}

bool client_watches_take(struct client_watches *table,
                         enum client_watch_kind kind,
                         struct slice path,
                         struct watcher_set *found)
{
    struct client_watch_path *entry = bytes_map_get(&table->paths, path);
    if (entry == NULL || entry->sets[kind].count == 0) {
        return false;
    }
    watcher_set_add_all(found, &entry->sets[kind]);
    watcher_set_release(&entry->sets[kind]);
    table->counts[kind] -= 1;
    if (is_empty(entry)) {
        bytes_map_remove(&table->paths, entry->path);
        path_free(entry);
    }
    return true;
}

void client_watches_find_all(const struct client_watches *table, struct watcher_set *found)
{
    size_t position = 0;
    const struct client_watch_path *entry;
    while ((entry = client_watches_next(table, &position)) != NULL) {
        for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
            watcher_set_add_all(found, &entry->sets[kind]);
        }
    }
}

void client_watches_clear(struct client_watches *table, unsigned kinds)
{
    size_t position = 0;
    struct slice path;
    void *value;
    while (bytes_map_next(&table->paths, &position, &path, &value)) {
        struct client_watch_path *entry = value;
        for (int kind = 0; kind < CLIENT_WATCH_KINDS; kind++) {
            if ((kinds & CLIENT_WATCH_BIT(kind)) != 0 && entry->sets[kind].count > 0) {
                watcher_set_release(&entry->sets[kind]);
                table->counts[kind] -= 1;
            }
        }
        if (is_empty(entry)) {
            bytes_map_remove_at(&table->paths, &position);
            path_free(entry);
        }
    }
}

const struct client_watch_path *client_watches_next(const struct client_watches *table,
                                                    size_t *position)
{
    struct slice path;
    void *value;
    return bytes_map_next(&table->paths, position, &path, &value) ? value : NULL;
}
