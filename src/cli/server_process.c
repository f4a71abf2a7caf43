/* server_process.c - see server_process.h. */
#include "cli/server_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define SHOWN_BYTES_MAX 4096

/* ---- one loop ---------------------------------------------------------------------------------
 */

static void on_signal(void *ctx, int signal_number)
{
    struct server_process *process = ctx;
    if (signal_number == SIGHUP) {
        log_reopen();
        return;
    }
    if (process->is_stopping) {
        runtime_stop(process->runtime); /* asked twice: do not wait any longer */
        return;
    }
    process->is_stopping = true;
    LOG("server", LOG_INFO, "signal %d: stopping", signal_number);
    process->stop(process);
}

bool server_process_open(struct server_process *process,
                         void (*stop)(struct server_process *process))
{
    *process = (struct server_process){.stop = stop};
    int error = runtime_create(NULL, &process->runtime);
    if (error == 0) {
        error = runtime_on_signals(process->runtime, on_signal, process);
    }
    if (error != 0) {
        fprintf(stderr, "Cannot make an event loop: %s (%s)\n", error_text(error),
                runtime_error_detail());
    }
    return error == 0;
}

void server_process_ended(void *ctx)
{
    struct server_process *process = ctx;
    runtime_stop(process->runtime);
}

void server_process_failed(struct server_process *process, int exit_code, const char *text)
{
    fprintf(stderr, "%s\n", text);
    process->exit_code = exit_code;
    runtime_stop(process->runtime);
}

/* ---- what the machine gives, and the background ------------------------------------------------
 */

uint64_t server_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (soft != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        LOG("server", LOG_WARN, "%llu file descriptors are allowed, and the limit cannot be raised",
            (unsigned long long)soft);
        limit.rlim_cur = soft;
    }
    return limit.rlim_cur;
}

void server_tell_ready(void)
{
    const char *text = getenv("SAMSA_READY_FD");
    int32_t fd = -1;
    if (text == NULL || text_parse_i32(slice_of_cstr(text), &fd) != 0 || fd < 3) {
        return;
    }
    if (write(fd, "1", 1) != 1) {
        LOG("server", LOG_WARN, "cannot tell who started this server that it is up");
    }
    close(fd);
    unsetenv("SAMSA_READY_FD");
}

static void make_parent(const char *path)
{
    char folder[PATH_MAX];
    size_t len = strlen(path);
    for (size_t i = 1; i < len && len < sizeof folder; i++) {
        if (path[i] == '/') {
            memcpy(folder, path, i);
            folder[i] = '\0';
            if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
                return; /* opening the file then says why */
            }
        }
    }
}

/* What the child has written since `from`. */
static void show_output(const char *path, off_t from)
{
    char text[SHOWN_BYTES_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    off_t begin = end - from > SHOWN_BYTES_MAX ? end - SHOWN_BYTES_MAX : from;
    ssize_t got = pread(fd, text, sizeof text, begin);
    if (got > 0) {
        fwrite(text, 1, (size_t)got, stderr);
    }
    close(fd);
}

static NORETURN void wait_for_child(const char *name,
                                    const char *path,
                                    off_t from,
                                    int fd,
                                    int wait_ms)
{
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    char byte;
    int ready = poll(&watch, 1, wait_ms);
    if (ready > 0 && read(fd, &byte, 1) != 1) {
        fprintf(stderr, "%s did not start; the end of %s:\n", name, path);
        show_output(path, from);
        exit(1);
    }
    exit(0);
}

int server_daemonize(const char *name, const char *path, int wait_ms)
{
    int ready[2];
    char text[16];
    make_parent(path);
    int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (out < 0) {
        fprintf(stderr, "%s: cannot write %s: %s\n", name, path, strerror(errno));
        return 1;
    }
    off_t from = lseek(out, 0, SEEK_END);
    if (pipe(ready) != 0) {
        fprintf(stderr, "%s: cannot make a pipe: %s\n", name, strerror(errno));
        return 1;
    }
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "%s: cannot go into the background: %s\n", name, strerror(errno));
        return 1;
    }
    if (child > 0) {
        close(ready[1]);
        wait_for_child(name, path, from, ready[0], wait_ms);
    }
    close(ready[0]);
    setsid();
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    close(out);
    snprintf(text, sizeof text, "%d", ready[1]);
    setenv("SAMSA_READY_FD", text, 1);
    return 0;
}
