/* protocol.h - ZooKeeper's wire format as the simulated clients and the checkers know it.
 *
 * Written by hand from the protocol's description, on purpose without wire/ and schema/: a mistake
 * that the server's codec makes in both directions would not be seen by its own other half.
 */
#ifndef SIM_PROTOCOL_H
#define SIM_PROTOCOL_H

#include "sim/heap.h"

enum sim_op {
    OP_CREATE = 1,
    OP_DELETE = 2,
    OP_EXISTS = 3,
    OP_GET_DATA = 4,
    OP_SET_DATA = 5,
    OP_GET_ACL = 6,
    OP_SET_ACL = 7,
    OP_GET_CHILDREN = 8,
    OP_SYNC = 9,
    OP_PING = 11,
    OP_GET_CHILDREN2 = 12,
    OP_CHECK = 13,
    OP_MULTI = 14,
    OP_CREATE2 = 15,
    OP_RECONFIG = 16,
    OP_CHECK_WATCHES = 17,
    OP_REMOVE_WATCHES = 18,
    OP_CREATE_CONTAINER = 19,
    OP_DELETE_CONTAINER = 20,
    OP_CREATE_TTL = 21,
    OP_MULTI_READ = 22,
    OP_AUTH = 100,
    OP_SET_WATCHES = 101,
    OP_GET_EPHEMERALS = 103,
    OP_COUNT_DESCENDANTS = 104,
    OP_SET_WATCHES2 = 105,
    OP_ADD_WATCH = 106,
    OP_WHO_AM_I = 107,
    OP_CREATE_SESSION = -10,
    OP_CLOSE_SESSION = -11,
    OP_ERROR = -1,
};

enum sim_error {
    E_OK = 0,
    E_INCONSISTENT = -2, /* of a multi's ops behind the one that failed */
    E_MARSHALLING = -5,
    E_UNIMPLEMENTED = -6,
    E_BAD_ARGUMENTS = -8,
    E_NEW_CONFIG_NO_QUORUM = -13,
    E_RECONFIG_IN_PROGRESS = -14,
    E_NO_NODE = -101,
    E_NO_AUTH = -102,
    E_BAD_VERSION = -103,
    E_NO_CHILDREN_FOR_EPHEMERALS = -108,
    E_NODE_EXISTS = -110,
    E_NOT_EMPTY = -111,
    E_SESSION_EXPIRED = -112,
    E_INVALID_ACL = -114,
    E_AUTH_FAILED = -115,
    E_SESSION_MOVED = -118,
    E_NOT_READ_ONLY = -119,
    E_EPHEMERAL_ON_LOCAL_SESSION = -120,
    E_NO_WATCHER = -121,
    E_RECONFIG_DISABLED = -123,
    E_QUOTA_EXCEEDED = -125,
};

enum sim_event {
    EVENT_CREATED = 1,
    EVENT_DELETED = 2,
    EVENT_DATA = 3,
    EVENT_CHILDREN = 4
};

enum sim_perm {
    PERM_READ = 1,
    PERM_WRITE = 2,
    PERM_CREATE = 4,
    PERM_DELETE = 8,
    PERM_ADMIN = 16
};

#define PERM_ALL 31

#define XID_EVENT (-1)
#define XID_PING (-2)
#define XID_AUTH (-4)
#define XID_SET_WATCHES (-8)

#define FLAG_EPHEMERAL 1
#define FLAG_SEQUENTIAL 2
#define FLAG_CONTAINER 4
#define FLAG_TTL 5
#define FLAG_SEQUENTIAL_TTL 6

#define STATE_CONNECTED 3
#define PASSWORD_BYTES 16u

/* What a client is told of a node. */
struct node_stat {
    int64_t czxid;
    int64_t mzxid;
    int64_t ctime;
    int64_t mtime;
    int32_t version;
    int32_t cversion;
    int32_t aversion;
    int64_t owner;
    int32_t data_len;
    int32_t child_count;
    int64_t pzxid;
};

/* ---- writing ---- */

void put_i32(struct bytes *out, int32_t value);
void put_i64(struct bytes *out, int64_t value);
void put_bool(struct bytes *out, bool value);

/* Length and bytes; a null slice is length -1. */
void put_text(struct bytes *out, struct slice text);
void put_stat(struct bytes *out, const struct node_stat *stat);

/* ---- reading: after a fault everything reads as zero, and `bad` says so ---- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

struct cursor cursor_of(struct slice bytes);
int32_t get_i32(struct cursor *cursor);
int64_t get_i64(struct cursor *cursor);
bool get_bool(struct cursor *cursor);
struct slice get_text(struct cursor *cursor);
struct slice get_rest(struct cursor *cursor);
size_t cursor_left(const struct cursor *cursor);
void get_stat(struct cursor *cursor, struct node_stat *stat);

const char *op_text(int32_t op);

#endif
