/* cluster_task.c - work against ZooKeeper in steps: see cluster_private.h.
 *
 * Requests of one step are pipelined: they all leave at once, and ZooKeeper answers in order. The
 * client calls each answer from the loop, never from within the request, so a step function runs to
 * its end before the first answer comes.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "kafka/server/cluster_private.h"
#include "runtime/log.h"

struct task_request {
    struct cluster_task *task;
    task_reply *reply;
    void *slot;
};

struct cluster_task *task_create(struct cluster *cluster)
{
    struct cluster_task *task = mem_alloc_zeroed(sizeof *task);
    task->cluster = cluster;
    arena_init(&task->arena, 2048, TASK_ARENA_BYTES_MAX);
    list_append(&cluster->tasks, &task->link);
    return task;
}

void task_end(struct cluster_task *task)
{
    struct cluster *cluster = task->cluster;
    bool had_topic = !slice_is_null(task->topic);
    ASSERT(task->pending == 0);
    ASSERT(task->pause == NULL);
    list_remove(&task->link);
    arena_release(&task->arena);
    mem_free(task, sizeof *task);
    if (had_topic) {
        tasks_resume(cluster);
    }
}

static bool may_run(const struct cluster_task *task)
{
    const struct cluster *cluster = task->cluster;
    /* A client that has ended fails its requests before it says so: what is asked of it then fails
     * at once, again and again. */
    if (!cluster->is_connected || cluster->zk == NULL || !zk_client_is_alive(cluster->zk)) {
        return false;
    }
    return task->is_early || cluster->phase == CLUSTER_LOADING || cluster->phase == CLUSTER_RUNNING;
}

static void finish_step(struct cluster_task *task)
{
    if (task->is_lost) {
        task->is_lost = false;
        task->is_waiting = true;
        if (may_run(task)) {
            /* Lost and connected again before all answers were in. */
            tasks_resume(task->cluster);
        }
        return;
    }
    task->then(task);
}

static void run(struct cluster_task *task)
{
    task->is_waiting = false;
    if (!may_run(task)) {
        task->is_waiting = true;
        return;
    }
    task->runs++;
    task->is_in_step = true;
    task->step(task);
    task->is_in_step = false;
    if (task->pending == 0) {
        finish_step(task);
    }
}

void task_run(struct cluster_task *task,
              void (*step)(struct cluster_task *task),
              void (*then)(struct cluster_task *task))
{
    task->step = step;
    task->then = then;
    task->runs = 0;
    run(task);
}

/* Another task that is before this one in the list holds the topic. */
static bool is_blocked(const struct cluster_task *task)
{
    LIST_FOR_EACH(link, &task->cluster->tasks)
    {
        const struct cluster_task *other = CONTAINER_OF(link, struct cluster_task, link);
        if (other == task) {
            return false;
        }
        if (!slice_is_null(other->topic) && slice_equal(other->topic, task->topic)) {
            return true;
        }
    }
    return false;
}

void task_run_for_topic(struct cluster_task *task,
                        struct slice topic,
                        void (*step)(struct cluster_task *task),
                        void (*then)(struct cluster_task *task))
{
    task->topic = arena_copy(&task->arena, topic);
    task->step = step;
    task->then = then;
    task->runs = 0;
    task->is_blocked = is_blocked(task);
    if (task->is_blocked) {
        task->is_waiting = true;
        return;
    }
    run(task);
}

bool task_has_topic(const struct cluster *cluster, struct slice topic)
{
    LIST_FOR_EACH(link, &cluster->tasks)
    {
        const struct cluster_task *task = CONTAINER_OF(link, struct cluster_task, link);
        if (!slice_is_null(task->topic) && slice_equal(task->topic, topic)) {
            return true;
        }
    }
    return false;
}

static struct cluster_task *next_runnable(struct cluster *cluster)
{
    LIST_FOR_EACH(link, &cluster->tasks)
    {
        struct cluster_task *task = CONTAINER_OF(link, struct cluster_task, link);
        if (task->is_waiting && !task->is_in_step && may_run(task)) {
            if (task->is_blocked && is_blocked(task)) {
                continue;
            }
            task->is_blocked = false;
            return task;
        }
    }
    return NULL;
}

void tasks_resume(struct cluster *cluster)
{
    /* A task may end others or begin new ones: look from the front each time. */
    struct cluster_task *task;
    while ((task = next_runnable(cluster)) != NULL) {
        run(task);
    }
}

static void drop_tasks(struct cluster *cluster, bool all)
{
    LIST_FOR_EACH_SAFE(link, after, &cluster->tasks)
    {
        struct cluster_task *task = CONTAINER_OF(link, struct cluster_task, link);
        if (all || task->is_early) {
            if (task->pause != NULL) {
                runtime_timer_stop(task->pause);
            }
            list_remove(&task->link);
            arena_release(&task->arena);
            mem_free(task, sizeof *task);
        }
    }
}

/* No timer of a task fires any more. */
void tasks_detach(struct cluster *cluster)
{
    LIST_FOR_EACH(link, &cluster->tasks)
    {
        struct cluster_task *task = CONTAINER_OF(link, struct cluster_task, link);
        if (task->pause != NULL) {
            runtime_timer_stop(task->pause);
            task->pause = NULL;
        }
    }
}

void tasks_drop_early(struct cluster *cluster)
{
    drop_tasks(cluster, false);
}

void tasks_release(struct cluster *cluster)
{
    drop_tasks(cluster, true);
}

/* ---- requests -------------------------------------------------------------------------------- */

static bool is_loss(int32_t err)
{
    return err == ZK_ERR_CONNECTIONLOSS || err == ZK_ERR_SESSIONEXPIRED ||
           err == ZK_ERR_OPERATIONTIMEOUT || err == ZK_ERR_REQUESTTIMEOUT ||
           err == ZK_ERR_SESSIONMOVED;
}

static void on_reply(void *ctx, const struct zk_reply *reply)
{
    struct task_request *request = ctx;
    struct cluster_task *task = request->task;
    ASSERT(task->pending > 0);
    task->pending--;
    if (is_loss(reply->err)) {
        task->is_lost = true;
    } else if (request->reply != NULL && !task->is_lost) {
        request->reply(task, request->slot, reply);
    }
    if (task->pending == 0 && !task->is_in_step) {
        finish_step(task);
    }
}

static struct zk_done done_of(struct cluster_task *task, task_reply *reply, void *slot)
{
    struct task_request *request = ARENA_NEW(&task->arena, struct task_request);
    *request = (struct task_request){task, reply, slot};
    task->pending++;
    return (struct zk_done){on_reply, request};
}

/* A request that the client did not take: its path or its size is wrong. Told as BADARGUMENTS. */
static void sent(struct cluster_task *task, int error, struct zk_done done)
{
    if (error == 0) {
        return;
    }
    struct task_request *request = done.ctx;
    const struct zk_reply reply = {.err = ZK_ERR_BADARGUMENTS};
    LOG("cluster", LOG_ERROR, "a request to ZooKeeper could not be made: %s", error_text(error));
    task->pending--;
    if (request->reply != NULL) {
        request->reply(task, request->slot, &reply);
    }
}

void task_get(struct cluster_task *task,
              struct slice path,
              struct zk_watcher *watcher,
              task_reply *reply,
              void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_get_data(task->cluster->zk, path, watcher, done), done);
}

void task_exists(struct cluster_task *task,
                 struct slice path,
                 struct zk_watcher *watcher,
                 task_reply *reply,
                 void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_exists(task->cluster->zk, path, watcher, done), done);
}

void task_children(struct cluster_task *task,
                   struct slice path,
                   struct zk_watcher *watcher,
                   task_reply *reply,
                   void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_get_children(task->cluster->zk, path, watcher, done), done);
}

void task_put(struct cluster_task *task,
              struct slice path,
              struct slice data,
              int32_t version,
              task_reply *reply,
              void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_set_data(task->cluster->zk, path, data, version, done), done);
}

void task_make(struct cluster_task *task,
               struct slice path,
               struct slice data,
               int32_t mode,
               task_reply *reply,
               void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    const struct zk_create create = {
        .path = path, .data = data, .acl = &task->cluster->open_acl, .acl_count = 1, .mode = mode};
    sent(task, zk_client_create(task->cluster->zk, &create, done), done);
}

void task_remove(struct cluster_task *task, struct slice path, task_reply *reply, void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_delete(task->cluster->zk, path, -1, done), done);
}

void task_multi(struct cluster_task *task,
                const struct zk_multi_op *ops,
                size_t count,
                task_reply *reply,
                void *slot)
{
    struct zk_done done = done_of(task, reply, slot);
    sent(task, zk_client_multi(task->cluster->zk, ops, count, done), done);
}

struct slice task_path(struct cluster_task *task, const char *format, ...)
{
    char text[ZK_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0 && (size_t)len < sizeof text);
    return arena_copy(&task->arena, slice_of(text, (size_t)len));
}

struct slice task_keep(struct cluster_task *task, struct buffer *buffer)
{
    struct slice copy = arena_copy(&task->arena, buffer_slice(buffer));
    buffer_clear(buffer, (size_t)1 << 16);
    return copy;
}

struct zk_multi_op op_create(struct cluster *cluster,
                             struct slice path,
                             struct slice data,
                             int32_t mode)
{
    return (struct zk_multi_op){.type = ZK_OP_CREATE,
                                .create = {.path = path,
                                           .data = data,
                                           .acl = &cluster->open_acl,
                                           .acl_count = 1,
                                           .mode = mode},
                                .version = -1};
}

struct zk_multi_op op_set(struct slice path, struct slice data, int32_t version)
{
    return (struct zk_multi_op){
        .type = ZK_OP_SET_DATA, .create = {.path = path, .data = data}, .version = version};
}

struct zk_multi_op op_delete(struct slice path)
{
    return (struct zk_multi_op){.type = ZK_OP_DELETE, .create = {.path = path}, .version = -1};
}

struct zk_multi_op op_check_epoch(const struct cluster *cluster)
{
    return (struct zk_multi_op){.type = ZK_OP_CHECK,
                                .create = {.path = SLICE_LIT("/controller_epoch")},
                                .version = cluster->epoch_zk_version};
}

/* ---- removing a tree --------------------------------------------------------------------------
 */

/* Breadth first, a level of children a step; then everything is deleted from the end, in multis. */
struct removal {
    struct slice *paths;
    size_t count;
    size_t room;
    size_t listed; /* paths whose children were asked for */
    size_t asked;
    int32_t err;
    void (*then)(struct cluster_task *task, int32_t err);
    void *outer_state;
};

static void removal_add(struct cluster_task *task, struct removal *removal, struct slice path)
{
    if (removal->count == removal->room) {
        struct slice *wider = ARENA_ARRAY(&task->arena, struct slice, removal->room * 2);
        memcpy(wider, removal->paths, removal->count * sizeof *wider);
        removal->paths = wider;
        removal->room *= 2;
    }
    removal->paths[removal->count++] = path;
}

static void removal_end(struct cluster_task *task, int32_t err)
{
    struct removal *removal = task->state;
    void (*then)(struct cluster_task *task, int32_t err) = removal->then;
    task->state = removal->outer_state;
    then(task, err);
}

static void on_removal_children(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct removal *removal = task->state;
    const struct slice *parent = slot;
    if (reply->err != ZK_ERR_OK && reply->err != ZK_ERR_NONODE) {
        removal->err = reply->err;
        return;
    }
    for (int32_t i = 0; reply->err == ZK_ERR_OK && i < reply->name_count; i++) {
        removal_add(task, removal,
                    task_path(task, "%.*s/%.*s", (int)parent->len, (const char *)parent->ptr,
                              (int)reply->names[i].len, (const char *)reply->names[i].ptr));
    }
}

static void removal_list(struct cluster_task *task)
{
    struct removal *removal = task->state;
    removal->count = removal->asked; /* run again: what came of this level is forgotten */
    for (size_t i = removal->listed; i < removal->asked; i++) {
        struct slice *parent = ARENA_NEW(&task->arena, struct slice);
        *parent = removal->paths[i];
        task_children(task, *parent, NULL, on_removal_children, parent);
    }
}

static void on_removal_multi(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct removal *removal = task->state;
    (void)slot;
    if (reply->err != ZK_ERR_OK && removal->err == 0) {
        removal->err = reply->err;
    }
}

static void removal_delete(struct cluster_task *task)
{
    struct removal *removal = task->state;
    size_t room = removal->count + 1;
    struct zk_multi_op *ops = ARENA_ARRAY(&task->arena, struct zk_multi_op, room);
    removal->err = 0;
    for (size_t i = removal->count; i > 0;) {
        size_t count = 1;
        size_t bytes = 0;
        ops[0] = op_check_epoch(task->cluster);
        while (i > 0 && bytes < ZK_MULTI_BYTES_MAX) {
            bytes += removal->paths[i - 1].len + 32;
            ops[count++] = op_delete(removal->paths[--i]);
        }
        task_multi(task, ops, count, on_removal_multi, NULL);
    }
}

static void removal_again(struct cluster_task *task);

static void removal_deleted(struct cluster_task *task)
{
    struct removal *removal = task->state;
    /* Somebody removed or added something meanwhile, or the first try did work: look again. */
    bool is_stale = removal->err == ZK_ERR_NONODE || removal->err == ZK_ERR_NOTEMPTY;
    if (is_stale) {
        removal_again(task);
        return;
    }
    removal_end(task, removal->err);
}

static void removal_listed(struct cluster_task *task)
{
    struct removal *removal = task->state;
    if (removal->err != 0) {
        removal_end(task, removal->err);
        return;
    }
    removal->listed = removal->asked;
    removal->asked = removal->count;
    if (removal->listed < removal->asked) {
        task_run(task, removal_list, removal_listed);
    } else {
        task_run(task, removal_delete, removal_deleted);
    }
}

static void on_removal_root(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct removal *removal = task->state;
    (void)slot;
    removal->err = reply->err;
}

static void removal_look(struct cluster_task *task)
{
    struct removal *removal = task->state;
    task_exists(task, removal->paths[0], NULL, on_removal_root, NULL);
}

static void removal_looked(struct cluster_task *task)
{
    struct removal *removal = task->state;
    if (removal->err != ZK_ERR_OK) {
        removal_end(task, removal->err == ZK_ERR_NONODE ? 0 : removal->err);
        return;
    }
    task_run(task, removal_list, removal_listed);
}

static void removal_again(struct cluster_task *task)
{
    struct removal *removal = task->state;
    removal->count = 1;
    removal->listed = 0;
    removal->asked = 1;
    removal->err = 0;
    task_run(task, removal_look, removal_looked);
}

void task_remove_tree(struct cluster_task *task,
                      struct slice path,
                      void (*then)(struct cluster_task *task, int32_t err))
{
    struct removal *removal = ARENA_NEW(&task->arena, struct removal);
    removal->room = 64;
    removal->paths = ARENA_ARRAY(&task->arena, struct slice, removal->room);
    removal->paths[0] = arena_copy(&task->arena, path);
    removal->then = then;
    removal->outer_state = task->state;
    task->state = removal;
    removal_again(task);
}
