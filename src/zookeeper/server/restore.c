/* restore.c - replacing a running server's state by a snapshot: node.h's node_restore.
 *
 * Steps: the bytes go to a temporary file and are loaded into a scratch tree (a bad snapshot
 * changes nothing); the port stops taking clients and all are closed; when nothing is on its way to
 * the log, the machine is made anew from the file, a snapshot of the new state is written and
 * synced, the log begins a new file, and clients are taken again.
 *
 * zxids never go back: the restored state is given the larger of its own zxid and the one that was
 * reached here, so that it is the newest on disk and clients that saw later zxids can come back.
 * Its sessions are those of the snapshot, each with a full timeout. Source:
 * ZooKeeperServer.restoreFromSnapshot (ZOOKEEPER-4571).
 */
#include <stdio.h>
#include <unistd.h>

#include "runtime/log.h"
#include "zookeeper/server/node.h"
#include "zookeeper/server/snapshotter.h"

static enum snapshot_compression compression_of(struct slice bytes)
{
    static const uint8_t snappy_magic[4] = {0x82, 'S', 'N', 'A'};
    if (bytes.len >= 2 && bytes.ptr[0] == 0x1f && bytes.ptr[1] == 0x8b) {
        return SNAPSHOT_GZIP;
    }
    if (bytes.len >= 4 && memcmp(bytes.ptr, snappy_magic, 4) == 0) {
        return SNAPSHOT_SNAPPY;
    }
    return SNAPSHOT_PLAIN;
}

static int write_temporary(struct node *node, struct slice snapshot, struct data_file *file)
{
    char path[PATH_TEXT_MAX];
    struct file *handle;
    *file = (struct data_file){.size = snapshot.len, .compression = compression_of(snapshot)};
    snprintf(file->name, sizeof file->name, "restore%s", DATA_TMP_SUFFIX);
    data_dir_join(path, node->dir.snap_dir, file->name);
    int error = file_open(node->runtime, path, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                          &handle);
    if (error != 0) {
        return error;
    }
    error = file_write(handle, 0, snapshot);
    int close_error = file_close(handle);
    return error != 0 ? error : close_error;
}

static void remove_temporary(struct node *node)
{
    char path[PATH_TEXT_MAX];
    data_dir_join(path, node->dir.snap_dir, "restore" DATA_TMP_SUFFIX);
    int error = path_remove(node->runtime, path);
    if (error != 0 && error != ERR_NOT_FOUND) {
        LOG("snapshot", LOG_WARN, "cannot remove %s: %s", path, error_text(error));
    }
}

/* Loads the file into a tree that is thrown away: does it check, and to which zxid does it reach?
 */
static int try_file(struct node *node,
                    const struct data_file *file,
                    int64_t *zxid,
                    struct errmsg *message)
{
    struct tree scratch;
    struct snapshot_info info;
    tree_init(&scratch, &node->service_config.tree);
    int error = snapshot_file_load(node->runtime, node->dir.snap_dir, file, &scratch, &info,
                                   message);
    *zxid = info.last_processed_zxid;
    tree_release(&scratch);
    return error;
}

int node_restore(struct node *node,
                 struct slice snapshot,
                 void (*done)(void *ctx, int error, int64_t zxid),
                 void *ctx,
                 struct errmsg *message)
{
    int64_t zxid = 0;
    if (node->ensemble != NULL) {
        return errmsg_set(message, ERR_UNSUPPORTED,
                          "a server of an ensemble takes its state from the leader: stop the "
                          "ensemble and put the snapshot into each server's dataDir instead");
    }
    if (node->state != NODE_RUNNING) {
        return errmsg_set(message, ERR_BUSY, "the server is not serving");
    }
    int error = write_temporary(node, snapshot, &node->restore_file);
    if (error != 0) {
        errmsg_set(message, error, "cannot write in %s: %s (%s)", node->dir.snap_dir,
                   error_text(error), runtime_error_detail());
    } else {
        error = try_file(node, &node->restore_file, &zxid, message);
    }
    if (error != 0) {
        node->stats.restore_errors++;
        remove_temporary(node);
        return error;
    }
    node->restore_began_ns = runtime_now_ns(node->runtime);
    node->restore_file.zxid = zxid;
    node->restore_done = done;
    node->restore_ctx = ctx;
    node->state = NODE_RESTORING;
    snapshotter_cancel(node->snapshotter);
    client_port_drop_all(node);
    runtime_timer_set(&node->tick_timer, 0); /* a turn must come */
    node->next_tick_ms = 0;
    return 0;
}

static int replace_machine(struct node *node, struct errmsg *message)
{
    struct snapshot_info info;
    int64_t reached = node->machine.service.tree.last_processed_zxid;
    int64_t next_session_id = node->machine.service.sessions.next_id;
    struct service_stats stats = node->machine.service.stats;
    standalone_release(&node->machine);
    standalone_init(&node->machine, &node->service_config);
    struct tree *tree = &node->machine.service.tree;
    int error = snapshot_file_load(node->runtime, node->dir.snap_dir, &node->restore_file, tree,
                                   &info, message);
    if (error != 0) {
        return error;
    }
    tree->last_processed_zxid = MAX(info.last_processed_zxid, reached);
    standalone_start(&node->machine, runtime_now_ns(node->runtime) / 1000000);
    node->machine.service.sessions.next_id =
        next_session_id; /* ids given out before are not given out again */
    node->machine.service.stats = stats;
    return snapshotter_write_now(node->snapshotter);
}

void node_restore_go_on(struct node *node)
{
    struct errmsg message;
    bool is_quiet = node->client_count == 0 && log_writer_is_idle(&node->log) &&
                    !snapshotter_is_running(node->snapshotter);
    if (node->state != NODE_RESTORING || !is_quiet) {
        return;
    }
    int error = replace_machine(node, &message);
    remove_temporary(node);
    if (error != 0) {
        /* It loaded a moment ago: the disk has failed in between, and the old state is gone from
         * memory. It is still on disk. */
        node->stats.restore_errors++;
        node_fail(node, "Severe unrecoverable error, exiting: the snapshot to restore could not be "
                        "read or written a second time; "
                        "start the server again to have the state from before");
        return;
    }
    log_writer_roll(&node->log);
    node->state = NODE_RUNNING;
    node->stats.restores++;
    histogram_add(&node->stats.restore_ms,
                  (runtime_now_ns(node->runtime) - node->restore_began_ns) / 1000000);
    LOG("snapshot", LOG_INFO, "restored; the state is at zxid 0x%llx",
        (unsigned long long)node->machine.persisted_zxid);
    if (node->restore_done != NULL) {
        node->restore_done(node->restore_ctx, 0, node->machine.persisted_zxid);
    }
}
