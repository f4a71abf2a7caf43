/* kafka_admin.c - see kafka_admin.h. */
#include "cli/kafka/kafka_admin.h"
#include "cli/kafka/bootstrap_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/java_properties.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/log.h"
#include "runtime/uv/runtime_uv.h"

#define ARENA_CHUNK_BYTES ((size_t)64 * 1024)
#define FILE_BYTES_MAX ((size_t)256 << 20)
#define TROUBLE_TOLD_MAX 3 /* connection failures that are shown */

/* ---- errors ---------------------------------------------------------------------------------- */

int kafka_admin_error(struct kafka_admin *admin, const char *exception, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(admin->message.text, sizeof admin->message.text, format, args);
    va_end(args);
    snprintf(admin->exception, sizeof admin->exception, "%s", exception);
    admin->error = 0;
    return ERR_INVALID;
}

/* Most classes are called as the error is; these are not. */
static const struct {
    int16_t error;
    const char *name;
} irregular[] = {
    {KAFKA_ERROR_UNKNOWN_SERVER_ERROR, "UnknownServer"},
    {KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, "InvalidTopic"},
    {KAFKA_ERROR_REQUEST_TIMED_OUT, "Timeout"},
    {KAFKA_ERROR_TOPIC_ALREADY_EXISTS, "TopicExists"},
    {KAFKA_ERROR_INVALID_CONFIG, "InvalidConfiguration"},
    {KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED, "TopicAuthorization"},
    {KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED, "GroupAuthorization"},
    {KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED, "ClusterAuthorization"},
    {KAFKA_ERROR_NON_EMPTY_GROUP, "GroupNotEmpty"},
    {KAFKA_ERROR_KAFKA_STORAGE_ERROR, "KafkaStorage"},
    {KAFKA_ERROR_MESSAGE_TOO_LARGE, "RecordTooLarge"},
    {KAFKA_ERROR_RECORD_LIST_TOO_LARGE, "RecordBatchTooLarge"},
};

const char *kafka_exception_name(int16_t error, char text[KAFKA_EXCEPTION_TEXT_MAX])
{
    size_t len = (size_t)snprintf(text, KAFKA_EXCEPTION_TEXT_MAX,
                                  "org.apache.kafka.common.errors.");
    const char *name = kafka_error_name(error);
    for (size_t i = 0; i < ARRAY_LEN(irregular); i++) {
        if (irregular[i].error == error) {
            snprintf(text + len, KAFKA_EXCEPTION_TEXT_MAX - len, "%sException", irregular[i].name);
            return text;
        }
    }
    bool is_upper = true;
    for (; *name != '\0' && len < KAFKA_EXCEPTION_TEXT_MAX - sizeof "Exception"; name++) {
        if (*name == '_') {
            is_upper = true;
            continue;
        }
        bool is_letter = *name >= 'A' && *name <= 'Z';
        text[len++] = (char)(is_letter && !is_upper ? *name + ('a' - 'A') : *name);
        is_upper = false;
    }
    snprintf(text + len, KAFKA_EXCEPTION_TEXT_MAX - len, "Exception");
    return text;
}

int kafka_admin_kafka_error(struct kafka_admin *admin, int16_t error, struct slice text)
{
    char exception[KAFKA_EXCEPTION_TEXT_MAX];
    if (slice_is_null(text)) {
        text = slice_of_cstr(kafka_error_text(error));
    }
    kafka_admin_error(admin, kafka_exception_name(error, exception), "%.*s", SLICE_ARGS(text));
    admin->error = error;
    return ERR_INVALID;
}

int kafka_admin_die(const struct kafka_admin *admin, bool is_wrapped)
{
    fflush(stdout);
    fprintf(stderr, "Exception in thread \"main\" %s%s: %s\n",
            is_wrapped ? "java.util.concurrent.ExecutionException: " : "", admin->exception,
            admin->message.text);
    return 1;
}

/* ---- configuration --------------------------------------------------------------------------- */

int kafka_admin_read_file(struct kafka_admin *admin, const char *path, struct slice *text)
{
    FILE *file = fopen(path, "rb");
    size_t cap = 4096;
    size_t len = 0;
    if (file == NULL) {
        return kafka_admin_error(admin, "java.io.FileNotFoundException", "%s (%s)", path,
                                 strerror(errno));
    }
    char *bytes = mem_alloc(cap);
    size_t got;
    while (feof(file) == 0 && ferror(file) == 0 &&
           (got = fread(bytes + len, 1, cap - len, file)) > 0) {
        len += got;
        if (len == cap) {
            bytes = mem_realloc(bytes, cap, cap * 2);
            cap *= 2;
        }
        if (len > FILE_BYTES_MAX) {
            break;
        }
    }
    bool is_bad = ferror(file) != 0;
    int number = errno;
    (void)fclose(file);
    *text = is_bad || len > FILE_BYTES_MAX ? SLICE_NULL
                                           : arena_copy(&admin->arena, slice_of(bytes, len));
    mem_free(bytes, cap);
    if (is_bad) {
        return kafka_admin_error(admin, "java.io.IOException", "%s (%s)", path, strerror(number));
    }
    if (len > FILE_BYTES_MAX) {
        return kafka_admin_error(admin, "java.io.IOException", "%s is longer than %zu bytes", path,
                                 FILE_BYTES_MAX);
    }
    return 0;
}

struct property_taker {
    void (*take)(void *ctx, struct slice key, struct slice value);
    void *ctx;
};

static int take_property(void *ctx, const struct java_property *property)
{
    const struct property_taker *taker = ctx;
    taker->take(taker->ctx, property->key, property->value);
    return 0;
}

bool kafka_admin_read_properties(struct kafka_admin *admin,
                                 const char *path,
                                 void (*take)(void *ctx, struct slice key, struct slice value),
                                 void *ctx)
{
    struct slice text = SLICE_NULL;
    struct property_taker taker = {take, ctx};
    int line = 0;
    if (kafka_admin_read_file(admin, path, &text) != 0) {
        return false;
    }
    int error = java_properties_parse(text, &admin->arena, take_property, &taker, &line);
    if (error != 0) {
        kafka_admin_error(admin, "java.lang.IllegalArgumentException", "%s, line %d: %s", path,
                          line, error_text(error));
    }
    return error == 0;
}

struct settings {
    struct kafka_admin *admin;
    char bootstrap[4096];
    bool is_secured;
    bool is_bad;
};

static void take_timeout(struct settings *settings,
                         struct slice key,
                         struct slice value,
                         uint32_t *field)
{
    int32_t number;
    if (text_parse_i32(text_trim(value), &number) != 0 || number < 0) {
        kafka_admin_error(settings->admin, "org.apache.kafka.common.config.ConfigException",
                          "Invalid value %.*s for configuration %.*s: Not a number of type INT",
                          SLICE_ARGS(value), SLICE_ARGS(key));
        settings->is_bad = true;
        return;
    }
    *field = (uint32_t)MAX(number, 1);
}

static void take_setting(void *ctx, struct slice key, struct slice value)
{
    struct settings *settings = ctx;
    struct kafka_admin *admin = settings->admin;
    if (slice_equal_cstr(key, "client.id")) {
        snprintf(admin->client_id, sizeof admin->client_id, "%.*s", SLICE_ARGS(value));
    } else if (slice_equal_cstr(key, "bootstrap.servers")) {
        snprintf(settings->bootstrap, sizeof settings->bootstrap, "%.*s", SLICE_ARGS(value));
    } else if (slice_equal_cstr(key, "request.timeout.ms")) {
        take_timeout(settings, key, value, &admin->request_timeout_ms);
    } else if (slice_equal_cstr(key, "default.api.timeout.ms")) {
        take_timeout(settings, key, value, &admin->call_timeout_ms);
    } else if (slice_equal_cstr(key, "security.protocol")) {
        settings->is_secured = !slice_equal_cstr(text_trim(value), "PLAINTEXT");
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* As Apache's NetworkClient warns. */
static void on_trouble(void *ctx, int32_t id, const char *address, const char *text)
{
    struct kafka_admin *admin = ctx;
    if (admin->trouble_count++ < TROUBLE_TOLD_MAX) {
        fflush(stdout);
        fprintf(stderr,
                "WARN [AdminClient clientId=%s] Connection to node %d (%s) could not be "
                "established: %s\n",
                admin->client_id, id, address, text);
    }
}

void kafka_admin_init(struct kafka_admin *admin)
{
    memset(admin, 0, sizeof *admin);
    arena_init(&admin->arena, ARENA_CHUNK_BYTES, KAFKA_ADMIN_ARENA_BYTES_MAX);
    snprintf(admin->client_id, sizeof admin->client_id, "adminclient-1");
}

int kafka_admin_open(struct kafka_admin *admin, const char *bootstrap, const char *properties_path)
{
    struct settings settings = {.admin = admin};
    if (properties_path != NULL &&
        !kafka_admin_read_properties(admin, properties_path, take_setting, &settings)) {
        return ERR_CONFIG;
    }
    if (settings.is_bad) {
        return ERR_CONFIG;
    }
    if (settings.is_secured) {
        kafka_admin_error(admin, "org.apache.kafka.common.config.ConfigException",
                          "security.protocol: this client speaks PLAINTEXT only");
        return ERR_CONFIG;
    }
    struct kafka_client_config config = {
        .bootstrap_servers = slice_of_cstr(bootstrap != NULL ? bootstrap : settings.bootstrap),
        .client_id = slice_of_cstr(admin->client_id),
        .request_timeout_ms = admin->request_timeout_ms,
        .call_timeout_ms = admin->call_timeout_ms,
        .on_trouble = on_trouble,
        .ctx = admin,
    };
    struct errmsg message;
    int error = bootstrap_check(config.bootstrap_servers, &message);
    if (error != 0) {
        kafka_admin_error(admin, "org.apache.kafka.common.KafkaException",
                          "Failed to create new KafkaAdminClient: %s", message.text);
        return error;
    }
    error = runtime_create(NULL, &admin->runtime);
    if (error != 0) {
        kafka_admin_error(admin, "java.io.IOException", "%s", error_text(error));
        return error;
    }
    error = kafka_client_open(admin->runtime, &config, &message, &admin->client);
    if (error != 0) {
        /* Java tells the class of the outer exception alone. */
        kafka_admin_error(admin, "org.apache.kafka.common.KafkaException",
                          "Failed to create new KafkaAdminClient: %s", message.text);
        runtime_destroy(admin->runtime);
        return error;
    }
    admin->is_opened = true;
    return 0;
}

void kafka_admin_close(struct kafka_admin *admin)
{
    if (admin->is_opened) {
        kafka_client_release(admin->client);
        runtime_destroy(admin->runtime);
        admin->is_opened = false;
    }
    arena_release(&admin->arena);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void on_done(void *ctx, const struct kafka_reply *reply)
{
    struct kafka_admin *admin = ctx;
    admin->is_done = true;
    admin->call_error = reply->error;
    admin->error = reply->lookup_error;
    admin->version = reply->version;
    admin->broker_id = reply->broker_id;
    snprintf(admin->message.text, sizeof admin->message.text, "%s", reply->message);
    if (reply->error == 0) {
        admin->response = arena_alloc(&admin->arena, codec_struct_size(admin->response_message));
        codec_copy(admin->response_message, reply->response, &admin->arena, admin->response);
    }
}

static void tell_failure(struct kafka_admin *admin, const char *name, int error)
{
    char cause[sizeof admin->message.text];
    memcpy(cause, admin->message.text, sizeof cause);
    if (admin->error != 0) {
        kafka_admin_kafka_error(admin, admin->error, SLICE_NULL);
    } else if (error == ERR_TIMEOUT) {
        kafka_admin_error(admin, "org.apache.kafka.common.errors.TimeoutException",
                          "Timed out waiting for a node assignment. Call: %s", name);
    } else if (error == ERR_UNSUPPORTED) {
        kafka_admin_error(admin, "org.apache.kafka.common.errors.UnsupportedVersionException", "%s",
                          cause);
    } else {
        kafka_admin_error(admin, "org.apache.kafka.common.KafkaException", "%s: %s", name,
                          cause[0] != '\0' ? cause : error_text(error));
    }
}

const void *kafka_admin_ask(struct kafka_admin *admin, const struct kafka_admin_call *call)
{
    struct kafka_call spec = {
        .target = call->target,
        .request_message = call->request_message,
        .response_message = call->response_message,
        .request = call->request,
        .min_version = call->min_version,
        .max_version = call->max_version,
        .error_of = call->error_of,
        .done = on_done,
        .ctx = admin,
    };
    admin->is_done = false;
    admin->error = 0;
    admin->message.text[0] = '\0';
    admin->response_message = call->response_message;
    int error = kafka_client_call(admin->client, &spec);
    while (error == 0 && !admin->is_done) {
        runtime_turn(admin->runtime, -1);
    }
    error = error != 0 ? error : admin->call_error;
    if (error != 0) {
        tell_failure(admin, call->name, error);
        return NULL;
    }
    return admin->response;
}

void *kafka_admin_array(struct kafka_admin *admin,
                        const struct codec_message *message,
                        int32_t count)
{
    size_t size = codec_struct_size(message);
    uint8_t *elements = arena_alloc_zeroed(&admin->arena, MAX(size * (size_t)count, 1));
    for (int32_t i = 0; i < count; i++) {
        codec_init(message, elements + (size_t)i * size);
    }
    return elements;
}

static int16_t metadata_error(const void *response, int16_t version)
{
    const struct kafka_metadata_response *metadata = response;
    (void)version;
    for (int32_t i = 0; i < metadata->topics_count; i++) {
        if (metadata->topics[i].error_code == KAFKA_ERROR_LEADER_NOT_AVAILABLE) {
            return metadata->topics[i].error_code;
        }
    }
    return 0;
}

const struct kafka_metadata_response *kafka_admin_metadata(struct kafka_admin *admin,
                                                           const char *call_name,
                                                           const struct slice *names,
                                                           int32_t count)
{
    struct kafka_metadata_request request;
    codec_init(&kafka_metadata_request_message, &request);
    request.allow_auto_topic_creation = false;
    request.topics_count = -1;
    if (names != NULL) {
        request.topics = kafka_admin_array(admin, &kafka_metadata_request_topic_message, count);
        request.topics_count = count;
        for (int32_t i = 0; i < count; i++) {
            request.topics[i].name = names[i];
        }
    }
    struct kafka_admin_call call = {
        .name = call_name,
        .target = {.kind = KAFKA_TARGET_ANY},
        .request_message = &kafka_metadata_request_message,
        .response_message = &kafka_metadata_response_message,
        .request = &request,
        .min_version = 4,
        .max_version = INT16_MAX,
        .error_of = metadata_error,
    };
    return kafka_admin_ask(admin, &call);
}

/* ---- text ------------------------------------------------------------------------------------ */

struct slice kafka_admin_format(struct kafka_admin *admin, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(&admin->arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return slice_of(text, (size_t)len);
}

const char *kafka_admin_cstr(struct kafka_admin *admin, struct slice text)
{
    return (const char *)kafka_admin_format(admin, "%.*s", SLICE_ARGS(text)).ptr;
}

const char *kafka_uuid_text(const struct codec_uuid *uuid, char text[KAFKA_UUID_TEXT_MAX])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = 0;
    for (size_t i = 0; i < sizeof uuid->bytes; i += 3) {
        uint32_t group = (uint32_t)uuid->bytes[i] << 16;
        size_t left = sizeof uuid->bytes - i;
        group |= left > 1 ? (uint32_t)uuid->bytes[i + 1] << 8 : 0;
        group |= left > 2 ? uuid->bytes[i + 2] : 0;
        for (unsigned k = 0; k < (left > 2 ? 4u : (unsigned)left + 1); k++) {
            text[len++] = alphabet[group >> (18 - 6 * k) & 63];
        }
    }
    text[len] = '\0';
    return text;
}

bool kafka_uuid_is_zero(const struct codec_uuid *uuid)
{
    static const struct codec_uuid zero;
    return memcmp(uuid, &zero, sizeof zero) == 0;
}

void kafka_print(FILE *out, struct slice text)
{
    if (text.len > 0) {
        fwrite(text.ptr, 1, text.len, out);
    }
}

int kafka_admin_tool(const struct kafka_options_syntax *syntax,
                     int (*run)(struct kafka_options *options, struct kafka_admin *admin),
                     int argc,
                     char **argv)
{
    struct kafka_options options;
    struct kafka_admin admin;
    int code;
    if (!kafka_options_read(&options, syntax, argc, argv, &code)) {
        return code;
    }
    kafka_admin_init(&admin);
    code = run(&options, &admin);
    kafka_admin_close(&admin);
    kafka_options_release(&options);
    return fflush(stdout) == 0 ? code : 1;
}
