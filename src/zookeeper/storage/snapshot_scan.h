/* snapshot_scan.h - where does a snapshot end that comes over a link?
 *
 * A leader sends the body of a snapshot (zookeeper/core/tree_snapshot.h) and the string
 * "BenWasHere" without saying how long they are, and goes on with packets behind them. The scanner
 * is fed what comes, in pieces of any size, and steps over lengths and counts until the end is
 * found; it keeps a few bytes of state and looks at nothing else: what the body says is the
 * loader's business (tree_load).
 * Source: LearnerHandler, Learner.syncWithLeader; reference 2.9.
 */
#ifndef ZOOKEEPER_STORAGE_SNAPSHOT_SCAN_H
#define ZOOKEEPER_STORAGE_SNAPSHOT_SCAN_H

#include "base/errors.h"
#include "base/slice.h"

#define SNAPSHOT_SCAN_FIELD_MAX 16

enum snapshot_scan_state {
    SCAN_SESSIONS,
    SCAN_LISTS,
    SCAN_LIST_HEAD,
    SCAN_ENTRY_HEAD,
    SCAN_ENTRY_ID,
    SCAN_PATH,
    SCAN_PATH_BYTE,
    SCAN_DATA,
    SCAN_SIGNATURE,
    SCAN_DONE,
};

struct snapshot_scan {
    enum snapshot_scan_state state;
    size_t text_max; /* of each string and buffer */
    uint64_t skip;   /* bytes that are stepped over before the next field */
    uint8_t field[SNAPSHOT_SCAN_FIELD_MAX];
    size_t field_len;
    uint32_t lists_left;
    uint32_t entries_left;
};

void snapshot_scan_init(struct snapshot_scan *scan, size_t text_max);

/* Takes from the front of `bytes` what belongs to body and signature; *taken is how much. The state
 * is SCAN_DONE right behind the signature. ERR_CORRUPT: this is no snapshot. */
NODISCARD int snapshot_scan_feed(struct snapshot_scan *scan, struct slice bytes, size_t *taken);

/* How many bytes of what was taken are the signature's, once it is done. */
size_t snapshot_scan_signature_bytes(void);

#endif
