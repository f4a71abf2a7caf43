/* describe_config_entries.c - see describe_config_entries.h. */
#include "kafka/server/handlers/describe_config_entries.h"

#include <stdio.h>

#include "generated/kafka/constants.h"

#define VALUE_TEXT_MAX 64

/* Keys that take each other's place: ms before minutes before hours. */
static const char *const chains[][4] = {
    {"log.roll.ms", "log.roll.hours"},
    {"log.roll.jitter.ms", "log.roll.jitter.hours"},
    {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
    {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
};

/* All names of the chain that a key belongs to; itself alone when it belongs to none. The flush
 * interval's second name is only a default, not in the chain the other way round. */
static size_t chain_of(const char *name, const char *names[4])
{
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        for (size_t j = 0; j < 4 && chains[i][j] != NULL; j++) {
            bool is_it = strcmp(chains[i][j], name) == 0 &&
                         strcmp(name, "log.flush.scheduler.interval.ms") != 0;
            if (is_it) {
                size_t count = 0;
                while (count < 4 && chains[i][count] != NULL) {
                    names[count] = chains[i][count];
                    count++;
                }
                return count;
            }
        }
    }
    names[0] = name;
    return 1;
}

static struct slice find_entry(const struct config_entry *entries, size_t count, const char *name)
{
    for (size_t i = count; i > 0; i--) { /* the last of equal names */
        if (slice_equal_cstr(entries[i - 1].name, name)) {
            return entries[i - 1].value;
        }
    }
    return SLICE_NULL;
}

static void add_synonym(struct described_config *described,
                        const char *name,
                        struct slice value,
                        int8_t source,
                        struct arena *arena)
{
    if (slice_is_null(value) || described->synonym_count == CONFIG_SYNONYMS_MAX) {
        return;
    }
    struct kafka_describe_configs_response_synonym *synonym =
        &described->synonyms[described->synonym_count++];
    codec_init(&kafka_describe_configs_response_synonym_message, synonym);
    synonym->name = slice_of_cstr(name);
    synonym->value = described->is_sensitive ? SLICE_NULL : arena_copy(arena, value);
    synonym->source = source;
}

static struct slice given_text(const struct broker_config *config, const char *name)
{
    size_t count;
    const struct config_key *keys = broker_config_keys(&count);
    const struct config_key *key = broker_config_key(slice_of_cstr(name));
    return key == NULL ? SLICE_NULL : slice_of_cstr(config->given[key - keys]);
}

/* Where the values of a broker's key come from, the strongest first. ConfigHelper.configSynonyms:
 * what stands in front of the key's own name is dropped. */
static void add_broker_synonyms(struct broker *broker,
                                const char *name,
                                struct arena *arena,
                                struct described_config *described)
{
    const char *names[4];
    char id[16];
    size_t count = chain_of(name, names);
    size_t own_count;
    size_t wide_count;
    snprintf(id, sizeof id, "%d", broker->config.broker_id);
    const struct config_entry *own = cluster_config(broker->cluster, SLICE_LIT("brokers"),
                                                    slice_of_cstr(id), &own_count);
    const struct config_entry *wide = cluster_config(broker->cluster, SLICE_LIT("brokers"),
                                                     SLICE_LIT("<default>"), &wide_count);
    int32_t first = described->synonym_count;
    for (size_t i = 0; i < count; i++) {
        add_synonym(described, names[i], find_entry(own, own_count, names[i]),
                    KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG, arena);
    }
    for (size_t i = 0; i < count; i++) {
        add_synonym(described, names[i], find_entry(wide, wide_count, names[i]),
                    KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG, arena);
    }
    for (size_t i = 0; i < count; i++) {
        add_synonym(described, names[i], given_text(&broker->fixed_config, names[i]),
                    KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG, arena);
    }
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = broker_config_key(slice_of_cstr(names[i]));
        add_synonym(described, names[i],
                    key == NULL ? SLICE_NULL : slice_of_cstr(key->default_value),
                    KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG, arena);
    }
    int32_t drop = 0;
    while (first + drop < described->synonym_count &&
           !slice_equal_cstr(described->synonyms[first + drop].name, name)) {
        drop++;
    }
    described->synonym_count -= drop;
    for (int32_t i = first; i < described->synonym_count; i++) {
        described->synonyms[i] = described->synonyms[i + drop];
    }
}

static void settle_source(struct described_config *described)
{
    described->source = described->synonym_count == 0 ? (int8_t)KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG
                                                      : described->synonyms[0].source;
}

/* A topic's value without regard to what was settled between keys. */
static struct slice topic_value(struct broker *broker,
                                const struct config_key *key,
                                struct slice override,
                                struct arena *arena)
{
    char text[VALUE_TEXT_MAX];
    struct topic_config *config = arena_alloc(arena, sizeof *config);
    *config = broker->config.topic;
    if (!slice_is_null(override)) {
        bool is_as_given = key->form == FORM_NONE || key->form == FORM_CLEANUP;
        if (is_as_given || config_key_set(key, override, config, NULL) != 0) {
            return arena_copy(arena, override);
        }
    } else if (key->form == FORM_NONE) {
        struct slice given = key->synonym == NULL ? SLICE_NULL
                                                  : given_text(&broker->config, key->synonym);
        return slice_is_null(given) ? slice_of_cstr(key->default_value) : arena_copy(arena, given);
    }
    return arena_copy(arena, topic_config_text(config, key, text, sizeof text));
}

void describe_topic_config(struct broker *broker,
                           const struct config_key *key,
                           const struct config_entry *overrides,
                           size_t override_count,
                           struct arena *arena,
                           struct described_config *described)
{
    struct slice override = find_entry(overrides, override_count, key->name);
    *described = (struct described_config){.name = slice_of_cstr(key->name)};
    described->value = topic_value(broker, key, override, arena);
    if (!slice_is_null(override)) {
        add_synonym(described, key->name, described->value,
                    KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG, arena);
    }
    if (key->synonym != NULL) {
        add_broker_synonyms(broker, key->synonym, arena, described);
    }
    settle_source(described);
}

static struct slice broker_id_text(const struct broker *broker, struct arena *arena)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%d", broker->config.broker_id);
    return arena_copy(arena, slice_of(text, (size_t)len));
}

void describe_broker_config(struct broker *broker,
                            const struct config_key *key,
                            bool only_defaults,
                            struct arena *arena,
                            struct described_config *described)
{
    *described = (struct described_config){
        .name = slice_of_cstr(key->name),
        .is_read_only = key->update_mode == CONFIG_READ_ONLY,
        .is_sensitive = key->type == CONFIG_PASSWORD,
    };
    bool is_node_id = strcmp(key->name, "node.id") == 0;
    if (is_node_id && !only_defaults) {
        /* KafkaConfig gives each of node.id and broker.id the other's value. */
        add_synonym(described, key->name, broker_id_text(broker, arena),
                    KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG, arena);
    }
    add_broker_synonyms(broker, key->name, arena, described);
    if (only_defaults) {
        int32_t kept = 0;
        for (int32_t i = 0; i < described->synonym_count; i++) {
            if (described->synonyms[i].source ==
                KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG) {
                described->synonyms[kept++] = described->synonyms[i];
            }
        }
        described->synonym_count = kept;
    }
    settle_source(described);
    if (described->is_sensitive) {
        return;
    }
    char *text = arena_alloc(arena, BROKER_VALUE_MAX);
    if (is_node_id || strcmp(key->name, "broker.id") == 0) {
        described->value = broker_id_text(broker, arena);
    } else if (only_defaults) {
        described->value = described->synonym_count > 0 ? described->synonyms[0].value : SLICE_NULL;
    } else {
        described->value = broker_config_text(&broker->config, key->name, text, BROKER_VALUE_MAX);
    }
}

bool describe_shows_key(const struct broker *broker, const struct config_key *key)
{
    static const char *const old[] = {
        "port",
        "host.name",
        "advertised.port",
        "advertised.host.name",
        "zookeeper.sync.time.ms",
        "quota.producer.default",
        "quota.consumer.default",
        "config.providers",
    };
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        if (strcmp(old[i], key->name) == 0) {
            return !slice_is_null(given_text(&broker->config, key->name));
        }
    }
    return true;
}
