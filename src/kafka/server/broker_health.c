/* broker_health.c - is the broker well? See broker_metrics.h.
 *
 *     UP         registered, every log directory in use
 *     DEGRADED   serves, but something wants a look: a failed or full directory, a log that cannot
 *                be compacted
 *     DOWN       not yet, or not any more
 */
#include <stdarg.h>
#include <stdio.h>

#include "kafka/server/broker.h"
#include "kafka/server/broker_metrics.h"
#include "kafka/server/cluster.h"

struct reasons {
    struct buffer *out;
    size_t count;
};

static void put_json_text(struct buffer *out, const char *text)
{
    buffer_append_u8(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        char escaped[8];
        if (*c == '"' || *c == '\\') {
            buffer_append_u8(out, '\\');
        }
        if ((unsigned char)*c < ' ') {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*c);
            buffer_append_cstr(out, escaped);
        } else {
            buffer_append_u8(out, (uint8_t)*c);
        }
    }
    buffer_append_u8(out, '"');
}

__attribute__((format(printf, 2, 3))) static void because(struct reasons *reasons,
                                                          const char *format,
                                                          ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_cstr(reasons->out, reasons->count == 0 ? "" : ",");
    put_json_text(reasons->out, text);
    reasons->count += 1;
}

static const char *state_name(enum broker_state state)
{
    static const char *const names[] = {
        [BROKER_STOPPED] = "NOT_RUNNING",    [BROKER_STARTING] = "STARTING",
        [BROKER_RECOVERING] = "RECOVERY",    [BROKER_RUNNING] = "RUNNING",
        [BROKER_STOPPING] = "SHUTTING_DOWN", [BROKER_FAILED] = "FAILED",
    };
    return names[state];
}

/* What keeps it from serving. */
static void tell_state(const struct broker *broker, struct reasons *reasons)
{
    size_t left = 0;
    size_t total = 0;
    switch (broker->state) {
    case BROKER_RUNNING:
        return;
    case BROKER_RECOVERING:
        if (broker->logs != NULL) {
            (void)log_store_is_loaded(broker->logs, &left, &total);
        }
        because(reasons, "logs are being loaded: %zu of %zu are left", left, total);
        return;
    case BROKER_STARTING:
        because(reasons, "not registered in ZooKeeper yet (%s)", broker->config.zookeeper_connect);
        return;
    case BROKER_FAILED:
        because(reasons, "%s", broker->last_words);
        return;
    case BROKER_STOPPED:
    case BROKER_STOPPING:
        because(reasons, "the broker is stopping");
        return;
    }
}

static void tell_dirs(const struct broker *broker, struct reasons *reasons)
{
    for (size_t i = 0; broker->logs != NULL && i < log_store_dir_count(broker->logs); i++) {
        const struct log_dir *dir = log_store_dir(broker->logs, i);
        size_t uncleanable = log_dir_uncleanable_count(dir);
        if (!dir->is_online) {
            because(reasons, "log directory %s is offline: %s", dir->path, dir->failure);
        } else if (dir->is_low) {
            because(reasons, "log directory %s is nearly full: appends are refused", dir->path);
        }
        if (uncleanable > 0) {
            because(reasons, "%zu logs in %s cannot be compacted", uncleanable, dir->path);
        }
    }
}

bool broker_health_print(struct broker *broker, struct buffer *out)
{
    struct buffer list;
    struct reasons reasons = {.out = &list};
    bool serves = broker->state == BROKER_RUNNING;
    buffer_init(&list, SIZE_MAX);
    tell_state(broker, &reasons);
    tell_dirs(broker, &reasons);
    buffer_append_cstr(out, "{\"status\":");
    put_json_text(out, !serves ? "DOWN" : reasons.count > 0 ? "DEGRADED" : "UP");
    buffer_append_cstr(out, ",\"state\":");
    put_json_text(out, state_name(broker->state));
    buffer_append_cstr(out, ",\"brokerId\":");
    buffer_append_decimal(out, broker->config.broker_id);
    buffer_append_cstr(out, ",\"reasons\":[");
    buffer_append(out, buffer_slice(&list));
    buffer_append_cstr(out, "]}\n");
    buffer_release(&list);
    return serves;
}
