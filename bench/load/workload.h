/*
 * Which requests are sent and what a right answer to them is: names of znodes, the bytes of
 * requests on ZooKeeper's wire (jute, version 0 of the protocol), and the check of each reply.
 *
 * The names below the root (default /bench), all made by `workload` itself:
 *     <root>/k0000000000 ...       keys: read, set, watched
 *     <root>/c/n0000000000 ...     the children that getChildren lists
 *     <root>/<tag>/n0000000000 ... what is created and deleted, flat; the number has ten digits, as
 *                                  a sequential node's has, so that deletes find those as well
 *     <root>/<tag>/d000/n0000000000 ... the same in directories of `directory_size`
 */
#ifndef BENCH_LOAD_WORKLOAD_H
#define BENCH_LOAD_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_op {
    LOAD_GET,
    LOAD_EXISTS,
    LOAD_CHILDREN,
    LOAD_SET,
    LOAD_CREATE,
    LOAD_CREATE_EPHEMERAL,
    LOAD_CREATE_SEQUENTIAL,
    LOAD_DELETE,
    LOAD_MULTI, /* ten setData of random keys */
    LOAD_OP_COUNT,
    /* What only the generator's own modes send: */
    LOAD_GET_WATCH = LOAD_OP_COUNT,
    LOAD_PING,
    LOAD_CLOSE,
    LOAD_PROBE,       /* exists: item 0 is /zookeeper, item n the made znode n - 1 */
    LOAD_MAKE_PARENT, /* items from load_workload_parent_count */
    LOAD_MAKE_KEY,
    LOAD_MAKE_CHILD
};

#define LOAD_MULTI_SIZE 10
#define LOAD_ROOT_MAX 64
#define LOAD_TAG_MAX 32
#define LOAD_VALUE_MAX 65536
#define LOAD_ERROR_NODE_EXISTS (-110)

struct load_workload {
    char root[LOAD_ROOT_MAX];
    char tag[LOAD_TAG_MAX];
    uint32_t keys;
    uint32_t children;
    uint32_t value_size;
    uint32_t directory_size; /* 0: flat */
    uint32_t items;          /* how many the tag will hold, to know its directories */
    uint64_t random_state;
    uint8_t value[LOAD_VALUE_MAX];
};

void load_workload_init(struct load_workload *workload);

/* The op that a command line names, -1 when there is none of that name. */
int load_op_by_name(const char *name, size_t name_len);
const char *load_op_name(enum load_op op);

/* Whether the op only reads. */
bool load_op_reads(enum load_op op);

/* Whether the op works on a key, so that the keys must be there. */
bool load_op_uses_keys(enum load_op op);

/* The next key to use: uniform over all keys. */
uint32_t load_workload_random_key(struct load_workload *workload);

/* Parents to make before anything else: the root, the list, the tag and its directories. */
uint32_t load_workload_parent_count(const struct load_workload *workload);

/* The most bytes that one request can take. */
size_t load_workload_request_max(const struct load_workload *workload);

/* Writes one framed request and gives its length. */
size_t load_workload_encode(struct load_workload *workload,
                            enum load_op op,
                            uint32_t item,
                            int32_t xid,
                            uint8_t *out);

/* Writes the framed ConnectRequest of a new session. */
size_t load_connect_encode(uint32_t session_timeout_ms, uint8_t *out);
#define LOAD_CONNECT_MAX 64

/* Whether the body behind a reply's header is what this op must get. */
bool load_workload_reply_is_right(const struct load_workload *workload,
                                  enum load_op op,
                                  const uint8_t *body,
                                  size_t body_len);

uint32_t load_read_u32(const uint8_t *bytes);
uint64_t load_read_u64(const uint8_t *bytes);

#endif
