/* sessions.c - S1: how long sessions live. See onlookers.h.
 *
 * What a server hears of a session is seen where it takes the message: a request of a client on its
 * client port; at a leader also a learner's request, REVALIDATE, or report in the answer to a PING.
 * For each server there is a list of what it has heard since it began to serve. When a leader lets
 * a session expire, by its own clock:
 *
 *     not before   the timeout that was agreed has passed since the last such message, and since
 * the leader began to serve: a new leader gives every session a whole timeout not after    that
 * timeout, two ticks, and as much as its timers came late just then (its process stood still, or
 * was busy with its disk) in a run without faults, at no time while a client speaks for it
 *
 * The first two hold whatever the clocks and the network do, since they are about what the leader
 * has been told. How late it is told is the learners' part: in runs without faults that is checked
 * by the third.
 *
 * Local sessions (localSessionsEnabled) have no transaction. They end at their own server by the
 * same rule, and with it; at any other server they are unknown. So a client that is told so by the
 * server that it was at before must have been away for a whole timeout, or the server has begun
 * anew. Those that become everybody's, for an ephemeral node's sake, are sessions like others from
 * there on.
 */
#include <inttypes.h>

#include "base/endian.h"
#include "sim/ensemble/onlookers.h"
#include "sim/log_sim.h"

#define STREAM 0x73657373696f6e73
#define TXN_TYPE_AT 28u /* behind client id, cxid, zxid and time */
#define PROMPT_LIMIT 1000
#define TICKS_LATE 2
#define CLOCK_MS 1 /* both times are cut to whole ms */

/* What one server has heard of one session since it began to serve. */
struct heard_of {
    uint64_t sure_ms;   /* by its clock: not later than it counts the timeout from */
    uint64_t latest_ms; /* the last message, whether it counts or not */
    int32_t timeout_ms;
    int32_t timeout_max_ms;
    int32_t greeting_ms; /* the timeout of the last greeting; 0: none */
    bool has_been_heard; /* else the timeout runs from the beginning */
    bool is_over;        /* it has ended, as far as the leader is concerned */
};

struct session_list {
    struct u64_map heard; /* id -> struct heard_of * */
    uint64_t began;       /* counts how often the server has begun to serve */
};

struct session_ghost {
    struct session_list of[MEMBERS_MAX];
    struct u64_map in_log;   /* id -> its first timeout: begun and not ended, in G */
    struct u64_map was_told; /* id -> began * MEMBERS_MAX + server, of a client's last READY */
};

/* ---- drawing --------------------------------------------------------------------------------- */

void sessions_draw(struct ensemble_options *options, struct config_writer *writer)
{
    struct random random;
    random_init(&random, options->seed ^ STREAM);
    if (!random_once_in(&random, 4)) {
        return;
    }
    bool is_upgraded = !random_once_in(&random, 4);
    config_writer_add(writer, "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=%s\n",
                      is_upgraded ? "true" : "false");
}

static const struct zk_config *config_of(const struct ensemble_world *ensemble)
{
    return &ensemble->base.options.config;
}

/* With few requests allowed at a time, a server may have a request and not look at it. */
static bool is_prompt(const struct ensemble_world *ensemble)
{
    return config_of(ensemble)->global_outstanding_limit >= PROMPT_LIMIT;
}

static bool is_calm(const struct ensemble_world *ensemble)
{
    for (size_t i = 0; i < ENSEMBLE_FAULT_KINDS; i++) {
        if (ensemble->options.fault_gap_ns[i] != 0) {
            return false;
        }
    }
    return ensemble->scenario == NULL;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static struct session_list *list_of(const struct member *member)
{
    return &member->ensemble->sessions->of[member->id - 1];
}

static void list_clear(struct session_list *list)
{
    size_t position = 0;
    uint64_t id = 0;
    uint64_t value = 0;
    while (u64_map_next(&list->heard, &position, &id, &value)) {
        heap_free((void *)(uintptr_t)value);
    }
    u64_map_release(&list->heard);
    u64_map_init(&list->heard);
}

void sessions_init(struct ensemble_world *ensemble)
{
    struct session_ghost *ghost = heap_new(sizeof *ghost);
    ensemble->sessions = ghost;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        u64_map_init(&ghost->of[i].heard);
    }
    u64_map_init(&ghost->in_log);
    u64_map_init(&ghost->was_told);
}

void sessions_release(struct ensemble_world *ensemble)
{
    struct session_ghost *ghost = ensemble->sessions;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        list_clear(&ghost->of[i]);
        u64_map_release(&ghost->of[i].heard);
    }
    u64_map_release(&ghost->in_log);
    u64_map_release(&ghost->was_told);
    heap_free(ghost);
}

static struct heard_of *heard_of(struct session_list *list, int64_t id, bool makes)
{
    struct heard_of *heard = u64_map_get_ptr(&list->heard, (uint64_t)id);
    if (heard == NULL && makes) {
        heard = heap_new(sizeof *heard);
        u64_map_put_ptr(&list->heard, (uint64_t)id, heard);
    }
    return heard;
}

/* ---- what a server hears --------------------------------------------------------------------- */

void sessions_heard(struct member *member, int64_t id, int32_t timeout_ms, enum heard_by how)
{
    struct heard_of *heard = heard_of(list_of(member), id, true);
    uint64_t now_ms = clock_now_ms(member);
    heard->latest_ms = now_ms;
    heard->timeout_max_ms = MAX(heard->timeout_max_ms, timeout_ms);
    heard->has_been_heard = true;
    /* It has agreed on another timeout, if it lives; whether and when that counts is not sure. */
    if (how == HEARD_GREETING || (how == HEARD_REQUEST && !is_prompt(member->ensemble))) {
        heard->timeout_ms = timeout_ms == 0 ? heard->timeout_ms
                                            : MIN(heard->timeout_ms, timeout_ms);
        heard->greeting_ms = how == HEARD_GREETING ? timeout_ms : heard->greeting_ms;
        return;
    }
    if (how == HEARD_REPORT && heard->greeting_ms != 0 && heard->greeting_ms != timeout_ms) {
        /* Of a server that it has left, perhaps (seed 117 --reconfigs): what it agreed on holds. */
        timeout_ms = MIN(heard->timeout_ms, timeout_ms);
    }
    heard->sure_ms = now_ms;
    heard->timeout_ms = timeout_ms == 0 ? heard->timeout_ms : timeout_ms;
}

/* The sessions of its tree, as they are when it begins to lead. */
static void inherit(void *ctx, const struct session_seen *seen)
{
    struct member *member = ctx;
    struct heard_of *heard = heard_of(list_of(member), seen->id, true);
    uint64_t now_ms = clock_now_ms(member);
    uint64_t timeout_ms = (uint64_t)seen->timeout_ms;
    (void)u64_map_get(&member->ensemble->sessions->in_log, (uint64_t)seen->id, &timeout_ms);
    *heard = (struct heard_of){.sure_ms = now_ms,
                               .latest_ms = now_ms,
                               .timeout_ms = (int32_t)timeout_ms,
                               .timeout_max_ms = (int32_t)timeout_ms};
}

/* ---- what a leader lets expire --------------------------------------------------------------- */

/* Ever: who has heard nothing of it goes on with the session elsewhere, while the one that it asked
 * may have closed it without being able to say so (seed 539 --reconfigs). */
static bool asked_to_close(const struct sim_session *session)
{
    for (size_t i = session->count; i > 0; i--) {
        if (session->requests[i - 1]->operation->type == OP_CLOSE_SESSION) {
            return true;
        }
    }
    return false;
}

static void check_early(struct member *member, int64_t id, const struct heard_of *heard)
{
    uint64_t now_ms = clock_busy_until_ms(member);
    if (now_ms + CLOCK_MS < heard->sure_ms + (uint64_t)heard->timeout_ms) {
        ensemble_world_fail(member->ensemble,
                            "S1: member %d let session 0x%" PRIx64 " expire %" PRIu64
                            " ms after it had heard of it%s, the timeout is %d ms",
                            member->id, id, now_ms - heard->sure_ms,
                            heard->has_been_heard ? "" : " (it began to lead)", heard->timeout_ms);
    }
}

static void check_late(struct member *member, int64_t id, const struct heard_of *heard)
{
    const struct zk_config *config = config_of(member->ensemble);
    uint64_t now_ms = clock_now_ms(member);
    uint64_t late_ms = member->runtime->timers_late_ns / NS_PER_MS;
    uint64_t last_ms = heard->latest_ms + (uint64_t)heard->timeout_max_ms +
                       TICKS_LATE * (uint64_t)config->tick_time_ms;
    if (now_ms > last_ms + late_ms + CLOCK_MS) {
        ensemble_world_fail(member->ensemble,
                            "S1: member %d let session 0x%" PRIx64 " expire only %" PRIu64
                            " ms after it had heard of it, the timeout is %d ms",
                            member->id, id, now_ms - heard->latest_ms, heard->timeout_max_ms);
    }
}

/* Nothing goes wrong in this run: who has a client that speaks for it lives. */
static void check_calm(struct member *member, const struct sim_session *session)
{
    struct ensemble_world *ensemble = member->ensemble;
    const struct client *client = &ensemble->base.clients[session->client];
    if (is_calm(ensemble) && client->session == session && client->state == CLIENT_READY) {
        ensemble_world_fail(ensemble,
                            "S1: member %d let session 0x%" PRIx64
                            " of client %d expire, which is there, and nothing went wrong",
                            member->id, session->id, session->client);
    }
}

static void look_at_session(void *ctx, const struct session_seen *seen)
{
    struct member *member = ctx;
    struct session_list *list = list_of(member);
    struct ensemble_world *ensemble = member->ensemble;
    struct heard_of *heard = heard_of(list, seen->id, false);
    if (!seen->is_closing || seen->is_local || heard == NULL || heard->is_over) {
        return;
    }
    const struct sim_session *session = history_find_session(&ensemble->base.history, seen->id);
    if (session == NULL || !asked_to_close(session)) {
        sim_trace("member %d lets session 0x%" PRIx64 " expire", member->id, seen->id);
        check_early(member, seen->id, heard);
        check_late(member, seen->id, heard);
        if (!heard->has_been_heard && ensemble->ghost.leaders.count > 1) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_EXPIRED_BY_NEXT);
        }
        if (session != NULL && session->was_answered) {
            check_calm(member, session);
        }
    }
    /* Until its end is committed others go on to tell of it. */
    heard->is_over = true;
}

void sessions_look(struct member *member, const struct member_view *view)
{
    const struct member_view *before = &member->view;
    struct session_list *list = list_of(member);
    bool begins = view->is_serving && (!before->is_serving || view->epoch != before->epoch ||
                                       view->is_leader != before->is_leader);
    if (begins) {
        list->began += 1;
        list_clear(list);
        if (view->is_leader) {
            member_each_session(member, inherit, member);
        }
    }
    if (view->is_serving && view->is_leader && view->sessions_expired != before->sessions_expired) {
        member_each_session(member, look_at_session, member);
    }
}

/* ---- G --------------------------------------------------------------------------------------- */

void sessions_committed(struct ensemble_world *ensemble, struct slice txn)
{
    struct session_ghost *ghost = ensemble->sessions;
    if (txn.len < TXN_TYPE_AT + 4) {
        return;
    }
    uint64_t id = load_be64(txn.ptr);
    int32_t type = (int32_t)load_be32(txn.ptr + TXN_TYPE_AT);
    if (type == OP_CREATE_SESSION && txn.len >= TXN_TYPE_AT + 8) {
        u64_map_put(&ghost->in_log, id, load_be32(txn.ptr + TXN_TYPE_AT + 4));
        if (config_of(ensemble)->local_sessions_enabled) {
            ensemble_world_mark(ensemble, ENSEMBLE_MARK_LOCAL_UPGRADED);
        }
    }
    if (type == OP_CLOSE_SESSION) {
        (void)u64_map_remove(&ghost->in_log, id, NULL);
    }
}

size_t sessions_live(const struct ensemble_world *ensemble)
{
    size_t count = 0;
    for (int i = 0; i < ensemble->base.options.client_count; i++) {
        const struct sim_session *session = ensemble->base.clients[i].session;
        uint64_t value = 0;
        count += session != NULL &&
                 u64_map_get(&ensemble->sessions->in_log, (uint64_t)session->id, &value);
    }
    return count;
}

/* ---- local sessions -------------------------------------------------------------------------- */

void sessions_opened(struct ensemble_world *ensemble, struct client *client, int at)
{
    struct session_ghost *ghost = ensemble->sessions;
    u64_map_put(&ghost->was_told, (uint64_t)client->session->id,
                ghost->of[at].began * MEMBERS_MAX + (uint64_t)at);
}

/* Was it one that no other server knew of, as far as its client can tell? */
static bool was_local(const struct ensemble_world *ensemble, const struct sim_session *session)
{
    const struct zk_config *config = config_of(ensemble);
    for (size_t i = 0; i < session->count && config->local_sessions_upgrading_enabled; i++) {
        if (operation_makes_ephemeral(session->requests[i]->operation)) {
            return false;
        }
    }
    return config->local_sessions_enabled && !asked_to_close(session);
}

void sessions_refused(struct ensemble_world *ensemble, struct client *client)
{
    struct session_ghost *ghost = ensemble->sessions;
    const struct sim_session *session = client->session;
    int at = ensemble->last_server[client->index];
    uint64_t told = 0;
    if (!was_local(ensemble, session) ||
        !u64_map_get(&ghost->was_told, (uint64_t)session->id, &told)) {
        return;
    }
    struct member *member = &ensemble->members[at];
    if (told % MEMBERS_MAX != (uint64_t)at) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_LOCAL_ELSEWHERE);
    } else if (told / MEMBERS_MAX != ghost->of[at].began) {
        ensemble_world_mark(ensemble, ENSEMBLE_MARK_LOCAL_ENDED);
    } else {
        const struct heard_of *heard = heard_of(&ghost->of[at], session->id, false);
        if (heard != NULL && member->runtime != NULL) {
            check_early(member, session->id, heard);
        }
    }
}
