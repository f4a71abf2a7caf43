/* fuzz_config.c - any bytes as zoo.cfg, and as the value of a -D property. */
#include "support_memory_file.h"
#include "zookeeper/server/config.h"

#define VALUE_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_warning(void *ctx, const char *text)
{
    size_t *count = ctx;
    ASSERT(text[0] != '\0');
    *count += 1;
}

/* What the server relies on without looking again. */
static void check(const struct zk_config *config)
{
    ASSERT(config->data_dir[0] != '\0' && config->data_log_dir[0] != '\0');
    ASSERT(config->client_port >= -1 && config->client_port <= UINT16_MAX);
    ASSERT(config->tick_time_ms > 0);
    ASSERT(config->pre_alloc_bytes >= 0 && config->purge_interval_ms >= 0);
    ASSERT(config->min_session_timeout_ms >= 0 &&
           config->max_session_timeout_ms >= config->min_session_timeout_ms);
    ASSERT(config->purge_retain_count >= 3);
    ASSERT(config->jute_max_buffer >= 0);
    ASSERT(config->enforce_auth_scheme_count <= CONFIG_SCHEMES_MAX);
    ASSERT(config->admin_port >= 0 && config->admin_port <= UINT16_MAX);
    ASSERT(memchr(config->data_dir, '\0', sizeof config->data_dir) != NULL);
    ASSERT(memchr(config->log_levels, '\0', sizeof config->log_levels) != NULL);
}

static void parse(struct slice text, const struct config_property *property)
{
    static struct zk_config config;
    struct errmsg message = {{0}};
    size_t warnings = 0;
    int error = zk_config_parse(&config, text, "zoo.cfg", property, property == NULL ? 0 : 1,
                                on_warning, &warnings, &message);
    if (error == 0) {
        check(&config);
        zk_config_release(&config);
    } else {
        ASSERT(message.text[0] != '\0');
    }
}

/* The text's first line, "name=value", as a property over a sound file. */
static void parse_property(struct slice text)
{
    static char name[VALUE_BYTES_MAX];
    const char *line_end = memchr(text.ptr, '\n', text.len);
    size_t len = line_end == NULL ? text.len : (size_t)((const uint8_t *)line_end - text.ptr);
    if (len >= sizeof name) {
        return;
    }
    memcpy(name, text.ptr, len);
    name[len] = '\0';
    char *equals = strchr(name, '=');
    if (equals == NULL) {
        return;
    }
    *equals = '\0';
    struct config_property property = {name, equals + 1};
    parse(SLICE_LIT("dataDir=/tmp/data\nclientPort=2181\n"), &property);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    (void)fuzz_runtime(); /* a quiet log */
    parse(text, NULL);
    if (size > 0) {
        parse_property(text);
    }
    return 0;
}
