/* What clients send, on a fresh standalone machine: three connections, any frames, a disk that is
 * late.
 *
 * Input: a run of [who: u8][length: u16][frame]. The low two bits of `who` name the connection; 3
 * is the host: its frame's first byte says what happens (persist, time passes, a peer goes, a peer
 * takes its output). Bit 7: the frame is a request's body behind a header whose type is the frame's
 * first byte.
 *
 * Nothing may assert, leak, or reach beyond a frame; the machine's invariants hold after every
 * step, and the digests that its transactions promise are kept. */
#include "base/memory.h"
#include "wire/jute.h"
#include "zookeeper/core/standalone.h"

#define CONNS 3
#define CONNS_OPENED 64 /* in one run */

struct host {
    struct service_config config;
    struct standalone machine;
    struct zk_outbox outbox;
    struct service_conn *conns[CONNS];
    unsigned opened;
    int64_t proposed_zxid;
    struct zk_event event;
};

static size_t weak_digest(struct slice in, uint8_t out[64])
{
    /* Not a digest, but a function of its input: the real one costs the fuzzer's time and finds
     * nothing more. */
    memset(out, 0, 20);
    for (size_t i = 0; i < in.len; i++) {
        out[i % 20] = (uint8_t)(out[i % 20] * 31 + in.ptr[i]);
    }
    return 20;
}

static void configure(struct service_config *config, uint8_t mode)
{
    *config = (struct service_config){
        .hash_key = {1, 2},
        .server_id = 1,
        .session_start_ms = 1000,
        .tick_ms = 2000,
        .min_session_timeout_ms = 4000,
        .max_session_timeout_ms = 40000,
        .frame_bytes_max = 65536,
        .outstanding_max = 8,
        .output_bytes_max = 4096,
        .multi_ops_max = 100,
        .multi_response_bytes_max = 65536,
        .container_check_interval_ms = 1000,
        .container_max_per_minute = 10000,
        .audit_enabled = (mode & 1) != 0,
        .audit_user = SLICE_LIT("fuzz"),
    };
    config->prep = (struct prep_config){
        .auth = {.crypto = {weak_digest}, .digest_enabled = true},
        .digest_enabled = (mode & 2) == 0,
        .extended_types_enabled = (mode & 4) != 0,
        .enforce_quota = (mode & 8) != 0,
        .close_session_txn_enabled = true,
        .max_string_bytes = 1 << 20,
    };
    config->tree = (struct tree_config){
        .hash_key = {3, 4},
        .digest_enabled = (mode & 2) == 0,
        .extended_types_enabled = (mode & 4) != 0,
    };
}

static void step(struct host *host)
{
    standalone_step(&host->machine, &host->event, &host->outbox);
    for (size_t i = 0; i < host->outbox.count; i++) {
        const struct zk_effect *effect = &host->outbox.effects[i];
        if (effect->kind == ZK_EFFECT_PERSIST) {
            host->proposed_zxid = effect->zxid;
        }
    }
    zk_outbox_clear(&host->outbox);
    standalone_check(&host->machine);
    ASSERT(host->machine.service.stats.digest_mismatches == 0);
    ASSERT(host->machine.service.stats.unknown_txns == 0);
}

static void give(struct host *host,
                 enum zk_event_kind kind,
                 struct service_conn *conn,
                 struct slice frame)
{
    host->event.kind = kind;
    host->event.conn = conn;
    host->event.frame = frame;
    host->event.zxid = host->proposed_zxid;
    step(host);
}

static void drop(struct host *host, unsigned who)
{
    if (host->conns[who] != NULL) {
        give(host, ZK_EVENT_CLOSED, host->conns[who], SLICE_NULL);
        mem_free(host->conns[who], sizeof(struct service_conn));
        host->conns[who] = NULL;
    }
}

/* The connection, opened (and with a session, every other time) when it is not there or has been
 * closed. */
static struct service_conn *conn_of(struct host *host, unsigned who)
{
    if (host->conns[who] != NULL && host->conns[who]->is_closing) {
        drop(host, who);
    }
    if (host->conns[who] == NULL) {
        struct service_conn *conn = mem_alloc_zeroed(sizeof *conn);
        conn->remote_ip = SLICE_LIT("127.0.0.1");
        host->conns[who] = conn;
        service_conn_open(&host->machine.service, conn, &host->event);
        host->opened += 1;
        if (host->opened % 4 != 0) {
            uint8_t request[45] = {0};
            store_be32(request + 12, 10000);
            store_be32(request + 24, 16);
            give(host, ZK_EVENT_FRAME, conn, slice_of(request, sizeof request));
            give(host, ZK_EVENT_PERSISTED, NULL, SLICE_NULL);
        }
    }
    return host->conns[who];
}

static void act(struct host *host, struct slice frame)
{
    uint8_t what = frame.len > 0 ? frame.ptr[0] : 0;
    if (what < 128) {
        int64_t durable = host->machine.persisted_zxid;
        int64_t newest = host->proposed_zxid;
        host->proposed_zxid = durable + (newest - durable) * (what % 4) / 3;
        give(host, ZK_EVENT_PERSISTED, NULL, SLICE_NULL);
        host->proposed_zxid = newest;
    } else if (what < 192) {
        host->event.now_ms += (uint64_t)(what - 127) * 100;
        host->event.wall_ms += (what - 127) * 100;
        give(host, ZK_EVENT_TICK, NULL, SLICE_NULL);
    } else if (what < 224) {
        drop(host, what % CONNS);
    } else if (host->conns[what % CONNS] != NULL) {
        host->conns[what % CONNS]->output_bytes = (what & 16) != 0 ? 100000 : 0;
        give(host, ZK_EVENT_WRITTEN, host->conns[what % CONNS], SLICE_NULL);
    }
}

static void send(struct host *host, uint8_t who, struct slice frame, int32_t xid)
{
    bool adds_header = (who & 0x80) != 0 && frame.len > 0;
    size_t len = frame.len + (adds_header ? 7 : 0);
    uint8_t *copy = mem_alloc(MAX(len, (size_t)1));
    if (adds_header) {
        store_be32(copy, (uint32_t)xid);
        store_be32(copy + 4, (uint32_t)(int8_t)frame.ptr[0]);
        memcpy(copy + 8, frame.ptr + 1, frame.len - 1);
    } else if (frame.len > 0) {
        memcpy(copy, frame.ptr, frame.len);
    }
    give(host, ZK_EVENT_FRAME, conn_of(host, who & 3), slice_of(copy, len));
    mem_free(copy, MAX(len, (size_t)1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct host host;
    struct slice in = slice_of(data, size);
    if (size == 0) {
        return 0;
    }
    size_t memory_before = mem_used();
    host = (struct host){.event = {.now_ms = 1000, .wall_ms = 1700000000000}};
    configure(&host.config, data[0]);
    zk_outbox_init(&host.outbox);
    standalone_init(&host.machine, &host.config);
    standalone_start(&host.machine, host.event.now_ms);
    if ((data[0] & 0x70) == 0x70) {
        service_stop(&host.machine.service, &host.outbox);
        service_begin(&host.machine.service, SERVICE_READ_ONLY, true, host.event.now_ms);
    }
    in = slice_part(in, 1, in.len);
    for (int32_t xid = 1; in.len >= 3 && host.opened < CONNS_OPENED; xid++) {
        uint8_t who = in.ptr[0];
        size_t len = MIN((size_t)load_be16(in.ptr + 1), in.len - 3);
        struct slice frame = slice_part(in, 3, 3 + len);
        in = slice_part(in, 3 + len, in.len);
        host.event.now_ns = host.event.now_ms * 1000000;
        if ((who & 3) == 3) {
            act(&host, frame);
        } else {
            send(&host, who, frame, xid);
        }
    }
    give(&host, ZK_EVENT_PERSISTED, NULL, SLICE_NULL);
    tree_check(&host.machine.service.tree);
    for (unsigned who = 0; who < CONNS; who++) {
        drop(&host, who);
    }
    standalone_release(&host.machine);
    zk_outbox_release(&host.outbox);
    ASSERT(mem_used() == memory_before);
    return 0;
}
