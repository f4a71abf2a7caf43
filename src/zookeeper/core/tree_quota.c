/* tree_quota.c - which paths have a quota, and keeping count of what they hold.
 *
 * A quota is born with the node /zookeeper/quota<path>/zookeeper_limits and ends with it. A trie of
 * the names on the way to quota paths answers "the nearest quota above this path" in one walk that
 * ends where no quota lies deeper; a tree without quotas pays one comparison. Every create, delete
 * and setData below a quota changes the text of its zookeeper_stats: each server does so by itself,
 * outside of transactions, without a new version or mtime, and so the digest leaves it out.
 *
 * What goes wrong: whoever may write below /zookeeper/quota can put anything there. A stat node
 * that is missing or unreadable is left alone (Apache's server ends there: CVE-2026-100300);
 * creating it anew, or a restart, counts from scratch. A quota on nothing (directly below
 * /zookeeper/quota) is no quota. Only nodes inside of /zookeeper/quota count, not those whose path
 * merely begins with the same letters.
 */
#include "base/memory.h"
#include "zookeeper/core/quota.h"
#include "zookeeper/core/tree_node.h"

/* A name on the way to a quota. Found by its key, which is the parent's address and the name. */
struct quota_entry {
    struct quota_entry *parent; /* NULL: a child of the root */
    uint32_t child_count;
    bool is_quota;
    uint32_t key_len;
    uint8_t key[];
};

#define KEY_PARENT_BYTES sizeof(struct quota_entry *)

static struct slice entry_key(const struct quota_entry *entry)
{
    return slice_of(entry->key, entry->key_len);
}

static struct slice entry_name(const struct quota_entry *entry)
{
    return slice_part(entry_key(entry), KEY_PARENT_BYTES, entry->key_len);
}

static bool is_blank(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] > ' ') {
            return false;
        }
    }
    return true;
}

/* Cuts the next name off the front of *rest; false at the end. Blank names do not count, as in
 * PathTrie.split. */
static bool next_name(struct slice *rest, struct slice *name)
{
    while (rest->len > 0) {
        const uint8_t *slash = memchr(rest->ptr, '/', rest->len);
        size_t len = slash == NULL ? rest->len : (size_t)(slash - rest->ptr);
        *name = slice_part(*rest, 0, len);
        *rest = slice_part(*rest, slash == NULL ? len : len + 1, rest->len);
        if (!is_blank(*name)) {
            return true;
        }
    }
    return false;
}

/* The key in inner->path. */
static struct slice make_key(struct tree_private *inner,
                             const struct quota_entry *parent,
                             struct slice name)
{
    buffer_clear(&inner->path, SIZE_MAX);
    buffer_append(&inner->path, slice_of(&parent, sizeof parent));
    buffer_append(&inner->path, name);
    return buffer_slice(&inner->path);
}

static struct quota_entry *entry_find(struct tree_private *inner,
                                      const struct quota_entry *parent,
                                      struct slice name)
{
    return bytes_map_get(&inner->quotas, make_key(inner, parent, name));
}

static struct quota_entry *entry_new(struct tree_private *inner,
                                     struct quota_entry *parent,
                                     struct slice name)
{
    struct slice key = make_key(inner, parent, name);
    struct quota_entry *entry = mem_alloc(sizeof *entry + key.len);
    *entry = (struct quota_entry){.parent = parent, .key_len = (uint32_t)key.len};
    memcpy(entry->key, key.ptr, key.len);
    bytes_map_add(&inner->quotas, entry_key(entry), entry);
    if (parent != NULL) {
        parent->child_count += 1;
    }
    return entry;
}

static void entry_free(struct quota_entry *entry)
{
    mem_free(entry, sizeof *entry + entry->key_len);
}

static void trie_add(struct tree_private *inner, struct slice path)
{
    struct quota_entry *entry = NULL;
    struct slice name;
    while (next_name(&path, &name)) {
        struct quota_entry *child = entry_find(inner, entry, name);
        entry = child != NULL ? child : entry_new(inner, entry, name);
    }
    if (entry != NULL) {
        entry->is_quota = true;
    }
}

static void trie_remove(struct tree_private *inner, struct slice path)
{
    struct quota_entry *entry = NULL;
    struct slice name;
    while (next_name(&path, &name)) {
        entry = entry_find(inner, entry, name);
        if (entry == NULL) {
            return;
        }
    }
    if (entry != NULL) {
        entry->is_quota = false;
    }
    while (entry != NULL && !entry->is_quota && entry->child_count == 0) {
        struct quota_entry *parent = entry->parent;
        bytes_map_remove(&inner->quotas, entry_key(entry));
        entry_free(entry);
        if (parent != NULL) {
            parent->child_count -= 1;
        }
        entry = parent;
    }
}

void quota_release(struct tree *tree)
{
    struct bytes_map *quotas = &tree->private->quotas;
    size_t position = 0;
    struct slice key;
    void *entry = NULL;
    while (bytes_map_next(quotas, &position, &key, &entry)) {
        entry_free(entry);
    }
    bytes_map_release(quotas);
}

/* The deepest quota on the way to path; NULL when there is none. */
static const struct quota_entry *trie_nearest(struct tree_private *inner, struct slice path)
{
    const struct quota_entry *nearest = NULL;
    const struct quota_entry *entry = NULL;
    struct slice name;
    while (inner->quotas.count > 0 && next_name(&path, &name)) {
        entry = entry_find(inner, entry, name);
        if (entry == NULL) {
            break;
        }
        nearest = entry->is_quota ? entry : nearest;
    }
    return nearest;
}

/* Writes an entry's path into the buffer, from its end to its front. */
static void entry_path(const struct quota_entry *entry, struct buffer *out)
{
    size_t len = 0;
    for (const struct quota_entry *at = entry; at != NULL; at = at->parent) {
        len += 1 + entry_name(at).len;
    }
    buffer_clear(out, SIZE_MAX);
    uint8_t *end = buffer_reserve(out, len) + len;
    out->len = len;
    for (const struct quota_entry *at = entry; at != NULL; at = at->parent) {
        struct slice name = entry_name(at);
        end -= name.len;
        memcpy(end, name.ptr, name.len);
        end -= 1;
        *end = '/';
    }
}

struct slice tree_quota_path(const struct tree *tree, struct slice path)
{
    struct tree_private *inner = tree->private;
    const struct quota_entry *entry = trie_nearest(inner, path);
    if (entry == NULL) {
        return SLICE_NULL;
    }
    entry_path(entry, &inner->quota_path);
    return buffer_slice(&inner->quota_path);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* The stat node of a quota path; *path is its own path, in inner->path. */
static uint32_t stat_node(struct tree *tree, struct slice quota, struct slice *path)
{
    struct tree_private *inner = tree->private;
    buffer_clear(&inner->path, SIZE_MAX);
    quota_node_path(quota, QUOTA_STAT_NAME, &inner->path);
    *path = buffer_slice(&inner->path);
    return tree_find_exact(tree, *path, tree_tag(tree, *path));
}

static void stat_write(struct tree *tree,
                       uint32_t handle,
                       struct slice path,
                       struct quota_values *values)
{
    struct tree_private *inner = tree->private;
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    quota_print(values, &text);
    size_t before = node_data(inner, node_at(inner, handle)).len;
    node_will_change(inner, handle);
    node_set_data(tree, handle, tree_tag(tree, path), buffer_slice(&text));
    tree->approximate_data_size += (int64_t)text.len - (int64_t)before;
    buffer_release(&text);
}

/* A change of so many bytes and nodes below a path, if it has a quota. */
static void stat_change(struct tree *tree, struct slice path, int64_t bytes, int64_t count)
{
    struct slice quota = tree_quota_path(tree, path);
    struct quota_values values;
    if (slice_is_null(quota)) {
        return;
    }
    struct slice stat_path;
    uint32_t handle = stat_node(tree, quota, &stat_path);
    struct tree_private *inner = tree->private;
    if (handle == 0 || quota_parse(node_data(inner, node_at(inner, handle)), &values) != ERR_OK) {
        return;
    }
    int error = quota_set(&values, QUOTA_COUNT, quota_get(&values, QUOTA_COUNT) + count);
    if (error == ERR_OK) {
        error = quota_set(&values, QUOTA_BYTES, quota_get(&values, QUOTA_BYTES) + bytes);
    }
    if (error == ERR_OK) {
        stat_write(tree, handle, stat_path, &values);
    }
}

/* Counts all from the path on and writes it into the quota's stat node, if that is there. */
static void stat_recount(struct tree *tree, struct slice quota)
{
    const struct tree_private *inner = tree->private;
    uint32_t top = tree_find_exact(tree, quota, tree_tag(tree, quota));
    int64_t bytes = 0;
    int64_t count = 0;
    struct slice stat_path;
    uint32_t handle = stat_node(tree, quota, &stat_path);
    if (handle == 0) {
        return;
    }
    for (uint32_t at = top; at != 0; at = node_next_in(inner, at, top)) {
        bytes += (int64_t)node_data(inner, node_at(inner, at)).len;
        count += 1;
    }
    struct quota_values values = {
        .pairs = {{SLICE_LIT(QUOTA_COUNT), count}, {SLICE_LIT(QUOTA_BYTES), bytes}},
        .count = 2,
    };
    stat_write(tree, handle, stat_path, &values);
}

/* The path whose quota is kept in `parent`; false when parent is not inside of /zookeeper/quota. */
static bool quota_of(struct slice parent, struct slice *quota)
{
    size_t root_len = sizeof QUOTA_ROOT - 1;
    if (!slice_starts_with(parent, SLICE_LIT(QUOTA_ROOT)) ||
        (parent.len > root_len && parent.ptr[root_len] != '/')) {
        return false;
    }
    *quota = slice_part(parent, root_len, parent.len);
    return true;
}

void quota_created(struct tree *tree,
                   struct slice path,
                   struct slice parent,
                   struct slice name,
                   int64_t bytes)
{
    struct slice quota;
    if (quota_of(parent, &quota)) {
        if (slice_equal_cstr(name, QUOTA_LIMIT_NAME)) {
            trie_add(tree->private, quota);
        }
        if (slice_equal_cstr(name, QUOTA_STAT_NAME)) {
            stat_recount(tree, quota);
        }
    }
    stat_change(tree, path, bytes, 1);
}

void quota_deleted(struct tree *tree,
                   struct slice path,
                   struct slice parent,
                   struct slice name,
                   int64_t bytes)
{
    struct slice quota;
    if (slice_equal_cstr(name, QUOTA_LIMIT_NAME) && quota_of(parent, &quota)) {
        trie_remove(tree->private, quota);
    }
    stat_change(tree, path, -bytes, -1);
}

void quota_changed(struct tree *tree, struct slice path, int64_t bytes)
{
    stat_change(tree, path, bytes, 0);
}

void quota_load(struct tree *tree)
{
    struct tree_private *inner = tree->private;
    uint32_t top = tree_find_exact(tree, SLICE_LIT(QUOTA_ROOT),
                                   tree_tag(tree, SLICE_LIT(QUOTA_ROOT)));
    struct buffer path;
    buffer_init(&path, SIZE_MAX);
    /* A recount may give the stat node another handle, never the limit node that stands here. */
    for (uint32_t at = top; at != 0; at = node_next_in(inner, at, top)) {
        const struct znode *node = node_at(inner, at);
        if (!slice_equal_cstr(node_name(node), QUOTA_LIMIT_NAME) ||
            node_first_child(inner, node) != 0) {
            continue;
        }
        struct slice quota;
        buffer_clear(&path, SIZE_MAX);
        znode_path(tree, node_at(inner, node->parent), &path);
        if (quota_of(buffer_slice(&path), &quota)) {
            stat_recount(tree, quota);
            trie_add(inner, quota);
        }
    }
    buffer_release(&path);
}
