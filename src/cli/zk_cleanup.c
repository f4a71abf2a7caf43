/* zk_cleanup.c - zkCleanup.sh: removes snapshots and logs that the newest `count` snapshots do not
 * need.
 *
 * Usage: zkCleanup -n count
 * The folders are those of $ZOOCFG. Nothing is locked and nothing is made: the tool runs beside a
 * server, usually from cron. Source: zkCleanup.sh, PurgeTxnLog.
 */
#include <stdio.h>

#include "cli/java_format.h"
#include "cli/offline_tool.h"
#include "cli/script_config.h"
#include "cli/tool.h"
#include "cli/zookeeper_server.h"
#include "zookeeper/storage/recovery.h"

#define RETAIN_MIN 3

/* PurgeTxnLog's arguments: dataLogDir [snapDir] -n count. */
#define ARGUMENTS_MAX 5

struct cleanup {
    struct runtime *runtime;
    const char *tool;
    const char *arguments[ARGUMENTS_MAX];
    size_t argument_count;
    bool has_failed;
};

static int print_usage(void)
{
    printf("Usage:\n"
           "PurgeTxnLog dataLogDir [snapDir] -n count\n"
           "\tdataLogDir -- path to the txn log directory\n"
           "\tsnapDir -- path to the snapshot directory\n"
           "\tcount -- the number of old snaps/logs you want to keep, value should be greater than "
           "or equal to 3\n");
    return EXIT_UNEXPECTED;
}

static bool is_there(const struct cleanup *cleanup, const char *path)
{
    struct path_info info;
    char absolute[PATH_TEXT_MAX];
    if (path_stat(cleanup->runtime, path, &info) == 0) {
        return true;
    }
    offline_tool_absolute(path, absolute, sizeof absolute);
    fprintf(stderr, "Path '%s' does not exist. \n", absolute);
    return false;
}

static bool parse_count(const char *text, int32_t *count)
{
    if (!java_parse_int(text, count)) {
        fprintf(stderr, "'%s' can not be parsed to integer.\n", text);
        return false;
    }
    if (*count < RETAIN_MIN) {
        fprintf(stderr, "count should be greater than or equal to 3\n");
        return false;
    }
    return true;
}

static void print_removing(void *ctx, const char *path, int64_t modified_ms)
{
    char date[JAVA_DATE_TEXT_MAX];
    (void)ctx;
    printf("Removing file: %s\t%s\n", java_medium_date_time(modified_ms, date), path);
}

static void print_failed(void *ctx, const char *path, int error)
{
    struct cleanup *cleanup = ctx;
    (void)error;
    fflush(stdout);
    fprintf(stderr, "Failed to remove %s\n", path);
    cleanup->has_failed = true;
}

static int purge(struct cleanup *cleanup, const char *log_dir, const char *snap_dir, int32_t count)
{
    struct data_dir dir;
    struct errmsg message;
    struct purge_observer observer = {print_removing, print_failed, cleanup};
    int error = data_dir_open(&dir, cleanup->runtime, snap_dir, log_dir, false, true, &message);
    if (error == ERR_NOT_FOUND) {
        return EXIT_OK; /* no version-2: no server has been here yet */
    }
    if (error != 0) {
        return offline_tool_fail(cleanup->tool, "%s", message.text);
    }
    error = purge_files(cleanup->runtime, dir.log_dir, dir.snap_dir, (uint32_t)count, &observer);
    data_dir_close(&dir);
    if (error != 0 && !cleanup->has_failed) {
        return offline_tool_fail(cleanup->tool, "cannot look through %s and %s: %s (%s)",
                                 dir.log_dir, dir.snap_dir, error_text(error),
                                 runtime_error_detail());
    }
    return EXIT_OK;
}

static int run(struct cleanup *cleanup)
{
    const char *const *arguments = cleanup->arguments;
    int32_t count = 0;
    if (cleanup->argument_count < 3 || cleanup->argument_count > 4) {
        return print_usage();
    }
    const char *log_dir = arguments[0];
    const char *snap_dir = cleanup->argument_count == 3 ? log_dir : arguments[1];
    const char *option = arguments[cleanup->argument_count - 2];
    bool is_good = is_there(cleanup, log_dir) &&
                   (snap_dir == log_dir || is_there(cleanup, snap_dir)) &&
                   parse_count(arguments[cleanup->argument_count - 1], &count) &&
                   strcmp(option, "-n") == 0;
    return is_good ? purge(cleanup, log_dir, snap_dir, count) : print_usage();
}

static void add_argument(struct cleanup *cleanup, const char *argument)
{
    if (cleanup->argument_count < ARGUMENTS_MAX) {
        cleanup->arguments[cleanup->argument_count++] = argument;
    }
}

int tool_zk_cleanup(int argc, char **argv)
{
    static char data_dir[DATA_DIR_PATH_MAX];
    static char data_log_dir[DATA_DIR_PATH_MAX];
    struct cleanup cleanup = {.tool = argv[0]};
    const char *config = script_environment("ZOOCFG");
    int exit_code = offline_tool_begin(&cleanup.runtime);
    if (exit_code != 0) {
        return exit_code;
    }
    if (!script_config_value(config, "dataDir", data_dir, sizeof data_dir)) {
        fprintf(stderr, "%s: no dataDir in \"%s\"; ZOOCFG and ZOOCFGDIR say where zoo.cfg is\n",
                argv[0], config);
    }
    if (script_config_value(config, "dataLogDir", data_log_dir, sizeof data_log_dir)) {
        add_argument(&cleanup, data_log_dir);
    }
    add_argument(&cleanup, data_dir);
    for (int i = 1; i < argc; i++) {
        add_argument(&cleanup, argv[i]);
    }
    return offline_tool_end(cleanup.runtime, run(&cleanup));
}
