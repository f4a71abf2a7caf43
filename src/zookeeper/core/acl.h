/* acl.h - who may do what: identities, access control lists, and the table that shares equal lists.
 *
 * Model: a connection holds a list of identities (scheme, id). A node refers to its list by a small
 * index into the tree's table; equal lists share one entry, counted by reference. In snapshots an
 * entry has a 64-bit id of its own; -1 is world:anyone with all rights, which is no entry and has
 * index 0.
 * acl_check: the first entry with a needed bit whose identity matches lets the caller pass; scheme
 * "super" passes all.
 * Sources: server/auth (providers), PrepRequestProcessor.fixupACL, ReferenceCountedACLCache.
 */
#ifndef ZOOKEEPER_CORE_ACL_H
#define ZOOKEEPER_CORE_ACL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"
#include "generated/zookeeper/constants.h"
#include "generated/zookeeper/messages.h"

#define ACL_OPEN_UNSAFE (-1) /* the acl_id of world:anyone ALL */
#define ACL_INDEX_OPEN 0u    /* its index */
#define ACL_ENTRIES_MAX \
    4096 /* entries of one list taken from a client, before and after "auth" is expanded */
#define IDENTITIES_MAX 1024 /* of one connection; auth_authenticate fails beyond */

/* Identities of a connection or of an internal request. Owned by whoever holds the struct. */
struct identities {
    struct zk_id *ids; /* scheme and id slices are heap copies */
    int32_t count;
};

void identities_init(struct identities *identities);
void identities_release(struct identities *identities);

/* Adds a copy unless it is there or IDENTITIES_MAX is reached. */
void identities_add(struct identities *identities, struct slice scheme, struct slice id);
bool identities_has_scheme(const struct identities *identities, struct slice scheme);

/* What the providers need from a cryptographic library; pure functions given by the host. */
struct auth_crypto {
    /* digest of DigestAuthenticationProvider.digestAlg (SHA1 by default); returns its length, <=
     * 64 */
    size_t (*digest)(struct slice in, uint8_t out[64]);
};

struct auth_config {
    struct auth_crypto crypto;
    bool digest_enabled;       /* DigestAuthenticationProvider.enabled */
    struct slice super_digest; /* "super:<base64>", or null */
    bool skip_acl;             /* skipACL=yes */
};

/* The `auth` operation. Returns ZK_ERR_OK and adds the identity, or the error code for the reply
 * header (ZK_ERR_AUTHFAILED: the connection is closed after it). "ip" adds nothing: the host has
 * added the peer's address when the connection came. */
int32_t auth_authenticate(const struct auth_config *config,
                          struct slice scheme,
                          struct slice auth,
                          struct identities *identities);

struct acl_entries {
    struct zk_acl *items;
    int32_t count;
};

/* Makes a client's list into what is stored: drops duplicates, validates ids, expands "auth" (in
 * this order, as fixupACL does). ZK_ERR_INVALIDACL when it is empty or invalid,
 * ZK_ERR_MARSHALLINGERROR where Apache trips over a null id. The result is in the arena; its texts
 * borrow from `acl` and `identities`. */
int32_t acl_fixup(const struct auth_config *config,
                  const struct identities *identities,
                  const struct zk_acl *acl,
                  int32_t acl_count,
                  struct arena *arena,
                  struct acl_entries *fixed);

struct acl_list {
    int64_t id;
    uint32_t index;
    uint32_t references;
    int32_t count;
    struct zk_acl *entries;
    struct slice encoded; /* jute vector<ACL>: the key of the table */
    struct acl_list *next_dead;
};

struct acl_table {
    struct u64_map by_id;        /* id -> index */
    struct bytes_map by_content; /* encoded -> struct acl_list * */
    struct acl_list **lists;     /* by index; [0] and free ones are NULL */
    uint32_t list_count;         /* indexes ever used, at least 1 */
    uint32_t list_cap;
    uint32_t *free_indexes; /* a stack of list_cap places */
    uint32_t free_count;
    struct acl_list *dead; /* dropped, not yet freed */
    int64_t last_id;
};

void acl_table_init(struct acl_table *table, struct hash_key hash_key);
void acl_table_release(struct acl_table *table);

/* The index for a list, one reference taken. A null list (count < 0) is open. */
uint32_t acl_table_keep(struct acl_table *table, const struct zk_acl *entries, int32_t count);

/* Takes one more reference. */
void acl_table_keep_index(struct acl_table *table, uint32_t index);

/* Gives one back. The entries of a list that nobody refers to any more stay readable until
 * acl_table_reap. */
void acl_table_drop(struct acl_table *table, uint32_t index);
void acl_table_reap(struct acl_table *table);

/* From a snapshot: sets the list of an id (references 0 until nodes arrive; unreferenced ones are
 * purged after load). */
void acl_table_load(struct acl_table *table,
                    int64_t acl_id,
                    const struct zk_acl *entries,
                    int32_t count);
void acl_table_purge_unused(struct acl_table *table);

/* False when no list has the id. */
bool acl_table_find(const struct acl_table *table, int64_t acl_id, uint32_t *index);
int64_t acl_table_id(const struct acl_table *table, uint32_t index);
const struct zk_acl *acl_table_at(const struct acl_table *table, uint32_t index, int32_t *count);

/* The entries of an id; ACL_OPEN_UNSAFE has one. NULL when the id is unknown. */
const struct zk_acl *acl_table_get(const struct acl_table *table, int64_t acl_id, int32_t *count);

/* Appends the number of lists and each with its id, as a snapshot has them, in order of index. */
void acl_table_encode(const struct acl_table *table, struct buffer *out);

/* Asserts that maps and lists agree. */
void acl_table_check(const struct acl_table *table);

/* Is one of `perms` granted? A null or empty list grants all, as upstream does. */
bool acl_check(const struct auth_config *config,
               const struct identities *identities,
               const struct zk_acl *entries,
               int32_t count,
               int32_t perms);

#endif
