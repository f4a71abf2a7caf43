/* taps.c - what members read from the network, cut into messages. See onlookers.h.
 *
 * Three ports, three ways of framing, each written here a second time. Only what the onlookers ask
 * for is looked at: requests of clients and what learners tell their leader (both go from end 0 to
 * end 1), and notifications of the election, which go both ways behind a header from end 0.
 * Bytes of strangers are not looked at; bytes that make no sense end the tap of that connection.
 */
#include "base/endian.h"
#include "sim/ensemble/onlookers.h"

#define CLIENT_GREETING_BYTES 28u /* version, zxid, timeout, session: what is read of it */
#define PACKET_FRONT_BYTES 16u    /* type, zxid, length of data */
#define PACKET_REQUEST 1
#define PACKET_PING 5
#define PACKET_REVALIDATE 6
#define PACKET_BYTES_MAX (UINT32_C(4) << 20)
#define TOUCHED_BYTES 12u
#define ELECTION_HEADER_BYTES 20u
#define MEMBER_ADDRESSES 40

/* One direction of a connection. */
struct tap {
    struct member *from; /* NULL: a client */
    struct member *to;
    uint16_t port; /* CLIENT_PORT, QUORUM_PORT or ELECTION_PORT, also for who has moved beside it */
    struct bytes bytes; /* the beginning of a message */
    bool has_begun;     /* the greeting or the header has passed */
    bool is_over;
};

struct taps {
    struct u64_map by_pipe; /* connection's id * 2 + end -> struct tap * */
};

static void on_taken(void *ctx, const struct net_conn *conn, int end, struct slice bytes);

void taps_init(struct ensemble_world *ensemble)
{
    ensemble->taps = heap_new(sizeof *ensemble->taps);
    u64_map_init(&ensemble->taps->by_pipe);
    ensemble->base.network.tap = on_taken;
    ensemble->base.network.tap_ctx = ensemble;
}

void taps_release(struct ensemble_world *ensemble)
{
    size_t position = 0;
    uint64_t key = 0;
    uint64_t value = 0;
    while (u64_map_next(&ensemble->taps->by_pipe, &position, &key, &value)) {
        struct tap *tap = (struct tap *)(uintptr_t)value;
        bytes_release(&tap->bytes);
        heap_free(tap);
    }
    u64_map_release(&ensemble->taps->by_pipe);
    heap_free(ensemble->taps);
}

static struct member *member_at(struct ensemble_world *ensemble, const struct tcp_address *address)
{
    int id = address->ip[3] % MEMBER_ADDRESSES;
    bool is_machine = address->ip[3] < 2 * MEMBER_ADDRESSES && id >= 1 &&
                      id <= ensemble->options.member_count;
    return is_machine ? &ensemble->members[id - 1] : NULL;
}

/* ---- clients --------------------------------------------------------------------------------- */

/* Each takes one message from the front; returns its length, 0 when it is not whole. */
static size_t take_client_frame(struct tap *tap, const struct net_conn *conn, struct slice bytes)
{
    if (bytes.len < 4 || bytes.len - 4 < load_be32(bytes.ptr)) {
        return 0;
    }
    size_t len = 4 + (size_t)load_be32(bytes.ptr);
    const struct connection *connection = client_connection_of(conn);
    const struct sim_session *session = connection->session;
    if (!tap->has_begun) {
        tap->has_begun = true;
        if (session != NULL && connection->renews_session) {
            sessions_heard(tap->to, session->id, connection->timeout_ms, HEARD_GREETING);
        }
    } else if (session != NULL && len >= 12 && load_be32(bytes.ptr + 8) != OP_AUTH) {
        sessions_heard(tap->to, session->id, connection->timeout_ms, HEARD_REQUEST);
    }
    return len;
}

/* ---- learners -------------------------------------------------------------------------------- */

static void look_at_packet(struct tap *tap, uint32_t type, struct slice data)
{
    switch (type) {
    case PACKET_REQUEST:
        if (data.len >= 16) {
            bool creates = (int32_t)load_be32(data.ptr + 12) == OP_CREATE_SESSION;
            int32_t timeout_ms = creates && data.len >= 20 ? (int32_t)load_be32(data.ptr + 16) : 0;
            sessions_heard(tap->to, (int64_t)load_be64(data.ptr), timeout_ms, HEARD_REQUEST);
        }
        break;
    case PACKET_PING:
        for (size_t at = 0; at + TOUCHED_BYTES <= data.len; at += TOUCHED_BYTES) {
            sessions_heard(tap->to, (int64_t)load_be64(data.ptr + at),
                           (int32_t)load_be32(data.ptr + at + 8), HEARD_REPORT);
        }
        break;
    case PACKET_REVALIDATE:
        if (data.len >= TOUCHED_BYTES) {
            sessions_heard(tap->to, (int64_t)load_be64(data.ptr), (int32_t)load_be32(data.ptr + 8),
                           HEARD_GREETING);
        }
        break;
    default:
        break;
    }
}

/* Where the text or buffer at `at` ends; 0: it is not whole. */
static size_t behind_text(struct slice bytes, size_t at)
{
    if (at + 4 > bytes.len) {
        return 0;
    }
    int32_t len = (int32_t)load_be32(bytes.ptr + at);
    size_t end = at + 4 + (size_t)MAX(len, 0);
    return end <= bytes.len ? end : 0;
}

static size_t take_packet(struct tap *tap, struct slice bytes)
{
    if (bytes.len < PACKET_FRONT_BYTES + 4) {
        return 0;
    }
    uint32_t data_len = load_be32(bytes.ptr + 12);
    size_t at = behind_text(bytes, 12);
    tap->is_over = data_len > PACKET_BYTES_MAX && data_len != UINT32_MAX;
    if (at == 0 || tap->is_over || at + 4 > bytes.len) {
        return 0;
    }
    struct slice data = slice_part(bytes, PACKET_FRONT_BYTES, at);
    int32_t ids = (int32_t)load_be32(bytes.ptr + at);
    at += 4;
    for (int32_t i = 0; i < 2 * ids; i++) {
        at = behind_text(bytes, at);
        if (at == 0) {
            return 0;
        }
    }
    look_at_packet(tap, load_be32(bytes.ptr), data);
    return at;
}

/* ---- notifications --------------------------------------------------------------------------- */

static size_t take_notification(struct tap *tap, struct slice bytes)
{
    if (!tap->has_begun) {
        if (bytes.len < ELECTION_HEADER_BYTES) {
            return 0;
        }
        size_t header_len = ELECTION_HEADER_BYTES + (size_t)load_be32(bytes.ptr + 16);
        tap->has_begun = bytes.len >= header_len;
        return tap->has_begun ? header_len : 0;
    }
    if (bytes.len < 4 || bytes.len - 4 < load_be32(bytes.ptr)) {
        return 0;
    }
    size_t len = 4 + (size_t)load_be32(bytes.ptr);
    votes_told(tap->from, tap->to, slice_part(bytes, 4, len));
    return len;
}

/* ---- all ------------------------------------------------------------------------------------- */

static size_t take_one(struct tap *tap, const struct net_conn *conn, struct slice bytes)
{
    switch (tap->port) {
    case CLIENT_PORT:
        return take_client_frame(tap, conn, bytes);
    case QUORUM_PORT:
        return take_packet(tap, bytes);
    default:
        return take_notification(tap, bytes);
    }
}

static uint16_t kind_of_port(uint16_t port)
{
    if (port >= QUORUM_PORT && port < QUORUM_PORT + PORTS_MAX) {
        return QUORUM_PORT;
    }
    return port >= ELECTION_PORT && port < ELECTION_PORT + PORTS_MAX ? ELECTION_PORT : port;
}

static struct tap *tap_of(struct ensemble_world *ensemble, const struct net_conn *conn, int end)
{
    uint64_t key = conn->id * 2 + (uint64_t)end;
    struct tap *tap = u64_map_get_ptr(&ensemble->taps->by_pipe, key);
    if (tap == NULL) {
        tap = heap_new(sizeof *tap);
        tap->port = kind_of_port(conn->ends[1].address.port);
        tap->from = member_at(ensemble, &conn->ends[1 - end].address);
        tap->to = member_at(ensemble, &conn->ends[end].address);
        tap->has_begun = tap->port == ELECTION_PORT && end == 0; /* no header this way */
        bool is_known = tap->port == CLIENT_PORT ? client_connection_of(conn) != NULL
                                                 : tap->from != NULL;
        tap->is_over = tap->to == NULL || !is_known || (tap->port != ELECTION_PORT && end == 0);
        u64_map_put_ptr(&ensemble->taps->by_pipe, key, tap);
    }
    return tap;
}

static void on_taken(void *ctx, const struct net_conn *conn, int end, struct slice bytes)
{
    struct tap *tap = tap_of(ctx, conn, end);
    size_t at = 0;
    size_t len;
    if (tap->is_over) {
        return;
    }
    if (tap->bytes.len > 0) {
        bytes_append(&tap->bytes, bytes);
        bytes = bytes_slice(&tap->bytes);
    }
    while (!tap->is_over && (len = take_one(tap, conn, slice_part(bytes, at, bytes.len))) != 0) {
        at += len;
    }
    if (tap->bytes.len > 0) {
        bytes_consume(&tap->bytes, at);
    } else {
        bytes_append(&tap->bytes, slice_part(bytes, at, bytes.len));
    }
}
