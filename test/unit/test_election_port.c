/* The election port over the loopback: three of them in one loop, and plain sockets that play the
 * peer that nobody wants. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/server/election_port.h"

#define SERVERS 3
#define WAIT_MS 5000

struct server {
    struct zk_config config;
    struct election_port *port;
    int ups[SERVERS + 1];
    int downs[SERVERS + 1];
    int messages;
    bool greets; /* everybody who comes up, as an election does */
    bool heard[SERVERS + 1];
    int64_t last_from;
    size_t last_len;
    char last[64];
};

static struct runtime *runtime;
static struct quorum_config *members;
static struct server servers[SERVERS + 1];
static uint16_t ports[SERVERS + 1];

/* ---- events ---------------------------------------------------------------------------------- */

static void on_message(void *ctx, int64_t server_id, struct slice bytes)
{
    struct server *server = ctx;
    server->messages++;
    if (server_id >= 1 && server_id <= SERVERS) {
        server->heard[server_id] = true;
    }
    server->last_from = server_id;
    server->last_len = bytes.len;
    memset(server->last, 0, sizeof server->last);
    memcpy(server->last, bytes.ptr, MIN(bytes.len, sizeof server->last - 1));
}

static void on_up(void *ctx, int64_t server_id)
{
    struct server *server = ctx;
    if (server_id >= 1 && server_id <= SERVERS) {
        server->ups[server_id]++;
    }
    if (server->greets) {
        election_port_send(server->port, server_id, SLICE_LIT("hello"));
    }
}

static void on_down(void *ctx, int64_t server_id)
{
    struct server *server = ctx;
    if (server_id >= 1 && server_id <= SERVERS) {
        server->downs[server_id]++;
    }
}

static const struct election_port_events events = {
    .on_message = on_message,
    .on_up = on_up,
    .on_down = on_down,
};

/* ---- the world ------------------------------------------------------------------------------- */

static void ignore_stream(struct tcp_stream *stream, void *ctx)
{
    (void)ctx;
    tcp_reject(stream);
}

static uint16_t free_port(void)
{
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {.reuse_address = true};
    struct tcp_listener *listener;
    assert_int_equal(tcp_listen(runtime, &any, &options, ignore_stream, NULL, &listener), 0);
    uint16_t port = tcp_listener_address(listener).port;
    tcp_listener_close(listener);
    return port;
}

/* `host` of all three. */
static void begin_with(const char *host)
{
    char text[512];
    size_t len = 0;
    char problem[256];
    struct log_options quiet = {.level = getenv("T_LOG") ? LOG_DEBUG : LOG_OFF};
    memset(servers, 0, sizeof servers);
    assert_int_equal(log_configure(&quiet), 0);
    assert_int_equal(runtime_create(NULL, &runtime), 0);
    for (int id = 1; id <= SERVERS; id++) {
        ports[id] = free_port();
        len += (size_t)snprintf(text + len, sizeof text - len, "server.%d=%s:%d:%d\n", id, host, 1,
                                ports[id]);
    }
    assert_int_equal(quorum_config_parse(slice_of(text, len), &members, problem, sizeof problem),
                     0);
}

static void open_server(int id)
{
    struct server *server = &servers[id];
    struct errmsg message = {{0}};
    memset(server, 0, sizeof *server);
    zk_config_init(&server->config);
    server->config.server_id = id;
    server->config.members = members;
    server->config.connect_timeout_ms = 300;
    server->port = election_port_create(runtime, &server->config, &events, server);
    if (election_port_open(server->port, &message) != 0) {
        fail_msg("%s", message.text);
    }
}

static void close_server(int id)
{
    struct server *server = &servers[id];
    if (server->port == NULL) {
        return;
    }
    election_port_close(server->port);
    for (int i = 0; i < 1000 && !election_port_is_quiet(server->port); i++) {
        runtime_turn(runtime, 5);
    }
    assert_true(election_port_is_quiet(server->port));
    election_port_destroy(server->port);
    server->port = NULL;
}

static void end(void)
{
    for (int id = 1; id <= SERVERS; id++) {
        close_server(id);
    }
    quorum_config_drop(members);
    runtime_destroy(runtime);
    assert_int_equal(mem_used(), 0);
}

/* The condition is evaluated once in each turn, and never again once it held. */
#define WAIT_FOR(condition)                                                        \
    do {                                                                           \
        uint64_t until_ns = runtime_now_ns(runtime) + WAIT_MS * UINT64_C(1000000); \
        bool holds = (condition);                                                  \
        while (!holds && runtime_now_ns(runtime) < until_ns) {                     \
            runtime_turn(runtime, 5);                                              \
            holds = (condition);                                                   \
        }                                                                          \
        assert_true(holds);                                                        \
    } while (0)

static void turn_for(uint64_t ms)
{
    uint64_t until_ns = runtime_now_ns(runtime) + ms * 1000000;
    while (runtime_now_ns(runtime) < until_ns) {
        runtime_turn(runtime, 5);
    }
}

static void send_text(int from, int to, const char *text)
{
    election_port_send(servers[from].port, to, slice_of_cstr(text));
}

/* ---- a plain socket -------------------------------------------------------------------------- */

static int dial(int id)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(ports[id]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void put(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void put_header(int fd, int64_t version, int64_t id, const char *address)
{
    uint8_t bytes[300];
    size_t len = strlen(address);
    store_be64(bytes, (uint64_t)version);
    store_be64(bytes + 8, (uint64_t)id);
    store_be32(bytes + 16, (uint32_t)len);
    memcpy(bytes + 20, address, len);
    put(fd, bytes, 20 + len);
}

static void put_message(int fd, const char *text)
{
    uint8_t bytes[300];
    store_be32(bytes, (uint32_t)strlen(text));
    memcpy(bytes + 4, text, strlen(text));
    put(fd, bytes, 4 + strlen(text));
}

/* What has come; -1: nothing yet, 0: closed. */
static ssize_t got(int fd, uint8_t *bytes, size_t size)
{
    ssize_t len = recv(fd, bytes, size, 0);
    return len < 0 && errno == ECONNRESET ? 0 : len;
}

static bool is_closed(int fd)
{
    uint8_t byte;
    return got(fd, &byte, 1) == 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_both_ways(void **state)
{
    (void)state;
    begin_with("127.0.0.1");
    open_server(1);
    open_server(2);
    open_server(3);
    send_text(2, 3, "two to three"); /* knocks: 3 connects */
    WAIT_FOR(servers[3].messages == 1);
    assert_int_equal(servers[3].last_from, 2);
    assert_string_equal(servers[3].last, "two to three");
    send_text(3, 1, "three to one");
    send_text(3, 2, "three to two");
    WAIT_FOR(servers[1].messages == 1 && servers[2].messages == 1);
    assert_string_equal(servers[1].last, "three to one");
    assert_string_equal(servers[2].last, "three to two");
    assert_int_equal(servers[2].ups[3], 1);
    assert_int_equal(servers[3].ups[2], 1);
    assert_true(election_port_is_connected(servers[2].port, 3));
    assert_false(election_port_is_connected(servers[1].port, 2));
    end();
}

/* All at once, again and again: every pair settles on one connection. */
static void test_all_at_once(void **state)
{
    (void)state;
    begin_with("localhost");
    for (int round = 0; round < 5; round++) {
        for (int id = 1; id <= SERVERS; id++) {
            open_server(id);
            servers[id].greets = true;
        }
        for (int from = 1; from <= SERVERS; from++) {
            for (int to = 1; to <= SERVERS; to++) {
                if (from != to) {
                    send_text(from, to, "hello");
                }
            }
        }
        for (int id = 1; id <= SERVERS; id++) {
            const bool *heard = servers[id].heard;
            WAIT_FOR(heard[1] + heard[2] + heard[3] == 2);
        }
        turn_for(300);
        int ups = 0;
        for (int id = 1; id <= SERVERS; id++) {
            ups += servers[id].ups[1] + servers[id].ups[2] + servers[id].ups[3];
        }
        assert_true(ups >= 6 && ups <= 24);
        for (int id = 1; id <= SERVERS; id++) {
            close_server(id);
        }
    }
    end();
}

static void test_newest_wins_and_dead_is_told(void **state)
{
    (void)state;
    begin_with("127.0.0.1");
    open_server(3);
    send_text(3, 1, "old");
    WAIT_FOR(servers[3].downs[1] >= 1);
    send_text(3, 1, "older news");
    send_text(3, 1, "new");
    WAIT_FOR(servers[3].downs[1] >= 3); /* tried again with back-off while something waits */
    open_server(1);
    WAIT_FOR(servers[1].messages == 1);
    assert_string_equal(servers[1].last, "new");
    /* and a server that dies is told of without being asked */
    turn_for(1100);
    int downs = servers[3].downs[1];
    close_server(1);
    uint64_t began_ns = runtime_now_ns(runtime);
    WAIT_FOR(servers[3].downs[1] > downs);
    assert_true(runtime_now_ns(runtime) - began_ns < 100000000);
    end();
}

/* The smaller one sees the death of the larger one, too. */
static void test_death_seen_by_the_smaller(void **state)
{
    (void)state;
    begin_with("127.0.0.1");
    open_server(1);
    open_server(3);
    send_text(1, 3, "hello");
    WAIT_FOR(servers[1].ups[3] == 1);
    turn_for(1100);
    close_server(3);
    uint64_t began_ns = runtime_now_ns(runtime);
    WAIT_FOR(servers[1].downs[3] >= 1);
    assert_true(runtime_now_ns(runtime) - began_ns < 100000000);
    end();
}

static void test_header_of_upstream(void **state)
{
    (void)state;
    uint8_t bytes[300];
    begin_with("127.0.0.1");
    open_server(1);
    /* id 2 plays an Apache server: its connection, in pieces */
    int fd = dial(1);
    uint8_t header[64];
    store_be64(header, (uint64_t)INT64_C(-65536));
    store_be64(header + 8, 2);
    store_be32(header + 16, 14);
    memcpy(header + 20, "127.0.0.1:9999", 14);
    for (size_t i = 0; i < 34; i++) {
        put(fd, header + i, 1);
        runtime_turn(runtime, 1);
    }
    WAIT_FOR(servers[1].ups[2] == 1);
    put_message(fd, "from two");
    WAIT_FOR(servers[1].messages == 1);
    send_text(1, 2, "to two");
    ssize_t len = -1;
    WAIT_FOR((len = got(fd, bytes, sizeof bytes)) > 0);
    assert_int_equal(len, 10);
    assert_int_equal(load_be32(bytes), 6);
    assert_memory_equal(bytes + 4, "to two", 6);
    /* another connection of the same id takes its place */
    int second = dial(1);
    put_header(second, -65535, 2, "127.0.0.1:9999|[::1]:9999");
    WAIT_FOR(is_closed(fd));
    put_message(second, "second");
    WAIT_FOR(servers[1].messages == 2);
    close(fd);
    close(second);
    end();
}

static void test_legacy_and_nameless(void **state)
{
    (void)state;
    uint8_t bytes[64];
    begin_with("127.0.0.1");
    open_server(1);
    int fd = dial(1);
    store_be64(bytes, 2);
    store_be32(bytes + 8, 3);
    memcpy(bytes + 12, "old", 3);
    put(fd, bytes, 15);
    WAIT_FOR(servers[1].messages == 1);
    assert_int_equal(servers[1].last_from, 2);
    int nameless = dial(1);
    put_header(nameless, -65536, INT64_MAX, "127.0.0.1:9999");
    put_message(nameless, "who");
    WAIT_FOR(servers[1].messages == 2);
    assert_int_equal(servers[1].last_from, -1);
    election_port_send(servers[1].port, -1, SLICE_LIT("you"));
    WAIT_FOR(got(nameless, bytes, sizeof bytes) == 7);
    /* a stranger with a number that is in no configuration is answered, too */
    int stranger = dial(1);
    put_header(stranger, -65536, 77, "127.0.0.1:9999");
    put_message(stranger, "who");
    WAIT_FOR(servers[1].messages == 3);
    assert_int_equal(servers[1].last_from, 77);
    election_port_send(servers[1].port, 78, SLICE_LIT("nobody"));
    close(fd);
    close(nameless);
    close(stranger);
    end();
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        int64_t version;
        int64_t id;
        uint32_t len;
    } headers[] = {
        {-65536, 2, 0},  {-65536, 2, 2049},  {-65536, 2, 0xffffffff},
        {-65534, 2, 14}, {INT64_MIN, 2, 14}, {-1, 2, 14},
        {-65536, 1, 14}, {-65536, -5, 14},   {-65536, INT64_MIN, 14},
    };
    uint8_t bytes[64];
    begin_with("127.0.0.1");
    open_server(1);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        int fd = dial(1);
        store_be64(bytes, (uint64_t)headers[i].version);
        store_be64(bytes + 8, (uint64_t)headers[i].id);
        store_be32(bytes + 16, headers[i].len);
        memcpy(bytes + 20, "127.0.0.1:9999", 14);
        put(fd, bytes, 34);
        WAIT_FOR(is_closed(fd));
        close(fd);
    }
    static const uint32_t lens[] = {0, 524289, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        int fd = dial(1);
        put_header(fd, -65536, 3, "127.0.0.1:9999");
        store_be32(bytes, lens[i]);
        put(fd, bytes, 4);
        WAIT_FOR(is_closed(fd));
        close(fd);
    }
    /* one that says nothing, and one that stops in the middle: not for longer than the timeout */
    int silent = dial(1);
    int half = dial(1);
    store_be64(bytes, (uint64_t)INT64_C(-65536));
    put(half, bytes, 8);
    uint64_t began_ns = runtime_now_ns(runtime);
    WAIT_FOR(is_closed(silent));
    WAIT_FOR(is_closed(half));
    assert_true(runtime_now_ns(runtime) - began_ns < 2000000000);
    /* memory follows what came, not what was announced */
    size_t used = mem_used();
    int big = dial(1);
    put_header(big, -65536, 3, "127.0.0.1:9999");
    store_be32(bytes, 524288);
    put(big, bytes, 4);
    turn_for(50);
    assert_true(mem_used() < used + 65536);
    assert_int_equal(servers[1].messages, 0);
    close(silent);
    close(half);
    close(big);
    end();
}

/* Strangers are counted, and forgotten when they leave. */
static void test_many_strangers(void **state)
{
    (void)state;
    int fds[ELECTION_UNKNOWN_MAX + 8];
    begin_with("127.0.0.1");
    open_server(1);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            fds[i] = dial(1);
            put_header(fds[i], -65536, 1000 + round * 1000 + (int)i, "0.0.0.0:9999");
            put_message(fds[i], "hello");
            runtime_turn(runtime, 1);
        }
        turn_for(100);
        size_t closed = 0;
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            closed += is_closed(fds[i]) ? 1 : 0;
            close(fds[i]);
        }
        assert_int_equal(closed, 8);
        assert_int_equal(servers[1].messages, (round + 1) * ELECTION_UNKNOWN_MAX);
        turn_for(50);
    }
    end();
}

static void test_port_in_use(void **state)
{
    (void)state;
    struct errmsg message = {{0}};
    begin_with("127.0.0.1");
    open_server(1);
    struct zk_config config = servers[1].config;
    config.election_port_bind_retry = 1;
    struct election_port *second = election_port_create(runtime, &config, &events, &servers[2]);
    assert_int_equal(election_port_open(second, &message), ERR_IN_USE);
    assert_non_null(strstr(message.text, "elections"));
    election_port_destroy(second);
    /* With more than one attempt it is opened when the port is free. */
    config.election_port_bind_retry = 0;
    second = election_port_create(runtime, &config, &events, &servers[2]);
    assert_int_equal(election_port_open(second, &message), 0);
    assert_int_equal(election_port_address(second).port, 0);
    close_server(1);
    WAIT_FOR(election_port_address(second).port != 0);
    election_port_close(second);
    election_port_destroy(second);
    end();
}

/* Another address of a server: the next attempt goes there. */
static void test_configuration_changes(void **state)
{
    (void)state;
    char text[512];
    begin_with("127.0.0.1");
    open_server(1);
    open_server(3);
    send_text(3, 1, "hello");
    WAIT_FOR(servers[1].messages == 1);
    uint16_t port = free_port();
    snprintf(text, sizeof text,
             "server.1=127.0.0.1:1:%d\nserver.3=127.0.0.1:1:%d\nserver.2=127.0.0.1:1:%d\nversion=5",
             port, ports[3], ports[2]);
    struct quorum_config *changed;
    assert_int_equal(quorum_config_parse(slice_of_cstr(text), &changed, NULL, 0), 0);
    election_port_configure(servers[1].port, changed);
    election_port_propose(servers[3].port, changed);
    election_port_configure(servers[3].port, changed);
    assert_int_equal(election_port_address(servers[1].port).port, port);
    close_server(1);
    WAIT_FOR(!election_port_is_connected(servers[3].port, 1));
    send_text(3, 1, "again");
    quorum_config_drop(members);
    members = changed;
    open_server(1);
    WAIT_FOR(servers[1].messages == 1);
    assert_string_equal(servers[1].last, "again");
    end();
}

/* A reconfiguration has removed it: it knocks with the address that it had, and still listens. */
static void test_removed_server_asks_on(void **state)
{
    (void)state;
    char text[256];
    begin_with("127.0.0.1");
    open_server(1);
    open_server(3);
    snprintf(text, sizeof text, "server.3=127.0.0.1:1:%d\nserver.2=127.0.0.1:1:%d\nversion=5",
             ports[3], ports[2]);
    struct quorum_config *without;
    assert_int_equal(quorum_config_parse(slice_of_cstr(text), &without, NULL, 0), 0);
    election_port_configure(servers[1].port, without);
    election_port_configure(servers[3].port, without);
    assert_int_equal(election_port_address(servers[1].port).port, ports[1]);
    send_text(1, 3, "who leads?");
    WAIT_FOR(servers[3].messages == 1);
    assert_int_equal(servers[3].last_from, 1);
    send_text(3, 1, "two");
    WAIT_FOR(servers[1].messages == 1);
    quorum_config_drop(without);
    end();
}

/* It comes back with an old configuration, by which it has another port than the others think, and
 * theirs is the connection to make: they come to where it says it is, as upstream's do. */
static void test_who_moved_and_does_not_know(void **state)
{
    (void)state;
    char text[256];
    begin_with("127.0.0.1");
    open_server(1);
    open_server(3);
    snprintf(text, sizeof text, "server.1=127.0.0.1:1:%d\nserver.3=127.0.0.1:1:%d\nversion=5",
             free_port(), ports[3]);
    struct quorum_config *moved;
    assert_int_equal(quorum_config_parse(slice_of_cstr(text), &moved, NULL, 0), 0);
    election_port_configure(servers[3].port, moved);
    send_text(1, 3, "who leads?");
    WAIT_FOR(servers[3].messages == 1);
    assert_int_equal(servers[3].last_from, 1);
    send_text(3, 1, "three");
    WAIT_FOR(servers[1].messages == 1);
    quorum_config_drop(moved);
    end();
}

/* The loop dies under it. */
static void test_detached(void **state)
{
    (void)state;
    begin_with("no-such-host.invalid");
    struct server *server = &servers[1];
    struct errmsg message = {{0}};
    memset(servers, 0, sizeof servers);
    zk_config_init(&server->config);
    server->config.server_id = 1;
    server->config.members = members;
    server->port = election_port_create(runtime, &server->config, &events, server);
    assert_int_equal(election_port_open(server->port, &message), 0);
    send_text(1, 2, "hello");
    send_text(1, 3, "hello");
    runtime_turn(runtime, 1);
    election_port_detach(server->port);
    runtime_destroy(runtime);
    election_port_destroy(server->port);
    quorum_config_drop(members);
    assert_int_equal(server->downs[2], 0);
    assert_int_equal(mem_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_newest_wins_and_dead_is_told),
        cmocka_unit_test(test_death_seen_by_the_smaller),
        cmocka_unit_test(test_header_of_upstream),
        cmocka_unit_test(test_legacy_and_nameless),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_many_strangers),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_configuration_changes),
        cmocka_unit_test(test_removed_server_asks_on),
        cmocka_unit_test(test_who_moved_and_does_not_know),
        cmocka_unit_test(test_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
