/* tree.c - what transactions do to the tree.
 *
 * Picture: one block per znode (tree_node.h), found by the hash of its path (tree_index.h), linked
 * to its parent and siblings.
 *
 *     tree_apply -> apply_one -> create_node, delete_node, set_data, set_acl, close_session
 *                -> apply_multi -> apply_one for each part
 *
 * Every change to a node has the same frame: a running snapshot takes the old form
 * (node_will_change), the node's digest leaves the sum, the fields change, the new digest enters
 * (tree_digest_node). What a reader can see follows from the order in each function: sizes, owners,
 * quotas, then the events, which are the last and only wanted while serving.
 *
 * The same function serves and replays. On Apache's snapshots, whose nodes may be younger than the
 * snapshot's zxid, a txn can meet its own result or none of what it expects; each such case is an
 * error in the result and changes what upstream changes then: a create that finds its node sets the
 * node's ACL and the parent's cversion and pzxid; a delete without a node still moves the parent's
 * pzxid. A delete of a node with children can only happen there (the children are made again by
 * later txns): they go with it.
 *
 * A txn from a damaged or hostile log can name any path. One that is not "/" and a name behind an
 * existing parent is refused with BADARGUMENTS or NONODE, as are the root's creation and deletion;
 * nothing here asserts on a txn's content.
 */
#include "base/memory.h"
#include "zookeeper/core/quota.h"
#include "zookeeper/core/tree_node.h"

#define SCRATCH_CHUNK 16384
#define SCRATCH_MAX ((size_t)1 << 32)
#define PATH_KEEP_BYTES 65536
#define FIRST_CHANGES 16
#define CONFIG_NAME "config"
#define CONFIG_PATH "/zookeeper/config"

/* ---- birth and end --------------------------------------------------------------------------- */

/* The node is linked, with its stat set: finds it, counts it. */
void tree_enlist(struct tree *tree, uint32_t handle, struct slice path)
{
    struct tree_private *inner = tree->private;
    owner_link(tree, handle);
    tree->node_count += 1;
    tree->approximate_data_size += (int64_t)(path.len +
                                             node_data(inner, node_at(inner, handle)).len);
    tree_digest_node(tree, node_at(inner, handle), path);
}

static uint32_t plant_node(struct tree *tree, uint32_t parent, struct slice path, struct slice name)
{
    struct tree_private *inner = tree->private;
    uint32_t handle = node_new(inner, name, SLICE_LIT(""));
    if (parent != 0) {
        node_link(inner, handle, parent);
        index_add(&inner->index, tree_tag(tree, path), handle);
    }
    tree_enlist(tree, handle, path);
    return handle;
}

static void plant_config(struct tree *tree, uint32_t parent)
{
    static const struct zk_acl read_only = {.perms = ZK_PERM_READ,
                                            .id = {SLICE_LIT("world"), SLICE_LIT("anyone")}};
    uint32_t handle = plant_node(tree, parent, SLICE_LIT(CONFIG_PATH), SLICE_LIT(CONFIG_NAME));
    struct znode *node = node_at(tree->private, handle);
    node->acl = acl_table_keep(&tree->acls, &read_only, 1);
    node->aversion = -1; /* as upstream, which sets this ACL like a request with version -1 */
}

void tree_plant(struct tree *tree)
{
    struct tree_private *inner = tree->private;
    inner->root = plant_node(tree, 0, SLICE_LIT(""), SLICE_LIT(""));
    tree->node_count += 1;            /* "/" is one more name of the root, */
    tree->approximate_data_size += 1; /* of one byte */
    uint32_t own = plant_node(tree, inner->root, SLICE_LIT("/zookeeper"), SLICE_LIT("zookeeper"));
    plant_node(tree, own, SLICE_LIT(QUOTA_ROOT), SLICE_LIT("quota"));
    plant_config(tree, own);
}

void tree_add_config_node(struct tree *tree)
{
    struct tree_private *inner = tree->private;
    struct slice own = SLICE_LIT("/zookeeper");
    uint32_t parent = tree_find_exact(tree, own, tree_tag(tree, own));
    ASSERT(inner->snapshot == NULL);
    if (parent == 0) {
        parent = plant_node(tree, inner->root, own, SLICE_LIT("zookeeper"));
    }
    if (tree_find(tree, SLICE_LIT(CONFIG_PATH)) == NULL) {
        plant_config(tree, parent);
    }
}

static void private_start(struct tree *tree)
{
    struct tree_private *inner = tree->private;
    *inner = (struct tree_private){0};
    slab_init(&inner->slab);
    index_init(&inner->index);
    u64_map_init(&inner->owners);
    bytes_map_init(&inner->quotas, tree->config.hash_key);
    buffer_init(&inner->quota_path, SIZE_MAX);
    buffer_init(&inner->path, SIZE_MAX);
    arena_init(&inner->scratch, SCRATCH_CHUNK, SCRATCH_MAX);
    acl_table_init(&tree->acls, tree->config.hash_key);
    u64_map_init(&tree->sessions);
}

static void private_end(struct tree *tree)
{
    struct tree_private *inner = tree->private;
    /* What stands in the heap by itself; the slab takes the rest with it. */
    uint32_t at = inner->heap_count > 0 ? inner->root : 0;
    for (; at != 0; at = node_next_in(inner, at, inner->root)) {
        node_free_heap(inner, node_at(inner, at));
    }
    mem_free(inner->ahead, inner->ahead_len);
    tree_release_digests(inner);
    mem_free(tree->changes, inner->change_cap * sizeof *tree->changes);
    quota_release(tree);
    slab_release(&inner->slab);
    index_release(&inner->index);
    u64_map_release(&inner->owners);
    buffer_release(&inner->quota_path);
    buffer_release(&inner->path);
    arena_release(&inner->scratch);
    acl_table_release(&tree->acls);
    u64_map_release(&tree->sessions);
}

void tree_clear(struct tree *tree)
{
    private_end(tree);
    *tree = (struct tree){.config = tree->config, .private = tree->private};
    private_start(tree);
}

void tree_init(struct tree *tree, const struct tree_config *config)
{
    *tree = (struct tree){.config = *config, .private = mem_alloc(sizeof *tree->private)};
    private_start(tree);
    tree_plant(tree);
}

void tree_release(struct tree *tree)
{
    ASSERT(tree->private->snapshot == NULL);
    private_end(tree);
    mem_free(tree->private, sizeof *tree->private);
    *tree = (struct tree){0};
}

/* ---- events ---------------------------------------------------------------------------------- */

static void change_add(struct tree *tree, enum zk_event_type type, struct slice path, uint32_t acl)
{
    struct tree_private *inner = tree->private;
    if (!inner->is_collecting) {
        return;
    }
    if ((uint32_t)tree->change_count == inner->change_cap) {
        uint32_t cap = inner->change_cap == 0 ? FIRST_CHANGES : inner->change_cap * 2;
        tree->changes = mem_realloc(tree->changes, inner->change_cap * sizeof *tree->changes,
                                    cap * sizeof *tree->changes);
        inner->change_cap = cap;
    }
    struct tree_change *change = &tree->changes[tree->change_count];
    *change = (struct tree_change){.type = type, .path = path};
    change->acl = acl_table_at(&tree->acls, acl, &change->acl_count);
    tree->change_count += 1;
}

static void change_add_children(struct tree *tree, struct slice parent, uint32_t acl)
{
    change_add(tree, ZK_EVENT_NODE_CHILDREN_CHANGED, parent.len == 0 ? SLICE_LIT("/") : parent,
               acl);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* What the four kinds of create txns have in common. */
struct create {
    struct slice path;
    struct slice data;
    const struct zk_acl *acl;
    int32_t acl_count;
    int32_t parent_cversion;
    int64_t owner;
};

/* The parent's cversion and pzxid after a create, if the txn is ahead of them. */
static void parent_advance(struct tree *tree,
                           uint32_t handle,
                           struct slice path,
                           int32_t cversion,
                           int64_t zxid)
{
    struct tree_private *inner = tree->private;
    struct znode *node = node_at(inner, handle);
    int32_t stored = node_cversion(inner, node);
    if (cversion == -1) {
        cversion = (int32_t)((uint32_t)stored + 1);
    }
    if (cversion <= stored) {
        return;
    }
    node_will_change(inner, handle);
    tree_undigest_node(tree, node);
    struct znode_extra *extra = node_need_extra(inner, node);
    extra->cversion = cversion;
    extra->pzxid = zxid;
    tree_digest_node(tree, node, path);
}

/* The node is there already: it takes the ACL. */
static void create_again(struct tree *tree, uint32_t handle, const struct create *create)
{
    struct tree_private *inner = tree->private;
    uint32_t acl = acl_table_keep(&tree->acls, create->acl, create->acl_count);
    node_will_change(inner, handle);
    struct znode *node = node_at(inner, handle);
    acl_table_drop(&tree->acls, node->acl);
    node->acl = acl;
}

static uint32_t create_new(struct tree *tree,
                           const struct zk_txn_header *header,
                           const struct create *create,
                           struct slice name,
                           uint32_t parent,
                           uint32_t tag)
{
    struct tree_private *inner = tree->private;
    uint32_t handle = node_new(inner, name, create->data);
    struct znode *node = node_at(inner, handle);
    node->czxid = header->zxid;
    node->mzxid = header->zxid;
    node->ctime = header->time;
    node->mtime = header->time;
    node->acl = acl_table_keep(&tree->acls, create->acl, create->acl_count);
    if (create->owner != 0 || node->extra != 0) {
        /* Large data has made an extra already, before there was a czxid. */
        struct znode_extra *extra = node_need_extra(inner, node);
        extra->owner = create->owner;
        extra->pzxid = header->zxid;
    }
    node_link(inner, handle, parent);
    index_add(&inner->index, tag, handle);
    tree_enlist(tree, handle, create->path);
    return handle;
}

static int32_t create_node(struct tree *tree,
                           const struct zk_txn_header *header,
                           const struct create *create,
                           struct zk_stat *stat)
{
    struct tree_private *inner = tree->private;
    struct slice parent_path;
    struct slice name;
    if (!path_split(create->path, &parent_path, &name)) {
        return ZK_ERR_BADARGUMENTS;
    }
    uint32_t parent = tree_find_exact(tree, parent_path, tree_tag(tree, parent_path));
    if (parent == 0) {
        return ZK_ERR_NONODE;
    }
    uint32_t tag = tree_tag(tree, create->path);
    uint32_t existing = tree_find_exact(tree, create->path, tag);
    if (existing != 0) {
        create_again(tree, existing, create);
        return ZK_ERR_NODEEXISTS;
    }
    node_will_change(inner, parent);
    uint32_t handle = create_new(tree, header, create, name, parent, tag);
    parent_advance(tree, parent, parent_path, create->parent_cversion, header->zxid);

    uint32_t acl = node_at(inner, handle)->acl;
    if (stat != NULL && inner->is_collecting) {
        znode_stat(tree, node_at(inner, handle), stat);
    }
    quota_created(tree, create->path, parent_path, name, (int64_t)create->data.len);
    change_add(tree, ZK_EVENT_NODE_CREATED, create->path, acl);
    change_add_children(tree, parent_path, node_at(inner, parent)->acl);
    return ZK_ERR_OK;
}

/* ---- delete ---------------------------------------------------------------------------------- */

/* Takes a node without children out of everything. */
static void remove_leaf(struct tree *tree, uint32_t handle, struct slice path)
{
    struct tree_private *inner = tree->private;
    struct znode *node = node_at(inner, handle);
    tree_undigest_node(tree, node);
    owner_unlink(tree, handle);
    tree->node_count -= 1;
    tree->approximate_data_size -= (int64_t)(path.len + node_data(inner, node).len);
    index_remove(&inner->index, tree_tag(tree, path), handle);
    acl_table_drop(&tree->acls, node->acl);
    node_unlink(inner, handle);
    node_free(inner, handle);
}

/* A running snapshot takes the node, and its cursor steps off it. */
static void node_will_go(struct tree_private *inner, uint32_t handle)
{
    node_will_change(inner, handle);
    if (inner->snapshot != NULL) {
        snapshot_moved(inner->snapshot, handle, 0);
    }
}

/* Only a replay on a fuzzy snapshot comes here: takes what is below a node, children before
 * parents. */
static void remove_below(struct tree *tree, uint32_t top)
{
    struct tree_private *inner = tree->private;
    struct buffer path_bytes;
    uint32_t at = top;
    buffer_init(&path_bytes, SIZE_MAX);
    for (;;) {
        uint32_t child = node_first_child(inner, node_at(inner, at));
        if (child != 0) {
            at = child;
            continue;
        }
        if (at == top) {
            break;
        }
        uint32_t parent = node_at(inner, at)->parent;
        int64_t bytes = (int64_t)node_data(inner, node_at(inner, at)).len;
        struct slice parent_path;
        struct slice name;
        node_will_go(inner, at);
        buffer_clear(&path_bytes, SIZE_MAX);
        znode_path(tree, node_at(inner, at), &path_bytes);
        struct slice path = buffer_slice(&path_bytes);
        remove_leaf(tree, at, path);
        bool is_split = path_split(path, &parent_path, &name);
        ASSERT(is_split);
        quota_deleted(tree, path, parent_path, name, bytes);
        at = parent;
    }
    buffer_release(&path_bytes);
}

static int32_t delete_node(struct tree *tree, struct slice path, int64_t zxid)
{
    struct tree_private *inner = tree->private;
    struct slice parent_path;
    struct slice name;
    if (!path_split(path, &parent_path, &name)) {
        return ZK_ERR_BADARGUMENTS;
    }
    uint32_t parent = tree_find_exact(tree, parent_path, tree_tag(tree, parent_path));
    if (parent == 0) {
        return ZK_ERR_NONODE;
    }
    struct znode *parent_node = node_at(inner, parent);
    if (zxid > node_pzxid(inner, parent_node)) {
        node_will_change(inner, parent);
        tree_undigest_node(tree, parent_node);
        node_need_extra(inner, parent_node)->pzxid = zxid;
        tree_digest_node(tree, parent_node, parent_path);
    }
    uint32_t handle = tree_find_exact(tree, path, tree_tag(tree, path));
    if (handle == 0) {
        return ZK_ERR_NONODE;
    }
    remove_below(tree, handle);
    node_will_go(inner, handle);
    uint32_t acl = node_at(inner, handle)->acl;
    int64_t bytes = (int64_t)node_data(inner, node_at(inner, handle)).len;
    change_add(tree, ZK_EVENT_NODE_DELETED, path, acl);
    change_add_children(tree, parent_path, parent_node->acl);
    remove_leaf(tree, handle, path);
    quota_deleted(tree, path, parent_path, name, bytes);
    return ZK_ERR_OK;
}

/* ---- setData, setACL ------------------------------------------------------------------------- */

static uint32_t find_path(const struct tree *tree, struct slice path, uint32_t *tag)
{
    struct slice exact = slice_equal_cstr(path, "/") ? SLICE_LIT("") : path;
    *tag = tree_tag(tree, exact);
    return tree_find_exact(tree, exact, *tag);
}

static int32_t set_data(struct tree *tree,
                        const struct zk_txn_header *header,
                        const struct zk_set_data_txn *txn,
                        struct zk_stat *stat)
{
    struct tree_private *inner = tree->private;
    uint32_t tag = 0;
    uint32_t handle = find_path(tree, txn->path, &tag);
    if (handle == 0) {
        return ZK_ERR_NONODE;
    }
    node_will_change(inner, handle);
    tree_undigest_node(tree, node_at(inner, handle));
    int64_t before = (int64_t)node_data(inner, node_at(inner, handle)).len;
    handle = node_set_data(tree, handle, tag, txn->data);
    struct znode *node = node_at(inner, handle);
    node->mtime = header->time;
    node->mzxid = header->zxid;
    node->version = txn->version;
    tree_digest_node(tree, node, txn->path);
    int64_t growth = (int64_t)txn->data.len - before;
    tree->approximate_data_size += growth;
    uint32_t acl = node->acl;
    if (inner->is_collecting) {
        znode_stat(tree, node, stat);
    }
    quota_changed(tree, txn->path, growth);
    change_add(tree, ZK_EVENT_NODE_DATA_CHANGED, txn->path, acl);
    return ZK_ERR_OK;
}

struct slice tree_config_text(const struct tree *tree)
{
    const struct znode *node = tree_find(tree, SLICE_LIT(CONFIG_PATH));
    return node != NULL ? znode_data(tree, node) : SLICE_NULL;
}

void tree_set_config(struct tree *tree, struct slice text, int64_t version)
{
    if (tree_find(tree, SLICE_LIT(CONFIG_PATH)) == NULL) {
        tree_add_config_node(tree);
    }
    if (slice_equal(tree_config_text(tree), text)) {
        return;
    }
    struct zk_txn_header header = {.zxid = version};
    struct zk_set_data_txn txn = {.path = SLICE_LIT(CONFIG_PATH), .data = text, .version = -1};
    struct zk_stat stat;
    tree->private->is_collecting = false;
    (void)set_data(tree, &header, &txn, &stat);
}

static int32_t set_acl(struct tree *tree, const struct zk_set_acl_txn *txn, struct zk_stat *stat)
{
    struct tree_private *inner = tree->private;
    uint32_t tag = 0;
    uint32_t handle = find_path(tree, txn->path, &tag);
    if (handle == 0) {
        return ZK_ERR_NONODE;
    }
    node_will_change(inner, handle);
    struct znode *node = node_at(inner, handle);
    uint32_t before = node->acl;
    tree_undigest_node(tree, node);
    node->aversion = txn->version;
    node->acl = acl_table_keep(&tree->acls, txn->acl, txn->acl_count);
    acl_table_drop(&tree->acls, before);
    tree_digest_node(tree, node, txn->path);
    if (inner->is_collecting) {
        znode_stat(tree, node, stat);
    }
    return ZK_ERR_OK;
}

/* ---- the end of a session -------------------------------------------------------------------- */

static void close_session(struct tree *tree, const struct txn *txn)
{
    struct tree_private *inner = tree->private;
    const struct zk_close_session_txn *close = &txn->record.close_session;
    int64_t session_id = txn->header.client_id;
    for (int32_t i = 0; txn->close_session_has_paths && i < close->paths_to_delete_count; i++) {
        /* A path that is gone has been deleted by its own txn. */
        (void)delete_node(tree, close->paths_to_delete[i], txn->header.zxid);
    }
    uint32_t count = 0;
    struct slice **paths = owner_paths(tree, session_id, &inner->scratch, &count);
    for (uint32_t i = 0; i < count; i++) {
        (void)delete_node(tree, *paths[i], txn->header.zxid);
    }
    u64_map_remove(&tree->sessions, (uint64_t)session_id, NULL);
}

/* ---- transactions ---------------------------------------------------------------------------- */

/* The common form of a create txn; false for other types. */
static bool create_of(const struct tree *tree, const struct txn *txn, struct create *create)
{
    const struct zk_create_txn *plain = &txn->record.create;
    const struct zk_create_ttl_txn *ttl = &txn->record.create_ttl;
    const struct zk_create_container_txn *container = &txn->record.create_container;
    switch (txn->header.type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        *create = (struct create){plain->path,
                                  plain->data,
                                  plain->acl,
                                  plain->acl_count,
                                  plain->parent_cversion,
                                  plain->ephemeral ? txn->header.client_id : 0};
        return true;
    case ZK_OP_CREATE_TTL:
        *create = (struct create){ttl->path,
                                  ttl->data,
                                  ttl->acl,
                                  ttl->acl_count,
                                  ttl->parent_cversion,
                                  tree_ttl_to_owner(&tree->config, ttl->ttl)};
        return true;
    case ZK_OP_CREATE_CONTAINER:
        *create = (struct create){container->path,
                                  container->data,
                                  container->acl,
                                  container->acl_count,
                                  container->parent_cversion,
                                  TREE_CONTAINER_OWNER};
        return true;
    default:
        return false;
    }
}

static void apply_create(struct tree *tree,
                         const struct txn *txn,
                         const struct create *create,
                         struct tree_result *result)
{
    bool wants_stat = txn->header.type != ZK_OP_CREATE;
    result->path = create->path;
    result->error = create_node(tree, &txn->header, create, wants_stat ? &result->stat : NULL);
    if (txn->header.type != ZK_OP_CREATE || result->error != ZK_ERR_NODEEXISTS) {
        return;
    }
    struct slice parent_path;
    struct slice name;
    bool is_split = path_split(create->path, &parent_path, &name);
    ASSERT(is_split);
    uint32_t parent = tree_find_exact(tree, parent_path, tree_tag(tree, parent_path));
    parent_advance(tree, parent, parent_path, create->parent_cversion, txn->header.zxid);
}

/* Every type but multi. */
static void apply_one(struct tree *tree, const struct txn *txn, struct tree_result *result)
{
    struct create create;
    result->type = txn->header.type;
    if (create_of(tree, txn, &create)) {
        apply_create(tree, txn, &create, result);
        return;
    }
    switch (txn->header.type) {
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        result->path = txn->record.delete.path;
        result->error = delete_node(tree, result->path, txn->header.zxid);
        break;
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        result->path = txn->record.set_data.path;
        result->error = set_data(tree, &txn->header, &txn->record.set_data, &result->stat);
        break;
    case ZK_OP_SET_ACL:
        result->path = txn->record.set_acl.path;
        result->error = set_acl(tree, &txn->record.set_acl, &result->stat);
        break;
    case ZK_OP_CHECK:
        result->path = txn->record.check_version.path;
        break;
    case ZK_OP_CREATE_SESSION:
        u64_map_put(&tree->sessions, (uint64_t)txn->header.client_id,
                    (uint64_t)txn->record.create_session.timeout_ms);
        break;
    case ZK_OP_CLOSE_SESSION:
        close_session(tree, txn);
        break;
    case ZK_OP_ERROR:
        result->error = txn->record.error.err;
        break;
    default: /* a type that a newer server wrote; nothing is known of it */
        break;
    }
}

/* A part of a multi that failed: the parts before the failing one are said to be right, those
 * behind it not to have been tried. */
static void make_error_part(struct txn *part, bool is_behind)
{
    part->header.type = ZK_OP_ERROR;
    part->record.error.err = is_behind ? ZK_ERR_RUNTIMEINCONSISTENCY : ZK_ERR_OK;
}

static void apply_multi(struct tree *tree, const struct txn *txn, struct tree_result *result)
{
    struct tree_private *inner = tree->private;
    const struct zk_multi_txn *multi = &txn->record.multi;
    bool is_failed = false;
    bool is_behind = false;
    for (int32_t i = 0; i < multi->txns_count; i++) {
        is_failed = is_failed || multi->txns[i].type == ZK_OP_ERROR;
    }
    result->type = ZK_OP_MULTI;
    result->parts = ARENA_ARRAY(&inner->scratch, struct tree_result, MAX(0, multi->txns_count));
    for (int32_t i = 0; i < multi->txns_count; i++) {
        struct txn part;
        if (txn_decode_part(txn, i, &inner->scratch, &part) != ERR_OK) {
            return; /* upstream stops here too, and what was done stays */
        }
        is_behind = is_behind || part.header.type == ZK_OP_ERROR;
        if (is_failed && part.header.type != ZK_OP_ERROR) {
            make_error_part(&part, is_behind);
        }
        apply_one(tree, &part, &result->parts[i]);
        result->part_count = i + 1;
        if (result->error == ZK_ERR_OK) {
            result->error = result->parts[i].error;
        }
    }
}

void tree_apply(struct tree *tree, const struct txn *txn, struct tree_result *result)
{
    struct tree_private *inner = tree->private;
    struct tree_result unwanted;
    arena_clear(&inner->scratch);
    buffer_clear(&inner->path, PATH_KEEP_BYTES);
    acl_table_reap(&tree->acls);
    tree->change_count = 0;
    inner->is_collecting = result != NULL;
    result = result != NULL ? result : &unwanted;
    *result = (struct tree_result){0};
    if (txn->header.type == ZK_OP_MULTI) {
        apply_multi(tree, txn, result);
    } else {
        apply_one(tree, txn, result);
    }
    tree->last_processed_zxid = MAX(tree->last_processed_zxid, txn->header.zxid);
    tree_keep_digest(tree, txn->header.zxid);
}
