/* offline_tool.h - what the tools that read data folders without a server have in common: a runtime
 * for the file functions, the last flush of their output, and how they say an error.
 *
 * They print to stdout through stdio. Where Apache's tool dies of a Java exception they say one
 * line on stderr, which names the file and what can be done, and exit with the same code (1).
 */
#ifndef CLI_OFFLINE_TOOL_H
#define CLI_OFFLINE_TOOL_H

#include "runtime/runtime.h"

/* 0, or the exit code after the reason was said on stderr. SIGPIPE ends the process afterwards, as
 * tools in a pipe do. */
int offline_tool_begin(struct runtime **runtime);

/* Releases the runtime and flushes stdout; returns exit_code, or 1 when what was printed did not
 * arrive (a full disk). */
int offline_tool_end(struct runtime *runtime, int exit_code);

/* One line on stderr: "<tool>: <sentence>". Returns 1. */
int offline_tool_fail(const char *tool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Folder and name of a path: "." or "/" where it has none. False when either is longer than the
 * file functions take. */
bool offline_tool_split(const char *path,
                        char *folder,
                        size_t folder_size,
                        char *name,
                        size_t name_size);

/* As File.getAbsolutePath: the working folder before a relative path; not normalised. */
void offline_tool_absolute(const char *path, char *absolute, size_t size);

#endif
