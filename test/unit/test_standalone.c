/* The machine as a whole under random work: clients that pipeline, come and go, expire; a disk that
 * is late. After every step the invariants hold; at every client answers come in order and time
 * does not go back (C3, C4); the digest that each transaction promised is the one that the tree
 * has; and the log, replayed, gives the same state. Then: bytes of no meaning. */
#include "support_service.h"

#include "base/random.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CLIENTS 5
#define PIPELINE_MAX 4096

struct actor {
    struct test_client client;
    bool is_connected;
    int32_t expected[PIPELINE_MAX]; /* xids whose answers are to come, in order */
    size_t first;
    size_t count;
    int64_t last_zxid;
};

struct world {
    struct test_server server;
    struct random random;
    struct actor actors[CLIENTS];
    uint64_t answers;
    uint64_t errors;
    uint64_t events;
};

static const char *const names[] = {"/",    "/a", "/a/b", "/a/b/c",
                                    "/a/c", "/d", "/d/e", "/zookeeper",
                                    "/a/",  "",   "x",    "/zookeeper/quota/a"};

static const char *some_path(struct world *world)
{
    return names[random_below(&world->random, ARRAY_LEN(names))];
}

static const char *some_data(struct world *world)
{
    static const char *const data[] = {
        NULL, "", "x", "longer data than that of the others, to be sure that it is moved"};
    return data[random_below(&world->random, ARRAY_LEN(data))];
}

static void append_some_acl(struct world *world, struct buffer *body)
{
    switch (random_below(&world->random, 12)) {
    case 0:
        jute_write_i32(body, 0);
        break;
    case 1: /* one that shuts others out */
        jute_write_i32(body, 2);
        jute_write_i32(body, ZK_PERM_ALL);
        test_append_text(body, "ip");
        test_append_text(body, "127.0.0.1");
        jute_write_i32(body, ZK_PERM_READ);
        test_append_text(body, "world");
        test_append_text(body, "anyone");
        break;
    default:
        test_append_open_acl(body);
        break;
    }
}

static void append_create(struct world *world, struct buffer *body, int32_t flags)
{
    test_append_text(body, some_path(world));
    test_append_text(body, some_data(world));
    append_some_acl(world, body);
    jute_write_i32(body, flags);
}

static int32_t some_version(struct world *world)
{
    return random_chance(&world->random, 4, 5) ? -1 : (int32_t)random_below(&world->random, 3);
}

static void append_op(struct world *world, struct buffer *body, int32_t type)
{
    switch (type) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
        append_create(world, body, (int32_t)random_below(&world->random, 5));
        break;
    case ZK_OP_CREATE_TTL:
        append_create(world, body, 5 + (int32_t)random_below(&world->random, 2));
        jute_write_i64(body, 1 + (int64_t)random_below(&world->random, 5000));
        break;
    case ZK_OP_SET_DATA:
        test_append_text(body, some_path(world));
        test_append_text(body, some_data(world));
        jute_write_i32(body, some_version(world));
        break;
    case ZK_OP_SET_ACL:
        test_append_text(body, some_path(world));
        append_some_acl(world, body);
        jute_write_i32(body, some_version(world));
        break;
    default: /* delete, check, and everything that begins with a path */
        test_append_text(body, some_path(world));
        jute_write_i32(body, some_version(world));
        break;
    }
}

static void append_multi(struct world *world, struct buffer *body)
{
    static const int32_t types[] = {ZK_OP_CREATE,   ZK_OP_CREATE2, ZK_OP_DELETE,
                                    ZK_OP_SET_DATA, ZK_OP_CHECK,   ZK_OP_CREATE_CONTAINER};
    uint64_t count = random_below(&world->random, 5);
    for (uint64_t i = 0; i < count; i++) {
        int32_t type = types[random_below(&world->random, ARRAY_LEN(types))];
        jute_write_i32(body, type);
        jute_write_bool(body, false);
        jute_write_i32(body, -1);
        append_op(world, body, type);
    }
    jute_write_i32(body, -1);
    jute_write_bool(body, true);
    jute_write_i32(body, -1);
}

static void append_set_watches(struct world *world, struct buffer *body)
{
    jute_write_i64(body, world->server.proposed_zxid - (int64_t)random_below(&world->random, 20));
    for (int list = 0; list < 5; list++) {
        int32_t count = (int32_t)random_below(&world->random, 3);
        jute_write_i32(body, count);
        for (int32_t i = 0; i < count; i++) {
            test_append_text(body, some_path(world));
        }
    }
}

static void send_something(struct world *world, struct actor *actor)
{
    static const int32_t types[] = {
        ZK_OP_CREATE,
        ZK_OP_CREATE,
        ZK_OP_CREATE2,
        ZK_OP_CREATE_CONTAINER,
        ZK_OP_CREATE_TTL,
        ZK_OP_DELETE,
        ZK_OP_DELETE,
        ZK_OP_SET_DATA,
        ZK_OP_SET_DATA,
        ZK_OP_SET_ACL,
        ZK_OP_MULTI,
        ZK_OP_MULTI,
        ZK_OP_GET_DATA,
        ZK_OP_EXISTS,
        ZK_OP_GET_CHILDREN,
        ZK_OP_GET_CHILDREN2,
        ZK_OP_GET_ACL,
        ZK_OP_SYNC,
        ZK_OP_PING,
        ZK_OP_WHO_AM_I,
        ZK_OP_GET_EPHEMERALS,
        ZK_OP_SET_WATCHES2,
        ZK_OP_ADD_WATCH,
        ZK_OP_REMOVE_WATCHES,
        ZK_OP_GET_ALL_CHILDREN_NUMBER,
        ZK_OP_RECONFIG,
        ZK_OP_SET_WATCHES,
        ZK_OP_CHECK_WATCHES,
        ZK_OP_DELETE_CONTAINER,
        ZK_OP_CLOSE_SESSION,
    };
    if (actor->count == PIPELINE_MAX) {
        return;
    }
    int32_t type = types[random_below(&world->random, ARRAY_LEN(types))];
    if (type == ZK_OP_CLOSE_SESSION && !random_chance(&world->random, 1, 20)) {
        return;
    }
    struct buffer *body = test_body();
    if (type == ZK_OP_MULTI) {
        append_multi(world, body);
    } else if (type == ZK_OP_SET_WATCHES || type == ZK_OP_SET_WATCHES2) {
        append_set_watches(world, body);
    } else {
        append_op(world, body, type);
    }
    if (random_chance(&world->random, 1, 40) && body->len > 0) {
        body->len = random_below(&world->random, body->len); /* cut short */
    }
    int32_t xid = test_send(&world->server, &actor->client, type, body);
    actor->expected[(actor->first + actor->count) % PIPELINE_MAX] = type == ZK_OP_PING ? ZK_XID_PING
                                                                                       : xid;
    actor->count += 1;
}

static void read_answers(struct world *world, struct actor *actor)
{
    struct test_frame frame;
    while (test_next_frame(&actor->client, &frame)) {
        if (frame.xid == ZK_XID_NOTIFICATION) {
            assert_true(frame.zxid == -1 ||
                        frame.zxid >= actor->last_zxid); /* before any answer that is newer (W2) */
            world->events += 1;
            continue;
        }
        assert_true(actor->count > 0);
        assert_int_equal(frame.xid, actor->expected[actor->first]);
        actor->first = (actor->first + 1) % PIPELINE_MAX;
        actor->count -= 1;
        assert_true(frame.zxid >= actor->last_zxid);
        actor->last_zxid = frame.zxid;
        world->answers += 1;
        world->errors += frame.err != 0 ? 1 : 0;
    }
}

static void leave(struct world *world, struct actor *actor)
{
    test_client_drop(&world->server, &actor->client);
    actor->is_connected = false;
    actor->first = 0;
    actor->count = 0;
}

static void come(struct world *world, struct actor *actor)
{
    bool resumes = actor->client.conn.session_id != 0 && random_chance(&world->random, 2, 3);
    if (resumes) {
        struct test_client old = actor->client;
        test_client_resume(&world->server, &actor->client, &old);
    } else {
        test_client_open(&world->server, &actor->client);
        test_send_connect(&world->server, &actor->client, 0,
                          4000 + (int32_t)random_below(&world->random, 8000), 0, SLICE_NULL);
        test_persist_all(&world->server);
        actor->last_zxid = 0;
    }
    actor->is_connected = true;
    (void)test_connect_answer(&actor->client);
    session_password(actor->client.conn.session_id, actor->client.password);
}

static void act(struct world *world)
{
    struct test_server *server = &world->server;
    struct actor *actor = &world->actors[random_below(&world->random, CLIENTS)];
    uint64_t what = random_below(&world->random, 100);
    if (!actor->is_connected) {
        come(world, actor);
    } else if (actor->client.is_closed || what < 1) {
        leave(world, actor);
    } else if (what < 80) {
        send_something(world, actor);
    } else if (what < 95) {
        int64_t durable = server->machine.persisted_zxid;
        int64_t more = server->proposed_zxid - durable;
        test_persist(server, durable + (int64_t)random_below(&world->random, (uint64_t)more + 1));
    } else {
        test_advance(server, random_below(&world->random, 900));
    }
    if (actor->is_connected) {
        read_answers(world, actor);
    }
}

static void check_replay(struct world *world)
{
    struct test_server second;
    test_server_init(&second);
    second.config = world->server.config;
    standalone_init(&second.machine, &second.config);
    struct jute_reader log = jute_reader_of(buffer_slice(&world->server.log), SIZE_MAX);
    while (log.rest.len > 0) {
        assert_int_equal(standalone_replay(&second.machine, jute_read_bytes(&log)), 0);
    }
    standalone_start(&second.machine, second.now_ms);
    assert_true(standalone_digest(&second.machine) == standalone_digest(&world->server.machine));
    assert_true(second.machine.service.tree.digest == world->server.machine.service.tree.digest);
    standalone_check(&second.machine);
    test_server_release(&second);
}

static void run(uint64_t seed, int steps, bool digest, bool enforce_quota)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    random_init(&world.random, seed);
    test_server_init(&world.server);
    world.server.config.prep.digest_enabled = digest;
    world.server.config.tree.digest_enabled = digest;
    world.server.config.prep.extended_types_enabled = true;
    world.server.config.tree.extended_types_enabled = true;
    world.server.config.prep.enforce_quota = enforce_quota;
    world.server.config.audit_enabled = seed % 2 == 0;
    world.server.config.container_check_interval_ms = 3000;
    world.server.config.outstanding_max = 20;
    test_server_start(&world.server);
    world.server.persists_at_once = false;
    for (int i = 0; i < steps; i++) {
        act(&world);
        if (i % 100 == 0) {
            tree_check(&world.server.machine.service.tree);
        }
    }
    test_persist_all(&world.server);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (world.actors[i].is_connected) {
            read_answers(&world, &world.actors[i]);
            assert_true(world.actors[i].count == 0 || world.actors[i].client.is_closed ||
                        world.actors[i].client.conn.session == NULL ||
                        world.actors[i].client.conn.session->is_closing);
        }
    }
    assert_int_equal(prep_outstanding(&world.server.machine.prep), 0);
    assert_true(world.answers > (uint64_t)steps / 4 && world.errors > 0 &&
                world.errors < world.answers && world.events > 0);
    check_replay(&world);
    test_server_release(&world.server);
}

static void test_random_work(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(seed, 3000, seed % 4 != 0, seed % 3 == 0);
    }
}

/* ---- bytes of no meaning
 * --------------------------------------------------------------------------------------- */

static void fill(struct random *random, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        /* Lengths and counts are most often small, zero or negative: those do more than noise. */
        uint64_t kind = random_below(random, 4);
        bytes[i] = kind == 0   ? (uint8_t)random_next(random)
                   : kind == 1 ? 0xff
                               : (uint8_t)(random_below(random, 4));
    }
}

static void test_random_bytes(void **state)
{
    (void)state;
    struct test_server server;
    struct random random;
    uint8_t frame[200];
    test_server_init(&server);
    random_init(&random, 99);
    server.config.prep.extended_types_enabled = true;
    server.config.tree.extended_types_enabled = true;
    server.config.audit_enabled = true;
    test_server_start(&server);
    for (int i = 0; i < 4000; i++) {
        struct test_client client;
        bool connects = random_chance(&random, 3, 4);
        if (connects) {
            test_client_connect(&server, &client);
        } else {
            test_client_open(&server, &client);
        }
        for (int k = 0; k < 10 && !client.is_closed; k++) {
            size_t len = random_below(&random, sizeof frame);
            fill(&random, frame, len);
            if (len >= 8 && connects && random_chance(&random, 9, 10)) {
                store_be32(frame + 4,
                           (uint32_t)(random_chance(&random, 1, 4) ? 100 + random_below(&random, 9)
                                                                   : random_below(&random, 24)));
            }
            test_send_frame(&server, &client, slice_of(frame, len));
        }
        if (client.is_open) {
            test_client_drop(&server, &client);
        }
    }
    tree_check(&server.machine.service.tree);
    test_server_release(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_work),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
