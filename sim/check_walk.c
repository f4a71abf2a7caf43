/* check_walk.c - one connection's frames against the model: events first, then replies. See
 * check.h.
 *
 * The walk keeps the watches that the server must have for this connection: set by the replies that
 * it passes, used up by the events. Frames of a connection that broke are a beginning of what was
 * sent, so the walk simply ends with them.
 */
#include <stdio.h>

#include "sim/check.h"

#define WATCH_DATA_ONCE 1u
#define WATCH_DATA_ALWAYS 2u
#define WATCH_BELOW 4u
#define WATCH_CHILD_ONCE 8u
#define WATCH_CHILD_ALWAYS 16u

struct walker_watch {
    struct walker_watch *next;
    struct slice path;
    unsigned bits;
};

static const struct hash_key walk_key = {0x77616c6b206f6620, 0x6672616d65730000};

void walker_init(struct walker *walker, const struct connection *connection)
{
    *walker = (struct walker){.connection = connection};
    walker->identity.ip_last = connection->identity.ip_last;
    bytes_map_init(&walker->watches, walk_key);
}

void walker_release(struct walker *walker)
{
    while (walker->list != NULL) {
        struct walker_watch *watch = walker->list;
        walker->list = watch->next;
        heap_free(watch);
    }
    bytes_map_release(&walker->watches);
}

/* ---- watches --------------------------------------------------------------------------------- */

static unsigned *bits_of(struct walker *walker, struct slice path, bool makes)
{
    struct walker_watch *watch = bytes_map_get(&walker->watches, path);
    if (watch == NULL && makes) {
        watch = heap_new(sizeof *watch);
        watch->path = path; /* lives as long as the history */
        watch->next = walker->list;
        walker->list = watch;
        bytes_map_add(&walker->watches, path, watch);
    }
    return watch == NULL ? NULL : &watch->bits;
}

static void watch_set(struct walker *walker, struct slice path, unsigned bits)
{
    *bits_of(walker, path, true) |= bits;
}

/* Takes bits away; were any of them set? */
static bool watch_clear(struct walker *walker, struct slice path, unsigned bits)
{
    unsigned *found = bits_of(walker, path, false);
    bool had = found != NULL && (*found & bits) != 0;
    if (found != NULL) {
        *found &= ~bits;
    }
    return had;
}

static bool watch_has(struct walker *walker, struct slice path, unsigned bits)
{
    const unsigned *found = bits_of(walker, path, false);
    return found != NULL && (*found & bits) != 0;
}

/* Does a recursive watch stand on the path or above it? */
static bool is_watched_from_above(struct walker *walker, struct slice path)
{
    for (;;) {
        if (watch_has(walker, path, WATCH_BELOW)) {
            return true;
        }
        struct slice parent;
        if (path.len <= 1 || !path_parent(path, &parent)) {
            return false;
        }
        path = parent.len == 0 ? SLICE_LIT("/") : parent;
    }
}

/* Does this change reach the connection? Watches that fire once are gone afterwards. */
static bool fires(struct walker *walker, const struct model_change *change)
{
    bool data = change->event != EVENT_CHILDREN;
    bool child = change->event == EVENT_CHILDREN || change->event == EVENT_DELETED;
    bool fired = false;
    if (data) {
        fired = watch_has(walker, change->path, WATCH_DATA_ONCE | WATCH_DATA_ALWAYS) ||
                is_watched_from_above(walker, change->path);
        (void)watch_clear(walker, change->path, WATCH_DATA_ONCE);
    }
    if (child) {
        fired = fired || watch_has(walker, change->path, WATCH_CHILD_ONCE | WATCH_CHILD_ALWAYS);
        (void)watch_clear(walker, change->path, WATCH_CHILD_ONCE);
    }
    return fired;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static const struct frame *frame_at(const struct walker *walker, size_t at)
{
    return at < walker->connection->frame_count ? &walker->connection->frames[at] : NULL;
}

/* Replies outside of the order of zxids: authentication, and the refusal of what is unknown. */
static bool is_apart(const struct frame *frame)
{
    return frame->request != NULL &&
           (frame->request->operation->type == OP_AUTH ||
            (frame->request->error == E_UNIMPLEMENTED && frame->zxid == -1));
}

static void pass_apart(struct checker *checker, struct walker *walker)
{
    for (;;) {
        const struct frame *frame = frame_at(walker, walker->at);
        if (frame == NULL || !is_apart(frame)) {
            return;
        }
        const struct operation *operation = frame->request->operation;
        bool is_digest = slice_equal_cstr(operation->path, "digest");
        int32_t expected = operation->type != OP_AUTH ? E_UNIMPLEMENTED
                           : is_digest                ? 0
                                                      : E_AUTH_FAILED;
        if (frame->request->error != expected || frame->request->body.len > 0 ||
            (operation->type != OP_AUTH && !operation_is_unknown(operation->type))) {
            check_fail(checker, "%s of client %d was answered with %d", op_text(operation->type),
                       walker->connection->client, frame->request->error);
        }
        if (operation->type == OP_AUTH && is_digest) {
            walker->identity.users[walker->identity.user_count++] = (uint8_t)operation->mode;
        }
        walker->at += 1;
    }
}

static const char *event_text(int32_t event)
{
    static const char *const names[] = {"none", "created", "deleted", "data changed",
                                        "children changed"};
    return event >= 0 && event <= EVENT_CHILDREN ? names[event] : "?";
}

static bool is_event(const struct frame *frame, int64_t zxid, int32_t event, struct slice path)
{
    return frame != NULL && frame->request == NULL && frame->zxid == zxid &&
           frame->event == event && slice_equal(frame->path, path);
}

static void describe(const struct frame *frame, char *text, size_t size)
{
    if (frame->request != NULL) {
        snprintf(text, size, "the reply to %s %.*s at zxid %lld",
                 op_text(frame->request->operation->type), (int)frame->request->operation->path.len,
                 (const char *)frame->request->operation->path.ptr, (long long)frame->zxid);
    } else {
        snprintf(text, size, "'%s' on %.*s of zxid %lld", event_text(frame->event),
                 (int)frame->path.len, (const char *)frame->path.ptr, (long long)frame->zxid);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The next frame must be the event of this change, if the client may know of the node. When it
 * logged in just here, the order of login and event cannot be told, so both are right. */
static void expect_event(struct checker *checker,
                         struct walker *walker,
                         const struct model_change *change)
{
    struct marks *marks = checker->world->marks;
    const struct model *model = &checker->model;
    bool before = model_allows(model, change->acl, &walker->identity, PERM_READ);
    size_t start = walker->at;
    struct identity identity = walker->identity;
    if (!before && (frame_at(walker, start) == NULL || !is_apart(frame_at(walker, start)))) {
        marks_hit(marks, MARK_EVENT_HIDDEN);
        return;
    }
    pass_apart(checker, walker);
    bool after = model_allows(model, change->acl, &walker->identity, PERM_READ);
    const struct frame *frame = frame_at(walker, walker->at);
    if (frame == NULL) {
        walker->is_over = true;
        return;
    }
    if (is_event(frame, checker->zxid, change->event, change->path) && (before || after)) {
        walker->at += 1;
        marks->checked_events += 1;
        marks_hit(marks, MARK_EVENT);
        return;
    }
    if (!before) {
        walker->at = start; /* it came before the login */
        walker->identity = identity;
    } else {
        char text[256];
        describe(frame, text, sizeof text);
        check_fail(checker, "W1-W4: client %d must hear of '%s' on %.*s next, and got %s",
                   walker->connection->client, event_text(change->event), (int)change->path.len,
                   (const char *)change->path.ptr, text);
    }
}

static void walk_events(struct checker *checker, struct walker *walker)
{
    const struct model *model = &checker->model;
    for (size_t i = 0; i < model->change_count; i++) {
        const struct model_change *change = &model->changes[i];
        bool is_recursive = change->event != EVENT_CHILDREN &&
                            !watch_has(walker, change->path, WATCH_DATA_ONCE | WATCH_DATA_ALWAYS) &&
                            is_watched_from_above(walker, change->path);
        if (!fires(walker, change) || walker->is_over) {
            continue;
        }
        if (is_recursive) {
            marks_hit(checker->world->marks, MARK_EVENT_RECURSIVE);
        }
        expect_event(checker, walker, change);
    }
}

/* ---- setWatches ------------------------------------------------------------------------------ */

/* The event that was missed, or 0 and the watch is set. */
static int32_t set_again(const struct model *model,
                         struct walker *walker,
                         enum watch_list list,
                         struct slice path,
                         int64_t relative_zxid)
{
    const struct model_node *node = model_find(model, path);
    switch (list) {
    case LIST_DATA:
        if (node == NULL) {
            return EVENT_DELETED;
        }
        if (node->mzxid > relative_zxid) {
            return EVENT_DATA;
        }
        watch_set(walker, path, WATCH_DATA_ONCE);
        return 0;
    case LIST_EXIST:
        if (node != NULL) {
            return EVENT_CREATED;
        }
        watch_set(walker, path, WATCH_DATA_ONCE);
        return 0;
    case LIST_CHILD:
        if (node == NULL) {
            return EVENT_DELETED;
        }
        if (node->pzxid > relative_zxid) {
            return EVENT_CHILDREN;
        }
        watch_set(walker, path, WATCH_CHILD_ONCE);
        return 0;
    case LIST_PERSISTENT:
        watch_set(walker, path, WATCH_DATA_ALWAYS | WATCH_CHILD_ALWAYS);
        return 0;
    case LIST_RECURSIVE:
        watch_set(walker, path, WATCH_BELOW);
        return 0;
    case LIST_KINDS:
        break;
    }
    UNREACHABLE();
}

static void walk_set_watches(struct checker *checker, struct walker *walker, size_t reply_at)
{
    const struct operation *operation = walker->connection->frames[reply_at].request->operation;
    marks_hit(checker->world->marks, MARK_WATCHES_AGAIN);
    for (int list = 0; list < LIST_KINDS; list++) {
        for (int32_t i = 0; i < operation->lists[list].count; i++) {
            struct slice path = operation->lists[list].paths[i];
            int32_t missed = set_again(&checker->model, walker, (enum watch_list)list, path,
                                       operation->relative_zxid);
            if (missed == 0) {
                continue;
            }
            const struct frame *frame = frame_at(walker, walker->at);
            if (walker->at == reply_at || !is_event(frame, -1, missed, path)) {
                check_fail(checker,
                           "W3: client %d came back with zxid %lld and must hear of '%s' on %.*s",
                           walker->connection->client, (long long)operation->relative_zxid,
                           event_text(missed), (int)path.len, (const char *)path.ptr);
                return;
            }
            marks_hit(checker->world->marks, MARK_EVENT_MISSED);
            checker->world->marks->checked_events += 1;
            walker->at += 1;
        }
    }
    if (walker->at != reply_at) {
        check_fail(checker, "W3: client %d heard of more than it missed",
                   walker->connection->client);
    }
}

/* ---- replies --------------------------------------------------------------------------------- */

static unsigned bits_of_type(int32_t type)
{
    static const unsigned bits[] = {
        0,          WATCH_CHILD_ONCE, WATCH_DATA_ONCE, 31, WATCH_DATA_ALWAYS | WATCH_CHILD_ALWAYS,
        WATCH_BELOW};
    return bits[type];
}

/* Answers that depend on the connection's watches. */
static int32_t answer_watch(struct walker *walker,
                            const struct operation *operation,
                            struct bytes *body)
{
    switch (operation->type) {
    case OP_ADD_WATCH:
        watch_set(walker, operation->path,
                  operation->mode == 0 ? WATCH_DATA_ALWAYS | WATCH_CHILD_ALWAYS : WATCH_BELOW);
        put_i32(body, 0);
        return 0;
    case OP_CHECK_WATCHES:
        return watch_has(walker, operation->path, bits_of_type(operation->mode)) ? 0 : E_NO_WATCHER;
    case OP_REMOVE_WATCHES:
        return watch_clear(walker, operation->path, bits_of_type(operation->mode)) ? 0
                                                                                   : E_NO_WATCHER;
    default: /* setWatches: its events have been walked */
        return 0;
    }
}

static void learn_watch(struct walker *walker, const struct operation *operation, int32_t error)
{
    bool is_exists = operation->type == OP_EXISTS;
    bool is_set = operation->watch && (error == 0 || (is_exists && error == E_NO_NODE));
    if (!is_set || operation->is_malformed) {
        return;
    }
    if (is_exists || operation->type == OP_GET_DATA) {
        watch_set(walker, operation->path, WATCH_DATA_ONCE);
    } else if (operation->type == OP_GET_CHILDREN || operation->type == OP_GET_CHILDREN2) {
        watch_set(walker, operation->path, WATCH_CHILD_ONCE);
    }
}

static bool skips_body(const struct checker *checker, const struct operation *operation)
{
    /* Each server of an ensemble makes this node for itself. */
    if (many_are_there(&checker->world->many) &&
        (operation->type == OP_RECONFIG ||
         slice_equal_cstr(operation->path, "/zookeeper/config"))) {
        return true;
    }
    /* Quota counts after clients have written them are nobody's promise. */
    return checker->model.config.has_dirty_quota &&
           slice_starts_with(operation->path, SLICE_LIT("/zookeeper/quota"));
}

/* What the node of the configuration holds is what the reconfigs of G say. */
static void check_config(struct checker *checker, const struct request *request)
{
    const struct many_servers *many = &checker->world->many;
    bool is_reconfig = request->operation->type == OP_RECONFIG;
    bool is_read = request->operation->type == OP_GET_DATA &&
                   slice_equal_cstr(request->operation->path, "/zookeeper/config");
    if (many->check_config == NULL || request->error != 0 || (!is_reconfig && !is_read)) {
        return;
    }
    struct cursor cursor = cursor_of(request->body);
    const char *problem = many->check_config(many->ctx, checker->zxid, get_text(&cursor));
    if (problem != NULL) {
        check_fail(checker, "Z-INV14: /zookeeper/config, as client %d was told, %s",
                   request->connection->client, problem);
    }
}

static void compare_reply(struct checker *checker,
                          struct walker *walker,
                          const struct request *request,
                          int32_t error,
                          struct slice expected)
{
    const struct operation *operation = request->operation;
    struct bytes sorted = {0};
    bool has_body = error == 0;
    if (request->error != error) {
        check_fail(checker, "C2: %s %.*s of client %d was answered with %d, should be %d",
                   op_text(operation->type), (int)operation->path.len,
                   (const char *)operation->path.ptr, walker->connection->client, request->error,
                   error);
        return;
    }
    if (has_body) {
        sort_names(operation, request->body, &sorted);
    } else {
        bytes_append(&sorted, request->body);
        expected = SLICE_NULL;
    }
    if (!slice_equal(bytes_slice(&sorted), expected) && !skips_body(checker, operation)) {
        size_t same = 0;
        while (same < sorted.len && same < expected.len &&
               sorted.data[same] == expected.ptr[same]) {
            same += 1;
        }
        check_fail(checker,
                   "C2: %s %.*s of client %d got %zu bytes, should be %zu; the first difference is "
                   "at %zu",
                   op_text(operation->type), (int)operation->path.len,
                   (const char *)operation->path.ptr, walker->connection->client, sorted.len,
                   expected.len, same);
    }
    check_config(checker, request);
    bytes_release(&sorted);
    checker->world->marks->checked_replies += 1;
}

static void check_read(struct checker *checker,
                       struct walker *walker,
                       const struct request *request)
{
    const struct operation *operation = request->operation;
    struct bytes body = {0};
    int32_t error = 0;
    int64_t session_id = walker->connection->session->id;
    if (!model_read(&checker->model, operation, &request->identity, session_id, &error, &body)) {
        error = answer_watch(walker, operation, &body);
    }
    compare_reply(checker, walker, request, error, bytes_slice(&body));
    learn_watch(walker, operation, error);
    if (error == E_NO_AUTH) {
        marks_hit(checker->world->marks, MARK_NOT_ALLOWED);
    }
    bytes_release(&body);
}

/* Is it what a server says itself to a session that no other knows: that it is closed, or that it
 * may not own a node? */
static bool is_local_answer(const struct checker *checker,
                            const struct walker *walker,
                            const struct request *request,
                            int32_t *error)
{
    const struct zk_config *config = &checker->world->options.config;
    uint64_t timeout_ms = 0;
    if (!config->local_sessions_enabled || request == checker->cause ||
        u64_map_get(&checker->model.sessions, (uint64_t)walker->connection->session->id,
                    &timeout_ms)) {
        return false;
    }
    bool closes = request->operation->type == OP_CLOSE_SESSION;
    *error = closes ? 0 : E_EPHEMERAL_ON_LOCAL_SESSION;
    return closes || (!config->local_sessions_upgrading_enabled &&
                      operation_makes_ephemeral(request->operation));
}

static void check_reply(struct checker *checker,
                        struct walker *walker,
                        const struct request *request)
{
    const struct operation *operation = request->operation;
    int32_t local_error = 0;
    bool is_txn = operation_is_write(operation->type) && !operation->is_malformed;
    if (is_txn && is_local_answer(checker, walker, request, &local_error)) {
        compare_reply(checker, walker, request, local_error, SLICE_NULL);
        return;
    }
    if (!is_txn) {
        check_read(checker, walker, request);
        return;
    }
    if (request != checker->cause) {
        check_fail(checker, "C1: %s %.*s of client %d was answered with another's zxid",
                   op_text(operation->type), (int)operation->path.len,
                   (const char *)operation->path.ptr, walker->connection->client);
        return;
    }
    compare_reply(checker, walker, request, checker->cause_error,
                  bytes_slice(&checker->model.answer));
}

/* The next frame that is not apart. */
static size_t behind_apart(const struct walker *walker)
{
    size_t at = walker->at;
    while (frame_at(walker, at) != NULL && is_apart(frame_at(walker, at))) {
        at += 1;
    }
    return at;
}

/* The reply behind a run of events that belong to no transaction; the frame count when it is not
 * there. */
static size_t reply_behind(const struct walker *walker)
{
    size_t at = behind_apart(walker);
    while (frame_at(walker, at) != NULL && frame_at(walker, at)->request == NULL &&
           frame_at(walker, at)->zxid == -1) {
        at += 1;
    }
    return at;
}

/* True when a frame was taken; false when the next one belongs to a later zxid. */
static bool walk_reply(struct checker *checker, struct walker *walker)
{
    size_t reply_at = reply_behind(walker);
    const struct frame *reply = frame_at(walker, reply_at);
    if (reply == NULL) {
        walker->is_over = true;
        return false;
    }
    if (reply->zxid > checker->zxid) {
        return false; /* whether a login before it comes before the next event is open */
    }
    pass_apart(checker, walker);
    const struct frame *frame = frame_at(walker, walker->at);
    bool sets_watches = reply->request != NULL &&
                        (reply->request->operation->type == OP_SET_WATCHES ||
                         reply->request->operation->type == OP_SET_WATCHES2);
    if (reply->request == NULL || reply->zxid < checker->zxid ||
        (frame != reply && !sets_watches)) {
        char text[256];
        describe(frame, text, sizeof text);
        check_fail(checker, "W2/W3: client %d got %s, which nothing explains",
                   walker->connection->client, text);
        return false;
    }
    if (sets_watches) {
        walk_set_watches(checker, walker, reply_at);
    }
    if (!world_is_over(checker->world)) {
        check_reply(checker, walker, reply->request);
        walker->at = reply_at + 1;
    }
    return true;
}

void walker_step(struct checker *checker, struct walker *walker)
{
    if (walker->events_zxid < checker->zxid) {
        walker->events_zxid = checker->zxid;
        walk_events(checker, walker);
    }
    while (!walker->is_over && !world_is_over(checker->world) && walk_reply(checker, walker)) {
        /* the next one */
    }
}
