/* server_process.h - what every server process of Samsa does with its machine: descriptors, the
 * log, telling whoever started it that it is up, going into the background.
 */
#ifndef CLI_SERVER_PROCESS_H
#define CLI_SERVER_PROCESS_H

#include "base/base.h"

struct runtime;

/* The process around servers that run on one event loop. SIGTERM and SIGINT begin an orderly end,
 * asked twice it ends at once; SIGHUP opens the log file again. */
struct server_process {
    struct runtime *runtime;
    int exit_code;
    bool is_stopping;
    /* Begins the orderly end; whoever has ended calls server_process_ended. */
    void (*stop)(struct server_process *process);
};

/* Makes the loop. False: it cannot be made, and stderr says why. */
NODISCARD bool server_process_open(struct server_process *process,
                                   void (*stop)(struct server_process *process));

/* The loop ends; ctx is the process. Fits the servers' on_stopped. */
void server_process_ended(void *ctx);

/* What runs here cannot go on: `text` on stderr, and the loop ends. */
void server_process_failed(struct server_process *process, int exit_code, const char *text);

/* As a JVM does, raises the soft limit of descriptors to the hard one (the usual 1024 is for
 * programs that use select(2)). Returns how many are allowed; 0: not known. */
uint64_t server_raise_descriptor_limit(void);

/* SAMSA_READY_FD is a pipe whose reader waits: one byte says that the server is up. */
void server_tell_ready(void);

/* Runs what follows in the background: the child returns 0 with its output in `path` (appended) and
 * SAMSA_READY_FD set. The parent does not return: it exits with 0 when the child has told that it
 * is up, or has not ended within wait_ms; with 1, after showing the end of the output, when it has
 * ended before. */
int server_daemonize(const char *name, const char *path, int wait_ms);

#endif
