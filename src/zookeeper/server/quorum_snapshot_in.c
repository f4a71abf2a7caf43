/* quorum_snapshot_in.c - a leader's tree arriving at a learner.
 *
 *   link -> scanner (where does it end?) -> pieces -> file (LANE_SNAPSHOT)
 *                                                       `- at the end: file -> tree (the same lane)
 *
 * A bounded number of pieces is on its way to the file; beyond it the link is not read, so a slow
 * disk slows the sender. The tree is a new one: the server's own stays as it is, and is read by
 * four-letter words and metrics, until the new one is whole. The file is ours (*.samsa-tmp),
 * removed at the end, or at the next start.
 *
 * A disk that does not take the file ends the server, as one that does not take the log: the leader
 * would send its whole tree again and again. Bytes that are no tree are the sender's fault: the
 * link is closed, and another try made.
 *
 * A link that is lost or closed in the middle leaves the receiver to its jobs, whose work is then
 * for nobody; it goes when the last is done.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/core/tree_snapshot.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port_private.h"
#include "zookeeper/server/snapshotter.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define PIECES 4

struct in_piece {
    struct runtime_job job;
    struct snapshot_in *in;
    struct buffer bytes;
    bool is_free;
};

struct snapshot_in {
    struct list entry; /* quorum_port.receiving */
    struct quorum_port *port;
    struct quorum_link *link; /* NULL: lost, or done with */
    struct snapshot_scan scan;
    struct in_piece pieces[PIECES];
    struct in_piece *filling; /* NULL: none is free */
    uint32_t jobs_left;
    struct runtime_job load_job;
    bool is_whole; /* the signature was seen */
    uint64_t received;
    uint64_t began_ns;
    /* the lane's half: touched by its jobs alone until the last is done */
    struct file *file;
    uint64_t file_bytes;
    uint64_t read_at;
    int lane_error;
    struct errmsg disk_failed; /* what is to be told of the file; "": nothing */
    bool has_tree;
    struct tree tree;
    char path[PATH_TEXT_MAX];
};

static void in_free(struct snapshot_in *in)
{
    list_remove(&in->entry);
    if (in->file != NULL) {
        file_close(in->file);
        int error = path_remove(in->port->node->runtime, in->path);
        LOG("quorum", error == 0 ? LOG_DEBUG : LOG_WARN, "removing %s: %s", in->path,
            error_text(error)); /* the next start does it else */
    }
    if (in->has_tree) {
        tree_release(&in->tree);
    }
    for (int i = 0; i < PIECES; i++) {
        buffer_release(&in->pieces[i].bytes);
    }
    mem_free(in, sizeof *in);
}

/* The last thing that is done for a job: until then it keeps `in`, whatever becomes of the link. */
static void job_is_over(struct snapshot_in *in)
{
    in->jobs_left--;
    if (in->link == NULL && in->jobs_left == 0) {
        struct node *node = in->port->node;
        in_free(in);
        node_client_gone(node); /* stopping may have waited for it */
    }
}

/* ---- the lane's half ------------------------------------------------------------------------- */

/* Too many open files are clients', who leave a server that is not in step. */
static void file_failed(struct snapshot_in *in, int error, const char *what)
{
    in->lane_error = error;
    if (error != ERR_TOO_MANY_FILES) {
        errmsg_set(&in->disk_failed, error, "the leader's snapshot: %s %s failed: %s (%s)", what,
                   in->path, error_text(error), runtime_error_detail());
    }
}

static void piece_work(struct runtime_job *job)
{
    struct in_piece *piece = CONTAINER_OF(job, struct in_piece, job);
    struct snapshot_in *in = piece->in;
    int error = 0;
    if (in->lane_error != 0) {
        return;
    }
    if (in->file == NULL) {
        error = file_open(in->port->node->runtime, in->path,
                          FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &in->file);
    }
    if (error == 0) {
        error = file_write(in->file, in->file_bytes, buffer_slice(&piece->bytes));
        in->file_bytes += piece->bytes.len;
    }
    if (error != 0) {
        file_failed(in, error, "writing");
    }
}

static int read_file(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct snapshot_in *in = ctx;
    int error = file_read(in->file, in->read_at, bytes, len, got);
    if (error != 0) {
        file_failed(in, error, "reading");
        return error;
    }
    in->read_at += *got;
    return 0;
}

static void load_work(struct runtime_job *job)
{
    struct snapshot_in *in = CONTAINER_OF(job, struct snapshot_in, load_job);
    const struct service_config *config = &in->port->node->service_config;
    struct tree_source source = {read_file, in};
    struct slice ahead;
    if (in->lane_error != 0) {
        return;
    }
    tree_init(&in->tree, &config->tree);
    in->has_tree = true;
    in->lane_error = tree_load(&in->tree, &source, config->prep.max_string_bytes, &ahead);
    if (in->lane_error == 0 && ahead.len != snapshot_scan_signature_bytes()) {
        in->lane_error = ERR_CORRUPT;
    }
}

/* ---- the loop's half ------------------------------------------------------------------------- */

/* The learner's machine hears how it ended. */
static void in_finished(struct snapshot_in *in, int error)
{
    struct quorum_link *link = in->link;
    struct quorum_port *port = in->port;
    struct node *node = port->node;
    uint64_t took_ms = (runtime_now_ns(node->runtime) - in->began_ns) / 1000000;
    if (link == NULL) {
        return;
    }
    if (in->disk_failed.text[0] != '\0') {
        node_fail_disk(node, &in->disk_failed); /* it drops the links, and this with them */
        return;
    }
    if (error == 0) {
        snapshotter_abort(node->snapshotter); /* it may be looking at the tree that goes */
        peer_reset_tree(node->peer);
        tree_release(&node->service->tree);
        node->service->tree = in->tree;
        in->has_tree = false;
        LOG("quorum", LOG_INFO,
            "Snapshot received from %s: %" PRIu64 " bytes, %" PRIu64 " nodes, in %" PRIu64 " ms",
            link->remote_text, in->received, node->service->tree.node_count, took_ms);
    } else {
        LOG("quorum", LOG_ERROR, "The snapshot of %s cannot be used: %s", link->remote_text,
            error_text(error));
    }
    link->in = NULL;
    in->link = NULL;
    struct zk_event event = quorum_event(port, PEER_EVENT_SNAPSHOT_READ, &link->link);
    event.error = error;
    quorum_step(port, &event);
    node_perform_effects(node);
    if (error != 0) {
        quorum_link_close(link, 0);
    } else {
        quorum_link_go_on(link);
    }
}

static void load_done(struct runtime_job *job)
{
    struct snapshot_in *in = CONTAINER_OF(job, struct snapshot_in, load_job);
    in_finished(in, in->lane_error);
    job_is_over(in);
}

static void submit_filling(struct snapshot_in *in)
{
    struct in_piece *piece = in->filling;
    in->filling = NULL;
    piece->is_free = false;
    in->jobs_left++;
    runtime_submit(in->port->node->runtime, LANE_SNAPSHOT, &piece->job);
    for (int i = 0; i < PIECES && in->filling == NULL; i++) {
        in->filling = in->pieces[i].is_free ? &in->pieces[i] : NULL;
    }
}

static void piece_done(struct runtime_job *job)
{
    struct in_piece *piece = CONTAINER_OF(job, struct in_piece, job);
    struct snapshot_in *in = piece->in;
    buffer_clear(&piece->bytes, PIECE_BYTES * 2);
    piece->is_free = true;
    if (in->filling == NULL) {
        in->filling = piece;
    }
    /* After the last piece it is load_done that speaks. */
    if (!in->is_whole && in->link != NULL) {
        if (in->lane_error != 0 && in->jobs_left == 1) {
            in_finished(in, in->lane_error);
        } else if (in->lane_error == 0) {
            quorum_link_go_on(in->link);
        }
    }
    job_is_over(in);
}

void snapshot_in_begin(struct quorum_link *link)
{
    struct quorum_port *port = link->port;
    struct node *node = port->node;
    struct snapshot_in *in = mem_alloc_zeroed(sizeof *in);
    char name[64];
    ASSERT(link->in == NULL);
    in->port = port;
    in->link = link;
    in->began_ns = runtime_now_ns(node->runtime);
    in->load_job.work = load_work;
    in->load_job.done = load_done;
    snapshot_scan_init(&in->scan, node->service_config.prep.max_string_bytes);
    for (int i = 0; i < PIECES; i++) {
        in->pieces[i].in = in;
        in->pieces[i].job.work = piece_work;
        in->pieces[i].job.done = piece_done;
        in->pieces[i].is_free = true;
        buffer_init(&in->pieces[i].bytes, SIZE_MAX);
    }
    in->filling = &in->pieces[0];
    snprintf(name, sizeof name, "received-%" PRIu64 DATA_TMP_SUFFIX, link->link.id);
    data_dir_join(in->path, node->dir.snap_dir, name);
    list_append(&port->receiving, &in->entry);
    link->in = in;
}

bool snapshot_in_is_full(const struct snapshot_in *in)
{
    return in->is_whole || in->filling == NULL;
}

size_t snapshot_in_take(struct quorum_link *link, struct slice bytes)
{
    struct snapshot_in *in = link->in;
    size_t taken = 0;
    struct slice piece = slice_part(bytes, 0, MIN(bytes.len, PIECE_BYTES));
    if (snapshot_scan_feed(&in->scan, piece, &taken) != 0) {
        LOG("quorum", LOG_ERROR, "What %s sends is no snapshot", link->remote_text);
        quorum_link_close(link, 0); /* LINK_CLOSED tells the machine */
        return bytes.len;
    }
    buffer_append(&in->filling->bytes, slice_part(piece, 0, taken));
    in->received += taken;
    in->is_whole = in->scan.state == SCAN_DONE;
    if (in->is_whole || in->filling->bytes.len >= PIECE_BYTES) {
        submit_filling(in);
    }
    if (in->is_whole) {
        in->jobs_left++;
        runtime_submit(link->port->node->runtime, LANE_SNAPSHOT, &in->load_job);
    }
    return taken;
}

void snapshot_in_abandon(struct quorum_link *link)
{
    struct snapshot_in *in = link->in;
    if (in != NULL) {
        link->in = NULL;
        in->link = NULL;
        if (in->jobs_left == 0) {
            in_free(in);
        }
    }
}

void snapshot_in_release_all(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->receiving)
    {
        in_free(CONTAINER_OF(entry, struct snapshot_in, entry));
    }
}
