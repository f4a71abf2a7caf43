/*
 * What the checks of zk_c_client.c stand on: assertions that jump out of a check, watchers that
 * keep what they were told, clients that are closed at the end of a check, and the loop that runs
 * them all.
 */
#ifndef TEST_INTEROP_C_CLIENT_CHECK_H
#define TEST_INTEROP_C_CLIENT_CHECK_H

#include <pthread.h>
#include <stdbool.h>
#include <zookeeper/zookeeper.h>

#define PATH_MAX_LEN 512
#define WAIT_S 15
#define EVENTS_MAX 1200
#define TIMEOUT_MS 8000

/* What a watcher was told, in order. */
struct recorder {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    int taken;
    struct {
        int type;
        int state;
        char path[PATH_MAX_LEN];
    } events[EVENTS_MAX];
};

/* One check; a table of them ends with an entry without a name. */
struct check {
    const char *name;
    void (*run)(void);
};

extern const struct check checks[];

/* The client of the running check, its session's watcher, and the node that is its own. */
extern zhandle_t *zk;
extern struct recorder session;
extern char root[PATH_MAX_LEN];

/* Ends the running check; what is said is its result. */
_Noreturn void fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The path of a node of this check; the last eight results live at a time. */
const char *at(const char *name);

void sleep_ms(long ms);

/* 15 seconds from now, on the clock of pthread_cond_timedwait. */
struct timespec wait_deadline(void);

/* A recorder that lives until the end of the check: the library may call it late. */
struct recorder *recorder_make(void);

/* The watcher_fn of a recorder, which is its context. */
void record(zhandle_t *handle, int type, int state, const char *path, void *context);

/* Waits for one more event than was taken; false when none comes. */
bool event_comes(struct recorder *recorder);

/* Skips events until the session is in this state. */
void state_reached(struct recorder *recorder, int state);

/* A client that ends with the check; id is NULL or the session to resume. It may not be connected
 * yet. */
zhandle_t *connect_as(const char *suffix,
                      int timeout_ms,
                      const clientid_t *id,
                      struct recorder *recorder);
zhandle_t *connected(const char *suffix, int timeout_ms);

/* Closes a client before the end of the check; the result of zookeeper_close. */
int close_handle(zhandle_t *handle);

/* Asks whoever started this program to do something with the server. */
void operator_does(const char *what);

#define HOLDS(condition)                                    \
    do {                                                    \
        if (!(condition)) {                                 \
            fail(__FILE__, __LINE__, "not %s", #condition); \
        }                                                   \
    } while (0)

#define EQUAL(expected, actual)                                                            \
    do {                                                                                   \
        long long expected_ = (expected), actual_ = (actual);                              \
        if (expected_ != actual_) {                                                        \
            fail(__FILE__, __LINE__, "%s is %lld, not %lld", #actual, actual_, expected_); \
        }                                                                                  \
    } while (0)

#define SAME(expected, actual)                                                             \
    do {                                                                                   \
        const char *expected_ = (expected), *actual_ = (actual);                           \
        if (strcmp(expected_, actual_) != 0) {                                             \
            fail(__FILE__, __LINE__, "%s is '%s', not '%s'", #actual, actual_, expected_); \
        }                                                                                  \
    } while (0)

/* The next event must be this one. */
#define EVENT(source, wanted_type, wanted_path)                                \
    do {                                                                       \
        struct recorder *recorder_ = (source);                                 \
        HOLDS(event_comes(recorder_));                                         \
        SAME((wanted_path), recorder_->events[recorder_->taken].path);         \
        EQUAL((wanted_type), recorder_->events[recorder_->taken].type);        \
        EQUAL(ZOO_CONNECTED_STATE, recorder_->events[recorder_->taken].state); \
        recorder_->taken++;                                                    \
    } while (0)

#define NO_EVENT(source)                         \
    do {                                         \
        sleep_ms(150);                           \
        EQUAL((source)->taken, (source)->count); \
    } while (0)

#endif
