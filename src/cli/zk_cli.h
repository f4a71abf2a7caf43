/* zk_cli.h - what the files of zkCli share. zk_cli.c has the essay.
 *
 * Results go to standard output, everything else to standard error, with the texts of Apache's
 * zkCli 3.9, since scripts read them. A command's function returns its exit code and has said what
 * went wrong. Source: ZooKeeperMain, org.apache.zookeeper.cli.
 */
#ifndef CLI_ZK_CLI_H
#define CLI_ZK_CLI_H

#include "cli/properties.h"
#include "cli/zk_cli_options.h"
#include "runtime/errmsg.h"
#include "zookeeper/client/client.h"

#define ZK_CLI_LINE_BYTES_MAX ((size_t)16 << 20)
#define ZK_CLI_ARENA_BYTES_MAX ((size_t)16 << 30) /* of one command: the names of a whole tree */
#define ZK_CLI_HISTORY_MAX 100000                 /* lines that are remembered */

#define ZK_CLI_OK 0
#define ZK_CLI_FAILED 1
#define ZK_CLI_BAD_INVOCATION 2
#define ZK_CLI_UNKNOWN_COMMAND 127

struct zk_cli_terminal; /* zk_cli_terminal.c */

struct zk_cli {
    struct runtime *runtime;
    struct zk_client *client; /* NULL before the first connect */
    struct zk_watcher watcher;
    struct zk_cli_terminal *terminal; /* NULL in one-shot mode */

    /* The command line. */
    const char *server;
    const char *timeout_text;
    const char *client_configuration; /* NULL: none */
    bool is_read_only;
    bool waits_for_connection;
    struct properties properties;
    struct zk_client_config client_config; /* without connect string */

    struct buffer host; /* where we are connected, as it was given */
    bool prints_watches;
    bool is_connected;     /* SyncConnected was heard since the last connect */
    int exit_code;         /* of the last command */
    bool is_ended;         /* quit, or no way to go on */
    struct slice *history; /* what was typed, by number; ours, heap. Null: nothing, or forgotten */
    size_t history_cap;
    int32_t command_count;

    struct arena arena; /* of one command */
    bool has_reply;
    struct zk_reply reply; /* in the arena */
};

/* What was typed, split; words[0] is the command. */
struct zk_cli_words {
    struct slice *items;
    size_t count;
};

struct zk_cli_command {
    const char *name;
    const char *usage;
    struct zk_cli_syntax syntax;
    int (*run)(struct zk_cli *cli, const struct zk_cli_parsed *parsed); /* NULL: zk_cli.c does it */
    size_t min_words;       /* with the command's own name; fewer: the usage is shown */
    size_t max_words;       /* 0: any */
    bool is_unparsed;       /* close, whoami: arguments are not looked at, run gets NULL */
    bool shows_options;     /* the usage goes on with a line for each option */
    const char *deprecated; /* "get path [watch]": a third word becomes -w, with these words */
};

/* ---- zk_cli.c -------------------------------------------------------------------------------- */

/* One command with its arguments; sets cli->exit_code. */
void zk_cli_run(struct zk_cli *cli, struct zk_cli_words words);

/* One typed line. */
void zk_cli_run_line(struct zk_cli *cli, struct slice line);

/* ---- zk_cli_commands.c ----------------------------------------------------------------------- */

extern const struct zk_cli_command zk_cli_commands[];
extern const size_t zk_cli_command_count;

const struct zk_cli_command *zk_cli_find_command(struct slice name);

/* Parses the words and runs the command. */
int zk_cli_execute(struct zk_cli *cli,
                   const struct zk_cli_command *command,
                   struct zk_cli_words words);

/* The list of all commands, on standard error. */
void zk_cli_print_usage(void);

/* ---- zk_cli_session.c ------------------------------------------------------------------------ */

/* Connects to cli->host anew; false (with the reason said, cli->is_ended) when that cannot be. */
bool zk_cli_connect(struct zk_cli *cli, struct slice host);

/* Closes the session in order and waits for it. Nothing when it is not alive. */
void zk_cli_close(struct zk_cli *cli);

/* Fills in cli->client_config from -D flags and the -client-configuration file. The exit code. */
int zk_cli_configure(struct zk_cli *cli);

/* ---- zk_cli_line.c --------------------------------------------------------------------------- */

/* Splits as Apache's zkCli does: at blanks, but for what stands in quotes. Borrows from the line.
 */
struct zk_cli_words zk_cli_split(struct arena *arena, struct slice line);

/* ---- zk_cli_call.c: one request, waited for -------------------------------------------------- */

/* For the `done` of a request; then zk_cli_wait. */
struct zk_done zk_cli_done(struct zk_cli *cli);

/* Runs the loop until the reply is there (cli->reply); returns its err. `submitted` is what the
 * request returned. */
int32_t zk_cli_wait(struct zk_cli *cli, int submitted);

/* False, with the reason said, for what cannot be a path. */
bool zk_cli_check_path(struct slice path);

/* Says what the server's error means for this path; returns the exit code. */
int zk_cli_fail(int32_t err, struct slice path);

/* Apache's zkCli dies of a Java exception here: says why, and ends. */
int zk_cli_die(struct zk_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on standard error, behind what standard output has got so far. */
void zk_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Visits the node and all below it: a node's children before their own (ZKUtil.visitSubTreeDFS).
 * `visit` returns false to stop. The err of reading the root; children that vanish meanwhile are
 * passed over. */
struct zk_cli_visit {
    bool (*visit)(void *ctx, struct slice path);
    void *ctx;
    struct zk_watcher *watcher; /* left on every node's data (the root's) and children */
};
int32_t zk_cli_visit_tree(struct zk_cli *cli, struct slice root, const struct zk_cli_visit *visit);

/* The path of a child, in the arena. */
struct slice zk_cli_child_path(struct zk_cli *cli, struct slice parent, struct slice name);

/* ---- zk_cli_print.c -------------------------------------------------------------------------- */

/* Bytes to standard output, as they are. */
void zk_cli_put(struct slice bytes);

/* Text of unknown make: what is not UTF-8 becomes U+FFFD, as in Java. */
void zk_cli_print_text(struct slice text);
void zk_cli_print_stat(const struct zk_stat *stat);
void zk_cli_append_stat(struct buffer *out, const struct zk_stat *stat);

/* "[a, b]", sorted by the caller. */
void zk_cli_print_names(const struct slice *names, size_t count);
void zk_cli_sort_names(struct slice *names, size_t count);
void zk_cli_append_hex_dump(struct buffer *out, struct slice data);

/* "KeeperErrorCode = NoNode for /a"; without path when it is empty. */
void zk_cli_append_keeper_error(struct buffer *out, int32_t err, struct slice path);

/* "Node does not exist: /a" and the like. */
void zk_cli_append_error(struct buffer *out, int32_t err, struct slice path);
void zk_cli_append_event(struct buffer *out, const struct zk_watch_event *event);

/* ---- zk_cli_acl.c ---------------------------------------------------------------------------- */

/* "scheme:id:perms,..."; says what it cannot read and leaves that out. The array is in the arena.
 */
struct zk_acl *zk_cli_parse_acl(struct arena *arena, struct slice text, int32_t *count);

/* "cdrwa" */
void zk_cli_append_perms(struct buffer *out, int32_t perms);

/* ---- zk_cli_java.c: what Java reads its own way ---------------------------------------------- */

/* Integer.decode: sign, 0x, # or 0 before the digits. ERR_INVALID. */
NODISCARD int java_decode_int(struct slice text, int32_t *value);

/* Long.parseLong(text, 16). ERR_INVALID. */
NODISCARD int java_parse_hex(struct slice text, int64_t *value);

/* Base64.getDecoder(): padding may be left out. ERR_INVALID. */
NODISCARD int java_decode_base64(struct arena *arena, struct slice text, struct slice *bytes);

/* java.util.Properties. Calls `entry` for each; the slices are in the arena. */
void java_read_properties(struct arena *arena,
                          struct slice text,
                          void (*entry)(void *ctx, struct slice key, struct slice value),
                          void *ctx);

/* A whole file into the arena; ERR_* with the system's words in `message`. */
NODISCARD int java_read_file(struct arena *arena,
                             struct slice path,
                             struct slice *text,
                             struct errmsg *message);

/* ---- zk_cli_terminal.c ----------------------------------------------------------------------- */

/* Reads and runs lines until the end. */
void zk_cli_interact(struct zk_cli *cli);

/* Called when something was printed while the user may be typing. */
void zk_cli_terminal_refresh(struct zk_cli_terminal *terminal);

/* ---- zk_cli_complete.c ----------------------------------------------------------------------- */

/* What may be put behind the cursor, given the text before it. */
struct zk_cli_completion {
    struct slice insert;      /* may be empty */
    struct slice *candidates; /* sorted; more than one when the choice is open */
    size_t candidate_count;
};

/* Commands, or paths when the last word begins with '/' (asks the server). In the arena. */
struct zk_cli_completion zk_cli_complete(struct zk_cli *cli, struct slice before_cursor);

/* The part that needs no server: which of these names can the word become? */
struct zk_cli_completion zk_cli_match(struct arena *arena,
                                      struct slice word,
                                      const struct slice *names,
                                      size_t count);

/* ---- the commands ---------------------------------------------------------------------------- */

typedef int zk_cli_run_fn(struct zk_cli *cli, const struct zk_cli_parsed *parsed);

zk_cli_run_fn zk_cli_create, zk_cli_delete, zk_cli_deleteall, zk_cli_set;    /* zk_cli_change.c */
zk_cli_run_fn zk_cli_get, zk_cli_ls, zk_cli_stat, zk_cli_sync;               /* zk_cli_read.c */
zk_cli_run_fn zk_cli_get_all_children_number, zk_cli_get_ephemerals;         /* zk_cli_read.c */
zk_cli_run_fn zk_cli_get_acl, zk_cli_set_acl, zk_cli_addauth, zk_cli_whoami; /* zk_cli_acl.c */
zk_cli_run_fn zk_cli_setquota, zk_cli_listquota, zk_cli_delquota;            /* zk_cli_quota.c */
zk_cli_run_fn zk_cli_add_watch, zk_cli_removewatches;                        /* zk_cli_watch.c */
zk_cli_run_fn zk_cli_config, zk_cli_reconfig;                                /* zk_cli_config.c */
zk_cli_run_fn zk_cli_version, zk_cli_close_command;                          /* zk_cli_session.c */

#endif
