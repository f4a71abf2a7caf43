#include "modes.h"

#include "usage.h"

#include <stdlib.h>

struct sessions {
    const struct load_options *options;
    struct load_engine engine;
    struct load_histogram connects;
};

static void sessions_ready(void *ctx, struct load_conn *conn)
{
    struct sessions *sessions = ctx;
    load_histogram_record(&sessions->connects, sessions->engine.now_ns - conn->begin_ns);
}

static void sessions_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    (void)ctx;
    (void)conn;
    (void)ticket;
}

/* load_engine_connect_all begins it again and counts it. */
static void sessions_lost(void *ctx, struct load_conn *conn)
{
    (void)ctx;
    (void)conn;
}

/* Every session pings three times in its timeout, as clients do, spread over that time. */
static void hold(struct sessions *sessions)
{
    const struct load_options *options = sessions->options;
    uint64_t interval_ns = (uint64_t)options->session_timeout_ms * 1000000 / 3;
    uint64_t begin_ns = load_now_ns();
    uint64_t sent = 0;
    while (load_now_ns() - begin_ns < options->hold_ns) {
        uint64_t due = (uint64_t)((double)(load_now_ns() - begin_ns) / (double)interval_ns *
                                  (double)options->connections);
        for (; sent < due; sent++) {
            struct load_conn *conn = &sessions->engine.conns[sent % options->connections];
            load_conn_request(&sessions->engine, conn, LOAD_PING, 0, 0);
            load_engine_flush(&sessions->engine);
        }
        load_engine_turn(&sessions->engine, UINT64_C(10000000));
    }
}

void load_sessions(const struct load_options *options, struct load_workload *workload)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (sessions == NULL) {
        load_die("out of memory");
    }
    sessions->options = options;
    sessions->engine.address = options->address;
    sessions->engine.session_timeout_ms = options->session_timeout_ms;
    sessions->engine.connect_timeout_ns = options->connect_timeout_ns;
    sessions->engine.handler = (struct load_handler){
        .ready = sessions_ready, .reply = sessions_reply, .lost = sessions_lost};
    sessions->engine.ctx = sessions;
    load_engine_open(&sessions->engine, workload, options->connections, 1);

    struct load_usage start;
    struct load_usage end;
    struct load_usage usage;
    load_usage_start(&start, options->server);
    load_engine_connect_all(&sessions->engine, options->connect_window, options->limit_ns);
    load_usage_end(&end, options->server);
    load_usage_between(&usage, &start, &end);
    printf("{\"mode\":\"sessions\",\"connections\":%u,\"connecting\":%u,\"retries\":%llu,"
           "\"errors\":0,\"rss_before_kib\":%llu",
           options->connections, options->connect_window,
           (unsigned long long)sessions->engine.retries, (unsigned long long)start.rss_kib);
    load_usage_print(&usage, options->connections, stdout);
    load_print_latency(&sessions->connects, "", stdout);
    if (options->hold_ns != 0) {
        load_usage_start(&start, options->server);
        hold(sessions);
        load_usage_end(&end, options->server);
        load_usage_between(&usage, &start, &end);
        printf(",\"hold\":{\"sessions_left\":%u", sessions->engine.ready_count);
        load_usage_print(&usage, 0, stdout);
        printf("}");
    }
    printf("}\n");
    load_engine_end_sessions(&sessions->engine, options->limit_ns);
    load_engine_close(&sessions->engine);
    free(sessions);
}
