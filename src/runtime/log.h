/* log.h - one line per event, to stderr or to a file with rotation, as text or JSON.
 *
 * Text form:  2026-11-20 19:54:03,123 [module] LEVEL message key=value ...
 * JSON form:  {"time":"2026-11-20T19:54:03.123Z","level":"INFO","module":"node","message":"..."}
 * Levels are set per module ("log.level=info", "log.level.storage=debug"). Lines may be written by
 * every thread, the rest is the loop's. What comes from clients is escaped (control characters as
 * \xNN), so that nobody forges lines (ZOOKEEPER-5058). The simulator implements log_write by
 * keeping the lines of each node for a failing seed's report.
 */
#ifndef RUNTIME_LOG_H
#define RUNTIME_LOG_H

#include "base/slice.h"

enum log_level {
    LOG_TRACE,
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_OFF
};

#define LOG_MODULES_MAX 32
#define LOG_MODULE_NAME_MAX 32
#define LOG_LINE_MAX 4096 /* without the newline; longer lines are cut and end in "..." */

struct log_options {
    enum log_level level;
    bool json;
    const char *file;      /* NULL: stderr */
    uint64_t rotate_bytes; /* 0: never; else FILE becomes FILE.1, which becomes FILE.2 ... */
    int rotate_keep;       /* how many old files stay */
};

/* Applies options; ERR_* when the file cannot be opened (stderr stays then). */
int log_configure(const struct log_options *options);

/* Closes and opens the file again, for SIGHUP after somebody has moved it away. ERR_* as
 * log_configure. */
int log_reopen(void);

/* For at most LOG_MODULES_MAX modules, with names shorter than LOG_MODULE_NAME_MAX. */
void log_set_module_level(const char *module, enum log_level level);

bool log_enabled(const char *module, enum log_level level);
void log_write(const char *module, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "info", "WARN" ... ; ERR_INVALID for any other word. */
int log_parse_level(struct slice text, enum log_level *level);

/* "%.*s" arguments for a slice. */
#define LOG_SLICE(s) (int)(s).len, (const char *)(s).ptr

#define LOG(module, level, ...)                        \
    do {                                               \
        if (log_enabled((module), (level))) {          \
            log_write((module), (level), __VA_ARGS__); \
        }                                              \
    } while (0)

#endif
