/* client_properties.h - the properties of a Kafka client as a tool gathers them: from a file, from
 * key=value words, from options of its own. What is set last wins; order is kept.
 *
 * Ownership: everything lives in the arena of the struct until client_properties_release. Texts
 * that are given out end with a NUL. Sources: Utils.loadProps, CommandLineUtils.parseKeyValueArgs
 * and maybeMergeOptions of Apache Kafka.
 */
#ifndef CLI_KAFKA_CLIENT_PROPERTIES_H
#define CLI_KAFKA_CLIENT_PROPERTIES_H

#include "base/arena.h"
#include "cli/kafka/kafka_options.h"
#include "runtime/errmsg.h"

#define CLIENT_PROPERTIES_MAX 512

struct client_property {
    const char *key;
    const char *value;
};

struct client_properties {
    struct arena arena;
    struct client_property items[CLIENT_PROPERTIES_MAX];
    size_t count;
};

void client_properties_init(struct client_properties *properties);
void client_properties_release(struct client_properties *properties);

/* ERR_LIMIT is told in the message by the functions that have one; beyond CLIENT_PROPERTIES_MAX
 * further keys are dropped. */
void client_properties_set(struct client_properties *properties,
                           const char *key,
                           struct slice value);
void client_properties_set_text(struct client_properties *properties,
                                const char *key,
                                const char *text);
/* Only when the key is not yet there. */
void client_properties_default(struct client_properties *properties,
                               const char *key,
                               const char *text);

const char *client_properties_get(const struct client_properties *properties, const char *key);
void client_properties_remove(struct client_properties *properties, const char *key);

/* Is it "true", in any case, with spaces around or not? */
bool client_properties_is_true(const struct client_properties *properties, const char *key);

/* Reads a file of properties. The message tells what is wrong with it. */
NODISCARD int client_properties_load(struct client_properties *properties,
                                     const char *path,
                                     struct errmsg *message);

/* Every value of the option is key=value; without '=' the value is empty. */
void client_properties_add_pairs(struct client_properties *properties,
                                 const struct kafka_options *options,
                                 const char *option);

/* The option's value when it was given, or when the key is not yet there (then its default). */
void client_properties_merge(struct client_properties *properties,
                             const char *key,
                             const struct kafka_options *options,
                             const char *option);

#endif
