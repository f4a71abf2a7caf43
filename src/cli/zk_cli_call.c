/* zk_cli_call.c - requests one at a time: send, run the loop until the reply is there, say what it
 * means. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/zk_cli.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"
#include "zookeeper/client/path_check.h"

#define MESSAGE_BYTES_MAX ((size_t)1 << 20)

void zk_cli_say(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int zk_cli_die(struct zk_cli *cli, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    cli->is_ended = true;
    return ZK_CLI_FAILED;
}

int zk_cli_fail(int32_t err, struct slice path)
{
    struct buffer text;
    buffer_init(&text, MESSAGE_BYTES_MAX + path.len);
    zk_cli_append_error(&text, err, path);
    zk_cli_say("%.*s", LOG_SLICE(buffer_slice(&text)));
    buffer_release(&text);
    return ZK_CLI_FAILED;
}

bool zk_cli_check_path(struct slice path)
{
    struct errmsg message;
    if (path_check(path, &message) == 0) {
        return true;
    }
    zk_cli_say("%s", message.text);
    return false;
}

static void on_reply(void *ctx, const struct zk_reply *reply)
{
    struct zk_cli *cli = ctx;
    zk_reply_copy(&cli->arena, reply, &cli->reply);
    cli->has_reply = true;
}

struct zk_done zk_cli_done(struct zk_cli *cli)
{
    cli->has_reply = false;
    cli->reply = (struct zk_reply){0};
    return (struct zk_done){.call = on_reply, .ctx = cli};
}

int32_t zk_cli_wait(struct zk_cli *cli, int submitted)
{
    if (submitted != 0) {
        /* Paths are checked before; what is left is a request larger than any server takes. */
        cli->reply.err = ZK_ERR_BADARGUMENTS;
        return cli->reply.err;
    }
    while (!cli->has_reply) {
        runtime_turn(cli->runtime, -1);
    }
    return cli->reply.err;
}

struct slice zk_cli_child_path(struct zk_cli *cli, struct slice parent, struct slice name)
{
    bool is_root = parent.len == 1;
    size_t len = (is_root ? 0 : parent.len) + 1 + name.len;
    uint8_t *bytes = arena_alloc(&cli->arena, len);
    size_t at = 0;
    if (!is_root) {
        memcpy(bytes, parent.ptr, parent.len);
        at = parent.len;
    }
    bytes[at] = '/';
    if (name.len > 0) {
        memcpy(bytes + at + 1, name.ptr, name.len);
    }
    return slice_of(bytes, len);
}

/* ---- trees ----------------------------------------------------------------------------------- */

/* Nodes whose children are still to be read, the next one last. */
struct stack {
    struct slice *items;
    size_t count;
    size_t cap;
};

static void push(struct zk_cli *cli, struct stack *stack, struct slice path)
{
    if (stack->count == stack->cap) {
        size_t cap = stack->cap == 0 ? 64 : stack->cap * 2;
        struct slice *items = ARENA_ARRAY(&cli->arena, struct slice, cap);
        if (stack->count > 0) {
            memcpy(items, stack->items, stack->count * sizeof items[0]);
        }
        stack->items = items;
        stack->cap = cap;
    }
    stack->items[stack->count] = path;
    stack->count += 1;
}

int32_t zk_cli_visit_tree(struct zk_cli *cli, struct slice root, const struct zk_cli_visit *visit)
{
    struct stack stack = {0};
    int32_t err = zk_cli_wait(
        cli, zk_client_get_data(cli->client, root, visit->watcher, zk_cli_done(cli)));
    if (err != ZK_ERR_OK || !visit->visit(visit->ctx, root)) {
        return err;
    }
    push(cli, &stack, root);
    while (stack.count > 0) {
        stack.count -= 1;
        struct slice parent = stack.items[stack.count];
        struct zk_done done = zk_cli_done(cli);
        err = zk_cli_wait(cli, zk_client_get_children(cli->client, parent, visit->watcher, done));
        if (err == ZK_ERR_NONODE) {
            continue;
        }
        if (err != ZK_ERR_OK) {
            return err;
        }
        size_t count = (size_t)cli->reply.name_count;
        struct slice *paths = ARENA_ARRAY(&cli->arena, struct slice, count);
        for (size_t i = 0; i < count; i++) {
            paths[i] = zk_cli_child_path(cli, parent, cli->reply.names[i]);
        }
        zk_cli_sort_names(paths, count);
        for (size_t i = 0; i < count; i++) {
            if (!visit->visit(visit->ctx, paths[i])) {
                return ZK_ERR_OK;
            }
        }
        for (size_t i = count; i > 0; i--) {
            push(cli, &stack, paths[i - 1]);
        }
    }
    return ZK_ERR_OK;
}
