/* check.c - see check.h: the replay, and what may cause a transaction. */
#include "sim/check.h"

#include <stdarg.h>
#include <stdio.h>

#define WALL_START_MS INT64_C(1790000000000)
#define QUOTA_GRACE 512 /* limits that are not applied yet do not bind: upstream's too */

void check_fail(struct checker *checker, const char *format, ...)
{
    char text[1600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world_fail(checker->world, VERDICT_WRONG, "at zxid %lld: %s", (long long)checker->zxid, text);
}

/* ---- the server's own transactions ----------------------------------------------------------- */

static void check_container(struct checker *checker, const struct txn_record *txn)
{
    const struct model *model = &checker->model;
    struct slice path = txn->parts[0].path;
    const struct model_node *node = model_find(model, path);
    if (txn->type == OP_ERROR) {
        return; /* somebody was faster */
    }
    if (txn->type != OP_DELETE_CONTAINER || node == NULL) {
        check_fail(checker, "the server did something of its own: type %d", txn->type);
        return;
    }
    int64_t age_ms = txn->time_ms - node->mtime;
    if (node->owner == CONTAINER_OWNER) {
        int64_t never_used_ms = model->config.never_used_ms;
        bool may_go = node->cversion > 0 || (never_used_ms != 0 && age_ms > never_used_ms);
        if (!may_go) {
            check_fail(checker, "S6: container %.*s was removed unused after %lld ms",
                       (int)path.len, (const char *)path.ptr, (long long)age_ms);
        }
        marks_hit(checker->world->marks, MARK_CONTAINER_REMOVED);
    } else if (model_is_ttl(model, node)) {
        int64_t ttl_ms = (int64_t)((uint64_t)node->owner & ~TTL_OWNER_MASK);
        if (age_ms <= ttl_ms) {
            check_fail(checker, "S6: %.*s was removed after %lld ms, its time to live is %lld",
                       (int)path.len, (const char *)path.ptr, (long long)age_ms, (long long)ttl_ms);
        }
        marks_hit(checker->world->marks, MARK_TTL_REMOVED);
    } else {
        check_fail(checker, "S6: %.*s is no container, the server removed it", (int)path.len,
                   (const char *)path.ptr);
    }
    if (node->child_count > 0) {
        check_fail(checker, "S6: a container with children was removed");
    }
}

/* A local session becomes everybody's when it wants an ephemeral node, if that is allowed. */
static void check_upgrade(struct checker *checker, const struct sim_session *session)
{
    const struct zk_config *config = &checker->world->options.config;
    bool was_asked = !config->local_sessions_enabled;
    uint64_t timeout_ms = 0;
    for (size_t i = 0; i < session->count; i++) {
        was_asked = was_asked || (config->local_sessions_upgrading_enabled &&
                                  operation_makes_ephemeral(session->requests[i]->operation));
    }
    if (!was_asked) {
        check_fail(checker, "S5: local session 0x%llx has become everybody's, nobody asked for it",
                   (unsigned long long)session->id);
    }
    if (config->local_sessions_enabled &&
        u64_map_get(&checker->model.sessions, (uint64_t)session->id, &timeout_ms)) {
        check_fail(checker, "S5: local session 0x%llx has become everybody's twice",
                   (unsigned long long)session->id);
    }
}

static void check_created_session(struct checker *checker, const struct txn_record *txn)
{
    const struct world *world = checker->world;
    struct sim_session *session = history_session(&checker->world->history, txn->client_id);
    const struct zk_config *config = &world->options.config;
    int32_t timeout_ms = txn->parts[0].timeout_ms;
    if (session->created_zxid != 0 && !world->clock_went_back) {
        check_fail(checker, "S5: session id 0x%llx was used before, at zxid %lld",
                   (unsigned long long)txn->client_id, (long long)session->created_zxid);
    }
    if (timeout_ms < config->min_session_timeout_ms ||
        timeout_ms > config->max_session_timeout_ms) {
        check_fail(checker, "S1: a session with a timeout of %d ms", timeout_ms);
    }
    check_upgrade(checker, session);
    session->created_zxid = txn->zxid;
    session->created_timeout_ms = timeout_ms;
    session->closed_zxid = 0;
}

/* When the transaction was made, in virtual time; 0 when the wall clock cannot tell. */
static uint64_t made_ns(const struct checker *checker, const struct txn_record *txn)
{
    bool is_known = checker->world->options.fault_gap_ns[FAULT_CLOCK_JUMP] == 0;
    return is_known ? (uint64_t)(txn->time_ms - WALL_START_MS + 1) * NS_PER_MS : 0;
}

/* The last time before `end_ns` at which the server took a request of the session. */
static struct heard last_heard(const struct sim_session *session, uint64_t end_ns)
{
    for (size_t i = session->heard_count; i > 0; i--) {
        if (session->heard[i - 1].ns <= end_ns) {
            return session->heard[i - 1];
        }
    }
    return (struct heard){0};
}

/* The last start of the server before `end_ns`. It gives each session its first timeout anew. */
static uint64_t last_start_ns(const struct history *history, uint64_t end_ns)
{
    for (size_t i = history->recovery_count; i > 0; i--) {
        if (history->recoveries[i - 1].ns <= end_ns) {
            return history->recoveries[i - 1].ns;
        }
    }
    return 0;
}

/* S1: not before its timeout has passed since the server heard of it, or came up. */
static void check_expired(struct checker *checker, const struct txn_record *txn)
{
    struct world *world = checker->world;
    const struct history *history = &world->history;
    const struct sim_session *session = history_find_session(history, txn->client_id);
    uint64_t end_ns = made_ns(checker, txn);
    /* With few requests allowed at a time, the server may have a request and not look at it. */
    bool is_prompt = world->options.config.global_outstanding_limit >= 1000;
    marks_hit(world->marks, MARK_SESSION_EXPIRED);
    /* In an ensemble the leader hears of its sessions from the learners, if they reach it. */
    if (session == NULL || end_ns == 0 || !is_prompt || many_are_there(&world->many)) {
        return;
    }
    /* The log counts milliseconds: what came in the same one may have come later. */
    struct heard heard = last_heard(session, end_ns - NS_PER_MS);
    uint64_t start_ns = last_start_ns(history, end_ns - NS_PER_MS);
    uint64_t since_ns = MAX(heard.ns, start_ns);
    int32_t timeout_ms = heard.ns > start_ns ? heard.timeout_ms : session->created_timeout_ms;
    if (end_ns + NS_PER_MS < since_ns + (uint64_t)timeout_ms * NS_PER_MS) {
        check_fail(checker,
                   "S1: session 0x%llx expired %.1f ms after it was heard of, its timeout is %d ms",
                   (unsigned long long)session->id, (double)(end_ns - since_ns) / 1e6, timeout_ms);
    }
}

static void check_own_txn(struct checker *checker, const struct txn_record *txn)
{
    if (txn->client_id == 0) {
        check_container(checker, txn);
    } else if (txn->type == OP_CREATE_SESSION) {
        check_created_session(checker, txn);
    } else if (txn->type == OP_CLOSE_SESSION) {
        check_expired(checker, txn);
    } else {
        check_fail(checker, "%s of session 0x%llx, which nobody asked for", op_text(txn->type),
                   (unsigned long long)txn->client_id);
    }
}

/* ---- transactions with a request ------------------------------------------------------------- */

static bool has_error(const struct txn_record *txn, int32_t error)
{
    for (int32_t i = 0; i < txn->part_count; i++) {
        if (txn->parts[i].type == OP_ERROR && txn->parts[i].error == error) {
            return true;
        }
    }
    return false;
}

/* Could the request have become this transaction, in the state before it? */
static bool fits(struct checker *checker,
                 const struct request *request,
                 const struct txn_record *txn)
{
    const struct sim_session *session = history_find_session(&checker->world->history,
                                                             txn->client_id);
    int32_t type = request->operation->type;
    bool is_late = has_error(txn, E_SESSION_MOVED) || has_error(txn, E_SESSION_EXPIRED);
    struct txn_record expected;
    if (!operation_is_write(type) || txn->zxid <= request->told_before) {
        return false;
    }
    if (is_late) {
        return session->closed_zxid != 0 || request->connection->closed_order > 0;
    }
    if (request->operation->is_malformed) {
        return txn->type == OP_ERROR && many_are_there(&checker->world->many);
    }
    if (request->number <= session->last_logged && type != OP_CLOSE_SESSION) {
        return false;
    }
    if (type == OP_RECONFIG) {
        const struct many_servers *many = &checker->world->many;
        bool is_one = txn->type == OP_RECONFIG || txn->type == OP_ERROR;
        return is_one && (many->check_reconfig == NULL ||
                          many->check_reconfig(many->ctx, request, txn) == NULL);
    }
    model_predict(&checker->model, request->operation, &request->identity, txn->client_id,
                  &expected);
    return txn_difference(&expected, txn)[0] == '\0';
}

/* Clients that count anew on each connection use a number again while the first request that had
 * it may be on its way. Whose transaction it is is told by the answer's zxid and by what was asked
 * for: data is never the same twice. The greater, the more likely. */
static int likelihood(struct checker *checker,
                      const struct request *request,
                      const struct txn_record *txn)
{
    bool was_told = request->is_answered && request->zxid == txn->zxid;
    if (request->logged_zxid != 0 || request->told_before >= txn->zxid ||
        !operation_is_write(request->operation->type)) {
        return 0;
    }
    if (fits(checker, request, txn)) {
        return was_told ? 4 : request->is_answered ? 1 : 3;
    }
    return was_told ? 2 : request->is_answered ? 0 : 1;
}

static struct request *find_cause(struct checker *checker, const struct txn_record *txn)
{
    const struct sim_session *session = history_find_session(&checker->world->history,
                                                             txn->client_id);
    struct request *found = NULL;
    int best = -1;
    for (size_t i = 0; session != NULL && txn->cxid > 0 && i < session->count; i++) {
        struct request *request = session->requests[i];
        int chance = request->xid == txn->cxid ? likelihood(checker, request, txn) : -1;
        if (chance > best) {
            best = chance;
            found = request;
        }
        /* Sent when nobody had been told of this transaction, through another connection. */
        bool is_again = chance >= 0 && request != found && request->told_before < txn->zxid;
        checker->world->many.used_again += is_again && found->connection->closed_order > 0;
    }
    return found;
}

/* In an ensemble a request may still be on its way to the leader when its session ends, or when its
 * client has opened it at another server: it is then logged as an error that says so. */
static bool is_refused(struct checker *checker, const struct txn_record *txn)
{
    const struct request *cause = checker->cause;
    const struct sim_session *session = history_find_session(&checker->world->history,
                                                             txn->client_id);
    const struct many_servers *many = &checker->world->many;
    if (!many_are_there(many)) {
        return false;
    }
    bool is_unknown = cause->operation->type == OP_RECONFIG && many->check_reconfig == NULL;
    if (txn->type == OP_ERROR && (cause->operation->is_malformed || is_unknown)) {
        return true; /* a learner has passed it on, the leader says no */
    }
    bool is_ended = session->closed_zxid != 0 && has_error(txn, E_SESSION_EXPIRED);
    bool is_moved = has_error(txn, E_SESSION_MOVED) && cause->connection->closed_order > 0;
    /* Who closes a session is not asked, since its expiry does it, too: so the request may come
     * late, when another connection has gone on with the session (as upstream's). */
    bool is_again = txn->type == OP_CLOSE_SESSION && cause->connection->closed_order > 0;
    checker->world->many.too_late += is_ended || is_moved;
    return is_ended || is_moved || is_again;
}

static void check_order(struct checker *checker, const struct txn_record *txn)
{
    struct request *cause = checker->cause;
    struct sim_session *session = history_find_session(&checker->world->history, txn->client_id);
    if (!operation_is_write(cause->operation->type) || cause->operation->is_malformed) {
        check_fail(checker, "a transaction was made of %s", op_text(cause->operation->type));
    }
    if (cause->logged_zxid != 0) {
        check_fail(checker, "C1: request %zu of session 0x%llx was done twice, first at zxid %lld",
                   cause->number, (unsigned long long)txn->client_id,
                   (long long)cause->logged_zxid);
    }
    /* Where sessions may be local, the leader cannot know that this one was everybody's and ended:
     * what was long on its way is done in that case (LeaderSessionTracker.checkSession). */
    bool is_over = session->closed_zxid != 0;
    bool may_be_late = is_over && checker->world->options.config.local_sessions_enabled;
    if (cause->number <= session->last_logged && !may_be_late) {
        check_fail(checker, "C3: request %zu of session 0x%llx was done after request %zu",
                   cause->number, (unsigned long long)txn->client_id, session->last_logged);
    }
    if (txn->zxid <= cause->told_before) {
        check_fail(checker, "C1: a request sent after zxid %lld was known became zxid %lld",
                   (long long)cause->told_before, (long long)txn->zxid);
    }
    if (is_over && !may_be_late) {
        check_fail(checker, "S1: request %zu of session 0x%llx, closed at zxid %lld", cause->number,
                   (unsigned long long)txn->client_id, (long long)session->closed_zxid);
    }
    cause->logged_zxid = txn->zxid;
    session->last_logged = MAX(session->last_logged, cause->number);
}

static void mark_outcome(struct checker *checker, const struct txn_record *txn)
{
    struct marks *marks = checker->world->marks;
    const struct operation *operation = checker->cause->operation;
    if (txn->type == OP_MULTI) {
        bool is_failed = false;
        for (int32_t i = 0; i < txn->part_count; i++) {
            is_failed = is_failed || txn->parts[i].type == OP_ERROR;
        }
        marks_hit(marks, is_failed ? MARK_MULTI_FAILED : MARK_MULTI_DONE);
    }
    if (txn->type == OP_ERROR) {
        marks_hit(marks, MARK_ERROR_TXN);
    } else if (operation->type == OP_CREATE && operation->flags >= FLAG_SEQUENTIAL) {
        marks_hit(marks, MARK_SEQUENTIAL);
    }
    if (has_error(txn, E_BAD_VERSION)) {
        marks_hit(marks, MARK_BAD_VERSION);
    }
    if (has_error(txn, E_NO_AUTH)) {
        marks_hit(marks, MARK_NOT_ALLOWED);
    }
    if (has_error(txn, E_QUOTA_EXCEEDED)) {
        marks_hit(marks, MARK_QUOTA_EXCEEDED);
    }
}

static void check_caused_txn(struct checker *checker, const struct txn_record *txn)
{
    struct model *model = &checker->model;
    struct request *cause = checker->cause;
    const struct many_servers *many = &checker->world->many;
    struct txn_record expected;
    if (is_refused(checker, txn)) {
        cause->logged_zxid = txn->zxid;
        return;
    }
    check_order(checker, txn);
    if (world_is_over(checker->world)) {
        return;
    }
    if (cause->operation->type == OP_RECONFIG && many->check_reconfig != NULL) {
        const char *problem = many->check_reconfig(many->ctx, cause, txn);
        if (problem != NULL) {
            check_fail(checker, "Z-INV14: a reconfig %s (error %d)", problem, txn->parts[0].error);
        }
        return;
    }
    model_predict(model, cause->operation, &cause->identity, txn->client_id, &expected);
    const char *difference = txn_difference(&expected, txn);
    bool is_grace = model->quota_zxid > 0 && model->quota_zxid + QUOTA_GRACE >= txn->zxid &&
                    (has_error(&expected, E_QUOTA_EXCEEDED) || has_error(txn, E_QUOTA_EXCEEDED));
    if (difference[0] != '\0' && !is_grace) {
        int32_t wanted = expected.type == OP_ERROR ? expected.parts[0].error : 0;
        int32_t got = txn->type == OP_ERROR ? txn->parts[0].error : 0;
        check_fail(checker, "%s %.*s of session 0x%llx: the %s is wrong (error %d, should be %d)",
                   op_text(cause->operation->type), (int)cause->operation->path.len,
                   (const char *)cause->operation->path.ptr, (unsigned long long)txn->client_id,
                   difference, got, wanted);
    }
    mark_outcome(checker, txn);
}

/* ---- the replay ------------------------------------------------------------------------------ */

static void mark_closed(struct checker *checker, const struct txn_record *txn)
{
    struct sim_session *session = history_find_session(&checker->world->history, txn->client_id);
    session->closed_zxid = txn->zxid;
    if (checker->model.change_count > 0) {
        marks_hit(checker->world->marks,
                  checker->cause != NULL ? MARK_EPHEMERAL_CLOSED : MARK_EPHEMERAL_EXPIRED);
    }
}

/* S2: whoever owns an ephemeral node is a session that all servers know. */
static void check_owners(struct checker *checker, const struct txn_record *txn)
{
    uint64_t timeout_ms = 0;
    bool is_done = true;
    for (int32_t i = 0; i < txn->part_count; i++) {
        is_done = is_done && txn->parts[i].type != OP_ERROR;
    }
    for (int32_t i = 0; i < txn->part_count && is_done; i++) {
        const struct txn_part *part = &txn->parts[i];
        if (part->is_ephemeral &&
            !u64_map_get(&checker->model.sessions, (uint64_t)txn->client_id, &timeout_ms)) {
            check_fail(checker, "S2: %.*s belongs to session 0x%llx, which is not in the log",
                       (int)part->path.len, (const char *)part->path.ptr,
                       (unsigned long long)txn->client_id);
            return;
        }
    }
}

static void apply(struct checker *checker, const struct txn_record *txn)
{
    struct model *model = &checker->model;
    checker->cause = find_cause(checker, txn);
    if (checker->cause != NULL) {
        check_caused_txn(checker, txn);
    } else {
        check_own_txn(checker, txn);
    }
    if (world_is_over(checker->world)) {
        return;
    }
    if (!model_apply(model, txn)) {
        check_fail(checker, "%s %.*s of session 0x%llx cannot be applied", op_text(txn->type),
                   (int)txn->parts[0].path.len, (const char *)txn->parts[0].path.ptr,
                   (unsigned long long)txn->client_id);
        return;
    }
    check_owners(checker, txn);
    checker->cause_error = txn->type == OP_ERROR ? txn->parts[0].error : 0;
    if (txn->type == OP_CLOSE_SESSION) {
        mark_closed(checker, txn);
    }
    if (txn->has_digest && txn->digest != model->digest) {
        check_fail(checker, "Z-INV12: %s is logged with digest %llx, the tree's is %llx",
                   op_text(txn->type), (unsigned long long)txn->digest,
                   (unsigned long long)model->digest);
    }
}

static void walk_until(struct checker *checker, uint64_t order)
{
    for (size_t i = 0; i < checker->walker_count && !world_is_over(checker->world); i++) {
        struct walker *walker = &checker->walkers[i];
        if (!walker->is_over && walker->connection->established_order < order) {
            walker_step(checker, walker);
        }
    }
}

static void check_recovery(struct checker *checker, const struct recovery_record *recovery)
{
    struct model *model = &checker->model;
    model_restarted(model);
    if (recovery->nodes != model->node_count) {
        check_fail(checker, "the server came up with %llu nodes, there should be %llu",
                   (unsigned long long)recovery->nodes, (unsigned long long)model->node_count);
    } else if (recovery->fingerprint != model_fingerprint(model)) {
        check_fail(checker, "the server came up with another tree than the log makes");
    } else if (recovery->digest != 0 && recovery->digest != model->digest) {
        check_fail(checker, "the server came up with digest %llx, the tree's is %llx",
                   (unsigned long long)recovery->digest, (unsigned long long)model->digest);
    }
}

/* What clients saw at this zxid: before the server came up there, and after. */
static void walk_all(struct checker *checker)
{
    const struct history *history = &checker->world->history;
    while (checker->recovery_at < history->recovery_count &&
           history->recoveries[checker->recovery_at].zxid == checker->zxid) {
        const struct recovery_record *recovery = &history->recoveries[checker->recovery_at++];
        walk_until(checker, recovery->order + 1);
        if (!world_is_over(checker->world)) {
            check_recovery(checker, recovery);
        }
    }
    walk_until(checker, UINT64_MAX);
}

static void replay(struct checker *checker)
{
    struct history *history = &checker->world->history;
    walk_all(checker);
    for (size_t i = 0; i < history->log_count && !world_is_over(checker->world); i++) {
        struct txn_record txn;
        checker->zxid = history->log[i].zxid;
        if (slice_is_null(history->log[i].bytes)) { /* an epoch began: its zxid is shown, too */
            checker->cause = NULL;
            checker->model.change_count = 0;
            walk_all(checker);
            continue;
        }
        if (!txn_record_read(history->log[i].bytes, &txn)) {
            check_fail(checker, "a transaction of %zu bytes cannot be read",
                       history->log[i].bytes.len);
        } else {
            apply(checker, &txn);
        }
        if (!world_is_over(checker->world)) {
            walk_all(checker);
        }
        txn_record_release(&txn);
    }
}

/* ---- what is left ---------------------------------------------------------------------------- */

static void check_leftovers(struct checker *checker)
{
    const struct history *history = &checker->world->history;
    for (size_t i = 0; i < checker->walker_count; i++) {
        const struct walker *walker = &checker->walkers[i];
        const struct connection *connection = walker->connection;
        if (!walker->is_over && walker->at < connection->frame_count) {
            check_fail(checker, "client %d saw zxid %lld, which is not in the log",
                       connection->client, (long long)connection->frames[walker->at].zxid);
            return;
        }
    }
    for (size_t i = 0; i < history->session_count; i++) {
        const struct sim_session *session = history->session_list[i];
        bool is_local = checker->world->options.config.local_sessions_enabled &&
                        session->created_zxid == 0;
        if (session->was_answered && session->created_zxid == 0 && !is_local) {
            check_fail(checker, "C1: session 0x%llx was granted and is not in the log",
                       (unsigned long long)session->id);
        }
        if (session->is_abandoned && session->closed_zxid == 0 && !is_local) {
            check_fail(checker, "S1: session 0x%llx was given up, and never expired",
                       (unsigned long long)session->id);
        }
    }
}

static void mark_unknown_outcomes(struct checker *checker)
{
    const struct history *history = &checker->world->history;
    for (size_t i = 0; i < history->connection_count; i++) {
        const struct connection *connection = history->connections[i];
        for (size_t k = 0; k < connection->request_count; k++) {
            const struct request *request = connection->requests[k];
            if (!request->is_answered && operation_is_write(request->operation->type)) {
                marks_hit(checker->world->marks,
                          request->logged_zxid != 0 ? MARK_OUTCOME_UNKNOWN : MARK_OUTCOME_NOTHING);
            }
        }
    }
}

void check_run(struct world *world)
{
    const struct history *history = &world->history;
    const struct zk_config *config = &world->options.config;
    struct checker checker = {.world = world};
    struct model_config model_config = {
        .extended_types = config->extended_types_enabled,
        .skips_acl = config->skip_acl,
        .enforces_quota = config->enforce_quota,
        .has_dirty_quota = world->options.has_dirty_quota,
        .closes_with_paths = config->close_session_txn_enabled,
        .closes_twice = many_are_there(&world->many),
        .never_used_ms = config->container_max_never_used_ms,
    };
    model_init(&checker.model, &model_config);
    checker.walkers = heap_new((history->connection_count + 1) * sizeof *checker.walkers);
    for (size_t i = 0; i < history->connection_count; i++) {
        if (history->connections[i]->established_order > 0) {
            walker_init(&checker.walkers[checker.walker_count++], history->connections[i]);
        }
    }
    replay(&checker);
    if (!world_is_over(world)) {
        check_leftovers(&checker);
        mark_unknown_outcomes(&checker);
    }
    for (size_t i = 0; i < checker.walker_count; i++) {
        walker_release(&checker.walkers[i]);
    }
    heap_free(checker.walkers);
    model_release(&checker.model);
}
