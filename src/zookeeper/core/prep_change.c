/* prep_change.c - the future state of nodes, as the outstanding transactions will leave it.
 *
 * Model: one queue of change records in zxid order, and a map from path to the newest record of
 * that path. Reading a node asks the map first and then the tree; with nothing outstanding the map
 * is empty and is not asked. When the tree has applied a zxid, the records up to it leave the
 * queue, and a path leaves the map with its last record.
 *
 * Rolling back (a multi that fails) takes the records of its zxid off the end of the queue again
 * and restores each path's older one: nothing was applied in between, so that one is still there.
 */
#include "zookeeper/core/prep_private.h"

#include "base/memory.h"

#define SPARE_CHANGES_MAX 4096u

struct slice prep_path(struct slice path)
{
    return path.len == 1 && path.ptr[0] == '/' ? slice_part(path, 0, 0) : path;
}

int32_t prep_parent(struct slice path, struct slice *parent)
{
    if (slice_is_null(path)) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/') {
        slash -= 1;
    }
    if (slash == 0 || memchr(path.ptr, 0, path.len) != NULL) {
        return ZK_ERR_BADARGUMENTS;
    }
    *parent = prep_path(slice_part(path, 0, slash - 1));
    return ZK_ERR_OK;
}

/* ---- reading the future -------------------------------------------------------------- */

uint64_t prep_digest_begin(struct prep_step *step, struct slice path, struct slice data)
{
    return step->prep->config->digest_enabled ? tree_digest_begin(path, data) : 0;
}

bool prep_view(struct prep_step *step, struct slice path, struct node_view *view)
{
    const struct prep_private *private = step->prep->private;
    const struct tree *tree = step->prep->tree;
    path = prep_path(path);
    if (private->paths.count > 0) {
        const struct pending_path *pending = bytes_map_get(&private->paths, path);
        if (pending != NULL) {
            *view = pending->newest->view;
            return pending->newest->exists;
        }
    }
    const struct znode *node = tree_find(tree, path);
    if (node == NULL) {
        return false;
    }
    znode_stat_persisted(tree, node, &view->stat);
    view->child_count = znode_child_count(tree, node);
    view->data_len = znode_data(tree, node).len;
    view->digest = znode_digest(tree, node);
    view->acl = NULL;
    view->acl_id = znode_acl_id(tree, node);
    view->node = node;
    return true;
}

bool prep_allowed(struct prep_step *step, const struct node_view *view, int32_t perms)
{
    int32_t count = 0;
    const struct zk_acl *entries = NULL;
    if (view->acl != NULL) {
        entries = view->acl->entries;
        count = view->acl->count;
    } else {
        entries = acl_table_get(&step->prep->tree->acls, view->acl_id, &count);
    }
    return acl_check(&step->prep->config->auth, step->request->identities, entries, count, perms);
}

/* ---- pending ACLs -------------------------------------------------------------------- */

static uint8_t *copy_text(struct slice *to, struct slice from, uint8_t *at)
{
    if (from.len > 0) {
        memcpy(at, from.ptr, from.len);
    }
    *to = slice_of(at, from.len);
    return at + from.len;
}

struct pending_acl *pending_acl_make(const struct zk_acl *entries, int32_t count)
{
    size_t size = sizeof(struct pending_acl) + (size_t)count * sizeof(struct zk_acl);
    for (int32_t i = 0; i < count; i++) {
        size += entries[i].id.scheme.len + entries[i].id.id.len;
    }
    struct pending_acl *acl = mem_alloc(size);
    acl->references = 1;
    acl->count = count;
    acl->size = size;
    uint8_t *at = (uint8_t *)&acl->entries[count];
    for (int32_t i = 0; i < count; i++) {
        acl->entries[i].perms = entries[i].perms;
        at = copy_text(&acl->entries[i].id.scheme, entries[i].id.scheme, at);
        at = copy_text(&acl->entries[i].id.id, entries[i].id.id, at);
    }
    return acl;
}

static void pending_acl_drop(struct pending_acl *acl)
{
    if (acl != NULL) {
        acl->references -= 1;
        if (acl->references == 0) {
            mem_free(acl, acl->size);
        }
    }
}

/* ---- records ------------------------------------------------------------------------- */

static struct node_change *change_alloc(struct prep_private *private)
{
    struct list *link = list_pop(&private->spare);
    if (link == NULL) {
        return mem_alloc(sizeof(struct node_change));
    }
    private->spare_count -= 1;
    return CONTAINER_OF(link, struct node_change, link);
}

static struct pending_path *pending_path_of(struct prep_private *private, struct slice path)
{
    struct pending_path *pending = bytes_map_get(&private->paths, path);
    if (pending == NULL) {
        pending = mem_alloc(sizeof *pending + path.len);
        uint8_t *copy = (uint8_t *)(pending + 1);
        if (path.len > 0) {
            memcpy(copy, path.ptr, path.len);
        }
        *pending = (struct pending_path){.path = slice_of(copy, path.len)};
        bytes_map_add(&private->paths, pending->path, pending);
    }
    return pending;
}

static struct node_change *change_add(struct prep_step *step, struct slice path)
{
    struct prep_private *private = step->prep->private;
    struct pending_path *pending = pending_path_of(private, prep_path(path));
    struct node_change *change = change_alloc(private);
    *change = (struct node_change){.zxid = step->zxid, .path = pending, .older = pending->newest};
    list_init(&change->ephemeral_link);
    list_append(&private->changes, &change->link);
    private->change_count += 1;
    pending->newest = change;
    pending->count += 1;
    return change;
}

struct node_change *prep_change_node(struct prep_step *step,
                                     struct slice path,
                                     const struct node_view *was,
                                     const struct node_view *view)
{
    struct node_change *change = change_add(step, path);
    change->exists = true;
    change->view = *view;
    change->view.node = NULL; /* the tree's node does not outlive the step */
    if (was != NULL && view->acl != NULL && view->acl == was->acl) {
        view->acl->references += 1; /* the older record keeps its own */
    }
    if (step->prep->config->digest_enabled) {
        if (view->node != NULL) {
            change->view.digest_begun = tree_digest_begin(prep_path(path),
                                                          znode_data(step->prep->tree, view->node));
        }
        change->view.digest = tree_digest_end(change->view.digest_begun, &view->stat);
        step->prep->private->digest += change->view.digest - (was != NULL ? was->digest : 0);
    }
    return change;
}

void prep_change_deleted(struct prep_step *step, struct slice path, const struct node_view *was)
{
    struct node_change *change = change_add(step, path);
    step->prep->private->digest -= was->digest;
    prep_quota_note(step, change, path, -1, -(int64_t)was->data_len);
}

void prep_change_release(struct prep_private *private, struct node_change *change)
{
    struct pending_path *pending = change->path;
    list_remove(&change->link);
    list_remove(&change->ephemeral_link);
    private->change_count -= 1;
    prep_quota_drop(private, change);
    if (change->exists) {
        pending_acl_drop(change->view.acl);
    }
    pending->count -= 1;
    if (pending->count == 0) {
        bytes_map_remove(&private->paths, pending->path);
        mem_free(pending, sizeof *pending + pending->path.len);
    }
    if (private->spare_count < SPARE_CHANGES_MAX) {
        list_append(&private->spare, &change->link);
        private->spare_count += 1;
    } else {
        mem_free(change, sizeof *change);
    }
}

void prep_rollback(struct prep_step *step, uint64_t digest)
{
    struct prep_private *private = step->prep->private;
    while (!list_is_empty(&private->changes)) {
        struct node_change *change = CONTAINER_OF(private->changes.prev, struct node_change, link);
        if (change->zxid != step->zxid) {
            break;
        }
        change->path->newest = change->older;
        prep_change_release(private, change);
    }
    private->digest = digest;
}

void prep_changes_check(const struct prep *prep)
{
    const struct prep_private *private = prep->private;
    size_t count = 0;
    int64_t last_zxid = 0;
    LIST_FOR_EACH(link, &private->changes)
    {
        const struct node_change *change = CONTAINER_OF(link, struct node_change, link);
        ASSERT(change->zxid >= last_zxid && change->zxid <= prep->last_zxid);
        ASSERT(change->path->newest->zxid >= change->zxid);
        last_zxid = change->zxid;
        count += 1;
    }
    ASSERT(count == private->change_count);
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    while (bytes_map_next(&private->paths, &position, &key, &value)) {
        count -= ((const struct pending_path *)value)->count;
    }
    ASSERT(count == 0);
}
