/* log_sim.c - runtime/log.h in the simulator: lines carry virtual time and go to stdout while a run
 * is traced; otherwise warnings and errors are counted and nothing is formatted.
 */
#include "sim/log_sim.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/log.h"

static const struct schedule *traced;
static uint64_t error_count;
static int speaker;

void sim_log_speaker(int server)
{
    speaker = server;
}

void sim_log_trace(const struct schedule *schedule)
{
    traced = schedule;
}

uint64_t sim_log_errors(void)
{
    return error_count;
}

void sim_trace(const char *format, ...)
{
    if (traced != NULL) {
        va_list arguments;
        va_start(arguments, format);
        printf("%12.6f ", (double)traced->now_ns / 1e9);
        vprintf(format, arguments);
        putchar('\n');
        va_end(arguments);
    }
}

bool sim_is_traced(void)
{
    return traced != NULL;
}

int log_configure(const struct log_options *options)
{
    (void)options;
    return 0;
}

int log_reopen(void)
{
    return 0;
}

void log_set_module_level(const char *module, enum log_level level)
{
    (void)module;
    (void)level;
}

int log_parse_level(struct slice text, enum log_level *level)
{
    (void)text;
    *level = LOG_INFO;
    return 0;
}

bool log_enabled(const char *module, enum log_level level)
{
    (void)module;
    error_count += level == LOG_ERROR;
    return traced != NULL;
}

void log_write(const char *module, enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"};
    va_list arguments;
    va_start(arguments, format);
    char who[16] = "";
    if (speaker != 0) {
        snprintf(who, sizeof who, " %d", speaker);
    }
    printf("%12.6f   server%s [%s] %s ", (double)traced->now_ns / 1e9, who, module, names[level]);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}
