#include "support_ensemble.h"

#include "base/memory.h"
#include "support_ensemble_private.h"
#include "zookeeper/core/tree_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DATA_MAX ((size_t)4 << 20)

struct fake_work {
    struct list link; /* peer.work */
    enum {
        WORK_PERSIST,
        WORK_EPOCH,
        WORK_SNAPSHOT,
        WORK_TRUNCATE
    } kind;
    int64_t zxid;     /* or the epoch */
    size_t log_count; /* when it was asked for */
    enum zk_epoch_kind epoch_kind;
    struct buffer bytes; /* of a snapshot */
};

static void run_event(struct ensemble_peer *peer, struct zk_event *event);

/* ---- the disk ------------------------------------------------------------------------ */

static void write_tree(struct tree *tree, struct buffer *out)
{
    struct tree_snapshot *snapshot = tree_snapshot_begin(tree, out);
    while (!tree_snapshot_step(snapshot, 1 << 20)) {
    }
    tree_snapshot_end(snapshot);
}

struct source {
    struct slice rest;
};

static int read_source(void *ctx, void *bytes, size_t len, size_t *got)
{
    struct source *source = ctx;
    *got = MIN(len, source->rest.len);
    if (*got > 0) {
        memcpy(bytes, source->rest.ptr, *got);
        source->rest = slice_part(source->rest, *got, source->rest.len);
    }
    return 0;
}

static void load_tree(struct peer *peer, struct slice bytes, int64_t zxid)
{
    struct slice ahead;
    struct source source = {bytes};
    struct tree_source from = {read_source, &source};
    peer_reset_tree(peer);
    if (bytes.len > 0) {
        assert_int_equal(tree_load(&peer->service.tree, &from, DATA_MAX, &ahead), ERR_OK);
    }
    peer->service.tree.last_processed_zxid = zxid;
}

static const struct fake_snapshot *newest_snapshot(const struct fake_disk *disk)
{
    return &disk->snapshots[disk->snapshot_count - 1];
}

/* The tree becomes what the disk says. */
static void load_disk(struct ensemble_peer *peer)
{
    struct fake_disk *disk = &peer->disk;
    const struct fake_snapshot *snapshot = newest_snapshot(disk);
    load_tree(&peer->peer, buffer_slice(&snapshot->bytes), snapshot->zxid);
    for (size_t i = 0; i < disk->log_count; i++) {
        if (disk->log[i].zxid > snapshot->zxid) {
            int rv = peer_replay(&peer->peer, buffer_slice(&disk->log[i].bytes));
            assert_int_equal(rv, ERR_OK);
        }
    }
}

static void cut_log(struct fake_disk *disk, size_t count)
{
    while (disk->log_count > count) {
        buffer_release(&disk->log[--disk->log_count].bytes);
    }
    disk->durable_count = MIN(disk->durable_count, count);
}

static void drop_snapshots_above(struct fake_disk *disk, int64_t zxid)
{
    while (disk->snapshot_count > 0 && newest_snapshot(disk)->zxid > zxid) {
        buffer_release(&disk->snapshots[--disk->snapshot_count].bytes);
    }
}

static void add_to_log(struct fake_disk *disk, int64_t zxid, struct slice bytes)
{
    assert_true(disk->log_count == 0 || disk->log[disk->log_count - 1].zxid < zxid);
    if (disk->log_count == disk->log_cap) {
        size_t cap = MAX(disk->log_cap * 2, (size_t)16);
        disk->log = mem_realloc(disk->log, disk->log_cap * sizeof *disk->log,
                                cap * sizeof *disk->log);
        disk->log_cap = cap;
    }
    struct fake_txn *txn = &disk->log[disk->log_count++];
    txn->zxid = zxid;
    buffer_init(&txn->bytes, SIZE_MAX);
    buffer_append(&txn->bytes, bytes);
}

static void add_work(struct ensemble_peer *peer, const struct fake_work *work)
{
    struct fake_work *copy = mem_alloc(sizeof *copy);
    *copy = *work;
    list_append(&peer->work, &copy->link);
}

static void free_work(struct fake_work *work)
{
    buffer_release(&work->bytes);
    mem_free(work, sizeof *work);
}

static void work_persist(struct ensemble_peer *peer, int64_t zxid)
{
    struct fake_disk *disk = &peer->disk;
    while (disk->durable_count < disk->log_count && disk->log[disk->durable_count].zxid <= zxid) {
        disk->durable_count += 1;
    }
    struct zk_event event = {.kind = ZK_EVENT_PERSISTED, .zxid = zxid};
    run_event(peer, &event);
}

static void work_epoch(struct ensemble_peer *peer, const struct fake_work *work)
{
    struct fake_disk *disk = &peer->disk;
    int64_t *epoch = work->epoch_kind == ZK_EPOCH_ACCEPTED ? &disk->accepted_epoch
                                                           : &disk->current_epoch;
    assert_true(work->zxid >= *epoch); /* Z-INV11 */
    /* behind every PERSIST before it */
    assert_true(disk->durable_count >= MIN(work->log_count, disk->log_count));
    *epoch = work->zxid;
    assert_true(disk->current_epoch <= disk->accepted_epoch);
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_EPOCH_PERSISTED,
                             .epoch_kind = work->epoch_kind,
                             .zxid = work->zxid};
    run_event(peer, &event);
}

/* After a SNAP: it is all there is. */
static void work_snapshot(struct ensemble_peer *peer, struct fake_work *work)
{
    struct fake_disk *disk = &peer->disk;
    cut_log(disk, 0);
    drop_snapshots_above(disk, -1);
    disk->snapshots[disk->snapshot_count++] = (struct fake_snapshot){work->zxid, work->bytes};
    buffer_init(&work->bytes, SIZE_MAX);
    peer->snapshots_taken += 1;
    struct zk_event event = {
        .kind = ZK_EVENT_PEER, .peer_kind = PEER_EVENT_SNAPSHOT_TAKEN, .zxid = work->zxid};
    run_event(peer, &event);
}

static void work_truncate(struct ensemble_peer *peer, int64_t zxid)
{
    struct fake_disk *disk = &peer->disk;
    struct zk_event event = {.kind = ZK_EVENT_PEER, .peer_kind = PEER_EVENT_TRUNCATED};
    if (disk->snapshots[0].zxid > zxid) {
        event.error = ERR_NOT_FOUND;
    } else {
        drop_snapshots_above(disk, zxid);
        size_t count = disk->log_count;
        while (count > 0 && disk->log[count - 1].zxid > zxid) {
            count -= 1;
        }
        cut_log(disk, count);
        peer->truncations += 1;
    }
    load_disk(peer);
    event.zxid = peer->peer.service.tree.last_processed_zxid;
    run_event(peer, &event);
}

/* The next thing of the disk; several PERSISTs side by side are one. */
bool fake_disk_step(struct ensemble_peer *peer)
{
    if (peer->holds_disk || list_is_empty(&peer->work)) {
        return false;
    }
    struct fake_work *work = CONTAINER_OF(list_pop(&peer->work), struct fake_work, link);
    while (work->kind == WORK_PERSIST && !list_is_empty(&peer->work)) {
        struct fake_work *next = CONTAINER_OF(peer->work.next, struct fake_work, link);
        if (next->kind != WORK_PERSIST) {
            break;
        }
        list_remove(&next->link);
        free_work(work);
        work = next;
    }
    switch (work->kind) {
    case WORK_PERSIST:
        work_persist(peer, work->zxid);
        break;
    case WORK_EPOCH:
        work_epoch(peer, work);
        break;
    case WORK_SNAPSHOT:
        work_snapshot(peer, work);
        break;
    case WORK_TRUNCATE:
        work_truncate(peer, work->zxid);
        break;
    }
    free_work(work);
    return true;
}

static void read_log(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    const struct fake_disk *disk = &peer->disk;
    struct buffer frame;
    buffer_init(&frame, SIZE_MAX);
    int error = effect->from_zxid == 0 && disk->log_count > 0 && disk->log[0].zxid == 1
                    ? ERR_OK
                    : ERR_NOT_FOUND;
    for (size_t i = 0; i < disk->log_count; i++) {
        int64_t zxid = disk->log[i].zxid;
        error = zxid == effect->from_zxid ? ERR_OK : error;
        if (zxid > effect->from_zxid && zxid <= effect->zxid) {
            jute_write_bytes(&frame, buffer_slice(&disk->log[i].bytes));
        }
    }
    error = error == ERR_OK && frame.len > effect->len ? ERR_LIMIT : error;
    struct zk_event event = {.kind = ZK_EVENT_PEER,
                             .peer_kind = PEER_EVENT_LOG_READ,
                             .link = effect->link,
                             .zxid = effect->zxid,
                             .error = error};
    fake_event_add(peer, &event, error == ERR_OK ? buffer_slice(&frame) : SLICE_NULL);
    buffer_release(&frame);
}

/* ---- the host ------------------------------------------------------------------------ */

static void perform_client(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    struct test_client *client = CONTAINER_OF(effect->conn, struct test_client, conn);
    assert_false(client->is_closed);
    if (effect->kind == ZK_EFFECT_SEND) {
        buffer_append(&client->received, zk_effect_bytes(&peer->outbox, effect));
    } else if (effect->kind == ZK_EFFECT_CLOSE) {
        client->is_closed = true;
        client->reason = effect->reason;
    } else {
        client->is_paused = effect->kind == ZK_EFFECT_PAUSE;
    }
}

/* ENSEMBLE_TRACE=1 tells who became what, and why. */
static void trace_role(const struct ensemble_peer *peer, const struct zk_effect *effect)
{
    static const char *const names[] = {"looking", "following", "leading", "observing"};
    struct slice why = zk_effect_bytes(&peer->outbox, effect);
    if (getenv("ENSEMBLE_TRACE") != NULL) {
        print_message(
            "%8llu %zu %s %s%s a %llx c %llx log %llx: %.*s\n",
            (unsigned long long)peer->ensemble->now_ms, peer->index + 1, names[peer->peer.state],
            peer->peer.zab_state, peer->peer.is_serving ? "!" : "",
            (unsigned long long)peer->peer.accepted_epoch,
            (unsigned long long)peer->peer.current_epoch,
            (unsigned long long)peer->peer.logged_zxid, (int)why.len, (const char *)why.ptr);
    }
}

static void perform_peer(struct ensemble_peer *peer, const struct zk_effect *effect)
{
    struct fake_work work = {
        .zxid = effect->zxid, .epoch_kind = effect->epoch_kind, .log_count = peer->disk.log_count};
    buffer_init(&work.bytes, SIZE_MAX);
    switch (effect->peer_kind) {
    case PEER_EFFECT_TAKE_SNAPSHOT:
        work.kind = WORK_SNAPSHOT;
        work.zxid = peer->peer.service.tree.last_processed_zxid;
        write_tree(&peer->peer.service.tree, &work.bytes);
        add_work(peer, &work);
        break;
    case PEER_EFFECT_TRUNCATE:
        work.kind = WORK_TRUNCATE;
        add_work(peer, &work);
        break;
    case PEER_EFFECT_PERSIST_EPOCH:
        work.kind = WORK_EPOCH;
        add_work(peer, &work);
        break;
    case PEER_EFFECT_READ_LOG:
        read_log(peer, effect);
        break;
    case PEER_EFFECT_FAIL:
        peer->fail_code = effect->zxid;
        break;
    case PEER_EFFECT_ROLE:
        trace_role(peer, effect);
        break;
    case PEER_EFFECT_CONFIG:
        break;
    case PEER_EFFECT_NOTIFY:
    case PEER_EFFECT_LINK_CONNECT:
    case PEER_EFFECT_LINK_SEND:
    case PEER_EFFECT_LINK_CLOSE:
    case PEER_EFFECT_LINK_SEND_SNAPSHOT:
    case PEER_EFFECT_LINK_READ_SNAPSHOT:
        fake_net_perform(peer, effect);
        break;
    }
}

static void perform(struct ensemble_peer *peer)
{
    for (size_t i = 0; i < peer->outbox.count; i++) {
        const struct zk_effect *effect = &peer->outbox.effects[i];
        switch (effect->kind) {
        case ZK_EFFECT_SEND:
        case ZK_EFFECT_CLOSE:
        case ZK_EFFECT_PAUSE:
        case ZK_EFFECT_RESUME:
            perform_client(peer, effect);
            break;
        case ZK_EFFECT_PERSIST: {
            struct fake_work work = {.kind = WORK_PERSIST, .zxid = effect->zxid};
            buffer_init(&work.bytes, SIZE_MAX);
            add_to_log(&peer->disk, effect->zxid, zk_effect_bytes(&peer->outbox, effect));
            add_work(peer, &work);
            break;
        }
        case ZK_EFFECT_AUDIT:
            break;
        case ZK_EFFECT_ALARM:
            fail_msg("%.*s", (int)effect->len,
                     (const char *)peer->outbox.bytes.data + effect->offset);
            break;
        case ZK_EFFECT_PEER:
            perform_peer(peer, effect);
            break;
        }
    }
    zk_outbox_clear(&peer->outbox);
}

static void run_event(struct ensemble_peer *peer, struct zk_event *event)
{
    event->now_ms = peer->ensemble->now_ms;
    event->now_ns = peer->ensemble->now_ms * 1000000;
    event->wall_ms = peer->ensemble->wall_ms;
    peer_step(&peer->peer, event, &peer->outbox);
    perform(peer);
    peer_check(&peer->peer);
    peer->ensemble->steps += 1;
}

void fake_run_event(struct ensemble_peer *peer, struct zk_event *event)
{
    run_event(peer, event);
}

/* A whole tree for a learner. */
int64_t fake_write_tree(struct ensemble_peer *peer, struct buffer *out)
{
    write_tree(&peer->peer.service.tree, out);
    return peer->peer.service.tree.last_processed_zxid;
}

void fake_load_tree(struct ensemble_peer *peer, struct slice bytes)
{
    load_tree(&peer->peer, bytes, 0);
}

/* ---- life ---------------------------------------------------------------------------- */

static void set_configs(struct ensemble_peer *peer)
{
    struct ensemble *ensemble = peer->ensemble;
    int64_t id = (int64_t)peer->index + 1;
    peer->config = (struct peer_config){
        .server_id = id,
        .tick_ms = ENSEMBLE_TICK_MS,
        .init_limit = 10,
        .sync_limit = 5,
        .commit_log_count = 500,
        .snapshot_size_factor = 0.33,
        .leader_serves = true,
        .sync_enabled = true,
        .election = {.server_id = id,
                     .finalize_ms = 200,
                     .notification_ms = 200,
                     .notification_max_ms = 60000},
    };
    peer->service_config = ensemble->scratch.config;
    peer->service_config.server_id = id;
    peer->service_config.hash_key = (struct hash_key){(uint64_t)id, 22};
}

void ensemble_init(struct ensemble *ensemble, size_t voters, size_t observers, uint64_t seed)
{
    struct buffer text;
    char problem[200];
    *ensemble = (struct ensemble){.count = voters + observers,
                                  .now_ms = 1000000,
                                  .wall_ms = 1700000000000,
                                  .is_shuffled = seed != 0};
    random_init(&ensemble->random, seed);
    test_server_init(&ensemble->scratch);
    test_server_start(&ensemble->scratch);
    list_init(&ensemble->messages);
    list_init(&ensemble->dials);
    list_init(&ensemble->connections);
    buffer_init(&text, SIZE_MAX);
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        peer->ensemble = ensemble;
        peer->index = i;
        list_init(&peer->work);
        list_init(&peer->events);
        list_init(&peer->clients);
        zk_outbox_init(&peer->outbox);
        buffer_init(&peer->disk.snapshots[0].bytes, SIZE_MAX);
        peer->disk.snapshot_count = 1;
        set_configs(peer);
        buffer_append_cstr(&text, "server.");
        buffer_append_unsigned(&text, i + 1);
        buffer_append_cstr(&text, "=10.0.0.");
        buffer_append_unsigned(&text, i + 1);
        buffer_append_cstr(&text,
                           i < voters ? ":2888:3888:participant\n" : ":2888:3888:observer\n");
    }
    buffer_append_cstr(&text, "version=0");
    if (quorum_config_parse(buffer_slice(&text), &ensemble->members, problem, sizeof problem) !=
        ERR_OK) {
        fail_msg("%s", problem);
    }
    buffer_release(&text);
}

static void forget_memory(struct ensemble_peer *peer)
{
    struct list *link;
    while ((link = list_pop(&peer->work)) != NULL) {
        free_work(CONTAINER_OF(link, struct fake_work, link));
    }
    fake_net_crash(peer);
    while ((link = list_pop(&peer->clients)) != NULL) {
        struct test_client *client = CONTAINER_OF(link, struct test_client, link);
        client->is_closed = true;
        client->is_open = false;
        buffer_release(&client->received);
        client->read_at = 0;
    }
    zk_outbox_clear(&peer->outbox);
    peer_release(&peer->peer);
    peer->is_up = false;
}

void ensemble_start(struct ensemble *ensemble, size_t index)
{
    struct ensemble_peer *peer = &ensemble->peers[index];
    assert_false(peer->is_up);
    peer->service_config.session_start_ms = ensemble->wall_ms + (int64_t)ensemble->steps;
    peer_init(&peer->peer, &peer->config, &peer->service_config, ensemble->members);
    if (peer->next != NULL) {
        peer_set_next(&peer->peer, peer->next);
    }
    load_disk(peer);
    peer->is_up = true;
    peer->fail_code = 0;
    peer_start(&peer->peer, peer->disk.accepted_epoch, peer->disk.current_epoch, ensemble->now_ms,
               &peer->outbox);
    perform(peer);
    peer_check(&peer->peer);
    fake_net_started(peer);
}

void ensemble_start_all(struct ensemble *ensemble)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        if (!ensemble->peers[i].is_up) {
            ensemble_start(ensemble, i);
        }
    }
}

void ensemble_crash(struct ensemble *ensemble, size_t index)
{
    struct ensemble_peer *peer = &ensemble->peers[index];
    assert_true(peer->is_up);
    forget_memory(peer);
    cut_log(&peer->disk, peer->disk.durable_count);
    peer->holds_disk = false;
}

void ensemble_release(struct ensemble *ensemble)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up) {
            forget_memory(peer);
        }
        cut_log(&peer->disk, 0);
        drop_snapshots_above(&peer->disk, -1);
        mem_free(peer->disk.log, peer->disk.log_cap * sizeof *peer->disk.log);
        zk_outbox_release(&peer->outbox);
    }
    fake_net_release(ensemble);
    quorum_config_drop(ensemble->members);
    test_server_release(&ensemble->scratch);
}

/* ---- time ---------------------------------------------------------------------------- */

static uint64_t next_deadline(const struct ensemble *ensemble)
{
    uint64_t deadline_ms = fake_net_deadline(ensemble);
    for (size_t i = 0; i < ensemble->count; i++) {
        if (ensemble->peers[i].is_up) {
            deadline_ms = MIN(deadline_ms, peer_deadline(&ensemble->peers[i].peer));
        }
    }
    return deadline_ms;
}

static bool tick_due(struct ensemble *ensemble)
{
    bool is_any = false;
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up && peer_deadline(&peer->peer) <= ensemble->now_ms) {
            struct zk_event event = {.kind = ZK_EVENT_TICK};
            run_event(peer, &event);
            is_any = true;
        }
    }
    return is_any;
}

bool ensemble_step(struct ensemble *ensemble)
{
    return fake_net_step(ensemble) || tick_due(ensemble);
}

static void pass_time(struct ensemble *ensemble, uint64_t until_ms)
{
    uint64_t next_ms = MAX(next_deadline(ensemble), ensemble->now_ms + 1);
    next_ms = MIN(next_ms, until_ms);
    ensemble->wall_ms += (int64_t)(next_ms - ensemble->now_ms);
    ensemble->now_ms = next_ms;
}

void ensemble_run(struct ensemble *ensemble, uint64_t ms)
{
    uint64_t until_ms = ensemble->now_ms + ms;
    for (;;) {
        if (!ensemble_step(ensemble)) {
            if (ensemble->now_ms >= until_ms) {
                return;
            }
            pass_time(ensemble, until_ms);
        }
    }
}

void ensemble_run_until(struct ensemble *ensemble,
                        bool (*holds)(struct ensemble *ensemble, void *ctx),
                        void *ctx,
                        uint64_t ms)
{
    uint64_t until_ms = ensemble->now_ms + ms;
    while (!holds(ensemble, ctx)) {
        if (!ensemble_step(ensemble)) {
            if (ensemble->now_ms >= until_ms) {
                fail_msg("what should come has not come");
            }
            pass_time(ensemble, until_ms);
        }
    }
}

/* ---- looking at it ------------------------------------------------------------------- */

struct ensemble_peer *ensemble_leader(struct ensemble *ensemble)
{
    struct ensemble_peer *leader = NULL;
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up && peer->peer.state == PEER_LEADING && peer->peer.is_serving) {
            /* Z-INV6 */
            assert_true(leader == NULL || leader->peer.current_epoch != peer->peer.current_epoch);
            leader = leader == NULL || peer->peer.current_epoch > leader->peer.current_epoch
                         ? peer
                         : leader;
        }
    }
    return leader;
}

struct ensemble_peer *ensemble_follower(struct ensemble *ensemble)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up && peer->peer.state == PEER_FOLLOWING && peer->peer.is_serving) {
            return peer;
        }
    }
    fail_msg("nobody follows");
    return NULL;
}

static bool all_serve(struct ensemble *ensemble, void *ctx)
{
    (void)ctx;
    if (ensemble_leader(ensemble) == NULL) {
        return false;
    }
    for (size_t i = 0; i < ensemble->count; i++) {
        const struct ensemble_peer *peer = &ensemble->peers[i];
        if (peer->is_up && !peer->peer.is_serving) {
            return false;
        }
    }
    return true;
}

struct ensemble_peer *ensemble_settle(struct ensemble *ensemble)
{
    ensemble_run_until(ensemble, all_serve, NULL, 200000);
    return ensemble_leader(ensemble);
}

/* What a leader without a txn shows as its tree's zxid (counter 0) is no txn, but may have come as
 * the zxid of a snapshot: it is behind all txns before its epoch. */
static bool all_applied(struct ensemble *ensemble, void *ctx)
{
    (void)ctx;
    int64_t last = 0;
    for (size_t i = 0; i < ensemble->count; i++) {
        int64_t logged = ensemble->peers[i].is_up ? ensemble->peers[i].peer.logged_zxid : 0;
        last = (uint32_t)logged != 0 ? MAX(last, logged) : last;
    }
    for (size_t i = 0; i < ensemble->count; i++) {
        const struct peer *peer = &ensemble->peers[i].peer;
        if (ensemble->peers[i].is_up &&
            (peer->logged_zxid < last || peer->service.tree.last_processed_zxid < last)) {
            return false;
        }
    }
    return true;
}

void ensemble_check_equal(struct ensemble *ensemble)
{
    uint64_t digest = 0;
    bool is_first = true;
    ensemble_run_until(ensemble, all_applied, NULL, 60000);
    for (size_t i = 0; i < ensemble->count; i++) {
        if (ensemble->peers[i].is_up) {
            uint64_t own = peer_digest(&ensemble->peers[i].peer);
            assert_true(is_first || own == digest);
            digest = own;
            is_first = false;
            assert_int_equal(ensemble->peers[i].peer.service.stats.digest_mismatches, 0);
            assert_int_equal(ensemble->peers[i].fail_code, 0);
        }
    }
}

bool ensemble_has(const struct ensemble_peer *peer, const char *path)
{
    return tree_find(&peer->peer.service.tree, slice_of_cstr(path)) != NULL;
}
