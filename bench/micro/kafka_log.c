/* kafka_log.c - what one partition's log costs by itself: append, read, flush, open; no network.
 *
 *     kafka_log_bench FOLDER [SECONDS a case]
 *
 * One thread. Figures are nanoseconds of its CPU time and of the clock a call, and MB/s of batches
 * by the CPU's; "bare" rows are what the kernel takes for the same writes alone. The folder should
 * be on the disk that matters (a flush is one fdatasync). FOLDER/bench is removed at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "kafka/storage/partition_log.h"
#include "runtime/uv/runtime_uv.h"

#define PARTITIONS 10000
#define BATCH_BYTES_MAX ((size_t)4 << 20)

static struct runtime *runtime;
static struct topic_config config;
static char root[256];
static double seconds = 1.0;

static void check(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "%s: %s (%s)\n", what, error_text(error), runtime_error_detail());
        exit(1);
    }
}

static struct partition_log *open_log(const char *name, bool was_clean, int64_t recovery_point)
{
    char dir[512];
    struct errmsg message;
    struct partition_log *log;
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    struct partition_log_open open = {
        .dir = dir,
        .topic = SLICE_LIT("bench"),
        .config = &config,
        .was_clean = was_clean,
        .recovery_point = recovery_point,
        .wall_ms = runtime_wall_ms(runtime),
        .producer_id_expiration_ms = 86400000,
    };
    int error = partition_log_open(runtime, &open, &log, NULL, &message);
    if (error != 0) {
        fprintf(stderr, "%s\n", message.text);
        exit(1);
    }
    return log;
}

static void remove_tree(const char *path);

static void remove_entry(void *ctx, const char *name)
{
    char path[PATH_TEXT_MAX];
    struct path_info info;
    snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (path_stat(runtime, path, &info) == 0 && info.is_directory) {
        remove_tree(path);
    } else {
        check(path_remove(runtime, path), path);
    }
}

static void remove_tree(const char *path)
{
    char copy[PATH_TEXT_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    if (directory_list(runtime, path, remove_entry, copy) == 0) {
        check(path_remove(runtime, path), path);
    }
}

static void build_batch(struct buffer *into, int codec, int32_t count, size_t value_len)
{
    static uint8_t value[65536];
    struct batch_build build;
    struct batch_builder builder;
    for (size_t n = 0; n < sizeof value; n++) {
        value[n] = (uint8_t)("abcdefghijklmnop"[n * n / 7 % 16]);
    }
    batch_build_defaults(&build);
    build.codec = codec;
    buffer_clear(into, SIZE_MAX);
    batch_builder_init(&builder, &build, into);
    for (int32_t n = 0; n < count; n++) {
        batch_builder_add(&builder, n, runtime_wall_ms(runtime), SLICE_NULL,
                          slice_of(value + n % 1000, value_len), SLICE_NULL, 0);
    }
    check(batch_builder_finish(&builder, 0), "a batch");
    batch_builder_release(&builder);
}

struct stopwatch {
    uint64_t cpu_ns;
    uint64_t wall_ns;
};

static struct stopwatch watch_now(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (struct stopwatch){(uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec,
                              runtime_now_ns(runtime)};
}

static void watch_add(struct stopwatch *sum, struct stopwatch start)
{
    struct stopwatch now = watch_now();
    sum->cpu_ns += now.cpu_ns - start.cpu_ns;
    sum->wall_ns += now.wall_ns - start.wall_ns;
}

static void tell(const char *name, uint64_t calls, uint64_t bytes, struct stopwatch took)
{
    printf("%-44s %10.0f ns cpu %11.0f ns %10.1f MB/s\n", name, (double)took.cpu_ns / (double)calls,
           (double)took.wall_ns / (double)calls, (double)bytes * 1e3 / (double)took.cpu_ns);
}

/* ---- append ---------------------------------------------------------------------------------- */

static void bench_append(const char *name,
                         int codec,
                         int32_t count,
                         size_t value_len,
                         bool producer)
{
    struct buffer batch;
    buffer_init(&batch, BATCH_BYTES_MAX);
    build_batch(&batch, codec, count, value_len);
    struct partition_log *log = open_log("append", true, 0);
    check(partition_log_begin_epoch(log, 0), "epoch");
    struct append_request request = {
        .records = buffer_slice(&batch),
        .wall_ms = runtime_wall_ms(runtime),
        .requires_magic_2 = true,
        .may_have_zstd = true,
    };
    struct append_result result;
    uint64_t calls = 0;
    int32_t sequence = 0;
    struct stopwatch took = {0};
    uint64_t limit_ns = (uint64_t)(seconds * 1e9);
    /* Within one segment, so that the kernel's write-back is hardly met. */
    while (took.wall_ns < limit_ns && calls * batch.len < (size_t)900 << 20) {
        struct stopwatch start = watch_now();
        for (int n = 0; n < 64; n++) {
            /* What a producer's next batch would say; the append took the header for its own. */
            store_be64(batch.data, 0);
            if (producer) {
                store_be64(batch.data + 43, 7);
                store_be16(batch.data + 51, 0);
                store_be32(batch.data + 53, (uint32_t)sequence);
                sequence += count;
            }
            if (producer) {
                batch_stamp_crc(batch.data, batch.len);
            }
            check(partition_log_append(log, &request, &result), "append");
            if (result.error != 0) {
                fprintf(stderr, "append: error %d\n", result.error);
                exit(1);
            }
        }
        watch_add(&took, start);
        calls += 64;
    }
    tell(name, calls, calls * batch.len, took);
    partition_log_release(log);
    buffer_release(&batch);
    char dir[512];
    snprintf(dir, sizeof dir, "%s/append", root);
    remove_tree(dir);
}

/* ---- read ------------------------------------------------------------------------------------ */

static struct partition_log *fill(const char *name, uint64_t bytes, int32_t count, size_t value_len)
{
    struct buffer batch;
    buffer_init(&batch, BATCH_BYTES_MAX);
    build_batch(&batch, COMPRESSION_NONE, count, value_len);
    struct partition_log *log = open_log(name, true, 0);
    struct append_request request = {.records = buffer_slice(&batch),
                                     .wall_ms = runtime_wall_ms(runtime)};
    struct append_result result;
    for (uint64_t written = 0; written < bytes; written += batch.len) {
        store_be64(batch.data, 0);
        check(partition_log_append(log, &request, &result), "append");
    }
    buffer_release(&batch);
    return log;
}

static void bench_read(const char *name, struct partition_log *log, bool at_tail, size_t max_bytes)
{
    struct random random;
    struct log_read read;
    uint64_t calls = 0;
    uint64_t bytes = 0;
    random_init(&random, 1);
    int64_t end = partition_log_end_offset(log);
    struct stopwatch took = {0};
    while (took.wall_ns < (uint64_t)(seconds * 1e9)) {
        struct stopwatch start = watch_now();
        for (int n = 0; n < 64; n++) {
            int64_t offset = at_tail ? end - 10 : (int64_t)random_below(&random, (uint64_t)end);
            partition_log_read(log, offset, max_bytes, true, end, &read);
            if (read.error != 0 || read.range.file == NULL) {
                fprintf(stderr, "read: error %d\n", read.error);
                exit(1);
            }
            bytes += read.range.len;
            log_range_drop(&read.range);
        }
        calls += 64;
        watch_add(&took, start);
    }
    tell(name, calls, bytes, took);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void bench_many(void)
{
    struct partition_log **logs = calloc(PARTITIONS, sizeof *logs);
    struct buffer batch;
    char name[64];
    buffer_init(&batch, BATCH_BYTES_MAX);
    build_batch(&batch, COMPRESSION_NONE, 10, 100);
    struct append_request request = {.records = buffer_slice(&batch),
                                     .wall_ms = runtime_wall_ms(runtime)};
    struct append_result result;
    struct stopwatch made = {0};
    struct stopwatch opened = {0};
    struct stopwatch recovered = {0};
    struct stopwatch start = watch_now();
    for (int n = 0; n < PARTITIONS; n++) {
        snprintf(name, sizeof name, "many-%d", n);
        logs[n] = open_log(name, true, 0);
        store_be64(batch.data, 0);
        check(partition_log_append(logs[n], &request, &result), "append");
        check(partition_log_begin_epoch(logs[n], 0), "epoch");
        check(partition_log_close(logs[n], true), "close");
    }
    watch_add(&made, start);
    tell("make, append once, close: 10,000 logs", PARTITIONS, 0, made);
    size_t before = mem_used();
    start = watch_now();
    for (int n = 0; n < PARTITIONS; n++) {
        snprintf(name, sizeof name, "many-%d", n);
        logs[n] = open_log(name, true, 10);
    }
    watch_add(&opened, start);
    tell("open after a clean end: 10,000 logs", PARTITIONS, 0, opened);
    printf("%-44s %10.3f s cpu, %zu bytes each\n", "  together", (double)opened.cpu_ns / 1e9,
           (mem_used() - before) / PARTITIONS);
    for (int n = 0; n < PARTITIONS; n++) {
        partition_log_release(logs[n]);
    }
    start = watch_now();
    for (int n = 0; n < PARTITIONS / 10; n++) {
        snprintf(name, sizeof name, "many-%d", n);
        partition_log_release(open_log(name, false, 10));
    }
    watch_add(&recovered, start);
    tell("open after a crash: 1,000 small logs", PARTITIONS / 10, 0, recovered);
    buffer_release(&batch);
    free(logs);
}

static void bench_recovery(void)
{
    struct partition_log *log = fill("recover", (uint64_t)512 << 20, 16, 1000);
    struct stopwatch took = {0};
    uint64_t size = partition_log_size(log);
    partition_log_release(log);
    struct stopwatch start = watch_now();
    log = open_log("recover", false, 0);
    watch_add(&took, start);
    tell("open after a crash: 512 MiB to check", 1, size, took);
    partition_log_release(log);
}

static void bench_flush(void)
{
    struct partition_log *log = fill("flush", 16384, 16, 1000);
    struct buffer batch;
    buffer_init(&batch, BATCH_BYTES_MAX);
    build_batch(&batch, COMPRESSION_NONE, 16, 1000);
    struct append_request request = {.records = buffer_slice(&batch),
                                     .wall_ms = runtime_wall_ms(runtime)};
    struct append_result result;
    uint64_t calls = 0;
    struct stopwatch took = {0};
    while (took.wall_ns < (uint64_t)(seconds * 1e9)) {
        struct stopwatch start = watch_now();
        store_be64(batch.data, 0);
        check(partition_log_append(log, &request, &result), "append");
        check(partition_log_flush(log), "flush");
        watch_add(&took, start);
        calls += 1;
    }
    tell("append 16 KB and flush", calls, calls * batch.len, took);
    buffer_release(&batch);
    partition_log_release(log);
}

/* What the kernel takes for the write alone. */
static void bench_bare(const char *name, size_t len)
{
    static uint8_t bytes[BATCH_BYTES_MAX];
    struct file *file;
    char path[512];
    uint64_t at = 0;
    uint64_t calls = 0;
    struct stopwatch took = {0};
    snprintf(path, sizeof path, "%s/bare", root);
    check(file_open(runtime, path, FILE_WRITE | FILE_CREATE, &file), path);
    while (took.wall_ns < (uint64_t)(seconds * 1e9) && at < (size_t)900 << 20) {
        struct stopwatch start = watch_now();
        for (int n = 0; n < 64; n++) {
            check(file_write(file, at, slice_of(bytes, len)), "write");
            at += len;
        }
        watch_add(&took, start);
        calls += 64;
    }
    tell(name, calls, at, took);
    check(file_close(file), "close");
    check(path_remove(runtime, path), path);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: kafka_log_bench FOLDER [SECONDS]\n");
        return 2;
    }
    if (argc > 2) {
        seconds = strtod(argv[2], NULL);
    }
    snprintf(root, sizeof root, "%s/bench", argv[1]);
    check(runtime_create(NULL, &runtime), "runtime");
    topic_config_defaults(&config);
    remove_tree(root);
    check(directory_create(runtime, root), root);
    bench_bare("bare write of 170 B", 170);
    bench_append("append 1 record of 100 B", COMPRESSION_NONE, 1, 100, false);
    bench_bare("bare write of 16 KB", 16300);
    bench_append("append 16 KB: 16 records", COMPRESSION_NONE, 16, 1000, false);
    bench_append("append 16 KB: 150 records", COMPRESSION_NONE, 150, 100, false);
    bench_append("append 16 KB: 150 records, producer (+1 CRC)", COMPRESSION_NONE, 150, 100, true);
    bench_append("append 150 records of 100 B, lz4", COMPRESSION_LZ4, 150, 100, false);
    bench_bare("bare write of 1 MB", 1010000);
    bench_append("append 1 MB: 1000 records", COMPRESSION_NONE, 1000, 1000, false);
    struct partition_log *log = fill("read", (uint64_t)256 << 20, 16, 1000);
    bench_read("read at the tail, 1 MB", log, true, 1 << 20);
    bench_read("read anywhere, 1 MB (batches of 16 KB)", log, false, 1 << 20);
    partition_log_release(log);
    log = fill("small", (uint64_t)256 << 20, 1, 100);
    bench_read("read anywhere, 1 MB (batches of 170 B)", log, false, 1 << 20);
    partition_log_release(log);
    bench_flush();
    bench_recovery();
    bench_many();
    remove_tree(root);
    runtime_destroy(runtime);
    return 0;
}
