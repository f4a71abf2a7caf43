/*
 * zookeeper_load: load for a ZooKeeper server, of whatever make, on the raw wire.
 *
 * The model. One thread and one epoll keep `connections` sessions busy with `depth` requests each,
 * so that the server is what limits and the generator costs a fraction of a microsecond an
 * operation. A mode does its work, measures its window (time, the CPU of the server and of itself,
 * what others used) and prints one line of JSON; run_zookeeper.py makes ratios of such lines.
 *
 * The happy path of `run`: the znodes to work on are made (prepare.c), all sessions connect,
 * requests circulate for the warm-up, the window opens, every reply in it is checked and counted,
 * the window closes, what is in flight is answered, sessions close.
 *
 * What goes wrong. A reply with another body than the op must get, out of order, or a lost
 * connection ends the program with status 1: there is no number then. Error codes are counted and
 * printed, and the harness refuses a line with errors. Any address but loopback is refused: this is
 * not a weapon.
 *
 * Build it alone with:  gcc -O2 -D_GNU_SOURCE -o zookeeper_load bench/zookeeper_load.c
 * bench/load/?*.c
 */
#include "load/modes.h"
#include "load/usage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CONNECTIONS_MAX 19000
#define DEPTH_MAX 16384

static const char usage_text[] =
    "usage: zookeeper_load MODE [options]\n"
    "\n"
    "modes\n"
    "  run        operations, closed loop or (--rate) open loop\n"
    "  watch      every session watches; one set; time to the last event\n"
    "  sessions   connects sessions, holds them, closes them\n"
    "  probe      tries until a server serves a read, tells when\n"
    "\n"
    "options (defaults in parentheses)\n"
    "  --host A, --port N      a loopback address (127.0.0.1), (2181)\n"
    "  --server-pid N          measure this process as the server\n"
    "  --connections N (16)    --depth N (16)       in flight on each\n"
    "  --op NAME (get)         get exists children set create create_ephemeral create_sequential\n"
    "                          delete multi\n"
    "  --mix get=90,set=10     percentages instead of --op\n"
    "  --seconds S (2)         --warmup S (0.3)\n"
    "  --ops N                 exactly N operations instead of a time; probe: the made znode N\n"
    "  --rate N                start N a second, whatever is answered; latency from then\n"
    "  --keys N (1000)         --value N (100)      bytes of data\n"
    "  --root PATH (/bench)    --tag NAME (made)    where creates and deletes work\n"
    "  --items N               znodes of the tag in all, to make --directory N of them each (0: "
    "flat)\n"
    "  --connecting N (64)     sessions that connect at one time, 0: all\n"
    "  --session-timeout MS (30000)   --limit S (120) for connecting and for the last replies\n"
    "  --rounds N (5)          --watched N (1)      watch: rounds, keys watched by each session\n"
    "  --connect-timeout S (10)  sessions: after that a connection is begun again, as clients do\n"
    "  --hold S (0)            sessions: hold them with pings\n"
    "  --slices FILE           run: latencies in slices of --slice MS (50)\n";

enum option_key {
    OPTION_HOST = 256,
    OPTION_PORT,
    OPTION_SERVER_PID,
    OPTION_CONNECTIONS,
    OPTION_DEPTH,
    OPTION_OP,
    OPTION_MIX,
    OPTION_SECONDS,
    OPTION_WARMUP,
    OPTION_OPS,
    OPTION_RATE,
    OPTION_KEYS,
    OPTION_VALUE,
    OPTION_ROOT,
    OPTION_TAG,
    OPTION_ITEMS,
    OPTION_DIRECTORY,
    OPTION_CONNECTING,
    OPTION_SESSION_TIMEOUT,
    OPTION_CONNECT_TIMEOUT,
    OPTION_LIMIT,
    OPTION_ROUNDS,
    OPTION_WATCHED,
    OPTION_HOLD,
    OPTION_SLICES,
    OPTION_SLICE,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"depth", required_argument, NULL, OPTION_DEPTH},
    {"op", required_argument, NULL, OPTION_OP},
    {"mix", required_argument, NULL, OPTION_MIX},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"ops", required_argument, NULL, OPTION_OPS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"value", required_argument, NULL, OPTION_VALUE},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"tag", required_argument, NULL, OPTION_TAG},
    {"items", required_argument, NULL, OPTION_ITEMS},
    {"directory", required_argument, NULL, OPTION_DIRECTORY},
    {"connecting", required_argument, NULL, OPTION_CONNECTING},
    {"session-timeout", required_argument, NULL, OPTION_SESSION_TIMEOUT},
    {"connect-timeout", required_argument, NULL, OPTION_CONNECT_TIMEOUT},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"watched", required_argument, NULL, OPTION_WATCHED},
    {"hold", required_argument, NULL, OPTION_HOLD},
    {"slices", required_argument, NULL, OPTION_SLICES},
    {"slice", required_argument, NULL, OPTION_SLICE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void refuse(const char *what, const char *value)
{
    fprintf(stderr, "zookeeper_load: %s: %s\n(--help shows the options)\n", what, value);
    exit(2);
}

static uint32_t number(const char *text, uint32_t lowest, uint32_t highest)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < lowest || value > highest) {
        fprintf(stderr, "zookeeper_load: a number from %u to %u, not %s\n", lowest, highest, text);
        exit(2);
    }
    return (uint32_t)value;
}

static uint64_t duration_ns(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 3600)) {
        refuse("not a time in seconds, 0 to 3600", text);
    }
    return (uint64_t)(seconds * 1e9);
}

static void name(char *out, size_t room, const char *text)
{
    size_t len = strlen(text);
    if (len >= room) {
        refuse("the name is too long", text);
    }
    memcpy(out, text, len + 1);
}

static void parse_host(struct load_options *options, const char *text)
{
    const char *address = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    if (inet_pton(AF_INET, address, &options->address.sin_addr) != 1 ||
        ntohl(options->address.sin_addr.s_addr) >> 24 != 127) {
        refuse("only loopback (127.0.0.0/8) may be loaded", text);
    }
}

static void parse_mix(struct load_options *options, const char *text)
{
    uint32_t sum = 0;
    memset(options->weights, 0, sizeof(options->weights));
    for (const char *part = text; *part != '\0';) {
        const char *equals = strchr(part, '=');
        int op = equals == NULL ? -1 : load_op_by_name(part, (size_t)(equals - part));
        if (op < 0) {
            refuse("not a mix", text);
        }
        char *end;
        unsigned long weight = strtoul(equals + 1, &end, 10);
        if (end == equals + 1 || weight > 100 || (*end != ',' && *end != '\0')) {
            refuse("not a mix", text);
        }
        options->weights[op] += (uint32_t)weight;
        sum += (uint32_t)weight;
        part = *end == ',' ? end + 1 : end;
    }
    if (sum != 100) {
        refuse("the parts of a mix must add up to 100", text);
    }
}

static void parse_op(struct load_options *options, const char *text)
{
    int op = load_op_by_name(text, strlen(text));
    if (op < 0) {
        refuse("not an operation", text);
    }
    memset(options->weights, 0, sizeof(options->weights));
    options->weights[op] = 100;
}

/* What the requests look like; false when the key is of another group. */
static bool parse_workload_option(struct load_workload *workload, int key, const char *value)
{
    switch (key) {
    case OPTION_KEYS:
        workload->keys = number(value, 1, 100000000);
        return true;
    case OPTION_VALUE:
        workload->value_size = number(value, 0, LOAD_VALUE_MAX);
        return true;
    case OPTION_ROOT:
        name(workload->root, sizeof(workload->root), value);
        return true;
    case OPTION_TAG:
        name(workload->tag, sizeof(workload->tag), value);
        return true;
    case OPTION_ITEMS:
        workload->items = number(value, 0, 1000000000);
        return true;
    case OPTION_DIRECTORY:
        workload->directory_size = number(value, 0, 1000000000);
        return true;
    default:
        return false;
    }
}

/* Whom to load, and how hard. */
static bool parse_load_option(struct load_options *options, int key, const char *value)
{
    switch (key) {
    case OPTION_HOST:
        parse_host(options, value);
        return true;
    case OPTION_PORT:
        options->address.sin_port = htons((uint16_t)number(value, 1, 65535));
        return true;
    case OPTION_SERVER_PID:
        options->server = (pid_t)number(value, 1, INT32_MAX);
        return true;
    case OPTION_CONNECTIONS:
        options->connections = number(value, 1, CONNECTIONS_MAX);
        return true;
    case OPTION_DEPTH:
        options->depth = number(value, 1, DEPTH_MAX);
        return true;
    case OPTION_OP:
        parse_op(options, value);
        return true;
    case OPTION_MIX:
        parse_mix(options, value);
        return true;
    case OPTION_OPS:
        options->ops = number(value, 1, 1000000000);
        return true;
    case OPTION_RATE:
        options->rate = number(value, 1, 10000000);
        return true;
    default:
        return false;
    }
}

/* How long, how often, where to. */
static bool parse_plan_option(struct load_options *options, int key, const char *value)
{
    switch (key) {
    case OPTION_SECONDS:
        options->duration_ns = duration_ns(value);
        return true;
    case OPTION_WARMUP:
        options->warmup_ns = duration_ns(value);
        return true;
    case OPTION_CONNECTING:
        options->connect_window = number(value, 0, CONNECTIONS_MAX);
        return true;
    case OPTION_SESSION_TIMEOUT:
        options->session_timeout_ms = number(value, 100, 3600000);
        return true;
    case OPTION_CONNECT_TIMEOUT:
        options->connect_timeout_ns = duration_ns(value);
        return true;
    case OPTION_LIMIT:
        options->limit_ns = duration_ns(value);
        return true;
    case OPTION_ROUNDS:
        options->rounds = number(value, 1, 1000);
        return true;
    case OPTION_WATCHED:
        options->watched = number(value, 1, DEPTH_MAX);
        return true;
    case OPTION_HOLD:
        options->hold_ns = duration_ns(value);
        return true;
    case OPTION_SLICES:
        options->slices_path = value;
        return true;
    case OPTION_SLICE:
        options->slice_ns = (uint64_t)number(value, 1, 60000) * 1000000;
        return true;
    default:
        return false;
    }
}

static void parse_options(int argc,
                          char **argv,
                          struct load_options *options,
                          struct load_workload *workload)
{
    for (;;) {
        int key = getopt_long(argc, argv, "", long_options, NULL);
        if (key == -1) {
            break;
        }
        if (key == OPTION_HELP) {
            fputs(usage_text, stdout);
            exit(0);
        }
        if (!parse_workload_option(workload, key, optarg) &&
            !parse_load_option(options, key, optarg) && !parse_plan_option(options, key, optarg)) {
            exit(2); /* getopt_long has told why */
        }
    }
    if (optind != argc - 1) {
        fputs(usage_text, stderr);
        exit(2);
    }
    if (workload->items == 0) {
        workload->items = options->ops;
    }
}

/* Ten thousand sessions need as many descriptors; 1,024 is what a shell gives. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            fprintf(stderr, "zookeeper_load: descriptors stay limited: %s\n", strerror(errno));
        }
    }
}

int main(int argc, char **argv)
{
    static struct load_workload workload;
    struct load_options options = {
        .connections = 16,
        .depth = 16,
        .session_timeout_ms = 30000,
        .connect_window = 64,
        .connect_timeout_ns = UINT64_C(10000000000),
        .limit_ns = UINT64_C(120000000000),
        .warmup_ns = UINT64_C(300000000),
        .duration_ns = UINT64_C(2000000000),
        .slice_ns = UINT64_C(50000000),
        .rounds = 5,
        .watched = 1,
    };
    options.address.sin_family = AF_INET;
    options.address.sin_port = htons(2181);
    options.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    options.weights[LOAD_GET] = 100;
    load_workload_init(&workload);
    parse_options(argc, argv, &options, &workload);
    raise_descriptor_limit();

    const char *mode = argv[optind];
    if (strcmp(mode, "run") == 0) {
        load_prepare(&options, &workload);
        load_run(&options, &workload);
    } else if (strcmp(mode, "watch") == 0) {
        if (workload.keys < options.watched) {
            workload.keys = options.watched;
        }
        load_prepare(&options, &workload);
        load_watch(&options, &workload);
    } else if (strcmp(mode, "sessions") == 0) {
        load_sessions(&options, &workload);
    } else if (strcmp(mode, "probe") == 0) {
        load_probe(&options, &workload);
    } else {
        refuse("not a mode", mode);
    }
    return 0;
}
