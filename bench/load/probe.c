#include "modes.h"

#include "usage.h"

#include <stdlib.h>

#define PROBE_EVERY_NS UINT64_C(2000000)
/*
 * A server that starts may accept a connection and then forget it: Apache's does so when a request
 * comes before its database exists. So there are several, and one that hangs is given up.
 */
#define PROBE_CONNECTIONS 8
#define PROBE_TRY_NS UINT64_C(300000000)

struct probe {
    const struct load_options *options;
    struct load_engine engine;
    uint64_t served_ns;
};

static void probe_ready(void *ctx, struct load_conn *conn)
{
    struct probe *probe = ctx;
    load_conn_request(&probe->engine, conn, LOAD_PROBE, probe->options->ops, probe->engine.now_ns);
}

static void probe_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    struct probe *probe = ctx;
    (void)conn;
    (void)ticket;
    if (probe->served_ns == 0) {
        probe->served_ns = probe->engine.now_ns;
    }
}

static void probe_lost(void *ctx, struct load_conn *conn)
{
    (void)ctx;
    (void)conn;
}

/* Begins one connection that is not under way, or has hung for too long. */
static uint64_t probe_connect(struct probe *probe)
{
    uint64_t now_ns = load_now_ns();
    for (uint32_t i = 0; i < PROBE_CONNECTIONS; i++) {
        struct load_conn *conn = &probe->engine.conns[i];
        if (conn->state == LOAD_CONN_IDLE || now_ns > conn->try_ns + PROBE_TRY_NS) {
            load_engine_connect(&probe->engine, conn);
            return 1;
        }
    }
    return 0;
}

void load_probe(const struct load_options *options, struct load_workload *workload)
{
    struct probe probe = {.options = options};
    probe.engine.address = options->address;
    probe.engine.session_timeout_ms = options->session_timeout_ms;
    probe.engine.handler = (struct load_handler){
        .ready = probe_ready, .reply = probe_reply, .lost = probe_lost};
    probe.engine.ctx = &probe;
    load_engine_open(&probe.engine, workload, PROBE_CONNECTIONS, 2);
    uint64_t tries = 0;
    uint64_t end_ns = load_now_ns() + options->limit_ns;
    uint64_t next_ns = 0;
    while (probe.served_ns == 0) {
        uint64_t now_ns = load_now_ns();
        if (now_ns >= next_ns) {
            tries += probe_connect(&probe);
            next_ns = now_ns + PROBE_EVERY_NS;
        }
        load_engine_turn(&probe.engine, next_ns - now_ns);
        if (now_ns > end_ns) {
            load_die("no server answered in time");
        }
    }
    if (probe.engine.errors != 0) {
        load_die("the server answers, but the znode is not there: error %d",
                 probe.engine.first_error);
    }
    printf("{\"mode\":\"probe\",\"served_ns\":%llu,\"tries\":%llu}\n",
           (unsigned long long)probe.served_ns, (unsigned long long)tries);
    load_engine_end_sessions(&probe.engine, options->limit_ns);
    load_engine_close(&probe.engine);
}
