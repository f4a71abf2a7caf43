#include "client_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_S 15

static jmp_buf failed;
static char why[1024];
static const char *hosts;
char root[PATH_MAX_LEN];
struct recorder session;
zhandle_t *zk;
static zhandle_t *opened[128];
static int opened_count;
static struct recorder *kept[256];
static int kept_count;

void fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(why, sizeof(why), "%s:%d: ", file, line);
    vsnprintf(why + length, sizeof(why) - (size_t)length, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

const char *at(const char *name)
{
    static char paths[8][PATH_MAX_LEN];
    static int next;
    next = (next + 1) % 8;
    snprintf(paths[next], PATH_MAX_LEN, "%.200s/%.300s", root, name);
    return paths[next];
}

struct timespec wait_deadline(void)
{
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_sec += WAIT_S;
    return when;
}

void sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

struct recorder *recorder_make(void)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    HOLDS(recorder != NULL && kept_count < 256);
    pthread_mutex_init(&recorder->lock, NULL);
    pthread_cond_init(&recorder->changed, NULL);
    kept[kept_count++] = recorder;
    return recorder;
}

void record(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    struct recorder *recorder = context;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->count < EVENTS_MAX) {
        recorder->events[recorder->count].type = type;
        recorder->events[recorder->count].state = state;
        snprintf(recorder->events[recorder->count].path, PATH_MAX_LEN, "%s", path ? path : "");
        recorder->count++;
    }
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

bool event_comes(struct recorder *recorder)
{
    struct timespec until = wait_deadline();
    int rc = 0;
    pthread_mutex_lock(&recorder->lock);
    while (recorder->taken == recorder->count && rc == 0) {
        rc = pthread_cond_timedwait(&recorder->changed, &recorder->lock, &until);
    }
    bool has_come = recorder->taken < recorder->count;
    pthread_mutex_unlock(&recorder->lock);
    return has_come;
}

void state_reached(struct recorder *recorder, int state)
{
    do {
        HOLDS(event_comes(recorder));
        recorder->taken++;
    } while (recorder->events[recorder->taken - 1].type != ZOO_SESSION_EVENT ||
             recorder->events[recorder->taken - 1].state != state);
}

zhandle_t *connect_as(const char *suffix,
                      int timeout_ms,
                      const clientid_t *id,
                      struct recorder *recorder)
{
    char where[PATH_MAX_LEN];
    snprintf(where, sizeof(where), "%.200s%.200s", hosts, suffix);
    zhandle_t *handle = zookeeper_init(where, record, timeout_ms, id, recorder, 0);
    HOLDS(handle != NULL && opened_count < 128);
    opened[opened_count++] = handle;
    return handle;
}

zhandle_t *connected(const char *suffix, int timeout_ms)
{
    struct recorder *recorder = recorder_make();
    zhandle_t *handle = connect_as(suffix, timeout_ms, NULL, recorder);
    state_reached(recorder, ZOO_CONNECTED_STATE);
    return handle;
}

int close_handle(zhandle_t *handle)
{
    for (int i = 0; i < opened_count; i++) {
        if (opened[i] == handle) {
            opened[i] = opened[--opened_count];
            break;
        }
    }
    return zookeeper_close(handle);
}

void operator_does(const char *what)
{
    char line[64];
    printf("operator: %s\n", what);
    fflush(stdout);
    HOLDS(fgets(line, sizeof(line), stdin) != NULL);
    SAME("done\n", line);
}

static void begin(const char *name)
{
    pthread_mutex_init(&session.lock, NULL);
    pthread_cond_init(&session.changed, NULL);
    session.count = session.taken = 0;
    snprintf(root, sizeof(root), "/c_client_%.100s", name);
    zk = connect_as("", TIMEOUT_MS, NULL, &session);
    state_reached(&session, ZOO_CONNECTED_STATE);
    EQUAL(ZOK, zoo_create(zk, root, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
}

static void end(void)
{
    while (opened_count > 0) {
        zookeeper_close(opened[--opened_count]);
    }
    while (kept_count > 0) {
        free(kept[--kept_count]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: zk_c_client host:port\n");
        return 2;
    }
    hosts = argv[1];
    zoo_set_debug_level((ZooLogLevel)0);
    int count = 0;
    for (int i = 0; checks[i].name; i++) {
        count++;
        if (setjmp(failed) == 0) {
            begin(checks[i].name);
            checks[i].run();
            printf("ok %d %s\n", i + 1, checks[i].name);
        } else {
            printf("not ok %d %s: %s\n", i + 1, checks[i].name, why);
        }
        fflush(stdout);
        end();
    }
    printf("1..%d\n", count);
    return 0;
}
