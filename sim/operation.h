/* operation.h - one request as a client means it, and its bytes. */
#ifndef SIM_OPERATION_H
#define SIM_OPERATION_H

#include "sim/protocol.h"

#define AUTH_USERS 4

/* An auth's `mode` that is no number of a user: who it is may do everything. */
#define AUTH_SUPER 255
#define AUTH_SUPER_WORD "super:secret"
#define AUTH_SUPER_ID "super:lK75jTNcA+U9vtVEw5vB51mj/w4="

/* Who a connection is: its address, and the users whose passwords it has shown, in that order. */
struct identity {
    uint8_t ip_last; /* 10.0.0.n */
    uint8_t user_count;
    uint8_t users[AUTH_USERS];
    bool is_super;
};

/* The scheme "digest"'s ids of the users: "user0:<hash>". */
extern const char *const auth_user_ids[AUTH_USERS];

/* What a client sends to become that user: "user0:secret0". */
extern const char *const auth_user_words[AUTH_USERS];

struct acl_entry {
    int32_t perms;
    const char *scheme;
    const char *id;
};

struct acl_choice {
    const struct acl_entry *entries;
    int32_t count;
};

/* The access control lists that clients use; the first is open to all, the second to readers. */
enum {
    ACL_OPEN,
    ACL_READ_ONLY,
    ACL_USER0,
    ACL_USER1_AND_READERS,
    ACL_SELF,
    ACL_ADDRESS,
    ACL_EMPTY,
    ACL_TWICE,
    ACL_UNKNOWN_SCHEME,
    ACL_NO_WRITE,
    ACL_CHOICES,
};

extern const struct acl_choice acl_choices[ACL_CHOICES];

/* The lists of a setWatches2, in the order of the wire; setWatches has the first three. */
enum watch_list {
    LIST_DATA,
    LIST_EXIST,
    LIST_CHILD,
    LIST_PERSISTENT,
    LIST_RECURSIVE,
    LIST_KINDS,
};

struct path_list {
    struct slice *paths;
    int32_t count;
};

struct operation {
    int32_t type;
    struct slice path; /* the scheme of an auth, the prefix of getEphemerals */
    struct slice data; /* the word of an auth */
    int acl;
    int32_t flags;
    int64_t ttl;
    int32_t version;
    bool watch;
    int32_t mode;            /* addWatch's mode, or the watcher type of check and remove */
    bool is_malformed;       /* its body is cut short */
    struct operation *parts; /* of a multi */
    int32_t part_count;
    int64_t relative_zxid; /* setWatches */
    /* Of a reconfig: who joins (path), who leaves (data), or all; on which version. */
    struct slice new_members;
    int64_t from_version;
    struct path_list lists[LIST_KINDS];
};

/* The body behind the request header. */
void operation_encode(const struct operation *operation, struct bytes *out);

bool operation_is_write(int32_t type);

/* Types that no server knows. */
#define OPERATION_UNKNOWN_COUNT 7
extern const int32_t operation_unknown_types[OPERATION_UNKNOWN_COUNT];
bool operation_is_unknown(int32_t type);

/* Does the server end the connection with its answer, and look at nothing behind it? */
bool operation_ends_connection(const struct operation *operation);

/* Would it, or one of its parts, make an ephemeral node, by what it says? */
bool operation_makes_ephemeral(const struct operation *operation);

#endif
