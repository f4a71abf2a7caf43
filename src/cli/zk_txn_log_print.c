/* zk_txn_log_print.c - see zk_txn_log_print.h.
 *
 * Records are written in two ways, as upstream does: what has data as path,data,ACL,... with the
 * data read as text; the rest in jute's text form ('string, s{record}, v{vector}, numbers), where a
 * record ends its line.
 */
#include "cli/zk_txn_log_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/java_format.h"
#include "zookeeper/core/java_text.h"

#define ARENA_CHUNK ((size_t)64 << 10)
#define ARENA_BYTES_MAX ((size_t)1 << 30)
#define LINE_BYTES_MAX ((size_t)1 << 30) /* a payload of 128 MiB at three bytes for one */
#define LINE_KEPT_BYTES ((size_t)1 << 20)

void txn_printer_init(struct txn_printer *printer)
{
    arena_init(&printer->arena, ARENA_CHUNK, ARENA_BYTES_MAX);
    buffer_init(&printer->line, LINE_BYTES_MAX);
}

void txn_printer_release(struct txn_printer *printer)
{
    arena_release(&printer->arena);
    buffer_release(&printer->line);
}

/* ---- jute's text form ------------------------------------------------------------------------ */

static const char *escape_of(uint8_t byte)
{
    switch (byte) {
    case '\0':
        return "%00";
    case '\n':
        return "%0A";
    case '\r':
        return "%0D";
    case ',':
        return "%2C";
    case '}':
        return "%7D";
    case '%':
        return "%25";
    default:
        return NULL;
    }
}

/* 'text, with what the form needs for itself escaped; nothing at all for null. */
static void append_quoted(struct buffer *out, struct slice text)
{
    if (slice_is_null(text)) {
        return;
    }
    size_t from = 0;
    buffer_append_u8(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(text.ptr[i]);
        if (escape != NULL) {
            java_text_print(out, slice_part(text, from, i));
            buffer_append_cstr(out, escape);
            from = i + 1;
        }
    }
    java_text_print(out, slice_part(text, from, text.len));
}

static void append_acl(struct buffer *out, const struct zk_acl *acl)
{
    buffer_append_decimal(out, acl->perms);
    buffer_append_cstr(out, ",s{");
    append_quoted(out, acl->id.scheme);
    buffer_append_u8(out, ',');
    append_quoted(out, acl->id.id);
    buffer_append_u8(out, '}');
}

static void append_set_acl(struct buffer *out, const struct zk_set_acl_txn *set_acl)
{
    append_quoted(out, set_acl->path);
    buffer_append_cstr(out, ",v{");
    for (int32_t i = 0; i < set_acl->acl_count; i++) {
        buffer_append_cstr(out, i == 0 ? "s{" : ",s{");
        append_acl(out, &set_acl->acl[i]);
        buffer_append_u8(out, '}');
    }
    buffer_append_cstr(out, "},");
    buffer_append_decimal(out, set_acl->version);
}

static void append_close_session(struct buffer *out, const struct zk_close_session_txn *close)
{
    buffer_append_cstr(out, "v{");
    for (int32_t i = 0; i < close->paths_to_delete_count; i++) {
        buffer_append_cstr(out, i == 0 ? "" : ",");
        append_quoted(out, close->paths_to_delete[i]);
    }
    buffer_append_u8(out, '}');
}

/* ---- records with data ----------------------------------------------------------------------- */

/* A list of records, each of which ends its line: [31,s{'world,'anyone}\n, ...] */
static void append_acl_list(struct buffer *out, const struct zk_acl *acl, int32_t count)
{
    if (count < 0) {
        buffer_append_cstr(out, "null");
        return;
    }
    buffer_append_u8(out, '[');
    for (int32_t i = 0; i < count; i++) {
        buffer_append_cstr(out, i == 0 ? "" : ", ");
        append_acl(out, &acl[i]);
        buffer_append_u8(out, '\n');
    }
    buffer_append_u8(out, ']');
}

static void append_path_and_data(struct buffer *out, struct slice path, struct slice data)
{
    java_text_print(out, slice_is_null(path) ? SLICE_LIT("null") : path);
    buffer_append_u8(out, ',');
    java_text_print(out, data);
    buffer_append_u8(out, ',');
}

static void append_create(struct buffer *out, const struct zk_create_txn *create)
{
    append_path_and_data(out, create->path, create->data);
    append_acl_list(out, create->acl, create->acl_count);
    buffer_append_cstr(out, create->ephemeral ? ",true," : ",false,");
    buffer_append_decimal(out, create->parent_cversion);
}

static void append_create_container(struct buffer *out,
                                    const struct zk_create_container_txn *create)
{
    append_path_and_data(out, create->path, create->data);
    append_acl_list(out, create->acl, create->acl_count);
    buffer_append_u8(out, ',');
    buffer_append_decimal(out, create->parent_cversion);
}

static void append_create_ttl(struct buffer *out, const struct zk_create_ttl_txn *create)
{
    append_path_and_data(out, create->path, create->data);
    append_acl_list(out, create->acl, create->acl_count);
    buffer_append_u8(out, ',');
    buffer_append_decimal(out, create->parent_cversion);
    buffer_append_u8(out, ',');
    buffer_append_decimal(out, create->ttl);
}

static void append_op(struct buffer *out, int32_t type)
{
    const char *name = zk_op_name(type);
    buffer_append_cstr(out, name);
    if (strcmp(name, "unknown") == 0) {
        buffer_append_u8(out, ' ');
        buffer_append_decimal(out, type);
    }
}

/* The parts' records stay encoded, and are shown as the text that they are not. */
static void append_multi(struct buffer *out, const struct zk_multi_txn *multi)
{
    for (int32_t i = 0; i < multi->txns_count; i++) {
        buffer_append_cstr(out, i == 0 ? "" : ";");
        append_op(out, multi->txns[i].type);
        buffer_append_u8(out, ':');
        java_text_print(out, multi->txns[i].data);
    }
}

static void append_record(struct buffer *out, const struct txn *txn)
{
    switch (txn->header.type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        append_create(out, &txn->record.create);
        return;
    case ZK_OP_CREATE_TTL:
        append_create_ttl(out, &txn->record.create_ttl);
        return;
    case ZK_OP_CREATE_CONTAINER:
        append_create_container(out, &txn->record.create_container);
        return;
    case ZK_OP_DELETE:
    case ZK_OP_DELETE_CONTAINER:
        append_quoted(out, txn->record.delete.path);
        return;
    case ZK_OP_SET_DATA:
    case ZK_OP_RECONFIG:
        append_path_and_data(out, txn->record.set_data.path, txn->record.set_data.data);
        buffer_append_decimal(out, txn->record.set_data.version);
        return;
    case ZK_OP_SET_ACL:
        append_set_acl(out, &txn->record.set_acl);
        return;
    case ZK_OP_CREATE_SESSION:
        buffer_append_decimal(out, txn->record.create_session.timeout_ms);
        return;
    case ZK_OP_CLOSE_SESSION:
        if (txn->close_session_has_paths) {
            append_close_session(out, &txn->record.close_session);
        }
        return;
    case ZK_OP_ERROR:
        buffer_append_decimal(out, txn->record.error.err);
        return;
    case ZK_OP_MULTI:
        append_multi(out, &txn->record.multi);
        return;
    default: /* txn_decode refuses every other */
        return;
    }
}

/* ---- one transaction ------------------------------------------------------------------------- */

static void append_hex(struct buffer *out, const char *name, uint64_t value)
{
    buffer_append_cstr(out, name);
    buffer_append_hex(out, value);
}

int txn_print(struct txn_printer *printer, struct slice payload, const char *prefix)
{
    struct txn txn;
    struct buffer *line = &printer->line;
    char date[JAVA_DATE_TEXT_MAX];
    arena_clear(&printer->arena);
    buffer_clear(line, LINE_KEPT_BYTES);
    int error = txn_decode(payload, &printer->arena, &txn);
    if (error != 0) {
        return error;
    }
    if (prefix[0] != '\0') {
        buffer_append_cstr(line, prefix);
        buffer_append_cstr(line, " - ");
    }
    buffer_append_cstr(line, java_short_date_long_time(txn.header.time, date));
    append_hex(line, " session 0x", (uint64_t)txn.header.client_id);
    append_hex(line, " cxid 0x", (uint64_t)(int64_t)txn.header.cxid);
    append_hex(line, " zxid 0x", (uint64_t)txn.header.zxid);
    buffer_append_u8(line, ' ');
    append_op(line, txn.header.type);
    buffer_append_u8(line, ' ');
    append_record(line, &txn);
    if (line->data[line->len - 1] != '\n') {
        buffer_append_u8(line, '\n');
    }
    fwrite(line->data, 1, line->len, stdout);
    return 0;
}

int txn_check(struct txn_printer *printer, struct slice payload, int64_t *zxid)
{
    struct txn txn;
    arena_clear(&printer->arena);
    int error = txn_decode(payload, &printer->arena, &txn);
    *zxid = txn.header.zxid;
    return error;
}
