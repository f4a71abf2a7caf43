#include "base/memory.h"
#include "support_ensemble_private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ANSWER_MS 60000

void ensemble_client_open(struct ensemble_peer *peer, struct test_client *client)
{
    *client = (struct test_client){.is_open = true};
    client->conn.remote_ip = SLICE_LIT("127.0.0.1");
    buffer_init(&client->received, SIZE_MAX);
    list_append(&peer->clients, &client->link);
    struct zk_event event = {.now_ms = peer->ensemble->now_ms, .wall_ms = peer->ensemble->wall_ms};
    service_conn_open(&peer->peer.service, &client->conn, &event);
}

void ensemble_client_drop(struct ensemble_peer *peer, struct test_client *client)
{
    if (client->is_open) {
        struct zk_event event = {.kind = ZK_EVENT_CLOSED, .conn = &client->conn};
        fake_run_event(peer, &event);
        client->is_open = false;
        list_remove(&client->link);
        buffer_release(&client->received);
    }
}

static void send_frame(struct ensemble_peer *peer, struct test_client *client, struct slice frame)
{
    struct zk_event event = {.kind = ZK_EVENT_FRAME, .conn = &client->conn, .frame = frame};
    fake_run_event(peer, &event);
}

void ensemble_send_connect(struct ensemble_peer *peer,
                           struct test_client *client,
                           int64_t session_id,
                           const uint8_t password[SESSION_PASSWORD_BYTES],
                           bool read_only)
{
    struct buffer frame;
    buffer_init(&frame, SIZE_MAX);
    jute_write_i32(&frame, 0);
    jute_write_i64(&frame, 0);
    jute_write_i32(&frame, 10000);
    jute_write_i64(&frame, session_id);
    jute_write_bytes(&frame, slice_of(password, SESSION_PASSWORD_BYTES));
    jute_write_bool(&frame, read_only);
    send_frame(peer, client, buffer_slice(&frame));
    buffer_release(&frame);
}

static bool is_answered(struct ensemble *ensemble, void *ctx)
{
    (void)ensemble;
    const struct test_client *client = ctx;
    return !client->is_open || client->is_closed || client->received.len > client->read_at;
}

void ensemble_client_connect(struct ensemble_peer *peer, struct test_client *client)
{
    static const uint8_t zeros[SESSION_PASSWORD_BYTES] = {0};
    ensemble_client_open(peer, client);
    ensemble_send_connect(peer, client, 0, zeros, false);
    ensemble_run_until(peer->ensemble, is_answered, client, ANSWER_MS);
    assert_int_equal(test_connect_answer(client), 10000);
}

bool ensemble_client_resume(struct ensemble_peer *peer,
                            struct test_client *client,
                            const struct test_client *of)
{
    uint8_t password[SESSION_PASSWORD_BYTES];
    int64_t session_id = of->conn.session_id;
    memcpy(password, of->password, sizeof password);
    ensemble_client_open(peer, client);
    ensemble_send_connect(peer, client, session_id, password, false);
    ensemble_run_until(peer->ensemble, is_answered, client, ANSWER_MS);
    assert_true(client->is_open && client->received.len > 0);
    return test_connect_answer(client) != 0;
}

int32_t ensemble_send(struct ensemble_peer *peer,
                      struct test_client *client,
                      int32_t type,
                      struct buffer *body)
{
    struct buffer frame;
    int32_t xid = test_request_frame(client, type, body, &frame);
    send_frame(peer, client, buffer_slice(&frame));
    buffer_release(&frame);
    return xid;
}

struct slice ensemble_call(struct ensemble_peer *peer,
                           struct test_client *client,
                           int32_t type,
                           struct buffer *body,
                           int32_t err)
{
    int32_t xid = ensemble_send(peer, client, type, body);
    ensemble_run_until(peer->ensemble, is_answered, client, ANSWER_MS);
    return test_expect(client, xid, err);
}

void ensemble_create(struct ensemble_peer *peer,
                     struct test_client *client,
                     const char *path,
                     const char *data,
                     int32_t flags)
{
    ensemble_call(peer, client, ZK_OP_CREATE, test_create_body(path, data, flags), ZK_ERR_OK);
}
