/* client.h - a ZooKeeper session: what an application holds to talk to an ensemble.
 *
 * Model: a `struct zk_client` lives on one runtime (runtime.h) and keeps one session alive over one
 * connection at a time, reconnecting as needed. Requests are pipelined: each returns at once and
 * its `done` is called later, in the order of the requests, never from inside the request itself. A
 * watch event is delivered before the reply that the server sent after it. Watches are remembered
 * here and set again after a reconnect (setWatches, setWatches2).
 *
 * Paths are the application's: the chroot of the connect string is put before each path that is
 * sent and taken off each path that comes back, but for those of get_config and get_ephemerals,
 * which stand outside of it. A path is judged before it is sent (path_check.h).
 *
 * Callbacks run on the loop. They may send requests, close or release the client; they may not run
 * the loop. What a reply or an event points at lives until the callback returns (zk_reply_copy).
 *
 * Errors: a request returns 0 (`done` will be called, exactly once) or ERR_INVALID (bad path or
 * argument), ERR_LIMIT (too many or too large requests); then `done` is never called. What the
 * server or the connection says is in reply.err, one of enum zk_error: CONNECTIONLOSS when the
 * outcome is unknown or no server could be reached, SESSIONEXPIRED after the end of the session,
 * AUTHFAILED after a refused credential, REQUESTTIMEOUT.
 *
 * Sources: ClientCnxn, ZooKeeper, ZKWatchManager, StaticHostProvider of ZooKeeper 3.9.
 */
#ifndef ZOOKEEPER_CLIENT_CLIENT_H
#define ZOOKEEPER_CLIENT_CLIENT_H

#include "generated/zookeeper/constants.h"
#include "generated/zookeeper/messages.h"
#include "runtime/runtime.h"

struct zk_client;

#define ZK_CLIENT_PASSWORD_BYTES 16
#define ZK_CLIENT_REPLY_BYTES_MAX 0xfffff                    /* default of jute.maxbuffer */
#define ZK_CLIENT_REPLY_BYTES_LIMIT ((uint32_t)256 << 20)    /* most that may be configured */
#define ZK_CLIENT_REQUEST_BYTES_MAX ((size_t)256 << 20)      /* of one request */
#define ZK_CLIENT_PENDING_MAX ((uint32_t)1 << 20)            /* requests without reply */
#define ZK_CLIENT_PENDING_BYTES_MAX ((size_t)512 << 20)      /* of requests not yet sent */
#define ZK_CLIENT_SET_WATCHES_BYTES_MAX ((size_t)128 * 1024) /* paths of one setWatches */

/* ---- events and watchers --------------------------------------------------------------------- */

struct zk_watch_event {
    int32_t type;      /* enum zk_event_type; NONE: the session's state has changed */
    int32_t state;     /* enum zk_keeper_state */
    struct slice path; /* null for NONE */
    int64_t zxid;      /* of the transaction, -1 where the server does not say */
};

/* The owner keeps it in place until it is in no watch any more, or the client is released. One
 * watcher is called once for one event, however many of its watches the event meets. */
struct zk_watcher {
    void (*on_event)(struct zk_watcher *watcher, const struct zk_watch_event *event);
};

/* ---- the session ----------------------------------------------------------------------------- */

enum zk_client_state {
    ZK_CLIENT_CONNECTING,
    ZK_CLIENT_CONNECTED,
    ZK_CLIENT_CONNECTED_READ_ONLY,
    ZK_CLIENT_AUTH_FAILED, /* final */
    ZK_CLIENT_CLOSED,      /* final: closed by us, or expired */
};

struct zk_client_config {
    struct slice connect_string; /* "host:port,[v6]:port/chroot"; the port is 2181 when absent */
    int32_t session_timeout_ms;  /* > 0, what is asked for; the server may grant another */
    bool can_be_read_only;       /* a server without quorum will do, until there is a better one */
    bool keep_no_watches;     /* zookeeper.disableAutoWatchReset: forget them when disconnected */
    uint32_t reply_bytes_max; /* 0: ZK_CLIENT_REPLY_BYTES_MAX */
    uint32_t request_timeout_ms; /* 0: none (zookeeper.request.timeout) */
    /* hears of the session's states, and of default watches; not NULL */
    struct zk_watcher *watcher;
    int64_t session_id; /* an earlier session to take up again; 0: a new one */
    uint8_t password[ZK_CLIENT_PASSWORD_BYTES];
};

/* Starts connecting. Copies the config. ERR_INVALID: the connect string, with `message` (may be
 * NULL) saying why. */
struct errmsg;
NODISCARD int zk_client_open(struct runtime *runtime,
                             const struct zk_client_config *config,
                             struct errmsg *message,
                             struct zk_client **client);

/* Ends the session in order: earlier requests are answered, the server forgets the session, the
 * watchers hear of Closed, and then `closed` (may be NULL) is called. A client that is not
 * connected is closed without the server's knowledge. Does nothing when the client is not alive
 * (but calls `closed`). */
void zk_client_close(struct zk_client *client, void (*closed)(void *ctx), void *ctx);

/* Frees it, without a word to the server (the session lives on until it times out) and without
 * calling anything any more. Must come before the runtime's end. */
void zk_client_release(struct zk_client *client);

enum zk_client_state zk_client_get_state(const struct zk_client *client);

/* "CONNECTING", "CONNECTED", "CONNECTEDREADONLY", "AUTH_FAILED", "CLOSED". */
const char *zk_client_state_name(enum zk_client_state state);
bool zk_client_is_alive(const struct zk_client *client);

/* 0 and zeros until the first connection. The timeout is what the server granted. */
int64_t zk_client_session_id(const struct zk_client *client);
const uint8_t *zk_client_password(const struct zk_client *client);
int32_t zk_client_timeout_ms(const struct zk_client *client);
int64_t zk_client_last_zxid(const struct zk_client *client);

/* Sent now and again after each reconnect. A refusal ends the session: AUTH_FAILED. */
NODISCARD int zk_client_add_auth(struct zk_client *client, struct slice scheme, struct slice auth);

/* ---- replies --------------------------------------------------------------------------------- */

struct zk_op_result {
    int32_t err;         /* the operation's own; RUNTIMEINCONSISTENCY behind the one that failed */
    int32_t type;        /* enum zk_op, ERROR when err is not 0 or nothing was done */
    struct slice path;   /* create: the node made */
    struct zk_stat stat; /* setData, create2 */
};

struct zk_reply {
    int32_t op;        /* enum zk_op: what was asked */
    int32_t err;       /* enum zk_error; what follows is set only for OK */
    int64_t zxid;      /* the server's last transaction, 0 without a reply */
    struct slice path; /* create: the path of the node made; sync: the path */
    struct slice data; /* getData, reconfig; may be null */
    bool has_stat;
    struct zk_stat stat;
    const struct slice *names; /* getChildren, getEphemerals */
    int32_t name_count;
    const struct zk_acl *acl; /* getACL */
    int32_t acl_count;
    const struct zk_client_info *who; /* whoAmI */
    int32_t who_count;
    int32_t number;                     /* getAllChildrenNumber */
    const struct zk_op_result *results; /* multi, also when err is the failing operation's */
    int32_t result_count;
};

struct zk_done {
    void (*call)(void *ctx, const struct zk_reply *reply); /* NULL: nobody asks */
    void *ctx;
};

/* A deep copy; everything that `to` points at is in the arena. */
void zk_reply_copy(struct arena *arena, const struct zk_reply *from, struct zk_reply *to);

/* ---- requests -------------------------------------------------------------------------------- */

/* A `watcher` that is not NULL leaves a watch: on data for get_data and exists, on the children for
 * get_children. exists leaves one on a node that is not there too. */
NODISCARD int zk_client_get_data(struct zk_client *client,
                                 struct slice path,
                                 struct zk_watcher *watcher,
                                 struct zk_done done);
NODISCARD int zk_client_exists(struct zk_client *client,
                               struct slice path,
                               struct zk_watcher *watcher,
                               struct zk_done done);
NODISCARD int zk_client_get_children(struct zk_client *client,
                                     struct slice path,
                                     struct zk_watcher *watcher,
                                     struct zk_done done);
NODISCARD int zk_client_get_acl(struct zk_client *client, struct slice path, struct zk_done done);
NODISCARD int zk_client_get_all_children_number(struct zk_client *client,
                                                struct slice path,
                                                struct zk_done done);

/* Those of this session; prefix and answers are the server's paths. */
NODISCARD int zk_client_get_ephemerals(struct zk_client *client,
                                       struct slice prefix,
                                       struct zk_done done);
NODISCARD int zk_client_who_am_i(struct zk_client *client, struct zk_done done);

/* /zookeeper/config, whatever the chroot. */
NODISCARD int zk_client_get_config(struct zk_client *client,
                                   struct zk_watcher *watcher,
                                   struct zk_done done);
NODISCARD int zk_client_sync(struct zk_client *client, struct slice path, struct zk_done done);

struct zk_create {
    struct slice path;
    struct slice data; /* may be null */
    const struct zk_acl *acl;
    int32_t acl_count;
    int32_t mode;   /* enum zk_create_mode */
    int64_t ttl_ms; /* for the two TTL modes */
};

NODISCARD int zk_client_create(struct zk_client *client,
                               const struct zk_create *create,
                               struct zk_done done);

/* version -1: any. */
NODISCARD int zk_client_delete(struct zk_client *client,
                               struct slice path,
                               int32_t version,
                               struct zk_done done);
NODISCARD int zk_client_set_data(struct zk_client *client,
                                 struct slice path,
                                 struct slice data,
                                 int32_t version,
                                 struct zk_done done);

struct zk_set_acl {
    struct slice path;
    const struct zk_acl *acl;
    int32_t acl_count;
    int32_t version;
};

NODISCARD int zk_client_set_acl(struct zk_client *client,
                                const struct zk_set_acl *set,
                                struct zk_done done);
NODISCARD int zk_client_reconfig(struct zk_client *client,
                                 const struct zk_reconfig_request *request,
                                 struct zk_done done);

/* A watch that stays (mode: enum zk_add_watch_mode). */
NODISCARD int zk_client_add_watch(struct zk_client *client,
                                  struct slice path,
                                  int32_t mode,
                                  struct zk_watcher *watcher,
                                  struct zk_done done);

/* Removes all watches of this session on the path (type: enum zk_watcher_type); their watchers hear
 * of it. is_local: also when the server cannot be reached. NOWATCHER when there is none. */
NODISCARD int zk_client_remove_watches(struct zk_client *client,
                                       struct slice path,
                                       int32_t type,
                                       bool is_local,
                                       struct zk_done done);

/* One operation of a multi. */
struct zk_multi_op {
    int32_t type;            /* enum zk_op: CREATE, DELETE, SET_DATA or CHECK */
    struct zk_create create; /* CREATE: all of it; otherwise its path, for SET_DATA its data */
    int32_t version;
};

/* All or nothing. The reply's err is that of the first operation that failed. */
NODISCARD int zk_client_multi(struct zk_client *client,
                              const struct zk_multi_op *ops,
                              size_t count,
                              struct zk_done done);

#endif
