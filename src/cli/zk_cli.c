/* zk_cli.c - zkCli: the tool, its command line, and what one command does to the whole.
 *
 * MODEL. One thread, one event loop, one session. A command sends its requests and runs the loop
 * until the replies are there; between commands the loop runs while the user types, so watch events
 * are printed as they come. With a command on the command line the process runs that one and ends;
 * otherwise lines are read from the terminal or a pipe.
 *
 * HAPPY PATH. `zkCli.sh -server h:p ls /`: print "Connecting to h:p", begin to connect, send
 * getChildren2 as soon as the server has taken the session, print, exit 0. As with Apache's zkCli,
 * a one-shot process does not close its session: ephemeral nodes that it makes live until the
 * session times out.
 *
 * WHAT GOES WRONG. A command that fails says why on standard error and leaves exit code 1 (127 when
 * nobody knows it); an interactive zkCli goes on, and exits with the code of its last command.
 * Where Apache's zkCli dies of a Java exception (a version that is no number, ...), this one says
 * why and ends with code 1 too, because scripts may count on it.
 *
 * Source: ZooKeeperMain of ZooKeeper 3.9.5.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/tool.h"
#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define ARENA_CHUNK_BYTES ((size_t)16 * 1024)
#define HOST_BYTES_MAX ((size_t)64 * 1024)
#define HISTORY_SHOWN 10

/* ---- history --------------------------------------------------------------------------------- */

static struct slice history_get(const struct zk_cli *cli, int32_t number)
{
    bool is_there = number >= 0 && (size_t)number < cli->history_cap;
    return is_there ? cli->history[number] : SLICE_NULL;
}

static void history_forget(struct zk_cli *cli, int32_t number)
{
    if (number >= 0 && (size_t)number < cli->history_cap) {
        struct slice *entry = &cli->history[number];
        mem_free((void *)(uintptr_t)entry->ptr, entry->len + 1);
        *entry = SLICE_NULL;
    }
}

static void history_put(struct zk_cli *cli, int32_t number, struct slice line)
{
    size_t index = (size_t)number;
    if (index >= cli->history_cap) {
        size_t cap = MAX(index + 1, cli->history_cap * 2);
        cli->history = mem_realloc(cli->history, cli->history_cap * sizeof line, cap * sizeof line);
        memset(cli->history + cli->history_cap, 0, (cap - cli->history_cap) * sizeof line);
        cli->history_cap = cap;
    }
    uint8_t *bytes = mem_alloc(line.len + 1);
    if (line.len > 0) {
        memcpy(bytes, line.ptr, line.len);
    }
    history_forget(cli, number);
    history_forget(cli, number - ZK_CLI_HISTORY_MAX);
    cli->history[index] = slice_of(bytes, line.len);
}

static void history_release(struct zk_cli *cli)
{
    for (size_t i = 0; i < cli->history_cap; i++) {
        history_forget(cli, (int32_t)i);
    }
    mem_free(cli->history, cli->history_cap * sizeof cli->history[0]);
}

/* ---- the session's own commands -------------------------------------------------------------- */

static int process(struct zk_cli *cli, struct zk_cli_words words);

static int run_history(struct zk_cli *cli)
{
    for (int32_t i = MAX(0, cli->command_count - HISTORY_SHOWN); i <= cli->command_count; i++) {
        struct slice line = history_get(cli, i);
        printf("%d - ", i);
        zk_cli_print_text(slice_is_null(line) ? SLICE_LIT("null") : line);
        putchar('\n');
    }
    return ZK_CLI_OK;
}

static int run_redo(struct zk_cli *cli, struct zk_cli_words words)
{
    int32_t number;
    if (words.count < 2) {
        return ZK_CLI_OK;
    }
    if (java_decode_int(words.items[1], &number) != 0) {
        return zk_cli_die(cli, "redo: \"%.*s\" is not a number", LOG_SLICE(words.items[1]));
    }
    struct slice line = history_get(cli, number);
    if (number >= cli->command_count || number < 0 || slice_is_null(line)) {
        zk_cli_say("Command index out of range");
        return ZK_CLI_FAILED;
    }
    struct zk_cli_words again = zk_cli_split(&cli->arena, line);
    if (again.count > 0 && slice_equal_cstr(again.items[0], "redo")) {
        zk_cli_say("No redoing redos");
        return ZK_CLI_FAILED;
    }
    history_put(cli, cli->command_count, line);
    cli->exit_code = process(cli, again);
    return ZK_CLI_OK;
}

static int run_printwatches(struct zk_cli *cli, struct zk_cli_words words)
{
    if (words.count == 1) {
        printf("printwatches is %s\n", cli->prints_watches ? "on" : "off");
    } else {
        cli->prints_watches = slice_equal_cstr(words.items[1], "on");
    }
    return ZK_CLI_OK;
}

static int run_connect(struct zk_cli *cli, struct zk_cli_words words)
{
    struct slice host = words.count >= 2 ? words.items[1] : buffer_slice(&cli->host);
    return zk_cli_connect(cli, host) ? ZK_CLI_OK : ZK_CLI_FAILED;
}

static int run_own(struct zk_cli *cli, const char *name, struct zk_cli_words words)
{
    struct slice command = slice_of_cstr(name);
    if (slice_equal_cstr(command, "redo")) {
        return run_redo(cli, words);
    }
    if (slice_equal_cstr(command, "history")) {
        return run_history(cli);
    }
    if (slice_equal_cstr(command, "printwatches")) {
        return run_printwatches(cli, words);
    }
    ASSERT(slice_equal_cstr(command, "connect"));
    return run_connect(cli, words);
}

/* ---- one command ----------------------------------------------------------------------------- */

static int process(struct zk_cli *cli, struct zk_cli_words words)
{
    if (words.count == 0) {
        zk_cli_print_usage();
        zk_cli_say("No command entered");
        return ZK_CLI_FAILED;
    }
    const struct zk_cli_command *command = zk_cli_find_command(words.items[0]);
    if (command == NULL) {
        zk_cli_print_usage();
        zk_cli_say("Command not found: Command not found %.*s", LOG_SLICE(words.items[0]));
        return ZK_CLI_UNKNOWN_COMMAND;
    }
    if (slice_equal_cstr(words.items[0], "quit")) {
        zk_cli_close(cli);
        cli->is_ended = true;
        return cli->exit_code;
    }
    if (command->run == NULL) {
        int code = run_own(cli, command->name, words);
        if (code != ZK_CLI_OK || cli->is_ended) {
            return cli->is_ended && code == ZK_CLI_OK ? cli->exit_code : code;
        }
    }
    /* Upstream looks here for those commands too that need no connection. */
    if (cli->client == NULL || !zk_client_is_alive(cli->client)) {
        printf("Not connected\n");
        return ZK_CLI_OK;
    }
    return command->run == NULL ? ZK_CLI_OK : zk_cli_execute(cli, command, words);
}

void zk_cli_run(struct zk_cli *cli, struct zk_cli_words words)
{
    cli->exit_code = process(cli, words);
    fflush(stdout);
}

void zk_cli_run_line(struct zk_cli *cli, struct slice line)
{
    if (line.len == 0) {
        return;
    }
    arena_clear(&cli->arena);
    history_put(cli, cli->command_count, line);
    zk_cli_run(cli, zk_cli_split(&cli->arena, line));
    if (cli->command_count < INT32_MAX) {
        cli->command_count += 1;
    }
}

/* ---- the tool -------------------------------------------------------------------------------- */

/* Takes the options; returns where the command begins (argc when there is none). An option that
 * nobody knows is passed over, as upstream does. */
static int parse_options(struct zk_cli *cli, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } valued[] = {
        {"-server", &cli->server},
        {"-timeout", &cli->timeout_text},
        {"-client-configuration", &cli->client_configuration},
    };
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        const char *option = argv[at];
        cli->is_read_only |= strcmp(option, "-r") == 0;
        cli->waits_for_connection |= strcmp(option, "-waitforconnection") == 0;
        for (size_t i = 0; i < ARRAY_LEN(valued); i++) {
            if (strcmp(option, valued[i].name) != 0) {
                continue;
            }
            if (at + 1 == argc) {
                zk_cli_say("Error: no argument found for option %s", option);
                return argc;
            }
            at += 1;
            *valued[i].value = argv[at];
        }
    }
    return at;
}

static void add_properties(struct zk_cli *cli, const char *variable)
{
    const char *text = getenv(variable);
    if (text != NULL) {
        properties_add_text(&cli->properties, text);
    }
}

static void run_words(struct zk_cli *cli, int count, char **words)
{
    struct slice *items = ARENA_ARRAY(&cli->arena, struct slice, count);
    for (int i = 0; i < count; i++) {
        items[i] = slice_of_cstr(words[i]);
    }
    zk_cli_run(cli, (struct zk_cli_words){items, (size_t)count});
}

static int run(struct zk_cli *cli, int argc, char **argv)
{
    int at = parse_options(cli, argc, argv);
    printf("Connecting to %s\n", cli->server);
    int code = zk_cli_configure(cli);
    if (code != ZK_CLI_OK) {
        return code;
    }
    if (!zk_cli_connect(cli, slice_of_cstr(cli->server))) {
        return ZK_CLI_FAILED;
    }
    if (at < argc) {
        run_words(cli, argc - at, argv + at);
    } else {
        zk_cli_interact(cli);
    }
    return cli->exit_code;
}

int tool_zk_cli(int argc, char **argv)
{
    static struct zk_cli cli;
    struct log_options log = {.level = LOG_OFF};
    cli.server = "localhost:2181";
    cli.timeout_text = "30000";
    cli.prints_watches = true;
    setlocale(LC_CTYPE, "");
    arena_init(&cli.arena, ARENA_CHUNK_BYTES, ZK_CLI_ARENA_BYTES_MAX);
    buffer_init(&cli.host, HOST_BYTES_MAX);
    add_properties(&cli, "CLIENT_JVMFLAGS");
    add_properties(&cli, "JVMFLAGS");
    int error = log_configure(&log);
    if (error == 0) {
        error = runtime_create(NULL, &cli.runtime);
    }
    if (error != 0) {
        fprintf(stderr, "Cannot make an event loop: %s\n", error_text(error));
        return ZK_CLI_FAILED;
    }
    /* The loop ignores SIGPIPE; `ls -R / | head` is to end when head has. */
    (void)signal(SIGPIPE, SIG_DFL);
    int exit_code = run(&cli, argc, argv);
    bool is_written = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (!is_written && exit_code == ZK_CLI_OK) {
        fprintf(stderr, "Cannot write to standard output\n");
        exit_code = ZK_CLI_FAILED;
    }
    if (cli.client != NULL) {
        zk_client_release(cli.client);
    }
    runtime_destroy(cli.runtime);
    history_release(&cli);
    buffer_release(&cli.host);
    arena_release(&cli.arena);
    properties_release(&cli.properties);
    return exit_code;
}
