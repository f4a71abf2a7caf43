/* admin_wait.c - see admin_wait.h. */
#include "kafka/server/handlers/admin_wait.h"

#include "base/memory.h"
#include "generated/kafka/constants.h"

#define NS_PER_MS UINT64_C(1000000)
#define WAIT_ARENA_BYTES_MAX ((size_t)256 << 20)

static void free_when_over(struct admin_wait *wait)
{
    if (!wait->is_answered || wait->pending > 0 || !wait->is_going) {
        return;
    }
    runtime_timer_stop(&wait->timer);
    arena_release(&wait->arena);
    mem_free(wait, sizeof *wait);
}

static void answer(struct admin_wait *wait)
{
    wait->is_answered = true;
    runtime_timer_stop(&wait->timer);
    if (wait->request != NULL) {
        wait->request->on_abort = NULL;
        for (int32_t i = 0; i < wait->count; i++) {
            if (!wait->items[i].is_decided) {
                wait->items[i].error = KAFKA_ERROR_REQUEST_TIMED_OUT;
            }
        }
        wait->answer(wait);
        wait->request = NULL;
    }
    free_when_over(wait);
}

static void on_abort(struct request *request)
{
    struct admin_wait *wait = request->handler_state;
    wait->request = NULL;
    wait->is_answered = true;
    free_when_over(wait);
}

static void on_timer(struct runtime_timer *timer)
{
    answer(CONTAINER_OF(timer, struct admin_wait, timer));
}

struct admin_wait *admin_wait_create(struct request *request,
                                     int32_t count,
                                     void (*answer_request)(struct admin_wait *wait))
{
    struct admin_wait *wait = mem_alloc_zeroed(sizeof *wait);
    arena_init(&wait->arena, 4096, WAIT_ARENA_BYTES_MAX);
    wait->request = request;
    wait->broker = request->broker;
    wait->count = count;
    wait->items = ARENA_ARRAY(&wait->arena, struct admin_item, count + 1);
    wait->answer = answer_request;
    for (int32_t i = 0; i < count; i++) {
        wait->items[i].wait = wait;
    }
    runtime_timer_init(&wait->timer, request->broker->runtime, on_timer);
    request->handler_state = wait;
    request->on_abort = on_abort;
    return wait;
}

void admin_wait_set(struct admin_wait *wait, int32_t index, int16_t error, const char *message)
{
    struct admin_item *item = &wait->items[index];
    if (item->is_decided || wait->is_answered) {
        return; /* too late */
    }
    item->is_decided = true;
    item->error = error;
    if (message != NULL) {
        size_t len = MIN(strlen(message), (size_t)ADMIN_MESSAGE_MAX);
        item->message = arena_copy(&wait->arena, slice_of(message, len));
    }
}

static void on_done(void *ctx, int16_t error, const char *message)
{
    struct admin_item *item = ctx;
    struct admin_wait *wait = item->wait;
    admin_wait_set(wait, (int32_t)(item - wait->items), error, message);
    wait->pending--;
    if (wait->is_answered) {
        free_when_over(wait);
    } else if (wait->is_going && wait->pending == 0) {
        answer(wait);
    }
}

struct cluster_done admin_wait_item(struct admin_wait *wait, int32_t index)
{
    wait->pending++;
    return (struct cluster_done){on_done, &wait->items[index]};
}

void admin_wait_go(struct admin_wait *wait, int32_t timeout_ms)
{
    wait->is_going = true;
    if (wait->is_answered) {
        free_when_over(wait);
    } else if (wait->pending == 0 || timeout_ms <= 0) {
        answer(wait);
    } else {
        runtime_timer_set(&wait->timer,
                          runtime_now_ns(wait->broker->runtime) + (uint64_t)timeout_ms * NS_PER_MS);
    }
}
