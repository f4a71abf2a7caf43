/* zk_cli_watch.c - addWatch, removewatches. */
#include "base/text.h"
#include "cli/zk_cli.h"
#include "zookeeper/client/path_check.h"

int zk_cli_add_watch(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    struct slice mode_text = zk_cli_value(parsed, "m");
    int32_t mode = ZK_ADD_WATCH_PERSISTENT_RECURSIVE;
    struct errmsg message;
    if (zk_cli_has(parsed, "m")) {
        if (text_equal_ignoring_case(mode_text, SLICE_LIT("PERSISTENT"))) {
            mode = ZK_ADD_WATCH_PERSISTENT;
        } else if (!text_equal_ignoring_case(mode_text, SLICE_LIT("PERSISTENT_RECURSIVE"))) {
            const struct zk_cli_command *command = zk_cli_find_command(SLICE_LIT("addWatch"));
            zk_cli_say("%s %s", command->name, command->usage);
            return ZK_CLI_FAILED;
        }
    }
    if (path_check(path, &message) != 0) {
        return zk_cli_die(cli, "%s", message.text);
    }
    struct zk_done done = zk_cli_done(cli);
    int submitted = zk_client_add_watch(cli->client, path, mode, &cli->watcher, done);
    int32_t err = zk_cli_wait(cli, submitted);
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, path);
}

/* The first of these that is given says what is removed; -a, or none, means any. */
static int32_t removed_type(const struct zk_cli_parsed *parsed)
{
    if (zk_cli_has(parsed, "c")) {
        return ZK_WATCHER_CHILDREN;
    }
    if (zk_cli_has(parsed, "d")) {
        return ZK_WATCHER_DATA;
    }
    if (zk_cli_has(parsed, "p")) {
        return ZK_WATCHER_PERSISTENT;
    }
    return zk_cli_has(parsed, "r") ? ZK_WATCHER_PERSISTENT_RECURSIVE : ZK_WATCHER_ANY;
}

int zk_cli_removewatches(struct zk_cli *cli, const struct zk_cli_parsed *parsed)
{
    struct slice path = parsed->words[1];
    if (!zk_cli_check_path(path)) {
        return ZK_CLI_FAILED;
    }
    struct zk_done done = zk_cli_done(cli);
    int submitted = zk_client_remove_watches(cli->client, path, removed_type(parsed),
                                             zk_cli_has(parsed, "l"), done);
    int32_t err = zk_cli_wait(cli, submitted);
    return err == ZK_ERR_OK ? ZK_CLI_OK : zk_cli_fail(err, path);
}
