/* client.h - a request client for Kafka brokers: what tools, brokers and the monitor ask with.
 *
 * Model: a `struct kafka_client` lives on one runtime (runtime.h). The owner hands it calls: a
 * request, whom it is for (any broker, a certain one, the controller, a partition's leader, a
 * group's coordinator) and what to call when it is over. The client finds the broker (metadata and
 * coordinators are looked up and remembered), keeps one connection to each broker that it needs,
 * agrees on a version (ApiVersions, once a connection), and tries again after errors that pass,
 * until the call's time is over. `done` is called exactly once for each call that was taken, from
 * the loop, never from inside kafka_client_call.
 *
 * Requests and responses are the generated structs of schema/kafka. A request is copied. A response
 * lives until `done` returns (codec_copy keeps it). Which versions a call may use is the narrowest
 * of the schema, the call and the broker; the highest of these is taken.
 *
 * Errors: reply.error is 0 (there is a response; what Kafka's error codes in it say is the caller's
 * business), ERR_TIMEOUT (reply.message names the cause that was last seen), ERR_UNSUPPORTED (the
 * broker has no version of this api that both know), ERR_INVALID (the request cannot be encoded in
 * the version agreed on), ERR_AUTH, ERR_CANCELLED (kafka_client_release). A call's `error_of` reads
 * the response's Kafka error; when that is one that passes (NOT_CONTROLLER, NOT_LEADER..,
 * COORDINATOR_LOAD_IN_PROGRESS, ..) the client looks up anew and tries again; when the time is over
 * the response is given as it is.
 *
 * Limits: calls KAFKA_CLIENT_CALLS_MAX and their bytes KAFKA_CLIENT_CALL_BYTES_MAX, one response
 * config.response_bytes_max, brokers KAFKA_CLIENT_BROKERS_MAX, cached partitions and coordinators
 * likewise. Whatever a broker sends, the client answers with an error of a call, not with growth.
 *
 * Security: a connection passes the stages opening, authenticating, agreeing on versions. The stage
 * in the middle is empty now; TLS and SASL have their place there.
 *
 * Sources: NetworkClient, KafkaAdminClient, Metadata, ClientUtils of Apache Kafka 3.9; KIP-35,
 * KIP-511.
 */
#ifndef KAFKA_CLIENT_CLIENT_H
#define KAFKA_CLIENT_CLIENT_H

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "runtime/errmsg.h"
#include "runtime/runtime.h"

struct kafka_client;

#define KAFKA_CLIENT_CALLS_MAX 65536
#define KAFKA_CLIENT_CALL_BYTES_MAX ((size_t)256 << 20) /* of all requests that are not done */
#define KAFKA_CLIENT_BROKERS_MAX 2048
#define KAFKA_CLIENT_BOOTSTRAP_MAX 64
#define KAFKA_CLIENT_PARTITIONS_MAX (1 << 20) /* whose leaders are remembered */
#define KAFKA_CLIENT_COORDINATORS_MAX 1024
#define KAFKA_CLIENT_RESPONSE_BYTES_MAX ((uint32_t)100 << 20)
#define KAFKA_CLIENT_APIS_MAX 256

struct kafka_client_config {
    struct slice bootstrap_servers; /* "host:port,[v6]:port"; borrowed for the call */
    struct slice client_id;         /* null: none is sent; borrowed for the call */
    uint32_t request_timeout_ms;    /* of one attempt; 0: 30,000 */
    uint32_t call_timeout_ms;       /* of a call that names none; 0: 60,000 */
    uint32_t retry_backoff_ms;      /* the first pause, doubled each time; 0: 100 */
    uint32_t retry_backoff_max_ms;  /* 0: 1,000 */
    uint32_t metadata_max_age_ms;   /* 0: 300,000 */
    uint32_t connect_timeout_ms;    /* of one address; 0: 10,000 */
    uint32_t response_bytes_max;    /* 0: KAFKA_CLIENT_RESPONSE_BYTES_MAX */
    /* Tells of a broker that could not be reached or broke off (may be NULL); id < 0: one of the
     * bootstrap list. */
    void (*on_trouble)(void *ctx, int32_t id, const char *address, const char *text);
    void *ctx;
};

/* ERR_INVALID with the sentence for a bad list of servers. */
NODISCARD int kafka_client_open(struct runtime *runtime,
                                const struct kafka_client_config *config,
                                struct errmsg *message,
                                struct kafka_client **client);

/* For the calls that come from now on and name no timeout. */
void kafka_client_set_call_timeout(struct kafka_client *client, uint32_t timeout_ms);

/* Every call that is not done ends with ERR_CANCELLED, at once, from inside; then it is freed. May
 * be called from a `done`. */
void kafka_client_release(struct kafka_client *client);

/* ---- calls ----------------------------------------------------------------------------------- */

enum kafka_target_kind {
    KAFKA_TARGET_ANY,
    KAFKA_TARGET_BROKER,      /* by its id, which the metadata must have */
    KAFKA_TARGET_CONTROLLER,  /* any broker while nobody says who it is */
    KAFKA_TARGET_LEADER,      /* of topic and partition */
    KAFKA_TARGET_COORDINATOR, /* of a group or transactional id */
};

struct kafka_target {
    enum kafka_target_kind kind;
    int32_t broker_id;
    struct slice topic; /* or the coordinator's key; borrowed for the call */
    int32_t partition;
    int8_t coordinator_type; /* enum kafka_coordinator_type */
};

struct kafka_reply {
    int error;            /* see above */
    const char *message;  /* why, when error is not 0; else "" */
    int16_t version;      /* that the response has */
    int32_t broker_id;    /* who answered; < 0: one of the bootstrap list */
    int16_t lookup_error; /* Kafka's, of finding the coordinator; 0: none */
    const void *response;
};

struct kafka_call {
    struct kafka_target target;
    const struct codec_message *request_message;
    const struct codec_message *response_message;
    const void *request;
    int16_t min_version; /* 0 and 0: all that the schema has */
    int16_t max_version;
    uint32_t timeout_ms; /* in all, all attempts; 0: config.call_timeout_ms */
    /* The Kafka error that decides whether to try again; NULL: never. */
    int16_t (*error_of)(const void *response, int16_t version);
    bool is_once; /* not sent a second time once it may have arrived */
    void (*done)(void *ctx, const struct kafka_reply *reply);
    void *ctx;
};

/* 0, or ERR_LIMIT; then `done` is never called. */
NODISCARD int kafka_client_call(struct kafka_client *client, const struct kafka_call *call);

/* ---- what is known --------------------------------------------------------------------------- */

struct kafka_client_broker {
    int32_t id;
    const char *host;
    uint16_t port;
    const char *rack; /* "": none */
};

/* Of the last metadata; false: not in it (any more). */
bool kafka_client_broker(const struct kafka_client *client,
                         int32_t id,
                         struct kafka_client_broker *broker);

/* -1: not known. */
int32_t kafka_client_controller(const struct kafka_client *client);

/* -1: not known. */
int32_t kafka_client_leader(const struct kafka_client *client,
                            struct slice topic,
                            int32_t partition);

/* The ranges that a connected broker named in its ApiVersions. False when there is none. */
bool kafka_client_api_range(const struct kafka_client *client,
                            int32_t broker_id,
                            int16_t api_key,
                            int16_t *min_version,
                            int16_t *max_version);

/* What one sees before trying again: is it an error that passes, and does it mean that metadata or
 * coordinator are out of date? */
enum kafka_error_class {
    KAFKA_ERROR_CLASS_FINAL,
    KAFKA_ERROR_CLASS_RETRY,            /* passes by waiting */
    KAFKA_ERROR_CLASS_RETRY_METADATA,   /* ask for metadata first */
    KAFKA_ERROR_CLASS_RETRY_COORDINATOR /* find the coordinator first */
};

enum kafka_error_class kafka_error_class(int16_t error);

#endif
