/* txn_log.c - see txn_log.h.
 *
 * The reader keeps a window of the file in memory and hands out payloads from it without copying.
 * Nothing in the file is trusted: a length is compared with the rest of the file and with
 * TXN_LOG_PAYLOAD_MAX before it is used.
 */
#include "zookeeper/storage/txn_log.h"

#include <isa-l/igzip_lib.h>

#include "base/endian.h"
#include "base/memory.h"

#define WINDOW_BYTES ((size_t)1 << 20)
#define TXN_HEADER_BYTES 32 /* clientId 8, cxid 4, zxid 8, time 8, type 4 */
#define TXN_HEADER_ZXID_OFFSET 12
#define ENTRY_HEAD_BYTES 12 /* checksum 8, length 4 */
#define EPOCH_OF(zxid) ((uint64_t)(zxid) >> 32)

uint32_t txn_log_checksum(struct slice payload)
{
    return isal_adler32(1, payload.ptr, payload.len);
}

int64_t txn_log_payload_zxid(struct slice payload)
{
    return payload.len < TXN_HEADER_BYTES
               ? 0
               : (int64_t)load_be64(payload.ptr + TXN_HEADER_ZXID_OFFSET);
}

bool txn_log_zxid_may_follow(int64_t last, int64_t zxid)
{
    return zxid == last + 1 || (EPOCH_OF(zxid) > EPOCH_OF(last) && (uint32_t)zxid == 1);
}

/* Makes [offset, offset + len) available; the caller knows that it lies inside the file. */
static int window_fill(struct txn_log_reader *reader,
                       uint64_t offset,
                       size_t len,
                       const uint8_t **bytes)
{
    if (offset >= reader->window_start &&
        offset + len <= reader->window_start + reader->window_len) {
        *bytes = reader->window + (offset - reader->window_start);
        return 0;
    }
    size_t wanted = MAX(len, WINDOW_BYTES);
    if (wanted > reader->window_cap) {
        reader->window = mem_realloc(reader->window, reader->window_cap, wanted);
        reader->window_cap = wanted;
    }
    size_t got = 0;
    reader->window_len = 0;
    reader->window_start = offset;
    int error = file_read(reader->file, offset, reader->window, wanted, &got);
    if (error != 0) {
        return error;
    }
    reader->window_len = got;
    if (got < len) {
        return ERR_TRUNCATED;
    }
    *bytes = reader->window;
    return 0;
}

int txn_log_reader_open(struct txn_log_reader *reader,
                        struct runtime *runtime,
                        const char *folder,
                        const char *name)
{
    char path[PATH_TEXT_MAX];
    *reader = (struct txn_log_reader){0};
    ASSERT(strlen(name) < DATA_FILE_NAME_MAX);
    memcpy(reader->name, name, strlen(name) + 1);
    data_dir_join(path, folder, name);
    int error = file_open(runtime, path, FILE_READ, &reader->file);
    if (error != 0) {
        return error;
    }
    error = file_size(reader->file, &reader->size);
    const uint8_t *head = NULL;
    if (error == 0 && reader->size < TXN_LOG_HEADER_BYTES) {
        error = ERR_END;
    }
    if (error == 0) {
        error = window_fill(reader, 0, TXN_LOG_HEADER_BYTES, &head);
    }
    if (error == 0) {
        reader->magic = load_be32(head);
        reader->version = load_be32(head + 4);
        reader->dbid = (int64_t)load_be64(head + 8);
        if (reader->magic == 0 && reader->version == 0) {
            error = ERR_END; /* space was prepared, the header never reached the disk: nothing was
                                acknowledged */
        } else if (reader->magic != TXN_LOG_MAGIC || reader->version != TXN_LOG_VERSION) {
            error = ERR_CORRUPT;
        }
    }
    if (error != 0) {
        txn_log_reader_close(reader);
        return error;
    }
    reader->offset = TXN_LOG_HEADER_BYTES;
    return 0;
}

void txn_log_reader_close(struct txn_log_reader *reader)
{
    mem_free(reader->window, reader->window_cap);
    reader->window = NULL;
    reader->window_cap = 0;
    if (reader->file != NULL) {
        file_close(reader->file);
        reader->file = NULL;
    }
}

static int entry_at(struct txn_log_reader *reader,
                    uint64_t offset,
                    struct slice *payload,
                    int64_t *stored)
{
    const uint8_t *head;
    uint64_t left = reader->size - offset;
    *payload = SLICE_NULL;
    if (left < ENTRY_HEAD_BYTES) {
        return ERR_END;
    }
    int error = window_fill(reader, offset, ENTRY_HEAD_BYTES, &head);
    if (error != 0) {
        return error;
    }
    uint64_t checksum = load_be64(head);
    int32_t len = (int32_t)load_be32(head + 8);
    if (checksum == 0 && len == 0) {
        return ERR_END;
    }
    if (len <= 0 || len > (int32_t)TXN_LOG_PAYLOAD_MAX) {
        return ERR_CHECKSUM; /* Adler-32 is never 0, and a txn is never empty: these bytes are not
                                an entry */
    }
    if ((uint64_t)len + TXN_LOG_ENTRY_OVERHEAD > left) {
        return ERR_TRUNCATED;
    }
    error = window_fill(reader, offset, (size_t)len + TXN_LOG_ENTRY_OVERHEAD, &head);
    if (error != 0) {
        return error;
    }
    *payload = slice_of(head + ENTRY_HEAD_BYTES, (size_t)len);
    if (stored != NULL) {
        *stored = (int64_t)checksum;
    }
    if (head[ENTRY_HEAD_BYTES + len] != TXN_LOG_END_OF_ENTRY) {
        return ERR_TRUNCATED;
    }
    return checksum == txn_log_checksum(*payload) ? 0 : ERR_CHECKSUM;
}

int txn_log_reader_next(struct txn_log_reader *reader, struct slice *payload, int64_t *stored)
{
    int error = entry_at(reader, reader->offset, payload, stored);
    if (error == 0) {
        reader->offset += payload->len + TXN_LOG_ENTRY_OVERHEAD;
    }
    return error;
}

void txn_log_reader_skip(struct txn_log_reader *reader, struct slice payload)
{
    ASSERT(payload.len > 0 &&
           payload.len + TXN_LOG_ENTRY_OVERHEAD <= reader->size - reader->offset);
    reader->offset += payload.len + TXN_LOG_ENTRY_OVERHEAD;
}

bool txn_log_reader_valid_behind(struct txn_log_reader *reader, uint64_t distance)
{
    /* An entry may begin at any byte, so every byte is tried; the first byte of a checksum field is
     * zero (Adler-32 in 64 bits), and so are the next three, which keeps the search cheap over data
     * and lets it stop in the zeros behind the last entry. */
    uint64_t offset = reader->offset + distance;
    while (offset + ENTRY_HEAD_BYTES <= reader->size) {
        const uint8_t *head;
        struct slice payload;
        if (window_fill(reader, offset, ENTRY_HEAD_BYTES, &head) != 0) {
            return true; /* what cannot be read may be one: nothing is to be cut then */
        }
        bool may_be_entry = load_be32(head) == 0 && load_be32(head + 4) != 0;
        if (may_be_entry && entry_at(reader, offset, &payload, NULL) == 0 &&
            txn_log_payload_zxid(payload) > 0) {
            return true;
        }
        offset++;
    }
    return false;
}
