/* log_writer.c - see log_writer.h.
 *
 * Two batches: one collects while the other is written. `file*` fields belong to whoever writes:
 * the job while is_writing, else the loop. The job itself is plain blocking code over file_*
 * functions, so the simulator can cut the power between any two of them.
 *
 * Order inside one batch's write: (new file: header under another name, sync, rename, mark, sync of
 * mark and folder) -> zeros ahead when the end comes near -> one write -> one sync -> the synced
 * mark. Only then is the batch reported.
 */
#include "zookeeper/storage/log_writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/endian.h"
#include "runtime/log.h"

#define BATCH_KEEP_BYTES ((size_t)1 << 20)

/* How much is zeroed at once: some batches' worth, so that it is rare, within bounds that keep the
 * sync which carries it short. */
#define ZERO_STEP_BATCHES 32
#define ZERO_STEP_BYTES_MIN ((uint64_t)512 << 10)
#define ZERO_STEP_BYTES_MAX ((uint64_t)4 << 20)

static void job_begin(struct runtime_job *job);
static void job_work(struct runtime_job *job);
static void job_done(struct runtime_job *job);

void log_writer_init(struct log_writer *writer,
                     struct runtime *runtime,
                     const struct data_dir *dir,
                     const struct log_writer_options *options)
{
    *writer = (struct log_writer){.runtime = runtime, .dir = dir, .options = *options};
    /* While one batch is on a slow disk the next collects what all clients have sent until reading
     * pauses: a limit of requests, and one more of each connection, whose length is theirs. */
    buffer_init(&writer->batches[0].bytes, SIZE_MAX);
    buffer_init(&writer->batches[1].bytes, SIZE_MAX);
    writer->job.begin = job_begin;
    writer->job.work = job_work;
    writer->job.done = job_done;
}

void log_writer_append(struct log_writer *writer, int64_t zxid, struct slice payload)
{
    ASSERT(!writer->is_closing);
    struct log_batch *batch = &writer->batches[writer->collecting];
    uint8_t *at = buffer_reserve(&batch->bytes, payload.len + TXN_LOG_ENTRY_OVERHEAD);
    store_be64(at, txn_log_checksum(payload));
    store_be32(at + 8, (uint32_t)payload.len);
    memcpy(at + 12, payload.ptr, payload.len);
    at[12 + payload.len] = TXN_LOG_END_OF_ENTRY;
    batch->bytes.len += payload.len + TXN_LOG_ENTRY_OVERHEAD;
    if (batch->count == 0) {
        batch->first_zxid = zxid;
    }
    ASSERT(batch->count == 0 || zxid > batch->last_zxid);
    batch->last_zxid = zxid;
    batch->count++;
}

void log_writer_roll(struct log_writer *writer)
{
    writer->roll_wanted = true;
}

bool log_writer_is_idle(const struct log_writer *writer)
{
    return !writer->is_writing && writer->batches[writer->collecting].count == 0;
}

/* ---- the file: on the worker thread, or in place
 * --------------------------------------------------------- */

static int fail(struct log_writer *writer, int error, const char *what)
{
    return errmsg_set(&writer->job_message, error, "%s %s/%s failed: %s (%s)", what,
                      writer->dir->log_dir, writer->file_name, error_text(error),
                      runtime_error_detail());
}

static int close_handle(struct file **file)
{
    int error = *file == NULL ? 0 : file_close(*file);
    *file = NULL;
    return error;
}

static int sync_file(struct log_writer *writer, struct file *file, const char *what)
{
    int error = writer->options.force_sync ? file_sync(file) : 0;
    return error == 0 ? 0 : fail(writer, error, what);
}

/* Makes the file with its header under another name. */
static int make_file(struct log_writer *writer, const char *path)
{
    uint8_t header[TXN_LOG_HEADER_BYTES];
    int error = file_open(writer->runtime, path,
                          FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &writer->file);
    if (error != 0) {
        return fail(writer, error, "creating");
    }
    store_be32(header, TXN_LOG_MAGIC);
    store_be32(header + 4, TXN_LOG_VERSION);
    store_be64(header + 8, 0);
    error = file_write(writer->file, 0, slice_of(header, sizeof header));
    return error == 0 ? sync_file(writer, writer->file, "syncing") : fail(writer, error, "writing");
}

static int write_mark(struct log_writer *writer)
{
    struct synced_mark mark = {.log_zxid = writer->file_zxid, .offset = writer->file_offset};
    int error = 0;
    if (writer->mark == NULL) {
        error = synced_mark_open(writer->runtime, writer->dir->log_dir, &writer->mark);
    }
    if (error == 0) {
        error = synced_mark_write(writer->mark, &mark);
    }
    return error == 0 ? 0 : fail(writer, error, "writing " SYNCED_MARK_NAME " beside");
}

/* The mark for the new file, and the names of both, are durable before anything is written into it:
 * whatever a power cut leaves of its first batch, the mark says that nothing of it was promised. */
static int announce_file(struct log_writer *writer)
{
    int error = write_mark(writer);
    if (error == 0) {
        error = sync_file(writer, writer->mark, "syncing " SYNCED_MARK_NAME " beside");
    }
    if (error == 0 && writer->options.force_sync) {
        error = directory_sync(writer->runtime, writer->dir->log_dir);
        error = error == 0 ? 0 : fail(writer, error, "syncing the directory of");
    }
    return error;
}

/* A file gets its name only when its header is durable: a log begins as one, or is not there. */
static int begin_file(struct log_writer *writer, int64_t first_zxid)
{
    char path[PATH_TEXT_MAX];
    char unfinished[PATH_TEXT_MAX];
    char name[DATA_FILE_NAME_MAX + sizeof DATA_TMP_SUFFIX];
    int error = close_handle(&writer->file);
    if (error != 0) {
        return fail(writer, error, "closing");
    }
    snprintf(writer->file_name, sizeof writer->file_name, "log.%" PRIx64, (uint64_t)first_zxid);
    snprintf(name, sizeof name, "%s" DATA_TMP_SUFFIX, writer->file_name);
    data_dir_join(path, writer->dir->log_dir, writer->file_name);
    data_dir_join(unfinished, writer->dir->log_dir, name);
    error = make_file(writer, unfinished);
    if (error != 0) {
        return error;
    }
    error = path_rename(writer->runtime, unfinished, path);
    if (error != 0) {
        return fail(writer, error, "naming");
    }
    writer->file_offset = TXN_LOG_HEADER_BYTES;
    writer->file_zeroed = 0;
    writer->file_bytes = 0;
    writer->file_zxid = first_zxid;
    return announce_file(writer);
}

/* Sets the file's size ahead as FilePadding does, and makes the next stretch really zero. Preparing
 * space is a help, not a duty: when the disk is nearly full the log goes on without it until a
 * write itself fails. */
static void prepare_space(struct log_writer *writer, uint64_t len)
{
    uint64_t end = writer->file_offset + len;
    uint64_t step = (uint64_t)writer->options.preallocate_bytes;
    if (writer->options.preallocate_bytes <= 0) {
        return;
    }
    if (end + 4096 >= writer->file_bytes) {
        uint64_t size = writer->file_bytes == 0 ? writer->file_offset + step
                                                : writer->file_bytes + step;
        while (size <= end + 4096) {
            size += step;
        }
        if (file_resize(writer->file, size) != 0) {
            return;
        }
        writer->file_bytes = size;
    }
    if (end > writer->file_zeroed) {
        uint64_t zeros = MIN(MAX(len * ZERO_STEP_BATCHES, ZERO_STEP_BYTES_MIN),
                             ZERO_STEP_BYTES_MAX);
        uint64_t to = MIN(end + zeros, writer->file_bytes);
        uint64_t from = MAX(writer->file_zeroed, writer->file_offset);
        if (to > from && file_zero_ahead(writer->file, from, to - from) == 0) {
            writer->file_zeroed = to;
        }
    }
}

/* The longest run of whole entries from the front of `rest` that fits into one batch's write (at
 * least one entry). */
static size_t piece_len(struct slice rest)
{
    size_t len = 0;
    while (len < rest.len) {
        size_t entry = load_be32(rest.ptr + len + 8) + (size_t)TXN_LOG_ENTRY_OVERHEAD;
        if (len > 0 && len + entry > LOG_BATCH_BYTES_MAX) {
            break;
        }
        len += entry;
    }
    return len;
}

static int write_piece(struct log_writer *writer, struct slice piece)
{
    prepare_space(writer, piece.len);
    int error = file_write(writer->file, writer->file_offset, piece);
    if (error != 0) {
        return fail(writer, error, "writing");
    }
    writer->file_offset += piece.len;
    if (!writer->options.force_sync) {
        return 0;
    }
    uint64_t before_ns = runtime_now_ns(writer->runtime);
    error = file_sync(writer->file);
    writer->job_sync_ns = runtime_now_ns(writer->runtime) - before_ns;
    return error == 0 ? write_mark(writer) : fail(writer, error, "syncing");
}

static int write_batch(struct log_writer *writer, const struct log_batch *batch)
{
    bool is_new = writer->file == NULL || writer->roll_now;
    int64_t limit = writer->options.size_limit_bytes;
    if (!is_new && limit >= 0 && writer->file_offset > (uint64_t)limit) {
        is_new = true;
    }
    if (is_new) {
        int error = begin_file(writer, batch->first_zxid);
        if (error != 0) {
            return error;
        }
        writer->roll_now = false;
    }
    struct slice rest = buffer_slice(&batch->bytes);
    while (rest.len > 0) {
        size_t len = piece_len(rest);
        int error = write_piece(writer, slice_part(rest, 0, len));
        if (error != 0) {
            return error;
        }
        rest = slice_part(rest, len, rest.len);
    }
    return 0;
}

/* ---- the loop's side
 * ------------------------------------------------------------------------------------- */

static struct log_batch *batch_on_its_way(struct log_writer *writer)
{
    return &writer->batches[1 - writer->collecting];
}

/* The batch closes only now: what came since it was submitted is in it. */
static void job_begin(struct runtime_job *job)
{
    struct log_writer *writer = CONTAINER_OF(job, struct log_writer, job);
    writer->collecting = 1 - writer->collecting;
    writer->job_error = 0;
    writer->job_sync_ns = 0;
    if (writer->roll_wanted) {
        writer->roll_wanted = false;
        writer->roll_now = true;
        writer->txns_since_roll = 0;
        writer->bytes_since_roll = 0;
    }
}

static void job_work(struct runtime_job *job)
{
    struct log_writer *writer = CONTAINER_OF(job, struct log_writer, job);
    writer->job_error = write_batch(writer, batch_on_its_way(writer));
}

static void batch_finished(struct log_writer *writer)
{
    struct log_batch *batch = batch_on_its_way(writer);
    int64_t zxid = batch->last_zxid;
    uint32_t count = batch->count;
    writer->is_writing = false;
    if (writer->job_error != 0) {
        writer->is_failed = true;
        writer->on_failed(writer->ctx, writer->job_error, writer->job_message.text);
        return;
    }
    writer->bytes_since_roll += batch->bytes.len;
    writer->txns_since_roll += count;
    writer->sync_count++;
    batch->count = 0;
    buffer_clear(&batch->bytes, BATCH_KEEP_BYTES);
    if (writer->options.force_sync &&
        writer->job_sync_ns / 1000000 > writer->options.warning_threshold_ms) {
        LOG("storage", LOG_WARN,
            "fsync-ing the write ahead log took %" PRIu64
            "ms which will adversely effect operation latency. "
            "File size is %" PRIu64 " bytes. See the ZooKeeper troubleshooting guide",
            writer->job_sync_ns / 1000000, writer->file_bytes);
    }
    if (writer->on_sync != NULL) {
        writer->on_sync(writer->ctx, writer->job_sync_ns, count);
    }
    writer->on_persisted(writer->ctx, zxid, count);
}

static void job_done(struct runtime_job *job)
{
    batch_finished(CONTAINER_OF(job, struct log_writer, job));
}

void log_writer_flush(struct log_writer *writer, bool everyone_waits)
{
    if (writer->is_writing || writer->is_failed || writer->batches[writer->collecting].count == 0) {
        return;
    }
    writer->is_writing = true;
    writer->job.waits_for_quiet = everyone_waits;
    runtime_submit(writer->runtime, LANE_LOG, &writer->job);
}

int log_writer_close(struct log_writer *writer)
{
    ASSERT(!writer->is_writing);
    struct log_batch *batch = &writer->batches[writer->collecting];
    int error = 0;
    if (!writer->is_failed && batch->count > 0) {
        error = write_batch(writer, batch);
    }
    writer->is_closing = true;
    int mark_error = close_handle(&writer->mark);
    int close_error = close_handle(&writer->file);
    buffer_release(&writer->batches[0].bytes);
    buffer_release(&writer->batches[1].bytes);
    return error != 0 ? error : close_error != 0 ? close_error : mark_error;
}

void log_writer_abandon(struct log_writer *writer)
{
    writer->is_closing = true;
    close_handle(&writer->mark); /* what is closed here was given up before: nobody relies on it */
    close_handle(&writer->file);
    buffer_release(&writer->batches[0].bytes);
    buffer_release(&writer->batches[1].bytes);
}
