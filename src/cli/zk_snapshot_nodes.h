/* zk_snapshot_nodes.h - a snapshot file read for the tools that show it: every node, in order, with
 * sums of what is below.
 *
 * Apache's tools print nodes in the order of their hash tables; ours in the order of names, so that
 * two outputs can be compared.
 */
#ifndef CLI_ZK_SNAPSHOT_NODES_H
#define CLI_ZK_SNAPSHOT_NODES_H

#include "zookeeper/storage/snapshot_file.h"

struct snapshot_node {
    const struct znode *znode;
    size_t parent;  /* index; the root's is its own */
    uint32_t depth; /* of the root: 0 */
    uint64_t child_count;
    uint64_t data_bytes;
    uint64_t descendant_count;
    uint64_t descendant_bytes; /* data of the node and of all below it */
};

struct snapshot_nodes {
    struct tree tree;
    struct snapshot_info info;
    /* a node stands before its children, children by the bytes of their names; [0] is the root */
    struct snapshot_node *nodes;
    size_t count;
};

/* Opens any file: its name gives the zxid ("snapshot.1f", else -1) and the compression (.gz,
 * .snappy). A file of which only the seal behind the tree is damaged is taken, with a warning on
 * stderr: these tools are for looking at such files. Else an error, with the sentence in *message;
 * there is nothing to release then. */
NODISCARD int snapshot_nodes_load(struct snapshot_nodes *nodes,
                                  struct runtime *runtime,
                                  const char *path,
                                  struct errmsg *message);
void snapshot_nodes_release(struct snapshot_nodes *nodes);

/* Orders the nodes and adds them up; loading does not, since it is measured by itself. */
void snapshot_nodes_index(struct snapshot_nodes *nodes);

/* Appends the node's path as Java prints it. The root is `root`. */
void snapshot_node_path(const struct snapshot_nodes *nodes,
                        const struct snapshot_node *node,
                        const char *root,
                        struct buffer *out);

#endif
