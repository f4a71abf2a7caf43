/* operation.c - see operation.h. */
#include "sim/operation.h"

/* base64(SHA-1("userN:secretN")), worked out beforehand: the server's own digest is what is tested.
 */
const char *const auth_user_ids[AUTH_USERS] = {
    "user0:he0QQ5iBCiBGOlT9Gd9SKqgkqh8=",
    "user1:XB0MxFMOTPMBwMAkZzzKzP9Xnuc=",
    "user2:EE/SD6V5vElYQN0sfR5COoTRZ1Q=",
    "user3:9/FhaAmCj+aFXRrU6UrXHHqEO3Y=",
};

const char *const auth_user_words[AUTH_USERS] = {
    "user0:secret0",
    "user1:secret1",
    "user2:secret2",
    "user3:secret3",
};

static const struct acl_entry open_entries[] = {{PERM_ALL, "world", "anyone"}};
static const struct acl_entry read_only_entries[] = {{PERM_READ, "world", "anyone"}};
static const struct acl_entry user0_entries[] = {
    {PERM_ALL, "digest", "user0:he0QQ5iBCiBGOlT9Gd9SKqgkqh8="}};
static const struct acl_entry user1_entries[] = {
    {PERM_ALL, "digest", "user1:XB0MxFMOTPMBwMAkZzzKzP9Xnuc="},
    {PERM_READ, "world", "anyone"}};
static const struct acl_entry self_entries[] = {{PERM_ALL, "auth", ""}};
static const struct acl_entry address_entries[] = {{PERM_READ, "world", "anyone"},
                                                   {PERM_ALL - PERM_READ, "ip", "10.0.0.11"}};
static const struct acl_entry twice_entries[] = {
    {PERM_READ | PERM_WRITE, "world", "anyone"},
    {PERM_ADMIN, "digest", "user2:EE/SD6V5vElYQN0sfR5COoTRZ1Q="},
    {PERM_READ | PERM_WRITE, "world", "anyone"},
    {PERM_DELETE | PERM_CREATE, "world", "anyone"}};
static const struct acl_entry unknown_entries[] = {{PERM_ALL, "nosuch", "x"}};
static const struct acl_entry no_write_entries[] = {{PERM_ALL - PERM_WRITE, "world", "anyone"}};

#define CHOICE(entries) {entries, (int32_t)ARRAY_LEN(entries)}

const struct acl_choice acl_choices[ACL_CHOICES] = {
    [ACL_OPEN] = CHOICE(open_entries),
    [ACL_READ_ONLY] = CHOICE(read_only_entries),
    [ACL_USER0] = CHOICE(user0_entries),
    [ACL_USER1_AND_READERS] = CHOICE(user1_entries),
    [ACL_SELF] = CHOICE(self_entries),
    [ACL_ADDRESS] = CHOICE(address_entries),
    [ACL_EMPTY] = {NULL, 0},
    [ACL_TWICE] = CHOICE(twice_entries),
    [ACL_UNKNOWN_SCHEME] = CHOICE(unknown_entries),
    [ACL_NO_WRITE] = CHOICE(no_write_entries),
};

static void put_acl(struct bytes *out, int acl)
{
    const struct acl_choice *choice = &acl_choices[acl];
    put_i32(out, choice->count);
    for (int32_t i = 0; i < choice->count; i++) {
        put_i32(out, choice->entries[i].perms);
        put_text(out, slice_of_cstr(choice->entries[i].scheme));
        put_text(out, slice_of_cstr(choice->entries[i].id));
    }
}

static void put_create(struct bytes *out, const struct operation *operation)
{
    put_text(out, operation->path);
    put_text(out, operation->data);
    put_acl(out, operation->acl);
    put_i32(out, operation->flags);
    if (operation->type == OP_CREATE_TTL) {
        put_i64(out, operation->ttl);
    }
}

static void put_multi_header(struct bytes *out, int32_t type, bool done, int32_t error)
{
    put_i32(out, type);
    put_bool(out, done);
    put_i32(out, error);
}

static void put_one(struct bytes *out, const struct operation *operation);

static void put_multi(struct bytes *out, const struct operation *operation)
{
    for (int32_t i = 0; i < operation->part_count; i++) {
        put_multi_header(out, operation->parts[i].type, false, -1);
        put_one(out, &operation->parts[i]);
    }
    put_multi_header(out, -1, true, -1);
}

static void put_watches(struct bytes *out, const struct operation *operation)
{
    int lists = operation->type == OP_SET_WATCHES2 ? LIST_KINDS : LIST_PERSISTENT;
    put_i64(out, operation->relative_zxid);
    for (int list = 0; list < lists; list++) {
        put_i32(out, operation->lists[list].count);
        for (int32_t i = 0; i < operation->lists[list].count; i++) {
            put_text(out, operation->lists[list].paths[i]);
        }
    }
}

static void put_reconfig(struct bytes *out, const struct operation *operation)
{
    put_text(out, operation->path);
    if (!operation->is_malformed) {
        put_text(out, operation->data);
        put_text(out, operation->new_members);
        put_i64(out, operation->from_version);
    }
}

static void put_one(struct bytes *out, const struct operation *operation)
{
    switch (operation->type) {
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_CONTAINER:
    case OP_CREATE_TTL:
        put_create(out, operation);
        break;
    case OP_EXISTS:
    case OP_GET_DATA:
    case OP_GET_CHILDREN:
    case OP_GET_CHILDREN2:
        put_text(out, operation->path);
        put_bool(out, operation->watch);
        break;
    case OP_DELETE:
    case OP_CHECK:
        put_text(out, operation->path);
        put_i32(out, operation->version);
        break;
    case OP_SET_DATA:
        put_text(out, operation->path);
        put_text(out, operation->data);
        put_i32(out, operation->version);
        break;
    case OP_SET_ACL:
        put_text(out, operation->path);
        put_acl(out, operation->acl);
        put_i32(out, operation->version);
        break;
    case OP_ADD_WATCH:
    case OP_CHECK_WATCHES:
    case OP_REMOVE_WATCHES:
        put_text(out, operation->path);
        put_i32(out, operation->mode);
        break;
    case OP_AUTH:
        put_i32(out, 0);
        put_text(out, operation->path);
        put_text(out, operation->data);
        break;
    case OP_RECONFIG:
        put_reconfig(out, operation);
        break;
    case OP_MULTI:
    case OP_MULTI_READ:
        put_multi(out, operation);
        break;
    case OP_SET_WATCHES:
    case OP_SET_WATCHES2:
        put_watches(out, operation);
        break;
    case OP_PING:
    case OP_WHO_AM_I:
    case OP_CLOSE_SESSION:
        break;
    default: /* those of one path, and whatever a client makes up */
        put_text(out, operation->path);
        break;
    }
}

void operation_encode(const struct operation *operation, struct bytes *out)
{
    size_t start = out->len;
    put_one(out, operation);
    if (operation->is_malformed) {
        out->len = start + (out->len - start) / 2;
    }
}

bool operation_is_write(int32_t type)
{
    switch (type) {
    case OP_CREATE:
    case OP_CREATE2:
    case OP_CREATE_CONTAINER:
    case OP_CREATE_TTL:
    case OP_DELETE:
    case OP_DELETE_CONTAINER:
    case OP_SET_DATA:
    case OP_SET_ACL:
    case OP_MULTI:
    case OP_RECONFIG:
    case OP_CLOSE_SESSION:
        return true;
    default:
        return false;
    }
}

const int32_t operation_unknown_types[OPERATION_UNKNOWN_COUNT] = {10,  OP_CHECK, 24, 50,
                                                                  500, -2,       99};

bool operation_is_unknown(int32_t type)
{
    for (size_t i = 0; i < OPERATION_UNKNOWN_COUNT; i++) {
        if (type == operation_unknown_types[i]) {
            return true;
        }
    }
    return false;
}

bool operation_ends_connection(const struct operation *operation)
{
    bool is_refused = operation->type == OP_AUTH && !slice_equal_cstr(operation->path, "digest");
    return is_refused || operation->type == OP_CLOSE_SESSION ||
           operation_is_unknown(operation->type);
}

bool operation_makes_ephemeral(const struct operation *operation)
{
    for (int32_t i = 0; i < operation->part_count; i++) {
        if (operation_makes_ephemeral(&operation->parts[i])) {
            return true;
        }
    }
    return (operation->type == OP_CREATE || operation->type == OP_CREATE2) &&
           !operation->is_malformed && (operation->flags & ~FLAG_SEQUENTIAL) == FLAG_EPHEMERAL;
}
