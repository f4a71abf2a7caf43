/* processes.h - which processes of Samsa run on this machine: what `samsa ps` lists and the stop
 * scripts signal. Found as Apache's scripts find theirs, by their command lines.
 */
#ifndef CLI_PROCESSES_H
#define CLI_PROCESSES_H

#include <limits.h>
#include <sys/types.h>

#include "base/base.h"

struct samsa_process {
    pid_t pid;
    char tool[64];         /* "kafka-server-start" */
    char config[PATH_MAX]; /* its configuration file, "" when there is none; as it was given */
    char folder[PATH_MAX]; /* the folder it was started in */
};

/* Calls `each` for every server process that may be looked at. */
void samsa_processes(void (*each)(void *ctx, const struct samsa_process *process), void *ctx);

/* Whether a process of this id runs and one of its command line's words contains `word`: an id read
 * from a file may be another program's by now (containers start with the same ids again), or a
 * zombie's. Where the command line may not be read, any process will do. */
bool process_runs(pid_t pid, const char *word);

#endif
