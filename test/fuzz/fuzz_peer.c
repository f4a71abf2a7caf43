/* What servers of an ensemble and clients send to one of them: a fresh peer that leads, follows or
 * observes, a host whose disk is late, and packets of any kind in any order.
 *
 * Input: the first byte says what the peer is; then a run of [what: u8][detail: u8][length: u8]
 * [bytes]. `what` names the link or client and the kind of thing; see act().
 *
 * Nothing may assert, leak, or reach beyond a packet; the invariants of the peer (peer_check) hold
 * after every step. */
#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/learner.h"
#include "zookeeper/core/peer_private.h"
#include "zookeeper/core/quorum_packet.h"

#define LINKS 4
#define LINKS_OPENED 64 /* in one run */
#define CLIENTS 2
#define CLIENTS_OPENED 32
#define WORK_MAX 4096
#define TICK_MS 1000

struct work {
    enum zk_effect_kind kind;
    enum zk_peer_effect_kind peer_kind;
    enum zk_epoch_kind epoch_kind;
    int64_t zxid;
    struct zk_link *link;
};

struct host {
    struct service_config service_config;
    struct peer_config config;
    struct quorum_config *members;
    struct peer peer;
    struct zk_outbox outbox;
    struct zk_link *links[LINKS];
    bool link_closes[LINKS];
    unsigned links_opened;
    struct service_conn *clients[CLIENTS];
    unsigned clients_opened;
    struct work work[WORK_MAX];
    size_t work_at;
    size_t work_count;
    struct zk_effect dial; /* LINK_CONNECT that is to be answered */
    bool dials;
    bool has_failed;
    uint64_t now_ms;
};

static size_t weak_digest(struct slice in, uint8_t out[64])
{
    memset(out, 0, 20);
    for (size_t i = 0; i < in.len; i++) {
        out[i % 20] = (uint8_t)(out[i % 20] * 31 + in.ptr[i]);
    }
    return 20;
}

static void configure(struct host *host, uint8_t mode)
{
    host->service_config = (struct service_config){
        .hash_key = {1, 2},
        .server_id = 1,
        .session_start_ms = 1000,
        .tick_ms = TICK_MS,
        .min_session_timeout_ms = 2000,
        .max_session_timeout_ms = 20000,
        .frame_bytes_max = 65536,
        .outstanding_max = 8,
        .output_bytes_max = 4096,
        .multi_ops_max = 100,
        .multi_response_bytes_max = 65536,
        .container_check_interval_ms = 1000,
        .container_max_per_minute = 10000,
        .local_sessions_enabled = (mode & 4) != 0,
        .local_sessions_upgrading_enabled = (mode & 8) != 0,
        .prep = {.auth = {.crypto = {weak_digest}, .digest_enabled = true, .skip_acl = true},
                 .digest_enabled = true,
                 .close_session_txn_enabled = true,
                 .reconfig_enabled = (mode & 16) != 0,
                 .max_string_bytes = 65536},
        .tree = {.hash_key = {3, 4}, .digest_enabled = true},
    };
    struct election_config election = {.server_id = 1,
                                       .finalize_ms = 200,
                                       .notification_ms = 200,
                                       .notification_max_ms = 60000,
                                       .reconfig_enabled = (mode & 16) != 0};
    host->config = (struct peer_config){.server_id = 1,
                                        .tick_ms = TICK_MS,
                                        .init_limit = 10,
                                        .sync_limit = 5,
                                        .commit_log_count = 8,
                                        .snapshot_size_factor = 0.33,
                                        .leader_serves = true,
                                        .sync_enabled = (mode & 32) == 0,
                                        .read_only_mode_enabled = (mode & 64) != 0,
                                        .local_sessions_enabled = (mode & 4) != 0,
                                        .reconfig_enabled = (mode & 16) != 0,
                                        .election = election};
}

/* ---- the host ------------------------------------------------------------------------ */

static void perform(struct host *host)
{
    for (size_t i = 0; i < host->outbox.count; i++) {
        const struct zk_effect *effect = &host->outbox.effects[i];
        bool is_work = effect->kind == ZK_EFFECT_PERSIST;
        if (effect->kind == ZK_EFFECT_PEER) {
            switch (effect->peer_kind) {
            case PEER_EFFECT_LINK_CONNECT:
                host->dial = *effect;
                host->dials = true;
                break;
            case PEER_EFFECT_LINK_CLOSE:
                host->link_closes[(size_t)effect->link->host] = true;
                break;
            case PEER_EFFECT_FAIL:
                host->has_failed = true;
                break;
            case PEER_EFFECT_LINK_SEND_SNAPSHOT:
            case PEER_EFFECT_LINK_READ_SNAPSHOT:
            case PEER_EFFECT_TAKE_SNAPSHOT:
            case PEER_EFFECT_TRUNCATE:
            case PEER_EFFECT_READ_LOG:
            case PEER_EFFECT_PERSIST_EPOCH:
                is_work = true;
                break;
            case PEER_EFFECT_NOTIFY:
            case PEER_EFFECT_LINK_SEND:
            case PEER_EFFECT_CONFIG:
            case PEER_EFFECT_ROLE:
                break;
            }
        }
        if (is_work && host->work_count < WORK_MAX) {
            host->work[host->work_count++] = (struct work){
                effect->kind, effect->peer_kind, effect->epoch_kind, effect->zxid, effect->link};
        }
    }
    zk_outbox_clear(&host->outbox);
}

static void step(struct host *host, struct zk_event *event)
{
    event->now_ms = host->now_ms;
    event->now_ns = host->now_ms * 1000000;
    event->wall_ms = (int64_t)host->now_ms;
    peer_step(&host->peer, event, &host->outbox);
    perform(host);
    peer_check(&host->peer);
}

static void link_event(struct host *host, struct zk_link *link, enum zk_peer_event_kind kind)
{
    struct zk_event event = {.kind = ZK_EVENT_PEER, .peer_kind = kind, .link = link};
    step(host, &event);
}

static void end_link(struct host *host, size_t i)
{
    struct zk_link *link = host->links[i];
    if (link == NULL) {
        return;
    }
    host->links[i] = NULL;
    for (size_t k = host->work_at; k < host->work_count; k++) {
        if (host->work[k].link == link) {
            host->work[k].link = NULL;
        }
    }
    link_event(host, link, PEER_EVENT_LINK_CLOSED);
    host->link_closes[i] = false;
    mem_free(link, sizeof *link);
}

static void open_link(struct host *host, size_t i, bool is_ours)
{
    if (host->links[i] != NULL || host->links_opened++ >= LINKS_OPENED) {
        return;
    }
    struct zk_link *link = mem_alloc_zeroed(sizeof *link);
    link->id = host->links_opened;
    link->host = (void *)i;
    link->is_ours = is_ours;
    link->attempt = is_ours ? host->dial.zxid : 0;
    host->links[i] = link;
    host->link_closes[i] = false;
    link_event(host, link, PEER_EVENT_LINK_OPEN);
}

/* The disk, or whatever the host does by itself, gets on by one. */
static void do_work(struct host *host, uint8_t detail)
{
    if (host->work_at == host->work_count) {
        return;
    }
    struct work work = host->work[host->work_at++];
    struct zk_event event = {.kind = ZK_EVENT_PEER, .zxid = work.zxid, .link = work.link};
    if (work.kind == ZK_EFFECT_PERSIST) {
        event.kind = ZK_EVENT_PERSISTED;
        step(host, &event);
        return;
    }
    event.epoch_kind = work.epoch_kind;
    bool is_of_link = work.peer_kind == PEER_EFFECT_LINK_SEND_SNAPSHOT ||
                      work.peer_kind == PEER_EFFECT_LINK_READ_SNAPSHOT ||
                      work.peer_kind == PEER_EFFECT_READ_LOG;
    if (is_of_link && (work.link == NULL || host->link_closes[(size_t)work.link->host])) {
        return;
    }
    switch (work.peer_kind) {
    case PEER_EFFECT_LINK_SEND_SNAPSHOT:
        event.zxid = host->peer.service.tree.last_processed_zxid;
        event.peer_kind = PEER_EVENT_SNAPSHOT_BEGAN;
        step(host, &event);
        if (host->link_closes[(size_t)work.link->host]) {
            return;
        }
        event.peer_kind = PEER_EVENT_SNAPSHOT_SENT;
        break;
    case PEER_EFFECT_LINK_READ_SNAPSHOT:
        event.peer_kind = PEER_EVENT_SNAPSHOT_READ;
        event.error = (detail & 1) != 0 ? ERR_CORRUPT : 0;
        if (event.error == 0) {
            peer_reset_tree(&host->peer);
        }
        break;
    case PEER_EFFECT_TAKE_SNAPSHOT:
        event.peer_kind = PEER_EVENT_SNAPSHOT_TAKEN;
        break;
    case PEER_EFFECT_TRUNCATE:
        event.peer_kind = PEER_EVENT_TRUNCATED;
        event.error = (detail & 1) != 0 ? ERR_NOT_FOUND : 0;
        if (event.error == 0) {
            peer_reset_tree(&host->peer);
            host->peer.service.tree.last_processed_zxid = (detail & 2) != 0 ? 0 : work.zxid;
        }
        event.zxid = host->peer.service.tree.last_processed_zxid;
        break;
    case PEER_EFFECT_READ_LOG:
        event.peer_kind = PEER_EVENT_LOG_READ;
        event.error = ERR_NOT_FOUND;
        break;
    case PEER_EFFECT_PERSIST_EPOCH:
        event.peer_kind = PEER_EVENT_EPOCH_PERSISTED;
        break;
    case PEER_EFFECT_NOTIFY:
    case PEER_EFFECT_LINK_CONNECT:
    case PEER_EFFECT_LINK_SEND:
    case PEER_EFFECT_LINK_CLOSE:
    case PEER_EFFECT_CONFIG:
    case PEER_EFFECT_ROLE:
    case PEER_EFFECT_FAIL:
        return; /* performed at once */
    }
    step(host, &event);
}

/* ---- packets ------------------------------------------------------------------------- */

static int64_t choose_zxid(const struct host *host, uint8_t detail, struct slice *bytes)
{
    const struct peer *peer = &host->peer;
    int64_t epoch = peer->promised_epoch;
    if (peer->learner != NULL) {
        epoch = peer->learner->epoch != 0 ? peer->learner->epoch : epoch + 1;
    }
    int64_t next = peer->learner != NULL ? peer->learner->last_zxid + 1 : peer->logged_zxid;
    switch (detail & 7) {
    case 0:
        return next;
    case 1:
        return zxid_make(epoch, 0);
    case 2:
        return zxid_make(epoch, 1);
    case 3:
        return peer_next_unapplied(peer);
    case 4:
        return peer_last_zxid(peer);
    case 5:
        return zxid_make(peer->current_epoch, 0);
    default:
        break;
    }
    uint8_t raw[8] = {0};
    size_t len = MIN(bytes->len, sizeof raw);
    if (len > 0) {
        memcpy(raw, bytes->ptr, len);
        *bytes = slice_part(*bytes, len, bytes->len);
    }
    return (int64_t)load_be64(raw);
}

static void append_txn(int64_t zxid, struct slice bytes, struct buffer *out)
{
    bool is_reconfig = bytes.len > 0 && (bytes.ptr[0] & 1) != 0;
    jute_write_i64(out, bytes.len > 1 ? bytes.ptr[1] : 7);
    jute_write_i32(out, bytes.len > 2 ? bytes.ptr[2] : 0);
    jute_write_i64(out, zxid);
    jute_write_i64(out, 1);
    jute_write_i32(out, is_reconfig ? ZK_OP_RECONFIG : ZK_OP_CREATE_SESSION);
    if (is_reconfig) {
        jute_write_bytes(out, SLICE_LIT("/zookeeper/config"));
        jute_write_bytes(out, SLICE_LIT("server.1=a:1:2:participant\n"
                                        "server.2=b:1:2:participant\nversion=100000001"));
    }
    jute_write_i32(out, 5000);
}

/* What would be right for a packet of this type, so that some get far. */
static void append_sensible(const struct host *host,
                            int32_t type,
                            int64_t zxid,
                            struct slice bytes,
                            struct buffer *out)
{
    if (type == ZK_PACKET_INFORM_AND_ACTIVATE || type == ZK_PACKET_COMMIT_AND_ACTIVATE) {
        jute_write_i64(out, bytes.len > 0 ? bytes.ptr[0] % 5 : 3);
    }
    switch (type) {
    case ZK_PACKET_INFORM_AND_ACTIVATE:
    case ZK_PACKET_PROPOSAL:
    case ZK_PACKET_INFORM:
        append_txn(zxid, bytes, out);
        return;
    case ZK_PACKET_COMMIT_AND_ACTIVATE:
        return;
    case ZK_PACKET_FOLLOWERINFO:
    case ZK_PACKET_OBSERVERINFO:
        jute_write_i64(out, bytes.len > 0 ? bytes.ptr[0] % 5 : 2);
        jute_write_i32(out, QUORUM_PROTOCOL_VERSION);
        jute_write_i64(out, 0);
        return;
    case ZK_PACKET_LEADERINFO:
        jute_write_i32(out, QUORUM_PROTOCOL_VERSION);
        return;
    case ZK_PACKET_ACKEPOCH:
        jute_write_i32(out, (int32_t)host->peer.current_epoch);
        return;
    case ZK_PACKET_REVALIDATE:
        jute_write_i64(out, host->clients[0] != NULL ? host->clients[0]->session_id : 7);
        if (host->peer.learner != NULL) {
            jute_write_bool(out, true);
        } else {
            jute_write_i32(out, 5000);
        }
        return;
    case ZK_PACKET_REQUEST:
        jute_write_i64(out, 7);
        jute_write_i32(out, 1);
        jute_write_i32(out, bytes.len > 0 ? bytes.ptr[0] % 25 - 11 : ZK_OP_CREATE_SESSION);
        buffer_append(out, slice_part(bytes, MIN(bytes.len, (size_t)1), bytes.len));
        return;
    default:
        buffer_append(out, bytes);
        return;
    }
}

static void send_packet(struct host *host, size_t i, uint8_t detail, struct slice bytes)
{
    if (host->links[i] == NULL || host->link_closes[i] || bytes.len == 0) {
        return;
    }
    int32_t type = bytes.ptr[0] % 21;
    bytes = slice_part(bytes, 1, bytes.len);
    int64_t zxid = choose_zxid(host, detail, &bytes);
    struct buffer data;
    struct buffer packet;
    struct quorum_packet decoded;
    buffer_init(&data, SIZE_MAX);
    buffer_init(&packet, SIZE_MAX);
    if ((detail & 8) != 0) {
        append_sensible(host, type, zxid, bytes, &data);
    } else {
        buffer_append(&data, bytes);
    }
    quorum_packet_write(&packet, type, zxid, buffer_slice(&data));
    if (quorum_packet_decode(buffer_slice(&packet), 65536, &decoded) == ERR_OK) {
        struct zk_event event = {.kind = ZK_EVENT_PEER,
                                 .peer_kind = PEER_EVENT_LINK_PACKET,
                                 .link = host->links[i],
                                 .packet_type = type,
                                 .zxid = zxid,
                                 .frame = decoded.data,
                                 .authinfo = decoded.authinfo};
        host->links[i]->input_bytes += packet.len;
        step(host, &event);
    }
    buffer_release(&data);
    buffer_release(&packet);
}

/* ---- clients ------------------------------------------------------------------------- */

static void end_client(struct host *host, size_t i)
{
    if (host->clients[i] != NULL) {
        struct zk_event event = {.kind = ZK_EVENT_CLOSED, .conn = host->clients[i]};
        step(host, &event);
        mem_free(host->clients[i], sizeof *host->clients[i]);
        host->clients[i] = NULL;
    }
}

static void client_frame(struct host *host, size_t i, uint8_t detail, struct slice bytes)
{
    struct buffer frame;
    buffer_init(&frame, SIZE_MAX);
    if (host->clients[i] == NULL) {
        if (host->clients_opened++ >= CLIENTS_OPENED) {
            return;
        }
        struct service_conn *conn = mem_alloc_zeroed(sizeof *conn);
        struct zk_event event = {.now_ms = host->now_ms};
        conn->remote_ip = SLICE_LIT("10.0.0.9");
        host->clients[i] = conn;
        service_conn_open(&host->peer.service, conn, &event);
        int64_t id = (detail & 1) != 0 ? 7 : 0;
        uint8_t password[SESSION_PASSWORD_BYTES];
        session_password(id, password);
        jute_write_i32(&frame, 0);
        jute_write_i64(&frame, 0);
        jute_write_i32(&frame, 5000);
        jute_write_i64(&frame, id);
        jute_write_bytes(&frame, slice_of(password, sizeof password));
        jute_write_bool(&frame, (detail & 2) != 0);
    } else {
        jute_write_i32(&frame, detail & 3);
        jute_write_i32(&frame, bytes.len > 0 ? (int8_t)bytes.ptr[0] : ZK_OP_PING);
        buffer_append(&frame, slice_part(bytes, MIN(bytes.len, (size_t)1), bytes.len));
    }
    struct zk_event event = {
        .kind = ZK_EVENT_FRAME, .conn = host->clients[i], .frame = buffer_slice(&frame)};
    step(host, &event);
    buffer_release(&frame);
}

/* ---- a run --------------------------------------------------------------------------- */

static void act(struct host *host, uint8_t what, uint8_t detail, struct slice bytes)
{
    size_t link = (what >> 3) % LINKS;
    size_t client = (what >> 3) % CLIENTS;
    switch (what & 7) {
    case 0:
    case 1:
    case 2:
        send_packet(host, link, detail, bytes);
        break;
    case 3:
        do_work(host, detail);
        break;
    case 4:
        if ((detail & 1) != 0 || host->link_closes[link]) {
            end_link(host, link);
        } else {
            open_link(host, link, host->dials && (detail & 2) == 0);
            host->dials = host->dials && (detail & 2) != 0;
        }
        break;
    case 5:
        if ((detail & 0x80) != 0) {
            end_client(host, client);
        } else {
            client_frame(host, client, detail, bytes);
        }
        break;
    case 6: {
        struct zk_event event = {.kind = ZK_EVENT_TICK};
        host->now_ms += (uint64_t)detail * 20;
        step(host, &event);
        break;
    }
    default: {
        struct zk_event event = {.kind = ZK_EVENT_PEER,
                                 .peer_kind = PEER_EVENT_NOTIFICATION,
                                 .server_id = detail % 6,
                                 .frame = bytes};
        step(host, &event);
        break;
    }
    }
}

static void start(struct host *host, uint8_t mode)
{
    static const char voter[] = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n"
                                "server.3=c:1:2:participant\nversion=0";
    static const char observer[] = "server.1=a:1:2:observer\nserver.2=b:1:2:participant\n"
                                   "server.3=c:1:2:participant\nversion=0";
    configure(host, mode);
    int rv = quorum_config_parse(slice_of_cstr((mode & 2) != 0 ? observer : voter), &host->members,
                                 NULL, 0);
    ASSERT(rv == ERR_OK);
    host->now_ms = 10000;
    zk_outbox_init(&host->outbox);
    peer_init(&host->peer, &host->config, &host->service_config, host->members);
    host->peer.private->designated = (mode & 3) == 1 ? 1 : 3;
    peer_start(&host->peer, 0, 0, host->now_ms, &host->outbox);
    perform(host);
    struct zk_event event = {.kind = ZK_EVENT_TICK};
    step(host, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct host *host = mem_alloc_zeroed(sizeof *host);
    start(host, data[0]);
    struct slice rest = slice_of(data + 1, size - 1);
    while (rest.len >= 3 && host->work_count < WORK_MAX && !host->has_failed) {
        size_t len = MIN((size_t)rest.ptr[2], rest.len - 3);
        act(host, rest.ptr[0], rest.ptr[1], slice_part(rest, 3, 3 + len));
        rest = slice_part(rest, 3 + len, rest.len);
    }
    for (size_t i = 0; i < LINKS; i++) {
        end_link(host, i);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        end_client(host, i);
    }
    peer_release(&host->peer);
    zk_outbox_release(&host->outbox);
    quorum_config_drop(host->members);
    mem_free(host, sizeof *host);
    return 0;
}
