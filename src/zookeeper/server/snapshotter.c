/* snapshotter.c - see snapshotter.h.
 *
 * A run has two halves. The loop's half walks the tree, one slice a turn, into the piece that is
 * being filled; the lane's half takes full pieces in order: the first opens the file, the last
 * seals it, syncs it and gives it its name. A piece belongs to the lane from submit to done.
 *
 * A failure of the lane's half is remembered in the run; the loop's half then stops walking, and
 * the run ends with that error: the server goes on without this snapshot, and tries again after as
 * many txns as for any other (upstream does the same).
 */
#include "zookeeper/server/snapshotter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/random.h"
#include "runtime/log.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECES 4

/* How much of the tree is written in one turn: about 50 microseconds of work. */
#define SLICE_BYTES ((size_t)64 << 10)

struct piece {
    struct runtime_job job;
    struct snapshot_run *run;
    struct buffer bytes;
    bool is_free;
    int error; /* of its job */
};

struct snapshot_run {
    struct snapshotter *owner;
    struct tree_snapshot *tree_snapshot;
    int64_t zxid;
    uint64_t digest;
    uint64_t began_ns;
    struct buffer sink; /* what the tree wrote and no piece has taken yet */
    struct piece pieces[PIECES];
    bool is_walked; /* the whole tree is in the pieces */
    bool is_cancelled;
    struct runtime_job finish_job;
    bool is_finishing;
    int error;       /* the first one that the loop has heard of */
    bool wants_file; /* told to finish_work: seal it, or throw it away */
    /* the lane's half: touched by its jobs alone */
    struct snapshot_writer *writer; /* NULL before the first piece and after the end */
    int lane_error;
    char lane_detail[128]; /* the system's words for it, which its thread alone could say */
    uint64_t file_bytes;
    void (*done)(void *ctx, int error, int64_t zxid);
    void *ctx;
};

struct snapshotter {
    struct node *node;
    struct random random;
    uint64_t txn_threshold;
    uint64_t byte_threshold;
    /* turns go on coming while a run has work, also when no client speaks */
    struct runtime_timer wake;
    struct snapshot_run *run;
    char error_detail[128]; /* of the last one that ended */
};

static void on_wake(struct runtime_timer *timer)
{
    (void)timer; /* being called is all: the turn's end goes on with the run */
}

/* snapCount/2 + random: servers of an ensemble should not snapshot at the same moment. */
static void draw_thresholds(struct snapshotter *snapshotter)
{
    const struct zk_config *config = &snapshotter->node->config;
    uint64_t half_txns = MAX((uint64_t)config->snap_count / 2, 1);
    uint64_t half_bytes = MAX((uint64_t)config->snap_size_limit_bytes / 2, 1);
    snapshotter->txn_threshold = half_txns + random_below(&snapshotter->random, half_txns);
    snapshotter->byte_threshold = config->snap_size_limit_bytes <= 0
                                      ? UINT64_MAX
                                      : half_bytes + random_below(&snapshotter->random, half_bytes);
}

struct snapshotter *snapshotter_create(struct node *node)
{
    uint64_t seed;
    struct snapshotter *snapshotter = mem_alloc_zeroed(sizeof *snapshotter);
    snapshotter->node = node;
    runtime_random(node->runtime, &seed, sizeof seed);
    random_init(&snapshotter->random, seed);
    runtime_timer_init(&snapshotter->wake, node->runtime, on_wake);
    draw_thresholds(snapshotter);
    return snapshotter;
}

static void run_release(struct snapshot_run *run)
{
    if (run->tree_snapshot != NULL) {
        tree_snapshot_end(run->tree_snapshot);
    }
    for (int i = 0; i < PIECES; i++) {
        buffer_release(&run->pieces[i].bytes);
    }
    buffer_release(&run->sink);
    mem_free(run, sizeof *run);
}

void snapshotter_detach(struct snapshotter *snapshotter)
{
    runtime_timer_stop(&snapshotter->wake);
}

void snapshotter_destroy(struct snapshotter *snapshotter)
{
    if (snapshotter->run != NULL) {
        struct snapshot_run *run = snapshotter->run;
        if (run->writer != NULL) {
            snapshot_writer_abandon(run->writer);
        }
        run_release(run);
    }
    mem_free(snapshotter, sizeof *snapshotter);
}

bool snapshotter_is_running(const struct snapshotter *snapshotter)
{
    return snapshotter->run != NULL;
}

const char *snapshotter_error_detail(const struct snapshotter *snapshotter)
{
    return snapshotter->error_detail;
}

void snapshotter_cancel(struct snapshotter *snapshotter)
{
    if (snapshotter->run != NULL) {
        snapshotter->run->is_cancelled = true;
    }
}

/* ---- the lane's half
 * ------------------------------------------------------------------------------------- */

static struct snapshot_options options_of(const struct node *node)
{
    return (struct snapshot_options){
        .compression = (enum snapshot_compression)node->config.snapshot_compression,
        .write_digest = node->config.digest_enabled,
        .write_last_processed_zxid = node->config.serialize_last_processed_zxid,
    };
}

/* Keeps how a step ended; none is begun after one that failed. */
static void lane_step_ended(struct snapshot_run *run, int error)
{
    run->lane_error = error;
    if (error != 0) {
        snprintf(run->lane_detail, sizeof run->lane_detail, "%s", runtime_error_detail());
    }
}

static void piece_work(struct runtime_job *job)
{
    struct piece *piece = CONTAINER_OF(job, struct piece, job);
    struct snapshot_run *run = piece->run;
    struct node *node = run->owner->node;
    if (run->lane_error == 0 && run->writer == NULL) {
        struct snapshot_options options = options_of(node);
        lane_step_ended(run, snapshot_writer_open(node->runtime, node->dir.snap_dir, run->zxid,
                                                  &options, &run->writer));
    }
    if (run->lane_error == 0) {
        lane_step_ended(run, snapshot_writer_append(run->writer, buffer_slice(&piece->bytes)));
    }
    piece->error = run->lane_error;
}

static void finish_work(struct runtime_job *job)
{
    struct snapshot_run *run = CONTAINER_OF(job, struct snapshot_run, finish_job);
    if (run->writer == NULL) {
        return; /* it could not be opened, or nothing was written before it was given up */
    }
    if (run->lane_error == 0 && run->wants_file) {
        lane_step_ended(run, snapshot_writer_finish(run->writer, run->digest, &run->file_bytes));
    } else {
        snapshot_writer_abandon(run->writer);
    }
    run->writer = NULL;
}

/* ---- the loop's half
 * ------------------------------------------------------------------------------------- */

static void run_account(struct node *node, const struct snapshot_run *run)
{
    uint64_t took_ms = (runtime_now_ns(node->runtime) - run->began_ns) / 1000000;
    if (run->error != 0) {
        node->stats.snapshot_errors++;
        LOG("snapshot", run->error == ERR_CANCELLED ? LOG_INFO : LOG_ERROR,
            "snapshot.%" PRIx64 " was not finished: %s; the log goes on holding its transactions",
            (uint64_t)run->zxid, error_text(run->error));
        return;
    }
    node->stats.snapshots_taken++;
    node->stats.last_snapshot_zxid = (uint64_t)run->zxid;
    node->stats.last_snapshot_wall_ms = runtime_wall_ms(node->runtime);
    histogram_add(&node->stats.snapshot_ms, took_ms);
    LOG("snapshot", LOG_INFO,
        "Snapshot taken: snapshot.%" PRIx64 ", %" PRIu64 " bytes in %" PRIu64 " ms",
        (uint64_t)run->zxid, run->file_bytes, took_ms);
}

static void finish_done(struct runtime_job *job)
{
    struct snapshot_run *run = CONTAINER_OF(job, struct snapshot_run, finish_job);
    struct snapshotter *snapshotter = run->owner;
    snapshotter->run = NULL;
    if (run->error == 0) {
        run->error = run->lane_error;
    }
    snprintf(snapshotter->error_detail, sizeof snapshotter->error_detail, "%s", run->lane_detail);
    runtime_timer_stop(&snapshotter->wake);
    run_account(snapshotter->node, run);
    if (run->done != NULL) {
        run->done(run->ctx, run->error, run->zxid);
    }
    run_release(run);
}

static void piece_done(struct runtime_job *job)
{
    struct piece *piece = CONTAINER_OF(job, struct piece, job);
    buffer_clear(&piece->bytes, PIECE_BYTES * 2);
    piece->is_free = true;
    if (piece->run->error == 0) {
        piece->run->error = piece->error;
    }
}

static struct piece *free_piece(struct snapshot_run *run)
{
    for (int i = 0; i < PIECES; i++) {
        if (run->pieces[i].is_free) {
            return &run->pieces[i];
        }
    }
    return NULL;
}

/* Gives what the tree has written to the lane by swapping buffers, when a piece is free. */
static void submit_sink(struct snapshot_run *run)
{
    struct piece *piece = free_piece(run);
    if (piece == NULL || run->sink.len == 0) {
        return;
    }
    struct buffer full = run->sink;
    run->sink = piece->bytes;
    piece->bytes = full;
    piece->is_free = false;
    runtime_submit(run->owner->node->runtime, LANE_SNAPSHOT, &piece->job);
}

static void end_walk(struct snapshot_run *run)
{
    run->is_walked = true;
    tree_snapshot_end(run->tree_snapshot);
    run->tree_snapshot = NULL;
}

void snapshotter_turn(struct snapshotter *snapshotter)
{
    struct snapshot_run *run = snapshotter->run;
    if (run == NULL || run->is_finishing) {
        return;
    }
    if (run->is_cancelled && run->error == 0) {
        run->error = ERR_CANCELLED;
    }
    if (!run->is_walked && run->error != 0) {
        end_walk(run);
        buffer_clear(&run->sink, 0);
    }
    if (!run->is_walked && (run->sink.len < PIECE_BYTES || free_piece(run) != NULL)) {
        if (tree_snapshot_step(run->tree_snapshot, SLICE_BYTES)) {
            end_walk(run);
        }
    }
    if (run->sink.len >= PIECE_BYTES || run->is_walked) {
        submit_sink(run);
    }
    if (run->is_walked && run->sink.len == 0) {
        run->is_finishing = true;
        run->wants_file = run->error == 0;
        runtime_submit(snapshotter->node->runtime, LANE_SNAPSHOT, &run->finish_job);
        return;
    }
    if (free_piece(run) != NULL) {
        runtime_timer_set(&snapshotter->wake, 0);
    }
}

void snapshotter_abort(struct snapshotter *snapshotter)
{
    struct snapshot_run *run = snapshotter->run;
    if (run != NULL && !run->is_walked) {
        run->is_cancelled = true;
        run->error = run->error == 0 ? ERR_CANCELLED : run->error;
        end_walk(run);
        buffer_clear(&run->sink, 0);
    }
}

int snapshotter_begin(struct snapshotter *snapshotter,
                      void (*done)(void *ctx, int error, int64_t zxid),
                      void *ctx)
{
    struct node *node = snapshotter->node;
    if (snapshotter->run != NULL || node_tree_is_busy(node)) {
        return ERR_BUSY;
    }
    struct snapshot_run *run = mem_alloc_zeroed(sizeof *run);
    run->owner = snapshotter;
    run->began_ns = runtime_now_ns(node->runtime);
    run->done = done;
    run->ctx = ctx;
    run->finish_job.work = finish_work;
    run->finish_job.done = finish_done;
    buffer_init(&run->sink, SIZE_MAX / 4);
    for (int i = 0; i < PIECES; i++) {
        run->pieces[i].run = run;
        run->pieces[i].job.work = piece_work;
        run->pieces[i].job.done = piece_done;
        run->pieces[i].is_free = true;
        buffer_init(&run->pieces[i].bytes, SIZE_MAX / 4);
    }
    run->tree_snapshot = tree_snapshot_begin(&node->service->tree, &run->sink);
    run->zxid = tree_snapshot_zxid(run->tree_snapshot);
    run->digest = tree_snapshot_digest(run->tree_snapshot);
    snapshotter->run = run;
    log_writer_roll(&node->log);
    draw_thresholds(snapshotter);
    runtime_timer_set(&snapshotter->wake, 0);
    return 0;
}

void snapshotter_consider(struct snapshotter *snapshotter)
{
    const struct log_writer *log = &snapshotter->node->log;
    bool is_time = log->txns_since_roll >= snapshotter->txn_threshold ||
                   log->bytes_since_roll >= snapshotter->byte_threshold;
    if (!is_time || log->roll_wanted) {
        return;
    }
    if (snapshotter_begin(snapshotter, NULL, NULL) == ERR_BUSY) {
        LOG("snapshot", LOG_WARN, "Too busy to snap, skipping");
        log_writer_roll(&snapshotter->node->log);
        draw_thresholds(snapshotter);
    }
}

int snapshotter_write_now(struct snapshotter *snapshotter)
{
    struct node *node = snapshotter->node;
    struct snapshot_options options = options_of(node);
    struct snapshot_writer *writer;
    struct buffer sink;
    uint64_t size;
    ASSERT(snapshotter->run == NULL);
    buffer_init(&sink, SIZE_MAX / 4);
    struct tree_snapshot *walk = tree_snapshot_begin(&node->service->tree, &sink);
    int64_t zxid = tree_snapshot_zxid(walk);
    uint64_t digest = tree_snapshot_digest(walk);
    int error = snapshot_writer_open(node->runtime, node->dir.snap_dir, zxid, &options, &writer);
    bool is_at_end = false;
    while (error == 0 && !is_at_end) {
        is_at_end = tree_snapshot_step(walk, PIECE_BYTES);
        error = snapshot_writer_append(writer, buffer_slice(&sink));
        buffer_clear(&sink, PIECE_BYTES * 2);
        if (error != 0) {
            snapshot_writer_abandon(writer);
        }
    }
    tree_snapshot_end(walk);
    buffer_release(&sink);
    if (error == 0) {
        error = snapshot_writer_finish(writer, digest, &size);
    }
    if (error == 0) {
        node->stats.snapshots_taken++;
        node->stats.last_snapshot_zxid = (uint64_t)zxid;
        node->stats.last_snapshot_wall_ms = runtime_wall_ms(node->runtime);
    }
    return error;
}
