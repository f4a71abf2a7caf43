/* kafka_configs.h - what the files of kafka-configs share. kafka_configs.c has the essay. */
#ifndef CLI_KAFKA_KAFKA_CONFIGS_H
#define CLI_KAFKA_KAFKA_CONFIGS_H

#include "cli/kafka/kafka_admin.h"

#define KAFKA_CONFIGS_ENTITIES_MAX 8

enum kafka_entity_type {
    KAFKA_ENTITY_TOPIC,
    KAFKA_ENTITY_CLIENT,
    KAFKA_ENTITY_USER,
    KAFKA_ENTITY_BROKER,
    KAFKA_ENTITY_LOGGER,
    KAFKA_ENTITY_IP,
    KAFKA_ENTITY_CLIENT_METRICS,
    KAFKA_ENTITY_TYPES,
};

/* "topics", "clients", ... */
extern const char *const kafka_entity_type_names[KAFKA_ENTITY_TYPES];

struct kafka_config_change {
    struct slice key;
    struct slice value; /* null: delete */
};

struct kafka_configs {
    struct kafka_options options;
    struct kafka_admin admin;
    enum kafka_entity_type types[KAFKA_CONFIGS_ENTITIES_MAX];
    size_t type_count;
    struct slice names[KAFKA_CONFIGS_ENTITIES_MAX]; /* "": the default entity */
    size_t name_count;
    struct kafka_config_change *changes; /* additions, then deletions */
    size_t change_count;
    size_t addition_count;
    bool is_plain_error; /* the error is told by its message alone */
};

/* All of these return 0, or ERR_INVALID with admin.message (and is_plain_error). */
NODISCARD int kafka_configs_describe_resources(struct kafka_configs *configs);
NODISCARD int kafka_configs_alter_resource(struct kafka_configs *configs);
NODISCARD int kafka_configs_describe_quotas(struct kafka_configs *configs);
NODISCARD int kafka_configs_alter_quotas(struct kafka_configs *configs);
NODISCARD int kafka_configs_describe_scram(struct kafka_configs *configs);
NODISCARD int kafka_configs_alter_users(struct kafka_configs *configs);
NODISCARD int kafka_configs_zookeeper(struct kafka_configs *configs);

/* An IllegalArgumentException or the like: the message alone is shown. */
int kafka_configs_refuse(struct kafka_configs *configs, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Credentials as ScramFormatter makes them: PBKDF2 over a random salt. */
#define KAFKA_SCRAM_SALT_BYTES 24
#define KAFKA_SCRAM_HASH_BYTES_MAX 64

struct kafka_scram {
    int8_t mechanism; /* 1: SCRAM-SHA-256, 2: SCRAM-SHA-512; 0: none of them */
    int32_t iterations;
    uint8_t salt[KAFKA_SCRAM_SALT_BYTES];
    uint8_t salted_password[KAFKA_SCRAM_HASH_BYTES_MAX];
    size_t hash_bytes;
};

/* 0: the name of no mechanism. */
int8_t kafka_scram_mechanism(struct slice name);
NODISCARD int kafka_scram_make(struct kafka_configs *configs,
                               const struct kafka_config_change *change,
                               struct kafka_scram *scram);

/* Double.toString of Java: "1024.0", "1.0E7". */
#define KAFKA_DOUBLE_TEXT_MAX 40
const char *kafka_double_text(double value, char text[KAFKA_DOUBLE_TEXT_MAX]);

#endif
