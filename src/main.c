/* main.c - the program: picks the tool by its name. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/tool.h"

static const struct tool *find_tool(const char *name)
{
    for (size_t i = 0; i < tool_count; i++) {
        if (strcmp(tools[i].name, name) == 0) {
            return &tools[i];
        }
    }
    return NULL;
}

static int print_help(FILE *out)
{
    fprintf(out, "Usage: samsa TOOL [arguments]\n\nTools:\n");
    for (size_t i = 0; i < tool_count; i++) {
        fprintf(out, "  %-24s %s\n", tools[i].name, tools[i].summary);
    }
    return out == stdout ? 0 : 2;
}

/* Whoever started this may have closed some of the three standard streams. The next file or socket
 * would take their number, and be read or written as if it were the terminal. */
static void open_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    open_standard_streams();
    if (argc < 2) {
        return print_help(stderr);
    }
    bool wants_help = strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
                      strcmp(argv[1], "-h") == 0;
    if (wants_help) {
        return print_help(stdout);
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct tool *tool = find_tool(name);
    if (tool == NULL) {
        fprintf(stderr, "samsa: there is no tool \"%s\"; `samsa help` lists them\n", argv[1]);
        return 2;
    }
    return tool->run(argc - 1, argv + 1);
}
