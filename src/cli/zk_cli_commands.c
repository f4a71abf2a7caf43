/* zk_cli_commands.c - the table of commands, and how words become a call of one of them.
 *
 * The usage texts are Apache's, since they are what a wrong call prints. The order is that of the
 * list of commands: byte order of the names.
 */
#include <stdio.h>

#include "cli/zk_cli.h"
#include "runtime/log.h"

#define ADD_WATCH_USAGE                                                                         \
    "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is " \
    "PERSISTENT_RECURSIVE"
#define RECONFIG_USAGE                                                                        \
    "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " \
    "[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]"

/* Commands of the session itself (connect, history, ...) are run by zk_cli.c: their run is NULL. */
const struct zk_cli_command zk_cli_commands[] = {
    {.name = "addWatch",
     .usage = ADD_WATCH_USAGE,
     .syntax = {.options = {{"m", "", true}}},
     .run = zk_cli_add_watch,
     .min_words = 2,
     .max_words = 2},
    {.name = "addauth", .usage = "scheme auth", .run = zk_cli_addauth, .min_words = 2},
    {.name = "close", .usage = "", .run = zk_cli_close_command, .is_unparsed = true},
    {.name = "config",
     .usage = "[-c] [-w] [-s]",
     .syntax = {.options = {{"c", "client connection string", false},
                            {"s", "stats", false},
                            {"w", "watch", false}}},
     .run = zk_cli_config},
    {.name = "connect", .usage = "host:port"},
    {.name = "create",
     .usage = "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
     .syntax = {.options = {{"c", "container", false},
                            {"e", "ephemeral", false},
                            {"s", "sequential", false},
                            {"t", "ttl", true}}},
     .run = zk_cli_create,
     .min_words = 2},
    {.name = "delete",
     .usage = "[-v version] path",
     .syntax = {.options = {{"v", "version", true}}},
     .run = zk_cli_delete,
     .min_words = 2},
    {.name = "deleteall",
     .usage = "path [-b batch size]",
     .syntax = {.options = {{"b", "batch size", true}}},
     .run = zk_cli_deleteall,
     .min_words = 2},
    {.name = "delquota",
     .usage = "[-n|-b|-N|-B] path",
     .syntax = {.options = {{"n", "num soft quota", false},
                            {"b", "bytes soft quota", false},
                            {"N", "num hard quota", false},
                            {"B", "bytes hard quota", false}},
                .is_group = true},
     .run = zk_cli_delquota,
     .min_words = 2},
    {.name = "get",
     .usage = "[-s] [-w] [-b] [-x] path",
     .syntax = {.options = {{"b", "Output data in base64 format", false},
                            {"s", "Print znode stats additionally", false},
                            {"w", "Watch for changes on the znode", false},
                            {"x", "Output data in hexdump format", false}}},
     .run = zk_cli_get,
     .min_words = 2,
     .shows_options = true,
     .deprecated = "'get path [watch]' has been deprecated. "
                   "Please use 'get [-s] [-w] path' instead."},
    {.name = "getAcl",
     .usage = "[-s] path",
     .syntax = {.options = {{"s", "stats", false}}},
     .run = zk_cli_get_acl,
     .min_words = 2},
    {.name = "getAllChildrenNumber",
     .usage = "path",
     .run = zk_cli_get_all_children_number,
     .min_words = 2},
    {.name = "getEphemerals", .usage = "path", .run = zk_cli_get_ephemerals},
    {.name = "history", .usage = ""},
    {.name = "listquota", .usage = "path", .run = zk_cli_listquota, .min_words = 2},
    {.name = "ls",
     .usage = "[-s] [-w] [-R] path",
     .syntax = {.options = {{"?", "help", false},
                            {"R", "recurse", false},
                            {"s", "stat", false},
                            {"w", "watch", false}}},
     .run = zk_cli_ls,
     .min_words = 2,
     .deprecated = "'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead."},
    {.name = "printwatches", .usage = "on|off"},
    {.name = "quit", .usage = ""},
    {.name = "reconfig",
     .usage = RECONFIG_USAGE,
     .syntax = {.options = {{"s", "stats", false},
                            {"v", "required current config version", true},
                            {"file", "path of config file to parse for membership", true},
                            {"members", "config strings for non-incremental reconfig", true},
                            {"add", "config strings for new servers", true},
                            {"remove", "comma-separated list of server IDs to remove", true}}},
     .run = zk_cli_reconfig},
    {.name = "redo", .usage = "cmdno"},
    {.name = "removewatches",
     .usage = "path [-c|-d|-a] [-l]",
     .syntax = {.options = {{"c", "child watcher type", false},
                            {"d", "data watcher type", false},
                            {"p", "persistent watcher type", false},
                            {"r", "persistent recursive watcher type", false},
                            {"a", "any watcher type", false},
                            {"l", "remove locally when there is no server connection", false}}},
     .run = zk_cli_removewatches,
     .min_words = 2},
    {.name = "set",
     .usage = "path data [-s] [-v version] [-b]",
     .syntax = {.options = {{"b", "Supply data in base64 format", false},
                            {"s", "Print znode stats additionally", false},
                            {"v", "Set with an expected version", true}}},
     .run = zk_cli_set,
     .min_words = 3,
     .shows_options = true},
    {.name = "setAcl",
     .usage = "[-s] [-v version] [-R] path acl",
     .syntax = {.options = {{"s", "stats", false},
                            {"v", "version", true},
                            {"R", "recursive", false}}},
     .run = zk_cli_set_acl,
     .min_words = 3},
    {.name = "setquota",
     .usage = "-n|-b|-N|-B val path",
     .syntax = {.options = {{"n", "num soft quota", true},
                            {"b", "bytes soft quota", true},
                            {"N", "num hard quota", true},
                            {"B", "bytes hard quota", true}},
                .is_group = true,
                .is_required = true},
     .run = zk_cli_setquota,
     .min_words = 2},
    {.name = "stat",
     .usage = "[-w] path",
     .syntax = {.options = {{"w", "watch", false}}},
     .run = zk_cli_stat,
     .min_words = 2,
     .deprecated = "'stat path [watch]' has been deprecated. "
                   "Please use 'stat [-w] path' instead."},
    {.name = "sync", .usage = "path", .run = zk_cli_sync, .min_words = 2},
    {.name = "version", .usage = "", .run = zk_cli_version, .max_words = 1},
    {.name = "whoami", .usage = "", .run = zk_cli_whoami, .is_unparsed = true},
};

const size_t zk_cli_command_count = ARRAY_LEN(zk_cli_commands);

const struct zk_cli_command *zk_cli_find_command(struct slice name)
{
    for (size_t i = 0; i < zk_cli_command_count; i++) {
        if (slice_equal_cstr(name, zk_cli_commands[i].name)) {
            return &zk_cli_commands[i];
        }
    }
    return NULL;
}

void zk_cli_print_usage(void)
{
    zk_cli_say("ZooKeeper -server host:port -client-configuration properties-file cmd args");
    for (size_t i = 0; i < zk_cli_command_count; i++) {
        zk_cli_say("\t%s %s", zk_cli_commands[i].name, zk_cli_commands[i].usage);
    }
}

static void say_usage(const struct zk_cli_command *command)
{
    struct buffer text;
    buffer_init(&text, 8192);
    buffer_append_cstr(&text, command->name);
    buffer_append_cstr(&text, " ");
    buffer_append_cstr(&text, command->usage);
    if (command->shows_options) {
        buffer_append_cstr(&text, "\n");
        zk_cli_append_options(&text, &command->syntax);
    }
    zk_cli_say("%.*s", LOG_SLICE(buffer_slice(&text)));
    buffer_release(&text);
}

/* ls -? prints this on standard output, and goes on. */
static void print_ls_help(const struct zk_cli_command *command)
{
    struct buffer text;
    buffer_init(&text, 8192);
    buffer_append_cstr(&text, "usage: ls [options] path\n");
    zk_cli_append_options(&text, &command->syntax);
    zk_cli_put(buffer_slice(&text));
    buffer_release(&text);
}

static bool parse(struct zk_cli *cli,
                  const struct zk_cli_command *command,
                  struct zk_cli_words words,
                  struct zk_cli_parsed *parsed)
{
    struct errmsg message;
    int error = zk_cli_parse(&command->syntax, words.items, words.count, &cli->arena, parsed,
                             &message);
    if (error != 0) {
        zk_cli_say("%s", message.text);
    }
    return error == 0;
}

/* The old form "get path watch": what stands third in the line, whatever it is, is read as -w. */
static bool parse_deprecated(struct zk_cli *cli,
                             const struct zk_cli_command *command,
                             struct zk_cli_words words,
                             struct zk_cli_parsed *parsed)
{
    struct slice *copy = ARENA_ARRAY(&cli->arena, struct slice, words.count);
    memcpy(copy, words.items, words.count * sizeof copy[0]);
    copy[2] = SLICE_LIT("-w");
    zk_cli_say("%s", command->deprecated);
    return parse(cli, command, (struct zk_cli_words){copy, words.count}, parsed);
}

int zk_cli_execute(struct zk_cli *cli,
                   const struct zk_cli_command *command,
                   struct zk_cli_words words)
{
    struct zk_cli_parsed parsed;
    if (command->is_unparsed) {
        return command->run(cli, NULL);
    }
    if (!parse(cli, command, words, &parsed)) {
        return ZK_CLI_FAILED;
    }
    if (command->run == zk_cli_ls && zk_cli_has(&parsed, "?")) {
        print_ls_help(command);
    }
    bool has_few = parsed.word_count < command->min_words;
    bool has_many = command->max_words > 0 && parsed.word_count > command->max_words;
    if (has_few || has_many) {
        say_usage(command);
        return ZK_CLI_FAILED;
    }
    if (command->deprecated != NULL && parsed.word_count > 2) {
        if (!parse_deprecated(cli, command, words, &parsed)) {
            return ZK_CLI_FAILED;
        }
        if (parsed.word_count < command->min_words) {
            say_usage(command);
            return ZK_CLI_FAILED;
        }
    }
    return command->run(cli, &parsed);
}
