/* Conversations of real clients with Apache's server (test/schema/zookeeper_frames.txt, recorded by
 * record_frames.py): every frame decodes by its operation and encodes to the same bytes. */
#include "base/map.h"
#include "generated/zookeeper/constants.h"
#include "generated/zookeeper/messages.h"
#include "support_codec.h"
#include "wire/jute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    enum zk_op op;
    const struct codec_message *request;
    const struct codec_message *reply; /* NULL: a header alone */
} operations[] = {
    {ZK_OP_CREATE, &zk_create_request_message, &zk_create_response_message},
    {ZK_OP_CREATE2, &zk_create_request_message, &zk_create2_response_message},
    {ZK_OP_CREATE_CONTAINER, &zk_create_request_message, &zk_create2_response_message},
    {ZK_OP_CREATE_TTL, &zk_create_ttl_request_message, &zk_create2_response_message},
    {ZK_OP_DELETE, &zk_delete_request_message, NULL},
    {ZK_OP_CHECK, &zk_check_version_request_message, NULL},
    {ZK_OP_EXISTS, &zk_exists_request_message, &zk_exists_response_message},
    {ZK_OP_GET_DATA, &zk_get_data_request_message, &zk_get_data_response_message},
    {ZK_OP_SET_DATA, &zk_set_data_request_message, &zk_set_data_response_message},
    {ZK_OP_GET_ACL, &zk_get_acl_request_message, &zk_get_acl_response_message},
    {ZK_OP_SET_ACL, &zk_set_acl_request_message, &zk_set_acl_response_message},
    {ZK_OP_GET_CHILDREN, &zk_get_children_request_message, &zk_get_children_response_message},
    {ZK_OP_GET_CHILDREN2, &zk_get_children2_request_message, &zk_get_children2_response_message},
    {ZK_OP_SYNC, &zk_sync_request_message, &zk_sync_response_message},
    {ZK_OP_AUTH, &zk_auth_packet_message, NULL},
    {ZK_OP_REMOVE_WATCHES, &zk_remove_watches_request_message, NULL},
    {ZK_OP_ADD_WATCH, &zk_add_watch_request_message, &zk_error_response_message},
    {ZK_OP_GET_EPHEMERALS, &zk_get_ephemerals_request_message, &zk_get_ephemerals_response_message},
    {ZK_OP_GET_ALL_CHILDREN_NUMBER, &zk_get_all_children_number_request_message,
     &zk_get_all_children_number_response_message},
    {ZK_OP_WHO_AM_I, NULL, &zk_who_am_i_response_message},
    {ZK_OP_PING, NULL, NULL},
    {ZK_OP_CLOSE_SESSION, NULL, NULL},
    {ZK_OP_ERROR, NULL, &zk_error_response_message},
};

static const struct codec_message *body_of(int32_t op, bool is_reply)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if ((int32_t)operations[i].op == op) {
            return is_reply ? operations[i].reply : operations[i].request;
        }
    }
    fail_msg("operation %d is not in the table", op);
    return NULL;
}

static void check_body(int32_t op, bool is_reply, struct slice *in)
{
    if (op != ZK_OP_MULTI) {
        const struct codec_message *message = body_of(op, is_reply);
        if (message != NULL) {
            check_same_bytes(message, 0, in, NULL);
        }
        return;
    }
    struct zk_multi_header header = {0};
    while (!header.done) {
        check_same_bytes(&zk_multi_header_message, 0, in, &header);
        if (!header.done) {
            check_body(header.type, is_reply, in);
        }
    }
}

struct conversation {
    struct u64_map ops; /* xid of a request -> its operation */
    bool client_connected;
    bool server_connected;
    size_t frames;
    size_t notifications;
    size_t errors;
};

static void check_request(struct conversation *conversation, struct slice in)
{
    if (!conversation->client_connected) {
        conversation->client_connected = true;
        struct zk_connect_request request;
        check_same_bytes(&zk_connect_request_message, 1, &in, &request);
        assert_true(request.timeout_ms > 0);
    } else {
        struct zk_request_header header;
        check_same_bytes(&zk_request_header_message, 0, &in, &header);
        u64_map_put(&conversation->ops, (uint64_t)header.xid, (uint64_t)header.type);
        check_body(header.type, false, &in);
    }
    assert_int_equal(in.len, 0);
}

static void check_reply(struct conversation *conversation, struct slice in)
{
    struct zk_reply_header header = {0};
    if (!conversation->server_connected) {
        conversation->server_connected = true;
        struct zk_connect_response response;
        check_same_bytes(&zk_connect_response_message, 1, &in, &response);
        assert_true(response.session_id != 0);
        assert_int_equal(response.passwd.len, 16);
        assert_int_equal(in.len, 0);
        return;
    }
    check_same_bytes(&zk_reply_header_message, 0, &in, &header);
    if (header.xid == ZK_XID_NOTIFICATION) {
        struct zk_watcher_event event;
        check_same_bytes(&zk_watcher_event_message, 0, &in, &event);
        assert_string_not_equal(zk_event_type_name(event.type), "unknown");
        assert_int_equal(event.state, ZK_STATE_SYNC_CONNECTED);
        conversation->notifications++;
    } else {
        uint64_t op = 0;
        assert_true(u64_map_get(&conversation->ops, (uint64_t)header.xid, &op));
        conversation->errors += header.err != 0;
        /* A body follows only where all went well, or where a multi says which part failed. */
        if (header.err == 0 || (in.len > 0 && (int32_t)op == ZK_OP_MULTI)) {
            check_body((int32_t)op, true, &in);
        }
        assert_string_not_equal(zk_error_name(header.err), "unknown");
    }
    assert_int_equal(in.len, 0);
}

static void test_recorded_conversations(void **state)
{
    (void)state;
    FILE *file = fopen("test/schema/zookeeper_frames.txt", "r");
    if (file == NULL) {
        fail_msg("test/schema/zookeeper_frames.txt cannot be read");
        return;
    }
    static char line[16384];
    static uint8_t bytes[8192];
    struct conversation conversation = {0};
    size_t conversations = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == 'o') {
            u64_map_release(&conversation.ops);
            conversation.client_connected = false;
            conversation.server_connected = false;
            conversations++;
            continue;
        }
        struct slice frame = slice_of(bytes, bytes_of_hex(line + 2, bytes, sizeof bytes));
        if (line[0] == '>') {
            check_request(&conversation, frame);
        } else {
            check_reply(&conversation, frame);
        }
        conversation.frames++;
    }
    assert_int_equal(fclose(file), 0);
    u64_map_release(&conversation.ops);
    assert_int_equal(conversations, 2);
    assert_true(conversation.frames > 100);
    assert_true(conversation.notifications > 3);
    assert_true(conversation.errors > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_conversations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
