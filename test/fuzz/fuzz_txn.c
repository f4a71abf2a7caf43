/* fuzz_txn.c - any bytes as a log: transactions behind their lengths (int32), applied to a tree
 * that must stay sound, some of them while a snapshot runs. */
#include "zookeeper/core/tree_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_BYTES ((size_t)1 << 26)
#define CHECK_EVERY 16

static const struct tree_config config = {.hash_key = {1, 2},
                                          .digest_enabled = true,
                                          .extended_types_enabled = true};

static void apply(struct tree *tree, struct arena *arena, struct slice bytes, bool is_replay)
{
    struct txn txn;
    struct tree_result result;
    arena_clear(arena);
    if (txn_decode(bytes, arena, &txn) == 0) {
        tree_apply(tree, &txn, is_replay ? NULL : &result);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree tree;
    struct arena arena;
    struct buffer body;
    struct tree_snapshot *snapshot = NULL;
    tree_init(&tree, &config);
    arena_init(&arena, 4096, ARENA_BYTES);
    buffer_init(&body, SIZE_MAX);
    uint32_t count = 0;
    for (size_t at = 0; size - at >= 4; count++) {
        uint32_t len = load_be32(data + at);
        len = (uint32_t)MIN((size_t)len, size - at - 4);
        apply(&tree, &arena, slice_of(data + at + 4, len), count % 3 == 2);
        at += 4 + len;
        if (count % CHECK_EVERY == 3) {
            snapshot = tree_snapshot_begin(&tree, &body);
        } else if (snapshot != NULL && count % CHECK_EVERY == 12) {
            tree_snapshot_end(snapshot);
            snapshot = NULL;
            tree_check(&tree);
        } else if (snapshot != NULL) {
            tree_snapshot_step(snapshot, 100);
        }
    }
    if (snapshot != NULL) {
        tree_snapshot_end(snapshot);
    }
    tree_check(&tree);
    tree_release(&tree);
    arena_release(&arena);
    buffer_release(&body);
    return 0;
}
