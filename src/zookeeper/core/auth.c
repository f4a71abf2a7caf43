/* auth.c - identities: how a connection proves one, what an ACL may name, and what matches what.
 *
 * Providers as upstream has them without configuration: "world" (only "anyone"), "auth" (a
 * placeholder that stands for the caller's own identities when a list is set), "digest" (user and
 * password, kept as user:base64(digest)), "ip" (auth_ip.c), and "super", which is never named in a
 * list: who holds it passes all. A list that names another scheme is refused; one that has got into
 * the tree all the same (an Apache server with more providers wrote it) lets nobody pass by that
 * entry.
 *
 * Where Apache's code would fail with a NullPointerException on a null id, the request fails with
 * MARSHALLINGERROR, which is what its request processor makes of that.
 */
#include "base/base64.h"
#include "base/memory.h"
#include "zookeeper/core/acl.h"
#include "zookeeper/core/auth_ip.h"
#include "zookeeper/core/sort.h"

#define DIGEST_BYTES_MAX 64

/* ---- identities ------------------------------------------------------------------------------ */

void identities_init(struct identities *identities)
{
    *identities = (struct identities){0};
}

/* Of an empty text, too, not a null: a learner writes what it knows to its leader. */
static struct slice heap_copy(struct slice text)
{
    if (text.len == 0) {
        return SLICE_LIT("");
    }
    uint8_t *copy = mem_alloc(text.len);
    memcpy(copy, text.ptr, text.len);
    return slice_of(copy, text.len);
}

static void heap_free(struct slice text)
{
    if (text.len > 0) {
        mem_free((void *)(uintptr_t)text.ptr, text.len);
    }
}

void identities_release(struct identities *identities)
{
    for (int32_t i = 0; i < identities->count; i++) {
        heap_free(identities->ids[i].scheme);
        heap_free(identities->ids[i].id);
    }
    mem_free(identities->ids, (size_t)identities->count * sizeof *identities->ids);
    identities_init(identities);
}

void identities_add(struct identities *identities, struct slice scheme, struct slice id)
{
    for (int32_t i = 0; i < identities->count; i++) {
        if (slice_equal(identities->ids[i].scheme, scheme) &&
            slice_equal(identities->ids[i].id, id)) {
            return;
        }
    }
    if (identities->count >= IDENTITIES_MAX) {
        return;
    }
    size_t size = (size_t)identities->count * sizeof *identities->ids;
    identities->ids = mem_realloc(identities->ids, size, size + sizeof *identities->ids);
    identities->ids[identities->count] = (struct zk_id){heap_copy(scheme), heap_copy(id)};
    identities->count += 1;
}

bool identities_has_scheme(const struct identities *identities, struct slice scheme)
{
    for (int32_t i = 0; i < identities->count; i++) {
        if (slice_equal(identities->ids[i].scheme, scheme)) {
            return true;
        }
    }
    return false;
}

/* ---- the auth operation ---------------------------------------------------------------------- */

static int32_t authenticate_digest(const struct auth_config *config,
                                   struct slice auth,
                                   struct identities *identities)
{
    if (slice_is_null(auth) || identities->count + 2 > IDENTITIES_MAX) {
        return ZK_ERR_AUTHFAILED;
    }
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t digest_len = config->crypto.digest(auth, digest);
    ASSERT(digest_len <= sizeof digest);
    const uint8_t *colon = auth.len == 0 ? NULL : memchr(auth.ptr, ':', auth.len);
    size_t user_len = colon == NULL ? auth.len : (size_t)(colon - auth.ptr);

    size_t id_len = user_len + 1 + base64_encoded_len(digest_len);
    uint8_t *id = mem_alloc(id_len);
    if (user_len > 0) {
        memcpy(id, auth.ptr, user_len);
    }
    id[user_len] = ':';
    base64_encode(slice_of(digest, digest_len), id + user_len + 1);
    if (!slice_is_null(config->super_digest) &&
        slice_equal(slice_of(id, id_len), config->super_digest)) {
        identities_add(identities, SLICE_LIT("super"), SLICE_LIT(""));
    }
    identities_add(identities, SLICE_LIT("digest"), slice_of(id, id_len));
    mem_free(id, id_len);
    return ZK_ERR_OK;
}

int32_t auth_authenticate(const struct auth_config *config,
                          struct slice scheme,
                          struct slice auth,
                          struct identities *identities)
{
    if (slice_equal_cstr(scheme, "digest") && config->digest_enabled) {
        return authenticate_digest(config, auth, identities);
    }
    return slice_equal_cstr(scheme, "ip") ? ZK_ERR_OK : ZK_ERR_AUTHFAILED;
}

/* ---- lists from clients ---------------------------------------------------------------------- */

/* Two parts around one colon, the second not empty, as Java's split counts: colons at the end do
 * not. */
static bool is_digest_id(struct slice id)
{
    size_t len = id.len;
    size_t colons = 0;
    while (len > 0 && id.ptr[len - 1] == ':') {
        len -= 1;
    }
    for (size_t i = 0; i < len; i++) {
        colons += id.ptr[i] == ':';
    }
    return colons == 1;
}

/* May a list name this (scheme, id), which is neither world:anyone nor auth? */
static int32_t check_id(const struct auth_config *config, const struct zk_id *id)
{
    bool is_digest = config->digest_enabled && slice_equal_cstr(id->scheme, "digest");
    if (!is_digest && !slice_equal_cstr(id->scheme, "ip")) {
        return ZK_ERR_INVALIDACL;
    }
    if (slice_is_null(id->id)) {
        return ZK_ERR_MARSHALLINGERROR;
    }
    bool is_valid = is_digest ? is_digest_id(id->id) : auth_ip_is_valid(id->id);
    return is_valid ? ZK_ERR_OK : ZK_ERR_INVALIDACL;
}

static int32_t fixed_add(struct acl_entries *list, int32_t perms, struct zk_id id)
{
    if (list->count >= ACL_ENTRIES_MAX) {
        return ZK_ERR_INVALIDACL;
    }
    list->items[list->count] = (struct zk_acl){.perms = perms, .id = id};
    list->count += 1;
    return ZK_ERR_OK;
}

/* "auth": all identities that a provider vouches for, with these rights. */
static int32_t add_own_ids(const struct auth_config *config,
                           const struct identities *identities,
                           int32_t perms,
                           struct acl_entries *list)
{
    int32_t before = list->count;
    for (int32_t i = 0; i < identities->count; i++) {
        if (!config->digest_enabled || !slice_equal_cstr(identities->ids[i].scheme, "digest")) {
            continue;
        }
        int32_t error = fixed_add(list, perms, identities->ids[i]);
        if (error != ZK_ERR_OK) {
            return error;
        }
    }
    return list->count > before ? ZK_ERR_OK : ZK_ERR_INVALIDACL;
}

static int32_t fix_entry(const struct auth_config *config,
                         const struct identities *identities,
                         const struct zk_acl *entry,
                         struct acl_entries *list)
{
    const struct zk_id *id = &entry->id;
    if (slice_is_null(id->scheme)) {
        return ZK_ERR_INVALIDACL;
    }
    if (slice_equal_cstr(id->scheme, "world")) {
        if (slice_is_null(id->id)) {
            return ZK_ERR_MARSHALLINGERROR;
        }
        bool is_anyone = slice_equal_cstr(id->id, "anyone");
        return is_anyone ? fixed_add(list, entry->perms, *id) : ZK_ERR_INVALIDACL;
    }
    if (slice_equal_cstr(id->scheme, "auth")) {
        return add_own_ids(config, identities, entry->perms, list);
    }
    int32_t error = check_id(config, id);
    return error == ZK_ERR_OK ? fixed_add(list, entry->perms, *id) : error;
}

static int compare_text(struct slice a, struct slice b)
{
    if (slice_is_null(a) != slice_is_null(b)) {
        return slice_is_null(a) ? -1 : 1;
    }
    return slice_compare(a, b);
}

static int compare_entries(const struct zk_acl *a, const struct zk_acl *b)
{
    if (a->perms != b->perms) {
        return a->perms < b->perms ? -1 : 1;
    }
    int order = compare_text(a->id.scheme, b->id.scheme);
    return order != 0 ? order : compare_text(a->id.id, b->id.id);
}

static bool entry_before(const void *a, const void *b)
{
    int order = compare_entries(a, b);
    return order < 0 || (order == 0 && a < b);
}

/* is_again[i] says that an entry before acl[i] is equal to it. */
static bool *find_duplicates(const struct zk_acl *acl, int32_t count, struct arena *arena)
{
    bool *is_again = ARENA_ARRAY(arena, bool, count);
    const struct zk_acl **sorted = ARENA_ARRAY(arena, const struct zk_acl *, count);
    for (int32_t i = 0; i < count; i++) {
        sorted[i] = &acl[i];
    }
    pointer_sort((void **)(uintptr_t)sorted, (size_t)count, entry_before);
    for (int32_t i = 1; i < count; i++) {
        is_again[sorted[i] - acl] = compare_entries(sorted[i - 1], sorted[i]) == 0;
    }
    return is_again;
}

int32_t acl_fixup(const struct auth_config *config,
                  const struct identities *identities,
                  const struct zk_acl *acl,
                  int32_t acl_count,
                  struct arena *arena,
                  struct acl_entries *fixed)
{
    if (acl_count <= 0 || acl_count > ACL_ENTRIES_MAX) {
        return ZK_ERR_INVALIDACL;
    }
    const bool *is_again = find_duplicates(acl, acl_count, arena);
    int32_t room = MIN(ACL_ENTRIES_MAX, acl_count * MAX(1, identities->count));
    *fixed = (struct acl_entries){ARENA_ARRAY(arena, struct zk_acl, room), 0};
    for (int32_t i = 0; i < acl_count; i++) {
        if (is_again[i]) {
            continue;
        }
        int32_t error = fix_entry(config, identities, &acl[i], fixed);
        if (error != ZK_ERR_OK) {
            return error;
        }
    }
    return ZK_ERR_OK;
}

/* ---- the question ---------------------------------------------------------------------------- */

static bool is_matched(const struct auth_config *config,
                       const struct identities *identities,
                       const struct zk_id *wanted)
{
    if (slice_equal_cstr(wanted->scheme, "world") && slice_equal_cstr(wanted->id, "anyone")) {
        return true;
    }
    bool is_digest = config->digest_enabled && slice_equal_cstr(wanted->scheme, "digest");
    bool is_ip = slice_equal_cstr(wanted->scheme, "ip");
    for (int32_t i = 0; i < identities->count && (is_digest || is_ip); i++) {
        const struct zk_id *own = &identities->ids[i];
        if (slice_equal(own->scheme, wanted->scheme) &&
            (is_digest ? slice_equal(own->id, wanted->id) : auth_ip_matches(own->id, wanted->id))) {
            return true;
        }
    }
    return false;
}

bool acl_check(const struct auth_config *config,
               const struct identities *identities,
               const struct zk_acl *entries,
               int32_t count,
               int32_t perms)
{
    if (config->skip_acl || entries == NULL || count <= 0 ||
        identities_has_scheme(identities, SLICE_LIT("super"))) {
        return true;
    }
    for (int32_t i = 0; i < count; i++) {
        if ((entries[i].perms & perms) != 0 && is_matched(config, identities, &entries[i].id)) {
            return true;
        }
    }
    return false;
}
