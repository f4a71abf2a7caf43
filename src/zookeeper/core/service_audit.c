/* service_audit.c - one line for each change and who made it, for the audit log.
 *
 * key=value, separated by tabs, in upstream's order: session, user, ip, operation, znode,
 * znode_type, acl, result; what does not apply is left out. A path or an id comes from a stranger:
 * control characters in it are written as \xNN, so that it can neither end the line nor forge a
 * field (ZOOKEEPER-5058).
 *
 * Sources: AuditHelper, AuditEvent, ZKAuditProvider, ZKUtil.aclToString.
 */
#include "zookeeper/core/service_private.h"

struct audit_line {
    struct slice path; /* null: left out */
    const char *operation;
    const char *node_type; /* NULL: left out */
    struct slice acl;
    bool succeeded;
};

static void append_clean(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= ' ' && c != 0x7f) {
            buffer_append_u8(out, c);
        } else {
            buffer_append_cstr(out, c < 16 ? "\\x0" : "\\x");
            buffer_append_hex(out, c);
        }
    }
}

static void append_field(struct buffer *out, const char *name, struct slice value)
{
    if (!slice_is_null(value)) {
        buffer_append_cstr(out, name);
        buffer_append_u8(out, '=');
        append_clean(out, value);
        buffer_append_u8(out, '\t');
    }
}

static void append_result(struct buffer *out, bool succeeded)
{
    buffer_append_cstr(out, succeeded ? "result=success" : "result=failure");
}

static void append_session(struct buffer *out, int64_t session_id)
{
    buffer_append_cstr(out, "session=0x");
    buffer_append_hex(out, (uint64_t)session_id);
    buffer_append_u8(out, '\t');
}

static void append_users(struct buffer *out, const struct identities *identities)
{
    int32_t order[CONN_IDENTITIES_MAX];
    int32_t count = identities_in_order(identities, order);
    bool is_first = true;
    for (int32_t i = 0; i < count; i++) {
        struct slice user = identity_user(&identities->ids[order[i]]);
        if (user.len > 0) {
            buffer_append_cstr(out, is_first ? "user=" : ",");
            append_clean(out, user);
            is_first = false;
        }
    }
    if (!is_first) {
        buffer_append_u8(out, '\t');
    }
}

static void emit(struct turn *turn, size_t start)
{
    struct zk_effect *effect = zk_outbox_add(turn->outbox, ZK_EFFECT_AUDIT);
    effect->offset = start;
    effect->len = turn->outbox->bytes.len - start;
}

static void audit(struct turn *turn, const struct service_conn *conn, const struct audit_line *line)
{
    struct buffer *out = &turn->outbox->bytes;
    size_t start = out->len;
    append_session(out, conn->session_id);
    append_users(out, &conn->identities);
    append_field(out, "ip", conn->remote_ip);
    append_field(out, "operation", slice_of_cstr(line->operation));
    append_field(out, "znode", line->path);
    append_field(out, "znode_type", slice_of_cstr(line->node_type));
    append_field(out, "acl", line->acl);
    append_result(out, line->succeeded);
    emit(turn, start);
}

static const char *node_type_text(int32_t flags)
{
    switch (flags) {
    case ZK_CREATE_PERSISTENT:
        return "persistent";
    case ZK_CREATE_EPHEMERAL:
        return "ephemeral";
    case ZK_CREATE_PERSISTENT_SEQUENTIAL:
        return "persistent_sequential";
    case ZK_CREATE_EPHEMERAL_SEQUENTIAL:
        return "ephemeral_sequential";
    case ZK_CREATE_CONTAINER:
        return "container";
    case ZK_CREATE_PERSISTENT_WITH_TTL:
        return "persistent_with_ttl";
    case ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL:
        return "persistent_sequential_with_ttl";
    default:
        return NULL;
    }
}

/* scheme:id:perms of each entry, without a separator between entries (upstream's form). */
static void append_acl(struct buffer *out, struct jute_reader *body)
{
    static const struct {
        int32_t perm;
        char letter;
    } letters[] = {{ZK_PERM_CREATE, 'c'},
                   {ZK_PERM_DELETE, 'd'},
                   {ZK_PERM_READ, 'r'},
                   {ZK_PERM_WRITE, 'w'},
                   {ZK_PERM_ADMIN, 'a'}};
    int32_t count = jute_read_count(body, 12);
    for (int32_t i = 0; i < count; i++) {
        int32_t perms = jute_read_i32(body);
        buffer_append(out, jute_read_bytes(body));
        buffer_append_u8(out, ':');
        buffer_append(out, jute_read_bytes(body));
        buffer_append_u8(out, ':');
        for (size_t k = 0; k < ARRAY_LEN(letters); k++) {
            if ((perms & letters[k].perm) != 0) {
                buffer_append_u8(out, (uint8_t)letters[k].letter);
            }
        }
    }
}

static void audit_part(struct turn *turn,
                       const struct service_conn *conn,
                       const struct tree_result *part,
                       int32_t flags)
{
    struct audit_line line = {.path = part->path, .succeeded = true};
    switch (part->type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_CONTAINER:
        line.operation = "create";
        line.node_type = part->type == ZK_OP_CREATE_TTL ? NULL : node_type_text(flags);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        line.operation = "delete";
        break;
    case ZK_OP_SET_DATA:
        line.operation = "setData";
        break;
    default:
        return; /* checks are not audited */
    }
    audit(turn, conn, &line);
}

/* The flags of a multi's next op when it is a create, else -1. */
static int32_t next_flags(struct jute_reader *body)
{
    int32_t type = jute_read_i32(body);
    (void)jute_read_bool(body);
    (void)jute_read_i32(body);
    return multi_skip_op(body, type);
}

static void audit_multi(struct turn *turn,
                        const struct service_conn *conn,
                        struct jute_reader *body,
                        const struct tree_result *result)
{
    if (result->error != ZK_ERR_OK || result->type == ZK_OP_ERROR) {
        struct audit_line line = {.operation = "multiOperation"};
        audit(turn, conn, &line);
        return;
    }
    for (int32_t i = 0; i < result->part_count; i++) {
        audit_part(turn, conn, &result->parts[i], next_flags(body));
    }
}

static const char *operation_text(int32_t type)
{
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_CONTAINER:
        return "create";
    case ZK_OP_DELETE:
        return "delete";
    case ZK_OP_SET_DATA:
        return "setData";
    case ZK_OP_SET_ACL:
        return "setAcl";
    case ZK_OP_RECONFIG:
        return "reconfig";
    default:
        return NULL; /* sessions are not audited */
    }
}

void audit_answered(struct turn *turn,
                    const struct service_conn *conn,
                    const struct service_request *request,
                    const struct tree_result *result)
{
    struct service *service = turn->service;
    struct jute_reader body = jute_reader_of(slice_of(request->body, request->body_len),
                                             service->config->prep.max_string_bytes);
    if (request->type == ZK_OP_MULTI) {
        audit_multi(turn, conn, &body, result);
        return;
    }
    struct audit_line line = {.operation = operation_text(request->type),
                              .succeeded = result->error == ZK_ERR_OK};
    if (line.operation == NULL) {
        return;
    }
    if (request->type != ZK_OP_RECONFIG) {
        struct slice asked = jute_read_bytes(&body);
        line.path = line.succeeded ? result->path : asked;
    }
    if (line.operation[0] == 'c') {
        line.node_type = node_type_text(create_skip_to_flags(&body));
    }
    struct buffer *scratch = &service->private->scratch;
    scratch->len = 0;
    if (request->type == ZK_OP_SET_ACL) {
        append_acl(scratch, &body);
        line.acl = buffer_slice(scratch);
    }
    audit(turn, conn, &line);
}

void audit_session_end(struct turn *turn, int64_t session_id)
{
    const struct service *service = turn->service;
    struct buffer *out = &turn->outbox->bytes;
    for (int32_t i = 0; i < service->tree.change_count; i++) {
        const struct tree_change *change = &service->tree.changes[i];
        if (change->type != ZK_EVENT_NODE_DELETED) {
            continue;
        }
        size_t start = out->len;
        append_session(out, session_id);
        append_field(out, "user", service->config->audit_user);
        append_field(out, "operation", SLICE_LIT("ephemeralZNodeDeletionOnSessionCloseOrExpire"));
        append_field(out, "znode", change->path);
        append_result(out, true);
        emit(turn, start);
    }
}
