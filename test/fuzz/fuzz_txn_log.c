/* fuzz_txn_log.c - any bytes as a transaction log.
 *
 * Entries whose checksum is wrong are decoded and applied all the same, as if it were right: a
 * fuzzer does not find checksums, but whoever can write the file can make them.
 */
#include "support_memory_file.h"
#include "zookeeper/core/tree.h"
#include "zookeeper/storage/txn_log.h"

#define ARENA_CHUNK ((size_t)64 << 10)
#define ARENA_BYTES_MAX ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct replay {
    struct tree tree;
    struct arena arena;
    struct buffer encoded;
};

/* What was decoded can be written again, and reads the same then. */
static void check_encoding(struct replay *replay, const struct txn *txn)
{
    struct txn again;
    buffer_clear(&replay->encoded, ARENA_CHUNK);
    txn_encode(txn, &replay->encoded);
    int error = txn_decode(buffer_slice(&replay->encoded), &replay->arena, &again);
    ASSERT(error == 0 && again.header.zxid == txn->header.zxid &&
           again.header.type == txn->header.type && again.has_digest == txn->has_digest);
}

static void apply(struct replay *replay, struct slice payload)
{
    struct txn txn;
    struct tree_result result;
    arena_clear(&replay->arena);
    if (txn_decode(payload, &replay->arena, &txn) != 0) {
        return;
    }
    check_encoding(replay, &txn);
    tree_apply(&replay->tree, &txn, payload.ptr[0] % 2 == 0 ? &result : NULL);
    ASSERT(replay->tree.last_processed_zxid >= txn.header.zxid);
}

static void read_log(struct replay *replay, struct txn_log_reader *reader)
{
    int error;
    do {
        struct slice payload;
        int64_t stored;
        uint64_t offset = reader->offset;
        error = txn_log_reader_next(reader, &payload, &stored);
        if (error == ERR_CHECKSUM || error == ERR_TRUNCATED) {
            bool has_more = txn_log_reader_valid_behind(reader, 1);
            ASSERT(!has_more || reader->size > offset + TXN_LOG_ENTRY_OVERHEAD);
            ASSERT(reader->offset == offset);
            if (!slice_is_null(payload)) {
                /* The search has moved the window: the payload is to be read again. */
                int again = txn_log_reader_next(reader, &payload, &stored);
                ASSERT(again == error);
                apply(replay, payload);
                txn_log_reader_skip(reader, payload);
                error = 0;
            }
        } else if (error == 0) {
            ASSERT(reader->offset > offset && txn_log_checksum(payload) == stored);
            apply(replay, payload);
        }
    } while (error == 0);
    ASSERT(error == ERR_END || error == ERR_CHECKSUM || error == ERR_TRUNCATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct txn_log_reader reader;
    struct replay replay;
    char name[16];
    struct tree_config config = {.digest_enabled = size % 2 == 0, .extended_types_enabled = true};
    memory_file_make(slice_of(data, size), name);
    int error = txn_log_reader_open(&reader, fuzz_runtime(), MEMORY_FILE_FOLDER, name);
    if (error == 0) {
        tree_init(&replay.tree, &config);
        arena_init(&replay.arena, ARENA_CHUNK, ARENA_BYTES_MAX);
        buffer_init(&replay.encoded, ARENA_BYTES_MAX);
        read_log(&replay, &reader);
        tree_check(&replay.tree);
        buffer_release(&replay.encoded);
        arena_release(&replay.arena);
        tree_release(&replay.tree);
        txn_log_reader_close(&reader);
    }
    ASSERT(error == 0 || error == ERR_END || error == ERR_CORRUPT);
    memory_file_remove();
    return 0;
}
