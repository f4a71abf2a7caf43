/* resolve.c - names to addresses: numeric ones in the next turn without help, the others by libuv's
 * threads.
 *
 * getaddrinfo blocks for seconds when a name server is down, so it never runs on the loop. The
 * answer is copied into tcp_address records and given to the owner; the resolver's order is kept,
 * addresses that come twice (one per protocol in some resolvers) are given once.
 */
#include <netdb.h>

#include "base/memory.h"
#include "runtime/uv/loop.h"

#define HOST_TEXT_MAX 256 /* a name has at most 253 characters (RFC 1035) */

struct resolve {
    struct list link;
    uv_getaddrinfo_t request;
    struct runtime *runtime;
    tcp_resolved *done;
    void *ctx;
    uint16_t port;
    int error;
    struct tcp_address address; /* of a numeric host */
};

static void resolve_finish(struct resolve *resolve,
                           int error,
                           const struct tcp_address *addresses,
                           size_t count)
{
    resolve->done(resolve->ctx, error, addresses, count);
    mem_free(resolve, sizeof *resolve);
}

static bool is_known(const struct tcp_address *addresses,
                     size_t count,
                     const struct tcp_address *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (addresses[i].is_v6 == wanted->is_v6 &&
            memcmp(addresses[i].ip, wanted->ip, sizeof wanted->ip) == 0) {
            return true;
        }
    }
    return false;
}

static size_t collect(const struct addrinfo *list, uint16_t port, struct tcp_address *addresses)
{
    size_t count = 0;
    for (const struct addrinfo *entry = list; entry != NULL && count < TCP_RESOLVE_MAX;
         entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) {
            continue;
        }
        struct sockaddr_storage storage = {0};
        memcpy(&storage, entry->ai_addr, MIN(entry->ai_addrlen, sizeof storage));
        struct tcp_address address = socket_address_read(&storage);
        address.port = port;
        if (!is_known(addresses, count, &address)) {
            addresses[count] = address;
            count += 1;
        }
    }
    return count;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolve *resolve = CONTAINER_OF(request, struct resolve, request);
    struct tcp_address addresses[TCP_RESOLVE_MAX];
    size_t count = status == 0 ? collect(list, resolve->port, addresses) : 0;
    uv_freeaddrinfo(list);
    list_remove(&resolve->link);
    int error = resolve->error;
    if (error == 0 && count == 0) {
        error = ERR_RESOLVE;
    }
    resolve_finish(resolve, error, addresses, error == 0 ? count : 0);
}

/* False when the host cannot be a name at all, or libuv is out of breath. */
static bool start_lookup(struct resolve *resolve, struct slice host)
{
    char text[HOST_TEXT_MAX];
    if (host.len == 0 || host.len >= sizeof text || memchr(host.ptr, '\0', host.len) != NULL) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    struct runtime *runtime = resolve->runtime;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (uv_getaddrinfo(&runtime->uv, &resolve->request, on_looked_up, text, NULL, &hints) != 0) {
        return false;
    }
    list_append(&runtime->lookups, &resolve->link);
    runtime->uv_touched = true;
    return true;
}

void tcp_resolve(struct runtime *runtime,
                 struct slice host,
                 uint16_t port,
                 tcp_resolved *done,
                 void *ctx)
{
    ASSERT_ON_LOOP(runtime);
    struct resolve *resolve = mem_alloc_zeroed(sizeof *resolve);
    resolve->runtime = runtime;
    resolve->done = done;
    resolve->ctx = ctx;
    resolve->port = port;

    if (!tcp_address_parse(host, port, &resolve->address)) {
        if (start_lookup(resolve, host)) {
            return;
        }
        resolve->error = ERR_RESOLVE;
    }
    list_append(&runtime->resolves, &resolve->link);
}

void resolve_deliver(struct runtime *runtime)
{
    if (list_is_empty(&runtime->resolves)) {
        return;
    }
    struct list due;
    list_init(&due);
    list_splice(&runtime->resolves, &due);
    struct list *link;
    while ((link = list_pop(&due)) != NULL) {
        struct resolve *resolve = CONTAINER_OF(link, struct resolve, link);
        resolve_finish(resolve, resolve->error, &resolve->address, resolve->error == 0 ? 1 : 0);
    }
}

/* A look-up that already runs is waited for (close_libuv turns libuv to its end); its answer is
 * ERR_CANCELLED. */
void resolve_release_all(struct runtime *runtime)
{
    LIST_FOR_EACH(link, &runtime->resolves)
    {
        CONTAINER_OF(link, struct resolve, link)->error = ERR_CANCELLED;
    }
    resolve_deliver(runtime);
    LIST_FOR_EACH(link, &runtime->lookups)
    {
        struct resolve *resolve = CONTAINER_OF(link, struct resolve, link);
        resolve->error = ERR_CANCELLED;
        /* Fails when it runs already; the answer comes either way. */
        (void)uv_cancel((uv_req_t *)&resolve->request);
    }
}
