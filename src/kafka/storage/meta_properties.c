/* meta_properties.c - see meta_properties.h. */
#include "kafka/storage/meta_properties.h"

#include "base/java_properties.h"
#include "base/text.h"

#define MS_PER_DAY INT64_C(86400000)
#define ARENA_CHUNK_BYTES 4096
#define ARENA_BYTES_MAX ((size_t)1 << 20)

void meta_properties_init(struct meta_properties *meta)
{
    *meta = (struct meta_properties){.broker_id = -1};
}

bool meta_properties_equal(const struct meta_properties *a, const struct meta_properties *b)
{
    return a->broker_id == b->broker_id && strcmp(a->cluster_id, b->cluster_id) == 0 &&
           strcmp(a->directory_id, b->directory_id) == 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct meta_properties *meta;
    int32_t version;
    const char *where;
    struct errmsg *message;
};

static int set_id(char id[META_ID_MAX], struct slice value)
{
    if (value.len >= META_ID_MAX || memchr(value.ptr, '\0', value.len) != NULL) {
        return ERR_LIMIT;
    }
    memcpy(id, value.ptr, value.len);
    id[value.len] = '\0';
    return 0;
}

static int set_property(struct meta_properties *meta,
                        struct slice key,
                        struct slice value,
                        int32_t *version)
{
    if (slice_equal_cstr(key, "version")) {
        return text_parse_i32(value, version);
    }
    if (slice_equal_cstr(key, "broker.id") || slice_equal_cstr(key, "node.id")) {
        int error = text_parse_i32(value, &meta->broker_id);
        return error == 0 && meta->broker_id < -1 ? ERR_INVALID : error;
    }
    if (slice_equal_cstr(key, "cluster.id")) {
        return set_id(meta->cluster_id, value);
    }
    if (slice_equal_cstr(key, "directory.id")) {
        return set_id(meta->directory_id, value);
    }
    return 0; /* somebody else's: Apache drops it with the next write, too */
}

static int take_property(void *ctx, const struct java_property *property)
{
    struct reading *reading = ctx;
    struct slice key = property->key;
    struct slice value = text_trim(property->value);
    if (set_property(reading->meta, key, value, &reading->version) == 0) {
        return 0;
    }
    return errmsg_set(reading->message, ERR_CONFIG,
                      "%s, line %d: the value of %.*s cannot be understood: %.*s", reading->where,
                      property->line, (int)MIN(key.len, (size_t)META_ID_MAX), (const char *)key.ptr,
                      (int)MIN(value.len, (size_t)META_ID_MAX), (const char *)value.ptr);
}

int meta_properties_parse(struct slice text,
                          const char *where,
                          struct meta_properties *meta,
                          struct errmsg *message)
{
    struct arena arena;
    int bad_line = 0;
    struct reading reading = {.meta = meta, .where = where, .message = message};
    meta_properties_init(meta);
    if (text.len > META_PROPERTIES_BYTES_MAX) {
        return errmsg_set(message, ERR_CONFIG, "%s is longer than %zu bytes", where,
                          META_PROPERTIES_BYTES_MAX);
    }
    arena_init(&arena, ARENA_CHUNK_BYTES, ARENA_BYTES_MAX);
    int error = java_properties_parse(text, &arena, take_property, &reading, &bad_line);
    arena_release(&arena);
    if (error != 0 && error != ERR_CONFIG) {
        return errmsg_set(message, ERR_CONFIG, "%s, line %d: malformed \\uxxxx encoding", where,
                          bad_line);
    }
    if (error == 0 && reading.version != 0) {
        /* MetaPropertiesEnsemble.verify, VerificationFlag.REQUIRE_V0 */
        error = errmsg_set(
            message, ERR_CONFIG,
            "Found unexpected version in %s. ZK-based brokers that are not migrating "
            "only support version 0 (which is implicit when the `version` field is "
            "missing).",
            where);
    }
    return error;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Days since 1970 to a date (Howard Hinnant's civil_from_days, for years from 1970 on). */
static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

/* As java.util.Date prints itself: "Sat Nov 21 14:22:05 UTC 2026". */
static void append_java_date(struct buffer *out, int64_t wall_ms)
{
    static const char *const days_of_week[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_ms = MAX(wall_ms, INT64_C(0));
    int64_t days = now_ms / MS_PER_DAY;
    int64_t seconds = now_ms % MS_PER_DAY / 1000;
    int64_t year;
    unsigned month;
    unsigned day;
    civil_from_days(days, &year, &month, &day);
    buffer_append_cstr(out, days_of_week[days % 7]);
    buffer_append_u8(out, ' ');
    buffer_append_cstr(out, months[month - 1]);
    buffer_append_u8(out, ' ');
    buffer_append_padded(out, day, 2);
    buffer_append_u8(out, ' ');
    buffer_append_padded(out, seconds / 3600, 2);
    buffer_append_u8(out, ':');
    buffer_append_padded(out, seconds / 60 % 60, 2);
    buffer_append_u8(out, ':');
    buffer_append_padded(out, seconds % 60, 2);
    buffer_append_cstr(out, " UTC ");
    buffer_append_decimal(out, year);
}

static void append_property(struct buffer *out, const char *key, const char *value)
{
    if (value[0] != '\0') {
        buffer_append_cstr(out, key);
        buffer_append_u8(out, '=');
        buffer_append_cstr(out, value);
        buffer_append_u8(out, '\n');
    }
}

void meta_properties_print(const struct meta_properties *meta, int64_t wall_ms, struct buffer *out)
{
    buffer_append_cstr(out, "#\n#");
    append_java_date(out, wall_ms);
    buffer_append_u8(out, '\n');
    if (meta->broker_id >= 0) {
        buffer_append_cstr(out, "broker.id=");
        buffer_append_decimal(out, meta->broker_id);
        buffer_append_u8(out, '\n');
    }
    append_property(out, "cluster.id", meta->cluster_id);
    append_property(out, "directory.id", meta->directory_id);
    append_property(out, "version", "0");
}
