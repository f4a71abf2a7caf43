/* watch.c - who wants to hear of which path.
 *
 * Model: per path an array of entries ordered by the watcher's id; per watcher a list of its
 * entries. Connections come with growing ids, so an array mostly grows at its end, a look-up is a
 * binary search, and an event is delivered in id order without sorting, unless recursive watchers
 * of ancestors mix in.
 *
 * What goes wrong: delivering an event can close a connection (its output is full), which removes
 * its entries. So a trigger first collects whom it reaches, and takes the one-shot watches away,
 * and only then tells anybody.
 *
 * Rejected: a bitmap of watchers per path (WatchManagerOptimized): pays from about a thousand
 * watchers per path on, and costs a scan for every connection that goes.
 */
#include "zookeeper/core/watch.h"

#include "base/memory.h"
#include "zookeeper/core/sort.h"

#define WATCH_PATH_FIRST_CAP 2u

struct watch_entry {
    struct list link; /* watcher->entries */
    struct watch_path *path;
    struct watcher *watcher;
    unsigned modes;
};

struct watch_path {
    struct watch_table *table;
    struct slice path;            /* right behind this struct */
    struct watch_entry **entries; /* by watcher id */
    uint32_t count;
    uint32_t cap;
};

void watch_table_init(struct watch_table *table, struct hash_key hash_key)
{
    *table = (struct watch_table){0};
    bytes_map_init(&table->paths, hash_key);
}

void watcher_init(struct watcher *watcher, uint64_t id)
{
    *watcher = (struct watcher){.id = id};
    list_init(&watcher->entries);
}

static void path_free(struct watch_path *path)
{
    mem_free(path->entries, path->cap * sizeof(struct watch_entry *));
    mem_free(path, sizeof *path + path->path.len);
}

static void entry_free(struct watch_entry *entry)
{
    struct watch_table *table = entry->path->table;
    list_remove(&entry->link);
    entry->watcher->count -= 1;
    table->watch_count -= 1;
    table->recursive_count -= (entry->modes & WATCH_PERSISTENT_RECURSIVE) != 0 ? 1 : 0;
    mem_free(entry, sizeof *entry);
}

void watch_table_release(struct watch_table *table)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    while (bytes_map_next(&table->paths, &position, &key, &value)) {
        struct watch_path *path = value;
        for (uint32_t i = 0; i < path->count; i++) {
            entry_free(path->entries[i]);
        }
        path_free(path);
    }
    bytes_map_release(&table->paths);
    mem_free(table->reached, table->reached_cap * sizeof(struct watcher *));
    table->reached = NULL;
    table->reached_cap = 0;
}

/* Where the watcher's entry is, or would be. */
static uint32_t entry_position(const struct watch_path *path, const struct watcher *watcher)
{
    uint32_t from = 0;
    uint32_t to = path->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (path->entries[middle]->watcher->id < watcher->id) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static struct watch_entry *entry_find(const struct watch_path *path, const struct watcher *watcher)
{
    uint32_t at = entry_position(path, watcher);
    return at < path->count && path->entries[at]->watcher == watcher ? path->entries[at] : NULL;
}

static struct watch_path *path_make(struct watch_table *table, struct slice text)
{
    struct watch_path *path = mem_alloc_zeroed(sizeof *path + text.len);
    uint8_t *copy = (uint8_t *)(path + 1);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    path->table = table;
    path->path = slice_of(copy, text.len);
    bytes_map_add(&table->paths, path->path, path);
    return path;
}

static struct watch_entry *entry_make(struct watch_path *path, struct watcher *watcher)
{
    if (path->count == path->cap) {
        uint32_t cap = MAX(path->cap * 2, WATCH_PATH_FIRST_CAP);
        path->entries = mem_realloc(path->entries, path->cap * sizeof(struct watch_entry *),
                                    cap * sizeof(struct watch_entry *));
        path->cap = cap;
    }
    struct watch_entry *entry = mem_alloc_zeroed(sizeof *entry);
    uint32_t at = entry_position(path, watcher);
    memmove(path->entries + at + 1, path->entries + at,
            (path->count - at) * sizeof(struct watch_entry *));
    path->entries[at] = entry;
    path->count += 1;
    entry->path = path;
    entry->watcher = watcher;
    list_append(&watcher->entries, &entry->link);
    watcher->count += 1;
    path->table->watch_count += 1;
    return entry;
}

/* Takes the path out of its table when nobody is left. */
static void path_drop_if_empty(struct watch_path *path)
{
    if (path->count == 0) {
        bytes_map_remove(&path->table->paths, path->path);
        path_free(path);
    }
}

static void entry_remove(struct watch_entry *entry)
{
    struct watch_path *path = entry->path;
    uint32_t at = entry_position(path, entry->watcher);
    ASSERT(path->entries[at] == entry);
    path->count -= 1;
    memmove(path->entries + at, path->entries + at + 1,
            (path->count - at) * sizeof(struct watch_entry *));
    entry_free(entry);
    path_drop_if_empty(path);
}

bool watch_add(struct watch_table *table,
               struct slice path_text,
               struct watcher *watcher,
               enum watch_mode mode)
{
    struct watch_path *path = bytes_map_get(&table->paths, path_text);
    if (path == NULL) {
        path = path_make(table, path_text);
    }
    struct watch_entry *entry = entry_find(path, watcher);
    if (entry == NULL) {
        entry = entry_make(path, watcher);
    }
    if ((entry->modes & mode) != 0) {
        return false;
    }
    entry->modes |= mode;
    table->recursive_count += mode == WATCH_PERSISTENT_RECURSIVE ? 1 : 0;
    return true;
}

bool watch_remove(struct watch_table *table,
                  struct slice path_text,
                  struct watcher *watcher,
                  unsigned modes)
{
    struct watch_path *path = bytes_map_get(&table->paths, path_text);
    struct watch_entry *entry = path != NULL ? entry_find(path, watcher) : NULL;
    if (entry == NULL || (entry->modes & modes) == 0) {
        return false;
    }
    if ((entry->modes & ~modes) == 0) {
        entry_remove(entry);
        return true;
    }
    if ((entry->modes & modes & WATCH_PERSISTENT_RECURSIVE) != 0) {
        table->recursive_count -= 1;
    }
    entry->modes &= ~modes;
    return true;
}

bool watch_has(const struct watch_table *table,
               struct slice path_text,
               const struct watcher *watcher,
               unsigned modes)
{
    const struct watch_path *path = bytes_map_get(&table->paths, path_text);
    const struct watch_entry *entry = path != NULL ? entry_find(path, watcher) : NULL;
    return entry != NULL && (entry->modes & modes) != 0;
}

void watcher_remove_all(struct watcher *watcher)
{
    while (!list_is_empty(&watcher->entries)) {
        entry_remove(CONTAINER_OF(watcher->entries.next, struct watch_entry, link));
    }
    ASSERT(watcher->count == 0);
}

/* ---- events -------------------------------------------------------------------------- */

static void reach(struct watch_table *table, size_t at, struct watcher *watcher)
{
    if (at == table->reached_cap) {
        size_t cap = MAX(table->reached_cap * 2, (size_t)64);
        table->reached = mem_realloc(table->reached, table->reached_cap * sizeof(struct watcher *),
                                     cap * sizeof(struct watcher *));
        table->reached_cap = cap;
    }
    table->reached[at] = watcher;
}

/* Everybody on the path itself; their one-shot watches end here. */
static size_t reach_path(struct watch_table *table, struct watch_path *path)
{
    size_t reached = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < path->count; i++) {
        struct watch_entry *entry = path->entries[i];
        reach(table, reached++, entry->watcher);
        entry->modes &= ~(unsigned)WATCH_STANDARD;
        if (entry->modes == 0) {
            entry_free(entry);
        } else {
            path->entries[kept++] = entry;
        }
    }
    path->count = kept;
    path_drop_if_empty(path);
    return reached;
}

/* Recursive watchers of the ancestors of `path`, "/" the last. */
static size_t reach_ancestors(struct watch_table *table, struct slice path, size_t reached)
{
    while (path.len > 1) {
        while (path.len > 0 && path.ptr[path.len - 1] != '/') {
            path.len -= 1;
        }
        path.len -= path.len > 1 ? 1 : 0; /* "/a/" -> "/a"; "/" stays */
        const struct watch_path *ancestor = bytes_map_get(&table->paths, path);
        for (uint32_t i = 0; ancestor != NULL && i < ancestor->count; i++) {
            if ((ancestor->entries[i]->modes & WATCH_PERSISTENT_RECURSIVE) != 0) {
                reach(table, reached++, ancestor->entries[i]->watcher);
            }
        }
    }
    return reached;
}

static bool watcher_is_before(const void *a, const void *b)
{
    return ((const struct watcher *)a)->id < ((const struct watcher *)b)->id;
}

/* Orders whom we reached by id, each once. */
static size_t sort_reached(struct watch_table *table, size_t reached)
{
    pointer_sort((void **)table->reached, reached, watcher_is_before);
    size_t kept = 0;
    for (size_t i = 0; i < reached; i++) {
        if (kept == 0 || table->reached[kept - 1] != table->reached[i]) {
            table->reached[kept++] = table->reached[i];
        }
    }
    return kept;
}

size_t watch_trigger(struct watch_table *table,
                     struct slice path,
                     void (*each)(void *ctx, struct watcher *watcher),
                     void *ctx)
{
    if (table->paths.count == 0) {
        return 0;
    }
    struct watch_path *watched = bytes_map_get(&table->paths, path);
    size_t reached = watched != NULL ? reach_path(table, watched) : 0;
    if (table->recursive_count > 0) {
        size_t before = reached;
        reached = reach_ancestors(table, path, reached);
        reached = reached > before ? sort_reached(table, reached) : reached;
    }
    for (size_t i = 0; i < reached; i++) {
        each(ctx, table->reached[i]);
    }
    return reached;
}

/* ---- looking in ---------------------------------------------------------------------- */

static bool path_is_before(const void *a, const void *b)
{
    return slice_compare(((const struct watch_path *)a)->path,
                         ((const struct watch_path *)b)->path) < 0;
}

void watch_each(const struct watch_table *table,
                void (*each)(void *ctx, struct slice path, const struct watcher *watcher),
                void *ctx)
{
    size_t count = table->paths.count;
    void **paths = mem_alloc(count * sizeof *paths);
    size_t position = 0;
    struct slice key;
    for (size_t i = 0; i < count; i++) {
        bool found = bytes_map_next(&table->paths, &position, &key, &paths[i]);
        ASSERT(found);
    }
    pointer_sort(paths, count, path_is_before);
    for (size_t i = 0; i < count; i++) {
        const struct watch_path *path = paths[i];
        for (uint32_t k = 0; k < path->count; k++) {
            each(ctx, path->path, path->entries[k]->watcher);
        }
    }
    mem_free(paths, count * sizeof *paths);
}

void watch_table_check(const struct watch_table *table)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    int64_t watches = 0;
    int64_t recursive = 0;
    while (bytes_map_next(&table->paths, &position, &key, &value)) {
        const struct watch_path *path = value;
        ASSERT(path->table == table && path->count > 0);
        for (uint32_t i = 0; i < path->count; i++) {
            const struct watch_entry *entry = path->entries[i];
            ASSERT(entry->path == path && entry->modes != 0 && entry->modes < 8);
            ASSERT(i == 0 || path->entries[i - 1]->watcher->id < entry->watcher->id);
            recursive += (entry->modes & WATCH_PERSISTENT_RECURSIVE) != 0 ? 1 : 0;
        }
        watches += path->count;
    }
    ASSERT(watches == table->watch_count && recursive == table->recursive_count);
}
