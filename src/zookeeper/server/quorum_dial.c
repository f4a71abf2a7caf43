/* quorum_dial.c - connecting to a leader.
 *
 * One dial at a time is usual; each holds the addresses of one server, resolved anew in each round,
 * and tries them all at once. Each try is a link that nobody knows of yet: the first that opens
 * wins and is told to the machine, the others are closed. When a round has no winner, the next
 * begins QUORUM_RETRY_MS later, until the rounds or the time are used up: then the machine hears
 * LINK_CLOSED of a link that never was open.
 *
 * A dial that is over stays in the list until nothing can call back into it any more: `pending`
 * counts resolvers and streams that still will, and a step of the machine that it has caused, which
 * may end the server and with it all dials.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime/log.h"
#include "zookeeper/server/ensemble.h"
#include "zookeeper/server/quorum_port_private.h"

#define DIAL_LOG_NS UINT64_C(5000000000)

struct quorum_dial {
    struct list entry; /* quorum_port.dials */
    struct quorum_port *port;
    int64_t server_id;
    int64_t attempt;
    uint64_t deadline_ns;
    uint32_t rounds_left;
    uint32_t pending;
    struct runtime_timer timer; /* the next round, or the deadline */
    bool is_between_rounds;
    bool is_over;
    struct list tries; /* links: connecting */
};

static void dial_free(struct quorum_dial *dial)
{
    runtime_timer_stop(&dial->timer);
    list_remove(&dial->entry);
    mem_free(dial, sizeof *dial);
}

static void dial_free_if_over(struct quorum_dial *dial)
{
    if (dial->is_over && dial->pending == 0) {
        dial_free(dial);
    }
}

/* Nobody waits for it any more. */
static void dial_end(struct quorum_dial *dial)
{
    if (dial->is_over) {
        return;
    }
    runtime_timer_stop(&dial->timer);
    dial->is_over = true;
    LIST_FOR_EACH_SAFE(entry, after, &dial->tries)
    {
        struct quorum_link *link = CONTAINER_OF(entry, struct quorum_link, entry);
        if (!link->is_closing) {
            link->is_closing = true;
            tcp_close(link->stream, 0); /* quorum_dial_lost follows */
        }
    }
}

static void dial_failed(struct quorum_dial *dial)
{
    struct quorum_port *port = dial->port;
    struct zk_link link = {.is_ours = true, .attempt = dial->attempt, .id = ++port->last_link_id};
    struct zk_event event = quorum_event(port, PEER_EVENT_LINK_CLOSED, &link);
    struct node *node = port->node;
    event.server_id = dial->server_id;
    event.error = ERR_REFUSED;
    LOG("quorum", LOG_WARN, "Cannot connect to the leader, server %" PRId64, dial->server_id);
    dial_end(dial);
    dial->pending++;
    node_perform_effects(node);
    quorum_step(port, &event);
    node_perform_effects(node);
    dial->pending--;
}

/* A resolver or a stream has given up: when it was the last one, the round is over. */
static void round_may_be_over(struct quorum_dial *dial)
{
    if (dial->is_over || dial->pending > 0 || dial->is_between_rounds) {
        return;
    }
    uint64_t now_ns = runtime_now_ns(dial->port->node->runtime);
    uint64_t next_ns = now_ns + (uint64_t)QUORUM_RETRY_MS * 1000000;
    if (dial->rounds_left == 0 || next_ns >= dial->deadline_ns) {
        dial_failed(dial);
        return;
    }
    dial->is_between_rounds = true;
    runtime_timer_set(&dial->timer, next_ns);
}

/* ---- one round ------------------------------------------------------------------------------- */

static void win(struct quorum_dial *dial, struct quorum_link *link)
{
    struct quorum_port *port = dial->port;
    quorum_link_opened(link);
    link->link.is_ours = true;
    link->link.attempt = dial->attempt;
    /* One that closes at once is dialled ten times a second. */
    bool is_due = port->dial_logged_ns == 0 ||
                  link->opened_ns - port->dial_logged_ns >= DIAL_LOG_NS;
    port->dial_logged_ns = is_due ? link->opened_ns : port->dial_logged_ns;
    LOG("quorum", is_due ? LOG_INFO : LOG_DEBUG,
        "Connected to the leader, server %" PRId64 ", at %s", dial->server_id, link->remote_text);
    dial_end(dial);
    dial->pending++;
    node_perform_effects(port->node);
    quorum_link_tell(link);
    node_perform_effects(port->node);
    dial->pending--;
}

void quorum_dial_opened(struct quorum_link *link, int error)
{
    struct quorum_dial *dial = link->dial;
    ASSERT(!dial->is_over); /* dial_end has closed its tries */
    dial->pending--;
    list_remove(&link->entry);
    link->dial = NULL;
    if (error != 0) {
        quorum_link_free(link);
        round_may_be_over(dial);
    } else {
        win(dial, link);
    }
    dial_free_if_over(dial);
}

void quorum_dial_lost(struct quorum_link *link)
{
    struct quorum_dial *dial = link->dial;
    dial->pending--;
    list_remove(&link->entry);
    quorum_link_free(link);
    dial_free_if_over(dial);
}

static void try_address(struct quorum_dial *dial, const struct tcp_address *address)
{
    struct quorum_link *link = quorum_link_new(dial->port);
    int error = tcp_connect(dial->port->node->runtime, address, &quorum_link_handler, link,
                            &link->stream);
    if (error != 0) {
        quorum_link_free(link);
        return;
    }
    link->dial = dial;
    list_append(&dial->tries, &link->entry);
    dial->pending++;
}

static void on_resolved(void *ctx, int error, const struct tcp_address *addresses, size_t count)
{
    struct quorum_dial *dial = ctx;
    dial->pending--;
    if (!dial->is_over) {
        for (size_t i = 0; error == 0 && i < count; i++) {
            try_address(dial, &addresses[i]);
        }
        round_may_be_over(dial);
    }
    dial_free_if_over(dial);
}

static void begin_round(struct quorum_dial *dial)
{
    struct node *node = dial->port->node;
    const struct quorum_config *config = ensemble_config(node);
    const struct quorum_server *server = quorum_config_find(config, dial->server_id);
    dial->is_between_rounds = false;
    dial->rounds_left--;
    runtime_timer_set(&dial->timer, dial->deadline_ns);
    for (uint32_t i = 0; server != NULL && i < server->address_count; i++) {
        dial->pending++;
        tcp_resolve(node->runtime, server->addresses[i].host, server->addresses[i].quorum_port,
                    on_resolved, dial);
    }
    if (server == NULL) {
        LOG("quorum", LOG_WARN, "server %" PRId64 " is not in the configuration: no address",
            dial->server_id);
        dial->rounds_left = 0;
        runtime_timer_set(&dial->timer, 0); /* fails in the next turn, not inside of an effect */
    }
}

static void on_timer(struct runtime_timer *timer)
{
    struct quorum_dial *dial = CONTAINER_OF(timer, struct quorum_dial, timer);
    if (dial->is_between_rounds && dial->rounds_left > 0) {
        begin_round(dial);
    } else {
        dial_failed(dial);
        dial_free_if_over(dial);
    }
}

void quorum_dial_begin(struct quorum_port *port,
                       int64_t server_id,
                       int64_t attempt,
                       uint64_t limit_ms)
{
    if (port->is_closed) {
        return; /* the server is stopping: nobody waits for the answer */
    }
    struct quorum_dial *dial = mem_alloc_zeroed(sizeof *dial);
    dial->port = port;
    dial->server_id = server_id;
    dial->attempt = attempt;
    dial->rounds_left = QUORUM_CONNECT_TRIES;
    dial->deadline_ns = runtime_now_ns(port->node->runtime) + limit_ms * 1000000;
    list_init(&dial->tries);
    runtime_timer_init(&dial->timer, port->node->runtime, on_timer);
    list_append(&port->dials, &dial->entry);
    begin_round(dial);
}

void quorum_dial_end_all(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->dials)
    {
        struct quorum_dial *dial = CONTAINER_OF(entry, struct quorum_dial, entry);
        dial_end(dial);
        dial_free_if_over(dial);
    }
}

void quorum_dial_release_all(struct quorum_port *port)
{
    LIST_FOR_EACH_SAFE(entry, after, &port->dials)
    {
        struct quorum_dial *dial = CONTAINER_OF(entry, struct quorum_dial, entry);
        struct list *try;
        while ((try = list_pop(&dial->tries)) != NULL) {
            quorum_link_free(CONTAINER_OF(try, struct quorum_link, entry));
        }
        dial_free(dial);
    }
}
