/* config.c - see config.h.
 *
 * zoo.cfg is a Java properties file: '#' and '!' begin comment lines, '=', ':' or white space end a
 * key, a backslash at the end of a line joins the next one, \t \n \r \f \\ \uXXXX are escapes, and
 * the last of several equal keys wins. Each key goes through one table (config_keys.c); what needs
 * more than a number or a text is handled in config_special.
 */
#include "zookeeper/server/config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "zookeeper/server/config_ensemble.h"
#include "zookeeper/server/config_keys.h"
#include "zookeeper/server/password_digest.h"
#include "zookeeper/storage/data_dir.h"

#define CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)
#define CONFIG_LINE_MAX 8192
#define PREFIX SLICE_LIT("zookeeper.")

#define JUTE_MAX_BUFFER_DEFAULT 0xfffff
#define PURGE_RETAIN_MIN 3
#define MS_PER_HOUR INT64_C(3600000)

struct config_reader {
    struct zk_config *config;
    const char *name; /* of the file, or "-D" */
    int line;         /* 0: a property of the command line */
    zk_config_warning *warning;
    void *ctx;
    struct errmsg *message;
    bool has_extra_size;
    struct config_members members;
};

void zk_config_init(struct zk_config *config)
{
    *config = (struct zk_config){
        .client_port_listen_backlog = -1,
        .tick_time_ms = 3000,
        .max_client_connections = 60,
        .min_session_timeout_ms = -1,
        .max_session_timeout_ms = -1,
        .sessionless_timeout_ms = 10000,
        .jute_max_buffer = JUTE_MAX_BUFFER_DEFAULT,
        .jute_extra_size = JUTE_MAX_BUFFER_DEFAULT,
        .global_outstanding_limit = 1000,
        .pre_alloc_bytes = INT64_C(65536) << 10,
        .snap_count = 100000,
        .snap_size_limit_bytes = INT64_C(4194304) << 10,
        .txn_log_size_limit_bytes = -1,
        .force_sync = true,
        .fsync_warning_threshold_ms = 1000,
        .snapshot_compression = SNAPSHOT_PLAIN,
        .digest_enabled = true,
        .serialize_last_processed_zxid = true,
        .data_dir_autocreate = true,
        .purge_retain_count = PURGE_RETAIN_MIN,
        .container_check_interval_ms = 60000,
        .container_max_per_minute = 10000,
        .close_session_txn_enabled = true,
        .digest_auth_enabled = true,
        .digest_algorithm = "SHA1",
        .four_letter_whitelist = "srvr",
        .admin_enabled = true,
        .admin_address = "0.0.0.0",
        .admin_port = 8080,
        .admin_idle_timeout_ms = 30000,
        .admin_command_url = "/commands",
        .admin_rate_limiter_interval_ms = 300000,
        .prometheus_host = "0.0.0.0",
        .prometheus_port = 7000,
        .server_id = -1,
        .standalone_enabled = true,
        .leader_serves = true,
        .sync_enabled = true,
        .commit_log_count = 500,
        .snapshot_size_factor = 0.33,
        .observer_election_delay_ms = 200,
        .min_notification_interval_ms = 200,
        .max_notification_interval_ms = 60000,
        .connect_timeout_ms = 5000,
        .election_port_bind_retry = 3,
        .log_level = "info",
        .log_rotate_keep = 10,
        .in_place_sync = true,
        .outstanding_bytes_max = INT64_C(64) << 20,
        .zxid_counter_max = UINT32_MAX - 1,
    };
}

/* ---- telling people -------------------------------------------------------------------------- */

static int refuse(struct config_reader *reader, struct slice key, const char *why)
{
    if (reader->line == 0) {
        return errmsg_set(reader->message, ERR_CONFIG, "-D%.*s: %s", (int)key.len,
                          (const char *)key.ptr, why);
    }
    return errmsg_set(reader->message, ERR_CONFIG, "Error processing %s: line %d: %.*s: %s",
                      reader->name, reader->line, (int)key.len, (const char *)key.ptr, why);
}

static void warn(struct config_reader *reader, struct slice key, const char *why)
{
    struct errmsg text;
    if (reader->warning == NULL) {
        return;
    }
    if (reader->line == 0) {
        errmsg_set(&text, 0, "-D%.*s %s", (int)key.len, (const char *)key.ptr, why);
    } else {
        errmsg_set(&text, 0, "%s, line %d: %.*s %s", reader->name, reader->line, (int)key.len,
                   (const char *)key.ptr, why);
    }
    reader->warning(reader->ctx, text.text);
}

/* Levenshtein's distance, for "did you mean": keys are short. */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t row[64];
    if (a.len >= ARRAY_LEN(row) || b.len >= ARRAY_LEN(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            bool same = text_equal_ignoring_case(slice_part(a, i - 1, i), slice_part(b, j - 1, j));
            row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), diagonal + (same ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b.len];
}

static void warn_unknown(struct config_reader *reader, struct slice key)
{
    const char *nearest = NULL;
    struct slice name = key;
    char why[256];
    if (slice_starts_with(name, PREFIX)) {
        name = slice_part(name, PREFIX.len, name.len);
    }
    size_t best = MIN((size_t)3, name.len / 2) + 1;
    for (size_t i = 0; i < config_key_count; i++) {
        struct slice known = slice_of_cstr(config_keys[i].name);
        size_t longer = MAX(known.len, name.len) - MIN(known.len, name.len);
        size_t distance = longer < best ? edit_distance(name, known) : longer;
        if (distance < best) {
            best = distance;
            nearest = config_keys[i].name;
        }
    }
    if (nearest != NULL) {
        snprintf(why, sizeof why, "is not a key that this server knows; did you mean %s?", nearest);
    } else {
        snprintf(why, sizeof why, "is not a key that this server knows; it is ignored");
    }
    warn(reader, key, why);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int read_number(struct config_reader *reader,
                       struct slice key,
                       struct slice value,
                       int64_t min,
                       int64_t max,
                       int64_t *number)
{
    char why[256];
    int error = text_parse_i64(value, number);
    if (error == 0 && (*number < min || *number > max)) {
        error = ERR_LIMIT;
    }
    if (error == 0) {
        return 0;
    }
    snprintf(why, sizeof why, "\"%.*s\" is not a whole number from %" PRId64 " to %" PRId64,
             (int)MIN(value.len, 64), (const char *)value.ptr, min, max);
    return refuse(reader, key, why);
}

static int read_bool(struct config_reader *reader, struct slice key, struct slice value, bool *flag)
{
    if (text_parse_bool(value, flag) == 0) {
        return 0;
    }
    return refuse(reader, key, "the value must be true or false (or yes, no)");
}

static int read_text(struct config_reader *reader,
                     struct slice key,
                     struct slice value,
                     char *text,
                     size_t size)
{
    if (value.len >= size) {
        return refuse(reader, key, "the value is too long");
    }
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) {
        return refuse(reader, key, "the value has a zero byte in it");
    }
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    return 0;
}

/* Hours, or a number with a unit as 3.10 takes it: 500ms, 30s, 15m, 12h, 1d. */
static int read_hours(struct config_reader *reader,
                      struct slice key,
                      struct slice value,
                      int64_t *ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", MS_PER_HOUR}, {"d", 24 * MS_PER_HOUR}};
    int64_t number;
    int64_t unit = MS_PER_HOUR;
    struct slice digits = value;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct slice suffix = slice_of_cstr(units[i].suffix);
        if (value.len > suffix.len &&
            slice_equal(slice_part(value, value.len - suffix.len, value.len), suffix)) {
            digits = slice_part(value, 0, value.len - suffix.len);
            unit = units[i].ms;
            break;
        }
    }
    int error = read_number(reader, key, digits, 0, INT64_MAX / (24 * MS_PER_HOUR), &number);
    *ms = error == 0 ? number * unit : 0;
    return error;
}

static int read_compression(struct config_reader *reader,
                            struct slice key,
                            struct slice value,
                            int32_t *method)
{
    if (value.len == 0) {
        *method = SNAPSHOT_PLAIN;
    } else if (slice_equal_cstr(value, "gz")) {
        *method = SNAPSHOT_GZIP;
    } else if (slice_equal_cstr(value, "snappy")) {
        *method = SNAPSHOT_SNAPPY;
    } else {
        return refuse(reader, key, "the value must be empty, gz or snappy");
    }
    return 0;
}

/* ---- keys that need more than a value -------------------------------------------------------- */

static int read_schemes(struct config_reader *reader, struct slice key, struct slice value)
{
    struct zk_config *config = reader->config;
    config->enforce_auth_scheme_count = 0;
    while (value.len > 0) {
        struct slice scheme;
        text_cut(value, ',', &scheme, &value);
        scheme = text_trim(scheme);
        if (scheme.len == 0) {
            continue;
        }
        int32_t at = config->enforce_auth_scheme_count;
        if (at == CONFIG_SCHEMES_MAX || scheme.len >= sizeof config->enforce_auth_schemes[0]) {
            return refuse(reader, key, "too many schemes, or a name that is too long");
        }
        memcpy(config->enforce_auth_schemes[at], scheme.ptr, scheme.len);
        config->enforce_auth_schemes[at][scheme.len] = '\0';
        config->enforce_auth_scheme_count++;
    }
    return 0;
}

static int read_whitelist(struct config_reader *reader, struct slice key, struct slice value)
{
    struct zk_config *config = reader->config;
    config->four_letter_all = slice_equal_cstr(value, "*");
    return read_text(reader, key, value, config->four_letter_whitelist,
                     sizeof config->four_letter_whitelist);
}

/* samsa.log.level.<module>=<level>, kept as "module=level," for log_set_module_level. */
static int read_module_level(struct config_reader *reader,
                             struct slice key,
                             struct slice module,
                             struct slice value)
{
    struct zk_config *config = reader->config;
    size_t used = strlen(config->log_levels);
    int len = snprintf(config->log_levels + used, sizeof config->log_levels - used, "%.*s=%.*s,",
                       (int)module.len, (const char *)module.ptr, (int)value.len,
                       (const char *)value.ptr);
    if (len < 0 || (size_t)len >= sizeof config->log_levels - used) {
        return refuse(reader, key, "too many modules");
    }
    return 0;
}

static int config_special(struct config_reader *reader,
                          const char *name,
                          struct slice key,
                          struct slice value)
{
    struct zk_config *config = reader->config;
    if (strcmp(name, "jute.maxbuffer") == 0) {
        return read_number(reader, key, value, 1024, INT32_MAX / 2, &config->jute_max_buffer);
    }
    if (strcmp(name, "jute.maxbuffer.extrasize") == 0) {
        reader->has_extra_size = true;
        return read_number(reader, key, value, 0, INT32_MAX / 2, &config->jute_extra_size);
    }
    if (strcmp(name, "enforce.auth.schemes") == 0) {
        return read_schemes(reader, key, value);
    }
    if (strcmp(name, "4lw.commands.whitelist") == 0) {
        return read_whitelist(reader, key, value);
    }
    if (strcmp(name, "metricsProvider.className") == 0) {
        config->prometheus_enabled = slice_equal_cstr(
            value, "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider");
        bool is_known =
            config->prometheus_enabled || value.len == 0 ||
            slice_equal_cstr(value, "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider") ||
            slice_equal_cstr(value, "org.apache.zookeeper.metrics.impl.NullMetricsProvider");
        return is_known ? 0
                        : refuse(reader, key,
                                 "metrics provider class was not found; use the Prometheus or the "
                                 "default one");
    }
    if (strcmp(name, "electionAlg") == 0) {
        return slice_equal_cstr(value, "3")
                   ? 0
                   : refuse(reader, key, "Invalid electionAlg value. Only 3 is supported.");
    }
    if (strcmp(name, "peerType") == 0) {
        config->is_observer = text_equal_ignoring_case(value, SLICE_LIT("observer"));
        bool is_known = config->is_observer ||
                        text_equal_ignoring_case(value, SLICE_LIT("participant"));
        return is_known
                   ? 0
                   : refuse(reader, key, "Unrecognised peertype: it is participant or observer");
    }
    /* QuorumMaj takes a version from the file; a property of that name is nothing. */
    if (strcmp(name, "version") == 0 && (reader->line == 0 || !slice_equal_cstr(key, "version"))) {
        return 0;
    }
    if (strcmp(name, "dynamicConfigFile") == 0) {
        return read_text(reader, key, value, config->dynamic_config_file,
                         sizeof config->dynamic_config_file);
    }
    if (strcmp(name, "snapshotSizeFactor") == 0) {
        return config_read_factor(value, &config->snapshot_size_factor)
                   ? 0
                   : refuse(reader, key, "the value must be a number like 0.33");
    }
    if (strcmp(name, "server") == 0 || strcmp(name, "group") == 0 || strcmp(name, "weight") == 0 ||
        strcmp(name, "version") == 0) {
        return config_members_add(&reader->members, key, value)
                   ? 0
                   : refuse(reader, key, "the lines of all servers are too long");
    }
    UNREACHABLE();
}

/* ---- one key --------------------------------------------------------------------------------- */

/* Keys with a part of their own behind a dot: server.1, group.2, weight.3, authProvider.1,
 * ssl.keyStore.location, ... */
static const char *const families[] = {
    "server", "group",      "weight",    "authProvider", "superUser",
    "ssl",    "ssl.quorum", "pathStats", "sasl",         "kerberos",
};

static const struct config_key *find_key(struct slice name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (slice_equal_cstr(name, config_keys[i].name)) {
            return &config_keys[i];
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct slice family = slice_of_cstr(families[i]);
        if (slice_starts_with(name, family) && name.len > family.len &&
            name.ptr[family.len] == '.') {
            return find_key(family);
        }
    }
    return NULL;
}

static int store_value(struct config_reader *reader,
                       const struct config_key *known,
                       struct slice key,
                       struct slice value)
{
    char *field = (char *)reader->config + known->offset;
    int64_t number = 0;
    int error = 0;
    switch (known->kind) {
    case CONFIG_BOOL: {
        bool flag = false;
        error = read_bool(reader, key, value, &flag);
        memcpy(field, &flag, error == 0 ? sizeof flag : 0);
        return error;
    }
    case CONFIG_I32: {
        error = read_number(reader, key, value, known->min, known->max, &number);
        int32_t narrow = (int32_t)number;
        memcpy(field, &narrow, error == 0 ? sizeof narrow : 0);
        return error;
    }
    case CONFIG_I64:
    case CONFIG_KIB:
        error = read_number(reader, key, value, known->min, known->max, &number);
        if (known->kind == CONFIG_KIB && number > 0) {
            number *= 1024;
        }
        memcpy(field, &number, error == 0 ? sizeof number : 0);
        return error;
    case CONFIG_HOURS:
        error = read_hours(reader, key, value, &number);
        memcpy(field, &number, error == 0 ? sizeof number : 0);
        return error;
    case CONFIG_COMPRESSION: {
        int32_t method = 0;
        error = read_compression(reader, key, value, &method);
        memcpy(field, &method, error == 0 ? sizeof method : 0);
        return error;
    }
    case CONFIG_TEXT:
        return read_text(reader, key, value, field, known->size);
    case CONFIG_SPECIAL:
        return config_special(reader, known->name, key, value);
    case CONFIG_IGNORED: {
        char why[256];
        snprintf(why, sizeof why, "has no effect here: %s", known->reason);
        warn(reader, key, why);
        return 0;
    }
    case CONFIG_ENSEMBLE:
        return 0;
    case CONFIG_REFUSED: {
        bool is_off = value.len == 0 || slice_equal_cstr(value, "false") ||
                      slice_equal_cstr(value, "0");
        return is_off ? 0 : refuse(reader, key, known->reason);
    }
    }
    UNREACHABLE();
}

static int set_key(struct config_reader *reader, struct slice key, struct slice value)
{
    static const char module_prefix[] = "samsa.log.level.";
    struct slice name = key;
    if (slice_starts_with(name, PREFIX)) {
        name = slice_part(name, PREFIX.len, name.len);
    }
    if (slice_starts_with(name, slice_of_cstr(module_prefix))) {
        struct slice module = slice_part(name, sizeof module_prefix - 1, name.len);
        return module.len == 0 ? refuse(reader, key, "a module's name is missing behind the dot")
                               : read_module_level(reader, key, module, value);
    }
    const struct config_key *known = find_key(name);
    if (known != NULL) {
        return store_value(reader, known, key, value);
    }
    bool may_be_ours = reader->line > 0 || slice_starts_with(key, PREFIX);
    if (may_be_ours) {
        /* -D flags of the JVM and of other programs are none of our business */
        warn_unknown(reader, key);
    }
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\f';
}

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static size_t put_utf8(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | (code >> 6));
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (uint8_t)(0xe0 | (code >> 12));
    out[1] = (uint8_t)(0x80 | ((code >> 6) & 0x3f));
    out[2] = (uint8_t)(0x80 | (code & 0x3f));
    return 3;
}

/* Undoes the escapes of a key or a value, in place; returns the new length (never longer). */
static size_t unescape(uint8_t *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\' || i + 1 == len) {
            text[out++] = text[i];
            continue;
        }
        uint8_t escaped = text[++i];
        bool is_unicode = escaped == 'u' && i + 4 < len && hex_value(text[i + 1]) >= 0 &&
                          hex_value(text[i + 2]) >= 0 && hex_value(text[i + 3]) >= 0 &&
                          hex_value(text[i + 4]) >= 0;
        if (is_unicode) {
            uint32_t code = 0;
            for (int digit = 0; digit < 4; digit++) {
                code = code * 16 + (uint32_t)hex_value(text[++i]);
            }
            out += put_utf8(text + out, code);
        } else if (escaped == 't' || escaped == 'n' || escaped == 'r' || escaped == 'f') {
            text[out++] = escaped == 't'   ? '\t'
                          : escaped == 'n' ? '\n'
                          : escaped == 'r' ? '\r'
                                           : '\f';
        } else {
            text[out++] = escaped;
        }
    }
    return out;
}

static int read_line(struct config_reader *reader, uint8_t *line, size_t len)
{
    size_t at = 0;
    while (at < len && line[at] != '=' && line[at] != ':' && !is_blank(line[at])) {
        at += line[at] == '\\' && at + 1 < len ? 2 : 1;
    }
    size_t key_len = MIN(at, len);
    while (at < len && is_blank(line[at])) {
        at++;
    }
    if (at < len && (line[at] == '=' || line[at] == ':')) {
        at++;
    }
    while (at < len && is_blank(line[at])) {
        at++;
    }
    at = MIN(at, len);
    size_t value_len = unescape(line + at, len - at);
    key_len = unescape(line, key_len);
    return set_key(reader, slice_of(line, key_len), text_trim(slice_of(line + at, value_len)));
}

/* One logical line of the file, continuation lines joined, without its leading blanks. Returns
 * false at the end. */
static bool next_line(struct slice *rest,
                      int *line_number,
                      uint8_t *line,
                      size_t *len,
                      bool *too_long)
{
    *len = 0;
    *too_long = false;
    bool goes_on = false;
    while (rest->len > 0) {
        struct slice physical;
        text_cut(*rest, '\n', &physical, rest);
        (*line_number)++;
        if (physical.len > 0 && physical.ptr[physical.len - 1] == '\r') {
            physical.len--;
        }
        while (physical.len > 0 && is_blank(physical.ptr[0])) {
            physical = slice_part(physical, 1, physical.len);
        }
        bool is_comment = !goes_on &&
                          (physical.len == 0 || physical.ptr[0] == '#' || physical.ptr[0] == '!');
        if (is_comment) {
            continue;
        }
        size_t slashes = 0;
        while (slashes < physical.len && physical.ptr[physical.len - 1 - slashes] == '\\') {
            slashes++;
        }
        goes_on = slashes % 2 == 1;
        physical.len -= goes_on ? 1 : 0;
        if (*len + physical.len > CONFIG_LINE_MAX) {
            *too_long = true;
            return true;
        }
        memcpy(line + *len, physical.ptr, physical.len);
        *len += physical.len;
        if (!goes_on) {
            return true;
        }
    }
    return *len > 0;
}

static int read_text_file(struct config_reader *reader, struct slice text)
{
    uint8_t line[CONFIG_LINE_MAX];
    size_t len;
    bool too_long;
    if (slice_starts_with(text, SLICE_LIT("\xef\xbb\xbf"))) {
        text = slice_part(text, 3, text.len); /* the mark that some editors put in front */
    }
    while (next_line(&text, &reader->line, line, &len, &too_long)) {
        if (too_long) {
            return refuse(reader, SLICE_LIT("line"), "longer than 8192 bytes");
        }
        int error = read_line(reader, line, len);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int fault(struct config_reader *reader, const char *why)
{
    return errmsg_set(reader->message, ERR_CONFIG, "Error processing %s: %s", reader->name, why);
}

static int check_whole(struct config_reader *reader, struct runtime *runtime)
{
    struct zk_config *config = reader->config;
    if (config->data_dir[0] == '\0') {
        return fault(reader, "dataDir is not set. Add a line like dataDir=/var/lib/zookeeper.");
    }
    if (config->data_log_dir[0] == '\0') {
        memcpy(config->data_log_dir, config->data_dir, sizeof config->data_log_dir);
    }
    const struct config_surroundings around = {.runtime = runtime,
                                               .name = reader->name,
                                               .warning = reader->warning,
                                               .ctx = reader->ctx,
                                               .message = reader->message};
    int error = config_members_resolve(config, &reader->members, &around);
    if (error != 0) {
        return error;
    }
    if (config->is_observer && !config->is_ensemble) {
        return fault(reader, "Observers w/o participants is an invalid configuration "
                             "(peerType=observer without server.N lines)");
    }
    if (config->client_port == 0) {
        if (config->client_port_address[0] != '\0') {
            return fault(reader, "clientPortAddress is set but clientPort is not set");
        }
        if (!config->is_ensemble) {
            return fault(reader, "clientPort is not set, so no client could reach this server. Add "
                                 "clientPort=2181.");
        }
        if (reader->warning != NULL) {
            reader->warning(reader->ctx, "clientPort is not set: this server votes and keeps the "
                                         "data, and serves no clients");
        }
    }
    if (config->min_session_timeout_ms == -1) {
        config->min_session_timeout_ms = config->tick_time_ms * 2;
    }
    if (config->max_session_timeout_ms == -1) {
        config->max_session_timeout_ms = config->tick_time_ms * 20;
    }
    if (config->min_session_timeout_ms > config->max_session_timeout_ms) {
        return fault(reader, "minSessionTimeout must not be larger than maxSessionTimeout");
    }
    if (!reader->has_extra_size) {
        config->jute_extra_size = config->jute_max_buffer;
    }
    config->jute_extra_size = MAX(config->jute_extra_size, 1024);
    if (password_digest_function(config->digest_algorithm) == NULL) {
        return fault(reader, "DigestAuthenticationProvider.digestAlg names an algorithm that this "
                             "server does not know");
    }
    if (config->purge_retain_count < PURGE_RETAIN_MIN) {
        if (reader->warning != NULL) {
            reader->warning(reader->ctx, "autopurge.snapRetainCount is below 3. Defaulting to 3");
        }
        config->purge_retain_count = PURGE_RETAIN_MIN;
    }
    return 0;
}

static int parse(struct config_reader *reader,
                 struct slice text,
                 const struct config_property *properties,
                 size_t property_count,
                 struct runtime *runtime)
{
    zk_config_init(reader->config);
    config_members_init(&reader->members);
    int error = read_text_file(reader, text);
    reader->line = 0;
    for (size_t i = 0; i < property_count && error == 0; i++) {
        error = set_key(reader, slice_of_cstr(properties[i].name),
                        slice_of_cstr(properties[i].value));
    }
    if (error == 0) {
        error = check_whole(reader, runtime);
    }
    if (error != 0) {
        zk_config_release(reader->config);
    }
    config_members_release(&reader->members);
    return error;
}

/* NOLINTNEXTLINE(readability-function-size): a struct of its parameters would serve two callers */
int zk_config_parse(struct zk_config *config,
                    struct slice text,
                    const char *name,
                    const struct config_property *properties,
                    size_t property_count,
                    zk_config_warning *warning,
                    void *ctx,
                    struct errmsg *message)
{
    struct config_reader reader = {
        .config = config, .name = name, .warning = warning, .ctx = ctx, .message = message};
    return parse(&reader, text, properties, property_count, NULL);
}

int config_read_file(struct runtime *runtime,
                     const char *path,
                     struct buffer *text,
                     struct errmsg *message)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error == ERR_NOT_FOUND) {
        return errmsg_set(message, error, "%s file is missing", path);
    }
    if (error == 0) {
        error = file_size(file, &size);
        if (error == 0 && size > CONFIG_FILE_BYTES_MAX) {
            error = ERR_LIMIT;
        }
        if (error == 0) {
            error = file_read(file, 0, buffer_reserve(text, size + 1), size, &got);
            text->len = got;
        }
        file_close(file);
    }
    if (error != 0) {
        return errmsg_set(message, error, "Error processing %s: %s (%s)", path, error_text(error),
                          runtime_error_detail());
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): a struct of its parameters would serve two callers */
int zk_config_load(struct zk_config *config,
                   struct runtime *runtime,
                   const char *path,
                   const struct config_property *properties,
                   size_t property_count,
                   zk_config_warning *warning,
                   void *ctx,
                   struct errmsg *message)
{
    struct buffer text;
    struct config_reader reader = {
        .config = config, .name = path, .warning = warning, .ctx = ctx, .message = message};
    buffer_init(&text, CONFIG_FILE_BYTES_MAX + 1);
    int error = config_read_file(runtime, path, &text, message);
    if (error == 0) {
        error = parse(&reader, buffer_slice(&text), properties, property_count, runtime);
    }
    if (error == 0) {
        size_t len = MIN(strlen(path), sizeof config->config_file - 1);
        memcpy(config->config_file, path, len);
        config->config_file[len] = '\0';
    }
    buffer_release(&text);
    return error;
}
