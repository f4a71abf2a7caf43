/* fetch_session.h - what a consumer fetches, remembered, so that it need not say it each time
 * (KIP-227).
 *
 * Model: a session is an ordered set of partitions with their fetch offsets, and an epoch that
 * grows with every request. A request is
 *
 *   epoch 0         full: all partitions; ends the session that it names, and may get a new one
 *   epoch -1        full, without a session; ends the one that it names
 *   epoch n         incremental: changes to the session, whose partitions are then fetched.
 * Unknown: FETCH_SESSION_ID_NOT_FOUND; another epoch: INVALID_FETCH_SESSION_EPOCH
 *
 * and the answer to an incremental one has only the partitions with news: records, an error,
 * another high watermark or log start. A partition that gave records goes to the end of the order,
 * so that the size limit does not starve those behind it.
 *
 * The cache has a fixed number of slots. A full cache makes room for a new session by giving up one
 * that was idle for FETCH_SESSION_IDLE_MS, or one that is as old and smaller, or for a follower one
 * that is not a follower's; else the request is answered without a session, which always works.
 *
 * Ownership: a context keeps its session alive until fetch_context_end, also when it is given up
 * meanwhile. Times in ms of one clock. Sources: FetchSession.scala, FetchMetadata of 3.9.
 */
#ifndef KAFKA_SERVER_FETCH_SESSION_H
#define KAFKA_SERVER_FETCH_SESSION_H

#include "base/list.h"
#include "base/map.h"
#include "generated/kafka/messages.h"

#define FETCH_SESSION_IDLE_MS 120000
#define FETCH_KEY_MAX \
    (256 + 4) /* names of topics are shorter; what is longer is cut: it does not exist */
#define FETCH_SESSION_PARTITIONS_MAX                             \
    1000000 /* of one session; a larger request goes without one \
             */

/* One partition of a session. The key is the topic's name, or its 16 bytes of id, and the
 * partition's number in four bytes. */
struct fetch_partition {
    struct list link;
    int32_t partition;
    int32_t max_bytes;
    int32_t leader_epoch;
    int32_t last_fetched_epoch;
    int64_t fetch_offset;
    int64_t log_start_offset;    /* the follower's */
    int64_t told_high_watermark; /* what the client knows; -1: tell it again */
    int64_t told_log_start;
    size_t key_len;
    uint8_t key[];
};

struct fetch_session {
    struct list link; /* by last use */
    int32_t id;
    int32_t epoch; /* the next request's */
    bool uses_ids;
    bool is_privileged; /* a follower's */
    bool is_cached;
    int32_t references;
    int64_t created_ms;
    int64_t used_ms;
    struct list partitions;
    struct bytes_map by_key;
};

struct fetch_sessions {
    struct list by_use;
    struct u64_map by_id;
    size_t slots;
    size_t partitions; /* of all sessions: for the metrics */
    uint64_t evictions;
    uint64_t random; /* state of the ids' sequence */
};

enum fetch_kind {
    FETCH_SESSIONLESS,
    FETCH_FULL,        /* fetch_session_create makes a session of it, perhaps */
    FETCH_INCREMENTAL, /* the partitions are context.session's */
};

struct fetch_context {
    enum fetch_kind kind;
    int16_t error; /* of the whole request */
    int32_t expected_epoch;
    struct fetch_session *session;
};

struct fetch_sessions *fetch_sessions_create(size_t slots, uint64_t seed);
void fetch_sessions_release(struct fetch_sessions *sessions);

/* Finds what the request is, and applies its changes to its session. */
void fetch_context_begin(struct fetch_sessions *sessions,
                         const struct kafka_fetch_request *request,
                         bool uses_ids,
                         int64_t now_ms,
                         struct fetch_context *context);
void fetch_context_end(struct fetch_sessions *sessions, struct fetch_context *context);

/* Another request has used the session meanwhile (a duplicate): the answer is an error. */
bool fetch_context_is_stale(const struct fetch_context *context);

/* A session for a full request's partitions; NULL when there is no slot. Partitions are then added
 * in the order of the request. */
struct fetch_session *fetch_session_create(struct fetch_sessions *sessions,
                                           size_t partition_count,
                                           bool uses_ids,
                                           bool is_privileged,
                                           int64_t now_ms);
void fetch_session_add(struct fetch_sessions *sessions,
                       struct fetch_session *session,
                       const struct kafka_fetch_request_topic *topic,
                       const struct kafka_fetch_request_partition *partition);

struct fetch_partition *fetch_session_find(const struct fetch_session *session, struct slice key);

/* Is there news for the client? Remembers what it is told (update). `has_records`, `error`. */
bool fetch_partition_has_news(struct fetch_partition *partition,
                              bool has_records,
                              int16_t error,
                              int64_t high_watermark,
                              int64_t log_start,
                              bool update);

/* To the end of the order. */
void fetch_partition_rotate(struct fetch_session *session, struct fetch_partition *partition);

/* The key of a partition into `bytes`, which has room for it (name or 16, and 4). */
struct slice fetch_key(uint8_t *bytes,
                       bool uses_ids,
                       struct slice name,
                       const struct codec_uuid *id,
                       int32_t partition);

#endif
