#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

_Noreturn void load_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) {
        load_die("cannot read a clock: is the server's process gone?");
    }
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t load_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void sample_machine(struct load_usage *usage)
{
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) {
        load_die("cannot read /proc/stat");
    }
    /* user nice system idle iowait irq softirq steal */
    unsigned long long ticks[8];
    int fields = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
                        &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    (void)fclose(file);
    if (fields != 8) {
        load_die("/proc/stat has an unknown form");
    }
    uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    usage->busy_ns = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick_ns;
    usage->steal_ns = ticks[7] * tick_ns;
}

/* The number behind `key` in a /proc status file, 0 when the line is not there. */
static uint64_t status_number(const char *path, const char *key)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    char line[256];
    uint64_t number = 0;
    size_t key_len = strlen(key);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, key_len) == 0) {
            number = strtoull(line + key_len, NULL, 10);
            break;
        }
    }
    (void)fclose(file);
    return number;
}

/* Switches are counted by thread; those of threads that have ended are lost. */
static void sample_switches(struct load_usage *usage, pid_t server)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)server);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        load_die("no process %d", (int)server);
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char status[384];
        snprintf(status, sizeof(status), "%s/%.64s/status", path, entry->d_name);
        usage->voluntary_switches += status_number(status, "voluntary_ctxt_switches:");
        usage->involuntary_switches += status_number(status, "nonvoluntary_ctxt_switches:");
    }
    closedir(tasks);
}

static void sample_faults(struct load_usage *usage, pid_t server)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)server);
    FILE *file = fopen(path, "r");
    char text[1024];
    if (file == NULL || fgets(text, sizeof(text), file) == NULL) {
        load_die("no process %d", (int)server);
    }
    (void)fclose(file);
    /* The name in parentheses may hold anything, so the fields are counted from its end. */
    const char *rest = strrchr(text, ')');
    unsigned long long minor = 0;
    unsigned long long major = 0;
    if (rest == NULL ||
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu", &minor, &major) != 2) {
        load_die("/proc/%d/stat has an unknown form", (int)server);
    }
    usage->minor_faults = minor;
    usage->major_faults = major;
}

/* What takes a millisecond to read; done outside the window. */
static void sample_slow(struct load_usage *usage, pid_t server)
{
    sample_machine(usage);
    if (server == 0) {
        return;
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
    usage->rss_kib = status_number(path, "VmRSS:");
    usage->rss_peak_kib = status_number(path, "VmHWM:");
    sample_faults(usage, server);
    sample_switches(usage, server);
}

static void sample_clocks(struct load_usage *usage, pid_t server)
{
    if (server != 0) {
        clockid_t clock;
        if (clock_getcpuclockid(server, &clock) != 0) {
            load_die("no process %d", (int)server);
        }
        usage->server_cpu_ns = clock_ns(clock);
    }
    usage->client_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    usage->wall_ns = load_now_ns();
}

void load_usage_start(struct load_usage *usage, pid_t server)
{
    memset(usage, 0, sizeof(*usage));
    sample_slow(usage, server);
    sample_clocks(usage, server);
}

void load_usage_end(struct load_usage *usage, pid_t server)
{
    memset(usage, 0, sizeof(*usage));
    sample_clocks(usage, server);
    sample_slow(usage, server);
}

void load_usage_between(struct load_usage *usage,
                        const struct load_usage *start,
                        const struct load_usage *end)
{
    usage->wall_ns = end->wall_ns - start->wall_ns;
    usage->server_cpu_ns = end->server_cpu_ns - start->server_cpu_ns;
    usage->client_cpu_ns = end->client_cpu_ns - start->client_cpu_ns;
    usage->busy_ns = end->busy_ns - start->busy_ns;
    usage->steal_ns = end->steal_ns - start->steal_ns;
    usage->minor_faults = end->minor_faults - start->minor_faults;
    usage->major_faults = end->major_faults - start->major_faults;
    usage->voluntary_switches = end->voluntary_switches - start->voluntary_switches;
    usage->involuntary_switches = end->involuntary_switches - start->involuntary_switches;
    usage->rss_kib = end->rss_kib;
    usage->rss_peak_kib = end->rss_peak_kib;
}

void load_usage_add(struct load_usage *total, const struct load_usage *part)
{
    total->wall_ns += part->wall_ns;
    total->server_cpu_ns += part->server_cpu_ns;
    total->client_cpu_ns += part->client_cpu_ns;
    total->busy_ns += part->busy_ns;
    total->steal_ns += part->steal_ns;
    total->minor_faults += part->minor_faults;
    total->major_faults += part->major_faults;
    total->voluntary_switches += part->voluntary_switches;
    total->involuntary_switches += part->involuntary_switches;
    total->rss_kib = part->rss_kib;
    total->rss_peak_kib = part->rss_peak_kib;
}

void load_usage_print(const struct load_usage *usage, uint64_t ops, FILE *out)
{
    double capacity_ns = (double)usage->wall_ns * (double)sysconf(_SC_NPROCESSORS_ONLN);
    double other_ns = (double)usage->busy_ns - (double)usage->server_cpu_ns -
                      (double)usage->client_cpu_ns;
    if (capacity_ns <= 0) {
        capacity_ns = 1;
    }
    fprintf(out,
            ",\"wall_s\":%.6f,\"server_cpu_s\":%.6f,\"client_cpu_s\":%.6f,"
            "\"other_share\":%.4f,\"steal_share\":%.4f,",
            (double)usage->wall_ns / 1e9, (double)usage->server_cpu_ns / 1e9,
            (double)usage->client_cpu_ns / 1e9, other_ns / capacity_ns,
            (double)usage->steal_ns / capacity_ns);
    fprintf(out,
            "\"minor_faults\":%llu,\"major_faults\":%llu,"
            "\"voluntary_switches\":%llu,\"involuntary_switches\":%llu,"
            "\"rss_kib\":%llu,\"rss_peak_kib\":%llu",
            (unsigned long long)usage->minor_faults, (unsigned long long)usage->major_faults,
            (unsigned long long)usage->voluntary_switches,
            (unsigned long long)usage->involuntary_switches, (unsigned long long)usage->rss_kib,
            (unsigned long long)usage->rss_peak_kib);
    if (ops != 0) {
        fprintf(out,
                ",\"ops\":%llu,\"ops_per_s\":%.1f,\"server_cpu_us_per_op\":%.4f,"
                "\"client_cpu_us_per_op\":%.4f",
                (unsigned long long)ops, (double)ops * 1e9 / (double)usage->wall_ns,
                (double)usage->server_cpu_ns / 1e3 / (double)ops,
                (double)usage->client_cpu_ns / 1e3 / (double)ops);
    }
}
