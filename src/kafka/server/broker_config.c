/* broker_config.c - see broker_config.h.
 *
 * Reading has three steps. The file's properties and the overrides become texts, one a key (the
 * last wins). Then each text goes through its row of the table: checked with ConfigDef's words and
 * stored where the row says. At last what depends on several keys is derived: listeners, log
 * directories, the ms-before-minutes-before-hours times. A dynamic change does the last two steps
 * again over other texts.
 *
 * Keys of one listener or one plug-in (listener.name.*, rsm.config.*) are known by their prefix.
 */
#include "kafka/server/broker_config.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/java_properties.h"
#include "base/memory.h"
#include "base/text.h"
#include "kafka/server/broker_config_listeners.h"
#include "runtime/log.h"

#define MS_PER_MINUTE INT64_C(60000)
#define MS_PER_HOUR INT64_C(3600000)
#define KEY_TEXT_MAX 128

/* ---- texts ----------------------------------------------------------------------------------- */

static char *keep_text(struct slice text)
{
    char *copy = mem_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static void free_text(const char *text)
{
    if (text != NULL) {
        union {
            const char *borrowed;
            char *owned;
        } pointer = {.borrowed = text};
        mem_free(pointer.owned, strlen(text) + 1);
    }
}

static size_t key_index(const char *name)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    const struct config_key *key = broker_config_key(slice_of_cstr(name));
    ASSERT(key != NULL);
    return (size_t)(key - keys);
}

bool broker_config_is_given(const struct broker_config *config, const char *name)
{
    return config->given[key_index(name)] != NULL;
}

struct slice broker_config_given(const struct broker_config *config, const char *name)
{
    size_t count;
    size_t index = key_index(name);
    const char *text = config->given[index];
    return slice_of_cstr(text != NULL ? text : broker_config_keys(&count)[index].default_value);
}

static bool has_known_prefix(struct slice name)
{
    return slice_starts_with(name, SLICE_LIT("listener.name.")) ||
           slice_starts_with(name, SLICE_LIT("config.providers.")) ||
           slice_starts_with(name, SLICE_LIT("rlmm.config.")) ||
           slice_starts_with(name, SLICE_LIT("rsm.config."));
}

static void remember_unknown(struct broker_config *config, struct slice name)
{
    for (int32_t i = 0; i < MIN(config->unknown_count, BROKER_UNKNOWN_KEYS_MAX); i++) {
        if (slice_equal_cstr(name, config->unknown[i])) {
            return;
        }
    }
    if (config->unknown_count < BROKER_UNKNOWN_KEYS_MAX) {
        config->unknown[config->unknown_count] = keep_text(name);
    }
    config->unknown_count++;
}

static int give(struct broker_config *config,
                struct slice name,
                struct slice value,
                struct errmsg *message)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    const struct config_key *key = broker_config_key(name);
    if (value.len > BROKER_VALUE_MAX || name.len > BROKER_VALUE_MAX ||
        memchr(value.ptr, '\0', value.len) != NULL) {
        return errmsg_set(message, ERR_CONFIG, "%.*s: the value is too long, or has a NUL",
                          (int)MIN(name.len, (size_t)KEY_TEXT_MAX), (const char *)name.ptr);
    }
    if (key == NULL) {
        remember_unknown(config, name);
        return 0;
    }
    size_t index = (size_t)(key - keys);
    free_text(config->given[index]);
    config->given[index] = keep_text(text_trim(value));
    return 0;
}

void broker_config_release(struct broker_config *config)
{
    for (size_t i = 0; i < BROKER_KEYS_MAX; i++) {
        free_text(config->given[i]);
        config->given[i] = NULL;
    }
    for (int32_t i = 0; i < MIN(config->unknown_count, BROKER_UNKNOWN_KEYS_MAX); i++) {
        free_text(config->unknown[i]);
    }
    config->unknown_count = 0;
}

/* ---- what depends on several keys ---------------------------------------------------------------
 */

/* The number of a key that was checked already; false when it has no value. */
static bool number_of(const struct broker_config *config, const char *name, int64_t *number)
{
    struct slice text = broker_config_given(config, name);
    return !slice_is_null(text) && text_parse_i64(text, number) == 0;
}

/* ms before minutes before hours; `minutes` may be NULL. */
static int64_t time_of(const struct broker_config *config,
                       const char *ms,
                       const char *minutes,
                       const char *hours)
{
    int64_t number;
    if (number_of(config, ms, &number)) {
        return number;
    }
    if (minutes != NULL && number_of(config, minutes, &number)) {
        return number < 0 ? number : number * MS_PER_MINUTE;
    }
    if (!number_of(config, hours, &number)) {
        return 0;
    }
    return number < 0 ? number : number * MS_PER_HOUR;
}

static int derive_times(struct broker_config *config, struct errmsg *message)
{
    int64_t number;
    int64_t retention = time_of(config, "log.retention.ms", "log.retention.minutes",
                                "log.retention.hours");
    if (retention == 0 || retention < -1) {
        return errmsg_set(message, ERR_CONFIG,
                          "log.retention.ms must be unlimited (-1) or, equal or greater than 1");
    }
    config->topic.retention_ms = retention;
    config->topic.segment_ms = time_of(config, "log.roll.ms", NULL, "log.roll.hours");
    if (config->topic.segment_ms < 1) {
        return errmsg_set(message, ERR_CONFIG, "log.roll.ms must be greater than or equal to 1");
    }
    config->topic.segment_jitter_ms = time_of(config, "log.roll.jitter.ms", NULL,
                                              "log.roll.jitter.hours");
    if (config->topic.segment_jitter_ms < 0) {
        return errmsg_set(message, ERR_CONFIG,
                          "log.roll.jitter.ms must be greater than or equal to 0");
    }
    if (number_of(config, "log.flush.interval.ms", &number) ||
        number_of(config, "log.flush.scheduler.interval.ms", &number)) {
        config->topic.flush_ms = number;
    }
    if (number_of(config, "log.message.timestamp.difference.max.ms", &number)) {
        config->topic.message_timestamp_difference_max_ms = number;
    }
    config->zookeeper_connection_timeout_ms = number_of(config, "zookeeper.connection.timeout.ms",
                                                        &number)
                                                  ? (int32_t)number
                                                  : config->zookeeper_session_timeout_ms;
    return 0;
}

static int derive_log_dirs(struct broker_config *config, struct errmsg *message)
{
    struct slice rest = broker_config_given(config, "log.dirs");
    if (slice_is_null(rest)) {
        rest = broker_config_given(config, "log.dir");
    }
    config->log_dir_count = 0;
    while (rest.len > 0) {
        struct slice dir;
        text_cut(rest, ',', &dir, &rest);
        dir = text_trim(dir);
        while (dir.len > 1 && dir.ptr[dir.len - 1] == '/') {
            dir.len--;
        }
        if (dir.len == 0) {
            continue;
        }
        if (config->log_dir_count == BROKER_LOG_DIRS_MAX || dir.len >= BROKER_TEXT_MAX) {
            return errmsg_set(message, ERR_CONFIG,
                              "log.dirs: at most %d directories of %d bytes are taken",
                              BROKER_LOG_DIRS_MAX, BROKER_TEXT_MAX - 1);
        }
        for (int32_t i = 0; i < config->log_dir_count; i++) {
            if (slice_equal_cstr(dir, config->log_dirs[i])) {
                return errmsg_set(message, ERR_CONFIG, "Duplicate log directory found: %.*s",
                                  (int)dir.len, (const char *)dir.ptr);
            }
        }
        char *text = config->log_dirs[config->log_dir_count++];
        memcpy(text, dir.ptr, dir.len);
        text[dir.len] = '\0';
    }
    if (config->log_dir_count == 0) {
        return errmsg_set(message, ERR_CONFIG,
                          "At least one log directory must be defined via log.dirs or log.dir.");
    }
    return 0;
}

static int check_broker_id(const struct broker_config *config, struct errmsg *message)
{
    if (config->broker_id_generation_enable) {
        if (config->broker_id < -1 || config->broker_id > config->reserved_broker_max_id) {
            return errmsg_set(message, ERR_CONFIG,
                              "broker.id must be greater than or equal to -1 and not greater than "
                              "reserved.broker.max.id");
        }
    } else if (config->broker_id < 0) {
        return errmsg_set(message, ERR_CONFIG, "broker.id must be greater than or equal to 0");
    }
    return 0;
}

static int derive(struct broker_config *config, struct errmsg *message)
{
    double rate = 0;
    struct slice text = broker_config_given(config, "log.cleaner.io.max.bytes.per.second");
    const struct config_key rate_key = {
        .name = "", .type = CONFIG_DOUBLE, .form = FORM_DOUBLE, .min = 0, .max = DBL_MAX};
    if (config_key_set(&rate_key, text, &rate, NULL) == 0) {
        config->compaction_io_bytes_per_second = rate >= INT32_MAX ? INT32_MAX : (int32_t)rate;
    }
    int error = derive_times(config, message);
    if (error == 0) {
        error = derive_log_dirs(config, message);
    }
    if (error == 0) {
        error = check_broker_id(config, message);
    }
    return error != 0 ? error : broker_config_derive_listeners(config, message);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool is_default(const struct config_key *key, struct slice value)
{
    struct slice known = slice_of_cstr(key->default_value);
    return value.len == 0 || text_equal_ignoring_case(value, known);
}

static int set_key(struct broker_config *config,
                   const struct config_key *key,
                   struct slice value,
                   struct errmsg *message)
{
    int error = config_key_set(key, value, config, message);
    if (error != 0) {
        return ERR_CONFIG;
    }
    if (key->standing == CONFIG_REFUSED && !is_default(key, value)) {
        return errmsg_set(message, ERR_CONFIG, "%s=%.*s is refused: %s", key->name,
                          (int)MIN(value.len, (size_t)KEY_TEXT_MAX), (const char *)value.ptr,
                          key->documentation);
    }
    return 0;
}

void broker_config_defaults(struct broker_config *config)
{
    size_t count;
    struct errmsg message;
    const struct config_key *keys = broker_config_keys(&count);
    memset(config, 0, sizeof *config);
    topic_config_defaults(&config->topic);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].default_value != NULL) {
            int error = set_key(config, &keys[i], slice_of_cstr(keys[i].default_value), &message);
            ASSERT(error == 0);
        }
    }
    int error = derive(config, &message);
    ASSERT(error == 0);
}

static int set_given(struct broker_config *config, struct errmsg *message)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (config->given[i] != NULL) {
            int error = set_key(config, &keys[i], slice_of_cstr(config->given[i]), message);
            if (error != 0) {
                return error;
            }
        }
    }
    return derive(config, message);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    struct broker_config *config;
    struct errmsg *message;
    const char *name;
};

static int take_property(void *ctx, const struct java_property *property)
{
    struct reader *reader = ctx;
    struct errmsg why;
    int error = give(reader->config, property->key, property->value, &why);
    if (error != 0) {
        return errmsg_set(reader->message, error, "%s, line %d: %s", reader->name, property->line,
                          why.text);
    }
    return 0;
}

static int give_text(struct broker_config *config,
                     struct slice text,
                     const char *name,
                     struct errmsg *message)
{
    struct reader reader = {config, message, name};
    struct arena arena;
    int bad_line;
    arena_init(&arena, 4096, 2 * JAVA_PROPERTIES_BYTES_MAX);
    errmsg_set(message, 0, "%s", "");
    int error = java_properties_parse(text, &arena, take_property, &reader, &bad_line);
    arena_release(&arena);
    if (bad_line > 0) {
        return errmsg_set(message, ERR_CONFIG, "%s, line %d: Malformed \\uxxxx encoding", name,
                          bad_line);
    }
    if (error == ERR_LIMIT) {
        return errmsg_set(message, ERR_CONFIG, "%s is longer than %zu bytes", name,
                          JAVA_PROPERTIES_BYTES_MAX);
    }
    return error;
}

/* The line in which a key stands last, for messages; 0 when it stands nowhere. */
struct line_search {
    struct slice name;
    int line;
};

static int find_line(void *ctx, const struct java_property *property)
{
    struct line_search *search = ctx;
    if (slice_equal(property->key, search->name)) {
        search->line = property->line;
    }
    return 0;
}

static bool is_overridden(struct slice name, const char *const *overrides, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice key;
        struct slice value;
        text_cut(slice_of_cstr(overrides[i]), '=', &key, &value);
        if (slice_equal(text_trim(key), name)) {
            return true;
        }
    }
    return false;
}

/* Puts "FILE, line N: " before a message that names a key of the file. */
static void name_the_line(struct slice text,
                          const char *name,
                          const char *const *overrides,
                          size_t override_count,
                          struct errmsg *message)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    struct line_search search = {.line = 0};
    for (size_t i = 0; i < count; i++) {
        /* The longest name in the message: "log.dirs" is meant where "log.dir" would be found. */
        if (strstr(message->text, keys[i].name) != NULL && strlen(keys[i].name) > search.name.len) {
            search.name = slice_of_cstr(keys[i].name);
        }
    }
    if (search.name.len == 0 || is_overridden(search.name, overrides, override_count)) {
        return;
    }
    struct arena arena;
    int bad_line;
    struct errmsg why = *message;
    arena_init(&arena, 4096, 2 * JAVA_PROPERTIES_BYTES_MAX);
    int error = java_properties_parse(text, &arena, find_line, &search, &bad_line);
    arena_release(&arena);
    if (error == 0 && search.line > 0) {
        errmsg_set(message, 0, "%s, line %d: %s", name, search.line, why.text);
    }
}

int broker_config_parse(struct broker_config *config,
                        struct slice text,
                        const char *name,
                        const char *const *overrides,
                        size_t override_count,
                        struct errmsg *message)
{
    broker_config_defaults(config);
    int error = give_text(config, text, name, message);
    for (size_t i = 0; i < override_count && error == 0; i++) {
        struct slice key;
        struct slice value;
        if (!text_cut(slice_of_cstr(overrides[i]), '=', &key, &value)) {
            error = errmsg_set(message, ERR_CONFIG,
                               "Invalid command line properties: %s (write key=value)",
                               overrides[i]);
        } else {
            error = give(config, text_trim(key), value, message);
        }
    }
    if (error == 0) {
        error = set_given(config, message);
        if (error == 0 && config->zookeeper_connect[0] == '\0') {
            error = errmsg_set(message, ERR_CONFIG,
                               "Missing required configuration `zookeeper.connect` which has no "
                               "default value: write zookeeper.connect=localhost:2181");
        } else if (error != 0) {
            name_the_line(text, name, overrides, override_count, message);
        }
    }
    if (error != 0) {
        broker_config_release(config);
    }
    return error;
}

static int read_file(struct runtime *runtime,
                     const char *path,
                     struct buffer *text,
                     struct errmsg *message)
{
    struct file *file;
    uint64_t size = 0;
    size_t got = 0;
    int error = file_open(runtime, path, FILE_READ, &file);
    if (error != 0) {
        return errmsg_set(message, ERR_CONFIG, "cannot read %s: %s", path, error_text(error));
    }
    error = file_size(file, &size);
    if (error == 0 && size > JAVA_PROPERTIES_BYTES_MAX) {
        error = ERR_LIMIT;
    }
    if (error == 0) {
        error = file_read(file, 0, buffer_reserve(text, (size_t)size + 1), (size_t)size, &got);
        text->len = got;
    }
    int close_error = file_close(file);
    error = error != 0 ? error : close_error;
    return error == 0
               ? 0
               : errmsg_set(message, ERR_CONFIG, "cannot read %s: %s", path, error_text(error));
}

int broker_config_read(struct broker_config *config,
                       struct runtime *runtime,
                       const char *path,
                       const char *const *overrides,
                       size_t override_count,
                       struct errmsg *message)
{
    struct buffer text;
    buffer_init(&text, JAVA_PROPERTIES_BYTES_MAX + 1);
    int error = path == NULL ? 0 : read_file(runtime, path, &text, message);
    if (error == 0) {
        error = broker_config_parse(config, buffer_slice(&text), path == NULL ? "" : path,
                                    overrides, override_count, message);
    }
    buffer_release(&text);
    return error;
}

void broker_config_report(const struct broker_config *config)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (config->given[i] != NULL && keys[i].standing == CONFIG_IDLE &&
            !is_default(&keys[i], slice_of_cstr(config->given[i]))) {
            LOG("config", LOG_WARN, "%s has no effect: %s", keys[i].name, keys[i].documentation);
        }
    }
    for (int32_t i = 0; i < MIN(config->unknown_count, BROKER_UNKNOWN_KEYS_MAX); i++) {
        struct slice name = slice_of_cstr(config->unknown[i]);
        const char *nearest = config_nearest(keys, count, name);
        if (has_known_prefix(name)) {
            LOG("config", LOG_WARN,
                "%s has no effect: TLS, SASL and plug-ins are not in this "
                "version yet",
                config->unknown[i]);
        } else if (nearest != NULL) {
            LOG("config", LOG_WARN, "%s is not a key that this broker knows; did you mean %s?",
                config->unknown[i], nearest);
        } else {
            LOG("config", LOG_WARN, "%s is not a key that this broker knows; it is ignored",
                config->unknown[i]);
        }
    }
}

/* ---- dynamic values -------------------------------------------------------------------------- */

/* Keys that Apache changes while running and this version does not. */
static bool needs_restart(const struct config_key *key)
{
    return key->update_mode == CONFIG_PER_BROKER && key->standing == CONFIG_OBEYED;
}

int broker_config_check_dynamic(const struct broker_config *config,
                                struct slice name,
                                struct slice value,
                                bool is_per_broker,
                                struct errmsg *message)
{
    const struct config_key *key = broker_config_key(name);
    struct broker_config trial = *config;
    if (key == NULL) {
        /* Apache takes names that it does not know: plug-ins may. */
        return 0;
    }
    if (key->update_mode == CONFIG_READ_ONLY) {
        return errmsg_set(message, ERR_INVALID, "Cannot update these configs dynamically: Set(%s)",
                          key->name);
    }
    if (key->update_mode == CONFIG_PER_BROKER && !is_per_broker) {
        return errmsg_set(message, ERR_INVALID,
                          "Cannot update these configs at default cluster level, broker id must be "
                          "specified: Set(%s)",
                          key->name);
    }
    if (needs_restart(key)) {
        return errmsg_set(message, ERR_INVALID,
                          "%s cannot be changed while the broker runs: set it in server.properties "
                          "and restart",
                          key->name);
    }
    return set_key(&trial, key, value, message) == 0 ? 0 : ERR_INVALID;
}

/* Gives the texts of the entries to a config whose texts are borrowed; *owned gets what is to be
 * freed again. */
static void overlay(struct broker_config *config,
                    const struct config_entry *entries,
                    size_t count,
                    bool is_per_broker)
{
    size_t key_count;
    const struct config_key *keys = broker_config_keys(&key_count);
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = broker_config_key(entries[i].name);
        struct errmsg why;
        if (key == NULL || slice_is_null(entries[i].value)) {
            continue;
        }
        if (broker_config_check_dynamic(config, entries[i].name, entries[i].value, is_per_broker,
                                        &why) != 0) {
            LOG("config", LOG_WARN, "a dynamic value in ZooKeeper is ignored: %s", why.text);
            continue;
        }
        config->given[key - keys] = (const char *)entries[i].value.ptr;
    }
}

void broker_config_apply(struct broker_config *config,
                         const struct broker_config *base,
                         const struct config_entry *cluster_wide,
                         size_t cluster_wide_count,
                         const struct config_entry *per_broker,
                         size_t per_broker_count)
{
    struct broker_config next = *base;
    struct errmsg why;
    overlay(&next, cluster_wide, cluster_wide_count, false);
    overlay(&next, per_broker, per_broker_count, true);
    if (set_given(&next, &why) != 0) {
        LOG("config", LOG_WARN, "dynamic values in ZooKeeper are ignored: %s", why.text);
        return;
    }
    *config = next;
}

struct slice broker_config_text(const struct broker_config *config,
                                const char *name,
                                char *text,
                                size_t size)
{
    struct slice value = broker_config_given(config, name);
    const struct config_key *key = broker_config_key(slice_of_cstr(name));
    if (slice_is_null(value)) {
        return value;
    }
    size_t len = MIN(value.len, size - 1);
    memcpy(text, value.ptr, len);
    text[len] = '\0';
    for (size_t i = 0; key->type == CONFIG_BOOLEAN && i < len; i++) {
        text[i] = (char)(text[i] | 0x20);
    }
    return slice_of(text, len);
}
