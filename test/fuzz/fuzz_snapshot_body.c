/* fuzz_snapshot_body.c - any bytes as the body of a snapshot. What loads is a sound tree, and what
 * a snapshot of that tree says is the same tree again. */
#include "zookeeper/core/tree_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STRING_MAX 65536

static const struct tree_config config = {.hash_key = {1, 2},
                                          .digest_enabled = true,
                                          .extended_types_enabled = true};

struct bytes_left {
    struct slice rest;
    size_t most; /* bytes per read */
};

static int read_bytes(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct bytes_left *left = ctx;
    *got = MIN(MIN(len, left->most), left->rest.len);
    if (*got > 0) {
        memcpy(bytes, left->rest.ptr, *got);
    }
    left->rest = slice_part(left->rest, *got, left->rest.len);
    return 0;
}

static int load(struct tree *tree, struct slice body, size_t most)
{
    struct bytes_left left = {body, most};
    struct tree_source source = {read_bytes, &left};
    struct slice ahead;
    tree_init(tree, &config);
    return tree_load(tree, &source, STRING_MAX, &ahead);
}

static void write_and_load(struct tree *tree)
{
    struct tree again;
    struct buffer body;
    buffer_init(&body, SIZE_MAX);
    struct tree_snapshot *snapshot = tree_snapshot_begin(tree, &body);
    while (!tree_snapshot_step(snapshot, 1000)) {
    }
    tree_snapshot_end(snapshot);
    int error = load(&again, buffer_slice(&body), SIZE_MAX);
    ASSERT(error == 0);
    ASSERT(tree_digest(&again) == tree_digest(tree) && again.digest == tree->digest);
    tree_release(&again);
    buffer_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree tree;
    size_t most = size > 0 ? 1 + (size_t)data[0] * 4 : 1;
    if (load(&tree, slice_of(data, size), most) == 0) {
        tree_check(&tree);
        write_and_load(&tree);
    }
    tree_release(&tree);
    return 0;
}
