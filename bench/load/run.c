#include "modes.h"

#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In an open loop nothing bounds what is in flight but this ring of each connection. */
#define OPEN_LOOP_DEPTH 16384

enum run_phase {
    RUN_WARMUP,
    RUN_MEASURE,
    RUN_DRAIN
};

struct run {
    const struct load_options *options;
    struct load_engine engine;
    enum run_phase phase;
    int only_op; /* -1: a mix */
    uint64_t issued;
    uint64_t completed;
    uint64_t counted; /* replies in the window */
    uint32_t made;    /* numbers given to creates and deletes */
    uint64_t begin_ns;
    uint64_t random_state;
    struct load_histogram all;
    struct load_histogram reads;
    struct load_histogram writes;
    FILE *slices;
    uint64_t slice_begin_ns;
    struct load_histogram slice;
    struct load_usage start;
    struct load_usage end;
};

static enum load_op choose_op(struct run *run)
{
    if (run->only_op >= 0) {
        return (enum load_op)run->only_op;
    }
    run->random_state = run->random_state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    uint32_t at = (uint32_t)(((run->random_state >> 33) * 100) >> 31);
    for (uint32_t op = 0; op < LOAD_OP_COUNT; op++) {
        if (at < run->options->weights[op]) {
            return (enum load_op)op;
        }
        at -= run->options->weights[op];
    }
    return LOAD_GET;
}

static void issue(struct run *run, struct load_conn *conn, uint64_t start_ns)
{
    enum load_op op = choose_op(run);
    uint32_t item = 0;
    if (load_op_uses_keys(op)) {
        item = load_workload_random_key(run->engine.workload);
    } else if (op != LOAD_CHILDREN) {
        item = run->made++;
    }
    load_conn_request(&run->engine, conn, op, item, start_ns);
    run->issued++;
}

static bool may_issue(const struct run *run)
{
    return run->phase != RUN_DRAIN && (run->options->ops == 0 || run->issued < run->options->ops);
}

/* Closed loop: as many in flight as asked for, always. */
static void run_refill(void *ctx, struct load_conn *conn)
{
    struct run *run = ctx;
    while (conn->outstanding < run->options->depth && may_issue(run)) {
        issue(run, conn, run->engine.now_ns);
    }
}

static void slice_write(struct run *run)
{
    if (run->slice.count != 0) {
        fprintf(run->slices, "%llu", (unsigned long long)run->slice_begin_ns);
        load_histogram_print_buckets(&run->slice, run->slices);
        fputc('\n', run->slices);
        load_histogram_clear(&run->slice);
    }
}

static void slice_record(struct run *run, uint64_t latency_ns)
{
    if (run->engine.now_ns - run->slice_begin_ns >= run->options->slice_ns) {
        slice_write(run);
        run->slice_begin_ns = run->engine.now_ns;
    }
    load_histogram_record(&run->slice, latency_ns);
}

static void run_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    struct run *run = ctx;
    (void)conn;
    run->completed++;
    bool in_window = run->options->rate != 0 ? ticket->start_ns >= run->start.wall_ns
                                             : run->phase == RUN_MEASURE;
    if (!in_window || run->phase == RUN_WARMUP) {
        return;
    }
    run->counted++;
    uint64_t now_ns = run->engine.now_ns;
    uint64_t latency_ns = now_ns > ticket->start_ns ? now_ns - ticket->start_ns : 0;
    load_histogram_record(&run->all, latency_ns);
    load_histogram_record(load_op_reads(ticket->op) ? &run->reads : &run->writes, latency_ns);
    if (run->slices != NULL) {
        slice_record(run, latency_ns);
    }
}

static void enter_measure(struct run *run)
{
    load_usage_start(&run->start, run->options->server);
    run->slice_begin_ns = run->start.wall_ns;
    run->phase = RUN_MEASURE;
}

/* A request for each time that has come; gives the time of the next one. */
static uint64_t issue_due(struct run *run)
{
    for (;;) {
        uint64_t due_ns = run->begin_ns +
                          (uint64_t)((double)run->issued * 1e9 / (double)run->options->rate);
        uint64_t now_ns = load_now_ns();
        struct load_conn *conn = &run->engine.conns[run->issued % run->options->connections];
        if (due_ns > now_ns || !load_conn_has_room(&run->engine, conn) || !may_issue(run)) {
            load_engine_flush(&run->engine);
            return due_ns > now_ns ? due_ns : now_ns + 100000;
        }
        issue(run, conn, due_ns);
    }
}

static uint64_t phase_end_ns(const struct run *run)
{
    uint64_t measure_ns = run->begin_ns + run->options->warmup_ns;
    if (run->phase == RUN_WARMUP) {
        return measure_ns;
    }
    return run->options->ops != 0 ? UINT64_MAX : measure_ns + run->options->duration_ns;
}

/* Until the window is over; what is then in flight is left to drain(). */
static void run_loop(struct run *run)
{
    while (run->phase != RUN_DRAIN) {
        uint64_t now_ns = load_now_ns();
        uint64_t wake_ns = phase_end_ns(run);
        if (run->options->rate != 0) {
            uint64_t due_ns = issue_due(run);
            wake_ns = due_ns < wake_ns ? due_ns : wake_ns;
        }
        uint64_t wait_ns = UINT64_MAX;
        if (wake_ns != UINT64_MAX) {
            wait_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
        }
        load_engine_turn(&run->engine, wait_ns);
        if (run->options->ops != 0) {
            if (run->completed == run->options->ops) {
                run->phase = RUN_DRAIN;
            }
        } else if (load_now_ns() >= phase_end_ns(run)) {
            if (run->phase == RUN_WARMUP) {
                enter_measure(run);
            } else {
                run->phase = RUN_DRAIN;
            }
        }
    }
}

static void drain(struct run *run)
{
    uint64_t end_ns = load_now_ns() + run->options->limit_ns;
    while (run->completed < run->issued) {
        load_engine_turn(&run->engine, UINT64_C(10000000));
        if (load_now_ns() > end_ns) {
            load_die("%llu requests were not answered",
                     (unsigned long long)(run->issued - run->completed));
        }
    }
}

void load_print_latency(const struct load_histogram *histogram, const char *prefix, FILE *out)
{
    static const struct {
        const char *name;
        double fraction;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        fprintf(out, ",\"%s%s_us\":%.2f", prefix, points[i].name,
                (double)load_histogram_percentile(histogram, points[i].fraction) / 1e3);
    }
    fprintf(out, ",\"%smax_us\":%.2f", prefix, (double)histogram->max_ns / 1e3);
}

static void print_result(const struct run *run)
{
    const struct load_options *options = run->options;
    struct load_usage usage;
    load_usage_between(&usage, &run->start, &run->end);
    printf("{\"mode\":\"run\",\"mix\":{");
    const char *separator = "";
    for (int op = 0; op < LOAD_OP_COUNT; op++) {
        if (options->weights[op] != 0) {
            printf("%s\"%s\":%u", separator, load_op_name((enum load_op)op), options->weights[op]);
            separator = ",";
        }
    }
    printf("},\"connections\":%u,\"depth\":%u,\"rate\":%u,\"value_size\":%u,\"errors\":%llu,"
           "\"first_error\":%d,\"made\":%u,\"begin_ns\":%llu",
           options->connections, options->depth, options->rate, run->engine.workload->value_size,
           (unsigned long long)run->engine.errors, run->engine.first_error, run->made,
           (unsigned long long)run->start.wall_ns);
    load_usage_print(&usage, run->counted, stdout);
    load_print_latency(&run->all, "", stdout);
    if (run->reads.count != 0 && run->writes.count != 0) {
        load_print_latency(&run->reads, "read_", stdout);
        load_print_latency(&run->writes, "write_", stdout);
    }
    printf("}\n");
}

static void run_begin(struct run *run)
{
    const struct load_options *options = run->options;
    run->only_op = -1;
    for (int op = 0; op < LOAD_OP_COUNT; op++) {
        if (options->weights[op] == 100) {
            run->only_op = op;
        }
    }
    if (options->slices_path != NULL) {
        run->slices = fopen(options->slices_path, "w");
        if (run->slices == NULL) {
            load_die("cannot write %s: %s", options->slices_path, strerror(errno));
        }
    }
    run->engine.address = options->address;
    run->engine.session_timeout_ms = options->session_timeout_ms;
    run->engine.ctx = run;
    run->engine.handler.reply = run_reply;
    if (options->rate == 0) {
        run->engine.handler.refill = run_refill;
    }
}

void load_run(const struct load_options *options, struct load_workload *workload)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        load_die("out of memory");
    }
    run->options = options;
    run->phase = RUN_WARMUP;
    run_begin(run);
    load_engine_open(&run->engine, workload, options->connections,
                     options->rate != 0 ? OPEN_LOOP_DEPTH : options->depth);
    struct load_handler handler = run->engine.handler;
    run->engine.handler = (struct load_handler){.reply = run_reply};
    load_engine_connect_all(&run->engine, options->connect_window, options->limit_ns);
    run->engine.handler = handler;

    run->begin_ns = load_now_ns();
    if (options->ops != 0 || options->warmup_ns == 0) {
        enter_measure(run);
        run->begin_ns = run->start.wall_ns;
    }
    run->engine.now_ns = load_now_ns();
    for (uint32_t i = 0; options->rate == 0 && i < options->connections; i++) {
        run_refill(run, &run->engine.conns[i]);
        load_engine_flush(&run->engine);
    }
    run_loop(run);
    if (options->rate == 0) {
        load_usage_end(&run->end, options->server);
        drain(run);
    } else {
        drain(run);
        load_usage_end(&run->end, options->server);
    }
    if (run->slices != NULL) {
        slice_write(run);
        if (fclose(run->slices) != 0) {
            load_die("cannot write %s: %s", options->slices_path, strerror(errno));
        }
    }
    print_result(run);
    load_engine_end_sessions(&run->engine, options->limit_ns);
    load_engine_close(&run->engine);
    free(run);
}
