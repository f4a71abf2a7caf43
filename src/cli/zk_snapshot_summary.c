/* zk_snapshot_summary.c - zkSnapshotRecursiveSummaryToolkit.sh: how many nodes and bytes there are
 * below each node that has children.
 *
 * Usage: zkSnapshotRecursiveSummaryToolkit snapshot_file starting_node max_depth. Source:
 * SnapshotRecursiveSummary.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/java_format.h"
#include "cli/offline_tool.h"
#include "cli/tool.h"
#include "cli/zk_snapshot_nodes.h"
#include "cli/zookeeper_server.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)

static const char usage[] =
    "USAGE:\n\n\n"
    "SnapshotRecursiveSummary  <snapshot_file>  <starting_node>  <max_depth>\n\n\n"
    "snapshot_file:    path to the zookeeper snapshot\n"
    "starting_node:    the path in the zookeeper tree where the traversal should begin\n"
    "max_depth:        defines the depth where the tool still writes to the output. "
    "0 means there is no depth limit, every non-leaf node's stats will be displayed, "
    "1 means it will only contain the starting node's and it's children's stats, "
    "2 ads another level and so on. This ONLY affects the level of details displayed, "
    "NOT the calculation.\n";

static void append_indent(struct buffer *text, uint32_t level)
{
    for (uint32_t i = 0; i < level; i++) {
        buffer_append_cstr(text, "--");
    }
}

static void print_node(const struct snapshot_nodes *nodes,
                       const struct snapshot_node *node,
                       uint32_t level,
                       const char *root,
                       struct buffer *text)
{
    append_indent(text, level);
    buffer_append_u8(text, ' ');
    snapshot_node_path(nodes, node, root, text);
    buffer_append_u8(text, '\n');
    append_indent(text, level);
    buffer_append_cstr(text, "   children: ");
    buffer_append_unsigned(text, node->descendant_count);
    buffer_append_u8(text, '\n');
    append_indent(text, level);
    buffer_append_cstr(text, "   data: ");
    buffer_append_unsigned(text, node->descendant_bytes);
    buffer_append_u8(text, '\n');
    fwrite(text->data, 1, text->len, stdout);
    text->len = 0;
}

static void print_summary(const struct snapshot_nodes *nodes,
                          const struct znode *start,
                          const char *start_path,
                          int32_t max_depth)
{
    struct buffer text;
    size_t first = 0;
    while (nodes->nodes[first].znode != start) {
        first++;
    }
    buffer_init(&text, TEXT_BYTES_MAX);
    size_t end = first + 1 + (size_t)nodes->nodes[first].descendant_count;
    for (size_t i = first; i < end; i++) {
        const struct snapshot_node *node = &nodes->nodes[i];
        uint32_t level = node->depth - nodes->nodes[first].depth;
        if (node->child_count > 0 && (max_depth == 0 || (int64_t)level <= max_depth)) {
            print_node(nodes, node, level, start_path, &text);
        }
    }
    printf("\n");
    buffer_release(&text);
}

static int run(struct runtime *runtime, char **argv, int32_t max_depth)
{
    struct snapshot_nodes nodes;
    struct errmsg message;
    int exit_code = EXIT_OK;
    if (snapshot_nodes_load(&nodes, runtime, argv[1], &message) != 0) {
        return offline_tool_fail(argv[0], "%s", message.text);
    }
    snapshot_nodes_index(&nodes);
    const struct znode *start = tree_find(&nodes.tree, slice_of_cstr(argv[2]));
    if (start == NULL) {
        exit_code = offline_tool_fail(argv[0],
                                      "%s has no node %s; zkSnapShotToolkit.sh lists those it has",
                                      argv[1], argv[2]);
    } else {
        print_summary(&nodes, start, argv[2], max_depth);
    }
    snapshot_nodes_release(&nodes);
    return exit_code;
}

int tool_zk_snapshot_summary(int argc, char **argv)
{
    struct runtime *runtime;
    int32_t max_depth;
    if (argc != 4 || !java_parse_int(argv[3], &max_depth)) {
        fputs(usage, stderr);
        return EXIT_INVOCATION;
    }
    int exit_code = offline_tool_begin(&runtime);
    if (exit_code != 0) {
        return exit_code;
    }
    return offline_tool_end(runtime, run(runtime, argv, max_depth));
}
