/* kafka_configs_zookeeper.c - kafka-configs --zookeeper: settings read from and written to
 * ZooKeeper. See kafka_configs.c.
 *
 * Apache's 3.9 takes users' SCRAM credentials and brokers that do not run; 2.7 took every entity,
 * and so does this. What is written is told to running brokers by /config/changes.
 *
 * Source: ConfigCommand, AdminZkClient of Kafka 2.7 and 3.9; ScramFormatter, RFC 5802.
 */
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "cli/kafka/kafka_configs.h"
#include "cli/kafka/kafka_zookeeper.h"
#include "kafka/server/cluster.h"

#define DEFAULT_NAME "<default>"

struct entity {
    enum kafka_entity_type type;
    struct slice name; /* sanitized; null: all of the type */
};

struct zk_configs {
    struct kafka_configs *configs;
    struct kafka_zookeeper zookeeper;
    struct entity root;
    struct entity child;
    bool has_child;
};

/* ---- entities -------------------------------------------------------------------------------- */

static struct slice sanitize(struct kafka_admin *admin,
                             enum kafka_entity_type type,
                             struct slice name)
{
    bool is_coded = type == KAFKA_ENTITY_USER || type == KAFKA_ENTITY_CLIENT ||
                    type == KAFKA_ENTITY_IP;
    if (name.len == 0) {
        return SLICE_LIT(DEFAULT_NAME);
    }
    if (!is_coded) {
        return name;
    }
    struct buffer text;
    buffer_init(&text, name.len * 3 + 1);
    zk_sanitize(&text, name);
    struct slice copy = arena_copy(&admin->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

/* The user comes first, whatever the order of the words. */
static void set_entities(struct zk_configs *zk)
{
    struct kafka_configs *configs = zk->configs;
    bool is_reversed = configs->type_count == 2 && configs->types[0] == KAFKA_ENTITY_CLIENT;
    zk->has_child = configs->type_count == 2;
    for (size_t i = 0; i < configs->type_count && i < 2; i++) {
        size_t at = is_reversed ? 1 - i : i;
        struct entity *entity = i == 0 ? &zk->root : &zk->child;
        entity->type = configs->types[at];
        entity->name = at < configs->name_count
                           ? sanitize(&configs->admin, entity->type, configs->names[at])
                           : SLICE_NULL;
    }
}

static struct slice entity_path(struct zk_configs *zk)
{
    struct kafka_admin *admin = &zk->configs->admin;
    struct slice path = kafka_admin_format(admin, "%s/%.*s", kafka_entity_type_names[zk->root.type],
                                           SLICE_ARGS(zk->root.name));
    if (zk->has_child) {
        path = kafka_admin_format(admin, "%.*s/%s/%.*s", SLICE_ARGS(path),
                                  kafka_entity_type_names[zk->child.type],
                                  SLICE_ARGS(zk->child.name));
    }
    return path;
}

static struct slice entity_text(struct kafka_admin *admin, const struct entity *entity)
{
    const char *type = entity->type == KAFKA_ENTITY_USER     ? "user-principal"
                       : entity->type == KAFKA_ENTITY_CLIENT ? "client-id"
                       : entity->type == KAFKA_ENTITY_TOPIC  ? "topic"
                                                            : kafka_entity_type_names[entity->type];
    if (slice_equal_cstr(entity->name, DEFAULT_NAME)) {
        return kafka_admin_format(admin, "default %s", type);
    }
    return kafka_admin_format(admin, "%s '%.*s'", type,
                              SLICE_ARGS(zk_desanitize(&admin->arena, entity->name)));
}

static struct slice whole_text(struct zk_configs *zk)
{
    struct kafka_admin *admin = &zk->configs->admin;
    struct slice text = entity_text(admin, &zk->root);
    if (zk->has_child) {
        text = kafka_admin_format(admin, "%.*s, %.*s", SLICE_ARGS(text),
                                  SLICE_ARGS(entity_text(admin, &zk->child)));
    }
    return text;
}

/* ---- brokers must not run -------------------------------------------------------------------- */

static int check_not_running(struct zk_configs *zk, const char *deed)
{
    struct broker_info *brokers;
    int32_t count;
    struct slice name = zk->root.name;
    int error = kafka_zookeeper_brokers(&zk->zookeeper, &brokers, &count);
    if (error != 0 || zk->root.type != KAFKA_ENTITY_BROKER || slice_is_null(name)) {
        return error;
    }
    if (slice_equal_cstr(name, DEFAULT_NAME) && count > 0) {
        return kafka_configs_refuse(
            zk->configs,
            "--bootstrap-server option must be specified to %s brokers - %d brokers are running. "
            "Broker configuration operations using ZooKeeper are only supported if the affected "
            "broker(s) are not running.",
            deed, count);
    }
    for (int32_t i = 0; i < count; i++) {
        if (slice_equal(name, kafka_admin_format(&zk->configs->admin, "%d", brokers[i].id))) {
            return kafka_configs_refuse(
                zk->configs,
                "--bootstrap-server option must be specified to %s brokers - broker %d is running. "
                "Broker configuration operations using ZooKeeper are only supported if the "
                "affected broker(s) are not running.",
                deed, brokers[i].id);
        }
    }
    return 0;
}

/* ---- describe -------------------------------------------------------------------------------- */

static int describe_one(struct zk_configs *zk, bool skips_empty)
{
    struct config_entry *entries;
    size_t count;
    int error = kafka_zookeeper_get_config(&zk->zookeeper, entity_path(zk), &entries, &count);
    if (error != 0 || (count == 0 && skips_empty)) {
        return error;
    }
    printf("Configs for %.*s are ", SLICE_ARGS(whole_text(zk)));
    for (size_t i = 0; i < count; i++) {
        printf("%s%.*s=%.*s", i > 0 ? "," : "", SLICE_ARGS(entries[i].name),
               SLICE_ARGS(entries[i].value));
    }
    putchar('\n');
    return 0;
}

static int describe_children(struct zk_configs *zk)
{
    struct slice *names;
    int32_t count;
    struct slice path = kafka_admin_format(
        &zk->configs->admin, "/config/%s/%.*s/%s", kafka_entity_type_names[zk->root.type],
        SLICE_ARGS(zk->root.name), kafka_entity_type_names[zk->child.type]);
    int error = kafka_zookeeper_children(&zk->zookeeper, path, &names, &count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        zk->child.name = names[i];
        error = describe_one(zk, false);
    }
    zk->child.name = SLICE_NULL;
    return error;
}

static int describe(struct zk_configs *zk)
{
    struct slice *names;
    int32_t count;
    bool is_all_users = zk->root.type == KAFKA_ENTITY_USER && !zk->has_child;
    bool has_child_name = zk->has_child && !slice_is_null(zk->child.name);
    if (!slice_is_null(zk->root.name)) {
        return zk->has_child && !has_child_name ? describe_children(zk) : describe_one(zk, false);
    }
    struct slice path = kafka_admin_format(&zk->configs->admin, "/config/%s",
                                           kafka_entity_type_names[zk->root.type]);
    int error = kafka_zookeeper_children(&zk->zookeeper, path, &names, &count);
    for (int32_t i = 0; i < count && error == 0; i++) {
        zk->root.name = names[i];
        error = zk->has_child ? describe_children(zk) : describe_one(zk, is_all_users);
    }
    return error;
}

/* ---- alter ----------------------------------------------------------------------------------- */

static struct slice base64(struct kafka_admin *admin, const uint8_t *bytes, size_t len)
{
    uint8_t *text = arena_alloc(&admin->arena, base64_encoded_len(len));
    return slice_of(text, base64_encode(slice_of(bytes, len), text));
}

/* What brokers keep of a credential: neither the password nor what it can be made from. */
static int scram_text(struct zk_configs *zk,
                      const struct kafka_config_change *change,
                      struct slice *text)
{
    struct kafka_admin *admin = &zk->configs->admin;
    struct kafka_scram scram;
    uint8_t client_key[EVP_MAX_MD_SIZE];
    uint8_t stored_key[EVP_MAX_MD_SIZE];
    uint8_t server_key[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int error = kafka_scram_make(zk->configs, change, &scram);
    if (error != 0) {
        return error;
    }
    const EVP_MD *digest = scram.mechanism == KAFKA_SCRAM_SCRAM_SHA_256 ? EVP_sha256()
                                                                        : EVP_sha512();
    bool is_made = HMAC(digest, scram.salted_password, (int)scram.hash_bytes,
                        (const uint8_t *)"Client Key", 10, client_key, &len) != NULL &&
                   EVP_Digest(client_key, len, stored_key, &len, digest, NULL) == 1 &&
                   HMAC(digest, scram.salted_password, (int)scram.hash_bytes,
                        (const uint8_t *)"Server Key", 10, server_key, &len) != NULL;
    if (!is_made) {
        return kafka_configs_refuse(zk->configs, "the credential cannot be computed");
    }
    struct slice salt = base64(admin, scram.salt, sizeof scram.salt);
    struct slice stored = base64(admin, stored_key, scram.hash_bytes);
    struct slice server = base64(admin, server_key, scram.hash_bytes);
    *text = kafka_admin_format(admin, "salt=%.*s,stored_key=%.*s,server_key=%.*s,iterations=%d",
                               SLICE_ARGS(salt), SLICE_ARGS(stored), SLICE_ARGS(server),
                               scram.iterations);
    return 0;
}

static bool is_set(const struct config_entry *entries, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(entries[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int apply_changes(struct zk_configs *zk, struct config_entry *entries, size_t *count)
{
    struct kafka_configs *configs = zk->configs;
    struct slice bad = SLICE_LIT("");
    for (size_t i = 0; i < configs->change_count; i++) {
        const struct kafka_config_change *change = &configs->changes[i];
        if (slice_is_null(change->value) && !is_set(entries, *count, change->key)) {
            bad = kafka_admin_format(&configs->admin, "%.*s%s%.*s", SLICE_ARGS(bad),
                                     bad.len > 0 ? "," : "", SLICE_ARGS(change->key));
        }
    }
    if (bad.len > 0) {
        return kafka_configs_refuse(configs, "Invalid config(s): %.*s", SLICE_ARGS(bad));
    }
    for (size_t i = 0; i < configs->change_count; i++) {
        struct slice value = configs->changes[i].value;
        bool is_scram = zk->root.type == KAFKA_ENTITY_USER && !slice_is_null(value) &&
                        kafka_scram_mechanism(configs->changes[i].key) != 0;
        int error = is_scram ? scram_text(zk, &configs->changes[i], &value) : 0;
        if (error != 0) {
            return error;
        }
        if (*count == ZK_CONFIGS_MAX) {
            return kafka_configs_refuse(configs, "more than %d settings", ZK_CONFIGS_MAX);
        }
        kafka_config_entries_put(entries, count, configs->changes[i].key, value);
    }
    return 0;
}

static int alter(struct zk_configs *zk)
{
    struct kafka_configs *configs = zk->configs;
    struct config_entry *entries;
    size_t count;
    if (configs->name_count != configs->type_count) {
        return kafka_configs_refuse(configs, "--entity-name or --entity-default must be specified "
                                             "with each --entity-type for --alter");
    }
    struct slice path = entity_path(zk);
    int error = kafka_zookeeper_get_config(&zk->zookeeper, path, &entries, &count);
    error = error != 0 ? error : apply_changes(zk, entries, &count);
    if (error == 0 && zk->root.type == KAFKA_ENTITY_TOPIC) {
        error = kafka_check_topic_configs(&configs->admin, entries, count);
        configs->is_plain_error = error != 0;
    }
    error = error != 0 ? error : kafka_zookeeper_set_config(&zk->zookeeper, path, entries, count);
    if (error == 0) {
        printf("Completed updating config for entity: %.*s.\n", SLICE_ARGS(whole_text(zk)));
    }
    return error;
}

int kafka_configs_zookeeper(struct kafka_configs *configs)
{
    struct zk_configs zk = {.configs = configs};
    bool is_alter = kafka_options_has(&configs->options, "alter");
    printf("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.\n"
           "Use --bootstrap-server instead to specify a broker to connect to.\n");
    set_entities(&zk);
    int error = kafka_zookeeper_open(&zk.zookeeper, &configs->admin,
                                     kafka_options_text(&configs->options, "zookeeper"));
    error = error != 0 ? error : check_not_running(&zk, is_alter ? "update" : "describe");
    error = error != 0 ? error : is_alter ? alter(&zk) : describe(&zk);
    kafka_zookeeper_close(&zk.zookeeper);
    return error != 0 ? ERR_INVALID : 0;
}
