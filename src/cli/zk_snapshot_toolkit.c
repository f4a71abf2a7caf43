/* zk_snapshot_toolkit.c - zkSnapShotToolkit.sh: what a snapshot file holds, as text or as ncdu's
 * JSON.
 *
 * Usage: zkSnapShotToolkit [-d|-json] snapshot_file
 * -d shows data in base64 instead of its length. Source: SnapshotFormatter.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/memory.h"
#include "cli/java_format.h"
#include "cli/offline_tool.h"
#include "cli/tool.h"
#include "cli/zk_snapshot_nodes.h"
#include "cli/zookeeper_server.h"
#include "zookeeper/core/java_text.h"

#define TEXT_BYTES_MAX ((size_t)1 << 30)
#define FIRST_INODE 1001

struct toolkit {
    struct snapshot_nodes nodes;
    struct buffer text;
    bool dump_data;
};

static void print_text(struct buffer *text)
{
    fwrite(text->data, 1, text->len, stdout);
    text->len = 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_hex(const char *name, int64_t value)
{
    printf("  %s = 0x%014" PRIx64 "\n", name, (uint64_t)value);
}

static void print_stat(const struct zk_stat_persisted *stat)
{
    char date[JAVA_DATE_TEXT_MAX];
    print_hex("cZxid", stat->czxid);
    printf("  ctime = %s\n", java_date(stat->ctime, date));
    print_hex("mZxid", stat->mzxid);
    printf("  mtime = %s\n", java_date(stat->mtime, date));
    print_hex("pZxid", stat->pzxid);
    printf("  cversion = %" PRId32 "\n", stat->cversion);
    printf("  dataVersion = %" PRId32 "\n", stat->version);
    printf("  aclVersion = %" PRId32 "\n", stat->aversion);
    print_hex("ephemeralOwner", stat->ephemeral_owner);
}

static void print_data(struct toolkit *toolkit, struct slice data)
{
    struct buffer *text = &toolkit->text;
    if (!toolkit->dump_data) {
        printf("  dataLength = %zu\n", data.len);
        return;
    }
    buffer_append_cstr(text, "  data = ");
    text->len += base64_encode(data, buffer_reserve(text, base64_encoded_len(data.len) + 1));
    buffer_append_u8(text, '\n');
    print_text(text);
}

/* Prints every node; the newest zxid that changed one. */
static int64_t print_nodes(struct toolkit *toolkit)
{
    const struct snapshot_nodes *nodes = &toolkit->nodes;
    int64_t newest = 0;
    printf("ZNode Details (count=%" PRIu64 "):\n", nodes->tree.node_count);
    for (size_t i = 0; i < nodes->count; i++) {
        const struct snapshot_node *node = &nodes->nodes[i];
        struct zk_stat_persisted stat;
        znode_stat_persisted(&nodes->tree, node->znode, &stat);
        buffer_append_cstr(&toolkit->text, "----\n");
        snapshot_node_path(nodes, node, "/", &toolkit->text);
        buffer_append_u8(&toolkit->text, '\n');
        print_text(&toolkit->text);
        print_stat(&stat);
        print_data(toolkit, znode_data(&nodes->tree, node->znode));
        newest = MAX(newest, MAX(stat.mzxid, stat.pzxid));
    }
    printf("----\n");
    return newest;
}

static int compare_sessions(const void *a, const void *b)
{
    const struct u64_map_slot *left = a;
    const struct u64_map_slot *right = b;
    return left->key < right->key ? -1 : left->key > right->key;
}

static void count_ephemeral(void *ctx, struct slice path)
{
    uint64_t *count = ctx;
    (void)path;
    *count += 1;
}

static void print_sessions(const struct tree *tree)
{
    size_t count = tree->sessions.count;
    size_t position = 0;
    struct u64_map_slot *sessions = mem_alloc(count * sizeof *sessions);
    printf("Session Details (sid, timeout, ephemeralCount):\n");
    for (size_t i = 0; i < count; i++) {
        bool is_there = u64_map_next(&tree->sessions, &position, &sessions[i].key,
                                     &sessions[i].value);
        ASSERT(is_there);
    }
    if (count > 1) {
        qsort(sessions, count, sizeof *sessions, compare_sessions);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t ephemerals = 0;
        tree_each_ephemeral(tree, (int64_t)sessions[i].key, count_ephemeral, &ephemerals);
        printf("0x%014" PRIx64 ", %" PRId32 ", %" PRIu64 "\n", sessions[i].key,
               (int32_t)sessions[i].value, ephemerals);
    }
    mem_free(sessions, count * sizeof *sessions);
}

static void print_details(struct toolkit *toolkit)
{
    int64_t newest = print_nodes(toolkit);
    print_sessions(&toolkit->nodes.tree);
    printf("----\nLast zxid: 0x%" PRIx64 "\n",
           (uint64_t)MAX(newest, toolkit->nodes.info.name_zxid));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void append_json_string(struct buffer *out, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        const char *at = memchr("\b\t\n\f\r", byte, 5);
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        java_text_print(out, slice_part(text, from, i));
        from = i + 1;
        buffer_append_u8(out, '\\');
        if (byte == '"' || byte == '\\') {
            buffer_append_u8(out, byte);
        } else if (at != NULL) {
            buffer_append_u8(out, byte == '\b'   ? 'b'
                                  : byte == '\t' ? 't'
                                  : byte == '\n' ? 'n'
                                  : byte == '\f' ? 'f'
                                                 : 'r');
        } else {
            buffer_append_cstr(out, "u00");
            buffer_append_u8(out, (uint8_t)hex[byte >> 4]);
            buffer_append_u8(out, (uint8_t)hex[byte & 15]);
        }
    }
    java_text_print(out, slice_part(text, from, text.len));
}

static void append_json_node(struct toolkit *toolkit, size_t i)
{
    const struct snapshot_node *node = &toolkit->nodes.nodes[i];
    struct buffer *out = &toolkit->text;
    buffer_append_cstr(out, "{\"name\":\"");
    append_json_string(out,
                       i == 0 ? SLICE_LIT("/") : znode_name(&toolkit->nodes.tree, node->znode));
    buffer_append_cstr(out, "\",\"asize\":");
    buffer_append_unsigned(out, node->data_bytes);
    buffer_append_cstr(out, ",\"dsize\":");
    buffer_append_unsigned(out, node->data_bytes);
    buffer_append_cstr(out, ",\"dev\":0,\"ino\":");
    buffer_append_unsigned(out, FIRST_INODE + i);
    buffer_append_u8(out, '}');
}

/* ncdu's form: a node with children is an array of itself and them. */
static void print_json(struct toolkit *toolkit, int64_t now_ms)
{
    const struct snapshot_nodes *nodes = &toolkit->nodes;
    uint32_t open = 0; /* arrays, one for each ancestor of the node */
    printf(
        "[1,0,{\"progname\":\"SnapshotFormatter.java\",\"progver\":\"0.01\",\"timestamp\":%" PRId64
        "}",
        now_ms);
    for (size_t i = 0; i < nodes->count; i++) {
        for (; open > nodes->nodes[i].depth; open--) {
            buffer_append_u8(&toolkit->text, ']');
        }
        buffer_append_u8(&toolkit->text, ',');
        if (nodes->nodes[i].child_count > 0) {
            buffer_append_u8(&toolkit->text, '[');
            open++;
        }
        append_json_node(toolkit, i);
        print_text(&toolkit->text);
    }
    for (; open > 0; open--) {
        putchar(']');
    }
    putchar(']');
}

/* ---- the tool -------------------------------------------------------------------------------- */

static bool is_readable_file(struct runtime *runtime, const char *path)
{
    char absolute[PATH_TEXT_MAX];
    struct path_info info;
    offline_tool_absolute(path, absolute, sizeof absolute);
    if (path_stat(runtime, path, &info) != 0) {
        fprintf(stderr, "File '%s' does not exist.\n", absolute);
        return false;
    }
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "Read permission is denied on the file '%s'\n", absolute);
        return false;
    }
    if (info.is_directory) {
        fprintf(stderr, "'%s' is a directory. it must be a file.\n", absolute);
        return false;
    }
    return true;
}

static int run(struct toolkit *toolkit,
               struct runtime *runtime,
               const char *tool,
               const char *path,
               bool is_json)
{
    struct errmsg message;
    if (!is_readable_file(runtime, path)) {
        return EXIT_INVOCATION;
    }
    if (toolkit->dump_data && is_json) {
        fprintf(stderr, "Cannot specify both data dump (-d) and json mode (-json) in same call\n");
        return EXIT_INVOCATION;
    }
    if (snapshot_nodes_load(&toolkit->nodes, runtime, path, &message) != 0) {
        return offline_tool_fail(tool, "%s", message.text);
    }
    snapshot_nodes_index(&toolkit->nodes);
    if (is_json) {
        print_json(toolkit, runtime_wall_ms(runtime));
    } else {
        print_details(toolkit);
    }
    snapshot_nodes_release(&toolkit->nodes);
    return EXIT_OK;
}

int tool_zk_snapshot_toolkit(int argc, char **argv)
{
    static struct toolkit toolkit;
    struct runtime *runtime;
    bool is_json = false;
    int at = 1;
    for (; at < argc; at++) {
        if (strcmp(argv[at], "-d") == 0) {
            toolkit.dump_data = true;
        } else if (strcmp(argv[at], "-json") == 0) {
            is_json = true;
        } else {
            break;
        }
    }
    if (at != argc - 1) {
        fprintf(stderr, "USAGE: SnapshotFormatter [-d|-json] snapshot_file\n"
                        "       -d dump the data for each znode\n"
                        "       -json dump znode info in json format\n");
        return EXIT_INVOCATION;
    }
    int exit_code = offline_tool_begin(&runtime);
    if (exit_code != 0) {
        return exit_code;
    }
    buffer_init(&toolkit.text, TEXT_BYTES_MAX);
    exit_code = run(&toolkit, runtime, argv[0], argv[at], is_json);
    buffer_release(&toolkit.text);
    return offline_tool_end(runtime, exit_code);
}
