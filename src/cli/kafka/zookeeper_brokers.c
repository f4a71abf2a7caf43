/* zookeeper_brokers.c - see zookeeper_brokers.h. A session for two kinds of question, one after
 * another; brokers tell of themselves as JSON (KIP-103: "endpoints", before it "host" and "port").
 */
#include "cli/kafka/zookeeper_brokers.h"

#include <jansson.h>
#include <stdio.h>

#include "base/arena.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/client/client.h"

#define SESSION_TIMEOUT_MS 10000
#define TURN_MS 100
#define ARENA_LIMIT ((size_t)64 << 20)
#define PATH_BYTES 64

struct question {
    struct runtime *runtime;
    struct zk_client *client;
    struct zk_watcher watcher;
    struct arena arena;
    struct zk_reply reply;
    bool has_reply;
};

static void on_event(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    (void)watcher;
    (void)event;
}

static void on_reply(void *ctx, const struct zk_reply *reply)
{
    struct question *question = ctx;
    zk_reply_copy(&question->arena, reply, &question->reply);
    question->has_reply = true;
}

/* Runs the loop until the answer is there, at most SESSION_TIMEOUT_MS. */
static int wait_for_reply(struct question *question, int submitted)
{
    uint64_t deadline = runtime_now_ns(question->runtime) + SESSION_TIMEOUT_MS * UINT64_C(1000000);
    while (submitted == 0 && !question->has_reply && runtime_now_ns(question->runtime) < deadline) {
        runtime_turn(question->runtime, TURN_MS);
    }
    if (!question->has_reply || question->reply.err == ZK_ERR_CONNECTIONLOSS) {
        return ERR_UNREACHABLE;
    }
    question->has_reply = false;
    return question->reply.err == ZK_ERR_OK ? ERR_OK : ERR_NOT_FOUND;
}

static void append_server(struct buffer *servers, const char *address, size_t len)
{
    buffer_append_cstr(servers, servers->len > 0 ? "," : "");
    buffer_append(servers, slice_of(address, len));
}

/* One broker's registration. */
static void append_broker(struct buffer *servers, struct slice data)
{
    static const char plain[] = "PLAINTEXT://";
    json_t *json = json_loadb((const char *)data.ptr, data.len, 0, NULL);
    json_t *endpoints = json_object_get(json, "endpoints");
    bool is_found = false;
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const char *endpoint = json_string_value(json_array_get(endpoints, i));
        if (endpoint != NULL && strncmp(endpoint, plain, strlen(plain)) == 0) {
            append_server(servers, endpoint + strlen(plain), strlen(endpoint) - strlen(plain));
            is_found = true;
        }
    }
    const char *host = json_string_value(json_object_get(json, "host"));
    json_int_t port = json_integer_value(json_object_get(json, "port"));
    if (!is_found && host != NULL && port > 0) {
        char address[512];
        int len = snprintf(address, sizeof address, "%s:%lld", host, (long long)port);
        append_server(servers, address, MIN((size_t)MAX(len, 0), sizeof address - 1));
    }
    json_decref(json);
}

static int ask(struct question *question, struct buffer *servers)
{
    struct zk_done done = {.call = on_reply, .ctx = question};
    int err = wait_for_reply(
        question, zk_client_get_children(question->client, SLICE_LIT("/brokers/ids"), NULL, done));
    struct zk_reply ids = question->reply;
    for (int32_t i = 0; err == 0 && i < ids.name_count; i++) {
        char path[PATH_BYTES];
        int len = snprintf(path, sizeof path, "/brokers/ids/%.*s",
                           (int)MIN(ids.names[i].len, (size_t)20), (const char *)ids.names[i].ptr);
        int got = wait_for_reply(
            question,
            zk_client_get_data(question->client, slice_of(path, (size_t)len), NULL, done));
        if (got == 0) {
            append_broker(servers, question->reply.data);
        }
        err = got == ERR_UNREACHABLE ? got : ERR_OK;
    }
    return err == 0 && servers->len == 0 ? ERR_NOT_FOUND : err;
}

int zookeeper_brokers(const char *connect, struct buffer *servers, struct errmsg *message)
{
    struct question question = {.watcher = {.on_event = on_event}};
    int err = runtime_create(NULL, &question.runtime);
    if (err != 0) {
        return errmsg_set(message, err, "Cannot make an event loop: %s", error_text(err));
    }
    arena_init(&question.arena, 4096, ARENA_LIMIT);
    const struct zk_client_config config = {
        .connect_string = slice_of_cstr(connect),
        .session_timeout_ms = SESSION_TIMEOUT_MS,
        .watcher = &question.watcher,
    };
    err = zk_client_open(question.runtime, &config, message, &question.client);
    if (err == 0) {
        err = ask(&question, servers);
        if (err == ERR_UNREACHABLE) {
            (void)errmsg_set(message, err, "No ZooKeeper answers at %s", connect);
        } else if (err == ERR_NOT_FOUND) {
            (void)errmsg_set(message, err,
                             "ZooKeeper at %s knows no broker: is one running, and is the "
                             "chroot right?",
                             connect);
        }
        zk_client_release(question.client);
    }
    arena_release(&question.arena);
    runtime_destroy(question.runtime);
    return err;
}
