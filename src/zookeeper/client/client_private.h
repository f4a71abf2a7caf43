/* client_private.h - what the files of the session client share. client.c has the essay. */
#ifndef ZOOKEEPER_CLIENT_CLIENT_PRIVATE_H
#define ZOOKEEPER_CLIENT_CLIENT_PRIVATE_H

#include "base/random.h"
#include "zookeeper/client/client.h"
#include "zookeeper/client/client_watches.h"
#include "zookeeper/client/connect_string.h"

#define NS_PER_MS UINT64_C(1000000)

/* Where the connection stands. */
enum stage {
    STAGE_IDLE,      /* between two attempts, or for good when the session is over */
    STAGE_RESOLVING, /* the host's name */
    STAGE_OPENING,   /* TCP */
    STAGE_HANDSHAKE, /* our ConnectRequest is out */
    STAGE_READY,     /* the server took us: requests flow */
};

/* A request without its reply. */
struct packet {
    struct list link; /* client.pending, or client.failed */
    int32_t xid;
    int32_t op;
    struct zk_done done;
    uint64_t submitted_ns;
    bool is_sent;
    struct buffer frame;        /* whole, with its length; empty once sent */
    struct slice path;          /* ours, heap: the application's path */
    struct zk_watcher *watcher; /* to be put in the table when the reply allows it */
    enum client_watch_kind watch_kind;
    bool removes_watches;
    bool removes_locally;
    int32_t removed_type; /* enum zk_watcher_type */
    int32_t result_count; /* multi: how many results there must be */
    int32_t err;          /* in client.failed */
};

struct credential {
    struct list link;
    struct buffer scheme;
    struct buffer auth;
    bool has_auth;
};

#define CREDENTIALS_MAX 64

struct probe; /* client_probe.c */

struct zk_client {
    struct runtime *runtime;
    struct zk_client_config config;
    struct buffer connect_text;    /* what connect points into */
    struct connect_string connect; /* hosts in a random order */
    size_t next_host;
    size_t hosts_failed; /* in a row */
    struct random random;

    enum zk_client_state state;
    enum stage stage;
    bool is_closing; /* zk_client_close was called */
    bool is_released;
    uint32_t holds; /* who may still call back: the stream, the resolver, a running handler */
    void (*closed)(void *ctx);
    void *closed_ctx;

    int64_t session_id;
    uint8_t password[ZK_CLIENT_PASSWORD_BYTES];
    int32_t timeout_ms; /* granted, or asked for */
    bool has_seen_read_write;
    int64_t last_zxid;

    struct runtime_timer timer;
    uint64_t attempt_ns; /* the attempt began, or the next one begins (STAGE_IDLE) */
    uint64_t last_heard_ns;
    uint64_t last_sent_ns;
    uint64_t attempt; /* counts them, so that a late answer of the resolver is known as such */
    struct tcp_address addresses[TCP_RESOLVE_MAX]; /* of the host being tried */
    size_t address_count;
    size_t address_next;
    struct tcp_stream *stream;
    struct buffer partial; /* the beginning of a frame */

    int32_t next_xid;
    struct list pending; /* struct packet, oldest first; those not sent come last */
    uint32_t pending_count;
    uint32_t unsent_count;
    size_t unsent_bytes;
    struct list failed;      /* their done is called from the timer */
    struct buffer path_text; /* the server's form of one path, while a request is built */
    struct list credentials;
    uint32_t credential_count;
    struct client_watches watches;
    struct arena arena;  /* of one reply */
    struct probe *probe; /* looks for a read-write server; NULL when there is no need */
};

/* ---- client.c -------------------------------------------------------------------------------- */

void client_hold(struct zk_client *client);

/* Frees the client when it is released and nobody holds it. */
void client_drop(struct zk_client *client);

/* Makes sure that the timer fires no later than deadline_ns. */
void client_wake_at(struct zk_client *client, uint64_t deadline_ns);

/* Tells the session's state to all watchers. */
void client_tell_state(struct zk_client *client, int32_t keeper_state);

/* What a request fails with now that the connection is gone. */
int32_t client_loss_error(const struct zk_client *client);

/* The session is over: state is AUTH_FAILED or CLOSED. Drops the connection, fails every request.
 */
void client_end(struct zk_client *client, enum zk_client_state state, int32_t keeper_state);

/* Calls the done of client.failed. */
void client_finish_failed(struct zk_client *client);

/* The connection is lost, or an attempt failed; another attempt follows when the session lives. */
void client_lost(struct zk_client *client);

/* ---- client_connect.c: from a host name to a session ----------------------------------------- */

void client_connect(struct zk_client *client);

/* Closes the stream without a word. */
void client_drop_stream(struct zk_client *client);
uint32_t client_connect_timeout_ms(const struct zk_client *client);

/* The first frame of a connection. */
void client_take_connect_response(struct zk_client *client, struct slice frame);

/* ---- client_request.c ------------------------------------------------------------------------ */

void packet_release(struct packet *packet);

/* Sends what waits for a connection. */
void client_send_pending(struct zk_client *client);
void client_send_ping(struct zk_client *client);
void client_send_credential(struct zk_client *client, const struct credential *credential);

/* Calls every done with this error. sent_only: what no server has seen waits on. */
void client_fail_pending(struct zk_client *client, int32_t err, bool sent_only);

/* closeSession; its reply ends the session. */
void client_send_close(struct zk_client *client);

/* A frame that has no packet, and no reply that anybody waits for. */
void client_send_record(struct zk_client *client,
                        int32_t xid,
                        int32_t op,
                        const struct codec_message *message,
                        const void *record);

/* ---- client_reply.c -------------------------------------------------------------------------- */

/* One frame of an open session. May end the connection. */
void client_take_frame(struct zk_client *client, struct slice frame);

/* Takes the packet off its list, calls its done, frees it. `reply` may lack all but err and zxid.
 */
void client_finish(struct zk_client *client, struct packet *packet, struct zk_reply *reply);

/* ---- client_watch.c -------------------------------------------------------------------------- */

/* An event from the server, or one of our own (path is the application's). */
void client_deliver(struct zk_client *client, const struct zk_watch_event *event);

/* The watch that the packet asked for, when the reply's err allows it. */
void client_register_watch(struct zk_client *client, const struct packet *packet, int32_t err);

/* Removes what the packet asked for; the err that its done is told. */
int32_t client_remove_watches(struct zk_client *client, const struct packet *packet, int32_t err);

/* setWatches for all that is in the table. */
void client_send_watches(struct zk_client *client);

/* The server's path as the application knows it. */
struct slice client_strip_chroot(const struct zk_client *client, struct slice path);

/* ---- client_probe.c -------------------------------------------------------------------------- */

/* Starts asking the other hosts for a read-write server while this one is read-only. */
void client_probe_start(struct zk_client *client);
void client_probe_stop(struct zk_client *client);

#endif
