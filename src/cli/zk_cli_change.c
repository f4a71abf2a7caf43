/* zk_cli_change.c - create, set, delete, deleteall. */
#include <stdio.h>

#include "base/text.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/client/path_check.h"

#define TTL_MS_MAX INT64_C(1099511627775) /* 40 bits: EphemeralType.TTL */
#define BATCH_DEFAULT 1000
#define BATCHES_IN_FLIGHT_MAX 10 /* ZKUtil.deleteInBatch's rateLimit */

/* ---- create ---------------------------------------------------------------------------------- */

static struct zk_acl open_acl[] = {
    {.perms = ZK_PERM_ALL,
     .id = {.scheme = {(const uint8_t *)"world", 5}, .id = {(const uint8_t *)"anyone", 6}}},
};

static int32_t mode_of(const struct zk_cli_parsed *parsed)
{
    bool is_sequential = zk_cli_has(parsed, "s");
    if (zk_cli_has(parsed, "e")) {
        return is_sequential ? ZK_CREATE_EPHEMERAL_SEQUENTIAL : ZK_CREATE_EPHEMERAL;
    }
    if (zk_cli_has(parsed, "t")) {
        return is_sequential ? ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL
                             : ZK_CREATE_PERSISTENT_WITH_TTL;
    }
    if (is_sequential) {
        return ZK_CREATE_PERSISTENT_SEQUENTIAL;
    }
    return zk_cli_has(parsed, "c") ? ZK_CREATE_CONTAINER : ZK_CREATE_PERSISTENT;
}

/* False, with the reason said, for options that exclude each other and a time to live out of
 * range. */
static bool check_create_options(const struct zk_cli_parsed *parsed, int64_t *ttl_ms)
{
    bool is_ephemeral = zk_cli_has(parsed, "e");
    bool is_container = zk_cli_has(parsed, "c");
    bool has_ttl = zk_cli_has(parsed, "t");
    *ttl_ms = 0;
    if (is_container && (is_ephemeral || zk_cli_has(parsed, "s"))) {
        zk_cli_say("-c cannot be combined with -s or -e. Containers cannot be ephemeral or "
                   "sequential.");
    } else if (has_ttl && text_parse_i64(zk_cli_value(parsed, "t"), ttl_ms) != 0) {
        zk_cli_say("-t argument must be a long value");
    } else if (has_ttl && is_ephemeral) {
        zk_cli_say("TTLs cannot be used with Ephemeral znodes");
    } else if (has_ttl && is_container) {
        zk_cli_say("TTLs cannot be used with Container znodes");
    } else if (has_ttl && (*ttl_ms <= 0 || *ttl_ms > TTL_MS_MAX)) {
        zk_cli_say("ttl must be positive and cannot be larger than: %lld", (long long)TTL_MS_MAX);
    } else {
        return true;
    }
    return false;
}

static int create_failed(int32_t err, struct slice path)
{
    if (err == ZK_ERR_EPHEMERALONLOCALSESSION) {
        zk_cli_say("Unable to create ephemeral node on a local session");
    }
    if (err == ZK_ERR_INVALIDACL) {
        struct buffer text;
        buffer_init(&text, path.len + 256);
        zk_cli_append_keeper_error(&text, err, path);
        zk_cli_say("%.*s", LOG_SLICE(buffer_slice(&text)));
        buffer_release(&text);
    }
    return zk_cli_fail(err, path);
}

int zk_cli_create(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct errmsg message;
    struct zk_create create = {
        .path = parsed->words[1],
        .data = parsed->word_count > 2 ? parsed->words[2] : SLICE_NULL,
        .acl = open_acl,
        .acl_count = 1,
        .mode = mode_of(parsed),
    };
    if (!check_create_options(parsed, &create.ttl_ms)) {
        return ZK_CLI_FAILED;
    }
    if (parsed->word_count > 3) {
        create.acl = zk_cli_parse_acl(&cli->arena, parsed->words[3], &create.acl_count);
    }
    int error = zk_cli_has(parsed, "s") ? path_check_sequential(create.path, &message)
                                        : path_check(create.path, &message);
    if (error != 0) {
        zk_cli_say("%s", message.text);
        return ZK_CLI_FAILED;
    }
    if (create.acl_count == 0) {
        return create_failed(ZK_ERR_INVALIDACL, SLICE_NULL);
    }
    int32_t err = zk_cli_wait(cli, zk_client_create(cli->client, &create, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return create_failed(err, create.path);
    }
    zk_cli_say("Created %.*s", LOG_SLICE(cli->reply.path));
    return ZK_CLI_OK;
}

/* ---- set and delete -------------------------------------------------------------------------- */

/* -1 when there is no -v. False when it is no number: Apache's zkCli ends then. */
static bool parse_version(struct zk_cli *cli, const struct zk_cli_parsed *parsed, int32_t *version)
{
    *version = -1;
    if (!zk_cli_has(parsed, "v")) {
        return true;
    }
    struct slice text = zk_cli_value(parsed, "v");
    if (text_parse_i32(text, version) == 0) {
        return true;
    }
    zk_cli_die(cli, "-v: \"%.*s\" is not a version", LOG_SLICE(text));
    return false;
}

int zk_cli_set(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice data = parsed->words[2];
    int32_t version;
    if (zk_cli_has(parsed, "b") && java_decode_base64(&cli->arena, data, &data) != 0) {
        return zk_cli_die(cli, "-b: the data is not Base64");
    }
    if (!parse_version(cli, parsed, &version) || !zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    struct zk_done done = zk_cli_done(cli);
    int32_t err = zk_cli_wait(cli, zk_client_set_data(cli->client, path, data, version, done));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

int zk_cli_delete(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    int32_t version;
    if (parsed->word_count > 2) {
        zk_cli_say("'delete path [version]' has been deprecated. "
                   "Please use 'delete [-v version] path' instead.");
    }
    if (!parse_version(cli, parsed, &version) || !zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    struct zk_done done = zk_cli_done(cli);
    int32_t err = zk_cli_wait(cli, zk_client_delete(cli->client, path, version, done));
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, path);
}

/* ---- deleteall ------------------------------------------------------------------------------- */

/* The nodes of a tree, each behind its parent. */
struct tree {
    struct slice *paths;
    size_t count;
    size_t cap;
};

static void tree_add(struct zk_cli *cli, struct tree *tree, struct slice path)
{
    if (tree->count == tree->cap) {
        size_t cap = tree->cap == 0 ? 64 : tree->cap * 2;
        struct slice *paths = ARENA_ARRAY(&cli->arena, struct slice, cap);
        if (tree->count > 0) {
            memcpy(paths, tree->paths, tree->count * sizeof paths[0]);
        }
        tree->paths = paths;
        tree->cap = cap;
    }
    tree->paths[tree->count] = path;
    tree->count += 1;
}

/* On an error *failed_path is the node that could not be listed. */
static int32_t list_tree(struct zk_cli *cli, struct tree *tree, struct slice *failed_path)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct slice parent = tree->paths[i];
        struct zk_done done = zk_cli_done(cli);
        int32_t err = zk_cli_wait(cli, zk_client_get_children(cli->client, parent, NULL, done));
        if (err != ZK_ERR_OK) {
            *failed_path = parent;
            return err;
        }
        for (int32_t k = 0; k < cli->reply.name_count; k++) {
            tree_add(cli, tree, zk_cli_child_path(cli, parent, cli->reply.names[k]));
        }
    }
    return ZK_ERR_OK;
}

struct deleting {
    size_t in_flight;
    bool has_failed;
};

static void on_batch_deleted(void *ctx, const struct zk_reply *reply)
{
    struct deleting *deleting = ctx;
    deleting->in_flight -= 1;
    deleting->has_failed |= reply->err != ZK_ERR_OK;
}

/* Several transactions are on their way at a time; the first that fails stops the rest. */
static bool delete_in_batches(struct zk_cli *cli, const struct tree *tree, size_t batch_size)
{
    struct deleting deleting = {0};
    size_t left = tree->count;
    struct zk_multi_op *ops = ARENA_ARRAY(&cli->arena, struct zk_multi_op,
                                          MIN(batch_size, tree->count));
    while (left > 0 && !deleting.has_failed) {
        size_t count = MIN(batch_size, left);
        for (size_t i = 0; i < count; i++) {
            ops[i] = (struct zk_multi_op){
                .type = ZK_OP_DELETE,
                .create = {.path = tree->paths[left - 1 - i]},
                .version = -1,
            };
        }
        left -= count;
        struct zk_done done = {on_batch_deleted, &deleting};
        if (zk_client_multi(cli->client, ops, count, done) != 0) {
            deleting.has_failed = true;
            break;
        }
        deleting.in_flight += 1;
        while (deleting.in_flight == BATCHES_IN_FLIGHT_MAX) {
            runtime_turn(cli->runtime, -1);
        }
    }
    while (deleting.in_flight > 0) {
        runtime_turn(cli->runtime, -1);
    }
    return !deleting.has_failed;
}

static int delete_one_by_one(struct zk_cli *cli, const struct tree *tree)
{
    for (size_t left = tree->count; left > 0; left--) {
        struct slice path = tree->paths[left - 1];
        struct zk_done done = zk_cli_done(cli);
        int32_t err = zk_cli_wait(cli, zk_client_delete(cli->client, path, -1, done));
        if (err != ZK_ERR_OK) {
            return zk_cli_fail(err, path);
        }
    }
    return ZK_CLI_OK;
}

int zk_cli_deleteall(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice failed_path;
    struct tree tree = {0};
    int32_t batch_size = BATCH_DEFAULT;
    if (zk_cli_has(parsed, "b") && text_parse_i32(zk_cli_value(parsed, "b"), &batch_size) != 0) {
        zk_cli_say("-b argument must be an int value");
        return ZK_CLI_FAILED;
    }
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    tree_add(cli, &tree, path);
    int32_t err = list_tree(cli, &tree, &failed_path);
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, failed_path);
    }
    if (batch_size <= 0) {
        return delete_one_by_one(cli, &tree);
    }
    if (!delete_in_batches(cli, &tree, (size_t)batch_size)) {
        zk_cli_say("Failed to delete some node(s) in the subtree!");
    }
    return ZK_CLI_OK;
}
