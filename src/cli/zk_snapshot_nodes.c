/* zk_snapshot_nodes.c - see zk_snapshot_nodes.h.
 *
 * The tree is walked with a stack of its own: a file may hold a path of a million components. Since
 * a parent stands before its children in the array, one pass from its end adds everything up.
 */
#include "cli/zk_snapshot_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"
#include "cli/offline_tool.h"
#include "zookeeper/core/java_text.h"

#define PATH_BYTES_MAX ((size_t)1 << 30)

static enum snapshot_compression compression_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot != NULL && strcasecmp(dot, ".gz") == 0) {
        return SNAPSHOT_GZIP;
    }
    return dot != NULL && strcasecmp(dot, ".snappy") == 0 ? SNAPSHOT_SNAPPY : SNAPSHOT_PLAIN;
}

int snapshot_nodes_load(struct snapshot_nodes *nodes,
                        struct runtime *runtime,
                        const char *path,
                        struct errmsg *message)
{
    struct data_file file = {.zxid = -1};
    struct path_info info;
    char folder[DATA_DIR_PATH_MAX];
    *nodes = (struct snapshot_nodes){0};
    if (!offline_tool_split(path, folder, sizeof folder, file.name, sizeof file.name)) {
        return errmsg_set(message, ERR_NOT_FOUND, "%.200s: this is not the path of a file", path);
    }
    int error = path_stat(runtime, path, &info);
    if (error != 0) {
        return errmsg_set(message, error, "%s: %s", path, error_text(error));
    }
    if (info.is_directory) {
        return errmsg_set(message, ERR_INVALID, "%s is a directory; name a snapshot file in it",
                          path);
    }
    if (!data_file_parse_snapshot(file.name, &file.zxid, &file.compression)) {
        file.zxid = -1;
        file.compression = compression_of(file.name);
    }
    file.size = info.size;
    struct tree_config config = {.extended_types_enabled = true};
    runtime_random(runtime, &config.hash_key, sizeof config.hash_key);
    tree_init(&nodes->tree, &config);
    error = snapshot_file_load(runtime, folder, &file, &nodes->tree, &nodes->info, message);
    if (error != 0 && !nodes->info.has_tree) {
        tree_release(&nodes->tree);
        return error;
    }
    if (error != 0) {
        fprintf(
            stderr,
            "Warning: %s; its nodes are shown as they were read, do not restore a server from it\n",
            message->text);
    }
    return 0;
}

void snapshot_nodes_release(struct snapshot_nodes *nodes)
{
    mem_free(nodes->nodes, nodes->count * sizeof nodes->nodes[0]);
    tree_release(&nodes->tree);
}

/* ---- the walk -------------------------------------------------------------------------------- */

struct pending {
    const struct znode *znode;
    size_t parent;
    struct slice name;
};

struct pending_stack {
    struct pending *items;
    size_t count;
    size_t cap;
};

static void push(struct pending_stack *stack,
                 const struct znode *znode,
                 size_t parent,
                 struct slice name)
{
    if (stack->count == stack->cap) {
        size_t cap = stack->cap == 0 ? 64 : 2 * stack->cap;
        stack->items = mem_realloc(stack->items, stack->cap * sizeof stack->items[0],
                                   cap * sizeof stack->items[0]);
        stack->cap = cap;
    }
    stack->items[stack->count++] = (struct pending){znode, parent, name};
}

/* The last name first: the stack gives them back in order. */
static int compare_backwards(const void *a, const void *b)
{
    const struct pending *left = a;
    const struct pending *right = b;
    return slice_compare(right->name, left->name);
}

static void push_children(struct pending_stack *stack,
                          const struct tree *tree,
                          struct snapshot_node *node,
                          size_t index)
{
    size_t first = stack->count;
    for (const struct znode *child = znode_first_child(tree, node->znode); child != NULL;
         child = znode_next_sibling(tree, child)) {
        push(stack, child, index, znode_name(tree, child));
    }
    node->child_count = stack->count - first;
    if (node->child_count > 1) {
        qsort(stack->items + first, stack->count - first, sizeof stack->items[0],
              compare_backwards);
    }
}

void snapshot_nodes_index(struct snapshot_nodes *nodes)
{
    const struct tree *tree = &nodes->tree;
    const struct znode *root = tree_find(tree, SLICE_LIT("/"));
    struct pending_stack stack = {0};
    nodes->count = 1 + (size_t)tree_descendant_count(tree, root);
    nodes->nodes = mem_alloc_zeroed(nodes->count * sizeof nodes->nodes[0]);
    push(&stack, root, 0, SLICE_NULL);
    for (size_t i = 0; stack.count > 0; i++) {
        ASSERT(i < nodes->count);
        const struct pending next = stack.items[--stack.count];
        struct snapshot_node *node = &nodes->nodes[i];
        node->znode = next.znode;
        node->parent = next.parent;
        node->depth = i == 0 ? 0 : nodes->nodes[next.parent].depth + 1;
        node->data_bytes = znode_data(tree, next.znode).len;
        node->descendant_bytes = node->data_bytes;
        push_children(&stack, tree, node, i);
    }
    for (size_t i = nodes->count; i > 1; i--) {
        const struct snapshot_node *node = &nodes->nodes[i - 1];
        struct snapshot_node *parent = &nodes->nodes[node->parent];
        parent->descendant_count += 1 + node->descendant_count;
        parent->descendant_bytes += node->descendant_bytes;
    }
    mem_free(stack.items, stack.cap * sizeof stack.items[0]);
}

void snapshot_node_path(const struct snapshot_nodes *nodes,
                        const struct snapshot_node *node,
                        const char *root,
                        struct buffer *out)
{
    if (node == &nodes->nodes[0]) {
        buffer_append_cstr(out, root);
        return;
    }
    struct buffer path;
    buffer_init(&path, PATH_BYTES_MAX);
    znode_path(&nodes->tree, node->znode, &path);
    java_text_print(out, buffer_slice(&path));
    buffer_release(&path);
}
