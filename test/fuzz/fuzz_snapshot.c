/* fuzz_snapshot.c - any bytes as a snapshot, plain or compressed as their first bytes say.
 *
 * What loads is written again and must load to an equal tree. Bytes that begin with "TAIL" are what
 * stands behind the body of an empty tree, its first seal made right: no fuzzer finds it.
 */
#include <zlib.h>

#include "support_memory_file.h"
#include "zookeeper/storage/snapshot_file.h"

#define BODY_BYTES_MAX ((size_t)1 << 30)
#define STEP_BYTES 4096
#define TREE_BYTES_MAX ((int64_t)64 << 20) /* larger trees are not written again */
#define HEADER_BYTES 16
#define SEAL_BYTES 13
#define SNAPSHOT_MAGIC 0x5a4b534e
#define TAIL SLICE_LIT("TAIL")
#define GZIP_MAGIC SLICE_LIT("\x1f\x8b")
#define SNAPPY_MAGIC SLICE_LIT("\x82SNAPPY")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tree_config config = {.digest_enabled = true, .extended_types_enabled = true};

static void append_file(struct tree *tree, struct buffer *out)
{
    buffer_append_be32(out, SNAPSHOT_MAGIC);
    buffer_append_be32(out, 2);
    buffer_append_be64(out, UINT64_MAX);
    struct tree_snapshot *snapshot = tree_snapshot_begin(tree, out);
    while (!tree_snapshot_step(snapshot, STEP_BYTES)) {
    }
    tree_snapshot_end(snapshot);
    uint32_t sum = (uint32_t)adler32_z(1, out->data, out->len);
    buffer_append_be64(out, sum);
    buffer_append_be32(out, 1);
    buffer_append_u8(out, '/');
}

static int load(struct slice bytes,
                enum snapshot_compression compression,
                struct tree *tree,
                struct snapshot_info *info)
{
    struct data_file file = {.zxid = 1, .size = bytes.len, .compression = compression};
    struct errmsg message;
    memory_file_make(bytes, file.name);
    tree_init(tree, &config);
    bool is_whole = snapshot_file_check_ends(fuzz_runtime(), MEMORY_FILE_FOLDER, &file) == 0;
    int error = snapshot_file_load(fuzz_runtime(), MEMORY_FILE_FOLDER, &file, tree, info, &message);
    ASSERT(error != 0 || info->has_tree);
    ASSERT(error != 0 || is_whole || compression == SNAPSHOT_PLAIN);
    memory_file_remove();
    return error;
}

static void check_again(struct tree *tree)
{
    struct buffer file;
    struct tree again;
    struct snapshot_info info;
    buffer_init(&file, BODY_BYTES_MAX);
    append_file(tree, &file);
    int error = load(buffer_slice(&file), SNAPSHOT_PLAIN, &again, &info);
    ASSERT(error == 0);
    ASSERT(tree_digest(tree) == tree_digest(&again));
    tree_release(&again);
    buffer_release(&file);
}

static void load_tail(struct slice tail)
{
    struct buffer file;
    struct tree tree;
    struct snapshot_info info;
    buffer_init(&file, BODY_BYTES_MAX);
    tree_init(&tree, &config);
    append_file(&tree, &file);
    tree_release(&tree);
    buffer_append(&file, tail);
    int error = load(buffer_slice(&file), SNAPSHOT_PLAIN, &tree, &info);
    ASSERT(error == 0 || tail.len > 0);
    ASSERT(info.has_tree);
    tree_check(&tree);
    tree_release(&tree);
    buffer_release(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    enum snapshot_compression compression = SNAPSHOT_PLAIN;
    struct tree tree;
    struct snapshot_info info;
    if (slice_starts_with(bytes, TAIL)) {
        load_tail(slice_part(bytes, TAIL.len, bytes.len));
        return 0;
    }
    if (slice_starts_with(bytes, GZIP_MAGIC)) {
        compression = SNAPSHOT_GZIP;
    } else if (slice_starts_with(bytes, SNAPPY_MAGIC)) {
        compression = SNAPSHOT_SNAPPY;
    }
    int error = load(bytes, compression, &tree, &info);
    if (error == 0 || info.has_tree) {
        tree_check(&tree);
        if (tree.approximate_data_size < TREE_BYTES_MAX) {
            check_again(&tree);
        }
    }
    tree_release(&tree);
    return 0;
}
