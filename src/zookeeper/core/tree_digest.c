/* tree_digest.c - two fingerprints of a tree, and the proof that its parts agree.
 *
 * tree->digest is ZooKeeper's: the sum of a CRC-32 per node over path, data and stat, kept up to
 * date by each change, because the leader sends it along with every txn. Each node keeps its own
 * summand, so that taking the old one out costs no second CRC. Everything below "/zookeeper/" is
 * left out, since quota counts change outside of txns.
 *
 * tree_digest is ours: it covers what that one leaves out (ACLs, sessions, /zookeeper), to compare
 * two states in tests and in the simulator. It is a sum of keyed hashes as well, hence free of
 * order; the texts of quota counts are the one thing it skips, since a restart counts them anew.
 */
#include "base/crc32.h"
#include "base/memory.h"
#include "zookeeper/core/quota.h"
#include "zookeeper/core/tree_node.h"

#define EXCLUDED "/zookeeper/"
#define STAT_BYTES 60
#define JOIN_MAX \
    1024 /* up to here path, data and stat are copied together, for one run of the CRC */

static void stat_bytes(const struct zk_stat_persisted *stat, uint8_t out[STAT_BYTES])
{
    store_be64(out, (uint64_t)stat->czxid);
    store_be64(out + 8, (uint64_t)stat->mzxid);
    store_be64(out + 16, (uint64_t)stat->pzxid);
    store_be64(out + 24, (uint64_t)stat->ctime);
    store_be64(out + 32, (uint64_t)stat->mtime);
    store_be32(out + 40, (uint32_t)stat->version);
    store_be32(out + 44, (uint32_t)stat->cversion);
    store_be32(out + 48, (uint32_t)stat->aversion);
    store_be64(out + 52, (uint64_t)stat->ephemeral_owner);
}

static uint32_t node_crc(struct slice path, struct slice data, const struct zk_stat_persisted *stat)
{
    if (path.len + data.len + STAT_BYTES <= JOIN_MAX) {
        uint8_t joined[JOIN_MAX] __attribute__((uninitialized));
        if (path.len > 0) {
            memcpy(joined, path.ptr, path.len);
        }
        if (data.len > 0) {
            memcpy(joined + path.len, data.ptr, data.len);
        }
        stat_bytes(stat, joined + path.len + data.len);
        return crc32_update(0, slice_of(joined, path.len + data.len + STAT_BYTES));
    }
    uint8_t tail[STAT_BYTES];
    stat_bytes(stat, tail);
    uint32_t crc = crc32_update(crc32_update(0, path), data);
    return crc32_update(crc, slice_of(tail, sizeof tail));
}

/* "/" counts as "". False when the path is left out. */
static bool digest_path(struct slice *path)
{
    if (path->len == 1 && path->ptr[0] == '/') {
        path->len = 0;
    }
    return !slice_starts_with(*path, SLICE_LIT(EXCLUDED));
}

uint64_t tree_node_digest(struct slice path,
                          struct slice data,
                          const struct zk_stat_persisted *stat)
{
    return digest_path(&path) ? node_crc(path, data, stat) : 0;
}

#define DIGEST_BEGUN (UINT64_C(1) << 32) /* tells an included path from one left out */

uint64_t tree_digest_begin(struct slice path, struct slice data)
{
    return digest_path(&path) ? DIGEST_BEGUN | crc32_update(crc32_update(0, path), data) : 0;
}

uint64_t tree_digest_end(uint64_t begun, const struct zk_stat_persisted *stat)
{
    uint8_t bytes[STAT_BYTES];
    if (begun == 0) {
        return 0;
    }
    stat_bytes(stat, bytes);
    return crc32_update((uint32_t)begun, slice_of(bytes, sizeof bytes));
}

uint64_t znode_digest(const struct tree *tree, const struct znode *node)
{
    (void)tree;
    return node->digest;
}

void tree_digest_node(struct tree *tree, struct znode *node, struct slice path)
{
    if (!tree->config.digest_enabled) {
        return;
    }
    struct zk_stat_persisted stat;
    node_stat_persisted(tree->private, node, &stat);
    node->digest = (uint32_t)tree_node_digest(path, node_data(tree->private, node), &stat);
    tree->digest += node->digest;
}

/* ---- what it was -------------------------------------------------------------------------- */

void tree_keep_digest(struct tree *tree, int64_t zxid)
{
    struct tree_private *inner = tree->private;
    if (zxid % TREE_DIGEST_INTERVAL != 0 || zxid <= inner->fuzzy_until ||
        !tree->config.digest_enabled) {
        return;
    }
    if (inner->past_digests == NULL) {
        inner->past_digests = mem_alloc(TREE_DIGESTS_KEPT * sizeof *inner->past_digests);
    }
    inner->past_digests[inner->past_digest_count % TREE_DIGESTS_KEPT] = (struct tree_past_digest){
        zxid, tree->digest};
    inner->past_digest_count += 1;
}

void tree_release_digests(struct tree_private *inner)
{
    mem_free(inner->past_digests, TREE_DIGESTS_KEPT * sizeof *inner->past_digests);
}

void tree_each_digest(const struct tree *tree,
                      void (*each)(void *ctx, int64_t zxid, uint64_t digest),
                      void *ctx)
{
    const struct tree_private *inner = tree->private;
    uint64_t kept = MIN(inner->past_digest_count, (uint64_t)TREE_DIGESTS_KEPT);
    for (uint64_t i = inner->past_digest_count - kept; i < inner->past_digest_count; i++) {
        const struct tree_past_digest *past = &inner->past_digests[i % TREE_DIGESTS_KEPT];
        each(ctx, past->zxid, past->digest);
    }
}

void tree_set_fuzzy_until(struct tree *tree, int64_t zxid)
{
    tree->private->fuzzy_until = zxid;
}

/* ---- the whole state ------------------------------------------------------------------------- */

static const struct hash_key digest_key = {0x53616d7361207472, 0x6565206469676573};

static uint64_t digest_acl(const struct zk_acl *entries, int32_t count)
{
    uint64_t digest = (uint64_t)count;
    for (int32_t i = 0; i < count; i++) {
        const struct zk_id *id = &entries[i].id;
        digest = hash_combine(digest, (uint64_t)(uint32_t)entries[i].perms);
        digest = hash_combine(digest, hash_bytes(digest_key, id->scheme));
        digest = hash_combine(digest, hash_bytes(digest_key, id->id) + slice_is_null(id->id));
    }
    return digest;
}

static uint64_t digest_node(const struct tree *tree, const struct znode *node, struct slice path)
{
    struct zk_stat_persisted stat;
    uint8_t bytes[STAT_BYTES];
    znode_stat_persisted(tree, node, &stat);
    stat_bytes(&stat, bytes);
    uint64_t digest = hash_bytes(digest_key, path);
    digest = hash_combine(digest, hash_bytes(digest_key, slice_of(bytes, sizeof bytes)));
    if (!slice_equal_cstr(node_name(node), QUOTA_STAT_NAME) ||
        !slice_starts_with(path, SLICE_LIT(QUOTA_ROOT "/"))) {
        struct slice data = node_data(tree->private, node);
        digest = hash_combine(digest, hash_bytes(digest_key, data) + slice_is_null(data));
    }
    int32_t count = 0;
    const struct zk_acl *entries = znode_acl(tree, node, &count);
    return hash_combine(digest, digest_acl(entries, count));
}

uint64_t tree_digest(const struct tree *tree)
{
    struct tree_private *inner = tree->private;
    uint64_t digest = 0;
    for (uint32_t at = inner->root; at != 0; at = node_next_in(inner, at, inner->root)) {
        const struct znode *node = node_at(inner, at);
        buffer_clear(&inner->path, SIZE_MAX);
        znode_path(tree, node, &inner->path);
        digest += digest_node(tree, node, buffer_slice(&inner->path));
    }
    size_t position = 0;
    uint64_t session_id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&tree->sessions, &position, &session_id, &timeout_ms)) {
        digest += hash_combine(hash_u64(session_id), (uint32_t)timeout_ms);
    }
    return digest;
}
