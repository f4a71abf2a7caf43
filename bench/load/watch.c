#include "modes.h"

#include "usage.h"

#include <stdlib.h>

/* The last connection sets; the others watch. */
struct watch {
    const struct load_options *options;
    struct load_engine engine;
    uint64_t round_begin_ns;
    uint64_t last_event_ns;
    uint64_t events;
    uint64_t replies;
    struct load_histogram latency;
};

static void watch_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    struct watch *watch = ctx;
    (void)conn;
    (void)ticket;
    watch->replies++;
}

static void watch_event(void *ctx, struct load_conn *conn)
{
    struct watch *watch = ctx;
    (void)conn;
    watch->events++;
    watch->last_event_ns = watch->engine.now_ns;
    if (watch->engine.now_ns > watch->round_begin_ns) {
        load_histogram_record(&watch->latency, watch->engine.now_ns - watch->round_begin_ns);
    }
}

static void wait_for(struct watch *watch, const uint64_t *counter, uint64_t wanted)
{
    uint64_t end_ns = load_now_ns() + watch->options->limit_ns;
    while (*counter < wanted) {
        load_engine_turn(&watch->engine, UINT64_C(100000000));
        if (load_now_ns() > end_ns) {
            load_die("only %llu of %llu came", (unsigned long long)*counter,
                     (unsigned long long)wanted);
        }
    }
}

/* In portions, so that what comes back is read meanwhile. */
static void arm(struct watch *watch)
{
    const struct load_options *options = watch->options;
    watch->replies = 0;
    for (uint32_t i = 0; i < options->connections; i++) {
        for (uint32_t key = 0; key < options->watched; key++) {
            load_conn_request(&watch->engine, &watch->engine.conns[i], LOAD_GET_WATCH, key, 0);
        }
        load_engine_flush(&watch->engine);
        if (i % 64 == 63) {
            load_engine_turn(&watch->engine, 0);
        }
    }
    wait_for(watch, &watch->replies, (uint64_t)options->connections * options->watched);
}

static void fire(struct watch *watch, struct load_usage *usage)
{
    const struct load_options *options = watch->options;
    struct load_conn *setter = &watch->engine.conns[options->connections];
    struct load_usage start;
    struct load_usage end;
    watch->events = 0;
    watch->replies = 0;
    load_usage_start(&start, options->server);
    watch->round_begin_ns = load_now_ns();
    for (uint32_t key = 0; key < options->watched; key++) {
        load_conn_request(&watch->engine, setter, LOAD_SET, key, 0);
    }
    load_engine_flush(&watch->engine);
    wait_for(watch, &watch->events, (uint64_t)options->connections * options->watched);
    wait_for(watch, &watch->replies, options->watched);
    load_usage_end(&end, options->server);
    load_usage_between(usage, &start, &end);
}

static uint64_t memory_kib(const struct load_options *options)
{
    struct load_usage usage;
    load_usage_start(&usage, options->server);
    return usage.rss_kib;
}

void load_watch(const struct load_options *options, struct load_workload *workload)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        load_die("out of memory");
    }
    watch->options = options;
    watch->engine.address = options->address;
    watch->engine.session_timeout_ms = options->session_timeout_ms;
    watch->engine.handler = (struct load_handler){.reply = watch_reply, .event = watch_event};
    watch->engine.ctx = watch;
    load_engine_open(&watch->engine, workload, options->connections + 1, options->watched);
    uint64_t rss_before_kib = memory_kib(options);
    load_engine_connect_all(&watch->engine, options->connect_window, options->limit_ns);
    uint64_t rss_connected_kib = memory_kib(options);
    arm(watch);
    uint64_t rss_armed_kib = memory_kib(options);

    struct load_usage total = {0};
    printf("{\"mode\":\"watch\",\"connections\":%u,\"watched\":%u,\"rounds_ms\":[",
           options->connections, options->watched);
    /* The first round warms up and is not shown. */
    for (uint32_t round = 0; round <= options->rounds; round++) {
        struct load_usage usage;
        if (round > 0) {
            arm(watch);
        }
        load_histogram_clear(&watch->latency);
        fire(watch, &usage);
        if (round > 0) {
            load_usage_add(&total, &usage);
            printf("%s%.4f", round > 1 ? "," : "",
                   (double)(watch->last_event_ns - watch->round_begin_ns) / 1e6);
        }
    }
    uint64_t events = (uint64_t)options->rounds * options->connections * options->watched;
    printf("],\"errors\":%llu,\"rss_before_kib\":%llu,\"rss_connected_kib\":%llu,"
           "\"rss_armed_kib\":%llu",
           (unsigned long long)watch->engine.errors, (unsigned long long)rss_before_kib,
           (unsigned long long)rss_connected_kib, (unsigned long long)rss_armed_kib);
    load_usage_print(&total, events, stdout);
    load_print_latency(&watch->latency, "last_round_", stdout);
    printf("}\n");
    load_engine_end_sessions(&watch->engine, options->limit_ns);
    load_engine_close(&watch->engine);
    free(watch);
}
