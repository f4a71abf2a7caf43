/* client.c - see client.h: connections, sessions, frames. What to ask for is in client_work.c. */
#include "sim/client.h"

#include "sim/log_sim.h"
#include "sim/world.h"

#define FRAME_BYTES_MAX ((int32_t)64 << 20)
#define AWAY_MAX_NS (200 * NS_PER_MS)
#define FIRST_ADDRESS 10

static void on_wake(void *ctx, uint64_t argument);
static void client_act(struct client *client);

/* What the network's events of one connection name: the client may have another one by then. */
struct client_link {
    struct client *client;
    struct connection *connection;
    struct net_conn *conn;
    uint64_t sent_total;
    uint64_t greeting_bytes; /* the ConnectRequest's */
};

static uint64_t now_of(const struct client *client)
{
    return client->world->schedule.now_ns;
}

static void wake_at(struct client *client, uint64_t time_ns)
{
    time_ns = MAX(time_ns, now_of(client));
    if (time_ns < client->wake_ns) {
        client->wake_ns = time_ns;
        schedule_at(&client->world->schedule, time_ns, on_wake, client, time_ns);
    }
}

static void on_wake(void *ctx, uint64_t argument)
{
    struct client *client = ctx;
    if (argument == client->wake_ns) {
        client->wake_ns = UINT64_MAX;
        client_act(client);
    }
}

void client_init(struct client *client, struct world *world, int index, const struct random *seed)
{
    const struct options *options = &world->options;
    *client = (struct client){.world = world, .index = index, .wake_ns = UINT64_MAX, .next_xid = 1};
    random_split(seed, 0x6861626974730000 + (uint64_t)index, &client->habits);
    random_split(seed, 0x636c69656e740000 + (uint64_t)index, &client->random);
    client->counts_anew = random_once_in(&client->habits, 2);
    struct random *random = &client->random;
    client->address = (struct tcp_address){.ip = {10, 0, 0, (uint8_t)(FIRST_ADDRESS + index)}};
    client->pipeline = random_spread(random, 1, options->pipeline_max);
    client->burst = random_spread(random, 1, 32);
    client->think_ns = options->think_max_ns * client->burst;
    client->sends_read_only_flag = random_once_in(random, 2);
    client->wanted.ip_last = client->address.ip[3];
    for (uint8_t user = 0; user < AUTH_USERS; user++) {
        if (options->work_weights[WORK_AUTH] > 0 && random_once_in(random, 3)) {
            client->wanted.users[client->wanted.user_count++] = user;
        }
    }
}

void client_release(struct client *client)
{
    bytes_release(&client->outgoing);
    bytes_release(&client->incoming);
    heap_free(client->in_flight);
    heap_free(client->watches);
}

void client_start(struct client *client)
{
    client->away_until_ns = now_of(client) + random_below(&client->random, 20 * NS_PER_MS);
    wake_at(client, client->away_until_ns);
}

void client_wind_down(struct client *client)
{
    client->is_ending = true;
    wake_at(client, now_of(client));
}

/* Pings are not work: where the way there and back takes longer than the time between two of them,
 * one is always in flight. */
static size_t work_in_flight(const struct client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < client->in_flight_count; i++) {
        count += client->in_flight[i]->xid != XID_PING;
    }
    return count;
}

bool client_is_idle(const struct client *client)
{
    return client->state == CLIENT_READY && work_in_flight(client) == 0 &&
           client->outgoing.len == 0;
}

/* ---- the connection -------------------------------------------------------------------------- */

static void set_state(struct client *client, enum client_state state)
{
    client->state = state;
    client->state_since_ns = now_of(client);
    client->heard_ns = now_of(client);
}

/* Whatever was on its way is unknown from here on. */
static void connection_lost(struct client *client)
{
    if (client->connection != NULL) {
        client->connection->closed_order = ++client->world->history.order;
    }
    client->conn = NULL;
    client->connection = NULL;
    client->generation += 1;
    client->in_flight_count = 0;
    client->auth_in_flight = 0;
    client->outgoing.len = 0;
    client->incoming.len = 0;
    client->slow_until_ns = 0;
    client->is_closing_session = false;
    set_state(client, CLIENT_AWAY);
    client->away_until_ns = now_of(client) + random_spread(&client->random, NS_PER_US, AWAY_MAX_NS);
    wake_at(client, client->away_until_ns);
}

static void session_lost(struct client *client)
{
    if (client->session != NULL) {
        client->session->is_abandoned = true;
        client->session = NULL;
    }
    client->next_xid = 1;
    client->server_generation = 0;
    client->is_moving = false;
    client->watch_count = 0;
    client->name_count = 0;
    client->known_path = SLICE_NULL;
}

void client_hang_up(struct client *client, bool with_reset)
{
    if (client->conn != NULL) {
        if (with_reset) {
            net_abort(client->conn, 0);
        } else {
            net_close(client->conn, 0);
        }
        connection_lost(client);
    }
}

void client_abandon(struct client *client)
{
    client_hang_up(client, true);
    session_lost(client);
}

void client_vanish(struct client *client)
{
    if (client->conn != NULL) {
        net_set_cut(client->conn, 0, true);
        net_set_cut(client->conn, 1, true);
        net_forget(client->conn, 0);
        connection_lost(client);
    }
}

void client_take_over(struct client *client)
{
    struct world *world = client->world;
    ASSERT(client->state == CLIENT_READY);
    heap_grow((void **)&world->taken_over, &world->taken_over_cap, world->taken_over_count,
              sizeof(struct net_conn *));
    world->taken_over[world->taken_over_count++] = client->conn;
    client->is_moving = true;
    client->counts.moved += 1;
    connection_lost(client); /* its frames are not read any more; the server is to close it */
}

/* ---- sending --------------------------------------------------------------------------------- */

static void flush(struct client *client)
{
    if (client->conn != NULL && client->outgoing.len > 0) {
        size_t taken = net_send(client->conn, 0, bytes_slice(&client->outgoing));
        bytes_consume(&client->outgoing, taken);
    }
}

static struct client_link *link_of(struct client *client)
{
    return client->conn->ends[0].ctx;
}

static void send_frame(struct client *client, struct slice frame)
{
    put_text(&client->outgoing, frame);
    link_of(client)->sent_total += frame.len + 4;
    client->sent_ns = now_of(client);
    flush(client);
}

static void send_connect_request(struct client *client)
{
    struct bytes frame = {0};
    struct connection *connection = client->connection;
    const struct options *options = &client->world->options;
    uint8_t password[PASSWORD_BYTES] = {0};
    bool is_known = client->session != NULL;
    if (is_known) {
        memcpy(password, client->password, sizeof password);
        password[0] = (uint8_t)(password[0] + client->uses_wrong_password);
    }
    connection->asked_timeout_ms = (int32_t)random_between(
        &client->random, (uint64_t)options->timeout_min_ms, (uint64_t)options->timeout_max_ms);
    const struct zk_config *config = &options->config;
    connection->timeout_ms = MAX(MIN(connection->asked_timeout_ms, config->max_session_timeout_ms),
                                 config->min_session_timeout_ms);
    connection->asks_new_session = !is_known;
    connection->renews_session = is_known && !client->uses_wrong_password;
    put_i32(&frame, 0);
    put_i64(&frame, client->last_zxid);
    put_i32(&frame, connection->asked_timeout_ms);
    put_i64(&frame, is_known ? client->session->id : 0);
    put_text(&frame, slice_of(password, sizeof password));
    if (client->sends_read_only_flag) {
        put_bool(&frame, false);
    }
    send_frame(client, bytes_slice(&frame));
    link_of(client)->greeting_bytes = link_of(client)->sent_total;
    bytes_release(&frame);
}

static void push_in_flight(struct client *client, struct request *request)
{
    heap_grow((void **)&client->in_flight, &client->in_flight_cap, client->in_flight_count,
              sizeof(struct request *));
    client->in_flight[client->in_flight_count++] = request;
    if (client->in_flight_count >= 8) {
        marks_hit(client->world->marks, MARK_PIPELINED);
    }
}

struct request *client_send(struct client *client, const struct operation *operation, int32_t xid)
{
    struct world *world = client->world;
    struct bytes frame = {0};
    ASSERT(client->state == CLIENT_READY);
    struct request *request = history_request(&world->history, client->connection, operation, xid);
    request->sent_ns = now_of(client);
    put_i32(&frame, xid);
    put_i32(&frame, operation->type);
    operation_encode(operation, &frame);
    send_frame(client, bytes_slice(&frame));
    bytes_release(&frame);
    request->frame_end = link_of(client)->sent_total;
    push_in_flight(client, request);
    client->next_xid += xid > 0;
    if (operation->type == OP_CLOSE_SESSION) {
        client->is_closing_session = true;
    }
    if (operation->type == OP_AUTH) {
        client->auth_in_flight += 1;
    }
    sim_trace("  client %d: %s %.*s%s mode %d xid %d zxid-before %lld", client->index,
              op_text(operation->type), (int)operation->path.len, (const char *)operation->path.ptr,
              operation->watch ? " and watch" : "", operation->mode, xid,
              (long long)client->last_zxid);
    for (int32_t i = 0; i < operation->part_count && sim_is_traced(); i++) {
        const struct operation *part = &operation->parts[i];
        sim_trace("    %s %.*s flags %d version %d", op_text(part->type), (int)part->path.len,
                  (const char *)part->path.ptr, part->flags, part->version);
    }
    return request;
}

/* ---- greeting -------------------------------------------------------------------------------- */

const struct operation *client_auth(struct client *client, uint8_t user)
{
    struct operation *auth = POOL_NEW(&client->world->history.pool, struct operation);
    auth->type = OP_AUTH;
    auth->path = SLICE_LIT("digest");
    auth->data = slice_of_cstr(user == AUTH_SUPER ? AUTH_SUPER_WORD : auth_user_words[user]);
    auth->mode = user;
    return auth;
}

/* The server knows the user as soon as it has the request, so what is sent next counts on it. */
static void client_log_in(struct client *client, const struct operation *auth)
{
    client_send(client, auth, XID_AUTH);
    struct identity *identity = &client->connection->identity;
    if (auth->mode == AUTH_SUPER) {
        identity->is_super = true;
    } else if (slice_equal_cstr(auth->path, "digest")) {
        identity->users[identity->user_count++] = (uint8_t)auth->mode;
    }
}

/* The first numbers are those that another connection uses again, if its first requests come while
 * these are on their way: so some connections end behind them. */
static void draw_habit(struct client *client)
{
    const struct world *world = client->world;
    client->leaves_after = 0;
    if (!client->counts_anew) {
        return;
    }
    client->next_xid = 1;
    if (many_are_there(&world->many) && !world->is_healed && random_once_in(&client->habits, 5)) {
        client->leaves_after = (int32_t)random_between(&client->habits, 1, 3);
    }
}

static void session_opened(struct client *client, int64_t id, int32_t timeout_ms)
{
    struct world *world = client->world;
    if (client->session == NULL) {
        struct sim_session *session = history_session(&world->history, id);
        if (session->was_answered && !world->clock_went_back) {
            world_fail(world, VERDICT_WRONG, "S5: session id 0x%llx was given out twice",
                       (unsigned long long)id);
        }
        session->client = client->index;
        session->was_answered = true;
        client->session = session;
        client->next_xid = (int32_t)session->count + 1;
        client->connection->session = session;
    } else if (client->session->id != id || client->uses_wrong_password) {
        world_fail(world, VERDICT_WRONG, "S5: session 0x%llx was opened, asked for was 0x%llx%s",
                   (unsigned long long)id, (unsigned long long)client->session->id,
                   client->uses_wrong_password ? " with a wrong password" : "");
    }
    struct marks *marks = world->marks;
    if (many_are_there(&world->many)) {
        world->many.opened(world->many.ctx, client);
    } else {
        if (client->server_generation != 0 &&
            client->server_generation != world->server.generation) {
            marks_hit(marks, MARK_SESSION_CAME_BACK);
        }
        client->server_generation = world->server.generation;
    }
    if (client->is_moving) {
        marks_hit(marks, MARK_SESSION_MOVED);
    }
    client->is_moving = false;
    client->session->timeout_ms = timeout_ms;
    draw_habit(client);
    client->connection->established_order = ++world->history.order;
    set_state(client, CLIENT_READY);
    for (uint8_t i = 0; i < client->wanted.user_count; i++) {
        client_log_in(client, client_auth(client, client->wanted.users[i]));
    }
    if (many_are_there(&world->many) && client->index == world->many.super_client) {
        client_log_in(client, client_auth(client, AUTH_SUPER));
    }
    const struct operation *watches = client_watches_again(client);
    if (watches != NULL) {
        client_send(client, watches, XID_SET_WATCHES);
    }
    client->next_act_ns = now_of(client);
    wake_at(client, client->next_act_ns);
}

static void session_refused(struct client *client)
{
    bool was_wrong = client->uses_wrong_password;
    client->uses_wrong_password = false;
    if (was_wrong) {
        client->counts.refused_password += 1;
    } else {
        client->counts.expired += 1;
        if (client->session == NULL) {
            world_fail(client->world, VERDICT_WRONG, "S5: a new session was refused");
        } else if (many_are_there(&client->world->many)) {
            client->world->many.refused(client->world->many.ctx, client);
        }
        session_lost(client);
    }
    client_hang_up(client, false);
}

static void take_connect_response(struct client *client, struct slice frame)
{
    struct world *world = client->world;
    struct cursor cursor = cursor_of(frame);
    (void)get_i32(&cursor);
    int32_t timeout_ms = get_i32(&cursor);
    int64_t id = get_i64(&cursor);
    struct slice password = get_text(&cursor);
    bool has_flag = cursor_left(&cursor) == 1;
    if (cursor.bad || password.len != PASSWORD_BYTES || has_flag != client->sends_read_only_flag) {
        world_fail(world, VERDICT_WRONG, "a ConnectResponse of %zu bytes", frame.len);
        return;
    }
    sim_trace("  client %d: session 0x%llx timeout %d", client->index, (unsigned long long)id,
              timeout_ms);
    if (timeout_ms == 0 || id == 0) {
        session_refused(client);
        return;
    }
    if (timeout_ms != client->connection->timeout_ms) {
        world_fail(world, VERDICT_WRONG, "S1: timeout %d was agreed, not %d", timeout_ms,
                   client->connection->timeout_ms);
    }
    bool is_known = client->session != NULL;
    if (is_known && memcmp(client->password, password.ptr, PASSWORD_BYTES) != 0) {
        world_fail(world, VERDICT_WRONG, "S5: the password of a session has changed");
    }
    memcpy(client->password, password.ptr, PASSWORD_BYTES);
    session_opened(client, id, timeout_ms);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void take_event(struct client *client, int64_t zxid, struct slice body)
{
    struct world *world = client->world;
    struct cursor cursor = cursor_of(body);
    struct frame *frame = history_frame(&world->history, client->connection);
    frame->zxid = zxid;
    frame->event = get_i32(&cursor);
    frame->state = get_i32(&cursor);
    frame->path = pool_copy(&world->history.pool, get_text(&cursor));
    if (cursor.bad || cursor_left(&cursor) > 0 || frame->state != STATE_CONNECTED) {
        world_fail(world, VERDICT_WRONG, "a notification of %zu bytes, state %d", body.len,
                   frame->state);
    }
    sim_trace("  client %d: event %d on %.*s zxid %lld", client->index, frame->event,
              (int)frame->path.len, (const char *)frame->path.ptr, (long long)zxid);
    world->history.events += 1;
    client_note_told(world, zxid);
    client_forget_watch(client, frame->event, frame->path);
}

/* Takes the request that this reply answers out of those in flight; NULL when there is none. What
 * no server knows is refused at once, ahead of the answers that are due. */
static struct request *take_in_flight(struct client *client, int32_t xid, bool is_refusal)
{
    for (size_t i = 0; i < client->in_flight_count; i++) {
        struct request *request = client->in_flight[i];
        bool is_auth = request->operation->type == OP_AUTH;
        if (is_auth != (xid == XID_AUTH)) {
            continue; /* authentication is answered outside of the order */
        }
        if (request->xid != xid && is_refusal) {
            continue;
        }
        if (request->xid != xid) {
            return NULL;
        }
        client->in_flight_count -= 1;
        memmove(&client->in_flight[i], &client->in_flight[i + 1],
                (client->in_flight_count - i) * sizeof(struct request *));
        client->auth_in_flight -= is_auth;
        return request;
    }
    return NULL;
}

static void answered(struct client *client, struct request *request, struct slice body)
{
    struct world *world = client->world;
    struct history *history = &world->history;
    struct frame *frame = history_frame(history, client->connection);
    frame->request = request;
    frame->zxid = request->zxid;
    request->is_answered = true;
    request->body = pool_copy(&history->pool, body);
    history->answered += 1;
    if (request->xid > 0) {
        client->answered += 1;
        history->answered_writes += operation_is_write(request->operation->type) &&
                                    request->error == 0;
    }
    sim_trace("  client %d: %s %.*s -> error %d zxid %lld", client->index,
              op_text(request->operation->type), (int)request->operation->path.len,
              (const char *)request->operation->path.ptr, request->error, (long long)request->zxid);
    client_check_zxid(client, request, request->zxid);
    world->many.refused_ephemerals += request->error == E_EPHEMERAL_ON_LOCAL_SESSION;
    client_learn(client, request);
    if (request->operation->type == OP_CLOSE_SESSION) {
        client->session->is_abandoned = false;
        client->session = NULL;
        session_lost(client);
        client_hang_up(client, false);
        client->away_until_ns = now_of(client);
    }
}

static void take_reply(struct client *client, struct slice frame)
{
    struct world *world = client->world;
    struct cursor cursor = cursor_of(frame);
    int32_t xid = get_i32(&cursor);
    int64_t zxid = get_i64(&cursor);
    int32_t error = get_i32(&cursor);
    struct slice body = get_rest(&cursor);
    if (cursor.bad) {
        world_fail(world, VERDICT_WRONG, "a reply of %zu bytes", frame.len);
        return;
    }
    if (xid == XID_EVENT) {
        take_event(client, zxid, body);
        return;
    }
    struct request *request = take_in_flight(client, xid, error == E_UNIMPLEMENTED && zxid == -1);
    if (request == NULL) {
        world_fail(world, VERDICT_WRONG, "C3: client %d got a reply to xid %d out of order",
                   client->index, xid);
        return;
    }
    request->error = error;
    request->zxid = zxid;
    answered(client, request, body);
}

static void take_frames(struct client *client)
{
    uint64_t generation = client->generation;
    size_t at = 0;
    while (client->incoming.len - at >= 4 && !world_is_over(client->world)) {
        struct cursor cursor = cursor_of(slice_of(client->incoming.data + at, 4));
        int32_t len = get_i32(&cursor);
        if (len < 0 || len > FRAME_BYTES_MAX) {
            world_fail(client->world, VERDICT_WRONG, "a frame of %d bytes", len);
            return;
        }
        if (client->incoming.len - at - 4 < (size_t)len) {
            break;
        }
        struct slice frame = slice_of(client->incoming.data + at + 4, (size_t)len);
        at += 4 + (size_t)len;
        if (client->state == CLIENT_GREETING) {
            take_connect_response(client, frame);
        } else {
            take_reply(client, frame);
        }
        if (client->generation != generation) {
            return; /* the connection is gone, and the bytes with it */
        }
    }
    bytes_consume(&client->incoming, at);
}

/* ---- what the network tells ------------------------------------------------------------------ */

static bool is_current(const struct client_link *link)
{
    return link->client->conn == link->conn && link->conn != NULL;
}

static void on_connected(void *ctx, struct net_conn *conn, int error)
{
    struct client_link *link = ctx;
    (void)conn;
    if (!is_current(link)) {
        return;
    }
    if (error != 0) {
        connection_lost(link->client);
        return;
    }
    set_state(link->client, CLIENT_GREETING);
    send_connect_request(link->client);
}

static void read_all(struct client *client)
{
    struct slice arrived = net_arrived(client->conn, 0);
    struct net_conn *conn = client->conn;
    bytes_append(&client->incoming, arrived);
    net_consume(conn, 0, arrived.len);
    client->heard_ns = now_of(client);
    take_frames(client);
    if (client->conn == conn && net_end_arrived(conn, 0) && net_arrived(conn, 0).len == 0) {
        client_hang_up(client, false);
    }
    wake_at(client, now_of(client));
}

static void on_arrival(void *ctx, struct net_conn *conn)
{
    struct client_link *link = ctx;
    (void)conn;
    if (is_current(link) && link->client->slow_until_ns <= now_of(link->client)) {
        read_all(link->client);
    }
}

static void on_room(void *ctx, struct net_conn *conn)
{
    struct client_link *link = ctx;
    (void)conn;
    if (is_current(link)) {
        flush(link->client);
    }
}

static void on_reset(void *ctx, struct net_conn *conn)
{
    struct client_link *link = ctx;
    (void)conn;
    if (is_current(link)) {
        connection_lost(link->client);
    }
}

/* For the checker of S1: the server has these requests, so it has heard of the session. */
static void on_consumed(void *ctx, struct net_conn *conn, uint64_t total)
{
    struct client_link *link = ctx;
    struct connection *connection = link->connection;
    (void)conn;
    bool is_touched = false; /* authentication alone does not keep a session */
    bool is_renewed = connection->renews_session && total >= link->greeting_bytes;
    connection->renews_session = connection->renews_session && !is_renewed;
    while (connection->consumed_count < connection->request_count &&
           connection->requests[connection->consumed_count]->frame_end <= total) {
        struct request *request = connection->requests[connection->consumed_count++];
        request->is_consumed = true;
        is_touched = is_touched || (request->operation->type != OP_AUTH && !connection->is_deaf);
        connection->is_deaf = connection->is_deaf || operation_ends_connection(request->operation);
    }
    struct sim_session *session = connection->session;
    if (session != NULL && (is_renewed || is_touched)) {
        heap_grow((void **)&session->heard, &session->heard_cap, session->heard_count,
                  sizeof *session->heard);
        session->heard[session->heard_count++] = (struct heard){
            .ns = now_of(link->client), .timeout_ms = connection->timeout_ms};
    }
}

static const struct net_handler client_handler = {
    .on_connected = on_connected,
    .on_arrival = on_arrival,
    .on_room = on_room,
    .on_reset = on_reset,
    .on_consumed = on_consumed,
};

struct connection *client_connection_of(const struct net_conn *conn)
{
    const struct client_link *link = conn->ends[0].ctx;
    return conn->ends[0].handler == &client_handler ? link->connection : NULL;
}

/* ---- acting ---------------------------------------------------------------------------------- */

static void dial(struct client *client)
{
    struct world *world = client->world;
    struct client_link *link = POOL_NEW(&world->history.pool, struct client_link);
    struct tcp_address server = many_are_there(&world->many)
                                    ? world->many.choose(world->many.ctx, client)
                                    : server_address(&world->server);
    client->connection = history_connection(&world->history, client->index);
    client->connection->session = client->session;
    client->connection->identity.ip_last = client->address.ip[3];
    client->counts.connections += 1;
    link->client = client;
    link->connection = client->connection;
    client->conn = net_connect(&world->network, &client->address, &server, &client_handler, link);
    link->conn = client->conn;
    set_state(client, CLIENT_DIALLING);
}

static uint64_t timeout_ns(const struct client *client)
{
    uint64_t timeout_ms = client->session != NULL && client->session->timeout_ms > 0
                              ? (uint64_t)client->session->timeout_ms
                              : (uint64_t)client->world->options.timeout_min_ms;
    return timeout_ms * NS_PER_MS;
}

static void ping(struct client *client)
{
    static const struct operation ping_operation = {.type = OP_PING};
    client_send(client, &ping_operation, XID_PING);
}

static bool may_work(const struct client *client)
{
    return client->state == CLIENT_READY && !client->is_closing_session && !client->is_ending &&
           work_in_flight(client) < client->pipeline && client->auth_in_flight == 0;
}

static void work(struct client *client)
{
    uint64_t now_ns = now_of(client);
    while (may_work(client) && now_ns >= client->next_act_ns) {
        const struct operation *operation = client_choose(client);
        if (operation->type == OP_AUTH) {
            client_log_in(client, operation);
            return;
        }
        client_send(client, operation, client->next_xid);
        if (client->leaves_after != 0 && client->next_xid > client->leaves_after) {
            client_hang_up(client, random_once_in(&client->habits, 4));
            return;
        }
        bool is_burst = random_once_in(&client->random, 4);
        client->next_act_ns = now_ns +
                              (is_burst ? 0 : random_spread(&client->random, 1, client->think_ns));
    }
}

static void act_ready(struct client *client)
{
    uint64_t now_ns = now_of(client);
    uint64_t third_ns = timeout_ns(client) / 3;
    if (client->slow_until_ns > now_ns) {
        wake_at(client, client->slow_until_ns);
        return;
    }
    if (client->slow_until_ns != 0) {
        client->slow_until_ns = 0;
        read_all(client);
        return;
    }
    if (now_ns >= client->heard_ns + 2 * third_ns && client->in_flight_count > 0) {
        client->counts.timeouts += 1;
        client_hang_up(client, true);
        return;
    }
    work(client);
    if (client->state != CLIENT_READY) {
        return;
    }
    if (now_ns >= client->sent_ns + third_ns && client->outgoing.len == 0) {
        ping(client);
    }
    uint64_t next_ns = client->outgoing.len == 0 ? client->sent_ns + third_ns : now_ns + third_ns;
    if (client->in_flight_count > 0) {
        next_ns = MIN(next_ns, client->heard_ns + 2 * third_ns);
    }
    if (may_work(client)) {
        next_ns = MIN(next_ns, client->next_act_ns);
    }
    wake_at(client, MAX(next_ns, now_ns + NS_PER_US));
}

static void client_act(struct client *client)
{
    uint64_t now_ns = now_of(client);
    uint64_t patience_ns = timeout_ns(client) * 2 / 3;
    switch (client->state) {
    case CLIENT_AWAY:
        if (now_ns < client->away_until_ns) {
            wake_at(client, client->away_until_ns);
        } else if (!client->is_ending || client->session != NULL) {
            dial(client);
            wake_at(client, now_ns + patience_ns);
        }
        break;
    case CLIENT_DIALLING:
    case CLIENT_GREETING:
        if (client->slow_until_ns > 0 && now_ns >= client->slow_until_ns) {
            client->slow_until_ns = 0;
            read_all(client);
        } else if (now_ns >= client->state_since_ns + patience_ns) {
            client->counts.timeouts += 1;
            client_hang_up(client, true);
        } else {
            wake_at(client, client->state_since_ns + patience_ns);
        }
        break;
    case CLIENT_READY:
        act_ready(client);
        break;
    }
}
