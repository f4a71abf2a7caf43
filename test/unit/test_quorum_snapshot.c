/* A leader's tree arriving at a server of an ensemble that nobody else is up of: the test puts the
 * bytes where the link would, and looks at whose tree it is afterwards. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"
#include "wire/jute.h"
#include "zookeeper/core/quorum_packet.h"
#include "zookeeper/core/tree_snapshot.h"
#include "zookeeper/server/ensemble_private.h"
#include "zookeeper/server/quorum_port_private.h"
#include "zookeeper/server/snapshotter.h"

#define WAIT_NS UINT64_C(5000000000)
#define PORTS 7
/* Of one node; the snapshotter writes one a turn. */
#define NODE_BYTES ((size_t)200 << 10)
#define NODES 100
/* More than the kernel takes. */
#define UNREAD_BYTES ((size_t)16 << 20)

struct fixture {
    struct runtime *runtime;
    char folder[64];
    struct zk_config config;
    struct node node;
    struct quorum_port *port;
    int client;
    struct quorum_link *link; /* of the client's connection */
};

static void never_accept(struct tcp_stream *stream, void *ctx)
{
    (void)ctx;
    tcp_reject(stream);
}

static void find_ports(struct runtime *runtime, uint16_t ports[PORTS])
{
    struct tcp_address any = {.ip = {127, 0, 0, 1}};
    struct tcp_listen_options options = {.reuse_address = true};
    struct tcp_listener *listeners[PORTS];
    for (int i = 0; i < PORTS; i++) {
        assert_int_equal(tcp_listen(runtime, &any, &options, never_accept, NULL, &listeners[i]), 0);
        ports[i] = tcp_listener_address(listeners[i]).port;
    }
    for (int i = 0; i < PORTS; i++) {
        tcp_listener_close(listeners[i]);
    }
    runtime_turn(runtime, 0);
}

/* A node of some size, as the log would bring it. */
static void add_node(struct tree *tree, int64_t zxid, const char *path, size_t len)
{
    struct txn txn = {.header = {.zxid = zxid, .type = ZK_OP_CREATE}};
    uint8_t *data = calloc(1, len);
    txn.record.create = (struct zk_create_txn){.path = slice_of_cstr(path),
                                               .data = slice_of(data, len),
                                               .acl_count = -1,
                                               .parent_cversion = -1};
    tree_apply(tree, &txn, NULL);
    free(data);
    assert_non_null(tree_find(tree, slice_of_cstr(path)));
}

static bool has(struct fixture *f, const char *path)
{
    return tree_find(&f->node.service->tree, slice_of_cstr(path)) != NULL;
}

static void turn(struct fixture *f)
{
    runtime_turn(f->runtime, 5);
}

static void turn_until(struct fixture *f, bool (*holds)(struct fixture *f))
{
    uint64_t end = runtime_now_ns(f->runtime) + WAIT_NS;
    while (!holds(f) && runtime_now_ns(f->runtime) < end) {
        turn(f);
    }
    assert_true(holds(f));
}

static bool has_link(struct fixture *f)
{
    return f->port->link_count == 1;
}

static void connect_client(struct fixture *f, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(f->client, (struct sockaddr *)&address, sizeof address), 0);
    turn_until(f, has_link);
    f->link = CONTAINER_OF(f->port->links.next, struct quorum_link, entry);
}

static void begin(struct fixture *f)
{
    struct log_options quiet = {.level = getenv("T_LOG") ? LOG_DEBUG : LOG_OFF};
    struct errmsg message = {""};
    uint16_t ports[PORTS];
    char text[512];
    memset(f, 0, sizeof *f);
    assert_int_equal(log_configure(&quiet), 0);
    assert_int_equal(runtime_create(NULL, &f->runtime), 0);
    snprintf(f->folder, sizeof f->folder, "/tmp/samsa-snapshot-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    find_ports(f->runtime, ports);
    snprintf(text, sizeof text,
             "dataDir=%s\nclientPort=%u\nclientPortAddress=127.0.0.1\ntickTime=2000\ninitLimit=10\n"
             "syncLimit=5\nadmin.enableServer=false\nserver.1=127.0.0.1:%u:%u\n"
             "server.2=127.0.0.1:%u:%u\nserver.3=127.0.0.1:%u:%u\n",
             f->folder, ports[0], ports[1], ports[2], ports[3], ports[4], ports[5], ports[6]);
    assert_int_equal(
        zk_config_parse(&f->config, slice_of_cstr(text), "test", NULL, 0, NULL, NULL, &message), 0);
    f->config.server_id = 1; /* nobody reads a myid here */
    node_init(&f->node, f->runtime, &f->config);
    if (node_start(&f->node, &message) != 0) {
        fail_msg("%s", message.text);
    }
    f->port = f->node.ensemble->quorum_port;
    add_node(&f->node.service->tree, 1, "/ours", 1);
    connect_client(f, ports[1]);
}

static void on_stopped(void *ctx)
{
    bool *is_stopped = ctx;
    *is_stopped = true;
}

static void end(struct fixture *f)
{
    char command[128];
    bool is_stopped = false;
    close(f->client);
    node_stop(&f->node, on_stopped, &is_stopped);
    uint64_t deadline = runtime_now_ns(f->runtime) + WAIT_NS;
    while (!is_stopped && runtime_now_ns(f->runtime) < deadline) {
        turn(f);
    }
    assert_true(is_stopped);
    node_release(&f->node);
    zk_config_release(&f->config);
    runtime_destroy(f->runtime);
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0); /* style: system, of the test folder */
}

/* The tree of a leader: a body and its signature. */
static void write_theirs(const struct fixture *f, struct buffer *out)
{
    struct tree theirs;
    tree_init(&theirs, &f->node.service_config.tree);
    add_node(&theirs, 7, "/theirs", 1);
    struct tree_snapshot *walk = tree_snapshot_begin(&theirs, out);
    while (!tree_snapshot_step(walk, SIZE_MAX)) {
    }
    tree_snapshot_end(walk);
    tree_release(&theirs);
    jute_write_bytes(out, SLICE_LIT(QUORUM_SNAPSHOT_SIGNATURE));
}

/* The whole snapshot comes; loading it is a job's work now. */
static void receive_theirs(struct fixture *f)
{
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    write_theirs(f, &bytes);
    snapshot_in_begin(f->link);
    assert_int_equal(snapshot_in_take(f->link, buffer_slice(&bytes)), bytes.len);
    buffer_release(&bytes);
}

static bool has_received(struct fixture *f)
{
    return !quorum_port_is_receiving(f->port);
}

static void test_it_becomes_the_tree(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    receive_theirs(&f);
    turn_until(&f, has_received);
    assert_true(has(&f, "/theirs"));
    assert_false(has(&f, "/ours"));
    end(&f);
}

/* An own snapshot looks at the tree that goes. */
static void test_an_own_snapshot_is_being_written(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (int i = 0; i < NODES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/n%d", i);
        add_node(&f.node.service->tree, i + 2, path, NODE_BYTES);
    }
    assert_int_equal(snapshotter_begin(f.node.snapshotter, NULL, NULL), 0);
    receive_theirs(&f);
    turn_until(&f, has_received);
    assert_true(has(&f, "/theirs"));
    end(&f);
}

/* The machine has closed the link, which lives on for a moment, since its other end does not read
 * what is still to be sent: its tree is nobody's. */
static void test_the_link_is_closing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    receive_theirs(&f);
    struct buffer *out = tcp_output(f.link->stream);
    memset(buffer_reserve(out, UNREAD_BYTES), 0, UNREAD_BYTES);
    out->len += UNREAD_BYTES;
    quorum_link_close(f.link, 500);
    turn_until(&f, has_received);
    assert_true(has(&f, "/ours"));
    assert_false(has(&f, "/theirs"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_becomes_the_tree),
        cmocka_unit_test(test_an_own_snapshot_is_being_written),
        cmocka_unit_test(test_the_link_is_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
