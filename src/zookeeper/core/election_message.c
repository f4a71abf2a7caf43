/* election_message.c - a notification's bytes. See election.h.
 *
 *     28 bytes   state, leader, zxid, round
 *     40 bytes   and the epoch of the candidate (ZOOKEEPER-107), and the version of the form
 *     from 44    and the sender's configuration, a text with its length in front (version 2)
 *
 * We send the last form, and take all. (FastLeaderElection.buildMsg, WorkerReceiver.run)
 */
#include "zookeeper/core/election.h"

#define FORM_28_BYTES 28
#define FORM_40_BYTES 40
#define FORM_44_BYTES 44

void election_encode(const struct notification *notification, struct buffer *out)
{
    const struct vote *vote = &notification->vote;
    buffer_append_be32(out, (uint32_t)notification->state);
    buffer_append_be64(out, (uint64_t)vote->leader);
    buffer_append_be64(out, (uint64_t)vote->zxid);
    buffer_append_be64(out, (uint64_t)vote->election_epoch);
    buffer_append_be64(out, (uint64_t)vote->peer_epoch);
    buffer_append_be32(out, NOTIFICATION_VERSION);
    buffer_append_be32(out, (uint32_t)notification->config.len);
    buffer_append(out, notification->config);
}

int election_decode(int64_t sender, struct slice bytes, struct notification *notification)
{
    if (bytes.len < FORM_28_BYTES) {
        return ERR_CORRUPT;
    }
    int32_t state = (int32_t)load_be32(bytes.ptr);
    *notification = (struct notification){
        .sender = sender,
        .vote = {.leader = (int64_t)load_be64(bytes.ptr + 4),
                 .zxid = (int64_t)load_be64(bytes.ptr + 12),
                 .election_epoch = (int64_t)load_be64(bytes.ptr + 20)},
    };
    if (state < PEER_LOOKING || state > PEER_OBSERVING) {
        return ERR_CORRUPT;
    }
    notification->state = (enum peer_state)state;
    if (bytes.len == FORM_28_BYTES) {
        /* before ZOOKEEPER-107 the epoch was only in the zxid */
        notification->vote.peer_epoch = (int64_t)((uint64_t)notification->vote.zxid >> 32);
        return 0;
    }
    if (bytes.len < FORM_40_BYTES) {
        return ERR_CORRUPT;
    }
    notification->vote.peer_epoch = (int64_t)load_be64(bytes.ptr + 28);
    if (bytes.len == FORM_40_BYTES) {
        return 0; /* before 3.4.6 the last four bytes meant nothing */
    }
    notification->version = (int32_t)load_be32(bytes.ptr + 36);
    if (notification->version <= 1) {
        return 0;
    }
    if (bytes.len < FORM_44_BYTES) {
        return ERR_CORRUPT;
    }
    uint32_t len = load_be32(bytes.ptr + 40);
    if (len > bytes.len - FORM_44_BYTES) {
        return ERR_CORRUPT; /* ZOOKEEPER-3769 */
    }
    notification->config = slice_part(bytes, FORM_44_BYTES, FORM_44_BYTES + len);
    return 0;
}
