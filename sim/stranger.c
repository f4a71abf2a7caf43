/* stranger.c - see stranger.h. */
#include "sim/stranger.h"

#include "sim/protocol.h"
#include "sim/world.h"

static const char *const words[] = {"ruok", "mntr", "srvr", "stat", "cons", "dump", "envi", "conf",
                                    "wchs", "wchc", "wchp", "dirs", "isro", "crst", "srst", "hash"};

void stranger_init(struct stranger *stranger, struct world *world, const struct random *seed)
{
    *stranger = (struct stranger){.world = world};
    random_split(seed, 0x7374726e67, &stranger->random);
    for (size_t i = 0; i < STRANGER_CONNS_MAX; i++) {
        stranger->conns[i].stranger = stranger;
    }
}

static void send_noise(struct stranger *stranger, struct bytes *out)
{
    size_t len = random_spread(&stranger->random, 1, 3000);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)random_next(&stranger->random);
        bytes_append(out, slice_of(&byte, 1));
    }
}

/* What a client begins with, but cut, or with a length that is a lie. */
static void send_half_greeting(struct stranger *stranger, struct bytes *out)
{
    static const int32_t lengths[] = {-1, INT32_MIN, INT32_MAX, 44, 1 << 20, 0, 3, 1025};
    put_i32(out, lengths[random_below(&stranger->random, ARRAY_LEN(lengths))]);
    put_i32(out, 0);
    put_i64(out, random_once_in(&stranger->random, 2) ? INT64_MAX : 0);
    put_i32(out, (int32_t)random_next(&stranger->random));
    put_i64(out, (int64_t)random_next(&stranger->random));
    if (random_once_in(&stranger->random, 2)) {
        put_text(out, SLICE_LIT("0123456789abcdef"));
    }
}

static void on_connected(void *ctx, struct net_conn *conn, int error)
{
    struct stranger_conn *visit = ctx;
    struct stranger *stranger = visit->stranger;
    struct bytes out = {0};
    if (error != 0 || visit->conn != conn) {
        visit->is_in_use = visit->is_in_use && visit->conn != conn;
        return;
    }
    switch (random_below(&stranger->random, 4)) {
    case 0:
        send_noise(stranger, &out);
        break;
    case 1:
        send_half_greeting(stranger, &out);
        break;
    case 2:
        visit->sends_word = true;
        bytes_append(&out, slice_of_cstr(words[random_below(&stranger->random, ARRAY_LEN(words))]));
        break;
    default: /* says nothing at all */
        break;
    }
    (void)net_send(conn, 0, bytes_slice(&out)); /* what the window does not take is not missed */
    bytes_release(&out);
}

static void on_arrival(void *ctx, struct net_conn *conn)
{
    struct stranger_conn *visit = ctx;
    size_t len = net_arrived(conn, 0).len;
    if (visit->sends_word && len > 0) {
        visit->stranger->words_answered += 1;
        marks_hit(visit->stranger->world->marks, MARK_FOUR_LETTERS);
    }
    net_consume(conn, 0, len);
    if (net_end_arrived(conn, 0)) {
        net_close(conn, 0);
        visit->is_in_use = visit->is_in_use && visit->conn != conn;
    }
}

static void on_room(void *ctx, struct net_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static void on_reset(void *ctx, struct net_conn *conn)
{
    struct stranger_conn *visit = ctx;
    visit->is_in_use = visit->is_in_use && visit->conn != conn;
}

static const struct net_handler stranger_handler = {
    .on_connected = on_connected,
    .on_arrival = on_arrival,
    .on_room = on_room,
    .on_reset = on_reset,
};

void stranger_visit(struct stranger *stranger)
{
    struct tcp_address to = server_address(&stranger->world->server);
    stranger_visit_at(stranger, &to);
}

void stranger_visit_at(struct stranger *stranger, const struct tcp_address *to)
{
    struct world *world = stranger->world;
    struct tcp_address from = {.ip = {10, 0, 0, 99}};
    struct stranger_conn *visit =
        &stranger->conns[random_below(&stranger->random, STRANGER_CONNS_MAX)];
    if (visit->is_in_use) {
        net_close(visit->conn, 0);
    }
    visit->is_in_use = true;
    visit->sends_word = false;
    visit->conn = net_connect(&world->network, &from, to, &stranger_handler, visit);
}

void stranger_leave(struct stranger *stranger)
{
    for (size_t i = 0; i < STRANGER_CONNS_MAX; i++) {
        if (stranger->conns[i].is_in_use) {
            net_abort(stranger->conns[i].conn, 0);
            stranger->conns[i].is_in_use = false;
        }
    }
}
