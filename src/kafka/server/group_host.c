/* group_host.c - events in, effects out, for every partition of __consumer_offsets that is led
 * here.
 *
 * A step's appends are made first, in the order of the effects, then its answers: an answer may let
 * a connection start its next request, which may step the same coordinator again; its appends then
 * stand behind ours in the log, as its effects came behind ours. Each step has an outbox of its own
 * for the same reason.
 *
 * What goes wrong: the log refuses an append (the coordinator hears it behind the step); an append
 * is not committed within offsets.commit.timeout.ms (it hears that, and later the end); the
 * directory fails or the leadership ends (the shard is dropped, waiters get NOT_COORDINATOR and
 * look for the coordinator anew); a record of the log cannot be read (said in the log, left out).
 */
#include "kafka/server/group_host.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "generated/kafka/constants.h"
#include "kafka/core/java_string.h"
#include "kafka/server/broker.h"
#include "kafka/server/cluster.h"
#include "kafka/server/group_host_private.h"
#include "runtime/log.h"

#define NS_PER_MS UINT64_C(1000000)
#define BATCH_BYTES_MAX ((size_t)512 << 20)
#define BATCH_KEEP ((size_t)64 << 10)
#define OUTBOXES_KEPT GROUP_OUTBOXES_MAX

/* ---- steps ----------------------------------------------------------------------------------- */

static uint64_t now_ms(const struct group_host *host)
{
    return runtime_now_ns(host->broker->runtime) / NS_PER_MS;
}

/* The earliest of the coordinator's time and the appends' timeouts. */
static void set_timer(struct group_shard *shard)
{
    uint64_t at_ms = DEADLINE_NEVER;
    if (shard->coordinator.stage == GROUP_ACTIVE) {
        at_ms = group_coordinator_deadline(&shard->coordinator);
    }
    LIST_FOR_EACH(link, &shard->appends)
    {
        const struct shard_append *append = CONTAINER_OF(link, struct shard_append, link);
        if (!append->is_late) {
            at_ms = MIN(at_ms, append->deadline_ms);
            break; /* the others are younger */
        }
    }
    if (at_ms == shard->timer_ms) {
        return;
    }
    shard->timer_ms = at_ms;
    if (at_ms == DEADLINE_NEVER) {
        runtime_timer_stop(&shard->timer);
    } else {
        runtime_timer_set(&shard->timer, at_ms * NS_PER_MS);
    }
}

static struct group_outbox *outbox_take(struct group_host *host)
{
    if (host->outbox_count > 0) {
        host->outbox_count -= 1;
        return host->outboxes[host->outbox_count];
    }
    struct group_outbox *outbox = mem_alloc(sizeof *outbox);
    group_outbox_init(outbox);
    return outbox;
}

static void outbox_give(struct group_host *host, struct group_outbox *outbox)
{
    group_outbox_clear(outbox);
    if (host->outbox_count < OUTBOXES_KEPT) {
        host->outboxes[host->outbox_count] = outbox;
        host->outbox_count += 1;
        return;
    }
    group_outbox_release(outbox);
    mem_free(outbox, sizeof *outbox);
}

static const char *const note_texts[] = {
    [GROUP_NOTE_PREPARING] = "prepares to rebalance",
    [GROUP_NOTE_STABILIZED] = "has joined, members:",
    [GROUP_NOTE_ASSIGNED] = "got its leader's assignment, members:",
    [GROUP_NOTE_EMPTY] = "is empty now",
    [GROUP_NOTE_STUCK] = "waits: no member came back before the rebalance timeout",
    [GROUP_NOTE_MEMBER_ADDED] = "has a new member",
    [GROUP_NOTE_MEMBER_FAILED] = "lost a member that fell silent",
    [GROUP_NOTE_MEMBER_LEFT] = "lost a member that left",
    [GROUP_NOTE_REPLACED] = "has a static member under a new id",
    [GROUP_NOTE_DELETED] = "is deleted",
    [GROUP_NOTE_EXPIRED] = "lost expired offsets:",
    [GROUP_NOTE_STORE_FAILED] = "could not write to its log, error",
};

static void log_note(const struct group_shard *shard, const struct group_effect *effect)
{
    enum group_note note = effect->of.note.note;
    bool counts = note == GROUP_NOTE_STABILIZED || note == GROUP_NOTE_ASSIGNED ||
                  note == GROUP_NOTE_EXPIRED || note == GROUP_NOTE_STORE_FAILED;
    enum log_level level = note == GROUP_NOTE_STORE_FAILED || note == GROUP_NOTE_STUCK ? LOG_WARN
                                                                                       : LOG_INFO;
    if (!log_enabled("groups", level)) {
        return;
    }
    char count[32] = "";
    if (counts) {
        (void)snprintf(count, sizeof count, " %" PRId64, effect->of.note.count);
    }
    log_write("groups", level, "group %.*s (generation %d, %s-%d) %s%s%s%.*s",
              LOG_SLICE(effect->of.note.group_id), effect->of.note.generation, GROUP_OFFSETS_TOPIC,
              shard->index, note_texts[note], count, effect->of.note.text.len > 0 ? " " : "",
              LOG_SLICE(effect->of.note.text));
}

/* As LogConfig's min.insync.replicas for acks=all; tombstones go in without. */
static bool has_replicas(const struct partition *partition)
{
    const struct topic *topic = partition->topic;
    if (topic == NULL || partition->index >= topic->partition_count) {
        return true;
    }
    const struct topic_partition *state = &topic->partitions[partition->index];
    return state->isr_count >= topic_partition_min_isr(state, &topic->config);
}

static int16_t append_records(struct group_shard *shard,
                              const struct group_effect *effect,
                              struct append_result *result)
{
    struct group_host *host = shard->host;
    if (!effect->of.append.is_cleanup && !has_replicas(shard->partition)) {
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    }
    int64_t wall_ms = runtime_wall_ms(host->broker->runtime);
    struct batch_build build;
    struct batch_builder builder;
    batch_build_defaults(&build);
    build.codec = host->broker->config.offsets_topic_compression_codec;
    buffer_clear(&host->batch, BATCH_KEEP);
    batch_builder_init(&builder, &build, &host->batch);
    for (size_t i = 0; i < effect->of.append.count; i++) {
        const struct group_record *record = &effect->of.append.records[i];
        batch_builder_add(&builder, (int64_t)i, wall_ms, record->key, record->value, SLICE_NULL, 0);
    }
    int err = batch_builder_finish(&builder, (int64_t)effect->of.append.count - 1);
    batch_builder_release(&builder);
    if (err != ERR_OK) {
        return KAFKA_ERROR_MESSAGE_TOO_LARGE;
    }
    const struct append_request request = {
        .records = buffer_slice(&host->batch),
        .origin = APPEND_COORDINATOR,
        .leader_epoch = shard->partition->leader_epoch,
        .wall_ms = wall_ms,
        .requires_magic_2 = true,
        .may_wait = true,
    };
    partition_append(shard->partition, &request, result);
    return result->error;
}

static void perform_append(struct group_shard *shard, const struct group_effect *effect)
{
    struct append_result result;
    struct shard_append *append = mem_alloc_zeroed(sizeof *append);
    append->id = effect->of.append.append_id;
    append->error = append_records(shard, effect, &result);
    if (append->error != KAFKA_ERROR_NONE) {
        list_append(&shard->refused, &append->link);
        return;
    }
    append->base_offset = result.first_offset;
    append->last_offset = result.last_offset;
    append->deadline_ms = now_ms(shard->host) +
                          (uint64_t)MAX(shard->host->broker->config.offsets_commit_timeout_ms, 1);
    list_append(&shard->appends, &append->link);
}

static void perform_reply(struct group_effect *effect)
{
    struct group_call *call = effect->of.reply.call;
    list_remove(&call->link);
    list_remove(&call->request_link);
    call->answer(call, effect);
    mem_free(call, sizeof *call);
}

void group_call_end(struct group_call *call)
{
    list_remove(&call->link);
    list_remove(&call->request_link);
    mem_free(call, sizeof *call);
}

/* The log's refusals, told when the step that asked is over. */
static void tell_refused(struct group_shard *shard)
{
    struct list *link;
    while (!shard->is_dropped && (link = list_pop(&shard->refused)) != NULL) {
        struct shard_append *append = CONTAINER_OF(link, struct shard_append, link);
        struct group_event event = {
            .kind = GROUP_EVENT_APPENDED,
            .append_id = append->id,
            .error = append->error,
            .base_offset = -1,
        };
        mem_free(append, sizeof *append);
        group_shard_step(shard, &event);
    }
}

void group_shard_step(struct group_shard *shard, struct group_event *event)
{
    struct group_host *host = shard->host;
    struct group_outbox *outbox = outbox_take(host);
    event->now_ms = now_ms(host);
    event->wall_ms = runtime_wall_ms(host->broker->runtime);
    if (event->kind == GROUP_EVENT_JOIN) {
        runtime_random(host->broker->runtime, event->random, sizeof event->random);
    }
    shard->steps_under_way += 1;
    group_coordinator_step(&shard->coordinator, event, outbox);
    for (size_t i = 0; i < outbox->count; i++) {
        if (outbox->effects[i].kind == GROUP_EFFECT_APPEND) {
            perform_append(shard, &outbox->effects[i]);
        }
    }
    for (size_t i = 0; i < outbox->count; i++) {
        struct group_effect *effect = &outbox->effects[i];
        if (effect->kind == GROUP_EFFECT_REPLY) {
            perform_reply(effect);
        } else if (effect->kind == GROUP_EFFECT_NOTE) {
            log_note(shard, effect);
        }
    }
    outbox_give(host, outbox);
    tell_refused(shard);
    shard->steps_under_way -= 1;
    if (shard->is_dropped) {
        shard_free_if_unused(shard);
    } else {
        set_timer(shard);
    }
}

/* ---- appends that become durable, late, or neither ------------------------------------------- */

static struct shard_append *first_append(const struct group_shard *shard)
{
    return list_is_empty(&shard->appends)
               ? NULL
               : CONTAINER_OF(shard->appends.next, struct shard_append, link);
}

static void finish_appends(struct group_shard *shard)
{
    for (;;) {
        struct shard_append *append = first_append(shard);
        if (shard->is_dropped || append == NULL ||
            append->last_offset >= shard->partition->high_watermark) {
            return;
        }
        struct group_event event = {
            .kind = GROUP_EVENT_APPENDED,
            .append_id = append->id,
            .base_offset = append->base_offset,
        };
        list_remove(&append->link);
        mem_free(append, sizeof *append);
        group_shard_step(shard, &event);
    }
}

static void tell_late(struct group_shard *shard)
{
    uint64_t now = now_ms(shard->host);
    for (;;) {
        struct shard_append *late = NULL;
        LIST_FOR_EACH(link, &shard->appends)
        {
            struct shard_append *append = CONTAINER_OF(link, struct shard_append, link);
            if (!append->is_late && append->deadline_ms <= now) {
                late = append;
                break;
            }
        }
        if (late == NULL) {
            return;
        }
        late->is_late = true;
        struct group_event event = {
            .kind = GROUP_EVENT_APPEND_TIMED_OUT,
            .append_id = late->id,
        };
        group_shard_step(shard, &event);
        if (shard->is_dropped) {
            return;
        }
    }
}

static void timer_fired(struct runtime_timer *timer)
{
    struct group_shard *shard = CONTAINER_OF(timer, struct group_shard, timer);
    shard->timer_ms = DEADLINE_NEVER;
    shard->steps_under_way += 1;
    tell_late(shard);
    if (!shard->is_dropped && shard->coordinator.stage == GROUP_ACTIVE &&
        group_coordinator_deadline(&shard->coordinator) <= now_ms(shard->host)) {
        struct group_event event = {.kind = GROUP_EVENT_TICK};
        group_shard_step(shard, &event);
    }
    shard->steps_under_way -= 1;
    if (shard->is_dropped) {
        shard_free_if_unused(shard);
    } else {
        set_timer(shard);
    }
}

/* The partition moved: forward, or away from us. */
static void partition_woken(struct partition_waiter *waiter, struct partition *partition)
{
    struct group_shard *shard = CONTAINER_OF(waiter, struct group_shard, waiter);
    if (!partition->is_leader || partition->is_offline || partition->log == NULL) {
        shard_drop(shard);
        return;
    }
    shard->steps_under_way += 1;
    finish_appends(shard);
    if (!shard->is_dropped) {
        shard_load_go_on(shard);
    }
    shard->steps_under_way -= 1;
    if (shard->is_dropped) {
        shard_free_if_unused(shard);
    } else {
        set_timer(shard);
    }
}

/* ---- shards ---------------------------------------------------------------------------------- */

static void config_of(const struct broker_config *from, struct group_config *config)
{
    config->min_session_timeout_ms = from->group_min_session_timeout_ms;
    config->max_session_timeout_ms = from->group_max_session_timeout_ms;
    config->initial_rebalance_delay_ms = from->group_initial_rebalance_delay_ms;
    config->max_size = from->group_max_size;
    config->offset_metadata_max_bytes = from->offset_metadata_max_bytes;
    config->offsets_retention_ms = from->offsets_retention_ms;
    config->offsets_retention_check_interval_ms = from->offsets_retention_check_interval_ms;
}

void group_host_lead(struct group_host *host, struct partition *partition)
{
    struct group_shard *shard = u64_map_get_ptr(&host->shards, (uint64_t)partition->index);
    if (host->is_stopped) {
        return;
    }
    if (shard != NULL) {
        if (shard->partition == partition) {
            return; /* a new epoch of the same leadership: what is known stays true */
        }
        shard_drop(shard);
    }
    struct group_config config = {.hash_key = host->hash_key};
    config_of(&host->broker->config, &config);
    shard = mem_alloc_zeroed(sizeof *shard);
    shard->host = host;
    shard->partition = partition;
    shard->index = partition->index;
    shard->timer_ms = DEADLINE_NEVER;
    shard->waiter.woken = partition_woken;
    list_init(&shard->waiter.link);
    list_init(&shard->appends);
    list_init(&shard->refused);
    list_init(&shard->leaving_link);
    group_coordinator_init(&shard->coordinator, &config);
    runtime_timer_init(&shard->timer, host->broker->runtime, timer_fired);
    u64_map_put_ptr(&host->shards, (uint64_t)shard->index, shard);
    partition_wait(partition, &shard->waiter);
    shard_load_begin(shard);
}

static void free_appends(struct list *appends)
{
    struct list *link;
    while ((link = list_pop(appends)) != NULL) {
        mem_free(CONTAINER_OF(link, struct shard_append, link), sizeof(struct shard_append));
    }
}

void shard_free_if_unused(struct group_shard *shard)
{
    if (shard->steps_under_way > 0 || shard->is_reading) {
        return;
    }
    list_remove(&shard->leaving_link);
    shard_load_release(shard);
    group_coordinator_release(&shard->coordinator);
    free_appends(&shard->appends);
    free_appends(&shard->refused);
    mem_free(shard, sizeof *shard);
}

void shard_drop(struct group_shard *shard)
{
    if (shard->is_dropped) {
        return;
    }
    shard->steps_under_way += 1;
    partition_wait_end(&shard->waiter);
    runtime_timer_stop(&shard->timer);
    (void)u64_map_remove(&shard->host->shards, (uint64_t)shard->index, NULL);
    if (shard->coordinator.stage == GROUP_ACTIVE) {
        LOG("groups", LOG_INFO, "%s-%d: its groups are handed over", GROUP_OFFSETS_TOPIC,
            shard->index);
        shard->is_dropped = true;
        struct group_event event = {.kind = GROUP_EVENT_UNLOAD};
        group_shard_step(shard, &event);
    }
    shard->is_dropped = true;
    shard->partition = NULL;
    shard->steps_under_way -= 1;
    list_append(&shard->host->leaving, &shard->leaving_link);
    shard_free_if_unused(shard);
}

void group_host_resign(struct group_host *host, struct partition *partition)
{
    struct group_shard *shard = u64_map_get_ptr(&host->shards, (uint64_t)partition->index);
    if (shard != NULL && shard->partition == partition) {
        shard_drop(shard);
    }
}

/* ---- the host -------------------------------------------------------------------------------- */

struct group_host *group_host_create(struct broker *broker)
{
    struct group_host *host = mem_alloc_zeroed(sizeof *host);
    host->broker = broker;
    runtime_random(broker->runtime, &host->hash_key, sizeof host->hash_key);
    u64_map_init(&host->shards);
    list_init(&host->leaving);
    list_init(&host->calls);
    buffer_init(&host->batch, BATCH_BYTES_MAX);
    return host;
}

static struct group_shard *any_shard(const struct group_host *host)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    return u64_map_next(&host->shards, &position, &index, &value)
               ? (struct group_shard *)(uintptr_t)value
               : NULL;
}

void group_host_stop(struct group_host *host)
{
    struct group_shard *shard;
    host->is_stopped = true;
    while ((shard = any_shard(host)) != NULL) {
        shard_drop(shard);
    }
}

/* Without a word: the coordinators go, and the calls of requests that nobody answers any more. */
void group_host_detach(struct group_host *host)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    host->is_stopped = true;
    while (u64_map_next(&host->shards, &position, &index, &value)) {
        struct group_shard *shard = (struct group_shard *)(uintptr_t)value;
        runtime_timer_stop(&shard->timer);
    }
}

static void forget_calls(struct group_host *host)
{
    struct list *link;
    while ((link = list_pop(&host->calls)) != NULL) {
        struct group_call *call = CONTAINER_OF(link, struct group_call, link);
        list_remove(&call->request_link);
        if (call->request != NULL) {
            call->request->on_abort = NULL;
        }
        mem_free(call, sizeof *call);
    }
}

/* The runtime is gone, and its jobs with it. */
static void free_for_good(struct group_shard *shard)
{
    if (shard->is_reading) {
        shard->is_reading = false;
        log_range_drop(&shard->range);
    }
    shard->steps_under_way = 0;
    shard_free_if_unused(shard);
}

void group_host_release(struct group_host *host)
{
    struct group_shard *shard;
    forget_calls(host);
    while ((shard = any_shard(host)) != NULL) {
        (void)u64_map_remove(&host->shards, (uint64_t)shard->index, NULL);
        list_remove(&shard->waiter.link);
        shard->is_dropped = true;
        free_for_good(shard);
    }
    LIST_FOR_EACH_SAFE(link, after, &host->leaving)
    {
        free_for_good(CONTAINER_OF(link, struct group_shard, leaving_link));
    }
    for (size_t i = 0; i < host->outbox_count; i++) {
        group_outbox_release(host->outboxes[i]);
        mem_free(host->outboxes[i], sizeof *host->outboxes[i]);
    }
    u64_map_release(&host->shards);
    buffer_release(&host->batch);
    mem_free(host, sizeof *host);
}

void group_host_configure(struct group_host *host)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    while (u64_map_next(&host->shards, &position, &index, &value)) {
        struct group_shard *shard = (struct group_shard *)(uintptr_t)value;
        config_of(&host->broker->config, &shard->coordinator.config);
    }
}

/* Shards whose coordinator serves, so that a step may drop others: at most as many as there are. */
static size_t active_shards(struct group_host *host, struct group_shard **shards, size_t max)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    size_t count = 0;
    while (count < max && u64_map_next(&host->shards, &position, &index, &value)) {
        struct group_shard *shard = (struct group_shard *)(uintptr_t)value;
        if (shard->coordinator.stage == GROUP_ACTIVE) {
            shards[count] = shard;
            count += 1;
        }
    }
    return count;
}

void group_host_topic_deleted(struct group_host *host, struct slice topic)
{
    size_t max = host->shards.count;
    struct group_shard **shards = mem_alloc(max * sizeof shards[0]);
    size_t count = active_shards(host, shards, max);
    for (size_t i = 0; i < count; i++) {
        shards[i]->steps_under_way += 1; /* none is freed meanwhile */
    }
    for (size_t i = 0; i < count; i++) {
        if (!shards[i]->is_dropped) {
            struct group_event event = {.kind = GROUP_EVENT_TOPIC_DELETED, .name = topic};
            group_shard_step(shards[i], &event);
        }
    }
    for (size_t i = 0; i < count; i++) {
        shards[i]->steps_under_way -= 1;
        if (shards[i]->is_dropped) {
            shard_free_if_unused(shards[i]);
        }
    }
    mem_free(shards, max * sizeof shards[0]);
}

/* ---- for handlers ---------------------------------------------------------------------------- */

int32_t group_host_partition(const struct group_host *host, struct slice group_id)
{
    const struct topic *topic = topics_find(&host->broker->topics, SLICE_LIT(GROUP_OFFSETS_TOPIC));
    int32_t count = topic == NULL ? host->broker->config.offsets_topic_num_partitions
                                  : topic->partition_count;
    return count <= 0 ? 0 : java_string_partition(group_id, count);
}

struct group_shard *group_host_route(struct group_host *host,
                                     struct slice group_id,
                                     bool allows_empty,
                                     int16_t *error)
{
    *error = KAFKA_ERROR_NONE;
    if (group_id.len == 0 && !allows_empty) {
        *error = KAFKA_ERROR_INVALID_GROUP_ID;
        return NULL;
    }
    if (host == NULL || host->is_stopped) {
        *error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
        return NULL;
    }
    uint64_t index = (uint64_t)group_host_partition(host, group_id);
    struct group_shard *shard = u64_map_get_ptr(&host->shards, index);
    if (shard == NULL) {
        *error = KAFKA_ERROR_NOT_COORDINATOR;
    } else if (shard->coordinator.stage != GROUP_ACTIVE) {
        *error = KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
        shard = NULL;
    }
    return shard;
}

const struct group_coordinator *group_shard_coordinator(const struct group_shard *shard)
{
    return &shard->coordinator;
}

int16_t group_host_each(struct group_host *host,
                        void (*each)(void *ctx, const struct group_coordinator *coordinator),
                        void *ctx,
                        bool *is_loading)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    *is_loading = false;
    if (host == NULL || host->is_stopped) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    while (u64_map_next(&host->shards, &position, &index, &value)) {
        const struct group_shard *shard = (const struct group_shard *)(uintptr_t)value;
        if (shard->coordinator.stage == GROUP_ACTIVE) {
            each(ctx, &shard->coordinator);
        } else {
            *is_loading = true;
        }
    }
    return KAFKA_ERROR_NONE;
}

/* The connection died: its calls are answered into the void. */
static void request_aborted(struct request *request)
{
    struct list *calls = request->handler_state;
    struct list *link;
    while ((link = list_pop(calls)) != NULL) {
        CONTAINER_OF(link, struct group_call, request_link)->request = NULL;
    }
}

struct group_call *group_call_new(struct group_host *host,
                                  struct request *request,
                                  void (*answer)(struct group_call *call,
                                                 struct group_effect *effect),
                                  void *ctx)
{
    struct group_call *call = mem_alloc_zeroed(sizeof *call);
    call->request = request;
    call->answer = answer;
    call->ctx = ctx;
    if (request->on_abort == NULL) {
        struct list *calls = ARENA_NEW(&request->arena, struct list);
        list_init(calls);
        request->handler_state = calls;
        request->on_abort = request_aborted;
    }
    list_append((struct list *)request->handler_state, &call->request_link);
    list_append(&host->calls, &call->link);
    return call;
}

void group_host_stats(const struct group_host *host, struct group_host_stats *stats)
{
    size_t position = 0;
    uint64_t index = 0;
    uint64_t value = 0;
    *stats = (struct group_host_stats){.load_ns_max = host->load_ns_max};
    while (u64_map_next(&host->shards, &position, &index, &value)) {
        const struct group_shard *shard = (const struct group_shard *)(uintptr_t)value;
        const struct group_coordinator *coordinator = &shard->coordinator;
        if (coordinator->stage != GROUP_ACTIVE) {
            stats->partitions_loading += 1;
            continue;
        }
        stats->partitions_serving += 1;
        stats->groups += coordinator->by_id.count;
        stats->offsets += coordinator->offset_count;
        stats->rebalances_completed += coordinator->stats.rebalances_completed;
        stats->offsets_committed += coordinator->stats.offsets_committed;
        stats->offsets_expired += coordinator->stats.offsets_expired;
        stats->offsets_deleted += coordinator->stats.offsets_deleted;
        for (int state = 0; state < GROUP_STATE_COUNT; state++) {
            stats->states[state] += coordinator->state_counts[state];
        }
    }
}
