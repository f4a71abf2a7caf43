/* snapshot_file.c - see snapshot_file.h.
 *
 * The Adler-32 runs over everything that passes, seals included, uncompressed; a seal writes the
 * value reached so far, before itself. Reading keeps the same sum over exactly the bytes that were
 * consumed: the tree's loader reads ahead, so the sum is wound back to the place where the body
 * ended.
 */
#include "zookeeper/storage/snapshot_file.h"

#include <inttypes.h>
#include <isa-l/igzip_lib.h>
#include <stdio.h>

#include "base/endian.h"
#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/storage/snapshot_stream.h"

#define SNAPSHOT_MAGIC 0x5a4b534e /* "ZKSN" */
#define SNAPSHOT_VERSION 2
#define SNAPSHOT_HEADER_BYTES 16
#define SEAL_BYTES 13 /* i64 sum, i32 length 1, '/' */

/* A node may be as large as a request; the extra room is jute.maxbuffer.extrasize's. */
#define SNAPSHOT_STRING_MAX ((size_t)128 << 20)

struct snapshot_writer {
    struct runtime *runtime;
    struct byte_sink *sink;
    struct snapshot_options options;
    int64_t zxid;
    uint32_t adler;
    char folder[DATA_DIR_PATH_MAX];
    char name[DATA_FILE_NAME_MAX];
};

static const char *compression_suffix(enum snapshot_compression compression)
{
    switch (compression) {
    case SNAPSHOT_PLAIN:
        return "";
    case SNAPSHOT_GZIP:
        return ".gz";
    case SNAPSHOT_SNAPPY:
        return ".snappy";
    }
    UNREACHABLE();
}

static void writer_paths(const struct snapshot_writer *writer, char *tmp, char *final)
{
    data_dir_join(final, writer->folder, writer->name);
    int len = snprintf(tmp, PATH_TEXT_MAX, "%s%s", final, DATA_TMP_SUFFIX);
    ASSERT(len > 0 && len < PATH_TEXT_MAX);
}

int snapshot_writer_open(struct runtime *runtime,
                         const char *folder,
                         int64_t zxid,
                         const struct snapshot_options *options,
                         struct snapshot_writer **result)
{
    char tmp[PATH_TEXT_MAX];
    char final[PATH_TEXT_MAX];
    uint8_t header[SNAPSHOT_HEADER_BYTES];
    struct file *file;
    struct snapshot_writer *writer = mem_alloc_zeroed(sizeof *writer);
    writer->runtime = runtime;
    writer->options = *options;
    writer->zxid = zxid;
    writer->adler = 1;
    snprintf(writer->folder, sizeof writer->folder, "%s", folder);
    snprintf(writer->name, sizeof writer->name, "snapshot.%" PRIx64 "%s", (uint64_t)zxid,
             compression_suffix(options->compression));
    writer_paths(writer, tmp, final);
    int error = file_open(runtime, tmp, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                          &file);
    if (error != 0) {
        mem_free(writer, sizeof *writer);
        return error;
    }
    writer->sink = byte_sink_open(file, options->compression);
    store_be32(header, SNAPSHOT_MAGIC);
    store_be32(header + 4, SNAPSHOT_VERSION);
    store_be64(header + 8, UINT64_MAX);
    error = snapshot_writer_append(writer, slice_of(header, sizeof header));
    if (error != 0) {
        snapshot_writer_abandon(writer);
        return error;
    }
    *result = writer;
    return 0;
}

int snapshot_writer_append(struct snapshot_writer *writer, struct slice bytes)
{
    writer->adler = isal_adler32(writer->adler, bytes.ptr, bytes.len);
    return byte_sink_write(writer->sink, bytes);
}

static int append_seal(struct snapshot_writer *writer)
{
    uint8_t seal[SEAL_BYTES];
    store_be64(seal, writer->adler);
    store_be32(seal + 8, 1);
    seal[12] = '/';
    return snapshot_writer_append(writer, slice_of(seal, sizeof seal));
}

static int append_tail(struct snapshot_writer *writer, uint64_t digest)
{
    int error = append_seal(writer);
    if (error == 0 && writer->options.write_digest) {
        uint8_t bytes[20];
        store_be64(bytes, (uint64_t)writer->zxid);
        store_be32(bytes + 8, TREE_DIGEST_VERSION);
        store_be64(bytes + 12, digest);
        error = snapshot_writer_append(writer, slice_of(bytes, sizeof bytes));
        if (error == 0) {
            error = append_seal(writer);
        }
    }
    if (error == 0 && writer->options.write_last_processed_zxid) {
        uint8_t bytes[8];
        store_be64(bytes, (uint64_t)writer->zxid);
        error = snapshot_writer_append(writer, slice_of(bytes, sizeof bytes));
        if (error == 0) {
            error = append_seal(writer);
        }
    }
    return error;
}

/* Whatever stays is removed when the folder is next opened (data_dir.c). */
static void remove_unfinished(struct runtime *runtime, const char *tmp)
{
    int error = path_remove(runtime, tmp);
    if (error != 0) {
        LOG("storage", LOG_WARN, "cannot remove the unfinished snapshot %s: %s", tmp,
            error_text(error));
    }
}

int snapshot_writer_finish(struct snapshot_writer *writer, uint64_t digest, uint64_t *size)
{
    char tmp[PATH_TEXT_MAX];
    char final[PATH_TEXT_MAX];
    int error = append_tail(writer, digest);
    if (error != 0) {
        snapshot_writer_abandon(writer);
        return error;
    }
    writer_paths(writer, tmp, final);
    error = byte_sink_finish(writer->sink, size);
    writer->sink = NULL;
    if (error == 0) {
        error = path_rename(writer->runtime, tmp, final);
    }
    if (error == 0) {
        error = directory_sync(writer->runtime, writer->folder);
    } else {
        remove_unfinished(writer->runtime, tmp);
    }
    mem_free(writer, sizeof *writer);
    return error;
}

void snapshot_writer_abandon(struct snapshot_writer *writer)
{
    char tmp[PATH_TEXT_MAX];
    char final[PATH_TEXT_MAX];
    writer_paths(writer, tmp, final);
    if (writer->sink != NULL) {
        byte_sink_abandon(writer->sink);
    }
    remove_unfinished(writer->runtime, tmp);
    mem_free(writer, sizeof *writer);
}

/* ---- reading
 * --------------------------------------------------------------------------------------------- */

/* The file as the tree's loader sees it, and the sum of what has been handed out. */
struct load {
    struct byte_source *source;
    uint32_t adler;
    struct slice ahead; /* handed out but not consumed by the loader */
};

#define ADLER_BASE 65521u

/* The sum without its last bytes: Adler-32 can be run backwards (a is the sum of the bytes, b the
 * sum of all values of a). */
static uint32_t adler_without(uint32_t adler, struct slice last)
{
    uint32_t a = adler & 0xffff;
    uint32_t b = adler >> 16;
    for (size_t i = last.len; i > 0; i--) {
        b = (b + ADLER_BASE - a) % ADLER_BASE;
        a = (a + ADLER_BASE - last.ptr[i - 1]) % ADLER_BASE;
    }
    return (b << 16) | a;
}

static int load_read(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct load *load = ctx;
    int error = byte_source_read(load->source, bytes, len, got);
    if (error != 0) {
        return error;
    }
    load->adler = isal_adler32(load->adler, bytes, *got);
    return 0;
}

/* The bytes behind the body: first those read ahead, then the stream's. */
static int tail_read(struct load *load, void *bytes, size_t len)
{
    uint8_t *at = bytes;
    size_t take = MIN(len, load->ahead.len);
    if (take > 0) {
        memcpy(at, load->ahead.ptr, take);
        load->ahead = slice_part(load->ahead, take, load->ahead.len);
    }
    size_t got = 0;
    if (take < len) {
        int error = byte_source_read(load->source, at + take, len - take, &got);
        if (error != 0) {
            return error;
        }
    }
    if (take + got == 0) {
        return ERR_END;
    }
    if (take + got < len) {
        return ERR_TRUNCATED;
    }
    return 0;
}

static int tail_read_summed(struct load *load, void *bytes, size_t len)
{
    int error = tail_read(load, bytes, len);
    if (error == 0) {
        load->adler = isal_adler32(load->adler, bytes, len);
    }
    return error;
}

static int check_seal(struct load *load)
{
    uint8_t seal[SEAL_BYTES];
    uint32_t expected = load->adler;
    int error = tail_read_summed(load, seal, sizeof seal);
    if (error != 0) {
        return error;
    }
    bool is_seal = load_be32(seal + 8) == 1 && seal[12] == '/';
    if (!is_seal) {
        return ERR_CORRUPT;
    }
    return load_be64(seal) == expected ? 0 : ERR_CHECKSUM;
}

/* What follows the first seal is optional and was added over time: digest (3.6), last zxid (3.9).
 * Both begin with a zxid; a digest block is 20 bytes and its version field says so, the other is 8.
 */
static int load_tail(struct load *load, struct snapshot_info *info)
{
    uint8_t bytes[20];
    int error = tail_read_summed(load, bytes, 8);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    uint32_t before = load->adler;
    uint8_t next[SEAL_BYTES];
    error = tail_read(load, next, 12);
    if (error != 0) {
        return error == ERR_END ? ERR_TRUNCATED : error;
    }
    bool is_last_zxid = load_be64(next) == before && load_be32(next + 8) == 1;
    if (is_last_zxid) {
        info->last_processed_zxid = (int64_t)load_be64(bytes);
        return tail_read(load, next + 12, 1) == 0 && next[12] == '/' ? 0 : ERR_CORRUPT;
    }
    info->digest_zxid = (int64_t)load_be64(bytes);
    info->digest_version = (int32_t)load_be32(next);
    info->digest = load_be64(next + 4);
    info->has_digest = info->digest_version == TREE_DIGEST_VERSION;
    if (info->digest_version < TREE_DIGEST_VERSION) {
        return 0; /* an older form (hex text): nothing behind it is needed, since that server wrote
                     no last zxid */
    }
    load->adler = isal_adler32(load->adler, next, 12);
    error = check_seal(load);
    if (error != 0) {
        return error;
    }
    error = tail_read_summed(load, bytes, 8);
    if (error != 0) {
        return error == ERR_END ? 0 : error;
    }
    error = check_seal(load);
    if (error == 0) {
        info->last_processed_zxid = (int64_t)load_be64(bytes);
    }
    return error;
}

static int load_body(struct load *load, struct tree *tree, struct snapshot_info *info)
{
    uint8_t header[SNAPSHOT_HEADER_BYTES];
    size_t got;
    int error = load_read(load, header, sizeof header, &got);
    if (error != 0) {
        return error;
    }
    if (got < sizeof header || load_be32(header) != SNAPSHOT_MAGIC ||
        load_be32(header + 4) != SNAPSHOT_VERSION) {
        return ERR_CORRUPT;
    }
    info->dbid = (int64_t)load_be64(header + 8);
    struct tree_source source = {.read = load_read, .ctx = load};
    error = tree_load(tree, &source, SNAPSHOT_STRING_MAX, &load->ahead);
    if (error != 0) {
        return error;
    }
    info->has_tree = true;
    load->adler = adler_without(load->adler, load->ahead);
    error = check_seal(load);
    return error != 0 ? error : load_tail(load, info);
}

int snapshot_file_load(struct runtime *runtime,
                       const char *folder,
                       const struct data_file *data_file,
                       struct tree *tree,
                       struct snapshot_info *info,
                       struct errmsg *message)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    struct load load = {.adler = 1};
    *info = (struct snapshot_info){.name_zxid = data_file->zxid,
                                   .last_processed_zxid = data_file->zxid};
    data_dir_join(path, folder, data_file->name);
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return errmsg_set(message, error, "cannot open %s: %s (%s)", path, error_text(error),
                          runtime_error_detail());
    }
    error = byte_source_open(file, data_file->compression,
                             &load.source); /* closes the file when it fails */
    if (error == 0) {
        error = load_body(&load, tree, info);
        byte_source_close(load.source);
    }
    if (error != 0) {
        return errmsg_set(message, error, "the snapshot %s is damaged: %s", path,
                          error_text(error));
    }
    /* Replay begins above the name's zxid even when the tail tells a later one: Apache's snapshots
     * are fuzzy (FileSnap.deserialize). */
    tree->last_processed_zxid = info->name_zxid;
    if (info->has_digest && info->digest_zxid > info->name_zxid) {
        tree_set_fuzzy_until(tree, info->digest_zxid);
    }
    return 0;
}

int snapshot_file_check_ends(struct runtime *runtime,
                             const char *folder,
                             const struct data_file *data_file)
{
    char path[PATH_TEXT_MAX];
    struct file *file;
    uint8_t bytes[8];
    size_t got = 0;
    static const uint8_t seal_end[5] = {0, 0, 0, 1, '/'};
    static const uint8_t snappy_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
    bool is_plain = data_file->compression == SNAPSHOT_PLAIN;
    bool is_finished = false;
    if (is_plain && data_file->size < 10) {
        return ERR_TRUNCATED;
    }
    data_dir_join(path, folder, data_file->name);
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return error;
    }
    error = file_read(file, is_plain ? data_file->size - 5 : 0, bytes, is_plain ? 5 : 8, &got);
    file_close(file);
    if (error != 0) {
        return error;
    }
    switch (data_file->compression) {
    case SNAPSHOT_PLAIN:
        is_finished = got == 5 && memcmp(bytes, seal_end, 5) == 0;
        break;
    case SNAPSHOT_GZIP:
        is_finished = got == 8 && bytes[0] == 0x1f && bytes[1] == 0x8b;
        break;
    case SNAPSHOT_SNAPPY:
        is_finished = got == 8 && memcmp(bytes, snappy_magic, 8) == 0;
        break;
    }
    return is_finished ? 0 : ERR_TRUNCATED;
}
