/* client_probe.c - while the session is with a read-only server: is there one that takes writes?
 *
 * The hosts are asked in turn "isro", at intervals that double; the first to answer "rw" becomes
 * the next host to try, and the connection is given up for it. A probe outlives its client's
 * interest while its stream or the resolver may still call back. Source:
 * ClientCnxn.SendThread.pingRwServer.
 */
#include "base/memory.h"
#include "zookeeper/client/client_private.h"

#define PROBE_INTERVAL_MS_FIRST 100
#define PROBE_INTERVAL_MS_MAX 60000
#define ANSWER_BYTES_MAX 8

struct probe {
    struct zk_client *client; /* NULL: stopped */
    struct runtime_timer timer;
    struct tcp_stream *stream;
    uint32_t interval_ms;
    uint32_t holds;
    size_t host;
    char answer[ANSWER_BYTES_MAX];
    size_t answer_len;
};

static void probe_drop(struct probe *probe)
{
    probe->holds -= 1;
    if (probe->holds == 0) {
        mem_free(probe, sizeof *probe);
    }
}

static void probe_later(struct probe *probe)
{
    uint64_t now_ns = runtime_now_ns(probe->client->runtime);
    runtime_timer_set(&probe->timer, now_ns + probe->interval_ms * NS_PER_MS);
    probe->interval_ms = MIN(probe->interval_ms * 2, PROBE_INTERVAL_MS_MAX);
}

static void close_stream(struct probe *probe)
{
    struct tcp_stream *stream = probe->stream;
    probe->stream = NULL;
    if (stream != NULL) {
        tcp_close(stream, 0);
    }
}

static void on_open(struct tcp_stream *stream, void *ctx, int error)
{
    struct probe *probe = ctx;
    if (error == 0) {
        if (probe->stream == stream) {
            buffer_append(tcp_output(stream), SLICE_LIT("isro"));
        }
        return;
    }
    if (probe->stream == stream) {
        probe->stream = NULL;
    }
    probe_drop(probe);
}

static void on_data(struct tcp_stream *stream, void *ctx, struct slice bytes)
{
    struct probe *probe = ctx;
    size_t len = MIN(bytes.len, ANSWER_BYTES_MAX - probe->answer_len);
    if (probe->stream != stream) {
        return;
    }
    memcpy(probe->answer + probe->answer_len, bytes.ptr, len);
    probe->answer_len += len;
}

static void on_close(struct tcp_stream *stream, void *ctx, int reason)
{
    struct probe *probe = ctx;
    struct slice answer = slice_of(probe->answer, probe->answer_len);
    (void)reason;
    if (probe->stream == stream) {
        struct zk_client *client = probe->client;
        probe->stream = NULL;
        if (slice_starts_with(answer, SLICE_LIT("rw"))) {
            client->next_host = probe->host;
            client_lost(client); /* stops this probe */
        }
    }
    probe_drop(probe);
}

static const struct tcp_handler probe_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

static void ask(struct probe *probe, const struct tcp_address *address)
{
    probe->answer_len = 0;
    int error = tcp_connect(probe->client->runtime, address, &probe_handler, probe, &probe->stream);
    if (error == 0) {
        probe->holds += 1;
    } else {
        probe->stream = NULL;
    }
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct probe *probe = ctx;
    bool is_wanted = probe->client != NULL && probe->stream == NULL;
    if (is_wanted && error == 0 && count > 0) {
        ask(probe, &addresses[0]);
    }
    probe_drop(probe);
}

static void on_timer(struct runtime_timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    const struct connect_string *connect = &probe->client->connect;
    struct tcp_address address;
    close_stream(probe); /* the last one did not answer in time */
    probe->host = (probe->host + 1) % connect->host_count;
    const struct connect_host *host = &connect->hosts[probe->host];
    probe_later(probe);
    if (tcp_address_parse(host->host, host->port, &address)) {
        ask(probe, &address);
        return;
    }
    probe->holds += 1;
    tcp_resolve(probe->client->runtime, host->host, host->port, on_resolved, probe);
}

void client_probe_start(struct zk_client *client)
{
    ASSERT(client->probe == NULL);
    struct probe *probe = mem_alloc_zeroed(sizeof *probe);
    probe->client = client;
    probe->holds = 1;
    probe->host = client->next_host;
    probe->interval_ms = PROBE_INTERVAL_MS_FIRST;
    runtime_timer_init(&probe->timer, client->runtime, on_timer);
    client->probe = probe;
    probe_later(probe);
}

void client_probe_stop(struct zk_client *client)
{
    struct probe *probe = client->probe;
    client->probe = NULL;
    if (probe == NULL) {
        return;
    }
    runtime_timer_stop(&probe->timer);
    close_stream(probe);
    probe->client = NULL;
    probe_drop(probe);
}
