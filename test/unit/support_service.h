/* support_service.h - a standalone machine with clients, without a network and without a disk.
 *
 * A test sends whole requests of a client and looks at the frames that come back, in order.
 * Persisting is the test's: until it says so (or always, with `persists_at_once`), nothing is
 * durable. Time stands still unless the test moves it.
 */
#ifndef TEST_UNIT_SUPPORT_SERVICE_H
#define TEST_UNIT_SUPPORT_SERVICE_H

#include "zookeeper/core/standalone.h"

#define TEST_TICK_MS 2000

struct test_client {
    struct service_conn conn;
    struct list link;       /* test_server.clients */
    struct buffer received; /* frames with their lengths */
    size_t read_at;         /* of the next frame to be looked at */
    bool is_open;
    bool is_closed; /* the server closed it */
    bool is_paused; /* as the effects say */
    enum close_reason reason;
    int32_t last_xid;
    uint8_t password[SESSION_PASSWORD_BYTES];
};

struct test_server {
    struct service_config config;
    struct standalone machine;
    struct zk_outbox outbox;
    struct list clients;
    uint64_t now_ms;
    int64_t wall_ms;
    bool persists_at_once;
    bool has_ticks;               /* ticks come when the machine's deadline passes */
    int64_t proposed_zxid;        /* of the last PERSIST */
    struct buffer log;            /* u32 length and bytes of each txn persisted */
    struct buffer audit;          /* lines */
    struct buffer alarms;         /* lines */
    uint64_t expected_mismatches; /* of digests */
};

/* A reply or an event: what stands in its header, and the rest. */
struct test_frame {
    int32_t xid;
    int64_t zxid;
    int32_t err;
    struct slice body; /* until the next request */
};

/* What the tests' servers have in common. */
void test_service_config(struct service_config *config, int32_t tick_ms);

/* Digests are on, everything else is as in a fresh zoo.cfg; change server->config before
 * test_server_start. */
void test_server_init(struct test_server *server);
void test_server_start(struct test_server *server);
void test_server_release(struct test_server *server);

/* The disk has everything up to zxid (test_persist_all: everything proposed). */
void test_persist(struct test_server *server, int64_t zxid);
void test_persist_all(struct test_server *server);

/* Time passes; ticks come at the machine's deadlines. */
void test_advance(struct test_server *server, uint64_t ms);

/* Opens a connection; nothing is sent yet. */
void test_client_open(struct test_server *server, struct test_client *client);

/* The peer goes away. */
void test_client_drop(struct test_server *server, struct test_client *client);

/* Opens and makes a new session of 10 s; asserts that it is there. */
void test_client_connect(struct test_server *server, struct test_client *client);

/* Opens and sends a ConnectRequest for an existing session; the answer is to be read by
 * test_connect_answer. */
void test_client_resume(struct test_server *server,
                        struct test_client *client,
                        const struct test_client *of);
void test_send_connect(struct test_server *server,
                       struct test_client *client,
                       int64_t last_zxid_seen,
                       int32_t timeout_ms,
                       int64_t session_id,
                       struct slice password);

/* Reads a ConnectResponse; returns the timeout in it, 0 when the session was refused. */
int32_t test_connect_answer(struct test_client *client);

/* One frame as it is. */
void test_send_frame(struct test_server *server, struct test_client *client, struct slice frame);

/* Starts `frame` and fills it with a request of the client's next xid, which is returned; empties
 * the body. */
int32_t test_request_frame(struct test_client *client,
                           int32_t type,
                           struct buffer *body,
                           struct buffer *frame);

/* A request with the next xid; returns the xid. `body` is emptied. */
int32_t test_send(struct test_server *server,
                  struct test_client *client,
                  int32_t type,
                  struct buffer *body);

/* The next frame; false when there is none. */
bool test_next_frame(struct test_client *client, struct test_frame *frame);

/* The next frame must be the reply to `xid` with `err`. Returns its body. */
struct slice test_expect(struct test_client *client, int32_t xid, int32_t err);
void test_expect_nothing(struct test_client *client);
void test_expect_closed(struct test_client *client, enum close_reason reason);

/* The next frame must be this event. */
void test_expect_event(struct test_client *client,
                       enum zk_event_type type,
                       const char *path,
                       int64_t zxid);

/* Bodies of requests, appended to a buffer that the next test_send empties. */
struct buffer *test_path(const char *path);
struct buffer *test_path_watch(const char *path, bool watch);
struct buffer *test_path_version(const char *path, int32_t version);
struct buffer *test_create_body(const char *path, const char *data, int32_t flags);
struct buffer *test_set_data_body(const char *path, const char *data, int32_t version);
struct buffer *test_body(void); /* empty, to be filled */
void test_append_text(struct buffer *body, const char *text);
void test_append_open_acl(struct buffer *body);

/* Sends, persists, and expects the answer at once. Returns the body. */
struct slice test_call(struct test_server *server,
                       struct test_client *client,
                       int32_t type,
                       struct buffer *body,
                       int32_t err);
void test_create(struct test_server *server,
                 struct test_client *client,
                 const char *path,
                 const char *data,
                 int32_t flags);

/* The usual cast: a server and two clients with sessions. test_pair_begin starts with the default
 * configuration; to change it, call test_server_init, change, and test_pair_start. */
struct test_pair {
    struct test_server server;
    struct test_client a;
    struct test_client b;
};

void test_pair_begin(struct test_pair *pair);
void test_pair_start(struct test_pair *pair);

/* test_call by a. */
struct slice test_a_call(struct test_pair *pair, int32_t type, struct buffer *body, int32_t err);

/* A Stat at the front of a slice, which moves on. */
struct zk_stat test_read_stat(struct slice *in);

#endif
