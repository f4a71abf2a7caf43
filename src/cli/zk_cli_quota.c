/* zk_cli_quota.c - setquota, listquota, delquota.
 *
 * A quota of /a/b is two nodes, /zookeeper/quota/a/b/zookeeper_limits and .../zookeeper_stats; the
 * server keeps the second up to date. A path whose ancestor or descendant has a quota may not have
 * one. Source: SetQuotaCommand, ListQuotaCommand, DelQuotaCommand, StatsTrack, Quotas.
 */
#include <stdio.h>

#include "base/text.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "zookeeper/core/quota.h"

#define QUOTA_TEXT_BYTES_MAX ((size_t)2 << 20)

/* Which option of the commands means which key of the text. */
static const struct quota_option {
    const char *option;
    const char *key;
    bool counts_nodes;
} quota_options[] = {
    {"n", QUOTA_COUNT, true},
    {"b", QUOTA_BYTES, false},
    {"N", QUOTA_COUNT_HARD, true},
    {"B", QUOTA_BYTES_HARD, false},
};

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct slice join(struct zk_cli *cli, struct slice a, struct slice b, struct slice c)
{
    uint8_t *bytes = arena_alloc(&cli->arena, a.len + b.len + c.len + 1);
    size_t at = 0;
    const struct slice parts[] = {a, b, c};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > 0) {
            memcpy(bytes + at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    return slice_of(bytes, at);
}

static struct slice quota_path(struct zk_cli *cli, struct slice path)
{
    return join(cli, SLICE_LIT(QUOTA_ROOT), path, SLICE_LIT(""));
}

static struct slice limits_path(struct zk_cli *cli, struct slice path)
{
    return join(cli, SLICE_LIT(QUOTA_ROOT), path, SLICE_LIT("/" QUOTA_LIMIT_NAME));
}

static struct slice stats_path(struct zk_cli *cli, struct slice path)
{
    return join(cli, SLICE_LIT(QUOTA_ROOT), path, SLICE_LIT("/" QUOTA_STAT_NAME));
}

static int32_t exists(struct zk_cli *cli, struct slice path)
{
    return zk_cli_wait(cli, zk_client_exists(cli->client, path, NULL, zk_cli_done(cli)));
}

static int32_t get_children(struct zk_cli *cli, struct slice path)
{
    return zk_cli_wait(cli, zk_client_get_children(cli->client, path, NULL, zk_cli_done(cli)));
}

static int32_t create(struct zk_cli *cli, struct slice path, struct slice data)
{
    struct zk_acl open_acl = {
        .perms = ZK_PERM_ALL,
        .id = {.scheme = SLICE_LIT("world"), .id = SLICE_LIT("anyone")},
    };
    struct zk_create request = {.path = path, .data = data, .acl = &open_acl, .acl_count = 1};
    return zk_cli_wait(cli, zk_client_create(cli->client, &request, zk_cli_done(cli)));
}

/* The values point into the arena. A text that nobody can read counts as no values. */
static int32_t read_values(struct zk_cli *cli, struct slice path, struct quota_values *values)
{
    values->count = 0;
    int32_t err = zk_cli_wait(cli, zk_client_get_data(cli->client, path, NULL, zk_cli_done(cli)));
    if (err == ZK_ERR_OK && quota_parse(cli->reply.data, values) != 0) {
        values->count = 0;
    }
    return err;
}

static struct slice text_of(struct zk_cli *cli, struct quota_values *values)
{
    struct buffer text;
    buffer_init(&text, QUOTA_TEXT_BYTES_MAX);
    quota_print(values, &text);
    struct slice copy = arena_copy(&cli->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

/* ---- setquota -------------------------------------------------------------------------------- */

/* Reads the value of the one option that was given. False, with the reason said. */
static bool read_limits(const struct zk_cli_parsed *parsed, struct quota_values *limits)
{
    limits->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(quota_options); i++) {
        const struct quota_option *option = &quota_options[i];
        int64_t value = -1;
        int32_t count = 0;
        struct slice text = zk_cli_value(parsed, option->option);
        bool is_set = zk_cli_has(parsed, option->option);
        int error = !is_set                ? 0
                    : option->counts_nodes ? text_parse_i32(text, &count)
                                           : text_parse_i64(text, &value);
        if (error != 0) {
            zk_cli_say("NumberFormatException happens when parsing the option value");
            return false;
        }
        if (is_set && option->counts_nodes && count <= 0) {
            zk_cli_say("the num quota must be greater than zero");
            return false;
        }
        if (is_set && !option->counts_nodes && value < 0) {
            zk_cli_say("the bytes quota must be greater than or equal to zero");
            return false;
        }
        value = is_set && option->counts_nodes ? count : value;
        error = quota_set(limits, option->key, value);
        ASSERT(error == 0);
    }
    return true;
}

static bool has_limits(const struct zk_cli *cli)
{
    for (int32_t i = 0; i < cli->reply.name_count; i++) {
        if (slice_equal_cstr(cli->reply.names[i], QUOTA_LIMIT_NAME)) {
            return true;
        }
    }
    return false;
}

struct search {
    struct zk_cli *cli;
    struct slice path;     /* that is to get a quota */
    struct slice own_path; /* its node below /zookeeper/quota */
    struct slice found;    /* a descendant that has one */
};

static bool look_for_limits(void *ctx, struct slice node)
{
    struct search *search = ctx;
    if (get_children(search->cli, node) == ZK_ERR_OK && has_limits(search->cli) &&
        !slice_equal(node, search->own_path)) {
        search->found = slice_part(node, sizeof QUOTA_ROOT - 1, node.len);
        return false;
    }
    return true;
}

/* False, with the reason said, when a descendant of the path has a quota. */
static bool check_descendants(struct zk_cli *cli, struct slice path)
{
    struct search search = {.cli = cli, .path = path, .own_path = quota_path(cli, path)};
    struct zk_cli_visit visit = {.visit = look_for_limits, .ctx = &search};
    if (!zk_cli_check_path(search.own_path)) {
        return false;
    }
    int32_t err = zk_cli_visit_tree(cli, search.own_path, &visit);
    if (err != ZK_ERR_OK && err != ZK_ERR_NONODE) {
        zk_cli_fail(err, search.own_path);
        return false;
    }
    if (search.found.len > 0) {
        zk_cli_say("%.*s has a child %.*s which has a quota", LOG_SLICE(path),
                   LOG_SLICE(search.found));
        return false;
    }
    return true;
}

/* False, with the reason said, when an ancestor of the path has a quota. */
static bool check_ancestors(struct zk_cli *cli, struct slice path)
{
    for (size_t len = 1; len < path.len; len++) {
        if (path.ptr[len] != '/') {
            continue;
        }
        struct slice ancestor = slice_part(path, 0, len);
        struct slice node = quota_path(cli, ancestor);
        int32_t err = get_children(cli, node);
        if (err == ZK_ERR_NONODE || (err == ZK_ERR_OK && cli->reply.name_count == 0)) {
            return true;
        }
        if (err != ZK_ERR_OK) {
            zk_cli_fail(err, node);
            return false;
        }
        if (has_limits(cli)) {
            zk_cli_say("%.*s has a parent %.*s which has a quota", LOG_SLICE(path),
                       LOG_SLICE(ancestor));
            return false;
        }
    }
    return true;
}

/* Creates what is missing of one path below /zookeeper/quota. */
static int32_t create_parents(struct zk_cli *cli, struct slice path, struct slice *failed_path)
{
    struct slice node = quota_path(cli, path);
    int32_t err = ZK_ERR_OK;
    for (size_t len = sizeof QUOTA_ROOT; len <= node.len && err == ZK_ERR_OK; len++) {
        if (len < node.len && node.ptr[len] != '/') {
            continue;
        }
        *failed_path = slice_part(node, 0, len);
        err = exists(cli, *failed_path);
        if (err == ZK_ERR_NONODE) {
            err = create(cli, *failed_path, SLICE_NULL);
        }
        err = err == ZK_ERR_NODEEXISTS ? ZK_ERR_OK : err;
    }
    return err;
}

/* Below a chroot the system nodes are absent, and made. */
static int32_t create_root(struct zk_cli *cli, struct slice *failed_path)
{
    *failed_path = SLICE_LIT(QUOTA_ROOT);
    int32_t err = exists(cli, *failed_path);
    if (err != ZK_ERR_NONODE) {
        return err;
    }
    *failed_path = SLICE_LIT("/zookeeper");
    err = create(cli, *failed_path, SLICE_NULL);
    if (err == ZK_ERR_OK) {
        *failed_path = SLICE_LIT(QUOTA_ROOT);
        err = create(cli, *failed_path, SLICE_NULL);
    }
    return err == ZK_ERR_NODEEXISTS ? ZK_ERR_OK : err;
}

static bool is_exceeded(const struct quota_values *limits, const char *key, int64_t used)
{
    int64_t limit = quota_get(limits, key);
    return limit > -1 && limit < used;
}

static void warn_if_exceeded(const struct quota_values *limits, const struct quota_values *stats)
{
    int64_t count = quota_get(stats, QUOTA_COUNT);
    int64_t bytes = quota_get(stats, QUOTA_BYTES);
    if (is_exceeded(limits, QUOTA_COUNT, count) || is_exceeded(limits, QUOTA_COUNT_HARD, count)) {
        printf("[Warning]: the count quota you create is less than the existing count:%lld\n",
               (long long)count);
    }
    if (is_exceeded(limits, QUOTA_BYTES, bytes) || is_exceeded(limits, QUOTA_BYTES_HARD, bytes)) {
        printf("[Warning]: the bytes quota you create is less than the existing bytes:%lld\n",
               (long long)bytes);
    }
}

/* The path has no quota yet. */
static int32_t create_quota(struct zk_cli *cli,
                            struct slice path,
                            struct quota_values *limits,
                            struct slice *failed_path)
{
    struct quota_values stats = {.count = 0};
    int error = quota_set(&stats, QUOTA_COUNT, 0);
    ASSERT(error == 0);
    error = quota_set(&stats, QUOTA_BYTES, 0);
    ASSERT(error == 0);
    *failed_path = limits_path(cli, path);
    int32_t err = create(cli, *failed_path, text_of(cli, limits));
    if (err == ZK_ERR_OK) {
        *failed_path = stats_path(cli, path);
        err = create(cli, *failed_path, text_of(cli, &stats));
    }
    if (err == ZK_ERR_OK) {
        err = read_values(cli, *failed_path, &stats); /* the server has counted */
    }
    if (err == ZK_ERR_OK) {
        warn_if_exceeded(limits, &stats);
    }
    return err;
}

/* What is given replaces what is there; the rest stays. */
static int32_t change_quota(struct zk_cli *cli,
                            struct slice path,
                            const struct quota_values *limits,
                            struct slice *failed_path)
{
    struct quota_values merged;
    struct quota_values stats;
    *failed_path = limits_path(cli, path);
    int32_t err = read_values(cli, *failed_path, &merged);
    for (size_t i = 0; i < ARRAY_LEN(quota_options) && err == ZK_ERR_OK; i++) {
        int64_t value = quota_get(limits, quota_options[i].key);
        if (value > -1 && quota_set(&merged, quota_options[i].key, value) != 0) {
            err = ZK_ERR_BADARGUMENTS; /* the node is full of keys that nobody knows */
        }
    }
    if (err == ZK_ERR_OK) {
        *failed_path = stats_path(cli, path);
        err = read_values(cli, *failed_path, &stats);
    }
    if (err == ZK_ERR_OK) {
        warn_if_exceeded(&merged, &stats);
        *failed_path = limits_path(cli, path);
        struct slice text = text_of(cli, &merged);
        struct zk_done done = zk_cli_done(cli);
        err = zk_cli_wait(cli, zk_client_set_data(cli->client, *failed_path, text, -1, done));
    }
    return err;
}

int zk_cli_setquota(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice failed_path = path;
    struct quota_values limits;
    if (slice_starts_with(path, SLICE_LIT(QUOTA_ROOT))) {
        zk_cli_say("cannot set a quota under the path: " QUOTA_ROOT);
        return ZK_CLI_OK;
    }
    if (!read_limits(parsed, &limits)) {
        return ZK_CLI_OK; /* so it is upstream */
    }
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = exists(cli, path);
    if (err == ZK_ERR_NONODE) {
        zk_cli_say("%.*s does not exist.", LOG_SLICE(path));
        return ZK_CLI_FAILED;
    }
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    if (!check_descendants(cli, path) || !check_ancestors(cli, path)) {
        return ZK_CLI_FAILED;
    }
    err = create_root(cli, &failed_path);
    if (err == ZK_ERR_OK) {
        err = create_parents(cli, path, &failed_path);
    }
    if (err == ZK_ERR_OK) {
        failed_path = limits_path(cli, path);
        err = exists(cli, failed_path);
        err = err == ZK_ERR_NONODE ? create_quota(cli, path, &limits, &failed_path)
              : err == ZK_ERR_OK   ? change_quota(cli, path, &limits, &failed_path)
                                   : err;
    }
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, failed_path);
}

/* ---- listquota ------------------------------------------------------------------------------- */

static void print_values(const char *what,
                         struct slice path,
                         struct zk_cli *cli,
                         struct quota_values *values)
{
    printf("%s for ", what);
    zk_cli_print_text(path);
    putchar(' ');
    zk_cli_print_text(text_of(cli, values));
    putchar('\n');
}

int zk_cli_listquota(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice node = limits_path(cli, path);
    struct quota_values limits;
    struct quota_values stats;
    zk_cli_say("absolute path is %.*s", LOG_SLICE(node));
    if (!zk_cli_check_path(node)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = read_values(cli, node, &limits);
    if (err == ZK_ERR_OK) {
        node = stats_path(cli, path);
        err = read_values(cli, node, &stats);
    }
    if (err == ZK_ERR_NONODE) {
        zk_cli_say("quota for %.*s does not exist.", LOG_SLICE(path));
        return ZK_CLI_OK;
    }
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, node);
    }
    print_values("Output quota", path, cli, &limits);
    print_values("Output stat", path, cli, &stats);
    return ZK_CLI_OK;
}

/* ---- delquota -------------------------------------------------------------------------------- */

static int32_t delete_node(struct zk_cli *cli, struct slice path)
{
    return zk_cli_wait(cli, zk_client_delete(cli->client, path, -1, zk_cli_done(cli)));
}

/* The whole quota: its two nodes, and what stands empty above them. */
static int32_t delete_quota(struct zk_cli *cli, struct slice path, struct slice *failed_path)
{
    struct slice node = quota_path(cli, path);
    *failed_path = node;
    int32_t err = get_children(cli, node);
    const struct slice *names = cli->reply.names;
    int32_t count = err == ZK_ERR_OK ? cli->reply.name_count : 0;
    for (int32_t i = 0; i < count && err == ZK_ERR_OK; i++) {
        *failed_path = zk_cli_child_path(cli, node, names[i]);
        err = delete_node(cli, *failed_path);
    }
    while (err == ZK_ERR_OK && !slice_equal_cstr(node, QUOTA_ROOT)) {
        *failed_path = node;
        err = get_children(cli, node);
        if (err != ZK_ERR_OK || cli->reply.name_count > 0) {
            break;
        }
        err = delete_node(cli, node);
        while (node.ptr[node.len - 1] != '/') {
            node.len -= 1;
        }
        node.len -= 1;
    }
    return err;
}

/* One value of it: -1, no limit. */
static int32_t delete_limits(struct zk_cli *cli,
                             const struct zk_cli_parsed *parsed,
                             struct slice node)
{
    struct quota_values limits;
    int32_t err = read_values(cli, node, &limits);
    for (size_t i = 0; i < ARRAY_LEN(quota_options) && err == ZK_ERR_OK; i++) {
        bool is_meant = zk_cli_has(parsed, quota_options[i].option);
        if (is_meant && quota_set(&limits, quota_options[i].key, -1) != 0) {
            err = ZK_ERR_BADARGUMENTS;
        }
    }
    if (err == ZK_ERR_OK) {
        struct slice text = text_of(cli, &limits);
        struct zk_done done = zk_cli_done(cli);
        err = zk_cli_wait(cli, zk_client_set_data(cli->client, node, text, -1, done));
    }
    return err;
}

int zk_cli_delquota(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice node = limits_path(cli, path);
    struct slice failed_path = node;
    bool has_option = false;
    for (size_t i = 0; i < ARRAY_LEN(quota_options); i++) {
        has_option |= zk_cli_has(parsed, quota_options[i].option);
    }
    if (!zk_cli_check_path(node)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = exists(cli, node);
    if (err == ZK_ERR_NONODE) {
        printf("Quota does not exist for ");
        zk_cli_print_text(path);
        putchar('\n');
        return ZK_CLI_OK;
    }
    if (err == ZK_ERR_OK) {
        err = has_option ? delete_limits(cli, parsed, node) : delete_quota(cli, path, &failed_path);
    }
    if (err == ZK_ERR_NONODE) {
        zk_cli_say("quota for %.*s does not exist.", LOG_SLICE(path));
        return ZK_CLI_OK;
    }
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, failed_path);
}
