/* model.c - see model.h: nodes, and what transactions do to them. */
#include "sim/model.h"

#include <zlib.h>

#include "sim/fingerprint.h"

#define DIGEST_EXCLUDED "/zookeeper/"

static const struct hash_key model_key = {0x6d6f64656c207472, 0x6565206e6f646573};

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct slice name_of_root(struct slice path)
{
    return slice_equal_cstr(path, "/") ? SLICE_LIT("") : path;
}

struct model_node *model_find(const struct model *model, struct slice path)
{
    return bytes_map_get(&model->nodes, name_of_root(path));
}

bool path_parent(struct slice path, struct slice *parent)
{
    size_t slash = path.len;
    while (slash > 0 && path.ptr[slash - 1] != '/') {
        slash -= 1;
    }
    if (slash == 0) {
        return false;
    }
    *parent = slice_part(path, 0, slash - 1);
    return true;
}

bool model_is_ttl(const struct model *model, const struct model_node *node)
{
    return model->config.extended_types &&
           ((uint64_t)node->owner & TTL_OWNER_MASK) == TTL_OWNER_MASK;
}

bool model_is_ephemeral(const struct model *model, const struct model_node *node)
{
    return node->owner != 0 && node->owner != CONTAINER_OWNER && !model_is_ttl(model, node);
}

void model_stat(const struct model *model, const struct model_node *node, struct node_stat *stat)
{
    *stat = (struct node_stat){
        .czxid = node->czxid,
        .mzxid = node->mzxid,
        .ctime = node->ctime,
        .mtime = node->mtime,
        .version = node->version,
        .cversion = node->cversion * 2 - (int32_t)node->child_count,
        .aversion = node->aversion,
        .owner = model_is_ephemeral(model, node) ? node->owner : 0,
        .data_len = (int32_t)node->data.len,
        .child_count = (int32_t)node->child_count,
        .pzxid = node->pzxid,
    };
}

static void put_numbers(const struct model_node *node, struct bytes *out)
{
    put_i64(out, node->czxid);
    put_i64(out, node->mzxid);
    put_i64(out, node->pzxid);
    put_i64(out, node->ctime);
    put_i64(out, node->mtime);
    put_i32(out, node->version);
    put_i32(out, node->cversion);
    put_i32(out, node->aversion);
    put_i64(out, node->owner);
}

static void digest_node(struct model *model, struct model_node *node)
{
    struct bytes numbers = {0};
    model->digest -= node->digest;
    node->digest = 0;
    if (!slice_starts_with(node->path, SLICE_LIT(DIGEST_EXCLUDED))) {
        put_numbers(node, &numbers);
        uLong crc = crc32(0, node->path.ptr, (uInt)node->path.len);
        if (node->path.len == 0) {
            crc = crc32(0, NULL, 0);
        }
        if (node->data.len > 0) {
            crc = crc32(crc, node->data.data, (uInt)node->data.len);
        }
        node->digest = (uint32_t)crc32(crc, numbers.data, (uInt)numbers.len);
        bytes_release(&numbers);
    }
    model->digest += node->digest;
}

static struct model_node *plant(struct model *model, struct model_node *parent, struct slice path)
{
    struct model_node *node = heap_new(sizeof *node + path.len);
    uint8_t *text = (uint8_t *)(node + 1);
    memcpy(text, path.len == 0 ? (const uint8_t *)"" : path.ptr, path.len);
    node->path = slice_of(text, path.len);
    node->parent = parent;
    if (parent != NULL) {
        heap_grow((void **)&parent->children, &parent->child_cap, parent->child_count,
                  sizeof(struct model_node *));
        node->place = parent->child_count;
        parent->children[parent->child_count++] = node;
    }
    bytes_map_add(&model->nodes, node->path, node);
    model->node_count += 1;
    return node;
}

static void node_free(struct model_node *node)
{
    heap_free(node->children);
    bytes_release(&node->data);
    heap_free(node);
}

static void uproot(struct model *model, struct model_node *node)
{
    struct model_node *parent = node->parent;
    struct model_node *last = parent->children[--parent->child_count];
    parent->children[node->place] = last;
    last->place = node->place;
    bytes_map_remove(&model->nodes, node->path);
    model->digest -= node->digest;
    model->node_count -= 1;
    node_free(node);
}

static const struct model_acl *open_acl(struct model *model)
{
    struct bytes encoded = {0};
    struct identity nobody = {0};
    (void)model_fix_acl(ACL_OPEN, &nobody, &encoded);
    const struct model_acl *acl = model_acl_of(model, bytes_slice(&encoded));
    bytes_release(&encoded);
    return acl;
}

/* The four nodes that every tree has. */
static void plant_first(struct model *model)
{
    struct bytes encoded = {0};
    struct identity nobody = {0};
    const struct model_acl *open = open_acl(model);
    static const char *const paths[] = {"/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    model->root = plant(model, NULL, SLICE_LIT(""));
    model->root->acl = open;
    digest_node(model, model->root);
    struct model_node *parent = model->root;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct model_node *node = plant(model, parent, slice_of_cstr(paths[i]));
        node->acl = open;
        parent = i == 0 ? node : parent;
        digest_node(model, node);
    }
    struct model_node *config = model_find(model, SLICE_LIT("/zookeeper/config"));
    (void)model_fix_acl(ACL_READ_ONLY, &nobody, &encoded);
    config->acl = model_acl_of(model, bytes_slice(&encoded));
    config->aversion = -1;
    bytes_release(&encoded);
}

void model_init(struct model *model, const struct model_config *config)
{
    *model = (struct model){.config = *config};
    bytes_map_init(&model->nodes, model_key);
    bytes_map_init(&model->acls, model_key);
    u64_map_init(&model->sessions);
    plant_first(model);
}

void model_release(struct model *model)
{
    size_t position = 0;
    struct slice key;
    void *node = NULL;
    while (bytes_map_next(&model->nodes, &position, &key, &node)) {
        node_free(node);
    }
    bytes_map_release(&model->nodes);
    bytes_map_release(&model->acls);
    u64_map_release(&model->sessions);
    pool_release(&model->pool);
    heap_free(model->changes);
    bytes_release(&model->answer);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void note_change(struct model *model,
                        int32_t event,
                        struct slice path,
                        const struct model_acl *acl)
{
    heap_grow((void **)&model->changes, &model->change_cap, model->change_count,
              sizeof *model->changes);
    model->changes[model->change_count++] = (struct model_change){
        .event = event,
        .path = pool_copy(&model->pool, path.len == 0 ? SLICE_LIT("/") : path),
        .acl = acl,
    };
}

static void set_node_data(struct model_node *node, struct slice data)
{
    node->data.len = 0;
    bytes_append(&node->data, data);
    node->is_null = slice_is_null(data);
}

static bool is_quota_node(struct slice path)
{
    return slice_starts_with(path, SLICE_LIT("/zookeeper/quota"));
}

static void touch_quota(struct model *model, struct slice path, int64_t zxid)
{
    if (is_quota_node(path)) {
        model->quota_zxid = zxid;
    }
}

static int64_t owner_of(const struct txn_record *txn, const struct txn_part *part)
{
    if (part->type == OP_CREATE_CONTAINER) {
        return CONTAINER_OWNER;
    }
    if (part->type == OP_CREATE_TTL) {
        return (int64_t)(TTL_OWNER_MASK | (uint64_t)part->ttl);
    }
    return part->is_ephemeral ? txn->client_id : 0;
}

static bool apply_create(struct model *model,
                         const struct txn_record *txn,
                         const struct txn_part *part)
{
    struct slice parent_path;
    if (!path_parent(part->path, &parent_path) || model_find(model, part->path) != NULL) {
        return false;
    }
    struct model_node *parent = model_find(model, parent_path);
    if (parent == NULL) {
        return false;
    }
    struct model_node *node = plant(model, parent, part->path);
    set_node_data(node, part->data);
    node->acl = model_acl_of(model, part->acl);
    node->czxid = txn->zxid;
    node->mzxid = txn->zxid;
    node->pzxid = txn->zxid;
    node->ctime = txn->time_ms;
    node->mtime = txn->time_ms;
    node->owner = owner_of(txn, part);
    digest_node(model, node);
    parent->cversion = part->parent_cversion;
    parent->pzxid = txn->zxid;
    digest_node(model, parent);
    note_change(model, EVENT_CREATED, node->path, node->acl);
    note_change(model, EVENT_CHILDREN, parent->path, parent->acl);
    touch_quota(model, part->path, txn->zxid);
    model_quota_created(model, node);
    return true;
}

static bool apply_delete(struct model *model, struct slice path, int64_t zxid)
{
    struct model_node *node = model_find(model, path);
    if (node == NULL || node->parent == NULL || node->child_count > 0) {
        return false;
    }
    struct model_node *parent = node->parent;
    int64_t bytes = (int64_t)node->data.len;
    struct slice kept = pool_copy(&model->pool, node->path);
    note_change(model, EVENT_DELETED, kept, node->acl);
    note_change(model, EVENT_CHILDREN, parent->path, parent->acl);
    uproot(model, node);
    parent->pzxid = zxid;
    digest_node(model, parent);
    touch_quota(model, kept, zxid);
    model_quota_changed(model, kept, -bytes, -1);
    return true;
}

static bool apply_set_data(struct model *model,
                           const struct txn_record *txn,
                           const struct txn_part *part)
{
    struct model_node *node = model_find(model, part->path);
    if (node == NULL) {
        return false;
    }
    int64_t growth = (int64_t)part->data.len - (int64_t)node->data.len;
    set_node_data(node, part->data);
    node->version = part->version;
    node->mzxid = txn->zxid;
    node->mtime = txn->time_ms;
    digest_node(model, node);
    note_change(model, EVENT_DATA, part->path, node->acl);
    touch_quota(model, part->path, txn->zxid);
    model_quota_changed(model, part->path, growth, 0);
    return true;
}

static bool apply_set_acl(struct model *model, const struct txn_part *part)
{
    struct model_node *node = model_find(model, part->path);
    if (node == NULL) {
        return false;
    }
    node->acl = model_acl_of(model, part->acl);
    node->aversion = part->version;
    digest_node(model, node);
    return true;
}

/* The paths of a session's ephemeral nodes, from the pool. */
static struct slice *ephemerals_of(struct model *model, int64_t session_id, size_t *count)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    struct slice *paths = POOL_ARRAY(&model->pool, struct slice, model->node_count);
    *count = 0;
    while (bytes_map_next(&model->nodes, &position, &key, &value)) {
        const struct model_node *node = value;
        if (node->owner == session_id && model_is_ephemeral(model, node)) {
            paths[(*count)++] = pool_copy(&model->pool, node->path);
        }
    }
    return paths;
}

static bool apply_close(struct model *model,
                        const struct txn_record *txn,
                        const struct txn_part *part)
{
    if (part->has_paths) {
        struct cursor cursor = cursor_of(part->paths);
        int32_t listed = get_i32(&cursor);
        for (int32_t i = 0; i < listed; i++) {
            struct slice path = get_text(&cursor);
            const struct model_node *node = model_find(model, path);
            bool is_own = node != NULL && node->owner == txn->client_id;
            if (!is_own || !apply_delete(model, path, txn->zxid)) {
                return false;
            }
        }
    }
    size_t count = 0;
    struct slice *paths = ephemerals_of(model, txn->client_id, &count);
    if (part->has_paths && count > 0) {
        return false; /* the list must name them all */
    }
    for (size_t i = 0; i < count; i++) {
        /* In byte order, as the list would be. */
        for (size_t k = i + 1; k < count; k++) {
            if (slice_compare(paths[k], paths[i]) < 0) {
                struct slice swapped = paths[i];
                paths[i] = paths[k];
                paths[k] = swapped;
            }
        }
        if (!apply_delete(model, paths[i], txn->zxid)) {
            return false;
        }
    }
    bool was_there = u64_map_remove(&model->sessions, (uint64_t)txn->client_id, NULL);
    return was_there || model->config.closes_twice;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer_stat(struct model *model, struct slice path)
{
    struct node_stat stat;
    model_stat(model, model_find(model, path), &stat);
    put_stat(&model->answer, &stat);
}

static void answer_part(struct model *model, const struct txn_part *part)
{
    struct bytes *out = &model->answer;
    bool is_create = part->type == OP_CREATE || part->type == OP_CREATE2 ||
                     part->type == OP_CREATE_CONTAINER || part->type == OP_CREATE_TTL;
    if (is_create) {
        put_text(out, part->path);
    }
    bool has_stat = (is_create && part->type != OP_CREATE) || part->type == OP_SET_DATA ||
                    part->type == OP_SET_ACL || part->type == OP_RECONFIG;
    if (part->type == OP_RECONFIG) {
        put_text(out, part->data);
    }
    if (has_stat) {
        answer_stat(model, part->path);
    }
    if (part->type == OP_ERROR) {
        put_i32(out, part->error);
    }
}

static void answer_header(struct bytes *out, int32_t type, bool done, int32_t error)
{
    put_i32(out, type);
    put_bool(out, done);
    put_i32(out, error);
}

static int32_t answered_type(const struct txn_part *part)
{
    bool is_create2 = part->type == OP_CREATE_CONTAINER || part->type == OP_CREATE_TTL;
    return is_create2 ? OP_CREATE2 : part->type;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static bool apply_part(struct model *model,
                       const struct txn_record *txn,
                       const struct txn_part *part)
{
    switch (part->type) {
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_CONTAINER:
    case OP_CREATE_TTL:
        return apply_create(model, txn, part);
    case OP_DELETE:
    case OP_DELETE_CONTAINER:
        return apply_delete(model, part->path, txn->zxid);
    case OP_SET_DATA:
    case OP_RECONFIG:
        return apply_set_data(model, txn, part);
    case OP_SET_ACL:
        return apply_set_acl(model, part);
    case OP_CREATE_SESSION:
        u64_map_put(&model->sessions, (uint64_t)txn->client_id, (uint64_t)part->timeout_ms);
        return true;
    case OP_CLOSE_SESSION:
        return apply_close(model, txn, part);
    case OP_CHECK:
    case OP_ERROR:
        return true;
    default:
        return false;
    }
}

/* A multi with an error part changes nothing: the parts before it are said to be right (0), those
 * behind it not to have been tried. */
static void answer_failed_multi(struct model *model, const struct txn_record *txn)
{
    bool is_behind = false;
    for (int32_t i = 0; i < txn->part_count; i++) {
        const struct txn_part *part = &txn->parts[i];
        is_behind = is_behind || part->type == OP_ERROR;
        int32_t error = is_behind ? part->error : 0;
        answer_header(&model->answer, OP_ERROR, false, error);
        put_i32(&model->answer, error);
    }
}

static bool apply_multi(struct model *model, const struct txn_record *txn)
{
    bool is_failed = false;
    for (int32_t i = 0; i < txn->part_count; i++) {
        is_failed = is_failed || txn->parts[i].type == OP_ERROR;
    }
    if (is_failed) {
        answer_failed_multi(model, txn);
    }
    for (int32_t i = 0; i < txn->part_count && !is_failed; i++) {
        if (!apply_part(model, txn, &txn->parts[i])) {
            return false;
        }
        answer_header(&model->answer, answered_type(&txn->parts[i]), false, 0);
        answer_part(model, &txn->parts[i]);
    }
    answer_header(&model->answer, OP_ERROR, true, -1);
    return true;
}

bool model_apply(struct model *model, const struct txn_record *txn)
{
    model->change_count = 0;
    model->answer.len = 0;
    model->zxid = txn->zxid;
    if (txn->type == OP_MULTI) {
        return apply_multi(model, txn);
    }
    if (!apply_part(model, txn, &txn->parts[0])) {
        return false;
    }
    if (txn->parts[0].type != OP_ERROR) {
        answer_part(model, &txn->parts[0]);
    }
    return true;
}

void model_restarted(struct model *model)
{
    model_quota_recount(model);
}

/* ---- the whole ------------------------------------------------------------------------------- */

uint64_t model_fingerprint(const struct model *model)
{
    uint64_t sum = 0;
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    struct bytes encoded = {0};
    while (bytes_map_next(&model->nodes, &position, &key, &value)) {
        const struct model_node *node = value;
        if (fingerprint_skips_node(node->path)) {
            continue;
        }
        bool skips = fingerprint_skips_data(node->path, model->config.has_dirty_quota);
        encoded.len = 0;
        put_text(&encoded, node->path);
        put_text(&encoded,
                 skips || node->is_null
                     ? SLICE_NULL
                     : slice_of(node->data.len == 0 ? (const uint8_t *)"" : node->data.data,
                                node->data.len));
        put_numbers(node, &encoded);
        bytes_append(&encoded, node->acl->encoded);
        sum += fingerprint_bytes(bytes_slice(&encoded));
    }
    bytes_release(&encoded);
    position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&model->sessions, &position, &id, &timeout_ms)) {
        sum += fingerprint_session((int64_t)id, (int32_t)timeout_ms);
    }
    return sum;
}
