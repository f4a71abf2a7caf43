/* client_private.h - what the files of the request client share. client.c has the essay. */
#ifndef KAFKA_CLIENT_CLIENT_PRIVATE_H
#define KAFKA_CLIENT_CLIENT_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/random.h"
#include "kafka/client/client.h"

#define NS_PER_MS UINT64_C(1000000)
#define CAUSE_TEXT_MAX 320
#define HOST_TEXT_MAX 256
#define RACK_TEXT_MAX 256

/* Where a broker's connection stands. */
enum peer_stage {
    PEER_IDLE,
    PEER_RESOLVING,
    PEER_OPENING,
    PEER_AGREEING, /* ApiVersions is out; before it TLS and SASL would have their stage */
    PEER_READY,
};

struct api_range {
    int16_t min_version;
    int16_t max_version; /* < min_version: not served */
};

/* A broker, or an address of the bootstrap list. Lives as long as the client. */
struct peer {
    struct list link; /* client.peers */
    struct kafka_client *client;
    int32_t id;    /* < 0: of the bootstrap list */
    bool is_known; /* in the last metadata; bootstrap addresses always are */
    char host[HOST_TEXT_MAX];
    uint16_t port;
    char rack[RACK_TEXT_MAX];
    char address_text[HOST_TEXT_MAX + 16];

    enum peer_stage stage;
    uint64_t attempt; /* counts them, so that a late answer of the resolver is known as such */
    uint64_t stage_ns;
    uint64_t next_attempt_ns; /* not before, after a failure */
    uint32_t failures;        /* in a row */
    struct tcp_address addresses[TCP_RESOLVE_MAX];
    size_t address_count;
    size_t address_next;
    struct tcp_stream *stream;
    struct buffer partial;    /* the beginning of a frame */
    int16_t versions_version; /* of the ApiVersions request that is out */
    int32_t versions_correlation;
    bool has_versions;
    struct api_range apis[KAFKA_CLIENT_APIS_MAX];

    int32_t next_correlation;
    struct list queued; /* struct call: for when it is READY */
    struct list sent;   /* in order */
};

/* A call on its way. It is in one list: client.waiting, peer.queued, peer.sent or client.finished.
 */
struct call {
    struct list link;
    struct kafka_client *client;
    struct kafka_call spec; /* topic and request are the arena's */
    struct arena arena;
    size_t bytes;
    bool is_internal;  /* a look-up: neither counted nor waiting for look-ups */
    bool is_abandoned; /* its done was called; the answer is still to come */
    uint64_t deadline_ns;
    uint64_t not_before_ns;
    uint64_t sent_ns;
    uint32_t attempts;
    struct peer *peer;
    int16_t version;
    int32_t correlation;
    int error; /* in client.finished */
    int16_t lookup_error;
    char cause[CAUSE_TEXT_MAX];
};

/* What the cache knows of a topic. */
struct cached_topic {
    struct slice name; /* the heap's */
    int32_t *leaders;
    int32_t count;
};

struct cached_coordinator {
    struct slice key; /* the heap's: one byte of type, then the key */
    int32_t node_id;  /* -1: being looked up */
    struct kafka_client *client;
};

struct kafka_client {
    struct runtime *runtime;
    struct kafka_client_config config;
    struct buffer client_id;
    bool has_client_id;
    struct random random;
    struct runtime_timer timer;
    bool is_released;
    uint32_t holds;

    struct list peers;
    size_t peer_count;
    int32_t controller_id;
    uint64_t metadata_ns; /* of the last answer; 0: none */
    bool is_metadata_stale;
    bool is_metadata_asked;
    struct bytes_map topics;
    size_t partition_count;
    struct bytes_map coordinators;

    struct list waiting;  /* for a route, a look-up or a pause's end */
    struct list finished; /* their done is called from the timer */
    size_t call_count;
    size_t call_bytes;
    struct arena arena;           /* of one response */
    char trouble[CAUSE_TEXT_MAX]; /* the last one of any connection */
};

/* ---- client.c -------------------------------------------------------------------------------- */

void kafka_client_hold(struct kafka_client *client);
void kafka_client_drop(struct kafka_client *client);
void kafka_client_wake_at(struct kafka_client *client, uint64_t deadline_ns);
uint64_t kafka_client_now(const struct kafka_client *client);

/* A pause of random length around the backoff for the n-th attempt. */
uint64_t kafka_client_backoff_ns(struct kafka_client *client, uint32_t attempts);

/* The call is out of every list; its done is called soon. */
void kafka_client_finish_later(struct call *call, int error, const char *cause);

/* Calls done and frees it. */
void kafka_client_finish(struct call *call, const struct kafka_reply *reply);

/* Back to waiting, with a pause, or finished with ERR_TIMEOUT when its time is over by then. */
void kafka_client_retry(struct call *call, const char *cause);

/* Finds a way for every waiting call whose pause is over. */
void kafka_client_route_waiting(struct kafka_client *client);
NODISCARD int kafka_client_add_call(struct kafka_client *client,
                                    const struct kafka_call *spec,
                                    bool is_internal);

/* ---- client_peer.c: connections ---------------------------------------------------------------
 */

struct peer *peer_add(struct kafka_client *client, int32_t id, const char *host, uint16_t port);
struct peer *peer_find(const struct kafka_client *client, int32_t id);
void peer_set_address(struct peer *peer, const char *host, uint16_t port);

/* Takes the call: sends it, or keeps it until there is a connection. */
void peer_take_call(struct peer *peer, struct call *call);

/* Starts connecting when calls wait and the pause is over. */
void peer_pump(struct peer *peer);

/* What is due of timeouts; the next deadline. */
uint64_t peer_check_time(struct peer *peer, uint64_t now_ns);

/* The connection is useless; calls on it are tried again elsewhere. */
void kafka_peer_fail(struct peer *peer, const char *cause);
void kafka_peer_release(struct peer *peer);

/* ---- client_frames.c: bytes of a connection ---------------------------------------------------
 */

void peer_take_bytes(struct peer *peer, struct tcp_stream *stream, struct slice bytes);
void peer_send_versions(struct peer *peer, int16_t version);
void peer_send(struct peer *peer, struct call *call);

/* ---- client_metadata.c: look-ups ---------------------------------------------------------------
 */

/* Every Metadata response that comes by. */
void kafka_client_metadata_take(struct kafka_client *client,
                                const struct kafka_metadata_response *response);

/* Asks, unless it was asked already, for what the waiting calls need. */
void kafka_client_metadata_ask(struct kafka_client *client);
void kafka_client_metadata_release(struct kafka_client *client);

/* >= 0: the id; -1: a look-up has been started or is under way. */
int32_t kafka_client_coordinator_get(struct kafka_client *client, int8_t type, struct slice key);
void kafka_client_coordinator_forget(struct kafka_client *client, int8_t type, struct slice key);

/* ---- bootstrap_servers.c -----------------------------------------------------------------------
 */

/* Calls `each` for every address of "host:port,[v6]:port"; ERR_INVALID with the sentence. */
NODISCARD int bootstrap_servers_parse(struct slice text,
                                      void (*each)(void *ctx, const char *host, uint16_t port),
                                      void *ctx,
                                      struct errmsg *message);

#endif
