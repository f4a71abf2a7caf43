#include "base/memory.h"
#include "support_ensemble_private.h"
#include "zookeeper/core/quorum_packet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PACKET_MAX ((size_t)4 << 20)
#define DIAL_TRIES_MS 500 /* five tries, 100 ms apart */
#define CHOICES_MAX 512

struct fake_event {
    struct list link;
    struct zk_event event;
    struct buffer frame;
};

struct fake_message {
    struct list link; /* ensemble.messages */
    size_t from;
    size_t to;
    struct buffer bytes;
};

struct fake_dial {
    struct list link; /* ensemble.dials */
    size_t from;
    size_t to;
    int64_t attempt;
    uint64_t until_ms;   /* of the tries */
    uint64_t refused_ms; /* when the tries are used up */
};

struct fake_end {
    struct zk_link link;
    struct ensemble_peer *peer; /* NULL: it has closed, or has crashed */
    bool is_closed_by_us;       /* LINK_CLOSE was asked for, LINK_CLOSED is to be told */
    bool reads_snapshot;
    struct buffer input; /* on its way to this end */
    bool gets_end;       /* behind `input`: the other end has closed */
    struct buffer held;  /* of our output: behind the snapshot */
    bool is_sending_snapshot;
};

struct fake_connection {
    struct list link; /* ensemble.connections */
    struct fake_end ends[2];
    size_t peers[2];
};

/* ---- events that wait ---------------------------------------------------------------- */

void fake_event_add(struct ensemble_peer *peer, const struct zk_event *event, struct slice frame)
{
    struct fake_event *copy = mem_alloc_zeroed(sizeof *copy);
    copy->event = *event;
    buffer_init(&copy->frame, SIZE_MAX);
    buffer_append(&copy->frame, frame);
    list_append(&peer->events, &copy->link);
}

static void free_event(struct fake_event *event)
{
    buffer_release(&event->frame);
    mem_free(event, sizeof *event);
}

static void election_event(struct ensemble_peer *peer, enum zk_peer_event_kind kind, size_t other)
{
    struct zk_event event = {
        .kind = ZK_EVENT_PEER, .peer_kind = kind, .server_id = (int64_t)other + 1};
    fake_event_add(peer, &event, SLICE_NULL);
}

/* ---- connections --------------------------------------------------------------------- */

static void free_connection(struct fake_connection *connection)
{
    for (size_t i = 0; i < 2; i++) {
        buffer_release(&connection->ends[i].input);
        buffer_release(&connection->ends[i].held);
    }
    list_remove(&connection->link);
    mem_free(connection, sizeof *connection);
}

static struct fake_connection *new_connection(struct ensemble *ensemble, size_t from, size_t to)
{
    struct fake_connection *connection = mem_alloc_zeroed(sizeof *connection);
    for (size_t i = 0; i < 2; i++) {
        struct fake_end *end = &connection->ends[i];
        connection->peers[i] = i == 0 ? from : to;
        end->peer = &ensemble->peers[connection->peers[i]];
        end->link = (struct zk_link){.id = ++ensemble->last_link_id,
                                     .host = connection,
                                     .remote = SLICE_LIT("10.0.0.x"),
                                     .is_ours = i == 0};
        buffer_init(&end->input, SIZE_MAX);
        buffer_init(&end->held, SIZE_MAX);
    }
    list_append(&ensemble->connections, &connection->link);
    return connection;
}

static size_t end_of(const struct fake_connection *connection, const struct zk_link *link)
{
    return &connection->ends[0].link == link ? 0 : 1;
}

static void send_bytes_of(struct fake_connection *connection, size_t side, struct slice bytes)
{
    struct fake_end *other = &connection->ends[1 - side];
    if (other->peer != NULL) {
        buffer_append(&other->input, bytes);
    }
}

static void link_event(struct fake_connection *connection,
                       size_t side,
                       enum zk_peer_event_kind kind,
                       int64_t zxid,
                       int error)
{
    struct fake_end *end = &connection->ends[side];
    struct zk_event event = {
        .kind = ZK_EVENT_PEER, .peer_kind = kind, .link = &end->link, .zxid = zxid, .error = error};
    fake_run_event(end->peer, &event);
}

/* This side has had enough: the other hears of it behind what is on its way. */
static void close_end(struct fake_connection *connection, size_t side)
{
    connection->ends[side].peer = NULL;
    connection->ends[1 - side].gets_end = true;
}

static void dial(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    struct ensemble *ensemble = peer->ensemble;
    struct fake_dial *dial = mem_alloc_zeroed(sizeof *dial);
    assert_true(effect->server_id >= 1 && (size_t)effect->server_id <= ensemble->count);
    dial->from = peer->index;
    dial->to = (size_t)effect->server_id - 1;
    dial->attempt = effect->zxid;
    dial->until_ms = ensemble->now_ms + effect->len;
    dial->refused_ms = ensemble->now_ms + DIAL_TRIES_MS;
    list_append(&ensemble->dials, &dial->link);
}

static void notify(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    struct ensemble *ensemble = peer->ensemble;
    size_t to = (size_t)effect->server_id - 1;
    assert_true(effect->server_id >= 1 && to < ensemble->count && to != peer->index);
    if (!ensemble->peers[to].is_up) {
        election_event(peer, PEER_EVENT_ELECTION_DOWN, to);
        return;
    }
    struct fake_message *message = NULL;
    LIST_FOR_EACH(link, &ensemble->messages)
    {
        struct fake_message *other = CONTAINER_OF(link, struct fake_message, link);
        if (other->from == peer->index && other->to == to) {
            message = other; /* the newest one wins */
        }
    }
    if (message == NULL) {
        message = mem_alloc_zeroed(sizeof *message);
        message->from = peer->index;
        message->to = to;
        buffer_init(&message->bytes, SIZE_MAX);
        list_append(&ensemble->messages, &message->link);
    }
    message->bytes.len = 0;
    buffer_append(&message->bytes, zk_effect_bytes(&peer->outbox, effect));
}

void fake_net_perform(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    struct fake_connection *connection = effect->link != NULL ? effect->link->host : NULL;
    size_t side = connection != NULL ? end_of(connection, effect->link) : 0;
    struct fake_end *end = connection != NULL ? &connection->ends[side] : NULL;
    assert_true(end == NULL || end->peer == peer);
    struct zk_event event = {.kind = ZK_EVENT_PEER, .link = effect->link};
    if (effect->peer_kind == PEER_EFFECT_NOTIFY) {
        notify(peer, effect);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_CONNECT) {
        dial(peer, effect);
    } else if (effect->peer_kind == PEER_EFFECT_LINK_SEND) {
        if (end->is_sending_snapshot) {
            buffer_append(&end->held, zk_effect_bytes(&peer->outbox, effect));
        } else if (!end->is_closed_by_us) {
            send_bytes_of(connection, side, zk_effect_bytes(&peer->outbox, effect));
        }
        /* the SNAP packet goes in front of the snapshot, the rest behind it */
        if (end->link.output_bytes == 1) {
            end->is_sending_snapshot = true;
        }
    } else if (effect->peer_kind == PEER_EFFECT_LINK_CLOSE) {
        if (!end->is_closed_by_us) {
            end->is_closed_by_us = true;
            event.peer_kind = PEER_EVENT_LINK_CLOSED;
            fake_event_add(peer, &event, SLICE_NULL);
        }
    } else if (effect->peer_kind == PEER_EFFECT_LINK_SEND_SNAPSHOT) {
        event.peer_kind = PEER_EVENT_SNAPSHOT_BEGAN;
        fake_event_add(peer, &event, SLICE_NULL);
    } else {
        end->reads_snapshot = true;
    }
}

/* ---- what can happen ----------------------------------------------------------------- */

static void hear_link_event(struct ensemble_peer *peer, struct zk_event *event)
{
    struct fake_connection *connection = event->link->host;
    size_t side = end_of(connection, event->link);
    struct fake_end *end = &connection->ends[side];
    if (event->peer_kind == PEER_EVENT_LINK_CLOSED) {
        fake_run_event(peer, event);
        close_end(connection, side);
        return;
    }
    if (end->peer == NULL || end->is_closed_by_us) {
        return;
    }
    if (event->peer_kind != PEER_EVENT_SNAPSHOT_BEGAN) {
        fake_run_event(peer, event);
        return;
    }
    struct buffer body;
    struct buffer framed;
    buffer_init(&body, SIZE_MAX);
    buffer_init(&framed, SIZE_MAX);
    event->zxid = fake_write_tree(peer, &body);
    end->link.output_bytes = 1; /* see LINK_SEND */
    fake_run_event(peer, event);
    end->link.output_bytes = 0;
    jute_write_bytes(&framed, buffer_slice(&body));
    if (!end->is_closed_by_us && end->is_sending_snapshot) {
        send_bytes_of(connection, side, buffer_slice(&framed));
        send_bytes_of(connection, side, buffer_slice(&end->held));
        end->held.len = 0;
        end->is_sending_snapshot = false;
        event->peer_kind = PEER_EVENT_SNAPSHOT_SENT;
        fake_run_event(peer, event);
    }
    buffer_release(&body);
    buffer_release(&framed);
}

static void hear_event(struct ensemble_peer *peer)
{
    struct fake_event *event = CONTAINER_OF(list_pop(&peer->events), struct fake_event, link);
    event->event.frame = buffer_slice(&event->frame);
    if (event->event.link != NULL) {
        hear_link_event(peer, &event->event);
    } else {
        fake_run_event(peer, &event->event);
    }
    free_event(event);
}

static void hear_message(struct ensemble *ensemble, struct fake_message *message)
{
    list_remove(&message->link);
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_NOTIFICATION,
                             .server_id = (int64_t)message->from + 1,
                             .frame = buffer_slice(&message->bytes)};
    fake_run_event(&ensemble->peers[message->to], &event);
    buffer_release(&message->bytes);
    mem_free(message, sizeof *message);
}

static void dial_done(struct ensemble *ensemble, struct fake_dial *dial)
{
    struct ensemble_peer *to = &ensemble->peers[dial->to];
    struct fake_connection *connection = new_connection(ensemble, dial->from, dial->to);
    bool is_taken = to->is_up && to->peer.state == PEER_LEADING &&
                    !ensemble->cut[dial->from][dial->to];
    connection->ends[0].link.attempt = dial->attempt;
    list_remove(&dial->link);
    mem_free(dial, sizeof *dial);
    if (is_taken) {
        link_event(connection, 1, PEER_EVENT_LINK_OPEN, 0, 0);
        link_event(connection, 0, PEER_EVENT_LINK_OPEN, 0, 0);
    } else {
        connection->ends[1].peer = NULL;
        link_event(connection, 0, PEER_EVENT_LINK_CLOSED, 0, 0);
        connection->ends[0].peer = NULL;
    }
}

/* One packet, the snapshot, or the end. */
static void deliver(struct fake_connection *connection, size_t side)
{
    struct fake_end *end = &connection->ends[side];
    struct slice input = buffer_slice(&end->input);
    if (end->reads_snapshot && input.len > 0) {
        size_t len = load_be32(input.ptr);
        assert_true(input.len >= 4 + len);
        end->link.input_bytes += 4 + len;
        fake_load_tree(end->peer, slice_part(input, 4, 4 + len));
        buffer_consume(&end->input, 4 + len);
        end->reads_snapshot = false;
        link_event(connection, side, PEER_EVENT_SNAPSHOT_READ, 0, 0);
        return;
    }
    if (input.len == 0) {
        assert_true(end->gets_end);
        end->is_closed_by_us = true; /* it is over: a LINK_CLOSE says nothing new */
        link_event(connection, side, PEER_EVENT_LINK_CLOSED, 0, 0);
        close_end(connection, side);
        return;
    }
    size_t len = 0;
    struct quorum_packet packet;
    struct buffer copy; /* exactly its size, gone when the step is */
    assert_int_equal(quorum_packet_measure(input, PACKET_MAX, &len), ERR_OK);
    buffer_init(&copy, SIZE_MAX);
    buffer_append(&copy, slice_part(input, 0, len));
    buffer_consume(&end->input, len);
    end->link.input_bytes += len;
    assert_int_equal(quorum_packet_decode(buffer_slice(&copy), PACKET_MAX, &packet), ERR_OK);
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_LINK_PACKET,
                             .link = &end->link,
                             .packet_type = packet.type,
                             .zxid = packet.zxid,
                             .frame = packet.data,
                             .authinfo = packet.authinfo};
    fake_run_event(end->peer, &event);
    buffer_release(&copy);
}

struct choice {
    enum {
        CHOICE_EVENT,
        CHOICE_MESSAGE,
        CHOICE_DIAL,
        CHOICE_PACKET,
        CHOICE_DISK
    } kind;
    void *of;
    size_t side;
};

static bool dial_is_due(const struct ensemble *ensemble, const struct fake_dial *dial)
{
    const struct ensemble_peer *to = &ensemble->peers[dial->to];
    if (ensemble->cut[dial->from][dial->to]) {
        return ensemble->now_ms >= dial->until_ms;
    }
    if (to->is_up && to->peer.state == PEER_LEADING) {
        return true;
    }
    bool waits = to->is_up && to->peer.state == PEER_LOOKING;
    return ensemble->now_ms >= (waits ? dial->until_ms : MIN(dial->until_ms, dial->refused_ms));
}

static size_t collect(struct ensemble *ensemble, struct choice *choices)
{
    size_t count = 0;
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up && !list_is_empty(&peer->events)) {
            choices[count++] = (struct choice){CHOICE_EVENT, peer, 0};
        }
        if (peer->is_up && !peer->holds_disk && !list_is_empty(&peer->work)) {
            choices[count++] = (struct choice){CHOICE_DISK, peer, 0};
        }
    }
    LIST_FOR_EACH(link, &ensemble->messages)
    {
        struct fake_message *message = CONTAINER_OF(link, struct fake_message, link);
        if (!ensemble->cut[message->from][message->to] && count < CHOICES_MAX) {
            choices[count++] = (struct choice){CHOICE_MESSAGE, message, 0};
        }
    }
    LIST_FOR_EACH(link, &ensemble->dials)
    {
        struct fake_dial *dial = CONTAINER_OF(link, struct fake_dial, link);
        if (dial_is_due(ensemble, dial) && count < CHOICES_MAX) {
            choices[count++] = (struct choice){CHOICE_DIAL, dial, 0};
        }
    }
    LIST_FOR_EACH(link, &ensemble->connections)
    {
        struct fake_connection *connection = CONTAINER_OF(link, struct fake_connection, link);
        for (size_t side = 0; side < 2; side++) {
            struct fake_end *end = &connection->ends[side];
            bool has = end->input.len > 0 || end->gets_end;
            if (end->peer != NULL && !end->is_closed_by_us && has && count < CHOICES_MAX &&
                !ensemble->cut[connection->peers[1 - side]][connection->peers[side]]) {
                choices[count++] = (struct choice){CHOICE_PACKET, connection, side};
            }
        }
    }
    return count;
}

/* What was still to be said of its links is of no interest to anybody. */
static void forget_events(struct ensemble *ensemble, const struct fake_connection *connection)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        LIST_FOR_EACH_SAFE(link, after, &ensemble->peers[i].events)
        {
            struct fake_event *event = CONTAINER_OF(link, struct fake_event, link);
            if (event->event.link != NULL && event->event.link->host == connection) {
                list_remove(link);
                free_event(event);
            }
        }
    }
}

static void free_dead(struct ensemble *ensemble)
{
    LIST_FOR_EACH_SAFE(link, after, &ensemble->connections)
    {
        struct fake_connection *connection = CONTAINER_OF(link, struct fake_connection, link);
        if (connection->ends[0].peer == NULL && connection->ends[1].peer == NULL) {
            forget_events(ensemble, connection);
            free_connection(connection);
        }
    }
}

bool fake_net_step(struct ensemble *ensemble)
{
    struct choice choices[CHOICES_MAX];
    free_dead(ensemble);
    size_t count = collect(ensemble, choices);
    if (count == 0) {
        return false;
    }
    size_t chosen = ensemble->is_shuffled ? random_below(&ensemble->random, count) : 0;
    const struct choice *choice = &choices[chosen];
    switch (choice->kind) {
    case CHOICE_EVENT:
        hear_event(choice->of);
        break;
    case CHOICE_MESSAGE:
        hear_message(ensemble, choice->of);
        break;
    case CHOICE_DIAL:
        dial_done(ensemble, choice->of);
        break;
    case CHOICE_PACKET:
        deliver(choice->of, choice->side);
        break;
    case CHOICE_DISK:
        fake_disk_step(choice->of);
        break;
    }
    return true;
}

uint64_t fake_net_deadline(const struct ensemble *ensemble)
{
    uint64_t deadline_ms = UINT64_MAX;
    LIST_FOR_EACH(link, &ensemble->dials)
    {
        const struct fake_dial *dial = CONTAINER_OF(link, struct fake_dial, link);
        uint64_t at_ms = dial->refused_ms > ensemble->now_ms ? dial->refused_ms : dial->until_ms;
        deadline_ms = MIN(deadline_ms, MAX(at_ms, ensemble->now_ms + 1));
    }
    return deadline_ms;
}

/* ---- starts, ends, cuts -------------------------------------------------------------- */

static void meet(struct ensemble *ensemble, size_t a, size_t b)
{
    if (a != b && ensemble->peers[a].is_up && ensemble->peers[b].is_up && !ensemble->cut[a][b]) {
        election_event(&ensemble->peers[a], PEER_EVENT_ELECTION_UP, b);
        election_event(&ensemble->peers[b], PEER_EVENT_ELECTION_UP, a);
    }
}

void fake_net_started(struct ensemble_peer *peer)
{
    for (size_t i = 0; i < peer->ensemble->count; i++) {
        meet(peer->ensemble, peer->index, i);
    }
}

static void drop_messages(struct ensemble *ensemble, size_t index, bool all)
{
    LIST_FOR_EACH_SAFE(link, after, &ensemble->messages)
    {
        struct fake_message *message = CONTAINER_OF(link, struct fake_message, link);
        if (all || message->from == index || message->to == index) {
            list_remove(link);
            buffer_release(&message->bytes);
            mem_free(message, sizeof *message);
        }
    }
    LIST_FOR_EACH_SAFE(dial_link, next, &ensemble->dials)
    {
        struct fake_dial *dial = CONTAINER_OF(dial_link, struct fake_dial, link);
        if (all || dial->from == index) {
            list_remove(dial_link);
            mem_free(dial, sizeof *dial);
        }
    }
}

void fake_net_crash(struct ensemble_peer *peer)
{
    struct list *link;
    while ((link = list_pop(&peer->events)) != NULL) {
        free_event(CONTAINER_OF(link, struct fake_event, link));
    }
    drop_messages(peer->ensemble, peer->index, false);
    LIST_FOR_EACH(at, &peer->ensemble->connections)
    {
        struct fake_connection *connection = CONTAINER_OF(at, struct fake_connection, link);
        for (size_t side = 0; side < 2; side++) {
            if (connection->ends[side].peer == peer) {
                close_end(connection, side);
            }
        }
    }
}

void fake_net_release(struct ensemble *ensemble)
{
    drop_messages(ensemble, 0, true);
    while (!list_is_empty(&ensemble->connections)) {
        free_connection(CONTAINER_OF(ensemble->connections.next, struct fake_connection, link));
    }
}

void ensemble_cut(struct ensemble *ensemble, size_t a, size_t b)
{
    ensemble->cut[a][b] = true;
    ensemble->cut[b][a] = true;
}

void ensemble_isolate(struct ensemble *ensemble, size_t index)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        if (i != index) {
            ensemble_cut(ensemble, i, index);
        }
    }
}

void ensemble_heal(struct ensemble *ensemble)
{
    for (size_t a = 0; a < ensemble->count; a++) {
        for (size_t b = 0; b < a; b++) {
            bool was_cut = ensemble->cut[a][b];
            ensemble->cut[a][b] = false;
            ensemble->cut[b][a] = false;
            if (was_cut) {
                meet(ensemble, a, b);
            }
        }
    }
}
