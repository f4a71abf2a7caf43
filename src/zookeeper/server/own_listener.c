/* own_listener.c - see own_listener.h. A place is one address; one that is over stays in the list
 * until the look-up that still runs for it has come back. */
#include "zookeeper/server/own_listener.h"

#include "base/memory.h"
#include "runtime/log.h"

#define HOST_MAX 256

struct place {
    struct list entry; /* own_listener.places */
    struct own_listener *owner;
    char host[HOST_MAX];
    uint16_t port;
    struct tcp_listener *listener;
    struct runtime_timer retry;
    uint32_t failures;
    bool is_resolving;
    bool is_over;
};

struct own_listener {
    struct own_listener_options options;
    struct list places;
};

struct own_listener *own_listener_create(const struct own_listener_options *options)
{
    struct own_listener *listener = mem_alloc_zeroed(sizeof *listener);
    listener->options = *options;
    list_init(&listener->places);
    return listener;
}

static void place_free(struct place *place)
{
    runtime_timer_stop(&place->retry);
    list_remove(&place->entry);
    mem_free(place, sizeof *place);
}

/* ---- binding --------------------------------------------------------------------------------- */

static void on_accept(struct tcp_stream *stream, void *ctx)
{
    struct place *place = ctx;
    place->owner->options.on_accept(stream, place->owner->options.ctx);
}

static int bind_to(struct place *place, const struct tcp_address *address)
{
    const struct own_listener_options *options = &place->owner->options;
    struct tcp_listen_options how = {.backlog = options->backlog, .reuse_address = true};
    int error = tcp_listen(options->runtime, address, &how, on_accept, place, &place->listener);
    if (error == 0) {
        LOG(options->module, LOG_INFO, "Listening for %s on %s:%u", options->purpose,
            place->host[0] == '\0' ? "0.0.0.0" : place->host, place->port);
    }
    return error;
}

static bool is_every_address(struct slice host)
{
    return host.len == 0 || slice_equal_cstr(host, "0.0.0.0");
}

/* False: it is a name, which has to be looked up. */
static bool read_host(struct slice host, uint16_t port, struct tcp_address *address)
{
    bool is_local = slice_equal_cstr(host, "localhost");
    return tcp_address_parse(is_local ? SLICE_LIT("127.0.0.1") : host, port, address);
}

bool own_listener_same_host(struct slice a, struct slice b)
{
    struct tcp_address first;
    struct tcp_address second;
    if (is_every_address(a) || is_every_address(b)) {
        return is_every_address(a) && is_every_address(b);
    }
    if (!read_host(a, 0, &first) || !read_host(b, 0, &second)) {
        return slice_equal(a, b);
    }
    return first.is_v6 == second.is_v6 && memcmp(first.ip, second.ip, first.is_v6 ? 16 : 4) == 0;
}

static int bind_all(struct place *place)
{
    struct tcp_address address = {.is_v6 = true, .port = place->port};
    int error = bind_to(place, &address);
    if (error != 0 && error != ERR_IN_USE && error != ERR_ACCESS) {
        address = (struct tcp_address){.port = place->port};
        error = bind_to(place, &address);
    }
    return error;
}

/* ERR_RESOLVE: it is a name. */
static int bind_now(struct place *place)
{
    struct tcp_address address;
    struct slice host = slice_of_cstr(place->host);
    if (is_every_address(host)) {
        return bind_all(place);
    }
    if (!read_host(host, place->port, &address)) {
        return ERR_RESOLVE;
    }
    return bind_to(place, &address);
}

/* ---- again and again ------------------------------------------------------------------------- */

static void explain(const struct place *place, int error, struct errmsg *text)
{
    const struct own_listener_options *options = &place->owner->options;
    const char *detail = error == ERR_RESOLVE ? "" : runtime_error_detail();
    errmsg_set(text, error,
               "cannot listen for %s on %s:%u: %s. Another program has the port, or the address is "
               "not this host's: %s.",
               options->purpose, place->host[0] == '\0' ? "0.0.0.0" : place->host, place->port,
               detail[0] == '\0' ? error_text(error) : detail, options->advice);
}

static void try_later(struct place *place, int error)
{
    const struct own_listener_options *options = &place->owner->options;
    struct errmsg text;
    place->failures++;
    explain(place, error, &text);
    bool is_last = options->bind_attempts > 0 && place->failures >= options->bind_attempts;
    LOG(options->module, is_last ? LOG_ERROR : LOG_WARN, "%s", text.text);
    if (!is_last) {
        runtime_timer_set(&place->retry, runtime_now_ns(options->runtime) +
                                             (uint64_t)OWN_LISTENER_RETRY_MS * 1000000);
    } else if (options->on_failed != NULL) {
        options->on_failed(options->ctx, text.text);
    }
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct place *place = ctx;
    place->is_resolving = false;
    if (place->is_over) {
        place_free(place);
        return;
    }
    int failure = ERR_RESOLVE;
    for (size_t i = 0; error == 0 && i < count; i++) {
        failure = bind_to(place, &addresses[i]);
        if (failure == 0) {
            return;
        }
    }
    try_later(place, failure);
}

/* ERR_RESOLVE: it is a name, and is being looked up. */
static int attempt(struct place *place)
{
    int error = bind_now(place);
    if (error == ERR_RESOLVE) {
        place->is_resolving = true;
        tcp_resolve(place->owner->options.runtime, slice_of_cstr(place->host), place->port,
                    on_resolved, place);
    }
    return error;
}

static void on_retry(struct runtime_timer *timer)
{
    struct place *place = CONTAINER_OF(timer, struct place, retry);
    int error = attempt(place);
    if (error != 0 && error != ERR_RESOLVE) {
        try_later(place, error);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

int own_listener_add(struct own_listener *listener,
                     struct slice host,
                     uint16_t port,
                     struct errmsg *message)
{
    if (host.len >= HOST_MAX) {
        return errmsg_set(message, ERR_CONFIG, "the host of the own server line is too long");
    }
    struct place *place = mem_alloc_zeroed(sizeof *place);
    memcpy(place->host, host.len > 0 ? (const char *)host.ptr : "", host.len);
    place->owner = listener;
    place->port = port;
    runtime_timer_init(&place->retry, listener->options.runtime, on_retry);
    list_append(&listener->places, &place->entry);
    int error = attempt(place);
    if (error == 0 || error == ERR_RESOLVE) {
        return 0;
    }
    if (listener->options.bind_attempts != 1) {
        try_later(place, error);
        return 0;
    }
    struct errmsg text;
    explain(place, error, &text);
    place_free(place);
    return errmsg_set(message, error, "%s", text.text);
}

struct tcp_address own_listener_address(const struct own_listener *listener)
{
    LIST_FOR_EACH(entry, &listener->places)
    {
        const struct place *place = CONTAINER_OF(entry, struct place, entry);
        if (place->listener != NULL) {
            return tcp_listener_address(place->listener);
        }
    }
    return (struct tcp_address){0};
}

void own_listener_close(struct own_listener *listener)
{
    LIST_FOR_EACH_SAFE(entry, after, &listener->places)
    {
        struct place *place = CONTAINER_OF(entry, struct place, entry);
        if (place->listener != NULL) {
            tcp_listener_close(place->listener);
            place->listener = NULL;
        }
        runtime_timer_stop(&place->retry);
        place->is_over = true;
        if (!place->is_resolving) {
            place_free(place);
        }
    }
}

bool own_listener_is_quiet(const struct own_listener *listener)
{
    return list_is_empty(&listener->places);
}

void own_listener_destroy(struct own_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    LIST_FOR_EACH_SAFE(entry, after, &listener->places)
    {
        place_free(CONTAINER_OF(entry, struct place, entry));
    }
    mem_free(listener, sizeof *listener);
}
