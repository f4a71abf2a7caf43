/* quorum.h - who belongs to an ensemble, and which of them together may decide.
 *
 * Model: a quorum_config is what a dynamic configuration file, /zookeeper/config, NEWLEADER and a
 * v2 notification carry: servers with their addresses and roles, groups and weights, a version (a
 * zxid). Without groups a quorum is more than half of the participants' weight of one each
 * (QuorumMaj); with groups it is more than half of the weight in more than half of the groups that
 * have any weight (QuorumHierarchical). Observers never count.
 * Shape: immutable once made; reference counted (keep/drop), since a leader holds the configuration
 * of today beside the one that is being introduced.
 * Text: lines "server.N=host:quorum:election[|host:quorum:election...]:role;clientHost:clientPort"
 * in ascending order of N, "group.N=", "weight.N=" lines when hierarchical, last "version=<hex>"
 * without a newline. Accepted on reading: whatever Apache accepts (see quorum_config_parse).
 * Apache's order is that of its hash maps; below 16 that is ascending, and we follow it above, too,
 * since the text is data of a node. An IPv6 address reads in Java's long form.
 * Sources: QuorumPeer.QuorumServer, QuorumMaj, QuorumHierarchical, QuorumPeerConfig; reference 1.8,
 * 2.8.
 */
#ifndef ZOOKEEPER_CORE_QUORUM_H
#define ZOOKEEPER_CORE_QUORUM_H

#include "base/buffer.h"
#include "base/errors.h"
#include "base/slice.h"

/* One server more than this in a configuration is refused. */
#define QUORUM_SERVERS_MAX 255
/* Addresses of one server (multiAddress.enabled). */
#define QUORUM_ADDRESSES_MAX 8
/* Bytes of a configuration's text, also as it is printed, and of one address's host. */
#define QUORUM_TEXT_MAX ((size_t)256 << 10)
#define QUORUM_HOST_MAX 255
/* Largest weight of a server. */
#define QUORUM_WEIGHT_MAX INT32_MAX

enum quorum_role {
    QUORUM_PARTICIPANT,
    QUORUM_OBSERVER
};

struct quorum_address {
    struct slice host; /* a name or a numeric address, without brackets */
    uint16_t quorum_port;
    uint16_t election_port;
};

struct quorum_server {
    int64_t id;
    enum quorum_role role;
    struct quorum_address addresses[QUORUM_ADDRESSES_MAX]; /* by host, as they are printed */
    uint32_t address_count;
    struct slice client_host; /* null slice: none given */
    uint16_t client_port;     /* 0: none given */
    int64_t group;            /* 0 when not hierarchical */
    int64_t weight;           /* 1 unless given */
};

/* What group and weight lines say of one server, also of an observer or of a stranger. */
struct quorum_share {
    int64_t id;
    int64_t group;
    int64_t weight;
    bool has_group;
    bool has_weight;
};

struct quorum_config {
    uint32_t references;
    int64_t version;
    bool is_hierarchical;
    struct quorum_server *servers; /* ascending by id */
    uint32_t server_count;
    struct quorum_share *shares; /* when hierarchical; ascending by id */
    uint32_t share_count;
    struct buffer text; /* private: the slices above point into it */
};

/* Reads the text of a configuration (a Java properties text of server.N, group.N, weight.N and
 * version lines; any other key is refused). ERR_CONFIG with a sentence in `problem` (cut at
 * problem_len, always ended by a NUL; may be NULL) that names the key; ERR_NOT_FOUND, with one as
 * well, when a group has a server that is no participant and weighs nothing. Whether the ensemble
 * makes sense as a whole (enough participants) is the caller's question. */
NODISCARD int quorum_config_parse(struct slice text,
                                  struct quorum_config **config,
                                  char *problem,
                                  size_t problem_len);
struct quorum_config *quorum_config_keep(struct quorum_config *config);
void quorum_config_drop(struct quorum_config *config);

/* Appends the text as Apache prints it, byte for byte (/zookeeper/config). */
void quorum_config_text(const struct quorum_config *config, struct buffer *out);

/* As above under another version. */
void quorum_config_text_at(const struct quorum_config *config, int64_t version, struct buffer *out);

/* What a dynamic configuration file holds: the same lines in byte order, joined by newlines,
 * without the version (upstream's writeDynamicConfig; zoo.cfg.dynamic.next keeps it). */
void quorum_config_file_text(const struct quorum_config *config,
                             bool with_version,
                             struct buffer *out);

/* The same servers, groups and weights under another version. */
struct quorum_config *quorum_config_at_version(const struct quorum_config *config, int64_t version);

/* The same servers with the same addresses and roles, groups and weights? Versions do not count. */
bool quorum_config_same_members(const struct quorum_config *a, const struct quorum_config *b);

const struct quorum_server *quorum_config_find(const struct quorum_config *config, int64_t id);
bool quorum_config_is_voter(const struct quorum_config *config, int64_t id);
uint32_t quorum_config_voter_count(const struct quorum_config *config);

/* 1 without groups, also of a stranger. */
int64_t quorum_config_weight(const struct quorum_config *config, int64_t id);

/* Do these servers decide? `ids` in any order, twice is once; strangers and observers do not count.
 */
bool quorum_config_is_quorum(const struct quorum_config *config, const int64_t *ids, size_t count);

#endif
