/* model_read.c - what a read must return. See model.h. */
#include <stdlib.h>

#include "sim/model.h"

static int compare_names(const void *a, const void *b)
{
    const struct slice *left = a;
    const struct slice *right = b;
    return slice_compare(*left, *right);
}

static void put_sorted(struct bytes *out, struct slice *names, size_t count)
{
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    put_i32(out, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_text(out, names[i]);
    }
}

static struct slice last_name(struct slice path)
{
    struct slice parent;
    return path_parent(path, &parent) ? slice_part(path, parent.len + 1, path.len) : path;
}

static void put_children(const struct model_node *node, struct bytes *out)
{
    struct slice *names = heap_alloc((node->child_count + 1) * sizeof *names);
    for (size_t i = 0; i < node->child_count; i++) {
        names[i] = last_name(node->children[i]->path);
    }
    put_sorted(out, names, node->child_count);
    heap_free(names);
}

static void put_data(const struct model_node *node, struct bytes *out)
{
    if (node->is_null) {
        put_i32(out, -1);
    } else {
        put_i32(out, (int32_t)node->data.len);
        bytes_append(out, bytes_slice(&node->data));
    }
}

static void put_node_stat(const struct model *model,
                          const struct model_node *node,
                          struct bytes *out)
{
    struct node_stat stat;
    model_stat(model, node, &stat);
    put_stat(out, &stat);
}

static int32_t find_readable(const struct model *model,
                             const struct operation *operation,
                             const struct identity *identity,
                             int32_t perms,
                             const struct model_node **node)
{
    *node = model_find(model, operation->path);
    if (*node == NULL) {
        return E_NO_NODE;
    }
    return model_allows(model, (*node)->acl, identity, perms) ? 0 : E_NO_AUTH;
}

static int32_t count_descendants(const struct model_node *node)
{
    int32_t count = 0;
    for (size_t i = 0; i < node->child_count; i++) {
        count += 1 + count_descendants(node->children[i]);
    }
    return count;
}

static int32_t read_node(const struct model *model,
                         const struct operation *operation,
                         const struct identity *identity,
                         struct bytes *out)
{
    const struct model_node *node;
    bool is_acl = operation->type == OP_GET_ACL;
    int32_t perms = is_acl ? PERM_READ | PERM_ADMIN : PERM_READ;
    int32_t error = find_readable(model, operation, identity, perms, &node);
    if (error != 0) {
        return error;
    }
    switch (operation->type) {
    case OP_GET_DATA:
        put_data(node, out);
        break;
    case OP_GET_CHILDREN:
    case OP_GET_CHILDREN2:
        put_children(node, out);
        break;
    case OP_GET_ACL:
        model_put_acl(model, node->acl, identity, out);
        break;
    case OP_COUNT_DESCENDANTS:
        /* Asked by the root's other name, "/" counts too. */
        put_i32(out, count_descendants(node) + (operation->path.len == 0));
        break;
    default:
        break;
    }
    if (operation->type != OP_GET_CHILDREN && operation->type != OP_COUNT_DESCENDANTS) {
        put_node_stat(model, node, out);
    }
    return 0;
}

static void read_ephemerals(const struct model *model,
                            struct slice prefix,
                            int64_t session_id,
                            struct bytes *out)
{
    size_t position = 0;
    struct slice key;
    void *value = NULL;
    size_t count = 0;
    struct slice *paths = heap_alloc(model->node_count * sizeof *paths);
    bool is_all = prefix.len == 0 || slice_equal_cstr(prefix, "/");
    while (bytes_map_next(&model->nodes, &position, &key, &value)) {
        const struct model_node *node = value;
        bool is_own = node->owner == session_id && model_is_ephemeral(model, node);
        if (is_own && (is_all || slice_starts_with(node->path, prefix))) {
            paths[count++] = node->path;
        }
    }
    put_sorted(out, paths, count);
    heap_free(paths);
}

static void put_multi_header(struct bytes *out, int32_t type, bool done, int32_t error)
{
    put_i32(out, type);
    put_bool(out, done);
    put_i32(out, error);
}

static void read_multi(const struct model *model,
                       const struct operation *operation,
                       const struct identity *identity,
                       struct bytes *out)
{
    for (int32_t i = 0; i < operation->part_count; i++) {
        struct bytes part = {0};
        int32_t type = operation->parts[i].type;
        int32_t error = read_node(model, &operation->parts[i], identity, &part);
        put_multi_header(out, error == 0 ? type : OP_ERROR, false, error);
        if (error != 0) {
            put_i32(out, error);
        } else {
            bytes_append(out, bytes_slice(&part));
        }
        bytes_release(&part);
    }
    put_multi_header(out, OP_ERROR, true, -1);
}

/* Identities are compared as a set: their order is Java's hash table's. */
static void put_identity(const struct identity *identity, struct bytes *out)
{
    char address[] = "10.0.0.000";
    struct slice texts[AUTH_USERS];
    uint8_t last = identity->ip_last;
    size_t len = 7;
    ASSERT(last >= 10 && last < 100);
    address[len++] = (char)('0' + last / 10);
    address[len++] = (char)('0' + last % 10);
    for (uint8_t i = 0; i < identity->user_count; i++) {
        texts[i] = slice_of(auth_user_words[identity->users[i]], 5); /* "userN" */
    }
    put_sorted(out, texts, identity->user_count);
    put_text(out, slice_of(address, len));
}

/* The same from a reply. */
static void sort_identities(struct slice body, struct bytes *sorted)
{
    struct cursor cursor = cursor_of(body);
    struct slice users[AUTH_USERS + 1];
    struct slice address = SLICE_NULL;
    int32_t count = get_i32(&cursor);
    size_t user_count = 0;
    for (int32_t i = 0; i < count && i <= AUTH_USERS; i++) {
        struct slice scheme = get_text(&cursor);
        struct slice user = get_text(&cursor);
        if (slice_equal_cstr(scheme, "ip")) {
            address = user;
        } else if (user_count < ARRAY_LEN(users)) {
            users[user_count++] = user;
        }
    }
    put_sorted(sorted, users, user_count);
    put_text(sorted, address);
    bytes_append(sorted, get_rest(&cursor));
}

bool model_read(struct model *model,
                const struct operation *operation,
                const struct identity *identity,
                int64_t session_id,
                int32_t *error,
                struct bytes *body)
{
    *error = 0;
    if (operation->is_malformed) {
        *error = E_MARSHALLING;
        return true;
    }
    switch (operation->type) {
    case OP_EXISTS:
    case OP_GET_DATA:
    case OP_GET_CHILDREN:
    case OP_GET_CHILDREN2:
    case OP_GET_ACL:
    case OP_COUNT_DESCENDANTS:
        *error = read_node(model, operation, identity, body);
        return true;
    case OP_GET_EPHEMERALS:
        read_ephemerals(model, operation->path, session_id, body);
        return true;
    case OP_MULTI_READ:
        read_multi(model, operation, identity, body);
        return true;
    case OP_SYNC:
        put_text(body, operation->path);
        return true;
    case OP_WHO_AM_I:
        put_identity(identity, body);
        return true;
    case OP_PING:
        return true;
    default:
        return false;
    }
}

/* ---- sorting what has come ------------------------------------------------------------------- */

static void sort_list(struct cursor *cursor, struct bytes *sorted)
{
    int32_t count = get_i32(cursor);
    if (cursor->bad || count < 0 || (size_t)count > cursor_left(cursor)) {
        cursor->bad = true;
        return;
    }
    struct slice *names = heap_alloc(((size_t)count + 1) * sizeof *names);
    for (int32_t i = 0; i < count; i++) {
        names[i] = get_text(cursor);
    }
    put_sorted(sorted, names, (size_t)count);
    heap_free(names);
}

static void sort_multi(const struct operation *operation, struct slice body, struct bytes *sorted)
{
    struct cursor cursor = cursor_of(body);
    for (int32_t i = 0; i < operation->part_count && !cursor.bad; i++) {
        int32_t type = get_i32(&cursor);
        bool done = get_bool(&cursor);
        int32_t error = get_i32(&cursor);
        put_multi_header(sorted, type, done, error);
        if (type == OP_GET_CHILDREN) {
            sort_list(&cursor, sorted);
        } else if (type == OP_GET_DATA) {
            struct node_stat stat;
            put_text(sorted, get_text(&cursor));
            get_stat(&cursor, &stat);
            put_stat(sorted, &stat);
        } else {
            put_i32(sorted, get_i32(&cursor));
        }
    }
    bytes_append(sorted, get_rest(&cursor));
}

void sort_names(const struct operation *operation, struct slice body, struct bytes *sorted)
{
    struct cursor cursor = cursor_of(body);
    switch (operation->type) {
    case OP_GET_CHILDREN:
    case OP_GET_CHILDREN2:
    case OP_GET_EPHEMERALS:
        sort_list(&cursor, sorted);
        bytes_append(sorted, get_rest(&cursor));
        break;
    case OP_MULTI_READ:
        sort_multi(operation, body, sorted);
        break;
    case OP_WHO_AM_I:
        sort_identities(body, sorted);
        break;
    default:
        bytes_append(sorted, body);
        break;
    }
}
