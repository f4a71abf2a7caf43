/* The framing of the broker's connections, on the real runtime over the loopback: bytes of a
 * stranger, cut anywhere.
 *
 * Input: the first byte says in how large pieces the rest is sent (0: all at once). The rest is
 * sent as it is, but for API keys whose handlers need a cluster: those become ApiVersions.
 *
 * Checked: the broker's answers do not depend on how the bytes were cut, nothing asserts, no
 * request and no byte of a cut frame stays behind. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/server/broker.h"
#include "kafka/server/connection.h"
#include "kafka/server/fetch_session.h"
#include "kafka/server/quotas.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define INPUT_MAX 65536
#define TURNS_MAX 20000
#define FRAME_MAX 40000 /* socket.request.max.bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct broker broker;
static uint16_t port;

static void on_listening(void *ctx, int error, const char *text)
{
    (void)ctx;
    (void)text;
    ASSERT(error == 0);
    port = sockets_address(broker.sockets, 0).port;
    sockets_serve(broker.sockets);
}

static void begin(void)
{
    struct log_options quiet = {.level = LOG_OFF};
    (void)log_configure(&quiet);
    int error = runtime_create(NULL, &broker.runtime);
    ASSERT(error == 0);
    list_init(&broker.partitions);
    broker_config_defaults(&broker.config);
    broker.config.socket_request_max_bytes = FRAME_MAX;
    broker.config.listener_count = 1;
    memcpy(broker.config.listeners[0].name, "PLAINTEXT", 10);
    memcpy(broker.config.listeners[0].host, "127.0.0.1", 10);
    broker.config.listeners[0].port = 0;
    topics_init(&broker.topics, (struct hash_key){1, 2});
    broker.quotas = quota_table_create();
    broker.flusher = flusher_create(&broker);
    broker.fetch_sessions = fetch_sessions_create(0, 1); /* an id would differ from run to run */
    broker.sockets = sockets_create(&broker);
    sockets_listen(broker.sockets, on_listening, NULL);
    ASSERT(port != 0);
}

static bool is_served_without_cluster(int16_t key)
{
    static const int16_t keys[] = {KAFKA_API_PRODUCE,           KAFKA_API_FETCH,
                                   KAFKA_API_LIST_OFFSETS,      KAFKA_API_API_VERSIONS,
                                   KAFKA_API_SASL_HANDSHAKE,    KAFKA_API_SASL_AUTHENTICATE,
                                   KAFKA_API_DELETE_RECORDS,    KAFKA_API_OFFSET_FOR_LEADER_EPOCH,
                                   KAFKA_API_DESCRIBE_PRODUCERS};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i] == key) {
            return true;
        }
    }
    return api_find(key) == NULL;
}

/* Walks the frames as the broker will. */
static void make_harmless(uint8_t *bytes, size_t len)
{
    while (len >= 8) {
        int32_t frame = (int32_t)load_be32(bytes);
        if (!is_served_without_cluster((int16_t)load_be16(bytes + 4))) {
            store_be16(bytes + 4, KAFKA_API_API_VERSIONS);
        }
        if (frame < 8 || (size_t)frame > len - 4) {
            return;
        }
        bytes += 4 + frame;
        len -= 4 + (size_t)frame;
    }
}

static void receive(int fd, struct buffer *got, bool *is_closed)
{
    for (;;) {
        ssize_t count = recv(fd, buffer_reserve(got, 65536), 65536, MSG_DONTWAIT);
        if (count > 0) {
            got->len += (size_t)count;
            continue;
        }
        *is_closed = *is_closed || count == 0 || errno == ECONNRESET;
        return;
    }
}

/* Sends everything, ends its side, and turns the broker until it has closed, too. */
static void visit(const uint8_t *bytes, size_t len, size_t piece, struct buffer *got)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    bool is_closed = false;
    size_t sent = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(fd >= 0);
    int failed;
    do {
        failed = connect(fd, (const struct sockaddr *)&to, sizeof to);
    } while (failed != 0 && (errno == EINTR || errno == EALREADY)); /* libFuzzer's clock */
    if (failed != 0 && errno == EADDRNOTAVAIL) {
        close(fd); /* the machine is out of ports just now */
        return;
    }
    ASSERT(failed == 0 || errno == EISCONN);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (int turn = 0; turn < TURNS_MAX && !is_closed; turn++) {
        if (sent < len) {
            size_t next = MIN(piece == 0 ? len : piece, len - sent);
            ssize_t count = send(fd, bytes + sent, next, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += count > 0 ? (size_t)count : 0;
            if (sent == len) {
                shutdown(fd, SHUT_WR);
            }
        }
        runtime_turn(broker.runtime, sent < len ? 0 : 1);
        receive(fd, got, &is_closed);
    }
    close(fd);
    while (sockets_stats(broker.sockets)->connections > 0) {
        runtime_turn(broker.runtime, 1);
    }
    ASSERT(sockets_stats(broker.sockets)->in_flight == 0);
    ASSERT(sockets_stats(broker.sockets)->partial_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole;
    struct buffer cut;
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    if (port == 0) {
        begin();
    }
    size_t len = size - 1;
    uint8_t *bytes = mem_alloc(len);
    memcpy(bytes, data + 1, len);
    make_harmless(bytes, len);
    buffer_init(&whole, (size_t)64 << 20);
    buffer_init(&cut, (size_t)64 << 20);
    visit(bytes, len, 0, &whole);
    visit(bytes, len, (size_t)data[0] + 1, &cut);
    /* A bad end closes with a reset, which may overtake answers; those that came are the same. */
    size_t common = MIN(whole.len, cut.len);
    ASSERT(common == 0 || memcmp(whole.data, cut.data, common) == 0);
    buffer_release(&whole);
    buffer_release(&cut);
    mem_free(bytes, len);
    return 0;
}
