/* broker_loggers.c - see broker_loggers.h. */
#include "kafka/server/handlers/broker_loggers.h"

#include "base/text.h"
#include "runtime/log.h"

const char *const broker_loggers[] = {
    "root", "broker", "cluster", "config", "groups", "network", "storage", "zookeeper",
};
const size_t broker_logger_count = ARRAY_LEN(broker_loggers);

static const struct {
    const char *name;
    enum log_level level;
} levels[] = {
    {"TRACE", LOG_TRACE}, {"DEBUG", LOG_DEBUG}, {"INFO", LOG_INFO},
    {"WARN", LOG_WARN},   {"ERROR", LOG_ERROR}, {"FATAL", LOG_OFF},
};

/* What no module is called. */
#define ROOT_PROBE "-"

static enum log_level level_of(const char *name)
{
    const char *module = strcmp(name, "root") == 0 ? ROOT_PROBE : name;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (levels[i].level != LOG_OFF && log_enabled(module, levels[i].level)) {
            return levels[i].level;
        }
    }
    return LOG_OFF;
}

const char *broker_logger_level(const char *name)
{
    enum log_level level = level_of(name);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (levels[i].level == level) {
            return levels[i].name;
        }
    }
    return "FATAL";
}

static const char *find_logger(struct slice name)
{
    for (size_t i = 0; i < broker_logger_count; i++) {
        if (slice_equal_cstr(name, broker_loggers[i])) {
            return broker_loggers[i];
        }
    }
    return NULL;
}

bool broker_logger_exists(struct slice name)
{
    return find_logger(name) != NULL;
}

bool broker_logger_is_level(struct slice level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (slice_equal_cstr(level, levels[i].name)) {
            return true;
        }
    }
    return false;
}

static void set_level(const char *name, enum log_level level)
{
    if (strcmp(name, "root") != 0) {
        log_set_module_level(name, level);
        return;
    }
    for (size_t i = 1; i < broker_logger_count; i++) {
        log_set_module_level(broker_loggers[i], level);
    }
}

void broker_logger_set(struct slice name, struct slice level)
{
    const char *logger = find_logger(name);
    for (size_t i = 0; logger != NULL && i < ARRAY_LEN(levels); i++) {
        if (slice_equal_cstr(level, levels[i].name)) {
            set_level(logger, levels[i].level);
        }
    }
}

void broker_logger_unset(struct slice name)
{
    const char *logger = find_logger(name);
    if (logger != NULL) {
        set_level(logger, level_of("root"));
    }
}
