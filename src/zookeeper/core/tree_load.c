/* tree_load.c - a snapshot's body into a tree.
 *
 * One pass over a window of the source: sessions, ACL map, nodes. A node's record is looked at only
 * when all of it is in the window, which grows to the longest record that the limits allow. Lengths
 * are compared with those limits before the window grows, counts are never trusted with memory:
 * what is allocated follows the bytes that really came.
 *
 * Speed is the point, since a restart waits for this: parents are found from the node before (a
 * body is mostly in order, parents first), without a lookup, so that the index can be made of all
 * nodes at the end, sorted, in one pass. A body that was written while the tree changed has nodes
 * out of order; the first that needs a lookup has the index made early, and what follows is added
 * to it.
 *
 * Apache's bodies are fuzzy: nodes may be younger than the file's zxid, and may name an ACL that
 * came after the ACL map was written. Replaying the log mends both. Until then such a node is
 * closed to everybody but the superuser.
 *
 * Refused: two nodes of one path, a node without its parent, no root, lengths beyond the limits, a
 * source that ends early.
 */
#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/tree_node.h"
#include "zookeeper/core/tree_snapshot.h"

#define WINDOW_BYTES ((size_t)1 << 18)
#define AHEAD 8 /* slots asked for before they are needed */
#define STAT_BYTES 60
#define FIXED_BYTES (8 + STAT_BYTES) /* behind the data: ACL id and stat */
#define FIRST_ENTRIES 8

/* A node and its path: where parents of later nodes are looked for first. */
struct known_node {
    uint32_t handle;
    struct buffer path;
};

struct loader {
    struct tree *tree;
    const struct tree_source *source;
    size_t max_string_bytes;

    uint8_t *window;
    size_t cap;
    size_t from; /* first byte not consumed */
    size_t to;   /* one past the last byte read */

    struct known_node last;  /* the node before */
    struct known_node other; /* the last one of another branch */
    struct buffer slots;     /* nodes not yet in the index, as its slots */

    int64_t acl_id; /* of the node before, and its index */
    uint32_t acl_index;
};

/* ---- the window ------------------------------------------------------------------------------ */

/* At least `size` bytes from window + from on. */
static int window_need(struct loader *loader, size_t size)
{
    if (LIKELY(loader->to - loader->from >= size)) {
        return ERR_OK;
    }
    size_t held = loader->to - loader->from;
    if (held > 0) {
        memmove(loader->window, loader->window + loader->from, held);
    }
    loader->from = 0;
    loader->to = held;
    if (size > loader->cap) {
        size_t cap = MAX(size, 2 * loader->cap);
        loader->window = mem_realloc(loader->window, loader->cap, cap);
        loader->cap = cap;
    }
    while (loader->to < size) {
        size_t got = 0;
        int error = loader->source->read(loader->source->ctx, loader->window + loader->to,
                                         loader->cap - loader->to, &got);
        if (error != ERR_OK) {
            return error;
        }
        if (got == 0) {
            return ERR_TRUNCATED;
        }
        ASSERT(got <= loader->cap - loader->to);
        loader->to += got;
    }
    return ERR_OK;
}

static const uint8_t *window_at(const struct loader *loader, size_t offset)
{
    return loader->window + loader->from + offset;
}

static int read_i32(struct loader *loader, int32_t *value)
{
    int error = window_need(loader, 4);
    if (error == ERR_OK) {
        *value = (int32_t)load_be32(window_at(loader, 0));
        loader->from += 4;
    }
    return error;
}

static int read_i64(struct loader *loader, int64_t *value)
{
    int error = window_need(loader, 8);
    if (error == ERR_OK) {
        *value = (int64_t)load_be64(window_at(loader, 0));
        loader->from += 8;
    }
    return error;
}

/* A count that may not be negative. */
static int read_count(struct loader *loader, int32_t *count)
{
    int error = read_i32(loader, count);
    return error == ERR_OK && *count < 0 ? ERR_CORRUPT : error;
}

/* The length at `offset` of a string or buffer; its bytes are not read yet. */
static int peek_len(struct loader *loader, size_t offset, size_t *len, bool *is_null)
{
    int error = window_need(loader, offset + 4);
    if (error != ERR_OK) {
        return error;
    }
    int32_t value = (int32_t)load_be32(window_at(loader, offset));
    *is_null = value == -1;
    *len = value > 0 ? (size_t)value : 0;
    return value < -1 || *len > loader->max_string_bytes ? ERR_CORRUPT : ERR_OK;
}

/* ---- sessions and lists ---------------------------------------------------------------------- */

static int load_sessions(struct loader *loader)
{
    int32_t count = 0;
    int error = read_count(loader, &count);
    for (; error == ERR_OK && count > 0; count--) {
        int64_t id = 0;
        int32_t timeout_ms = 0;
        error = read_i64(loader, &id);
        if (error == ERR_OK) {
            error = read_i32(loader, &timeout_ms);
        }
        if (error == ERR_OK) {
            u64_map_put(&loader->tree->sessions, (uint64_t)id, (uint64_t)timeout_ms);
        }
    }
    return error;
}

static int load_text(struct loader *loader, struct slice *text)
{
    struct arena *arena = &loader->tree->private->scratch;
    size_t len = 0;
    bool is_null = false;
    int error = peek_len(loader, 0, &len, &is_null);
    if (error == ERR_OK) {
        error = window_need(loader, 4 + len);
    }
    if (error != ERR_OK) {
        return error;
    }
    if (arena_room(arena) < len + 16) {
        return ERR_CORRUPT;
    }
    *text = is_null ? SLICE_NULL : arena_copy(arena, slice_of(window_at(loader, 4), len));
    loader->from += 4 + len;
    return ERR_OK;
}

struct entries {
    struct zk_acl *items;
    size_t cap;
};

static int load_entry(struct loader *loader, struct entries *entries, size_t at)
{
    if (at == entries->cap) {
        size_t cap = MAX(FIRST_ENTRIES, entries->cap * 2);
        entries->items = mem_realloc(entries->items, entries->cap * sizeof(struct zk_acl),
                                     cap * sizeof(struct zk_acl));
        entries->cap = cap;
    }
    struct zk_acl *entry = &entries->items[at];
    *entry = (struct zk_acl){0};
    int error = read_i32(loader, &entry->perms);
    if (error == ERR_OK) {
        error = load_text(loader, &entry->id.scheme);
    }
    return error == ERR_OK ? load_text(loader, &entry->id.id) : error;
}

static int load_list(struct loader *loader, struct entries *entries)
{
    int64_t id = 0;
    int32_t count = 0;
    arena_clear(&loader->tree->private->scratch);
    int error = read_i64(loader, &id);
    if (error == ERR_OK) {
        error = read_count(loader, &count);
    }
    for (int32_t i = 0; error == ERR_OK && i < count; i++) {
        error = load_entry(loader, entries, (size_t)i);
    }
    if (error == ERR_OK) {
        acl_table_load(&loader->tree->acls, id, entries->items, count);
    }
    return error;
}

static int load_lists(struct loader *loader)
{
    struct entries entries = {0};
    int32_t count = 0;
    int error = read_count(loader, &count);
    for (; error == ERR_OK && count > 0; count--) {
        error = load_list(loader, &entries);
    }
    mem_free(entries.items, entries.cap * sizeof(struct zk_acl));
    arena_clear(&loader->tree->private->scratch);
    return error;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool is_same_node(const struct tree_private *inner, uint32_t a, uint32_t b)
{
    const struct znode *left = node_at(inner, a);
    const struct znode *right = node_at(inner, b);
    return left->parent == right->parent && slice_equal(node_name(left), node_name(right));
}

/* Has no two of the slots, which are all that have one tag, the same path? */
static bool are_distinct(const struct tree_private *inner, const uint64_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (is_same_node(inner, (uint32_t)slots[i], (uint32_t)slots[k])) {
                return false;
            }
        }
    }
    return true;
}

/* The whole index at once. */
static int slots_build(struct loader *loader, uint64_t *slots, size_t count)
{
    struct tree_private *inner = loader->tree->private;
    index_sort(slots, count);
    for (size_t from = 0; from < count;) {
        size_t to = from + 1;
        while (to < count && slots[to] >> 32 == slots[from] >> 32) {
            to += 1;
        }
        if (!are_distinct(inner, slots + from, to - from)) {
            return ERR_CORRUPT;
        }
        from = to;
    }
    index_build(&inner->index, slots, count);
    return ERR_OK;
}

static int slots_add(struct loader *loader, const uint64_t *slots, size_t count)
{
    struct tree_private *inner = loader->tree->private;
    for (size_t i = 0; i < count; i++) {
        uint32_t tag = (uint32_t)(slots[i] >> 32);
        index_prefetch(&inner->index, (uint32_t)(slots[MIN(i + AHEAD, count - 1)] >> 32));
        if (!index_add(&inner->index, tag, (uint32_t)slots[i])) {
            continue;
        }
        struct index_cursor cursor;
        uint32_t at = index_first(&inner->index, tag, &cursor);
        for (; at != 0; at = index_next(&cursor)) {
            if (at != (uint32_t)slots[i] && is_same_node(inner, at, (uint32_t)slots[i])) {
                return ERR_CORRUPT;
            }
        }
    }
    return ERR_OK;
}

/* All nodes so far into the index. */
static int index_flush(struct loader *loader)
{
    uint64_t *slots = (uint64_t *)(void *)loader->slots.data;
    size_t count = loader->slots.len / sizeof *slots;
    bool is_first = loader->tree->private->index.count == 0;
    loader->slots.len = 0;
    return is_first ? slots_build(loader, slots, count) : slots_add(loader, slots, count);
}

/* The node or one of its ancestors, if that has this path; 0 if not. */
static uint32_t find_above(const struct loader *loader,
                           const struct known_node *known,
                           struct slice path)
{
    const struct tree_private *inner = loader->tree->private;
    size_t len = known->path.len;
    uint32_t at = known->handle;
    if (len < path.len || (path.len > 0 && memcmp(known->path.data, path.ptr, path.len) != 0)) {
        return 0;
    }
    while (len > path.len) {
        const struct znode *node = node_at(inner, at);
        len -= 1 + node_name(node).len;
        at = node->parent;
    }
    return len == path.len ? at : 0;
}

/* 0 when absent. */
static int find_parent(struct loader *loader, struct slice path, uint32_t *parent)
{
    *parent = find_above(loader, &loader->last, path);
    if (*parent != 0) {
        return ERR_OK;
    }
    struct known_node last = loader->last;
    loader->last = loader->other;
    loader->other = last;
    *parent = find_above(loader, &loader->last, path);
    if (*parent != 0) {
        return ERR_OK;
    }
    int error = index_flush(loader);
    *parent = tree_find_exact(loader->tree, path, tree_tag(loader->tree, path));
    return error;
}

/* The index of the list that an id names; one reference is taken. */
static uint32_t list_index(struct loader *loader, int64_t acl_id)
{
    static const struct zk_acl closed = {.perms = 0,
                                         .id = {SLICE_LIT("world"), SLICE_LIT("anyone")}};
    struct acl_table *acls = &loader->tree->acls;
    if (acl_id != loader->acl_id) {
        uint32_t index = ACL_INDEX_OPEN;
        if (!acl_table_find(acls, acl_id, &index)) {
            return acl_table_keep(acls, &closed, 1);
        }
        loader->acl_id = acl_id;
        loader->acl_index = index;
    }
    acl_table_keep_index(acls, loader->acl_index);
    return loader->acl_index;
}

/* Fields behind the data: ACL id and stat. */
static void load_fields(struct loader *loader, struct znode *node, const uint8_t *from)
{
    struct tree_private *inner = loader->tree->private;
    const uint8_t *stat = from + 8;
    node->czxid = (int64_t)load_be64(stat);
    node->mzxid = (int64_t)load_be64(stat + 8);
    node->ctime = (int64_t)load_be64(stat + 16);
    node->mtime = (int64_t)load_be64(stat + 24);
    node->version = (int32_t)load_be32(stat + 32);
    int32_t cversion = (int32_t)load_be32(stat + 36);
    node->aversion = (int32_t)load_be32(stat + 40);
    int64_t owner = (int64_t)load_be64(stat + 44);
    int64_t pzxid = (int64_t)load_be64(stat + 52);
    node->acl = list_index(loader, (int64_t)load_be64(from));
    if (cversion != 0 || owner != 0 || pzxid != node->czxid || node->extra != 0) {
        struct znode_extra *extra = node_need_extra(inner, node);
        extra->cversion = cversion;
        extra->owner = owner;
        extra->pzxid = pzxid;
    }
}

static int load_node(struct loader *loader,
                     struct slice path,
                     struct slice data,
                     const uint8_t *fields)
{
    struct tree *tree = loader->tree;
    struct tree_private *inner = tree->private;
    struct slice parent_path = SLICE_NULL;
    struct slice name = SLICE_LIT("");
    uint32_t parent = 0;
    bool is_root = path.len == 0;
    if (is_root != (inner->root == 0) || (!is_root && !path_split(path, &parent_path, &name))) {
        return ERR_CORRUPT;
    }
    if (!is_root) {
        int error = find_parent(loader, parent_path, &parent);
        if (error != ERR_OK || parent == 0) {
            return error != ERR_OK ? error : ERR_CORRUPT;
        }
    }
    uint32_t handle = node_new(inner, name, data);
    load_fields(loader, node_at(inner, handle), fields);
    if (is_root) {
        inner->root = handle;
    } else {
        node_link(inner, handle, parent);
    }
    tree_enlist(tree, handle, path);
    loader->last.handle = handle;
    loader->last.path.len = 0;
    buffer_append(&loader->last.path, path);
    if (!is_root) {
        uint64_t slot = index_slot(tree_tag(tree, path), handle);
        buffer_append(&loader->slots, slice_of(&slot, sizeof slot));
    }
    return ERR_OK;
}

/* One record; *is_end at the mark behind the last. */
static int load_record(struct loader *loader, bool *is_end)
{
    size_t path_len = 0;
    size_t data_len = 0;
    bool is_null = false;
    int error = peek_len(loader, 0, &path_len, &is_null);
    if (error != ERR_OK || is_null) {
        return error != ERR_OK ? error : ERR_CORRUPT;
    }
    if (path_len == 1) {
        error = window_need(loader, 5);
        *is_end = error == ERR_OK && *window_at(loader, 4) == '/';
        if (error != ERR_OK || *is_end) {
            loader->from += error == ERR_OK ? 5 : 0;
            return error;
        }
    }
    error = peek_len(loader, 4 + path_len, &data_len, &is_null);
    size_t size = 4 + path_len + 4 + data_len + FIXED_BYTES;
    if (error == ERR_OK) {
        error = window_need(loader, size);
    }
    if (error != ERR_OK) {
        return error;
    }
    const uint8_t *behind = window_at(loader, 8 + path_len);
    struct slice data = is_null ? SLICE_NULL : slice_of(behind, data_len);
    error = load_node(loader, slice_of(window_at(loader, 4), path_len), data, behind + data_len);
    loader->from += size;
    return error;
}

static int load_nodes(struct loader *loader)
{
    bool is_end = false;
    int error = ERR_OK;
    while (error == ERR_OK && !is_end) {
        error = load_record(loader, &is_end);
    }
    if (error == ERR_OK && loader->tree->private->root == 0) {
        error = ERR_CORRUPT;
    }
    return error == ERR_OK ? index_flush(loader) : error;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void keep_ahead(struct loader *loader, struct slice *ahead)
{
    struct tree_private *inner = loader->tree->private;
    inner->ahead_len = loader->to - loader->from;
    inner->ahead = mem_alloc(inner->ahead_len);
    if (inner->ahead_len > 0) {
        memcpy(inner->ahead, window_at(loader, 0), inner->ahead_len);
    }
    *ahead = slice_of(inner->ahead, inner->ahead_len);
}

int tree_load(struct tree *tree,
              const struct tree_source *source,
              size_t max_string_bytes,
              struct slice *ahead)
{
    struct loader loader = {
        .tree = tree,
        .source = source,
        .max_string_bytes = max_string_bytes,
        .cap = WINDOW_BYTES,
        .acl_id = ACL_OPEN_UNSAFE,
        .acl_index = ACL_INDEX_OPEN,
    };
    ASSERT(tree->private->snapshot == NULL);
    int64_t zxid = tree->last_processed_zxid;
    tree_clear(tree);
    tree->last_processed_zxid = zxid;
    loader.window = mem_alloc(loader.cap);
    buffer_init(&loader.last.path, SIZE_MAX);
    buffer_init(&loader.other.path, SIZE_MAX);
    buffer_init(&loader.slots, SIZE_MAX);

    int error = load_sessions(&loader);
    if (error == ERR_OK) {
        error = load_lists(&loader);
    }
    if (error == ERR_OK) {
        error = load_nodes(&loader);
    }
    if (error == ERR_OK) {
        tree->node_count += 1; /* "/" beside "" */
        tree->approximate_data_size += 1;
        quota_load(tree);
        acl_table_purge_unused(&tree->acls);
        keep_ahead(&loader, ahead);
    }
    mem_free(loader.window, loader.cap);
    buffer_release(&loader.last.path);
    buffer_release(&loader.other.path);
    buffer_release(&loader.slots);
    return error;
}
