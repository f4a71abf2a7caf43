/* zk_snapshot_comparer.c - zkSnapshotComparer.sh: which nodes of two snapshots differ in size or in
 * number of descendants.
 *
 * Usage: zkSnapshotComparer -l left -r right -b bytes -n nodes [-d] [-i] Both trees are compared
 * level by level, nodes in the order of Java's strings. -d says what is passed over too, -i asks
 * which level or which node's children to show. Source: SnapshotComparer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/command_line.h"
#include "cli/java_format.h"
#include "cli/offline_tool.h"
#include "cli/tool.h"
#include "cli/zk_snapshot_nodes.h"
#include "cli/zookeeper_server.h"

#define LABEL_BYTES_MAX ((size_t)1 << 40)
#define NS_PER_S 1e9

static const struct command_option options[] = {
    {'l', "left", true, true},  {'r', "right", true, true},   {'b', "bytes", true, true},
    {'n', "nodes", true, true}, {'d', "debug", false, false}, {'i', "interactive", false, false},
};

static const char usage[] =
    "usage: java -cp <classPath> org.apache.zookeeper.server.SnapshotComparer\n"
    " -b,--bytes <BYTETHRESHOLD>   (Required) The node data delta size threshold, in bytes, for "
    "printing the node.\n"
    " -d,--debug                   Use debug output.\n"
    " -i,--interactive             Enter interactive mode.\n"
    " -l,--left <LEFT>             (Required) The left snapshot file.\n"
    " -n,--nodes <NODETHRESHOLD>   (Required) The descendant node delta size threshold, in nodes, "
    "for printing the node.\n"
    " -r,--right <RIGHT>           (Required) The right snapshot file.\n";

/* A node of one side, with its path ("" is the root). */
struct entry {
    struct slice label;
    uint32_t depth;
    size_t parent; /* index of the parent's node */
    const struct snapshot_node *node;
};

struct side {
    struct snapshot_nodes nodes;
    struct buffer labels;
    struct entry *entries; /* by depth, then by label */
    uint32_t depth_count;
    size_t *depth_first; /* depth_count + 1 of them: where a depth begins */
};

struct comparer {
    const char *tool;
    struct runtime *runtime;
    struct side left;
    struct side right;
    int32_t byte_threshold;
    int32_t node_threshold;
    bool is_debug;
    bool is_interactive;
};

/* ---- one side -------------------------------------------------------------------------------- */

/* As String.compareTo: by UTF-16 units, where characters beyond U+FFFF come before U+E000. */
static int compare_labels(struct slice a, struct slice b)
{
    size_t len = MIN(a.len, b.len);
    size_t i = 0;
    while (i < len && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    if (i == len) {
        return slice_compare(a, b);
    }
    bool is_a_pair = a.ptr[i] >= 0xf0;
    bool is_b_pair = b.ptr[i] >= 0xf0;
    if (is_a_pair != is_b_pair && a.ptr[i] >= 0xee && b.ptr[i] >= 0xee) {
        return is_a_pair ? -1 : 1;
    }
    return a.ptr[i] < b.ptr[i] ? -1 : 1;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    if (left->depth != right->depth) {
        return left->depth < right->depth ? -1 : 1;
    }
    return compare_labels(left->label, right->label);
}

static void side_index(struct side *side)
{
    size_t count;
    snapshot_nodes_index(&side->nodes);
    count = side->nodes.count;
    side->entries = mem_alloc_zeroed(count * sizeof side->entries[0]);
    buffer_init(&side->labels, LABEL_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &side->entries[i];
        size_t from = side->labels.len;
        entry->node = &side->nodes.nodes[i];
        entry->depth = entry->node->depth;
        entry->parent = entry->node->parent;
        snapshot_node_path(&side->nodes, entry->node, "", &side->labels);
        entry->label.len = side->labels.len - from;
        side->depth_count = MAX(side->depth_count, entry->depth + 1);
    }
    const uint8_t *label = side->labels.data;
    for (size_t i = 0; i < count; i++) {
        side->entries[i].label.ptr = label;
        label += side->entries[i].label.len;
    }
    qsort(side->entries, count, sizeof side->entries[0], compare_entries);
    side->depth_first = mem_alloc_zeroed((side->depth_count + (size_t)1) *
                                         sizeof side->depth_first[0]);
    for (size_t i = 0; i < count; i++) {
        side->depth_first[side->entries[i].depth + 1] = i + 1;
    }
}

static void side_release(struct side *side)
{
    mem_free(side->entries, side->nodes.count * sizeof side->entries[0]);
    mem_free(side->depth_first, (side->depth_count + (size_t)1) * sizeof side->depth_first[0]);
    buffer_release(&side->labels);
    snapshot_nodes_release(&side->nodes);
}

static double seconds_since(struct runtime *runtime, uint64_t begin_ns)
{
    return (double)(runtime_now_ns(runtime) - begin_ns) / NS_PER_S;
}

static int side_load(struct side *side, struct comparer *comparer, const char *path)
{
    struct errmsg message;
    const char *slash = strrchr(path, '/');
    uint64_t begin_ns = runtime_now_ns(comparer->runtime);
    if (snapshot_nodes_load(&side->nodes, comparer->runtime, path, &message) != 0) {
        return offline_tool_fail(comparer->tool, "%s", message.text);
    }
    printf("Deserialized snapshot in %s in %f seconds\n", slash == NULL ? path : slash + 1,
           seconds_since(comparer->runtime, begin_ns));
    begin_ns = runtime_now_ns(comparer->runtime);
    side_index(side);
    printf("Processed data tree in %f seconds\n", seconds_since(comparer->runtime, begin_ns));
    return 0;
}

static void side_print(const struct side *side)
{
    printf("Node count: %zu\n", side->nodes.count);
    printf("Total size: %" PRIu64 "\n", side->nodes.nodes[0].descendant_bytes);
    printf("Max depth: %" PRIu32 "\n", side->depth_count);
    for (uint32_t i = 0; i < side->depth_count; i++) {
        printf("Count of nodes at depth %" PRIu32 ": %zu\n", i,
               side->depth_first[i + 1] - side->depth_first[i]);
    }
    printf("\n");
}

/* ---- comparing two lists --------------------------------------------------------------------- */

/* Entries [at, end) of a side; with `parent` only those whose parent it is. */
struct cursor {
    const struct side *side;
    size_t at;
    size_t end;
    bool is_of_parent;
    size_t parent;
};

static const struct entry *cursor_entry(struct cursor *cursor)
{
    while (cursor->at < cursor->end && cursor->is_of_parent &&
           (cursor->side->entries[cursor->at].parent != cursor->parent ||
            cursor->side->entries[cursor->at].depth == 0)) {
        cursor->at++;
    }
    return cursor->at < cursor->end ? &cursor->side->entries[cursor->at] : NULL;
}

static struct cursor cursor_at_depth(const struct side *side, uint32_t depth)
{
    struct cursor cursor = {.side = side};
    if (depth < side->depth_count) {
        cursor.at = side->depth_first[depth];
        cursor.end = side->depth_first[depth + 1];
    }
    return cursor;
}

static struct cursor cursor_below(const struct side *side, const struct entry *parent)
{
    struct cursor cursor = {.side = side};
    if (parent != NULL) {
        cursor = cursor_at_depth(side, parent->depth + 1);
        cursor.is_of_parent = true;
        cursor.parent = (size_t)(parent->node - side->nodes.nodes);
    }
    return cursor;
}

static void print_label(const char *before, struct slice label, const char *behind)
{
    fputs(before, stdout);
    fwrite(label.ptr, 1, label.len, stdout);
    fputs(behind, stdout);
}

static void print_one(const struct comparer *comparer, const struct entry *entry, const char *which)
{
    ASSERT(entry != NULL);
    uint64_t bytes = entry->node->descendant_bytes;
    uint64_t count = entry->node->descendant_count;
    if ((int64_t)bytes > comparer->byte_threshold || (int64_t)count > comparer->node_threshold) {
        print_label("Node ", entry->label, "");
        printf(" found only in %s tree. Descendant size: %" PRIu64 ". Descendant count: %" PRIu64
               "\n",
               which, bytes, count);
    } else if (comparer->is_debug || comparer->is_interactive) {
        printf("Filtered %s node ", which);
        print_label("", entry->label, "");
        printf(" of size %" PRIu64 "\n", bytes);
    }
}

static void print_both(const struct comparer *comparer,
                       const struct entry *left,
                       const struct entry *right)
{
    ASSERT(left != NULL && right != NULL);
    int64_t bytes = (int64_t)(right->node->descendant_bytes - left->node->descendant_bytes);
    int64_t count = (int64_t)(right->node->descendant_count - left->node->descendant_count);
    if (llabs(bytes) > comparer->byte_threshold || llabs(count) > comparer->node_threshold) {
        print_label("Node ", left->label, "");
        printf(" found in both trees. Delta: %" PRId64 " bytes, %" PRId64 " descendants\n", bytes,
               count);
    } else if (comparer->is_debug || comparer->is_interactive) {
        print_label("Filtered node ", left->label, "");
        printf(" of left size %" PRIu64 ", right size %" PRIu64 "\n", left->node->descendant_bytes,
               right->node->descendant_bytes);
    }
}

static int compare_heads(const struct comparer *comparer,
                         const struct entry *left,
                         const struct entry *right)
{
    if (left == NULL || right == NULL) {
        return left == NULL ? 1 : -1;
    }
    int order = compare_labels(left->label, right->label);
    if (comparer->is_debug) {
        print_label("Comparing ", left->label, " to ");
        print_label("", right->label,
                    order < 0   ? "\nleft is less\n"
                    : order > 0 ? "\nright is less\n"
                                : "\nsame\n");
    }
    return order;
}

static void compare_lists(const struct comparer *comparer, struct cursor left, struct cursor right)
{
    for (;;) {
        const struct entry *left_entry = cursor_entry(&left);
        const struct entry *right_entry = cursor_entry(&right);
        if (left_entry == NULL && right_entry == NULL) {
            return;
        }
        int order = compare_heads(comparer, left_entry, right_entry);
        if (order < 0) {
            print_one(comparer, left_entry, "left");
        } else if (order > 0) {
            print_one(comparer, right_entry, "right");
        } else {
            print_both(comparer, left_entry, right_entry);
        }
        left.at += order <= 0;
        right.at += order >= 0;
    }
}

static void compare_depth(const struct comparer *comparer, uint32_t depth)
{
    printf("Analysis for depth %" PRIu32 "\n", depth);
    compare_lists(comparer, cursor_at_depth(&comparer->left, depth),
                  cursor_at_depth(&comparer->right, depth));
}

/* ---- the conversation ------------------------------------------------------------------------ */

static const struct entry *side_find(const struct side *side, struct slice label)
{
    for (size_t i = 0; i < side->nodes.count; i++) {
        if (slice_equal(side->entries[i].label, label)) {
            return &side->entries[i];
        }
    }
    return NULL;
}

static void compare_children(const struct comparer *comparer, const char *path)
{
    const struct entry *left = side_find(&comparer->left, slice_of_cstr(path));
    const struct entry *right = side_find(&comparer->right, slice_of_cstr(path));
    printf("Analysis for node %s\n", path);
    if (left == NULL && right == NULL) {
        printf("Path %s is neither found in left tree nor right tree.\n", path);
        return;
    }
    compare_lists(comparer, cursor_below(&comparer->left, left),
                  cursor_below(&comparer->right, right));
}

static void print_thresholds(const struct comparer *comparer)
{
    printf("Printing analysis for nodes difference larger than %" PRId32
           " bytes or node count difference larger than %" PRId32 ".\n",
           comparer->byte_threshold, comparer->node_threshold);
}

/* What one line of input asks for; the depth to go on with. */
static uint32_t answer(const struct comparer *comparer,
                       const char *input,
                       uint32_t depth,
                       uint32_t depth_count)
{
    int32_t wanted;
    if (input[0] == '\0') {
        compare_depth(comparer, depth++);
    } else if (input[0] == '/') {
        compare_children(comparer, input);
    } else if (!java_parse_int(input, &wanted)) {
        printf("Input %s is not valid. Depth must be in range [0, %" PRIu32
               "]. Path must be an absolute path which starts with '/'.\n",
               input, depth_count - 1);
    } else if (wanted < 0 || (uint32_t)wanted >= depth_count) {
        printf("Depth must be in range [0, %" PRIu32 "]\n", depth_count - 1);
        return depth; /* without the empty line below */
    } else {
        depth = (uint32_t)wanted;
        compare_depth(comparer, depth);
    }
    printf("\n");
    return depth;
}

static int converse(const struct comparer *comparer, uint32_t depth_count)
{
    uint32_t depth = 0;
    char *input = NULL;
    size_t cap = 0;
    int exit_code = EXIT_OK;
    while (depth < depth_count) {
        printf("Current depth is %" PRIu32 "\n", depth);
        printf("- Press enter to move to print current depth layer;\n"
               "- Type a number to jump to and print all nodes at a given depth;\n"
               "- Enter an ABSOLUTE path to print the immediate subtree of a node. Path must start "
               "with '/'.\n");
        fflush(stdout);
        ssize_t len = getline(&input, &cap, stdin);
        if (len < 0) {
            exit_code = offline_tool_fail(comparer->tool,
                                          "standard input ended before the last depth was printed");
            break;
        }
        input[strcspn(input, "\r\n")] = '\0';
        print_thresholds(comparer);
        depth = answer(comparer, input, depth, depth_count);
    }
    free(input);
    return exit_code;
}

static int compare(const struct comparer *comparer)
{
    uint32_t depth_count = MAX(comparer->left.depth_count, comparer->right.depth_count);
    int exit_code = EXIT_OK;
    if (comparer->is_interactive) {
        exit_code = converse(comparer, depth_count);
    } else {
        print_thresholds(comparer);
        for (uint32_t depth = 0; depth < depth_count; depth++) {
            compare_depth(comparer, depth);
        }
    }
    if (exit_code == EXIT_OK) {
        printf("All layers compared.\n");
    }
    return exit_code;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static int load_and_compare(struct comparer *comparer, const struct command_line *line)
{
    int exit_code = side_load(&comparer->left, comparer, command_line_value(line, 'l'));
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = side_load(&comparer->right, comparer, command_line_value(line, 'r'));
    if (exit_code == 0) {
        side_print(&comparer->left);
        side_print(&comparer->right);
        exit_code = compare(comparer);
        side_release(&comparer->right);
    }
    side_release(&comparer->left);
    return exit_code;
}

int tool_zk_snapshot_comparer(int argc, char **argv)
{
    static struct comparer comparer;
    struct command_line line;
    if (command_line_parse(&line, options, ARRAY_LEN(options), argc, argv) != 0) {
        fprintf(stderr, "%s\n", line.error);
        fputs(usage, stdout);
        return EXIT_INVOCATION;
    }
    comparer.tool = argv[0];
    if (!java_parse_int(command_line_value(&line, 'b'), &comparer.byte_threshold)) {
        return offline_tool_fail(argv[0], "-b %s: not a number", command_line_value(&line, 'b'));
    }
    if (!java_parse_int(command_line_value(&line, 'n'), &comparer.node_threshold)) {
        return offline_tool_fail(argv[0], "-n %s: not a number", command_line_value(&line, 'n'));
    }
    comparer.is_debug = command_line_has(&line, 'd');
    comparer.is_interactive = command_line_has(&line, 'i');
    int exit_code = offline_tool_begin(&comparer.runtime);
    if (exit_code != 0) {
        return exit_code;
    }
    printf("Successfully parsed options!\n");
    return offline_tool_end(comparer.runtime, load_and_compare(&comparer, &line));
}
