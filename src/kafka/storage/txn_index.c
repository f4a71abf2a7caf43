/* txn_index.c - see txn_index.h. */
#include "kafka/storage/txn_index.h"

#include "base/endian.h"

#define ENTRIES_A_READ 64

static void encode(const struct aborted_txn *txn, uint8_t entry[TXN_INDEX_ENTRY])
{
    store_be16(entry, 0);
    store_be64(entry + 2, (uint64_t)txn->producer_id);
    store_be64(entry + 10, (uint64_t)txn->first_offset);
    store_be64(entry + 18, (uint64_t)txn->last_offset);
    store_be64(entry + 26, (uint64_t)txn->last_stable_offset);
}

static bool decode(const uint8_t *entry, struct aborted_txn *txn)
{
    *txn = (struct aborted_txn){
        .producer_id = (int64_t)load_be64(entry + 2),
        .first_offset = (int64_t)load_be64(entry + 10),
        .last_offset = (int64_t)load_be64(entry + 18),
        .last_stable_offset = (int64_t)load_be64(entry + 26),
    };
    return load_be16(entry) == 0;
}

int txn_index_count(struct runtime *runtime, const char *path, uint32_t *count)
{
    struct path_info info;
    int error = path_stat(runtime, path, &info);
    *count = error == 0 ? (uint32_t)MIN(info.size / TXN_INDEX_ENTRY, UINT32_MAX) : 0;
    return error == ERR_NOT_FOUND ? 0 : error;
}

int txn_index_append(struct runtime *runtime,
                     const char *path,
                     uint32_t count,
                     const struct aborted_txn *txn)
{
    uint8_t entry[TXN_INDEX_ENTRY];
    struct file *file;
    int error = file_open(runtime, path, FILE_WRITE | FILE_CREATE, &file);
    if (error != 0) {
        return error;
    }
    encode(txn, entry);
    error = file_write(file, (uint64_t)count * TXN_INDEX_ENTRY, slice_of(entry, sizeof entry));
    int close_error = file_close(file);
    return error == 0 ? close_error : error;
}

static int read_entries(struct file *file,
                        bool (*each)(void *ctx, const struct aborted_txn *txn),
                        void *ctx)
{
    uint8_t entries[ENTRIES_A_READ * TXN_INDEX_ENTRY];
    int64_t last_offset = -1;
    for (uint64_t from = 0;;) {
        size_t got;
        int error = file_read(file, from, entries, sizeof entries, &got);
        if (error != 0) {
            return error;
        }
        size_t count = got / TXN_INDEX_ENTRY;
        for (size_t n = 0; n < count; n++) {
            struct aborted_txn txn;
            if (!decode(entries + n * TXN_INDEX_ENTRY, &txn) || txn.last_offset <= last_offset) {
                return ERR_CORRUPT;
            }
            last_offset = txn.last_offset;
            if (!each(ctx, &txn)) {
                return 0;
            }
        }
        if (got < sizeof entries) {
            return 0;
        }
        from += count * TXN_INDEX_ENTRY;
    }
}

int txn_index_read(struct runtime *runtime,
                   const char *path,
                   bool (*each)(void *ctx, const struct aborted_txn *txn),
                   void *ctx)
{
    struct file *file;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error == ERR_NOT_FOUND ? 0 : error;
    }
    error = read_entries(file, each, ctx);
    file_close(file);
    return error;
}

struct count_below {
    int64_t offset;
    uint32_t count;
};

static bool count_below(void *ctx, const struct aborted_txn *txn)
{
    struct count_below *counting = ctx;
    if (txn->last_offset >= counting->offset) {
        return false;
    }
    counting->count += 1;
    return true;
}

int txn_index_truncate(struct runtime *runtime, const char *path, int64_t offset, uint32_t *count)
{
    struct file *file;
    struct count_below counting = {.offset = offset};
    *count = 0;
    int error = file_open(runtime, path, FILE_READ | FILE_WRITE, &file);
    if (error != 0) {
        return error == ERR_NOT_FOUND ? 0 : error;
    }
    error = read_entries(file, count_below, &counting);
    /* What cannot be read stands behind what was counted, and goes as well. */
    if (error == 0 || error == ERR_CORRUPT) {
        error = file_resize(file, (uint64_t)counting.count * TXN_INDEX_ENTRY);
    }
    int close_error = file_close(file);
    *count = counting.count;
    return error == 0 ? close_error : error;
}
