/* cluster_configs.c - /config: overrides of topics, brokers, clients, users and ips.
 *
 * All entities are read at the start and kept as they stand. A change, by us or by others, is a
 * node under /config/changes that names the entity; whoever sees it reads the entity again. What a
 * change means is told at once: a topic's effective configuration is made anew, the broker's own
 * (and with it every topic's defaults), the quota table.
 *
 * Writing is Apache's: the entity's znode, then a change notification, here in one multi. Quota
 * entities that lose their last value are removed, and with them the user's parents that are empty.
 * Notifications older than 15 minutes are removed by whoever processes new ones.
 *
 * Source: AdminZkClient.changeConfigs, ZkNodeChangeNotificationListener, ConfigEntityZNode; 3.9.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "base/text.h"
#include "generated/kafka/constants.h"
#include "kafka/server/cluster_private.h"
#include "kafka/server/group_host.h"
#include "kafka/server/quotas.h"
#include "runtime/log.h"

#define CHANGE_PREFIX SLICE_LIT("config_change_")
#define CHANGE_AGE_MS (INT64_C(15) * 60 * 1000)
#define ENTITY_ARENA_BYTES_MAX ((size_t)16 << 20)
#define ENTITY_JSON_BYTES_MAX ((size_t)8 << 20)

static const char *const entity_types[] = {"topics", "brokers", "clients", "users", "ips"};

/* ---- what is known --------------------------------------------------------------------------- */

static struct config_entity *find_path(const struct cluster *cluster, struct slice path)
{
    return bytes_map_get(&cluster->entity_by_path, path);
}

struct config_entity *configs_find(const struct cluster *cluster,
                                   struct slice type,
                                   struct slice name)
{
    uint8_t path[ZK_PATH_MAX];
    if (type.len + 1 + name.len > sizeof path) {
        return NULL;
    }
    memcpy(path, type.ptr, type.len);
    path[type.len] = '/';
    memcpy(path + type.len + 1, name.ptr, name.len);
    return find_path(cluster, slice_of(path, type.len + 1 + name.len));
}

static void drop_entity(struct cluster *cluster, struct config_entity *entity)
{
    bytes_map_remove(&cluster->entity_by_path, entity->path);
    list_remove(&entity->link);
    arena_release(&entity->arena);
    mem_free(entity, sizeof *entity);
}

void configs_release(struct cluster *cluster)
{
    LIST_FOR_EACH_SAFE(link, after, &cluster->entities)
    {
        drop_entity(cluster, CONTAINER_OF(link, struct config_entity, link));
    }
    bytes_map_release(&cluster->entity_by_path);
}

static struct slice keep_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return slice_of(copy, text.len);
}

static struct config_entity *put_entity(struct cluster *cluster,
                                        struct slice path,
                                        const struct config_entry *entries,
                                        size_t count)
{
    struct config_entity *entity = find_path(cluster, path);
    struct arena old = {0};
    bool is_new = entity == NULL;
    if (is_new) {
        entity = mem_alloc_zeroed(sizeof *entity);
        list_append(&cluster->entities, &entity->link);
    } else {
        /* The struct stays where it is: logs that nobody hosts point to its configuration. */
        bytes_map_remove(&cluster->entity_by_path, entity->path);
        old = entity->arena;
        entity->count = 0;
    }
    arena_init(&entity->arena, 512, ENTITY_ARENA_BYTES_MAX);
    entity->path = keep_text(&entity->arena, path);
    text_cut(entity->path, '/', &entity->type, &entity->name);
    entity->entries = ARENA_ARRAY(&entity->arena, struct config_entry, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!slice_is_null(entries[i].value)) {
            entity->entries[entity->count].name = keep_text(&entity->arena, entries[i].name);
            entity->entries[entity->count].value = keep_text(&entity->arena, entries[i].value);
            entity->count++;
        }
    }
    bytes_map_add(&cluster->entity_by_path, entity->path, entity);
    if (!is_new) {
        arena_release(&old); /* path and entries may have come out of it */
    }
    return entity;
}

static void make_effective(struct cluster *cluster, struct config_entity *entity)
{
    entity->effective = cluster->broker->config.topic;
    for (size_t i = 0; i < entity->count; i++) {
        struct errmsg why;
        if (topic_config_set(&entity->effective, entity->entries[i].name, entity->entries[i].value,
                             &why) != 0) {
            LOG("cluster", LOG_WARN, "topic %.*s: an override in ZooKeeper is ignored: %s",
                LOG_SLICE(entity->name), why.text);
        }
    }
    topic_config_settle(&entity->effective);
}

const struct topic_config *configs_of_topic(struct cluster *cluster, struct slice topic)
{
    const struct config_entity *entity = configs_find(cluster, SLICE_LIT("topics"), topic);
    return entity == NULL ? &cluster->broker->config.topic : &entity->effective;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell_quotas(struct cluster *cluster)
{
    struct quota_table *quotas = cluster->broker->quotas;
    if (quotas == NULL) {
        return;
    }
    quota_table_clear(quotas);
    LIST_FOR_EACH(link, &cluster->entities)
    {
        const struct config_entity *entity = CONTAINER_OF(link, struct config_entity, link);
        bool is_quota = slice_equal_cstr(entity->type, "users") ||
                        slice_equal_cstr(entity->type, "clients");
        for (size_t i = 0; is_quota && i < entity->count; i++) {
            quota_table_set(quotas, entity->type, entity->name, entity->entries[i].name,
                            entity->entries[i].value);
        }
    }
}

/* Dynamic values of all brokers and of this one over those of the file. */
static void tell_broker(struct cluster *cluster)
{
    struct broker *broker = cluster->broker;
    char id[16];
    struct buffer text;
    size_t wide_count;
    size_t own_count;
    buffer_init(&text, 64);
    buffer_append_decimal(&text, broker->config.broker_id);
    memcpy(id, text.data, text.len);
    struct slice name = slice_of(id, text.len);
    buffer_release(&text);
    const struct config_entry *wide = cluster_config(cluster, SLICE_LIT("brokers"),
                                                     SLICE_LIT("<default>"), &wide_count);
    const struct config_entry *own = cluster_config(cluster, SLICE_LIT("brokers"), name,
                                                    &own_count);
    int32_t broker_id = broker->config.broker_id;
    broker_config_apply(&broker->config, &broker->fixed_config, wide, wide_count, own, own_count);
    broker->config.broker_id = broker_id;
    topic_config_settle(&broker->config.topic);
    LIST_FOR_EACH(link, &cluster->entities)
    {
        struct config_entity *entity = CONTAINER_OF(link, struct config_entity, link);
        if (slice_equal_cstr(entity->type, "topics")) {
            make_effective(cluster, entity);
        }
    }
    topics_configure_all(cluster);
    broker_configured(broker);
}

static void tell(struct cluster *cluster, struct slice path)
{
    struct slice type;
    struct slice name;
    text_cut(path, '/', &type, &name);
    if (slice_equal_cstr(type, "topics")) {
        struct config_entity *entity = find_path(cluster, path);
        struct topic *topic = topics_find(cluster->topics, name);
        if (entity != NULL) {
            make_effective(cluster, entity);
        }
        if (topic != NULL) {
            topics_configure(cluster, topic);
        }
    } else if (slice_equal_cstr(type, "brokers")) {
        tell_broker(cluster);
    } else if (slice_equal_cstr(type, "users") || slice_equal_cstr(type, "clients")) {
        tell_quotas(cluster);
    }
}

void configs_install(struct cluster *cluster,
                     struct slice path,
                     const struct config_entry *entries,
                     size_t count)
{
    struct config_entity *known = find_path(cluster, path);
    if (count > 0) {
        struct config_entity *entity = put_entity(cluster, path, entries, count);
        tell(cluster, entity->path);
        return;
    }
    if (known == NULL) {
        return;
    }
    /* The topic's configuration may point into the entity: it is told before the entity goes. */
    known->count = 0;
    tell(cluster, known->path);
    drop_entity(cluster, known);
    tell(cluster, path);
}

/* ---- for handlers ---------------------------------------------------------------------------- */

const struct config_entry *cluster_config(const struct cluster *cluster,
                                          struct slice entity_type,
                                          struct slice entity_name,
                                          size_t *count)
{
    const struct config_entity *entity = configs_find(cluster, entity_type, entity_name);
    *count = entity == NULL ? 0 : entity->count;
    return entity == NULL ? NULL : entity->entries;
}

void cluster_each_config(struct cluster *cluster,
                         struct slice entity_type,
                         void (*each)(void *ctx,
                                      struct slice entity_name,
                                      const struct config_entry *entries,
                                      size_t count),
                         void *ctx)
{
    LIST_FOR_EACH(link, &cluster->entities)
    {
        const struct config_entity *entity = CONTAINER_OF(link, struct config_entity, link);
        if (slice_equal(entity->type, entity_type)) {
            each(ctx, entity->name, entity->entries, entity->count);
        }
    }
}

/* ---- reading everything ------------------------------------------------------------------------
 */

struct reading {
    struct slice *paths; /* of entities that were found */
    size_t count;
    size_t room;
    size_t users_end; /* entities before this one may have a "clients" folder */
    uint64_t last_change;
    void (*then)(struct cluster *cluster);
};

static void add_path(struct cluster_task *task, struct reading *reading, struct slice path)
{
    if (reading->count == reading->room) {
        size_t room = MAX(reading->room * 2, (size_t)64);
        struct slice *wider = ARENA_ARRAY(&task->arena, struct slice, room);
        if (reading->count > 0) {
            memcpy(wider, reading->paths, reading->count * sizeof *wider);
        }
        reading->paths = wider;
        reading->room = room;
    }
    reading->paths[reading->count++] = path;
}

static void on_entities(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct reading *reading = task->state;
    const struct slice *parent = slot;
    for (int32_t i = 0; reply->err == ZK_ERR_OK && i < reply->name_count; i++) {
        add_path(task, reading,
                 task_path(task, "%.*s/%.*s", LOG_SLICE(*parent), LOG_SLICE(reply->names[i])));
    }
}

static uint64_t change_number(struct slice name)
{
    int64_t number;
    if (!slice_starts_with(name, CHANGE_PREFIX) ||
        text_parse_i64(slice_part(name, CHANGE_PREFIX.len, name.len), &number) != 0 || number < 0) {
        return 0;
    }
    return (uint64_t)number + 1;
}

static void on_changes_at_start(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct reading *reading = slot;
    (void)task;
    for (int32_t i = 0; reply->err == ZK_ERR_OK && i < reply->name_count; i++) {
        reading->last_change = MAX(reading->last_change, change_number(reply->names[i]));
    }
}

static void list_entities(struct cluster_task *task, struct slice parent)
{
    struct slice *slot = ARENA_NEW(&task->arena, struct slice);
    *slot = arena_copy(&task->arena, parent);
    task_children(task, task_path(task, "/config/%.*s", LOG_SLICE(parent)), NULL, on_entities,
                  slot);
}

/* The changes first: what comes after them is told by a watch. */
static void types_step(struct cluster_task *task)
{
    struct reading *reading = task->state;
    reading->count = 0;
    task_children(task, SLICE_LIT("/config/changes"), NULL, on_changes_at_start, reading);
    for (size_t i = 0; i < ARRAY_LEN(entity_types); i++) {
        list_entities(task, slice_of_cstr(entity_types[i]));
    }
}

static void user_clients_step(struct cluster_task *task)
{
    struct reading *reading = task->state;
    reading->count = reading->users_end;
    for (size_t i = 0; i < reading->users_end; i++) {
        if (slice_starts_with(reading->paths[i], SLICE_LIT("users/"))) {
            list_entities(task, task_path(task, "%.*s/clients", LOG_SLICE(reading->paths[i])));
        }
    }
}

static void on_entity(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    const struct slice *path = slot;
    struct config_entry *entries;
    size_t count;
    if (reply->err == ZK_ERR_NONODE) {
        configs_install(task->cluster, *path, NULL, 0);
        return;
    }
    if (reply->err != ZK_ERR_OK ||
        zk_json_get_config(reply->data, &task->arena, &entries, &count) != 0) {
        LOG("cluster", LOG_ERROR, "/config/%.*s cannot be read; it keeps what it had",
            LOG_SLICE(*path));
        return;
    }
    if (task->cluster->phase == CLUSTER_READING) {
        struct config_entity *entity = put_entity(task->cluster, *path, entries, count);
        make_effective(task->cluster, entity);
    } else {
        configs_install(task->cluster, *path, entries, count);
    }
}

static void entities_step(struct cluster_task *task)
{
    struct reading *reading = task->state;
    for (size_t i = 0; i < reading->count; i++) {
        task_get(task, task_path(task, "/config/%.*s", LOG_SLICE(reading->paths[i])), NULL,
                 on_entity, &reading->paths[i]);
    }
}

static void entities_read(struct cluster_task *task)
{
    struct reading *reading = task->state;
    struct cluster *cluster = task->cluster;
    void (*then)(struct cluster *cluster) = reading->then;
    cluster->last_change = reading->last_change;
    task_end(task);
    tell_broker(cluster);
    tell_quotas(cluster);
    then(cluster);
}

static void user_clients_read(struct cluster_task *task)
{
    task_run(task, entities_step, entities_read);
}

static void types_read(struct cluster_task *task)
{
    struct reading *reading = task->state;
    reading->users_end = reading->count;
    task_run(task, user_clients_step, user_clients_read);
}

void configs_load_all(struct cluster *cluster, void (*then)(struct cluster *cluster))
{
    struct cluster_task *task = task_create(cluster);
    struct reading *reading = ARENA_NEW(&task->arena, struct reading);
    task->is_early = true;
    task->state = reading;
    reading->then = then;
    task_run(task, types_step, types_read);
}

/* ---- changes of others -------------------------------------------------------------------------
 */

struct change {
    uint64_t number;
    struct slice name;
    struct slice path; /* of the entity; null: not to be read */
    bool is_old;
};

struct changes {
    struct change *all;
    int32_t count;
};

static void on_changes(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct changes *changes = slot;
    changes->count = 0;
    if (reply->err != ZK_ERR_OK) {
        return;
    }
    changes->all = ARENA_ARRAY(&task->arena, struct change, reply->name_count + 1);
    for (int32_t i = 0; i < reply->name_count; i++) {
        uint64_t number = change_number(reply->names[i]);
        if (number == 0) {
            continue;
        }
        int32_t at = changes->count++;
        while (at > 0 && changes->all[at - 1].number > number) {
            changes->all[at] = changes->all[at - 1];
            at--;
        }
        changes->all[at] = (struct change){.number = number,
                                           .name = arena_copy(&task->arena, reply->names[i])};
    }
}

static void changes_step(struct cluster_task *task)
{
    task_children(task, SLICE_LIT("/config/changes"), &task->cluster->changes_watcher, on_changes,
                  task->state);
}

static void on_change(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct change *change = slot;
    int64_t now = runtime_wall_ms(task->cluster->broker->runtime);
    change->path = SLICE_NULL;
    if (reply->err != ZK_ERR_OK) {
        return;
    }
    change->is_old = now - reply->stat.ctime > CHANGE_AGE_MS;
    if (change->number > task->cluster->last_change &&
        zk_json_get_config_change(reply->data, &task->arena, &change->path) != 0) {
        LOG("cluster", LOG_WARN, "/config/changes/%.*s cannot be read", LOG_SLICE(change->name));
        change->path = SLICE_NULL;
    }
}

static void notices_step(struct cluster_task *task)
{
    struct changes *changes = task->state;
    for (int32_t i = 0; i < changes->count; i++) {
        task_get(task, task_path(task, "/config/changes/%.*s", LOG_SLICE(changes->all[i].name)),
                 NULL, on_change, &changes->all[i]);
    }
}

static bool is_entity_path(struct slice path)
{
    for (size_t i = 0; i < ARRAY_LEN(entity_types); i++) {
        struct slice type = slice_of_cstr(entity_types[i]);
        if (slice_starts_with(path, type) && path.len > type.len + 1 &&
            path.len < ZK_PATH_MAX / 2 && path.ptr[type.len] == '/') {
            return true;
        }
    }
    return false;
}

static void reread_step(struct cluster_task *task)
{
    struct changes *changes = task->state;
    for (int32_t i = 0; i < changes->count; i++) {
        struct change *change = &changes->all[i];
        if (!slice_is_null(change->path) && is_entity_path(change->path)) {
            task_get(task, task_path(task, "/config/%.*s", LOG_SLICE(change->path)), NULL,
                     on_entity, &change->path);
        }
        if (change->is_old) {
            task_remove(task, task_path(task, "/config/changes/%.*s", LOG_SLICE(change->name)),
                        NULL, NULL);
        }
    }
}

static void reread(struct cluster_task *task)
{
    const struct changes *changes = task->state;
    struct cluster *cluster = task->cluster;
    if (changes->count > 0) {
        cluster->last_change = MAX(cluster->last_change, changes->all[changes->count - 1].number);
    }
    task_end(task);
}

static void notices_read(struct cluster_task *task)
{
    task_run(task, reread_step, reread);
}

static void changes_read(struct cluster_task *task)
{
    task_run(task, notices_step, notices_read);
}

static void on_changes_event(struct zk_watcher *watcher, const struct zk_watch_event *event)
{
    struct cluster *cluster = CONTAINER_OF(watcher, struct cluster, changes_watcher);
    if (event->type == ZK_EVENT_NODE_CHILDREN_CHANGED &&
        (cluster->phase == CLUSTER_RUNNING || cluster->phase == CLUSTER_LOADING)) {
        configs_read_changes(cluster);
    }
}

void configs_read_changes(struct cluster *cluster)
{
    struct cluster_task *task = task_create(cluster);
    cluster->changes_watcher.on_event = on_changes_event;
    task->state = ARENA_NEW(&task->arena, struct changes);
    task_run(task, changes_step, changes_read);
}

/* ---- our own changes ---------------------------------------------------------------------------
 */

struct setting {
    struct slice path;
    const struct config_entry *entries;
    size_t count;
    int32_t err;
    struct cluster_done done;
};

static void setting_end(struct cluster_task *task, int16_t error, const char *message)
{
    const struct setting *setting = task->state;
    struct cluster_done done = setting->done;
    task_end(task);
    done.call(done.ctx, error, message);
}

static void on_set(struct cluster_task *task, void *slot, const struct zk_reply *reply)
{
    struct setting *setting = slot;
    (void)task;
    setting->err = reply->err;
}

static struct zk_multi_op op_notice(struct cluster_task *task)
{
    const struct setting *setting = task->state;
    struct buffer json;
    buffer_init(&json, 64u << 10);
    zk_json_put_config_change(&json, setting->path);
    struct slice data = task_keep(task, &json);
    buffer_release(&json);
    return op_create(task->cluster, SLICE_LIT("/config/changes/config_change_"), data,
                     ZK_CREATE_PERSISTENT_SEQUENTIAL);
}

static struct slice setting_data(struct cluster_task *task)
{
    const struct setting *setting = task->state;
    struct buffer json;
    buffer_init(&json, ENTITY_JSON_BYTES_MAX);
    zk_json_put_config(&json, setting->entries, setting->count);
    struct slice data = task_keep(task, &json);
    buffer_release(&json);
    return data;
}

static void set_step(struct cluster_task *task)
{
    const struct setting *setting = task->state;
    const struct zk_multi_op ops[] = {
        op_set(task_path(task, "/config/%.*s", LOG_SLICE(setting->path)), setting_data(task), -1),
        op_notice(task)};
    task_multi(task, ops, ARRAY_LEN(ops), on_set, task->state);
}

/* The entity has no znode yet: its parents one by one, then itself with the notice. */
static void make_step(struct cluster_task *task)
{
    const struct setting *setting = task->state;
    struct slice path = task_path(task, "/config/%.*s", LOG_SLICE(setting->path));
    for (size_t i = sizeof "/config/" - 1; i < path.len; i++) {
        if (path.ptr[i] == '/') {
            task_make(task, slice_part(path, 0, i), SLICE_NULL, ZK_CREATE_PERSISTENT, NULL, NULL);
        }
    }
    const struct zk_multi_op ops[] = {
        op_create(task->cluster, path, setting_data(task), ZK_CREATE_PERSISTENT), op_notice(task)};
    task_multi(task, ops, ARRAY_LEN(ops), on_set, task->state);
}

static void cleaned(struct cluster_task *task)
{
    setting_end(task, 0, NULL);
}

/* AdminZkClient.tryCleanQuotaNodes: what has children stays, since a delete then fails. */
static void clean_step(struct cluster_task *task)
{
    const struct setting *setting = task->state;
    struct slice path = setting->path;
    task_remove(task, task_path(task, "/config/%.*s", LOG_SLICE(path)), NULL, NULL);
    for (size_t i = path.len; i > 0; i--) {
        struct slice parent = slice_part(path, 0, i - 1);
        size_t slashes = 0;
        for (size_t j = 0; j < parent.len; j++) {
            slashes += parent.ptr[j] == '/' ? 1 : 0;
        }
        if (path.ptr[i - 1] != '/' || slashes == 0) {
            continue;
        }
        bool has_values = find_path(task->cluster, parent) != NULL;
        if (!has_values) {
            task_remove(task, task_path(task, "/config/%.*s", LOG_SLICE(parent)), NULL, NULL);
        }
    }
}

static void set(struct cluster_task *task)
{
    struct setting *setting = task->state;
    struct cluster *cluster = task->cluster;
    if (setting->err == ZK_ERR_NONODE) {
        task_run(task, make_step, set);
        return;
    }
    if (setting->err == ZK_ERR_NODEEXISTS) {
        task_run(task, set_step, set);
        return;
    }
    if (setting->err != ZK_ERR_OK) {
        setting_end(task, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, zk_error_text(setting->err));
        return;
    }
    configs_install(cluster, setting->path, setting->entries, setting->count);
    bool is_quota = !slice_starts_with(setting->path, SLICE_LIT("topics/")) &&
                    !slice_starts_with(setting->path, SLICE_LIT("brokers/"));
    if (is_quota && setting->count == 0) {
        task_run(task, clean_step, cleaned);
    } else {
        setting_end(task, 0, NULL);
    }
}

void cluster_set_config(struct cluster *cluster,
                        struct slice entity_type,
                        struct slice entity_name,
                        const struct config_entry *entries,
                        size_t count,
                        struct cluster_done done)
{
    struct cluster_task *task = task_create(cluster);
    struct setting *setting = ARENA_NEW(&task->arena, struct setting);
    struct config_entry *copies = ARENA_ARRAY(&task->arena, struct config_entry, count + 1);
    task->state = setting;
    setting->done = done;
    setting->entries = copies;
    for (size_t i = 0; i < count; i++) {
        if (!slice_is_null(entries[i].value)) {
            copies[setting->count].name = arena_copy(&task->arena, entries[i].name);
            copies[setting->count].value = keep_text(&task->arena, entries[i].value);
            setting->count++;
        }
    }
    if (entity_type.len + entity_name.len > ZK_PATH_MAX / 2) {
        setting_end(task, KAFKA_ERROR_INVALID_REQUEST, "the entity's name is too long");
        return;
    }
    setting->path = task_path(task, "%.*s/%.*s", LOG_SLICE(entity_type), LOG_SLICE(entity_name));
    task_run(task, set_step, set);
}
