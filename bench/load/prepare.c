#include "modes.h"

#include "usage.h"

#define PREPARE_DEPTH 256

struct prepare {
    struct load_engine engine;
    uint32_t parents;
    uint32_t keys;
    uint32_t total;
    uint32_t sent;
    uint32_t done;
};

static void prepare_reply(void *ctx, struct load_conn *conn, const struct load_ticket *ticket)
{
    struct prepare *prepare = ctx;
    (void)conn;
    (void)ticket;
    prepare->done++;
}

/* In order on one session, so that a parent is there before its children. */
static void prepare_refill(void *ctx, struct load_conn *conn)
{
    struct prepare *prepare = ctx;
    while (prepare->sent < prepare->total && load_conn_has_room(&prepare->engine, conn)) {
        uint32_t item = prepare->sent++;
        enum load_op op = LOAD_MAKE_PARENT;
        if (item >= prepare->parents + prepare->keys) {
            op = LOAD_MAKE_CHILD;
            item -= prepare->parents + prepare->keys;
        } else if (item >= prepare->parents) {
            op = LOAD_MAKE_KEY;
            item -= prepare->parents;
        }
        load_conn_request(&prepare->engine, conn, op, item, 0);
    }
}

void load_prepare(const struct load_options *options, struct load_workload *workload)
{
    struct prepare prepare = {.parents = load_workload_parent_count(workload)};
    for (int op = 0; op < LOAD_OP_COUNT; op++) {
        if (options->weights[op] != 0 && load_op_uses_keys((enum load_op)op)) {
            prepare.keys = workload->keys;
        }
    }
    uint32_t children = options->weights[LOAD_CHILDREN] != 0 ? workload->children : 0;
    prepare.total = prepare.parents + prepare.keys + children;

    prepare.engine.address = options->address;
    prepare.engine.session_timeout_ms = options->session_timeout_ms;
    prepare.engine.handler = (struct load_handler){.reply = prepare_reply,
                                                   .refill = prepare_refill};
    prepare.engine.ctx = &prepare;
    load_engine_open(&prepare.engine, workload, 1, PREPARE_DEPTH);
    load_engine_connect_all(&prepare.engine, 1, options->limit_ns);
    while (prepare.done < prepare.total) {
        load_engine_turn(&prepare.engine, UINT64_MAX);
    }
    if (prepare.engine.errors != 0) {
        load_die("the znodes to work on could not be made: error %d", prepare.engine.first_error);
    }
    load_engine_end_sessions(&prepare.engine, options->limit_ns);
    load_engine_close(&prepare.engine);
}
