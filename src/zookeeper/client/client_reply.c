/* client_reply.c - frames from the server: which request they answer, and what they say.
 *
 * Replies come in the order of the requests, so the oldest packet is the one that is meant, and any
 * other xid means that we and the server disagree about the conversation: the connection is given
 * up. The few frames outside of this order carry the xids of enum zk_xid.
 * Source: ClientCnxn.SendThread.readResponse, MultiResponse.
 */
#include "runtime/log.h"
#include "wire/jute.h"
#include "zookeeper/client/client_private.h"

#define DECODED_BYTES_PER_REPLY_BYTE 12

/* ---- bodies ---------------------------------------------------------------------------------- */

static int decode(struct zk_client *client,
                  const struct codec_message *message,
                  struct slice *rest,
                  void *record)
{
    struct codec_limits limits = {
        .max_string_bytes = client->config.reply_bytes_max,
        .max_decoded_bytes = MIN(arena_room(&client->arena),
                                 (size_t)client->config.reply_bytes_max *
                                     DECODED_BYTES_PER_REPLY_BYTE),
    };
    return codec_decode(message, 0, rest, &limits, &client->arena, record);
}

static void reply_stat(struct zk_reply *reply, const struct zk_stat *stat)
{
    reply->stat = *stat;
    reply->has_stat = true;
}

static int decode_data(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_get_data_response response;
    int error = decode(client, &zk_get_data_response_message, &body, &response);
    if (error == 0) {
        reply->data = response.data;
        reply_stat(reply, &response.stat);
    }
    return error;
}

/* exists, setData and setACL answer with a Stat and nothing else. */
static int decode_stat(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_exists_response response;
    int error = decode(client, &zk_exists_response_message, &body, &response);
    if (error == 0) {
        reply_stat(reply, &response.stat);
    }
    return error;
}

static int decode_children(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_get_children2_response response;
    int error = decode(client, &zk_get_children2_response_message, &body, &response);
    if (error == 0) {
        reply->names = response.children;
        reply->name_count = MAX(response.children_count, 0);
        reply_stat(reply, &response.stat);
    }
    return error;
}

static int decode_acl(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_get_acl_response response;
    int error = decode(client, &zk_get_acl_response_message, &body, &response);
    if (error == 0) {
        reply->acl = response.acl;
        reply->acl_count = MAX(response.acl_count, 0);
        reply_stat(reply, &response.stat);
    }
    return error;
}

static int decode_create(struct zk_client *client, struct slice *body, struct slice *path)
{
    struct zk_create_response response;
    int error = decode(client, &zk_create_response_message, body, &response);
    if (error == 0) {
        /* create's answer loses the chroot's length, whatever it is (ZooKeeper.create). */
        size_t cut = MIN(client->connect.chroot.len, response.path.len);
        *path = slice_part(response.path, cut, response.path.len);
    }
    return error;
}

static int decode_create2(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_stat stat;
    int error = decode_create(client, &body, &reply->path);
    if (error == 0) {
        error = decode(client, &zk_stat_message, &body, &stat);
    }
    if (error == 0) {
        reply_stat(reply, &stat);
    }
    return error;
}

static int decode_ephemerals(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_get_ephemerals_response response;
    int error = decode(client, &zk_get_ephemerals_response_message, &body, &response);
    if (error == 0) {
        reply->names = response.ephemerals;
        reply->name_count = MAX(response.ephemerals_count, 0);
    }
    return error;
}

static int decode_who(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_who_am_i_response response;
    int error = decode(client, &zk_who_am_i_response_message, &body, &response);
    if (error == 0) {
        reply->who = response.client_info;
        reply->who_count = MAX(response.client_info_count, 0);
    }
    return error;
}

static int decode_number(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_get_all_children_number_response response;
    int error = decode(client, &zk_get_all_children_number_response_message, &body, &response);
    if (error == 0) {
        reply->number = response.total_number;
    }
    return error;
}

static int decode_sync(struct zk_client *client, struct slice body, struct zk_reply *reply)
{
    struct zk_sync_response response;
    int error = decode(client, &zk_sync_response_message, &body, &response);
    if (error == 0) {
        reply->path = client_strip_chroot(client, response.path);
    }
    return error;
}

static int decode_result(struct zk_client *client, struct slice *body, struct zk_op_result *result)
{
    struct zk_error_response failure;
    struct zk_exists_response stat = {0};
    int error;
    switch (result->type) {
    case ZK_OP_CREATE:
        return decode_create(client, body, &result->path);
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        error = decode_create(client, body, &result->path);
        return error != 0 ? error : decode(client, &zk_stat_message, body, &result->stat);
    case ZK_OP_SET_DATA:
        error = decode(client, &zk_exists_response_message, body, &stat);
        result->stat = stat.stat;
        return error;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
        return 0;
    case ZK_OP_ERROR:
        error = decode(client, &zk_error_response_message, body, &failure);
        result->err = error == 0 ? failure.err : 0;
        return error;
    default:
        return ERR_INVALID;
    }
}

static int decode_multi(struct zk_client *client,
                        struct slice body,
                        int32_t count,
                        struct zk_reply *reply)
{
    if (arena_room(&client->arena) / sizeof(struct zk_op_result) <= (size_t)count) {
        return ERR_LIMIT;
    }
    struct zk_op_result *results = ARENA_ARRAY(&client->arena, struct zk_op_result, count + 1);
    struct zk_multi_header header;
    int32_t found = 0;
    for (;;) {
        int error = decode(client, &zk_multi_header_message, &body, &header);
        if (error != 0 || header.done) {
            reply->results = results;
            reply->result_count = found;
            return error;
        }
        if (found == count) {
            return ERR_INVALID;
        }
        results[found].type = header.type;
        error = decode_result(client, &body, &results[found]);
        if (error != 0) {
            return error;
        }
        if (reply->err == 0) {
            reply->err = results[found].err;
        }
        found += 1;
    }
}

static int decode_body(struct zk_client *client,
                       const struct packet *packet,
                       struct slice body,
                       struct zk_reply *reply)
{
    switch (packet->op) {
    case ZK_OP_GET_DATA:
    case ZK_OP_RECONFIG:
        return decode_data(client, body, reply);
    case ZK_OP_EXISTS:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
        return decode_stat(client, body, reply);
    case ZK_OP_GET_CHILDREN2:
        return decode_children(client, body, reply);
    case ZK_OP_GET_ACL:
        return decode_acl(client, body, reply);
    case ZK_OP_CREATE:
        return decode_create(client, &body, &reply->path);
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        return decode_create2(client, body, reply);
    case ZK_OP_GET_EPHEMERALS:
        return decode_ephemerals(client, body, reply);
    case ZK_OP_WHO_AM_I:
        return decode_who(client, body, reply);
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        return decode_number(client, body, reply);
    case ZK_OP_SYNC:
        return decode_sync(client, body, reply);
    case ZK_OP_MULTI:
        return decode_multi(client, body, packet->result_count, reply);
    default:
        return 0; /* delete, addWatch, removeWatches, closeSession: no body that matters */
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

void client_finish(struct zk_client *client, struct packet *packet, struct zk_reply *reply)
{
    bool is_pending = packet->link.next != &packet->link;
    if (is_pending) {
        list_remove(&packet->link);
        client->pending_count -= 1;
        if (!packet->is_sent) {
            client->unsent_count -= 1;
            client->unsent_bytes -= packet->frame.len;
        }
    }
    client_hold(client);
    if (packet->removes_watches) {
        reply->err = client_remove_watches(client, packet, reply->err);
    } else if (packet->watcher != NULL) {
        client_register_watch(client, packet, reply->err);
    }
    reply->op = packet->op;
    if (packet->done.call != NULL && !client->is_released) {
        packet->done.call(packet->done.ctx, reply);
    }
    packet_release(packet);
    client_drop(client);
}

static void malformed(struct zk_client *client, const char *what)
{
    LOG("client", LOG_WARN, "session 0x%llx: %s: the connection is given up",
        (unsigned long long)client->session_id, what);
    client_lost(client);
}

static void take_event(struct zk_client *client, int64_t zxid, struct slice body)
{
    struct zk_watcher_event event;
    if (decode(client, &zk_watcher_event_message, &body, &event) != 0) {
        malformed(client, "malformed watch event");
        return;
    }
    struct zk_watch_event ours = {
        .type = event.type,
        .state = event.state,
        .path = client_strip_chroot(client, event.path),
        .zxid = zxid,
    };
    client_deliver(client, &ours);
}

static void take_reply(struct zk_client *client,
                       const struct zk_reply_header *header,
                       struct slice body)
{
    struct packet *packet = list_is_empty(&client->pending)
                                ? NULL
                                : CONTAINER_OF(client->pending.next, struct packet, link);
    if (packet == NULL || !packet->is_sent || packet->xid != header->xid) {
        malformed(client, "a reply that answers no request");
        return;
    }
    struct zk_reply reply = {.err = header->err, .zxid = header->zxid};
    if (header->zxid > 0) {
        client->last_zxid = header->zxid;
    }
    if (header->err == 0 && decode_body(client, packet, body, &reply) != 0) {
        malformed(client, "malformed reply");
        return;
    }
    bool is_end = packet->op == ZK_OP_CLOSE_SESSION;
    client_finish(client, packet, &reply);
    if (is_end && zk_client_is_alive(client)) {
        client_end(client, ZK_CLIENT_CLOSED, ZK_STATE_CLOSED);
    }
}

void client_take_frame(struct zk_client *client, struct slice frame)
{
    struct zk_reply_header header;
    arena_clear(&client->arena);
    if (decode(client, &zk_reply_header_message, &frame, &header) != 0) {
        malformed(client, "malformed reply header");
        return;
    }
    switch (header.xid) {
    case ZK_XID_PING:
    case ZK_XID_SET_WATCHES:
        return;
    case ZK_XID_AUTH:
        if (header.err == ZK_ERR_AUTHFAILED) {
            client_end(client, ZK_CLIENT_AUTH_FAILED, ZK_STATE_AUTH_FAILED);
        }
        return;
    case ZK_XID_NOTIFICATION:
        take_event(client, header.zxid, frame);
        return;
    default:
        take_reply(client, &header, frame);
        return;
    }
}

/* ---- copies ---------------------------------------------------------------------------------- */

static struct slice copy_slice(struct arena *arena, struct slice bytes)
{
    return slice_is_null(bytes) ? bytes : arena_copy(arena, bytes);
}

static void copy_acl(struct arena *arena, const struct zk_reply *from, struct zk_reply *to)
{
    struct zk_acl *acl = ARENA_ARRAY(arena, struct zk_acl, from->acl_count);
    for (int32_t i = 0; i < from->acl_count; i++) {
        codec_copy(&zk_acl_message, &from->acl[i], arena, &acl[i]);
    }
    to->acl = acl;
}

static void copy_who(struct arena *arena, const struct zk_reply *from, struct zk_reply *to)
{
    struct zk_client_info *who = ARENA_ARRAY(arena, struct zk_client_info, from->who_count);
    for (int32_t i = 0; i < from->who_count; i++) {
        codec_copy(&zk_client_info_message, &from->who[i], arena, &who[i]);
    }
    to->who = who;
}

static void copy_results(struct arena *arena, const struct zk_reply *from, struct zk_reply *to)
{
    struct zk_op_result *results = ARENA_ARRAY(arena, struct zk_op_result, from->result_count);
    for (int32_t i = 0; i < from->result_count; i++) {
        results[i] = from->results[i];
        results[i].path = copy_slice(arena, from->results[i].path);
    }
    to->results = results;
}

void zk_reply_copy(struct arena *arena, const struct zk_reply *from, struct zk_reply *to)
{
    *to = *from;
    to->path = copy_slice(arena, from->path);
    to->data = copy_slice(arena, from->data);
    struct slice *names = ARENA_ARRAY(arena, struct slice, from->name_count);
    for (int32_t i = 0; i < from->name_count; i++) {
        names[i] = copy_slice(arena, from->names[i]);
    }
    to->names = names;
    copy_acl(arena, from, to);
    copy_who(arena, from, to);
    copy_results(arena, from, to);
}
