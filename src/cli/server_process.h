/* server_process.h - what every server process of Samsa does with its machine: descriptors, the
 * log, telling whoever started it that it is up, going into the background.
 */
#ifndef CLI_SERVER_PROCESS_H
#define CLI_SERVER_PROCESS_H

#include "base/base.h"

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
