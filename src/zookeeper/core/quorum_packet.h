/* quorum_packet.h - packets between a leader and its learners: measured, taken apart, written.
 *
 * Form: int32 type, int64 zxid, buffer data, vector of ids; one after the other on a stream,
 * without a length in front. So a reader has to look inside to know where a packet ends:
 * quorum_packet_measure does that over whatever has come so far. Writers append to the outbox; what
 * goes to many links stands there once, and each link's effect points to it.
 * Limits: the data of a packet and each text of an id are at most data_max bytes (jute.maxbuffer
 * and what is allowed beside), ids at most QUORUM_PACKET_IDS_MAX.
 * Sources: QuorumPacket, LearnerHandler, Learner; reference 2.9.
 */
#ifndef ZOOKEEPER_CORE_QUORUM_PACKET_H
#define ZOOKEEPER_CORE_QUORUM_PACKET_H

#include "zookeeper/core/effects.h"
#include "zookeeper/core/prep.h"

#define QUORUM_PACKET_IDS_MAX IDENTITIES_MAX
#define QUORUM_PACKET_FRONT_BYTES 16u /* type, zxid, length of data */
#define QUORUM_PROTOCOL_VERSION 0x10000
/* What ends a snapshot on a link, as a jute string. */
#define QUORUM_SNAPSHOT_SIGNATURE "BenWasHere"

struct quorum_packet {
    int32_t type; /* enum zk_packet, or anything */
    int64_t zxid;
    struct slice data;     /* null slice: none */
    struct slice authinfo; /* as it came: the count and the ids */
};

/* How long is the packet at the front of `bytes`? ERR_OK: *len. ERR_TRUNCATED: it is not all there;
 * *len bytes are needed at least before it is worth asking again. ERR_LIMIT, ERR_INVALID: this is
 * no packet, the link is to be closed. */
NODISCARD int quorum_packet_measure(struct slice bytes, size_t data_max, size_t *len);

/* Takes one whole packet apart; the slices borrow. Errors as above, ERR_INVALID when bytes are
 * left. */
NODISCARD int quorum_packet_decode(struct slice bytes,
                                   size_t data_max,
                                   struct quorum_packet *packet);

/* The ids of a packet, in the arena and borrowing from `authinfo` (which measure has passed).
 * ERR_INVALID when a scheme or an id is null. */
NODISCARD int quorum_packet_identities(struct slice authinfo,
                                       struct arena *arena,
                                       struct identities *identities);

/* ---- writing ------------------------------------------------------------------------- */

/* A run of whole packets in outbox->bytes. */
struct quorum_span {
    size_t offset;
    size_t len;
};

/* Appends a packet without ids. A null slice is a null buffer. */
void quorum_packet_write(struct buffer *out, int32_t type, int64_t zxid, struct slice data);

/* The same, its data still to be appended by the caller: put it behind what _begin wrote, then call
 * _end with what _begin returned. */
size_t quorum_packet_begin(struct buffer *out, int32_t type, int64_t zxid);
void quorum_packet_end(struct buffer *out, size_t start);

/* To one link. */
void quorum_send(struct zk_outbox *outbox,
                 struct zk_link *link,
                 int32_t type,
                 int64_t zxid,
                 struct slice data);

/* To many: write once, then name the span for each. */
struct quorum_span quorum_span_write(struct zk_outbox *outbox,
                                     int32_t type,
                                     int64_t zxid,
                                     struct slice data);
void quorum_send_span(struct zk_outbox *outbox, struct zk_link *link, struct quorum_span span);

/* ---- what packets carry -------------------------------------------------------------- */

/* FOLLOWERINFO, OBSERVERINFO: the data. */
struct learner_info {
    int64_t server_id;
    int32_t protocol_version;
    int64_t config_version;
};

void quorum_send_learner_info(struct zk_outbox *outbox,
                              struct zk_link *link,
                              int32_t type,
                              int64_t accepted_epoch,
                              const struct learner_info *info);

/* Older learners say less: what is not there is 0 (protocol_version: 1). ERR_INVALID when there is
 * not even an id. */
NODISCARD int quorum_read_learner_info(struct slice data, struct learner_info *info);

/* LEADERINFO and ACKEPOCH carry one int32. */
void quorum_send_i32(struct zk_outbox *outbox,
                     struct zk_link *link,
                     int32_t type,
                     int64_t zxid,
                     int32_t value);
NODISCARD int quorum_read_i32(struct slice data, int32_t *value);

/* REQUEST: what a learner's client asked. createSession's body is its timeout. */
void quorum_send_request(struct zk_outbox *outbox,
                         struct zk_link *link,
                         const struct prep_request *request);

/* Takes session, cxid, type and body from the data; the timeout of a createSession (-1: it has
 * none). */
NODISCARD int quorum_read_request(struct slice data, struct prep_request *request);

/* REVALIDATE: asked and answered. The answer's zxid is the last one that the leader has proposed;
 * upstream's is -1, and none looks at it. */
void quorum_send_revalidate(struct zk_outbox *outbox,
                            struct zk_link *link,
                            int64_t session_id,
                            int32_t timeout_ms);
NODISCARD int quorum_read_revalidate(struct slice data, int64_t *session_id, int32_t *timeout_ms);
void quorum_send_revalidated(struct zk_outbox *outbox,
                             struct zk_link *link,
                             int64_t session_id,
                             bool is_valid,
                             int64_t proposed_zxid);
NODISCARD int quorum_read_revalidated(struct slice data, int64_t *session_id, bool *is_valid);

/* COMMITANDACTIVATE (the leader alone) and INFORMANDACTIVATE (and the proposal behind it). */
NODISCARD int quorum_read_activate(struct slice data, int64_t *leader, struct slice *txn_bytes);

/* PING's answer: {session, timeout} of those heard of since the last one. Takes the next one off
 * the front; false at the end (a torn last one is the end, too). */
bool quorum_next_touched(struct slice *data, int64_t *session_id, int32_t *timeout_ms);

static inline int64_t zxid_make(int64_t epoch, int64_t counter)
{
    return (int64_t)((uint64_t)epoch << 32 | ((uint64_t)counter & UINT32_MAX));
}

/* Upstream shifts with the sign; an epoch is never negative but in a forged zxid. */
static inline int64_t zxid_epoch(int64_t zxid)
{
    return zxid >> 32;
}

static inline uint32_t zxid_counter(int64_t zxid)
{
    return (uint32_t)zxid;
}

/* Does `zxid` follow `previous` without a gap? In one epoch by one; a later epoch begins with 1.
 * (ZOOKEEPER-4925.) */
static inline bool zxid_follows(int64_t previous, int64_t zxid)
{
    return zxid_epoch(zxid) == zxid_epoch(previous)
               ? zxid == previous + 1
               : zxid_epoch(zxid) > zxid_epoch(previous) && zxid_counter(zxid) == 1;
}

#endif
