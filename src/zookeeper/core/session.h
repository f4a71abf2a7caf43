/* session.h - sessions that are alive, and when they end.
 *
 * Model: expiry in buckets of tick_ms as upstream's ExpiryQueue: bucket = (now + timeout) / tick *
 * tick + tick, so a session lives timeout to timeout + tick after it was last heard of. Time is the
 * host's monotonic clock in ms, given in each call. At a learner the leader keeps the sessions:
 * those of the clients that are connected here stand in the table as `is_remote`, without an end,
 * and who was heard of is collected for the leader; local sessions end here like any other.
 * Passwords are derived from the id with java.util.Random's generator, byte-identical to Apache's.
 * Sources: SessionTrackerImpl, ExpiryQueue, ZooKeeperServer.generatePasswd; reference 2.3, 3.2.
 */
#ifndef ZOOKEEPER_CORE_SESSION_H
#define ZOOKEEPER_CORE_SESSION_H

#include "base/list.h"
#include "base/map.h"

#define SESSION_PASSWORD_BYTES 16

struct service_conn;
struct session_bucket; /* private: the sessions that end at the same moment */

struct session {
    int64_t id;
    struct service_conn *conn; /* the connection that speaks for it here, NULL when there is none */
    uint64_t expires_ms;       /* its bucket */
    struct session_bucket *bucket; /* NULL once it is closing, and of a remote one */
    struct list link;              /* in the bucket */
    int32_t timeout_ms;            /* the one that it began with */
    int32_t agreed_timeout_ms;     /* with its client's last connection, as the last touch said */
    bool is_closing;
    bool is_remote;  /* the leader decides when it ends */
    bool is_local;   /* no other server knows of it (localSessionsEnabled, read-only mode) */
    bool is_touched; /* stands in table->touched */
    /* at a leader: who speaks for it, a learner's link (its id) or this server (UINT64_MAX); 0:
     * nobody has yet */
    uint64_t owner;
};

struct session_table {
    struct u64_map by_id; /* id -> struct session * */
    uint32_t tick_ms;
    int64_t next_id;
    /* expires_ms -> struct session_bucket *, empty ones until they pass */
    struct u64_map buckets;
    struct session_bucket *recent; /* the bucket that the last touch hit, NULL when it is gone */
    uint64_t next_expiry_ms;       /* of the earliest bucket; UINT64_MAX when there is none */
    struct u64_map touched;        /* remote ones heard of: id -> timeout_ms */
    size_t taken_count;            /* of these, ever */
};

/* next_id starts as SessionTrackerImpl.initializeNextSessionId(server_id) makes it; start_ms is the
 * host's monotonic clock. */
void session_table_init(struct session_table *table,
                        int32_t tick_ms,
                        int64_t server_id,
                        int64_t start_ms);
void session_table_release(struct session_table *table);

/* The id for a new session (skips INT64_MIN, 0 and ids in use). */
int64_t session_table_new_id(struct session_table *table);

/* Adds, or touches what is there (unless it is closing). */
struct session *session_table_add(struct session_table *table,
                                  int64_t id,
                                  int32_t timeout_ms,
                                  uint64_t now_ms);

/* A session that the leader keeps (or that is waiting to be one): no end here. */
struct session *session_table_add_remote(struct session_table *table,
                                         int64_t id,
                                         int32_t timeout_ms);

/* The leader takes over a local session. */
void session_set_remote(struct session_table *table, struct session *session);

/* Calls `each` for the remote sessions that were heard of since the last call, also for those whose
 * connection has gone; when they are more than `most` the others have to wait, each in its turn. */
void session_table_take_touched(struct session_table *table,
                                size_t most,
                                void (*each)(void *ctx, int64_t id, int32_t timeout_ms),
                                void *ctx);

/* Forgets all sessions; next_id stays. No connection may speak for one. */
void session_table_clear(struct session_table *table);

struct session *session_table_find(const struct session_table *table, int64_t id);

/* How many are local; looks at each. */
size_t session_table_count_local(const struct session_table *table);

/* The session was heard of: it now ends timeout_ms from now, rounded up to its bucket. False when
 * it is closing. The timeout is the one that the connection negotiated, which may differ from the
 * session's first. */
bool session_touch(struct session_table *table,
                   struct session *session,
                   int32_t timeout_ms,
                   uint64_t now_ms);

/* From now on it cannot be touched and does not expire; session_table_remove is still to come. */
void session_set_closing(struct session_table *table, struct session *session);
void session_table_remove(struct session_table *table, int64_t id);

/* Calls `expired` for each session whose bucket has passed, after marking it is_closing and taking
 * it out of the queue. */
void session_table_expire(struct session_table *table,
                          uint64_t now_ms,
                          void (*expired)(void *ctx, struct session *session),
                          void *ctx);

/* Sessions in order of their buckets, for `dump`. */
void session_table_each_by_expiry(const struct session_table *table,
                                  void (*each)(void *ctx, const struct session *session),
                                  void *ctx);

void session_table_check(const struct session_table *table);

void session_password(int64_t id, uint8_t password[SESSION_PASSWORD_BYTES]);

#endif
