/* fingerprint.c - see fingerprint.h. */
#include "sim/fingerprint.h"

#include "zookeeper/core/tree.h"

static const struct hash_key fingerprint_key = {0x66696e6765727072, 0x696e742074726565};

uint64_t fingerprint_bytes(struct slice encoded)
{
    return hash_bytes(fingerprint_key, encoded);
}

uint64_t fingerprint_session(int64_t id, int32_t timeout_ms)
{
    uint8_t raw[12];
    memcpy(raw, &id, 8);
    memcpy(raw + 8, &timeout_ms, 4);
    return hash_bytes(fingerprint_key, slice_of(raw, sizeof raw));
}

bool fingerprint_skips_node(struct slice path)
{
    return slice_equal_cstr(path, "/zookeeper/config");
}

bool fingerprint_skips_data(struct slice path, bool skips_quota_counts)
{
    static const char leaf[] = "/zookeeper_stats";
    struct slice end = SLICE_LIT("/zookeeper_stats");
    return skips_quota_counts && slice_starts_with(path, SLICE_LIT("/zookeeper/quota")) &&
           path.len >= sizeof leaf - 1 &&
           slice_equal(slice_part(path, path.len - end.len, path.len), end);
}

static void put_node(const struct tree *tree,
                     const struct znode *node,
                     struct slice path,
                     bool skips_quota_counts,
                     struct bytes *out)
{
    struct zk_stat_persisted stat;
    int32_t count = 0;
    const struct zk_acl *acl = znode_acl(tree, node, &count);
    znode_stat_persisted(tree, node, &stat);
    put_text(out, path);
    bool skips = fingerprint_skips_data(path, skips_quota_counts);
    put_text(out, skips ? SLICE_NULL : znode_data(tree, node));
    put_i64(out, stat.czxid);
    put_i64(out, stat.mzxid);
    put_i64(out, stat.pzxid);
    put_i64(out, stat.ctime);
    put_i64(out, stat.mtime);
    put_i32(out, stat.version);
    put_i32(out, stat.cversion);
    put_i32(out, stat.aversion);
    put_i64(out, stat.ephemeral_owner);
    put_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        put_i32(out, acl[i].perms);
        put_text(out, acl[i].id.scheme);
        put_text(out, acl[i].id.id);
    }
}

/* The next node in pre-order below `top`; NULL at the end. */
static struct znode *next_node(const struct tree *tree, struct znode *node)
{
    struct znode *next = znode_first_child(tree, node);
    while (next == NULL && node != NULL) {
        next = znode_next_sibling(tree, node);
        node = znode_parent(tree, node);
    }
    return next;
}

void fingerprint_server(const struct tree *tree,
                        bool skips_quota_counts,
                        struct recovery_record *record)
{
    struct bytes encoded = {0};
    struct buffer path;
    buffer_init(&path, SIZE_MAX / 4);
    struct znode *root = tree_find(tree, SLICE_LIT(""));
    for (struct znode *at = root; at != NULL; at = next_node(tree, at)) {
        encoded.len = 0;
        buffer_clear(&path, SIZE_MAX / 4);
        if (at != root) {
            znode_path(tree, at, &path);
        }
        if (!fingerprint_skips_node(buffer_slice(&path))) {
            put_node(tree, at, at == root ? SLICE_LIT("") : buffer_slice(&path), skips_quota_counts,
                     &encoded);
            record->fingerprint += fingerprint_bytes(bytes_slice(&encoded));
        }
        record->nodes += 1;
    }
    size_t position = 0;
    uint64_t id = 0;
    uint64_t timeout_ms = 0;
    while (u64_map_next(&tree->sessions, &position, &id, &timeout_ms)) {
        record->fingerprint += fingerprint_session((int64_t)id, (int32_t)timeout_ms);
    }
    record->digest = tree->config.digest_enabled ? tree->digest : 0;
    buffer_release(&path);
    bytes_release(&encoded);
}
