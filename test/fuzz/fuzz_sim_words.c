/* Four-letter words, and whatever else a stranger types at the client port, on a whole server in
 * the simulated world while two clients work.
 *
 * Input: the first byte says in how large pieces the rest is sent (0: all at once). Each input is a
 * connection of its own; when the server has nothing more to say the connection is closed.
 *
 * Nothing may assert or leak; the server stays up, and answers `ruok` after every input. */
#include "base/memory.h"
#include "sim/world.h"

#define SEED 7
#define INPUTS_A_WORLD 256 /* connections live as long as their world */
#define ANSWER_NS (UINT64_C(50) * 1000000)
#define START_NS (UINT64_C(10) * 1000000000)

static struct options options;
static struct world world;
static struct marks marks;
static unsigned inputs;
static struct buffer answer;

struct visit {
    struct net_conn *conn;
    bool is_open;
    bool is_over;
};

static void on_connected(void *ctx, struct net_conn *conn, int error)
{
    struct visit *visit = ctx;
    visit->is_open = error == 0 && visit->conn == conn;
    visit->is_over = error != 0;
}

static void on_arrival(void *ctx, struct net_conn *conn)
{
    struct visit *visit = ctx;
    struct slice bytes = net_arrived(conn, 0);
    if (buffer_room(&answer) >= bytes.len) {
        buffer_append(&answer, bytes);
    }
    net_consume(conn, 0, bytes.len);
    visit->is_over = visit->is_over || net_end_arrived(conn, 0);
}

static void on_room(void *ctx, struct net_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static void on_reset(void *ctx, struct net_conn *conn)
{
    struct visit *visit = ctx;
    (void)conn;
    visit->is_over = true;
}

static const struct net_handler handler = {
    .on_connected = on_connected,
    .on_arrival = on_arrival,
    .on_room = on_room,
    .on_reset = on_reset,
};

static bool server_is_up(struct world *it)
{
    return it->server.state == SERVER_UP;
}

static bool never(struct world *it)
{
    (void)it;
    return false;
}

static void begin_world(void)
{
    options_draw(&options, SEED);
    memset(options.fault_gap_ns, 0, sizeof options.fault_gap_ns);
    options.disk = (struct disk_faults){.capacity = (uint64_t)1 << 30};
    options.client_count = 2;
    options.config.max_connections = 0;
    options.config.max_client_connections = 0;
    marks = (struct marks){0};
    world_init(&world, &options, &marks);
    marks_begin_run(&marks);
    server_start(&world.server);
    ASSERT(world_run_until(&world, server_is_up, world.schedule.now_ns + START_NS));
    for (int i = 0; i < options.client_count; i++) {
        client_start(&world.clients[i]);
    }
    buffer_init(&answer, (size_t)1 << 20);
    inputs = 0;
}

static void end_world(void)
{
    world_release(&world);
    buffer_release(&answer);
    ASSERT(mem_used() == 0);
}

/* Opens a connection, sends the text in pieces, hears what comes, closes. */
static void talk(struct slice text, size_t piece)
{
    struct tcp_address from = {.ip = {10, 0, 0, 98}};
    struct tcp_address to = server_address(&world.server);
    struct visit visit = {0};
    buffer_clear(&answer, answer.limit);
    visit.conn = net_connect(&world.network, &from, &to, &handler, &visit);
    uint64_t end_ns = world.schedule.now_ns + ANSWER_NS;
    while (!visit.is_open && !visit.is_over && world.schedule.now_ns < end_ns &&
           schedule_step(&world.schedule, end_ns)) {
    }
    while (text.len > 0 && visit.is_open && !visit.is_over) {
        size_t sent = net_send(visit.conn, 0, slice_part(text, 0, MIN(piece, text.len)));
        text = slice_part(text, sent, text.len);
        uint64_t pause_ns = world.schedule.now_ns + ANSWER_NS / 50;
        while (schedule_step(&world.schedule, pause_ns)) {
        }
        if (sent == 0) {
            break;
        }
    }
    end_ns = world.schedule.now_ns + ANSWER_NS;
    while (!visit.is_over && schedule_step(&world.schedule, end_ns)) {
    }
    if (visit.is_open && !visit.conn->is_reset) {
        net_close(visit.conn, 0);
    }
    (void)world_run_until(&world, never, world.schedule.now_ns + ANSWER_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    if (inputs == 0) {
        begin_world();
    }
    inputs += 1;
    talk(slice_of(data + 1, len - 1), data[0] == 0 ? len : data[0]);
    talk(SLICE_LIT("ruok"), 4);
    ASSERT(world.verdict == VERDICT_OK);
    ASSERT(server_is_up(&world));
    ASSERT(slice_equal_cstr(buffer_slice(&answer), "imok"));
    if (inputs == INPUTS_A_WORLD || len % 64 == 63) {
        end_world();
        inputs = 0;
    }
    return 0;
}
