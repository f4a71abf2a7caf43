/* replication_floor.c - how fast a replicated write can be on this machine, whatever does it: four
 * processes that hand a few bytes on over the loopback and make them durable, and do nothing else.
 *
 *     client --> follower --> leader --> both followers     each of the three: pwrite, fdatasync
 *     client <-- follower <-- leader <-- the first of them, and its own
 *
 * replication_floor FOLDER ROUNDS prints {"p50_us": ..., "p99_us": ...}. The files that it makes in
 * the folder are removed. No server's code is in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES 256
#define ROUNDS_MAX 100000
#define FOLLOWERS 2

enum kind {
    REQUEST,
    PROPOSAL,
    ACK,
    COMMIT
};

struct message {
    uint32_t kind;
    uint32_t round;
    uint8_t payload[RECORD_BYTES - 8];
};

struct file {
    int fd;
    off_t end;
};

static void die(const char *what)
{
    fprintf(stderr, "replication_floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- disk ------------------------------------------------------------------------------------ */

/* As a log that is zeroed ahead: a write changes no size. */
static struct file open_log(const char *folder, const char *name, uint32_t rounds)
{
    static const uint8_t zeros[RECORD_BYTES];
    char path[4096];
    snprintf(path, sizeof path, "%s/floor.%s", folder, name);
    struct file file = {.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (file.fd < 0 || unlink(path) != 0) {
        die(path);
    }
    for (uint32_t i = 0; i < rounds; i++) {
        if (pwrite(file.fd, zeros, sizeof zeros, (off_t)i * RECORD_BYTES) != RECORD_BYTES) {
            die(path);
        }
    }
    if (fsync(file.fd) != 0) {
        die(path);
    }
    return file;
}

static void make_durable(struct file *file, const struct message *message)
{
    if (pwrite(file->fd, message, sizeof *message, file->end) != (ssize_t)sizeof *message ||
        fdatasync(file->fd) != 0) {
        die("write");
    }
    file->end += (off_t)sizeof *message;
}

/* ---- network --------------------------------------------------------------------------------- */

static void make_pair(int ends[2])
{
    static const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || ends[0] < 0 || bind(listener, (struct sockaddr *)&at, len) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        connect(ends[0], (struct sockaddr *)&at, len) != 0) {
        die("loopback");
    }
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (ends[1] < 0) {
        die("loopback");
    }
    for (int i = 0; i < 2; i++) {
        if (setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
            die("loopback");
        }
    }
    close(listener);
}

static void say(int fd, uint32_t kind, const struct message *message)
{
    struct message copy = *message;
    copy.kind = kind;
    if (send(fd, &copy, sizeof copy, MSG_NOSIGNAL) != (ssize_t)sizeof copy) {
        exit(0); /* the others have ended */
    }
}

static void hear(int fd, struct message *message)
{
    if (recv(fd, message, sizeof *message, MSG_WAITALL) != (ssize_t)sizeof *message) {
        exit(0);
    }
}

/* The index of one that has something to say. */
static size_t wait_for_any(struct pollfd *fds, size_t count)
{
    while (poll(fds, count, -1) < 0) {
        if (errno != EINTR) {
            die("poll");
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents != 0) {
            return i;
        }
    }
    return 0;
}

/* ---- the four -------------------------------------------------------------------------------- */

static void follow(int client, int leader, struct file log)
{
    struct pollfd fds[] = {{.fd = leader, .events = POLLIN}, {.fd = client, .events = POLLIN}};
    for (;;) {
        struct message message;
        if (wait_for_any(fds, client < 0 ? 1 : 2) == 1) {
            hear(client, &message);
            say(leader, REQUEST, &message);
            continue;
        }
        hear(leader, &message);
        if (message.kind == PROPOSAL) {
            make_durable(&log, &message);
            say(leader, ACK, &message);
        } else if (client >= 0) {
            say(client, COMMIT, &message);
        }
    }
}

static void lead(const int followers[FOLLOWERS], struct file log)
{
    struct pollfd fds[FOLLOWERS];
    uint32_t next = 0; /* round to be committed */
    for (size_t i = 0; i < FOLLOWERS; i++) {
        fds[i] = (struct pollfd){.fd = followers[i], .events = POLLIN};
    }
    for (;;) {
        struct message message;
        hear(fds[wait_for_any(fds, FOLLOWERS)].fd, &message);
        bool is_request = message.kind == REQUEST;
        if (!is_request && message.round < next) {
            continue; /* the second acknowledgement */
        }
        for (size_t i = 0; i < FOLLOWERS; i++) {
            say(followers[i], is_request ? PROPOSAL : COMMIT, &message);
        }
        if (is_request) {
            make_durable(&log, &message);
        } else {
            next = message.round + 1;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void ask(int follower, uint32_t rounds)
{
    static double took_us[ROUNDS_MAX];
    struct message message = {.kind = REQUEST};
    memset(message.payload, 'x', sizeof message.payload);
    for (uint32_t i = 0; i < rounds; i++) {
        double began_us = now_us();
        message.round = i;
        say(follower, REQUEST, &message);
        hear(follower, &message);
        took_us[i] = now_us() - began_us;
    }
    qsort(took_us, rounds, sizeof *took_us, by_size);
    printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", took_us[rounds / 2],
           took_us[(size_t)rounds * 99 / 100]);
}

static bool is_child(void)
{
    pid_t child = fork();
    if (child < 0) {
        die("fork");
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return child == 0;
}

int main(int argc, char **argv)
{
    int client[2];
    int links[FOLLOWERS][2];
    struct file logs[FOLLOWERS + 1];
    long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: replication_floor FOLDER ROUNDS (at most %d)\n", ROUNDS_MAX);
        return 2;
    }
    make_pair(client);
    for (size_t i = 0; i <= FOLLOWERS; i++) {
        char name[8];
        snprintf(name, sizeof name, "%zu", i);
        logs[i] = open_log(argv[1], name, (uint32_t)rounds);
    }
    for (size_t i = 0; i < FOLLOWERS; i++) {
        make_pair(links[i]);
    }
    for (size_t i = 0; i < FOLLOWERS; i++) {
        if (is_child()) {
            follow(i == 0 ? client[1] : -1, links[i][0], logs[i]);
        }
    }
    if (is_child()) {
        lead((int[]){links[0][1], links[1][1]}, logs[FOLLOWERS]);
    }
    ask(client[0], (uint32_t)rounds);
    return 0;
}
