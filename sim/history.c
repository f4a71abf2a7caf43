/* history.c - see history.h. */
#include "sim/history.h"

void history_init(struct history *history)
{
    *history = (struct history){0};
    u64_map_init(&history->sessions);
}

void history_release(struct history *history)
{
    for (size_t i = 0; i < history->connection_count; i++) {
        heap_free(history->connections[i]->frames);
        heap_free(history->connections[i]->requests);
    }
    for (size_t i = 0; i < history->session_count; i++) {
        heap_free(history->session_list[i]->requests);
        heap_free(history->session_list[i]->heard);
    }
    heap_free(history->connections);
    heap_free(history->session_list);
    heap_free(history->log);
    heap_free(history->recoveries);
    u64_map_release(&history->sessions);
    pool_release(&history->pool);
}

struct connection *history_connection(struct history *history, int client)
{
    struct connection *connection = POOL_NEW(&history->pool, struct connection);
    connection->client = client;
    connection->id = history->connection_count;
    heap_grow((void **)&history->connections, &history->connection_cap, history->connection_count,
              sizeof *history->connections);
    history->connections[history->connection_count++] = connection;
    return connection;
}

struct sim_session *history_find_session(const struct history *history, int64_t id)
{
    return u64_map_get_ptr(&history->sessions, (uint64_t)id);
}

struct sim_session *history_session(struct history *history, int64_t id)
{
    struct sim_session *session = history_find_session(history, id);
    if (session != NULL) {
        return session;
    }
    session = POOL_NEW(&history->pool, struct sim_session);
    session->id = id;
    session->client = -1;
    u64_map_put_ptr(&history->sessions, (uint64_t)id, session);
    heap_grow((void **)&history->session_list, &history->session_cap, history->session_count,
              sizeof(struct sim_session *));
    history->session_list[history->session_count++] = session;
    return session;
}

struct request *history_request(struct history *history,
                                struct connection *connection,
                                const struct operation *operation,
                                int32_t xid)
{
    struct request *request = POOL_NEW(&history->pool, struct request);
    request->connection = connection;
    request->operation = operation;
    request->xid = xid;
    request->identity = connection->identity;
    request->sent_order = ++history->order;
    request->told_before = history->told_zxid;
    heap_grow((void **)&connection->requests, &connection->request_cap, connection->request_count,
              sizeof(struct request *));
    connection->requests[connection->request_count++] = request;
    struct sim_session *session = connection->session;
    if (session != NULL && xid > 0) {
        heap_grow((void **)&session->requests, &session->cap, session->count,
                  sizeof(struct request *));
        session->requests[session->count++] = request;
        request->number = session->count;
    }
    return request;
}

struct frame *history_frame(struct history *history, struct connection *connection)
{
    heap_grow((void **)&connection->frames, &connection->frame_cap, connection->frame_count,
              sizeof *connection->frames);
    history->order += 1;
    struct frame *frame = &connection->frames[connection->frame_count++];
    *frame = (struct frame){0};
    return frame;
}

bool history_log(struct history *history, int64_t zxid, struct slice bytes)
{
    ASSERT(zxid >= 1);
    size_t at = (size_t)zxid - 1;
    while (history->log_count <= at) {
        heap_grow((void **)&history->log, &history->log_cap, history->log_count,
                  sizeof *history->log);
        history->log[history->log_count] = (struct logged){.zxid = (int64_t)history->log_count + 1};
        history->log_count += 1;
    }
    struct logged *logged = &history->log[at];
    if (!slice_is_null(logged->bytes)) {
        return slice_equal(logged->bytes, bytes);
    }
    logged->bytes = pool_copy(&history->pool, bytes);
    return true;
}

void history_commit(struct history *history, int64_t zxid, struct slice bytes)
{
    heap_grow((void **)&history->log, &history->log_cap, history->log_count, sizeof *history->log);
    history->log[history->log_count++] = (struct logged){.zxid = zxid,
                                                         .bytes = pool_copy(&history->pool, bytes)};
}

size_t history_begin_late(struct history *history, int64_t zxid)
{
    size_t at = history->log_count;
    while (at > 0 && history->log[at - 1].zxid > zxid) {
        at -= 1;
    }
    history_commit(history, zxid, SLICE_NULL);
    for (size_t i = history->log_count - 1; i > at; i--) {
        history->log[i] = history->log[i - 1];
    }
    history->log[at] = (struct logged){.zxid = zxid};
    return at;
}

void history_log_cut(struct history *history, int64_t zxid)
{
    while (history->log_count > (size_t)zxid) {
        history->log[--history->log_count] = (struct logged){0};
    }
}
