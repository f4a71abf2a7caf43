/* client_request.c - requests become frames: the typed calls of client.h, the queue, the sending.
 *
 * A frame is built when the request is made. While the connection is ready it goes straight into
 * the stream's output; otherwise it waits in its packet. What goes out keeps the order of the
 * calls.
 */
#include "base/endian.h"
#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/client/client_private.h"
#include "zookeeper/client/path_check.h"

#define OUTPUT_BUSY_BYTES ((size_t)64 << 20) /* above, frames wait in their packets */
#define CONFIG_NODE SLICE_LIT("/zookeeper/config")

/* What a typed call says about its request. */
struct call {
    int32_t op;
    const struct codec_message *message; /* NULL: no body, or the one in `body` */
    const void *record;
    struct slice body; /* already encoded (multi) */
    struct slice path; /* kept when there is something to do with it at the reply */
    struct zk_watcher *watcher;
    enum client_watch_kind watch_kind;
    int32_t result_count;
    struct zk_done done;
};

/* ---- packets --------------------------------------------------------------------------------- */

void packet_release(struct packet *packet)
{
    buffer_release(&packet->frame);
    mem_free((void *)(uintptr_t)packet->path.ptr, packet->path.len);
    mem_free(packet, sizeof *packet);
}

static struct slice copy_path(struct slice path)
{
    if (path.len == 0) {
        return SLICE_NULL;
    }
    uint8_t *bytes = mem_alloc(path.len);
    memcpy(bytes, path.ptr, path.len);
    return slice_of(bytes, path.len);
}

/* A whole frame: length, header, body. */
static int build_frame(struct buffer *frame, int32_t xid, const struct call *call)
{
    buffer_init(frame, ZK_CLIENT_REQUEST_BYTES_MAX);
    buffer_append_be32(frame, 0);
    buffer_append_be32(frame, (uint32_t)xid);
    buffer_append_be32(frame, (uint32_t)call->op);
    int error = 0;
    if (call->message != NULL) {
        error = codec_encode(call->message, 0, call->record, frame);
    } else if (buffer_room(frame) >= call->body.len) {
        buffer_append(frame, call->body);
    } else {
        error = ERR_LIMIT;
    }
    if (error != 0) {
        buffer_release(frame);
        return error == ERR_LIMIT ? ERR_LIMIT : ERR_INVALID;
    }
    store_be32(frame->data, (uint32_t)(frame->len - 4));
    return 0;
}

static bool may_send(const struct zk_client *client)
{
    return client->stage == STAGE_READY && tcp_output_pending(client->stream) < OUTPUT_BUSY_BYTES;
}

static void send_packet(struct zk_client *client, struct packet *packet)
{
    buffer_append(tcp_output(client->stream), buffer_slice(&packet->frame));
    buffer_release(&packet->frame);
    packet->is_sent = true;
    client->last_sent_ns = runtime_now_ns(client->runtime);
}

void client_send_pending(struct zk_client *client)
{
    /* Those not sent stand together at the end: go back to the first of them. */
    struct list *link = &client->pending;
    for (uint32_t i = 0; i < client->unsent_count; i++) {
        link = link->prev;
    }
    while (client->unsent_count > 0 && may_send(client)) {
        struct packet *packet = CONTAINER_OF(link, struct packet, link);
        client->unsent_bytes -= packet->frame.len;
        client->unsent_count -= 1;
        send_packet(client, packet);
        link = link->next;
    }
}

/* Queues the packet behind the others, and sends it when nothing waits before it. */
static void enqueue(struct zk_client *client, struct packet *packet)
{
    packet->submitted_ns = runtime_now_ns(client->runtime);
    list_append(&client->pending, &packet->link);
    client->pending_count += 1;
    if (client->unsent_count == 0 && may_send(client)) {
        send_packet(client, packet);
    } else {
        client->unsent_count += 1;
        client->unsent_bytes += packet->frame.len;
    }
    if (client->config.request_timeout_ms > 0) {
        client_wake_at(client,
                       packet->submitted_ns + client->config.request_timeout_ms * NS_PER_MS);
    }
}

static struct packet *packet_make(const struct call *call)
{
    struct packet *packet = mem_alloc_zeroed(sizeof *packet);
    list_init(&packet->link);
    packet->op = call->op;
    packet->done = call->done;
    packet->result_count = call->result_count;
    packet->watcher = call->watcher;
    packet->watch_kind = call->watch_kind;
    packet->path = copy_path(call->path);
    return packet;
}

static int submit_packet(struct zk_client *client, const struct call *call, struct packet **made)
{
    bool is_full = client->pending_count >= ZK_CLIENT_PENDING_MAX ||
                   client->unsent_bytes >= ZK_CLIENT_PENDING_BYTES_MAX;
    if (is_full) {
        return ERR_LIMIT;
    }
    struct packet *packet = packet_make(call);
    packet->xid = client->next_xid;
    int error = build_frame(&packet->frame, packet->xid, call);
    if (error != 0) {
        packet_release(packet);
        return error;
    }
    client->next_xid = client->next_xid == INT32_MAX ? 1 : client->next_xid + 1;
    *made = packet;
    if (!zk_client_is_alive(client) || (client->is_closing && call->op != ZK_OP_CLOSE_SESSION)) {
        packet->err = zk_client_is_alive(client) ? ZK_ERR_CONNECTIONLOSS
                                                 : client_loss_error(client);
        list_append(&client->failed, &packet->link);
        client_wake_at(client, 0);
        return 0;
    }
    enqueue(client, packet);
    return 0;
}

static int submit(struct zk_client *client, const struct call *call)
{
    struct packet *packet;
    return submit_packet(client, call, &packet);
}

void client_send_record(struct zk_client *client,
                        int32_t xid,
                        int32_t op,
                        const struct codec_message *message,
                        const void *record)
{
    struct call call = {.op = op, .message = message, .record = record};
    struct buffer frame;
    int error = build_frame(&frame, xid, &call);
    ASSERT(error == 0);
    buffer_append(tcp_output(client->stream), buffer_slice(&frame));
    buffer_release(&frame);
    client->last_sent_ns = runtime_now_ns(client->runtime);
}

void client_send_ping(struct zk_client *client)
{
    client_send_record(client, ZK_XID_PING, ZK_OP_PING, NULL, NULL);
}

void client_send_credential(struct zk_client *client, const struct credential *credential)
{
    struct zk_auth_packet packet = {
        .scheme = buffer_slice(&credential->scheme),
        .auth = credential->has_auth
                    ? slice_of(credential->auth.data == NULL ? (const void *)""
                                                             : credential->auth.data,
                               credential->auth.len)
                    : SLICE_NULL,
    };
    client_send_record(client, ZK_XID_AUTH, ZK_OP_AUTH, &zk_auth_packet_message, &packet);
}

void client_send_close(struct zk_client *client)
{
    struct call call = {.op = ZK_OP_CLOSE_SESSION};
    if (submit(client, &call) != 0) {
        client_lost(client); /* too much is queued: the session ends with its connection */
    }
}

/* ---- failing --------------------------------------------------------------------------------- */

void client_fail_pending(struct zk_client *client, int32_t err, bool sent_only)
{
    LIST_FOR_EACH_SAFE(link, after, &client->pending)
    {
        struct packet *packet = CONTAINER_OF(link, struct packet, link);
        if (sent_only && !packet->is_sent) {
            break;
        }
        packet->err = err;
        client->pending_count -= 1;
        if (!packet->is_sent) {
            client->unsent_count -= 1;
            client->unsent_bytes -= packet->frame.len;
        }
        list_remove(link);
        list_append(&client->failed, link);
    }
    client_finish_failed(client);
}

void client_finish_failed(struct zk_client *client)
{
    client_hold(client);
    while (!client->is_released && !list_is_empty(&client->failed)) {
        struct packet *packet = CONTAINER_OF(client->failed.next, struct packet, link);
        struct zk_reply reply = {.err = packet->err};
        list_remove(&packet->link);
        client_finish(client, packet, &reply);
    }
    client_drop(client);
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The path as the server knows it; lives until the next call. */
static struct slice server_path(struct zk_client *client, struct slice path)
{
    struct slice chroot = client->connect.chroot;
    if (chroot.len == 0) {
        return path;
    }
    if (path.len == 1) {
        return chroot;
    }
    buffer_clear(&client->path_text, 4096);
    if (path.len + chroot.len > ZK_CLIENT_REQUEST_BYTES_MAX) {
        return path; /* too long in any case: build_frame says so */
    }
    buffer_append(&client->path_text, chroot);
    buffer_append(&client->path_text, path);
    return buffer_slice(&client->path_text);
}

static struct slice kept_path(struct slice path, const struct zk_watcher *watcher)
{
    return watcher != NULL ? path : SLICE_NULL;
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* `sent` is `path` as the server knows it. */
static int get_data(struct zk_client *client,
                    struct slice path,
                    struct slice sent,
                    struct zk_watcher *watcher,
                    struct zk_done done)
{
    struct zk_get_data_request request = {sent, watcher != NULL};
    struct call call = {.op = ZK_OP_GET_DATA,
                        .message = &zk_get_data_request_message,
                        .record = &request,
                        .path = kept_path(path, watcher),
                        .watcher = watcher,
                        .watch_kind = CLIENT_WATCH_DATA,
                        .done = done};
    return submit(client, &call);
}

int zk_client_get_data(struct zk_client *client,
                       struct slice path,
                       struct zk_watcher *watcher,
                       struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    return get_data(client, path, server_path(client, path), watcher, done);
}

int zk_client_get_config(struct zk_client *client, struct zk_watcher *watcher, struct zk_done done)
{
    return get_data(client, CONFIG_NODE, CONFIG_NODE, watcher, done);
}

int zk_client_exists(struct zk_client *client,
                     struct slice path,
                     struct zk_watcher *watcher,
                     struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_exists_request request = {server_path(client, path), watcher != NULL};
    struct call call = {.op = ZK_OP_EXISTS,
                        .message = &zk_exists_request_message,
                        .record = &request,
                        .path = kept_path(path, watcher),
                        .watcher = watcher,
                        .watch_kind = CLIENT_WATCH_DATA,
                        .done = done};
    return submit(client, &call);
}

int zk_client_get_children(struct zk_client *client,
                           struct slice path,
                           struct zk_watcher *watcher,
                           struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_get_children2_request request = {server_path(client, path), watcher != NULL};
    struct call call = {.op = ZK_OP_GET_CHILDREN2,
                        .message = &zk_get_children2_request_message,
                        .record = &request,
                        .path = kept_path(path, watcher),
                        .watcher = watcher,
                        .watch_kind = CLIENT_WATCH_CHILD,
                        .done = done};
    return submit(client, &call);
}

int zk_client_get_acl(struct zk_client *client, struct slice path, struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_get_acl_request request = {server_path(client, path)};
    struct call call = {.op = ZK_OP_GET_ACL,
                        .message = &zk_get_acl_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_get_all_children_number(struct zk_client *client,
                                      struct slice path,
                                      struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_get_all_children_number_request request = {server_path(client, path)};
    struct call call = {.op = ZK_OP_GET_ALL_CHILDREN_NUMBER,
                        .message = &zk_get_all_children_number_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_get_ephemerals(struct zk_client *client, struct slice prefix, struct zk_done done)
{
    if (path_check(prefix, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_get_ephemerals_request request = {prefix};
    struct call call = {.op = ZK_OP_GET_EPHEMERALS,
                        .message = &zk_get_ephemerals_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_who_am_i(struct zk_client *client, struct zk_done done)
{
    struct call call = {.op = ZK_OP_WHO_AM_I, .done = done};
    return submit(client, &call);
}

int zk_client_sync(struct zk_client *client, struct slice path, struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_sync_request request = {server_path(client, path)};
    struct call call = {
        .op = ZK_OP_SYNC, .message = &zk_sync_request_message, .record = &request, .done = done};
    return submit(client, &call);
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool is_sequential(int32_t mode)
{
    return mode == ZK_CREATE_PERSISTENT_SEQUENTIAL || mode == ZK_CREATE_EPHEMERAL_SEQUENTIAL ||
           mode == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

static bool has_ttl(int32_t mode)
{
    return mode == ZK_CREATE_PERSISTENT_WITH_TTL ||
           mode == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

static int check_create_path(const struct zk_create *create)
{
    return is_sequential(create->mode) ? path_check_sequential(create->path, NULL)
                                       : path_check(create->path, NULL);
}

/* Which request creates a node of this mode? ZooKeeper.create. */
static int32_t create_op(int32_t mode)
{
    if (has_ttl(mode)) {
        return ZK_OP_CREATE_TTL;
    }
    return mode == ZK_CREATE_CONTAINER ? ZK_OP_CREATE_CONTAINER : ZK_OP_CREATE;
}

/* The acl array of a record is not const, and is not written to. */
static struct zk_acl *acl_of(const struct zk_acl *acl)
{
    return (struct zk_acl *)(uintptr_t)acl;
}

static struct zk_create_ttl_request create_record(struct zk_client *client,
                                                  const struct zk_create *create)
{
    return (struct zk_create_ttl_request){
        .path = server_path(client, create->path),
        .data = create->data,
        .acl = acl_of(create->acl),
        .acl_count = create->acl_count,
        .flags = create->mode,
        .ttl = create->ttl_ms,
    };
}

static struct zk_create_request create_record_without_ttl(
    const struct zk_create_ttl_request *record)
{
    return (struct zk_create_request){
        .path = record->path,
        .data = record->data,
        .acl = record->acl,
        .acl_count = record->acl_count,
        .flags = record->flags,
    };
}

int zk_client_create(struct zk_client *client, const struct zk_create *create, struct zk_done done)
{
    if (check_create_path(create) != 0) {
        return ERR_INVALID;
    }
    struct zk_create_ttl_request with_ttl = create_record(client, create);
    struct zk_create_request without_ttl = create_record_without_ttl(&with_ttl);
    struct call call = {.op = create_op(create->mode),
                        .message = &zk_create_request_message,
                        .record = &without_ttl,
                        .done = done};
    if (has_ttl(create->mode)) {
        call.message = &zk_create_ttl_request_message;
        call.record = &with_ttl;
    }
    return submit(client, &call);
}

int zk_client_delete(struct zk_client *client,
                     struct slice path,
                     int32_t version,
                     struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    /* "/" stands for itself even below a chroot: nobody may delete it (ZooKeeper.delete). */
    struct zk_delete_request request = {path.len == 1 ? path : server_path(client, path), version};
    struct call call = {.op = ZK_OP_DELETE,
                        .message = &zk_delete_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_set_data(struct zk_client *client,
                       struct slice path,
                       struct slice data,
                       int32_t version,
                       struct zk_done done)
{
    if (path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_set_data_request request = {server_path(client, path), data, version};
    struct call call = {.op = ZK_OP_SET_DATA,
                        .message = &zk_set_data_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_set_acl(struct zk_client *client, const struct zk_set_acl *set, struct zk_done done)
{
    if (path_check(set->path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_set_acl_request request = {
        .path = server_path(client, set->path),
        .acl = acl_of(set->acl),
        .acl_count = set->acl_count,
        .version = set->version,
    };
    struct call call = {.op = ZK_OP_SET_ACL,
                        .message = &zk_set_acl_request_message,
                        .record = &request,
                        .done = done};
    return submit(client, &call);
}

int zk_client_reconfig(struct zk_client *client,
                       const struct zk_reconfig_request *request,
                       struct zk_done done)
{
    struct call call = {.op = ZK_OP_RECONFIG,
                        .message = &zk_reconfig_request_message,
                        .record = request,
                        .done = done};
    return submit(client, &call);
}

/* ---- watches --------------------------------------------------------------------------------- */

int zk_client_add_watch(struct zk_client *client,
                        struct slice path,
                        int32_t mode,
                        struct zk_watcher *watcher,
                        struct zk_done done)
{
    bool is_known = mode == ZK_ADD_WATCH_PERSISTENT || mode == ZK_ADD_WATCH_PERSISTENT_RECURSIVE;
    if (path_check(path, NULL) != 0 || watcher == NULL || !is_known) {
        return ERR_INVALID;
    }
    struct zk_add_watch_request request = {server_path(client, path), mode};
    struct call call = {
        .op = ZK_OP_ADD_WATCH,
        .message = &zk_add_watch_request_message,
        .record = &request,
        .path = path,
        .watcher = watcher,
        .watch_kind = mode == ZK_ADD_WATCH_PERSISTENT ? CLIENT_WATCH_PERSISTENT
                                                      : CLIENT_WATCH_RECURSIVE,
        .done = done,
    };
    return submit(client, &call);
}

int zk_client_remove_watches(struct zk_client *client,
                             struct slice path,
                             int32_t type,
                             bool is_local,
                             struct zk_done done)
{
    bool is_known = type >= ZK_WATCHER_CHILDREN && type <= ZK_WATCHER_PERSISTENT_RECURSIVE;
    if (path_check(path, NULL) != 0 || !is_known) {
        return ERR_INVALID;
    }
    struct zk_remove_watches_request request = {server_path(client, path), type};
    struct call call = {.op = ZK_OP_REMOVE_WATCHES,
                        .message = &zk_remove_watches_request_message,
                        .record = &request,
                        .path = path,
                        .done = done};
    struct packet *packet;
    int error = submit_packet(client, &call, &packet);
    if (error == 0) {
        packet->removes_watches = true;
        packet->removes_locally = is_local;
        packet->removed_type = type;
    }
    return error;
}

/* ---- multi ----------------------------------------------------------------------------------- */

static int encode_op(struct zk_client *client, const struct zk_multi_op *op, struct buffer *out)
{
    struct slice path = op->create.path;
    bool is_create = op->type == ZK_OP_CREATE;
    if (is_create ? check_create_path(&op->create) != 0 : path_check(path, NULL) != 0) {
        return ERR_INVALID;
    }
    struct zk_multi_header header = {is_create ? create_op(op->create.mode) : op->type, false, -1};
    int error = codec_encode(&zk_multi_header_message, 0, &header, out);
    if (error != 0) {
        return error;
    }
    path = server_path(client, path);
    switch (op->type) {
    case ZK_OP_CREATE: {
        struct zk_create_ttl_request with_ttl = create_record(client, &op->create);
        struct zk_create_request without_ttl = create_record_without_ttl(&with_ttl);
        return has_ttl(op->create.mode)
                   ? codec_encode(&zk_create_ttl_request_message, 0, &with_ttl, out)
                   : codec_encode(&zk_create_request_message, 0, &without_ttl, out);
    }
    case ZK_OP_DELETE: {
        struct zk_delete_request request = {path, op->version};
        return codec_encode(&zk_delete_request_message, 0, &request, out);
    }
    case ZK_OP_SET_DATA: {
        struct zk_set_data_request request = {path, op->create.data, op->version};
        return codec_encode(&zk_set_data_request_message, 0, &request, out);
    }
    case ZK_OP_CHECK: {
        struct zk_check_version_request request = {path, op->version};
        return codec_encode(&zk_check_version_request_message, 0, &request, out);
    }
    default:
        return ERR_INVALID;
    }
}

int zk_client_multi(struct zk_client *client,
                    const struct zk_multi_op *ops,
                    size_t count,
                    struct zk_done done)
{
    struct buffer body;
    int error = count <= ZK_CLIENT_PENDING_MAX ? 0 : ERR_LIMIT;
    buffer_init(&body, ZK_CLIENT_REQUEST_BYTES_MAX);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = encode_op(client, &ops[i], &body);
    }
    if (error == 0) {
        struct zk_multi_header end = {-1, true, -1};
        error = codec_encode(&zk_multi_header_message, 0, &end, &body);
    }
    if (error == 0) {
        struct call call = {.op = ZK_OP_MULTI,
                            .body = buffer_slice(&body),
                            .result_count = (int32_t)count,
                            .done = done};
        error = submit(client, &call);
    }
    buffer_release(&body);
    return error;
}
