/* fetch.h - what fetch.c (when to answer), fetch_warm.c (what is still on the disk), fetch_read.c
 * (what from) and fetch_answer.c (as bytes) share.
 */
#ifndef KAFKA_SERVER_HANDLERS_FETCH_H
#define KAFKA_SERVER_HANDLERS_FETCH_H

#include "generated/kafka/constants.h"
#include "generated/kafka/messages.h"
#include "kafka/server/broker.h"
#include "kafka/server/fetch_session.h"
#include "kafka/server/leader_hints.h"
#include "kafka/server/request.h"

struct fetch;
struct warming; /* warm.h */

/* One partition of the request, or of its session. */
struct fetch_item {
    struct partition_waiter waiter;
    struct fetch *fetch;
    struct slice name; /* of the topic; empty when its id is unknown */
    struct codec_uuid id;
    struct slice key;                              /* of the session's partition; sessions alone */
    const struct kafka_fetch_request_topic *topic; /* of a full request */
    const struct kafka_fetch_request_partition *requested; /* of a full request */
    int32_t partition;
    int32_t max_bytes;
    int32_t leader_epoch; /* -1: not said */
    int32_t last_fetched_epoch;
    int64_t offset;
    uint64_t available; /* bytes to read there, while waiting */

    /* what was read */
    int16_t error;
    bool is_diverging;
    bool is_told; /* it stands in the answer */
    int64_t high_watermark;
    int64_t last_stable_offset;
    int64_t log_start_offset;
    struct log_range range; /* leaves by sendfile, or .len 0 */
    struct slice bytes;     /* or these: small, or converted */
    struct log_aborted_txn *aborted;
    int32_t aborted_count; /* -1: null */
    int32_t diverging_epoch;
    int64_t diverging_end;
    struct kafka_leader_id_and_epoch current_leader;
};

struct fetch {
    struct request *request;
    const struct kafka_fetch_request *body;
    struct fetch_context context;
    struct fetch_item *items;
    int32_t item_count;
    int32_t replica_id;
    int32_t max_bytes;
    bool read_committed;
    bool uses_ids;
    bool is_waiting;
    bool is_refused;    /* as a whole: no partition has records, not even empty ones */
    uint64_t available; /* of all items */
    struct runtime_timer timer;
    struct leader_hints hints;
    int16_t error;
    int32_t session_id;
    struct warming *warming; /* a worker reads what is cold */
    void (*warmed)(struct fetch *fetch);
    int32_t warm_rounds;
    struct buffer converted; /* scratch of down-conversion */
};

/* Reads every item, in order, into the limits; returns the bytes. *must_answer: an error or a
 * divergence, which does not wait. Ranges are held until fetch_drop. */
uint64_t fetch_read(struct fetch *fetch, bool *must_answer);

/* How many bytes the item could get now; *must_answer as above. */
uint64_t fetch_item_available(struct fetch_item *item, bool *must_answer);

/* The partition, or the error. */
struct partition *fetch_item_partition(struct fetch_item *item, int16_t *error);

void fetch_drop(struct fetch *fetch); /* what fetch_read took */

/* When something that fetch_read would read is not in memory: a worker reads it, then `warmed`
 * is called, which asks again. False: everything is there. */
bool fetch_warm(struct fetch *fetch, void (*warmed)(struct fetch *fetch));

/* The request is aborted. */
void fetch_forget(struct fetch *fetch);

static inline size_t fetch_item_bytes(const struct fetch_item *item)
{
    return item->range.len + item->bytes.len;
}

/* The partition is not known here at all. */
static inline bool fetch_item_is_unknown(const struct fetch_item *item)
{
    return item->error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION ||
           item->error == KAFKA_ERROR_UNKNOWN_TOPIC_ID;
}

/* Encodes and sends; the ranges go with it. The request is gone afterwards. */
void fetch_send(struct fetch *fetch);

#endif
