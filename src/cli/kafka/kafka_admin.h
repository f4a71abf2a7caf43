/* kafka_admin.h - what the tools that ask brokers have in common: a client, its configuration,
 * calls that wait, and the words of what went wrong.
 *
 * Model: one `struct kafka_admin` for the life of a tool. A call runs the loop until its answer is
 * there; the answer is kept in admin->arena, like everything else that the tool makes, until
 * kafka_admin_close. A tool's memory is bounded by what brokers may answer
 * (kafka/client/client.h) and by KAFKA_ADMIN_ARENA_BYTES_MAX.
 *
 * Errors: a call that fails returns NULL and leaves in admin->message what Apache's exception would
 * say, in admin->exception its class, in admin->error the Kafka error when there was one.
 *
 * Source: KafkaAdminClient of Apache Kafka 3.9.
 */
#ifndef CLI_KAFKA_KAFKA_ADMIN_H
#define CLI_KAFKA_KAFKA_ADMIN_H

#include "base/arena.h"
#include "base/buffer.h"
#include "cli/kafka/kafka_options.h"
#include "kafka/client/client.h"

#define KAFKA_ADMIN_ARENA_BYTES_MAX ((size_t)4 << 30)
#define KAFKA_EXCEPTION_TEXT_MAX 128

struct kafka_admin {
    struct runtime *runtime;
    struct kafka_client *client;
    struct arena arena;
    char client_id[256];
    uint32_t request_timeout_ms; /* 0: the client's default */
    uint32_t call_timeout_ms;
    uint32_t trouble_count;
    bool is_opened;
    int16_t error; /* Kafka's; 0 when the failure was none of a broker's */
    char exception[KAFKA_EXCEPTION_TEXT_MAX];
    struct errmsg message;
    /* of the call under way */
    bool is_done;
    int call_error;
    int16_t version; /* of the last answer */
    int32_t broker_id;
    const struct codec_message *response_message;
    void *response;
};

/* Only the arena: for tools that must read their arguments first. */
void kafka_admin_init(struct kafka_admin *admin);

/* Reads the property file (NULL: none), then opens the client. `bootstrap` wins over the file's
 * bootstrap.servers. */
NODISCARD int kafka_admin_open(struct kafka_admin *admin,
                               const char *bootstrap,
                               const char *properties_path);
void kafka_admin_close(struct kafka_admin *admin);

struct kafka_admin_call {
    const char *name; /* Apache's callName, for the words of a timeout: "createTopics" */
    struct kafka_target target;
    const struct codec_message *request_message;
    const struct codec_message *response_message;
    const void *request;
    int16_t min_version;
    int16_t max_version;
    int16_t (*error_of)(const void *response, int16_t version);
};

/* The response, in the arena; NULL. */
const void *kafka_admin_ask(struct kafka_admin *admin, const struct kafka_admin_call *call);

/* `count` structs of that message with the schema's defaults, in the arena. */
void *kafka_admin_array(struct kafka_admin *admin,
                        const struct codec_message *message,
                        int32_t count);

/* Text in the arena, ended by a NUL behind its length. */
struct slice kafka_admin_format(struct kafka_admin *admin, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *kafka_admin_cstr(struct kafka_admin *admin, struct slice text);

/* ---- errors ---------------------------------------------------------------------------------- */

/* Notes an error for kafka_admin's caller; `text` null: the protocol's own words. Returns
 * ERR_INVALID. */
int kafka_admin_kafka_error(struct kafka_admin *admin, int16_t error, struct slice text);
int kafka_admin_error(struct kafka_admin *admin, const char *exception, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "org.apache.kafka.common.errors.TopicExistsException" */
const char *kafka_exception_name(int16_t error, char text[KAFKA_EXCEPTION_TEXT_MAX]);

/* As the JVM tells an exception that nobody caught; wrapped: in an ExecutionException. Returns 1.
 */
int kafka_admin_die(const struct kafka_admin *admin, bool is_wrapped);

/* ---- often asked ----------------------------------------------------------------------------- */

/* All topics (names NULL), or those of the list. */
const struct kafka_metadata_response *kafka_admin_metadata(struct kafka_admin *admin,
                                                           const char *call_name,
                                                           const struct slice *names,
                                                           int32_t count);

/* A text of 22 characters, as Uuid.toString has it (base64 without padding, URL alphabet). */
#define KAFKA_UUID_TEXT_MAX 23
const char *kafka_uuid_text(const struct codec_uuid *uuid, char text[KAFKA_UUID_TEXT_MAX]);
bool kafka_uuid_is_zero(const struct codec_uuid *uuid);

/* The frame of a simple tool: reads the options, calls `run`, which returns the exit code. */
int kafka_admin_tool(const struct kafka_options_syntax *syntax,
                     int (*run)(struct kafka_options *options, struct kafka_admin *admin),
                     int argc,
                     char **argv);

/* Prints bytes as they are. */
void kafka_print(FILE *out, struct slice text);

/* For printf's %.*s. */
#define SLICE_ARGS(s) (int)(s).len, (const char *)(s).ptr

/* Keys and values of a Java property file; false after the sentence in admin->message. */
bool kafka_admin_read_properties(struct kafka_admin *admin,
                                 const char *path,
                                 void (*take)(void *ctx, struct slice key, struct slice value),
                                 void *ctx);

/* The whole file, in the arena; ERR_* with Java's words in the message. */
NODISCARD int kafka_admin_read_file(struct kafka_admin *admin,
                                    const char *path,
                                    struct slice *text);

#endif
