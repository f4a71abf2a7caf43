/* offline_tool.c - see offline_tool.h. */
#include "cli/offline_tool.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/zookeeper_server.h"
#include "runtime/uv/runtime_uv.h"

int offline_tool_begin(struct runtime **runtime)
{
    int error = runtime_create(NULL, runtime);
    if (error != 0) {
        fprintf(stderr, "Cannot make an event loop: %s (%s)\n", error_text(error),
                runtime_error_detail());
        return EXIT_UNEXPECTED;
    }
    signal(SIGPIPE, SIG_DFL);
    return 0;
}

int offline_tool_end(struct runtime *runtime, int exit_code)
{
    runtime_destroy(runtime);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "Cannot write the output: is the disk full?\n");
        return exit_code == 0 ? EXIT_UNEXPECTED : exit_code;
    }
    return exit_code;
}

int offline_tool_fail(const char *tool, const char *format, ...)
{
    va_list arguments;
    fflush(stdout); /* what was printed before it comes before it in a terminal too */
    fprintf(stderr, "%s: ", tool);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_UNEXPECTED;
}

bool offline_tool_split(const char *path,
                        char *folder,
                        size_t folder_size,
                        char *name,
                        size_t name_size)
{
    const char *slash = strrchr(path, '/');
    int folder_len;
    int name_len;
    if (slash == NULL) {
        folder_len = snprintf(folder, folder_size, ".");
        name_len = snprintf(name, name_size, "%s", path);
    } else {
        size_t len = slash == path ? 1 : (size_t)(slash - path);
        folder_len = snprintf(folder, folder_size, "%.*s", (int)MIN(len, (size_t)INT_MAX), path);
        name_len = snprintf(name, name_size, "%s", slash + 1);
    }
    return folder_len > 0 && (size_t)folder_len < folder_size && name_len > 0 &&
           (size_t)name_len < name_size;
}

void offline_tool_absolute(const char *path, char *absolute, size_t size)
{
    char folder[PATH_MAX];
    if (path[0] == '/' || getcwd(folder, sizeof folder) == NULL) {
        snprintf(absolute, size, "%s", path);
    } else if (path[0] == '\0') {
        snprintf(absolute, size, "%s", folder);
    } else {
        snprintf(absolute, size, "%s/%s", folder, path);
    }
}
