/* zk_initialize.c - zkServer-initialize.sh: makes the data folders of a server that has none yet.
 *
 * Usage: zkServer-initialize [--configfile=F] [--myid=N] [--force]
 * Makes <dataDir>/version-2 (and <dataLogDir>/version-2), writes myid and the file "initialize".
 * --force removes what was in both, for good. Source: zkServer-initialize.sh.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/offline_tool.h"
#include "cli/script_config.h"
#include "cli/tool.h"

#define VALUE_MAX 2048
#define OPEN_FOLDERS_MAX 16

struct initialize {
    struct runtime *runtime;
    const char *tool;
    const char *config;
    const char *myid; /* NULL or "": none */
    bool is_forced;
    char data_dir[VALUE_MAX];
    char data_log_dir[VALUE_MAX]; /* "": none */
};

static int print_usage(const struct initialize *initialize)
{
    const char *script = script_environment("SAMSA_SCRIPT");
    printf("usage: %s <parameters>\n"
           "  Optional parameters:\n"
           "     -h                                                    Display this message\n"
           "     --help                                                Display this message\n"
           "     --configfile=%-40s ZooKeeper config file\n"
           "     --myid=#                                              Set the myid to be used, if "
           "any "
           "(1-255)\n"
           "     --force                                               Force creation of the "
           "data/txnlog dirs\n",
           script[0] == '\0' ? initialize->tool : script, initialize->config);
    return 1;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void join(char path[PATH_TEXT_MAX], const char *folder, const char *name)
{
    int len = snprintf(path, PATH_TEXT_MAX, "%s/%s", folder, name);
    ASSERT(len > 0 && len < PATH_TEXT_MAX);
}

static bool has_version_folder(const struct initialize *initialize, const char *folder)
{
    char path[PATH_TEXT_MAX];
    struct path_info info;
    join(path, folder, "version-2");
    return path_stat(initialize->runtime, path, &info) == 0 && info.is_directory;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static bool remove_all(const char *path)
{
    return nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT;
}

/* Empties and makes the folder; what else stands beside myid and version-2 stays. */
static int make_folder(const struct initialize *initialize, const char *folder)
{
    static const char *const names[] = {"myid", "version-2"};
    char path[PATH_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        join(path, folder, names[i]);
        if (!remove_all(path)) {
            return offline_tool_fail(initialize->tool, "cannot remove %s: %s", path,
                                     strerror(errno));
        }
    }
    int error = directory_create(initialize->runtime, path);
    if (error != 0) {
        return offline_tool_fail(initialize->tool, "cannot create directory %s: %s (%s)", path,
                                 error_text(error), runtime_error_detail());
    }
    return 0;
}

/* Writes <dataDir>/<name>, keeping its content when there is none to write. */
static int write_file(const struct initialize *initialize, const char *name, const char *text)
{
    char path[PATH_TEXT_MAX];
    join(path, initialize->data_dir, name);
    FILE *file = fopen(path, text[0] == '\0' ? "ae" : "we");
    bool is_written = file != NULL && fputs(text, file) >= 0;
    if (file != NULL && fclose(file) != 0) {
        is_written = false;
    }
    if (!is_written) {
        return offline_tool_fail(initialize->tool, "cannot write %s: %s", path, strerror(errno));
    }
    return 0;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static int check_folders(const struct initialize *initialize)
{
    if (initialize->is_forced) {
        printf("Force enabled, data/txnlog directories will be re-initialized\n");
        return 0;
    }
    if (has_version_folder(initialize, initialize->data_dir)) {
        printf("ZooKeeper data directory already exists at %s (or use --force to force "
               "re-initialization)\n",
               initialize->data_dir);
        return 1;
    }
    if (initialize->data_log_dir[0] != '\0' &&
        has_version_folder(initialize, initialize->data_log_dir)) {
        printf("ZooKeeper txnlog directory already exists at %s (or use --force to force "
               "re-initialization)\n",
               initialize->data_log_dir);
        return 1;
    }
    return 0;
}

static int write_myid(const struct initialize *initialize)
{
    char text[64];
    if (initialize->myid == NULL || initialize->myid[0] == '\0') {
        printf("No myid provided, be sure to specify it in %s/myid if using non-standalone\n",
               initialize->data_dir);
        return 0;
    }
    int len = snprintf(text, sizeof text, "%s\n", initialize->myid);
    if (len >= (int)sizeof text) {
        return offline_tool_fail(initialize->tool, "--myid takes a number from 1 to 255");
    }
    printf("Using myid of %s\n", initialize->myid);
    return write_file(initialize, "myid", text);
}

static int run(struct initialize *initialize)
{
    if (access(initialize->config, F_OK) != 0) {
        printf("Unable to find config file at %s\n", initialize->config);
        return 1;
    }
    if (!script_config_value(initialize->config, "dataDir", initialize->data_dir, VALUE_MAX) ||
        initialize->data_dir[0] == '\0') {
        printf("Unable to determine dataDir from %s\n", initialize->config);
        return 1;
    }
    script_config_value(initialize->config, "dataLogDir", initialize->data_log_dir, VALUE_MAX);
    int exit_code = check_folders(initialize);
    if (exit_code == 0) {
        exit_code = make_folder(initialize, initialize->data_dir);
    }
    if (exit_code == 0 && initialize->data_log_dir[0] != '\0') {
        exit_code = make_folder(initialize, initialize->data_log_dir);
    }
    if (exit_code == 0) {
        exit_code = write_myid(initialize);
    }
    return exit_code != 0 ? exit_code : write_file(initialize, "initialize", "");
}

/* --name=value or --name value; *at moves behind it. NULL when the word is another one. */
static const char *option_value(const char *name, int argc, char **argv, int *at)
{
    size_t len = strlen(name);
    const char *word = argv[*at];
    if (strncmp(word, name, len) != 0) {
        return NULL;
    }
    if (word[len] == '=' && word[len + 1] != '\0') {
        *at += 1;
        return word + len + 1;
    }
    if (word[len] == '\0' && *at + 1 < argc) {
        *at += 2;
        return argv[*at - 1];
    }
    return NULL;
}

/* 0, or the exit code after the usage was printed. */
static int parse(struct initialize *initialize, int argc, char **argv)
{
    for (int at = 1; at < argc && argv[at][0] != '\0';) {
        const char *word = argv[at];
        const char *config = option_value("--configfile", argc, argv, &at);
        const char *myid = config == NULL ? option_value("--myid", argc, argv, &at) : NULL;
        if (config != NULL) {
            initialize->config = config;
        } else if (myid != NULL) {
            initialize->myid = myid;
        } else if (strcmp(word, "--force") == 0) {
            initialize->is_forced = true;
            at++;
        } else {
            if (strcmp(word, "-h") != 0 && strcmp(word, "--help") != 0) {
                printf("Unknown option: %s\n", word);
            }
            return print_usage(initialize);
        }
    }
    return 0;
}

int tool_zk_initialize(int argc, char **argv)
{
    static struct initialize initialize;
    initialize.tool = argv[0];
    initialize.config = script_environment("ZOOCFG");
    int exit_code = parse(&initialize, argc, argv);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = offline_tool_begin(&initialize.runtime);
    return exit_code != 0 ? exit_code : offline_tool_end(initialize.runtime, run(&initialize));
}
