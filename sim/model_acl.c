/* model_acl.c - access control lists as the model understands them. See model.h. */
#include "sim/model.h"

const struct model_acl *model_acl_of(struct model *model, struct slice encoded)
{
    struct model_acl *acl = bytes_map_get(&model->acls, encoded);
    if (acl == NULL) {
        acl = POOL_NEW(&model->pool, struct model_acl);
        acl->encoded = pool_copy(&model->pool, encoded);
        bytes_map_add(&model->acls, acl->encoded, acl);
    }
    return acl;
}

static bool is_user(const struct identity *identity, struct slice id)
{
    for (uint8_t i = 0; i < identity->user_count; i++) {
        if (slice_equal_cstr(id, auth_user_ids[identity->users[i]])) {
            return true;
        }
    }
    return false;
}

/* Addresses of the simulated clients are 10.0.0.n. */
static bool is_address(const struct identity *identity, struct slice id)
{
    struct slice net = SLICE_LIT("10.0.0.");
    unsigned last = 0;
    if (!slice_starts_with(id, net) || id.len == net.len) {
        return false;
    }
    for (size_t i = net.len; i < id.len; i++) {
        last = last * 10 + (unsigned)(id.ptr[i] - '0');
    }
    return last == identity->ip_last;
}

static bool is_meant(const struct identity *identity, struct slice scheme, struct slice id)
{
    if (slice_equal_cstr(scheme, "world")) {
        return slice_equal_cstr(id, "anyone");
    }
    if (slice_equal_cstr(scheme, "digest")) {
        return is_user(identity, id);
    }
    return slice_equal_cstr(scheme, "ip") && is_address(identity, id);
}

bool model_allows(const struct model *model,
                  const struct model_acl *acl,
                  const struct identity *identity,
                  int32_t perms)
{
    struct cursor cursor = cursor_of(acl->encoded);
    int32_t count = get_i32(&cursor);
    if (model->config.skips_acl || count == 0 || identity->is_super) {
        return true;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t granted = get_i32(&cursor);
        struct slice scheme = get_text(&cursor);
        struct slice id = get_text(&cursor);
        if ((granted & perms) != 0 && is_meant(identity, scheme, id)) {
            return true;
        }
    }
    return false;
}

static void put_entry(struct bytes *out, int32_t perms, const char *scheme, const char *id)
{
    put_i32(out, perms);
    put_text(out, slice_of_cstr(scheme));
    put_text(out, slice_of_cstr(id));
}

static bool same_entry(const struct acl_entry *a, const struct acl_entry *b)
{
    return a->perms == b->perms && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->id, b->id) == 0;
}

static bool stands_before(const struct acl_choice *list, int32_t idx)
{
    for (int32_t i = 0; i < idx; i++) {
        if (same_entry(&list->entries[i], &list->entries[idx])) {
            return true;
        }
    }
    return false;
}

int32_t model_fix_acl(int choice, const struct identity *identity, struct bytes *out)
{
    const struct acl_choice *list = &acl_choices[choice];
    struct bytes entries = {0};
    int32_t count = 0;
    int32_t error = list->count == 0 ? E_INVALID_ACL : 0;
    for (int32_t i = 0; i < list->count && error == 0; i++) {
        const struct acl_entry *entry = &list->entries[i];
        if (stands_before(list, i)) {
            continue;
        }
        if (strcmp(entry->scheme, "auth") == 0) {
            /* Everybody that the client has logged in as; nobody at all is a fault. */
            error = identity->user_count == 0 ? E_INVALID_ACL : 0;
            for (uint8_t user = 0; user < identity->user_count; user++) {
                put_entry(&entries, entry->perms, "digest", auth_user_ids[identity->users[user]]);
                count += 1;
            }
        } else if (strcmp(entry->scheme, "nosuch") == 0) {
            error = E_INVALID_ACL;
        } else {
            put_entry(&entries, entry->perms, entry->scheme, entry->id);
            count += 1;
        }
    }
    if (error == 0) {
        put_i32(out, count);
        bytes_append(out, bytes_slice(&entries));
    }
    bytes_release(&entries);
    return error;
}

void model_put_acl(const struct model *model,
                   const struct model_acl *acl,
                   const struct identity *identity,
                   struct bytes *out)
{
    struct cursor cursor = cursor_of(acl->encoded);
    bool sees_all = model_allows(model, acl, identity, PERM_ADMIN);
    int32_t count = get_i32(&cursor);
    put_i32(out, count);
    for (int32_t i = 0; i < count; i++) {
        put_i32(out, get_i32(&cursor));
        struct slice scheme = get_text(&cursor);
        struct slice id = get_text(&cursor);
        put_text(out, scheme);
        if (slice_equal_cstr(scheme, "digest") && !sees_all) {
            put_i32(out, 7);
            bytes_append(out, slice_part(id, 0, 6)); /* "userN:" */
            bytes_append(out, SLICE_LIT("x"));
        } else {
            put_text(out, id);
        }
    }
}
