/* fuzz_kafka_log.c - any bytes as the files of a partition's folder, and a log that opens it.
 *
 * Input: flags (1: clean end, 2: CRCs of batches are made right, so that damage goes deeper,
 * 4: compacted topic), recovery point, log start; then files: kind and suffix in a byte, base
 * offset in a byte, length in two bytes (little-endian), content.
 *
 * Whatever is there: opening ends, with a log or an error. A log that opened after a crash reads
 * from its start to its end, offsets ascending, every CRC right; takes records; finds no more fault
 * with itself when it is opened once more; and forgets nothing by a truncation but what it was to
 * cut. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/storage/log_files.h"
#include "kafka/storage/partition_log.h"
#include "support_memory_file.h"

#define FILES_MAX 12
#define NOW_MS ((int64_t)1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[128];
static struct topic_config config;

static void remove_folder(void)
{
    if (dir[0] != '\0') {
        (void)rmdir(dir);
    }
}

static void make_folder(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(dir, sizeof dir, "%s/samsa-fuzz-XXXXXX", base);
    ASSERT(mkdtemp(dir) != NULL);
    atexit(remove_folder);
}

static void remove_entry(void *ctx, const char *name)
{
    char path[PATH_TEXT_MAX];
    (void)ctx;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    ASSERT(path_remove(fuzz_runtime(), path) == 0);
}

static void clear_folder(void)
{
    ASSERT(directory_list(fuzz_runtime(), dir, remove_entry, NULL) == 0);
}

/* ---- the input's files ----------------------------------------------------------------------- */

static void mend_batches(uint8_t *bytes, size_t len)
{
    struct batch_view view;
    size_t at = 0;
    while (at < len && batch_view(slice_of(bytes + at, len - at), &view, NULL) == 0) {
        if (view.magic == 2) {
            batch_stamp_crc(bytes + at, view.bytes.len);
        }
        at += view.bytes.len;
    }
}

static void write_file(const char *path, struct slice content)
{
    struct file *file;
    ASSERT(file_open(fuzz_runtime(), path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &file) == 0);
    ASSERT(file_write(file, 0, content) == 0);
    ASSERT(file_close(file) == 0);
}

static void make_file(uint8_t what, uint8_t base, const uint8_t *bytes, size_t len, bool mends)
{
    static const char *const suffixes[] = {
        "", "", "", "", SUFFIX_SWAP, SUFFIX_CLEANED, SUFFIX_DELETED, ""};
    char path[PATH_TEXT_MAX];
    unsigned kind = what % 8;
    if (kind < LOG_FILE_OTHER) {
        ASSERT(log_file_path(path, dir, base, (enum log_file_kind)kind, suffixes[what / 8 % 8]) ==
               0);
    } else {
        ASSERT(log_path_join(path, dir,
                             kind % 2 == 0 ? PARTITION_METADATA_FILE : LEADER_EPOCH_FILE) == 0);
    }
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, bytes, len);
    if (kind == LOG_FILE_RECORDS && mends) {
        mend_batches(copy, len);
    }
    write_file(path, slice_of(copy, len));
    free(copy);
}

static void make_files(const uint8_t *data, size_t size, bool mends)
{
    for (int n = 0; n < FILES_MAX && size >= 4; n++) {
        size_t len = MIN((size_t)data[2] | (size_t)data[3] << 8, size - 4);
        make_file(data[0], data[1], data + 4, len, mends);
        data += 4 + len;
        size -= 4 + len;
    }
}

/* ---- what must hold -------------------------------------------------------------------------- */

static struct partition_log *open_log(bool was_clean, int64_t recovery_point, int64_t start)
{
    struct errmsg message = {.text = ""};
    struct partition_log *log = NULL;
    struct partition_log_open open = {
        .dir = dir,
        .topic = SLICE_LIT("fuzzed"),
        .config = &config,
        .was_clean = was_clean,
        .recovery_point = recovery_point,
        .log_start_offset = start,
        .wall_ms = NOW_MS,
        .producer_id_expiration_ms = 86400000,
    };
    int error = partition_log_open(fuzz_runtime(), &open, &log, NULL, &message);
    ASSERT((error == 0) == (log != NULL));
    ASSERT(error == 0 || message.text[0] != '\0');
    return log;
}

static void check_range(const struct log_read *read, int64_t offset, bool was_clean, int64_t *next)
{
    struct batch_view view;
    uint8_t *bytes = malloc(read->range.len);
    ASSERT(log_range_read(&read->range, 0, bytes, read->range.len) == 0);
    int error = batch_view(slice_of(bytes, read->range.len), &view, NULL);
    ASSERT(error == 0 || was_clean);
    *next = INT64_MAX;
    if (error == 0) {
        ASSERT(view.base_offset == read->first_batch_offset);
        ASSERT(view.last_offset >= offset);
        ASSERT(was_clean || batch_check_crc(&view) == 0);
        *next = view.last_offset + 1;
    }
    free(bytes);
}

/* Reads it from end to end; how many batches. */
static int read_all(struct partition_log *log, bool was_clean)
{
    int count = 0;
    int64_t end = partition_log_end_offset(log);
    int64_t offset = partition_log_start_offset(log);
    while (offset < end) {
        struct log_read read;
        partition_log_read(log, offset, 1, true, end, &read);
        ASSERT(read.error == 0 || was_clean);
        if (read.error != 0 || read.range.file == NULL) {
            break;
        }
        check_range(&read, offset, was_clean, &offset);
        log_range_drop(&read.range);
        count += 1;
    }
    return count;
}

static void ask(struct partition_log *log, bool believed)
{
    struct log_offset_time found;
    struct log_aborted_txn *aborted;
    struct arena arena;
    int32_t count;
    int64_t end = partition_log_end_offset(log);
    ASSERT(partition_log_start_offset(log) <= end);
    ASSERT(partition_log_flushed_offset(log) <= end);
    ASSERT(partition_log_last_stable_offset(log, end) <= end);
    int error = partition_log_find_time(log, NOW_MS, &found);
    ASSERT(believed || error != 0 || found.offset < partition_log_end_offset(log));
    error = partition_log_max_time(log, &found);
    ASSERT(believed || error != 0 || found.offset < partition_log_end_offset(log));
    end = partition_log_end_offset(log); /* a false one was found out meanwhile */
    arena_init(&arena, 1024, 1 << 20);
    error = partition_log_aborted(log, 0, end, &arena, &aborted, &count);
    ASSERT(error != 0 || count >= 0);
    arena_release(&arena);
    (void)partition_log_bytes_between(log, 0, end);
}

/* True when the record was taken. */
static bool append(struct partition_log *log)
{
    struct batch_build build;
    struct batch_builder builder;
    struct buffer batch;
    struct append_result result;
    buffer_init(&batch, 4096);
    batch_build_defaults(&build);
    batch_builder_init(&builder, &build, &batch);
    batch_builder_add(&builder, 0, NOW_MS, SLICE_LIT("key"), SLICE_LIT("value"), SLICE_NULL, 0);
    ASSERT(batch_builder_finish(&builder, 0) == 0);
    batch_builder_release(&builder);
    struct append_request request = {.records = buffer_slice(&batch), .wall_ms = NOW_MS};
    int64_t end = partition_log_end_offset(log);
    int error = partition_log_append(log, &request, &result);
    ASSERT(error != 0 || result.error != 0 || result.first_offset >= end);
    buffer_release(&batch);
    return error == 0 && result.error == 0;
}

static void after_a_crash(struct partition_log *log, int64_t start)
{
    int count = read_all(log, false);
    ask(log, false);
    bool taken = append(log);
    ASSERT(taken || partition_log_end_offset(log) > INT64_MAX - 10);
    int64_t end = partition_log_end_offset(log);
    int64_t begin = partition_log_start_offset(log);
    partition_log_release(log);
    log = open_log(false, 0, start);
    ASSERT(log != NULL);
    ASSERT(partition_log_end_offset(log) == end && partition_log_start_offset(log) == begin);
    ASSERT(read_all(log, false) == count + (taken ? 1 : 0));
    int64_t middle = begin + (end - begin) / 2;
    ASSERT(partition_log_truncate(log, middle) == 0);
    ASSERT(partition_log_end_offset(log) == middle);
    (void)read_all(log, false);
    partition_log_release(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    if (dir[0] == '\0') {
        make_folder();
        topic_config_defaults(&config);
        config.index_interval_bytes = 64;
    }
    (void)fuzz_runtime();
    size_t used = mem_used();
    bool was_clean = (data[0] & 1) != 0;
    config.cleanup_policy = (data[0] & 4) != 0 ? CLEANUP_COMPACT : CLEANUP_DELETE;
    make_files(data + 3, size - 3, (data[0] & 2) != 0);
    struct partition_log *log = open_log(was_clean, data[1], data[2]);
    if (log != NULL && (was_clean || data[1] != 0)) {
        /* Somebody said that all, or all below the recovery point, was well: nothing may break, but
         * nothing is promised. */
        (void)read_all(log, true);
        ask(log, true);
        (void)append(log);
        (void)read_all(log, true);
        partition_log_release(log);
    } else if (log != NULL) {
        after_a_crash(log, data[2]);
    }
    clear_folder();
    ASSERT(mem_used() == used);
    return 0;
}
