/* zk_cli_read.c - get, ls, stat, sync, getAllChildrenNumber, getEphemerals. */
#include <stdio.h>

#include "base/base64.h"
#include "cli/zk_cli.h"

/* ---- get ------------------------------------------------------------------------------------- */

static void print_base64(struct zk_cli *cli, struct slice data)
{
    uint8_t *text = arena_alloc(&cli->arena, base64_encoded_len(data.len) + 1);
    size_t len = base64_encode(data, text);
    zk_cli_put(slice_of(text, len));
}

static void print_hex(struct slice data)
{
    struct buffer dump;
    buffer_init(&dump, (size_t)2 << 30);
    zk_cli_append_hex_dump(&dump, data);
    zk_cli_put(buffer_slice(&dump));
    buffer_release(&dump);
}

int zk_cli_get(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct zk_watcher *watcher = zk_cli_has(parsed, "w") ? &cli->watcher : NULL;
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli,
                              zk_client_get_data(cli->client, path, watcher, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    struct slice data = slice_is_null(cli->reply.data) ? SLICE_LIT("null") : cli->reply.data;
    if (zk_cli_has(parsed, "x")) {
        print_hex(data);
    } else if (zk_cli_has(parsed, "b")) {
        print_base64(cli, data);
    } else {
        zk_cli_print_text(data);
    }
    putchar('\n');
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

/* ---- ls -------------------------------------------------------------------------------------- */

static bool print_path(void *ctx, struct slice path)
{
    (void)ctx;
    zk_cli_print_text(path);
    putchar('\n');
    return ferror(stdout) == 0; /* nobody reads any more: `ls -R / | head` */
}

static int ls_plain(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct zk_watcher *watcher = zk_cli_has(parsed, "w") ? &cli->watcher : NULL;
    int32_t err = zk_cli_wait(cli,
                              zk_client_get_children(cli->client, path, watcher, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    size_t count = (size_t)cli->reply.name_count;
    struct slice *names = ARENA_ARRAY(&cli->arena, struct slice, count);
    if (count > 0) {
        memcpy(names, cli->reply.names, count * sizeof names[0]);
    }
    zk_cli_sort_names(names, count);
    zk_cli_print_names(names, count);
    if (zk_cli_has(parsed, "s")) {
        zk_cli_print_stat(&cli->reply.stat);
    }
    return ZK_CLI_OK;
}

int zk_cli_ls(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    if (!zk_cli_has(parsed, "R")) {
        return ls_plain(cli, parsed);
    }
    struct zk_cli_visit visit = {
        .visit = print_path,
        .watcher = zk_cli_has(parsed, "w") ? &cli->watcher : NULL,
    };
    int32_t err = zk_cli_visit_tree(cli, path, &visit);
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, path);
}

/* ---- the others ------------------------------------------------------------------------------ */

int zk_cli_stat(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct zk_watcher *watcher = zk_cli_has(parsed, "w") ? &cli->watcher : NULL;
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli, zk_client_exists(cli->client, path, watcher, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    zk_cli_print_stat(&cli->reply.stat);
    return ZK_CLI_OK;
}

int zk_cli_sync(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli, zk_client_sync(cli->client, path, zk_cli_done(cli)));
    if (err == ZK_ERR_OK) {
        printf("Sync is OK\n");
    } else {
        printf("Sync has failed. rc=%d\n", err);
    }
    return ZK_CLI_OK;
}

int zk_cli_get_all_children_number(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(
        cli, zk_client_get_all_children_number(cli->client, path, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, path);
    }
    printf("%d\n", cli->reply.number);
    return ZK_CLI_OK;
}

int zk_cli_get_ephemerals(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice prefix = parsed->word_count < 2 ? SLICE_LIT("/") : parsed->words[1];
    if (!zk_cli_check_path(prefix)) {
        return ZK_CLI_FAILED;
    }
    int32_t err = zk_cli_wait(cli, zk_client_get_ephemerals(cli->client, prefix, zk_cli_done(cli)));
    if (err != ZK_ERR_OK) {
        return zk_cli_fail(err, SLICE_NULL);
    }
    zk_cli_print_names(cli->reply.names, (size_t)cli->reply.name_count);
    return ZK_CLI_OK;
}
