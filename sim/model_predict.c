/* model_predict.c - from a request and the state before it to what must have been logged.
 *
 * The order of the checks matters: it decides which error a request with two faults gets. It is
 * Apache's, as its recorded answers show it. A multi's parts see what those before them would do,
 * which is kept in a small list of views over the tree; the tree itself is not touched.
 */
#include <stdio.h>

#include "sim/model.h"

#define VIEWS_MAX 64
#define QUOTAS_MAX 8

/* A node as it would be after the parts so far. */
struct view {
    struct slice path;
    bool exists;
    int32_t version;
    int32_t cversion;
    int32_t aversion;
    size_t child_count;
    size_t data_len;
    bool is_ephemeral;
    const struct model_acl *acl;
};

struct prediction {
    struct model *model;
    const struct identity *identity;
    struct view views[VIEWS_MAX];
    size_t view_count;
    struct quota_pending quotas[QUOTAS_MAX];
    size_t quota_count;
};

bool path_is_good(struct slice path)
{
    if (path.len == 0 || path.ptr[0] != '/') {
        return false;
    }
    size_t start = 1;
    for (size_t i = 1; i <= path.len && path.len > 1; i++) {
        if (i < path.len && path.ptr[i] != '/') {
            continue;
        }
        struct slice name = slice_part(path, start, i);
        if (name.len == 0 || slice_equal_cstr(name, ".") || slice_equal_cstr(name, "..")) {
            return false;
        }
        start = i + 1;
    }
    return true;
}

/* ---- views ----------------------------------------------------------------------------------- */

static struct slice plain(struct slice path)
{
    return slice_equal_cstr(path, "/") ? SLICE_LIT("") : path;
}

/* The node as it would be; NULL when it would not. */
static struct view *view_of(struct prediction *prediction, struct slice path)
{
    path = plain(path);
    for (size_t i = 0; i < prediction->view_count; i++) {
        if (slice_equal(prediction->views[i].path, path)) {
            return prediction->views[i].exists ? &prediction->views[i] : NULL;
        }
    }
    const struct model_node *node = model_find(prediction->model, path);
    if (node == NULL) {
        return NULL;
    }
    ASSERT(prediction->view_count < VIEWS_MAX);
    struct view *view = &prediction->views[prediction->view_count++];
    *view = (struct view){
        .path = path,
        .exists = true,
        .version = node->version,
        .cversion = node->cversion,
        .aversion = node->aversion,
        .child_count = node->child_count,
        .data_len = node->data.len,
        .is_ephemeral = model_is_ephemeral(prediction->model, node),
        .acl = node->acl,
    };
    return view;
}

static struct view *view_new(struct prediction *prediction, struct slice path)
{
    for (size_t i = 0; i < prediction->view_count; i++) {
        if (slice_equal(prediction->views[i].path, path)) {
            return &prediction->views[i];
        }
    }
    ASSERT(prediction->view_count < VIEWS_MAX);
    return &prediction->views[prediction->view_count++];
}

static bool allows(struct prediction *prediction, const struct view *view, int32_t perms)
{
    return model_allows(prediction->model, view->acl, prediction->identity, perms);
}

static struct quota_pending *pending_of(struct prediction *prediction, struct slice path)
{
    struct slice quota = model_quota_of(prediction->model, path);
    for (size_t i = 0; i < prediction->quota_count; i++) {
        if (slice_equal(prediction->quotas[i].quota, quota)) {
            return &prediction->quotas[i];
        }
    }
    ASSERT(prediction->quota_count < QUOTAS_MAX);
    prediction->quotas[prediction->quota_count] = (struct quota_pending){.quota = quota};
    return &prediction->quotas[prediction->quota_count++];
}

/* Would so much more pass? Then it is counted. */
static int32_t take_quota(struct prediction *prediction,
                          struct slice path,
                          int64_t bytes,
                          int64_t count)
{
    struct quota_pending *pending = pending_of(prediction, path);
    return model_quota_check(prediction->model, path, bytes, count, pending);
}

static void note_quota(struct prediction *prediction,
                       struct slice path,
                       int64_t bytes,
                       int64_t count)
{
    struct quota_pending *pending = pending_of(prediction, path);
    pending->bytes += bytes;
    pending->count += count;
}

/* ---- create ---------------------------------------------------------------------------------- */

static int32_t check_flags(const struct model *model, const struct operation *operation)
{
    int32_t flags = operation->flags;
    bool is_ttl = flags == FLAG_TTL || flags == FLAG_SEQUENTIAL_TTL;
    if (is_ttl && !model->config.extended_types) {
        return E_UNIMPLEMENTED;
    }
    if (is_ttl && (operation->ttl <= 0 || operation->ttl > TTL_MS_MAX)) {
        return E_BAD_ARGUMENTS;
    }
    return 0;
}

static struct slice with_number(struct model *model, struct slice path, int32_t number)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%.*s%010d", (int)path.len, (const char *)path.ptr,
                       number);
    return pool_copy(&model->pool, slice_of(text, (size_t)len));
}

static int32_t check_place(struct prediction *prediction,
                           const struct operation *operation,
                           const struct view *parent,
                           struct slice *path)
{
    bool is_sequential = operation->flags == FLAG_SEQUENTIAL ||
                         operation->flags == (FLAG_SEQUENTIAL | FLAG_EPHEMERAL) ||
                         operation->flags == FLAG_SEQUENTIAL_TTL;
    if (parent == NULL) {
        return E_NO_NODE;
    }
    if (!allows(prediction, parent, PERM_CREATE)) {
        return E_NO_AUTH;
    }
    if (is_sequential) {
        *path = with_number(prediction->model, *path, parent->cversion);
    }
    if (!path_is_good(*path)) {
        return E_BAD_ARGUMENTS;
    }
    if (view_of(prediction, *path) != NULL) {
        return E_NODE_EXISTS;
    }
    if (parent->is_ephemeral) {
        return E_NO_CHILDREN_FOR_EPHEMERALS;
    }
    return take_quota(prediction, *path, (int64_t)operation->data.len, 1);
}

static int32_t predict_create(struct prediction *prediction,
                              const struct operation *operation,
                              struct txn_part *part)
{
    struct model *model = prediction->model;
    struct slice parent_path;
    struct bytes acl = {0};
    int32_t error = check_flags(model, operation);
    if (error == 0 && !path_parent(operation->path, &parent_path)) {
        error = E_BAD_ARGUMENTS;
    }
    if (error == 0) {
        error = model_fix_acl(operation->acl, prediction->identity, &acl);
    }
    struct slice path = operation->path;
    struct view *parent = error == 0 ? view_of(prediction, parent_path) : NULL;
    error = error != 0 ? error : check_place(prediction, operation, parent, &path);
    if (error != 0) {
        bytes_release(&acl);
        return error;
    }
    bool is_ephemeral = operation->flags == FLAG_EPHEMERAL ||
                        operation->flags == (FLAG_SEQUENTIAL | FLAG_EPHEMERAL);
    parent->cversion += 1;
    parent->child_count += 1;
    *part = (struct txn_part){
        .type = operation->type,
        .path = path,
        .data = operation->data,
        .acl = pool_copy(&model->pool, bytes_slice(&acl)),
        .is_ephemeral = is_ephemeral && operation->type != OP_CREATE_CONTAINER,
        .parent_cversion = parent->cversion,
        .ttl = operation->type == OP_CREATE_TTL ? operation->ttl : -1,
    };
    bytes_release(&acl);
    struct view *made = view_new(prediction, path);
    *made = (struct view){
        .path = path,
        .exists = true,
        .data_len = operation->data.len,
        .is_ephemeral = part->is_ephemeral,
        .acl = model_acl_of(model, part->acl),
    };
    note_quota(prediction, path, (int64_t)operation->data.len, 1);
    return 0;
}

/* ---- the others ------------------------------------------------------------------------------ */

static bool is_kept(struct slice path)
{
    static const char *const kept[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (slice_equal_cstr(path, kept[i])) {
            return true;
        }
    }
    return false;
}

static bool is_version(int32_t wanted, int32_t version)
{
    return wanted == -1 || wanted == version;
}

static int32_t predict_delete(struct prediction *prediction,
                              const struct operation *operation,
                              struct txn_part *part)
{
    struct slice parent_path;
    if (!path_parent(operation->path, &parent_path) || is_kept(operation->path)) {
        return E_BAD_ARGUMENTS;
    }
    struct view *parent = view_of(prediction, parent_path);
    if (parent == NULL) {
        return E_NO_NODE;
    }
    if (!allows(prediction, parent, PERM_DELETE)) {
        return E_NO_AUTH;
    }
    struct view *node = view_of(prediction, operation->path);
    if (node == NULL) {
        return E_NO_NODE;
    }
    if (!is_version(operation->version, node->version)) {
        return E_BAD_VERSION;
    }
    if (node->child_count > 0) {
        return E_NOT_EMPTY;
    }
    parent->child_count -= 1;
    node->exists = false;
    note_quota(prediction, operation->path, -(int64_t)node->data_len, -1);
    *part = (struct txn_part){.type = OP_DELETE, .path = operation->path, .ttl = -1};
    return 0;
}

static int32_t predict_set_data(struct prediction *prediction,
                                const struct operation *operation,
                                struct txn_part *part)
{
    if (!path_is_good(operation->path)) {
        return E_BAD_ARGUMENTS;
    }
    struct view *node = view_of(prediction, operation->path);
    if (node == NULL) {
        return E_NO_NODE;
    }
    if (!allows(prediction, node, PERM_WRITE)) {
        return E_NO_AUTH;
    }
    int64_t growth = (int64_t)operation->data.len - (int64_t)node->data_len;
    int32_t error = take_quota(prediction, operation->path, growth, 0);
    if (error != 0) {
        return error;
    }
    if (!is_version(operation->version, node->version)) {
        return E_BAD_VERSION;
    }
    node->version += 1;
    node->data_len = operation->data.len;
    note_quota(prediction, operation->path, growth, 0);
    *part = (struct txn_part){
        .type = OP_SET_DATA,
        .path = operation->path,
        .data = operation->data,
        .version = node->version,
        .ttl = -1,
    };
    return 0;
}

static int32_t predict_set_acl(struct prediction *prediction,
                               const struct operation *operation,
                               struct txn_part *part)
{
    struct bytes acl = {0};
    if (!path_is_good(operation->path)) {
        return E_BAD_ARGUMENTS;
    }
    int32_t error = model_fix_acl(operation->acl, prediction->identity, &acl);
    const struct view *node = view_of(prediction, operation->path);
    if (error == 0 && node == NULL) {
        error = E_NO_NODE;
    }
    if (error == 0 && !allows(prediction, node, PERM_ADMIN)) {
        error = E_NO_AUTH;
    }
    if (error == 0 && !is_version(operation->version, node->aversion)) {
        error = E_BAD_VERSION;
    }
    if (error == 0) {
        *part = (struct txn_part){
            .type = OP_SET_ACL,
            .path = operation->path,
            .acl = pool_copy(&prediction->model->pool, bytes_slice(&acl)),
            .version = node->aversion + 1,
            .ttl = -1,
        };
    }
    bytes_release(&acl);
    return error;
}

static int32_t predict_check(struct prediction *prediction,
                             const struct operation *operation,
                             struct txn_part *part)
{
    if (!path_is_good(operation->path)) {
        return E_BAD_ARGUMENTS;
    }
    const struct view *node = view_of(prediction, operation->path);
    if (node == NULL) {
        return E_NO_NODE;
    }
    if (!allows(prediction, node, PERM_READ)) {
        return E_NO_AUTH;
    }
    if (!is_version(operation->version, node->version)) {
        return E_BAD_VERSION;
    }
    *part = (struct txn_part){
        .type = OP_CHECK, .path = operation->path, .version = node->version + 1, .ttl = -1};
    return 0;
}

static int32_t predict_part(struct prediction *prediction,
                            const struct operation *operation,
                            struct txn_part *part)
{
    switch (operation->type) {
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_CONTAINER:
    case OP_CREATE_TTL:
        return predict_create(prediction, operation, part);
    case OP_DELETE:
        return predict_delete(prediction, operation, part);
    case OP_SET_DATA:
        return predict_set_data(prediction, operation, part);
    case OP_SET_ACL:
        return predict_set_acl(prediction, operation, part);
    case OP_CHECK:
        return predict_check(prediction, operation, part);
    case OP_CLOSE_SESSION:
        *part = (struct txn_part){.type = OP_CLOSE_SESSION, .ttl = -1};
        return 0;
    default:
        UNREACHABLE();
    }
}

static void make_error(struct txn_part *part, int32_t error)
{
    *part = (struct txn_part){.type = OP_ERROR, .error = error, .ttl = -1};
}

static void predict_multi(struct prediction *prediction,
                          const struct operation *operation,
                          struct txn_record *txn)
{
    int32_t failed = 0;
    txn->part_count = operation->part_count;
    for (int32_t i = 0; i < operation->part_count; i++) {
        if (failed != 0) {
            make_error(&txn->parts[i], E_INCONSISTENT);
            continue;
        }
        failed = predict_part(prediction, &operation->parts[i], &txn->parts[i]);
        if (failed != 0) {
            make_error(&txn->parts[i], failed);
        }
    }
}

void model_predict(struct model *model,
                   const struct operation *operation,
                   const struct identity *identity,
                   int64_t session_id,
                   struct txn_record *txn)
{
    struct prediction prediction = {.model = model, .identity = identity};
    *txn = (struct txn_record){.client_id = session_id, .type = operation->type};
    txn->parts = POOL_ARRAY(&model->pool, struct txn_part, operation->part_count + 1);
    if (operation->type == OP_MULTI) {
        predict_multi(&prediction, operation, txn);
        return;
    }
    txn->part_count = 1;
    int32_t error = predict_part(&prediction, operation, &txn->parts[0]);
    if (error != 0) {
        txn->type = OP_ERROR;
        make_error(&txn->parts[0], error);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_text(struct slice a, struct slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_equal(a, b);
}

static const char *part_difference(const struct txn_part *expected, const struct txn_part *logged)
{
    if (expected->type != logged->type) {
        return "type";
    }
    if (expected->error != logged->error) {
        return "error";
    }
    if (!slice_equal(expected->path, logged->path)) {
        return "path";
    }
    if (!same_text(expected->data, logged->data)) {
        return "data";
    }
    if (!slice_equal(expected->acl, logged->acl)) {
        return "ACL";
    }
    if (expected->is_ephemeral != logged->is_ephemeral) {
        return "ephemeral";
    }
    if (expected->parent_cversion != logged->parent_cversion) {
        return "parent's cversion";
    }
    if (expected->version != logged->version) {
        return "version";
    }
    return expected->ttl == logged->ttl ? "" : "time to live";
}

const char *txn_difference(const struct txn_record *expected, const struct txn_record *logged)
{
    if (expected->client_id != logged->client_id) {
        return "session";
    }
    if (expected->type != logged->type) {
        return "type";
    }
    if (expected->part_count != logged->part_count) {
        return "number of parts";
    }
    for (int32_t i = 0; i < expected->part_count; i++) {
        const char *difference = part_difference(&expected->parts[i], &logged->parts[i]);
        if (difference[0] != '\0') {
            return difference;
        }
    }
    return "";
}
