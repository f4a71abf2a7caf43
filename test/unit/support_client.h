/* support_client.h - session clients with a whole server of ours in the same loop, and what they
 * heard. Every wait fails the test after ten seconds.
 */
#ifndef TEST_UNIT_SUPPORT_CLIENT_H
#define TEST_UNIT_SUPPORT_CLIENT_H

#include "runtime/uv/runtime_uv.h"
#include "zookeeper/client/client_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS_MAX 256
#define WAIT_NS UINT64_C(10000000000)

/* The one of the test that runs. */
extern struct runtime *client_runtime;

/* cmocka's set-up and end of a test: a data folder, a loop, a server that runs. */
int client_begin(void **state);
int client_end_test(void **state);

/* The server stops, and comes back on the same port with the same data. */
void client_node_start(void);
void client_node_stop(void);
void client_turn(void);

struct user {
    struct zk_client *client;
    struct zk_watcher watcher;
    struct zk_watch_event events[EVENTS_MAX];
    char paths[EVENTS_MAX][64];
    size_t event_count;
    struct arena arena;
    bool has_reply;
    size_t events_at_reply;
    struct zk_reply reply;
};

/* `suffix` is the chroot. */
void user_open_with(struct user *user, const char *suffix, struct zk_client_config config);
void user_open(struct user *user, const char *suffix);
void user_close(struct user *user);   /* in order, waited for */
void user_release(struct user *user); /* without a word */

/* A watcher's: notes the event. */
void user_on_event(struct zk_watcher *watcher, const struct zk_watch_event *event);

/* For zk_client_close: sets the bool behind ctx. */
void user_on_closed(void *ctx);

/* For one request; user_wait then gives its err, and user->reply the rest. */
struct zk_done user_done(struct user *user);
int32_t user_wait(struct user *user, int submitted);
void user_wait_state(struct user *user, enum zk_client_state state);
void user_wait_events(struct user *user, size_t count);
void user_expect_event(const struct user *user, size_t index, int32_t type, const char *path);

/* world:anyone:cdrwa */
extern struct zk_acl user_open_acl[];

/* Requests that are waited for. */
int32_t user_create_mode(struct user *user, const char *path, const char *data, int32_t mode);
int32_t user_create(struct user *user, const char *path, const char *data);
int32_t user_set(struct user *user, const char *path, const char *data);
int32_t user_get(struct user *user, const char *path, bool watches);
int32_t user_exists(struct user *user, const char *path, bool watches);
int32_t user_children(struct user *user, const char *path, bool watches);
int32_t user_delete(struct user *user, const char *path);
int32_t user_add_watch(struct user *user, const char *path, int32_t mode);
int32_t user_remove_watches(struct user *user, const char *path, int32_t type, bool is_local);

#endif
