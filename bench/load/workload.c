#include "workload.h"

#include <string.h>

#define STAT_BYTES 68
#define PATH_MAX_BYTES (LOAD_ROOT_MAX + LOAD_TAG_MAX + 32)
#define NAME_DIGITS 10
#define DIRECTORY_DIGITS 6

enum wire_type {
    WIRE_CREATE = 1,
    WIRE_DELETE = 2,
    WIRE_EXISTS = 3,
    WIRE_GET_DATA = 4,
    WIRE_SET_DATA = 5,
    WIRE_GET_CHILDREN = 8,
    WIRE_PING = 11,
    WIRE_MULTI = 14,
    WIRE_CLOSE_SESSION = -11
};

/* Which name a request carries. */
enum path_kind {
    PATH_NONE,
    PATH_KEY,
    PATH_LIST,
    PATH_MADE,
    PATH_SEQUENCE,
    PATH_PARENT,
    PATH_CHILD,
    PATH_PROBE
};

/* What stands behind the header of a right reply. */
enum reply_kind {
    REPLY_NOTHING,
    REPLY_DATA,
    REPLY_STAT,
    REPLY_LIST,
    REPLY_PATH,
    REPLY_RESULTS
};

enum create_flags {
    CREATE_PERSISTENT = 0,
    CREATE_EPHEMERAL = 1,
    CREATE_SEQUENTIAL = 2
};

static const struct op_form {
    const char *name; /* NULL: cannot be asked for */
    int32_t type;
    enum path_kind path;
    enum reply_kind reply;
    bool reads;
    bool watches;
    bool has_value;
    uint32_t flags;
} forms[] = {
    [LOAD_GET] = {"get", WIRE_GET_DATA, PATH_KEY, REPLY_DATA, .reads = true},
    [LOAD_EXISTS] = {"exists", WIRE_EXISTS, PATH_KEY, REPLY_STAT, .reads = true},
    [LOAD_CHILDREN] = {"children", WIRE_GET_CHILDREN, PATH_LIST, REPLY_LIST, .reads = true},
    [LOAD_SET] = {"set", WIRE_SET_DATA, PATH_KEY, REPLY_STAT, .has_value = true},
    [LOAD_CREATE] = {"create", WIRE_CREATE, PATH_MADE, REPLY_PATH, .has_value = true},
    [LOAD_CREATE_EPHEMERAL] = {"create_ephemeral", WIRE_CREATE, PATH_MADE, REPLY_PATH,
                               .has_value = true, .flags = CREATE_EPHEMERAL},
    [LOAD_CREATE_SEQUENTIAL] = {"create_sequential", WIRE_CREATE, PATH_SEQUENCE, REPLY_PATH,
                                .has_value = true, .flags = CREATE_SEQUENTIAL},
    [LOAD_DELETE] = {"delete", WIRE_DELETE, PATH_MADE, REPLY_NOTHING, .flags = 0},
    [LOAD_MULTI] = {"multi", WIRE_MULTI, PATH_NONE, REPLY_RESULTS, .flags = 0},
    [LOAD_GET_WATCH] = {NULL, WIRE_GET_DATA, PATH_KEY, REPLY_DATA, .reads = true, .watches = true},
    [LOAD_PING] = {NULL, WIRE_PING, PATH_NONE, REPLY_NOTHING, .flags = 0},
    [LOAD_CLOSE] = {NULL, WIRE_CLOSE_SESSION, PATH_NONE, REPLY_NOTHING, .flags = 0},
    [LOAD_PROBE] = {NULL, WIRE_EXISTS, PATH_PROBE, REPLY_STAT, .reads = true},
    [LOAD_MAKE_PARENT] = {NULL, WIRE_CREATE, PATH_PARENT, REPLY_PATH, .flags = 0},
    [LOAD_MAKE_KEY] = {NULL, WIRE_CREATE, PATH_KEY, REPLY_PATH, .has_value = true},
    [LOAD_MAKE_CHILD] = {NULL, WIRE_CREATE, PATH_CHILD, REPLY_PATH, .flags = 0},
};

int load_op_by_name(const char *name, size_t name_len)
{
    for (int op = 0; op < LOAD_OP_COUNT; op++) {
        if (strlen(forms[op].name) == name_len && memcmp(forms[op].name, name, name_len) == 0) {
            return op;
        }
    }
    return -1;
}

const char *load_op_name(enum load_op op)
{
    return forms[op].name != NULL ? forms[op].name : "an operation of the generator's own";
}

bool load_op_reads(enum load_op op)
{
    return forms[op].reads;
}

bool load_op_uses_keys(enum load_op op)
{
    return forms[op].path == PATH_KEY || op == LOAD_MULTI;
}

void load_workload_init(struct load_workload *workload)
{
    memset(workload, 0, sizeof(*workload));
    memcpy(workload->root, "/bench", sizeof("/bench"));
    memcpy(workload->tag, "made", sizeof("made"));
    workload->keys = 1000;
    workload->children = 100;
    workload->value_size = 100;
    workload->random_state = UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < sizeof(workload->value); i++) {
        workload->value[i] = (uint8_t)('a' + i % 26);
    }
}

static uint64_t next_random(struct load_workload *workload)
{
    uint64_t x = workload->random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    workload->random_state = x;
    return x;
}

uint32_t load_workload_random_key(struct load_workload *workload)
{
    return (uint32_t)(((next_random(workload) >> 32) * workload->keys) >> 32);
}

static uint32_t directory_count(const struct load_workload *workload)
{
    if (workload->directory_size == 0) {
        return 0;
    }
    return (workload->items + workload->directory_size - 1) / workload->directory_size;
}

uint32_t load_workload_parent_count(const struct load_workload *workload)
{
    return 3 + directory_count(workload);
}

size_t load_workload_request_max(const struct load_workload *workload)
{
    return LOAD_MULTI_SIZE * (PATH_MAX_BYTES + 64 + (size_t)workload->value_size);
}

uint32_t load_read_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap32(value);
}

uint64_t load_read_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap64(value);
}

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    uint32_t swapped = __builtin_bswap32(value);
    memcpy(out, &swapped, sizeof(swapped));
    return out + sizeof(swapped);
}

static uint8_t *put_i32(uint8_t *out, int32_t value)
{
    return put_u32(out, (uint32_t)value);
}

static uint8_t *put_bool(uint8_t *out, bool value)
{
    *out = value ? 1 : 0;
    return out + 1;
}

static uint8_t *put_bytes(uint8_t *out, const void *bytes, size_t len)
{
    memcpy(out, bytes, len);
    return out + len;
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    return put_bytes(put_u32(out, (uint32_t)len), text, len);
}

static uint8_t *put_digits(uint8_t *out, uint32_t number, uint32_t digits)
{
    for (uint32_t i = digits; i > 0; i--) {
        out[i - 1] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    return out + digits;
}

static uint8_t *put_tag(const struct load_workload *workload, uint8_t *out)
{
    out = put_bytes(out, workload->root, strlen(workload->root));
    *out++ = '/';
    return put_bytes(out, workload->tag, strlen(workload->tag));
}

static uint8_t *put_key_name(const struct load_workload *workload, uint32_t key, uint8_t *out)
{
    out = put_bytes(out, workload->root, strlen(workload->root));
    out = put_bytes(out, "/k", 2);
    return put_digits(out, key, NAME_DIGITS);
}

static uint8_t *put_parent_name(const struct load_workload *workload, uint32_t item, uint8_t *out)
{
    if (item == 0) {
        return put_bytes(out, workload->root, strlen(workload->root));
    }
    if (item == 1) {
        out = put_bytes(out, workload->root, strlen(workload->root));
        return put_bytes(out, "/c", 2);
    }
    out = put_tag(workload, out);
    if (item > 2) {
        out = put_bytes(out, "/d", 2);
        out = put_digits(out, item - 3, DIRECTORY_DIGITS);
    }
    return out;
}

static uint8_t *put_made_name(const struct load_workload *workload, uint32_t item, uint8_t *out)
{
    out = put_tag(workload, out);
    if (workload->directory_size != 0) {
        out = put_bytes(out, "/d", 2);
        out = put_digits(out, item / workload->directory_size, DIRECTORY_DIGITS);
    }
    out = put_bytes(out, "/n", 2);
    return put_digits(out, item, NAME_DIGITS);
}

/* The path that an op works on, as a jute string: length, then bytes. */
static uint8_t *put_path(const struct load_workload *workload,
                         enum path_kind kind,
                         uint32_t item,
                         uint8_t *out)
{
    uint8_t *name = out + 4;
    uint8_t *end;
    switch (kind) {
    case PATH_NONE:
        return out;
    case PATH_KEY:
        end = put_key_name(workload, item, name);
        break;
    case PATH_LIST:
        end = put_parent_name(workload, 1, name);
        break;
    case PATH_PARENT:
        end = put_parent_name(workload, item, name);
        break;
    case PATH_CHILD:
        end = put_bytes(put_parent_name(workload, 1, name), "/n", 2);
        end = put_digits(end, item, NAME_DIGITS);
        break;
    case PATH_MADE:
        end = put_made_name(workload, item, name);
        break;
    case PATH_SEQUENCE:
        end = put_bytes(put_tag(workload, name), "/n", 2);
        break;
    case PATH_PROBE:
    default:
        end = item == 0 ? put_bytes(name, "/zookeeper", 10)
                        : put_made_name(workload, item - 1, name);
        break;
    }
    put_u32(out, (uint32_t)(end - name));
    return end;
}

static uint8_t *put_value(const struct load_workload *workload, uint8_t *out)
{
    return put_bytes(put_u32(out, workload->value_size), workload->value, workload->value_size);
}

/* CreateRequest behind its path: data, the open ACL (31, world:anyone), flags. */
static uint8_t *put_create_rest(const struct load_workload *workload,
                                const struct op_form *form,
                                uint8_t *out)
{
    out = form->has_value ? put_value(workload, out) : put_u32(out, 0);
    out = put_u32(out, 1);
    out = put_u32(out, 31);
    out = put_text(out, "world");
    out = put_text(out, "anyone");
    return put_u32(out, form->flags);
}

static uint8_t *put_set_data(struct load_workload *workload, uint32_t key, uint8_t *out)
{
    out = put_path(workload, PATH_KEY, key, out);
    out = put_value(workload, out);
    return put_i32(out, -1);
}

static uint8_t *put_multi(struct load_workload *workload, uint8_t *out)
{
    for (int i = 0; i < LOAD_MULTI_SIZE; i++) {
        out = put_i32(out, WIRE_SET_DATA);
        out = put_bool(out, false);
        out = put_i32(out, -1);
        out = put_set_data(workload, load_workload_random_key(workload), out);
    }
    out = put_i32(out, -1);
    out = put_bool(out, true);
    return put_i32(out, -1);
}

size_t load_workload_encode(struct load_workload *workload,
                            enum load_op op,
                            uint32_t item,
                            int32_t xid,
                            uint8_t *out)
{
    const struct op_form *form = &forms[op];
    uint8_t *end = put_i32(put_i32(out + 4, xid), form->type);
    switch (form->type) {
    case WIRE_GET_DATA:
    case WIRE_EXISTS:
    case WIRE_GET_CHILDREN:
        end = put_bool(put_path(workload, form->path, item, end), form->watches);
        break;
    case WIRE_CREATE:
        end = put_create_rest(workload, form, put_path(workload, form->path, item, end));
        break;
    case WIRE_SET_DATA:
        end = put_set_data(workload, item, end);
        break;
    case WIRE_DELETE:
        end = put_i32(put_path(workload, form->path, item, end), -1);
        break;
    case WIRE_MULTI:
        end = put_multi(workload, end);
        break;
    default: /* ping and closeSession are a header alone */
        break;
    }
    put_u32(out, (uint32_t)(end - out) - 4);
    return (size_t)(end - out);
}

size_t load_connect_encode(uint32_t session_timeout_ms, uint8_t *out)
{
    static const uint8_t zeros[16];
    uint8_t *end = put_u32(out + 4, 0); /* protocolVersion */
    end = put_bytes(end, zeros, 8);     /* lastZxidSeen */
    end = put_u32(end, session_timeout_ms);
    end = put_bytes(end, zeros, 8);               /* sessionId: a new one */
    end = put_bytes(put_u32(end, 16), zeros, 16); /* passwd */
    end = put_bool(end, false);                   /* readOnly */
    put_u32(out, (uint32_t)(end - out) - 4);
    return (size_t)(end - out);
}

/* Each result of a multi that succeeded: its own type, not done, no error, a Stat. */
static bool multi_reply_is_right(const uint8_t *body, size_t body_len)
{
    const size_t header = 9;
    if (body_len != LOAD_MULTI_SIZE * (header + STAT_BYTES) + header) {
        return false;
    }
    for (size_t i = 0; i < LOAD_MULTI_SIZE; i++) {
        const uint8_t *result = body + i * (header + STAT_BYTES);
        if (load_read_u32(result) != WIRE_SET_DATA || load_read_u32(result + 5) != 0) {
            return false;
        }
    }
    return true;
}

bool load_workload_reply_is_right(const struct load_workload *workload,
                                  enum load_op op,
                                  const uint8_t *body,
                                  size_t body_len)
{
    switch (forms[op].reply) {
    case REPLY_NOTHING:
        return body_len == 0;
    case REPLY_DATA:
        return body_len == 4 + (size_t)workload->value_size + STAT_BYTES &&
               load_read_u32(body) == workload->value_size &&
               memcmp(body + 4, workload->value, workload->value_size) == 0;
    case REPLY_STAT:
        return body_len == STAT_BYTES;
    case REPLY_LIST:
        return body_len == 4 + (size_t)workload->children * (4 + 1 + NAME_DIGITS) &&
               load_read_u32(body) == workload->children;
    case REPLY_PATH:
        return body_len > 4 && load_read_u32(body) == body_len - 4;
    case REPLY_RESULTS:
        return multi_reply_is_right(body, body_len);
    }
    return false;
}
